"""Who may do what: every route, asked by everyone, for things that are operator A's (G01, G02).

A route that is not in the table fails the test, and so does one that lets in anybody else than the table says.
"""

import re

import pytest

from cloud.scopes import PLATFORM, SCOPES
from cloud.testsite import problem
from cloud.testworld import World

#    +  let in; a list shows A's thing        ?  401: sign in first (a page: sent to sign in)
#    =  let in, and shown nothing of A's      -  403: not for this role, or not for programs
#    0  404, word for word as for an id that never was
#
# Columns: nobody; the rider whose it is and another one; technician and admin of A, then of B, then of the platform.
# Last the scope that a program needs, and what one of A's and one of B's gets (for the platform's: its own);
# any other scope is 403. `people`: no program at all. `anyone`: no matter who.
COLUMNS = (
    "nobody",
    "owner",
    "stranger",
    "technician A",
    "admin A",
    "technician B",
    "admin B",
    "technician",
    "admin",
)
MATRIX = """
GET    /                                               anyone
GET    /.well-known/oauth-authorization-server         anyone
GET    /account                                        anyone
GET    /api/                                           anyone
GET    /api/openapi.json                               anyone
POST   /api/v1/addresses/confirm                       anyone
GET    /api/v1/assets                                  ?  - -  + +  = =  + +  fleet:read + =
POST   /api/v1/assets                                  ?  - -  - +  - 0  - +  fleet:write + 0
GET    /api/v1/assets/<id22:asset_id>                  ?  - -  + +  0 0  + +  fleet:read + 0
PATCH  /api/v1/assets/<id22:asset_id>                  ?  - -  - +  - 0  - +  fleet:write + 0
POST   /api/v1/assets/<id22:asset_id>/lock             ?  - -  + +  0 0  + +  fleet:write + 0
POST   /api/v1/assets/<id22:asset_id>/service          ?  - -  + +  0 0  + +  fleet:write + 0
GET    /api/v1/attention                               ?  - -  + +  = =  + +  fleet:read + =
GET    /api/v1/audit                                   ?  - -  - +  - =  - +  people
GET    /api/v1/bikes                                   ?  + +  + +  = =  + +  bikes:read + =
GET    /api/v1/bikes/<code:code>                       ?  + +  + +  0 0  + +  bikes:read + 0
GET    /api/v1/claims                                  ?  + =  = =  = =  = =  claims:write = =
POST   /api/v1/claims                                  ?  + +  + +  0 0  + +  claims:write + 0
GET    /api/v1/claims/<id8:cti>                        ?  + 0  0 0  0 0  0 0  claims:write 0 0
DELETE /api/v1/claims/<id8:cti>                        ?  + 0  0 0  0 0  0 0  claims:write 0 0
POST   /api/v1/claims/<id8:cti>/successor              ?  + 0  0 0  0 0  0 0  claims:write 0 0
POST   /api/v1/claims/<id8:cti>/token                  ?  + 0  0 0  0 0  0 0  claims:write 0 0
GET    /api/v1/clients                                 ?  - -  - +  - =  - +  people
POST   /api/v1/clients                                 ?  - -  - +  - 0  - +  people
GET    /api/v1/clients/<opaque:client_id>              ?  - -  - +  - 0  - +  people
DELETE /api/v1/clients/<opaque:client_id>              ?  - -  - +  - 0  - +  people
POST   /api/v1/clients/<opaque:client_id>/secret       ?  - -  - +  - 0  - +  people
GET    /api/v1/events                                  ?  + =  + +  = =  + +  fleet:read = =
GET    /api/v1/events/history                          ?  + =  + +  = =  + +  fleet:read = =
GET    /api/v1/exports/<exported:what>.<form:form>     ?  - -  - +  - =  - +  tracks:read + =
GET    /api/v1/faults                                  ?  + =  + +  = =  + +  fleet:read + =
POST   /api/v1/faults                                  ?  + +  + +  0 0  + +  fleet:write + 0
POST   /api/v1/faults/<id8:fault_id>/close             ?  - -  + +  0 0  + +  fleet:write + 0
GET    /api/v1/fleet                                   ?  - -  + +  = =  + +  fleet:read + =
GET    /api/v1/fleet/claims                            ?  - -  + +  = =  + +  rides:read + =
GET    /api/v1/groups                                  ?  - -  + +  = =  + +  fleet:read + =
POST   /api/v1/groups                                  ?  - -  - +  - 0  - +  fleet:write + 0
GET    /api/v1/groups/<id4:group_id>                   ?  - -  + +  0 0  + +  fleet:read + 0
PATCH  /api/v1/groups/<id4:group_id>                   ?  - -  - +  - 0  - +  fleet:write + 0
POST   /api/v1/groups/<id4:group_id>/invitations       ?  - -  - +  - 0  - +  people
DELETE /api/v1/groups/<id4:group_id>/invitations       ?  - -  - +  - 0  - +  people
GET    /api/v1/groups/<id4:group_id>/members           ?  - -  - +  - 0  - +  people
DELETE /api/v1/groups/<id4:group_id>/members/<opaque:user_id>  ?  - -  - +  - 0  - +  people
GET    /api/v1/jobs                                    ?  - -  + +  = =  + +  fleet:read + =
POST   /api/v1/jobs                                    ?  - -  + +  0 0  + +  fleet:write + 0
GET    /api/v1/jobs/<id8:job_id>                       ?  - -  + +  0 0  + +  fleet:read + 0
PATCH  /api/v1/jobs/<id8:job_id>                       ?  - -  + +  0 0  + +  fleet:write + 0
POST   /api/v1/jobs/<id8:job_id>/assign                ?  - -  + +  0 0  + +  fleet:write + 0
POST   /api/v1/jobs/<id8:job_id>/done                  ?  - -  + +  0 0  + +  fleet:write + 0
GET    /api/v1/keys                                    anyone
GET    /api/v1/keyset                                  ?  - -  - -  - -  + +  platform:read +
GET    /api/v1/locks                                   ?  - -  + +  = =  + +  fleet:read + =
POST   /api/v1/locks                                   ?  - -  - +  - 0  - +  fleet:write + 0
GET    /api/v1/locks/<id8:lock_id>                     ?  - -  + +  0 0  + +  fleet:read + 0
GET    /api/v1/locks/<id8:lock_id>/assets              ?  - -  + +  0 0  + +  fleet:read + 0
GET    /api/v1/locks/<id8:lock_id>/commands            ?  - -  + +  0 0  + +  fleet:read + 0
POST   /api/v1/locks/<id8:lock_id>/commands            ?  - -  + +  0 0  + +  fleet:write + 0
POST   /api/v1/locks/<id8:lock_id>/floor               ?  - -  - +  - 0  - +  fleet:write + 0
GET    /api/v1/locks/<id8:lock_id>/measurements        ?  - -  + +  0 0  + +  tracks:read + 0
GET    /api/v1/locks/<id8:lock_id>/notes               ?  - -  + +  0 0  + +  fleet:read + 0
GET    /api/v1/locks/<id8:lock_id>/receipts            ?  - -  + +  0 0  + +  tracks:read + 0
GET    /api/v1/locks/<id8:lock_id>/release               ?  - -  + +  0 0  + +  people
GET    /api/v1/locks/<id8:lock_id>/release/files/<id4:file_name>  ?  - -  + +  0 0  + +  people
GET    /api/v1/locks/<id8:lock_id>/series              ?  - -  + +  0 0  + +  fleet:read + 0
GET    /api/v1/locks/<id8:lock_id>/track               ?  - -  + +  0 0  + +  tracks:read + 0
GET    /api/v1/locks/<id8:lock_id>/wanted              ?  - -  + +  0 0  + +  fleet:read + 0
PATCH  /api/v1/locks/<id8:lock_id>/wanted              ?  - -  - +  - 0  - +  fleet:write + 0
POST   /api/v1/master-tokens                           ?  - -  + +  0 0  + +  people
GET    /api/v1/me                                      ?  + +  + +  + +  + +  people
PATCH  /api/v1/me                                      ?  + +  + +  + +  + +  people
DELETE /api/v1/me                                      ?  + +  + +  + +  + +  people
POST   /api/v1/me/address                              ?  + +  + +  + +  + +  people
GET    /api/v1/me/factors                              ?  + +  + +  + +  + +  people
GET    /api/v1/me/groups                               ?  + =  - -  - -  - -  people
POST   /api/v1/me/groups                               ?  + +  - -  - -  - -  people
DELETE /api/v1/me/groups/<id4:group_id>                ?  + 0  - -  - -  - -  people
POST   /api/v1/me/passkey-challenges                   ?  + +  + +  + +  + +  people
POST   /api/v1/me/passkey-proofs                       ?  + +  + +  + +  + +  people
POST   /api/v1/me/passkeys                             ?  + +  + +  + +  + +  people
PATCH  /api/v1/me/passkeys/<id22:passkey_id>           ?  + 0  0 0  0 0  0 0  people
DELETE /api/v1/me/passkeys/<id22:passkey_id>           ?  + 0  0 0  0 0  0 0  people
PUT    /api/v1/me/password                             ?  + +  + +  + +  + +  people
POST   /api/v1/me/recovery-codes                       ?  + +  + +  + +  + +  people
POST   /api/v1/me/stay                                 ?  + +  + +  + +  + +  people
POST   /api/v1/me/totp                                 ?  + +  + +  + +  + +  people
DELETE /api/v1/me/totp                                 ?  + +  + +  + +  + +  people
POST   /api/v1/me/totp/confirm                         ?  + +  + +  + +  + +  people
POST   /api/v1/oauth/revoke                            anyone
POST   /api/v1/oauth/token                             anyone
GET    /api/v1/operators                               ?  - -  + +  = =  + +  fleet:read + =
POST   /api/v1/operators                               ?  - -  - -  - -  - +  people
GET    /api/v1/operators/<opaque:operator_id>          ?  - -  + +  0 0  + +  fleet:read + 0
PATCH  /api/v1/operators/<opaque:operator_id>          ?  - -  - +  - 0  - +  people
POST   /api/v1/passkey-challenges                      anyone
GET    /api/v1/providers                               ?  - -  - +  - =  - +  people
POST   /api/v1/providers                               ?  - -  - +  - 0  - +  people
DELETE /api/v1/providers/<id22:provider_id>            ?  - -  - +  - 0  - +  people
POST   /api/v1/receipts                                ?  + +  + +  + +  + +  claims:write + +
GET    /api/v1/releases                                ?  - -  - -  - -  + +  platform:read +
POST   /api/v1/releases                                ?  - -  - -  - -  - +  platform:write +
POST   /api/v1/resets                                  anyone
POST   /api/v1/resets/confirm                          anyone
GET    /api/v1/rides                                   ?  + =  + +  = =  + +  rides:read + =
GET    /api/v1/rides/<id16:ride_id>                    ?  + 0  + +  0 0  + +  rides:read + 0
GET    /api/v1/rides/<id16:ride_id>/end                ?  + 0  + +  0 0  + +  tracks:read + 0
GET    /api/v1/rides/<id16:ride_id>/track              ?  + 0  + +  0 0  + +  tracks:read + 0
GET    /api/v1/rollouts                                ?  - -  - -  - -  + +  platform:read +
POST   /api/v1/rollouts                                ?  - -  - -  - -  - +  platform:write +
GET    /api/v1/rollouts/<id4:rollout_id>               ?  - -  - -  - -  + +  platform:read +
GET    /api/v1/rollouts/<id4:rollout_id>/wanted        ?  - -  - -  - -  + +  platform:read +
PATCH  /api/v1/rollouts/<id4:rollout_id>/wanted        ?  - -  - -  - -  - +  platform:write +
POST   /api/v1/sealed                                  ?  + +  + +  + +  + +  claims:write + +
GET    /api/v1/sessions                                ?  + =  = =  = =  = =  people
POST   /api/v1/sessions                                anyone
DELETE /api/v1/sessions                                ?  + +  + +  + +  + +  people
DELETE /api/v1/sessions/<id22:session_id>              ?  + 0  0 0  0 0  0 0  people
POST   /api/v1/sessions/end-others                     ?  + +  + +  + +  + +  people
POST   /api/v1/sessions/passkey                        anyone
POST   /api/v1/sessions/proof                          ?  + +  + +  + +  + +  people
POST   /api/v1/sign-ups                                anyone
POST   /api/v1/sign-ups/confirm                        anyone
GET    /api/v1/staff                                   ?  - -  - +  - =  - +  people
POST   /api/v1/staff-invitations                       ?  - -  - +  - 0  - +  people
POST   /api/v1/staff-invitations/accept                ?  + +  + +  + +  + +  people
POST   /api/v1/staff-invitations/confirm               anyone
PATCH  /api/v1/staff/<opaque:user_id>                  ?  - -  - +  - 0  - +  people
DELETE /api/v1/staff/<opaque:user_id>                  ?  - -  - +  - 0  - +  people
DELETE /api/v1/staff/<opaque:user_id>/factors          ?  - -  - +  - 0  - +  people
GET    /api/v1/tickets                                 ?  + =  + +  = =  + +  people
POST   /api/v1/tickets                                 ?  + +  + +  + +  + +  people
GET    /api/v1/tickets/<ticket:ticket_id>              ?  + 0  + +  0 0  + +  people
POST   /api/v1/tickets/<ticket:ticket_id>/acknowledge  ?  - -  + +  0 0  + +  people
POST   /api/v1/tickets/<ticket:ticket_id>/decision     ?  - -  + +  0 0  + +  people
POST   /api/v1/tickets/<ticket:ticket_id>/messages     ?  + 0  + +  0 0  + +  people
POST   /api/v1/users                                   anyone
GET    /api/v1/vehicles/<opaque:operator_id>/<id16:vehicle_id>  ?  + +  + +  0 0  + +  bikes:read + 0
GET    /api/v1/webhooks                                ?  - -  - +  - =  - +  people
POST   /api/v1/webhooks                                ?  - -  - +  - +  - +  people
GET    /api/v1/webhooks/<id8:hook_id>                  ?  - -  - +  - 0  - +  people
DELETE /api/v1/webhooks/<id8:hook_id>                  ?  - -  - +  - 0  - +  people
POST   /api/v1/webhooks/<id8:hook_id>/replay           ?  - -  - +  - 0  - +  people
POST   /api/v1/webhooks/<id8:hook_id>/secret           ?  - -  - +  - 0  - +  people
GET    /api/v1/webhooks/<id8:hook_id>/wanted           ?  - -  - +  - 0  - +  people
PATCH  /api/v1/webhooks/<id8:hook_id>/wanted           ?  - -  - +  - 0  - +  people
GET    /api/v1/zones                                   ?  + +  + +  = =  + +  fleet:read + =
POST   /api/v1/zones                                   ?  - -  - +  - 0  - +  fleet:write + 0
GET    /api/v1/zones/<id8:zone_id>                     ?  - -  + +  0 0  + +  fleet:read + 0
PATCH  /api/v1/zones/<id8:zone_id>                     ?  - -  - +  - 0  - +  fleet:write + 0
DELETE /api/v1/zones/<id8:zone_id>                     ?  - -  - +  - 0  - +  fleet:write + 0
GET    /app/                                           anyone
GET    /app/<path:page>                                anyone
GET    /app/manifest.webmanifest                       anyone
GET    /app/worker.js                                  anyone
GET    /b/<code:code>                                  anyone
GET    /console                                        anyone
GET    /console/<path:page>                            anyone
GET    /gbfs/<opaque:operator_id>/<any:name>.json      anyone
GET    /gbfs/<opaque:operator_id>/gbfs.json            anyone
GET    /healthz                                        anyone
GET    /readyz                                         anyone
GET    /sso/<id22:provider_id>                         anyone
GET    /sso/callback                                   anyone
"""
LISTS = {  # what a list shows of A's, by its name in testworld.THINGS
    "GET /api/v1/assets": "asset_id",
    "GET /api/v1/attention": "item_id",
    "GET /api/v1/audit": "audited",
    "GET /api/v1/bikes": "code",
    "GET /api/v1/claims": "cti",
    "GET /api/v1/clients": "client_id",
    "GET /api/v1/events": "cti",
    "GET /api/v1/events/history": "cti",
    "GET /api/v1/exports/<exported:what>.<form:form>": "ride_id",
    "GET /api/v1/faults": "fault_id",
    "GET /api/v1/fleet": "lock_id",
    "GET /api/v1/fleet/claims": "cti",
    "GET /api/v1/groups": "group_id",
    "GET /api/v1/jobs": "job_id",
    "GET /api/v1/groups/<id4:group_id>/members": "member",
    "GET /api/v1/locks": "lock_id",
    "GET /api/v1/me/groups": "group_id",
    "GET /api/v1/operators": "operator_id",
    "GET /api/v1/providers": "provider_id",
    "GET /api/v1/rides": "ride_id",
    "GET /api/v1/rollouts": "rollout_id",
    "GET /api/v1/sessions": "session_id",
    "GET /api/v1/staff": "user_id",
    "GET /api/v1/tickets": "ticket_id",
    "GET /api/v1/webhooks": "hook_id",
    "GET /api/v1/zones": "zone_id",
}
LET_IN = {  # refusals that come after letting in
    "GET /api/v1/locks/<id8:lock_id>/release": "none_offered",
    "GET /api/v1/locks/<id8:lock_id>/release/files/<id4:file_name>": "none_offered",
    "POST /api/v1/addresses/confirm": "link_over",
    "POST /api/v1/resets/confirm": "link_over",
    "POST /api/v1/sign-ups/confirm": "link_over",
    "POST /api/v1/me/passkeys": "passkey_refused",
    "POST /api/v1/me/recovery-codes": "not_found",
    "DELETE /api/v1/me/totp": "not_found",
    "POST /api/v1/me/totp/confirm": "wrong_code",
    "POST /api/v1/sealed": "unknown_batch",
    "POST /api/v1/sessions/passkey": "passkey_refused",
    "POST /api/v1/staff-invitations/accept": "link_over",
    "POST /api/v1/staff-invitations/confirm": "link_over",
    "GET /sso/<id22:provider_id>": "sso_refused",
    "GET /sso/callback": "sso_refused",
}
MEMBER = "DELETE /api/v1/groups/<id4:group_id>/members/<opaque:user_id>"
NEVER = {  # by converter: what is well-formed and was never given out
    "id4": "0" * 8,
    "id8": "0" * 16,
    "id16": "0" * 32,
    "id22": "0" * 22,
    "opaque": "0" * 22,
    "code": "0",
    "ticket": "A" * 10,
    "path": "x",
    "exported": "rides",
    "form": "csv",
}


