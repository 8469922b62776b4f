"""Groups: whose locks they are, who may use them, and how one gets in and out."""

import pytest
import sqlalchemy as sa

from cloud import limits
from cloud.tables import Invitation, Lock, Member, User
from cloud.testsite import holder_key, problem

COMPANY = "c0ffee01"


class Company:
    """Operator A with a pooled bicycle for the members of its group, and one for everybody."""

    def __init__(self, site):
        self.site, self.operator = site, site.operator("A")
        self.admin = site.person("admin", operator=self.operator)
        self.pooled = site.bike(kind="pooled", group=COMPANY, operator=self.operator)
        self.open = site.bike(operator=self.operator)
        self.change(members_only=True, name="Company")

    def change(self, **fields):
        answer = self.admin.patch(f"/groups/{COMPANY}", **fields)
        assert answer.status_code == 200, answer.get_json()
        return answer.get_json()

    def invite(self, **fields):
        answer = self.admin.post(f"/groups/{COMPANY}/invitations", **fields)
        assert answer.status_code == 201, answer.get_json()
        return answer.get_json()["code"]

    def sees(self, person):
        """Whether the company's bicycle is there for this person, by every way to it."""
        self.site.now += 61  # asking for one that is not there counts as guessing
        listed = self.pooled.code in [bike["code"] for bike in person.get("/bikes").get_json()["bikes"]]
        found = person.get(f"/bikes/{self.pooled.code}").status_code == 200
        made = person.claim(self.pooled, mode="period").status_code == 201
        by_lock = person.post("/claims", lock=self.pooled.hex, holder_key=holder_key(), mode="period")
        assert listed == found == made == (by_lock.status_code == 201)
        assert person.get(f"/bikes/{self.open.code}").status_code == 200
        return listed

    def address(self, person, email):
        """As after its mail was answered."""
        with self.site.cloud.db.writing() as session:
            session.get(User, person.user_id).email = email


@pytest.fixture
def company(site):
    return Company(site)


def test_a_members_bicycle_is_not_there_for_anybody_else(site, company):
    rider = site.person()
    assert not company.sees(rider)
    unknown = problem(rider.claim(company.pooled, mode="period"), 404, "not_found")
    assert unknown == problem(rider.post("/claims", code="NONE", holder_key=holder_key()), 404, "not_found")
    company.change(members_only=False)
    assert company.sees(rider)


def test_staff_of_its_operator_uses_it_and_no_others(site, company):
    assert company.sees(site.person("technician", operator=company.operator))
    stranger = site.person("technician", operator=site.operator("B"))
    problem(stranger.claim(company.pooled, mode="period"), 404, "not_found")


def test_one_joins_by_a_code_and_leaves_again(site, company):
    rider = site.person()
    answer = rider.post("/me/groups", code=company.invite())
    joined = {"group_id": COMPANY, "name": "Company", "operator_id": company.operator}
    assert (answer.status_code, answer.get_json()) == (201, joined)
    assert company.sees(rider) and rider.get("/me/groups").get_json() == {"groups": [joined]}
    assert company.change()["members"] == 1
    assert rider.delete(f"/me/groups/{COMPANY}").status_code == 204
    assert not company.sees(rider)
    problem(rider.delete(f"/me/groups/{COMPANY}"), 404, "not_found")


def test_a_code_is_for_as_many_as_it_says_and_for_so_long(site, company):
    code = company.invite(uses=2)
    first, second, third = (site.person() for _ in range(3))
    for rider in (first, first, second):  # once more by the same is no use more
        assert rider.post("/me/groups", code=code).status_code == 201
    problem(third.post("/me/groups", code=code), 404, "not_found")
    code = company.invite(expires_at=site.now + 60)
    site.now += 60
    problem(third.post("/me/groups", code=code), 404, "not_found")
    code = company.invite()
    assert company.admin.delete(f"/groups/{COMPANY}/invitations").status_code == 204
    problem(third.post("/me/groups", code=code), 404, "not_found")
    for end in (site.now, site.now + 31 * 86400):
        late = company.admin.post(f"/groups/{COMPANY}/invitations", expires_at=end)
        problem(late, 422, "bad_window")


