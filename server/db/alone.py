"""One process serves one database, because what must be cut lives in a process: its sockets, its calls, its gate.

A second process on the same records would take up a notice of a revocation, find none of these people among its own calls and
mark it done; in the first one the call would go on. So whoever serves holds a lock for as long as it lives, and the operating
system (or PostgreSQL) lets it go when the process ends in whatever way. Commands that only look or migrate do not ask for it.

A file's lock only ends with us. PostgreSQL's is that of a session, and a session can end before we do: PostgreSQL was restarted, somebody
ended it, the network broke. Then the next process may begin to serve at any moment. So we look every second whether PostgreSQL still
knows our session as the holder, and close when it does not, or does not say (``Hold.lost``); and no change is made without
asking the same inside it (``server/db/session.py``), for a process that was held up for a minute learns it late.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from server.db.migrate import sentence
from server.db.session import SERVES, STILL_HELD, asked_of_postgresql, rows
from server.errors import DatabaseUnusable

log = logging.getLogger(__name__)

_TAKEN: Final = "Another Ringfence serves this database. Only one may: two would lose each other's revocations."
LOST: Final = (
    "The database ended the session that kept others from serving it, so this server has closed. Start it again."
)

_WAIT_MS: Final = 2_000  # PostgreSQL needs a moment to notice that a process which held the lock was killed
_LOOK_SECONDS: Final = 1.0
_ANSWER_SECONDS: Final = 5.0  # no answer is taken for a no; PostgreSQL gives us up only later (asked_of_postgresql)


@dataclass(frozen=True)
class Hold:
    """``release`` lets go. ``lost`` is set when it was lost before that. ``session``: PostgreSQL's number of the one that holds."""

    release: Callable[[], Awaitable[None]]
    session: int | None = None
    lost: asyncio.Event = field(default_factory=asyncio.Event)


async def serve_alone(url: str) -> Hold:
    """Hold the database at ``url``. Raises ``DatabaseUnusable`` when another process has it."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _hold_file(parsed.database or "")
    return await _hold_postgresql(url)


def _hold_file(database: str) -> Hold:
    path = Path(f"{Path(database).resolve()}.lock")
    # a file of its own beside the database: SQLite's locks are not ours to touch. It stays; removing it would be a race.
    try:
        held = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as fault:
        raise DatabaseUnusable(sentence(fault)) from None
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(held)
        raise DatabaseUnusable(_TAKEN) from None
    except OSError as fault:
        os.close(held)
        raise DatabaseUnusable(sentence(fault)) from None

    async def release() -> None:
        os.close(held)

    return Hold(release)


async def _hold_postgresql(url: str) -> Hold:
    engine = create_async_engine(
        url,
        hide_parameters=True,
        pool_size=1,
        isolation_level="AUTOCOMMIT",
        connect_args=asked_of_postgresql(lock_timeout=str(_WAIT_MS), application_name="ringfence serves"),
    )
    async with contextlib.AsyncExitStack() as opened:
        opened.push_async_callback(engine.dispose)
        try:
            connection = await opened.enter_async_context(
                engine.connect()
            )  # the lock is this session's, so it stays open
            await connection.execute(text(f"SELECT pg_advisory_lock({SERVES})"))
            session: int = (await connection.execute(text("SELECT pg_backend_pid()"))).scalar_one()
        except (SQLAlchemyError, OSError) as fault:
            taken = isinstance(fault, DBAPIError) and getattr(fault.orig, "sqlstate", None) == _LOCK_NOT_AVAILABLE
            raise DatabaseUnusable(_TAKEN if taken else sentence(fault)) from None
        lost = asyncio.Event()
        watching = asyncio.create_task(_watch(connection, session, lost))
        everything = opened.pop_all()

    async def release() -> None:
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching
        await everything.aclose()

    return Hold(release, session, lost)


async def _watch(connection: AsyncConnection, session: int, lost: asyncio.Event) -> None:
    try:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            async with asyncio.timeout(_ANSWER_SECONDS):
                if not await rows(connection, STILL_HELD, key=SERVES, pid=session):
                    break
    except Exception as fault:  # whatever it is, we do not know any more that we are alone
        log.error("the database does not say that it is ours (%s)", type(fault).__name__)
    lost.set()


_LOCK_NOT_AVAILABLE: Final = "55P03"
