"""A grown-up nearby: what a family wants for calls with one contact, and whether it is so just now. And a guardian's word for a
grown-up contact.

For each contact a child's guardian chooses *free*, *ask* (a yes before each call) or *present* (a grown-up there), each side for its
own child (row 24). A child asks; a guardian answers, or is there::

    child ASKS ──▶ asked ──yes──▶ given, for the next call with this contact (calls.py binds it), within 15 minutes
                     │ └──no────▶ refused
                     └ nobody answers within 15 minutes: over

    guardian IS THERE ──▶ given for 90 s, renewed by their page ──▶ over: not renewed, said so, or their sign-in ended

Being there is a lease because a page that was closed cannot say goodbye. When it is over, the rule ``grown-up-present`` is asked
again and the call ends. From 13 on, where a guardian knows and discusses, none of this binds: the rules say so.

``vouch`` is the guardian's word that a grown-up contact is who they say (row 6). The yes to the contact gives it; here it is taken
back or given anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, and_, delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from server import accounts, facts, notices
from server.accounts import CONFLICT, MINUTE, No, SignedIn, ask, guardians_of, new_id
from server.contacts import NOBODYS, behind
from server.db.models import call_yeses, contacts, guardianships, people, sides, supervisions, vouches
from server.db.session import Database
from server.gatekeeper import Gatekeeper
from server.limits import known_now
from server.policy import Decision, Verb
from server.policy.facts import Supervision

ASKED: Final = 15 * MINUTE  # an ask waits so long for its answer, and a yes so long for its call
LEASE: Final = 90_000  # "I am with them" holds so long; the page renews it every 30 s, so two may get lost
AGAIN: Final = MINUTE  # an ask within this time of the last one changes nothing: nobody is rung like a bell


@dataclass(frozen=True, slots=True)
class AskedFor:
    """What a child has asked for."""

    kind: Literal["ask", "present"]


@dataclass(frozen=True, slots=True)
class Presence:
    """Until when a grown-up's "I am with them" holds, if it is not renewed; milliseconds."""

    until: int


@dataclass(frozen=True, slots=True)
class Whose:
    id: str
    name: str
    avatar: int
    ground: int


@dataclass(frozen=True, slots=True)
class With:
    name: str
    avatar: int
    ground: int


@dataclass(frozen=True, slots=True)
class ToAllow:
    """A call that an own child asks for. ``ref``: how the guardian speaks of the contact. ``asked_at``: milliseconds."""

    id: str
    child: Whose
    with_: With
    ref: str
    kind: Literal["ask", "present"]
    asked_at: int


@dataclass(frozen=True, slots=True)
class Kept:
    """What a guardian's page shows of one contact of a child. ``present_until``: of this guardian's own being there."""

    mode: Supervision = "free"
    vouched: bool = False
    present_until: int | None = None


# == What a family wants, and a guardian's word ==================================================================================


async def change(db: Database, keeper: Gatekeeper, me: SignedIn, ref: str, *, mode: Supervision, now: int) -> Decision:
    """Free, ask each time, or a grown-up there. A live call that is not so ends at once; what was asked or allowed under another mode
    is void."""
    async with db.begin() as tx:
        contact, child = await behind(tx, ref, me.person)
        decision = await ask(tx, keeper, me, Verb.CHANGE_SUPERVISION, now, contact=contact, child=child)
        if not decision:
            return decision
        of_this = and_(supervisions.c.contact_id == contact, supervisions.c.child_id == child)
        before = (await tx.execute(select(supervisions.c.mode).where(of_this))).scalar_one_or_none() or "free"
        if before == mode:
            return decision
        await tx.execute(delete(supervisions).where(of_this))
        if mode != "free":
            await tx.execute(insert(supervisions).values(contact_id=contact, child_id=child, mode=mode))
        said = and_(call_yeses.c.kind == "ask", call_yeses.c.state == "given")
        await tx.execute(
            update(call_yeses)
            .where(_of(contact, child), or_(call_yeses.c.state == "asked", said))
            .values(state="over", until=now)
        )
        await _tell(tx, contact, child, now, "people", "calls")
        return decision


