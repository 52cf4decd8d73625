"""A grown-up nearby: what a family wants for calls with one contact, how it is asked for, and what ends with it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from server.api import keys
from tests.house import PASSWORD, Families, House, Two
from tests.integration.families import can_ring, ends, grandmother, last_no, look, put, rung_up, same
from tests.peers import Browserless

MINUTE = 60_000


async def g_ref(guardian: Browserless, child: str, name: str) -> str:
    found = await guardian.get(f"/api/children/{child}/contacts")
    return next(str(one["ref"]) for one in found if one["name"] == name)


async def of_contact(guardian: Browserless, child: str, name: str) -> Any:
    found = await guardian.get(f"/api/children/{child}/contacts")
    return next(one for one in found if one["name"] == name)


async def supervised(families: Families, mode: str) -> tuple[Two, str]:
    """Maya's family wants ``mode`` for calls with Theo. With the ref that Sam uses."""
    two = await families.two()
    ref = await g_ref(two.sam, two.maya_id, "Theo")
    await two.sam.post(f"/api/contacts/{ref}/supervision", {"mode": mode})
    return two, ref


async def on_page(child: Browserless, name: str) -> tuple[str, bool, bool]:
    one = next(one for one in (await child.get("/api/child/home"))["people"] if one["name"] == name)
    return one["watch"], one["watched"], one["asked"]


async def ring(child: Browserless, ref: str) -> Any:
    if child.ws is None:
        await child.connect()
    answer = await child.ask(t="call.invite", to=[ref], media="audio")
    if answer["t"] == "ok":
        await child.ask(t="call.cancel", call=answer["call"])
    return answer.get("code", "ok")


# -- ask each time ---------------------------------------------------------------------------------------------------------


async def test_a_child_asks_a_grown_up_says_yes_and_the_yes_is_good_for_one_call(
    house: House, families: Families
) -> None:
    two = await families.two()
    assert await on_page(two.maya, "Theo") == ("free", True, False)
    assert await ring(two.maya, two.maya_sees_theo) == "ok"
    ref = await g_ref(two.sam, two.maya_id, "Theo")
    await two.sam.post(f"/api/contacts/{ref}/supervision", {"mode": "ask"})
    assert (await of_contact(two.sam, two.maya_id, "Theo"))["supervision"] == "ask"
    assert await on_page(two.maya, "Theo") == ("ask", False, False)
    assert await on_page(two.theo, "Maya") == ("free", True, False), "each family wants this for its own child"
    assert await ring(two.maya, two.maya_sees_theo) == "needs_guardian"
    assert await last_no(house, "ring") == ["ask-each-time", "ask-each-time-there"]

    assert await two.maya.post(f"/api/child/people/{two.maya_sees_theo}/ask") == {"kind": "ask"}
    assert await on_page(two.maya, "Theo") == ("ask", False, True)
    (waits,) = await two.sam.get("/api/calls/to-allow")
    assert (waits["child"]["name"], waits["with"]["name"], waits["kind"], waits["ref"]) == ("Maya", "Theo", "ask", ref)
    assert await two.femi.get("/api/calls/to-allow") == []
    assert await ring(two.maya, two.maya_sees_theo) == "needs_guardian", "to have asked is no yes"

    await two.sam.post(f"/api/calls/to-allow/{waits['id']}", {"answer": "yes"})
    assert await two.sam.get("/api/calls/to-allow") == []
    assert await on_page(two.maya, "Theo") == ("ask", True, False)
    call = await rung_up(two.maya, two.theo, two.maya_sees_theo)
    await two.maya.ask(t="call.leave", call=call)
    await ends(two.theo, call)
    assert await on_page(two.maya, "Theo") == ("ask", False, False)
    assert await ring(two.maya, two.maya_sees_theo) == "needs_guardian"


async def test_a_no_is_a_no_and_can_be_asked_about_again_after_a_minute(house: House, families: Families) -> None:
    two, _ = await supervised(families, "ask")
    await two.maya.post(f"/api/child/people/{two.maya_sees_theo}/ask")
    (waits,) = await two.sam.get("/api/calls/to-allow")
    await two.sam.post(f"/api/calls/to-allow/{waits['id']}", {"answer": "no"})
    assert await on_page(two.maya, "Theo") == ("ask", False, False)
    assert await ring(two.maya, two.maya_sees_theo) == "needs_guardian"
    assert (await two.sam.call("POST", f"/api/calls/to-allow/{waits['id']}", {"answer": "yes"})).code == "conflict"
    await two.maya.post(f"/api/child/people/{two.maya_sees_theo}/ask")
    assert await two.sam.get("/api/calls/to-allow") == []
    house.hand.forward(MINUTE + 1)
    await two.maya.post(f"/api/child/people/{two.maya_sees_theo}/ask")
    assert len(await two.sam.get("/api/calls/to-allow")) == 1


