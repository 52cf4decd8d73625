"""Blocking: it works at once and both ways, nobody but the one who did it ever sees it, and no grown-up's page can."""

from __future__ import annotations

import ast
import asyncio
import json
from itertools import pairwise
from typing import Any

import pytest

from server import api, audit, chains, retention
from server.api import keys
from server.settings import ROOT
from tests.house import DAY, Families, House, Two
from tests.integration.families import can_ring, ends, grandmother, last_no, look, put, rung_up, same, sees_anybody
from tests.peers import Browserless

#: Who may name the table of blocks, and why. Whoever is not here cannot show one.
MAY_READ = {
    "server/db/models.py": "it is declared there",
    "server/blocks.py": "the zone itself: only one's own rows",
    "server/facts.py": "the rules must know; they tell it to nobody",
    "server/retention.py": "deletes what could no longer be undone; shows nothing",
    "server/data_map.py": "says in words that there is such a table; reads none",
    "server/inspection/scenarios/later.py": "counts what went of it, on the disk of a server that an inspection started for itself",
}


async def people(device: Browserless) -> list[str]:
    return [one["name"] for one in (await device.get("/api/child/home"))["people"]]


async def test_a_block_ends_a_live_call_for_both_and_tells_neither_why(families: Families) -> None:
    two = await families.two()
    call = await rung_up(two.theo, two.maya, two.theo_sees_maya)
    assert await two.maya.post(f"/api/child/people/{two.maya_sees_theo}/block") == {}
    told = [await ends(two.maya, call), await ends(two.theo, call)]
    assert told == ["left", "left"], "as when somebody has to go"


async def test_who_blocked_loses_them_from_the_page_and_finds_them_in_a_list_of_their_own(
    house: House, families: Families
) -> None:
    two = await families.two()
    assert await people(two.maya) == ["Theo"]
    await two.maya.post(f"/api/child/people/{two.maya_sees_theo}/block")
    assert await people(two.maya) == []
    listed = await two.maya.get("/api/child/blocks")
    assert [(one["ref"], one["name"]) for one in listed] == [(two.maya_sees_theo, "Theo")]
    assert set(listed[0]) == {"ref", "name", "avatar", "ground", "at"}
    assert not await can_ring(house, "Maya", "Theo")
    await two.maya.post(f"/api/child/people/{two.maya_sees_theo}/unblock")
    assert await two.maya.get("/api/child/blocks") == []
    assert await people(two.maya) == ["Theo"]
    assert await can_ring(house, "Maya", "Theo")


async def test_the_one_who_is_blocked_sees_pages_as_before_somebody_away_and_a_ring_that_finds_nobody(
    house: House, families: Families
) -> None:
    two = await families.two()
    await two.maya.connect()
    await two.theo.connect()
    await two.theo.until(lambda m: m["t"] in ("welcome", "presence") and two.theo_sees_maya in json.dumps(m))
    before, mark = await two.theo.get("/api/child/home"), len(two.theo.seen)
    await two.maya.post(f"/api/child/people/{two.maya_sees_theo}/block")
    away = await two.theo.until(lambda m: m["t"] == "presence", since=mark)
    assert [(one["ref"], one["status"]) for one in away["people"]] == [(two.theo_sees_maya, "away")]
    assert await two.theo.get("/api/child/home") == before
    assert await two.theo.get("/api/child/blocks") == []
    refused = await two.theo.ask(t="call.invite", to=[two.theo_sees_maya], media="audio")
    nobody = await two.theo.ask(t="call.invite", to=["k_nobody00000000000"], media="audio")
    assert (refused["t"], refused["code"]) == (nobody["t"], nobody["code"]) == ("err", "not_found")
    assert "changed" not in {message["t"] for message in two.theo.seen[mark:]}
    assert not await sees_anybody(house, "Theo")


async def test_unblocking_takes_back_ones_own_block_only(house: House, families: Families) -> None:
    two = await families.two()
    await two.maya.post(f"/api/child/people/{two.maya_sees_theo}/block")
    await two.theo.post(f"/api/child/people/{two.theo_sees_maya}/block")
    await two.maya.post(f"/api/child/people/{two.maya_sees_theo}/unblock")
    assert not await can_ring(house, "Maya", "Theo")
    assert "blocked" in await last_no(house, "ring")
    await two.theo.post(f"/api/child/people/{two.theo_sees_maya}/unblock")
    assert await can_ring(house, "Maya", "Theo")


