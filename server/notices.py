"""Revocation is durable: what live calls must hear is a row, written in the same transaction as the change itself.

::

    change + notice ──commit──▶ outbox row ──Follower──▶ hub: cut, then tell ──▶ row done

``post`` is called inside the transaction that changes a fact. After the commit somebody calls ``Follower.wake``; the bus and the
wake only make it quick, the row makes it sure. The follower reads the undone rows in order, lets the hub act on each and
marks it done afterwards. If the process dies between commit and cut, the row is still there: it is followed first at the
next start, before a socket is let in. If the hub cannot act (it raises or hangs), the row stays undone, health turns red and the
row is tried again: a notice is never dropped, and acting twice on one does no harm because the hub only asks again.

Kinds and their detail:

==============  ===========================================  ====================================================
kind            detail                                       what the hub does
==============  ===========================================  ====================================================
facts_changed   –                                            asks the rules again for every live call of ``people``
session_over    ``sessions``, ``code``                       closes their sockets and places in calls
changed         ``what``: pages to fetch again               tells ``people``; no content travels
end_call        ``call``, ``who``                            ends the call; ``people`` are told ``who`` (design 5.8)
==============  ===========================================  ====================================================

People are ids, never names; ``who`` of ``end_call`` is the one exception (the grown-up's chosen name), and done rows go after a day.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from server.db.models import notices
from signalling.protocol import Code

if TYPE_CHECKING:
    from server.clock import Clock
    from server.db.session import Database

log = logging.getLogger(__name__)

Kind = Literal["facts_changed", "session_over", "changed", "end_call"]

PAUSE_SECONDS: Final = 1.0  # looked at this often even when nobody wakes us: another node may have written
ACT_SECONDS: Final = 5.0  # longer than the hub's own limit on asking; then the notice is tried again
BATCH: Final = 64


class Listener(Protocol):
    """What the follower needs of the hub."""

    async def facts_changed(self, people: Collection[str]) -> None: ...
    async def close_sessions(self, session_ids: Iterable[str], code: Code) -> None: ...
    async def tell_changed(self, people: Iterable[str], what: Sequence[str]) -> None: ...
    async def end_call(self, call: str, who_name: str, *, family: Collection[str]) -> bool: ...


async def post(tx: AsyncConnection, kind: Kind, people: Iterable[str], *, now: int, **detail: Any) -> None:
    """Write the outbox row inside the caller's transaction. ``now`` in milliseconds; ``detail`` as in the table above."""
    await tx.execute(
        _INSERT,
        {
            "kind": kind,
            "people": json.dumps(sorted(set(people))),
            "detail": json.dumps(detail, sort_keys=True),
            "created_at": now,
        },
    )


_INSERT: Final = insert(notices)
_UNDONE: Final = (
    select(notices.c.id, notices.c.kind, notices.c.people, notices.c.detail)
    .where(notices.c.done_at.is_(None))
    .order_by(notices.c.id)
    .limit(BATCH)
)
_DONE: Final = update(notices).where(notices.c.id == bindparam("row")).values(done_at=bindparam("at"))


class Follower:
    """Follows the outbox. ``run`` is one task for the life of the process; ``catch_up`` is awaited once before the doors open."""

    def __init__(self, db: Database, hub: Listener, clock: Clock) -> None:
        self._db, self._hub, self._clock = db, hub, clock
        self._awake = asyncio.Event()
        self._following = asyncio.Lock()
        self.effective = True  #: False while a notice could not be acted on; /healthz reads it

    def wake(self) -> None:
        """Something was committed. Cheap, and safe to call for nothing."""
        self._awake.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._awake.wait(), PAUSE_SECONDS)
            self._awake.clear()
            await self.catch_up()
            if not self.effective:
                await asyncio.sleep(PAUSE_SECONDS / 4)

    async def catch_up(self) -> int:
        """Follow every undone row, in order. How many were done. Never raises."""
        done: list[int] = []
        failed: list[int] = []
        async with self._following:
            try:
                while rows := await self._undone(failed):
                    acted: list[int] = []
                    for row in rows:
                        good = await self._act(row.id, row.kind, json.loads(row.people), json.loads(row.detail))
                        (acted if good else failed).append(row.id)
                    await self._mark(acted)
                    done += acted
                self.effective = not failed
            except Exception as fault:
                # the database is away; the rows are safe in it and the next round finds them
                self.effective = False
                log.error("notices could not be followed (%s)", type(fault).__name__)
        return len(done)

    async def _undone(self, failed: Sequence[int]) -> Sequence[Any]:
        # one that cannot be acted on must not hold up the next, which may be another family's revocation
        async with self._db.read() as tx:
            return (await tx.execute(_UNDONE.where(notices.c.id.not_in(failed)) if failed else _UNDONE)).all()

    async def _mark(self, ids: Sequence[int]) -> None:
        if not ids:
            return
        async with self._db.begin() as tx:
            await tx.execute(_DONE, [{"row": one, "at": self._clock.now()} for one in ids])

    async def _act(self, row: int, kind: str, people: list[str], detail: dict[str, Any]) -> bool:
        try:
            async with asyncio.timeout(ACT_SECONDS):
                if kind == "facts_changed":
                    await self._hub.facts_changed(people)
                elif kind == "session_over":
                    await self._hub.close_sessions(detail["sessions"], detail["code"])
                elif kind == "changed":
                    await self._hub.tell_changed(people, detail["what"])
                elif kind == "end_call":
                    await self._hub.end_call(detail["call"], detail.get("who", ""), family=people)
                else:
                    log.error("notice %d is of an unknown kind; left undone", row)
                    return False
        except Exception as fault:
            log.error(
                "notice %d (%s) could not be acted on (%s); it will be tried again", row, kind, type(fault).__name__
            )
            return False
        return True
