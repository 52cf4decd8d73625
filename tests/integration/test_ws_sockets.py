"""One socket: who may open it, what it must say first, how it is lost and taken up again, and how it is closed."""

from __future__ import annotations

import asyncio
import json
import socket

import aiohttp
import pytest

from signalling.pace import HubLimits
from signalling.protocol import SUBPROTOCOL
from tests.street import ORIGIN, QUICK, House, Phone, Street, in_a_call, ref, street

ANN_AND_BEN = (("ann", "ben"),)


# -- the door ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("origin", [None, "http://evil.example", "null", ORIGIN + ".evil.example", ORIGIN.upper()])
async def test_a_page_from_elsewhere_is_turned_away_and_our_own_is_not(origin: str | None) -> None:
    async with street(House()) as here:
        headers = {} if origin is None else {"Origin": origin}
        with pytest.raises(aiohttp.WSServerHandshakeError) as no:
            await here.http.ws_connect(here.base, protocols=(SUBPROTOCOL,), headers=headers)
        assert no.value.status == 403
        await here.phone("ann")


async def test_another_version_of_the_protocol_is_refused_before_the_upgrade_and_in_hello() -> None:
    async with street(House()) as here:
        with pytest.raises(aiohttp.WSServerHandshakeError) as no:
            await here.http.ws_connect(here.base, protocols=("ringfence.v9+json",), headers={"Origin": ORIGIN})
        assert no.value.status == 400
        line = await here.line()
        await line.tell(t="hello", ticket=here.house.ticket("ann"), v=9)
        assert await line.closed() == 4406


async def test_a_page_that_is_no_websocket_gets_a_plain_answer() -> None:
    async with street(House()) as here:
        url = here.base.replace("ws://", "http://")
        async with here.http.get(url, headers={"Origin": ORIGIN, "Sec-WebSocket-Protocol": SUBPROTOCOL}) as answer:
            assert answer.status == 426
            assert answer.content_type == "application/problem+json"
            assert (await answer.json())["code"] == "not_a_websocket"


async def test_a_socket_that_does_not_say_hello_in_time_is_closed() -> None:
    async with street(House(), HubLimits(hello_seconds=0.1)) as here:
        line = await here.line()
        assert await line.closed() == 4401


@pytest.mark.parametrize(
    "first",
    [{"t": "bye"}, {"t": "call.invite", "id": "x", "to": ["k_ann_knows_ben"], "media": "audio"}],
)
async def test_nothing_but_hello_or_resume_may_come_first(first: dict[str, object]) -> None:
    async with street(House(*ANN_AND_BEN)) as here:
        line = await here.line()
        await line.tell(**first)
        assert await line.closed() == 4401
        assert here.house.asked("ring") == []


async def test_a_ticket_is_good_once() -> None:
    async with street(House()) as here:
        ticket = here.house.ticket("ann")
        first, second, third = await here.line(), await here.line(), await here.line()
        await first.tell(t="hello", ticket=ticket)
        await first.hear("welcome")
        await second.tell(t="hello", ticket=ticket)
        await third.tell(t="hello", ticket="never-existed-at-all")
        spent, unknown = await second.frame(), await third.frame()
        assert spent == unknown == {"t": "bye", "code": "not_authenticated"}
        assert await second.closed() == await third.closed() == 4401


async def test_an_authority_that_fails_or_hangs_lets_nobody_in() -> None:
    async with street(House(), HubLimits(ask_seconds=0.4)) as here:
        for trouble in (here.house.breaks, here.house.hangs):
            trouble.add("admit")
            line = await here.line()
            await line.tell(t="hello", ticket=here.house.ticket("ann"))
            assert await line.closed() == 1011
            trouble.clear()
        await here.phone("ann")


async def test_a_second_hello_on_a_seated_socket_is_in_the_wrong_state() -> None:
    async with street(House()) as here:
        ann = await here.phone("ann")
        await ann.tell(t="hello", ticket=here.house.ticket("ann"))
        assert (await ann.hear("err"))["code"] == "bad_state"