def test_a_code_is_kept_as_a_hash_and_guessing_makes_one_wait(site, company):
    code, rider = company.invite(), site.person()
    with site.cloud.db.reading() as session:
        assert code not in repr(session.execute(sa.select(*Invitation.__table__.columns)).all())
    for number in range(limits.LIMITS["invitation"][0]):
        problem(rider.post("/me/groups", code=f"{number:020x}"), 404, "not_found")
    problem(rider.post("/me/groups", code=code), 429, "too_many")
    assert site.person().post("/me/groups", code=code).status_code == 201


def test_an_admin_sees_the_members_and_puts_one_out_whose_claim_runs_to_its_end(site, company):
    riders = sorted((site.person() for _ in range(3)), key=lambda rider: rider.user_id)
    code = company.invite(uses=3)
    for rider in riders:
        rider.post("/me/groups", code=code)
    claimed = riders[0].claim(company.pooled, mode="period").get_json()["claim_id"]
    first = company.admin.get(f"/groups/{COMPANY}/members?limit=2").get_json()
    rest = company.admin.get(f"/groups/{COMPANY}/members?cursor={first['next']}").get_json()
    shown = [(row["user_id"], row["login"]) for row in first["members"] + rest["members"]]
    assert shown == [(rider.user_id, rider.login) for rider in riders] and rest["next"] is None
    path = f"/groups/{COMPANY}/members/{riders[0].user_id}"
    assert company.admin.delete(path).status_code == 204
    problem(company.admin.delete(path), 404, "not_found")
    assert not company.sees(riders[0]) and company.sees(riders[1])
    assert riders[0].get(f"/claims/{claimed}").get_json()["status"] == "open"


def test_a_verified_address_of_the_companys_domain_is_enough_while_it_lasts(site, company):
    rider = site.person()
    company.address(rider, "anna@company.example")
    assert not company.sees(rider)
    assert company.change(domain="company.example")["domain"] == "company.example"
    assert company.sees(rider) and len(rider.get("/me/groups").get_json()["groups"]) == 1
    for other in ("anna@notcompany.example", "anna@company.example.org", "anna@sub.company.example", None):
        company.address(rider, other)
        assert not company.sees(rider), other
    company.address(rider, "anna@company.example")
    assert company.change(domain="")["domain"] is None
    assert not company.sees(rider)


WRONG = ("%", "_ompany.example", "company", "a@b.example", "Company.example", ".example", "x" * 254)


@pytest.mark.parametrize("domain", WRONG)
def test_a_domain_is_a_domain(company, domain):
    problem(company.admin.patch(f"/groups/{COMPANY}", domain=domain), 422, "invalid")


def test_a_group_is_of_one_operator(site, company):
    other = site.person("admin", operator=site.operator("B"))
    problem(other.post("/groups", name="Mine", group=COMPANY), 409, "group_taken")
    problem(company.admin.post("/groups", name="Again", group=COMPANY), 409, "group_taken")
    fields = {"lock_id": "00" * 8, "k_lock": "A" * 43, "kind": "pooled", "group": COMPANY}
    problem(other.post("/locks", **fields), 409, "group_taken")
    made = other.post("/groups", name="Mine")
    assert made.status_code == 201 and made.headers["Location"].endswith(made.get_json()["group_id"])
    with site.cloud.db.reading() as session:
        assert session.get(Lock, "00" * 8) is None


def test_no_stranger_mints_a_master_token_for_a_group(site, company):
    fields = {"holder_key": holder_key(), "group": COMPANY, **company.pooled.challenge()}
    stranger = site.person("technician", operator=site.operator("B"))
    refused = problem(stranger.post("/master-tokens", **fields), 422, "wrong_lock")
    nowhere = problem(stranger.post("/master-tokens", **{**fields, "group": "00000000"}), 422, "wrong_lock")
    assert refused == nowhere
    mine = site.person("technician", operator=company.operator)
    assert mine.post("/master-tokens", **fields).status_code == 201


def test_who_leaves_for_good_is_a_member_no_more(site, company):
    rider = site.person()
    rider.post("/me/groups", code=company.invite())
    assert rider.delete("/me").get_json()["erased"] is True
    with site.cloud.db.reading() as session:
        assert session.scalars(sa.select(Member)).all() == []
