"""How long a cell lasts: the model's arithmetic, the aims, and what an attacker may cost."""

import json
import xml.etree.ElementTree as ElementTree

import pytest
from click.testing import CliRunner

from firmware import power as rules
from tools import power, power_life, power_report
from tools.cli import main
from tools.errors import ToolError

LOCKS = ("esp32s3_lock", "esp32c6_lock")
DAYS = 14


def live(name="esp32s3_lock", rides=6.0, days=DAYS, **options):
    settings = options.pop("settings", {})
    return power_life.live(power.load(name, **settings), rides, days, **options)


@pytest.mark.parametrize("name", power.names())
def test_every_figure_names_its_source(name):
    data = power.load(name).data
    for entry in (*data["currents"].values(), *data["times"].values()):
        assert len(entry["source"]) > 5 and set(entry) <= {"ua", "rail", "value", "source", "estimate"}
    assert data["board"] == name
    millivolts, mille = zip(*data["cell"]["curve"], strict=True)
    assert sorted(millivolts, reverse=True) == list(millivolts) and mille[0] == 1000 and mille[-1] == 0


@pytest.mark.parametrize("name", power.names())
def test_what_is_spent_is_what_the_cell_lost(name):
    result = live(name)
    assert sum(result.spent.values()) == pytest.approx(result.drop, rel=1e-9)
    assert sum(result.days) == pytest.approx(result.drop, rel=1e-9)
    for table in (result.hours, result.months):
        assert sum(sum(row.values()) for row in table) == pytest.approx(result.drop, rel=1e-9)
    for by in (0, 1):
        assert sum(result.shares(by).values()) == pytest.approx(1)
    assert {why for why, _ in result.spent} <= set(power.WHY)
    assert {part for _, part in result.spent} <= set(power.PARTS)


def test_more_rides_take_more():
    spent = [live(rides=rides).mah_per_day for rides in (0, 1, 3, 6, 12, 24)]
    assert spent == sorted(spent) and len(set(spent)) == len(spent)
    assert spent[0] > 5  # a bike that only stands: self-discharge, sleep, contacts, knocks


def test_rides_happen_when_people_ride():
    found = [at for day in range(20) for at in power_life.instants(day, 6, power_life.WORKDAY)]
    assert len(found) == 120 and all(0 <= at < power.DAY for at in found)
    night = [at for at in found if at < 5 * 3600]
    rush = [at for at in found if 17 * 3600 <= at < 19 * 3600]
    assert len(night) <= 6 and len(rush) >= 20  # 1.6 % and 22 % of a day


def test_half_a_ride_a_day_is_one_every_other_day():
    assert live(rides=0.5, days=20).rides == 10


def test_the_seasons_move_rides_about_the_year_and_add_none():
    flat, seasons = (live(rides=0.5, days=365, seasons=with_them) for with_them in (False, True))
    assert flat.rides == 182 and abs(seasons.rides - flat.rides) <= 3
    january, july = (sum(seasons.months[month].values()) for month in (0, 6))
    assert july > 1.05 * january


# ---- the aims


@pytest.mark.parametrize("name", LOCKS)
def test_180_days_at_6_rides_a_day(name):
    result = live(name, power.AIM_RIDES, 365)
    assert result.empty_day is not None and power.AIM_DAYS <= result.empty_day <= 365
    first_days = int(result.empty_day)
    assert result.refused == 0 or result.rides >= power.AIM_RIDES * (first_days - 1)


@pytest.mark.parametrize("name", LOCKS)
def test_an_attacker_costs_less_than_a_second_day(name):
    normal = live(name, days=28).mah_per_day
    radio, shake = (live(name, days=28, attack=kind).mah_per_day for kind in ("radio", "shake"))
    assert normal < radio < 2 * normal
    assert radio < shake < 2 * normal


def test_it_is_the_strangers_hour_that_bounds_a_shaker(monkeypatch):
    normal = live().mah_per_day
    monkeypatch.setattr(rules, "credit", lambda s, ms, passed_ms, spent_ms: 10_000_000)
    assert live(attack="shake").mah_per_day > 4 * normal


def test_an_attacked_lock_still_takes_every_rider():
    assert live(attack="shake").rides == live().rides


