"""Whose copy a recording is: issued marks, reports that hold them, helpers, and the two who must agree"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "helpers",
        sa.Column(
            "id",
            sa.String(length=32),
            nullable=False,
            comment="helper_... Random; in the audit record. As long as what they decided is kept.",
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
            comment="SHA-256 of a random key that only this helper has. As the row.",
        ),
        sa.Column("added_at", sa.BigInteger(), nullable=False, comment="As the row."),
        sa.Column(
            "gone_at",
            sa.BigInteger(),
            nullable=True,
            comment="No helper any more from then on. The row goes a year later.",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_helpers")),
        sa.UniqueConstraint("name", name=op.f("uq_helpers_name")),
    )
    op.create_table(
        "mark_key",
        sa.Column(
            "id", sa.Integer(), autoincrement=False, nullable=False, comment="Always 1: one key for one deployment."
        ),
        sa.Column(
            "secret",
            sa.LargeBinary(length=32),
            nullable=False,
            comment="Scrambles the mark in a picture; every sending device is given it. As the deployment: without it no mark is read.",
        ),
        sa.Column("made_at", sa.BigInteger(), nullable=False, comment="Marks are readable from then on. As the row."),
        sa.CheckConstraint("id = 1", name=op.f("ck_mark_key_only_one")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mark_key")),
    )
    op.create_table(
        "marks",
        sa.Column(
            "id",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="The 32 random bits in one recipient's copy (row 37). 30 days, as the call record; longer only as evidence.",
        ),
        sa.Column(
            "call_id",
            sa.String(length=32),
            nullable=False,
            comment="Of which call; outlives the call's own row only as evidence. As the row.",
        ),
        sa.Column(
            "sender",
            sa.String(length=32),
            nullable=False,
            comment="Whose picture, by pseudonym: no key to the account, so that what is evidence outlives it. As the row.",
        ),
        sa.Column("recipient", sa.String(length=32), nullable=False, comment="Whose copy, by pseudonym. As the row."),
        sa.Column(
            "quarter",
            sa.Integer(),
            nullable=False,
            comment="Which quarter of a second the copy swings by, so that two averaged copies do not cancel out. As the row.",
        ),
        sa.Column("issued_at", sa.BigInteger(), nullable=False, comment="Starts the 30 days. As the row."),
        sa.Column(
            "state",
            sa.String(length=8),
            nullable=False,
            comment="issued (the device has said nothing, so not known to be marked), marked or unmarked (row 37). As the row.",
        ),
        sa.Column(
            "why", sa.String(length=16), nullable=True, comment="Why it is unmarked, from a closed list. As the row."
        ),
        sa.Column(
            "told_at", sa.BigInteger(), nullable=True, comment="When the device first said that it marks. As the row."
        ),
        sa.CheckConstraint("(why IS NOT NULL) = (state = 'unmarked')", name=op.f("ck_marks_why")),
        sa.CheckConstraint("state IN ('issued','marked','unmarked')", name=op.f("ck_marks_state")),
        sa.CheckConstraint("id BETWEEN 0 AND 4294967295", name=op.f("ck_marks_id")),
        sa.CheckConstraint("quarter BETWEEN 0 AND 3", name=op.f("ck_marks_quarter")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_marks")),
        sa.UniqueConstraint("call_id", "sender", "recipient", name=op.f("uq_marks_call_id_sender_recipient")),
    )
    op.create_index("ix_marks_issued_at", "marks", ["issued_at"], unique=False)
    op.create_index(op.f("ix_marks_sender"), "marks", ["sender"], unique=False)
    op.create_table(
        "reports",
        sa.Column(
            "id",
            sa.String(length=32),
            nullable=False,
            comment="r_... Random. While open; then 30 days, or a year if it was passed on (OSA s. 66, SI 2026/268).",
        ),
        sa.Column(
            "reporter",
            sa.String(length=32),
            nullable=False,
            comment="Who said it, by pseudonym, so that it outlives an account; no grown-up's page reads this (row 52). As the row.",
        ),
        sa.Column(
            "request",
            sa.String(length=40),
            nullable=False,
            comment="Made by the page, so that sending again is the same report. As the row.",
        ),
        sa.Column(
            "kind",
            sa.String(length=12),
            nullable=False,
            comment="recorded: somebody recorded me (row 40). clip: a helper has a recording. As the row.",
        ),
        sa.Column(
            "about",
            sa.String(length=32),
            nullable=True,
            comment="Who it is about, by pseudonym; null: I do not know. As the row.",
        ),
        sa.Column(
            "call_id", sa.String(length=32), nullable=True, comment="In which call, if the child said so. As the row."
        ),
        sa.Column(
            "what",
            sa.Text(),
            nullable=False,
            comment="JSON: what happened, from a closed list, never free text. As the row.",
        ),
        sa.Column("made_at", sa.BigInteger(), nullable=False, comment="Starts the clock. As the row."),
        sa.Column(
            "look_by",
            sa.BigInteger(),
            nullable=False,
            comment="48 hours later (OSA s. 10(3A), s. 20A): by then a helper has looked. As the row.",
        ),
        sa.Column(
            "state",
            sa.String(length=8),
            nullable=False,
            comment="open, taken (a helper has looked) or closed; told to the child. As the row.",
        ),
        sa.Column("taken_by", sa.String(length=32), nullable=True, comment="Which helper. As the row."),
        sa.Column("taken_at", sa.BigInteger(), nullable=True, comment="Whether in time. As the row."),
        sa.Column("closed_at", sa.BigInteger(), nullable=True, comment="As the row."),
        sa.Column(
            "outcome", sa.String(length=16), nullable=True, comment="How it ended, from a closed list. As the row."
        ),
        sa.Column(
            "keep_until",
            sa.BigInteger(),
            nullable=True,
            comment="Set when it is closed: then the row and its hold on marks go.",
        ),
        sa.CheckConstraint("(keep_until IS NOT NULL) = (state = 'closed')", name=op.f("ck_reports_keep_until")),
        sa.CheckConstraint("kind IN ('recorded','clip')", name=op.f("ck_reports_kind")),
        sa.CheckConstraint("state IN ('open','taken','closed')", name=op.f("ck_reports_state")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reports")),
        sa.UniqueConstraint("reporter", "request", name=op.f("uq_reports_reporter_request")),
    )
    op.create_index(op.f("ix_reports_reporter"), "reports", ["reporter"], unique=False)
    op.create_index("ix_reports_state_look_by", "reports", ["state", "look_by"], unique=False)
    op.create_table(
        "evidence",
        sa.Column(
            "report_id", sa.String(length=32), nullable=False, comment="Which report holds the mark. As the report."
        ),
        sa.Column(
            "mark_id",
            sa.BigInteger(),
            nullable=False,
            comment="Which mark is not deleted meanwhile: the key makes it impossible. As the report.",
        ),
        sa.ForeignKeyConstraint(["mark_id"], ["marks.id"], name=op.f("fk_evidence_mark_id")),
        sa.ForeignKeyConstraint(["report_id"], ["reports.id"], name=op.f("fk_evidence_report_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("report_id", "mark_id", name=op.f("pk_evidence")),
    )
    op.create_index(op.f("ix_evidence_mark_id"), "evidence", ["mark_id"], unique=False)
    op.create_table(
        "mark_asks",
        sa.Column(
            "id", sa.String(length=32), nullable=False, comment="a_... Random. The row goes 30 days after it was asked."
        ),
        sa.Column("report_id", sa.String(length=32), nullable=False, comment="In which case. As the row."),
        sa.Column(
            "mark_id",
            sa.BigInteger(),
            nullable=False,
            comment="What the recording read as; whether it was ever issued is not said here. As the row.",
        ),
        sa.Column("why", sa.String(length=16), nullable=False, comment="From a closed list. As the row."),
        sa.Column("asked_by", sa.String(length=32), nullable=False, comment="The first of two helpers. As the row."),
        sa.Column("asked_at", sa.BigInteger(), nullable=False, comment="As the row."),
        sa.Column("until", sa.BigInteger(), nullable=False, comment="24 hours for the second helper. As the row."),
        sa.Column("agreed_by", sa.String(length=32), nullable=True, comment="The second helper. As the row."),
        sa.Column("agreed_at", sa.BigInteger(), nullable=True, comment="An answer is given once. As the row."),
        sa.CheckConstraint("agreed_by IS NULL OR agreed_by <> asked_by", name=op.f("ck_mark_asks_two_people")),
        sa.CheckConstraint("mark_id BETWEEN 0 AND 4294967295", name=op.f("ck_mark_asks_mark_id")),
        sa.ForeignKeyConstraint(["agreed_by"], ["helpers.id"], name=op.f("fk_mark_asks_agreed_by")),
        sa.ForeignKeyConstraint(["asked_by"], ["helpers.id"], name=op.f("fk_mark_asks_asked_by")),
        sa.ForeignKeyConstraint(["report_id"], ["reports.id"], name=op.f("fk_mark_asks_report_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mark_asks")),
    )


def downgrade() -> None:
    op.drop_table("mark_asks")
    op.drop_index(op.f("ix_evidence_mark_id"), table_name="evidence")
    op.drop_table("evidence")
    op.drop_index("ix_reports_state_look_by", table_name="reports")
    op.drop_index(op.f("ix_reports_reporter"), table_name="reports")
    op.drop_table("reports")
    op.drop_index(op.f("ix_marks_sender"), table_name="marks")
    op.drop_index("ix_marks_issued_at", table_name="marks")
    op.drop_table("marks")
    op.drop_table("mark_key")
    op.drop_table("helpers")
