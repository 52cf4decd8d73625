"""The promises to families hold in every situation there can be, and the proof can fail.

Three things are shown: no situation breaks a promise (``server/policy/prove.py``); the sets of situations that this rests on agree
with the real engine; and whoever weakens a rule breaks the promise that it kept, with a situation that the engine confirms.
"""

from __future__ import annotations

import itertools
import json
import random
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.policy import Rulebook, Verb, load
from server.policy.facts import question_from
from server.policy.prove import (
    ACTS,
    FOR_HELPERS,
    FOR_INSPECTORS,
    FOR_NOBODY,
    OPEN_TO_ALL,
    PROMISES,
    REACH,
    Broken,
    When,
    broken_promises,
    counts,
    hold_against_engine,
    never_answered_yes,
    one_sided,
    prove,
    turned_by_less_safety,
)
from server.policy.situations import NotTranslated, Situations, question, situations_of

HOME = Path(__file__).parents[2] / "server" / "policy"
CEDAR = (HOME / "safe_account.cedar").read_text("utf-8")
SCHEMA = (HOME / "safe_account.cedarschema").read_text("utf-8")
BANDS = (HOME / "bands.toml").read_text("utf-8")
BOOK = load()
ALL = situations_of(CEDAR, SCHEMA)


@cache
def broken() -> list[Broken]:
    return broken_promises(ALL)


# -- the promises ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: str(promise.id))
def test_a_promise_holds_in_every_situation_and_speaks_of_some(promise: Any) -> None:
    assert [one for one in broken() if one.promise == promise.id] == []
    for verb in promise.verbs:
        asked = ALL.verbs[verb]
        assert ALL.space.count(promise.those(When(ALL.space, asked)), asked.facts) > 0, verb


def test_making_any_one_fact_less_safe_never_turns_a_no_into_a_yes() -> None:
    assert turned_by_less_safety(ALL) == []


def test_a_call_is_mutual() -> None:
    assert one_sided(ALL) == []


def test_every_verb_that_is_not_never_is_a_yes_to_somebody() -> None:
    assert never_answered_yes(ALL) == []


def test_every_situation_of_every_verb_is_decided_and_counted() -> None:
    found = {one.verb: one for one in counts(ALL)}
    assert set(found) == {verb.value for verb in Verb}
    assert found["ring"].situations > 10**16
    assert found["ring"].allowed + found["ring"].refused == found["ring"].situations
    for verb in FOR_NOBODY:
        assert found[verb].allowed == 0
    for verb in OPEN_TO_ALL:
        assert found[verb].refused == 0
    # the smallest verb also one by one, without any diagram
    asked = ALL.verbs["host_stage"]
    look_up = ALL.space.table(ALL.answers["host_stage"].allowed)
    one_by_one = sum(
        look_up(ALL.space.bits(dict(zip(asked.facts, values, strict=True))))
        for values in itertools.product(*asked.facts.values())
    )
    assert one_by_one == found["host_stage"].allowed


def test_every_verb_is_promised_something_and_stands_in_one_list() -> None:
    lists = (REACH, ACTS, OPEN_TO_ALL, FOR_NOBODY, FOR_HELPERS, FOR_INSPECTORS, frozenset({Verb.HOST_STAGE}))
    assert sum(map(len, lists)) == len(frozenset().union(*lists)) == len(Verb)
    assert frozenset().union(*(promise.verbs for promise in PROMISES)) == frozenset(Verb)


def test_the_situations_are_those_of_the_questions() -> None:
    """The facts come from the Cedar schema; the house builds questions from facts.py. Both are the same."""
    dice = random.Random(1)
    for verb, asked in ALL.verbs.items():
        plain = question(verb, {fact: dice.choice(values) for fact, values in asked.facts.items()})
        assert question_from(plain).verb.value == verb
        assert BOOK.decide_plain(plain).rules != ("rule-broken",)


# -- against the engine ---------------------------------------------------------------------------------------------------


@pytest.mark.slow  # a minute; `make prove` asks the same and more, and CI runs it
def test_soak_the_engine_itself_answers_as_the_proof_says_it_does() -> None:
    """Every rule alone in every combination of what it sees; every small verb in every combination; a sample of the rest."""
    asking = hold_against_engine(CEDAR, SCHEMA, ALL, dice=random.Random(2019), sample=60, complete=36_000)
    assert asking.otherwise == []
    assert asking.rules == len(BOOK.rules)
    assert {"host_stage", "record", "help", "connect", "end_contact"} <= set(asking.complete)
    assert asking.decisions > 100_000


