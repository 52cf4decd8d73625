"""Waiting where a platform says to come later: whose time stands still meanwhile, how long at most, and what is played once more."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from server.cli import _parser
from server.inspect_cli import Said
from server.inspection.adapter import CouldNotSee
from server.inspection.device import Answer, Refused
from server.inspection.findings import Inspection
from server.inspection.own import MOST_SIGN_UPS, Elsewhere, Line, Ringfence
from server.inspection.own.answers import comes_later
from server.inspection.own.ringfence import HOUR_SECONDS
from server.inspection.patience import SLACK, Patience
from server.inspection.run import inspect
from server.inspection.stage import Play, Scenario, Stage
from tests.toy_platform import Toy


async def played(story: Play, most: float, seconds: float) -> tuple[Inspection, list[Mapping[str, Any]]]:
    told: list[Mapping[str, Any]] = []
    one = Scenario("story", "A story", ("contacts-only",), story, seconds)
    found = await inspect(Toy(), [one], tell=told.append, patience=Patience(most))
    return found, told


def well(stage: Stage) -> None:
    stage.control("It works.", "It did.", True)
    stage.attack("It is attacked.", "Refused.", True)


async def test_a_story_that_has_to_wait_has_as_much_time_as_one_that_has_not() -> None:
    async def story(stage: Stage) -> None:
        assert await stage.cast.patience.wait(0, "Come later.")
        well(stage)

    found, told = await played(story, most=10, seconds=SLACK / 2)
    assert found.all_proven, found.findings
    (waits,) = [one for one in told if one["t"] == "waiting"]
    assert waits["why"] == "Come later."
    assert waits["until"] / 1000 == pytest.approx(time.time(), abs=5)
    impatient, told = await played(story, most=0, seconds=SLACK / 2)
    assert not impatient.all_proven
    assert not [one for one in told if one["t"] == "waiting"]


async def test_a_story_that_hangs_is_ended_though_it_has_waited_before() -> None:
    async def story(stage: Stage) -> None:
        await stage.cast.patience.wait(0, "Come later.")
        await asyncio.Event().wait()

    began = time.monotonic()
    found, told = await played(story, most=SLACK * 1.5, seconds=0.1)
    assert found.findings[0].why.startswith("It took longer than")
    assert time.monotonic() - began < 5
    assert sum(one["t"] == "waiting" for one in told) == 1, "there was patience for one"


async def test_what_broke_off_after_a_wait_in_the_middle_is_played_once_more_and_only_once() -> None:
    times = 0

    async def story(stage: Stage) -> None:
        nonlocal times
        times += 1
        if times == 1:
            await stage.cast.patience.wait(0, "Come later.")
            raise CouldNotSee("Meanwhile nobody was there any more.")
        well(stage)

    found, told = await played(story, most=10, seconds=5)
    assert (found.all_proven, times) == (True, 2)
    assert [one["t"] for one in told if one["t"] in ("playing", "done")] == ["playing", "playing", "done"]

    async def breaks(stage: Stage) -> None:
        nonlocal times
        times += 1
        raise CouldNotSee("It breaks off.")

    times = 0
    await played(breaks, most=10, seconds=5)
    assert times == 1, "nobody waited"


async def test_more_than_there_is_patience_for_is_not_waited_and_two_who_wait_wait_once() -> None:
    patience = Patience(SLACK * 1.5)
    assert not await patience.wait(3_600, "Come in an hour.")
    assert patience.waited == 0
    assert await asyncio.gather(patience.wait(0, "Later."), patience.wait(0, "Later.")) == [True, True]
    assert patience.waited == pytest.approx(SLACK, abs=0.2)
    assert not await patience.wait(0, "Later.")


@pytest.mark.parametrize(
    ("code", "told", "seconds"),
    [
        ("slow_down", "3559", 3559),
        ("slow_down", "0", 1),
        ("slow_down", "9" * 30, 999_999_999),
        ("slow_down", "-5", 0),
        ("slow_down", "Thu, 26 Nov 2026 08:00:00 GMT", 0),
        ("slow_down", "١٢", 0),
        ("not_permitted", "30", 0),
    ],
)
def test_when_the_next_one_may_come_is_read_from_a_clear_answer_only(code: str, told: str, seconds: int) -> None:
    answer: Any = SimpleNamespace(code=code, headers={"Retry-After": told})
    assert comes_later(answer) == seconds


class OneSecond(Line):
    """A device whose server always says: in a second."""

    asked = 0

    async def call(self, *_: Any, **__: str) -> Answer:
        self.asked += 1
        return Answer(429, b'{"code": "slow_down"}', {"Retry-After": "1"})


class InNoTime(Patience):
    """It waits as long, and nobody notices."""

    async def wait(self, seconds: float, why: str) -> bool:
        self.waited += seconds + SLACK
        return self.waited <= self.most


async def test_a_server_that_says_in_a_second_for_ever_is_not_asked_every_second() -> None:
    line = OneSecond("https://calls.example", trust=None, home=None)
    try:
        line.patience = InNoTime(120 * 60)
        with pytest.raises(Refused):
            await line.post("/api/sign-up")
        assert line.asked == 13, "in two hours"
    finally:
        await line.close()


async def test_of_two_stories_that_wait_for_one_place_on_somebody_elses_server_one_gets_it() -> None:
    platform = Ringfence(Elsewhere("https://calls.example"), patience=Patience(10))
    now = time.monotonic()
    platform._signed_up = [now - HOUR_SECONDS + 0.1, *[now] * (MOST_SIGN_UPS - 1)]
    both = await asyncio.gather(platform._families(), platform._families(), return_exceptions=True)
    (refused,) = [one for one in both if isinstance(one, BaseException)]
    assert isinstance(refused, CouldNotSee)
    assert "no more do within an hour" in str(refused)
    assert len(platform._signed_up) == MOST_SIGN_UPS + 1


def test_the_command_says_until_when_it_waits(capsys: pytest.CaptureFixture[str]) -> None:
    Said()({"t": "waiting", "until": 1_795_680_000_000, "seconds": 60, "why": "It lets in \x1b[31mmore later."})
    assert re.fullmatch(
        r"waiting    until \d\d:\d\d:\d\d \S+\. It lets in \S*more later\.\n", told := capsys.readouterr().out
    ), told
    assert "\x1b" not in told


@pytest.mark.parametrize(
    ("typed", "minutes"), [([], 0), (["--patient"], 120), (["--patient", "5"], 5), (["--patient", "1440"], 1440)]
)
def test_a_run_is_as_patient_as_it_is_told_to_be_and_no_more(typed: list[str], minutes: int) -> None:
    assert _parser().parse_args(["inspect", *typed]).patient == minutes


@pytest.mark.parametrize("typed", ["0", "1441", "-1", "an hour", "١"])
def test_no_other_patience_is_taken(typed: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        _parser().parse_args(["inspect", f"--patient={typed}"])
    assert "1 to 1440 minutes" in capsys.readouterr().err
