"""From rows to questions: everything that the rules may know about a situation, read in one statement.

Two ways to ask for it. ``act()`` for one person doing something to a child, contact, device, sign-in or call. ``around()`` for
people who would be in a call or see each other's presence: it gathers everybody and what their families have agreed, and
``Gathering.reach()`` makes of it one question per ordered pair.

Absent means strict. An id that does not exist and one that is not yours take the same way through the same statement and give
the same facts: those of a stranger. So the answer is the same, and the time it takes. A contact counts as approved only if its
state says so *and* every yes that it needs is there: two records would have to be wrong, not one.

What the clock will change is read with the facts (``Gathering.changes``), so that whoever must ask again can wait for that
moment instead of looking every few seconds.
"""

# ruff: noqa: S608  # statements are put together from the constants of this file; what comes from outside is a parameter

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import permutations
from typing import Final, Literal, cast

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from server import chains, home_time
from server.audit import PLATFORM
from server.db.models import children, households, teen_leads
from server.db.session import Row, rows
from server.policy import Act, Question, Reach, Verb
from server.policy.bands import bands_in_force
from server.policy.facts import (
    GENERAL,
    NO_CALL,
    NO_CONTACT,
    NOT_YOURS,
    STRANGER,
    Call,
    Contact,
    GuardiansReach,
    Host,
    Matter,
    Person,
    Stage,
    Supervision,
    Whose,
)

MOST: Final = 8  #: people in one gathering; as many as a call may have


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, and beside it what only the audit record sees: pseudonyms, whose chains, when (milliseconds)."""

    question: Question
    who: tuple[str, ...]
    chains: tuple[str, ...]
    at: int


@dataclass(frozen=True, slots=True)
class Event:
    """Several questions that are one event, as :class:`Asked` is one: allowed when every question with ``verb`` is."""

    verb: Verb
    questions: tuple[Question, ...]
    who: tuple[str, ...]
    chains: tuple[str, ...]
    at: int


NO_STAGE: Final = Stage()


@dataclass(frozen=True, slots=True)
class Known:
    """Somebody in a gathering. ``id`` is empty for somebody who was not found. ``reach``: how far their guardian's word goes.
    ``assurance``: how sure we are of a grown-up by their account alone. ``stage``: they may be on one, and it is switched on.
    ``ends``: when the clock alone takes something from them, with the code they are told; ``changes``: all such moments."""

    id: str
    pseudonym: str
    chain: str
    person: Person
    country: str = ""
    reach: GuardiansReach = "approve"
    assurance: int = 0
    stage: Stage = NO_STAGE
    ends: tuple[tuple[Literal["quiet_hours", "time_limit"], int], ...] = ()
    changes: tuple[int, ...] = ()

    @property
    def own(self) -> str:
        """The chain of their own; the platform's for somebody who was not found."""
        return chains.of_person(self.pseudonym) if self.id else PLATFORM


NOBODY: Final = Known("", "", "", STRANGER)  #: asks, and is nobody we know
NOT_FOUND: Final = Known("", "", "", replace(STRANGER, acts=False))  #: is asked about, and is nobody we know


@dataclass(frozen=True, slots=True)
class CallRow:
    """A call as recorded. ``rung``: everybody who was ever asked into it, the caller too. ``there``: whose media is up."""

    id: str
    media: Literal["audio", "video"]
    live: bool
    rung: frozenset[str]
    there: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Gathering:
    """People, what is agreed between them, and the call if one was named: all read at one moment."""

    people: tuple[Known, ...]
    contacts: Mapping[tuple[str, str], Contact]  #: both orders of a pair are there
    refs: Mapping[tuple[str, str], str]  #: (viewer, other): how the viewer knows the other
    call: CallRow | None
    at: int
    guards: frozenset[tuple[str, str]] = frozenset()  #: (guardian, child)
    changes: tuple[int, ...] = ()  #: when the clock alone changes what is between two of them

    def pairs(self) -> list[tuple[Known, Known]]:
        """Every ordered pair."""
        return list(permutations(self.people, 2))

    def call_of_all(self, *, live: bool, media: Literal["audio", "video"]) -> Call:
        """The call as it would be with exactly these people in it."""
        return _call_of(
            people=len(self.people),
            room=bands_in_force().room_for((known.country, known.person.band) for known in self.people),
            with_child=any(known.person.kind == "child" for known in self.people),
            live=live,
            media=media,
        )

    def reach(self, verb: Verb, x: Known, y: Known, call: Call = NO_CALL) -> Asked:
        """May X reach Y?"""
        contact = self.contacts.get((x.id, y.id), NO_CONTACT)
        return Asked(Reach(verb, x.person, y.person, contact, call), *_concerned(verb, (x, y)), self.at)

    def all_of_a_call(self, call: Call, alone: Verb, verbs: tuple[Verb, ...]) -> Event:
        """May each be in it, as far as it concerns them alone; and for each of ``verbs``: may X reach Y, for every ordered pair.
        The event is the first of ``verbs``, or ``alone`` where there are no pairs."""
        people, between = self.people, self.contacts
        pairs = [
            _reaches(verbs, x.person, y.person, between.get((x.id, y.id), NO_CONTACT), call) for x, y in self.pairs()
        ]
        questions: list[Question] = [_act(alone, x.person, _own(x)) for x in people]
        for number in range(len(verbs)):
            questions += [pair[number] for pair in pairs]
        return Event(
            verbs[0] if pairs else alone,
            tuple(questions),
            tuple(dict.fromkeys([known.pseudonym for known in people if known.id])),
            tuple(sorted({known.own for known in people})),
            self.at,
        )

    def next_change(self) -> int | None:
        """When the clock alone next changes a fact of this gathering, in milliseconds of UTC."""
        moments = (*self.changes, *(at for known in self.people for at in known.changes))
        return min((at for at in moments if at > self.at), default=None)

    def alone(self, verb: Verb, x: Known) -> Asked:
        """May X do this, as far as it concerns X alone?"""
        return Asked(Act(verb, x.person, _own(x)), *_concerned(verb, (x,)), self.at)


