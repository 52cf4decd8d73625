"""What the family sees of its contacts: a child's page, what waits for a decision, a guardian's list, whom a grown-up may call.

Read only, and narrow on purpose: each shape below is exactly what one screen shows, and nothing is in it because it was at
hand. Nobody but the two people and their own guardians is ever shown a contact (row 18). People are named by refs that work in
one viewer's hands only; an id appears only where it is one's own child's or that of a contact one decides about. How contacts come
about is ``contacts.py``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal, get_args

from sqlalchemy import and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from server import accounts, blocks, facts, limits, pictures, supervision
from server.accounts import SignedIn, ask, day, group_of, zone_of
from server.contacts import HowKnown, Place, Slot, Yes, hidden, place_of
from server.db.models import children, contacts, guardianships, households, people, sides, yeses
from server.db.session import Database
from server.facts import Gathering
from server.gatekeeper import Gatekeeper
from server.limits import Limits
from server.pictures import Kept as Compared
from server.policy import Decision, Verb
from server.policy.facts import GuardiansReach, Supervision
from server.supervision import Kept

_HOW_KNOWN: Final = frozenset(get_args(HowKnown))

# == The shapes ==============================================================================================================


@dataclass(frozen=True, slots=True)
class SaidYes:
    """One of the posts of 'Who said yes?'."""

    who: Literal["me", "them", "my_grown_up", "their_grown_up"]
    name: str
    avatar: int
    ground: int
    on: str


@dataclass(frozen=True, slots=True)
class Approved:
    """Somebody whom the viewer may call, under the name that the viewer's family gave them."""

    ref: str
    name: str
    avatar: int
    ground: int
    voice: bool
    video: bool
    adult: bool
    until: str
    yeses: tuple[SaidYes, ...]


@dataclass(frozen=True, slots=True)
class Callee(Approved):
    """The same on a child's page. ``watch``: what the child's family wants for a call with them; ``watched``: it is so now, and a call can
    begin; ``asked``: the child has asked for it and waits."""

    watch: Supervision
    watched: bool
    asked: bool
    own: bool  #: one of the child's own grown-ups, whom no hours and no minutes close


@dataclass(frozen=True, slots=True)
class Reachable(Approved):
    """The same on a grown-up's page. ``own``: a child whom this grown-up looks after."""

    own: bool
    pictures: Compared


@dataclass(frozen=True, slots=True)
class Asked:
    """A contact that still waits for yeses, as one of the two sees it."""

    id: str
    name: str | None
    avatar: int | None
    ground: int | None
    group: str | None
    waiting_for_me: bool
    waiting_for: tuple[str, ...]
    opened_by: str


@dataclass(frozen=True, slots=True)
class NameOnly:
    name: str


@dataclass(frozen=True, slots=True)
class Home:
    me: accounts.Me
    people: tuple[Callee, ...]
    asks: tuple[Asked, ...]
    grown_ups: tuple[NameOnly, ...]
    limits: Limits


@dataclass(frozen=True, slots=True)
class Household:
    country: str
    time_zone: str


@dataclass(frozen=True, slots=True)
class Ward(accounts.Child):
    """An own child. ``reach``: how far a guardian's word goes; ``objected``: the child finds what is set unfair."""

    reach: GuardiansReach
    objected: bool


@dataclass(frozen=True, slots=True)
class Family:
    me: accounts.Me
    household: Household
    children: tuple[Ward, ...]
    decisions: int


@dataclass(frozen=True, slots=True)
class OwnChild:
    id: str
    name: str
    avatar: int
    ground: int


@dataclass(frozen=True, slots=True)
class Other:
    """All that an approval screen shows of somebody: and all that it needs."""

    name: str
    avatar: int
    ground: int
    group: str
    adult: bool
    looked_after_by: str | None
    families: int


@dataclass(frozen=True, slots=True)
class Post:
    """One of the posts of a decision."""

    slot: Literal["child", "other", "their_grown_up", "you"]
    name: str
    avatar: int
    ground: int
    answer: Literal["yes", "voice", "not_yet"]


@dataclass(frozen=True, slots=True)
class ToDecide:
    id: str
    child: OwnChild | None
    other: Other
    yeses: tuple[Post, ...]
    child_says: str | None
    other_says: str | None
    opened_by: str
    opened_at: str
    mine: Literal["guardian", "self"]


