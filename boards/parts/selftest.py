"""Whether each part of a board is there and plausible: for the bench, and for whoever has just flashed a lock.

    from boards.esp32s3_lock import pins
    from boards.parts import selftest
    selftest.run(pins)              a line for each part: "bolt ok", or "bolt: " and a sentence; True when all are well
    selftest.run(pins, move=True)   also draws the bolt: keep fingers out of the ring, and push it shut afterwards

Leaves the flash as it was. Takes about 5 s, half a minute when the receiver is silent. The watchdog is not started.
"""

import asyncio
import os
from binascii import unhexlify

from protocol import ed25519

_LOW_MV, _HIGH_MV = 2_800, 5_200  # an empty cell; USB in place of one
_SPEAK_MS = 30_000  # for a receiver's first sentence
_DRAW_MS = 2_000
_POLL_MS = 10
_TRY = "/selftest"

# RFC 8032 §7.1, test 2: the message is one byte, 0x72
_KEY = unhexlify("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
_SIGNATURE = unhexlify(
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
)


class Ill(Exception):
    """A part is not well; the text says how, and what to look at."""


def _need(good, sentence):
    if not good:
        raise Ill(sentence)


async def _storage(board):
    path = board.storage.root + _TRY
    with open(path + ".new", "wb") as file:
        file.write(b"whole")
    os.rename(path + ".new", path)
    with open(path, "rb") as file:
        found = file.read()
    os.remove(path)
    _need(found == b"whole", "what was written is not what is read")


async def _clock(board):
    before = board.clock.uptime_ms()
    await board.clock.sleep_ms(100)
    _need(
        90 <= board.clock.uptime_ms() - before <= 5_000, "100 ms do not last 100 ms"
    )  # a busy emulator's may


async def _random(board):
    _need(board.random(16) != board.random(16), "it repeats itself")


async def _battery(board):
    millivolts = board.battery.millivolts()
    _need(_LOW_MV <= millivolts <= _HIGH_MV, "%d mV: look at the divider and its pin" % millivolts)


async def _bolt(board):
    is_open, is_closed = board.bolt.open(), board.bolt.closed()
    _need(not (is_open and is_closed), "both switches are closed: one is stuck, or a line touches ground")
    _need(is_open or is_closed, "neither switch is closed: a wire, a magnet, or the bolt hangs between")


async def _shackle(board):
    if board.bolt.closed():
        _need(
            board.shackle.closed(), "the bolt is home and the ring's switch is open: its wire or its magnet"
        )


async def _motion(board):
    await board.clock.sleep_ms(1_100)
    if board.motion.moving():
        _need(board.motion.answers(), "the accelerometer does not answer: SDA, SCL, its supply, its address")
        raise Ill("it moves: leave it alone, and look whether INT1 is stuck high")


async def _link(board):
    _need(board.link.healthy(), "the radio is off")


async def _gnss(board):
    board.gnss.power(True)
    try:
        said, waited = b"", 0
        while waited < _SPEAK_MS and b"$G" not in said:
            await board.clock.sleep_ms(200)
            waited += 200
            said = (said + board.gnss.read(256))[-512:]
    finally:
        board.gnss.power(False)
    _need(said, "the receiver says nothing: its supply, its TXD")
    _need(b"$G" in said, "the receiver says something that is not NMEA: its speed")


async def _motor(board):
    _need(board.bolt.closed(), "the bolt is not home: push the ring shut first")
    board.motor.pull()
    try:
        waited = 0
        while waited < _DRAW_MS and not board.bolt.open():
            await board.clock.sleep_ms(_POLL_MS)
            waited += _POLL_MS
    finally:
        board.motor.stop()
    _need(
        waited < _DRAW_MS,
        "it pulled for 2 s and the bolt is not open: the motor, its supply, the open switch",
    )


async def _signatures(board):
    good, false = ed25519.verify(_KEY, b"r", _SIGNATURE), ed25519.verify(_KEY, b"s", _SIGNATURE)
    _need(good and not false, "they are judged wrongly: this is the code for another chip")


CHECKS = (
    ("signatures", _signatures),
    ("storage", _storage),
    ("clock", _clock),
    ("random", _random),
    ("battery", _battery),
    ("bolt", _bolt),
    ("shackle", _shackle),
    ("motion", _motion),
    ("link", _link),
    ("gnss", _gnss),
)


async def check(board, move=False, say=print):
    """True when all are well; what is found is said, a line each."""
    well = True
    for name, look in CHECKS + ((("motor", _motor),) if move else ()):
        try:
            await look(board)
            say(name + " ok")
        except (Ill, OSError) as error:
            well = False
            say("%s: %s" % (name, error))
    return well


def run(pins, move=False):
    from boards.parts.esp32_board import Board  # here, for other boards have none of these
    from boards.parts.storage import Storage

    return asyncio.run(check(Board(pins, Storage(pins.ROOT)), move))
