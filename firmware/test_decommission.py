# heap: 2m
"""A lock that is decommissioned keeps nothing of what it was, and nobody else can make it forget."""

import hashlib
import os

from boards.sim.bench import K_LOCK, LOCK, Bench, key
from boards.sim.power import Halt
from firmware import wipe
from firmware.lock import Lock
from protocol import exchange, keys, receipt, status, token

TECHNICIAN, RIDER = key("technician"), key("rider")
BOTH = token.SCOPE_SERVICE | token.SCOPE_DECOMMISSION


def _master(bench, epoch, scope=BOTH):
    return bench.token(TECHNICIAN, epoch, issuer="master", scope=scope)


def _decommission(bench, phone, epoch=2, scope=BOTH):
    return phone.open(_master(bench, epoch, scope), TECHNICIAN, exchange.DECOMMISSION)


def _open_ring(bench, phone):
    assert phone.service(_master(bench, 1), TECHNICIAN).status == status.OK
    assert not bench.board.shackle.closed()


def _files(root):
    found = []
    for name in os.listdir(root):
        path = root + "/" + name
        found += _files(path) if os.stat(path)[0] & 0x4000 else [path]
    return found


def _holds(bench, secret):
    """Whether the flash still has these bytes anywhere, files or not."""
    cells = getattr(bench.board.storage, "_cells", None)
    if cells is not None:
        return any([block is not None and secret in bytes(block) for block in cells])
    return any([secret in open(path, "rb").read() for path in _files(bench.board.storage.root)])


def _boots(bench):
    """Whether what the flash holds starts as a lock; else it has erased itself, and was reset."""
    bench.board = bench.board.reboot(True)
    begun = [path for path in _files(bench.board.storage.root) if path.endswith("/" + wipe.MARK)] != []
    try:
        bench.start()
        assert not begun
        return True
    except Halt:
        assert begun
        bench.board = bench.board.reboot(True)
        return False


def test_it_says_so_forgets_and_is_no_lock_any_more():
    bench = Bench(Lock)
    rider = bench.phone()
    cti = bench.random(8)
    assert rider.open(bench.token(RIDER, cti=cti), RIDER).status == status.OK
    bench.wait(1)
    bench.world.close()
    bench.wait(1)
    assert rider.end(cti, RIDER).status == status.OK
    rider.leave()
    phone = bench.phone()
    _open_ring(bench, phone)
    assert _holds(bench, K_LOCK) and _holds(bench, cti)
    answer = _decommission(bench, phone)
    assert answer.status == status.OK
    said = receipt.open(keys.receipt_key(K_LOCK), answer.receipt)
    assert (
        said.type == receipt.DECOMMISSION and said.lock_id == LOCK and not said.bits & receipt.SHACKLE_CLOSED
    )
    for secret in (K_LOCK, LOCK, cti, key("ride").public):
        assert not _holds(bench, secret)
    phone.leave()
    try:
        bench.wait(10)
        raise AssertionError("it goes on as if it were a lock")
    except Halt:
        assert not _boots(bench)
    assert _files(bench.board.storage.root) == []
    bench.close()


def test_not_with_the_ring_shut_not_in_a_ride_not_without_the_scope():
    bench = Bench(Lock)

    def refused(scope=BOTH):
        phone = bench.phone()
        found = _decommission(bench, phone, scope=scope).status
        phone.leave()
        return found

    assert refused() == status.NOT_OPEN
    phone = bench.phone()
    _open_ring(bench, phone)
    phone.leave()
    assert refused(token.SCOPE_SERVICE) == refused(token.SCOPE_SERVICE | token.SCOPE_UPDATE) == status.SCOPE
    bench.world.close()
    bench.wait(1)
    rider = bench.phone()
    assert rider.open(bench.token(RIDER), RIDER).status == status.OK
    assert refused() == status.IN_USE
    bench.world.close()
    bench.wait(1)
    assert refused() == status.IN_USE  # parked: its rider may come back
    stranger = bench.phone()
    assert stranger.open(bench.token(RIDER, 2), RIDER, exchange.DECOMMISSION).status == status.KEY
    assert _holds(bench, K_LOCK) and bench.lock.state == status.STATE_PARKED
    bench.close()


def test_a_cut_at_any_moment_leaves_a_lock_or_a_board_and_nothing_between():
    """Every nth write is the last one before the power goes. The next boot is a whole lock, or finishes."""
    writes = _writes()
    step = max(1, writes // 12)
    for after in range(1, writes, step):
        bench = Bench(Lock)
        phone = bench.phone()
        _open_ring(bench, phone)
        body = _asked(bench, phone)
        bench.board.power.cut_at(after)
        try:
            phone.ask(body)
            raise AssertionError("the power stayed")
        except Halt:
            pass
        if _boots(bench):
            assert bench.lock.state != status.STATE_QUARANTINE, after
        else:
            assert _files(bench.board.storage.root) == [] and not _holds(bench, K_LOCK), after
        bench.close()


def _asked(bench, phone):
    raw = _master(bench, 2)
    phone.hello()
    return phone.request(exchange.DECOMMISSION, raw, hashlib.sha256(raw).digest(), TECHNICIAN)


def _writes():
    bench = Bench(Lock)
    phone = bench.phone()
    _open_ring(bench, phone)
    body = _asked(bench, phone)
    before = bench.board.power.writes
    assert phone.ask(body).status == status.OK
    count = bench.board.power.writes - before
    bench.close()
    return count
