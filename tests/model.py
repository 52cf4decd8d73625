"""The safe account once more, in plain Python: what may be, said a second time by somebody who has not read the rules.

Written from the words of the issue and of the master table, not from ``server/policy`` or ``server/facts.py``, and it imports
neither. Where the two disagree one of them is wrong, and ``tests/integration/test_policy_stateful.py`` finds it.

``World`` is everything that is true in a village: homes, people, what their families agreed, what was said for single calls,
which calls there are, and what time it is. The functions below ask one thing each:

- ``why_not``: why may X not have this to do with Y? A set of reasons; empty means that nothing is in the way.
- ``together``: may all of these be in one call now?
- ``lanes``: who is heard and who is seen by whom?
- ``who_leaves``: when a call may not go on as it is, who goes, in which order, and what are they told?
- ``circle``: who sees that somebody is here?
- ``strangers``: the shortest sentence of all. A lane between a child and somebody who is on no list of this child's.
"""

from __future__ import annotations

import datetime
import zoneinfo
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import permutations
from typing import Final

MINUTE: Final = 60_000
YEAR: Final = 365 * 24 * 60 * MINUTE

#: Reasons in the family's words, by what may be told of them. Of several reasons the first in this list is the one that is told:
#: what hides most goes first, so that nobody learns from a no that somebody exists.
TOLD: Final[dict[str, str]] = {
    "not signed in": "not_permitted",  # the socket of an ended sign-in is closed; here it is only a no
    "device not paired": "not_permitted",
    "nobody": "not_found",
    "not a contact": "not_found",
    "blocked": "not_found",
    "the call is over": "not_found",
    "no child in it": "not_found",
    "no consent": "not_permitted",
    "resting": "not_permitted",
    "past its year": "not_permitted",
    "no voice": "not_permitted",
    "no video": "not_permitted",
    "not sure who this is": "not_permitted",
    "many families": "not_permitted",
    "full": "not_permitted",
    "not now, there": "not_permitted",
    "own family wants to be asked": "needs_guardian",
    "own quiet hours": "quiet_hours",
    "own minutes used up": "time_limit",
}
_ORDER: Final = tuple(TOLD)
OWN_CLOCK: Final = ("own quiet hours", "own minutes used up")

MOST_PEOPLE: Final = 8
MOST_FAMILIES: Final = 5  # of children who are not one's own; more are looked at first
VOUCHED, CHECKED = 2, 3


@dataclass
class Home:
    country: str = "GB"
    zone: str = "Europe/London"


@dataclass
class Someone:
    """``age`` is an age group and holds until ``age_until``. ``quiet``: from and until, minutes of the day."""

    name: str
    home: str
    child: bool
    age: str | None = None
    age_until: int = 0
    consent: bool = True
    resting: bool = False
    signed_in_until: int = 0
    paired: bool = True
    leads: bool = False
    quiet: tuple[int, int] | None = None
    minutes: int | None = None
    checked: bool = False
    fine_up_to: int = 0  # families; a helper has looked


@dataclass
class Agreement:
    """What two families have agreed. ``first`` is the child whose code it was. ``yes``: who has said it ("first", "second" and
    the guardians of each), and whether to voice and to video. ``agreed_at``: when everybody had said it."""

    first: str
    second: str
    until: int
    agreed_at: int
    yes: dict[str, tuple[bool, bool]] = field(default_factory=dict)
    settled: bool = True  # written down as agreed
    over: bool = False  # ended, refused or lapsed
    vouched_by: str | None = None
    wants: dict[str, str] = field(default_factory=dict)  # child -> "ask" or "present"

    def other(self, one: str) -> str:
        return self.second if one == self.first else self.first


@dataclass
class Word:
    """What was said for a child's call with somebody: a yes to one call ("ask"), or that a grown-up is there ("present")."""

    child: str
    other: str
    kind: str
    until: int
    given: bool = True
    call: str | None = None


@dataclass
class InCall:
    """A call: who was rung, and for everybody whose media was ever up, since when and until when (None: still)."""

    rung: frozenset[str]
    media: str
    live: bool = True
    stays: dict[str, tuple[int, int | None]] = field(default_factory=dict)
    left: set[str] = field(default_factory=set)

    def there(self) -> set[str]:
        return {one for one, (_, left) in self.stays.items() if left is None}


