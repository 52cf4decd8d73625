"""Real peers for the inspection, tests and benches: an HTTP client with its own cookies, a signalling client, an aiortc peer.

A `Browserless` is one person's device: it speaks HTTP with the right Origin, opens the WebSocket, and answers the gate's
offers with aiortc, sending a moving test picture and a tone. It seals and opens as our pages do (``sealing.py``), so the gate
forwards what it sends. It does what a well-behaved page does; the attacks use its parts to misbehave.

It believes nothing about the server that it speaks to: an answer has a time and a size, and what comes in is counted.
"""

from __future__ import annotations

import array
import asyncio
import json
import math
import socket
import ssl
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from fractions import Fraction
from typing import Any

import aiohttp
import av
from aiortc import MediaStreamTrack, RTCBundlePolicy, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, MediaStreamError, VideoStreamTrack
from aiortc.rtp import RtpPacket
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from server.inspection import agreement
from server.inspection import sealing as seals

SUBPROTOCOL = "ringfence.v1+json"
LARGEST_ANSWER = 8 * 1024 * 1024  # bytes; the longest of ours, a history, is far below
KEPT_PACKETS = 300  # of each kind: some seconds
MOST_FRAMES = 1_000_000  # of one socket; one that says more is mad, and is left
MOST_SAID = 64 * 1024 * 1024  # signs of one socket, for the same reason; a whole inspection hears less


class Refused(AssertionError):
    """A step that a well-behaved page takes was answered otherwise. (An ``AssertionError``, because that is what it is to a test.)"""

    def __init__(self, path: str, answer: Answer) -> None:
        super().__init__((path, answer.status, answer.body[:500]))
        self.path, self.answer = path, answer


class MovingPicture(VideoStreamTrack):
    """Grey bars that move: something for VP8 to encode, and nothing anybody could mind."""

    def __init__(self) -> None:
        super().__init__()
        self._frame = av.VideoFrame(width=320, height=240, format="yuv420p")
        self._count = 0

    async def recv(self) -> av.VideoFrame:
        pts, time_base = await self.next_timestamp()
        self._count += 1
        frame = av.VideoFrame(width=320, height=240, format="yuv420p")
        for plane, shade in zip(frame.planes, ((self._count * 4) % 256, 128, 128), strict=True):
            plane.update(bytes([shade]) * plane.buffer_size)
        frame.pts, frame.time_base = pts, time_base
        return frame


class Tone(MediaStreamTrack):
    """A low hum, 20 ms at a time: something that is not silence."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._count, self._start = 0, 0.0

    async def recv(self) -> av.AudioFrame:
        self._start = self._start or time.monotonic()
        await asyncio.sleep(max(0.0, self._start + self._count * 0.02 - time.monotonic()))
        frame = av.AudioFrame(format="s16", layout="mono", samples=960)
        frame.planes[0].update(_HUM)
        frame.sample_rate, frame.pts, frame.time_base = 48_000, self._count * 960, Fraction(1, 48_000)
        self._count += 1
        return frame


_HUM = array.array("h", [round(8_000 * math.sin(2 * math.pi * n / 96)) for n in range(960)]).tobytes()  # 500 Hz


class Localhost(aiohttp.ThreadedResolver):
    """Names under .localhost are this machine (RFC 6761 - 6.3). Browsers know that; not every system's resolver does."""

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET) -> Any:
        return await super().resolve("localhost" if host.endswith(".localhost") else host, port, family)


