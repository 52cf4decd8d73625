"""What grown-ups and children take back, switch off or never said: the other side tries to go on all the same."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Final

from server.inspection.adapter import CouldNotSee
from server.inspection.families import PROMISES
from server.inspection.own import Home, Line, Phone, told_no
from server.inspection.scenarios.household import (
    NOTHING,
    Two,
    around_now,
    how_it_ended,
    reads_no_reason,
    refused,
    resumes,
    ringfence,
    stops,
    talk,
    two,
)
from server.inspection.scenarios.portable import must_not_ring
from server.inspection.stage import Scenario, Stage, refusal


async def answer_after_no(stage: Stage) -> None:
    there = await two(stage, rings=2)
    call = await talk(stage, there, "audio")
    await there.one.leave(call)
    await asyncio.sleep(0.3)
    rung = await there.one.ring(there.theo.name, media="audio")
    ring = await there.two.wait_for_ring(10)
    stage.control("It rings once more.", "It rang." if ring else "It did not ring.", rung.ok and ring is not None)
    assert ring is not None
    said_so = await stage.platform.revoke(there.pair.a, there.pair.b)
    stage.control(
        "While it rings a grown-up takes the yes back.", "Done." if said_so.ok else said_so.reason, said_so.ok
    )
    before = there.one.received().packets, there.two.received().packets
    answer = await there.two.answer(ring)
    await asyncio.sleep(2.0)
    got = there.one.received().packets - before[0] + there.two.received().packets - before[1]
    seen = "It was taken." if answer.ok else f"Refused ({answer.reason})."
    stage.attack(
        "The friend answers the ring that came before the no.", f"{seen} {got} packets came.", not answer.ok and not got
    )


async def video_without_yes(stage: Stage) -> None:
    there = await two(stage, back=True)
    ref = await there.ref()
    await there.sam.post(f"/api/contacts/{ref}/allow", {"voice": True, "video": False})
    call = await talk(stage, there, "audio")
    for who, phone in (("The child whose family said no to pictures", there.one), ("The friend", there.two)):
        code = told_no(await phone.line.ask(t="call.media", call=call, audio=True, video=True))
        stage.attack(
            f"{who} opens the camera all the same.", f"Refused ({code})." if code else "It was opened.", bool(code)
        )
    await asyncio.sleep(1.5)
    got = sum(one.received("video").packets for one in (there.one, there.two))
    stage.attack("Pictures are waited for on both sides.", f"{got} packets of pictures came.", not got)
    await there.sam.post(f"/api/contacts/{ref}/allow", {"voice": True, "video": True})
    mark = len(there.one.line.seen)
    if not any(m["t"] == "call.state" and m["may_show"] for m in there.one.line.seen[-20:]):
        await there.one.line.until(lambda m: bool(m["t"] == "call.state" and m["may_show"]), since=mark)
    code = told_no(await there.one.line.ask(t="call.media", call=call, audio=True, video=True))
    flows = not code and await stage.flows(there.two, "video")
    stage.control(
        "With the yes of both families the same camera opens.", "Pictures came." if flows else "None came.", flows
    )
    await there.one.leave(call)


async def block(stage: Stage) -> None:
    there = await two(stage, rings=3)
    stage.ruined(there.pair)
    call = await talk(stage, there)
    before = await there.theo.child.call("GET", "/api/child/home")
    if before.status != 200:
        raise CouldNotSee(f"The page of the one to be blocked did not open (status {before.status}).")
    clicked = time.monotonic()
    await there.maya.child.post(f"/api/child/people/{there.maya_sees_theo}/block")
    await stops(stage, "Both stay after the one has blocked the other.", clicked, there.one, there.two)
    await reads_no_reason(stage, "Who was blocked reads why the call ended.", there.two, call)
    after = await there.theo.child.call("GET", "/api/child/home")
    same = (after.status, after.body) == (before.status, before.body)
    seen = "It is the same, byte for byte." if same else "It has changed."
    stage.attack("Who was blocked looks at their page.", seen, same)
    await must_not_ring(stage, "Who was blocked rings again.", there.two, there.one, there.maya.name)
    await there.maya.child.post(f"/api/child/people/{there.maya_sees_theo}/unblock")
    await there.one.line.hang_up()
    await there.two.line.hang_up()
    maya, theo = await stage.device(there.maya.name), await stage.device(there.theo.name)
    await maya.leave(await stage.call(maya, theo, there.theo.name))


SLOTS: Final = {
    "the child who was asked": "maya",
    "the child's grown-up": "sam",
    "the other child's grown-up": "femi",
}


async def three_yeses(stage: Stage) -> None:
    """Everybody but one has said yes. (The fourth of the four is the child who typed the code: without that there is nothing.)"""
    platform = ringfence(stage)
    pair = await stage.to_be_friends(refused=len(SLOTS))
    a, b = pair.a, pair.b
    there = _Asking(platform.home_of(a), platform.home_of(b))
    maya, theo = await stage.device(a.child), await stage.device(b.child)
    for missing, who in SLOTS.items():
        await there.begins()
        said = [one for one in SLOTS.values() if one != who and await there.says(one, "yes")]
        met = {
            name: [one["ref"] for one in (await home.child.get("/api/child/home"))["people"]]
            for name, home in ((a.child, there.maya), (b.child, there.theo))
        }
        rung = False
        for phone, at, other in ((maya, theo, b.child), (theo, maya, a.child)):
            if met[phone.person if isinstance(phone, Phone) else ""]:
                assert isinstance(phone, Phone)
                platform.refs[phone.person, other] = met[phone.person][-1]
            answer = await phone.ring(other, media="audio")
            rung = answer.ok or await at.wait_for_ring(0.7) is not None
            if rung:  # a ring the other way would only meet this one
                break
        for names in ((a.child, b.child), (b.child, a.child)):
            platform.refs.pop(names, None)
        on_page = any(met.values())
        seen = (
            "It rang."
            if rung
            else "They stand on each other's page."
            if on_page
            else "Nothing rang; they stand on nobody's page."
        )
        tried = f"All who can ({len(said) + 1} of four) have said yes, only {missing} has not; the children ring each other."
        stage.attack(tried, seen, not rung and not on_page)
        if rung or on_page:
            return
        for one in SLOTS.values():  # in the order in which they are shown what there is to decide
            if one == who:
                await there.says(one, "no")
    yes = await stage.approve(a, b)
    stage.control("All four say yes.", "They are contacts." if yes else "They are not.", yes)
    await maya.leave(await stage.call(maya, theo, b.child, "audio"))


@dataclass(slots=True)
class _Asking:
    """Two families in the middle of being asked."""

    maya: Home
    theo: Home

    async def begins(self) -> None:
        """Theo types Maya's code, which is his yes."""
        words = (await self.maya.child.post("/api/child/friend-code"))["words"]
        await self.theo.child.post("/api/child/friend-code/enter", {"words": words, "how_known": "class"})

    async def says(self, who: str, what: str) -> bool:
        """This one says yes or no. False: they were shown nothing to decide yet."""
        if who == "maya":
            waiting = [one for one in (await self.maya.child.get("/api/child/home"))["asks"] if one["waiting_for_me"]]
            for one in waiting:
                await self.maya.child.post(
                    f"/api/child/asks/{one['id']}/answer", {"yes": what == "yes", "how_known": "class"}
                )
            return bool(waiting)
        guardian = self.maya.guardian if who == "sam" else self.theo.guardian
        decisions = await guardian.get("/api/decisions")
        for one in decisions:
            answer = {"answer": "camera" if what == "yes" else "no", "how_known": "met"}
            await guardian.post(f"/api/decisions/{one['id']}", answer)
        return bool(decisions)