# -- manners ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("frame", "close"),
    [
        ("", 4400),
        ("nonsense", 4400),
        ("[]", 4400),
        ('{"t":"call.leave","id":"a","call":"c_00000001","call":"c_00000002"}', 4400),
        ('{"t":"call.leave","id":"a","call":NaN}', 4400),
        ('{"t":"call.leave","id":"a","call":"c_00000001","role":"admin"}', 4400),
        ("[" * 60_000, 4400),
        ('{"t":"' + "x" * 65_600 + '"}', 1009),
    ],
)
async def test_a_malformed_message_costs_the_socket_and_not_the_call(frame: str, close: int) -> None:
    async with street(House(*ANN_AND_BEN)) as here:
        call, (ann, ben) = await in_a_call(here, "ann", "ben")
        await ann.ws.send_str(frame)
        assert await ann.closed() == close
        assert here.call(call) is not None
        assert "call.ended" not in await ben.quiet()


async def test_a_binary_frame_costs_the_socket() -> None:
    async with street(House()) as here:
        ann = await here.phone("ann")
        await ann.ws.send_bytes(b'{"t":"bye"}')
        assert await ann.closed() == 4400


async def test_an_unknown_type_is_answered_and_the_socket_lives() -> None:
    async with street(House()) as here:
        ann = await here.phone("ann")
        no = await ann.ask("call.record", call="c_00000001")
        assert no["code"] == "unsupported_type"
        assert await ann.quiet() == []


async def test_who_talks_too_much_is_slowed_then_closed_and_may_always_leave() -> None:
    limits = HubLimits(messages_per_second=0.1, message_burst=5, invites=((9, 1.0),), invites_to_one=((9, 1.0),))
    async with street(House(*ANN_AND_BEN), limits) as here:
        call, (ann, _) = await in_a_call(here, "ann", "ben")
        for _ in range(10):
            await ann.tell(t="ice.restart", id="again", call=call)
        slow = await ann.hear("err", code="rate_limited")
        assert slow["retry_after_ms"] > 0
        assert (await ann.ask("call.leave", call=call))["t"] == "ok"
        for _ in range(110):
            await ann.tell(t="ice.restart", id="again", call=call)
        assert await ann.closed() == 4429


@pytest.mark.parametrize(
    "limits", [HubLimits(unread_bytes=100_000, unread_frames=10**9), HubLimits(unread_bytes=10**9, unread_frames=50)]
)
async def test_a_socket_that_does_not_read_is_closed_and_its_session_may_come_back(limits: HubLimits) -> None:
    async with street(House(), limits) as here:
        ann = await here.phone("ann")
        session = here.hub._sessions[ann.session]
        deaf = ann.ws._response.connection.transport  # type: ignore[union-attr]  # it is open
        deaf.pause_reading()  # a phone in a pocket
        mouth = session.socket._request.transport.get_extra_info("socket")  # type: ignore[union-attr]  # it is seated
        mouth.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        for _ in range(5_000):
            await here.hub.tell_changed(["ann"], ["people"] * 1000)
            await asyncio.sleep(0)
            if session.socket is None:
                break
        assert session.socket is None
        assert session.kept_bytes <= limits.replay_bytes
        assert not session.closed
        deaf.abort()
        back = await _resume(here, ann)
        await back.hear("resumed")


# -- lost and found ---------------------------------------------------------------------------------------------------


async def _resume(here: Street, old: Phone, last_seq: int | None = None, token: str = "") -> Phone:
    new = await here.line(old.person)
    await new.tell(
        t="resume",
        session=old.session,
        token=token or old.token,
        last_seq=old.last_seq if last_seq is None else last_seq,
    )
    new.session = old.session
    return new


async def test_a_lost_socket_comes_back_to_its_place_and_hears_what_it_missed() -> None:
    async with street(House(*ANN_AND_BEN)) as here:
        call, (ann, ben) = await in_a_call(here, "ann", "ben")
        await ann.quiet()
        seen = here.seeing()
        await ann.hang_up()
        while (state := await ben.hear("call.state"))["legs"][0]["state"] != "lost":
            pass
        assert here.seeing() == seen  # the rules still say yes and the media still flows
        await ben.ask("call.media", call=call, audio=False, video=False)
        back = await _resume(here, ann)
        resumed = await back.hear("resumed")
        assert resumed["replayed"] >= 1
        missed = [await back.frame() for _ in range(resumed["replayed"])]
        assert [m["seq"] for m in missed] == list(range(ann.last_seq + 1, ann.last_seq + 1 + len(missed)))
        state = await back.hear("call.state")
        assert (state["call"], state["me"]["state"]) == (call, "connected")
        assert state["legs"][0]["audio"] is False
        while (state := await ben.hear("call.state"))["legs"][0]["state"] != "connected":
            pass
        assert here.house.asked("readmit") == [("ann",)]
        assert len(here.house.asked("go_on")) == 1


