import base64
import hashlib

import pytest

from cloud import claims, issuers, rotation
from cloud.body import b64
from cloud.tables import Claim, IssuedToken, Lock, Ride
from cloud.testsite import holder_key, problem
from protocol import keys, token


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def parsed(answer):
    """The token of an answer, checked as a lock would: by the public key that its kid names."""
    made = token.parse(unb64(answer.get_json()["token"]))
    return made


def verified(site, answer, role=keys.RIDE):
    made = parsed(answer)
    public = {key["kid"]: unb64(key["key"]) for key in site.client.get("/api/v1/keys").get_json()["keys"]}
    assert made.kid[0] == role and made.verify(public[made.kid.hex()])
    return made


def test_a_claim_gives_a_token_that_a_lock_takes(site):
    rider, bike, holder = site.person(), site.bike(), holder_key()
    answer = rider.claim(bike, holder_key=holder)
    body = answer.get_json()
    assert answer.status_code == 201 and answer.headers["Location"] == f"/api/v1/claims/{body['claim_id']}"
    made = verified(site, answer).claims
    assert made.aud == ((bike.lock_id, 1),)
    assert made.cti.hex() == body["cti"] == body["claim_id"]
    assert made.holder == unb64(holder)
    assert (made.nbf, made.iat, made.exp) == (site.now - 30, site.now, site.now + 600)
    assert (made.scope, made.mode, made.floor, made.nonce) == (token.SCOPE_RIDE, token.MODE_SINGLE, 0, None)
    assert (made.hold, made.longest) == (900, 86400)


def test_a_claim_names_the_keys_to_find_the_lock_by_and_to_check_its_receipts(site):
    rider, bike = site.person(), site.bike()
    body = rider.claim(bike).get_json()
    shown = {entry["index"]: bytes.fromhex(entry["key"]) for entry in body["advertising"]}
    assert shown == {index: keys.adv_key(bike.k_lock, index) for index in (0, 1, 2, 3, 4)}
    (signer,) = body["countersigners"]
    assert keys.kid(keys.COUNTERSIGN, unb64(signer["key"])).hex() == signer["kid"]


def test_a_second_claim_is_refused_while_the_first_is_open(site):
    bike, first, second = site.bike(), site.person(), site.person()
    made = first.claim(bike).get_json()
    assert "claim_id" not in problem(second.claim(bike), 409, "already_claimed")
    assert problem(first.claim(bike), 409, "already_claimed")["claim_id"] == made["claim_id"]


def test_a_refused_claim_takes_no_epoch(site):
    bike = site.bike()
    first = site.person()
    made = first.claim(bike).get_json()
    problem(site.person().claim(bike), 409, "already_claimed")
    first.delete(f"/claims/{made['claim_id']}")
    assert site.person().claim(bike).get_json()["epoch"] == 2


def test_a_cancelled_claim_frees_the_lock_for_a_higher_epoch_and_asks_for_the_floor(site):
    bike, first, second = site.bike(), site.person(), site.person()
    made = first.claim(bike).get_json()
    assert first.delete(f"/claims/{made['claim_id']}").get_json()["status"] == "cancelled"
    with site.cloud.db.reading() as session:
        assert session.get(Lock, bike.hex).wanted_floor == 2  # the old token dies at the next uplink
    newer = second.claim(bike)
    assert newer.status_code == 201
    claims_ = verified(site, newer).claims
    assert claims_.aud == ((bike.lock_id, 2),) and claims_.floor == 2
    assert (
        first.delete(f"/claims/{made['claim_id']}").get_json()["status"] == "cancelled"
    )  # once more, no harm
    problem(first.claim(bike), 409, "already_claimed")


def test_an_expired_claim_is_closed_by_the_next_one(site):
    bike, first, second = site.bike(), site.person(), site.person()
    made = first.claim(bike).get_json()
    site.now = made["exp"]
    problem(second.claim(bike), 409, "already_claimed")  # exp is the last second
    site.now = made["exp"] + 1
    assert first.get(f"/claims/{made['claim_id']}").get_json()["status"] == "expired"
    assert second.claim(bike).get_json()["epoch"] == 2
    with site.cloud.db.reading() as session:
        row = session.get(Claim, made["claim_id"])
        assert (row.status, row.open_on) == ("expired", None)


