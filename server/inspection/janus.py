"""Janus Gateway's VideoRoom, a conference server: as it comes, or with its own guards on.

VideoRoom forwards what each publisher in a room sends to the subscribers in it. A room has a number, and may have a pin, a list of
tokens that let one in (``allowed``), and a secret for whoever administers it. It knows no families and has no ring: which people a
room is for, and who is told of it, is left to the application. So the smallest application there can be stands here, and its
whole part is this: when two families say yes it has a room made for their two children and gives each child's device the room's
number (and pin and token, where there are any); when one takes the yes back it uses what VideoRoom's documentation says for that
(take the tokens off the list, then kick). A device sees that a friend is "ringing" by looking who is in the rooms that it was given.

``Janus(guarded=False)``: the files as Debian ships them, rooms made with the defaults. ``Janus(guarded=True)``: everything that the
plugin has for keeping people out and apart, on. Wire: the WebSocket transport, ``janus-protocol``, as documented with version 1.1.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import glob
import json
import secrets
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp
from aiortc import RTCSessionDescription
from aiortc.rtp import RtpPacket

from server.inspection.adapter import Answer, CouldNotSee, Device, Family, Media, NoSuchThing, Received, Ring
from server.inspection.carried import HEARD, hum
from server.inspection.findings import AuditRow, Inspected
from server.inspection.plain_peer import Connection, Heard, places_in
from server.inspection.programs import DidNotStart, Program, free_port

INSTALL: Final = "On Debian: apt-get install janus"
SHIPPED: Final = Path("/etc/janus/janus.plugin.videoroom.jcfg")  # where Debian puts the plugin's settings
PLUGIN: Final = "janus.plugin.videoroom"
TIME_OUT: Final = 10.0
KEEP_ALIVE: Final = 20.0  # Janus forgets a session after 60 s of silence
LOOK_EVERY: Final = 0.25
GUESS: Final = "1234"  # what a stranger tries where a key is wanted

RINGS_NOBODY: Final = (
    "VideoRoom has no ring: anybody can make a room, but nobody is told of it. Who is told is left to the application."
)
NOT_USED_UP: Final = (
    "VideoRoom has no ring that could be used up: a room lets its people in as often as they come, "
    "until their token is taken away."
)
NO_GROUP: Final = "VideoRoom has no ring for several people: which people a room is for is left to the application."

RoomId = int | str


# -- the wire ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Told:
    """One message of Janus's. ``kind``: success, error, ack, event, webrtcup, hangup and so on. ``data``: the plugin's own part, or
    what a "success" carries. ``error``: Janus's or the plugin's code and sentence, empty when there is none."""

    kind: str
    transaction: str = ""
    sender: int = 0
    data: Mapping[str, Any] = field(default_factory=dict)
    sdp_type: str = ""
    sdp: str = ""
    error: str = ""


def read(frame: str) -> Told | None:
    """A frame as it came; None when it is nothing that Janus says."""
    try:
        message = json.loads(frame)
    except ValueError:
        return None
    if not isinstance(message, dict) or not isinstance(message.get("janus"), str):
        return None
    plugin = message.get("plugindata")
    data = plugin.get("data") if isinstance(plugin, dict) else message.get("data", message)
    data = data if isinstance(data, dict) else {}
    jsep = message.get("jsep")
    jsep = jsep if isinstance(jsep, dict) else {}
    sender, transaction = message.get("sender"), message.get("transaction")
    return Told(
        kind=message["janus"],
        transaction=transaction if isinstance(transaction, str) else "",
        sender=sender if isinstance(sender, int) else 0,
        data=data,
        sdp_type=str(jsep.get("type", "")),
        sdp=str(jsep.get("sdp", "")),
        error=_error(message.get("error"), data),
    )


def _error(core: object, data: Mapping[str, Any]) -> str:
    if isinstance(core, dict):
        return f"{core.get('code')} {core.get('reason')}"
    if "error_code" in data:
        return f"{data.get('error_code')} {data.get('error')}"
    return ""


def people_in(data: Mapping[str, Any], name: str) -> tuple[tuple[RoomId, str], ...]:
    """(id, display name) of each in a list of participants or publishers."""
    listed = data.get(name)
    return tuple(
        (one["id"], str(one.get("display", "")))
        for one in (listed if isinstance(listed, list) else ())
        if isinstance(one, dict) and isinstance(one.get("id"), int | str)
    )


class Session:
    """One session over one WebSocket: requests with their answers, and events by handle."""

    def __init__(self, http: aiohttp.ClientSession, address: str) -> None:
        self._http, self._address = http, address
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._waiting: dict[str, asyncio.Queue[Told]] = {}
        self._id = 0
        self.version = ""
        self.on_event: dict[int, Callable[[Told], None]] = {}

    async def open(self) -> None:
        try:
            self._socket = await self._http.ws_connect(self._address, protocols=["janus-protocol"])
        except (aiohttp.ClientError, OSError) as fault:
            raise CouldNotSee(f"Janus did not take the connection: {type(fault).__name__}") from fault
        self._tasks = [asyncio.create_task(self._read(self._socket))]
        self.version = str((await self.ask({"janus": "info"})).data.get("version_string", ""))
        made = await self.ask({"janus": "create"})
        self._id = made.data.get("id", 0)
        if made.error or not self._id:
            raise CouldNotSee(f"Janus gave no session ({made.error}).")
        self._tasks.append(asyncio.create_task(self._keep_alive()))

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for frame in socket:
            told = read(frame.data) if frame.type is aiohttp.WSMsgType.TEXT else None
            if told is None:
                continue
            waiting = self._waiting.get(told.transaction)
            if waiting is not None:
                waiting.put_nowait(told)
            elif told.sender in self.on_event:
                self.on_event[told.sender](told)

    async def _keep_alive(self) -> None:
        while True:
            await asyncio.sleep(KEEP_ALIVE)
            await self.ask({"janus": "keepalive"})

    async def ask(self, message: Mapping[str, Any], *, acknowledged_is_enough: bool = True) -> Told:
        """Send a request and wait for what answers it. What takes its time is acknowledged first and answered by an event."""
        if self._socket is None or self._socket.closed:
            raise CouldNotSee("The session with Janus is closed.")
        transaction = uuid.uuid4().hex
        queue = self._waiting[transaction] = asyncio.Queue[Told]()
        session = {"session_id": self._id} if self._id else {}
        try:
            async with asyncio.timeout(TIME_OUT):
                await self._socket.send_json({**message, **session, "transaction": transaction})
                while True:
                    told = await queue.get()
                    if told.kind != "ack" or acknowledged_is_enough:
                        return told
        except ConnectionError as fault:
            raise CouldNotSee("The session with Janus broke.") from fault
        except TimeoutError as late:
            raise CouldNotSee(f"Janus did not answer within {TIME_OUT:.0f} s.") from late
        finally:
            del self._waiting[transaction]

    async def attach(self) -> int:
        made = await self.ask({"janus": "attach", "plugin": PLUGIN})
        if made.error or not isinstance(made.data.get("id"), int):
            raise CouldNotSee(f"Janus gave no handle on the VideoRoom ({made.error}).")
        return int(made.data["id"])

    async def detach(self, handle: int) -> None:
        self.on_event.pop(handle, None)
        await self.ask({"janus": "detach", "handle_id": handle})

    async def say(self, handle: int, body: Mapping[str, Any], sdp_type: str = "", sdp: str = "") -> Told:
        """A request to the plugin, and its answer."""
        message: dict[str, Any] = {"janus": "message", "handle_id": handle, "body": body}
        if sdp:
            message["jsep"] = {"type": sdp_type, "sdp": sdp}
        return await self.ask(message, acknowledged_is_enough=False)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._socket is not None:
            await self._socket.close()


# -- the smallest application -----------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Room:
    """A room that the application had made for two children. ``tokens``: by person, none where there are no guards."""

    id: RoomId
    people: tuple[str, str]
    secret: str = ""
    pin: str = ""
    tokens: dict[str, str] = field(default_factory=dict)

    def key_of(self, person: str) -> dict[str, str]:
        """What this person's device was given, besides the number, to be let in."""
        key = {"pin": self.pin, "token": self.tokens.get(person, "")}
        return {name: value for name, value in key.items() if value} if person in self.people else {}