def table():
    for line in MATRIX.strip().splitlines():
        method, rule, *cells = line.split()
        yield f"{method} {rule}", cells


ROWS = dict(table())


def address(rule, value):
    """A rule with its parameters filled in by value(name, converter)."""
    return re.sub("<([^:]+):([^>]+)>", lambda part: value(part[2], part[1]), rule)


def never(rule):
    """An address of things that never were."""
    return address(rule, lambda name, kind: NEVER.get(kind, "x"))


def routes(app):
    for rule in app.url_map.iter_rules():
        for method in rule.methods - {"HEAD", "OPTIONS"}:
            if rule.endpoint != "static":
                yield method + " " + re.sub("any[(][^)]*[)]", "any", rule.rule)


def test_the_matrix_has_every_route_in_order(site):
    assert set(routes(site.app)) == set(ROWS), "write in MATRIX who may call the new route"
    addresses = [route.split()[1] for route in ROWS]
    assert addresses == sorted(addresses) and len(MATRIX.strip().splitlines()) == len(ROWS)
    assert set(LISTS) | set(LET_IN) <= set(ROWS)


class Asked:
    """One route, asked by one caller for a thing of A's."""

    def __init__(self, world, route, who):
        self.world, self.route, self.who = world, route, who
        self.shows = world.thing(LISTS[route]) if route in LISTS else None
        self.answer = self.ask(lambda name, kind: self.thing(name))

    def thing(self, name):
        return self.world.thing("member" if self.route == MEMBER and name == "user_id" else name)

    def ask(self, value):
        method, rule = self.route.split()
        path = address(rule, value)
        given = self.world.body(self.route)
        headers = {**(self.who.headers if self.who else {}), **given.pop("headers", {})}
        client = self.world.site.app.test_client(use_cookies=False)
        return client.open(path, method=method, headers=headers, **given)

    def holds(self, symbol):
        """Raises AssertionError unless the answer is what the symbol says."""
        answer = self.answer
        if symbol == "?":
            problem(answer, 401, "sign_in")
        elif symbol == "-":
            code = answer.get_json()["code"]
            problem(answer, 403, code)
            assert code in ("forbidden", "persons_only", "scope")
        elif symbol == "0":
            said = problem(answer, 404, "not_found")
            if "<" in self.route:
                never = self.ask(lambda name, kind: NEVER[kind])
                assert problem(never, 404, "not_found") == said
        else:
            if answer.status_code >= 400:
                assert answer.get_json().get("code") == LET_IN.get(self.route), answer.get_json()
            if self.who is not None and self.who.program:
                for secret in (self.world.owner.user_id, self.world.owner.login, self.world.admin.login):
                    assert secret not in answer.get_data(as_text=True), "it says who"
            if self.shows:
                assert (self.shows in answer.get_data(as_text=True)) == (symbol == "+"), answer.data


