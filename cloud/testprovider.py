"""For tests: an OpenID provider as a process of its own, made with Authlib's server; it can be told to lie.

`python -m cloud.testprovider` prints {"issuer": …}. Whoever comes with the cookie `user` is that person, and consents.
POST /lie: what its next ID tokens say instead, and {"alg", "key": "other"} how they are signed.
"""

import json
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import AuthorizationCodeMixin, ClientMixin
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oidc.core import OpenIDCode, UserInfo
from flask import Flask, Response, jsonify, redirect, request
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet
from werkzeug.serving import make_server

ROOT = Path(__file__).parent.parent
CLIENT, SECRET = "bikes", "the secret of a client"
BACK = "http://localhost:8000/sso/callback"


class Client(ClientMixin):
    client_id = CLIENT

    def get_client_id(self) -> str:
        return CLIENT

    def get_default_redirect_uri(self) -> str:
        return BACK

    def get_allowed_scope(self, scope: str) -> str:
        return scope

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri == BACK

    def check_client_secret(self, client_secret: str) -> bool:
        return secrets.compare_digest(client_secret, SECRET)

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method == "client_secret_basic"

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == "authorization_code"


class Code(AuthorizationCodeMixin):
    def __init__(self, **fields: Any):
        self.__dict__.update(fields)

    def get_redirect_uri(self) -> str:
        return str(self.redirect_uri)

    def get_scope(self) -> str:
        return str(self.scope)

    def get_nonce(self) -> str | None:
        return self.nonce

    def get_auth_time(self) -> int:
        return int(time.time())

    def get_acr(self) -> str | None:
        return None

    def get_amr(self) -> list[str] | None:
        return None


class User:
    def __init__(self, name: str):
        self.name = name

    def get_user_id(self) -> str:
        return self.name


def make(issuer: str) -> Flask:
    app = Flask("provider")
    key, other = (ECKey.generate_key("P-256", {"kid": "k1", "use": "sig"}) for _ in range(2))
    codes: dict[str, Code] = {}
    lies: dict[str, Any] = {}

    class Grant(AuthorizationCodeGrant):
        TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_basic"]

        def save_authorization_code(self, code: str, asked: Any) -> None:
            said = asked.payload.data
            codes[code] = Code(
                code=code,
                user=asked.user.name,
                redirect_uri=said["redirect_uri"],
                scope=said["scope"],
                nonce=said.get("nonce"),
                code_challenge=said.get("code_challenge"),
                code_challenge_method=said.get("code_challenge_method"),
            )

        def query_authorization_code(self, code: str, client: Any) -> Code | None:
            return codes.get(code)

        def delete_authorization_code(self, authorization_code: Any) -> None:
            codes.pop(authorization_code.code, None)

        def authenticate_user(self, authorization_code: Any) -> User:
            return User(authorization_code.user)

    class OpenId(OpenIDCode):
        def exists_nonce(self, nonce: str, asked: Any) -> bool:
            return False

        def get_jwt_config(self, grant: Any = None, client: Any = None) -> dict[str, Any]:
            return {"key": key, "alg": "ES256", "iss": issuer, "exp": 300}

        def generate_user_info(self, user: User, scope: str) -> UserInfo:
            return UserInfo(sub=user.name, name="A Name", email="a.name@company.example", groups=["staff"])

        def process_token(self, grant: Any, response: Any) -> Any:
            token = super().process_token(grant, response)
            if lies:
                claims = jwt.decode(token["id_token"], key).claims | lies
                claims = {
                    name: value for name, value in claims.items() if value is not None and name != "key"
                }
                signer = other if lies.get("key") == "other" else key
                token["id_token"] = jwt.encode({"alg": "ES256", "kid": "k1"}, claims, signer)
                if lies.get("key") == "none":
                    head, body, _ = token["id_token"].split(".")
                    token["id_token"] = "eyJhbGciOiJub25lIn0." + body + "."  # {"alg":"none"}
            return token

    server = AuthorizationServer(app, query_client=lambda name: Client() if name == CLIENT else None)
    server._save_token = lambda token, asked: None
    server.register_grant(Grant, [OpenId(require_nonce=True), CodeChallenge(required=True)])

    @app.get("/.well-known/openid-configuration")
    def discovery() -> Response:
        return jsonify(
            issuer=issuer,
            authorization_endpoint=f"{issuer}/authorize",
            token_endpoint=f"{issuer}/token",
            jwks_uri=f"{issuer}/jwks",
        )

    @app.get("/jwks")
    def jwks() -> Response:
        return jsonify(KeySet([key]).as_dict(private=False))

    @app.get("/authorize")
    def authorize() -> Any:
        user = User(request.cookies["user"]) if "user" in request.cookies else None
        grant = server.get_consent_grant(end_user=user)
        return server.create_authorization_response(grant_user=user, grant=grant)

    @app.post("/token")
    def token() -> Any:
        return server.create_token_response()

    @app.post("/lie")
    def lie() -> str:
        lies.clear()
        lies.update(request.get_json())
        return ""

    @app.get("/elsewhere/.well-known/openid-configuration")
    def elsewhere() -> Any:
        return redirect(f"{issuer}/.well-known/openid-configuration")

    return app


def main() -> None:
    server = make_server("127.0.0.1", 0, lambda *_: [], threaded=True)
    issuer = f"http://127.0.0.1:{server.server_port}"
    server.app = make(issuer)
    print(json.dumps({"issuer": issuer}), flush=True)
    server.serve_forever()


@contextmanager
def running() -> Iterator[str]:
    """-> its issuer."""
    environ = {"AUTHLIB_INSECURE_TRANSPORT": "1", "PATH": ""}  # loopback
    process = subprocess.Popen(
        [sys.executable, "-m", "cloud.testprovider"],
        cwd=ROOT,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout
        yield json.loads(process.stdout.readline())["issuer"]
    finally:
        process.terminate()
        process.wait(10)


if __name__ == "__main__":
    main()
