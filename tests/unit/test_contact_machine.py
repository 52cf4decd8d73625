"""The four-yes machine: its safety questions asked of every row, and a walk of random events beside an independent model."""

from __future__ import annotations

from itertools import permutations
from typing import Any, get_args

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from server.contacts import (
    TABLE,
    Bond,
    End,
    Event,
    Lapse,
    Recount,
    SayNo,
    SayYes,
    Slot,
    State,
    Switch,
    Yes,
    needed,
    step,
)

FOUR = needed(both_children=True)
THREE = needed(both_children=False)
CAMERA, VOICE, NOTHING = Yes(True, True), Yes(True, False), Yes(False, False)
OVER: tuple[State, ...] = ("refused", "lapsed", "ended")


def asked(slots: frozenset[Slot] = FOUR, **said: Yes) -> Bond:
    return Bond("asked", slots, dict(said))  # type: ignore[arg-type]  # the keyword names are the slots


def approved(yes: Yes = CAMERA, slots: frozenset[Slot] = FOUR) -> Bond:
    return Bond("approved", slots, dict.fromkeys(slots, yes))


def events(slots: frozenset[Slot]) -> list[Event]:
    found: list[Event] = [SayNo(), End(), Lapse(), Recount()]
    for slot in slots:
        for yes in (CAMERA, VOICE, NOTHING):
            found += [SayYes(frozenset((slot,)), yes), Switch(frozenset((slot,)), yes)]
    return found


def test_every_state_has_its_row() -> None:
    assert set(TABLE) == set(get_args(State))


@pytest.mark.parametrize("state", OVER)
def test_nothing_leaves_a_contact_that_is_over(state: State) -> None:
    for event in events(FOUR):
        assert step(Bond(state, FOUR, dict.fromkeys(FOUR, CAMERA)), event) is None


@pytest.mark.parametrize("slots", [FOUR, THREE])
def test_anybody_can_end_what_is_not_over(slots: frozenset[Slot]) -> None:
    for bond in (asked(slots), approved(slots=slots)):
        for event, after in ((SayNo(), OVER), (End(), OVER), (Lapse(), OVER)):
            ended = step(bond, event)
            assert ended is not None
            assert ended.state in after


@pytest.mark.parametrize("slots", [FOUR, THREE])
def test_only_the_last_yes_approves_in_whatever_order_they_come(slots: frozenset[Slot]) -> None:
    for order in permutations(slots):
        bond: Bond | None = asked(slots)
        for number, slot in enumerate(order, start=1):
            assert bond is not None
            assert (bond.state, bond.voice) == ("asked", False)
            bond = step(bond, SayYes(frozenset((slot,)), CAMERA))
            assert bond is not None
            assert (bond.state == "approved") == (number == len(slots))
        assert bond is not None
        assert bond.video


def test_one_act_fills_every_place_in_which_somebody_stands() -> None:
    siblings = step(asked(a=CAMERA, b=CAMERA), SayYes(frozenset(("guardian_a", "guardian_b")), VOICE))
    assert siblings is not None
    assert (siblings.state, siblings.voice, siblings.video) == ("approved", True, False)


def test_one_voice_only_makes_it_voice_only_and_one_refusal_ends_it() -> None:
    bond = asked(a=CAMERA, b=CAMERA, guardian_b=CAMERA)
    quiet = step(bond, SayYes(frozenset(("guardian_a",)), VOICE))
    assert quiet is not None
    assert (quiet.state, quiet.voice, quiet.video) == ("approved", True, False)
    refused = step(bond, SayNo())
    assert refused is not None
    assert (refused.state, refused.voice) == ("refused", False)


def test_a_yes_to_nothing_is_no_yes() -> None:
    assert step(asked(), SayYes(frozenset(("a",)), NOTHING)) is None
    assert step(asked(), SayYes(frozenset(), CAMERA)) is None
    assert step(asked(THREE), SayYes(frozenset(("guardian_b",)), CAMERA)) is None


def test_a_yes_is_said_once_and_cannot_be_widened_by_saying_it_again() -> None:
    assert step(asked(guardian_a=VOICE), SayYes(frozenset(("guardian_a",)), CAMERA)) is None
    assert step(approved(VOICE), SayYes(frozenset(("guardian_a",)), CAMERA)) is None


def test_a_switch_waits_for_the_yes_and_never_gives_video_without_voice() -> None:
    assert step(asked(), Switch(frozenset(("guardian_a",)), CAMERA)) is None
    off = step(approved(), Switch(frozenset(("guardian_a",)), Yes(False, True)))
    assert off is not None
    assert (off.state, off.voice, off.video) == ("approved", False, False)
    assert off.yeses["guardian_a"] == NOTHING
    on = step(off, Switch(frozenset(("guardian_a",)), VOICE))
    assert on is not None
    assert (on.voice, on.video) == (True, False)


