"""The rules can change while the house is open: all of them together or none, and everything that is live is asked about again."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from server import audit
from server.db.session import Database
from server.gatekeeper import RELOAD, Gatekeeper
from server.policy import BrokenRulebook, Rulebook
from server.policy.bands import bands_in_force
from tests.integration.test_app_process import running
from tests.living import Living, book, living
from tests.peers import Browserless
from tests.village import own

YOUNG_CHILDREN_DO_NOT_CALL = """
@id("for-a-test")
@child("Not today.")
@grown_up("For a test.")
@cites("row 19")
@code("not_permitted")
forbid (principal, action in Action::"InCall", resource)
when { principal.band == "0-12" };
"""
TWO_IN_A_CALL = ("""[bands."0-12".people_in_a_call]\nvalue = 8""", """[bands."0-12".people_in_a_call]\nvalue = 2""")

EIGHTY_IN_A_CALL = (TWO_IN_A_CALL[0], TWO_IN_A_CALL[0] + "0")


@asynccontextmanager
async def open_calls(folder: Path) -> AsyncIterator[tuple[Living, str, str]]:
    """Maya with Theo, who are nine; Kit with Zoe, who are thirteen."""
    async with living(folder) as here:
        await here.village.do("UPDATE children SET age_group = '13-15' WHERE person_id IN ('kit', 'zoe')")
        yield here, await here.call("maya", "theo"), await here.call("kit", "zoe")


async def reload(here: Living, load: Any) -> bool:
    """What SIGHUP does (server/app.py)."""
    changed = await here.village.keeper.reload(here.village.db, here.village.now, load)
    if changed:
        await here.hub.everybody_again()
        await here.settled()
    return changed


async def platform_rows(here: Living) -> list[tuple[str, str, list[str], str]]:
    found = await here.village.do(
        "SELECT question, verdict, rules, rulebook FROM audit WHERE chain = 'platform' AND question = :q ORDER BY seq",
        q=RELOAD,
    )
    return [(row[0], row[1], json.loads(row[2]), row[3]) for row in found]


async def test_a_rule_that_is_new_cuts_the_calls_that_it_concerns_and_no_other(tmp_path: Path) -> None:
    async with open_calls(tmp_path) as (here, young, old):
        before = here.village.keeper.rulebook.version
        assert await reload(here, lambda: book(more=YOUNG_CHILDREN_DO_NOT_CALL))
        assert here.seeing(young) == set()
        assert (here.code("maya"), here.code("theo")) == (("policy_revoked", False), ("policy_revoked", False))
        assert len(here.seeing(old)) == 4
        assert here.code("kit") is None
        now = here.village.keeper.rulebook.version
        assert now != before
        assert await platform_rows(here) == [(RELOAD, "allow", [before, now], now)]
        refused = await here.village.do(
            f"SELECT question, rulebook FROM audit WHERE chain = '{own('maya')}' AND verdict = 'deny'"
        )
        assert [tuple(row) for row in refused] == [("stay", now)], "a decision carries the version that made it"
        assert await audit.verify(here.village.db) == []


async def test_a_change_of_nothing_but_the_bands_is_a_change_too(tmp_path: Path) -> None:
    async with living(tmp_path) as here:
        await here.village.contact("maya", "ada")
        three, two = await here.call("theo", "maya", "ada"), await here.call("kit", "zoe")
        assert await reload(here, lambda: book(bands=TWO_IN_A_CALL))
        assert bands_in_force() is here.village.keeper.rulebook.bands
        assert len({person for lane in here.seeing(three) for person in lane[:2]}) in (0, 2)
        assert len(here.seeing(two)) == 4


@pytest.mark.parametrize(
    ("load", "told"),
    [
        (lambda: book(more="\npermit (nobody at all);"), "safe_account.cedar"),
        (lambda: book(bands=EIGHTY_IN_A_CALL), "bands.toml:36:"),
        (lambda: Path("/nowhere").read_text(), "it cannot be read (FileNotFoundError)"),
    ],
    ids=["a rule", "a band", "no file"],
)  # fmt: skip
async def test_a_rulebook_that_does_not_hold_is_not_taken_and_the_log_says_where(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, load: Any, told: str
) -> None:
    async with open_calls(tmp_path) as (here, young, old):
        keeper = here.village.keeper
        before, bands = keeper.rulebook, bands_in_force()
        with caplog.at_level(logging.ERROR, "server.gatekeeper"):
            assert not await reload(here, load)
        assert told in caplog.text
        assert before.version in caplog.text
        assert keeper.rulebook is before
        assert bands_in_force() is bands
        assert (len(here.seeing(young)), len(here.seeing(old))) == (4, 4)
        assert await platform_rows(here) == [(RELOAD, "deny", [before.version], before.version)]


async def test_the_same_rules_again_are_no_change(tmp_path: Path) -> None:
    async with open_calls(tmp_path) as (here, young, _):
        mark = len(here.log)
        assert not await reload(here, book)
        assert len(here.seeing(young)) == 4
        assert here.log[mark:] == []
        assert await platform_rows(here) == []


async def test_rules_that_could_not_be_written_down_are_not_in_force(tmp_path: Path) -> None:
    class Full:
        """A disk that is full."""

        def begin(self) -> Any:
            raise OSError("no space left")

    async with living(tmp_path) as here:
        keeper, bands = here.village.keeper, bands_in_force()
        before = keeper.rulebook
        with pytest.raises(OSError, match="no space"):
            await keeper.reload(cast(Database, Full()), here.village.now, lambda: book(bands=TWO_IN_A_CALL))
        assert (keeper.rulebook, bands_in_force()) == (before, bands)


async def test_no_question_is_built_by_one_book_and_decided_by_another(tmp_path: Path) -> None:
    """A question holds the turn of the one writer from its facts to its answer; the rules change between two turns."""
    async with living(tmp_path) as here:
        keeper = here.village.keeper
        before, bands = keeper.rulebook, bands_in_force()
        async with here.village.db.begin():
            changing = asyncio.create_task(
                keeper.reload(here.village.db, here.village.now, lambda: book(bands=TWO_IN_A_CALL))
            )
            await asyncio.sleep(0.5)  # far longer than reading the files takes
            assert (keeper.rulebook, bands_in_force()) == (before, bands)
            assert not changing.done()
        assert await changing
        assert keeper.rulebook is not before
        assert bands_in_force() is keeper.rulebook.bands


async def test_two_reloads_come_one_after_the_other(tmp_path: Path) -> None:
    async with living(tmp_path) as here:
        keeper, books = here.village.keeper, [book(more=YOUNG_CHILDREN_DO_NOT_CALL), book(bands=TWO_IN_A_CALL)]
        at = here.village.now
        assert all(
            await asyncio.gather(*(keeper.reload(here.village.db, at, lambda one=one: one) for one in books))  # type: ignore[misc]
        )
        assert keeper.rulebook is books[-1]
        rows = await platform_rows(here)
        assert rows[0][3] == rows[1][2][0], "the second began where the first had come to"


def test_a_house_begins_with_the_bands_of_its_own_book() -> None:
    strict = book(bands=TWO_IN_A_CALL)
    assert Gatekeeper(strict).rulebook.bands is bands_in_force()
    assert Gatekeeper(book()).rulebook.bands is bands_in_force()
    assert bands_in_force().terms("GB", "0-12").room == 8


def test_what_a_broken_book_raises_is_what_reload_expects() -> None:
    with pytest.raises(BrokenRulebook):
        Rulebook("permit (", "", "")


async def test_a_running_house_reads_its_rules_anew_when_it_is_told_to(tmp_path: Path) -> None:
    async with running(tmp_path, "demo", "--port", "0", RINGFENCE_LOG_LEVEL="info") as (process, base):
        assert process.stdout is not None
        process.send_signal(signal.SIGHUP)
        async with asyncio.timeout(30):
            while b"the rulebook is the same as before" not in await process.stdout.readline():
                assert process.returncode is None
        maya = Browserless(f"http://maya.localhost:{base.rpartition(':')[2]}")
        try:
            assert (await maya.post("/api/demo/enter", {"slug": "maya"})) == {"go": "/child/"}
        finally:
            await maya.close()