def test_a_translation_that_is_wrong_is_noticed() -> None:
    wrong = CEDAR.replace("when { context.contact.blocked };", "when { !context.contact.blocked };")
    other = situations_of(wrong, SCHEMA)
    other.clauses = [clause for clause in other.clauses if clause.id == "blocked"]
    asking = hold_against_engine(CEDAR, SCHEMA, other, dice=random.Random(1), sample=2, complete=0)
    assert any("blocked" in one for one in asking.otherwise)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("when { context.contact.blocked };", 'when { context.contact.state like "a*" };', "blocked: an operator"),
        ("when { context.contact.blocked };", "unless { context.contact.blocked };", "unless"),
        ('forbid (principal, action == Action::"react", resource)', 'forbid (principal == Person::"x", action, resource)', "no-reactions"),
    ],
)  # fmt: skip
def test_what_the_proof_does_not_understand_it_does_not_guess_at(old: str, new: str, told: str) -> None:
    assert CEDAR.count(old) == 1
    with pytest.raises(NotTranslated, match=re.escape(told)):
        situations_of(CEDAR.replace(old, new), SCHEMA)


# -- the proof can fail ---------------------------------------------------------------------------------------------------

_REACH_OR = '[Action::"Reach", Action::"Everyday"], resource)\n'

