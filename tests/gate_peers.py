"""People for the gate's own tests: an aiortc device that answers the gate's offers, seals what it sends, and counts what it decodes.

There is no signalling here: the test hands the offer over and brings the answer back, as the hub would, and words about keys go
from one device to the other by themselves.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import av
from aiortc import MediaStreamTrack, RTCBundlePolicy, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, MediaStreamError, VideoStreamTrack
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from signalling.gate import Gate, GateConfig, GateEvent, Offer
from tests import seal_twin
from tests.gate_wire import KIDS, Wire

LOCAL = GateConfig(host6=None)


def _stripes(step: int) -> av.VideoFrame:
    frame = av.VideoFrame(width=320, height=240, format="yuv420p")
    for plane in frame.planes:
        row = bytes(128 + (n * 5 + step * 9) % 48 for n in range(plane.line_size))
        plane.update(row * plane.height)
    return frame


class Stripes(VideoStreamTrack):
    """Ten pictures, over and over: enough change that a whole picture takes several packets, and cheap to make."""

    def __init__(self) -> None:
        super().__init__()
        self._pictures = [_stripes(step) for step in range(10)]
        self._next = 0

    async def recv(self) -> av.VideoFrame:
        self._next += 1
        frame = self._pictures[self._next % 10]
        frame.pts, frame.time_base = await self.next_timestamp()
        return frame


class Device:
    """One person's device. `frames[publisher, kind]` counts what it decoded from whom; `last[publisher]` is the newest picture. `index`
    is its place in the call. `camera(viewer)` is what it sends to a viewer; "" is for all."""

    def __init__(
        self,
        name: str,
        index: int,
        identity: Ed25519PrivateKey | None = None,
        camera: Callable[[str], MediaStreamTrack] = lambda _: Stripes(),
    ) -> None:
        self.name, self.camera = name, camera
        self.keys = seal_twin.Device("c_room0001", index, self._post, identity=identity)
        self.others: dict[str, tuple[Device, str]] = {}
        """By the name under which this device knows them: the other device, and what that one calls this one."""
        self.pc = RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
        self.frames: Counter[tuple[str, str]] = Counter()
        self.last: dict[str, av.VideoFrame] = {}
        self._pumps: set[asyncio.Task[None]] = set()
        self._publishers: dict[str, str] = {}

    def _post(self, to: str, body: str) -> None:
        other, mine = self.others[to]
        asyncio.get_running_loop().call_soon(other.keys.body, mine, body)

    def _index_at(self, mid: str) -> int | None:
        found = self.others.get(self._publishers.get(mid, ""))
        return found[0].keys.index if found else None

    async def answer(self, offer: Offer, *, reroute: Callable[[str], str] = lambda sdp: sdp) -> str:
        for slot in offer.slots:
            self._publishers[slot.audio_mid] = self._publishers[slot.video_mid] = slot.publisher

        @self.pc.on("track")
        def _(track: MediaStreamTrack) -> None:
            mid = next(t.mid for t in self.pc.getTransceivers() if t.receiver.track is track)
            self._pumps.add(asyncio.create_task(self._pump(track, self._publishers[str(mid)])))

        await self.pc.setRemoteDescription(RTCSessionDescription(reroute(offer.sdp), "offer"))
        seal_twin.wear(self.pc, self.keys, self._index_at, [offer.once_mid])
        pictures = [slot.video_mid for slot in offer.slots] if offer.picture == "each" else [offer.once_mid]
        seal_twin.send(
            self.pc,
            offer.slots[0].audio_mid,
            AudioStreamTrack(),
            pictures,
            lambda mid: self.camera(self._publishers.get(mid, "")),
        )
        await self.pc.setLocalDescription(await self.pc.createAnswer())
        return str(self.pc.localDescription.sdp)

    async def _pump(self, track: MediaStreamTrack, publisher: str) -> None:
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            if isinstance(frame, av.VideoFrame):
                self.last[publisher] = frame
            self.frames[publisher, track.kind] += 1

    async def more(self, publisher: str, kind: str, count: int = 5, seconds: float = 30) -> None:
        """Until so many more frames of that kind were decoded from that publisher."""
        target = self.frames[publisher, kind] + count
        async with asyncio.timeout(seconds):
            while self.frames[publisher, kind] < target:
                await asyncio.sleep(0.02)

    async def connected(self, seconds: float = 30) -> None:
        """This end knows it too; to close before says goodbye to nobody."""
        async with asyncio.timeout(seconds):
            while self.pc.connectionState != "connected":
                await asyncio.sleep(0.01)

    async def close(self) -> None:
        await self.pc.close()
        seal_twin.undress(self.keys)
        for pump in self._pumps:
            pump.cancel()


def meet(one: Device, other: Device, others_name: str, ones_name: str) -> None:
    """Two devices agree on keys; `others_name` is what the first calls the second."""
    for device, peer, name, back in ((one, other, others_name, ones_name), (other, one, ones_name, others_name)):
        if name in device.others:
            device.keys.gone(name)
        device.others[name] = (peer, back)
    seal_twin.friends((ones_name, one.keys), (others_name, other.keys))
    one.keys.peer(others_name, other.keys.index)
    other.keys.peer(ones_name, one.keys.index)


class Room:
    """A gate, the events it told, and the devices that joined."""

    def __init__(self, gate: Gate, events: list[GateEvent]) -> None:
        self.gate, self.events = gate, events
        self.devices: dict[str, Device] = {}
        self._identities: dict[str, Ed25519PrivateKey] = {}
        self._came = 0

    async def join(
        self,
        name: str,
        others: list[str],
        *,
        picture: Literal["each", "once"] = "each",
        camera: Callable[[str], MediaStreamTrack] = lambda _: Stripes(),
        **how: Any,
    ) -> Device:
        """A device answers, agrees on keys with those who are here, and registers its key ids, now and whenever they change."""
        identity = self._identities.setdefault(name, Ed25519PrivateKey.generate())
        device = self.devices[name] = Device(name, self._came, identity, camera)
        self._came += 1
        offer = self.gate.offer(name, slots=others, picture=picture)
        self.gate.seal(name, device.keys.kids)
        device.keys.on_kids = lambda kids: self.gate.seal(name, kids)
        for other in others:
            if other in self.devices:
                meet(device, self.devices[other], other, name)
        self.gate.answer(name, await device.answer(offer, **how), offer.neg)
        return device

    def allow(self, publisher: str, viewer: str) -> None:
        self.gate.allow(publisher, viewer, "audio")
        self.gate.allow(publisher, viewer, "video")

    async def told(self, event: GateEvent, seconds: float = 30) -> None:
        """Until the gate has told this."""
        async with asyncio.timeout(seconds):
            while event not in self.events:
                await asyncio.sleep(0.02)


@asynccontextmanager
async def room(config: GateConfig = LOCAL, **how: Any) -> AsyncIterator[Room]:
    events: list[GateEvent] = []
    made = Room(await Gate.open(config, on_event=events.append, **how), events)
    try:
        yield made
    finally:
        for device in made.devices.values():
            await device.close()
        await made.gate.close()


@dataclass
class Scene:
    """A gate with a clock of its own and wires at it."""

    gate: Gate
    events: list[GateEvent]
    now: list[float]
    wires: list[Wire] = field(default_factory=list)

    def wire(self, name: str, others: list[str], *, answered: bool = True, **how: Any) -> Wire:
        offer = self.gate.offer(name, slots=others)
        made = Wire(offer, **how)
        self.wires.append(made)
        if answered:
            self.gate.answer(name, made.answer(), offer.neg)
        return made

    async def pair(self) -> tuple[Wire, Wire]:
        """Alice and Bob, connected, their keys confirmed; Bob sees and hears Alice."""
        alice, bob = self.wire("alice", ["bob"]), self.wire("bob", ["alice"])
        await alice.connect()
        await bob.connect()
        self.confirm("alice", "bob")
        self.gate.allow("alice", "bob", "audio")
        self.gate.allow("alice", "bob", "video")
        return alice, bob

    def confirm(self, *names: str) -> None:
        """Their devices have confirmed the keys under which wires send."""
        for name in names:
            self.gate.seal(name, KIDS.values())

    def count(self, name: str) -> int:
        return self.gate.counters()[name]

    async def counted(self, name: str, at_least: int) -> None:
        """Until the gate has counted so many."""
        async with asyncio.timeout(30):
            while self.count(name) < at_least:
                await asyncio.sleep(0.005)

    async def settled(self) -> None:
        """Until the gate has read everything that was sent."""
        seen = -1
        while seen != (seen := self.count("received")):
            await asyncio.sleep(0.03)

    async def told(self, event: GateEvent, seconds: float = 30) -> None:
        async with asyncio.timeout(seconds):
            while event not in self.events:
                await asyncio.sleep(0.005)


@asynccontextmanager
async def scene(**config: Any) -> AsyncIterator[Scene]:
    """A gate on loopback whose clock stands still until the test moves it."""
    now, events = [1000.0], list[GateEvent]()
    config = {"host4": "127.0.0.1", "host6": None, **config}
    made = Scene(await Gate.open(GateConfig(**config), on_event=events.append, clock=lambda: now[0]), events, now)
    try:
        yield made
        assert made.count("dropped_fault") == 0
    finally:
        for wire in made.wires:
            wire.close()
        await made.gate.close()
