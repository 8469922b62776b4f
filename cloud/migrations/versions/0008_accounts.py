"""accounts by e-mail: addresses, mails to send, links in them; sessions that can be listed. Everybody signs in anew"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("user", sa.Column("email", sa.String(length=254), nullable=True))
    op.add_column("user", sa.Column("language", sa.String(length=2), nullable=True))
    op.add_column("user", sa.Column("erase_asked_at", sa.BigInteger(), nullable=True))
    op.add_column("user", sa.Column("erased_at", sa.BigInteger(), nullable=True))
    op.create_index(op.f("ix_user_email"), "user", ["email"], unique=True)
    op.create_table(
        "mailed_link",
        sa.Column("token_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("user_id", sa.String(length=22), nullable=True),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["user.user_id"], name=op.f("fk_mailed_link_user_id")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_mailed_link")),
    )
    op.create_index(op.f("ix_mailed_link_user_id"), "mailed_link", ["user_id"])
    op.create_table(
        "mail",
        sa.Column("mail_id", sa.String(length=22), nullable=False),
        sa.Column("user_id", sa.String(length=22), nullable=True),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("tries", sa.BigInteger(), nullable=False),
        sa.Column("sent_at", sa.BigInteger(), nullable=True),
        sa.Column("error", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["user.user_id"], name=op.f("fk_mail_user_id")),
        sa.PrimaryKeyConstraint("mail_id", name=op.f("pk_mail")),
    )
    op.create_index(op.f("ix_mail_due_at"), "mail", ["due_at"])
    op.create_index(op.f("ix_mail_user_id"), "mail", ["user_id"])
    op.drop_table("session")  # no row of it can be given a device or a proof
    op.create_table(
        "session",
        *_session(),
        sa.Column("session_id", sa.String(length=22), nullable=False),
        sa.Column("device", sa.String(length=64), nullable=False),
        sa.Column("seen_on", sa.BigInteger(), nullable=False),
        sa.Column("second", sa.BigInteger(), nullable=False),
        sa.Column("proved_at", sa.BigInteger(), nullable=False),
        sa.UniqueConstraint("session_id", name=op.f("uq_session_session_id")),
    )
    op.create_index(op.f("ix_session_user_id"), "session", ["user_id"])


def _session() -> list[sa.schema.SchemaItem]:
    return [
        sa.Column("token_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("user_id", sa.String(length=22), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["user.user_id"], name=op.f("fk_session_user_id")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_session")),
    ]


def downgrade() -> None:
    op.drop_table("session")
    op.create_table("session", *_session())
    op.create_index(op.f("ix_session_user_id"), "session", ["user_id"])
    op.drop_table("mail")
    op.drop_table("mailed_link")
    op.drop_index(op.f("ix_user_email"), table_name="user")
    for name in ("erased_at", "erase_asked_at", "language", "email"):
        op.drop_column("user", name)