# Few different ones of these are about at any time. One that was made before is found again instead of made again, and is then
# compared by being the same.
_person: Final = lru_cache(maxsize=4_096)(Person)
_contact_of: Final = lru_cache(maxsize=4_096)(Contact)
_turned: Final = lru_cache(maxsize=4_096)(Contact.turned)
_stage: Final = lru_cache(maxsize=64)(Stage)
_act: Final = lru_cache(maxsize=4_096)(Act)
_call_of: Final = lru_cache(maxsize=4_096)(Call)


@lru_cache(maxsize=4_096)
def _reaches(verbs: tuple[Verb, ...], x: Person, y: Person, contact: Contact, call: Call) -> tuple[Reach, ...]:
    return tuple(Reach(verb, x, y, contact, call) for verb in verbs)


def _own(x: Known) -> Matter:
    """A question about nothing but the asker: how far a guardian's word goes for them is part of it."""
    if x.person.kind != "child":
        return GENERAL
    return _own_of_child(x.reach, bands_in_force().terms(x.country, x.person.band).may_lead)


@lru_cache(maxsize=16)
def _own_of_child(reach: GuardiansReach, may_lead: bool) -> Matter:
    return replace(GENERAL, reach=reach, may_lead=may_lead)


def _concerned(verb: Verb, people: Sequence[Known]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Their pseudonyms, and the chains in which a row about them stands. Who asks stands first."""
    there = [known for known in people if known.id]
    grown_up = people[0].chain if people[0].person.kind != "child" else ""
    return (
        tuple([known.pseudonym for known in there]),
        chains.concerning(verb, grown_up, [(known.pseudonym, known.chain) for known in there]),
    )


async def by_refs(tx: AsyncConnection, me: str, refs: Sequence[str], *, session: str, now: int) -> Gathering:
    """Me and the people whom I know by these refs, for a ring. A ref that is not mine or leads nowhere gives ``NOT_FOUND``.

    Only I must be signed in (on ``session``): whoever is rung comes in with a sign-in of their own, and is asked again then.
    """
    wanted = list(dict.fromkeys(refs))  # those beyond what a call may hold are not looked up, but they count as people
    found = await rows(
        tx, _BY_REFS, me=me, session=session, now=now, call="", **_numbered(wanted[: MOST - 1], MOST - 1)
    )
    gathering = _gather(found, now, acting={me})
    mine = {gathering.refs[pair]: pair[1] for pair in gathering.refs if pair[0] == me}
    by_id = {known.id: known for known in gathering.people}
    others = (by_id.get(mine.get(ref, ""), NOT_FOUND) for ref in wanted)
    return replace(gathering, people=(by_id.get(me, NOT_FOUND), *others))


async def around(
    tx: AsyncConnection, ids: Sequence[str], *, now: int, me: str = "", session: str = "", call: str = ""
) -> Gathering:
    """These people, in this order, all of them at the end of a live connection; ``me`` on exactly ``session``."""
    wanted = list(dict.fromkeys(ids))
    found = await rows(tx, _BY_IDS, me=me, session=session, now=now, call=call, **_numbered(wanted, MOST))
    gathering = _gather(found, now, acting=set(wanted))
    by_id = {known.id: known for known in gathering.people}
    return replace(gathering, people=tuple(by_id.get(one, NOT_FOUND) for one in wanted))


async def around_many(tx: AsyncConnection, calls: Sequence[tuple[str, Sequence[str]]], *, now: int) -> list[Gathering]:
    """:func:`around` for several calls with their people, nobody on a named sign-in: as few statements as hold them all."""
    if len(calls) == 1:
        return [await around(tx, people, now=now, call=call) for call, people in calls]
    found: list[Gathering] = []
    for lot in _lots(calls):
        named = _numbered([call for call, _ in lot], _MANY_CALLS, "c")
        there = _numbered(list(dict.fromkeys(person for _, people in lot for person in people)), _MANY_PEOPLE)
        sorted_ = _sort(await rows(tx, _BY_CALLS, me="", session="", now=now, call="", **there, **named))
        known = {
            person: _known(row, now, acts=True, stays=sorted_.stays.get(person, ()))
            for person, row in sorted_.people.items()
        }
        found += [_one_of_many(sorted_, known, call, people, now) for call, people in lot]
    return found


def _lots(calls: Sequence[tuple[str, Sequence[str]]]) -> Iterator[Sequence[tuple[str, Sequence[str]]]]:
    """As many calls at a time as one statement has room for."""
    lot: list[tuple[str, Sequence[str]]] = []
    held = 0
    for call, people in calls:
        if len(set(people)) > MOST:
            raise ValueError("more people than a call may have")
        if len(lot) == _MANY_CALLS or held + len(people) > _MANY_PEOPLE:
            yield lot
            lot, held = [], 0
        lot.append((call, people))
        held += len(people)
    if lot:
        yield lot


def _one_of_many(found: _Sorted, known: Mapping[str, Known], call: str, ids: Sequence[str], now: int) -> Gathering:
    wanted = list(dict.fromkeys(ids))
    people = {one: known[one] for one in wanted if one in known}
    pairs = list(permutations(people, 2))
    contacts = [_with_yeses(found.contacts[pair], call, found.yeses) for pair in pairs if pair in found.contacts]
    guards = found.guards.intersection(pairs) if found.guards else frozenset()
    return _gathered(found, people, [known.get(one, NOT_FOUND) for one in wanted], contacts, guards, call, now)


def _with_yeses(row: Row, call: str, yeses: Mapping[tuple[str, str, str], Sequence[tuple[str, int]]]) -> Row:
    """The contact with the yeses that were used for this call: among many, the statement saw only those that are still unused."""
    if not yeses:
        return row
    until = [
        max(
            [
                at or 0,
                *(until for kind, until in yeses.get((row[3], child, call), ()) if kind == "present" or mode == "ask"),
            ]
        )
        for child, mode, at in ((row[1], row[7], row[15]), (row[2], row[8], row[16]))
    ]
    return (*row[:15], *until, *row[17:])


async def circle(tx: AsyncConnection, me: str, *, now: int) -> Gathering:
    """Me first, and everybody with whom I have an approved contact, for presence. Nobody must be signed in to be known."""
    gathering = _gather(await rows(tx, _CIRCLE, me=me, now=now, call=""), now, acting=set())
    return replace(gathering, people=tuple(sorted(gathering.people, key=lambda known: known.id != me)))


async def by_session(tx: AsyncConnection, session: str, *, now: int) -> tuple[Known, str, Gathering]:
    """Whose sign-in this is, on which paired device ("" for none), and the gathering of this one person."""
    found = await rows(tx, _BY_SESSION, session=session, now=now, call="")
    gathering = _gather(found, now, acting={row[1] for row in found})
    devices = [row[2] for row in found if row[0] == _SESSION]
    return (gathering.people or (NOBODY,))[0], (devices[0] if devices else None) or "", gathering


async def act(
    tx: AsyncConnection,
    verb: Verb,
    actor: str,
    *,
    now: int,
    by: str | None = None,
    child: str | None = None,
    contact: str | None = None,
    session: str | None = None,
    device: str | None = None,
    call: str | None = None,
) -> Asked:
    """May this person do this? ``by`` is the sign-in they do it on (without it: any that is live). The others name what it is
    done to. Usually one; of several, all must be theirs. Ids that lead nowhere are no error: they are a stranger's."""
    named = {"child": child, "contact": contact, "session": session, "device": device, "call": call}
    found = await rows(tx, _ACT, actor=actor, by=by or "", now=now, **{name: one or "" for name, one in named.items()})
    people = _gather(found, now, acting={actor}).people
    x = people[0] if people else NOBODY
    concerned = [row for row in found if row[0] == _CONCERNED]
    whose = [_whose([row for row in concerned if row[_WHAT] == name], actor) for name, one in named.items() if one]
    if verb is Verb.HOST_STAGE:
        return Asked(Host(verb, x.person, x.stage), *_concerned(verb, (x,)), now)
    if not whose:
        return Asked(Act(verb, x.person, _own(x)), *_concerned(verb, (x,)), now)
    if "stranger" in whose:
        return Asked(Act(verb, x.person, NOT_YOURS), *_concerned(verb, (x,)), now)
    wards = [row for row in concerned if row[_WARD]]
    about = [_known(row, now, acts=False) for row in wards] or [x]
    # A child who leads takes nothing away from a sister or brother: the one who is named counts, or of both who can be meant the
    # one for whom the guardian's word goes furthest. Two children of one guardian may be each other's contact.
    meant = [one for one in about if one.id == child] or about
    matter = Matter(
        whose="ward" if all(one == "ward" for one in whose) else "own",
        active=all(one.person.active for one in about) if wards else True,
        consent=all(one.person.consent for one in about) if wards else True,
        reach=min((one.reach for one in meant), key=_REACHES.index),
        may_lead=all(_own(one).may_lead for one in meant),
    )
    others = [_known(row, now, acts=False) for row in concerned if row[1] != actor]
    return Asked(Act(verb, x.person, matter), *_concerned(verb, (x, *others)), now)


async def leading(tx: AsyncConnection, ids: Iterable[str], *, now: int) -> frozenset[str]:
    """Which of these are teenagers who lead their own accounts: they took the lead, and their age and country allow it."""
    found = await tx.execute(
        _LEADING.where(
            teen_leads.c.child_id.in_(list(ids)), teen_leads.c.ended_at.is_(None), children.c.age_until > now
        )
    )
    bands = bands_in_force()
    return frozenset(person for person, group, country in found if bands.terms(country, bands.band(group)).may_lead)


async def led_until(tx: AsyncConnection, child: str, now: int) -> int:
    """Until when this child led their own account, who does not now; 0 if never. What was led stays theirs (row 47): it is when
    they gave it back, when age or country no longer allowed it, or when the age was not said anew in time. Not known is now."""
    led = await tx.execute(
        select(teen_leads.c.ended_at, teen_leads.c.led_until, children.c.age_until)
        .join(children, children.c.person_id == teen_leads.c.child_id)
        .where(teen_leads.c.child_id == child)
    )
    row = led.first()
    if row is None:
        return 0
    lapsed = row.age_until if row.age_until <= now else None
    return int(next((at for at in (row.ended_at, row.led_until, lapsed) if at is not None), now))


async def yes_lasts_days(tx: AsyncConnection, ids: Iterable[str], now: int) -> int:
    """For how many days a yes between these people is good: what the strictest of the children's ages and countries says (row 16)."""
    found = await tx.execute(_AGES.where(children.c.person_id.in_(list(ids))))
    bands = bands_in_force()
    of_each = (
        bands.terms(country, bands.band(group if until > now else None)).yes_lasts_days
        for group, until, country in found
    )
    return min(of_each, default=0)  # without a child in it there is no yes


def _whose(concerned: Sequence[Row], actor: str) -> Whose:
    """A guardian acts for the child before acting for themselves: Dad may be his daughter's contact as well."""
    if any(row[_WARD] for row in concerned):
        return "ward"
    return "own" if any(row[1] == actor for row in concerned) else "stranger"


#: from where a guardian's word goes furthest to where it goes least far
_REACHES: Final[Sequence[GuardiansReach]] = ("approve", "discuss", "teen_led")


@dataclass(frozen=True, slots=True)
class _Sorted:
    """What a statement brought, by what it is about."""

    people: dict[str, Row]
    contacts: dict[tuple[str, str], Row]  #: (a, b): a pair has one living contact
    guards: set[tuple[str, str]]
    stays: dict[str, list[tuple[int, int | None]]]
    calls: dict[str, Row]
    rung: dict[str, list[str]]
    there: dict[str, list[str]]
    yeses: dict[tuple[str, str, str], list[tuple[str, int]]]  #: (contact, child, call): kind, until


def _sort(found: Sequence[Row]) -> _Sorted:
    it = _Sorted({}, {}, set(), {}, {}, {}, {}, {})
    for row in found:
        tag = row[0]
        if tag == _PERSON:
            it.people[row[1]] = row
        elif tag == _CONTACT:
            it.contacts[row[1], row[2]] = row
        elif tag == _RUNG:
            it.rung.setdefault(row[2], []).append(row[1])
            if row[9]:
                it.there.setdefault(row[2], []).append(row[1])
        elif tag == _STAY:
            it.stays.setdefault(row[1], []).append((row[9], row[10] or None))
        elif tag == _GUARD:
            it.guards.add((row[1], row[2]))
        elif tag == _CALL:
            it.calls[row[1]] = row
        elif tag == _YES:
            it.yeses.setdefault((row[1], row[2], row[3]), []).append((row[4], row[9]))
    return it


def _gather(rows_: Sequence[Row], now: int, *, acting: Collection[str]) -> Gathering:
    """One gathering of all that a statement brought, which named one call at most."""
    found = _sort(rows_)
    people = {
        person: _known(row, now, acts=person in acting, stays=found.stays.get(person, ()))
        for person, row in found.people.items()
    }
    contacts = [row for (a, b), row in found.contacts.items() if a in people and b in people]
    call = next(iter(found.calls), "")
    return _gathered(found, people, list(people.values()), contacts, frozenset(found.guards), call, now)


def _gathered(
    found: _Sorted,
    people: Mapping[str, Known],
    in_order: Sequence[Known],
    contacts: Sequence[Row],
    guards: Collection[tuple[str, str]],
    call: str,
    now: int,
) -> Gathering:
    there = found.there.get(call, ())
    present = {child for guardian, child in guards if guardian in people and guardian in there and child in people}
    between: dict[tuple[str, str], Contact] = {}
    refs: dict[tuple[str, str], str] = {}
    changes: list[int] = []
    for row in contacts:
        a, b = row[1], row[2]
        contact = _contact(row, now, people[a], people[b], guards, present)
        between[a, b], between[b, a] = contact, _turned(contact)
        if row[5] and row[6]:
            refs[a, b], refs[b, a] = row[5], row[6]
        changes += [at for at in (row[9], row[15], row[16]) if at and at > now]
    recorded = found.calls.get(call)
    return Gathering(
        tuple(in_order),
        between,
        refs,
        None
        if recorded is None
        else CallRow(call, recorded[2], recorded[3] == "live", frozenset(found.rung.get(call, ())), frozenset(there)),
        now,
        frozenset(guards),
        tuple(changes),
    )


def _known(row: Row, now: int, *, acts: bool, stays: Iterable[tuple[int, int | None]] = ()) -> Known:
    _, person, household, pseudonym, kind, state, age_group, country, zone = row[:9]
    age_until, consent, signed, signed_until, quiet_from, quiet_until, minutes, leads = row[9:17]
    assurance, families, cleared, stage_on, moderated = row[17:22]
    child = kind == "child"
    fresh = age_until is not None and age_until > now  # an age that has not been asked again in time is unknown (row 4)
    bands = bands_in_force()
    band = bands.band(age_group if fresh else None) if child else "18+"
    terms = bands.terms(country, band)
    ends: list[tuple[Literal["quiet_hours", "time_limit"], int]] = []
    changes = [at for at in (age_until, signed_until) if at and at > now]
    open_hours = minutes_left = True
    if child and quiet_from is not None and quiet_until is not None and quiet_from != quiet_until:
        open_hours = not home_time.quiet((quiet_from, quiet_until), now, zone)
        turns = home_time.next_turn((quiet_from, quiet_until), now, zone)
        changes.append(turns)
        if open_hours:
            ends.append(("quiet_hours", turns))
    if child and minutes is not None:
        left = minutes * home_time.MINUTE - home_time.talked(stays, now, zone)
        minutes_left = left > 0
        midnight = home_time.next_day(now, zone)
        # what is left of today may last past midnight, and there the day begins anew
        over = now + left if now + left < midnight else midnight + minutes * home_time.MINUTE
        ends.append(("time_limit", over))
        changes.append(over if minutes_left else midnight)
    return Known(
        person,
        pseudonym,
        chains.of_household(household),
        _person(
            kind=kind,
            band=band,
            active=state == "active",
            consent=consent == 1,
            signed_in=signed is not None,
            paired=signed == 2 or not child,
            acts=acts,
            open_hours=open_hours,
            minutes_left=minutes_left,
            few_families=child or (families or 0) <= max(terms.families, cleared or 0),
        ),
        country=country,
        reach="teen_led" if child and leads and terms.may_lead else terms.reach,
        assurance=assurance or 0,
        stage=_stage(terms.stage, stage_on == 1, moderated == 1, False),
        ends=tuple(ends),
        changes=tuple(changes),
    )


#: Which slots a yes is needed in, as bits of what the statement adds up.
_SLOTS: Final[Mapping[str, int]] = {"a": 1, "b": 2, "guardian_a": 4, "guardian_b": 8}


def _contact(
    row: Row, now: int, a: Known, b: Known, guards: Collection[tuple[str, str]], present: Collection[str]
) -> Contact:
    state, mode_a, mode_b, until, voice, video, said = row[4], row[7], row[8], row[9], row[10], row[11], row[12]
    vouched, blocked, watched_a, watched_b = row[13], row[14], row[15], row[16]
    both_children = b.person.kind == "child"
    needed = 3 + (4 if a.reach != "teen_led" else 0) + (8 if both_children and b.reach != "teen_led" else 0)
    if state == "approved" and (said or 0) & needed != needed:
        state = "asked"
    terms = [bands_in_force().terms(one.country, one.person.band) for one in (a, b) if one.person.kind == "child"]
    adult = b.assurance if not both_children else 3
    return _contact_of(
        state=state,
        voice=(voice or 0) & needed == needed,
        video=(voice or 0) & (video or 0) & needed == needed,
        in_year=until is not None and until > now,
        blocked=blocked == 1,
        own_guardian=(b.id, a.id) in guards or (a.id, b.id) in guards,
        assurance=max(adult, 2 if vouched else 0),
        assurance_needed=max((one.assurance for one in terms), default=3),
        watch_x=_watch(mode_a, a),
        watched_x=not mode_a or bool(watched_a) or a.id in present,
        watch_y=_watch(mode_b, b),
        watched_y=not mode_b or bool(watched_b) or b.id in present,
    )


def _watch(mode: str | None, child: Known) -> Supervision:
    """What a family set for a younger child no longer binds one whom a guardian only knows and discusses with (row 47)."""
    return cast(Supervision, mode) if mode and child.reach == "approve" else "free"


def _numbered(values: Sequence[str], size: int, letter: str = "p") -> dict[str, str]:
    """Always as many parameters, so that it is always the same statement; an empty one matches nobody."""
    if len(values) > size:
        raise ValueError("more people than a call may have")
    return {f"{letter}{number}": values[number] if number < len(values) else "" for number in range(size)}


# The statements. Each part has the columns (tag, eight texts, thirteen numbers), so that one trip brings them all. They run on
# SQLite and on PostgreSQL alike, and for whoever is asked about: what differs is only whether a row comes back.

_PERSON: Final = 1
_CONTACT: Final = 2
_CALL: Final = 3
_RUNG: Final = 4
_SESSION: Final = 5
_CONCERNED: Final = 6
_STAY: Final = 7
_GUARD: Final = 8
_YES: Final = 9

#: two columns more, of a row about whom something is done to: what it was named as, and whether the asker looks after them
_WHAT: Final = 22
_WARD: Final = 23
_STAYS_MS: Final = 26 * 3_600_000  # a day in any zone, on the night when the clocks go back too

_NO_NUMBERS: Final = ", ".join(["0"] * 13)

#: 1 for a sign-in that is live, 2 for one that is also on a paired device; nothing when there is none.
_SIGNED: Final = """
(SELECT MAX(CASE WHEN d.id IS NOT NULL AND d.unpaired_at IS NULL THEN 2 ELSE 1 END)
   FROM sessions s LEFT JOIN devices d ON d.id = s.device_id AND d.person_id = s.person_id
  WHERE s.person_id = p.id AND s.revoked_at IS NULL AND s.expires_at > :now AND {own})
"""

#: When the last of those sign-ins runs out.
_SIGNED_UNTIL: Final = """
(SELECT MAX(s.expires_at) FROM sessions s
  WHERE s.person_id = p.id AND s.revoked_at IS NULL AND s.expires_at > :now AND {own})
"""

_CONSENT: Final = "CASE WHEN p.kind <> 'child' OR (co.id IS NOT NULL AND co.withdrawn_at IS NULL) THEN 1 ELSE 0 END"

_YEAR_MS: Final = 365 * 24 * 3_600_000

#: For how many families' children a grown-up was approved within a year: who meets one family after the other has met them all.
#: Their own home is not counted, nor whom they look after.
_FAMILIES: Final = f"""
CASE WHEN p.kind = 'child' THEN 0 ELSE (
SELECT COUNT(DISTINCT c.household_id) FROM contacts k JOIN people c ON c.id = k.a_id
 WHERE k.b_id = p.id AND k.approved_at > :now - {_YEAR_MS} AND c.kind = 'child' AND c.household_id <> p.household_id
   AND NOT EXISTS (SELECT 1 FROM guardianships g WHERE g.guardian_id = p.id AND g.child_id = c.id)) END
"""

_FAMILY: Final = """
  JOIN households h ON h.id = p.household_id
  LEFT JOIN children ch ON ch.person_id = p.id
  LEFT JOIN consents co ON co.id = ch.consent_id
  LEFT JOIN limits lm ON lm.child_id = p.id
  LEFT JOIN teen_leads tl ON tl.child_id = p.id AND tl.ended_at IS NULL
  LEFT JOIN accounts ac ON ac.person_id = p.id
  LEFT JOIN reviews rv ON rv.person_id = p.id
"""

_WHO: Final = "p.id, p.household_id, p.pseudonym, p.kind, p.state, ch.age_group, h.country, h.time_zone, ch.age_until"
_DAY: Final = "lm.quiet_from, lm.quiet_until, lm.minutes_a_day, CASE WHEN tl.child_id IS NULL THEN 0 ELSE 1 END"
_SURE: Final = "CASE WHEN ac.person_id IS NULL THEN 0 WHEN ac.assurance = 'checked' THEN 3 ELSE 1 END"
_STAGE: Final = """
CASE WHEN lm.stage_on THEN 1 ELSE 0 END,
CASE WHEN EXISTS (SELECT 1 FROM shifts WHERE shifts.until > :now) THEN 1 ELSE 0 END
"""

_PEOPLE: Final = f"""
SELECT {_PERSON}, {_WHO}, {_CONSENT}, {_SIGNED}, {_SIGNED_UNTIL}, {_DAY}, {_SURE}, {_FAMILIES}, rv.families, {_STAGE} {{more}}
  FROM them JOIN people p ON p.id = them.id {_FAMILY}
"""

#: Until when the yes for this call, or a grown-up's being there, is good: on the side of the child in ``{who}``.
_WATCHED: Final = """
(SELECT MAX(w.until) FROM call_yeses w
  WHERE w.contact_id = k.id AND w.child_id = {who} AND w.state = 'given' AND w.until > :now
    AND (w.kind = 'present' OR {mode} = 'ask') AND (w.call_id IS NULL OR w.call_id = :call))
"""

_WHENS: Final = " ".join(f"WHEN '{slot}' THEN {bit}" for slot, bit in _SLOTS.items())
_BIT: Final = f"CASE y.slot {_WHENS} ELSE 0 END"

#: Whose yes is there, whose is to voice, whose to video: as the bits of ``_SLOTS``.
_CONTACTS: Final = f"""
SELECT {_CONTACT}, k.a_id, k.b_id, k.id, k.state, sa.ref, sb.ref, va.mode, vb.mode, k.until,
       (SELECT SUM({_BIT}) FROM yeses y WHERE y.contact_id = k.id AND y.voice),
       (SELECT SUM({_BIT}) FROM yeses y WHERE y.contact_id = k.id AND y.video),
       (SELECT SUM({_BIT}) FROM yeses y WHERE y.contact_id = k.id),
       CASE WHEN EXISTS (SELECT 1 FROM vouches v JOIN guardianships g ON g.guardian_id = v.guardian_id
                          WHERE v.contact_id = k.id AND g.child_id = k.a_id) THEN 1 ELSE 0 END,
       CASE WHEN EXISTS (SELECT 1 FROM blocks WHERE (blocks.by_id = k.a_id AND blocks.of_id = k.b_id)
                            OR (blocks.by_id = k.b_id AND blocks.of_id = k.a_id)) THEN 1 ELSE 0 END,
       {_WATCHED.format(who="k.a_id", mode="va.mode")}, {_WATCHED.format(who="k.b_id", mode="vb.mode")}, 0, 0, 0, 0, 0
  FROM contacts k
  LEFT JOIN sides sa ON sa.contact_id = k.id AND sa.viewer_id = k.a_id
  LEFT JOIN sides sb ON sb.contact_id = k.id AND sb.viewer_id = k.b_id
  LEFT JOIN supervisions va ON va.contact_id = k.id AND va.child_id = k.a_id
  LEFT JOIN supervisions vb ON vb.contact_id = k.id AND vb.child_id = k.b_id
 WHERE k.state IN ('asked', 'approved')
"""

_AMONG: Final = " AND k.a_id IN (SELECT id FROM them) AND k.b_id IN (SELECT id FROM them)"

#: What is left of the day: when somebody with minutes came into calls, and when they left. Each branch says whose, so that the
#: index on (person_id, left_at) serves both.
_STAYS: Final = f"""
SELECT {_STAY}, cp.person_id, NULL, NULL, NULL, NULL, NULL, NULL, NULL, cp.came_at, COALESCE(cp.left_at, c.ended_at, 0),
       {", ".join(["0"] * 11)}
  FROM them JOIN limits lm ON lm.child_id = them.id AND lm.minutes_a_day IS NOT NULL
  JOIN call_people cp ON cp.came_at IS NOT NULL AND ((cp.person_id = them.id AND cp.left_at IS NULL)
    OR (cp.person_id = them.id AND cp.left_at > :now - {_STAYS_MS}))
  JOIN calls c ON c.id = cp.call_id
"""

_GUARDS: Final = f"""
SELECT {_GUARD}, g.guardian_id, g.child_id, NULL, NULL, NULL, NULL, NULL, NULL, {_NO_NUMBERS}
  FROM guardianships g WHERE g.guardian_id IN (SELECT id FROM them) AND g.child_id IN (SELECT id FROM them)
"""

_THE_CALL: Final = f"""
SELECT {_CALL}, c.id, c.media, c.state, NULL, NULL, NULL, NULL, NULL, {_NO_NUMBERS} FROM calls c WHERE c.id {{which}}
UNION ALL
SELECT {_RUNG}, cp.person_id, cp.call_id, NULL, NULL, NULL, NULL, NULL, NULL,
       CASE WHEN cp.came_at IS NOT NULL AND cp.left_at IS NULL THEN 1 ELSE 0 END, {", ".join(["0"] * 12)}
  FROM call_people cp WHERE cp.call_id {{which}}
"""

_REST: Final = f"UNION ALL {_STAYS} UNION ALL {_GUARDS} UNION ALL {_THE_CALL}"
_THE_REST: Final = _REST.format(which="= :call")

_ON_THIS: Final = _PEOPLE.format(own="(p.id <> :me OR s.id = :session)", more="")
_SEVEN: Final = ", ".join(f":p{number}" for number in range(MOST - 1))
_EIGHT: Final = ", ".join(f":p{number}" for number in range(MOST))

_BY_REFS: Final = f"""
WITH them(id) AS (
  SELECT id FROM people WHERE id = :me
  UNION
  SELECT sides.other_id FROM sides JOIN contacts ON contacts.id = sides.contact_id AND contacts.state = 'approved'
   WHERE sides.viewer_id = :me AND sides.ref IN ({_SEVEN})
)
{_ON_THIS} UNION ALL {_CONTACTS} {_AMONG} {_THE_REST}
"""

_BY_IDS: Final = f"""
WITH them(id) AS (SELECT id FROM people WHERE id IN ({_EIGHT}))
{_ON_THIS} UNION ALL {_CONTACTS} {_AMONG} {_THE_REST}
"""

#: The yeses and grown-ups' presence that belong to one of these calls; ``_WATCHED`` sees those that belong to none yet.
_YESES: Final = f"""
SELECT {_YES}, w.contact_id, w.child_id, w.call_id, w.kind, NULL, NULL, NULL, NULL, w.until, {", ".join(["0"] * 12)}
  FROM them JOIN call_yeses w ON w.child_id = them.id AND w.state = 'given' AND w.until > :now AND w.call_id {{which}}
"""

_MANY_CALLS: Final = 64
_MANY_PEOPLE: Final = 160
_THESE: Final = ", ".join(f":c{number}" for number in range(_MANY_CALLS))

_BY_CALLS: Final = f"""
WITH them(id) AS (SELECT id FROM people WHERE id IN ({", ".join(f":p{number}" for number in range(_MANY_PEOPLE))}))
{_ON_THIS} UNION ALL {_CONTACTS} {_AMONG}
{_REST.format(which=f"IN ({_THESE})")} UNION ALL {_YESES.format(which=f"IN ({_THESE})")}
"""

_CIRCLE: Final = f"""
WITH them(id) AS (
  SELECT id FROM people WHERE id = :me
  UNION
  SELECT CASE WHEN k.a_id = :me THEN k.b_id ELSE k.a_id END
    FROM contacts k WHERE (k.a_id = :me OR k.b_id = :me) AND k.state = 'approved'
)
{_PEOPLE.format(own="1 = 1", more="")} UNION ALL {_CONTACTS} AND (k.a_id = :me OR k.b_id = :me) {_THE_REST}
"""

_BY_SESSION: Final = f"""
WITH them(id) AS (SELECT person_id FROM sessions WHERE id = :session)
{_PEOPLE.format(own="s.id = :session", more="")}
UNION ALL
SELECT {_SESSION}, s.person_id, s.device_id, NULL, NULL, NULL, NULL, NULL, NULL, {_NO_NUMBERS} FROM sessions s WHERE s.id = :session
{_THE_REST}
"""

_ACT: Final = f"""
WITH them(id) AS (SELECT id FROM people WHERE id = :actor),
about(what, person_id) AS (
  SELECT 'child', person_id FROM children WHERE person_id = :child
  UNION ALL SELECT 'contact', a_id FROM contacts WHERE id = :contact
  UNION ALL SELECT 'contact', b_id FROM contacts WHERE id = :contact
  UNION ALL SELECT 'session', person_id FROM sessions WHERE id = :session AND revoked_at IS NULL
  UNION ALL SELECT 'device', person_id FROM devices WHERE id = :device AND unpaired_at IS NULL
  UNION ALL SELECT 'call', cp.person_id FROM call_people cp JOIN calls c ON c.id = cp.call_id AND c.state = 'live'
             WHERE cp.call_id = :call AND cp.came_at IS NOT NULL AND cp.left_at IS NULL
)
{_PEOPLE.format(own="(:by = '' OR s.id = :by)", more=", NULL, 0")}
UNION ALL
SELECT {_CONCERNED}, {_WHO}, {_CONSENT}, 0, 0, {_DAY}, 0, 0, rv.families, {_STAGE}, about.what,
       CASE WHEN g.child_id IS NULL THEN 0 ELSE 1 END
  FROM about JOIN people p ON p.id = about.person_id {_FAMILY}
  LEFT JOIN guardianships g ON g.child_id = p.id AND g.guardian_id = :actor
"""

_AGES: Final = select(children.c.age_group, children.c.age_until, households.c.country).join(
    households, households.c.id == children.c.household_id
)
_LEADING: Final = (
    select(teen_leads.c.child_id, children.c.age_group, households.c.country)
    .join(children, children.c.person_id == teen_leads.c.child_id)
    .join(households, households.c.id == children.c.household_id)
)
