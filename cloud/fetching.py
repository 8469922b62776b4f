"""A requests session for addresses that an operator's admin chose: never into our own network, bounded, no redirects.

As outgoing.py for webhooks: the name is resolved once, all of it must be public, and the connection goes there, with
the certificate checked against the name. Authlib speaks OAuth through it.
"""

import json
from typing import Any

from requests import PreparedRequest, Response, Session
from requests.adapters import HTTPAdapter
from requests.exceptions import RequestException

from cloud import outgoing

TIMEOUT_S = (5, 10)  # to connect, between two bytes
MOST = 256 * 1024  # bytes of an answer

Failed = (RequestException, outgoing.Refused, ValueError)


class Pinned(HTTPAdapter):
    def __init__(self, private: bool):
        self._private = private
        super().__init__(max_retries=0)

    def send(self, request: PreparedRequest, **more: Any) -> Response:  # type: ignore[override]
        """Raises what is in Failed."""
        url = str(request.url)
        parts = outgoing.check(url, self._private)
        host, secure = parts.hostname or "", parts.scheme == "https"
        port = parts.port or (443 if secure else 80)
        _family, (address, _port) = outgoing.where(host, port, self._private)
        if secure:
            self.poolmanager.connection_pool_kw.update(server_hostname=host, assert_hostname=host)
        literal = f"[{address}]" if ":" in address else address
        request.headers["Host"] = parts.netloc
        request.url = parts._replace(netloc=f"{literal}:{port}").geturl()
        answer = super().send(request, **{**more, "stream": True, "timeout": TIMEOUT_S, "proxies": {}})
        body = answer.raw.read(MOST + 1, decode_content=True)
        answer.close()
        if len(body) > MOST or 300 <= answer.status_code < 400:
            raise ValueError("too long, or a redirect")
        answer._content, answer._content_consumed = body, True
        answer.url = url
        return answer


def prepare(session: Session, private: bool) -> None:
    session.trust_env = False  # no proxy, no .netrc
    session.mount("https://", Pinned(private))
    session.mount("http://", Pinned(private))


def get_json(session: Session, url: str) -> dict[str, Any]:
    """Raises what is in Failed."""
    answer = session.get(
        url, headers={"Accept": "application/json"}, allow_redirects=False, withhold_token=True
    )  # type: ignore[call-arg]
    if answer.status_code != 200:
        raise ValueError(f"answered {answer.status_code}")
    found = json.loads(answer.content)
    if type(found) is not dict:
        raise ValueError("no JSON object")
    return found
