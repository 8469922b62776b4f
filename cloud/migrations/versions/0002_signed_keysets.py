"""signed keysets: states of keys, keysets and combs as locks fetch them, and why a claim was closed"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# what a key was is said by its dates: the newest of a role signs
STATES = """
UPDATE issuer_key SET state = CASE
  WHEN retired_at IS NOT NULL THEN 'removed'
  WHEN EXISTS (SELECT 1 FROM issuer_key AS newer WHERE newer.role = issuer_key.role AND newer.retired_at IS NULL
    AND (newer.nbf > issuer_key.nbf OR (newer.nbf = issuer_key.nbf AND newer.kid < issuer_key.kid)))
  THEN 'retiring'
  ELSE 'current' END
"""


def upgrade() -> None:
    op.create_table(
        "keyset",
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("roots", sa.LargeBinary(), nullable=False),
        sa.Column("brings_roots", sa.BigInteger(), nullable=False),
        sa.Column("imported_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_keyset")),
    )
    op.create_table(
        "comb",
        sa.Column("kid", sa.String(length=8), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("kid", name=op.f("pk_comb")),
    )
    # Not in a batch: that copies the table and drops it, which SQLite refuses while other rows refer to it.
    op.add_column("claim", sa.Column("why", sa.String(length=16), nullable=True))
    op.execute(
        "ALTER TABLE issuer_key ADD COLUMN state VARCHAR(8) DEFAULT 'current' NOT NULL CONSTRAINT ck_issuer_key_state"
        " CHECK (state IN ('next', 'current', 'retiring', 'removed'))"
    )
    op.execute(STATES)


def downgrade() -> None:
    op.drop_table("comb")
    op.drop_table("keyset")
    op.drop_column("claim", "why")
    op.execute(
        "ALTER TABLE issuer_key DROP CONSTRAINT ck_issuer_key_state"
    )  # PostgreSQL; SQLite has no way back
    op.drop_column("issuer_key", "state")
