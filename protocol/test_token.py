"""Tokens, proofs and receipts: one bit wrong anywhere, one byte missing or too many, and they are nothing."""

from protocol import cbor, ed25519, exchange, keys, receipt, telemetry, token
from protocol.test_spec import _hex, _vectors


def _example(kind, name):
    for vector in _vectors():
        if vector["kind"] == kind and vector["name"] == name:
            return vector
    raise KeyError(name)


def _accepted(data, issuer):
    try:
        return token.parse(data).verify(issuer)
    except token.Malformed:
        return False


def test_a_flipped_bit_in_any_byte_of_a_token_is_refused():
    example = _example("token", "a single ride on one lock")
    data, issuer = _hex(example["token"]), _hex(example["issuer"])
    assert _accepted(data, issuer)
    for i in range(len(data)):
        flipped = bytearray(data)
        flipped[i] ^= 1 << i % 8
        assert not _accepted(bytes(flipped), issuer), i


def test_a_hint_never_makes_a_token_good_or_another():
    example = _example("token", "with the x of R")
    data, issuer = _hex(example["token"]), _hex(example["issuer"])
    hint = token.parse(data).hint
    assert _accepted(data, issuer)
    for i in range(len(data)):
        flipped = bytearray(data)
        flipped[i] ^= 1 << i % 8
        assert not _accepted(bytes(flipped), issuer), i
    for bit in range(0, 256, 3):
        other = bytearray(hint)
        other[bit >> 3] ^= 1 << (bit & 7)
        assert not _accepted(data.replace(hint, bytes(other)), issuer), bit
    assert _accepted(data.replace(b"\xa1\x3a\x00\x01\x00\x00\x58\x20" + hint, b"\xa0"), issuer)


def test_every_truncation_of_a_token_is_malformed():
    data = _hex(_example("token", "nonce-bound")["token"])
    for end in range(len(data)):
        try:
            token.parse(data[:end])
            raise AssertionError(end)
        except token.Malformed:
            pass


def test_what_a_token_says_comes_out_as_it_went_in():
    claims = token.parse(_hex(_example("token", "a period on two locks")["token"])).claims
    assert len(claims.aud) == 2 and not claims.single and not claims.successor
    for lock_id, epoch in claims.aud:
        assert claims.epoch_for(lock_id) == epoch
    assert claims.epoch_for(bytes(8)) is None
    assert token.parse(_hex(_example("token", "nonce-bound")["token"])).claims.nonce is not None


def test_a_token_for_one_lock_fits_one_att_value():
    data = _hex(_example("token", "nonce-bound")["token"])
    assert len(data) <= 244, len(data)  # ATT_MTU 247


def test_a_flipped_bit_in_any_byte_of_a_proof_is_refused():
    example = _example("proof", "OPEN with a token")
    proof = exchange.decode_request(_hex(example["request"]))[2]
    holder, covered = _hex(example["holder"]), _hex(example["covered"])
    for i in range(0, len(proof), 4):
        flipped = bytearray(proof)
        flipped[i] ^= 1 << i % 8
        assert not ed25519.verify(holder, covered, bytes(flipped)), i


def test_a_flipped_bit_in_the_hints_of_a_proof_is_refused():
    example = _example("proof", "with the x of A and R")
    proof = exchange.decode_request(_hex(example["request"]))[2]
    holder, covered = _hex(example["holder"]), _hex(example["covered"])
    assert len(proof) == 128 and ed25519.verify(holder, covered, *exchange.parts(proof))
    assert exchange.hinted(proof[:64], holder) == proof
    assert ed25519.verify(holder, covered, *exchange.parts(proof[:64]))
    for bit in range(0, 1024, 7):
        flipped = bytearray(proof)
        flipped[bit >> 3] ^= 1 << bit % 8
        assert not ed25519.verify(holder, covered, *exchange.parts(bytes(flipped))), bit


def _is_receipt(key, data):
    try:
        receipt.open(key, data)
        return True
    except receipt.ReceiptError:
        return False


def test_any_flipped_bit_of_a_receipt_is_refused():
    example = _example("receipt", "CLOSE")
    key, data = keys.receipt_key(_hex(example["k_lock"])), _hex(example["receipt"])
    assert _is_receipt(key, data)
    for i in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[i // 8] ^= 1 << i % 8
        assert not _is_receipt(key, bytes(flipped)), i


def test_a_receipt_fits_its_limit_with_everything_in_it():
    worst = 0xFFFFFFFF
    fields = {
        1: bytes(8),
        2: worst,
        3: bytes(16),
        4: receipt.HAND_OVER,
        5: worst,
        6: worst,
        8: 3,
        9: worst,
        10: worst,
    }
    fields.update({7: [-900000000, -1800000000, worst, worst], 11: bytes(4), 12: bytes(8)})
    fields.update({13: [bytes(32), bytes(64)], 14: [bytes(4), worst], 15: [bytes(8), worst, worst]})
    data = receipt.encode(bytes(32), fields)
    assert len(data) <= receipt.LIMIT
    assert len(telemetry.encode_receipts([data] * 3)) <= telemetry.LIMIT
    parsed = receipt.open(bytes(32), data)
    assert parsed.detail == fields[15] and parsed.epoch == worst and parsed.fix == fields[7]


def test_each_type_of_receipt_carries_just_its_own_fields():
    whole = {1: bytes(8), 2: 1, 3: bytes(16), 5: 0, 6: 0, 7: None, 8: 0, 9: 0, 10: 0, 11: bytes(4)}
    extra = {12: bytes(8), 13: [bytes(32), bytes(64)], 14: [bytes(4), 1]}
    details = {
        receipt.CLOSE: [0, 0],
        receipt.END: [1, 1, 1],
        receipt.HAND_OVER: [bytes(8), 0, 1],
        receipt.UPDATE: [1, bytes(32)],
    }
    for kind in receipt.NAMES:
        accepted = []
        for bits in range(16):
            fields = dict(whole)
            fields[4] = kind
            for i in range(4):
                if bits >> i & 1:
                    fields[12 + i] = details.get(kind, [1]) if i == 3 else extra[12 + i]
            try:
                receipt.encode(bytes(32), fields)
                accepted.append(bits)
            except receipt.ReceiptError:
                pass
        assert len(accepted) == (2 if kind == receipt.END else 1), (kind, accepted)


def test_a_request_and_a_result_survive_the_wire():
    body = exchange.encode_request(exchange.OPEN, None, bytes(64))
    assert exchange.decode_request(body) == (exchange.OPEN, None, bytes(64))
    assert exchange.decode_result(exchange.encode_result(8)) == (8, None, [0, 0, 0])
    for bad in (
        b"",
        body + b"\x00",
        cbor.encode([1, [1], None, bytes(64)]),
        cbor.encode([1, [], None, bytes(63)]),
    ):
        try:
            exchange.decode_request(bad)
            raise AssertionError(bad)
        except exchange.ExchangeError:
            pass
