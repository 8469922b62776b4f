"""The serial link alone: what goes onto the line comes off it, and damage is noticed."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boards.parts import serial_link as wire


class Line:
    def __init__(self, arriving=b""):
        self.arriving, self.sent = arriving, b""

    def readinto(self, buffer):
        taken, self.arriving = self.arriving[: len(buffer)], self.arriving[len(buffer) :]
        buffer[: len(taken)] = taken
        return len(taken) or None

    def write(self, data):
        self.sent += data


@given(st.binary(max_size=700))
def test_cobs_has_no_zero_and_comes_back(data):
    encoded = bytearray(wire.cobs(data))
    assert 0 not in encoded and encoded[: wire.uncobs(encoded, len(encoded))] == data


@given(st.integers(1, 5), st.integers(0, 3), st.binary(max_size=300), st.data())
def test_a_damaged_packet_is_noticed(kind, slot, payload, data):
    whole = wire.packet(kind, slot, payload)[:-1]
    assert wire.unpacked(whole) == (kind, slot, payload)
    bit = data.draw(st.integers(0, len(whole) * 8 - 1))
    damaged = bytearray(whole)
    damaged[bit // 8] ^= 1 << bit % 8
    with pytest.raises(ValueError):
        wire.unpacked(bytes(damaged))


def events(link, count):
    async def take():
        return [await asyncio.wait_for(link.event(), 5) for _ in range(count)]

    wire.asyncio.sleep_ms = lambda ms: asyncio.sleep(ms / 1000)  # MicroPython's name
    return asyncio.run(take())


def test_a_link_from_connect_to_cut():
    line = Line(wire.packet(wire.CONNECT, 2, b"\0\xf4") + wire.packet(wire.FRAME, 2, b"a\0b"))
    link = wire.SerialLink(line)
    (_, conn, _), (kind, same, data) = events(link, 2)
    assert (kind, same, data) == ("frame", conn, b"a\0b") and link.mtu(conn) == 244 and link.links() == 1
    assert link.send(conn, b"answer") and line.sent == wire.packet(wire.FRAME, 2, b"answer")
    with pytest.raises(ValueError):
        link.send(conn, bytes(245))
    link.cut(conn)
    assert not link.send(conn, b"x") and not link.alive(conn) and link.links() == 0
    assert events(link, 1) == [("disconnect", conn, None)]
    line.arriving = wire.packet(wire.CONNECT, 2, b"\0\x14")
    assert events(link, 1)[0][1] not in (conn, None)  # a number is never used twice


def test_noise_costs_an_overrun_and_no_more():
    for noise in (b"noise", b"longer than any packet" * 50, b"\1\1\2"):
        line = Line(
            wire.packet(wire.CONNECT, 0, b"\0\xf4") + noise + b"\0" + wire.packet(wire.FRAME, 0, b"after")
        )
        assert [event[0] for event in events(wire.SerialLink(line), 3)] == ["connect", "overrun", "frame"]
