"""PeerServer, the signalling server of PeerJS (npm package ``peer``), as it comes.

It introduces browsers to each other and does nothing else, by design: a client opens a WebSocket with an id, a token of its own
choosing and a key that all clients share; the server hands every OFFER, ANSWER and CANDIDATE on to the id that it is addressed to,
and stamps the sender's id on it. Media goes straight from device to device. Who may call whom is left to the application.

So there are no families, no yeses and nothing to take back; those verbs say so. Ids are asked for from the server (``GET
/peerjs/id``), as PeerJS does when an application names none: that is PeerServer at its best, for they cannot be guessed.
The wire is that of ``dist/module.mjs`` in the package, version 1.0.2, and of the PeerJS client for what is in a payload.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp
from aiortc import RTCSessionDescription
from aiortc.sdp import candidate_from_sdp

from server.inspection.adapter import Answer, CouldNotSee, Device, Family, Media, NoSuchThing, Received, Ring
from server.inspection.findings import AuditRow, Inspected
from server.inspection.plain_peer import Connection, Heard, places_in, split_candidates
from server.inspection.programs import DidNotStart, Program, free_port, output_of

VERSION: Final = "1.0.2"
KEY: Final = "peerjs"  # PeerServer's own default, the same for every client
INSTALL: Final = "On Debian: apt-get install nodejs npm"
TIME_OUT: Final = 10.0
FETCH: Final = 90.0  # for npm
CONNECT: Final = 8.0  # within so long a connection comes up on one machine, or never

NOBODY_APPROVES: Final = (
    "PeerServer knows no families and asks nobody for a yes: whoever has a peer's id can ring it. "
    "Who may have the id is left to the application."
)
NOTHING_TO_TAKE_BACK: Final = (
    "PeerServer has no yes that could be taken back, and no part in media that flows between two devices; "
    "ending it is left to the application."
)
ID_TAKEN: Final = "ID-TAKEN"
NO_CALLS: Final = (
    "PeerServer has no calls or rooms that one could enter: a third person can only ring each of the others."
)


# -- the wire ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Told:
    """One message of PeerServer's. ``src``: stamped by the server. ``kind``: OPEN, OFFER, ANSWER, CANDIDATE, LEAVE, EXPIRE,
    ID-TAKEN, ERROR."""

    kind: str
    src: str = ""
    connection: str = ""
    media: Media = "video"
    sdp: str = ""
    candidate: str = ""
    mid: str = ""
    section: int = 0
    words: str = ""


def read(frame: str) -> Told | None:
    """A frame as it came; None when it is nothing that PeerServer or PeerJS says. Another peer may have written its payload."""
    try:
        message = json.loads(frame)
    except ValueError:
        return None
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        return None
    payload = message.get("payload")
    payload = payload if isinstance(payload, dict) else {}
    sdp, candidate, metadata = (payload.get(name) for name in ("sdp", "candidate", "metadata"))
    sdp = sdp if isinstance(sdp, dict) else {}
    candidate = candidate if isinstance(candidate, dict) else {}
    only_sound = isinstance(metadata, dict) and metadata.get("media") == "audio"
    section = candidate.get("sdpMLineIndex")
    return Told(
        kind=message["type"],
        src=_text(message.get("src")),
        connection=_text(payload.get("connectionId")),
        media="audio" if only_sound else "video",
        sdp=_text(sdp.get("sdp")),
        candidate=_text(candidate.get("candidate")),
        mid=_text(candidate.get("sdpMid")),
        section=section if isinstance(section, int) else 0,
        words=_text(payload.get("msg")),
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def say_sdp(kind: str, to: str, connection: str, sdp: str, media: Media) -> dict[str, Any]:
    """An OFFER or ANSWER, as PeerJS writes it."""
    payload = {
        "sdp": {"type": kind.lower(), "sdp": sdp},
        "type": "media",
        "connectionId": connection,
        "metadata": {"media": media},
    }
    return {"type": kind, "dst": to, "payload": payload}


def say_candidate(to: str, connection: str, mid: str, section: int, candidate: str) -> dict[str, Any]:
    told = {"candidate": candidate, "sdpMid": mid, "sdpMLineIndex": section}
    return {
        "type": "CANDIDATE",
        "dst": to,
        "payload": {"candidate": told, "type": "media", "connectionId": connection},
    }


# -- a person's device ------------------------------------------------------------------------------------------------------


class Peer:
    """One client of PeerServer with real media. It answers only when it is told to."""

    def __init__(
        self, http: aiohttp.ClientSession, address: str, person: str, gathered: Mapping[str, set[Any]]
    ) -> None:
        self.person = person
        self._http, self._address = http, address
        self._gathered = gathered
        self._heard = Heard()
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._reader: asyncio.Task[None] | None = None
        self._news = asyncio.Condition()
        self._told: list[Told] = []
        self._looked = 0  # how many of them have been looked at for a ring
        self._calls: dict[tuple[str, str], Connection] = {}  # by the other's id and connection
        self._waiting: dict[tuple[str, str], list[Told]] = {}  # candidates that came before their description
        self._known: set[tuple[str, int]] = set()

    async def open(self) -> None:
        """Connect under this person's id, with a token of our own, as PeerJS does."""
        query = {"key": KEY, "id": self.person, "token": uuid.uuid4().hex, "version": "1.5.4"}
        self._socket = await self._http.ws_connect(self._address + "/peerjs", params=query)
        self._reader = asyncio.create_task(self._read(self._socket))
        first = await self._wait(lambda one: one.kind in ("OPEN", ID_TAKEN, "ERROR"), TIME_OUT)
        if first is None or first.kind != "OPEN":
            await self.close()
            raise CouldNotSee(f"PeerServer did not take the device: {first.kind if first else 'no answer'}")

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for frame in socket:
            told = read(frame.data) if frame.type is aiohttp.WSMsgType.TEXT else None
            if told is None:
                continue
            self._known |= places_in(told.sdp) | places_in(told.candidate)
            await self._take(told)
            async with self._news:
                self._told.append(told)
                self._news.notify_all()

    async def _take(self, told: Told) -> None:
        """What an answer or a candidate means for a connection of ours."""
        key = (told.src, told.connection)
        connection = self._calls.get(key)
        if told.kind == "ANSWER" and connection is not None and connection.pc.signalingState == "have-local-offer":
            with contextlib.suppress(ValueError):
                await connection.pc.setRemoteDescription(RTCSessionDescription(told.sdp, "answer"))
                await self._add_waiting(key, connection)
        elif told.kind == "CANDIDATE":
            self._waiting.setdefault(key, []).append(told)
            if connection is not None and connection.pc.remoteDescription is not None:
                await self._add_waiting(key, connection)

    async def _add_waiting(self, key: tuple[str, str], connection: Connection) -> None:
        for told in self._waiting.pop(key, []):
            with contextlib.suppress(ValueError, IndexError, KeyError):
                candidate = candidate_from_sdp(told.candidate.removeprefix("candidate:"))
                candidate.sdpMid, candidate.sdpMLineIndex = told.mid, told.section
                await connection.pc.addIceCandidate(candidate)

    async def _wait(self, wanted: Callable[[Told], bool], seconds: float, since: int = 0) -> Told | None:
        try:
            async with asyncio.timeout(seconds), self._news:
                while True:
                    for one in self._told[since:]:
                        if wanted(one):
                            return one
                    await self._news.wait()
        except TimeoutError:
            return None

    def _still_connected(self, what: str) -> None:
        """Nothing that did not come says anything once the line is dead."""
        if self._socket is None or self._socket.closed or self._reader is None or self._reader.done():
            raise CouldNotSee(f"The connection to PeerServer was lost, so {what} cannot be told.")

    async def _say(self, message: dict[str, Any]) -> None:
        if self._socket is None or self._socket.closed:
            raise CouldNotSee("The device's socket to PeerServer is closed.")
        try:
            await self._socket.send_json(message)
        except ConnectionError as fault:
            raise CouldNotSee("The device's socket to PeerServer broke.") from fault

    async def _describe(self, kind: str, other: str, call: str, connection: Connection, media: Media) -> None:
        """Tell the other our description, and each of our addresses after it, as a browser does."""
        sdp, candidates = split_candidates(connection.pc.localDescription.sdp)
        for _, _, line in candidates:
            self._gathered[self.person].update(places_in(line))
        await self._say(say_sdp(kind, other, call, sdp, media))
        for mid, section, line in candidates:
            await self._say(say_candidate(other, call, mid, section, line))

    async def ring(self, *others: str, media: Media = "video") -> Answer:
        """An OFFER to each. PeerServer acknowledges nothing: that it took the message is all that ``ok`` says."""
        begun = time.monotonic()
        call = f"mc_{uuid.uuid4().hex[:12]}"
        for other in others:
            connection = self._calls[other, call] = Connection(self._heard, media)
            await connection.pc.setLocalDescription(await connection.pc.createOffer())
            await self._describe("OFFER", other, call, connection, media)
        return Answer(True, call=call, seconds=time.monotonic() - begun)

    async def wait_for_ring(self, seconds: float) -> Ring | None:
        offer = await self._wait(lambda one: one.kind == "OFFER", seconds, self._looked)
        if offer is None:
            self._still_connected("whether anybody rang")
            return None
        self._looked = self._told.index(offer, self._looked) + 1
        return Ring(offer.connection, offer.src)

    async def answer(self, ring: Ring) -> Answer:
        """An ANSWER to that OFFER. PeerServer says nothing to it either; ``ok`` is that the two devices then connected."""
        begun = time.monotonic()
        offer = next(
            (
                one
                for one in self._told
                if one.kind == "OFFER" and (one.connection, one.src) == (ring.call, ring.caller)
            ),
            None,
        )
        if offer is None:
            return Answer(False, "no OFFER of that connection came to this device", ring.call)
        key = (offer.src, offer.connection)
        if key in self._calls:
            return Answer(False, "this device has answered already", ring.call)
        connection = self._calls[key] = Connection(self._heard, offer.media)
        try:
            await connection.pc.setRemoteDescription(RTCSessionDescription(offer.sdp, "offer"))
            await self._add_waiting(key, connection)
            await connection.pc.setLocalDescription(await connection.pc.createAnswer())
        except ValueError as fault:
            return Answer(False, f"the offer could not be read: {fault}", ring.call, time.monotonic() - begun)
        await self._describe("ANSWER", offer.src, offer.connection, connection, offer.media)
        came = await connection.came_up(CONNECT)
        if not came:
            self._still_connected("whether it was answered")
        return Answer(came, "" if came else "no connection came of it", ring.call, time.monotonic() - begun)

    async def join(self, call: str) -> Answer:
        raise NoSuchThing(NO_CALLS)

    async def leave(self, call: str) -> Answer:
        """Close our end and tell the other so. The other's device notices; the server takes no part."""
        mine = [key for key in self._calls if key[1] == call]
        for key in mine:
            await self._calls.pop(key).close()
            await self._say({"type": "LEAVE", "dst": key[0], "payload": {"connectionId": call}})
        return Answer(bool(mine), "" if mine else "this device is in no such call", call)

    def received(self, media: Media | None = None) -> Received:
        return self._heard.received(media)

    def addresses(self) -> tuple[str, ...]:
        """Those that this device was told of and that another person's device really has."""
        theirs = {place for person, places in self._gathered.items() if person != self.person for place in places}
        return tuple(sorted({host for host, port in self._known & theirs}))

    def only_told_of(self, others: Mapping[str, set[Any]]) -> bool:
        """Whether every place that this device was told of, for media, is another person's own device."""
        theirs = {place for person, places in others.items() if person != self.person for place in places}
        return bool(self._known) and self._known <= theirs

    async def close(self) -> None:
        await asyncio.gather(*(one.close() for one in self._calls.values()))
        self._calls.clear()
        if self._socket is not None:
            await self._socket.close()
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)