@dataclass(slots=True)
class Stay:
    """A device in a room: the handle and connection that publish, and one for everybody whom it watches."""

    room: RoomId
    key: dict[str, str]
    handle: int = 0
    me: RoomId = 0
    private: int = 0
    publishing: Connection | None = None
    watching: dict[RoomId, tuple[int, Connection]] = field(default_factory=dict)
    wanted: set[RoomId] = field(default_factory=set)  # watched, or about to be
    kicked: bool = False
    early: list[Told] = field(default_factory=list)  # heard before we knew that we are in


class Guest:
    """One person's device. It does not go of its own when it is told to: that is for the server to see to."""

    def __init__(self, platform: Janus, session: Session, person: str) -> None:
        self.person = person
        self._platform, self._session = platform, session
        self._heard = Heard()
        self._stays: dict[RoomId, Stay] = {}
        self._seen: set[tuple[RoomId, RoomId]] = set()  # who has been noticed in which room
        self._answered: set[Ring] = set()
        self.posing_in = ""  # the room where this device sits under somebody else's name
        self._known: set[tuple[str, int]] = set()
        self._tasks: set[asyncio.Task[Answer]] = set()

    # -- in and out of a room -----------------------------------------------------------------------------------------------

    async def _enter(self, room: RoomId, key: dict[str, str], media: Media) -> Answer:
        """Join as a publisher, publish, and watch whoever is there or comes."""
        begun = time.monotonic()
        await self._quit(room)
        stay = Stay(room, key, await self._session.attach())
        self._session.on_event[stay.handle] = lambda told: self._hear(stay, told)
        body = {"request": "join", "ptype": "publisher", "room": room, "display": self._platform.shown_as(self.person)}
        joined = await self._session.say(stay.handle, {**body, **key})
        if joined.error:
            await self._session.detach(stay.handle)
            return Answer(False, joined.error, str(room), time.monotonic() - begun)
        stay.me, stay.private = joined.data.get("id", 0), joined.data.get("private_id", 0)
        self._stays[room] = stay
        stay.publishing = Connection(self._heard, media)
        pc = stay.publishing.pc
        await pc.setLocalDescription(await pc.createOffer())
        self._platform.gathered[self.person].update(places_in(pc.localDescription.sdp))
        answered = await self._session.say(stay.handle, {"request": "publish"}, "offer", pc.localDescription.sdp)
        if answered.error or not answered.sdp:
            await self._quit(room)
            return Answer(False, answered.error or "no answer to the offer", str(room), time.monotonic() - begun)
        self._known |= places_in(answered.sdp)
        await pc.setRemoteDescription(RTCSessionDescription(answered.sdp, "answer"))
        for told in (joined, *stay.early):
            self._watch_all(stay, told)
        return Answer(True, call=str(room), seconds=time.monotonic() - begun)

    def _hear(self, stay: Stay, told: Told) -> None:
        stay.kicked |= told.data.get("leaving") == "ok"
        if stay.private:
            self._watch_all(stay, told)
        else:
            stay.early.append(told)

    def _watch_all(self, stay: Stay, told: Told) -> None:
        for feed, _ in people_in(told.data, "publishers"):
            self._seen.add((stay.room, feed))
            task = asyncio.create_task(self._watch(stay, feed))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _watch(self, stay: Stay, feed: RoomId) -> Answer:
        """Subscribe to one publisher."""
        if feed in stay.wanted or feed == stay.me:
            return Answer(False, "watched already", str(stay.room))
        stay.wanted.add(feed)
        handle = await self._session.attach()
        connection = Connection(self._heard, None)
        stay.watching[feed] = handle, connection
        body: dict[str, Any] = {
            "request": "join",
            "ptype": "subscriber",
            "room": stay.room,
            "streams": [{"feed": feed}],
        }
        if stay.private:
            body["private_id"] = stay.private
        offered = await self._session.say(handle, {**body, **stay.key})
        if offered.error or offered.sdp_type != "offer":
            del stay.watching[feed]
            stay.wanted.discard(feed)
            await connection.close()
            await self._session.detach(handle)
            return Answer(False, offered.error or "no offer came", str(stay.room))
        self._known |= places_in(offered.sdp)
        await connection.pc.setRemoteDescription(RTCSessionDescription(offered.sdp, "offer"))
        await connection.pc.setLocalDescription(await connection.pc.createAnswer())
        sdp = connection.pc.localDescription.sdp
        self._platform.gathered[self.person].update(places_in(sdp))
        started = await self._session.say(handle, {"request": "start"}, "answer", sdp)
        return Answer(not started.error, started.error, str(stay.room))

    async def _quit(self, room: RoomId) -> bool:
        stay = self._stays.pop(room, None)
        if stay is None:
            return False
        handles = [stay.handle, *(handle for handle, _ in stay.watching.values())]
        with contextlib.suppress(CouldNotSee):
            await self._session.say(stay.handle, {"request": "leave"})
        for handle in handles:
            with contextlib.suppress(CouldNotSee):
                await self._session.detach(handle)
        await self._hang_up(stay)
        return True

    async def _hang_up(self, stay: Stay) -> None:
        connections = [connection for _, connection in stay.watching.values()]
        connections += [stay.publishing] if stay.publishing else []
        await asyncio.gather(*(one.close() for one in connections))

    # -- the verbs ----------------------------------------------------------------------------------------------------------

    async def ring(self, *others: str, media: Media = "video") -> Answer:
        """Go into the room of the two and wait there. Without such a room: make one, and see who could be told of it."""
        if self.posing_in:
            return Answer(True, call=self.posing_in)  # being there is all that a ring is
        if len(others) != 1:
            raise NoSuchThing(NO_GROUP)
        room = self._platform.room_of(self.person, others[0])
        if room is not None:
            return await self._enter(room.id, room.key_of(self.person), media)
        handle = await self._session.attach()
        made = await self._session.say(handle, {"request": "create", "admin_key": GUESS})
        await self._session.detach(handle)
        if made.error:
            return Answer(False, made.error)
        raise NoSuchThing(RINGS_NOBODY)

    async def wait_for_ring(self, seconds: float) -> Ring | None:
        until = time.monotonic() + seconds
        handle = await self._session.attach()
        try:
            while True:
                for room in self._platform.rooms_of(self.person):
                    if room.id in self._stays and not self._stays[room.id].kicked:
                        continue  # who comes in while one is there does not ring
                    there = await self._session.say(handle, {"request": "listparticipants", "room": room.id})
                    for one, display in people_in(there.data, "participants"):
                        if (room.id, one) not in self._seen:
                            self._seen.add((room.id, one))
                            return Ring(str(room.id), self._platform.person_shown_as(display), str(one))
                if time.monotonic() >= until:
                    return None
                await asyncio.sleep(LOOK_EVERY)
        finally:
            await self._session.detach(handle)

    async def answer(self, ring: Ring) -> Answer:
        """Go into the room where somebody waits. ``secret`` of the ring only says which coming of theirs it was."""
        if ring in self._answered:
            raise NoSuchThing(NOT_USED_UP)
        self._answered.add(ring)
        room = self._platform.room_named(ring.call)
        return await self._enter(room, self._platform.key_to(room, self.person), "video")

    async def join(self, call: str) -> Answer:
        """In by the number, and a guess unless this person was given a key; failing that, only watch, which needs no entry."""
        room = self._platform.room_named(call)
        key = self._platform.key_to(room, self.person)
        entered = await self._enter(room, key, "video")
        if entered.ok:
            return entered
        begun = time.monotonic()
        handle = await self._session.attach()
        there = await self._session.say(handle, {"request": "listparticipants", "room": room})
        await self._session.detach(handle)
        stay = Stay(room, key)
        for feed, _ in people_in(there.data, "participants"):
            watched = await self._watch(stay, feed)
            if watched.ok:
                self._stays[room] = stay
                return dataclasses.replace(watched, seconds=time.monotonic() - begun)
        return entered

    async def record(self, call: str, file: Path) -> str:
        """Ask the server to write what this device publishes into a file, as a publisher may. Returns what it said against it."""
        stay = self._stays.get(self._platform.room_named(call))
        if stay is None or not stay.handle:
            raise CouldNotSee("The device that asks is in no such room.")
        body = {"request": "configure", "record": True, "filename": str(file)}
        return (await self._session.say(stay.handle, body)).error

    def watches(self) -> tuple[RoomId, RoomId]:
        """The room that this device is in and somebody whom it watches there."""
        for room, stay in self._stays.items():
            for feed in stay.watching:
                return room, feed
        raise CouldNotSee("The device watches nobody.")

    async def leave(self, call: str) -> Answer:
        was_in = await self._quit(self._platform.room_named(call))
        return Answer(was_in, "" if was_in else "this device is in no such room", call)

    def received(self, media: Media | None = None) -> Received:
        return self._heard.received(media)

    def addresses(self) -> tuple[str, ...]:
        """Those that this device was told of and that another person's device really has."""
        gathered = self._platform.gathered
        theirs = {place for person, places in gathered.items() if person != self.person for place in places}
        return tuple(sorted({host for host, port in self._known & theirs}))

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._session.close()
        for stay in self._stays.values():
            await self._hang_up(stay)
        self._stays.clear()


