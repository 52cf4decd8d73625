"""Calls through real sockets: what happens between two people who may, and what does not between those who may not."""

from __future__ import annotations

import asyncio
from itertools import combinations

import pytest

from signalling.pace import HubLimits
from tests.street import QUICK, House, Phone, Street, in_a_call, street

ANN_AND_BEN = (("ann", "ben"),)


async def test_an_approved_call_goes_from_ring_to_voice_to_picture_to_goodbye() -> None:
    async with street(House(*ANN_AND_BEN)) as here:
        ann, ben = await here.phone("ann"), await here.phone("ben")
        ok = await ann.ask("call.invite", to=[ann.knows("ben")], media="video")
        state = await ann.hear("call.state")
        assert (state["state"], state["legs"][0]["state"]) == ("ringing", "invited")
        incoming = await ben.hear("call.incoming")
        assert incoming["caller"] == ben.knows("ann")
        assert here.gate.ever == set()  # nobody has a place before somebody has answered, the caller neither

        answer = await ben.ask("call.accept", call=ok["call"], nonce=incoming["nonce"])
        assert answer["t"] == "ok"
        for phone, other in ((ann, "ben"), (ben, "ann")):
            offer = await phone.hear("sdp.offer")
            assert [slot["ref"] for slot in offer["slots"]] == [phone.knows(other)]
            state = await phone.hear("call.state")
            assert (state["state"], state["heard_by"], state.get("seen_by")) == ("connecting", [], [])
            done = await phone.ask("sdp.answer", call=ok["call"], neg=offer["neg"], sdp="v=0")
            assert done["t"] == "ok"
        for phone in (ann, ben):
            assert here.seeing() == set()  # an answer opens nothing before both devices have confirmed their keys
            assert (await phone.seal(ok["call"]))["t"] == "ok"
        await ann.hear("call.state", state="connecting", heard_by=[ann.knows("ben")])
        assert here.seeing() == {("ann", "ben", "audio"), ("ben", "ann", "audio")}

        here.connect("ann", "ben")
        await ann.hear("call.state", state="active")
        done = await ann.ask("call.media", call=ok["call"], audio=True, video=True)
        assert done["t"] == "ok"
        assert here.seeing() == {("ann", "ben", "audio"), ("ben", "ann", "audio"), ("ann", "ben", "video")}
        state = await ben.hear("call.state", state="active")
        while not state["legs"][0]["video"]:
            state = await ben.hear("call.state")
        assert state["seen_by"] == []

        await ben.ask("call.leave", call=ok["call"])
        ended = await ann.hear("call.ended")
        assert (ended["code"], ended["by"]) == ("left", ann.knows("ben"))
        assert here.gate.peers == {}
        assert here.gate.table == set()
        await here.settled()
        assert [one[0] for one in here.house.log[-3:]] == ["gate remove", "gate remove", "ended"]


async def test_a_cut_comes_before_the_word_and_the_record_after_both() -> None:
    async with street(House(*ANN_AND_BEN)) as here:
        _, (_, ben) = await in_a_call(here, "ann", "ben")
        await here.settled()
        del here.house.log[:]
        here.house.part("ann", "ben")
        await here.hub.facts_changed(["ann", "ben"])
        names = [one[0] for one in here.house.log]
        assert names.index("gate cut") < names.index("gate remove")
        assert here.gate.table == set()
        ended = await ben.hear("call.ended")
        assert ended["code"] == "policy_revoked"
        await here.settled()
        assert here.house.log[-1][0] == "ended"


async def test_a_stranger_cannot_ring_and_learns_the_same_of_a_real_child_and_of_none() -> None:
    async with street(House(*ANN_AND_BEN)) as here:
        ann, eve = await here.phone("ann"), await here.phone("eve")
        real = await eve.ask("call.invite", to=["k_ben_knows_ann"], media="audio")
        none = await eve.ask("call.invite", to=["k_ben_knows_abc"], media="audio")
        assert real["code"] == none["code"] == "not_found"
        assert {k for k in real if k != "seq"} == {k for k in none if k != "seq"}
        assert await ann.quiet() == []
        allowed = await ann.ask("call.invite", to=[ann.knows("ben")], media="audio")
        assert allowed["t"] == "ok"


async def test_a_group_with_one_unapproved_pair_does_not_ring() -> None:
    async with street(House(("ann", "ben"), ("ann", "cat"))) as here:
        ann, ben, cat = await here.phone("ann"), await here.phone("ben"), await here.phone("cat")
        no = await ann.ask("call.invite", to=[ann.knows("ben"), ann.knows("cat")], media="audio")
        assert no["code"] == "not_permitted"
        assert await ben.quiet() == await cat.quiet() == []


