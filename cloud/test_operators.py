import secrets

import pytest
import sqlalchemy as sa
from alembic import command

from cloud import db
from cloud.tables import Lock
from cloud.testride import ride as ridden
from cloud.testsite import PASSWORD, holder_key, problem


@pytest.fixture
def two(site):
    """Operators A and B, each with an admin and a bicycle."""
    ids = {name: site.operator(f"Operator {name}") for name in "AB"}
    admins = {name: site.person("admin", operator=ids[name]) for name in "AB"}
    bikes = {name: site.bike(operator=ids[name]) for name in "AB"}
    return ids, admins, bikes


def test_staff_sees_its_operators_locks_and_no_others(site, two):
    _ids, admins, bikes = two
    for mine, other in ("AB", "BA"):
        for role in ("technician", "admin"):
            person = site.person(role, operator=two[0][mine])
            assert [lock["lock_id"] for lock in person.get("/locks").get_json()["locks"]] == [bikes[mine].hex]
            for path in ("", "/receipts"):
                assert person.get(f"/locks/{bikes[mine].hex}{path}").status_code == 200
                strange = problem(person.get(f"/locks/{bikes[other].hex}{path}"), 404, "not_found")
                assert strange == problem(person.get(f"/locks/{'00' * 8}{path}"), 404, "not_found")
            asked = {"kind": "find"}
            problem(person.post(f"/locks/{bikes[other].hex}/commands", **asked), 404, "not_found")
            fields = {"holder_key": holder_key()}
            problem(person.post("/master-tokens", locks=[bikes[other].hex], **fields), 404, "not_found")
            both = sorted(bike.hex for bike in bikes.values())
            problem(person.post("/master-tokens", locks=both, **fields), 404, "not_found")
            assert person.post("/master-tokens", locks=[bikes[mine].hex], **fields).status_code == 201
        for action, fields in (("/floor", {}), ("/wanted", {"board": "esp32"})):
            send = admins[mine].patch if fields else admins[mine].post
            problem(send(f"/locks/{bikes[other].hex}{action}", **fields), 404, "not_found")
            assert send(f"/locks/{bikes[mine].hex}{action}", **fields).status_code == 200
    assert len(site.person("technician").get("/locks").get_json()["locks"]) == 2


def test_the_fleet_is_its_operators_locks_and_no_others(site, two):
    _ids, admins, bikes = two
    fleet = admins["A"].get("/fleet").get_json()
    where = fleet["columns"].index("lock_id")
    assert [row[where] for row in fleet["rows"]] == [bikes["A"].hex]
    for name, status in (("A", 200), ("B", 404)):
        assert admins["A"].get(f"/locks/{bikes[name].hex}").status_code == status


def test_staff_sees_rides_on_its_operators_locks_and_riders_their_own(site, two):
    _ids, admins, bikes = two
    riders = {name: site.person() for name in "AB"}
    for name in "AB":
        ridden(site, bikes[name], riders[name])
    for mine, other in ("AB", "BA"):
        (ride,) = admins[mine].get("/rides").get_json()["rides"]
        assert ride["lock_id"] == bikes[mine].hex
        assert admins[mine].get(f"/rides?lock={bikes[other].hex}").get_json()["rides"] == []
        assert riders[mine].get("/rides").get_json()["rides"] == [ride]
        for path in ("", "/track"):
            for person in (riders[mine], admins[mine]):
                assert person.get(f"/rides/{ride['ride_id']}{path}").status_code == 200
            for person in (riders[other], admins[other]):
                problem(person.get(f"/rides/{ride['ride_id']}{path}"), 404, "not_found")
    assert len(site.person("admin").get("/rides").get_json()["rides"]) == 2


def test_staff_claims_its_operators_bicycles_and_a_rider_any(site, two):
    _ids, admins, bikes = two
    codes = [bike["code"] for bike in admins["A"].get("/bikes").get_json()["bikes"]]
    assert codes == [bikes["A"].code]
    problem(admins["A"].get(f"/bikes/{bikes['B'].code}"), 404, "not_found")
    problem(admins["A"].claim(bikes["B"]), 404, "not_found")
    named = {"holder_key": holder_key(), "lock": bikes["B"].hex}
    problem(admins["A"].post("/claims", **named), 404, "not_found")
    rider = site.person()
    assert len(rider.get("/bikes").get_json()["bikes"]) == 2
    assert [rider.claim(bike).status_code for bike in bikes.values()] == [201, 201]


