"""Telling us: "Someone recorded me" (issue 4; master table rows 40, 42, 52). The safe-harbour zone, as ``blocks.py`` is.

A child says that somebody recorded them: in which call or who it was, or that they do not know, and from a short list what happened.
No words are needed, and none are kept. A helper looks within 48 hours (Online Safety Act s. 10(3A) and s. 20A: an intimate image is
to be gone 48 hours after the report; the clock starts when it comes in, and looking is what a service can do that holds no picture
itself). Until then, and for as long as the report is open, the marks of the child's own pictures in the calls concerned
are evidence and are not deleted, however old.

**Two clocks.** Looking is not the end of it: a report that a helper has taken is to be closed within seven days, or taken anew, by the
same helper or another. When the seven days are past, the house says so as loudly as it does after 48 hours. A case with the police takes
longer than a week, and then one press a week says that somebody still has it. Nothing is deleted while nobody has looked: a child's
report does not go by itself because nobody read it. What was taken and then left goes a year after the last hand on it, the longest that
a closed one is kept (OSA s. 66, SI 2026/268), for nothing about a child is kept without an end (UK GDPR Art 5(1)(e)); whoever still needs
it has been told so every hour of 51 weeks.

Promises kept in this file:

- A report is never refused. What it is about may be made up, over or somebody else's: then it is about nobody in particular, and
  everything that could be evidence is held. Sending it again is the same report. Who sends very many adds to the newest.
- No grown-up's page reads a report: every function for a page takes the one who reported and reads nobody else's rows. And of theirs
  only those told from this very sign-in: a guardian can pair one more screen as their child and look. The audit rows go to the
  platform's chain only, and whom it was about does not stand in them.
- People stand in the table under pseudonyms, so that deleting an account does not undo a report.

What helpers do with a report is ``server/helpers.py``.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, get_args

from sqlalchemy.ext.asyncio import AsyncConnection

from server import facts, marks
from server.accounts import SignedIn
from server.audit import PLATFORM
from server.db.session import Database, rows
from server.gatekeeper import Gatekeeper
from server.policy import Decision, Verb

HOUR: Final = 3_600_000
LOOK_MS: Final = 48 * HOUR
CLOSE_MS: Final = 7 * 24 * HOUR  #: so long after a helper took it, it is closed or taken anew
LEFT_MS: Final = 365 * 24 * HOUR  #: so long after the last hand on it, a report that was taken and left goes
MOST_OPEN: Final = (
    12  # of one sign-in; what comes after is added to its newest, so nobody buries the others, and nobody is refused
)
SHOWN_MS: Final = 30 * 24 * HOUR  # as long as a family's list of calls: what can be pointed at

#: What happened, as a child would say it: they filmed or photographed the screen; showed or sent it to somebody; say that they will;
#: want something for it; I saw it somewhere.
What = Literal["filmed", "shown", "threat", "wants", "seen"]
WHATS: Final[tuple[What, ...]] = get_args(What)


@dataclass(frozen=True, slots=True)
class Someone:
    """Somebody as the child's own page names them."""

    ref: str
    name: str
    avatar: int
    ground: int


@dataclass(frozen=True, slots=True)
class Call:
    """A call that can be pointed at: with whom, when it began (milliseconds)."""

    call: str
    with_: tuple[Someone, ...]
    at: int


@dataclass(frozen=True, slots=True)
class Report:
    """A report as the child who made it sees it. ``about``: the name that the child's page has for them; None: I do not know.
    ``state``: open, taken (a helper has looked) or closed."""

    id: str
    about: str | None
    at: int
    look_by: int
    state: str


@dataclass(frozen=True, slots=True)
class ToTell:
    """What the page of Help needs: calls and people to point at, what was told from here before, and the country and time of the home."""

    calls: tuple[Call, ...]
    people: tuple[Someone, ...]
    reports: tuple[Report, ...]
    country: str
    time_zone: str


