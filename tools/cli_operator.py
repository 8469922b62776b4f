"""Commands of whoever runs the fleet: locks, people, issuer keys, rides. They work on the cloud's database directly."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from cloud import assets, context, db, issuers, locks, users
from cloud.tables import KINDS, ROLES, IssuerKey
from protocol import keyset
from tools import provision
from tools.cli import data_option, json_option, out, settings
from tools.errors import ToolError

_CODE = re.compile(r"[A-Za-z0-9-]{1,32}")


@contextmanager
def cloud_of(data: Path | None) -> Iterator[context.Cloud]:
    chosen = settings(data)
    db.upgrade(chosen.database_url)
    made = context.make(chosen)
    try:
        yield made
    finally:
        made.db.close()


# --- lock ---


@click.group()
def lock() -> None:
    """Register locks, and write the files that make a board one."""


@lock.command("add")
@click.argument("code")
@click.option("--label", help="What the rider reads beside the code; the code unless given.")
@click.option(
    "--kind",
    type=click.Choice(KINDS),
    default="exclusive",
    show_default=True,
    help="One claim at a time, or a pool.",
)
@click.option("--group", help="Group that one master token may open: 8 hex digits.")
@click.option(
    "--uplink",
    default="127.0.0.1:5683",
    show_default=True,
    metavar="HOST:PORT",
    help="Where the lock finds the CoAP gateway.",
)
@click.option(
    "--out",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Folder for the lock's files; it must not hold any yet.",
)
@data_option
@json_option
def lock_add(code, label, kind, group, uplink, folder, data, as_json) -> None:
    """Register a lock and put it on the bicycle CODE.

    Draws the lock's key, stores it wrapped in the cloud's database, and writes identity, keyset and settings.json into
    the folder: copy them to the root of the lock's file system. The folder then holds the lock's secret: remove it.

    \b
    ringslot lock add BIKE-7 --data fleet --out bike-7 --uplink fleet.example:5683
    mpremote cp bike-7/* :        # or: ringslot sim --lock bike-7
    """
    check_names(code, group)
    with cloud_of(data) as cloud:
        identity = add_lock(cloud, code, label or code, kind, folder, uplink, group)
    item = {"lock_id": identity.lock_id.hex(), "code": code, "kind": kind, "folder": str(folder)}
    human = f"Lock {item['lock_id']} is registered for {code}. Copy what is in {folder} to the lock, then remove it."
    out(item, as_json, human)


def check_names(code: str, group: str | None) -> None:
    if not _CODE.fullmatch(code):
        raise click.BadParameter("letters, digits and dashes, at most 32", param_hint="CODE")
    if group is not None and not re.fullmatch(r"[0-9a-f]{8}", group):
        raise click.BadParameter("8 lower-case hex digits", param_hint="--group")


def add_lock(
    cloud: context.Cloud,
    code: str,
    label: str,
    kind: str,
    folder: Path,
    uplink: str,
    group: str | None = None,
    more: dict | None = None,
) -> provision.Identity:
    """Draw, register, write. `more`: further settings of the lock. Raises ToolError, Problem."""
    host, _, port = uplink.rpartition(":")
    if not host or not port.isdigit():
        raise ToolError(f"{uplink} is no HOST:PORT.")
    taken = [path.name for path in folder.glob("*")] if folder.exists() else []
    if taken:
        raise ToolError(f"{folder} is not empty ({taken[0]}): give each lock a folder of its own.")
    identity = provision.draw(bytes.fromhex(group) if group else None)
    lock_id = identity.lock_id.hex()
    with cloud.db.writing() as session:
        issuers.make_missing(session, cloud.box, cloud.now())
        _, keys_of_cloud = issuers.keyset_of(session)
        locks.register(session, cloud.box, lock_id, identity.k_lock, kind, group, cloud.now())
        assets.create(session, code, label, lock_id, cloud.now())
        # Inside the transaction: a lock whose files could not be written is not registered.
        told = {"kind": kind, "uplink_host": host, "uplink_port": int(port), **(more or {})}
        try:
            provision.write(folder, identity, keys_of_cloud, told)
        except OSError as error:
            raise ToolError(f"{folder}: {error.strerror}; no lock was registered.") from error
    return identity


# --- user ---


@click.group()
def user() -> None:
    """Add people who run the fleet; riders sign up by themselves."""


@user.command("add")
@click.argument("login")
@click.option("--role", type=click.Choice(ROLES), default="technician", show_default=True)
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input, for scripts.")
@data_option
@json_option
def user_add(login, role, password_stdin, data, as_json) -> None:
    """Add the person LOGIN; asks for a password.

    \b
    ringslot user add chief --role admin --data fleet
    """
    if password_stdin:
        password = sys.stdin.readline().rstrip("\n")
    else:
        password = click.prompt("Password (10 characters or more)", hide_input=True, confirmation_prompt=True)
    if not 10 <= len(password) <= 128:
        raise ToolError("The password must be 10 to 128 characters.")
    with cloud_of(data) as cloud:
        user_id = add_user(cloud, login, password, role)
    out({"user_id": user_id, "login": login, "role": role}, as_json, f"{login} may sign in as {role}.")


def add_user(cloud: context.Cloud, login: str, password: str, role: str) -> str:
    with cloud.db.writing() as session:
        return users.create_now(session, login, password, role, cloud.now())


# --- keys ---


@click.group()
def keys() -> None:
    """Make and show issuer keys. Locks believe those of the keyset that they were given.

    Roles: `ride` signs claims' tokens, `master` technicians' tokens, `countersign` the word that a receipt is stored.
    """


@keys.command("make")
@click.option(
    "--role", type=click.Choice(list(issuers.ROLES)), help="A new key of this role, though there is one."
)
@data_option
@json_option
def keys_make(role, data, as_json) -> None:
    """Make the keys that are missing, or with --role one more.

    A new ride or master key works only at locks whose keyset has it.

    \b
    ringslot keys make --data fleet
    """
    with cloud_of(data) as cloud, cloud.db.writing() as session:
        if role:
            made = [issuers.make(session, cloud.box, issuers.ROLES[role], cloud.now())]
        else:
            made = issuers.make_missing(session, cloud.box, cloud.now())
    out(
        {"made": made},
        as_json,
        "Made " + ", ".join(made) if made else "There is a current key for each role already.",
    )


@keys.command("list")
@data_option
@json_option
def keys_list(data, as_json) -> None:
    """Show the keys that are not retired."""
    with cloud_of(data) as cloud, cloud.db.reading() as session:
        items = [
            {
                "kid": k.kid,
                "role": issuers.ROLE_NAMES[k.role],
                "public": k.public.hex(),
                "nbf": k.nbf,
                "exp": k.exp,
            }
            for k in issuers.public_keys(session, *issuers.ROLES.values())
        ]
    lines = [f"{item['kid']}  {item['role']:<12}{item['public']}" for item in items]
    out({"keys": items}, as_json, "\n".join(lines) or "No keys yet: ringslot keys make")


@keys.command("keyset")
@click.option(
    "--out", "path", type=click.Path(dir_okay=False, path_type=Path), help="Write it there, as locks read it."
)
@data_option
@json_option
def keys_keyset(path, data, as_json) -> None:
    """Print the keyset that the next lock would get."""
    with cloud_of(data) as cloud, cloud.db.reading() as session:
        if not issuers.public_keys(session, *issuers.IN_KEYSET):
            raise ToolError("There are no issuer keys yet: ringslot keys make")
        version, encoded = issuers.keyset_of(session)
    if path:
        path.write_bytes(encoded)
    kids = [kid.hex() for kid in keyset.parse(encoded).keys]
    out(
        {"version": version, "kids": kids, "keyset": encoded.hex()},
        as_json,
        f"version {version}: {', '.join(kids)}\n{encoded.hex()}",
    )


@keys.command("retire")
@click.argument("kid")
@data_option
@json_option
def keys_retire(kid, data, as_json) -> None:
    """Take the key KID out of the keyset; claims under it are over. Locks learn it with their next keyset."""
    with cloud_of(data) as cloud, cloud.db.writing() as session:
        if session.get(IssuerKey, kid) is None:
            raise ToolError(f"There is no key {kid}; `ringslot keys list` shows them.")
        issuers.retire(session, kid, cloud.now())
    out({"retired": kid}, as_json, f"{kid} is retired.")


# --- rides ---


@click.command("rebuild-rides")
@data_option
@json_option
def rebuild_rides(data, as_json) -> None:
    """Empty the table of rides and make it anew from the receipts, which are the truth.

    \b
    ringslot rebuild-rides --data fleet
    """
    from cloud import rides

    with cloud_of(data) as cloud, cloud.db.writing() as session:
        count = rides.rebuild(session, cloud.settings.still_s)
    out({"rides": count}, as_json, f"{count} rides stand as their receipts say.")
