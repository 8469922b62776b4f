"""The way to the cloud: names, Wi-Fi, the modem, and datagrams over real sockets, with networks that come and go."""

import asyncio
import socket

from boards.esp32c6_lock import pins as c6
from boards.esp32s3_lock import pins as s3
from boards.parts import networks, resolver
from boards.parts.bearer import NoNetwork
from boards.parts.modem import Modem
from boards.testparts.rig import Rig

LOOPBACK = "127.0.0.1"
WIFI = b'{"wifi": {"ssid": "depot", "key": "a long secret"}}'
MODEM = b'{"modem": {"apn": "internet", "user": null, "password": null}}'
OPEN_MS = 25_000  # what an open may take: the supervisor gives its task 30 s


class Server:
    """A UDP server on a free loopback port, asked by the test when to look."""

    def __init__(self):
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        for port in range(31_000, 31_900):
            try:
                self._socket.bind(socket.getaddrinfo(LOOPBACK, port, 0, socket.SOCK_DGRAM)[0][-1])
                break
            except OSError:
                continue
        self.port = port
        self._socket.setblocking(False)
        self.last = None

    def take(self):
        try:
            data, self.last = self._socket.recvfrom(2_000)
            return data
        except OSError:
            return None

    def answer(self, data):
        self._socket.sendto(data, self.last)

    def close(self):
        self._socket.close()


def raises(run, coroutine):
    try:
        run(coroutine)
    except OSError:
        return True
    return False


# ---- names

ASKED = resolver.question("cloud.example", b"\x12\x34")
ALIAS = b"\xc0\x0c\0\5\0\1\0\0\0\x3c\0\x07\4edge\xc0\x12"
FOUND = b"\xc0\x2b\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2\7"


def reply(records, count, code=0, asked=ASKED):
    return (
        asked[:2]
        + b"\x81"
        + bytes([0x80 | code])
        + b"\0\1"
        + bytes([0, count])
        + b"\0\0\0\0"
        + asked[12:]
        + records
    )


def test_a_question_is_rfc_1035():
    assert ASKED == b"\x12\x34\x01\0\0\1\0\0\0\0\0\0\5cloud\7example\0\0\1\0\1"
    for name in ("", ".", "a..b", "x" * 64 + ".nl", ".".join(["abcdefg"] * 40)):
        try:
            resolver.question(name, b"\0\0")
            raise AssertionError(name)
        except OSError:
            pass


def test_an_address_behind_an_alias():
    assert resolver.answer(reply(FOUND, 1), ASKED) == "192.0.2.7"
    assert resolver.answer(reply(ALIAS + FOUND, 2), ASKED) == "192.0.2.7"
    assert resolver.answer(reply(ALIAS, 1), ASKED) == ""
    assert resolver.answer(reply(b"", 0, code=3), ASKED) == ""


def test_what_answers_nothing_we_asked():
    good = reply(FOUND, 1)
    for wrong in (
        b"",
        ASKED,  # our own question come back
        b"\x12\x35" + good[2:],
        reply(FOUND, 1, asked=resolver.question("other.example", b"\x12\x34")),
        good[: len(ASKED) - 1],
    ):
        assert resolver.answer(wrong, ASKED) is None


def test_every_truncation_and_every_wrong_byte_is_stood():
    good = reply(ALIAS + FOUND, 2)
    for cut in range(len(good)):
        assert resolver.answer(good[:cut], ASKED) in (None, "")
    for at in range(len(good)):
        for value in (0, 1, 0x3F, 0x40, 0x7F, 0xC0, 0xFF):
            found = resolver.answer(good[:at] + bytes([value]) + good[at + 1 :], ASKED)
            assert found is None or found == "" or resolver.numeric(found)


def test_numbers_are_not_asked_for():
    assert resolver.numeric("192.0.2.255") and resolver.numeric("0.0.0.0")
    for name in ("192.0.2.256", "192.0.2", "1.2.3.4.5", "a.b.c.d", "", "1.2.3."):
        assert not resolver.numeric(name)


class Named:
    """A rig with Wi-Fi up, and a name server that does as told."""

    def __init__(self):
        self.rig = Rig(c6)
        self.rig.put("bearer.json", WIFI)
        self.rig.air.networks = {"depot": "a long secret"}
        self.server = Server()
        resolver.PORT = self.server.port
        self.board = self.rig.boot()
        self.questions = 0

    def ask(self, story):
        async def both():
            task = asyncio.create_task(self.board.bearer.open("cloud.example", 5683))
            while not task.done():
                question = self.server.take()
                if question:
                    self.questions += 1
                    for answer in story(question):
                        self.server.answer(answer)
                await self.rig.timeline.sleep_ms(10)
            await task

        began = self.rig.timeline.now
        failed = raises(self.rig.run, both())
        assert self.rig.timeline.now - began <= OPEN_MS
        return not failed

    def close(self):
        resolver.PORT = 53
        self.server.close()
        self.rig.close()


