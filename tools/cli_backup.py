"""Commands that keep a fleet from being lost: one encrypted file with all of it, and the way back."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress

from cloud import backup as backups
from cloud import context, vault
from tools import keysets, rootkeys
from tools.cli import data_option, json_option, out, settings
from tools.errors import ToolError

ANOTHER_PLACE = "RINGSLOT_SECRET is not in it and nothing opens without: keep that in another place."
_passphrase = click.option(
    "--passphrase-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Its first line is the passphrase; asked for unless given.",
)


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--to", metavar="AGE1…", help="Encrypt for this public key of age, instead of by a passphrase.")
@_passphrase
@data_option
@json_option
def backup(file, to, passphrase_file, data, as_json) -> None:
    """Write the whole fleet, as of one moment, into FILE; the cloud may run on meanwhile.

    Encrypted and authenticated by age, by a passphrase or for a public key: then the machine that makes backups cannot
    read them. RINGSLOT_SECRET is not inside; without it no key of the fleet opens, so keep it in another place.

    \b
    ringslot backup fleet-monday.ringslot --data fleet
    age-keygen -o restore.key        on another machine, once; then here, every night:
    ringslot backup /mnt/far/$(date +%F).ringslot --to age1…
    """
    if file.exists():
        raise ToolError(f"{file} is there already; a backup overwrites nothing.")
    key = vault.recipient(to) if to else _ask(passphrase_file, confirm=True)
    chosen = settings(data)
    part = file.with_name(file.name + ".part")
    try:
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as sealed, _bar("Backing up") as progress:
            with vault.sealing(sealed, key) as plain:
                rows = backups.write(chosen, plain, int(time.time()), progress)
            sealed.flush()
            os.fsync(sealed.fileno())
        part.rename(file)
    except OSError as error:
        raise ToolError(f"{file}: {error.strerror or error}; there is no backup.") from error
    finally:
        part.unlink(missing_ok=True)
    human = f"{file}: {rows} rows, {file.stat().st_size} bytes. {ANOTHER_PLACE}"
    if (folder := keysets.folder_of(context.make(chosen))) and rootkeys.development(folder, make=False):
        human += (
            f"\nNor is the development root of {folder}: copy that file too, if the fleet shall rotate keys."
        )
    out({"file": str(file), "rows": rows, "bytes": file.stat().st_size}, as_json, human)


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option(
    "--identity",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The file that age-keygen wrote, for a backup made with --to.",
)
@_passphrase
@data_option
@json_option
def restore(file, identity, passphrase_file, data, as_json) -> None:
    """Bring the fleet in FILE back into an empty database, of either kind; all of it or nothing.

    RINGSLOT_SECRET must be the fleet's. What happened since the backup is not in it: riders claim again, and tokens of
    claims that the cloud no longer knows die at each lock's next uplink. Receipts that locks delivered since then are
    gone but for those that phones still carry; so make backups often.

    \b
    export RINGSLOT_SECRET=…         the fleet's own
    ringslot restore fleet-monday.ringslot --data fleet-again
    ringslot up --data fleet-again   at the address that the locks know
    """
    key = vault.identity(identity.read_text()) if identity else _ask(passphrase_file, confirm=False)
    chosen = settings(data)
    with file.open("rb") as sealed, _bar("Restoring") as progress, vault.opening(sealed, key) as plain:
        rows = backups.read(chosen, plain, progress)
    out({"rows": rows}, as_json, f"{rows} rows are back. Start it with `ringslot up`.")


def _ask(file: Path | None, confirm: bool) -> str:
    if file:
        return file.read_text().partition("\n")[0]
    return click.prompt("Passphrase", hide_input=True, confirmation_prompt=confirm, err=True)


@contextmanager
def _bar(what: str) -> Iterator[backups.Progress]:
    """A bar on standard error, where somebody watches."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=None)
        yield lambda table, done, total: bar.update(
            task, description=f"{what}: {table}", completed=done, total=total
        )
