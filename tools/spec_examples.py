"""Makes section 13 of protocol/SPEC.md: worked examples, good and bad, from fixed keys.

    python -m tools.spec_examples            print the section
    python -m tools.spec_examples --write    put it into protocol/SPEC.md

The keys are SHA-256 of the texts shown below and are good for nothing but examples.
"""

import hashlib
import sys
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from protocol import (
    cbor,
    cose,
    exchange,
    frames,
    keys,
    keyset,
    manifest,
    receipt,
    roots,
    settings,
    telemetry,
    token,
)
from tools import comb

SPEC = Path(__file__).parent.parent / "protocol" / "SPEC.md"
MARK = "## 13. Examples\n"
L = (1 << 252) + 27742317777372353535851937790883648493
T0 = 1_800_000_000


def seed(text):
    return hashlib.sha256(b"ringslot example " + text.encode()).digest()


def private(text):
    return Ed25519PrivateKey.from_private_bytes(seed(text))


def public(key):
    return key.public_key().public_bytes_raw()


ISSUER, MASTER, HOLDER = private("ride issuer"), private("master issuer"), private("holder")
COUNTERSIGNER = private("countersigner")
RELEASERS = private("release a"), private("release b")
K_LOCK = seed("lock")
LOCK_ID, OTHER_LOCK = seed("lock id")[:8], seed("other lock id")[:8]
CTI = seed("claim")[:8]
RIDE_KID, MASTER_KID = keys.kid(keys.RIDE, public(ISSUER)), keys.kid(keys.MASTER, public(MASTER))


def vector(kind, verdict, name, **fields):
    lines = ["```vector", f"kind: {kind}", f"verdict: {verdict}", f"name: {name}"]
    for label, value in fields.items():
        lines.append(f"{label}: {value.hex() if isinstance(value, bytes) else value}")
    return "\n".join([*lines, "```"])


def cbor_vectors():
    good = {
        "integers": [0, 23, 24, 255, 256, 65536, -1, -25, 1 << 32],
        "map keys in bytewise order": {1: b"", -1: "a", 24: None, -25: True},
        "six levels": [[[[[[]]]]]],
    }
    for name, item in good.items():
        yield vector("cbor", "good", name, item=cbor.encode(item))
    bad = {
        "empty": "",
        "leftover": "0000",
        "23 in two bytes": "1817",
        "65535 in five bytes": "1a0000ffff",
        "indefinite array": "9fff",
        "indefinite string": "5f4100ff",
        "half float": "f93c00",
        "undefined": "f7",
        "simple value": "f820",
        "key twice": "a201000101",
        "keys out of order": "a202000100",
        "length beyond the end": "5903e800",
        "array of 2^32 items": "9b0000000100000000",
        "seven levels": "81818181818180",
        "text that is not UTF-8": "61ff",
        "break alone": "ff",
    }
    for name, item in bad.items():
        yield vector("cbor", "bad", name, item=item)


def key_vectors():
    for label, length in ((b"oscore", 16), (b"receipt", 32), (b"status", 16), (b"batch", 16)):
        yield vector(
            "derive",
            "good",
            label.decode(),
            k_lock=K_LOCK,
            label=label,
            value=keys.derive(K_LOCK, label, length),
        )
    yield vector("kid", "good", "ride issuer", role=bytes([keys.RIDE]), key=public(ISSUER), kid=RIDE_KID)
    for index, slot in ((14, 0), (15, 255)):
        key = keys.adv_key(K_LOCK, index)
        yield vector(
            "adv",
            "good",
            f"index {index}, slot {slot}",
            k_lock=K_LOCK,
            index=index,
            slot=slot,
            key=key,
            payload=keys.adv_payload(key, slot),
        )
    entries = [
        (RIDE_KID, public(ISSUER), T0, T0 + 30 * 86400),
        (MASTER_KID, public(MASTER), T0, T0 + 30 * 86400),
    ]
    yield vector("keyset", "good", "one issuer of each role", keyset=keyset.encode(1, entries))
    yield from signed_keysets(entries)
    wrong = [(MASTER_KID, public(ISSUER), T0, T0 + 1)]
    yield vector("keyset", "bad", "kid does not name its key", keyset=keyset.encode(1, wrong))


