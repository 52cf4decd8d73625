"""Live calls on real rows: the real hub, the real ``Calls`` on SQLite, the real follower of notices, and a gate of paper.

Maya talks to Theo, and Kit to Zoe, whom nothing concerns that happens to the first two. What the gate did and what anybody was told
stands in one list, ``log``, in the order in which it happened. The clock of the house is moved by hand (``village.now``);
the hub's own timers are real ones, so a test that moves the clock to an end also waits for the few milliseconds of the timer.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from server import notices, policy
from server.clock import Clock
from server.gatekeeper import Gatekeeper
from server.notices import Follower
from server.policy import Rulebook
from server.policy.bands import texts
from signalling import protocol
from signalling.gate import Connected
from signalling.hub import Hub, Session
from signalling.protocol import Code
from tests.street import QUICK, PaperGate, be_ready
from tests.village import Village, five_families, village

PACKAGE = Path(policy.__file__).parent
PATIENCE = 30.0  # seconds; far more than anything here takes, and never measured
DAY = 24 * 3_600_000


def book(*, more: str = "", bands: tuple[str, str] = ("", ""), **packs: str) -> Rulebook:
    """The rulebook of this package with something changed: ``more`` rules, one replacement in bands.toml, more in a country pack."""
    base, countries = texts()
    assert bands[0] in base
    return Rulebook(
        (PACKAGE / "safe_account.cedar").read_text("utf-8") + more,
        (PACKAGE / "safe_account.cedarschema").read_text("utf-8"),
        base.replace(*bands) if bands[0] else base,
        {name: text + packs.get(name.removesuffix(".toml"), "") for name, text in countries.items()},
    )


class Ear:
    """One person's socket. What it is told is read at once."""

    def __init__(self, person: str, log: list[tuple[Any, ...]]) -> None:
        self.person, self.log = person, log
        self.heard: list[dict[str, Any]] = []
        self.closed: Code | None = None

    def send(self, frame: bytes) -> None:
        message = json.loads(frame)
        self.heard.append(message)
        self.log.append(("told", self.person, message["t"]))

    def close(self, code: Code | None) -> None:
        self.closed = code
        self.log.append(("closed", self.person, code))

    def last(self, kind: str) -> dict[str, Any] | None:
        return next((message for message in reversed(self.heard) if message["t"] == kind), None)

    def all(self, kind: str) -> list[dict[str, Any]]:
        return [message for message in self.heard if message["t"] == kind]


@dataclass
class Living:
    village: Village
    hub: Hub
    gate: PaperGate
    follower: Follower
    clock: Clock
    log: list[tuple[Any, ...]]
    ears: dict[str, Ear] = field(default_factory=dict)
    sessions: dict[str, Session] = field(default_factory=dict)

    async def come(self, person: str) -> Ear:
        """Somebody's device connects."""
        there = self.village
        ticket = await there.calls.make_ticket(there.signed_in(person), there.now)
        assert isinstance(ticket, str)
        ear = self.ears[person] = Ear(person, self.log)
        session = await self.hub.hello(ear, protocol.Hello(ticket=ticket))
        assert isinstance(session, Session), session
        self.sessions[person] = session
        return ear

    async def ring(self, caller: str, *callees: str) -> str:
        refs = [await self.village.ref(caller, callee) for callee in callees]
        asked = self.hub.invite(self.sessions[caller], protocol.Invite(id="ring", to=refs, media="video"))
        assert asked is not None
        await asked
        answer = self.ears[caller].heard[-1] if self.ears[caller].last("err") else self.ears[caller].last("ok")
        assert answer is not None
        assert answer["t"] == "ok", answer
        return str(answer["call"])

    async def answer(self, callee: str, call: str) -> None:
        ring = self.ears[callee].last("call.incoming")
        assert ring is not None
        said = self.hub.accept(self.sessions[callee], protocol.Accept(id="yes", call=call, nonce=ring["nonce"]))
        assert said is not None
        await said

    async def show(self, person: str, call: str) -> None:
        """Open the camera."""
        asked = self.hub.media(self.sessions[person], protocol.SetMedia(id="cam", call=call, audio=True, video=True))
        assert asked is not None
        await asked

    async def call(self, caller: str, *callees: str) -> str:
        """Rung, answered, keys confirmed, everybody's media up, every camera open."""
        for person in (caller, *callees):
            if person not in self.sessions:
                await self.come(person)
        call = await self.ring(caller, *callees)
        for callee in callees:
            await self.answer(callee, call)
        live = self.hub._calls[call]
        for person in (caller, *callees):
            be_ready(self.hub, self.sessions[person], call)
            self.hub.gate_event(Connected(live.peers[person]))
            await self.show(person, call)
        await self.settled()
        assert len(self.seeing(call)) == 2 * len(callees) * (len(callees) + 1)
        return call

    def seeing(self, call: str) -> set[tuple[str, str, str]]:
        """What is open in the gate for this call, in people; nothing when it is over."""
        live = self.hub._calls.get(call)
        if live is None:
            return set()
        who = {peer: person for person, peer in live.peers.items()}
        return {(who[p], who[v], k) for p, v, k in self.gate.table if p in who}

    async def settled(self) -> None:
        """Until the hub has nothing left to do at once."""
        while self.hub._tasks:
            await asyncio.wait(tuple(self.hub._tasks))

    async def changed(self, *people: str) -> None:
        """What every service does in the transaction of a change, and what follows it."""
        async with self.village.db.begin() as tx:
            await notices.post(tx, "facts_changed", people, now=self.village.now)
        await self.follower.catch_up()
        await self.settled()

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait for it."""
        async with asyncio.timeout(PATIENCE):
            while not true():
                await asyncio.sleep(0.005)
        await self.settled()

    def code(self, person: str) -> tuple[str, bool] | None:
        """With which code the call ended for them, and whether by somebody whom they know; None while it goes on."""
        ended = self.ears[person].last("call.ended")
        return None if ended is None else (ended["code"], bool(ended.get("by")))

    def cut_before_told(self, people: Collection[str], since: int) -> bool:
        """Whether the gate had let go of everybody in this call before any of them was told of the end."""
        after = self.log[since:]
        shut = [at for at, what in enumerate(after) if what[0] in ("gate cut", "gate remove")]
        told = [
            at for at, what in enumerate(after) if what[0] == "told" and what[1] in people and what[2] == "call.ended"
        ]
        return bool(shut) and bool(told) and max(shut) < min(told)


async def six_families(there: Village) -> None:
    await five_families(there)
    await there.family("lena", "zoe")
    await there.contact("kit", "zoe")


@asynccontextmanager
async def living(folder: Path, keeper: Gatekeeper | None = None) -> AsyncIterator[Living]:
    async with village(folder, six_families, keeper) as there:
        log: list[tuple[Any, ...]] = []
        gate = PaperGate(log)
        hub = Hub(there.calls, gate, limits=replace(QUICK, ask_seconds=PATIENCE, ring_seconds=60.0))
        clock = Clock(wall=lambda: there.now, steady=lambda: there.now)
        here = Living(there, hub, gate, Follower(there.db, hub, clock), clock, log)
        try:
            yield here
        finally:
            await hub.close()
