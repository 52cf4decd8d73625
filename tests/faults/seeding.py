"""What a seeded fault is, and the few ways to put one into a running house."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

import signalling.ws
from server import api
from server.api.keys import Open, Route


@dataclass(frozen=True, slots=True)
class Fault:
    """One guard less. ``breaks``: the promise; ``guard``: what is taken away; ``found_by``: scenarios of an inspection, or tests, each of
    which must find it."""

    breaks: str
    guard: str
    found_by: tuple[str, ...]
    seed: Callable[[], None]

    @property
    def scenarios(self) -> tuple[str, ...]:
        return tuple(one for one in self.found_by if "::" not in one)

    @property
    def tests(self) -> tuple[str, ...]:
        return tuple(one for one in self.found_by if "::" in one)


FAULTS: Final[dict[str, Fault]] = {}


def fault(name: str, breaks: str, guard: str, *found_by: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    def keep(seed: Callable[[], None]) -> Callable[[], None]:
        assert name not in FAULTS
        FAULTS[name] = Fault(breaks, guard, found_by, seed)
        return seed

    return keep


def put(owner: Any, name: str, instead: Any) -> Any:
    """Replace something of the house, and give back what was there."""
    before = getattr(owner, name)
    setattr(owner, name, instead)
    return before


def also(method: str, path: str, handler: Any) -> None:
    """One more route."""
    put(api, "ROUTES", (*api.ROUTES, Route(method, path, handler, Open("A fault that was put in on purpose."))))


def instead(path: str, wrap: Callable[[Any], Any]) -> None:
    """Another handler for the routes with this path."""
    put(
        api, "ROUTES", tuple(replace(one, handler=wrap(one.handler)) if one.path == path else one for one in api.ROUTES)
    )


def handle(message: type, instead_of: Callable[[Any], Any]) -> None:
    table: Any = signalling.ws.HANDLERS
    table[message] = instead_of(table[message])
