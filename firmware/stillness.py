"""How long the bike has not moved, by its motion sensor and the lock's uptime. Knows no rides."""


class Stillness:
    """`moved_at`: uptime (ms) of the last movement, or of the last start that counts as one."""

    def __init__(self, motion, clock, still_s):
        self._motion = motion
        self._clock = clock
        self._still_ms = still_s * 1000
        self.moved_at = clock.uptime_ms()

    def look(self):
        """To be called often. True while the bike moves."""
        moving = self._motion.moving()
        if moving:
            self.restart()
        return moving

    def restart(self):
        self.moved_at = self._clock.uptime_ms()

    def still(self):
        """Whether the bike has stood for the orphan time."""
        return self._clock.uptime_ms() - self.moved_at >= self._still_ms

    def since(self, now):
        """Unix time at which the bike came to rest, where now is Unix time or None; 0 when that is not known."""
        return 0 if now is None else max(0, now - (self._clock.uptime_ms() - self.moved_at) // 1000)
