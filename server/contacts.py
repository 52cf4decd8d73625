"""The contact: who may ever reach a child here, and the four yeses that it takes.

Two people are a contact when everybody whose yes is needed has said it: the child, the child's guardian, the other child and
the other child's guardian; where the other is an adult, the adult instead of those two (master table row 13; NSPCC-7). One
of the two is always a child. There is no search, no suggestion and no list of anybody's contacts; two people can only meet by
an introduction that one side hands to the other: four words that a child reads to a friend, or a link that a guardian sends.
Both work once and not for long (row 12).

::

                     YES of some                     SWITCH
                       ┌──┐                           ┌──┐
       introduction    │  ▼     the last YES          │  ▼     END, or anybody's NO
     ───────────────▶ ASKED ───────────────────▶ APPROVED ───────────────────▶ ENDED
                       │ │ │                          │
        anybody's NO   │ │ │ 14 days go by            │ the year is over
       REFUSED ◀───────┘ │ └──────────▶ LAPSED ◀──────┘
                         └─ END ─▶ ENDED

Withdrawn consent lets an ASKED contact lapse as well (``accounts.withdraw_consent``).
Whose yes is needed can change (row 47): a teenager takes the lead of their own account and needs no guardian's yes, or gives it
back. What waited only for that yes is then APPROVED (``settle``). A contact that was approved without it stays APPROVED in its
row and reaches nobody, for the rules count the yeses; it is asked about again on every page, and the late yes is said to it there.
REFUSED, LAPSED and ENDED are for ever: to meet again needs a new introduction and all the yeses again. A yes is a yes to voice,
or to voice and video (row 20); what the contact may do is what *everybody* allowed. One act by somebody who stands in two
places counts in both: a father may be his daughter's guardian and her contact, and two siblings have one guardian. Of two
guardians one is enough to allow, and either is enough to refuse, switch off or end.

Before the last yes nobody sees presence and nobody can ring: the rules say so, this file only records. And before it neither
side learns more than the one question needs: a name, a picture, an age group, who looks after the child, an answer from a
fixed list. There is no free text, so no message travels between families who have not agreed. Whoever typed a code may
have overheard it, so on that side nobody, neither the child nor the child's guardian, sees a name until the other child has said yes.

``TABLE`` and ``step`` are the machine, pure; below them are the services, which load, ask the gatekeeper, step and save, all in
one transaction together with the notice that cuts a live call.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from sqlalchemy import and_, delete, exists, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from server import accounts, facts, notices, words
from server.accounts import (
    CONFLICT,
    DAY,
    NO_MATCH,
    Card,
    No,
    SignedIn,
    ask,
    guardians_of,
    new_id,
)
from server.db.models import accounts as accounts_table
from server.db.models import children, consents, contacts, guardianships, introductions, people, sides, vouches, yeses
from server.db.session import Database
from server.gatekeeper import Gatekeeper
from server.policy import Decision, Verb

# == The machine ==========================================================================================================

State = Literal["asked", "approved", "refused", "lapsed", "ended"]
Slot = Literal["a", "b", "guardian_a", "guardian_b"]


@dataclass(frozen=True, slots=True)
class Yes:
    """What somebody allows. Video without voice does not exist: it reads as neither."""

    voice: bool
    video: bool


@dataclass(frozen=True, slots=True)
class Bond:
    """A contact, as far as its machine can see. ``needed``: the places that must say yes; ``yeses``: those that have."""

    state: State
    needed: frozenset[Slot]
    yeses: Mapping[Slot, Yes]

    @property
    def missing(self) -> frozenset[Slot]:
        """Whose yes is still waited for."""
        return frozenset(slot for slot in self.needed if not (slot in self.yeses and self.yeses[slot].voice))

    @property
    def unsaid(self) -> frozenset[Slot]:
        """Who has never been heard: in an approved contact somebody whose yes was not needed until now."""
        return self.needed - self.yeses.keys()

    @property
    def asked_of(self) -> frozenset[Slot]:
        """Who is asked for a yes today."""
        return {"asked": self.missing, "approved": self.unsaid}.get(self.state, frozenset())

    @property
    def shown(self) -> State:
        """What the pages call it: approved is only what everybody has said yes to, who must today."""
        return "asked" if self.state == "approved" and self.unsaid else self.state

    @property
    def voice(self) -> bool:
        """Everybody allows voice."""
        return not self.missing

    @property
    def video(self) -> bool:
        """Everybody allows video as well."""
        return self.voice and all(self.yeses[slot].video for slot in self.needed)


@dataclass(frozen=True, slots=True)
class SayYes:
    """Somebody who stands in ``slots`` says yes, to this much."""

    slots: frozenset[Slot]
    yes: Yes


@dataclass(frozen=True, slots=True)
class Switch:
    """Somebody who has said yes turns voice or video on or off."""

    slots: frozenset[Slot]
    yes: Yes


@dataclass(frozen=True, slots=True)
class SayNo:
    """Somebody concerned says no."""


@dataclass(frozen=True, slots=True)
class End:
    """Somebody concerned does not want it any longer; nobody is asked why."""


@dataclass(frozen=True, slots=True)
class Lapse:
    """Its time is over: nobody decided within 14 days, or the year of the yes has passed."""


@dataclass(frozen=True, slots=True)
class Recount:
    """Who must say yes has changed: somebody leads their own account now, or another age or country counts."""


Event = SayYes | Switch | SayNo | End | Lapse | Recount


def _yes(bond: Bond, event: Any) -> Bond | None:
    if not event.slots or not event.slots <= bond.missing or not event.yes.voice:
        return None
    return _settled(bond, event)


def _late_yes(bond: Bond, event: Any) -> Bond | None:
    return _yes(bond, event) if event.slots <= bond.unsaid else None


def _recount(bond: Bond, _event: Any) -> Bond | None:
    return None if bond.missing else replace(bond, state="approved")


def _switch(bond: Bond, event: Any) -> Bond | None:
    if not event.slots or not all(slot in bond.yeses for slot in event.slots):
        return None
    return _settled(bond, event)


def _settled(bond: Bond, event: SayYes | Switch) -> Bond:
    yes = Yes(event.yes.voice, event.yes.video and event.yes.voice)
    grown = replace(bond, yeses={**bond.yeses, **dict.fromkeys(event.slots, yes)})
    return grown if grown.missing else replace(grown, state="approved")


def _becomes(state: State) -> Callable[[Bond, Any], Bond | None]:
    return lambda bond, _event: replace(bond, state=state)


Row = Mapping[type[Event], Callable[[Bond, Any], Bond | None]]

#: One row per state, terminal rows too. An event that is not in a row has no place there.
TABLE: Final[Mapping[State, Row]] = {
    "asked": {
        SayYes: _yes, Switch: _switch, SayNo: _becomes("refused"), End: _becomes("ended"), Lapse: _becomes("lapsed"),
        Recount: _recount,
    },
    "approved": {
        SayYes: _late_yes, Switch: _switch, SayNo: _becomes("ended"), End: _becomes("ended"), Lapse: _becomes("lapsed"),
    },
    "refused": {},
    "lapsed": {},
    "ended": {},
}  # fmt: skip


def step(bond: Bond, event: Event) -> Bond | None:
    """The contact after the event; None where the event has no place (somebody else was quicker, or it is over)."""
    act = TABLE[bond.state].get(type(event))
    return act(bond, event) if act else None


def needed(*, both_children: bool, led: Collection[Slot] = ()) -> frozenset[Slot]:
    """Four places where two children meet, three where a child meets an adult. ``led``: places (``a``, ``b``) of teenagers
    who lead their own accounts; for them no guardian's yes is needed (row 47)."""
    places: frozenset[Slot] = frozenset(
        ("a", "guardian_a", "b", "guardian_b") if both_children else ("a", "guardian_a", "b")
    )
    guardians: dict[Slot, Slot] = {"a": "guardian_a", "b": "guardian_b"}
    return places - {guardians[slot] for slot in led}


