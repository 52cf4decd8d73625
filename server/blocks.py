"""Blocking somebody: the safe-harbour zone. It asks nobody's permission, and what is written here only its writer ever sees.

A person blocks another: the two are nobody to each other from that instant, a live call ends for both (the rule ``blocked`` is
asked again), and neither is told why. The blocked one's pages stay as they are: the other one is not here, and a ring finds nobody.
The one who blocked no longer has the other on their page, finds them in a list of their own, and may take it back at any time.
What the families agreed stays as it is.

Three promises are kept in this file (master table rows 42 and 52; DSA28; GC25 76):

- No grown-up's page reads a child's blocks: every function here takes the one who blocked and reads nobody else's rows, and nothing
  else of the HTTP API reads the table. The rules read it (``facts.py``), as one fact that is not told outside.
- The audit rows go to the platform's chain only, not to the household's, which a family may read one day; whom it was about
  does not stand in them.
- A ref that leads nowhere is nothing to do, with the same answer as a real one: blocking is no way to find out who is here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from server import facts, notices
from server.accounts import SignedIn
from server.audit import PLATFORM
from server.db.models import blocks, contacts, sides
from server.db.session import Database
from server.gatekeeper import Gatekeeper
from server.policy import Decision, Verb


@dataclass(frozen=True, slots=True)
class Blocked:
    """Somebody whom the viewer has blocked, under the name that the viewer's page had for them. ``at``: milliseconds."""

    ref: str
    name: str
    avatar: int
    ground: int
    at: int


async def block(db: Database, keeper: Gatekeeper, me: SignedIn, ref: str, *, now: int) -> Decision:
    """From now on the two are nobody to each other. Twice is once."""
    async with db.begin() as tx:
        if decision := await _ask(tx, keeper, me, Verb.BLOCK, now):
            other = await _behind_own(tx, ref, me.person)
            if other is not None and other not in await blocked_by(tx, me.person):
                await tx.execute(insert(blocks).values(by_id=me.person, of_id=other, at=now))
                await _tell(tx, me.person, other, now)
        return decision


async def unblock(db: Database, keeper: Gatekeeper, me: SignedIn, ref: str, *, now: int) -> Decision:
    """Take one's own block back. If the other one has blocked too, that one stays."""
    async with db.begin() as tx:
        if decision := await _ask(tx, keeper, me, Verb.UNBLOCK, now):
            other = await _behind_own(tx, ref, me.person)
            if other is not None and other in await blocked_by(tx, me.person):
                await tx.execute(delete(blocks).where(blocks.c.by_id == me.person, blocks.c.of_id == other))
                await _tell(tx, me.person, other, now)
        return decision


async def look_at_blocks(db: Database, keeper: Gatekeeper, me: SignedIn, *, now: int) -> tuple[Blocked, ...] | Decision:
    """Whom I have blocked, the newest first."""
    async with db.begin() as tx:
        decision = await _ask(tx, keeper, me, Verb.LOOK_AT_BLOCKS, now)
        if not decision:
            return decision
        found = await tx.execute(_MINE.where(blocks.c.by_id == me.person))
        return tuple(Blocked(*row[:5]) for row in found if row.place == 1)


async def blocked_by(tx: AsyncConnection, person: str) -> frozenset[str]:
    """Whom this person has blocked: for the page of this person and no other. The caller has asked."""
    return frozenset((await tx.execute(select(blocks.c.of_id).where(blocks.c.by_id == person))).scalars())


async def _ask(tx: AsyncConnection, keeper: Gatekeeper, me: SignedIn, verb: Verb, now: int) -> Decision:
    """Asked as everything is, and written where no family looks."""
    asked = await facts.act(tx, verb, me.person, now=now, by=me.session or None)
    return await keeper.ask(tx, replace(asked, chains=(PLATFORM,)))


async def _behind_own(tx: AsyncConnection, ref: str, me: str) -> str | None:
    """Whom I know by this ref, whatever has become of the contact. None: nobody."""
    found = await tx.execute(select(sides.c.other_id).where(sides.c.ref == ref, sides.c.viewer_id == me))
    other: str | None = found.scalar_one_or_none()
    return other


async def _tell(tx: AsyncConnection, me: str, other: str, now: int) -> None:
    """Live calls and presence of both follow the facts; only my own page is told to look again."""
    await notices.post(tx, "facts_changed", [me, other], now=now)
    await notices.post(tx, "changed", [me], now=now, what=["people"])


#: Two people may have met more than once: ``place`` 1 is the newest contact, whose ref and name the page had last.
_MINE: Final = (
    select(
        sides.c.ref, sides.c.name, sides.c.avatar, sides.c.ground, blocks.c.at,
        func.row_number()
        .over(partition_by=blocks.c.of_id, order_by=(contacts.c.created_at.desc(), contacts.c.id))
        .label("place"),
    )
    .join(sides, (sides.c.viewer_id == blocks.c.by_id) & (sides.c.other_id == blocks.c.of_id))
    .join(contacts, contacts.c.id == sides.c.contact_id)
    .order_by(blocks.c.at.desc(), blocks.c.of_id)
)  # fmt: skip