async def vouch(db: Database, keeper: Gatekeeper, me: SignedIn, ref: str, *, vouched: bool, now: int) -> Decision | No:
    """A guardian's word that a grown-up is who they say, given or taken back; either guardian may. ``CONFLICT`` for a child."""
    async with db.begin() as tx:
        contact, child = await behind(tx, ref, me.person)
        decision = await ask(tx, keeper, me, Verb.VOUCH, now, contact=contact, child=child)
        if not decision:
            return decision
        if not await _with_a_grown_up(tx, contact, child):
            return CONFLICT
        await tx.execute(delete(vouches).where(vouches.c.contact_id == contact))
        if vouched:
            await tx.execute(insert(vouches).values(contact_id=contact, guardian_id=me.person, at=now))
        await _tell(tx, contact, child, now, "people")
        return decision


# == Being there ==============================================================================================================


async def be_present(db: Database, keeper: Gatekeeper, me: SignedIn, ref: str, *, now: int) -> Presence | Decision | No:
    """ "I am with them": begun or renewed. ``CONFLICT`` where there is no approved contact to be there for."""
    async with db.begin() as tx:
        contact, child = await behind(tx, ref, me.person)
        decision = await ask(tx, keeper, me, Verb.BE_PRESENT, now, contact=contact, child=child)
        if not decision:
            return decision
        if not await _approved(tx, contact):
            return CONFLICT
        until = now + LEASE
        renewed = await tx.execute(
            update(call_yeses).where(_of(contact, child), _there(me.person, now)).values(until=until)
        )
        if renewed.rowcount:
            return Presence(until)
        await tx.execute(
            insert(call_yeses).values(
                id=new_id(), contact_id=contact, child_id=child, guardian_id=me.person, kind="present", state="given",
                at=now, until=until,
            )
        )  # fmt: skip
        await tx.execute(
            update(call_yeses)
            .where(_of(contact, child), call_yeses.c.kind == "present", call_yeses.c.state == "asked")
            .values(state="over", until=now)
        )
        await _tell(tx, contact, child, now, "people", "calls")
        return Presence(until)


async def stop_being_present(db: Database, keeper: Gatekeeper, me: SignedIn, ref: str, *, now: int) -> Decision:
    """The grown-up goes; a call that needed them there ends in this instant. Another guardian who is there stays there."""
    async with db.begin() as tx:
        contact, child = await behind(tx, ref, me.person)
        decision = await ask(tx, keeper, me, Verb.STOP_BEING_PRESENT, now, contact=contact, child=child)
        if decision:
            await accounts.end_presence(tx, and_(_of(contact, child), call_yeses.c.guardian_id == me.person), now)
        return decision


# == One yes for one call ========================================================================================================


async def ask_grown_up(
    db: Database, keeper: Gatekeeper, me: SignedIn, ref: str, *, now: int
) -> AskedFor | Decision | No:
    """A child asks for the yes to one call, or for a grown-up to be there. Within a minute of the last time it changes nothing, nor
    where it is so already. ``CONFLICT`` where there is nothing to ask for."""
    async with db.begin() as tx:
        contact, _ = await behind(tx, ref, me.person)
        decision = await ask(tx, keeper, me, Verb.ASK_GROWN_UP, now, contact=contact)
        if not decision:
            return decision
        other = (
            await tx.execute(
                select(sides.c.other_id).where(sides.c.contact_id == contact, sides.c.viewer_id == me.person)
            )
        ).scalar_one()
        between = (await facts.around(tx, [me.person, other], now=now)).contacts.get((me.person, other))
        if between is None or between.state != "approved" or between.watch_x == "free":
            return CONFLICT
        kind = between.watch_x
        if not between.watched_x:
            await _ask_for(tx, contact, me.person, kind, now)
        return AskedFor(kind)


