"""From any older shape of the tables to today's, in one transaction, or not at all.

``migrate`` runs the revisions under migrations/ ; ``refuse_old`` is what a starting server asks: it never migrates on its own in
production, because a change of shape is for the person who runs it to choose. Whatever is wrong with the database is said in
one sentence (``DatabaseUnusable``), here and nowhere else, so that every command says the same.
"""

from __future__ import annotations

import sqlite3
from functools import cache
from pathlib import Path
from typing import Any, Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, event, inspect
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.schema import SetColumnComment

from server.db.models import metadata
from server.db.session import TURN, asked_of_postgresql
from server.errors import DatabaseUnusable
from server.settings import ROOT

FOLDER: Final = ROOT / "migrations"

_WAIT_MS: Final = 2_000  # for somebody else's change; who types a command is told rather than kept waiting
_NOT_YET: Final = "There is no database yet. Run `ringfence migrate` once."


async def migrate(url: str) -> None:
    """Bring the database at ``url`` to the newest revision. SQLite's file and folder are made when missing."""
    engine = _engine(url)
    try:
        async with engine.begin() as connection:
            await _take_turn(connection)
            await connection.run_sync(_upgrade)
    except (SQLAlchemyError, OSError, sqlite3.Error) as fault:
        raise DatabaseUnusable(sentence(fault)) from None
    finally:
        await engine.dispose()


async def refuse_old(url: str) -> None:
    """Raises ``DatabaseUnusable`` unless the database is at the newest revision and can be written."""
    path = _file(url)
    if path is not None and not path.exists():
        raise DatabaseUnusable(_NOT_YET)
    engine = _engine(url)
    try:
        async with engine.begin() as connection:
            await _take_turn(connection)
            if connection.dialect.name == "postgresql":
                encoding = (await connection.exec_driver_sql("SHOW server_encoding")).scalar_one()
                if encoding != "UTF8":
                    raise DatabaseUnusable("The database must be made with the encoding UTF8: people have names.")
            found = await connection.run_sync(revision)
            if found is None:
                raise DatabaseUnusable(_NOT_YET)
            if found != newest():
                raise DatabaseUnusable("The database is of another version. Run `ringfence migrate` once.")
            await connection.exec_driver_sql("UPDATE alembic_version SET version_num = version_num")
    except (SQLAlchemyError, OSError, sqlite3.Error) as fault:
        raise DatabaseUnusable(sentence(fault)) from None
    finally:
        await engine.dispose()


@cache  # the files are those of this process's code; reading them costs as much as the rest of a look
def newest() -> str | None:
    """The newest revision that this code knows."""
    return ScriptDirectory(str(FOLDER)).get_current_head()


def revision(connection: Connection) -> str | None:
    """The revision of a database."""
    return MigrationContext.configure(connection).get_current_revision()


def config(connection: Connection) -> Config:
    """Alembic's own configuration, with our connection in it."""
    made = Config()
    made.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    made.attributes["connection"] = connection
    return made


def _upgrade(connection: Connection) -> None:
    command.upgrade(config(connection), "head")
    _say_why(connection)


def _say_why(connection: Connection) -> None:
    """Let every column say why it is kept, in today's words: PostgreSQL keeps them, and shows them to whoever looks there. SQLite has
    no place for them."""
    if not connection.dialect.supports_comments:
        return
    for (_, name), columns in inspect(connection).get_multi_columns().items():
        said = {column["name"]: column["comment"] for column in columns}
        for column in metadata.tables[name].columns if name in metadata.tables else ():
            if column.name in said and column.comment != said[column.name]:
                connection.execute(SetColumnComment(column))


async def _take_turn(connection: AsyncConnection) -> None:
    """As whoever changes rows: one at a time. On SQLite that is how each of our transactions begins."""
    if connection.dialect.name == "postgresql":
        await connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({TURN})")


