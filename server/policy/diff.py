"""Two rulebooks side by side: in which situations do they answer differently? A regulator's first question on any release.

The answer is exact, not sampled: both books are written down as sets of situations in one space (``situations.py``), and what one
allows and the other does not is their difference, counted and described in boxes: "these facts with these values, whatever the
others are", of the situations that either book permits, so that what every yes needs is not said again. A no that becomes a yes is
the one to look at, and comes first. A fact that only one of the books knows is free in the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from server.policy.bands import Bands, Value
from server.policy.decide import Rulebook
from server.policy.lines import rule_texts
from server.policy.situations import (
    Answers,
    Set,
    Situations,
    Space,
    count_of,
    in_words,
    named_values,
    read_clauses,
    read_schema,
)

_BOXES = 4  # so many are shown of each change


@dataclass(frozen=True, slots=True)
class Case:
    """Some situations that change alike: which, and the deciding rules of one of them before and after."""

    where: str
    before: tuple[str, ...]
    after: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """How one verb's answers changed: in how many situations of how many, with a few of them in words."""

    verb: str
    situations: int
    of: int
    cases: tuple[Case, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """All that differs. ``opened``: a no became a yes; ``closed``: a yes became a no; ``reasons``: the same answer by other rules.
    The rest are lines for people: verbs and facts that only one book has, rules, and values of bands and countries."""

    opened: tuple[Change, ...]
    closed: tuple[Change, ...]
    reasons: tuple[Change, ...]
    verbs: tuple[str, ...]
    facts: tuple[str, ...]
    rules: tuple[str, ...]
    values: tuple[str, ...]

    def __bool__(self) -> bool:
        """Whether some situation changes its answer, or a value does from which facts are made."""
        return bool(self.opened or self.closed or self.verbs or self.values)


def compare(old: Rulebook, new: Rulebook) -> Difference:
    """What the new rulebook answers otherwise than the old one."""
    clauses = [read_clauses(book.cedar) for book in (old, new)]
    named = named_values([*clauses[0], *clauses[1]])
    verbs = [read_schema(book.schema, named) for book in (old, new)]
    space = Space(*verbs)
    before, after = (Situations(space, verbs[number], clauses[number]) for number in (0, 1))
    opened: list[Change] = []
    closed: list[Change] = []
    reasons: list[Change] = []
    for verb in sorted(set(verbs[0]) & set(verbs[1])):
        was, now = before.answers[verb], after.answers[verb]
        facts = tuple(dict.fromkeys((*was.asked.facts, *now.asked.facts)))
        turned = (now.allowed & ~was.allowed, ~now.allowed & was.allowed)
        a_yes, the_same = now.allowed | was.allowed, ~turned[0] & ~turned[1]
        other = _other_reasons(space, was, now) & the_same
        for those, among, found in ((turned[0], a_yes, opened), (turned[1], a_yes, closed), (other, the_same, reasons)):
            if situations := space.count(those, facts):
                size = count_of(space.facts[fact] for fact in facts)
                found.append(Change(verb, situations, size, tuple(_cases(space, those, among, facts, was, now))))
    return Difference(
        tuple(opened),
        tuple(closed),
        tuple(reasons),
        tuple(_verbs(space, before, after)),
        tuple(_facts(verbs[0], verbs[1])),
        tuple(_rules(old, new)),
        tuple(_values(old.bands, new.bands)),
    )


def _gives(answers: Answers, rule: str) -> Set:
    """The situations in which a rule is a reason."""
    effect, those = answers.rules[rule]
    return those if effect == "forbid" else those & answers.allowed


def _other_reasons(space: Space, was: Answers, now: Answers) -> Set:
    found = space.none
    for rule in {*was.rules, *now.rules}:
        one = _gives(was, rule) if rule in was.rules else space.none
        other = _gives(now, rule) if rule in now.rules else space.none
        found |= (one & ~other) | (other & ~one)
    return found


def _cases(space: Space, those: Set, among: Set, facts: Iterable[str], was: Answers, now: Answers) -> Iterable[Case]:
    facts = list(facts)
    for box in space.boxes(those, among, facts, _BOXES):
        inside = those
        for fact, values in box.items():
            inside &= space.where(fact, *values)
        situation = space.pick(inside, facts)
        assert situation is not None
        point = space.all
        for fact, value in situation.items():
            point &= space.where(fact, value)
        reasons = [
            tuple(sorted(rule for rule in answers.rules if _gives(answers, rule) & point != space.none))
            or ("no-permit",)
            for answers in (was, now)
        ]
        yield Case(in_words(box, space.facts), *reasons)


def _verbs(space: Space, before: Situations, after: Situations) -> Iterable[str]:
    for verb in sorted(set(before.verbs) - set(after.verbs)):
        yield f"{verb} can no longer be asked"
    for verb in sorted(set(after.verbs) - set(before.verbs)):
        answers = after.answers[verb]
        yes = space.count(answers.allowed, answers.asked.facts)
        yield f"{verb} is new: a yes in {yes:,} of {answers.asked.size():,} situations"


def _facts(old: Mapping[str, object], new: Mapping[str, object]) -> Iterable[str]:
    have = [{fact for asked in verbs.values() for fact in getattr(asked, "facts", {})} for verbs in (old, new)]
    yield from (f"{fact} is no longer looked at" for fact in sorted(have[0] - have[1]))
    yield from (f"{fact} is new" for fact in sorted(have[1] - have[0]))


def _rules(old: Rulebook, new: Rulebook) -> Iterable[str]:
    texts = rule_texts(old.cedar), rule_texts(new.cedar)
    yield from (f"{rule} is gone" for rule in old.rules if rule not in new.rules)
    for name, rule in new.rules.items():
        was = old.rules.get(name)
        if was is None:
            yield f"{name} is new: {rule.effect}. {rule.grown_up}"
            continue
        if " ".join(texts[0][name].split()) != " ".join(texts[1][name].split()):
            yield f"{name} is rewritten"
        for part, what in (
            ("child", "says something else to a child"),
            ("grown_up", "says something else to a grown-up"),
            ("cites", "has other sources"),
            ("code", "tells programs something else"),
        ):
            if getattr(was, part) != getattr(rule, part):
                yield f"{name} {what}: {_said(getattr(rule, part))}"


def _said(value: object) -> str:
    return "; ".join(value) if isinstance(value, tuple) else str(value)


def _values(old: Bands, new: Bands) -> Iterable[str]:
    if old.youngest != new.youngest:
        yield f"an unknown age is read as {new.youngest}, and was as {old.youngest}"
    for group in sorted({*old.of_group, *new.of_group}):
        if old.of_group.get(group) != new.of_group.get(group):
            yield f"age group {group}: {old.of_group.get(group, 'none')} → {new.of_group.get(group, 'none')}"
    books = [{"": bands.base, **bands.countries} for bands in (old, new)]
    flat: list[dict[tuple[str, str, str], Value]] = [
        {
            (where, band, key): value
            for where, book in one.items()
            for band, of in book.items()
            for key, value in of.items()
        }
        for one in books
    ]
    for place in sorted({*flat[0], *flat[1]}):
        was, now = (one.get(place) for one in flat)
        if (was and was.value) != (now and now.value):
            where, band, key = place
            yield f"{where + ' ' if where else ''}{band} {key}: {_shown(was)} → {_shown(now)}"


def _shown(value: Value | None) -> str:
    return (
        "not said" if value is None else str(value.value).lower() if isinstance(value.value, bool) else str(value.value)
    )


def as_text(difference: Difference) -> str:
    """A difference for the screen: what opens first."""
    lines: list[str] = []
    for title, changes in (
        ("NO BECOMES YES", difference.opened),
        ("Yes becomes no", difference.closed),
        ("The same answer, other reasons", difference.reasons),
    ):
        if changes:
            lines += [f"{title}:", *_told(changes), ""]
    for title, told in (
        ("Verbs", difference.verbs),
        ("Facts", difference.facts),
        ("Rules", difference.rules),
        ("Bands and countries", difference.values),
    ):
        if told:
            lines += [f"{title}:", *(f"  {one}" for one in told), ""]
    if not difference.opened and not difference.closed:
        lines.append("No situation changes its answer.")
    return "\n".join(lines).rstrip("\n") + "\n"


def _told(changes: Iterable[Change]) -> Iterable[str]:
    """What changed alike for several verbs is told once."""
    alike: dict[tuple[object, ...], list[Change]] = {}
    for change in changes:
        alike.setdefault((change.situations, change.of, change.cases), []).append(change)
    for group in alike.values():
        one = group[0]
        which = "among them" if len(one.cases) == _BOXES else "namely"
        yield f"  {', '.join(each.verb for each in group)}: {one.situations:,} of {one.of:,} situations, {which}"
        for case in one.cases:
            yield f"    where {case.where}"
            gone = [rule for rule in case.before if rule not in case.after]
            come = [rule for rule in case.after if rule not in case.before]
            told = (f"no longer {', '.join(gone)}" if gone else "", f"now {', '.join(come)}" if come else "")
            yield f"      by {'; '.join(filter(None, told))}"
