"""Helpers: who they are, what they do with a report, and how two of them learn whose copy a recording is (rows 37, 40, 57).

A helper has a key of their own, made when they are added and shown once; only its hash is kept. A typed name is nobody. So one
person cannot be two by typing two names, and what a helper did stands under their id in the platform's audit record.

**Two persons.** A mark is asked about in an open report by one helper (``ask_for_mark``) and told to another who agrees within a day
(``agree``); the rules decide both (``helpers-find-whose-copy`` and the noes beside it). What is told is two pseudonyms and a call,
never a name. Only a mark that the report holds as evidence is told. One that was never issued, is deleted or belongs to somebody else's
picture gets the same no, and asking alone shows no difference at all.

What this cannot prevent, and docs/how-to/trace-a-recording.md says so: whoever may write the database can add two helpers, or read the
table. Adding leaves a row in the record, reading does not.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final, Literal, get_args

from sqlalchemy.ext.asyncio import AsyncConnection

from server import audit, marks, reports
from server.audit import PLATFORM
from server.db.session import Database, rows
from server.facts import Asked
from server.gatekeeper import Gatekeeper
from server.policy import Decision, Verb
from server.policy.facts import STRANGER, Case, Handle, Person

DAY: Final = 24 * 3_600_000
ASK_MS: Final = DAY
#: How long a closed report and its evidence stay: a month for a child who comes back; a year if it went to an authority, which may ask
#: for related data (Online Safety Act s. 66, SI 2026/268: content and related user data for one year).
KEPT_MS: Final = {"passed_on": 365 * DAY, "helped": 30 * DAY, "nothing_found": 30 * DAY}
Outcome = Literal["passed_on", "helped", "nothing_found"]
OUTCOMES: Final[tuple[Outcome, ...]] = get_args(Outcome)
#: Why a mark is asked about: to act on the report itself, because the police or a hotline asks, by a court's order.
Why = Literal["report", "police", "court"]
WHYS: Final[tuple[Why, ...]] = get_args(Why)

_HELPERS_ONLY: Final = ("helpers-only",)


@dataclass(frozen=True, slots=True)
class Helper:
    """Somebody whose key was right. ``active``: still a helper."""

    id: str
    name: str
    active: bool


@dataclass(frozen=True, slots=True)
class Open:
    """A report as helpers see it: pseudonyms, no names. ``late_ms``: more than 0 when nobody has looked in time, or when it was taken
    and nobody has closed it or taken it anew in time. ``taken_by``: the id of the helper who has it."""

    id: str
    kind: str
    state: str
    made_at: int
    look_by: int
    late_ms: int
    what: tuple[str, ...]
    reporter: str
    about: str | None
    call: str | None
    marks: int
    taken_by: str | None


@dataclass(frozen=True, slots=True)
class Copy:
    """Whose copy it is: two pseudonyms, the call, and what the sending device said of the mark (marked, issued, unmarked)."""

    sender: str
    recipient: str
    call: str
    state: str


# -- who they are ---------------------------------------------------------------------------------------------------------


async def add(db: Database, keeper: Gatekeeper, name: str, now: int) -> str | None:
    """A new helper. Their key, which is kept nowhere; None if there is one of this name already."""
    helper, secret = f"helper_{secrets.token_urlsafe(12)}", secrets.token_urlsafe(32)  # h_ is a family's chain
    key = f"{helper}.{secret}"
    async with db.begin() as tx:
        if not await rows(tx, _NEW_HELPER, id=helper, name=name, hash=_hash(key), now=now):
            return None
        await note(tx, keeper, now, "add_helper", (helper,), allow=True)
    return key


async def remove(db: Database, keeper: Gatekeeper, name: str, now: int) -> bool:
    """No helper any more, from now on. False if there is none of this name."""
    async with db.begin() as tx:
        gone = await rows(
            tx,
            "UPDATE helpers SET gone_at = :now WHERE name = :name AND gone_at IS NULL RETURNING id",
            now=now,
            name=name,
        )
        if gone:
            await note(tx, keeper, now, "remove_helper", (gone[0][0],), allow=False)
        return bool(gone)


async def who(tx: AsyncConnection, key: str) -> Helper | None:
    """Whose key this is."""
    found = await rows(tx, "SELECT id, name, gone_at FROM helpers WHERE key_hash = :hash", hash=_hash(key))
    return Helper(found[0][0], found[0][1], found[0][2] is None) if found else None


async def note(
    tx: AsyncConnection, keeper: Gatekeeper, now: int, what: str, concerned: tuple[str, ...], *, allow: bool
) -> None:
    """One row in the platform's record for what no verb stands for."""
    verdict: Literal["allow", "deny"] = "allow" if allow else "deny"
    await audit.append(
        tx, (PLATFORM,), audit.Entry(now, what, concerned, verdict, _HELPERS_ONLY, keeper.rulebook.version)
    )


