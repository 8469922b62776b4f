"""Who is asking, and may they: bearer tokens, a cookie for the console; roles on every route, scopes for programs.

A route says who may call it with @allow("rider", ..., scope="rides:read") or @public; without a scope no program may.
The factory refuses to start with a route that does not. Inside a view `me()` is the caller, and `reach()` what they
may see: somebody else's object is for the nouns to answer, with 404.
"""

import base64
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from flask import Flask, Response, current_app, g, request
from werkzeug.wrappers import Response as AnyResponse

from cloud import clients, sessions
from cloud.context import Cloud
from cloud.problem import Problem
from cloud.reach import Reach
from cloud.scopes import SCOPES
from cloud.tables import ROLES, WebSession
from cloud.wrapping import derive

COOKIE = "ringslot_session"
CSRF_FIELD = "csrf"
CSRF_HEADER = "X-CSRF-Token"
SAFE = ("GET", "HEAD", "OPTIONS")  # RFC 9110 §9.2.1
STAFF = ("technician", "admin")
CLIENT = "client"  # the role of a program; no user has it

View = TypeVar("View", bound=Callable[..., Any])


@dataclass(frozen=True)
class Person:
    user_id: str
    login: str
    role: str
    operator_id: str | None = None  # whose staff; None: the platform's, or a rider
    scopes: frozenset[str] | None = None  # of a program; None: a person

    @property
    def staff(self) -> bool:
        return self.role in STAFF

    @property
    def program(self) -> bool:
        return self.scopes is not None

    def may(self, scope: str) -> bool:
        """Whether an answer may hold what this scope is for; a person's role is the route's to judge."""
        return self.scopes is None or scope in self.scopes


def allow(*roles: str, scope: str | None = None) -> Callable[[View], View]:
    """Only these roles may call the view, and programs that have the scope."""
    assert roles and set(roles) <= set(ROLES) and (scope is None or scope in SCOPES)

    def mark(view: View) -> View:
        view.allowed, view.scope = frozenset(roles), scope  # type: ignore[attr-defined]
        return view

    return mark


def platform(view: View) -> View:
    """Of those on the view's list only the platform's own staff: what it is about belongs to no operator."""
    view.platform = True  # type: ignore[attr-defined]
    return view


def public(view: View) -> View:
    """Anyone may call the view; `caller()` tells whether somebody is signed in."""
    view.allowed = None  # type: ignore[attr-defined]
    return view


def enrolling(view: View) -> View:
    """Staff may call the view before they have a second factor: what one needs to get there, and nothing else."""
    view.enrolling = True  # type: ignore[attr-defined]
    return view


def fresh(view: View) -> View:
    """Only somebody who has shown who they are a moment ago may call the view (sessions.FRESH_S)."""
    view.fresh = True  # type: ignore[attr-defined]
    return view


def cloud() -> Cloud:
    return cast(Cloud, current_app.extensions["ringslot"])


def view() -> Any:
    """The view that this request goes to; None where there is none."""
    return current_app.view_functions.get(request.endpoint or "")


def me() -> Person:
    return cast(Person, g.person)


def reach() -> Reach:
    """What the caller may see; hand it to the noun, whose queries then find nothing else."""
    person = me()
    works = person.staff or person.program
    return Reach(person.user_id, person.operator_id, works and person.operator_id is None)


def caller() -> Person | None:
    return cast("Person | None", g.get("person"))


def here() -> WebSession:
    """The session that asks."""
    return cast(WebSession, g.signed)


def install(app: Flask) -> None:
    """Call after all routes are there."""
    for endpoint, view in app.view_functions.items():
        if not hasattr(view, "allowed") and endpoint != "static":
            raise RuntimeError(f"route {endpoint} does not say who may call it: use @allow or @public")
        if hasattr(view, "fresh") and getattr(view, "scope", None) is not None:
            raise RuntimeError(f"route {endpoint} wants a fresh proof, which no program can give")
    app.extensions["ringslot_csrf"] = derive(app.extensions["ringslot"].settings.secret, "csrf")
    app.before_request(_guard)
    app.context_processor(lambda: {"csrf": csrf(), "person": caller()})


