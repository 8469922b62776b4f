"""What `ringslot power` shows: how many days, what eats them, what would change it; as JSON and as a picture too."""

from collections import Counter
from collections.abc import Iterable
from typing import Any
from xml.sax.saxutils import escape

from rich.console import Group
from rich.table import Table

from tools import power, power_life

_YEAR = 365
_ATTACK_DAYS = 28
_WHAT_IF: tuple[tuple[str, dict[str, int], dict[str, Any]], ...] = (
    ("a fix every 5 s, the receiver on all through a ride", {"fix_every_s": 5}, {}),
    ("a fix every 60 s", {"fix_every_s": 60}, {}),
    ("awake for 60 s after each touch", {"awake_s": 60}, {}),
    ("a clock with a crystal (20 ppm asleep): contacts every 4 h", {}, {"clock_drift_ppm": 20}),
    ("no dozing: awake all through rides and stops", {}, {"doze": "awake"}),
    ("no sleep at all, as a board is without these settings", {"sleep": 0}, {}),
)


def days_of(result: power.Result) -> float:
    """Days to the start reserve; as many as were looked at when it was not reached."""
    return result.empty_day if result.empty_day is not None else float(len(result.days))


def changed(name: str, settings: dict[str, int], other: dict[str, Any]) -> power.Board:
    """The board with something different about it."""
    board = power.load(name, **settings)
    data = dict(board.data)
    if "clock_drift_ppm" in other:
        data["clock_drift_ppm"] = other["clock_drift_ppm"]
    if other.get("doze") == "awake":
        data["currents"] = {**data["currents"], "doze": data["currents"]["awake"]}
    return board._replace(data=data)


class Report:
    """All that is asked of one board: runs the lives it needs."""

    def __init__(self, name: str, rides: float, attack: bool = False, what_if: bool = True) -> None:
        self.board = power.load(name)
        self.rides = rides
        self.flat = power_life.live(self.board, rides, _YEAR)
        self.year = power_life.live(_endless(self.board), rides, _YEAR, seasons=True)
        self.reserve = reserve(self.board)
        self.attacks: dict[str, float] = {}
        if attack:
            normal = power_life.live(self.board, rides, _ATTACK_DAYS).mah_per_day
            for kind in ("radio", "shake"):
                attacked = power_life.live(self.board, rides, _ATTACK_DAYS, attack=kind)
                self.attacks[kind] = attacked.mah_per_day / normal
        self.others: list[tuple[str, float]] = []
        for text, settings, other in _WHAT_IF if what_if and self.board.settings.sleep else ():
            board = changed(name, settings, other)
            self.others.append((text, days_of(power_life.live(board, rides, _YEAR))))

    @property
    def days(self) -> float:
        return days_of(self.flat)

    def verdict(self) -> str:
        met = self.days >= power.AIM_DAYS
        more = "more than " if self.flat.empty_day is None else ""
        days = f"{more}{self.days:.0f} days"
        aim = f"the aim is {power.AIM_DAYS} days at {power.AIM_RIDES} rides a day"
        if self.rides != power.AIM_RIDES:
            return f"{days} at {self.rides:g} rides a day ({aim})."
        if met:
            return f"{days} at {self.rides:g} rides a day: {aim}, and it is met."
        part, share = next(iter(self.flat.shares(1).items()))
        return (
            f"{days} at {self.rides:g} rides a day: {aim}, and it is MISSED. {share:.0%} goes into: {part}."
        )

    def item(self) -> dict[str, Any]:
        """For programs. Charges in mAh, shares of 1."""
        return {
            "board": self.board.name,
            "rides_per_day": self.rides,
            "days": round(self.days, 1),
            "empty_within_a_year": self.flat.empty_day is not None,
            "aim_days": power.AIM_DAYS,
            "mah_per_day": round(_mean(self.flat), 2),
            "cell": self.board.data["cell"]["name"],
            "usable_mah": round(power.Cell(self.board).full / 3.6e6),
            "parts": _rounded(self.flat.shares(1)),
            "reasons": _rounded(self.flat.shares(0)),
            "reserve": self.reserve,
            "attack": _rounded(self.attacks),
            "what_if": {text: round(days, 1) for text, days in self.others},
            "estimates": self.board.estimates(),
        }

    def table(self) -> Group:
        """For a person."""
        mean = _mean(self.flat)
        parts: list[Any] = []
        for title, by in (("what eats it", 1), ("why", 0)):
            table = Table(title=title, title_justify="left", box=None, pad_edge=False)
            table.add_column("", min_width=16)
            table.add_column("mAh a day", justify="right")
            table.add_column("share", justify="right")
            table.add_column("")
            for name, share in self.flat.shares(by).items():
                table.add_row(name, f"{share * mean:.2f}", f"{share:.1%}", "█" * round(share * 40))
            parts += [table, ""]
        cell = self.board.data["cell"]
        head = [
            f"{self.board.name}: {self.verdict()}",
            f"{cell['name']}: {power.Cell(self.board).full / 3.6e6:.0f} mAh usable, {mean:.1f} mAh a day.",
            "",
        ]
        if self.others:
            table = Table(title="if it were otherwise", title_justify="left", box=None, pad_edge=False)
            table.add_column("")
            table.add_column("days", justify="right")
            for text, days in self.others:
                table.add_row(text, f"{days:.0f}")
            parts += [table, ""]
        r = self.reserve
        tail = [
            f"After “empty” (no ride starts) {r['reserve_mah']:.0f} mAh are left; closing, its receipt and one unlock"
            f" take {r['last_acts_mah']:.2f} mAh, and the lock can wait {r['days_waiting']:.0f} days for them.",
        ]
        names = {"radio": "connects every 5 s", "shake": "shakes the bike too"}
        tail += [
            f"An attacker who {names[kind]}: {x:.2f} × a normal day." for kind, x in self.attacks.items()
        ]
        tail.append("Estimates, not data sheets: " + ", ".join(self.board.estimates()) + ".")
        return Group(*head, *parts, *tail)


