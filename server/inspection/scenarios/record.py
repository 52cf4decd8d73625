"""The record of decisions: is everything in it, is it whole, does it name anybody, and what does an inspector reach."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Final

from server import record_check
from server.inspection.adapter import CouldNotSee
from server.inspection.own import FreshServer, said_no, told_no
from server.inspection.scenarios.household import SIGNED_HOURLY, refused, ringfence, signed_now, talk, two
from server.inspection.stage import Scenario, Stage


async def record_complete(stage: Stage) -> None:
    """Rows are counted on the server's disk, so that no look at them leaves one."""
    server = ringfence(stage).server
    if not isinstance(server, FreshServer):
        raise CouldNotSee(SIGNED_HOURLY)
    there = await two(stage, rings=2, back=True)
    count = await asyncio.to_thread(server.length, there.maya.name)
    await there.sam.get("/api/family")
    look = await asyncio.to_thread(server.length, there.maya.name) - count
    stage.control("A grown-up looks at the family's page.", f"{look} row more.", look > 0)

    async def leaves_rows(tried: str) -> None:
        nonlocal count
        await asyncio.sleep(0.5)  # what a call leaves is written after the cut
        now = await asyncio.to_thread(server.length, there.maya.name)
        more, count = now - count, now
        stage.attack(f"{tried} without leaving a row.", f"{more} rows more." if more else "No row more.", more > 0)

    count += look
    code = told_no(await there.one.line.ask(t="call.invite", to=["k_0123456789abcdef"], media="audio"))
    if not code:
        raise CouldNotSee("A ring to nobody was taken.")
    await leaves_rows("A child rings somebody who does not exist and is refused,")
    said = await there.one.line.ask(t="call.invite", to=[there.maya_sees_theo], media="audio")
    if told_no(said) or await there.two.wait_for_ring(10) is None:
        raise CouldNotSee("A ring to a friend did not come.")
    await leaves_rows("A child rings a friend,")
    await there.one.line.ask(t="call.cancel", call=said["call"])
    await asyncio.sleep(0.5)
    count = await asyncio.to_thread(server.length, there.maya.name)
    code = said_no(await there.sam.call("POST", "/api/contacts/g_0123456789abcdef/end", {}))
    if not code:
        raise CouldNotSee("A contact that does not exist was ended.")
    await leaves_rows("A grown-up asks for what is not theirs and is refused,")


async def record_whole(stage: Stage) -> None:
    """What the server hands out is checked here, by a reader that knows nothing but the documented format."""
    there = await two(stage, back=True)
    await there.one.leave(await talk(stage, there, "audio"))
    await signed_now(stage)
    note = await there.sam.call("GET", "/api/checkpoint")
    if note.status != 200:
        raise CouldNotSee(f"Nobody was given a signed checkpoint (status {note.status}).")
    kept = (note.body.decode(),)
    size = (*kept[0].split("\n"), "")[1]  # the next checkpoint may come between: then the proof is needed
    exported = await there.sam.call("GET", f"/api/record/file{f'?since={size}' if size.isdecimal() else ''}")
    if exported.status != 200:
        raise CouldNotSee(f"The record of an own family was not handed out (status {exported.status}).")
    lines = exported.body.decode().splitlines()
    looked, found = record_check.check_lines(lines, kept=kept)
    stage.control(
        "A family exports its own record.",
        f"{looked.rows} rows, {looked.open_rows} open, {looked.covered} under a signed checkpoint, {looked.keys} keys.",
        looked.rows > 2 and looked.covered == looked.rows,  # where nothing is signed nothing is found, either
    )
    seen = (
        f"{len(found)} findings: {found[0]}."
        if found
        else "Every row follows the one before it, to the end that was signed."
    )
    stage.attack("The server hands out a record that is altered, cut, swapped or forked.", seen, not found)
    for what, tampered in _tampered(lines).items():
        _, findings = record_check.check_lines(tampered, kept=kept)
        seen = f"Found: {findings[0].what}." if findings else "Nothing was found."
        stage.attack(f"In a copy, {what}.", seen, bool(findings))
    other = await there.femi.call("GET", "/api/record/file")
    if other.status != 200:
        raise CouldNotSee(f"The record of the other family was not handed out (status {other.status}).")
    own, others = chains(lines), chains(other.body.decode().splitlines())
    stage.attack(
        "A family reads the other family's chain in its own export.",
        f"It holds {len(own)} chain.",
        not own & others if own and others else None,
    )


def chains(lines: list[str]) -> set[str]:
    """Which chains an export holds, by their names."""
    told = map(json.loads, lines)
    return {str(one["chain"]) for one in told if one.get("is") == "chain"}


