"""Settings of the cloud, all from the environment. What is missing or wrong stops the start and is named."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

# An address that ordinary mail reaches: printable ASCII without quoting (RFC 5321 §4.1.2), a domain with letters.
ADDRESS = re.compile(
    r"(?=.{3,254}\Z)[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*",
    re.ASCII,
)
SECRET_CHARACTERS = 32  # at least; 128 bits even when written in hex


class ConfigError(SystemExit):
    """A setting is missing or wrong; the text says which one and what to set."""


@dataclass(frozen=True)
class Post:
    """How mail leaves. With neither `host` nor `folder` it stays in the outbox until it is given up."""

    host: str = ""
    port: int = 587  # RFC 6409 §3.1
    user: str = ""
    password: str = field(default="", repr=False)
    tls: bool = True  # STARTTLS, with a certificate that holds
    authorities: str = ""  # a file of CA certificates; the system's unless given
    sender: str = "ringslot@localhost"
    folder: str = ""  # each mail as a file there, for development


@dataclass(frozen=True)
class Tiles:
    """Where the console's map gets its pictures: a URL with {z}, {x} and {y}; none, and it draws without."""

    url: str = ""
    credit: str = ""  # what their maker wants to be said beside them

    @property
    def origin(self) -> str:
        """What the content security policy must let in."""
        return "/".join(self.url.split("/")[:3])


@dataclass(frozen=True)
class Settings:
    secret: bytes = field(repr=False)  # wraps every lock key and issuer key; losing it loses the fleet
    database_url: str = field(repr=False)  # may hold a password
    coap: tuple[str, int] = ("127.0.0.1", 5683)  # where the gateway listens
    still_s: int = (
        300  # stillness after which a ride left open bills no longer (SPEC 8); as the locks are set
    )
    uplink_s: int = (
        300  # how often a lock says something at the least; three of these without a word: it is silent
    )
    hooks_private: bool = False  # whether webhooks may go to private addresses, and without TLS
    metrics: tuple[str, int] | None = None  # where the worker shows what is counted
    rate_caller: int = 600  # requests a minute of one caller, each process counting for itself; 0: any number
    rate_address: int = 6000  # the same of one address, whoever calls from there
    feed_s: int = 5  # for how long an answer of the public feed is good for whoever asks next
    proxies: int = 0  # how many reverse proxies stand in front and set X-Forwarded-For and -Proto
    url: str = "http://localhost:8000"  # where people find the console: links in mails begin so
    post: Post = Post()
    tiles: Tiles = Tiles()
    staff_second_factor: bool = True  # off for tests and demos only


def from_environment(environ: Mapping[str, str] = os.environ) -> Settings:
    """Raises ConfigError."""
    return Settings(
        secret=_secret(environ),
        database_url=_database_url(environ),
        coap=_address(environ, "RINGSLOT_COAP", "127.0.0.1:5683"),
        still_s=_count(environ, "RINGSLOT_STILL_S", 300, 86400),
        uplink_s=_count(environ, "RINGSLOT_UPLINK_S", 300, 86400),
        hooks_private=bool(_count(environ, "RINGSLOT_HOOKS_PRIVATE", 0, 1)),
        metrics=_address(environ, "RINGSLOT_METRICS", "127.0.0.1:9464")
        if environ.get("RINGSLOT_METRICS")
        else None,
        rate_caller=_count(environ, "RINGSLOT_RATE_CALLER", 600, 1_000_000),
        feed_s=_count(environ, "RINGSLOT_FEED_S", 5, 60),
        rate_address=_count(environ, "RINGSLOT_RATE_ADDRESS", 6000, 1_000_000),
        proxies=_count(environ, "RINGSLOT_PROXIES", 0, 8),
        url=_url(environ),
        post=_post(environ),
        tiles=_tiles(environ),
        staff_second_factor=_word(environ, "RINGSLOT_STAFF_SECOND_FACTOR", ("required", "off")) == "required",
    )


