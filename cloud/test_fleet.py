"""Locks, bikes, keys, commands and master tokens, over HTTP."""

import base64
import os

import pytest

from cloud import claims, commands, fixes, issuers, locks
from cloud.body import b64
from cloud.tables import Command, IssuedToken, Lock, Ride
from cloud.telemetry import take
from cloud.testsite import NOW, holder_key, problem
from protocol import ed25519, keys, roots, status, telemetry, token


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def master_of(site, answer):
    made = token.parse(unb64(answer.get_json()["token"]))
    public = {key["kid"]: unb64(key["key"]) for key in site.client.get("/api/v1/keys").get_json()["keys"]}
    assert made.kid[0] == keys.MASTER and made.verify(public[made.kid.hex()])
    return made.claims


def test_a_lock_is_registered_once_and_gets_its_keyset(site):
    admin, lock_id, k_lock = site.person("admin"), os.urandom(8), os.urandom(32)
    fields = {"lock_id": lock_id.hex(), "k_lock": b64(k_lock), "kind": "exclusive", "group": "01020304"}
    answer = admin.post("/locks", **fields)
    assert answer.status_code == 201
    given = roots.parse(unb64(answer.get_json()["roots"]))
    installed = roots.verify(unb64(answer.get_json()["keyset"]), given, ed25519.verify)
    assert sorted(kid[0] for kid in installed.keys) == [keys.RIDE, keys.RIDE, keys.MASTER, keys.MASTER]
    assert installed.version == answer.get_json()["keyset_version"] == 4
    problem(admin.post("/locks", **fields), 409, "lock_exists")
    twin = lock_id[:4] + os.urandom(4)  # the same OSCORE sender id
    problem(admin.post("/locks", **{**fields, "lock_id": twin.hex()}), 409, "lock_exists")
    with site.cloud.db.reading() as session:
        assert locks.key(site.cloud.box, session.get(Lock, lock_id.hex())) == k_lock


def test_a_lock_that_calls_rarely_is_registered_as_one(site):
    """Else it would count as silent between two calls; see test_reasons.py for how long it may."""
    admin = site.person("admin")

    def register(**more):
        return admin.post(
            "/locks", lock_id=os.urandom(8).hex(), k_lock=b64(os.urandom(32)), kind="exclusive", **more
        )

    for more, known in (({"uplink_every_s": 14_400}, 14_400), ({}, None)):
        lock_id = register(**more).get_json()["lock_id"]
        assert admin.get(f"/locks/{lock_id}").get_json()["uplink_every_s"] == known
    for wrong in (0, 86_401, "300", True):
        problem(register(uplink_every_s=wrong), 422, "invalid")


def test_staff_see_locks_and_never_a_key(site):
    bike = site.bike()
    shown = site.person("technician").get(f"/locks/{bike.hex}")
    assert shown.get_json()["asset"]["code"] == bike.code and shown.get_json()["claims"] == []
    for text in (shown.get_data(as_text=True), site.person("admin").get("/locks").get_data(as_text=True)):
        assert bike.hex in text and b64(bike.k_lock) not in text and bike.k_lock.hex() not in text
        assert "wrapped" not in text
    problem(site.person("admin").get("/locks/" + "00" * 8), 404, "not_found")


def test_the_fleet_comes_in_pages(site):
    bikes, admin = [site.bike() for _ in range(5)], site.person("admin")
    for path, name, field in (("/locks", "locks", "lock_id"), ("/bikes", "bikes", "code")):
        seen, more = [], ""
        while more is not None:
            page = admin.get(f"{path}?limit=2{more}").get_json()
            assert len(page[name]) <= 2
            seen += [row[field] for row in page[name]]
            more = page["next"] and f"&cursor={page['next']}"
        assert seen == sorted(bike.hex if field == "lock_id" else bike.code for bike in bikes)


def test_a_code_and_a_lock_are_on_one_bike(site):
    bike, admin = site.bike(), site.person("admin")
    problem(admin.post("/assets", code=bike.code, label="Again"), 409, "asset_exists")
    problem(admin.post("/assets", code="other", label="Again", lock=bike.hex), 409, "asset_exists")
    problem(admin.post("/assets", code="other", label="Again", lock="00" * 8), 404, "not_found")
    bare = admin.post("/assets", code="bare", label="No lock yet")
    assert bare.status_code == 201
    rider = site.person()
    problem(rider.post("/claims", code="bare", holder_key=holder_key()), 409, "no_lock_on_bike")


def free(rider):
    return {bike["code"]: bike for bike in rider.get("/bikes").get_json()["bikes"]}


