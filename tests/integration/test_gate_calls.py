"""Calls through the gate between real aiortc devices: what is allowed arrives and decodes, what is cut does not."""

from __future__ import annotations

import asyncio

import pytest

from signalling.gate import Connected, Fact, Gate, GateConfig, GateUnavailable, Lost
from tests.gate_peers import room


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
