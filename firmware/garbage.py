"""When garbage is collected: while a phone computes its proof, and not while a person waits for the bolt.

Else one would fall into many unlocks: each leaves 6 to 12 KiB before the motor runs, and `main.py` asks for a
collection after every 4, so that the heap does not scatter.
"""

from protocol.compat import const

_NEVER = const(-1)  # or only when the heap is exhausted: better late than refused


class Garbage:
    """`collect()`, `collect_after(size)`: of protocol/compat.py."""

    def __init__(self, collect, collect_after):
        self.collect = collect
        self._collect_after = collect_after
        self._usual = None  # what to return to, while it is held back

    def hold(self):
        """No collection, unless the heap is exhausted, until `release`. Twice is once."""
        if self._usual is None:
            self._usual = self._collect_after(_NEVER)

    def held(self):
        return self._usual is not None

    def release(self):
        if self._usual is not None:
            self._collect_after(self._usual)
            self._usual = None