def _file(url: str) -> Path | None:
    parsed = make_url(url)
    return Path(parsed.database) if parsed.get_backend_name() == "sqlite" and parsed.database else None


def _engine(url: str) -> AsyncEngine:
    path = _file(url)
    if path is None:
        try:
            return create_async_engine(
                url, hide_parameters=True, connect_args=asked_of_postgresql(lock_timeout=str(_WAIT_MS))
            )
        except ModuleNotFoundError:
            raise DatabaseUnusable(
                "PostgreSQL needs one more package. Install it with: pip install 'ringfence[postgres]'"
            ) from None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise DatabaseUnusable(sentence(fault)) from None
    engine = create_async_engine(url, hide_parameters=True)
    _one_transaction(engine.sync_engine)
    return engine


def _one_transaction(engine: Engine) -> None:
    # the driver commits before DDL unless BEGIN is ours; a migration that was cut must leave nothing behind
    @event.listens_for(engine, "connect")
    def on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {_WAIT_MS}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def on_begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def sentence(fault: BaseException) -> str:
    """What is wrong with the database, for the person who runs it; no statement and no parameter in it."""
    said = _said(fault)
    for mark, words in _SENTENCES:
        if mark in said:
            return words
    return f"The database cannot be used ({type(fault.orig if isinstance(fault, DBAPIError) else fault).__name__})."


def code(fault: BaseException) -> str:
    """The HTTP code for a database fault in the middle of a request."""
    said = _said(fault)
    if any(mark in said for mark in ("locked", "lock timeout", "connection is closed", "connection was closed")):
        return "database_busy"
    if any(mark in said for mark in ("readonly", "read-only", "disk is full", "no space left")):
        return "database_read_only"
    return "internal"


def _said(fault: BaseException) -> str:
    """What the driver said, with the kind of the fault: a time-out says nothing else."""
    own = fault.orig if isinstance(fault, DBAPIError) else fault
    return f"{type(own).__name__}: {own}".lower()


_SENTENCES: Final = (
    ("locked", "The database is locked by another program. Is another Ringfence running on it?"),
    ("readonly", "The database is read-only. Without an audit row nothing is allowed, so the server does not start."),
    ("read-only", "The database is read-only. Without an audit row nothing is allowed, so the server does not start."),
    ("permission denied for", "The database user may not make tables here. Let it own the database."),
    ("unable to open", "The database file cannot be opened: its folder is missing or not ours to write in."),
    ("permission denied", "The database file cannot be opened: its folder is missing or not ours to write in."),
    ("not a directory", "The database file cannot be opened: its folder is missing or not ours to write in."),
    ("file exists", "The database file cannot be opened: its folder is missing or not ours to write in."),
    ("not a database", "The database file is not a database. It may be damaged; restore it from a backup."),
    ("malformed", "The database file is damaged. Restore it from a backup; nothing is repaired in place."),
    ("disk is full", "The disk is full, so nothing can be recorded and nothing is allowed."),
    # and what PostgreSQL and the way to it say
    ("no space left", "The disk is full, so nothing can be recorded and nothing is allowed."),
    ("lock timeout", "The database is locked by another program. Is another Ringfence running on it?"),
    ("connection is closed", "The connection to the database broke."),
    ("connection was closed", "The connection to the database broke."),
    ("refused", "The database server does not answer."),
    ("connect call failed", "The database server does not answer."),
    ("timeouterror", "The database server does not answer."),
    ("gaierror", "The database server's name leads nowhere. Is RINGFENCE_DATABASE right?"),
    ("authentication failed", "The database server does not let this user in. Is RINGFENCE_DATABASE right?"),
    (
        "does not exist",
        "The database server has no such database or user. Make them first; Ringfence makes only the tables.",
    ),
    ("starting up", "The database server is only just starting. Try again in a moment."),
    ("shutting down", "The database server is closing."),
    ("too many", "The database server takes no more connections. Ringfence needs twelve."),
)