def test_free_bikes_are_those_that_one_may_claim(site):
    rider, other = site.person(), site.person()
    claimed, pooled, riding, jammed, idle = (
        site.bike(),
        site.bike("pooled"),
        site.bike(),
        site.bike(),
        site.bike(),
    )
    site.person("admin").post("/assets", code="bare", label="No lock yet")
    other.claim(claimed)
    other.claim(pooled, mode="period")
    with site.cloud.db.writing() as session:
        session.get(Lock, jammed.hex).state = status.STATE_JAMMED
        session.get(Lock, idle.hex).state = status.STATE_LOCKED
        common = {"receipts": 1, "fixes": 0, "distance_m": 0, "opened_seq": 1, "last_seq": 1}
        session.add(Ride(ride_id="a" * 32, cti="00" * 8, lock_id=riding.hex, state="parked", **common))
        session.add(Ride(ride_id="b" * 32, cti="00" * 8, lock_id=idle.hex, state="ended", **common))
    assert set(free(rider)) == {pooled.code, idle.code}
    states = {
        bike.code: rider.get(f"/bikes/{bike.code}").get_json()["state"]
        for bike in (claimed, pooled, riding, jammed, idle)
    }
    assert states == {
        claimed.code: "claimed",
        pooled.code: "free",
        riding.code: "in_use",
        jammed.code: "out_of_order",
        idle.code: "free",
    }
    site.now += 601
    assert set(free(rider)) == {pooled.code, idle.code, claimed.code}


def test_a_free_bike_shows_its_last_fix_and_one_in_use_does_not(site):
    rider, bike = site.person(), site.bike()
    with site.cloud.db.writing() as session:
        for seq, at in ((1, NOW - 90), (2, NOW - 40), (3, NOW - 60)):
            row = {"lock_id": bike.hex, "seq": seq, "at": at, "lat": seq, "lon": -seq, "accuracy": 50}
            fixes.store(session, [row])
    shown = {"lat": 2, "lon": -2, "accuracy_dm": 50, "age_s": 40}
    assert free(rider)[bike.code]["fix"] == shown
    assert rider.get(f"/bikes/{bike.code}").get_json()["fix"] == shown
    site.person().claim(bike)
    assert rider.get(f"/bikes/{bike.code}").get_json()["fix"] is None


def test_a_command_waits_until_the_lock_says_it_is_done(site):
    bike, other, technician = site.bike(), site.bike(), site.person("technician")
    answer = technician.post(f"/locks/{bike.hex}/commands", kind="find")
    number = answer.get_json()["command_id"]
    assert answer.status_code == 202
    problem(technician.post(f"/locks/{bike.hex}/commands", kind="open"), 422, "invalid")
    problem(technician.post("/locks/" + "00" * 8 + "/commands", kind="find"), 404, "not_found")
    with site.cloud.db.writing() as session:
        assert commands.pending(session, other.hex, NOW) == []
        assert commands.pending(session, bike.hex, NOW + 1) == [(number, 1, [])]
        assert commands.pending(session, bike.hex, NOW + 2) == [(number, 1, [])]
        commands.done(session, session.get(Lock, other.hex), number, NOW + 3)  # not its command
        assert (
            session.get(Command, number).done_at is None and session.get(Command, number).sent_at == NOW + 1
        )
        commands.done(session, session.get(Lock, bike.hex), number, NOW + 4)
    with site.cloud.db.writing() as session:
        assert commands.pending(session, bike.hex, NOW + 5) == []


def test_settings_are_changed_by_admins_within_bounds_and_may_be_refused_by_the_lock(site):
    bike, technician, admin = site.bike(), site.person("technician"), site.person("admin")
    path, wanted = f"/locks/{bike.hex}/commands", {"uplink_every_s": 300, "fix_every_s": 20}
    problem(technician.post(path, kind="config", settings=wanted), 403, "forbidden")
    stranger = site.person("admin", operator=site.operator("Other"))
    problem(stranger.post(path, kind="config", settings=wanted), 404, "not_found")
    for odd in (
        None,
        {},
        {"uplink_every_s": None},
        {"uplink_every_s": 9},
        {"uplink_every_s": 86_401},
        {"uplink_every_s": "300"},
        {"uplink_every_s": True},
        {"still_s": 60},
        {"kind": "pooled"},
        {"uplink_host": "192.0.2.9"},
        [1, 300],
    ):
        problem(admin.post(path, kind="config", settings=odd), 422, "invalid")
    problem(admin.post(path, kind="find", settings=wanted), 422, "invalid")
    first = admin.post(path, kind="config", settings=wanted)
    assert first.status_code == 202 and first.get_json()["kind"] == "config"
    second = admin.post(path, kind="config", settings={"stranger_s": 0})
    numbers = [answer.get_json()["command_id"] for answer in (first, second)]
    with site.cloud.db.writing() as session:
        assert commands.pending(session, bike.hex, NOW) == [
            (numbers[0], telemetry.COMMAND_CONFIG, [1, 300, 3, 20]),
            (numbers[1], telemetry.COMMAND_CONFIG, [8, 0]),
        ]
    told = [(telemetry.NOTE, NOW, telemetry.NOTE_COMMAND_DONE, numbers[0])]
    told.append((telemetry.NOTE, NOW, telemetry.NOTE_COMMAND_REFUSED, numbers[1]))
    with site.cloud.db.writing() as session:
        take(session, session.get(Lock, bike.hex), telemetry.encode_batch(1, told), NOW + 5)
        assert commands.pending(session, bike.hex, NOW + 6) == []
        assert session.get(Lock, bike.hex).uplink_every_s == 300
    newest, oldest = technician.get(path).get_json()["commands"]
    assert (oldest["settings"], oldest["done_at"], oldest["refused"]) == (wanted, NOW + 5, False)
    assert (newest["settings"], newest["done_at"], newest["refused"]) == ({"stranger_s": 0}, NOW + 5, True)