async def _ask_for(tx: AsyncConnection, contact: str, child: str, kind: Literal["ask", "present"], now: int) -> None:
    """One open ask for one contact, however often it is pressed."""
    last = (
        await tx.execute(
            select(call_yeses.c.id, call_yeses.c.state, call_yeses.c.at, call_yeses.c.until)
            .where(_of(contact, child), call_yeses.c.kind == kind, call_yeses.c.state.in_(["asked", "refused"]))
            .order_by(call_yeses.c.at.desc())
            .limit(1)
        )
    ).first()
    if last is not None and last.at > now - AGAIN:
        return
    if last is not None and last.state == "asked" and last.until > now:
        await tx.execute(update(call_yeses).where(call_yeses.c.id == last.id).values(at=now, until=now + ASKED))
    else:
        await tx.execute(
            insert(call_yeses).values(
                id=new_id(), contact_id=contact, child_id=child, kind=kind, state="asked", at=now, until=now + ASKED
            )
        )
    await notices.post(tx, "changed", await guardians_of(tx, [child]), now=now, what=["calls"])
    await notices.post(tx, "changed", [child], now=now, what=["people"])


async def calls_to_allow(db: Database, keeper: Gatekeeper, me: SignedIn, *, now: int) -> tuple[ToAllow, ...] | Decision:
    """What own children ask for just now, oldest first."""
    async with db.begin() as tx:
        decision = await ask(tx, keeper, me, Verb.LOOK_AT_CALLS_TO_ALLOW, now)
        if not decision:
            return decision
        found = (
            await tx.execute(_WAITING.where(guardianships.c.guardian_id == me.person, call_yeses.c.until > now))
        ).all()
        known = await known_now(tx, sorted({row.child_id for row in found}), now)
        return tuple(
            ToAllow(
                row.id,
                Whose(row.child_id, row.child_name, row.child_avatar, row.child_ground),
                With(row.name, row.avatar, row.ground),
                "g_" + row.ref[2:],
                row.kind,
                row.at,
            )
            for row in found
            if known[row.child_id].reach == "approve"
        )


async def allow_this_call(
    db: Database, keeper: Gatekeeper, me: SignedIn, asked: str, *, yes: bool, now: int
) -> Decision | No:
    """A guardian's answer: good for the next call with this contact, or no. A yes can be taken back, in a call that it let through
    too. ``CONFLICT`` when there is nothing to answer any more, or when a yes is said to what asks to be there."""
    async with db.begin() as tx:
        row = (
            await tx.execute(select(call_yeses.c.contact_id, call_yeses.c.child_id).where(call_yeses.c.id == asked))
        ).first()
        contact, child = row or (NOBODYS, NOBODYS)
        decision = await ask(tx, keeper, me, Verb.ALLOW_THIS_CALL, now, contact=contact, child=child)
        if not decision:
            return decision
        said = {"state": "given", "at": now, "until": now + ASKED} if yes else {"state": "refused"}
        answered = await tx.execute(
            update(call_yeses)
            .where(
                call_yeses.c.id == asked,
                _answerable(yes),
                call_yeses.c.until > now,
            )
            .values(guardian_id=me.person, **said)
        )
        if answered.rowcount != 1:
            return CONFLICT
        await _tell(tx, contact, child, now, "people", "calls")
        return decision


def _answerable(yes: bool) -> ColumnElement[bool]:
    """A yes is for an ask that waits. A no is also for a question to be there, and for a yes that was given: whoever says it, it holds."""
    waits = call_yeses.c.state == "asked"
    its_kind = call_yeses.c.kind == "ask"
    return and_(waits, its_kind) if yes else or_(waits, and_(its_kind, call_yeses.c.state == "given"))


# == For the pages, whose makers have asked =========================================================================================