def signed_keysets(entries):
    """The keyset as locks install it, under roots 2 of 3."""
    old, new = [private(f"root {name}") for name in "ABC"], [private(f"root {name}") for name in "DEF"]
    first = roots.encode(2, [public(key) for key in old])
    second = roots.parse(roots.encode(2, [public(key) for key in new]))
    combs = {RIDE_KID: hashlib.sha256(bytes(comb.make(public(ISSUER)))).digest()}

    def signed(signers, version=2, **more):
        by = [(roots.kid(public(key)), key.sign) for key in signers]
        return cose.sign(keyset.encode(version, entries, **more), by)

    cases = {
        "two of three roots": ("good", signed(old[:2])),
        "with the hash of a comb": ("good", signed(old, combs=combs)),
        "a new root set, by two of each": ("good", signed(old[1:] + new[:2], roots=second)),
        "one of three roots": ("bad", signed(old[:1])),
        "a root and a stranger": ("bad", signed([old[0], new[0]])),
        "a new root set that its own keys did not sign": ("bad", signed(old, roots=second)),
        "a new root set that one of the old ones signed": ("bad", signed([old[0], *new], roots=second)),
        "nobody signed": ("bad", keyset.encode(2, entries)),
    }
    for name, (verdict, raw) in cases.items():
        yield vector("signed", verdict, name, roots=first, keyset=raw)


def ed25519_vectors():
    message = b"ringslot"
    signature = ISSUER.sign(message)
    yield vector("ed25519", "good", "plain", key=public(ISSUER), message=message, signature=signature)
    s = int.from_bytes(signature[32:], "little") + L
    cases = {
        "s + L": (public(ISSUER), signature[:32] + s.to_bytes(32, "little")),
        "another key": (public(MASTER), signature),
        "one bit of R": (public(ISSUER), bytes([signature[0] ^ 1]) + signature[1:]),
        "short signature": (public(ISSUER), signature[:63]),
        # The neutral element as key: with R neutral and s = 0 the equation holds for every message.
        "key of small order": (b"\x01" + bytes(31), b"\x01" + bytes(63)),
        "key with y = p + 1": ((2**255 - 18).to_bytes(32, "little"), b"\x01" + bytes(63)),
    }
    for name, (key, bad) in cases.items():
        yield vector("ed25519", "bad", name, key=key, message=message, signature=bad)


def claims(**changes):
    fields = dict(
        aud=((LOCK_ID, 7),),
        exp=T0 + 600,
        nbf=T0,
        iat=T0,
        cti=CTI,
        holder=public(HOLDER),
        scope=token.SCOPE_RIDE,
        floor=0,
        hold=900,
        longest=86400,
        mode=token.MODE_SINGLE,
    )
    fields.update(changes)
    return token.Claims(**fields)


def tampered(changes):
    """A token signed over claims that no issuer of ours would sign; `changes` edits the claims map."""
    item = cbor.decode(cose.parse_sign1(token.mint(ISSUER.sign, RIDE_KID, claims()), 384).payload, 384)
    changes(item)
    return cose.sign1(ISSUER.sign, RIDE_KID, cbor.encode(item))


