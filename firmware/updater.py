"""An update from its offer to its confirmation: asks update.py whether and when, slots.py to write, a source for bytes.

A source is the cloud (download.py) or a technician's phone (courier.py):

    await source.get(name, offset)     bytes of a file, from there on; raises Away, or Gone
    source.tell(state, reason)         how far the lock is
    source.link                        the phone's, or None; then: source.taken_up([version, digest]), its receipt

Loaded only while there is something to do, and dropped after it (lock.py): what it knows lies on flash.
"""

from firmware import update
from firmware.actuator import BETWEEN
from firmware.channel import Away
from firmware.slots import NoRoom, Slots, WrongFile
from protocol import ed25519, manifest
from protocol import update as said
from protocol.compat import const
from protocol.telemetry import NOTE_RELEASE, NOTE_UPDATE

_LOOK_MS = const(1000)
_ALONE_MS = const(86_400_000)  # without a word from the cloud: then the new release needs none either
_TRIED_MS = const(900_000)  # of calling it in vain, where nobody knows when it was heard last
_AGAIN_MS = const(3_600_000)  # of uptime before a release that failed is tried again
_LATER_MS = const(60_000)  # between two looks at an offer whose time has not come
_AWAY_MS = const(300_000)  # or whose source was silent
_NEVER_MS = const(1 << 29)
_ENOSPC = const(28)


class Gone(Exception):
    """Whoever offered the release does not have it any more."""


class Later(Exception):
    """Not now: a ride, a phone, a low battery. Tried again while the offer stands."""


class Tried(Later):
    """It came back from this release, and does not try it again so soon."""


