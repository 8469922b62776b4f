"""`ringslot keys`: the fleet's keys, from the roots to the issuers, and the keyset that carries them to the locks.

What changes the cloud takes --data; what needs a root or release key needs only files, on a machine without a network.
"""

import sys
from pathlib import Path

import click

from cloud import fleet, issuers, keyring, rotation
from cloud.reach import EVERYTHING
from cloud.tables import IssuerKey
from protocol import keyset as wire
from protocol import roots
from tools import keysets, rootkeys
from tools.cli import data_option, json_option, out
from tools.cli_operator import cloud_of
from tools.errors import ToolError

FILE = click.Path(dir_okay=False, path_type=Path)
passphrase_option = click.option(
    "--passphrase-stdin", is_flag=True, help="Read passphrases from standard input, a line each, for scripts."
)
ROTATED = [issuers.ROLE_NAMES[role] for role in issuers.ROTATED]


def _passphrase(path: Path, from_stdin: bool, again: bool = False) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\n")
    return click.prompt(f"Passphrase of {path}", hide_input=True, confirmation_prompt=again)


@click.group()
def keys() -> None:
    """Make, rotate and withdraw keys, and carry them to the locks in signed keysets.

    Roles: `ride` signs claims' tokens, `master` technicians' tokens, `countersign` the word that a receipt is stored;
    `release` keys sign updates and `root` keys sign keysets, both offline. tools/ROTATION.md is the runbook.
    """


# --- offline keys ---


@keys.group("root")
def root() -> None:
    """Root keys: two of three sign each keyset. Keep each on a machine, or a stick, of its own."""


@root.command("new")
@click.argument("files", nargs=-1, required=True, type=FILE)
@passphrase_option
@json_option
def root_new(files, passphrase_stdin, as_json) -> None:
    """Make a root key in each of FILES (NAME.pem), under a passphrase, and its public half beside it (NAME.pub).

    \b
    ringslot keys root new root-a.pem          on one machine,
    ringslot keys root new root-b.pem          on another ...
    ringslot keys root set root-a.pub root-b.pub root-c.pub --out roots
    """
    _new(files, passphrase_stdin, as_json, "root")


def _new(files, passphrase_stdin, as_json, what) -> None:
    made = {}
    for path in files:
        made[str(path)] = rootkeys.new(path, _passphrase(path, passphrase_stdin, again=True)).hex()
    lines = [f"{path}: a {what} key; give away only {Path(path).with_suffix('.pub')}." for path in made]
    out({"made": made}, as_json, "\n".join(lines))


@root.command("set")
@click.argument("publics", nargs=-1, required=True, type=FILE)
@click.option("--threshold", type=click.IntRange(1, wire.ROOTS_MAX), default=2, show_default=True)
@click.option("--out", "path", type=FILE, required=True, help="Where to write the root set.")
@json_option
def root_set(publics, threshold, path, as_json) -> None:
    """Put public halves together into a root set, of which --threshold must sign."""
    found = [rootkeys.read_public(public) for public in publics]
    try:
        encoded = roots.encode(threshold, found)
    except wire.KeysetError as error:
        raise ToolError(f"These do not make a root set: {error}.") from None
    path.write_bytes(encoded)
    text = f"{path}: {threshold} of {len(found)} sign."
    if threshold < 2 or len(found) == threshold:
        text += " Two of three is what we advise: one may be stolen, and one lost."
    out({"threshold": threshold, "roots": [key.hex() for key in found]}, as_json, text)


@keys.group("release")
def release() -> None:
    """Release keys: they sign updates, offline. Locks learn their public halves from the keyset."""


@release.command("new")
@click.argument("files", nargs=-1, required=True, type=FILE)
@passphrase_option
@json_option
def release_new(files, passphrase_stdin, as_json) -> None:
    """Make a release key in each of FILES (NAME.pem), and its public half beside it (NAME.pub)."""
    _new(files, passphrase_stdin, as_json, "release")


@release.command("add")
@click.argument("publics", nargs=-1, required=True, type=FILE)
@data_option
@json_option
def release_add(publics, data, as_json) -> None:
    """Put the release keys of these NAME.pub into the next keyset; `ringslot keys drop` takes one out."""
    found = [rootkeys.read_public(path) for path in publics]
    with cloud_of(data) as cloud, cloud.db.writing() as session:
        kids = [issuers.add_release(session, public, cloud.now()) for public in found]
        said = _carried(cloud, session)
    out({"added": kids}, as_json, f"{', '.join(kids)}: for the next keyset. {said}")


# --- issuer keys ---