async def test_a_stranger_cannot_join_leave_steer_or_answer_a_live_call() -> None:
    async with street(House(*ANN_AND_BEN)) as here:
        call, _ = await in_a_call(here, "ann", "ben")
        eve, before = await here.phone("eve"), here.seeing()
        for t, body in (
            ("call.accept", {"nonce": "n" * 32}),
            ("call.media", {"audio": True, "video": True}),
            ("sdp.answer", {"neg": 1, "sdp": "v=0"}),
            ("ice.restart", {}),
            ("call.leave", {}),
            ("call.cancel", {}),
            ("call.reject", {}),
        ):
            live = await eve.ask(t, call=call, **body)
            none = await eve.ask(t, call="c_none0000", **body)
            assert live["code"] == none["code"] == "not_found", t
            assert live.keys() == none.keys()
        assert here.seeing() == before
        assert here.call(call) is not None


async def test_a_forged_sender_is_refused_and_costs_the_forger_the_socket() -> None:
    async with street(House(*ANN_AND_BEN)) as here:
        call, _ = await in_a_call(here, "ann", "ben")
        eve = await here.phone("eve")
        await eve.tell(t="call.leave", id="x", call=call, **{"from": "ann"})
        assert await eve.closed() == 4400
        assert here.call(call) is not None


async def test_a_ring_is_answered_only_with_the_nonce_of_that_device_and_only_once() -> None:
    async with street(House(*ANN_AND_BEN)) as here:
        ann, tablet, laptop = await here.phone("ann"), await here.phone("ben", "s1"), await here.phone("ben", "s2")
        call = (await ann.ask("call.invite", to=[ann.knows("ben")], media="audio"))["call"]
        on_tablet, on_laptop = await tablet.hear("call.incoming"), await laptop.hear("call.incoming")
        assert on_tablet["nonce"] != on_laptop["nonce"]
        stolen = await laptop.ask("call.accept", call=call, nonce=on_tablet["nonce"])
        assert stolen["code"] == "not_found"
        guessed = await ann.ask("call.accept", call=call, nonce=on_tablet["nonce"])
        assert guessed["code"] == "not_found"
        right = await tablet.ask("call.accept", call=call, nonce=on_tablet["nonce"])
        assert right["t"] == "ok"
        await laptop.hear("call.answered_elsewhere")
        late = await laptop.ask("call.accept", call=call, nonce=on_laptop["nonce"])
        assert late["t"] == "err"
        again = await tablet.ask("call.accept", call=call, nonce=on_tablet["nonce"])
        assert again["code"] == "bad_state"
        steered = await laptop.ask("call.media", call=call, audio=True, video=True)
        assert steered["code"] == "bad_state"


async def test_nothing_of_media_is_heard_before_the_answer() -> None:
    async with street(House(*ANN_AND_BEN)) as here:
        ann, ben = await here.phone("ann"), await here.phone("ben")
        call = (await ann.ask("call.invite", to=[ann.knows("ben")], media="video"))["call"]
        await ben.hear("call.incoming")
        for phone in (ann, ben):
            for t, body in (
                ("sdp.answer", {"neg": 1, "sdp": "v=0"}),
                ("call.media", {"audio": True, "video": True}),
                ("ice.restart", {}),
            ):
                no = await phone.ask(t, call=call, **body)
                assert no["code"] == "bad_state"
        assert here.gate.ever == set()
        assert not any(m["t"] == "sdp.offer" for phone in (ann, ben) for m in phone.heard)


async def test_a_bad_or_stale_sdp_answer_is_refused_by_name() -> None:
    async with street(House(*ANN_AND_BEN)) as here:
        call, (ann, _) = await in_a_call(here, "ann", "ben")
        stale = await ann.ask("sdp.answer", call=call, neg=7, sdp="v=0")
        assert stale["code"] == "stale_negotiation"
        channel = await ann.ask("sdp.answer", call=call, neg=1, sdp="m=application 9")
        assert channel["code"] == "sdp_rejected"
        fine = await ann.ask("sdp.answer", call=call, neg=1, sdp="v=0")
        assert fine["t"] == "ok"
        await ann.ask("ice.restart", call=call)
        offer = await ann.hear("sdp.offer")
        assert offer["neg"] == 2


