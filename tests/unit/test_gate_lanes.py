"""Each viewer's own picture: it goes from the section of that viewer's slot to that viewer, and whatever changes, to nobody else.

The payload says for whom a picture was made, so that a packet in the wrong place is known at once.
"""

from __future__ import annotations

import itertools

import pytest
from aiortc import rtp

from signalling.gate import Fact
from signalling.gate.gate import Gate
from tests.gate_peers import Scene, scene
from tests.gate_wire import KIDS, Wire, sealed_payload

NAMES = ("alice", "bob", "cleo", "dora")
PLI = (rtp.RtcpPsfbPacket, rtp.RTCP_PSFB_PLI)
NACK = (rtp.RtcpRtpfbPacket, rtp.RTCP_RTPFB_NACK)


def made_for(viewer: str) -> bytes:
    return sealed_payload("video", KIDS["video"], viewer.encode() * 8)


def whose(wire: Wire) -> list[str]:
    """For whom the pictures that came here were made."""
    return [next(name for name in (*NAMES, "all") if name.encode() * 8 in each.payload) for each in wire.media]


async def together(at: Scene, picture: str = "each") -> dict[str, Wire]:
    """Four people, connected, sealed and open to each other."""
    wires = {}
    for name in NAMES:
        offer = at.gate.offer(name, slots=[other for other in NAMES if other != name], picture=picture)  # type: ignore[arg-type]  # one of two words
        wire = wires[name] = Wire(offer)
        at.wires.append(wire)
        at.gate.answer(name, wire.answer(), offer.neg)
        await wire.connect()
    at.confirm(*NAMES)
    for publisher, viewer in itertools.permutations(NAMES, 2):
        at.gate.allow(publisher, viewer, "video")
        at.gate.allow(publisher, viewer, "audio")
    return wires


def sends(alice: Wire, *viewers: str) -> None:
    for viewer in viewers:
        alice.send(alice.packet("video", to=viewer, payload=made_for(viewer)))


async def test_a_picture_reaches_the_one_for_whom_it_was_made_and_the_voice_reaches_all() -> None:
    async with scene() as at:
        wires = await together(at)
        for _ in range(3):
            sends(wires["alice"], "bob", "cleo", "dora")
        await at.settled()
        for viewer in ("bob", "cleo", "dora"):
            await wires[viewer].until(lambda viewer=viewer: len(wires[viewer].media) == 3)
            assert whose(wires[viewer]) == [viewer] * 3
        assert at.count("forwarded") == 9
        wires["alice"].send(wires["alice"].packet("audio"))
        await at.counted("forwarded", 12)
        assert wires["alice"].media == []


async def test_a_cut_shuts_one_persons_picture_and_the_others_go_on() -> None:
    async with scene() as at:
        wires = await together(at)
        before = at.gate.who_sees_whom()
        assert at.gate.cut(publisher="alice", viewer="bob", kind="video") == 1
        assert before - at.gate.who_sees_whom() == {("alice", "bob", "video")}
        sends(wires["alice"], "bob", "cleo", "dora")
        await at.settled()
        await at.counted("forwarded", 2)
        assert (whose(wires["bob"]), whose(wires["cleo"]), whose(wires["dora"])) == ([], ["cleo"], ["dora"])
        assert at.count("media_before_open") == 1


async def test_no_stream_that_was_made_for_one_can_be_opened_to_another() -> None:
    async with scene() as at:
        await together(at)
        alice, bob = at.gate._peers["alice"], at.gate._peers["bob"]
        opening = bob.openings["alice", "video"]
        at.gate.cut(publisher="alice", viewer="bob")
        with pytest.raises(ValueError, match="made for another viewer"):
            at.gate._forwarder.open(alice.lanes["cleo"], opening, 0.0)
        assert opening.source is None
        at.gate.allow("alice", "bob", "video")
        assert opening.source is alice.lanes["bob"]


async def test_what_a_viewer_asks_for_is_asked_of_the_picture_that_it_gets() -> None:
    async with scene() as at:
        wires = await together(at)
        alice, bob = wires["alice"], wires["bob"]
        sends(alice, "bob", "cleo", "dora")
        await at.counted("forwarded", 3)
        at.now[0] += 1
        own = {name: alice.picture_ssrc(alice.mid_for(name)) for name in ("bob", "cleo", "dora")}
        asked = len(alice.feedback_of(*PLI))
        seen = at.gate._peers["bob"].openings["alice", "video"].ssrc
        bob.say(rtp.RtcpPsfbPacket(fmt=rtp.RTCP_PSFB_PLI, ssrc=1, media_ssrc=seen))
        await alice.until(lambda: len(alice.feedback_of(*PLI)) > asked)
        assert [each.media_ssrc for each in alice.feedback_of(*PLI)[asked:]] == [own["bob"]]
        alice.send(alice.packet("video", to="cleo", skip=2))
        await alice.until(lambda: bool(alice.feedback_of(*NACK)))
        assert [each.media_ssrc for each in alice.feedback_of(*NACK)] == [own["cleo"]]