# -- the platform -----------------------------------------------------------------------------------------------------------


def cache() -> Path:
    """Where the package is kept between inspections: outside of the repository."""
    return Path.home() / ".cache" / "ringfence" / f"peer-{VERSION}"


async def installed(path: str | None = None) -> Path:
    """The folder of the package at its pinned version; fetched by npm once, without running anything of it.
    ``path``: where to look for node and npm, else PATH."""
    folder = cache()
    package = folder / "node_modules" / "peer"
    node, npm = shutil.which("node", path=path), shutil.which("npm", path=path)
    if not node or not npm:
        raise DidNotStart(f"PeerServer needs Node and npm. {INSTALL}")
    if version_in(package) != VERSION:
        folder.mkdir(parents=True, exist_ok=True)
        fetch = (npm, "install", "--prefix", str(folder), "--ignore-scripts", "--no-audit", "--no-fund")
        try:
            code, printed = await output_of(*fetch, "--save-exact", f"peer@{VERSION}", seconds=FETCH)
        except TimeoutError:
            raise DidNotStart(f"npm did not fetch peer {VERSION} within {FETCH:.0f} s.") from None
        if code or version_in(package) != VERSION:
            raise DidNotStart(f"npm could not install peer {VERSION}: {printed.strip()[-200:]}")
    return package


