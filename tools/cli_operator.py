"""Commands of whoever runs the fleet: locks, people, rides. They work on the cloud's database directly."""

import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import pyotp

from boards.sim.flash_image import make_image, read_image
from cloud import assets, context, db, factors, locks, operators, sessions, start, users
from cloud.reach import EVERYTHING
from cloud.tables import KINDS, ROLES
from firmware import config
from protocol import cbor
from tools import board_data, keysets, lock_image, provision
from tools.cli import data_option, json_option, out, settings
from tools.errors import ToolError

DEVELOPMENT = (
    "This fleet's keyset is signed by a development root, one file without a passphrase beside the database: good to\n"
    "try things, not for the street. Real roots: ringslot keys root new --help"
)
_CODE = re.compile(r"[A-Za-z0-9-]{1,32}")


@contextmanager
def cloud_of(data: Path | None) -> Iterator[context.Cloud]:
    chosen = settings(data)
    db.upgrade(chosen.database_url)
    start.secret(chosen)
    made = context.make(chosen)
    try:
        yield made
    finally:
        made.db.close()


operator_option = click.option(
    "--operator", metavar="ID", help="Whose it is, where there are several: `ringslot operator list`."
)

# --- lock ---

set_option = click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="NAME=VALUE",
    help="A setting of the lock that is to differ from its board's, such as fix_every_s=60.",
)


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
@click.option("--board", help="Whose releases are for it, such as esp32c6_lock; none are unless named.")
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
@set_option
@operator_option
@data_option
@json_option
def lock_add(code, label, kind, group, board, uplink, folder, changes, operator, data, as_json) -> None:
    """Register a lock and put it on the bicycle CODE.

    Draws the lock's key, stores it wrapped in the cloud's database, and writes identity, keyset and settings.json into
    the folder: copy them to the root of the lock's file system. The folder then holds the lock's secret: remove it.

    \b
    ringslot lock add BIKE-7 --data fleet --out bike-7 --uplink fleet.example:5683
    mpremote cp bike-7/* :        # or: ringslot sim bike-7
    """
    check_names(code, group)
    more = changed(changes)
    with cloud_of(data) as cloud:
        identity = add_lock(
            cloud, code, label or code, kind, folder, uplink, group, more, board_name(board), operator
        )
        with cloud.db.reading() as session:
            development = keysets.development_root(cloud, session, False) is not None
    item = {"lock_id": identity.lock_id.hex(), "code": code, "kind": kind, "folder": str(folder)}
    item["development_root"] = development
    human = f"Lock {item['lock_id']} is registered for {code}. Copy what is in {folder} to the lock, then remove it."
    if development:
        human += f"\n{DEVELOPMENT}"
    out(item, as_json, human)


def changed(changes: tuple[str, ...]) -> dict[str, int | str]:
    """Settings of NAME=VALUE. Raises BadParameter for what no lock would take."""
    found: dict[str, int | str] = {}
    for text in changes:
        name, equals, value = text.partition("=")
        if not equals or name in ("kind", "uplink_host", "uplink_port"):
            raise click.BadParameter(
                f"{text} is not NAME=VALUE, or has an option of its own", param_hint="--set"
            )
        found[name] = int(value) if value.isdigit() else value
    try:
        config.settings_of(json.dumps({"kind": "exclusive", "uplink_host": "192.0.2.1", **found}).encode())
    except config.ConfigError as error:
        raise click.BadParameter(str(error).removeprefix("settings.json: "), param_hint="--set") from None
    return found


def check_names(code: str, group: str | None) -> None:
    if not _CODE.fullmatch(code):
        raise click.BadParameter("letters, digits and dashes, at most 32", param_hint="CODE")
    if group is not None and not re.fullmatch(r"[0-9a-f]{8}", group):
        raise click.BadParameter("8 lower-case hex digits", param_hint="--group")


def board_name(board: str | None) -> str | None:
    """As a release names it. Raises BadParameter."""
    if board is not None and not re.fullmatch(r"[a-z0-9_]{1,24}", board):
        raise click.BadParameter("1 to 24 of a-z, 0-9 and _", param_hint="BOARD")
    return board


@lock.command("board")
@click.argument("code")
@click.argument("board")
@data_option
@json_option
def lock_board(code, board, data, as_json) -> None:
    """Say what kind of board the lock on the bicycle CODE is, so that releases for BOARD are offered to it."""
    with cloud_of(data) as cloud, cloud.db.writing() as session:
        lock_id = assets.lock_of(session, EVERYTHING, code=code)
        locks.get(session, lock_id, for_update=True).board = board_name(board)
    item = {"lock_id": lock_id, "code": code, "board": board}
    out(item, as_json, f"Releases for {board} are for the lock on {code}.")


@lock.command("image")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--board", type=click.Choice(board_data.names()), required=True, help="What it is for.")
@click.option(
    "--out", "path", type=click.Path(path_type=Path, dir_okay=False), required=True, help="The image."
)
@json_option
def lock_image_of(folder, board, path, as_json) -> None:
    """Make one file system image of the lock in FOLDER, for a board whose hardened image has no prompt to copy it by.

    \b
    ringslot lock image bike-7 --board esp32s3_lock --out bike-7.littlefs
    """
    offset = lock_image.make(provision.read(folder), board, path)
    item = {"board": board, "image": str(path), "offset": offset}
    human = f"esptool write-flash {offset:#x} {path}\nThen remove it: it holds the lock's key."
    out(item, as_json, human)


