"""A phone that is lost in the middle of a ride: its rider signs in on another, finds the ride, takes it over, goes on
and ends it; whoever found the first one can do nothing with it. The real lock logic, the real cloud."""

import pytest

from cloud import passwords, users
from hil_tests.street import LOCK_ID, Street, Template, b64, public, unb64
from protocol import exchange, receipt, status

PASSWORD = "remembered, not written down"


@pytest.fixture(scope="module")
def template():
    made = Template()
    yield made
    made.close()


@pytest.fixture
def street(template):
    made = Street(template)
    with made.cloud.db.writing() as session:
        users.by_name(session, "first").password = passwords.make(PASSWORD)
    yield made
    made.close()


class Phone:
    """A phone in somebody's hand: signed in by password, with a key of its own."""

    def __init__(self, street, key):
        self.street, self.key, self.token = street, key, None
        fields = {"login": "first", "password": PASSWORD, "device": key}
        answer = street.app.test_client().post("/api/v1/sessions", json=fields)
        self.token = answer.get_json()["token"]

    def api(self, method, path, **body):
        headers = {"Authorization": f"Bearer {self.token}"}
        answer = self.street.app.test_client().open(
            "/api/v1" + path, method=method, json=body or None, headers=headers
        )
        return answer.status_code, answer.get_json(silent=True)

    def at_lock(self, command, token, cti):
        """One link: HELLO, REQUEST by this phone's key; -> what the lock answered."""
        link = self.street.link()
        greeting = self.street.run(link.hello())
        if callable(token):
            token = token(*greeting)
        result = self.street.run(link.ask(greeting, command, token, bytes.fromhex(cti), self.key))
        link.leave()
        self.street.wait(0.2)
        return result


def ridden_off(street):
    """(the phone, its claim) on a bike that its rider parked with it."""
    lost = Phone(street, "lost")
    code, claim = lost.api("POST", "/claims", lock=LOCK_ID.hex(), holder_key=b64(public("lost")), hold=600)
    assert code == 201, claim

    def bound(hello, challenge):  # the lock has only just got its battery and knows no time
        path = f"/claims/{claim['claim_id']}/token"
        return unb64(lost.api("POST", path, hello=b64(hello), challenge=b64(challenge))[1]["token"])

    assert lost.at_lock(exchange.OPEN, bound, claim["cti"]).status == status.OK
    assert street.bolt_open
    return lost, claim


def park(street):
    street.world.close()
    street.wait(2)
    assert not street.bolt_open and street.state() == "parked"


@pytest.mark.parametrize("cloud_knows", [True, False])
def test_a_ride_goes_on_with_another_phone_and_the_lost_one_is_worth_nothing(street, cloud_knows):
    lost, claim = ridden_off(street)
    if cloud_knows:  # else the phone was lost before it could deliver anything, and the lock has no network
        told = [b64(data) for _, data in sorted(street.told_receipts.items())]
        assert lost.api("POST", "/receipts", receipts=told)[0] == 200
    park(street)

    other = Phone(street, "other")
    code, found = other.api("GET", "/claims")
    (mine,) = [row for row in found["claims"] if row["cti"] == claim["cti"]]
    _code, rides = other.api("GET", "/rides")
    running = [ride for ride in rides["rides"] if ride["state"] != "ended"]
    assert [ride["claim_id"] for ride in running] == ([claim["claim_id"]] if cloud_knows else [])
    path = f"/claims/{mine['claim_id']}/successor"
    code, successor = other.api("POST", path, holder_key=b64(public("other")))
    assert code == 201 and successor["cti"] == claim["cti"] and successor["epoch"] > claim["epoch"]

    assert lost.at_lock(exchange.OPEN, None, claim["cti"]).status == status.OK, (
        "until the new one was at the lock"
    )
    park(street)
    assert other.at_lock(exchange.OPEN, unb64(successor["token"]), claim["cti"]).status == status.OK
    assert street.bolt_open
    park(street)
    for token in (None, unb64(claim["token"])):
        assert lost.at_lock(exchange.OPEN, token, claim["cti"]).status in (status.FORGED, status.OLD)
    assert lost.at_lock(exchange.END, None, claim["cti"]).status == status.FORGED
    assert not street.bolt_open and street.state() == "parked"

    devices = {row["device"]: row for row in other.api("GET", "/sessions")[1]["sessions"]}
    assert other.api("DELETE", f"/sessions/{devices['lost']['session_id']}")[0] == 204
    assert lost.api("GET", "/claims")[0] == 401
    assert lost.api("POST", path, holder_key=b64(public("lost")))[0] == 401

    assert other.at_lock(exchange.END, None, claim["cti"]).status == status.OK
    log = [raw for _, raw in street.lock.receipts.after(0, 1 << 20)]
    kinds = [receipt.parse(raw).type for raw in log]
    assert kinds.count(receipt.SUCCESSOR) == 1 and kinds[-1] == receipt.END
    assert other.api("POST", "/receipts", receipts=[b64(raw) for raw in log])[0] == 200
    (ride,) = other.api("GET", "/rides")[1]["rides"]
    assert (ride["claim_id"], ride["state"], ride["receipts"]) == (claim["claim_id"], "ended", len(log))
    assert other.api("POST", path, holder_key=b64(public("other")))[1]["code"] == "ride_over"


def test_a_stranger_takes_over_nothing(street):
    _lost, claim = ridden_off(street)
    code, said = street.api(
        "second", "POST", f"/claims/{claim['claim_id']}/successor", holder_key=b64(public("thief"))
    )
    assert (code, said["code"]) == (404, "not_found")