@keys.command("make")
@data_option
@json_option
def make(data, as_json) -> None:
    """Make the issuer keys that are missing: for each role the current one, and for ride and master the next.

    \b
    ringslot keys make --data fleet
    """
    with cloud_of(data) as cloud, cloud.db.writing() as session:
        made = issuers.make_missing(session, cloud.box, cloud.now())
    human = "Made " + ", ".join(made) if made else "There is a current key for each role already."
    out({"made": made}, as_json, human)


@keys.command("list")
@data_option
@json_option
def listed(data, as_json) -> None:
    """Show the keys that are not removed, and how far the newest keyset has come."""
    with cloud_of(data) as cloud, cloud.db.reading() as session:
        now = cloud.now()
        rows = issuers.public_keys(session, *issuers.ROLE_NAMES)
        items = [
            {
                "kid": row.kid,
                "role": issuers.ROLE_NAMES[row.role],
                "state": row.state,
                "public": row.public.hex(),
                "nbf": row.nbf,
                "exp": row.exp,
            }
            for row in rows
        ]
        behind, version = fleet.behind(session, EVERYTHING)
        due = [
            issuers.ROLE_NAMES[role]
            for role in issuers.ROTATED
            if rows and rotation.is_due(session, role, now)
        ]
        unsigned = bool(rows) and keyring.is_due(session, now)
    lines = [
        f"{item['kid']}  {item['role']:<12}{item['state']:<9} to {keysets.day(item['exp'])}  {item['public']}"
        for item in items
    ]
    if version:
        lines.append(
            f"keyset {version}: " + (f"{behind} locks do not have it yet" if behind else "all locks have it")
        )
    lines += [f"The {role} key's term is over: ringslot keys rotate --role {role}" for role in due]
    if unsigned:
        lines.append("The next keyset is not signed yet: ringslot keys keyset make")
    item = {
        "keys": items,
        "keyset_version": version or None,
        "behind": behind,
        "due": due,
        "unsigned": unsigned,
    }
    out(item, as_json, "\n".join(lines) or "No keys yet: ringslot keys make")


@keys.command("rotate")
@click.option("--role", type=click.Choice(ROTATED), required=True)
@data_option
@json_option
def rotate(role, data, as_json) -> None:
    """The next key of a role signs from now on; the one before retires, and another is made ready.

    Locks believe the next key already, from the keyset that they have: nobody waits. The new keyset must be signed and
    carried to them within a week.
    """
    with cloud_of(data) as cloud, cloud.db.writing() as session:
        signs, following = rotation.rotate(session, cloud.box, issuers.ROLES[role], cloud.now())
        said = _carried(cloud, session)
    out({"current": signs, "next": following}, as_json, f"{signs} signs now, {following} is next. {said}")


@keys.command("revoke")
@click.argument("kid")
@data_option
@json_option
def revoke(kid, data, as_json) -> None:
    """The key KID leaked: it signs no more, its claims are over, and the next one stands in at once.

    Each lock drops it, with all the floors that it raised, at its first contact after the new keyset was imported.
    """
    with cloud_of(data) as cloud, cloud.db.writing() as session:
        _known(session, kid)
        instead, closed = rotation.withdraw(session, cloud.box, kid, cloud.now())
        said = _carried(cloud, session)
    signs = f"{instead} signs instead" if instead else "it did not sign"
    human = f"{kid} is withdrawn, {signs}, {closed} claims are over. {said}"
    out({"revoked": kid, "instead": instead, "claims_closed": closed}, as_json, human)


@keys.command("drop")
@click.argument("kid")
@data_option
@json_option
def drop(kid, data, as_json) -> None:
    """Take the retiring or release key KID out of the next keyset; claims under it are over."""
    with cloud_of(data) as cloud, cloud.db.writing() as session:
        row = _known(session, kid)
        if row.role in issuers.ROTATED and row.state in ("current", "next"):
            raise ToolError(
                f"{kid} is the {row.state} key; rotate first, or `ringslot keys revoke {kid}` if it leaked."
            )
        closed = rotation.drop(session, kid, cloud.now())
        said = _carried(cloud, session)
    out({"dropped": kid, "claims_closed": closed}, as_json, f"{kid} is out. {said}")


def _known(session, kid) -> IssuerKey:
    row = session.get(IssuerKey, kid)
    if row is None:
        raise ToolError(f"There is no key {kid}; `ringslot keys list` shows them.")
    return row


def _carried(cloud, session) -> str:
    """What becomes of the keyset now, in a sentence."""
    done = keysets.settle(cloud, session)
    if done:
        return f"The development root signed keyset {done.version}; locks fetch it at their next contact."
    return "Now the keyset: ringslot keys keyset make, sign, import."


# --- keysets ---


