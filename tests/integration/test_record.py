"""A family checks its own chain and reads its own deeds in it; an inspector checks every chain and reads none; who signs is known.

What no parent may be shown (a child's calls, comings, looks, tries) is held against the exported text itself, not against a status.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import stat
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy.ext.asyncio import AsyncConnection

from server import audit, chains, checkpoints, notes, record, record_check, record_keys, tree
from server.api import keys
from server.cli import main
from server.db import migrate
from server.db.session import Database, rows
from server.errors import CannotStart
from server.policy import Verb
from server.policy.facts import REACH_VERBS
from server.policy.prove import OPEN_TO_ALL
from server.record_check import check_lines
from server.settings import Settings
from tests import databases
from tests.house import Families, House, Two
from tests.integration.families import look, rung_up
from tests.peers import Browserless
from tests.unit.test_record_page import in_browser


def lines_of(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


async def told(house: House, device: Browserless, where: str = "/api/record") -> str:
    """What this device is told, when everything until now is signed."""
    await sign(house)
    answer = await device.call("GET", where)
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/jsonl"), answer
    return answer.body.decode()


async def sign(house: House) -> str:
    return await checkpoints.take(house.db, house.settings, house.app[keys.CLOCK].now)


async def beats(house: House) -> int:
    """How many checkpoints there are: each makes the log longer by one for all chains that no family is shown."""
    return len(await look(house, "SELECT * FROM checkpoints"))


async def everybody(house: House) -> dict[str, tuple[str, str]]:
    """By name: pseudonym and chain."""
    return {
        name: (pseudonym, f"h_{home}")
        for name, pseudonym, home in await look(house, "SELECT name, pseudonym, household_id FROM people")
    }


async def a_full_day(house: House, families: Families) -> Two:
    """Calls, tries, a block, a report, a child's goodbye and a parent's, in both families."""
    two = await families.two()
    call = await rung_up(two.maya, two.theo, two.maya_sees_theo)
    await two.maya.ask(t="call.leave", call=call)
    await two.maya.get("/api/child/limits")
    await two.maya.post(f"/api/child/people/{two.maya_sees_theo}/block")
    await two.maya.post(
        "/api/child/reports", {"request": "r" * 16, "about": {"ref": two.maya_sees_theo}, "what": ["filmed"]}
    )
    await two.maya.post(f"/api/child/people/{two.maya_sees_theo}/end")
    await two.sam.post(f"/api/children/{two.maya_id}/limits", {"quiet": None, "minutes": 30})
    return two


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    database = databases.url(tmp_path / "ringfence.sqlite")
    return Settings(data=str(tmp_path), origin=("https://calls.example",), database=database)


@pytest.fixture
async def db(settings: Settings, tmp_path: Path) -> Any:
    opened = await Database.open(await databases.with_tables(tmp_path / "ringfence.sqlite"))
    yield opened
    await opened.close()


# == A family ================================================================================================================


async def test_a_family_checks_its_own_chain_and_reads_what_its_grown_ups_did(house: House, families: Families) -> None:
    two = await a_full_day(house, families)
    await sign(house)
    text = await told(house, two.sam)
    looked, found = check_lines(text.splitlines())
    assert found == []
    assert looked.covered == looked.rows == looked.open_rows > 5
    who = await everybody(house)
    shown = [one for one in lines_of(text) if "salt" in one]
    assert {"add_child", "pair_device", "decide", "change_limit"} <= {one["question"] for one in shown}
    assert not [one for one in shown if "who" in one]
    assert {one["chain"] for one in lines_of(text) if "chain" in one} == {who["Sam"][1]}


async def test_a_childs_day_is_in_a_chain_of_the_childs_own_and_nobody_reads_it_there(
    house: House, families: Families
) -> None:
    two = await a_full_day(house, families)
    who = await everybody(house)
    own = chains.of_person(who["Maya"][0])
    kept = {one[0] for one in await look(house, "SELECT question FROM audit WHERE chain = :c", c=own)}
    secret = {
        "connect",
        "answer",
        "ring",
        "look_at_own_limits",
        "look_at_home",
        "end_contact",
        "get_ticket",
        "answer_ask",
    }
    assert secret <= kept  # it was asked, and written down
    for text in (await told(house, two.sam), await told(house, two.sam, "/api/record/file")):
        assert [one for one in lines_of(text) if one["is"] == "row" and "salt" not in one] == []
        for verb in (*secret, "report", "block", "help"):
            assert f'"{verb}"' not in text
        for word in (*(pseudonym for pseudonym, _ in who.values()), who["Theo"][1], own):
            assert word not in text


async def test_a_guardians_goodbye_is_shown_and_a_childs_is_not_there(house: House, families: Families) -> None:
    two = await families.two()
    await two.maya.post(f"/api/child/people/{two.maya_sees_theo}/end")
    assert "end_contact" not in await told(house, two.sam)
    await families.befriend(two.maya, two.sam, two.theo, two.femi)
    ref = (await two.sam.get(f"/api/children/{two.maya_id}/contacts"))[0]["ref"]
    await two.sam.post(f"/api/contacts/{ref}/end")
    assert (await told(house, two.sam)).count('"question":"end_contact"') == 1


def test_only_what_a_grown_up_does_for_the_family_is_ever_shown() -> None:
    assert not record.SHOWN & REACH_VERBS
    assert not record.SHOWN & OPEN_TO_ALL
    assert not [verb for verb in record.SHOWN if verb.value.startswith("look_at")]
    assert not record.SHOWN - set(Verb)


async def test_a_child_a_stranger_and_another_family_are_not_shown_it(house: House, families: Families) -> None:
    two = await families.two()
    assert (await two.maya.call("GET", "/api/record")).status in (403, 404)
    assert (await two.maya.call("GET", "/api/record/file")).status in (403, 404)
    assert (await house.device().call("GET", "/api/record")).status == 401
    who = await everybody(house)
    assert who["Sam"][1] in await told(house, two.sam)
    assert who["Sam"][1] not in await told(house, two.femi)
    assert who["Femi"][1] in await told(house, two.femi)


async def test_what_is_not_signed_yet_is_not_told_so_nobody_watches_a_chain_grow(
    house: House, families: Families
) -> None:
    two = await families.two()
    before = lines_of(await told(house, two.sam))
    await two.maya.get("/api/child/home")
    await two.sam.post(f"/api/children/{two.maya_id}/limits", {"quiet": None, "minutes": 30})
    for where in ("/api/record", "/api/record/file"):
        answer = await two.sam.call("GET", where)
        assert [one for one in lines_of(answer.body.decode()) if one["is"] == "row"] == [
            one for one in before if one["is"] == "row"
        ]
    after = lines_of(await told(house, two.sam))
    assert len(after) == len(before) + 1


async def test_a_long_chain_comes_in_pages_and_whole_as_a_file(house: House, families: Families) -> None:
    sam = await families.grown_up("Sam")
    chain = (await everybody(house))["Sam"][1]
    entry = audit.Entry(house.app[keys.CLOCK].now(), "ring", ("p",), "deny", ("x",), "y")
    async with house.db.begin() as tx:
        await audit.append_all(tx, [((chain,), entry)] * 1_500)
    await sign(house)
    first, second = await told(house, sam), await told(house, sam, "/api/record?after=1000")
    assert [one["is"] for one in lines_of(first)][-2:] == ["more", "end"]
    assert [one["is"] for one in lines_of(second)][-2:] == ["head", "end"]
    for page in (first, second):
        assert check_lines(page.splitlines())[1] == []
    looked, found = check_lines((await told(house, sam, "/api/record/file")).splitlines())
    assert found == []
    assert looked.rows == 1_500
    for wrong in ("after=-1", "after=x", "since=1e3", "after=" + "9" * 10):
        assert (await sam.call("GET", f"/api/record?{wrong}")).code == "bad_request"
    for wrong in ("since=", "since=-1", "since=x", "since=1e3", "since=" + "9" * 10):
        answer = await sam.call("GET", f"/api/record/file?{wrong}")
        assert (answer.status, answer.code) == (422, "bad_request"), wrong


async def test_what_was_kept_is_held_against_what_is_told_later(house: House, families: Families) -> None:
    two = await families.two(friends=False)
    kept = await sign(house)
    size = int(kept.split("\n")[1])
    await families.befriend(two.maya, two.sam, two.theo, two.femi)
    await sign(house)
    for where in ("/api/record", "/api/record/file"):
        assert check_lines((await told(house, two.sam, f"{where}?since={size}")).splitlines(), kept=[kept])[1] == []
        for since in ("", "?since=0", f"?since={size + 1}", "?since=999999999"):
            without = check_lines((await told(house, two.sam, where + since)).splitlines(), kept=[kept])[1]
            # what is not shown does not count, and is no proof of another history
            assert [(one.where, one.number, one.what) for one in without] == [("(kept)", 1, "unproven")], since


# == Everybody, and an inspector =============================================================================================


async def test_anybody_may_keep_the_newest_checkpoint(house: House, families: Families) -> None:
    await families.two()
    note = await sign(house)
    answer = await house.device().call("GET", "/api/checkpoint")
    assert (answer.status, answer.body.decode(), answer.headers["Content-Type"]) == (
        200,
        note,
        "text/plain; charset=utf-8",
    )
    key = notes.kept(record_keys.file_of(house.settings)).verifier
    said = checkpoints.read(notes.opened(answer.body, key)[0])
    assert said is not None
    familys = await look(house, "SELECT * FROM audit_heads WHERE chain LIKE 'h!_%' ESCAPE '!'")
    assert said.size == len(familys) + await beats(house)


async def test_an_inspector_checks_every_chain_and_reads_no_row(house: House, families: Families) -> None:
    await a_full_day(house, families)
    kept = await sign(house)
    text = "".join([line async for line in record.blind_export(house.db)])
    looked, found = check_lines(text.splitlines(), kept=[kept])
    assert found == []
    total = await look(house, "SELECT count(*), count(DISTINCT chain) FROM audit")
    assert (looked.rows, looked.chains, looked.covered) == (*total[0], total[0][0])
    who = await everybody(house)
    verbs = {one[0] for one in await look(house, "SELECT DISTINCT question FROM audit WHERE chain <> 'apart'")}
    rules = {
        rule
        for one in await look(house, "SELECT DISTINCT rules FROM audit WHERE chain <> 'apart'")
        for rule in json.loads(one[0])
    }
    assert len(verbs) > 15
    told_apart = [line for line in text.splitlines(keepends=True) if '"question":"checkpoint"' in line]
    assert len(told_apart) == (await look(house, "SELECT count(*) FROM audit WHERE chain = 'apart'"))[0][0]
    closed = "".join(line for line in text.splitlines(keepends=True) if line not in told_apart)
    for word in (*verbs, *rules, "allow", "deny"):
        assert f'"{word}"' not in closed, word
    for pseudonym, _ in who.values():
        assert pseudonym not in text
    salts = [one[0].hex() for one in await look(house, "SELECT salt FROM audit WHERE chain <> 'apart'")]
    assert len(salts) == len(set(salts))
    for salt in salts:
        assert salt[:32] in text  # opens the hour
        for first in (32, 64, 96):  # the moment, the row, the people
            assert salt[first : first + 32] not in text
    exact = {str(one[0]) for one in await look(house, "SELECT DISTINCT at FROM audit WHERE chain <> 'apart'")}
    signed = {str(one[0]) for one in await look(house, "SELECT at FROM audit WHERE chain = 'apart'")}
    assert not [at for at in exact - signed if at in text]


async def test_the_overview_says_how_much_there_is_and_whether_it_is_whole(house: House, families: Families) -> None:
    await families.two()
    await sign(house)
    told_ = await record.overview(house.db)
    assert (told_["whole"], told_["findings"]) == (True, [])
    assert told_["covered"] == told_["rows"]
    assert [sorted(one) for one in told_["checkpoints"]][-1] == ["at", "note", "root", "size"]
    async with house.db.begin() as tx:
        await rows(tx, "UPDATE audit SET at = at - 1 WHERE seq = 1")
    assert (await record.overview(house.db))["whole"] is False


@pytest.mark.parametrize(
    ("change", "what"),
    [
        pytest.param("UPDATE audit SET at = 'x' WHERE seq = 2", "altered", marks=pytest.mark.sqlite),
        ("UPDATE audit SET hash = 'x' WHERE seq = 2", "altered"),
        ("UPDATE audit SET salt = previous WHERE seq = 2", "altered"),
        ("DELETE FROM audit WHERE seq = 2", "missing"),
        ("DELETE FROM audit_heads", "extra"),
        ("DELETE FROM record_log WHERE idx = 1", "missing"),
        ("UPDATE record_log SET seq = 1 WHERE idx = 1", "forked"),
        ("UPDATE checkpoints SET note = replace(note, 'time 1', 'time 2')", "unsigned"),
        ("DELETE FROM record_keys", "unsigned"),
        ("UPDATE record_keys SET hand_over = 'x'", "hand_over_broken"),
    ],
)
async def test_what_is_done_to_the_tables_is_found_and_named(
    db: Database, settings: Settings, change: str, what: str
) -> None:
    async with db.begin() as tx:
        for number in range(3):
            await audit.append(tx, ("h_sam", audit.PLATFORM), audit.Entry(number, "ring", ("p",), "deny", ("x",), "y"))
    await checkpoints.take(db, settings, lambda: 1_000)
    assert (await record.check(db))[1] == []
    async with db.begin() as tx:
        await rows(tx, change)
    assert what in {one.what for one in (await record.check(db))[1]}


# == Keys ====================================================================================================================


async def test_the_key_is_made_for_its_owner_alone_and_another_mode_is_refused(
    db: Database, settings: Settings
) -> None:
    note = await checkpoints.take(db, settings, lambda: 1_000)
    path = record_keys.file_of(settings)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert note.startswith("calls.example/record\n1\n")
    path.chmod(0o644)
    with pytest.raises(CannotStart, match="0600"):
        await checkpoints.take(db, settings, lambda: 2_000)
    path.chmod(0o600)
    assert await checkpoints.take(db, settings, lambda: 2_000) != note


async def test_a_key_that_is_gone_or_another_one_stops_the_house_and_is_not_replaced_in_silence(
    db: Database, settings: Settings, tmp_path: Path
) -> None:
    await checkpoints.take(db, settings, lambda: 1_000)
    path = record_keys.file_of(settings)
    shutil.move(path, tmp_path / "kept")
    with pytest.raises(CannotStart, match="is not in"):
        await checkpoints.take(db, settings, lambda: 2_000)
    notes.keep(path, notes.new_signer("calls.example/record"))
    with pytest.raises(CannotStart, match="is not the one"):
        await checkpoints.take(db, settings, lambda: 2_000)
    path.unlink()
    await checkpoints.rotate(db, settings, lambda: 3_000, lost=True)
    assert [str(one) for one in (await record.check(db))[1]] == ["(key) 2: hand_over_broken"]


async def test_whoever_knows_the_first_key_follows_the_hand_overs(db: Database, settings: Settings) -> None:
    await checkpoints.take(db, settings, lambda: 1_000)
    first = notes.kept(record_keys.file_of(settings)).verifier
    for number in range(3):
        await checkpoints.rotate(db, settings, lambda: 2_000)
        assert stat.S_IMODE(record_keys.file_of(settings).stat().st_mode) == 0o600
        looked, found = await record.check(db, trusted=first)
        assert (looked.keys, found) == (number + 2, [])
    stranger = notes.new_signer("calls.example/record").verifier
    assert [one.what for one in (await record.check(db, trusted=stranger))[1]] == ["wrong_key"]


async def test_a_change_of_keys_that_was_cut_short_is_finished(db: Database, settings: Settings) -> None:
    await checkpoints.take(db, settings, lambda: 1_000)
    async with db.begin() as tx:
        line = await record_keys.write_hand_over(tx, settings, 2_000, lost=False)
    await checkpoints.take(db, settings, lambda: 3_000)  # the process had ended before the file was put in its place
    assert notes.kept(record_keys.file_of(settings)).verifier.line == line
    assert (await record.check(db))[1] == []


async def test_a_new_key_that_never_reached_the_database_changes_nothing(db: Database, settings: Settings) -> None:
    await checkpoints.take(db, settings, lambda: 1_000)
    path = record_keys.file_of(settings)
    notes.keep(path.with_name(path.name + ".next"), notes.new_signer("calls.example/record"))
    await checkpoints.take(db, settings, lambda: 2_000)
    await checkpoints.rotate(db, settings, lambda: 3_000)
    assert (await record.check(db))[1] == []


async def test_checkpoints_are_taken_as_often_as_is_set_also_when_nothing_moved(
    db: Database, settings: Settings
) -> None:
    passed: list[int] = []

    def clock() -> int:
        passed.append(len(passed))
        return 1_000 + len(passed)

    object.__setattr__(settings, "checkpoint_minutes", 0.0001)  # six milliseconds
    running = asyncio.ensure_future(checkpoints.run(db, settings, clock))
    async with asyncio.timeout(30):
        while len(passed) < 3:
            await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert len((await record.overview(db))["checkpoints"]) >= 2


# == The command line, and an older database =================================================================================


@pytest.fixture
def spoken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """``ringfence …`` in this process, on a production database of its own: status and output."""
    for name, value in {
        "DATA": str(tmp_path / "var"), "ORIGIN": "https://calls.example", "PROXIES": "1", "ACCOUNTABLE_PERSON": "Ada Example",
        "ACCOUNTABLE_CONTACT": "safety@calls.example", "DATABASE": databases.url(tmp_path / "var" / "ringfence.sqlite"),
    }.items():  # fmt: skip
        monkeypatch.setenv(f"RINGFENCE_{name}", value)

    def say(*words: str) -> tuple[int, str]:
        status = main(words)
        return status, "".join(capsys.readouterr())

    say("migrate")
    return say


def some_rows(folder: Path, many: int = 5) -> None:
    async def write() -> None:
        db = await Database.open(databases.url(folder / "var" / "ringfence.sqlite"))
        async with db.begin() as tx:
            for number in range(many):
                entry = audit.Entry(
                    time.time_ns() // 1_000_000 + number, "decide", ("p-sam", "p-maya"), "allow", ("a",), "b"
                )
                await audit.append(tx, ("h_sam", audit.PLATFORM), entry)
        await db.close()

    asyncio.run(write())


async def emptied(folder: Path, *tables: str) -> None:
    db = await Database.open(databases.url(folder / "var" / "ringfence.sqlite"))
    async with db.begin() as tx:
        for table in tables:
            await rows(tx, f"DELETE FROM {table}")  # the names of our own tables
    await db.close()


def test_the_record_is_signed_exported_proved_and_checked_from_the_command_line(spoken: Any, tmp_path: Path) -> None:
    some_rows(tmp_path)
    status, note = spoken("audit", "checkpoint")
    assert (status, note.split("\n")[:2]) == (0, ["calls.example/record", "2"])
    kept, blind, own, proof = (tmp_path / name for name in ("kept.txt", "blind", "own", "proof"))
    kept.write_text(note)
    key = notes.kept(tmp_path / "var" / "record.key").verifier.line
    some_rows(tmp_path)
    assert spoken("audit", "rotate")[1].startswith("From now on the record is signed by calls.example/record+")
    assert spoken("audit", "export", "--blind", "--out", str(blind))[0] == 0
    assert spoken("audit", "export", "--chain", "h_sam", "--out", str(own))[0] == 0
    status, lines = spoken("audit", "prove", "h_sam", "3")
    proof.write_text(lines)
    assert status == 0
    assert "decide" not in lines
    for words in ((), ("--from", str(blind)), ("--from", str(proof))):
        more = ("--checkpoint", str(kept)) if "proof" not in str(words) else ()
        status, said = spoken("audit", "verify", *words, "--key", key, *more)
        assert status == 0, said
        assert "Every chain is whole." in said
    status, said = spoken("audit", "verify", "--from", str(own), "--key", key)
    assert (status, "10 of them stand under the checkpoint of 2026-" in said) == (0, True), said
    assert "10 rows in 1 chain." in said


def test_a_familys_file_goes_on_from_each_checkpoint_that_was_kept_and_says_how_to_ask_where_it_does_not(
    spoken: Any, tmp_path: Path
) -> None:
    old, newer, own = (tmp_path / name for name in ("old.txt", "newer.txt", "own"))
    for file in (old, newer):
        some_rows(tmp_path)
        file.write_text(spoken("audit", "checkpoint")[1])
    some_rows(tmp_path)
    spoken("audit", "checkpoint")
    export = ("audit", "export", "--chain", "h_sam", "--out", str(own))
    verify = ("audit", "verify", "--from", str(own), "--checkpoint", str(old), "--checkpoint", str(newer))

    assert spoken(*export)[0] == 0
    status, said = spoken(*verify)
    assert (status, said.splitlines()[:2]) == (1, ["(kept) 1: unproven", "(kept) 2: unproven"])
    assert "There is no proof that this goes on from the checkpoint that you kept." in said
    assert "/api/record/file?since=2," in said
    assert "--since 4 " in said
    assert "whole" not in said
    for more in (("--checkpoint", str(old), "--checkpoint", str(newer)), ("--since", "4", "--since", "2")):
        assert spoken(*export, *more)[0] == 0
        status, said = spoken(*verify)
        assert (status, "Every chain is whole." in said, "no proof" in said) == (0, True, False), said
    assert spoken(*export, "--since", "4")[0] == 0
    assert spoken(*verify)[1].splitlines()[0] == "(kept) 1: unproven"


def test_a_changed_file_a_cut_one_and_another_record_are_told_apart(spoken: Any, tmp_path: Path) -> None:
    some_rows(tmp_path)
    spoken("audit", "checkpoint")
    file = tmp_path / "blind"
    spoken("audit", "export", "--blind", "--out", str(file))
    good = file.read_text().splitlines(keepends=True)
    row = next(number for number, line in enumerate(good) if '"is":"row","seq":3' in line and "hour" in line)

    def verify(lines: list[str], *more: str) -> tuple[int, str]:
        file.write_text("".join(lines))
        status, said = spoken("audit", "verify", "--from", str(file), *more)
        return status, said.split("\n")[0]

    assert verify(good)[0] == 0
    hour = json.loads(good[row])["hour"]
    assert verify([*good[:row], good[row].replace(f'"hour":{hour}', f'"hour":{hour + 1}'), *good[row + 1 :]]) == (
        1,
        "h_sam row 3: altered",
    )
    fewer = [*good[:row], *good[row + 1 : -1], good[-1].replace(str(len(good)), str(len(good) - 1))]
    assert verify(fewer) == (1, "h_sam row 3: missing")
    assert verify(good[:-1]) == (1, f"(file) {len(good)}: missing")
    assert verify([*good[:row], "{\n", *good[row + 1 :]]) == (1, f"(file) {row + 1}: unreadable")
    assert verify(good, "--key", notes.new_signer("x").verifier.line) == (1, "(key) 1: wrong_key")


def test_what_cannot_be_looked_at_is_one_sentence_and_two(spoken: Any, tmp_path: Path) -> None:
    export = ("audit", "export", "--out", str(tmp_path / "x"))
    no_checkpoint = tmp_path / "letter"
    no_checkpoint.write_text("Dear Ada,\n\nnothing.\n")
    for words in (
        ("audit", "verify", "--from", str(tmp_path / "none")),
        ("audit", "verify", "--key", "nonsense"),
        ("audit", "prove", "h_nobody"),
        (*export, "--chain", "h_nobody"),
        (*export, "--chain", "h_nobody", "--checkpoint", str(tmp_path / "none")),
        (*export, "--chain", "h_nobody", "--checkpoint", str(no_checkpoint)),
        (*export, "--blind", "--since", "4"),
        ("audit", "rotate"),
    ):
        status, said = spoken(*words)
        assert (status, said.count("\n")) == (2, 1), words


@pytest.mark.parametrize("wrong", ["-1", "x", "1e3", "9" * 10, ""])
def test_a_size_that_is_none_is_refused_on_the_command_line(spoken: Any, tmp_path: Path, wrong: str) -> None:
    with pytest.raises(SystemExit) as told_:
        spoken("audit", "export", "--chain", "h_sam", "--out", str(tmp_path / "x"), f"--since={wrong}")
    assert told_.value.code == 2
    assert not (tmp_path / "x").exists()


def test_the_file_of_the_key_says_which_key_is_the_right_one(spoken: Any, tmp_path: Path) -> None:
    """A record made anew with a key of one's own is sound in itself; the key's file beside it is not its."""
    some_rows(tmp_path)
    spoken("audit", "checkpoint")
    assert spoken("audit", "verify")[0] == 0
    path = tmp_path / "var" / "record.key"
    path.unlink()
    notes.keep(path, notes.new_signer("calls.example/record"))
    status, said = spoken("audit", "verify")
    assert (status, said.split("\n")[0]) == (1, "(key) 1: wrong_key")


def test_a_record_that_was_begun_anew_in_the_same_tables_is_found_where_it_is_signed(
    spoken: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever has the database has not the key, and needs none: the house itself would sign the other history in an hour."""
    some_rows(tmp_path)
    spoken("audit", "checkpoint")
    file = tmp_path / "var" / "record.checkpoint"
    genuine = file.read_text()
    asyncio.run(emptied(tmp_path, "audit", "audit_heads", "record_keys", "checkpoints", "record_log", "record_nodes"))
    some_rows(tmp_path, 7)
    status, said = spoken("audit", "verify")
    assert (status, said.split("\n")[0]) == (1, "(kept) 1: unsigned")
    status, note = spoken("audit", "checkpoint")
    assert (status, notes.opened(note.encode(), notes.kept(tmp_path / "var" / "record.key").verifier)[0]) == (
        0,
        notes.text_of(note.encode()),
    )
    assert "does not go on from the checkpoint in record.checkpoint" in caplog.text
    assert file.read_text() == genuine
    status, said = spoken("audit", "verify")
    assert (status, said.split("\n")[0]) == (1, "(kept) 1: forked")


