"""Phones near by: links, frames, challenges, deadlines (SPEC.md sections 4 and 5). Decides nothing about bolts.

Whatever a phone sends or fails to send costs its own link at most. Every answer and every refusal is one RESULT;
a refusal that ends the link is given time to reach the phone.
"""

from firmware import accept
from firmware.rides import Unreadable
from protocol import ed25519, exchange, frames, keys, receipt, status, token
from protocol.compat import const
from protocol.telemetry import NOTE_RADIO, NOTE_REFUSED

_LINKS = const(4)
_PROVE_MS = const(10_000)  # for a first accepted request; also for a message, and for a challenge
_PATIENCE_MS = const(30_000)  # the same for a phone that must fetch a nonce-bound token
_SILENCE_MS = const(120_000)  # once a request was accepted
_GRACE_MS = const(200)  # from a last RESULT to the cut, or the radio would drop it
_FRAMES = const(128)  # that wait for a phone that does not take them
_SEALED = const(980)  # bytes of receipts in one sealed batch, so that the message fits its limit
_RECEIPTS = const(6)  # and how many of the shortest that are
_UINT32 = const(0xFFFFFFFF)


class Link:
    """One phone. Times are uptime in ms."""

    def __init__(self, conn, now):
        self.conn = conn
        self.sender = frames.Sender()
        self.receiver = frames.Receiver(opcodes=exchange.TO_LOCK)
        self.waiting = []  # frames that the radio had no room for
        self.opened = self.heard = now
        self.begun = None  # when a message began that is not complete
        self.patience = _PROVE_MS
        self.accepted = False  # a request of its was
        self.cti = None  # of the ride that it proved to be the holder of
        self.served = False  # it opened the bolt for service, which has not been shut since
        self.greeted = False
        self.challenge = self.challenge_until = self.transcript = None
        self.carrier = None  # (cti, [transcript, proof], [kid, epoch]) of its right to bring a release
        self.offer = self.brought = None  # bodies of its latest OFFER and DATA, for updater.py
        self.collected = 0  # seq up to which it has sealed receipts
        self.closing = None  # when it is to be cut