async def test_a_resume_token_is_good_once_and_a_stolen_one_harms_only_the_thief() -> None:
    async with street(House(*ANN_AND_BEN)) as here:
        call, (ann, _) = await in_a_call(here, "ann", "ben")
        await ann.hang_up()
        back = await _resume(here, ann)
        back.token = (await back.hear("resumed"))["resume_token"]
        assert back.token != ann.token
        thief = await _resume(here, ann)
        unknown = await here.line()
        await unknown.tell(t="resume", session="s" * 32, token="t" * 32, last_seq=0)
        assert await thief.frame() == await unknown.frame() == {"t": "resume_failed", "code": "not_authenticated"}
        assert here.hub._sessions[ann.session].socket is not None
        assert (await back.ask("call.leave", call=call))["t"] == "ok"


async def test_after_a_failed_resume_one_hello_is_heard() -> None:
    async with street(House()) as here:
        line = await here.line("ann")
        await line.tell(t="resume", session="s" * 32, token="t" * 32, last_seq=0)
        await line.hear("resume_failed")
        await line.tell(t="hello", ticket=here.house.ticket("ann"))
        await line.hear("welcome")


async def test_the_window_closes_and_the_place_is_gone() -> None:
    limits = HubLimits(resume_seconds=0.1)
    async with street(House(*ANN_AND_BEN), limits) as here:
        call, (ann, ben) = await in_a_call(here, "ann", "ben")
        await ann.hang_up()
        ended = await ben.hear("call.ended")
        assert (ended["code"], ended["by"]) == ("peer_lost", ben.knows("ann"))
        assert here.gate.peers == {}
        late = await _resume(here, ann)
        await late.hear("resume_failed")
        no = await ben.ask("call.leave", call=call)
        assert no["code"] == "not_found"


async def test_a_resume_after_a_revocation_finds_no_call_and_after_a_sign_out_no_session() -> None:
    async with street(House(*ANN_AND_BEN)) as here:
        _, (ann, ben) = await in_a_call(here, "ann", "ben")
        await ann.hang_up()
        here.house.part("ann", "ben")  # and nobody has told the hub: the resume itself must ask
        back = await _resume(here, ann)
        await back.hear("resumed")
        assert here.gate.table == set()
        assert (await ben.hear("call.ended"))["code"] == "policy_revoked"
        assert not any(m["t"] == "call.state" and m.get("heard_by") for m in back.heard)

        await ben.hang_up()
        here.house.signed_out.add("session-of-ben")
        out = await _resume(here, ben)
        assert (await out.hear("resume_failed"))["code"] == "session_revoked"
        assert ben.session not in here.hub._sessions


@pytest.mark.parametrize("question", ["readmit", "go_on"])
async def test_a_resume_that_nobody_can_decide_ends_the_place(question: str) -> None:
    async with street(House(*ANN_AND_BEN)) as here:
        call, (ann, ben) = await in_a_call(here, "ann", "ben")
        await ann.hang_up()
        here.house.breaks.add(question)
        back = await _resume(here, ann)
        await back.hear("resumed", "resume_failed")
        await ben.hear("call.ended")
        assert here.call(call) is None
        assert here.gate.table == set()


async def test_a_device_that_comes_back_while_its_old_socket_lives_takes_over() -> None:
    async with street(House(*ANN_AND_BEN)) as here:
        call, (ann, _) = await in_a_call(here, "ann", "ben")
        await ann.quiet()
        new = await _resume(here, ann)
        await new.hear("resumed")
        assert await ann.closed() == 4409
        assert here.call(call) is not None
        assert (await new.ask("call.media", call=call, audio=True, video=True))["t"] == "ok"


