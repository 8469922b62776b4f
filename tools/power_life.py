"""A lock's year beside its riders, in steps from one event to the next.

What the lock does at each step is not written here: firmware/power.py decides it, as on the lock. What it draws then
stands in the board's folder (power.py). This file has the people: when they ride, how often a bike is knocked in its
rack, what an attacker does.
"""

from collections import Counter
from typing import Any

from firmware import power
from protocol import status
from tools.power import ALWAYS, DAY, Board, Cell, Result

# Rides an hour, per mille of a day, and a month's rides in percent of the mean month. Derived from the hourly counts
# of Capital Bikeshare, Washington, 2011-2012, 17,379 hours (Fanaee-T and Gama, UCI Bike Sharing Dataset).
WORKDAY = (8, 4, 2, 1, 1, 5, 22, 63, 103, 52, 29, 34, 44, 43, 40, 44, 64, 114, 107, 76, 54, 40, 30, 20)
WEEKEND = (21, 16, 12, 6, 2, 2, 4, 10, 24, 40, 59, 73, 84, 86, 84, 83, 81, 75, 65, 53, 40, 33, 27, 20)
MONTHS = (50, 60, 82, 99, 118, 127, 123, 126, 128, 118, 94, 75)

# A day beside the lock. Estimates: nobody has watched a rack for us yet.
RIDE_S = 840  # under way
UNLOCK_S = 10  # from the touch to the proof
LINK_S = 25  # the phone stays connected
PARKS = 3  # every so manieth ride has a stop,
PARK_S = 300  # so long
KNOCKS = 20  # a day, each in its own minute
ATTACK_S = 5  # between an attacker's connections
PROVE_S = 10  # for which the lock keeps a link that proves nothing (firmware/session.py)


def instants(day: int, rate: float, hours: tuple[int, ...]) -> list[float]:
    """Seconds of that day at which things happen that happen `rate` times a day, in these hours. Nothing is random."""
    first, last = int(day * rate), int((day + 1) * rate)
    total, found = sum(hours), []
    for number in range(first, last):
        shift = number * 0.618034 % 1  # spreads them: no two days are alike
        wanted = (number - first + shift) / max(1, last - first) * total
        for hour, weight in enumerate(hours):
            if wanted < weight:
                found.append((hour + wanted / weight) * 3600)
                break
            wanted -= weight
    return sorted(found)