def test_a_lock_is_asked_where_it_stands(site):
    bike, technician = site.bike(), site.person("technician")
    number = technician.post(f"/locks/{bike.hex}/commands", kind="locate").get_json()["command_id"]
    with site.cloud.db.writing() as session:
        assert commands.pending(session, bike.hex, NOW) == [(number, telemetry.COMMAND_LOCATE, [])]
    assert technician.get(f"/locks/{bike.hex}/commands").get_json()["commands"][0]["kind"] == "locate"


def test_what_a_master_token_allows_is_named_and_decommissioning_is_for_admins(site):
    bike, technician, admin = site.bike(), site.person("technician"), site.person("admin")
    wanted = {"locks": [bike.hex], "holder_key": holder_key()}
    both = token.SCOPE_SERVICE | token.SCOPE_UPDATE
    made = master_of(site, technician.post("/master-tokens", **wanted, rights=["service", "update"]))
    assert made.scope == both
    problem(technician.post("/master-tokens", **wanted, rights=["decommission"]), 403, "forbidden")
    made = master_of(site, admin.post("/master-tokens", **wanted, rights=["decommission"]))
    assert made.scope == token.SCOPE_DECOMMISSION
    for odd in ([], ["ride"], ["service"] * 4, "service"):
        problem(technician.post("/master-tokens", **wanted, rights=odd), 422, "invalid")


def test_a_master_token_opens_named_locks_for_a_shift(site):
    bikes, technician, holder = [site.bike(), site.bike()], site.person("technician"), holder_key()
    ids = [bike.hex for bike in bikes]
    made = master_of(site, answer := technician.post("/master-tokens", locks=ids, holder_key=holder))
    assert made.aud == tuple((lock_id, 1) for lock_id in sorted(bike.lock_id for bike in bikes))
    assert (made.scope, made.exp, made.nonce) == (token.SCOPE_SERVICE, site.now + 8 * 3600, None)
    assert (made.floor, made.hold, made.longest, made.mode) == (0, 0, 0, 0) and made.holder == unb64(holder)
    listed = answer.get_json()["locks"]
    assert [lock["lock_id"] for lock in listed] == sorted(ids)
    by_id = {bike.hex: bike for bike in bikes}
    for lock in listed:
        for entry in lock["advertising"]:
            assert bytes.fromhex(entry["key"]) == keys.adv_key(by_id[lock["lock_id"]].k_lock, entry["index"])
    again = master_of(site, technician.post("/master-tokens", locks=[ids[0]], holder_key=holder))
    assert again.aud == ((bikes[0].lock_id, 2),)
    with site.cloud.db.reading() as session:
        row = session.query(IssuedToken).filter_by(cti=made.cti.hex()).one()
        assert (row.user_id, row.claim) == (technician.user_id, None)
        assert row.audience == " ".join(f"{lock_id}:1" for lock_id in sorted(ids))


def test_a_master_token_carries_the_rights_that_were_asked_for_and_no_other(site):
    bike, technician = site.bike(), site.person("technician")
    ask = {"locks": [bike.hex], "holder_key": holder_key()}
    for rights, scope in ((["update"], 4), (["service"], 2), (["service", "update"], 6)):
        assert master_of(site, technician.post("/master-tokens", **ask, rights=rights)).scope == scope
    for rights in ([], ["ride"], ["update", "update", "update"], "update"):
        problem(technician.post("/master-tokens", **ask, rights=rights), 422, "invalid")
    assert site.person().post("/master-tokens", **ask, rights=["update"]).status_code == 403