async def test_too_many_messages_in_the_wrong_state_cost_the_socket() -> None:
    async with street(House(*ANN_AND_BEN)) as here:
        call, (ann, ben) = await in_a_call(here, "ann", "ben")
        for _ in range(19):
            no = await ann.ask("call.invite", to=[ann.knows("ben")], media="audio")
            assert no["code"] == "bad_state"
        await ann.tell(t="call.invite", id="last", to=[ann.knows("ben")], media="audio")
        assert await ann.closed() == 4400
        assert here.hub.counts["bad_state"] == 20
        assert here.call(call) is not None
        assert "call.ended" not in await ben.quiet()


async def test_somebody_in_a_call_is_busy_and_is_not_disturbed() -> None:
    async with street(House(("ann", "ben"), ("cat", "ben"))) as here:
        call, (_, ben) = await in_a_call(here, "ann", "ben")
        cat = await here.phone("cat")
        await ben.quiet()
        ok = await cat.ask("call.invite", to=[cat.knows("ben")], media="audio")
        assert ok["t"] == "ok"
        ended = await cat.hear("call.ended")
        assert (ended["code"], ended["by"]) == ("busy", cat.knows("ben"))
        assert "call.incoming" not in await ben.quiet()
        assert here.call(call) is not None


async def test_somebody_who_is_not_here_cannot_be_reached() -> None:
    async with street(House(*ANN_AND_BEN)) as here:
        ann = await here.phone("ann")
        await ann.ask("call.invite", to=[ann.knows("ben")], media="audio")
        ended = await ann.hear("call.ended")
        assert ended["code"] == "unreachable"


async def test_a_declined_and_a_cancelled_ring_end_for_all_devices() -> None:
    async with street(House(*ANN_AND_BEN)) as here:
        ann, tablet, laptop = await here.phone("ann"), await here.phone("ben", "s1"), await here.phone("ben", "s2")
        call = (await ann.ask("call.invite", to=[ann.knows("ben")], media="audio"))["call"]
        await laptop.hear("call.incoming")
        await tablet.hear("call.incoming")
        await tablet.ask("call.reject", call=call)
        assert (await laptop.hear("call.ended"))["code"] == "declined"
        assert (await ann.hear("call.ended"))["by"] == ann.knows("ben")
        call = (await ann.ask("call.invite", to=[ann.knows("ben")], media="audio"))["call"]
        incoming = await laptop.hear("call.incoming")
        await ann.ask("call.cancel", call=call)
        assert (await laptop.hear("call.ended"))["code"] == "cancelled"
        late = await laptop.ask("call.accept", call=call, nonce=incoming["nonce"])
        assert late["code"] == "not_found"


async def test_a_cancel_that_crosses_the_answer_still_gets_the_caller_out() -> None:
    async with street(House(*ANN_AND_BEN)) as here:
        call, (ann, ben) = await in_a_call(here, "ann", "ben")
        assert (await ann.ask("call.cancel", call=call))["t"] == "ok"
        await ben.hear("call.ended")
        assert here.gate.table == set()


async def test_a_ring_ends_by_itself_and_so_does_a_connection_that_never_comes() -> None:
    quick = HubLimits(ring_seconds=0.5, connect_seconds=0.1)
    async with street(House(*ANN_AND_BEN), quick) as here:
        ann, ben = await here.phone("ann"), await here.phone("ben")
        await ann.ask("call.invite", to=[ann.knows("ben")], media="audio")
        assert (await ann.hear("call.ended"))["code"] == "timeout"
        assert (await ben.hear("call.ended"))["code"] == "timeout"
        call = (await ann.ask("call.invite", to=[ann.knows("ben")], media="audio"))["call"]
        incoming = await ben.hear("call.incoming")
        await ben.ask("call.accept", call=call, nonce=incoming["nonce"])
        assert (await ben.hear("call.ended"))["code"] in ("media_plane_unavailable", "peer_lost")
        assert here.gate.peers == {}


@pytest.mark.parametrize("first", ["ann", "ben"])
async def test_when_two_ring_each_other_the_earlier_wins_and_answering_is_still_explicit(first: str) -> None:
    async with street(House(*ANN_AND_BEN)) as here:
        phones = {name: await here.phone(name) for name in ("ann", "ben")}
        early, late = phones.pop(first), next(iter(phones.values()))
        ok = await early.ask("call.invite", to=[early.knows(late.person)], media="audio")
        lost = await late.ask("call.invite", to=[late.knows(early.person)], media="audio")
        assert lost["code"] == "glare_merged"
        incoming = next(m for m in late.heard if m["t"] == "call.incoming")
        assert here.gate.ever == set()
        await late.ask("call.accept", call=ok["call"], nonce=incoming["nonce"])
        assert len(here.gate.ever) == 2
        assert "call.incoming" not in [m["t"] for m in early.heard]