# == What the services give back ============================================================================================

CODE: Final = 10 * accounts.MINUTE  # time enough to read four words to somebody in the same room (design 3.12)
LINK: Final = 7 * DAY
DECIDE: Final = 14 * DAY

#: How people know each other: a fixed list, so that it cannot carry a message.
HowKnown = Literal["class", "club", "family", "neighbour", "family_friend", "other"]
#: What a guardian answers about the other family (design 3.18); for their own record, shown to nobody else.
KnowsThem = Literal["met", "told", "unsure"]
Answer = Literal["camera", "voice", "no"]
ANSWERS: Final[Mapping[Answer, Yes]] = {"camera": Yes(True, True), "voice": Yes(True, False)}
OWN_YES: Final = Yes(
    True, True
)  # a person's own yes is to the other person; whether with video is the guardians' to say


@dataclass(frozen=True, slots=True)
class Code:
    """A friend code, once, to the child who shows it."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Link:
    """The secret of a link, once, to the guardian who sends it."""

    token: str


@dataclass(frozen=True, slots=True)
class Invitation:
    """What a link says of itself before it is accepted."""

    child_name: str
    from_name: str


# == Introductions ==========================================================================================================


async def make_friend_code(db: Database, keeper: Gatekeeper, me: SignedIn, *, now: int) -> Code | Decision:
    """Four words, good once and for ten minutes. The child's older code is void."""
    async with db.begin() as tx:
        decision = await ask(tx, keeper, me, Verb.MAKE_FRIEND_CODE, now)
        if not decision:
            return decision
        await tx.execute(
            update(introductions)
            .where(
                introductions.c.made_by == me.person, introductions.c.kind == "code", introductions.c.used_at.is_(None)
            )
            .values(used_at=now)
        )
        code = Code(words.make())
        await _introduce(tx, "code", words.digest(code.words), child=me.person, by=me.person, expires_at=now + CODE)
        return code


