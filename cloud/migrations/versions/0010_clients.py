"""programs that act for an operator, and who may use a group's bicycles"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "client",
        sa.Column("client_id", sa.String(length=22), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("operator_id", sa.String(length=22), nullable=True),
        sa.Column("user_id", sa.String(length=22), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.String(length=22), nullable=False),
        sa.Column("used_on", sa.BigInteger(), nullable=True),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("kind IN ('key', 'oauth')", name=op.f("ck_client_kind")),
        sa.ForeignKeyConstraint(["created_by"], ["user.user_id"], name=op.f("fk_client_created_by")),
        sa.ForeignKeyConstraint(
            ["operator_id"], ["operator.operator_id"], name=op.f("fk_client_operator_id")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["user.user_id"], name=op.f("fk_client_user_id")),
        sa.PrimaryKeyConstraint("client_id", name=op.f("pk_client")),
        sa.UniqueConstraint("secret_hash", name=op.f("uq_client_secret_hash")),
        sa.UniqueConstraint("user_id", name=op.f("uq_client_user_id")),
    )
    op.create_index(op.f("ix_client_operator_id"), "client", ["operator_id"])
    op.create_table(
        "access_token",
        sa.Column("token_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("client_id", sa.String(length=22), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("issued_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["client_id"], ["client.client_id"], name=op.f("fk_access_token_client_id")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_access_token")),
    )
    op.create_index(op.f("ix_access_token_client_id"), "access_token", ["client_id"])
    op.create_table(
        "member",
        sa.Column("group_id", sa.String(length=8), nullable=False),
        sa.Column("user_id", sa.String(length=22), nullable=False),
        sa.Column("joined_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["group_id"], ["group.group_id"], name=op.f("fk_member_group_id")),
        sa.ForeignKeyConstraint(["user_id"], ["user.user_id"], name=op.f("fk_member_user_id")),
        sa.PrimaryKeyConstraint("group_id", "user_id", name=op.f("pk_member")),
    )
    op.create_index(op.f("ix_member_user_id"), "member", ["user_id"])
    op.create_table(
        "invitation",
        sa.Column("code_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("group_id", sa.String(length=8), nullable=False),
        sa.Column("uses", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.String(length=22), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["created_by"], ["user.user_id"], name=op.f("fk_invitation_created_by")),
        sa.ForeignKeyConstraint(["group_id"], ["group.group_id"], name=op.f("fk_invitation_group_id")),
        sa.PrimaryKeyConstraint("code_hash", name=op.f("pk_invitation")),
    )
    op.create_index(op.f("ix_invitation_group_id"), "invitation", ["group_id"])
    op.add_column("group", sa.Column("domain", sa.String(length=253), nullable=True))


def downgrade() -> None:
    op.drop_column("group", "domain")
    for table in ("invitation", "member", "access_token", "client"):
        op.drop_table(table)
