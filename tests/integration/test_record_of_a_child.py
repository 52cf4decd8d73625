"""A grown-up who polls everything that a grown-up may fetch, before and after a child calls, tries, reports, blocks and opens Help, learns
nothing of it from the record: neither rows, nor how many there are, nor where a chain ends, nor how long the log is.

Between two checkpoints every answer is the same to the byte. A checkpoint brings new hashes and a new signature whatever happened, so
there two houses are compared that differ in nothing but what the children do: what is not random in their answers is the same,
sizes too. The control is a grown-up's own act, which shows.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from server import api, audit, chains, checkpoints
from server.api import keys
from server.policy import Verb
from server.policy.facts import REACH_VERBS
from server.record_check import check_lines
from tests.house import Families, House, Two, open_house
from tests.integration.families import ends, look, rung_up
from tests.peers import Browserless

RECORD = ("/api/record", "/api/record?after=1", "/api/record?since=1", "/api/record/file", "/api/record/file?since=1")

#: Where a parent sees of a call who, when and how long, as the families agreed (row 52).
CALLS_ARE_SEEN = ("/api/history", "/api/calls/live")
#: What anybody may read, or an inspector only: nothing of a child is in it, and it is held to that elsewhere.
NOT_OF_A_FAMILY = ("/api/inspector", "/api/words", "/api/promises")


async def sign(house: House) -> None:
    await checkpoints.take(house.db, house.settings, house.app[keys.CLOCK].now)


async def polled(device: Browserless, two: Two) -> dict[str, tuple[int, bytes]]:
    """Every answer of the API to this grown-up, with every id that they have put in."""
    paths = [*RECORD]
    for route in api.ROUTES:
        if route.method == "GET" and route.path.startswith("/api/") and not route.path.startswith(NOT_OF_A_FAMILY):
            paths += [
                route.path.replace("{id}", child) + (f"?child={child}" if route.path == "/api/history" else "")
                for child in (two.maya_id, two.theo_id)
            ]
    answers = {path: await device.call("GET", path) for path in dict.fromkeys(paths)}
    return {path: (answer.status, answer.body) for path, answer in answers.items()}


async def asks_for_help_and_blocks(two: Two) -> None:
    """Opens Help, reports, looks whom they have blocked, blocks and takes it back."""
    for path in ("/api/child/home", "/api/child/limits", "/api/child/reports", "/api/child/blocks"):
        await two.maya.get(path)
    said = {"request": "r" * 16, "about": {"ref": two.maya_sees_theo}, "what": ["filmed"]}
    await two.maya.post("/api/child/reports", said)
    for what in ("block", "unblock"):
        await two.maya.post(f"/api/child/people/{two.maya_sees_theo}/{what}")


async def tries_and_calls(two: Two) -> None:
    """Comes, rings nobody, calls Theo, leaves."""
    call = await rung_up(two.maya, two.theo, two.maya_sees_theo)
    await two.maya.ask(t="call.leave", call=call)
    await ends(two.theo, call)
    assert (await two.maya.ask(t="call.invite", to=["k_0123456789abcdef"], media="audio"))["t"] == "err"
    await two.theo.post(f"/api/child/people/{two.theo_sees_maya}/block")
    assert (await two.maya.ask(t="call.invite", to=[two.maya_sees_theo], media="audio"))["t"] == "err"
    await two.theo.post(f"/api/child/people/{two.theo_sees_maya}/unblock")


async def test_every_answer_to_a_grown_up_is_the_same_before_and_after_a_child_asks_for_help_reports_blocks_and_calls(
    house: House, families: Families
) -> None:
    two = await families.two()
    await sign(house)
    grown_ups = (two.sam, two.femi)
    before = [await polled(one, two) for one in grown_ups]
    assert b'"add_child"' in before[0]["/api/record"][1]
    held = await look(house, "SELECT COUNT(*) FROM audit")
    await asks_for_help_and_blocks(two)
    await tries_and_calls(two)
    await house.app[keys.FOLLOWER].catch_up()
    assert (await look(house, "SELECT COUNT(*) FROM audit"))[0][0] > held[0][0] + 10  # it was asked, and written down
    after = [await polled(one, two) for one in grown_ups]
    changed = {path for one, other in zip(before, after, strict=True) for path in one if one[path] != other[path]}
    assert not {path for path in changed if not path.startswith(CALLS_ARE_SEEN)}


HEX = re.compile(r"[0-9a-f]{32,}")


def shape(path: str, status: int, body: bytes) -> Any:
    """What is not chance in an answer about the record: its length, and everything but hashes, salts, signatures, times and ids."""
    text = body.decode()
    if path.startswith("/api/checkpoint"):
        return status, len(body), text.split("\n")[1]
    lines = []
    for line in text.splitlines():
        it = json.loads(line)
        note = it.pop("note", "")
        it = {name: value for name, value in it.items() if name not in ("at", "chain", "key", "since")}
        if "index" in it:
            it["index"] //= 2  # of two families, whose chain comes first in the log is chance
        lines.append((note.split("\n")[1:2], HEX.sub("#", json.dumps(it))))
    return status, len(body), lines


async def story(folder: Path, *, busy: bool) -> list[dict[str, Any]]:
    """Three hours of two families: what a grown-up is told in each. In the last one a busy house's grown-up does something, too."""
    told = []
    async with open_house(folder) as house:
        two = await Families(house).two()

        async def hour() -> None:
            await sign(house)
            answers = {path: await two.sam.call("GET", path) for path in (*RECORD, "/api/checkpoint")}
            told.append({path: shape(path, one.status, one.body) for path, one in answers.items()})
            lines = answers["/api/record/file"].body.decode().splitlines()
            looked, found = check_lines(lines)
            assert (found, looked.open_rows) == ([], looked.rows)  # no row is there that the family may not read

        await hour()
        if busy:
            await asks_for_help_and_blocks(two)
        await hour()
        if busy:
            await tries_and_calls(two)
        await hour()
        if busy:
            await two.sam.post(f"/api/children/{two.maya_id}/limits", {"quiet": None, "minutes": 30})
        await hour()
    return told


