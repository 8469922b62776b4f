"""Staff invites staff: a link by mail, a role, an operator. What becomes of staff later is in users.py."""

from sqlalchemy.orm import Session

from cloud import accounts, factors, links, mail, operators, sessions, users
from cloud.context import Cloud
from cloud.problem import Problem
from cloud.reach import EVERYTHING
from cloud.tables import User


def invite(
    session: Session, cloud: Cloud, email: str, role: str, operator_id: str | None, language: str | None
) -> None:
    """`operator_id`: whose staff; None for the platform's own. Answered the same whether the address is known."""
    about = {"email": email, "role": role, "operator_id": operator_id, "language": language}
    token, until = links.make(session, cloud.box, "invitation", about, cloud.now())
    team = operators.find(session, EVERYTHING, operator_id).name if operator_id else "Ringslot"
    url = cloud.settings.url
    values = {"team": team, "role": role, "url": url, "link": f"{url}/account#invitation={token}"}
    mail.queue(session, cloud.box, "invitation", email, language, cloud.now(), values, until=until)


def join(session: Session, cloud: Cloud, token: str, login: str | None, password_hash: str) -> User:
    """A new person. `login`: how colleagues and riders read their name; drawn unless given.
    Raises Problem link_over, login_taken; sign_in where the address has an account, whose owner accepts signed in."""
    _nobody, about = links.take(session, cloud.box, "invitation", token, cloud.now())
    if users.by_email(session, about["email"]) is not None:
        raise Problem("sign_in")
    user = accounts.make(
        session, about["email"], about["language"], password_hash, about["role"], cloud.now()
    )
    user.operator_id = about["operator_id"]
    if login is not None:
        users.rename(session, user, login)
    return user


def accept(session: Session, cloud: Cloud, user_id: str, token: str) -> User:
    """Somebody who has an account joins the team. Raises Problem link_over, also where it was for another address, and
    last_admin."""
    _nobody, about = links.take(session, cloud.box, "invitation", token, cloud.now())
    user = users.get(session, user_id)
    if user.email != about["email"]:
        raise Problem("link_over")
    users.keep_one_admin(session, user)
    user.role, user.operator_id = about["role"], about["operator_id"]
    return user


def recognised(session: Session, cloud: Cloud, user: User) -> None:
    """Whoever lost every second factor, and was recognised by an admin: signed out, told, and to set one up anew."""
    factors.forget(session, user.user_id)
    sessions.end_all(session, user.user_id)
    mail.tell(session, cloud, user, "factors_changed", what="recovery codes")