@dataclass
class World:
    now: int
    homes: dict[str, Home] = field(default_factory=dict)
    people: dict[str, Someone] = field(default_factory=dict)
    looks_after: set[tuple[str, str]] = field(default_factory=set)  # (guardian, child)
    agreements: dict[frozenset[str], Agreement] = field(default_factory=dict)  # the living one, or the last
    blocks: set[tuple[str, str]] = field(default_factory=set)
    words: list[Word] = field(default_factory=list)
    calls: dict[str, InCall] = field(default_factory=dict)

    def child(self, who: str) -> bool:
        return self.people[who].child


# == About one person =====================================================================================================


def age(world: World, who: Someone) -> str:
    """An age that is unknown, or that was not said anew in time, is the youngest."""
    return who.age if who.age is not None and who.age_until > world.now else "5-8"


def leads(world: World, who: Someone) -> bool:
    """A teenager of 16 or 17 who has taken the lead."""
    return who.child and who.leads and age(world, who) == "16-17"


def family_sits_in(world: World, who: Someone) -> bool:
    """Whether the family of this child decides about single calls: until 13."""
    return who.child and age(world, who) in ("5-8", "9-12")


def is_quiet(world: World, who: Someone) -> bool:
    if not who.child or who.quiet is None:
        return False
    begin, end = who.quiet
    wall = _wall(world, who)
    minute = 60 * wall.hour + wall.minute
    quiet = range(begin, end) if begin < end else [*range(begin, 24 * 60), *range(end)] if end < begin else ()
    return minute in quiet


def used_up(world: World, who: Someone) -> bool:
    return who.child and who.minutes is not None and _talked_today(world, who) >= who.minutes * MINUTE


def _talked_today(world: World, who: Someone) -> int:
    """Milliseconds since midnight in which this person was in at least one call."""
    wall = _wall(world, who)
    midnight = round(datetime.datetime(wall.year, wall.month, wall.day, tzinfo=wall.tzinfo).timestamp() * 1000)
    steps: list[tuple[int, int]] = []
    for call in world.calls.values():
        if who.name in call.stays:
            came, left = call.stays[who.name]
            begin, end = max(came, midnight), world.now if left is None else left
            if begin < end:
                steps += [(begin, 1), (end, -1)]
    inside = talked = since = 0
    for at, step in sorted(steps):
        talked += at - since if inside else 0
        inside, since = inside + step, at
    return talked


def _wall(world: World, who: Someone) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(world.now / 1000, zoneinfo.ZoneInfo(world.homes[who.home].zone))


def may_not_be_here(world: World, who: Someone, *, live: bool) -> set[str]:
    """What is in the way of this person alone. ``live``: they are, or would be, at a live connection."""
    signed_in = who.signed_in_until > world.now
    return {
        reason
        for reason, holds in (
            ("no consent", who.child and not who.consent),
            ("resting", who.resting),
            ("not signed in", live and not signed_in),
            ("device not paired", live and who.child and not (signed_in and who.paired)),
        )
        if holds
    }


# == Between two people ===================================================================================================


def agreement(world: World, x: str, y: str) -> Agreement | None:
    """What the families of these two have agreed; None if it is not everybody's yes, or no longer."""
    found = world.agreements.get(frozenset((x, y)))
    if found is None or found.over or not found.settled:
        return None
    return found if all(place in found.yes for place in _places(world, found)) else None


def _places(world: World, found: Agreement) -> list[str]:
    """Whose yes it takes: both, and a guardian for each child who does not lead."""
    places = ["first", "second"]
    for side, who in (("first", found.first), ("second", found.second)):
        if world.child(who) and not leads(world, world.people[who]):
            places.append(f"guardian of {side}")
    return places


def own_grown_up(world: World, x: str, y: str) -> bool:
    """One looks after the other, and they are each other's contact or are asked to be: of two who are not, nothing is known."""
    found = world.agreements.get(frozenset((x, y)))
    return bool({(x, y), (y, x)} & world.looks_after) and found is not None and not found.over


def families_of(world: World, grown_up: str) -> int:
    """For how many families this grown-up was approved within a year, beside the own one and the children in their care: who goes
    from one family to the next has met them all."""
    theirs = [one for one in world.agreements.values() if one.second == grown_up]
    return len(
        {
            world.people[one.first].home
            for one in theirs
            if one.agreed_at > world.now - YEAR
            and world.people[one.first].home != world.people[grown_up].home
            and (grown_up, one.first) not in world.looks_after
        }
    )


def sure_enough(world: World, found: Agreement) -> bool:
    """A grown-up must be checked, or a guardian of this child must have given their word."""
    return world.people[found.second].checked or (found.vouched_by, found.first) in world.looks_after


