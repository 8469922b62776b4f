"""The board in memory: time that jumps, links and datagrams in the test's hands, power that goes at any write."""

import asyncio
import gc
import os

from boards.sim.power import Halt
from boards.sim.timeline import Timeline
from boards.sim.virtual import VirtualBoard


def on_a_board(test):
    """A test that is given a board and awaits."""

    def run():
        board = VirtualBoard()
        try:
            asyncio.run(test(board))
        finally:
            board.close()

    return run


async def ended(task):
    """The exception that ended the task."""
    try:
        await task
    except Halt as halt:
        return halt
    return None


def halts(action, *arguments):
    try:
        action(*arguments)
    except Halt:
        return True
    return False


def fails(error, action, *arguments):
    try:
        action(*arguments)
    except error:
        return True
    return False


# Time


@on_a_board
async def test_an_hour_passes_at_once_and_in_order(board):
    log = []

    async def every(ms, name):
        while True:
            await board.clock.sleep_ms(ms)
            log.append((board.clock.uptime_ms(), name))

    tasks = [asyncio.create_task(every(1_000_000, "slow")), asyncio.create_task(every(700_000, "quick"))]
    await board.timeline.sleep_ms(3_600_000)
    for task in tasks:
        task.cancel()
    assert board.clock.uptime_ms() == 3_600_000 and board.world.now == board.timeline.now
    slow, quick = (
        [(n * 1_000_000, "slow") for n in (1, 2, 3)],
        [(n * 700_000, "quick") for n in (1, 2, 3, 4, 5)],
    )
    assert log == sorted(slow + quick)


@on_a_board
async def test_time_stands_while_tasks_hand_work_to_each_other(board):
    stages = [asyncio.Event() for _ in range(4)]
    seen = []

    async def stage(number):
        await stages[number].wait()
        seen.append(board.clock.uptime_ms())
        if number + 1 < len(stages):
            stages[number + 1].set()

    tasks = [asyncio.create_task(stage(number)) for number in reversed(range(4))]
    await board.clock.sleep_ms(50)
    stages[0].set()
    await board.clock.sleep_ms(100)
    for task in tasks:
        await task
    assert seen == [50, 50, 50, 50]


@on_a_board
async def test_things_can_be_set_for_a_time(board):
    log = []
    for delay in (300, 100, 200, 100):
        board.timeline.at(board.timeline.now + delay, lambda: log.append(board.clock.uptime_ms()))
    await board.clock.sleep_ms(250)
    assert log == [100, 100, 200]


def test_two_boards_share_a_timeline():
    async def both():
        timeline = Timeline(1_000)
        one, two = VirtualBoard(timeline=timeline, seed=1), VirtualBoard(timeline=timeline, seed=2)
        one.motor.pull()
        await two.clock.sleep_ms(500)
        assert one.bolt.open() and two.bolt.closed()
        assert one.random(16) != two.random(16) and one.storage.root != two.storage.root
        one.close()
        two.close()

    asyncio.run(both())


# Parts


@on_a_board
async def test_the_parts_are_those_of_the_world(board):
    board.motor.pull()
    await board.clock.sleep_ms(450)
    board.motor.stop()
    board.led.show("ok")
    assert board.bolt.open() and not board.bolt.closed() and not board.shackle.closed()
    board.world.close()
    board.world.move()
    await board.clock.sleep_ms(400)
    assert board.bolt.closed() and board.shackle.closed() and board.motion.moving()
    assert board.world.actuations == 1 and board.world.led == "ok" and board.battery.millivolts() < 4_150
    assert fails(ValueError, board.led.show, "disco")


@on_a_board
async def test_the_receiver_speaks_on_the_line(board):
    board.gnss.power(True)
    await board.clock.sleep_ms(7_000)
    said = board.gnss.read(4_096)
    assert said.count(b"GNRMC") == 7 and b",A,5205.44200,N," in said


def test_randomness_is_the_seeds_and_never_comes_twice():
    drawn = []
    for seed in (1, 1, 2):
        board = VirtualBoard(seed=seed)
        first = board.random(40), board.random(8)
        board = board.reboot()
        drawn.append(first + (board.random(40),))
        board.close()
    assert drawn[0] == drawn[1] and drawn[0] != drawn[2]
    assert len(set(drawn[0] + drawn[2])) == 6 and len(drawn[0][0]) == 40


# Phones


@on_a_board
async def test_a_phone_writes_and_hears(board):
    conn = board.link.connect(mtu=50)
    assert board.link.phone_write(conn, b"hello")
    assert await board.link.event() == ("connect", conn, None)
    assert await board.link.event() == ("frame", conn, b"hello")
    assert board.link.mtu(conn) == 47 and board.link.alive(conn)
    assert board.link.send(conn, b"x" * 47)
    assert fails(ValueError, board.link.send, conn, b"x" * 48)
    assert fails(ValueError, board.link.phone_write, conn, b"x" * 48)
    assert board.link.frames_for(conn) == [b"x" * 47] and board.link.frames_for(conn) == []


