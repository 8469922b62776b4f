"""OSCORE (RFC 8613), the client's half: a lock seals its requests and opens the responses.

Algorithms are fixed: AES-CCM-16-64-128 and HKDF with SHA-256. The sequence number lives in RAM alone, so a context
must never be built twice with the same secret and ID Context: a lock draws a fresh random ID Context at each boot,
which gives fresh keys (RFC 8613 §3.2.1), and starts from 0 again.

Not here: a server's half (the cloud uses aiocoap's), a replay window (a client needs none: each response is bound
to its request), sending and retransmission (the firmware's uplink).
"""

from protocol import cbor, ccm, coap, cose
from protocol.compat import const
from protocol.mac import hkdf

MESSAGES_MAX = const(
    1 << 20
)  # requests under one key, far below where this cipher's short tag would need care
ID_MAX = const(7)  # bytes: nonce length - 6, §3.3
ID_CONTEXT_MAX = const(255)  # what its length byte can say, §6.1

_ALG = const(10)  # AES-CCM-16-64-128
_PIV_MAX = const(5)  # bytes, §6.1
_KID_CONTEXT_FLAG = const(0x10)  # flag byte of the option, §6.1
_KID_FLAG = const(0x08)
_PIV_SIZE = const(0x07)

# §4.1.3: read by proxies, so not encrypted. Everything else is class E; Observe is both (§4.1.3.5).
_CLASS_U = (coap.URI_HOST, coap.URI_PORT, coap.PROXY_URI, coap.PROXY_SCHEME)
_ANSWERED = 1 << 40  # above any Partial IV


class OscoreError(ValueError):  # └─ Exhausted
    """A response that is not protected, not ours, not to this request, or already used."""


class Exhausted(OscoreError):
    """No sequence number is left under these keys: build a new context with a fresh ID Context."""


class Request:
    """What a sent request leaves behind to open its response with. One response, or one rising series if observing."""

    __slots__ = ("piv", "nonce", "aad", "observe", "newest")

    def __init__(self, piv: bytes, nonce: bytes, aad: bytes, observe: bool):
        self.piv = piv
        self.nonce = nonce
        self.aad = aad
        self.observe = observe
        self.newest = -2  # the highest Partial IV answered with; -1 is "none, the request's own"


class Context:
    """A security context, §3.1, as its sender sees it. Holds keys: never print or log one.

    send_id_context: whether the next request names the ID Context. True until the caller has seen that the server
    knows it; to be set again when the server says that it does not (a bare kid is unknown after its restart).
    """

    def __init__(
        self,
        master_secret: bytes,
        master_salt: bytes,
        sender_id: bytes,
        recipient_id: bytes,
        id_context=None,
        sequence: int = 0,
    ):
        if len(sender_id) > ID_MAX or len(recipient_id) > ID_MAX or sender_id == recipient_id:
            raise ValueError("ids are two different ones of at most 7 bytes")
        if id_context is not None and len(id_context) > ID_CONTEXT_MAX:
            raise ValueError("ID Context is at most 255 bytes")
        self.sender_id = sender_id
        self.recipient_id = recipient_id
        self.id_context = id_context
        self.sequence = sequence  # of the next request
        self.send_id_context = id_context is not None

        def derive(id, type, length):  # §3.2.1
            info = cbor.encode([id, id_context, _ALG, type, length])
            return hkdf(master_salt, master_secret, info, length)

        self.sender_key = derive(sender_id, "Key", ccm.KEY)
        self.recipient_key = derive(recipient_id, "Key", ccm.KEY)
        self.common_iv = derive(b"", "IV", ccm.NONCE)

    def protect_request(self, code: int, options, payload: bytes = b""):
        """(outer code, outer options, ciphertext, Request) of a request: §8.1. Spends one sequence number.

        options: [(number, value), ...]. Raises Exhausted when none is left.
        """
        if self.sequence >= MESSAGES_MAX:
            raise Exhausted
        piv = coap.uint(self.sequence) or b"\x00"
        self.sequence += 1
        nonce = make_nonce(self.common_iv, self.sender_id, piv)
        aad = make_aad(self.sender_id, piv)
        observe = False
        outer = [
            (coap.OSCORE, make_option(piv, self.sender_id, self.id_context if self.send_id_context else None))
        ]
        inner = []
        for option in options:
            if option[0] == coap.OSCORE:
                raise ValueError("already protected")
            if option[0] in _CLASS_U:
                outer.append(option)
                continue
            inner.append(option)
            if option[0] == coap.OBSERVE:
                outer.append(option)
                observe = True
        plaintext = bytes((code,)) + coap.encode_options(inner, payload)  # §5.3
        ciphertext = ccm.seal(self.sender_key, nonce, aad, plaintext)
        # §4.2: a code that tells a proxy nothing but whether this is an observation
        outer_code = coap.FETCH if observe else coap.POST
        return outer_code, outer, ciphertext, Request(piv, nonce, aad, observe)

    def unprotect_response(self, options, payload: bytes, request: Request):
        """(code, options, payload) of the response to that request: §8.4. Raises OscoreError.

        options and payload are the outer ones; of the outer options only OSCORE's own is looked at, so that
        nothing comes out of here that was not under the seal.
        """
        values = [value for number, value in options if number == coap.OSCORE]
        if len(values) != 1:
            raise OscoreError("not protected")
        piv, kid, id_context = parse_option(values[0])
        if kid is not None and kid != self.recipient_id:
            raise OscoreError("from another sender")
        if id_context is not None and id_context != self.id_context:
            raise OscoreError("of another context")
        if piv is None:
            number, nonce = -1, request.nonce
        else:
            number, nonce = int.from_bytes(piv, "big"), make_nonce(self.common_iv, self.recipient_id, piv)
        if number <= request.newest:
            raise OscoreError("a copy, or older than one seen")  # §7.4.1, §8.4
        try:
            plaintext = ccm.open(self.recipient_key, nonce, request.aad, payload)
        except ValueError:
            raise OscoreError("does not verify")
        if not plaintext or coap.kind(plaintext[0]) != "response":
            raise OscoreError("no response inside")
        try:
            inner, payload = coap.decode_options(plaintext, 1)
        except coap.FormatError:
            raise OscoreError("malformed inside")
        observing = request.observe and any(option[0] == coap.OBSERVE for option in inner)
        request.newest = number if observing else _ANSWERED
        return plaintext[0], inner, payload