class Ear(asyncio.DatagramProtocol):
    """A UDP port on loopback that takes plain RTP."""

    def __init__(self) -> None:
        self._came: asyncio.Queue[bytes] = asyncio.Queue()
        self._transport: asyncio.DatagramTransport | None = None

    def datagram_received(self, data: bytes, addr: object) -> None:
        self._came.put_nowait(data)

    async def open(self) -> int:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
        return int(self._transport.get_extra_info("sockname")[1])

    async def listen(self, packets: int, seconds: float) -> list[RtpPacket]:
        """The first so many that come within that time."""
        came: list[RtpPacket] = []
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while len(came) < packets:
                    with contextlib.suppress(ValueError):
                        came.append(RtpPacket.parse(await self._came.get()))
        return came

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


class Janus:
    """The platform: one Janus on loopback, and the smallest application beside it."""

    def __init__(self, *, guarded: bool = False) -> None:
        self.guarded = guarded
        name = "Janus VideoRoom, its own guards on" if guarded else "Janus VideoRoom, as it comes"
        self._inspected = Inspected(name, "", "", {})
        self._admin_key = secrets.token_hex(16)
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._program: Program | None = None
        self._http: aiohttp.ClientSession | None = None
        self._desk: Session | None = None  # the application's own
        self._handle = 0
        self._guests: list[Guest] = []
        self._rooms: list[Room] = []
        self._shown: dict[str, str] = {}  # by person: the display name in a room
        self.gathered: dict[str, set[tuple[str, int]]] = {}

    @property
    def inspected(self) -> Inspected:
        return self._inspected

    # -- up and down ----------------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        janus, plugin, transport = programs()
        port = free_port()
        address = f"ws://127.0.0.1:{port}"
        self._folder = tempfile.TemporaryDirectory(prefix="ringfence-janus-")
        folder = Path(self._folder.name)
        lay_out(folder, port, plugin, transport, self._admin_key if self.guarded else "")
        self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None, sock_connect=TIME_OUT))
        flags = ("--config", str(folder / "janus.jcfg"), "--configs-folder", str(folder), "--disable-colors")
        self._program = Program((janus, *flags, "--log-stdout"), folder)
        try:
            await self._program.start(lambda: self._is_up(address), seconds=30)
            self._desk = Session(self._http, address)
            await self._desk.open()
            self._handle = await self._desk.attach()
        except BaseException:
            await self.close()
            raise
        self._inspected = dataclasses.replace(
            self._inspected,
            version=self._desk.version,
            address=address,
            settings=settings(self.guarded),
        )

    async def _is_up(self, address: str) -> bool:
        assert self._http is not None
        with contextlib.suppress(aiohttp.ClientError, OSError):
            async with self._http.ws_connect(address, protocols=["janus-protocol"]):
                return True
        return False

    async def close(self) -> None:
        try:
            await asyncio.gather(*(one.close() for one in self._guests), return_exceptions=True)
            if self._desk is not None:
                await self._desk.close()
            if self._http is not None:
                await self._http.close()
        finally:
            if self._program is not None:
                await self._program.stop()
            if self._folder is not None:
                self._folder.cleanup()
            self._guests, self._desk, self._http, self._program, self._folder = [], None, None, None, None

    async def _do(self, body: Mapping[str, Any]) -> Told:
        """What the application asks for itself."""
        if self._desk is None:
            raise CouldNotSee("Janus is not running.")
        return await self._desk.say(self._handle, body)

    # -- what the application remembers ---------------------------------------------------------------------------------------

    def shown_as(self, person: str) -> str:
        return self._shown[person]

    def person_shown_as(self, display: str) -> str:
        return next((person for person, shown in self._shown.items() if shown == display), display)

    def rooms_of(self, person: str) -> list[Room]:
        """Whose number this person's device was given. A number once given cannot be taken back."""
        return [room for room in self._rooms if person in room.people]

    def room_of(self, person: str, other: str) -> Room | None:
        """The newest room of the two."""
        both = {person, other}
        return next((room for room in reversed(self._rooms) if set(room.people) == both), None)

    def room_named(self, call: str) -> RoomId:
        return call if self.guarded or not call.isdecimal() else int(call)

    def key_to(self, room: RoomId, person: str) -> dict[str, str]:
        """What this person has for getting into this room; who was given nothing guesses."""
        one = next((one for one in self._rooms if one.id == room and person in one.people), None)
        return one.key_of(person) if one else {"pin": GUESS, "token": GUESS}

    def _person(self, name: str) -> str:
        """With its guards on, a room shows nobody's name: ids are random and the application keeps the names."""
        person = uuid.uuid4().hex if self.guarded else name
        self._shown[person] = person
        self.gathered[person] = set()
        return person

    # -- the verbs ------------------------------------------------------------------------------------------------------------

    async def family(self, name: str) -> Family:
        return Family(child=self._person(name), guardian=self._person(f"Guardian of {name}"))

    async def stranger(self, name: str) -> str:
        return self._person(name)

    async def device(self, person: str) -> Guest:
        if self._http is None:
            raise CouldNotSee("Janus is not running.")
        session = Session(self._http, self._inspected.address)
        await session.open()
        made = Guest(self, session, person)
        self._guests.append(made)
        return made

    async def approve(self, a: Family, b: Family) -> Answer:
        """The application has a room made for the two children and gives their devices what lets them in."""
        begun = time.monotonic()
        people = (a.child, b.child)
        body: dict[str, Any] = {"request": "create"}
        room = Room(0, people)
        if self.guarded:
            tokens = {person: secrets.token_hex(16) for person in people}
            room = Room(uuid.uuid4().hex, people, secrets.token_hex(16), secrets.token_hex(8), tokens)
            body |= {
                "admin_key": self._admin_key,
                "room": room.id,
                "secret": room.secret,
                "pin": room.pin,
                "allowed": list(tokens.values()),
                **GUARDS,
            }
        made = await self._do(body)
        if made.error:
            return Answer(False, made.error)
        room.id = made.data["room"]
        self._rooms.append(room)
        return Answer(True, seconds=time.monotonic() - begun)

    async def revoke(self, family: Family, other: Family) -> Answer:
        """As VideoRoom's documentation says: off the list of those who may come in, where there is one, then kicked, both."""
        begun = time.monotonic()
        room = self.room_of(family.child, other.child)
        if room is None:
            return Answer(False, "these two have no room")
        keys = {"room": room.id, **({"secret": room.secret} if room.secret else {})}
        if room.tokens:
            removed = await self._do(
                {"request": "allowed", "action": "remove", "allowed": list(room.tokens.values()), **keys}
            )
            if removed.error:
                return Answer(False, removed.error)
        there = await self._do({"request": "listparticipants", "room": room.id})
        for one, _ in people_in(there.data, "participants"):
            kicked = await self._do({"request": "kick", "id": one, **keys})
            if kicked.error:
                return Answer(False, kicked.error)
        return Answer(True, seconds=time.monotonic() - begun)

    async def find(self, by: Device, name: str) -> tuple[str, ...]:
        """``list``, then ``listparticipants`` of each room that was listed: asked with no key at all, as anybody can."""
        if self._http is None:
            raise CouldNotSee("Janus is not running.")
        session = Session(self._http, self._inspected.address)
        try:
            await session.open()
            handle = await session.attach()
            rooms = (await session.say(handle, {"request": "list"})).data.get("list", [])
            found: list[str] = []
            for room in rooms:
                body = {"request": "listparticipants", "room": room.get("room")}
                found += [display for _, display in people_in((await session.say(handle, body)).data, "participants")]
        finally:
            await session.close()
        known = (
            {self.shown_as(one) for room in self.rooms_of(by.person) for one in room.people}
            if isinstance(by, Guest)
            else set()
        )
        return tuple(self.person_shown_as(one) for one in found if one not in known)

    async def claim(self, person: str) -> tuple[Answer, Device | None]:
        """Go into that person's room by its number, under the name that they have there, and with a guess."""
        impostor = await self.stranger(f"Stranger {len(self._shown)}")
        device = await self.device(impostor)
        self._shown[impostor] = self.shown_as(person)
        rooms = self.rooms_of(person)
        if not rooms:
            raise CouldNotSee("This person has no room.")
        entered = await device.join(str(rooms[-1].id))
        if not entered.ok:
            await device.close()
            return entered, None
        device.posing_in = str(rooms[-1].id)
        return entered, device

    async def carrier_reads(self, receiver: Device) -> tuple[bool, str]:
        """``rtp_forward``: who runs the server has it hand a publisher's sound on without any seal, and listens."""
        if not isinstance(receiver, Guest):
            raise CouldNotSee("That is no device of this platform.")
        number, feed = receiver.watches()
        room = next(one for one in self._rooms if one.id == number)
        ear = Ear()
        port = await ear.open()
        body: dict[str, Any] = {"request": "rtp_forward", "room": number, "publisher_id": feed, "host": "127.0.0.1"}
        body["streams"] = [{"mid": "0", "port": port}]
        keys = {"secret": room.secret, "admin_key": self._admin_key} if self.guarded else {}
        try:
            said = await self._do({**body, **keys})
            if said.error:
                raise CouldNotSee(f"Who runs the server could not ask it to hand media on ({said.error}).")
            came = await ear.listen(packets=100, seconds=5.0)
        finally:
            ear.close()
        heard = hum(came)
        return heard > HEARD, (
            f"Who runs the server asked it ({'rtp_forward, with their key' if self.guarded else 'rtp_forward, which asks for no key'}) "
            f"to hand a child's sound on, and decoded the {len(came)} packets that came: "
            f"the child's hum was {heard:.0%} of it."
        )

    async def record(self, by: Device, call: str) -> Answer:
        """``configure`` with ``record``. Ok only when a file is really written: a room that is locked takes it and does not."""
        if not isinstance(by, Guest) or self._folder is None:
            raise CouldNotSee("That is no device of this platform.")
        kept = Path(self._folder.name) / "kept"
        kept.mkdir(exist_ok=True)
        refused = await by.record(call, kept / uuid.uuid4().hex)
        begun, found = time.monotonic(), False
        while not found and time.monotonic() - begun < 3:
            found = any(one.stat().st_size for one in kept.iterdir())
            await asyncio.sleep(0.1)
        return Answer(
            found, "" if found else refused or "it was taken, and nothing was written", call, time.monotonic() - begun
        )

    async def audit(self, family: Family, since: int) -> tuple[AuditRow, ...]:
        """It keeps no record that a family could see."""
        return ()


