"""What somebody would do who knows how the record is checked: entries of the log that look in order, a checkpoint that is taken out again,
values of a kind that nobody expects, files that are made to mislead who reads them on a terminal. Each is found, by every reader.
"""

from __future__ import annotations

import asyncio
import copy
import json
import sqlite3
import subprocess
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from server import audit, checkpoints, cli, notes, record, tree
from server.audit import APART, START, hash_of
from server.checkpoints import Checkpoint, Head
from server.db.session import Database
from server.notes import Signer
from server.record_check import Check, check_lines
from tests.record_tables import Made, Tables, blind, findings, made, of_chain, rules_of
from tests.unit.test_record_page import Story, ask, names

NODE = Path(__file__).parents[1] / "conformance" / "verify_record.mjs"
HOUR = 3_600_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("record")


@pytest.fixture(scope="module")
def whole(folder: Path) -> Made:
    return asyncio.run(made(folder))


@pytest.fixture
def key(folder: Path, whole: Made) -> Signer:
    """Whoever may write the tables needs no key: the server signs what is in them, in its time."""
    return notes.kept(folder / "record.key")


def said(note: str) -> Checkpoint:
    found = checkpoints.read(notes.text_of(note.encode()))
    assert found is not None
    return found


def signed(tables: Tables, key: Signer, after: int) -> None:
    """The next checkpoint, so many milliseconds after the newest one."""
    growing = tree.Growing()
    for head in tables.log:
        for _ in growing.append(tree.leaf(head.line)):
            pass
    text = Checkpoint(key.name, growing.size, growing.root, said(tables.notes[-1]).at + after).text
    tables.notes.append(notes.signed(text, key).decode())


def found_in(lines: list[str], whole: Made, kept: Sequence[str] = ()) -> list[tuple[str, int, str]]:
    """What is found in an export, here and in Node."""
    reader = whole.reader
    told = [(one.where, one.number, one.what) for one in check_lines(lines, trusted=reader.trusted, kept=kept)[1]]
    asked = json.dumps({"lines": lines, "kept": list(kept), "key": reader.trusted.line}) + "\n"
    run = subprocess.run(["node", NODE, "--batch"], input=asked, capture_output=True, text=True, timeout=60, check=True)
    assert [(one["where"], one["number"], one["what"]) for one in json.loads(run.stdout)] == told
    return told


def found_by_all(tables: Tables, whole: Made, kept: Sequence[str] = ()) -> list[tuple[str, int, str]]:
    """What is found where it is kept; the same in an export, but for a time that its hour alone does not show to be wrong."""
    here = [(one.where, one.number, one.what) for one in findings(tables, replace(whole.reader, kept=tuple(kept)))]
    there = found_in(blind(tables), whole, kept)
    assert set(there) <= set(here)
    assert {what for _, _, what in set(here) - set(there)} <= {"back_dated", "post_dated"}
    return here


@pytest.mark.parametrize("which", ["the same number, another hash", "an earlier end", "no end at all"])
def test_two_ends_of_one_chain_in_the_log_are_a_fork_even_if_the_rows_bear_one_of_them_out(
    whole: Made, key: Signer, which: str
) -> None:
    """A family is shown its chain up to the newest entry: so it could be shown other rows than the inspector, or fewer."""
    tables = copy.deepcopy(whole.tables)
    its = of_chain(tables, "h_sam")
    ends = {
        "the same number, another hash": Head("h_sam", len(its), bytes(range(32))),
        "an earlier end": Head("h_sam", len(its) - 1, its[-2].hash),
        "no end at all": Head("h_sam", 0, START),
    }
    place = len(tables.log)
    tables.log.append(ends[which])
    signed(tables, key, HOUR)
    assert ("(log)", place, "forked") in found_by_all(tables, whole)
    tables.log[-1] = Head("h_new", 1, bytes(32))  # of a chain that was not in it: no fork, whatever else it is
    tables.notes.pop()
    signed(tables, key, HOUR)
    assert "forked" not in {what for _, _, what in found_by_all(tables, whole)}


