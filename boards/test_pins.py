"""Every board's pins against what its chip allows, and its folder against what belongs into one."""

import importlib
import json
import re
from collections import Counter
from pathlib import Path

import pytest

from boards.chips import CHIPS

FOLDER = Path(__file__).parent
BOARDS = sorted(path.parent.name for path in FOLDER.glob("*/pins.py"))

# What each purpose asks of its pin. "adc1" stands for itself: ADC2 is Wi-Fi's.
NEEDS = {
    "MOTOR_PULL_PIN": "output",
    "MOTOR_AWAKE_PIN": "output",
    "SERVO_PIN": "output",
    "SERVO_POWER_PIN": "output",
    "BOLT_OPEN_PIN": "input",
    "BOLT_CLOSED_PIN": "input",
    "SHACKLE_CLOSED_PIN": "input",
    "BUTTON_PIN": "wake",
    "LED_PIN": "output",
    "LED_RED_PIN": "output",
    "LED_GREEN_PIN": "output",
    "LED_BLUE_PIN": "output",
    "BATTERY_PIN": "adc1",
    "MOTION_SDA_PIN": "output",
    "MOTION_SCL_PIN": "output",
    "MOTION_INT_PIN": "wake",
    "GNSS_TX_PIN": "output",
    "GNSS_RX_PIN": "input",
    "GNSS_POWER_PIN": "output",
    "MODEM_TX_PIN": "output",
    "MODEM_RX_PIN": "input",
    "MODEM_KEY_PIN": "output",
}
PULLED_UP = ("BOLT_OPEN_PIN", "BOLT_CLOSED_PIN", "SHACKLE_CLOSED_PIN")


def faults(pins: dict) -> list[str]:
    """What the chip would not stand, as sentences."""
    chip = CHIPS[pins["CHIP"]]
    used = {name: number for name, number in pins.items() if name.endswith("_PIN")}
    found = [f"{name} has no purpose that this test knows" for name in used if name not in NEEDS]
    for name, number in used.items():
        others = [other for other in used if used[other] == number and other > name]
        found += [f"{name} and {other} share pin {number}" for other in others]
        if number not in chip.exist:
            found.append(f"{name}: there is no pin {number}")
        for role in ("strapping", "flash", "usb", "console"):
            if number in getattr(chip, role):
                found.append(f"{name}: pin {number} is the chip's own ({role})")
        need = NEEDS.get(name)
        if number in chip.input_only and (need == "output" or (name in PULLED_UP and pins["REED_PULL_UPS"])):
            found.append(f"{name}: pin {number} is only an input, without pull-up")
        if need in ("adc1", "wake") and number not in getattr(chip, need):
            found.append(f"{name}: pin {number} is no {need} pin")
    uarts = [pins[name] for name in pins if name.endswith("_UART")]
    if len(set(uarts)) < len(uarts) or not set(uarts) <= chip.uarts - {0}:
        found.append("UARTs: one each, and not the console's")
    timers = [pins[name] for name in pins if name.endswith("_TIMER")]
    if len(set(timers)) < len(timers) or not set(timers) <= chip.timers - {0}:
        found.append("timers: one each, and not the first, which a UART with PPP takes")
    return found


def pins_of(board: str) -> dict:
    return vars(importlib.import_module(f"boards.{board}.pins"))


@pytest.mark.parametrize("board", BOARDS)
def test_the_chip_stands_these_pins(board):
    assert faults(pins_of(board)) == []


def test_there_are_three_boards():
    assert BOARDS == ["esp32_dev", "esp32c6_lock", "esp32s3_lock"]


