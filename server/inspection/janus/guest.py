"""One person's device, and the rooms that it goes into."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from aiortc import RTCSessionDescription

from server.inspection.adapter import Answer, CouldNotSee, Media, NoSuchThing, Received, Ring
from server.inspection.janus.wire import RoomId, Session, Told, people_in
from server.inspection.plain_peer import Connection, Heard, places_in

if TYPE_CHECKING:
    from server.inspection.janus.platform import Janus

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
