"""A lock's measurements as SenML (RFC 8428), as JSON and as CBOR. Pure: rows in, packs out.

A name is the lock's id and what was measured; the id is 8 random bytes, which makes it globally unique (§4.5.1). Times
are absolute in the base and relative in the records. Measured values come as integers and leave as the unit's.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import cbor2

from cloud.tables import Fix, StatusSample
from protocol import status

JSON, CBOR = "application/senml+json", "application/senml+cbor"  # §12.3

LABELS = {  # §6, table 4
    "bver": -1,
    "bn": -2,
    "bt": -3,
    "bu": -4,
    "bv": -5,
    "bs": -6,
    "n": 0,
    "u": 1,
    "v": 2,
    "vs": 3,
    "vb": 4,
    "s": 5,
    "t": 6,
    "ut": 7,
    "vd": 8,
}

Record = dict[str, Any]


def of_status(row: StatusSample) -> Iterator[Record]:
    """The units are of the registry (§12.1). A row without a time says nothing about now."""
    if row.at is not None:
        yield {"n": "battery", "u": "V", "v": row.battery_mv / 1000, "t": row.at}
        yield {"n": "state", "vs": status.STATE_NAMES.get(row.state, "unknown"), "t": row.at}
        if row.temperature_c is not None:
            yield {"n": "temperature", "u": "Cel", "v": row.temperature_c, "t": row.at}
        yield {"n": "uptime", "u": "s", "v": row.uptime_s, "t": row.at}


def of_fix(row: Fix) -> Iterator[Record]:
    yield {"n": "latitude", "u": "lat", "v": row.lat / 1e7, "t": row.at}
    yield {"n": "longitude", "u": "lon", "v": row.lon / 1e7, "t": row.at}
    yield {"n": "accuracy", "u": "m", "v": row.accuracy / 10, "t": row.at}


def pack(lock_id: str, records: Iterable[Record]) -> list[Record]:
    """By time, with the base name, and the base time in the first record; an empty pack is an empty list."""
    listed = sorted(records, key=lambda record: record["t"])
    if not listed:
        return []
    base = listed[0]["t"]
    short = [{**record, "t": record["t"] - base} for record in listed]
    for record in short:
        if record["t"] == 0:
            del record["t"]  # §4.3: 0 unless said
    return [{"bn": f"{lock_id}:", "bt": base, **short[0]}, *short[1:]]


def as_json(records: Sequence[Record]) -> bytes:
    return json.dumps(records, separators=(",", ":")).encode()


def as_cbor(records: Sequence[Record]) -> bytes:
    return cbor2.dumps([{LABELS[name]: value for name, value in record.items()} for record in records])