async def enter_friend_code(
    db: Database, keeper: Gatekeeper, me: SignedIn, typed: Sequence[str], how_known: HowKnown, *, now: int
) -> Decision | No:
    """A child types what the other child read out. That is this child's own yes; the others are asked now.

    Wrong, used, expired, void and one's own are one answer after one statement (row 11)."""
    async with db.begin() as tx:
        decision = await ask(tx, keeper, me, Verb.ENTER_FRIEND_CODE, now)
        if not decision:
            return decision
        spent = await _spend(tx, "code", words.digest(typed), not_for=me.person, now=now)
        if spent is None:
            return NO_MATCH
        await _meet(tx, a=spent, b=me.person, by=me.person, yes=OWN_YES, how_known=how_known,
                    opened_by="code", now=now)  # fmt: skip
        return decision


async def make_link(db: Database, keeper: Gatekeeper, me: SignedIn, child: str, *, now: int) -> Link | Decision:
    """A guardian invites another grown-up to meet an own child: single use, seven days. It is no yes yet: a link can be forwarded,
    so the guardian decides when it is known who took it."""
    async with db.begin() as tx:
        decision = await ask(tx, keeper, me, Verb.MAKE_LINK, now, child=child)
        if not decision:
            return decision
        link = Link(secrets.token_urlsafe(32))
        await _introduce(tx, "link", _hash(link.token), child=child, by=me.person, expires_at=now + LINK)
        return link


async def look_at_link(
    db: Database, keeper: Gatekeeper, me: SignedIn, token: str, *, now: int
) -> Invitation | Decision | No:
    """Whom a link is about and who sent it. Looking does not use it up."""
    async with db.begin() as tx:
        decision = await ask(tx, keeper, me, Verb.OPEN_LINK, now)
        if not decision:
            return decision
        maker = people.alias("maker")
        found = (
            await tx.execute(
                select(people.c.name, maker.c.name)
                .select_from(introductions)
                .join(people, people.c.id == introductions.c.child_id)
                .join(maker, maker.c.id == introductions.c.made_by)
                .where(*_open("link", _hash(token), now))
            )
        ).first()
        return Invitation(found[0], found[1]) if found else NO_MATCH


async def accept_link(
    db: Database,
    keeper: Gatekeeper,
    me: SignedIn,
    token: str,
    *,
    child: str | None,
    how_known: HowKnown,
    answer: Literal["camera", "voice"] = "voice",
    now: int,
) -> Decision | No:
    """A grown-up takes a link: for an own child (``child``), or to be the contact themself (None). That is this grown-up's yes, in
    every place in which they stand; as a guardian to voice only, unless they said camera."""
    async with db.begin() as tx:
        if child is None:
            decision = await ask(tx, keeper, me, Verb.ACCEPT_LINK, now)
        else:
            decision = await ask(tx, keeper, me, Verb.ACCEPT_LINK_FOR_CHILD, now, child=child)
        if not decision:
            return decision
        b = child or me.person
        spent = await _spend(tx, "link", _hash(token), not_for=b, now=now)
        if spent is None:
            return NO_MATCH
        await _meet(tx, a=spent, b=b, by=me.person, yes=ANSWERS[answer], how_known=how_known,
                    opened_by="link", now=now)  # fmt: skip
        return decision


