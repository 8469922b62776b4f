"""For tests: a real SMTP server (aiosmtpd) with a certificate of its own; it takes mail, or refuses as told."""

import ssl
from asyncio.base_events import Server
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

from cloud.config import Post

USER, PASSWORD = "bikes", "a password for the mail server"


class Mailbox:
    """What the server took, and how it answers. `answers`: address -> line instead of 250."""

    def __init__(self) -> None:
        self.taken: list[EmailMessage] = []
        self.secure: list[bool] = []
        self.answers: dict[str, str] = {}
        self.connections = 0

    async def handle_EHLO(
        self, _server: Any, session: Any, _envelope: Any, host: str, lines: list[str]
    ) -> list[str]:
        self.connections += session.ssl is None
        session.host_name = host
        return lines

    async def handle_RCPT(
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        if address in self.answers:
            return self.answers[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, session: Any, envelope: Any) -> str:
        made = message_from_bytes(envelope.content, policy=default)
        assert isinstance(made, EmailMessage) and made["To"] in envelope.rcpt_tos
        self.taken.append(made)
        self.secure.append(session.ssl is not None)
        return "250 OK"


class _AnyPort(Controller):
    """On a free port, which the kernel chooses."""

    def _trigger_server(self) -> None:
        assert isinstance(self.server, Server)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@contextmanager
def server(folder: Path, mailbox: Mailbox, host: str = "127.0.0.1") -> Iterator[Post]:
    """-> the settings with which mail reaches it. STARTTLS and a password are required."""
    chain, key = certificate(folder, host)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(chain, key)

    def right(_server: Any, _session: Any, _envelope: Any, _mechanism: str, given: Any) -> AuthResult:
        return AuthResult(success=(given.login, given.password) == (USER.encode(), PASSWORD.encode()))

    controller = _AnyPort(
        mailbox,
        hostname="127.0.0.1",
        port=0,
        tls_context=context,
        require_starttls=True,
        auth_required=True,
        auth_require_tls=True,
        authenticator=right,
    )
    controller.start()
    try:
        yield Post("127.0.0.1", controller.port, USER, PASSWORD, True, str(chain), "bikes@fleet.example")
    finally:
        controller.stop()


def certificate(folder: Path, host: str) -> tuple[Path, Path]:
    """(certificate, key) that signed itself, as files."""
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail of the tests")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(host))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(private, SHA256())
    )
    chain, key = folder / "mail.crt", folder / "mail.key"
    chain.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return chain, key


def link(made: EmailMessage) -> str:
    """The token in a mail's link."""
    text = made.get_content()
    found = [line.rpartition("=")[2] for line in text.splitlines() if "/account#" in line and "=" in line]
    assert len(found) == 1, text
    return found[0]
