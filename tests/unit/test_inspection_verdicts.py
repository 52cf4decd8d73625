"""Nothing is proven by default: only a control that worked and an attack that was turned away, in one story, prove a promise."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from server.inspection import document
from server.inspection.findings import WORST_FIRST, Finding, Inspected, Inspection, Outcome, Step, outcome_of, worst

WHO = Inspected("A platform", "1", "http://localhost:1")
outcomes = st.sampled_from(WORST_FIRST)
steps = st.lists(
    st.builds(
        Step,
        kind=st.sampled_from(("control", "attack")),
        tried=st.just("something"),
        seen=st.just("something"),
        as_promised=st.sampled_from((True, True, False, None)),
        after=st.floats(0, 10),
    ),
    max_size=6,
).map(tuple)
faults = st.none() | st.just("The server hung.")
promises = st.lists(st.sampled_from(("one", "two", "three")), unique=True, max_size=3).map(tuple)
findings = st.lists(
    st.builds(
        Finding,
        scenario=st.just("a-story"),
        title=st.just("A story"),
        promises=promises,
        outcome=outcomes,
        why=st.just("Because."),
        steps=steps,
    ),
    max_size=5,
).map(tuple)


def run(scope: tuple[str, ...], found: tuple[Finding, ...]) -> Inspection:
    return Inspection(WHO, "a test", 0, 1, scope, found)


def carries(told: tuple[Step, ...]) -> bool:
    return {one.kind for one in told} == {"control", "attack"} and all(one.as_promised is True for one in told)


@settings(deadline=None)
@given(steps, faults)
def test_a_story_is_proven_exactly_when_it_was_told_to_its_end_and_every_step_of_both_kinds_went_as_promised(
    told: tuple[Step, ...], fault: str | None
) -> None:
    assert (outcome_of(told, fault) == "proven") == (fault is None and carries(told))


@settings(deadline=None)
@given(steps, faults)
def test_an_attack_that_went_through_is_broken_whatever_else_happened(
    told: tuple[Step, ...], fault: str | None
) -> None:
    through = any(one.kind == "attack" and one.as_promised is False for one in told)
    assert (outcome_of(told, fault) == "broken") == through


@settings(deadline=None)
@given(steps, faults, st.integers(0, 5))
def test_no_story_gets_better_by_a_step_that_went_wrong_or_was_not_seen(
    told: tuple[Step, ...], fault: str | None, place: int
) -> None:
    before = WORST_FIRST.index(outcome_of(told, fault))
    for seen in (False, None):
        for kind in ("control", "attack"):
            worse = (*told[:place], Step(kind, "more", "more", seen, 0.0), *told[place:])  # type: ignore[arg-type]
            assert WORST_FIRST.index(outcome_of(worse, fault)) <= max(before, WORST_FIRST.index("not_shown"))
            assert outcome_of(worse, fault) != "proven"


@settings(deadline=None)
@given(promises, findings)
def test_a_promise_is_proven_exactly_when_a_story_was_told_for_it_and_each_of_them_carries_it(
    scope: tuple[str, ...], found: tuple[Finding, ...]
) -> None:
    for promise, verdict in run(scope, found).verdicts().items():
        speak = [one for one in found if promise in one.promises]
        proven = bool(speak) and all(one.outcome == "proven" and carries(one.steps) for one in speak)
        assert (verdict == "proven") == proven


@settings(deadline=None)
@given(promises, findings, steps, outcomes)
def test_one_more_story_never_makes_another_promise_better_and_never_proves_what_was_broken(
    scope: tuple[str, ...], found: tuple[Finding, ...], told: tuple[Step, ...], said: Outcome
) -> None:
    before = run(scope, found).verdicts()
    more = Finding("one-more", "One more", ("one",), said, "Because.", told)
    after = run(scope, (*found, more)).verdicts()
    for promise in scope:
        if promise == "one" and any("one" in story.promises for story in found):
            assert after[promise] == worst((before[promise], more.shown))
        elif promise != "one":
            assert after[promise] == before[promise]


@settings(deadline=None)
@given(promises, findings)
def test_all_is_proven_only_of_something(scope: tuple[str, ...], found: tuple[Finding, ...]) -> None:
    one = run(scope, found)
    assert one.all_proven == (bool(scope) and set(one.verdicts().values()) == {"proven"})
    assert not run((), found).all_proven


@settings(deadline=None)
@given(promises, findings)
def test_the_report_says_what_the_verdicts_say_and_counts_each_promise_once(
    scope: tuple[str, ...], found: tuple[Finding, ...]
) -> None:
    inspection = run(scope, found)
    report = document.document(inspection, signed_by="")
    assert {one.id: one.verdict for one in report.promises} == inspection.verdicts()
    assert report.counts.proven + report.counts.broken + report.counts.not_shown == len(scope)
    assert report.all_proven == inspection.all_proven
    assert document.decoded(document.encoded(report)) == report


@settings(deadline=None)
@given(findings)
def test_what_a_scenario_says_of_itself_never_makes_it_better(found: tuple[Finding, ...]) -> None:
    for one in found:
        boasted = replace(one, outcome="proven")
        assert boasted.shown == outcome_of(one.steps, None)
        assert WORST_FIRST.index(one.shown) <= WORST_FIRST.index(boasted.shown)