def _open(kind: str, secret: bytes, now: int) -> tuple[Any, ...]:
    """An introduction that still works: unused, in time, of a child whose consent holds, by somebody who may still make it."""
    return (
        introductions.c.secret_hash == secret,
        introductions.c.kind == kind,
        introductions.c.used_at.is_(None),
        introductions.c.expires_at > now,
        exists().where(
            people.c.id == introductions.c.child_id,
            people.c.state == "active",
            children.c.person_id == people.c.id,
            consents.c.id == children.c.consent_id,
            consents.c.withdrawn_at.is_(None),
        ),
        or_(
            introductions.c.made_by == introductions.c.child_id,
            exists().where(
                guardianships.c.guardian_id == introductions.c.made_by,
                guardianships.c.child_id == introductions.c.child_id,
            ),
        ),
    )


async def _spend(tx: AsyncConnection, kind: str, secret: bytes, *, not_for: str, now: int) -> str | None:
    """Use an introduction up: compare and set, so that of two who try at once exactly one gets the child's id."""
    spent = await tx.execute(
        update(introductions)
        .where(*_open(kind, secret, now), introductions.c.child_id != not_for)
        .values(used_at=now)
        .returning(introductions.c.child_id)
    )
    found: str | None = spent.scalar_one_or_none()
    return found


async def _introduce(tx: AsyncConnection, kind: str, secret: bytes, *, child: str, by: str, expires_at: int) -> None:
    await tx.execute(
        insert(introductions).values(
            id=new_id(), kind=kind, secret_hash=secret, child_id=child, made_by=by, expires_at=expires_at
        )
    )


async def _meet(
    tx: AsyncConnection,
    *,
    a: str,
    b: str,
    by: str,
    yes: Yes,
    how_known: str,
    opened_by: str,
    now: int,
) -> None:
    """Two people have been introduced and ``by`` has said yes. A pair has at most one living contact: if it is already being asked,
    this yes counts there; if it is approved, nothing changes; if its time is over, it lapses and a new one begins."""
    pair = ":".join(sorted((a, b)))
    living = (
        await tx.execute(
            select(contacts.c.id).where(contacts.c.pair == pair, contacts.c.state.in_(["asked", "approved"]))
        )
    ).scalar_one_or_none()
    if living is not None:
        place = await _load(tx, living, now)
        if _in_time(place, now):
            await _say(tx, place, by=by, yes=yes, how_known=how_known, now=now)
            return
        await _apply(tx, place, Lapse(), by=by, how_known=None, now=now)
    contact = new_id()
    await tx.execute(
        insert(contacts).values(
            id=contact,
            a_id=a,
            b_id=b,
            pair=pair,
            state="asked",
            opened_by=opened_by,
            created_at=now,
            decide_by=now + DECIDE,
        )
    )
    for viewer, other in ((a, b), (b, a)):
        seen = (await tx.execute(select(people).where(people.c.id == other))).one()
        await tx.execute(
            insert(sides).values(
                contact_id=contact, viewer_id=viewer, other_id=other, ref="k_" + secrets.token_urlsafe(12),
                name=seen.name, avatar=seen.avatar, ground=seen.ground,
            )
        )  # fmt: skip
    await _say(tx, await _load(tx, contact, now), by=by, yes=yes, how_known=how_known, now=now)


async def _say(tx: AsyncConnection, place: Place, *, by: str, yes: Yes, how_known: str, now: int) -> None:
    """Yes in every place in which ``by`` stands and has not said so yet: for oneself to the other person, as a guardian to ``yes``."""
    slots = await _slots(tx, place, by) & place.bond.missing
    own = slots & {"a" if by == place.a else "b" if by == place.b else None}
    if own:
        await _apply(tx, place, SayYes(own, OWN_YES), by=by, how_known=how_known, now=now)
    if slots - own:
        await _apply(tx, await _load(tx, place.id, now), SayYes(slots - own, yes), by=by, how_known=how_known, now=now)


# == Yes, no, switch, end ===================================================================================================


