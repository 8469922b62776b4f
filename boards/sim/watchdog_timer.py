"""`python watchdog_timer.py PID SECONDS`: ends PID by SIGALRM when standard input is silent for so long.

Waits for a first byte without limit; ends with its input, that is with the process that feeds it, and so never outlives
it. For CPython; see watchdog.py.
"""

import os
import select
import signal
import sys


def main(pid: int, seconds: float) -> None:
    while os.read(0, 4096):
        if not select.select([0], [], [], seconds)[0]:
            os.kill(pid, signal.SIGALRM)
            return


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
