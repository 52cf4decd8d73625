"""The order of play: open the platform, play scenarios a few at a time, those that measure alone, close, and add up.

Whatever the platform does (hang, answer slowly, lie, die half-way) the run comes to an end within ``seconds`` and gives an
``Inspection`` that can be written: what could not be played any more "could not be shown". Progress is told as it goes, one plain
mapping for each step; nothing of it is needed for the outcome.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from typing import Any, Final

from server.inspection.adapter import CouldNotSee, NoSuchThing, Platform
from server.inspection.findings import Finding, Inspection, Step
from server.inspection.patience import Patience
from server.inspection.stage import Cast, Scenario, play

Tell = Callable[[Mapping[str, Any]], None]

AT_ONCE: Final = 4  # scenarios; each has two to five peers that encode and decode
WHOLE_SECONDS: Final = 600.0
BOUNDED_SECONDS: Final = 1_800.0  # on somebody else's: one scenario after the other, and few people, who take turns
WAITS_SECONDS: Final = 60.0  # more for a story where people are few and take turns
OPEN_SECONDS, CLOSE_SECONDS, SHUT_SECONDS = 120.0, 90.0, 30.0


async def inspect(
    platform: Platform,
    scenarios: Sequence[Scenario],
    *,
    tell: Tell = lambda _: None,
    bounded: bool = False,
    at_once: int = AT_ONCE,
    seconds: float | None = None,
    closing: float = CLOSE_SECONDS,
    patience: Patience | None = None,
) -> Inspection:
    """Play all of ``scenarios``. ``bounded``: the platform is somebody else's. ``seconds`` and, after them, ``closing`` at most, and what
    there is ``patience`` for."""
    seconds = seconds or (BOUNDED_SECONDS if bounded else WHOLE_SECONDS)
    patience = patience or Patience()
    patience.told = tell
    begun_at, until = _now(), time.monotonic() + seconds
    promises = tuple(dict.fromkeys(promise for one in scenarios for promise in one.promises))
    tell(
        {
            "t": "begun",
            "scenarios": [{"id": one.id, "title": one.title} for one in scenarios],
            "promises": list(promises),
        }
    )
    try:
        fault = await _open(platform, min(OPEN_SECONDS, seconds))
    except asyncio.CancelledError:  # what is half open is not left behind
        await _close(platform, closing)
        raise
    found: dict[str, Finding] = {}
    if fault is None:
        tell({"t": "opened", "name": platform.inspected.name, "version": platform.inspected.version})
        cast = Cast(platform, bounded=bounded, patience=patience)
        turn = asyncio.Semaphore(1 if bounded else max(1, at_once))

        async def one_of_many(one: Scenario) -> None:
            async with contextlib.nullcontext() if one.waits else turn:
                found[one.id] = await _play(one, platform, cast, until, tell)

        try:
            for one in scenarios:
                if one.alone:
                    found[one.id] = await _play(one, platform, cast, until, tell)
            many = [one for one in scenarios if not one.alone]
            many.sort(key=lambda one: (not one.waits, bounded and one.last, bounded and one.uses_up))
            await asyncio.gather(*(one_of_many(one) for one in many))
        finally:
            await _shut(cast)
            closed = await _close(platform, closing)
        if closed is not None:
            tell({"t": "said", "what": closed})
    else:
        for one in scenarios:
            found[one.id] = _not_played(one, fault)
            tell(_done(found[one.id]))
        await _close(platform, closing)
    findings = tuple(found[one.id] for one in scenarios)
    by = f"ringfence inspect {version('ringfence')}, with made-up families and headless WebRTC peers (aiortc {version('aiortc')})"
    inspection = Inspection(platform.inspected, by, begun_at, _now(), promises, findings)
    tell({"t": "outcome", "all_proven": inspection.all_proven, "verdicts": inspection.verdicts()})
    return inspection


async def _open(platform: Platform, seconds: float) -> str | None:
    """Why nothing can be played, if so."""
    try:
        async with asyncio.timeout(seconds):
            await platform.open()
    except TimeoutError:
        return "The platform did not open in time."
    except (CouldNotSee, NoSuchThing) as why:
        return str(why)
    except Exception as why:  # the report is still written
        return f"The platform could not be opened ({type(why).__name__})."
    return None


async def _shut(cast: Cast) -> None:
    """What the stories shared is of no use to anybody now."""
    with contextlib.suppress(Exception):  # what was found stands
        async with asyncio.timeout(SHUT_SECONDS):
            await cast.close()


async def _close(platform: Platform, seconds: float) -> str | None:
    try:
        async with asyncio.timeout(seconds):
            await platform.close()
    except Exception as why:  # what was found stands
        return f"The platform could not be closed well ({type(why).__name__})."
    return None


async def _play(scenario: Scenario, platform: Platform, cast: Cast, until: float, tell: Tell) -> Finding:
    before = cast.patience.waited
    left = until + before - time.monotonic()
    if left < 1:
        finding = _not_played(scenario, "The time for the whole inspection was used up before this could be played.")
    else:
        waits = WAITS_SECONDS if cast.bounded else 0.0
        shorter = dataclasses.replace(scenario, seconds=min(scenario.seconds + waits, left))
        for _ in range(2):
            tell({"t": "playing", "scenario": scenario.id, "title": scenario.title})
            finding = await play(shorter, platform, cast, lambda step: tell(_step(scenario.id, step)))
            if finding.shown != "not_shown" or cast.patience.waited == before:
                break
            before = cast.patience.waited  # it had to wait in the middle of something: once more, from the beginning
    tell(_done(finding))
    return finding


def _not_played(scenario: Scenario, why: str) -> Finding:
    return Finding(scenario.id, scenario.title, scenario.promises, "not_shown", why)


def _step(scenario: str, step: Step) -> Mapping[str, Any]:
    return {"t": "step", "scenario": scenario, **dataclasses.asdict(step)}


def _done(finding: Finding) -> Mapping[str, Any]:
    return {
        "t": "done", "scenario": finding.scenario, "title": finding.title, "outcome": finding.shown, "why": finding.why,
        "seconds": round(finding.seconds, 2),
    }  # fmt: skip


def _now() -> int:
    return time.time_ns() // 1_000_000
