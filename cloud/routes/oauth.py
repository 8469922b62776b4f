"""OAuth for programs: a token for credentials, its revocation, and where all that is."""

from flask import Blueprint, Response, current_app, jsonify, request

from cloud import limits, oauth, shapes_tenancy
from cloud.auth import cloud, public
from cloud.describe import answers, speaks, takes_form

routes = Blueprint("oauth", __name__)

CREDENTIALS = ("client_id", "client_secret")
REFUSALS = {400: shapes_tenancy.OAuthError, 401: shapes_tenancy.OAuthError}


@routes.post("/api/v1/oauth/token")
@public
@takes_form("grant_type", "scope", *CREDENTIALS)
@answers(problems=("too_many",))
@speaks(shapes_tenancy.AccessToken, REFUSALS)
def token() -> Response:
    """An access token for a client's credentials (RFC 6749, 4.4), for a quarter of an hour.

    The client authenticates by HTTP Basic or by `client_id` and `client_secret`. `scope`: of those it has, all unless
    named. Errors are RFC 6749's, 5.2.
    """
    return _tried(oauth.token)


@routes.post("/api/v1/oauth/revoke")
@public
@takes_form("token", "token_type_hint", *CREDENTIALS)
@answers(problems=("too_many",))
@speaks(shapes_tenancy.Revoked, REFUSALS)
def revoke() -> Response:
    """Void an access token of one's own at once (RFC 7009)."""
    return _tried(oauth.revocation)


@routes.get("/.well-known/oauth-authorization-server")
@public
def metadata() -> Response:
    """Where tokens are had (RFC 8414)."""
    return jsonify(oauth.metadata(request.host_url.rstrip("/")))


def _tried(answer: oauth.Handler) -> Response:
    """Count the try before the secret is looked at, and give back a good one."""
    subject, now = f"{oauth.who_tries()}\0{request.remote_addr or ''}", cloud().now()
    with cloud().db.writing() as session:
        limits.take(session, "client_secret", subject, now)
    made = answer(current_app.extensions["ringslot_oauth"])
    if made.status_code == 200:
        with cloud().db.writing() as session:
            limits.give_back(session, "client_secret", subject)
    return made
