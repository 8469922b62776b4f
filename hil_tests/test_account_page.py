"""Everybody's own page in a real browser: signing up by a mailed link, and a second factor that Chromium's own virtual
authenticator holds."""

import email
import secrets
import socket
import time
from email.policy import default

import pyotp
import pytest
from playwright.sync_api import expect

from cloud import config, context, operators, testmail, tickets, users
from cloud.reach import EVERYTHING, Reach
from hil_tests.browser import barriers
from tools.cli_operator import add_user
from tools.processes import Processes, free_port
from tools.up import CloudRun, sqlite_url

pytestmark = pytest.mark.web

PASSWORD = "long enough to keep"


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    """A whole cloud as `ringslot up` runs it: staff needs a second factor, mails are files."""
    folder = tmp_path_factory.mktemp("cloud")
    with Processes(folder / "logs") as children:
        run = CloudRun(
            children,
            secrets.token_urlsafe(32),
            sqlite_url(folder / "ringslot.db"),
            web=f"127.0.0.1:{free_port()}",
            coap=f"127.0.0.1:{free_port(socket.SOCK_DGRAM)}",
            extra={"RINGSLOT_MAIL_FOLDER": str(folder / "mail")},
        )
        run.start()
        run.mails = folder / "mail"
        run.address = (
            f"http://localhost:{run.web.rpartition(':')[2]}"  # a passkey is for a name, not a number
        )
        run.context = context.make(config.from_environment(run.environ))
        yield run
        run.context.db.close()


def mailed(cloud, to, subject):
    """The link in a mail, once it has come."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        for file in cloud.mails.glob("*.eml"):
            made = email.message_from_bytes(file.read_bytes(), policy=default)
            if made["To"] == to and made["Subject"] == subject:
                token = testmail.link(made)
                lines = made.get_content().splitlines()
                return next(line for line in lines if line.strip().endswith("=" + token)).strip()
        time.sleep(0.1)
    raise AssertionError(f"no mail {subject!r} came")


def authenticator(page):
    """Chromium's own virtual authenticator, with a finger that it knows."""
    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    made = devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})["authenticatorId"]
    return devtools, made


def sign_in(page, login, path="/account"):
    page.goto(path)
    page.get_by_label("Login or e-mail address").fill(login)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


def test_signing_up_by_a_mailed_link_and_then_a_new_password(browser, cloud):
    with browser.visitor(cloud.address) as page:
        page.goto("/account")
        form = page.locator("form", has=page.get_by_role("heading", name="New here?"))
        form.get_by_label("E-mail address").fill("anna@example.org")
        assert barriers(page) == []
        form.get_by_role("button").click()
        expect(form.get_by_role("status")).to_have_text("A mail is on its way to that address.")
        page.goto(mailed(cloud, "anna@example.org", "Confirm your address"))
        page.get_by_label("Password").fill(PASSWORD)
        assert "=" not in page.url, "the token stays in no history"
        page.get_by_role("button", name="Sign up").click()
        page.get_by_role("link", name="Go on").click()
        sign_in(page, "anna@example.org")
        page.get_by_role("heading", name="My account").wait_for()
        expect(page.get_by_text("anna@example.org")).to_be_visible()
        assert barriers(page) == []
        form = page.locator("form", has=page.get_by_role("heading", name="Another password"))
        form.get_by_label("Password").fill(PASSWORD + " still")
        form.get_by_role("button").click()
        expect(form.get_by_role("status")).to_have_text("Saved.")


def test_a_mail_about_a_dispute_leads_to_it(browser, cloud):
    add_user(cloud.context, "berta", PASSWORD, "rider")
    with cloud.context.db.writing() as session:
        berta = users.by_name(session, "berta")
        berta.email = "berta@example.org"
        operator = operators.for_new(session, EVERYTHING, None, cloud.context.now())
        asked = ("support", "The <b>saddle</b>", "It is loose.\nSince yesterday.", None, operator)
        number = tickets.create(session, cloud.context, Reach(berta.user_id), *asked).ticket_id
    with browser.visitor(cloud.address) as page:
        page.goto(mailed(cloud, "berta@example.org", f"We have your message ({number})"))
        page.get_by_label("Login or e-mail address").fill("berta")
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_role("button", name="Sign in", exact=True).click()
        page.get_by_role("heading", name="The <b>saddle</b>").wait_for()
        page.get_by_label("Message").fill("Still loose.")
        page.get_by_role("button", name="Send").click()
        expect(page.get_by_role("listitem")).to_have_count(2)
        assert barriers(page) == []


def test_staff_sets_up_a_passkey_first_and_signs_in_with_it(browser, cloud):
    add_user(cloud.context, "chief", PASSWORD, "admin")
    with browser.visitor(cloud.address) as page:
        devtools, made = authenticator(page)
        sign_in(page, "chief", "/console")
        page.get_by_text("Staff sign in with a second factor").wait_for()
        page.get_by_role("button", name="Add", exact=True).click()
        expect(page.locator(".codes li")).to_have_count(10)
        assert barriers(page) == []
        page.get_by_role("button", name="I have kept them").click()
        page.get_by_role("link", name="To the console").click()
        page.get_by_role("heading", name="Fleet", exact=True).wait_for()
        page.get_by_role("button", name="Sign out").click()
        page.get_by_role("button", name="Sign in with a passkey").click()
        page.get_by_role("heading", name="Fleet", exact=True).wait_for()
        (kept,) = devtools.send("WebAuthn.getCredentials", {"authenticatorId": made})["credentials"]
        assert kept["rpId"] == "localhost" and kept["isResidentCredential"] and kept["signCount"] >= 2
        page.get_by_role("button", name="Sign out").click()
        devtools.send("WebAuthn.setUserVerified", {"authenticatorId": made, "isUserVerified": False})
        again = page.get_by_role("button", name="Sign in with a passkey")
        again.click()
        expect(again).to_be_enabled()  # the attempt is over
        expect(page.get_by_role("heading", name="Fleet", exact=True)).to_have_count(0)


def test_staff_sets_up_an_authenticator_app(browser, cloud):
    add_user(cloud.context, "mechanic", PASSWORD, "technician")
    with browser.visitor(cloud.address) as page:
        sign_in(page, "mechanic")
        page.get_by_role("button", name="Set up an authenticator app").click()
        secret = page.locator("section code").first.inner_text()
        expect(page.get_by_alt_text("QR code for the authenticator app")).to_be_visible()
        page.get_by_label("Code", exact=True).fill(pyotp.TOTP(secret).now())
        page.get_by_role("button", name="Confirm").click()
        recovery = page.locator(".codes li").first.inner_text()
        page.get_by_role("button", name="I have kept them").click()
        page.get_by_text("An authenticator app is set up.").wait_for()
        page.context.clear_cookies()
        sign_in(page, "mechanic", "/console")
        expect(page.get_by_role("alert").first).to_have_text(
            "The password is right; give the second factor too."
        )
        page.get_by_label("Code of your authenticator app").fill(recovery)
        page.get_by_role("button", name="Sign in", exact=True).click()
        page.get_by_role("heading", name="Fleet", exact=True).wait_for()
