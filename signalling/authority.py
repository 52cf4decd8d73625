"""What signalling asks of the house: the one Protocol that the server implements.

Signalling knows sockets, rings, seats and the gate. It knows no family, no SQL and no rule. Whenever it must know
whether something may happen it asks here, and it does what the answer says and nothing more. Every answer that allows
something carries the full list of *lanes* (who may reach whom with what); the hub opens exactly those in the gate.

A refusal is a value, never an exception: raising would roll back its own audit row. If an implementation raises, the hub
treats it as a refusal (``internal``) and shuts: fail closed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol

from signalling.protocol import Code, Media, WhyUnmarked

PersonId = str  #: never on the wire
Lane = tuple[PersonId, PersonId, Media]  #: publisher, viewer, kind: one direction of one pair, one kind of media


def own_handle(person: PersonId) -> str:
    """The name under which a browser keeps what is this person's own: told to nobody else, and the same on all their devices."""
    return hashlib.sha256(f"ringfence me|{person}".encode()).hexdigest()[:24]


def passing_ref(call: str, viewer: PersonId, other: PersonId) -> str:
    """For two grown-ups beside a child, who have no contact: a ref for this call and this viewer only."""
    return f"k_{hashlib.sha256(f'{call} {viewer} {other}'.encode()).hexdigest()[:24]}"


@dataclass(frozen=True, slots=True)
class Seat:
    """Who sits at a socket: stamped by the server from the ticket, never taken from a message."""

    person: PersonId
    session: str  # the sign-in session: when it is revoked, the socket and the place in the call go with it
    device: str = ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A no, with the code that may be told. Falsy."""

    code: Code
    retry_after_ms: int = 0

    def __bool__(self) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class Circle:
    """Presence: ``sees`` are the people whose presence this person may know, by the ref under which they know them;
    ``seen_by`` the people who may know this person's, by the ref under which *they* know this person. ``again_ms``: the answer
    may be another after so many milliseconds, because of the clock alone; None if not."""

    sees: Mapping[PersonId, str]
    seen_by: Mapping[PersonId, str]
    again_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Until:
    """What the clock alone will change. ``again_ms``: when to ask again, in milliseconds from now; None if never.
    ``ending``: who will have to leave, with the code that they will be told and in how many milliseconds; only they are warned."""

    again_ms: int | None = None
    ending: tuple[tuple[PersonId, Code, int], ...] = ()


NO_END: Final = Until()


@dataclass(frozen=True, slots=True)
class Mark:
    """A mark of one sender's picture for one recipient: 32 bits, and by how many quarters of a second its swing is put off."""

    id: int
    quarter: int


@dataclass(frozen=True, slots=True)
class Permit:
    """A yes for a call. ``people``: everybody it concerns, caller first. ``refs[(viewer, other)]``: how the viewer knows
    the other. ``lanes``: all that may be open among them, mutual for the pairs asked; nothing else may be. ``until``: what the
    clock alone will change. ``marks[(sender, recipient)]``: issued, and on record, for the pictures that the lanes may carry."""

    call: str
    people: tuple[PersonId, ...]
    refs: Mapping[tuple[PersonId, PersonId], str]
    lanes: frozenset[Lane]
    media: Media
    until: Until = NO_END
    marks: Mapping[tuple[PersonId, PersonId], Mark] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether a live call may go on: ``lanes`` that may stay open, and who must leave, with the code that they are told,
    in the order in which they leave (the smallest harm first: adults before children). ``until``: what the clock alone will change."""

    lanes: frozenset[Lane]
    must_leave: tuple[tuple[PersonId, Code], ...] = ()
    until: Until = NO_END


class Authority(Protocol):
    """The questions. Each is one transaction: facts read, rules asked for every ordered pair with a child in it, audit row written."""

    async def admit(self, ticket: str) -> Seat | Refusal:
        """Spend a single-use ticket. Same answer for unknown, spent, expired and foreign tickets."""
        ...

    async def readmit(self, seat: Seat) -> Seat | Refusal:
        """On resume: is this sign-in session still good, this device still paired, this account still allowed?"""
        ...

    async def circle(self, person: PersonId) -> Circle:
        """Whose presence this person may see and who may see theirs. Empty when in doubt."""
        ...

    async def ring(self, caller: Seat, to: Sequence[str], media: Media) -> Permit | Refusal:
        """May this seat ring these refs? Asked for every ordered pair of everybody who would be in the call.
        Inserts the call row. An unknown ref and a ref that is not the caller's get the same ``not_found``."""
        ...

    async def answer(self, call: str, answerer: Seat, present: Sequence[PersonId]) -> Permit | Refusal:
        """May this seat come in now, to everybody present? Facts are read anew: the ring was no promise.
        What its lanes hold of voice opens at once, both ways; a picture is asked for by :meth:`publish`."""
        ...

    async def publish(
        self, call: str, seat: Seat, present: Sequence[PersonId], audio: bool, video: bool
    ) -> Permit | Refusal:
        """May this seat be heard and seen now? ``present``: the others who have answered. The permit's lanes are those
        that start at this person, of the kinds that are asked for."""
        ...

    async def go_on(self, call: str, present: Sequence[PersonId]) -> Standing:
        """Asked again whenever a fact changed that concerns anybody present, and on resume. ``present``: everybody who is in
        the call or is still being rung. Whoever is left without any lane is taken out by the hub."""
        ...

    async def go_on_many(self, calls: Sequence[tuple[str, Sequence[PersonId]]]) -> Sequence[Standing]:
        """:meth:`go_on` for several calls, each with its ``present``, answered in their order at one moment: for a change that
        concerns many. All or nothing: if one cannot be answered this raises, and each is asked about by itself."""
        ...

    async def came_in(self, call: str, person: PersonId) -> None:
        """For the record of who called whom, when and how long: this person's media is up."""
        ...

    async def went_out(self, call: str, person: PersonId, code: Code) -> None: ...

    async def marked(self, call: str, sender: PersonId, recipient: PersonId) -> None:
        """For the record: the sender's device says that the picture which goes to this recipient carries its mark."""
        ...

    async def unmarked(
        self, call: str, sender: PersonId, recipient: PersonId | None, why: WhyUnmarked | Literal["too_many"]
    ) -> None:
        """For the record: it goes out without. ``recipient``: None for everybody's, as in a call with too many for copies."""
        ...

    async def ended(self, call: str, code: Code) -> None:
        """The call is over for everybody who was still in it or being rung. Terminal: no later question about this call is
        ever answered yes."""
        ...