@pytest.mark.parametrize("quick", ["ann", "ben"])
async def test_when_both_ring_at_once_the_earlier_message_wins_whoever_is_answered_first(quick: str) -> None:
    house = House(*ANN_AND_BEN)
    doors = {"ann": asyncio.Event(), "ben": asyncio.Event()}
    plain = house.ring

    async def ring(caller, to, media):  # type: ignore[no-untyped-def]  # the fake's own signature, plus a door
        await doors[caller.person].wait()
        return await plain(caller, to, media)

    house.ring = ring  # type: ignore[method-assign]  # our own fake, not the thing under test
    async with street(house) as here:
        ann, ben = await here.phone("ann"), await here.phone("ben")
        await ann.tell(t="call.invite", id="a", to=[ann.knows("ben")], media="audio")
        while "ann" not in here.hub._asking:
            await asyncio.sleep(0)
        await ben.tell(t="call.invite", id="b", to=[ben.knows("ann")], media="audio")
        while "ben" not in here.hub._asking:
            await asyncio.sleep(0)
        doors[quick].set()
        await asyncio.sleep(0.02)
        doors["ann"].set()
        doors["ben"].set()
        assert (await ben.hear("ok", "err", re="b"))["code"] == "glare_merged"
        assert (await ann.hear("ok", "err", re="a"))["t"] == "ok"
        if not any(m["t"] == "call.incoming" for m in ben.heard):
            await ben.hear("call.incoming")
        assert len(here.hub._calls) == 1


@pytest.mark.parametrize("size", [3, 8])
async def test_a_group_comes_in_one_by_one_and_goes_on_until_one_is_left(size: int) -> None:
    people = [f"p{n}" for n in range(size)]
    async with street(House(*combinations(people, 2))) as here:
        call, phones = await in_a_call(here, *people)
        everybody = {(a, b, "audio") for a in people for b in people if a != b}
        assert here.seeing() == everybody
        await phones[1].ask("call.media", call=call, audio=True, video=True)
        assert here.seeing() == everybody | {("p1", b, "video") for b in people if b != "p1"}
        await phones[0].ask("call.leave", call=call)  # the caller is one of them, no more
        left = await phones[1].hear("call.peer_left")
        assert (left["ref"], left["code"]) == (phones[1].knows("p0"), "left")
        for phone in phones[1:-1]:
            await phone.ask("call.leave", call=call)
        ended = await phones[-1].hear("call.ended")
        assert ended["code"] == "left"
        assert here.gate.table == set()


async def test_a_late_joiner_sees_a_camera_that_was_open_and_nobody_in_between_does() -> None:
    people = ("ann", "ben", "cat")
    async with street(House(*combinations(people, 2))) as here:
        ann, ben, cat = [await here.phone(name) for name in people]
        call = (await ann.ask("call.invite", to=[ann.knows("ben"), ann.knows("cat")], media="video"))["call"]
        await ben.ask("call.accept", call=call, nonce=(await ben.hear("call.incoming"))["nonce"])
        await ben.ask("call.media", call=call, audio=True, video=True)
        await ann.seal(call)
        await ben.seal(call)
        assert ("ben", "ann", "video") in here.seeing()
        assert not any("cat" in lane for lane in here.seeing())
        await cat.ask("call.accept", call=call, nonce=(await cat.hear("call.incoming"))["nonce"])
        await cat.seal(call)
        assert ("ben", "cat", "video") in here.seeing()
        assert ("ann", "cat", "video") not in here.seeing()
        assert not any(lane[0] == "cat" and lane[2] == "video" for lane in here.seeing())


async def test_two_who_answer_at_the_same_moment_are_asked_for_each_other() -> None:
    people = ("ann", "ben", "cat")
    async with street(House(*combinations(people, 2))) as here:
        ann, ben, cat = [await here.phone(name) for name in people]
        call = (await ann.ask("call.invite", to=[ann.knows("ben"), ann.knows("cat")], media="audio"))["call"]
        nonces = [(await phone.hear("call.incoming"))["nonce"] for phone in (ben, cat)]
        await asyncio.gather(
            *(p.ask("call.accept", call=call, nonce=n) for p, n in zip((ben, cat), nonces, strict=True))
        )
        first, second = here.house.asked("answer")
        assert first[1] == ("ann",)
        assert second[1] == ("ann", first[0])
        for phone in (ann, ben, cat):
            await phone.seal(call)
        assert len(here.seeing()) == 6


