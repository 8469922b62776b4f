# heap: 2m
"""An intent is there whole, or the one before it is, wherever the power goes."""

from boards.sim.power import Halt, Power
from firmware import accept
from firmware.intent import Intent, Intents
from firmware.rides import Unreadable
from firmware.store import Store

try:
    from boards.sim.flash import Storage

    SIZES = ({"block": 512}, {"block": 4096})  # in blocks of its own, and inline
except ImportError:  # CPython
    from boards.sim.folder import Storage

    SIZES = ({},)


def intent(n, claim=True, raised=True):
    """Another for each n."""
    return Intent(
        accept.START,
        n,
        bytes([n]) * 8,
        [bytes([n]) * 32, bytes([n + 1]) * 64],
        [bytes([n + 2]) * 32, 1, n + 3, bytes([n + 4]) * 4, 900, 86_400, 2] if claim else None,
        [bytes([n + 5]) * 4, (1 << 32) + 1, 1_760_000_000] if raised else None,
    )


def values(one):
    return one and [getattr(one, name) for name in Intent.__slots__]


class Flash:
    """`intents` on a flash that can be cut; `again` boots."""

    def __init__(self, size):
        self.power = Power()
        self.storage = Storage(self.power, **size)
        self.intents = Intents(Store(self.storage.root))

    def again(self):
        self.power.off()
        self.power = Power()
        self.storage = self.storage.again(self.power)
        self.intents = Intents(Store(self.storage.root))
        return self.intents.load()


def test_the_last_one_is_read_back():
    for size in SIZES:
        flash = Flash(size)
        assert flash.intents.load() is None
        assert flash.again() is None
        for one in (intent(1), intent(2, claim=False), intent(3, raised=False), intent(4, False, False)):
            flash.intents.write(one)
            assert values(flash.again()) == values(one)
        flash.storage.close()


def _left_by_cuts(size, tear, prepare, change):
    """What a boot finds after a cut in each write of `change`; then the lock writes and reads as before."""
    found, n, done = [], 0, False
    while not done:
        n += 1
        flash = Flash(size)
        prepare(flash.intents)
        flash.power.cut_at(n, tear)
        try:
            change(flash.intents)
            done = True
        except (Halt, OSError):
            assert flash.power.halted
        left = flash.again()
        if not done:
            found.append(values(left))
        flash.intents.write(intent(9))
        assert values(flash.again()) == values(intent(9))
        flash.storage.close()
    return found


def test_a_cut_leaves_the_old_one_or_the_new_or_none():
    def prepare(intents):
        intents.load()
        for n in range(5):
            intents.write(intent(n))

    possible = [values(intent(4)), None, values(intent(5))]
    for size in SIZES:
        seen = []
        for tear in Flash(size).power.tears:
            found = _left_by_cuts(size, tear, prepare, lambda intents: intents.write(intent(5)))
            order = [possible.index(left) for left in found]
            assert order == sorted(order) and len(order) >= 2, order
            seen += order
        assert {0, 1} <= set(seen), seen


def test_a_cut_while_a_folders_log_is_written_anew():
    """Which littlefs does once in so many writes, in blocks that it then swaps."""

    def prepare(intents):
        intents.load()
        intents.write(intent(0))

    def change(intents):
        for n in range(1, 16):
            intents.write(intent(n))

    for size in SIZES:
        found = _left_by_cuts(size, "nothing", prepare, change)
        numbers = [left[1] for left in found if left]
        assert numbers == sorted(numbers) and numbers[0] == 0 and numbers[-1] >= 14, numbers
        assert None in found


def test_a_cut_in_the_first_boot():
    for size in SIZES:
        for tear in Flash(size).power.tears:
            found = _left_by_cuts(size, tear, lambda intents: None, lambda intents: intents.load())
            assert found and not any(found)


def test_a_failing_flash_is_said_and_the_old_one_stays():
    for size in SIZES:
        n, done = 0, False
        while not done:
            n += 1
            flash = Flash(size)
            flash.intents.load()
            flash.intents.write(intent(1))
            flash.power.fail_at(n)
            try:
                flash.intents.write(intent(2))
                done = True
            except OSError:
                assert values(flash.again()) in (values(intent(1)), None)
            flash.storage.close()
        assert n > 2


def test_a_flash_that_is_well_again_takes_the_next_one():
    for size in SIZES:
        flash = Flash(size)
        flash.intents.load()
        flash.power.fail_at(1)
        try:
            flash.intents.write(intent(1))
            raise AssertionError("the flash had failed")
        except OSError:
            pass
        flash.power.fail_at(1_000_000)
        flash.intents.write(intent(2))
        assert values(flash.again()) == values(intent(2))
        flash.storage.close()


def test_any_changed_bit_makes_it_none_and_another_length_unreadable():
    flash = Flash(SIZES[-1])
    flash.intents.load()
    flash.intents.write(intent(1))
    store = Store(flash.storage.root)
    for name in ("i/evidence", "i/intent"):
        whole = store.read(name)
        for i in range(len(whole)):
            changed = bytearray(whole)
            changed[i] ^= 1 << i % 8
            store.write(name, changed)
            assert Intents(store).load() is None
        for wrong in (whole[:-1], whole + b"\0", whole * 6):
            store.write(name, wrong)
            try:
                Intents(store).load()
                raise AssertionError("taken")
            except Unreadable:
                pass
        store.write(name, whole)
    assert values(Intents(store).load()) == values(intent(1))
    flash.storage.close()
