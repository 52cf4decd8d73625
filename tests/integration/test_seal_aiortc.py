"""Two headless peers with nothing between them: with the key sealed media decodes, without it not one frame does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection
from aiortc.mediastreams import AudioStreamTrack, MediaStreamError

from tests import seal_twin as twin
from tests.peers import MovingPicture

ENOUGH = 20
CLAIMS = {"sender": 0, "receiver": 1}


class End:
    """One connection, and how many frames of each kind came out of its decoders."""

    def __init__(self) -> None:
        self.pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.frames = {"audio": 0, "video": 0}
        self._pumps: list[asyncio.Task[None]] = []
        self.pc.on("track", lambda track: self._pumps.append(asyncio.create_task(self._pump(track))))

    async def _pump(self, track: MediaStreamTrack) -> None:
        while True:
            try:
                await track.recv()
            except MediaStreamError:
                return
            self.frames[track.kind] += 1


@asynccontextmanager
async def connected(sending: twin.Device | None, receiving: twin.Device | None) -> AsyncIterator[End]:
    """A sender of a picture and a tone, and the end that receives; each wears its device, or nothing."""
    sender, receiver = End(), End()
    for track in (AudioStreamTrack(), MovingPicture()):
        sender.pc.addTrack(track)
    await sender.pc.setLocalDescription(await sender.pc.createOffer())
    await receiver.pc.setRemoteDescription(sender.pc.localDescription)
    if receiving:
        twin.wear(receiver.pc, receiving, lambda mid: CLAIMS["sender"])
    await receiver.pc.setLocalDescription(await receiver.pc.createAnswer())
    await sender.pc.setRemoteDescription(receiver.pc.localDescription)
    if sending:
        twin.wear(sender.pc, sending, lambda mid: CLAIMS["receiver"])
    try:
        yield receiver
    finally:
        await sender.pc.close()
        await receiver.pc.close()
        for device in (sending, receiving):
            if device:
                twin.undress(device)


def two_devices(*, strangers: bool = False) -> tuple[twin.Device, twin.Device]:
    """Two that agreed through a server that carries everything; ``strangers``: that carried nothing."""
    waiting: list[tuple[str, str, str]] = []

    def device(name: str) -> twin.Device:
        return twin.Device("c_1", CLAIMS[name], lambda ref, body: waiting.append((name, ref, body)))

    devices = {name: device(name) for name in CLAIMS}
    twin.friends(*devices.items())
    devices["sender"].peer("receiver", 1)
    devices["receiver"].peer("sender", 0)
    while waiting and not strangers:
        who, to, body = waiting.pop(0)
        devices[to].body(who, body)
    return devices["sender"], devices["receiver"]


async def until(enough: int, *counts: dict[str, int]) -> None:
    async with asyncio.timeout(30):
        while any(one[kind] < enough for one in counts for kind in ("audio", "video")):
            await asyncio.sleep(0.05)


async def test_sealed_sound_and_pictures_decode_at_a_peer_that_has_the_key() -> None:
    sender, receiver = two_devices()
    async with connected(sender, receiver) as end:
        await until(ENOUGH, end.frames)
        assert receiver.dropped == {}
        assert receiver.opened["video"] >= ENOUGH
        assert receiver.opened["audio"] >= ENOUGH
        assert sender.sealed["video"] >= receiver.opened["video"]


async def test_without_the_key_everything_arrives_and_nothing_decodes() -> None:
    sender, receiver = two_devices(strangers=True)
    async with connected(sender, receiver) as end:
        async with asyncio.timeout(30):
            while receiver.dropped["no_key"] < 3 * ENOUGH or sender.sealed["video"] < ENOUGH:
                await asyncio.sleep(0.05)
        assert end.frames == {"audio": 0, "video": 0}
        assert receiver.opened == {}


async def test_a_peer_that_does_not_seal_is_neither_seen_nor_heard() -> None:
    _, receiver = two_devices()
    async with connected(None, receiver) as end:
        async with asyncio.timeout(30):
            while sum(receiver.dropped.values()) < 3 * ENOUGH:
                await asyncio.sleep(0.05)
        assert end.frames == {"audio": 0, "video": 0}


async def test_sealed_pictures_are_none_to_a_peer_that_takes_them_for_plain() -> None:
    sender, _ = two_devices()
    async with connected(sender, None) as end:
        async with asyncio.timeout(30):
            while sender.sealed["video"] < 2 * ENOUGH:
                await asyncio.sleep(0.05)
        assert end.frames["video"] == 0


async def test_peers_that_wear_nothing_are_left_as_they_are() -> None:
    async with connected(None, None) as end:
        await until(ENOUGH, end.frames)