async def test_asking_again_within_a_minute_changes_nothing_and_later_is_still_one_ask(
    house: House, families: Families
) -> None:
    two, _ = await supervised(families, "ask")
    await two.sam.connect()
    asked = f"/api/child/people/{two.maya_sees_theo}/ask"
    mark = len(two.sam.seen)
    await two.maya.post(asked)
    told = await two.sam.until(lambda m: m["t"] == "changed" and "calls" in m["what"], since=mark)
    assert told["what"] == ["calls"]
    first, notices = await two.sam.get("/api/calls/to-allow"), await look(house, "SELECT COUNT(*) FROM notices")
    assert await two.maya.post(asked) == {"kind": "ask"}
    assert await two.sam.get("/api/calls/to-allow") == first
    assert await look(house, "SELECT COUNT(*) FROM notices") == notices
    house.hand.forward(MINUTE + 1)
    await two.maya.post(asked)
    (again,) = await two.sam.get("/api/calls/to-allow")
    assert again["id"] == first[0]["id"]
    assert again["asked_at"] > first[0]["asked_at"]
    house.hand.forward(16 * MINUTE)
    assert await two.sam.get("/api/calls/to-allow") == []
    assert await on_page(two.maya, "Theo") == ("ask", False, False)
    assert (await two.sam.call("POST", f"/api/calls/to-allow/{again['id']}", {"answer": "yes"})).code == "conflict"


async def test_a_yes_that_nobody_used_is_over_after_a_quarter_of_an_hour(house: House, families: Families) -> None:
    two, _ = await supervised(families, "ask")
    await two.maya.post(f"/api/child/people/{two.maya_sees_theo}/ask")
    (waits,) = await two.sam.get("/api/calls/to-allow")
    await two.sam.post(f"/api/calls/to-allow/{waits['id']}", {"answer": "yes"})
    house.hand.forward(14 * MINUTE)
    assert await ring(two.maya, two.maya_sees_theo) == "ok"
    house.hand.forward(2 * MINUTE)
    await two.maya.post(f"/api/child/people/{two.maya_sees_theo}/ask")
    (waits,) = await two.sam.get("/api/calls/to-allow")
    await two.sam.post(f"/api/calls/to-allow/{waits['id']}", {"answer": "yes"})
    house.hand.forward(15 * MINUTE + 1)
    assert await ring(two.maya, two.maya_sees_theo) == "needs_guardian"


async def test_who_is_rung_needs_the_yes_to_answer(families: Families) -> None:
    two, _ = await supervised(families, "ask")
    for device in (two.maya, two.theo):
        device.auto_answer_sdp = False
        await device.connect()
    placed = await two.theo.ask(t="call.invite", to=[two.theo_sees_maya], media="audio")
    assert placed["t"] == "ok"
    incoming = await two.maya.expect("call.incoming")
    refused = await two.maya.ask(t="call.accept", call=incoming["call"], nonce=incoming["nonce"])
    assert (refused["t"], refused.get("code")) == ("err", "needs_guardian")


async def test_there_is_nothing_to_ask_for_where_calls_are_free(families: Families) -> None:
    two = await families.two()
    answer = await two.maya.call("POST", f"/api/child/people/{two.maya_sees_theo}/ask", {})
    assert (answer.status, answer.code) == (409, "conflict")


async def test_another_mode_voids_what_was_allowed_under_the_old_one(families: Families) -> None:
    two, ref = await supervised(families, "ask")
    await two.maya.post(f"/api/child/people/{two.maya_sees_theo}/ask")
    (waits,) = await two.sam.get("/api/calls/to-allow")
    await two.sam.post(f"/api/calls/to-allow/{waits['id']}", {"answer": "yes"})
    for mode in ("free", "ask"):
        await two.sam.post(f"/api/contacts/{ref}/supervision", {"mode": mode})
    assert await ring(two.maya, two.maya_sees_theo) == "needs_guardian"


