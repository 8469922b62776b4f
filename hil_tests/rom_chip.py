"""An ESP32 on a serial port, as far as flashing goes: reset lines, ROM loader, flash, and what boots from it.

The port is RFC 2217 on loopback, so that esptool and mpremote reach it by `rfc2217://127.0.0.1:PORT` and pull DTR and
RTS as on a development board, where they drive GPIO0 and EN. A `Wire` has neither line, and is ten times as fast: its
chip begins in its loader, as one whose BOOT button was held down.

The loader speaks Espressif's serial protocol (esptool's documentation, "Serial Protocol"): SLIP packets, the commands
that esptool uses, registers that keep what was written, a SPI flash that answers to its identification. Code that is
loaded into RAM and started is taken for esptool's stub, which says OHAI and then knows a few commands more. No
instruction of the chip is executed: what runs after the boot is the `program` that the test hands in.
"""

import contextlib
import hashlib
import os
import socket
import struct
import threading
import tty
import zlib
from collections.abc import Callable

from serial import rfc2217

# name: (chip id that GET_SECURITY_INFO gives or None, the word at 0x40001000, SPI registers, UART clock, boot offset)
CHIPS = {
    "esp32": (None, 0x00F01D83, 0x3FF42000, {"usr": 0x1C, "usr2": 0x24, "w0": 0x80}, 0x1000),
    "esp32s3": (9, 0x9, 0x60002000, {"usr": 0x18, "usr2": 0x20, "w0": 0x58}, 0),
    "esp32c6": (13, 0x2CE0806F, 0x60003000, {"usr": 0x18, "usr2": 0x20, "w0": 0x58}, 0),
}
MAGIC_AT = 0x40001000
_USR = 1 << 18  # of the SPI command register: go
_RDID = 0x9F
_EN_S = 0.1  # longer than on a real board: through RFC 2217 the two lines move 50 ms apart
_BAD = 0x05  # ROM loader: "received message is invalid"


class Line:
    """What RFC 2217 sets on the port: rates that mean nothing here, and the two lines that do."""

    baudrate, bytesize, parity, stopbits = 115200, 8, "N", 1
    xonxoff = rtscts = break_condition = False
    cts = dsr = cd = True
    ri = False

    def __init__(self, moved: Callable[[bool, bool], None]) -> None:
        self._dtr = self._rts = False
        self._moved = moved

    @property
    def dtr(self) -> bool:
        return self._dtr

    @dtr.setter
    def dtr(self, on: bool) -> None:
        self._dtr = on
        self._moved(self._dtr, self._rts)

    @property
    def rts(self) -> bool:
        return self._rts

    @rts.setter
    def rts(self, on: bool) -> None:
        self._rts = on
        self._moved(self._dtr, self._rts)

    def reset_input_buffer(self) -> None: ...

    def reset_output_buffer(self) -> None: ...


