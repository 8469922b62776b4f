"""A lock on the 32-bit board, and phones beside it: the host's end of its serial link (boards/parts/serial_link.py).

`Rv32Lock` is the lock: started, cut, and reached into by hand. A `Client` of it is one phone's connection, through
which the rider's own code talks to this board.
"""

import json
import os
import queue
import threading
from pathlib import Path
from typing import Any

from boards.parts import serial_link as wire
from tools import cable, rv32, rv32_build
from tools.cable import Client

MAIN = b"from boards.qemu_rv32 import main\nmain.run()\n"
_HAND_S = 20


class Rv32Lock:
    """`folder` keeps its memory from run to run; `files`: what it is provisioned with, None when its memory is ready;
    `main`: its main.py, of the stock profile: a hardened image has all code in it."""

    def __init__(
        self,
        folder: Path,
        files: dict[str, bytes] | None,
        heap: int = rv32.HEAP,
        main: bytes = MAIN,
        profile: str = rv32_build.STOCK,
    ) -> None:
        self.memory = rv32.Memory(folder / "memory")
        self.heap, self.profile = heap, profile
        if files is not None:
            own = {f"lock/{name}": data for name, data in files.items()}
            if profile == rv32_build.STOCK:
                code = rv32.modules_for("boards/qemu_rv32/main.py", beside=main.decode())
                own |= {**code, "main.py": main}
            self.memory.put_files(own)
        self.machine: rv32.Machine | None = None
        self.advertised = b""
        self.log: list[str] = []  # what it printed beside its packets
        self._boots = 0

    def start(self, timeout_s: float = 60, cut: tuple[int, str] | None = None) -> bool:
        """Returns once it advertises. `cut`: as rv32.Machine; False if that came before."""
        self.clients: dict[int, Client] = {}
        self._replies: queue.Queue[bytes | None] = queue.Queue()
        self._up = up = threading.Event()
        self.advertised = b""
        self._boots += 1
        seed = int.from_bytes(os.urandom(4), "big") | 1
        self.machine = rv32.Machine(
            self.memory, heap=self.heap, icount=False, seed=seed, cut=cut, profile=self.profile
        )
        threading.Thread(
            target=self._listen, args=(self.machine.process, up, self._replies), daemon=True
        ).start()
        up.wait(timeout_s)
        if self.advertised:
            return True
        if cut and self.machine.process.poll() == rv32.CUT:
            return False
        self.cut()
        raise rv32.MachineError("The lock did not start:\n" + "\n".join(self.log[-30:]))

    def cut(self) -> None:
        """Takes its power, whatever it is doing."""
        if self.machine:
            self.machine.process.kill()
            self.machine.process.wait()
            for client in list(self.clients.values()):
                client.gone()

    def ended(self, timeout_s: float = 20) -> int:
        """The exit status, once it has ended by itself."""
        assert self.machine
        return self.machine.process.wait(timeout_s)

    def hand(self, do: str, **more: Any) -> dict[str, Any]:
        """One thing that a person beside the bike does; see boards/sim/hand.py."""
        self.send(wire.OTHER, 0, json.dumps({"do": do, **more}).encode())
        reply = self._replies.get(timeout=_HAND_S)
        if reply is None:
            raise rv32.MachineError(f"cannot {do}: the lock has stopped")
        answer = json.loads(reply)
        if not answer["ok"]:
            raise rv32.MachineError(f"cannot {do}: {answer['error']}")
        return answer

    def send(self, kind: int, slot: int, payload: bytes) -> None:
        self.write(wire.packet(kind, slot, payload))

    def write(self, data: bytes) -> None:
        """Anything on the line."""
        assert self.machine and self.machine.process.stdin
        try:
            self.machine.process.stdin.write(data)
            self.machine.process.stdin.flush()
        except OSError:
            pass  # its power has gone

    def _listen(self, process, up, replies) -> None:
        clients, buffer = self.clients, b""
        while data := os.read(process.stdout.fileno(), 4096):
            *packets, buffer = (buffer + data).split(b"\0")
            for packet in packets:
                try:
                    self._take(*wire.unpacked(packet))
                except ValueError:
                    self.log += rv32.text(packet).splitlines()
        self.log += rv32.text(buffer).splitlines()
        for client in list(clients.values()):
            client.gone()
        process.wait()
        replies.put(None)  # whoever waits has waited enough
        up.set()

    def _take(self, kind: int, slot: int, payload: bytes) -> None:
        if kind == wire.ADVERTISE:
            self.advertised = payload[:8]
            self._up.set()
        elif kind == wire.OTHER:
            self._replies.put(payload)
        else:
            cable.deliver(self.clients, kind, slot, payload)