# -- a grown-up there ------------------------------------------------------------------------------------------------------


async def in_a_call_beside_sam(families: Families) -> tuple[Two, str, str]:
    two, ref = await supervised(families, "present")
    assert await ring(two.maya, two.maya_sees_theo) == "needs_guardian"
    assert await two.maya.post(f"/api/child/people/{two.maya_sees_theo}/ask") == {"kind": "present"}
    (waits,) = await two.sam.get("/api/calls/to-allow")
    assert waits["kind"] == "present"
    assert (await two.sam.call("POST", f"/api/calls/to-allow/{waits['id']}", {"answer": "yes"})).code == "conflict"
    begun = await two.sam.post(f"/api/contacts/{ref}/present")
    assert (await of_contact(two.sam, two.maya_id, "Theo"))["present_until"] == begun["until"]
    assert await two.sam.get("/api/calls/to-allow") == []
    assert await on_page(two.maya, "Theo") == ("present", True, False)
    return two, ref, await rung_up(two.maya, two.theo, two.maya_sees_theo)


async def test_a_call_ends_when_the_grown_up_who_must_be_there_goes(house: House, families: Families) -> None:
    two, ref, call = await in_a_call_beside_sam(families)
    await two.sam.post(f"/api/contacts/{ref}/absent")
    assert await ends(two.maya, call) == "needs_guardian"
    assert await ends(two.theo, call) == "left", "why is the other family's business"
    assert "grown-up-present" in await last_no(house, "stay")
    assert (await of_contact(two.sam, two.maya_id, "Theo"))["present_until"] is None
    assert await two.sam.post(f"/api/contacts/{ref}/absent") == {}


async def test_a_call_ends_when_the_sign_in_of_the_grown_up_who_must_be_there_ends(families: Families) -> None:
    two, _, call = await in_a_call_beside_sam(families)
    await two.sam.post("/api/sign-out")
    assert await ends(two.maya, call) == "needs_guardian"


async def test_a_revoked_sign_in_of_somebody_else_ends_nobodys_being_there(house: House, families: Families) -> None:
    two, ref, call = await in_a_call_beside_sam(families)
    await two.femi.post("/api/sign-out")
    await house.app[keys.FOLLOWER].catch_up()
    assert (await of_contact(two.sam, two.maya_id, "Theo"))["present_until"] is not None
    await two.sam.post(f"/api/contacts/{ref}/absent")
    assert await ends(two.maya, call) == "needs_guardian"


async def test_being_there_is_renewed_in_its_own_row_and_is_over_when_it_is_not(
    house: House, families: Families
) -> None:
    two, ref = await supervised(families, "present")
    first = await two.sam.post(f"/api/contacts/{ref}/present")
    house.hand.forward(60_000)
    second = await two.sam.post(f"/api/contacts/{ref}/present")
    assert second["until"] >= first["until"] + 60_000
    assert await look(house, "SELECT COUNT(*) FROM call_yeses WHERE state = 'given'") == [(1,)]
    house.hand.forward(60_000)
    assert await ring(two.maya, two.maya_sees_theo) == "ok"
    house.hand.forward(31_000)
    assert await ring(two.maya, two.maya_sees_theo) == "needs_guardian"
    assert await last_no(house, "ring") == ["grown-up-present", "grown-up-present-there"]


async def test_two_guardians_can_be_there_and_one_going_leaves_the_other(house: House, families: Families) -> None:
    two, ref, call = await in_a_call_beside_sam(families)
    dan = await families.grown_up("Dan")
    await put(
        house,
        "INSERT INTO guardianships (guardian_id, child_id) SELECT id, :child FROM people WHERE name = 'Dan'",
        child=two.maya_id,
    )
    await dan.post(f"/api/contacts/{ref}/present")
    await two.sam.post(f"/api/contacts/{ref}/absent")
    await house.app[keys.FOLLOWER].catch_up()
    assert not [m for m in two.maya.seen if m["t"] == "call.ended"]
    assert (await of_contact(two.sam, two.maya_id, "Theo"))["present_until"] is None, "each sees their own"
    await dan.post(f"/api/contacts/{ref}/absent")
    assert await ends(two.maya, call) == "needs_guardian"


