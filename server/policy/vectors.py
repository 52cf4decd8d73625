"""Vector files: situations of families with the answer that a safe account gives, read and checked strictly.

A vector file is data that another platform tests its own rules against (``tests/conformance/``), so a slip in it is a slip in
somebody's product. Nothing is taken as meant: an unknown key, a flag without a sentence, a reason list out of order or a twin
that differs in two things does not load, and the message names the vector. The same is written as a JSON Schema beside the
vectors, for those who read them in another language; what a schema cannot say (twins, known flags, unique ids) is only here.

``load_vectors`` reads a file's text, ``check`` asks a rulebook all of it and returns what differs. Neither opens a file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from server.policy.decide import Decision
from server.policy.facts import question_from

Verdict = Literal["allow", "deny"]

_FILE_KEYS: Final = ("schema", "rulebook", "flags", "vectors")
_NEEDED: Final = ("id", "flags", "note", "question", "verdict", "rules")
_NAME: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_BROKEN: Final = ("rule-broken",)
_LARGEST: Final = 2**53 - 1  # the largest whole number that every JSON reader keeps exactly


class BrokenVectors(ValueError):
    """A vector file that cannot be trusted. The message names the vector (or its number) and the reason."""


@dataclass(frozen=True, slots=True)
class Vector:
    """One situation. ``flags``: the harm that a wrong answer lets in; ``note``: the family, in a sentence; ``twin``: the vector
    that differs from this one in exactly one thing, or None; ``rules``: all deciding rules, sorted."""

    id: str
    flags: tuple[str, ...]
    note: str
    twin: str | None
    question: Mapping[str, Any]
    verdict: Verdict
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A vector and the other answer that it was given."""

    vector: Vector
    verdict: Verdict
    rules: tuple[str, ...]

    def __str__(self) -> str:
        wanted = f"{self.vector.verdict} ({', '.join(self.vector.rules)})"
        return f"{self.vector.id}: {self.verdict} ({', '.join(self.rules)}) instead of {wanted}"


def load_vectors(text: str) -> tuple[Vector, ...]:
    """All vectors of a file. Raises :class:`BrokenVectors`."""
    try:
        file = json.loads(text, object_pairs_hook=_no_key_twice)
    except ValueError as wrong:
        raise BrokenVectors(f"this is not JSON: {wrong}") from None
    if not isinstance(file, dict) or set(file) != set(_FILE_KEYS):
        raise BrokenVectors(f"a vector file is an object with exactly these keys: {', '.join(_FILE_KEYS)}")
    flags = file["flags"]
    if not isinstance(flags, dict) or not all(_is_text(told) and _NAME.fullmatch(flag) for flag, told in flags.items()):
        raise BrokenVectors("flags: each flag is a name in small letters, with a sentence")
    if not _is_text(file["schema"]) or not _is_text(file["rulebook"]):
        raise BrokenVectors("schema and rulebook must be named")
    if not isinstance(file["vectors"], list) or not file["vectors"]:
        raise BrokenVectors("there are no vectors")
    vectors: dict[str, Vector] = {}
    for number, plain in enumerate(file["vectors"], 1):
        vector = _read(number, plain, flags)
        if vector.id in vectors:
            raise BrokenVectors(f"vector {vector.id}: this id is used twice")
        vectors[vector.id] = vector
    for vector in vectors.values():
        if vector.twin is not None:
            _check_twin(vector, vectors.get(vector.twin))
    if unused := set(flags) - {flag for vector in vectors.values() for flag in vector.flags}:
        raise BrokenVectors(f"flags: no vector has {', '.join(sorted(unused))}")
    return tuple(vectors.values())


def check(vectors: Iterable[Vector], decide_plain: Callable[[Mapping[str, Any]], Decision]) -> list[Mismatch]:
    """What a rulebook answers otherwise than written, as a rule or as a verdict."""
    found = []
    for vector in vectors:
        decision = decide_plain(vector.question)
        verdict: Verdict = "allow" if decision else "deny"
        if (verdict, decision.rules) != (vector.verdict, vector.rules):
            found.append(Mismatch(vector, verdict, decision.rules))
    return found


def differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> tuple[str, ...]:
    """In what two questions differ, as ``verb`` or ``x.consent``. What only one of them has counts too, a whole part as one."""
    found: list[str] = []
    for part in one.keys() | other.keys():
        facts, also = one.get(part), other.get(part)
        if isinstance(facts, dict) and isinstance(also, dict):
            found += [
                f"{part}.{fact}" for fact in facts.keys() | also.keys() if _held(facts, fact) != _held(also, fact)
            ]
        elif _held(one, part) != _held(other, part):
            found.append(part)
    return tuple(sorted(found))


def _held(facts: Mapping[str, Any], name: str) -> tuple[bool, type[Any], Any]:
    return name in facts, type(facts.get(name)), facts.get(name)  # with its type: 1 is not true here


def _read(number: int, plain: Any, flags: Mapping[str, str]) -> Vector:
    if not isinstance(plain, dict):
        raise BrokenVectors(f"vector number {number}: must be an object")
    name = plain.get("id")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise BrokenVectors(f"vector number {number}: its id must be small letters and digits, joined by hyphens")

    def wrong(why: str) -> BrokenVectors:
        return BrokenVectors(f"vector {name}: {why}")

    if missing := [key for key in _NEEDED if key not in plain]:
        raise wrong(f"{', '.join(missing)} missing")
    if unknown := set(plain) - {*_NEEDED, "twin"}:
        raise wrong(f"nobody knows {', '.join(sorted(unknown))}")
    if not _is_list_of_names(plain["flags"]):
        raise wrong("flags must be a list of names, at least one and none twice")
    if strange := [flag for flag in plain["flags"] if flag not in flags]:
        raise wrong(f"flag {', '.join(strange)} has no sentence in flags")
    if not _is_text(plain["note"]):
        raise wrong("note must be a sentence")
    if plain["verdict"] not in ("allow", "deny"):
        raise wrong("verdict must be allow or deny")
    if not _is_list_of_names(plain["rules"]) or plain["rules"] != sorted(plain["rules"]):
        raise wrong("rules must be a sorted list of rule ids, at least one and none twice")
    if "twin" in plain and not isinstance(plain["twin"], str):
        raise wrong("twin must be the id of another vector")
    if not isinstance(plain["question"], dict):
        raise wrong("question must be an object")
    rules = tuple(plain["rules"])
    if rules == _BROKEN and plain["verdict"] == "allow":
        raise wrong("what is broken is never allowed")
    why = _why_no_question(plain["question"])
    if rules == _BROKEN and why is None:
        raise wrong("its question is complete, so rule-broken cannot be the answer")
    if rules != _BROKEN and why is not None:
        raise wrong(f"its question is none ({why}), so the answer must be rule-broken")
    return Vector(
        name, tuple(plain["flags"]), plain["note"], plain.get("twin"), plain["question"], plain["verdict"], rules
    )


def _why_no_question(question: Mapping[str, Any]) -> str | None:
    try:
        question_from(question)
    except (ValueError, TypeError) as wrong:
        return str(wrong)
    for part, facts in question.items():
        for fact, value in facts.items() if isinstance(facts, dict) else ():
            if type(value) is int and abs(value) > _LARGEST:
                return f"{part}.{fact} is larger than a fact can be"
    return None


def _check_twin(vector: Vector, twin: Vector | None) -> None:
    if twin is None:
        raise BrokenVectors(f"vector {vector.id}: there is no vector {vector.twin} to be its twin")
    differs = differences(vector.question, twin.question)
    if len(differs) != 1:
        told = ", ".join(differs) or "nothing"
        raise BrokenVectors(
            f"vector {vector.id}: must differ from its twin {twin.id} in one thing, and differs in {told}"
        )


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) >= 8


def _is_list_of_names(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) > 0
        and all(isinstance(name, str) and _NAME.fullmatch(name) for name in value)
        and len(set(value)) == len(value)
    )


def _no_key_twice(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"a key stands twice in one object: {next(name for name in names if names.count(name) > 1)}")
    return found
