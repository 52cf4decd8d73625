"""Keys by way of the hub: it hands words on between two who are in a call, to nobody else, and opens nothing before both are ready."""

from __future__ import annotations

import dataclasses
import logging

import pytest

from tests.street import QUICK, House, Phone, Street, in_a_call, street

TWO = (("ann", "ben"),)
THREE = (("ann", "ben"), ("ann", "cat"), ("ben", "cat"))
VOICES = {("ann", "ben", "audio"), ("ben", "ann", "audio")}


async def answered(here: Street, *people: str, missing: tuple[str, ...] = ()) -> tuple[str, list[Phone]]:
    """A call in which nobody has confirmed keys yet. ``missing``: whom it still rings for."""
    phones = [await here.phone(person) for person in people]
    caller, *callees = phones
    call = (await caller.ask("call.invite", to=[caller.knows(one.person) for one in callees], media="video"))["call"]
    for callee in callees:
        incoming = await callee.hear("call.incoming")
        if callee.person not in missing:
            assert (await callee.ask("call.accept", call=call, nonce=incoming["nonce"]))["t"] == "ok"
    here.connect(*people)
    return call, phones


async def words(phone: Phone) -> list[str]:
    """The bodies that this phone was handed, so far."""
    await phone.quiet()
    return [message["body"] for message in phone.heard if message["t"] == "seal.from"]


async def test_nothing_opens_before_both_are_ready_and_then_what_was_granted_does() -> None:
    async with street(House(*TWO)) as here:
        call, (ann, ben) = await answered(here, "ann", "ben")
        assert (await ann.ask("call.media", call=call, audio=True, video=True))["t"] == "ok"
        assert here.seeing() == set()
        assert (await ann.seal(call))["t"] == "ok"
        assert (await ann.seal(call))["t"] == "ok"
        assert here.seeing() == set()
        state = await ben.hear("call.state", state="active")
        while not state["legs"][0]["sealed"]:
            state = await ben.hear("call.state")
        assert (state["me"]["sealed"], state["heard_by"], state["legs"][0]["audio"]) == (False, [], False)
        assert (await ben.seal(call))["t"] == "ok"
        assert here.seeing() == VOICES | {("ann", "ben", "video")}
        assert here.gate.kids == {here.hub._calls[call].peers[p]: k for p, k in (("ann", (16, 17)), ("ben", (32, 33)))}


async def test_what_a_rule_took_away_meanwhile_does_not_open_by_being_ready() -> None:
    house = House(*TWO)
    async with street(house) as here:
        call, (ann, ben) = await answered(here, "ann", "ben")
        await ann.seal(call)
        house.lanes -= {("ann", "ben", "audio")}
        house.all_know = lambda people: True  # type: ignore[method-assign]  # they may still be together
        await here.hub.facts_changed(["ann", "ben"])
        await ben.seal(call)
        assert here.seeing() == {("ben", "ann", "audio")}


async def test_a_third_who_joins_is_shut_out_until_ready_and_the_others_go_on() -> None:
    async with street(House(*THREE)) as here:
        call, (ann, ben, cat) = await answered(here, "ann", "ben", "cat", missing=("cat",))
        await ann.seal(call)
        await ben.seal(call)
        assert here.seeing() == VOICES
        ring = next(message for message in cat.heard if message["t"] == "call.incoming")
        await cat.ask("call.accept", call=call, nonce=ring["nonce"])
        assert here.seeing() == VOICES
        state = await cat.hear("call.state")
        assert (state["me"]["index"], state["me"]["sealed"]) == (3, False)
        assert [(leg["ref"], leg["index"], leg["sealed"]) for leg in state["legs"]] == [
            (cat.knows("ann"), 1, True),
            (cat.knows("ben"), 2, True),
        ]
        await cat.seal(call)
        assert len(here.seeing()) == 6
        await ann.ask("call.leave", call=call)  # nobody moves up when somebody goes
        state = await cat.hear("call.state", heard_by=[cat.knows("ben")])
        assert (state["me"]["index"], [leg["index"] for leg in state["legs"]]) == (3, [2])


async def test_a_word_reaches_the_one_whom_it_is_for_and_nobody_else() -> None:
    async with street(House(*THREE)) as here:
        call, (ann, ben, cat) = await answered(here, "ann", "ben", "cat")
        body = '{"m":"…","s":"\\u0000 & <b>"}'
        assert (await ann.ask("seal.to", call=call, to=ann.knows("ben"), body=body))["t"] == "ok"
        got = await ben.hear("seal.from")
        assert (got["call"], got["ref"], got["body"]) == (call, ben.knows("ann"), body)
        assert await words(cat) == await words(ann) == []
        assert await words(ben) == [body]


