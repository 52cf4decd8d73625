"""The revisions and the models are one description of the tables, and a migration happens whole or not at all."""

from __future__ import annotations

import re
import sqlite3
import sys
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from server.db import migrate
from server.db.models import metadata
from server.errors import DatabaseUnusable

pytestmark = pytest.mark.sqlite  # the other database has its own: test_postgresql.py


def url_of(path: Path) -> str:
    return f"sqlite+aiosqlite:///{path}"


def shape(path: Path) -> dict[str, str]:
    """Every table's and index's own statement, without blanks and in one order of columns and constraints. A column that came later
    stands on the line of the one before it."""
    with sqlite3.connect(path) as db:
        rows = db.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name <> 'alembic_version'")
        return {
            name: " ".join(sorted(re.split(r",\s*\n|\n|,(?= \w+ [A-Z])", re.sub(r"[ \t]+", " ", sql))))
            for name, sql in rows
        }


async def test_models_and_migrations_agree(tmp_path: Path) -> None:
    await migrate.migrate(url_of(tmp_path / "by_revisions.sqlite"))
    engine = create_engine(f"sqlite:///{tmp_path / 'by_models.sqlite'}")
    metadata.create_all(engine)
    engine.dispose()
    by_revisions, by_models = shape(tmp_path / "by_revisions.sqlite"), shape(tmp_path / "by_models.sqlite")
    assert by_revisions.keys() == by_models.keys()
    for name, statement in by_models.items():
        assert by_revisions[name] == statement
    engine = create_engine(f"sqlite:///{tmp_path / 'by_revisions.sqlite'}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


async def test_migrating_twice_changes_nothing(tmp_path: Path) -> None:
    url = url_of(tmp_path / "deep" / "er" / "a.sqlite")
    await migrate.migrate(url)
    before = shape(tmp_path / "deep" / "er" / "a.sqlite")
    await migrate.migrate(url)
    await migrate.refuse_old(url)
    assert shape(tmp_path / "deep" / "er" / "a.sqlite") == before


async def test_every_revision_can_be_taken_back(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    await migrate.migrate(url_of(path))
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        command.downgrade(migrate.config(connection), "base")
    engine.dispose()
    assert shape(path) == {}


async def test_a_migration_that_breaks_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE yeses (x)")  # in the way of the last tables
    with pytest.raises(DatabaseUnusable):
        await migrate.migrate(url_of(path))
    assert shape(path) == {"yeses": "CREATE TABLE yeses (x)"}


def test_revisions_form_one_line() -> None:
    scripts = ScriptDirectory(str(migrate.FOLDER))
    assert len(scripts.get_heads()) == 1
    assert len(scripts.get_bases()) == 1


async def test_a_server_does_not_start_on_an_older_database(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    with pytest.raises(DatabaseUnusable, match="no database yet"):
        await migrate.refuse_old(url_of(path))
    await migrate.migrate(url_of(path))
    with sqlite3.connect(path) as db:
        db.execute("UPDATE alembic_version SET version_num = '0000'")
    with pytest.raises(DatabaseUnusable, match="another version"):
        await migrate.refuse_old(url_of(path))


async def test_a_locked_database_is_said_plainly(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    await migrate.migrate(url_of(path))
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(DatabaseUnusable, match="locked by another program"):
        await migrate.refuse_old(url_of(path))
    other.execute("ROLLBACK")
    other.close()
    await migrate.refuse_old(url_of(path))


async def test_a_file_that_is_no_database_is_said_plainly(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    path.write_bytes(b"a shopping list, not a database, and long enough to be read as a header" * 40)
    with pytest.raises(DatabaseUnusable, match="not a database"):
        await migrate.refuse_old(url_of(path))


async def test_a_folder_that_is_a_file_is_said_plainly(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("in the way")
    with pytest.raises(DatabaseUnusable, match="cannot be opened"):
        await migrate.migrate(url_of(tmp_path / "var" / "a.sqlite"))


def test_a_read_only_database_has_its_sentence_and_its_code() -> None:
    # root writes through file modes, so the sentence is held against SQLite's own words
    with sqlite3.connect("file::memory:?mode=memory", uri=True) as db:
        db.execute("PRAGMA query_only = ON")
        with pytest.raises(sqlite3.OperationalError) as refused:
            db.execute("CREATE TABLE a (b)")
    assert "read-only" in migrate.sentence(refused.value)
    assert migrate.code(refused.value) == "database_read_only"
    assert "statement" not in migrate.sentence(refused.value)


async def test_postgresql_without_its_driver_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "asyncpg", None)
    with pytest.raises(DatabaseUnusable, match="pip install"):
        await migrate.migrate("postgresql+asyncpg://nobody@localhost/nothing")