@pytest.mark.parametrize("covered", [False, True])
def test_a_row_dated_before_a_checkpoint_that_somebody_kept_is_found_though_the_record_has_it_no_more(
    whole: Made, key: Signer, covered: bool
) -> None:
    tables = copy.deepcopy(whole.tables)
    signed(tables, key, 10 * HOUR)
    kept = tables.notes.pop()
    end = of_chain(tables, "h_sam")[-1]
    row = replace(end, seq=end.seq + 1, at=said(kept).at - 5 * HOUR, previous=end.hash, salt=bytes(64))
    row = replace(row, hash=hash_of(row.previous, row.digest))
    tables.rows.append(row)
    tables.heads["h_sam"] = row.seq, row.hash
    if covered:
        tables.log.append(Head("h_sam", row.seq, row.hash))
        signed(tables, key, 11 * HOUR)
    assert found_by_all(tables, whole, [kept]) == [("h_sam", row.seq, "back_dated")]
    assert found_by_all(tables, whole) == []  # without it nobody can know


async def test_the_browser_finds_it_too(tmp_path: Path) -> None:
    story = await Story(tmp_path / "a").open()
    try:
        first = (await ask(tmp_path, await (await story.live()).told()))[0]
        story.now += 10 * HOUR
        note = said(first["keep"]["note"])
        later = replace(note, at=story.now)  # was given out, and is in the record no more
        kept = first["keep"] | {"note": notes.signed(later.text, notes.kept(tmp_path / "a" / "record.key")).decode()}
        story.now -= 5 * HOUR
        await story.live()
        story.now += 10 * HOUR
        await checkpoints.take(story.db, story.settings, lambda: story.now)
        fresh, held = await ask(tmp_path, await story.told(), await story.told(kept))
        assert (fresh["found"], names(held)) == ([], {"back_dated"})
    finally:
        await story.db.close()


# == the chain apart, and hours ================================================================================================


def numbered(lines: list[str]) -> list[str]:
    """Its last line says how many there are."""
    return [*lines[:-1], json.dumps({"is": "end", "lines": len(lines)})]


def parted(lines: list[str]) -> tuple[list[str], list[str], list[str]]:
    """What stands before the chain apart, it, and what stands after it."""
    first = next(place for place, line in enumerate(lines) if json.loads(line)["is"] == "chain")
    last = next(place for place, line in enumerate(lines) if json.loads(line)["is"] == "head") + 1
    assert json.loads(lines[first])["chain"] == APART
    return lines[:first], lines[first:last], lines[last:]


def test_an_export_without_the_chain_apart_or_with_it_where_it_would_not_be_heard_or_not_open_is_no_sound_one(
    whole: Made,
) -> None:
    lines = blind(whole.tables)
    before, apart, after = parted(lines)
    assert found_in(numbered([*before, *apart, *after]), whole) == []
    assert (APART, 1, "missing") in found_in(numbered([*before, *after]), whole)
    late = numbered([*before, *after[:-1], *apart, after[-1]])
    place = len(before) + len(after)
    assert found_in(late, whole) == [("(file)", place, "unreadable")]
    rows_apart = of_chain(whole.tables, APART)
    closed = [apart[0], *(json.dumps(record.blind_row(row)) for row in rows_apart), apart[-1]]
    assert found_in(numbered([*before, *closed, *after]), whole) == [("(file)", len(before) + 2, "unreadable")]


def tell(tables: Tables, head: Head, key: Signer) -> int:
    """The chain apart says so next, and it is signed. The number of its row."""
    end = of_chain(tables, APART)[-1]
    row = replace(end, seq=end.seq + 1, rules=rules_of(head), previous=end.hash, salt=bytes(64))
    row = replace(row, hash=hash_of(row.previous, row.digest))
    tables.rows.append(row)
    tables.heads[APART] = row.seq, row.hash
    tables.log.append(Head(APART, row.seq, row.hash))
    signed(tables, key, 60_000)
    return row.seq


