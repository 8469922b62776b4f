"""Mail by SMTP: written into an outbox in the transaction that causes it, sent by the worker, given up in time.

At rest a mail is wrapped: a copy of the database reads no address and follows no link. A worker leases what is due
before it sends, so that several workers send one mail once; one that dies in between costs a mail that comes twice.
"""

import json
import logging
import os
import secrets
import smtplib
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from cloud import letters
from cloud.config import Post
from cloud.context import Cloud
from cloud.tables import Mail, MailedLink, User
from cloud.wrapping import Wrapping

log = logging.getLogger(__name__)

UNTIL_S = 2 * 86400  # given up after, unless its link dies sooner
LEASE_S = 300  # longer than a batch takes
BATCH = 20
TIMEOUT_S = 10  # of one step with the server
WAITS_S = (60, 300, 900, 3600, 3 * 3600)  # between tries; the last again and again (RFC 5321 §4.5.4.1)
KEEP_S = 45 * 86400  # how long we remember that a mail was sent; not whom to

NOTHING: Mapping[str, str] = {}
Send = Callable[[EmailMessage], None]


class Refused(Exception):
    """The server does not take this mail, now or ever."""

    def __init__(self, smtp_code: int):
        super().__init__(smtp_code)
        self.smtp_code = smtp_code

    @property
    def ever(self) -> bool:
        return self.smtp_code >= 500  # RFC 5321 §4.2.1: do not repeat


@dataclass(frozen=True)
class Letter:
    mail_id: str
    kind: str
    to: str
    subject: str
    text: str
    tries: int
    until: int


def queue(
    session: Session,
    box: Wrapping,
    kind: str,
    to: str,
    language: str | None,
    now: int,
    values: Mapping[str, str] = NOTHING,
    user_id: str | None = None,
    until: int | None = None,
) -> str:
    """Write a letter of letters.py, filled in, into the outbox. -> its id. `to` has passed config.ADDRESS."""
    mail_id = secrets.token_urlsafe(16)
    subject, text = letters.write(kind, language, values)
    wrapped = box.wrap("mail", mail_id, json.dumps([to, subject, text]).encode())
    last = now + UNTIL_S if until is None else until
    session.add(
        Mail(
            mail_id=mail_id,
            user_id=user_id,
            kind=kind,
            wrapped=wrapped,
            created_at=now,
            due_at=now,
            until=last,
        )
    )
    return mail_id


def tell(session: Session, cloud: Cloud, user: User, kind: str, **values: str) -> None:
    """A mail to this person, if they have an address."""
    if user.email:
        values["url"] = cloud.settings.url
        queue(session, cloud.box, kind, user.email, user.language, cloud.now(), values, user.user_id)


def send_due(cloud: Cloud, now: int) -> int:
    """Send what is due. -> how many mails were tried. A job of the worker."""
    post = cloud.settings.post
    with cloud.db.reading() as session:
        waiting = session.scalars(select(Mail.until).where(Mail.due_at <= now)).first()
    if waiting is None:
        return 0
    _give_up(cloud, now)
    due = _lease(cloud, now) if post.host or post.folder else []
    if due:
        failed = _send(post, due, now)
        with cloud.db.writing() as session:
            for letter in due:
                _settle(session, letter, failed.get(letter.mail_id), now)
    return len(due)


def _lease(cloud: Cloud, now: int) -> list[Letter]:
    rows = select(Mail).where(Mail.due_at <= now).order_by(Mail.due_at, Mail.mail_id).limit(BATCH)
    with cloud.db.writing() as session:
        taken = session.scalars(rows.with_for_update(skip_locked=True)).all()
        for row in taken:
            row.due_at, row.tries = now + LEASE_S, row.tries + 1
        return [_opened(cloud.box, row) for row in taken]


def _opened(box: Wrapping, row: Mail) -> Letter:
    to, subject, text = json.loads(box.unwrap("mail", row.mail_id, row.wrapped or b""))
    return Letter(row.mail_id, row.kind, to, subject, text, row.tries, row.until)


