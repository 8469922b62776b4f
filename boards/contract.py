"""What a board offers to firmware/: names, units, errors. For readers and checkers, never imported to run.

Firmware is handed one `Board` and reaches the world through it alone. A part that firmware holds on to is not
replaced while the board lives. Times are milliseconds unless a name says otherwise; every wait has an end.
"""


class Clock:
    drift_ppm: int  # of `rtc` while the processor sleeps: 60,000 by a chip's oscillator, 20 by a crystal

    def uptime_ms(self) -> int:
        """Milliseconds since this boot. Never wraps, never goes back."""

    def rtc(self) -> int | None:
        """Unix seconds as last set, counted on through warm boots; None when power was lost since."""

    def set_rtc(self, unix: int) -> None:
        """Sets the clock that `rtc` reads."""

    async def sleep_ms(self, ms: int) -> None:
        """Lets other tasks run for at least this long; 0 is one turn."""


class Motor:
    """One direction, which frees the bolt. Nothing here can lock a bike."""

    def pull(self) -> None:
        """Runs until `stop`, or until the processor stops. Idempotent."""

    def stop(self) -> None:
        """Idempotent; safe at any time."""


class Bolt:
    """Two switches at the ends of the bolt's way. Neither: it hangs between. Both: a sensor is broken."""

    def open(self) -> bool: ...

    def closed(self) -> bool: ...


class Shackle:
    def closed(self) -> bool:
        """The ring is shut, whether or not the bolt holds it."""


class Motion:
    def moving(self) -> bool:
        """The bike moves, or did within the last second."""


class Led:
    """A light of three colours, or a plain one; what each makes of a colour code says SPEC.md section 5."""

    def show(self, pattern: str | bytes) -> None:
        """Starts one of "ok", "refused", "busy", "find", "fault", "off", or a colour code: 0 red, 1 green, 2 blue,
        3 white, again and again for half a minute at most. Ends what was shown. ValueError for another."""


class Battery:
    def millivolts(self) -> int: ...


class Gnss:
    """The receiver's line. It speaks NMEA 0183 while it has power."""

    def power(self, on: bool) -> None:
        """Idempotent. What was waiting is lost when power goes."""

    def read(self, n: int) -> bytes:
        """At most n bytes that have arrived, b"" when none has. Never waits. Bytes read too late are lost."""


class Bearer:
    """Datagrams to one host over whatever network the board has. They may be lost, doubled or late."""

    async def open(self, host: str, port: int) -> None:
        """Names the peer, in place of any before. OSError when the network is away or the name is unknown."""

    def send(self, datagram: bytes) -> None:
        """Never waits. OSError when not open or the network has gone; silence is no proof of delivery."""

    async def recv(self, timeout_ms: int) -> bytes | None:
        """The next datagram from the peer, None when none came in time. OSError as for `send`."""

    def close(self) -> None:
        """Idempotent. Until `open` a modem may rest."""


class Link:
    """Phones near by, over Bluetooth Low Energy. A link is known by a number that is never used twice."""

    faults: int  # exceptions that the radio's handler has swallowed since the boot

    def advertise(self, payload: bytes, interval_ms: int) -> None:
        """Shows these 8 bytes, under a new address if they are new, until `advertise_off`.

        After a link it comes back with the next `event`: whoever was told of that link has had its say by then."""

    def advertise_off(self) -> None: ...

    async def event(self) -> tuple[str, int | None, bytes | int | None]:
        """The next (kind, conn, data): "connect", "disconnect", "frame" with the bytes of one write, "overrun"
        when frames of this link were lost, or "fault" with conn None and how many."""

    def send(self, conn: int, frame: bytes) -> bool:
        """Notifies one frame. False: not sent; with `alive(conn)` the buffers are full, try again in a while.

        ValueError when it is longer than `mtu(conn)`.
        """

    def cut(self, conn: int) -> None:
        """Ends this link; its "disconnect" follows. Of a link that is gone: nothing."""

    def alive(self, conn: int) -> bool: ...

    def mtu(self, conn: int) -> int:
        """Bytes that one frame to or from this link may hold: ATT_MTU − 3; 20 for a link that is gone."""

    def links(self) -> int:
        """How many are up."""

    def healthy(self) -> bool:
        """Puts right what can stop unnoticed. False when the radio is off or refuses to advertise."""


class Storage:
    """Files under `root`, reached with open() and os: littlefs on a lock, a folder in tests on CPython.

    What was flushed or closed survives a power cut; os.rename over a file is atomic.
    """

    root: str  # without a trailing slash


class Watchdog:
    def feed(self) -> None:
        """Resets the board unless called again within 10 s."""


class Board:
    clock: Clock
    motor: Motor
    bolt: Bolt
    shackle: Shackle
    motion: Motion
    led: Led
    battery: Battery
    gnss: Gnss
    bearer: Bearer
    link: Link
    storage: Storage
    watchdog: Watchdog
    name: str  # of the board's folder: releases are made for it
    boot_cause: int  # 1 power came back · 2 reset by firmware or by hand · 3 watchdog; 4 to 6: see `sleep`
    wakes: tuple  # what can end a pause, of "button", "shake"; () on a board that can neither doze nor sleep
    kept: bytes  # what the sleep before this boot was given to keep; b"" after another boot, or when damaged

    def temperature(self) -> int | None:
        """Of the chip, in whole degrees C from -100 to 200; None where it cannot tell."""

    def random(self, n: int) -> bytes:
        """n bytes fit for keys and challenges."""

    def reset(self) -> None:
        """A warm boot. Does not return."""

    async def doze(self, ms: int, wake_on: tuple) -> str | None:
        """Light sleep, at most 5 s: no task runs, the radio is off from here to `link.advertise`; memory stays, uptime
        counts on. Shorter when a switch of the bolt changes, or for what `wake_on` names: then gives that name."""

    def sleep(self, ms: int, wake_on: tuple, keep: bytes) -> None:
        """Deep sleep: only the clock behind `rtc` goes on, and up to 32 bytes. Does not return: then, or for what
        `wake_on` names, the board boots as after `reset`; `boot_cause` is 4 for the time, 5 the button, 6 a shake."""
