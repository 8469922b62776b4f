"""boards/parts/ble.py against a stack that fails when told to. Runs on MicroPython, collected by test_ble_part.py.

The stack here is small but behaves: it has links, a value, an advertisement, and removes a handler that raises.
What a real radio does is test_link.py's affair.
"""

import asyncio
import struct

from boards.parts.ble import Ble

CONNECT, DISCONNECT, WRITE, MTU = 1, 2, 3, 21
RX, TX = 16, 18
ENOMEM, ENOTCONN = 12, 128


class Stack:
    """A `bluetooth` module and its BLE in one. `fail`: name of the call that fails next, with which exception."""

    def __init__(self):
        self.handler = None
        self.links = set()
        self.value = b""
        self.sent = []
        self.shown = None
        self.fail = {}

    def BLE(self):
        return self

    def UUID(self, text):
        return b"\x11" * 16

    def irq(self, handler):
        self.handler = handler

    def active(self, on=None):
        return True

    def config(self, **settings):
        self._maybe("config")

    def gatts_register_services(self, services):
        return ((RX, TX),)

    def gatts_set_buffer(self, handle, size, append=False):
        pass

    def gap_advertise(self, interval_us, data=None, resp_data=None, connectable=True):
        self._maybe("gap_advertise")
        if interval_us is not None and len(self.links) == 4:
            raise OSError(ENOMEM)
        self.shown = data

    def gap_disconnect(self, handle):
        self._maybe("gap_disconnect")
        if handle not in self.links:
            return False
        self.links.discard(handle)
        self.event(DISCONNECT, (handle, 1, b"peer--"))
        return True

    def gatts_read(self, handle):
        self._maybe("gatts_read")
        return self.value

    def gatts_notify(self, handle, attribute, data):
        self._maybe("gatts_notify")
        if handle not in self.links:
            raise OSError(ENOTCONN)
        self.sent.append((handle, data))

    def _maybe(self, call):
        if call in self.fail:
            raise self.fail.pop(call)

    # What phones do

    def event(self, event, data):
        if self.handler:
            try:
                self.handler(event, data)
            except BaseException:
                self.handler = None

    def connect(self, handle):
        self.links.add(handle)
        self.shown = None
        self.event(CONNECT, (handle, 1, b"peer--"))

    def write(self, handle, value):
        self.value = value
        self.event(WRITE, (handle, RX))


def lock():
    stack = Stack()
    link = Ble(stack)
    link.start()
    link.advertise(b"12345678", 100)
    return stack, link


def events(link, limit=50):
    """All events that are due, as a list."""

    async def collect():
        found = []
        try:
            while len(found) < limit:
                found.append(await asyncio.wait_for_ms(link.event(), 20))
        except asyncio.TimeoutError:  # noqa: UP041  another class on MicroPython
            pass
        return found

    return asyncio.run(collect())


def connected(stack, link, handle=1):
    stack.connect(handle)
    ((kind, conn, data),) = events(link)
    assert (kind, data) == ("connect", None)
    return conn


def test_an_advertisement_has_flags_and_the_payload():
    stack, link = lock()
    assert stack.shown == b"\x02\x01\x06\x0b\xff\xff\xff12345678"
    for payload in (b"", b"1234567", b"123456789"):
        try:
            link.advertise(payload, 100)
            raise AssertionError(payload)
        except ValueError:
            pass


def test_a_stack_without_private_addresses_still_advertises():
    stack, link = lock()
    stack.fail["config"] = ValueError("unknown config param")
    link.advertise(b"abcdefgh", 100)
    assert stack.shown.endswith(b"abcdefgh")


def test_advertising_comes_back_until_it_is_switched_off():
    stack, link = lock()
    for handle in range(4):
        connected(stack, link, handle)
        assert (stack.shown is None) == (handle == 3)  # the fourth takes the last place
    stack.gap_disconnect(2)
    events(link)
    assert stack.shown
    link.advertise_off()
    stack.gap_disconnect(1)
    events(link)
    assert stack.shown is None


def test_after_a_link_the_reader_says_first_what_is_shown():
    """Else the old address would be on the air once more, and who picks it finds nobody."""
    stack, link = lock()
    for handle in range(4):
        connected(stack, link, handle)
    stack.gap_disconnect(2)
    assert [kind for kind, _, _ in events(link, 1)] == ["disconnect"] and stack.shown is None
    link.advertise(b"another.", 100)
    assert stack.shown.endswith(b"another.")


def test_any_event_with_any_data_leaves_the_handler_in_place():
    stack, link = lock()
    conn = connected(stack, link)
    for event in (0, CONNECT, DISCONNECT, WRITE, 4, 20, MTU, 27, 28, 255, -1, None, "x"):
        for data in (None, (), (99,), (None, None), (99, None), ("a", "b", "c"), ([],), 7):
            stack.event(event, data)
            assert stack.handler, (event, data)
    stack.write(1, b"honest")
    found = events(link, 200)
    assert ("frame", conn, b"honest") in found
    assert link.faults > 20
    assert sum(data for kind, _, data in found if kind == "fault") == link.faults


