"""One call through the whole house, between two real aiortc peers, neither of which is polite about the end of it."""

from __future__ import annotations

import asyncio
import time

import pytest
from sqlalchemy import text

from server.api import keys
from server.api.middleware import AT_ONCE, UNDER_WAY
from server.db import session
from server.db.session import SHUTTING, goes_first
from tests.house import Families, House, Two
from tests.peers import Browserless, approved_call


async def in_a_call(families: Families) -> tuple[Two, Browserless, Browserless, str]:
    two = await families.two()
    await two.maya.connect()
    await two.theo.connect()
    call = await approved_call(two.maya, two.theo, two.maya_sees_theo)
    for device in (two.maya, two.theo):
        device.close_on_end = False  # a peer that keeps its connection open, whatever it is told
        shown = await device.ask(t="call.media", call=call, audio=True, video=True)
        assert shown["t"] == "ok", shown
    return two, two.maya, two.theo, call


async def test_two_aiortc_peers_see_and_hear_each_other_until_a_parent_ends_the_contact(families: Families) -> None:
    two, maya, theo, _ = await in_a_call(families)
    for device in (maya, theo):
        await device.wait_frames("video", 10)
        await device.wait_frames("audio", 25)

    handle = (await two.sam.get(f"/api/children/{two.maya_id}/contacts"))[0]["ref"]
    clicked = time.monotonic()
    await two.sam.post(f"/api/contacts/{handle}/end")
    for device in (maya, theo):
        ended = await device.expect("call.ended")
        assert ended["code"] == "policy_revoked"
        assert ended.get("who", "") == ""

    await asyncio.sleep(2.5)
    for device in (maya, theo):
        packets = await received(device)
        await asyncio.sleep(0.5)
        assert await received(device) == packets  # it listens on, and nothing comes
        assert max(device.last_frame.values()) < clicked + 1.5  # decoded at most a jitter buffer after the last packet


async def test_a_parent_who_ends_a_call_is_named_and_the_contact_stays(families: Families) -> None:
    two, maya, theo, _ = await in_a_call(families)
    live = await two.sam.get("/api/calls/live")
    assert [one["child"]["name"] for one in live] == ["Maya"]
    await two.sam.post(f"/api/calls/{live[0]['call']}/end")
    assert (await maya.expect("call.ended"))["who"] == "Sam"
    other = await theo.expect("call.ended")
    assert other.get("who", "") == "", "the other family's grown-up is not named to a child who does not know them"
    assert other["code"] == "ended_by_supervisor"
    assert (await maya.get("/api/child/home"))["people"]


async def received(device: Browserless) -> int:
    """RTP packets that came in at this peer, as aiortc counts them."""
    assert device.pc is not None
    report = await device.pc.getStats()
    return sum(one.packetsReceived for one in report.values() if one.type == "inbound-rtp")


async def test_the_house_of_the_fixture_is_alive(house: House) -> None:
    answer = await house.device().call("GET", "/healthz")
    assert answer.status == 200
    assert all(answer.json["guards"].values())


async def test_a_camera_that_is_no_longer_approved_is_off_for_both_and_opening_it_again_is_a_new_press(
    families: Families,
) -> None:
    two, maya, theo, call = await in_a_call(families)
    await theo.until(lambda m: m["t"] == "call.state" and m["legs"][0].get("video", False))
    handle = (await two.sam.get(f"/api/children/{two.maya_id}/contacts"))[0]["ref"]

    mark, other = len(maya.seen), len(theo.seen)
    await two.sam.post(f"/api/contacts/{handle}/allow", {"voice": True, "video": False})
    mine = await maya.until(lambda m: m["t"] == "call.state" and not m["may_show"], since=mark)
    assert not mine["me"].get("video", False)
    assert mine["seen_by"] == []
    theirs = await theo.until(lambda m: m["t"] == "call.state" and not m["may_show"], since=other)
    assert not theirs["legs"][0].get("video", False), "a picture that was cut must not stand still on the other screen"
    refused = await maya.ask(t="call.media", call=call, audio=True, video=True)
    assert (refused["t"], refused.get("code")) == ("err", "not_permitted")

    mark = len(maya.seen)
    await two.sam.post(f"/api/contacts/{handle}/allow", {"voice": True, "video": True})
    again = await maya.until(lambda m: m["t"] == "call.state" and m["may_show"], since=mark)
    assert again["seen_by"] == [], "a yes that comes back opens no curtain"
    opened = await maya.ask(t="call.media", call=call, audio=True, video=True)
    assert opened["t"] == "ok"
    await maya.until(lambda m: m["t"] == "call.state" and bool(m["seen_by"]), since=mark)


