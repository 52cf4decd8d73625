"""What a child says and others would rather not hear: a no, that a limit is unfair, that somebody filmed them."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from server.inspection.adapter import CouldNotSee
from server.inspection.own import FreshServer, Home, Phone
from server.inspection.scenarios.household import (
    NOTHING,
    Two,
    how_it_ended,
    not_permitted,
    phone,
    refused,
    ringfence,
    sees_call,
    stops,
    talk,
    two,
)
from server.inspection.scenarios.portable import must_not_ring
from server.inspection.stage import Scenario, Stage

# -- a child says no ------------------------------------------------------------------------------------------------------


async def child_says_no(stage: Stage) -> None:
    """Each no twice, once by the child and once by the child's grown-up: the other family must not be able to tell them apart."""
    there = await two(stage, rings=2)
    femi = await phone(stage, there.theo.guardian_name)
    at_first = await _their_pages(there, without_contact=True)
    ended: list[_ToldOf] = []
    declined: list[_ToldOf] = []
    for by_child in (True, False):
        if not by_child:
            await stage.approve(there.pair.a, there.pair.b)
            refs, both = ringfence(stage).refs, (there.maya.name, there.theo.name)
            there.maya_sees_theo, there.theo_sees_maya = refs[both], refs[both[::-1]]
        ended.append(await _ends(stage, there, femi, by_child=by_child))
        declined.append(await _declines(stage, there, femi, by_child=by_child))
    for what, (of_child, of_grown_up) in (
        ("a contact that was ended", ended),
        ("a request that was refused", declined),
    ):
        same = of_child == of_grown_up and of_child.pages == at_first
        seen = f"Both times the same: {of_child.said()}." if same else f"{of_child.said()}; and {of_grown_up.said()}."
        stage.attack(f"The other family reads in {what} whether it was the child or the grown-up.", seen, same)
        names = sum(one in of_child.text for one in (there.maya.name, there.maya.guardian_name))
        stage.attack(
            f"All that they were told of {what} is searched for names.",
            f"{names} are in it." if names else "None is in it.",
            not names,
        )


@dataclass(frozen=True, slots=True)
class _ToldOf:
    """What the other family was told: kinds of messages with the reasons and names in them, and their pages. ``text``: all of it."""

    messages: frozenset[tuple[str, str, str]]
    pages: str
    text: str = field(compare=False)

    def said(self) -> str:
        return ", ".join(sorted(" ".join(part for part in one if part) for one in self.messages))


async def _ends(stage: Stage, there: Two, femi: Phone, *, by_child: bool) -> _ToldOf:
    call = await talk(stage, there, "audio")
    if not all(await asyncio.gather(*(sees_call(one, call) for one in (there.sam, there.femi)))):
        raise CouldNotSee("A call was not written down, so who is told what of its end would be chance.")
    marks = len(there.two.line.seen), len(femi.line.seen)
    if by_child:
        clicked = time.monotonic()
        done = await there.maya.child.call("POST", f"/api/child/people/{there.maya_sees_theo}/end", {})
        stage.control("A child ends a contact, in a call.", f"Status {done.status}.", done.status == 200)
        await stops(stage, "The other child stays in the call.", clicked, there.one, there.two)
        await _nobody_is_asked(stage, there)
        await must_not_ring(stage, "The other child rings again.", there.two, there.one, there.maya.name)
        await refused(
            stage,
            "The child's own grown-up switches the ended contact on again.",
            await there.sam.call(
                "POST", f"/api/contacts/g_{there.maya_sees_theo[2:]}/allow", {"voice": True, "video": True}
            ),
        )
    else:
        await there.sam.post(f"/api/contacts/{await there.ref()}/end")
    await how_it_ended(there.two, call, 5)
    return await _told(there, femi, marks)


