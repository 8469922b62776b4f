"""What the cloud stores: one class a table. Names no engine; the same on SQLite and PostgreSQL.

Times are Unix seconds, positions degrees x 10^7, voltages millivolts: integers everywhere. Identifiers that
the wire knows as bytes (lock id 8, cti 8, kid 4, group 4) are lower-case hex here, so that a row reads like a
log line; keys, tokens and receipts are bytes. A time that a lock did not know (2^32-1 on the wire) is NULL.

A row that a person may ask for by id has an id that says nothing: random, or a hash.
"""

from cloud.tables_accounts import LANGUAGES, ROLES, Attempt, Mail, MailedLink, User, WebSession
from cloud.tables_base import CONVENTION, COUNTED, UNSIGNED, Base, one_of
from cloud.tables_locks import KEY_STATES, KINDS, Asset, Comb, Command, IssuerKey, Lock, SignedKeyset
from cloud.tables_releases import HALTS, ROLLOUT_STATES, Release, ReleaseFile, Rollout, RolloutLock
from cloud.tables_rides import (
    CARRIERS,
    CLAIM_STATES,
    MODES,
    PROOFS,
    RIDE_STATES,
    Claim,
    IssuedToken,
    Receipt,
    ReceiptFork,
    Ride,
)
from cloud.tables_running import Audit, Event, Job, Process
from cloud.tables_tenancy import CLIENT_KINDS, AccessToken, Client, Group, Invitation, Member, Operator
from cloud.tables_told import Fix, Note, StatusSample

__all__ = [
    "AccessToken",
    "Asset",
    "Attempt",
    "Audit",
    "Base",
    "CARRIERS",
    "CLAIM_STATES",
    "CLIENT_KINDS",
    "CONVENTION",
    "COUNTED",
    "Claim",
    "Client",
    "Comb",
    "Command",
    "Event",
    "Fix",
    "Group",
    "HALTS",
    "Invitation",
    "IssuedToken",
    "IssuerKey",
    "Job",
    "KEY_STATES",
    "KINDS",
    "LANGUAGES",
    "Lock",
    "MODES",
    "Mail",
    "MailedLink",
    "Member",
    "Note",
    "Operator",
    "PROOFS",
    "Process",
    "RIDE_STATES",
    "ROLES",
    "ROLLOUT_STATES",
    "Receipt",
    "ReceiptFork",
    "Release",
    "ReleaseFile",
    "Ride",
    "Rollout",
    "RolloutLock",
    "SignedKeyset",
    "StatusSample",
    "UNSIGNED",
    "User",
    "WebSession",
    "one_of",
]
