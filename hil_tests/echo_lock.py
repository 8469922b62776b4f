"""A lock that knows nothing but its link: it echoes frames, in pieces that fit, and tells what became of the rest.

Runs on MicroPython, for test_link.py and test_radio.py. A frame that begins with "!" is an order, see `ORDERS`; one
that begins with "?raise" raises in the handler. From the environment: RINGSLOT_ECHO the 8 bytes that it advertises,
RINGSLOT_BUFFER the size of its value buffer, RINGSLOT_FLAG what wakes its reader, RINGSLOT_WATCHDOG the seconds
between two checks.
"""

import asyncio
import os
import sys
import time

sys.path[0] = "."  # the checkout, not hil_tests/

import bluetooth  # noqa: E402
import micropython  # noqa: E402

from boards.parts.ble import Ble  # noqa: E402

_GATTS_WRITE = 3

slowly = False  # the reader takes its time over each frame


class Radio(bluetooth.BLE):
    """The stack, except that reading some values fails in it."""

    def gatts_read(self, handle):
        value = super().gatts_read(handle)
        if value.startswith(b"?raise"):
            raise {b"": ValueError, b" memory": MemoryError, b" exit": SystemExit}[value[6:]]
        return value


class Stack:
    BLE = Radio
    UUID = bluetooth.UUID


def deaf(link, conn):
    """Lose the handler, as the stack does when there is no memory to enter it."""
    bluetooth.BLE().irq(None)
    return b"deaf"


def starve(link, conn):
    """Call the handler while nothing can be allocated."""
    write = (link._slots[conn % 4].handle, link._rx)
    micropython.heap_lock()
    try:
        link._handler(_GATTS_WRITE, write)
        raised = False
    except BaseException:
        raised = True
    micropython.heap_unlock()
    return b"raised" if raised else b"held"


def block(link, conn):
    """Hold the event loop, as a signature check would."""
    time.sleep_ms(500)
    return b"done"


def turn(link, conn):
    """The next value of the advertisement."""
    link.advertise(b"turn two", 50)
    return b"turned"


def slow(link, conn):
    global slowly
    slowly = not slowly
    return b"slow" if slowly else b"fast"


ORDERS = {
    b"!conn": lambda link, conn: b"%d" % conn,
    b"!mtu": lambda link, conn: b"%d" % link.mtu(conn),
    b"!links": lambda link, conn: b"%d" % link.links(),
    b"!cut": lambda link, conn: link.cut(conn),
    b"!block": block,
    b"!deaf": deaf,
    b"!slow": slow,
    b"!starve": starve,
    b"!turn": turn,
}


def say(link, conn, words):
    size = link.mtu(conn)
    for start in range(0, len(words), size):
        if not link.send(conn, words[start : start + size]):
            print("not sent", conn)
            return


async def echo(link):
    while True:
        kind, conn, data = await link.event()
        print(kind, conn, data)
        if kind == "overrun":
            say(link, conn, b"OVERRUN")
        elif kind == "disconnect":
            print("after", conn, link.send(conn, b"anyone"), link.alive(conn))
        elif kind == "frame" and data == b"!stall":
            await asyncio.sleep_ms(400)
        elif kind == "frame" and data in ORDERS:
            answer = ORDERS[data](link, conn)
            if answer:
                say(link, conn, answer)
        elif kind == "frame":
            if slowly:
                await asyncio.sleep_ms(5)
            say(link, conn, data)


async def main():
    flag = getattr(asyncio, os.getenv("RINGSLOT_FLAG") or "ThreadSafeFlag")()
    link = Ble(Stack, int(os.getenv("RINGSLOT_BUFFER") or "512"), flag)
    link.start()
    link.advertise((os.getenv("RINGSLOT_ECHO") or "ringslot").encode(), 50)
    asyncio.create_task(echo(link))
    print("ready")
    while True:
        await asyncio.sleep(int(os.getenv("RINGSLOT_WATCHDOG") or "60"))
        if not link.healthy():
            print("unhealthy")


asyncio.run(main())
