"""how people sign in beside a password, and what they write to the staff"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ceremony",
        sa.Column("challenge_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("user_id", sa.String(length=22), nullable=True),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("kind IN ('register', 'assert')", name=op.f("ck_ceremony_kind")),
        sa.ForeignKeyConstraint(["user_id"], ["user.user_id"], name=op.f("fk_ceremony_user_id")),
        sa.PrimaryKeyConstraint("challenge_hash", name=op.f("pk_ceremony")),
    )
    op.create_index(op.f("ix_ceremony_expires_at"), "ceremony", ["expires_at"])

    op.create_table(
        "passkey",
        sa.Column("credential_id", sa.LargeBinary(length=1023), nullable=False),
        sa.Column("passkey_id", sa.String(length=22), nullable=False),
        sa.Column("user_id", sa.String(length=22), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("sign_count", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("used_on", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["user.user_id"], name=op.f("fk_passkey_user_id")),
        sa.PrimaryKeyConstraint("credential_id", name=op.f("pk_passkey")),
        sa.UniqueConstraint("passkey_id", name=op.f("uq_passkey_passkey_id")),
    )
    op.create_index(op.f("ix_passkey_user_id"), "passkey", ["user_id"])

    op.create_table(
        "provider",
        sa.Column("provider_id", sa.String(length=22), nullable=False),
        sa.Column("operator_id", sa.String(length=22), nullable=False),
        sa.Column("group_id", sa.String(length=8), nullable=True),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("issuer", sa.String(length=255), nullable=False),
        sa.Column("client_id", sa.String(length=255), nullable=False),
        sa.Column("wrapped_secret", sa.LargeBinary(), nullable=True),
        sa.Column("second", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["group_id"], ["group.group_id"], name=op.f("fk_provider_group_id")),
        sa.ForeignKeyConstraint(
            ["operator_id"], ["operator.operator_id"], name=op.f("fk_provider_operator_id")
        ),
        sa.PrimaryKeyConstraint("provider_id", name=op.f("pk_provider")),
    )
    op.create_index(op.f("ix_provider_operator_id"), "provider", ["operator_id"])

    op.create_table(
        "recovery_code",
        sa.Column("code_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("user_id", sa.String(length=22), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["user.user_id"], name=op.f("fk_recovery_code_user_id")),
        sa.PrimaryKeyConstraint("code_hash", name=op.f("pk_recovery_code")),
    )
    op.create_index(op.f("ix_recovery_code_user_id"), "recovery_code", ["user_id"])

    op.create_table(
        "ticket",
        sa.Column("ticket_id", sa.String(length=10), nullable=False),
        sa.Column("user_id", sa.String(length=22), nullable=False),
        sa.Column("operator_id", sa.String(length=22), nullable=False),
        sa.Column("ride_id", sa.String(length=32), nullable=True),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("subject", sa.String(length=120), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("clock_at", sa.BigInteger(), nullable=False),
        sa.Column("acknowledged_at", sa.BigInteger(), nullable=True),
        sa.Column("acknowledged_by", sa.String(length=22), nullable=True),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.Column("decided_by", sa.String(length=22), nullable=True),
        sa.Column("outcome", sa.String(length=8), nullable=True),
        sa.CheckConstraint("kind IN ('dispute', 'support')", name=op.f("ck_ticket_kind")),
        sa.CheckConstraint(
            "outcome IN ('upheld', 'partly', 'refused', 'answered')", name=op.f("ck_ticket_outcome")
        ),
        sa.ForeignKeyConstraint(
            ["acknowledged_by"], ["user.user_id"], name=op.f("fk_ticket_acknowledged_by")
        ),
        sa.ForeignKeyConstraint(["decided_by"], ["user.user_id"], name=op.f("fk_ticket_decided_by")),
        sa.ForeignKeyConstraint(
            ["operator_id"], ["operator.operator_id"], name=op.f("fk_ticket_operator_id")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["user.user_id"], name=op.f("fk_ticket_user_id")),
        sa.PrimaryKeyConstraint("ticket_id", name=op.f("pk_ticket")),
    )
    op.create_index(op.f("ix_ticket_operator_id_decided_at"), "ticket", ["operator_id", "decided_at"])
    op.create_index(op.f("ix_ticket_user_id"), "ticket", ["user_id"])

    op.create_table(
        "totp",
        sa.Column("user_id", sa.String(length=22), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.Column("confirmed_at", sa.BigInteger(), nullable=True),
        sa.Column("last_step", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["user.user_id"], name=op.f("fk_totp_user_id")),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_totp")),
    )
    op.create_table(
        "provider_login",
        sa.Column("provider_id", sa.String(length=22), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("user_id", sa.String(length=22), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["provider_id"], ["provider.provider_id"], name=op.f("fk_provider_login_provider_id")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["user.user_id"], name=op.f("fk_provider_login_user_id")),
        sa.PrimaryKeyConstraint("provider_id", "subject", name=op.f("pk_provider_login")),
    )
    op.create_index(op.f("ix_provider_login_user_id"), "provider_login", ["user_id"])

    op.create_table(
        "provider_visit",
        sa.Column("state_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("provider_id", sa.String(length=22), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.Column("browser_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["provider_id"], ["provider.provider_id"], name=op.f("fk_provider_visit_provider_id")
        ),
        sa.PrimaryKeyConstraint("state_hash", name=op.f("pk_provider_visit")),
    )
    op.create_index(op.f("ix_provider_visit_expires_at"), "provider_visit", ["expires_at"])

    op.create_table(
        "ticket_message",
        sa.Column(
            "message_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("ticket_id", sa.String(length=10), nullable=False),
        sa.Column("user_id", sa.String(length=22), nullable=False),
        sa.Column("staff", sa.BigInteger(), nullable=False),
        sa.Column("decides", sa.BigInteger(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["ticket_id"], ["ticket.ticket_id"], name=op.f("fk_ticket_message_ticket_id")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["user.user_id"], name=op.f("fk_ticket_message_user_id")),
        sa.PrimaryKeyConstraint("message_id", name=op.f("pk_ticket_message")),
    )
    op.create_index(op.f("ix_ticket_message_ticket_id"), "ticket_message", ["ticket_id"])


def downgrade() -> None:
    for table in (
        "ticket_message",
        "provider_visit",
        "provider_login",
        "totp",
        "ticket",
        "recovery_code",
        "provider",
        "passkey",
        "ceremony",
    ):
        op.drop_table(table)
