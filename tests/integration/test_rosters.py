"""Which devices may talk, as the server keeps it: who may sign for whom, what is kept, who is told."""

from __future__ import annotations

import asyncio
from itertools import count
from typing import Any

import pytest
from sqlalchemy import func, select

from server import retention
from server.accounts import MINUTE
from server.api import keys
from server.db.models import contacts, known_keys, rosters
from server.rosters import AHEAD, signers
from tests import seal_twin
from tests.house import Families, House, Two
from tests.integration.families import ends, put, rung_up
from tests.peers import Browserless


@pytest.fixture
async def two(families: Families) -> Two:
    families.sign = False
    return await families.two()


async def desk_of(one: Browserless, child: str | None) -> dict[str, Any]:
    """What this grown-up signs for a child, or for themself."""
    found = await one.get("/api/rosters")
    return next(person for person in found["people"] if person["child"] == child)


async def say_key(*devices: Browserless) -> None:
    for one in devices:
        await one.post("/api/identity", {"key": seal_twin.key_of(one.identity)})


async def the_contact(guardian: Browserless, child: str) -> tuple[str, str]:
    (contact,) = (await desk_of(guardian, child))["contacts"]
    return contact["contact"], contact["side"]


async def signed(guardian: Browserless, child: str, serial: int, /, *devices: Browserless, **other: Any) -> Any:
    contact, side = await the_contact(guardian, child)
    body = seal_twin.roster(
        guardian.identity, contact, side, [seal_twin.key_of(one.identity) for one in devices], serial, **other
    )
    return await guardian.call("POST", "/api/rosters", {"body": body})


async def test_a_guardian_signs_for_the_devices_of_an_own_child_and_the_newest_is_kept(house: House, two: Two) -> None:
    await say_key(two.maya, two.sam)
    shown = await desk_of(two.sam, two.maya_id)
    assert [device["key"] for device in shown["devices"]] == [seal_twin.key_of(two.maya.identity)]
    assert shown["contacts"][0]["roster"] is None
    assert (await signed(two.sam, two.maya_id, 5, two.maya)).status == 200
    kept = (await desk_of(two.sam, two.maya_id))["contacts"][0]["roster"]
    assert (await signed(two.sam, two.maya_id, 5)).code == "conflict"
    assert (await signed(two.sam, two.maya_id, 4)).code == "conflict"
    assert (await desk_of(two.sam, two.maya_id))["contacts"][0]["roster"] == kept
    assert (await signed(two.sam, two.maya_id, 6)).status == 200
    contact, side = await the_contact(two.sam, two.maya_id)
    async with house.db.read() as tx:
        assert await signers(tx, contact) == {side: seal_twin.key_of(two.sam.identity)}


async def test_what_this_browser_has_not_signed_is_not_kept(two: Two) -> None:
    await say_key(two.maya, two.sam, two.femi)
    stranger = seal_twin.Ed25519PrivateKey.generate()
    assert (await signed(two.sam, two.maya_id, 1, guardian=seal_twin.key_of(stranger))).code == "bad_request"
    contact, side = await the_contact(two.sam, two.maya_id)
    body = seal_twin.roster(stranger, contact, side, [], 1)  # signed well, by a key that is not this browser's
    assert (await two.sam.call("POST", "/api/rosters", {"body": body})).code == "conflict"
    theirs = seal_twin.roster(two.femi.identity, contact, side, [], 1)  # by the other family, for our side
    assert (await two.femi.call("POST", "/api/rosters", {"body": theirs})).code == "conflict"
    assert (await signed(two.sam, two.maya_id, 1)).status == 200


async def test_nobody_signs_so_far_ahead_that_nobody_else_can_sign_after_them(house: House, two: Two) -> None:
    """A guardian who will be none tomorrow would leave a device in the roster that nobody can take out."""
    await say_key(two.maya, two.sam, two.femi)
    now, far = house.app[keys.CLOCK].now(), 2**53 - 1
    assert (await signed(two.sam, two.maya_id, far, two.theo)).code == "conflict"
    assert (await signed(two.sam, two.maya_id, now + AHEAD + MINUTE, two.theo)).code == "conflict"
    assert (await signed(two.sam, two.maya_id, 1, two.theo, at=far)).code == "conflict"
    assert (await signed(two.sam, two.maya_id, now + AHEAD, two.maya)).status == 200  # a clock that is a day ahead
    contact, side = await the_contact(two.sam, two.maya_id)
    for at, code in ((far, "conflict"), (now + AHEAD + MINUTE, "conflict"), (now, "")):
        yes = seal_twin.knows(two.femi.identity, contact, side, seal_twin.key_of(two.sam.identity), at=at)
        assert (await two.femi.call("POST", "/api/known-keys", {"body": yes})).code == code


