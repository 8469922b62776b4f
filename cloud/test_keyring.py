"""Keysets in the cloud: what it takes from the roots, what it refuses, and how far the locks have come."""

import hashlib

import pytest

from cloud import issuers, keyring, locks, rotation, testkeys
from cloud.problem import NotOffered, Problem
from cloud.testkeys import NEW, OLD, root_set, sign
from protocol import comb, ed25519, keys, roots

DAY = 86_400


@pytest.fixture
def writing(site):
    with site.cloud.db.writing() as session:
        yield session


def published(session):
    row = keyring.published(session)
    return roots.verify(row.body, roots.parse(row.roots), ed25519.verify)


def refusal(session, raw, now, **more):
    with pytest.raises(Problem) as refused:
        keyring.take(session, raw, now, **more)
    return refused.value.code, refused.value.extra.get("why", "")


def test_the_first_keyset_needs_roots_to_believe(site, writing):
    row = keyring.newest(writing)
    body = row.body
    writing.delete(row)
    writing.flush()
    assert refusal(writing, body, site.now)[0] == "no_roots"
    assert refusal(writing, body, site.now, first_roots=root_set(NEW))[0] == "keyset_refused"
    assert keyring.take(writing, body, site.now, root_set(OLD)).version == 4


def test_a_keyset_is_taken_as_a_lock_would_take_it(site, writing):
    proposal = keyring.propose(writing, site.now)
    assert proposal.version == 5
    for raw, why in (
        (sign(proposal, ("a",)), "fewer than 2"),
        (sign(proposal, ("a", "d")), "no root"),
        (sign(proposal, version=3), "older"),
        (sign(proposal, version=4)[:-1], "not a signed keyset"),
        (sign(proposal, ("a", "b", "d"), roots=root_set(NEW)), "fewer than 2"),
    ):
        code, said = refusal(writing, raw, site.now)
        assert code == "keyset_refused" and why in said
    assert keyring.take(writing, sign(proposal), site.now).version == 5
    assert (
        keyring.take(writing, sign(proposal, ("b", "c")), site.now).version == 5
    )  # the same, by others: no news
    rotation.rotate(writing, site.cloud.box, keys.RIDE, site.now)
    other = sign(keyring.propose(writing, site.now), version=5)
    assert "same version" in refusal(writing, other, site.now)[1]


def test_a_keyset_that_locks_would_take_and_nobody_could_use(site, writing):
    box, now = site.cloud.box, site.now
    before, old = keyring.propose(writing, now), issuers.current(writing, keys.RIDE, now).kid
    signs, _ = rotation.rotate(writing, box, keys.RIDE, now)
    following = keyring.propose(writing, now)
    lacking = keyring.Proposal(5, [e for e in following.entries if e[0].hex() != signs])
    assert "current ride key is not in it" in refusal(writing, sign(lacking), now)[1]
    rotation.drop(writing, old, now)
    assert "was removed" in refusal(writing, sign(before), now)[1]
    stranger = testkeys.public(testkeys.root("stranger"))
    entry = (keys.kid(keys.RIDE, stranger), stranger, now, now + DAY)
    alien = keyring.Proposal(5, sorted([*keyring.propose(writing, now).entries, entry]))
    assert "none of this cloud's" in refusal(writing, sign(alien), now)[1]


def test_a_comb_is_kept_only_if_it_is_the_one_that_was_signed(site, writing):
    proposal = keyring.propose(writing, site.now)
    kid, key = next(iter(proposal.issuers.items()))
    body = bytes(comb.encode(key, bytes(12288)))
    raw = sign(proposal, combs={kid: hashlib.sha256(body).digest()})
    assert "comb" in refusal(writing, raw, site.now)[1]
    assert "comb" in refusal(writing, raw, site.now, combs={kid.hex(): body + b"x"})[1]
    keyring.take(writing, raw, site.now, combs={kid.hex(): body})
    writing.commit()
    assert keyring.comb_for(site.cloud, "", (kid.hex(),), ()) == body
    for rest, query in (((), ()), (("01ffffff",), ()), ((kid.hex(), "x"), ()), ((kid.hex(),), ("v=1",))):
        with pytest.raises(NotOffered):
            keyring.comb_for(site.cloud, "", rest, query)


