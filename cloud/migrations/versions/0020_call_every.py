"""how often a lock calls, as it was told"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("lock", sa.Column("uplink_every_s", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("lock") as batch:
        batch.drop_column("uplink_every_s")
