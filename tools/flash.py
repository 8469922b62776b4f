"""From a bare board to a running lock's software, over a cable: steps, each of which can be repeated.

| step | does | when it was cut |
|---|---|---|
| image | writes MicroPython, after the chip and the file were found to fit | is done anew |
| copy | sends the application's files that are not there yet, reads them back | sends what is missing |
| self-test | asks every part of the board | is done anew |
| lock | sends the files that make it this lock, the identity last | sends what is missing |
| start | resets the board | is done anew |

A lock that is flashed again gets its new software beside what runs, and is switched to it when all of it is there and
the board has passed its self-test: wherever the cable is pulled, it boots.

Knows no command line. `tell(step, share)` hears how far it is.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from tools import application, board_data, flash_chip, rv32
from tools.device import Device, hash_of
from tools.errors import ToolError

STEPS = ("image", "copy", "self-test", "lock", "start")
_ANSWER_S = 3  # for a chip with nothing on it that could answer
_SELFTEST_S = 90  # a silent receiver is waited for
_TAKEN = (
    "The board at {port} is a lock already. Open it with a master token and decommission it first:"
    " `ringslot phone decommission --help`."
)
_ERASES = (
    "The board at {port} is a lock already, and an image erases its keys and the receipts that nobody has fetched. Open"
    " it with a master token and decommission it first (`ringslot phone decommission --help`); if it does not work any"
    " more, add --even-a-lock."
)
_UNFIT = (
    "The board at {port} says that it is {machine} with MicroPython {found}, and {name} is {wanted} with MicroPython"
    " {version}: nothing was copied. Check which board is on the cable; if it is the right one, write its image first"
    " (--image)."
)
_NATIVE = "import micropython\n@micropython.native\ndef run(): pass\n"
_OTHER = "b"  # than application.SLOT
_LAST = "identity"  # without it a board is no lock: so it comes when all else is there


class Check(NamedTuple):
    name: str
    passed: bool
    seen: str


class Result(NamedTuple):
    port: str
    copied: int  # files
    checks: list[Check]


def flash(
    port: str,
    board: str,
    tell: Callable[[str, float], None],
    image: Path | None = None,
    lock: Mapping[str, bytes] | None = None,
    release: Mapping[str, bytes] | None = None,
    even_a_lock: bool = False,
) -> Result:
    """`image`: MicroPython's file, or None when it is there already; `lock`: the files of a provisioned lock;
    `release`: files of a slot, else the application of this checkout; `even_a_lock`: the image may erase one. Raises
    ToolError."""
    data = board_data.read(board)
    if image:
        if not data["chip"]:
            raise ToolError(f"{data['name']} takes no image: it was started with its own.")
        flash_chip.check(image, data)
        if not even_a_lock:
            refuse_to_erase(port, data["root"])
        flash_chip.write(port, image, data, lambda share: tell("image", share))
    with Device(port) as device:
        refuse_unfit(device, data)
        if lock:
            refuse_another(device, board, lock)
        tell("copy", 0)
        runs = running_slot(device, data["root"])
        into = application.SLOT if runs != application.SLOT else _OTHER
        files = application.installed(board, release, into)
        inside = {path: files[path] for path in files if path.startswith(f"{data['root']}{into}/")}
        # First what says that the slot is whole; of a bare board there is nothing to lose
        device.remove(_marks(device, data["root"] + into))
        copied = device.put(inside if runs else files, lambda share: tell("copy", share))
        device.check(inside if runs else files)
        device.remove(application.strangers(device.hashes(), board, files, into))
        tell("self-test", 0)
        checks = selftest(device, board, into)
        tell("self-test", 1)
        if faults := [check for check in checks if not check.passed]:
            said = "; ".join(f"{check.name}: {check.seen}" for check in faults)
            raise ToolError(f"The board at {port} failed its self-test. {said[:1].upper()}{said[1:]}.")
        if runs:
            device.remove(_marks(device, data["root"] + runs))  # else the launcher would prefer what is whole
            copied += device.put(files)
            device.check(files)
        if lock:
            copied += provision(device, board, lock, lambda share: tell("lock", share))
        tell("start", 0)
        device.restart()
    tell("start", 1)
    return Result(port, copied, checks)


def running_slot(device: Device, root: str) -> str | None:
    """The slot that a lock falls back to, whatever happens to the other one; it is on no trial when this returns. None
    for a board that is no lock, and for a lock without slots."""
    there = device.hashes()
    if root + _LAST not in there or root + "slot" not in there:
        return None
    words = device.run(f"print(open({'/' + root + 'slot'!r}).read())").split()
    runs = words[1] if len(words) == 3 else words[0] if words else ""
    if runs not in (application.SLOT, _OTHER):
        return None
    if len(words) != 1:
        device.put({root + "slot": runs.encode()})
    return runs


def _marks(device: Device, slot: str) -> list[str]:
    """Of a release that an update brought into that slot (firmware/slots.py): the first says that it is whole."""
    there = device.hashes()
    return [
        path for name in ("manifest", "incoming", "failed", "alone") if (path := f"{slot}/{name}") in there
    ]


def refuse_unfit(device: Device, data: dict) -> None:
    """ToolError when the board has another chip, or a MicroPython that does not take what is compiled for this one."""
    said = device.about()
    compiled = rv32.compile_text("native", _NATIVE, data["mpy_arch"])
    takes = int.from_bytes(compiled[1:3], "little")  # in the form of sys.implementation._mpy
    chip = said.machine.split()[-1].replace("-", "").lower()
    if said.mpy & 0x3FFF == takes and data["chip"] in (None, chip):
        return
    found = ".".join(str(number) for number in said.version)
    about = {"machine": said.machine, "found": found, "name": data["name"], "version": data["micropython"]}
    wanted = f"an {data['chip']}" if data["chip"] else f"of {data['mpy_arch']}"
    raise ToolError(_UNFIT.format(port=device.port, wanted=wanted, **about))


def refuse_to_erase(port: str, root: str) -> None:
    """ToolError when MicroPython answers there, on a lock. What does not answer is taken for a bare chip."""
    try:
        device = Device(port, _ANSWER_S)
    except ToolError:
        return  # esptool says what is wrong with the port, if anything
    with device:
        if root + _LAST in device.hashes():
            raise ToolError(_ERASES.format(port=port))


def refuse_another(device: Device, board: str, lock: Mapping[str, bytes]) -> None:
    """ToolError when the board is another lock than this already: that takes a master token and an open ring."""
    there = device.hashes().get(board_data.read(board)["root"] + _LAST)
    if there not in (None, hash_of(lock[_LAST])):
        raise ToolError(_TAKEN.format(port=device.port))


def refuse_lock(device: Device, board: str) -> None:
    """ToolError when the board is a lock already."""
    if board_data.read(board)["root"] + _LAST in device.hashes():
        raise ToolError(_TAKEN.format(port=device.port))


def refuse_bare(device: Device, board: str) -> None:
    """ToolError when the board does not hold our software."""
    if "main.py" not in device.hashes():
        raise ToolError(
            f"The board at {device.port} does not hold Ringslot yet: `ringslot flash {device.port} --board {board}`."
        )


def provision(
    device: Device, board: str, lock: Mapping[str, bytes], progress: Callable[[float], None]
) -> int:
    """Makes it this lock; gives how many files that took."""
    root = board_data.read(board)["root"]
    files = {root + name: data for name, data in lock.items()}
    last = root + _LAST
    copied = device.put({path: data for path, data in files.items() if path != last}, progress)
    copied += device.put({last: files[last]})
    device.check(files)
    return copied


def selftest(device: Device, board: str, into: str = application.SLOT) -> list[Check]:
    """What boards/parts/selftest.py says there, of the code in the slot that will run."""
    slot = f"/{board_data.read(board)['root']}{into}"
    said = device.run(
        f"import asyncio, json, sys\nsys.path.insert(0, {slot!r})\n"
        f"from boards.parts import selftest\nfrom boards.{board} import main\n"
        "said = []\nasyncio.run(selftest.check(main.make(), False, said.append))\nprint('\\n' + json.dumps(said))",
        _SELFTEST_S,
    )
    return [_check(line) for line in json.loads(said.strip().splitlines()[-1])]


def _check(line: str) -> Check:
    name, colon, sentence = line.partition(": ")
    return Check(name if colon else line.removesuffix(" ok"), not colon, sentence or "ok")