async def look(db: Database, keeper: Gatekeeper, me: SignedIn, *, now: int) -> ToTell | Decision:
    """Whom and what I can point at, and what I have told: blocked people and ended contacts too."""
    async with db.begin() as tx:
        if not (decision := await _ask(tx, keeper, me, Verb.HELP, now)):
            return decision
        known = await _known(tx, me.person)
        calls: dict[str, Call] = {}
        for call, other, at in await rows(tx, _CALLS, me=me.person, since=now - SHOWN_MS):
            with_ = (known[other],) if other in known else ()
            calls[call] = Call(call, (*calls[call].with_, *with_) if call in calls else with_, at)
        mine = [
            _report(row, known, names)
            for names in [await _names(tx, known)]
            for row in await rows(tx, _MINE, me=me.person, here=me.session, since=now - SHOWN_MS)
        ]
        country, zone = (await rows(tx, _HOME, me=me.person))[0]
        return ToTell(tuple(calls.values()), tuple(known.values()), tuple(mine), country, zone)


async def make(
    db: Database,
    keeper: Gatekeeper,
    me: SignedIn,
    request: str,
    *,
    call: str | None,
    ref: str | None,
    what: Collection[What],
    now: int,
) -> Report | Decision:
    """Somebody recorded me. ``request`` is made by the page: the same again is the same report. ``call`` or ``ref`` say where or who;
    neither, or one that is not mine: I do not know."""
    async with db.begin() as tx:
        if not (decision := await _ask(tx, keeper, me, Verb.REPORT, now)):
            return decision
        known = await _known(tx, me.person)
        names = await _names(tx, known)
        if again := await rows(tx, f"{_REPORT} WHERE {_OWN} AND request = :request", me=me.person, request=request):
            return _report(again[0], known, names)
        call, about = await _about(tx, me.person, call, ref, names)
        own = (await marks.pseudonyms(tx, [me.person]))[me.person]
        if into := await _one_to_add_to(tx, me, call, about):
            # the same again, pressed anew: one row for the helpers, with everything that was said
            said = sorted({*json.loads(into[5]), *what})
            await rows(tx, "UPDATE reports SET what = :what WHERE id = :id", id=into[0], what=json.dumps(said))
            await hold(tx, into[0], own, call, about)
            return _report(into, known, names)
        told = {
            "id": f"r_{secrets.token_urlsafe(12)}",
            "reporter": own,
            "request": request,
            "here": me.session,
            "about": about,
            "call": call,
        }
        await rows(tx, _NEW, **told, kind="recorded", what=json.dumps(sorted({*what})), now=now, look_by=now + LOOK_MS)
        await hold(tx, told["id"] or "", own, call, about)
        made = await rows(tx, f"{_REPORT} WHERE id = :id", id=told["id"])
        return _report(made[0], known, names)


async def hold(tx: AsyncConnection, report: str, sender: str, call: str | None, recipient: str | None) -> None:
    """From now on these marks of ``sender``'s pictures are evidence: of one call, of one recipient, or all that are kept."""
    narrowed = " AND call_id = :call" if call else " AND recipient = :recipient" if recipient else ""
    only = {"call": call} if call else {"recipient": recipient} if recipient else {}
    await rows(
        tx, f"{_HOLD} WHERE sender = :sender{narrowed} ON CONFLICT DO NOTHING", report=report, sender=sender, **only
    )


async def hold_one(tx: AsyncConnection, report: str, mark: int) -> None:
    """From now on this mark is evidence, if it was ever issued and is still kept."""
    await rows(tx, f"{_HOLD} WHERE id = :mark ON CONFLICT DO NOTHING", report=report, mark=mark)


async def overdue(tx: AsyncConnection, now: int) -> int:
    """How many reports no helper has looked at within their 48 hours."""
    return await _late(tx, "open", now)


async def left(tx: AsyncConnection, now: int) -> int:
    """How many reports a helper has taken, and for seven days nobody has closed or taken anew."""
    return await _late(tx, "taken", now)


async def _late(tx: AsyncConnection, state: Literal["open", "taken"], now: int) -> int:
    late = "SELECT count(*) FROM reports WHERE state = :state AND look_by <= :now"
    return int((await rows(tx, late, state=state, now=now))[0][0])


