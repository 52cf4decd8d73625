"""Codes and links: once, for a short while, never to oneself; and who may be introduced to whom."""

from __future__ import annotations

import asyncio

import pytest

from tests.house import DAY, Families, House
from tests.integration.families import can_ring, look, put, same, try_code
from tests.peers import Browserless

MINUTE = 60_000
HALF_HOUR = 30 * MINUTE


async def link(guardian: Browserless, child: str) -> str:
    return str((await guardian.post("/api/links", {"child": child}))["url"]).split("#invite=")[1]


async def take(device: Browserless, token: str, whom: str, **more: str):  # type: ignore[no-untyped-def]  # an Answer
    return await device.call("POST", "/api/links/accept", {"token": token, "for": whom, "how_known": "family", **more})


async def everybody_says_yes(*devices: Browserless) -> None:
    for device in devices:
        if (await device.get("/api/me"))["kind"] == "child":
            for asked in (await device.get("/api/child/home"))["asks"]:
                if asked["waiting_for_me"]:
                    await device.post(f"/api/child/asks/{asked['id']}/answer", {"yes": True})
            continue
        for waiting in await device.get("/api/decisions"):
            await device.post(f"/api/decisions/{waiting['id']}", {"answer": "camera", "how_known": "met"})


async def test_wrong_used_expired_void_and_ones_own_words_get_one_answer(house: House, families: Families) -> None:
    two = await families.two(friends=False)
    alex = await families.grown_up("Alex")
    kit, _ = await families.child(alex, "Kit")
    found = {}

    used = (await two.maya.post("/api/child/friend-code"))["words"]
    assert (await try_code(two.theo, used)).status == 200
    found["used"] = await try_code(kit, used)
    void = (await two.maya.post("/api/child/friend-code"))["words"]
    mine = (await two.maya.post("/api/child/friend-code"))["words"]
    found["void"] = await try_code(kit, void)
    house.hand.forward(HALF_HOUR + 1)  # the throttle forgets
    mine = (await two.maya.post("/api/child/friend-code"))["words"]
    found["own"] = await try_code(two.maya, mine)
    found["unknown"] = await try_code(kit, ["zebra", "zebra", "zebra", "zebra"])
    house.hand.forward(10 * MINUTE)
    found["expired"] = await try_code(kit, mine)
    house.hand.forward(HALF_HOUR + 1)
    found["not words"] = await try_code(kit, ["\u202e", "<b>", "", "💚"])

    for which, answer in found.items():
        assert (answer.status, answer.code) == (404, "no_match"), which
        assert same(answer, found["unknown"]), which
    assert await look(house, "SELECT COUNT(*) FROM contacts") == [(1,)]


async def test_words_work_until_the_tenth_minute(house: House, families: Families) -> None:
    two = await families.two(friends=False)
    words = (await two.maya.post("/api/child/friend-code"))["words"]
    house.hand.forward(9 * MINUTE)
    assert (await try_code(two.theo, [f" {word.upper()} " for word in words])).status == 200


async def test_of_many_who_type_the_words_at_once_one_is_introduced(house: House, families: Families) -> None:
    two = await families.two(friends=False)
    alex = await families.grown_up("Alex")
    others = [two.theo, *[(await families.child(alex, name))[0] for name in ("Kit", "Wren")]]
    words = (await two.maya.post("/api/child/friend-code"))["words"]
    answers = await asyncio.gather(*(try_code(one, words) for one in others))
    assert sorted(answer.status for answer in answers) == [200, 404, 404]
    assert len((await two.maya.get("/api/child/home"))["asks"]) == 1


async def test_guessing_words_is_slowed_down(house: House, families: Families) -> None:
    two = await families.two(friends=False)
    wrong = ["zebra", "tulip", "meadow", "kettle"]
    answers = [await try_code(two.theo, wrong) for _ in range(5)]
    assert [answer.status for answer in answers][:3] == [404, 404, 404]
    assert answers[-1].code == "slow_down"
    assert answers[-1].json["retry_after_s"] >= 1
    # even the right words wait, and are right afterwards
    words = (await two.maya.post("/api/child/friend-code"))["words"]
    assert (await try_code(two.theo, words)).code == "slow_down"
    house.hand.forward(5_000)
    assert (await try_code(two.theo, words)).status == 200