def test_two_ends_of_one_chain_told_apart_are_a_fork_and_a_chain_that_is_told_of_must_be_there(
    whole: Made, key: Signer
) -> None:
    tables = copy.deepcopy(whole.tables)
    child = of_chain(tables, "o_maya")[-1]

    number = tell(tables, Head("o_maya", child.seq, bytes(range(32))), key)
    assert (APART, number, "forked") in found_by_all(tables, whole)
    tables = copy.deepcopy(whole.tables)
    tell(tables, Head("o_theo", 1, bytes(range(32))), key)
    assert found_by_all(tables, whole) == [("o_theo", 1, "missing")]


@pytest.mark.parametrize(("chain", "found"), [("h_sam", "back_dated"), ("o_maya", "")])
def test_rows_that_are_kept_from_their_family_are_not_vouched_for_by_the_chain_apart(
    whole: Made, key: Signer, chain: str, found: str
) -> None:
    """A family is shown its chain as far as the log names it. The control is a child's own, which nobody is shown."""
    tables = copy.deepcopy(whole.tables)
    end = of_chain(tables, chain)[-1]
    row = replace(end, seq=end.seq + 1, at=said(tables.notes[-1]).at, previous=end.hash, salt=bytes(64))
    row = replace(row, hash=hash_of(row.previous, row.digest))
    tables.rows.append(row)
    tables.heads[chain] = row.seq, row.hash
    tell(tables, Head(chain, row.seq, row.hash), key)
    signed(tables, key, 2 * HOUR)
    assert found_by_all(tables, whole) == ([(chain, row.seq, found)] if found else [])


def test_an_end_that_is_told_apart_and_not_signed_yet_is_not_believed(whole: Made) -> None:
    tables = copy.deepcopy(whole.tables)
    end = of_chain(tables, APART)[-1]
    row = replace(end, seq=end.seq + 1, rules=rules_of(Head("o_theo", 1, bytes(32))), previous=end.hash, salt=bytes(64))
    row = replace(row, hash=hash_of(row.previous, row.digest))
    tables.rows.append(row)
    tables.heads[APART] = row.seq, row.hash
    assert found_by_all(tables, whole) == []