def test_a_name_is_found_at_the_second_try_and_strangers_are_not_believed():
    named = Named()
    local = FOUND[:-4] + b"\x7f\0\0\1"

    def story(question):
        if named.questions == 1:
            return ()
        return (b"\0\0" + reply(local, 1)[2:], b"noise", reply(ALIAS + local, 2, asked=question))

    assert named.ask(story) and named.questions == 2
    named.close()


def test_a_name_that_nobody_knows_and_a_server_that_is_silent():
    named = Named()
    assert not named.ask(lambda question: [reply(b"", 0, 3, question)])
    assert named.questions == 1
    assert not named.ask(lambda question: ())
    assert named.questions == 4
    named.close()


# ---- Wi-Fi


def test_datagrams_over_wifi_both_ways_and_what_happens_when_it_goes():
    rig, server = Rig(c6), Server()
    rig.put("bearer.json", WIFI)
    board = rig.boot()
    bearer = board.bearer

    async def story():
        for _ in range(2):
            try:
                bearer.send(b"x")
                raise AssertionError("sent, never opened")
            except OSError:
                pass
            began = rig.timeline.now
            try:
                await bearer.open(LOOPBACK, server.port)
                raise AssertionError("no network, and open")
            except OSError:
                assert 10_000 < rig.timeline.now - began <= OPEN_MS
        rig.air.networks = {"depot": "a long secret"}
        await bearer.open(LOOPBACK, server.port)
        bearer.send(b"hello")
        assert server.take() == b"hello"
        assert await bearer.recv(500) is None
        server.answer(b"welcome")
        assert await bearer.recv(500) == b"welcome"
        rig.air.networks = {}
        for doomed in (lambda: bearer.send(b"lost"), None):
            try:
                if doomed:
                    doomed()
                else:
                    await bearer.recv(500)
                raise AssertionError("the network is away")
            except OSError:
                pass
        assert server.take() is None
        rig.air.networks = {"depot": "a long secret"}
        await bearer.open(LOOPBACK, server.port)
        bearer.send(b"again")
        assert server.take() == b"again"
        bearer.close()
        bearer.close()
        assert not rig.chip.radio  # Wi-Fi off: it eats
        await bearer.open(LOOPBACK, server.port)
        bearer.send(b"once more")
        assert server.take() == b"once more"

    rig.run(story())
    server.close()
    rig.close()


def test_only_the_peer_is_heard():
    rig, server, stranger = Rig(c6), Server(), Server()
    rig.put("bearer.json", WIFI)
    rig.air.networks = {"depot": "a long secret"}
    bearer = rig.boot().bearer

    async def story():
        await bearer.open(LOOPBACK, server.port)
        bearer.send(b"hello")
        server.take()
        stranger.last = server.last
        stranger.answer(b"psst")
        assert await bearer.recv(300) is None

    rig.run(story())
    server.close()
    stranger.close()
    rig.close()


def test_a_wrong_key_gives_up_in_time():
    rig = Rig(c6)
    rig.put("bearer.json", WIFI)
    rig.air.networks = {"depot": "another"}
    bearer = rig.boot().bearer
    for _ in range(3):
        began = rig.timeline.now
        assert raises(rig.run, bearer.open(LOOPBACK, 5683)) and rig.timeline.now - began <= OPEN_MS
        assert not rig.chip.radio
    rig.close()


# ---- the modem


class Dialled:
    """A reference lock with its modem. `open` calls as often as the uplink would, and says how often that was."""

    def __init__(self):
        self.rig = Rig(s3)
        self.rig.put("bearer.json", MODEM)
        self.modem = self.rig.wiring.modem
        self.heard = []
        hear = self.modem.hear
        self.modem.hear = lambda data: (b"CPIN=" in data and self.heard.append(data), hear(data))
        self.server = Server()
        self.board = self.rig.boot()

    def open(self, most=12):
        for turn in range(1, most + 1):
            began = self.rig.timeline.now
            failed = raises(self.rig.run, self.board.bearer.open(LOOPBACK, self.server.port))
            assert self.rig.timeline.now - began <= OPEN_MS, turn
            if not failed:
                self.board.bearer.send(b"by modem")
                assert self.server.take() == b"by modem"
                return turn
            self.rig.run(self.rig.timeline.sleep_ms(5_000))
        return None

    def close(self):
        self.server.close()
        self.rig.close()


def test_a_cold_modem_is_started_registers_and_dials():
    bench = Dialled()
    assert not bench.modem.on
    assert bench.open() <= 2 and bench.modem.data
    bench.close()


