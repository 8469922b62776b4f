"""Webhooks against a receiver over real HTTP: one that fails, is slow, lies about its address, and takes it at last."""

import json
import socket
import ssl
import threading
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from cloud import events, hooks, outgoing, receipts, worker
from cloud.app import create_app
from cloud.config import Settings
from cloud.tables_fleet import Hook
from cloud.testlock import Pen
from cloud.testsite import NOW, SECRET, Person, Site, problem


class Receiver:
    """Answers what `plan` says, request by request, then 200; keeps what it got."""

    def __init__(self):
        self.plan, self.got = [], []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.got.append((self.path, dict(self.headers), body))
                step = outer.plan.pop(0) if outer.plan else 200
                if step == "slow":
                    time.sleep(1.5)
                    step = 200
                if step == "drip":
                    for byte in b"HTTP/1.1 200 OK\r\nX: " + b"a" * 60:
                        time.sleep(0.05)
                        try:
                            self.wfile.write(bytes([byte]))
                            self.wfile.flush()
                        except OSError:
                            return
                    return
                if step == "hang up":
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                self.send_response(step)
                if step == 302:
                    self.send_header("Location", f"http://127.0.0.1:{outer.port}/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/in?key=1"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(5)

    @property
    def bodies(self):
        return [json.loads(body) for _, _, body in self.got]


@pytest.fixture
def receiver():
    made = Receiver()
    yield made
    made.close()


@pytest.fixture
def site(tmp_path):
    """As the site of the other tests, with webhooks to private addresses allowed: the receiver is on this machine."""
    made = Site(tmp_path)
    settings = Settings(secret=SECRET, database_url=made.url, hooks_private=True)
    made.cloud.db.close()
    made.app = create_app(settings, now=lambda: made.now)
    made.cloud = made.app.extensions["ringslot"]
    made.client = made.app.test_client()
    yield made
    made.close()


def make(admin: Person, url: str, **more):
    answer = admin.post("/webhooks", url=url, **more)
    assert answer.status_code == 201, answer.get_json()
    return answer.get_json()


def tell(site, *subjects, kind="zone.changed", operator=None):
    with site.cloud.db.writing() as session:
        for subject in subjects:
            events.tell(session, kind, subject, site.now, operator)


def work(site, seconds=0):
    site.now += seconds
    hooks.tell_all(site.cloud, site.now)


def test_what_happens_is_told_in_order_signed_and_once(site, receiver):
    admin = site.person("admin")
    tell(site, "before")
    made = make(admin, receiver.url)
    tell(site, "a", "b")
    tell(site, "not for hooks", kind="lock.moved")
    tell(site, "c")
    work(site)
    work(site)
    assert [body["data"]["subject"] for body in receiver.bodies] == ["a", "b", "c"]
    path, headers, body = receiver.got[0]
    assert path == "/in?key=1" and headers["Content-Type"] == "application/json"
    assert (
        json.loads(body)["type"] == "zone.changed" and json.loads(body)["timestamp"] == "2027-01-15T08:00:00Z"
    )
    assert admin.get(f"/webhooks/{made['hook_id']}").get_json()["told"] == 6 - 1


@pytest.fixture
def real_time(site):
    site.now = int(time.time())  # the scheme's own library looks at the clock


def test_the_schemes_own_library_believes_us_and_nobody_else(site, receiver, real_time):
    admin = site.person("admin")
    made = make(admin, receiver.url)
    tell(site, "a")
    work(site)
    _, headers, body = receiver.got[0]
    assert Webhook(made["secret"]).verify(body, headers)["data"]["subject"] == "a"
    for wrong in (body.replace(b'"a"', b'"b"'), body + b" "):
        with pytest.raises(WebhookVerificationError):
            Webhook(made["secret"]).verify(wrong, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(make(admin, receiver.url)["secret"]).verify(body, headers)


def test_the_kinds_on_offer_are_all_that_a_webhook_may_carry_and_one_may_ask_for_each(site, receiver):
    admin = site.person("admin")
    offered = admin.get("/webhooks").get_json()["kinds"]
    assert set(events.KINDS) - set(offered) == {"lock.moved", "command.asked", "command.done"}
    assert make(admin, receiver.url, kinds=offered)["kinds"] == offered
    described = admin.client.get("/api/openapi.json").get_json()["paths"]["/api/v1/webhooks"]["post"]
    asked = described["requestBody"]["content"]["application/json"]["schema"]["properties"]["kinds"]
    assert [one["items"]["enum"] for one in asked["anyOf"] if "items" in one] == [offered]


def test_a_secret_is_shown_once_and_changed_with_an_overlap(site, receiver, real_time):
    admin = site.person("admin")
    made = make(admin, receiver.url)
    path = f"/webhooks/{made['hook_id']}"
    assert "secret" not in admin.get(path).get_json() and "secret" not in admin.get("/webhooks").get_json()
    newer = admin.post(path + "/secret").get_json()
    assert newer["secret"] != made["secret"] and newer["before_until"] == site.now + hooks.OVERLAP_S
    tell(site, "a")
    work(site)
    for secret in (made["secret"], newer["secret"]):
        assert Webhook(secret).verify(receiver.got[0][2], receiver.got[0][1])
    tell(site, "b")
    work(site, hooks.OVERLAP_S)
    assert len(receiver.got[1][1]["webhook-signature"].split()) == 1
    with site.cloud.db.reading() as session:
        row = session.get(Hook, made["hook_id"])
        assert made["secret"].encode() not in row.wrapped_secret and len(row.wrapped_secret) > 40


def test_what_fails_is_tried_again_later_and_nothing_overtakes_it(site, receiver):
    admin = site.person("admin")
    made = make(admin, receiver.url)
    tell(site, "a", "b")
    receiver.plan = [500, "hang up", 302, 200, 200]
    work(site)
    work(site)  # too early
    assert len(receiver.got) == 1
    for wait in hooks.BACKOFF[:3]:
        work(site, wait - 1)
        tried = len(receiver.got)
        work(site, 1)
        assert len(receiver.got) > tried
    assert [body["data"]["subject"] for body in receiver.bodies] == ["a", "a", "a", "a", "b"]
    assert len({headers["webhook-id"] for _, headers, _ in receiver.got}) == 2
    assert all(path == "/in?key=1" for path, _, _ in receiver.got)  # no redirect was followed
    shown = admin.get(f"/webhooks/{made['hook_id']}").get_json()
    assert (shown["failures"], shown["failing_since"], shown["state"]) == (0, None, "active")
    assert [row["status"] for row in shown["tries"]] == [200, 200, 302, None, 500]
    assert [row["error"] for row in shown["tries"]][3] == "no answer"


def test_a_slow_receiver_is_waited_for_and_a_dripping_one_is_cut(site, receiver, monkeypatch):
    make(site.person("admin"), receiver.url)
    tell(site, "a")
    receiver.plan = ["slow"]
    work(site)
    assert len(receiver.got) == 1
    began = time.monotonic()
    receiver.plan = ["drip"]
    with pytest.raises(outgoing.Refused):
        outgoing.post(receiver.url, {}, b"{}", private=True, whole_s=0.5)
    assert time.monotonic() - began < 2.5


@pytest.fixture
def secured(receiver, tmp_path):
    """The receiver behind TLS, with a certificate of its own; -> (address, who trusts it)"""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "receiver.example")])
    today = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("receiver.example")]), False)
        .sign(key, SHA256())
    )
    pem = tmp_path / "receiver.pem"
    plain = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    pem.write_bytes(plain + made.public_bytes(Encoding.PEM))
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(pem)
    receiver.server.socket = serving.wrap_socket(receiver.server.socket, server_side=True)
    return f"https://receiver.example:{receiver.port}/", ssl.create_default_context(cafile=pem)