async def test_whoever_missed_too_much_gets_the_whole_state_instead() -> None:
    async with street(House(*ANN_AND_BEN), HubLimits(replay_frames=3)) as here:
        call, (ann, ben) = await in_a_call(here, "ann", "ben")
        await ann.hang_up()
        for on in (False, True, False):
            await ben.ask("call.media", call=call, audio=on, video=False)
        back = await _resume(here, ann, last_seq=1)
        assert (await back.hear("resumed"))["replayed"] == 0
        await back.hear("presence")
        assert (await back.hear("call.state"))["call"] == call


async def test_a_device_that_comes_while_it_rings_hears_the_ring() -> None:
    async with street(House(*ANN_AND_BEN)) as here:
        ann, tablet = await here.phone("ann"), await here.phone("ben", "s1")
        call = (await ann.ask("call.invite", to=[ann.knows("ben")], media="audio"))["call"]
        await tablet.hear("call.incoming")
        laptop = await here.phone("ben", "s2")
        incoming = await laptop.hear("call.incoming")
        assert (await laptop.ask("call.accept", call=call, nonce=incoming["nonce"]))["t"] == "ok"
        await tablet.hear("call.answered_elsewhere")


async def test_goodbye_keeps_no_place() -> None:
    async with street(House(*ANN_AND_BEN)) as here:
        _, (ann, ben) = await in_a_call(here, "ann", "ben")
        await ann.tell(t="bye")
        assert await ann.closed() == 1000
        assert (await ben.hear("call.ended"))["code"] == "left"
        late = await _resume(here, ann)
        await late.hear("resume_failed")


# -- the house shuts something ----------------------------------------------------------------------------------------


async def test_signing_out_ends_the_place_in_the_call_at_once_and_no_other() -> None:
    async with street(House(*ANN_AND_BEN)) as here:
        ann, other = await here.phone("ann", "tablet"), await here.phone("ann", "laptop")
        ben = await here.phone("ben")
        call = (await ann.ask("call.invite", to=[ann.knows("ben")], media="audio"))["call"]
        await ben.ask("call.accept", call=call, nonce=(await ben.hear("call.incoming"))["nonce"])
        await here.hub.close_sessions(["laptop"], "session_revoked")
        assert await other.closed() == 4403
        assert here.call(call) is not None
        await here.hub.close_sessions(["tablet"], "session_revoked")
        assert here.gate.table == set()
        assert await ann.closed() == 4403
        assert (await ben.hear("call.ended"))["code"] == "left"
        back = await _resume(here, ann)
        await back.hear("resume_failed")


async def test_a_ticket_spent_at_the_moment_of_the_sign_out_seats_nobody() -> None:
    async with street(House()) as here:
        door = here.house.slow["admit"] = asyncio.Event()
        line = await here.line("ann")
        await line.tell(t="hello", ticket=here.house.ticket("ann", "tablet"))
        while not here.house.asked("admit"):
            await asyncio.sleep(0)
        await here.hub.close_sessions(["tablet"], "session_revoked")
        door.set()
        assert await line.closed() == 4403


async def test_draining_tells_everybody_takes_no_new_ring_and_leaves_nothing_open() -> None:
    async with street(House(*ANN_AND_BEN)) as here:
        _, (ann, ben) = await in_a_call(here, "ann", "ben")
        draining = asyncio.create_task(here.hub.drain(grace=0.2, reconnect_after_ms=700))
        assert (await ben.hear("go_away"))["reconnect_after_ms"] == 700
        no = await ann.ask("call.invite", to=[ann.knows("ben")], media="audio")
        assert no["code"] == "server_draining"
        await draining
        assert (await ben.hear("call.ended"))["code"] == "server_draining"
        assert await ben.closed() == 1012
        assert here.gate.table == set()
        assert here.house.asked("ended") == [("c_00000001", "server_draining")]


