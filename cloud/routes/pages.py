"""Signing in and out of the console."""

from urllib.parse import urlsplit

from flask import Blueprint, g, redirect, render_template, request
from flask.typing import ResponseReturnValue

from cloud import body, sessions, signin
from cloud.auth import allow, clear_cookie, cloud, public, set_cookie
from cloud.problem import Problem
from cloud.routes.sessions import CODE, agent, login
from cloud.tables import ROLES

routes = Blueprint("pages", __name__)

HOME = "/console"


@routes.get("/")
@public
def home() -> ResponseReturnValue:
    return redirect(HOME, 303)


@routes.get("/sign-in")
@public
def form() -> ResponseReturnValue:
    return render_template("sign_in.html", next=local(request.args.get("next")), wrong=None)


@routes.post("/sign-in")
@public
def sign_in() -> ResponseReturnValue:
    target = local(request.form.get("next"))
    try:
        fields = body.parse(
            {name: request.form.get(name) or None for name in ("login", "password", "code")},
            {"login": login, "password": body.password},
            {"code": CODE},
        )
        made = signin.by_password(
            cloud(),
            request.remote_addr or "",
            fields["login"],
            fields["password"],
            fields["code"],
            sessions.PAGE_LIFETIME,
            agent(),
        )
    except Problem as problem:
        said = Problem("wrong_password") if problem.code == "invalid" else problem
        return render_template("sign_in.html", next=target, wrong=said.detail), said.status, said.headers
    answer = redirect("/account" if made.enrol else target, 303)
    set_cookie(answer, made.token, sessions.PAGE_LIFETIME)
    return answer


@routes.post("/sign-out")
@allow(*ROLES)
def sign_out() -> ResponseReturnValue:
    with cloud().db.writing() as session:
        sessions.end(session, g.token)
    answer = redirect("/sign-in", 303)
    clear_cookie(answer)
    return answer


def local(target: str | None) -> str:
    """A path of ours, or the console: nobody is sent elsewhere after signing in."""
    if not target or not target.isprintable() or not target.startswith("/") or "\\" in target:
        return HOME
    try:
        parts = urlsplit(target)
    except ValueError:
        return HOME
    return HOME if parts.scheme or parts.netloc or target.startswith("//") else target