def _tampered(lines: list[str]) -> dict[str, list[str]]:
    """A copy with one thing wrong, in several ways."""
    at = [n for n, one in enumerate(lines) if json.loads(one).get("is") == "row"]
    middle = at[len(at) // 2]
    row: dict[str, Any] = json.loads(lines[middle])
    changed = row | (
        {"digest": "00" * 32} if "digest" in row else {"verdict": "deny" if row["verdict"] == "allow" else "allow"}
    )
    swapped = list(lines)
    swapped[middle], swapped[middle + 1] = swapped[middle + 1], swapped[middle]
    return {
        "a row is changed": [*lines[:middle], json.dumps(changed), *lines[middle + 1 :]],
        "a row is cut out": [*lines[:middle], *lines[middle + 1 :]],
        "two rows are swapped": swapped,
    }


async def record_names(stage: Stage) -> None:
    there = await two(stage, back=True)
    platform = ringfence(stage)
    await there.one.leave(await talk(stage, there, "audio"))
    await stage.platform.find(await stage.device(await stage.stranger()), there.maya.name)
    await signed_now(stage)
    names = [n for home in platform.homes.values() for n in (home.name, home.guardian_name)] + list(platform.grown_ups)
    places = [line.home for line in platform.lines if line.home]
    for who, line in (("The child's grown-up", there.sam), ("The other grown-up", there.femi)):
        body = (await line.call("GET", "/api/record/file")).body.decode()
        rows = body.count('"row"')
        stage.control(f"{who} exports the own record.", f"{rows} rows.", rows > 2)
        hits = sum(one in body for one in (*names, *places, there.maya_sees_theo, there.theo_sees_maya))
        seen = f"{hits} of them are in it." if hits else "None of them is in it."
        stage.attack(
            f"It is searched for {len(names)} names and {len(places)} network addresses of this run.", seen, not hits
        )
    if isinstance(platform.server, FreshServer):
        rows_on_disk = await asyncio.to_thread(platform.server.rows)
        hits = sum(one in text for text in rows_on_disk for one in (*names, *places))
        seen = f"{hits} hits in {len(rows_on_disk)} rows."
        stage.attack(
            "Every row of the record on the server's disk is searched for them.", seen, not hits and bool(rows_on_disk)
        )
        log = await asyncio.to_thread(platform.server.errors)
        hits = sum(one in log for one in (*names, *places))
        seen = f"{hits} hits in {len(log)} signs."
        stage.attack("What the server has logged is searched for them.", seen, not hits)


async def inspector(stage: Stage) -> None:
    platform = ringfence(stage)
    if not platform.key:
        raise CouldNotSee("No inspector's key was given (--key-file).")
    there = await two(stage, back=True)
    nobody = platform.line(platform.new_home())
    key = {"Authorization": f"Bearer {platform.key}"}
    pages = ("rules", "promises", "measures", "transparency", "decisions", "record")
    told = {one: await nobody.call("GET", f"/api/inspector/{one}", None, **key) for one in pages}
    opened = [one for one, answer in told.items() if answer.status == 200]
    stage.control(
        "With the key an inspector reads the evidence.",
        f"{len(opened)} of {len(pages)} pages open.",
        len(opened) == len(pages),
    )
    signs = [there.maya.name, there.maya.guardian_name, there.theo.name, there.maya.child_id, there.maya_sees_theo]
    hits = sorted(one for one, answer in told.items() if any(sign.encode() in answer.body for sign in signs))
    stage.attack(
        "These pages are searched for a family.", f"Named on {hits}." if hits else "It is on none of them.", not hits
    )
    for what, method, path, body in (
        ("a family's page", "GET", "/api/family", None),
        ("a child's page", "GET", "/api/child/home", None),
        ("a child's contacts", "GET", f"/api/children/{there.maya.child_id}/contacts", None),
        ("a family's record", "GET", "/api/record", None),
        ("a ticket for the live connection", "POST", "/api/ws-ticket", {}),
        ("the end of a contact", "POST", f"/api/contacts/{await there.ref()}/end", {}),
    ):
        await refused(stage, f"With the key somebody asks for {what}.", await nobody.call(method, path, body, **key))
    for one in pages[3:]:
        await refused(
            stage, f"A grown-up of a family asks for {one}.", await there.sam.call("GET", f"/api/inspector/{one}")
        )
    await there.one.leave(await talk(stage, there, "audio"))


SCENARIOS: Final = (
    Scenario("record-complete", "Doing something that leaves no row", ("one-door",), record_complete),
    Scenario("record-whole", "A record that was tampered with", ("record-is-tamper-evident",), record_whole),
    Scenario("record-names", "Names in the record", ("no-names-in-records",), record_names),
    Scenario("inspector", "What an inspector's key opens", ("inspector-reaches-no-family",), inspector),
)