def waits_for_a_word(world: World, child: str, other: str, call: str | None, people: Collection[str]) -> bool:
    """Whether this child's family wants to be asked or to be there, and that has not happened for this call."""
    found = world.agreements.get(frozenset((child, other)))
    wish = found.wants.get(child) if found is not None and not found.over else None
    if wish is None or not family_sits_in(world, world.people[child]):
        return False
    there = world.calls[call].there() if call in world.calls else set()
    if any((one, child) in world.looks_after for one in there & set(people)):
        return False
    good = [
        word
        for word in world.words
        if (word.child, word.other) == (child, other)
        and word.given
        and word.until > world.now
        and word.call in (None, call)
    ]
    return not any(word.kind == "present" or wish == "ask" for word in good)


def why_not(
    world: World, x: str, y: str, people: Collection[str], *, call: str | None = None, live: Collection[str],
    video: bool = False, talking: bool = True,
) -> set[str]:  # fmt: skip
    """Why X may not reach Y among these people. ``live``: who must be at a live connection for it. ``video``: by picture.
    ``talking``: in a call; otherwise it is about seeing that somebody is here."""
    if x not in world.people or y not in world.people:
        return {"nobody"} | (may_not_be_here(world, world.people[x], live=x in live) if x in world.people else set())
    a, b = world.people[x], world.people[y]
    no = may_not_be_here(world, a, live=x in live) | may_not_be_here(world, b, live=y in live)
    if talking:
        no |= {"full"} if len(people) > MOST_PEOPLE else set()
        no |= {"the call is over"} if call is not None and not _goes_on(world, call, people) else set()
    if not a.child and not b.child:
        with_child = talking and any(one in world.people and world.child(one) for one in people)
        return no if with_child else no | {"no child in it"}
    found = agreement(world, x, y)
    # where nothing is asked or agreed any more, that alone refuses: there is nothing left that a block would have to say
    known = world.agreements.get(frozenset((x, y)))
    no |= {"blocked"} if known is not None and not known.over and {(x, y), (y, x)} & world.blocks else set()
    if found is None:
        no |= {"not a contact"}
    else:
        voice, pictures = (all(found.yes[place][n] for place in _places(world, found)) for n in (0, 1))
        no |= {"past its year"} if found.until <= world.now else set()
        no |= {"no voice"} if not voice else set()
        no |= {"no video"} if video and not (voice and pictures) else set()
    if own_grown_up(world, x, y):
        return no  # a child's own grown-up is shut out by no hour, no limit and no wish to be asked
    if a.child != b.child:
        grown_up = y if a.child else x
        no |= {"not sure who this is"} if found and not sure_enough(world, found) else set()
        too_many = families_of(world, grown_up) > max(MOST_FAMILIES, world.people[grown_up].fine_up_to)
        no |= {"many families"} if too_many else set()
    no |= {"own quiet hours"} if is_quiet(world, a) else set()
    no |= {"not now, there"} if is_quiet(world, b) else set()
    if talking:
        no |= {"own minutes used up"} if used_up(world, a) else set()
        no |= {"not now, there"} if used_up(world, b) else set()
    return no | _unwatched(world, x, y, call, people, live, talking=talking)


def _unwatched(
    world: World, x: str, y: str, call: str | None, people: Collection[str], live: Collection[str], *, talking: bool
) -> set[str]:
    if not talking:
        return set()
    own = x in live and waits_for_a_word(world, x, y, call, people)
    theirs = y in live and waits_for_a_word(world, y, x, call, people)
    return ({"own family wants to be asked"} if own else set()) | ({"not now, there"} if theirs else set())


def _goes_on(world: World, call: str, people: Collection[str]) -> bool:
    found = world.calls.get(call)
    return found is not None and found.live and set(people) <= found.rung


def told(reasons: Iterable[str]) -> str:
    """What may be said outside, of all these reasons."""
    return TOLD[min(reasons, key=_ORDER.index)]


# == Of a call ============================================================================================================


def together(world: World, people: Collection[str], call: str) -> bool:
    """May all of these be in this call now? Every pair, both ways."""
    return not any(why_not(world, x, y, people, call=call, live=people) for x, y in permutations(people, 2))


