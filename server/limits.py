"""A child's day, and who leads it: quiet hours, minutes, the stage switch, the age group, the home, a teenager's own lead.

What is set here are facts; what follows from them the rules say (rows 5, 31, 45, 47, 53). A guardian sets quiet hours and minutes,
in the home's own time; the child sees all of it, since when, and may say that it is unfair. Of a teenager the bands say how
far a guardian's word goes: one who takes the lead sets their own, and gives it back whenever they like. Nothing is in force until
somebody sets it; what the bands suggest stands beside it.

What the page shows of the clock (quiet now, used today, open again at) is what the rules see of it: the same facts, the same
``home_time``. Every change posts ``facts_changed`` in its own transaction, so that a live call is asked again at once.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from sqlalchemy import delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from server import accounts, contacts, facts, home_time, notices
from server.accounts import CONFLICT, AgeGroup, No, SignedIn, ask, guardians_of, known_to
from server.db.models import call_people, calls, children, households, limits, people, teen_leads
from server.db.session import Database
from server.gatekeeper import Gatekeeper
from server.policy import Decision, Verb
from server.policy.bands import bands_in_force
from server.policy.facts import GuardiansReach

Hours = tuple[int, int]  #: from and until, minutes of the day


@dataclass(frozen=True, slots=True)
class StageSwitch:
    """``allowed``: by age and country. ``on``: somebody has switched it on, whether or not it is allowed today."""

    on: bool
    allowed: bool


@dataclass(frozen=True, slots=True)
class Suggested:
    """What the bands suggest for this age. Nothing that is in force."""

    quiet: Mapping[str, str] | None
    minutes: int | None


@dataclass(frozen=True, slots=True)
class Limits:
    """What is set for a child, and how it stands at this moment. Times of day are as on the home's wall, moments in milliseconds.
    ``opens_at``: when calls are open again; None while they are. ``used_today``: whole minutes, so that it reaches ``minutes`` at
    the moment when the day is used up. ``set_at``: since when there is a limit."""

    quiet: Mapping[str, str] | None
    minutes: int | None
    used_today: int
    quiet_now: bool
    opens_at: int | None
    stage: StageSwitch
    reach: GuardiansReach
    may_lead: bool
    leads_since: int | None
    objected_at: int | None
    set_at: int | None
    suggested: Suggested
    time_zone: str


# == Looking ==================================================================================================================


async def look_at(db: Database, keeper: Gatekeeper, me: SignedIn, child: str, *, now: int) -> Limits | Decision:
    """A guardian looks at what is set for an own child."""
    async with db.begin() as tx:
        decision = await ask(tx, keeper, me, Verb.LOOK_AT_LIMITS, now, child=child)
        return await limits_of(tx, child, now) if decision else decision


async def look_at_own(db: Database, keeper: Gatekeeper, me: SignedIn, *, now: int) -> Limits | Decision:
    """A child looks at the same: nothing is set for a child that the child cannot see (row 53)."""
    async with db.begin() as tx:
        decision = await ask(tx, keeper, me, Verb.LOOK_AT_OWN_LIMITS, now)
        return await limits_of(tx, me.person, now) if decision else decision


async def limits_of(tx: AsyncConnection, child: str, now: int) -> Limits:
    """What is set for a child who exists. The caller has asked."""
    known = (await known_now(tx, [child], now))[child]
    terms = bands_in_force().terms(known.country, known.person.band)
    row = (await tx.execute(_DAY.where(people.c.id == child))).one()
    quiet = (row.quiet_from, row.quiet_until) if row.quiet_from is not None else None
    teen_led = known.reach == "teen_led"
    return Limits(
        quiet=_as_told(quiet),
        minutes=row.minutes_a_day,
        used_today=home_time.talked(await _stays(tx, child, now, row.time_zone), now, row.time_zone)
        // home_time.MINUTE,
        quiet_now=not known.person.open_hours,
        opens_at=_opens_at(quiet, now, row.time_zone, used_up=not known.person.minutes_left),
        stage=StageSwitch(known.stage.on, known.stage.allowed),
        reach=known.reach,
        may_lead=terms.may_lead,
        leads_since=row.since if teen_led else None,
        objected_at=row.objected_at,
        set_at=row.set_at if quiet or row.minutes_a_day else None,
        suggested=Suggested(_as_told(terms.quiet_hours), terms.minutes_a_day),
        time_zone=row.time_zone,
    )


async def known_now(tx: AsyncConnection, ids: Sequence[str], now: int) -> dict[str, facts.Known]:
    """What the rules know of these people at this moment, by id."""
    found: dict[str, facts.Known] = {}
    for first in range(0, len(ids), facts.MOST):
        some = await facts.around(tx, ids[first : first + facts.MOST], now=now)
        found |= {one.id: one for one in some.people if one.id}
    return found


async def objected(tx: AsyncConnection, ids: Collection[str]) -> frozenset[str]:
    """Which of these children have said that what is set for them is unfair."""
    found = await tx.execute(
        select(limits.c.child_id).where(limits.c.child_id.in_(ids), limits.c.objected_at.is_not(None))
    )
    return frozenset(found.scalars())


def _opens_at(quiet: Hours | None, now: int, zone: str, *, used_up: bool) -> int | None:
    """When calls are open again: a used-up day ends at midnight, quiet hours when the wall says so, and both may follow each other."""
    at = home_time.next_day(now, zone) if used_up else now
    if quiet and home_time.quiet(quiet, at, zone):
        at = home_time.next_turn(quiet, at, zone)
    return at if at > now else None


async def _stays(tx: AsyncConnection, child: str, now: int, zone: str) -> list[tuple[int, int | None]]:
    """When this child came into calls and left them, as far as it touches today."""
    found = await tx.execute(
        select(call_people.c.came_at, func.coalesce(call_people.c.left_at, calls.c.ended_at))
        .join(calls, calls.c.id == call_people.c.call_id)
        .where(
            call_people.c.person_id == child,
            call_people.c.came_at.is_not(None),
            or_(call_people.c.left_at.is_(None), call_people.c.left_at > home_time.day_began(now, zone)),
        )
    )
    return [(came, left) for came, left in found]


def _as_told(quiet: Hours | None) -> Mapping[str, str] | None:
    if quiet is None:
        return None
    begin, end = (f"{minute // 60:02}:{minute % 60:02}" for minute in quiet)
    return {"from": begin, "until": end}


_DAY: Final = (
    select(
        households.c.time_zone, limits.c.quiet_from, limits.c.quiet_until, limits.c.minutes_a_day, limits.c.set_at,
        limits.c.objected_at, teen_leads.c.since,
    )
    .select_from(people)
    .join(households, households.c.id == people.c.household_id)
    .outerjoin(limits, limits.c.child_id == people.c.id)
    .outerjoin(teen_leads, (teen_leads.c.child_id == people.c.id) & teen_leads.c.ended_at.is_(None))
)  # fmt: skip


# == Hours, minutes, the stage ==================================================================================================


async def change(
    db: Database, keeper: Gatekeeper, me: SignedIn, child: str, *, quiet: Hours | None, minutes: int | None, now: int
) -> Decision:
    """A guardian sets both at once; None takes one away. A live call is asked again in the same instant."""
    async with db.begin() as tx:
        if decision := await ask(tx, keeper, me, Verb.CHANGE_LIMIT, now, child=child):
            await _set(tx, child, quiet, minutes, now)
        return decision


async def change_own(
    db: Database, keeper: Gatekeeper, me: SignedIn, *, quiet: Hours | None, minutes: int | None, now: int
) -> Decision:
    """A teenager who leads sets their own."""
    async with db.begin() as tx:
        if decision := await ask(tx, keeper, me, Verb.CHANGE_OWN_LIMIT, now):
            await _set(tx, me.person, quiet, minutes, now)
        return decision


async def _set(tx: AsyncConnection, child: str, quiet: Hours | None, minutes: int | None, now: int) -> None:
    """An objection was to what was set before, so it goes."""
    begin, end = quiet or (None, None)
    await _write(tx, child, now, quiet_from=begin, quiet_until=end, minutes_a_day=minutes, set_at=now, objected_at=None)


async def switch_stage(
    db: Database, keeper: Gatekeeper, me: SignedIn, child: str, *, on: bool, now: int
) -> Decision | No:
    """A guardian lets a child be on a stage, or no longer. ``CONFLICT`` where age and country do not allow it anyway."""
    async with db.begin() as tx:
        decision = await ask(tx, keeper, me, Verb.SWITCH_STAGE, now, child=child)
        return decision and await _switch(tx, child, decision, on=on, now=now)


async def switch_own_stage(db: Database, keeper: Gatekeeper, me: SignedIn, *, on: bool, now: int) -> Decision | No:
    """A teenager who leads does it themselves."""
    async with db.begin() as tx:
        decision = await ask(tx, keeper, me, Verb.SWITCH_OWN_STAGE, now)
        return decision and await _switch(tx, me.person, decision, on=on, now=now)


async def _switch(tx: AsyncConnection, child: str, decision: Decision, *, on: bool, now: int) -> Decision | No:
    if on and not (await known_now(tx, [child], now))[child].stage.allowed:
        return CONFLICT
    await _write(tx, child, now, stage_on=on)
    return decision


async def _write(tx: AsyncConnection, child: str, now: int, **values: Any) -> None:
    """Into the child's one row, which is made when it is first needed; and tell."""
    done = await tx.execute(update(limits).where(limits.c.child_id == child).values(values))
    if done.rowcount == 0:
        await tx.execute(insert(limits).values({"child_id": child, "stage_on": False, "set_at": now, **values}))
    await notices.post(tx, "facts_changed", [child], now=now)
    await _tell(tx, [child], now, "family", "people")


