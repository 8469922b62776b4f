"""Structured logs: one line of JSON for whatever happened, the same in the web app, the gateway and the worker.

    {"at": "2027-01-15T08:00:00.123Z", "level": "info", "part": "web", "logger": "cloud.logs", "message": "request",
     "request_id": "5f0c…", "method": "POST", "route": "/api/v1/claims", "status": 409, "code": "already_claimed",
     "ms": 12}

What a line may hold is said here, once: words of our own, and the fields of FIELDS. Not what came from outside: no path
(its pattern), no query, header or body; of an exception its type and where it was raised, not its text, which may quote
what it refused; of another library's warnings the beginning. INFO: it went as it should. WARNING: somebody sent what
does not hold. ERROR: a person should look.
"""

import json
import logging
import re
import secrets
import sys
import threading
import time
import traceback
import warnings
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from flask import Flask, Response, g, request
from gunicorn import glogging  # type: ignore[import-untyped]

log = logging.getLogger(__name__)

FIELDS = ("request_id", "method", "route", "status", "code", "ms", "lock", "job", "error")
OURS = ("cloud", "tools", "__main__")
QUIET = {"coap": logging.ERROR, "alembic": logging.WARNING}  # they say at INFO what went as it should
HEADER = "X-Request-Id"
ROOT = Path(__file__).parent.parent

_GIVEN = re.compile(r"[A-Za-z0-9_.-]{8,64}")
_request: ContextVar[str | None] = ContextVar("request_id", default=None)


def setup(part: str, stream: TextIO | None = None) -> None:
    """Everything that this process logs, and what it dies of, as such lines on `stream`, else standard error."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(Line(part))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    for name, level in QUIET.items():
        logging.getLogger(name).setLevel(level)
    warnings.showwarning = lambda message, category, *_: log.warning("%s", category.__name__)
    sys.excepthook = lambda kind, error, _: log.critical("ended", exc_info=error)
    threading.excepthook = lambda args: log.critical("a thread ended", exc_info=args.exc_value)


class Line(logging.Formatter):
    """A record as one line of JSON."""

    def __init__(self, part: str):
        super().__init__()
        self._part = part

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, Any] = {
            "at": at.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "part": self._part,
            "logger": record.name,
            "message": _message(record),
            "request_id": _request.get(),
        }
        line |= {name: getattr(record, name) for name in FIELDS if hasattr(record, name)}
        if record.exc_info and record.exc_info[1]:
            line["error"] = shape(record.exc_info[1])
        return json.dumps({name: value for name, value in line.items() if value is not None})


def _message(record: logging.LogRecord) -> str:
    if record.name.split(".")[0] in OURS or record.levelno < logging.WARNING:
        return record.getMessage()
    numbers = isinstance(record.args, tuple) and all(isinstance(arg, int | float) for arg in record.args)
    text = record.getMessage() if record.args and numbers else str(record.msg)
    return text if record.args else re.split(r"[:=\n]", text)[0][:80]


def shape(error: BaseException) -> list[dict[str, Any]]:
    """What an exception is without what it says: types and places, the first cause last."""
    chain: list[dict[str, Any]] = []
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        frames = traceback.extract_tb(link.__traceback__)
        places = [f"{_short(frame.filename)}:{frame.lineno} {frame.name}" for frame in frames]
        one: dict[str, Any] = {"type": f"{type(link).__module__}.{type(link).__qualname__}", "at": places}
        for name in ("errno", "sqlstate"):
            if isinstance(code := getattr(link, name, None), int | str):
                one[name] = code
        chain.append(one)
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    return chain


def _short(path: str) -> str:
    """Of ours from the checkout on, of others from their package on."""
    _, inside, rest = path.rpartition("site-packages/")
    return rest if inside else path.removeprefix(f"{ROOT}/")


class Gunicorn(glogging.Logger):
    """gunicorn's own lines, in the same form."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        for handler in self.error_log.handlers:
            handler.setFormatter(Line("web"))


# ---- the web app: a line a request


def install(app: Flask) -> None:
    """Call before all other hooks: begins first, ends last."""
    app.before_request(_begin)
    app.after_request(_end)


def _begin() -> None:
    given = request.headers.get(HEADER, "")
    g.request_id = given if _GIVEN.fullmatch(given) else secrets.token_hex(8)
    g.began = time.perf_counter()
    _request.set(g.request_id)


def _end(answer: Response) -> Response:
    answer.headers[HEADER] = g.request_id
    log.info(
        "request",
        extra={
            "method": method(),
            "route": route(),
            "status": answer.status_code,
            "code": problem_code(answer),
            "ms": round((time.perf_counter() - g.began) * 1000),
        },
    )
    return answer


def method() -> str:
    return request.method if request.method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE") else "other"


def route() -> str:
    """The pattern, never the path: that names claims and locks, or is anything at all."""
    return request.url_rule.rule if request.url_rule else "none"


def problem_code(answer: Response) -> str | None:
    if answer.mimetype != "application/problem+json":
        return None
    body = answer.get_json(silent=True)
    return body.get("code") if isinstance(body, dict) else None
