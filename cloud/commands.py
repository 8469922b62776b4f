"""What a lock is asked to do. Never the bolt: there is no command that moves it."""

import json
from collections.abc import Mapping, Sequence

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from cloud import events
from cloud.tables import Command, Lock
from protocol import settings, telemetry

KINDS = {  # SPEC 10
    "find": telemetry.COMMAND_BLINK,
    "locate": telemetry.COMMAND_LOCATE,
    "config": telemetry.COMMAND_CONFIG,
}
AT_ONCE = 4  # in one answer to the lock


def ask(
    session: Session, lock: Lock, kind: str, user_id: str, now: int, changes: Mapping[str, int] | None = None
) -> int:
    """-> command id, as the lock will report it done. `changes`: of settings, for config; ValueError."""
    args = json.dumps(settings.encode(changes) if changes else [])
    command = Command(lock_id=lock.lock_id, kind=KINDS[kind], args=args, user_id=user_id, created_at=now)
    session.add(command)
    session.flush()
    events.of_lock(session, "command.asked", lock, now, command_id=command.command_id, command=kind)
    return command.command_id


def pending(session: Session, lock_id: str, now: int) -> list[tuple[int, int, list[int]]]:
    """(id, kind, args) of what the lock has not said is done, oldest first. Sent again until it is: the lock does the
    same id once."""
    rows = select(Command).where(Command.lock_id == lock_id, Command.done_at.is_(None))
    commands: Sequence[Command] = session.scalars(rows.order_by(Command.command_id).limit(AT_ONCE)).all()
    for command in commands:
        command.sent_at = command.sent_at or now
    return [(command.command_id, command.kind, json.loads(command.args)) for command in commands]


def changes(command: Command) -> dict[str, int] | None:
    """{setting: value} of a config command, None of another."""
    return settings.decode(json.loads(command.args)) if command.kind == telemetry.COMMAND_CONFIG else None


def done(session: Session, lock: Lock, command_id: int, now: int, refused: bool = False) -> None:
    """The lock says so, or that it will not; another lock's command is not its to report."""
    mine = (Command.command_id == command_id, Command.lock_id == lock.lock_id, Command.done_at.is_(None))
    closed = update(Command).where(*mine).values(done_at=now, refused=refused).returning(Command)
    if (command := session.scalars(closed).one_or_none()) is not None:
        if not refused and (said := changes(command)):
            lock.uplink_every_s = said.get("uplink_every_s", lock.uplink_every_s)
        events.of_lock(session, "command.done", lock, now, command_id=command_id, refused=refused)
