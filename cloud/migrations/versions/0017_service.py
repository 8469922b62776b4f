"""bicycles out of service; an index for the claims of a whole fleet, newest first"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("asset", sa.Column("out_since", sa.BigInteger(), nullable=True))
    op.add_column("asset", sa.Column("out_reason", sa.String(length=200), nullable=True))
    op.create_index(op.f("ix_claim_created_at_cti"), "claim", ["created_at", "cti"])


def downgrade() -> None:
    op.drop_index(op.f("ix_claim_created_at_cti"), table_name="claim")
    with op.batch_alter_table("asset") as batch:
        batch.drop_column("out_reason")
        batch.drop_column("out_since")