@pytest.mark.parametrize("moment", ["ringing", "connecting", "active"])
async def test_a_revocation_ends_a_call_at_every_moment_of_it(moment: str) -> None:
    async with street(House(*ANN_AND_BEN)) as here:
        ann, ben = await here.phone("ann"), await here.phone("ben")
        call = (await ann.ask("call.invite", to=[ann.knows("ben")], media="video"))["call"]
        incoming = await ben.hear("call.incoming")
        if moment != "ringing":
            await ben.ask("call.accept", call=call, nonce=incoming["nonce"])
        if moment == "active":
            here.connect("ann", "ben")
        assert here.call(call).state == moment  # type: ignore[union-attr]  # it is live
        await here.hub.facts_changed(["ann", "ben"])
        assert here.call(call) is not None  # nothing relevant changed: nothing ends
        here.house.part("ann", "ben")
        await here.hub.facts_changed(["ann", "ben"])
        assert here.call(call) is None
        assert here.gate.peers == {}
        for phone in (ann, ben):
            assert (await phone.hear("call.ended"))["code"] == "policy_revoked"
        late = await ben.ask("call.accept", call=call, nonce=incoming["nonce"])
        assert late["code"] == "not_found"


@pytest.mark.parametrize("question", ["ring", "answer"])
async def test_a_revocation_that_overtakes_a_question_wins(question: str) -> None:
    async with street(House(*ANN_AND_BEN)) as here:
        ann, ben = await here.phone("ann"), await here.phone("ben")
        call, door = "", asyncio.Event()
        if question == "ring":
            here.house.slow["ring"] = door
            await ann.tell(t="call.invite", id="q", to=[ann.knows("ben")], media="video")
        else:
            call = (await ann.ask("call.invite", to=[ann.knows("ben")], media="video"))["call"]
            nonce = (await ben.hear("call.incoming"))["nonce"]
            here.house.slow[question] = door
            await ben.tell(t="call.accept", id="q", call=call, nonce=nonce)
        while not here.house.asked(question):
            await asyncio.sleep(0.01)
        # the question was decided by the old facts; now they change, and only then does the old yes arrive
        here.house.part("ann", "ben")
        await here.hub.facts_changed(["ann", "ben"])
        door.set()
        phone = ann if question == "ring" else ben
        assert (await phone.hear("ok", "err", re="q"))["t"] == "err"
        assert here.gate.table == set()
        assert here.hub._calls == {}
        assert not any(m["t"] == "call.incoming" for m in ben.heard) or question != "ring"


async def test_a_camera_that_was_allowed_when_asked_and_not_when_answered_stays_shut() -> None:
    async with street(House(*ANN_AND_BEN)) as here:
        call, (ann, _) = await in_a_call(here, "ann", "ben")
        door = here.house.slow["publish"] = asyncio.Event()
        before = len(here.house.asked("publish"))
        await ann.tell(t="call.media", id="q", call=call, audio=True, video=True)
        while len(here.house.asked("publish")) == before:
            await asyncio.sleep(0.01)
        here.house.lanes -= {lane for lane in here.house.lanes if lane[2] == "video"}
        await here.hub.facts_changed(["ann"])
        door.set()
        assert (await ann.hear("ok", "err", re="q"))["code"] == "not_permitted"
        assert here.seeing() == {("ann", "ben", "audio"), ("ben", "ann", "audio")}
        assert len(here.house.asked("publish")) == before + 2


async def test_an_answer_decided_by_old_facts_brings_none_of_them_back() -> None:
    async with street(House(*ANN_AND_BEN)) as here:
        ann, ben = await here.phone("ann"), await here.phone("ben")
        call = (await ann.ask("call.invite", to=[ann.knows("ben")], media="video"))["call"]
        nonce = (await ben.hear("call.incoming"))["nonce"]
        door = here.house.slow["answer"] = asyncio.Event()
        await ben.tell(t="call.accept", id="q", call=call, nonce=nonce)
        while not here.house.asked("answer"):
            await asyncio.sleep(0.01)
        here.house.lanes -= {lane for lane in here.house.lanes if lane[2] == "video"}
        await here.hub.facts_changed(["ann", "ben"])
        door.set()
        assert (await ben.hear("ok", "err", re="q"))["t"] == "ok"
        assert (await ben.hear("call.state"))["may_show"] is False
        assert len(here.house.asked("answer")) == 2