def test_a_ride_that_the_cloud_believes_to_run_blocks_no_claim(site):
    bike, first, second = site.bike(), site.person(), site.person()
    made = first.claim(bike).get_json()
    with site.cloud.db.writing() as session:
        assert claims.started(session, bike.hex, made["cti"], made["epoch"]).status == "used"
        session.add(ride(made["cti"], bike.hex, "open"))
    assert second.get(f"/bikes/{bike.code}").get_json()["state"] == "in_use"
    assert second.claim(bike).status_code == 201


def ride(cti, lock_id, state):
    return Ride(
        ride_id=hashlib.sha256(cti.encode()).hexdigest()[:32],
        cti=cti,
        lock_id=lock_id,
        claim=cti,
        state=state,
        opened_seq=1,
        last_seq=1,
        receipts=1,
        fixes=0,
        distance_m=0,
    )


def test_a_start_uses_up_a_single_claim_and_says_where_the_floor_is(site):
    bike, rider = site.bike(), site.person()
    made = rider.claim(bike).get_json()
    with site.cloud.db.writing() as session:
        claims.started(session, bike.hex, made["cti"], 1)
        claims.started(session, bike.hex, made["cti"], 1)  # the receipt comes twice
    with site.cloud.db.reading() as session:
        assert session.get(Lock, bike.hex).seen_floor == 2
    assert rider.get(f"/claims/{made['cti']}").get_json()["status"] == "used"
    assert [key["index"] for key in site.person().claim(bike).get_json()["advertising"]] == [4, 5, 6]


def test_another_locks_word_uses_up_no_claim(site):
    bike, other, rider = site.bike(), site.bike(), site.person()
    made = rider.claim(bike).get_json()
    with site.cloud.db.writing() as session:
        assert claims.started(session, other.hex, made["cti"], 1) is None
    assert rider.get(f"/claims/{made['cti']}").get_json()["status"] == "open"


def test_a_period_claim_holds_an_exclusive_lock_through_its_rides(site):
    bike, rider = site.bike(), site.person()
    made = rider.claim(bike, mode="period", exp=site.now + 7200)
    assert verified(site, made).claims.mode == token.MODE_PERIOD
    with site.cloud.db.writing() as session:
        assert claims.started(session, bike.hex, made.get_json()["cti"], 1).status == "open"
    problem(site.person().claim(bike), 409, "already_claimed")


def test_a_pooled_lock_takes_period_claims_only_and_any_number(site):
    bike = site.bike("pooled")
    problem(site.person().claim(bike), 409, "pool_needs_period")
    for epoch in (1, 2, 3):
        assert site.person().claim(bike, mode="period").get_json()["epoch"] == epoch


def test_a_floor_on_a_pooled_lock_re_issues_the_survivors_first(site):
    bike, admin, gone, stays = site.bike("pooled"), site.person("admin"), site.person(), site.person()
    dead = gone.claim(bike, mode="period").get_json()
    kept = stays.claim(bike, mode="period").get_json()
    gone.delete(f"/claims/{dead['claim_id']}")
    assert admin.get(f"/locks/{bike.hex}").get_json()["wanted_floor"] == 0  # a cancel alone hurts nobody
    answer = admin.post(f"/locks/{bike.hex}/floor").get_json()
    assert answer["reissued"] == [kept["claim_id"]] and answer["wanted_floor"] == 3
    fresh = stays.get(f"/claims/{kept['claim_id']}")
    made, before = verified(site, fresh).claims, token.parse(unb64(kept["token"])).claims
    assert made.aud == ((bike.lock_id, 3),) and made.floor == 3
    assert (made.cti, made.holder, made.exp, made.mode) == (
        before.cti,
        before.holder,
        before.exp,
        before.mode,
    )


def test_a_floor_with_a_number_kills_the_claims_below_it(site):
    bike, admin, rider = site.bike(), site.person("admin"), site.person()
    made = rider.claim(bike).get_json()
    problem(admin.post(f"/locks/{bike.hex}/floor", ride=3), 422, "floor_ahead")
    answer = admin.post(f"/locks/{bike.hex}/floor", ride=2, master=1).get_json()
    assert answer == {"wanted_floor": 2, "master_floor": 1, "cancelled": [made["claim_id"]], "reissued": []}
    assert rider.claim(bike).get_json()["epoch"] == 2  # still good at a lock whose floor is 2


def test_a_floor_without_a_number_keeps_an_open_claim_of_an_exclusive_lock(site):
    bike, admin, rider = site.bike(), site.person("admin"), site.person()
    rider.claim(bike)
    answer = admin.post(f"/locks/{bike.hex}/floor").get_json()
    assert answer["wanted_floor"] == 1 and answer["cancelled"] == []


