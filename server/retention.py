"""What is kept goes when its table says so: the comments in ``server/db/models.py`` are the promise, this is its keeping.

One row per promise: which table, when a row's time is over. Run once an hour, and each run deletes whatever is due, so a
server that was off for a week catches up in its first hour. Nothing here asks the rules: deleting what is over its time
needs nobody's permission (UK GDPR Art 5(1)(e); COPPA 312.10). The audit record is not here, nor what is signed
about it: both are kept for as long as the service is run, and name nobody (docs/reference/record.md).

A request that nobody decided lapses here too,
and a contact whose year is over; whoever waits for it is told by a notice in the same transaction.

What the clock ends while a call is live is not looked for here: the hub has an alarm for it (``signalling/clockwork.py``). Here
stays what has no alarm: that the clock itself jumped, a sign-in without a call and a moderator's shift that ran out; and, as a
second line, a yes whose year is over.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

from sqlalchemy import ColumnElement, Table, and_, bindparam, delete, exists, or_, select, update

from server import notices as outbox
from server.accounts import guardians_of
from server.clock import JUMP_MS
from server.db.models import (
    blocks,
    call_yeses,
    calls,
    comparisons,
    contacts,
    devices,
    evidence,
    helpers,
    inspector_sessions,
    inspectors,
    introductions,
    known_keys,
    limits,
    mark_asks,
    marks,
    notices,
    pairings,
    picture_tries,
    reports,
    rosters,
    sessions,
    shifts,
    tickets,
)
from server.db.session import goes_first
from server.reports import CLOSE_MS, LEFT_MS, left, overdue

if TYPE_CHECKING:
    from server.clock import Clock
    from server.db.session import Database
    from server.notices import Follower

log = logging.getLogger(__name__)

MINUTE: Final = 60_000
DAY: Final = 24 * 60 * MINUTE
EVERY_SECONDS: Final = 3_600.0
START_SECONDS: Final = 60.0  # not in the first busy minute
CLOCK_SECONDS: Final = 5.0  # so much longer a live call may outlast its end when the clock jumped over it


def over(now: int) -> tuple[tuple[Table, ColumnElement[bool]], ...]:
    """Each table with the condition under which a row's time is over at ``now`` (milliseconds)."""
    return (
        (tickets, tickets.c.expires_at <= now),
        (pairings, pairings.c.expires_at <= now - 10 * MINUTE),
        (introductions, introductions.c.expires_at <= now - DAY),
        (
            sessions,
            or_(
                sessions.c.expires_at <= now - 7 * DAY,
                and_(sessions.c.revoked_at.is_not(None), sessions.c.revoked_at <= now - 7 * DAY),
            ),
        ),
        (devices, and_(devices.c.unpaired_at.is_not(None), devices.c.unpaired_at <= now - 30 * DAY)),
        (call_yeses, call_yeses.c.until <= now - DAY),
        (comparisons, comparisons.c.expires_at <= now),
        (picture_tries, picture_tries.c.at <= now - DAY),
        (shifts, shifts.c.until <= now - DAY),
        (calls, and_(calls.c.state == "ended", calls.c.started_at <= now - 30 * DAY)),
        (
            reports,
            or_(
                and_(reports.c.keep_until.is_not(None), reports.c.keep_until <= now),
                # taken, and then left: the clock of a taken one began CLOSE_MS before its ``look_by``
                and_(reports.c.state == "taken", reports.c.look_by <= now - LEFT_MS + CLOSE_MS),
            ),
        ),  # and its hold on marks with it
        (marks, and_(marks.c.issued_at <= now - 30 * DAY, ~exists().where(evidence.c.mark_id == marks.c.id))),
        (mark_asks, mark_asks.c.asked_at <= now - 30 * DAY),
        (helpers, and_(helpers.c.gone_at.is_not(None), helpers.c.gone_at <= now - 365 * DAY)),
        (inspector_sessions, inspector_sessions.c.expires_at <= now),
        (inspectors, and_(inspectors.c.gone_at.is_not(None), inspectors.c.gone_at <= now - 365 * DAY)),
        (notices, and_(notices.c.done_at.is_not(None), notices.c.done_at <= now - DAY)),
        (rosters, rosters.c.contact_id.not_in(_LIVING)),
        (known_keys, known_keys.c.contact_id.not_in(_LIVING)),
        (contacts, and_(contacts.c.ended_at.is_not(None), contacts.c.ended_at <= now - 365 * DAY)),
        (
            blocks,
            ~_KNOW_EACH_OTHER,
        ),  # after the contacts: to meet again they would need every yes anew, the blocker's own too
    )


#: Contacts in which somebody may still talk, now or when the last yes has come: whose devices may, is needed no longer than that.
_LIVING: Final = select(contacts.c.id).where(contacts.c.state.in_(["asked", "approved"]))


#: Whether there is any contact left between who blocked and who is blocked, over or not.
_KNOW_EACH_OTHER: Final = exists().where(
    or_(
        and_(contacts.c.a_id == blocks.c.by_id, contacts.c.b_id == blocks.c.of_id),
        and_(contacts.c.b_id == blocks.c.by_id, contacts.c.a_id == blocks.c.of_id),
    )
)


