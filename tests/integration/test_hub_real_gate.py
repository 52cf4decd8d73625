"""The hub with the real gate and real WebRTC peers: what the wire says is what the packets do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from signalling.gate import Gate, GateEvent, Offer, Slot
from tests.gate_peers import LOCAL, Device, meet
from tests.street import QUICK, House, Phone, Street, street


@asynccontextmanager
async def real_street(house: House) -> AsyncIterator[Street]:
    waiting: list[Street] = []

    def hear(event: GateEvent) -> None:
        waiting[0].hub.gate_event(event)

    gate = await Gate.open(LOCAL, on_event=hear)
    try:
        async with street(house, QUICK, gate) as here:
            waiting.append(here)
            yield here
    finally:
        await gate.close()


async def answer(phone: Phone, device: Device, call: str) -> None:
    """What a page does with an offer."""
    offer = await phone.hear("sdp.offer", call=call)
    slots = tuple(Slot(slot["ref"], slot["audio_mid"], slot["video_mid"]) for slot in offer["slots"])
    sdp = await device.answer(Offer(offer["sdp"], offer["neg"], slots, offer["picture"]))
    done = await phone.ask("sdp.answer", call=call, neg=offer["neg"], sdp=sdp)
    assert done["t"] == "ok", done
    ready = await phone.ask("seal.ready", call=call, kids=device.keys.kids)
    assert ready["t"] == "ok", ready


async def agree(one: Phone, ones: Device, other: Phone, others: Device) -> None:
    """Their devices have keys for each other. The words do not go by the wire here: what is tested is what comes of them."""
    meet(ones, others, one.knows(other.person), other.knows(one.person))
    async with asyncio.timeout(30):
        while not (ones.keys.confirmed(one.knows(other.person)) and others.keys.confirmed(other.knows(one.person))):
            await asyncio.sleep(0.01)


async def test_two_people_hear_and_see_each_other_until_the_contact_ends() -> None:
    async with real_street(House(("ann", "ben"))) as here:
        ann, ben = await here.phone("ann"), await here.phone("ben")
        tablet, laptop = Device("ann", 1), Device("ben", 2)
        try:
            await agree(ann, tablet, ben, laptop)
            call = (await ann.ask("call.invite", to=[ann.knows("ben")], media="video"))["call"]
            incoming = await ben.hear("call.incoming")
            assert (await ben.ask("call.accept", call=call, nonce=incoming["nonce"]))["t"] == "ok"
            await asyncio.gather(answer(ann, tablet, call), answer(ben, laptop, call))
            await ann.hear("call.state", state="active")
            await tablet.more(ann.knows("ben"), "audio")
            await laptop.more(ben.knows("ann"), "audio")
            # aiortc sends its picture from the start; the gate lets none of it through before the camera is opened
            assert laptop.frames[ben.knows("ann"), "video"] == 0
            assert (await ann.ask("call.media", call=call, audio=True, video=True))["t"] == "ok"
            await laptop.more(ben.knows("ann"), "video")
            assert tablet.frames[ann.knows("ben"), "video"] == 0

            assert (await ann.ask("call.media", call=call, audio=True, video=False))["t"] == "ok"
            await asyncio.sleep(0.3)  # what was under way arrives
            seen = laptop.frames[ben.knows("ann"), "video"]
            await laptop.more(ben.knows("ann"), "audio", 20)
            assert laptop.frames[ben.knows("ann"), "video"] == seen

            here.house.part("ann", "ben")
            await here.hub.facts_changed(["ann", "ben"])
            assert here.gate.who_sees_whom() == frozenset()
            for phone in (ann, ben):
                assert (await phone.hear("call.ended"))["code"] == "policy_revoked"
            await asyncio.sleep(0.3)
            heard = laptop.frames[ben.knows("ann"), "audio"]
            await asyncio.sleep(0.5)
            assert laptop.frames[ben.knows("ann"), "audio"] == heard
        finally:
            await tablet.close()
            await laptop.close()


async def test_a_lost_socket_keeps_the_sound_and_a_stranger_to_the_sdp_is_refused() -> None:
    async with real_street(House(("ann", "ben"))) as here:
        ann, ben = await here.phone("ann"), await here.phone("ben")
        tablet, laptop = Device("ann", 1), Device("ben", 2)
        try:
            await agree(ann, tablet, ben, laptop)
            call = (await ann.ask("call.invite", to=[ann.knows("ben")], media="audio"))["call"]
            incoming = await ben.hear("call.incoming")
            await ben.ask("call.accept", call=call, nonce=incoming["nonce"])
            bad = await ben.ask(
                "sdp.answer", call=call, neg=1, sdp="v=0\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n"
            )
            assert bad["code"] == "sdp_rejected"
            ben.heard.clear()
            await answer(ann, tablet, call)
            restart = await ben.ask("ice.restart", call=call)
            assert restart["t"] == "ok"
            await answer(ben, laptop, call)
            await tablet.more(ann.knows("ben"), "audio")
            await ben.hang_up()
            await tablet.more(ann.knows("ben"), "audio", 20)
            back = await here.line("ben")
            await back.tell(t="resume", session=ben.session, token=ben.token, last_seq=ben.last_seq)
            await back.hear("resumed")
            state = await back.hear("call.state", state="active")
            assert state["me"]["state"] == "connected"
            assert state["heard_by"] == [ben.knows("ann")]
        finally:
            await tablet.close()
            await laptop.close()
