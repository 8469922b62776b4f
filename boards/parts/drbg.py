"""HMAC_DRBG with SHA-256 (NIST SP 800-90A Rev. 1 §10.1.2), and the source of a board's random bytes made of it.

A chip's generator is true only while its radio runs, and nothing says whether it does. So nothing here rests on one
source alone: each boot mixes what the chip gives, with the radio on, a seed that the last boot left on flash (the
first one comes from whoever provisioned the lock), and the chip's number; each draw mixes in more from the chip.
"""

import os

from protocol.mac import hmac_sha256

_SEED = "/seed"
_STRENGTH = 32  # bytes
_ENTROPY = 48  # security strength and a half: it stands for the nonce too, §8.6.7


class Drbg:
    """`seed`: entropy, nonce and personalization, joined."""

    def __init__(self, seed):
        self._key = bytes(32)
        self._value = b"\x01" * 32
        self._update(seed)

    def __repr__(self):
        return "Drbg(...)"

    def generate(self, n, more=b""):
        """n bytes; `more`: additional input, §9.3."""
        if more:
            self._update(more)
        out = b""
        while len(out) < n:
            self._value = hmac_sha256(self._key, self._value)
            out += self._value
        self._update(more)
        return out[:n]

    def _update(self, data):
        """§10.1.2.2."""
        self._key = hmac_sha256(self._key, self._value, b"\x00", data)
        self._value = hmac_sha256(self._key, self._value)
        if data:
            self._key = hmac_sha256(self._key, self._value, b"\x01", data)
            self._value = hmac_sha256(self._key, self._value)


class Random:
    """`random(n)`, boards.contract.Board's. To be made when the radio runs; `chip`: os.urandom; `number`: unique_id.

    OSError when the chip gives the same twice. A seed that cannot be read or kept is done without: the storage's
    trouble shows elsewhere.
    """

    def __init__(self, chip, root, number):
        fresh = chip(_ENTROPY)
        if fresh == chip(_ENTROPY):
            raise OSError("the chip's random source stands still")
        self._chip = chip
        self._drbg = Drbg(fresh + self._kept(root) + number)
        self._keep(root, self._drbg.generate(_STRENGTH))  # before anything else is drawn: no boot repeats it

    def __call__(self, n):
        return self._drbg.generate(n, self._chip(_STRENGTH))

    def _kept(self, root):
        try:
            with open(root + _SEED, "rb") as file:
                return file.read(256)
        except OSError:
            return b""

    def _keep(self, root, seed):
        try:
            with open(root + _SEED + ".new", "wb") as file:
                file.write(seed)
            os.rename(root + _SEED + ".new", root + _SEED)
        except OSError:
            pass
