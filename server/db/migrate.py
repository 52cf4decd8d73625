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
from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from server.errors import DatabaseUnusable
from server.settings import ROOT

FOLDER: Final = ROOT / "migrations"


async def migrate(url: str) -> None:
    """Bring the database at ``url`` to the newest revision. SQLite's file and folder are made when missing."""
    engine = _engine(url)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(_upgrade)
    except (SQLAlchemyError, OSError, sqlite3.Error) as fault:
        raise DatabaseUnusable(sentence(fault)) from None
    finally:
        await engine.dispose()


async def refuse_old(url: str) -> None:
    """Raises ``DatabaseUnusable`` unless the database is at the newest revision and can be written."""
    path = _file(url)
    if path is not None and not path.exists():
        raise DatabaseUnusable("There is no database yet. Run `ringfence migrate` once.")
    engine = _engine(url)
    try:
        async with engine.begin() as connection:
            found = await connection.run_sync(revision)
            if found != newest():
                raise DatabaseUnusable("The database is of another version. Run `ringfence migrate` once.")
            if connection.dialect.name == "sqlite":
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


def _file(url: str) -> Path | None:
    parsed = make_url(url)
    return Path(parsed.database) if parsed.get_backend_name() == "sqlite" and parsed.database else None


def _engine(url: str) -> AsyncEngine:
    path = _file(url)
    if path is None:
        try:
            return create_async_engine(url, hide_parameters=True)
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
        cursor.execute("PRAGMA busy_timeout = 2000")
        cursor.close()

    @event.listens_for(engine, "begin")
    def on_begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def sentence(fault: BaseException) -> str:
    """What is wrong with the database, for the person who runs it; no statement and no parameter in it."""
    said = str(fault.orig if isinstance(fault, DBAPIError) else fault).lower()
    for mark, words in _SENTENCES:
        if mark in said:
            return words
    return f"The database cannot be used ({type(fault.orig if isinstance(fault, DBAPIError) else fault).__name__})."


def code(fault: BaseException) -> str:
    """The HTTP code for a database fault in the middle of a request."""
    said = str(fault.orig if isinstance(fault, DBAPIError) else fault).lower()
    if "locked" in said:
        return "database_busy"
    if "readonly" in said or "disk is full" in said or "read-only" in said:
        return "database_read_only"
    return "internal"


_SENTENCES: Final = (
    ("locked", "The database is locked by another program. Is another Ringfence running on it?"),
    ("readonly", "The database is read-only. Without an audit row nothing is allowed, so the server does not start."),
    ("read-only", "The database is read-only. Without an audit row nothing is allowed, so the server does not start."),
    ("unable to open", "The database file cannot be opened: its folder is missing or not ours to write in."),
    ("permission denied", "The database file cannot be opened: its folder is missing or not ours to write in."),
    ("not a directory", "The database file cannot be opened: its folder is missing or not ours to write in."),
    ("file exists", "The database file cannot be opened: its folder is missing or not ours to write in."),
    ("not a database", "The database file is not a database. It may be damaged; restore it from a backup."),
    ("malformed", "The database file is damaged. Restore it from a backup; nothing is repaired in place."),
    ("disk is full", "The disk is full, so nothing can be recorded and nothing is allowed."),
    ("refused", "The database server does not answer."),
)