def _guard() -> AnyResponse | None:
    wanted = view()
    if wanted is None or request.endpoint == "static":
        return None  # the router answers 404 or 405
    allowed: frozenset[str] | None = wanted.allowed
    token, by_cookie = _token()
    if token is not None and clients.is_bearer(token) and not by_cookie:
        g.person = _program(token)
    elif token is not None:
        _find(token, allowed is None, getattr(wanted, "enrolling", False))
    if request.method not in SAFE:
        _same_site()
        if by_cookie and caller() is not None:
            _check_csrf()
    if allowed is None:
        return None
    if caller() is None:
        raise Problem("sign_in", headers={"WWW-Authenticate": "Bearer"})
    if me().program:
        _check_scope(wanted.scope)
    elif me().role not in allowed:
        raise Problem("forbidden")
    if getattr(wanted, "platform", False) and not reach().everything:
        raise Problem("forbidden")
    if getattr(wanted, "fresh", False) and cloud().now() - here().proved_at > sessions.FRESH_S:
        raise Problem("prove_again")
    return None


def _find(token: str, to_all: bool, enrolling: bool) -> None:
    """Who holds this token. Staff without a second factor are nobody but where they get one.
    Raises Problem second_factor_needed."""
    now = cloud().now()
    with cloud().db.reading() as session:
        found = sessions.find(session, token, now)
    if found is None:
        return
    user, signed = found
    half = user.role in STAFF and not signed.second and cloud().settings.staff_second_factor
    if half and not enrolling:
        if not to_all:
            raise Problem("second_factor_needed")
        return
    if sessions.unseen(signed, now):
        with cloud().db.writing() as session:
            sessions.saw(session, signed, now)
    g.person, g.token, g.signed = Person(user.user_id, user.login, user.role, user.operator_id), token, signed


def _check_scope(needed: str | None) -> None:
    if needed is None:
        raise Problem("persons_only")
    if not me().may(needed):
        challenge = f'Bearer error="insufficient_scope", scope="{needed}"'  # RFC 6750 §3.1
        raise Problem("scope", headers={"WWW-Authenticate": challenge}, scope=needed)


def _program(token: str) -> Person | None:
    """The client that holds this key or access token."""
    now = cloud().now()
    with cloud().db.reading() as session:
        found = clients.holder(session, token, now)
    if found is None:
        return None
    row, scopes = found
    if clients.unseen(row, now):
        with cloud().db.writing() as session:
            clients.saw(session, row, now)
    return Person(row.user_id, row.name, CLIENT, row.operator_id, scopes)


def _token() -> tuple[str | None, bool]:
    """(token, whether a cookie brought it). A header wins: a browser never adds one by itself."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":  # RFC 6750 §2.1; schemes ignore case (RFC 9110 §11.1)
        return token.strip(), False
    return request.cookies.get(COOKIE), True


def _same_site() -> None:
    """A browser says where a form came from; nothing of ours comes from elsewhere. Also covers signing in."""
    origin = request.headers.get("Origin")
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        raise Problem("csrf")
    if origin is not None and origin.partition("://")[2] != request.host:
        raise Problem("csrf")


def csrf() -> str:
    """The caller's CSRF token: an HMAC of the session, so there is nothing to store. Empty when nobody is signed in."""
    token = g.get("token")
    if token is None:
        return ""
    digest = hmac.new(
        current_app.extensions["ringslot_csrf"], token.encode(errors="replace"), hashlib.sha256
    ).digest()
    return base64.urlsafe_b64encode(digest[:18]).decode()


def _check_csrf() -> None:
    sent = request.headers.get(CSRF_HEADER) or request.form.get(CSRF_FIELD, "")
    if not hmac.compare_digest(sent.encode(errors="replace"), csrf().encode()):
        raise Problem("csrf")


def set_cookie(answer: Response | AnyResponse, token: str, lifetime: int) -> None:
    answer.set_cookie(
        COOKIE, token, max_age=lifetime, httponly=True, samesite="Lax", secure=request.is_secure, path="/"
    )


def clear_cookie(answer: Response | AnyResponse) -> None:
    answer.delete_cookie(COOKIE, httponly=True, samesite="Lax", secure=request.is_secure, path="/")