# -- the program and its settings -------------------------------------------------------------------------------------------

#: What a room has for keeping people out and apart, besides its own secret, pin and tokens.
GUARDS: Final[Mapping[str, Any]] = {
    "is_private": True,
    "require_pvtid": True,
    "lock_record": True,
    "publishers": 2,
}


def programs(path: str | None = None) -> tuple[str, Path, Path]:
    """The program, the VideoRoom plugin and the WebSocket transport, as they are installed. ``path``: where to look, else PATH."""
    janus = shutil.which("janus", path=path)
    plugin = glob.glob("/usr/lib/*/janus/plugins/libjanus_videoroom.so*")
    transport = glob.glob("/usr/lib/*/janus/transports/libjanus_websockets.so*")
    if janus is None or not plugin or not transport:
        raise DidNotStart(f"Janus with its VideoRoom plugin is not installed. {INSTALL}")
    return janus, Path(plugin[0]), Path(transport[0])


def lay_out(folder: Path, port: int, plugin: Path, transport: Path, admin_key: str) -> None:
    """The private folder that it runs from: its settings, and of its modules only the two that are needed."""
    for name, module in (("plugins", plugin), ("transports", transport)):
        (folder / name).mkdir()
        (folder / name / module.name.split(".so")[0]).with_suffix(".so").symlink_to(module)
    for name in ("events", "loggers"):
        (folder / name).mkdir()
    folders = "\n".join(
        f'\t{name}_folder = "{folder / name}"' for name in ("plugins", "transports", "events", "loggers")
    )
    core = f'general: {{\n\tconfigs_folder = "{folder}"\n{folders}\n\tdebug_level = 3\n}}\n'
    (folder / "janus.jcfg").write_text(core)
    web = (
        f'general: {{\n\tws = true\n\tws_port = {port}\n\tws_ip = "127.0.0.1"\n}}\nadmin: {{\n\tadmin_ws = false\n}}\n'
    )
    (folder / "janus.transport.websockets.jcfg").write_text(web)
    own = folder / "janus.plugin.videoroom.jcfg"
    if admin_key:
        own.write_text(
            f'general: {{\n\tadmin_key = "{admin_key}"\n\tlock_rtp_forward = true\n\tstring_ids = true\n}}\n'
        )
    else:
        shutil.copyfile(SHIPPED, own)


def settings(guarded: bool) -> dict[str, str]:
    """Exactly how it was run."""
    told = {
        "package": "janus from Debian; VideoRoom plugin and WebSocket transport only, on loopback, a free port",
        "Admin API": "off (the default)",
        "ICE": "no STUN or TURN server: all devices are on one machine; everything else of the core by default",
    }
    if not guarded:
        return told | {
            "plugin": "janus.plugin.videoroom.jcfg as shipped",
            "room": "made by create with no argument: no pin, no secret, no tokens, listed",
            "names": "display names are people's own",
            "taking back": "kick",
        }
    return told | {
        "plugin": "admin_key set, lock_rtp_forward = true, string_ids = true; no demo rooms",
        "room": "random id, secret, pin, allowed (a random token for each of the two)",
        "room, more": ", ".join(f"{name} = {str(value).lower()}" for name, value in GUARDS.items()),
        "names": "no display names; the application keeps who is who",
        "taking back": "allowed remove (both tokens), then kick",
    }