def test_a_rider_holds_five_open_claims_at_most(site):
    rider, bikes = site.person(), [site.bike() for _ in range(6)]
    made = [rider.claim(bike) for bike in bikes]
    assert [answer.status_code for answer in made] == [201] * 5 + [409]
    problem(made[5], 409, "claim_limit")
    site.now += 601
    assert rider.claim(bikes[5]).status_code == 201


@pytest.mark.parametrize("mode, most", [("single", 900), ("period", 7 * 86400)])
def test_the_end_of_a_claim_lies_ahead_and_not_too_far(site, mode, most):
    bike, rider = site.bike(), site.person()
    for exp in (0, site.now, site.now + most + 1, 2**32 - 1):
        problem(rider.claim(bike, mode=mode, exp=exp), 422, "bad_window")
    assert rider.claim(bike, mode=mode, exp=site.now + most).get_json()["exp"] == site.now + most


def small_order_keys():
    yield bytes(32)  # y = 0
    yield bytes([1]) + bytes(31)  # the neutral element
    yield (2**255 - 20).to_bytes(32, "little")  # y = -1, order 2
    yield bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")  # order 8


def test_a_holder_key_that_proves_nothing_is_refused(site):
    bike, rider = site.bike(), site.person()
    bad = [*small_order_keys(), b"\xff" * 32, (2**255 - 18).to_bytes(32, "little"), bytes([2]) + bytes(31)]
    for key in bad:
        problem(rider.claim(bike, holder_key=b64(key)), 422, "bad_holder_key")
    assert rider.claim(bike).status_code == 201


def test_a_claim_is_by_bike_or_code_or_lock_and_exactly_one(site):
    bike, rider = site.bike(), site.person()
    asset_id = rider.get(f"/bikes/{bike.code}").get_json()["asset_id"]
    for which in ({"asset": asset_id}, {"code": bike.code}, {"lock": bike.hex}):
        answer = rider.post("/claims", holder_key=holder_key(), **which)
        assert answer.status_code == 201
        rider.delete(f"/claims/{answer.get_json()['claim_id']}")
    problem(rider.post("/claims", holder_key=holder_key()), 422, "invalid")
    problem(rider.post("/claims", holder_key=holder_key(), code=bike.code, lock=bike.hex), 422, "invalid")


def test_a_lost_answer_is_fetched_again(site):
    bike, rider = site.bike(), site.person()
    made = rider.claim(bike).get_json()
    (listed,) = rider.get("/claims").get_json()["claims"]
    assert listed["claim_id"] == made["claim_id"] and "token" not in listed
    assert rider.get(f"/claims/{made['claim_id']}").get_json()["token"] == made["token"]


def test_a_challenge_binds_the_same_claims_token(site):
    bike, rider = site.bike(), site.person()
    made = rider.claim(bike)
    said = bike.challenge(floor=1, seq=7)
    site.now += 60
    answer = rider.post(f"/claims/{made.get_json()['claim_id']}/token", **said)
    assert answer.status_code == 201
    before, bound = verified(site, made).claims, verified(site, answer).claims
    assert bound.nonce is not None and unb64(said["challenge"]).find(bound.nonce) > 0
    assert bound.iat == site.now
    for same in ("aud", "cti", "holder", "exp", "nbf", "mode", "hold", "longest", "scope"):
        assert getattr(bound, same) == getattr(before, same)
    with site.cloud.db.reading() as session:
        lock = session.get(Lock, bike.hex)
        assert (lock.seen_floor, lock.reported_seq) == (1, 7)
    assert rider.get(f"/claims/{before.cti.hex()}").get_json()["token"] == made.get_json()["token"]


def test_a_challenge_of_another_lock_binds_nothing(site):
    bike, other, rider = site.bike(), site.bike(), site.person()
    path = f"/claims/{rider.claim(bike).get_json()['claim_id']}/token"
    problem(rider.post(path, **other.challenge()), 422, "wrong_lock")
    mixed = {**bike.challenge(), "hello": bike.challenge()["hello"]}
    problem(rider.post(path, **mixed), 422, "wrong_lock")
    liar = bike.challenge()
    flipped = bytearray(unb64(liar["challenge"]))
    flipped[-1] ^= 1
    problem(rider.post(path, hello=liar["hello"], challenge=b64(bytes(flipped))), 422, "wrong_lock")
    other.k_lock = bike.k_lock  # right key, wrong name inside
    problem(rider.post(path, **other.challenge()), 422, "wrong_lock")