async def allowed(
    tx: AsyncConnection, keeper: Gatekeeper, key: str, what: str, now: int, report: str = ""
) -> Helper | None:
    """Whether this is a helper, who may do what every helper may; written down either way, with the report that it was done to: one
    helper alone can close a report, and its row is deleted afterwards."""
    helper = await who(tx, key)
    fine = helper is not None and helper.active
    there = report and await rows(tx, "SELECT 1 FROM reports WHERE id = :report", report=report)
    await note(tx, keeper, now, what, ((helper.id, report) if there else (helper.id,)) if helper else (), allow=fine)
    return helper if fine else None


# -- reports --------------------------------------------------------------------------------------------------------------


async def list_reports(db: Database, keeper: Gatekeeper, key: str, now: int) -> tuple[Open, ...] | None:
    """Every report that is not closed: overdue ones first, then by the hour by which somebody has to look. None: no helper."""
    async with db.begin() as tx:
        if await allowed(tx, keeper, key, "look_at_reports", now) is None:
            return None
        found = [_open(row, now) for row in await rows(tx, _OPEN)]
    return tuple(sorted(found, key=lambda one: (one.state != "open", -one.late_ms, one.look_by, one.id)))


async def take(db: Database, keeper: Gatekeeper, key: str, report: str, now: int) -> bool | None:
    """A helper has looked: the 48 hours stop, and the week to close it begins. Taking it again, also from another helper, begins the
    week anew; when it was looked at first stays. False if there is no report of this id that is not closed; None: no helper."""
    async with db.begin() as tx:
        if (helper := await allowed(tx, keeper, key, "take_report", now, report)) is None:
            return None
        taken = await rows(tx, _TAKE, report=report, helper=helper.id, now=now, close_by=now + reports.CLOSE_MS)
        return bool(taken)


async def close(db: Database, keeper: Gatekeeper, key: str, report: str, outcome: Outcome, now: int) -> bool | None:
    """Done. Its evidence goes when ``KEPT_MS`` is over. False if there is no taken report of this id; None: no helper."""
    async with db.begin() as tx:
        if await allowed(tx, keeper, key, "close_report", now, report) is None:
            return None
        closed = await rows(tx, _CLOSE, report=report, outcome=outcome, now=now, until=now + KEPT_MS[outcome])
        return bool(closed)


async def open_for_clip(db: Database, keeper: Gatekeeper, key: str, mark: int, now: int) -> str | None:
    """A recording has come in another way than by a child's report (the police, a parent's letter): a report of the helper's own,
    taken at once. It holds this one mark, if it was issued; whether it was is not said here. None: no helper."""
    async with db.begin() as tx:
        if (helper := await allowed(tx, keeper, key, "open_report", now)) is None:
            return None
        report = f"r_{secrets.token_urlsafe(12)}"
        await rows(tx, _CLIP, id=report, helper=helper.id, now=now, look_by=now + reports.CLOSE_MS)
        await reports.hold_one(tx, report, mark)
        return report


# -- whose copy -----------------------------------------------------------------------------------------------------------


async def ask_for_mark(
    db: Database, keeper: Gatekeeper, key: str, mark: int, report: str, why: Why, now: int
) -> str | Decision:
    """The first helper: whose copy is this? The id under which another one may agree. Says nothing about the mark."""
    async with db.begin() as tx:
        helper = await who(tx, key)
        case = Case(open=await _is_open(tx, report))
        if not (decision := await keeper.ask(tx, _asked(Verb.ASK_FOR_MARK, helper, case, now))) or helper is None:
            return decision
        ask = f"a_{secrets.token_urlsafe(12)}"
        await rows(tx, _ASK, id=ask, report=report, mark=mark, why=why, helper=helper.id, now=now, until=now + ASK_MS)
        return ask


