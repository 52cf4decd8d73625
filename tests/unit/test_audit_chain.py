"""What happens to the audit record does not go unnoticed: altered, cut, put in, swapped, at any place."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from server import audit
from server.audit import Entry, Finding
from server.db.session import Database, rows
from tests import databases

CHAINS = ("h_sam", "h_femi", audit.PLATFORM)
LENGTH = 12


def entry(number: int) -> Entry:
    verdict = "allow" if number % 3 else "deny"
    return Entry(1_000 + number, "ring", ("p-maya", "p-theo"), verdict, ("not-approved-contact",), "2026-11-22+abc")  # type: ignore[arg-type]  # one of the two


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    opened = await Database.open(await databases.with_tables(tmp_path / "audit.db"))
    async with opened.begin() as tx:
        for number in range(LENGTH):
            await audit.append(tx, CHAINS, entry(number))
    yield opened
    await opened.close()


async def tamper(db: Database, sql: str, **params: object) -> list[Finding]:
    async with db.begin() as tx:
        await rows(tx, sql, **params)
    return await audit.verify(db)


async def test_an_untouched_record_is_whole(db: Database) -> None:
    assert await audit.verify(db) == []
    async with db.read() as tx:
        assert {chain: seq for chain, (seq, _) in (await audit.heads(tx)).items()} == dict.fromkeys(CHAINS, LENGTH)


@pytest.mark.parametrize("seq", [1, 2, 7, LENGTH])
@pytest.mark.parametrize(
    "change",
    [
        "verdict = 'allow', rules = '[]'",
        "at = at + 1",
        "who = '[]'",
        "question = 'help'",
        "rulebook = 'another'",
        "rules = ' ' || rules",
        "salt = previous",
    ],
)
async def test_an_altered_row_is_found_where_it_is(db: Database, seq: int, change: str) -> None:
    found = await tamper(db, f"UPDATE audit SET {change} WHERE chain = 'h_femi' AND seq = :seq", seq=seq)
    assert found == [Finding("h_femi", seq, "altered")]


@pytest.mark.parametrize("seq", [1, 5, LENGTH])
async def test_a_row_that_was_cut_out_is_missed(db: Database, seq: int) -> None:
    found = await tamper(db, "DELETE FROM audit WHERE chain = 'h_sam' AND seq = :seq", seq=seq)
    assert Finding("h_sam", seq, "missing") in found
    assert {one.chain for one in found} == {"h_sam"}


@pytest.mark.parametrize("seq", [1, 6, LENGTH])
async def test_a_cut_end_is_missed(db: Database, seq: int) -> None:
    found = await tamper(db, "DELETE FROM audit WHERE chain = 'platform' AND seq >= :seq", seq=seq)
    assert found == [Finding("platform", seq, "missing")]


async def test_a_whole_chain_that_is_gone_is_missed(db: Database) -> None:
    assert await tamper(db, "DELETE FROM audit WHERE chain = 'h_sam'") == [Finding("h_sam", 1, "missing")]


async def test_two_rows_that_changed_places_are_found(db: Database) -> None:
    async with db.begin() as tx:
        for old, new in ((4, 900), (5, 4), (900, 5)):
            await rows(tx, "UPDATE audit SET seq = :new WHERE chain = 'h_sam' AND seq = :old", old=old, new=new)
    found = await audit.verify(db)
    assert {(one.seq, one.what) for one in found} >= {(4, "altered"), (4, "out_of_order"), (5, "altered")}


async def test_a_row_put_in_at_the_end_is_extra_even_if_it_is_well_made(db: Database) -> None:
    async with db.begin() as tx:
        before = await audit.heads(tx)
        await audit.append(tx, ("h_sam",), entry(99))
        await rows(
            tx, "UPDATE audit_heads SET seq = :s, hash = :h WHERE chain = 'h_sam'", s=LENGTH, h=before["h_sam"][1]
        )
    assert await audit.verify(db) == [Finding("h_sam", LENGTH + 1, "extra")]


async def test_a_row_put_in_between_is_found(db: Database) -> None:
    async with db.begin() as tx:
        await rows(tx, "UPDATE audit SET seq = seq + 100 WHERE chain = 'h_sam' AND seq > 6")
        await rows(
            tx,
            "INSERT INTO audit SELECT chain, 7, at, question, who, verdict, rules, rulebook, previous, hash, salt FROM audit"
            " WHERE chain = 'h_sam' AND seq = 6",
        )
        await rows(tx, "UPDATE audit SET seq = seq - 99 WHERE chain = 'h_sam' AND seq > 100")
    assert Finding("h_sam", 7, "altered") in await audit.verify(db)


async def test_a_head_that_was_moved_is_found(db: Database) -> None:
    found = await tamper(db, "UPDATE audit_heads SET hash = :h WHERE chain = 'h_sam'", h=bytes(32))
    assert found == [Finding("h_sam", LENGTH, "altered")]


async def test_a_record_rewritten_from_the_start_is_found_by_heads_kept_elsewhere(db: Database) -> None:
    """Who may write the whole database can make a chain anew; what was copied out of their reach still shows it."""
    async with db.read() as tx:
        kept = await audit.heads(tx)
    async with db.begin() as tx:
        await rows(tx, "DELETE FROM audit WHERE chain = 'h_sam'")
        await rows(tx, "DELETE FROM audit_heads WHERE chain = 'h_sam'")
        for number in range(LENGTH + 3):
            await audit.append(tx, ("h_sam",), entry(number + 1))
    assert await audit.verify(db) == []
    assert await audit.verify(db, kept) == [Finding("h_sam", LENGTH, "altered")]
    async with db.begin() as tx:
        await rows(tx, "DELETE FROM audit WHERE chain = 'h_sam'")
        await rows(tx, "DELETE FROM audit_heads WHERE chain = 'h_sam'")
    assert await audit.verify(db, kept) == [Finding("h_sam", LENGTH, "missing")]


async def test_a_chain_goes_on_after_the_heads_were_copied(db: Database) -> None:
    async with db.begin() as tx:
        kept = await audit.heads(tx)
        await audit.append(tx, CHAINS, entry(50))
    assert await audit.verify(db, kept) == []


async def test_a_record_longer_than_a_page_is_walked_to_its_end(db: Database) -> None:
    async with db.begin() as tx:
        for number in range(1_100):
            await audit.append(tx, ("h_sam",), entry(number))
    assert await audit.verify(db) == []
    found = await tamper(db, "UPDATE audit SET at = 1 WHERE chain = 'h_sam' AND seq = 1050")
    assert found == [Finding("h_sam", 1_050, "altered")]


async def test_the_newest_time_is_the_newest_row(db: Database) -> None:
    assert await audit.newest(db) == 1_000 + LENGTH - 1
