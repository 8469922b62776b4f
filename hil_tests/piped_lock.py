"""A lock on standard input and output, for a phone in another language: a line of JSON in, a line of JSON out.

    python -m hil_tests.piped_lock

The lock's own session, rules and receipts run behind it on a virtual board; the cloud's part (issuing, countersigning,
opening what is sealed) is played with the keys of boards/sim/bench.py, until `town` puts a real one beside it: the web
app on a database of its own, on a loopback port, whose keys the lock then trusts. Bytes are hex. `ORDERS` lists what
it takes; what is wrong with an order is answered as {"error": text}.
"""

import json
import logging
import random
import sys
import tempfile
import threading
from pathlib import Path

from boards.sim.bench import GROUP, K_LOCK, LOCK, Bench, Phone, key, signed
from firmware.lock import Lock
from protocol import cbor, exchange, keys, keyset, receipt, test_cbor

COUNTERSIGNER = key("countersign")
_MUTANTS = 3_000


class PipedLock:
    def __init__(self):
        self.bench: Bench | None = None
        self.phones: dict[int, Phone] = {}
        self.site = None

    # --- the lock, its time and its ring

    def provision(self, clock=True, **settings):
        """A new lock. `clock`: whether it knows the time; `settings`: as in settings.json."""
        if self.bench:
            self.bench.close()
        self.bench, self.phones = Bench(Lock, clock=clock, **settings), {}
        return {"lock": LOCK.hex(), "now": self.bench.now}

    def wait(self, seconds):
        self.bench.wait(seconds)
        return self._said()

    def close_ring(self):
        """A hand closes it; the lock notices."""
        self.bench.world.close()
        self.bench.wait(1)
        return self._said()

    def jam(self, percent):
        self.bench.world.jam(percent)
        return {}

    def battery(self, millivolts):
        self.bench.world.set_battery(millivolts)
        self.bench.wait(1)
        return {}

    def still(self, seconds):
        """Nobody moves the bike for that long."""
        self.bench.world.still()
        self.bench.wait_long(seconds)
        return self._said()

    def quarantine(self):
        self.bench.lock.ledger.fail()
        return {}

    def state(self):
        ride = self.bench.lock.ledger.ride
        return {
            "state": self.bench.lock.ledger.state,
            "open": self.bench.world.bolt_open(),
            "moved": self.bench.world.actuations,
            "light": self.bench.world.led,
            "ride": ride.cti.hex() if ride else None,
            "links": len(self.bench.lock.session.links),
        }

    # --- its radio

    def connect(self, mtu=247):
        phone = self.bench.phone(mtu)
        self.phones[phone.conn] = phone
        return {"conn": phone.conn}

    def frame(self, conn, data):
        """One write of a phone's. -> what the lock said since, and which links are up."""
        self.phones[conn].frame(bytes.fromhex(data))
        return self._said()

    def leave(self, conn):
        if conn in self.phones:  # it may have been another lock's
            self.phones.pop(conn).leave()
        return {}

    def _said(self):
        links = self.bench.board.link
        said = {str(conn): [part.hex() for part in links.frames_for(conn)] for conn in self.phones}
        return {"said": said, "up": [conn for conn, phone in self.phones.items() if phone.up]}

    # --- a real cloud beside it

    def town(self, people, code, kind="exclusive", staff=()):
        """A new lock on a bike of a new cloud, both knowing the same time, and riders and technicians with these
        logins."""
        from werkzeug.serving import make_server  # here: who plays the cloud need not wait for one

        from cloud.body import b64
        from cloud.testsite import PASSWORD, Site

        logging.disable(logging.WARNING)  # what is asked is the tests' to count
        self.provision(kind=kind)
        self._folder = tempfile.TemporaryDirectory()
        self.site = Site(Path(self._folder.name), now=self.bench.now, rate_caller=0)
        self.admin = self.site.person("admin")
        self.admin.post("/locks", lock_id=LOCK.hex(), k_lock=b64(K_LOCK), kind=kind, group=GROUP.hex())
        self.admin.post("/assets", code=code, label=f"Bike {code}", lock=LOCK.hex())
        for login in people:
            self.site.person(login=login)
        for login in staff:
            self.site.person("technician", login=login)
        self._believe()
        server = make_server("127.0.0.1", 0, self.site.app, threaded=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return {"url": f"http://127.0.0.1:{server.port}", "password": PASSWORD, "now": self.bench.now}

    def _believe(self):
        """The lock trusts this cloud's keys from now on."""
        from cloud import keyring

        with self.site.cloud.db.reading() as session:
            entries = keyring.propose(session, self.bench.now).entries
        self.bench.put("keyset", signed(keyset.encode(2, entries)))
        self.bench.reboot(warm=False)
        self.bench.lock.clock.set(self.bench.now, 2)

    def office(self, path, **fields):
        """What an admin of that cloud asks by POST. -> its answer."""
        answer = self.admin.post(path, **fields)
        if answer.status_code >= 400:
            raise ValueError(answer.get_json()["code"])
        return answer.get_json() if answer.data else {}

    def roll_out(self):
        """That cloud offers release 2 to this lock, which runs release 1. -> the manifest, and the files by name."""
        from cloud import releases, rollouts
        from cloud.tables import Lock as Row
        from cloud.testreleases import FILES, publish_keys, short, signed

        now = self.bench.now
        with self.site.cloud.db.writing() as session:
            publish_keys(session, now)
            raw = signed(2, now + 86_400)
            releases.take(session, raw, FILES.values(), now, None)
            rollouts.start(session, "sim", 2, 100, now, None)
            row = session.get_one(Row, LOCK.hex())
            row.board, row.release = "sim", 1
        return {"manifest": raw.hex(), "files": {short(data): data.hex() for data in FILES.values()}}

    def lose_clock(self):
        """Its battery was out."""
        self.bench.reboot(warm=False)
        return {}

    def rows(self, sql):
        """What that cloud has stored."""
        from sqlalchemy import text

        with self.site.cloud.db.reading() as session:
            return {"rows": [list(row) for row in session.execute(text(sql))]}

    # --- the cloud, played

    def token(self, holder, cti=None, nonce=None, group=False, other_lock=None, **changes):
        """`changes`: epoch, issuer, and claims as in protocol.token.Claims; `exp_in`, `iat_in`: s from now."""

        class Holder:
            public = bytes.fromhex(holder)

        for name in ("exp", "nbf", "iat"):
            if name + "_in" in changes:
                changes[name] = self.bench.now + changes.pop(name + "_in")
        if nonce:
            changes["nonce"] = bytes.fromhex(nonce)
        if other_lock:
            changes["lock"] = other_lock.encode()
        if group:
            changes["aud"] = GROUP
        cti = bytes.fromhex(cti) if cti else self.bench.random(8)
        return {"token": self.bench.token(Holder, cti=cti, **changes).hex(), "cti": cti.hex()}

    def bound_to(self, hello, challenge):
        """The challenge that the lock of this K_lock really gave: the cloud signs no token for another's."""
        found, _ = exchange.open_status(
            keys.status_key(K_LOCK), bytes.fromhex(hello), bytes.fromhex(challenge)
        )
        return {"nonce": found.hex()}

    def countersign(self, data):
        raw = bytes.fromhex(data)
        parsed = receipt.open(keys.receipt_key(K_LOCK), raw)
        digest = receipt.digest(raw)
        covered = receipt.countersign_input(parsed.lock_id, parsed.seq, digest)
        kid = keys.kid(keys.COUNTERSIGN, COUNTERSIGNER.public)
        word = {
            "digest": digest.hex(),
            "kid": kid.hex(),
            "countersignature": COUNTERSIGNER.sign(covered).hex(),
        }
        return {
            "word": word,
            "key": COUNTERSIGNER.public.hex(),
            "type": receipt.NAMES[parsed.type],
            "seq": parsed.seq,
        }

    def open_batch(self, data):
        found = exchange.open_batch(keys.batch_key(K_LOCK), bytes.fromhex(data))
        return {"receipts": [one.hex() for one in found]}

    def advertised(self, index):
        """An advertising key, and what a lock shows under it in slots 0 to 255."""
        adv_key = keys.adv_key(K_LOCK, index)
        return {
            "key": adv_key.hex(),
            "values": [keys.adv_payload(adv_key, slot).hex() for slot in range(256)],
        }

    # --- CBOR, as the lock reads it

    def cbor_cases(self, seed=1):
        """{item: its value in plain JSON, or null where it is refused}: the tests' own cases, and mutations of them."""
        good = [bytes.fromhex(text) for text, _ in test_cbor.GOOD]
        bad = (test_cbor.NOT_WELL_FORMED + test_cbor.NOT_DETERMINISTIC).split()
        items = good + [bytes.fromhex(text) for text in bad]
        draw = random.Random(seed)
        for _ in range(_MUTANTS):
            item = bytearray(draw.choice(good) + draw.choice(good)[: draw.randrange(2)])
            for _ in range(draw.randrange(1, 3)):
                item[draw.randrange(len(item))] ^= 1 << draw.randrange(8)
            items.append(bytes(item))
        return {"cases": {item.hex(): _plain_or_none(item) for item in items}}


def _plain_or_none(item):
    try:
        return _plain(cbor.decode(item))
    except cbor.CborError:
        return None


def _plain(value):
    """A value in JSON that every language reads alike: {"int": "1"}, {"bytes": hex}, {"map": [[key, value]]}, ..."""
    if value is None or value is True or value is False:
        return {"simple": value}
    if isinstance(value, int):
        return {"int": str(value)}
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    if isinstance(value, str):
        return {"text": value}
    if isinstance(value, list):
        return {"list": [_plain(one) for one in value]}
    if isinstance(value, dict):
        return {"map": [[_plain(k), _plain(value[k])] for k in value]}
    return {"tag": [str(value.number), _plain(value.value)]}


ORDERS = (
    "provision wait close_ring jam battery still quarantine state connect frame leave town lose_clock office roll_out "
    "rows token bound_to countersign open_batch advertised cbor_cases"
).split()


def main():
    lock = PipedLock()
    for line in sys.stdin:
        order = json.loads(line)
        name = order.pop("order")
        try:
            answer = getattr(lock, name)(**order) if name in ORDERS else {"error": "no such order"}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        if lock.site:
            lock.site.now = lock.bench.now
        print(json.dumps(answer), flush=True)
    if lock.bench:
        lock.bench.close()


if __name__ == "__main__":
    main()
