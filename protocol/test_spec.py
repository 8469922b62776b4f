"""The examples in SPEC.md are true: every vector, good and bad, on both interpreters."""

from protocol import (
    cbor,
    ed25519,
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


def _vectors():
    with open("protocol/SPEC.md") as spec:
        fields = None
        for line in spec:
            line = line.strip()
            if line == "```vector":
                fields = {}
            elif line == "```" and fields is not None:
                yield fields
                fields = None
            elif fields is not None:
                name, value = line.split(": ", 1) if ": " in line else (line[:-1], "")
                fields[name] = value


def _hex(text):
    return bytes.fromhex(text)


def _cbor(v):
    item = _hex(v["item"])
    assert cbor.encode(cbor.decode(item, 512)) == item


def _ed25519(v):
    assert ed25519.verify(_hex(v["key"]), _hex(v["message"]), _hex(v["signature"]))


def _derive(v):
    value = _hex(v["value"])
    assert keys.derive(_hex(v["k_lock"]), _hex(v["label"]), len(value)) == value


def _kid(v):
    assert keys.kid(_hex(v["role"])[0], _hex(v["key"])) == _hex(v["kid"])


def _adv(v):
    key = keys.adv_key(_hex(v["k_lock"]), int(v["index"]))
    assert key == _hex(v["key"])
    assert keys.adv_payload(key, int(v["slot"])) == _hex(v["payload"])


def _keyset(v):
    data = _hex(v["keyset"])
    parsed = keyset.parse(data)
    assert keyset.encode(parsed.version, [(kid,) + parsed.keys[kid] for kid in sorted(parsed.keys)]) == data


def _signed(v):
    given = roots.parse(_hex(v["roots"]))
    assert roots.encode(*given) == _hex(v["roots"])
    roots.verify(_hex(v["keyset"]), given, ed25519.verify)


def _token(v):
    data = _hex(v["token"])
    parsed = token.parse(data)
    assert parsed.verify(_hex(v["issuer"]))
    assert parsed.hash == _hex(v["hash"])
    assert token.mint(lambda message: data[-64:], parsed.kid, parsed.claims, parsed.hint is not None) == data


def _exchange(v):
    hello, challenge = _hex(v["hello"]), _hex(v["challenge"])
    exchange.decode_hello(hello)
    _, fields = exchange.open_status(keys.status_key(_hex(v["k_lock"])), hello, challenge)
    assert cbor.encode(fields) == _hex(v["status"])
    assert exchange.transcript(hello, challenge) == _hex(v["transcript"])


def _colours(v):
    code = exchange.colours(_hex(v["transcript"]))
    assert code == _hex(v["code"])
    assert [exchange.COLOURS[number] for number in code] == v["colours"].split(" ")


def _proof(v):
    command, _, proof = exchange.decode_request(_hex(v["request"]))
    covered = _hex(v["covered"])
    assert cbor.decode(covered, 512)[4] == command
    assert ed25519.verify(_hex(v["holder"]), covered, *exchange.parts(proof))


def _frames(v):
    parts = [_hex(part) for part in v["frames"].split(" ")]
    body = _hex(v["body"])
    assert frames.Sender().frames(exchange.HELLO, body, len(parts[0])) == parts
    receiver = frames.Receiver()
    assert [receiver.feed(part) for part in parts][-1] == (exchange.HELLO, body)


def _hello(v):
    exchange.decode_hello(_hex(v["hello"]))


def _receipt(v):
    data = _hex(v["receipt"])
    receipt.open(keys.receipt_key(_hex(v["k_lock"])), data)
    assert receipt.digest(data) == _hex(v["digest"])


def _countersign(v):
    covered = receipt.countersign_input(_hex(v["lock"]), int(v["seq"]), receipt.digest(_hex(v["receipt"])))
    assert covered == _hex(v["covered"])
    assert ed25519.verify(_hex(v["key"]), covered, _hex(v["signature"]))


def _sealed(v):
    receipts = exchange.open_batch(keys.batch_key(_hex(v["k_lock"])), _hex(v["batch"]))
    assert receipts == [_hex(part) for part in v["receipts"].split(" ")]


def _batch(v):
    first, records = telemetry.decode_batch(_hex(v["batch"]))
    assert (first, len(records)) == (int(v["first"]), int(v["count"]))
    assert telemetry.encode_batch(first, records) == _hex(v["batch"])


def _config(v):
    args = cbor.decode(_hex(v["args"]))
    changes = settings.decode(args)
    assert settings.encode(changes) == args
    assert (
        " ".join(["%s=%d" % (name, changes[name]) for name, _, _ in settings.REMOTE if name in changes])
        == v["settings"]
    )


def _release(v):
    data, known = _hex(v["manifest"]), keyset.parse(_hex(v["keyset"]))
    head = manifest.parse_head(data)
    rest = manifest.Reader(data[head.length :])
    files = manifest.check_list(rest.read, head.size, head.digest)
    assert not rest.read(1) and manifest.trusted(head, known, ed25519.verify)
    assert (head.version, files) == (int(v["version"]), int(v["files"]))


_CHECKS = {
    "cbor": _cbor,
    "ed25519": _ed25519,
    "derive": _derive,
    "kid": _kid,
    "adv": _adv,
    "keyset": _keyset,
    "signed": _signed,
    "token": _token,
    "exchange": _exchange,
    "colours": _colours,
    "proof": _proof,
    "frames": _frames,
    "hello": _hello,
    "receipt": _receipt,
    "countersign": _countersign,
    "sealed": _sealed,
    "batch": _batch,
    "config": _config,
    "release": _release,
}
_REFUSALS = (ValueError, AssertionError)  # each of our parsers' errors is a ValueError


def _run(kind, verdict):
    count = 0
    for v in _vectors():
        if v["kind"] == kind and v["verdict"] == verdict:
            count += 1
            if verdict == "good":
                _CHECKS[kind](v)
                continue
            try:
                _CHECKS[kind](v)
            except _REFUSALS as error:
                assert not isinstance(error, AssertionError) or kind in (
                    "token",
                    "ed25519",
                    "proof",
                    "release",
                ), v["name"]
                continue
            raise AssertionError("accepted: " + v["name"])
    assert count, "no %s example of %s" % (verdict, kind)


def test_every_good_example_is_accepted():
    for kind in _CHECKS:
        if kind != "hello":
            _run(kind, "good")


def test_every_bad_example_is_refused():
    for kind in (
        "cbor",
        "ed25519",
        "keyset",
        "signed",
        "token",
        "proof",
        "hello",
        "receipt",
        "batch",
        "config",
        "release",
    ):
        _run(kind, "bad")


def test_every_example_is_checked():
    assert {v["kind"] for v in _vectors()} == set(_CHECKS)
