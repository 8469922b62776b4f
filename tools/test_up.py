"""`ringslot up` as one runs it: three processes, TLS by files, and their end; and the units for one's own server."""

import contextlib
import datetime
import http.client
import json
import os
import secrets
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tools.cli import main
from tools.processes import free_port

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "cloud" / "deploy"
WAIT = 60  # seconds for anything


def certificate(folder: Path, name: str = "localhost") -> tuple[Path, Path]:
    """A new self-signed one in the same two files. -> (chain, key)"""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), False)
        .sign(key, hashes.SHA256())
    )
    chain, private = folder / "chain.pem", folder / "key.pem"
    chain.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return chain, private


@contextlib.contextmanager
def up(folder: Path, *options: str):
    """-> (what it says of itself, its process)"""
    environ = {**os.environ, "RINGSLOT_SECRET": secrets.token_urlsafe(32)}
    coap = f"127.0.0.1:{free_port(socket.SOCK_DGRAM)}"
    command = [sys.executable, "-m", "tools", "up", "--data", str(folder / "fleet"), "--coap", coap, "--json"]
    with (folder / "up.log").open("w+") as log:
        process = subprocess.Popen([*command, *options], cwd=ROOT, env=environ, stdout=log, stderr=log)
        try:
            end = time.monotonic() + WAIT
            while not (said := (folder / "up.log").read_text()).rstrip().endswith("}"):
                assert process.poll() is None and time.monotonic() < end, said
                time.sleep(0.1)
            yield json.loads(said), process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(WAIT)


def ask(port: int, trusted: Path, path: str, body: dict | None = None, **headers: str):
    context = ssl.create_default_context(cafile=str(trusted))
    connection = http.client.HTTPSConnection("localhost", port, timeout=WAIT, context=context)
    headers = {"Content-Type": "application/json", **headers}
    connection.request("POST" if body else "GET", path, json.dumps(body) if body else None, headers)
    answer = connection.getresponse()
    answer.read()
    return answer


def test_tls_by_files_metrics_and_three_processes(tmp_path):
    chain, key = certificate(tmp_path)
    web, metrics = free_port(), free_port()
    options = ["--web", f"127.0.0.1:{web}", "--cert", str(chain), "--key", str(key)]
    with up(tmp_path, *options, "--metrics", f"127.0.0.1:{metrics}") as (said, process):
        assert said["api"] == f"https://127.0.0.1:{web}/api/v1" and "beware" not in said
        answer = ask(web, chain, "/healthz")
        assert answer.status == 200
        assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
        with pytest.raises((http.client.HTTPException, OSError)):  # nothing in the clear
            plain = http.client.HTTPConnection("127.0.0.1", web, timeout=5)
            plain.request("GET", "/healthz")
            plain.getresponse()
        old = chain.read_bytes()
        certificate(tmp_path)  # renewed, in place
        assert ask(web, chain, "/healthz").status == 200
        (tmp_path / "old.pem").write_bytes(old)
        with pytest.raises(ssl.SSLCertVerificationError):
            ask(web, tmp_path / "old.pem", "/healthz")
        end = time.monotonic() + WAIT
        shown = http.client.HTTPConnection("127.0.0.1", metrics, timeout=5)
        while True:
            shown.request("GET", "/metrics")
            text = shown.getresponse().read().decode()
            if 'ringslot_jobs_total{job="forget",outcome="done"} 1.0' in text:
                break
            assert time.monotonic() < end, text
            time.sleep(0.2)
        assert 'ringslot_http_requests_total{method="GET",route="/healthz",status="200"}' in text
        logs = {path.name for path in (tmp_path / "fleet" / "logs").glob("*.log")}
        assert logs == {"gateway.log", "web.log", "worker.log"}
    assert process.returncode == 128 + signal.SIGTERM
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", web), timeout=1)


@pytest.fixture
def said(tmp_path, monkeypatch):
    """What `ringslot up` says to options that cannot work; nothing is started."""
    monkeypatch.setenv("RINGSLOT_SECRET", secrets.token_urlsafe(32))
    monkeypatch.chdir(tmp_path)

    def run(*options: str) -> tuple[int, str]:
        result = CliRunner().invoke(main, ["up", "--data", "fleet", *options])
        assert not (tmp_path / "fleet").exists()
        return result.exit_code, result.output

    return run


def test_a_certificate_that_cannot_work_is_said_before_anything_starts(said, tmp_path):
    chain, key = map(str, certificate(tmp_path))
    (tmp_path / "other").mkdir()
    other = str(certificate(tmp_path / "other")[1])
    status, text = said("--cert", chain)
    assert status == 2 and "go together" in text
    status, text = said("--cert", chain, "--key", other)
    assert status == 1 and "is not that of the certificate" in text and "Traceback" not in text
    status, text = said("--cert", chain, "--key", chain)
    assert status == 1 and "in PEM" in text
    status, text = said("--cert", "absent.pem", "--key", key)
    assert status == 1 and "absent.pem cannot be read" in text


