"""Every refusal of the API: one table of codes, and problem+json (RFC 9457) for whatever goes wrong.

`code` is stable and meant for programs, `detail` is one sentence for the person. No stack trace ever leaves.
"""

import logging
from typing import Any

from flask import Flask, Response, jsonify
from werkzeug.exceptions import HTTPException
from werkzeug.http import HTTP_STATUS_CODES

from cloud import db, wrapping

log = logging.getLogger(__name__)

TABLE: dict[str, tuple[int, str]] = {
    # what HTTP itself refuses
    "bad_request": (400, "The request is malformed."),
    "not_found": (404, "There is nothing here."),
    "method_not_allowed": (405, "This address does not take that method."),
    "changed": (412, "It has changed meanwhile; look at it again."),
    "too_large": (413, "The body is too large; 64 KiB is the most."),
    "not_json": (415, "Send application/json."),
    "not_multipart": (
        415,
        "Send multipart/form-data with one part `manifest` and a part `file` for each file.",
    ),
    "unexpected": (500, "Something went wrong on our side; it has been logged."),
    "unavailable": (503, "The database cannot be reached just now; try again in a moment."),
    "too_fast": (429, "Too many requests; slow down."),
    # sent again
    "bad_key": (400, "An Idempotency-Key is 8 to 64 visible characters, best a UUID."),
    "key_reused": (422, "This Idempotency-Key was used for another call; every call needs its own."),
    "key_busy": (409, "The first call with this Idempotency-Key still runs; try again in a moment."),
    "key_cut": (
        409,
        "The first call with this Idempotency-Key was cut off; look what it did, and use another.",
    ),
    # bodies
    "bad_json": (400, "The body is not a JSON object."),
    "invalid": (422, "Some fields are missing or wrong."),
    # who is asking
    "sign_in": (401, "Sign in first."),
    "wrong_password": (401, "This login and password do not match."),
    "forbidden": (403, "Your role does not allow this."),
    "persons_only": (403, "This is for people who are signed in; no key and no client may do it."),
    "scope": (403, "This key or client was not given the scope for this."),
    "csrf": (403, "This form is out of date or came from another site; load the page again."),
    "too_many": (429, "Too many tries; wait a while."),
    "login_taken": (409, "This login is taken; choose another."),
    "second_factor": (401, "The password is right; give the second factor too."),
    "wrong_code": (401, "This code is wrong, was used already or is out of date."),
    "second_factor_needed": (403, "Staff sign in with a second factor; set one up first."),
    "factor_exists": (409, "There is one already; remove it first."),
    "last_factor": (409, "Staff need a second factor; add another one first."),
    "passkey_refused": (401, "This passkey does not fit, or its time was over; try again."),
    "passkey_limit": (409, "You have as many passkeys as one may; remove one first."),
    "sso_refused": (403, "Your company's sign-in did not vouch for you, or took too long; try again."),
    "prove_again": (403, "This needs a fresh proof that it is you; give your password or passkey again."),
    "link_over": (410, "This link was used already or is too old; ask for another."),
    "last_admin": (409, "This is the last admin; make somebody else one first."),
    # disputes
    "ticket_limit": (409, "You have as many open messages as one may; wait for an answer to one."),
    "ticket_closed": (409, "This was decided; open another if there is something new."),
    "own_ticket": (403, "This is your own; somebody else decides about it."),
    # operators
    "name_operator": (422, "There are several operators; name one in `operator`."),
    "own_role": (409, "Nobody changes their own role; ask another admin."),
    "group_taken": (409, "This group exists already, or belongs to another operator."),
    "scope_of_platform": (422, "This scope is for the platform's own clients."),
    "client_revoked": (409, "This client was revoked; make another."),
    # locks, bikes, keys
    "lock_exists": (409, "A lock with this id, or the same first four bytes, is registered already."),
    "asset_exists": (409, "This code is on another bike, or the lock is."),
    "no_issuer_key": (503, "There is no current issuer key; make one with `ringslot keys`."),
    "key_removed": (409, "This key was removed; a removed key does not come back."),
    "no_keyset": (503, "There is no signed keyset yet; see `ringslot keys keyset --help`."),
    "no_roots": (
        409,
        "The first keyset needs the root set that locks shall trust: give the file `roots` with it.",
    ),
    "keyset_refused": (422, "No lock would take this keyset."),
    "keyset_useless": (422, "Locks would take this keyset, and this fleet could not work with it."),
    "no_lock_on_bike": (409, "This bike has no lock yet."),
    "out_of_service": (409, "This bike is out of service; take another."),
    "floor_ahead": (422, "The floor is above every epoch issued so far; the next claims would be dead."),
    # releases
    "release_refused": (422, "No lock would take this release."),
    "release_taken": (
        409,
        "This board has another release of that number; a release never changes: give yours a new one.",
    ),
    "no_release": (404, "There is no such release; upload it first."),
    "none_offered": (404, "No release is offered to this lock just now."),
    "rollout_open": (409, "Another rollout is open on this board; end it first."),
    "rollout_over": (409, "This rollout is done; start another."),
    "percent_back": (
        422,
        "A percentage only grows; to keep the release from further locks, halt the rollout.",
    ),
    # claims and tokens
    "already_claimed": (409, "This bike is claimed by someone."),
    "claim_limit": (409, "You hold as many open claims as one may; cancel one first."),
    "pool_needs_period": (409, "This bike belongs to a pool and takes period claims only."),
    "bad_window": (422, "The end of the claim must lie ahead, and not too far."),
    "bad_holder_key": (422, "This is not a usable Ed25519 public key."),
    "claim_closed": (409, "This claim is over; claim again."),
    "claim_withdrawn": (409, "The key that signed this claim was withdrawn for safety; claim again."),
    "claim_old": (409, "A newer claim has reached this lock; claim again."),
    "ride_over": (409, "This ride has ended; there is nothing to take over."),
    "wrong_lock": (422, "This challenge is not from that lock."),
    # what a fleet runs by
    "zone_limit": (409, "There are as many zones as there may be; remove one first."),
    "job_exists": (409, "A job is open about this already."),
    "job_over": (409, "This job is done; open another."),
    "hook_limit": (409, "There are as many webhooks as there may be; remove one first."),
    # receipts
    "unknown_batch": (422, "No lock of ours sealed this."),
}

