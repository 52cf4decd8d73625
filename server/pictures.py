"""Two grown-ups compare five pictures, once, when their families have met: the server carries what their devices say, in its order.

Two devices that never met take each other's key from us, and we could lie. So the grown-ups of the two sides of a contact compare
five pictures that their devices make of both keys and two random numbers, on the phone or side by side. Who begins commits to a key
and a number before the other side's are known, so that nobody in between can try keys until both see the same::

    nothing ──START(commitment)──▶ committed ──ANSWER(key, random)──▶ answered ──OPEN(key, random)──▶ opened
                                                                                                     │  │
       both said "the same": the row is gone ◀───────────────────────────────────────────────────────┘  │
       one said "not the same": it stands until its time is over, so that the other side hears of it ◀──┘

Ten minutes after it began it is over, whatever it was; whoever begins again takes the place of what ran. Five are begun a day for one
contact. None of this makes the pictures safe, and nothing here is trusted for it: the devices hold to the order themselves, count their
own tries, check the opening, and compute the pictures where we cannot see (``client_web/shared/seal/compare.js``). The random numbers
reach us when each is said to the other side, and not before.

Who may: the guardians of a child in the contact, each for their own side, and a grown-up contact for theirs. Where one grown-up
stands on both sides there is nothing to compare. That a child has blocked the other changes nothing here: it must not be told (row 52).

"The same" is for a family's own child, and what counts of it is signed elsewhere (``known_keys``). "Not the same" shuts: it switches voice
and video off for the side that said so, in the same transaction, on a live call too. We asked what the parent who pressed it expects:
that nobody goes on talking through whoever is in between. A slip of the eye costs two switches on the same page, and
they are that family's own. Where it has none (a teenager who leads, a grown-up contact) calls stay as they are, and both sides are told.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from sqlalchemy import and_, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from server import contacts, notices
from server.accounts import CONFLICT, DAY, MINUTE, No, SignedIn, ask, new_id
from server.contacts import NOBODYS, behind
from server.db.models import (
    comparisons,
    guardianships,
    people,
    picture_doubts,
    picture_tries,
)
from server.db.models import (
    contacts as contacts_table,
)
from server.db.session import Database
from server.gatekeeper import Gatekeeper
from server.policy import Decision, Verb

LASTS: Final = 10 * MINUTE  # a phone call in which both look at their screens
TRIES: Final = 5  # begun in a day for one contact; the devices count too (compare.js)
TOO_OFTEN: Final = No("slow_down")

Side = Literal["a", "b"]
Step = Literal["none", "committed", "answered", "opened"]
Word = Literal["same", "differ"]
Doubt = Literal["ours", "theirs", "both"]


@dataclass(frozen=True, slots=True)
class Begun:
    """The id of the exchange that was begun."""

    id: str


@dataclass(frozen=True, slots=True)
class Exchange:
    """How it stands, as one side sees it. ``part``: who this grown-up is in it; "other" is the second grown-up of this side.
    ``key`` and ``random`` are what the other side has revealed. ``left``: tries left today. ``expires_at``: milliseconds."""

    step: Step
    id: str | None
    part: Literal["first", "second", "other"] | None
    commitment: str | None
    key: str | None
    random: str | None
    said: Word | None
    they_said: Word | None
    doubt: Doubt | None
    left: int
    expires_at: int | None


@dataclass(frozen=True, slots=True)
class Kept:
    """What a list of contacts says of the pictures: there is somebody to compare them with, who has begun and waits; somebody said they
    were not the same."""

    can: bool = False
    waits: bool = False
    doubt: Doubt | None = None


# == Comparing ==============================================================================================================


async def look_at(db: Database, keeper: Gatekeeper, me: SignedIn, ref: str, *, now: int) -> Exchange | Decision | No:
    """How the comparison with this contact stands. ``CONFLICT`` where there is nothing to compare."""
    async with db.begin() as tx:
        where = await _ask(tx, keeper, me, ref, Verb.COMPARE_PICTURES, now)
        return where if isinstance(where, Decision | No) else await _shown(tx, where, me.person, now)


async def start(
    db: Database, keeper: Gatekeeper, me: SignedIn, ref: str, *, commitment: str, now: int
) -> Begun | Decision | No:
    """Begin, with a commitment. ``CONFLICT`` where the other side has begun and waits: then it is answered."""
    async with db.begin() as tx:
        where = await _ask(tx, keeper, me, ref, Verb.COMPARE_PICTURES, now)
        if isinstance(where, Decision | No):
            return where
        running = await _running(tx, where.contact, now)
        if running is not None and running.first_side != where.side and running.second_key is None:
            return CONFLICT
        if await _tries(tx, where.contact, now) >= TRIES:
            return TOO_OFTEN
        begun = Begun(new_id())
        await tx.execute(delete(comparisons).where(comparisons.c.contact_id == where.contact))
        await tx.execute(
            insert(comparisons).values(
                contact_id=where.contact, id=begun.id, first_side=where.side, first_id=me.person, commitment=commitment,
                expires_at=now + LASTS,
            )
        )  # fmt: skip
        await tx.execute(insert(picture_tries).values(id=begun.id, contact_id=where.contact, at=now))
        await _tell(tx, where, now)
        return begun


async def answer(
    db: Database, keeper: Gatekeeper, me: SignedIn, ref: str, exchange: str, *, key: str, random: str, now: int
) -> Decision | No:
    """The other side reveals, to the commitment that came. Before one, or a second time: ``CONFLICT``."""
    async with db.begin() as tx:
        where = await _ask(tx, keeper, me, ref, Verb.COMPARE_PICTURES, now)
        if isinstance(where, Decision | No):
            return where
        here = and_(comparisons.c.first_side != where.side, comparisons.c.second_key.is_(None))
        return await _step(tx, where, exchange, here, now, second_id=me.person, second_key=key, second_random=random)


async def open_(
    db: Database, keeper: Gatekeeper, me: SignedIn, ref: str, exchange: str, *, key: str, random: str, now: int
) -> Decision | No:
    """Who began opens the commitment, when the other side has revealed. Before that, or a second time: ``CONFLICT``."""
    async with db.begin() as tx:
        where = await _ask(tx, keeper, me, ref, Verb.COMPARE_PICTURES, now)
        if isinstance(where, Decision | No):
            return where
        here = and_(
            comparisons.c.first_side == where.side,
            comparisons.c.first_id == me.person,
            comparisons.c.second_key.is_not(None),
            comparisons.c.first_key.is_(None),
        )
        return await _step(tx, where, exchange, here, now, first_key=key, first_random=random)


async def same(db: Database, keeper: Gatekeeper, me: SignedIn, ref: str, exchange: str, *, now: int) -> Decision | No:
    """ "The same", for this grown-up's own side. What this side doubted before is over; when both have said so, the exchange is."""
    return await _say(db, keeper, me, ref, exchange, "same", now)


