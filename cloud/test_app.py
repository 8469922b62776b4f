"""The riders' app as the cloud hands it out: the frame, the worker with its list of files, what installs it."""

import hashlib
import json
import re
from base64 import b64decode
from pathlib import Path

import pytest

from cloud.routes import app as routes

STATIC = Path(__file__).parent / "static"


@pytest.fixture
def browser(site):
    return site.app.test_client(use_cookies=False)


def kept(browser):
    """{address: SHA-256} as the worker is told."""
    answer = browser.get("/app/worker.js")
    assert answer.mimetype == "text/javascript" and "no-store" in answer.headers["Cache-Control"]
    first, _, rest = answer.get_data(as_text=True).partition("\n")
    assert rest == (STATIC / routes.WORKER).read_text()
    return json.loads(re.fullmatch("const FILES = (.*);", first)[1])


def test_what_the_worker_keeps_is_what_the_cloud_gives_byte_for_byte(browser):
    files = kept(browser)
    for address, integrity in files.items():
        given = browser.get(address)
        assert given.status_code == 200, address
        assert b64decode(integrity.removeprefix("sha256-")) == hashlib.sha256(given.data).digest(), address
    assert {"/app/", "/static/app/app.js", "/static/app/keep/rider.js", "/static/console/dom.js"} <= set(
        files
    )


def test_the_worker_keeps_neither_itself_nor_answers_of_the_api_nor_notes_for_people(browser):
    for address in kept(browser):
        assert address == "/app/" or address.startswith("/static/")
        assert address.endswith(("/", ".js", ".css", ".png", ".svg")) and not address.endswith("worker.js")


def test_whatever_the_scripts_import_is_kept(browser):
    files = set(kept(browser))
    for path in (STATIC / "app").rglob("*.js"):
        for name in re.findall(r"""(?:from|import\()\s*["'](\.[^"'$`]+)["']""", path.read_text()):
            found = (path.parent / name).resolve().relative_to(STATIC).as_posix()
            if (STATIC / found).exists() or not found.startswith("vendor/"):  # `make web` puts those there
                assert f"/static/{found}" in files, (path.name, name)


def test_another_byte_is_another_worker(site, browser, tmp_path, monkeypatch):
    before = kept(browser)
    for path in [STATIC / "app/app.js", STATIC / "app/ui.js", STATIC / routes.WORKER, STATIC / "icon.svg"]:
        there = tmp_path / path.relative_to(STATIC)
        there.parent.mkdir(parents=True, exist_ok=True)
        more = {"app.js": b"0;\n", "ui.js": b"// for people\n"}.get(path.name, b"")
        there.write_bytes(path.read_bytes() + more)
    monkeypatch.setattr(site.app, "static_folder", str(tmp_path))
    after = kept(browser)
    for same in ("/static/icon.svg", "/static/app/ui.js"):  # a note for people is no other app
        assert after[same] == before[same]
    assert after["/static/app/app.js"] != before["/static/app/app.js"]
    assert (
        "/static/vendor/leaflet.js" not in after
    )  # nobody has made it here: what is not there is not asked for


def test_the_frame_is_the_same_for_every_page_and_holds_nothing(browser, site):
    frame = browser.get("/app/")
    assert frame.mimetype == "text/html" and "manifest-src 'self'" in frame.headers["Content-Security-Policy"]
    person = site.person()
    assert browser.get("/app/rides", headers=person.headers).data == frame.data
    assert browser.get("/app").headers["Location"].endswith("/app/")


def test_the_manifest_names_icons_of_their_size(browser):
    answer = browser.get("/app/manifest.webmanifest")
    assert answer.mimetype == "application/manifest+json"
    told = answer.get_json()
    assert told["start_url"] == told["scope"] == told["id"] == "/app/" and told["display"] == "standalone"
    assert {(icon["sizes"], icon["purpose"]) for icon in told["icons"]} == {
        (size, purpose) for size in ("192x192", "512x512") for purpose in ("any", "maskable")
    }
    for icon in told["icons"]:
        data = browser.get(icon["src"]).data
        width, height = (int.from_bytes(data[at : at + 4], "big") for at in (16, 20))
        assert data.startswith(b"\x89PNG") and f"{width}x{height}" == icon["sizes"]


def test_a_sticker_leads_to_its_bicycle_in_the_app(browser):
    assert browser.get("/b/BIKE-7").headers["Location"] == "/app/b/BIKE-7"
    assert browser.get("/b/..%2f..%2fdesk").status_code == 404
