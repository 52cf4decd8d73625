"""A small street for tests of signalling: an authority made of a set of approved pairs, a gate made of a set of lanes, and a
phone that speaks the wire over a real WebSocket.

The fakes keep the promises of the Protocols and nothing else. They record what they were asked and what they did, in one
list, so that a test can say "the gate was shut before anybody was told, and the record was written last".
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from contextlib import asynccontextmanager
from itertools import combinations
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from signalling.authority import NO_END, Circle, Mark, Permit, Refusal, Seat, Standing
from signalling.call import Call
from signalling.gate import Connected, GateUnavailable, Lost, Offer, SdpRejected, Slot
from signalling.hub import Hub, Session
from signalling.pace import HubLimits
from signalling.protocol import SUBPROTOCOL, SealReady
from signalling.ws import serve_socket

ORIGIN = "http://family.localhost"
QUICK = HubLimits(
    ring_seconds=5.0,
    resume_seconds=5.0,
    ask_seconds=1.0,
    record_pause_seconds=0.02,
    invites=((1000, 60.0),),
    invites_to_one=((1000, 60.0),),
)
"""Limits for tests: nothing runs out by itself, and one may ring as often as a test likes."""


def ref(viewer: str, other: str) -> str:
    return f"k_{viewer}_knows_{other}"


class House:
    """The authority: people, who may reach whom with what, and what it was asked."""

    def __init__(self, *friends: tuple[str, str], media: Iterable[str] = ("audio", "video")) -> None:
        self.lanes = {(p, v, k) for a, b in friends for p, v in ((a, b), (b, a)) for k in media}
        self.log: list[tuple[Any, ...]] = []
        self.tickets: dict[str, Seat] = {}
        self.signed_out: set[str] = set()
        self.breaks: set[str] = set()  # questions that raise
        self.hangs: set[str] = set()  # questions that never come back
        self.slow: dict[str, asyncio.Event] = {}  # questions that wait for an event
        self.people_in: dict[str, tuple[str, ...]] = {}
        self.must_leave: dict[str, str] = {}
        self.until = NO_END  # what the clock alone will change, in every answer about a call
        self.circle_again_ms: int | None = None
        self.calls = 0
        self.marks: dict[tuple[str, str, str], Mark] = {}  # (call, sender, recipient)

    def ticket(self, person: str, session: str = "") -> str:
        ticket = f"ticket-{person}-{len(self.tickets):08d}"
        self.tickets[ticket] = Seat(person, session or f"session-of-{person}")
        return ticket

    def part(self, a: str, b: str) -> None:
        """The contact between these two is no more."""
        self.lanes = {lane for lane in self.lanes if {lane[0], lane[1]} != {a, b}}

    def among(self, people: Iterable[str]) -> frozenset[Any]:
        there = set(people)
        return frozenset(lane for lane in self.lanes if lane[0] in there and lane[1] in there)

    def all_know(self, people: Iterable[str]) -> bool:
        return all((a, b, "audio") in self.lanes and (b, a, "audio") in self.lanes for a, b in combinations(people, 2))

    async def _note(self, name: str, *what: Any) -> None:
        self.log.append((name, *what))
        if name in self.slow:
            await self.slow[name].wait()
        if name in self.hangs:
            await asyncio.Event().wait()
        if name in self.breaks:
            raise RuntimeError("the house is on fire")

    async def admit(self, ticket: str) -> Seat | Refusal:
        await self._note("admit")
        return self.tickets.pop(ticket, None) or Refusal("not_authenticated")

    async def readmit(self, seat: Seat) -> Seat | Refusal:
        await self._note("readmit", seat.person)
        return Refusal("session_revoked") if seat.session in self.signed_out else seat

    async def circle(self, person: str) -> Circle:
        await self._note("circle", person)
        others = {v for p, v, k in self.lanes if p == person}
        return Circle({o: ref(person, o) for o in others}, {o: ref(o, person) for o in others}, self.circle_again_ms)

    async def ring(self, caller: Seat, to: Sequence[str], media: Any) -> Permit | Refusal:
        known = {ref(p, v): v for p, v, k in self.lanes if p == caller.person}
        people = (caller.person, *(known[one] for one in to if one in known))
        allowed, lanes = self.all_know(people), self.among(people)
        await self._note("ring", caller.person, tuple(to))
        if len(people) <= len(to):
            return Refusal("not_found")
        if not allowed:
            return Refusal("not_permitted")
        self.calls += 1
        call = f"c_{self.calls:08d}"
        self.people_in[call] = people
        return self._permit(call, people, media, lanes)

    def _permit(self, call: str, people: tuple[str, ...], media: Any, lanes: frozenset[Any]) -> Permit:
        refs = {(a, b): ref(a, b) for a in people for b in people if a != b}
        seen = [(a, b) for a, b, kind in sorted(lanes) if kind == "video"]
        for n, (a, b) in enumerate(seen):
            self.marks.setdefault((call, a, b), Mark(len(self.marks) << 20 | 0xABC, n % 4))
        return Permit(call, people, refs, lanes, media, self.until, {pair: self.marks[call, *pair] for pair in seen})

    async def answer(self, call: str, answerer: Seat, present: Sequence[str]) -> Permit | Refusal:
        facts = self.among((answerer.person, *present))
        allowed = self.all_know((answerer.person, *present))
        await self._note("answer", answerer.person, tuple(present))
        if not allowed:
            return Refusal("contact_not_approved")
        return self._permit(call, (answerer.person, *present), "video", facts)

    async def publish(
        self, call: str, seat: Seat, present: Sequence[str], audio: bool, video: bool
    ) -> Permit | Refusal:
        wanted = {kind for kind, on in (("audio", audio), ("video", video)) if on}
        facts = frozenset(
            lane for lane in self.among((seat.person, *present)) if lane[0] == seat.person and lane[2] in wanted
        )
        await self._note("publish", seat.person, tuple(present), audio, video)
        if video and not any(lane[2] == "video" for lane in facts):
            return Refusal("not_permitted")
        return self._permit(call, (seat.person, *present), "video", facts)

    async def go_on(self, call: str, present: Sequence[str]) -> Standing:
        facts = self.among(present)
        leaving = [(p, self.must_leave[p]) for p in present if p in self.must_leave]
        strangers = {p for a, b in combinations(present, 2) for p in (a, b) if not self.all_know((a, b))}
        await self._note("go_on", tuple(present))
        leaving += [(p, "policy_revoked") for p in present if p in strangers and p not in self.must_leave]
        return Standing(facts, tuple(leaving), self.until)  # type: ignore[arg-type]  # codes are plain strings in tests

    async def go_on_many(self, calls: Sequence[tuple[str, Sequence[str]]]) -> Sequence[Standing]:
        await self._note("go_on_many", tuple(call for call, _ in calls))
        return [await self.go_on(call, present) for call, present in calls]

    async def came_in(self, call: str, person: str) -> None:
        await self._note("came_in", person)

    async def went_out(self, call: str, person: str, code: str) -> None:
        await self._note("went_out", person, code)

    async def marked(self, call: str, sender: str, recipient: str) -> None:
        await self._note("marked", sender, recipient)

    async def unmarked(self, call: str, sender: str, recipient: str | None, why: str) -> None:
        await self._note("unmarked", sender, recipient, why)

    async def ended(self, call: str, code: str) -> None:
        await self._note("ended", call, code)

    def asked(self, name: str) -> list[tuple[Any, ...]]:
        return [one[1:] for one in self.log if one[0] == name]


class PaperGate:
    """A gate without packets. ``fit(peer)`` says what the real one says when somebody's media is up."""

    def __init__(self, log: list[tuple[Any, ...]]) -> None:
        self.log = log
        self.peers: dict[str, int] = {}
        self.table: set[tuple[str, str, Any]] = set()
        self.kids: dict[str, tuple[int, ...]] = {}
        self.once: dict[str, str] = {}
        self.full = False
        self.ever: set[str] = set()

    def offer(self, peer: str, *, slots: Sequence[str], picture: Any) -> Offer:
        if self.full:
            raise GateUnavailable("The gate is full.")
        assert peer not in self.peers
        self.peers[peer] = 1
        self.ever.add(peer)
        self.log.append(("gate offer", peer))
        laid = tuple(Slot(s, str(2 * n), str(2 * n + 1)) for n, s in enumerate(slots))
        self.once[peer] = str(2 * len(slots)) if picture == "once" else ""
        return Offer("v=0 offer", 1, laid, picture, self.once[peer])

    def offer_picture(self, peer: str, picture: Any) -> Offer:
        assert self.once[peer], "the gate never laid a section out to send once"
        self.peers[peer] += 1
        self.log.append(("gate picture", peer, picture))
        return Offer("v=0 other", self.peers[peer], (), picture, self.once[peer])

    def restart_ice(self, peer: str) -> Offer:
        self.peers[peer] += 1
        return Offer("v=0 again", self.peers[peer], ())

    def answer(self, peer: str, sdp: str, neg: int) -> None:
        if peer not in self.peers:
            raise KeyError(peer)
        if "m=application" in sdp:
            raise SdpRejected("data_channel", "No data channels.")

    def seal(self, peer: str, kids: Collection[int]) -> None:
        if peer not in self.peers:
            raise KeyError(peer)
        self.kids[peer] = tuple(kids)
        self.log.append(("gate seal", peer))

    def allow(self, publisher: str, viewer: str, kind: Any) -> None:
        if publisher not in self.peers or viewer not in self.peers:
            raise KeyError(publisher)
        assert publisher in self.kids, "opened before the publisher confirmed its keys"
        assert viewer in self.kids, "opened before the viewer confirmed its keys"
        self.table.add((publisher, viewer, kind))
        self.log.append(("gate allow", kind))

    def cut(self, *, publisher: str | None = None, viewer: str | None = None, kind: Any = None) -> int:
        gone = {
            lane
            for lane in self.table
            if publisher in (None, lane[0]) and viewer in (None, lane[1]) and kind in (None, lane[2])
        }
        self.table -= gone
        self.log.append(("gate cut", len(gone)))
        return len(gone)

    def remove(self, peer: str) -> None:
        self.table = {lane for lane in self.table if peer not in lane[:2]}
        self.peers.pop(peer, None)
        self.kids.pop(peer, None)
        self.log.append(("gate remove", peer))

    def who_sees_whom(self, among: Iterable[str] | None = None) -> frozenset[tuple[str, str, Any]]:
        wanted = None if among is None else set(among)
        return frozenset(lane for lane in self.table if wanted is None or lane[0] in wanted)