@dataclass(frozen=True, slots=True)
class ChildsContact:
    """One row of a guardian's page about a child. ``voice`` and ``video`` are the switches of this family's guardians; ``supervision`` is
    what holds for this child today. ``present_until``: this guardian's own "I am with them". ``paused``: nobody switched anything off, and
    there is still no call: we are not sure enough who this grown-up is, or a helper has to look at them first."""

    ref: str
    name: str
    avatar: int
    ground: int
    group: str
    looked_after_by: str | None
    voice: bool
    video: bool
    voice_allowed_by_others: bool
    video_allowed_by_others: bool
    until: str | None
    state: str
    supervision: Supervision
    grown_up: bool
    own: bool  #: one of the child's own grown-ups
    myself: bool  #: ... and the one who looks at this page
    vouched: bool
    present_until: int | None
    paused: Literal["assurance", "families"] | None
    pictures: Compared


# == What is shown ===========================================================================================================


async def childs_home(db: Database, keeper: Gatekeeper, me: SignedIn, *, now: int) -> Home | Decision:
    """A child's own page: whom they may call, who waits for whose yes, who looks after them."""
    async with db.begin() as tx:
        decision = await ask(tx, keeper, me, Verb.LOOK_AT_HOME, now)
        if not decision:
            return decision
        album = await _album(tx, [me.person], now)
        zone = await zone_of(tx, me.household)
        circle = await facts.circle(tx, me.person, now=now)
        blocked = await blocks.blocked_by(tx, me.person)
        waiting = await supervision.asked_by(tx, me.person, now)
        return Home(
            await accounts.myself(tx, me.person, now),
            tuple(
                _callee(
                    _approved(album, place, me.person, zone),
                    circle,
                    me.person,
                    other,
                    asked=place.id in waiting,
                    own=other in album.guardians.get(me.person, ()),
                )
                for place in album.places
                if place.bond.shown == "approved" and (other := _other(place, me.person)) not in blocked
            ),
            tuple(_asked(album, place, me.person) for place in album.places if place.bond.shown == "asked"),
            tuple(NameOnly(album.people[one].name) for one in album.guardians.get(me.person, ())),
            await limits.limits_of(tx, me.person, now),
        )


async def whom_i_may_call(
    db: Database, keeper: Gatekeeper, me: SignedIn, *, now: int
) -> tuple[Reachable, ...] | Decision:
    """The same for a grown-up: the children whose contact they are, without those whom they have blocked themselves."""
    async with db.begin() as tx:
        decision = await ask(tx, keeper, me, Verb.LOOK_AT_PEOPLE, now)
        if not decision:
            return decision
        album = await _album(tx, [me.person], now)
        zone = await zone_of(tx, me.household)
        blocked = await blocks.blocked_by(tx, me.person)
        mine = [
            place
            for place in album.places
            if place.bond.shown == "approved" and _other(place, me.person) not in blocked
        ]
        of = {place.id: (place.a, place.b) for place in mine}
        compared = await pictures.kept_for(tx, of, me.person, me.person, now)
        return tuple(
            _reachable(
                _approved(album, place, me.person, zone),
                me.person in album.guardians.get(_other(place, me.person), ()),
                compared[place.id],
            )
            for place in mine
        )


async def family(db: Database, keeper: Gatekeeper, me: SignedIn, *, now: int) -> Family | Decision:
    """A grown-up's own page: who they look after, and how much there is to decide."""
    async with db.begin() as tx:
        decision = await ask(tx, keeper, me, Verb.LOOK_AT_FAMILY, now)
        if not decision:
            return decision
        wards = await accounts.list_children(tx, me.person, now)
        album = await _album(tx, [me.person, *(child.id for child in wards)], now)
        waiting = sum(1 for place in album.places if _to_answer(album, place, me.person))
        ids = [child.id for child in wards]
        known, objected = await limits.known_now(tx, ids, now), await limits.objected(tx, ids)
        return Family(
            await accounts.myself(tx, me.person, now),
            await _household(tx, me.household),
            tuple(
                Ward(
                    one.id, one.name, one.avatar, one.ground, one.group, one.consent, known[one.id].reach,
                    one.id in objected,
                )
                for one in wards
            ),
            waiting,
        )  # fmt: skip


