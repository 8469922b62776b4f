"""Settings of the cloud, all from the environment. What is missing or wrong stops the start and is named."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

SECRET_CHARACTERS = 32  # at least; 128 bits even when written in hex


class ConfigError(SystemExit):
    """A setting is missing or wrong; the text says which one and what to set."""


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
    proxies: int = 0  # how many reverse proxies stand in front and set X-Forwarded-For and -Proto


def from_environment(environ: Mapping[str, str] = os.environ) -> Settings:
    """Raises ConfigError."""
    return Settings(
        secret=_secret(environ),
        database_url=_database_url(environ),
        coap=_address(environ, "RINGSLOT_COAP", "127.0.0.1:5683"),
        still_s=_count(environ, "RINGSLOT_STILL_S", 300, 86400),
        uplink_s=_count(environ, "RINGSLOT_UPLINK_S", 300, 86400),
        hooks_private=bool(_count(environ, "RINGSLOT_HOOKS_PRIVATE", 0, 1)),
        proxies=_count(environ, "RINGSLOT_PROXIES", 0, 8),
    )


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
