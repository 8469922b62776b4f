"""A whole board in memory, on virtual time, for tests of firmware on CPython and MicroPython.

    board = VirtualBoard()                      its world is board.world, its time board.timeline
    lock = asyncio.create_task(Lock(board).run())
    conn = board.link.connect()
    board.link.phone_write(conn, frame)
    await board.timeline.sleep_ms(500)
    board.link.frames_for(conn), board.world.actuations, board.bearer.sent
    board = board.reboot(warm=False)            the same world, bike and storage, another boot

Parts answer as `boards.contract` says. When the board has no current, each raises `boards.sim.power.Halt`.
"""

import hashlib

from boards.sim import parts
from boards.sim.gnss import Receiver
from boards.sim.power import Power
from boards.sim.timeline import FOREVER, Timeline
from boards.sim.world import World

try:
    from boards.sim.flash import Storage
except ImportError:  # CPython
    from boards.sim.folder import Storage

START = 1_760_000_000_000  # Unix milliseconds, where virtual time begins
WATCHDOG_MS = 10_000

_POWER, _RESET, _WATCHDOG = 1, 2, 3  # boot causes
_BOOTS = {"power": _POWER, "reset": _RESET, "watchdog": _WATCHDOG, "sleep": 4}
_WOKEN = {None: 4, "button": 5, "shake": 6}  # the same, after a sleep
_KEPT = 32  # bytes that outlast a sleep
_ENETUNREACH, _ENOTCONN = 101, 107
_LINKS = 4
_FRAMES, _BYTES = 128, 2_048  # that wait in one link, as in boards/parts/ble.py


class Clock:
    def __init__(self, timeline, power, rtc_offset):
        self._timeline, self._power = timeline, power
        self._booted = timeline.now
        self.stopped = False
        self.offset = rtc_offset  # seconds from virtual time to what firmware set; None after a power loss

    def uptime_ms(self):
        self._power.check()
        return self._timeline.now - self._booted

    def rtc(self):
        self._power.check()
        return None if self.offset is None else self._timeline.now // 1_000 + self.offset

    def set_rtc(self, unix):
        self._power.check()
        self.offset = unix - self._timeline.now // 1_000

    async def sleep_ms(self, ms):
        await self._timeline.until(self._timeline.now + ms, lambda: self._power.halted)
        while self.stopped and not self._power.halted:  # the processor dozes: nobody looks at a clock
            await self._timeline.until(FOREVER, lambda: self._power.halted or not self.stopped)
        self._power.check()


class Watchdog:
    """Sleeps until first fed; then takes the power when it was not fed for WATCHDOG_MS."""

    def __init__(self, timeline, power):
        self._timeline, self._power = timeline, power
        self._fed = None

    def feed(self):
        self._power.check()
        if self._fed is None:
            self._timeline.at(self._timeline.now + WATCHDOG_MS, self._look)
        self._fed = self._timeline.now

    def _look(self):
        if self._power.halted:
            return
        if self._timeline.now - self._fed >= WATCHDOG_MS:
            self._power.off("watchdog")
        else:
            self._timeline.at(self._fed + WATCHDOG_MS, self._look)


class _Phone:
    """One link: what waits on the lock's side, and what came out of it."""

    def __init__(self, mtu):
        self.mtu = mtu
        self.events = []
        self.held = [0, 0]  # frames and bytes among the events
        self.lost = False
        self.frames = []
        self.up = True