async def decisions(db: Database, keeper: Gatekeeper, me: SignedIn, *, now: int) -> tuple[ToDecide, ...] | Decision:
    """What waits for this grown-up's yes or no, oldest first; without what they may not know of yet (``contacts.hidden``)."""
    async with db.begin() as tx:
        decision = await ask(tx, keeper, me, Verb.LOOK_AT_DECISIONS, now)
        if not decision:
            return decision
        wards = [child.id for child in await accounts.list_children(tx, me.person, now)]
        album = await _album(tx, [me.person, *wards], now)
        waiting = [place for place in album.places if _to_answer(album, place, me.person)]
        return tuple([await _to_decide(tx, album, place, me, now) for place in waiting])


async def contacts_of(
    db: Database, keeper: Gatekeeper, me: SignedIn, child: str, *, now: int
) -> tuple[ChildsContact, ...] | Decision:
    """The contacts of an own child. Nobody else can list anybody's (row 18)."""
    async with db.begin() as tx:
        decision = await ask(tx, keeper, me, Verb.LOOK_AT_CONTACTS, now, child=child)
        if not decision:
            return decision
        album = await _album(tx, [child], now)
        zone = await zone_of(tx, me.household)
        circle = await facts.circle(tx, child, now=now)
        kept = await supervision.kept_for(tx, child, me.person, now)
        approved = {place.id: (place.a, place.b) for place in album.places if place.bond.shown == "approved"}
        compared = await pictures.kept_for(tx, approved, child, me.person, now)
        return tuple(
            _childs_contact(
                album,
                place,
                child,
                zone,
                circle,
                kept.get(place.id, Kept()),
                compared.get(place.id, Compared()),
                me.person,
            )
            for place in album.places
            if not hidden(place, _stands(album, place, me.person))
        )


# == Loading ==================================================================================================================


@dataclass(frozen=True, slots=True)
class Album:
    """Some contacts with everybody in them, read in a handful of statements however many there are."""

    places: tuple[Place, ...]
    people: Mapping[str, Any]  #: rows of people with their age
    groups: Mapping[str, str]
    guardians: Mapping[str, tuple[str, ...]]
    sides: Mapping[tuple[str, str], Any]  #: (contact, viewer)


async def _album(tx: AsyncConnection, of: Sequence[str], now: int) -> Album:
    """The living contacts of these people that are in time, oldest first, with everybody who is in them."""
    b = people.alias("b")
    rows = (
        await tx.execute(
            select(contacts, b.c.kind.label("b_kind"))
            .join(b, b.c.id == contacts.c.b_id)
            .where(
                or_(contacts.c.a_id.in_(of), contacts.c.b_id.in_(of)),
                or_(
                    and_(contacts.c.state == "asked", contacts.c.decide_by > now),
                    and_(contacts.c.state == "approved", contacts.c.until > now),
                ),
            )
            .order_by(contacts.c.created_at, contacts.c.id)
        )
    ).all()
    ids = [row.id for row in rows]
    said: dict[str, list[Any]] = {one: [] for one in ids}
    for row in await tx.execute(select(yeses).where(yeses.c.contact_id.in_(ids))):
        said[row.contact_id].append(row)
    seen = {row.a_id for row in rows} | {row.b_id for row in rows} | set(of)
    guardians: dict[str, list[str]] = {}
    looking = select(guardianships).where(guardianships.c.child_id.in_(seen)).order_by(guardianships.c.guardian_id)
    for row in await tx.execute(looking):
        guardians.setdefault(row.child_id, []).append(row.guardian_id)
    everybody = seen | {one for some in guardians.values() for one in some}
    everybody |= {row.person_id for some in said.values() for row in some}
    known = {
        row.id: row
        for row in await tx.execute(
            select(people, children.c.age_group, children.c.age_until)
            .outerjoin(children, children.c.person_id == people.c.id)
            .where(people.c.id.in_(everybody))
        )
    }
    views = await tx.execute(select(sides).where(sides.c.contact_id.in_(ids)))
    leading = await facts.leading(tx, seen, now=now)
    return Album(
        tuple(place_of(row, said[row.id], leading) for row in rows),
        known,
        {one: group_of(row, now) for one, row in known.items()},
        {child: tuple(some) for child, some in guardians.items()},
        {(row.contact_id, row.viewer_id): row for row in views},
    )


# == From rows to pages =======================================================================================================


def _other(place: Place, viewer: str) -> str:
    return place.b if viewer == place.a else place.a


