"""From rows to questions: everything that the rules may know about a situation, read in one statement.

Two ways to ask for it. ``act()`` for one person doing something to a child, contact, device, sign-in or call. ``around()`` for
people who would be in a call or see each other's presence: it gathers everybody and what their families have agreed, and
``Gathering.reach()`` makes of it one question per ordered pair.

Absent means strict. An id that does not exist and one that is not yours take the same way through the same statement and give
the same facts: those of a stranger. So the answer is the same, and the time it takes. A contact counts as approved only if its
state says so *and* every yes that it needs is there: two records would have to be wrong, not one.
"""

# ruff: noqa: S608  # statements are put together from the constants of this file; what comes from outside is a parameter

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from typing import Final, Literal, cast

from sqlalchemy.ext.asyncio import AsyncConnection

from server.audit import PLATFORM, chain_of
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
    ContactState,
    Kind,
    Matter,
    Person,
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
class Known:
    """Somebody in a gathering. ``id`` is empty for somebody who was not found."""

    id: str
    pseudonym: str
    chain: str
    person: Person


NOBODY: Final = Known("", "", "", STRANGER)  #: asks, and is nobody we know
NOT_FOUND: Final = Known("", "", "", replace(STRANGER, acts=False))  #: is asked about, and is nobody we know


@dataclass(frozen=True, slots=True)
class CallRow:
    """A call as recorded. ``rung``: everybody who was ever asked into it, the caller too."""

    id: str
    media: Literal["audio", "video"]
    live: bool
    rung: frozenset[str]


@dataclass(frozen=True, slots=True)
class Gathering:
    """People, what is agreed between them, and the call if one was named: all read at one moment."""

    people: tuple[Known, ...]
    contacts: Mapping[tuple[str, str], Contact]  #: both orders of a pair are there
    refs: Mapping[tuple[str, str], str]  #: (viewer, other): how the viewer knows the other
    call: CallRow | None
    at: int

    def pairs(self) -> list[tuple[Known, Known]]:
        """Every ordered pair."""
        return list(permutations(self.people, 2))

    def call_of_all(self, *, live: bool, media: Literal["audio", "video"]) -> Call:
        """The call as it would be with exactly these people in it."""
        people = [known.person for known in self.people]
        return Call(
            people=len(people),
            room=bands_in_force().room_for(person.band for person in people),
            with_child=any(person.kind == "child" for person in people),
            live=live,
            media=media,
        )

    def reach(self, verb: Verb, x: Known, y: Known, call: Call = NO_CALL) -> Asked:
        """May X reach Y?"""
        contact = self.contacts.get((x.id, y.id), NO_CONTACT)
        return Asked(Reach(verb, x.person, y.person, contact, call), *_concerned((x, y)), self.at)

    def alone(self, verb: Verb, x: Known) -> Asked:
        """May X do this, as far as it concerns X alone?"""
        return Asked(Act(verb, x.person, GENERAL), *_concerned((x,)), self.at)


