"""What a platform must be able to do so that it can be inspected: a small Protocol, in families' terms.

An adapter turns these few verbs into the platform's own wire. It must not be kind: it does what a person's device, or a stranger's
program, could do with what that person has, and tells what came back. What a platform does not have at all (nobody approves
anything, there is no ring) raises :class:`NoSuchThing`; that is told in the report as it is and never counted as a fault of the
adapter. Every adapter moves real media with real WebRTC peers (aiortc).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from server.inspection.findings import AuditRow, Inspected

Media = Literal["audio", "video"]


class NoSuchThing(Exception):
    """This platform has no such thing. The sentence says what is missing."""


class CouldNotSee(Exception):
    """It could not be tried, or what came back could not be understood. The sentence says why."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. ``ok``: it was done. ``reason``: the platform's own code or sentence, empty when it gave none.
    ``call``: the call that it is about. ``seconds``: how long the answer took."""

    ok: bool
    reason: str = ""
    call: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Ring:
    """Somebody rings. ``secret``: what answering needs, empty where nothing is needed."""

    call: str
    caller: str
    secret: str = ""


@dataclass(frozen=True, slots=True)
class Received:
    """What one person's device got of others' media so far. ``packets``: RTP packets (real media only), ``frames``: decoded and
    different from silence or black. ``last``: time.monotonic() of the last packet, 0.0 if none."""

    packets: int = 0
    frames: int = 0
    last: float = 0.0


class Device(Protocol):
    """One person's device, signed in (or, of a stranger, only connected)."""

    async def ring(self, *others: str, media: Media = "video") -> Answer: ...
    async def wait_for_ring(self, seconds: float) -> Ring | None:
        """None: nobody rang within that time."""

    async def answer(self, ring: Ring) -> Answer: ...
    async def join(self, call: str) -> Answer:
        """Into a call that this device was not rung for, with what a stranger could know of it."""

    async def leave(self, call: str) -> Answer: ...
    def received(self, media: Media | None = None) -> Received: ...
    def addresses(self) -> tuple[str, ...]:
        """Network addresses of other people's devices that this device was told of."""

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Family:
    """A child and their grown-up, by the names that this platform gives them."""

    child: str
    guardian: str


@runtime_checkable
class Platform(Protocol):
    """One system under inspection, running."""

    @property
    def inspected(self) -> Inspected: ...

    async def open(self) -> None: ...
    async def close(self) -> None: ...
    async def family(self, name: str) -> Family:
        """A new family with one child."""

    async def stranger(self, name: str) -> str:
        """A new grown-up whom no family knows."""

    async def device(self, person: str) -> Device: ...
    async def approve(self, a: Family, b: Family) -> Answer:
        """Both families say yes to their children's contact, in whatever way the platform has."""

    async def revoke(self, family: Family, other: Family) -> Answer:
        """A grown-up takes the yes back."""

    async def find(self, by: Device, name: str) -> tuple[str, ...]:
        """Whom this device is told of when it looks for ``name``, or lists who is there."""

    async def audit(self, family: Family, since: int) -> tuple[AuditRow, ...]:
        """The platform's own record of what was asked about this family; empty where it keeps none that the family can see."""


# What not every platform can be asked. Where an adapter lacks one of these, the scenario that wants it could not be shown.


@runtime_checkable
class CanBeClaimed(Protocol):
    """People connect by saying who they are, in some way."""

    async def claim(self, person: str) -> tuple[Answer, Device | None]:
        """A stranger's program says that it is this person, with what a stranger could know of them. Not ok: refused. The device is
        what it then holds."""


@runtime_checkable
class CarriesMedia(Protocol):
    """There is somebody in the middle who hands media on."""

    async def carrier_reads(self, receiver: Device) -> tuple[bool, str]:
        """Whether who carries the media could make a picture or a sound of it, tried with exactly the bytes that it has in hand (what is
        left when the transport's encryption, which ends at the carrier, is taken off); and how it was tried, in one sentence."""


@runtime_checkable
class CanBeAskedToRecord(Protocol):
    """There is a server that could keep a call."""

    async def record(self, by: Device, call: str) -> Answer:
        """Somebody in the call asks the server to record it, in whatever way its wire has. Ok: it records now."""


@runtime_checkable
class CanHaveAnotherChild(Protocol):
    """A grown-up can have more than one child, so that where people are few nobody new has to sign up."""

    async def another_child(self, family: Family, name: str) -> Family:
        """The same grown-up with another child. The child of before is gone, with all that they had."""
