"""Rows as JSON: what of a row is shown, and to whom. Bytes are base64url, ids hex, times Unix seconds."""

from collections.abc import Sequence
from typing import Any

from cloud import advertising, claims
from cloud.assets import Bike
from cloud.body import b64
from cloud.issuers import ROLE_NAMES
from cloud.tables import Asset, Claim, IssuerKey, Lock
from protocol import status


def claim(row: Claim, now: int) -> dict[str, Any]:
    return {
        "claim_id": row.cti,
        "cti": row.cti,
        "lock_id": row.lock_id,
        "epoch": row.epoch,
        "mode": row.mode,
        "nbf": row.nbf,
        "exp": row.exp,
        "hold": row.hold,
        "longest": row.longest,
        "status": claims.status(row, now),
        "created_at": row.created_at,
    }


def claim_for_owner(
    row: Claim, lock: Lock, k_lock: bytes, token: bytes | None, signers: Sequence[IssuerKey], now: int
) -> dict[str, Any]:
    """All that an app needs to find the lock, open it and check its receipts."""
    return {
        **claim(row, now),
        "token": b64(token) if token else None,
        "advertising": advertising.for_claim(k_lock, lock.seen_floor, row.epoch, row.mode == "single"),
        "countersigners": [{"kid": key.kid, "key": b64(key.public)} for key in signers],
    }


def public_key(row: IssuerKey) -> dict[str, Any]:
    return {
        "kid": row.kid,
        "role": ROLE_NAMES[row.role],
        "key": b64(row.public),
        "nbf": row.nbf,
        "exp": row.exp,
    }


def bike(row: Bike, now: int) -> dict[str, Any]:
    """Where it is only while it stands free: where somebody rides is nobody's business."""
    shown: dict[str, Any] = {
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


def lock(row: Lock, asset: Asset | None) -> dict[str, Any]:
    """For staff. Never its key."""
    return {
        "lock_id": row.lock_id,
        "kind": row.kind,
        "group": row.group_id,
        "registered_at": row.registered_at,
        "asset": {"asset_id": asset.asset_id, "code": asset.code, "label": asset.label} if asset else None,
        "state": None if row.state is None else status.STATE_NAMES.get(row.state, "unknown"),
        "last_seen_at": row.last_seen_at,
        "battery_mv": row.battery_mv,
        "clock_error_s": row.clock_error_s,
        "keyset_version": row.keyset_version,
        "next_epoch": row.next_epoch,
        "next_master_epoch": row.next_master_epoch,
        "seen_floor": row.seen_floor,
        "wanted_floor": row.wanted_floor,
        "master_floor": row.master_floor,
        "reported_seq": row.reported_seq,
        "received_seq": row.received_seq,
    }