def _concerned(people: Iterable[Known]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    there = [known for known in people if known.id]
    return (
        tuple(known.pseudonym for known in there),
        tuple(dict.fromkeys(known.chain for known in there)) or (PLATFORM,),
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
    whose = [_whose([row for row in concerned if row[1] == name], actor) for name, one in named.items() if one]
    if not whose:
        return Asked(Act(verb, x.person, GENERAL), *_concerned((x,)), now)
    if "stranger" in whose:
        return Asked(Act(verb, x.person, NOT_YOURS), *_concerned((x,)), now)
    wards = [row for row in concerned if row[9]]
    matter = Matter(
        whose="ward" if all(one == "ward" for one in whose) else "own",
        active=all(row[6] == "active" for row in wards),
        consent=all(row[8] == 1 for row in wards),
    )
    others = [Known(row[2], row[4], chain_of(row[3]), STRANGER) for row in concerned if row[2] != actor]
    return Asked(Act(verb, x.person, matter), *_concerned((x, *others)), now)


def _whose(concerned: Sequence[Row], actor: str) -> Whose:
    """A guardian acts for the child before acting for themselves: Dad may be his daughter's contact as well."""
    if any(row[9] for row in concerned):
        return "ward"
    return "own" if any(row[2] == actor for row in concerned) else "stranger"


def _gather(found: Sequence[Row], now: int, *, acting: Collection[str]) -> Gathering:
    people = {row[1]: _known(row, now, acts=row[1] in acting) for row in found if row[0] == _PERSON}
    contacts: dict[tuple[str, str], Contact] = {}
    refs: dict[tuple[str, str], str] = {}
    for row in found:
        if row[0] != _CONTACT or row[1] not in people or row[2] not in people:
            continue
        a, b = row[1], row[2]
        contacts[a, b] = contacts[b, a] = _contact(row, now, four=people[b].person.kind == "child")
        if row[5] and row[6]:
            refs[a, b], refs[b, a] = row[5], row[6]
    rung = frozenset(row[1] for row in found if row[0] == _RUNG)
    calls = [CallRow(row[1], row[2], row[3] == "live", rung) for row in found if row[0] == _CALL]
    return Gathering(tuple(people.values()), contacts, refs, calls[0] if calls else None, now)


def _known(row: Row, now: int, *, acts: bool) -> Known:
    _, person, household, pseudonym, kind, state, age_group, age_until, consent, signed, _ = row
    child = kind == "child"
    fresh = age_until is not None and age_until > now  # an age that has not been asked again in time is unknown (row 4)
    return Known(
        person,
        pseudonym,
        chain_of(household),
        Person(
            kind=cast(Kind, kind),
            band=bands_in_force().band(age_group if fresh else None) if child else "18+",
            active=state == "active",
            consent=consent == 1,
            signed_in=signed is not None,
            paired=signed == 2 or not child,
            acts=acts,
        ),
    )


def _contact(row: Row, now: int, *, four: bool) -> Contact:
    state, until, voice, video, said = row[4], row[7], row[8], row[9], row[10]
    if state == "approved" and said < (4 if four else 3):
        state = "asked"
    return Contact(
        state=cast(ContactState, state),
        voice=voice == 1,
        video=video == 1 and voice == 1,
        in_year=until is not None and until > now,
    )


def _numbered(values: Sequence[str], size: int) -> dict[str, str]:
    """Always as many parameters, so that it is always the same statement; an empty one matches nobody."""
    if len(values) > size:
        raise ValueError("more people than a call may have")
    return {f"p{number}": values[number] if number < len(values) else "" for number in range(size)}


# The statements. Each part has the columns (tag, six texts, four numbers), so that one trip brings them all. They run on
# SQLite and on PostgreSQL alike, and for whoever is asked about: what differs is only whether a row comes back.

_PERSON: Final = 1
_CONTACT: Final = 2
_CALL: Final = 3
_RUNG: Final = 4
_SESSION: Final = 5
_CONCERNED: Final = 6

#: 1 for a sign-in that is live, 2 for one that is also on a paired device; nothing when there is none.
_SIGNED: Final = """
(SELECT MAX(CASE WHEN d.id IS NOT NULL AND d.unpaired_at IS NULL THEN 2 ELSE 1 END)
   FROM sessions s LEFT JOIN devices d ON d.id = s.device_id AND d.person_id = s.person_id
  WHERE s.person_id = p.id AND s.revoked_at IS NULL AND s.expires_at > :now AND {own})
"""

_CONSENT: Final = "CASE WHEN p.kind <> 'child' OR (co.id IS NOT NULL AND co.withdrawn_at IS NULL) THEN 1 ELSE 0 END"

_FAMILY: Final = """
  LEFT JOIN children ch ON ch.person_id = p.id
  LEFT JOIN consents co ON co.id = ch.consent_id
"""

_PEOPLE: Final = f"""
SELECT {_PERSON}, p.id, p.household_id, p.pseudonym, p.kind, p.state, ch.age_group, ch.age_until, {_CONSENT}, {_SIGNED}, 0
  FROM them JOIN people p ON p.id = them.id {_FAMILY}
"""

_CONTACTS: Final = f"""
SELECT {_CONTACT}, k.a_id, k.b_id, k.id, k.state, sa.ref, sb.ref, k.until,
       (SELECT MIN(CASE WHEN y.voice THEN 1 ELSE 0 END) FROM yeses y WHERE y.contact_id = k.id),
       (SELECT MIN(CASE WHEN y.video THEN 1 ELSE 0 END) FROM yeses y WHERE y.contact_id = k.id),
       (SELECT COUNT(*) FROM yeses y WHERE y.contact_id = k.id)
  FROM contacts k
  LEFT JOIN sides sa ON sa.contact_id = k.id AND sa.viewer_id = k.a_id
  LEFT JOIN sides sb ON sb.contact_id = k.id AND sb.viewer_id = k.b_id
 WHERE k.state IN ('asked', 'approved')
"""

_AMONG: Final = " AND k.a_id IN (SELECT id FROM them) AND k.b_id IN (SELECT id FROM them)"

_THE_CALL: Final = f"""
SELECT {_CALL}, c.id, c.media, c.state, NULL, NULL, NULL, NULL, 0, 0, 0 FROM calls c WHERE c.id = :call
UNION ALL
SELECT {_RUNG}, cp.person_id, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, 0 FROM call_people cp WHERE cp.call_id = :call
"""

_ON_THIS: Final = _PEOPLE.format(own="(p.id <> :me OR s.id = :session)")
_SEVEN: Final = ", ".join(f":p{number}" for number in range(MOST - 1))
_EIGHT: Final = ", ".join(f":p{number}" for number in range(MOST))

_BY_REFS: Final = f"""
WITH them(id) AS (
  SELECT id FROM people WHERE id = :me
  UNION
  SELECT sides.other_id FROM sides JOIN contacts ON contacts.id = sides.contact_id AND contacts.state = 'approved'
   WHERE sides.viewer_id = :me AND sides.ref IN ({_SEVEN})
)
{_ON_THIS} UNION ALL {_CONTACTS} {_AMONG} UNION ALL {_THE_CALL}
"""

_BY_IDS: Final = f"""
WITH them(id) AS (SELECT id FROM people WHERE id IN ({_EIGHT}))
{_ON_THIS} UNION ALL {_CONTACTS} {_AMONG} UNION ALL {_THE_CALL}
"""

_CIRCLE: Final = f"""
WITH them(id) AS (
  SELECT id FROM people WHERE id = :me
  UNION
  SELECT CASE WHEN k.a_id = :me THEN k.b_id ELSE k.a_id END
    FROM contacts k WHERE (k.a_id = :me OR k.b_id = :me) AND k.state = 'approved'
)
{_PEOPLE.format(own="1 = 1")} UNION ALL {_CONTACTS} AND (k.a_id = :me OR k.b_id = :me) UNION ALL {_THE_CALL}
"""

_BY_SESSION: Final = f"""
WITH them(id) AS (SELECT person_id FROM sessions WHERE id = :session)
{_PEOPLE.format(own="s.id = :session")}
UNION ALL
SELECT {_SESSION}, s.person_id, s.device_id, NULL, NULL, NULL, NULL, NULL, 0, 0, 0 FROM sessions s WHERE s.id = :session
UNION ALL {_THE_CALL}
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
{_PEOPLE.format(own="(:by = '' OR s.id = :by)")}
UNION ALL
SELECT {_CONCERNED}, about.what, p.id, p.household_id, p.pseudonym, p.kind, p.state, ch.age_until, {_CONSENT},
       CASE WHEN g.child_id IS NULL THEN 0 ELSE 1 END, 0
  FROM about JOIN people p ON p.id = about.person_id {_FAMILY}
  LEFT JOIN guardianships g ON g.child_id = p.id AND g.guardian_id = :actor
"""