async def sweep(db: Database, now: int) -> int:
    """Delete everything whose time is over; let lapse what nobody decided in time, and what was decided a year ago. How many rows."""
    gone = 0
    async with db.begin() as tx:
        late = and_(contacts.c.state == "asked", contacts.c.decide_by <= now)
        waiting = (await tx.execute(select(contacts.c.a_id, contacts.c.b_id).where(late))).all()
        if waiting:
            await tx.execute(update(contacts).where(late).values(state="lapsed", ended_at=now))
            people = {person for pair in waiting for person in pair}
            await outbox.post(tx, "changed", people, now=now, what=["asks", "decisions"])
            gone += len(waiting)
        past = and_(contacts.c.state == "approved", contacts.c.until <= now)
        known = (await tx.execute(select(contacts.c.a_id, contacts.c.b_id).where(past))).all()
        if known:
            # since its year ended it has reached nobody (the rules ask the date); from here on it is also over, and goes in its time
            await tx.execute(update(contacts).where(past).values(state="lapsed", ended_at=now))
            pairs = {person for pair in known for person in pair}
            await outbox.post(tx, "facts_changed", pairs, now=now)
            concerned = {*pairs, *await guardians_of(tx, pairs)}
            await outbox.post(tx, "changed", concerned, now=now, what=["people"])
            gone += len(known)
        for table, due in over(now):
            gone += (await tx.execute(delete(table).where(due))).rowcount
    return gone


async def ended_by_the_clock(db: Database, since: int, now: int) -> int:
    """Tell of every sign-in, every yes and every moderator's shift that ran out after ``since`` and not after ``now``; how many people
    it concerns. What ends for the people in a live call alone (quiet hours, minutes, a grown-up's being there) the hub waits for.

    The hub's own alarms ask about live calls at the very moment, so for them this is a second line that nobody should ever need. It
    stays for what has no alarm: the socket of a sign-in that ran out, in a call or not, must be closed, and that takes a
    notice. Being looked for every few seconds is enough there, because whatever is asked on that socket is refused already.

    A sign-in takes its own socket and its place in a call with it (``session_over``): the facts about the person may be as good as
    before, by another sign-in. Whoever shared something with these people is asked about again (``facts_changed``)."""
    with goes_first():
        async with db.begin() as tx:
            ran_out: dict[str, list[str]] = {}
            for person, session in await tx.execute(_SIGNED_OUT, {"since": since, "now": now}):
                ran_out.setdefault(person, []).append(session)
            for person, ended in ran_out.items():
                await outbox.post(tx, "session_over", [person], now=now, sessions=ended, code="session_revoked")
            people = set(ran_out)
            for pair in await tx.execute(_PAST_ITS_YEAR, {"since": since, "now": now}):
                people.update(pair)
            if (await tx.execute(_SHIFT_OVER, {"since": since, "now": now})).first() is not None:
                people.update((await tx.execute(ON_A_STAGE)).scalars())
            if people:
                await outbox.post(tx, "facts_changed", people, now=now)
    return len(people)


#: Those whom a moderator's coming and going concerns.
ON_A_STAGE: Final = select(limits.c.child_id).where(limits.c.stage_on)


_SIGNED_OUT: Final = select(sessions.c.person_id, sessions.c.id).where(
    sessions.c.expires_at > bindparam("since"),
    sessions.c.expires_at <= bindparam("now"),
    sessions.c.revoked_at.is_(None),
)
_SHIFT_OVER: Final = select(shifts.c.id).where(shifts.c.until > bindparam("since"), shifts.c.until <= bindparam("now"))
_PAST_ITS_YEAR: Final = select(contacts.c.a_id, contacts.c.b_id).where(
    contacts.c.state == "approved", contacts.c.until > bindparam("since"), contacts.c.until <= bindparam("now")
)


async def run(
    db: Database,
    clock: Clock,
    follower: Follower,
    everybody_again: Callable[[], Awaitable[None]],
    steady: Callable[[], float] = time.monotonic,
    pause: float = CLOCK_SECONDS,
) -> None:
    """Until cancelled: what the clock ends every few seconds, what is over its time once an hour. A run that fails says so and
    is tried again, from where the last good one stopped.

    Alarms count what passes in this process. When the clock went further than that (it was set, or the machine slept), what
    they wait for may be over, so everybody is asked about again. That the clock goes back cannot happen (``server/clock.py``)."""
    since, passed = clock.now(), steady()
    sweep_at = since + int(START_SECONDS * 1000)
    while True:
        await asyncio.sleep(pause)
        try:
            now, here = clock.now(), steady()
            if jumped(since, now, here - passed):
                await everybody_again()
            if await ended_by_the_clock(db, since, now):
                follower.wake()
            since, passed = now, here
            if now >= sweep_at:
                sweep_at = now + int(EVERY_SECONDS * 1000)
                gone = await sweep(db, now)
                follower.wake()
                await say_what_is_late(db, now)
                log.info("retention: %d rows were over their time", gone)
        except Exception as fault:
            log.error("retention could not run (%s)", type(fault).__name__)


async def say_what_is_late(db: Database, now: int) -> int:
    """A report that nobody has looked at within 48 hours is the loudest thing that this log says, every hour until somebody does. As loud:
    one that was taken and that for seven days nobody has closed or taken anew. How many of both."""
    async with db.read() as tx:
        late, forgotten = await overdue(tx, now), await left(tx, now)
    if late:
        log.error("%d reports are past their 48 hours and nobody has looked: ringfence reports list", late)
    if forgotten:
        log.error("%d reports were taken and are not closed after 7 days: ringfence reports list", forgotten)
    return late + forgotten


def jumped(since: int, now: int, passed: float) -> bool:
    """Whether the clock went further from ``since`` to ``now`` (milliseconds) than time passed here (seconds)."""
    return now - since - passed * 1000 > JUMP_MS