def ask_all(world, route, expected):
    """`expected`: (column, symbol, who) each."""
    wrong = []
    for column, symbol, who in expected:
        asked = Asked(world, route, who())
        try:
            asked.holds(symbol)
        except (AssertionError, KeyError, TypeError) as error:
            wrong.append(f"{column}: not {symbol} but {asked.answer.status}: {str(error)[:300]}")
        if symbol == "+" and not route.startswith("GET"):
            world.begin()  # the thing may be gone
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("route", sorted(ROWS, key=str.split))
def test_g01_a_route_lets_in_whom_the_matrix_says(site, route):
    world, cells = World(site), ROWS[route]
    symbols = ["+"] * len(COLUMNS) if cells == ["anyone"] else cells[: len(COLUMNS)]
    assert len(symbols) == len(COLUMNS) and set(symbols) <= set("?-0+=")
    ask_all(
        world,
        route,
        [
            (column, symbol, lambda column=column: world.person(column))
            for column, symbol in zip(COLUMNS, symbols, strict=True)
        ],
    )


@pytest.mark.parametrize(
    "route", [route for route in sorted(ROWS, key=str.split) if ROWS[route] != ["anyone"]]
)
def test_g01_a_route_lets_in_programs_by_their_scope_alone(site, route):
    world, (needed, *symbols) = World(site), ROWS[route][len(COLUMNS) :]
    assert needed in ("people", *SCOPES) and len(symbols) == {"people": 0}.get(
        needed, 2 - (needed in PLATFORM)
    )
    expected = []
    for scope in SCOPES:
        owners = [None] if scope in PLATFORM else [world.a, world.b]
        for owner, symbol in zip(owners, symbols if scope == needed else "-" * len(owners), strict=True):
            who = lambda owner=owner, scope=scope: world.program(owner, scope)  # noqa: E731
            expected.append((f"{scope} of {'B' if owner == world.b else owner and 'A'}", symbol, who))
    ask_all(world, route, expected)


def test_every_scope_opens_something():
    assert {cells[len(COLUMNS)] for cells in ROWS.values() if len(cells) > 1} == {"people", *SCOPES}