@pytest.mark.parametrize("mode", ["ask", "present"])
async def test_a_mode_that_is_set_during_a_call_ends_it(house: House, families: Families, mode: str) -> None:
    two = await families.two()
    call = await rung_up(two.maya, two.theo, two.maya_sees_theo)
    ref = await g_ref(two.sam, two.maya_id, "Theo")
    await two.sam.post(f"/api/contacts/{ref}/supervision", {"mode": mode})
    assert await ends(two.maya, call) == "needs_guardian"
    assert await ends(two.theo, call) == "left"


async def test_from_13_on_none_of_it_binds_and_a_guardian_cannot_set_it(house: House, families: Families) -> None:
    two, ref = await supervised(families, "ask")
    assert await ring(two.maya, two.maya_sees_theo) == "needs_guardian"
    await two.sam.post(f"/api/children/{two.maya_id}/age-group", {"group": "13-15"})
    assert await on_page(two.maya, "Theo") == ("free", True, False)
    assert (await of_contact(two.sam, two.maya_id, "Theo"))["supervision"] == "free"
    assert await ring(two.maya, two.maya_sees_theo) == "ok"
    for path, body, question in (
        (f"/api/contacts/{ref}/supervision", {"mode": "present"}, "change_supervision"),
        (f"/api/contacts/{ref}/present", {}, "be_present"),
    ):
        answer = await two.sam.call("POST", path, body)
        assert (answer.status, answer.code) == (403, "not_permitted")
        assert await last_no(house, question) == ["know-and-discuss"]


# -- a guardian's word -------------------------------------------------------------------------------------------------------


async def test_a_word_that_is_taken_back_ends_the_call_with_the_grown_up_and_given_anew_lets_them_call_again(
    house: House, families: Families
) -> None:
    two = await families.two(friends=False)
    gran = await grandmother(families, two.maya, two.sam, two.maya_id)
    ref = await g_ref(two.sam, two.maya_id, "Gran")
    shown = await of_contact(two.sam, two.maya_id, "Gran")
    assert (shown["grown_up"], shown["vouched"], shown["paused"]) == (True, True, None)
    hers = (await gran.get("/api/people"))[0]["ref"]
    call = await rung_up(gran, two.maya, hers)
    await two.sam.post(f"/api/contacts/{ref}/vouch", {"vouched": False})
    await asyncio.gather(ends(two.maya, call), ends(gran, call))
    assert "adult-not-assured" in await last_no(house, "stay")
    shown = await of_contact(two.sam, two.maya_id, "Gran")
    assert (shown["vouched"], shown["paused"]) == (False, "assurance")
    assert not await can_ring(house, "Gran", "Maya")
    await two.sam.post(f"/api/contacts/{ref}/vouch", {"vouched": True})
    assert (await of_contact(two.sam, two.maya_id, "Gran"))["paused"] is None
    assert await can_ring(house, "Gran", "Maya")


async def test_nobody_vouches_for_a_child(families: Families) -> None:
    two = await families.two()
    ref = await g_ref(two.sam, two.maya_id, "Theo")
    shown = await of_contact(two.sam, two.maya_id, "Theo")
    assert (shown["grown_up"], shown["vouched"], shown["paused"]) == (False, False, None)
    answer = await two.sam.call("POST", f"/api/contacts/{ref}/vouch", {"vouched": True})
    assert (answer.status, answer.code) == (409, "conflict")


# -- whose it is ---------------------------------------------------------------------------------------------------------------

ABOUT_A_CONTACT = {
    "supervision": {"mode": "free"},
    "vouch": {"vouched": False},
    "present": {},
    "absent": {},
}


@pytest.mark.parametrize("what", ABOUT_A_CONTACT)
async def test_another_familys_contact_and_none_are_one_answer(house: House, families: Families, what: str) -> None:
    two = await families.two()
    ref = await g_ref(two.sam, two.maya_id, "Theo")
    gran = await families.grown_up("Gran", "trusted_adult")
    before = await look(house, "SELECT COUNT(*) FROM notices")
    for stranger in (two.femi, gran, two.maya):
        real = await stranger.call("POST", f"/api/contacts/{ref}/{what}", ABOUT_A_CONTACT[what])
        none = await stranger.call("POST", f"/api/contacts/g_nobody/{what}", ABOUT_A_CONTACT[what])
        assert (real.status, real.code) == (404, "not_found")
        assert same(real, none)
    assert await look(house, "SELECT COUNT(*) FROM notices") == before
    assert (await two.sam.call("POST", f"/api/contacts/{ref}/{what}", ABOUT_A_CONTACT[what])).status != 404


