"""What a lock tells beside fixes, status records and receipts (SPEC 10, notes), in words."""

from protocol import status
from protocol import telemetry as wire
from protocol import update as told

UPDATES = {
    told.DOWNLOADING: "downloading",
    told.VERIFIED: "verified",
    told.TRIAL: "on trial",
    told.CONFIRMED: "confirmed",
    told.ROLLED_BACK: "rolled back",
    told.REFUSED: "refused",
}
NOTES = {  # number: (word for programs, words for people)
    wire.NOTE_REFUSED: ("refused", "Refused a request"),
    wire.NOTE_FIX_DROPPED: ("fix_dropped", "Dropped a fix"),
    wire.NOTE_BOOT: ("boot", "Started"),
    wire.NOTE_RADIO: ("radio", "Radio fault"),
    wire.NOTE_COMMAND_DONE: ("command_done", "Did a command"),
    wire.NOTE_MOVED: ("moved", "Moved while locked"),
    wire.NOTE_RESTARTED: ("restarted", "Restarted a task"),
    wire.NOTE_LOST: ("lost", "Lost records"),
    wire.NOTE_UPDATE: ("update", "Update"),
    wire.NOTE_KEYSET: ("keyset", "Has keyset"),
    wire.NOTE_COMMAND_REFUSED: ("command_refused", "Refused a command"),
    wire.NOTE_RELEASE: ("release", "Runs release"),
}


def word(note: int) -> str:
    return NOTES.get(note, ("unknown", ""))[0]


def what(note: int, value: int) -> str | None:
    """What its value stands for, where that has a word."""
    if note == wire.NOTE_REFUSED:
        return status.NAMES.get(value)
    return UPDATES.get(value & 0xFF) if note == wire.NOTE_UPDATE else None


def said(note: int, value: int) -> str:
    words, meant = NOTES.get(note, ("", f"Note {note}"))[1], what(note, value)
    if meant:
        return f"{words}: {meant}"
    return f"{words} ({value})" if value else words
