"""What a client has already is not sent again, and what somebody else changed meanwhile is not written over."""

import threading

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
    admin.patch(f"/locks/{bike.hex}", board="sim")
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
    path = f"/locks/{bike.hex}"
    tag = fetch(admin, path).headers["ETag"]
    assert patch(admin, path, tag, board="one").get_json()["board"] == "one"
    problem(patch(admin, path, tag, board="two"), 412, "changed")
    assert fetch(admin, path).get_json()["board"] == "one"
    assert patch(admin, path, fetch(admin, path).headers["ETag"], board="two").status_code == 200
    assert patch(admin, path, "*", board="three").status_code == 200  # whatever it is, if it is there
    assert admin.patch(path, board="four").status_code == 200  # who does not ask is not held up
    problem(patch(admin, "/locks/" + "00" * 8, "*", board="x"), 404, "not_found")
    for no_tag in ("", "x", 'W/"x"', "W/" + fetch(admin, path).headers["ETag"]):  # weak ones never match
        problem(patch(admin, path, no_tag, board="five"), 412, "changed")


def test_of_many_who_change_one_state_at_once_one_does(site):
    bike, admin = site.bike(), site.person("admin")
    path, answers = f"/locks/{bike.hex}", []
    tag = fetch(admin, path).headers["ETag"]
    people = [site.person("admin") for _ in range(6)]
    start = threading.Barrier(len(people), timeout=20)

    def change(number):
        start.wait()
        answers.append(patch(people[number], path, tag, board=f"b{number}").status_code)

    threads = [threading.Thread(target=change, args=(number,)) for number in range(len(people))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(answers) == [200] + [412] * (len(people) - 1)
