"""SenML: the RFC's own example, and that resolving a pack gives back what was measured."""

import json

import cbor2
from hypothesis import given
from hypothesis import strategies as st

from cloud import senml
from cloud.tables import Fix, StatusSample

# RFC 8428 §5.1.2, the second example
MULTIPLE = json.loads(
    """[{"bn":"urn:dev:ow:10e2073a0108006:","bt":1.276020076001e+09,"bu":"A","bver":5,
         "n":"voltage","u":"V","v":120.1},
        {"n":"current","t":-5,"v":1.2}, {"n":"current","t":-4,"v":1.3}, {"n":"current","t":-3,"v":1.4},
        {"n":"current","t":-2,"v":1.5}, {"n":"current","t":-1,"v":1.6}, {"n":"current","v":1.7}]"""
)
# RFC 8428 §6: the same in CBOR
MULTIPLE_CBOR = bytes.fromhex(
    """87 a7 21 78 1b 75 72 6e 3a 64 65 76 3a 6f 77 3a 31 30 65 32 30 37 33 61 30 31 30 38 30 30 36 3a
    22 fb 41 d3 03 a1 5b 00 10 62 23 61 41 20 05 00 67 76 6f 6c 74 61 67 65 01 61 56 02 fb 40 5e 06
    66 66 66 66 66 a3 00 67 63 75 72 72 65 6e 74 06 24 02 fb 3f f3 33 33 33 33 33 33 a3 00 67 63 75
    72 72 65 6e 74 06 23 02 fb 3f f4 cc cc cc cc cc cd a3 00 67 63 75 72 72 65 6e 74 06 22 02 fb 3f
    f6 66 66 66 66 66 66 a3 00 67 63 75 72 72 65 6e 74 06 21 02 f9 3e 00 a3 00 67 63 75 72 72 65 6e
    74 06 20 02 fb 3f f9 99 99 99 99 99 9a a3 00 67 63 75 72 72 65 6e 74 06 00 02 fb 3f fb 33 33 33
    33 33 33"""
)


def resolve(pack):
    """RFC 8428 §4.6, as far as our packs and the example go."""
    base, found = {"bn": "", "bt": 0, "bu": None}, []
    for record in pack:
        base |= {name: record[name] for name in base if name in record}
        unit = record.get("u", base["bu"])
        value = record["v"] if "v" in record else record["vs"]
        found.append((base["bn"] + record["n"], unit, base["bt"] + record.get("t", 0), value))
    return found


def from_cbor(data):
    names = {label: name for name, label in senml.LABELS.items()}
    return [{names[label]: value for label, value in record.items()} for record in cbor2.loads(data)]


def test_the_rfcs_example_reads_the_same_from_json_and_from_cbor():
    assert len(MULTIPLE_CBOR) == 0xC3
    said_twice = [
        *MULTIPLE[:-1],
        {**MULTIPLE[-1], "t": 0},
    ]  # the RFC's CBOR says the last record's time, its JSON not
    assert from_cbor(MULTIPLE_CBOR) == said_twice
    assert cbor2.loads(senml.as_cbor(said_twice)) == cbor2.loads(MULTIPLE_CBOR)
    assert resolve(from_cbor(MULTIPLE_CBOR)) == resolve(MULTIPLE)
    name = "urn:dev:ow:10e2073a0108006:"
    assert resolve(MULTIPLE)[:2] == [
        (name + "voltage", "V", 1276020076.001, 120.1),
        (name + "current", "A", 1276020071.001, 1.2),
    ]


def test_a_locks_measurements():
    rows = [
        *senml.of_status(
            StatusSample(at=1_800_000_010, state=0, battery_mv=3917, uptime_s=60, temperature_c=21)
        ),
        *senml.of_status(StatusSample(at=None, state=0, battery_mv=3000, uptime_s=1)),
        *senml.of_fix(Fix(at=1_800_000_000, lat=520_000_001, lon=-40_000_000, accuracy=57)),
    ]
    pack = senml.pack("00" * 8, rows)
    assert json.loads(senml.as_json(pack)) == pack == from_cbor(senml.as_cbor(pack))
    name = "00" * 8 + ":"
    assert resolve(pack) == [
        (name + "latitude", "lat", 1_800_000_000, 52.0000001),
        (name + "longitude", "lon", 1_800_000_000, -4.0),
        (name + "accuracy", "m", 1_800_000_000, 5.7),
        (name + "battery", "V", 1_800_000_010, 3.917),
        (name + "state", None, 1_800_000_010, "locked"),
        (name + "temperature", "Cel", 1_800_000_010, 21),
        (name + "uptime", "s", 1_800_000_010, 60),
    ]
    assert pack[1].keys() == {"n", "u", "v"} and pack[3]["t"] == 10
    assert senml.pack("00" * 8, []) == [] and senml.as_json([]) == b"[]"


@given(st.lists(st.tuples(st.integers(2**28, 2**32 - 1), st.integers(0, 6000)), min_size=1, max_size=20))
def test_any_series_comes_back_by_time(samples):
    rows = [StatusSample(at=at, state=0, battery_mv=mv, uptime_s=0) for at, mv in samples]
    pack = senml.pack("ab" * 8, [record for row in rows for record in senml.of_status(row)])
    back = [(at, value) for name, _, at, value in resolve(pack) if name.endswith(":battery")]
    assert sorted(back) == sorted((at, mv / 1000) for at, mv in samples)
    assert [at for at, _ in back] == sorted(at for at, _ in samples)
    assert sum("bn" in record for record in pack) == 1
