"""Two families become friends: whoever begins and in whatever order the yeses come, nobody reaches anybody before the last."""

from __future__ import annotations

from itertools import permutations

import pytest

from server.api import keys
from tests.house import DAY, PASSWORD, Families, House, Two
from tests.integration.families import can_ring, look, put, same, sees_anybody
from tests.peers import Browserless

FOUR = ("maya", "sam", "theo", "femi")
ORDERS = {first: [order for order in permutations(FOUR) if order[0] == first] for first in FOUR}


async def introduce(two: Two, first: str) -> None:
    """``first`` says the first yes, by taking up what the other side handed over."""
    if first in ("maya", "theo"):
        taker, giver = (two.maya, two.theo) if first == "maya" else (two.theo, two.maya)
        words = (await giver.post("/api/child/friend-code"))["words"]
        await taker.post("/api/child/friend-code/enter", {"words": words, "how_known": "class"})
        return
    taker, giver = (two.sam, two.femi) if first == "sam" else (two.femi, two.sam)
    child, other = (two.maya_id, two.theo_id) if first == "sam" else (two.theo_id, two.maya_id)
    url = (await giver.post("/api/links", {"child": other}))["url"]
    accept = {"token": url.split("#invite=")[1], "for": child, "how_known": "class", "answer": "camera"}
    await taker.post("/api/links/accept", accept)


async def say_yes(two: Two, who: str, answer: str = "camera") -> None:
    device: Browserless = getattr(two, who)
    if who in ("maya", "theo"):
        asked = (await device.get("/api/child/home"))["asks"]
        assert [one["waiting_for_me"] for one in asked] == [True]
        await device.post(f"/api/child/asks/{asked[0]['id']}/answer", {"yes": True, "how_known": "class"})
        return
    waiting = await device.get("/api/decisions")
    assert len(waiting) == 1
    await device.post(f"/api/decisions/{waiting[0]['id']}", {"answer": answer, "how_known": "met"})


#: who typed the words -> the guardian beside them, and the child who must have said yes before that guardian sees anything
SHIELDED = {"maya": ("sam", "theo"), "theo": ("femi", "maya")}


async def nothing_to_decide_yet(two: Two, who: str) -> None:
    guardian: Browserless = getattr(two, who)
    assert await guardian.get("/api/decisions") == []
    assert (await guardian.get("/api/family"))["decisions"] == 0
    assert await guardian.get(f"/api/children/{two.maya_id if who == 'sam' else two.theo_id}/contacts") == []


async def end(two: Two, who: str) -> None:
    device: Browserless = getattr(two, who)
    if who in ("maya", "theo"):
        ref = (await device.get("/api/child/home"))["people"][0]["ref"]
        await device.post(f"/api/child/people/{ref}/end")
        return
    child = two.maya_id if who == "sam" else two.theo_id
    ref = (await device.get(f"/api/children/{child}/contacts"))[0]["ref"]
    await device.post(f"/api/contacts/{ref}/end")


async def nobody_reaches_anybody(house: House, two: Two, *, seen_by: str = "both") -> None:
    for device, name, other in ((two.maya, "Maya", "Theo"), (two.theo, "Theo", "Maya")):
        if seen_by not in (name, "both"):
            continue
        assert (await device.get("/api/child/home"))["people"] == []
        assert not await can_ring(house, name, other)
        assert not await sees_anybody(house, name)


@pytest.mark.parametrize("first", FOUR)
async def test_nobody_is_reached_before_the_last_of_four_yeses(house: House, families: Families, first: str) -> None:
    two = await families.two(friends=False)
    await nobody_reaches_anybody(house, two)
    for order in ORDERS[first]:
        await introduce(two, first)
        to_come, seen_by = list(order[1:]), iter(("Maya", "Theo", "both", "both"))
        while to_come:
            await nobody_reaches_anybody(house, two, seen_by=next(seen_by))
            who = to_come.pop(0)
            if SHIELDED.get(first, ("", ""))[0] == who and (giver := SHIELDED[first][1]) in to_come:
                await nothing_to_decide_yet(two, who)
                to_come.insert(to_come.index(giver) + 1, who)
                continue
            await say_yes(two, who)
        for device, name, other in ((two.maya, "Maya", "Theo"), (two.theo, "Theo", "Maya")):
            [person] = (await device.get("/api/child/home"))["people"]
            assert (person["name"], person["voice"], person["video"], person["adult"]) == (other, True, True, False)
            assert await can_ring(house, name, other, "video")
            assert await sees_anybody(house, name)
        # each of the four ends it once in a while, and then all four yeses are needed again
        await end(two, order[-1])
        await nobody_reaches_anybody(house, two)


