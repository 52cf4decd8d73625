"""A whole platform in one process, and its adapter in the same file: the smallest thing that can be inspected.

It is quoted in docs/how-to/inspect-another-platform.md, and tests/integration/test_inspect_a_toy.py plays the scenarios against it.
Each keyword is one thing that it does right; leave one out, and the inspection must find that and nothing else.
Its "media" are numbers that a task counts up for everybody who is in a call with somebody else.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from server.inspection.adapter import Answer, Device, Family, Media, NoSuchThing, Received, Ring
from server.inspection.findings import AuditRow, Inspected


@dataclass(eq=False)
class Call:
    invited: set[str]
    there: list[Telephone] = field(default_factory=list)


class Telephone:
    """One person's device."""

    def __init__(self, toy: Toy, person: str) -> None:
        self.toy, self.person = toy, person
        self.rings: asyncio.Queue[Ring] = asyncio.Queue()
        self.packets, self.last = 0, 0.0
        self.told: set[str] = set()

    async def ring(self, *others: str, media: Media = "video") -> Answer:
        people = {self.person, *others}
        if self.toy.asks_first and not all(self.toy.friends(a, b) for a in people for b in people if a < b):
            return Answer(False, "not approved")
        name = self.toy.new_call(people, self)
        for other in others:
            for device in self.toy.devices_of(other):
                device.rings.put_nowait(Ring(name, self.person))
        return Answer(True, call=name)

    async def wait_for_ring(self, seconds: float) -> Ring | None:
        try:
            return await asyncio.wait_for(self.rings.get(), seconds)
        except TimeoutError:
            return None

    async def answer(self, ring: Ring) -> Answer:
        return self.toy.enter(ring.call, self, rung=True)

    async def join(self, call: str) -> Answer:
        return self.toy.enter(call, self, rung=False)

    async def leave(self, call: str) -> Answer:
        there = self.toy.calls[call].there if call in self.toy.calls else []
        if self not in there:
            return Answer(False, "not in this call", call)
        there.remove(self)
        return Answer(True, call=call)

    def received(self, media: Media | None = None) -> Received:
        return Received(self.packets, self.packets, self.last)

    def addresses(self) -> tuple[str, ...]:
        return tuple(sorted(self.told))

    async def close(self) -> None:
        self.toy.hang_up(self)


class Toy:
    """The platform. It keeps every promise that a keyword stands for, unless told otherwise."""

    def __init__(
        self,
        *,
        asks_first: bool = True,  # nobody is rung by somebody who was not approved
        locks: bool = True,  # nobody comes into a call that was not rung for it
        cuts: bool = True,  # a yes that is taken back ends the call at once
        forgets: bool = True,  # … and it does not ring again afterwards
        hides: bool = True,  # nobody is found by somebody who does not know them
        relays: bool = True,  # no device is told another's address
        approves: bool = True,  # there is such a thing as a yes
    ) -> None:
        self.asks_first, self.locks, self.cuts, self.forgets = asks_first, locks, cuts, forgets
        self.hides, self.relays, self.approves = hides, relays, approves
        self.calls: dict[str, Call] = {}
        self._people: list[str] = []
        self._approved: set[frozenset[str]] = set()
        self._devices: list[Telephone] = []
        self._clock: asyncio.Task[None] | None = None

    @property
    def inspected(self) -> Inspected:
        kept: Mapping[str, bool] = {"asks first": self.asks_first, "locks": self.locks, "cuts": self.cuts}
        return Inspected("Toy", "1", "in this process", {name: str(value) for name, value in kept.items()})

    async def open(self) -> None:
        self._clock = asyncio.create_task(self._flow())

    async def close(self) -> None:
        if self._clock is not None:
            self._clock.cancel()

    # -- the platform ---------------------------------------------------------------------------------------------------------

    async def _flow(self) -> None:
        while True:
            await asyncio.sleep(0.02)
            for device in {one for call in self.calls.values() if len(call.there) > 1 for one in call.there}:
                device.packets += 1
                device.last = time.monotonic()

    def friends(self, a: str, b: str) -> bool:
        return frozenset((a, b)) in self._approved

    def devices_of(self, person: str) -> list[Telephone]:
        return [one for one in self._devices if one.person == person]

    def new_call(self, people: set[str], caller: Telephone) -> str:
        name = f"call {len(self.calls) + 1}"
        self.calls[name] = Call(people, [caller])
        return name

    def enter(self, name: str, device: Telephone, *, rung: bool) -> Answer:
        call = self.calls.get(name)
        if call is None or (self.locks and device.person not in call.invited):
            return Answer(False, "no such call", name)
        if self.asks_first and self.locks and not all(self.friends(device.person, one.person) for one in call.there):
            return Answer(False, "no such call", name)
        call.there.append(device)
        for one in call.there:
            if not self.relays and one is not device:
                one.told.add(f"192.0.2.{self._people.index(device.person) + 1}")
        return Answer(True, call=name)

    def hang_up(self, device: Telephone) -> None:
        self._devices.remove(device)
        for call in self.calls.values():
            if device in call.there:
                call.there.remove(device)

    # -- the adapter ------------------------------------------------------------------------------------------------------------

    async def family(self, name: str) -> Family:
        guardian = f"Adult {name}"
        self._people += [name, guardian]
        return Family(name, guardian)

    async def stranger(self, name: str) -> str:
        self._people.append(name)
        return name

    async def device(self, person: str) -> Device:
        made = Telephone(self, person)
        self._devices.append(made)
        return made

    async def approve(self, a: Family, b: Family) -> Answer:
        if not self.approves:
            raise NoSuchThing("This toy knows no yes.")
        self._approved.add(frozenset((a.child, b.child)))
        return Answer(True)

    async def revoke(self, family: Family, other: Family) -> Answer:
        if not self.approves:
            raise NoSuchThing("This toy knows no yes that could be taken back.")
        pair = {family.child, other.child}
        if self.forgets:
            self._approved.discard(frozenset(pair))
        for call in self.calls.values():
            if self.cuts and pair <= {one.person for one in call.there}:
                call.there.clear()
        return Answer(True)

    async def find(self, by: Device, name: str) -> tuple[str, ...]:
        return () if self.hides else tuple(one for one in self._people if name in one)

    async def audit(self, family: Family, since: int) -> tuple[AuditRow, ...]:
        return ()
