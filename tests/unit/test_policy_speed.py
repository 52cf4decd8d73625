"""What makes the rules quick changes no answer: the book asked verb by verb is the whole book, and the yardstick that ``make bench``
holds beside it decides as the book does."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cedarpy

from server.policy import Question, Verb, load
from server.policy.facts import PARTS, Person, question_from
from tests.bench.policy import agrees, some_rings

ROOT = Path(__file__).parents[2]
CEDAR = (ROOT / "server/policy/safe_account.cedar").read_text("utf-8")
SCHEMA = (ROOT / "server/policy/safe_account.cedarschema").read_text("utf-8")
VECTORS: Any = json.loads((ROOT / "tests/conformance/vectors.json").read_text("utf-8"))
BOOK = load()


class Whole:
    """Every rule and every group, parsed from the text as it is, nothing left out and nothing kept: slow, and plainly right."""

    def __init__(self) -> None:
        self.rules = cedarpy.PolicySet.from_str(CEDAR)
        self.groups = cedarpy.Entities.from_json_str("[]", cedarpy.Schema.from_str(SCHEMA))

    def decide(self, question: Question) -> tuple[bool, tuple[str, ...]]:
        names = PARTS[type(question)]
        shapes = {name: getattr(question, name) for name in names}
        x = shapes.pop("x")
        other = next(name for name in ("y", "matter", "case", "evidence", "stage") if name in shapes)
        y = shapes.pop(other)
        people = [
            {"uid": {"type": type(one).__name__, "id": name}, "attrs": attributes(one), "parents": []}
            for name, one in (("x", x), ("y", y))
        ]
        found = cedarpy.is_authorized(
            {
                "principal": 'Person::"x"',
                "action": f'Action::"{question.verb.value}"',
                "resource": f'{type(y).__name__}::"y"',
                "context": {name: attributes(one) for name, one in shapes.items()},
            },
            self.rules,
            self.groups.with_added_json_str(json.dumps(people)),
        )
        assert not found.diagnostics.errors
        return found.allowed, tuple(sorted(found.diagnostics.id_annotations_by_reason.values())) or ("no-permit",)


def attributes(facts: Any) -> Mapping[str, Any]:
    return {name: getattr(facts, name) for name in facts.__slots__}


def test_the_rules_asked_verb_by_verb_answer_as_the_whole_book_with_all_their_reasons() -> None:
    vectors = VECTORS["vectors"] if isinstance(VECTORS, dict) else VECTORS
    questions: list[Question] = [*some_rings(400)]
    for vector in vectors:
        if vector["rules"] != ["rule-broken"]:
            questions.append(question_from(vector["question"]))
    assert {question.verb for question in questions} == set(Verb), "some verb is never asked"
    whole = Whole()
    for question in questions:
        decision = BOOK.decide(question)
        assert (decision.allowed, decision.rules) == whole.decide(question), question


def test_what_is_remembered_of_one_person_is_not_taken_for_another() -> None:
    """The same X beside two Ys, and the same two the other way round: parsed people are kept, and each pair has its own."""
    rings = some_rings(60, seed=8)
    people = [Person("child", "0-12", *[True] * 8), *(ring.x for ring in rings[:6])]
    fresh = load()
    whole = Whole()
    answers = set()
    for x in people:
        for y in people:
            question = type(rings[0])(Verb.RING, x, y, rings[0].contact, rings[0].call)
            decision = fresh.decide(question)
            assert (decision.allowed, decision.rules) == whole.decide(question)
            assert fresh.judge(question) == decision
            answers.add(decision.rules)
    assert len(answers) > 2


def test_the_yardstick_by_hand_decides_rings_as_the_rulebook_does() -> None:
    agrees(BOOK, 1_500)
