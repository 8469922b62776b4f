import pytest

from cloud import accounts, mail, testdatabase, testmail, tickets, watch
from cloud.reach import EVERYTHING
from cloud.tables import User
from cloud.testmail import Mailbox
from cloud.testride import ride
from cloud.testsite import Person, Site, problem

DAY = 86400
ASKED = {"kind": "support", "subject": "The saddle", "text": "It is loose.\nSince yesterday."}


@pytest.fixture
def site(tmp_path):
    mailbox = Mailbox()
    with testmail.server(tmp_path, mailbox) as post:
        made = Site(tmp_path, post=post)
        made.mailbox = mailbox
        yield made
        made.close()


@pytest.fixture
def fleet(site):
    site.north, site.south = site.operator("North"), site.operator("South")
    site.anna = site.person("rider", login="anna")
    with site.cloud.db.writing() as session:
        session.get(User, site.anna.user_id).email = "anna@example.org"
    site.tess = site.person("technician", login="tess", operator=site.north)
    site.other = site.person("admin", login="otto", operator=site.south)
    return site


def mails(site):
    before = len(site.mailbox.taken)
    mail.send_due(site.cloud, site.now)
    return [(made["To"], made["Subject"], made.get_content()) for made in site.mailbox.taken[before:]]


def opened(site, person, **more):
    answer = person.post("/tickets", **{**ASKED, "operator": site.north, **more})
    assert answer.status_code == 201, answer.get_json()
    return answer.get_json()


def test_a_dispute_of_a_ride_goes_to_whoever_runs_that_bicycle(fleet):
    bike = fleet.bike(operator=fleet.south)
    ride(fleet, bike, fleet.anna)
    ridden = fleet.anna.get("/rides").get_json()["rides"][0]["ride_id"]
    made = opened(fleet, fleet.anna, kind="dispute", ride=ridden)
    assert (made["operator_id"], made["ride_id"], made["state"]) == (fleet.south, ridden, "open")
    path = f"/tickets/{made['ticket_id']}"
    assert fleet.other.get(path).get_json()["messages"][0]["text"] == ASKED["text"]
    problem(fleet.tess.get(path), 404, "not_found")
    stranger = fleet.person()
    problem(stranger.post("/tickets", **{**ASKED, "ride": ridden}), 404, "not_found")


def test_strangers_see_and_touch_nothing_of_a_ticket(fleet):
    path = f"/tickets/{opened(fleet, fleet.anna)['ticket_id']}"
    for stranger in (fleet.person(), fleet.other, fleet.person("technician", operator=fleet.south)):
        for answer in (
            stranger.get(path),
            stranger.post(path + "/messages", text="hello"),
        ):
            problem(answer, 404, "not_found")
        assert stranger.get("/tickets").get_json()["tickets"] == []
    for answer in (
        fleet.other.post(path + "/acknowledge"),
        fleet.other.post(path + "/decision", outcome="refused", reason="no"),
    ):
        problem(answer, 404, "not_found")
    for answer in (
        fleet.anna.post(path + "/acknowledge"),
        fleet.anna.post(path + "/decision", outcome="upheld", reason="yes"),
    ):
        problem(answer, 403, "forbidden")
    assert len(fleet.tess.get("/tickets").get_json()["tickets"]) == 1
    assert len(fleet.person("admin").get("/tickets").get_json()["tickets"]) == 1, "the platform sees all"


def test_a_named_person_decides_with_a_reason_and_the_rider_is_mailed_at_each_step(fleet):
    made = opened(fleet, fleet.anna)
    number = made["ticket_id"]
    path = f"/tickets/{number}"
    assert [(to, subject) for to, subject, _ in mails(fleet)] == [
        ("anna@example.org", f"We have your message ({number})")
    ]
    said = fleet.tess.post(path + "/messages", text="We come tomorrow.")
    assert said.get_json()["state"] == "acknowledged"
    ((_to, subject, text),) = mails(fleet)
    assert subject == f"An answer to {number}" and "tess wrote" in text and "We come tomorrow." in text
    fleet.anna.post(path + "/messages", text="Thank you.")
    assert mails(fleet) == []
    problem(fleet.tess.post(path + "/decision", outcome="upheld", reason=" \n "), 422, "invalid")
    decided = fleet.tess.post(path + "/decision", outcome="upheld", reason="It was loose.").get_json()
    assert (decided["decided_by"], decided["outcome"], decided["state"]) == ("tess", "upheld", "decided")
    ((_to, subject, text),) = mails(fleet)
    assert subject == f"Decided: {number}" and "tess decided" in text and "you are right" in text
    written = fleet.anna.get(path).get_json()["messages"]
    assert [(m["by"], m["staff"], m["decides"]) for m in written] == [
        ("me", False, False),
        ("tess", True, False),
        ("me", False, False),
        ("tess", True, True),
    ]
    for answer in (
        fleet.tess.post(path + "/decision", outcome="refused", reason="no"),
        fleet.tess.post(path + "/messages", text="one more"),
    ):
        problem(answer, 409, "ticket_closed")