async def differ(db: Database, keeper: Gatekeeper, me: SignedIn, ref: str, exchange: str, *, now: int) -> Decision | No:
    """ "Not the same". It ends the exchange, tells both sides, and switches calls off for this side's child."""
    return await _say(db, keeper, me, ref, exchange, "differ", now)


async def _say(
    db: Database, keeper: Gatekeeper, me: SignedIn, ref: str, exchange: str, word: Word, now: int
) -> Decision | No:
    verb = Verb.COMPARE_PICTURES if word == "same" else Verb.SAY_PICTURES_DIFFER
    async with db.begin() as tx:
        where = await _ask(tx, keeper, me, ref, verb, now)
        if isinstance(where, Decision | No):
            return where
        running = await _running(tx, where.contact, now)
        if running is None or running.id != exchange or running.first_key is None:
            return CONFLICT
        column = {running.first_id: "first_said", running.second_id: "second_said"}.get(me.person)
        said = (running.first_said, running.second_said)
        if column is None or getattr(running, column) is not None or "differ" in said:
            return CONFLICT
        doubt = and_(picture_doubts.c.contact_id == where.contact, picture_doubts.c.side == where.side)
        await tx.execute(delete(picture_doubts).where(doubt))
        if word == "same" and "same" in said:
            await tx.execute(delete(comparisons).where(comparisons.c.contact_id == where.contact))
        else:
            ours = comparisons.c.contact_id == where.contact
            await tx.execute(update(comparisons).where(ours).values({column: word}))
        if word == "differ":
            await tx.execute(insert(picture_doubts).values(contact_id=where.contact, side=where.side, at=now))
            await contacts.shut(tx, where.contact, me.person, now=now)
        await _tell(tx, where, now)
        return where.decision


# == What the list of contacts says =========================================================================================


async def kept_for(
    tx: AsyncConnection, of: Mapping[str, tuple[str, str]], viewer: str, me: str, now: int
) -> dict[str, Kept]:
    """For approved contacts (id: its a and its b) what ``me``'s page of ``viewer`` says. The caller has asked."""
    ids = list(of)
    rows = await tx.execute(
        select(comparisons.c.contact_id, comparisons.c.first_side).where(
            comparisons.c.contact_id.in_(ids), comparisons.c.second_key.is_(None), comparisons.c.expires_at > now
        )
    )
    waiting = {row.contact_id: row.first_side for row in rows}
    doubts: dict[str, set[str]] = {}
    for row in await tx.execute(select(picture_doubts).where(picture_doubts.c.contact_id.in_(ids))):
        doubts.setdefault(row.contact_id, set()).add(row.side)
    others = {b if a == viewer else a for a, b in of.values()}
    mine = await _mine(tx, others, me)
    found = {}
    for contact, (a, b) in of.items():
        if (b if a == viewer else a) in mine:
            found[contact] = Kept()
            continue
        side: Side = "a" if a == viewer else "b"
        found[contact] = Kept(True, waiting.get(contact, side) != side, _doubt(doubts.get(contact, ()), side))
    return found