async def test_a_yes_says_who_said_it(families: Families) -> None:
    two = await families.two()
    [person] = (await two.maya.get("/api/child/home"))["people"]
    assert [(one["who"], one["name"]) for one in person["yeses"]] == [
        ("me", "Maya"), ("them", "Theo"), ("their_grown_up", "Femi"), ("my_grown_up", "Sam"),
    ]  # fmt: skip
    assert len({one["on"] for one in person["yeses"]}) == 1


@pytest.mark.parametrize("who", ["sam", "femi"])
async def test_voice_only_from_one_side_is_voice_only_for_both(house: House, families: Families, who: str) -> None:
    two = await families.two(friends=False)
    await introduce(two, "theo")
    await say_yes(two, "maya")
    for guardian in ("sam", "femi"):
        await say_yes(two, guardian, "voice" if guardian == who else "camera")
    for device, name, other in ((two.maya, "Maya", "Theo"), (two.theo, "Theo", "Maya")):
        [person] = (await device.get("/api/child/home"))["people"]
        assert (person["voice"], person["video"]) == (True, False)
        assert await can_ring(house, name, other, "audio")
        assert not await can_ring(house, name, other, "video")


async def test_a_switch_takes_effect_for_both_and_only_its_own_family_can_turn_it_back(
    house: House, families: Families
) -> None:
    two = await families.two()
    [contact] = await two.sam.get(f"/api/children/{two.maya_id}/contacts")
    await two.sam.post(f"/api/contacts/{contact['ref']}/allow", {"voice": False, "video": True})
    assert not await can_ring(house, "Theo", "Maya")
    [told] = await two.sam.get(f"/api/children/{two.maya_id}/contacts")
    assert (told["voice"], told["video"], told["voice_allowed_by_others"]) == (False, False, True)
    [theirs] = await two.femi.get(f"/api/children/{two.theo_id}/contacts")
    assert (theirs["voice"], theirs["voice_allowed_by_others"]) == (True, False)
    await two.femi.post(f"/api/contacts/{theirs['ref']}/allow", {"voice": True, "video": True})
    assert not await can_ring(house, "Theo", "Maya")
    await two.sam.post(f"/api/contacts/{contact['ref']}/allow", {"voice": True, "video": False})
    assert await can_ring(house, "Theo", "Maya")
    assert not await can_ring(house, "Theo", "Maya", "video")


@pytest.mark.parametrize("who", ["maya", "sam", "femi"])
async def test_a_no_from_anybody_is_the_end_of_the_request(house: House, families: Families, who: str) -> None:
    two = await families.two(friends=False)
    await introduce(two, "theo")
    if who == "femi":
        await say_yes(two, "maya")
    device: Browserless = getattr(two, who)
    if who == "maya":
        [asked] = (await two.maya.get("/api/child/home"))["asks"]
        await two.maya.post(f"/api/child/asks/{asked['id']}/answer", {"yes": False})
    else:
        [waiting] = await device.get("/api/decisions")
        asked = waiting
        await device.post(f"/api/decisions/{waiting['id']}", {"answer": "no"})
    for child in (two.maya, two.theo):
        assert (await child.get("/api/child/home"))["asks"] == []
    for guardian in (two.sam, two.femi):
        assert await guardian.get("/api/decisions") == []
        late = await guardian.call("POST", f"/api/decisions/{asked['id']}", {"answer": "camera"})
        never_shown = guardian is two.femi and who != "femi"
        assert (late.status, late.code) == ((404, "not_found") if never_shown else (409, "conflict"))
    await nobody_reaches_anybody(house, two)
    [(state,)] = await look(house, "SELECT state FROM contacts")
    assert state == "refused"


async def test_whoever_typed_the_code_can_change_their_mind(house: House, families: Families) -> None:
    two = await families.two(friends=False)
    await introduce(two, "theo")
    [asked] = (await two.theo.get("/api/child/home"))["asks"]
    await two.theo.post(f"/api/child/asks/{asked['id']}/answer", {"yes": False})
    await nobody_reaches_anybody(house, two)
    assert await two.sam.get("/api/decisions") == []


