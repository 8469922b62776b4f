"""Why the board boots, as boards.contract.Board numbers it.

The chip's own word is not enough (ports/esp32/modmachine.c): a brown-out reads as power-on and a panic as the reset
that firmware asks for. So a mark in RTC memory says whether the last boot took its leave before it ended.
"""

from boards.parts.rtc_memory import RUNNING

POWER, RESET, WATCHDOG, TIMER, BUTTON, SHAKE = 1, 2, 3, 4, 5, 6


def of(machine, memory, pressed=lambda: False, shaken=lambda: False):
    """The cause of this boot; from here on the board counts as running. Forgets what lost its power.

    `machine`: its reset_cause(), wake_reason() and constants; `memory`: boards.parts.rtc_memory.RtcMemory, not yet
    read by others; `pressed()`, `shaken()`: whether the lines that end a sleep are high now.
    """
    said = machine.reset_cause()
    if said == machine.PWRON_RESET or not memory.whole:
        memory.clear()  # after a brown-out the bytes may be there, but the clock stood
        cause = POWER
    elif said == machine.WDT_RESET:
        cause = WATCHDOG
    elif said == machine.DEEPSLEEP_RESET:
        cause = _woken(machine, pressed, shaken)
    elif said == machine.SOFT_RESET or memory.get(RUNNING) is None:
        cause = RESET
    else:
        cause = WATCHDOG  # it ended without a farewell: a panic, or a stranger's reset
    memory.put(RUNNING, 1)
    return cause


def _woken(machine, pressed, shaken):
    """MicroPython 1.28 does not tell which pin it was. The sensor's line stays high until the sensor is asked; a
    button may have been let go of since. Who presses it also shakes the lock."""
    if machine.wake_reason() == machine.TIMER_WAKE:
        return TIMER
    return SHAKE if shaken() and not pressed() else BUTTON


def farewell(memory):
    """The end that follows is our own doing."""
    memory.put(RUNNING, None)