async def answer_ask(
    db: Database, keeper: Gatekeeper, me: SignedIn, contact: str, *, yes: bool, how_known: HowKnown | None, now: int
) -> Decision | No:
    """A child's own yes or no. Nobody can say it for the child."""
    async with db.begin() as tx:
        decision = await ask(tx, keeper, me, Verb.ANSWER_ASK if yes else Verb.DECLINE, now, contact=contact)
        if not decision:
            return decision
        place = await _load(tx, contact, now)
        own: frozenset[Slot] = frozenset(("a" if place.a == me.person else "b",))
        event: Event = SayYes(own, OWN_YES) if yes else SayNo()
        return decision if await _apply(tx, place, event, by=me.person, how_known=how_known, now=now) else CONFLICT


async def decide(
    db: Database,
    keeper: Gatekeeper,
    me: SignedIn,
    contact: str,
    *,
    answer: Answer,
    knows_them: KnowsThem | None,
    now: int,
) -> Decision | No:
    """A grown-up's answer, in every place in which they stand. ``CONFLICT`` when there is nothing left to decide: the other parent
    was quicker, or the other family changed its mind. What is not shown to them yet (``hidden``) is not there for them either."""
    async with db.begin() as tx:
        contact = await _shown(tx, contact, me.person)
        decision = await ask(tx, keeper, me, Verb.DECLINE if answer == "no" else Verb.DECIDE, now, contact=contact)
        if not decision:
            return decision
        place = await _load(tx, contact, now)
        if answer == "no":
            event: Event = SayNo()
        else:
            event = SayYes(await _slots(tx, place, me.person) & place.bond.asked_of, ANSWERS[answer])
        return decision if await _apply(tx, place, event, by=me.person, how_known=knows_them, now=now) else CONFLICT


async def end(db: Database, keeper: Gatekeeper, me: SignedIn, ref: str, *, now: int) -> Decision:
    """Any of the four, at any time, without a reason; live calls end in the same instant. ``ref``: one's own ``k_…``, or a guardian's
    ``g_…``. Ending what is over already is fine."""
    async with db.begin() as tx:
        contact, _ = await behind(tx, ref, me.person)
        decision = await ask(tx, keeper, me, Verb.END_CONTACT, now, contact=contact)
        if decision:
            await _apply(tx, await _load(tx, contact, now), End(), by=me.person, how_known=None, now=now)
        return decision


async def allow(
    db: Database, keeper: Gatekeeper, me: SignedIn, ref: str, *, voice: bool, video: bool, now: int
) -> Decision | No:
    """A guardian's switches for a contact of an own child. Off takes effect on a live call at once; without voice there is no
    video. ``CONFLICT`` before this family's yes."""
    async with db.begin() as tx:
        contact, child = await behind(tx, ref, me.person)
        decision = await ask(tx, keeper, me, Verb.ALLOW_MEDIA, now, contact=contact, child=child)
        if not decision:
            return decision
        place = await _load(tx, contact, now)
        event = Switch(await _slots(tx, place, me.person) & place.bond.yeses.keys(), Yes(voice, video))
        return decision if await _apply(tx, place, event, by=me.person, how_known=None, now=now) else CONFLICT


async def shut(tx: AsyncConnection, contact: str, guardian: str, *, now: int) -> None:
    """Switch voice and video off wherever this guardian said yes for an own child. Part of another act, about which the caller asked."""
    place = await _load(tx, contact, now)
    slots = await _slots(tx, place, guardian) & place.bond.yeses.keys() & {"guardian_a", "guardian_b"}
    await _apply(tx, place, Switch(slots, Yes(False, False)), by=guardian, how_known=None, now=now)


async def is_approved(tx: AsyncConnection, contact: str, now: int) -> bool:
    """Whether everybody has said yes who must today, and its year is not over."""
    place = await _load(tx, contact, now)
    return place.bond.shown == "approved" and _in_time(place, now)


async def rename(db: Database, keeper: Gatekeeper, me: SignedIn, ref: str, *, card: Card, now: int) -> Decision:
    """What this family calls somebody, and which picture they get: on a ring the child sees this, not what the caller chose (row 23)."""
    async with db.begin() as tx:
        contact, child = await behind(tx, ref, me.person)
        decision = await ask(tx, keeper, me, Verb.NAME_CONTACT, now, contact=contact, child=child)
        if decision:
            await tx.execute(
                update(sides)
                .where(sides.c.contact_id == contact, sides.c.viewer_id == child)
                .values(name=card.name, avatar=card.avatar, ground=card.ground)
            )
            await notices.post(tx, "changed", [child], now=now, what=["people"])
        return decision


