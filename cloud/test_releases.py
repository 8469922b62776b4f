"""Releases as they are handed in: taken as a lock would take them, once, and never changed."""

import io

import pytest

from cloud import issuers, keyring, releases, rotation, testkeys
from cloud.problem import Problem
from cloud.tables import ReleaseFile
from cloud.testreleases import FILES, publish_keys, short, signed
from cloud.testsite import problem
from protocol import manifest

DAY = 86_400


@pytest.fixture
def published(site):
    with site.cloud.db.writing() as session:
        publish_keys(session, site.now)
    return site


def upload(person, raw, files, **more):
    parts = [("file", (io.BytesIO(data), "x")) for data in files]
    data = {"manifest": (io.BytesIO(raw), "manifest"), "file": [part for _, part in parts], **more}
    return person.client.post(
        "/api/v1/releases", data=data, headers=person.headers, content_type="multipart/form-data"
    )


def test_a_release_is_taken_once_and_shown(published):
    admin, raw = published.person("admin"), signed(7, published.now + DAY)
    for _ in range(2):
        answer = upload(admin, raw, FILES.values())
        assert answer.status_code == 201, answer.get_json()
    (shown,) = published.person("technician").get("/releases").get_json()["releases"]
    assert (shown["board"], shown["version"], shown["files"]) == ("sim", 7, 4)
    assert shown["size"] == sum(map(len, FILES.values()))
    problem(published.person("technician").post("/releases"), 403, "forbidden")


def test_a_release_never_changes(published):
    admin = published.person("admin")
    assert upload(admin, signed(7, published.now + DAY), FILES.values()).status_code == 201
    problem(upload(admin, signed(7, published.now + 2 * DAY), FILES.values()), 409, "release_taken")
    assert upload(admin, signed(7, published.now + DAY, board="other"), FILES.values()).status_code == 201


def refusal(site, raw, files=None):
    files = FILES.values() if files is None else files
    with site.cloud.db.writing() as session, pytest.raises(Problem) as refused:
        releases.take(session, raw, files, site.now, None)
    assert refused.value.code == "release_refused"
    return refused.value.extra["why"]


def test_what_no_lock_would_take_is_refused_with_a_sentence(published):
    now = published.now
    good, files = signed(7, now + DAY), list(FILES.values())
    assert "no manifest" in refusal(published, good[:-1])
    assert "no manifest" in refusal(published, b"x")
    assert "no manifest" in refusal(published, good + b"\0")
    assert "at most" in refusal(published, good + bytes(manifest.LIMIT))
    assert "expired" in refusal(published, signed(7, now - 1))
    for by in (("release 1",) * 1 + ("stranger",), ("stranger", "other")):
        assert "two release keys" in refusal(published, signed(7, now + DAY, by=by))
    assert "two release keys" in refusal(published, signed(7, now + 50 * 365 * DAY))  # past the keys' own end
    assert "firmware/lock.mpy" in refusal(published, good, [f for f in files if len(f) != 1280])
    assert "boards/sim/main.mpy" in refusal(published, signed(7, now + DAY, longer=1))
    changed = [data[:-1] + b"!" if len(data) == 1280 else data for data in files]
    assert "firmware/lock.mpy" in refusal(published, good, changed)
    assert "does not name" in refusal(published, good, [*files, b"stray"])
    broken = bytearray(good)
    broken[manifest.parse_head(good).length - 3] ^= 1  # inside the second signature
    assert "two release keys" in refusal(published, bytes(broken))
    with published.cloud.db.reading() as session:
        assert releases.newest(session) == [] and session.query(ReleaseFile).count() == 0


def test_a_release_key_that_leaked_vouches_for_nothing_more(published):
    raw = signed(7, published.now + DAY)
    with published.cloud.db.writing() as session:
        leaked = testkeys.public(testkeys.root("release 1"))
        rotation.drop(session, issuers.add_release(session, leaked, published.now), published.now)
        testkeys.publish(session, published.now)
        assert keyring.newest(session).version > 4
    assert "two release keys" in refusal(published, raw)


def test_two_files_of_one_short_name_are_refused(published, monkeypatch):
    """A lock asks by 4 bytes of the digest. Nobody finds two such files in a test, so one byte must do here."""
    monkeypatch.setattr("cloud.releases.update.NAME", 1)
    files = {f"firmware/f{number}.py": b"%d" % number for number in range(60)}
    assert "short name" in refusal(published, signed(7, published.now + DAY, files=files), files.values())


def test_same_bytes_under_two_paths_are_one_file(published):
    files = {"firmware/a.py": b"same", "firmware/b.py": b"same"}
    with published.cloud.db.writing() as session:
        row = releases.take(
            session, signed(7, published.now + DAY, files=files), files.values(), published.now, None
        )
        assert releases.body(session, row, bytes.fromhex(short(b"same"))) == b"same"
        assert releases.body(session, row, bytes(4)) is None


def test_a_body_that_is_no_upload_is_refused(published):
    admin, raw = published.person("admin"), signed(7, published.now + DAY)
    problem(admin.post("/releases", board="sim"), 415, "not_multipart")
    problem(upload(admin, raw, FILES.values(), other=(io.BytesIO(b"x"), "x")), 415, "not_multipart")
    problem(upload(admin, raw, FILES.values(), more="text"), 415, "not_multipart")
    problem(upload(admin, raw, [bytes(2 << 20)]), 413, "too_large")
    problem(upload(admin, raw, [b"%d" % n for n in range(300)]), 413, "too_large")
    problem(upload(admin, raw, []), 422, "release_refused")


def test_other_routes_still_take_small_bodies_only(published):
    admin = published.person("admin")
    problem(admin.post("/rollouts", board="x" * 70_000, version=1, percent=1), 413, "too_large")
