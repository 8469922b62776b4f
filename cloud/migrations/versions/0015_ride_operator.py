"""whose lock a ride was on, beside the ride, so that its page of rides is found by one index"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("ride") as batch:
        batch.add_column(sa.Column("operator_id", sa.String(length=22), nullable=True))
        batch.create_foreign_key(op.f("fk_ride_operator_id"), "operator", ["operator_id"], ["operator_id"])
    op.execute(
        "UPDATE ride SET operator_id = (SELECT operator_id FROM lock WHERE lock.lock_id = ride.lock_id)"
    )
    op.drop_index(op.f("ix_ride_user_id"), table_name="ride")
    op.create_index(op.f("ix_ride_operator_id_opened_at"), "ride", ["operator_id", "opened_at"])
    op.create_index(op.f("ix_ride_user_id_opened_at"), "ride", ["user_id", "opened_at"])


def downgrade() -> None:
    op.drop_index(op.f("ix_ride_user_id_opened_at"), table_name="ride")
    op.drop_index(op.f("ix_ride_operator_id_opened_at"), table_name="ride")
    op.create_index(op.f("ix_ride_user_id"), "ride", ["user_id"])
    with op.batch_alter_table("ride") as batch:
        batch.drop_constraint(op.f("fk_ride_operator_id"), type_="foreignkey")
        batch.drop_column("operator_id")
