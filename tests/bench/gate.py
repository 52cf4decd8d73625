"""What one forwarded packet costs: the gate under 20 and 100 one-to-one VGA calls, beside one call through MediaRelay.

The contestant runs alone in a process pinned to one core, and only that process's CPU time is counted. The load comes from this
process on the other core: every person sends video like a 640x480 camera (67 packets a second, 588 kbit/s, in bursts of a
frame) and voice (50 packets a second), sealed beforehand with the keys really negotiated, and now and then the checks
and reports that a browser sends. What arrives back is counted, so a lost packet shows.

Yardstick: aiortc's MediaRelay, the way to do it with public API alone. It decodes and encodes every frame, so one call
(two people, the same rates) is all it is asked to carry. Its packets are counted at the receivers.

And the floor under any forwarder in Python on this machine: a process that only reads each datagram and sends it on, with no
keys, no table and no feedback, under the same 100 calls. What is above it is ours; what is below it belongs to the kernel.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import multiprocessing
import os
import random
import select
import socket
import statistics
import time
from fractions import Fraction
from multiprocessing.connection import Connection
from typing import Any, TypeAlias

import av
import uvloop
from aiortc import MediaStreamTrack, RTCBundlePolicy, RTCConfiguration, RTCPeerConnection, RTCSessionDescription, rtp
from aiortc.contrib.media import MediaBlackhole, MediaRelay
from aiortc.mediastreams import AudioStreamTrack

from signalling.gate import Gate, GateConfig
from signalling.gate.gate import DRAIN
from signalling.gate.srtp import TAG
from tests.gate_wire import KIDS, Wire, sealed_payload

FRAMES_PER_SECOND = 30
VIDEO_PACKETS = 67
VIDEO_PAYLOAD = 1085
AUDIO_PACKETS = 50
AUDIO_PAYLOAD = 80
CHECK_EVERY = 2.5
VOICE = sealed_payload("audio", KIDS["audio"], bytes(AUDIO_PAYLOAD - 4))
BEGINNING = sealed_payload("video", KIDS["video"], bytes(VIDEO_PAYLOAD - 6))
REST = b"\0" + bytes(VIDEO_PAYLOAD - 1)
"""What a sealed frame looks like in its packets: the first has the label, which the gate reads."""
LOOPBACK = GateConfig(host4="127.0.0.1", host6=None)


SLACK = 0.02
"""Seconds that the load may run late before it shifts its whole plan: a busy machine shall slow it, not make it burst."""


def pin(core: int) -> None:
    """Keep this process on one core, where there are several."""
    if not hasattr(os, "sched_setaffinity"):
        return
    with contextlib.suppress(OSError):
        os.sched_setaffinity(0, range(os.cpu_count() or 1))  # a child begins where its parent was pinned
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) > 1:
        os.sched_setaffinity(0, {allowed[core]})


# -- the contestants, each in a process of its own -----------------------------------------------------------------------


def serve_gate(pipe: Connection) -> None:
    """The gate, told over a pipe what to do, and asked what it used."""
    pin(1)

    async def run() -> None:
        gate = await Gate.open(LOOPBACK, on_event=lambda _: None)
        over = asyncio.Event()

        def obey() -> None:
            what, *told = pipe.recv()
            if what == "offer":
                pipe.send(gate.offer(told[0], slots=told[1]))
            elif what == "answer":
                gate.answer(*told)
                pipe.send(None)
            elif what == "seal":
                gate.seal(*told)
                pipe.send(None)
            elif what == "allow":
                gate.allow(*told)
                pipe.send(None)
            elif what == "used":
                pipe.send((time.process_time(), dict(gate.counters())))
            else:
                over.set()

        asyncio.get_running_loop().add_reader(pipe.fileno(), obey)
        await over.wait()
        await gate.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())


def serve_relay(pipe: Connection) -> None:
    """Two peer connections, and MediaRelay between them."""
    pin(1)

    async def run() -> None:
        relay = MediaRelay()
        connections = [plain_connection(), plain_connection()]
        tracks: list[list[MediaStreamTrack]] = [[], []]
        for number, each in enumerate(connections):
            each.addTransceiver("audio")
            each.addTransceiver("video")
            each.on("track", tracks[number].append)
            await each.setLocalDescription(await each.createOffer())
            pipe.send(each.localDescription.sdp)
            answer = await asyncio.to_thread(pipe.recv)
            await each.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        for number, each in enumerate(connections):
            for transceiver in each.getTransceivers():
                other = next(track for track in tracks[1 - number] if track.kind == transceiver.kind)
                transceiver.sender.replaceTrack(relay.subscribe(other, buffered=False))
        while await asyncio.to_thread(pipe.recv) == "used":
            pipe.send(time.process_time())
        for each in connections:
            await each.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())


def serve_bare(pipe: Connection) -> None:
    """Reads a datagram and sends it to the other of its pair, and nothing else."""
    pin(1)

    async def run() -> None:
        here = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        here.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        here.setblocking(False)
        here.bind(("127.0.0.1", 0))
        pipe.send(here.getsockname())
        other = pipe.recv()
        memory, forwarded = bytearray(2048), 0
        view = memoryview(memory)

        def drain() -> None:
            nonlocal forwarded
            for _ in range(DRAIN):
                try:
                    size, address = here.recvfrom_into(memory)
                except BlockingIOError:
                    return
                here.sendto(view[:size], other[address])
                forwarded += 1

        over = asyncio.Event()

        def obey() -> None:
            if pipe.recv()[0] == "used":
                pipe.send((time.process_time(), {"forwarded": forwarded}))
            else:
                over.set()

        loop = asyncio.get_running_loop()
        loop.add_reader(here.fileno(), drain)
        loop.add_reader(pipe.fileno(), obey)
        await over.wait()
        here.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())


def plain_connection() -> RTCPeerConnection:
    return RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))


class Contestant:
    """A process that obeys over a pipe."""

    def __init__(self, target: Any) -> None:
        spawn = multiprocessing.get_context("spawn")
        self.pipe, theirs = spawn.Pipe()
        self._process = spawn.Process(target=target, args=(theirs,))
        self._process.start()

    def ask(self, *what: Any) -> Any:
        self.pipe.send(what if len(what) > 1 else (what[0],))
        return self.pipe.recv()

    def end(self) -> None:
        self.pipe.send(("end",))
        self._process.join(10)
        if self._process.is_alive():
            self._process.kill()


# -- the load on the gate ------------------------------------------------------------------------------------------------


async def callers(gate: Contestant, calls: int) -> list[Wire]:
    """So many pairs of people, connected and open to each other."""
    wires = []
    for number in range(calls):
        pair = [f"a{number}", f"b{number}"]
        for name, other in (pair, reversed(pair)):
            wire = Wire(gate.ask("offer", name, [other]))
            gate.ask("answer", name, wire.answer(), wire.offer.neg)
            await wire.connect()
            wire.deaf()
            gate.ask("seal", name, list(KIDS.values()))
            wires.append(wire)
        for publisher, viewer in (pair, reversed(pair)):
            for kind in ("audio", "video"):
                gate.ask("allow", publisher, viewer, kind)
    return wires


Due = tuple[float, Wire, bytes]


def schedule(wires: list[Any], seconds: float, *, reports: bool = True) -> tuple[list[Due], int]:
    """Everything to be sent, by when, and how many of it are media."""
    rng = random.Random(1)
    due: list[Due] = []
    media = 0
    for wire in wires:
        frame_start, voice_start, check_start = rng.random() / 30, rng.random() / 50, rng.random() * CHECK_EVERY
        for at in _times(voice_start, 1 / AUDIO_PACKETS, seconds):
            due.append((at, wire, wire.packet("audio", payload=VOICE)))
            media += 1
        owed = 0.0
        for at in _times(frame_start, 1 / FRAMES_PER_SECOND, seconds):
            owed += VIDEO_PACKETS / FRAMES_PER_SECOND
            part = BEGINNING
            while owed >= 1:
                owed -= 1
                due.append((at, wire, wire.packet("video", payload=part)))
                part = REST
                media += 1
        for at in _times(check_start, CHECK_EVERY, seconds):
            due.append((at, wire, wire.check()))
        for at in _times(frame_start, 1.0, seconds) if reports else ():
            due.append((at, wire, _report(wire)))
    due.sort(key=lambda each: each[0])
    return due, media


def _times(start: float, every: float, seconds: float) -> list[float]:
    return [start + every * n for n in range(int((seconds - start) / every))]


def _report(wire: Wire) -> bytes:
    assert wire.tx is not None
    receiver = rtp.RtcpRrPacket(
        ssrc=1, reports=[rtp.RtcpReceiverInfo(ssrc, 0, 0, 0, 0, 0, 0) for ssrc in wire.gate_ssrcs]
    )
    rate = rtp.RtcpPsfbPacket(
        fmt=rtp.RTCP_PSFB_APP, ssrc=1, media_ssrc=0, fci=rtp.pack_remb_fci(900_000, wire.gate_ssrcs[1:])
    )
    sealed: bytes = wire.tx.protect_rtcp(bytes(receiver) + bytes(rate))
    return sealed


def pour(due: list[Due], wires: list[Wire]) -> tuple[int, float]:
    """Send everything on time and take what comes back; how many media packets came, and how much the plan slipped."""
    poll = select.epoll()
    by_fd = {wire.socket.fileno(): wire.socket.recv_into for wire in wires}
    for fd in by_fd:
        poll.register(fd, select.EPOLLIN)
    buffer = bytearray(2048)
    came, shifted = 0, 0.0

    def drain() -> None:
        nonlocal came
        for fd, _ in poll.poll(0):
            receive = by_fd[fd]
            try:
                while receive(buffer):
                    if buffer[0] >= 128 and not 192 <= buffer[1] <= 223:
                        came += 1
            except BlockingIOError:
                pass

    # Never asleep for these few seconds: the kernel would charge waking us up to the gate's own send, which is nobody's
    # cost on a real network, and on a virtual machine several times that of the packet.
    start = time.perf_counter()
    for sent, (at, wire, datagram) in enumerate(due):
        while (late := time.perf_counter() - start - at) < 0:
            drain()
        if sent % 64 == 0:
            drain()
        if late > SLACK:
            start += late
            shifted += late
        wire.send(datagram)
    end = time.perf_counter() + 0.3
    while time.perf_counter() < end:
        drain()
    poll.close()
    return came, shifted


class BareEnd:
    """One person at the bare relay: a socket, and packets of the sizes that a sealed call has."""

    def __init__(self, relay: tuple[str, int]) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.connect(relay)
        self.send = self.socket.send

    def packet(self, kind: str, *, payload: bytes) -> bytes:
        return bytes((128, 96 if kind == "video" else 111)) + bytes(10 + TAG) + payload

    def check(self) -> bytes:
        return self.packet("audio", payload=bytes(AUDIO_PAYLOAD))


def bare_round(calls: int, seconds: float) -> float:
    """CPU microseconds for each datagram that is read and sent on."""
    bare = Contestant(serve_bare)
    ends: list[Any] = []
    try:
        relay = bare.pipe.recv()
        ends = [BareEnd(relay) for _ in range(2 * calls)]
        names = [each.socket.getsockname() for each in ends]
        bare.pipe.send({name: names[number ^ 1] for number, name in enumerate(names)})
        pour(schedule(ends, 0.5, reports=False)[0], ends)
        cpu_before, before = bare.ask("used")
        pour(schedule(ends, seconds, reports=False)[0], ends)
        cpu_after, after = bare.ask("used")
    finally:
        for each in ends:
            each.socket.close()
        bare.end()
    return float((cpu_after - cpu_before) / (after["forwarded"] - before["forwarded"]) * 1e6)


async def gate_round(calls: int, seconds: float) -> dict[str, float]:
    """One round: CPU microseconds per forwarded packet, share of a core, and losses in per cent."""
    gate = Contestant(serve_gate)
    wires: list[Wire] = []
    try:
        wires = await callers(gate, calls)
        warm, _ = schedule(wires, 0.5)
        due, media = schedule(wires, seconds)
        pour(warm, wires)
        cpu_before, before = gate.ask("used")
        began = time.perf_counter()
        came, late = pour(due, wires)
        cpu_after, after = gate.ask("used")
        took = time.perf_counter() - began
    finally:
        for wire in wires:
            wire.close()
        gate.end()
    forwarded = after["forwarded"] - before["forwarded"]
    return {
        "us": (cpu_after - cpu_before) / forwarded * 1e6,
        "core": (cpu_after - cpu_before) / took * 100,
        "rate": forwarded / took,
        "lost": (1 - came / media) * 100,
        "refused": sum(after[name] - before[name] for name in after if name.startswith("dropped_")),
        "unread": media - (after["received"] - before["received"]),
        "slipped_ms": late * 1000,
    }


# -- the load on MediaRelay ----------------------------------------------------------------------------------------------


Encoded: TypeAlias = "av.Packet[Any]"


class Recorded(MediaStreamTrack):
    """A camera that was encoded beforehand, so that the load costs the load's process little."""

    kind = "video"

    def __init__(self, packets: list[Encoded]) -> None:
        super().__init__()
        self._packets = itertools.cycle(packets)
        self._start = 0.0
        self._count = 0

    async def recv(self) -> Encoded:  # aiortc sends encoded packets as they are
        self._start = self._start or time.monotonic()
        await asyncio.sleep(max(0.0, self._start + self._count / FRAMES_PER_SECOND - time.monotonic()))
        packet = next(self._packets)
        packet.pts = packet.dts = self._count
        self._count += 1
        return packet