class Answer:
    """One HTTP answer, read."""

    def __init__(self, status: int, body: bytes, headers: Any) -> None:
        self.status, self.body, self.headers = status, body, headers

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The code of a no; "" of a yes, and of what is none of our answers."""
        try:
            return str(self.json.get("code", ""))
        except (ValueError, AttributeError):
            return ""


class SentElsewhere(aiohttp.ClientError):
    """The server said to ask another address."""


def _to_nobody_else() -> aiohttp.TraceConfig:
    """Only the address that somebody said yes to is asked: a server that is inspected must not turn an inspection, or the key that goes
    with it, on somebody else. (``ws_connect`` has no ``allow_redirects``.)"""

    async def refuse(*_: object) -> None:
        raise SentElsewhere("It sends us to another address.")

    to_nobody = aiohttp.TraceConfig()
    to_nobody.on_request_redirect.append(refuse)
    return to_nobody


class Browserless:
    """One person's device."""

    sealing: type[seals.Device] = seals.Device  #: what agrees on keys, seals and opens
    sound: Callable[[], MediaStreamTrack] = AudioStreamTrack
    picture: Callable[[], MediaStreamTrack] = MovingPicture
    on_frame: Callable[[str, Any], None] = staticmethod(lambda _kind, _frame: None)
    """Whatever was decoded, from anybody."""

    def __init__(
        self,
        base: str,
        origin: str | None = None,
        *,
        trust: ssl.SSLContext | None = None,
        home: str | None = None,
        seconds: float = 300,
    ) -> None:
        """``trust``: whose certificates count; ``home``: the address that it comes from; ``seconds``: for one answer, at most."""
        self.base = base
        self.origin = origin or base
        self.http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                resolver=Localhost(),
                ssl=trust or True,
                local_addr=(home, 0) if home else None,
                family=socket.AF_INET if home else socket.AF_UNSPEC,
            ),
            cookie_jar=aiohttp.CookieJar(unsafe=True),
            timeout=aiohttp.ClientTimeout(total=seconds),
            trace_configs=[_to_nobody_else()],
        )
        self.ws: aiohttp.ClientWebSocketResponse | None = None
        self.seen: list[dict[str, Any]] = []  # every frame received, in order
        self.session = ""
        self.resume_token = ""
        self.last_seq = 0
        self.pc: RTCPeerConnection | None = None
        self._of = ""  # of which call that is
        self.frames = {"audio": 0, "video": 0}  # decoded, from anybody
        self.last_frame = {"audio": 0.0, "video": 0.0}  # time.monotonic()
        self.packets = {"audio": 0, "video": 0}  # that came in, whether or not they could be opened
        self.last_packet = {"audio": 0.0, "video": 0.0}  # time.monotonic()
        self.carried = {kind: deque[RtpPacket](maxlen=KEPT_PACKETS) for kind in ("audio", "video")}  # as they came in
        self.auto_answer_sdp = True
        self.close_on_end = True
        self.identity = Ed25519PrivateKey.generate()  # this device's, for all its calls
        self.guardian: Browserless | None = None  # the grown-up's device that paired this one
        self._said = False
        self._met: dict[str, agreement.Met] = {}
        self._own = ""  # whose yes to another signer counts here
        self.keys: seals.Device | None = None  # of the call that is now
        self._worn: list[seals.Device] = []  # of every call so far
        self._legs: dict[str, int] = {}  # by ref: the index of everybody else who is in it
        self._slots: dict[str, str] = {}  # by mid: whose frames
        self._ready = False
        self._reader: asyncio.Task[None] | None = None
        self._pumps: list[asyncio.Task[None]] = []
        self._news = asyncio.Condition()
        self._next_id = 0

    # -- HTTP ---------------------------------------------------------------------------------------------------------

    async def call(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        send = {"Origin": self.origin, **headers}
        async with self.http.request(method, self.base + path, json=body, headers=send, allow_redirects=False) as r:
            read = b""
            while len(read) <= LARGEST_ANSWER and (more := await r.content.read(LARGEST_ANSWER)):
                read += more
            answer = Answer(r.status, read, r.headers)
            if len(read) > LARGEST_ANSWER:
                raise Refused(path, answer)
            return answer

    async def get(self, path: str) -> Any:
        answer = await self.call("GET", path)
        if answer.status != 200:
            raise Refused(path, answer)
        return answer.json

    async def post(self, path: str, body: Any = None) -> Any:
        answer = await self.call("POST", path, {} if body is None else body)
        if answer.status not in (200, 201, 204):
            raise Refused(path, answer)
        return answer.json if answer.body else None

    # -- who may talk ---------------------------------------------------------------------------------------------------

    async def say_key(self) -> None:
        """Tell which key this device signs with, as a page does when it begins."""
        await self.post("/api/identity", {"key": agreement.key_of(self.identity)})
        self._said = True

    async def sign(self) -> None:
        """A grown-up's device signs for every device that is there, in every contact that was said yes to."""
        desk = await self.get("/api/rosters")
        if desk["key"] != agreement.key_of(self.identity):  # a page with this sign-in has told another one since
            await self.say_key()
        for person in desk["people"]:
            keys = [device["key"] for device in person["devices"] if device["key"]]
            for one in person["contacts"]:
                kept = json.loads(json.loads(one["roster"])["m"])["serial"] if one["roster"] else 0
                serial = max(time.time_ns() // 1_000_000, kept + 1)
                body = agreement.roster(self.identity, one["contact"], one["side"], keys, serial)
                await self.post("/api/rosters", {"body": body})

    async def _ask_who_may_talk(self, keys: seals.Device) -> None:
        for told in await self.get(f"/api/calls/{keys.call}/rosters"):
            keys.told(told)
        self._be_ready()

    # -- signalling ---------------------------------------------------------------------------------------------------

    async def connect(self) -> dict[str, Any]:
        """Ticket, socket, hello, as a page does when it begins. Returns the welcome."""
        if not self._said:
            await self.say_key()
        ticket = (await self.post("/api/ws-ticket"))["ticket"]
        await self.open_socket()
        mark = len(self.seen)
        await self.send(t="hello", ticket=ticket, client="headless")
        welcome = await self.expect("welcome", since=mark)
        self.session, self.resume_token = welcome["session"], welcome["resume_token"]
        return welcome

    async def open_socket(self) -> None:
        self.ws = await self.http.ws_connect(
            self.base.replace("http", "ws", 1) + "/ws", protocols=[SUBPROTOCOL], headers={"Origin": self.origin}
        )
        self._reader = asyncio.create_task(self._read(self.ws))

    async def resume(self) -> dict[str, Any]:
        await self.open_socket()
        await self.send(t="resume", session=self.session, token=self.resume_token, last_seq=self.last_seq)
        back: dict[str, Any] = await self.expect("resumed", "resume_failed")
        if back["t"] == "resumed":
            self.resume_token = back["resume_token"]
        return back

    async def drop_socket(self) -> None:
        """Lose the network, without saying goodbye."""
        assert self.ws is not None
        if self._reader:
            self._reader.cancel()
        transport = self.ws._response.connection.transport if self.ws._response.connection else None
        if transport:
            transport.abort()
        self.ws = None

    async def _read(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        said = 0
        async for frame in ws:
            said += len(frame.data) if isinstance(frame.data, str | bytes) else 0
            if len(self.seen) >= MOST_FRAMES or said > MOST_SAID:
                await ws.close()
                break
            if frame.type is not aiohttp.WSMsgType.TEXT:
                continue
            message = json.loads(frame.data)
            self.last_seq = max(self.last_seq, message.get("seq", 0))
            self._keep_keys(message)
            if message["t"] == "sdp.offer" and self.auto_answer_sdp:
                self._pumps.append(asyncio.create_task(self._answer(message)))
            if message["t"] == "call.ended" and self.close_on_end and self.pc is not None:
                pc, self.pc = self.pc, None
                await pc.close()
            async with self._news:
                self.seen.append(message)
                self._news.notify_all()
        async with self._news:
            self.seen.append({"t": "closed", "code": ws.close_code})
            self._news.notify_all()

    async def send(self, **message: Any) -> None:
        assert self.ws is not None
        await self.ws.send_str(json.dumps(message))

    async def ask(self, **message: Any) -> dict[str, Any]:
        """Send a request and return its ``ok`` or ``err``."""
        self._next_id += 1
        request_id = f"r{self._next_id}"
        await self.send(id=request_id, **message)
        return await self.until(lambda m: bool(m.get("re") == request_id))

    async def expect(self, *kinds: str, since: int = 0, seconds: float = 10) -> dict[str, Any]:
        return await self.until(lambda m: m["t"] in kinds, since=since, seconds=seconds)

    async def until(
        self, wanted: Callable[[dict[str, Any]], bool], *, since: int = 0, seconds: float = 10
    ) -> dict[str, Any]:
        """The newest frame at or after index ``since`` that is wanted; waits for one."""
        async with asyncio.timeout(seconds), self._news:
            while True:
                message: dict[str, Any]
                for message in reversed(self.seen[since:]):
                    if wanted(message):
                        return message
                await self._news.wait()

    # -- media --------------------------------------------------------------------------------------------------------

    async def _answer(self, offer: dict[str, Any]) -> None:
        await self.until(lambda m: m["t"] == "call.state" and m["call"] == offer["call"])  # our index, for the keys
        for slot in offer["slots"]:
            self._slots[slot["audio_mid"]] = self._slots[slot["video_mid"]] = slot["ref"]
        pictures = [slot["video_mid"] for slot in offer["slots"]] if offer["picture"] == "each" else [offer["once_mid"]]
        if self.pc is None or self._of != offer["call"]:
            if self.pc is not None:  # of a call that this device stayed in, whatever it was told
                await self.pc.close()
            self._connect()
            self._of = offer["call"]
        sdp = await self.make_answer(offer["sdp"], pictures)
        await self.ask_nowait(t="sdp.answer", call=offer["call"], neg=offer["neg"], sdp=sdp)

    async def ask_nowait(self, **message: Any) -> None:
        self._next_id += 1
        await self.send(id=f"r{self._next_id}", **message)

    async def make_answer(self, offer: str, pictures: Sequence[str] = ("1",)) -> str:
        """The answer to an offer's SDP. ``pictures``: the sections on which ours goes out, each person's on the one of their slot."""
        pc = self.pc or self._connect()
        await pc.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        self._count_packets(pc)
        if self.keys is not None:
            to_all = [mid for mid in pictures if mid not in self._slots]
            seals.wear(pc, self.keys, lambda mid: self._legs.get(self._slots.get(mid, "")), to_all)
        seals.send(pc, "0", self.sound(), pictures, lambda _: self.picture())
        await pc.setLocalDescription(await pc.createAnswer())
        return str(pc.localDescription.sdp)

    def _count_packets(self, pc: RTCPeerConnection) -> None:
        """Note each RTP packet that comes in, before anything is made of it. aiortc's own counts have no times."""
        for transceiver in pc.getTransceivers():
            receiver: Any = transceiver.receiver
            if "_handle_rtp_packet" not in vars(receiver):
                receiver._handle_rtp_packet = self._counted(transceiver.kind, receiver._handle_rtp_packet)

    def _counted(self, kind: str, handle: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
        async def counted(packet: RtpPacket, arrival_time_ms: int) -> None:
            if packet.payload:  # padding alone is no media
                self.packets[kind] += 1
                self.last_packet[kind] = time.monotonic()
                self.carried[kind].append(packet)
            await handle(packet, arrival_time_ms=arrival_time_ms)

        return counted

    def _connect(self) -> RTCPeerConnection:
        pc = self.pc = RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))

        @pc.on("track")
        def _(track: MediaStreamTrack) -> None:
            self._pumps.append(asyncio.create_task(self._pump(track)))

        return pc

    # -- keys ---------------------------------------------------------------------------------------------------------

    def _keep_keys(self, message: dict[str, Any]) -> None:
        """What a message of the server means for the keys of the call."""
        kind, call = message["t"], message.get("call", "")
        if kind == "call.state":
            if self.keys is None or self.keys.call != call:
                self._forget_keys()
                self.keys = self.sealing(
                    call, message["me"]["index"], self._post_body, identity=self.identity, on_kids=self._tell_kids,
                    met=self._met, own=self._own,
                )  # fmt: skip
                self._worn.append(self.keys)
            there = {leg["ref"]: leg["index"] for leg in message["legs"] if leg["state"] not in ("invited", "left")}
            for ref in self._legs.keys() - there.keys():
                self.keys.gone(ref)
            if there.keys() - self._legs.keys():
                self._pumps.append(asyncio.create_task(self._ask_who_may_talk(self.keys)))
            self._legs = there
            for ref, index in there.items():
                self.keys.peer(ref, index)
        elif kind == "changed" and self.keys is not None and "people" in message["what"]:
            self._pumps.append(asyncio.create_task(self._ask_who_may_talk(self.keys)))
            return
        elif self.keys is None or call != self.keys.call:
            return
        elif kind == "seal.from" and message["ref"] in self._legs:
            self.keys.body(message["ref"], message["body"])
        elif kind == "call.ended":
            self._forget_keys()
            return
        self._be_ready()

    def _be_ready(self) -> None:
        if not self._ready and self._legs and self.keys and all(self.keys.confirmed(ref) for ref in self._legs):
            self._ready = True
            self._tell_kids(self.keys.kids)

    def _post_body(self, ref: str, body: str) -> None:
        assert self.keys is not None
        self._later(t="seal.to", call=self.keys.call, to=ref, body=body)

    def _tell_kids(self, kids: list[int]) -> None:
        if self._ready and self.keys is not None:
            self._later(t="seal.ready", call=self.keys.call, kids=kids)

    def _later(self, **message: Any) -> None:
        """In the order in which it was asked for: a task that has not yet waited writes before the next begins."""
        self._pumps.append(asyncio.create_task(self.ask_nowait(**message)))

    def _forget_keys(self) -> None:
        self.keys, self._legs, self._ready = None, {}, False

    async def _pump(self, track: MediaStreamTrack) -> None:
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            self.on_frame(track.kind, frame)
            self.frames[track.kind] += 1
            self.last_frame[track.kind] = time.monotonic()

    async def wait_frames(self, kind: str, more: int, seconds: float = 15) -> None:
        """Until so many more decoded frames of this kind have come in."""
        target = self.frames[kind] + more
        async with asyncio.timeout(seconds):
            while self.frames[kind] < target:
                await asyncio.sleep(0.05)

    async def close(self) -> None:
        if self.pc is not None:
            await self.pc.close()
        for keys in self._worn:
            seals.undress(keys)
        if self.ws is not None:
            await self.ws.close()
        for task in (self._reader, *self._pumps):
            if task:
                task.cancel()
        await self.http.close()


@asynccontextmanager
async def device(base: str, origin: str | None = None) -> AsyncIterator[Browserless]:
    one = Browserless(base, origin)
    try:
        yield one
    finally:
        await one.close()


async def approved_call(caller: Browserless, callee: Browserless, ref: str, media: str = "video") -> str:
    """Ring, answer, and wait until both sides are connected. Returns the call id."""
    mark_caller, mark_callee = len(caller.seen), len(callee.seen)
    placed = await caller.ask(t="call.invite", to=[ref], media=media)
    assert placed["t"] == "ok", placed
    incoming = await callee.expect("call.incoming", since=mark_callee)
    accepted = await callee.ask(t="call.accept", call=incoming["call"], nonce=incoming["nonce"])
    assert accepted["t"] == "ok", accepted
    for one, mark in ((caller, mark_caller), (callee, mark_callee)):
        await one.until(lambda m: m["t"] == "call.state" and m["state"] == "active", since=mark, seconds=20)
    return str(incoming["call"])
