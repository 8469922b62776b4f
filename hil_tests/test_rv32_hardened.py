"""The hardened image, as it is flashed: no prompt at any moment, no module from anywhere but the image and a verified
slot, no bolt moved when storage fails. Where the stock image stands it is said beside it, and tested as well.
"""

import asyncio
import base64
import contextlib
import hashlib
import os
import subprocess
import time

import pytest

from boards.parts import serial_link as wire
from hil_tests.test_rv32_lock import HEAP, RELEASE, Street, private, public
from protocol import cbor, keys, manifest, receipt, status
from tools import rv32, rv32_build, rv32_lock
from tools.phone import Refused
from tools.rv32_lock import Client, Rv32Lock

RIDES_IN = rv32.size("112k")  # a whole lock and a ride, code and combs included: stock takes 200k
KNOCKS = [
    b"\x03\x03\x03",  # Ctrl-C: interrupts what runs
    b"\r\n\x01",  # Ctrl-A: the raw prompt
    b"\x05A\x01",  # raw paste
    b"\x02\r\nprint(6 * 7)\r\n",  # Ctrl-B: the friendly prompt
    b"print(6 * 7)\x04",  # Ctrl-D: runs it, or a soft reset
]
PROMPTS = (
    b">>>",
    b"raw REPL",
    b"OK42",
    b"\n42",
    b"soft reboot",
    b"Traceback",
    b"KeyboardInterrupt",
    b"MicroPython v",
)


class Tapped(Rv32Lock):
    """Keeps every byte that leaves the board, in packets or beside them."""

    def __init__(self, folder, files, heap=HEAP, main=rv32_lock.MAIN, profile=rv32_build.STOCK):
        super().__init__(folder, files, heap, main, profile)
        self.said = b""

    def _take(self, kind, slot, payload):
        self.said += payload + b"\n"
        super()._take(kind, slot, payload)

    def everything(self):
        return self.said + "\n".join(self.log).encode()


class Hardened(Tapped):
    def __init__(self, folder, files, heap=HEAP, main=b""):
        super().__init__(folder, files, heap, main, rv32_build.HARDENED)


@pytest.fixture
def make(rv32_image, tmp_path):
    """make(folder, profile class, ...): a Street; its lock's power is taken after the test."""
    made = []

    def make(name="lock", lock_class=Hardened, **options):
        (tmp_path / name).mkdir()
        made.append(Street(tmp_path / name, lock_class=lock_class, **options))
        return made[-1]

    yield make
    for street in made:
        street.lock.cut()


def opens(street, cti=b"one ride"):
    async def ride():
        client = Client(street.lock)
        link = await client.connect(street.keep)
        assert (await street.start_ride(link, cti)).name == "OK"
        assert street.lock.hand("state")["bolt_open"]
        await client.disconnect()

    asyncio.run(ride())


def told(street, slot=0):
    """What the lock answers to a greeting that it refuses."""

    async def greet():
        link = await Client(street.lock, slot).connect(street.keep)
        with pytest.raises(Refused) as refused:
            await link.greet(patient=True)
        return refused.value.answer.status

    return asyncio.run(greet())