# == Loading and saving ======================================================================================================


@dataclass(frozen=True, slots=True)
class Place:
    """A contact as stored: its machine, and what is kept beside it."""

    id: str
    a: str
    b: str
    adult: bool  #: b is a grown-up
    bond: Bond
    opened_by: str
    created_at: int
    decide_by: int
    until: int | None
    said: Mapping[Slot, Any]  #: rows of ``yeses``


async def _load(tx: AsyncConnection, contact: str, now: int) -> Place:
    """A contact that the gatekeeper has just been asked about, so it exists."""
    row = (
        await tx.execute(
            select(contacts, people.c.kind.label("b_kind"))
            .join(people, people.c.id == contacts.c.b_id)
            .where(contacts.c.id == contact)
        )
    ).one()
    said = (await tx.execute(select(yeses).where(yeses.c.contact_id == contact))).all()
    return place_of(row, said, await facts.leading(tx, [row.a_id, row.b_id], now=now))


def place_of(row: Any, said: Iterable[Any], leading: Collection[str] = ()) -> Place:
    """``leading``: the teenagers among them who lead their own accounts (``facts.leading``)."""
    by_slot: dict[Slot, Any] = {one.slot: one for one in said}
    led: list[Slot] = [slot for slot, person in (("a", row.a_id), ("b", row.b_id)) if person in leading]  # type: ignore[misc]  # two slots
    bond = Bond(
        row.state,
        needed(both_children=row.b_kind == "child", led=led),
        {slot: Yes(bool(one.voice), bool(one.video)) for slot, one in by_slot.items()},
    )
    return Place(
        row.id,
        row.a_id,
        row.b_id,
        row.b_kind != "child",
        bond,
        row.opened_by,
        row.created_at,
        row.decide_by,
        row.until,
        by_slot,
    )


def hidden(place: Place, slots: frozenset[Slot]) -> bool:
    """Whether somebody who stands in ``slots`` may not know of it yet: it began with typed words, which may have been overheard, the
    child whose words they were has not said yes, and they stand on the other side only."""
    return place.opened_by == "code" and "a" in place.bond.missing and slots == {"guardian_b"}


async def _shown(tx: AsyncConnection, contact: str, person: str) -> str:
    """The contact, or an id that is nobody's where it is ``hidden`` from this person: the gatekeeper answers both alike. One
    statement for a real one and for none."""

    def looks_after(child: Any) -> Any:
        return exists().where(guardianships.c.guardian_id == person, guardianships.c.child_id == child)

    said = exists().where(yeses.c.contact_id == contacts.c.id, yeses.c.slot == "a", yeses.c.voice)
    found = await tx.execute(
        select(contacts.c.id).where(
            contacts.c.id == contact,
            contacts.c.opened_by == "code",
            ~said,
            looks_after(contacts.c.b_id),
            ~looks_after(contacts.c.a_id),
        )
    )
    return contact if found.first() is None else NOBODYS


async def settle(tx: AsyncConnection, of: Iterable[str], *, now: int) -> None:
    """Who must say yes for these children may have changed: approve what waits for nobody any more. Part of the change that
    did it, about which the caller has asked."""
    some = list(of)
    waiting = await tx.execute(
        select(contacts.c.id)
        .where(contacts.c.state == "asked", or_(contacts.c.a_id.in_(some), contacts.c.b_id.in_(some)))
        .order_by(contacts.c.created_at, contacts.c.id)
    )
    for contact in list(waiting.scalars()):
        await _apply(tx, await _load(tx, contact, now), Recount(), by="", how_known=None, now=now)


def _in_time(place: Place, now: int) -> bool:
    if place.bond.state == "asked":
        return place.decide_by > now
    return place.until is not None and place.until > now


async def _slots(tx: AsyncConnection, place: Place, person: str) -> frozenset[Slot]:
    """Every place of this contact in which a person stands."""
    found: set[Slot] = set()
    wards = set(
        (
            await tx.execute(
                select(guardianships.c.child_id).where(
                    guardianships.c.guardian_id == person, guardianships.c.child_id.in_([place.a, place.b])
                )
            )
        ).scalars()
    )
    if person in (place.a, place.b):
        found.add("a" if person == place.a else "b")
    if place.a in wards:
        found.add("guardian_a")
    if place.b in wards:
        found.add("guardian_b")
    return frozenset(found & place.bond.needed)


