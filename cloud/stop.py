"""How a process of the cloud is told to end."""

import signal
import threading
from collections.abc import Callable

SIGNALS = (signal.SIGTERM, signal.SIGINT)


def when_told(act: Callable[[], object]) -> None:
    """Call act() at the first SIGTERM or SIGINT, in a thread of its own. For the main thread, before there are others.

    People and supervisors repeat themselves: Ctrl-C reaches a process and its parent, which passes it on. So both
    signals stay blocked down to the last instruction. Python takes a handler away before that, and from then on a
    second word would kill what had ended in order. Nor may a handler touch a threading.Event: it may be the very
    thread that holds its lock.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)

    def wait() -> None:
        signal.sigwait(SIGNALS)
        act()

    threading.Thread(target=wait, name="stop", daemon=True).start()
