"""`ringslot rollout`: a release on its way to the locks of a board, by percentage. On the cloud's database directly."""

import click
from sqlalchemy.orm import Session

from cloud import rollouts, views
from cloud.context import Cloud
from cloud.tables import Rollout
from tools.cli import data_option, json_option, out
from tools.cli_operator import cloud_of

PERCENT = click.IntRange(0, 100)
STEPS = (  # of views.rollout's `progress`, as a person reads them
    ("board", "locks of this board"),
    ("in", "in"),
    ("offered", "offered, not begun"),
    ("downloading", "downloading"),
    ("on_trial", "on trial"),
    ("confirmed", "confirmed"),
    ("rolled_back", "rolled back"),
    ("refused", "refused"),
    ("silent", "silent since they began"),
)


@click.group()
def rollout() -> None:
    """Bring a release to the locks of its board, a part of them first.

    \b
    ringslot release upload r7 --data fleet
    ringslot rollout start esp32c6_lock 7 --percent 5 --data fleet
    ringslot rollout show --data fleet
    ringslot rollout percent ID 50 --data fleet

    It halts by itself when more than two locks, and more than a tenth, of those that began fall silent or come back to
    the old release. Look at the locks that it names before you lift that with `rollout resume`.
    """


@rollout.command("start")
@click.argument("board")
@click.argument("version", type=click.IntRange(1, 0xFFFFFFFF))
@click.option("--percent", type=PERCENT, required=True, help="Of the board's locks; it can only grow.")
@data_option
@json_option
def start(board, version, percent, data, as_json) -> None:
    """Offer release VERSION to that part of the locks of BOARD, whenever one of them is at rest."""
    with cloud_of(data) as cloud:
        with cloud.db.writing() as session:
            row = rollouts.start(session, board, version, percent, cloud.now(), None)
            _tell(cloud, session, [row], as_json)


def _changes(name: str, state: str, text: str) -> None:
    @rollout.command(name, help=text)
    @click.argument("rollout_id", metavar="ID")
    @data_option
    @json_option
    def change(rollout_id, data, as_json) -> None:
        _change(rollout_id, None, state, data, as_json)


_changes("halt", "halted", "Offer it to nobody from now on; downloads stop where they are.")
_changes("resume", "running", "Lift a halt: what is known by now counts no more, what comes after does.")
_changes("done", "done", "End it; the board is free for another. Locks that have the release keep it.")


@rollout.command("percent")
@click.argument("rollout_id", metavar="ID")
@click.argument("percent", type=PERCENT)
@data_option
@json_option
def widen(rollout_id, percent, data, as_json) -> None:
    """Let more locks in: the ones that are stay in."""
    _change(rollout_id, percent, None, data, as_json)


def _change(rollout_id, percent, state, data, as_json) -> None:
    with cloud_of(data) as cloud:
        with cloud.db.writing() as session:
            row = rollouts.change(session, rollout_id, percent, state, cloud.now(), None)
            _tell(cloud, session, [row], as_json)


@rollout.command("show")
@click.argument("rollout_id", metavar="[ID]", required=False)
@data_option
@json_option
def show(rollout_id, data, as_json) -> None:
    """How far it is: of one rollout, or of all, newest first."""
    with cloud_of(data) as cloud:
        rollouts.tend(cloud)
        with cloud.db.reading() as session:
            rows = [rollouts.get(session, rollout_id)] if rollout_id else rollouts.newest(session)
            _tell(cloud, session, rows, as_json)


def _tell(cloud: Cloud, session: Session, rows: "list[Rollout]", as_json: bool) -> None:
    now, period = cloud.now(), cloud.settings.uplink_s
    shown = [views.rollout(row, rollouts.progress(session, row, now, period)) for row in rows]
    text = "\n\n".join(_table(item) for item in shown) or "No rollout yet: ringslot rollout start --help"
    out({"rollouts": shown}, as_json, text)


def _table(item: dict) -> str:
    head = "{rollout_id}  release {version} for {board}, {percent} %, {state}".format(**item)
    lines = [f"  {item['progress'][name]:>7}  {title}" for name, title in STEPS]
    halt = [f"  {item['halt']['said']}."] if item["halt"] else []
    return "\n".join([head, *lines, *halt])
