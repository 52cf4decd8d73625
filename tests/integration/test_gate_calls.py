"""Calls through the gate between real aiortc devices: what is allowed arrives and decodes, what is cut does not."""

from __future__ import annotations

import asyncio
from itertools import permutations

import av
import pytest
from aiortc.mediastreams import VideoStreamTrack

from signalling.gate import Connected, Fact, Gate, GateConfig, GateUnavailable, Lost
from tests.gate_peers import Device, room


async def test_two_people_see_and_hear_each_other() -> None:
    async with room() as call:
        alice = await call.join("alice", ["bob"])
        bob = await call.join("bob", ["alice"])
        call.allow("alice", "bob")
        call.allow("bob", "alice")
        await asyncio.gather(
            alice.more("bob", "video"),
            alice.more("bob", "audio"),
            bob.more("alice", "video"),
            bob.more("alice", "audio"),
        )
        assert Connected("alice") in call.events
        assert Connected("bob") in call.events
        counters = call.gate.counters()
        assert counters["forwarded"] > 20
        assert counters["candidates_ignored"] > 0, "aiortc names its addresses; the gate must not want them"
        assert counters["dropped_fault"] == 0


async def test_nobody_is_seen_before_being_allowed() -> None:
    async with room() as call:
        await call.join("alice", ["bob"])
        bob = await call.join("bob", ["alice"])
        await call.told(Connected("alice"))
        await call.told(Connected("bob"))
        await asyncio.sleep(1)
        assert bob.frames.total() == 0
        assert call.gate.who_sees_whom() == frozenset()
        counters = call.gate.counters()
        assert counters["forwarded"] == 0
        assert counters["media_before_open"] > 0
        call.allow("alice", "bob")
        await bob.more("alice", "video")


async def test_a_cut_stops_one_direction_and_leaves_the_other() -> None:
    async with room() as call:
        alice = await call.join("alice", ["bob"])
        bob = await call.join("bob", ["alice"])
        call.allow("alice", "bob")
        call.allow("bob", "alice")
        await asyncio.gather(alice.more("bob", "video"), bob.more("alice", "video"))
        assert call.gate.cut(publisher="alice", viewer="bob") == 2
        assert call.gate.who_sees_whom() == {("bob", "alice", "audio"), ("bob", "alice", "video")}
        await asyncio.sleep(0.5)  # what bob's decoder still held
        before = bob.frames.total()
        await alice.more("bob", "video", 20)
        assert bob.frames.total() == before
        call.allow("alice", "bob")
        await asyncio.gather(bob.more("alice", "video", 20), bob.more("alice", "audio", 20))


async def test_a_cut_of_the_picture_leaves_the_voice() -> None:
    async with room() as call:
        await call.join("alice", ["bob"])
        bob = await call.join("bob", ["alice"])
        call.allow("alice", "bob")
        await bob.more("alice", "video")
        assert call.gate.cut(publisher="alice", kind="video") == 1
        await asyncio.sleep(0.5)
        before = bob.frames["alice", "video"]
        await bob.more("alice", "audio", 30)
        assert bob.frames["alice", "video"] == before


async def test_three_people_see_exactly_whom_they_may() -> None:
    names = ["alice", "bob", "cleo"]
    async with room() as call:
        devices = [await call.join(name, [other for other in names if other != name]) for name in names]
        pairs = [(p, v) for p in names for v in names if p != v and (p, v) != ("cleo", "alice")]
        for publisher, viewer in pairs:
            call.allow(publisher, viewer)
        by_name = dict(zip(names, devices, strict=True))
        await asyncio.gather(*(by_name[viewer].more(publisher, "video") for publisher, viewer in pairs))
        await asyncio.gather(*(by_name[viewer].more(publisher, "audio") for publisher, viewer in pairs))
        assert by_name["alice"].frames["cleo", "video"] == by_name["alice"].frames["cleo", "audio"] == 0
        assert call.gate.who_sees_whom() == {(p, v, k) for p, v in pairs for k in ("audio", "video")}


async def test_every_change_of_the_table_is_told_as_a_fact_once() -> None:
    async with room(wall=lambda: 1000.0) as call:
        await call.join("alice", ["bob"])
        await call.join("bob", ["alice"])
        call.gate.allow("alice", "bob", "video")
        call.gate.allow("alice", "bob", "video")
        call.gate.cut(viewer="bob")
        call.gate.cut(viewer="bob")
        facts = [event for event in call.events if isinstance(event, Fact)]
        assert facts == [Fact(1000.0, what, "alice", "bob", "video") for what in ("allow", "cut")]


async def test_somebody_removed_is_neither_seen_nor_sees_and_may_be_offered_anew() -> None:
    async with room() as call:
        alice = await call.join("alice", ["bob"])
        bob = await call.join("bob", ["alice"])
        call.allow("alice", "bob")
        call.allow("bob", "alice")
        await asyncio.gather(alice.more("bob", "video"), bob.more("alice", "video"))
        call.gate.remove("alice")
        assert call.gate.who_sees_whom() == frozenset()
        await asyncio.sleep(0.5)
        before = bob.frames.total()
        await asyncio.sleep(0.5)
        assert bob.frames.total() == before
        await alice.close()
        again = await call.join("alice", ["bob"])
        call.allow("alice", "bob")
        call.allow("bob", "alice")
        await asyncio.gather(again.more("bob", "video"), bob.more("alice", "video", 20), bob.more("alice", "audio", 20))
        assert bob.frames.total() > before