def test_a_receiver_shows_a_certificate_that_we_trust(receiver, secured):
    url, trust = secured
    here = found("127.0.0.1")
    with pytest.raises(outgoing.Refused, match="certificate"):
        outgoing.post(url, {}, b"{}", private=True, resolve=here)
    with pytest.raises(outgoing.Refused, match="certificate"):
        outgoing.post(url.replace("receiver", "another"), {}, b"{}", private=True, resolve=here, trust=trust)
    assert receiver.got == []
    assert outgoing.post(url, {}, b"{}", private=True, resolve=here, trust=trust) == 200
    assert receiver.got[0][1]["Host"] == f"receiver.example:{receiver.port}"


def test_a_dripping_receiver_is_cut_behind_tls_too(receiver, secured):
    url, trust = secured
    receiver.plan, began = ["drip"], time.monotonic()
    with pytest.raises(outgoing.Refused):
        outgoing.post(url, {}, b"{}", private=True, resolve=found("127.0.0.1"), whole_s=0.5, trust=trust)
    assert receiver.got and time.monotonic() - began < 2.5


def test_nobody_is_there(site):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/"
    admin = site.person("admin")
    made = make(admin, url)
    tell(site, "a")
    work(site)
    (row,) = admin.get(f"/webhooks/{made['hook_id']}").get_json()["tries"]
    assert (row["status"], row["error"]) == (None, "connection refused")


