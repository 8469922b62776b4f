"""Staff invites staff, and lets in again who lost the second factor. Their list and their roles: operators.py."""

from flask import Blueprint

from cloud import body, limits, links, operators, passwords, shapes_accounts, teams, users
from cloud.auth import STAFF, allow, cloud, fresh, me, public, reach
from cloud.describe import Fields, answers, takes
from cloud.routes.accounts import LANGUAGE, TOKEN
from cloud.routes.sessions import new_login
from cloud.tables import ROLES, User

routes = Blueprint("teams", __name__, url_prefix="/api/v1")


@routes.post("/staff-invitations")
@allow("admin")
@fresh
@takes({"email": body.email, "role": body.word(*STAFF)}, {"operator": body.opaque, "language": LANGUAGE})
@answers(202, problems=("too_many", "not_found"))
def invite(fields: Fields) -> None:
    """Invite somebody by mail. To one's own operator; the platform's admins to `operator`, or to the platform."""
    with cloud().db.writing() as session:
        limits.take(session, "mail_to", fields["email"], cloud().now())
        owner = me().operator_id
        if fields["operator"] is not None:
            owner = operators.find(session, reach(), fields["operator"]).operator_id
        teams.invite(session, cloud(), fields["email"], fields["role"], owner, fields["language"])


@routes.post("/staff-invitations/confirm")
@public
@takes({"token": TOKEN, "password": body.password}, {"login": new_login})
@answers(201, problems=("link_over", "login_taken", "sign_in"))
def join(fields: Fields) -> shapes_accounts.NewUser:
    """Join by the mailed token; who has an account accepts instead. `login`: the name that others read."""
    with cloud().db.reading() as session:
        links.look(session, "invitation", fields["token"], cloud().now())
    hashed = passwords.make(fields["password"])
    with cloud().db.writing() as session:
        return _shown(teams.join(session, cloud(), fields["token"], fields["login"], hashed))


@routes.post("/staff-invitations/accept")
@allow(*ROLES)
@fresh
@takes({"token": TOKEN})
@answers(problems=("link_over", "last_admin"))
def accept(fields: Fields) -> shapes_accounts.NewUser:
    """Join with the account that I have; its address is the invited one."""
    with cloud().db.writing() as session:
        return _shown(teams.accept(session, cloud(), me().user_id, fields["token"]))


@routes.delete("/staff/<opaque:user_id>/factors")
@allow("admin")
@fresh
@answers()
def recognise(user_id: str) -> None:
    """Remove every second factor of somebody who lost them, and whom you have recognised; they set one up anew."""
    with cloud().db.writing() as session:
        teams.recognised(session, cloud(), users.find_staff(session, reach(), user_id))


def _shown(user: User) -> shapes_accounts.NewUser:
    return {
        "user_id": user.user_id,
        "login": user.login,
        "role": user.role,
        "operator_id": user.operator_id,
    }
