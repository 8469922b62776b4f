"""A board becomes a lock: its key drawn, the cloud told, its files copied, its label and card drawn. In this order:

| when it fails | then |
|---|---|
| before the cloud was told | nothing has happened |
| while files are copied | the cloud has the lock; its files lie in FOLDER/files, and `ringslot flash --lock` goes on |
| afterwards | the board is the lock |
"""

import os
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path

from cloud.context import Cloud
from tools import card, cli_operator, flash, provision
from tools.device import Device
from tools.errors import ToolError


def make_lock(
    cloud: Cloud,
    port: str,
    board: str,
    code: str,
    label: str,
    kind: str,
    uplink: str,
    group: str | None,
    url: str,
    folder: Path,
    tell: Callable[[str, float], None],
    network: Path | None = None,
) -> provision.Identity:
    """`folder`: for what is to be printed, empty or not there; `network`: a bearer.json. Raises ToolError, Problem."""
    bearer = network and provision.bearer(network)
    if folder.exists() and any(folder.iterdir()):
        raise ToolError(f"{folder} is not empty: give each lock a folder of its own.")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    files = folder / "files"
    with Device(port) as device:
        flash.refuse_lock(device, board)
        flash.refuse_bare(device, board)
        identity = cli_operator.add_lock(cloud, code, label, kind, files, uplink, group, board=board)
        if bearer:
            write(files / "bearer.json", bearer)
        try:
            flash.provision(device, board, provision.read(files), lambda share: tell("lock", share))
            device.restart()
        except ToolError as why:
            raise ToolError(
                f"{why} The lock is registered: `ringslot flash {port} --board {board} --lock {files}` goes on from"
                " here; remove that folder afterwards."
            ) from why
    shutil.rmtree(files)
    tell("cards", 0)
    for name, drawing in (
        ("label", card.label(code, f"{url.rstrip('/')}/b/{code}")),
        ("card", card.activation(code, identity.lock_id, secrets.token_bytes(card.KEY))),
    ):
        write(folder / f"{name}.svg", card.svg(drawing).encode())
        write(folder / f"{name}.pdf", card.pdf(drawing))
    tell("cards", 1)
    return identity


def write(path: Path, data: bytes) -> None:
    """For the eyes of this user alone: one of them is a key."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
