"""A task that is cancelled in the middle of a change takes nothing with it: not the change, not the writer's turn, not the file."""

from __future__ import annotations

import asyncio
import gc
import threading
from pathlib import Path

from sqlalchemy import text

from server.db.session import Database, rows
from tests import databases

STEPS = 60  #: moments at which it is cut, 40 µs apart: before the beginning to after the end of one change


async def change(db: Database) -> None:
    async with db.begin() as tx:
        await tx.execute(text("INSERT INTO t VALUES (1)"))
        await tx.execute(text("INSERT INTO t VALUES (2)"))
        await tx.execute(text("SELECT * FROM t"))


async def test_a_change_cut_at_any_moment_leaves_the_writer_free_and_no_half(tmp_path: Path) -> None:
    """Nothing is collected meanwhile, and every exception is kept: what still points at a thrown-away connection must not keep
    SQLite's lock alive."""
    url = databases.url(tmp_path / "cut.sqlite")
    db = await Database.open(url)
    kept: list[BaseException] = []
    gc.disable()
    try:
        async with db.begin() as tx:
            await tx.execute(text("CREATE TABLE t (a INTEGER)"))
        for step in range(STEPS):
            cut = asyncio.create_task(change(db))
            await asyncio.sleep(step * 40e-6)
            cut.cancel()
            kept += [one for one in await asyncio.gather(cut, return_exceptions=True) if one is not None]
            async with asyncio.timeout(4):  # below SQLite's own patience of 5 s
                await change(db)
        assert kept, "none was cut"
    finally:
        gc.enable()
        await db.close()
    async with asyncio.timeout(4):
        while any("_connection_worker_thread" in one.name for one in threading.enumerate()):
            await asyncio.sleep(0.01)  # a thread that stays would keep the whole process from ending
    other = await Database.open(url)
    try:
        async with asyncio.timeout(1), other.begin() as tx:  # nothing holds it any more
            ones, twos = [(await rows(tx, "SELECT count(*) FROM t WHERE a = :a", a=a))[0][0] for a in (1, 2)]
    finally:
        await other.close()
    assert ones == twos >= STEPS