async def test_a_key_that_no_device_reads_is_not_taken_and_cannot_spoil_a_roster(two: Two) -> None:
    """The last sign of 32 bytes has two bits that say nothing; the same bytes with them set are not the same key."""
    await say_key(two.maya, two.sam)
    odd = "A" * 42 + "B"
    assert (await two.maya.call("POST", "/api/identity", {"key": odd})).code == "bad_request"
    contact, side = await the_contact(two.sam, two.maya_id)
    body = seal_twin.roster(two.sam.identity, contact, side, [odd], 1)
    assert (await two.sam.call("POST", "/api/rosters", {"body": body})).code == "bad_request"
    body = seal_twin.roster(two.sam.identity, "\0" + contact, side, [], 1)
    assert (await two.sam.call("POST", "/api/rosters", {"body": body})).code == "bad_request"
    assert (await signed(two.sam, two.maya_id, 1, two.maya)).status == 200


async def test_a_child_signs_for_nothing_and_neither_does_a_stranger(families: Families, two: Two) -> None:
    alex = await families.grown_up("Alex")
    await say_key(two.maya, two.sam, alex)
    contact, side = await the_contact(two.sam, two.maya_id)
    for one in (two.maya, alex):
        for path, body in (
            ("/api/rosters", seal_twin.roster(one.identity, contact, side, [], 1)),
            ("/api/known-keys", seal_twin.knows(one.identity, contact, side, "A" * 43)),
        ):
            assert (await one.call("POST", path, {"body": body})).code == "not_found"
    assert (await two.maya.get("/api/rosters"))["people"] == []
    assert [person["contacts"] for person in (await alex.get("/api/rosters"))["people"]] == [[]]


async def test_before_a_guardians_yes_there_is_nothing_to_sign(house: House, families: Families) -> None:
    families.sign = False
    two = await families.two(friends=False)
    await say_key(two.sam)
    words = (await two.maya.post("/api/child/friend-code"))["words"]
    await two.theo.post("/api/child/friend-code/enter", {"words": words, "how_known": "class"})
    assert (await desk_of(two.sam, two.maya_id))["contacts"] == []
    async with house.db.read() as tx:
        asked = (await tx.execute(select(contacts))).one()
    side = "a" if asked.a_id == two.maya_id else "b"
    body = {"body": seal_twin.roster(two.sam.identity, asked.id, side, [], 1)}  # a browser that signs before it may
    assert (await two.sam.call("POST", "/api/rosters", body)).code == "conflict"
    await families.befriend(two.maya, two.sam, two.theo, two.femi)
    [signable] = (await desk_of(two.sam, two.maya_id))["contacts"]
    assert signable["contact"] == asked.id
    assert (await two.sam.call("POST", "/api/rosters", body)).status == 200


async def test_another_signer_is_told_as_changed_until_the_other_guardian_has_said_yes(two: Two) -> None:
    await say_key(two.maya, two.sam, two.femi)
    assert (await signed(two.sam, two.maya_id, 1, two.maya)).status == 200
    assert not (await desk_of(two.femi, two.theo_id))["contacts"][0]["changed"]
    two.sam.identity = seal_twin.Ed25519PrivateKey.generate()  # his site data is gone
    await say_key(two.sam)
    assert (await signed(two.sam, two.maya_id, 2, two.maya)).status == 200
    shown = (await desk_of(two.femi, two.theo_id))["contacts"][0]
    assert shown["changed"]
    key, other = seal_twin.key_of(two.sam.identity), {"a": "b", "b": "a"}[shown["side"]]
    wrong = seal_twin.knows(two.femi.identity, shown["contact"], other, "A" * 43)  # of a key that signs nothing
    assert (await two.femi.call("POST", "/api/known-keys", {"body": wrong})).code == "conflict"
    yes = seal_twin.knows(two.femi.identity, shown["contact"], other, key)
    await two.femi.post("/api/known-keys", {"body": yes})
    shown = (await desk_of(two.femi, two.theo_id))["contacts"][0]
    assert (shown["changed"], shown["knows"]) == (False, yes)