def test_what_happens_to_a_ticket_is_told_to_its_people_and_without_a_word_of_it(fleet):
    made = opened(fleet, fleet.anna)
    path = f"/tickets/{made['ticket_id']}"
    fleet.tess.post(path + "/messages", text="We come tomorrow.")
    fleet.anna.post(path + "/messages", text="Thank you.")
    fleet.tess.post(path + "/acknowledge")  # was, by the first answer
    fleet.tess.post(path + "/decision", outcome="upheld", reason="It was loose.")
    fleet.anna.post(path + "/messages", text="It is loose again.")

    def told(person):
        events = person.get("/events/history").get_json()["events"]
        return [event for event in reversed(events) if event["kind"].startswith("ticket.")]

    assert [(event["kind"].partition(".")[2], event["data"]["state"]) for event in told(fleet.tess)] == [
        ("opened", "open"),
        ("acknowledged", "acknowledged"),
        ("answered", "acknowledged"),
        ("written", "acknowledged"),
        ("decided", "decided"),
        ("written", "open"),
    ]
    assert told(fleet.anna) == told(fleet.tess) == told(fleet.person("admin"))
    assert {event["subject"] for event in told(fleet.anna)} == {made["ticket_id"]}
    assert {name for event in told(fleet.anna) for name in event["data"]} == {"code", "state"}
    assert told(fleet.other) == [] == told(fleet.person())
    boss = fleet.person("admin", operator=fleet.north)
    scopes = ["fleet:read", "rides:read", "tracks:read"]
    made = boss.post("/clients", name="Partner", kind="key", scopes=scopes).get_json()
    program = Person(fleet.app.test_client(use_cookies=False), "", made["secret"], program=True)
    assert program.get("/events/history").status_code == 200 and told(program) == []


def test_nobody_decides_about_their_own(fleet):
    path = f"/tickets/{opened(fleet, fleet.tess)['ticket_id']}"
    problem(fleet.tess.post(path + "/acknowledge"), 403, "own_ticket")
    problem(fleet.tess.post(path + "/decision", outcome="upheld", reason="mine"), 403, "own_ticket")
    assert fleet.tess.post(path + "/messages", text="please").get_json()["state"] == "open"
    colleague = fleet.person("technician", operator=fleet.north)
    assert colleague.post(path + "/decision", outcome="refused", reason="no").status_code == 201


def test_the_clock_runs_at_weekends_and_says_what_is_late(fleet):
    made = opened(fleet, fleet.anna)
    path = f"/tickets/{made['ticket_id']}"
    assert made["acknowledge_by"] == fleet.now + 48 * 3600 and made["answer_by"] == fleet.now + 28 * DAY

    def late():
        with fleet.cloud.db.reading() as session:
            found = [row.missed for row in tickets.overdue(session, EVERYTHING, fleet.now)]
        shown = fleet.tess.get("/tickets?late=true").get_json()["tickets"]
        assert [row["late"] for row in shown] == found
        return found

    start = fleet.now
    fleet.now = start + 48 * 3600
    assert late() == []
    fleet.now += 1
    assert late() == ["acknowledgement"]
    assert waits(fleet) == ["A question waits for its acknowledgement, which was due just now"]
    assert fleet.tess.post(path + "/acknowledge").get_json()["acknowledged_at"] == fleet.now
    assert late() == [] and waits(fleet) == []
    fleet.now = start + 28 * DAY + 1
    fleet.tess = fleet.person("technician", login="tom", operator=fleet.north)
    assert late() == ["answer"]
    fleet.tess.post(path + "/decision", outcome="answered", reason="at last")
    assert late() == []


def waits(site):
    """What the attention queue says of tickets."""
    watch.settle(site.cloud, site.now)
    items = site.tess.get("/attention?code=question").get_json()["items"]
    return [item["evidence"] for item in items]