async def test_when_the_child_leaves_the_grown_ups_who_were_there_for_her_are_not_left_with_each_other(
    families: Families,
) -> None:
    two = await families.two(friends=False)
    grans = []
    for name in ("Gran", "Aunt"):
        adult = await families.grown_up(name, "trusted_adult")
        link = (await two.sam.post("/api/links", {"child": two.maya_id}))["url"]
        await adult.post(
            "/api/links/accept", {"token": link.partition("#invite=")[2], "for": "me", "how_known": "family"}
        )
        for ask in (await two.maya.get("/api/child/home"))["asks"]:
            if ask["waiting_for_me"]:
                await two.maya.post(f"/api/child/asks/{ask['id']}/answer", {"yes": True})
        for decision in await two.sam.get("/api/decisions"):
            await two.sam.post(f"/api/decisions/{decision['id']}", {"answer": "camera", "how_known": "met"})
        for grown_up in (two.sam, adult):
            await grown_up.sign()
        grans.append(adult)
    refs = [one["ref"] for one in (await two.maya.get("/api/child/home"))["people"]]
    for device in (two.maya, *grans):
        await device.connect()
    placed = await two.maya.ask(t="call.invite", to=refs, media="audio")
    for adult in grans:
        ring = await adult.expect("call.incoming")
        assert (await adult.ask(t="call.accept", call=ring["call"], nonce=ring["nonce"]))["t"] == "ok"
    for adult in grans:
        await adult.until(lambda m: m["t"] == "call.state" and len(m["heard_by"]) == 2, seconds=20)
    await two.maya.ask(t="call.leave", call=placed["call"])
    for adult in grans:
        assert (await adult.expect("call.ended"))["call"] == placed["call"]
    assert not families.house.app[keys.GATE].who_sees_whom()


async def test_a_stranger_who_asks_for_much_at_once_is_told_to_wait_and_no_parents_end_is(
    house: House, families: Families
) -> None:
    two = await families.two()
    stranger = await families.grown_up("Alex")
    handle = (await two.sam.get(f"/api/children/{two.maya_id}/contacts"))[0]["ref"]
    crowd = [asyncio.create_task(one.call("GET", "/api/family")) for _ in range(60) for one in (two.sam, stranger)]
    async with asyncio.timeout(30):
        while AT_ONCE not in house.app[UNDER_WAY].values():
            await asyncio.sleep(0)
    assert (await two.sam.call("POST", f"/api/contacts/{handle}/end", {})).status == 200
    assert max(house.app[UNDER_WAY].values(), default=0) <= AT_ONCE
    answers = await asyncio.gather(*crowd)
    assert {answer.status for answer in answers} == {200, 429}
    assert {answer.code for answer in answers if answer.status == 429} == {"slow_down"}


async def test_what_shuts_goes_before_everybody_who_waits_to_write(house: House) -> None:
    order: list[str] = []

    async def write(name: str, shutting: bool) -> None:
        SHUTTING.set(shutting)
        async with house.db.begin():
            order.append(name)
            await asyncio.sleep(0.01)

    tasks = [asyncio.create_task(write(f"look {n}", False)) for n in range(4)]
    await asyncio.sleep(0)
    tasks.append(asyncio.create_task(write("shut", True)))
    await asyncio.gather(*tasks)
    assert order == ["look 0", "shut", "look 1", "look 2", "look 3"]


async def test_a_flood_of_what_shuts_does_not_stop_everybody_else(house: House) -> None:
    order: list[str] = []

    async def write(name: str) -> None:
        async with house.db.begin():
            order.append(name)
            await asyncio.sleep(0)

    async def flood() -> None:
        with goes_first():
            await write("shut")

    tasks = [asyncio.create_task(flood()) for _ in range(30)]
    await asyncio.sleep(0)
    tasks.append(asyncio.create_task(write("look")))
    await asyncio.gather(*tasks)
    assert 1 <= order.index("look") <= 8


async def undone(house: House) -> int:
    async with house.db.read() as tx:
        return int((await tx.execute(text("SELECT count(*) FROM notices WHERE done_at IS NULL"))).scalar_one())


async def test_a_real_end_goes_first_and_a_real_look_does_not(
    house: House, families: Families, monkeypatch: pytest.MonkeyPatch
) -> None:
    first: list[bool] = []
    take = session._Turn._take

    async def noted(self: session._Turn) -> None:
        first.append(SHUTTING.get())
        await take(self)

    two = await families.two()
    handle = (await two.sam.get(f"/api/children/{two.maya_id}/contacts"))[0]["ref"]
    monkeypatch.setattr(session._Turn, "_take", noted)
    await two.sam.post(f"/api/contacts/{handle}/end")
    async with asyncio.timeout(30):
        while await undone(house):
            await asyncio.sleep(0.02)
    assert first
    assert all(first), "the end, and marking its notices as followed"
    first.clear()
    await two.sam.get("/api/family")
    await two.maya.post("/api/child/friend-code")
    assert not any(first), "on the same connection as the end before"
    assert len(first) >= 2