#: for each promise what somebody might do to the rulebook that breaks it: rules taken out, and texts replaced
WEAKER: list[tuple[str, tuple[str, ...], tuple[tuple[str, str], ...]]] = [
    (
        "no-stranger-reaches-a-child",
        ("not-approved-contact",),
        (('|| resource.kind == "child") &&\n  context.contact.state == "approved"\n};', '|| resource.kind == "child")\n};'),),
    ),
    ("grown-ups-meet-only-beside-a-child", ("calls-are-for-children",), ((" &&\n  context.call.with_child\n};", "\n};"),)),
    ("nobody-unknown-does-anything", ("person-not-known",), ()),
    ("blocked-is-blocked", ("blocked",), ()),
    ("blocked-is-blocked", (), (("{ context.contact.blocked }", '{ context.contact.blocked && principal.kind == "child" }'),)),
    ("a-yes-is-not-older-than-a-year", ("contact-past-its-year",), ()),
    ("no-call-without-voice", ("voice-not-approved",), ()),
    ("no-picture-without-video", ("video-not-approved",), ()),
    ("no-picture-without-video", (), (('in [Action::"be_seen_by", Action::"watch_stage"]', '== Action::"be_seen_by"'),)),
    ("no-video-ring-without-video", ("video-ring-not-approved",), ()),
    ("an-unsure-adult-reaches-no-child", ("adult-not-assured",), ()),
    ("an-unsure-adult-reaches-no-child", (), (("assurance < context", "assurance + 1 < context"),)),
    ("an-adult-of-many-families-waits", ("many-unrelated-children",), ()),
    ("a-quiet-child-is-reached-only-by-their-own", ("quiet-hours-there",), ()),
    ("a-call-is-mutual", ("quiet-hours-there",), ()),
    ("minutes-are-minutes", ("minutes-used-up",), ()),
    ("supervision-is-kept", ("grown-up-present",), ()),
    ("supervision-is-kept", ("ask-each-time-there",), ()),
    ("no-call-without-consent-or-account", ("consent-not-valid",), ()),
    ("no-call-without-consent-or-account", ("account-standing-still",), ()),
    ("no-call-without-sign-in-and-device", ("not-signed-in",), ()),
    ("no-call-without-sign-in-and-device", ("device-unpaired",), ()),
    ("a-full-call-is-full", ("too-many-people",), ()),
    ("a-full-call-is-full", (), (("people > context.call.room", "people > context.call.room + 1"),)),
    ("an-ended-call-is-over", ("call-is-over",), ()),
    ("a-stage-has-a-moderator-and-is-allowed-and-on", (), (("!context.stage.moderator || ", ""),)),
    ("a-stage-has-a-moderator-and-is-allowed-and-on", ("stage-is-off",), ((" && resource.on && ", " && "),)),
    ("no-stage-in-quiet-hours-or-without-minutes", ("stage-rests-at-quiet-hours",), ()),
    ("no-stage-in-quiet-hours-or-without-minutes", ("stage-needs-minutes",), ()),
    ("only-children-are-on-stage", (), (('resource.kind != "child" || !context.stage', "!context.stage"),)),
    ("an-ended-stage-is-over", (), ((" || !context.stage.live", ""),)),
    (
        "a-strangers-matter-is-never-touched",
        (),
        (('"Anybodys", resource)\nwhen { resource.whose != "stranger" }', '"Anybodys", resource)'),),
    ),
    ("only-a-guardian-and-only-for-an-own-child", ("only-who-looks-after",), (('["ward", "nobody"]', '["ward", "own", "nobody"]'),)),
    ("nobody-speaks-for-a-child", ("children-only",), (('{ principal.kind == "child" && resource.whose', "{ resource.whose"),)),
    (
        "no-child-signs-for-devices",
        ("grown-ups-only",),
        (('["guardian", "trusted_adult"].contains(principal.kind) && resource.whose', "resource.whose"),),
    ),
    ("pictures-are-for-the-grown-ups-of-the-contact", ("not-yours",), ()),
    ("a-guardian-does-not-look-over-a-leading-teenager", ("teen-led",), ()),
    ("single-calls-are-a-teenagers-from-13", ("know-and-discuss",), ()),
    ("only-a-leading-teenager-changes-own-limits", ("not-leading",), ()),
    ("nobody-leads-too-young", ("not-old-enough-to-lead",), ()),
    ("nothing-new-without-consent", ("child-standing-still",), ()),
    ("an-adult-of-many-families-becomes-nobodys-contact", ("one-family-too-many",), ()),
    ("one-helper-alone-learns-nothing", ("two-helpers",), ()),
    ("one-helper-alone-learns-nothing", ("only-evidence-of-the-case",), ()),
    ("one-helper-alone-learns-nothing", ("ask-ran-out",), ()),
    ("no-mark-is-asked-for-without-a-case", ("no-mark-without-a-case",), ()),
    ("marks-are-for-helpers", ("helpers-only",), (('"Helpers", resource)\nwhen { principal.kind == "helper" }', '"Helpers", resource)'),)),
    (
        "a-helper-is-nobody-to-a-family",
        (),
        (('"nobody"].contains(principal.kind) &&\n', '"nobody", "helper"].contains(principal.kind) &&\n'),),
    ),
    (
        "evidence-is-for-inspectors",
        ("inspectors-only",),
        (('"Inspectors", resource)\nwhen { principal.kind == "inspector" }', '"Inspectors", resource)'),),
    ),
    ("an-inspector-is-told-of-nobody", ("evidence-names-nobody",), ()),
    (
        "an-inspector-reaches-no-family-and-changes-nothing",
        (),
        (('"nobody"].contains(principal.kind) &&\n', '"nobody", "inspector"].contains(principal.kind) &&\n'),),
    ),
    ("what-is-not-known-is-a-no", ("unknown-fact",), ()),
    ("nobody-ever", ("nobody-searches",), (('in Action::"SafeHarbour"', 'in [Action::"SafeHarbour", Action::"Never"]'),)),
    (
        "help-is-always-open",
        (),
        ((_REACH_OR + "when { !principal.consent", _REACH_OR.replace("[", '[Action::"SafeHarbour", ') + "when { !principal.consent"),),
    ),
    (
        "what-closes-is-never-refused-to-a-guardian",
        (),
        ((_REACH_OR + "when { !principal.consent", _REACH_OR.replace("Everyday", "Manage") + "when { !principal.consent"),),
    ),
    (
        "anybody-can-end-their-own",
        (),
        ((_REACH_OR + "when { !principal.active", _REACH_OR.replace("Everyday", "Manage") + "when { !principal.active"),),
    ),
    ("friends-are-not-kept-apart", ("approved-contacts-may-meet",), ()),
    ("less-safe-opens-nothing", (), (("{ context.contact.blocked }", "{ !context.contact.blocked }"),)),
    ("less-safe-opens-nothing", (), (("!context.contact.in_year", "context.contact.in_year"),)),
]  # fmt: skip


