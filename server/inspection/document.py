"""The report as a value: what was found, made safe to show and bounded, in the one shape that report.json, the page and the print share.

``document()`` turns an :class:`~server.inspection.findings.Inspection` into a :class:`Report`. Whatever a platform under inspection said
is hostile: it may be a megabyte, hold control characters, or signs that turn the direction of the line and so make "refused" read as
something else. Here, once and for all three files, every text is cut to a length (how much was cut is said, with the SHA-256 of the
whole), every invisible or turning sign is spelled out as ``[U+202E]``, every number is finite, and every list has an end. What is
then shown is exactly what is in report.json; nothing is left out of it without being said in ``left_out``.

Verdicts are taken from the steps, not from what a finding says of itself: :attr:`Finding.shown`.
"""

from __future__ import annotations

import hashlib
import math
import platform as machine
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final, Literal, TypeVar

import msgspec

from server import promises
from server.inspection import findings
from server.inspection.findings import NO_SUCH_THING, Inspection, Outcome, Step

T = TypeVar("T")

FORMAT: Final = "ringfence-inspection/1"
NOT_IN_LEDGER: Final = "not in the ledger"

#: Signs of one text that are kept. The longest honest ``seen`` so far has about 300.
MOST_SIGNS: Final = 2_000
#: Of each list that is kept; an honest run has tens of findings and steps, and some hundred measured values.
MOST_FINDINGS, MOST_STEPS, MOST_VALUES, MOST_ROWS, MOST_SETTINGS, MOST_SOURCES = 500, 500, 10_000, 400, 200, 40
#: Larger than any time or count in any unit that we measure; above it a number was made up.
LARGEST: Final = 1e12
_LARGEST_WHOLE: Final = 2**53 - 1  # what every JSON reader keeps exactly
_WORTH_A_HASH: Final = 50  # of a unit or the like only the cut is shown, not the hash
_MARKS: Final = 4  # accents upon one letter; more paint over the lines above


@dataclass(frozen=True, slots=True)
class Platform:
    """Who was inspected. ``code``: the SHA-256 over the names and contents of the files that ran, as server/data/proofs.json has it, of a
    server that the inspector started; empty for any other, whose files nobody outside sees."""

    name: str
    version: str
    address: str
    code: str
    settings: dict[str, str]


@dataclass(frozen=True, slots=True)
class Tried:
    """One step. ``as_promised``: null when it could not be seen. ``after``: seconds since its scenario began."""

    kind: Literal["control", "attack"]
    tried: str
    seen: str
    as_promised: bool | None
    after: float | None


@dataclass(frozen=True, slots=True)
class Figures:
    """Measured values in their order. ``unreadable``: how many were no number."""

    name: str
    unit: str
    values: tuple[float, ...]
    aim: float | None
    unreadable: int


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the platform's own record. ``at``: milliseconds since 1970."""

    seq: int
    at: int
    question: str
    verdict: str
    rules: tuple[str, ...]
    rulebook: str


@dataclass(frozen=True, slots=True)
class Found:
    """What one scenario showed. ``said``: what the scenario concluded; ``outcome``: what counts, never better than the steps carry.
    ``no_such_thing``: it could not be shown because the platform has no such thing."""

    id: str
    scenario: str
    title: str
    promises: tuple[str, ...]
    said: Outcome
    outcome: Outcome
    no_such_thing: bool
    why: str
    seconds: float | None
    steps: tuple[Tried, ...]
    measured: tuple[Figures, ...]
    audit: tuple[Row, ...]
    left_out: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """A law, code or row that a promise comes from, and how it stands: in force, proposed, announced or our choice. ``since``: a day,
    a month or a year. ``unverified``: from memory, to be checked before it is quoted."""

    code: str
    standing: str
    since: str
    unverified: bool


@dataclass(frozen=True, slots=True)
class Promise:
    """One promise and its verdict. ``leaves_out``: what the promise, or any proof of it, does not cover, as the ledger says it.
    ``why``: one sentence. ``findings``: ids of those that speak to it, worst first. ``not_played``: scenarios that the ledger names for
    it and that were not played in this run."""

    id: str
    sentence: str
    sources: tuple[Source, ...]
    leaves_out: str
    not_played: tuple[str, ...]
    verdict: Outcome
    no_such_thing: bool
    why: str
    findings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Counts:
    proven: int
    broken: int
    not_shown: int


@dataclass(frozen=True, slots=True)
class Report:
    """All of it. Times in milliseconds since 1970. ``versions``: the inspector's own tools. ``signed_by``: the verifier key that
    report.sig should be checked with, when it was told elsewhere too. ``in_ledger``: how many promises the ledger has, in scope or not."""

    format: Literal["ringfence-inspection/1"]
    platform: Platform
    by: str
    versions: dict[str, str]
    signed_by: str
    begun_at: int
    ended_at: int
    scope: tuple[str, ...]
    in_ledger: int
    all_proven: bool
    counts: Counts
    promises: tuple[Promise, ...]
    findings: tuple[Found, ...]
    left_out: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Promised:
    """What the ledger says of a promise."""

    sentence: str
    sources: tuple[Source, ...] = ()
    leaves_out: str = ""
    scenarios: tuple[str, ...] = ()