async def test_only_two_who_are_in_the_call_can_send_and_be_sent_words() -> None:
    async with street(House(*THREE, ("ann", "dan"), ("dan", "eve"))) as here:
        call, (ann, ben, cat) = await answered(here, "ann", "ben", "cat", missing=("cat",))
        laptop, dan = await here.phone("ben", "bens-laptop"), await here.phone("dan")
        other, (_, eve) = await answered(here, "dan", "eve")

        async def code(phone: Phone, to: str, into: str = call) -> str:
            answer = await phone.ask("seal.to", call=into, to=to, body="secret")
            return str(answer.get("code", "ok"))

        assert await code(ann, ann.knows("ben")) == "ok"
        assert await code(ann, ann.knows("cat")) == "bad_state"  # it rings for her
        assert await code(cat, cat.knows("ann")) == "bad_state"
        assert await code(ann, ann.knows("dan")) == "not_found"  # a contact, but not in this call
        assert await code(ann, ben.knows("ann")) == "not_found"  # another's ref for her
        assert await code(dan, dan.knows("ann")) == "not_found"
        assert await code(eve, eve.knows("dan")) == "not_found"  # the right person, in another call
        assert await code(eve, eve.knows("dan"), other) == "ok"
        assert await code(ann, ann.knows("ben"), other) == "not_found"
        assert await code(laptop, laptop.knows("ann")) == "bad_state"  # a device of his that did not answer
        assert await words(laptop) == await words(cat) == []
        assert await words(ben) == ["secret"]

        ring = next(message for message in cat.heard if message["t"] == "call.incoming")
        await cat.ask("call.accept", call=call, nonce=ring["nonce"])
        assert await code(ann, ann.knows("cat")) == "ok"
        await ben.ask("call.leave", call=call)
        assert await code(ann, ann.knows("ben")) == "not_found"
        assert await code(ben, ben.knows("ann")) == "bad_state"
        assert await words(ben) == ["secret"]
        assert await words(ann) == []


async def test_only_somebody_in_the_call_can_be_ready_and_only_under_their_own_index() -> None:
    async with street(House(*THREE)) as here:
        call, (ann, ben, cat) = await answered(here, "ann", "ben", "cat", missing=("cat",))
        eve = await here.phone("eve")
        await ann.seal(call)
        for kids in ([16, 17], [32, 17], [32, 33, 34, 48], [0, 1], [255]):
            no = await ben.ask("seal.ready", call=call, kids=kids)
            assert (no["t"], no["code"]) == ("err", "bad_message")
        for phone, why in ((cat, "bad_state"), (eve, "not_found")):
            no = await phone.ask("seal.ready", call=call, kids=[48, 49])
            assert (no["t"], no["code"]) == ("err", why)
        assert here.seeing() == set()
        assert len(here.gate.kids) == 1
        assert (await ben.ask("seal.ready", call=call, kids=[32, 33, 34, 47]))["t"] == "ok"
        assert here.seeing() == VOICES
        await ben.ask("call.leave", call=call)
        assert (await ben.ask("seal.ready", call=call, kids=[32]))["code"] == "bad_state"


async def test_new_keys_are_told_to_the_gate_and_change_nothing_else() -> None:
    async with street(House(*TWO)) as here:
        call, (_, ben) = await in_a_call(here, "ann", "ben")
        before = here.call(call)
        assert (await ben.ask("seal.ready", call=call, kids=[34, 35, 32, 33]))["t"] == "ok"
        assert here.gate.kids[here.hub._calls[call].peers["ben"]] == (34, 35, 32, 33)
        assert here.call(call) == before


async def test_a_lost_socket_that_comes_back_is_still_sealed_and_reads_what_was_said_meanwhile() -> None:
    async with street(House(*TWO)) as here:
        call, (ann, ben) = await in_a_call(here, "ann", "ben")
        await ben.hang_up()
        assert (await ann.ask("seal.to", call=call, to=ann.knows("ben"), body="while you were away"))["t"] == "ok"
        line = await here.line("ben")
        await line.tell(t="resume", session=ben.session, token=ben.token, last_seq=ben.last_seq)
        assert (await line.hear("seal.from"))["body"] == "while you were away"
        state = await line.hear("call.state", heard_by=[ben.knows("ann")])
        assert state["me"]["sealed"]
        assert here.seeing() == VOICES


async def test_a_gate_without_a_place_for_them_is_told_as_such() -> None:
    async with street(House(*TWO)) as here:
        call, (ann, _) = await answered(here, "ann", "ben")
        here.gate.peers.clear()
        no = await ann.seal(call)
        assert (no["t"], no["code"]) == ("err", "media_plane_unavailable")
        leg = here.call(call).leg("ann")  # type: ignore[union-attr]  # it lives
        assert leg is not None
        assert not leg.sealed


async def test_words_have_a_pace_of_their_own_and_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    slow = dataclasses.replace(QUICK, seal_messages_per_second=0.01, seal_message_burst=5.0)
    async with street(House(*TWO), slow) as here:
        call, (ann, ben) = await answered(here, "ann", "ben")
        codes = [
            (await ann.ask("seal.to", call=call, to=ann.knows("ben"), body=f"hush-{n}")).get("code") for n in range(20)
        ]
        assert codes[:5] == [None] * 5
        assert codes[5:] == ["rate_limited"] * 15
        assert (await ann.ask("call.media", call=call, audio=True, video=True))[
            "t"
        ] == "ok"  # a hand is not held up by them
        assert (await ben.hear("seal.from"))["body"] == "hush-0"
    assert "hush" not in caplog.text
