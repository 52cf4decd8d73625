"""Two grown-ups compare pictures: the running exchange, how often it was begun today, and who said that they were not the same"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def _of(name: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["contact_id"], ["contacts.id"], name=op.f(f"fk_{name}_contact_id"), ondelete="CASCADE"
    )


def _carried(name: str, comment: str) -> sa.Column[str]:
    return sa.Column(name, sa.String(length=43), nullable=True, comment=comment)


def upgrade() -> None:
    op.create_table(
        "comparisons",
        sa.Column(
            "contact_id",
            sa.String(length=32),
            nullable=False,
            comment="Two grown-ups of this contact compare pictures now. The row goes when both said the same, or within the hour.",
        ),
        sa.Column("id", sa.String(length=32), nullable=False, comment="Which exchange; random. As the row."),
        sa.Column(
            "first_side",
            sa.String(length=1),
            nullable=False,
            comment="Which side began: that of a or of b. As the row.",
        ),
        sa.Column("first_id", sa.String(length=32), nullable=False, comment="Who began. As the row."),
        sa.Column("second_id", sa.String(length=32), nullable=True, comment="Who answered. As the row."),
        sa.Column(
            "commitment",
            sa.String(length=43),
            nullable=False,
            comment="A hash, carried to the other side. As the row.",
        ),
        _carried("second_key", "A public key, carried to the other side. As the row."),
        _carried("second_random", "Carried to the other side; good once. As the row."),
        _carried("first_key", "As second_key. As the row."),
        _carried("first_random", "As second_random. As the row."),
        sa.Column(
            "first_said",
            sa.String(length=6),
            nullable=True,
            comment="same or differ; the other side is told. As the row.",
        ),
        sa.Column("second_said", sa.String(length=6), nullable=True, comment="As above."),
        sa.Column("expires_at", sa.BigInteger(), nullable=False, comment="Ten minutes."),
        sa.CheckConstraint("first_side IN ('a','b')", name=op.f("ck_comparisons_first_side")),
        sa.CheckConstraint("first_said IN ('same','differ')", name=op.f("ck_comparisons_first_said")),
        sa.CheckConstraint("second_said IN ('same','differ')", name=op.f("ck_comparisons_second_said")),
        _of("comparisons"),
        sa.ForeignKeyConstraint(["first_id"], ["people.id"], name=op.f("fk_comparisons_first_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["second_id"], ["people.id"], name=op.f("fk_comparisons_second_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("contact_id", name=op.f("pk_comparisons")),
    )
    op.create_table(
        "picture_tries",
        sa.Column(
            "id",
            sa.String(length=32),
            nullable=False,
            comment="An exchange that was begun. The row goes after a day.",
        ),
        sa.Column(
            "contact_id", sa.String(length=32), nullable=False, comment="With which contact: five a day. As the row."
        ),
        sa.Column("at", sa.BigInteger(), nullable=False, comment="When. As the row."),
        _of("picture_tries"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_picture_tries")),
    )
    op.create_index(op.f("ix_picture_tries_contact_id"), "picture_tries", ["contact_id"], unique=False)
    op.create_table(
        "picture_doubts",
        sa.Column(
            "contact_id",
            sa.String(length=32),
            nullable=False,
            comment="Pictures were not the same. The row goes when they are, or as the contact.",
        ),
        sa.Column(
            "side", sa.String(length=1), nullable=False, comment="Which side said so; both are told. As the row."
        ),
        sa.Column("at", sa.BigInteger(), nullable=False, comment="When. As the row."),
        sa.CheckConstraint("side IN ('a','b')", name=op.f("ck_picture_doubts_side")),
        _of("picture_doubts"),
        sa.PrimaryKeyConstraint("contact_id", "side", name=op.f("pk_picture_doubts")),
    )


def downgrade() -> None:
    op.drop_table("picture_doubts")
    op.drop_index(op.f("ix_picture_tries_contact_id"), table_name="picture_tries")
    op.drop_table("picture_tries")
    op.drop_table("comparisons")