class Link:
    """Phones are driven from the test: connect, phone_write, frames_for, disconnect."""

    def __init__(self, timeline, power):
        self._timeline, self._power = timeline, power
        self._phones = {}
        self._number = _LINKS
        self._turns = []  # links, the one whose event was taken last at the end
        self.faults = self._faults_told = 0
        self.advertised = None  # (payload, interval) that the air shows
        self.stuffed = False  # the lock's stack is out of buffers: send() gives False

    # The phone's side

    def connect(self, mtu=247):
        """A new link with that ATT_MTU; gives its number, None when four are up."""
        if self.links() >= _LINKS:
            return None
        conn, self._number = self._number, self._number + 1
        self._phones[conn] = phone = _Phone(mtu)
        phone.events.append(("connect", conn, None))
        self._turns.append(conn)
        return conn

    def phone_write(self, conn, data):
        """One ATT write. False when the lock has ended the link."""
        phone = self._phones[conn]
        if not phone.up or self._power.halted:
            return False
        if len(data) > phone.mtu - 3:
            raise ValueError("a write holds at most ATT_MTU - 3 bytes")
        frames, size = phone.held
        if phone.lost or frames >= _FRAMES or size + len(data) > _BYTES:
            if not phone.lost:
                phone.events.append(("overrun", conn, None))
            phone.lost = True
        else:
            phone.held = [frames + 1, size + len(data)]
            phone.events.append(("frame", conn, bytes(data)))
        return True

    def frames_for(self, conn):
        """The frames that the lock sent since last asked."""
        phone = self._phones[conn]
        frames, phone.frames = phone.frames, []
        return frames

    def disconnect(self, conn):
        """The phone leaves."""
        self._end(conn)

    def forget(self, conn):
        """Nobody looks at that link any more, which has ended."""
        self._turns.remove(conn)
        del self._phones[conn]

    def up(self, conn):
        return self._phones[conn].up and not self._power.halted

    def fault(self):
        """An exception in the radio's handler."""
        self.faults += 1

    def _end(self, conn):
        phone = self._phones[conn]
        if phone.up:
            phone.up = False
            phone.events.append(("disconnect", conn, None))

    # boards.contract.Link

    def advertise(self, payload, interval_ms):
        self._power.check()
        if len(payload) != 8:
            raise ValueError("payload is 8 bytes")
        self.advertised = bytes(payload), interval_ms

    def advertise_off(self):
        self._power.check()
        self.advertised = None

    async def event(self):
        await self._timeline.until(FOREVER, lambda: self._power.halted or self._next() is not None)
        self._power.check()
        if self.faults != self._faults_told:
            count, self._faults_told = self.faults - self._faults_told, self.faults
            return "fault", None, count
        conn = self._next()
        phone = self._phones[conn]
        event = phone.events.pop(0)
        self._turns.remove(conn)
        if event[0] != "disconnect":
            self._turns.append(conn)
        if event[0] == "frame":
            phone.held = [phone.held[0] - 1, phone.held[1] - len(event[2])]
        elif event[0] == "overrun":
            phone.lost = False
        return event

    def _next(self):
        """The link whose event is next; 0 when there is a fault to tell, None when nothing waits."""
        if self.faults != self._faults_told:
            return 0
        for conn in self._turns:
            if self._phones[conn].events:
                return conn
        return None

    def send(self, conn, frame):
        self._power.check()
        phone = self._phones.get(conn)
        if phone is None or not phone.up:
            return False
        if len(frame) > phone.mtu - 3:
            raise ValueError("frame longer than mtu()")
        if self.stuffed:
            return False
        phone.frames.append(bytes(frame))
        return True

    def cut(self, conn):
        self._power.check()
        if conn in self._phones:
            self._end(conn)

    def alive(self, conn):
        self._power.check()
        return conn in self._phones and self._phones[conn].up

    def mtu(self, conn):
        return (self._phones[conn].mtu if self.alive(conn) else 23) - 3

    def links(self):
        return sum([phone.up for phone in self._phones.values()])

    def healthy(self):
        self._power.check()
        return True


class Bearer:
    """The test is the network and the peer: `sent`, `deliver`, or `peer` and `weather` for one that goes by itself."""

    def __init__(self, timeline, power, world):
        self._timeline, self._power, self._world = timeline, power, world
        self._arrived = []
        self.opened = None  # (host, port)
        self.sent = []  # datagrams that reached the far side, oldest first, until the test takes them
        self.peer = None  # called with each such datagram instead; gives the datagrams of its answer, or None
        self.weather = lambda datagram: (0,)  # delays in ms of the copies that arrive, each way: () loses it

    def take(self):
        """What was sent since last asked."""
        sent, self.sent = self.sent, []
        return sent

    def deliver(self, datagram, after_ms=0):
        """Lets a datagram from the peer arrive then; lost if the network is away or the bearer closed by then."""
        self._timeline.at(self._timeline.now + after_ms, lambda: self._arrive(bytes(datagram)))

    def _arrive(self, datagram):
        if self._world.uplink and self.opened and not self._power.halted:
            self._arrived.append(datagram)

    def _reach(self, datagram):
        if not self._world.uplink:
            return
        if self.peer is None:
            self.sent.append(datagram)
            return
        for answer in self.peer(datagram) or ():
            for delay in self.weather(answer):
                self.deliver(answer, delay)

    # boards.contract.Bearer

    async def open(self, host, port):
        await self._timeline.until(self._timeline.now)
        self._power.check()
        if not self._world.uplink:
            raise OSError(_ENETUNREACH)
        self.opened = host, port
        self._arrived = []

    def send(self, datagram):
        self._power.check()
        self._online()
        datagram = bytes(datagram)
        for delay in self.weather(datagram):
            if delay:
                self._timeline.at(self._timeline.now + delay, lambda: self._reach(datagram))
            else:
                self._reach(datagram)

    async def recv(self, timeout_ms):
        self._power.check()
        self._online()
        deadline = self._timeline.now + timeout_ms
        await self._timeline.until(deadline, lambda: self._arrived or self._power.halted or not self._up())
        self._power.check()
        if self._arrived:
            return self._arrived.pop(0)
        self._online()
        return None

    def close(self):
        self._power.check()
        self.opened = None

    def _up(self):
        return self.opened is not None and self._world.uplink

    def _online(self):
        if not self._up():
            raise OSError(_ENETUNREACH if self.opened else _ENOTCONN)


