"""A body from the cloud, block by block (Block2, RFC 7959 §2.4): bounded, and one body from end to end.

Imported when there is something to fetch. What is done with the bytes is the caller's affair.
"""

from protocol import coap
from protocol.compat import const

SIZE = const(512)  # bytes of a block
_EXPONENT = const(5)  # 2^(SZX + 4)
_MORE = const(8)
_ETAG_MAX = const(8)  # bytes, RFC 7252 §5.10.6


class Refused(Exception):
    """The cloud does not give it, or what it gives is no body: to ask again soon is of no use. `code`: its answer's."""

    def __init__(self, code):
        self.code = code


class Again(Exception):
    """Begin anew, later: another body lies there now than the one that was begun, or the cloud has no time."""


class Body:
    """`options`: of the request, path and query; `limit`: bytes at most; `at`: the block to begin with."""

    def __init__(self, channel, options, limit, at=0, etag=None):
        self._channel = channel
        self._options = options
        self._left = limit - at * SIZE
        self.at = at  # number of the block that is next
        self.etag = etag  # of the whole, once the first block is there
        self.done = False

    async def block(self, beat):
        """The next block's bytes, SIZE of them but for the last, after which `done` is True.
        Raises Refused, Again, channel.Away."""
        wanted = self.at << 4 | _EXPONENT
        options = self._options + [(coap.BLOCK2, coap.uint(wanted))]
        code, answered, payload, _ = await self._channel.request(coap.GET, options, b"", beat)
        if code >= coap.INTERNAL_ERROR:  # 5.xx
            raise Again
        if code != coap.CONTENT:
            raise Refused(code)
        etag, given = _of(answered, coap.ETAG), _of(answered, coap.BLOCK2)
        if etag is None or not 0 < len(etag) <= _ETAG_MAX or given is None or len(given) > 3:
            raise Refused(code)
        if self.etag is not None and etag != self.etag:
            raise Again
        given = int.from_bytes(given, "big")
        more = given & _MORE
        if given & ~_MORE != wanted or (len(payload) != SIZE if more else len(payload) > SIZE):
            raise Refused(code)
        self._left -= len(payload)
        if self._left < 0:
            raise Refused(code)
        self.etag = etag
        self.at += 1
        self.done = not more
        return payload


def _of(options, number):
    """The value of an option that is there once, else None."""
    values = [option[1] for option in options if option[0] == number]
    return values[0] if len(values) == 1 else None
