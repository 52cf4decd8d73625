"""The data map: every column of every table with why it is kept and for how long, and a DPIA template that is filled from it.

``server/db/models.py`` says it at each column; here it is only read, so the page cannot say anything else than the database does.
``python -m server.data_map`` prints docs/regulators/dpia.md, and a test holds the page current. What only the operator can know is left
open and says so: a template that pretends to be an assessment is worse than none (Children's Code 2; UK GDPR Art 35).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from server.db.models import metadata
from server.promises import Ledger, ledger

#: What each table is about, and whose data stand in it. A test holds this list to the tables that there are.
TABLES: Final[dict[str, tuple[str, str]]] = {
    "households": ("a family", "family"),
    "people": ("who there is", "child, grown-up"),
    "accounts": ("how a grown-up signs in", "grown-up"),
    "consents": ("a guardian's consent", "grown-up"),
    "children": ("an age group, and on whose consent it rests", "child"),
    "guardianships": ("who looks after whom", "child, grown-up"),
    "devices": ("a child's paired devices", "child"),
    "sessions": ("sign-ins", "child, grown-up"),
    "pairings": ("a device that waits for a guardian's yes", "child, grown-up"),
    "introductions": ("friend codes and links", "child, grown-up"),
    "contacts": ("who may call whom", "child, grown-up"),
    "yeses": ("the four yeses", "child, grown-up"),
    "sides": ("what each family calls the other", "child, grown-up"),
    "rosters": ("which devices may talk", "child, grown-up"),
    "known_keys": ("whose signature a family knows", "grown-up"),
    "comparisons": ("two grown-ups comparing pictures", "grown-up"),
    "picture_tries": ("how often pictures were compared", "grown-up"),
    "picture_doubts": ("pictures that were not the same", "grown-up"),
    "vouches": ("a guardian's word for a grown-up", "grown-up"),
    "supervisions": ("what a family wants for calls with one contact", "child"),
    "call_yeses": ("a yes for one call", "child, grown-up"),
    "limits": ("quiet hours and minutes", "child"),
    "teen_leads": ("a teenager who leads their own account", "child"),
    "blocks": ("who blocked whom", "child, grown-up"),
    "reviews": ("a grown-up whom a helper has looked at", "grown-up"),
    "shifts": ("a moderator's shift", "nobody"),
    "calls": ("that there was a call; never what was said or seen", "child, grown-up"),
    "call_people": ("who was in it, and how long", "child, grown-up"),
    "tickets": ("a way into the live connection, for 30 seconds", "child, grown-up"),
    "notices": ("what live calls must hear", "child, grown-up"),
    "mark_key": ("the key of the recipient's mark", "nobody"),
    "marks": ("the mark in each recipient's copy", "child, grown-up"),
    "helpers": ("who helps here", "staff"),
    "inspectors": ("who may check", "inspector"),
    "inspector_sessions": ("an inspector's sign-in", "inspector"),
    "reports": ("what a child told us", "child, grown-up"),
    "evidence": ("which marks a report holds", "child, grown-up"),
    "mark_asks": ("two helpers who ask whose copy it is", "staff"),
    "audit": ("what was asked and what the rules answered", "pseudonyms"),
    "audit_heads": ("where each chain of the record ends", "pseudonyms"),
    "record_log": ("heads of chains that a checkpoint covers", "pseudonyms"),
    "record_nodes": ("hashes over them", "nobody"),
    "checkpoints": ("signed checkpoints", "nobody"),
    "record_keys": ("public keys that sign them", "nobody"),
}


@dataclass(frozen=True, slots=True)
class Kept:
    """One column. ``says``: why it is kept and until when, in the words of the model."""

    table: str
    column: str
    says: str


def columns() -> list[Kept]:
    """Every column that there is, in the order of the models."""
    return [
        Kept(table.name, column.name, str(column.comment or ""))
        for table in metadata.tables.values()
        for column in table.columns
    ]


#: Who must be asked, and what is at stake. Rights of the Convention and harms, with the promises that stand against each.
RISKS: Final[tuple[tuple[str, str, tuple[str, ...]], ...]] = (
    ("A stranger reaches a child.", "grooming, abuse", ("contacts-only", "not-found", "same-answer", "four-yeses")),
    ("A child meets somebody unapproved in a group.", "grooming, abuse", ("pairwise-groups", "no-late-invisible-joiner", "asked-first")),
    ("A call goes on after a yes was taken back.", "abuse, loss of control", ("cut-at-once", "no-return", "device-unpaired-ends")),
    ("Somebody reads or keeps what a child says or shows.", "exposure, extortion", ("gate-cannot-see", "we-do-not-record")),
    ("A recipient films the screen.", "exposure, extortion", ("we-do-not-record", "a-helper-looks", "copies-are-traced")),
    ("A child's place is found by a network address.", "stalking", ("no-address",)),
    ("A grown-up at home controls a child by it.", "coercion, loss of privacy", ("help-is-private", "teenagers-lead", "child-can-say-no")),
    ("The operator, or a thief, changes what was decided.", "no redress", ("record-is-tamper-evident", "one-door")),
    ("More is kept than is needed, or for longer.", "loss of privacy", ("only-an-age-group", "retention")),
)  # fmt: skip

_FILL: Final = "*To be filled in by the operator.*"


def page(book: Ledger | None = None) -> str:
    """docs/regulators/dpia.md."""
    book = ledger() if book is None else book
    lines = [
        "# Data protection impact assessment: a template",
        "",
        "This page is printed by `python -m server.data_map` from the tables of the database and the promise ledger.",
        "It is a template, not an assessment: what only the operator can know is left open, and marked so.",
        "The assessment is the operator's duty (UK GDPR Art 35; Children's Code standard 2); nothing here is legal advice.",
        "",
        "## 1. Who, and why",
        "",
        "| What is asked | Answer |",
        "|---|---|",
        f"| Controller, and who is accountable | {_FILL} The settings `accountable_person` and `accountable_contact` name the person. |",
        f"| Data protection officer, if there is one | {_FILL} |",
        "| What the service does | Video calls between children and people whom both families have approved. |",
        "| Whose data | Children (as an age group), their guardians, other approved grown-ups, helpers, inspectors. |",
        f"| How many, in which countries | {_FILL} |",
        f"| Lawful basis for each purpose | {_FILL} A guardian's consent is recorded before a child's account exists; "
        "whether it is the basis is the operator's decision. |",
        f"| Processors (hosting, proxy, backup) | {_FILL} The software calls no other service by itself. |",
        f"| Transfers to other countries | {_FILL} |",
        f"| Children and parents who were asked for their views | {_FILL} |",
        "",
        "## 2. What is kept, why, and for how long",
        "",
        "Every column of the database, in the words of the code that makes it. *As the row* means: as long as the row is kept.",
        "Voice and picture are not in it, because they are stored nowhere. Addresses of the network are not in it either.",
        "Outside of the database there are: the private key of the record, in a file; a log without names, addresses or content; "
        "and the reports of inspections, which hold made-up people only.",
        "What the operator's own proxy, host and backup keep is for the operator to add.",
        f"Backups, and how long they are kept: {_FILL}",
        "",
    ]
    tables = metadata.tables
    for name, table in tables.items():
        about, whose = TABLES[name]
        lines += [
            f"### `{name}`: {about}",
            "",
            f"Whose data: {whose}.",
            "",
            "| Column | Why, and until when |",
            "|---|---|",
        ]
        lines += [f"| `{column.name}` | {_cell(column.comment)} |" for column in table.columns]
        lines.append("")
    lines += [
        "## 3. Is it needed, and in proportion?",
        "",
        "| What is asked | What the software does | What is left to the operator |",
        "|---|---|---|",
        f"| Minimisation | No birth date, telephone number, photograph, address book or place is asked for. | {_FILL} |",
        f"| Accuracy | An age group is asked anew each year; when nobody says it, it is read as the youngest. | {_FILL} |",
        f"| Storage limitation | Each table has its time above; a sweep runs every hour. | {_FILL} |",
        f"| Transparency | Pages in words for up to 12, from 13, and for adults. | {_FILL} The privacy notice itself. |",
        f"| Rights | Consent is withdrawn, contacts ended and devices un-paired by a press. No page exports or deletes an account yet. "
        f"| {_FILL} How requests for access and deletion are answered. |",
        "| Profiling and decisions by machine | None about a person's behaviour; rules over facts, each with its sentence and its row "
        f"in the record. | {_FILL} |",
        "",
        "## 4. Risks",
        "",
        "How likely and how grave is for the operator to judge, with the people whom it serves.",
        "",
        "| Risk | Harm | What stands against it here (promises) | Likely, grave, and what is left |",
        "|---|---|---|---|",
    ]
    for risk, harm, against in RISKS:
        known = [one for one in against if one in book.ids]
        lines.append(
            f"| {risk} | {harm} | {', '.join(f'`{one}`' for one in known) or 'nothing that is promised'} | {_FILL} |"
        )
    lines += [
        "",
        "What each promise says, and whether it is proven for the version that runs, is on the page `/promises/` of every server.",
        "",
        "## 5. Decision",
        "",
        "| What | By whom, and when |",
        "|---|---|",
        f"| Measures approved | {_FILL} |",
        f"| Risks that are left, accepted | {_FILL} |",
        f"| Advice of the data protection officer | {_FILL} |",
        f"| Views of children and parents, and what was done about them | {_FILL} |",
        f"| To be looked at again on | {_FILL} At the latest when a table, a rule or the age of those served changes. |",
        "",
    ]
    return "\n".join(lines)


def _cell(comment: str | None) -> str:
    return re.sub(r"\s+", " ", comment or "").replace("|", "/")


if __name__ == "__main__":
    print(page(), end="")  # noqa: T201 - this is the generator of a page