def _as_seen(place: Place, viewer: str) -> dict[Slot, Literal["me", "them", "my_grown_up", "their_grown_up"]]:
    """The four places in the words of one of the two, in the order in which they are shown."""
    if viewer == place.a:
        return {"a": "me", "b": "them", "guardian_b": "their_grown_up", "guardian_a": "my_grown_up"}
    return {"b": "me", "a": "them", "guardian_a": "their_grown_up", "guardian_b": "my_grown_up"}


def _approved(album: Album, place: Place, viewer: str, zone: str) -> Approved:
    side = album.sides[place.id, viewer]
    said = []
    for slot, who in _as_seen(place, viewer).items():
        if slot in place.said:
            row = place.said[slot]
            if who == "my_grown_up" and row.person_id == side.other_id:
                continue  # my own grown-up is whom I call: one person, who stands there once
            shown = side if who == "them" else album.people[row.person_id]
            said.append(SaidYes(who, shown.name, shown.avatar, shown.ground, day(row.said_at, zone)))
    return Approved(
        side.ref, side.name, side.avatar, side.ground, place.bond.voice, place.bond.video,
        album.people[side.other_id].kind != "child", day(place.until or 0, zone), tuple(said),
    )  # fmt: skip


def _asked(album: Album, place: Place, viewer: str) -> Asked:
    slots = _as_seen(place, viewer)
    missing = place.bond.asked_of
    waiting = tuple(who for slot, who in slots.items() if slot in missing)
    if place.opened_by == "code" and viewer == place.b and "a" in missing:
        # whoever typed the words may have overheard them: no name until the other child has said yes
        return Asked(place.id, None, None, None, None, "me" in waiting, waiting, place.opened_by)
    side = album.sides[place.id, viewer]
    group = album.groups[side.other_id]
    return Asked(place.id, side.name, side.avatar, side.ground, group, "me" in waiting, waiting, place.opened_by)


def _stands(album: Album, place: Place, me: str) -> frozenset[Slot]:
    """The places in which a grown-up stands."""
    found: set[Slot] = {"b"} if me == place.b else set()
    if me in album.guardians.get(place.a, ()):
        found.add("guardian_a")
    if me in album.guardians.get(place.b, ()):
        found.add("guardian_b")
    return frozenset(found)


def _mine(album: Album, place: Place, me: str) -> frozenset[Slot]:
    """Those of them that must say yes: not the guardian's of a teenager who leads."""
    return _stands(album, place, me) & place.bond.needed


def _to_answer(album: Album, place: Place, me: str) -> bool:
    mine = _mine(album, place, me)
    return bool(mine & place.bond.asked_of) and not hidden(place, _stands(album, place, me))


