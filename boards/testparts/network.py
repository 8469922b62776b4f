"""MicroPython's `network` module for a station and for PPP: docs/library/network.WLAN.rst, network.PPP.rst.

`use(chip, air)`: `air.networks` is {ssid: key} of what is in reach now. PPP talks to the `AtModem` at its UART.
"""

_JOIN_MS, _PPP_MS = 1_500, 600
_chip = _air = None


class Air:
    def __init__(self):
        self.networks = {}
        self.dns = "127.0.0.1"


def use(chip, air):
    global _chip, _air
    _chip, _air = chip, air


class WLAN:
    IF_STA, IF_AP = 0, 1

    def __init__(self, interface=IF_STA):
        self._chip, self._air = _chip, _air
        self._wanted = self._since = None

    def active(self, on=None):
        self._chip.check()
        if on is not None:
            self._chip.radio = bool(on)
            if not on:
                self._wanted = None
        return self._chip.radio

    def connect(self, ssid, key=None):
        self._chip.check()
        if not self._chip.radio:
            raise OSError("Wifi Not Started")
        if self._wanted and not self.isconnected():
            raise OSError("Wifi Internal State Error")
        self._wanted, self._since = (ssid, key), self._chip.now_ms()

    def disconnect(self):
        self._chip.check()
        if not self._chip.radio:
            raise OSError("Wifi Not Started")
        self._wanted = None

    def isconnected(self):
        self._chip.check()
        if not self._wanted or not self._chip.radio:
            return False
        ssid, key = self._wanted
        if ssid not in self._air.networks or self._air.networks[ssid] != key:
            self._since = self._chip.now_ms()  # it goes on trying
            return False
        return self._chip.now_ms() - self._since >= _JOIN_MS

    def ifconfig(self):
        up = self.isconnected()
        return ("10.0.0.2", "255.255.255.0", "10.0.0.1", self._air.dns) if up else ("0.0.0.0",) * 4


class PPP:
    SEC_NONE, SEC_PAP, SEC_CHAP = 0, 1, 2

    def __init__(self, stream):
        if not hasattr(stream, "irq") or not hasattr(stream, "IRQ_RXIDLE"):
            raise TypeError("stream operation not supported")
        self._chip, self._air, self._stream = _chip, _air, stream
        self._since = None

    def _modem(self):
        return self._chip.uart_peers.get(self._stream._number)

    def connect(self, security=SEC_NONE, user=None, key=None):
        self._chip.check()
        if self._since is not None:
            raise OSError(114)  # EALREADY
        if security != PPP.SEC_NONE and (user is None or key is None):
            raise TypeError("user and key")
        self._since = self._chip.now_ms()

    def disconnect(self):
        self._chip.check()
        if self._since is not None:
            was_up, self._since = self.isconnected(), None
            if was_up:
                self._modem().hang_up()

    def isconnected(self):
        self._chip.check()
        up = self._since is not None and self._chip.now_ms() - self._since >= _PPP_MS
        return up and self._modem().carries()

    def ifconfig(self):
        return (
            ("100.64.0.2", "100.64.0.1", "255.255.255.255", self._air.dns)
            if self.isconnected()
            else (None,) * 4
        )