def test_an_hour_that_is_not_the_one_of_the_row_is_found_in_an_export_and_in_an_open_row(whole: Made) -> None:
    lines = blind(whole.tables)
    place = next(place for place, line in enumerate(lines) if "hour" in json.loads(line))
    row = json.loads(lines[place])
    other = [*lines[:place], json.dumps(row | {"hour": row["hour"] + 1}), *lines[place + 1 :]]
    assert [what for _, _, what in found_in(other, whole)] == ["altered"]
    # hashed with another hour than its time has: nobody sees it who sees the hour alone, and everybody who sees the time
    tables = copy.deepcopy(whole.tables)
    end = of_chain(tables, "o_maya")[-1]
    salt = bytes(64)
    stamp = audit.hour_stamp_of(salt[:16], end.at // HOUR, audit.moment_of(salt[16:32], end.at - 5 * HOUR))
    false = replace(end, seq=end.seq + 1, at=end.at - 5 * HOUR, previous=end.hash, salt=salt)
    false = replace(false, hash=hash_of(false.previous, audit.digest_of(stamp, false.rest)))
    tables.rows.append(false)
    assert ("o_maya", false.seq, "altered") in [
        (one.where, one.number, one.what) for one in findings(tables, whole.reader)
    ]


OTHER_KINDS = (
    "UPDATE audit SET question = x'00' WHERE rowid = 3",
    "UPDATE audit SET rules = x'00' WHERE rowid = 3",
    "UPDATE audit SET at = x'31' WHERE rowid = 3",
    "UPDATE audit SET seq = x'31' WHERE rowid = 3",
    "UPDATE audit SET chain = x'ff' WHERE rowid = 3",
    "UPDATE audit SET salt = 'abc' WHERE rowid = 3",
    "UPDATE audit_heads SET seq = 'x' WHERE rowid = 1",
    "UPDATE audit_heads SET hash = 12 WHERE rowid = 1",
    "UPDATE record_log SET seq = 'x' WHERE rowid = 2",
    "UPDATE record_log SET hash = 'x' WHERE rowid = 2",
    "UPDATE record_log SET chain = x'ff' WHERE rowid = 2",
    "UPDATE checkpoints SET note = x'ff' WHERE rowid = 2",
    "UPDATE record_keys SET since = 'x' WHERE rowid = 1",
    "UPDATE record_keys SET key = x'00' WHERE rowid = 2",
    "UPDATE record_keys SET hand_over = x'00' WHERE rowid = 2",
)


@pytest.mark.sqlite  # the other database takes no value of another kind: test_postgresql.py
@pytest.mark.parametrize("change", OTHER_KINDS)
async def test_a_value_of_a_kind_that_was_never_written_is_found_and_stops_no_check_and_no_export(
    tmp_path: Path, change: str
) -> None:
    await made(tmp_path)
    tables = sqlite3.connect(tmp_path / "record.sqlite")
    tables.execute(change)
    tables.commit()
    tables.close()
    db = await Database.open(f"sqlite+aiosqlite:///{tmp_path / 'record.sqlite'}")
    try:
        assert (await record.check(db))[1] != []
        assert check_lines([line async for line in record.blind_export(db)])[1] != []
    finally:
        await db.close()


def lines_of(*its: dict[str, Any]) -> list[str]:
    whole = [{"is": "record", "format": "ringfence-record/1", "kind": "family", "origin": ""}, *its]
    return [json.dumps(one) for one in [*whole, {"is": "end", "lines": len(whole) + 1}]]


def test_what_cannot_be_written_down_at_all_is_a_broken_hand_over_and_no_crash() -> None:
    first, second = (notes.new_signer("x/record").verifier.line for _ in range(2))
    own = {"is": "key", "key": first, "since": 0, "hand_over": None}
    for file in (
        lines_of({**own, "key": first.replace("x", "\ud800", 1)}),
        lines_of(own, {"is": "key", "key": second, "since": 5, "hand_over": "\ud800"}),
    ):
        assert [one.what for one in check_lines(file)[1]] == ["hand_over_broken"]


def test_a_file_cannot_say_on_the_terminal_that_it_is_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = notes.new_signer("x\u202ey\x9b2J/record")
    late = Checkpoint(mine.name, 0, tree.EMPTY, 10**15 - 1)
    file = tmp_path / "record.jsonl"
    file.write_text(
        "\n".join(
            lines_of(
                {"is": "key", "key": mine.verifier.line, "since": 0, "hand_over": None},
                {"is": "checkpoint", "note": notes.signed(late.text, mine).decode()},
                {"is": "chain", "chain": "h_\x1b[2J\x1b[H\nEvery chain is whole.\x1b[8m", "after": 0, "hash": "0" * 64},
                {"is": "head", "seq": 3, "hash": "0" * 64},
            )
        )
    )
    assert cli.main(["audit", "verify", "--from", str(file)]) == 1
    told = capsys.readouterr().out
    assert "missing" in told
    assert "\nEvery chain is whole" not in told
    assert all(sign.isprintable() or sign == "\n" for sign in told)


def test_very_many_keys_do_not_make_every_checkpoint_slow() -> None:
    """The keys are gone through once, and not for each checkpoint: 20,000 and 2,000 took minutes."""
    one, other = (Signer("calls.example/record", bytes([number]) * 32) for number in (1, 2))
    check = Check()
    check.key(one.verifier.line, 0, None)
    for since in range(1, 8_000):
        check.key(other.verifier.line, since if since % 2 else 50_000, "handed over by nobody")
    for size in range(1, 401):
        check.checkpoint(notes.signed(Checkpoint(one.name, size, bytes(32), size).text, one).decode())
    begun = time.monotonic()
    found = check.done()
    assert time.monotonic() - begun < 8
    checkpoints_found = [(one.number, one.what) for one in found if one.where == "(checkpoint)"]
    assert checkpoints_found == [(number, "wrong_key") for number in range(1, 401)], "another key was in force by then"
    assert sum(one.what == "hand_over_broken" for one in found) == 7_999
