"""What the pins of each chip allow: for a test of every board's wiring, and for doubles. Never on a lock.

Sources: ESP-IDF Programming Guide, GPIO & RTC GPIO, the tables of each chip (existence, ADC channel, RTC or LP pin,
flash, USB, input only); the chips' data sheets, "Boot Configurations" (strapping pins of the ESP32); MicroPython's
quick reference for the ESP32 (UARTs, timers) and ports/esp32/boards (which pins the console has).
"""

from collections import namedtuple


def _span(text):
    """{0, 1, 2, 7} of "0-2 7"."""
    found = set()
    for part in text.split():
        first, _, last = part.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    return found


_PINS = ("exist", "input_only", "strapping", "flash", "usb", "console", "adc1", "adc2", "wake")
Chip = namedtuple("Chip", _PINS + ("uarts", "timers", "mpy_arch", "image"))

CHIPS = {
    "esp32": Chip(
        exist=_span("0-19 21-23 25-27 32-39"),
        input_only=_span("34-39"),
        strapping=_span("0 2 5 12 15"),
        flash=_span("6-11 16-17"),  # 16 and 17: PSRAM of WROVER modules
        usb=set(),
        console=_span("1 3"),
        adc1=_span("32-39"),
        adc2=_span("0 2 4 12-15 25-27"),
        wake=_span("0 2 4 12-15 25-27 32-39"),
        uarts=_span("0-2"),
        timers=_span("0-3"),
        mpy_arch="xtensawin",
        image="ESP32_GENERIC",
    ),
    "esp32s3": Chip(
        exist=_span("0-21 26-48"),
        input_only=set(),
        strapping=_span("0 3 45 46"),
        flash=_span("26-37"),  # 33 to 37: octal flash or PSRAM
        usb=_span("19 20"),
        console=_span("43 44"),
        adc1=_span("1-10"),
        adc2=_span("11-20"),
        wake=_span("0-21"),
        uarts=_span("0-2"),
        timers=_span("0-3"),
        mpy_arch="xtensawin",
        image="ESP32_GENERIC_S3",
    ),
    "esp32c6": Chip(
        exist=_span("0-30"),
        input_only=set(),
        strapping=_span("4 5 8 9 15"),
        flash=_span("24-30"),
        usb=_span("12 13"),
        console=_span("16 17"),
        adc1=_span("0-6"),
        adc2=set(),
        wake=_span("0-7"),
        uarts=_span("0-1"),
        timers=_span("0-1"),
        mpy_arch="rv32imc",
        image="ESP32_GENERIC_C6",
    ),
}
