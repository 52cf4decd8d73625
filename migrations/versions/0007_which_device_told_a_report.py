"""A report is shown on the device that told it, and on no other"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("reports") as table:
        table.add_column(
            sa.Column(
                "told_from",
                sa.String(length=32),
                nullable=True,
                comment="The sign-in that told it: no other device of this child shows it, a guardian may have paired one. As the row.",
            )
        )


def downgrade() -> None:
    with op.batch_alter_table("reports") as table:
        table.drop_column("told_from")
