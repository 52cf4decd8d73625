"""Help, reports and blocks: a parent tries to read them, and everything else tries to keep a child from them."""

from __future__ import annotations

import json
import secrets
from typing import Any, Final

from server.inspection.adapter import CouldNotSee
from server.inspection.own import FreshServer, Line, Phone, said_no
from server.inspection.scenarios.household import NOTHING, Two, around_now, ringfence, signed_now, talk, two
from server.inspection.scenarios.portable import must_not_ring
from server.inspection.stage import Scenario, Stage


async def _pages(line: Line, child: str) -> dict[str, bytes]:
    """All that a grown-up's pages read. A page that does not open is no page: two errors would always be the same."""
    paths = (
        "/api/family", "/api/decisions", "/api/people", "/api/devices", "/api/rosters", "/api/blocks", "/api/calls/live",
        "/api/calls/to-allow", f"/api/children/{child}/contacts", f"/api/children/{child}/limits", f"/api/history?child={child}",
    )  # fmt: skip
    answers = {path: await line.call("GET", path) for path in paths}
    if shut := sorted(path.partition("?")[0] for path, answer in answers.items() if answer.status != 200):
        raise CouldNotSee(f"{len(shut)} of a grown-up's pages did not open, {shut[0].replace(child, '…')} first.")
    return {path: answer.body for path, answer in answers.items()}


async def _rows(line: Line) -> list[str]:
    """The rows of the family's own record, as the family is given them."""
    file = await line.call("GET", "/api/record/file")
    if file.status != 200:
        raise CouldNotSee(f"The record of an own family was not handed out (status {file.status}).")
    return [one for one in file.body.decode().splitlines() if json.loads(one).get("is") in ("row", "head")]


async def _tells(there: Two, about: Any = None) -> int:
    """The child tells us. The status."""
    body = {"request": secrets.token_urlsafe(16), "about": about, "what": ["filmed"]}
    return (await there.maya.child.call("POST", "/api/child/reports", body)).status


async def help_private(stage: Stage) -> None:
    there = await two(stage, rings=1)
    stage.ruined(there.pair)
    call = await talk(stage, there, "audio")
    await there.one.leave(call)
    sam, femi = await stage.device(there.maya.guardian_name), await stage.device(there.theo.guardian_name)
    assert isinstance(sam, Phone)
    assert isinstance(femi, Phone)
    before = [
        await _pages(one, child) for one, child in ((there.sam, there.maya.child_id), (there.femi, there.theo.child_id))
    ]
    ours = isinstance(ringfence(stage).server, FreshServer)
    if ours:
        await signed_now(stage)  # what was done until now is in the record that a family is given
    lines = [await _rows(one) for one in (there.sam, there.femi)]
    marks = len(sam.line.seen), len(femi.line.seen)
    told = await _tells(there, {"call": call})
    await there.maya.child.post(f"/api/child/people/{there.maya_sees_theo}/block")
    own = await there.maya.child.get("/api/child/reports"), await there.maya.child.get("/api/child/blocks")
    kept = told == 200 and len(own[0]["reports"]) == 1 and len(own[1]) == 1
    stage.control(
        "A child reports a friend and blocks them.",
        "Both stand on the child's own page." if kept else f"Status {told}.",
        kept,
    )
    for who, line, child, was in (
        ("The child's grown-up", there.sam, there.maya.child_id, before[0]),
        ("The other family's grown-up", there.femi, there.theo.child_id, before[1]),
    ):
        now = await _pages(line, child)
        changed = sorted(path.partition("?")[0] for path in was if now[path] != was[path])
        seen = f"All {len(was)} are the same, byte for byte." if not changed else f"{len(changed)} have changed."
        stage.attack(f"{who} compares all their pages with those from before.", seen, not changed)
    secrets_of_the_child = {own[0]["reports"][0]["id"], there.theo.name, there.maya_sees_theo, call}
    for path in (
        "/api/child/reports",
        "/api/child/blocks",
        "/api/reports",
        f"/api/children/{there.maya.child_id}/reports",
    ):
        answer = await there.sam.call("GET", path)
        code = said_no(answer)
        told_of = [one for one in secrets_of_the_child if one.encode() in answer.body]
        seen = (
            f"Refused ({code})."
            if code
            else "It is their own, with nothing of the child's."
            if not told_of
            else "The child's is in it."
        )
        stage.attack(
            f"The child's grown-up asks for {path.replace(there.maya.child_id, '…')}.", seen, bool(code) or not told_of
        )
    signed = "It has been signed since." if ours else "What is signed later was not looked at."
    if ours:
        await signed_now(stage)
    for who, line, old in (
        ("The child's grown-up", there.sam, lines[0]),
        ("The other family's grown-up", there.femi, lines[1]),
    ):
        rows = await _rows(line)
        seen = f"{len(rows) - len(old)} more rows." if rows != old else "They are the same, byte for byte."
        stage.attack(
            f"{who} compares the rows of the family's record with those from before.", f"{seen} {signed}", rows == old
        )
    heard = [
        m["t"]
        for one, mark in ((sam, marks[0]), (femi, marks[1]))
        for m in one.line.seen[mark:]
        if m["t"] != "presence"
    ]
    stage.attack("Their live connections are listened to.", f"{len(heard)} messages came.", not heard)


async def help_open(stage: Stage) -> None:
    there = await two(stage, rings=2)
    stage.ruined(there.pair)
    call = await talk(stage, there, "audio")
    await there.one.leave(call)
    path = f"/api/children/{there.maya.child_id}/limits"
    await there.sam.post(path, {**NOTHING, "quiet": around_now(), "minutes": 1})
    await must_not_ring(stage, "Quiet hours are in force, and the child rings.", there.one, there.two, there.theo.name)
    support = await there.maya.child.call("GET", "/api/child/reports")
    code = said_no(support)
    stage.attack(
        "Quiet hours close the page that says who helps.", f"Refused ({code})." if code else "It opens.", not code
    )
    told = await _tells(there, {"ref": there.maya_sees_theo})
    stage.attack("Quiet hours keep the child from telling us.", f"Status {told}.", told == 200)
    blocked = (await there.maya.child.call("POST", f"/api/child/people/{there.maya_sees_theo}/block", {})).status
    stage.attack("Quiet hours keep the child from blocking somebody.", f"Status {blocked}.", blocked == 200)
    ended = (await there.maya.child.call("POST", f"/api/child/people/{there.maya_sees_theo}/end", {})).status
    stage.attack("Quiet hours keep the child from ending a contact.", f"Status {ended}.", ended == 200)
    out = (await there.maya.child.call("POST", "/api/sign-out", {})).status
    stage.attack("Quiet hours keep the child from signing out.", f"Status {out}.", out == 204)


SCENARIOS: Final = (
    Scenario(
        "help-private",
        "A parent reads what a child reported",
        ("help-is-private", "parents-see-little"),
        help_private,
        uses_up=True,
    ),
    Scenario("help-open", "Help when nothing else is open", ("help-always-open",), help_open, uses_up=True),
)