async def test_ending_twice_is_ending_once_and_leaves_no_way_back(house: House, families: Families) -> None:
    two = await families.two()
    [contact] = await two.sam.get(f"/api/children/{two.maya_id}/contacts")
    for _ in range(2):
        await two.sam.post(f"/api/contacts/{contact['ref']}/end")
    await nobody_reaches_anybody(house, two)
    back = await two.sam.call("POST", f"/api/contacts/{contact['ref']}/allow", {"voice": True, "video": True})
    assert (back.status, back.code) == (409, "conflict")


async def test_an_ended_contact_is_cut_by_a_notice_of_the_same_moment(house: House, families: Families) -> None:
    two = await families.two()
    await house.app[keys.FOLLOWER].catch_up()
    await two.theo.post(f"/api/child/people/{two.theo_sees_maya}/end")
    found = await look(house, "SELECT kind, people FROM notices ORDER BY id DESC LIMIT 2")
    maya, theo = sorted(one[0] for one in await look(house, "SELECT person_id FROM children"))
    assert {kind for kind, _ in found} == {"facts_changed", "changed"}
    assert all(maya in people and theo in people for _, people in found)


async def test_before_the_other_child_says_yes_a_typed_code_shows_no_name(families: Families) -> None:
    two = await families.two(friends=False)
    await introduce(two, "theo")
    [asked] = (await two.theo.get("/api/child/home"))["asks"]
    assert (asked["name"], asked["avatar"], asked["ground"], asked["group"]) == (None, None, None, None)
    assert asked["waiting_for"] == ["them", "their_grown_up", "my_grown_up"]
    [shown] = (await two.maya.get("/api/child/home"))["asks"]
    assert (shown["name"], shown["waiting_for_me"]) == ("Theo", True)
    await say_yes(two, "maya")
    [asked] = (await two.theo.get("/api/child/home"))["asks"]
    assert (asked["name"], asked["waiting_for_me"]) == ("Maya", False)


async def test_before_the_other_child_says_yes_the_guardian_beside_a_typed_code_sees_nothing_either(
    house: House, families: Families
) -> None:
    two = await families.two(friends=False)
    await introduce(two, "theo")
    [asked] = (await two.theo.get("/api/child/home"))["asks"]
    await nothing_to_decide_yet(two, "femi")
    for answer in ("camera", "voice", "no"):
        early = await two.femi.call("POST", f"/api/decisions/{asked['id']}", {"answer": answer, "how_known": "met"})
        none = await two.femi.call(
            "POST", "/api/decisions/AAAAAAAAAAAAAAAAAAAAAA", {"answer": answer, "how_known": "met"}
        )
        assert (early.status, early.code) == (404, "not_found")
        assert same(early, none)
    assert await look(house, "SELECT slot FROM yeses") == [("b",)]
    # the side whose words they were is asked at once, and the other as soon as Maya has said yes
    assert len(await two.sam.get("/api/decisions")) == 1
    await say_yes(two, "maya")
    [waiting] = await two.femi.get("/api/decisions")
    assert (waiting["id"], waiting["other"]["name"], waiting["other"]["looked_after_by"]) == (
        asked["id"],
        "Maya",
        "Sam",
    )
    await say_yes(two, "femi", "voice")
    assert ("guardian_b",) in await look(house, "SELECT slot FROM yeses")


async def test_an_approval_screen_shows_what_one_question_needs_and_no_more(families: Families) -> None:
    two = await families.two(friends=False)
    await introduce(two, "theo")
    await say_yes(two, "maya")
    [waiting] = await two.sam.get("/api/decisions")
    assert set(waiting) == {
        "id", "child", "other", "yeses", "child_says", "other_says", "opened_by", "opened_at", "mine",
    }  # fmt: skip
    assert waiting["child"]["name"] == "Maya"
    assert waiting["other"] == {
        "name": "Theo", "avatar": waiting["other"]["avatar"], "ground": waiting["other"]["ground"], "group": "9-12",
        "adult": False, "looked_after_by": "Femi", "families": 0,
    }  # fmt: skip
    assert (waiting["child_says"], waiting["other_says"], waiting["opened_by"]) == ("class", "class", "code")
    assert [(one["slot"], one["name"], one["answer"]) for one in waiting["yeses"]] == [
        ("child", "Maya", "yes"), ("other", "Theo", "yes"), ("their_grown_up", "Femi", "not_yet"), ("you", "Sam", "not_yet"),
    ]  # fmt: skip
    assert (await two.sam.get("/api/family"))["decisions"] == 1


