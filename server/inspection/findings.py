"""What an inspection found: plain values, from which the report is written.

A scenario is a story of *steps*. Each step says what was tried, what was seen, and whether that is what was promised. Two kinds:
a **control** is what must work (the approved call rings), an **attack** is what must not (the stranger's does not). A server that
refuses everything, hangs or is dead would pass every attack; so nothing is proven without a control that worked in the same story.

Outcomes, worst first. ``broken``: some step showed the opposite of the promise. ``not_shown``: something could not be tried or seen
(no answer, a time-out, a fault of ours, no such thing on this platform). ``proven``: every step, and at least one control and one
attack, went as promised. Nothing is ever proven by default.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

Outcome = Literal["broken", "not_shown", "proven"]
WORST_FIRST: Final[tuple[Outcome, ...]] = ("broken", "not_shown", "proven")
#: So begins the ``why`` of a finding that is not shown because the platform has no such thing (adapter.NoSuchThing). It stays "not
#: shown"; the comparison of platforms tells it apart, since it is no fault of anybody.
NO_SUCH_THING: Final = "No such thing on this platform: "


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was tried. ``as_promised``: None when it could not be seen. ``after``: seconds since the scenario began."""

    kind: Literal["control", "attack"]
    tried: str
    seen: str
    as_promised: bool | None
    after: float


@dataclass(frozen=True, slots=True)
class Measured:
    """Numbers that were measured, and the aim that they are held against (None: only told)."""

    name: str
    unit: str
    values: tuple[float, ...]
    aim: float | None = None


@dataclass(frozen=True, slots=True)
class AuditRow:
    """A row of the platform's own record that belongs to what was tried: no names, no pseudonyms. ``at`` in milliseconds."""

    seq: int
    at: int
    question: str
    verdict: str
    rules: tuple[str, ...]
    rulebook: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What one scenario showed. ``why``: one sentence for the outcome."""

    scenario: str
    title: str
    promises: tuple[str, ...]
    outcome: Outcome
    why: str
    steps: tuple[Step, ...] = ()
    measured: tuple[Measured, ...] = ()
    audit: tuple[AuditRow, ...] = ()
    seconds: float = 0.0

    @property
    def shown(self) -> Outcome:
        """The outcome that counts: never better than the steps carry, whatever ``outcome`` says."""
        return worst((self.outcome, outcome_of(self.steps, None)))


@dataclass(frozen=True, slots=True)
class Inspected:
    """Who was inspected: ``name`` and ``version`` as it tells them, ``settings`` exactly as it was run. ``code``: the SHA-256 over the
    files that ran (``server/promises.py``), where the inspector started them; empty where somebody else did, for that nobody sees."""

    name: str
    version: str
    address: str
    settings: Mapping[str, str] = field(default_factory=dict)
    code: str = ""


@dataclass(frozen=True, slots=True)
class Inspection:
    """One whole run. Times in milliseconds since 1970. ``scope``: ids of the promises that this run was to show."""

    platform: Inspected
    by: str
    begun_at: int
    ended_at: int
    scope: tuple[str, ...]
    findings: tuple[Finding, ...]

    def verdicts(self) -> dict[str, Outcome]:
        """For each promise in scope the worst that any of its scenarios showed; ``not_shown`` when none played for it."""
        return {promise: worst(one.shown for one in self.findings if promise in one.promises) for promise in self.scope}

    @property
    def all_proven(self) -> bool:
        """Exit 0: there is something in scope, and all of it is proven."""
        found = self.verdicts().values()
        return bool(found) and all(one == "proven" for one in found)


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """The worst of them; ``not_shown`` of none."""
    return min(outcomes, key=WORST_FIRST.index, default="not_shown")


def outcome_of(steps: Iterable[Step], fault: str | None) -> Outcome:
    """What these steps show. ``fault``: why the story could not be told to its end, if it could not."""
    found = tuple(steps)
    if any(one.as_promised is False and one.kind == "attack" for one in found):
        return "broken"
    if fault is not None or any(one.as_promised is not True for one in found):
        return "not_shown"
    kinds = {one.kind for one in found}
    return "proven" if kinds == {"control", "attack"} else "not_shown"