@lock.command("renew")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@data_option
@json_option
def lock_renew(folder, data, as_json) -> None:
    """Give the lock in FOLDER a signed keyset, if it is of before there were any; its key and its rides stay.

    For simulated locks, with what `ringslot sim` keeps in FOLDER/sim. A lock on the street is provisioned again.
    """
    with cloud_of(data) as cloud:
        identity = cbor.decode((folder / "identity").read_bytes())
        with cloud.db.writing() as session:
            lock = locks.get(session, identity[1].hex())
            signed = keysets.ready(cloud, session)
            lock.keyset_version = signed.version
            provision.renew(folder, signed.roots, signed.body)
    image = folder / "sim" / "flash"
    if image.exists():
        kept = read_image(image)
        kept = {
            name: body for name, body in kept.items() if name != "floors" and not name.startswith("comb-")
        }
        make_image(image, kept | provision.read(folder))  # its log tells the floors again, and the cloud
    out(
        {"folder": str(folder), "version": signed.version},
        as_json,
        f"{folder} has keyset {signed.version} now.",
    )


def add_lock(
    cloud: context.Cloud,
    code: str,
    label: str,
    kind: str,
    folder: Path,
    uplink: str,
    group: str | None = None,
    more: dict | None = None,
    board: str | None = None,
    operator: str | None = None,
) -> provision.Identity:
    """Draw, register, write. `more`: further settings of the lock, in place of its board's (board_data.settings).
    Raises ToolError, Problem."""
    host, _, port = uplink.rpartition(":")
    if not host or not port.isdigit():
        raise ToolError(f"{uplink} is no HOST:PORT.")
    taken = [path.name for path in folder.glob("*")] if folder.exists() else []
    if taken:
        raise ToolError(f"{folder} is not empty ({taken[0]}): give each lock a folder of its own.")
    identity = provision.draw(bytes.fromhex(group) if group else None)
    lock_id = identity.lock_id.hex()
    told = {"kind": kind, "uplink_host": host, "uplink_port": int(port)}
    told |= {**(board_data.settings(board) if board else {}), **(more or {})}
    with cloud.db.writing() as session:
        signed = keysets.ready(cloud, session)
        now, owner = cloud.now(), operators.for_new(session, EVERYTHING, operator, cloud.now())
        locks.register(
            session,
            cloud.box,
            lock_id,
            identity.k_lock,
            kind,
            group,
            now,
            signed.version,
            board,
            owner,
            config.settings_of(json.dumps(told).encode()).uplink_every_s,
        )
        if not assets.fit(session, EVERYTHING, code, lock_id, cloud.now()):
            assets.create(session, EVERYTHING, code, label, lock_id, cloud.now())
        # Inside the transaction: a lock whose files could not be written is not registered.
        try:
            provision.write(folder, identity, signed.roots, signed.body, told)
        except OSError as error:
            raise ToolError(f"{folder}: {error.strerror}; no lock was registered.") from error
    return identity


# --- user ---


@click.group()
def user() -> None:
    """Add people who run the fleet; riders sign up by themselves."""


@user.command("second-factor")
@click.argument("login")
@click.option(
    "--reset", is_flag=True, help="First remove what there is: for somebody who lost it, and was recognised."
)
@data_option
@json_option
def user_second_factor(login, reset, data, as_json) -> None:
    """Give LOGIN an authenticator app from here: prints its secret, to type or scan, and recovery codes.

    Staff may do it themselves in the console at their first sign-in; this is for whoever cannot, and for scripts.
    """
    with cloud_of(data) as cloud, cloud.db.writing() as session:
        person = users.by_name(session, login)
        if person is None:
            raise ToolError(f"Nobody signs in as {login}.")
        if reset:
            factors.forget(session, person.user_id)
            sessions.end_all(session, person.user_id)
        secret, uri = factors.begin_totp(session, cloud.box, person)
        code = pyotp.TOTP(secret).at(cloud.now())
        codes = factors.confirm_totp(session, cloud.box, person.user_id, code, cloud.now())
    item = {"login": login, "secret": secret, "uri": uri, "recovery_codes": codes}
    human = (
        f"{login} signs in with an authenticator app from now on:\n{uri}\nRecovery codes, each good once:\n"
    )
    out(item, as_json, human + "\n".join(codes))


@user.command("add")
@click.argument("login")
@click.option("--role", type=click.Choice(ROLES), default="technician", show_default=True)
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input, for scripts.")
@operator_option
@data_option
@json_option
def user_add(login, role, password_stdin, operator, data, as_json) -> None:
    """Add the person LOGIN; asks for a password. Staff without --operator is the platform's, and sees every fleet.

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
        user_id = add_user(cloud, login, password, role, operator)
    out({"user_id": user_id, "login": login, "role": role}, as_json, f"{login} may sign in as {role}.")


def add_user(cloud: context.Cloud, login: str, password: str, role: str, operator: str | None = None) -> str:
    """Raises Problem not_found (the operator), login_taken."""
    with cloud.db.writing() as session:
        if operator is not None:
            operators.find(session, EVERYTHING, operator)
        if operator is not None and role == "rider":
            raise ToolError("A rider belongs to no operator.")
        return users.create_now(session, login, password, role, cloud.now(), operator)


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
