"""Public keys: whoever holds a receipt or a token may check it. And the keyset, as a lock gets it."""

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from cloud import body, issuers, views
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
    with cloud().db.reading() as session:
        version, encoded = issuers.keyset_of(session)
    return jsonify(version=version, keyset=body.b64(encoded))