async def _ask(tx: AsyncConnection, keeper: Gatekeeper, me: SignedIn, verb: Verb, now: int) -> Decision:
    """Asked as everything is, and written where no family looks."""
    asked = await facts.act(tx, verb, me.person, now=now, by=me.session or None)
    return await keeper.ask(tx, replace(asked, chains=(PLATFORM,)))


async def _known(tx: AsyncConnection, me: str) -> dict[str, Someone]:
    """Everybody whom I know or knew, by id, under the newest name that my page had for them. For this person's own page only."""
    found: dict[str, Someone] = {}
    for other, *card in await rows(tx, _KNOWN, me=me):
        found.setdefault(other, Someone(*card))
    return found


async def _names(tx: AsyncConnection, known: Collection[str]) -> dict[str, str]:
    """Pseudonym to id, of these people."""
    return {pseudonym: person for person, pseudonym in (await marks.pseudonyms(tx, known)).items()}


async def _about(
    tx: AsyncConnection, me: str, call: str | None, ref: str | None, names: dict[str, str]
) -> tuple[str | None, str | None]:
    """The call, if I was in it; and the pseudonym of whom it is about, if it can only be one."""
    if call is not None:
        others = [other for name, other, _ in await rows(tx, _CALLS, me=me, since=0) if name == call]
        if not others:
            return None, None
        only = next((pseudonym for pseudonym, person in names.items() if [person] == others), None)
        return call, only
    if ref is not None:
        found = await rows(tx, _BEHIND_REF, me=me, ref=ref)
        return None, (found[0][0] if found else None)
    return None, None


async def _one_to_add_to(tx: AsyncConnection, me: SignedIn, call: str | None, about: str | None) -> Any:
    """An open report told from here that says the same, or the newest when there are too many already."""
    open_ = f"{_REPORT} WHERE {_FROM_HERE} AND state = 'open' ORDER BY made_at DESC, id"
    mine = await rows(tx, open_, me=me.person, here=me.session)
    same = next((row for row in mine if (row[6], row[1]) == (call, about)), None)
    return same or (mine[0] if len(mine) >= MOST_OPEN else None)


def _report(row: Sequence[Any], known: dict[str, Someone], names: dict[str, str]) -> Report:
    one = known.get(names.get(row[1] or "", ""))
    return Report(
        row[0], one.name if one else None, row[2], row[2] + LOOK_MS, row[4]
    )  # the helpers' own clock is theirs


_OWN: Final = "reporter = (SELECT pseudonym FROM people WHERE id = :me)"
_FROM_HERE: Final = f"{_OWN} AND told_from = :here"
_REPORT: Final = "SELECT id, about, made_at, look_by, state, what, call_id FROM reports"
_MINE: Final = f"{_REPORT} WHERE {_FROM_HERE} AND made_at >= :since ORDER BY made_at DESC, id"
_NEW: Final = """
INSERT INTO reports (id, reporter, request, told_from, kind, about, call_id, what, made_at, look_by, state)
VALUES (:id, :reporter, :request, :here, :kind, :about, :call, :what, :now, :look_by, 'open')
"""
_HOLD: Final = "INSERT INTO evidence (report_id, mark_id) SELECT :report, id FROM marks"
_HOME: Final = "SELECT h.country, h.time_zone FROM people p JOIN households h ON h.id = p.household_id WHERE p.id = :me"
_BEHIND_REF: Final = """
SELECT p.pseudonym FROM sides s JOIN people p ON p.id = s.other_id WHERE s.ref = :ref AND s.viewer_id = :me
"""
_KNOWN: Final = """
SELECT s.other_id, s.ref, s.name, s.avatar, s.ground FROM sides s JOIN contacts k ON k.id = s.contact_id
 WHERE s.viewer_id = :me AND k.approved_at IS NOT NULL ORDER BY k.created_at DESC, k.id
"""
_CALLS: Final = """
SELECT mine.call_id, them.person_id, mine.came_at
  FROM call_people mine
  JOIN call_people them ON them.call_id = mine.call_id AND them.person_id <> mine.person_id AND them.came_at IS NOT NULL
 WHERE mine.person_id = :me AND mine.came_at >= :since ORDER BY mine.came_at DESC, mine.call_id, them.came_at
"""