async def _to_decide(tx: AsyncConnection, album: Album, place: Place, me: SignedIn, now: int) -> ToDecide:
    mine = _mine(album, place, me.person)
    as_guardian = bool(mine & {"guardian_a", "guardian_b"})
    # of two siblings the one whose code or link it was is "the child", the other one "the other"
    viewer = place.a if "guardian_a" in mine or (not as_guardian and place.b != me.person) else place.b
    other = album.people[_other(place, viewer)]
    adult = other.kind != "child"
    slots = _as_seen(place, viewer)
    posts = []
    for slot, who in slots.items():
        if slot not in place.bond.needed or (who == "their_grown_up" and slot in mine):
            continue
        if who == "me":
            name: Literal["child", "other", "their_grown_up", "you"] = "child" if as_guardian else "you"
        elif who == "them":
            name = "other"
        else:
            name = "you" if who == "my_grown_up" and as_guardian else "their_grown_up"
        posts.append(_post(album, place, slot, name, me.person if name == "you" else None))
    child = album.people[viewer] if as_guardian else None
    looked_after = album.guardians.get(other.id, ())
    return ToDecide(
        place.id,
        OwnChild(child.id, child.name, child.avatar, child.ground) if child else None,
        Other(
            other.name, other.avatar, other.ground, album.groups[other.id], adult,
            album.people[looked_after[0]].name if looked_after else None,
            await _families(tx, other.id, me.household, other.household_id, now) if adult else 0,
        ),
        tuple(posts),
        _says(place, [slot for slot, who in slots.items() if who == "me"]) if as_guardian else None,
        _says(place, [slot for slot, who in slots.items() if who in ("their_grown_up", "them")]),
        place.opened_by,
        datetime.fromtimestamp(place.created_at / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "guardian" if as_guardian else "self",
    )  # fmt: skip


def _post(album: Album, place: Place, slot: Slot, name: Any, you: str | None) -> Post:
    said = place.said.get(slot)
    whose = {"a": place.a, "b": place.b, "guardian_a": place.a, "guardian_b": place.b}[slot]
    if said is not None:
        shown = album.people[said.person_id if slot.startswith("guardian") else whose]
    elif slot.startswith("guardian"):
        shown = album.people[you or album.guardians[whose][0]]
    else:
        shown = album.people[whose]
    answer: Literal["yes", "voice", "not_yet"] = "not_yet"
    if said is not None and said.voice:
        answer = "yes" if said.video else "voice"
    return Post(name, shown.name, shown.avatar, shown.ground, answer)


def _says(place: Place, slots: Sequence[Slot]) -> str | None:
    """How they say they know each other. Only answers from the list that is meant for the other family."""
    for slot in slots:
        if slot in place.said and place.said[slot].how_known in _HOW_KNOWN:
            return str(place.said[slot].how_known)
    return None


async def _household(tx: AsyncConnection, household: str) -> Household:
    found = await tx.execute(select(households.c.country, households.c.time_zone).where(households.c.id == household))
    return Household(*found.one())


async def _families(tx: AsyncConnection, adult: str, mine: str, theirs: str, now: int) -> int:
    """How many other families here have approved this adult. A number, never names (design 3.18)."""
    return int(
        (
            await tx.execute(
                select(func.count(people.c.household_id.distinct()))
                .select_from(contacts)
                .join(people, people.c.id == contacts.c.a_id)
                .where(
                    contacts.c.b_id == adult,
                    contacts.c.state == "approved",
                    contacts.c.until > now,
                    people.c.household_id.not_in([mine, theirs]),
                )
            )
        ).scalar_one()
    )


def _callee(approved: Approved, circle: Gathering, me: str, other: str, *, asked: bool, own: bool) -> Callee:
    between = circle.contacts.get((me, other))
    free = between is None or between.watch_x == "free"
    return Callee(
        approved.ref, approved.name, approved.avatar, approved.ground, approved.voice, approved.video, approved.adult,
        approved.until, approved.yeses,
        watch="free" if between is None else between.watch_x,
        watched=free or (between is not None and between.watched_x),
        asked=asked,
        own=own,
    )  # fmt: skip


def _reachable(approved: Approved, own: bool, compared: Compared) -> Reachable:
    return Reachable(
        approved.ref, approved.name, approved.avatar, approved.ground, approved.voice, approved.video, approved.adult,
        approved.until, approved.yeses, own, compared,
    )  # fmt: skip


def _paused(circle: Gathering, child: str, other: str) -> Literal["assurance", "families"] | None:
    """Why the rules refuse this grown-up, where neither family has said no: ``adult-not-assured``, ``many-unrelated-children``."""
    between = circle.contacts.get((child, other))
    if between is None or between.own_guardian or between.state != "approved":
        return None
    if between.assurance < between.assurance_needed:
        return "assurance"
    few = all(one.person.few_families for one in circle.people if one.id == other)
    return None if few else "families"


def _childs_contact(
    album: Album, place: Place, child: str, zone: str, circle: Gathering, kept: Kept, compared: Compared, viewer: str
) -> ChildsContact:
    side = album.sides[place.id, child]
    slot: Slot = "guardian_a" if child == place.a else "guardian_b"
    ours = place.bond.yeses.get(slot, Yes(False, False))
    others = [place.bond.yeses.get(one, Yes(False, False)) for one in place.bond.needed - {slot}]
    looked_after = album.guardians.get(side.other_id, ())
    return ChildsContact(
        "g_" + side.ref[2:], side.name, side.avatar, side.ground, album.groups[side.other_id],
        album.people[looked_after[0]].name if looked_after else None,
        ours.voice, ours.video, all(one.voice for one in others), all(one.video for one in others),
        day(place.until, zone) if place.until and place.bond.shown == "approved" else None, place.bond.shown,
        kept.mode if circle.people[0].reach == "approve" else "free", album.people[side.other_id].kind != "child",
        side.other_id in album.guardians.get(child, ()), side.other_id == viewer, kept.vouched, kept.present_until,
        _paused(circle, child, side.other_id), compared,
    )  # fmt: skip