def _send(post: Post, due: list[Letter], now: int) -> dict[str, Exception]:
    """-> what went wrong, by mail id."""
    failed: dict[str, Exception] = {}
    waiting = list(due)
    try:
        with _way_out(post) as send:
            while waiting:
                try:
                    send(message(waiting[0], post.sender, now))
                except Refused as error:  # the others may go
                    failed[waiting[0].mail_id] = error
                waiting.pop(0)
    except (OSError, smtplib.SMTPException, ssl.SSLError) as error:  # of the server
        failed.update({letter.mail_id: error for letter in waiting})
    return failed


def message(letter: Letter, sender: str, now: int) -> EmailMessage:
    made = EmailMessage(policy=SMTP)
    made["From"], made["To"], made["Subject"] = sender, letter.to, letter.subject
    made["Date"] = format_datetime(datetime.fromtimestamp(now, UTC))
    made["Message-ID"] = f"<{letter.mail_id}@{sender.partition('@')[2]}>"  # the same at every try
    made["Auto-Submitted"] = "auto-generated"  # RFC 3834 §5: no out-of-office answers
    made.set_content(letter.text, cte="quoted-printable")
    return made


@contextmanager
def _way_out(post: Post) -> Iterator[Send]:
    if post.folder:
        yield lambda made: _keep(Path(post.folder), made)
        return
    with smtplib.SMTP(post.host, post.port, timeout=TIMEOUT_S) as server:
        if post.tls:  # RFC 3207; without it, or with a certificate that does not hold, nothing is said
            server.starttls(context=ssl.create_default_context(cafile=post.authorities or None))
        if post.user:
            server.login(post.user, post.password)
        yield lambda made: _hand_over(server, made)


def _hand_over(server: smtplib.SMTP, made: EmailMessage) -> None:
    """Raises Refused for this mail, and what smtplib raises where the server takes none."""
    try:
        server.send_message(made)
    except smtplib.SMTPRecipientsRefused as refused:
        ((code, _said),) = refused.recipients.values()
        raise Refused(code) from None
    except smtplib.SMTPDataError as error:
        raise Refused(error.smtp_code) from None


def _keep(folder: Path, made: EmailMessage) -> None:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    name = made["Message-ID"].strip("<>").partition("@")[0]
    file = os.open(folder / f"{name}.eml", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)  # it holds a link
    with os.fdopen(file, "wb") as body:
        body.write(made.as_bytes())


def _settle(session: Session, letter: Letter, error: Exception | None, now: int) -> None:
    row = session.get(Mail, letter.mail_id)
    if row is None:
        return  # erased meanwhile
    if error is None:
        row.sent_at, row.error = now, None
        _close(row)
        return
    row.error = _name(error)
    wait = WAITS_S[min(letter.tries, len(WAITS_S)) - 1]
    log.warning("mail %s (%s), try %d: %s", row.mail_id, row.kind, letter.tries, row.error)
    if isinstance(error, Refused) and error.ever:
        _close(row)
    else:
        row.due_at = now + wait


def _name(error: Exception) -> str:
    """What went wrong without what the server said: that may name the address."""
    code = getattr(error, "smtp_code", None)
    return f"SMTP {code}" if code else type(error).__name__


def _close(row: Mail) -> None:
    row.wrapped, row.due_at = None, None


def _give_up(cloud: Cloud, now: int) -> None:
    late = select(Mail).where(Mail.due_at.is_not(None), Mail.until < now).limit(1000)
    with cloud.db.writing() as session:
        for row in session.scalars(late).all():
            row.error = f"given up; {row.error or 'never tried'}"[:64]
            log.warning("mail %s (%s): %s", row.mail_id, row.kind, row.error)
            _close(row)


def forget(cloud: Cloud, now: int) -> None:
    """That old mails were sent, and links that nobody followed. A job of the worker."""
    with cloud.db.writing() as session:
        session.execute(delete(Mail).where(Mail.due_at.is_(None), Mail.created_at < now - KEEP_S))
        session.execute(delete(MailedLink).where(MailedLink.expires_at <= now))
