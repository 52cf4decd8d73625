"""Find a child's stays of today without looking through the thirty days that are kept"""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_call_people_person_id_left_at", "call_people", ["person_id", "left_at"], unique=False)
    op.drop_index(op.f("ix_call_people_person_id"), table_name="call_people")


def downgrade() -> None:
    op.create_index(op.f("ix_call_people_person_id"), "call_people", ["person_id"], unique=False)
    op.drop_index("ix_call_people_person_id_left_at", table_name="call_people")
