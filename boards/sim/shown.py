"""What a lock would show whoever looks after it, for the hand beside the bike: no secret, no key."""

import binascii

from protocol import status


def of(lock):
    """A dict of plain values. `lock`: firmware.lock.Lock."""
    ride = lock.ledger.ride
    return {
        "state": status.STATE_NAMES[lock.state],
        "ride": binascii.hexlify(ride.cti).decode() if ride else None,
        "seq": lock.receipts.last_seq,
        "unacked": lock.receipts.last_seq - lock.receipts.acked_seq,
        "floors": {
            "ride": lock.floors.ride(),
            "master": lock.floors.master(),
            "time": lock.floors.time(),
        },
        "clock": {"now": lock.clock.now(), "error": lock.clock.error()},
        "traffic": {path.decode(): count for path, count in lock.uplink.channel.traffic.items()},
        "links": len(lock.session.links),
        "errors": lock.session.errors,
    }
