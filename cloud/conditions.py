"""What a request's headers may ask of any call: only if it changed (ETag), only if it did not (If-Match), only once."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from flask import Response, g, jsonify, request
from sqlalchemy.orm import Session

from cloud import idempotency
from cloud.auth import caller, cloud
from cloud.idempotency import Answer
from cloud.problem import Problem
from cloud.problem import response as refusal

KEY = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
_BLOCK = 1 << 16


def etag(data: bytes) -> str:
    """Of what an answer says, byte for byte; whoever may see less has another."""
    return hashlib.sha256(data).hexdigest()[:32]


def if_changed(answer: Response) -> Response:
    """304 without a body to who has this already (RFC 9110 §13.1.2)."""
    if answer.status_code != 200 or answer.is_streamed or answer.mimetype == "text/event-stream":
        return answer
    tag = etag(answer.get_data())
    if request.if_none_match.contains_weak(tag):
        answer = Response(status=304)
    answer.set_etag(tag)
    return answer


def unchanged(session: Session, row: Any, shown: Callable[[], Mapping[str, Any]]) -> None:
    """Before a thing changes: `row` is held to the end of this writing session, so that of two who read one state one
    is refused; `shown`: what a GET of it says. Raises Problem changed if If-Match names another: RFC 9110 §13.1.1."""
    if "If-Match" not in request.headers:
        return
    session.refresh(row, with_for_update=True)
    if not request.if_match.contains(etag(jsonify(shown()).get_data())):
        raise Problem("changed")


def once(act: Callable[[], Response]) -> Response:
    """As often as it is sent under one Idempotency-Key. Raises Problem bad_key, key_reused, key_busy, key_cut."""
    if KEY not in request.headers:
        return act()
    this = idempotency.call(cloud().settings.secret, request.headers[KEY], _whose(), _told())
    answer, before = idempotency.once(cloud(), this, lambda: _packed(act))
    if before:
        g.replayed = True
    response = Response(answer.body, answer.status, headers=answer.headers)
    if before:
        response.headers[REPLAYED] = "true"
    return response


def _whose() -> str:
    """Whose key it is: a person's, a program's with just these scopes, or whoever's calls from this address."""
    person = caller()
    if person is None:
        return f"{request.remote_addr} {request.headers.get('Authorization')}"
    return f"user {person.user_id} {sorted(person.scopes or ())}"


def _packed(act: Callable[[], Response]) -> Answer:
    try:
        response = act()
    except Problem as problem:
        response = refusal(problem)
    return Answer(response.status_code, list(response.headers.items()), response.get_data())


def _told() -> Iterator[bytes]:
    """All that tells this request from another: what is asked, of what, with which body or files."""
    yield request.method.encode()
    yield request.full_path.encode()
    yield request.mimetype.encode()
    yield request.get_data()
    for field in request.form.items(multi=True):  # empty above, once a form was parsed
        yield json.dumps(field).encode()
    for name, file in request.files.items(multi=True):
        yield name.encode()
        yield str(file.filename).encode()
        while block := file.stream.read(_BLOCK):
            yield block
        file.stream.seek(0)