async def _declines(stage: Stage, there: Two, femi: Phone, *, by_child: bool) -> _ToldOf:
    marks = len(there.two.line.seen), len(femi.line.seen)
    words = (await there.maya.child.post("/api/child/friend-code"))["words"]
    typed = {"words": words, "how_known": "class"}
    await there.theo.child.post("/api/child/friend-code/enter", typed)
    (ask,) = [one for one in (await there.maya.child.get("/api/child/home"))["asks"] if one["waiting_for_me"]]
    if by_child:
        said = await there.maya.child.call("POST", f"/api/child/asks/{ask['id']}/answer", {"yes": False})
        stage.control("A child refuses a request.", f"Status {said.status}.", said.status == 200)
        await _nobody_is_asked(stage, there)
        await refused(
            stage,
            "The child's own grown-up says yes in the child's place.",
            await there.sam.call("POST", f"/api/decisions/{ask['id']}", {"answer": "camera", "how_known": "met"}),
        )
        await refused(
            stage,
            "The other child types the same words again.",
            await there.theo.child.call("POST", "/api/child/friend-code/enter", typed),
        )
    else:
        await there.maya.child.post(f"/api/child/asks/{ask['id']}/answer", {"yes": True, "how_known": "class"})
        await there.sam.post(f"/api/decisions/{ask['id']}", {"answer": "no"})
    return await _told(there, femi, marks)


async def _nobody_is_asked(stage: Stage, there: Two) -> None:
    waiting = [*await there.sam.get("/api/decisions"), *await there.sam.get("/api/calls/to-allow")]
    asked = [one for one in waiting if (one["child"] or {}).get("id") == there.maya.child_id]
    seen = f"{len(asked)} questions wait for them." if asked else "Nothing waits for them."
    stage.attack("The child's grown-up is asked whether the child may.", seen, not asked)


async def _told(there: Two, femi: Phone, marks: tuple[int, int]) -> _ToldOf:
    """Since these marks. The pages are fetched when the wire has said that they have changed, as pages do."""
    messages: list[dict[str, Any]] = []
    for one, mark in zip((there.two, femi), marks, strict=True):
        await one.line.expect("changed", since=mark, seconds=5)
        messages += one.line.seen[mark:]
    pages = await _their_pages(there)
    kinds = frozenset(
        (str(told["t"]), str(told.get("code", "")), str(told.get("who", "")))
        for told in messages
        if told["t"] in ("changed", "call.ended", "call.peer_left", "err") and not told.get("re")
    )
    return _ToldOf(kinds, pages, json.dumps(messages) + pages)


async def _their_pages(there: Two, *, without_contact: bool = False) -> str:
    """What Theo's page and his grown-up's show of people and questions. ``without_contact``: as if there were none with Maya."""
    child, grown_up = there.theo.child, there.femi
    home = await child.get("/api/child/home")
    told = [
        [home["people"], home["asks"], home["grown_ups"]],
        await grown_up.get("/api/decisions"),
        await grown_up.get(f"/api/children/{there.theo.child_id}/contacts"),
        await grown_up.get("/api/calls/to-allow"),
        (await grown_up.get("/api/family"))["decisions"],
    ]
    if without_contact:
        told[0][0] = [one for one in told[0][0] if one["ref"] != there.theo_sees_maya]
        told[2] = [one for one in told[2] if one["ref"][2:] != there.theo_sees_maya[2:]]
    return json.dumps(told, sort_keys=True)


# -- a limit that a child finds unfair ---------------------------------------------------------------------------------------------


