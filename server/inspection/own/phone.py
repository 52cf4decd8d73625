"""The device of ``adapter.py``: it rings, answers, joins, leaves and receives over a connected ``Line``, and tries what it may not."""

from __future__ import annotations

import asyncio
import contextlib
import re
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from server.inspection.adapter import Answer, CouldNotSee, Media, Received, Ring
from server.inspection.own.answers import NOES, told_no
from server.inspection.own.line import Line

if TYPE_CHECKING:
    from server.inspection.own.ringfence import Ringfence

#: Names under which a message could say who sends it.
SENDER_FIELDS: Final = ("from", "sender", "caller", "user", "as", "me")


@dataclass(eq=False)
class Phone:
    """The device of ``adapter.py``: a connected ``Line``."""

    platform: Ringfence
    person: str
    line: Line
    _rung: int = -1
    _media: dict[str, Media] = field(default_factory=dict)
    _helpers: list[asyncio.Task[None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._rung = len(self.line.seen)
        self._before = {kind: (self.line.packets[kind], self.line.lit[kind]) for kind in ("audio", "video")}

    async def ring(self, *others: str, media: Media = "video") -> Answer:
        began = time.monotonic()
        code = ""
        for to in self._tries(others):
            said = await self.line.ask(t="call.invite", to=to, media=media)
            code = told_no(said)
            if not code:
                call = str(said["call"])
                self._open_camera(call, media)
                return Answer(True, "", call, time.monotonic() - began)
        return Answer(False, code, "", time.monotonic() - began)

    def _tries(self, others: Sequence[str]) -> list[list[str]]:
        """By what this device knows; for whom it does not know, by what others know them, and by their id."""
        known = [self.platform.refs.get((self.person, other)) for other in others]
        if None not in known:
            return [[ref for ref in known if ref]]
        stolen = [ref or self._somebodys(other) for ref, other in zip(known, others, strict=True)]
        by_id = [ref or f"k_{self._id(other)}"[:40] for ref, other in zip(known, others, strict=True)]
        return [by_id] if "" in stolen else [stolen, by_id]

    def _somebodys(self, other: str) -> str:
        """The ref under which somebody else knows this person; "" if nobody does."""
        return next((ref for (_, whom), ref in self.platform.refs.items() if whom == other), "")

    def _id(self, other: str) -> str:
        home = self.platform.homes.get(other)
        return home.child_id if home else "0123456789abcdef"

    async def speak_as(self, field: str, name: str, to: Sequence[str]) -> Answer | None:
        """Ring somebody's friends with a message that says that it is from them. None: it was refused."""
        mark = len(self.line.seen)
        await self.line.send(t="call.invite", id="claims", to=list(to[:1]), media="audio", **{field: name})
        said = await self.line.expect("ok", "err", "bye", "closed", since=mark)
        if said["t"] == "ok":  # and goes on ringing
            return Answer(True, f"a message with {field!r} in it", str(said.get("call", "")))
        await self.line.hang_up()
        if said["t"] != "closed" and said.get("code") not in NOES:
            raise CouldNotSee("The server gave an answer that is none of its documented ones.")
        return None

    async def wait_for_ring(self, seconds: float) -> Ring | None:
        def wanted(message: Mapping[str, Any]) -> bool:
            return message["t"] in ("call.incoming", "closed")

        try:
            heard = await self.line.until(wanted, since=self._rung, seconds=seconds)
        except TimeoutError:
            return None
        if heard["t"] == "closed":
            raise CouldNotSee("The connection was lost, so whether anybody rang cannot be told.")
        self._rung = len(self.line.seen)
        self._media[str(heard["call"])] = "video" if heard.get("media") == "video" else "audio"
        caller = next(
            (
                whom
                for (viewer, whom), ref in self.platform.refs.items()
                if viewer == self.person and ref == heard["caller"]
            ),
            "",
        )
        return Ring(str(heard["call"]), caller, str(heard["nonce"]))

    async def answer(self, ring: Ring) -> Answer:
        began = time.monotonic()
        code = told_no(
            await self.line.ask(t="call.accept", call=ring.call, nonce=ring.secret or secrets.token_urlsafe(24))
        )
        if not code:
            self._open_camera(ring.call, self._media.get(ring.call, "video"))
        return Answer(not code, code, ring.call, time.monotonic() - began)

    async def join(self, call: str) -> Answer:
        """Each message that could bring somebody into a call, with what can be made up."""
        began = time.monotonic()
        codes = [
            told_no(await self.line.ask(**message))
            for message in (
                {"t": "call.accept", "call": call, "nonce": secrets.token_urlsafe(24)},
                {"t": "call.media", "call": call, "audio": True, "video": True},
                {"t": "ice.restart", "call": call},
                {"t": "sdp.answer", "call": call, "neg": 1, "sdp": "v=0\r\n"},
                {"t": "seal.ready", "call": call, "kids": [48, 49]},
            )
        ]
        rosters, found = await self.line.try_get(f"/api/calls/{call}/rosters")
        ok = "" in codes or bool(not rosters and found)
        return Answer(ok, "" if ok else codes[0], call, time.monotonic() - began)

    async def leave(self, call: str) -> Answer:
        code = told_no(await self.line.ask(t="call.leave", call=call))
        return Answer(not code, code, call)

    def _open_camera(self, call: str, media: Media) -> None:
        """As soon as the call is there, as somebody presses the button."""
        if media == "video":
            self._helpers.append(asyncio.create_task(self._press_camera(call)))

    async def _press_camera(self, call: str) -> None:
        def there(message: Mapping[str, Any]) -> bool:
            active = message["t"] == "call.state" and message["state"] == "active"
            return (active or message["t"] == "call.ended") and bool(message["call"] == call)

        with contextlib.suppress(TimeoutError):
            told = await self.line.until(there, seconds=30)
            if told["t"] == "call.state":
                await self.line.ask(t="call.media", call=call, audio=True, video=True)

    def received(self, media: Media | None = None) -> Received:
        """Since it was taken in hand: the same line may have been in an earlier story."""
        kinds = [media] if media else ["audio", "video"]
        return Received(
            sum(self.line.packets[kind] - self._before[kind][0] for kind in kinds),
            sum(self.line.lit[kind] - self._before[kind][1] for kind in kinds),
            max(self.line.last_packet[kind] for kind in kinds),
        )

    def addresses(self) -> tuple[str, ...]:
        """Where other people's devices are, if anything that this one was told says so: the address that a family has here, or
        an address and port at which a device listens for media."""
        told = self.line.was_told()
        found = set()
        for other in self.platform.lines:
            if other is self.line or other.home == self.line.home is not None:
                continue
            if other.home and other.home != self.line.home and stands_in(other.home, told):
                found.add(other.home)
            for host, port in _listens_at(other):
                if re.search(rf"(?<![\d.]){re.escape(host)}\D{{1,3}}{port}(?!\d)", told):
                    found.add(f"{host}:{port}")
        return tuple(sorted(found))

    async def close(self) -> None:
        for task in self._helpers:
            task.cancel()
        await self.line.hang_up()


def _listens_at(line: Line) -> list[tuple[str, int]]:
    """Where this device's own media socket is."""
    if line.pc is None or line.pc.localDescription is None:
        return []
    return [
        (host, int(port))
        for host, port in re.findall(r"candidate:\S+ \d \S+ \d+ (\S+) (\d+) typ", line.pc.localDescription.sdp)
    ]


def stands_in(sign: str, text: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(sign)}(?![\w-])", text) is not None