async def test_a_second_introduction_counts_as_a_yes_to_the_first(families: Families) -> None:
    two = await families.two(friends=False)
    assert (await try_code(two.theo, (await two.maya.post("/api/child/friend-code"))["words"])).status == 200
    assert (await try_code(two.maya, (await two.theo.post("/api/child/friend-code"))["words"])).status == 200
    [asked] = (await two.maya.get("/api/child/home"))["asks"]
    assert asked["waiting_for"] == ["their_grown_up", "my_grown_up"]


async def test_friends_who_introduce_themselves_again_stay_as_they_are(house: House, families: Families) -> None:
    two = await families.two(answer="voice")
    assert (await try_code(two.theo, (await two.maya.post("/api/child/friend-code"))["words"])).status == 200
    assert (await take(two.femi, await link(two.sam, two.maya_id), two.theo_id, answer="camera")).status == 200
    [person] = (await two.maya.get("/api/child/home"))["people"]
    assert (person["ref"], person["voice"], person["video"]) == (two.maya_sees_theo, True, False)
    assert await look(house, "SELECT COUNT(*) FROM contacts") == [(1,)]


async def test_a_grandmother_needs_her_own_yes_the_childs_and_the_guardians(house: House, families: Families) -> None:
    sam = await families.grown_up("Sam")
    maya, maya_id = await families.child(sam, "Maya")
    gran = await families.grown_up("Gran", "trusted_adult")
    token = await link(sam, maya_id)
    shown = await gran.post("/api/links/look", {"token": token})
    assert shown == {"child_name": "Maya", "from_name": "Sam"}
    assert (await take(gran, token, "me")).status == 200
    assert not await can_ring(house, "Gran", "Maya")
    [asked] = (await maya.get("/api/child/home"))["asks"]
    assert (asked["name"], asked["group"], asked["waiting_for"]) == ("Gran", "adult", ["me", "my_grown_up"])
    [waiting] = await sam.get("/api/decisions")
    assert (waiting["other"]["adult"], waiting["other"]["families"], waiting["other"]["looked_after_by"]) == (
        True,
        0,
        None,
    )
    assert [one["slot"] for one in waiting["yeses"]] == ["child", "other", "you"]
    await everybody_says_yes(sam)
    assert not await can_ring(house, "Gran", "Maya")
    await everybody_says_yes(maya)
    [person] = await gran.get("/api/people")
    assert (person["name"], person["adult"], person["voice"], person["video"]) == ("Maya", False, True, True)
    assert await can_ring(house, "Gran", "Maya", "video")
    assert await can_ring(house, "Maya", "Gran", "video")
    assert await look(house, "SELECT COUNT(*) FROM yeses") == [(3,)]
    assert await look(house, "SELECT assurance FROM accounts ORDER BY email") == [("vouched",), ("self_declared",)]
    # and she can end it herself
    await gran.post(f"/api/people/{person['ref']}/end")
    assert await gran.get("/api/people") == []
    assert not await can_ring(house, "Maya", "Gran")


async def test_an_adult_is_shown_with_the_number_of_families_that_approved_them(families: Families) -> None:
    gran = await families.grown_up("Gran", "trusted_adult")
    for number, name in enumerate(("Sam", "Femi", "Alex")):
        guardian = await families.grown_up(name)
        child, child_id = await families.child(guardian, f"Child of {name}")
        assert (await take(gran, await link(guardian, child_id), "me")).status == 200
        [waiting] = await guardian.get("/api/decisions")
        assert waiting["other"]["families"] == number
        await everybody_says_yes(guardian, child)


