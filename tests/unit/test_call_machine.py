"""The safety questions, asked in a loop over the call machine's table and over every state that calls of two and three people
can reach."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import permutations
from pathlib import Path
from typing import get_args

import pytest
from msgspec.structs import replace

from signalling import call as machine
from signalling.authority import Lane
from signalling.call import (
    ANSWERED,
    CALL,
    LEG,
    ORDER,
    TOLD_TO_OTHERS,
    Accepted,
    Back,
    Bounded,
    Call,
    CallState,
    Closes,
    Cut,
    Effect,
    Event,
    Happening,
    Lost,
    MakeOffer,
    MediaUp,
    Move,
    NoteEnded,
    NoteIn,
    NoteOut,
    Open,
    Opens,
    Placed,
    RemoveLeg,
    Ring,
    RingOver,
    Sealed,
    StartTimer,
    Stopped,
    StopRinging,
    StopTimer,
    TellEnded,
    TellLeft,
    TellState,
    WaitOver,
    Went,
    open_lanes,
    placed,
    step,
)
from signalling.protocol import Code, LegState

DOCS = Path(__file__).parents[2] / "docs" / "reference" / "call-states.md"
TELLS = (TellLeft, TellEnded, TellState)
NOTES = (NoteIn, NoteOut, NoteEnded)


def all_lanes(people: Iterable[str]) -> frozenset[Lane]:
    return frozenset((p, v, kind) for p, v in permutations(people, 2) for kind in ("audio", "video"))  # type: ignore[misc]  # kind is a Media


def events(people: tuple[str, ...]) -> Iterator[Event]:
    """Everything that can be said to a call of these people, sensible or not."""
    every = all_lanes(people)
    voices = frozenset(lane for lane in every if lane[2] == "audio")
    yield Placed()
    yield Placed(((people[-1], "busy"),))
    yield Placed(tuple((p, "unreachable") for p in people[1:]))
    yield RingOver()
    yield Stopped("ended_by_supervisor")
    yield Bounded(every)
    yield Bounded(voices)
    yield Bounded(frozenset())
    yield Bounded(every, tuple((p, "policy_revoked") for p in people[:2]))
    for p in people:
        own = frozenset(lane for lane in every if lane[0] == p)
        yield Accepted(p, every)
        yield Accepted(p, voices)
        yield Opens(p, True, True, own)
        yield Closes(p, True, False)
        yield Closes(p, False, False)
        yield Went(p, "left")
        yield WaitOver(p)
        yield MediaUp(p)
        yield Lost(p)
        yield Back(p)
        yield Sealed(p)
        yield Bounded(voices, ((p, "quiet_hours"),))


@cache
def walk(people: tuple[str, ...], most: int) -> tuple[tuple[Call, Event, Call, tuple[Effect, ...]], ...]:
    """Every step out of every state reachable in this many states, epochs aside."""
    first = placed("c_walk0001", "video", people, all_lanes(people))
    seen, edge, steps = {first}, [first], []
    said = tuple(events(people))
    while edge:
        before = edge.pop(0)
        for event in said:
            stepped = step(before, event)
            if stepped is None:
                continue
            after, effects = stepped
            steps.append((before, event, after, effects))
            plain = replace(after, epoch=0)
            if plain not in seen and len(seen) < most:
                seen.add(plain)
                edge.append(plain)
    return tuple(steps)


@cache
def every_step() -> tuple[tuple[Call, Event, Call, tuple[Effect, ...]], ...]:
    """Of two people all there are, of three as many as a test has time for."""
    return walk(("ann", "ben"), 100_000) + walk(("ann", "ben", "cat"), 1_200)


@pytest.fixture(scope="module", autouse=True)
def forgotten() -> Iterator[None]:
    """Hundreds of thousands of steps, which a worker that goes on to other tests need not carry."""
    yield
    every_step.cache_clear()
    walk.cache_clear()


def of(effects: Iterable[Effect], *kinds: type[Effect]) -> list[Effect]:
    return [effect for effect in effects if isinstance(effect, kinds)]


def lanes(effects: Iterable[Effect], kind: type[Cut] | type[Open]) -> set[Lane]:
    return {lane for effect in effects if isinstance(effect, kind) for lane in effect.lanes}


# -- the table --------------------------------------------------------------------------------------------------------


def test_every_state_has_its_row_and_every_arrow_leads_to_a_state() -> None:
    assert set(CALL) == set(get_args(CallState))
    assert set(LEG) == set(get_args(LegState))
    assert {to for row in CALL.values() for to in row.values()} <= set(CALL)
    assert {to for row in LEG.values() for to in row.values()} <= set(LEG)
    assert {what for row in CALL.values() for what in row} == set(get_args(Happening))
    assert {what for row in LEG.values() for what in row} == set(get_args(Move))


def test_the_last_rows_are_empty_and_no_other_is() -> None:
    assert [state for state, row in CALL.items() if not row] == ["ended"]
    assert [state for state, row in LEG.items() if not row] == ["left"]


@pytest.mark.parametrize("state", [state for state in CALL if state not in ("idle", "ended")])
def test_every_live_call_can_be_stopped_and_deserted(state: CallState) -> None:
    assert CALL[state]["stopped"] == CALL[state]["deserted"] == "ended"


@pytest.mark.parametrize("state", [state for state in LEG if state != "left"])
def test_everybody_can_always_go(state: LegState) -> None:
    assert LEG[state]["goes"] == "left"


def test_only_an_answer_leads_out_of_being_invited_into_the_call() -> None:
    into = {what for what, to in LEG["invited"].items() if to in ANSWERED}
    assert into == {"accepts"}
    assert not any("accepts" in row for state, row in LEG.items() if state != "invited")


# -- every reachable step ---------------------------------------------------------------------------------------------


def test_the_walk_reaches_every_state_of_calls_and_legs() -> None:
    assert {after.state for _, _, after, _ in every_step()} == set(CALL) - {"idle"}
    assert {leg.state for _, _, after, _ in every_step() for leg in after.legs} == set(LEG)
    assert {type(effect) for *_, effects in every_step() for effect in effects} == set(get_args(Effect))


def test_nothing_leaves_ended() -> None:
    ended = {replace(after, epoch=0) for _, _, after, _ in every_step() if after.state == "ended"}
    assert ended
    for call in ended:
        for event in events(tuple(leg.person for leg in call.legs)):
            assert step(call, event) is None


def test_nobody_who_left_comes_back() -> None:
    for before, event, after, _ in every_step():
        for old, new in zip(before.legs, after.legs, strict=True):
            assert old.state != "left" or new == old, event


def test_effects_come_in_their_fixed_order() -> None:
    rank = {kind: place for place, kind in enumerate(ORDER)}
    for _, event, _, effects in every_step():
        ranks = [rank[type(effect)] for effect in effects]
        assert ranks == sorted(ranks), event
    assert max(rank[Cut], rank[RemoveLeg]) < min(rank[kind] for kind in (StopRinging, Open, Ring, *TELLS))
    assert max(rank[kind] for kind in TELLS) < min(rank[kind] for kind in NOTES)


def test_the_gate_is_told_exactly_the_difference() -> None:
    """Replaying cuts and opens from the start gives the lanes that may be open: so none is forgotten, none is left."""
    for before, event, after, effects in every_step():
        was = set(open_lanes(before))
        now = was - lanes(effects, Cut) | lanes(effects, Open)
        assert now == open_lanes(after), event
        assert lanes(effects, Cut) <= was


def test_nothing_is_open_that_was_not_bound_granted_sent_answered_and_sealed_on_both_sides() -> None:
    for _, event, after, effects in every_step():
        answered = {leg.person: leg for leg in after.legs if leg.state in ANSWERED}
        for publisher, viewer, kind in open_lanes(after) | lanes(effects, Open):
            assert (publisher, viewer, kind) in after.bound & after.granted, event
            assert publisher in answered
            assert viewer in answered
            assert answered[publisher].audio if kind == "audio" else answered[publisher].video
            assert answered[publisher].sealed
            assert answered[viewer].sealed


def test_nobody_is_sealed_before_saying_so_and_only_by_saying_so() -> None:
    for before, event, after, effects in every_step():
        for old, new in zip(before.legs, after.legs, strict=True):
            if new.sealed and not old.sealed:
                assert event == Sealed(new.person)
                assert new.answered
            if old.sealed and not new.sealed:
                assert new.state == "left"
        if isinstance(event, Sealed):
            assert not of(effects, Cut, RemoveLeg, MakeOffer), "it grants nothing and takes nothing away"
            assert all(event.person in lane[:2] for lane in lanes(effects, Open))
            assert after.granted == before.granted
            assert after.bound == before.bound


def test_a_place_in_the_list_is_one_persons_for_the_whole_call() -> None:
    for before, _, after, _ in every_step():
        people = [leg.person for leg in before.legs]
        assert [leg.person for leg in after.legs] == people
        assert [after.index(person) for person in people] == list(range(1, len(people) + 1))


def test_no_place_at_the_gate_before_somebody_has_answered() -> None:
    for before, event, after, effects in every_step():
        for effect in of(effects, MakeOffer):
            assert isinstance(event, Accepted)
            assert after.state in ("connecting", "active")
            leg = after.leg(effect.person)  # type: ignore[union-attr]  # a MakeOffer has a person
            assert leg is not None
            assert leg.answered
        if before.state in ("idle", "ringing") and after.state == "ringing":
            assert not of(effects, MakeOffer, Open)


def test_a_camera_is_never_open_on_coming_in() -> None:
    for _, event, after, effects in every_step():
        if isinstance(event, Accepted):
            leg = after.leg(event.person)
            assert leg is not None
            assert not leg.video
            assert not lanes(effects, Open), "a new device has no keys yet, so nothing opens to it or from it"


def test_nobodys_picture_opens_by_anybody_elses_message() -> None:
    for _, event, _, effects in every_step():
        for publisher, viewer, kind in lanes(effects, Open):
            if kind == "video":
                assert isinstance(event, Opens | Sealed)
                assert event.person == publisher or isinstance(event, Sealed)
                assert viewer == event.person or publisher == event.person


def test_every_way_out_shuts_everything_before_anybody_is_told() -> None:
    for before, event, after, effects in every_step():
        if after.state != "ended" or before.state == "ended":
            continue
        assert lanes(effects, Cut) == open_lanes(before), event
        removed = {effect.person for effect in of(effects, RemoveLeg)}  # type: ignore[union-attr]  # a RemoveLeg has a person
        assert removed == {leg.person for leg in before.legs if leg.answered}
        told = {effect.person for effect in of(effects, TellEnded, StopRinging)}  # type: ignore[union-attr]  # both have one
        expected = {leg.person for leg in before.legs if leg.state != "left"}
        if before.state == "idle":
            expected = {before.caller}  # the others never rang
        assert told == expected, event
        assert len(of(effects, NoteEnded)) == 1
        assert isinstance(effects[-1], NoteEnded)
        assert not of(effects, Open, Ring, MakeOffer, TellState)


def test_whoever_goes_loses_the_place_at_the_gate_in_the_same_step() -> None:
    for before, _, after, effects in every_step():
        for old, new in zip(before.legs, after.legs, strict=True):
            if old.answered and new.state == "left":
                assert RemoveLeg(new.person) in effects
                assert not any(new.person in lane[:2] for lane in open_lanes(after))


def test_a_call_lives_only_while_two_are_in_it_or_can_still_come() -> None:
    for _, event, after, _ in every_step():
        if after.state == "ended":
            continue
        assert len(after.live()) >= 2, event
        if after.state == "ringing":
            assert after.caller in after.live()
        else:
            assert any(leg.answered for leg in after.legs)


def test_every_timer_that_starts_is_stopped_or_runs_out_and_none_runs_in_an_ended_call() -> None:
    for people, most in ((("ann", "ben"), 100_000), (("ann", "ben", "cat"), 1_200)):
        first = placed("c_walk0001", "video", people, all_lanes(people))
        running: dict[Call, frozenset[tuple[str, str]]] = {first: frozenset()}
        for before, event, after, effects in walk(people, most):
            timers = set(running[replace(before, epoch=0)])
            timers -= {(e.what, e.person) for e in effects if isinstance(e, StopTimer)}
            started = {(e.what, e.person) for e in effects if isinstance(e, StartTimer)}
            assert not started & timers, event
            timers |= started
            expected = {("connect", leg.person) for leg in after.legs if leg.state == "connecting"}
            expected |= {("lost", leg.person) for leg in after.legs if leg.state == "lost"}
            if any(leg.state == "invited" for leg in after.legs[1:]):
                expected.add(("ring", ""))
            assert timers == (set() if after.state == "ended" else expected), event
            running.setdefault(replace(after, epoch=0), frozenset(timers))


def test_the_epoch_counts_changes_and_only_changes() -> None:
    for before, event, after, effects in every_step():
        changed = replace(before, epoch=0) != replace(after, epoch=0)
        assert after.epoch == before.epoch + changed, event
        assert changed or not effects


def test_nobody_learns_anothers_own_reason() -> None:
    own = set(TOLD_TO_OTHERS)
    for _, event, after, effects in every_step():
        for effect in effects:
            if isinstance(effect, TellLeft):
                assert effect.code not in own
            if isinstance(effect, TellEnded | StopRinging) and not isinstance(event, Stopped):
                leg = after.leg(effect.person)
                assert leg is not None
                assert effect.code not in own or leg.why == effect.code


def test_what_the_others_are_told_is_itself_tellable() -> None:
    assert set(TOLD_TO_OTHERS) | set(TOLD_TO_OTHERS.values()) <= set(get_args(Code))
    assert not set(TOLD_TO_OTHERS) & set(TOLD_TO_OTHERS.values())


# -- the same setup, allowed and refused ------------------------------------------------------------------------------


def ringing(*people: str) -> Call:
    stepped = step(placed("c_test0001", "video", people, all_lanes(people)), Placed())
    assert stepped is not None
    return stepped[0]


def both_sealed(call: Call) -> Call:
    """The call after all who are in it have confirmed keys."""
    for person in call.present():
        stepped = step(call, Sealed(person))
        assert stepped is not None
        call = stepped[0]
    return call


def test_an_answer_lets_the_voices_that_it_bounds_be_opened_and_no_more() -> None:
    every = all_lanes(("ann", "ben"))
    one_way = frozenset({("ann", "ben", "audio")})
    for bound, opens in ((every, 2), (one_way, 1), (frozenset(), 0)):
        stepped = step(ringing("ann", "ben"), Accepted("ben", bound))
        assert stepped is not None
        assert len(lanes(stepped[1], Open)) == 0
        assert len(open_lanes(both_sealed(stepped[0]))) == opens


def test_nothing_opens_before_both_have_confirmed_keys_and_then_at_once() -> None:
    stepped = step(ringing("ann", "ben"), Accepted("ben", all_lanes(("ann", "ben"))))
    assert stepped is not None
    for first, second in (("ann", "ben"), ("ben", "ann")):
        one = step(stepped[0], Sealed(first))
        assert one is not None
        assert lanes(one[1], Open) == set()
        assert TellState() in one[1]
        both = step(one[0], Sealed(second))
        assert both is not None
        assert lanes(both[1], Open) == {("ann", "ben", "audio"), ("ben", "ann", "audio")}
        again = step(both[0], Sealed(first))
        assert again == (both[0], ())


def test_somebody_who_has_not_answered_or_has_left_cannot_be_sealed() -> None:
    assert step(ringing("ann", "ben"), Sealed("ann")) is None
    assert step(ringing("ann", "ben"), Sealed("ben")) is None
    assert step(ringing("ann", "ben"), Sealed("eve")) is None
    stepped = step(ringing("ann", "ben", "cat"), Accepted("ben", all_lanes(("ann", "ben"))))
    assert stepped is not None
    assert step(stepped[0], Sealed("ben")) is not None
    left = step(stepped[0], Went("ben", "left"))
    assert left is not None
    assert step(left[0], Sealed("ben")) is None


def test_what_a_rule_took_away_before_the_keys_were_confirmed_stays_shut() -> None:
    stepped = step(ringing("ann", "ben"), Accepted("ben", all_lanes(("ann", "ben"))))
    assert stepped is not None
    one_way = frozenset({("ann", "ben", "audio")})
    bounded = step(stepped[0], Bounded(one_way))
    assert bounded is not None
    assert open_lanes(both_sealed(bounded[0])) == one_way
    assert len(open_lanes(both_sealed(stepped[0]))) == 2


def test_a_grant_outside_the_bound_and_a_grant_for_somebody_else_are_worth_nothing() -> None:
    own, forged = ("ben", "ann", "video"), ("ann", "ben", "video")
    for bound, granted, opened in (
        (all_lanes(("ann", "ben")), {own}, {own}),
        (all_lanes(("ann", "ben")) - {own}, {own}, set()),
        (all_lanes(("ann", "ben")), {forged}, set()),
    ):
        stepped = step(ringing("ann", "ben"), Accepted("ben", bound))
        assert stepped is not None
        shown = step(both_sealed(stepped[0]), Opens("ben", True, True, frozenset(granted)))
        assert shown is not None
        assert {lane for lane in open_lanes(shown[0]) if lane[2] == "video"} == opened


def test_a_decliner_ends_a_call_of_two_and_not_one_of_three() -> None:
    two, three = (
        step(ringing("ann", "ben"), Went("ben", "declined")),
        step(ringing("ann", "ben", "cat"), Went("ben", "declined")),
    )
    assert two is not None
    assert three is not None
    assert (two[0].state, three[0].state) == ("ended", "ringing")
    assert TellEnded("ann", "declined", "ben") in two[1]
    assert TellLeft("ben", "declined") in three[1]


def test_the_picture_in_the_docs_is_the_table() -> None:
    printed = subprocess.run(
        [sys.executable, "-m", "signalling.call"], capture_output=True, text=True, check=True
    ).stdout
    assert printed == machine.diagram()
    assert f"```mermaid\n{printed}```" in DOCS.read_text(encoding="utf-8")