def test_each_call_that_fails_inside_the_handler_costs_one_frame_and_says_so():
    for error in (
        ValueError("x"),
        OSError(5),
        MemoryError(),
        KeyboardInterrupt(),
        SystemExit(),
        RuntimeError("depth"),
    ):
        stack, link = lock()
        conn = connected(stack, link)
        stack.write(1, b"before")
        stack.fail["gatts_read"] = error
        stack.write(1, b"lost")
        stack.write(1, b"after")
        assert events(link) == [("fault", None, 1), ("frame", conn, b"before"), ("overrun", conn, None)]
        stack.write(1, b"again")
        assert events(link) == [("frame", conn, b"again")]


def test_a_link_whose_event_failed_is_not_trusted_again():
    """Its end or its successor's beginning was perhaps what failed; the handle may be another phone's by now."""

    def check(event):
        stack, link = lock()
        conn = connected(stack, link)
        find = link._find

        def fail_once(handle):
            link._find = find
            raise MemoryError

        link._find = link._open = fail_once
        stack.event(event, (1, 1, b"peer--"))
        assert stack.handler
        assert not link.alive(conn)
        assert not link.send(conn, b"for whom")
        kinds = [kind for kind, _, _ in events(link)]
        assert kinds == ["fault", "overrun", "disconnect"]

    check(CONNECT)
    check(DISCONNECT)


def test_a_flood_does_not_stop_other_tasks():
    """On a lock the handler interrupts the reader, so a ring may never be empty."""
    stack, link = lock()
    connected(stack, link)
    ran = []

    async def other():
        while True:
            ran.append(1)
            await asyncio.sleep_ms(0)

    async def read():
        task = asyncio.create_task(other())
        for _ in range(200):
            stack.write(1, b"flood")
            assert (await link.event())[0] == "frame"
        task.cancel()

    asyncio.run(read())
    assert len(ran) > 50


def test_links_take_turns():
    stack, link = lock()
    first, second = connected(stack, link, 1), connected(stack, link, 2)
    for _ in range(3):
        stack.write(1, b"one")
    for _ in range(3):
        stack.write(2, b"two")
    order = [conn for _, conn, _ in events(link)]
    assert order in ([first, second] * 3, [second, first] * 3)


def test_sending_says_whether_it_was_sent():
    stack, link = lock()
    conn = connected(stack, link)
    assert link.send(conn, b"x" * 20)
    assert stack.sent == [(1, b"x" * 20)]
    for frame in (b"x" * 21, b"x" * 244):
        try:
            link.send(conn, frame)
            raise AssertionError("cut silently")
        except ValueError:
            pass
    stack.fail["gatts_notify"] = OSError(ENOMEM)
    assert not link.send(conn, b"later") and link.alive(conn)
    assert link.send(conn, b"later")
    stack.event(MTU, (1, 247))
    assert link.mtu(conn) == 244
    stack.gap_disconnect(1)
    assert not link.send(conn, b"late") and not link.alive(conn)
    assert link.mtu(conn) == 20


def test_a_cut_ends_a_link_that_the_stack_has_forgotten():
    for failure in (None, OSError(5)):
        stack, link = lock()
        conn = connected(stack, link)
        stack.links.clear()
        if failure:
            stack.fail["gap_disconnect"] = failure
        link.cut(conn)
        assert events(link) == [("disconnect", conn, None)]
        link.cut(conn)
        link.cut(conn + 400)
        assert events(link) == []


def test_nobody_is_let_in_while_the_reader_is_behind():
    """Places are free again when the reader has seen who left; until then a newcomer is sent away."""
    stack, link = lock()
    for handle in range(4):
        stack.connect(handle)
    for handle in range(4):
        stack.gap_disconnect(handle)
    stack.connect(9)
    assert stack.links == set()
    kinds = [kind for kind, _, _ in events(link)]
    assert kinds.count("connect") == kinds.count("disconnect") == 4
    connected(stack, link, 9)


def test_the_watchdog_restores_handler_and_advertising():
    stack, link = lock()
    stack.handler = stack.shown = None
    assert link.healthy()
    assert stack.handler and stack.shown
    stack.fail["gap_advertise"] = OSError(5)
    assert not link.healthy()
    assert link.healthy()


def test_frames_are_kept_up_to_a_bound():
    for size, fit in ((20, 102), (200, 10), (1, 128), (511, 4)):
        stack, link = lock()
        conn = connected(stack, link)
        for number in range(200):
            stack.write(1, struct.pack("B", number) + bytes(size - 1))
        found = events(link, 200)
        assert found[-1] == ("overrun", conn, None)
        assert [data[0] for _, _, data in found[:-1]] == list(range(fit)), size
