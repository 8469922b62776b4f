"""what a fleet runs by: lock history of bicycles, zones, attention, faults, maintenance, webhooks; indexes"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "hook",
        sa.Column("hook_id", sa.String(length=16), nullable=False),
        sa.Column("operator_id", sa.String(length=22), nullable=True),
        sa.Column("url", sa.String(length=500), nullable=False),
        sa.Column("kinds", sa.Text(), nullable=False),
        sa.Column("wrapped_secret", sa.LargeBinary(), nullable=False),
        sa.Column("wrapped_before", sa.LargeBinary(), nullable=True),
        sa.Column("before_until", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("told", sa.BigInteger(), nullable=False),
        sa.Column("failures", sa.BigInteger(), nullable=False),
        sa.Column("failing_since", sa.BigInteger(), nullable=True),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.String(length=22), nullable=True),
        sa.CheckConstraint("state IN ('active', 'paused')", name=op.f("ck_hook_state")),
        sa.PrimaryKeyConstraint("hook_id", name=op.f("pk_hook")),
    )
    op.create_index(op.f("ix_hook_operator_id"), "hook", ["operator_id"])
    op.create_index(op.f("ix_hook_state_due_at"), "hook", ["state", "due_at"])
    op.create_table(
        "hook_try",
        sa.Column(
            "try_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("hook_id", sa.String(length=16), nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("took_ms", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.BigInteger(), nullable=True),
        sa.Column("error", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(["hook_id"], ["hook.hook_id"], name=op.f("fk_hook_try_hook_id")),
        sa.PrimaryKeyConstraint("try_id", name=op.f("pk_hook_try")),
    )
    op.create_index(op.f("ix_hook_try_at"), "hook_try", ["at"])
    op.create_index(op.f("ix_hook_try_hook_id_try_id"), "hook_try", ["hook_id", "try_id"])
    op.create_table(
        "zone",
        sa.Column("zone_id", sa.String(length=16), nullable=False),
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("operator_id", sa.String(length=22), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("polygon", sa.Text(), nullable=False),
        sa.Column("south", sa.BigInteger(), nullable=False),
        sa.Column("west", sa.BigInteger(), nullable=False),
        sa.Column("north", sa.BigInteger(), nullable=False),
        sa.Column("east", sa.BigInteger(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.Column("changed_by", sa.String(length=22), nullable=True),
        sa.CheckConstraint("kind IN ('parking', 'no_parking', 'service_area')", name=op.f("ck_zone_kind")),
        sa.ForeignKeyConstraint(["operator_id"], ["operator.operator_id"], name=op.f("fk_zone_operator_id")),
        sa.PrimaryKeyConstraint("zone_id", "version", name=op.f("pk_zone")),
    )
    op.create_index(op.f("ix_zone_operator_id_until"), "zone", ["operator_id", "until"])
    op.create_table(
        "attention",
        sa.Column("item_id", sa.String(length=16), nullable=False),
        sa.Column("operator_id", sa.String(length=22), nullable=True),
        sa.Column("lock_id", sa.String(length=16), nullable=True),
        sa.Column("subject", sa.String(length=32), nullable=False),
        sa.Column("code", sa.String(length=16), nullable=False),
        sa.Column("rank", sa.BigInteger(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("closes", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.Column("open_on", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(["lock_id"], ["lock.lock_id"], name=op.f("fk_attention_lock_id")),
        sa.PrimaryKeyConstraint("item_id", name=op.f("pk_attention")),
        sa.UniqueConstraint("open_on", name=op.f("uq_attention_open_on")),
    )
    op.create_index(op.f("ix_attention_lock_id_closed_at"), "attention", ["lock_id", "closed_at"])
    op.create_index(op.f("ix_attention_operator_id_closed_at"), "attention", ["operator_id", "closed_at"])
    op.create_table(
        "asset_lock",
        sa.Column(
            "asset_lock_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("asset_id", sa.String(length=22), nullable=False),
        sa.Column("lock_id", sa.String(length=16), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["asset_id"], ["asset.asset_id"], name=op.f("fk_asset_lock_asset_id")),
        sa.ForeignKeyConstraint(["lock_id"], ["lock.lock_id"], name=op.f("fk_asset_lock_lock_id")),
        sa.PrimaryKeyConstraint("asset_lock_id", name=op.f("pk_asset_lock")),
    )
    op.create_index(op.f("ix_asset_lock_asset_id_since"), "asset_lock", ["asset_id", "since"])
    op.create_index(op.f("ix_asset_lock_lock_id_since"), "asset_lock", ["lock_id", "since"])
    op.create_table(
        "fault",
        sa.Column("fault_id", sa.String(length=16), nullable=False),
        sa.Column("asset_id", sa.String(length=22), nullable=False),
        sa.Column("lock_id", sa.String(length=16), nullable=True),
        sa.Column("operator_id", sa.String(length=22), nullable=True),
        sa.Column("user_id", sa.String(length=22), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.Column("closed_by", sa.String(length=22), nullable=True),
        sa.CheckConstraint(
            "kind IN ('brake', 'tyre', 'chain', 'light', 'saddle', 'bell', 'lock', 'other')",
            name=op.f("ck_fault_kind"),
        ),
        sa.ForeignKeyConstraint(["asset_id"], ["asset.asset_id"], name=op.f("fk_fault_asset_id")),
        sa.ForeignKeyConstraint(["lock_id"], ["lock.lock_id"], name=op.f("fk_fault_lock_id")),
        sa.ForeignKeyConstraint(["user_id"], ["user.user_id"], name=op.f("fk_fault_user_id")),
        sa.PrimaryKeyConstraint("fault_id", name=op.f("pk_fault")),
    )
    op.create_index(op.f("ix_fault_asset_id_closed_at"), "fault", ["asset_id", "closed_at"])
    op.create_index(op.f("ix_fault_operator_id_closed_at"), "fault", ["operator_id", "closed_at"])
    op.create_index(op.f("ix_fault_user_id"), "fault", ["user_id"])
    op.create_table(
        "maintenance",
        sa.Column("job_id", sa.String(length=16), nullable=False),
        sa.Column("operator_id", sa.String(length=22), nullable=True),
        sa.Column("asset_id", sa.String(length=22), nullable=True),
        sa.Column("lock_id", sa.String(length=16), nullable=True),
        sa.Column("item_id", sa.String(length=16), nullable=True),
        sa.Column("fault_id", sa.String(length=16), nullable=True),
        sa.Column("title", sa.String(length=128), nullable=False),
        sa.Column("rank", sa.BigInteger(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("opened_by", sa.String(length=22), nullable=False),
        sa.Column("assigned_to", sa.String(length=22), nullable=True),
        sa.Column("assigned_at", sa.BigInteger(), nullable=True),
        sa.Column("done_at", sa.BigInteger(), nullable=True),
        sa.Column("done_by", sa.String(length=22), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["asset_id"], ["asset.asset_id"], name=op.f("fk_maintenance_asset_id")),
        sa.ForeignKeyConstraint(["assigned_to"], ["user.user_id"], name=op.f("fk_maintenance_assigned_to")),
        sa.ForeignKeyConstraint(["fault_id"], ["fault.fault_id"], name=op.f("fk_maintenance_fault_id")),
        sa.ForeignKeyConstraint(["item_id"], ["attention.item_id"], name=op.f("fk_maintenance_item_id")),
        sa.ForeignKeyConstraint(["lock_id"], ["lock.lock_id"], name=op.f("fk_maintenance_lock_id")),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_maintenance")),
    )
    op.create_index(op.f("ix_maintenance_asset_id"), "maintenance", ["asset_id"])
    op.create_index(op.f("ix_maintenance_assigned_to_done_at"), "maintenance", ["assigned_to", "done_at"])
    op.create_index(op.f("ix_maintenance_fault_id"), "maintenance", ["fault_id"])
    op.create_index(op.f("ix_maintenance_lock_id"), "maintenance", ["lock_id"])
    op.create_index(op.f("ix_maintenance_operator_id_done_at"), "maintenance", ["operator_id", "done_at"])
    op.add_column("asset", sa.Column("plan", sa.String(length=32), nullable=True))
    op.create_index(op.f("ix_note_note_at"), "note", ["note", "at"])
    op.create_index(op.f("ix_ride_opened_at"), "ride", ["opened_at"])
    op.create_index(op.f("ix_ride_state_lock_id"), "ride", ["state", "lock_id"])
    op.execute(
        """INSERT INTO asset_lock (asset_id, lock_id, since)
           SELECT asset_id, lock_id, created_at FROM asset WHERE lock_id IS NOT NULL"""
    )


def downgrade() -> None:
    for name, table in (
        ("ix_ride_state_lock_id", "ride"),
        ("ix_ride_opened_at", "ride"),
        ("ix_note_note_at", "note"),
    ):
        op.drop_index(op.f(name), table_name=table)
    op.drop_column("asset", "plan")
    for table in ("maintenance", "fault", "asset_lock", "attention", "zone", "hook_try", "hook"):
        op.drop_table(table)