async def object_to(db: Database, keeper: Gatekeeper, me: SignedIn, *, unfair: bool, now: int) -> Decision | No:
    """A child finds what is set unfair, or no longer. It stays in force; the guardian sees that it was said (row 53). ``CONFLICT``
    where nothing is set."""
    async with db.begin() as tx:
        decision = await ask(tx, keeper, me, Verb.OBJECT_TO_LIMIT, now)
        if not decision:
            return decision
        there = await tx.execute(
            update(limits)
            .where(
                limits.c.child_id == me.person,
                or_(limits.c.quiet_from.is_not(None), limits.c.minutes_a_day.is_not(None)),
            )
            .values(objected_at=now if unfair else None)
        )
        if there.rowcount == 0 and unfair:
            return CONFLICT
        await _tell(tx, [me.person], now, "family", "people")
        return decision


# == How old, where, and who leads ===============================================================================================


MEND: Final = 7 * accounts.DAY  #: so long a wrong age can be put right downwards as well
_GROUPS: Final[Sequence[AgeGroup]] = get_args(AgeGroup)  # from the youngest on
_TEENAGERS: Final = frozenset({"13-15", "16-17"})


async def change_age_group(
    db: Database, keeper: Gatekeeper, me: SignedIn, child: str, *, group: AgeGroup, now: int
) -> Decision | No:
    """A guardian says anew how old a child is; it counts for a year. Another age may need other yeses and allow other things.

    ``CONFLICT`` for a younger age than a teenager's, once the time to mend a slip is over (``MEND``): nobody grows younger, and a
    younger age would give a guardian back what has become the teenager's own (row 47). A helper can, in a database of the operator's."""
    async with db.begin() as tx:
        if decision := await ask(tx, keeper, me, Verb.CHANGE_AGE_GROUP, now, child=child):
            said = (await tx.execute(select(children).where(children.c.person_id == child))).one()
            counts = said.age_group in _TEENAGERS and said.age_until > now
            if (
                counts
                and _GROUPS.index(group) < _GROUPS.index(said.age_group)
                and now > said.age_until - accounts.AGE_GROUP + MEND
            ):
                return CONFLICT
            await tx.execute(
                update(children)
                .where(children.c.person_id == child)
                .values(age_group=group, age_method="guardian_attested", age_until=now + accounts.AGE_GROUP)
            )
            await _other_terms(tx, [child], now)
        return decision


