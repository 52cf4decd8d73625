"""What an inspector is shown is right, bounded, and never a small number; each of these can fail, and is seen to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from itertools import product
from typing import Any

import pytest

from server import evidence
from server.errors import BadRequest
from server.evidence import SMALL, Row, Search, page_of
from server.policy import Verb, load
from server.policy.explain import facts_of, start_of
from server.policy.prove import FOR_NOBODY
from server.promises import Proof, ledger

BOOK = load()
LEDGER = ledger()


# -- small numbers --------------------------------------------------------------------------------------------------------


World = tuple[int, ...]
Told = tuple[int | None, ...]


def narrowest(worlds: Iterable[World], tell: Callable[[World], Told], top: int) -> int:
    """How far somebody who knows all that is told, and how the numbers hang together, can narrow down a number that is not told: the
    fewest values that are left to any such number. Found by trying every world. ``top``: worlds above it are not all there."""
    left: dict[Told, list[set[int]]] = defaultdict(list)
    for world in worlds:
        seen = tell(world)
        for number, value in enumerate(world):
            if len(left[seen]) <= number:
                left[seen].append(set())
            left[seen][number].add(value)
    return min(
        len(values[number])
        for seen, values in left.items()
        for number, one in enumerate(seen)
        if one is None and number < len(values) and all(shown is None or shown <= top for shown in seen)
    )


def parts(world: World) -> Told:
    """As one table is told: each part, and their total."""
    told = evidence.table("x", {str(n): one for n, one in enumerate(world)}, total=True)
    return tuple(row["count"] for row in told["rows"])


def windows(world: World) -> Told:
    """Two parts in the last 30 days, and the same in the last 90, which hold them."""
    return (*parts(world[:2]), *parts(world[2:]))


def days(world: World) -> Told:
    return tuple(map(evidence.told, world))


def true_total(world: World) -> Told:
    """What is not done: parts and total each rounded for themselves."""
    return (*map(evidence.told, world), evidence.told(sum(world)))


def left_out(world: World) -> Told:
    """What is not done either: small numbers left out, and everything else told exactly."""
    return tuple(number if number >= SMALL else None for number in (*world, sum(world)))


TWO = list(product(range(34), repeat=2))
THREE = list(product(range(24), repeat=3))
WINDOWS = [(a, b, a + c, b + d) for a, b, c, d in product(range(20), repeat=4)]
LATER = [(a, a + more) for a, more in product(range(34), repeat=2)]


@pytest.mark.parametrize(
    ("worlds", "tell", "top"), [(TWO, parts, 30), (THREE, parts, 20), (WINDOWS, windows, 10), (LATER, days, 20)],
    ids=["two", "three", "windows", "30 and 90 days"],
)  # fmt: skip
def test_no_combination_of_what_is_told_narrows_down_a_number_that_is_not(
    worlds: list[World], tell: Callable[[World], Told], top: int
) -> None:
    assert narrowest(worlds, tell, top) == SMALL


def test_a_true_total_or_numbers_only_left_out_would_have_told_them() -> None:
    assert narrowest(THREE, true_total, 20) < SMALL
    assert narrowest(TWO, left_out, 20) == 1


def test_numbers_are_rounded_down_to_the_ten_and_none_below_it_is_told() -> None:
    assert [evidence.told(number) for number in (0, 1, 9, 10, 11, 19, 20, 1_234)] == [
        None, None, None, 10, 10, 10, 20, 1_230,
    ]  # fmt: skip


# -- rules, situations, measures ------------------------------------------------------------------------------------------


def test_every_rule_is_told_with_its_sentences_sources_condition_and_verbs() -> None:
    told = evidence.rules(BOOK, LEDGER)["rules"]
    assert {one["id"] for one in told} == {*BOOK.rules, "no-permit", "rule-broken"}
    for one in told:
        assert one["child"] and one["grown_up"] and one["sources"]  # noqa: PT018
        if one["id"] in BOOK.rules:
            assert one["condition"].startswith(one["effect"])
            assert one["verbs"]
        for source in one["sources"]:
            assert source["says"], source
            assert source["status"] in ("in_force", "proposed", "announced", "ours")
    blocked = next(one for one in told if one["id"] == "blocked")
    assert "ring" in blocked["verbs"] and "connect" not in blocked["verbs"]  # noqa: PT018


def test_every_verb_begins_in_good_order() -> None:
    for one in evidence.situations(BOOK)["verbs"]:
        told = BOOK.decide_plain(plain(one["verb"], one["start"]))
        assert told.rules != ("rule-broken",)
        assert bool(told) is (one["verb"] not in FOR_NOBODY), one["verb"]
        assert one["facts"].keys() == one["start"].keys()
        assert all(one["start"][fact] in values for fact, values in one["facts"].items())


def plain(verb: str, facts: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"verb": verb}
    for fact, value in facts.items():
        part, _, name = fact.partition(".")
        found.setdefault(part, {})[name] = value
    return found


@pytest.mark.parametrize(
    "verb", ["ring", "watch_stage", "host_stage", "make_link", "resolve_mark", "look_at_evidence", "help", "record"]
)
def test_whatever_single_fact_would_turn_the_answer_is_told_and_nothing_else(verb: str) -> None:
    start = start_of(BOOK, Verb(verb))
    for begun in (start, {**start, "x.consent": False}):
        told = evidence.judge(BOOK, LEDGER, verb, begun)
        claimed = {(turn["fact"], repr(turn["to"])) for turn in told["turns"]}
        turning = set()
        for fact, values in facts_of(Verb(verb)).items():
            for value in values:
                said = BOOK.decide_plain(plain(verb, {**begun, fact: value}))
                if said.allowed is not (told["verdict"] == "allow") and "unknown-fact" not in said.rules:
                    turning.add((fact, repr(value)))
        assert claimed == turning


def test_a_value_that_the_rules_do_not_know_is_no_turn_and_leaving_one_is() -> None:
    start = {**start_of(BOOK, Verb.RING), "y.kind": "trusted_adult", "y.band": "18+"}
    claimed = {(turn["fact"], turn["to"]) for turn in evidence.judge(BOOK, LEDGER, "ring", start)["turns"]}
    assert ("contact.assurance", 1) in claimed
    assert claimed.isdisjoint(
        {("contact.assurance", 4), ("contact.assurance_needed", 4), ("x.kind", "helper"), ("call.people", 0)}
    )
    assert not [fact for fact, to in claimed if to == "something-else"]
    unknown = evidence.judge(BOOK, LEDGER, "ring", {**start, "contact.assurance": 4})
    assert unknown["verdict"] == "deny"
    assert {(turn["fact"], turn["to"]) for turn in unknown["turns"]} == {
        ("contact.assurance", 2),
        ("contact.assurance", 3),
    }


@pytest.mark.parametrize(
    ("verb", "change"),
    [
        ("fly", {}),
        ("ring", {"x.kind": "king"}),
        ("ring", {"x.consent": 1}),
        ("ring", {"call.people": True}),
        ("ring", {"call.people": 10**30}),
        ("ring", {"x.shoes": True}),
        ("ring", {"x.kind": None}),
    ],
)
def test_what_is_no_situation_is_refused(verb: str, change: dict[str, Any]) -> None:
    start = start_of(BOOK, Verb.RING)
    assert evidence.judge(BOOK, LEDGER, "ring", start)["verdict"] == "allow"
    with pytest.raises(BadRequest):
        evidence.judge(BOOK, LEDGER, verb, {**start, **change})
    missing = {fact: value for fact, value in start.items() if fact != "x.kind"}
    with pytest.raises(BadRequest):
        evidence.judge(BOOK, LEDGER, "ring", missing)


def test_a_promise_is_told_as_proven_only_where_its_proof_says_so() -> None:
    first, second, third = LEDGER.ids[:3]
    proofs = {first: Proof(True, "All passed.", 7), second: Proof(False, "It failed.", 7, failed=True)}
    told = {one["id"]: one["proof"] for one in evidence.promises(LEDGER, proofs)["promises"]}
    assert told[first] == {"outcome": "proven", "at": 7, "why": "All passed."}
    assert told[second]["outcome"] == "broken"
    assert told[third]["outcome"] == "not_proven"
    register = evidence.measures(BOOK, LEDGER, proofs)["measures"]
    kept = {promise["id"]: promise["outcome"] for one in register for promise in one["promises"]}
    assert (kept[first], kept[second], kept[third]) == ("proven", "broken", "not_proven")


def test_every_source_of_every_promise_and_rule_is_in_the_register_once() -> None:
    register = evidence.measures(BOOK, LEDGER, {})["measures"]
    names = [one["id"] for one in register]
    assert len(names) == len(set(names))
    cited = {source for promise in LEDGER.promises for source in promise.sources}
    cited |= {source for rule in BOOK.rules.values() for source in evidence.sources_of(rule.cites)}
    assert cited <= set(names)
    assert all(one["says"] for one in register)
    assert {"in_force", "proposed", "announced", "ours"} == {one["status"] for one in register}


def test_several_rows_in_one_source_are_told_one_by_one() -> None:
    assert evidence.sources_of(("rows 11, 13", "ICU F1")) == ["row 11", "row 13", "ICU F1"]


# -- pages of decisions ---------------------------------------------------------------------------------------------------


def rows(count: int) -> list[Row]:
    """Newest first; three of a minute."""
    return [
        Row((10_000 - n // 3) * 60_000, "ring", "deny" if n % 2 else "allow", (f"rule-{n % 3}",)) for n in range(count)
    ]


def test_pages_hold_every_decision_once_whatever_is_looked_for() -> None:
    found = rows(3 * evidence.PAGE + 7)
    for search in ({}, {"verdict": "deny"}, {"rule": "rule-1"}, {"verb": "ring"}):
        seen, before = [], ""
        while True:
            page = page_of(found, Search(**search, before=before))
            assert len(page["decisions"]) <= evidence.PAGE
            seen += [(one["at"], one["seq"]) for one in page["decisions"]]
            if page["next"] is None:
                break
            before = page["next"]
        fitting = [row for row in found if search.get("verdict", row.verdict) == row.verdict]
        fitting = [row for row in fitting if search.get("rule", row.rules[0]) in row.rules]
        assert len(seen) == len(set(seen)) == len(fitting), search
    assert page_of(found, Search(verb="connect"))["decisions"] == []


def test_of_a_minute_in_which_more_happened_than_anybody_reads_the_rest_is_passed_over() -> None:
    found = [Row(600_000, "ring", "deny", ("rule",))] * 9_100 + [Row(540_000, "ring", "deny", ("rule",))]
    page = page_of(found, Search(before="600000.8990"))
    assert page["next"] == "540000.0"
    assert [one["at"] for one in page_of(found, Search(before=page["next"]))["decisions"]] == [540_000]


@pytest.mark.parametrize("before", ["x", "1", "1.99999", "1.2.3", "-1.0", "9" * 40, "1.'; DROP"])
def test_a_page_that_there_is_not_is_refused(before: str) -> None:
    with pytest.raises(BadRequest):
        page_of(rows(3), Search(before=before))
