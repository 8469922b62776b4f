"""One request to the cloud and its verified answer: CoAP confirmable messages (RFC 7252) under OSCORE (RFC 8613).

Draws a random ID Context at each boot, so that nothing about keys is kept in flash; names it until an answer has
verified, and again when the cloud says 4.01 in the clear. Whatever arrives that is not an answer to the request
on its way is dropped, or rejected as §4.2 asks. What is said, and when, is uplink.py's.
"""

from protocol import coap, keys, oscore
from protocol.compat import const

_ACK_TIMEOUT_MS = const(2000)  # RFC 7252 §4.8; the random factor is 1 to 1.5, then it doubles
_MAX_RETRANSMIT = const(4)
_SEPARATE_MS = const(60000)  # for the answer after an empty acknowledgement
_SLICE_MS = const(2000)  # the longest wait without a sign of life to the supervisor
_STRANGE = const(64)  # datagrams that are no answer; who gets more gives up for now
_ATTEMPTS = const(5)  # unknown context, unknown even by name, Echo for the new one, and one to spare
_TURN_MS = const(100)
_TOKEN = const(2)  # bytes: it tells answers apart; what binds them is OSCORE
_ID_CONTEXT = const(8)


class Away(Exception):
    """No verified answer: the network is away, the cloud is silent, or what answers is not the cloud."""


class Channel:
    """`secret`: the lock's OSCORE Master Secret. One request at a time (NSTART, §4.7).

    `traffic`: path -> bytes of datagrams since the boot, both ways, repeats included: what the network bills.
    """

    def __init__(self, board, lock_id, secret, host, port):
        self._bearer, self._random = board.bearer, board.random
        self._uptime_ms, self._sleep_ms = board.clock.uptime_ms, board.clock.sleep_ms
        self._lock_id, self._secret = lock_id, secret
        self._address = host, port
        self._open = False
        self._busy = False  # a request is on its way
        self._context = None
        self._bytes = 0
        self.traffic = {}
        self._mid = int.from_bytes(board.random(2), "big")  # §4.4: begins anywhere, then counts

    def __repr__(self):
        return "Channel(...)"  # it holds keys

    async def post(self, path, payload, beat):
        """(code, payload, ms it took) of the cloud's answer. `path`: bytes, one segment. Raises Away.

        `beat` is called every few seconds of waiting.
        """
        code, _, body, took = await self.request(coap.POST, [(coap.URI_PATH, path)], payload, beat)
        return code, body, took

    async def request(self, code, options, payload, beat):
        """(code, options, payload, ms it took), all from inside OSCORE. `options` begin with a path. Raises Away."""
        while self._busy:
            beat()
            await self._sleep_ms(_TURN_MS)
        self._busy = True
        path, before = options[0][1], self._bytes
        try:
            return await self._request(code, options, payload, beat)
        except OSError:
            self.close()
            raise Away
        except Away:
            self.close()
            raise
        finally:
            self._busy = False
            self.traffic[path] = self.traffic.get(path, 0) + self._bytes - before

    def rest(self):
        """Lets the network go, unless a request is on its way."""
        if self._open and not self._busy:
            self.close()

    def close(self):
        """The next request opens the bearer anew."""
        self._open = False
        self._bearer.close()

    async def _request(self, method, wanted, payload, beat):
        if not self._open:  # first of all: without a network nothing is sealed, which takes room and time
            await self._bearer.open(*self._address)
            self._open = True
            beat()
        options = wanted
        for _ in range(_ATTEMPTS):
            context = self._context or self._renew()
            named = context.send_id_context
            try:
                code, outer, ciphertext, request = context.protect_request(method, options, payload)
            except oscore.Exhausted:
                self._context = None
                continue
            answer = await self._exchange(code, outer, ciphertext, request, beat)
            if answer is None and named:
                self._context = None  # not even by its name: the cloud has dropped it for good
            elif answer is None:
                context.send_id_context = True
            else:
                code, inner, body, took = answer
                context.send_id_context = False
                echo = [option for option in inner if option[0] == coap.ECHO]
                if code != coap.UNAUTHORIZED or not echo:
                    return answer
                options = wanted + echo[:1]  # RFC 9175 §2.3: the cloud asks whether this is now
        raise Away

    def _renew(self):
        self._context = oscore.Context(
            self._secret,
            b"",
            keys.oscore_id(self._lock_id),
            keys.OSCORE_SERVER_ID,
            self._random(_ID_CONTEXT),
        )
        return self._context

    # ---- one confirmable message ----------------------------------------------------------------------------

    async def _exchange(self, code, options, payload, request, beat):
        """(code, options, payload, ms) from inside OSCORE, or None for 4.01 in the clear. Raises Away, OSError."""
        self._mid = self._mid + 1 & 0xFFFF
        token = self._random(_TOKEN)
        datagram = coap.encode(coap.CON, code, self._mid, token, options, payload)
        wait = _Wait(self, token, request)
        timeout = _ACK_TIMEOUT_MS + int.from_bytes(self._random(2), "big") * _ACK_TIMEOUT_MS // 0x20000
        for _ in range(1 + _MAX_RETRANSMIT):
            self._send(datagram)  # §4.2: the very same bytes each time
            await self._listen(wait, self._uptime_ms() + timeout, beat)
            if wait.acknowledged and not wait.done:
                await self._listen(wait, self._uptime_ms() + _SEPARATE_MS, beat)
                break
            if wait.done:
                break
            timeout *= 2
        if not wait.done:
            raise Away
        return wait.answer

    async def _listen(self, wait, until, beat):
        """Until there is an answer, or the first acknowledgement, or that time."""
        before = wait.acknowledged
        while not wait.done and wait.acknowledged == before:
            left = until - self._uptime_ms()
            if left <= 0:
                return
            datagram = await self._bearer.recv(min(left, _SLICE_MS))
            beat()
            if datagram is not None:
                self._bytes += len(datagram)
                reply = wait.take(datagram, self._uptime_ms())
                if reply:
                    self._send(reply)
                await self._sleep_ms(0)  # a flood of datagrams leaves the other tasks their turns

    def _send(self, datagram):
        self._bearer.send(datagram)
        self._bytes += len(datagram)