@keys.group("keyset")
def keyset() -> None:
    """The keyset: drafted from the cloud, signed by roots one after the other, imported for the locks to fetch."""


@keyset.command("make")
@click.option("--out", "path", type=FILE, required=True, help="Where to write the draft.")
@click.option("--roots", "new", type=FILE, help="A new root set, for the old one and itself to sign.")
@data_option
@json_option
def keyset_make(path, new, data, as_json) -> None:
    """Draft the next keyset from the cloud's keys as they stand.

    \b
    ringslot keys keyset make --data fleet --out keyset-5
    ringslot keys keyset sign keyset-5 --key root-a.pem      on one machine,
    ringslot keys keyset sign keyset-5 --key root-b.pem      then on another
    ringslot keys keyset import keyset-5 --data fleet
    """
    with cloud_of(data) as cloud, cloud.db.writing() as session:
        issuers.make_missing(session, cloud.box, cloud.now())
        encoded = keysets.draft(session, cloud.now(), _root_file(new) if new else None)
        before = _published(session)
    path.write_bytes(encoded)
    found = wire.parse(encoded)
    out({"version": found.version, "file": str(path)}, as_json, "\n".join(keysets.words(found, before)))


@keyset.command("show")
@click.argument("path", type=FILE, required=False)
@click.option("--before", type=FILE, help="The keyset before it: show what changes.")
@click.option("--roots", "trusted", type=FILE, help="Say whether enough of this root set has signed.")
@data_option
@json_option
def keyset_show(path, before, trusted, data, as_json) -> None:
    """Say in words what is in the keyset file PATH; without it, what the cloud has for the locks (--data)."""
    if path is None:
        with cloud_of(data) as cloud, cloud.db.reading() as session:
            encoded = keyring.published(session).body
    else:
        encoded = rootkeys.read(path)
    found, _, signatures = keysets.opened(encoded)
    old = keysets.opened(rootkeys.read(before))[0] if before else None
    lines = keysets.words(found, old)
    lines.append(
        keysets.standing(encoded, _root_file(trusted))
        if trusted
        else "Signed by " + (", ".join(kid.hex() for kid, _, _ in signatures) or "nobody") + "."
    )
    item = {"version": found.version, "kids": [kid.hex() for kid in sorted(found.keys)]}
    item["signed_by"] = [kid.hex() for kid, _, _ in signatures]
    out(item, as_json, "\n".join(lines))


@keyset.command("sign")
@click.argument("path", type=FILE)
@click.option("--key", type=FILE, required=True, help="The root key's NAME.pem.")
@click.option("--before", type=FILE, help="The keyset before it: show what changes.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@passphrase_option
@json_option
def keyset_sign(path, key, before, yes, passphrase_stdin, as_json) -> None:
    """Add one root's signature to the keyset file PATH. Read what it says before you do. Needs no network."""
    encoded = rootkeys.read(path)
    found, _, _ = keysets.opened(encoded)
    old = keysets.opened(rootkeys.read(before))[0] if before else None
    if not as_json:
        click.echo("\n".join(keysets.words(found, old)))
    if not yes:
        click.confirm("Sign this?", abort=True)
    signer = rootkeys.load(key, lambda: _passphrase(key, passphrase_stdin))
    signed = keysets.sign(encoded, signer)
    path.write_bytes(signed)
    kids = [kid.hex() for kid, _, _ in keysets.opened(signed)[2]]
    out({"signed_by": kids}, as_json, f"Signed by {', '.join(kids)}.")


@keyset.command("import")
@click.argument("path", type=FILE)
@click.option(
    "--roots", "first", type=FILE, help="With the first keyset: the root set that locks will trust."
)
@data_option
@json_option
def keyset_import(path, first, data, as_json) -> None:
    """Give the signed keyset PATH to the cloud, which checks it as a lock would. Locks fetch it at their next
    contact."""
    encoded = rootkeys.read(path)
    found, _, _ = keysets.opened(encoded)
    with cloud_of(data) as cloud, cloud.db.writing() as session:
        trusted = _root_file(first) if first else None
        keyring.take(session, encoded, cloud.now(), trusted, keysets.files_of(found))
        behind, version = fleet.behind(session, EVERYTHING)
    human = f"Keyset {found.version} is there for the locks; {behind} have to fetch it."
    if version != found.version:
        human = f"Keyset {version} is newer and stays."
    out({"version": found.version, "behind": behind}, as_json, human)


def _root_file(path: Path):
    try:
        return roots.parse(rootkeys.read(path))
    except wire.KeysetError as error:
        raise ToolError(f"{path} is no root set: {error}.") from None


def _published(session):
    row = keyring.newest(session)
    return roots.take_apart(row.body)[0] if row else None
