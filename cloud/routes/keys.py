"""Public keys: whoever holds a receipt or a token may check it. And the keyset, as a lock gets it."""

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from cloud import body, issuers, keyring, views
from cloud.auth import STAFF, allow, cloud, public

routes = Blueprint("keys", __name__, url_prefix="/api/v1")


@routes.get("/keys")
@public
def keys() -> ResponseReturnValue:
    with cloud().db.reading() as session:
        rows = issuers.public_keys(session, *issuers.ROLE_NAMES)
    return jsonify(keys=[views.public_key(row) for row in rows])


@routes.get("/keyset")
@allow(*STAFF)
def keyset() -> ResponseReturnValue:
    """The newest signed one, the roots that locks trust, and how many locks say they have which version."""
    with cloud().db.reading() as session:
        row, spread = keyring.published(session), keyring.spread(session)
    have = [
        {"version": version, "locks": spread[version]} for version in sorted(spread, key=lambda v: v or 0)
    ]
    return jsonify(version=row.version, keyset=body.b64(row.body), roots=body.b64(row.roots), installed=have)