async def test_a_picture_that_is_sent_once_goes_to_all_and_one_made_for_somebody_then_to_nobody() -> None:
    async with scene() as at:
        wires = await together(at, "once")
        assert {wire.offer.once_mid for wire in wires.values()} == {"6"}
        sends(wires["alice"], "all")
        await at.counted("forwarded", 3)
        sends(wires["alice"], "bob", "cleo", "dora")
        await at.settled()
        assert at.count("media_before_open") == 3
        for viewer in ("bob", "cleo", "dora"):
            assert whose(wires[viewer]) == ["all"]
        assert at.gate.cut(viewer="bob", kind="video") == 3
        sends(wires["alice"], "all")
        await at.counted("forwarded", 5)
        assert [len(wires[viewer].media) for viewer in ("bob", "cleo", "dora")] == [1, 2, 2]


async def test_a_change_of_size_leaks_nobodys_picture_to_anybody_else_and_opens_and_shuts_nothing() -> None:
    """From five to four, back to five, and to four again: what is on its way meanwhile, of the one kind and of the other, goes to
    whom it was made for or to nobody."""
    async with scene() as at:
        wires = await together(at, "once")
        alice = wires["alice"]
        at.gate.cut(publisher="alice", viewer="dora", kind="video")  # whom she is not to be seen by, before as after
        table, told = at.gate.who_sees_whom(), len(at.events)
        for picture in ("each", "once", "each"):
            offer = at.gate.offer_picture("alice", picture)  # type: ignore[arg-type]  # one of two words
            assert (offer.picture, offer.once_mid) == (picture, "6")
            sends(alice, "all", "bob", "cleo", "dora")  # before the answer
            await at.settled()
            alice.read_offer(offer)
            at.gate.answer("alice", alice.answer(), offer.neg)
            sends(alice, "all", "bob", "cleo", "dora")  # late, and early
            await at.settled()
            assert at.gate.who_sees_whom() == table
        assert [event for event in at.events[told:] if isinstance(event, Fact)] == []
        for viewer in ("bob", "cleo"):
            await wires[viewer].until(lambda viewer=viewer: len(wires[viewer].media) == 6)
            assert whose(wires[viewer]) == ["all", viewer, viewer, "all", "all", viewer]
            numbers = [each.sequence for each in wires[viewer].media]
            assert numbers == list(range(numbers[0], numbers[0] + 6)), "one unbroken stream"
        assert wires["dora"].media == []
        assert at.gate.cut(publisher="alice") == 5
        sends(alice, "all", "bob", "cleo")
        await at.settled()
        assert len(wires["bob"].media) == 6


async def test_only_who_was_laid_out_to_send_once_can_be_asked_to() -> None:
    async with scene() as at:
        wires = await together(at)
        gate: Gate = at.gate
        with pytest.raises(ValueError, match="each viewer their own"):
            gate.offer_picture("alice", "once")
        with pytest.raises(KeyError):
            gate.offer_picture("nobody", "each")
        again = gate.offer_picture("alice", "each")
        gate.answer("alice", wires["alice"].answer(), again.neg)
        sends(wires["alice"], "bob")
        await at.counted("forwarded", 1)
        assert whose(wires["bob"]) == ["bob"]


async def test_pictures_without_an_announced_source_are_taken_only_where_there_is_but_one() -> None:
    async with scene() as at:
        offer = at.gate.offer("alice", slots=["bob", "cleo"])
        alice = Wire(offer, ssrcs=None)
        at.wires.append(alice)
        at.gate.answer("alice", alice.answer(), offer.neg)
        await alice.connect()
        bob = at.wire("bob", ["alice"])
        await bob.connect()
        at.confirm("alice")
        at.gate.allow("alice", "bob", "video")
        alice.send(alice.packet("video", ssrc=5, payload=made_for("bob")))
        await at.counted("dropped_unknown_source", 1)
        assert bob.media == []
