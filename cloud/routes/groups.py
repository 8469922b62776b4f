"""Groups of locks, and the riders who may use them."""

import re
from typing import Any

from flask import Blueprint

from cloud import body, groups, limits, operators, shapes_tenancy, views
from cloud.auth import STAFF, allow, cloud, me, reach
from cloud.conditions import unchanged
from cloud.describe import Fields, Page, answers, guarded, paged, takes
from cloud.problem import Problem

routes = Blueprint("groups", __name__, url_prefix="/api/v1")

NAME = body.text(1, 64)
_DOMAIN = re.compile(r"([a-z0-9-]{1,63}\.)+[a-z0-9-]{2,63}", re.ASCII)


@body.reads(type="string", pattern=r"^(([a-z0-9-]{1,63}\.)+[a-z0-9-]{2,63})?$", maxLength=253)
def domain(value: Any) -> str:
    if type(value) is not str or len(value) > 253 or (value and not _DOMAIN.fullmatch(value)):
        raise ValueError("must be a domain in lower case, such as company.example, or empty")
    return value


@routes.post("/groups")
@allow("admin", scope="fleet:write")
@takes({"name": NAME}, {"group": body.hex_of(4), "members_only": body.boolean, "operator": body.opaque})
@answers(201, problems=("group_taken", "name_operator", "not_found"), location="/api/v1/groups/{group_id}")
def create(fields: Fields) -> shapes_tenancy.Group:
    """Make a group; locks come to it by carrying its id."""
    now = cloud().now()
    with cloud().db.writing() as session:
        owner = operators.for_new(session, reach(), fields["operator"], now)
        group_id = groups.create(
            session, owner, fields["name"], bool(fields["members_only"]), now, fields["group"]
        )
        return views.group(groups.find(session, reach(), group_id))


@routes.get("/groups")
@allow(*STAFF, scope="fleet:read")
@paged(body.hex_of(4))
@answers()
def listed(page: Page) -> shapes_tenancy.Groups:
    """Groups, by id."""
    (after,) = page.after or ("",)
    with cloud().db.reading() as session:
        found = groups.page(session, reach(), after, page.fetch)
    rows, following = page.cut(found, lambda row: (row.group.group_id,))
    return {"groups": [views.group(row) for row in rows], "next": following}


@routes.get("/groups/<id4:group_id>")
@allow(*STAFF, scope="fleet:read")
@answers()
def one(group_id: str) -> shapes_tenancy.Group:
    """One group."""
    with cloud().db.reading() as session:
        return views.group(groups.find(session, reach(), group_id))


@routes.patch("/groups/<id4:group_id>")
@allow("admin", scope="fleet:write")
@guarded
@takes({}, {"name": NAME, "members_only": body.boolean, "domain": domain})
@answers()
def change(group_id: str, fields: Fields) -> shapes_tenancy.Group:
    """Rename a group, close it to others than its members, or open it.

    `domain`: whoever's verified address is of it is a member; empty for none.
    """
    with cloud().db.writing() as session:
        row = groups.find(session, reach(), group_id)
        unchanged(session, row.group, lambda: views.group(groups.find(session, reach(), group_id)))
        row.group.name = fields["name"] or row.group.name
        if fields["members_only"] is not None:
            row.group.members_only = int(fields["members_only"])
        if fields["domain"] is not None:
            row.group.domain = fields["domain"] or None
        return views.group(row)


@routes.get("/groups/<id4:group_id>/members")
@allow("admin")
@paged(body.opaque)
@answers()
def members(group_id: str, page: Page) -> shapes_tenancy.Members:
    """Who joined a group by an invitation."""
    (after,) = page.after or ("",)
    with cloud().db.reading() as session:
        found = groups.members(session, reach(), group_id, after, page.fetch)
    rows, following = page.cut(found, lambda row: (row[0].user_id,))
    return {"members": [views.member(row, login) for row, login in rows], "next": following}


@routes.delete("/groups/<id4:group_id>/members/<opaque:user_id>")
@allow("admin")
@answers()
def put_out(group_id: str, user_id: str) -> None:
    """Put a member out. A claim that they hold runs to its end."""
    with cloud().db.writing() as session:
        groups.find(session, reach(), group_id)
        groups.leave(session, group_id, user_id)


@routes.post("/groups/<id4:group_id>/invitations")
@allow("admin")
@takes({}, {"uses": body.integer(1, 1000), "expires_at": body.integer()})
@answers(201, problems=("bad_window",))
def invite(group_id: str, fields: Fields) -> shapes_tenancy.Invitation:
    """A code by which `uses` riders (one, unless said) may join until `expires_at` (a week, unless said)."""
    now, uses = cloud().now(), fields["uses"] or 1
    expires = now + 7 * 86400 if fields["expires_at"] is None else fields["expires_at"]
    with cloud().db.writing() as session:
        group, code = groups.invite(session, reach(), group_id, uses, expires, now)
    return {"code": code, "group_id": group.group_id, "uses": uses, "expires_at": expires}


@routes.delete("/groups/<id4:group_id>/invitations")
@allow("admin")
@answers()
def withdraw(group_id: str) -> None:
    """Void every code of a group."""
    with cloud().db.writing() as session:
        groups.withdraw(session, groups.find(session, reach(), group_id).group.group_id)


@routes.post("/me/groups")
@allow("rider")
@takes({"code": body.hex_of(groups.CODE_BYTES)})
@answers(201, problems=("not_found", "too_many"))
def join(fields: Fields) -> shapes_tenancy.Joined:
    """Join the group that a code is for."""
    now = cloud().now()
    try:
        with cloud().db.writing() as session:
            limits.check(session, "invitation", me().user_id, now)
            return views.joined(groups.accept(session, me().user_id, fields["code"], now))
    except Problem as problem:
        if problem.code == "not_found":
            with cloud().db.writing() as session:
                limits.take(session, "invitation", me().user_id, now)
        raise


@routes.get("/me/groups")
@allow("rider")
@answers()
def mine() -> shapes_tenancy.MyGroups:
    """The groups whose bicycles I may use."""
    with cloud().db.reading() as session:
        return {"groups": [views.joined(row) for row in groups.of_user(session, me().user_id)]}


@routes.delete("/me/groups/<id4:group_id>")
@allow("rider")
@answers()
def leave(group_id: str) -> None:
    """Leave a group."""
    with cloud().db.writing() as session:
        groups.leave(session, group_id, me().user_id)
