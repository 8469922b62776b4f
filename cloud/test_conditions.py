"""What a client has already is not sent again, and what somebody else changed meanwhile is not written over."""

import threading

import pytest

from cloud import openapi, operators
from cloud.tables import Lock
from cloud.tables_fleet import Hook
from cloud.testsite import problem


def fetch(person, path, **headers):
    return person.client.get("/api/v1" + path, headers={**person.headers, **headers})


def patch(person, path, tag, **fields):
    headers = {**person.headers, "If-Match": tag}
    return person.client.patch("/api/v1" + path, headers=headers, json=fields)


def test_an_answer_that_one_has_is_304_until_it_changes(site):
    bike, admin = site.bike(), site.person("admin")
    first = fetch(admin, "/locks")
    tag = first.headers["ETag"]
    again = fetch(admin, "/locks", **{"If-None-Match": tag})
    assert again.status_code == 304 and again.data == b"" and again.headers["ETag"] == tag
    for same in (f'"x", W/{tag}', "*"):
        assert fetch(admin, "/locks", **{"If-None-Match": same}).status_code == 304
    for other in ('"x"', "", tag.strip('"')[:-1]):
        assert fetch(admin, "/locks", **{"If-None-Match": other}).status_code == 200
    admin.patch(f"/locks/{bike.hex}/wanted", board="sim")
    changed = fetch(admin, "/locks", **{"If-None-Match": tag})
    assert changed.status_code == 200 and changed.headers["ETag"] != tag
    assert changed.headers["Cache-Control"] == "no-store"


def test_what_is_refused_or_changes_something_has_no_etag(site):
    bike, admin = site.bike(), site.person("admin")
    assert "ETag" not in fetch(admin, "/locks/" + "00" * 8).headers
    assert "ETag" not in admin.post(f"/locks/{bike.hex}/commands", kind="find").headers
    assert fetch(site.person(), "/locks", **{"If-None-Match": "*"}).status_code == 403


def test_a_lock_that_changed_meanwhile_is_not_written_over(site):
    bike, admin = site.bike(), site.person("admin")
    path = f"/locks/{bike.hex}/wanted"
    tag = fetch(admin, path).headers["ETag"]
    assert patch(admin, path, tag, board="one").get_json()["board"] == "one"
    problem(patch(admin, path, tag, board="two"), 412, "changed")
    assert fetch(admin, path).get_json()["board"] == "one"
    assert patch(admin, path, fetch(admin, path).headers["ETag"], board="two").status_code == 200
    assert patch(admin, path, "*", board="three").status_code == 200  # whatever it is, if it is there
    assert admin.patch(path, board="four").status_code == 200  # who does not ask is not held up
    problem(patch(admin, f"/locks/{'00' * 8}/wanted", "*", board="x"), 404, "not_found")
    for no_tag in ("", "x", 'W/"x"', "W/" + fetch(admin, path).headers["ETag"]):  # weak ones never match
        problem(patch(admin, path, no_tag, board="five"), 412, "changed")


def test_of_many_who_change_one_state_at_once_one_does(site, monkeypatch):
    admin, answers = site.person("admin"), []
    path = f"/operators/{admin.post('/operators', name='O').get_json()['operator_id']}"
    tag = fetch(admin, path).headers["ETag"]
    people = [site.person("admin") for _ in range(6)]
    start = threading.Barrier(len(people), timeout=20)
    if site.cloud.db.engine.dialect.name == "postgresql":  # SQLite's writers take turns
        all_have_read(start, monkeypatch)

    def change(number):
        start.wait()
        answers.append(patch(people[number], path, tag, name=f"O {number}").status_code)

    threads = [threading.Thread(target=change, args=(number,)) for number in range(len(people))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(answers) == [200] + [412] * (len(people) - 1)


def all_have_read(barrier, monkeypatch):
    """Each has read the thing as it was before any goes on."""
    real = operators.find

    def find(*args, **kwargs):
        row = real(*args, **kwargs)
        barrier.wait()
        return row

    monkeypatch.setattr(operators, "find", find)


SQUARE = [[5.0, 52.0], [5.1, 52.0], [5.1, 52.1], [5.0, 52.1], [5.0, 52.0]]
ZONE = {"name": "Z", "kind": "parking", "polygon": {"type": "Polygon", "coordinates": [SQUARE]}}
THINGS = {  # address: (how one is made, its id in the answer, a change, another)
    "/assets": ({"code": "A1", "label": "A"}, "asset_id", {"label": "B"}, {"label": "C"}),
    "/jobs": ({"title": "Look"}, "job_id", {"title": "Look again"}, {"title": "Look away"}),
    "/zones": (ZONE, "zone_id", {"name": "Y"}, {"name": "X"}),
    "/groups": ({"name": "G"}, "group_id", {"name": "H"}, {"members_only": True}),
    "/operators": ({"name": "O"}, "operator_id", {"name": "P"}, {"name": "Q"}),
}


@pytest.mark.parametrize("address", sorted(THINGS))
def test_whatever_staff_edit_is_not_written_over(site, address):
    made, name, one, other = THINGS[address]
    admin = site.person("admin")
    answer = admin.post(address, **made)
    assert answer.status_code == 201, answer.data
    path = f"{address}/{answer.get_json()[name]}"
    tag = fetch(admin, path).headers["ETag"]
    assert patch(admin, path, tag, **one).status_code == 200
    problem(patch(admin, path, tag, **other), 412, "changed")
    assert patch(admin, path, fetch(admin, path).headers["ETag"], **other).status_code == 200


def test_what_people_set_has_an_etag_that_a_locks_own_word_leaves_alone(site):
    bike, admin = site.bike(), site.person("admin")
    path, whole = f"/locks/{bike.hex}/wanted", f"/locks/{bike.hex}"
    tag, before = fetch(admin, path).headers["ETag"], fetch(admin, whole).headers["ETag"]
    with site.cloud.db.writing() as session:
        session.get(Lock, bike.hex).last_seen_at = site.now
    assert fetch(admin, whole).headers["ETag"] != before  # it has spoken
    assert patch(admin, path, tag, board="one").get_json() == {"board": "one"}
    problem(patch(admin, path, tag, board="two"), 412, "changed")
    assert fetch(admin, whole).get_json()["board"] == "one" == fetch(admin, path).get_json()["board"]
    assert patch(admin, path, fetch(admin, path).headers["ETag"], board="two").status_code == 200


def test_what_people_set_of_a_webhook_is_not_how_it_fares(site):
    admin = site.person("admin")
    made = admin.post("/webhooks", url="https://hooks.example.org/").get_json()
    path = f"/webhooks/{made['hook_id']}/wanted"
    tag = fetch(admin, path).headers["ETag"]
    with site.cloud.db.writing() as session:
        session.get(Hook, made["hook_id"]).failures = 3
    assert patch(admin, path, tag, state="paused").get_json()["state"] == "paused"
    problem(patch(admin, path, tag, kinds=["zone.changed"]), 412, "changed")
    assert admin.patch(path, url="https://hooks.example.org/in").get_json()["url"].endswith("/in")
    assert admin.get(f"/webhooks/{made['hook_id']}").get_json()["state"] == "paused"


def test_every_change_that_heeds_if_match_is_of_what_a_get_shows(site):
    paths = openapi.document(site.app)["paths"]
    guarded = {path for path, item in paths.items() for each in item.values() if "412" in each["responses"]}
    assert len(guarded) >= len(THINGS) + 3 and all("get" in paths[path] for path in guarded)
