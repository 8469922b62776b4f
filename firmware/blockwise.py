"""Pieces of what the cloud holds, by GET with Block2 (RFC 7959 §2), inside OSCORE (RFC 8613 §4.1.3.4.2).

Each request names its block, so that a transfer goes on where it stopped, also after a boot. Whether the pieces are of
one whole is not asked here: a digest over all of them says so (RFC 7959 §2.4 would have an ETag for it). Loaded only
while something is fetched.
"""

from binascii import hexlify

from firmware.channel import Away
from firmware.updater import Gone
from protocol import coap, update
from protocol.compat import const
from protocol.telemetry import NOTE_UPDATE

_SZX = const(5)  # 2^(5 + 4) = 512 bytes


class Blocks:
    """One resource of the cloud. `path`: its segments, bytes."""

    def __init__(self, channel, path, beat):
        self._channel, self._beat = channel, beat
        self._path = [(coap.URI_PATH, segment) for segment in path]
        self._szx = _SZX

    async def get(self, offset):
        """update.BLOCK bytes from that offset, a multiple of it, or as many as there are. Raises Gone, Away."""
        data, more = b"", True
        while more and len(data) < update.BLOCK:
            piece, more = await self._block(offset + len(data))
            data += piece
        return data

    async def _block(self, at):
        """(bytes, whether there are more)."""
        number = at >> self._szx + 4
        wanted = self._path + [(coap.BLOCK2, coap.uint(number << 4 | self._szx))]
        code, options, body, _ = await self._channel.request(coap.GET, wanted, b"", self._beat)
        if code == coap.NOT_FOUND:
            raise Gone
        if code != coap.CONTENT:
            raise Away
        value = dict(options).get(coap.BLOCK2)
        if value is None:  # all of it fits into one answer, §2.4
            value = bytes((self._szx,))
        found = int.from_bytes(value, "big") if value else 0
        szx, more, number = found & 7, found >> 3 & 1, found >> 4
        size = 16 << szx
        # §2.4: the cloud may answer in smaller blocks, and is asked for those from then on
        if len(value) > 3 or szx > self._szx or number << szx + 4 != at or len(body) > size:
            raise Away
        if more and len(body) != size:
            raise Away
        self._szx = szx
        return body, more


class Cloud:
    """A source for updater.py: the release that the cloud offers this lock."""

    link = None

    def __init__(self, lock, beat):
        self._lock, self._beat = lock, beat
        self._name = self._blocks = None

    async def get(self, name, offset):
        if name != self._name:
            path = [b"m"] if name == update.MANIFEST else [b"f", hexlify(name)]
            self._name, self._blocks = name, Blocks(self._lock.uplink.channel, path, self._beat)
        return await self._blocks.get(offset)

    def tell(self, state, reason):
        self._lock.outbox.note(NOTE_UPDATE, state | reason << 8)
