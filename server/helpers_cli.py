"""``ringfence shift`` and ``ringfence review``: what the operator does for moderators, until there is an app for it. What helpers do
under keys of their own is ``helpers.py``.

They are the operator's own commands on the operator's own database: whoever may run them may write every table anyway, so no
rule is asked. But they open what a rule keeps shut, so each leaves a row in the platform's record, with the rules that it
concerns. They only say what is so: that a moderator is here (row 34), that a helper has looked at a grown-up's account (row 17).
What follows from it the rules decide. Each posts its notice in the same transaction, so a server that runs beside them asks the
live calls concerned again within a second.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, Literal, TypeVar

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from server import accounts, audit, notices, retention
from server.clock import Clock
from server.db.migrate import refuse_old
from server.db.models import people, reviews, shifts
from server.db.session import Database
from server.policy import load
from server.settings import Settings

T = TypeVar("T")


async def on_database(settings: Settings, work: Callable[[Database, int], Awaitable[T]]) -> T:
    """Open the database, do ``work`` at this moment, close it. Time never runs back behind the newest record."""
    await refuse_old(settings.database_url)
    db = await Database.open(settings.database_url)
    try:
        return await work(db, Clock(not_before=await audit.newest(db)).now())
    finally:
        await db.close()


async def start_shift(db: Database, minutes: int, now: int) -> int:
    """A moderator is here for so many minutes from now. Renews the shift that is on, or begins one; until when, in milliseconds."""
    until = now + minutes * accounts.MINUTE
    async with db.begin() as tx:
        renewed = await tx.execute(update(shifts).where(shifts.c.until > now).values(until=until))
        if renewed.rowcount == 0:
            await tx.execute(insert(shifts).values(id=accounts.new_id(), until=until))
            await _note(tx, now, "shift", (), allow=True, rules=_NO_MODERATOR)
            await _tell_stages(tx, now)
    return until


async def end_shift(db: Database, now: int) -> bool:
    """Nobody is here any more; every stage ends. False if nobody was."""
    async with db.begin() as tx:
        ended = await tx.execute(update(shifts).where(shifts.c.until > now).values(until=now))
        if ended.rowcount:
            await _note(tx, now, "shift", (), allow=False, rules=_NO_MODERATOR)
            await _tell_stages(tx, now)
        return bool(ended.rowcount)


async def review(db: Database, pseudonym: str, families: int, now: int) -> bool:
    """A helper has looked: children of so many families are fine for this grown-up; 0 takes it back. False if there is no such grown-up."""
    async with db.begin() as tx:
        found = await tx.execute(select(people.c.id).where(people.c.pseudonym == pseudonym, people.c.kind != "child"))
        person = found.scalar_one_or_none()
        if person is None:
            return False
        await tx.execute(delete(reviews).where(reviews.c.person_id == person))
        if families:
            await tx.execute(insert(reviews).values(person_id=person, families=families, at=now))
        await _note(tx, now, "review", (pseudonym,), allow=families > 0, rules=_MANY_FAMILIES)
        concerned = {person, *await accounts.known_to(tx, [person])}
        await notices.post(tx, "facts_changed", concerned, now=now)
        pages = {*concerned, *await accounts.guardians_of(tx, concerned)}
        await notices.post(tx, "changed", pages, now=now, what=["people"])
        return True


_NO_MODERATOR: Final = ("no-moderator-no-stage",)
_MANY_FAMILIES: Final = ("many-unrelated-children", "one-family-too-many")


async def _note(
    tx: AsyncConnection, now: int, question: str, who: tuple[str, ...], *, allow: bool, rules: tuple[str, ...]
) -> None:
    """One row in the platform's record: these rules no longer hold somebody back, or do again."""
    verdict: Literal["allow", "deny"] = "allow" if allow else "deny"
    await audit.append(tx, (), audit.Entry(now, question, who, verdict, rules, load().version))


async def _tell_stages(tx: AsyncConnection, now: int) -> None:
    """Those whom a moderator's coming and going concerns."""
    concerned = list((await tx.execute(retention.ON_A_STAGE)).scalars())
    if concerned:
        await notices.post(tx, "facts_changed", concerned, now=now)
