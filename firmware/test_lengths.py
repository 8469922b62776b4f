# heap: 1m
"""Keys, signatures and hints of every wrong length and kind in a REQUEST: an answer, never an exception of ours."""

from boards.sim.bench import Bench, key
from firmware.lock import Lock
from protocol import cbor, exchange, status

RIDER = key("rider")
LENGTHS = list(range(71)) + [127, 128, 129, 200]
ODD = (None, True, 0, -1, 1 << 63, "text", [], [bytes(64)], {}, {1: bytes(64)}, cbor.Tag(2, bytes(64)))
_CNF, _SIGNATURE, _HINT = 8, 3, -65537


def _answers(bodies):
    """Statuses of requests, each on a link of its own; the lock is well after all of them."""
    bench = Bench(Lock)
    found = []
    for body in bodies(bench):
        phone = bench.phone()
        phone.hello()
        answer = phone.ask(body)
        assert answer is not None and answer.receipt is None
        found.append(answer.status)
        bench.wait(0.3, 300)  # what ended the link, ends it
        if phone.up:
            phone.leave()
    assert bench.lock.session.errors == 0 and not bench.world.actuations
    phone = bench.phone()
    assert phone.open(bench.token(RIDER, 9), RIDER).status == status.OK
    bench.close()
    return found


def _proofs(values):
    def bodies(bench):
        raw = bench.token(RIDER)
        for value in values:
            yield cbor.encode([exchange.OPEN, [], raw, value])

    return bodies


def _changed(values, change):
    """Requests by a token; `change(members, value)` its [protected, unprotected, payload, signature]."""

    def bodies(bench):
        for value in values:
            token = cbor.decode(bench.token(RIDER))
            change(token.value, value)
            yield cbor.encode([exchange.OPEN, [], cbor.encode(token), bytes(64)])

    return bodies


def _signature(members, value):
    members[_SIGNATURE] = value


def _hint(members, value):
    members[1] = {_HINT: value}


def _holder(members, value):
    claims = cbor.decode(members[2])
    claims[_CNF][1][-2] = value
    members[2] = cbor.encode(claims)


def _expected(right):
    return [status.FORGED if length in right else status.MALFORMED for length in LENGTHS]


def test_a_proof_of_any_length_or_kind():
    right = (64, 128)  # alone, and with its hints
    assert _answers(_proofs([bytes(length) for length in LENGTHS])) == _expected(right)
    assert _answers(_proofs([b"\xff" * length for length in LENGTHS])) == _expected(right)
    assert _answers(_proofs(ODD)) == [status.MALFORMED] * len(ODD)


def test_a_tokens_signature_its_hint_and_its_holders_key_of_any_length_or_kind():
    for change, right in ((_signature, (64,)), (_hint, (32,)), (_holder, (32,))):
        values = [bytes(length) for length in LENGTHS if length < 130]
        expected = _expected(right)[: len(values)]
        assert _answers(_changed(values, change)) == expected, change
        assert _answers(_changed(ODD, change)) == [status.MALFORMED] * len(ODD), change


def test_a_token_of_any_length_or_kind():
    def bodies(bench):
        raw = bench.token(RIDER)
        for cut in list(range(1, 71)) + [len(raw) - 1]:
            yield cbor.encode([exchange.OPEN, [], raw[:cut], bytes(64)])
        for value in ODD[1:]:
            yield cbor.encode([exchange.OPEN, [], value, bytes(64)])

    found = _answers(bodies)
    assert found == [status.MALFORMED] * len(found)
