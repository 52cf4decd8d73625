"""Revoke, join, resume and crash, in every order that chance finds: a thousand different ones.

The real hub, the real ``Calls`` on real rows, the real outbox and its follower; only the gate is of paper, so that its table can
be read. Every question of the hub to the house stops twice: before its facts are read, and before its answer is given back. A
scheduler with a seed decides what goes on next, so an answer that was read before a revocation may arrive after it, a crash may
fall between a commit and its cut, and a socket may come back while all of this is under way. The same seed is the same order.

What must hold, whatever the order:

- once the revocation has been followed, nothing is open in the gate that the model (``tests/model.py``) forbids;
- a call that has ended never lives again, neither in the hub nor in the records;
- the nonce of a ring is good once, and the resume token of a lost socket too;
- after a crash nothing is open, no call is alive, and no old nonce or token opens anything.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import random
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from server import notices
from server.calls import Calls
from server.db.session import rows
from server.notices import Follower
from signalling import protocol
from signalling.authority import Refusal, Seat
from signalling.gate import Connected
from signalling.hub import Hub, Session
from signalling.ws import HANDLERS
from tests import model
from tests.model import Agreement, Home, Someone, World
from tests.street import QUICK, PaperGate, be_ready
from tests.village import YEAR, Village, village

SHM = "/dev/shm"
#: No question is given up because this machine is busy: orders come from the dice alone.
PATIENT = dataclasses.replace(QUICK, ask_seconds=60.0, ring_seconds=60.0, resume_seconds=60.0)
PEOPLE = ("maya", "theo", "gran")

#: What is revoked: two who may not be together any more, or one who may be with nobody.
REVOKED: dict[str, tuple[str, ...]] = {
    "the contact of two who talk": ("maya", "theo"),
    "the contact of one who talks and one who joins": ("theo", "gran"),
    "a child's consent": ("theo",),
    "a block": ("maya", "theo"),
    "quiet hours": ("maya",),
    "pictures, and not voice": ("maya", "theo"),
}


async def three_friends(there: Village) -> None:
    """Maya, Theo and Gran may all be together."""
    await there.family("sam", "maya")
    await there.family("femi", "theo")
    await there.family("gran", kind="trusted_adult")
    for two in (("maya", "theo"), ("maya", "gran"), ("theo", "gran")):
        await there.contact(*two)


def as_the_model_sees_it(v: Village) -> World:
    world = World(v.now, homes={household: Home() for household in v.household_of.values()})
    for name, kind in v.kind.items():
        home, child = v.household_of[name], kind == "child"
        world.people[name] = Someone(
            name, home, child, age="9-12", age_until=v.now + YEAR, signed_in_until=v.now + YEAR
        )
    world.looks_after = {(guardian, child) for child, guardian in v.guardian_of.items()}
    for a, b in (("maya", "theo"), ("maya", "gran"), ("theo", "gran")):
        places = ["first", "second", "guardian of first", *(["guardian of second"] if b in v.guardian_of else [])]
        yes = dict.fromkeys(places, (True, True))
        world.agreements[frozenset((a, b))] = Agreement(a, b, v.now + YEAR, v.now, yes, vouched_by=v.guardian_of[a])
    return world


@dataclass(eq=False)
class Point:
    """A question of the hub that waits: first to be asked, then for its answer to arrive."""

    name: str
    ask: Callable[[], Awaitable[Any]]
    arrives: asyncio.Future[Any]
    answer: list[Any] = field(default_factory=list)  # what it will be, once the facts have been read


class Held:
    """The house as the hub sees it, with every question held."""

    def __init__(self, v: Village, calls: Calls) -> None:
        self._v, self._calls = v, calls
        self.points: list[Point] = []
        self.flows = True  # while the scene is set

    async def admit(self, ticket: str) -> Seat | Refusal:
        return self._v.seat(ticket)  # who they are is not what this is about: tickets have tests of their own

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        question = getattr(self._calls, name)

        async def held(*args: Any) -> Any:
            if self.flows:
                return await question(*args)
            point = Point(name, lambda: question(*args), asyncio.get_running_loop().create_future())
            self.points.append(point)
            return await point.arrives

        held.__name__ = name
        return held


class Ear:
    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []

    def send(self, frame: bytes) -> None:
        self.heard.append(json.loads(frame))

    def close(self, code: Any) -> None:
        pass

    def last(self, kind: str) -> dict[str, Any]:
        return [one for one in self.heard if one["t"] == kind][-1]


class Scene:
    """Maya and Theo talk, it rings at Gran's. Then everything happens at once, in the order of the dice."""

    def __init__(self, v: Village, dice: random.Random) -> None:
        self.v, self.dice = v, dice
        self.world = as_the_model_sees_it(v)
        self.trace: list[str] = []
        self.happened: Counter[str] = Counter()
        self.tasks: list[asyncio.Task[Any]] = []
        self.gone: list[asyncio.Task[Any]] = []  # of a process that crashed
        self.following: asyncio.Task[int] | None = None
        self.followed = self.crashed = self.joined = False
        self.requests = 0
        self.ended: set[str] = set()
        self.known: set[str] = set()
        self.open()

    # -- the house ----------------------------------------------------------------------------------------------------------

    def open(self) -> None:
        self.calls = Calls(self.v.db, self.v.keeper, lambda: self.v.now)
        self.held = Held(self.v, self.calls)
        self.gate = PaperGate([])
        self.hub = Hub(self.held, self.gate, limits=PATIENT)
        self.follower = Follower(self.v.db, self.hub, _Clock(self.v))
        self.ears: dict[str, Ear] = {}
        self.seats: dict[str, Session] = {}

    async def come(self, who: str) -> None:
        self.ears[who] = Ear()
        seated = await self.hub.hello(self.ears[who], protocol.Hello(ticket=who))
        assert isinstance(seated, Session)
        self.seats[who] = seated

    def tell(self, who: str, message: Any) -> None:
        session = self.seats[who]
        if session.closed or session.socket is None:
            return
        work = HANDLERS[type(message)](self.hub, session, message)
        if work is not None:
            self.tasks.append(asyncio.ensure_future(work))

    def request(self) -> str:
        self.requests += 1
        return f"r{self.requests}"

    async def set(self) -> None:
        for who in PEOPLE:
            await self.come(who)
        to = [await self.v.ref("maya", other) for other in ("theo", "gran")]
        self.tell("maya", protocol.Invite(id=self.request(), to=to, media="video"))
        await self.until(
            lambda: all("call.incoming" in [m["t"] for m in self.ears[one].heard] for one in ("theo", "gran"))
        )
        ring = self.ears["theo"].last("call.incoming")
        self.call, self.nonce = ring["call"], self.ears["gran"].last("call.incoming")["nonce"]
        self.world.calls[self.call] = model.InCall(frozenset(PEOPLE), "video")
        self.tell("theo", protocol.Accept(id=self.request(), call=self.call, nonce=ring["nonce"]))
        await self.until(lambda: len(self.gate.peers) == 2)
        for who in ("maya", "theo"):
            be_ready(self.hub, self.seats[who], self.call)
        assert len(self.gate.table) == 2
        for peer in list(self.gate.peers):
            self.hub.gate_event(Connected(peer))
        await self.until(lambda: not self.hub._tasks)
        self.held.flows = False

    async def until(self, so: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not so():
                await asyncio.sleep(0)

    # -- what is done, each in its own order -----------------------------------------------------------------------------

    def programs(self) -> dict[str, list[Callable[[], Awaitable[None]]]]:
        return {
            "revoke": [self.revoke, self.follow],
            "join": [self.join, self.join_again, self.be_ready],
            "resume": [self.lose_the_socket, self.resume],
            "camera": [self.open_the_camera],
            "crash": [self.crash],
        }

    async def revoke(self) -> None:
        """The change and its notice, in one transaction."""
        self.what = self.dice.choice(list(REVOKED))
        self.happened[f"revoked: {self.what}"] += 1
        people = REVOKED[self.what]
        self.trace.append(self.what)
        now = self.v.now
        async with self.v.db.begin() as tx:
            await notices.post(tx, "facts_changed", people, now=now)
            if self.what == "a child's consent":
                self.world.people["theo"].consent = False
                await rows(tx, "UPDATE consents SET withdrawn_at = :now WHERE id = 'yes-theo'", now=now)
            elif self.what == "a block":
                self.world.blocks.add(("maya", "theo"))
                await rows(tx, "INSERT INTO blocks (by_id, of_id, at) VALUES ('maya', 'theo', :now)", now=now)
            elif self.what == "quiet hours":
                self.world.people["maya"].quiet = (0, 1439)
                await rows(
                    tx,
                    "INSERT INTO limits (child_id, quiet_from, quiet_until, stage_on, set_at) VALUES ('maya', 0, 1439, false, :now)",
                    now=now,
                )
            elif self.what == "pictures, and not voice":
                self.world.agreements[frozenset(people)].yes["first"] = (True, False)
                contact = self.v.contact_of[frozenset(people)]
                await rows(tx, "UPDATE yeses SET video = false WHERE contact_id = :c AND slot = 'a'", c=contact)
            else:
                self.world.agreements[frozenset(people)].over = True
                contact = self.v.contact_of[frozenset(people)]
                await rows(tx, "UPDATE contacts SET state = 'ended', ended_at = :now WHERE id = :c", now=now, c=contact)

    async def follow(self) -> None:
        """After a crash the next start has done it already, and there is nothing left to do."""
        self.following = asyncio.ensure_future(self.follower.catch_up())

    async def join(self) -> None:
        self.tell("gran", protocol.Accept(id=self.request(), call=self.call, nonce=self.nonce))

    async def join_again(self) -> None:
        """The same nonce, a second time."""
        self.again = self.request()
        self.tell("gran", protocol.Accept(id=self.again, call=self.call, nonce=self.nonce))

    async def be_ready(self) -> None:
        """Her keys are confirmed, if she is in."""
        if not self.seats["gran"].closed:
            be_ready(self.hub, self.seats["gran"], self.call)

    async def lose_the_socket(self) -> None:
        self.token = [m["resume_token"] for m in self.ears["theo"].heard if "resume_token" in m][-1]
        self.session, self.lost_before = self.seats["theo"].id, not self.crashed
        self.hub.lost(self.seats["theo"], self.ears["theo"])

    async def resume(self) -> None:
        message = protocol.Resume(session=self.session, token=self.token, last_seq=0)
        self.tasks.append(asyncio.ensure_future(self._resume(message)))

    async def _resume(self, message: protocol.Resume) -> None:
        ear = Ear()
        old = self.crashed and self.lost_before
        back = await self.hub.resume(ear, message)
        self.happened["resumed" if isinstance(back, Session) else "resume refused"] += 1
        assert not (old and isinstance(back, Session)), "a token from before the crash opened something"
        # the token is spent, whatever came of it
        assert not isinstance(await self.hub.resume(Ear(), message), Session)
        if isinstance(back, Session) and self.hub._sessions.get(back.id) is back:
            self.ears["theo"] = ear

    async def open_the_camera(self) -> None:
        self.tell("maya", protocol.SetMedia(id=self.request(), call=self.call, audio=True, video=True))

    async def crash(self) -> None:
        """The process is gone, and with it everything that was not yet committed. It starts again as app.py does."""
        gone = [*self.tasks, *self.hub._tasks, *([self.following] if self.following else [])]
        for task in gone:
            task.cancel()
        self.gone += gone
        await asyncio.sleep(0)
        for alarm in (*self.hub._calls.values(),):
            for handle in alarm.timers.values():
                handle.cancel()
        self.tasks.clear()
        self.open()
        self.crashed = True
        await self.calls.clean_up()
        await self.follower.catch_up()
        self.following, self.followed = None, hasattr(self, "what")
        self.ended.add(self.call)
        self.held.flows = True
        for who in PEOPLE:
            await self.come(who)
        self.held.flows = False

    # -- the scheduler ------------------------------------------------------------------------------------------------------

    async def play(self) -> tuple[str, ...]:
        await self.set()
        left = self.programs()
        while True:
            await self.settle()
            self.look()
            ready: list[tuple[str, Any]] = [(name, None) for name, steps in left.items() if steps]
            ready += [(point.name, point) for point in self.held.points]
            if not ready:
                return tuple(self.trace)
            # a crash is over quickly: were it as likely as the rest, little would ever be under way when it comes
            name, point = self.dice.choices(ready, [1 if name == "crash" else 5 for name, _ in ready])[0]
            if point is None:
                self.trace.append(name)
                await left[name].pop(0)()
            elif point.answer:
                self.trace.append(f"{name} arrives")
                self.held.points.remove(point)
                if not point.arrives.done():
                    point.arrives.set_result(point.answer[0])
            else:
                self.trace.append(f"{name} is asked")
                point.answer.append(await point.ask())

    async def settle(self) -> None:
        """Until everybody who can go on has gone on, and the rest wait at a point."""
        for _ in range(12):
            await asyncio.sleep(0)
        for task in self.tasks:
            if task.done():
                task.result()
        if self.following is not None:
            waiting = len(self.held.points)
            await self.until(
                lambda: self.following is None or self.following.done() or bool(self.held.points) or bool(waiting)
            )
            if self.following.done():
                self.following.result()
                self.following, self.followed = None, True

    def look(self) -> None:
        """What must hold at every moment."""
        live = self.hub._calls
        who = {peer: (name, one) for name, call in live.items() for one, peer in call.peers.items()}
        table = {(who[p][0], (who[p][1], who[v][1], kind)) for p, v, kind in self.gate.table}
        self.joined = self.joined or any("gran" in lane for _, lane in table)
        self.ended |= self.known - live.keys()
        self.known |= live.keys()
        assert not self.ended & live.keys(), "an ended call lives again"
        assert not [one for one, _ in table if one in self.ended]
        if self.followed:
            for name in {one for one, _ in table}:
                open_ = {lane for one, lane in table if one == name}
                there = {one for lane in open_ for one in lane[:2]}
                allowed = model.lanes(self.world, there, name)
                assert open_ <= allowed, (self.what, open_ - allowed)
                assert not model.strangers(self.world, open_)

    async def close(self) -> None:
        """The end of the day: what was promised for ever still holds."""
        self.held.flows = True
        self.happened["joined"] += self.joined
        self.tell("gran", protocol.Accept(id="last", call=self.call, nonce=self.nonce))
        await self.until(lambda: any(m.get("re") == "last" for m in self.ears["gran"].heard))
        assert self.ears["gran"].last("err")["re"] == "last", "the nonce of a ring was good twice"
        await self.hub.close()
        assert self.gate.table == set()
        state = await self.v.do("SELECT state FROM calls WHERE id = :c", c=self.call)
        assert [tuple(one) for one in state] == [("ended",)]
        for who, others in (("gran", ("maya", "theo")), ("theo", ("maya",))):
            assert not await self.calls.answer(self.call, self.v.seat(who), others)
            await self.calls.came_in(self.call, who)
        assert (await self.calls.go_on(self.call, PEOPLE)).lanes == frozenset()
        undone = await self.v.do("SELECT count(*) FROM notices WHERE done_at IS NULL")
        assert undone[0][0] == 0, "a revocation was lost"
        assert self.hub.counts["faults"] == 0


class _Clock:
    def __init__(self, v: Village) -> None:
        self._v = v

    def now(self) -> int:
        return self._v.now


IN_MEMORY = SHM if os.path.isdir(SHM) else None


async def once(seed: int) -> tuple[tuple[str, ...], Counter[str]]:
    with tempfile.TemporaryDirectory(dir=IN_MEMORY) as folder:
        async with village(Path(folder), three_friends) as v:
            scene = Scene(v, random.Random(seed))
            try:
                trace = await scene.play()
                await scene.close()
                if scene.gone:
                    await asyncio.wait(scene.gone)  # they give their connections back before all is closed
            except BaseException as fault:
                fault.add_note(f"seed {seed}: {', '.join(scene.trace)}")
                raise
            return trace, scene.happened


def run_different(count: int) -> Counter[str]:
    """So many different orders, no more and no fewer; what happened in them."""
    seen: set[tuple[str, ...]] = set()
    happened: Counter[str] = Counter()
    seed = 0
    while len(seen) < count:
        trace, more = asyncio.run(once(seed))
        seed += 1
        if trace not in seen:
            seen.add(trace)
            happened += more
        assert seed < 20 * count, "the orders repeat themselves"
    assert len({trace.index("crash") for trace in seen}) > 10, "the crash fell in few places only"
    assert all(
        any(trace.index(a) < trace.index(b) for trace in seen)
        for a in ("revoke", "join", "resume", "crash")
        for b in ("revoke", "join", "resume", "crash")
        if a != b
    )
    assert min(happened["resumed"], happened["resume refused"], happened["joined"]) > count // 20, happened
    assert all(happened[f"revoked: {what}"] > count // 20 for what in REVOKED), happened
    return happened


def test_nothing_forbidden_stays_open_in_150_orders_of_revoke_join_resume_and_crash() -> None:
    run_different(150)


@pytest.mark.slow
def test_soak_1000_orders_of_revoke_join_resume_and_crash() -> None:
    run_different(1000)
