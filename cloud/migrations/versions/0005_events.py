"""events, and the audit log of staff's actions"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

COUNTED = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "event",
        sa.Column("event_id", COUNTED, autoincrement=True, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("subject", sa.String(length=32), nullable=False),
        sa.Column("operator_id", sa.String(length=22), nullable=True),
        sa.Column("user_id", sa.String(length=22), nullable=True),
        sa.Column("data", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_event")),
    )
    op.create_index(op.f("ix_event_at"), "event", ["at"])
    op.create_index(op.f("ix_event_operator_id_event_id"), "event", ["operator_id", "event_id"])
    op.create_index(op.f("ix_event_user_id_event_id"), "event", ["user_id", "event_id"])
    op.create_table(
        "audit",
        sa.Column("audit_id", COUNTED, autoincrement=True, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("operator_id", sa.String(length=22), nullable=True),
        sa.Column("user_id", sa.String(length=22), nullable=True),
        sa.Column("who", sa.String(length=64), nullable=False),
        sa.Column("method", sa.String(length=8), nullable=False),
        sa.Column("route", sa.String(length=128), nullable=False),
        sa.Column("objects", sa.Text(), nullable=False),
        sa.Column("status", sa.BigInteger(), nullable=False),
        sa.Column("request_id", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("audit_id", name=op.f("pk_audit")),
    )
    op.create_index(op.f("ix_audit_at"), "audit", ["at"])
    op.create_index(op.f("ix_audit_operator_id_audit_id"), "audit", ["operator_id", "audit_id"])
    op.create_index(op.f("ix_audit_user_id_audit_id"), "audit", ["user_id", "audit_id"])


def downgrade() -> None:
    op.drop_table("audit")
    op.drop_table("event")
