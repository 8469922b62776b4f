"""Passwords: argon2id, with the same work for a login that does not exist."""

import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

# OWASP Password Storage: argon2id, 19 MiB, 2 passes, 1 lane
_HASHER = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)
_NOBODY = _HASHER.hash("no user has this hash")  # what an unknown login is compared with


def make(password: str) -> str:
    return _HASHER.hash(_normal(password))


def matches(stored: str | None, password: str) -> bool:
    """`stored` is None when nobody has this login: the work is done all the same, and the answer is no."""
    try:
        _HASHER.verify(stored or _NOBODY, _normal(password))
    except (VerificationError, InvalidHashError):
        return False
    return stored is not None


def _normal(password: str) -> str:
    return unicodedata.normalize("NFKC", password)  # NIST SP 800-63B §5.1.1.2: the same keys typed elsewhere