def test_after_days_of_failures_it_is_paused_and_goes_on_where_it_was(site, receiver):
    admin = site.person("admin")
    made = make(admin, receiver.url)
    path = f"/webhooks/{made['hook_id']}"
    tell(site, "a")
    receiver.plan = [500] * 100
    while admin.get(path).get_json()["state"] == "active":
        work(site, hooks.BACKOFF[-1])
    assert hooks.PATIENCE_S < site.now - NOW < hooks.PATIENCE_S + 3 * hooks.BACKOFF[-1]
    tried = len(receiver.got)
    work(site, 86400)
    assert len(receiver.got) == tried
    receiver.plan = []
    assert admin.patch(f"{path}/wanted", state="active").get_json()["state"] == "active"
    assert admin.get(path).get_json()["failures"] == 0
    work(site)
    assert receiver.bodies[-1]["data"]["subject"] == "a" and admin.get(path).get_json()["told"] == 1


def test_any_event_may_be_the_place_to_start_from_again(site, receiver):
    admin = site.person("admin")
    made = make(admin, receiver.url)
    tell(site, "a", "b", "c")
    work(site)
    second = receiver.bodies[1]["data"]["event_id"]
    assert admin.post(f"/webhooks/{made['hook_id']}/replay", event=second).status_code == 202
    work(site)
    assert [body["data"]["subject"] for body in receiver.bodies] == ["a", "b", "c", "b", "c"]
    assert receiver.got[1][1]["webhook-id"] == receiver.got[3][1]["webhook-id"]


def test_a_ride_is_told_with_the_locks_own_receipt(site, receiver):
    admin, bike, rider = site.person("admin"), site.bike(), site.person()
    make(admin, receiver.url, kinds=["ride.started", "ride.ended"])
    pen = Pen(bike.lock_id, bike.k_lock)
    cti = bytes.fromhex(rider.claim(bike).get_json()["cti"])
    bodies = [pen.open(cti, NOW), pen.close(cti, NOW + 60), pen.end(cti, NOW + 90)]
    with site.cloud.db.writing() as session:
        receipts.take(site.cloud, session, pen.hex, bodies, "uplink")
    work(site)
    assert [body["type"] for body in receiver.bodies] == ["ride.started", "ride.ended"]
    from cloud.body import b64

    shown = [body["data"]["receipt"] for body in receiver.bodies]
    assert [row["receipt"] for row in shown] == [b64(bodies[0]), b64(bodies[2])]
    assert all(row["countersignature"] and row["kid"] for row in shown)
    assert rider.user_id not in json.dumps(receiver.bodies)