_OF_HTTP = {
    400: "bad_request",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "not_json",
}


class Problem(Exception):
    """Raise Problem("code", extra=...): a refusal that the caller is told about. `extra` must hold no secret."""

    def __init__(self, code: str, *, headers: dict[str, str] | None = None, **extra: Any):
        super().__init__(code)
        self.code = code
        self.status, self.detail = TABLE[code]
        self.headers = headers or {}
        self.extra = extra


class NotOffered(Exception):
    """A lock asked for something that is not there, or not for it."""


def response(problem: Problem) -> Response:
    """RFC 9457 §4.2.1: with type about:blank the title is the status phrase; `code` and the rest are extensions."""
    body = {
        "type": "about:blank",
        "title": HTTP_STATUS_CODES.get(problem.status, "Error"),
        "status": problem.status,
        "detail": problem.detail,
        "code": problem.code,
        **problem.extra,
    }
    answer = jsonify(body)
    answer.status_code = problem.status
    answer.mimetype = "application/problem+json"
    answer.headers.update(problem.headers)
    return answer


def install(app: Flask) -> None:
    app.register_error_handler(Problem, response)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _unexpected)


def _http(error: HTTPException) -> Response:
    status = error.code or 500
    if error.response is not None and status < 400:  # a redirect of the router
        return error.response  # type: ignore[return-value]
    problem = Problem(_OF_HTTP.get(status, "bad_request" if status < 500 else "unexpected"))
    problem.status = status
    if status == 405:
        problem.headers = {"Allow": ", ".join(sorted(getattr(error, "valid_methods", None) or ()))}
    return response(problem)


def _unexpected(error: Exception) -> Response:
    if db.is_unavailable(error):
        log.error("database unavailable: %s", type(error).__name__)
        return response(Problem("unavailable", headers={"Retry-After": "2"}))
    if isinstance(error, wrapping.WrongSecret):
        log.error("%s", error)
        return response(Problem("unexpected"))
    log.error("unexpected error", exc_info=error)
    return response(Problem("unexpected"))