def recorded_camera(seconds: int) -> list[Encoded]:
    """A VGA picture with moving noise, VP8 at 588 kbit/s; the first frame is a whole one."""
    codec = av.CodecContext.create("libvpx", "w")
    codec.width, codec.height, codec.pix_fmt = 640, 480, "yuv420p"
    codec.time_base = Fraction(1, FRAMES_PER_SECOND)
    codec.framerate = Fraction(FRAMES_PER_SECOND)
    codec.bit_rate = 588_000
    codec.options = {"deadline": "realtime", "cpu-used": "8", "minrate": "588000", "maxrate": "588000", "g": "3000"}
    rng = random.Random(2)
    noise = rng.randbytes(640 * 480 * 2).translate(bytes(112 + (value >> 4) for value in range(256)))
    packets: list[Encoded] = []
    for number in range(seconds * FRAMES_PER_SECOND):
        frame = av.VideoFrame(640, 480, "yuv420p")
        for plane in frame.planes:
            shift = (number * 1931) % 100_000
            plane.update(noise[shift : shift + plane.buffer_size])
        frame.pts = number
        packets += codec.encode(frame)
    return packets


async def relay_round(seconds: float, camera: list[Encoded]) -> dict[str, float]:
    """One call through MediaRelay: CPU microseconds per packet that arrived, and share of a core."""
    relay = Contestant(serve_relay)
    people = [plain_connection(), plain_connection()]
    sinks = [MediaBlackhole(), MediaBlackhole()]
    try:
        for each, sink in zip(people, sinks, strict=True):
            each.on("track", sink.addTrack)
            offer = await asyncio.to_thread(relay.pipe.recv)
            await each.setRemoteDescription(RTCSessionDescription(offer, "offer"))
            audio, video = each.getTransceivers()
            audio.sender.replaceTrack(AudioStreamTrack())
            video.sender.replaceTrack(Recorded(camera))
            audio.direction = video.direction = "sendrecv"
            await each.setLocalDescription(await each.createAnswer())
            relay.pipe.send(each.localDescription.sdp)
            await sink.start()
        async with asyncio.timeout(30):
            while min([(await arrived(each))["video"] for each in people]) < 50:
                await asyncio.sleep(0.1)
        relay.pipe.send("used")
        cpu_before = await asyncio.to_thread(relay.pipe.recv)
        before = [sum((await arrived(each)).values()) for each in people]
        began = time.perf_counter()
        await asyncio.sleep(seconds)
        relay.pipe.send("used")
        cpu_after = await asyncio.to_thread(relay.pipe.recv)
        after = [sum((await arrived(each)).values()) for each in people]
        took = time.perf_counter() - began
    finally:
        for each, sink in zip(people, sinks, strict=True):
            await each.close()
            await sink.stop()
        relay.end()
    packets = sum(after) - sum(before)
    return {"us": (cpu_after - cpu_before) / packets * 1e6, "core": (cpu_after - cpu_before) / took * 100}


