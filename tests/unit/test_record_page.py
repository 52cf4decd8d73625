"""What the browser finds in a family's record is what the server's own check finds in the same file: clean, tampered with, and from a
server that changes its story after it was looked at. The browser's code runs in Node here, which has the same WebCrypto.
"""

from __future__ import annotations

import asyncio
import json
import random
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from server import audit, checkpoints, notes, record, record_keys
from server.audit import Entry
from server.db.session import Database, rows
from server.record_check import check_lines
from server.settings import Settings
from tests import databases
from tests.record_tables import START_MS

ROOT = Path(__file__).parents[2]
MANY = 200


def in_browser(folder: Path, asked: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The page's check, for each of these."""
    shared = folder / "page" / "shared"
    if not shared.exists():
        shared.mkdir(parents=True)
        shutil.copy(ROOT / "client_web" / "shared" / "record.js", shared)
        shutil.copy(ROOT / "tests" / "record_node.mjs", folder / "page")
        (folder / "page" / "package.json").write_text('{"type": "module"}')
    run = subprocess.run(
        ["node", folder / "page" / "record_node.mjs"], input="".join(json.dumps(one) + "\n" for one in asked),
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    return [json.loads(line) for line in run.stdout.splitlines()]


def names(told: dict[str, Any]) -> set[str]:
    return {one["what"] for one in told["found"]}


class Story:
    """A database with one family, told page by page as the server tells it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.settings = Settings(data=str(folder), database=databases.url(folder / "ringfence.sqlite"))
        self.now = START_MS

    async def open(self) -> Story:
        self.db = await Database.open(await databases.with_tables(Path(self.settings.data) / "ringfence.sqlite"))
        async with self.db.begin() as tx:
            await rows(tx, "INSERT INTO households VALUES ('sam', 'GB', 'Europe/London', 1)")
            await rows(tx, "INSERT INTO people (id, household_id, kind, name, avatar, ground, pseudonym, state, created_at) "
                           "VALUES ('sam', 'sam', 'guardian', 'Sam', 1, 1, 'p-sam', 'active', 1)")  # fmt: skip
        return self

    async def live(self, many: int = 4) -> Story:
        """So many things that Sam did, and as many that Maya did, then a checkpoint."""
        async with self.db.begin() as tx:
            for _ in range(many):
                self.now += 60_000
                for who in ("p-sam", "p-maya"):
                    entry = Entry(self.now, "decide", (who, "p-theo"), "allow", ("a-rule",), "2026")
                    await audit.append(tx, ("h_sam", "h_femi", audit.PLATFORM), entry)
        self.now += 60_000
        await checkpoints.take(self.db, self.settings, lambda: self.now)
        return self

    async def told(self, kept: dict[str, Any] | None = None) -> dict[str, Any]:
        since = int(kept["note"].split("\n")[1]) if kept else None
        return {"pages": [await record.page(self.db, "sam", since=since)], "kept": kept}

    async def change(self, sql: str) -> None:
        async with self.db.begin() as tx:
            await rows(tx, sql)


@pytest.fixture
async def story(tmp_path: Path) -> Any:
    opened = await Story(tmp_path / "a").open()
    yield opened
    await opened.db.close()


async def ask(folder: Path, *asked: dict[str, Any]) -> list[dict[str, Any]]:
    return await asyncio.to_thread(in_browser, folder, list(asked))


async def test_a_clean_record_is_whole_the_first_time_and_the_next(story: Story, tmp_path: Path) -> None:
    await story.live()
    first = (await ask(tmp_path, await story.told()))[0]
    assert (first["found"], first["rows"], first["open"], first["covered"]) == ([], 8, 4, 8)
    assert first["firstAt"] == START_MS + 60_000
    await story.live()
    await checkpoints.rotate(story.db, story.settings, lambda: story.now)
    await story.live()
    again = (await ask(tmp_path, await story.told(first["keep"])))[0]
    assert (again["found"], again["rows"], again["changedKey"]) == ([], 24, True)
    assert again["keep"]["key"] == first["keep"]["key"]
    assert again["keep"]["seq"] == 24


async def test_the_newest_rows_that_are_open_are_given_to_be_shown_with_their_time_and_no_more_than_fifty(
    story: Story, tmp_path: Path
) -> None:
    await story.live()
    few = (await ask(tmp_path, await story.told()))[0]["shown"]
    assert [one["at"] for one in few] == [START_MS + n * 60_000 for n in (4, 3, 2, 1)]
    assert {(one["question"], one["verdict"]) for one in few} == {("decide", "allow")}
    await story.live(50)
    many = (await ask(tmp_path, await story.told()))[0]
    assert (len(many["shown"]), many["open"]) == (50, 54)
    assert many["shown"][0]["at"] == max(one["at"] for one in many["shown"])


def test_whatever_is_open_to_a_family_has_words_for_it() -> None:
    said = json.loads((ROOT / "client_web/grown_up/words.en.json").read_text("utf-8"))
    did = {key.removeprefix("record.did-") for key in said if key.startswith("record.did-")}
    assert did - {"other"} == {verb.value for verb in record.SHOWN}


async def test_another_story_than_the_one_that_was_told_before_is_found(story: Story, tmp_path: Path) -> None:
    """The whole database made anew, well made and signed with the right key: only this device knows."""
    kept = (await ask(tmp_path, await (await story.live()).told()))[0]["keep"]
    await story.db.close()
    databases.remove(tmp_path / "a" / "ringfence.sqlite")
    other = await Story(tmp_path / "a").open()
    try:
        for table in ("record_keys", "checkpoints", "record_log", "record_nodes"):
            await other.change(f"DELETE FROM {table}")
        await (await other.live(3)).live(3)
        fresh, held = await ask(tmp_path, await other.told(), await other.told(kept))
        assert fresh["found"] == []
        assert "forked" in names(held)
        anew = [line async for line in record.blind_export(other.db)]
        assert check_lines(anew)[1] == []
        kept_note = [one.what for one in check_lines(anew, kept=[kept["note"]])[1]]
        assert kept_note == ["forked"]
    finally:
        await other.db.close()


def size_in(note: str) -> int:
    return int(note.split("\n")[1])


async def by_all(folder: Path, lines: list[str], kept: dict[str, Any]) -> list[list[tuple[str, int, str]]]:
    """What each of the three readers finds in this file: Python, Node, the browser."""
    here = [
        (one.where, one.number, one.what)
        for one in check_lines(lines, trusted=notes.verifier(kept["key"]), kept=[kept["note"]])[1]
    ]
    asked = json.dumps({"lines": lines, "kept": [kept["note"]], "key": kept["key"]}) + "\n"
    node = await asyncio.to_thread(
        subprocess.run, ["node", ROOT / "tests/conformance/verify_record.mjs", "--batch"],
        input=asked, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    page = (await ask(folder, {"pages": ["".join(lines)], "kept": kept}))[0]["found"]
    return [
        here,
        *([(one["where"], one["number"], one["what"]) for one in told] for told in (json.loads(node.stdout), page)),
    ]


def without(lines: list[str], kind: str) -> list[str]:
    rest = [line for line in lines if json.loads(line)["is"] not in (kind, "end")]
    return [*rest, json.dumps({"is": "end", "lines": len(rest) + 1}) + "\n"]


async def test_a_file_of_later_is_whole_with_its_proof_unproven_without_and_forked_only_where_a_proof_does_not_fit(
    story: Story, tmp_path: Path
) -> None:
    kept = (await ask(tmp_path, await (await story.live()).told()))[0]["keep"]
    early = kept | {"seq": 0, "hash": ""}  # of the log alone: what the chain's own rows show is asked elsewhere
    size = size_in(kept["note"])
    await (await story.live()).live()

    async def file(of: Story, *since: int) -> list[str]:
        return [line async for line in record.family_file(of.db, "sam", since=since)]

    honest = await file(story, size)
    assert await by_all(tmp_path, honest, kept) == [[]] * 3
    missing = [[("(kept)", 1, "unproven")]] * 3
    assert await by_all(tmp_path, await file(story), kept) == missing
    assert await by_all(tmp_path, await file(story, size + 1), kept) == missing  # from elsewhere
    wrong = [_changed(line) for line in honest]
    assert wrong != honest
    assert await by_all(tmp_path, wrong, kept) == [[("(kept)", 1, "forked")]] * 3

    # the whole database made anew, signed with the right key: with a proof of its own it is another history; without one nothing shows it
    await story.db.close()
    databases.remove(tmp_path / "a" / "ringfence.sqlite")
    other = await Story(tmp_path / "a").open()
    other.now = story.now  # later than what was kept: its times are not what shows it
    try:
        await (await (await other.live(3)).live(3)).live(3)
        forged = await file(other, size)
        assert await by_all(tmp_path, forged, early) == [[("(kept)", 1, "forked")]] * 3
        assert await by_all(tmp_path, without(forged, "consistency"), early) == missing
        assert check_lines(forged)[1] == []  # it is sound in itself
    finally:
        await other.db.close()


def _changed(line: str) -> str:
    it = json.loads(line)
    if it["is"] != "consistency":
        return line
    return json.dumps({**it, "path": [other_hex(random.Random(1), it["path"][0]), *it["path"][1:]]}) + "\n"


async def test_another_key_without_a_hand_over_is_told(story: Story, tmp_path: Path) -> None:
    kept = (await ask(tmp_path, await (await story.live()).told()))[0]["keep"]
    await checkpoints.rotate(story.db, story.settings, lambda: story.now, lost=True)
    lost = await story.told(kept)
    stranger = notes.new_signer("localhost/record").verifier.line
    other = {**kept, "key": stranger}
    told = await ask(tmp_path, lost, await story.told(other))
    assert "hand_over_broken" in names(told[0])
    assert "wrong_key" in names(told[1])


async def test_a_proof_that_is_withheld_is_missed_by_who_has_seen_one(story: Story, tmp_path: Path) -> None:
    kept = (await ask(tmp_path, await (await story.live()).told()))[0]["keep"]
    await story.live()
    asked = await story.told(kept)
    lines = [json.loads(line) for line in asked["pages"][0].splitlines()]
    fewer = [line for line in lines if line["is"] != "proof"][:-1]
    fewer.append({"is": "end", "lines": len(fewer) + 1})
    page = "".join(json.dumps(line) + "\n" for line in fewer)
    assert names((await ask(tmp_path, {"pages": [page], "kept": kept}))[0]) >= {"missing"}


async def test_pages_are_read_as_one_and_what_is_between_them_is_looked_at(story: Story, tmp_path: Path) -> None:
    await story.live(600)
    first, second = await record.page(story.db, "sam"), await record.page(story.db, "sam", after=1_000)
    whole, swapped, lonely = await ask(
        tmp_path,
        {"pages": [first, second], "kept": None},
        {"pages": [second, first], "kept": None},
        {"pages": [second], "kept": None},
    )
    assert (whole["found"], whole["rows"], whole["covered"]) == ([], 1_200, 1_200)
    assert names(swapped) == names(lonely) == {"unreadable"}


async def test_whatever_is_changed_in_a_file_both_find_it_and_by_the_same_names(story: Story, tmp_path: Path) -> None:
    """Two hundred times one value of one line is another one: in rows, proof, checkpoint, keys, head."""
    await story.live()
    await checkpoints.rotate(story.db, story.settings, lambda: story.now)
    await story.live()
    async with story.db.read() as tx:
        whole = [
            line
            async for line in record._one_chain(tx, "family", "h_sam", after=0, most=100, since=None, open_to={"p-sam"})
        ]
        known = await record_keys.keys(tx)
    kept = {"key": known[0].line, "note": "", "seq": 0, "hash": ""}
    changed = [altered(random.Random(seed), whole) for seed in range(MANY)]
    told = await ask(tmp_path, *[{"pages": ["".join(lines)], "kept": kept} for lines in [whole, *changed]])
    assert told[0]["found"] == []
    missed, differ = [], []
    for seed, (lines, theirs) in enumerate(zip(changed, told[1:], strict=True)):
        ours = {one.what for one in check_lines(lines, trusted=notes.verifier(known[0].line))[1]}
        if not ours or not names(theirs):
            missed.append((seed, ours, names(theirs)))
        elif ours != names(theirs):
            differ.append((seed, ours, names(theirs)))
    assert missed == []
    assert differ == []


def altered(dice: random.Random, whole: list[str]) -> list[str]:
    place = dice.randrange(1, len(whole) - 1)
    line = json.loads(whole[place])
    name = dice.choice([name for name, value in line.items() if name != "is" and value not in (None, [])])
    value = line[name]
    if isinstance(value, int):
        line[name] = value + dice.choice((1, 2, 300_000))
    elif isinstance(value, list):
        line[name] = [*value[:-1], other_hex(dice, value[-1])]
    elif len(value) in (32, 64) and all(sign in "0123456789abcdef" for sign in value):
        line[name] = other_hex(dice, value)
    else:
        at = dice.randrange(len(value))
        line[name] = value[:at] + ("x" if value[at] != "x" else "y") + value[at + 1 :]
    return [*whole[:place], json.dumps(line) + "\n", *whole[place + 1 :]]


def other_hex(dice: random.Random, value: str) -> str:
    at = dice.randrange(len(value))
    return value[:at] + dice.choice([sign for sign in "0123456789abcdef" if sign != value[at]]) + value[at + 1 :]


async def test_a_row_of_a_chain_that_no_family_is_shown_is_proved_through_the_chain_apart(
    story: Story, tmp_path: Path
) -> None:
    await (await story.live()).live()
    async with story.db.read() as tx:
        lines = [line async for line in record.prove(tx, audit.PLATFORM, 10)]
        assert [line async for line in record.prove(tx, audit.PLATFORM, 17)] == []
        assert [line async for line in record.prove(tx, "o_nobody", None)] == []
    kept = {"key": json.loads(lines[1])["key"], "note": json.loads(lines[2])["note"]}
    here, there = (await by_all(tmp_path, lines, kept | {"seq": 0, "hash": ""}))[:2]
    assert (here, there) == ([], [])
    told = [json.loads(line) for line in lines]
    assert [one["chain"] for one in told if one["is"] == "chain"] == [audit.APART, audit.PLATFORM]
    assert [one["rules"].split()[:2] for one in told if "salt" in one] == [['["platform', "16"]]
    for place, one in enumerate(told):
        if one["is"] == "row":
            other = {"rules": "[]"} if "rules" in one else {"digest": other_hex(random.Random(1), one["digest"])}
            changed = json.dumps(one | other)
            here, there = (
                await by_all(tmp_path, [*lines[:place], changed, *lines[place + 1 :]], kept | {"seq": 0, "hash": ""})
            )[:2]
            assert here == there != []


async def test_every_line_that_is_written_is_of_the_written_schema(story: Story) -> None:
    from jsonschema import Draft202012Validator

    await (await story.live()).live()
    await checkpoints.rotate(story.db, story.settings, lambda: story.now)
    schema = json.loads((ROOT / "docs/reference/record-export.schema.json").read_text())
    right = Draft202012Validator(schema)
    async with story.db.read() as tx:
        proof = [line for chain in ("h_sam", audit.PLATFORM) async for line in record.prove(tx, chain, 2)]
    texts = [
        *[line async for line in record.blind_export(story.db)],
        *[line async for line in record.family_file(story.db, "sam")],
        *(await record.page(story.db, "sam", since=2)).splitlines(),
        *proof,
    ]
    lines = [json.loads(line) for line in texts]
    assert {one["is"] for one in lines} == {
        "record", "key", "checkpoint", "entry", "proof", "consistency", "chain", "row", "head", "end",
    }  # fmt: skip
    assert [one for one in lines if not right.is_valid(one)] == []
    row = next(one for one in lines if "rest" in one)
    assert "hour" in row
    for wrong in ({**row, "who": "[]"}, {**row, "hash": row["hash"].upper()}, {**row, "at": 1}, {"is": "nothing"}):
        assert not right.is_valid(wrong)
