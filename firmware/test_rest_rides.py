# heap: 2m
"""A lock that dozes through rides and stops, and what it still does with its last reserve."""

from boards.sim.bench import key
from firmware.test_rest import CTI, OTHER, RIDER, Phone, Street, start
from protocol import exchange, receipt, status

TECH = key("technician")


# ---- rides


def test_a_ride_is_dozed_through_and_closed_at_its_second():
    street = Street()

    async def story():
        await start(street)
        street.world.move()
        await street.until(lambda: street.lock.rest.dozes, 120)
        assert street.shown_ms == 0 and not street.world.radio_on
        assert 1 in street.peer.receipts and not street.board.bearer.opened  # told, and the network let go
        await street.wait(600)
        assert street.naps == [] and street.boots == []
        street.world.still()
        await street.wait(30.37)
        street.world.close()
        closed = street.timeline.now
        assert await street.until(lambda: street.shown_ms, 3) <= 1  # the bolt's switch wakes it
        raws = [receipt.parse(raw) for _, raw in street.lock.receipts.after(0, 99)]
        assert [parsed.type for parsed in raws] == [receipt.OPEN, receipt.CLOSE]
        assert abs(raws[1].at - closed // 1000) <= 1
        phone = Phone(street)
        assert (await phone.with_ride(exchange.END, RIDER)).status == status.OK
        phone.leave()
        await street.until(lambda: street.asleep, 120)
        assert sorted(street.peer.receipts) == [1, 2, 3]

    street.run(story)


def test_a_phone_that_stays_and_says_nothing_does_not_keep_it_awake():
    street = Street()

    async def story():
        street.world.press()
        await street.until(lambda: street.shown_ms, 5)
        phone = Phone(street)
        assert (await phone.open(street.bench.token(RIDER, 1, CTI), RIDER)).status == status.OK
        assert 25 <= await street.until(lambda: street.lock.rest.dozes, 60) <= 35
        assert not street.board.link.up(phone.conn)
        street.world.close()
        await street.until(lambda: street.shown_ms, 3)
        phone = Phone(street)  # it finds the lock again
        assert (await phone.with_ride(exchange.END, RIDER)).status == status.OK

    street.run(story)


def test_a_stop_ends_by_its_hold_and_the_button_wakes_it_before():
    street = Street()

    async def story():
        await start(street)
        street.world.close()
        await street.until(lambda: street.lock.rest.dozes, 300)
        assert street.lock.state == status.STATE_PARKED
        street.world.press()
        assert await street.until(lambda: street.shown_ms, 5) <= 1  # a doze is no boot
        phone = Phone(street)
        assert (await phone.with_ride(exchange.OPEN, RIDER)).status == status.OK
        phone.leave()
        street.world.close()
        closed = street.timeline.now
        await street.until(lambda: street.asleep, 1_200)
        last = receipt.parse(street.peer.receipts[max(street.peer.receipts)])
        assert last.type == receipt.END and 900 <= last.at - closed // 1000 <= 903  # hold: 15 minutes

    street.run(story)


def test_a_bike_left_open_is_handed_over_to_who_presses_the_button():
    street = Street()

    async def story():
        await start(street)
        await street.wait(400)
        assert street.lock.rest.dozes
        street.world.press()
        await street.until(lambda: street.shown_ms, 5)
        phone = Phone(street)
        raw = street.bench.token(OTHER, 2, b"cti-two-")
        assert (await phone.open(raw, OTHER)).status == status.OK
        last = [receipt.parse(raw) for _, raw in street.lock.receipts.after(0, 99)][-1]
        assert last.type == receipt.HAND_OVER

    street.run(story)


def test_the_receiver_rests_between_fixes():
    street = Street()
    seen = []

    async def story():
        await start(street)
        street.world.move()
        for _ in range(900):
            await street.wait(1)
            seen.append(street.world.gnss_on)

    street.run(story)
    assert 20 <= sum(seen) <= 330, sum(seen)  # of 900 s; the first search is from cold
    switched = sum([1 for a, b in zip(seen, seen[1:]) if b and not a])
    assert 4 <= switched <= 9, switched


def test_a_cloud_that_is_away_costs_ever_rarer_calls_and_a_receipt_stays():
    street = Street()

    async def story():
        await start(street)
        street.world.close()
        street.world.uplink = False
        await street.wait(0.5)
        phone = Phone(street)
        assert (await phone.with_ride(exchange.END, RIDER)).status == status.OK
        phone.leave()
        await street.wait(86_400)
        lengths = [length // 1000 for _, length, _ in street.naps]
        assert lengths[0] == 900 and lengths == sorted(lengths) and len(lengths) <= 8, lengths
        awake = 86_400 - sum(lengths[:-1])
        assert awake > 0
        street.world.uplink = True
        street.world.press()
        await street.until(lambda: sorted(street.peer.receipts) == [1, 2, 3], 30)

    street.run(story)


# ---- the reserve


def test_after_empty_it_still_closes_tells_and_opens_once_more():
    """The start reserve's millivolts less one: what is left belongs to who is on the way, and to a technician."""
    street = Street()

    async def story():
        await start(street)
        street.world.move()
        street.world.set_battery(3_499)
        await street.until(lambda: street.lock.rest.dozes, 120)
        gnss = []
        for _ in range(300):
            await street.wait(1)
            gnss.append(street.world.gnss_on)
        assert not any(gnss)
        street.world.still()
        street.world.close()
        await street.until(lambda: 2 in street.peer.receipts, 60)  # closed, and told
        assert receipt.parse(street.peer.receipts[2]).type == receipt.CLOSE
        phone = Phone(street)
        assert (await phone.with_ride(exchange.OPEN, RIDER)).status == status.OK  # one unlock
        assert street.world.bolt_open()
        street.world.close()
        await street.wait(0.5)
        assert (await phone.with_ride(exchange.END, RIDER)).status == status.OK
        phone.leave()
        await street.until(lambda: street.asleep, 120)
        assert street.naps[-1][1] > 80_000_000  # nearly a day
        street.world.press()
        await street.until(lambda: street.shown_ms, 5)
        phone = Phone(street)
        raw = street.bench.token(OTHER, 5, b"cti-two-")
        assert (await phone.open(raw, OTHER)).status == status.LOW_BATTERY
        raw = street.bench.token(TECH, 1, issuer="master")
        assert (await phone.open(raw, TECH, exchange.SERVICE)).status == status.OK
        assert street.world.bolt_open()
        street.world.close()
        await street.wait(1)
        street.world.set_battery(3_299)  # below the re-open reserve the bolt does not move
        raw = street.bench.token(TECH, 1, issuer="master")
        assert (await phone.open(raw, TECH, exchange.SERVICE)).status == status.LOW_BATTERY
        assert street.world.bolt_closed()

    street.run(story)
