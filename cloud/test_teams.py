import pytest

from cloud import mail, testmail
from cloud.test_factors import sign_in, with_totp
from cloud.testmail import Mailbox
from cloud.testsite import PASSWORD, Site, problem

TOM = "tom@example.org"


@pytest.fixture
def site(tmp_path):
    mailbox = Mailbox()
    with testmail.server(tmp_path, mailbox) as post:
        made = Site(tmp_path, post=post, staff_second_factor=True)
        made.mailbox = mailbox
        made.north = made.operator("North")
        made.chief = made.person("admin", login="chief", operator=made.north)
        yield made
        made.close()


def invited(site, email=TOM, by=None, **more):
    """The token in the mail."""
    answer = (by or site.chief).post("/staff-invitations", **{"email": email, "role": "technician", **more})
    assert answer.status_code == 202, answer.get_json()
    before = len(site.mailbox.taken)
    mail.send_due(site.cloud, site.now)
    made = [each for each in site.mailbox.taken[before:] if each["To"] == email]
    return testmail.link(made[-1]), made[-1].get_content()


def confirm(site, token, **more):
    fields = {"token": token, "password": PASSWORD, **more}
    return site.client.post("/api/v1/staff-invitations/confirm", json=fields)


def test_who_is_invited_joins_that_operator_and_gets_a_second_factor_first(site):
    token, text = invited(site)
    assert "North" in text and "technician" in text
    joined = confirm(site, token, login="Tom").get_json()
    assert (joined["login"], joined["role"], joined["operator_id"]) == ("tom", "technician", site.north)
    problem(confirm(site, token), 410, "link_over")
    tom = sign_in(site, TOM)
    assert tom.enrol is True
    problem(tom.get("/locks"), 403, "second_factor_needed")
    with_totp(site, tom)
    assert tom.get("/locks").status_code == 200
    assert {row["login"] for row in site.chief.get("/staff").get_json()["staff"]} == {"chief", "tom"}


def test_only_an_admin_invites_and_only_to_their_own_operator(site):
    south = site.operator("South")
    fields = {"email": TOM, "role": "admin"}
    problem(
        site.person("technician", operator=site.north).post("/staff-invitations", **fields), 403, "forbidden"
    )
    problem(site.chief.post("/staff-invitations", **fields, operator=south), 404, "not_found")
    problem(site.chief.post("/staff-invitations", email=TOM, role="rider"), 422, "invalid")
    token, _text = invited(site, by=site.person("admin"), operator=south)
    assert confirm(site, token).get_json()["operator_id"] == south
    site.now += 601
    problem(site.chief.post("/staff-invitations", **fields), 403, "prove_again")


def test_a_login_that_is_taken_spends_no_invitation(site):
    token, _text = invited(site)
    problem(confirm(site, token, login="chief"), 409, "login_taken")
    assert confirm(site, token).status_code == 201


def test_who_has_an_account_accepts_with_it_and_nobody_else_can(site):
    first, _text = invited(site)
    tom_id = confirm(site, first).get_json()["user_id"]
    assert site.chief.delete(f"/staff/{tom_id}").status_code == 204  # a rider now
    tom = sign_in(site, TOM)
    token, _text = invited(site, role="admin")
    problem(confirm(site, token), 401, "sign_in")
    problem(site.person().post("/staff-invitations/accept", token=token), 410, "link_over")
    assert tom.post("/staff-invitations/accept", token=token).get_json()["role"] == "admin"
    problem(tom.get("/locks"), 403, "second_factor_needed")
    problem(tom.post("/staff-invitations/accept", token=token), 403, "second_factor_needed")


def test_the_last_admin_of_an_operator_cannot_be_removed(site):
    other = site.person("admin", operator=site.north)
    assert other.patch(f"/staff/{site.chief.user_id}", role="technician").status_code == 200
    problem(other.delete("/me"), 409, "last_admin")
    platform = site.person("admin")
    problem(platform.patch(f"/staff/{other.user_id}", role="technician"), 409, "last_admin")
    problem(platform.delete(f"/staff/{other.user_id}"), 409, "last_admin")


def test_who_lost_every_factor_is_let_in_again_by_an_admin_only(site):
    token, _text = invited(site)
    confirm(site, token, login="tom")
    tom = sign_in(site, TOM)
    _secret, codes = with_totp(site, tom)
    problem(sign_in(site, TOM), 401, "second_factor")
    stranger = site.person("admin", operator=site.operator("South"))
    problem(stranger.delete(f"/staff/{tom.user_id}/factors"), 404, "not_found")
    assert site.chief.delete(f"/staff/{tom.user_id}/factors").status_code == 204
    problem(tom.get("/me"), 401, "sign_in")
    again = sign_in(site, TOM)
    assert again.enrol is True
    assert sign_in(site, TOM, code=codes[0]).enrol is True, "what was lost counts no more"
    mail.send_due(site.cloud, site.now)
    assert site.mailbox.taken[-1]["Subject"] == "How you sign in was changed"