async def test_dad_can_be_his_own_daughters_contact_with_her_yes(house: House, families: Families) -> None:
    sam = await families.grown_up("Sam")
    maya, maya_id = await families.child(sam, "Maya")
    assert (await take(sam, await link(sam, maya_id), "me", answer="camera")).status == 200
    assert await sam.get("/api/decisions") == []  # one act counts in both places
    assert not await can_ring(house, "Sam", "Maya")
    await everybody_says_yes(maya)
    assert await can_ring(house, "Maya", "Sam", "video")
    assert await look(house, "SELECT slot FROM yeses ORDER BY slot") == [("a",), ("b",), ("guardian_a",)]
    [person] = (await maya.get("/api/child/home"))["people"]
    assert [one["who"] for one in person["yeses"]] == ["me", "them"]  # he is named once


async def test_siblings_need_their_own_yes_each_and_one_of_their_guardian(house: House, families: Families) -> None:
    sam = await families.grown_up("Sam")
    maya, _ = await families.child(sam, "Maya")
    noah, _ = await families.child(sam, "Noah", "5-8")
    assert (await try_code(noah, (await maya.post("/api/child/friend-code"))["words"])).status == 200
    [waiting] = await sam.get("/api/decisions")
    assert (waiting["child"]["name"], waiting["other"]["name"]) == ("Maya", "Noah")
    assert [one["slot"] for one in waiting["yeses"]] == ["child", "other", "you"]
    await everybody_says_yes(sam)
    assert not await can_ring(house, "Noah", "Maya")
    await everybody_says_yes(maya)
    assert await can_ring(house, "Noah", "Maya", "video")


async def test_a_link_taken_for_a_child_is_a_yes_to_voice_unless_camera_is_said(
    house: House, families: Families
) -> None:
    two = await families.two(friends=False)
    assert (await take(two.femi, await link(two.sam, two.maya_id), two.theo_id)).status == 200
    await everybody_says_yes(two.sam, two.maya, two.theo)
    [person] = (await two.maya.get("/api/child/home"))["people"]
    assert (person["voice"], person["video"]) == (True, False)
    [contact] = await two.femi.get(f"/api/children/{two.theo_id}/contacts")
    await two.femi.post(f"/api/contacts/{contact['ref']}/allow", {"voice": True, "video": True})
    assert await can_ring(house, "Maya", "Theo", "video")


async def test_making_a_link_is_no_yes_for_it_may_be_passed_on(families: Families) -> None:
    two = await families.two(friends=False)
    token = await link(two.sam, two.maya_id)
    stranger = await families.grown_up("Alex", "trusted_adult")
    assert (await take(stranger, token, "me")).status == 200
    [waiting] = await two.sam.get("/api/decisions")
    assert waiting["other"]["name"] == "Alex"
    assert waiting["yeses"][-1]["answer"] == "not_yet"


@pytest.mark.parametrize("spoil", ["used", "expired", "withdrawn", "own child", "no such", "not a guardian any more"])
async def test_a_link_that_does_not_work_has_one_answer(house: House, families: Families, spoil: str) -> None:
    two = await families.two(friends=False)
    token, whom, taker = await link(two.sam, two.maya_id), two.theo_id, two.femi
    if spoil == "used":
        assert (await take(two.femi, token, two.theo_id)).status == 200
    elif spoil == "expired":
        house.hand.forward(7 * DAY)
    elif spoil == "withdrawn":
        await two.sam.post(f"/api/children/{two.maya_id}/consent/withdraw")
    elif spoil == "own child":
        whom, taker = two.maya_id, two.sam
    elif spoil == "no such":
        token = "x" * 43
    else:
        await put(house, "DELETE FROM guardianships WHERE child_id = :child", child=two.maya_id)
    answer = await take(taker, token, whom)
    assert (answer.status, answer.code) == (404, "no_match")
    assert same(answer, await take(two.femi, "y" * 43, two.theo_id))


async def test_two_grown_ups_who_take_one_link_at_once_are_one(house: House, families: Families) -> None:
    two = await families.two(friends=False)
    gran = await families.grown_up("Gran", "trusted_adult")
    token = await link(two.sam, two.maya_id)
    answers = await asyncio.gather(take(two.femi, token, two.theo_id), take(gran, token, "me"))
    assert sorted(answer.status for answer in answers) == [200, 404]
    assert await look(house, "SELECT COUNT(*) FROM contacts") == [(1,)]