def test_a_rotation_has_overlap(site, writing):
    box, now = site.cloud.box, site.now
    first, following = (
        issuers.current(writing, keys.RIDE, now).kid,
        issuers.following(writing, keys.RIDE).kid,
    )
    assert bytes.fromhex(following) in published(writing).keys
    assert not rotation.is_due(writing, keys.RIDE, now)
    later = now + 30 * DAY
    assert rotation.is_due(writing, keys.RIDE, later) and not keyring.is_due(writing, later)
    assert rotation.tend(writing, box, later)[0] == following
    assert keyring.is_due(writing, later) and rotation.tend(writing, box, later) == []
    assert issuers.current(writing, keys.RIDE, later).kid == following
    assert issuers.usable(writing, first, later) and issuers.usable(writing, first, later + 7 * DAY)
    assert issuers.usable(writing, first, later + 7 * DAY + 1) is None
    testkeys.publish(writing, later)
    assert {first, following} < {kid.hex() for kid in published(writing).keys}
    over = later + 8 * DAY
    assert first not in {entry[0].hex() for entry in keyring.propose(writing, over).entries}


def test_a_leaked_key_without_a_next_one_is_replaced_all_the_same(site, writing):
    now, box = site.now, site.cloud.box
    rotation.drop(writing, issuers.following(writing, keys.RIDE).kid, now)
    leaked = issuers.current(writing, keys.RIDE, now).kid
    instead, _ = rotation.withdraw(writing, box, leaked, now)
    assert issuers.current(writing, keys.RIDE, now).kid == instead != leaked
    assert issuers.following(writing, keys.RIDE) is not None
    countersigner = issuers.current(writing, keys.COUNTERSIGN, now).kid
    assert rotation.withdraw(writing, box, countersigner, now)[0] is not None


def test_release_keys_come_with_the_keyset_and_do_not_come_back(site, writing):
    public = testkeys.public(testkeys.root("release"))
    kid = issuers.add_release(writing, public, site.now)
    assert issuers.add_release(writing, public, site.now) == kid and kid.startswith("03")
    testkeys.publish(writing, site.now)
    assert published(writing).find(bytes.fromhex(kid), keys.RELEASE)[0] == public
    rotation.drop(writing, kid, site.now)
    with pytest.raises(Problem, match="key_removed"):
        issuers.add_release(writing, public, site.now)


def test_a_lock_that_slept_gets_each_change_of_roots_in_its_turn(site, writing):
    def take(by, version, **more):
        keyring.take(writing, sign(keyring.propose(writing, site.now), by, version, **more), site.now)

    take(OLD[:2], 5)
    take((*OLD[:2], *NEW[:2]), 6, roots=root_set(NEW))
    take(NEW[:2], 7)
    take((*NEW[1:], "g"), 8, roots=root_set(("g",), 1))
    take(("g",), 9)
    writing.commit()

    def version(*query):
        return roots.take_apart(keyring.keyset_for(site.cloud, "", (), query))[0].version

    assert [version(f"v={n}") for n in (0, 4, 5, 6, 7, 8, 9, 4294967295)] == [6, 6, 6, 8, 8, 9, 9, 9]
    assert version() == 9
    for query in (
        ("v=",),
        ("v=-1",),
        ("w=1",),
        ("v=1", "v=2"),
        ("v=" + "9" * 11,),
        ("v=\N{SUPERSCRIPT TWO}",),
    ):
        with pytest.raises(NotOffered):
            keyring.keyset_for(site.cloud, "", (), query)


def test_staff_see_how_far_the_keyset_has_come(site):
    bikes = [site.bike() for _ in range(3)]
    with site.cloud.db.writing() as session:
        testkeys.publish(session, site.now)
        keyring.installed(locks.get(session, bikes[0].hex), 5)
    answer = site.person("technician").get("/keyset").get_json()
    assert answer["version"] == 5
    assert answer["installed"] == [{"version": 4, "locks": 2}, {"version": 5, "locks": 1}]


def test_floors_that_a_lock_reported_under_a_lost_key_are_forgotten_with_its_new_keyset(site):
    bike, rider = site.bike(), site.person()
    with site.cloud.db.writing() as session:
        locks.saw(session, bike.hex, 2**31)
        keyring.installed(locks.get(session, bike.hex), 4)  # said again: no news
        assert locks.get(session, bike.hex).seen_floor == 2**31
        keyring.installed(locks.get(session, bike.hex), 5)
        assert locks.get(session, bike.hex).seen_floor == 0
    shown = [entry["index"] for entry in rider.claim(bike).get_json()["advertising"]]
    assert 0 in shown and max(shown) < 10
