"""how warm a lock is; commands that a lock refused"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("status_sample", sa.Column("temperature_c", sa.BigInteger(), nullable=True))
    op.add_column("command", sa.Column("refused", sa.Boolean(), server_default=sa.false(), nullable=False))


def downgrade() -> None:
    with op.batch_alter_table("command") as batch:
        batch.drop_column("refused")
    with op.batch_alter_table("status_sample") as batch:
        batch.drop_column("temperature_c")