def promised(promise: str) -> Promised:
    """The promise's sentence and sources from the ledger; of an unknown one the sentence is "not in the ledger". A ledger that cannot
    be read knows none: the report is still written, with what was found."""
    try:
        ledger = promises.ledger()
        entry = ledger[promise]
    except (StopIteration, KeyError, OSError, promises.BrokenLedger):
        return Promised(NOT_IN_LEDGER)
    return Promised(
        entry.sentence, tuple(_source(ledger, code) for code in entry.sources), entry.not_shown, entry.scenarios
    )


def _in_ledger() -> int:
    try:
        return len(promises.ledger().ids)
    except (OSError, promises.BrokenLedger):
        return 0


def _source(ledger: promises.Ledger, code: str) -> Source:
    try:
        law = ledger.standing(code)
    except KeyError:
        return Source(clean(code, 200), "nobody knows how it stands", "", True)
    return Source(clean(code, 200), law.status, law.since, law.unverified)


def document(inspection: Inspection, *, signed_by: str) -> Report:
    """The whole report. It never fails because of what a platform said."""
    left_out: list[str] = []
    kept = _few(inspection.findings, MOST_FINDINGS, "findings", left_out, stays=lambda one: one.shown != "proven")
    found = tuple(_found(number, one) for number, one in enumerate(kept, 1))
    verdicts = inspection.verdicts()
    made = tuple(_promise(one, verdicts[one], found) for one in dict.fromkeys(inspection.scope))
    return Report(
        format=FORMAT,
        platform=_platform(inspection.platform, left_out),
        by=clean(inspection.by, 200),
        versions=dict(_versions()),
        signed_by=signed_by,
        begun_at=_whole(inspection.begun_at),
        ended_at=_whole(inspection.ended_at),
        scope=tuple(one.id for one in made),
        in_ledger=_in_ledger(),
        all_proven=inspection.all_proven,
        counts=Counts(**{one: sum(each.verdict == one for each in made) for one in findings.WORST_FIRST}),
        promises=made,
        findings=found,
        left_out=tuple(left_out),
    )


def encoded(report: Report) -> bytes:
    """report.json: UTF-8, keys sorted, no blanks, one newline at the end. The same report is always the same bytes."""
    return msgspec.json.encode(report, order="sorted") + b"\n"


class NotAReport(ValueError):
    """These bytes are no report; the sentence says why."""


def decoded(raw: bytes) -> Report:
    """Read report.json strictly: of the schema, and written in the one way that :func:`encoded` writes."""
    try:
        report = msgspec.json.decode(raw, type=Report)
    except (msgspec.DecodeError, RecursionError) as fault:
        raise NotAReport(f"It is not an inspection report: {clean(str(fault), 200)}.") from fault
    if encoded(report) != raw:
        raise NotAReport(
            "It has something in it that the schema does not know, or is not written in the one canonical way."
        )
    return report


def schema() -> dict[str, Any]:
    """The JSON Schema of report.json. A test holds docs/reference/inspection-report.schema.json against it."""
    made: dict[str, Any] = msgspec.json.schema(Report)
    for one in made["$defs"].values():
        if one.get("type") == "object" and "properties" in one:
            one["additionalProperties"] = False
        if "description" in one:
            one["description"] = " ".join(one["description"].replace("``", "").split())
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Report of a Ringfence inspection",
        "description": "What ringfence inspect writes as report.json. Signed in report.sig.",
        **made,
    }


def clean(text: object, most: int = MOST_SIGNS) -> str:
    """``text`` made safe to show: bounded, valid Unicode, one line, nothing in it that is invisible or turns the line."""
    whole = text if isinstance(text, str) else str(text)
    signs: list[str] = []
    marks = 0
    for sign in whole[:most]:
        kind = unicodedata.category(sign)
        marks = marks + 1 if kind in ("Mn", "Me") else 0
        if sign in "\n\r\t" or kind in ("Zs", "Zl", "Zp"):
            signs.append(" ")
        elif kind[0] == "C":  # controls, directions, surrogates, private and unassigned signs
            signs.append(f"[U+{ord(sign):04X}]")
        elif marks <= _MARKS:
            signs.append(sign)
    shown = "".join(signs).strip()
    if len(whole) > most and most < _WORTH_A_HASH:
        shown += "…"
    elif len(whole) > most:
        digest = hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()
        shown += f" … [{len(whole) - most:,} more signs are left out; SHA-256 of the whole: {digest}]"
    return shown


