"""From a question to a decision. The only module that knows which engine evaluates the rules.

Cedar skips a rule that errors: a forbid that reads a missing fact does not forbid, and the answer is Allow with the error in a
side channel. Here it is the other way round. Any error, in a fact, in a rule or in the engine, is a refusal with the reason
``rule-broken``, before anybody has looked at what the engine thought. A refusal because no rule permits has the reason
``no-permit``. So a decision always has a reason, and deciding never raises.

The rulebook is checked when it is loaded: it must parse, hold against its schema, and every rule must be complete. One that is
not does not load, and a house without a rulebook does not open.

A decision is a pure function of its question, so it is remembered: the hot path is one dictionary look-up. The engine is asked
once for each situation, not once for each call.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from importlib.resources.abc import Traversable
from types import MappingProxyType
from typing import Any, Final, Literal

import cedarpy

from server.policy.bands import Bands, BrokenRulebook, read_bands
from server.policy.facts import (
    Act,
    Handle,
    Host,
    Inspect,
    Person,
    Question,
    Reach,
    Shape,
    Verb,
    question_from,
    well_formed,
)
from server.policy.lines import line_of_rule, line_of_syntax_error, line_of_word, rule_around

log = logging.getLogger(__name__)

Effect = Literal["permit", "forbid"]
#: Which code is told when several rules refuse: a sign-in that is no longer good first, then what hides most.
CODES: Final = (
    "not_signed_in",
    "internal",
    "not_found",
    "not_permitted",
    "needs_guardian",
    "quiet_hours",
    "time_limit",
)
_OK: Final = "ok"
_REMEMBERED: Final = 50_000  # situations; each some 300 bytes, and a busy house has a few hundred
_PEOPLE: Final = 4_096  # people, and pairs of them, that are kept parsed for the engine


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule as published. ``code`` is what a program is told when it refuses."""

    id: str
    effect: Effect
    child: str
    grown_up: str
    cites: tuple[str, ...]
    code: str