def test_the_checkpoint_beside_the_key_moves_on_with_an_honest_record(spoken: Any, tmp_path: Path) -> None:
    file = tmp_path / "var" / "record.checkpoint"
    for many in (0, 5, 0, 9):
        some_rows(tmp_path, many)
        assert spoken("audit", "checkpoint")[1].endswith(file.read_text())
        assert spoken("audit", "verify")[0] == 0
    assert spoken("audit", "rotate")[0] == 0
    assert spoken("audit", "verify")[0] == 0
    assert list(file.parent.glob("record.checkpoint?*")) == []


async def test_an_older_database_keeps_its_rows_and_gets_chains_that_can_be_checked(tmp_path: Path) -> None:
    url = databases.url(tmp_path / "old.sqlite")
    await migrate.migrate(url)
    db, none = await Database.open(url), bytes(32)
    async with db.begin() as tx:
        await tx.run_sync(lambda connection: command.downgrade(migrate.config(connection), "0007"))
        for chain in ("h_a", "platform"):
            for seq in (1, 2, 3):
                await rows(
                    tx,
                    "INSERT INTO audit VALUES (:c, :s, :at, 'ring', '[]', 'allow', '[]', 'x', :none, :none)",
                    c=chain, s=seq, at=seq, none=none,
                )  # fmt: skip
            await rows(tx, "INSERT INTO audit_heads VALUES (:c, 3, :none)", c=chain, none=none)
    await migrate.migrate(url)
    assert await audit.verify(db) == []
    looked, found = await record.check(db)
    assert (looked.rows, looked.chains, found) == (6, 2, [])
    await db.close()