async def test_the_gate_tells_when_somebody_leaves_by_closing_the_page() -> None:
    async with room() as call:
        alice = await call.join("alice", ["bob"])
        await call.told(Connected("alice"))
        await alice.connected()  # the gate knows first
        await alice.close()
        await call.told(Lost("alice", "closed_by_peer"))


async def test_a_call_works_over_ipv6() -> None:
    async with room(GateConfig(host4=None, host6="::1")) as call:
        assert call.gate.candidates[0][0] == "::1"
    async with room(GateConfig(host4=None)) as call:
        if ":" not in call.gate.candidates[0][0] or call.gate.candidates[0][0] == "::1":
            pytest.skip("this host has no IPv6 address but ::1, which aiortc never uses")
        alice = await call.join("alice", ["bob"])
        bob = await call.join("bob", ["alice"])
        call.allow("alice", "bob")
        call.allow("bob", "alice")
        await asyncio.gather(alice.more("bob", "video"), bob.more("alice", "video"))


async def test_both_families_share_one_port() -> None:
    async with room(GateConfig()) as call:
        assert len({port for _, port in call.gate.candidates}) == 1


async def test_a_taken_port_is_said_in_one_sentence() -> None:
    async with room() as call:
        port = call.gate.candidates[0][1]
        with pytest.raises(GateUnavailable, match=f"^The gate's UDP port {port} is already taken.$"):
            await Gate.open(GateConfig(host6=None, port=port), on_event=call.events.append)


async def test_a_configured_public_address_is_the_only_one_told() -> None:
    async with room(GateConfig(host6=None, public_addresses=("198.51.100.7",))) as call:
        offer = call.gate.offer("alice", slots=["bob"])
        candidates = {line for line in offer.sdp.splitlines() if line.startswith("a=candidate")}
        assert len(candidates) == 1
        assert f" 198.51.100.7 {call.gate.candidates[0][1]} typ host" in candidates.pop()


async def test_a_full_gate_says_so() -> None:
    async with room(GateConfig(host6=None, max_peers=1)) as call:
        call.gate.offer("alice", slots=["bob"])
        with pytest.raises(GateUnavailable, match=r"^The gate is full.$"):
            call.gate.offer("bob", slots=["alice"])
        call.gate.remove("alice")
        call.gate.offer("bob", slots=["alice"])


class Shade(VideoStreamTrack):
    """A picture of one grey, by which it is known again."""

    def __init__(self, grey: int) -> None:
        super().__init__()
        self._frame = av.VideoFrame(width=64, height=48, format="yuv420p")
        for plane, value in zip(self._frame.planes, (grey, 128, 128), strict=True):
            plane.update(bytes([value]) * plane.buffer_size)

    async def recv(self) -> av.VideoFrame:
        self._frame.pts, self._frame.time_base = await self.next_timestamp()
        return self._frame


GREYS = {"": 30, "alice": 80, "bob": 140, "cleo": 210}
"""By viewer, what everybody sends them; "" is for all."""


def whose(device: Device, publisher: str) -> str:
    """For whom the picture was made that this device sees of a publisher now."""
    grey = int(device.last[publisher].to_ndarray(format="gray")[24, 32])
    return min(GREYS, key=lambda viewer: abs(GREYS[viewer] - grey))


async def sees(device: Device, publisher: str, *, made_for: str, before: str | None = None) -> None:
    """Until this device sees a publisher's picture that was made for this viewer, and meanwhile none but that and the one before."""
    async with asyncio.timeout(15):
        while True:
            await device.more(publisher, "video", 1)
            seen = whose(device, publisher)
            if seen == made_for:
                return
            assert seen == before, (device.name, publisher, seen)


async def test_three_devices_each_see_what_was_made_for_them_and_after_a_change_of_size_what_is_for_all() -> None:
    names = ("alice", "bob", "cleo")
    async with room() as call:
        for name in names:
            others = [other for other in names if other != name]
            await call.join(name, others, picture="once", camera=lambda viewer: Shade(GREYS[viewer]))
        for publisher, viewer in permutations(names, 2):
            call.allow(publisher, viewer)
        for publisher, viewer in permutations(names, 2):
            await sees(call.devices[viewer], publisher, made_for="")
        table = call.gate.who_sees_whom()
        for name in names:
            offer = call.gate.offer_picture(name, "each")
            call.gate.answer(name, await call.devices[name].answer(offer), offer.neg)
        assert call.gate.who_sees_whom() == table
        for publisher, viewer in permutations(names, 2):
            await sees(call.devices[viewer], publisher, made_for=viewer, before="")
        call.gate.cut(publisher="alice", viewer="bob", kind="video")
        await sees(call.devices["cleo"], "alice", made_for="cleo")
        stopped = call.devices["bob"].frames["alice", "video"]
        await call.devices["bob"].more("cleo", "video", 10)
        assert call.devices["bob"].frames["alice", "video"] <= stopped + 1
        assert call.gate.counters()["dropped_fault"] == 0
