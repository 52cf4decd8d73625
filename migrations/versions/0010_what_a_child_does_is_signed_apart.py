"""How far each chain is signed stands beside its head: chains that no family is shown are not in the log that says it of the others

Nothing of the record is rewritten: rows of before stay in the chain and in the form in which they were written.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_OLD = "A household's chain ('h_'+id) or the platform's ('platform'). Outlives accounts."
_NEW = "A household's chain ('h_'+id), a person's own ('o_'+hash), the platform's, or 'apart'. Outlives accounts."


def upgrade() -> None:
    op.add_column(
        "audit_heads",
        sa.Column(
            "covered",
            sa.Integer(),
            server_default="0",
            nullable=False,
            comment="How many of its rows the newest checkpoint vouches for. As the chain.",
        ),
    )
    op.execute(
        "UPDATE audit_heads SET covered ="
        " COALESCE((SELECT MAX(l.seq) FROM record_log l WHERE l.chain = audit_heads.chain), 0)"
    )
    _say(_NEW, _OLD)


def downgrade() -> None:
    _say(_OLD, _NEW)
    with op.batch_alter_table("audit_heads") as table:
        table.drop_column("covered")


def _say(new: str, old: str) -> None:
    """What the column holds. SQLite keeps no comments, and would copy the whole record for it."""
    if op.get_context().dialect.name == "postgresql":
        op.alter_column(
            "audit",
            "chain",
            existing_type=sa.String(length=34),
            existing_nullable=False,
            existing_comment=old,
            comment=new,
        )