async def test_a_camera_is_shut_before_anybody_is_asked_even_while_the_house_hangs() -> None:
    async with street(House(*ANN_AND_BEN)) as here:
        call, (ann, _) = await in_a_call(here, "ann", "ben")
        await ann.ask("call.media", call=call, audio=True, video=True)
        here.house.hangs.add("publish")
        await ann.ask("call.media", call=call, audio=True, video=False)
        assert ("ann", "ben", "video") not in here.seeing()
        await ann.tell(t="call.media", id="open", call=call, audio=True, video=True)  # hangs
        left = await ann.ask("call.leave", call=call)  # and yet
        assert left["t"] == "ok"
        assert here.gate.table == set()


async def test_a_camera_opened_and_shut_again_while_the_question_was_open_stays_shut() -> None:
    async with street(House(*ANN_AND_BEN)) as here:
        call, (ann, _) = await in_a_call(here, "ann", "ben")
        door, before = asyncio.Event(), len(here.house.asked("publish"))
        here.house.slow["publish"] = door
        await ann.tell(t="call.media", id="open", call=call, audio=True, video=True)
        while len(here.house.asked("publish")) == before:
            await asyncio.sleep(0.01)
        shut = await ann.ask("call.media", call=call, audio=True, video=False)
        assert shut["t"] == "ok"
        door.set()
        assert (await ann.hear("err", re="open"))["code"] == "cancelled"
        assert ("ann", "ben", "video") not in here.seeing()


async def test_a_camera_that_the_rules_refuse_stays_shut_and_the_page_knows_beforehand() -> None:
    async with street(House(*ANN_AND_BEN, media=("audio",))) as here:
        call, (ann, _) = await in_a_call(here, "ann", "ben")
        no = await ann.ask("call.media", call=call, audio=True, video=True)
        assert no["code"] == "not_permitted"
        states = [m for m in ann.heard if m["t"] == "call.state"]
        assert states
        assert not any(state["may_show"] for state in states)
        assert here.seeing() == {("ann", "ben", "audio"), ("ben", "ann", "audio")}


async def test_a_full_gate_ends_the_call_kindly() -> None:
    async with street(House(*ANN_AND_BEN)) as here:
        ann, ben = await here.phone("ann"), await here.phone("ben")
        call = (await ann.ask("call.invite", to=[ann.knows("ben")], media="audio"))["call"]
        incoming = await ben.hear("call.incoming")
        here.gate.full = True
        await ben.tell(t="call.accept", id="yes", call=call, nonce=incoming["nonce"])
        assert (await ann.hear("call.ended"))["code"] in ("media_plane_unavailable", "peer_lost")
        assert here.hub._calls == {}


async def test_media_that_is_lost_may_be_mended_and_otherwise_ends_the_place() -> None:
    async with street(House(*ANN_AND_BEN)) as here:
        call, (ann, ben) = await in_a_call(here, "ann", "ben")
        here.lose("ben", "consent_expired")
        state = await ann.hear("call.state")
        while state["legs"][0]["state"] != "lost":
            state = await ann.hear("call.state")
        here.connect("ben")
        state = await ann.hear("call.state")
        assert state["legs"][0]["state"] == "connected"
        here.lose("ben", "bad_fingerprint")
        assert (await ben.hear("call.ended"))["code"] == "peer_lost"
        assert here.call(call) is None
        await here.settled()
        assert here.house.asked("came_in") == [("ann",), ("ben",)]


async def _people_hear(here: Street, *phones: Phone) -> list[str]:
    return [(await phone.hear("call.ended"))["code"] for phone in phones]


async def test_a_grown_up_who_ends_the_call_is_named_to_their_own_family_only() -> None:
    async with street(House(*ANN_AND_BEN)) as here:
        call, (ann, ben) = await in_a_call(here, "ann", "ben")
        assert await here.hub.end_call(call, "Dad", family=["ann"])
        assert here.gate.table == set()
        to_ann, to_ben = await ann.hear("call.ended"), await ben.hear("call.ended")
        assert (to_ann["code"], to_ann.get("who")) == ("ended_by_supervisor", "Dad")
        assert (to_ben["code"], to_ben.get("who", "")) == ("ended_by_supervisor", "")
        assert not await here.hub.end_call(call, "Dad", family=["ann"])


