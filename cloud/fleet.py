"""What of the whole fleet is behind."""

from sqlalchemy.orm import Session

from cloud import keyring
from cloud.reach import Reach


def behind(session: Session, reach: Reach) -> tuple[int, int]:
    """(locks that have not said that they have the newest keyset, its version); (0, 0) before there is one."""
    newest = keyring.newest(session)
    if newest is None:
        return 0, 0
    spread = keyring.spread(session, reach)
    return sum(count for version, count in spread.items() if version != newest.version), newest.version
