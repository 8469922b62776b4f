"""A lock that is out of order: whatever a phone sends costs its link and is told so; nothing is asked of storage."""

import asyncio
import gc
import hashlib

from boards.sim.signer import QuickKey
from boards.sim.virtual import VirtualBoard
from firmware.quarantine import Quarantine, payload
from protocol import cbor, cose, exchange, keys, keyset, roots, status

_ROOT = QuickKey(hashlib.sha256(b"root").digest())
_HELLO = exchange.encode_hello(bytes(8))


class Street:
    """A bench as boards.sim.bench.Phone asks for one, without a lock."""

    def __init__(self):
        gc.collect()  # of the one before, whose flash is large
        self.board = VirtualBoard()
        self.looks = 0
        self.out_of_order = Quarantine(self.board.link, self.board.clock, b"8 bytes.", self._look)

    def _look(self):
        self.looks += 1

    def live(self, ms, *story):
        """Runs for that long. story: (ms from the start, function) each."""
        for at, do in story:
            self.board.timeline.at(self.board.timeline.now + at, do)
        asyncio.run(self.out_of_order.run(ms))
        assert self.board.world.actuations == 0


def _ask(write):
    """(code of the answer, answers, whether the link was cut) for what `write(link, conn)` sends."""
    street = Street()
    link = street.board.link
    found = {}

    def begin():
        found["conn"] = link.connect()
        write(link, found["conn"])

    street.live(12_000, (100, begin))
    frames = link.frames_for(found["conn"])
    code = exchange.decode_result(frames[0][4:])[0] if frames else None
    return code, len(frames), not link.up(found["conn"])


def _message(opcode, body):
    head = bytes([0x80, opcode, len(body) >> 8, len(body) & 255])
    return lambda link, conn: link.phone_write(conn, head + body)


def test_whatever_is_asked_is_refused_once_and_the_link_cut():
    for opcode, body in (
        (exchange.HELLO, _HELLO),
        (exchange.REQUEST, b"anything at all"),
        (exchange.COLLECT, exchange.encode_collect()),
    ):
        assert _ask(_message(opcode, body)) == (status.QUARANTINE, 1, True)


def test_what_is_no_message_is_refused_as_such():
    assert _ask(_message(exchange.HELLO, b"\x01")) == (status.MALFORMED, 1, True)
    assert _ask(_message(99, b"\x01")) == (status.MALFORMED, 1, True)
    assert _ask(lambda link, conn: link.phone_write(conn, b"\0")) == (status.MALFORMED, 1, True)


def test_a_flood_and_a_second_question_get_one_answer():
    def flood(link, conn):
        for _ in range(100):
            _message(exchange.HELLO, _HELLO)(link, conn)

    assert _ask(flood) == (status.QUARANTINE, 1, True)


def test_silence_ends_after_ten_seconds_and_a_full_radio_is_waited_for():
    assert _ask(lambda link, conn: None) == (None, 0, True)
    street = Street()
    link = street.board.link
    found = []

    def begin():
        link.stuffed = True
        found.append(link.connect())
        _message(exchange.HELLO, _HELLO)(link, found[0])

    def free():
        link.stuffed = False

    street.live(2_000, (100, begin), (250, free))
    assert len(link.frames_for(found[0])) == 1


def test_it_advertises_feeds_the_watchdog_and_ends():
    street = Street()
    street.live(5_000)
    assert street.board.link.advertised == (b"8 bytes.", 1_000) and street.looks >= 90


def _signed(payload):
    return cose.sign(payload, [(roots.kid(_ROOT.public), _ROOT.sign)])


def _write(root, name, data):
    with open(root + "/" + name, "wb") as file:
        file.write(data)


def test_it_shows_what_the_whole_lock_shows_if_it_can_still_tell_and_noise_if_not():
    gc.collect()
    root = VirtualBoard().storage.root
    k_lock, ride = bytes([5]) * 32, bytes([6]) * 32
    _write(root, "identity", cbor.encode({1: bytes(8), 2: k_lock, 3: None}))
    _write(root, "keyset", _signed(keyset.encode(1, [(keys.kid(keys.RIDE, ride), ride, 0, 9)])))
    _write(root, "roots", roots.encode(1, [_ROOT.public]))
    _write(root, "settings.json", b'{"kind": "exclusive", "uplink_host": "192.0.2.1"}')
    shown = keys.adv_payload(keys.adv_key(k_lock, keys.adv_index(0, False)), 7)
    assert payload(root, lambda n: bytes([7]) * n) == shown
    _write(root, "floors", b"damaged")
    assert payload(root, lambda n: bytes([7]) * n) == bytes([7]) * 8
    assert payload(root + "/nowhere", lambda n: bytes([9]) * n) == bytes([9]) * 8
