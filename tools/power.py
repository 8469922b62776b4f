"""What a board draws and what its cell holds: boards/<name>/currents.json, each figure with its source. For the
prediction in power_life.py. Charge is counted in µA·s out of the cell.
"""

import json
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

from firmware import config
from tools.errors import ToolError

BOARDS = Path(__file__).parent.parent / "boards"
AIM_DAYS, AIM_RIDES = 180, 6
DAY = 86_400.0

PARTS = ("asleep", "dozing", "awake", "radio", "GNSS", "network", "motor and LED", "self-discharge")
WHY = ("standing", "rides", "knocks", "contacts", "attack")


class Board(NamedTuple):
    """boards/<name>/currents.json, checked."""

    name: str
    data: dict[str, Any]
    settings: Any  # firmware.config.Settings

    def time(self, name: str) -> float:
        return self.data["times"][name]["value"]

    def estimates(self) -> list[str]:
        """What has no source but our guess."""
        entries = {**self.data["currents"], **self.data["times"]}
        guesses = [name for name, entry in entries.items() if entry.get("estimate")]
        for part, names in (("cell", ("usable", "self_discharge", "curve")), ("supply", ("",))):
            for name in names:
                source = self.data[part][f"{name}_source" if name else "source"]
                guesses += [f"{part} {name}".strip()] if source.startswith("estimate") else []
        return sorted(guesses)

    def drawn(self, millivolts: int, *names: str) -> float:
        """µA out of the cell."""
        supply = self.data["supply"]
        scale = supply["regulated_mv"] * 100 / (supply["efficiency_percent"] * millivolts)
        found = [self.data["currents"][name] for name in names]
        return sum(entry["ua"] * (scale if entry["rail"] == "regulated" else 1) for entry in found)


ALWAYS = ("accelerometer", "pull_ups", "battery_divider", "regulator", "gnss_backup", "modem_rest")
_CURRENTS = {"deep_sleep", "doze", "awake", "gnss", "modem_call", "motor", "led", *ALWAYS}
_TIMES = {"boot_ms", "call_ms", "fix_ms", "motor_ms", "led_ms", "advert_uas", "link_ua", "nap_ms"}


def names() -> list[str]:
    return sorted(path.parent.name for path in BOARDS.glob("*/currents.json"))


def load(name: str, **settings: int) -> Board:
    """The board of that name, with other settings if given. Raises ToolError."""
    path = BOARDS / name / "currents.json"
    if name not in names():
        raise ToolError(f"There is no board {name} with a currents.json; there are: {', '.join(names())}.")
    try:
        data = json.loads(path.read_text())
        for key, wanted in (("currents", _CURRENTS), ("times", _TIMES)):
            if set(data[key]) != wanted:
                raise ToolError(f"{path}: {key} differs in {', '.join(sorted(set(data[key]) ^ wanted))}.")
            for entry, item in data[key].items():
                if not item.get("source"):
                    raise ToolError(f"{path}: {entry} names no source.")
        given = {"kind": "exclusive", "uplink_host": "192.0.2.1", **data["settings"], **settings}
        return Board(name, data, config.settings_of(json.dumps(given).encode()))
    except (ValueError, KeyError, TypeError, AttributeError, config.ConfigError) as error:
        raise ToolError(f"{path} cannot be used: {error}.") from error


def told(name: str, settings_json: bytes) -> Board:
    """The board with the settings that a lock was given. Raises ToolError."""
    try:
        return load(name)._replace(settings=config.settings_of(settings_json))
    except config.ConfigError as error:
        raise ToolError(f"{error}.") from error


class Cell:
    """Charge left, µA·s, and the voltage that goes with it."""

    def __init__(self, board: Board) -> None:
        cell = board.data["cell"]
        self._curve = cell["curve"]
        self.full = cell["capacity_mah"] * cell["usable_percent"] / 100 * 3.6e6
        self.left = self.full
        self.leak = (
            cell["capacity_mah"] * 3.6e6 * cell["self_discharge_percent_month"] / 100 / (30 * DAY)
        )  # µA

    def millivolts(self) -> int:
        mille = self.left * 1000 / self.full
        for (mv, at), (mv_below, below) in zip(self._curve, self._curve[1:], strict=False):
            if mille >= below:
                return int(mv_below + (mv - mv_below) * min(1, (mille - below) / (at - below)))
        return int(self._curve[-1][0])

    def above(self, millivolts: int) -> float:
        """µA·s between empty and that voltage."""
        low, high = 0.0, self.full
        now = self.left
        while high - low > 1e4:
            self.left = (low + high) / 2
            low, high = (self.left, high) if self.millivolts() < millivolts else (low, self.left)
        self.left = now
        return low


class Result(NamedTuple):
    board: Board
    rides_per_day: float
    attack: str
    days: list[float]  # µA·s of each day
    spent: Counter  # (why, part) -> µA·s
    hours: list[Counter]  # part -> µA·s, by hour of the day, over all days
    months: list[Counter]  # part -> µA·s, by month
    empty_day: float | None  # when the start reserve was reached, in days
    drop: float  # of the cell's charge, µA·s
    rides: int
    refused: int  # that could not start

    @property
    def mah_per_day(self) -> float:
        return sum(self.days) / len(self.days) / 3.6e6

    def shares(self, by: int) -> dict[str, float]:
        """Part (1) or reason (0) -> its share of all, the largest first."""
        total = sum(self.spent.values())
        found: Counter = Counter()
        for key, charge in self.spent.items():
            found[key[by]] += charge / total
        return dict(found.most_common())
