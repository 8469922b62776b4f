"""The power goes in any one write or erasure of the 32-bit board's flash, which keeps none of it, a part, or all.

Each boot says what it found and adds to it (keeper.py), until the next cut. What it ever said, it says for ever.
"""

import pytest

from tools import rv32

SCRIPT = "hil_tests/keeper.py"
SCRIPTS = {
    "main.py": b"import rv32\nrv32.run('start.py')\n",
    "start.py": b"from hil_tests import keeper\nkeeper.main()\n",
}
EVERY = 11  # in `make test`; each tear begins with another one
MOST = 2_000  # changes in one boot


class Listener:
    """Whoever was told."""

    def __init__(self):
        self.receipts, self.records = {}, {}  # number: digest, of all there ever were
        self.kept = set()  # records that were in flash
        self.acked_seq = self.acked_number = 0

    def hears(self, output):
        """Whether the machine got through a boot, or all it had to do: "", "booted" or "done"."""
        reached, seen = "", {"receipt": set(), "record": set()}
        for line in output.splitlines():
            kind, *words = line.split()
            if kind in seen:
                number, told = int(words[0]), self.receipts if kind == "receipt" else self.records
                assert told.setdefault(number, words[1]) == words[1], f"{kind} {number} is another"
                seen[kind].add(number)
            elif kind == "kept":
                self.kept |= seen["record"]
            elif kind == "acked":
                self.acked_seq, self.acked_number = map(int, words)
            else:
                assert kind in ("booted", "done"), output
                reached = kind
            if kind == "booted":
                self.is_all_there(seen)
        return reached

    def is_all_there(self, seen):
        assert {seq for seq in self.receipts if seq > self.acked_seq} <= seen["receipt"]
        assert {number for number in self.kept if number >= self.acked_number} <= seen["record"]


@pytest.fixture
def memory(rv32_image, tmp_path):
    memory = rv32.Memory(tmp_path / "memory")
    memory.put_files({**rv32.modules_for(SCRIPT), **SCRIPTS})
    return memory


def boot(memory, cut):
    with rv32.Machine(memory, icount=False, seed=cut[0] if cut else 1, cut=cut) as machine:
        return machine.wait(60)


@pytest.mark.parametrize("every", [EVERY, pytest.param(1, marks=pytest.mark.long)])
@pytest.mark.parametrize("tear", rv32.TEARS)
def test_what_was_told_is_there_after_any_cut(memory, tear, every):
    listener, reached = Listener(), []
    n = 1 + rv32.TEARS.index(tear) * every // len(rv32.TEARS)
    while n < MOST:
        done = boot(memory, (n, tear))
        reached.append(listener.hears(done.output))
        if done.status == 0:
            break
        assert done.status == rv32.CUT and reached[-1] != "done", done
        n += every
    print(f"{tear}: {len(reached)} boots, the last with {n} changes at least")
    assert reached[-1] == "done" and reached.count("booted") > 60 / every
    assert len(listener.receipts) > 20 / every and len(listener.kept) > 100 / every