async def of_before(tx: AsyncConnection, settings: Settings) -> str:
    """Six rows as they were hashed before hours had a commitment of their own, in a log that held the platform's chain too; all of it
    signed. The checkpoint."""
    key = notes.new_signer("calls.example/record")
    notes.keep(record_keys.file_of(settings), key)
    await rows(
        tx, "INSERT INTO record_keys (n, key, since, hand_over) VALUES (1, :key, 0, NULL)", key=key.verifier.line
    )
    growing = tree.Growing()
    for place, chain in enumerate(("h_sam", audit.PLATFORM)):
        last = bytes(32)
        for seq in (1, 2, 3):
            texts = ("decide", '["p-sam", "p-maya"]', "allow", '["a"]', "x")
            row = audit.Row(chain, seq, 1_000 * seq, *texts, last, b"", bytes([seq]) * 48)
            last = audit.hash_of(last, row.digest)
            await rows(
                tx,
                "INSERT INTO audit VALUES (:c, :s, :at, :q, :who, :v, :r, :b, :previous, :hash, :salt)",
                c=chain, s=seq, at=row.at, q=texts[0], who=texts[1], v=texts[2], r=texts[3], b=texts[4],
                previous=row.previous, hash=last, salt=row.salt,
            )  # fmt: skip
        head = checkpoints.Head(chain, 3, last)
        await rows(tx, "INSERT INTO audit_heads (chain, seq, hash) VALUES (:c, 3, :hash)", c=chain, hash=last)
        await rows(tx, "INSERT INTO record_log VALUES (:place, :c, 3, :hash)", place=place, c=chain, hash=last)
        for (level, at), hashed in growing.append(tree.leaf(head.line)):
            await rows(tx, "INSERT INTO record_nodes VALUES (:level, :at, :hash)", level=level, at=at, hash=hashed)
    said = checkpoints.Checkpoint(key.name, 2, growing.root, 4_000)
    note = notes.signed(said.text, key).decode()
    sql = "INSERT INTO checkpoints VALUES (1, 4000, 2, :root, :note)"
    await rows(tx, sql, root=said.root, note=note)
    return note