@pytest.mark.parametrize("what", ["block", "unblock"])
async def test_a_ref_that_leads_nowhere_and_one_that_is_somebody_elses_are_one_answer_and_change_nothing(
    house: House, families: Families, what: str
) -> None:
    two = await families.two()
    real = await two.maya.call("POST", f"/api/child/people/{two.maya_sees_theo}/{what}", {})
    await two.maya.post(f"/api/child/people/{two.maya_sees_theo}/unblock")
    notices = await look(house, "SELECT COUNT(*) FROM notices")
    for ref in ("k_nobody", two.theo_sees_maya, "g_" + two.maya_sees_theo[2:]):
        tried = await two.maya.call("POST", f"/api/child/people/{ref}/{what}", {})
        assert same(tried, real), ref
    assert await look(house, "SELECT COUNT(*) FROM blocks") == [(0,)]
    assert await look(house, "SELECT COUNT(*) FROM notices") == notices


async def test_a_guardian_cannot_block_with_the_refs_of_a_child(house: House, families: Families) -> None:
    two = await families.two()
    for ref in (two.maya_sees_theo, "g_" + two.maya_sees_theo[2:]):
        await two.sam.post(f"/api/people/{ref}/block")
    assert await look(house, "SELECT COUNT(*) FROM blocks") == [(0,)]


async def test_a_block_works_in_quiet_hours_and_twice_is_once(house: House, families: Families) -> None:
    two = await families.two()
    await put(
        house,
        "INSERT INTO limits (child_id, quiet_from, quiet_until, stage_on, set_at) VALUES (:c, 0, 1439, :no, 1)",
        c=two.maya_id,
        no=False,
    )
    for _ in range(2):
        await two.maya.post(f"/api/child/people/{two.maya_sees_theo}/block")
    assert await look(house, "SELECT COUNT(*) FROM blocks") == [(1,)]


async def test_a_grown_up_may_block_too_and_is_the_only_one_who_sees_it(house: House, families: Families) -> None:
    two = await families.two(friends=False)
    gran = await grandmother(families, two.maya, two.sam, two.maya_id)
    ref = (await gran.get("/api/people"))[0]["ref"]
    await gran.post(f"/api/people/{ref}/block")
    assert await gran.get("/api/people") == []
    assert [one["name"] for one in await gran.get("/api/blocks")] == ["Maya"]
    assert await people(two.maya) == ["Gran"]
    assert await two.maya.get("/api/child/blocks") == await two.sam.get("/api/blocks") == []
    await gran.post(f"/api/people/{ref}/unblock")
    assert [one["name"] for one in await gran.get("/api/people")] == ["Maya"]


# -- what no grown-up's API can read -------------------------------------------------------------------------------------


async def everything_a_grown_up_sees(device: Browserless, two: Two) -> dict[str, Any]:
    """Every page of the API, with every id of the family put in."""
    seen = {}
    for route in api.ROUTES:
        if route.method != "GET" or route.path in ("/ws", "/healthz"):
            continue
        for child in (two.maya_id, two.theo_id):
            path = route.path.replace("{id}", child) + (f"?child={child}" if route.path == "/api/history" else "")
            answer = await device.call("GET", path)
            seen[path] = (answer.status, answer.body)
    return seen


@pytest.mark.parametrize("kept", ["fresh", "with a history"])
async def test_nothing_that_a_guardian_can_look_at_is_different_for_a_block(
    house: House, families: Families, kept: str
) -> None:
    two = await families.two()
    if kept == "with a history":
        call = await rung_up(two.maya, two.theo, two.maya_sees_theo)
        await two.maya.ask(t="call.leave", call=call)
        await ends(two.theo, call)
    before = {
        name: await everything_a_grown_up_sees(device, two) for name, device in (("sam", two.sam), ("femi", two.femi))
    }
    assert b"Theo" in before["sam"][f"/api/children/{two.maya_id}/contacts"][1]
    await two.maya.post(f"/api/child/people/{two.maya_sees_theo}/block")
    await house.app[keys.FOLLOWER].catch_up()
    for name, device in (("sam", two.sam), ("femi", two.femi)):
        assert await everything_a_grown_up_sees(device, two) == before[name]