async def arrived(connection: RTCPeerConnection) -> dict[str, int]:
    """RTP packets that came in, by kind."""
    found = {"audio": 0, "video": 0}
    for report in (await connection.getStats()).values():
        if report.type == "inbound-rtp":
            found[report.kind] += report.packetsReceived
    return found


async def rows(quick: bool) -> list[dict[str, Any]]:
    """The rows for ``make bench``; medians of interleaved rounds."""
    ours = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    pin(0)
    try:
        rounds, seconds = (1, 2.0) if quick else (3, 5.0)
        camera = recorded_camera(2)
        relay: list[dict[str, float]] = []
        gate: dict[int, list[dict[str, float]]] = {20: [], 100: []}
        bare: list[float] = []
        for _ in range(rounds):
            relay.append(await relay_round(seconds, camera))
            for calls, found in gate.items():
                found.append(await gate_round(calls, seconds))
            bare.append(bare_round(100, seconds))
    finally:
        if ours is not None:
            os.sched_setaffinity(0, ours)

    def middle(found: list[dict[str, float]], what: str) -> float:
        return statistics.median(each[what] for each in found)

    relay_us, relay_core = middle(relay, "us"), middle(relay, "core")
    made = []
    for calls, found in gate.items():
        us, core = middle(found, "us"), middle(found, "core")
        beside = f"one call through aiortc's MediaRelay: {relay_us:.0f} µs, {relay_core:.0f} % of a core"
        made += [
            {
                "name": f"gate: CPU per forwarded packet, {calls} one-to-one VGA calls",
                "value": round(us, 2),
                "unit": "µs",
                "yardstick": beside,
                "ratio": us / relay_us,
            },
            {
                "name": f"gate: share of one core, {calls} one-to-one VGA calls",
                "value": round(core, 1),
                "unit": "%",
                "yardstick": f"{calls} times that one call",
                "ratio": core / (relay_core * calls),
            },
            {
                "name": f"gate: media packets lost, {calls} one-to-one VGA calls",
                "value": round(middle(found, "lost"), 3),
                "unit": "%",
                "yardstick": f"{middle(found, 'rate'):.0f} packets/s forwarded, none to be lost",
                "ratio": None,
            },
        ]
    floor = statistics.median(bare)
    made.append(
        {
            "name": "gate: CPU per forwarded packet, 100 calls, beside the floor",
            "value": round(middle(gate[100], "us"), 2),
            "unit": "µs",
            "yardstick": f"recvfrom and sendto in Python and nothing else, the same 100 calls: {floor:.1f} µs",
            "ratio": middle(gate[100], "us") / floor,
        }
    )
    return made


if __name__ == "__main__":
    import sys

    async def one() -> None:
        pin(0)
        print(json.dumps(await gate_round(int(sys.argv[1]), float(sys.argv[2])), indent=1))  # noqa: T201  # a hand tool

    asyncio.run(one())