class RomChip:
    """`program(chip)`: called when the chip boots from its flash; gives an object with `write(bytes)` and `stop()`,
    and sends what it prints by `chip.say`. `boots`, `erased`: counts. `fail_after`: bytes written to flash after which
    the cable is pulled, once. `worn_at`: the byte of its flash that stays zero."""

    def __init__(self, chip: str, flash_mb: int = 8, program=None) -> None:
        self.id, self.magic, self.spi, self.at, self.boot_at = CHIPS[chip]
        self.flash = bytearray(b"\xff" * (flash_mb << 20))
        self.flash_id = 0xEF | 0x40 << 8 | (flash_mb.bit_length() + 19) << 16  # 2^n bytes
        self.program = program
        self.boots = self.erased = 0
        self.fail_after: int | None = None
        self.worn_at: int | None = None
        self._registers: dict[int, int] = {}
        self._held = self._reset = False
        self._mode = "off"
        self._running = None
        self._client: socket.socket | None = None
        self._lock = threading.RLock()
        self._plug_in()

    def _plug_in(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = f"rfc2217://127.0.0.1:{self._server.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()
        self._start(False)

    def __enter__(self) -> "RomChip":
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()
        self._server.close()
        self._hang_up()

    # ---- the line

    def _serve(self) -> None:
        while True:
            try:
                self._client, _ = self._server.accept()
            except OSError:
                return
            self._client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._slip = bytearray()
            line = Line(self._moved)
            manager = rfc2217.PortManager(line, self)
            self._manager = manager
            with contextlib.suppress(OSError):
                while (client := self._client) and (data := client.recv(4096)):
                    self._hear(b"".join(manager.filter(data)))
            self._hang_up()

    def write(self, data: bytes) -> None:
        """To the client, as it is: the port manager's own bytes."""
        client = self._client
        if client:
            with self._lock, contextlib.suppress(OSError):
                client.sendall(data)

    def say(self, data: bytes) -> None:
        """What the chip sends on its line."""
        if self._client:
            self.write(b"".join(self._manager.escape(data)))

    def _hang_up(self) -> None:
        client, self._client = self._client, None
        if client:
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
            client.close()

    def _moved(self, dtr: bool, rts: bool) -> None:
        """The two transistors of a development board: one line alone pulls its pin, both together pull none."""
        reset, self._held = rts and not dtr, dtr and not rts
        if reset and not self._reset:
            self._stop()
        if self._reset and not reset:  # a capacitor holds EN down for a while: GPIO0 is read after that
            threading.Timer(_EN_S, lambda: self._start(self._held)).start()
        self._reset = reset

    def _start(self, held: bool) -> None:
        if held:
            self._mode = "rom"
            self.say(
                b"ets Jun  8 2016\r\nrst:0x1 (POWERON),boot:0x1 (DOWNLOAD(USB/UART0))\r\nwaiting for download\r\n"
            )
        elif self.flash[self.boot_at] == 0xE9:
            self._mode = "run"
            self.boots += 1
            if self.program:
                self._running = self.program(self)
        else:
            self._mode = "run"
            self.say(b"invalid header: 0xffffffff\r\n" * 4)

    def falls_asleep(self) -> None:
        """Nothing in it listens any more, until it is reset."""
        self._mode = "off"

    def _stop(self) -> None:
        self._mode = "off"
        running, self._running = self._running, None
        if running:
            running.stop()

    def _hear(self, data: bytes) -> None:
        if self._mode == "run":
            if self._running and data:
                self._running.write(data)
        elif self._mode in ("rom", "stub"):
            self._slip += data
            while self._mode in ("rom", "stub") and (end := self._slip.find(b"\xc0", 1)) > 0:
                packet, self._slip = bytes(self._slip[:end]), self._slip[end + 1 :]
                packet = packet.lstrip(b"\xc0").replace(b"\xdb\xdc", b"\xc0").replace(b"\xdb\xdd", b"\xdb")
                if len(packet) >= 8:
                    self._command(packet)

    # ---- the loader

    def _answer(self, op: int, value: int = 0, data: bytes = b"", bad: int = 0) -> None:
        data += bytes([1 if bad else 0, bad]) + (b"" if self._mode == "stub" else b"\0\0")
        self._frame(struct.pack("<BBHI", 1, op, len(data), value) + data)

    def _frame(self, packet: bytes) -> None:
        self.say(b"\xc0" + packet.replace(b"\xdb", b"\xdb\xdd").replace(b"\xc0", b"\xdb\xdc") + b"\xc0")

    def _command(self, packet: bytes) -> None:
        direction, op, size, _ = struct.unpack("<BBHI", packet[:8])
        body = packet[8:]
        handler = _COMMANDS.get(op)
        if direction or len(body) != size or handler is None or (op >= 0xD0 and self._mode != "stub"):
            self._answer(op, bad=_BAD)
        else:
            handler(self, op, body)

    def _sync(self, op: int, body: bytes) -> None:
        for _ in range(8):
            self._answer(op, 0 if self._mode == "stub" else 0x20120707)

    def _read(self, op: int, body: bytes) -> None:
        (address,) = struct.unpack("<I", body)
        self._answer(op, self.magic if address == MAGIC_AT else self._registers.get(address, 0))

    def _write(self, op: int, body: bytes) -> None:
        address, value = struct.unpack("<II", body[:8])
        if address == self.spi and value & _USR:
            wanted = self._registers.get(self.spi + self.at["usr2"], 0) & 0xFF
            self._registers[self.spi + self.at["w0"]] = self.flash_id if wanted == _RDID else 0
            value = 0
        self._registers[address] = value
        self._answer(op)

    def _security(self, op: int, body: bytes) -> None:
        if self.id is None:
            self._answer(op, bad=_BAD)
        else:
            self._answer(op, data=struct.pack("<I8BII", 0, *bytes(8), self.id, 0))

    def _fine(self, op: int, body: bytes) -> None:
        self._answer(op)

    def _started(self, op: int, body: bytes) -> None:
        stay, _ = struct.unpack("<II", body)
        self._answer(op)
        if not stay:
            self._mode = "stub"
            self._frame(b"OHAI")

    def _begin(self, op: int, body: bytes) -> None:
        size, _, _, offset = struct.unpack("<IIII", body[:16])
        self._at, self._left = offset, size
        self._unpack = zlib.decompressobj() if op == 0x10 else None
        self._answer(op)

    def _data(self, op: int, body: bytes) -> None:
        count, *_ = struct.unpack("<IIII", body[:16])
        data = body[16 : 16 + count]
        if self._unpack:
            data = self._unpack.decompress(data)
        if self.fail_after is not None:
            self.fail_after -= len(data)
            if self.fail_after < 0:
                self.fail_after = None
                self._hang_up()
                return
        self.flash[self._at : self._at + len(data)] = data
        if self.worn_at is not None:
            self.flash[self.worn_at] = 0
        self._at += len(data)
        self._answer(op)

    def _md5(self, op: int, body: bytes) -> None:
        address, size, *_ = struct.unpack("<IIII", body)
        found = hashlib.md5(self.flash[address : address + size])
        self._answer(op, data=found.digest() if self._mode == "stub" else found.hexdigest().encode())

    def _erase(self, op: int, body: bytes) -> None:
        self.flash[:] = b"\xff" * len(self.flash)
        self.erased += 1
        self._answer(op)

    def _erase_region(self, op: int, body: bytes) -> None:
        offset, size = struct.unpack("<II", body)
        self.flash[offset : offset + size] = b"\xff" * size
        self._answer(op)


class Wire(RomChip):
    """The same at the end of a pty. A cable that was pulled comes back as another device: `port` changes."""

    def _plug_in(self) -> None:
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        self.port = os.ttyname(self._slave)
        self._slip = bytearray()
        self._mode = "rom"
        threading.Thread(target=self._serve_pty, args=(self._master, self.port), daemon=True).start()

    def _serve_pty(self, master: int, port: str) -> None:
        with contextlib.suppress(OSError):
            while port == self.port and (data := os.read(master, 4096)):
                self._hear(data)

    def say(self, data: bytes) -> None:
        with contextlib.suppress(OSError):
            os.write(self._master, data)

    def _hang_up(self) -> None:
        os.close(self._slave)
        os.close(self._master)
        self._plug_in()

    def __exit__(self, *_: object) -> None:
        self._stop()
        os.close(self._slave)
        os.close(self._master)


_COMMANDS = {
    0x02: RomChip._begin,
    0x03: RomChip._data,
    0x04: RomChip._fine,
    0x05: RomChip._fine,
    0x06: RomChip._started,
    0x07: RomChip._fine,
    0x08: RomChip._sync,
    0x09: RomChip._write,
    0x0A: RomChip._read,
    0x0B: RomChip._fine,
    0x0D: RomChip._fine,
    0x0F: RomChip._fine,
    0x10: RomChip._begin,
    0x11: RomChip._data,
    0x12: RomChip._fine,
    0x13: RomChip._md5,
    0x14: RomChip._security,
    0xD0: RomChip._erase,
    0xD1: RomChip._erase_region,
}
