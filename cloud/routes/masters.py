"""Master tokens, for technicians."""

import logging

from flask import Blueprint

from cloud import advertising, body, issuers, locks, masters, shapes, tokens, views
from cloud.auth import STAFF, allow, cloud, me, reach
from cloud.describe import Fields, answers, takes
from cloud.problem import Problem
from cloud.routes.claims import HOLDER, MESSAGE
from protocol import keys

log = logging.getLogger(__name__)
routes = Blueprint("masters", __name__, url_prefix="/api/v1")

PROBLEMS = ("bad_holder_key", "bad_window", "wrong_lock", "no_issuer_key", "not_found", "forbidden")


@routes.post("/master-tokens")
@allow(*STAFF)
@takes(
    {"holder_key": HOLDER},
    {
        "locks": body.list_of(body.hex_of(8), 1, 8),
        "group": body.hex_of(4),
        "hello": MESSAGE,
        "challenge": MESSAGE,
        "exp": body.integer(),
        "rights": body.list_of(body.word(*masters.RIGHTS), 1, len(masters.RIGHTS)),
    },
)
@answers(201, problems=PROBLEMS)
def create(fields: Fields) -> shapes.MasterToken:
    """A master token, for `locks` or for a `group`.

    For a group it is bound to the `hello` and `challenge` of one of its locks. `exp` is at most 8 h ahead. Only an
    admin may ask for the right to decommission.
    """
    _shape(fields)
    if "decommission" in (fields["rights"] or ()) and me().role != "admin":
        raise Problem("forbidden")
    holder = tokens.check_holder(fields["holder_key"])
    box, now = cloud().box, cloud().now()
    with cloud().db.writing() as session:
        master = masters.create(
            session,
            box,
            reach(),
            holder,
            now,
            fields["exp"],
            fields["locks"],
            fields["group"],
            fields["hello"],
            fields["challenge"],
            fields["rights"],
        )
        signers = issuers.public_keys(session, keys.COUNTERSIGN)
        named: list[shapes.MasterLock] = [
            {
                "lock_id": lock.lock_id,
                "advertising": advertising.for_claim(
                    locks.key(box, lock), lock.seen_floor, lock.next_epoch, single=False
                ),
            }
            for lock in master.locks
        ]
    what = fields["group"] or ",".join(lock.lock_id for lock in master.locks)
    log.info("master token %s for %s, exp %d", master.cti.hex(), what, master.exp)
    return {
        "cti": master.cti.hex(),
        "token": body.b64(master.token),
        "exp": master.exp,
        "locks": named,
        "group": fields["group"],
        "countersigners": views.countersigners(signers),
    }


def _shape(fields: dict) -> None:
    body.together(fields, "hello", "challenge")
    wrong = None
    if (fields["locks"] is None) == (fields["group"] is None):
        wrong = {"field": "locks", "detail": "name either locks or a group"}
    elif fields["group"] is not None and fields["challenge"] is None:
        wrong = {"field": "challenge", "detail": "a group needs the hello and challenge of one of its locks"}
    if wrong:
        raise Problem("invalid", errors=[wrong])
