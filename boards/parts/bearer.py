"""The lock's way to its cloud: UDP over whichever network the board has, Wi-Fi or a modem.

A network is anything with `up()`, `is_up()`, `dns()` and `down()`: boards/parts/wifi.py, boards/parts/modem.py.
"""

from boards.parts import resolver
from boards.parts.udp import Udp

_POLL_MS = 20
_ENETUNREACH, _ENOTCONN = 101, 107


class NoNetwork:
    """For a board that was told of none."""

    async def up(self):
        raise OSError(_ENETUNREACH)

    def is_up(self):
        return False

    def dns(self):
        return None

    def down(self):
        pass


class Bearer:
    """boards.contract.Bearer. An `open` takes 25 s at most. `random(n)`: for the numbers of questions to DNS."""

    def __init__(self, network, clock, random):
        self._network, self._clock, self._random = network, clock, random
        self._peer = None

    async def open(self, host, port):
        self._hang_up()
        await self._network.up()
        address = await resolver.address(host, self._network.dns(), self._clock, self._random)
        self._peer = Udp(address, port)

    def send(self, datagram):
        self._online().send(datagram)

    async def recv(self, timeout_ms):
        end = self._clock.uptime_ms() + timeout_ms
        while True:
            datagram = self._online().take()
            if datagram is not None or self._clock.uptime_ms() >= end:
                return datagram
            await self._clock.sleep_ms(_POLL_MS)

    def close(self):
        self._hang_up()
        self._network.down()

    def _hang_up(self):
        if self._peer:
            self._peer.close()
            self._peer = None

    def _online(self):
        if self._peer is None:
            raise OSError(_ENOTCONN)
        if not self._network.is_up():
            raise OSError(_ENETUNREACH)
        return self._peer