@on_a_board
async def test_either_side_can_end_a_link(board):
    first, second = board.link.connect(), board.link.connect()
    board.link.disconnect(first)
    board.link.cut(second)
    board.link.cut(second)
    kinds = []
    for _ in range(4):
        kinds.append((await board.link.event())[:2])
    assert kinds[:2] == [("connect", first), ("connect", second)]
    assert kinds[2:] == [("disconnect", first), ("disconnect", second)]
    assert not board.link.phone_write(second, b"late") and not board.link.send(first, b"late")
    assert board.link.mtu(first) == 20 and not board.link.alive(second) and board.link.links() == 0
    assert board.link.connect() not in (first, second)


@on_a_board
async def test_links_take_turns_and_a_flood_costs_only_the_flooding_link(board):
    loud, calm = board.link.connect(), board.link.connect()
    for _ in range(500):
        board.link.phone_write(loud, b"flood" * 4)
    board.link.phone_write(calm, b"please")
    events = []
    for _ in range(7):
        events.append(await board.link.event())
    assert ("frame", calm, b"please") in events
    while events[-1][0] != "overrun":
        events.append(await board.link.event())
    assert events[-1][1] == loud and [event[1] for event in events].count(loud) == 1 + 2_048 // 20 + 1
    assert board.link.phone_write(loud, b"again")
    assert await board.link.event() == ("frame", loud, b"again")


@on_a_board
async def test_four_links_and_no_more(board):
    links = [board.link.connect() for _ in range(5)]
    assert links[4] is None and board.link.links() == 4
    board.link.disconnect(links[0])
    assert board.link.connect() is not None


@on_a_board
async def test_the_air_and_the_faults_show(board):
    board.link.advertise(b"8 bytes!", 250)
    assert board.link.advertised == (b"8 bytes!", 250)
    assert fails(ValueError, board.link.advertise, b"7 bytes", 250)
    board.link.advertise_off()
    board.link.fault()
    board.link.fault()
    assert board.link.advertised is None and await board.link.event() == ("fault", None, 2)
    assert board.link.healthy() and board.link.faults == 2
    conn = board.link.connect()
    board.link.stuffed = True
    assert not board.link.send(conn, b"x") and board.link.alive(conn)


# The network


@on_a_board
async def test_datagrams_go_out_and_come_in_late_twice_or_never(board):
    await board.bearer.open("cloud", 5_683)
    assert board.bearer.opened == ("cloud", 5_683)
    board.bearer.send(b"one")
    assert board.bearer.take() == [b"one"] and board.bearer.take() == []
    board.bearer.deliver(b"late", 300)
    assert await board.bearer.recv(200) is None
    assert await board.bearer.recv(200) == b"late" and board.clock.uptime_ms() == 300
    board.bearer.weather = lambda datagram: (0, 40)
    board.bearer.send(b"twice")
    await board.clock.sleep_ms(50)
    assert board.bearer.take() == [b"twice", b"twice"]
    board.bearer.weather = lambda datagram: ()
    board.bearer.send(b"never")
    assert await board.bearer.recv(1_000) is None and board.bearer.take() == []


@on_a_board
async def test_a_peer_can_answer_by_itself(board):
    board.bearer.peer = lambda datagram: [b"re: " + datagram]
    board.bearer.weather = lambda datagram: (25,)
    await board.bearer.open("cloud", 1)
    board.bearer.send(b"hi")
    assert await board.bearer.recv(1_000) == b"re: hi" and board.clock.uptime_ms() == 50


async def _refused(awaitable):
    try:
        await awaitable
    except OSError:
        return True
    return False


@on_a_board
async def test_without_a_network_everything_is_refused(board):
    assert await _refused(board.bearer.recv(10))
    await board.bearer.open("cloud", 1)
    waiting = asyncio.create_task(board.bearer.recv(60_000))
    board.bearer.deliver(b"lost", 30)
    await board.clock.sleep_ms(10)
    board.world.uplink = False
    assert await _refused(waiting) and board.clock.uptime_ms() < 60_000
    assert fails(OSError, board.bearer.send, b"x")
    assert await _refused(board.bearer.open("cloud", 1))
    await board.clock.sleep_ms(100)
    board.world.uplink = True
    await board.bearer.open("cloud", 1)
    assert await board.bearer.recv(100) is None
    board.bearer.close()
    board.bearer.close()
    assert fails(OSError, board.bearer.send, b"x")


# Boots


def test_the_clock_outlives_a_warm_boot_and_not_a_cold_one():
    board = VirtualBoard()
    assert board.boot_cause == 1 and board.clock.rtc() is None
    board.clock.set_rtc(5_000)
    asyncio.run(board.timeline.sleep_ms(7_000))
    assert board.clock.rtc() == 5_007
    board = board.reboot(warm=True)
    assert board.boot_cause == 2 and board.clock.rtc() == 5_007 and board.clock.uptime_ms() == 0
    board = board.reboot(warm=False)
    assert board.boot_cause == 1 and board.clock.rtc() is None
    board.close()


