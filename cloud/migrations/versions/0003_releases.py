"""releases and their rollouts: what is offered to locks, how far each is, and what they run"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "release",
        sa.Column("board", sa.String(length=24), nullable=False),
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("counter", sa.BigInteger(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.Column("manifest", sa.LargeBinary(), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("files", sa.BigInteger(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("taken_at", sa.BigInteger(), nullable=False),
        sa.Column("taken_by", sa.String(length=22), nullable=True),
        sa.ForeignKeyConstraint(["taken_by"], ["user.user_id"], name=op.f("fk_release_taken_by")),
        sa.PrimaryKeyConstraint("board", "version", name=op.f("pk_release")),
    )
    op.create_table(
        "release_file",
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_release_file")),
    )
    op.create_table(
        "rollout",
        sa.Column("rollout_id", sa.String(length=8), nullable=False),
        sa.Column("board", sa.String(length=24), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("open_on", sa.String(length=24), nullable=True),
        sa.Column("percent", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_by", sa.String(length=22), nullable=True),
        sa.Column("judged_at", sa.BigInteger(), nullable=False),
        sa.Column("pardoned_at", sa.BigInteger(), nullable=False),
        sa.Column("halted_by", sa.String(length=8), nullable=True),
        sa.Column("evidence", sa.Text(), nullable=True),
        sa.CheckConstraint("state IN ('running', 'halted', 'done')", name=op.f("ck_rollout_state")),
        sa.CheckConstraint("halted_by IN ('person', 'locks')", name=op.f("ck_rollout_halted_by")),
        sa.ForeignKeyConstraint(
            ["board", "version"], ["release.board", "release.version"], name=op.f("fk_rollout_board_version")
        ),
        sa.ForeignKeyConstraint(["changed_by"], ["user.user_id"], name=op.f("fk_rollout_changed_by")),
        sa.PrimaryKeyConstraint("rollout_id", name=op.f("pk_rollout")),
        sa.UniqueConstraint("open_on", name=op.f("uq_rollout_open_on")),
    )
    op.create_table(
        "rollout_lock",
        sa.Column("rollout_id", sa.String(length=8), nullable=False),
        sa.Column("lock_id", sa.String(length=16), nullable=False),
        sa.Column("offered_at", sa.BigInteger(), nullable=False),
        sa.Column("begun_at", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.BigInteger(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("failures", sa.BigInteger(), nullable=False),
        sa.Column("failed_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["lock_id"], ["lock.lock_id"], name=op.f("fk_rollout_lock_lock_id")),
        sa.ForeignKeyConstraint(
            ["rollout_id"], ["rollout.rollout_id"], name=op.f("fk_rollout_lock_rollout_id")
        ),
        sa.PrimaryKeyConstraint("rollout_id", "lock_id", name=op.f("pk_rollout_lock")),
    )
    # Not in a batch: that copies the table and drops it, which SQLite refuses while other rows refer to it.
    op.add_column("lock", sa.Column("board", sa.String(length=24), nullable=True))
    for name in ("release", "update_state", "update_reason", "update_at"):
        op.add_column("lock", sa.Column(name, sa.BigInteger(), nullable=True))
    op.create_index(op.f("ix_lock_board"), "lock", ["board"])


def downgrade() -> None:
    op.drop_index(op.f("ix_lock_board"), table_name="lock")
    for name in ("update_at", "update_reason", "update_state", "release", "board"):
        op.drop_column("lock", name)
    for table in ("rollout_lock", "rollout", "release_file", "release"):
        op.drop_table(table)
