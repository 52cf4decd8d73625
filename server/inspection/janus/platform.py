"""The platform: one Janus on loopback, the smallest application beside it, and the verbs of ``adapter.py``."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import secrets
import tempfile
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp
from aiortc.rtp import RtpPacket

from server.inspection.adapter import Answer, CouldNotSee, Device, Family
from server.inspection.carried import HEARD, hum
from server.inspection.findings import AuditRow, Inspected
from server.inspection.janus.guest import GUESS, Guest, Room
from server.inspection.janus.program import GUARDS, lay_out, programs, settings
from server.inspection.janus.wire import TIME_OUT, RoomId, Session, Told, people_in
from server.inspection.programs import Program, free_port


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
