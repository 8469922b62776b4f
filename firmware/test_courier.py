# heap: 2m
"""The whole lock and releases that a technician's phone brings; and those that others try to bring (E07)."""

import os

from boards.sim import update_bench
from boards.sim.bench import NOW
from boards.sim.release import Release, holds, release
from boards.sim.update_bench import RIDER, Phone
from firmware.lock import Lock
from protocol import exchange, status, token, update

OLD = release(1)
NEW = release(2, changed=("firmware/lock.mpy", "firmware/unlock.mpy"))


def Bike():
    return update_bench.Bike(Lock, OLD)


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


def test_an_update_by_a_technicians_phone_without_any_network():
    bike = settled(Bike())
    assert deliver(bike, NEW) == ((update.TRIAL, 0), True)
    assert bike.text() == "b a 2" and holds(bike.root, "b", NEW)
    bike.reboot()
    assert not bike.live(60) and bike.text() == "b"  # nobody asks it for a cloud that it did not have before
    assert bike.board.world.actuations == 0
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
