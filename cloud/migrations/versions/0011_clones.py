"""signs that two devices speak as one lock"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("lock", sa.Column("next_record", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("lock", sa.Column("clone_evidence", sa.String(length=255), nullable=True))


def downgrade() -> None:
    op.drop_column("lock", "clone_evidence")
    op.drop_column("lock", "next_record")