async def test_when_it_is_signed_a_house_in_which_children_did_all_that_tells_a_grown_up_what_an_idle_one_tells(
    tmp_path: Path,
) -> None:
    idle, busy = await story(tmp_path / "idle", busy=False), await story(tmp_path / "busy", busy=True)
    for hour in range(3):
        assert busy[hour] == idle[hour], hour
    assert idle[0] != idle[1]  # each hour the log is one longer, whatever was done in it
    # the control: what a grown-up did shows, in the rows and in how long the log is
    for path in ("/api/record", "/api/record/file", "/api/checkpoint"):
        assert busy[3][path] != idle[3][path], path
    assert "change_limit" in str(busy[3]["/api/record"])
    assert "change_limit" not in str(idle[3]["/api/record"])


async def test_no_row_that_a_child_asked_for_or_that_concerns_a_child_from_elsewhere_is_in_a_familys_chain(
    house: House, families: Families
) -> None:
    two = await families.two()
    await tries_and_calls(two)
    await asks_for_help_and_blocks(two)
    await two.maya.post(f"/api/child/people/{two.maya_sees_theo}/end")
    people = await look(house, "SELECT name, kind, pseudonym, household_id FROM people")
    own = {name: chains.of_person(pseudonym) for name, _, pseudonym, _ in people}
    for name, kind, pseudonym, home in people:
        chain = chains.of_household(home)
        rows = await look(house, "SELECT question, who FROM audit WHERE chain = :c", c=chain)
        grown_ups = {one[2] for one in people if one[1] != "child" and one[3] == home}
        assert rows, name
        assert {json.loads(who)[0] for _, who in rows} <= grown_ups
        assert {question for question, _ in rows} <= {verb.value for verb in chains.SHOWN}
        if kind == "child":
            assert pseudonym not in chain
            asked = {one[0] for one in await look(house, "SELECT question FROM audit WHERE chain = :c", c=own[name])}
            assert {"connect", "ring", "answer"} & asked
    assert {"look_at_home", "end_contact", "look_at_own_limits"} <= {
        one[0] for one in await look(house, "SELECT question FROM audit WHERE chain = :c", c=own["Maya"])
    }
    for question in ("help", "report", "block", "unblock"):
        found = await look(house, "SELECT DISTINCT chain FROM audit WHERE question = :q", q=question)
        assert [tuple(one) for one in found] == [(audit.PLATFORM,)], question


@pytest.mark.parametrize("what", ["look_at_family", "ring"])
def test_what_a_grown_up_looks_at_or_whom_they_call_stands_in_a_chain_of_their_own(what: str) -> None:
    people = [("p-sam", "h_sam"), ("p-maya", "h_sam"), ("p-theo", "h_femi")]
    assert chains.concerning(Verb(what), "h_sam", people) == tuple(chains.of_person(one) for one, _ in people)
    shown = chains.concerning(Verb.END_CONTACT, "h_sam", people)
    assert shown == ("h_sam", chains.of_person("p-theo"))  # never in the other family's
    assert chains.concerning(Verb.END_CONTACT, "", people) == tuple(chains.of_person(one) for one, _ in people)
    assert chains.concerning(Verb.CONNECT, "", []) == (audit.PLATFORM,)


def test_nothing_of_which_a_block_is_asked_is_ever_shown_to_a_family() -> None:
    assert not chains.SHOWN & REACH_VERBS