async def _apply(tx: AsyncConnection, place: Place, event: Event, *, by: str, how_known: str | None, now: int) -> bool:
    """Step the machine and save what changed, with the notices to everybody concerned. False: the event has no place."""
    if isinstance(event, SayYes | Switch | Recount) and not _in_time(place, now):
        return False  # too late to allow anything; never too late to refuse
    after = step(place.bond, event)
    if after is None:
        return False
    before = place.bond
    approved = after.state == "approved" and before.state != "approved"
    over = after.state in ("refused", "lapsed", "ended")
    values: dict[str, Any] = {"state": after.state}
    if approved:
        values |= {"approved_at": now, "until": now + DAY * await facts.yes_lasts_days(tx, [place.a, place.b], now)}
    if over:
        values |= {"ended_at": now}
    moved = await tx.execute(
        update(contacts).where(contacts.c.id == place.id, contacts.c.state == before.state).values(values)
    )
    if moved.rowcount != 1:
        return False
    if isinstance(event, SayYes | Switch):
        await _save_yeses(tx, place, after, event, by=by, how_known=how_known, now=now)
    if approved or (after.state == "approved" and isinstance(event, SayYes)):
        await _vouch(tx, await _load(tx, place.id, now), now)
    pair = [place.a, place.b]
    if "approved" in (before.state, after.state):
        await notices.post(tx, "facts_changed", pair, now=now)
    concerned = {*pair, *await guardians_of(tx, pair)}
    await notices.post(tx, "changed", concerned, now=now, what=["people", "asks", "decisions"])
    return True


async def _save_yeses(
    tx: AsyncConnection, place: Place, after: Bond, event: SayYes | Switch, *, by: str, how_known: str | None, now: int
) -> None:
    for slot in sorted(event.slots):
        yes, old = after.yeses[slot], place.said.get(slot)
        values = {"voice": yes.voice, "video": yes.video, "person_id": by, "said_at": now}
        if isinstance(event, SayYes):
            values["how_known"] = how_known
        which = and_(yeses.c.contact_id == place.id, yeses.c.slot == slot)
        if old is not None:
            # a switch does not change who said yes and when, only how far it goes
            kept = {"voice": yes.voice, "video": yes.video} if isinstance(event, Switch) else values
            await tx.execute(update(yeses).where(which).values(kept))
        else:
            await tx.execute(insert(yeses).values(contact_id=place.id, slot=slot, **values))


_KNOWN: Final = frozenset({"met", "told"})  # of ``KnowsThem``: who says nothing gives no word


async def _vouch(tx: AsyncConnection, place: Place, now: int) -> None:
    """A guardian's yes to an adult is that guardian's word for them, unless the guardian said that they are not sure: no proof of
    age, and more than the adult's own word (row 6). It can be taken back (``supervision.vouch``)."""
    said = place.said.get("guardian_a")
    if place.adult and said is not None and said.how_known in _KNOWN:
        await tx.execute(delete(vouches).where(vouches.c.contact_id == place.id))
        await tx.execute(insert(vouches).values(contact_id=place.id, guardian_id=said.person_id, at=now))
        await tx.execute(
            update(accounts_table)
            .where(accounts_table.c.person_id == place.b, accounts_table.c.assurance == "self_declared")
            .values(assurance="vouched")
        )


async def behind(tx: AsyncConnection, ref: str, person: str) -> tuple[str, str]:
    """The contact and the viewer behind a ref: my own ``k_…``, or ``g_…`` for a guardian's view of a child's.

    A ref that leads nowhere, or is somebody else's ``k_…``, gives ids that are nobody's; the gatekeeper answers both alike.
    """
    own = ref.startswith("k_")
    found = (
        await tx.execute(
            select(sides.c.contact_id, sides.c.viewer_id).where(
                sides.c.ref == "k_" + ref[2:],
                sides.c.viewer_id == person
                if own
                else exists().where(
                    guardianships.c.guardian_id == person, guardianships.c.child_id == sides.c.viewer_id
                ),
            )
        )
    ).first()
    return (found.contact_id, found.viewer_id) if found else (NOBODYS, NOBODYS)


NOBODYS: Final = "-"  # no id is ever so short


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()
