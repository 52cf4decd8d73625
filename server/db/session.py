"""One database, two ways in: ``begin()`` to change something, ``read()`` to look.

A change is one transaction, and there is one writer at a time. That is what makes the promises of this house simple:
the facts, the decision, its audit row, the change and the notice about it are read and written by the same transaction, and
no other change can slip in between them. The writers queue here, and those who shut something go first. On SQLite the writer is
one connection (``BEGIN IMMEDIATE``, so a write that cannot start fails at once and not half-way); on PostgreSQL it holds a
transaction-scoped advisory lock as well, and asks in the same breath whether this process may still serve (``server/db/alone.py``).
Leaving the block commits; an exception rolls everything back, the audit row included. So a refusal is returned, never raised.

Durability is not for sale: ``synchronous=FULL``, ``synchronous_commit=on``. What a caller has been told has reached the disk.
Looking cannot change anything: SQLite's reading connections are ``query_only``, PostgreSQL's transactions are ``READ ONLY``.

``rows()`` is the short way for the hot path: plain SQL with named parameters, one trip to SQLite's thread instead of four
(about a quarter of the cost of a Core select). The same text must run on both databases.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from contextvars import ContextVar
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import TextClause, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from server.errors import NotOurs

_READERS: Final = 4  # threads that may look at SQLite at once; looking is short
_BUSY_MS: Final = 5_000  # another process (a backup, the command line) may hold the file, or the turn, for a moment
_CONNECT_SECONDS: Final = 10  # a server that is not there is said, not waited for
TURN: Final = 0x52494E47  #: "RING": the lock of the one writer on PostgreSQL
SERVES: Final = 0x52494E48  #: the lock of the one process that serves

Row = Sequence[Any]


class Database:
    """Where rows live. Open it once, close it once; share it freely between tasks of one event loop."""

    def __init__(self, writer: AsyncEngine, reader: AsyncEngine) -> None:
        self._writer = writer
        self._reader = reader
        self._turn = _Turn()
        self._holder: int | None = None

    @classmethod
    async def open(cls, url: str, holder: int | None = None) -> Database:
        """Open ``sqlite+aiosqlite:///path`` or ``postgresql+asyncpg://...`` and make sure that it answers.

        Makes no tables: that is the migrations' work. Raises what the driver raises when the database cannot be used. ``holder``: the
        session of PostgreSQL without whose lock nothing is changed (``server/db/alone.py``); commands have none.
        """
        parsed = make_url(url)
        opened = _open_sqlite(parsed) if parsed.get_backend_name() == "sqlite" else _open_postgresql(parsed)
        try:
            async with opened.read() as tx:
                await tx.execute(text("SELECT 1"))
        except BaseException:
            await opened.close()
            raise
        opened._holder = holder
        return opened

    async def close(self) -> None:
        await self._writer.dispose()
        await self._reader.dispose()

    @property
    def kind(self) -> str:
        """``sqlite`` or ``postgresql``."""
        return self._writer.dialect.name

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """One change. Commits at the end of the block, rolls back when the block raises."""
        async with self._turn.taken(), self._writer.begin() as tx:
            if tx.dialect.name != "sqlite":
                await tx.execute(_TAKE_TURN)  # the command line may be at work beside us
                if self._holder is not None and not await rows(tx, STILL_HELD, key=SERVES, pid=self._holder):
                    raise NotOurs
            yield tx

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """One look: everything inside sees the same moment. Cannot change anything."""
        async with self._reader.begin() as tx:
            yield tx


#: Set for the task that shuts something: its changes go before those of everybody who waits. A crowd of strangers who ask for
#: anything at all must not keep a parent's "End contact" waiting.
SHUTTING: Final[ContextVar[bool]] = ContextVar("shutting", default=False)
_IN_A_ROW: Final = 7  # turns of those who shut something before one of the others: nobody waits for ever


@contextmanager
def goes_first() -> Iterator[None]:
    """What is changed inside goes before those who only look or open something."""
    before = SHUTTING.set(True)
    try:
        yield
    finally:
        SHUTTING.reset(before)


class _Turn:
    """Whose turn it is to write: one at a time, those who shut something first, otherwise in the order of coming. Those who only look
    or open get every eighth turn all the same: a flood of refused "ends" must not be a way to stop the house."""

    def __init__(self) -> None:
        self._busy = False
        self._row = 0  #: turns in a row of those who shut
        self._waiting: tuple[deque[asyncio.Future[None]], deque[asyncio.Future[None]]] = (deque(), deque())

    @asynccontextmanager
    async def taken(self) -> AsyncIterator[None]:
        await self._take()
        try:
            yield
        finally:
            self._pass_on()

    async def _take(self) -> None:
        if not self._busy:
            self._busy = True
            return
        mine = asyncio.get_running_loop().create_future()
        self._waiting[0 if SHUTTING.get() else 1].append(mine)
        try:
            await mine
        except asyncio.CancelledError:
            if mine.done() and not mine.cancelled():
                self._pass_on()  # the turn came in the very moment in which we gave up
            raise

    def _pass_on(self) -> None:
        shutting, others = self._waiting
        for line in (others, shutting) if self._row >= _IN_A_ROW else (shutting, others):
            while line:
                following = line.popleft()
                if not following.done():
                    self._row = self._row + 1 if line is shutting else 0
                    following.set_result(None)
                    return
        self._busy, self._row = False, 0


async def rows(tx: AsyncConnection, sql: str, /, **params: Any) -> Sequence[Row]:
    """Run one statement with ``:named`` parameters inside ``tx`` and return all its rows."""
    if tx.dialect.name == "sqlite":
        return await _plain_sqlite(tx).execute_fetchall(sql, params)  # type: ignore[no-any-return]  # the driver is untyped here
    found = await tx.execute(_prepared(sql), params)
    return found.all() if found.returns_rows else ()


async def run_all(tx: AsyncConnection, *steps: tuple[str, Sequence[Mapping[str, Any]]]) -> None:
    """Run statements that return nothing, each once for each of its sets of parameters, in order, inside ``tx``.

    On SQLite all of them in one trip to its thread. aiosqlite has no public way to run a function there, so its
    ``_execute`` is used: the version is pinned, and a test holds it to that.
    """
    if tx.dialect.name == "sqlite":
        plain = _plain_sqlite(tx)
        await plain._execute(_run_all, plain._conn, steps)
        return
    for sql, each in steps:
        if each:
            await tx.execute(_prepared(sql), each)


def _run_all(connection: sqlite3.Connection, steps: Sequence[tuple[str, Sequence[Mapping[str, Any]]]]) -> None:
    for sql, each in steps:
        connection.executemany(sql, each).close()


def _plain_sqlite(tx: AsyncConnection) -> Any:
    """aiosqlite's own connection under ``tx``. The transaction is already begun on it."""
    return tx.sync_connection.connection.driver_connection  # type: ignore[union-attr]  # None only before it is opened