async def test_what_was_signed_goes_when_the_contact_is_over_and_not_before(house: House, two: Two) -> None:
    await say_key(two.sam, two.femi)
    assert (await signed(two.sam, two.maya_id, 1)).status == 200
    contact, side = await the_contact(two.sam, two.maya_id)
    yes = seal_twin.knows(two.femi.identity, contact, side, seal_twin.key_of(two.sam.identity))
    await two.femi.post("/api/known-keys", {"body": yes})

    async def left() -> list[int]:
        await retention.sweep(house.db, house.app[keys.CLOCK].now())
        async with house.db.read() as tx:
            return [
                (await tx.execute(select(func.count()).select_from(table))).scalar_one()
                for table in (rosters, known_keys)
            ]

    assert await left() == [1, 1]
    [ref] = [one["ref"] for one in await two.sam.get(f"/api/children/{two.maya_id}/contacts")]
    await two.sam.post(f"/api/contacts/{ref}/end")
    assert await left() == [0, 0]


async def test_a_device_in_a_call_is_shown_the_rosters_of_that_call_and_of_no_other(
    two: Two,
) -> None:
    await say_key(two.maya, two.sam)
    await signed(two.sam, two.maya_id, 1, two.maya)
    roster = (await desk_of(two.sam, two.maya_id))["contacts"][0]["roster"]
    for one in (two.maya, two.theo):
        await one.connect()
    placed = await two.maya.ask(t="call.invite", to=[two.maya_sees_theo], media="audio")
    path = f"/api/calls/{placed['call']}/rosters"
    (seen,) = await two.theo.get(path)
    assert (seen["ref"], seen["roster"], seen["knows"]) == (two.theo_sees_maya, roster, None)
    (seen,) = await two.maya.get(path)
    assert (seen["ref"], seen["roster"]) == (two.maya_sees_theo, None)  # nobody has signed for Theo
    assert await two.sam.get(path) == []
    await two.maya.ask(t="call.leave", call=placed["call"])
    async with asyncio.timeout(30):  # the record is written after the cut
        while await two.theo.get(path):
            await asyncio.sleep(0.05)


async def test_a_paired_device_is_told_the_key_of_the_browser_that_said_yes(house: House, two: Two) -> None:
    for told in (None, seal_twin.key_of(two.sam.identity)):
        if told:
            await say_key(two.sam)
        else:
            await put(house, "UPDATE sessions SET identity = NULL")
        device = house.device()
        words = (await device.post("/api/pairings"))["words"]
        await two.sam.post("/api/pairings/approve", {"words": words, "child": two.maya_id})
        assert await device.post("/api/pairings/mine") == {"state": "done", "guardian_key": told}


async def test_two_families_talk_on_and_a_new_signer_waits_for_the_other_guardians_signed_yes(
    families: Families,
) -> None:
    two = await families.two()
    for one in (two.maya, two.theo):
        one.auto_answer_sdp = False
        await one.connect()

    turns = count()

    async def agree() -> str:
        """Why Theo's device does not believe Maya's; empty once they have confirmed keys."""
        turn = next(turns)  # nobody may ring the same person as often as this test does
        both = ((two.maya, two.theo, two.maya_sees_theo), (two.theo, two.maya, two.theo_sees_maya))
        call = await rung_up(*both[turn % 2])
        keys = two.theo.keys
        async with asyncio.timeout(30):
            while keys is None or not (keys.unsigned or keys.confirmed(two.theo_sees_maya)):
                await asyncio.sleep(0.02)
                keys = two.theo.keys
        await two.maya.ask(t="call.leave", call=call)
        await ends(two.theo, call)
        return keys.unsigned.get(two.theo_sees_maya, "")

    assert await agree() == ""
    two.sam.identity = seal_twin.Ed25519PrivateKey.generate()  # his site data is gone
    await two.sam.sign()
    assert await agree() == "guardian"
    shown = (await desk_of(two.femi, two.theo_id))["contacts"][0]
    assert shown["changed"]
    other = {"a": "b", "b": "a"}[shown["side"]]
    yes = seal_twin.knows(two.femi.identity, shown["contact"], other, seal_twin.key_of(two.sam.identity))
    await two.femi.post("/api/known-keys", {"body": yes})
    assert await agree() == ""
    second = await families.pair(two.sam, two.maya_id)  # another device of hers, and nobody is asked
    second.auto_answer_sdp = False
    await second.connect()
    two.maya = second
    assert await agree() == ""
    second.identity = seal_twin.Ed25519PrivateKey.generate()  # a device that the server alone would have let in
    assert await agree() == "device"