def test_a_claim_that_is_over_or_old_is_bound_to_nothing(site):
    bike, rider = site.bike(), site.person()
    made = rider.claim(bike).get_json()
    path = f"/claims/{made['claim_id']}/token"
    problem(rider.post(path, **bike.challenge(floor=2)), 409, "claim_old")
    rider.delete(f"/claims/{made['claim_id']}")
    problem(rider.post(path, **bike.challenge()), 409, "claim_closed")


def test_a_successor_has_the_same_cti_a_new_key_and_the_next_epoch(site):
    bike, rider, holder = site.bike(), site.person(), holder_key()
    made = rider.claim(bike).get_json()
    with site.cloud.db.writing() as session:
        claims.started(session, bike.hex, made["cti"], 1)
    site.now += 5000  # the start window is long over; the ride is not
    answer = rider.post(f"/claims/{made['claim_id']}/successor", holder_key=holder)
    assert answer.status_code == 201
    heir = verified(site, answer).claims
    assert heir.cti.hex() == made["cti"] and heir.holder == unb64(holder) and heir.aud == ((bike.lock_id, 2),)
    assert heir.successor and heir.single and heir.exp == site.now + 600
    bound = rider.post(f"/claims/{made['claim_id']}/successor", holder_key=holder, **bike.challenge())
    assert verified(site, bound).claims.nonce is not None and bound.get_json()["epoch"] == 3
    half = {"holder_key": holder, "hello": bike.challenge()["hello"]}
    problem(rider.post(f"/claims/{made['claim_id']}/successor", **half), 422, "invalid")


def test_a_ride_that_ended_has_no_successor(site):
    bike, rider = site.bike(), site.person()
    made = rider.claim(bike).get_json()
    with site.cloud.db.writing() as session:
        claims.started(session, bike.hex, made["cti"], 1)
        session.add(ride(made["cti"], bike.hex, "ended"))
    answer = rider.post(f"/claims/{made['claim_id']}/successor", holder_key=holder_key())
    problem(answer, 409, "ride_over")


def test_every_token_is_logged(site):
    bike, rider = site.bike(), site.person()
    made = rider.claim(bike).get_json()
    rider.post(f"/claims/{made['claim_id']}/token", **bike.challenge())
    rider.post(f"/claims/{made['claim_id']}/successor", holder_key=holder_key())
    with site.cloud.db.reading() as session:
        rows = session.query(IssuedToken).order_by(IssuedToken.token_id).all()
    assert [row.audience for row in rows] == [f"{bike.hex}:1", f"{bike.hex}:1", f"{bike.hex}:2"]
    for row in rows:
        made_ = token.parse(row.token)
        assert (row.claim, row.cti, row.kid) == (made["cti"], made["cti"], made_.kid.hex())
        assert (row.token_hash, row.holder, row.nonce) == (
            made_.hash,
            made_.claims.holder,
            made_.claims.nonce,
        )
        assert (row.user_id, row.iat, row.exp) == (rider.user_id, made_.claims.iat, made_.claims.exp)


def test_withdrawing_a_key_closes_its_claims_and_says_why(site):
    bike, rider = site.bike(), site.person()
    made = rider.claim(bike).get_json()
    assert made["why"] is None
    leaked = parsed(rider.get(f"/claims/{made['claim_id']}")).kid.hex()
    with site.cloud.db.writing() as session:
        following = issuers.following(session, keys.RIDE).kid
        assert rotation.withdraw(session, site.cloud.box, leaked, site.now) == (following, 1)
    over = rider.get(f"/claims/{made['claim_id']}").get_json()
    assert (over["status"], over["why"]) == (
        "cancelled",
        "The key that signed this claim was withdrawn for safety; claim again.",
    )
    problem(
        rider.post(f"/claims/{made['claim_id']}/successor", holder_key=holder_key()), 409, "claim_withdrawn"
    )
    problem(rider.post(f"/claims/{made['claim_id']}/token", **bike.challenge()), 409, "claim_withdrawn")
    assert parsed(rider.claim(bike)).kid.hex() == following  # which every lock believes already


def test_guessing_bikes_makes_one_wait(site):
    bike, rider = site.bike(), site.person()
    for _ in range(5):
        problem(rider.get("/bikes/nothing"), 404, "not_found")
        problem(rider.post("/claims", holder_key=holder_key(), lock="00" * 8), 404, "not_found")
    answer = rider.claim(bike)
    problem(answer, 429, "too_many")
    assert 0 < int(answer.headers["Retry-After"]) <= 60
    assert site.person().get(f"/bikes/{bike.code}").status_code == 200
    site.now += 60
    assert rider.claim(bike).status_code == 201