async def agree(db: Database, keeper: Gatekeeper, key: str, ask: str, now: int) -> Copy | Decision:
    """The second helper: I agree that we are told. Whose copy it is, once."""
    async with db.begin() as tx:
        helper = await who(tx, key)
        case, copy, first = Case(), None, ""
        for report, mark, first, until, agreed_at, first_gone in await rows(tx, _ASKED, ask=ask):
            held = await rows(tx, _HELD, report=report, mark=mark)
            copy = Copy(*held[0]) if held else None
            case = Case(
                open=await _is_open(tx, report),
                evidence=copy is not None,
                another=helper is not None and helper.id != first and first_gone is None,
                in_time=agreed_at is None and now < until,
            )
        told = (copy.sender, copy.recipient) if copy and case == Case(True, True, True, True) else ()
        asked = _asked(Verb.RESOLVE_MARK, helper, case, now)
        # what was told stands in the record; what was refused does not
        asked = replace(
            asked, who=(*asked.who, *((first,) if first else ()), *(told if helper and helper.active else ()))
        )
        if not (decision := await keeper.ask(tx, asked)) or copy is None or helper is None:
            return decision
        await rows(
            tx, "UPDATE mark_asks SET agreed_by = :by, agreed_at = :now WHERE id = :ask", by=helper.id, now=now, ask=ask
        )
        return copy


async def export(db: Database, keeper: Gatekeeper, key: str, now: int) -> tuple[bytes, dict[int, str]] | None:
    """The deployment's key and every issued id that is kept, for reading a recording. Beside an id stands the day
    on which it was issued, which leads to nobody. None: no helper."""
    async with db.begin() as tx:
        if await allowed(tx, keeper, key, "export_marks", now) is None:
            return None
        issued = {
            number: f"mark of {datetime.fromtimestamp(at / 1000, UTC):%Y-%m-%d}"
            for number, at in await rows(tx, "SELECT id, issued_at FROM marks")
        }
    return await marks.key(db, now), issued


async def count(db: Database, keeper: Gatekeeper, key: str, now: int) -> marks.Tally | None:
    """How many of the kept copies are marked, and why others are not. None: no helper."""
    async with db.begin() as tx:
        if await allowed(tx, keeper, key, "count_marks", now) is None:
            return None
        return await marks.tally(tx)


def _asked(verb: Verb, helper: Helper | None, case: Case, now: int) -> Asked:
    person = STRANGER
    if helper is not None:
        # of a helper's key, which signs each command by itself, every fact but one is true: whether they still are one
        person = Person("helper", "18+", helper.active, *[True] * 7)
    return Asked(Handle(verb, person, case), (helper.id,) if helper else (), (PLATFORM,), now)


async def _is_open(tx: AsyncConnection, report: str) -> bool:
    return bool(await rows(tx, "SELECT 1 FROM reports WHERE id = :report AND state <> 'closed'", report=report))


def _open(row: Sequence[Any], now: int) -> Open:
    name, kind, state, made_at, look_by, what, reporter, about, call, held, by = row
    late = max(0, now - look_by)
    return Open(name, kind, state, made_at, look_by, late, tuple(json.loads(what)), reporter, about, call, held, by)


def _hash(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "replace")).digest()


_NEW_HELPER: Final = """
INSERT INTO helpers (id, name, key_hash, added_at) VALUES (:id, :name, :hash, :now) ON CONFLICT (name) DO NOTHING RETURNING id
"""
_OPEN: Final = """
SELECT r.id, r.kind, r.state, r.made_at, r.look_by, r.what, r.reporter, r.about, r.call_id,
       (SELECT count(*) FROM evidence e WHERE e.report_id = r.id), r.taken_by
  FROM reports r WHERE r.state <> 'closed'
"""
_TAKE: Final = """
UPDATE reports SET state = 'taken', taken_by = :helper, taken_at = COALESCE(taken_at, :now), look_by = :close_by
 WHERE id = :report AND state <> 'closed' RETURNING id
"""
_CLOSE: Final = """
UPDATE reports SET state = 'closed', closed_at = :now, outcome = :outcome, keep_until = :until
 WHERE id = :report AND state = 'taken' RETURNING id
"""
_CLIP: Final = """
INSERT INTO reports (id, reporter, request, kind, what, made_at, look_by, state, taken_by, taken_at)
VALUES (:id, :helper, :id, 'clip', '[]', :now, :look_by, 'taken', :helper, :now)
"""
_ASK: Final = """
INSERT INTO mark_asks (id, report_id, mark_id, why, asked_by, asked_at, until)
VALUES (:id, :report, :mark, :why, :helper, :now, :until)
"""
_ASKED: Final = """
SELECT a.report_id, a.mark_id, a.asked_by, a.until, a.agreed_at, h.gone_at
  FROM mark_asks a JOIN helpers h ON h.id = a.asked_by WHERE a.id = :ask
"""
_HELD: Final = """
SELECT m.sender, m.recipient, m.call_id, m.state FROM evidence e JOIN marks m ON m.id = e.mark_id
 WHERE e.report_id = :report AND e.mark_id = :mark
"""
