"""Claims: made, looked at, cancelled; their tokens, bound to a challenge or for another phone. Only one's own."""

from flask import Blueprint

from cloud import assets, body, claims, fitting, issuers, limits, locks, shapes, tokens, views
from cloud.auth import allow, cloud, me, reach
from cloud.describe import Fields, Page, answers, paged, takes
from cloud.problem import Problem
from cloud.tables import ROLES, Claim, Lock
from protocol import keys

routes = Blueprint("claims", __name__, url_prefix="/api/v1/claims")

HOLDER = body.b64_of(32)
MESSAGE = body.b64_of(1, 1024)  # a HELLO's or a CHALLENGE's body
WHICH = {"asset": body.text(1, 22), "code": body.code, "lock": body.hex_of(8)}
TERMS = {"mode": body.word(*claims.WINDOWS), "exp": body.integer(), "hold": body.integer(0, 86400)}


@routes.post("")
@allow(*ROLES, scope="claims:write")
@takes({"holder_key": HOLDER}, {**WHICH, **TERMS})
@answers(
    201,
    problems=(
        "already_claimed",
        "claim_limit",
        "pool_needs_period",
        "bad_window",
        "bad_holder_key",
        "no_lock_on_bike",
        "out_of_service",
        "no_issuer_key",
        "not_found",
        "too_many",
    ),
    location="/api/v1/claims/{claim_id}",
)
def create(fields: Fields) -> shapes.OwnClaim:
    """Claim a bicycle, by exactly one of `asset`, `code`, `lock`.

    `holder_key` is an Ed25519 public key made for this claim. `mode` single starts one ride and is the usual one;
    period starts any number until `exp`. The answer has all that an app needs to find the lock, open it and check its
    receipts.
    """
    named = {name: fields[name] for name in WHICH if fields[name] is not None}
    if len(named) != 1:
        raise Problem(
            "invalid", errors=[{"field": "asset", "detail": "name exactly one of asset, code, lock"}]
        )
    holder = tokens.check_holder(fields["holder_key"])
    mode = fields["mode"] or "single"
    most = claims.CLIENT_CLAIMS if me().program else claims.OPEN_CLAIMS
    now, box, db = cloud().now(), cloud().box, cloud().db
    try:
        with db.reading() as session:
            limits.check(session, "unknown_bike", me().user_id, now)
            claims.check_limit(session, me().user_id, now, most)
            lock_id = assets.lock_of(session, reach(), **named)
        with db.writing() as session:  # SQLite has one writer at a time: only what must be inside is
            made = claims.create(
                session, box, me().user_id, lock_id, holder, mode, now, fields["exp"], fields["hold"]
            )
    except Problem as problem:
        if problem.code == "not_found":
            guessed(now)
        raise
    return _answer(*made)


def guessed(now: int) -> None:
    """One bike that does not exist was asked for: whoever tries many is told to wait (codes are short)."""
    with cloud().db.writing() as session:
        limits.take(session, "unknown_bike", me().user_id, now)


@routes.get("")
@allow(*ROLES, scope="claims:write")
@paged(body.integer(), body.hex_of(8))
@answers()
def mine(page: Page) -> shapes.Claims:
    """My claims, newest first."""
    now = cloud().now()
    with cloud().db.reading() as session:
        found = claims.of_user(session, me().user_id, page.after, page.fetch)
        rows, following = page.cut(found, lambda row: (row.created_at, row.cti))
        on = fitting.bikes_of(session, rows)
    return {"claims": [views.claim(row, on.get(row.cti), now) for row in rows], "next": following}


@routes.get("/<id8:cti>")
@allow(*ROLES, scope="claims:write")
@answers()
def one(cti: str) -> shapes.OwnClaim:
    """One claim of mine, with its token again."""
    with cloud().db.reading() as session:
        claim = claims.get(session, cti, me().user_id)
        lock = locks.get(session, claim.lock_id)
        token = tokens.newest(session, cti)
    return _answer(claim, lock, token)


@routes.delete("/<id8:cti>")
@allow(*ROLES, scope="claims:write")
@answers()
def cancel(cti: str) -> shapes.Claim:
    """Cancel a claim of mine; cancelling twice is cancelling once."""
    with cloud().db.writing() as session:
        claim = claims.cancel(session, cti, me().user_id, cloud().now())
        return views.claim(claim, fitting.bikes_of(session, [claim]).get(cti), cloud().now())


@routes.post("/<id8:cti>/token")
@allow(*ROLES, scope="claims:write")
@takes({"hello": MESSAGE, "challenge": MESSAGE})
@answers(201, problems=("wrong_lock", "claim_closed", "claim_withdrawn", "claim_old", "out_of_service"))
def bind(cti: str, fields: Fields) -> shapes.OwnClaim:
    """The same claim's token, bound to the challenge of a lock that lost its clock."""
    with cloud().db.writing() as session:
        made = claims.bind(session, cloud().box, cti, me().user_id, now=cloud().now(), **fields)
    return _answer(*made)


@routes.post("/<id8:cti>/successor")
@allow(*ROLES, scope="claims:write")
@takes({"holder_key": HOLDER}, {"hello": MESSAGE, "challenge": MESSAGE})
@answers(
    201,
    problems=(
        "ride_over",
        "claim_closed",
        "claim_withdrawn",
        "wrong_lock",
        "bad_holder_key",
        "out_of_service",
    ),
)
def succeed(cti: str, fields: Fields) -> shapes.OwnClaim:
    """A token for another phone of mine, which takes over the running ride.

    With `hello` and `challenge` it is bound to a lock that lost its clock.
    """
    body.together(fields, "hello", "challenge")
    holder = tokens.check_holder(fields.pop("holder_key"))
    with cloud().db.writing() as session:
        made = claims.succeed(session, cloud().box, cti, me().user_id, holder, cloud().now(), **fields)
    return _answer(*made)


def _answer(claim: Claim, lock: Lock, token: bytes | None) -> shapes.OwnClaim:
    with cloud().db.reading() as session:
        signers = issuers.public_keys(session, keys.COUNTERSIGN)
        bike = fitting.bikes_of(session, [claim]).get(claim.cti)
    k_lock = locks.key(cloud().box, lock)
    return views.claim_for_owner(claim, bike, lock, k_lock, token, signers, cloud().now())