@pytest.mark.parametrize("name", LOCKS)
def test_the_reserve_is_worth_many_times_what_it_is_for(name):
    found = power_report.reserve(power.load(name))
    assert found["reserve_mah"] > 50 * found["last_acts_mah"] > 0
    assert found["days_waiting"] > 30


def test_no_ride_starts_from_the_reserve():
    result = live(rides=40, days=300)
    assert result.empty_day is not None and result.refused > 0
    assert result.rides < 40 * result.empty_day + 2


# ---- the command


def test_the_table_and_the_picture(tmp_path):
    svg = tmp_path / "power.svg"
    outcome = CliRunner().invoke(main, ["power", "esp32c6_lock", "--rides-per-day", "12", "--svg", str(svg)])
    assert outcome.exit_code == 0, outcome.output
    for part in (*power.PARTS, "if it were otherwise", "rides a day", "Estimates"):
        assert part in outcome.output
    root = ElementTree.fromstring(svg.read_text())
    bars = [rect for rect in root.iter("{http://www.w3.org/2000/svg}rect") if rect.get("width") != "11"]
    assert len(bars) > 24 + 12
    assert all(float(bar.get("height")) > 0 for bar in bars)


def test_the_picture_in_the_readme_is_of_these_figures():
    """`ringslot power esp32s3_lock --svg tools/power.svg` draws it anew."""
    drawn = power_report.picture(power_report.Report("esp32s3_lock", 6.0, what_if=False))
    assert drawn == (power.BOARDS.parent / "tools" / "power.svg").read_text()


@pytest.mark.parametrize("column, name", [(2, "esp32s3_lock"), (3, "esp32c6_lock")])
def test_the_table_in_the_readme_is_of_these_figures(column, name):
    readme = (power.BOARDS.parent / "README.md").read_text()
    table = readme.split("\n## How long a cell lasts\n")[1].split("\n## ")[0]
    rows = [line.split("|") for line in table.splitlines() if line.startswith("| ")]
    said = {row[1].split(",")[0].split(" who")[0].strip(): row[column].strip() for row in rows[1:]}
    report = power_report.Report(name, power.AIM_RIDES, attack=True)
    others = {text.split(",")[0].split(":")[0]: f"{days:.0f}" for text, days in report.others}
    assert said == {
        "days until no ride starts (aim: 180)": f"{report.days:.0f}",
        "a fix every 5 s instead of every 2 minutes": others["a fix every 5 s"],
        "awake all through rides instead of dozing": others["no dozing"],
        "awake always": others["no sleep at all"],
        "an attacker": " · ".join(f"{report.attacks[kind]:.2f}" for kind in ("radio", "shake"))
        + " normal days",
    }


def test_json_for_programs():
    outcome = CliRunner().invoke(main, ["power", "esp32s3_lock", "--attack", "--json"])
    item = json.loads(outcome.output)
    assert item["days"] >= item["aim_days"] == 180 and item["rides_per_day"] == 6
    assert sum(item["parts"].values()) == pytest.approx(1, abs=0.001)
    assert 1 < item["attack"]["radio"] < 2 and "modem_call" in item["estimates"]
    without = [days for text, days in item["what_if"].items() if text.startswith("no sleep")]
    assert without[0] < 20  # the aim rests on the sleeping


def test_a_bench_that_never_sleeps_says_that_it_misses_the_aim():
    report = power_report.Report("esp32_dev", 6.0, what_if=False)
    assert "MISSED" in report.verdict() and "awake" in report.verdict() and report.days < 7


def test_a_board_that_is_not_there():
    outcome = CliRunner().invoke(main, ["power", "nope"])
    assert outcome.exit_code == 1 and "esp32s3_lock" in outcome.output


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data["currents"].pop("motor"),
        lambda data: data["currents"]["motor"].pop("source"),
        lambda data: data["settings"].update(nonsense=1),
        lambda data: data.pop("times"),
    ],
)
def test_a_file_that_lacks_something_is_refused(tmp_path, monkeypatch, change):
    data = json.loads((power.BOARDS / "esp32s3_lock" / "currents.json").read_text())
    change(data)
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "currents.json").write_text(json.dumps(data))
    monkeypatch.setattr(power, "BOARDS", tmp_path)
    with pytest.raises(ToolError):
        power.load("odd")
