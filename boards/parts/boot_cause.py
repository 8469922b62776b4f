"""Why the board boots: 1 power came back, 2 reset by firmware or by hand, 3 watchdog (boards.contract.Board).

The chip's own word is not enough (ports/esp32/modmachine.c): a brown-out reads as power-on and a panic as the reset
that firmware asks for. So a mark in RTC memory says whether the last boot took its leave before it ended.
"""

from boards.parts.rtc_memory import RUNNING

POWER, RESET, WATCHDOG = 1, 2, 3


def of(machine, memory):
    """The cause of this boot; from here on the board counts as running. Forgets what lost its power.

    `machine`: its reset_cause() and constants; `memory`: boards.parts.rtc_memory.RtcMemory, not yet read by others.
    """
    said = machine.reset_cause()
    if said == machine.PWRON_RESET or not memory.whole:
        memory.clear()  # after a brown-out the bytes may be there, but the clock stood
        cause = POWER
    elif said == machine.WDT_RESET:
        cause = WATCHDOG
    elif said in (machine.SOFT_RESET, machine.DEEPSLEEP_RESET) or memory.get(RUNNING) is None:
        cause = RESET
    else:
        cause = WATCHDOG  # it ended without a farewell: a panic, or a stranger's reset
    memory.put(RUNNING, 1)
    return cause


def farewell(memory):
    """The end that follows is our own doing."""
    memory.put(RUNNING, None)
