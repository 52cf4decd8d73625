"""Marks and copies in a call: issued before anything can be sent, told to the sender alone, and what becomes of them written down.

The offer says how pictures are sent, and the one rule for that is the number of people who are in the call or can still come.
"""

from __future__ import annotations

import asyncio
from itertools import combinations
from typing import Any

from tests.integration.test_hub_sealing import answered
from tests.street import House, Phone, in_a_call, street

FIVE = ("ann", "ben", "cat", "dan", "eve")


def friends(*people: str) -> House:
    return House(*combinations(people, 2))


def told(phone: Phone, call: str) -> dict[str, Any]:
    """The marks that this phone was last told, by the other's name."""
    state = next(
        message for message in reversed(phone.heard) if message["t"] == "call.state" and message["call"] == call
    )
    assert state["me"].get("mark") is None
    return {leg["ref"].rsplit("_", 1)[1]: leg["mark"] for leg in state["legs"] if leg["mark"]}


def offers(phone: Phone) -> list[dict[str, Any]]:
    return [message for message in phone.heard if message["t"] == "sdp.offer"]


async def test_a_mark_is_told_to_the_one_who_sends_the_picture_and_to_nobody_else() -> None:
    house = friends("ann", "ben", "cat")
    async with street(house) as here:
        call, phones = await in_a_call(here, "ann", "ben", "cat")
        for phone in phones:
            await phone.quiet()
            mine = {
                recipient: {"id": f"{mark.id:08x}", "quarter": mark.quarter}
                for (_, sender, recipient), mark in house.marks.items()
                if sender == phone.person
            }
            assert len(mine) == 2
            assert told(phone, call) == mine
            ids = {
                mark["id"]
                for leg in phone.heard
                if leg["t"] == "call.state"
                for one in leg["legs"]
                if (mark := one["mark"])
            }
            assert ids == {mark["id"] for mark in mine.values()}


async def test_a_mark_is_on_record_before_there_is_a_place_from_which_anything_could_be_sent() -> None:
    house = friends("ann", "ben")
    async with street(house) as here:
        house.slow["answer"] = asyncio.Event()
        ann, ben = await here.phone("ann"), await here.phone("ben")
        call = (await ann.ask("call.invite", to=[ann.knows("ben")], media="video"))["call"]
        incoming = await ben.hear("call.incoming")
        await ben.tell(t="call.accept", id="a1", call=call, nonce=incoming["nonce"])
        while not house.asked("answer"):
            await asyncio.sleep(0.005)
        assert here.gate.peers == {}
        assert not offers(ann)
        house.slow["answer"].set()
        await ann.hear("sdp.offer")
        await ann.hear("call.state")  # by which her page knows that he is here, and may send him anything at all
        assert told(ann, call).keys() == {"ben"}


async def test_what_a_device_says_of_a_mark_is_written_down_once_and_opens_nothing() -> None:
    house = friends("ann", "ben", "cat")
    async with street(house) as here:
        call, (ann, ben, _) = await in_a_call(here, "ann", "ben", "cat")
        before = here.seeing()
        for _ in range(3):
            assert (await ann.ask("mark.on", call=call, to=ann.knows("ben")))["t"] == "ok"
        assert (await ann.ask("mark.off", call=call, to=ann.knows("cat"), why="cannot"))["t"] == "ok"
        for why in ("too_slow", "broken"):
            assert (await ann.ask("mark.off", call=call, to=ann.knows("ben"), why=why))["t"] == "ok"
        await ben.ask("mark.on", call=call, to=ben.knows("ann"))
        await here.settled()
        assert house.asked("marked") == [("ann", "ben"), ("ben", "ann")]
        assert house.asked("unmarked") == [("ann", "cat", "cannot"), ("ann", "ben", "too_slow")]
        assert here.seeing() == before
        assert here.call(call) is not None