async def unfair(stage: Stage) -> None:
    there = await two(stage, rings=0, back=True)
    sam, child = there.sam, there.maya.child
    about = f"/api/children/{there.maya.child_id}"
    watching = await phone(stage, there.maya.guardian_name)
    wall = datetime.now(ZoneInfo("Europe/London")) + timedelta(hours=10)
    quiet = {"from": f"{wall:%H:%M}", "until": f"{wall + timedelta(hours=1):%H:%M}"}
    await sam.post(f"{about}/limits", {"quiet": quiet, "minutes": 45})
    theirs, own = await sam.get(f"{about}/limits"), await child.get("/api/child/limits")
    hidden = sorted(name for name in theirs if own.get(name) != theirs[name])
    seen = (
        f"Not shown to the child as it is: {', '.join(hidden)}."
        if hidden
        else f"Both show the same {len(theirs)} things."
    )
    set_ = (theirs["quiet"], theirs["minutes"]) == (quiet, 45)
    stage.control("A grown-up sets quiet hours and minutes.", "They are set." if set_ else "They are not.", set_)
    stage.attack("The grown-up's page is searched for a limit that the child's page does not show.", seen, not hidden)
    says, stranger = {"unfair": True}, ringfence(stage).line_of(await stage.stranger())
    for who, line, path in (
        ("The child's grown-up", sam, "/api/child/limits/object"),
        ("The child's grown-up", sam, f"{about}/limits/object"),
        ("Another family's grown-up", there.femi, f"{about}/limits/object"),
        ("Another child", there.theo.child, f"{about}/limits/object"),
        ("A stranger", stranger, "/api/child/limits/object"),
    ):
        await refused(stage, f"{who} says in the child's place that it is unfair.", await line.call("POST", path, says))
    for who, line in (("Another child", there.theo.child), ("Nobody", ringfence(stage).line(child.home))):
        answer = await line.call("POST", "/api/child/limits/object", {**says, "child": there.maya.child_id})
        await refused(stage, f"{who} says it with the child's id beside it.", answer)
    said = await _objected(there, about)
    stage.attack(
        "The page is looked at after that.", "It says that it was said." if said else "It says nothing of it.", not said
    )
    mark = len(watching.line.seen)
    taken = await child.call("POST", "/api/child/limits/object", says)
    stage.control("The child says that it is unfair.", f"Status {taken.status}.", taken.status == 200)
    rang = await stage.true(lambda: _family_changed(watching, mark), 3)
    said = await _objected(there, about)
    stage.attack(
        "The child's word is hushed up: the grown-up's page is looked at.",
        f"It {'says' if said else 'does not say'} that it was said, and was {'' if rang else 'not '}told at once to look.",
        said and rang,
    )
    now = await sam.get(f"{about}/limits")
    stays = (now["quiet"], now["minutes"]) == (quiet, 45)
    stage.attack(
        "To have said so is taken for an end of the limit.", "It stays in force." if stays else "It is gone.", stays
    )
    await not_permitted(
        stage, "The child takes the limit away.", await child.call("POST", "/api/child/limits", NOTHING)
    )
    await refused(
        stage,
        "The grown-up takes the child's word back.",
        await sam.call("POST", f"{about}/limits/object", {"unfair": False}),
    )
    said = await _objected(there, about)
    stage.attack("The child's word is gone after that.", "It stands." if said else "It is gone.", said)
    await child.post("/api/child/limits/object", {"unfair": False})
    said = await _objected(there, about)
    stage.control("The child takes it back.", "It is gone." if not said else "It still stands.", not said)
    await sam.post(f"{about}/limits", NOTHING)


def _family_changed(phone: Phone, mark: int) -> bool:
    return any(one["t"] == "changed" and "family" in one["what"] for one in phone.line.seen[mark:])


async def _objected(there: Two, about: str) -> bool:
    """Whether both of the grown-up's pages say that the child said so. They must say the same."""
    of = {one["id"]: one["objected"] for one in (await there.sam.get("/api/family"))["children"]}[there.maya.child_id]
    if bool((await there.sam.get(f"{about}/limits"))["objected_at"]) is not of:
        raise CouldNotSee("Two pages of a grown-up say different things of what the child said.")
    return bool(of)


# -- a report and its clock -----------------------------------------------------------------------------------------------------------

MOST_HOURS: Final = 48
SAME_CLOCK: Final = 1.0  # hours by which the server's clock and ours may differ