@cache
def _versions() -> tuple[tuple[str, str], ...]:
    """What the inspection ran with."""
    found = {
        "Python": machine.python_version(),
        "system": f"{machine.system()} {machine.release()} {machine.machine()}",
    }
    for name in ("ringfence", "aiortc", "aiohttp", "cryptography", "fpdf2"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return tuple((name, clean(found[name], 100)) for name in sorted(found))


def _platform(found: findings.Inspected, left_out: list[str]) -> Platform:
    settings = _few(list(found.settings.items()), MOST_SETTINGS, "settings of the platform", left_out)
    return Platform(
        name=clean(found.name, 100) or "A platform without a name",
        version=clean(found.version, 100),
        address=clean(found.address, 200),
        code=clean(found.code, 64),
        settings=dict(sorted((clean(name, 100), clean(value, 500)) for name, value in settings)),
    )


def _found(number: int, one: findings.Finding) -> Found:
    left_out: list[str] = []
    outcome = one.shown
    why = clean(one.why, 600)
    if outcome != one.outcome:
        carries = {"broken": "an attack in it went through", "not_shown": "its steps do not carry that"}
        why = f"The scenario said it is {WORDS[one.outcome].lower()}, but {carries[outcome]}. {why}"
    return Found(
        id=f"f{number}",
        scenario=clean(one.scenario, 100),
        title=clean(one.title, 200) or clean(one.scenario, 100) or "A scenario without a title",
        promises=tuple(clean(each, 100) for each in _few(one.promises, MOST_SETTINGS, "promises", left_out)),
        said=one.outcome,
        outcome=outcome,
        no_such_thing=outcome == "not_shown" and one.why.startswith(NO_SUCH_THING),
        why=why,
        seconds=_number(one.seconds),
        steps=tuple(_tried(each) for each in _few(one.steps, MOST_STEPS, "steps", left_out, stays=_against)),
        measured=tuple(_figures(each, left_out) for each in _few(one.measured, 20, "measurements", left_out)),
        audit=tuple(_row(each) for each in _few(one.audit, MOST_ROWS, "rows of the platform's record", left_out)),
        left_out=tuple(left_out),
    )


def _tried(step: Step) -> Tried:
    seen = step.as_promised if isinstance(step.as_promised, bool) else None
    return Tried(step.kind, clean(step.tried, 600), clean(step.seen), seen, _number(step.after))


def _figures(one: findings.Measured, left_out: list[str]) -> Figures:
    read = [_number(value) for value in _few(one.values, MOST_VALUES, "measured values", left_out)]
    values = tuple(value for value in read if value is not None)
    name = clean(one.name, 200)
    return Figures(name[:1].upper() + name[1:], clean(one.unit, 12), values, _number(one.aim), len(read) - len(values))


def _row(row: findings.AuditRow) -> Row:
    return Row(
        seq=_whole(row.seq),
        at=_whole(row.at),
        question=clean(row.question, 200),
        verdict=clean(row.verdict, 100),
        rules=tuple(clean(one, 100) for one in row.rules[:MOST_SOURCES]),
        rulebook=clean(row.rulebook, 100),
    )


def _promise(promise: str, verdict: Outcome, found: Sequence[Found]) -> Promise:
    name = clean(promise, 100)
    said = promised(promise)
    speak = sorted(
        (one for one in found if name in one.promises), key=lambda one: findings.WORST_FIRST.index(one.outcome)
    )
    deciding = [one for one in speak if one.outcome == verdict]
    if verdict == "proven":
        stories = f"{len(speak)} stories" if len(speak) != 1 else "One story"
        why = f"{stories} told: what must work did, and no attack went through."
    else:
        why = deciding[0].why if deciding else "No scenario played for it in this run."
    return Promise(
        id=name,
        sentence=clean(said.sentence, 600),
        sources=said.sources[:MOST_SOURCES],
        leaves_out=clean(said.leaves_out, 1_000),
        not_played=tuple(one for one in said.scenarios if one not in {each.scenario for each in found}),
        verdict=verdict,
        no_such_thing=verdict == "not_shown" and bool(deciding) and all(one.no_such_thing for one in deciding),
        why=why,
        findings=tuple(one.id for one in speak),
    )


#: How the outcomes are called, everywhere.
#: How one story went. Its title may name an attack ("A stranger rings"): what is proven then is the promise, and not the attack.
STORY: Final[Mapping[Outcome, str]] = {
    "broken": "Not as promised", "not_shown": "Could not be shown", "proven": "All went as promised",
}  # fmt: skip
WORDS: Final[Mapping[Outcome, str]] = {"broken": "Broken", "not_shown": "Could not be shown", "proven": "Proven"}


def _few(
    found: Iterable[T], most: int, what: str, left_out: list[str], stays: Callable[[T], bool] = lambda _: False
) -> list[T]:
    """At most ``most``, in their order: those that ``stays`` names before others, then the first and the last ones. How many are
    missing is written down."""
    every = list(found)
    if len(every) <= most:
        return every
    left_out.append(f"{len(every) - most:,} of {len(every):,} {what}")
    ends = sorted(range(len(every)), key=lambda place: min(place, len(every) - place))
    kept = sorted(ends, key=lambda place: not stays(every[place]))[:most]
    return [every[place] for place in sorted(kept)]


def _against(step: Step) -> bool:
    return step.as_promised is not True


def _number(value: float | None) -> float | None:
    if not isinstance(value, int | float) or not math.isfinite(value) or abs(value) > LARGEST:
        return None
    return float(value)


def _whole(value: int) -> int:
    return max(-_LARGEST_WHOLE, min(_LARGEST_WHOLE, int(value)))
