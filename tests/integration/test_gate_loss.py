"""A bad line between a device and the gate: what is lost on the way is asked for, and comes."""

from __future__ import annotations

import asyncio
import random
import re
from typing import Any

import pytest

from tests.gate_peers import Room, room

LOSS = 0.05


class BadLine(asyncio.DatagramProtocol):
    """A relay between one device and the gate that loses video packets, one way, and remembers which."""

    def __init__(self, gate: tuple[str, int], *, towards_device: bool) -> None:
        self.gate, self.lossy_towards_device = gate, towards_device
        self.device: tuple[str, int] | None = None
        self.transport: Any = None
        self.lost: set[tuple[int, int]] = set()
        self.mended: set[tuple[int, int]] = set()
        self.lossy = True
        self._rng = random.Random(5)

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        towards_device = addr == self.gate
        if not towards_device:
            self.device = addr
        if towards_device == self.lossy_towards_device and self._loses(data):
            return
        target = self.device if towards_device else self.gate
        if target is not None:
            self.transport.sendto(data, target)

    def _loses(self, data: bytes) -> bool:
        if not 128 <= data[0] <= 191 or data[1] & 0x7F != 97:
            return False
        number = (int.from_bytes(data[8:12]), int.from_bytes(data[2:4]))
        if number in self.lost:
            self.mended.add(number)
            return False  # a repeat is lost only once, so that the test ends
        if self.lossy and self._rng.random() < LOSS:
            self.lost.add(number)
            return True
        return False


async def join_over(call: Room, name: str, others: list[str], *, towards_device: bool) -> BadLine:
    gate = call.gate.candidates[0]
    transport, line = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: BadLine(gate, towards_device=towards_device), local_addr=(gate[0], 0)
    )
    port = transport.get_extra_info("sockname")[1]

    def reroute(sdp: str) -> str:
        return re.sub(rf"( {re.escape(gate[0])}) {gate[1]} ", rf"\1 {port} ", sdp)

    await call.join(name, others, reroute=reroute)
    return line


@pytest.mark.parametrize("where", ["to the viewer", "from the publisher"])
async def test_lost_packets_are_repeated_until_nothing_is_missing(where: str) -> None:
    async with room() as call:
        downlink = where == "to the viewer"
        if downlink:
            await call.join("alice", ["bob"])
            line = await join_over(call, "bob", ["alice"], towards_device=True)
        else:
            line = await join_over(call, "alice", ["bob"], towards_device=False)
            await call.join("bob", ["alice"])
        bob = call.devices["bob"]
        call.allow("alice", "bob")
        async with asyncio.timeout(30):
            while len(line.lost) < 15:
                await bob.more("alice", "video", 10)
        line.lossy = False
        async with asyncio.timeout(10):
            while line.lost - line.mended:
                await asyncio.sleep(0.05)
        counters = call.gate.counters()
        assert counters["repeated" if downlink else "missing_asked"] >= len(line.lost)
        await bob.more("alice", "video", 20)