# ---- the pieces, the same for both ends


def make_nonce(common_iv: bytes, id_piv: bytes, piv: bytes) -> bytes:
    """§5.2: the length and value of the sender's id and the Partial IV, each at its place, over the Common IV."""
    placed = bytes((len(id_piv),)) + bytes(ID_MAX - len(id_piv)) + id_piv + bytes(_PIV_MAX - len(piv)) + piv
    mixed = int.from_bytes(placed, "big") ^ int.from_bytes(common_iv, "big")
    return mixed.to_bytes(ccm.NONCE, "big")


def make_aad(request_kid: bytes, request_piv: bytes) -> bytes:
    """§5.4: what binds a request, and its response, to the request's sender and number. No class I options exist."""
    external = cbor.encode([1, [_ALG], request_kid, request_piv, b""])  # 1: OSCORE's version
    return cose.enc_structure(b"", external)


def make_option(piv, kid, id_context) -> bytes:
    """The OSCORE option's value, §6.1; each of the three may be None."""
    flags = len(piv) if piv is not None else 0
    rest = piv or b""
    if id_context is not None:
        flags |= _KID_CONTEXT_FLAG
        rest += bytes((len(id_context),)) + id_context
    if kid is not None:
        flags |= _KID_FLAG
        rest += kid
    return bytes((flags,)) + rest if flags else b""  # no flags at all is no byte at all


def parse_option(value: bytes):
    """(Partial IV, kid, ID Context), each None if absent. OscoreError unless it is one that make_option would write."""
    if not value:
        return None, None, None
    flags = value[0]
    pos = 1
    piv = kid = id_context = None
    if flags & _PIV_SIZE:
        pos += flags & _PIV_SIZE
        piv = value[1:pos]
    if flags & _KID_CONTEXT_FLAG:
        start = pos + 1
        pos = start + (value[pos] if pos < len(value) else 0)
        id_context = value[start:pos]
    if flags & _KID_FLAG:
        kid = value[pos:]
        pos = len(value)
    if piv and (len(piv) > _PIV_MAX or len(piv) > 1 and piv[0] == 0):
        raise OscoreError("malformed Partial IV")
    if make_option(piv, kid, id_context) != value:  # reserved bits, what breaks off, what is left over
        raise OscoreError("malformed option")
    return piv, kid, id_context
