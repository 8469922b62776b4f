"""Messages cut into frames, and put together again (SPEC.md section 4).

One Sender and one Receiver per link and direction.
"""

from protocol.compat import const

BODY_MAX = const(1024)
_FIRST = const(0x80)
_COUNTER = const(0x7F)


class FrameError(ValueError):
    """The other side broke the framing: the link is of no more use."""


class Sender:
    """Cuts messages; `payload` is what one frame may hold, at least 5 bytes (20 at the smallest ATT_MTU)."""

    def __init__(self):
        self._counter = 0

    def frames(self, opcode, body, payload):
        rest = bytes([opcode, len(body) >> 8, len(body) & 255]) + body
        frames = []
        mark = _FIRST
        while rest:
            frames.append(bytes([mark | self._counter]) + rest[: payload - 1])
            rest = rest[payload - 1 :]
            self._counter = (self._counter + 1) & _COUNTER
            mark = 0
        return frames


class Receiver:
    """Takes frames in order, gives back whole messages. Holds at most one, of at most `limit` bytes."""

    def __init__(self, limit=BODY_MAX, opcodes=None):
        self._limit = limit
        self._opcodes = opcodes
        self._counter = 0
        self.opcode = None  # of a message that has begun and is not complete
        self._missing = 0
        self._body = None

    def feed(self, frame):
        """(opcode, body) when this frame completes a message, else None.

        Raises FrameError; then the Receiver is spent.
        """
        if len(frame) < 2 or frame[0] & _COUNTER != self._counter:
            raise FrameError("out of order")
        self._counter = (self._counter + 1) & _COUNTER
        if frame[0] & _FIRST:
            part = self._begin(frame)
        else:
            if self.opcode is None:
                raise FrameError("continues nothing")
            part = memoryview(frame)[1:]
        if len(part) > self._missing:
            raise FrameError("longer than announced")
        self._body += part
        self._missing -= len(part)
        if self._missing:
            return None
        message = self.opcode, bytes(self._body)
        self.opcode = self._body = None
        return message

    def _begin(self, frame):
        if self.opcode is not None:
            raise FrameError("message inside a message")
        if len(frame) < 4:
            raise FrameError("short")
        if self._opcodes is not None and frame[1] not in self._opcodes:
            raise FrameError("unknown opcode")
        length = frame[2] << 8 | frame[3]
        if not 0 < length <= self._limit:
            raise FrameError("length")
        self.opcode = frame[1]
        self._missing = length
        self._body = bytearray()
        return memoryview(frame)[4:]
