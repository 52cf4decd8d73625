"""What an inspector is shown: put together here, from the rulebook, the ledger, the tables and the record. Nothing is decided here.

Four promises.

**Nobody is in it.** Rows of the record are told without whom they are about and without which family's chain they stand in; a time is
told to the minute. What children do to get help (help, report, block, leave, sign out) is told of no single case, and neither
is a refusal that a block decided. ``inspectors.look`` reads all of it once more before it is shown.

**A small number is not told.** Every count is rounded down to the ten (``SMALL``), so what is below ten is "fewer than 10", zero
too, and a total is the sum of what is told of its parts, which tells nothing more than they do. So no small number comes out of a
total less its parts, of 90 days less 30, or of today less yesterday; a test tries every way that the numbers could be. A decision
that was made fewer than ten times in its thirty days, in this form (what was asked, what was said, by which rules), or that fewer
than ten people asked for, is not listed singly either: somebody who is often here is still one.

**Nothing is proven by default.** A promise is what ``promises.py`` says that it is.

**Bounded.** One look reads thirty or ninety days, a page of decisions has ``PAGE`` rows, a situation has closed lists of values.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from server.db.session import rows
from server.errors import BadRequest
from server.gatekeeper import HARBOUR, NOT_TOLD
from server.policy import Rulebook, Verb
from server.policy.bands import texts
from server.policy.decide import BUILT_IN, Rule
from server.policy.explain import explain, facts_of, start_of
from server.policy.lines import rule_texts
from server.policy.situations import read_clauses, read_schema
from server.promises import Law, Ledger, Proof
from server.regimes import Requirement, regimes
from server.settings import ROOT, Settings

DAY: Final = 86_400_000
MINUTE: Final = 60_000
SMALL: Final = 10  #: below it nothing is told, and every number is rounded down to it
PAGE: Final = 50
LISTED_DAYS: Final = 30

#: What is never listed singly: out of a family's sight, and so out of everybody's.
HARBOURED: Final = frozenset(
    {Verb.HELP, Verb.REPORT, Verb.BLOCK, Verb.UNBLOCK, Verb.LOOK_AT_BLOCKS, Verb.LEAVE, Verb.SIGN_OUT}
)

_UNSEEN: Final = HARBOUR | {NOT_TOLD}  #: rules of which no decision is told

_STATUS: Final = {"in force": "in_force", "proposed": "proposed", "announced": "announced", "our choice": "ours"}


# -- sources --------------------------------------------------------------------------------------------------------------


def cited(book: Ledger, source: str) -> dict[str, Any]:
    """One source: which code it belongs to, what it says, and how it stands in law."""
    try:
        law = book.standing(source)
    except KeyError:
        law = Law("our choice", book.looked_at, "")
    said, asked = _said(), _asked().get(source)
    return {
        "id": source,
        "code": _code(source),
        "says": (asked.asks if asked else said.get(source, "")) or law.note or said.get(_code(source), ""),
        "status": _STATUS[law.status],
        "since": law.since,
        "unverified": law.unverified,
    }


def sources_of(cites: Iterable[str]) -> list[str]:
    """A rule's sources one by one: "rows 11, 13" are two."""
    found: dict[str, None] = {}
    for one in cites:
        if one.startswith("rows "):
            found |= dict.fromkeys(f"row {number.strip()}" for number in one.removeprefix("rows ").split(","))
        else:
            found[one] = None
    return list(found)


def _code(source: str) -> str:
    """The code or law to which a source belongs: ``ICU`` of ``ICU F1``."""
    return next((code for code in CODES if re.match(rf"{re.escape(code)}(?![A-Za-z])", source)), source.split(" ")[0])


#: The codes and laws, the longer names first.
CODES: Final = (
    "AU SMMA", "AU BOSE", "AU SbD", "ISO27566", "IEEE2089", "FTC 2023", "UKGDPR", "COPPA", "ASM", "AADC", "NSPCC", "DSA28",
    "UK16", "GC25", "ICU", "PCU", "OSA", "row", "S",
)  # fmt: skip


