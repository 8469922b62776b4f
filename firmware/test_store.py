from boards.sim.power import Halt
from boards.sim.virtual import VirtualBoard
from firmware.store import Store


def _fails(call, *args):
    try:
        call(*args)
    except OSError:
        return True
    return False


def test_what_is_written_is_read():
    board = VirtualBoard()
    store = Store(board.storage.root)
    assert store.read("a") is None and store.names("f") == []
    store.write("a", b"one")
    store.write("a", b"three")
    assert store.read("a") == b"three"
    store.make("f")
    store.make("f")
    store.append("f/2", b"x" * 600)
    store.append("f/2", b"y")
    store.write("f/1", b"")
    assert store.read("f/2") == b"x" * 600 + b"y" and store.names("f") == ["1", "2"]
    store.remove("f/2")
    store.remove("f/2")
    assert store.names("f") == ["1"] and store.read("f/2") is None
    board.close()


def _cuts(change, check):
    """Cuts the power in every write of change(store), in every way; then check(store, done) on the next boot."""
    cuts = 0
    for tear in VirtualBoard().power.tears:
        n = 0
        done = False
        while not done:
            n += 1
            board = VirtualBoard()
            store = Store(board.storage.root)
            store.write("a", b"old")
            store.make("f")
            store.append("f/log", b"first")
            board.power.cut_at(n, tear)
            try:
                change(store)
                done = True
            except Halt:
                cuts += 1
            except OSError:
                assert board.power.halted
                cuts += 1
            board = board.reboot()
            check(Store(board.storage.root), done)
            board.close()
    assert cuts >= len(board.power.tears), cuts


def test_a_cut_in_a_write_leaves_the_old_or_the_new():
    def check(store, done):
        assert store.read("a") in ((b"new" * 100,) if done else (b"old", b"new" * 100))
        assert store.read("f/log") == b"first"

    _cuts(lambda store: store.write("a", b"new" * 100), check)


def test_a_cut_in_an_append_touches_nothing_before_it():
    def check(store, done):
        data = store.read("f/log")
        assert data.startswith(b"first") and (b"first" + b"z" * 300).startswith(data)
        assert data[5:] == b"z" * 300 or not done
        assert store.read("a") == b"old"

    _cuts(lambda store: store.append("f/log", b"z" * 300), check)


def test_a_failing_flash_is_said():
    board = VirtualBoard()
    store = Store(board.storage.root)
    store.write("a", b"old")
    board.power.fail_at(1)
    assert _fails(store.write, "a", b"new")
    assert _fails(store.append, "b", b"new")
    assert _fails(store.remove, "a")
    assert store.read("a") == b"old"
    board.close()
