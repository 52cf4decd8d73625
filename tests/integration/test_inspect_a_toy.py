"""The portable stories of the inspection can be told of any platform, and they can fail: played against tests/toy_platform.py.

The toy keeps every promise; each test leaves one thing out, and the stories must find that and nothing else. No network, no media:
what is tested is that the verbs of ``adapter.py`` are enough, and that a story sees what it says it sees.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from server import cli
from server.inspection import report, sign
from server.inspection.adapter import CanBeAskedToRecord, CanBeClaimed, CarriesMedia, Platform
from server.inspection.document import Report, decoded
from server.inspection.findings import NO_SUCH_THING, Finding, Outcome
from server.inspection.scenarios import portable
from server.inspection.stage import Cast, play
from tests.toy_platform import Telephone, Toy

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = ROOT / "docs/how-to/inspect-another-platform.md"
#: These wait for minutes of real life in many seconds; they are played in ``make platforms``.
LONG: Final = {"out-wait", "revoke"}

#: What is left out, and the stories that then find a promise broken.
BREAKS: Final[dict[str, set[str]]] = {
    "asks_first": {"stranger-rings", "group", "returns"},
    "locks": {"stranger-joins"},
    "forgets": {"returns"},
    "hides": {"find"},
    "relays": {"addresses"},
    "signs_in": {"claims"},
    "seals": {"carrier"},
    "keeps_nothing": {"records"},
    "once": {"answers-again"},
}
#: The same for the long ones.
LATE: Final[dict[str, set[str]]] = {"asks_first": {"out-wait"}, "cuts": {"revoke"}}


class Closed(Toy):
    """Refuses everybody."""

    def friends(self, a: str, b: str) -> bool:
        return False


class Deaf(Toy):
    """Says yes to everything and does nothing."""

    def devices_of(self, person: str) -> list[Telephone]:
        return []


Found = dict[str, Finding]


async def inspect(toy: Toy, *, long: bool = False) -> Found:
    """All short stories at the same time, or all long ones. By story."""
    await toy.open()
    cast = Cast(toy, bounded=True)
    try:
        stories = [one for one in portable.SCENARIOS if (one.id in LONG) is long]
        return {one.scenario: one for one in await asyncio.gather(*(play(one, toy, cast) for one in stories))}
    finally:
        await toy.close()


async def inspect_all(toys: dict[str, Toy], *, long: bool = False) -> dict[str, Found]:
    found = await asyncio.gather(*(inspect(toy, long=long) for toy in toys.values()))
    return dict(zip(toys, found, strict=True))


def shown(found: Found, outcome: Outcome) -> set[str]:
    return {story for story, one in found.items() if one.shown == outcome}


@pytest.fixture(scope="module")
def found() -> dict[str, Found]:
    """Every toy at the same time, because a story is mostly waiting."""
    toys = {"whole": Toy(), "closed": Closed(), "no yes": Toy(approves=False, asks_first=False)}
    return asyncio.run(inspect_all(toys | {left_out: Toy(**{left_out: False}) for left_out in BREAKS}))


def test_the_toy_is_a_platform_with_every_verb() -> None:
    toy = Toy()
    for verbs in (Platform, CanBeClaimed, CarriesMedia, CanBeAskedToRecord):
        assert isinstance(toy, verbs)


def test_a_toy_that_does_everything_right_keeps_every_promise(found: dict[str, Found]) -> None:
    assert shown(found["whole"], "proven") == {one.id for one in portable.SCENARIOS} - LONG


def test_each_thing_that_is_left_out_is_found_and_nothing_else(found: dict[str, Found]) -> None:
    assert {left_out: shown(found[left_out], "broken") for left_out in BREAKS} == BREAKS


def test_a_yes_that_there_is_not_is_told_as_no_such_thing_and_the_rest_is_judged_without(
    found: dict[str, Found],
) -> None:
    without = found["no yes"]
    assert without["returns"].shown == "not_shown"
    assert without["returns"].why == NO_SUCH_THING + "This toy has no yes that could be taken back."
    assert without["find"].shown == "proven"
    assert "nobody had to approve anybody" in without["find"].steps[0].tried
    assert without["stranger-rings"].shown == "broken"


def test_a_toy_that_refuses_everybody_keeps_no_promise(found: dict[str, Found]) -> None:
    assert shown(found["closed"], "not_shown") == found["closed"].keys()


@pytest.mark.slow
async def test_waiting_taking_back_and_silence_are_judged_as_on_the_platforms() -> None:
    waits = {left_out: Toy(**{left_out: False}) for left_out in LATE}
    found, deaf = await asyncio.gather(inspect_all({"whole": Toy(), **waits}, long=True), inspect(Deaf()))
    assert shown(found["whole"], "proven") == LONG
    assert {left_out: shown(found[left_out], "broken") for left_out in LATE} == LATE
    assert shown(deaf, "not_shown") == deaf.keys()


@pytest.mark.slow
def test_the_command_of_the_page_inspects_the_toy_as_any_of_the_platforms(tmp_path: Path) -> None:
    words = ("-m", "server.cli", "inspect", "--platform", "tests.toy_platform:Toy", "--out", str(tmp_path / "report"))
    ran = subprocess.run((sys.executable, *words, "--sign-with", str(tmp_path / "key")), cwd=ROOT, check=False)
    assert ran.returncode == 0
    told = decoded((tmp_path / "report/report.json").read_bytes())
    assert told.platform.name == "Toy"
    assert told.all_proven


def test_a_report_that_cannot_be_drawn_is_signed_and_the_exit_status_says_nothing_of_the_promises(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(_: Report) -> bytes:
        raise RuntimeError("a fault of ours")

    words = ["inspect", "--platform", "tests.toy_platform:Toy", "--only", "find", "--sign-with", str(tmp_path / "key")]
    assert cli.main([*words, "--out", str(tmp_path / "well")]) == 0
    monkeypatch.setattr(report, "drawings", lambda: {sign.PAGE: fails})
    assert cli.main([*words, "--out", str(tmp_path / "ill")]) == 2
    assert "could not be drawn (RuntimeError)" in capsys.readouterr().err
    assert sign.verified(tmp_path / "ill").answer == "whole"


def test_the_page_quotes_the_toy_as_it_is() -> None:
    assert (ROOT / "tests/toy_platform.py").read_text() in PAGE.read_text()