async def asked_by(tx: AsyncConnection, child: str, now: int) -> frozenset[str]:
    """The contacts for which this child waits for an answer."""
    found = await tx.execute(
        select(call_yeses.c.contact_id).where(
            call_yeses.c.child_id == child, call_yeses.c.state == "asked", call_yeses.c.until > now
        )
    )
    return frozenset(found.scalars())


async def kept_for(tx: AsyncConnection, child: str, guardian: str, now: int) -> Mapping[str, Kept]:
    """By contact, what is kept here of a child's contacts, for this guardian's page."""
    modes = await tx.execute(
        select(supervisions.c.contact_id, supervisions.c.mode).where(supervisions.c.child_id == child)
    )
    words = await tx.execute(
        select(vouches.c.contact_id)
        .join(guardianships, guardianships.c.guardian_id == vouches.c.guardian_id)
        .where(guardianships.c.child_id == child)
    )
    there = await tx.execute(
        select(call_yeses.c.contact_id, func.max(call_yeses.c.until))
        .where(call_yeses.c.child_id == child, _there(guardian, now))
        .group_by(call_yeses.c.contact_id)
    )
    by_mode, vouched, until = {row[0]: row[1] for row in modes}, set(words.scalars()), {row[0]: row[1] for row in there}
    return {
        contact: Kept(by_mode.get(contact, "free"), contact in vouched, until.get(contact))
        for contact in {*by_mode, *vouched, *until}
    }


# == Small things ==================================================================================================================


def _of(contact: str, child: str) -> Any:
    return and_(call_yeses.c.contact_id == contact, call_yeses.c.child_id == child)


def _there(guardian: str, now: int) -> Any:
    return and_(
        call_yeses.c.guardian_id == guardian,
        call_yeses.c.kind == "present",
        call_yeses.c.state == "given",
        call_yeses.c.until > now,
    )


async def _approved(tx: AsyncConnection, contact: str) -> bool:
    found = await tx.execute(select(contacts.c.id).where(contacts.c.id == contact, contacts.c.state == "approved"))
    return found.first() is not None


async def _with_a_grown_up(tx: AsyncConnection, contact: str, child: str) -> bool:
    found = await tx.execute(
        select(people.c.kind)
        .join(sides, sides.c.other_id == people.c.id)
        .where(sides.c.contact_id == contact, sides.c.viewer_id == child)
    )
    return bool(found.scalar_one() != "child")


async def _tell(tx: AsyncConnection, contact: str, child: str, now: int, *what: str) -> None:
    """Live calls of the two are asked again; the child and those who look after the child look again at their pages."""
    pair = (await tx.execute(select(contacts.c.a_id, contacts.c.b_id).where(contacts.c.id == contact))).one()
    await notices.post(tx, "facts_changed", pair, now=now)
    await notices.post(tx, "changed", {child, *await guardians_of(tx, [child])}, now=now, what=list(what))


#: Asks that are open, of the kind that the family wants today, for a contact that is approved.
_WAITING: Final = (
    select(
        call_yeses.c.id, call_yeses.c.kind, call_yeses.c.at, call_yeses.c.child_id, sides.c.ref, sides.c.name,
        sides.c.avatar, sides.c.ground, people.c.name.label("child_name"), people.c.avatar.label("child_avatar"),
        people.c.ground.label("child_ground"),
    )
    .join(guardianships, guardianships.c.child_id == call_yeses.c.child_id)
    .join(people, people.c.id == call_yeses.c.child_id)
    .join(contacts, and_(contacts.c.id == call_yeses.c.contact_id, contacts.c.state == "approved"))
    .join(
        supervisions,
        and_(
            supervisions.c.contact_id == call_yeses.c.contact_id,
            supervisions.c.child_id == call_yeses.c.child_id,
            supervisions.c.mode == call_yeses.c.kind,
        ),
    )
    .join(sides, and_(sides.c.contact_id == call_yeses.c.contact_id, sides.c.viewer_id == call_yeses.c.child_id))
    .where(call_yeses.c.state == "asked")
    .order_by(call_yeses.c.at, call_yeses.c.id)
)  # fmt: skip
