"""Keys and OAuth clients: made, renewed and revoked by admins. Persons only: no program makes itself another."""

from flask import Blueprint

from cloud import body, clients, operators, scopes, shapes_tenancy, views
from cloud.auth import allow, cloud, fresh, me, reach
from cloud.describe import Fields, Page, answers, paged, takes
from cloud.tables import CLIENT_KINDS

routes = Blueprint("clients", __name__, url_prefix="/api/v1/clients")


@routes.post("")
@allow("admin")
@fresh
@takes(
    {
        "name": body.text(1, 64),
        "kind": body.word(*CLIENT_KINDS),
        "scopes": body.list_of(body.word(*scopes.SCOPES), 1, len(scopes.SCOPES)),
    },
    {"operator": body.opaque},
)
@answers(201, problems=("scope_of_platform", "not_found"), location="/api/v1/clients/{client_id}")
def create(fields: Fields) -> shapes_tenancy.ClientWithSecret:
    """Make a key (`kind` key) or an OAuth client.

    It acts for one's operator; the platform's own acts for `operator`, or for the platform where none is named. The
    secret is in this answer and nowhere else.
    """
    with cloud().db.writing() as session:
        owner = me().operator_id
        if fields["operator"] is not None:
            owner = operators.find(session, reach(), fields["operator"]).operator_id
        row, secret = clients.create(
            session,
            owner,
            fields["kind"],
            fields["name"],
            fields["scopes"],
            me().user_id,
            cloud().now(),
        )
        return {**views.client(row), "secret": secret}


@routes.get("")
@allow("admin")
@paged(body.opaque)
@answers()
def listed(page: Page) -> shapes_tenancy.Clients:
    """Keys and clients, revoked ones too, with the day each was last used."""
    (after,) = page.after or ("",)
    with cloud().db.reading() as session:
        found = clients.page(session, reach(), after, page.fetch)
    rows, following = page.cut(found, lambda row: (row.client_id,))
    return {"clients": [views.client(row) for row in rows], "next": following}


@routes.get("/<opaque:client_id>")
@allow("admin")
@answers()
def one(client_id: str) -> shapes_tenancy.Client:
    """One key or client; never its secret."""
    with cloud().db.reading() as session:
        return views.client(clients.find(session, reach(), client_id))


@routes.post("/<opaque:client_id>/secret")
@allow("admin")
@fresh
@answers(201, problems=("client_revoked",))
def renew(client_id: str) -> shapes_tenancy.ClientWithSecret:
    """Another secret; the old one is void at once, with every token that was got with it."""
    with cloud().db.writing() as session:
        row, secret = clients.renew(session, reach(), client_id)
        return {**views.client(row), "secret": secret}


@routes.delete("/<opaque:client_id>")
@allow("admin")
@answers()
def revoke(client_id: str) -> None:
    """Revoke a key or client, for good and at once."""
    with cloud().db.writing() as session:
        clients.revoke(session, reach(), client_id, cloud().now())