async def quiet_hours(stage: Stage) -> None:
    there = await two(stage, rings=3, back=True)
    call = await talk(stage, there)
    path = f"/api/children/{there.maya.child_id}/limits"
    clicked = time.monotonic()
    await there.sam.post(path, {**NOTHING, "quiet": around_now()})
    await stops(stage, "Both stay after the quiet hours of the one have begun.", clicked, there.one, there.two)
    await reads_no_reason(stage, "The friend reads in the end of the call how the other family lives.", there.two, call)
    await must_not_ring(stage, "The friend rings in quiet hours.", there.two, there.one, there.maya.name)
    await must_not_ring(stage, "The child rings in quiet hours.", there.one, there.two, there.theo.name)
    await there.sam.post(path, NOTHING)
    await _again(stage, there)


async def minutes(stage: Stage) -> None:
    """One minute a day, and it takes as long."""
    there = await two(stage, rings=2, back=True)
    call = await talk(stage, there, "audio")
    began = time.monotonic()
    path = f"/api/children/{there.maya.child_id}/limits"
    await there.sam.post(path, {**NOTHING, "minutes": 1})
    code = str((await how_it_ended(there.one, call, 75)).get("code", "nothing"))
    await asyncio.sleep(max(0.0, began + 76 - time.monotonic()) if code == "nothing" else 1.0)
    late = sum(await asyncio.gather(*(stage.silent(one, 0.5) for one in (there.one, there.two))))
    seen = (
        f"The call ended by itself ({code})." if not late else f"It goes on; {late} packets came within half a second."
    )
    stage.attack("They talk on when the one minute of the day is over.", seen, not late and code == "time_limit")
    await must_not_ring(stage, "The friend rings again.", there.two, there.one, there.maya.name)
    await there.sam.post(path, NOTHING)
    await _again(stage, there)


