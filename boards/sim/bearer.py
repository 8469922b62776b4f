"""The simulator's uplink: a UDP socket, and a world that can take the network away."""

import asyncio
import socket
import time

_DATAGRAM = 1_280  # bytes at most, as the IPv6 path that a modem offers
_ENETUNREACH, _ENOTCONN = 101, 107


class Bearer:
    """boards.contract.Bearer. `at()` gives the world, brought up to date."""

    def __init__(self, at):
        self._at = at
        self._socket = self._reader = None

    async def open(self, host, port):
        self.close()
        if not self._at().uplink:
            raise OSError(_ENETUNREACH)
        address = socket.getaddrinfo(host, port, 0, socket.SOCK_DGRAM)[0][-1]
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.connect(address)  # from here on only this peer is heard
        self._socket.setblocking(False)
        self._reader = asyncio.StreamReader(self._socket)

    def send(self, datagram):
        self._online()
        self._socket.send(datagram)

    async def recv(self, timeout_ms):
        self._online()
        end = time.ticks_add(time.ticks_ms(), timeout_ms)
        while True:
            left = max(0, time.ticks_diff(end, time.ticks_ms()))
            try:
                datagram = await asyncio.wait_for_ms(self._reader.read(_DATAGRAM), left)
            except asyncio.TimeoutError:
                datagram = None
            self._online()
            if datagram is None or self._at().uplink:
                return datagram

    def close(self):
        if self._socket:
            self._socket.close()
            self._socket = self._reader = None

    def _online(self):
        if self._socket is None:
            raise OSError(_ENOTCONN)
        if not self._at().uplink:
            raise OSError(_ENETUNREACH)