async def change_household(
    db: Database, keeper: Gatekeeper, me: SignedIn, *, country: str, time_zone: str, now: int
) -> Decision:
    """The family has moved: other rules of a country, another time on the wall. For everybody in it at once."""
    async with db.begin() as tx:
        if decision := await ask(tx, keeper, me, Verb.CHANGE_HOUSEHOLD, now):
            moved = await tx.execute(
                update(households)
                .where(
                    households.c.id == me.household,
                    or_(households.c.country != country, households.c.time_zone != time_zone),
                )
                .values(country=country, time_zone=time_zone)
            )
            if moved.rowcount == 0:
                return decision  # nothing has changed, so nobody is told
            found = await tx.execute(select(people.c.id).where(people.c.household_id == me.household))
            await _other_terms(tx, list(found.scalars()), now)
        return decision


async def lead(db: Database, keeper: Gatekeeper, me: SignedIn, *, lead: bool, now: int) -> Decision:
    """A teenager takes the lead of their own account, or gives it back (row 47).

    Taken: what waited only for the guardian's yes is approved. Given back: whom the guardian has never said yes to reaches nobody
    and waits for that yes; what was led stays the teenager's (``facts.led_until``). Saying either twice is once."""
    async with db.begin() as tx:
        if decision := await ask(tx, keeper, me, Verb.LEAD_MYSELF, now):
            mine = teen_leads.c.child_id == me.person
            leads = (await tx.execute(select(teen_leads.c.since).where(mine, teen_leads.c.ended_at.is_(None)))).first()
            if lead and leads is None:
                await tx.execute(delete(teen_leads).where(mine))
                await tx.execute(insert(teen_leads).values(child_id=me.person, since=now))
            elif not lead:
                await tx.execute(update(teen_leads).where(mine, teen_leads.c.ended_at.is_(None)).values(ended_at=now))
            if lead is (leads is None):
                await _other_terms(tx, [me.person], now)
        return decision