async def test_a_camera_withdrawn_in_the_middle_shuts_alone_and_stays_shut_until_asked_again() -> None:
    async with street(House(*ANN_AND_BEN)) as here:
        call, (ann, _) = await in_a_call(here, "ann", "ben")
        await ann.ask("call.media", call=call, audio=True, video=True)
        video = {lane for lane in here.house.lanes if lane[2] == "video"}
        here.house.lanes -= video
        await here.hub.facts_changed(["ann"])
        assert here.seeing() == {("ann", "ben", "audio"), ("ben", "ann", "audio")}
        assert (await ann.hear("call.state", may_show=False))["seen_by"] == []
        here.house.lanes |= video
        await here.hub.facts_changed(["ann"])
        assert ("ann", "ben", "video") not in here.seeing()
        await ann.hear("call.state", may_show=True)
        await ann.ask("call.media", call=call, audio=True, video=True)
        assert ("ann", "ben", "video") in here.seeing()


@pytest.mark.parametrize("trouble", ["breaks", "hangs"])
async def test_a_call_that_nobody_can_vouch_for_is_cut(trouble: str) -> None:
    async with street(House(*ANN_AND_BEN), HubLimits(ask_seconds=0.4)) as here:
        _, (ann, _) = await in_a_call(here, "ann", "ben")
        getattr(here.house, trouble).add("go_on")
        await here.hub.facts_changed(["ben"])
        assert here.gate.table == set()
        assert (await ann.hear("call.ended"))["code"] == "internal"


async def test_a_cut_is_not_lost_when_whoever_asked_for_it_loses_patience() -> None:
    async with street(House(*ANN_AND_BEN), HubLimits(ask_seconds=0.6)) as here:
        await in_a_call(here, "ann", "ben")
        here.house.hangs.add("go_on")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(here.hub.facts_changed(["ben"]), 0.05)
        await here.settled()
        assert here.gate.table == set()


@pytest.mark.parametrize("trouble", ["breaks", "hangs"])
@pytest.mark.parametrize("question", ["ring", "answer"])
async def test_a_question_that_fails_is_a_no(question: str, trouble: str) -> None:
    async with street(House(*ANN_AND_BEN), HubLimits(ask_seconds=0.4)) as here:
        ann, ben = await here.phone("ann"), await here.phone("ben")
        getattr(here.house, trouble).add(question)
        answer = await ann.ask("call.invite", to=[ann.knows("ben")], media="audio")
        if question == "answer":
            nonce = (await ben.hear("call.incoming"))["nonce"]
            answer = await ben.ask("call.accept", call=answer["call"], nonce=nonce)
        assert answer["code"] == "internal"
        assert here.hub._calls == {}
        assert here.gate.ever == set()


async def test_one_person_who_answers_two_rings_on_two_devices_is_in_one_call() -> None:
    async with street(House(("ann", "ben"), ("cat", "ben"))) as here:
        ann, cat = await here.phone("ann"), await here.phone("cat")
        tablet, laptop = await here.phone("ben", "s1"), await here.phone("ben", "s2")
        calls = [(await p.ask("call.invite", to=[p.knows("ben")], media="audio"))["call"] for p in (ann, cat)]
        nonces = {m["call"]: m["nonce"] for m in [await tablet.hear("call.incoming") for _ in calls]}
        other = {m["call"]: m["nonce"] for m in [await laptop.hear("call.incoming") for _ in calls]}
        door = here.house.slow["answer"] = asyncio.Event()
        await tablet.tell(t="call.accept", id="one", call=calls[0], nonce=nonces[calls[0]])
        await laptop.tell(t="call.accept", id="two", call=calls[1], nonce=other[calls[1]])
        while len(here.house.asked("answer")) < 2:
            await asyncio.sleep(0.01)
        door.set()
        one, two = await tablet.hear("ok", "err", re="one"), await laptop.hear("ok", "err", re="two")
        assert (one["t"], two["t"], two.get("code")) == ("ok", "err", "bad_state")
        await tablet.seal(calls[0])
        await ann.seal(calls[0])
        assert here.seeing() == {("ann", "ben", "audio"), ("ben", "ann", "audio")}
        assert (await cat.hear("call.ended"))["code"] == "busy"


