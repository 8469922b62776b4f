"""Rows as JSON: what of a row is shown, and to whom. Bytes are base64url, ids hex, times Unix seconds."""

import json
from collections.abc import Sequence
from typing import cast

from cloud import advertising, attention, claims, evidence, groups, notes, scopes, shapes, shapes_tenancy
from cloud.assets import Bike
from cloud.body import b64
from cloud.issuers import ROLE_NAMES
from cloud.problem import TABLE
from cloud.receipts import Outcome
from cloud.tables import (
    Asset,
    Claim,
    Client,
    Fix,
    Group,
    IssuerKey,
    Lock,
    Member,
    Operator,
    Receipt,
    Release,
    Ride,
    Rollout,
    User,
)
from protocol import receipt as wire
from protocol import status
from protocol import update as said


def claim(row: Claim, bike: Asset | None, now: int) -> shapes.Claim:
    return {
        "claim_id": row.cti,
        "cti": row.cti,
        "lock_id": row.lock_id,
        "bike": bike.code if bike else None,
        "label": bike.label if bike else None,
        "epoch": row.epoch,
        "mode": row.mode,
        "nbf": row.nbf,
        "exp": row.exp,
        "hold": row.hold,
        "longest": row.longest,
        "status": claims.status(row, now),
        "why": TABLE[claims.WHY[row.why]][1] if row.why in claims.WHY else None,
        "created_at": row.created_at,
    }


def claim_for_owner(
    row: Claim,
    bike: Asset | None,
    lock: Lock,
    k_lock: bytes,
    token: bytes | None,
    signers: Sequence[IssuerKey],
    now: int,
) -> shapes.OwnClaim:
    """All that an app needs to find the lock, open it and check its receipts."""
    return {
        **claim(row, bike, now),
        "token": b64(token) if token else None,
        "advertising": advertising.for_claim(k_lock, lock.seen_floor, row.epoch, row.mode == "single"),
        "countersigners": countersigners(signers),
    }


def countersigners(rows: Sequence[IssuerKey]) -> list[shapes.Countersigner]:
    """By whose word a phone checks that the cloud has a receipt."""
    return [{"kid": key.kid, "key": b64(key.public)} for key in rows]


def public_key(row: IssuerKey) -> shapes.PublicKey:
    return {
        "kid": row.kid,
        "role": ROLE_NAMES[row.role],
        "key": b64(row.public),
        "nbf": row.nbf,
        "exp": row.exp,
        "state": row.state,
    }


def bike(row: Bike, now: int) -> shapes.Bike:
    """Where it is only while it stands free: where somebody rides is nobody's business."""
    shown: shapes.Bike = {
        "asset_id": row.asset.asset_id,
        "code": row.asset.code,
        "label": row.asset.label,
        "kind": row.kind,
        "state": row.state,
        "fix": None,
    }
    if row.state == "free" and row.fix is not None:
        fix = row.fix
        shown["fix"] = {
            "lat": fix.lat,
            "lon": fix.lon,
            "accuracy_dm": fix.accuracy,
            "age_s": max(0, now - fix.at),
        }
    return shown


def lock(row: Lock, asset: Asset | None) -> shapes.Lock:
    """For staff. Never its key."""
    return {
        "lock_id": row.lock_id,
        "operator_id": row.operator_id,
        "kind": row.kind,
        "group": row.group_id,
        "registered_at": row.registered_at,
        "asset": {"asset_id": asset.asset_id, "code": asset.code, "label": asset.label} if asset else None,
        "state": None if row.state is None else status.STATE_NAMES.get(row.state, "unknown"),
        "last_seen_at": row.last_seen_at,
        "uplink_every_s": row.uplink_every_s,
        "battery_mv": row.battery_mv,
        "clock_error_s": row.clock_error_s,
        "keyset_version": row.keyset_version,
        "board": row.board,
        "release": row.release,
        "update": update_state(row),
        "next_epoch": row.next_epoch,
        "next_master_epoch": row.next_master_epoch,
        "seen_floor": row.seen_floor,
        "wanted_floor": row.wanted_floor,
        "master_floor": row.master_floor,
        "reported_seq": row.reported_seq,
        "received_seq": row.received_seq,
    }


def update_state(row: Lock) -> shapes.UpdateState | None:
    """What a lock last told of an update, with its reason where it refused."""
    if row.update_state is None:
        return None
    why = said.sentence(row.update_reason) if row.update_state == said.REFUSED else None
    return {"state": notes.UPDATES.get(row.update_state, "unknown"), "why": why, "at": row.update_at}


def release(row: Release) -> shapes.Release:
    return {
        "board": row.board,
        "version": row.version,
        "counter": row.counter,
        "expires": row.expires,
        "digest": row.digest.hex(),
        "files": row.files,
        "size": row.size,
        "taken_at": row.taken_at,
    }


def rollout(row: Rollout, progress: dict[str, int]) -> shapes.Rollout:
    halt: shapes.Halt | None = None
    if row.state == "halted":
        why = attention.halted(row)
        halt = {
            "by": row.halted_by,
            "at": row.changed_at,
            "said": evidence.sentence(why, row.changed_at),
            "because": because(why),
            "evidence": json.loads(row.evidence) if row.evidence else None,
        }
    return {
        "rollout_id": row.rollout_id,
        "board": row.board,
        "version": row.version,
        "percent": row.percent,
        "state": row.state,
        "started_at": row.started_at,
        "changed_at": row.changed_at,
        "halt": halt,
        "progress": progress,
    }


