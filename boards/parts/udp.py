"""One UDP socket to one peer: only that peer is heard. Never waits."""

import socket

_EAGAIN = 11
_DATAGRAM = 1_280  # bytes at most, as the IPv6 path that a modem offers


class Udp:
    """`address`: IPv4 in dots. OSError when there is no way to it."""

    def __init__(self, address: str, port: int):
        where = socket.getaddrinfo(address, port, 0, socket.SOCK_DGRAM)[0][-1]  # of a number: asks nobody
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._socket.connect(where)
            self._socket.setblocking(False)
        except OSError:
            self._socket.close()
            raise

    def send(self, datagram: bytes):
        self._socket.send(datagram)

    def take(self):
        """A datagram that has arrived, or None."""
        try:
            return self._socket.recv(_DATAGRAM)
        except OSError as error:
            if error.errno != _EAGAIN:
                raise
            return None

    def close(self):
        self._socket.close()