def token_vectors():
    good = {
        "a single ride on one lock": (ISSUER, RIDE_KID, claims()),
        "nonce-bound": (ISSUER, RIDE_KID, claims(nonce=seed("challenge")[:16])),
        "a period on two locks": (
            ISSUER,
            RIDE_KID,
            claims(aud=tuple(sorted([(LOCK_ID, 7), (OTHER_LOCK, 3)])), mode=token.MODE_PERIOD),
        ),
        "a technician": (
            MASTER,
            MASTER_KID,
            claims(scope=token.SCOPE_SERVICE, hold=0, longest=0, aud=((LOCK_ID, 1),), exp=T0 + 8 * 3600),
        ),
    }
    for name, (key, kid, content) in good.items():
        data = token.mint(key.sign, kid, content)
        yield vector("token", "good", name, issuer=public(key), token=data, hash=token.parse(data).hash)
    plain = token.mint(ISSUER.sign, RIDE_KID, claims())
    hinted = token.mint(ISSUER.sign, RIDE_KID, claims(), hinted=True)
    hash = token.parse(hinted).hash
    yield vector("token", "good", "with the x of R", issuer=public(ISSUER), token=hinted, hash=hash)
    at = hinted.index(token.parse(hinted).hint)
    yield vector("token", "bad", "one bit of the x of R", issuer=public(ISSUER), token=_flip(hinted, at))
    payload = cose.parse_sign1(plain, 384).payload
    signed = ISSUER.sign(cose.sig_structure(cbor.encode({4: RIDE_KID}), payload))
    edits = {
        "no cti": lambda item: item.pop(7),
        "an unknown claim": lambda item: item.update({11: 1}),
        "exp before nbf": lambda item: item.update({4: T0 - 1}),
        "exp beyond 32 bits": lambda item: item.update({4: 1 << 63}),
        "unknown scope bit": lambda item: item.update({9: b"\x10"}),
        "holder key of 31 bytes": lambda item: item.update({8: {1: {1: 1, -1: 6, -2: bytes(31)}}}),
        "lock named twice": lambda item: item.update({3: [LOCK_ID, 7, LOCK_ID, 8]}),
        "group without nonce": lambda item: item.update({3: b"grp1"}),
        "floor for two locks": lambda item: item.update(
            {
                3: [part for pair in sorted([(LOCK_ID, 7), (OTHER_LOCK, 3)]) for part in pair],
                -65537: [1, 0, 0, 0],
            }
        ),
    }
    for name, edit in edits.items():
        yield vector("token", "bad", name, issuer=public(ISSUER), token=tampered(edit))
    bare = cbor.encode(cbor.Tag(18, [cbor.encode({4: RIDE_KID}), {1: -8}, payload, signed]))
    yield vector("token", "bad", "alg only unprotected", issuer=public(ISSUER), token=bare)
    yield vector("token", "bad", "untagged", issuer=public(ISSUER), token=plain[1:])
    yield vector("token", "bad", "another issuer's key", issuer=public(MASTER), token=plain)
    yield vector("token", "bad", "one bit of the payload", issuer=public(ISSUER), token=_flip(plain, 30))


def _flip(data, index):
    return data[:index] + bytes([data[index] ^ 1]) + data[index + 1 :]


def exchange_vectors():
    challenge = seed("challenge")[:16]
    hello = exchange.encode_hello(seed("hello")[:8])
    fields = [LOCK_ID, 3, 7, 0, T0 + 60, 2, 3950, 1]
    sealed = exchange.seal_status(keys.status_key(K_LOCK), hello, challenge, fields)
    answer = exchange.encode_challenge(challenge, 0, sealed)
    transcript = exchange.transcript(hello, answer)
    data = token.mint(ISSUER.sign, RIDE_KID, claims())
    covered = exchange.proof_input(token.parse(data).hash, transcript, exchange.OPEN)
    again = exchange.proof_input(CTI, transcript, exchange.OPEN)
    yield vector(
        "exchange",
        "good",
        "HELLO and CHALLENGE",
        hello=hello,
        challenge=answer,
        k_lock=K_LOCK,
        status=cbor.encode(fields),
        transcript=transcript,
    )
    for name, shown in (
        ("of this HELLO and CHALLENGE", transcript),
        ("of zeros", bytes(32)),
        ("of the highest bytes", bytes([255]) * 32),
        ("of two colours", bytes([1, 2, 0, 2]) + bytes(28)),
    ):
        code = exchange.colours(shown)
        words = " ".join([exchange.COLOURS[number] for number in code])
        yield vector("colours", "good", name, transcript=shown, code=code, colours=words)
    yield vector(
        "proof",
        "good",
        "OPEN with a token",
        holder=public(HOLDER),
        covered=covered,
        request=exchange.encode_request(exchange.OPEN, data, HOLDER.sign(covered)),
    )
    yield vector(
        "proof",
        "good",
        "re-open, without a token",
        holder=public(HOLDER),
        covered=again,
        request=exchange.encode_request(exchange.OPEN, None, HOLDER.sign(again)),
    )
    proof = exchange.hinted(HOLDER.sign(covered), public(HOLDER))
    for verdict, name, sent in (
        ("good", "with the x of A and R", proof),
        ("bad", "one bit of the x of A", _flip(proof, 64)),
        ("bad", "one bit of the x of R", _flip(proof, 127)),
        ("bad", "the x of R alone", proof[:64] + proof[96:]),
    ):
        request = cbor.encode([exchange.OPEN, [], data, sent])
        yield vector("proof", verdict, name, holder=public(HOLDER), covered=covered, request=request)
    yield vector(
        "proof",
        "bad",
        "proof of another command",
        holder=public(HOLDER),
        covered=exchange.proof_input(CTI, transcript, exchange.END),
        request=exchange.encode_request(exchange.END, None, HOLDER.sign(again)),
    )
    parts = frames.Sender().frames(exchange.HELLO, hello, 12)
    yield vector(
        "frames", "good", "HELLO in frames of 12 bytes", body=hello, frames=" ".join(p.hex() for p in parts)
    )
    for name, body in {
        "version 2": cbor.encode([2, bytes(8), 0]),
        "random of 7 bytes": cbor.encode([1, bytes(7), 0]),
        "one element more": cbor.encode([1, bytes(8), 0, 0]),
    }.items():
        yield vector("hello", "bad", name, hello=body)


