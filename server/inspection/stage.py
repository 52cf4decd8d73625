"""What a scenario is, and what it gets to play with: a platform, families, and a place to say what it tried and saw.

A scenario says each thing once, at the moment it has seen it: ``control`` for what must work, ``attack`` for what must not. It never
says how it went as a whole; that is worked out from the steps (``findings.outcome_of``), and whatever stops it half-way (a time-out,
an answer that makes no sense, a fault of ours) makes it "could not be shown". A refusal is only what the platform says clearly
is one: no answer at all is no refusal.

Families are expensive (a platform may let only so many sign up from one place) and rings are counted, so a pair of friends that
a scenario leaves as it found them is used again (``Cast``).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeAlias, TypeVar

from server.inspection.adapter import (
    Answer,
    CanHaveAnotherChild,
    CouldNotSee,
    Device,
    Family,
    Media,
    NoSuchThing,
    Platform,
)
from server.inspection.findings import NO_SUCH_THING, AuditRow, Finding, Measured, Step, outcome_of
from server.inspection.patience import Patience

RINGS_OF_A_PAIR: Final = 3  # within five minutes, each way: what a platform that counts rings may let through
RINGS_IN_A_MINUTE: Final = 4  # of a pair; a platform may let through some more
TAKE_TURNS: Final = 3  # pairs of friends, where people are few
MOST_AUDIT_ROWS: Final = 80  # of one finding, the last ones: a report is for reading


Play: TypeAlias = Callable[["Stage"], Awaitable[None]]


class Shared(Protocol):
    """What several stories have in common. It is closed when all have been played."""

    async def close(self) -> None: ...


T = TypeVar("T", bound=Shared)


@dataclass(frozen=True, slots=True)
class Scenario:
    """One story. ``promises``: ids of the ledger that it is for. ``seconds``: at most so long. ``alone``: nothing else is played
    meanwhile, because it measures. ``portable``: only the verbs of ``adapter.py``, so any platform can be asked. ``uses_up``: its people
    are of no use afterwards, so it is played late where they are few. ``last``: after it the platform has everybody from our address wait,
    so where all come from one it is the last one. ``waits``: it waits more than it does, so it takes nobody's turn."""

    id: str
    title: str
    promises: tuple[str, ...]
    play: Play
    seconds: float = 60
    alone: bool = False
    portable: bool = False
    uses_up: bool = False
    last: bool = False
    waits: bool = False


@dataclass(slots=True)
class Friends:
    """Two families whose children may call each other."""

    a: Family
    b: Family
    rings: int = RINGS_OF_A_PAIR
    rang: list[float] = field(default_factory=list)  # when, where people are few


class Cast:
    """Who has been made so far on this platform. Several scenarios take from it at the same time. ``bounded``: it is somebody
    else's, so little is done. ``patience``: how long is waited where it lets in more people later."""

    def __init__(self, platform: Platform, *, bounded: bool = False, patience: Patience | None = None) -> None:
        self.platform, self.bounded, self.patience = platform, bounded, patience or Patience()
        self.asked = True  # this platform wants a yes before two children may call each other
        self._free: list[Friends] = []
        self._parted: list[Friends] = []
        self._bereft: list[Friends] = []
        self._used: list[Family] = []
        self._pairs = 0
        self.strangers: list[str] = []
        self.families: list[Family] = []
        self._made = 0
        self._shared: dict[str, asyncio.Task[Any]] = {}

    async def once(self, what: str, make: Callable[[], Awaitable[T]]) -> T:
        """What several stories share: made when the first asks for it, and for all. Where it cannot be made, each is told why."""
        if what not in self._shared:
            self._shared[what] = asyncio.ensure_future(make())
        made: T = await asyncio.shield(self._shared[what])
        return made

    async def close(self) -> None:
        """Close what was shared, also what is only half made."""
        for task in self._shared.values():
            if not task.done():
                task.cancel()
        for made in await asyncio.gather(*self._shared.values(), return_exceptions=True):
            if not isinstance(made, BaseException):
                await made.close()

    def name(self, first: str) -> str:
        """A made-up name that nobody else in this run has, so that it can be looked for in what somebody is told."""
        self._made += 1
        return f"{first} {_SECOND[self._made % len(_SECOND)]}{self._made}"

    def free(self, rings: int) -> Friends | None:
        """Friends who can ring each other so often still. Where people are few, a few pairs take turns, for one person too may ring only
        so often; who has no rings left parts, and makes friends anew."""
        if self.bounded and len(self._free) < TAKE_TURNS and self._pairs < TAKE_TURNS:
            return None
        for one in self._free:
            if one.rings >= rings:
                self._free.remove(one)
                return one
        return None

    def made(self, pair: Friends) -> Friends:
        self._pairs += 1
        return pair

    def give_back(self, pair: Friends) -> None:
        self._free.append(pair)

    async def parted(self) -> Friends | None:
        """Two families who were friends; only where people are few."""
        if self._parted:
            return self._parted.pop(0)
        if not self.bounded or not self._free or self._pairs < TAKE_TURNS:
            return None
        pair = self._free.pop(0)
        await self.platform.revoke(pair.a, pair.b)
        return pair

    def part(self, pair: Friends) -> None:
        if self.bounded:
            self._parted.append(pair)

    async def family(self, child: str) -> Family:
        """A family that knows nobody. Where people are few, a grown-up whose child has played their part has another one."""
        platform = self.platform
        if self._used and isinstance(platform, CanHaveAnotherChild):
            return await platform.another_child(self._used.pop(0), self.name(child))
        return await platform.family(self.name(child))

    def used(self, family: Family) -> None:
        """This child has played their part."""
        if self.bounded:
            self._used.append(family)

    def bereft(self, pair: Friends) -> None:
        """The first of these two children is of no use any more, or the two can never be friends again."""
        if self.bounded:
            self._bereft.append(pair)

    async def consoled(self) -> Friends | None:
        """A family whose first child is of no use any more, with another one; and the family that the first one knew."""
        platform = self.platform
        if not self._bereft or not isinstance(platform, CanHaveAnotherChild):
            return None
        pair = self._bereft.pop(0)
        return Friends(await platform.another_child(pair.a, self.name("Maya")), pair.b, rang=pair.rang)