async def test_a_record_of_before_goes_on_unchanged_and_every_reader_reads_both_forms(
    settings: Settings, tmp_path: Path
) -> None:
    await migrate.migrate(settings.database_url)
    db = await Database.open(settings.database_url)
    async with db.begin() as tx:
        await tx.run_sync(lambda connection: command.downgrade(migrate.config(connection), "0009"))
        kept = await of_before(tx, settings)
        before = await rows(tx, "SELECT * FROM audit ORDER BY chain, seq")
    await migrate.migrate(settings.database_url)
    async with db.begin() as tx:
        assert sorted(await rows(tx, "SELECT chain, covered FROM audit_heads")) == [("h_sam", 3), ("platform", 3)]
        await audit.append(
            tx, ("h_sam", "o_maya", audit.PLATFORM), audit.Entry(5_000, "decide", ("p-sam",), "allow", ("a",), "x")
        )
    await checkpoints.take(db, settings, lambda: 6_000)
    async with db.begin() as tx:
        assert (await rows(tx, "SELECT * FROM audit WHERE at < 5000 ORDER BY chain, seq")) == before
        log = [tuple(one) for one in await rows(tx, "SELECT idx, chain, seq FROM record_log ORDER BY idx")]
    # the platform's chain was in the log, and goes on apart
    assert log == [(0, "h_sam", 3), (1, "platform", 3), (2, "apart", 3), (3, "h_sam", 4)]
    looked, found = await record.check(db, kept=[kept])
    assert (found, looked.rows, looked.covered) == ([], 12, 12)

    blind = [line async for line in record.blind_export(db)]
    family = [line async for line in record.family_file(db, "sam", since=(2,))]
    key = notes.kept(record_keys.file_of(settings)).verifier
    for lines in (blind, family):
        assert check_lines(lines, trusted=key, kept=[kept])[1] == []
        asked = json.dumps({"lines": lines, "kept": [kept], "key": key.line}) + "\n"
        node = ["node", str(Path(__file__).parents[1] / "conformance" / "verify_record.mjs"), "--batch"]
        run = await asyncio.to_thread(subprocess.run, node, input=asked, capture_output=True, text=True, check=True)
        assert json.loads(run.stdout) == []
    told_of = in_browser(
        tmp_path, [{"pages": ["".join(family)], "kept": {"key": key.line, "note": kept, "seq": 0, "hash": ""}}]
    )
    assert (told_of[0]["found"], told_of[0]["rows"]) == ([], 4)
    exact = [one for one in lines_of("".join(blind)) if "rest" in one and "at" in one]
    assert {one["at"] for one in exact} == {1_000, 2_000, 3_000}  # of before: nothing coarser can be checked of them
    await db.close()


def test_the_names_of_findings_are_the_ones_that_are_documented() -> None:
    page = (Path(__file__).parents[2] / "docs/reference/record.md").read_text()
    for name in record_check.What.__args__:  # type: ignore[attr-defined]  # a Literal has them
        assert f"| `{name}` |" in page, name