def test_an_operators_hook_hears_of_nobody_elses_things(site, receiver):
    one, other = site.operator("One"), site.operator("Other")
    admin, stranger = site.person("admin", operator=one), site.person("admin", operator=other)
    made = make(admin, receiver.url)
    tell(site, "mine", operator=one)
    tell(site, "theirs", operator=other)
    tell(site, "nobody's")
    work(site)
    assert [body["data"]["subject"] for body in receiver.bodies] == ["mine"]
    path = f"/webhooks/{made['hook_id']}"
    for answer in (
        stranger.get(path),
        stranger.patch(f"{path}/wanted", state="paused"),
        stranger.delete(path),
        stranger.post(path + "/secret"),
        stranger.post(path + "/replay", event=1),
    ):
        problem(answer, 404, "not_found")
    assert stranger.get("/webhooks").get_json()["webhooks"] == []
    assert admin.delete(path).status_code == 204
    problem(admin.get(path), 404, "not_found")


def test_one_that_is_slow_holds_up_no_other(site, receiver):
    quick, admin = Receiver(), site.person("admin")
    try:
        make(admin, receiver.url)
        make(admin, quick.url)
        receiver.plan = ["slow"]
        tell(site, "a")
        thread = threading.Thread(target=work, args=(site,))
        thread.start()
        end = time.monotonic() + 1.2
        while not quick.got and time.monotonic() < end:
            time.sleep(0.02)
        assert quick.got
        thread.join(10)
        assert receiver.got
    finally:
        quick.close()


def test_the_worker_tells_them(site, receiver):
    make(site.person("admin"), receiver.url)
    tell(site, "a")
    stopped = threading.Event()
    jobs = [job for job in worker.JOBS if job[0] == "webhooks"]
    running = threading.Thread(target=worker.Worker(site.cloud, jobs).run, args=(stopped,))
    running.start()
    end = time.monotonic() + 20
    while not receiver.got and time.monotonic() < end:
        time.sleep(0.05)
    stopped.set()
    running.join(20)
    assert [body["data"]["subject"] for body in receiver.bodies] == ["a"] and not running.is_alive()


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/",
        "https://127.0.0.1/",
        "https://10.1.2.3/",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[fd00::1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://[2002:7f00:1::]/",
        "https://100.64.0.1/",
        "https://0.0.0.0/",
        "https://224.0.0.1/",
        "https://user:secret@example.org/",
        "https://example.org/#part",
        "https:///path",
        "https://example.org:0/",
        "https://example.org:99999/",
        "https://exa mple.org/",
        "https://example.org/\n",
        "ftp://example.org/",
        "//example.org/",
        "https://ex\u00e4mple.org/",
        "https://example.org/" + "a" * 500,
        "",
        5,
    ],
)
def test_an_address_that_is_not_for_the_public_is_refused(tmp_path, url):
    site = Site(tmp_path)
    problem(site.person("admin").post("/webhooks", url=url), 422, "invalid")
    site.close()


def found(*addresses):
    def resolve(host, port, type):
        return [(socket.AF_INET, type, 6, "", (address, port)) for address in addresses]

    return resolve


@pytest.mark.parametrize(
    "addresses", [["127.0.0.1"], ["8.8.8.8", "10.0.0.1"], ["169.254.169.254"], ["::1"], ["fe80::1%eth0"], []]
)
def test_a_name_that_leads_inside_is_not_followed(addresses):
    with pytest.raises(outgoing.Refused):
        outgoing.where("inside.example", 443, False, found(*addresses))
    assert outgoing.where("outside.example", 443, False, found("8.8.8.8"))[1] == ("8.8.8.8", 443)


def test_a_name_is_resolved_once(receiver):
    asked = []

    def resolve(host, port, type):
        asked.append(host)
        return found("127.0.0.1")(host, port, type)

    url = f"http://rebound.example:{receiver.port}/"
    assert outgoing.post(url, {}, b"{}", private=True, resolve=resolve) == 200
    assert asked == ["rebound.example"] and receiver.got[0][1]["Host"] == f"rebound.example:{receiver.port}"


def test_a_hook_is_one_of_few(site, receiver, monkeypatch):
    monkeypatch.setattr(hooks, "MOST", 1)
    admin = site.person("admin")
    make(admin, receiver.url)
    problem(admin.post("/webhooks", url=receiver.url), 409, "hook_limit")
    problem(admin.post("/webhooks", url=receiver.url, kinds=["lock.moved"]), 422, "invalid")