_SECOND: Final = ("Alder", "Birch", "Cedar", "Hazel", "Juniper", "Linden", "Maple", "Rowan", "Willow")


@dataclass(eq=False)
class Stage:
    """One scenario's. ``told``: each step at once, for whoever watches."""

    platform: Platform
    cast: Cast
    told: Callable[[Step], None] = lambda _: None
    steps: list[Step] = field(default_factory=list)
    measured: list[Measured] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)
    began_at: int = field(default_factory=lambda: time.time_ns() // 1_000_000)
    families: list[Family] = field(default_factory=list)
    _back: list[Friends] = field(default_factory=list)
    _apart: list[Friends] = field(default_factory=list)
    _strangers: list[str] = field(default_factory=list)
    _alone: list[Family] = field(default_factory=list)
    _used: list[Family] = field(default_factory=list)
    _ruined: list[Friends] = field(default_factory=list)
    _devices: list[Device] = field(default_factory=list)
    _records: list[Callable[[int], Awaitable[Sequence[AuditRow]]]] = field(default_factory=list)
    _later: list[Callable[[], Awaitable[None]]] = field(default_factory=list)

    # -- what was seen --------------------------------------------------------------------------------------------------

    def control(self, tried: str, seen: str, as_promised: bool | None) -> None:
        """What must work. False: it did not, so nothing that follows would mean anything."""
        self._step(Step("control", tried, seen, as_promised, time.monotonic() - self.began))
        if as_promised is False:
            raise CouldNotSee(f"What must work did not: {tried} ({seen}).")

    def attack(self, tried: str, seen: str, as_promised: bool | None) -> None:
        """What must not work. False: it did, and the promise is broken."""
        self._step(Step("attack", tried, seen, as_promised, time.monotonic() - self.began))

    def measure(self, name: str, unit: str, values: Sequence[float], aim: float | None = None) -> None:
        self.measured.append(Measured(name, unit, tuple(values), aim))

    def _step(self, step: Step) -> None:
        self.steps.append(step)
        self.told(step)

    # -- people -----------------------------------------------------------------------------------------------------------

    async def family(self, child: str = "Maya", *, back: bool = False) -> Family:
        """A family that knows nobody. ``back``: it still knows nobody afterwards, and has nothing to wait for."""
        if back and self.cast.bounded and self.cast.families:
            made = self.cast.families.pop()
            self.families.append(made)
            self._alone.append(made)
            return made
        made = await self.cast.family(child)
        self.families.append(made)
        (self._alone if back else self._used).append(made)
        return made

    async def stranger(self, name: str = "Alex", *, back: bool = True) -> str:
        """A grown-up whom no family knows. ``back``: the story does nothing that they would have to wait for afterwards, so where
        people are few, somebody else may be the same one."""
        if self.cast.bounded and back and self.cast.strangers:
            made = self.cast.strangers.pop()
            self.families.append(Family("", made))
            self._strangers.append(made)
            return made
        made = await self.platform.stranger(self.cast.name(name))
        self.families.append(Family("", made))  # for the record of what they tried
        if back:
            self._strangers.append(made)
        return made

    async def friends(self, *, rings: int = 1, back: bool = False) -> Friends:
        """Two families who have said every yes. ``rings``: so many this scenario makes. ``back``: it leaves them as they were."""
        pair = self.cast.free(rings)
        if pair is None:
            pair = await self._two_strangers()
            await self.approve(pair.a, pair.b)
        pair.rings -= rings
        if self.cast.bounded:
            await self._their_turn(pair, rings)
        self.families += [pair.a, pair.b]
        (self._back if back else self._apart).append(pair)
        return pair

    async def to_be_friends(self, *, rings: int = 1, refused: int = 0) -> Friends:
        """Two families who do not know each other, and who are friends when the scenario is over. ``refused``: so often one of them rings
        before, in vain."""
        pair = await self._two_strangers()
        pair.rings -= rings
        if self.cast.bounded:
            await self._their_turn(pair, rings + refused)
        self.families += [pair.a, pair.b]
        self._back.append(pair)
        return pair

    async def _two_strangers(self) -> Friends:
        """Two families who do not know each other: who parted, or with another child, or new ones."""
        pair = await self.cast.parted() or await self.cast.consoled()
        if pair is not None:
            return Friends(pair.a, pair.b, rang=pair.rang)
        return self.cast.made(Friends(await self.cast.family("Maya"), await self.cast.family("Theo")))

    async def _their_turn(self, pair: Friends, rings: int) -> None:
        """A child may ring only so often in a minute."""
        while sum(at > time.monotonic() - 60 for at in pair.rang) + rings > RINGS_IN_A_MINUTE:
            await asyncio.sleep(0.2)
        pair.rang += [time.monotonic()] * rings

    def ruined(self, pair: Friends) -> None:
        """They will not be friends again: an account or a device of the first child is gone."""
        self._apart = [one for one in self._apart if one is not pair]
        self._ruined.append(pair)

    async def approve(self, a: Family, b: Family) -> bool:
        """Every yes. Where nobody approves anything the story goes on without, and its steps say so (``call``): what such a platform
        keeps all the same, it keeps."""
        try:
            said = await self.platform.approve(a, b)
        except NoSuchThing:
            self.cast.asked = False
            return False
        if not said.ok:
            raise CouldNotSee(f"Two families could not be made friends ({said.reason or 'no reason given'}).")
        return True

    async def device(self, person: str) -> Device:
        """This person's device, here until the scenario is over."""
        made = await self.platform.device(person)
        self._devices.append(made)
        return made

    def later(self, undo: Callable[[], Awaitable[None]]) -> None:
        """Done when the scenario is over, however it went."""
        self._later.append(undo)

    def recorded(self, rows: Callable[[int], Awaitable[Sequence[AuditRow]]]) -> None:
        """Where else there are rows of this story, since a time in milliseconds."""
        self._records.append(rows)

    # -- calls ------------------------------------------------------------------------------------------------------------

    async def call(
        self, caller: Device, callee: Device, name: str, media: Media = "video", *, seconds: float = 20
    ) -> str:
        """Ring, answer, and media both ways: the control of most stories. ``name``: whom the caller rings."""
        whom = "whom both families approved" if self.cast.asked else "(nobody had to approve anybody)"
        tried = f"A child rings a friend {whom}, and they talk."
        rung = await caller.ring(name, media=media)
        ring = await callee.wait_for_ring(seconds) if rung.ok else None
        if ring is None:
            self.control(tried, f"It did not ring ({rung.reason or 'nothing came'}).", False)
            return ""
        said = await callee.answer(ring)
        if not said.ok:
            self.control(tried, f"The answer was refused ({said.reason}).", False)
        flows = said.ok and all(await asyncio.gather(*(self.flows(one, media, seconds) for one in (caller, callee))))
        self.control(tried, "It rang, was answered, and media came both ways." if flows else "No media came.", flows)
        return ring.call or rung.call

    async def flows(
        self, device: Device, media: Media | None = None, seconds: float = 20, *, packets: int = 10
    ) -> bool:
        """Whether so many more packets reach this device in time."""
        enough = device.received(media).packets + packets
        return await self.true(lambda: device.received(media).packets >= enough, seconds)

    async def true(self, what: Callable[[], bool], seconds: float) -> bool:
        """Wait for a condition."""
        until = time.monotonic() + seconds
        while not what():
            if time.monotonic() >= until:
                return False
            await asyncio.sleep(0.02)
        return True

    async def silent(self, device: Device, seconds: float, media: Media | None = None) -> int:
        """Packets that still came within so long."""
        before = device.received(media).packets
        await asyncio.sleep(seconds)
        return device.received(media).packets - before

    # -- the end ------------------------------------------------------------------------------------------------------------

    async def audit(self) -> tuple[AuditRow, ...]:
        """The platform's own record of this story, as the families in it can see it."""
        found: list[AuditRow] = []
        for family in self.families:
            found += await self.platform.audit(family, self.began_at)
        for record in self._records:
            found += await record(self.began_at)
        return tuple(sorted(set(found), key=lambda row: (row.at, row.seq))[-MOST_AUDIT_ROWS:])

    async def strike(self, *, whole: bool) -> None:
        """Undo what is to be undone, close devices; a story told to its end gives its people back."""
        for undo in reversed(self._later):
            await undo()
        for device in self._devices:
            await device.close()
        if whole:
            for pair in self._back:
                self.cast.give_back(pair)
            for pair in self._apart:
                self.cast.part(pair)
            for pair in self._ruined:
                self.cast.bereft(pair)
            for family in self._used:
                self.cast.used(family)
            self.cast.strangers += self._strangers
            self.cast.families += self._alone


def refusal(answer: Answer) -> str:
    """How a no is told."""
    return f"Refused ({answer.reason})." if answer.reason else "Refused."


async def play(
    scenario: Scenario, platform: Platform, cast: Cast, told: Callable[[Step], None] = lambda _: None
) -> Finding:
    """Play one scenario to its end or to where it breaks off. Never raises (except when it is cancelled itself)."""
    stage = Stage(platform, cast, told)
    fault: str | None = None
    rows: tuple[AuditRow, ...] = ()
    whole = asyncio.timeout(scenario.seconds)
    try:
        async with whole:
            with cast.patience.pauses(whole):
                await scenario.play(stage)
    except TimeoutError:
        fault = f"It took longer than {scenario.seconds:.0f} seconds." if whole.expired() else "No answer came in time."
    except NoSuchThing as thing:
        fault = NO_SUCH_THING + _sentence(thing)
    except CouldNotSee as why:
        fault = _sentence(why)
    except Exception as why:  # whatever it was, it shows nothing; the next scenario is played
        fault = f"It could not be played to its end ({_told(why)})."
    try:
        async with asyncio.timeout(AFTERWARDS_SECONDS):
            rows = await stage.audit()
    except Exception as why:
        fault = fault or f"The platform's own record could not be read ({_told(why)})."
    try:
        async with asyncio.timeout(AFTERWARDS_SECONDS):
            await stage.strike(whole=fault is None)
    except Exception as why:
        fault = fault or f"The scene could not be cleared ({_told(why)})."
    steps = tuple(stage.steps)
    return Finding(
        scenario.id,
        scenario.title,
        scenario.promises,
        outcome_of(steps, fault),
        _why(steps, fault),
        steps,
        tuple(stage.measured),
        rows,
        time.monotonic() - stage.began,
    )


AFTERWARDS_SECONDS: Final = 10.0


def _why(steps: Sequence[Step], fault: str | None) -> str:
    """One sentence for the outcome, the worst thing first."""
    broken = next((one for one in steps if one.kind == "attack" and one.as_promised is False), None)
    if broken is not None:
        return f"{broken.tried} {broken.seen}"
    if fault is not None:
        return fault
    unseen = next((one for one in steps if one.as_promised is not True), None)
    if unseen is not None:
        return f"{unseen.tried} {unseen.seen}"
    kinds = {one.kind for one in steps}
    if kinds != {"control", "attack"}:
        return "Not enough was tried: there must be something that worked and something that was refused."
    attacks = sum(one.kind == "attack" for one in steps)
    return f"Tried {attacks} {'way' if attacks == 1 else 'ways'}, and each went as promised; what must work worked."


def _sentence(fault: BaseException) -> str:
    return str(fault) or "no reason was given."


def _told(fault: BaseException) -> str:
    """A fault in a few words: its kind, and what it says when that is short. An answer's body is not repeated at length."""
    said = " ".join(str(fault).split())
    return f"{type(fault).__name__}: {said[:160]}" if said else type(fault).__name__
