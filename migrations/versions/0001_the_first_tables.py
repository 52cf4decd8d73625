"""The first tables"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit",
        sa.Column(
            "chain",
            sa.String(length=34),
            nullable=False,
            comment="A household's chain ('h_'+id) or the platform's ('platform'). Outlives accounts.",
        ),
        sa.Column(
            "seq", sa.Integer(), nullable=False, comment="Counts up by one in each chain from 1; a gap is a cut."
        ),
        sa.Column("at", sa.BigInteger(), nullable=False, comment="Time of the decision."),
        sa.Column(
            "question", sa.String(length=32), nullable=False, comment="The verb asked. No names, no addresses, no SDP."
        ),
        sa.Column("who", sa.Text(), nullable=False, comment="JSON: pseudonyms of those concerned."),
        sa.Column("verdict", sa.String(length=5), nullable=False, comment="allow or deny."),
        sa.Column("rules", sa.Text(), nullable=False, comment="JSON: ids of all deciding rules."),
        sa.Column("rulebook", sa.String(length=32), nullable=False, comment="Which version of the rules decided."),
        sa.Column(
            "previous",
            sa.LargeBinary(length=32),
            nullable=False,
            comment="Hash of the row before; 32 zero bytes at the start.",
        ),
        sa.Column(
            "hash", sa.LargeBinary(length=32), nullable=False, comment="SHA-256 over the canonical row with `previous`."
        ),
        sa.CheckConstraint("verdict IN ('allow','deny')", name=op.f("ck_audit_verdict")),
        sa.PrimaryKeyConstraint("chain", "seq", name=op.f("pk_audit")),
    )
    op.create_table(
        "audit_heads",
        sa.Column(
            "chain",
            sa.String(length=34),
            nullable=False,
            comment="Which chain. Outlives accounts, as the chain itself.",
        ),
        sa.Column(
            "seq",
            sa.Integer(),
            nullable=False,
            comment="How many rows the chain has: rows cut from its end are missed.",
        ),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False, comment="Hash of its last row. As the chain."),
        sa.PrimaryKeyConstraint("chain", name=op.f("pk_audit_heads")),
    )
    op.create_table(
        "calls",
        sa.Column("id", sa.String(length=32), nullable=False, comment="c_... Random. 30 days."),
        sa.Column("media", sa.String(length=8), nullable=False, comment="audio or video, as rung. 30 days."),
        sa.Column("state", sa.String(length=8), nullable=False, comment="live or ended; ended is terminal. 30 days."),
        sa.Column(
            "started_at",
            sa.BigInteger(),
            nullable=False,
            comment="For the family's own list: who, when, how long (row 46). 30 days.",
        ),
        sa.Column("ended_at", sa.BigInteger(), nullable=True, comment="As above. 30 days."),
        sa.Column("code", sa.String(length=32), nullable=True, comment="Why it ended, from the closed list. 30 days."),
        sa.CheckConstraint("state IN ('live','ended')", name=op.f("ck_calls_state")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calls")),
    )
    op.create_table(
        "households",
        sa.Column("id", sa.String(length=32), nullable=False, comment="Random. Kept while the family has an account."),
        sa.Column(
            "country",
            sa.String(length=2),
            nullable=False,
            comment="Which country's rules apply. As long as the household.",
        ),
        sa.Column(
            "time_zone",
            sa.String(length=64),
            nullable=False,
            comment="Local time comes from here, never from a device. As long as the household.",
        ),
        sa.Column(
            "created_at",
            sa.BigInteger(),
            nullable=False,
            comment="For the record of consent. As long as the household.",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_households")),
    )
    op.create_table(
        "notices",
        sa.Column(
            "id",
            sa.Integer(),
            autoincrement=True,
            nullable=False,
            comment="Order. An outbox row: what live calls must hear, written with the change itself. Done rows go after a day.",
        ),
        sa.Column(
            "kind", sa.String(length=24), nullable=False, comment="facts_changed, session_over, changed, end_call."
        ),
        sa.Column("people", sa.Text(), nullable=False, comment="JSON list of person ids concerned. As the row."),
        sa.Column(
            "detail", sa.Text(), nullable=False, comment="JSON: which session, which page, who ended it. As the row."
        ),
        sa.Column("created_at", sa.BigInteger(), nullable=False, comment="As the row."),
        sa.Column("done_at", sa.BigInteger(), nullable=True, comment="When the live calls had heard it. As the row."),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notices")),
    )
    op.create_index(
        "ix_notices_undone",
        "notices",
        ["id"],
        unique=False,
        sqlite_where=sa.text("done_at IS NULL"),
        postgresql_where=sa.text("done_at IS NULL"),
    )
    op.create_table(
        "people",
        sa.Column(
            "id",
            sa.String(length=32),
            nullable=False,
            comment="Random; never leaves the server. Until the account is deleted.",
        ),
        sa.Column("household_id", sa.String(length=32), nullable=False, comment="Whose family. As long as the person."),
        sa.Column(
            "kind",
            sa.String(length=16),
            nullable=False,
            comment="child, guardian or trusted_adult. As long as the person.",
        ),
        sa.Column(
            "name",
            sa.String(length=40),
            nullable=False,
            comment="Chosen first name or nickname, to greet and to be known by. As long as the person.",
        ),
        sa.Column("avatar", sa.Integer(), nullable=False, comment="Which built-in picture. As long as the person."),
        sa.Column("ground", sa.Integer(), nullable=False, comment="Which ground it stands on. As long as the person."),
        sa.Column(
            "pseudonym",
            sa.String(length=32),
            nullable=False,
            comment="Stands for the person in the audit record, which outlives the account; this link to it is deleted with the account.",
        ),
        sa.Column(
            "state",
            sa.String(length=16),
            nullable=False,
            comment="active or standing_still (consent withdrawn). As long as the person.",
        ),
        sa.Column(
            "created_at", sa.BigInteger(), nullable=False, comment="For the record of consent. As long as the person."
        ),
        sa.CheckConstraint("kind IN ('child','guardian','trusted_adult')", name=op.f("ck_people_kind")),
        sa.CheckConstraint("state IN ('active','standing_still')", name=op.f("ck_people_state")),
        sa.CheckConstraint("avatar BETWEEN 0 AND 39 AND ground BETWEEN 1 AND 8", name=op.f("ck_people_picture")),
        sa.ForeignKeyConstraint(["household_id"], ["households.id"], name=op.f("fk_people_household_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_people")),
        sa.UniqueConstraint("id", "household_id", name=op.f("uq_people_id_household_id")),
        sa.UniqueConstraint("pseudonym", name=op.f("uq_people_pseudonym")),
    )
    op.create_index(op.f("ix_people_household_id"), "people", ["household_id"], unique=False)
    op.create_table(
        "accounts",
        sa.Column("person_id", sa.String(length=32), nullable=False, comment="A grown-up; children have no row here."),
        sa.Column(
            "email",
            sa.String(length=254),
            nullable=False,
            comment="To sign in and to tell about requests. As long as the account.",
        ),
        sa.Column("password_hash", sa.String(length=200), nullable=False, comment="argon2id. As long as the account."),
        sa.Column(
            "assurance",
            sa.String(length=16),
            nullable=False,
            comment="How sure we are that this is an adult: self_declared, vouched (a guardian approved the person). As long as the account.",  # noqa: E501 - word for word the comment of the model
        ),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_accounts_person_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("person_id", name=op.f("pk_accounts")),
        sa.UniqueConstraint("email", name=op.f("uq_accounts_email")),
    )
    op.create_table(
        "call_people",
        sa.Column("call_id", sa.String(length=32), nullable=False, comment="Which call."),
        sa.Column("person_id", sa.String(length=32), nullable=False, comment="Who was rung or rang. 30 days."),
        sa.Column("came_at", sa.BigInteger(), nullable=True, comment="When their media was up. 30 days."),
        sa.Column("left_at", sa.BigInteger(), nullable=True, comment="When they left. 30 days."),
        sa.ForeignKeyConstraint(["call_id"], ["calls.id"], name=op.f("fk_call_people_call_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("fk_call_people_person_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("call_id", "person_id", name=op.f("pk_call_people")),
    )
    op.create_index(op.f("ix_call_people_person_id"), "call_people", ["person_id"], unique=False)
    op.create_table(
        "consents",
        sa.Column("id", sa.String(length=32), nullable=False, comment="Random."),
        sa.Column("household_id", sa.String(length=32), nullable=False, comment="Whose family."),
        sa.Column(
            "guardian_id",
            sa.String(length=32),
            nullable=False,
            comment="Who consented. Kept for as long as the child's account, then one year as proof.",
        ),
        sa.Column(
            "method",
            sa.String(length=24),
            nullable=False,
            comment="How consent was given (COPPA 312.5(b)). As the row.",
        ),
        sa.Column("version", sa.String(length=16), nullable=False, comment="Which wording was agreed to. As the row."),
        sa.Column("given_at", sa.BigInteger(), nullable=False, comment="When. As the row."),
        sa.Column(
            "withdrawn_at",
            sa.BigInteger(),
            nullable=True,
            comment="When it was taken back (COPPA 312.6); calls stop in that instant. As the row.",
        ),
        sa.ForeignKeyConstraint(["guardian_id"], ["people.id"], name=op.f("fk_consents_guardian_id")),
        sa.ForeignKeyConstraint(["household_id"], ["households.id"], name=op.f("fk_consents_household_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consents")),
        sa.UniqueConstraint("id", "household_id", name=op.f("uq_consents_id_household_id")),
    )
    op.create_index(op.f("ix_consents_household_id"), "consents", ["household_id"], unique=False)
    op.create_table(
        "contacts",
        sa.Column(
            "id",
            sa.String(length=32),
            nullable=False,
            comment="Random. Until one year after it ended, then the row goes with its yeses.",
        ),
        sa.Column("a_id", sa.String(length=32), nullable=False, comment="The child whose code or link it was."),
        sa.Column("b_id", sa.String(length=32), nullable=False, comment="Who used it: a child or a grown-up."),
        sa.Column(
            "pair",
            sa.String(length=65),
            nullable=False,
            comment="Both ids in order, so that one pair has one living contact. As the row.",
        ),
        sa.Column(
            "state",
            sa.String(length=12),
            nullable=False,
            comment="asked, approved, refused, lapsed or ended: server/contacts.py draws the machine.",
        ),
        sa.Column(
            "opened_by",
            sa.String(length=8),
            nullable=False,
            comment="code or link; shown to those who decide. As the row.",
        ),
        sa.Column("created_at", sa.BigInteger(), nullable=False, comment="Shown to those who decide. As the row."),
        sa.Column(
            "decide_by", sa.BigInteger(), nullable=False, comment="14 days to decide, then it lapses. As the row."
        ),
        sa.Column("approved_at", sa.BigInteger(), nullable=True, comment="When the last yes came. As the row."),
        sa.Column("until", sa.BigInteger(), nullable=True, comment="A yes lasts a year (row 16). As the row."),
        sa.Column("ended_at", sa.BigInteger(), nullable=True, comment="As the row."),
        sa.CheckConstraint("state IN ('asked','approved','refused','lapsed','ended')", name=op.f("ck_contacts_state")),
        sa.CheckConstraint("a_id <> b_id", name=op.f("ck_contacts_two_people")),
        sa.ForeignKeyConstraint(["a_id"], ["people.id"], name=op.f("fk_contacts_a_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["b_id"], ["people.id"], name=op.f("fk_contacts_b_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contacts")),
    )
    op.create_index(op.f("ix_contacts_a_id"), "contacts", ["a_id"], unique=False)
    op.create_index(op.f("ix_contacts_b_id"), "contacts", ["b_id"], unique=False)
    op.create_index(
        "uq_contacts_living_pair",
        "contacts",
        ["pair"],
        unique=True,
        sqlite_where=sa.text("state IN ('asked','approved')"),
        postgresql_where=sa.text("state IN ('asked','approved')"),
    )
    op.create_table(
        "devices",
        sa.Column("id", sa.String(length=32), nullable=False, comment="Random. Until un-paired, then 30 days."),
        sa.Column("person_id", sa.String(length=32), nullable=False, comment="Whose device."),
        sa.Column(
            "label",
            sa.String(length=40),
            nullable=False,
            comment="Browser and system family ('Chromium on Linux'), so that a parent can tell devices apart. As the row.",
        ),
        sa.Column("paired_at", sa.BigInteger(), nullable=False, comment="Shown to the parent. As the row."),
        sa.Column(
            "last_used_on",
            sa.String(length=10),
            nullable=False,
            comment="The day, not the time or place; shown to the parent. As the row.",
        ),
        sa.Column(
            "unpaired_at",
            sa.BigInteger(),
            nullable=True,
            comment="From then on the device is nobody's. The row goes after 30 days.",
        ),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_devices_person_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_devices")),
    )
    op.create_index(op.f("ix_devices_person_id"), "devices", ["person_id"], unique=False)
    op.create_table(
        "children",
        sa.Column("person_id", sa.String(length=32), nullable=False, comment="The child."),
        sa.Column(
            "household_id",
            sa.String(length=32),
            nullable=False,
            comment="Same as the person's: the two keys below check it.",
        ),
        sa.Column(
            "consent_id",
            sa.String(length=32),
            nullable=False,
            comment="No child without consent, one consent for one child (row 1).",
        ),
        sa.Column(
            "age_group",
            sa.String(length=8),
            nullable=True,
            comment="5-8, 9-12, 13-15, 16-17; no birth date (row 4). Null is read as the youngest (row 5). As long as the child's account.",
        ),
        sa.Column(
            "age_method",
            sa.String(length=24),
            nullable=False,
            comment="How we know: guardian_attested (IEEE 2089.1). As long as the child's account.",
        ),
        sa.Column(
            "age_until",
            sa.BigInteger(),
            nullable=False,
            comment="When the age group must be asked again. As long as the child's account.",
        ),
        sa.CheckConstraint(
            "age_group IS NULL OR age_group IN ('5-8','9-12','13-15','16-17')", name=op.f("ck_children_age_group")
        ),
        sa.ForeignKeyConstraint(
            ["consent_id", "household_id"],
            ["consents.id", "consents.household_id"],
            name=op.f("fk_children_consent_id_household_id"),
        ),
        sa.ForeignKeyConstraint(
            ["person_id", "household_id"],
            ["people.id", "people.household_id"],
            name=op.f("fk_children_person_id_household_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("person_id", name=op.f("pk_children")),
        sa.UniqueConstraint("consent_id", name=op.f("uq_children_consent_id")),
    )
    op.create_table(
        "sessions",
        sa.Column(
            "id",
            sa.String(length=32),
            nullable=False,
            comment="Random handle, for listing and revoking. Until 7 days after the end.",
        ),
        sa.Column("person_id", sa.String(length=32), nullable=False, comment="Who is signed in."),
        sa.Column("device_id", sa.String(length=32), nullable=True, comment="Children only: the paired device."),
        sa.Column(
            "token_hash",
            sa.LargeBinary(length=32),
            nullable=False,
            comment="SHA-256 of the cookie; the cookie itself is not kept. As the row.",
        ),
        sa.Column(
            "label",
            sa.String(length=40),
            nullable=False,
            comment="Browser and system family, to tell sign-ins apart. As the row.",
        ),
        sa.Column("created_at", sa.BigInteger(), nullable=False, comment="As the row."),
        sa.Column(
            "last_used_on", sa.String(length=10), nullable=False, comment="The day; shown in the list. As the row."
        ),
        sa.Column(
            "expires_at", sa.BigInteger(), nullable=False, comment="30 days for grown-ups, a year for a paired device."
        ),
        sa.Column(
            "revoked_at", sa.BigInteger(), nullable=True, comment="Signed out or revoked; the row goes 7 days later."
        ),
        sa.ForeignKeyConstraint(["device_id"], ["devices.id"], name=op.f("fk_sessions_device_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_sessions_person_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sessions")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_sessions_token_hash")),
    )
    op.create_index(op.f("ix_sessions_device_id"), "sessions", ["device_id"], unique=False)
    op.create_index(op.f("ix_sessions_person_id"), "sessions", ["person_id"], unique=False)
    op.create_table(
        "sides",
        sa.Column("contact_id", sa.String(length=32), nullable=False, comment="Which contact."),
        sa.Column("viewer_id", sa.String(length=32), nullable=False, comment="As seen by whom."),
        sa.Column("other_id", sa.String(length=32), nullable=False, comment="Who is seen. As the contact."),
        sa.Column(
            "ref",
            sa.String(length=40),
            nullable=False,
            comment="k_...: all that the viewer's device ever knows of the other. As the contact.",
        ),
        sa.Column(
            "name",
            sa.String(length=40),
            nullable=False,
            comment="What the viewer's family calls the other (row 23). As the contact.",
        ),
        sa.Column(
            "avatar", sa.Integer(), nullable=False, comment="Picture chosen by the viewer's family. As the contact."
        ),
        sa.Column("ground", sa.Integer(), nullable=False, comment="As above."),
        sa.ForeignKeyConstraint(["contact_id"], ["contacts.id"], name=op.f("fk_sides_contact_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["other_id"], ["people.id"], name=op.f("fk_sides_other_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["viewer_id"], ["people.id"], name=op.f("fk_sides_viewer_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("contact_id", "viewer_id", name=op.f("pk_sides")),
        sa.UniqueConstraint("ref", name=op.f("uq_sides_ref")),
    )
    op.create_table(
        "yeses",
        sa.Column("contact_id", sa.String(length=32), nullable=False, comment="Which contact."),
        sa.Column(
            "slot",
            sa.String(length=12),
            nullable=False,
            comment="Which of the four: a, b, guardian_a, guardian_b. An adult b has no guardian_b.",
        ),
        sa.Column("person_id", sa.String(length=32), nullable=False, comment="Who said it. As the contact."),
        sa.Column("voice", sa.Boolean(), nullable=False, comment="Voice approved. As the contact."),
        sa.Column(
            "video", sa.Boolean(), nullable=False, comment="Video approved, apart from voice (row 20). As the contact."
        ),
        sa.Column(
            "how_known",
            sa.String(length=16),
            nullable=True,
            comment="From a fixed list, never free text: no message travels between families who have not agreed. As the contact.",
        ),
        sa.Column("said_at", sa.BigInteger(), nullable=False, comment="Shown on 'who said yes'. As the contact."),
        sa.CheckConstraint("slot IN ('a','b','guardian_a','guardian_b')", name=op.f("ck_yeses_slot")),
        sa.CheckConstraint("voice OR NOT video", name=op.f("ck_yeses_no_video_without_voice")),
        sa.ForeignKeyConstraint(["contact_id"], ["contacts.id"], name=op.f("fk_yeses_contact_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_yeses_person_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("contact_id", "slot", name=op.f("pk_yeses")),
    )
    op.create_table(
        "guardianships",
        sa.Column("guardian_id", sa.String(length=32), nullable=False, comment="Who looks after the child."),
        sa.Column("child_id", sa.String(length=32), nullable=False, comment="Whom."),
        sa.ForeignKeyConstraint(
            ["child_id"], ["children.person_id"], name=op.f("fk_guardianships_child_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["guardian_id"], ["people.id"], name=op.f("fk_guardianships_guardian_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("guardian_id", "child_id", name=op.f("pk_guardianships")),
    )
    op.create_index(op.f("ix_guardianships_child_id"), "guardianships", ["child_id"], unique=False)
    op.create_table(
        "introductions",
        sa.Column("id", sa.String(length=32), nullable=False, comment="Random. The row goes a day after it expires."),
        sa.Column(
            "kind",
            sa.String(length=8),
            nullable=False,
            comment="code (child to child, words) or link (guardian to grown-up).",
        ),
        sa.Column(
            "secret_hash",
            sa.LargeBinary(length=32),
            nullable=False,
            comment="SHA-256 of the words or the link's token. As the row.",
        ),
        sa.Column("child_id", sa.String(length=32), nullable=False, comment="Who may be met through it. As the row."),
        sa.Column(
            "made_by",
            sa.String(length=32),
            nullable=False,
            comment="The child (code) or the guardian (link). As the row.",
        ),
        sa.Column(
            "expires_at", sa.BigInteger(), nullable=False, comment="Ten minutes for a code, seven days for a link."
        ),
        sa.Column("used_at", sa.BigInteger(), nullable=True, comment="Single use. As the row."),
        sa.CheckConstraint("kind IN ('code','link')", name=op.f("ck_introductions_kind")),
        sa.ForeignKeyConstraint(
            ["child_id"], ["children.person_id"], name=op.f("fk_introductions_child_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["made_by"], ["people.id"], name=op.f("fk_introductions_made_by"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_introductions")),
        sa.UniqueConstraint("secret_hash", name=op.f("uq_introductions_secret_hash")),
    )
    op.create_index(op.f("ix_introductions_child_id"), "introductions", ["child_id"], unique=False)
    op.create_table(
        "pairings",
        sa.Column(
            "id", sa.String(length=32), nullable=False, comment="Random. The row goes ten minutes after it expires."
        ),
        sa.Column(
            "code_hash",
            sa.LargeBinary(length=32),
            nullable=False,
            comment="SHA-256 of the words on the child's screen. As the row.",
        ),
        sa.Column(
            "claim_hash",
            sa.LargeBinary(length=32),
            nullable=False,
            comment="SHA-256 of the secret that only that device holds. As the row.",
        ),
        sa.Column(
            "label",
            sa.String(length=40),
            nullable=False,
            comment="Browser and system family, shown to the guardian before the yes. As the row.",
        ),
        sa.Column("child_id", sa.String(length=32), nullable=True, comment="Set by the guardian's yes. As the row."),
        sa.Column("approved_by", sa.String(length=32), nullable=True, comment="Which guardian. As the row."),
        sa.Column("expires_at", sa.BigInteger(), nullable=False, comment="Ten minutes."),
        sa.Column("used_at", sa.BigInteger(), nullable=True, comment="Single use. As the row."),
        sa.ForeignKeyConstraint(
            ["approved_by"], ["people.id"], name=op.f("fk_pairings_approved_by"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["child_id"], ["children.person_id"], name=op.f("fk_pairings_child_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pairings")),
        sa.UniqueConstraint("claim_hash", name=op.f("uq_pairings_claim_hash")),
        sa.UniqueConstraint("code_hash", name=op.f("uq_pairings_code_hash")),
    )
    op.create_table(
        "tickets",
        sa.Column(
            "hash", sa.LargeBinary(length=32), nullable=False, comment="SHA-256 of a WebSocket ticket. 30 seconds."
        ),
        sa.Column("session_id", sa.String(length=32), nullable=False, comment="Whose. 30 seconds."),
        sa.Column("expires_at", sa.BigInteger(), nullable=False, comment="30 seconds."),
        sa.ForeignKeyConstraint(
            ["session_id"], ["sessions.id"], name=op.f("fk_tickets_session_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_tickets")),
    )


def downgrade() -> None:
    op.drop_table("tickets")
    op.drop_table("pairings")
    op.drop_index(op.f("ix_introductions_child_id"), table_name="introductions")
    op.drop_table("introductions")
    op.drop_index(op.f("ix_guardianships_child_id"), table_name="guardianships")
    op.drop_table("guardianships")
    op.drop_table("yeses")
    op.drop_table("sides")
    op.drop_index(op.f("ix_sessions_person_id"), table_name="sessions")
    op.drop_index(op.f("ix_sessions_device_id"), table_name="sessions")
    op.drop_table("sessions")
    op.drop_table("children")
    op.drop_index(op.f("ix_devices_person_id"), table_name="devices")
    op.drop_table("devices")
    op.drop_index(
        "uq_contacts_living_pair",
        table_name="contacts",
        sqlite_where=sa.text("state IN ('asked','approved')"),
        postgresql_where=sa.text("state IN ('asked','approved')"),
    )
    op.drop_index(op.f("ix_contacts_b_id"), table_name="contacts")
    op.drop_index(op.f("ix_contacts_a_id"), table_name="contacts")
    op.drop_table("contacts")
    op.drop_index(op.f("ix_consents_household_id"), table_name="consents")
    op.drop_table("consents")
    op.drop_index(op.f("ix_call_people_person_id"), table_name="call_people")
    op.drop_table("call_people")
    op.drop_table("accounts")
    op.drop_index(op.f("ix_people_household_id"), table_name="people")
    op.drop_table("people")
    op.drop_index(
        "ix_notices_undone",
        table_name="notices",
        sqlite_where=sa.text("done_at IS NULL"),
        postgresql_where=sa.text("done_at IS NULL"),
    )
    op.drop_table("notices")
    op.drop_table("households")
    op.drop_table("calls")
    op.drop_table("audit_heads")
    op.drop_table("audit")
