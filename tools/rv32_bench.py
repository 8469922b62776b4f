"""What bench_lock.py measures, on the lock's own interpreter: instructions on RV32, microseconds on a desktop.

Runs there as a script with a file of inputs (see bench_lock.inputs). Prints one line for each operation: name, cost,
bytes that it allocated. Knows nothing of tables, budgets or baselines.
"""

import gc
import json
import sys
import time

sys.path[0] = ""  # the checkout, not tools/

try:
    import rv32
except ImportError:
    rv32 = None

from protocol import ccm, coap, comb, ed25519, ed25519_plain, oscore, receipt, telemetry, token  # noqa: E402

_ROUNDS = 7  # of which the quickest counts, on a desktop
_REPEATS = 20  # operations in a round
K_LOCK = bytes(range(32))
START = 1_760_000_000


def cost(operation):
    """Of one call, once caches and globals are warm."""
    operation()
    if rv32:
        return rv32.count(operation)
    best = None
    for _ in range(_ROUNDS):
        gc.collect()
        started = time.ticks_us()
        for _ in range(_REPEATS):
            operation()
        took = time.ticks_diff(time.ticks_us(), started)
        best = took if best is None or took < best else best
    return best / _REPEATS


def allocated(operation):
    """Bytes that one call takes from the heap, garbage included."""
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    operation()
    taken = gc.mem_alloc() - before
    gc.enable()
    return taken


def tell(name, operation):
    print(name, cost(operation), allocated(operation))


def signatures(given):
    """Verifying what an issuer, whose comb the lock has, and a holder, of whom it has nothing, have signed."""

    def check(one, verify, *hints):
        key, message, signature = one["key"], one["message"], one["signature"]

        def operation():
            if not verify(key, message, signature, *hints):
                raise AssertionError("a good signature was refused")

        return operation

    issuer, holder = given["issuer"], given["holder"]
    tell("verify naive big integers", check(holder, ed25519_plain.verify, None, None, None, None))
    tell("verify any key, no comb", check(holder, ed25519.verify))
    before = free()
    for name in ("comb of B", "comb of issuer"):
        ed25519.use(comb.parse(given[name]))
    print("heap combs", free() - before)
    tell("token verify, hint", check(issuer, ed25519.verify, None, issuer["r_x"]))
    tell("token verify", check(issuer, ed25519.verify))
    tell("holder proof, hints", check(holder, ed25519.verify, holder["a_x"], holder["r_x"]))
    tell("holder proof", check(holder, ed25519.verify))


def free():
    gc.collect()
    return -gc.mem_free()


def messages(given):
    raw = given["token"]
    tell("token parse", lambda: token.parse(raw))
    client = oscore.Context(K_LOCK, b"", b"\x01", b"\x00", b"context!")
    server = oscore.Context(K_LOCK, b"", b"\x00", b"\x01", b"context!")
    batch, options = bytes(52), [(coap.URI_PATH, b"t")]
    tell("OSCORE seal", lambda: client.protect_request(coap.POST, options, batch))
    fixes = [(telemetry.FIX, START + 5 * n, 523_600_000 + 311 * n, 48_900_000 - 97 * n, 3) for n in range(20)]

    def datagram():
        code, outer, sealed, _ = client.protect_request(coap.POST, options, telemetry.encode_batch(77, fixes))
        coap.encode(coap.CON, code, 9, b"tk", outer, sealed)

    tell("20 fixes to a datagram", datagram)
    request = client.protect_request(coap.POST, options, batch)[3]
    inside = bytes((coap.CHANGED,)) + coap.encode_options([], telemetry.encode_answer({1: START}))
    sealed = ccm.seal(server.sender_key, request.nonce, request.aad, inside)

    def opens():
        request.newest = -2  # as if nothing had been answered yet
        client.unprotect_response([(coap.OSCORE, b"")], sealed, request)

    tell("OSCORE open", opens)
    fields = {
        1: b"lock-one",
        2: 77,
        3: bytes(16),
        4: receipt.OPEN,
        5: START,
        6: 2,
        7: [523600000, 48900000, 3, 41],
    }
    fields.update({8: 1, 9: 3900, 10: 123456, 11: bytes(4), 12: b"claim-no", 13: [bytes(32), bytes(64)]})
    fields[14] = [bytes(4), 9]
    tell("receipt", lambda: receipt.encode(K_LOCK, fields))


def main(path):
    with open(path) as file:
        given = unhex(json.load(file))
    signatures(given)
    messages(given)


def unhex(item):
    if isinstance(item, dict):
        return {name: unhex(value) for name, value in item.items()}
    return bytes.fromhex(item) if isinstance(item, str) else item


if __name__ == "__main__":
    main(sys.argv[1])
