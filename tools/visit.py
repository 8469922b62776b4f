"""A technician's visit that brings a release: once, or until the lock has kept it or come back from it."""

import asyncio
import time
from collections.abc import Callable
from typing import NamedTuple

from protocol import update
from tools import phone
from tools.errors import ToolError
from tools.rider import Rider

WAIT_S = 1200.0  # longer than a release may be on trial (firmware/update.py)
_LOOK_S = 5.0


class Came(NamedTuple):
    """What came of it, as protocol/update.py counts."""

    state: int
    reason: int

    @property
    def kept(self) -> bool:
        return self.reason == update.RUNNING

    @property
    def well(self) -> bool:
        return self.kept or self.state == update.TRIAL


async def bring(rider: Rider, lock_id: bytes, brought: phone.Brought, told: Callable[[int], None]) -> Came:
    """Raises ToolError: no way to the lock, or no right."""
    async with rider.with_right(lock_id, "update") as (link, master):
        answer = await link.may_update(master.token, master.key)
        if not answer.ok:
            raise ToolError(answer.sentence)
        return Came(*await link.bring(brought, told))


async def to_its_end(
    rider: Rider, lock_id: bytes, brought: phone.Brought, told: Callable[[int], None], wait: bool
) -> Came:
    """`wait`: a lock that has begun a trial is asked again until it has an answer. Raises ToolError."""
    came = await bring(rider, lock_id, brought, told)
    until = time.monotonic() + WAIT_S
    while wait and came.well and not came.kept:
        if time.monotonic() > until:
            raise ToolError(
                f"The lock has not said within {WAIT_S / 60:g} minutes what became of the release."
            )
        await asyncio.sleep(_LOOK_S)
        try:
            said = await bring(rider, lock_id, brought, told)
        except phone.PhoneError:
            continue  # it is starting
        if said.reason != update.LATER:
            came = said
    return came
