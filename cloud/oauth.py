"""OAuth 2.0 for programs: client credentials (RFC 6749 section 4.4) and revocation (RFC 7009), by Authlib.

Access tokens are opaque and looked up at each call, so a revoked one is dead at once. Authlib reads and answers the
requests; clients.py decides. Its errors are the RFC's JSON (section 5.2), not problem+json.
"""

import logging
from collections.abc import Callable
from typing import Any

from authlib.common.errors import AuthlibBaseError
from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import ClientMixin, InvalidRequestError, InvalidScopeError
from authlib.oauth2.rfc6749.grants import ClientCredentialsGrant
from authlib.oauth2.rfc6750 import BearerTokenGenerator
from authlib.oauth2.rfc7009 import RevocationEndpoint
from flask import Flask, Response, request

from cloud import auth, clients, scopes, shapes_tenancy
from cloud.tables import AccessToken, Client

METHODS = ["client_secret_basic", "client_secret_post"]  # RFC 6749 section 2.3.1
GRANT = "client_credentials"
ONCE = ("grant_type", "scope", "client_id", "client_secret", "token", "token_type_hint")

logging.getLogger("authlib").setLevel(logging.INFO)  # at DEBUG it writes tokens down


class Known(ClientMixin):
    """A client as Authlib asks for it."""

    def __init__(self, row: Client):
        self.row = row

    def get_client_id(self) -> str:
        return self.row.client_id

    def get_allowed_scope(self, scope: str | None) -> str:
        """All that it has, or the part that it asks for; more than it has is refused, and not cut (section 3.3)."""
        has, wanted = scopes.read(self.row.scopes), scopes.read(scope or "")
        if not wanted <= has:
            raise InvalidScopeError()
        return scopes.write(wanted or has)

    def check_client_secret(self, client_secret: str) -> bool:
        return clients.proves(self.row, client_secret)

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method in METHODS

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == GRANT


class Held:
    """An access token as Authlib asks for it."""

    def __init__(self, row: AccessToken):
        self.row = row

    def check_client(self, client: Known) -> bool:
        return self.row.client_id == client.row.client_id


class Grant(ClientCredentialsGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = METHODS


class Revocation(RevocationEndpoint):
    CLIENT_AUTH_METHODS = METHODS

    def query_token(self, token_string: str, token_type_hint: str | None) -> Held | None:
        with auth.cloud().db.reading() as session:
            row = clients.token_of(session, token_string)
        return Held(row) if row else None

    def revoke_token(self, token: Held, request: Any) -> None:
        with auth.cloud().db.writing() as session:
            clients.forget(session, token.row)


class Server(AuthorizationServer):
    def query_client(self, client_id: str) -> Known | None:
        with auth.cloud().db.reading() as session:
            row = clients.known(session, client_id)
        return Known(row) if row else None

    def save_token(self, token: dict[str, Any], request: Any) -> None:
        cloud = auth.cloud()
        with cloud.db.writing() as session:
            clients.keep_token(
                session, request.client.row.client_id, token["access_token"], token["scope"], cloud.now()
            )
            clients.saw(session, request.client.row, cloud.now())


Handler = Callable[[Server], Response]


def install(app: Flask) -> None:
    server = Server(app)
    server.register_token_generator(
        "default", BearerTokenGenerator(lambda **_: clients.new_token(), None, clients.LASTS_S)
    )
    server.register_grant(Grant)
    server.register_endpoint(Revocation)
    app.extensions["ringslot_oauth"] = server


def token(server: Server) -> Response:
    """Answer a request for a token."""
    return _answer(server, server.create_token_response)


def revocation(server: Server) -> Response:
    return _answer(server, lambda: server.create_endpoint_response(Revocation.ENDPOINT_NAME))


def _answer(server: Server, make: Any) -> Response:
    try:
        for name in ONCE:  # section 3.2
            if len(request.form.getlist(name)) > 1:
                raise InvalidRequestError(f"{name} is there more than once.")
        answer = make()
    except OAuth2Error as error:
        answer = server.handle_error_response(None, error)
    except AuthlibBaseError:
        answer = server.handle_error_response(None, InvalidRequestError())
    return answer


def who_tries() -> str:
    """The client id that the request names, whether it is one or not; for counting wrong secrets."""
    basic = request.authorization
    named = basic.username if basic is not None and basic.type == "basic" else request.form.get("client_id")
    return (named or "")[:64]


def metadata(issuer: str) -> shapes_tenancy.ServerMetadata:
    """RFC 8414 section 2; what belongs to an authorization endpoint, or would be empty, is left out (3.2).
    `issuer`: this server's address, without a slash at the end."""
    api = issuer + "/api/v1/oauth"
    return {
        "issuer": issuer,
        "token_endpoint": api + "/token",
        "revocation_endpoint": api + "/revoke",
        "scopes_supported": list(scopes.SCOPES),
        "grant_types_supported": [GRANT],
        "token_endpoint_auth_methods_supported": METHODS,
        "revocation_endpoint_auth_methods_supported": METHODS,
        "service_documentation": issuer + "/api",
    }
