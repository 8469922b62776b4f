import asyncio

from boards.sim.virtual import VirtualBoard
from firmware.actuator import BETWEEN, CLOSED, OPEN, Actuator


def _actuator(board):
    return Actuator(board.motor, board.bolt, board.clock, 1500)


def test_the_motor_runs_until_the_sensor_agrees():
    board = VirtualBoard()
    actuator = _actuator(board)
    assert actuator.position() == CLOSED
    ran = asyncio.run(actuator.open())
    assert 300 <= ran <= 500 and actuator.position() == OPEN and board.world.actuations == 1
    asyncio.run(board.timeline.sleep_ms(1000))
    assert actuator.position() == OPEN  # and it stays so without the motor
    board.close()


def test_an_open_bolt_is_left_alone():
    board = VirtualBoard()
    actuator = _actuator(board)
    asyncio.run(actuator.open())
    assert asyncio.run(actuator.open()) == 0 and board.world.actuations == 1
    board.close()


def test_time_is_up():
    board = VirtualBoard()
    actuator = _actuator(board)
    board.world.jam(50)
    ran = asyncio.run(actuator.open())
    assert 1500 <= ran <= 1520 and actuator.position() == BETWEEN
    board.close()


def test_a_failure_is_called_by_its_name_once_the_spring_has_settled():
    board = VirtualBoard()
    actuator = Actuator(board.motor, board.bolt, board.clock, 200)  # half the way
    ran = asyncio.run(actuator.open())
    assert 200 <= ran <= 220 and actuator.position() == CLOSED
    board.close()


def test_a_bolt_that_does_not_move_is_still_closed():
    board = VirtualBoard()
    actuator = _actuator(board)
    board.world.jam(0)
    asyncio.run(actuator.open())
    assert actuator.position() == CLOSED
    board.close()


def test_a_broken_sensor_proves_nothing():
    board = VirtualBoard()
    actuator = _actuator(board)
    for fault in ("both", "neither"):
        board.world.bolt_fault = fault
        assert actuator.position() == BETWEEN
        began = board.timeline.now
        asyncio.run(actuator.open())
        assert board.timeline.now - began < 2000 and actuator.position() == BETWEEN
    board.close()


def test_the_motor_is_stopped_when_the_wait_is():
    board = VirtualBoard()
    actuator = _actuator(board)
    board.world.jam(50)

    async def cancelled():
        task = asyncio.create_task(actuator.open())
        await asyncio.sleep(0)
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            pass

    asyncio.run(cancelled())
    assert board.world.actuations == 1
    board.world.jam(None)
    asyncio.run(board.timeline.sleep_ms(1000))
    assert actuator.position() == CLOSED  # the spring had its way
    board.close()