async def _other_terms(tx: AsyncConnection, of: Sequence[str], now: int) -> None:
    """Other terms hold for these people: whoever waited for a yes that is not needed any more is approved, live calls and presence are
    asked again, and the pages of everybody concerned show who is asked now."""
    await _note_until_when_they_led(tx, of, now)
    await contacts.settle(tx, of, now=now)
    concerned = {*of, *await known_to(tx, of)}
    await notices.post(tx, "facts_changed", concerned, now=now)
    await _tell(tx, concerned, now, "family", "people", "asks", "decisions")


async def _note_until_when_they_led(tx: AsyncConnection, of: Sequence[str], now: int) -> None:
    """A lead that age or country no longer allow rests: its time stays the teenager's. It goes on when they do again."""
    lead = await facts.leading(tx, of, now=now)
    rests = teen_leads.c.child_id.in_([one for one in of if one not in lead]) & teen_leads.c.ended_at.is_(None)
    await tx.execute(update(teen_leads).where(rests, teen_leads.c.led_until.is_(None)).values(led_until=now))
    await tx.execute(update(teen_leads).where(teen_leads.c.child_id.in_(lead)).values(led_until=None))


Page = Literal["family", "people", "asks", "decisions"]


async def _tell(tx: AsyncConnection, concerned: Collection[str], now: int, *what: Page) -> None:
    await notices.post(tx, "changed", {*concerned, *await guardians_of(tx, concerned)}, now=now, what=list(what))
