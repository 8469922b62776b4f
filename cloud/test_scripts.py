"""Scripts as browsers get them, over HTTP; that they are the same programs is tested under Node (web/tests/)."""

from pathlib import Path

import pytest

from cloud import scripts

STATIC = Path(__file__).parent / "static"
APP = "app/app.js"


@pytest.fixture
def browser(site):
    return site.app.test_client(use_cookies=False)


@pytest.fixture
def files(site, monkeypatch, tmp_path):
    """static/ of a cloud that has just been started."""
    monkeypatch.setattr(site.app, "static_folder", str(tmp_path))
    (tmp_path / "vendor").mkdir()
    return tmp_path


def test_a_script_goes_out_without_what_only_people_read(browser):
    given = browser.get("/static/" + APP)
    assert given.mimetype == "text/javascript" and given.data == scripts.given(STATIC, APP)
    assert b"// The rider's frame" in (STATIC / APP).read_bytes() and b"// " not in given.data
    assert 1000 < len(given.data) < 0.8 * (STATIC / APP).stat().st_size


def test_who_edits_a_file_reloads_the_page(browser, files):
    for text in ("a = 1; // one", "a = 2; // two"):
        (files / "a.js").write_text(text)
        assert browser.get("/static/a.js").data == text[:5].replace(" ", "").encode() + b";"


def test_a_browser_that_has_it_is_sent_nothing_until_other_bytes_go_out(browser, files):
    script = files / "a.js"
    script.write_text("a = 1;")
    first = browser.get("/static/a.js")
    assert first.cache_control.no_cache  # it asks each time
    ask = {"If-None-Match": first.headers["ETag"]}
    script.write_text("a = 1; // said better")
    again = browser.get("/static/a.js", headers=ask)
    assert again.status_code == 304 and again.data == b""
    script.write_text("a = 2;")
    assert browser.get("/static/a.js", headers=ask).data == b"a=2;"


def test_what_others_wrote_and_what_is_no_script_go_out_as_they_lie(browser, files):
    for name in ("vendor/map.js", "a.css", "a.js.txt"):
        (files / name).write_text("a = 1; /* Copyright */\n")
        assert browser.get("/static/" + name).data == b"a = 1; /* Copyright */\n"


@pytest.mark.parametrize(
    "name", ["none.js", "folder.js", "../app.js", "..%2fapp.js", "a%00.js", "app//app.js"]
)
def test_nothing_else_is_given(browser, files, name):
    (files / "folder.js").mkdir()
    assert browser.get("/static/" + name).status_code == 404
