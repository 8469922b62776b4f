# heap: 2m
"""The whole lock and releases that a technician's phone brings; and those that others try to bring (E07)."""

import os

from boards.sim import update_bench
from boards.sim.bench import K_LOCK, NOW, kid_of
from boards.sim.release import SIGNERS, Release, holds, release
from boards.sim.update_bench import RIDER, TECH, Phone
from firmware.lock import Lock
from protocol import ed25519, exchange, keys, receipt, status, token, update

OLD = release(1)
NEW = release(2, changed=("firmware/lock.mpy", "firmware/unlock.mpy"))


def Bike(**settings):
    return update_bench.Bike(Lock, OLD, **settings)


def deliver(bike, what, blocks=1 << 30, **proof):
    """What came of it: what bring() gives, or the status of a proof that failed."""
    answers = []

    async def visit():
        phone = Phone(bike)
        code = await phone.prove(**proof)
        answers.append(code if code else await phone.bring(what, blocks))
        await bike.board.timeline.sleep_ms(3000)
        bike.board.link.disconnect(phone.conn)

    ended = bike.live(300, visit())
    return (answers[0] if answers else None), ended


def settled(bike):
    """A lock whose boot has been told, and that has no cloud."""
    bike.board.world.uplink = False
    bike.live(2)
    return bike


def receipts(bike):
    """Those of updates in the lock's log, opened with its key; the whole log follows one by one."""
    log = bike.lock.receipts.after(0, 100)
    assert [seq for seq, _ in log] == list(range(1, len(log) + 1))
    opened = [receipt.open(keys.receipt_key(K_LOCK), raw) for _, raw in log]
    return [one for one in opened if one.type == receipt.UPDATE]


def test_an_update_by_a_technicians_phone_without_any_network():
    bike = settled(Bike())
    assert deliver(bike, NEW, cti=b"opencti1") == ((update.TRIAL, 0), True)
    assert bike.text() == "b a 2" and holds(bike.root, "b", NEW)
    bike.reboot()
    assert not bike.live(60) and bike.text() == "b"  # nobody asks it for a cloud that it did not have before
    assert bike.board.world.actuations == 0
    said = receipts(bike)
    assert [(one.cti, one.detail) for one in said] == [(b"opencti1", [NEW.version, NEW.digest])]
    assert said[0].issue == [kid_of("master"), 1] and said[0].request is not None
    bike.close()


def comes_back(bike):
    """A release brought now to a lock out of reach of its cloud, and not kept there for want of it."""
    bike.board.world.uplink = False
    assert deliver(bike, NEW) == ((update.TRIAL, 0), True)
    bike.reboot()
    return bike.live(1000) and bike.text() == "a !b"


def test_e05_a_lock_that_has_only_just_woken_is_not_taken_for_one_without_a_cloud():
    bike = Bike(sleep=1, uplink_every_s=14_400, status_every_s=14_400, fix_every_s=120)
    bike.live(300)
    assert bike.why == "sleep" and bike.board.kept and bike.peer.records  # the cloud answered before it slept
    bike.reboot()
    assert comes_back(bike)
    bike.close()


def test_a_sleeping_lock_whose_calls_came_to_nothing_since_power_came_back_needs_no_cloud():
    bike = Bike(sleep=1, uplink_every_s=14_400, status_every_s=14_400, fix_every_s=120)
    bike.lock.receipts.acked_seq = 9
    bike.board.world.uplink = False
    bike.live(300)
    assert bike.why == "sleep" and not bike.peer.records
    bike.reboot()
    bike.lock.receipts.acked_seq = 9  # as after a boot of a lock that has ridden for long
    assert not comes_back(bike) and bike.text() == "b"
    bike.close()


def test_e05_a_lock_that_has_only_just_started_is_not_either_unless_it_never_had_one_or_calls_in_vain():
    bike = Bike()
    bike.lock.receipts.acked_seq = 9
    assert comes_back(bike)
    bike.close()
    bike = settled(Bike())
    bike.lock.receipts.acked_seq = 9
    bike.live(901)
    assert not comes_back(bike) and bike.text() == "b"
    bike.close()


def test_every_release_that_is_taken_up_leaves_a_receipt_that_its_bringer_signed():
    bike = settled(Bike())
    proofs = []

    async def twice():
        for cti, what in ((b"tech one", Release(2, NEW.files, signers=SIGNERS[:1])), (b"tech two", NEW)):
            phone = Phone(bike)
            assert await phone.prove(cti=cti) == status.OK
            proofs.append(phone.covered)
            await phone.bring(what, 3)
            bike.board.link.disconnect(phone.conn)

    bike.live(120, twice())
    said = receipts(bike)
    assert [(one.cti, one.detail[1] == NEW.digest) for one in said] == [
        (b"tech one", False),
        (b"tech two", True),
    ]
    for one, covered in zip(said, proofs):
        assert ed25519.verify(TECH.public, covered, one.request[1])
    bike.close()


def test_what_is_not_taken_up_leaves_none():
    bike = settled(Bike())
    assert deliver(bike, OLD)[0] == (update.REFUSED, update.RUNNING)
    rider = bike.bench.phone()
    assert rider.open(bike.bench.token(RIDER, cti=b"the ride"), RIDER).status == status.OK
    rider.leave()
    bike.board.world.close()
    bike.live(2)
    assert deliver(bike, NEW)[0] == (update.REFUSED, update.LATER)  # parked: a ride runs
    assert receipts(bike) == []
    bike.close()


