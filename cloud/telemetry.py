"""What a lock tells about itself: fixes, status records and notes, each stored once by (lock, record number)."""

from collections.abc import Callable, Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cloud import clones, commands, events, fixes, keyring, metrics, rides, rollouts
from cloud.db import insert
from cloud.tables import Lock, Note, StatusSample
from protocol import receipt, status, telemetry

LAST_RECORD = 2**32  # a record number past this is none


def take(session: Session, lock: Lock, payload: bytes, now: int) -> int:
    """Store a batch, in a writing session. -> how many records it held. Raises protocol.telemetry.TelemetryError."""
    first, records = telemetry.decode_batch(payload)
    if first + len(records) > LAST_RECORD:
        raise telemetry.TelemetryError("record number")
    sorted_out: dict[int, list[dict]] = {kind: [] for kind in _ROWS}
    for seq, (kind, *fields) in enumerate(records, first):
        sorted_out[kind].append({"lock_id": lock.lock_id, "seq": seq, **_ROWS[kind](*fields)})
    if first < lock.next_record:
        clones.compare(session, lock, [row for rows in sorted_out.values() for row in rows], now)
    lock.next_record = max(lock.next_record, first + len(records))
    _store_fixes(session, lock, sorted_out[telemetry.FIX], now)
    _store_status(session, lock, sorted_out[telemetry.STATUS], now)
    _store_notes(session, lock, sorted_out[telemetry.NOTE], now)
    metrics.note(session, metrics.RECORDS, len(records))
    return len(records)


def _fix(at: int, lat: int, lon: int, accuracy: int) -> dict:
    return {"at": at, "lat": lat, "lon": lon, "accuracy": accuracy}


def _status(
    at: int, state: int, millivolts: int, error: int, uptime: int, temperature: int | None = None
) -> dict:
    known = error != receipt.UNKNOWN
    return {
        "at": at if known else None,
        "state": state,
        "battery_mv": millivolts,
        "clock_error_s": error if known else None,
        "uptime_s": uptime,
        "temperature_c": temperature,
    }


def _note(at: int, note: int, value: int) -> dict:
    return {"at": at or None, "note": note, "value": value}


_ROWS: dict[int, Callable[..., dict]] = {
    telemetry.FIX: _fix,
    telemetry.STATUS: _status,
    telemetry.NOTE: _note,
}


def _store_fixes(session: Session, lock: Lock, rows: list[dict], now: int) -> None:
    if rows:
        fixes.store(session, rows)
        rides.measure(session, lock.lock_id, min(row["at"] for row in rows), max(row["at"] for row in rows))
        events.of_lock(session, "lock.moved", lock, now, fixes=len(rows))


def _store_status(session: Session, lock: Lock, rows: list[dict], now: int) -> None:
    if not rows:
        return
    newest = session.scalar(select(func.max(StatusSample.seq)).where(StatusSample.lock_id == lock.lock_id))
    session.execute(insert(session, StatusSample).values(rows).on_conflict_do_nothing())
    if newest is None or rows[-1]["seq"] > newest:  # an old batch, repeated late, is no news
        if lock.state != rows[-1]["state"]:
            events.of_lock(
                session, "lock.state", lock, now, was=_name(lock.state), state=_name(rows[-1]["state"])
            )
        lock.state = rows[-1]["state"]
        lock.battery_mv = rows[-1]["battery_mv"]
        lock.clock_error_s = rows[-1]["clock_error_s"]


def _name(state: int | None) -> str | None:
    return None if state is None else status.STATE_NAMES.get(state, "unknown")


def _store_notes(session: Session, lock: Lock, rows: list[dict], now: int) -> None:
    if not rows:
        return
    stored = insert(session, Note).values(rows).on_conflict_do_nothing().returning(Note.seq)
    fresh = set(session.scalars(stored))  # a batch that is repeated tells nothing twice
    for row in rows:
        if row["note"] in (telemetry.NOTE_COMMAND_DONE, telemetry.NOTE_COMMAND_REFUSED):
            refused = row["note"] == telemetry.NOTE_COMMAND_REFUSED
            commands.done(session, lock, row["value"], now, refused)
        elif row["note"] == telemetry.NOTE_KEYSET:
            keyring.installed(lock, row["value"])
        elif row["note"] in (telemetry.NOTE_UPDATE, telemetry.NOTE_RELEASE) and row["seq"] in fresh:
            rollouts.told(session, lock, row["note"], row["value"], now)


def notes(session: Session, lock_id: str, limit: int, before: int | None = None) -> Sequence[Note]:
    """Newest first, from below record `before`."""
    rows = select(Note).where(Note.lock_id == lock_id).order_by(Note.seq.desc()).limit(limit)
    return session.scalars(rows if before is None else rows.where(Note.seq < before)).all()