async def test_a_socket_that_has_gone_silent_is_taken_for_lost_and_one_that_answers_is_not() -> None:
    async with street(House(*ANN_AND_BEN), HubLimits(ping_seconds=0.4)) as here:
        ann, ben = await here.phone("ann"), await here.phone("ben")
        ann.ws._response.connection.transport.pause_reading()  # type: ignore[union-attr]  # a phone in a tunnel
        reading = asyncio.create_task(ben.hear("presence", people=[{"ref": ben.knows("ann"), "status": "away"}]))
        session = here.hub._sessions[ann.session]
        for _ in range(500):
            if session.socket is None:
                break
            await asyncio.sleep(0.02)
        assert session.socket is None
        assert here.hub._sessions[ben.session].socket is not None
        reading.cancel()
        ann.ws._response.connection.transport.abort()  # type: ignore[union-attr]  # as above


# -- presence ---------------------------------------------------------------------------------------------------------


async def test_presence_is_told_to_approved_contacts_only_and_only_when_it_changes() -> None:
    async with street(House(("ann", "ben"), ("cat", "dan"))) as here:
        ann, cat = await here.phone("ann"), await here.phone("cat")
        ben, dan = await here.phone("ben"), await here.phone("dan")
        told = await ann.hear("presence")
        assert told["people"] == [{"ref": ann.knows("ben"), "status": "here"}]
        await ann.ask("call.invite", to=[ann.knows("ben")], media="audio")
        assert (await ben.hear("presence"))["people"] == [{"ref": ben.knows("ann"), "status": "busy"}]
        await ann.tell(t="bye")
        seen = [await ben.hear("presence") for _ in range(2)]
        assert [one["people"][0]["status"] for one in seen] == ["here", "away"]
        assert "presence" not in await dan.quiet()
        assert {p["ref"] for m in cat.heard if m["t"] == "presence" for p in m["people"]} <= {cat.knows("dan")}


async def test_a_contact_that_ends_takes_presence_with_it_and_one_that_begins_brings_it() -> None:
    async with street(House(("ann", "ben"))) as here:
        ann, ben, cat = await here.phone("ann"), await here.phone("ben"), await here.phone("cat")
        await ann.quiet()
        here.house.part("ann", "ben")
        await here.hub.facts_changed(["ann", "ben"])
        assert (await ann.hear("presence"))["people"] == [{"ref": ann.knows("ben"), "status": "away"}]
        await ann.quiet()
        await ben.tell(t="bye")
        assert "presence" not in await ann.quiet()
        here.house.lanes |= {(p, v, "audio") for p, v in (("ann", "cat"), ("cat", "ann"))}
        await here.hub.facts_changed(["ann", "cat"])
        assert (await cat.hear("presence", people=[{"ref": ref("cat", "ann"), "status": "here"}]))["t"] == "presence"


async def test_pages_are_told_to_fetch_again() -> None:
    async with street(House()) as here:
        ann = await here.phone("ann")
        await here.hub.tell_changed(["ann", "nobody"], ["people", "asks"])
        assert (await ann.hear("changed"))["what"] == ["people", "asks"]


async def test_one_person_cannot_fill_the_house_with_sessions() -> None:
    async with street(House(), HubLimits(sessions_per_person=2)) as here:
        first, second = await here.phone("ann", "s1"), await here.phone("ann", "s2")
        await here.phone("ann", "s3")
        assert await first.closed() == 4409
        assert await second.quiet() == []


async def test_the_log_holds_no_person_no_sdp_and_no_address(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", logger="signalling")
    async with street(House(("ann-long-name", "ben-long-name")), QUICK) as here:
        call, (ann, _) = await in_a_call(here, "ann-long-name", "ben-long-name")
        await ann.ask("sdp.answer", call=call, neg=1, sdp="m=application 9 a=candidate 192.0.2.7")
        here.house.breaks.add("go_on")
        await here.hub.facts_changed(["ann-long-name"])
        await ann.ws.send_str(json.dumps({"t": "secret thing"})[:-3])
        await ann.closed()
    said = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("signalling"))
    assert "go_on" in said
    for secret in ("long-name", "candidate", "192.0.2.7", "127.0.0.1", call, ann.session, ann.token, "secret thing"):
        assert secret not in said