# ---- cloud/deploy


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="there is no systemd here")
def test_systemd_understands_the_units_and_finds_them_well_shut(tmp_path):
    units = tmp_path / "etc" / "systemd" / "system"
    shutil.copytree(DEPLOY, units)
    for file in [*units.glob("*.service"), *units.glob("*.d/*.conf")]:  # programs that are there
        file.write_text(file.read_text().replace("/opt/ringslot/.venv/bin/", f"{ROOT}/.venv/bin/"))
    names = [path.name for path in units.iterdir() if path.suffix in (".service", ".target", ".timer")]
    assert len(names) == 7
    environ = {**os.environ, "SYSTEMD_UNIT_PATH": f"{units}:"}
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *(str(units / name) for name in names)],
        env=environ,
        capture_output=True,
        text=True,
        timeout=WAIT,
    )
    ours = [line for line in verified.stderr.splitlines() if "ringslot" in line]
    assert ours == [] and verified.returncode == 0, verified.stderr
    for part in ("web", "gateway", "worker"):
        plain = (units / f"ringslot-{part}.service").read_text()
        shut = (units / "ringslot-.service.d" / "hardened.conf").read_text()
        (tmp_path / f"{part}.service").write_text(plain + shut)
        judged = subprocess.run(
            [
                "systemd-analyze",
                "security",
                "--offline=yes",
                "--threshold=25",
                str(tmp_path / f"{part}.service"),
            ],
            env=environ,
            capture_output=True,
            text=True,
            timeout=WAIT,
        )
        assert judged.returncode == 0, judged.stdout + judged.stderr


@contextlib.contextmanager
def caddy(folder: Path, port: int, behind: int):
    """Our Caddyfile as it stands, but for its name, its certificate, and where the web app listens."""
    chain, key = certificate(folder)
    told = (DEPLOY / "Caddyfile").read_text()
    for ours, here in (
        ("bikes.example.org {", f"https://localhost:{port} {{\n\ttls {chain} {key}"),
        ("127.0.0.1:8000", f"127.0.0.1:{behind}"),
    ):
        assert told.count(ours) == 1
        told = told.replace(ours, here)
    (folder / "Caddyfile").write_text("{\n\tadmin off\n\tauto_https disable_redirects\n}\n" + told)
    environ = {**os.environ, "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    command = ["caddy", "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")]
    with (folder / "caddy.log").open("w") as log:
        process = subprocess.Popen(command, env=environ, stdout=log, stderr=log)
        try:
            end = time.monotonic() + WAIT
            while True:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                    break
                assert process.poll() is None and time.monotonic() < end, (folder / "caddy.log").read_text()
                time.sleep(0.1)
            yield chain
        finally:
            process.terminate()
            process.wait(WAIT)


@pytest.mark.skipif(not shutil.which("caddy"), reason="there is no Caddy here (apt install caddy)")
def test_caddy_stands_in_front_and_says_who_asks_and_how(tmp_path, monkeypatch):
    monkeypatch.setenv("RINGSLOT_PROXIES", "1")
    monkeypatch.setenv("RINGSLOT_RATE_ADDRESS", "10")
    web, front = free_port(), free_port()
    with up(tmp_path, "--web", f"127.0.0.1:{web}"), caddy(tmp_path, front, web) as chain:
        good = ask(front, chain, "/healthz")
        assert good.status == 200
        assert good.headers["Strict-Transport-Security"] == "max-age=31536000"  # it knows that this was TLS
        assert ask(front, chain, "/readyz").status == 404
        inside = http.client.HTTPConnection("127.0.0.1", web, timeout=WAIT)
        inside.request("GET", "/readyz")
        assert inside.getresponse().status != 404  # it may still be starting
        # One address may ask so often, and it is the one that Caddy saw, whatever a caller says of itself.
        heard = [
            ask(front, chain, "/api/v1/keys", **{"X-Forwarded-For": f"192.0.2.{n}"}).status for n in range(40)
        ]
        assert heard[0] == 200 and heard[-1] == 429


def test_the_settings_for_a_server_are_settings_that_there_are():
    named = [
        line.partition("=")[0].lstrip("# ") for line in (DEPLOY / "ringslot.env").read_text().splitlines()
    ]
    known = (ROOT / "cloud" / "README.md").read_text() + (DEPLOY / "README.md").read_text()
    found = [name for name in named if name.startswith("RINGSLOT_")]
    assert len(found) >= 7 and all(f"`{name}`" in known for name in found)
