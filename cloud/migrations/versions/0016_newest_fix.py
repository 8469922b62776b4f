"""each lock's newest fix in its own row, so that where a fleet is need not be searched for among all fixes"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

COLUMNS = {"fix_at": "at", "fix_lat": "lat", "fix_lon": "lon", "fix_accuracy": "accuracy"}


def upgrade() -> None:
    for name in COLUMNS:
        op.add_column("lock", sa.Column(name, sa.BigInteger(), nullable=True))
    for name, of in COLUMNS.items():
        newest = f"SELECT {of} FROM fix WHERE fix.lock_id = lock.lock_id ORDER BY at DESC, seq DESC LIMIT 1"
        op.execute(f"UPDATE lock SET {name} = ({newest})")


def downgrade() -> None:
    with op.batch_alter_table("lock") as batch:
        for name in COLUMNS:
            batch.drop_column(name)
