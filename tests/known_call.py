"""A real sealed call whose every frame is known: to look for it where it must not be.

Two headless peers send noise that no two frames share, and note each encoded frame before and after it was sealed. ``windows`` cuts
what to look for out of such frames; ``Needles`` finds thousands of them in hundreds of megabytes; ``Packets`` is everything that
passed the loopback. Nothing here decides anything.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
import signal
import socket
import struct
import sys
import threading
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import aioice
import av
import numpy as np
import psutil
from aiortc import MediaStreamTrack, rtp
from aiortc.codecs.vpx import VpxPayloadDescriptor
from aiortc.mediastreams import VideoStreamTrack
from aiortc.rtcdtlstransport import SRTP_PROFILES
from pylibsrtp import Error, Policy, Session

from server.settings import ROOT
from tests import seal_twin
from tests.peers import Browserless, approved_call

WINDOW = 16
SO_RCVBUFFORCE = 33  # Linux: beyond the limit of those who are not root


class Frame(NamedTuple):
    kind: str
    plain: bytes
    sealed: bytes


class Noting(seal_twin.Device):
    """Notes each frame that it seals."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.frames: list[Frame] = []

    def seal(self, kind: str, whole: bool, plain: bytes, to: int | None = seal_twin.EVERYBODY) -> bytes:
        sealed = super().seal(kind, whole, plain, to)
        self.frames.append(Frame(kind, plain, sealed))
        return sealed


class Unsealing(Noting):
    """What a page that does not seal would send: the plain frame."""

    def seal(self, kind: str, whole: bool, plain: bytes, to: int | None = seal_twin.EVERYBODY) -> bytes:
        super().seal(kind, whole, plain, to)
        return plain