def weakened(dropped: tuple[str, ...], replaced: tuple[tuple[str, str], ...]) -> str:
    text = CEDAR
    for old, new in replaced:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    for rule in dropped:
        parts = re.split(r"(?=^@id\()", text, flags=re.MULTILINE)
        kept = [part for part in parts if not part.startswith(f'@id("{rule}")')]
        assert len(kept) == len(parts) - 1, rule
        text = "".join(kept)
    return text


@pytest.mark.parametrize(
    ("promise", "dropped", "replaced"),
    WEAKER,
    ids=[f"{number}-{promise}" for number, (promise, _, _) in enumerate(WEAKER)],
)
def test_whoever_weakens_a_rule_breaks_its_promise_and_the_engine_confirms_it(
    promise: str, dropped: tuple[str, ...], replaced: tuple[tuple[str, str], ...]
) -> None:
    text = weakened(dropped, replaced)
    book = Rulebook(text, SCHEMA, BANDS)
    found = [one for one in prove(situations_of(text, SCHEMA)) if one.promise == promise]
    assert found
    for one in found:
        assert one.situations > 0
        assert book.decide_plain(one.example).allowed is one.answer
        if promise != "a-call-is-mutual":  # there one side is as before, and the other turned
            assert BOOK.decide_plain(one.example).allowed is not one.answer


def test_for_every_promise_somebody_has_tried_to_break_it() -> None:
    tried = {promise for promise, _, _ in WEAKER}
    assert tried == {promise.id for promise in PROMISES} | {"less-safe-opens-nothing", "a-call-is-mutual"}


def test_a_rulebook_of_noes_does_not_pass() -> None:
    silent: Situations = situations_of(weakened(("a-guardian-looks-after",), ()), SCHEMA)
    assert "add_child" in never_answered_yes(silent)


# -- total: never an error ------------------------------------------------------------------------------------------------

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
verbs = st.sampled_from(sorted(ALL.verbs))


@settings(max_examples=300, deadline=None)
@given(st.data(), verbs)
def test_a_question_with_a_fact_missing_more_or_mistyped_is_a_no_by_its_name(data: st.DataObject, verb: str) -> None:
    plain = question(verb, {fact: data.draw(st.sampled_from(values)) for fact, values in ALL.verbs[verb].facts.items()})
    assert BOOK.decide_plain(plain).rules != ("rule-broken",)
    part = data.draw(st.sampled_from([name for name in plain if name != "verb"]))
    fact = data.draw(st.sampled_from(sorted(plain[part])))
    was = plain[part][fact]
    broken = json.loads(json.dumps(plain))
    match data.draw(st.sampled_from(["missing", "mistyped", "more", "part"])):
        case "missing":
            del broken[part][fact]
        case "mistyped":
            broken[part][fact] = data.draw(anything.filter(lambda value: type(value) is not type(was)))
        case "more":
            broken[part]["not a fact"] = data.draw(anything)
        case _:
            broken[part] = data.draw(anything)
    decision = BOOK.decide_plain(broken)
    assert (decision.allowed, decision.rules, decision.code) == (False, ("rule-broken",), "internal")


@settings(max_examples=200, deadline=None)
@given(st.one_of(anything, st.fixed_dictionaries({"verb": verbs | anything, "x": anything, "matter": anything})))
def test_whatever_is_asked_nothing_raises_and_nothing_opens(plain: Any) -> None:
    assert not BOOK.decide_plain(plain)


@settings(max_examples=200, deadline=None)
@given(st.data(), verbs, st.text(max_size=20), st.integers(-(2**80), 2**80))
def test_no_text_and_no_number_is_an_error_or_a_way_in(data: st.DataObject, verb: str, text: str, number: int) -> None:
    """Any text stands where ``something-else`` stood, any number where some number stood: the proof's ranges are wide enough."""
    situation = {fact: data.draw(st.sampled_from(values)) for fact, values in ALL.verbs[verb].facts.items()}
    odd = data.draw(st.sampled_from(sorted(fact for fact, value in situation.items() if not isinstance(value, bool))))
    known = ALL.verbs[verb].facts[odd]
    value: str | int = text if isinstance(situation[odd], str) else number
    decision = BOOK.decide_plain(question(verb, {**situation, odd: value}))
    if verb not in {one.value for one in OPEN_TO_ALL} and value not in known and odd != "call.room":
        assert not decision or (odd == "call.people" and isinstance(value, int))
    if isinstance(value, str) and value not in known:
        assert decision == BOOK.decide_plain(question(verb, {**situation, odd: "something-else"}))
