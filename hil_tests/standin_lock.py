"""main.py of the simulator with a firmware that has no logic: it does what RINGSLOT_STANDIN says, and prints it.

Runs on MicroPython, for test_sim_board.py. The board, the hand and the settings are the simulator's own.
"""

import asyncio
import os
import sys

sys.path[0] = "."  # the checkout, not hil_tests/


class Module:
    pass


async def idle(board):
    """Feeds the watchdog, and pulls the bolt whenever a file called `pull` appears in the world's folder."""
    folder = os.getenv("RINGSLOT_SIM_DIR")
    while True:
        board.watchdog.feed()
        try:
            os.remove(folder + "/pull")
        except OSError:
            await board.clock.sleep_ms(20)
            continue
        board.motor.pull()
        for _ in range(100):
            await board.clock.sleep_ms(10)
            if board.bolt.open():
                break
        board.motor.stop()
        print("pulled", board.bolt.open())


async def clock(board):
    print("rtc", board.clock.rtc(), board.boot_cause)
    board.clock.set_rtc(1_000_000)
    await idle(board)


async def hang(board):
    board.watchdog.feed()
    print("hanging")
    while True:
        pass


async def reset(board):
    await board.clock.sleep_ms(500)
    board.reset()


async def write(board):
    """Appends numbered lines for ever, telling of each once it is flushed; a file beside is replaced now and then."""
    number = 0
    with open(board.storage.root + "/log", "ab") as log:
        while True:
            number += 1
            log.write(b"%08d\n" % number)
            log.flush()
            print("flushed", number)
            if number % 10 == 0:
                with open(board.storage.root + "/state.new", "wb") as state:
                    state.write(b"%08d" % number * 100)
                os.rename(board.storage.root + "/state.new", board.storage.root + "/state")
            await board.clock.sleep_ms(0)


async def echo(board):
    """Sends to the port in RINGSLOT_PEER and prints what comes back, or what the bearer says."""
    for number in range(1_000):
        try:
            await board.bearer.open("127.0.0.1", int(os.getenv("RINGSLOT_PEER")))
            board.bearer.send(b"%d" % number)
            print("heard", await board.bearer.recv(300))
        except OSError as error:
            print("error", error.args[0])
        await board.clock.sleep_ms(50)


async def listen(board):
    board.gnss.power(True)
    while True:
        await board.clock.sleep_ms(100)
        for line in board.gnss.read(1_024).split(b"\n"):
            if line:
                print("line", line)


class Lock:
    def __init__(self, board):
        self.board = board

    async def run(self):
        await globals()[os.getenv("RINGSLOT_STANDIN") or "idle"](self.board)


sys.modules["firmware.lock"] = Module()
sys.modules["firmware.lock"].Lock = Lock

from boards.sim import main, shown  # noqa: E402

shown.of = lambda lock: {"state": "standing in"}

asyncio.run(main.main())