class Snow(VideoStreamTrack):
    """Coarse noise that is new in every frame: no two encoded frames share a run of bytes."""

    def __init__(self) -> None:
        super().__init__()
        self._rng = random.Random(os.urandom(8))

    async def recv(self) -> av.VideoFrame:
        pts, time_base = await self.next_timestamp()
        frame = av.VideoFrame(width=320, height=240, format="yuv420p")
        for plane, cell in zip(frame.planes, (16, 60, 60), strict=True):
            rows = []
            for _ in range(plane.height // cell):
                one = b"".join(bytes([self._rng.randrange(60, 200)]) * cell for _ in range(plane.line_size // cell))
                rows.append((one + bytes(plane.line_size - len(one))) * cell)
            data = b"".join(rows)
            plane.update(data + bytes(plane.buffer_size - len(data)))
        frame.pts, frame.time_base = pts, time_base
        return frame


class Hiss(MediaStreamTrack):
    """White noise, 20 ms at a time."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._rng, self._count, self._start = random.Random(os.urandom(8)), 0, 0.0

    async def recv(self) -> av.AudioFrame:
        loop = asyncio.get_running_loop()
        self._start = self._start or loop.time()
        await asyncio.sleep(self._start + self._count * 0.02 - loop.time())
        frame = av.AudioFrame(format="s16", layout="mono", samples=960)
        frame.planes[0].update(self._rng.randbytes(1920))
        frame.sample_rate, frame.pts, frame.time_base = 48000, self._count * 960, Fraction(1, 48000)
        self._count += 1
        return frame


class Known(Browserless):
    """A device that sends noise, and keeps what it says to the server."""

    sealing, sound, picture = Noting, Hiss, Snow

    def __init__(self, base: str) -> None:
        super().__init__(base)
        self.said: list[dict[str, Any]] = []
        self.close_on_end = False  # once, in close(), and to the end

    async def send(self, **message: Any) -> None:
        self.said.append(message)
        await super().send(**message)

    @property
    def noted(self) -> list[Frame]:
        """Every frame that it has sent, in all its calls."""
        return [frame for keys in self._worn for frame in keys.frames]  # type: ignore[attr-defined]


class Silent(Known):
    """One that sends without sealing."""

    sealing = Unsealing


@dataclass
class KnownCall:
    maya: Known
    theo: Known

    def frames(self) -> list[Frame]:
        return [*self.maya.noted, *self.theo.noted]


@asynccontextmanager
async def known_call(base: str, kind: type[Known] = Known) -> AsyncIterator[KnownCall]:
    """Maya and Theo of the demo at ``base``, in a call, cameras on. ``kind``: how they send."""
    port = base.rpartition(":")[2]
    maya, theo = kind(f"http://maya.localhost:{port}"), kind(f"http://theo.localhost:{port}")
    try:
        for device, slug in ((maya, "maya"), (theo, "theo")):
            await device.post("/api/demo/enter", {"slug": slug})
            await device.connect()
        ref = next(one["ref"] for one in (await maya.get("/api/child/home"))["people"] if one["name"] == "Theo")
        call = await approved_call(maya, theo, ref)
        for device in (maya, theo):
            shown = await device.ask(t="call.media", call=call, audio=True, video=True)
            assert shown["t"] == "ok", shown
        yield KnownCall(maya, theo)
    finally:
        await maya.close()
        await theo.close()


@asynccontextmanager
async def a_house(folder: Path, *before: str, **more: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """The demo in a process of its own, with home, temporary files, working directory and records in ``folder`` and nowhere else.
    ``before``: words of a command in front of it; ``more``: of its environment. Gives the process and its address."""
    places = {name: folder / name for name in ("home", "tmp", "here")}
    for place in places.values():
        place.mkdir(parents=True, exist_ok=True)
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("RINGFENCE_", "PYTHON", "COV_"))}
    environ = {
        **clean, "HOME": str(places["home"]), "TMPDIR": str(places["tmp"]), "RINGFENCE_DATA": str(folder / "var"),
        "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", **more,
    }  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        *before, sys.executable, "-m", "server.cli", "demo", "--port", "0",
        env=environ, cwd=places["here"], limit=1 << 20,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    assert process.stdout is not None
    said = ""
    try:
        async with asyncio.timeout(90):
            while not (found := re.search(r"https?://\S+", said)):
                line = await process.stdout.readline()
                assert line, said
                said += line.decode()
        yield process, found.group().rstrip("/")
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def ports_of(pid: int) -> set[int]:
    """The ports that a process and its children listen on: HTTP and the gate's."""
    every = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    return {
        one.laddr.port for process in every for one in process.net_connections("inet") if one.laddr and not one.raddr
    }


# -- what to look for ---------------------------------------------------------------------------------------------------------


def windows(data: bytes, places: int = 3) -> list[bytes]:
    """Runs of 16 bytes from several places of a frame, none that could be there by chance (a run of zeros is anywhere)."""
    if len(data) < WINDOW + 4:
        return []
    last = len(data) - WINDOW
    found = [data[at : at + WINDOW] for at in {4, *(last * n // places for n in range(1, places + 1))}]
    return [one for one in found if len(set(one)) >= 12 and len(set(one[:4])) == 4]


class Needles:
    """Many byte strings to look for at once. Each has a name, and begins with four bytes that are not all alike."""

    def __init__(self, named: Iterable[tuple[bytes, str]]) -> None:
        self._by_start: dict[bytes, list[tuple[bytes, str]]] = defaultdict(list)
        self._tables = np.zeros(65536, bool), np.zeros(65536, bool)
        self.count, self.names = 0, set[str]()
        for needle, name in named:
            self._by_start[needle[:4]].append((needle, name))
            for table, part in zip(self._tables, (needle[:2], needle[2:4]), strict=True):
                table[int.from_bytes(part, "little")] = True
            self.count += 1
            self.names.add(name)

    def names_in(self, hay: bytes) -> set[str]:
        """The names of those that are in it."""
        return {name for _, name in self.found(hay)}

    def found(self, hay: bytes) -> Iterator[tuple[int, str]]:
        first, second = self._tables
        for shift in (0, 1):
            if len(hay) < shift + 4:
                return
            pairs = np.frombuffer(hay, "<u2", (len(hay) - shift) // 2, shift)
            for at in np.flatnonzero(first[pairs[:-1]] & second[pairs[1:]]) * 2 + shift:
                for needle, name in self._by_start.get(hay[at : at + 4], ()):
                    if hay.startswith(needle, at):
                        yield int(at), name


@contextmanager
def held(pid: int) -> Iterator[None]:
    """The process stands still, so that nothing moves while it is looked at."""
    os.kill(pid, signal.SIGSTOP)
    try:
        while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "Tt":
            pass
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def memory_of(pid: int | str) -> Iterator[bytes]:
    """Everything that a process has in memory, region by region."""
    regions = re.findall(r"^([0-9a-f]+)-([0-9a-f]+) r\S* .*?(\S*)$", Path(f"/proc/{pid}/maps").read_text(), re.M)
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for start, end, name in regions:
            if name in ("[vvar]", "[vvar_vclock]", "[vsyscall]"):
                continue  # the kernel's own, and not to be read
            try:
                yield os.pread(memory.fileno(), int(end, 16) - int(start, 16), int(start, 16))
            except OSError:  # gone, or a device's
                continue


# -- what passed --------------------------------------------------------------------------------------------------------------


@dataclass
class Packets:
    """What passed a machine's loopback to and from some ports. ``how``: where it was taken."""

    how: str
    ports: set[int] = field(default_factory=set)
    raw: list[bytes] = field(default_factory=list)
    datagrams: list[tuple[int, int, bytes]] = field(default_factory=list)
    """From port, to port, content."""

    def take(self, packet: bytes) -> None:
        """An IP packet as it came."""
        version = packet[0] >> 4
        protocol, at = (packet[9], (packet[0] & 15) * 4) if version == 4 else (packet[6], 40)
        if protocol not in (6, 17) or len(packet) < at + 8:
            return
        source, to = struct.unpack_from("!HH", packet, at)
        if source not in self.ports and to not in self.ports:
            return
        self.raw.append(packet)
        if protocol == 17:
            self.datagrams.append((source, to, packet[at + 8 :]))


@contextmanager
def packets(*ports: int) -> Iterator[Packets]:
    """Every packet to and from these ports while it lasts: with root from the loopback itself, otherwise at the peers' own sockets
    in this process, which sees media and handshakes but no HTTP; ``how`` says which. Ports may be added to the set."""
    try:
        wire = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
    except (AttributeError, PermissionError):
        with _at_the_peers() as taken:
            yield taken
        return
    taken = Packets("the loopback, every packet", set(ports))
    with wire:
        wire.bind(("lo", 0))
        for option in (socket.SO_RCVBUF, SO_RCVBUFFORCE):  # a reader that is late loses nothing
            with suppress(PermissionError):
                wire.setsockopt(socket.SOL_SOCKET, option, 32 << 20)
        wire.settimeout(0.2)
        over = threading.Event()

        def read() -> None:
            while not over.is_set():
                try:
                    packet, (_, protocol, direction, *_) = wire.recvfrom(65535)
                except TimeoutError:
                    continue
                if direction != socket.PACKET_OUTGOING and protocol in (
                    0x0800,
                    0x86DD,
                ):  # each is there twice: going and come
                    taken.take(packet)

        reader = threading.Thread(target=read)
        reader.start()
        try:
            yield taken
        finally:
            over.set()
            reader.join()


@contextmanager
def _at_the_peers() -> Iterator[Packets]:
    taken = Packets("the peers' own sockets, for want of root")
    send, receive = aioice.Connection.send, aioice.Connection.recv

    async def noted_send(self: aioice.Connection, data: bytes) -> None:
        taken.raw.append(data)
        taken.datagrams.append((id(self), 0, data))
        await send(self, data)

    async def noted_receive(self: aioice.Connection) -> bytes:
        data = await receive(self)
        taken.raw.append(data)
        taken.datagrams.append((0, id(self), data))
        return data

    aioice.Connection.send, aioice.Connection.recv = noted_send, noted_receive  # type: ignore[method-assign]
    try:
        yield taken
    finally:
        aioice.Connection.send, aioice.Connection.recv = send, receive  # type: ignore[method-assign]


class Way(NamedTuple):
    """One device's two ways through the gate, with the keys that the gate has for them too."""

    up: Session
    down: Session


def way_of(device: Browserless) -> Way:
    """The transport's keys, as DTLS made them for this end and for the gate alike."""
    assert device.pc is not None
    transport = device.pc.getTransceivers()[0].sender.transport
    (profile,) = [one for one in SRTP_PROFILES if one.openssl_profile == transport._ssl.get_selected_srtp_profile()]
    secret = transport._ssl.export_keying_material(
        b"EXTRACTOR-dtls_srtp", 2 * (profile.key_length + profile.salt_length)
    )
    ours, theirs = (0, 1) if transport._role == "client" else (1, 0)
    up, down = (
        Session(
            Policy(
                key=profile.get_key_and_salt(secret, n),
                ssrc_type=Policy.SSRC_ANY_INBOUND,
                srtp_profile=profile.libsrtp_profile,
            )
        )
        for n in (ours, theirs)
    )
    return Way(up, down)


def without_srtp(datagrams: Iterable[bytes], key: Session) -> list[bytes]:
    """The media packets among them, opened as the gate opens them."""
    opened = []
    for datagram in datagrams:
        if len(datagram) < 28 or not 128 <= datagram[0] < 192 or 192 <= datagram[1] <= 223:
            continue
        try:
            opened.append(key.unprotect(datagram))
        except Error:  # sent again, byte for byte
            continue
    return opened


def assembled(opened: Iterable[bytes], video: int) -> list[bytes]:
    """The payloads of whole pictures, in order. ``video``: their payload type."""
    frames, parts = [], defaultdict[int, bytes](bytes)
    for raw in opened:
        packet = rtp.RtpPacket.parse(raw)
        if packet.payload_type != video or not packet.payload:
            continue
        parts[packet.timestamp] += VpxPayloadDescriptor.parse(packet.payload)[1]
        if packet.marker:
            frames.append(parts.pop(packet.timestamp))
    return frames