def test_who_disagrees_writes_again_and_the_clock_runs_anew(fleet):
    path = f"/tickets/{opened(fleet, fleet.anna)['ticket_id']}"
    fleet.tess.post(path + "/decision", outcome="refused", reason="no")
    fleet.now += tickets.REOPEN_S
    fleet.anna, fleet.tess = again(fleet, "anna"), again(fleet, "tess")
    reopened = fleet.anna.post(path + "/messages", text="But look.").get_json()
    assert (reopened["state"], reopened["outcome"], reopened["decided_by"]) == ("open", None, None)
    assert reopened["acknowledge_by"] == fleet.now + 48 * 3600
    fleet.tess.post(path + "/decision", outcome="partly", reason="half")
    fleet.now += tickets.REOPEN_S + 1
    fleet.anna = again(fleet, "anna")
    problem(fleet.anna.post(path + "/messages", text="No!"), 409, "ticket_closed")


def again(site, login):
    """The same person, whose session has ended by now."""
    from cloud import sessions, users
    from cloud.testsite import Person

    with site.cloud.db.writing() as session:
        user_id = users.by_name(session, login).user_id
        token, _expires = sessions.start(session, user_id, site.now, second=True)
    return Person(site.app.test_client(use_cookies=False), user_id, token)


def test_without_a_ride_the_operator_is_named_unless_there_is_one(site, fleet):
    problem(fleet.anna.post("/tickets", **ASKED), 422, "name_operator")
    problem(fleet.anna.post("/tickets", **ASKED, operator="nobody"), 404, "not_found")


def test_open_messages_of_one_rider_are_bounded(fleet):
    for n in range(tickets.OPEN_MOST):
        opened(fleet, fleet.anna, subject=f"Thing {n}")
    problem(fleet.anna.post("/tickets", **ASKED, operator=fleet.north), 429, "too_many")
    fleet.now += 3600
    problem(fleet.anna.post("/tickets", **ASKED, operator=fleet.north), 409, "ticket_limit")


def test_pages_of_tickets_follow_each_other_the_longest_waiting_first(fleet):
    numbers = []
    for n in range(5):
        fleet.now += n % 2  # some at one moment
        numbers.append(opened(fleet, fleet.anna)["ticket_id"])
    seen, query = [], "?limit=2"
    while query:
        page = fleet.tess.get("/tickets" + query).get_json()
        seen += [row["ticket_id"] for row in page["tickets"]]
        query = f"?limit=2&cursor={page['next']}" if page["next"] else ""
    assert sorted(seen) == sorted(numbers) and seen[-1] in numbers[3:] and len(set(seen)) == 5
    fleet.tess.post(f"/tickets/{seen[0]}/acknowledge")
    states = {
        state: len(fleet.tess.get(f"/tickets?state={state}").get_json()["tickets"])
        for state in tickets.STATES
    }
    assert states == {"open": 4, "acknowledged": 1, "decided": 0}


def test_leaving_waits_for_a_dispute_and_takes_its_words_along(fleet):
    path = f"/tickets/{opened(fleet, fleet.anna, subject='canary saddle', text='canary text')['ticket_id']}"
    assert fleet.anna.delete("/me").get_json() == {"erased": False, "waits": ["ticket"]}
    fleet.tess.post(path + "/decision", outcome="answered", reason="canary is right")
    assert accounts.erase_due(fleet.cloud, fleet.now) == 1
    with fleet.cloud.db.reading() as session:
        for table in reversed(User.metadata.sorted_tables):
            assert "canary" not in str(session.execute(table.select()).all()), table
    assert fleet.tess.get(path).get_json()["outcome"] == "answered"
    assert testdatabase.stored(fleet.cloud.db)


def test_what_was_decided_long_ago_is_forgotten(fleet):
    support = opened(fleet, fleet.anna)["ticket_id"]
    dispute = opened(fleet, fleet.anna, kind="dispute")["ticket_id"]
    waiting = opened(fleet, fleet.anna)["ticket_id"]
    for number in (support, dispute):
        fleet.tess.post(f"/tickets/{number}/decision", outcome="answered", reason="yes")
    assert tickets.forget(fleet.cloud, fleet.now + 365 * DAY) == 0
    assert tickets.forget(fleet.cloud, fleet.now + 365 * DAY + 1) == 1
    assert tickets.forget(fleet.cloud, fleet.now + 3650 * DAY + 1) == 1
    left = fleet.anna.get("/tickets").get_json()["tickets"]
    assert [row["ticket_id"] for row in left] == [waiting]
