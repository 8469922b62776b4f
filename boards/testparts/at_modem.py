"""An LTE modem on a UART: power key, commands, registration that takes its time, and a PPP mode that swallows all.

`network`: whether there is one to register with; `pin`: the SIM asks for its number. By 3GPP TS 27.007 and V.250.
"""

REGISTER_MS = 8_000
START_MS = 3_000
PRESS_MS = 1_000
_GUARD_MS = 1_000


class AtModem:
    def __init__(self, chip, number, apn="internet"):
        self._chip, self._number, self._apn = chip, number, apn
        self.network, self.pin, self.mute = True, False, False
        self._since = None  # power
        self._held = None
        self._echo = True
        self._data = False
        self._context = None
        self._heard_at = 0
        self._line = b""
        chip.uart_peers[number] = self

    @property
    def on(self):
        return self._since is not None

    @property
    def data(self):
        return self._data

    def key(self, level):
        """The power key: held for a second, it switches."""
        now = self._chip.now_ms()
        if level and self._held is None:
            self._held = now
        elif not level and self._held is not None:
            if now - self._held >= PRESS_MS:
                self._since = None if self.on else now
                self._echo, self._data, self._context = True, False, None
            self._held = None

    def registered(self):
        return self.on and self.network and self._chip.now_ms() - self._since >= START_MS + REGISTER_MS

    def carries(self):
        return self._data and self.registered()

    def hang_up(self):
        """The PPP link was ended in order."""
        if self._data:
            self._data = False
            self._say("NO CARRIER")

    def hear(self, data):
        now = self._chip.now_ms()
        silence, self._heard_at = now - self._heard_at, now
        if not self.on or self.mute or now - self._since < START_MS:
            return
        if self._data:
            if data == b"+++" and silence >= _GUARD_MS:
                self._data = False
                self._say("OK")
            return
        for byte in data:
            if byte == 13:
                line, self._line = self._line.decode(), b""
                if self._echo:
                    self._send(line.encode() + b"\r")
                self._do(line)
            else:
                self._line = (self._line + bytes((byte,)))[-200:]

    def _do(self, line):
        if line == "AT":
            self._say("OK")
        elif line == "ATE0":
            self._echo = False
            self._say("OK")
        elif line == "AT+CPIN?":
            self._say("+CPIN: " + ("SIM PIN" if self.pin else "READY"), "OK")
        elif line == 'AT+CGDCONT=1,"IP","%s"' % self._apn:
            self._context = 1
            self._say("OK")
        elif line == "AT+CEREG?":
            self._say("+CEREG: 0,%d" % (5 if self.registered() else 2), "OK")
        elif line == "AT+CGREG?":
            self._say("+CGREG: 0,0", "OK")
        elif line == "ATD*99***1#" and self._context and self.registered():
            self._data = True
            self._say("CONNECT 150000000")
        elif line.startswith("ATD"):
            self._say("NO CARRIER")
        elif line:
            self._say("+CME ERROR: 3")

    def _say(self, *lines):
        self._send(b"".join([b"\r\n" + line.encode() + b"\r\n" for line in lines]))

    def _send(self, data):
        if self._number in self._chip.uarts:
            self._chip.uarts[self._number].arrive(data)
