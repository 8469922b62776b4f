"""MicroPython's `esp32` module, as far as boards use it: docs/library/esp32.rst, ports/esp32/modesp32.c."""

WAKEUP_ALL_LOW, WAKEUP_ANY_HIGH = False, True

_chip = None


def use(chip):
    """Which sensor there is depends on the chip: modesp32.c."""
    global _chip
    _chip = chip
    names = globals()
    for name in ("mcu_temperature", "raw_temperature"):
        names.pop(name, None)
    if chip.kind == "esp32":
        names["raw_temperature"] = lambda: chip.degrees() * 9 // 5 + 32
    else:
        names["mcu_temperature"] = lambda: chip.degrees()


def _lines(pins, level, kept):
    if level != WAKEUP_ANY_HIGH:
        raise NotImplementedError
    return (
        kept if pins is None else [pin._line for pin in pins]
    )  # None: as it was, whatever the documentation says


def wake_on_gpio(pins, level):
    _chip.wake_plain = _lines(pins, level, _chip.wake_plain)


def wake_on_ext1(pins, level):
    for pin in pins or ():
        if pin.number not in _chip.table.wake:
            raise ValueError("invalid pin")
    _chip.wake_rtc = _lines(pins, level, _chip.wake_rtc)


class Partition:
    """Only what a start asks: `labels` are those of the table in this chip's flash."""

    TYPE_APP, TYPE_DATA = 0, 1
    labels = ("vfs",)

    def __init__(self, label):
        self.label = label

    @classmethod
    def find(cls, type=0, subtype=255, label=None, block_size=4096):
        return [cls(each) for each in cls.labels if type == cls.TYPE_DATA and label in (None, each)]
