"""One lock on the 32-bit board: `main.py` on its flash imports this. The composition root of this board.

The console is its serial link (boards/parts/serial_link.py), whose packets of kind OTHER are the hand beside the bike.
"""

import asyncio
import gc
import json
import os

gc.threshold(4_096)  # what importing a module leaves is collected before the next one, or the heap scatters

import beside  # noqa: E402

import protocol.ed25519  # noqa: E402, F401  what takes most room comes first, while the heap is empty
from boards.parts.serial_link import SerialLink  # noqa: E402
from firmware.lock import Lock  # noqa: E402


def _bicycle():
    """The modules of the world around the lock. By now whatever they share with it is in its heap."""
    import boards.sim.parts  # noqa: F401  board.py's
    from boards.sim import hand, lasting, shown

    return hand.Hand, lasting.Lasting, shown


Hand, Lasting, shown = beside.make(_bicycle)
from boards.qemu_rv32.board import ROOT, WORLD, Board, Clock, Console, Line, Uptime  # noqa: E402

_SICK_MS = 600_000  # out of order; then a start may find the storage well


def make(link=None):
    """The board: with that link, or to be asked about its parts (boards/parts/selftest.py)."""
    for folder in (ROOT, WORLD):
        try:
            os.mkdir(folder)
        except OSError:
            pass  # from an earlier boot
    return Board(Lasting(WORLD), link or Line())


async def main(hardened):
    hand = None

    def by_hand(line):
        if hand is None:
            return b'{"ok": false, "error": "out of order"}'
        answer, then = hand.answer(line)
        if then:
            asyncio.get_event_loop().create_task(soon(then))
        return json.dumps(answer).encode()

    async def soon(then):
        await asyncio.sleep_ms(20)  # the answer leaves first
        then()

    link = SerialLink(Console(), by_hand)
    try:
        board = make(link)
        lock = Lock(board)
    except Exception:
        if not hardened:
            raise
        await out_of_order(link)
        return
    hand = Hand(board, lambda: shown.of(lock))
    await lock.run()


async def out_of_order(link):
    gc.collect()
    from firmware.quarantine import Quarantine, payload

    await Quarantine(link, Clock(Uptime()), payload(ROOT, os.urandom)).run(_SICK_MS)


def run(hardened=False):
    asyncio.run(main(hardened))


def quarantine():
    """Without any storage. What boards/hardened.py runs then."""
    asyncio.run(out_of_order(SerialLink(Console())))
