"""operators: whose a lock, a bicycle, a group and a member of staff is; what exists belongs to a first one"""

import time

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

OWNED = ("user", "lock", "asset")
FIRST = "first"


def upgrade() -> None:
    operator = op.create_table(
        "operator",
        sa.Column("operator_id", sa.String(length=22), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("colour", sa.String(length=7), nullable=True),
        sa.Column("email", sa.String(length=254), nullable=True),
        sa.Column("phone", sa.String(length=16), nullable=True),
        sa.Column("url", sa.String(length=255), nullable=True),
        sa.Column("terms_url", sa.String(length=255), nullable=True),
        sa.Column("privacy_url", sa.String(length=255), nullable=True),
        sa.Column("timezone", sa.String(length=32), nullable=False),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("operator_id", name=op.f("pk_operator")),
    )
    group = op.create_table(
        "group",
        sa.Column("group_id", sa.String(length=8), nullable=False),
        sa.Column("operator_id", sa.String(length=22), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("members_only", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["operator_id"], ["operator.operator_id"], name=op.f("fk_group_operator_id")),
        sa.PrimaryKeyConstraint("group_id", name=op.f("pk_group")),
    )
    op.create_index(op.f("ix_group_operator_id"), "group", ["operator_id"])
    for table in OWNED:
        # In SQL, which both engines read: SQLite adds a column with its foreign key, but none to a column.
        op.execute(
            f'ALTER TABLE "{table}" ADD COLUMN operator_id VARCHAR(22) '
            f"CONSTRAINT fk_{table}_operator_id REFERENCES operator (operator_id)"
        )
        op.create_index(op.f(f"ix_{table}_operator_id"), table, ["operator_id"])
    _give_to_the_first(operator, group)


def _give_to_the_first(operator: sa.Table, group: sa.Table) -> None:
    """What is there has an owner from now on. Staff stays the platform's: nobody sees less than yesterday."""
    bind, now = op.get_bind(), int(time.time())
    lock = sa.table("lock", sa.column("group_id"), sa.column("operator_id"))
    asset = sa.table("asset", sa.column("operator_id"))
    if not any(bind.execute(sa.select(sa.exists().select_from(t))).scalar() for t in (lock, asset)):
        return
    first = {"operator_id": FIRST, "name": "First operator", "timezone": "UTC", "language": "en"}
    bind.execute(operator.insert().values(**first, created_at=now))
    for table in (lock, asset):
        bind.execute(table.update().values(operator_id=FIRST))
    for group_id in bind.execute(sa.select(lock.c.group_id).distinct()).scalars().all():
        if group_id is not None:
            named = {"group_id": group_id, "name": group_id, "members_only": 0}
            bind.execute(group.insert().values(**named, operator_id=FIRST, created_at=now))


def downgrade() -> None:
    for table in reversed(OWNED):
        op.drop_index(op.f(f"ix_{table}_operator_id"), table_name=table)
        op.drop_column(table, "operator_id")
    op.drop_index(op.f("ix_group_operator_id"), table_name="group")
    op.drop_table("group")
    op.drop_table("operator")
