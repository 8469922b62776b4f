"""A board becomes a lock: its key drawn, the cloud told, label and card drawn, its files copied. In this order:

| when it fails | then | the same command |
|---|---|---|
| before the cloud was told | nothing has happened | begins |
| while label and card are drawn | the cloud has the lock, the board is untouched | draws them |
| while files are copied | the board is no lock yet: its identity comes last | sends what is missing |

FOLDER/files has the lock's key meanwhile: it says that something is left to do.
"""

import os
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from cloud import assets
from cloud.context import Cloud
from cloud.problem import Problem
from cloud.reach import EVERYTHING
from protocol import cbor
from tools import card, cli_operator, flash, provision
from tools.device import Device
from tools.errors import ToolError

_PAPERS = ("label.svg", "label.pdf", "card.svg", "card.pdf")


class Order(NamedTuple):
    """What the lock is to be. `network`: a bearer.json; `changes`: settings in place of its board's; `folder`: for what
    is to be printed, empty, not there, or of an order that was broken off."""

    board: str
    code: str
    label: str
    kind: str
    uplink: str
    group: str | None
    url: str
    folder: Path
    network: Path | None
    changes: dict[str, Any]
    operator: str | None = None  # whose, where there are several


class Made(NamedTuple):
    lock_id: bytes
    settings: bytes  # settings.json, as the lock has it


def make_lock(cloud: Cloud, port: str, order: Order, tell: Callable[[str, float], None]) -> Made:
    """Raises ToolError, Problem."""
    bearer = order.network and provision.bearer(order.network)
    files = order.folder / "files"
    goes_on = _is_begun(cloud, order)
    order.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with Device(port) as device:
        flash.refuse_bare(device, order.board)
        if goes_on:
            flash.refuse_another(device, order.board, provision.read(files))
        else:
            flash.refuse_lock(device, order.board)
            cli_operator.add_lock(
                cloud,
                order.code,
                order.label,
                order.kind,
                files,
                order.uplink,
                order.group,
                more=order.changes,
                board=order.board,
                operator=order.operator,
            )
        try:
            lock = provision.read(files)
            if bearer:
                write(files / "bearer.json", bearer)
                lock["bearer.json"] = bearer
            lock_id = cbor.decode(lock["identity"])[1]
            tell("cards", 0)
            if not all((order.folder / name).exists() for name in _PAPERS):  # else they may be printed by now
                _draw(order, lock_id)
            flash.provision(device, order.board, lock, lambda share: tell("lock", share))
        except ToolError as why:
            raise ToolError(
                f"{why} The lock is registered, and its key lies in {files}: the same command goes on from here."
            ) from why
        shutil.rmtree(files)
        device.restart()
    return Made(lock_id, lock["settings.json"])


def _is_begun(cloud: Cloud, order: Order) -> bool:
    """Whether the folder holds this very order, broken off after the cloud was told. Raises ToolError."""
    names = {path.name for path in order.folder.iterdir()} if order.folder.exists() else set()
    if strange := sorted(names - {"files", *_PAPERS}) or ("files" not in names and sorted(names)):
        raise ToolError(f"{order.folder} is not empty ({strange[0]}): give each lock a folder of its own.")
    if not names:
        return False
    files = order.folder / "files"
    if strange := [path.name for path in files.iterdir() if not provision.is_ours(path.name)]:
        raise ToolError(f"{files} is not empty ({strange[0]}): give each lock a folder of its own.")
    try:
        lock_id = cbor.decode((files / "identity").read_bytes())[1].hex()
        with cloud.db.reading() as session:
            on_it = assets.lock_of(session, EVERYTHING, code=order.code)
    except (OSError, cbor.CborError, KeyError, TypeError, AttributeError, Problem):
        on_it = lock_id = None
    if on_it is None:  # the cloud was never told, so no board has this key
        shutil.rmtree(files)
        return False
    if on_it != lock_id:
        raise ToolError(f"{files} is of another lock than the one on {order.code}: name another folder.")
    return True


def _draw(order: Order, lock_id: bytes) -> None:
    drawings = (
        ("label", card.label(order.code, f"{order.url.rstrip('/')}/b/{order.code}")),
        ("card", card.activation(order.code, lock_id, secrets.token_bytes(card.KEY))),
    )
    for name, drawing in drawings:
        write(order.folder / f"{name}.svg", card.svg(drawing).encode())
        write(order.folder / f"{name}.pdf", card.pdf(drawing))


def write(path: Path, data: bytes) -> None:
    """For the eyes of this user alone: one of them is a key. In place of what an earlier try has left. ToolError."""
    try:
        path.unlink(missing_ok=True)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
    except OSError as error:
        raise ToolError(f"{path} could not be written ({error.strerror}): make room.") from error