class Session:
    """`note(code, value)`: the outbox's; `garbage`: of garbage.py; `gone()`: called when a link has ended.

    Driven by `take` or `handle` with each event of boards.contract.Link, and by `tick` every 50 ms or so. `errors`:
    exceptions of ours that cost a link.
    """

    def __init__(
        self, board, config, unlock, ledger, receipts, clock, floors, note, garbage, gone=lambda: None
    ):
        self._board = board
        self._radio = board.link
        self._uptime_ms = board.clock.uptime_ms
        self._config = config
        self._status_key, self._batch_key = keys.status_key(config.k_lock), keys.batch_key(config.k_lock)
        self._unlock, self._ledger, self._receipts = unlock, ledger, receipts
        self._clock, self._floors = clock, floors
        self._note = note
        self._garbage = garbage
        self._gone = gone
        self._acting = None  # the link whose request is being carried out
        self._coded = None  # the link whose colour code the light shows
        self.links = {}
        self.silence_ms = _SILENCE_MS
        self.errors = 0
        receipts.listeners.append(self._appended)

    # ---- events

    async def handle(self, kind, conn, data):
        """Takes one event to its end, the bolt's movement included."""
        action = self.take(kind, conn, data)
        if action:
            await action

    def take(self, kind, conn, data):
        """Takes one event. Gives a coroutine to run when the lock now acts, else None; frames that come meanwhile
        are to be taken too."""
        if kind == "fault":
            self._note(NOTE_RADIO, data)
        elif kind == "connect":
            self._connect(conn)
        elif conn in self.links:
            link = self.links[conn]
            try:
                return _EVENTS[kind](self, link, data)
            except Exception:
                self._broken(link)
        return None

    def _connect(self, conn):
        if len(self.links) >= _LINKS:
            idle = [link for link in self.links.values() if not link.accepted]
            if not idle:
                self._radio.cut(conn)
                return
            self._drop(min(idle, key=lambda link: link.opened))
        self.links[conn] = Link(conn, self._uptime_ms())

    def _disconnect(self, link, data=None):
        del self.links[link.conn]
        if self._coded is link:
            self.show("off")
        self._rest()
        self._gone()

    def _overrun(self, link, data):
        self.refuse(link, status.MALFORMED)

    def _frame(self, link, frame):
        if link.closing is not None:
            return None
        self._garbage.hold()
        try:
            return self._message(link, frame)
        finally:
            self._rest()

    def _rest(self):
        """Garbage may be collected, unless a request is on its way, or being carried out: then once the motor runs."""
        if not self._ledger.busy:
            for link in self.links.values():
                if link.closing is None and link.receiver.opcode == exchange.REQUEST:
                    return
            self._garbage.release()

    def _message(self, link, frame):
        """Of which this is a frame; does what it asks for, if it is complete."""
        link.heard = self._uptime_ms()
        try:
            message = link.receiver.feed(frame)
        except frames.FrameError:
            self.refuse(link, status.MALFORMED)
            return None
        if link.receiver.opcode is None:
            link.begun = None
        elif link.begun is None:
            link.begun = link.heard
        if message is None:
            return None
        try:
            return _MESSAGES[message[0]](self, link, message[1])
        except exchange.BadVersion:
            self.refuse(link, status.VERSION)
        except (exchange.ExchangeError, token.Malformed):
            self.refuse(link, status.MALFORMED)
        return None

    # ---- messages

    def _hello(self, link, body):
        _, patient = exchange.decode_hello(body)
        if self._ledger.state == status.STATE_QUARANTINE:
            self.refuse(link, status.QUARANTINE)
            return
        patience = _PATIENCE_MS if patient else _PROVE_MS
        link.patience = max(link.patience, patience)
        challenge = self._board.random(16)
        flags = 0 if self._clock.known() else exchange.FLAG_CLOCK_UNKNOWN
        if self._config.slow:
            flags |= exchange.FLAG_SLOW
        sealed = exchange.seal_status(self._status_key, body, challenge, self._status())
        answer = exchange.encode_challenge(challenge, flags, sealed)
        link.greeted = True
        link.challenge, link.challenge_until = challenge, self._uptime_ms() + patience
        link.transcript = exchange.transcript(body, answer)
        self.send(link, exchange.CHALLENGE, answer)
        self.show(exchange.colours(link.transcript), link)
        self._garbage.collect()  # the phone has enough to do meanwhile

    def _status(self):
        now = self._clock.now()
        return [
            self._config.lock_id,
            self._receipts.last_seq,
            min(self._floors.ride(), _UINT32),
            self._ledger.state,
            _UINT32 if now is None else now,
            self._clock.error(),
            self._board.battery.millivolts(),
            self._config.keyset.version,
        ]

    def _request(self, link, body):
        command, raw, proof = exchange.decode_request(body)
        proof, a_x, r_x = exchange.parts(proof)
        request = accept.Request(command, token.parse(raw) if raw is not None else None, None)
        if link.challenge and self._uptime_ms() >= link.challenge_until:
            link.challenge = None
        transcript = link.transcript

        def verify(key):
            link.challenge = None  # burnt: whatever comes of it, these bytes never work again
            subject, holder = self._ledger.ride and self._ledger.ride.cti, key
            if request.token:
                subject, holder = request.token.hash, request.token.claims.holder
                if not request.token.verify(key):
                    return False
            covered = exchange.proof_input(subject, transcript, command)
            return ed25519.verify(holder, covered, proof, a_x, r_x)

        request.verify = verify
        began = self._uptime_ms()
        verdict = self._unlock.decide(request, link.challenge, self._linked())
        took = self._uptime_ms() - began
        if verdict < accept.ACTION:
            self.refuse(link, verdict, timing=(took, 0, 0))
            self.show("refused")
            return None
        link.accepted = True
        if verdict == accept.UPDATE:
            claims = request.token.claims
            issue = [request.token.kid, claims.epoch_for(self._config.lock_id) or 0]
            link.carrier = claims.cti, [transcript, proof], issue
            self._result(link, status.OK, None, (took, 0, 0))
            return None
        return self._act(
            link, verdict, request, self._unlock.carry_out(verdict, request, [transcript, proof]), took
        )

    def _linked(self):
        ride = self._ledger.ride
        return ride is not None and any([link.cti == ride.cti for link in self.links.values()])

    async def _act(self, link, verdict, request, work, verify_ms):
        self._acting = link
        self.show("busy")
        try:
            ride = self._ledger.ride
            outcome = await work
            timing = verify_ms, outcome.store_ms, outcome.motor_ms
            if outcome.status != status.OK:
                self.refuse(link, outcome.status, outcome.receipt, timing)
                self.show("refused")
                return
            if verdict == accept.SUCCESSOR:  # whoever held the ride before holds it no longer
                for other in self.links.values():
                    if other.cti == ride.cti:
                        other.cti = None
            if verdict == accept.SERVICE:
                link.served = True
            elif verdict != accept.DECOMMISSION:
                link.cti = request.token.claims.cti if request.token else ride.cti
            self._result(link, status.OK, outcome.receipt, timing)
            self.show("ok")
        except Exception:
            self._broken(link)
        finally:
            self._acting = None
            self._rest()
            link.heard = self._uptime_ms()

    def _collect(self, link, body):
        exchange.decode_collect(body)
        if not link.greeted:
            raise exchange.ExchangeError("before HELLO")
        try:
            found = self._receipts.after(max(link.collected, self._receipts.acked_seq), _RECEIPTS)
        except (OSError, Unreadable):
            self._ledger.fail()
            self.refuse(link, status.QUARANTINE)
            return
        chosen, size = [], 0
        for seq, raw in found:
            size += 3 + len(raw)
            if size > _SEALED:
                break
            chosen.append(raw)
            link.collected = seq
        batch = exchange.seal_batch(self._batch_key, self._board.random(13), chosen) if chosen else b""
        self.send(link, exchange.SEALED, exchange.encode_sealed(batch))

    def _offer(self, link, body):
        if self._may_bring(link):
            link.offer = body

    def _data(self, link, body):
        if self._may_bring(link):
            link.brought = body

    def _may_bring(self, link):
        if not link.carrier:
            self.refuse(link, status.SCOPE)
        return link.carrier

    def _appended(self, raw, parsed):
        """That the bolt was shut, or the ride ended, goes to the phone whose it is, while that is here."""
        if parsed.type not in (receipt.CLOSE, receipt.END, receipt.SERVICE_CLOSE):
            return
        for link in list(self.links.values()):
            if parsed.type == receipt.SERVICE_CLOSE:
                concerned, link.served = link.served, False
            else:
                concerned = link.cti == parsed.cti
            if concerned and link is not self._acting and link.closing is None:
                try:
                    self.send(link, exchange.RECEIPT, exchange.encode_receipt(raw))
                except Exception:
                    self._broken(link)

    # ---- answers

    def refuse(self, link, code, raw=None, timing=(0, 0, 0)):
        self._note(NOTE_REFUSED, code)
        self._result(link, code, raw, timing)

    def _result(self, link, code, raw, timing):
        self.send(link, exchange.RESULT, exchange.encode_result(code, raw, timing))
        if code in status.CUTS_LINK:
            link.challenge = None
            link.closing = self._uptime_ms() + _GRACE_MS

    def send(self, link, opcode, body):
        """One message to a phone, if it is still here."""
        if self.links.get(link.conn) is not link:
            return  # it left while the lock acted
        link.waiting += link.sender.frames(opcode, body, self._radio.mtu(link.conn))
        self._pump(link)
        if len(link.waiting) > _FRAMES:
            self._drop(link)

    def _pump(self, link):
        while link.waiting and self._radio.send(link.conn, link.waiting[0]):
            del link.waiting[0]

    def show(self, pattern, link=None):
        self._coded = link
        try:
            self._board.led.show("fault" if self._ledger.state == status.STATE_QUARANTINE else pattern)
        except Exception:
            self.errors += 1  # no light is worth a link

    # ---- ends

    def tick(self):
        """Sends what had to wait, and cuts links whose time is over."""
        for link in list(self.links.values()):
            try:
                self._pump(link)
                if self._over(link, self._uptime_ms()):
                    self._drop(link)
            except Exception:
                self._broken(link)

    def _over(self, link, now):
        if link.closing is not None:
            return now >= link.closing
        if link.begun is not None and now - link.begun >= _PROVE_MS:
            return True
        if link.accepted:
            return now - link.heard >= self.silence_ms
        return now - link.opened >= link.patience

    def _broken(self, link):
        """An exception of ours: it costs this link and is counted, no more."""
        self.errors += 1
        self._drop(link)

    def _drop(self, link):
        if self.links.get(link.conn) is link:
            self._disconnect(link)
            self._radio.cut(link.conn)


_EVENTS = {"disconnect": Session._disconnect, "overrun": Session._overrun, "frame": Session._frame}
_MESSAGES = {
    exchange.HELLO: Session._hello,
    exchange.REQUEST: Session._request,
    exchange.COLLECT: Session._collect,
    exchange.OFFER: Session._offer,
    exchange.DATA: Session._data,
}
