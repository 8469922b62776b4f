"""That something happened, told to every process at once: PostgreSQL's NOTIFY, sent with the events (events.py).

A hint and no more: who is asleep wakes, who would ask in vain need not. Nothing is lost when it fails; on SQLite, which
has no such thing, and while the connection is away, everybody looks by the clock.
"""

import logging
import threading
import time

import psycopg
import sqlalchemy as sa

log = logging.getLogger(__name__)

CHANNEL = "ringslot"
LOOK_S = 2.0  # how long the thread waits for a word before it looks whether it shall go on
AGAIN_S = 1.0  # between two tries to connect


class Wake:
    """Listens in a thread of its own from the first question on.

    `newest()` -> number of the newest event, None where that is not known; `wait(seconds)` -> whether there was one.
    """

    def __init__(self, url: sa.URL):
        self._url = url.set(drivername="postgresql") if url.get_backend_name() == "postgresql" else None
        self._changed = threading.Condition()
        self._newest: int | None = None
        self._told = self._heard = 0  # words that came; and those before the last wait() returned
        self._stopped: threading.Event | None = None  # of the thread that listens

    def newest(self) -> int | None:
        self._start()
        return self._newest

    def wait(self, seconds: float) -> bool:
        """Until somebody tells of something, or time is up."""
        self._start()
        with self._changed:
            if self._told == self._heard:
                self._changed.wait(seconds)
            woken = self._told != self._heard
            self._heard = self._told
        return woken

    def stop(self) -> None:
        """The next question starts anew."""
        if self._stopped:
            self._stopped.set()
            self._stopped, self._newest = None, None

    def _start(self) -> None:
        with self._changed:
            if self._url is None or self._stopped is not None:
                return
            self._stopped = threading.Event()
        threading.Thread(target=self._run, args=(self._stopped,), name="wake", daemon=True).start()

    def _run(self, stopped: threading.Event) -> None:
        while not stopped.is_set():
            try:
                self._listen(stopped)
            except (psycopg.Error, OSError) as error:
                self._newest = None
                if not stopped.is_set():
                    log.warning("nobody wakes us just now: %s", type(error).__name__)
                    time.sleep(AGAIN_S)

    def _listen(self, stopped: threading.Event) -> None:
        assert self._url is not None
        conninfo = self._url.render_as_string(hide_password=False)
        with psycopg.connect(conninfo, autocommit=True, connect_timeout=5) as connection:
            connection.execute(f"LISTEN {CHANNEL}")
            row = connection.execute("SELECT coalesce(max(event_id), 0) FROM event").fetchone()
            self._tell(stopped, row[0] if row else 0)  # asked after LISTEN: none is missed in between
            while not stopped.is_set():
                for told in connection.notifies(timeout=LOOK_S):
                    self._tell(stopped, int(told.payload))
                connection.execute("SELECT 1")  # notices in time that the server has gone

    def _tell(self, stopped: threading.Event, newest: int) -> None:
        with self._changed:
            if not stopped.is_set():
                self._newest = newest
                self._told += 1
                self._changed.notify_all()
