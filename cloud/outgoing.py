"""A POST to an address that somebody else chose: never into our own network, never for longer than a moment.

The name is resolved once, every address that it has must be public, and the connection goes to one of those, so that a
name that changes between the look and the connection reaches nothing. No redirect is followed, no
proxy asked, and of the answer only its status is read. RINGSLOT_HOOKS_PRIVATE=1 allows private addresses and plain
HTTP, for receivers on one's own network.
"""

import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from http.client import HTTPConnection, HTTPException
from typing import Any, cast
from urllib.parse import SplitResult, urlsplit

CONNECT_S = 5.0
WHOLE_S = 10.0  # from the first byte of ours to the last of theirs
AGENT = "Ringslot-Webhooks/1"
_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052 §2.1: an IPv4 address in its last four bytes
_SIX_TO_FOUR = ipaddress.ip_network("2002::/16")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[..., list[Any]]


class Refused(Exception):
    """We do not send there; the text is one of a few words, without the address."""


def check(url: str, private: bool) -> SplitResult:
    """The parts of an address that we might send to. Raises ValueError, one sentence."""
    if not url.isascii() or not url.isprintable() or " " in url or len(url) > 500:
        raise ValueError("must be at most 500 ASCII characters without spaces")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("is no URL") from None
    if parts.scheme not in (("https", "http") if private else ("https",)):
        raise ValueError("must begin with https://")
    if not parts.hostname or parts.username is not None or parts.password is not None or port == 0:
        raise ValueError("must name a host, and no user")
    if parts.fragment:
        raise ValueError("must have no #fragment")
    if not private and _literal(parts.hostname) and not public(ipaddress.ip_address(parts.hostname)):
        raise ValueError("must not be an address of a private network")
    return parts


def _literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def public(address: Address) -> bool:
    """Whether an address is somebody's on the Internet, also where it wraps an IPv4 one."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return public(inner)
        if address.teredo or address.is_site_local:
            return False
    return address.is_global and not address.is_multicast


def where(
    host: str, port: int, private: bool, resolve: Resolve = socket.getaddrinfo
) -> tuple[int, tuple[str, int]]:
    """(family, address and port) to connect to. Raises Refused: one private address among several is enough."""
    try:
        found = resolve(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Refused("name not found") from None
    if not found:
        raise Refused("name not found")
    for _family, _type, _proto, _name, address in found:
        if not private and not public(ipaddress.ip_address(address[0].partition("%")[0])):
            raise Refused("private address")
    family, _type, _proto, _name, address = found[0]
    return family, (address[0], address[1])


def post(
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    private: bool = False,
    resolve: Resolve = socket.getaddrinfo,
    whole_s: float = WHOLE_S,
    trust: ssl.SSLContext | None = None,
) -> int:
    """-> the answer's status. `trust`: whose certificates, the system's unless given. Raises Refused: not sent, or no
    answer within the time; the words say which."""
    parts = check(url, private)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    _family, target = where(host, port, private, resolve)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    held: list[socket.socket] = []  # TLS takes the first socket's place: who cuts, cuts the last
    guard = threading.Timer(whole_s, _cut, (held,))  # who answers a byte a second holds nobody up
    try:
        held.append(socket.create_connection(target, CONNECT_S))
        guard.start()
        if parts.scheme == "https":
            over = trust or ssl.create_default_context()
            held.append(over.wrap_socket(held[0], server_hostname=host, do_handshake_on_connect=False))
            cast(ssl.SSLSocket, held[-1]).do_handshake()
        connection = HTTPConnection(host, port)
        connection.sock = held[-1]
        connection.request(
            "POST", path, body, {"User-Agent": AGENT, "Content-Type": "application/json", **headers}
        )
        return connection.getresponse().status
    except ssl.SSLCertVerificationError:
        raise Refused("certificate") from None
    except TimeoutError:
        raise Refused("too slow") from None
    except ConnectionRefusedError:
        raise Refused("connection refused") from None
    except ssl.SSLError:
        raise Refused("no TLS") from None
    except (OSError, HTTPException, ValueError):
        raise Refused("no answer") from None
    finally:
        guard.cancel()
        for each in held:
            each.close()


def _cut(held: list[socket.socket]) -> None:
    try:
        socket.socket.shutdown(held[-1], socket.SHUT_RDWR)  # the plain one: TLS would wish to say goodbye
    except OSError:
        pass
