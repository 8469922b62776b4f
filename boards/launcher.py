"""The launcher: which of two slots runs. It is the `main.py` of a board that takes updates, and part of none of them.

    /slot       "a"      a runs, and is confirmed
                "b a 2"  b runs on trial; back to a after 2 more starts that nobody confirmed
                "a !b"   a runs again after b, which nobody was told yet
    /a/, /b/    a whole release each, once its `manifest` is there (SPEC.md section 12), or /slot names it: a
                cable, which brings no manifest, writes /slot last

Imports nothing of ours, so that it outlives every release. A board's `main.py` is this file and one line behind it:

    start("boards.esp32s3_lock.main", "")
"""

import os
import sys

SLOTS = ("a", "b")
STARTS = 2


def choose(text, whole):
    """(slot that runs, what /slot is to hold before it does). `text`: of /slot, None when there is none; `whole`: the
    slots that hold a whole release. Whatever the text, some slot runs, and a whole one if there is any."""
    words = (text or "").split(" ")
    run = words[0]
    if run in SLOTS:
        other = SLOTS[run == "a"]
        rest = words[1:]
        if rest in ([], ["!" + other]):
            return (run, text) if run in whole or other not in whole else (other, other)
        if len(rest) == 2 and rest[0] == other and rest[1] in "012" and len(rest[1]) == 1:
            if rest[1] == "0" or run not in whole:
                return other, other + " !" + run
            return run, "%s %s %d" % (run, other, int(rest[1]) - 1)
    # Nobody's text: a rename is all or nothing on littlefs, so the flash is ill. Each whole slot gets its chance.
    if len(whole) == 2:
        return "a", "a b %d" % (STARTS - 1)
    run = whole[0] if whole else "a"
    return run, run


def settle(root, whole=None):
    """Chooses, and writes that down first: a start on trial that cannot be counted is none. Gives the slot.

    `whole(text)`: as for `choose`; those that hold a manifest or were filled by a cable, unless told otherwise.
    """
    text = _read(root + "/slot")
    there = (
        whole(text)
        if whole
        else [name for name in SLOTS if _is_whole(root + "/" + name, name == (text or "")[:1])]
    )
    slot, after = choose(text, there)
    if after != text:
        try:
            with open(root + "/slot.new", "w") as file:
                file.write(after)
            os.rename(root + "/slot.new", root + "/slot")
        except OSError:
            words = after.split(" ")
            if len(words) == 3:
                slot = words[1]
    return slot


def _read(path):
    try:
        with open(path) as file:
            return file.read(16)
    except (OSError, ValueError):  # ValueError: not even text
        return None


def _is_whole(folder, named):
    """With a manifest, or by cable. Else a lock that was flashed would run, for good, the first update that failed."""
    return _is_there(folder + "/manifest") or (
        named and _is_there(folder) and not _is_there(folder + "/incoming")
    )


def _is_there(path):
    try:
        os.stat(path)
    except OSError:
        return False
    return True


def start(module, root, reset=None, watch=None):
    """Runs `run()` of a module of the slot that is chosen. Whatever ends it but a developer's Ctrl-C is a reset.

    A board without an identity is no lock yet: it stays at MicroPython's prompt, where it can be made one.

    `watch()`: lets a watchdog bite, should the slot not even come to start its own.
    """
    if not _is_there(root + "/identity"):
        print("This board is not a lock yet: `ringslot provision` makes it one.")
        return
    try:
        if reset is None:
            import machine

            reset = machine.reset
            watch = watch or (lambda: machine.WDT(timeout=60_000))
        slot = settle(root)
        sys.path[:] = [root + "/" + slot, ".frozen"]  # no file elsewhere can stand in front of a module
        if watch:
            watch()
        __import__(module, None, None, ("run",)).run()
    except Exception as error:
        print("the release does not run:", type(error).__name__)  # its text may hold what it choked on
    reset()