def test_switching_off_before_the_last_yes_takes_the_yes_back() -> None:
    bond = step(asked(a=CAMERA, b=CAMERA, guardian_a=CAMERA), Switch(frozenset(("guardian_a",)), NOTHING))
    assert bond is not None
    after = step(bond, SayYes(frozenset(("guardian_b",)), CAMERA))
    assert after is not None
    assert after.state == "asked"
    back = step(after, Switch(frozenset(("guardian_a",)), VOICE))
    assert back is not None
    assert (back.state, back.voice, back.video) == ("approved", True, False)


LED = needed(both_children=True, led=["a"])


def test_who_leads_needs_no_guardians_yes_and_the_other_side_still_does() -> None:
    assert {"a", "b", "guardian_b"} == LED
    assert needed(both_children=False, led=["a"]) == {"a", "b"}
    assert needed(both_children=True, led=["a", "b"]) == {"a", "b"}


def test_a_recount_approves_what_waits_for_nobody_any_more_and_nothing_else() -> None:
    assert step(asked(a=CAMERA, b=CAMERA, guardian_b=VOICE), Recount()) is None
    after = step(asked(LED, a=CAMERA, b=CAMERA, guardian_b=VOICE), Recount())
    assert after is not None
    assert (after.state, after.voice, after.video) == ("approved", True, False)
    assert step(asked(LED, a=CAMERA, b=CAMERA), Recount()) is None
    assert step(approved(), Recount()) is None


def test_a_yes_that_is_needed_only_now_is_asked_for_and_can_be_said_late() -> None:
    bond = Bond("approved", FOUR, {"a": CAMERA, "b": CAMERA, "guardian_b": CAMERA})
    assert (bond.shown, bond.asked_of, bond.voice) == ("asked", {"guardian_a"}, False)
    late = step(bond, SayYes(frozenset(("guardian_a",)), VOICE))
    assert late is not None
    assert (late.state, late.shown, late.voice, late.video) == ("approved", "approved", True, False)
    refused = step(bond, SayNo())
    assert refused is not None
    assert refused.state == "ended"


def test_a_switch_that_is_off_is_not_asked_for_again() -> None:
    off = step(approved(), Switch(frozenset(("guardian_a",)), NOTHING))
    assert off is not None
    assert (off.shown, off.asked_of) == ("approved", frozenset())
    assert step(off, SayYes(frozenset(("guardian_a",)), VOICE)) is None


class Walk(RuleBasedStateMachine):
    """Beside the machine a model that keeps nothing but what each place last allowed, and whether it is over."""

    def __init__(self) -> None:
        super().__init__()
        self.bond = asked()
        self.said: dict[str, tuple[bool, bool]] = {}
        self.was_approved = self.over = False

    @initialize(both=st.booleans())
    def begin(self, both: bool) -> None:
        self.bond = asked(needed(both_children=both))

    def take(self, event: Any) -> bool:
        after = step(self.bond, event)
        if after is not None:
            self.bond = after
        return after is not None

    def settle(self) -> None:
        if not self.over and all(self.said.get(slot, (False, False))[0] for slot in self.bond.needed):
            self.was_approved = True

    @rule(slots=st.frozensets(st.sampled_from(sorted(FOUR)), max_size=3), voice=st.booleans(), video=st.booleans())
    def say_yes(self, slots: frozenset[Slot], voice: bool, video: bool) -> None:
        taken = self.take(SayYes(slots, Yes(voice, video)))
        heard = [slot for slot in slots if not self.said.get(slot, (False, False))[0] and slot in self.bond.needed]
        assert taken == (not self.over and not self.was_approved and voice and bool(slots) and len(heard) == len(slots))
        if taken:
            self.said |= dict.fromkeys(slots, (voice, voice and video))
            self.settle()

    @rule(slots=st.frozensets(st.sampled_from(sorted(FOUR)), max_size=2), voice=st.booleans(), video=st.booleans())
    def switch(self, slots: frozenset[Slot], voice: bool, video: bool) -> None:
        taken = self.take(Switch(slots, Yes(voice, video)))
        assert taken == (not self.over and bool(slots) and all(slot in self.said for slot in slots))
        if taken:
            self.said |= dict.fromkeys(slots, (voice, voice and video))
            self.settle()

    @rule(event=st.sampled_from([SayNo(), End(), Lapse()]))
    def stop(self, event: Event) -> None:
        assert self.take(event) == (not self.over)
        self.over = True

    @invariant()
    def the_machine_says_what_the_model_says(self) -> None:
        reachable = not self.over and self.was_approved
        assert (self.bond.state == "approved") == reachable
        assert (self.bond.state in OVER) == self.over
        if reachable:
            given = [self.said[slot] for slot in self.bond.needed]
            assert self.bond.voice == all(voice for voice, _ in given)
            assert self.bond.video == all(voice and video for voice, video in given)


TestWalk = Walk.TestCase
TestWalk.settings = settings(max_examples=150, stateful_step_count=25, deadline=None)