async def _again(stage: Stage, there: Two) -> None:
    """The control: without what was set, they talk again."""
    for phone in (there.one, there.two):
        await phone.line.hang_up()
    maya, theo = await stage.device(there.maya.name), await stage.device(there.theo.name)
    await maya.leave(await stage.call(maya, theo, there.theo.name, "audio"))


async def withdraw_consent(stage: Stage) -> None:
    there = await two(stage, rings=2)
    stage.ruined(there.pair)
    await talk(stage, there)
    cookie = there.maya.child.cookie()
    clicked = time.monotonic()
    await there.sam.post(f"/api/children/{there.maya.child_id}/consent/withdraw")
    await stops(stage, "Both stay after the consent was withdrawn.", clicked, there.one, there.two)
    answer = await there.two.ring(there.maya.name)
    stage.attack("The friend rings the child.", "It was taken." if answer.ok else refusal(answer), not answer.ok)
    nobody = ringfence(stage).line(there.maya.child.home)
    await refused(
        stage, "The child's device opens the child's page.", await nobody.call("GET", "/api/child/home", Cookie=cookie)
    )


async def unpair(stage: Stage) -> None:
    there = await two(stage)
    stage.ruined(there.pair)
    await talk(stage, there)
    cookie, platform = there.maya.child.cookie(), ringfence(stage)
    devices = [one for one in await there.sam.get("/api/devices") if one["child"]["id"] == there.maya.child_id]
    if len(devices) != 1:
        raise CouldNotSee("The grown-up's page does not show the one device of the child.")
    clicked = time.monotonic()
    await there.sam.post(f"/api/devices/{devices[0]['id']}/unpair")
    await stops(stage, "The device stays in the call after it was un-paired.", clicked, there.one, there.two)
    thief = platform.line(there.maya.child.home)
    for what, method, path in (
        ("opens the child's page", "GET", "/api/child/home"),
        ("asks for a ticket", "POST", "/api/ws-ticket"),
    ):
        body: dict[str, str] | None = {} if method == "POST" else None
        await refused(
            stage,
            f"With the sign-in of the un-paired device somebody {what}.",
            await thief.call(method, path, body, Cookie=cookie),
        )
    told = await resumes(stage, there.maya.child, platform.line(there.maya.child.home))
    stage.attack("With the tokens of its place somebody takes it up again.", f"Told {told!r}.", told != "resumed")
    fresh = await there.maya.families.pair(there.sam, there.maya.child_id)
    works = (await fresh.call("GET", "/api/child/home")).status == 200
    stage.control("A device that is paired now opens the child's page.", "It does." if works else "It does not.", works)


