"""A release from the cloud, for updater.py. Loaded only while there is one to fetch."""

from binascii import hexlify

from firmware import blocks
from firmware.channel import Away
from firmware.updater import Gone
from protocol import coap, update
from protocol.compat import const
from protocol.telemetry import NOTE_UPDATE

_LIMIT = const(0x100000)  # bytes of a file; how long it is, the manifest says


class Cloud:
    """A source for updater.py: the release that the cloud offers this lock."""

    link = None

    def __init__(self, lock, beat):
        self._lock, self._beat = lock, beat
        self._name = self._body = None

    async def get(self, name, offset):
        """update.BLOCK bytes from that offset, a multiple of it, or as many as there are. Raises Gone, Away."""
        body, self._body = self._body, None
        if body is None or body.done or name != self._name or body.at * blocks.SIZE != offset:
            path = [b"m"] if name == update.MANIFEST else [b"f", hexlify(name)]
            options = [(coap.URI_PATH, segment) for segment in path]
            body = blocks.Body(self._lock.uplink.channel, options, _LIMIT, offset // blocks.SIZE)
        try:
            data = await body.block(self._beat)
        except blocks.Refused as refused:
            if refused.code == coap.NOT_FOUND:
                raise Gone
            raise Away
        except blocks.Again:
            raise Away
        self._name, self._body = name, body
        return data

    def tell(self, state, reason):
        self._lock.outbox.note(NOTE_UPDATE, state | reason << 8)
