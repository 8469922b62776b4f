"""What a hardened image enters: a slot that is what two release keys signed, to the last file, or the image's own."""

import hashlib
import sys

import pytest

from boards import hardened
from boards.sim import release
from boards.sim.bench import key, signed
from boards.sim.signer import QuickKey
from protocol import cbor, keys, keyset, roots

K_LOCK = b"the lock's key, 32 bytes of noise"[:32]
STRANGER = QuickKey(hashlib.sha256(b"nobody's").digest())


def known(signers=release.SIGNERS):
    ride = hashlib.sha256(b"ride").digest()
    entries = [(keys.kid(keys.RIDE, ride), ride, 0, 2_000_000_000)]
    entries += [(keys.kid(keys.RELEASE, one.public), one.public, 0, 2_000_000_000) for one in signers]
    return signed(keyset.encode(1, entries))


@pytest.fixture
def lock(tmp_path):
    (tmp_path / "roots").write_bytes(roots.encode(1, [key("root").public]))
    (tmp_path / "keyset").write_bytes(known())
    (tmp_path / "identity").write_bytes(cbor.encode({1: bytes(8), 2: K_LOCK, 3: None}))
    return tmp_path


def install(lock, slot="a", text=None, **head):
    what = release.release(1, **head)
    for folder in ("", "/firmware", "/protocol", "/boards", "/boards/sim"):
        (lock / (slot + folder)).mkdir()
    release.install(str(lock), what, slot)
    (lock / "slot").write_text(text or slot)
    return what


def chosen(lock):
    return hardened.choose(str(lock), "sim"), (lock / "slot").read_text()


def test_without_slots_the_image_runs_and_updates_can_begin(lock):
    assert chosen(lock) == (None, "a")


def test_a_signed_slot_runs_and_the_signatures_are_looked_at_once(lock, monkeypatch):
    install(lock)
    assert chosen(lock) == ("a", "a")
    monkeypatch.setattr("protocol.ed25519.verify", lambda *arguments: pytest.fail("again"))
    assert chosen(lock) == ("a", "a")
    (lock / "keyset").write_bytes(known(()))  # the keys of its day have gone since
    assert chosen(lock) == ("a", "a")


def first_file(lock):
    return lock / "a" / "firmware" / "lock.mpy"


SPOILT = {
    "one bit of one file": lambda lock: first_file(lock).write_bytes(
        bytes([first_file(lock).read_bytes()[0] ^ 1]) + first_file(lock).read_bytes()[1:]
    ),
    "a file is missing": lambda lock: first_file(lock).unlink(),
    "a module beside them": lambda lock: (lock / "a" / "asyncio.mpy").write_bytes(b"M"),
    "a module deep inside": lambda lock: (lock / "a" / "firmware" / "extra.py").write_bytes(b""),
    "no manifest": lambda lock: (lock / "a" / "manifest").unlink(),
    "half a manifest": lambda lock: (lock / "a" / "manifest").write_bytes(
        (lock / "a" / "manifest").read_bytes()[:-1]
    ),
    "a manifest of another release": lambda lock: (lock / "a" / "manifest").write_bytes(
        release.release(2).manifest
    ),
    "not provisioned": lambda lock: (lock / "identity").unlink(),
}


@pytest.mark.parametrize("how", SPOILT)
@pytest.mark.parametrize("when", ["at its first start", "after it ran"])
def test_a_slot_that_is_not_what_was_signed_is_not_entered(lock, how, when):
    install(lock)
    if when == "after it ran":
        assert chosen(lock) == ("a", "a")
    SPOILT[how](lock)
    assert chosen(lock) == (None, "a")


@pytest.mark.parametrize(
    "head",
    [
        {"board": "esp32_dev"},
        {"signers": release.SIGNERS[:1]},
        {"signers": [release.SIGNERS[0], STRANGER]},
        {"expires": 2_000_000_001},  # beyond the keys
    ],
)
def test_a_release_without_two_good_signatures_for_this_board_is_not_entered(lock, head):
    install(lock, **head)
    assert chosen(lock)[0] is None


@pytest.mark.parametrize("mark", [b"", bytes(32), hashlib.sha256(b"guessed").digest()])
def test_a_mark_that_the_lock_did_not_write_vouches_for_nothing(lock, mark):
    install(lock, signers=release.SIGNERS[:1])
    (lock / "a" / "verified").write_bytes(mark)
    assert chosen(lock)[0] is None


def test_a_keyset_that_the_roots_did_not_sign_vouches_for_nothing(lock):
    install(lock, signers=[STRANGER, release.SIGNERS[0]])
    mine = known([STRANGER, release.SIGNERS[0]])
    (lock / "keyset").write_bytes(mine[:-1] + bytes([mine[-1] ^ 1]))
    assert chosen(lock)[0] is None
    (lock / "keyset").write_bytes(mine)
    assert chosen(lock)[0] == "a"


def test_another_locks_mark_vouches_for_nothing(lock, tmp_path):
    install(lock)
    assert chosen(lock)[0] == "a"
    (lock / "identity").write_bytes(cbor.encode({1: bytes(8), 2: bytes(32), 3: None}))
    (lock / "keyset").write_bytes(known(()))
    assert chosen(lock)[0] is None


def test_a_trial_of_a_bad_slot_goes_back_to_the_one_before(lock):
    install(lock, "a")
    install(lock, "b", "b a 2", signers=release.SIGNERS[:1])
    assert chosen(lock) == ("a", "a !b")


def test_a_trial_that_nobody_confirms_goes_back_to_the_image(lock):
    install(lock, "b", "b a 2")
    assert [chosen(lock) for _ in range(4)] == [
        ("b", "b a 1"),
        ("b", "b a 0"),
        (None, "a !b"),
        (None, "a !b"),
    ]


class Program:
    """The module that is run. `fate`: what it raises, or None."""

    def __init__(self, fate=None):
        self.calls, self.fate, self.path = [], fate, None

    def run(self, hardened):
        self.calls.append(("run", hardened))
        self.path = list(sys.path)
        if self.fate:
            raise self.fate

    def quarantine(self):
        self.calls.append(("quarantine",))
        if self.fate:
            raise self.fate


def start(lock, monkeypatch, program, mount=lambda: None):
    monkeypatch.setitem(sys.modules, "the_program", program)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(hardened, "_forget", lambda: None)  # of modules that tests share
    resets = []
    hardened.start(mount, str(lock), "sim", "the_program", lambda: resets.append(True))
    return resets


@pytest.mark.parametrize(
    "fate", [None, ValueError("the lock key"), SystemExit(), KeyboardInterrupt(), MemoryError()]
)
def test_whatever_ends_the_program_is_a_reset_that_tells_no_secret(lock, monkeypatch, capsys, fate):
    install(lock)
    program = Program(fate)
    assert start(lock, monkeypatch, program) == [True]
    assert program.calls == [("run", True)] and program.path == [f"{lock}/a", ".frozen"]
    assert "key" not in capsys.readouterr().out


def test_a_storage_that_does_not_mount_is_quarantine_and_nothing_is_written(lock, monkeypatch):
    def mount():
        raise OSError(19)

    before = sorted(lock.iterdir())
    for fate in (None, OSError(5)):
        program = Program(fate)
        assert start(lock, monkeypatch, program, mount) == [True]
        assert program.calls == [("quarantine",)]
    assert sorted(lock.iterdir()) == before
