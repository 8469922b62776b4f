"""The simulator's watchdog: a process beside the lock's, for a lock that hangs cannot stop itself.

The lock writes a byte into a pipe; when none comes for WATCHDOG_S, boards/sim/watchdog_timer.py ends the lock's
process by SIGALRM, so a caller tells this end (status -14) from any other.
"""

import os
import sys

WATCHDOG_S = 10
ENDED_BY = 14  # SIGALRM


class Watchdog:
    """Starts the timer, which waits for the first feed. To be made before any socket, which it would inherit."""

    def __init__(self, folder, seconds=WATCHDOG_S):
        pipe = folder + "/watchdog"
        python = (sys.executable or "").rpartition("/")[0] + "/python"  # MicroPython's stands beside it
        timer = __file__[: -len(".py")] + "_timer.py"
        start = "rm -f '%s' && mkfifo -m 600 '%s' && { '%s' '%s' $PPID %d <'%s' >/dev/null & }"
        if os.system(start % (pipe, pipe, python, timer, seconds, pipe)):
            raise OSError("the watchdog's timer did not start")
        self._pipe = open(pipe, "wb")  # waits for the timer to open its end
        os.remove(pipe)

    def feed(self):
        self._pipe.write(b".")