def receipt_vectors():
    key = keys.receipt_key(K_LOCK)
    base = {
        1: LOCK_ID,
        2: 1,
        3: receipt.GENESIS,
        4: receipt.OPEN,
        5: T0 + 61,
        6: 2,
        7: None,
        8: 1,
        9: 3950,
        10: 4000,
    }
    base |= {
        11: seed("boot")[:4],
        12: CTI,
        13: [seed("transcript"), HOLDER.sign(b"example")],
        14: [RIDE_KID, 7],
    }
    first = receipt.encode(key, base)
    close = {k: v for k, v in base.items() if k < 13}
    close |= {
        2: 2,
        3: receipt.digest(first)[:16],
        4: receipt.CLOSE,
        5: T0 + 900,
        7: [521000000, 43000000, 4, 35],
        8: 2,
    }
    second = receipt.encode(key, close | {15: [0, receipt.CLOSE_SEEN]})
    end = close | {2: 3, 3: receipt.digest(second)[:16], 4: receipt.END, 15: [2, T0 + 900, receipt.END_HOLD]}
    third = receipt.encode(key, end)
    for name, data in (("OPEN", first), ("CLOSE", second), ("END", third)):
        yield vector("receipt", "good", name, k_lock=K_LOCK, receipt=data, digest=receipt.digest(data))
    yield vector("receipt", "bad", "one bit of the tag", k_lock=K_LOCK, receipt=_flip(first, len(first) - 1))
    yield vector("receipt", "bad", "another lock's key", k_lock=seed("other lock"), receipt=first)
    bare = cose.mac0(key, cbor.encode({k: v for k, v in close.items()}))
    yield vector("receipt", "bad", "CLOSE without detail", k_lock=K_LOCK, receipt=bare)
    covered = receipt.countersign_input(LOCK_ID, 1, receipt.digest(first))
    yield vector(
        "countersign",
        "good",
        "OPEN",
        key=public(COUNTERSIGNER),
        covered=covered,
        signature=COUNTERSIGNER.sign(covered),
        lock=LOCK_ID,
        seq=1,
        receipt=first,
    )
    batch = exchange.seal_batch(keys.batch_key(K_LOCK), seed("nonce")[:13], [second, third])
    yield vector(
        "sealed", "good", "two receipts", k_lock=K_LOCK, batch=batch, receipts=f"{second.hex()} {third.hex()}"
    )


def settings_vectors():
    """Arguments of a config command."""
    for name, changes in (
        ("one", {"uplink_every_s": 300}),
        ("two", {"fix_every_s": 1, "advertise_ms": 2_000}),
        ("the highest", {name: high for name, _, high in settings.REMOTE}),
    ):
        said = " ".join([f"{setting}={value}" for setting, value in changes.items()])
        yield vector("config", "good", name, args=cbor.encode(settings.encode(changes)), settings=said)
    for name, args in (
        ("none", []),
        ("a number without a value", [1]),
        ("no such number", [9, 60]),
        ("a number twice", [1, 60, 1, 60]),
        ("numbers fall", [2, 60, 1, 60]),
        ("below the bound", [1, 9]),
        ("above the bound", [6, 2_001]),
        ("a negative value", [4, -1]),
    ):
        yield vector("config", "bad", name, args=cbor.encode(args))