def because(found: evidence.Evidence) -> list[shapes.Because]:
    return [{"code": one.code, "figures": dict(one.figures)} for one in found.phrases]


def ride(row: Ride) -> shapes.Ride:
    return {**_ride(row), "receipts": row.receipts}


def ride_with_receipts(row: Ride, rows: Sequence[Receipt]) -> shapes.RideWithReceipts:
    return {**_ride(row), "receipts": [receipt(each) for each in rows]}


def _ride(row: Ride) -> shapes.RideFacts:
    return {
        "ride_id": row.ride_id,
        "cti": row.cti,
        "claim_id": row.claim,
        "lock_id": row.lock_id,
        "state": row.state,
        "opened_at": row.opened_at,
        "closed_at": row.closed_at,
        "billed_until": row.billed_until,
        "previous_ride": row.previous_ride,
        "next_ride": row.next_ride,
        "fixes": row.fixes,
        "distance_m": row.distance_m,
    }


def receipt(row: Receipt) -> shapes.Receipt:
    return {
        **word(row),
        "type": wire.NAMES[row.type],
        "cti": row.cti,
        "at": row.at,
        "error_s": row.error,
        "receipt": b64(row.body),
    }


def word(row: Receipt) -> shapes.Word:
    """The cloud's word that it holds a receipt, over SPEC 8's countersign bytes."""
    return {
        "lock_id": row.lock_id,
        "seq": row.seq,
        "digest": row.digest.hex(),
        "kid": row.countersign_kid,
        "countersignature": row.countersignature.hex(),
    }


def outcome(done: Outcome) -> shapes.Outcome:
    """Of a fork the word is for the other receipt, the one that is kept: the phone sees that it is not its own."""
    if done.row:
        return {"status": done.status, **word(done.row)}
    nothing = dict.fromkeys(("lock_id", "seq", "digest", "kid", "countersignature"))
    return cast(shapes.Outcome, {"status": done.status, **nothing})


def logged(row: Receipt, lock: Lock, forks: dict[int, int]) -> shapes.LoggedReceipt:
    """A receipt and how it stands in its lock's log; for staff."""
    chain = "gap" if row.seq > lock.received_seq else "broken" if row.seq > lock.chained_seq else "holds"
    return {
        **receipt(row),
        "release": wire.parse(row.body).detail[0] if row.type == wire.UPDATE else None,
        "chain": chain,
        "forks": forks.get(row.seq, 0),
        "proof": row.proof,
        "via": row.via,
        "copies": row.copies,
        "received_at": row.received_at,
    }


def track(row: Ride, points: Sequence[Fix]) -> shapes.Track:
    """A GeoJSON Feature. Longitude comes first (RFC 7946 §3.1.1); a line needs two points, and a point is one."""
    line = [[fix.lon / 1e7, fix.lat / 1e7] for fix in points]
    geometry: shapes.Geometry | None = {"type": "LineString", "coordinates": line}
    if len(line) < 2:
        geometry = {"type": "Point", "coordinates": line[0]} if line else None
    said: shapes.TrackOf = {
        "ride_id": row.ride_id,
        "distance_m": row.distance_m,
        "times": [fix.at for fix in points],
    }
    return {"type": "Feature", "geometry": geometry, "properties": said}


def operator(row: Operator) -> shapes_tenancy.Operator:
    return {
        "operator_id": row.operator_id,
        "name": row.name,
        "colour": row.colour,
        "email": row.email,
        "phone": row.phone,
        "url": row.url,
        "terms_url": row.terms_url,
        "privacy_url": row.privacy_url,
        "timezone": row.timezone,
        "language": row.language,
        "created_at": row.created_at,
    }


def colleague(row: User) -> shapes_tenancy.Colleague:
    return {
        "user_id": row.user_id,
        "login": row.login,
        "role": row.role,
        "operator_id": row.operator_id,
        "created_at": row.created_at,
    }


def client(row: Client) -> shapes_tenancy.Client:
    """Never its secret, which is nowhere, nor that one's hash."""
    return {
        "client_id": row.client_id,
        "kind": row.kind,
        "name": row.name,
        "operator_id": row.operator_id,
        "user_id": row.user_id,
        "scopes": sorted(scopes.read(row.scopes)),
        "created_at": row.created_at,
        "created_by": row.created_by,
        "used_on": row.used_on,
        "revoked_at": row.revoked_at,
    }


def group(row: groups.Row) -> shapes_tenancy.Group:
    return {
        "group_id": row.group.group_id,
        "operator_id": row.group.operator_id,
        "name": row.group.name,
        "members_only": bool(row.group.members_only),
        "domain": row.group.domain,
        "created_at": row.group.created_at,
        "locks": row.locks,
        "members": row.members,
    }


def member(row: Member, login: str) -> shapes_tenancy.Member:
    return {"user_id": row.user_id, "login": login, "joined_at": row.joined_at}


def joined(row: Group) -> shapes_tenancy.Joined:
    return {"group_id": row.group_id, "name": row.name, "operator_id": row.operator_id}