def _url(environ: Mapping[str, str]) -> str:
    value = environ.get("RINGSLOT_URL", "http://localhost:8000").rstrip("/")
    scheme, _, host = value.partition("://")
    if (
        scheme not in ("http", "https")
        or not host
        or not value.isprintable()
        or not set(host).isdisjoint(" /?#@")
    ):
        raise ConfigError(
            "RINGSLOT_URL must be what people type to reach the cloud, such as https://fleet.example."
        )
    return value


def _tiles(environ: Mapping[str, str]) -> Tiles:
    url = environ.get("RINGSLOT_TILES", "")
    if url and (
        not url.startswith("https://")
        or not url.isascii()
        or not set(url).isdisjoint(" \"'<>;,\\")
        or any(part not in url for part in ("{z}", "{x}", "{y}"))
        or "{" in url.split("/")[2]
    ):
        raise ConfigError("RINGSLOT_TILES must be like https://tiles.example/{z}/{x}/{y}.png.")
    return Tiles(url, environ.get("RINGSLOT_TILES_CREDIT", ""))


def _post(environ: Mapping[str, str]) -> Post:
    folder = environ.get("RINGSLOT_MAIL_FOLDER", "")
    sender = environ.get("RINGSLOT_MAIL_FROM", "ringslot@localhost")
    if not ADDRESS.fullmatch(sender):
        raise ConfigError("RINGSLOT_MAIL_FROM must be an address, such as bikes@fleet.example.")
    if not environ.get("RINGSLOT_SMTP"):
        return Post(sender=sender, folder=folder)
    host, port = _address(environ, "RINGSLOT_SMTP", "mail.example:587")
    tls = _word(environ, "RINGSLOT_SMTP_TLS", ("starttls", "off")) == "starttls"
    user, password = environ.get("RINGSLOT_SMTP_USER", ""), environ.get("RINGSLOT_SMTP_PASSWORD", "")
    if not tls and (user or host not in ("127.0.0.1", "::1", "localhost")):
        raise ConfigError(
            "RINGSLOT_SMTP_TLS may be off only for a server of this machine, without a password."
        )
    authorities = environ.get("RINGSLOT_SMTP_CA", "")
    return Post(host, port, user, password, tls, authorities, sender)


def _word(environ: Mapping[str, str], name: str, words: tuple[str, ...]) -> str:
    """The first word unless set."""
    value = environ.get(name) or words[0]
    if value not in words:
        raise ConfigError(f"{name} must be {' or '.join(words)}.")
    return value


def _required(environ: Mapping[str, str], name: str, example: str) -> str:
    value = environ.get(name, "")
    if not value:
        raise ConfigError(f"{name} is not set; set it to {example}. See cloud/README.md, 'Settings'.")
    return value


def _secret(environ: Mapping[str, str]) -> bytes:
    value = _required(environ, "RINGSLOT_SECRET", f"{SECRET_CHARACTERS} or more random characters")
    if len(value) < SECRET_CHARACTERS or len(set(value)) < 8:  # the text never shows the value
        raise ConfigError(
            f"RINGSLOT_SECRET is too weak; set it to {SECRET_CHARACTERS} or more random characters."
        )
    return value.encode()


def _database_url(environ: Mapping[str, str]) -> str:
    value = _required(environ, "RINGSLOT_DATABASE_URL", "sqlite:////path/ringslot.db or postgresql://…")
    scheme = value.partition("://")[0]
    if (
        scheme not in ("sqlite", "postgresql", "postgresql+psycopg")
        or ":memory:" in value
        or value == "sqlite://"
    ):
        raise ConfigError(
            "RINGSLOT_DATABASE_URL must be sqlite:////path/to/file or postgresql://user@host/name."
        )
    return value


def _address(environ: Mapping[str, str], name: str, default: str) -> tuple[str, int]:
    host, _, port = environ.get(name, default).rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise ConfigError(f"{name} must be host:port, such as {default}.")
    return host.strip("[]"), int(port)


def _count(environ: Mapping[str, str], name: str, default: int, most: int) -> int:
    value = environ.get(name, str(default))
    if not value.isascii() or not value.isdigit() or len(value) > 9 or int(value) > most:
        raise ConfigError(f"{name} must be a number from 0 to {most}.")
    return int(value)
