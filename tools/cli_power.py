"""`ringslot power`: how long a board's cell lasts."""

from pathlib import Path

import click
from rich.console import Console

from tools import power_report
from tools.cli import json_option, out


@click.command()
@click.argument("board")
@click.option(
    "--rides-per-day",
    type=click.FloatRange(0, 200),
    default=6.0,
    show_default=True,
    help="Mean over the year.",
)
@click.option("--attack", is_flag=True, help="Also what an attacker costs who connects every 5 s.")
@click.option("--svg", type=click.Path(dir_okay=False, path_type=Path), help="Draw a day and a year there.")
@json_option
def power(board: str, rides_per_day: float, attack: bool, svg: Path | None, as_json: bool) -> None:
    """Predict how many days BOARD lasts on its cell, and what eats it.

    \b
    ringslot power esp32s3_lock --rides-per-day 6
    ringslot power esp32c6_lock --attack --svg power.svg
    ringslot power esp32s3_lock --json

    A model: what each part draws stands in boards/BOARD/currents.json with its source, when it draws it is decided by
    the firmware's own rules. Nothing here was measured on a lock.
    """
    report = power_report.Report(board, rides_per_day, attack)
    if svg:
        svg.write_text(power_report.picture(report))
    if as_json:
        out(report.item(), True, "")
    else:
        Console(highlight=False).print(report.table())