def version_in(package: Path) -> str:
    try:
        return _text(json.loads((package / "package.json").read_text()).get("version"))
    except (OSError, ValueError, AttributeError):
        return ""


class PeerServer:
    """The platform: one PeerServer on loopback. ``allow_discovery``: its own setting, off by default as in its command line."""

    def __init__(self, *, allow_discovery: bool = False) -> None:
        self._discovery = ("--allow_discovery",) if allow_discovery else ()
        self._inspected = Inspected("PeerServer", VERSION, "", {})
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._program: Program | None = None
        self._http: aiohttp.ClientSession | None = None
        self._devices: list[Peer] = []
        self._gathered: dict[str, set[Any]] = {}

    @property
    def inspected(self) -> Inspected:
        return self._inspected

    async def open(self) -> None:
        package = await installed()
        port = free_port()
        address = f"http://127.0.0.1:{port}"
        self._folder = tempfile.TemporaryDirectory(prefix="ringfence-peerserver-")
        self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None, sock_connect=TIME_OUT))
        command = ("node", str(package / "dist" / "bin" / "peerjs.js"), "--host", "127.0.0.1", "--port", str(port))
        self._program = Program((*command, *self._discovery), Path(self._folder.name))
        try:
            await self._program.start(lambda: self._is_up(address), seconds=30)
        except BaseException:
            await self.close()
            raise
        self._inspected = dataclasses.replace(
            self._inspected, address=address, settings=settings(package, *self._discovery)
        )

    async def _is_up(self, address: str) -> bool:
        assert self._http is not None
        with contextlib.suppress(aiohttp.ClientError, ValueError):
            async with self._http.get(address + "/") as answer:
                return bool((await answer.json()).get("name") == "PeerJS Server")
        return False

    async def close(self) -> None:
        try:
            await asyncio.gather(*(one.close() for one in self._devices), return_exceptions=True)
            if self._http is not None:
                await self._http.close()
        finally:
            if self._program is not None:
                await self._program.stop()
            if self._folder is not None:
                self._folder.cleanup()
            self._devices, self._http, self._program, self._folder = [], None, None, None

    async def _get(self, path: str) -> tuple[int, str]:
        if self._http is None:
            raise CouldNotSee("PeerServer is not running.")
        try:
            async with asyncio.timeout(TIME_OUT), self._http.get(self._inspected.address + path) as answer:
                return answer.status, await answer.text()
        except (aiohttp.ClientError, TimeoutError) as fault:
            raise CouldNotSee(f"PeerServer did not answer {path}: {type(fault).__name__}") from fault

    async def _new_id(self) -> str:
        status, body = await self._get(f"/{KEY}/id")
        if status != 200 or not body:
            raise CouldNotSee(f"PeerServer gave no id: status {status}")
        self._gathered[body] = set()
        return body

    async def family(self, name: str) -> Family:
        """Two ids. That they belong together, and which is a child's, PeerServer is never told: it has no place for it."""
        return Family(child=await self._new_id(), guardian=await self._new_id())

    async def stranger(self, name: str) -> str:
        return await self._new_id()

    async def device(self, person: str) -> Peer:
        if self._http is None:
            raise CouldNotSee("PeerServer is not running.")
        made = Peer(self._http, self._inspected.address, person, self._gathered)
        try:
            await made.open()
        except (aiohttp.ClientError, OSError) as fault:
            raise CouldNotSee(f"PeerServer did not take the device: {type(fault).__name__}") from fault
        self._devices.append(made)
        return made

    async def approve(self, a: Family, b: Family) -> Answer:
        raise NoSuchThing(NOBODY_APPROVES)

    async def revoke(self, family: Family, other: Family) -> Answer:
        raise NoSuchThing(NOTHING_TO_TAKE_BACK)

    async def find(self, by: Device, name: str) -> tuple[str, ...]:
        """``GET /peerjs/peers``: every id that is connected, when ``allow_discovery`` is on; by default it is refused."""
        status, body = await self._get(f"/{KEY}/peers")
        if status != 200:
            return ()
        try:
            own = by.person if isinstance(by, Peer) else ""
            return tuple(one for one in json.loads(body) if isinstance(one, str) and one != own)
        except ValueError as fault:
            raise CouldNotSee("PeerServer's list of peers could not be read.") from fault

    async def claim(self, person: str) -> tuple[Answer, Device | None]:
        """Connect under that person's id with a token of one's own."""
        begun = time.monotonic()
        try:
            device = await self.device(person)
        except CouldNotSee as no:
            if ID_TAKEN in str(no):
                return Answer(False, ID_TAKEN, seconds=time.monotonic() - begun), None
            raise
        return Answer(True, seconds=time.monotonic() - begun), device

    async def carrier_reads(self, receiver: Device) -> tuple[bool, str]:
        if not isinstance(receiver, Peer) or not receiver.only_told_of(self._gathered):
            raise CouldNotSee("Whether media went past the server could not be told.")
        return False, (
            "The server has no bytes of it: every address that the two devices were told for media is the other device's own."
        )

    async def audit(self, family: Family, since: int) -> tuple[AuditRow, ...]:
        """It keeps no record."""
        return ()


def settings(package: Path, *flags: str) -> dict[str, str]:
    """Exactly how it was run. All but the command are the command line's own defaults, told because they matter here."""
    beside = package.parent
    return {
        "command": " ".join(("peerjs --host 127.0.0.1 --port (a free one)", *flags)),
        "key": f"{KEY} (the default, shared by all clients)",
        "allow_discovery": "on: ids are listed" if flags else "off (the default: ids are not listed)",
        "ids": "given by the server: random UUIDs (PeerJS's default)",
        "expire_timeout": "5000 ms (the default)",
        "alive_timeout": "60000 ms (the default)",
        "concurrent_limit": "5000 (the default)",
        "TLS": "off (loopback only)",
        "express": version_in(beside / "express"),
        "ws": version_in(beside / "ws"),
        "ICE": "no STUN or TURN server: all devices are on one machine",
    }
