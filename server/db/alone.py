"""One process serves one database, because what must be cut lives in a process: its sockets, its calls, its gate.

A second process on the same records would take up a notice of a revocation, find none of these people among its own calls and
mark it done; in the first one the call would go on. So whoever serves holds a lock for as long as it lives, and the operating
system (or PostgreSQL) lets it go when the process ends in whatever way. Commands that only look or migrate do not ask for it.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import create_async_engine

from server.db.migrate import sentence
from server.errors import DatabaseUnusable

_KEY: Final = 0x52494E48  # not the writers' own
_TAKEN: Final = "Another Ringfence serves this database. Only one may: two would lose each other's revocations."

Release = Callable[[], Awaitable[None]]


async def serve_alone(url: str) -> Release:
    """Hold the database at ``url`` until what is returned is called. Raises ``DatabaseUnusable`` when another process has it."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _hold_file(parsed.database or "")
    return await _hold_postgresql(url)


def _hold_file(database: str) -> Release:
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

    return release


async def _hold_postgresql(url: str) -> Release:
    engine = create_async_engine(url, hide_parameters=True, pool_size=1, isolation_level="AUTOCOMMIT")
    try:
        connection = await engine.connect()  # the lock is this session's, so the session stays open
        free = (await connection.execute(text(f"SELECT pg_try_advisory_lock({_KEY})"))).scalar_one()
    except (SQLAlchemyError, OSError) as fault:
        await engine.dispose()
        raise DatabaseUnusable(sentence(fault)) from None

    async def release() -> None:
        await connection.close()
        await engine.dispose()

    if not free:
        await release()
        raise DatabaseUnusable(_TAKEN)
    return release
