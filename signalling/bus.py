"""The bus: how a person is told something without knowing where they sit.

The hub of a call publishes to a *person*; whichever hub has that person's sockets delivers. In one process that is a
dictionary of functions. With several nodes it is a message broker, and nothing above this file changes: what travels is a
message of the wire (a struct of :mod:`signalling.protocol`, so it can be encoded), never an object of the hub. What must
stay on one node, the media of a call and the places in it, does not travel here.

The bus is a way to tell, not a way to be safe: a message that is lost costs somebody a stale page, never an open lane.
Cuts go to the gate directly.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from signalling.authority import PersonId
from signalling.protocol import ToPerson

Deliver = Callable[[PersonId, ToPerson], None]


class Bus(Protocol):
    """Publish and subscribe, by person. Neither waits: a bus with a network behind it queues, within bounds."""

    def subscribe(self, person: PersonId, deliver: Deliver) -> None:
        """From now on ``deliver`` gets what is published to this person. Once per person and function."""
        ...

    def unsubscribe(self, person: PersonId, deliver: Deliver) -> None: ...

    def publish(self, person: PersonId, message: ToPerson) -> None:
        """To every subscriber of this person, in the order of publication. To nobody, if there is none."""
        ...


class LocalBus:
    """The bus of one process."""

    __slots__ = ("_subscribers",)

    def __init__(self) -> None:
        self._subscribers: dict[PersonId, tuple[Deliver, ...]] = {}

    def subscribe(self, person: PersonId, deliver: Deliver) -> None:
        there = self._subscribers.get(person, ())
        if deliver not in there:
            self._subscribers[person] = (*there, deliver)

    def unsubscribe(self, person: PersonId, deliver: Deliver) -> None:
        left = tuple(one for one in self._subscribers.get(person, ()) if one != deliver)
        if left:
            self._subscribers[person] = left
        else:
            self._subscribers.pop(person, None)

    def publish(self, person: PersonId, message: ToPerson) -> None:
        for deliver in self._subscribers.get(person, ()):
            deliver(person, message)
