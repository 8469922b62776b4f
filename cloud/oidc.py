"""OpenID Connect Core 1.0 as a client: the authorization code flow with PKCE, state and nonce; by Authlib and joserfc.

Talks to the provider, knows no database. Of what a provider says about a person only the subject is used: no name, no
address, no groups.
"""

import secrets
from dataclasses import dataclass, field
from typing import Any

from authlib.common.errors import AuthlibBaseError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from cloud import fetching, outgoing

ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA", "Ed25519"]  # never "none", never a shared secret
LEEWAY_S = 60  # that two clocks may differ
SUBJECT = 255  # characters, Core section 2


class Refused(Exception):
    """The provider did not vouch for anybody. The text is one of a few words and quotes nobody."""


@dataclass(frozen=True)
class Known:
    """A provider, and who we are to it."""

    issuer: str
    client_id: str
    client_secret: str | None = field(repr=False)
    redirect_uri: str
    private: bool  # whether it may be in our own network


@dataclass(frozen=True)
class Visit:
    """Somebody on the way there: what they bring back, and what we keep to check it by."""

    url: str
    state: str = field(repr=False)
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)


def begin(known: Known) -> Visit:
    """Where to send the browser. Raises Refused."""
    session = _session(known)
    found = _discover(session, known)
    nonce, verifier = secrets.token_urlsafe(24), secrets.token_urlsafe(48)  # RFC 7636 §4.1
    url, state = session.create_authorization_url(
        found["authorization_endpoint"], state=secrets.token_urlsafe(24), nonce=nonce, code_verifier=verifier
    )
    return Visit(url, state, nonce, verifier)


def finish(known: Known, code: str, nonce: str, verifier: str, now: int) -> str:
    """-> the subject that the provider vouches for. Raises Refused."""
    session = _session(known)
    found = _discover(session, known)
    try:
        token = session.fetch_token(
            found["token_endpoint"], grant_type="authorization_code", code=code, code_verifier=verifier
        )
        keys = KeySet.import_key_set(fetching.get_json(session, found["jwks_uri"]))  # type: ignore[arg-type]
        said = jwt.decode(token["id_token"], keys, algorithms=ALGORITHMS)
        claims = CodeIDToken(
            said.claims,
            said.header,
            options={
                "iss": {"essential": True, "value": known.issuer},
                "aud": {"essential": True, "value": known.client_id},
            },
            params={"nonce": nonce, "client_id": known.client_id},
        )
        claims.validate(now=now, leeway=LEEWAY_S)
    except fetching.Failed:
        raise Refused("the provider does not answer as it should") from None
    except (AuthlibBaseError, JoseError, KeyError, TypeError):
        raise Refused("the provider's word does not hold") from None
    subject = claims["sub"]
    if type(subject) is not str or not 1 <= len(subject) <= SUBJECT or not subject.isprintable():
        raise Refused("the provider's word does not hold")
    return subject


def _session(known: Known) -> Any:
    session = OAuth2Session(
        known.client_id,
        known.client_secret,
        scope="openid",
        redirect_uri=known.redirect_uri,
        code_challenge_method="S256",
    )
    fetching.prepare(session, known.private)
    return session


def _discover(session: Any, known: Known) -> dict[str, str]:
    """OpenID Connect Discovery 1.0, section 4. Raises Refused."""
    try:
        found = fetching.get_json(session, known.issuer.rstrip("/") + "/.well-known/openid-configuration")
        if found.get("issuer") != known.issuer:  # section 4.3
            raise ValueError("issuer")
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            outgoing.check(found[name], known.private)
        return found
    except (*fetching.Failed, KeyError, AttributeError):
        raise Refused("the provider does not answer as it should") from None
