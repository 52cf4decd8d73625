"""A revocation that was committed is carried out: now, after a fault, after a crash."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from server.clock import Clock
from server.db.migrate import migrate
from server.db.models import notices
from server.db.session import Database
from server.notices import ACT_SECONDS, LATE_SECONDS, STALE_SECONDS, Follower, post
from signalling.pace import HubLimits
from tests import databases


class Ear:
    """A hub that writes down what it is told. ``deaf`` makes it fail on one kind."""

    def __init__(self) -> None:
        self.heard: list[tuple[Any, ...]] = []
        self.deaf = ""
        self.slow: dict[str, asyncio.Event] = {}  # whoever this happens to is dealt with only then

    def _note(self, *told: Any) -> None:
        if told[0] == self.deaf:
            raise RuntimeError("deaf")
        self.heard.append(told)

    async def facts_changed(self, people: Collection[str]) -> None:
        for person in people:
            if person in self.slow:
                await self.slow[person].wait()
        self._note("facts_changed", list(people))

    async def close_sessions(self, session_ids: Iterable[str], code: str) -> None:
        self._note("session_over", list(session_ids), code)

    async def tell_changed(self, people: Iterable[str], what: Sequence[str]) -> None:
        self._note("changed", list(people), list(what))

    async def end_call(self, call: str, who_name: str, *, family: Collection[str]) -> bool:
        self._note("end_call", call, who_name, list(family))
        return True


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    url = databases.url(tmp_path / "a.sqlite")
    await migrate(url)
    opened = await Database.open(url)
    yield opened
    await opened.close()


async def undone(db: Database) -> list[str]:
    async with db.read() as tx:
        return list((await tx.execute(select(notices.c.kind).where(notices.c.done_at.is_(None)))).scalars())


async def test_every_kind_reaches_the_hub_in_order(db: Database) -> None:
    ear = Ear()
    async with db.begin() as tx:
        await post(tx, "facts_changed", ["b", "a", "b"], now=1)
        await post(tx, "session_over", ["a"], now=1, sessions=["s"], code="session_revoked")
        await post(tx, "changed", ["a"], now=1, what=["people"])
        await post(tx, "end_call", ["a", "g"], now=1, call="c_1", who="Sam")
    assert await Follower(db, ear, Clock()).catch_up() == 4
    assert ear.heard == [
        ("facts_changed", ["a", "b"]),
        ("session_over", ["s"], "session_revoked"),
        ("changed", ["a"], ["people"]),
        ("end_call", "c_1", "Sam", ["a", "g"]),
    ]
    assert await undone(db) == []


async def test_a_change_that_is_rolled_back_tells_nobody(db: Database) -> None:
    ear = Ear()

    async def change() -> None:
        async with db.begin() as tx:
            await post(tx, "facts_changed", ["a"], now=1)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await change()
    assert await Follower(db, ear, Clock()).catch_up() == 0
    assert ear.heard == []


async def test_what_a_crash_cut_short_is_carried_out_at_the_next_start(db: Database) -> None:
    async with db.begin() as tx:
        await post(tx, "facts_changed", ["a"], now=1)
    # the process ends here; another one starts
    ear = Ear()
    await Follower(db, ear, Clock()).catch_up()
    assert ear.heard == [("facts_changed", ["a"])]


async def test_a_notice_that_fails_stays_is_said_and_does_not_hold_up_the_others(db: Database) -> None:
    ear = Ear()
    ear.deaf = "facts_changed"
    follower = Follower(db, ear, Clock())
    async with db.begin() as tx:
        await post(tx, "facts_changed", ["a"], now=1)
        await post(tx, "end_call", ["b"], now=1, call="c_2", who="Femi")
    assert await follower.catch_up() == 1
    assert not follower.effective
    assert ear.heard == [("end_call", "c_2", "Femi", ["b"])]
    assert await undone(db) == ["facts_changed"]
    ear.deaf = ""
    assert await follower.catch_up() == 1
    assert follower.effective
    assert ear.heard[-1] == ("facts_changed", ["a"])
    assert await undone(db) == []


async def test_an_unknown_kind_turns_the_guard_red_and_is_kept(db: Database) -> None:
    follower = Follower(db, Ear(), Clock())
    async with db.begin() as tx:
        await post(tx, "a_kind_of_next_year", ["a"], now=1)  # type: ignore[arg-type]  # a newer version may have written it
    assert await follower.catch_up() == 0
    assert not follower.effective
    assert await undone(db) == ["a_kind_of_next_year"]


async def test_hundreds_are_followed_in_one_go(db: Database) -> None:
    ear = Ear()
    async with db.begin() as tx:
        for number in range(200):
            await post(tx, "facts_changed", [f"p{number:03}"], now=1)
    assert await Follower(db, ear, Clock()).catch_up() == 200
    assert [one[1][0] for one in ear.heard] == [f"p{number:03}" for number in range(200)]


async def stopped(task: asyncio.Task[None]) -> None:
    """Cancelled, and over: a database that is closed under a task that still gives its connection back waits for ever."""
    task.cancel()
    await asyncio.wait([task])


async def test_waking_is_enough_and_forgetting_to_wake_only_costs_a_moment(db: Database) -> None:
    ear = Ear()
    follower = Follower(db, ear, Clock())
    running = asyncio.create_task(follower.run())
    try:
        for number, wakes in enumerate((True, False)):
            async with db.begin() as tx:
                await post(tx, "facts_changed", [str(number)], now=1)
            if wakes:
                follower.wake()
            async with asyncio.timeout(30):
                while len(ear.heard) <= number:
                    await asyncio.sleep(0.01)
    finally:
        await stopped(running)
    assert ear.heard == [("facts_changed", ["0"]), ("facts_changed", ["1"])]


async def test_the_follower_outlives_a_database_that_is_away(db: Database, tmp_path: Path) -> None:
    follower = Follower(db, Ear(), Clock())
    async with db.begin() as tx:
        await post(tx, "changed", ["a"], now=1, what=["people"])
        await tx.exec_driver_sql("ALTER TABLE notices RENAME TO hidden")
    assert await follower.catch_up() == 0
    assert not follower.effective
    async with db.begin() as tx:
        await tx.exec_driver_sql("ALTER TABLE hidden RENAME TO notices")
    assert await follower.catch_up() == 1
    assert follower.effective


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not true():
            await asyncio.sleep(0.01)


async def test_one_slow_family_holds_up_nobody_else_and_keeps_its_own_order(db: Database) -> None:
    ear = Ear()
    ear.slow["a"] = asyncio.Event()
    follower = Follower(db, ear, Clock())
    running = asyncio.create_task(follower.run())
    try:
        async with db.begin() as tx:
            await post(tx, "facts_changed", ["a"], now=1)
            await post(tx, "changed", ["a", "b"], now=1, what=["people"])
            await post(tx, "facts_changed", ["c"], now=1)
        follower.wake()
        await until(lambda: ("facts_changed", ["c"]) in ear.heard)
        async with db.begin() as tx:  # also one that comes while the slow one is under way
            await post(tx, "facts_changed", ["d"], now=1)
        follower.wake()
        await until(lambda: ("facts_changed", ["d"]) in ear.heard)
        assert ear.heard == [("facts_changed", ["c"]), ("facts_changed", ["d"])]
        ear.slow["a"].set()
        await until(lambda: len(ear.heard) == 4)
        assert ear.heard[2:] == [("facts_changed", ["a"]), ("changed", ["a", "b"], ["people"])]
        await follower.catch_up()
        assert await undone(db) == []
    finally:
        await stopped(running)


def test_the_follower_waits_longer_than_the_hub_does() -> None:
    assert HubLimits().ask_seconds < ACT_SECONDS


async def test_the_guard_turns_red_when_a_notice_has_waited_too_long(db: Database) -> None:
    clock = Clock()
    follower = Follower(db, Ear(), clock)
    async with db.begin() as tx:
        await post(tx, "facts_changed", ["a"], now=clock.now())
    assert await follower.on_time()
    async with db.begin() as tx:
        await tx.execute(update(notices).values(created_at=clock.now() - int(LATE_SECONDS * 1000) - 1))
    assert not await follower.on_time()
    await follower.catch_up()
    assert await follower.on_time()


async def test_the_guard_turns_red_when_nobody_looks_any_more(db: Database) -> None:
    seconds = [0.0]
    follower = Follower(db, Ear(), Clock(), lambda: seconds[0])
    await follower.catch_up()
    seconds[0] += STALE_SECONDS
    assert await follower.on_time()
    seconds[0] += 1
    assert not await follower.on_time()
    await follower.catch_up()
    assert await follower.on_time()


async def test_the_guard_turns_red_when_the_follower_has_ended(db: Database) -> None:
    follower = Follower(db, Ear(), Clock())
    running = asyncio.create_task(follower.run())
    await asyncio.sleep(0)
    assert await follower.on_time()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not await follower.on_time()