# == Loading ==================================================================================================================


@dataclass(frozen=True, slots=True)
class _Where:
    """An approved contact with two sides, and on which of them the asker stands."""

    decision: Decision
    contact: str
    side: Side
    a: str
    b: str


async def _ask(
    tx: AsyncConnection, keeper: Gatekeeper, me: SignedIn, ref: str, verb: Verb, now: int
) -> _Where | Decision | No:
    """May they; and if so: is there anything to compare? A ref that leads nowhere and somebody else's are asked about alike."""
    contact, viewer = await behind(tx, ref, me.person)
    about = {"contact": contact} if viewer == me.person else {"contact": contact, "child": viewer}
    decision = await ask(tx, keeper, me, verb, now, **about)
    if not decision or contact == NOBODYS:
        return decision
    row = (await tx.execute(select(contacts_table).where(contacts_table.c.id == contact))).one()
    side: Side = "a" if row.a_id == viewer else "b"
    other = row.b_id if side == "a" else row.a_id
    if not await contacts.is_approved(tx, contact, now) or await _mine(tx, {other}, me.person):
        return CONFLICT
    return _Where(decision, contact, side, row.a_id, row.b_id)


async def _mine(tx: AsyncConnection, of: Collection[str], me: str) -> set[str]:
    """Which of these are me, or looked after by me: nobody compares with themself."""
    found = await tx.execute(
        select(guardianships.c.child_id).where(
            guardianships.c.guardian_id == me, guardianships.c.child_id.in_(list(of))
        )
    )
    return {*found.scalars(), *({me} & set(of))}


async def _running(tx: AsyncConnection, contact: str, now: int) -> Any:
    found = await tx.execute(
        select(comparisons).where(comparisons.c.contact_id == contact, comparisons.c.expires_at > now)
    )
    return found.first()


async def _tries(tx: AsyncConnection, contact: str, now: int) -> int:
    of = and_(picture_tries.c.contact_id == contact, picture_tries.c.at > now - DAY)
    return int((await tx.execute(select(func.count()).select_from(picture_tries).where(of))).scalar_one())


async def _step(tx: AsyncConnection, where: _Where, exchange: str, here: Any, now: int, **values: str) -> Decision | No:
    """One step, if the exchange is exactly where it must be before it."""
    running = and_(
        comparisons.c.contact_id == where.contact, comparisons.c.id == exchange, comparisons.c.expires_at > now
    )
    moved = await tx.execute(update(comparisons).where(running, here).values(values))
    if moved.rowcount != 1:
        return CONFLICT
    await _tell(tx, where, now)
    return where.decision


async def _tell(tx: AsyncConnection, where: _Where, now: int) -> None:
    """The grown-ups of both sides look again. Children are not told: it is nothing of theirs to answer."""
    pair = [where.a, where.b]
    guards = select(guardianships.c.guardian_id).where(guardianships.c.child_id.in_(pair))
    adults = select(people.c.id).where(people.c.id.in_(pair), people.c.kind != "child")
    concerned = [*(await tx.execute(guards)).scalars(), *(await tx.execute(adults)).scalars()]
    await notices.post(tx, "changed", concerned, now=now, what=["people"])


async def _shown(tx: AsyncConnection, where: _Where, me: str, now: int) -> Exchange:
    left = max(0, TRIES - await _tries(tx, where.contact, now))
    doubts = await tx.execute(select(picture_doubts.c.side).where(picture_doubts.c.contact_id == where.contact))
    doubt = _doubt(set(doubts.scalars()), where.side)
    row = await _running(tx, where.contact, now)
    if row is None:
        return Exchange("none", None, None, None, None, None, None, None, doubt, left, None)
    step: Step = "opened" if row.first_key else "answered" if row.second_key else "committed"
    first = row.first_side == where.side
    who = row.first_id if first else row.second_id
    part: Literal["first", "second", "other"] = "other" if who not in (None, me) else "first" if first else "second"
    theirs = (row.second_key, row.second_random) if first else (row.first_key, row.first_random)
    said = (row.first_said, row.second_said) if first else (row.second_said, row.first_said)
    return Exchange(step, row.id, part, row.commitment, *theirs, *said, doubt, left, row.expires_at)


def _doubt(sides: Collection[str], mine: Side) -> Doubt | None:
    if len(sides) == 2:
        return "both"
    return None if not sides else "ours" if mine in sides else "theirs"