def test_what_is_new_belongs_to_whoever_made_it_and_the_platform_names_an_operator(site, two):
    ids, admins, bikes = two
    lock = {"lock_id": secrets.token_hex(8), "k_lock": "A" * 43, "kind": "pooled", "group": "0a0b0c0d"}
    assert admins["A"].post("/locks", **lock).get_json()["operator_id"] == ids["A"]
    other = {**lock, "lock_id": secrets.token_hex(8)}
    problem(admins["B"].post("/locks", **other), 409, "group_taken")
    problem(admins["B"].post("/locks", **{**other, "operator": ids["A"]}), 404, "not_found")
    problem(site.person("admin").post("/locks", **other), 422, "name_operator")
    assert site.person("admin").post("/locks", **other, operator=ids["A"]).status_code == 201
    bike = {"code": "N-1", "label": "New"}
    problem(admins["B"].post("/assets", **bike, lock=lock["lock_id"]), 404, "not_found")
    assert admins["A"].post("/assets", **bike, lock=lock["lock_id"]).status_code == 201


def test_an_admin_makes_staff_of_their_operator_and_the_platform_of_any(site, two):
    ids, admins, _bikes = two

    def make(person, **fields):
        return person.post("/users", login=secrets.token_hex(8), password=PASSWORD, **fields)

    assert make(admins["A"], role="technician").get_json()["operator_id"] == ids["A"]
    problem(make(admins["A"], role="admin", operator=ids["B"]), 404, "not_found")
    platform = site.person("admin")
    assert make(platform, role="admin", operator=ids["B"]).get_json()["operator_id"] == ids["B"]
    assert make(platform, role="admin").get_json()["operator_id"] is None
    assert make(admins["A"], operator=ids["A"]).get_json()["operator_id"] is None  # a rider is nobody's


@pytest.mark.parametrize("path", ["/keyset", "/releases", "/rollouts"])
def test_what_is_the_platforms_is_closed_to_an_operators_staff(site, two, path):
    problem(two[1]["A"].get(path), 403, "forbidden")
    assert site.person("technician").get(path).status_code != 403


def test_a_fleet_from_before_gets_a_first_operator(tmp_path):
    url = f"sqlite:///{tmp_path}/cloud.db"
    engine = db.make_engine(url)
    config = db._alembic()
    with engine.execution_options(writing=True).begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0003")
        row = "('0011223344556677', '00112233', x'00', 'a1b2c3d4', 'pooled', 1, 1, 1, 0, 0, 0, 0, 0, 0, 0)"
        names = (
            "lock_id, kid4, wrapped_key, group_id, kind, registered_at, next_epoch, next_master_epoch, seen_floor, "
            "wanted_floor, master_floor, oscore_reserved, reported_seq, received_seq, chained_seq"
        )
        connection.execute(sa.text(f"INSERT INTO lock ({names}) VALUES {row}"))
    db.upgrade(url)
    with engine.connect() as connection:
        assert connection.execute(sa.text("SELECT operator_id FROM lock")).scalars().all() == ["first"]
        groups = connection.execute(sa.text('SELECT group_id, operator_id, members_only FROM "group"')).all()
        assert groups == [("a1b2c3d4", "first", 0)]
    engine.dispose()


SHOWN = {
    "name": "Fietsen & Co",
    "colour": "#00a86b",
    "email": "help@example.org",
    "phone": "+31201234567",
    "url": "https://example.org/",
    "terms_url": "https://example.org/terms",
    "privacy_url": "https://example.org/privacy",
    "timezone": "Europe/Amsterdam",
    "language": "nl",
}


