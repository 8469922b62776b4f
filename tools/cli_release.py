"""`ringslot release`: build a release, sign it on one machine or two, ask what a lock would say."""

import datetime
import sys
from pathlib import Path

import click

from protocol import update
from tools import board_data
from tools.cli import data_option, json_option, out
from tools.errors import ToolError

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
passphrase_option = click.option(
    "--passphrase-stdin", is_flag=True, help="Read passphrases from standard input, a line each, for scripts."
)


class _Group(click.Group):
    """`ringslot release BOARD ...` is `ringslot release build BOARD ...`."""

    def resolve_command(self, ctx, args):
        if args and args[0] in board_data.names():
            args = ["build", *args]
        return super().resolve_command(ctx, args)


@click.group(cls=_Group)
def release() -> None:
    """Build the lock's code for a board, sign it, ask what a lock would say.

    \b
    ringslot release esp32s3_lock --version 7 --expires 2027-03-01 --keys a.pem b.pem --out r7
    ringslot release esp32s3_lock --version 7 --expires 2027-03-01 --out r7      and on each signer's machine
    ringslot release sign r7 --key a.pem --rebuild
    ringslot release verify r7 --keyset bike-7/keyset
    ringslot release upload r7 --data fleet        and then: ringslot rollout --help
    """


@release.command()
@click.argument("board", type=click.Choice(board_data.names()))
@click.option("--version", type=click.IntRange(1, 0xFFFFFFFF), required=True, help="Higher than any before.")
@click.option(
    "--counter",
    type=click.IntRange(0, 0xFFFFFFFF),
    default=1,
    show_default=True,
    help="Security counter; raise it when a release before must never run again.",
)
@click.option("--expires", required=True, metavar="YYYY-MM-DD", help="No lock takes it after that day (UTC).")
@click.option("--keys", "pair", type=FILE, nargs=2, help="Two release keys, when they are on this machine.")
@click.option("--out", "folder", type=click.Path(file_okay=False, path_type=Path), required=True)
@passphrase_option
@json_option
def build(board, version, counter, expires, pair, folder, passphrase_stdin, as_json) -> None:
    """Build a release of this checkout for BOARD. The same source gives the same bytes."""
    from tools import release as releases

    end = _end_of(expires)
    releases.expect_empty(folder)  # before the long part
    made = releases.build(board, version, counter, end)
    if pair:
        made = releases.sign(made, *(_key(path, passphrase_stdin) for path in pair))
    releases.write(folder, made)
    _told(made, folder, as_json)


@release.command()
@click.argument("folder", type=FOLDER)
@click.option("--key", type=FILE, required=True, help="A release key's private half.")
@click.option("--rebuild", is_flag=True, help="Sign only what this checkout gives, too.")
@passphrase_option
@json_option
def sign(folder, key, rebuild, passphrase_stdin, as_json) -> None:
    """Add a signature to the release in FOLDER."""
    from protocol import cbor, manifest
    from tools import release as releases

    found = releases.read(folder)
    if rebuild:
        item = cbor.decode(found.payload, manifest.HEAD_MAX)
        again = releases.build(item[3], item[1], item[2], item[4])
        if again.payload != found.payload:
            differs = sorted(
                path
                for path in {*again.files, *found.files}
                if again.files.get(path) != found.files.get(path)
            )
            names = ", ".join(differs[:5]) or "their heads"
            raise ToolError(
                f"This checkout gives another release, so nothing was signed; they differ in {names}."
            )
    signed = releases.sign(found, _key(key, passphrase_stdin))
    releases.write_manifest(folder, signed)
    _told(signed, folder, as_json)


@release.command()
@click.argument("folder", type=FOLDER)
@click.option("--keyset", "path", type=FILE, required=True, help="As the lock holds it.")
@click.option("--board", help="What the lock is; the release's own board unless given.")
@click.option("--running", type=FOLDER, help="The release that the lock runs.")
@json_option
def verify(folder, path, board, running, as_json) -> None:
    """Say what a lock with that keyset would say to the release in FOLDER. Exit status 1 when it would refuse."""
    from tools import release as releases

    found = releases.read(folder)
    before = releases.read(running) if running else None
    reason = releases.judge(found, releases.read_keyset(path), board or found.board, running=before)
    sentence = update.sentence(reason)
    if as_json or not reason:
        out({"ok": not reason, "reason": reason, "sentence": sentence}, as_json, sentence)
    if reason:
        if as_json:
            raise click.exceptions.Exit(1)
        raise ToolError(sentence)


@release.command()
@click.argument("folder", type=FOLDER)
@data_option
@json_option
def upload(folder, data, as_json) -> None:
    """Hand the release in FOLDER to the cloud, which takes it as a lock would and never changes it."""
    from cloud import releases as taken
    from cloud import views
    from tools import release as releases
    from tools.cli_operator import cloud_of

    found = releases.read(folder)
    if not found.manifest:
        raise ToolError(f"{folder} is signed by nobody yet: `ringslot release sign`.")
    with cloud_of(data) as cloud, cloud.db.writing() as session:
        row = taken.take(session, found.manifest, found.files.values(), cloud.now(), None)
        item = views.release(row)
    human = f"The cloud has release {found.version} for {found.board}. Offer it: `ringslot rollout start`."
    out(item, as_json, human)


def _end_of(day: str) -> int:
    """The last second of that day, UTC."""
    try:
        midnight = datetime.datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=datetime.UTC)
    except ValueError:
        raise click.BadParameter("a day is YYYY-MM-DD", param_hint="--expires") from None
    return int(midnight.timestamp()) + 86_399


def _key(path: Path, from_stdin: bool):

    def ask() -> str:
        if from_stdin:
            return sys.stdin.readline().rstrip("\n")
        return click.prompt(f"Passphrase of {path}", hide_input=True)

    from tools import rootkeys

    return rootkeys.load(path, ask)


def _told(made, folder: Path, as_json: bool) -> None:
    signers = [kid.hex() for kid in made.signers]
    size = sum(len(data) for data in made.files.values())
    item = {
        "board": made.board,
        "version": made.version,
        "files": len(made.files),
        "bytes": size,
        "payload": made.payload.hex(),
        "manifest_sha256": made.digest.hex() if made.manifest else None,
        "signers": signers,
    }
    by = f"signed by {', '.join(signers)}" if signers else "signed by nobody yet"
    text = (
        f"{folder}: release {made.version} for {made.board}, {len(made.files)} files of {size} bytes, {by}."
    )
    if len(signers) < 2:
        text += " Locks ask for two signatures: `ringslot release sign`."
    out(item, as_json, text)