@dataclass(frozen=True, slots=True)
class _Part:
    """The part of the book that concerns one verb: the rules whose scope it is in, and the groups that it stands in."""

    policies: cedarpy.PolicySet
    groups: cedarpy.Entities


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer. Falsy when it is no. ``rules``: the ids of all deciding rules. The sentences are those of the rule that
    gave ``code``; what may be told outside is the code's business, not the sentence's."""

    allowed: bool
    rules: tuple[str, ...]
    rulebook: str
    code: str
    sentence_child: str
    sentence_grown_up: str

    def __bool__(self) -> bool:
        return self.allowed


_NO_PERMIT: Final = Rule(
    "no-permit",
    "forbid",
    "Nothing here says yes to that, so it is no.",
    "No rule permits this, and what is not permitted is refused.",
    ("row 19",),
    "not_found",
)
_RULE_BROKEN: Final = Rule(
    "rule-broken",
    "forbid",
    "Something is not right here. We said no to be safe.",
    "A rule or a fact could not be read, so the answer is no.",
    ("row 19",),
    "internal",
)
#: The two reasons that are not rules of the book: nothing permitted, something broke.
BUILT_IN: Final[Mapping[str, Rule]] = {rule.id: rule for rule in (_NO_PERMIT, _RULE_BROKEN)}


class Rulebook:
    """All rules, loaded and checked. Immutable: a changed rulebook is another one, with another ``version``."""

    def __init__(self, cedar: str, schema: str, bands: str, countries: Mapping[str, str] | None = None) -> None:
        countries = countries or {}
        self.bands: Final[Bands] = read_bands(bands, countries)
        self.cedar: Final = cedar
        self.schema: Final = schema
        rules, self._parts = _checked(cedar, schema)
        self.rules: Final = rules
        whole = (cedar, schema, bands, *(part for pack in sorted(countries.items()) for part in pack))
        digest = hashlib.sha256("\0".join(whole).encode()).hexdigest()
        self.version: Final = f"{self.bands.version}+{digest[:12]}"
        self._memory: OrderedDict[Question, Decision] = OrderedDict()
        self._with_x = lru_cache(maxsize=_PEOPLE)(self._parse_x)
        self._entities = lru_cache(maxsize=_PEOPLE)(self._parse_y)

    def decide(self, question: Question) -> Decision:
        """The answer to one question. Pure and total: the same question has the same answer, and nothing raises."""
        memory = self._memory
        try:
            known = memory.get(question)
            if known is not None:
                return known
            decision = self._judge(question, self._entities)
            if len(memory) >= _REMEMBERED:
                memory.popitem(last=False)
            memory[question] = decision
        except Exception as broken:
            log.error("a question could not be decided (%s); the answer is no", type(broken).__name__)
            return self._answer(allowed=False, rules=(_RULE_BROKEN,))
        return decision

    def judge(self, question: Question) -> Decision:
        """As :meth:`decide`, but the engine is asked now and nothing is remembered: to see whether it still works."""
        try:
            return self._judge(question, self._parse_entities)
        except Exception as broken:
            log.error("a question could not be decided (%s); the answer is no", type(broken).__name__)
            return self._answer(allowed=False, rules=(_RULE_BROKEN,))

    def decide_plain(self, question: Mapping[str, Any]) -> Decision:
        """The answer to a question written as plain JSON values: a vector, or another program. Missing or unknown: no."""
        try:
            return self.decide(question_from(question))
        except (ValueError, TypeError, AttributeError):  # the last when it is no object at all
            return self._answer(allowed=False, rules=(_RULE_BROKEN,))

    def _judge(self, question: Question, entities: Callable[[str, Person, Shape], cedarpy.Entities]) -> Decision:
        if not well_formed(question):
            log.error("a fact has the wrong type; the answer is no")
            return self._answer(allowed=False, rules=(_RULE_BROKEN,))
        resource: Shape
        context: dict[str, Any]
        match question:
            case Act():
                resource, context = question.matter, {}
            case Host():
                resource, context = question.stage, {}
            case Handle():
                resource, context = question.case, {}
            case Inspect():
                resource, context = question.evidence, {}
            case Reach():
                resource, context = question.y, {"contact": _plain(question.contact), "call": _plain(question.call)}
            case _:
                resource, context = question.y, {"contact": _plain(question.contact), "stage": _plain(question.stage)}
        verb = question.verb.value
        result = cedarpy.is_authorized(
            {
                "principal": _X,
                "action": {"type": "Action", "id": verb},
                "resource": {"type": type(resource).__name__, "id": "y"},
                "context": context,
            },
            self._parts[verb].policies,
            entities(verb, question.x, resource),
        )
        named = result.diagnostics.id_annotations_by_reason
        if result.diagnostics.errors or result.decision is cedarpy.Decision.NoDecision:
            log.error("a rule could not be evaluated; the answer is no")
            return self._answer(allowed=False, rules=(_RULE_BROKEN,))
        rules = tuple(self.rules[named[reason]] for reason in result.diagnostics.reasons)
        if not rules:
            return self._answer(allowed=False, rules=(_NO_PERMIT,))
        return self._answer(allowed=result.allowed, rules=rules)

    def _parse_entities(self, verb: str, x: Person, y: Shape) -> cedarpy.Entities:
        return _added(self._parse_x(verb, x), "y", y)

    def _parse_x(self, verb: str, x: Person) -> cedarpy.Entities:
        return _added(self._parts[verb].groups, "x", x)

    def _parse_y(self, verb: str, x: Person, y: Shape) -> cedarpy.Entities:
        """As :meth:`_parse_entities`, but an X who is known already is not parsed again: whoever has a new neighbour is mostly
        in an old situation. Half the cost."""
        return _added(self._with_x(verb, x), "y", y)

    def _answer(self, *, allowed: bool, rules: tuple[Rule, ...]) -> Decision:
        told = rules[0] if allowed else min(rules, key=lambda rule: (CODES.index(rule.code), rule.id))
        return Decision(
            allowed, tuple(sorted(rule.id for rule in rules)), self.version, told.code, told.child, told.grown_up
        )


_X: Final = {"type": "Person", "id": "x"}


def _added(known: cedarpy.Entities, name: str, facts: Shape) -> cedarpy.Entities:
    uid = {"type": type(facts).__name__, "id": name}
    return known.with_added_json_str(json.dumps([{"uid": uid, "attrs": _plain(facts), "parents": []}]))


def _plain(facts: Shape) -> dict[str, bool | int | str]:
    return {name: getattr(facts, name) for name in facts.__slots__}  # a tenth of the cost of dataclasses.asdict


def load(folder: Traversable | None = None) -> Rulebook:
    """The rulebook that comes with this package, or the one in a folder that is laid out like it. Raises
    :class:`BrokenRulebook`, which names file, line and reason, when it does not hold together."""
    home = resources.files("server.policy") if folder is None else folder
    packs = home / "countries"
    names = sorted(one.name for one in packs.iterdir() if one.name.endswith(".toml")) if packs.is_dir() else []
    return Rulebook(
        _text(home, "safe_account.cedar"),
        _text(home, "safe_account.cedarschema"),
        _text(home, "bands.toml"),
        {name: _text(packs, name, "countries/") for name in names},
    )


def _text(folder: Traversable, name: str, where: str = "") -> str:
    try:
        return (folder / name).read_text("utf-8")
    except OSError:
        raise BrokenRulebook(f"{where}{name}:1: there is no such file, or it cannot be read") from None
    except UnicodeDecodeError as wrong:
        line = wrong.object[: wrong.start].count(b"\n") + 1
        raise BrokenRulebook(f"{where}{name}:{line}: this is not text in UTF-8") from None


def loudest(decisions: Iterable[Decision]) -> Decision | None:
    """Of several refusals the one whose code is told for all of them, by the order of ``CODES``; None when none refuses."""
    refusals = [decision for decision in decisions if not decision]
    return min(refusals, key=lambda no: (CODES.index(no.code), no.rules), default=None)


@lru_cache(maxsize=1)  # a book that is read again and was not changed need not be checked again: a fifth of a second
def _checked(cedar: str, schema: str) -> tuple[Mapping[str, Rule], Mapping[str, _Part]]:
    """Its rules, and those for each verb. The same text is the same book; a broken one raises each time."""
    read = _read_schema(schema)
    return MappingProxyType(_read_rules(cedar, read)), _parts_by_verb(cedar, read)


def _parts_by_verb(cedar: str, schema: cedarpy.Schema) -> Mapping[str, _Part]:
    """For each verb the rules that can say anything about it: half the work for the engine, and the same answers.

    A rule is left out only when its scope names other verbs or groups; any scope that is not understood here stays in. What
    remains concerns the verb, so the engine need not find that out again for each rule: a fifth of its time. Verbs of one group
    mostly have the same rules left, which are read once: half the time of reading a book.
    """
    parsed = json.loads(cedarpy.policies_to_json_str(cedar))
    actions = {one["uid"]["id"]: one for one in json.loads(str(cedarpy.Entities.from_json_str("[]", schema)))}
    parts, known = {}, dict[str, cedarpy.PolicySet]()
    for verb in Verb:
        names: set[str] = set()
        todo = [verb.value]
        while todo:
            names.add(name := todo.pop())
            todo += [parent["id"] for parent in actions.get(name, {"parents": ()})["parents"]]
        asked = {key: _as_asked(rule, verb.value, names) for key, rule in parsed["staticPolicies"].items()}
        kept = {key: rule for key, rule in asked.items() if rule is not None}
        text = json.dumps({**parsed, "staticPolicies": kept})
        if text not in known:
            known[text] = cedarpy.PolicySet.from_str(cedarpy.policies_from_json_str(text))
        parts[verb.value] = _Part(
            known[text],
            cedarpy.Entities.from_json_str(json.dumps([actions[name] for name in sorted(names & actions.keys())])),
        )
    return parts


def _as_asked(rule: Mapping[str, Any], verb: str, names: Collection[str]) -> Mapping[str, Any] | None:
    """The rule without its scope where that plainly holds for the verb, none where it plainly does not, otherwise as it is."""
    scope = rule["action"]
    named = [entity.get("id") for entity in scope.get("entities") or [scope.get("entity") or {}]]
    if scope.get("op") not in ("==", "in") or None in named:
        return rule
    holds = any(name in names for name in named) if scope["op"] == "in" else named == [verb]
    return {**rule, "action": {"op": "All"}} if holds else None


def _read_schema(schema: str) -> cedarpy.Schema:
    try:
        return cedarpy.Schema.from_str(schema)
    except Exception as wrong:  # the binding raises ValueError today; whatever it raises, the book is broken
        told = str(wrong)
        line = (
            line_of_syntax_error(schema, cedarpy.Schema.from_str, told)
            if "parsing" in told
            else line_of_word(schema, told)
        )
        raise BrokenRulebook(f"safe_account.cedarschema:{line}: {told}") from None


def _read_rules(cedar: str, schema: cedarpy.Schema) -> Mapping[str, Rule]:
    try:
        parsed = json.loads(cedarpy.policies_to_json_str(cedar))
    except Exception as wrong:
        line = line_of_syntax_error(cedar, cedarpy.policies_to_json_str, str(wrong))
        raise BrokenRulebook(f"safe_account.cedar:{line}: rule {rule_around(cedar, line)}: {wrong}") from None
    if parsed.get("templates"):
        line = line_of_word(cedar, "?principal" if "?principal" in cedar else "?resource")
        raise BrokenRulebook(f"safe_account.cedar:{line}: templates are not used here; write the rule out")
    rules: dict[str, Rule] = {}
    for key, policy in sorted(parsed["staticPolicies"].items(), key=lambda item: _number(item[0])):
        try:
            rule = _read_rule(policy)
            if rule.id in rules or rule.id in BUILT_IN:
                raise ValueError(f"two rules are called {rule.id}")
        except ValueError as wrong:
            raise _broken_rule(cedar, key, policy["annotations"].get("id"), wrong) from None
        rules[rule.id] = rule
    checked = cedarpy.validate_policies(cedar, schema)
    if not checked.validation_passed:
        names = checked.id_annotations_by_policy_id
        first = min(  # of one rule what names something unknown comes first: the rest follows from it
            checked.errors, key=lambda wrong: (_number(wrong.policy_id), "unrecognized" not in wrong.error, wrong.error)
        )
        why = first.error.removeprefix(f"for policy `{first.policy_id}`, ")
        raise _broken_rule(cedar, first.policy_id, names.get(first.policy_id), why)
    return rules


def _number(key: str) -> int:
    return int(key.removeprefix("policy"))


def _broken_rule(cedar: str, key: str, name: str | None, why: object) -> BrokenRulebook:
    number = _number(key)
    return BrokenRulebook(
        f"safe_account.cedar:{line_of_rule(cedar, number)}: rule {name or f'number {number + 1}'}: {why}"
    )


def _read_rule(policy: Mapping[str, Any]) -> Rule:
    notes: Mapping[str, Any] = policy.get("annotations", {})
    effect: Effect = "permit" if policy["effect"] == "permit" else "forbid"
    for part in ("id", "child", "grown_up", "cites", "code"):
        if not notes.get(part):
            raise ValueError(f"has no @{part}")
    if notes["code"] not in ((_OK,) if effect == "permit" else CODES):
        raise ValueError("has a @code that nobody knows")
    if len(policy["conditions"]) > 1:
        raise ValueError("has more than one condition")
    cites = tuple(part.strip() for part in notes["cites"].split(";"))
    return Rule(notes["id"], effect, notes["child"], notes["grown_up"], cites, notes["code"])