async def test_a_childs_own_reason_is_not_told_to_the_others() -> None:
    async with street(House(*ANN_AND_BEN)) as here:
        _, (ann, ben) = await in_a_call(here, "ann", "ben")
        here.house.must_leave["ann"] = "quiet_hours"
        await here.hub.facts_changed(["ann"])
        assert await _people_hear(here, ann, ben) == ["quiet_hours", "left"]


async def test_a_grown_ups_page_sees_who_and_how_long_and_only_their_own() -> None:
    async with street(House(*ANN_AND_BEN)) as here:
        call, _ = await in_a_call(here, "ann", "ben")
        (live,) = here.hub.live_calls(["ann"])
        assert (live.id, live.state, {leg[0] for leg in live.legs}) == (call, "active", {"ann", "ben"})
        assert here.hub.live_calls(["cat"]) == ()


async def test_ringing_again_and_again_is_refused_with_a_time_to_wait() -> None:
    limits = HubLimits(invites=((4, 60.0),), invites_to_one=((3, 300.0),))
    async with street(House(("ann", "ben"), ("ann", "cat")), limits) as here:
        ann, ben = await here.phone("ann"), await here.phone("ben")
        for _ in range(3):
            call = (await ann.ask("call.invite", to=[ann.knows("ben")], media="audio"))["call"]
            await ann.ask("call.cancel", call=call)
        no = await ann.ask("call.invite", to=[ann.knows("ben")], media="audio")
        assert no["code"] == "rate_limited"
        assert 0 < no["retry_after_ms"] <= 300_001
        assert len([m for m in ben.heard if m["t"] == "call.incoming"]) <= 3
        other = await ann.ask("call.invite", to=[ann.knows("cat")], media="audio")
        assert other["t"] == "ok"
        await ann.hear("call.ended")
        fifth = await ann.ask("call.invite", to=[ann.knows("cat")], media="audio")
        assert fifth["code"] == "rate_limited"


async def test_limits_of_tests_are_the_published_ones_unless_said() -> None:
    published = HubLimits()
    assert published.invites == ((6, 60.0), (30, 3600.0))
    assert published.invites_to_one == ((3, 300.0),)
    assert QUICK.messages_per_second == published.messages_per_second


async def test_a_record_that_could_not_be_written_is_tried_again_and_keeps_its_order() -> None:
    async with street(House(*ANN_AND_BEN)) as here:
        call, (ann, ben) = await in_a_call(here, "ann", "ben")
        await here.settled()
        here.house.breaks |= {"went_out", "ended"}
        await ben.ask("call.leave", call=call)
        await ann.hear("call.ended")
        async with asyncio.timeout(30):
            while len(here.house.asked("went_out") + here.house.asked("ended")) < 3:
                await asyncio.sleep(0.01)
        here.house.breaks.clear()
        await here.settled()
        done = here.house.asked("ended")
        assert len(done) > 1
        assert len(set(done)) == 1
        assert here.house.log[-1][0] == "ended"
        assert here.hub.counts["records_lost"] == 0


async def test_a_record_that_can_never_be_written_does_not_keep_the_process_from_stopping() -> None:
    async with street(House(*ANN_AND_BEN)) as here:
        await in_a_call(here, "ann", "ben")
        await here.settled()
        here.house.breaks.add("ended")
        async with asyncio.timeout(30):
            await here.hub.drain()
        assert len(here.house.asked("ended")) == 3
        assert here.hub.counts["records_lost"] == 1


async def test_media_that_came_up_without_a_socket_is_on_record() -> None:
    """Else a call with open cameras would use no minutes, stand in no list, and no guardian could end it."""
    async with street(House(("ann", "ben"))) as here:
        ann, ben = await here.phone("ann"), await here.phone("ben")
        call = (await ann.ask("call.invite", to=[ann.knows("ben")], media="audio"))["call"]
        incoming = await ben.hear("call.incoming")
        assert (await ben.ask("call.accept", call=call, nonce=incoming["nonce"]))["t"] == "ok"
        for phone in (ann, ben):
            assert (await phone.seal(call))["t"] == "ok"
        await ben.hang_up()
        here.connect("ann", "ben")
        await here.settled()
        assert here.house.asked("came_in") == [("ann",), ("ben",)]
        assert here.seeing(), "the voices are open, so both are on record"