def reserve(board: power.Board) -> dict[str, float]:
    """What is left when no ride starts any more, down to where the bolt no longer moves, and what it is for."""
    cell = power.Cell(board)
    start, reopen = board.settings.start_reserve_mv, board.settings.reopen_reserve_mv
    left = cell.above(start) - cell.above(reopen)
    drawn, time = board.drawn, board.time
    awake = drawn(reopen, "awake")
    window = board.settings.awake_s + time("boot_ms") / 1000 + power_life.UNLOCK_S
    closing = awake * window + drawn(reopen, "modem_call") * time("call_ms") / 1000
    unlock = awake * window + drawn(reopen, "motor") * time("motor_ms") / 1000
    always = ("deep_sleep", *power.ALWAYS) if board.settings.sleep else ("awake", *power.ALWAYS)
    waiting = (left - closing - unlock) / (drawn(start, *always) + cell.leak) / power.DAY
    return {
        "reserve_mah": round(left / 3.6e6, 1),
        "last_acts_mah": round((closing + unlock) / 3.6e6, 3),
        "days_waiting": round(max(0.0, waiting), 1),
    }


def _endless(board: power.Board) -> power.Board:
    """The same with a cell that does not empty, for a whole year; its self-discharge is the real one's."""
    cell = board.data["cell"]
    times = 40
    more = {
        **cell,
        "capacity_mah": cell["capacity_mah"] * times,
        "self_discharge_percent_month": cell["self_discharge_percent_month"] / times,
    }
    return board._replace(data={**board.data, "cell": more})


def _mean(result: power.Result) -> float:
    """mAh a day while the lock still took riders."""
    days = result.days if result.empty_day is None else result.days[: max(1, int(result.empty_day))]
    return sum(days) / len(days) / 3.6e6


def _rounded(shares: dict[str, float]) -> dict[str, float]:
    return {name: round(share, 4) for name, share in shares.items()}


# ---- the picture

_COLOURS = ("#8d99ae", "#b8c0cc", "#e07a5f", "#3d5a80", "#81b29a", "#f2cc8f", "#6d597a", "#cfd2cd")
_WIDTH, _HEIGHT, _LEFT, _BAR = 860, 240, 60, 0.8


def picture(report: Report) -> str:
    """SVG: a mean day by hours and a year by months, each stacked by what eats the charge."""
    year = report.year
    days = len(year.days)
    hours = [_scaled(hour, days * 3.6e3) for hour in year.hours]  # µAh
    months = [_scaled(month, days / 12 * 3.6e6) for month in year.months]  # mAh a day
    title = f"{report.board.name}: {report.verdict()}"
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} 660" font-family="sans-serif" font-size="12">',
        f'<rect width="{_WIDTH}" height="660" fill="white"/>',
        f'<text x="20" y="26" font-size="15">{escape(title)}</text>',
        *_bars(50, "A day: µAh in each hour, mean of the year", hours, [str(h) for h in range(24)]),
        *_bars(
            350,
            "A year: mAh a day in each month",
            months,
            "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(),
        ),
    ]
    x = 20
    for part, colour in zip(power.PARTS, _COLOURS, strict=True):
        out.append(f'<rect x="{x}" y="636" width="11" height="11" fill="{colour}"/>')
        out.append(f'<text x="{x + 15}" y="646">{escape(part)}</text>')
        x += 32 + 7 * len(part)
    return "\n".join([*out, "</svg>", ""])


def _scaled(counter: Counter, by: float) -> dict[str, float]:
    return {part: counter[part] / by for part in power.PARTS}


def _bars(top: int, title: str, stacks: list[dict[str, float]], labels: Iterable[str]) -> list[str]:
    highest = max(sum(stack.values()) for stack in stacks) or 1.0
    width = (_WIDTH - _LEFT - 20) / len(stacks)
    base = top + _HEIGHT
    out = [f'<text x="20" y="{top}">{escape(title)}</text>']
    for part in (0.5, 1.0):
        y = base - part * (_HEIGHT - 30)
        out.append(f'<line x1="{_LEFT}" x2="{_WIDTH - 20}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>')
        out.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{highest * part:,.0f}</text>')
    for index, (stack, label) in enumerate(zip(stacks, labels, strict=True)):
        x, y = _LEFT + index * width, float(base)
        for part, colour in zip(power.PARTS, _COLOURS, strict=True):
            height = stack[part] / highest * (_HEIGHT - 30)
            if height >= 0.05:
                y -= height
                out.append(
                    f'<rect x="{x:.1f}" y="{y:.1f}" width="{width * _BAR:.1f}" height="{height:.1f}" fill="{colour}"/>'
                )
        out.append(
            f'<text x="{x + width * _BAR / 2:.1f}" y="{base + 15}" text-anchor="middle">{label}</text>'
        )
    return out
