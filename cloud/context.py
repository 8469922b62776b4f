"""The parts that every request and every datagram need, made once a process. Knows no Flask."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from cloud.config import Settings
from cloud.db import Database
from cloud.wrapping import Wrapping


def unix_now() -> int:
    return int(time.time())


@dataclass(frozen=True)
class Cloud:
    settings: Settings
    db: Database
    box: Wrapping
    now: Callable[[], int]  # Unix seconds; tests hand in their own


def make(settings: Settings, now: Callable[[], int] = unix_now) -> Cloud:
    return Cloud(settings, Database(settings.database_url), Wrapping(settings.secret), now)
