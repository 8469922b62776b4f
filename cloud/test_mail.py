import logging
import stat
from email import message_from_bytes
from email.policy import default

import pytest

from cloud import config, letters, mail, testdatabase, testmail
from cloud.config import Post
from cloud.tables import Mail
from cloud.testmail import Mailbox
from cloud.testsite import Site

LINK = {"link": "https://x/account#reset=T"}


@pytest.fixture
def posted(tmp_path):
    """(site, what its mail server took)"""
    mailbox = Mailbox()
    with testmail.server(tmp_path, mailbox) as post:
        made = Site(tmp_path, post=post)
        yield made, mailbox
        made.close()


def write(site, to="anna@example.org", language="en", **more):
    with site.cloud.db.writing() as session:
        return mail.queue(session, site.cloud.box, "reset", to, language, site.now, LINK, **more)


def rows(site):
    with site.cloud.db.reading() as session:
        return session.query(Mail).order_by(Mail.created_at, Mail.mail_id).all()


def test_a_mail_goes_over_tls_with_a_password_and_only_once(posted):
    site, mailbox = posted
    mail_id = write(site)
    write(site, "bert@example.org", "nl")
    assert mail.send_due(site.cloud, site.now) == 2
    assert mail.send_due(site.cloud, site.now + 86400) == 0
    assert mailbox.secure == [True, True] and mailbox.connections == 1
    made = {each["To"]: each for each in mailbox.taken}
    english, dutch = made["anna@example.org"], made["bert@example.org"]
    assert english["Subject"] == "Choose a new password" and dutch["Subject"] == "Kies een nieuw wachtwoord"
    assert english["From"] == "bikes@fleet.example" and english["Auto-Submitted"] == "auto-generated"
    assert english["Message-ID"] == f"<{mail_id}@fleet.example>"
    assert (
        english.get_content_type() == "text/plain"
        and "https://x/account#reset=T\r\n" in english.get_content()
    )
    assert testmail.link(english) == "T"
    for row in rows(site):
        assert (row.sent_at, row.tries, row.wrapped, row.due_at) == (site.now, 1, None, None)


def test_the_database_shows_no_address_and_no_link_at_rest(site):
    write(site, "canary@example.org")
    stored = testdatabase.stored(site.cloud.db)
    assert b"canary" not in stored and b"#reset" not in stored and b"reset" in stored


def test_what_the_server_puts_off_is_tried_again_ever_later_and_then_given_up(posted, caplog):
    site, mailbox = posted
    mailbox.answers["anna@example.org"] = "451 4.7.1 come back later, anna@example.org"
    write(site)
    now, tried = site.now, []
    while now < site.now + 3 * 86400:
        if mail.send_due(site.cloud, now):
            tried.append(now - site.now)
        now += 30
    (row,) = rows(site)
    waits = [later - earlier for earlier, later in zip(tried, tried[1:], strict=False)]
    assert waits[:5] == list(mail.WAITS_S) and set(waits[5:]) == {mail.WAITS_S[-1]}
    assert tried[-1] <= mail.UNTIL_S and row.sent_at is None and row.wrapped is None
    assert row.error == "given up; SMTP 451" and row.tries == len(tried)
    assert "anna" not in caplog.text and "given up" in caplog.text
    mailbox.answers.clear()
    write(site)
    site.now = now
    write(site)
    assert mail.send_due(site.cloud, now) == 1, "the one that is too old stays"


def test_what_the_server_refuses_for_good_is_given_up_and_holds_up_no_other(posted):
    site, mailbox = posted
    mailbox.answers["nobody@example.org"] = "550 5.1.1 no such mailbox"
    write(site, "nobody@example.org")
    write(site, "anna@example.org")
    assert mail.send_due(site.cloud, site.now) == 2
    assert {(row.error, row.sent_at, row.wrapped, row.due_at) for row in rows(site)} == {
        ("SMTP 550", None, None, None),
        (None, site.now, None, None),
    }
    assert [each["To"] for each in mailbox.taken] == ["anna@example.org"]