@cache
def _asked() -> Mapping[str, Requirement]:
    """What each regime asks, by code and id, as docs/regulators/ has it; by its name too where one code asks several things."""
    every = [one for regime in regimes() for one in regime.requirements]
    times = Counter(one.code for one in every)
    return {one.code if times[one.code] == 1 else f"{one.code} ({one.name})": one for one in every}


@cache
def _said() -> Mapping[str, str]:
    """What docs/regulators/sources.md says of each row of the master table, each code and each place where something was read."""
    try:
        page = (ROOT / "docs" / "regulators" / "sources.md").read_text("utf-8")
    except OSError:  # installed without its documents: sources are told by name
        return {}
    found: dict[str, str] = {}
    for first, second in re.findall(r"^\| ([^|]+?) \| ([^|]+?) \|", page, re.MULTILINE):
        found.setdefault(f"row {first}" if first.isdigit() else first, second.replace("**", ""))
    return found


# -- rules and situations -------------------------------------------------------------------------------------------------


def rules(book: Rulebook, ledger: Ledger) -> dict[str, Any]:
    """Every rule with both its sentences, its sources, its condition as it is written, and the verbs that it concerns."""
    texts = rule_texts(book.cedar)
    verbs = _verbs_by_rule(book.cedar, book.schema)
    return {
        "rulebook": book.version,
        "rules": [
            {
                **_rule(ledger, rule),
                "effect": rule.effect,
                "code": rule.code,
                "condition": texts.get(rule.id, ""),
                "verbs": verbs.get(rule.id, []),
                "bands": [],  # no rule reads a band: what changes with age are values of facts (bands.toml)
            }
            for rule in (*book.rules.values(), *BUILT_IN.values())
        ],
        "ages": [
            {"band": band, "what": what, "value": _plain(value.value), "why": value.reason, "source": value.source}
            for band, values in book.bands.base.items()
            for what, value in values.items()
        ],
    }


def _plain(value: Any) -> bool | int | str:
    return value if isinstance(value, bool | int) else str(value)


def _rule(ledger: Ledger, rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "child": rule.child,
        "grown_up": rule.grown_up,
        "sources": [cited(ledger, one) for one in sources_of(rule.cites)],
    }


@cache
def _verbs_by_rule(cedar: str, schema: str) -> Mapping[str, list[str]]:
    asked = read_schema(schema, {})
    return {
        clause.id: [verb.value for verb in Verb if verb in asked and clause.concerns(asked[verb])]
        for clause in read_clauses(cedar)
    }


def situations(book: Rulebook) -> dict[str, Any]:
    """What can be asked: each verb, the facts of its question with their values, and a situation to begin with."""
    return {
        "rulebook": book.version,
        "verbs": [
            {
                "verb": verb.value,
                "facts": {fact: list(values) for fact, values in facts_of(verb).items()},
                "start": start_of(book, verb),
            }
            for verb in Verb
        ],
    }