def telemetry_vectors():
    records = [
        (1, T0, 2, 3900, 3, 120),
        (0, T0 + 5, 521000000, 43000000, 25),
        (0, T0 + 10, 521000310, 42999580, 27),
    ]
    yield vector(
        "batch",
        "good",
        "a status and two fixes",
        batch=telemetry.encode_batch(40, records),
        first=40,
        count=3,
    )
    for name, temperature in (("a status with a temperature", 21), ("one of a cold night", -18)):
        batch = telemetry.encode_batch(41, [(1, T0, 0, 4012, 3, 120, temperature)])
        yield vector("batch", "good", name, batch=batch, first=41, count=1)
    for name, item in {
        "a temperature of no chip": [40, [1, T0, 0, 4012, 3, 120, 201]],
        "two values too many": [40, [1, T0, 0, 4012, 3, 120, 21, 21]],
        "no records": [40],
        "unknown kind": [40, [3, T0, 1, 1]],
        "latitude beyond the pole": [40, [0, T0, 900000001, 0, 1]],
        "time runs back": [40, [0, T0, 0, 0, 1, -5, 0, 0, 1]],
    }.items():
        yield vector("batch", "bad", name, batch=cbor.encode(item))


def release_vectors():
    contents = {"protocol/cbor.mpy": b"one", "firmware/lock.mpy": b"two", "boards/sim/main.py": b""}
    entries = [(path, len(data), hashlib.sha256(data).digest()) for path, data in contents.items()]
    listed = manifest.encode_list(entries)
    payload = manifest.encode_payload(7, 2, "sim", T0 + 86400, listed)
    signers = [(keys.kid(keys.RELEASE, public(key)), key.sign) for key in RELEASERS]
    held = [(kid, public(key), T0, T0 + 30 * 86400) for (kid, _), key in zip(signers, RELEASERS, strict=True)]
    known = keyset.encode(1, held)
    head = manifest.encode_head(payload, signers)
    yield vector("release", "good", "three files", keyset=known, manifest=head + listed, version=7, files=3)
    stranger = private("release c")
    by_stranger = keys.kid(keys.RELEASE, public(stranger)), stranger.sign
    more = manifest.encode_head(payload, [*signers, by_stranger])
    yield vector(
        "release", "good", "a third, unknown", keyset=known, manifest=more + listed, version=7, files=3
    )
    late = manifest.encode_payload(7, 2, "sim", T0 + 31 * 86400, listed)
    for name, data in {
        "one signature": manifest.encode_head(payload, signers[:1]) + listed,
        "one signature and a stranger's": manifest.encode_head(payload, [signers[0], by_stranger]) + listed,
        "expires after its keys": manifest.encode_head(late, signers) + listed,
        "one bit of the list": head + _flip(listed, len(listed) - 1),
        "signed as something else": cose.sign(payload, signers) + listed,
        "a byte more": head + listed + b"\x00",
    }.items():
        yield vector("release", "bad", name, keyset=known, manifest=data)
    for path in ("main.py", "asyncio.mpy", "firmware/../main.py", "firmware/lock.txt"):
        item = cbor.encode([path, 0, hashlib.sha256().digest()])
        outside = manifest.encode_head(manifest.encode_payload(7, 2, "sim", T0 + 86400, item), signers)
        yield vector("release", "bad", f"brings {path}", keyset=known, manifest=outside + item)


SECTIONS = (
    ("CBOR", cbor_vectors),
    ("Ed25519", ed25519_vectors),
    ("Keys", key_vectors),
    ("Tokens", token_vectors),
    ("Exchange", exchange_vectors),
    ("Receipts", receipt_vectors),
    ("Telemetry", telemetry_vectors),
    ("Settings", settings_vectors),
    ("Releases", release_vectors),
)
INTRO = """
Every block is a vector: `verdict` good means that the item is accepted and the other fields follow from it,
bad that it is refused. All values are hex but for small decimal numbers. Made by `python -m tools.spec_examples`.
"""


def section():
    parts = [INTRO]
    for title, make in SECTIONS:
        parts.append(f"\n### {title}\n")
        parts.append("\n\n".join(make()) + "\n")
    return "\n".join(parts)


def current():
    """SPEC.md with section 13 made anew."""
    text = SPEC.read_text()
    return text[: text.index(MARK) + len(MARK)] + section()


if __name__ == "__main__":
    if "--write" in sys.argv[1:]:
        SPEC.write_text(current())
    else:
        print(section())
