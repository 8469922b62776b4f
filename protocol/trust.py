"""What a keyset says, once it is read. Apart from keyset.py, because a lock keeps this and lets the reading go."""


class Keyset:
    """`version`: uint; `keys`: kid -> (public key, nbf, exp); `roots`: (threshold, [root key]) of a new root set, or
    None; `combs`: kid of an issuer of tokens -> SHA-256 of its comb's file."""

    __slots__ = ("version", "keys", "roots", "combs")

    def __init__(self, version, entries, roots=None, combs=None):
        self.version = version
        self.keys = entries
        self.roots = roots
        self.combs = combs or {}

    def find(self, kid, role):
        """(public key, nbf, exp) of a kid in that role, or None."""
        return self.keys.get(kid) if kid[0] == role else None
