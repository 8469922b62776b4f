"""The cloud's API as a phone or tool calls it: JSON over HTTP, one method a thing one does.

Blocking, with a time limit on everything; knows nothing of locks or disks. What the cloud refuses is CloudError with
its code and sentence (problem+json, RFC 9457); a cloud that does not answer is CloudAway.

Whatever changes something goes out under an Idempotency-Key, so when the answer is lost on the way the same call goes
out once more and acts once: a claim is never made twice, and whose answer was lost has it.
"""

import base64
import http.client
import ipaddress
import json
import socket
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from tools.errors import ToolError

_TIMEOUT_S = 10
_TRIES = 3  # of one call, when no answer came or it was too early
_WAIT_S = 1  # between two, unless the cloud names another time; at most _WAIT_MOST_S
_WAIT_MOST_S = 5
_AGAIN = (409, 502, 503, 504)  # statuses of a call that still runs, and of a part that is away
_BODY_MAX = 4 << 20  # bytes of an answer that we are ready to read


class CloudError(ToolError):
    """The cloud said no. `code` is for programs, the text for people."""

    def __init__(self, status: int, code: str, detail: str, item: dict | None = None) -> None:
        wrong = "; ".join(f"{e.get('field')} {e.get('detail')}" for e in (item or {}).get("errors", []))
        super().__init__(f"{detail} ({wrong})" if wrong else detail)
        self.status, self.code, self.item = status, code, item or {}
        self.after_s: float = _WAIT_S  # before it is worth trying again

    @property
    def again(self) -> bool:
        """Whether the same call may be answered otherwise in a moment."""
        return self.status in _AGAIN and (self.status != 409 or self.code == "key_busy")


class CloudAway(CloudError):
    """No answer: offline, the cloud is down, or the answer was lost on the way."""

    def __init__(self, url: str, why: Exception) -> None:
        reason = getattr(why, "reason", why)
        said = f"The cloud at {url} does not answer ({reason}). Is it up, and are you online?"
        super().__init__(0, "away", said)
        self._refused = isinstance(reason, ConnectionRefusedError | socket.gaierror)

    @property
    def again(self) -> bool:
        """Not where nobody listens: whoever waits in front of it is told at once."""
        return not self._refused


def b64(data: bytes) -> str:
    """base64url without padding, as the API writes bytes (RFC 4648 §5)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class CloudClient:
    """`url`: where the cloud is, such as http://127.0.0.1:8000; `token`: of a session, once signed in; `wait`: sleeps
    for so many seconds."""

    def __init__(
        self, url: str, token: str | None = None, wait: Callable[[float], None] = time.sleep
    ) -> None:
        self.url, self.token, self._wait = url.rstrip("/"), token, wait
        # A proxy of the environment has no business with a cloud on this machine.
        proxies = urllib.request.ProxyHandler({}) if _is_loopback(url) else urllib.request.ProxyHandler()
        self._opener = urllib.request.build_opener(proxies, _NoRedirect)

    def get(self, path: str, **query: Any) -> Any:
        return self._call("GET", f"{path}?{urlencode(query)}" if query else path, None)

    def post(self, path: str, body: dict | None = None) -> Any:
        return self._call("POST", path, body or {})

    def patch(self, path: str, body: dict) -> Any:
        return self._call("PATCH", path, body)

    def delete(self, path: str) -> Any:
        return self._call("DELETE", path, None)

    def _call(self, method: str, path: str, body: dict | None) -> Any:
        headers = {"Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        if method != "GET":
            headers["Idempotency-Key"] = str(uuid.uuid4())
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        for left in reversed(range(_TRIES)):
            try:
                return self._once(request)
            except CloudError as error:
                if not left or not error.again:
                    raise
                self._wait(error.after_s)
        raise AssertionError  # the last try returns or raises

    def _once(self, request: urllib.request.Request) -> Any:
        try:
            with self._opener.open(request, timeout=_TIMEOUT_S) as answer:
                return _json(answer.read(_BODY_MAX))
        except urllib.error.HTTPError as error:
            with error:
                problem = _problem(error.code, error.read(_BODY_MAX))
                problem.after_s = _seconds(error.headers.get("Retry-After"))
            raise problem from None
        except (urllib.error.URLError, http.client.HTTPException, OSError, ValueError) as error:
            raise CloudAway(self.url, error) from None


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """The API never redirects; what does is a sign-in page, or not our cloud."""

    def redirect_request(self, *_: Any) -> None:
        return None


def part(text: str) -> str:
    """One segment of a path."""
    return quote(text, safe="")


def _json(data: bytes) -> Any:
    return json.loads(data) if data else None


def _problem(status: int, data: bytes) -> CloudError:
    try:
        item = json.loads(data)
        return CloudError(status, str(item["code"]), str(item["detail"]), item)
    except (ValueError, KeyError, TypeError):
        return CloudError(
            status, "unexpected", f"The cloud answered {status} without a reason; is this URL the cloud's?"
        )


def _seconds(header: str | None) -> float:
    """Of a Retry-After that counts seconds (RFC 9110 §10.2.3), as far as somebody waits for it."""
    return min(int(header), _WAIT_MOST_S) if header and header.isascii() and header.isdigit() else _WAIT_S


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