@pytest.mark.parametrize("broken", ["away", "stranger", "password", "plain"])
def test_no_mail_leaves_by_a_way_that_does_not_hold(tmp_path, broken, caplog):
    mailbox = Mailbox()
    with testmail.server(tmp_path, mailbox) as post:
        wrong = {
            "away": Post("127.0.0.1", 1, sender=post.sender),
            "stranger": Post(post.host, post.port, post.user, post.password, True, "", post.sender),
            "password": Post(post.host, post.port, post.user, "wrong", True, post.authorities, post.sender),
            "plain": Post(post.host, post.port, "", "", False, "", post.sender),
        }[broken]
        made = Site(tmp_path, post=wrong)
        write(made)
        assert mail.send_due(made.cloud, made.now) == 1
        (row,) = rows(made)
        assert row.sent_at is None and row.due_at == made.now + mail.WAITS_S[0] and row.wrapped
        assert row.error and mailbox.taken == []
        assert testmail.PASSWORD not in caplog.text and "anna" not in caplog.text
        made.close()


def test_a_worker_that_died_while_sending_costs_a_wait_and_no_mail(posted):
    site, mailbox = posted
    write(site)
    assert len(mail._lease(site.cloud, site.now)) == 1  # and then it dies
    assert mail.send_due(site.cloud, site.now + mail.LEASE_S - 1) == 0, "two workers send one mail once"
    assert mail.send_due(site.cloud, site.now + mail.LEASE_S) == 1
    assert len(mailbox.taken) == 1


def test_without_a_server_each_mail_is_a_file_for_its_owner_only(tmp_path):
    made = Site(tmp_path, post=Post(folder=str(tmp_path / "mail")))
    mail_id = write(made)
    mail.send_due(made.cloud, made.now)
    file = tmp_path / "mail" / f"{mail_id}.eml"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    kept = message_from_bytes(file.read_bytes(), policy=default)
    assert kept["To"] == "anna@example.org" and testmail.link(kept) == "T"
    made.close()


def test_with_neither_mail_waits_and_is_given_up_in_time(site, caplog):
    write(site, until=site.now + 3600)
    assert mail.send_due(site.cloud, site.now + 3600) == 0 and rows(site)[0].wrapped
    assert mail.send_due(site.cloud, site.now + 3601) == 0 and rows(site)[0].error == "given up; never tried"
    assert rows(site)[0].wrapped is None and logging.getLevelName("WARNING") and "never tried" in caplog.text


def test_that_a_mail_was_sent_is_forgotten_after_a_while(posted):
    site, _mailbox = posted
    write(site)
    mail.send_due(site.cloud, site.now)
    mail.forget(site.cloud, site.now + mail.KEEP_S)
    assert len(rows(site)) == 1
    mail.forget(site.cloud, site.now + mail.KEEP_S + 1)
    assert rows(site) == []


def test_every_letter_says_the_same_in_every_language():
    fields = {
        kind: {language: set(_braces(text) + _braces(subject)) for language, (subject, text) in said.items()}
        for kind, said in letters.LETTERS.items()
    }
    for kind, named in fields.items():
        assert set(named) == set(letters.FOOT), kind
        assert named["en"] == named["nl"], kind
        values = {name: f"<{name}>" for name in named["en"]}
        for language in named:
            subject, text = letters.write(kind, language, values)
            assert (
                "{" not in subject + text and "\n" not in subject and max(map(len, text.splitlines())) < 130
            )
    assert letters.write("reset", None, {"link": "x"}) == letters.write("reset", "en", {"link": "x"})


def _braces(text):
    return [part.partition("}")[0] for part in text.split("{")[1:]]


@pytest.mark.parametrize(
    "address",
    [
        "",
        "a",
        "a@",
        "@b",
        "a b@c.d",
        "a@b@c",
        "a@b.c\r\nBcc: x@y",
        "a@b\n",
        "a..b@c",
        "a@-b",
        "a@b..c",
        "ä@b.c",
        '"a"@b',
        "a@" + "b" * 254,
    ],
)
def test_what_is_no_address_is_refused(site, address):
    assert not config.ADDRESS.fullmatch(address)
    answer = site.client.post("/api/v1/sign-ups", json={"email": address})
    assert answer.status_code == 422 and answer.get_json()["errors"][0]["field"] == "email"


@pytest.mark.parametrize("address", ["a@b", "anna.b+c@mail.example.org", "o'neil@x-y.example"])
def test_what_is_an_address_is_taken(address):
    assert config.ADDRESS.fullmatch(address)
