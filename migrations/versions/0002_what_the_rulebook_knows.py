"""What the rulebook knows more about: a word for a grown-up, supervision, hours and minutes, blocks, reviews, shifts"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "shifts",
        sa.Column(
            "id",
            sa.String(length=32),
            nullable=False,
            comment="A moderator's shift (row 34). The row goes a day after it ended.",
        ),
        sa.Column(
            "until", sa.BigInteger(), nullable=False, comment="Renewed by a heartbeat; over when it is not. As the row."
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shifts")),
    )
    op.create_table(
        "blocks",
        sa.Column(
            "by_id",
            sa.String(length=32),
            nullable=False,
            comment="Who blocked; only they see this row, no grown-up's page reads it (row 52). Until taken back, or as the last contact.",
        ),
        sa.Column("of_id", sa.String(length=32), nullable=False, comment="Whom. As the row."),
        sa.Column("at", sa.BigInteger(), nullable=False, comment="When; shown to who blocked. As the row."),
        sa.ForeignKeyConstraint(["by_id"], ["people.id"], name=op.f("fk_blocks_by_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["of_id"], ["people.id"], name=op.f("fk_blocks_of_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("by_id", "of_id", name=op.f("pk_blocks")),
    )
    op.create_index(op.f("ix_blocks_of_id"), "blocks", ["of_id"], unique=False)
    op.create_table(
        "reviews",
        sa.Column(
            "person_id",
            sa.String(length=32),
            nullable=False,
            comment="A grown-up approved for children of many families, whom a helper has looked at (row 17). As the account.",
        ),
        sa.Column("families", sa.Integer(), nullable=False, comment="Up to how many families are fine. As the row."),
        sa.Column("at", sa.BigInteger(), nullable=False, comment="When it was looked at. As the row."),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_reviews_person_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("person_id", name=op.f("pk_reviews")),
    )
    op.create_table(
        "vouches",
        sa.Column(
            "contact_id",
            sa.String(length=32),
            nullable=False,
            comment="For a grown-up contact: somebody has given their word for that grown-up (row 6). As the row.",
        ),
        sa.Column(
            "guardian_id",
            sa.String(length=32),
            nullable=False,
            comment="Whose word: a guardian of the child. Until it is taken back, or as the contact.",
        ),
        sa.Column("at", sa.BigInteger(), nullable=False, comment="When. As the row."),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_vouches_contact_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["guardian_id"], ["people.id"], name=op.f("fk_vouches_guardian_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("contact_id", name=op.f("pk_vouches")),
    )
    op.create_table(
        "call_yeses",
        sa.Column(
            "id", sa.String(length=32), nullable=False, comment="Random. The row goes a day after its time is over."
        ),
        sa.Column("contact_id", sa.String(length=32), nullable=False, comment="A call with whom. As the row."),
        sa.Column("child_id", sa.String(length=32), nullable=False, comment="Whose call. As the row."),
        sa.Column("guardian_id", sa.String(length=32), nullable=True, comment="Who said yes, or is there. As the row."),
        sa.Column(
            "kind",
            sa.String(length=8),
            nullable=False,
            comment="ask: one yes for one call; present: a grown-up is there. As the row.",
        ),
        sa.Column("state", sa.String(length=8), nullable=False, comment="asked, given, refused or over. As the row."),
        sa.Column(
            "call_id",
            sa.String(length=32),
            nullable=True,
            comment="The one call that a yes was used for: it is good for no other. As the row.",
        ),
        sa.Column(
            "at", sa.BigInteger(), nullable=False, comment="When it was asked for or given; shown to both. As the row."
        ),
        sa.Column(
            "until",
            sa.BigInteger(),
            nullable=False,
            comment="A yes that nobody used, and a presence that nobody renewed, ends then. As the row.",
        ),
        sa.CheckConstraint("kind IN ('ask','present')", name=op.f("ck_call_yeses_kind")),
        sa.CheckConstraint("state IN ('asked','given','refused','over')", name=op.f("ck_call_yeses_state")),
        sa.ForeignKeyConstraint(
            ["child_id"], ["children.person_id"], name=op.f("fk_call_yeses_child_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_call_yeses_contact_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["guardian_id"], ["people.id"], name=op.f("fk_call_yeses_guardian_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_call_yeses")),
    )
    op.create_index(op.f("ix_call_yeses_child_id"), "call_yeses", ["child_id"], unique=False)
    op.create_index(op.f("ix_call_yeses_contact_id"), "call_yeses", ["contact_id"], unique=False)
    op.create_table(
        "limits",
        sa.Column(
            "child_id",
            sa.String(length=32),
            nullable=False,
            comment="Whose day. No row: no limit. As long as the child's account.",
        ),
        sa.Column(
            "quiet_from",
            sa.Integer(),
            nullable=True,
            comment="Quiet hours begin: minute of the day in the home's own time (row 45). As long as it is set.",
        ),
        sa.Column(
            "quiet_until",
            sa.Integer(),
            nullable=True,
            comment="Quiet hours end, likewise; past midnight when smaller. As long as it is set.",
        ),
        sa.Column(
            "minutes_a_day",
            sa.Integer(),
            nullable=True,
            comment="Call time for a day of the home (row 45). As long as it is set.",
        ),
        sa.Column(
            "stage_on",
            sa.Boolean(),
            nullable=False,
            comment="May be on a stage; off unless somebody switched it on (row 31). As the row.",
        ),
        sa.Column("set_at", sa.BigInteger(), nullable=False, comment="Shown to the child: since when. As the row."),
        sa.Column(
            "objected_at",
            sa.BigInteger(),
            nullable=True,
            comment="When the child said that it is unfair (row 53); shown to the guardian. Until it is changed.",
        ),
        sa.CheckConstraint(
            "minutes_a_day IS NULL OR minutes_a_day BETWEEN 1 AND 1440", name=op.f("ck_limits_minutes_a_day")
        ),
        sa.CheckConstraint("quiet_from IS NULL OR quiet_from BETWEEN 0 AND 1439", name=op.f("ck_limits_quiet_from")),
        sa.CheckConstraint(
            "(quiet_from IS NULL) = (quiet_until IS NULL) AND quiet_from <> quiet_until",
            name=op.f("ck_limits_quiet_hours"),
        ),
        sa.CheckConstraint("quiet_until IS NULL OR quiet_until BETWEEN 0 AND 1439", name=op.f("ck_limits_quiet_until")),
        sa.ForeignKeyConstraint(
            ["child_id"], ["children.person_id"], name=op.f("fk_limits_child_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("child_id", name=op.f("pk_limits")),
    )
    op.create_table(
        "supervisions",
        sa.Column(
            "contact_id", sa.String(length=32), nullable=False, comment="For calls with which contact. As the contact."
        ),
        sa.Column(
            "child_id",
            sa.String(length=32),
            nullable=False,
            comment="What this child's family wants; each side sets its own. No row: free. As the contact.",
        ),
        sa.Column(
            "mode",
            sa.String(length=8),
            nullable=False,
            comment="ask: a yes before each call; present: a grown-up there. As the contact.",
        ),
        sa.CheckConstraint("mode IN ('ask','present')", name=op.f("ck_supervisions_mode")),
        sa.ForeignKeyConstraint(
            ["child_id"], ["children.person_id"], name=op.f("fk_supervisions_child_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_supervisions_contact_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("contact_id", "child_id", name=op.f("pk_supervisions")),
    )
    op.create_table(
        "teen_leads",
        sa.Column(
            "child_id",
            sa.String(length=32),
            nullable=False,
            comment="A teenager who leads their own account, or once did (row 47). As the account.",
        ),
        sa.Column("since", sa.BigInteger(), nullable=False, comment="Shown to teenager and guardian. As the row."),
        sa.Column(
            "ended_at",
            sa.BigInteger(),
            nullable=True,
            comment="Given back: no guardian sees calls from before (row 47). Until the lead is taken again, or as the account.",
        ),
        sa.Column(
            "led_until",
            sa.BigInteger(),
            nullable=True,
            comment="Age or country no longer allow it: likewise, from then on. Until they do again, or as the account.",
        ),
        sa.ForeignKeyConstraint(
            ["child_id"], ["children.person_id"], name=op.f("fk_teen_leads_child_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("child_id", name=op.f("pk_teen_leads")),
    )

    # Until now a guardian's yes to a grown-up was the word for them; from here on it is a row that can be taken back.
    op.execute(
        "INSERT INTO vouches (contact_id, guardian_id, at) "
        "SELECT y.contact_id, y.person_id, y.said_at FROM yeses y "
        "JOIN contacts k ON k.id = y.contact_id AND k.state = 'approved' "
        "JOIN people b ON b.id = k.b_id AND b.kind <> 'child' "
        "WHERE y.slot = 'guardian_a' AND y.how_known IN ('met', 'told')"
    )


def downgrade() -> None:
    op.drop_table("teen_leads")
    op.drop_table("supervisions")
    op.drop_table("limits")
    op.drop_index(op.f("ix_call_yeses_contact_id"), table_name="call_yeses")
    op.drop_index(op.f("ix_call_yeses_child_id"), table_name="call_yeses")
    op.drop_table("call_yeses")
    op.drop_table("vouches")
    op.drop_table("reviews")
    op.drop_index(op.f("ix_blocks_of_id"), table_name="blocks")
    op.drop_table("blocks")
    op.drop_table("shifts")