class Updater:
    """`lock`: the parts that a Lock is made of. ValueError or KeyError when this lock does not run from slots."""

    def __init__(self, lock, beat):
        self._lock, self._beat = lock, beat
        self._board = lock.board
        self._slots = Slots(lock.store, self._pause)

    async def _pause(self):
        """Between two pieces of work: lets others have their turn, and stops for who matters more."""
        self._beat()
        await self._board.clock.sleep_ms(0)
        if not update.may_work(self._moment()):
            raise Later

    # ---- after a boot

    async def boot(self):
        """Tells which release runs, and whether another was left; sees a trial to its end."""
        slots, note = self._slots, self._lock.outbox.note
        head = slots.head(slots.running)
        note(NOTE_RELEASE, head.version if head else 0)
        if slots.left:
            note(NOTE_UPDATE, said.ROLLED_BACK)
            self._lock.outbox.flush()
            slots.told()
        while slots.back:
            outcome = update.outcome(self._trial())
            if outcome == update.CONFIRM:
                slots.confirm()
                note(NOTE_UPDATE, said.CONFIRMED)
            elif outcome == update.BACK:
                slots.go_back()
                self._restart()
            else:
                self._beat()
                await self._board.clock.sleep_ms(_LOOK_MS)

    # ---- an offer

    async def install(self, version, digest, source):
        """(state, reason) of what came of an offer. Raises Later, Away; does not return when the new release starts."""
        try:
            return await self._install(version, digest, source)
        except (WrongFile, manifest.ManifestError):
            return said.REFUSED, said.WRONG_FILE
        except Gone:
            return said.REFUSED, said.GONE
        except NoRoom:
            return said.REFUSED, said.NO_ROOM
        except OSError as error:
            if error.errno == _ENOSPC:
                return said.REFUSED, said.NO_ROOM
            raise

    async def _install(self, version, digest, source):
        slots = self._slots
        await self._pause()
        if slots.digest(slots.running + "/manifest") == digest:
            return said.REFUSED, said.RUNNING
        if source.link:
            source.taken_up([version, digest])
        if not slots.ready(digest):
            if not slots.begun(digest):
                reason = await self._fetch_manifest(digest, source)
                if reason:
                    return said.REFUSED, reason
                slots.begin()
                source.tell(said.DOWNLOADING, 0)
            await slots.tidy()
            await slots.fill(self._getter(source))
            await slots.finish()
            source.tell(said.VERIFIED, 0)
        reason = self._judge(
            slots.head(slots.other), slots.failures()
        )  # a keyset or the time may have changed
        if reason:
            return said.REFUSED, reason
        if not update.may_switch(self._moment(source.link)):
            raise Later
        if slots.failures() and self._board.clock.uptime_ms() < _AGAIN_MS:
            raise Tried
        await slots.switch(self._is_alone())
        source.tell(said.TRIAL, 0)
        await self._board.clock.sleep_ms(_LOOK_MS)  # a phone hears it
        return self._restart()

    def _getter(self, source):
        async def get(name, offset):
            await self._pause()
            return await source.get(name, offset)

        return get

    async def _fetch_manifest(self, digest, source):
        """The reason not to take what is offered; its manifest lies aside. Only for a head that is taken does the lock
        fetch more than one block."""
        slots, get = self._slots, self._getter(source)
        data = await get(said.MANIFEST, 0)
        try:
            head = manifest.parse_head(data)
        except manifest.ManifestError:
            return said.MALFORMED
        reason = self._judge(head, 0)
        if reason:
            return reason
        size, at = head.length + head.size, 0
        while True:
            slots.take_offered(at, data)
            at += len(data)
            if at >= size:
                break
            data = await get(said.MANIFEST, at)
            if not data:
                return said.MALFORMED
        return said.ACCEPTED if slots.check_offered(digest) else said.MALFORMED

    def _judge(self, head, failures):
        if head is None:
            return said.MALFORMED
        lock = self._lock
        view = update.View()
        view.head, view.running, view.failures = head, self._slots.head(self._slots.running), failures
        view.board, view.keyset, view.verify = self._board.name, lock.config.keyset, ed25519.verify
        view.past = lock.clock.now() - lock.clock.error() if lock.clock.known() else lock.floors.time()
        return update.judge(view)

    # ---- what the lock is at

    def _is_alone(self):
        """Whether the cloud has been silent for so long that a release which does not hear it is no worse. A lock that
        has just woken or started has heard nothing yet, and is not alone for that."""
        lock, now = self._lock, self._board.clock.uptime_ms()
        heard = lock.uplink.heard_at
        if heard is None and lock.rest:
            heard = lock.rest.heard_at
        if heard is None:
            never = not lock.receipts.acked_seq  # as far as its log remembers
            return never or now > _TRIED_MS
        return now - heard > _ALONE_MS

    def _moment(self, own=None):
        """`own`: the link that brings the update, if one does."""
        lock = self._lock
        view = update.View()
        view.state, view.busy = lock.ledger.state, lock.ledger.busy
        view.linked = any([link.accepted and link is not own for link in lock.session.links.values()])
        view.millivolts = self._board.battery.millivolts()
        view.reserve = lock.config.settings.start_reserve_mv
        view.trial = self._slots.back is not None
        return view

    def _trial(self):
        lock = self._lock
        view = update.View()
        view.state, view.busy = lock.ledger.state, lock.ledger.busy
        view.uptime_s = self._board.clock.uptime_ms() // 1000
        view.bolt = lock.actuator.position() != BETWEEN
        view.radio = self._board.link.healthy()
        view.contact = lock.uplink.heard_at is not None
        view.alone = self._slots.is_alone()
        return view

    def _restart(self):
        self._lock.outbox.flush()
        self._board.reset()


async def attend(lock, link, booted, beat):
    """What there is to do: an offer by that phone, a boot that was not looked at yet, or the cloud's offer. Gives
    (digest of an offer that is not to be taken up again soon, or None; ms after which to look again)."""
    try:
        updater = Updater(lock, beat)
    except (KeyError, ValueError):
        updater = None
    if link:
        return await _by_phone(lock, updater, link, beat)
    if updater is None:
        return None, _NEVER_MS
    if booted:
        return await _by_cloud(lock, updater, beat)
    await updater.boot()
    return None, 0


async def _by_cloud(lock, updater, beat):
    from firmware.download import Cloud

    version, digest = lock.uplink.offer
    source = Cloud(lock, beat)
    try:
        state, reason = await updater.install(version, digest, source)
    except Later:
        return None, _LATER_MS
    except Away:
        return None, _AWAY_MS
    source.tell(state, reason)
    return digest, 0


async def _by_phone(lock, updater, link, beat):
    from firmware.courier import Courier

    source = Courier(lock, link, beat)
    body, link.offer = link.offer, None
    try:
        version, digest = said.decode_offer(body)
    except said.UpdateError:
        source.refuse()
        return None, 0
    if updater is None:
        source.tell(said.REFUSED, said.NO_SLOTS)
        return None, 0
    try:
        source.tell(*await updater.install(version, digest, source))
    except Tried:
        source.tell(said.ROLLED_BACK, said.FAILED)
    except Later:
        source.tell(said.REFUSED, said.LATER)
    except Away:
        pass  # the phone has left
    return None, 0