@pytest.mark.parametrize(
    ("board", "change", "sentence"),
    [
        ("esp32_dev", {"LED_PIN": 2}, "strapping"),
        ("esp32_dev", {"LED_PIN": 34}, "share pin 34"),
        ("esp32_dev", {"SERVO_PIN": 38}, "only an input"),
        ("esp32_dev", {"BOLT_OPEN_PIN": 37}, "without pull-up"),
        ("esp32_dev", {"BATTERY_PIN": 15}, "no adc1"),
        ("esp32_dev", {"MODEM_TX_PIN": 9}, "flash"),
        ("esp32_dev", {"LED_PIN": 24}, "no pin 24"),
        ("esp32_dev", {"MODEM_UART": 1}, "UARTs"),
        ("esp32_dev", {"SERVO_TIMER": 1}, "timers"),
        ("esp32_dev", {"LED_PIN": 1}, "console"),
        ("esp32s3_lock", {"LED_RED_PIN": 46}, "strapping"),
        ("esp32s3_lock", {"GNSS_RX_PIN": 20}, "usb"),
        ("esp32s3_lock", {"BATTERY_PIN": 11}, "no adc1"),
        ("esp32s3_lock", {"BUTTON_PIN": 38}, "no wake"),
        ("esp32s3_lock", {"HORN_PIN": 38}, "no purpose"),
        ("esp32c6_lock", {"LED_TIMER": 2}, "timers"),
        ("esp32c6_lock", {"GNSS_UART": 2}, "UARTs"),
        ("esp32c6_lock", {"MOTION_INT_PIN": 18}, "no wake"),
        ("esp32c6_lock", {"LED_PIN": 8}, "strapping"),
    ],
)
def test_what_a_chip_does_not_stand_is_found(board, change, sentence):
    assert any(sentence in fault for fault in faults({**pins_of(board), **change}))


@pytest.mark.parametrize("board", BOARDS)
def test_the_readme_names_every_pin(board):
    """The wiring table in the README is what somebody solders by."""
    said = {}
    for row in (FOLDER / board / "README.md").read_text().splitlines():
        if found := re.match(r"\| `(\w+)` \| (?:GPIO|U)?(\d+) \|", row):
            said[found[1]] = int(found[2])
    assert said == {name: number for name, number in pins_of(board).items() if name.endswith("_PIN")}


def table_of(board, heading):
    """The rows of the table under that heading of the README, without their backticks."""
    text = (FOLDER / board / "README.md").read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [
        [cell.strip(" `") for cell in row.split("|")[1:-1]] for row in text.splitlines() if row[:1] == "|"
    ]
    return rows[2:]


VALUE = r"\d+(?:\.\d+)? (?:MΩ|kΩ|Ω|nF|µF)"


@pytest.mark.parametrize("board", BOARDS)
def test_the_parts_are_all_that_the_wiring_asks_for(board):
    """The table that somebody orders by: each chip that the wiring names, and its resistors and capacitors, counted."""
    wiring = table_of(board, "Wiring")
    parts = table_of(board, "Parts")
    ordered = " ".join(f"{part} {number}" for part, number, _ in parts)
    chips = set(
        re.findall(
            r"\b[A-Z]{2,}[A-Z0-9]*(?:-M)?\d+[A-Z0-9]*\b", " ".join(f"{row[2]} {row[3]}" for row in wiring)
        )
    )
    chips -= {"IN1", "IN2", "INT1", "SA0"}  # names of their pins
    assert {chip for chip in chips if chip not in ordered} == set() and len(chips) >= 1
    asked = Counter(value for row in wiring for value in re.findall(VALUE, row[3]))
    bought = Counter()
    for part, number, _ in parts:
        if part.startswith(("resistors", "capacitors")):
            bought.update({value: int(count) for value, count in re.findall(rf"({VALUE}) (\d+)", number)})
    assert bought - Counter({"470 µF": 1}) == asked
    resistors = next(part for part, *_ in parts if part.startswith("resistors"))
    assert resistors == f"resistors, {sum(count for value, count in asked.items() if value.endswith('Ω'))}"
    for word in ("button", "light", "resistors"):
        assert any(part.startswith(word) for part, *_ in parts), word


@pytest.mark.parametrize("board", BOARDS)
def test_the_folder_is_complete(board):
    folder = FOLDER / board
    assert {"README.md", "board.json", "main.py", "manifest.py", "pins.py"} <= {
        p.name for p in folder.iterdir()
    }
    text = (folder / "README.md").read_text()
    for heading in ("## Wiring", "## Parts", "## Flash", "## Never run on silicon"):
        assert heading in text, heading
    about = json.loads((folder / "board.json").read_text())
    chip = CHIPS[pins_of(board)["CHIP"]]
    assert (about["chip"], about["mpy_arch"], about["image"]) == (
        pins_of(board)["CHIP"],
        chip.mpy_arch,
        chip.image,
    )
    assert about["id"] == board and len(board) <= 24  # the manifest's board id
    assert about["image_offset"] == (0x1000 if about["chip"] == "esp32" else 0)
    assert about["filesystem"]["offset"] + about["filesystem"]["size"] == about["flash_size"]