async def test_what_a_guardian_knows_of_the_other_family_is_not_told_to_it(families: Families) -> None:
    two = await families.two(friends=False)
    await introduce(two, "theo")
    [waiting] = await two.sam.get("/api/decisions")
    await two.sam.post(f"/api/decisions/{waiting['id']}", {"answer": "camera", "how_known": "unsure"})
    await say_yes(two, "maya")
    [theirs] = await two.femi.get("/api/decisions")
    assert theirs["other_says"] == "class"  # Maya's own answer, and not what Sam knows
    assert "unsure" not in str(theirs)


async def test_undecided_for_two_weeks_is_no(house: House, families: Families) -> None:
    two = await families.two(friends=False)
    await introduce(two, "theo")
    [waiting] = await two.sam.get("/api/decisions")
    house.hand.forward(14 * DAY + 1)
    assert (await two.maya.get("/api/child/home"))["asks"] == []
    assert await two.sam.get("/api/decisions") == []
    late = await two.sam.call("POST", f"/api/decisions/{waiting['id']}", {"answer": "camera"})
    assert (late.status, late.code) == (409, "conflict")
    # and the two may be introduced again
    await introduce(two, "theo")
    assert len(await two.sam.get("/api/decisions")) == 1


async def test_a_yes_lasts_a_year_and_then_all_are_asked_again(house: House, families: Families) -> None:
    two = await families.two()
    house.hand.forward(300 * DAY)
    assert await can_ring(house, "Maya", "Theo")
    # grown-ups sign in again, and pair the devices that live on
    two.sam, two.femi = await again(house, "sam1@example.org"), await again(house, "femi2@example.org")
    two.maya, two.theo = await families.pair(two.sam, two.maya_id), await families.pair(two.femi, two.theo_id)
    house.hand.forward(64 * DAY)
    assert await can_ring(house, "Maya", "Theo")
    house.hand.forward(DAY)
    await nobody_reaches_anybody(house, two)
    two.sam, two.femi = await again(house, "sam1@example.org"), await again(house, "femi2@example.org")
    assert await two.sam.get(f"/api/children/{two.maya_id}/contacts") == []
    await introduce(two, "theo")
    for who in ("maya", "sam", "femi"):
        await nobody_reaches_anybody(house, two)
        await say_yes(two, who)
    assert await can_ring(house, "Maya", "Theo")
    assert sorted(await look(house, "SELECT state FROM contacts")) == [("approved",), ("lapsed",)]


async def again(house: House, email: str) -> Browserless:
    device = house.device()
    await device.post("/api/sign-in", {"email": email, "password": PASSWORD})
    return device


async def test_either_of_two_guardians_decides_and_either_can_end(house: House, families: Families) -> None:
    two = await families.two(friends=False)
    rosa = await families.grown_up("Rosa")
    await put_guardian(house, "Rosa", two.maya_id)
    await introduce(two, "theo")
    await say_yes(two, "maya")
    await say_yes(two, "femi")
    [waiting] = await rosa.get("/api/decisions")
    assert waiting["yeses"][-1]["name"] == "Rosa"
    await two.sam.post(f"/api/decisions/{waiting['id']}", {"answer": "camera"})
    assert await can_ring(house, "Maya", "Theo")
    assert await rosa.get("/api/decisions") == []
    quicker = await rosa.call("POST", f"/api/decisions/{waiting['id']}", {"answer": "voice"})
    assert (quicker.status, quicker.code) == (409, "conflict")
    [contact] = await rosa.get(f"/api/children/{two.maya_id}/contacts")
    await rosa.post(f"/api/contacts/{contact['ref']}/end")
    await nobody_reaches_anybody(house, two)


async def put_guardian(house: House, name: str, child: str) -> None:
    await put(
        house,
        "INSERT INTO guardianships (guardian_id, child_id) SELECT id, :child FROM people WHERE name = :name",
        name=name,
        child=child,
    )
