"""Nothing is proven by default: what a story says, what breaks it off, and what is made of both. Without any network."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from server.inspect_cli import Said, status
from server.inspection.adapter import CouldNotSee, NoSuchThing
from server.inspection.findings import NO_SUCH_THING, AuditRow, Finding, Inspected, Inspection, Step
from server.inspection.run import inspect
from server.inspection.scenarios import ALL
from server.inspection.scenarios.wire import heard
from server.inspection.stage import RINGS_OF_A_PAIR, Cast, Play, Scenario, Stage, play
from server.promises import ledger
from server.settings import ROOT
from tests.toy_platform import Toy


def scenario(story: Play, seconds: float = 5, name: str = "story", alone: bool = False) -> Scenario:
    return Scenario(name, "A story", ("contacts-only",), story, seconds, alone)


async def played(story: Play, toy: Toy | None = None, seconds: float = 5) -> Finding:
    toy = toy or Toy()
    return await play(scenario(story, seconds), toy, Cast(toy))


async def well(stage: Stage) -> None:
    stage.control("It works.", "It did.", True)
    stage.attack("It is attacked.", "Refused.", True)


def test_every_scenario_is_for_promises_of_the_ledger_and_has_a_name_of_its_own() -> None:
    assert len({one.id for one in ALL}) == len(ALL) >= 25
    known = set(ledger().ids)
    for one in ALL:
        assert one.promises
        assert set(one.promises) <= known, one.id


def test_the_page_of_the_command_has_every_story_with_its_promises() -> None:
    page = (ROOT / "docs/reference/inspect-cli.md").read_text(encoding="utf-8")
    rows = [line for line in page.partition("## Stories")[2].splitlines() if line.startswith("| `")]
    assert rows == [
        f"| `{one.id}` | {one.title} | {', '.join(f'`{promise}`' for promise in one.promises)} | "
        f"{'any platform' if one.portable else 'Ringfence'} |"
        for one in ALL
    ]


async def test_a_story_is_proven_when_a_control_and_an_attack_went_as_promised() -> None:
    found = await played(well)
    assert (found.outcome, len(found.steps)) == ("proven", 2)
    assert "each went as promised" in found.why


async def test_a_control_that_fails_breaks_the_story_off_and_shows_nothing() -> None:
    async def story(stage: Stage) -> None:
        stage.attack("It is attacked.", "Refused.", True)
        stage.control("It works.", "It did not.", False)
        raise AssertionError("it went on")

    found = await played(story)
    assert found.outcome == "not_shown"
    assert "What must work did not" in found.why


async def test_an_attack_that_went_through_is_broken_even_if_the_story_breaks_off_afterwards() -> None:
    async def story(stage: Stage) -> None:
        stage.attack("A stranger rings.", "It rang.", False)
        raise CouldNotSee("the line was lost")

    found = await played(story)
    assert (found.outcome, found.why) == ("broken", "A stranger rings. It rang.")


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (CouldNotSee("The line was lost."), "The line was lost."),
        (NoSuchThing("There is no ring."), f"{NO_SUCH_THING}There is no ring."),
        (KeyError("call"), "It could not be played to its end (KeyError: 'call')."),
        (AssertionError(), "It could not be played to its end (AssertionError)."),
        (ConnectionResetError("gone"), "It could not be played to its end (ConnectionResetError: gone)."),
        (TimeoutError(), "No answer came in time."),
    ],
)  # fmt: skip
async def test_whatever_breaks_a_story_off_it_shows_nothing_and_says_why(fault: Exception, why: str) -> None:
    async def story(stage: Stage) -> None:
        await well(stage)
        raise fault

    found = await played(story)
    assert (found.outcome, found.why) == ("not_shown", why)
    assert len(found.steps) == 2, "what was seen until then is kept"


async def test_a_story_that_hangs_is_ended_and_shows_nothing() -> None:
    async def story(stage: Stage) -> None:
        await well(stage)
        await asyncio.Event().wait()

    found = await played(story, seconds=0.05)
    assert found.outcome == "not_shown"
    assert "longer than" in found.why


async def test_a_story_that_only_refuses_or_only_works_proves_nothing() -> None:
    async def refuses(stage: Stage) -> None:
        stage.attack("It is attacked.", "Refused.", True)

    async def works(stage: Stage) -> None:
        stage.control("It works.", "It did.", True)

    async def nothing(stage: Stage) -> None:
        return

    for story in (refuses, works, nothing):
        found = await played(story)
        assert found.outcome == "not_shown"
        assert found.why.startswith("Not enough was tried")


async def test_a_record_that_cannot_be_read_and_a_scene_that_cannot_be_cleared_are_told() -> None:
    class Sealed(Toy):
        async def audit(self, *_: Any) -> tuple[AuditRow, ...]:
            raise OSError("locked")

    async def story(stage: Stage) -> None:
        await stage.family()
        await well(stage)

    found = await played(story, Sealed())
    assert (found.outcome, found.why) == ("not_shown", "The platform's own record could not be read (OSError: locked).")

    async def leaves(stage: Stage) -> None:
        async def undo() -> None:
            raise OSError("stuck")

        stage.later(undo)
        await well(stage)

    found = await played(leaves)
    assert (found.outcome, found.why) == ("not_shown", "The scene could not be cleared (OSError: stuck).")


async def test_rows_of_the_record_that_belong_to_the_story_are_in_the_finding() -> None:
    class Writes(Toy):
        async def audit(self, *_: Any) -> tuple[AuditRow, ...]:
            return (AuditRow(1, 5, "ring", "deny", ("not-approved-contact",), "1"),)

    async def story(stage: Stage) -> None:
        await stage.family()
        await well(stage)

    found = await played(story, Writes())
    assert [row.rules for row in found.audit] == [("not-approved-contact",)]


async def test_friends_who_are_given_back_are_used_again_until_their_rings_are_used_up_and_spoilt_ones_are_not() -> (
    None
):
    toy = Toy()
    cast, seen = Cast(toy), []

    async def gives_back(stage: Stage) -> None:
        seen.append((await stage.friends(back=True)).a.child)
        await well(stage)

    async def spoils(stage: Stage) -> None:
        seen.append((await stage.friends(back=True)).a.child)
        raise CouldNotSee("half-way")

    for _ in range(RINGS_OF_A_PAIR + 1):
        await play(scenario(gives_back), toy, cast)
    assert len(set(seen)) == 2
    assert seen[-1] != seen[0]
    await play(scenario(spoils), toy, cast)
    await play(scenario(gives_back), toy, cast)
    assert len(set(seen)) == 3, "who was in a story that broke off is in nobody's again"


async def test_people_of_a_run_never_have_the_same_name() -> None:
    cast = Cast(Toy())
    names = [cast.name("Maya") for _ in range(200)]
    assert len(set(names)) == 200


# -- a whole run ------------------------------------------------------------------------------------------------------------


async def test_a_run_tells_what_it_does_and_ends_with_the_verdict_of_each_promise() -> None:
    told: list[Mapping[str, Any]] = []

    async def bad(stage: Stage) -> None:
        await well(stage)
        stage.attack("Another way.", "It went through.", False)

    found = await inspect(Toy(), [scenario(well, name="a"), scenario(bad, name="b")], tell=told.append)
    assert found.verdicts() == {"contacts-only": "broken"}
    assert status(found) == 1
    assert [one["t"] for one in told if one["t"] not in ("step", "playing", "done")] == ["begun", "opened", "outcome"]
    assert {one["scenario"]: one["outcome"] for one in told if one["t"] == "done"} == {"a": "proven", "b": "broken"}
    assert sum(one["t"] == "step" for one in told) == 5
    assert told[-1] == {"t": "outcome", "all_proven": False, "verdicts": {"contacts-only": "broken"}}


async def test_what_measures_is_played_alone_and_the_rest_a_few_at_a_time() -> None:
    now, most, beside = 0, 0, 0

    def story(alone: bool) -> Play:
        async def there(stage: Stage) -> None:
            nonlocal now, most, beside
            now += 1
            most, beside = max(most, now), max(beside, now if alone else 0)
            await asyncio.sleep(0.01)
            now -= 1
            await well(stage)

        return there

    many = [scenario(story(False), name=f"s{n}") for n in range(6)]
    found = await inspect(Toy(), [*many, scenario(story(True), name="m", alone=True)], at_once=3)
    assert found.all_proven
    assert [one.scenario for one in found.findings] == [*(f"s{n}" for n in range(6)), "m"], (
        "told in the order that was asked"
    )
    assert (most, beside) == (3, 1)


async def test_a_platform_that_does_not_open_shows_nothing_and_is_still_told_of() -> None:
    class Shut(Toy):
        async def open(self) -> None:
            raise CouldNotSee("There is nobody at this address.")

    found = await inspect(Shut(), [scenario(well)])
    assert [(one.outcome, one.why) for one in found.findings] == [("not_shown", "There is nobody at this address.")]
    assert status(found) == 3


async def test_a_platform_that_hangs_when_it_closes_takes_nothing_back() -> None:
    class Stuck(Toy):
        async def close(self) -> None:
            await asyncio.Event().wait()

    told: list[Mapping[str, Any]] = []
    found = await inspect(Stuck(), [scenario(well)], tell=told.append, closing=0.05)
    assert found.all_proven
    assert any(one["t"] == "said" and "closed" in one["what"] for one in told)


async def test_when_the_time_is_used_up_the_rest_could_not_be_shown() -> None:
    async def long(stage: Stage) -> None:
        await asyncio.Event().wait()

    found = await inspect(Toy(), [scenario(long, 60, "a"), scenario(well, name="b")], at_once=1, seconds=1.2)
    assert [one.outcome for one in found.findings] == ["not_shown", "not_shown"]
    assert "used up" in found.findings[1].why


def test_exit_status_is_0_only_when_everything_is_proven() -> None:
    def told(*outcomes: Any) -> Inspection:
        steps = (Step("control", "t", "s", True, 0), Step("attack", "t", "s", True, 0))
        findings = tuple(Finding(f"s{n}", "t", (f"p{n}",), one, "why", steps) for n, one in enumerate(outcomes))
        return Inspection(Inspected("x", "1", ""), "by", 0, 1, tuple(f"p{n}" for n in range(len(outcomes))), findings)

    assert status(told("proven", "proven")) == 0
    assert status(told("proven", "not_shown")) == 3
    assert status(told("not_shown", "broken")) == 1
    assert status(told()) == 3


def test_a_difference_in_time_is_heard_only_when_it_is_no_chance_and_large_enough() -> None:
    noise = [(-1) ** n * (n % 7) * 1.0 for n in range(150)]
    assert heard(noise) == 0
    assert heard([one + 8 for one in noise]) == 1
    assert heard([one - 8 for one in noise]) == -1
    assert heard([0.5] * 150) == 0, "always slower, by less than a network lets one hear"
    assert heard([5.0, -5.0, 5.0] * 4) == 0, "two of three among twelve is chance"


def test_nothing_that_a_platform_says_moves_the_cursor_of_whoever_watches(capsys: pytest.CaptureFixture[str]) -> None:
    bad = "no \x1b[2J\x1b[H\x9b8m\rEvery promise in scope is proven.\n\u202e"
    say = Said()
    step = {"kind": "attack", "tried": bad, "seen": bad, "as_promised": False, "after": 1.0}
    for told in (
        {"t": "opened", "name": bad, "version": bad},
        {"t": "step", "scenario": bad, **step},
        {"t": "done", "scenario": bad, "title": bad, "outcome": "broken", "why": bad, "seconds": 1.0},
        {"t": "outcome", "verdicts": {bad: "broken"}, "all_proven": False},
        {"t": "said", "what": bad},
    ):
        say(told)
    out, err = capsys.readouterr()
    assert "BROKEN" in out
    assert all(sign.isprintable() or sign == "\n" for sign in out + err)
    assert not any(line.startswith("Every promise") for line in out.splitlines())