class _Wait:
    """What came back for one request. Pure, but for the context's state."""

    def __init__(self, channel, token, request):
        self._context, self._mid = channel._context, channel._mid
        self._started = channel._uptime_ms()
        self._token, self._request = token, request
        self._strange = 0
        self.acknowledged = False
        self.done = False
        self.answer = None

    def take(self, datagram, now):
        """What to send back, or None. Raises Away when the peer will not answer."""
        try:
            message = coap.decode(datagram)
        except coap.FormatError as error:
            self._stray()
            return coap.reset(error.mid) if error.type == coap.CON else None
        except coap.Ignore:
            self._stray()
            return None
        confirmable = message.type == coap.CON
        if message.type in (coap.ACK, coap.RST) and message.mid != self._mid:
            self._stray()
            return None  # of an earlier message of ours
        if message.type == coap.RST:
            raise Away
        if message.code == coap.EMPTY and not confirmable:
            self.acknowledged = True  # §5.2.2: the answer comes separately
            return None
        if coap.kind(message.code) != "response" or message.token != self._token:
            self._stray()
            return coap.reset(message.mid) if confirmable else None  # §4.2; of a ping, that is the answer
        self._open(message, now - self._started)
        return coap.acknowledge(message.mid) if confirmable else None

    def _open(self, message, took):
        if message.option(coap.OSCORE) is None:
            if message.code < coap.BAD_REQUEST:
                return self._stray()  # success is never told in the clear
            if message.code != coap.UNAUTHORIZED:
                raise Away
            self.done = True
            return None
        try:
            code, options, payload = self._context.unprotect_response(
                message.options, message.payload, self._request
            )
        except oscore.OscoreError:
            return self._stray()  # RFC 8613 §8.4: as if it had not come
        self.answer = code, options, payload, took
        self.done = True

    def _stray(self):
        self._strange += 1
        if self._strange > _STRANGE:
            raise Away
