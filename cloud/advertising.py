"""Which advertisements a claim's holder must recognise, and the keys for them (SPEC 9)."""

from cloud.shapes import Advertised
from protocol import keys

SPAN = (
    64  # epochs; a lock that no rider reached for longer than that is looked for by the oldest and the newest
)


def for_claim(k_lock: bytes, seen_floor: int, epoch: int, single: bool) -> list[Advertised]:
    """[{index, key: hex}] for every floor that the lock may be at, from the one last seen to the claim's own."""
    indexes = keys.adv_indexes(seen_floor, epoch, single)
    if len(indexes) > 2 * SPAN:
        indexes = indexes[:SPAN] + indexes[-SPAN:]
    return [{"index": index, "key": keys.adv_key(k_lock, index).hex()} for index in indexes]