@on_a_board
async def test_an_unfed_watchdog_bites(board):
    sleeper = asyncio.create_task(board.clock.sleep_ms(3_600_000))
    await board.timeline.sleep_ms(60_000)
    assert board.power.halted is None  # never fed: not started
    for _ in range(3):
        board.watchdog.feed()
        await board.clock.sleep_ms(9_999)
    board.motor.pull()
    assert board.power.halted is None
    await board.timeline.sleep_ms(1)
    assert board.power.halted == "watchdog" and str(await ended(sleeper)) == "watchdog"
    await board.timeline.sleep_ms(1_000)
    assert board.world.bolt_closed()
    again = board.reboot()
    assert again.boot_cause == 3
    again.close()


@on_a_board
async def test_a_board_without_power_does_nothing_at_all(board):
    conn = board.link.connect()
    await board.bearer.open("cloud", 1)
    waiting = [
        asyncio.create_task(wait)
        for wait in (board.clock.sleep_ms(10_000), board.bearer.recv(10_000), drained(board.link))
    ]
    await board.clock.sleep_ms(1)
    assert halts(board.reset) and board.power.halted == "reset"
    for task in waiting:
        assert await ended(task)
    for action in (
        (board.clock.uptime_ms,),
        (board.clock.rtc,),
        (board.clock.set_rtc, 1),
        (board.random, 8),
        (board.motor.pull,),
        (board.motor.stop,),
        (board.bolt.open,),
        (board.bolt.closed,),
        (board.shackle.closed,),
        (board.motion.moving,),
        (board.led.show, "ok"),
        (board.battery.millivolts,),
        (board.gnss.power, True),
        (board.gnss.read, 1),
        (board.bearer.send, b""),
        (board.bearer.close,),
        (board.link.advertise, b"8 bytes!", 1),
        (board.link.send, conn, b""),
        (board.link.cut, conn),
        (board.link.healthy,),
        (board.watchdog.feed,),
        (open, board.storage.root + "/x", "wb"),
    ):
        assert halts(*action), action
    assert not board.link.phone_write(conn, b"anyone") and board.world.actuations == 0


async def drained(link):
    while True:
        await link.event()


# Storage


def save(board, data):
    """Writes beside, then renames: the way that survives."""
    path = board.storage.root + "/file"
    with open(path + ".new", "wb") as file:
        file.write(data[:50])
        file.flush()
        file.write(data[50:])
    os.rename(path + ".new", path)


def saved(board):
    with open(board.storage.root + "/file", "rb") as file:
        return file.read()


def test_a_cut_in_any_write_leaves_the_old_or_the_new():
    board = VirtualBoard()
    current = b"0" * 300
    save(board, current)
    cuts = 0
    for tear in board.power.tears:
        n = 0
        while True:
            n += 1
            new = b"%d" % (n % 10) * 300
            board.power.cut_at(n, tear)
            done = not halts(save, board, new)
            assert done == (board.power.halted is None)
            board = board.reboot(warm=False)
            found = saved(board)
            assert found == new or (found == current and not done)
            current = found
            gc.collect()
            if done:
                break
            cuts += 1
        assert n > 3
    assert cuts >= 6
    board.close()


def test_a_write_that_was_done_before_the_cut_is_done():
    board = VirtualBoard()
    first = {}
    for tear in ("nothing", "all"):
        n, new = 0, b"new %s" % tear.encode() * 20
        save(board, b"old" * 20)
        while tear not in first:
            n += 1
            board.power.cut_at(n, tear)
            halts(save, board, new)
            board = board.reboot(warm=False)
            if saved(board) == new:
                first[tear] = n
    assert first["nothing"] == first["all"] + 1
    board.close()


def test_what_was_flushed_is_there_and_what_was_not_is_not():
    board = VirtualBoard()
    file = open(board.storage.root + "/log", "ab")
    file.write(b"told")
    file.flush()
    file.write(b"thought")
    board = board.reboot(warm=False)
    del file
    gc.collect()
    with open(board.storage.root + "/log", "rb") as file:
        assert file.read() == b"told"
    board.close()


def test_failing_flash_says_so_and_the_board_lives_on():
    board = VirtualBoard()
    save(board, b"x" * 100)
    board.power.fail_at(2)
    try:
        save(board, b"y" * 100)
        raise AssertionError
    except OSError as error:
        assert error.args[0] == 5
    assert board.power.halted is None and board.battery.millivolts() > 0
    assert fails(OSError, save, board, b"z" * 100)
    board = board.reboot()
    assert saved(board) in (b"x" * 100, b"y" * 100)
    save(board, b"z" * 100)
    assert saved(board) == b"z" * 100
    board.close()


def test_a_tear_that_this_storage_does_not_know_is_refused():
    board = VirtualBoard()
    assert fails(ValueError, board.power.cut_at, 1, "a bit")
    board.close()
