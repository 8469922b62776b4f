"""Public keys: whoever holds a receipt or a token may check it. And the keyset, as a lock gets it."""

from flask import Blueprint

from cloud import body, issuers, keyring, shapes, views
from cloud.auth import STAFF, allow, cloud, platform, public, reach
from cloud.describe import answers

routes = Blueprint("keys", __name__, url_prefix="/api/v1")


@routes.get("/keys")
@public
@answers()
def keys() -> shapes.PublicKeys:
    """The public keys that tokens, receipts and releases are checked by."""
    with cloud().db.reading() as session:
        rows = issuers.public_keys(session, *issuers.ROLE_NAMES)
    return {"keys": [views.public_key(row) for row in rows]}


@routes.get("/keyset")
@platform
@allow(*STAFF, scope="platform:read")
@answers(problems=("no_keyset",))
def keyset() -> shapes.Keyset:
    """The newest signed one, the roots that locks trust, and how many locks say they have which version."""
    with cloud().db.reading() as session:
        row, spread = keyring.published(session), keyring.spread(session, reach())
    have: list[shapes.Installed] = [
        {"version": version, "locks": spread[version]} for version in sorted(spread, key=lambda v: v or 0)
    ]
    return {
        "version": row.version,
        "keyset": body.b64(row.body),
        "roots": body.b64(row.roots),
        "installed": have,
    }
