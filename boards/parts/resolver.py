"""The IPv4 address of a name, asked of one DNS server without ever holding up the other tasks.

MicroPython's own getaddrinfo waits in C until the network answers or gives up, for longer than the watchdog does.
RFC 1035, as much as a lock needs: one question for one A record. Whatever comes back only says where to send what
OSCORE protects, so a forged answer costs a message and no more.
"""

from boards.parts.udp import Udp

PORT = 53
_TRIES, _PATIENCE_MS, _POLL_MS = 3, 2_000, 20
_A, _IN = 1, 1
_HEADER = 12
_LABEL, _NAME = 63, 253  # bytes at most, §2.3.4
_ENOENT = 2


async def address(host, server, clock, random):
    """`host` as four numbers. `server`: the DNS server's address. OSError when nobody knows the name."""
    if numeric(host):
        return host
    if not server or server == "0.0.0.0":
        raise OSError(_ENOENT)
    asked = question(host, random(2))
    line = Udp(server, PORT)
    try:
        for _ in range(_TRIES):
            line.send(asked)
            end = clock.uptime_ms() + _PATIENCE_MS
            while clock.uptime_ms() < end:
                datagram = line.take()
                if datagram is None:
                    await clock.sleep_ms(_POLL_MS)
                    continue
                found = answer(datagram, asked)
                if found == "":
                    raise OSError(_ENOENT)
                if found:
                    return found
    finally:
        line.close()
    raise OSError(_ENOENT)


def numeric(host):
    parts = host.split(".")
    return len(parts) == 4 and all([part.isdigit() and int(part) < 256 for part in parts])


def question(host, number):
    """The query's bytes; OSError for what can be no name."""
    name = b""
    for label in host.encode().split(b"."):
        if not 0 < len(label) <= _LABEL or len(host) > _NAME:
            raise OSError(_ENOENT)
        name += bytes([len(label)]) + label
    return (
        number + b"\x01\x00\0\1\0\0\0\0\0\0" + name + b"\0\0\1\0\1"
    )  # recursion desired; QTYPE A, QCLASS IN


def answer(datagram, asked):
    """The first address in it; "" when the server knows none; None when it is no answer to what was asked."""
    if len(datagram) < len(asked) or datagram[:2] != asked[:2] or not datagram[2] & 0x80:
        return None
    if datagram[_HEADER : len(asked)].lower() != asked[_HEADER:].lower() or datagram[4:6] != b"\0\1":
        return None
    if datagram[3] & 15:  # RCODE
        return ""
    at = len(asked)
    for _ in range(int.from_bytes(datagram[6:8], "big")):
        at = _past_name(datagram, at)
        if at is None:
            break
        kind = int.from_bytes(datagram[at : at + 2], "big")
        family = int.from_bytes(datagram[at + 2 : at + 4], "big")
        size = int.from_bytes(datagram[at + 8 : at + 10], "big")
        data = datagram[at + 10 : at + 10 + size]
        if len(data) != size:
            break
        if kind == _A and family == _IN and size == 4:
            return ".".join([str(byte) for byte in data])
        at += 10 + size  # a CNAME on the way
    return ""


def _past_name(datagram, at):
    """Where the name that begins there has ended, or None. A pointer, §4.1.4, is its end and is not followed."""
    while at < len(datagram):
        size = datagram[at]
        if size >= 0xC0:
            return at + 2
        if size > _LABEL:
            return None
        at += 1 + size
        if not size:
            return at
    return None
