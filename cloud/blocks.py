"""Bodies longer than a datagram, block by block (Block2, RFC 7959 §2.2). Pure, and it remembers nothing: each request
says which block it wants, and the ETag (RFC 7252 §5.10.6) tells whoever collects them that the body has changed.

A body comes from a function of RESOURCES: (cloud, lock id, rest of the path, Uri-Query values) -> bytes. It runs in a
thread, once a block, and raises NotOffered where this lock has no business. A new one is a line in the table.
"""

import hashlib
from collections.abc import Callable

from aiocoap import Message
from aiocoap.numbers.codes import Code

from cloud import keyring, rollouts
from cloud.context import Cloud
from cloud.problem import NotOffered

SIZE_EXPONENT = 5  # blocks of 512 bytes unless a smaller size is asked for: 2^(SZX + 4)
ETAG = 8  # bytes

Body = Callable[[Cloud, str, tuple[str, ...], tuple[str, ...]], bytes]
RESOURCES: dict[str, Body] = {
    "k": keyring.keyset_for,
    "c": keyring.comb_for,
    "m": rollouts.manifest_for,
    "f": rollouts.file_for,
}


def find(path: tuple[str, ...]) -> Body | None:
    return RESOURCES.get(path[0]) if path else None


def get(cloud: Cloud, lock_id: str, request: Message) -> Message:
    """The block that the request asks for, the first one unless it says. Raises what the body's function raises."""
    path: tuple[str, ...] = request.opt.uri_path
    body = find(path)
    if body is None:
        raise NotOffered
    return cut(body(cloud, lock_id, path[1:], request.opt.uri_query), request)


def cut(body: bytes, request: Message) -> Message:
    asked = request.opt.block2
    number, exponent = (asked.block_number, asked.size_exponent) if asked else (0, SIZE_EXPONENT)
    if exponent == 7:  # reserved: RFC 7959 §2.2
        return Message(code=Code.BAD_REQUEST)
    if number == 0:
        exponent = min(exponent, SIZE_EXPONENT)  # §2.4: the answer to the first block settles the size
    size = 1 << exponent + 4
    start = number * size
    if exponent > SIZE_EXPONENT or start >= max(len(body), 1):
        return Message(code=Code.BAD_REQUEST)
    return Message(
        code=Code.CONTENT,
        payload=body[start : start + size],
        etag=hashlib.sha256(body).digest()[:ETAG],
        block2=(number, start + size < len(body), exponent),
        size2=len(body) if number == 0 else None,  # §4: how much there is to come
    )
