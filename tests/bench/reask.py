"""What does it cost to ask about a thousand live calls again, as when the rulebook is reloaded or the clock strikes for all?

Every call is one of two children of two families, each with quiet hours and call time, and everything is asked: the facts read
from the records, eight questions a call, two chained audit rows a call, the commit. In lots, all at once, as the hub does it.

Yardsticks of the same run: the same questions decided by the plain function of ``policy.py``, from facts that lie ready, and the
same number of chained rows written by hand with ``sqlite3`` in as many transactions.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sqlite3
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from server import facts
from server.calls import Calls
from server.db.session import Database, run_all
from server.gatekeeper import Gatekeeper
from server.policy import Verb, load
from signalling.hub import _AT_ONCE as CALLS_AT_ONCE
from tests.bench.policy import RING, plain
from tests.bench.rig import settle
from tests.village import START

_DAY = 24 * 3_600_000
NOON = START // _DAY * _DAY + _DAY // 2


async def rows(quick: bool) -> list[dict[str, Any]]:
    """The rows of ``make bench``."""
    count, rounds = (200, 3) if quick else (1_000, 7)
    with tempfile.TemporaryDirectory() as folder:
        await settle(Path(folder), count)
        db = await Database.open(f"sqlite+aiosqlite:///{Path(folder) / 'ringfence.db'}")
        try:
            await _in_calls(db, count)
            read = await _only_read(db, count, rounds)
            wall, cpu, longest = await _asked_again(db, count, rounds)
        finally:
            await db.close()
        by_hand = statistics.median(_chained_by_hand(Path(folder) / "yardstick.db", count) for _ in range(rounds))
    decided_by_hand = statistics.median(_decided_by_hand(count) for _ in range(rounds))
    decided = statistics.median(_decided(count) for _ in range(rounds))
    what = f"{count:,} live calls asked again"
    rows_by_hand = "as many chained rows by hand"
    return [
        _row(f"{what}: the decisions", decided, "ms CPU", "plain function", decided_by_hand),
        _row(f"{what}: facts and decisions", read, "ms CPU", "plain function, facts at hand", decided_by_hand),
        _row(f"{what}: facts, decisions, {2 * count:,} audit rows, commits", wall, "ms", rows_by_hand, by_hand),
        _row("... of it CPU", cpu, "ms CPU", None, None),
        _row("... the longest that the loop stood still meanwhile", longest, "ms", None, None),
    ]


async def _in_calls(db: Database, count: int) -> None:
    """Every pair is in a video call since a quarter of an hour; each child has quiet hours and two hours a day."""
    came = NOON - 15 * 60_000
    pairs = [(f"c{n}", f"{side}{n}") for n in range(count) for side in "ab"]
    async with db.begin() as tx:
        await run_all(
            tx,
            (
                "INSERT INTO limits (child_id, quiet_from, quiet_until, minutes_a_day, stage_on, set_at)"
                " VALUES (:child, 1260, 420, 120, 0, :now)",
                [{"child": child, "now": came} for _, child in pairs],
            ),
            (
                "INSERT INTO calls (id, media, state, started_at) VALUES (:call, 'video', 'live', :now)",
                [{"call": f"c{n}", "now": came} for n in range(count)],
            ),
            (
                "INSERT INTO call_people (call_id, person_id, came_at) VALUES (:call, :child, :now)",
                [{"call": call, "child": child, "now": came} for call, child in pairs],
            ),
        )


async def _only_read(db: Database, count: int, rounds: int) -> float:
    """Median CPU milliseconds of the same questions when nothing is written down."""
    keeper = Gatekeeper(load())
    found = []
    for _ in range(rounds):
        start = time.process_time()
        for lot in _lots(count):
            async with db.read() as tx:
                for gathering in await facts.around_many(tx, lot, now=NOON):
                    call = gathering.call_of_all(live=True, media="video")
                    event = gathering.all_of_a_call(call, Verb.BE_IN_CALL, _GOING_ON)
                    assert all(map(keeper.rulebook.decide, event.questions))
        found.append((time.process_time() - start) * 1e3)
    return statistics.median(found)


async def _asked_again(db: Database, count: int, rounds: int) -> tuple[float, float, float]:
    """Medians of wall and CPU milliseconds for all of them, and of the longest time in which the loop did nothing else."""
    calls = Calls(db, Gatekeeper(load()), lambda: NOON)
    walls, cpus, stood = [], [], []
    for number in range(rounds + 1):
        gaps: list[float] = []
        watch = asyncio.create_task(_watch(gaps))
        await asyncio.sleep(0)
        wall, cpu = time.perf_counter(), time.process_time()
        standings = [one for lot in await asyncio.gather(*map(calls.go_on_many, _lots(count))) for one in lot]
        walls.append((time.perf_counter() - wall) * 1e3)
        cpus.append((time.process_time() - cpu) * 1e3)
        watch.cancel()
        stood.append(max(gaps))
        assert all(len(standing.lanes) == 4 and not standing.must_leave for standing in standings)
        assert len(standings) == count
        if number == 0:  # the first time the situation is new
            walls, cpus, stood = [], [], []
    return statistics.median(walls), statistics.median(cpus), statistics.median(stood)


def _lots(count: int) -> list[list[tuple[str, tuple[str, str]]]]:
    about = [(f"c{n}", (f"a{n}", f"b{n}")) for n in range(count)]
    return [about[first : first + CALLS_AT_ONCE] for first in range(0, count, CALLS_AT_ONCE)]


async def _watch(gaps: list[float]) -> None:
    last = time.perf_counter()
    gaps.append(0.0)
    while True:
        await asyncio.sleep(0)
        now = time.perf_counter()
        gaps.append((now - last) * 1e3)
        last = now


_GOING_ON = (Verb.STAY, Verb.BE_HEARD_BY, Verb.BE_SEEN_BY)
#: for both ordered pairs stay, seen and heard; and one more for each alone
_QUESTIONS = [replace(RING, verb=verb) for verb in (Verb.STAY, *_GOING_ON)] * 2


def _decided(count: int) -> float:
    book = load()
    for question in _QUESTIONS:
        assert book.decide(question)
    start = time.process_time()
    for _ in range(count):
        for question in _QUESTIONS:
            book.decide(question)
    return (time.process_time() - start) * 1e3


def _decided_by_hand(count: int) -> float:
    start = time.process_time()
    for _ in range(count):
        for question in _QUESTIONS:
            plain(question)
    return (time.process_time() - start) * 1e3


def _chained_by_hand(file: Path, count: int) -> float:
    """Two rows a call, each hashed with the one before, in as many durable transactions as there are lots."""
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE IF NOT EXISTS audit (chain, seq, row, hash, PRIMARY KEY (chain, seq))")
    (seq,) = connection.execute("SELECT COALESCE(MAX(seq), 0) FROM audit").fetchone()
    start = time.perf_counter()
    for first in range(0, count, CALLS_AT_ONCE):
        connection.execute("BEGIN IMMEDIATE")
        for call in range(first, min(count, first + CALLS_AT_ONCE)):
            for side in "ab":
                row = json.dumps({"at": NOON, "question": "stay", "who": [f"a{call}", f"b{call}"], "verdict": "allow"})
                found = hashlib.sha256(f"{seq} {row}".encode()).digest()
                connection.execute("INSERT INTO audit VALUES (?, ?, ?, ?)", (f"{side}{call}", seq + 1, row, found))
        connection.execute("COMMIT")
    took = (time.perf_counter() - start) * 1e3
    connection.close()
    return took


def _row(name: str, value: float, unit: str, yardstick: str | None, at: float | None) -> dict[str, Any]:
    told = f"{yardstick}: {at:.3g}" if yardstick and at else None
    return {"name": name, "value": value, "unit": unit, "yardstick": told, "ratio": value / at if at else None}
