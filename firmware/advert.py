"""What the lock shows to everyone: 8 bytes that only who was told the key can tell from noise (SPEC.md section 9)."""

from protocol import keys
from protocol.compat import const

_UINT32 = const(0xFFFFFFFF)


class Advert:
    """`riding()`: whether a ride runs; `settings`: slot_s."""

    def __init__(self, board, k_lock, settings, floors, riding):
        self._board = board
        self._k_lock = k_lock
        self._settings = settings
        self._floors = floors
        self._riding = riding
        self._index = self._key = None
        self._slot = 0
        self._stale = True
        self._drawn_at = self._shown_ms = 0

    def __repr__(self):
        return "Advert(...)"  # it holds K_lock

    def rotate(self):
        """A new slot with the next tick: a link has ended, and who was near must not know the lock again. Nothing until
        then: a phone that chose the old address now would wait for it in vain."""
        self._stale = True
        self._board.link.advertise_off()

    def tick(self, interval_ms):
        """To be called every second or so. Shows something new when the slot is over or the index has moved.

        interval_ms: of advertising, 0 for not at all."""
        if interval_ms != self._shown_ms:
            self._shown_ms = interval_ms
            self._stale = True
            if not interval_ms:
                self._board.link.advertise_off()
        if not interval_ms:
            return
        now = self._board.clock.uptime_ms()
        index = min(keys.adv_index(self._floors.ride(), self._riding()), _UINT32)
        over = now - self._drawn_at >= self._settings.slot_s * 1000
        if index == self._index and not over and not self._stale:
            return
        if index != self._index:
            self._index, self._key = index, keys.adv_key(self._k_lock, index)
        slot = self._board.random(1)[0]
        self._slot = slot if slot != self._slot else slot + 1 & 255
        self._board.link.advertise(keys.adv_payload(self._key, self._slot), interval_ms)
        self._drawn_at = now
        self._stale = False
