"""A plain WebRTC device for platforms that are not ours: a moving picture, a tone, and a count of what came in.

It seals nothing and checks nobody: it does what WebRTC does by itself, so that what is seen is the platform's doing. An adapter
owns one :class:`Heard` for each person's device and any number of connections that count into it. Packets are counted where aiortc
hands a decrypted RTP packet to the receiver, so nothing counts that is not media under the connection's own keys.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import Callable
from fractions import Fraction
from typing import Any, Final

import av
from aiortc import MediaStreamTrack, RTCBundlePolicy, RTCConfiguration, RTCPeerConnection, RTCRtpReceiver
from aiortc.mediastreams import MediaStreamError

from server.inspection.adapter import Media, Received
from server.inspection.device import Tone

WIDTH: Final = 160
HEIGHT: Final = 120
PICTURES: Final = 15  # in a second
DARK: Final = 40  # luma; black is 16, a codec's noise is a few more
QUIET: Final = 200  # of 32767


class Bars(MediaStreamTrack):
    """A light bar that walks over grey: never black, never still, and cheap to encode."""

    kind = "video"

    def __init__(self) -> None:
        super().__init__()
        self._begun, self._count = 0.0, 0

    async def recv(self) -> av.VideoFrame:
        self._begun = self._begun or time.monotonic()
        count, self._count = self._count, self._count + 1
        await asyncio.sleep(max(0.0, self._begun + count / PICTURES - time.monotonic()))
        frame = av.VideoFrame(width=WIDTH, height=HEIGHT, format="yuv420p")
        luma, *chroma = frame.planes
        row = bytearray(b"\x70" * luma.line_size)
        left = count * 4 % (WIDTH - 16)
        row[left : left + 16] = b"\xd0" * 16
        luma.update(bytes(row) * (luma.buffer_size // luma.line_size))
        for plane in chroma:
            plane.update(b"\x80" * plane.buffer_size)
        frame.pts, frame.time_base = count * 90_000 // PICTURES, Fraction(1, 90_000)
        return frame


def is_something(frame: av.AudioFrame | av.VideoFrame) -> bool:
    """Whether there is anything to see or hear in it."""
    if isinstance(frame, av.VideoFrame):  # yuv420p, as every decoder here gives it
        return max(bytes(frame.planes[0]), default=0) > DARK
    samples = bytes(frame.planes[0])
    heights = memoryview(samples[: len(samples) // 2 * 2]).cast("h")
    return max(heights, default=0) > QUIET


class Heard:
    """What one device got of others' media, over all its connections."""

    def __init__(self) -> None:
        self._packets: dict[Media, int] = {"audio": 0, "video": 0}
        self._frames: dict[Media, int] = {"audio": 0, "video": 0}
        self._last: dict[Media, float] = {"audio": 0.0, "video": 0.0}

    def packet(self, kind: Media) -> None:
        self._packets[kind] += 1
        self._last[kind] = time.monotonic()

    def frame(self, kind: Media) -> None:
        self._frames[kind] += 1

    def received(self, media: Media | None = None) -> Received:
        kinds: tuple[Media, ...] = ("audio", "video") if media is None else (media,)
        return Received(
            packets=sum(self._packets[kind] for kind in kinds),
            frames=sum(self._frames[kind] for kind in kinds),
            last=max(self._last[kind] for kind in kinds),
        )


def watch(receiver: RTCRtpReceiver, kind: Media, heard: Heard) -> None:
    """Count every packet of media that this receiver is given. aiortc has no public place for it that tells when."""
    given: Callable[..., Any] = receiver._handle_rtp_packet

    async def counted(packet: Any, arrival_time_ms: int) -> None:
        if packet.payload:
            heard.packet(kind)
        await given(packet, arrival_time_ms=arrival_time_ms)

    receiver._handle_rtp_packet = counted  # type: ignore[method-assign]


class Connection:
    """One RTCPeerConnection, counted. STUN and TURN servers: none, everything is on one machine."""

    def __init__(self, heard: Heard, media: Media | None) -> None:
        """``media``: what goes out, "video" with sound; None: it only receives."""
        self.pc = RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
        self._pumps: list[asyncio.Task[None]] = []
        self._sent: list[MediaStreamTrack] = []
        if media is not None:
            self._send(Tone())
        if media == "video":
            self._send(Bars())

        @self.pc.on("track")
        def _(track: MediaStreamTrack) -> None:
            kind: Media = "audio" if track.kind == "audio" else "video"
            for one in self.pc.getReceivers():
                if one.track is track:
                    watch(one, kind, heard)
            self._pumps.append(asyncio.create_task(self._pump(track, kind, heard)))

    def _send(self, track: MediaStreamTrack) -> None:
        self._sent.append(track)
        self.pc.addTrack(track)

    async def _pump(self, track: MediaStreamTrack, kind: Media, heard: Heard) -> None:
        with contextlib.suppress(MediaStreamError):
            while True:
                frame = await track.recv()
                if isinstance(frame, av.AudioFrame | av.VideoFrame) and is_something(frame):
                    heard.frame(kind)

    async def came_up(self, seconds: float) -> bool:
        """Whether the two ends connect within that time."""
        until = time.monotonic() + seconds
        while self.pc.connectionState in ("new", "connecting") and time.monotonic() < until:
            await asyncio.sleep(0.02)
        return self.pc.connectionState == "connected"

    async def close(self) -> None:
        for track in self._sent:
            track.stop()
        await self.pc.close()
        for task in self._pumps:
            task.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)


# -- SDP, as far as it matters here -----------------------------------------------------------------------------------------

_CANDIDATE: Final = re.compile(r"^(?:a=)?candidate:\S+ \d+ \S+ \d+ (\S+) (\d+) typ \S+")


def places_in(sdp: str) -> frozenset[tuple[str, int]]:
    """Every address and port that this SDP, or single candidate line, names a device by."""
    found = (_CANDIDATE.match(line) for line in sdp.splitlines())
    return frozenset((one[1], int(one[2])) for one in found if one)


def split_candidates(sdp: str) -> tuple[str, tuple[tuple[str, int, str], ...]]:
    """The SDP without its candidates, and they as (mid, index of the section, candidate), as a browser tells them one by one."""
    kept: list[str] = []
    found: list[tuple[int, str]] = []
    mids: dict[int, str] = {}
    section = -1
    for line in sdp.splitlines():
        section += line.startswith("m=")
        if line.startswith("a=mid:"):
            mids[section] = line[len("a=mid:") :]
        if line.startswith("a=candidate:"):
            found.append((section, line[len("a=") :]))
        elif line != "a=end-of-candidates":
            kept.append(line)
    candidates = tuple((mids.get(index, str(index)), index, line) for index, line in found)
    return "\r\n".join(kept) + "\r\n", candidates
