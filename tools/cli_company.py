"""Who runs fleets on this cloud: needed where there are several. They work on the cloud's database directly."""

import click

from cloud import operators
from cloud.reach import EVERYTHING
from tools.cli import data_option, json_option, out
from tools.cli_operator import cloud_of
from tools.errors import ToolError

_MANY = 1000


@click.group()
def operator() -> None:
    """Add operators; a fleet of one's own needs none by name, as the first is made by itself."""


@operator.command("add")
@click.argument("name")
@data_option
@json_option
def operator_add(name, data, as_json) -> None:
    """Add the operator NAME, and print the id that `lock add`, `provision` and `user add` take as --operator.

    What riders are told of it (colour, whom to ask), its own admin says by the API or the console.

    \b
    ringslot operator add "Fietsen Noord" --data fleet
    """
    if not (1 <= len(name) <= 64 and name.isprintable()):
        raise ToolError("The name must be 1 to 64 printable characters.")
    with cloud_of(data) as cloud, cloud.db.writing() as session:
        operator_id = operators.create(session, cloud.now(), name=name).operator_id
    out({"operator_id": operator_id, "name": name}, as_json, operator_id)


@operator.command("list")
@data_option
@json_option
def operator_list(data, as_json) -> None:
    """List operators with their ids."""
    with cloud_of(data) as cloud, cloud.db.reading() as session:
        rows = operators.page(session, EVERYTHING, "", _MANY)
        found = [{"operator_id": row.operator_id, "name": row.name} for row in rows]
    human = "\n".join(f"{row['operator_id']}  {row['name']}" for row in found)
    out({"operators": found}, as_json, human or "No operators yet: the first lock makes one.")
