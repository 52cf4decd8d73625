"""The tables: little is stored, and each column says why it is kept and when it goes.

Core tables, no ORM: the hot path reads rows, and a row is a value. Times are whole milliseconds since 1970 in UTC; days
are ISO dates. Ids are random (``secrets.token_urlsafe``), never counted, so an id says nothing about how many there are.

Three promises live here as constraints, not as code: a child cannot exist without a consent row of the same household
(COPPA 312.5; UK GDPR Art 8; master table row 1), a pair of people has at most one living contact, and every yes belongs to
one of the four slots. There is no column for a birth date, a photo, a telephone number, an address or a place.

Retention is written beside each table; ``server/retention.py`` carries it out.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

households: Final = Table(
    "households",
    metadata,
    Column("id", String(32), primary_key=True, comment="Random. Kept while the family has an account."),
    Column("country", String(2), nullable=False, comment="Which country's rules apply. As long as the household."),
    Column(
        "time_zone",
        String(64),
        nullable=False,
        comment="Local time comes from here, never from a device. As long as the household.",
    ),
    Column("created_at", BigInteger, nullable=False, comment="For the record of consent. As long as the household."),
)

people: Final = Table(
    "people",
    metadata,
    Column(
        "id", String(32), primary_key=True, comment="Random; never leaves the server. Until the account is deleted."
    ),
    Column(
        "household_id",
        String(32),
        ForeignKey("households.id"),
        nullable=False,
        index=True,
        comment="Whose family. As long as the person.",
    ),
    Column("kind", String(16), nullable=False, comment="child, guardian or trusted_adult. As long as the person."),
    Column(
        "name",
        String(40),
        nullable=False,
        comment="Chosen first name or nickname, to greet and to be known by. As long as the person.",
    ),
    Column("avatar", Integer, nullable=False, comment="Which built-in picture. As long as the person."),
    Column("ground", Integer, nullable=False, comment="Which ground it stands on. As long as the person."),
    Column(
        "pseudonym",
        String(32),
        nullable=False,
        unique=True,
        comment="Stands for the person in the audit record, which outlives the account; this link to it is deleted with the account.",
    ),
    Column(
        "state",
        String(16),
        nullable=False,
        comment="active or standing_still (consent withdrawn). As long as the person.",
    ),
    Column("created_at", BigInteger, nullable=False, comment="For the record of consent. As long as the person."),
    UniqueConstraint("id", "household_id"),
    CheckConstraint("kind IN ('child','guardian','trusted_adult')", name="kind"),
    CheckConstraint("state IN ('active','standing_still')", name="state"),
    CheckConstraint("avatar BETWEEN 0 AND 39 AND ground BETWEEN 1 AND 8", name="picture"),
)

accounts: Final = Table(
    "accounts",
    metadata,
    Column(
        "person_id",
        String(32),
        ForeignKey("people.id", ondelete="CASCADE"),
        primary_key=True,
        comment="A grown-up; children have no row here.",
    ),
    Column(
        "email",
        String(254),
        nullable=False,
        unique=True,
        comment="To sign in and to tell about requests. As long as the account.",
    ),
    Column("password_hash", String(200), nullable=False, comment="argon2id. As long as the account."),
    Column(
        "assurance",
        String(16),
        nullable=False,
        comment="How sure we are that this is an adult: self_declared, vouched (a guardian approved the person). As long as the account.",
    ),
)

consents: Final = Table(
    "consents",
    metadata,
    Column("id", String(32), primary_key=True, comment="Random."),
    Column(
        "household_id", String(32), ForeignKey("households.id"), nullable=False, index=True, comment="Whose family."
    ),
    Column(
        "guardian_id",
        String(32),
        ForeignKey("people.id"),
        nullable=False,
        comment="Who consented. Kept for as long as the child's account, then one year as proof.",
    ),
    Column("method", String(24), nullable=False, comment="How consent was given (COPPA 312.5(b)). As the row."),
    Column("version", String(16), nullable=False, comment="Which wording was agreed to. As the row."),
    Column("given_at", BigInteger, nullable=False, comment="When. As the row."),
    Column(
        "withdrawn_at",
        BigInteger,
        nullable=True,
        comment="When it was taken back (COPPA 312.6); calls stop in that instant. As the row.",
    ),
    UniqueConstraint("id", "household_id"),
)

children: Final = Table(
    "children",
    metadata,
    Column("person_id", String(32), primary_key=True, comment="The child."),
    Column("household_id", String(32), nullable=False, comment="Same as the person's: the two keys below check it."),
    Column(
        "consent_id",
        String(32),
        nullable=False,
        unique=True,
        comment="No child without consent, one consent for one child (row 1).",
    ),
    Column(
        "age_group",
        String(8),
        nullable=True,
        comment="5-8, 9-12, 13-15, 16-17; no birth date (row 4). Null is read as the youngest (row 5). As long as the child's account.",
    ),
    Column(
        "age_method",
        String(24),
        nullable=False,
        comment="How we know: guardian_attested (IEEE 2089.1). As long as the child's account.",
    ),
    Column(
        "age_until",
        BigInteger,
        nullable=False,
        comment="When the age group must be asked again. As long as the child's account.",
    ),
    ForeignKeyConstraint(["person_id", "household_id"], ["people.id", "people.household_id"], ondelete="CASCADE"),
    ForeignKeyConstraint(["consent_id", "household_id"], ["consents.id", "consents.household_id"]),
    CheckConstraint("age_group IS NULL OR age_group IN ('5-8','9-12','13-15','16-17')", name="age_group"),
)

guardianships: Final = Table(
    "guardianships",
    metadata,
    Column(
        "guardian_id",
        String(32),
        ForeignKey("people.id", ondelete="CASCADE"),
        primary_key=True,
        comment="Who looks after the child.",
    ),
    Column(
        "child_id",
        String(32),
        ForeignKey("children.person_id", ondelete="CASCADE"),
        primary_key=True,
        index=True,
        comment="Whom.",
    ),
)

devices: Final = Table(
    "devices",
    metadata,
    Column("id", String(32), primary_key=True, comment="Random. Until un-paired, then 30 days."),
    Column(
        "person_id",
        String(32),
        ForeignKey("people.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
        comment="Whose device.",
    ),
    Column(
        "label",
        String(40),
        nullable=False,
        comment="Browser and system family ('Chromium on Linux'), so that a parent can tell devices apart. As the row.",
    ),
    Column("paired_at", BigInteger, nullable=False, comment="Shown to the parent. As the row."),
    Column(
        "last_used_on",
        String(10),
        nullable=False,
        comment="The day, not the time or place; shown to the parent. As the row.",
    ),
    Column(
        "unpaired_at",
        BigInteger,
        nullable=True,
        comment="From then on the device is nobody's. The row goes after 30 days.",
    ),
)

sessions: Final = Table(
    "sessions",
    metadata,
    Column(
        "id",
        String(32),
        primary_key=True,
        comment="Random handle, for listing and revoking. Until 7 days after the end.",
    ),
    Column(
        "person_id",
        String(32),
        ForeignKey("people.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
        comment="Who is signed in.",
    ),
    Column(
        "device_id",
        String(32),
        ForeignKey("devices.id", ondelete="CASCADE"),
        nullable=True,
        index=True,
        comment="Children only: the paired device.",
    ),
    Column(
        "token_hash",
        LargeBinary(32),
        nullable=False,
        unique=True,
        comment="SHA-256 of the cookie; the cookie itself is not kept. As the row.",
    ),
    Column(
        "label", String(40), nullable=False, comment="Browser and system family, to tell sign-ins apart. As the row."
    ),
    Column("created_at", BigInteger, nullable=False, comment="As the row."),
    Column("last_used_on", String(10), nullable=False, comment="The day; shown in the list. As the row."),
    Column("expires_at", BigInteger, nullable=False, comment="30 days for grown-ups, a year for a paired device."),
    Column("revoked_at", BigInteger, nullable=True, comment="Signed out or revoked; the row goes 7 days later."),
    Column(
        "identity",
        String(43),
        nullable=True,
        comment="Public half of the key with which this browser signs; a roster names it. As the row.",
    ),
)

pairings: Final = Table(
    "pairings",
    metadata,
    Column("id", String(32), primary_key=True, comment="Random. The row goes ten minutes after it expires."),
    Column(
        "code_hash",
        LargeBinary(32),
        nullable=False,
        unique=True,
        comment="SHA-256 of the words on the child's screen. As the row.",
    ),
    Column(
        "claim_hash",
        LargeBinary(32),
        nullable=False,
        unique=True,
        comment="SHA-256 of the secret that only that device holds. As the row.",
    ),
    Column(
        "label",
        String(40),
        nullable=False,
        comment="Browser and system family, shown to the guardian before the yes. As the row.",
    ),
    Column(
        "child_id",
        String(32),
        ForeignKey("children.person_id", ondelete="CASCADE"),
        nullable=True,
        comment="Set by the guardian's yes. As the row.",
    ),
    Column(
        "approved_by",
        String(32),
        ForeignKey("people.id", ondelete="CASCADE"),
        nullable=True,
        comment="Which guardian. As the row.",
    ),
    Column("expires_at", BigInteger, nullable=False, comment="Ten minutes."),
    Column("used_at", BigInteger, nullable=True, comment="Single use. As the row."),
    Column(
        "guardian_key",
        String(43),
        nullable=True,
        comment="Public key of the browser that said yes; the device remembers it as its own grown-up's. As the row.",
    ),
)

introductions: Final = Table(
    "introductions",
    metadata,
    Column("id", String(32), primary_key=True, comment="Random. The row goes a day after it expires."),
    Column("kind", String(8), nullable=False, comment="code (child to child, words) or link (guardian to grown-up)."),
    Column(
        "secret_hash",
        LargeBinary(32),
        nullable=False,
        unique=True,
        comment="SHA-256 of the words or the link's token. As the row.",
    ),
    Column(
        "child_id",
        String(32),
        ForeignKey("children.person_id", ondelete="CASCADE"),
        nullable=False,
        index=True,
        comment="Who may be met through it. As the row.",
    ),
    Column(
        "made_by",
        String(32),
        ForeignKey("people.id", ondelete="CASCADE"),
        nullable=False,
        comment="The child (code) or the guardian (link). As the row.",
    ),
    Column("expires_at", BigInteger, nullable=False, comment="Ten minutes for a code, seven days for a link."),
    Column("used_at", BigInteger, nullable=True, comment="Single use. As the row."),
    CheckConstraint("kind IN ('code','link')", name="kind"),
)

contacts: Final = Table(
    "contacts",
    metadata,
    Column(
        "id",
        String(32),
        primary_key=True,
        comment="Random. Until one year after it ended, then the row goes with its yeses.",
    ),
    Column(
        "a_id",
        String(32),
        ForeignKey("people.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
        comment="The child whose code or link it was.",
    ),
    Column(
        "b_id",
        String(32),
        ForeignKey("people.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
        comment="Who used it: a child or a grown-up.",
    ),
    Column(
        "pair",
        String(65),
        nullable=False,
        comment="Both ids in order, so that one pair has one living contact. As the row.",
    ),
    Column(
        "state",
        String(12),
        nullable=False,
        comment="asked, approved, refused, lapsed or ended: server/contacts.py draws the machine.",
    ),
    Column("opened_by", String(8), nullable=False, comment="code or link; shown to those who decide. As the row."),
    Column("created_at", BigInteger, nullable=False, comment="Shown to those who decide. As the row."),
    Column("decide_by", BigInteger, nullable=False, comment="14 days to decide, then it lapses. As the row."),
    Column("approved_at", BigInteger, nullable=True, comment="When the last yes came. As the row."),
    Column("until", BigInteger, nullable=True, comment="A yes lasts a year (row 16). As the row."),
    Column("ended_at", BigInteger, nullable=True, comment="As the row."),
    CheckConstraint("state IN ('asked','approved','refused','lapsed','ended')", name="state"),
    CheckConstraint("a_id <> b_id", name="two_people"),
    Index(
        "uq_contacts_living_pair",
        "pair",
        unique=True,
        sqlite_where=text("state IN ('asked','approved')"),
        postgresql_where=text("state IN ('asked','approved')"),
    ),
)

yeses: Final = Table(
    "yeses",
    metadata,
    Column(
        "contact_id",
        String(32),
        ForeignKey("contacts.id", ondelete="CASCADE"),
        primary_key=True,
        comment="Which contact.",
    ),
    Column(
        "slot",
        String(12),
        primary_key=True,
        comment="Which of the four: a, b, guardian_a, guardian_b. An adult b has no guardian_b.",
    ),
    Column(
        "person_id",
        String(32),
        ForeignKey("people.id", ondelete="CASCADE"),
        nullable=False,
        comment="Who said it. As the contact.",
    ),
    Column("voice", Boolean, nullable=False, comment="Voice approved. As the contact."),
    Column("video", Boolean, nullable=False, comment="Video approved, apart from voice (row 20). As the contact."),
    Column(
        "how_known",
        String(16),
        nullable=True,
        comment="From a fixed list, never free text: no message travels between families who have not agreed. As the contact.",
    ),
    Column("said_at", BigInteger, nullable=False, comment="Shown on 'who said yes'. As the contact."),
    CheckConstraint("slot IN ('a','b','guardian_a','guardian_b')", name="slot"),
    CheckConstraint("voice OR NOT video", name="no_video_without_voice"),
)

sides: Final = Table(
    "sides",
    metadata,
    Column(
        "contact_id",
        String(32),
        ForeignKey("contacts.id", ondelete="CASCADE"),
        primary_key=True,
        comment="Which contact.",
    ),
    Column(
        "viewer_id",
        String(32),
        ForeignKey("people.id", ondelete="CASCADE"),
        primary_key=True,
        comment="As seen by whom.",
    ),
    Column(
        "other_id",
        String(32),
        ForeignKey("people.id", ondelete="CASCADE"),
        nullable=False,
        comment="Who is seen. As the contact.",
    ),
    Column(
        "ref",
        String(40),
        nullable=False,
        unique=True,
        comment="k_...: all that the viewer's device ever knows of the other. As the contact.",
    ),
    Column(
        "name", String(40), nullable=False, comment="What the viewer's family calls the other (row 23). As the contact."
    ),
    Column("avatar", Integer, nullable=False, comment="Picture chosen by the viewer's family. As the contact."),
    Column("ground", Integer, nullable=False, comment="As above."),
)

rosters: Final = Table(
    "rosters",
    metadata,
    Column(
        "contact_id",
        String(32),
        ForeignKey("contacts.id", ondelete="CASCADE"),
        primary_key=True,
        comment="Which contact. The row goes within the hour when the contact is over.",
    ),
    Column("side", String(1), primary_key=True, comment="Whose devices: those of a or of b. As the row."),
    Column(
        "serial", BigInteger, nullable=False, comment="Rises with each roster; only the newest is kept. As the row."
    ),
    Column(
        "signer",
        String(43),
        nullable=False,
        comment="Public key of the browser that signed it: the other side remembers it. As the row.",
    ),
    Column(
        "first_signer",
        String(43),
        nullable=False,
        comment="Who signed the first: another one is shown to the other family as changed. As the row.",
    ),
    Column(
        "body",
        Text,
        nullable=False,
        comment="The signed list of device keys, as the other side's devices check it. As the row.",
    ),
    Column("at", BigInteger, nullable=False, comment="When. As the row."),
    CheckConstraint("side IN ('a','b')", name="side"),
)

known_keys: Final = Table(
    "known_keys",
    metadata,
    Column(
        "contact_id",
        String(32),
        ForeignKey("contacts.id", ondelete="CASCADE"),
        primary_key=True,
        comment="Which contact. The row goes within the hour when the contact is over.",
    ),
    Column("side", String(1), primary_key=True, comment="Whose signer is known; the other side says so. As the row."),
    Column("key", String(43), nullable=False, comment="The public key that they said yes to. As the row."),
    Column("checked", Boolean, nullable=False, comment="They compared pictures first. As the row."),
    Column("signer", String(43), nullable=False, comment="Public key of the browser that said so. As the row."),
    Column("body", Text, nullable=False, comment="What was signed: their own child's devices check it. As the row."),
    Column("at", BigInteger, nullable=False, comment="When. As the row."),
    CheckConstraint("side IN ('a','b')", name="side"),
)

comparisons: Final = Table(
    "comparisons",
    metadata,
    Column(
        "contact_id",
        String(32),
        ForeignKey("contacts.id", ondelete="CASCADE"),
        primary_key=True,
        comment="Two grown-ups of this contact compare pictures now. The row goes when both said the same, or within the hour.",
    ),
    Column("id", String(32), nullable=False, comment="Which exchange; random. As the row."),
    Column("first_side", String(1), nullable=False, comment="Which side began: that of a or of b. As the row."),
    Column(
        "first_id",
        String(32),
        ForeignKey("people.id", ondelete="CASCADE"),
        nullable=False,
        comment="Who began. As the row.",
    ),
    Column(
        "second_id",
        String(32),
        ForeignKey("people.id", ondelete="CASCADE"),
        nullable=True,
        comment="Who answered. As the row.",
    ),
    Column("commitment", String(43), nullable=False, comment="A hash, carried to the other side. As the row."),
    Column("second_key", String(43), nullable=True, comment="A public key, carried to the other side. As the row."),
    Column("second_random", String(43), nullable=True, comment="Carried to the other side; good once. As the row."),
    Column("first_key", String(43), nullable=True, comment="As second_key. As the row."),
    Column("first_random", String(43), nullable=True, comment="As second_random. As the row."),
    Column("first_said", String(6), nullable=True, comment="same or differ; the other side is told. As the row."),
    Column("second_said", String(6), nullable=True, comment="As above."),
    Column("expires_at", BigInteger, nullable=False, comment="Ten minutes."),
    CheckConstraint("first_side IN ('a','b')", name="first_side"),
    CheckConstraint("first_said IN ('same','differ')", name="first_said"),
    CheckConstraint("second_said IN ('same','differ')", name="second_said"),
)

picture_tries: Final = Table(
    "picture_tries",
    metadata,
    Column("id", String(32), primary_key=True, comment="An exchange that was begun. The row goes after a day."),
    Column(
        "contact_id",
        String(32),
        ForeignKey("contacts.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
        comment="With which contact: five a day. As the row.",
    ),
    Column("at", BigInteger, nullable=False, comment="When. As the row."),
)

picture_doubts: Final = Table(
    "picture_doubts",
    metadata,
    Column(
        "contact_id",
        String(32),
        ForeignKey("contacts.id", ondelete="CASCADE"),
        primary_key=True,
        comment="Pictures were not the same. The row goes when they are, or as the contact.",
    ),
    Column("side", String(1), primary_key=True, comment="Which side said so; both are told. As the row."),
    Column("at", BigInteger, nullable=False, comment="When. As the row."),
    CheckConstraint("side IN ('a','b')", name="side"),
)

vouches: Final = Table(
    "vouches",
    metadata,
    Column(
        "contact_id",
        String(32),
        ForeignKey("contacts.id", ondelete="CASCADE"),
        primary_key=True,
        comment="For a grown-up contact: somebody has given their word for that grown-up (row 6). As the row.",
    ),
    Column(
        "guardian_id",
        String(32),
        ForeignKey("people.id", ondelete="CASCADE"),
        nullable=False,
        comment="Whose word: a guardian of the child. Until it is taken back, or as the contact.",
    ),
    Column("at", BigInteger, nullable=False, comment="When. As the row."),
)

supervisions: Final = Table(
    "supervisions",
    metadata,
    Column(
        "contact_id",
        String(32),
        ForeignKey("contacts.id", ondelete="CASCADE"),
        primary_key=True,
        comment="For calls with which contact. As the contact.",
    ),
    Column(
        "child_id",
        String(32),
        ForeignKey("children.person_id", ondelete="CASCADE"),
        primary_key=True,
        comment="What this child's family wants; each side sets its own. No row: free. As the contact.",
    ),
    Column(
        "mode",
        String(8),
        nullable=False,
        comment="ask: a yes before each call; present: a grown-up there. As the contact.",
    ),
    CheckConstraint("mode IN ('ask','present')", name="mode"),
)

call_yeses: Final = Table(
    "call_yeses",
    metadata,
    Column("id", String(32), primary_key=True, comment="Random. The row goes a day after its time is over."),
    Column(
        "contact_id",
        String(32),
        ForeignKey("contacts.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
        comment="A call with whom. As the row.",
    ),
    Column(
        "child_id",
        String(32),
        ForeignKey("children.person_id", ondelete="CASCADE"),
        nullable=False,
        index=True,
        comment="Whose call. As the row.",
    ),
    Column(
        "guardian_id",
        String(32),
        ForeignKey("people.id", ondelete="CASCADE"),
        nullable=True,
        comment="Who said yes, or is there. As the row.",
    ),
    Column(
        "kind",
        String(8),
        nullable=False,
        comment="ask: one yes for one call; present: a grown-up is there. As the row.",
    ),
    Column("state", String(8), nullable=False, comment="asked, given, refused or over. As the row."),
    Column(
        "call_id",
        String(32),
        nullable=True,
        comment="The one call that a yes was used for: it is good for no other. As the row.",
    ),
    Column("at", BigInteger, nullable=False, comment="When it was asked for or given; shown to both. As the row."),
    Column(
        "until",
        BigInteger,
        nullable=False,
        comment="A yes that nobody used, and a presence that nobody renewed, ends then. As the row.",
    ),
    CheckConstraint("kind IN ('ask','present')", name="kind"),
    CheckConstraint("state IN ('asked','given','refused','over')", name="state"),
)

limits: Final = Table(
    "limits",
    metadata,
    Column(
        "child_id",
        String(32),
        ForeignKey("children.person_id", ondelete="CASCADE"),
        primary_key=True,
        comment="Whose day. No row: no limit. As long as the child's account.",
    ),
    Column(
        "quiet_from",
        Integer,
        nullable=True,
        comment="Quiet hours begin: minute of the day in the home's own time (row 45). As long as it is set.",
    ),
    Column(
        "quiet_until",
        Integer,
        nullable=True,
        comment="Quiet hours end, likewise; past midnight when smaller. As long as it is set.",
    ),
    Column(
        "minutes_a_day",
        Integer,
        nullable=True,
        comment="Call time for a day of the home (row 45). As long as it is set.",
    ),
    Column(
        "stage_on",
        Boolean,
        nullable=False,
        comment="May be on a stage; off unless somebody switched it on (row 31). As the row.",
    ),
    Column("set_at", BigInteger, nullable=False, comment="Shown to the child: since when. As the row."),
    Column(
        "objected_at",
        BigInteger,
        nullable=True,
        comment="When the child said that it is unfair (row 53); shown to the guardian. Until it is changed.",
    ),
    CheckConstraint("quiet_from IS NULL OR quiet_from BETWEEN 0 AND 1439", name="quiet_from"),
    CheckConstraint("(quiet_from IS NULL) = (quiet_until IS NULL) AND quiet_from <> quiet_until", name="quiet_hours"),
    CheckConstraint("quiet_until IS NULL OR quiet_until BETWEEN 0 AND 1439", name="quiet_until"),
    CheckConstraint("minutes_a_day IS NULL OR minutes_a_day BETWEEN 1 AND 1440", name="minutes_a_day"),
)

teen_leads: Final = Table(
    "teen_leads",
    metadata,
    Column(
        "child_id",
        String(32),
        ForeignKey("children.person_id", ondelete="CASCADE"),
        primary_key=True,
        comment="A teenager who leads their own account, or once did (row 47). As the account.",
    ),
    Column("since", BigInteger, nullable=False, comment="Shown to teenager and guardian. As the row."),
    Column(
        "ended_at",
        BigInteger,
        nullable=True,
        comment="Given back: no guardian sees calls from before (row 47). Until the lead is taken again, or as the account.",
    ),
    Column(
        "led_until",
        BigInteger,
        nullable=True,
        comment="Age or country no longer allow it: likewise, from then on. Until they do again, or as the account.",
    ),
)

blocks: Final = Table(
    "blocks",
    metadata,
    Column(
        "by_id",
        String(32),
        ForeignKey("people.id", ondelete="CASCADE"),
        primary_key=True,
        comment="Who blocked; only they see this row, no grown-up's page reads it (row 52). Until taken back, or as the last contact.",
    ),
    Column(
        "of_id",
        String(32),
        ForeignKey("people.id", ondelete="CASCADE"),
        primary_key=True,
        index=True,
        comment="Whom. As the row.",
    ),
    Column("at", BigInteger, nullable=False, comment="When; shown to who blocked. As the row."),
)

reviews: Final = Table(
    "reviews",
    metadata,
    Column(
        "person_id",
        String(32),
        ForeignKey("people.id", ondelete="CASCADE"),
        primary_key=True,
        comment="A grown-up approved for children of many families, whom a helper has looked at (row 17). As the account.",
    ),
    Column("families", Integer, nullable=False, comment="Up to how many families are fine. As the row."),
    Column("at", BigInteger, nullable=False, comment="When it was looked at. As the row."),
)

shifts: Final = Table(
    "shifts",
    metadata,
    Column(
        "id", String(32), primary_key=True, comment="A moderator's shift (row 34). The row goes a day after it ended."
    ),
    Column("until", BigInteger, nullable=False, comment="Renewed by a heartbeat; over when it is not. As the row."),
)

calls: Final = Table(
    "calls",
    metadata,
    Column("id", String(32), primary_key=True, comment="c_... Random. 30 days."),
    Column("media", String(8), nullable=False, comment="audio or video, as rung. 30 days."),
    Column("state", String(8), nullable=False, comment="live or ended; ended is terminal. 30 days."),
    Column(
        "started_at",
        BigInteger,
        nullable=False,
        comment="For the family's own list: who, when, how long (row 46). 30 days.",
    ),
    Column("ended_at", BigInteger, nullable=True, comment="As above. 30 days."),
    Column("code", String(32), nullable=True, comment="Why it ended, from the closed list. 30 days."),
    CheckConstraint("state IN ('live','ended')", name="state"),
)

call_people: Final = Table(
    "call_people",
    metadata,
    Column("call_id", String(32), ForeignKey("calls.id", ondelete="CASCADE"), primary_key=True, comment="Which call."),
    Column(
        "person_id",
        String(32),
        ForeignKey("people.id", ondelete="CASCADE"),
        primary_key=True,
        comment="Who was rung or rang. 30 days.",
    ),
    Column("came_at", BigInteger, nullable=True, comment="When their media was up. 30 days."),
    Column("left_at", BigInteger, nullable=True, comment="When they left. 30 days."),
    # read with every question about a child with call time: only what is of today, not the thirty days
    Index("ix_call_people_person_id_left_at", "person_id", "left_at"),
)

tickets: Final = Table(
    "tickets",
    metadata,
    Column("hash", LargeBinary(32), primary_key=True, comment="SHA-256 of a WebSocket ticket. 30 seconds."),
    Column(
        "session_id",
        String(32),
        ForeignKey("sessions.id", ondelete="CASCADE"),
        nullable=False,
        comment="Whose. 30 seconds.",
    ),
    Column("expires_at", BigInteger, nullable=False, comment="30 seconds."),
)

notices: Final = Table(
    "notices",
    metadata,
    Column(
        "id",
        Integer,
        primary_key=True,
        autoincrement=True,
        comment="Order. An outbox row: what live calls must hear, written with the change itself. Done rows go after a day.",
    ),
    Column("kind", String(24), nullable=False, comment="facts_changed, session_over, changed, end_call."),
    Column("people", Text, nullable=False, comment="JSON list of person ids concerned. As the row."),
    Column("detail", Text, nullable=False, comment="JSON: which session, which page, who ended it. As the row."),
    Column("created_at", BigInteger, nullable=False, comment="As the row."),
    Column("done_at", BigInteger, nullable=True, comment="When the live calls had heard it. As the row."),
    # looked through after every change; a day's done rows must not make a revocation slower
    Index("ix_notices_undone", "id", sqlite_where=text("done_at IS NULL"), postgresql_where=text("done_at IS NULL")),
)

mark_key: Final = Table(
    "mark_key",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False, comment="Always 1: one key for one deployment."),
    Column(
        "secret",
        LargeBinary(32),
        nullable=False,
        comment="Scrambles the mark in a picture; every sending device is given it. As the deployment: without it no mark is read.",
    ),
    Column("made_at", BigInteger, nullable=False, comment="Marks are readable from then on. As the row."),
    CheckConstraint("id = 1", name="only_one"),
)

marks: Final = Table(
    "marks",
    metadata,
    Column(
        "id",
        BigInteger,
        primary_key=True,
        autoincrement=False,
        comment="The 32 random bits in one recipient's copy (row 37). 30 days, as the call record; longer only as evidence.",
    ),
    Column(
        "call_id",
        String(32),
        nullable=False,
        comment="Of which call; outlives the call's own row only as evidence. As the row.",
    ),
    Column(
        "sender",
        String(32),
        nullable=False,
        index=True,
        comment="Whose picture, by pseudonym: no key to the account, so that what is evidence outlives it. As the row.",
    ),
    Column("recipient", String(32), nullable=False, comment="Whose copy, by pseudonym. As the row."),
    Column(
        "quarter",
        Integer,
        nullable=False,
        comment="Which quarter of a second the copy swings by, so that two averaged copies do not cancel out. As the row.",
    ),
    Column("issued_at", BigInteger, nullable=False, comment="Starts the 30 days. As the row."),
    Column(
        "state",
        String(8),
        nullable=False,
        comment="issued (the device has said nothing, so not known to be marked), marked or unmarked (row 37). As the row.",
    ),
    Column("why", String(16), nullable=True, comment="Why it is unmarked, from a closed list. As the row."),
    Column("told_at", BigInteger, nullable=True, comment="When the device first said that it marks. As the row."),
    UniqueConstraint("call_id", "sender", "recipient"),
    Index("ix_marks_issued_at", "issued_at"),
    CheckConstraint("id BETWEEN 0 AND 4294967295", name="id"),
    CheckConstraint("quarter BETWEEN 0 AND 3", name="quarter"),
    CheckConstraint("state IN ('issued','marked','unmarked')", name="state"),
    CheckConstraint("(why IS NOT NULL) = (state = 'unmarked')", name="why"),
)

helpers: Final = Table(
    "helpers",
    metadata,
    Column(
        "id",
        String(32),
        primary_key=True,
        comment="helper_... Random; in the audit record. As long as what they decided is kept.",
    ),
    Column(
        "name",
        String(40),
        nullable=False,
        unique=True,
        comment="How the operator calls them; typed in commands. As the row.",
    ),
    Column(
        "key_hash",
        LargeBinary(32),
        nullable=False,
        comment="SHA-256 of a random key that only this helper has. As the row.",
    ),
    Column("added_at", BigInteger, nullable=False, comment="As the row."),
    Column("gone_at", BigInteger, nullable=True, comment="No helper any more from then on. The row goes a year later."),
)

inspectors: Final = Table(
    "inspectors",
    metadata,
    Column(
        "id",
        String(32),
        primary_key=True,
        comment="i_... Random; in the audit record. Until a year after the key was taken back.",
    ),
    Column(
        "name",
        String(40),
        nullable=False,
        unique=True,
        comment="How the operator calls them; typed in commands. As the row.",
    ),
    Column(
        "key_hash",
        LargeBinary(32),
        nullable=False,
        unique=True,
        comment="SHA-256 of a random key that only this inspector has. As the row.",
    ),
    Column("added_at", BigInteger, nullable=False, comment="As the row."),
    Column(
        "gone_at", BigInteger, nullable=True, comment="No inspector any more from then on. The row goes a year later."
    ),
)

inspector_sessions: Final = Table(
    "inspector_sessions",
    metadata,
    Column(
        "token_hash",
        LargeBinary(32),
        primary_key=True,
        comment="SHA-256 of the cookie; the cookie itself is not kept. Until signed out, or until it runs out.",
    ),
    Column(
        "inspector_id",
        String(32),
        ForeignKey("inspectors.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
        comment="Whose sign-in. The row goes with the key.",
    ),
    Column("expires_at", BigInteger, nullable=False, comment="Four hours after signing in; the row goes then."),
)

reports: Final = Table(
    "reports",
    metadata,
    Column(
        "id",
        String(32),
        primary_key=True,
        comment="r_... Random. Closed: 30 days, or a year if passed on (OSA s. 66, SI 2026/268). Taken and then left: a year.",
    ),
    Column(
        "reporter",
        String(32),
        nullable=False,
        index=True,
        comment="Who said it, by pseudonym, so that it outlives an account; no grown-up's page reads this (row 52). As the row.",
    ),
    Column(
        "request",
        String(40),
        nullable=False,
        comment="Made by the page, so that sending again is the same report. As the row.",
    ),
    Column(
        "told_from",
        String(32),
        nullable=True,
        comment="The sign-in that told it: no other device of this child shows it, a guardian may have paired one. As the row.",
    ),
    Column(
        "kind",
        String(12),
        nullable=False,
        comment="recorded: somebody recorded me (row 40). clip: a helper has a recording. As the row.",
    ),
    Column(
        "about", String(32), nullable=True, comment="Who it is about, by pseudonym; null: I do not know. As the row."
    ),
    Column("call_id", String(32), nullable=True, comment="In which call, if the child said so. As the row."),
    Column(
        "what", Text, nullable=False, comment="JSON: what happened, from a closed list, never free text. As the row."
    ),
    Column("made_at", BigInteger, nullable=False, comment="Starts the clock. As the row."),
    Column(
        "look_by",
        BigInteger,
        nullable=False,
        comment="48 hours later (OSA s. 10(3A), s. 20A): by then a helper looks. Taken: by when to close it. As the row.",
    ),
    Column(
        "state",
        String(8),
        nullable=False,
        comment="open, taken (a helper has looked) or closed; told to the child. As the row.",
    ),
    Column("taken_by", String(32), nullable=True, comment="Which helper has it. As the row."),
    Column("taken_at", BigInteger, nullable=True, comment="When the first one looked: whether in time. As the row."),
    Column("closed_at", BigInteger, nullable=True, comment="As the row."),
    Column("outcome", String(16), nullable=True, comment="How it ended, from a closed list. As the row."),
    Column(
        "keep_until", BigInteger, nullable=True, comment="Set when it is closed: then the row and its hold on marks go."
    ),
    UniqueConstraint("reporter", "request"),
    CheckConstraint("kind IN ('recorded','clip')", name="kind"),
    CheckConstraint("state IN ('open','taken','closed')", name="state"),
    CheckConstraint("(keep_until IS NOT NULL) = (state = 'closed')", name="keep_until"),
    # looked for whenever a helper looks, and for the alarm: the open ones, the most urgent first
    Index("ix_reports_state_look_by", "state", "look_by"),
)

evidence: Final = Table(
    "evidence",
    metadata,
    Column(
        "report_id",
        String(32),
        ForeignKey("reports.id", ondelete="CASCADE"),
        primary_key=True,
        comment="Which report holds the mark. As the report.",
    ),
    Column(
        "mark_id",
        BigInteger,
        ForeignKey("marks.id"),
        primary_key=True,
        index=True,
        comment="Which mark is not deleted meanwhile: the key makes it impossible. As the report.",
    ),
)

mark_asks: Final = Table(
    "mark_asks",
    metadata,
    Column("id", String(32), primary_key=True, comment="a_... Random. The row goes 30 days after it was asked."),
    Column(
        "report_id",
        String(32),
        ForeignKey("reports.id", ondelete="CASCADE"),
        nullable=False,
        comment="In which case. As the row.",
    ),
    Column(
        "mark_id",
        BigInteger,
        nullable=False,
        comment="What the recording read as; whether it was ever issued is not said here. As the row.",
    ),
    Column("why", String(16), nullable=False, comment="From a closed list. As the row."),
    Column(
        "asked_by",
        String(32),
        ForeignKey("helpers.id"),
        nullable=False,
        comment="The first of two helpers. As the row.",
    ),
    Column("asked_at", BigInteger, nullable=False, comment="As the row."),
    Column("until", BigInteger, nullable=False, comment="24 hours for the second helper. As the row."),
    Column("agreed_by", String(32), ForeignKey("helpers.id"), nullable=True, comment="The second helper. As the row."),
    Column("agreed_at", BigInteger, nullable=True, comment="An answer is given once. As the row."),
    CheckConstraint("agreed_by IS NULL OR agreed_by <> asked_by", name="two_people"),
    CheckConstraint("mark_id BETWEEN 0 AND 4294967295", name="mark_id"),
)

audit: Final = Table(
    "audit",
    metadata,
    Column(
        "chain",
        String(34),
        primary_key=True,
        comment="A household's chain ('h_'+id), a person's own ('o_'+hash), the platform's, or 'apart'. Outlives accounts.",
    ),
    Column("seq", Integer, primary_key=True, comment="Counts up by one in each chain from 1; a gap is a cut."),
    Column("at", BigInteger, nullable=False, comment="Time of the decision."),
    Column("question", String(32), nullable=False, comment="The verb asked. No names, no addresses, no SDP."),
    Column("who", Text, nullable=False, comment="JSON: pseudonyms of those concerned."),
    Column("verdict", String(5), nullable=False, comment="allow or deny."),
    Column("rules", Text, nullable=False, comment="JSON: ids of all deciding rules."),
    Column("rulebook", String(32), nullable=False, comment="Which version of the rules decided."),
    Column("previous", LargeBinary(32), nullable=False, comment="Hash of the row before; 32 zero bytes at the start."),
    Column("hash", LargeBinary(32), nullable=False, comment="SHA-256 over `previous` and the row's digest."),
    Column(
        "salt",
        LargeBinary(64),
        nullable=False,
        comment="Random: whoever is shown only a row's digest cannot find out the row by trying. As the row.",
    ),
    CheckConstraint("verdict IN ('allow','deny')", name="verdict"),
)

audit_heads: Final = Table(
    "audit_heads",
    metadata,
    Column("chain", String(34), primary_key=True, comment="Which chain. Outlives accounts, as the chain itself."),
    Column("seq", Integer, nullable=False, comment="How many rows the chain has: rows cut from its end are missed."),
    Column("hash", LargeBinary(32), nullable=False, comment="Hash of its last row. As the chain."),
    Column(
        "covered",
        Integer,
        nullable=False,
        server_default="0",
        comment="How many of its rows the newest checkpoint vouches for. As the chain.",
    ),
)

# The four below name nobody. They are kept for as long as the record is: an old checkpoint is what an old copy is held against.

record_log: Final = Table(
    "record_log",
    metadata,
    Column(
        "idx",
        Integer,
        primary_key=True,
        autoincrement=False,
        comment="Place in the log, from 0. For ever: the log only grows.",
    ),
    Column("chain", String(34), nullable=False, comment="Which chain's head had moved. As the row."),
    Column("seq", Integer, nullable=False, comment="How many rows it then had. As the row."),
    Column("hash", LargeBinary(32), nullable=False, comment="Hash of its last row then. As the row."),
    Index("ix_record_log_chain_idx", "chain", "idx"),
)

record_nodes: Final = Table(
    "record_nodes",
    metadata,
    Column(
        "level", Integer, primary_key=True, autoincrement=False, comment="0: the log's entries, hashed. As the log."
    ),
    Column("place", Integer, primary_key=True, autoincrement=False, comment="From the left, from 0. As the log."),
    Column(
        "hash",
        LargeBinary(32),
        nullable=False,
        comment="Of a whole subtree: a proof needs a few of them instead of the log. As the log.",
    ),
)

checkpoints: Final = Table(
    "checkpoints",
    metadata,
    Column("n", Integer, primary_key=True, autoincrement=False, comment="Counts up from 1. For ever."),
    Column("at", BigInteger, nullable=False, comment="When it was signed. As the row."),
    Column("size", Integer, nullable=False, comment="How long the log was. As the row."),
    Column(
        "root", LargeBinary(32), nullable=False, comment="Of the tree over the log's first `size` entries. As the row."
    ),
    Column("note", Text, nullable=False, comment="The signed statement, public. As the row."),
)

record_keys: Final = Table(
    "record_keys",
    metadata,
    Column("n", Integer, primary_key=True, autoincrement=False, comment="Counts up from 1. For ever."),
    Column(
        "key",
        String(300),
        nullable=False,
        comment="Public key that signs from then on; the private one is a file, not here. As the row.",
    ),
    Column("since", BigInteger, nullable=False, comment="From when; the first from 0 on. As the row."),
    Column(
        "hand_over",
        Text,
        nullable=True,
        comment="The note in which the key before hands over, signed by both. Null for the first. As the row.",
    ),
)
