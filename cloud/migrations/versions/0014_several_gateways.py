"""what all gateways go by when a lock's request comes in"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

COUNTERS = ("oscore_turn", "oscore_index", "oscore_seen")


def upgrade() -> None:
    op.add_column("lock", sa.Column("oscore_context", sa.String(length=16), nullable=True))
    for name in COUNTERS:
        op.add_column("lock", sa.Column(name, sa.BigInteger(), nullable=False, server_default="0"))


def downgrade() -> None:
    for name in (*COUNTERS, "oscore_context"):
        op.drop_column("lock", name)
