"""Revocation is durable: what live calls must hear is a row, written in the same transaction as the change itself.

::

    change + notice ──commit──▶ outbox row ──Follower──▶ hub: cut, then tell ──▶ row done

``post`` is called inside the transaction that changes a fact. After the commit somebody calls ``Follower.wake``; the bus and the
wake only make it quick, the row makes it sure. The follower reads the undone rows in order, lets the hub act on each and
marks it done afterwards. Notices about the same people are acted on one after another, in order; those about others at the
same time. If the process dies between commit and cut, the row is still there: it is followed first at the
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
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from sqlalchemy import bindparam, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from server.db.models import notices
from server.db.session import SHUTTING
from signalling.protocol import Code

if TYPE_CHECKING:
    from server.clock import Clock
    from server.db.session import Database

log = logging.getLogger(__name__)

Kind = Literal["facts_changed", "session_over", "changed", "end_call"]

PAUSE_SECONDS: Final = 1.0  # looked at this often even when nobody wakes us: somebody may have forgotten to
ACT_SECONDS: Final = 7.0  # longer than the hub's own limit on asking (5 s); then the notice is tried again
STALE_SECONDS: Final = 10.0  # nobody has looked for so long: the guard is not effective
LATE_SECONDS: Final = 15.0  # a notice has waited for so long: the guard is not effective
BATCH: Final = 256  # acted on at once; more wait in their rows


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
_OLDEST: Final = select(func.min(notices.c.created_at)).where(notices.c.done_at.is_(None))
_DONE: Final = update(notices).where(notices.c.id == bindparam("row")).values(done_at=bindparam("at"))


@dataclass(frozen=True, slots=True)
class _Acting:
    """A notice that is being carried out. ``task`` says whether it could be; done ones wait to be marked."""

    people: frozenset[str]
    task: asyncio.Task[bool]


class Follower:
    """Follows the outbox. ``run`` is one task for the life of the process; ``catch_up`` is awaited once before the doors open.
    ``steady`` gives seconds from anywhere."""

    def __init__(self, db: Database, hub: Listener, clock: Clock, steady: Callable[[], float] = time.monotonic) -> None:
        self._db, self._hub, self._clock, self._steady = db, hub, clock, steady
        self._awake = asyncio.Event()
        self._turn = asyncio.Lock()
        self._acting: dict[int, _Acting] = {}  # in the order of their rows
        self._failed: dict[int, float] = {}  # row -> when it is tried again
        self._done = 0
        self._away = self._stopped = False
        self._looked = steady()

    @property
    def effective(self) -> bool:
        """False while a notice could not be acted on, while the rows cannot be read, and when nobody looks at them any more."""
        fresh = self._steady() - self._looked <= STALE_SECONDS
        return fresh and not (self._failed or self._away or self._stopped)

    async def on_time(self) -> bool:
        """Whether revocations are carried out: ``effective``, and no row has waited too long. For /healthz."""
        async with self._db.read() as tx:
            oldest = (await tx.execute(_OLDEST)).scalar_one()
        return self.effective and (oldest is None or self._clock.now() - oldest <= LATE_SECONDS * 1000)

    def wake(self) -> None:
        """Something was committed. Cheap, and safe to call for nothing."""
        self._awake.set()

    async def run(self) -> None:
        """Until cancelled. A task of its own, and so are those that it begins: all of it goes before what only looks or opens."""
        SHUTTING.set(True)
        try:
            while True:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(PAUSE_SECONDS):  # wait_for of Python 3.11 can swallow a cancellation
                        await self._awake.wait()
                self._awake.clear()
                if not await self._look():
                    await asyncio.sleep(PAUSE_SECONDS / 4)
        finally:
            self._stopped = True
            for one in self._acting.values():
                one.task.cancel()

    async def catch_up(self) -> int:
        """Follow every undone row, and return when each has been tried. How many were done. Never raises."""
        before, tried = self._done, set[int]()
        self._failed = dict.fromkeys(self._failed, self._steady())
        while await self._look(tried) and self._acting:
            tried |= self._acting.keys()
            await asyncio.wait([one.task for one in self._acting.values()], return_when=asyncio.FIRST_COMPLETED)
        return self._done - before

    async def _look(self, tried: Collection[int] = ()) -> bool:
        """Mark what was acted on and begin with what is new. False if the database is away."""
        async with self._turn:
            try:
                await self._mark()
                await self._begin(tried)
            except Exception as fault:
                # the rows are safe in the database and the next look finds them
                self._away = True
                log.error("notices could not be followed (%s)", type(fault).__name__)
                return False
            self._away, self._looked = False, self._steady()
            return True

    async def _mark(self) -> None:
        over = {row: _acted(one.task) for row, one in self._acting.items() if one.task.done()}
        good = [row for row, acted in over.items() if acted]
        if good:
            async with self._db.begin() as tx:
                await tx.execute(_DONE, [{"row": row, "at": self._clock.now()} for row in good])
        for row, acted in over.items():
            del self._acting[row]
            self._failed.pop(row, None)
            if not acted:
                self._failed[row] = self._steady() + PAUSE_SECONDS
        self._done += len(good)

    async def _begin(self, tried: Collection[int]) -> None:
        """Start what is new and what is to be tried again. A notice waits for earlier ones about the same people, never for
        those about others: one slow family must not hold up another's cut, and one that fails holds up nobody."""
        if len(self._acting) >= BATCH:
            return
        due = {row for row, at in self._failed.items() if at <= self._steady() and row not in tried}
        held = [*self._acting, *(self._failed.keys() - due)]
        async with self._db.read() as tx:
            found = (await tx.execute(_UNDONE.where(notices.c.id.not_in(held)) if held else _UNDONE)).all()
        if len(found) < BATCH:
            for gone in due - {row.id for row in found}:
                del self._failed[gone]
        for row in found:
            people = frozenset(json.loads(row.people))
            earlier = [one.task for one in self._acting.values() if one.people & people]
            task = asyncio.create_task(self._follow(row, earlier))
            self._acting[row.id] = _Acting(people, task)

    async def _follow(self, row: Any, earlier: Sequence[asyncio.Task[bool]]) -> bool:
        try:
            if earlier:
                await asyncio.wait(earlier)
            return await self._act(row.id, row.kind, json.loads(row.people), json.loads(row.detail))
        finally:
            self._awake.set()

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


def _acted(task: asyncio.Task[bool]) -> bool:
    """Whether a task that is over did what it had to."""
    return not task.cancelled() and task.exception() is None and task.result()
