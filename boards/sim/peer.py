"""The cloud as a lock sees it on the wire: CoAP and OSCORE as SPEC.md section 10 says, in memory, for tests.

    board.bearer.peer = peer = Peer(lock_id, k_lock)
    peer.records, peer.receipts         what it acknowledged
    peer.answer[telemetry.COMMANDS]     what its answers carry beside the time
    peer.forget()                       its memory of contexts goes, as in a restart
    peer.resources[b"m"] = bytes        what it gives by GET with Block2 (RFC 7959), in blocks of 2^(peer.szx + 4)
    peer.habit = "separate"             how it answers, see `HABITS`

It is honest but forgetful, and asserts what a lock owes it: fresh nonces, whole batches, records that do not change.
"""

import hashlib

from protocol import ccm, coap, keys, oscore, receipt, telemetry

HABITS = ("piggyback", "separate", "separate without ack", "non", "unavailable", "refuse", "silent")
_ECHO = b"echo"  # with the ID Context behind it


class Peer:
    """`now`: function that gives Unix seconds. Of one lock."""

    def __init__(self, lock_id, k_lock, now=lambda: 1_789_382_712):
        self._secret = keys.oscore_secret(k_lock)
        self._kid = keys.oscore_id(lock_id)
        self._now = now
        self._contexts = {}  # ID Context -> [its keys, Partial IVs seen, proved fresh]
        self._named = None  # the ID Context of the last one that proved fresh
        self._replies = []  # (message id, what was answered) of the latest
        self._numbers = self._mids = 0
        self._nonces = {}  # digest of key and nonce -> digest of what was sealed under them
        self.habit = "piggyback"
        self.records = {}
        self.receipts = {}  # seq -> bytes
        self.answer = {}
        self.asked = []  # (path, number of the block, Uri-Query or None) of those
        self.requests = []  # (path, payload, whether the ID Context was named) of what verified and was fresh
        self.seen = []  # datagrams from the lock
        self.sent = []  # datagrams to it
        self.refused = 0  # bare 4.01
        self.resources = {}  # path -> bytes
        self.szx = 5

    def forget(self):
        """Restart: contexts, replay windows and deduplication are gone."""
        self._contexts, self._replies, self._named = {}, [], None

    def __call__(self, datagram):
        self.seen.append(datagram)
        replies = [] if self.habit == "silent" else self._take(datagram)
        self.sent.extend(replies)
        return replies

    def _take(self, datagram):
        message = coap.decode(datagram)  # a lock sends no malformed message
        if message.type != coap.CON or coap.kind(message.code) != "request":
            return []
        for mid, replies in self._replies:
            if mid == message.mid:  # RFC 7252 §4.5: the same answer again, nothing done twice
                return replies
        replies = self._dressed(message, *self._answer(message))
        self._replies = self._replies[-7:] + [(message.mid, replies)]
        return replies

    def _dressed(self, message, code, options, payload):
        self._mids = self._mids + 1 & 0xFFFF
        if self.habit.startswith("separate"):
            answer = coap.encode(coap.CON, code, self._mids, message.token, options, payload)
            acknowledgement = coap.acknowledge(message.mid)
            return [answer] if self.habit == "separate without ack" else [acknowledgement, answer]
        if self.habit == "non":
            return [coap.encode(coap.NON, code, self._mids, message.token, options, payload)]
        return [coap.encode(coap.ACK, code, message.mid, message.token, options, payload)]

    # ---- OSCORE, the server's half

    def _answer(self, message):
        """(outer code, outer options, outer payload)."""
        if self.habit == "unavailable":
            return coap.UNAVAILABLE, [], b""
        found = self._opened(message)
        if found is None:
            self.refused += 1
            return coap.UNAUTHORIZED, [], b""
        state, nonce, aad, plaintext, id_context = found
        inner, payload = coap.decode_options(plaintext, 1)
        assert plaintext[0] in (coap.POST, coap.GET) and message.code == coap.POST
        context = state[0]
        if not state[2]:
            echo = dict(inner).get(coap.ECHO)
            if echo != _ECHO + context.id_context:
                self._numbers += 1
                piv = coap.uint(self._numbers)
                nonce = oscore.make_nonce(context.common_iv, context.sender_id, piv)
                option = oscore.make_option(piv, None, None)
                challenge = [(coap.ECHO, _ECHO + context.id_context)]
                return self._sealed(context, nonce, aad, option, coap.UNAUTHORIZED, challenge, b"")
            state[2] = True
            self._named = context.id_context
            self._contexts = {self._named: state}  # one boot at a time
        path = b"/".join([value for number, value in inner if number == coap.URI_PATH])
        self.requests.append((path, payload, id_context is not None))
        if plaintext[0] == coap.GET:
            code, options, body = self._block(path, dict(inner))
        else:
            options = []
            code, body = self._serve(path, payload)
        return self._sealed(context, nonce, aad, b"", code, options, body)

    def _opened(self, message):
        """(state of its context, nonce, aad, plaintext, ID Context or None) of a request that verifies and is new."""
        option = message.option(coap.OSCORE)
        if option is None:
            return None
        piv, kid, id_context = oscore.parse_option(option)
        if kid != self._kid:
            return None
        state = self._contexts.get(self._named if id_context is None else id_context)
        if state is None and id_context is None:
            return None
        if state is None:
            state = [oscore.Context(self._secret, b"", b"\x00", kid, id_context), set(), False]
        context, seen, _ = state
        nonce, aad = oscore.make_nonce(context.common_iv, kid, piv), oscore.make_aad(kid, piv)
        try:
            plaintext = ccm.open(context.recipient_key, nonce, aad, message.payload)
        except ValueError:
            return None
        self._once(context.recipient_key, nonce, message.payload)
        if piv in seen:
            return None
        seen.add(piv)
        if id_context is None:
            self._named = context.id_context
        else:
            self._contexts[id_context] = state
            self._named = id_context
        return state, nonce, aad, plaintext, id_context

    def _sealed(self, context, nonce, aad, option, code, options, payload):
        plaintext = bytes((code,)) + coap.encode_options(options, payload)
        ciphertext = ccm.seal(context.sender_key, nonce, aad, plaintext)
        self._once(context.sender_key, nonce, ciphertext)
        return coap.CHANGED, [(coap.OSCORE, option)], ciphertext

    def _once(self, key, nonce, ciphertext):
        name = hashlib.sha256(key + nonce).digest()[:8]
        assert self._nonces.get(name, ciphertext[-8:]) == ciphertext[-8:], "a nonce was used for two messages"
        self._nonces[name] = ciphertext[-8:]

    # ---- what it is for

    def _block(self, path, options):
        """(code, options, payload) of one block, RFC 7959 §2.4."""
        wanted = options.get(coap.BLOCK2)
        if self.habit == "refuse" or wanted is None:
            return coap.BAD_REQUEST, [], b""
        value = int.from_bytes(wanted, "big")
        self.asked.append((path, value >> 4, options.get(coap.URI_QUERY)))
        data = self.resources.get(path)
        if callable(data):
            data = data(options.get(coap.URI_QUERY))
        if data is None:
            return coap.NOT_FOUND, [], b""
        szx = min(value & 7, self.szx)
        assert not value & 8, "the more bit of a request is 0"
        at = (value >> 4) << (value & 7) + 4
        end = at + (16 << szx)
        if at >= len(data) and at:
            return coap.BAD_OPTION, [], b""
        answer = coap.uint(at >> szx + 4 << 4 | (end < len(data)) << 3 | szx)
        tag = hashlib.sha256(data).digest()[:8]
        return coap.CONTENT, [(coap.ETAG, tag), (coap.BLOCK2, answer)], data[at:end]

    def _serve(self, path, payload):
        if self.habit == "refuse":
            return coap.BAD_REQUEST, b""
        answer = {telemetry.TIME: self._now()}
        answer.update(self.answer)
        if path == b"t":
            first, records = telemetry.decode_batch(payload)
            for place, record in enumerate(records):
                assert self.records.get(first + place, record) == record, "a number was used for two records"
                self.records[first + place] = record
        elif path == b"r":
            for raw in telemetry.decode_receipts(payload):
                seq = receipt.parse(raw).seq
                assert self.receipts.get(seq, raw) == raw, "a fork"
                self.receipts[seq] = raw
            up_to = 0
            while up_to + 1 in self.receipts:
                up_to += 1
            answer.setdefault(telemetry.RECEIPTS_UP_TO, up_to)
        else:
            return coap.NOT_FOUND, b""
        return coap.CHANGED, telemetry.encode_answer(answer)