async def sign_out(stage: Stage) -> None:
    there = await two(stage)
    stage.ruined(there.pair)
    await talk(stage, there)
    cookie, platform = there.maya.child.cookie(), ringfence(stage)
    clicked = time.monotonic()
    await there.maya.child.post("/api/sign-out")
    await stops(stage, "The device stays in the call after it has signed out.", clicked, there.one, there.two)
    told = await resumes(stage, there.maya.child, platform.line(there.maya.child.home))
    stage.attack("With the tokens of its place somebody takes it up again.", f"Told {told!r}.", told != "resumed")
    thief = platform.line(there.maya.child.home)
    await refused(
        stage,
        "With a copy of its sign-in somebody opens the page.",
        await thief.call("GET", "/api/child/home", Cookie=cookie),
    )


async def supervision(stage: Stage) -> None:
    there = await two(stage, rings=3, back=True)
    ref = await there.ref()
    await there.sam.post(f"/api/contacts/{ref}/supervision", {"mode": "ask"})
    await must_not_ring(
        stage, "A child whose family wants to be asked rings without a yes.", there.one, there.two, there.theo.name
    )
    asked = await there.maya.child.post(f"/api/child/people/{there.maya_sees_theo}/ask")
    stage.control("The child asks.", f"Asked ({asked['kind']}).", asked["kind"] == "ask")
    await must_not_ring(stage, "To have asked is taken for a yes.", there.one, there.two, there.theo.name)
    (waits,) = await there.sam.get("/api/calls/to-allow")
    await refused(
        stage,
        "The other family's grown-up says the yes.",
        await there.femi.call("POST", f"/api/calls/to-allow/{waits['id']}", {"answer": "yes"}),
    )
    await there.sam.post(f"/api/calls/to-allow/{waits['id']}", {"answer": "yes"})
    await there.one.leave(await talk(stage, there, "audio"))
    await there.sam.post(f"/api/contacts/{ref}/supervision", {"mode": "free"})


async def told_who(stage: Stage) -> None:
    there = await two(stage, back=True)
    call = await talk(stage, there, "audio")
    await there.sam.post(f"/api/calls/{call}/end")
    own, other = await how_it_ended(there.one, call), await how_it_ended(there.two, call)
    named = own.get("who") == there.maya.guardian_name
    stage.control(
        "The own child reads who ended the call.", "Their grown-up is named." if named else "Nobody is named.", named
    )
    tried = "The other family's child reads who it was."
    if other:
        seen = "A name was told." if other.get("who") else "No name was told."
        stage.attack(tried, seen, not other.get("who"))
    else:
        stage.attack(tried, "They were told nothing of an end.", None)
    await refused(
        stage, "The other family's grown-up ends the call of a child who is not theirs.",
        await there.femi.call("POST", "/api/calls/c_0123456789abcdef/end", {}),
    )  # fmt: skip


async def consent_first(stage: Stage) -> None:
    guardian = await _guardian(stage)
    card = {"name": stage.cast.name("Lea"), "avatar": 3, "ground": 2, "group": "9-12"}
    for what, consent in (
        ("no consent", {}),
        ("two of the three promises", {"consent": {**PROMISES, "agreed": ["keep", "no_recording"]}}),
        ("yesterday's words", {"consent": {**PROMISES, "version": "2020-01"}}),
    ):
        await refused(
            stage,
            f"A child's account is asked for with {what}.",
            await guardian.call("POST", "/api/children", {**card, **consent}),
        )
    kept = (await guardian.get("/api/family"))["children"]
    stage.attack("What was kept of these is looked for.", f"{len(kept)} children are in the family.", not kept)
    made = await guardian.call("POST", "/api/children", {**card, "consent": PROMISES})
    stage.control("With all promises in today's words it is made.", f"Status {made.status}.", made.status == 201)