def test_a_modem_that_was_left_in_its_data_mode_is_found():
    bench = Dialled()
    bench.open()
    bench.rig.end("watchdog")
    assert bench.modem.on and bench.modem.data  # it knows nothing of our reset
    bench.board = bench.rig.boot()
    assert bench.open() == 1 and bench.modem.on
    bench.close()


def test_a_link_that_breaks_is_dialled_again():
    bench = Dialled()
    bench.open()
    bench.modem.network = False
    assert bench.open(2) is None
    bench.modem.network = True
    assert bench.open() <= 2
    bench.board.bearer.close()
    bench.rig.run(bench.rig.timeline.sleep_ms(3_000))
    assert not bench.modem.data and bench.modem.on  # hung up, and still registered
    assert bench.open() == 1
    bench.close()


def test_a_modem_that_leads_nowhere_is_switched_off_and_on():
    bench = Dialled()
    bench.open()
    bench.board.bearer.close()
    bench.modem.mute = True  # hung, and only its key helps
    key = bench.modem.key

    def pressed(level):
        before = bench.modem.on
        key(level)
        if before and not bench.modem.on:
            bench.modem.mute = False

    bench.modem.key = pressed
    assert bench.open() is not None and not bench.modem.mute
    bench.close()


def test_a_modem_that_answers_and_never_finds_a_network_is_switched_off_and_on_too():
    bench = Dialled()
    bench.modem.network = False
    key = bench.modem.key

    def pressed(level):
        before = bench.modem.on
        key(level)
        if before and not bench.modem.on:
            bench.modem.network = True  # what hung in it is gone

    bench.modem.key = pressed
    assert bench.open(12) > 6
    bench.close()


def test_a_sim_that_wants_a_pin_is_never_given_one():
    bench = Dialled()
    bench.modem.pin = True
    assert bench.open(8) is None
    assert not bench.heard
    bench.close()


def test_no_network_for_an_hour_leaves_the_lock_its_time():
    bench = Dialled()
    bench.modem.network = False
    assert bench.open(40) is None
    bench.modem.network = True
    assert bench.open(6) is not None
    bench.close()


def test_a_babbling_line_ends_no_program():
    bench = Dialled()
    bench.open()
    bench.board.bearer.close()
    bench.modem.mute = True
    uart = bench.rig.chip.uarts[s3.MODEM_UART]
    uart.arrive(bytes(range(256)) * 8 + b"\r\nOKAY\r\n+CEREG: ,,,1\r\n" + b"x" * 900)
    assert isinstance(bench.board.bearer._network, Modem)
    assert raises(bench.rig.run, bench.board.bearer.open(LOOPBACK, 1))
    bench.close()


# ---- which one


def test_a_board_that_was_told_of_no_network_has_none():
    rig = Rig(c6)
    board = rig.boot()
    assert isinstance(board.bearer._network, NoNetwork)
    assert raises(rig.run, board.bearer.open(LOOPBACK, 1))
    board.bearer.close()
    rig.close()


def test_a_file_that_makes_no_sense_is_said_and_done_without():
    rig = Rig(c6)
    for text in (
        "",
        "{",
        "[]",
        "{}",
        '{"wifi": {}}',
        '{"wifi": {"ssid": "a"}}',
        '{"wifi": {"ssid": "", "key": "b"}}',
        '{"wifi": {"ssid": null, "key": "b"}}',
        '{"wifi": {"ssid": "a", "key": 5}}',
        '{"wifi": {"ssid": "a", "key": "b", "more": 1}}',
        '{"wifi": {"ssid": "a", "key": "b"}, "modem": {"apn": "a", "user": null, "password": null}}',
        '{"wifi": {"ssid": "%s", "key": "b"}}' % ("a" * 600),
        '{"modem": {"apn": "a\\",\\"b", "user": null, "password": null}}',
        '{"modem": {"apn": "a\\r\\nATH", "user": null, "password": null}}',
        '{"lora": {"key": "b"}}',
        '{"modem": {"apn": "internet", "user": null, "password": null}}',  # this board has none
    ):
        rig.put("bearer.json", text.encode())
        said = []
        makers = {"wifi": lambda ssid, key: (ssid, key)}
        if '"apn": "a' in text:
            makers["modem"] = lambda *given: given
        chosen = networks.choose(rig.storage.root, makers, said.append)
        assert isinstance(chosen, NoNetwork) and len(said) == 1 and "secret" not in said[0], text
    rig.put("bearer.json", WIFI)
    assert networks.choose(rig.storage.root, {"wifi": lambda *given: given}, None) == (
        "depot",
        "a long secret",
    )
    rig.put("bearer.json", b'{"wifi": {"ssid": "open", "key": null}}')
    assert networks.choose(rig.storage.root, {"wifi": lambda *given: given}, None) == ("open", None)
    rig.close()
