"""Commands of whoever makes locks: flash, provision."""

import contextlib
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click

from tools import board_data
from tools import provision as files_of
from tools.cli import data_option, json_option, out
from tools.errors import ToolError

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command()
@click.argument("ports", nargs=-1, required=True, metavar="PORT...")
@click.option("--board", type=click.Choice(board_data.names()), required=True, help="What is on the cable.")
@click.option(
    "--image", type=FILE, help="MicroPython's .bin for that board: erases the chip and writes it first."
)
@click.option(
    "--lock", "folder", type=FOLDER, help="Make it this lock, too: the folder that `ringslot lock add` wrote."
)
@click.option(
    "--even-a-lock",
    is_flag=True,
    help="Let --image erase a board that is a lock: its key and receipts are lost.",
)
@json_option
def flash(ports, board, image, folder, even_a_lock, as_json) -> None:
    """Put Ringslot on the board at PORT, from a bare chip if an image is given. Several ports are done side by side.

    Writes MicroPython's image (--image), copies the application, compares every file, and asks each part of the board
    whether it is well. When a cable was pulled, run the same command again: what is there is kept.

    \b
    ringslot flash /dev/ttyACM0 --board esp32s3_lock --image ESP32_GENERIC_S3-20260101-v1.28.0.bin
    ringslot flash /dev/ttyACM0 /dev/ttyACM1 --board esp32c6_lock
    ringslot flash /dev/ttyACM0 --board esp32s3_lock --lock bike-7
    """
    from tools import application
    from tools import flash as flashing  # these bring mpremote and the compiler

    if folder and len(ports) > 1:
        raise click.UsageError("--lock makes one board one lock: give it one PORT.")
    lock = files_of.read(folder) if folder else None
    release = application.slot(
        board
    )  # once, and by one thread: CPython 3.11 parses one at a time (gh-106905)
    with _bars(ports, as_json) as tell, ThreadPoolExecutor(len(ports)) as pool:
        jobs = {
            port: pool.submit(flashing.flash, port, board, tell(port), image, lock, release, even_a_lock)
            for port in dict.fromkeys(ports)
        }
        done = {}
        for port, job in jobs.items():
            try:
                done[port] = job.result()
            except ToolError as why:
                done[port] = why
    report(done, as_json)
    if any(isinstance(result, ToolError) for result in done.values()):
        raise SystemExit(1)


@click.command()
@click.argument("port")
@click.argument("code")
@click.option("--board", type=click.Choice(board_data.names()), required=True, help="What is on the cable.")
@click.option("--uplink", required=True, metavar="HOST:PORT", help="Where the lock finds the CoAP gateway.")
@click.option("--url", required=True, metavar="URL", help="Where riders find the cloud: goes on the label.")
@click.option("--kind", type=click.Choice(("exclusive", "pooled")), default="exclusive", show_default=True)
@click.option("--group", help="Group that one master token may open: 8 hex digits.")
@click.option("--network", type=FILE, help="bearer.json: its Wi-Fi or APN (boards/parts/networks.py).")
@click.option("--label", help="What the rider reads beside the code; the code unless given.")
@click.option(
    "--out",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Folder for what is to be printed; it must not hold anything yet.",
)
@click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="NAME=VALUE",
    help="A setting of the lock in place of its board's, such as fix_every_s=60.",
)
@click.option(
    "--operator", metavar="ID", help="Whose it is, where there are several: `ringslot operator list`."
)
@data_option
@json_option
def provision(
    port, code, board, uplink, url, kind, group, network, label, folder, changes, operator, data, as_json
) -> None:
    """Make the board at PORT the lock of the bicycle CODE.

    Draws the lock's key on this machine, registers it with the cloud, copies identity, keyset and combs to the board,
    compares them, starts the lock, and writes a QR label and an activation card, each as SVG and PDF. The board runs
    Ringslot already (`ringslot flash`). One that is another lock is left as it is. Broken off, the command goes on.

    How the lock sleeps, wakes and reports comes from its board's currents.json, by which `ringslot power` predicts.

    \b
    ringslot provision /dev/ttyACM0 BIKE-7 --board esp32s3_lock --uplink fleet.example:5683 \\
        --url https://fleet.example --data fleet --out bike-7
    """
    from tools import cli_operator, manufacture  # they bring the cloud and mpremote

    cli_operator.check_names(code, group)
    more = cli_operator.changed(changes)
    order = manufacture.Order(
        board, code, label or code, kind, uplink, group, url, folder, network, more, operator
    )
    with cli_operator.cloud_of(data) as cloud, _bars([port], as_json) as tell:
        made = manufacture.make_lock(cloud, port, order, tell(port))
    days = _days(board, made.settings)
    item = {"lock_id": made.lock_id.hex(), "code": code, "kind": kind, "folder": str(folder)}
    item |= {"settings": json.loads(made.settings), "days": days}
    lasts = f" Its cell lasts {days} days at 6 rides a day, by `ringslot power {board}`." if days else ""
    told = ", ".join(f"{name} {value}" for name, value in item["settings"].items())
    human = (
        f"The board at {port} is lock {item['lock_id']} of {code}, and starts.\nSettings: {told}.{lasts}\n"
        f"Print {folder}/label.pdf for the bicycle and {folder}/card.pdf for its owner; then remove that folder: the"
        " card holds a key."
    )
    out(item, as_json, human)


def _days(board: str, settings: bytes) -> int | None:
    """For which the cell lasts with what the lock was told, as `ringslot power` counts; None where nobody knows."""
    from tools import power, power_life, power_report

    if board not in power.names():
        return None
    result = power_life.live(power.told(board, settings), power.AIM_RIDES, 365)
    return int(power_report.days_of(result))


@contextlib.contextmanager
def _bars(ports, quiet: bool) -> Iterator[Callable[[str], Callable[[str, float], None]]]:
    """tell(port)(step, share): a bar for each port, on standard error."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.fields[port]}"), TextColumn("{task.description:<10}"), BarColumn())
    shown = Progress(
        *columns, TaskProgressColumn(), TimeElapsedColumn(), console=Console(stderr=True), disable=quiet
    )
    with shown:

        def tell(port: str) -> Callable[[str, float], None]:
            bar = shown.add_task("", total=1.0, port=port)
            return lambda step, share: shown.update(bar, description=step, completed=share)

        yield tell


def report(done: dict, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({port: _item(result) for port, result in done.items()}, indent=2))
        return
    for port, result in done.items():
        if isinstance(result, ToolError):
            click.echo(f"{port}: {result}")
            continue
        for check in result.checks:
            click.echo(f"{port}: {check.name:<16} {check.seen}")
        click.echo(f"{port}: done, {result.copied} files copied, every one compared.")


def _item(result) -> dict:
    if isinstance(result, ToolError):
        return {"ok": False, "error": str(result)}
    checks = [{"name": check.name, "seen": check.seen} for check in result.checks]
    return {"ok": True, "copied": result.copied, "checks": checks}