def judge(book: Rulebook, ledger: Ledger, verb: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    """The answer to one situation, why, and each single fact that would turn it to a value that the rules know. Raises ``BadRequest`` for
    what is none."""
    try:
        known = facts_of(Verb(verb))
    except ValueError:
        raise BadRequest({"verb": "wrong"}) from None
    if set(facts) != set(known) or not all(_among(facts[fact], values) for fact, values in known.items()):
        raise BadRequest({"facts": "wrong"})
    told = explain(book, _plainly(verb, facts))
    return {
        "verdict": told.verdict,
        "code": told.code,
        "rulebook": told.rulebook,
        "rules": [{**_rule(ledger, rule), "effect": rule.effect} for rule in told.rules],
        "turns": [
            {"fact": turn.fact, "from": turn.was, "to": value, "verdict": turn.verdict}
            for turn in told.turns
            for value in turn.values
            if _known(book, verb, {**facts, turn.fact: value})
        ],
    }


def _plainly(verb: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    plain: dict[str, Any] = {"verb": verb}
    for fact, value in facts.items():
        part, _, name = fact.partition(".")
        plain.setdefault(part, {})[name] = value
    return plain


def _known(book: Rulebook, verb: str, facts: Mapping[str, Any]) -> bool:
    """Whether the rules know every value in this. One that they do not know turns every yes into a no, and nobody learns from that what
    could be otherwise."""
    return "unknown-fact" not in book.decide_plain(_plainly(verb, facts)).rules


def _among(value: Any, values: Sequence[Any]) -> bool:
    return any(type(value) is type(one) and value == one for one in values)  # 1 is no yes


# -- promises and measures ------------------------------------------------------------------------------------------------


def promises(ledger: Ledger, proofs: Mapping[str, Proof]) -> dict[str, Any]:
    """Every promise with whom it is made to, what demands it, what keeps it and whether that is proven for the code that runs."""
    return {
        "promises": [
            {
                "id": one.id,
                "to": list(one.to),
                "sentence": one.sentence,
                "child": one.child,
                "sources": [cited(ledger, source) for source in one.sources],
                "rules": list(one.rules),
                "tests": list(one.all_tests()),
                "scenarios": list(one.scenarios),
                "faults": list(one.faults),
                "not_shown": one.not_shown,
                "proof": proof(proofs.get(one.id)),
            }
            for one in ledger.promises
        ]
    }


def proof(found: Proof | None) -> dict[str, Any]:
    """How a proof stands: proven, broken (it was run and showed the opposite) or not proven."""
    if found is None:
        return {"outcome": "not_proven", "at": None, "why": "Nothing is known of its proof."}
    return {"outcome": _outcome(found), "at": found.at or None, "why": found.why}


def _outcome(found: Proof | None) -> str:
    return "not_proven" if found is None else "proven" if found.proven else "broken" if found.failed else "not_proven"


def measures(book: Rulebook, ledger: Ledger, proofs: Mapping[str, Proof]) -> dict[str, Any]:
    """Every source that some promise or rule names, and every requirement of a regime, also one that is not met or does not apply: by
    code and id, how it stands in law and since when, and what keeps it here."""
    keepers: dict[str, tuple[list[str], list[str]]] = {}
    for promise in ledger.promises:
        for source in promise.sources:
            keepers.setdefault(source, ([], []))[0].append(promise.id)
    for rule in book.rules.values():
        for source in sources_of(rule.cites):
            keepers.setdefault(source, ([], []))[1].append(rule.id)
    for source, requirement in _asked().items():
        named = keepers.setdefault(source, ([], []))[0]
        named += [one for one in requirement.promises if one not in named]
    found = []
    for source, (of_promises, of_rules) in keepers.items():
        asked = _asked().get(source)
        told = cited(ledger, source)
        since = str(told["since"])
        found.append(
            {
                **{key: told[key] for key in ("code", "id", "says", "status", "since", "unverified")},
                "date": since if len(since) == len("2026-11-26") else None,  # a year alone is no day
                "promises": [{"id": one, "outcome": _outcome(proofs.get(one))} for one in of_promises],
                "rules": of_rules,
                "name": asked.name if asked else "",
                "state": asked.state if asked else None,
                "does": asked.does if asked else "",
                "missing": asked.missing if asked else "",
                "unsure": asked.unsure if asked else "",
            }
        )
    return {"looked_at": ledger.looked_at, "measures": sorted(found, key=lambda one: _in_order(one["code"], one["id"]))}


def _in_order(code: str, name: str) -> tuple[str, list[tuple[int, str]]]:
    return code, [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name) if part]


# -- counts ---------------------------------------------------------------------------------------------------------------


def told(count: int) -> int | None:
    """A number as it may be told: rounded down to the ten, and None for "fewer than 10"."""
    return count // SMALL * SMALL or None


@dataclass(frozen=True, slots=True)
class Row:
    """One decision as it stands in the record, without whom and whose. ``times``: how often in this very form, see ``decided``."""

    at: int
    verb: str
    verdict: str
    rules: tuple[str, ...]


async def counts(tx: AsyncConnection, book: Rulebook, now: int, days: int) -> dict[str, Any]:
    """What may be counted without telling anything of anybody, over the last ``days``. What is kept for thirty days only (calls,
    reports) is counted in thirty days only."""
    since = now - days * DAY
    groups: Counter[str] = Counter({str(band): 0 for band in book.bands.base if band != "18+"})
    for group, number in await rows(tx, _CHILDREN, now=now):
        groups[book.bands.band(group)] += number
    tables = [
        table("families", {"all": (await rows(tx, _FAMILIES))[0][0]}),
        table("children", groups, total=True),
        table(
            "contacts",
            dict(zip(("made", "refused", "ended"), (await rows(tx, _CONTACTS, since=since))[0], strict=True)),
        ),
    ]
    if days <= LISTED_DAYS:
        ended = Counter(await _numbers(tx, _CALLS_ENDED, since))
        cut = {code: ended[code] for code in CUT_OFF}
        reports = Counter(await _numbers(tx, _REPORTS, since))
        looks = Counter(_how_soon(*row) for row in await rows(tx, _LOOKS, since=since))
        tables += [
            table("calls", {"all": (await rows(tx, _CALLS, since=since))[0][0]}),
            table("cut_offs", cut, total=True),
            table("reports", {kind: reports[kind] for kind in ("recorded", "clip")}, total=True),
            table("first_look", {soon: looks[soon] for soon in SOON}, total=True),
        ]
    said_no: Counter[str] = Counter()
    for (_, verdict, ruled), times in (await forms(tx, now, days=days)).items():
        if verdict == "deny":
            said_no.update(dict.fromkeys(json.loads(ruled), times))
    tables.append(table("denials", {rule: said_no[rule] for rule in sorted(said_no)}))
    return {
        "from": _day(since),
        "until": _day(now),
        "days": days,
        "fewer_than": SMALL,
        "rounded_down_to": SMALL,
        "tables": tables,
    }


async def _numbers(tx: AsyncConnection, sql: str, since: int) -> dict[str, int]:
    return {str(name): int(number) for name, number in await rows(tx, sql, since=since)}


def table(name: str, cells: Mapping[str, int], *, total: bool = False) -> dict[str, Any]:
    """Numbers as they are told. A ``total`` of parts is what is told of them, together."""
    shown = {cell: told(number) for cell, number in cells.items()}
    if total:
        shown["all"] = sum(number or 0 for number in shown.values()) or None
    return {"name": name, "rows": [{"name": cell, "count": number} for cell, number in shown.items()]}


#: Why a call ends when nobody in it ended it.
CUT_OFF: Final = (
    "policy_revoked", "contact_not_approved", "needs_guardian", "removed", "quiet_hours", "time_limit", "ended_by_supervisor",
)  # fmt: skip
SOON: Final = ("within_24_hours", "within_48_hours", "later", "waiting")


def _how_soon(made_at: int, taken_at: int | None) -> str:
    if taken_at is None:
        return "waiting"
    waited = taken_at - made_at
    return "within_24_hours" if waited <= DAY else "within_48_hours" if waited <= 2 * DAY else "later"


def _day(at: int) -> str:
    return f"{datetime.fromtimestamp(at / 1000, UTC):%Y-%m-%d}"


_FAMILIES: Final = "SELECT count(DISTINCT household_id) FROM people WHERE kind = 'child'"
_CHILDREN: Final = """
SELECT CASE WHEN age_until > :now THEN age_group END, count(*) FROM children GROUP BY 1
"""
_CONTACTS: Final = """
SELECT count(CASE WHEN approved_at >= :since THEN 1 END),
       count(CASE WHEN state = 'refused' AND ended_at >= :since THEN 1 END),
       count(CASE WHEN state = 'ended' AND ended_at >= :since THEN 1 END) FROM contacts
"""
_CALLS: Final = "SELECT count(*) FROM calls WHERE started_at >= :since"
_CALLS_ENDED: Final = "SELECT code, count(*) FROM calls WHERE started_at >= :since AND code IS NOT NULL GROUP BY code"
_REPORTS: Final = "SELECT kind, count(*) FROM reports WHERE made_at >= :since GROUP BY kind"
_LOOKS: Final = "SELECT made_at, taken_at FROM reports WHERE made_at >= :since AND kind = 'recorded'"


# -- the record, and what everybody may know -------------------------------------------------------------------------------


def record(overview: Mapping[str, Any], *, exactly: bool = False) -> dict[str, Any]:
    """The record from outside: how much of it there is, whether it is whole, every checkpoint and key. No chain by its name.

    How much is rounded down as every number is, but where nobody is real (``exactly``): a household has a chain, and in a small house each
    row more would say, to the minute, that somebody is here. Rounding alone would not hide it: each look of an inspector is a row too, and
    by how many looks it takes until the round number moves, the exact one is known. So there rows are told as far as they are signed."""
    much = {name: int(overview[name]) for name in ("chains", "rows", "covered")}
    much["rows"] = much["rows"] if exactly else much["covered"]
    wrong = Counter(str(one["what"]) for one in overview["findings"])
    why = "; ".join(f"{what}: {number}" for what, number in sorted(wrong.items()))
    return {
        **(much if exactly else {name: number // SMALL * SMALL for name, number in much.items()}),
        "whole": overview["whole"],
        "why": why,
        "checkpoints": [one for one in reversed(overview["checkpoints"]) if "root" in one][:MOST_CHECKPOINTS],
        "keys": overview["keys"],
    }


MOST_CHECKPOINTS: Final = 100  #: shown; the pack holds all of them


def child_safety(settings: Settings, book: Rulebook, note: str | None) -> dict[str, Any]:
    """``/.well-known/child-safety``: who answers for children's safety here, and where to check it."""
    made_up = settings.demo and not settings.accountable_person
    bands, _ = texts()
    files = {"safe_account.cedar": book.cedar, "safe_account.cedarschema": book.schema, "bands.toml": bands}
    return {
        "accountable": {
            "name": "Ada Example, made up, head of children's safety" if made_up else settings.accountable_person,
            "contact": "safety@calls.example" if made_up else settings.accountable_contact,
            "measures": "ICU A1 to A7; PCU A1 to A7; AADC2",
        },
        "software": {"name": "Ringfence", "version": version("ringfence")},
        "demo": settings.demo,
        "promises": "/promises/",
        "checkpoint": {"at": "/api/checkpoint", "note": note},
        "policy": {
            "version": book.version,
            "sha256": {name: hashlib.sha256(text.encode()).hexdigest() for name, text in files.items()},
        },
    }


# -- decisions ------------------------------------------------------------------------------------------------------------


Form = tuple[str, str, str]  #: what was asked, what was said, by which rules, as they are stored


async def forms(tx: AsyncConnection, now: int, *, days: int = LISTED_DAYS, often: int = SMALL) -> dict[Form, int]:
    """Each form of decision that may be told of, and how often it was made in the last ``days``; counted where the record is kept, so that
    nobody waits for a long one.

    Left out: what is out of everybody's sight (``HARBOURED``, and what a block decided), what no rule was asked about, and whatever was
    decided fewer than ``often`` times, or by the asking of fewer than ``often`` people: ten times one child is that child's day."""
    known = {verb.value for verb in Verb} - {verb.value for verb in HARBOURED}
    return {
        (verb, verdict, ruled): times
        for verb, verdict, ruled, times, people in await rows(tx, _FORMS, since=now - days * DAY)
        if verb in known and _UNSEEN.isdisjoint(json.loads(ruled)) and min(times, people) >= often
    }


async def decided(
    tx: AsyncConnection, now: int, search: Search | None = None, *, days: int = LISTED_DAYS, often: int = SMALL
) -> list[Row]:
    """Decisions of the last ``days`` that may be listed (``forms``) and are looked for, each once however many chains it stands in: as
    many as ``page_of`` needs. In no order that says anything: the newest minute first, and within a minute by what was asked."""
    search = search or Search()
    minute, number = search.place
    fitting = [
        form
        for form in await forms(tx, now, days=days, often=often)
        if search.rule in ("", *json.loads(form[2]))
        and search.verb in ("", form[0])
        and search.verdict in ("", form[1])
    ]
    if not fitting:
        return []
    marks = ", ".join(f":f{place}" for place in range(len(fitting)))
    found = await rows(
        tx,
        _LISTED.format(marks=marks),
        since=now - days * DAY,
        until=now + DAY if minute is None else minute + MINUTE,
        limit=number + PAGE + 1,
        **{f"f{place}": " ".join(form) for place, form in enumerate(fitting)},
    )
    return [Row(at * MINUTE, verb, verdict, tuple(json.loads(ruled))) for at, verb, verdict, ruled in found]


#: The same decision stands in each chain that it concerns: one event, one row here. In the chain apart nothing was decided. Who asked
#: stands first in ``who``, under a pseudonym of 22 signs.
_FORMS: Final = """
SELECT question, verdict, rules, count(*), count(DISTINCT substr(who, 1, 24))
  FROM (SELECT DISTINCT at, question, verdict, rules, who FROM audit WHERE at >= :since AND chain <> 'apart') AS events
 GROUP BY question, verdict, rules
"""
_LISTED: Final = """
SELECT at / 60000, question, verdict, rules
  FROM (SELECT DISTINCT at, question, verdict, rules, who FROM audit
         WHERE at >= :since AND at < :until AND chain <> 'apart') AS events
 WHERE question || ' ' || verdict || ' ' || rules IN ({marks})
 ORDER BY 1 DESC, question, verdict, rules LIMIT :limit
"""


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for. ``before``: where the last page ended."""

    rule: str = ""
    verb: str = ""
    verdict: str = ""
    before: str = ""

    @property
    def place(self) -> tuple[int | None, int]:
        """The minute at which the last page ended, and how many of it have been shown. Raises ``BadRequest`` for no such place."""
        found = _BEFORE.fullmatch(self.before)
        if self.before and found is None:
            raise BadRequest({"before": "wrong"})
        return (int(found[1]), int(found[2])) if found else (None, 0)


_BEFORE: Final = re.compile(r"(\d{1,16})\.(\d{1,4})")
_MOST_OF_A_MINUTE: Final = 9_000  #: are listed; a page reads as many rows as were shown of its minute


def page_of(found: Sequence[Row], search: Search, often: int = SMALL) -> dict[str, Any]:
    """One page of decisions, the newest first. ``next``: the ``before`` of the page after it, None on the last."""
    fitting = [
        row
        for row in found
        if search.rule in ("", *row.rules) and search.verb in ("", row.verb) and search.verdict in ("", row.verdict)
    ]
    numbered = []
    minute, number = -1, 0
    for row in fitting:
        number = number + 1 if row.at == minute else 1
        minute = row.at
        numbered.append((minute, number, row))
    last, after = search.place
    if last is not None:
        numbered = [one for one in numbered if one[0] < last or (one[0] == last and one[1] > after)]
    shown = numbered[:PAGE]
    more = None
    if len(numbered) > PAGE:
        at, number, _ = shown[-1]
        more = f"{at}.{number}" if number < _MOST_OF_A_MINUTE else f"{at - MINUTE}.0"
    return {
        "days": LISTED_DAYS,
        "listed_from": often,  # a form of decision that was made less often is not listed
        "decisions": [
            {"seq": number, "at": at, "verb": row.verb, "verdict": row.verdict, "rules": list(row.rules)}
            for at, number, row in shown
        ],
        "next": more,
    }
