"""What a program may be let do: the few scopes of keys and OAuth clients. Each route names at most one (auth.allow).

A route without a scope is for persons only: signing in, tokens that open any lock, who may do what. `rides:read` says
when and how far, never where; where a ride began, went and ended is personal data of its own kind (`tracks:read`).
"""

from collections.abc import Iterable

SCOPES = {
    "bikes:read": "bicycles that may be claimed, and where they stand",
    "claims:write": "claims in the client's own name: make, read and cancel them, their tokens, their receipts",
    "fleet:read": "locks, bicycles, groups and zones: their state and what they need",
    "fleet:write": "register and change them, ask a lock to blink, raise its floor",
    "rides:read": "rides: when, how long, how far; not where",
    "tracks:read": "where rides went, and receipts, which say where",
    "platform:read": "keysets, releases and rollouts; the platform's own clients only",
    "platform:write": "upload releases, steer rollouts; the platform's own clients only",
}
PLATFORM = frozenset(scope for scope in SCOPES if scope.startswith("platform:"))


def read(text: str) -> frozenset[str]:
    return frozenset(text.split())


def write(scopes: Iterable[str]) -> str:
    return " ".join(sorted(scopes))
