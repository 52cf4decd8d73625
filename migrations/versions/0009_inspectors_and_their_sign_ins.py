"""Inspectors, who look at what names nobody, and their sign-ins"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "inspectors",
        sa.Column(
            "id",
            sa.String(length=32),
            nullable=False,
            comment="i_... Random; in the audit record. Until a year after the key was taken back.",
        ),
        sa.Column(
            "name",
            sa.String(length=40),
            nullable=False,
            comment="How the operator calls them; typed in commands. As the row.",
        ),
        sa.Column(
            "key_hash",
            sa.LargeBinary(length=32),
            nullable=False,
            comment="SHA-256 of a random key that only this inspector has. As the row.",
        ),
        sa.Column("added_at", sa.BigInteger(), nullable=False, comment="As the row."),
        sa.Column(
            "gone_at",
            sa.BigInteger(),
            nullable=True,
            comment="No inspector any more from then on. The row goes a year later.",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inspectors")),
        sa.UniqueConstraint("name", name=op.f("uq_inspectors_name")),
        sa.UniqueConstraint("key_hash", name=op.f("uq_inspectors_key_hash")),
    )
    op.create_table(
        "inspector_sessions",
        sa.Column(
            "token_hash",
            sa.LargeBinary(length=32),
            nullable=False,
            comment="SHA-256 of the cookie; the cookie itself is not kept. Until signed out, or until it runs out.",
        ),
        sa.Column(
            "inspector_id",
            sa.String(length=32),
            nullable=False,
            comment="Whose sign-in. The row goes with the key.",
        ),
        sa.Column(
            "expires_at",
            sa.BigInteger(),
            nullable=False,
            comment="Four hours after signing in; the row goes then.",
        ),
        sa.ForeignKeyConstraint(
            ["inspector_id"],
            ["inspectors.id"],
            name=op.f("fk_inspector_sessions_inspector_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_inspector_sessions")),
    )
    op.create_index(op.f("ix_inspector_sessions_inspector_id"), "inspector_sessions", ["inspector_id"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_inspector_sessions_inspector_id"), table_name="inspector_sessions")
    op.drop_table("inspector_sessions")
    op.drop_table("inspectors")
