"""What locks and phones bring, on PostgreSQL: any order, two carriers at once, and a server that restarts."""

import os
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs, urlsplit

import pytest

from cloud import receipts, testpostgres
from cloud.tables import Fix, Receipt, Ride
from cloud.test_gateway import batch, stored
from cloud.test_receipts import *  # noqa: F403
from cloud.test_receipts import rows
from cloud.testlock import NOW, Gateway, Pen, Uplink, Wire, make_cloud
from protocol import coap

pytestmark = pytest.mark.skipif(testpostgres.find() is None, reason="PostgreSQL is not installed here")


@pytest.fixture(scope="module")
def server():
    with testpostgres.server() as url:
        yield url


@pytest.fixture(scope="module")
def cloud(server, tmp_path_factory):
    cloud = make_cloud(tmp_path_factory.mktemp("cloud"), url=server)
    yield cloud
    cloud.db.close()


def test_two_carriers_of_one_lock_at_once_store_each_receipt_once(cloud):
    pen = Pen().register(cloud)
    cti = b"cti-both"
    bodies = [pen.open(cti, NOW - 5000)]
    for n in range(1, 40):
        bodies.append((pen.close if n % 2 else pen.reopen)(cti, NOW - 5000 + 60 * n))

    def carry(how: tuple[str, int]) -> None:
        via, step = how
        for start in range(0, len(bodies), step):
            with cloud.db.writing() as session:
                receipts.take(cloud, session, pen.hex, bodies[start : start + step], via)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(carry, [("uplink", 4), ("phone", 20), ("mule", 3), ("uplink", 1)]))
    found = rows(cloud, Receipt, pen)
    assert [row["seq"] for row in sorted(found, key=lambda row: row["seq"])] == list(range(1, 41))
    assert {row["copies"] for row in found} == {4}
    (ride,) = rows(cloud, Ride, pen)
    assert (ride["receipts"], ride["state"], ride["closed_at"]) == (40, "parked", NOW - 5000 + 60 * 39)


def pg_ctl(url: str, *command: str) -> None:
    data = parse_qs(urlsplit(url).query)["host"][0] + "/data"
    user = "postgres" if os.geteuid() == 0 else None
    folder = os.path.dirname(data)
    options = f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off"
    more = ["-o", options, "-l", folder + "/log.again"] if command[0] == "start" else ["-m", "fast"]
    program = testpostgres.find() / "pg_ctl"
    subprocess.run(
        [program, *command, "-w", "-D", data, *more], user=user, cwd=folder, check=True, timeout=60
    )


def test_the_gateway_outlives_its_database(cloud, server):
    gateway = Gateway(cloud).start()
    pen, wire = Pen().register(cloud), Wire(gateway.port)
    uplink = Uplink(pen, wire)
    try:
        assert uplink.post(b"t", batch())[0] == coap.CHANGED
        pg_ctl(server, "stop")
        try:
            code, _ = uplink.post(b"t", batch(100))
            assert code == coap.UNAVAILABLE and uplink.bare <= 1  # inside OSCORE: a lock believes it
            stranger = Uplink(Pen(), wire)
            assert stranger.post(b"t", batch())[0] in (coap.UNAVAILABLE, coap.UNAUTHORIZED)
        finally:
            pg_ctl(server, "start")
        end = time.monotonic() + 30
        while (code := uplink.post(b"t", batch(100))[0]) != coap.CHANGED and time.monotonic() < end:
            time.sleep(0.2)
        assert code == coap.CHANGED
        assert len(stored(cloud, Fix, pen)) == 40
        status, log = gateway.stop()
        assert status == 0 and "database away" in log
    finally:
        wire.close()
        if gateway.process.poll() is None:
            gateway.stop()
        pg_ctl(server, "stop")
