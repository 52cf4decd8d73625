"""The rulebook for people, and one answer for people: what ``ringfence policy print`` and ``ringfence policy explain`` say.

:func:`as_markdown` is the whole book on one page: every rule with both its sentences, its sources and its condition as it is
written, then what can be asked, the age bands and the countries. :func:`explain` is one answer: the verdict, every deciding rule,
and which single facts would turn it, found by asking again with each fact changed to each of its other values.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from itertools import product
from typing import Any, Final

from server.policy.bands import Book, Value
from server.policy.decide import BUILT_IN, Rule, Rulebook
from server.policy.facts import PARTS, Handle, Host, Inspect, Reach, Verb, Watch, kind_of
from server.policy.lines import rule_texts
from server.policy.situations import values_of

_HEAD = """\
# The rulebook

This page is what `ringfence policy print` prints; a test says that it is current.
Each rule has an id that never changes, a sentence for a child, a sentence for a grown-up, its sources and one condition.
A question is answered yes if a rule permits it and none forbids it.
All forbids that hold are given as reasons.
`ringfence policy explain` answers one question, `ringfence policy check` proves what the rules promise ([the commands](policy-cli.md)).

Sources: *row* is a row of the master table of the safe account, AADC the ICO Children's Code, ICU and PCU Ofcom's codes
in force, ASM Ofcom's proposals of June 2025, UK16 the UK's under-16 package of June 2026, DSA28 the EU's guidelines of July 2025,
COPPA 16 CFR 312, GC25 General Comment 25, S the list of sources in the safe-account reference.
"""

# -- the whole book -------------------------------------------------------------------------------------------------------


def as_markdown(book: Rulebook) -> str:
    """The whole rulebook as one Markdown page."""
    texts = rule_texts(book.cedar)
    forbids = [rule for rule in book.rules.values() if rule.effect == "forbid"]
    permits = [rule for rule in book.rules.values() if rule.effect == "permit"]
    asked = {kind: [verb for verb in Verb if kind_of(verb) is kind] for kind in (Reach, Watch, Host, Handle, Inspect)}
    acts = [verb for verb in Verb if kind_of(verb) not in asked]
    parts = [
        _HEAD,
        f"Version of this rulebook: `{book.version}`.\n",
        f"## What is allowed ({len(permits)} rules)\n",
        *(_section(rule, texts.get(rule.id)) for rule in permits),
        f"## What is refused ({len(forbids)} rules)\n",
        *(_section(rule, texts.get(rule.id)) for rule in forbids),
        "## When no rule answers\n",
        *(_section(rule, None) for rule in BUILT_IN.values()),
        "## What can be asked\n",
        f"May X reach Y: {_verbs(asked[Reach])}.\n",
        f"May X watch Y, who is on a stage: {_verbs(asked[Watch])}.\n",
        f"May X be on a stage: {_verbs(asked[Host])}.\n",
        f"May X, a helper, do this in a case: {_verbs(asked[Handle])}.\n",
        f"May X, an inspector, look at this: {_verbs(asked[Inspect])}.\n",
        f"May X do this to that: {_verbs(acts)}.\n",
        f"## What changes with age (`bands.toml`, {book.bands.version})\n",
        f"An unknown age is read as {book.bands.youngest}.\n",
        *(f"- {band}: age groups {_groups(book, band)}." for band in book.bands.base),
        "",
        *_table(book.bands.base),
        "## What changes with the country\n",
        "What the law of a country says of single values, also where it says the same as the table above.",
        "In a country without a section the strictest of all values holds.\n",
    ]
    for country, changed in book.bands.countries.items():
        parts += [f"### {country}\n", *_table(changed)]
    return "\n".join(parts).rstrip("\n") + "\n"


def _section(rule: Rule, text: str | None) -> str:
    told = "" if rule.effect == "permit" else f"Programs are told `{rule.code}`. "
    written = f"\n```cedar\n{text}\n```\n" if text else ""
    return f"### `{rule.id}`\n\n> {rule.child}\n\n{rule.grown_up}\n\n{told}Sources: {'; '.join(rule.cites)}.\n{written}"


def _verbs(verbs: Iterable[Verb]) -> str:
    return ", ".join(f"`{verb}`" for verb in verbs)


def _groups(book: Rulebook, band: str) -> str:
    return ", ".join(group for group, of in book.bands.of_group.items() if of == band) or "none"


def _table(values: Book) -> list[str]:
    rows = [_row(band, key, value) for band, entries in values.items() for key, value in entries.items()]
    return ["| Band | What | Value | Why | Source | Since | Status |", "|---|---|---|---|---|---|---|", *rows, ""]


def _row(band: str, key: str, value: Value) -> str:
    told = str(value.value).lower() if isinstance(value.value, bool) else value.value if value.value != "" else "none"
    looser = f" Looser than the base: {value.looser}" if value.looser else ""
    cells = (band, f"`{key}`", told, value.reason + looser, value.source, value.date, value.status)
    return f"| {' | '.join(str(cell).replace('|', '/') for cell in cells)} |"


# -- one answer -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Turn:
    """Changing this one fact to one of these values turns the verdict."""

    fact: str
    was: Any
    values: tuple[Any, ...]
    verdict: str

    def __str__(self) -> str:
        return f"{self.fact}: {_told(self.was)} → {' or '.join(map(_told, self.values))}: {self.verdict}"


@dataclass(frozen=True, slots=True)
class Explanation:
    """One answer for people. ``wrong``: what is wrong with the question itself; then the answer is no, whatever else is true."""

    verdict: str
    code: str
    rules: tuple[Rule, ...]
    turns: tuple[Turn, ...]
    wrong: tuple[str, ...]
    rulebook: str


def explain(book: Rulebook, plain: Any) -> Explanation:
    """The answer to a question in plain JSON values, and what would turn it. Total, like deciding."""
    wrong = tuple(what_is_wrong(plain))
    decision = book.decide_plain(plain if isinstance(plain, Mapping) else {})
    rules = tuple(book.rules.get(name) or BUILT_IN[name] for name in decision.rules)
    verdict = _verdict(decision.allowed)
    turns = () if wrong else tuple(_turns(book, plain, decision.allowed))
    return Explanation(verdict, decision.code, rules, turns, wrong, book.version)


def _turns(book: Rulebook, plain: Mapping[str, Any], allowed: bool) -> Iterable[Turn]:
    for part, shape in PARTS[kind_of(Verb(plain["verb"]))].items():
        for fact in fields(shape):
            was = plain[part][fact.name]
            turning = [
                value
                for value in values_of(shape.__name__, fact.name, _CEDAR[type(fact.default)])
                if value != was
                and book.decide_plain({**plain, part: {**plain[part], fact.name: value}}).allowed is not allowed
            ]
            if turning:
                yield Turn(f"{part}.{fact.name}", was, tuple(turning), _verdict(not allowed))


_CEDAR: Final = {bool: "Bool", int: "Long", str: "String"}


def _verdict(allowed: bool) -> str:
    return "allow" if allowed else "deny"


def _told(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def what_is_wrong(plain: Any) -> Iterable[str]:
    """Why this is no question: every fact that is missing, unknown or of the wrong type."""
    if not isinstance(plain, Mapping):
        yield "a question is a JSON object"
        return
    verb = plain.get("verb")
    if not isinstance(verb, str) or verb not in {one.value for one in Verb}:
        yield "the verb is missing" if verb is None else f"there is no verb {verb!r}"
        return
    shapes = PARTS[kind_of(Verb(verb))]
    yield from _missing_or_unknown("", set(plain), {"verb", *shapes})
    for part, shape in shapes.items():
        facts = plain.get(part, {})
        if not isinstance(facts, Mapping):
            yield f"{part} must be an object"
        elif part in plain:
            yield from _missing_or_unknown(f"{part}.", set(facts), {fact.name for fact in fields(shape)})
            for fact in fields(shape):
                kind = type(fact.default)
                if fact.name in facts and type(facts[fact.name]) is not kind:
                    yield f"{part}.{fact.name} must be {_KINDS[kind]}, and is {facts[fact.name]!r}"


_KINDS: Final = {bool: "true or false", int: "a whole number", str: "a text"}


def _missing_or_unknown(where: str, have: set[str], need: set[str]) -> Iterable[str]:
    yield from (f"{where}{name} is missing" for name in sorted(need - have))
    yield from (f"{where}{name} is not known" for name in sorted(map(str, have - need)))


def as_text(told: Explanation) -> str:
    """An explanation for the screen."""
    lines = [f"{'YES' if told.verdict == 'allow' else 'NO'} ({told.code}), by rulebook {told.rulebook}", ""]
    if told.wrong:
        lines += ["The question is broken:", *(f"  {one}" for one in told.wrong), ""]
    for rule in told.rules:
        lines += [
            f"{rule.effect} {rule.id}",
            f"  to a child:     {rule.child}",
            f"  to a grown-up:  {rule.grown_up}",
            f"  sources:        {'; '.join(rule.cites)}",
            "",
        ]
    if told.turns:
        lines += ["One of these alone would turn the answer:", *(f"  {turn}" for turn in told.turns)]
    elif not told.wrong:
        lines.append("No single fact would turn the answer.")
    return "\n".join(lines).rstrip("\n") + "\n"


def as_plain(told: Explanation) -> dict[str, Any]:
    """An explanation for a program."""
    return {
        "verdict": told.verdict,
        "code": told.code,
        "rulebook": told.rulebook,
        "rules": [
            {
                "id": rule.id,
                "effect": rule.effect,
                "child": rule.child,
                "grown_up": rule.grown_up,
                "cites": list(rule.cites),
                "code": rule.code,
            }
            for rule in told.rules
        ],
        "turns": [
            {"fact": turn.fact, "was": turn.was, "values": list(turn.values), "verdict": turn.verdict}
            for turn in told.turns
        ],
        "wrong": list(told.wrong),
    }


# -- a situation to begin with ---------------------------------------------------------------------------------------------


def facts_of(verb: Verb) -> dict[str, tuple[Any, ...]]:
    """What may be said in a question of this verb: for each fact ("x.kind") its values, the texts that nobody knows as one."""
    return {
        f"{part}.{fact.name}": values_of(shape.__name__, fact.name, _CEDAR[type(fact.default)])
        for part, shape in PARTS[kind_of(verb)].items()
        for fact in fields(shape)
    }


def start_of(book: Rulebook, verb: Verb) -> dict[str, Any]:
    """A situation to begin with, by fact: one that is allowed, where there is any; otherwise the same people in the same good order."""
    first: dict[str, Any] = {}
    for kind, whose, reach in product(_KINDS_OF_X, _WHOSE, _REACHES):
        plain: dict[str, Any] = {"verb": verb.value}
        for part, shape in PARTS[kind_of(verb)].items():
            plain[part] = {
                fact.name: _GOOD.get((part, fact.name), _GOOD.get(fact.name, True)) for fact in fields(shape)
            }
        plain["x"] |= {"kind": kind, "band": "0-12" if kind == "child" else "18+"}
        if "matter" in plain:
            plain["matter"] |= {"whose": whose, "reach": reach}
        flat = {f"{part}.{fact}": value for part in plain if part != "verb" for fact, value in plain[part].items()}
        first = first or flat
        if book.decide_plain(plain).allowed:
            return flat
    return first


_KINDS_OF_X: Final = ("child", "guardian", "trusted_adult", "helper", "inspector")
_WHOSE: Final = ("own", "ward", "nobody")
_REACHES: Final = ("approve", "teen_led")
#: Good order where it is not simply "yes", by fact or by part and fact.
_GOOD: Final[Mapping[Any, Any]] = {
    "kind": "child",
    "band": "0-12",
    "state": "approved",
    "blocked": False,
    "own_guardian": False,
    "assurance": 3,
    "assurance_needed": 2,
    "watch_x": "free",
    "watch_y": "free",
    "people": 2,
    "room": 8,
    "media": "video",
}

__all__ = [
    "Explanation",
    "Turn",
    "as_markdown",
    "as_plain",
    "as_text",
    "explain",
    "facts_of",
    "start_of",
    "what_is_wrong",
]