class Console:
    """The line of a machine of this lock, without the lock's protocol."""

    def __init__(self, lock):
        self.machine = rv32.Machine(lock.memory, heap=lock.heap, icount=False, profile=lock.profile)
        os.set_blocking(self.machine.process.stdout.fileno(), False)
        self.printed = b""

    def knock(self, knocks, seconds, until=b">>> "):
        """Everything that it has printed until then, while these bytes come at it."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.machine.process.poll() is None and until not in self.printed:
            for knock in knocks:
                with contextlib.suppress(BrokenPipeError):
                    self.machine.process.stdin.write(knock)
                    self.machine.process.stdin.flush()
                time.sleep(0.005)
            self.printed += self.machine.process.stdout.read() or b""
        return self.printed


def raw(lock, knocks, seconds):
    console = Console(lock)
    with console.machine:
        return console.knock(knocks, seconds)


# ---- F01: the console


def symbols(elf):
    done = subprocess.run(["riscv64-unknown-elf-nm", elf], capture_output=True, text=True, check=True)
    return {line.split()[-1] for line in done.stdout.splitlines()}


def test_there_is_no_prompt_and_no_compiler_in_the_image(rv32_image):
    hardened = rv32_build.build(rv32_build.HARDENED)
    for name in (
        "pyexec_friendly_repl",
        "pyexec_raw_repl",
        "pyexec_file_if_exists",
        "mp_compile",
        "mp_interrupt_char",
    ):
        assert name in symbols(rv32_image) and name not in symbols(hardened), name
    for text in (b"raw REPL; CTRL-B to exit", b">>> "):
        assert text in rv32_image.read_bytes() and text not in hardened.read_bytes(), text


def test_nothing_but_the_link_answers_from_the_first_moment_on(make):
    street = make()
    printed = raw(street.lock, KNOCKS, 3)
    assert wire.packet(wire.ADVERTISE, 0)[:1] and printed, "it did not even advertise"
    assert not [text for text in PROMPTS if text in printed]
    for piece in printed.split(b"\0"):
        if piece:
            wire.unpacked(piece)  # ValueError: something that is no packet
    street.lock.start()
    opens(street)


def test_nothing_answers_while_it_runs_and_the_ride_goes_on(make):
    street = make()
    street.lock.start()
    opens(street)
    before = street.lock.hand("state")["uptime_ms"]
    for knock in KNOCKS:
        street.lock.write(knock * 3)
    street.lock.write(b"\0")  # what was no packet ends here
    state = street.lock.hand("state")
    assert state["uptime_ms"] > before and state["state"] == "open" and not "".join(street.lock.log)


def test_after_a_crash_it_resets_and_says_nothing(make):
    street = make()
    street.lock.start()
    street.lock.send(wire.OTHER, 0, b'{"do": "quit"}')  # sys.exit() in the middle of everything
    for knock in KNOCKS:
        street.lock.write(knock)
    assert street.lock.ended() == 3  # start me again
    assert "".join(street.lock.log) == "ended by SystemExit"
    street.lock.start()
    opens(street)


@pytest.mark.parametrize("heap", ["40k", "56k", "72k"])
def test_without_memory_it_resets_or_is_out_of_order(make, heap):
    """A program that cannot even be started is the way to a prompt on other images."""
    street = make(heap=rv32.size(heap))
    printed = raw(street.lock, KNOCKS, 3)
    assert not [text for text in PROMPTS if text in printed]


def test_stock_gives_its_prompt_and_the_lock_key_once_its_program_has_ended(make):
    """The limit of the stock profile, as the README states it: here an exception ends it, for want of memory. (Ctrl-C
    at the start does on a chip; this board looks at its line only while a program waits.)"""
    street = make(lock_class=Tapped, heap=rv32.size("96k"))
    console = Console(street.lock)
    with console.machine:
        assert b">>> " in console.knock([b"\x03"], 20)
        console.printed = b""
        ask = b"\r\nprint(open('/lock/identity','rb').read().hex())\r\n"
        secret = street.identity.k_lock.hex().encode()
        console.machine.process.stdin.write(ask)
        assert secret in console.knock([b"\r\n"], 10, until=secret)


def test_stock_takes_no_interruption_once_the_lock_runs(make):
    street = make(lock_class=Tapped)
    street.lock.start()
    for knock in KNOCKS:
        street.lock.write(knock)
    street.lock.write(b"\0")
    assert street.lock.hand("state")["state"] == "locked"


# ---- the import path


def test_no_file_on_the_flash_takes_the_place_of_a_module(make):
    """Each of these would be run by a stock image."""
    street = make()
    evil = rv32.compile_text("evil", "print('evil')\n1 / 0\n")
    names = (
        "main",
        "boot",
        "_boot",
        "asyncio",
        "lib/asyncio",
        "firmware/lock",
        "boards/launcher",
        "protocol/ed25519",
    )
    files = {f"{folder}{name}.mpy": evil for folder in ("", "lock/", "lock/a/", "lib/") for name in names}
    files |= {"main.py": b"print('evil')", "boot.py": b"print('evil')"}
    own = {f"lock/{name}": data for name, data in street.files.items()}
    street.lock.memory.put_files({**own, **files})
    street.lock.start()
    opens(street)
    assert b"evil" not in street.lock.everything()


# ---- slots


def release(street, board="qemu_rv32", signers=RELEASE, spoil=lambda files: None):
    """Slot a with a release whose lock prints a line when it is loaded."""
    sources = rv32.sources_for("boards/qemu_rv32/main.py")
    linked = rv32.linked_of(sources, ("boards/qemu_rv32/main.py",))
    linked["firmware/lock.py"] += "\nprint('from the slot', end='\\0')\n"
    files = {
        path.replace(".py", ".mpy"): rv32.compile_text(path[:-3].replace("/", "."), text, lean=True)
        for path, text in linked.items()
    }
    listed = manifest.encode_list(
        [(path, len(data), hashlib.sha256(data).digest()) for path, data in files.items()]
    )
    payload = manifest.encode_payload(2, 1, board, int(time.time()) + 3_600, listed)
    by = [(keys.kid(keys.RELEASE, public(key)), key.sign) for key in signers]
    files["manifest"] = manifest.encode_head(payload, by) + listed
    spoil(files)
    own = {f"lock/{name}": data for name, data in street.files.items()}
    slot = {f"lock/a/{path}": data for path, data in files.items()}
    street.lock.memory.put_files({**own, **slot, "lock/slot": b"a"})


def turn(files):
    data = files["firmware/unlock.mpy"]
    files["firmware/unlock.mpy"] = data[:-1] + bytes([data[-1] ^ 1])


@pytest.mark.parametrize(
    "what, entered",
    [
        ({}, True),
        ({"spoil": turn}, False),
        ({"spoil": lambda files: files.update({"asyncio.mpy": files["firmware/lock.mpy"]})}, False),
        ({"signers": RELEASE[:1]}, False),
        ({"signers": [RELEASE[0], private("stranger")]}, False),
        ({"board": "esp32s3_lock"}, False),
    ],
    ids=[
        "signed by two",
        "a bit turned",
        "a module beside",
        "signed by one",
        "by a stranger",
        "another board",
    ],
)
def test_only_a_slot_that_is_what_was_signed_is_entered(make, what, entered):
    street = make(heap=rv32.size("256k"))
    release(street, **what)
    street.lock.start()
    assert ("from the slot" in street.lock.log) is entered
    opens(street)
    street.lock.cut()
    del street.lock.log[:]
    street.lock.start()
    assert ("from the slot" in street.lock.log) is entered  # the second time by the mark


# ---- storage that fails


SPOILT = {
    "no file system at all": lambda street: street.lock.memory.put_flash(os.urandom(rv32.FLASH)),
    "an erased flash": lambda street: street.lock.memory.put_flash(b"\xff" * rv32.FLASH),
    "not provisioned": lambda street: put(street, lambda files: files.clear()),
    "no identity": lambda street: put(street, lambda files: files.pop("identity")),
    "half an identity": lambda street: put(
        street, lambda files: files.update(identity=files["identity"][:20])
    ),
    "a damaged keyset": lambda street: put(street, lambda files: files.update(keyset=b"\xa1")),
    "settings that are none": lambda street: put(street, lambda files: files.update({"settings.json": b"{"})),
}


def put(street, change):
    files = dict(street.files)
    change(files)
    street.lock.memory.put_files({f"lock/{name}": data for name, data in files.items()})


@pytest.mark.parametrize("how", SPOILT)
def test_without_its_storage_it_answers_that_it_is_out_of_order(make, how):
    street = make()
    SPOILT[how](street)
    before = street.lock.memory.flash()
    street.lock.start()
    assert len(street.lock.advertised) == 8
    for slot in (0, 1):
        assert told(street, slot) == status.QUARANTINE
    if how in ("no file system at all", "an erased flash"):
        assert street.lock.memory.flash() == before  # nothing was formatted
    assert street.identity.k_lock not in street.lock.everything()
    street.lock.cut()
    put(street, lambda files: None)  # someone has repaired it
    street.lock.start()
    opens(street)


def test_out_of_order_refuses_whatever_comes(make):
    street = make()
    put(street, lambda files: files.pop("identity"))
    street.lock.start()
    heard = {}

    class Ear(Client):
        def heard(self, frame):
            heard.setdefault(self.slot, []).append(frame)

    def say(slot, frame):
        ear = Ear(street.lock, slot)
        ear._loop = asyncio.new_event_loop()
        street.lock.clients[slot] = ear
        street.lock.send(wire.CONNECT, slot, (244).to_bytes(2, "big"))
        street.lock.send(wire.FRAME, slot, frame)

    request = b"\x80\x03\x00\x04\x83\x01\x02\x03"
    for slot, frame in enumerate((request, b"\x80\x09\x00\x01\x00", b"\x00", b"\x80\x01\x00\x01\xff")):
        say(slot, frame)
    end = time.monotonic() + 10
    while len(heard) < 4 and time.monotonic() < end:
        time.sleep(0.05)
    codes = [cbor.decode(heard[slot][0][4:])[0] for slot in range(4)]
    assert codes == [status.QUARANTINE, status.MALFORMED, status.MALFORMED, status.MALFORMED]
    time.sleep(1)
    assert told(street) == status.QUARANTINE  # and the slots are free again


# ---- what is in a flash, and what leaves the board


def written(secret):
    """The ways in which a secret might be found."""
    return secret, secret.hex().encode(), base64.b64encode(secret), repr(secret)[2:-1].encode()


@pytest.mark.parametrize("lock_class", [Tapped, Hardened])
def test_a_flash_and_an_image_hold_no_secret_but_that_locks_own(make, lock_class):
    a, b = make("a", lock_class), make("b", lock_class)
    a.lock.start()
    opens(a)
    a.lock.cut()
    dump = a.lock.memory.path.read_bytes() + rv32_build.build(a.lock.profile).read_bytes()
    assert a.identity.k_lock in dump  # the search finds what is there
    others = [b.identity.k_lock, b.identity.lock_id]
    signers = [key.private_bytes_raw() for key in (a.issuer, a.rider, *RELEASE)]
    for secret in (*others, *signers):
        assert not [one for one in written(secret) if one in dump]


def test_a_lock_made_of_anothers_dump_opens_nothing_of_the_lock_that_it_names(make):
    a, b = make("a"), make("b")
    fake = {**a.files, "identity": cbor.encode({1: b.identity.lock_id, 2: a.identity.k_lock, 3: None})}
    a.lock.memory.put_files({f"lock/{name}": data for name, data in fake.items()})
    frames = []

    class Thief(Client):
        async def write_gatt_char(self, characteristic, data, response):
            frames.append(bytes(data))
            await super().write_gatt_char(characteristic, data, response)

    async def rider_is_fooled():
        link = await Thief(a.lock).connect(lambda data: receipts.append(data))
        greeting = await link.greet(patient=True)
        assert (await link.unlock(b.mint(greeting.challenge, b"for b..."), b.rider)).ok

    async def replay():
        link = await Client(b.lock).connect(b.keep)
        await link.greet(patient=True)
        for frame in frames[1:]:
            await link._client.write_gatt_char(None, frame, False)
        await asyncio.sleep(2)

    receipts = []
    a.lock.start()
    asyncio.run(rider_is_fooled())
    a.lock.cut()
    with pytest.raises(ValueError):
        receipt.open(keys.receipt_key(b.identity.k_lock), receipts[0])  # nor does the cloud believe it
    b.lock.start()
    asyncio.run(replay())
    state = b.lock.hand("state")
    assert not state["bolt_open"] and state["actuations"] == 0 and state["seq"] == 0


@pytest.mark.parametrize("lock_class", [Tapped, Hardened])
def test_no_secret_leaves_the_board(make, lock_class):
    """In a ride, in refusals, in a crash and in a start that fails, by packets or beside them."""
    street = make("lock", lock_class)
    lock = street.lock
    lock.start()
    opens(street)
    lock.write(b"noise" * 300 + b"\0")
    lock.hand("state")
    lock.send(wire.OTHER, 0, b'{"do": "quit"}')
    lock.ended() if lock.profile == rv32_build.HARDENED else time.sleep(2)
    lock.cut()
    if lock.profile == rv32_build.HARDENED:
        put(street, lambda files: files.update(identity=files["identity"] + b"x"))
        lock.start()
        assert told(street) == status.QUARANTINE
        lock.cut()
    said = lock.everything()
    assert len(said) > 500
    derived = (keys.receipt_key, keys.status_key, keys.batch_key)
    for secret in (street.identity.k_lock, *[derive(street.identity.k_lock) for derive in derived]):
        assert not [one for one in written(secret) if one in said]