async def test_another_familys_ask_and_none_are_one_answer(families: Families) -> None:
    two, _ = await supervised(families, "ask")
    await two.maya.post(f"/api/child/people/{two.maya_sees_theo}/ask")
    (waits,) = await two.sam.get("/api/calls/to-allow")
    for stranger in (two.femi, two.theo, two.maya):
        real = await stranger.call("POST", f"/api/calls/to-allow/{waits['id']}", {"answer": "yes"})
        none = await stranger.call("POST", "/api/calls/to-allow/nobody", {"answer": "yes"})
        assert (real.status, real.code) == (404, "not_found")
        assert same(real, none)
    assert len(await two.sam.get("/api/calls/to-allow")) == 1
    await two.sam.post(f"/api/calls/to-allow/{waits['id']}", {"answer": "yes"})


async def test_a_child_asks_about_an_own_contact_only(families: Families) -> None:
    two, _ = await supervised(families, "ask")
    real = await two.theo.call("POST", f"/api/child/people/{two.maya_sees_theo}/ask", {})
    none = await two.theo.call("POST", "/api/child/people/k_nobody/ask", {})
    assert (real.status, real.code) == (404, "not_found")
    assert same(real, none)


async def test_a_guardian_who_signs_in_elsewhere_finds_what_waits(families: Families) -> None:
    two, _ = await supervised(families, "ask")
    await two.maya.post(f"/api/child/people/{two.maya_sees_theo}/ask")
    other = families.house.device()
    await other.post("/api/sign-in", {"email": "sam1@example.org", "password": PASSWORD})
    assert len(await other.get("/api/calls/to-allow")) == 1


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("supervision", {"mode": "never"}, "mode"),
        ("supervision", {}, "mode"),
        ("vouch", {"vouched": 1}, "vouched"),
        ("present", {"until": 5}, None),
    ],
)
async def test_a_wrong_body_is_refused_and_changes_nothing(
    families: Families, path: str, body: Any, field: str | None
) -> None:
    two = await families.two()
    ref = await g_ref(two.sam, two.maya_id, "Theo")
    before = await two.sam.get(f"/api/children/{two.maya_id}/contacts")
    answer = await two.sam.call("POST", f"/api/contacts/{ref}/{path}", body)
    assert (answer.status, answer.code) == (422, "bad_request")
    assert list(answer.json.get("fields", {})) == ([field] if field else [])
    assert await two.sam.get(f"/api/children/{two.maya_id}/contacts") == before


async def test_a_no_after_a_yes_holds(house: House, families: Families) -> None:
    two, _ = await supervised(families, "ask")
    await two.maya.post(f"/api/child/people/{two.maya_sees_theo}/ask")
    (waits,) = await two.sam.get("/api/calls/to-allow")
    await two.sam.post(f"/api/calls/to-allow/{waits['id']}", {"answer": "yes"})
    assert await on_page(two.maya, "Theo") == ("ask", True, False)
    call = await rung_up(two.maya, two.theo, two.maya_sees_theo)
    assert await two.sam.post(f"/api/calls/to-allow/{waits['id']}", {"answer": "no"}) == {}
    assert await ends(two.maya, call) == "needs_guardian"
    assert await ring(two.maya, two.maya_sees_theo) == "needs_guardian"


async def test_a_guardian_who_cannot_come_says_so_and_the_child_need_not_wait(house: House, families: Families) -> None:
    two, _ = await supervised(families, "present")
    assert await two.maya.post(f"/api/child/people/{two.maya_sees_theo}/ask") == {"kind": "present"}
    (waits,) = await two.sam.get("/api/calls/to-allow")
    assert (await two.sam.call("POST", f"/api/calls/to-allow/{waits['id']}", {"answer": "yes"})).code == "conflict"
    assert await two.sam.post(f"/api/calls/to-allow/{waits['id']}", {"answer": "no"}) == {}
    assert await two.sam.get("/api/calls/to-allow") == []
    assert await on_page(two.maya, "Theo") == ("present", False, False)
    assert (await two.sam.call("POST", f"/api/calls/to-allow/{waits['id']}", {"answer": "no"})).code == "conflict"
