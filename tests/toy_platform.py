"""A whole platform in one process, and its adapter in the same file: the smallest thing that can be inspected.

It is quoted in docs/how-to/inspect-another-platform.md, and tests/integration/test_inspect_a_toy.py plays the stories against it.
Each keyword is one thing that it does right; without one, the inspection must find just that.
Its "media" are numbers that a task counts up for everybody who is in a call with somebody else.
"""

from __future__ import annotations

import asyncio
import time
import uuid
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
                device.rings.put_nowait(Ring(name, self.person, self.toy.new_secret()))
        return Answer(True, call=name)

    async def wait_for_ring(self, seconds: float) -> Ring | None:
        try:
            return await asyncio.wait_for(self.rings.get(), seconds)
        except TimeoutError:
            return None

    async def answer(self, ring: Ring) -> Answer:
        if self.toy.once and ring.secret not in self.toy.secrets:
            return Answer(False, "this ring was answered already", ring.call)
        self.toy.secrets.discard(ring.secret)
        return self.toy.enter(ring.call, self)

    async def join(self, call: str) -> Answer:
        if self.toy.locks:
            return Answer(False, "no such call", call)
        return self.toy.enter(call, self)

    async def leave(self, call: str) -> Answer:
        was_in = call in self.toy.calls and self in self.toy.calls[call].there
        if was_in:
            self.toy.take_out(call, self)
        return Answer(was_in, "" if was_in else "no such call", call)

    def received(self, media: Media | None = None) -> Received:
        return Received(self.packets, self.packets, self.last)

    def addresses(self) -> tuple[str, ...]:
        return tuple(sorted(self.told))

    async def close(self) -> None:
        self.toy.forget(self)


class Toy:
    """The platform. It keeps every promise, except for what it is told to leave out."""

    def __init__(
        self,
        *,
        asks_first: bool = True,  # nobody is rung by somebody who was not approved
        locks: bool = True,  # nobody comes into a call that was not rung for it
        cuts: bool = True,  # a yes that is taken back ends the call at once
        forgets: bool = True,  # and the one who was removed cannot ring again
        hides: bool = True,  # nobody is found by somebody who does not know them
        relays: bool = True,  # no device is told another's address
        signs_in: bool = True,  # nobody connects as somebody else
        seals: bool = True,  # the platform cannot see what it hands on
        keeps_nothing: bool = True,  # it records no call
        once: bool = True,  # an answer is good for one ring
        approves: bool = True,  # there is such a thing as a yes at all
    ) -> None:
        self.asks_first, self.locks, self.cuts, self.forgets, self.hides = asks_first, locks, cuts, forgets, hides
        self.relays, self.signs_in, self.seals, self.keeps_nothing = relays, signs_in, seals, keeps_nothing
        self.once, self.approves = once, approves
        self.calls: dict[str, Call] = {}
        self.secrets: set[str] = set()
        self._people: list[str] = []
        self._approved: set[frozenset[str]] = set()
        self._devices: list[Telephone] = []
        self._clock: asyncio.Task[None] | None = None

    async def open(self) -> None:
        self._clock = asyncio.create_task(self._flow())

    async def close(self) -> None:
        if self._clock is not None:
            self._clock.cancel()

    # -- the platform itself ----------------------------------------------------------------------------------------------------

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

    def new_secret(self) -> str:
        secret = uuid.uuid4().hex
        self.secrets.add(secret)
        return secret

    def new_call(self, people: set[str], caller: Telephone) -> str:
        name = uuid.uuid4().hex
        self.calls[name] = Call(people, [caller])
        return name

    def enter(self, name: str, device: Telephone) -> Answer:
        call = self.calls.get(name)
        if call is None or (self.locks and device.person not in call.invited):
            return Answer(False, "no such call", name)
        call.there.append(device)
        if not self.relays:
            for one in call.there:
                one.told |= {f"address of {other.person}" for other in call.there if other is not one}
        return Answer(True, call=name)

    def take_out(self, name: str, device: Telephone) -> None:
        call = self.calls[name]
        call.there.remove(device)
        if not call.there and self.once:
            del self.calls[name]

    def forget(self, device: Telephone) -> None:
        if device in self._devices:
            self._devices.remove(device)
        for name, call in tuple(self.calls.items()):
            if device in call.there:
                self.take_out(name, device)

    # -- the verbs of the adapter -------------------------------------------------------------------------------------------------

    @property
    def inspected(self) -> Inspected:
        return Inspected("Toy", "1", "in this process", {"media": "numbers"})

    async def family(self, name: str) -> Family:
        self._people += [name, f"Adult {name}"]
        return Family(name, f"Adult {name}")

    async def stranger(self, name: str) -> str:
        self._people.append(name)
        return name

    async def device(self, person: str) -> Telephone:
        made = Telephone(self, person)
        self._devices.append(made)
        return made

    async def approve(self, a: Family, b: Family) -> Answer:
        if not self.approves:
            raise NoSuchThing("This toy asks nobody for a yes; that is left to whoever plays with it.")
        self._approved.add(frozenset((a.child, b.child)))
        return Answer(True)

    async def revoke(self, family: Family, other: Family) -> Answer:
        if not self.approves:
            raise NoSuchThing("This toy has no yes that could be taken back.")
        pair = {family.child, other.child}
        if self.forgets:
            self._approved.discard(frozenset(pair))
        for name, call in tuple(self.calls.items()):
            if self.cuts and pair <= {one.person for one in call.there}:
                del self.calls[name]
        return Answer(True)

    async def find(self, by: Device, name: str) -> tuple[str, ...]:
        return () if self.hides else tuple(one for one in self._people if name in one)

    async def claim(self, person: str) -> tuple[Answer, Device | None]:
        if self.signs_in:
            return Answer(False, "not signed in"), None
        return Answer(True), await self.device(person)

    async def carrier_reads(self, receiver: Device) -> tuple[bool, str]:
        return not self.seals, "The numbers were looked at."

    async def record(self, by: Device, call: str) -> Answer:
        return Answer(not self.keeps_nothing, "" if not self.keeps_nothing else "nothing here keeps a call", call)

    async def audit(self, family: Family, since: int) -> tuple[AuditRow, ...]:
        return ()