def test_the_platform_makes_an_operator_and_its_admin_says_what_riders_are_told(site):
    platform = site.person("admin")
    made = platform.post("/operators", name="Fietsen")
    shown = made.get_json()
    assert made.status_code == 201 and made.headers["Location"].endswith(shown["operator_id"])
    assert (shown["timezone"], shown["language"], shown["email"]) == ("UTC", "en", None)
    admin = site.person("admin", operator=shown["operator_id"])
    answer = admin.patch(f"/operators/{shown['operator_id']}", **SHOWN)
    assert answer.status_code == 200 and answer.get_json() == {**shown, **SHOWN}
    assert admin.get("/operators").get_json()["operators"] == [answer.get_json()]
    site.operator("Another")
    first = platform.get("/operators?limit=1").get_json()
    rest = platform.get(f"/operators?cursor={first['next']}").get_json()
    assert {row["name"] for row in first["operators"] + rest["operators"]} == {"Fietsen & Co", "Another"}


@pytest.mark.parametrize(
    "field, value",
    [
        ("name", ""),
        ("name", "x" * 65),
        ("name", "two\nlines"),
        ("colour", "red"),
        ("colour", "#00A86B"),
        ("email", "nobody"),
        ("phone", "0201234567"),
        ("url", "http://example.org/"),
        ("url", "javascript:alert(1)"),
        ("url", "https://example.org/ with a space"),
        ("url", "https://" + "x" * 300),
        ("timezone", "Europe/Atlantis"),
        ("language", "Dutch"),
        ("operator_id", "first"),
    ],
)
def test_what_an_operator_says_of_itself_has_a_form(site, two, field, value):
    answer = two[1]["A"].patch(f"/operators/{two[0]['A']}", **{field: value})
    (error,) = problem(answer, 422, "invalid")["errors"]
    assert error["field"] == field


def test_who_is_dismissed_opens_nothing_more(site, two):
    ids, admins, bikes = two
    mate, other = (site.person("technician", operator=ids["A"]) for _ in range(2))
    lock = bikes["A"].hex

    def shift(person, lasting):
        fields = {"holder_key": holder_key(), "exp": site.now + lasting}
        answer = person.post("/master-tokens", locks=[lock], **fields)
        assert answer.status_code == 201

    def floor():
        with site.cloud.db.reading() as session:
            row = session.get(Lock, lock)
            return row.master_floor, row.next_master_epoch

    shift(mate, 3600)
    shift(other, 60)
    assert admins["A"].delete(f"/staff/{mate.user_id}").status_code == 204
    assert floor() == (2, 3)  # the other's, which is newer, holds
    site.now += 61
    assert admins["A"].delete(f"/staff/{other.user_id}").status_code == 204
    assert floor() == (2, 3)  # it was over by itself


def test_staff_is_promoted_and_dismissed_by_its_own_admin(site, two):
    ids, admins, _bikes = two
    mate, other = site.person("technician", operator=ids["A"]), site.person("technician", operator=ids["B"])
    assert {row["user_id"] for row in admins["A"].get("/staff").get_json()["staff"]} == {
        admins["A"].user_id,
        mate.user_id,
    }
    for person in (other, site.person(), site.person("technician")):
        problem(admins["A"].patch(f"/staff/{person.user_id}", role="admin"), 404, "not_found")
        problem(admins["A"].delete(f"/staff/{person.user_id}"), 404, "not_found")
    problem(admins["A"].delete(f"/staff/{admins['A'].user_id}"), 409, "own_role")
    problem(admins["A"].patch(f"/staff/{admins['A'].user_id}", role="technician"), 409, "own_role")
    assert admins["A"].patch(f"/staff/{mate.user_id}", role="admin").get_json()["role"] == "admin"
    assert mate.get("/staff").status_code == 200
    assert admins["A"].delete(f"/staff/{mate.user_id}").status_code == 204
    problem(mate.get("/me"), 401, "sign_in")
    platform = site.person("admin")
    problem(platform.delete(f"/staff/{admins['A'].user_id}"), 409, "last_admin")
    problem(platform.patch(f"/staff/{admins['A'].user_id}", role="technician"), 409, "last_admin")
