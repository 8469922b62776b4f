"""How many requests one caller and one address may send: the generic cell rate algorithm (ITU-T I.371), in memory.

Each process counts for itself, so the bound is the setting times the processes; in return no request writes to the
database for it. What guesses a secret is bounded by limits.py, which all processes share.
"""

import ipaddress
import threading
from collections import OrderedDict

WINDOW_S = 60
SUBJECTS = 20_000  # remembered at most; whoever came by longest ago is forgotten first


class Rate:
    """`most` in WINDOW_S, evenly or at once; 0: any number."""

    def __init__(self, most: int, subjects: int = SUBJECTS):
        self._most, self._subjects = most, subjects
        self._full: OrderedDict[str, float] = (
            OrderedDict()
        )  # subject -> when all of its requests are given back
        self._lock = threading.Lock()

    def take(self, subject: str, now: int) -> int:
        """Count one request. -> 0, or after how many seconds to come again."""
        if not self._most:
            return 0
        each = WINDOW_S / self._most
        with self._lock:
            full = max(self._full.pop(subject, 0.0), now)
            wait = full + each - now - WINDOW_S
            self._full[subject] = full if wait > 1e-6 else full + each
            if len(self._full) > self._subjects:
                self._full.popitem(last=False)
        return max(1, -int(-wait // 1)) if wait > 1e-6 else 0


def of_address(address: str | None) -> str:
    """Whom an address stands for: whoever has one IPv6 address has the 2^64 beside it (RFC 6177 §2)."""
    try:
        found = ipaddress.ip_address(address or "")
    except ValueError:
        return ""
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is None:
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)
