# heap: 512k
"""The rows by which a lock takes a release, works on it, and keeps it."""

import hashlib

from boards.sim.signer import QuickKey
from firmware import update
from protocol import ed25519, keys, keyset, manifest, status
from protocol import update as said

NOW = 1_800_000_000
A, B, RIDE = [QuickKey(hashlib.sha256(name).digest()) for name in (b"a", b"b", b"ride")]


def keyset_of(*entries):
    held = [(keys.kid(role, one.public), one.public, NOW - 9, NOW + 9999) for one, role in entries]
    return keyset.parse(keyset.encode(1, held))


HELD = keyset_of((A, keys.RELEASE), (B, keys.RELEASE), (RIDE, keys.RIDE))


def head(version=7, counter=2, board="sim", expires=NOW + 100, by=(A, B), content=b"x"):
    listed = manifest.encode_list([("firmware/lock.mpy", 1, hashlib.sha256(content).digest())])
    payload = manifest.encode_payload(version, counter, board, expires, listed)
    return manifest.parse_head(
        manifest.encode_head(payload, [(keys.kid(keys.RELEASE, one.public), one.sign) for one in by])
    )


def view(of, running="usual", **changes):
    v = update.View()
    v.head, v.board, v.keyset, v.past, v.failures, v.verify = of, "sim", HELD, NOW, 0, ed25519.verify
    v.running = head(6, 2) if running == "usual" else running
    for name, value in changes.items():
        setattr(v, name, value)
    return v


JUDGED = (  # threat, view, reason
    ("", view(head()), said.ACCEPTED),
    ("", view(head(), running=None), said.ACCEPTED),
    ("", view(head(counter=3)), said.ACCEPTED),
    ("", view(head(expires=NOW)), said.ACCEPTED),
    ("", view(head(), past=0), said.ACCEPTED),  # the clock is unknown
    ("", view(head(), failures=2), said.ACCEPTED),
    ("E01", view(head(by=(A,))), said.UNSIGNED),
    ("E01", view(head(by=(A, RIDE))), said.UNSIGNED),
    ("E01", view(head(), keyset=keyset_of((A, keys.RELEASE), (RIDE, keys.RIDE))), said.UNSIGNED),
    ("E01", view(head(), keyset=keyset_of((A, keys.MASTER), (B, keys.RIDE))), said.UNSIGNED),
    ("E02", view(head(5)), said.OLDER),
    ("E02", view(head(0, counter=99)), said.OLDER),
    ("E02", view(head(6, content=b"y")), said.OTHER_BYTES),
    ("E02", view(head(6, counter=3)), said.OTHER_BYTES),
    ("E02", view(head(6, 2)), said.RUNNING),
    ("E02", view(head(7, counter=1)), said.COUNTER),
    ("E03", view(head(board="esp32s3_lock")), said.OTHER_BOARD),
    ("E03", view(head(board="sim2")), said.OTHER_BOARD),
    ("E03", view(head(), board="si"), said.OTHER_BOARD),
    ("E05", view(head(), failures=3), said.FAILED),
    ("E06", view(head(expires=NOW - 1)), said.EXPIRED),
    ("E06", view(head(), past=NOW + 101), said.EXPIRED),
)


def test_e01_e02_e03_e05_e06_each_head_is_judged_by_the_first_row_that_holds():
    for i, (threat, v, reason) in enumerate(JUDGED):
        assert update.judge(v) == reason, (i, threat)


C = QuickKey(hashlib.sha256(b"c").digest())
ROLLED = [keyset_of(*[(one, keys.RELEASE) for one in held]) for held in ((A, B), (A, B, C), (A, C))]


def test_e09_a_release_key_is_believed_before_its_successor_beside_it_and_not_after_it():
    """B is followed by C: a keyset without C, one with both, one without B."""
    for by, taken in (((A, B), (1, 1, 0)), ((A, C), (0, 1, 1)), ((B, C), (0, 1, 0)), ((A, B, C), (1, 1, 1))):
        for known, good in zip(ROLLED, taken):
            reason = update.judge(view(head(by=by), keyset=known))
            assert reason == (said.ACCEPTED if good else said.UNSIGNED), (by, good)
    for lost in (A, C):  # one release key that is left releases nothing
        assert update.judge(view(head(by=(lost,)), keyset=ROLLED[2])) == said.UNSIGNED


def test_no_signature_is_checked_for_a_head_that_is_refused_anyway():
    def never(*_):
        raise AssertionError("verified")

    for i, (_, v, reason) in enumerate(JUDGED):
        if reason not in (said.ACCEPTED, said.UNSIGNED):
            v.verify = never
            assert update.judge(v) == reason, i


def lock(**changes):
    v = update.View()
    v.state, v.busy, v.linked, v.millivolts, v.reserve, v.trial = (
        status.STATE_LOCKED,
        False,
        False,
        3600,
        3500,
        False,
    )
    for name, value in changes.items():
        setattr(v, name, value)
    return v


def test_an_update_never_runs_during_a_ride_or_an_action_or_on_a_low_battery():
    for state in status.STATE_NAMES:
        works = state in (status.STATE_LOCKED, status.STATE_SERVICE)
        assert update.may_work(lock(state=state)) is works
        assert update.may_switch(lock(state=state)) is (state == status.STATE_LOCKED)
    for change in ({"busy": True}, {"millivolts": 3499}, {"trial": True}):
        assert not update.may_work(lock(**change)) and not update.may_switch(lock(**change)), change
    assert update.may_work(lock(linked=True)) and not update.may_switch(lock(linked=True))


def trial(uptime_s, **changes):
    v = update.View()
    v.uptime_s, v.state, v.busy = uptime_s, status.STATE_LOCKED, False
    v.bolt = v.radio = v.contact = True
    v.alone = False
    for name, value in changes.items():
        setattr(v, name, value)
    return v


def test_e05_a_trial_is_confirmed_by_the_self_test_alone():
    assert update.outcome(trial(19)) == update.WAIT
    assert update.outcome(trial(20)) == update.CONFIRM
    assert update.outcome(trial(20, state=status.STATE_OPEN, busy=True)) == update.CONFIRM
    assert update.outcome(trial(20, contact=False, alone=True)) == update.CONFIRM
    for fault in (
        {"bolt": False},
        {"radio": False},
        {"contact": False},
        {"state": status.STATE_QUARANTINE},
        {"radio": False, "alone": True},
    ):
        assert update.outcome(trial(899, **fault)) == update.WAIT, fault
        assert update.outcome(trial(900, **fault)) == update.BACK, fault


def test_the_way_back_waits_for_an_open_bolt():
    for change in ({"busy": True}, {"state": status.STATE_OPEN}, {"state": status.STATE_OPENING}):
        assert update.outcome(trial(5000, contact=False, **change)) == update.WAIT
    assert update.outcome(trial(5000, contact=False, state=status.STATE_PARKED)) == update.BACK
