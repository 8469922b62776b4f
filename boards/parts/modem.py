"""A network by an LTE modem on a UART, spoken to in AT commands (3GPP TS 27.007) and then in PPP.

A cold modem takes a minute to find its network, and `up` may take 18 s: so each call takes it as far as it comes and
gives up with OSError, and the next goes on from there. One that answers nothing is started by its power key; one that
has failed again and again is switched off and on by it. The SIM must ask for no PIN: three wrong ones would lock it.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from machine import UART, Pin
    from network import PPP

_PATIENCE_MS, _POLL_MS = 18_000, 20
_ANSWER_MS, _DIAL_MS = 1_000, 10_000
_GUARD_MS = 1_100  # of silence before and after the escape, V.250 S12
_START_MS = 6_000  # from the key to the first answer
_LINE = 256  # bytes; a longer one is noise
_FAILURES = 6  # calls in a row that led nowhere: start it anew
_ENETUNREACH = 101
_BAD = ("ERROR", "NO CARRIER", "NO DIALTONE", "BUSY", "NO ANSWER", "+CME ERROR", "+CMS ERROR")


class Modem:
    """`key`: high holds the modem's power key down, `key_ms` long. `ppp`: network.PPP on that UART, the only one."""

    def __init__(self, uart: "UART", key: "Pin", ppp: "PPP", clock, key_ms: int, apn: str, user, password):
        self._uart, self._key, self._ppp, self._clock = uart, key, ppp, clock
        self._key_ms = key_ms
        self._apn, self._user, self._password = apn, user, password
        self._failures = 0
        self._dialled = True  # the UART may speak PPP: since we dialled, or from before a warm boot
        key.value(0)

    async def up(self):
        if self._ppp.isconnected():
            return
        end = self._clock.uptime_ms() + _PATIENCE_MS
        try:
            if self._failures >= _FAILURES:
                self._failures = 0
                await self._press()  # off; the next call finds it silent, and starts it
                raise OSError(_ENETUNREACH)
            await self._listen()
            await self._register(end)
            await self._dial(end)
        except OSError:
            self._failures += 1
            raise
        self._failures = 0

    def is_up(self):
        return self._ppp.isconnected()

    def dns(self):
        return self._ppp.ifconfig()[3]

    def down(self):
        if self._dialled:
            self._ppp.disconnect()

    async def _listen(self):
        """Until the modem answers commands."""
        if self._dialled:
            self._ppp.disconnect()
            self._dialled = False
            await self._clock.sleep_ms(_GUARD_MS)
            if await self._ask("AT") is None:
                self._uart.write(b"+++")  # V.250 §6.2: it still takes what comes for data
                await self._clock.sleep_ms(_GUARD_MS)
        for _ in range(2):
            if await self._ask("AT") is not None:
                return
        await self._press()
        end = self._clock.uptime_ms() + _START_MS
        while await self._ask("AT") is None:
            if self._clock.uptime_ms() >= end:
                raise OSError(_ENETUNREACH)

    async def _register(self, end):
        await self._need("ATE0")
        if "+CPIN: READY" not in await self._need("AT+CPIN?"):
            raise OSError(_ENETUNREACH)
        await self._need('AT+CGDCONT=1,"IP","%s"' % self._apn)
        while not await self._registered():
            if self._clock.uptime_ms() >= end:
                raise OSError(_ENETUNREACH)
            await self._clock.sleep_ms(_ANSWER_MS)

    async def _registered(self):
        """At home or roaming, in LTE or before it; TS 27.007 §10.1.22, §10.1.20."""
        for command in ("AT+CEREG?", "AT+CGREG?"):
            for line in await self._ask(command) or ():
                fields = line.split(",")
                if line.startswith("+C") and len(fields) > 1 and fields[1].strip() in ("1", "5"):
                    return True
        return False

    async def _dial(self, end):
        if await self._ask("ATD*99***1#", "CONNECT", _DIAL_MS) is None:  # TS 27.007 §10.2.1.1
            raise OSError(_ENETUNREACH)
        self._dialled = True
        if self._user is None:
            self._ppp.connect()
        else:
            self._ppp.connect(security=self._ppp.SEC_PAP, user=self._user, key=self._password)
        while not self._ppp.isconnected():
            if self._clock.uptime_ms() >= end:
                raise OSError(_ENETUNREACH)
            await self._clock.sleep_ms(_POLL_MS)

    async def _press(self):
        self._key.value(1)
        try:
            await self._clock.sleep_ms(self._key_ms)
        finally:
            self._key.value(0)

    async def _need(self, command):
        lines = await self._ask(command)
        if lines is None:
            raise OSError(_ENETUNREACH)
        return lines

    async def _ask(self, command, good="OK", within_ms=_ANSWER_MS):
        """The lines before the good one; None when it says no, or nothing."""
        while self._uart.read(_LINE):
            pass  # what it said unasked
        self._uart.write(command.encode() + b"\r")
        end = self._clock.uptime_ms() + within_ms
        lines: list = []
        line = b""
        while self._clock.uptime_ms() < end:
            for byte in self._uart.read(_LINE) or b"":
                if byte != 10 and byte != 13:
                    line = (line + bytes((byte,)))[-_LINE:]
                elif line:
                    text = "".join([chr(c) if 32 <= c < 127 else "?" for c in line])
                    line = b""
                    if text.startswith(good):
                        return lines
                    if text.startswith(_BAD):
                        return None
                    lines.append(text)
                    del lines[:-8]
            await self._clock.sleep_ms(_POLL_MS)
        return None
