"""Every situation that a rulebook can be asked about, at once: each rule as a Boolean function over the facts that it can see.

A question from one person to another has some 10^17 possible situations. Nobody can ask them one by one, but a rule looks at
few facts, and each fact has few values; so the set of all situations in which a rule holds is written down exactly, as a
binary decision diagram (the library ``dd``), by translating the rule's condition from Cedar's own syntax tree. Sets of situations
can then be joined, cut and counted without listing them. ``prove.py`` asks whether a promise holds in all of them and holds the
translation against the real engine; ``diff.py`` asks in which of them two rulebooks differ.

What a fact's values are: both of a yes or no; the known texts of a closed list, and ``something-else`` for all other texts, which
the rules cannot tell apart because they only compare a text with texts that they name; and whole numbers in a range that is
wide enough for every comparison the rules make (``RANGES``). The facts and verbs come from the Cedar schema, so that a rulebook
of another release can be read as well.

A rule that uses an operator that is not known here is not guessed at: :class:`NotTranslated`, and the proof fails.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Protocol, get_args, get_type_hints

import cedarpy

from server.policy.facts import Call, Case, Contact, Evidence, Matter, Person, Stage, Verb

Value = bool | int | str
#: one situation: every fact of a verb by its name in a question ("x.kind", "contact.state") and its value
Situation = dict[str, Value]
#: a set of situations: a ``dd.autoref.Function``, which knows ``&``, ``|``, ``~`` and ``==``
Set = Any

OTHER: Final = "something-else"  #: stands for every text that no rule names
#: Whole numbers: one below what the rules know and one above, and every order of two that are compared.
RANGES: Final[Mapping[str, range]] = {
    "people": range(10),
    "room": range(9),
    "assurance": range(5),
    "assurance_needed": range(5),
}
#: facts whose bits stand first in the diagrams, because most rules look at them
_FIRST: Final = ("x.kind", "y.kind", "contact.own_guardian", "contact.state", "matter.whose", "matter.reach")


class NotTranslated(ValueError):
    """A rule or schema uses something that this translation does not know, so nothing is claimed about it."""


class MissingLibrary(RuntimeError):
    """The library ``dd`` is not installed; it is needed for proofs only."""


# -- facts and verbs, from the schema -------------------------------------------------------------------------------------

Type = Any  #: "Bool", "String", "Long", or a record: a mapping from attribute to type


@dataclass(frozen=True, slots=True)
class Asked:
    """What one verb asks: the groups it stands in, the types of its two ends and its context, and the facts of its question."""

    verb: str
    groups: frozenset[str]
    principal: str
    resource: str
    context: Mapping[str, Type]
    facts: Mapping[str, tuple[Value, ...]]

    def size(self) -> int:
        """How many situations there are."""
        return count_of(self.facts.values())


def count_of(values: Iterable[Sequence[Value]]) -> int:
    """The size of a product."""
    size = 1
    for one in values:
        size *= len(one)
    return size


_SHAPES: Final = {
    "Person": Person,
    "Contact": Contact,
    "Call": Call,
    "Matter": Matter,
    "Stage": Stage,
    "Case": Case,
    "Evidence": Evidence,
    "OnStage": Stage,
}


@cache
def known_texts(shape: str, fact: str) -> tuple[str, ...]:
    """The closed list of a text fact, as ``facts.py`` has it."""
    hints = get_type_hints(_SHAPES[shape]) if shape in _SHAPES else {}
    return tuple(value for value in get_args(hints.get(fact)) if isinstance(value, str))


def values_of(shape: str, fact: str, kind: str, named: Iterable[Value] = ()) -> tuple[Value, ...]:
    """Every value of a fact; ``named``: what rules compare a fact of this name with."""
    if kind == "Bool":
        return (False, True)
    if kind == "Long":
        known = RANGES.get(fact, range(2))
        around = {number + step for number in named if type(number) is int for step in (-1, 0, 1)}
        return (*known, *sorted(around - set(known)))
    texts = dict.fromkeys((*known_texts(shape, fact), *sorted(one for one in named if isinstance(one, str))))
    return (*texts, OTHER)


def read_schema(schema: str, named: Mapping[str, set[Value]]) -> dict[str, Asked]:
    """The verbs of a Cedar schema, and the facts that each of them asks with."""
    parsed = cedarpy.Schema.from_str(schema)
    text = str(parsed)  # printed anew by the engine, so always in one form
    types = dict(_named_records(text, "type"))
    entities = dict(_named_records(text, "entity"))
    parents = {
        one["uid"]["id"]: [parent["id"] for parent in one["parents"]]
        for one in json.loads(str(cedarpy.Entities.from_json_str("[]", parsed)))
    }
    asked: dict[str, Asked] = {}
    pattern = (
        r'^action "(\w+)"[^{;]*appliesTo \{\s*principal: \[(\w+)\],\s*resource: \[(\w+)\],\s*context: ([^;]*?)\s*\};'
    )
    for verb, principal, resource, context in re.findall(pattern, text, re.MULTILINE | re.DOTALL):
        shape = _record(context, types)
        facts: dict[str, tuple[Value, ...]] = {}
        ends = ((principal, "x"), (resource, "y" if resource == "Person" else resource.lower()))
        for entity, part in ends:
            for fact, kind in _record(entities[entity], types).items():
                facts[f"{part}.{fact}"] = values_of(entity, fact, kind, named.get(fact, ()))
        for part, inner in shape.items():
            if not isinstance(inner, Mapping):
                raise NotTranslated(f"{verb}: context.{part} is not a record")
            for fact, kind in inner.items():
                facts[f"{part}.{fact}"] = values_of(part.capitalize(), fact, kind, named.get(fact, ()))
        groups, todo = {verb}, [verb]
        while todo:
            more = [one for one in parents[todo.pop()] if one not in groups]
            groups.update(more)
            todo += more
        asked[verb] = Asked(verb, frozenset(groups), principal, resource, shape, facts)
    if left := set(re.findall(r'^action "(\w+)"[^;{]*appliesTo', text, re.MULTILINE)) - set(asked):
        raise NotTranslated(f"the schema says of {', '.join(sorted(left))} what is not understood here")
    return asked


def _named_records(text: str, what: str) -> Iterator[tuple[str, str]]:
    yield from re.findall(rf"^{what} (\w+)[^=;]*= (\{{[^;]*\}});", text, re.MULTILINE)


def _record(text: str, types: Mapping[str, str]) -> dict[str, Type]:
    """A record type as a mapping from attribute to type; names of other records are followed."""
    text = types.get(text.strip(), text).strip()
    found: dict[str, Type] = {}
    for name, optional, kind in re.findall(r'"?(\w+)"?(\?)?:\s*(\{[^}]*\}|[\w:]+)', text[1:-1]):
        if optional:
            raise NotTranslated(f"the fact {name} may be missing; every fact here is required")
        kind = kind.removeprefix("__cedar::")
        if kind not in ("Bool", "String", "Long") and kind not in types and not kind.startswith("{"):
            raise NotTranslated(f"the fact {name} is of a kind that is not known here: {kind}")
        found[name] = kind if kind in ("Bool", "String", "Long") else _record(kind, types)
    return found


# -- rules ----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Clause:
    """One rule as far as deciding goes."""

    id: str
    effect: str
    scope: Mapping[str, Any]
    condition: Mapping[str, Any] | None

    def concerns(self, asked: Asked) -> bool:
        action = self.scope["action"]
        for end, kind in (("principal", asked.principal), ("resource", asked.resource)):
            scope = self.scope[end]
            if scope["op"] == "is" and set(scope) == {"op", "entity_type"}:
                if scope["entity_type"] != kind:
                    return False
            elif scope["op"] != "All":
                raise NotTranslated(f"{self.id}: its scope names a {end} in a way that is not known here")
        if action["op"] == "All":
            return True
        named = {one["id"] for one in action.get("entities") or [action["entity"]]}
        if action["op"] == "==":
            return asked.verb in named
        if action["op"] == "in":
            return bool(asked.groups & named)
        raise NotTranslated(f"{self.id}: its scope is of a kind that is not known here: {action['op']}")


def read_clauses(cedar: str) -> list[Clause]:
    """The rules of a Cedar text, in their order."""
    parsed = json.loads(cedarpy.policies_to_json_str(cedar))["staticPolicies"]
    clauses = []
    for key in sorted(parsed, key=lambda name: int(name.removeprefix("policy"))):
        one = parsed[key]
        if len(one["conditions"]) > 1 or any(part["kind"] != "when" for part in one["conditions"]):
            raise NotTranslated(f"{key}: more than one condition, or an unless")
        condition = one["conditions"][0]["body"] if one["conditions"] else None
        scope = {part: one[part] for part in ("principal", "action", "resource")}
        clauses.append(Clause(one["annotations"].get("id", key), one["effect"], scope, condition))
    return clauses


def named_values(clauses: Iterable[Clause]) -> dict[str, set[Value]]:
    """For each name of a fact the values with which some rule compares it."""
    found: dict[str, set[Value]] = {}

    def facts(node: Any) -> Iterator[str]:
        if isinstance(node, Mapping) and "." in node:
            yield node["."]["attr"]

    def values(node: Any) -> Iterator[Value]:
        if isinstance(node, Mapping):
            if type(node.get("Value")) in (str, int):
                yield node["Value"]
            for inner in node.get("Set", ()):
                yield from values(inner)

    def walk(node: Any) -> None:
        if isinstance(node, Mapping):
            for inner in node.values():
                if isinstance(inner, Mapping) and {"left", "right"} <= set(inner):
                    both = (inner["left"], inner["right"])
                    for name in [name for one in both for name in facts(one)]:
                        found.setdefault(name, set()).update(value for one in both for value in values(one))
                walk(inner)
        elif isinstance(node, list):
            for inner in node:
                walk(inner)

    for clause in clauses:
        walk(clause.condition)
    return found


# -- diagrams -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Path:
    """An expression that is not yet a fact: a person, a matter, or a record of the context."""

    name: str
    type: Any


#: what an expression is worth: for each value the situations in which it has it
_Cases = dict[Any, Set]

_COMPARE: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "==": lambda a, b: type(a) is type(b) and a == b,
    "!=": lambda a, b: not (type(a) is type(b) and a == b),
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "contains": lambda a, b: b in a,
    "containsAll": lambda a, b: b <= a,
    "containsAny": lambda a, b: bool(a & b),
}


class Space:
    """The facts of some verbs as bits of one diagram; all sets of situations that are compared live in the same space."""

    def __init__(self, *verbs: Mapping[str, Asked]) -> None:
        try:
            from dd.autoref import BDD  # in the extra "prove"
        except ImportError:
            raise MissingLibrary("This needs the library dd: pip install 'ringfence[prove]'") from None
        self._diagram: Any = BDD()
        self.facts: dict[str, tuple[Value, ...]] = {}
        for asked in (one for each in verbs for one in each.values()):
            for fact, values in asked.facts.items():
                have = self.facts.get(fact, ())
                self.facts[fact] = (*have, *(value for value in values if value not in have))
        self._bits = {fact: max(1, (len(values) - 1).bit_length()) for fact, values in self.facts.items()}
        for name in sorted(self._all_bits(), key=self._place):
            self._diagram.declare(name)
        self.none: Final[Set] = self._diagram.false
        self.all: Final[Set] = self._diagram.true
        self._codes = {
            fact: {self._key(value): self._cube(fact, code) for code, value in enumerate(values)}
            for fact, values in self.facts.items()
        }
        self._valid: dict[frozenset[str], Set] = {}

    @staticmethod
    def _key(value: Value) -> tuple[type, Value]:
        return type(value), value  # False and 0 are one key to Python, and two values to a rule

    def _all_bits(self) -> Iterator[str]:
        for fact, bits in self._bits.items():
            yield from (f"{fact}/{bit}" for bit in range(bits))

    def _place(self, bit: str) -> tuple[Any, ...]:
        """Facts that are compared with each other lie bit by bit beside each other: that keeps the diagrams small."""
        fact, _, number = bit.partition("/")
        order = list(self.facts)
        if fact in _FIRST:
            return (0, _FIRST.index(fact), int(number))
        numbers = type(self.facts[fact][0]) is int
        part = fact.split(".")[0]
        if numbers:
            return (2, part, len(self.facts[fact]) > 8, -int(number), fact)
        return (1, order.index(fact), int(number))

    def _cube(self, fact: str, code: int) -> Set:
        return self._diagram.cube({f"{fact}/{bit}": bool(code >> bit & 1) for bit in range(self._bits[fact])})

    def where(self, fact: str, *values: Value) -> Set:
        """The situations in which this fact has one of these values."""
        found = self.none
        for value in values:
            found |= self._codes[fact].get(self._key(value), self.none)
        return found

    def cases(self, fact: str) -> _Cases:
        """For each value of this fact the situations in which it has it."""
        return {value: self._codes[fact][self._key(value)] for value in self.facts[fact]}

    def valid(self, facts: Iterable[str]) -> Set:
        """All situations of these facts (some patterns of bits stand for no value)."""
        key = frozenset(facts)
        if key not in self._valid:
            whole = self.all
            for fact in key:
                whole &= self.where(fact, *self.facts[fact])
            self._valid[key] = whole
        return self._valid[key]

    def seen(self, those: Set) -> frozenset[str]:
        """The facts that make a difference to whether a situation is one of those."""
        return frozenset(bit.partition("/")[0] for bit in self._diagram.support(those))

    def count(self, those: Set, facts: Iterable[str]) -> int:
        """Exactly how many situations of these facts are among those."""
        facts = list(facts)
        return int(self._diagram.count(those & self.valid(facts), nvars=sum(self._bits[fact] for fact in facts)))

    def pick(self, those: Set, facts: Iterable[str]) -> Situation | None:
        """One of those situations; None when there is none."""
        facts = list(facts)
        bits = {f"{fact}/{bit}" for fact in facts for bit in range(self._bits[fact])}
        found = self._diagram.pick(those & self.valid(facts), care_vars=bits)
        return None if found is None else {fact: self._decode(fact, found) for fact in facts}

    def _decode(self, fact: str, bits: Mapping[str, Any]) -> Value:
        return self.facts[fact][sum(bool(bits[f"{fact}/{bit}"]) << bit for bit in range(self._bits[fact]))]

    def fix(self, those: Set, fact: str, value: Value) -> Set:
        """The same situations, were this fact of that value: the fact itself no longer makes a difference."""
        code = self.facts[fact].index(value)
        return self._diagram.let({f"{fact}/{bit}": bool(code >> bit & 1) for bit in range(self._bits[fact])}, those)

    def turned(self, those: Set, other: Mapping[str, str]) -> Set:
        """The same situations as seen from the other side; ``other``: which fact becomes which."""
        return self._diagram.let(
            {f"{a}/{bit}": self._diagram.var(f"{b}/{bit}") for a, b in other.items() for bit in range(self._bits[a])},
            those,
        )

    def boxes(self, those: Set, among: Set, facts: Iterable[str], most: int) -> list[dict[str, tuple[Value, ...]]]:
        """Some of those situations in few words: each box says which facts tell them apart ``among`` others, and their values."""
        facts = list(facts)
        among &= self.valid(facts)
        left = those & among
        found: list[dict[str, tuple[Value, ...]]] = []
        while left != self.none and len(found) < most:
            start = self.pick(left, facts)
            assert start is not None
            looked_at = self.seen(those) | self.seen(among)
            box: dict[str, tuple[Value, ...]] = {fact: (start[fact],) for fact in facts if fact in looked_at}
            inside = self._box(box)
            for fact in sorted(box, key=lambda name: (name in _FIRST, name)):  # widen each fact as far as it goes
                for value in self.facts[fact]:
                    wider = {**box, fact: tuple(one for one in self.facts[fact] if one in box[fact] or one == value)}
                    if wider[fact] != box[fact] and self._box(wider) & among & ~those == self.none:
                        box, inside = wider, self._box(wider)
            left &= ~inside
            found.append({fact: values for fact, values in box.items() if len(values) < len(self.facts[fact])})
        return found

    def _box(self, box: Mapping[str, tuple[Value, ...]]) -> Set:
        whole = self.all
        for fact, values in box.items():
            whole &= self.where(fact, *values)
        return whole

    def table(self, those: Set) -> Callable[[Mapping[str, bool]], bool]:
        """The same set as a plain look-up by bits, for asking about many single situations."""
        rows: dict[Any, tuple[str, Any, Any]] = {}
        nodes: list[Any] = [those]
        while nodes:
            node = nodes.pop()
            if node.node in rows or node in (self.all, self.none):
                continue
            _, low, high = self._diagram.succ(node)
            name = node.var
            if node.negated:
                low, high = ~low, ~high
            rows[node.node] = (name, low.node, high.node)
            nodes += [low, high]
        first, yes, no = those.node, self.all.node, self.none.node

        def look_up(bits: Mapping[str, bool]) -> bool:
            at = first
            while at != yes and at != no:
                name, low, high = rows[at]
                at = high if bits[name] else low
            return bool(at == yes)

        return look_up

    def bits(self, situation: Mapping[str, Value]) -> dict[str, bool]:
        """A situation as the bits that :meth:`table` looks at."""
        return {
            f"{fact}/{bit}": bool(self.facts[fact].index(value) >> bit & 1)
            for fact, value in situation.items()
            for bit in range(self._bits[fact])
        }

    # -- from a condition to a set

    def holds(self, clause: Clause, asked: Asked) -> Set:
        """The situations of this verb in which a rule holds."""
        if not clause.concerns(asked):
            return self.none
        if clause.condition is None:
            return self.all
        try:
            return self._truth(clause.condition, asked)
        except NotTranslated as unknown:
            raise NotTranslated(f"{clause.id}: {unknown}") from None

    def _truth(self, node: Any, asked: Asked) -> Set:
        cases = self._worth(node, asked)
        if isinstance(cases, _Path) or set(cases) - {True, False}:
            raise NotTranslated("something is taken for a yes or no that is none")
        return cases.get(True, self.none)

    def _worth(self, node: Any, asked: Asked) -> _Cases | _Path:
        if not isinstance(node, Mapping) or len(node) != 1:
            raise NotTranslated("an expression of a form that is not known here")
        ((kind, inner),) = node.items()
        match kind:
            case "Value" if type(inner) in (bool, int, str):
                return {inner: self.all}
            case "Set":
                members = [self._cases(one, asked) for one in inner]
                if any(len(one) != 1 for one in members):
                    raise NotTranslated("a set of something else than plain values")
                return {frozenset(value for one in members for value in one): self.all}
            case "Var" if inner in ("principal", "resource", "context"):
                return self._end(inner, asked)
            case ".":
                return self._attribute(self._worth(inner["left"], asked), inner["attr"])
            case "has":
                left = self._worth(inner["left"], asked)
                if not isinstance(left, _Path):
                    raise NotTranslated("has, of something that has no attributes")
                return {inner["attr"] in left.type: self.all}
            case "is" if set(inner) == {"left", "entity_type"} and "Var" in inner["left"]:
                return {self._kind(inner["left"]["Var"], asked) == inner["entity_type"]: self.all}
            case "!":
                return self._both_ways(~self._truth(inner["arg"], asked))
            case "&&":
                left = self._truth(inner["left"], asked)
                return self._both_ways(left if left == self.none else left & self._truth(inner["right"], asked))
            case "||":
                left = self._truth(inner["left"], asked)
                return self._both_ways(left if left == self.all else left | self._truth(inner["right"], asked))
            case "if-then-else":
                when = self._truth(inner["if"], asked)
                then, other = self._cases(inner["then"], asked), self._cases(inner["else"], asked)
                return self._joined(
                    [*((v, when & s) for v, s in then.items()), *((v, ~when & s) for v, s in other.items())]
                )
            case _ if kind in _COMPARE:
                left, right = self._cases(inner["left"], asked), self._cases(inner["right"], asked)
                return self._joined(
                    [
                        (_COMPARE[kind](a, b), self_a & self_b)
                        for a, self_a in left.items()
                        for b, self_b in right.items()
                    ]
                )
        raise NotTranslated(f"an operator that is not known here: {kind}")

    def _cases(self, node: Any, asked: Asked) -> _Cases:
        worth = self._worth(node, asked)
        if isinstance(worth, _Path):
            raise NotTranslated(f"{worth.name} as a whole is compared with something")
        return worth

    def _both_ways(self, those: Set) -> _Cases:
        return {True: those, False: ~those}

    def _joined(self, pairs: Iterable[tuple[Any, Set]]) -> _Cases:
        found: _Cases = {}
        for value, those in pairs:
            if those != self.none:
                found[value] = found.get(value, self.none) | those
        return found

    @staticmethod
    def _kind(variable: str, asked: Asked) -> str:
        return asked.principal if variable == "principal" else asked.resource

    @staticmethod
    def _end(variable: str, asked: Asked) -> _Path:
        if variable == "context":
            return _Path("", asked.context)
        part = "x" if variable == "principal" else "y" if asked.resource == "Person" else asked.resource.lower()
        names = [fact.partition(".")[2] for fact in asked.facts if fact.startswith(f"{part}.")]
        return _Path(part, dict.fromkeys(names, "fact"))

    def _attribute(self, left: _Cases | _Path, name: str) -> _Cases | _Path:
        if not isinstance(left, _Path) or name not in left.type:
            raise NotTranslated(f"the attribute {name} of something that has none")
        if isinstance(left.type[name], Mapping):
            return _Path(name, left.type[name])
        return self.cases(f"{left.name}.{name}")


@dataclass(frozen=True, slots=True)
class Answers:
    """What a rulebook answers to one verb, in every situation. ``rules``: for each rule that concerns the verb its effect and the
    situations in which it holds."""

    asked: Asked
    rules: Mapping[str, tuple[str, Set]]
    allowed: Set

    @property
    def forbidden(self) -> tuple[str, ...]:
        return tuple(name for name, (effect, _) in self.rules.items() if effect == "forbid")


class Situations:
    """A rulebook, answered in full. Several may share one ``space``, to be compared."""

    def __init__(self, space: Space, verbs: Mapping[str, Asked], clauses: Sequence[Clause]) -> None:
        self.space = space
        self.verbs = verbs
        self.clauses = clauses
        self.answers: dict[str, Answers] = {}
        worked: dict[tuple[Any, ...], Answers] = {}
        for verb, asked in verbs.items():
            concerned = [clause for clause in clauses if clause.concerns(asked)]
            alike = (*(clause.id for clause in concerned), asked.principal, asked.resource, *asked.facts)
            if alike not in worked:  # verbs of the same groups have the same answers
                worked[alike] = self._answer(asked, concerned)
            self.answers[verb] = Answers(asked, worked[alike].rules, worked[alike].allowed)

    def without_verbs(self) -> list[str]:
        """Verbs that only the schema knows, or only the code."""
        return sorted(set(self.verbs) ^ {verb.value for verb in Verb})

    def _answer(self, asked: Asked, clauses: Sequence[Clause]) -> Answers:
        permitted = forbidden = self.space.none
        rules: dict[str, tuple[str, Set]] = {}
        for clause in clauses:
            those = self.space.holds(clause, asked)
            rules[clause.id] = (clause.effect, those)
            if clause.effect == "permit":
                permitted |= those
            else:
                forbidden |= those
        return Answers(asked, rules, permitted & ~forbidden & self.space.valid(asked.facts))


def situations_of(cedar: str, schema: str) -> Situations:
    """All situations of one rulebook."""
    clauses = read_clauses(cedar)
    verbs = read_schema(schema, named_values(clauses))
    return Situations(Space(verbs), verbs, clauses)


def question(verb: str, situation: Mapping[str, Value]) -> dict[str, Any]:
    """A situation as a question in plain JSON values, as ``decide_plain`` and the vectors have it."""
    plain: dict[str, Any] = {"verb": verb}
    for fact, value in situation.items():
        part, _, name = fact.partition(".")
        plain.setdefault(part, {})[name] = value
    return plain


def in_words(box: Mapping[str, Sequence[Value]], facts: Mapping[str, Sequence[Value]]) -> str:
    """A box of situations as a line: "x.kind is child; call.people is 3 to 9; not contact.video"."""
    return "; ".join(_is(fact, values, facts[fact]) for fact, values in sorted(box.items())) or "always"


def _is(fact: str, values: Sequence[Value], every: Sequence[Value]) -> str:
    if len(values) == 1 and isinstance(values[0], bool):  # 1 is no yes
        return fact if values[0] else f"not {fact}"
    numbers = [value for value in values if type(value) is int]
    if len(numbers) > 2 and len(numbers) == len(values) and max(numbers) - min(numbers) == len(numbers) - 1:
        return f"{fact} is {min(numbers)} to {max(numbers)}"
    others = [value for value in every if value not in values]
    if len(others) < len(values) and not numbers:
        return f"{fact} is not {' or '.join(map(str, others))}"
    return f"{fact} is {' or '.join(map(str, values))}"


class Dice(Protocol):
    """A ``random.Random``, brought along by whoever wants a sample: there is no chance in here."""

    def choice(self, among: Sequence[Any], /) -> Any: ...

    def sample(self, among: Sequence[Any], /, k: int) -> list[Any]: ...


def at_random(asked: Asked, dice: Dice, good: Mapping[str, Value] | None = None) -> Situation:
    """A situation drawn evenly, or one that is ``good`` but for a few facts: most evenly drawn ones are a no many times over."""
    if good is None:
        return {fact: dice.choice(values) for fact, values in asked.facts.items()}
    drawn = dict(good)
    for fact in dice.sample(list(asked.facts), dice.choice((0, 1, 1, 1, 2, 2, 3))):
        drawn[fact] = dice.choice(asked.facts[fact])
    return drawn