class Street:
    """A house, a gate and a hub behind a real server on a free port."""

    def __init__(self, house: House, limits: HubLimits, gate: Any = None) -> None:
        self.house = house
        self.gate = gate or PaperGate(house.log)
        self.hub = Hub(house, self.gate, limits=limits)
        self.phones: list[Phone] = []
        self.base = ""
        self.http: aiohttp.ClientSession

    async def phone(self, person: str, session: str = "") -> Phone:
        """Somebody's device, signed in and seated."""
        phone = await self.line(person)
        await phone.tell(t="hello", ticket=self.house.ticket(person, session))
        welcome = await phone.hear("welcome")
        phone.session, phone.token = welcome["session"], welcome["resume_token"]
        await phone.hear("presence")
        return phone

    async def line(self, person: str = "", **headers: str) -> Phone:
        """A socket that has not said who it is."""
        ws = await self.http.ws_connect(
            self.base, protocols=(SUBPROTOCOL,), headers={"Origin": ORIGIN, **headers}, max_msg_size=0
        )
        phone = Phone(person, ws, self)
        self.phones.append(phone)
        return phone

    def call(self, call: str) -> Call | None:
        live = self.hub._calls.get(call)
        return live.call if live else None

    def seeing(self) -> set[tuple[str, str, str]]:
        """The gate's table in people."""
        who = {peer: person for live in self.hub._calls.values() for person, peer in live.peers.items()}
        return {(who[p], who[v], k) for p, v, k in self.gate.who_sees_whom()}

    def connect(self, *people: str) -> None:
        """Their media is up."""
        for live in list(self.hub._calls.values()):
            for person in people:
                if person in live.placed:
                    self.hub.gate_event(Connected(live.peers[person]))

    def lose(self, person: str, why: str) -> None:
        for live in list(self.hub._calls.values()):
            if person in live.placed:
                self.hub.gate_event(Lost(live.peers[person], why))

    async def settled(self) -> None:
        """Until the hub has nothing left to write down."""
        while self.hub._tasks:
            await asyncio.wait(tuple(self.hub._tasks))


