"""An inspection from elsewhere: everybody comes from one address, which the real limiter lets make only so many families. A run that is
patient waits until it says; one that is not says how to go on; and whoever can be used again is."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from server.api import keys
from server.inspection.findings import Inspection
from server.inspection.own import Elsewhere, Ringfence
from server.inspection.patience import Patience
from server.inspection.run import inspect
from server.inspection.stage import Scenario, Stage
from server.throttle import PACES, Pace
from tests.house import House

SHORT = 1_300  # milliseconds: the hour of these houses


class OnePlace(Elsewhere):
    """On this machine, and yet all of it from one address."""

    async def open(self) -> None:
        await super().open()
        self.many_homes = False


def lets_in(house: House, families: int) -> None:
    house.app[keys.THROTTLE].paces = {**PACES, "new_family": Pace(limit=families, window_ms=SHORT, free=families)}


async def three_sign_up(stage: Stage) -> None:
    names = [await stage.stranger("Alex", back=False) for _ in range(3)]
    stage.control("Three grown-ups sign up.", "They did.", len(set(names)) == 3)
    found = await stage.platform.find(await stage.device(names[0]), names[1])
    stage.attack("One looks for another.", f"Told of {len(found)}.", not found)


STORY = Scenario("three-sign-up", "A story", ("not-found",), three_sign_up, 20)


async def played(house: House, most: float) -> tuple[Inspection, list[Mapping[str, Any]]]:
    told: list[Mapping[str, Any]] = []
    patience = Patience(most)
    platform = Ringfence(OnePlace(house.base), patience=patience)
    return await inspect(platform, [STORY], tell=told.append, bounded=True, patience=patience), told


async def test_whoever_is_told_to_come_later_waits_so_long_and_goes_on_or_says_how_to(house: House) -> None:
    lets_in(house, 2)
    found, told = await played(house, 30)
    assert found.all_proven, found.findings
    (wait,) = [one for one in told if one["t"] == "waiting"]
    assert 0 < wait["seconds"] <= 3
    await asyncio.sleep(SHORT / 1000)
    found, told = await played(house, 0)
    (finding,) = found.findings
    assert finding.outcome == "not_shown"
    assert "said to come later, in 2 seconds (/api/sign-up)" in finding.why or "in 1 seconds" in finding.why
    assert "with --only; or let the run wait, with --patient" in finding.why
    assert not [one for one in told if one["t"] == "waiting"]


async def test_where_people_are_few_a_grown_up_has_another_child_instead_of_somebody_new(house: House) -> None:
    lets_in(house, 100)

    async def kit_is_used(stage: Stage) -> None:
        kit = await stage.family("Kit")
        there = await stage.device(kit.child)
        found = await stage.platform.find(there, "Maya")
        stage.control("A child comes.", "They are here.", True)
        stage.attack("They look for another.", f"Told of {len(found)}.", not found)

    async def first_is_lost(stage: Stage) -> None:
        pair = await stage.friends()
        stage.ruined(pair)
        platform = stage.platform
        assert isinstance(platform, Ringfence)
        one = platform.home_of(pair.a)
        await one.guardian.post(f"/api/children/{one.child_id}/consent/withdraw")
        stage.control("Friends.", f"{pair.a.guardian} and {pair.b.guardian}", True)
        stage.attack("One is gone.", "They are.", True)

    stories = [
        *(Scenario(f"kit-{n}", "A story", ("not-found",), kit_is_used, 20) for n in range(3)),
        *(Scenario(f"lost-{n}", "A story", ("not-found",), first_is_lost, 20, uses_up=True) for n in range(2)),
    ]
    platform = Ringfence(OnePlace(house.base))
    found = await inspect(platform, stories, bounded=True)
    assert found.all_proven, found.findings
    assert len(platform._signed_up) == 2, "Kit's grown-up, who became Maya's and then that of another one; and Theo's"
    lost = [one.steps[0].seen for one in found.findings if one.scenario.startswith("lost")]
    assert len(set(lost)) == 1, "the same two grown-ups"
