"""Companies' own sign-in: which providers there are (for admins), and the way of a browser there and back."""

import logging
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, redirect, request
from flask.typing import ResponseReturnValue

from cloud import body, limits, oidc, operators, outgoing, providers, sessions, shapes_accounts
from cloud.auth import allow, cloud, fresh, public, reach, set_cookie
from cloud.describe import Fields, Page, answers, paged, takes
from cloud.problem import Problem
from cloud.routes.pages import local
from cloud.routes.sessions import agent
from cloud.tables_people import Provider

log = logging.getLogger(__name__)
routes = Blueprint("providers", __name__)

BROWSER = "ringslot_visit"  # a cookie


@body.reads(type="string", maxLength=255)
def issuer(value: Any) -> str:
    if type(value) is not str or len(value) > 255:
        raise ValueError("must be an address of at most 255 characters")
    outgoing.check(value, cloud().settings.hooks_private)
    if urlsplit(value).query:  # OpenID Connect Core section 2, iss
        raise ValueError("must have no ?query")
    return value


@routes.post("/api/v1/providers")
@allow("admin")
@fresh
@takes(
    {"name": body.text(1, 64), "issuer": issuer, "client_id": body.text(1, 255)},
    {
        "client_secret": body.text(1, 255),
        "group": body.hex_of(4),
        "second": body.boolean,
        "operator": body.opaque,
    },
)
@answers(201, problems=("not_found", "name_operator"))
def create(fields: Fields) -> shapes_accounts.Provider:
    """Let a company's people sign in by its own provider (OpenID Connect), as members of `group` if there is one.

    `second`: it asks for a second factor itself. Register `redirect_uri` there.
    """
    with cloud().db.writing() as session:
        owner = operators.for_new(session, reach(), fields["operator"], cloud().now())
        row = providers.create(
            session,
            cloud(),
            reach(),
            owner,
            fields["name"],
            fields["issuer"],
            fields["client_id"],
            fields["client_secret"],
            fields["group"],
            bool(fields["second"]),
        )
        return _shown(row)


@routes.get("/api/v1/providers")
@allow("admin")
@paged(body.opaque)
@answers()
def listed(page: Page) -> shapes_accounts.Providers:
    """Providers of one's operator; never their secrets."""
    (after,) = page.after or ("",)
    with cloud().db.reading() as session:
        found = providers.page(session, reach(), after, page.fetch)
    rows, following = page.cut(found, lambda row: (row.provider_id,))
    return {"providers": [_shown(row) for row in rows], "next": following}


@routes.delete("/api/v1/providers/<id22:provider_id>")
@allow("admin")
@fresh
@answers()
def remove(provider_id: str) -> None:
    """Remove a provider; whoever came by it is signed out."""
    with cloud().db.writing() as session:
        providers.remove(session, reach(), provider_id)


@routes.get("/sso/<id22:provider_id>")
@public
def leave(provider_id: str) -> ResponseReturnValue:
    """To the provider, which sends the browser back to /sso/callback."""
    with cloud().db.writing() as session:
        limits.take(session, "sso", request.remote_addr or "", cloud().now())
        row = providers.find(session, provider_id)
    visit = _refusing(lambda: oidc.begin(providers.known(cloud(), row)))
    with cloud().db.writing() as session:
        browser = providers.leave(session, cloud(), row, visit, local(request.args.get("next")))
    answer = redirect(visit.url, 303)
    answer.set_cookie(
        BROWSER,
        browser,
        max_age=providers.VISIT_S,
        httponly=True,
        samesite="Lax",
        secure=request.is_secure,
        path="/sso",
    )
    return answer


@routes.get("/sso/callback")
@public
def come_back() -> ResponseReturnValue:
    """From the provider, with its code."""
    state, code = request.args.get("state", ""), request.args.get("code", "")
    with cloud().db.writing() as session:
        back = providers.come_back(session, cloud(), state, request.cookies.get(BROWSER, ""))
    said = request.args.get("iss")  # RFC 9207: the answer is of the provider that was asked
    if not code or (said is not None and said != back.provider.issuer):
        raise Problem("sso_refused")
    known = providers.known(cloud(), back.provider)
    subject = _refusing(lambda: oidc.finish(known, code, back.nonce, back.verifier, cloud().now()))
    with cloud().db.writing() as session:
        token, _expires = providers.sign_in(
            session, cloud(), back.provider.provider_id, subject, sessions.PAGE_LIFETIME, agent()
        )
    answer = redirect(back.target, 303)
    answer.delete_cookie(BROWSER, httponly=True, samesite="Lax", secure=request.is_secure, path="/sso")
    set_cookie(answer, token, sessions.PAGE_LIFETIME)
    return answer


def _refusing(ask: Any) -> Any:
    """Raises Problem sso_refused where the provider does not vouch."""
    try:
        return ask()
    except oidc.Refused as refused:
        log.warning("sign-in by a provider refused: %s", refused)
        raise Problem("sso_refused") from None


def _shown(row: Provider) -> shapes_accounts.Provider:
    url = cloud().settings.url
    return {
        "provider_id": row.provider_id,
        "operator_id": row.operator_id,
        "name": row.name,
        "issuer": row.issuer,
        "client_id": row.client_id,
        "group_id": row.group_id,
        "second": bool(row.second),
        "created_at": row.created_at,
        "sign_in": f"{url}/sso/{row.provider_id}",
        "redirect_uri": f"{url}/sso/callback",
    }