def test_a_technician_recognises_a_lock_whose_last_ride_has_ended(site):
    bike, technician, rider = site.bike(), site.person("technician"), site.person()
    made = rider.claim(bike).get_json()
    with site.cloud.db.writing() as session:
        claims.started(session, bike.hex, made["cti"], made["epoch"])
    answer = technician.post("/master-tokens", locks=[bike.hex], holder_key=holder_key()).get_json()
    shown = {entry["index"] for entry in answer["locks"][0]["advertising"]}
    floor = made["epoch"] + 1  # a single ride leaves the floor one past its epoch
    assert {keys.adv_index(floor, riding=True), keys.adv_index(floor, riding=False)} <= shown


def test_masters_and_rides_count_apart(site):
    bike, technician, rider = site.bike(), site.person("technician"), site.person()
    for _ in range(3):
        technician.post("/master-tokens", locks=[bike.hex], holder_key=holder_key())
    assert rider.claim(bike).get_json()["epoch"] == 1
    assert technician.get(f"/locks/{bike.hex}").get_json()["wanted_floor"] == 0


def test_a_master_token_needs_no_claim_and_stops_none(site):
    bike, technician, rider = site.bike(), site.person("technician"), site.person()
    made = rider.claim(bike).get_json()
    assert technician.post("/master-tokens", locks=[bike.hex], holder_key=holder_key()).status_code == 201
    assert rider.get(f"/claims/{made['claim_id']}").get_json()["status"] == "open"


def test_a_master_token_is_bound_and_bounded(site):
    bike, technician = site.bike(), site.person("technician")
    ask = {"locks": [bike.hex], "holder_key": holder_key()}
    for exp in (site.now, site.now + 8 * 3600 + 1):
        problem(technician.post("/master-tokens", **ask, exp=exp), 422, "bad_window")
    problem(technician.post("/master-tokens", **{**ask, "locks": []}), 422, "invalid")
    problem(technician.post("/master-tokens", **{**ask, "locks": [bike.hex] * 2}), 422, "invalid")
    problem(
        technician.post("/master-tokens", **{**ask, "locks": [f"{n:016x}" for n in range(9)]}), 422, "invalid"
    )
    problem(technician.post("/master-tokens", **{**ask, "locks": ["00" * 8]}), 404, "not_found")
    problem(technician.post("/master-tokens", **{**ask, "group": "01020304"}), 422, "invalid")
    problem(technician.post("/master-tokens", **{**ask, "holder_key": b64(bytes(32))}), 422, "bad_holder_key")
    made = master_of(site, technician.post("/master-tokens", **ask, **bike.challenge()))
    assert made.nonce is not None
    problem(technician.post("/master-tokens", **ask, **site.bike().challenge()), 422, "wrong_lock")


def test_a_group_is_opened_only_with_the_challenge_of_one_of_its_locks(site):
    inside, stranger, technician = (
        site.bike(group="01020304"),
        site.bike(group="0a0b0c0d"),
        site.person("technician"),
    )
    site.bike(group="01020304")
    ask = {"group": "01020304", "holder_key": holder_key()}
    problem(technician.post("/master-tokens", **ask), 422, "invalid")
    problem(technician.post("/master-tokens", **ask, **stranger.challenge()), 422, "wrong_lock")
    made = master_of(site, technician.post("/master-tokens", **ask, **inside.challenge()))
    assert made.aud == bytes.fromhex("01020304") and made.nonce is not None


def test_issuer_keys_are_made_once_and_the_newest_signs(site):
    with site.cloud.db.writing() as session:
        assert issuers.make_missing(session, site.cloud.box, site.now) == []
        newer = issuers.make(session, site.cloud.box, keys.RIDE, site.now + 10)
        assert issuers.current(session, keys.RIDE, site.now).kid != newer  # not valid yet
        assert issuers.current(session, keys.RIDE, site.now + 10).kid == newer
        signer = issuers.signer(site.cloud.box, issuers.current(session, keys.COUNTERSIGN, site.now))
        assert len(signer(b"x")) == 64


@pytest.mark.parametrize("epoch, floor", [(1, 0), (200, 0), (70, 69)])
def test_a_lock_that_nobody_reached_for_long_is_still_found(epoch, floor):
    from cloud.advertising import SPAN, for_claim

    shown = [entry["index"] for entry in for_claim(bytes(32), floor, epoch, single=True)]
    assert {2 * floor, 2 * floor + 1, 2 * epoch, 2 * epoch + 1, 2 * epoch + 2} <= set(shown)
    assert len(shown) == len(set(shown)) <= 2 * SPAN