class Life:
    """One lock for some days. `attack`: "" for none, "radio": connects every 5 s whenever it can; "shake": shakes the
    bike every 5 s besides."""

    def __init__(self, board: Board, rides_per_day: float, attack: str = "", seasons: bool = False) -> None:
        self.board, self.s, self.attack = board, board.settings, attack
        self.rides_per_day, self.seasons = rides_per_day, seasons
        self.cell = Cell(board)
        self.now = 0.0
        self.state, self.riding = status.STATE_LOCKED, False
        self.asleep = bool(self.s.sleep)
        self.wake_at = self.call_at = 0.0
        self.window_end = 0.0
        self.stranger_from: float | None = None  # awake because of somebody who proved nothing
        self.credit, self.credit_at = self.s.stranger_s * 3000, 0.0
        self.link_end = self.call_end = 0.0
        self.link_why = "rides"
        self.contact_at, self.receipts = 0.0, 0
        self.gnss_on, self.gnss_at, self.fixed = False, -DAY, False
        self.why = "standing"
        self.events: list[tuple[float, Any]] = []
        self.spent: Counter = Counter()
        self.hours = [Counter() for _ in range(24)]
        self.months = [Counter() for _ in range(12)]
        self.days: list[float] = []
        self.empty: float | None = None
        self.rides = self.refused = 0
        self.ride_rate = self.last_fix_until = 0.0

    # ---- charge

    def take(self, part: str, charge: float, why: str = "") -> None:
        charge = min(charge, self.cell.left)
        self.cell.left -= charge
        self.spent[why or self.why, part] += charge
        self.hours[int(self.now % DAY // 3600)][part] += charge
        self.months[int(self.now // DAY) % 365 * 12 // 365][part] += charge

    def pass_time(self, seconds: float, mode: int, advertise_ms: int) -> None:
        mv, draw = self.cell.millivolts(), self.board.drawn
        self.take("self-discharge", self.cell.leak * seconds, "standing")
        self.take("asleep", draw(mv, "deep_sleep", *ALWAYS) * seconds, "standing")
        asleep = draw(mv, "deep_sleep")
        if mode == power.DOZE:
            nap = self.board.time("nap_ms") / 1000
            self.take("dozing", (draw(mv, "doze") - asleep) * seconds)
            self.take("awake", (draw(mv, "awake") - draw(mv, "doze")) * nap * seconds)
        elif mode == power.AWAKE:
            self.take("awake", (draw(mv, "awake") - asleep) * seconds)
            scale = draw(mv, "awake") / self.board.data["currents"]["awake"]["ua"]
            if advertise_ms:
                events = seconds * 1000 / advertise_ms
                self.take("radio", events * self.board.time("advert_uas") * scale)
            if self.link_end > self.now:
                held = min(seconds, self.link_end - self.now)
                self.take("radio", self.board.time("link_ua") * scale * held, self.link_why)
            if self.call_end > self.now:
                self.take("network", draw(mv, "modem_call") * min(seconds, self.call_end - self.now))
        if self.gnss_on:
            self.take("GNSS", draw(mv, "gnss") * seconds)
        self.now += seconds

    # ---- what happens

    def touch(self, cause: int, why: str) -> None:
        """Someone is at the bike."""
        if self.asleep:
            if cause == power.SHAKE and "shake" not in power.wake_on(self.credit_now()):
                return
            self.asleep = False
            self.why = why
            self.pass_time(self.board.time("boot_ms") / 1000, power.AWAKE, 0)
        elif cause == power.SHAKE:
            if "shake" not in power.wake_on(self.credit_now()) or self.window_end > self.now or self.riding:
                return
        self.why = why
        if cause in (power.SHAKE, power.BUTTON):
            if self.stranger_from is None and not self.riding:
                self.stranger_from = self.now - self.board.time("boot_ms") / 1000
        window = power.window(self.s, cause, self.credit_now())
        self.window_end = max(self.window_end, self.now + window / 1000)

    def credit_now(self) -> int:
        passed = int((self.now - self.credit_at) * 1000)
        return power.credit(self.s, self.credit, passed, 0)

    def charge_strangers(self) -> None:
        if self.stranger_from is not None:
            passed, spent = self.now - self.credit_at, self.now - self.stranger_from
            self.credit = power.credit(self.s, self.credit, int(passed * 1000), int(spent * 1000))
            self.credit_at = self.now
            self.stranger_from = None

    def proved(self, receipts: int = 1) -> None:
        """What only a person with a right to it can do."""
        self.stranger_from = None
        self.window_end = max(self.window_end, self.now + power.window(self.s, 0, 1) / 1000)
        self.receipts += receipts

    def link(self, seconds: float, why: str) -> None:
        self.link_end, self.link_why = max(self.link_end, self.now + seconds), why

    def motor(self) -> None:
        mv = self.cell.millivolts()
        self.take("motor and LED", self.board.drawn(mv, "motor") * self.board.time("motor_ms") / 1000)
        self.take("motor and LED", self.board.drawn(mv, "led") * self.board.time("led_ms") / 1000)

    def arrive(self) -> None:
        self.touch(power.BUTTON, "rides")
        self.later(UNLOCK_S, self.start)

    def start(self) -> None:
        if self.state != status.STATE_LOCKED or self.riding:
            self.refused += 1  # another rider has the bike
            return
        self.link(LINK_S, "rides")
        if self.cell.millivolts() < self.s.start_reserve_mv:
            self.refused += 1
            return
        self.rides += 1
        self.riding, self.state = True, status.STATE_OPEN
        self.why = "rides"
        self.gnss_at = -DAY
        self.motor()
        self.proved()
        if self.rides % PARKS == 0:
            self.later(RIDE_S / 2, self.park)
        else:
            self.later(RIDE_S, self.finish)

    def park(self) -> None:
        self.state = status.STATE_PARKED
        self.proved()
        self.later(PARK_S, self.back)

    def back(self) -> None:
        self.touch(power.BUTTON, "rides")
        self.later(UNLOCK_S, self.reopen)

    def reopen(self) -> None:
        self.link(LINK_S, "rides")
        self.state = status.STATE_OPEN
        self.motor()
        self.proved()
        self.later(RIDE_S / 2, self.finish)

    def finish(self) -> None:
        """Closed by hand, ended in the app a few seconds later; one last fix."""
        self.why = "rides"
        self.gnss_at, self.fixed = -DAY, False
        self.link(LINK_S, "rides")
        self.state, self.riding = status.STATE_LOCKED, False
        self.proved(2)
        self.last_fix_until = self.now + 30

    def later(self, seconds: float, event: Any) -> None:
        self.events.append((self.now + seconds, event))
        self.events.sort(key=lambda entry: entry[0])

    # ---- a day

    def day(self) -> None:
        number, before = round(self.now / DAY), sum(self.spent.values())
        rhythm = WORKDAY if number % 7 < 5 else WEEKEND
        season = MONTHS[number % 365 * 12 // 365] / 100 if self.seasons else 1.0
        rate = self.rides_per_day * season
        begun, self.ride_rate = self.ride_rate, self.ride_rate + rate
        count = int(self.ride_rate + 1e-9) - int(begun + 1e-9)
        for at in instants(number, count, rhythm):
            self.later(number * DAY + at - self.now, self.arrive)
        for at in instants(number, KNOCKS, WORKDAY):
            self.later(number * DAY + at - self.now, lambda: self.touch(power.SHAKE, "knocks"))
        end = (number + 1) * DAY
        while self.now < end:
            self.step(end)
        self.days.append(sum(self.spent.values()) - before)

    def busy(self) -> bool:
        return self.call_end > self.now or self.gnss_on

    def call_due(self, mv: int) -> bool:
        return self.receipts > 0 or self.now - self.contact_at >= power.contact_s(self.s, mv)

    def gnss_step(self, mv: int) -> None:
        wanted = self.state == status.STATE_OPEN or self.now < self.last_fix_until
        if self.gnss_on and self.now - self.gnss_at >= self.board.time("fix_ms") / 1000:
            self.fixed = True
            if self.state != status.STATE_OPEN:
                self.last_fix_until = 0.0
                wanted = False
        since = int((self.now - self.gnss_at) * 1000) + 1
        on = wanted and power.gnss(self.s, mv, self.gnss_on, since, self.fixed)
        if on != self.gnss_on:
            self.gnss_on, self.gnss_at, self.fixed = on, self.now, False

    def step(self, end: float) -> None:
        while self.events and self.events[0][0] <= self.now:
            self.events.pop(0)[1]()
        mv = self.cell.millivolts()
        if self.empty is None and mv < self.s.start_reserve_mv:
            self.empty = self.now / DAY
        stops = [end] + [entry[0] for entry in self.events[:1]]
        if self.asleep:
            self.sleep(mv, min(stops))
            return
        self.gnss_step(mv)
        if self.call_end <= self.now and self.call_due(mv):
            self.call_end = self.now + self.board.time("call_ms") / 1000
            self.contact_at, self.receipts = self.call_end, 0
        left = int((self.window_end - self.now) * 1000)
        credit = self.credit_now() - (
            int((self.now - self.stranger_from) * 1000) if self.stranger_from else 0
        )
        links = self.link_end > self.now
        mode, advertise = power.decide(self.s, self.state, self.riding, left, links, self.busy(), credit)
        if self.attack and advertise and not links:
            self.link(PROVE_S, "attack")
        if mode == power.SLEEP:
            self.charge_strangers()
            self.asleep, self.why = True, "standing"
            drift = self.board.data["clock_drift_ppm"]
            since = int(self.now - self.contact_at)
            error = 2 + since * drift // 1_000_000
            self.call_at = self.now + power.sleep_s(self.s, mv, since, error, drift, 0)
            self.wake_at = self.call_at
            if "shake" not in power.wake_on(self.credit_now()):
                self.wake_at = min(self.call_at, self.now + power.PARDON_S)
            return
        stops += [self.window_end, self.link_end, self.call_end]
        if self.gnss_on:
            stops.append(self.gnss_at + self.board.time("fix_ms") / 1000)
        elif self.state == status.STATE_OPEN and mv >= self.s.start_reserve_mv:
            stops.append(self.gnss_at + self.s.fix_every_s - 3)
        stops.append(self.contact_at + power.contact_s(self.s, mv))
        if self.attack == "shake":
            self.touch(power.SHAKE, "attack")
            stops.append(self.now + ATTACK_S)
        elif self.attack:
            stops.append(self.now + ATTACK_S)
        coming = [at for at in stops if at > self.now + 0.001]
        self.pass_time(min(coming) - self.now, mode, advertise)

    def sleep(self, mv: int, until: float) -> None:
        """To the next event, contact or shake."""
        stop = min(until, self.wake_at)
        if self.attack == "shake":
            stop = min(stop, self.now + ATTACK_S)
        self.pass_time(max(0.05, stop - self.now), power.SLEEP, 0)
        if self.now >= self.wake_at:
            self.asleep, self.why = False, "contacts"
            if self.now >= self.call_at:
                self.contact_at = -DAY * 2  # time to call
            self.pass_time(self.board.time("boot_ms") / 1000, power.AWAKE, 0)
        elif self.attack == "shake" and self.now < until:
            self.touch(power.SHAKE, "attack")


def live(
    board: Board, rides_per_day: float, days: int = 365, attack: str = "", seasons: bool = False
) -> Result:
    """`days` days from a full cell, charged again only by the reader's imagination: after "empty" it goes on."""
    life = Life(board, rides_per_day, attack, seasons)
    full = life.cell.left
    for _ in range(days):
        life.day()
        if life.cell.left <= 0:
            break
    return Result(
        board,
        rides_per_day,
        attack,
        life.days,
        life.spent,
        life.hours,
        life.months,
        life.empty,
        full - life.cell.left,
        life.rides,
        life.refused,
    )
