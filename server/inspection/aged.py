"""The house, some time later: a second server on a copy of a running one's records in which all the time since then has passed.

Most of what a safe account promises about time (a yes lasts a year, calls are kept for thirty days) cannot be waited for, and no server
of ours can be told another time: its clock is the machine's. So the records grow old instead. The database of a server of our own is
copied while it runs (SQLite's backup), in the copy every moment that a column keeps is moved back by the same time, and a second process
of the same program, with every guard at its default, opens it. To that process a yes of a minute ago was said a year and a minute ago.

A moment is every column of the models that holds milliseconds, and a day every column that holds an ISO date, but for the few in
``NO_MOMENT`` and the tables in ``LEFT_ALONE``: the tamper-evident record is what it was. Its rows say when something was decided, each is
hashed over the one before, and an older copy of it would be a forged one. Nothing that is decided reads it, but for one thing: time never
goes on from before its newest row, and that is now. What stands inside a text stays too: a signed list of devices has its serial, which
only has to be higher than the last.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sqlite3
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from sqlalchemy import BigInteger, Column, String

from server.db.models import metadata
from server.inspection.adapter import CouldNotSee
from server.inspection.own import FreshServer
from server.inspection.own.fresh_server import DATABASE

HOUR: Final = 3_600_000
DAY: Final = 24 * HOUR
TIDIED: Final = "retention: "  # so the line begins with which a house says that it has deleted what is over its time
TIDY_SECONDS: Final = 120.0  # a house does that a minute after it has opened

#: The tamper-evident record: whoever moves it, forges it.
LEFT_ALONE: Final = frozenset({"audit", "audit_heads", "record_log", "record_nodes", "checkpoints", "record_keys"})
#: Large numbers that are no time, by column, and why.
NO_MOMENT: Final[Mapping[str, str]] = {
    "marks.id": "the 32 random bits of a mark",
    "evidence.mark_id": "the same",
    "mark_asks.mark_id": "the same",
    "rosters.serial": "stands in the signed list too, and only has to rise",
}


def _columns(kind: type) -> tuple[tuple[str, str], ...]:
    return tuple(
        (table.name, column.name)
        for table in metadata.sorted_tables
        if table.name not in LEFT_ALONE
        for column in table.columns
        if _is(column, kind) and f"{table.name}.{column.name}" not in NO_MOMENT
    )


def _is(column: Column[object], kind: type) -> bool:
    return isinstance(column.type, kind) and (
        kind is BigInteger or getattr(column.type, "length", None) == len("2026-11-26")
    )


MOMENTS: Final = _columns(BigInteger)  #: milliseconds
DAYS: Final = _columns(String)  #: ISO dates, ten signs


def copied(data: Path, into: Path) -> None:
    """The folder of a server that may be running, as it is at one moment."""
    into.mkdir()
    with (
        contextlib.closing(sqlite3.connect(f"file:{data / DATABASE}?mode=ro", uri=True, timeout=10)) as running,
        contextlib.closing(sqlite3.connect(into / DATABASE)) as copy,
    ):
        running.backup(copy)
    for one in data.iterdir():  # the key that signs the record, too
        if one.is_file() and not one.name.startswith(DATABASE):
            shutil.copy2(one, into / one.name)


def grow_old(database: Path, ms: int) -> None:
    """Move every moment in this database back by so many milliseconds. Nobody may have it open."""
    with contextlib.closing(sqlite3.connect(database)) as db, db:
        for table, column in MOMENTS:
            db.execute(f"UPDATE {table} SET {column} = {column} - ? WHERE {column} IS NOT NULL", (ms,))  # noqa: S608 - names of our own models
        for table, column in DAYS:
            days = f"-{ms // DAY} days"
            db.execute(f"UPDATE {table} SET {column} = date({column}, ?) WHERE {column} IS NOT NULL", (days,))  # noqa: S608 - likewise


class Aged(FreshServer):
    """A server of our own on a copy of ``snapshot``, ``ms`` later. The program and what it finds around it are those of ``other``."""

    def __init__(self, other: FreshServer, snapshot: Path, ms: int) -> None:
        super().__init__(other.command, other.around)
        self.ms, self.key = ms, other.key
        self._snapshot = snapshot
        self._seen = False

    async def _furnish(self) -> None:
        def furnish() -> None:
            copied(self._snapshot, self.data)
            grow_old(self.data / DATABASE, self.ms)

        await asyncio.to_thread(furnish)

    async def move_in(self) -> None:
        """Everything but opening the doors: what whoever runs it can type on its records."""
        self._make_folder()
        self._settle()
        await self._furnish()

    async def shut(self) -> None:
        """Stop it, and keep what is on its disk."""
        await self._stop()

    async def tidied(self) -> None:
        """Wait until this house has deleted what is over its time, as each does after its first minute."""
        until = time.monotonic() + TIDY_SECONDS
        while not any(TIDIED in line for line in self.errors().splitlines()):
            if not self.alive():
                raise CouldNotSee("A server of our own on older records went away.")
            if time.monotonic() >= until:
                raise CouldNotSee("The house did not say in time that it had deleted what is over its time.")
            await asyncio.sleep(0.25)