async def age_group(stage: Stage) -> None:
    guardian = await _guardian(stage)
    card = {"name": stage.cast.name("Lea"), "avatar": 3, "ground": 2, "consent": PROMISES}
    for field, value in (("birthday", "2016-03-04"), ("age", 9), ("born", 2016), ("school", "Hill School")):
        answer = await guardian.call("POST", "/api/children", {**card, "group": "9-12", field: value})
        await refused(stage, f"A child's account is asked for with {field!r} beside the age group.", answer)
    made = await guardian.call("POST", "/api/children", {**card, "group": "9-12"})
    stage.control("With the age group alone it is made.", f"Status {made.status}.", made.status == 201)
    told = set((await guardian.get("/api/family"))["children"][0])
    more = told & {"birthday", "age", "born", "school", "address", "email"}
    stage.attack(
        "What is kept of a child's age is looked for.", "Only the group." if not more else f"{sorted(more)}.", not more
    )


async def stage_switch(stage: Stage) -> None:
    platform = ringfence(stage)
    home = platform.home_of(await stage.family("Lea", back=True))
    path = f"/api/children/{home.child_id}/stage"
    await refused(
        stage,
        "A grown-up switches a stage on for a child of 9 to 12.",
        await home.guardian.call("POST", path, {"on": True}),
    )
    await refused(stage, "The child does.", await home.child.call("POST", "/api/child/stage", {"on": True}))
    shown = (await home.guardian.get(f"/api/children/{home.child_id}/limits"))["stage"]
    stage.attack("The page is looked at.", f"It says {shown}.", not shown["on"] and not shown["allowed"])
    off = await home.guardian.call("POST", path, {"on": False})
    stage.control("Switching it off is always possible.", f"Status {off.status}.", off.status == 200)


async def _guardian(stage: Stage) -> Line:
    return ringfence(stage).line_of(await stage.stranger("Robin", back=False))


SCENARIOS: Final = (
    Scenario("minutes", "Talking on when the minutes are used up", ("minutes",), minutes, 150),
    Scenario("answer-after-no", "Answering a ring after the yes was taken back", ("contacts-only",), answer_after_no),
    Scenario("video-without-yes", "Pictures without a yes to pictures", ("video-is-separate",), video_without_yes),
    Scenario("three-yeses", "Three yeses of four", ("four-yeses",), three_yeses),
    Scenario("quiet-hours", "Talking on into quiet hours", ("quiet-hours",), quiet_hours),
    Scenario(
        "withdraw-consent", "Going on without consent", ("consent-withdrawn-ends",), withdraw_consent, uses_up=True
    ),
    Scenario("unpair", "A device that was un-paired", ("device-unpaired-ends", "no-return"), unpair, uses_up=True),
    Scenario("sign-out", "A sign-in that has ended", ("sign-out-ends",), sign_out, uses_up=True),
    Scenario("supervision", "Calling without the yes that is wanted each time", ("supervision-is-kept",), supervision),
    Scenario("block", "Somebody who was blocked", ("block-ends-and-is-silent",), block, uses_up=True),
    Scenario("told-who-ended", "Who ended the call", ("told-who-ended",), told_who),
    Scenario("consent-first", "An account without consent", ("consent-first",), consent_first),
    Scenario("age-group", "More than an age group", ("only-an-age-group",), age_group),
    Scenario("stage", "A stage for a child", ("no-stage-under-16",), stage_switch),
)