class Phone:
    """One socket. ``hear(t)`` skips to the next frame of that type; what was skipped stays in ``heard``."""

    def __init__(self, person: str, ws: aiohttp.ClientWebSocketResponse, street: Street) -> None:
        self.person, self.ws, self.street = person, ws, street
        self.heard: list[dict[str, Any]] = []
        self.session = self.token = ""
        self.last_seq = 0
        self.requests = 0

    def knows(self, other: str) -> str:
        return ref(self.person, other)

    async def tell(self, **message: Any) -> None:
        await self.ws.send_str(json.dumps(message))

    async def ask(self, t: str, **body: Any) -> dict[str, Any]:
        """Send a request and return its ok or err."""
        self.requests += 1
        request = f"r{self.requests}"
        await self.tell(t=t, id=request, **body)
        return await self.hear("ok", "err", re=request)

    async def seal(self, call: str, epoch: int = 0) -> dict[str, Any]:
        """Say that keys are confirmed: the ids of sound and picture in this epoch, under the index that this device was given."""
        state = next((m for m in reversed(self.heard) if m["t"] == "call.state" and m["call"] == call), None)
        if state is None:
            state = await self.hear("call.state", call=call)
        own = state["me"].get("index", 0) << 4 | epoch << 1
        return await self.ask("seal.ready", call=call, kids=[own, own | 1])

    async def frame(self) -> dict[str, Any]:
        received = await self.ws.receive(timeout=30)
        if received.type is not aiohttp.WSMsgType.TEXT:
            return {"t": "closed", "code": self.ws.close_code}
        message: dict[str, Any] = json.loads(received.data)
        self.last_seq = message.get("seq", self.last_seq)
        self.heard.append(message)
        return message

    async def hear(self, *kinds: str, **fields: Any) -> dict[str, Any]:
        while True:
            message = await self.frame()
            if message["t"] in kinds and all(message.get(k) == v for k, v in fields.items()):
                return message
            assert message["t"] != "closed", f"closed with {message['code']} while waiting for {kinds}"

    async def closed(self) -> int | None:
        """Until the server has closed; the code."""
        while (await self.frame())["t"] != "closed":
            pass
        return self.ws.close_code

    async def quiet(self) -> list[str]:
        """What has been said by now and was not heard yet: a request with a known answer comes back last."""
        start = len(self.heard)
        await self.ask("call.leave", call="c_nowhere1")
        return [m["t"] for m in self.heard[start:-1]]

    async def hang_up(self) -> None:
        """Lose the socket, as a lift or a tunnel does."""
        transport = self.ws._response.connection
        assert transport is not None
        assert transport.transport is not None
        transport.transport.abort()
        hub = self.street.hub
        session = hub._sessions.get(self.session)
        for _ in range(200):
            if session is None or session.socket is None:
                return
            await asyncio.sleep(0.01)


