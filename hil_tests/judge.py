"""Judges the vectors in a file, on whichever interpreter runs it: `judge.py FILE`. Prints how many of each kind held.

A line is a kind and fields in hex, "-" for none. Exit status 1 if one did not hold; the first ones are printed.
"""

import gc
import sys
from binascii import unhexlify

sys.path.append(".")  # the checkout, when it is run as a script

from protocol import ccm, ed25519, mac  # noqa: E402


def _signature(key, message, signature, a_x, r_x, good):
    """Judged with hints and without them, and once more with a bit of each part flipped."""
    good = good == b"\1"
    if ed25519.verify(key, message, signature) is not good:
        return False
    if ed25519.verify(key, message, signature, a_x, r_x) is not good:
        return False
    flipped = bytearray(signature)
    bit = len(message) * 7 % 512
    flipped[bit >> 3] ^= 1 << (bit & 7)
    return not good or ed25519.verify(key, message, flipped) is False


def _key(key, good):
    """Whether a token may name it."""
    return ed25519.check_public_key(key) is (good == b"\1")


def _seal(key, nonce, aad, plaintext, sealed):
    if ccm.seal(key, nonce, aad, plaintext) != sealed or ccm.open(key, nonce, aad, sealed) != plaintext:
        return False
    flipped = bytearray(sealed)
    flipped[len(aad) % len(sealed)] ^= 1 << len(plaintext) % 8
    return _forged(key, nonce, aad, bytes(flipped))


def _forged(key, nonce, aad, sealed):
    try:
        ccm.open(key, nonce, aad, sealed)
    except ccm.BadTag:
        return True
    return False


def _hmac(key, message, tag):
    return mac.hmac_sha256(key, message)[: len(tag)] == tag


def _hkdf(salt, ikm, info, okm):
    return mac.hkdf(salt, ikm, info, len(okm)) == okm


KINDS = {"ed25519": _signature, "key": _key, "ccm": _seal, "forged": _forged, "hmac": _hmac, "hkdf": _hkdf}


def main(path):
    held, failed = {}, 0
    with open(path) as lines:
        for number, line in enumerate(lines):
            kind, *fields = line.split()
            fields = [b"" if field == "-" else unhexlify(field) for field in fields]
            if KINDS[kind](*fields):
                held[kind] = held.get(kind, 0) + 1
            else:
                failed += 1
                if failed < 5:
                    print("line", number + 1, line[:120])
            if number % 16 == 0:
                gc.collect()
    print(*[f"{kind}={held[kind]}" for kind in sorted(held)], f"failed={failed}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