@lru_cache(maxsize=256)
def _prepared(sql: str) -> TextClause:
    return text(sql)


_TAKE_TURN: Final = text(f"SELECT pg_advisory_xact_lock({TURN})")
#: Whether this session of PostgreSQL holds the lock with this key, as PostgreSQL itself sees it.
STILL_HELD: Final = """
SELECT 1 FROM pg_locks
 WHERE locktype = 'advisory' AND classid = 0 AND objid = :key AND objsubid = 1 AND pid = :pid AND granted
"""


def _open_sqlite(url: URL) -> Database:
    if url.database in (None, "", ":memory:"):
        raise ValueError("The database must be a file: what is only in memory cannot keep an audit record.")
    writer, reader = (
        create_async_engine(
            url,
            hide_parameters=True,
            pool_size=size,
            max_overflow=0,
            pool_reset_on_return=None,
            connect_args={"factory": _Connection},
        )
        for size in (1, _READERS)
    )
    _dress(writer, begin="BEGIN IMMEDIATE", query_only=False)
    _dress(reader, begin="BEGIN", query_only=True)
    return Database(writer, reader)


class _Connection(sqlite3.Connection):
    """Undoes what is open before it closes. SQLAlchemy throws away the connection of a task that was cancelled at the wrong
    moment, and SQLite keeps a closed connection, its lock on the file too, for as long as some cursor still points at it."""

    def close(self) -> None:
        with suppress(
            sqlite3.Error
        ):  # closed already, for it may be told so twice; or the disk is gone, and so is the change
            if self.in_transaction:
                self.rollback()
        super().close()


def _dress(engine: AsyncEngine, *, begin: str, query_only: bool) -> None:
    """Take transactions out of the driver's hands (its own BEGIN comes too late for reads) and set the pragmas.

    The pool rolls nothing back when a connection comes home: both ways in end their transaction. A task that was
    cancelled in the middle may leave one open all the same; whoever begins next clears it away, on SQLite's own thread and so
    after everything that the cancelled task had still sent there.
    """

    @event.listens_for(engine.sync_engine, "connect")
    def on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in (
            f"busy_timeout = {_BUSY_MS}",
            *(() if query_only else ("journal_mode = WAL",)),
            "synchronous = FULL",
            "foreign_keys = ON",
            "secure_delete = ON",  # what is deleted about a child is overwritten, not only unlinked
            *(("query_only = ON",) if query_only else ()),
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def on_begin(connection: Any) -> None:
        connection.connection.dbapi_connection.run_async(lambda plain: plain._execute(_begin, plain._conn, begin))


def _begin(connection: sqlite3.Connection, begin: str) -> None:
    if connection.in_transaction:
        connection.rollback()
    connection.execute(begin).close()


def _open_postgresql(url: URL) -> Database:
    writer = create_async_engine(
        url,
        hide_parameters=True,
        pool_size=2,  # one writes at a time; the other is for when a task was cancelled and its connection is being thrown away
        max_overflow=0,
        isolation_level="READ COMMITTED",
        connect_args=asked_of_postgresql(synchronous_commit="on", lock_timeout=str(_BUSY_MS)),
    )
    reader = create_async_engine(
        url,
        hide_parameters=True,
        pool_size=8,
        max_overflow=0,
        isolation_level="REPEATABLE READ",
        execution_options={"postgresql_readonly": True},
        connect_args=asked_of_postgresql(),
    )
    return Database(writer, reader)


def asked_of_postgresql(**settings: str) -> dict[str, Any]:
    """What every connection of ours is opened with, whatever the server's own defaults are. A machine of ours that vanished is
    noticed by PostgreSQL within half a minute, and what its sessions hold is free again."""
    ours = {
        "application_name": "ringfence",
        "tcp_keepalives_idle": "10",
        "tcp_keepalives_interval": "5",
        "tcp_keepalives_count": "3",
    }
    return {"timeout": _CONNECT_SECONDS, "server_settings": ours | settings}
