"""A platform that hangs, lies, talks nonsense or dies half-way does not get out of an inspection: nothing of it is proven by that, and the
report is written and signed all the same.

Here it is a platform that breaks promises (tests/toy_platform.py with a guard left out) in bad weather: whatever goes wrong on the way,
the story in which the guard is missing is never "proven". Servers at an address are in ``test_inspection_hostile.py``.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from server import notes
from server.inspection import document, report, run, scenarios, sign
from server.inspection.adapter import Answer, Device
from server.inspection.findings import Finding
from server.inspection.stage import Cast, play
from tests.toy_platform import Telephone, Toy

KEY = notes.Signer(sign.NAME, bytes(range(32)))
Sky = Callable[[str, Callable[[], Awaitable[Any]]], Awaitable[Any]]


class Storm(Toy):
    """The toy, but everything that is asked of it goes through ``sky``."""

    def __init__(self, sky: Sky, **left_out: bool) -> None:
        super().__init__(**left_out)
        self.sky = sky


class StormPhone(Telephone):
    pass


def through(kind: type, name: str) -> None:
    base = kind.__mro__[1]

    async def asked(self: Any, *args: Any, **more: Any) -> Any:
        sky: Sky = self.sky if isinstance(self, Toy) else self.toy.sky
        return await sky(name, partial(getattr(base, name), self, *args, **more))

    setattr(kind, name, asked)


for verb in ("family", "stranger", "approve", "revoke", "find", "claim", "carrier_reads", "record"):
    through(Storm, verb)
for verb in ("ring", "wait_for_ring", "answer", "join", "leave"):
    through(StormPhone, verb)


async def device(self: Storm, person: str) -> Device:
    made = StormPhone(self, person)
    self._devices.append(made)
    return made


Storm.device = device  # type: ignore[assignment, method-assign]


async def forever() -> None:
    await asyncio.Event().wait()


def after(calm: int, bad: Sky) -> Sky:
    """Fine weather for so many verbs, then bad for good."""
    left = calm

    async def sky(name: str, verb: Callable[[], Awaitable[Any]]) -> Any:
        nonlocal left
        left -= 1
        return await (verb() if left >= 0 else bad(name, verb))

    return sky


async def hangs(name: str, verb: Callable[[], Awaitable[Any]]) -> Any:
    await forever()


async def dies(name: str, verb: Callable[[], Awaitable[Any]]) -> Any:
    raise ConnectionResetError("\x1b[31m<script>alert(1)</script>" * 1_000)


async def is_silly(name: str, verb: Callable[[], Awaitable[Any]]) -> Any:
    return "yes \u202e"


async def denies(name: str, verb: Callable[[], Awaitable[Any]]) -> Any:
    """Does it, and says that it did not."""
    said = await verb()
    return replace(said, ok=False, reason="not approved") if isinstance(said, Answer) else said


BAD = {"hangs": hangs, "dies": dies, "is silly": is_silly, "denies": denies}


def changing(seed: int) -> Sky:
    chance = random.Random(seed)

    async def sky(name: str, verb: Callable[[], Awaitable[Any]]) -> Any:
        if chance.random() < 0.8:
            return await verb()
        return await chance.choice(list(BAD.values()))(name, verb)

    return sky


#: What is left out, and the story that then must never be proven.
WRONG = {"asks_first": "stranger-rings", "locks": "stranger-joins", "forgets": "returns", "signs_in": "claims"}
STORIES = {one.id: replace(one, seconds=2.0) for one in scenarios.portable.SCENARIOS}


async def told(sky: Sky, left_out: str) -> Finding:
    toy = Storm(sky, **{left_out: False})
    await toy.open()
    try:
        return await play(STORIES[WRONG[left_out]], toy, Cast(toy))
    finally:
        await toy.close()


async def test_what_is_broken_is_never_proven_in_any_weather() -> None:
    skies = [(f"{what} after {calm}", after(calm, bad)) for what, bad in BAD.items() for calm in (0, 1, 2, 4, 6, 9, 14)]
    skies += [(f"changing {seed}", changing(seed)) for seed in range(20)]
    asked = [(name, left_out, sky) for name, sky in skies for left_out in WRONG]
    found = await asyncio.gather(*(told(sky, left_out) for _, left_out, sky in asked))
    assert [
        (name, left_out) for (name, left_out, _), one in zip(asked, found, strict=True) if one.shown == "proven"
    ] == []
    assert {one.shown for one in found} == {"broken", "not_shown"}


@pytest.mark.parametrize("what", BAD)
async def test_the_report_of_a_platform_that_goes_wrong_half_way_is_written_and_signed(
    what: str, tmp_path: Path
) -> None:
    toy = Storm(after(12, BAD[what]))
    stories = [one for one in STORIES.values() if not one.alone]  # those would be played one after the other
    inspection = await run.inspect(toy, stories, seconds=20, at_once=len(stories))
    report.write(inspection, tmp_path, key=KEY)
    assert sign.verified(tmp_path, KEY.verifier).answer == "whole"
    written = document.decoded((tmp_path / "report.json").read_bytes())
    assert {one.scenario for one in written.findings} == {one.id for one in stories}
    assert written.counts.not_shown > 0
    assert not written.all_proven
    for one in written.findings:
        assert one.why
        assert len(one.why) < 1_000
        if one.outcome == "proven":
            assert {step.kind for step in one.steps} == {"control", "attack"}


async def test_the_same_in_fine_weather_can_be_proven() -> None:
    """So the tests above mean something: it was the weather."""
    toy = Storm(after(10_000, dies))
    await toy.open()
    cast = Cast(toy)
    try:
        found = await asyncio.gather(*(play(replace(STORIES[one], seconds=15), toy, cast) for one in WRONG.values()))
    finally:
        await toy.close()
    assert {one.scenario: one.shown for one in found} == dict.fromkeys(WRONG.values(), "proven")