async def look_by(stage: Stage) -> None:
    """What comes after the 48 hours is another story."""
    home = ringfence(stage).home_of(await stage.family("Lea", back=True))
    tells = {"request": secrets.token_urlsafe(16), "about": None, "what": ["filmed"]}
    first = await _reports(home, tells)
    stage.control("A child tells us that somebody filmed them.", f"It is {first['state']!r}.", first["state"] == "open")
    hours = (first["look_by"] - time.time() * 1000) / 3_600_000
    seen = f"A helper looks within {hours:.0f} hours." if hours > 0 else "The time has passed already."
    stage.attack(
        f"The child is told no time, or one that is more than {MOST_HOURS} hours away.",
        seen,
        0 < hours <= MOST_HOURS + SAME_CLOCK and first["look_by"] - first["at"] <= MOST_HOURS * 3_600_000,
    )
    again = await _reports(home, tells)
    more = await _reports(home, {**tells, "request": secrets.token_urlsafe(16), "what": ["threat"]})
    later = max(again["look_by"], more["look_by"]) - first["look_by"]
    stage.attack(
        "The child tells it again, and the time is put off.",
        f"It is put off by {later / 60_000:.0f} minutes." if later > 0 else "The time stays.",
        later <= 0,
    )
    made_up = {**tells, "request": secrets.token_urlsafe(16), "about": {"call": "c_0123456789abcdef"}, "what": []}
    odd = await _reports(home, made_up)
    stage.attack(
        "A report of a call that does not exist is left without a time.",
        f"Its time is {(odd['look_by'] - odd['at']) / 3_600_000:.0f} hours after it.",
        0 < odd["look_by"] - odd["at"] <= MOST_HOURS * 3_600_000,
    )
    for what, method, path in (
        ("closes it", "POST", f"/api/child/reports/{first['id']}/close"),
        ("takes it", "POST", f"/api/reports/{first['id']}/take"),
        ("deletes it", "DELETE", f"/api/child/reports/{first['id']}"),
    ):
        await refused(
            stage,
            f"The child's grown-up {what}.",
            await home.guardian.call(method, path, {} if method == "POST" else None),
        )
    await _helpers_list(stage, home, first)


async def _reports(home: Home, tells: dict[str, Any]) -> dict[str, Any]:
    """The answer to a child who tells us; without an id and times it is none."""
    answer = await home.child.call("POST", "/api/child/reports", tells)
    if answer.status != 200:
        raise CouldNotSee(f"A child could not tell us (status {answer.status}).")
    told = answer.json
    if not (isinstance(told.get("id"), str) and all(isinstance(told.get(one), int) for one in ("at", "look_by"))):
        raise CouldNotSee("The answer to a child who told us names no time that can be read.")
    return dict(told)


async def _helpers_list(stage: Stage, home: Home, report: dict[str, Any]) -> None:
    """What helpers see, from the command line of the machine, as they do."""
    server = ringfence(stage).server
    tried = "The helpers' list is read for a report that does not stand on it at once."
    if not isinstance(server, FreshServer):
        stage.attack(tried, "Only who runs a server sees that list.", None)
        return
    key, made_up = (server.file(f"{who}-{secrets.token_hex(4)}") for who in ("helper", "nobody"))
    added, _ = await server.types("helpers", "add", key.name, "--key", str(key))
    if added:
        raise CouldNotSee("A helper could not be added.")
    await asyncio.to_thread(lambda: made_up.write_text(key.read_text().strip()[:-6] + secrets.token_urlsafe(4) + "\n"))
    _, told = await server.types("reports", "list", "--helper", str(key))
    line = next((one for one in told.splitlines() if one.startswith(report["id"])), "")
    by = f"look by {datetime.fromtimestamp(report['look_by'] / 1000, UTC):%Y-%m-%d %H:%M}"
    stage.attack(
        tried, "It stands there, with its time." if by in line else "It is not there, or without its time.", by in line
    )
    named = sum(one in told for one in (home.name, home.guardian_name))
    stage.attack("The list is searched for names.", f"{named} are on it." if named else "There is none.", not named)
    status, said = await server.types("reports", "take", report["id"], "--helper", str(made_up))
    state = await _state(home, report["id"])
    seen = f"They are told: {said!r}. It is {state!r}."
    kept = status != 0 and state == "open"
    stage.attack("Somebody who is no helper says that they have looked.", seen, kept and ("no helper" in said or None))
    status, _ = await server.types("reports", "take", report["id"], "--helper", str(key))
    state = await _state(home, report["id"])
    stage.control("A helper looks.", f"The child's page says {state!r}.", status == 0 and state == "taken")


async def _state(home: Home, report: str) -> str:
    told = (await home.child.get("/api/child/reports"))["reports"]
    return next((str(one["state"]) for one in told if one["id"] == report), "")


SCENARIOS: Final = (
    Scenario("child-says-no", "A child says no, and the others ask who and why", ("child-can-say-no",), child_says_no),
    Scenario("unfair", "Silencing a child who finds a limit unfair", ("your-limits-can-be-contested",), unfair),
    Scenario("look-by", "A report that nobody has to look at", ("a-helper-looks",), look_by),
)