class VirtualBoard:
    """`world`, `timeline`: shared with what else the test builds; new ones unless given. `root`: see Storage.

    Beside the contract: `world`, `timeline`, `power` (boards.sim.power.Power: writes, cut_at, fail_at, off, halted),
    `slept` for a board that sleeps.
    """

    wakes = ("button", "shake")

    def __init__(self, world=None, seed=0, root=None, timeline=None, _before=None):
        if timeline is None:
            timeline = Timeline(world.now if world else START)
        self.timeline = timeline
        self.world = world or World(timeline.now)
        self.power = power = Power(self._dark)
        self._seed = seed
        self._boots = _before[0] if _before else 1
        self.name = "sim"
        self.boot_cause = _before[1] if _before else _POWER
        self.storage = _before[2].again(power) if _before else Storage(power, root)
        self.kept = _before[4] if _before else b""
        self.nap = (
            None  # (until, what wakes it, what it keeps, presses of the button so far) of the sleep it is in
        )
        self._drawn = 0
        self._receiver = Receiver(self.world)
        self._watch = self._receiver.advance
        timeline.watchers.append(self._watch)
        self.world.radio_on = True
        self.clock = Clock(timeline, power, _before[3] if _before else None)
        self.motor = parts.Motor(self._at)
        self.bolt = parts.Bolt(self._at)
        self.shackle = parts.Shackle(self._at)
        self.motion = parts.Motion(self._at)
        self.led = parts.Led(self._at)
        self.battery = parts.Battery(self._at)
        self.temperature = parts.thermometer(self._at)
        self.gnss = parts.Gnss(self._at, self._receiver)
        self.link = Link(timeline, power)
        self.bearer = Bearer(timeline, power, self.world)
        self.watchdog = Watchdog(timeline, power)

    def _at(self):
        self.power.check()
        return self.world

    def random(self, n):
        self.power.check()
        drawn = b""
        while len(drawn) < n:
            self._drawn += 1
            drawn += hashlib.sha256(b"%d %d %d" % (self._seed, self._boots, self._drawn)).digest()
        return drawn[:n]

    def reset(self):
        self.power.halt("reset")

    async def doze(self, ms, wake_on):
        self.power.check()
        if not 0 < ms <= 5_000:
            raise ValueError("a nap is at most 5 s")
        self.link.advertised = None
        self.world.radio_on = False
        presses, bolt = self.world.presses, self._switches()
        self.clock.stopped = True
        try:
            await self.timeline.until(
                self.timeline.now + ms,
                lambda: self.power.halted or self._woken(wake_on, presses) or self._switches() != bolt,
            )
        finally:
            self.clock.stopped = False
        self.power.check()
        return self._woken(wake_on, presses)

    def _switches(self):
        return self.world.bolt_open(), self.world.bolt_closed()

    def _woken(self, wake_on, presses):
        if "button" in wake_on and self.world.presses != presses:
            return "button"
        return "shake" if "shake" in wake_on and self.world.moving() else None

    def sleep(self, ms, wake_on, keep):
        if len(keep) > _KEPT:
            raise ValueError("a sleep keeps at most %d bytes" % _KEPT)
        self.power.check()
        self.nap = self.timeline.now + ms, wake_on, bytes(keep), self.world.presses
        self.power.halt("sleep")

    async def slept(self):
        """The board after the sleep that it is in, once time has passed or somebody has woken it."""
        until, wake_on, keep, presses = self.nap
        await self.timeline.until(until, lambda: self._woken(wake_on, presses))
        return self._again(_WOKEN[self._woken(wake_on, presses)], self.clock.offset, keep)

    def reboot(self, warm=True):
        """Ends this boot, if the board still runs, and gives the board after it. A cold one has lost its clock.

        `boot_cause` says what ended this boot; a cold one is always a return of power.
        """
        self.power.off("reset" if warm else "power")
        cause = _BOOTS[self.power.halted] if warm else _POWER
        return self._again(cause, self.clock.offset if warm else None)

    def _again(self, cause, rtc_offset, kept=b""):
        self.timeline.watchers.remove(self._watch)
        before = self._boots + 1, cause, self.storage, rtc_offset, kept
        return VirtualBoard(self.world, self._seed, None, self.timeline, before)

    def close(self):
        """Lets go of the storage: unmounts it, removes a temporary folder."""
        self.power.off()
        self.storage.close()

    def _dark(self):
        self._receiver.power(False)
        self.world.dark()