def test_no_other_module_of_the_house_reads_the_table_of_blocks() -> None:
    """Neither by its name in Python nor by its name in SQL."""
    found = set()
    for file in ROOT.glob("server/**/*.py"):
        path = file.relative_to(ROOT).as_posix()
        for node in ast.walk(ast.parse(file.read_text())):
            imports = (
                isinstance(node, ast.ImportFrom)
                and node.module == "server.db.models"
                and any(alias.name in ("blocks", "*") for alias in node.names)
            )
            says = isinstance(node, ast.Constant) and isinstance(node.value, str) and _names_the_table(node.value)
            reaches = isinstance(node, ast.Attribute) and node.attr == "blocks" and ast.unparse(node.value) == "models"
            if imports or says or reaches:
                found.add(path)
    assert found == set(MAY_READ)


def _names_the_table(text: str) -> bool:
    words = text.replace("(", " ").replace(",", " ").split()
    return text == "blocks" or any(
        one.upper() in ("FROM", "JOIN", "INTO", "UPDATE") and after.lower().startswith("blocks")
        for one, after in pairwise(words)
    )


async def test_who_blocked_whom_stands_in_no_familys_record(house: House, families: Families) -> None:
    two = await families.two()
    await two.maya.post(f"/api/child/people/{two.maya_sees_theo}/block")
    await two.maya.get("/api/child/blocks")
    await two.maya.post(f"/api/child/people/{two.maya_sees_theo}/unblock")
    mine = await look(house, "SELECT pseudonym FROM people WHERE id = :id", id=two.maya_id)
    for question in ("block", "look_at_blocks", "unblock"):
        rows = await look(house, "SELECT chain, who, verdict FROM audit WHERE question = :q", q=question)
        assert [(chain, json.loads(who), verdict) for chain, who, verdict in rows] == [
            (audit.PLATFORM, [mine[0][0]], "allow")
        ]


async def test_a_ring_to_who_has_blocked_me_leaves_as_many_rows_in_my_chain_as_one_to_nobody_and_none_with_a_family(
    house: House, families: Families
) -> None:
    """Nobody is shown the chain of their own. If they ever are, no block is found by counting rows."""
    two = await families.two()
    await two.maya.connect()
    await two.theo.connect()
    [mine], [theirs] = [
        await look(house, "SELECT pseudonym, household_id FROM people WHERE id = :id", id=person)
        for person in (two.maya_id, two.theo_id)
    ]

    async def rows_of(chain: str) -> list[tuple[str, str]]:
        sql = "SELECT question, rules FROM audit WHERE chain = :chain ORDER BY seq"
        return [(question, rules) for question, rules in await look(house, sql, chain=chain)]

    async def more(to: str) -> list[tuple[str, str]]:
        before = len(await rows_of(chains.of_person(mine[0])))
        said = await two.maya.ask(t="call.invite", to=[to], media="audio")
        assert (said["t"], said["code"]) == ("err", "not_found")
        return (await rows_of(chains.of_person(mine[0])))[before:]

    families_rows = [await rows_of(chains.of_household(home)) for _, home in (mine, theirs)]
    assert [question for question, _ in await more("k_0123456789abcdef")] == ["ring"]
    await two.theo.post(f"/api/child/people/{two.theo_sees_maya}/block")
    async with asyncio.timeout(5):  # the live calls hear of the block, and ask again who may be seen
        while await look(house, "SELECT 1 FROM notices WHERE done_at IS NULL"):
            await asyncio.sleep(0.01)
    assert await more(two.maya_sees_theo) == [("ring", '["not-told"]')]
    assert "blocked" in await last_no(house, "ring")
    for pseudonym, _ in (mine, theirs):
        assert not [rules for _, rules in await rows_of(chains.of_person(pseudonym)) if "blocked" in rules]
    assert [await rows_of(chains.of_household(home)) for _, home in (mine, theirs)] == families_rows


async def test_a_block_goes_with_the_last_contact_that_it_could_be_undone_from(
    house: House, families: Families
) -> None:
    two = await families.two()
    await two.maya.post(f"/api/child/people/{two.maya_sees_theo}/block")
    await two.maya.post(f"/api/child/people/{two.maya_sees_theo}/end")
    house.hand.forward(300 * DAY)
    await retention.sweep(house.db, house.app[keys.CLOCK].now())
    assert await look(house, "SELECT COUNT(*) FROM blocks") == [(1,)]
    house.hand.forward(100 * DAY)
    await retention.sweep(house.db, house.app[keys.CLOCK].now())
    assert await look(house, "SELECT COUNT(*) FROM blocks") == [(0,)]
    assert await look(house, "SELECT COUNT(*) FROM contacts") == [(0,)]