async def test_of_a_mark_nobody_can_speak_but_its_sender_in_the_call() -> None:
    house = House(*combinations(("ann", "ben", "cat"), 2), ("ann", "dan"))
    async with street(house) as here:
        call, (ann, _, cat) = await answered(here, "ann", "ben", "cat", missing=("cat",))
        dan = await here.phone("dan")

        async def code(phone: Phone, to: str) -> str:
            return str((await phone.ask("mark.on", call=call, to=to)).get("code", "ok"))

        assert await code(ann, ann.knows("ben")) == "ok"
        assert await code(ann, ann.knows("cat")) == "not_found"  # it rings for her: nothing was issued
        assert await code(ann, ann.knows("dan")) == "not_found"
        assert await code(cat, cat.knows("ann")) == "bad_state"
        assert await code(dan, dan.knows("ann")) == "not_found"
        await here.settled()
        assert house.asked("marked") == [("ann", "ben")]


async def test_in_a_call_of_four_each_gets_their_own_and_in_one_of_five_there_is_one_for_all_and_no_mark() -> None:
    for people, picture, once in ((FIVE[:4], "each", ""), (FIVE, "once", "8")):
        house = friends(*people)
        async with street(house) as here:
            call, phones = await in_a_call(here, *people)
            assert (await phones[0].ask("call.media", call=call, audio=True, video=True))["t"] == "ok"
            no = await phones[0].ask("mark.on", call=call, to=phones[0].knows("ben"))
            assert no.get("code", "ok") == ("ok" if picture == "each" else "bad_state")
            await here.settled()
            for phone in phones:
                await phone.quiet()
                assert [(offer["picture"], offer.get("once_mid", "")) for offer in offers(phone)] == [(picture, once)]
                assert len(told(phone, call)) == (len(people) - 1 if picture == "each" else 0)
            assert house.asked("unmarked") == ([] if picture == "each" else [("ann", None, "too_many")])


async def test_when_the_fifth_goes_the_four_are_told_their_marks_and_offered_to_send_each_their_own() -> None:
    house = friends(*FIVE)
    async with street(house) as here:
        call, (ann, *others, eve) = await in_a_call(here, *FIVE)
        before = here.seeing()
        await eve.ask("call.leave", call=call)
        for phone in (ann, *others):
            again = await phone.hear("sdp.offer", picture="each")
            assert (again["once_mid"], again["neg"]) == ("8", 2)
            assert len(told(phone, call)) == 3, "the marks come before the offer by which they are needed"
            assert (await phone.ask("sdp.answer", call=call, neg=2, sdp="v=0"))["t"] == "ok"
        assert here.seeing() == {lane for lane in before if "eve" not in lane}
        await others[0].ask("call.leave", call=call)
        await ann.quiet()
        assert len(offers(ann)) == 2, "from four to three nothing changes"


async def test_who_rings_still_counts_and_who_comes_late_is_offered_what_holds_then() -> None:
    house = friends(*FIVE)
    async with street(house) as here:
        call, (ann, ben, *_) = await answered(here, *FIVE, missing=("dan", "eve"))
        assert (await ann.hear("sdp.offer"))["picture"] == "once"
        dan, eve = (phone for phone in here.phones if phone.person in ("dan", "eve"))
        await eve.ask("call.reject", call=call)
        assert (await ben.hear("sdp.offer", picture="each"))["neg"] == 2
        incoming = next(message for message in dan.heard if message["t"] == "call.incoming")
        await dan.ask("call.accept", call=call, nonce=incoming["nonce"])
        offer = await dan.hear("sdp.offer")
        assert (offer["picture"], offer.get("once_mid", "")) == ("each", "")


async def test_the_key_of_the_marks_is_told_in_the_welcome() -> None:
    async with street(friends("ann", "ben")) as here:
        here.hub._mark_key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
        await here.phone("ann")
        welcome = next(message for message in here.phones[0].heard if message["t"] == "welcome")
        assert welcome["mark_key"] == here.hub._mark_key