@asynccontextmanager
async def street(house: House, limits: HubLimits = QUICK, gate: Any = None) -> AsyncIterator[Street]:
    """``gate``: a real one, whose events the caller gives to the hub; without it, one of paper."""
    here = Street(house, limits, gate)
    app = web.Application()

    async def ws(request: web.Request) -> web.StreamResponse:
        return await serve_socket(request, here.hub, {ORIGIN})

    app.router.add_get("/ws", ws)
    server = TestServer(app, host="127.0.0.1")
    await server.start_server()
    here.base = str(server.make_url("/ws"))
    here.http = aiohttp.ClientSession()
    try:
        yield here
    finally:
        for phone in here.phones:
            await phone.ws.close()
        await here.http.close()
        house.hangs.clear()
        for event in house.slow.values():
            event.set()
        await here.hub.close()
        await server.close()


def be_ready(hub: Hub, session: Session, call: str, request: str = "ready") -> None:
    """Without a wire: this device says that its keys are confirmed, under the index that it has in the call."""
    live = hub._calls.get(call)
    leg = live.call.leg(session.seat.person) if live else None
    own = live.call.index(leg.person) << 4 if live and leg else 0
    hub.seal_ready(session, SealReady(id=request, call=call, kids=[own, own | 1]))


async def in_a_call(here: Street, *people: str, media: str = "video") -> tuple[str, list[Phone]]:
    """The first rings the rest, all answer, everybody confirms their keys, everybody's media comes up."""
    phones = [await here.phone(person) for person in people]
    caller, *callees = phones
    ok = await caller.ask("call.invite", to=[caller.knows(c.person) for c in callees], media=media)
    assert ok["t"] == "ok", ok
    for callee in callees:
        incoming = await callee.hear("call.incoming")
        answer = await callee.ask("call.accept", call=ok["call"], nonce=incoming["nonce"])
        assert answer["t"] == "ok", answer
    for phone in phones:
        sealed = await phone.seal(ok["call"])
        assert sealed["t"] == "ok", sealed
    here.connect(*people)
    return ok["call"], phones
