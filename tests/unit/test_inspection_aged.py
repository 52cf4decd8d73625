"""A house that grows old: every moment in it is moved, nothing else is, and a column or a table that is new is noticed."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from functools import cache
from pathlib import Path

from sqlalchemy import BigInteger, create_engine

from server import retention
from server.db.models import metadata
from server.inspection.aged import DAY, DAYS, LEFT_ALONE, MOMENTS, NO_MOMENT, copied, grow_old
from server.inspection.own.fresh_server import DATABASE
from server.inspection.scenarios.later import GOES, STAYS

#: How the names of columns end that are moments. Of one with another name say here that it is, or in NO_MOMENT why not.
NAMES = ("at", "until", "since", "decide_by", "look_by")


def house(folder: Path) -> Path:
    """Its database, with every table and nothing in it."""
    folder.mkdir()
    (folder / DATABASE).write_bytes(empty())
    return folder / DATABASE


@cache
def empty() -> bytes:
    engine = create_engine("sqlite://")
    metadata.create_all(engine)
    with engine.connect() as one:
        raw = one.connection.dbapi_connection
        assert isinstance(raw, sqlite3.Connection)
        return raw.serialize()


def test_every_large_number_of_the_models_is_a_moment_or_is_said_not_to_be_one() -> None:
    large = {
        f"{table.name}.{column.name}"
        for table in metadata.sorted_tables
        if table.name not in LEFT_ALONE
        for column in table.columns
        if isinstance(column.type, BigInteger)
    }
    moved = {".".join(one) for one in MOMENTS}
    assert moved | set(NO_MOMENT) == large
    assert not moved & set(NO_MOMENT)
    assert [one for one in moved if not one.endswith(NAMES)] == []
    assert metadata.tables.keys() >= LEFT_ALONE
    assert {table for table, _ in DAYS} == {"devices", "sessions"}


def test_moments_and_days_are_moved_back_and_the_record_stays(tmp_path: Path) -> None:
    file = house(tmp_path / "data")
    with closing(sqlite3.connect(file)) as db, db:
        db.execute("INSERT INTO households VALUES ('h', 'GB', 'Europe/London', ?)", (40 * DAY,))
        db.execute("INSERT INTO marks VALUES (4294967295, 'c', 's', 'r', 0, ?, 'issued', NULL, NULL)", (40 * DAY,))
        db.execute("INSERT INTO devices VALUES ('d', 'p', 'Firefox', ?, '2026-03-01', NULL)", (40 * DAY,))
        db.execute(
            "INSERT INTO audit VALUES ('platform', 1, ?, 'ring', '[]', 'allow', '[]', 'v', x'00', x'00', x'00')",
            (40 * DAY,),
        )
    copied(tmp_path / "data", tmp_path / "copy")
    grow_old(tmp_path / "copy" / DATABASE, 31 * DAY + 5)

    def read(folder: str, sql: str) -> list[object]:
        with closing(sqlite3.connect(tmp_path / folder / DATABASE)) as db:
            return list(db.execute(sql))

    assert read("copy", "SELECT created_at FROM households") == [(9 * DAY - 5,)]
    assert read("copy", "SELECT id, issued_at, told_at FROM marks") == [(4294967295, 9 * DAY - 5, None)]
    assert read("copy", "SELECT paired_at, last_used_on FROM devices") == [(9 * DAY - 5, "2026-01-29")]
    assert read("copy", "SELECT at FROM audit") == [(40 * DAY,)]
    assert read("data", "SELECT created_at FROM households") == [(40 * DAY,)], "of which it is a copy"


def test_a_copy_is_whole_while_somebody_writes_and_has_the_keys_beside_it(tmp_path: Path) -> None:
    file = house(tmp_path / "data")
    (tmp_path / "data" / "record.key").write_text("key")
    (tmp_path / "data" / "inspections").mkdir()
    with closing(sqlite3.connect(file)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("INSERT INTO households VALUES ('h', 'GB', 'Europe/London', 1)")
        db.commit()
        db.execute("INSERT INTO households VALUES ('i', 'GB', 'Europe/London', 2)")  # not committed
        copied(tmp_path / "data", tmp_path / "copy")
    assert {one.name for one in (tmp_path / "copy").iterdir()} == {DATABASE, "record.key"}
    with closing(sqlite3.connect(tmp_path / "copy" / DATABASE)) as db:
        assert list(db.execute("SELECT id FROM households")) == [("h",)]


def test_the_story_of_what_goes_knows_every_table_on_the_list_of_what_goes() -> None:
    assert {table for table, *_ in GOES} == {table.name for table, _ in retention.over(0)}
    assert all(there < gone for *_, there, gone in GOES)
    assert {table for table, _ in STAYS} <= metadata.tables.keys()
