"""Which slot starts, whatever /slot holds, and that no start on trial goes uncounted."""

import itertools
import os
import sys

import pytest

from boards import launcher

BOTH = ["a", "b"]


@pytest.mark.parametrize(
    "text, whole, run, after",
    [
        ("a", ["a"], "a", "a"),
        ("a", BOTH, "a", "a"),
        ("b", BOTH, "b", "b"),
        ("b", [], "b", "b"),  # copied by hand, without manifests
        ("b a 2", BOTH, "b", "b a 1"),
        ("b a 1", BOTH, "b", "b a 0"),
        ("b a 0", BOTH, "a", "a !b"),
        ("a b 2", BOTH, "a", "a b 1"),
        ("a !b", BOTH, "a", "a !b"),
        ("b", ["a"], "a", "a"),  # what it names is not whole
        ("b a 2", ["a"], "a", "a !b"),
        ("a !b", ["b"], "b", "b"),
        (None, BOTH, "a", "a b 1"),  # lost: each gets its chance
        (None, ["b"], "b", "b"),
        (None, [], "a", "a"),
        ("", ["a"], "a", "a"),
    ],
)
def test_each_text_has_its_slot(text, whole, run, after):
    assert launcher.choose(text, whole) == (run, after)


def test_whatever_the_text_a_whole_slot_runs_and_a_trial_ends():
    alphabet = ["", "a", "b", "c", " ", "!", "0", "1", "2", "9", "\xff", "\0", "-1"]
    texts = ["".join(parts) for size in range(5) for parts in itertools.product(alphabet, repeat=size)]
    for whole in ([], ["a"], ["b"], BOTH):
        for text in {*texts, "b a 22", "a a 2", "b a", "b a 2 ", "b  a 2", "a !a", "b a 3"}:
            seen = []
            for _ in range(8):
                run, text = launcher.choose(text, whole)
                seen.append(run)
                assert run in (whole or BOTH)
            assert len(set(seen[-3:])) == 1 and len(text.split(" ")) < 3, "a trial without end"


@pytest.fixture
def flash(tmp_path):
    def hold(text):
        (tmp_path / "slot").write_text(text)
        (tmp_path / "identity").write_bytes(b"")
        for name in BOTH:
            folder = tmp_path / name / "own"
            folder.mkdir(parents=True, exist_ok=True)
            (tmp_path / name / "manifest").write_bytes(b"")
            (folder / "__init__.py").write_text("")
            (folder / "main.py").write_text(f"import builtins\ndef run(): builtins.ran.append('{name}')\n")
        return str(tmp_path)

    return hold


@pytest.fixture
def starts(flash, monkeypatch):
    """starts(text): the slot that ran, what /slot holds then, and what was called."""
    import builtins

    def go(text, broken=False):
        root, called = flash(text), []
        monkeypatch.setattr(builtins, "ran", [], raising=False)
        monkeypatch.setattr(sys, "path", list(sys.path))
        for name in ("own", "own.main"):
            sys.modules.pop(name, None)
        if broken:
            for name in BOTH:
                with open(f"{root}/{name}/own/main.py", "w") as file:
                    file.write("raise MemoryError('secret')\n")
        launcher.start("own.main", root, lambda: called.append("reset"), lambda: called.append("watch"))
        with open(root + "/slot") as file:
            return builtins.ran, file.read(), called, sys.path

    return go


def test_a_start_counts_runs_and_ends_in_a_reset(starts):
    ran, text, called, path = starts("b a 2")
    assert (ran, text, called) == (["b"], "b a 1", ["watch", "reset"])
    assert path[-1] == ".frozen" and len(path) == 2


def test_a_release_that_cannot_be_imported_is_a_reset_and_says_no_secret(starts, capsys):
    ran, text, called, _ = starts("b a 1", broken=True)
    assert (ran, text, called) == ([], "b a 0", ["watch", "reset"])
    assert "MemoryError" in (said := capsys.readouterr().out) and "secret" not in said


def test_a_slot_that_a_cable_filled_is_come_back_to(flash):
    """It has no manifest. The first update has one, and is on trial, and fails."""
    root = flash("b a 2")
    os.remove(root + "/a/manifest")
    assert [launcher.settle(root) for _ in range(6)] == ["b", "b", "a", "a", "a", "a"]
    for text in ("a !b", "a"):  # nobody was told yet, or was; or it was brought, and not tried yet
        root = flash(text)
        os.remove(root + "/a/manifest")
        assert [launcher.settle(root) for _ in range(2)] == ["a", "a"]
    with open(root + "/a/incoming", "w"):
        pass
    assert launcher.settle(root) == "b"  # half of something


def test_a_trial_that_cannot_be_counted_is_none(flash, monkeypatch):
    def refuse(*_):
        raise OSError(5)

    root = flash("b a 2")
    monkeypatch.setattr(os, "rename", refuse)
    assert launcher.settle(root) == "a"
    root = flash("b a 0")
    assert launcher.settle(root) == "a"
    root = flash("b")
    assert launcher.settle(root) == "b"


def test_a_developer_may_interrupt(flash, monkeypatch):
    root = flash("a")
    monkeypatch.setattr(sys, "path", list(sys.path))
    sys.modules.pop("own", None), sys.modules.pop("own.main", None)
    with open(root + "/a/own/main.py", "w") as file:
        file.write("raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        launcher.start("own.main", root, lambda: pytest.fail("reset"))


def test_a_board_that_is_no_lock_yet_stays_at_its_prompt(flash, capsys):
    root = flash("a")
    os.remove(root + "/identity")
    launcher.start("own.main", root, lambda: pytest.fail("reset"), lambda: pytest.fail("watch"))
    assert "provision" in capsys.readouterr().out