def test_flash_that_does_not_take_the_receipt_takes_no_release():
    bike = settled(Bike())
    append = bike.lock.store.append

    def full(name, data):
        if name.startswith("r/"):
            raise OSError(5)
        return append(name, data)

    bike.lock.store.append = full
    deliver(bike, NEW)
    assert bike.lock.state == status.STATE_QUARANTINE and bike.text() == "a"
    bike.close()


def test_a_phone_that_leaves_and_returns_goes_on_where_it_stopped():
    bike = settled(Bike())
    assert deliver(bike, NEW, blocks=4) == (None, False)
    assert not bike.live(30) and bike.text() == "a"
    answers = []

    async def again():
        phone = Phone(bike)
        assert await phone.prove() == status.OK
        answers.append(await phone.bring(NEW))
        assert update.MANIFEST not in phone.served and len(phone.served) < 4

    bike.live(300, again())
    assert answers == [(update.TRIAL, 0)]
    bike.close()


def test_e07_nobody_brings_a_release_without_the_right_to():
    cases = (  # what is proved, and the answer
        ({"scope": token.SCOPE_SERVICE}, status.SCOPE),
        ({"issuer": "ride", "holder": RIDER, "scope": token.SCOPE_RIDE}, status.KEY),
        ({"issuer": "ride", "holder": RIDER, "hold": 0, "longest": 0}, status.KEY),
        ({"issuer": "master of nobody"}, status.KEY),
        ({"lock": b"lock-two"}, status.WRONG_LOCK),
        ({"exp": NOW - 10, "nbf": NOW - 60, "iat": NOW - 60}, status.EXPIRED),
        ({"command": exchange.OPEN}, status.KEY),
    )
    for proof, code in cases:
        bike = settled(Bike())
        answer, _ = deliver(bike, NEW, **proof)
        assert answer == code, (proof, answer)
        bike.close()


def test_e07_a_link_without_a_proof_brings_nothing_also_beside_one_that_has_it():
    bike = settled(Bike())

    async def attack():
        for opcode, body in (
            (exchange.OFFER, update.encode_offer(NEW.version, NEW.digest)),
            (exchange.DATA, update.encode_data(b"", 0, NEW.manifest[:512])),
        ):
            thief = Phone(bike)
            thief.send(opcode, body)
            answer = await thief.next()
            assert exchange.decode_result(answer[1])[0] == status.SCOPE
            bike.board.link.disconnect(thief.conn)
        opener = Phone(bike)  # who may open for service, and has
        assert await opener.prove(command=exchange.SERVICE, scope=token.SCOPE_SERVICE) == status.OK
        opener.send(exchange.OFFER, update.encode_offer(NEW.version, NEW.digest))
        opcode, body = await opener.next()
        assert exchange.decode_result(body)[0] == status.SCOPE
        bike.board.link.disconnect(opener.conn)
        bike.board.world.close()
        await bike.board.timeline.sleep_ms(500)
        honest, thief = Phone(bike), Phone(bike)
        assert await honest.prove() == status.OK
        honest.send(exchange.OFFER, update.encode_offer(NEW.version, NEW.digest))
        opcode, body = await honest.next()
        assert (opcode, update.decode_want(body)) == (exchange.WANT, (b"", 0))
        thief.send(exchange.DATA, update.encode_data(b"", 0, bytes(512)))
        assert exchange.decode_result((await thief.next())[1])[0] == status.SCOPE
        honest.send(exchange.DATA, update.encode_data(b"", 0, NEW.get(b"", 0)))
        opcode, body = await honest.next()
        assert (opcode, update.decode_want(body)) == (exchange.WANT, (b"", 512))

    bike.live(120, attack())
    assert bike.text() == "a"
    bike.close()


def test_a_phone_that_lies_is_found_out_and_one_that_babbles_is_cut():
    bike = settled(Bike())
    liar = Release(2, dict(NEW.files))
    plain = liar.get
    liar.get = lambda name, offset: bytes(512) if name and offset == 0 else plain(name, offset)
    answer, _ = deliver(bike, liar)
    assert answer == (update.REFUSED, update.WRONG_FILE) and bike.text() == "a"
    assert deliver(bike, Release(2, NEW.files, board="other"))[0] == (update.REFUSED, update.OTHER_BOARD)
    assert deliver(bike, OLD)[0] == (update.REFUSED, update.RUNNING)
    absent = release(2)
    absent.get = lambda name, offset: None
    assert deliver(bike, absent)[0] == (update.REFUSED, update.GONE)

    async def babble():
        for body in (b"\xff", update.encode_want(b"", 0), update.encode_data(b"abcd", 0, b"x")):
            phone = Phone(bike)
            assert await phone.prove() == status.OK
            phone.send(exchange.OFFER, update.encode_offer(NEW.version, NEW.digest))
            await phone.next()
            phone.send(exchange.DATA, body)
            opcode, answer = await phone.next()
            assert exchange.decode_result(answer)[0] == status.MALFORMED
            await bike.board.timeline.sleep_ms(1000)
            assert not bike.board.link.up(phone.conn)
        phone = Phone(bike)
        assert await phone.prove() == status.OK
        phone.send(exchange.OFFER, b"\xff")
        assert exchange.decode_result((await phone.next())[1])[0] == status.MALFORMED

    bike.live(300, babble())
    assert bike.lock.session.errors == 0 and bike.text() == "a"
    bike.close()


def test_a_lock_without_slots_says_so_to_the_phone():
    bike = settled(Bike())
    os.remove(bike.root + "/slot")
    bike.lock = bike.bench.lock = Lock(bike.board)
    assert deliver(bike, NEW)[0] == (update.REFUSED, update.NO_SLOTS)
    bike.close()
