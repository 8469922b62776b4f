"""The `ringslot` command: what every use of it shares. The commands themselves are in cli_*.py, one noun each.

What can go wrong in use ends in one sentence and exit status 1, never a traceback; 2 is a wrong argument.
"""

import errno
import importlib
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import click

# name -> (module, attribute, one line): imported when it is called, so that `ringslot --help` answers at once
COMMANDS = {
    "demo": ("tools.cli_run", "demo", "Ride a simulated bicycle from end to end."),
    "up": ("tools.cli_run", "up", "Run the cloud on this machine."),
    "sim": ("tools.cli_run", "sim", "Run simulated locks against a cloud."),
    "hand": ("tools.cli_run", "hand", "Be the person beside a simulated bike."),
    "phone": ("tools.cli_phone", "phone", "Claim, unlock, re-open and end, as a rider does."),
    "flash": ("tools.cli_flash", "flash", "Put Ringslot on a board, from a bare chip on."),
    "provision": ("tools.cli_flash", "provision", "Make a board a lock, and draw its label and card."),
    "lock": ("tools.cli_operator", "lock", "Register locks and write what makes a board one."),
    "operator": ("tools.cli_company", "operator", "Add operators, where several share one cloud."),
    "user": ("tools.cli_operator", "user", "Add people who run the fleet."),
    "keys": ("tools.cli_keys", "keys", "Make, rotate and withdraw keys; carry them to the locks."),
    "power": ("tools.cli_power", "power", "Predict how long a board lasts on its cell."),
    "release": ("tools.cli_release", "release", "Build, sign and check releases of the lock's own code."),
    "rollout": ("tools.cli_rollout", "rollout", "Bring a release to a part of the locks, then to more."),
    "backup": ("tools.cli_backup", "backup", "Write the whole fleet into one encrypted file."),
    "restore": ("tools.cli_backup", "restore", "Bring a fleet back from such a file."),
    "rebuild-rides": ("tools.cli_operator", "rebuild_rides", "Make all rides anew from their receipts."),
}
MAKE_A_SECRET = "python3 -c 'import secrets; print(secrets.token_urlsafe(32))'"


class Ringslot(click.Group):
    """Looks commands up in the table, and turns errors that are answers into one sentence."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[name]
        return getattr(importlib.import_module(module), attribute)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, _, line) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except Exception as error:
            text = _sentence(error)
            if text is None:
                raise
            raise click.ClickException(text) from error


@click.group(cls=Ringslot, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="ringslot")
def main() -> None:
    """Ringslot: open ring locks for shared bicycles.

    \b
    See it first:          ringslot demo
    Then run a cloud:      ringslot up --data fleet
      with an admin:       ringslot user add you --role admin --data fleet
      with issuer keys:    ringslot keys make --data fleet
      and a lock:          ringslot lock add BIKE-7 --data fleet --out bike-7
    Try it without metal:  ringslot sim bike-7, then ringslot phone unlock
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that children are ended


def _sentence(error: Exception) -> str | None:
    """What to tell the person; None when it is a bug and deserves its traceback."""
    from tools.errors import ToolError

    if isinstance(error, ToolError):
        return str(error)
    if (
        isinstance(error, OSError) and error.strerror and error.errno != errno.EPIPE
    ):  # click ends quietly by that one
        where = f"{error.filename}: " if error.filename else ""
        then = "make room" if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) else "mend that"
        return f"{where}{error.strerror}: {then}, then run the same command again."
    if "cloud.vault" in sys.modules:
        from cloud.backup import BackupError
        from cloud.vault import VaultError

        if isinstance(error, BackupError | VaultError):
            return str(error)
    if "sqlalchemy" in sys.modules or "cloud.problem" in sys.modules:
        from sqlalchemy.exc import DBAPIError

        from cloud.problem import Problem
        from cloud.wrapping import WrongSecret

        if isinstance(error, Problem):
            return f"{error.detail} ({error.extra['why']})" if "why" in error.extra else error.detail
        if isinstance(error, WrongSecret):
            return str(error)
        if isinstance(error, DBAPIError):
            first = str(error.orig).strip().splitlines()[0]
            return (
                f"The database said: {first}. Check RINGSLOT_DATABASE_URL or --data, and that it is up and has room;"
                " then run the same command again."
            )
    return None


# --- what several commands need ---

data_option = click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    default=None,
    envvar="RINGSLOT_DATA",
    help="Folder of the cloud's SQLite database; RINGSLOT_DATABASE_URL names another database instead.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


def settings(data: Path | None):
    """The cloud's settings from the environment, with the database in `data` if that is given."""
    from cloud import config

    environ = dict(os.environ)
    if data is not None:
        data.mkdir(parents=True, exist_ok=True)
        environ["RINGSLOT_DATABASE_URL"] = f"sqlite:///{data.absolute() / 'ringslot.db'}"
    if not environ.get("RINGSLOT_SECRET"):
        raise click.ClickException(
            "RINGSLOT_SECRET is not set: it wraps every key of the fleet. Make one, keep it safe, and set it:\n"
            f'  export RINGSLOT_SECRET="$({MAKE_A_SECRET})"'
        )
    if not environ.get("RINGSLOT_DATABASE_URL"):
        raise click.ClickException(
            "No database is named. Give --data FOLDER for SQLite in that folder, or set RINGSLOT_DATABASE_URL."
        )
    try:
        return config.from_environment(environ)
    except config.ConfigError as error:
        raise click.ClickException(str(error)) from None


def out(item: Any, as_json: bool, human: str) -> None:
    """The result on standard output: for a program or for a person."""
    click.echo(json.dumps(item, indent=2) if as_json else human)


if __name__ == "__main__":
    main()