def refusal(world: World, asker: str, people: Collection[str], call: str | None, *, live: Collection[str],
            video: bool = False) -> str | None:  # fmt: skip
    """What the asker is told; None where it is a yes. Of the two directions only the asker's own is told, and of a no
    between two others nothing but that it is one."""
    reasons = {
        (x, y): why_not(world, x, y, people, call=call, live=live, video=video) for x, y in permutations(people, 2)
    }
    if not any(reasons.values()):
        return None
    mine = {reason for (x, _), why in reasons.items() if x == asker for reason in why}
    return told(mine) if mine else "not_permitted"


def lanes(
    world: World, people: Collection[str], call: str | None, *, live: Collection[str] | None = None
) -> set[tuple[str, str, str]]:
    """Who is heard and who is seen by whom among these people."""
    at_line = people if live is None else live
    return {
        (x, y, kind)
        for x, y in permutations(people, 2)
        for kind in ("audio", "video")
        if not why_not(world, x, y, people, call=call, live=at_line, video=kind == "video")
    }


def who_leaves(world: World, people: Sequence[str], call: str) -> list[tuple[str, str]]:
    """Who must leave, in order, and what they are told. ``people`` in the order in which they came.

    First whoever may not be in any call, and the child whose own day is over (the others may go on). Then, while two are there
    who may not be together, the smallest harm: who only rings or is still connecting before those who are there, a grown-up
    before a child, then whoever stands against most, then who came last. When nobody has anybody left, the one whose own home
    has a reason is told it and the other is only left. And those who stay must be able to stay without those who go: a grown-up
    who sat in, the one child between two grown-ups.
    """
    no = {(x, y): why_not(world, x, y, people, call=call, live=people) for x, y in permutations(people, 2)}
    of_own = {one: {reason for (x, _), why in no.items() if x == one for reason in why} for one in people}
    first = {
        one for one in people if of_own[one] & set(OWN_CLOCK) or may_not_be_here(world, world.people[one], live=True)
    }
    latest = {one: -number for number, one in enumerate(people)}
    up = world.calls[call].there() if call in world.calls else set()
    going = sorted(first, key=lambda one: (one in up, world.child(one), latest[one]))
    there = [one for one in people if one not in first]
    while against := [(x, y) for x, y in permutations(there, 2) if no[x, y] or no[y, x]]:
        harm = {
            one: (one in up, world.child(one), -sum(x == one for x, _ in against), latest[one]) for one, _ in against
        }
        next_ = min(harm, key=lambda one: harm[one])
        going.append(next_)
        there.remove(next_)
    reasons_of_own = {one for one in people if _goodbye(of_own[one]) != "policy_revoked"}
    if len(there) < 2 and reasons_of_own:
        why = [one for one in going if one in first | reasons_of_own] + [one for one in there if one in reasons_of_own]
        going = why if len(people) - len(why) < 2 else [*why, *(one for one in going if one not in why)]
    left = [one for one in people if one not in going]
    more = who_leaves(world, left, call) if going and len(left) > 1 else []
    return [*((one, _goodbye(of_own[one])) for one in going), *more]


def _goodbye(reasons: set[str]) -> str:
    """The own family's clock is said to a child. A block looks as if somebody had to go. Everything else is one word, or it
    would tell of others."""
    for clock in OWN_CLOCK:
        if clock in reasons:
            return TOLD[clock]
    if "blocked" in reasons:
        return "left"
    return "needs_guardian" if reasons and told(reasons) == "needs_guardian" else "policy_revoked"


def circle(world: World, me: str) -> tuple[set[str], set[str]]:
    """Whom I see to be here, and who sees me."""
    others = {
        found.other(me)
        for found in world.agreements.values()
        if me in (found.first, found.second) and found.settled and not found.over
    }
    sees = {one for one in others if not why_not(world, me, one, (), live=(), talking=False)}
    seen_by = {one for one in others if not why_not(world, one, me, (), live=(), talking=False)}
    return sees, seen_by


def strangers(world: World, granted: Iterable[tuple[str, str, str]]) -> set[tuple[str, str]]:
    """Of these lanes those between a child and somebody who is not approved for this child, said as shortly as it can be: nobody
    ended it, everybody who must say yes has said it, the year is not over, neither has blocked the other, and there is consent."""
    found = set()
    for x, y, _ in granted:
        children = [one for one in (x, y) if world.child(one)]
        agreed = agreement(world, x, y)
        fine = agreed is not None and agreed.until > world.now and not {(x, y), (y, x)} & world.blocks
        if children and not (fine and all(world.people[one].consent for one in children)):
            found.add((x, y))
    return found
