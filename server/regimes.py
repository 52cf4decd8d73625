"""What each regime asks, what we do about it, by which rule, and where the proof is: the pages in docs/regulators/ for people from outside.

``regimes.toml`` is read by hand from the law and the codes; the promises, rules and proofs come from the ledger (``promises.py``).
``python -m server.regimes docs/regulators`` writes the pages (``make regulators``), and a test holds them current. A requirement
that we do not meet is said to be not met, one that is the operator's says so, and what is from memory is marked.
"""

from __future__ import annotations

import sys
import tomllib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Final, Literal, get_args

from server.promises import BrokenLedger, Law, Ledger, Promise, ledger

State = Literal["met", "partly", "not met", "operator", "not applicable"]
SAID: Final[dict[State, str]] = {
    "met": "Met",
    "partly": "Met in part",
    "not met": "Not met",
    "operator": "Not ours to meet: the operator's duty",
    "not applicable": "Does not apply",
}


@dataclass(frozen=True, slots=True)
class Requirement:
    """One requirement, paraphrased. ``unsure``: what is from memory or disputed; ``read``: where it was read (keys of sources.md)."""

    code: str
    name: str
    asks: str
    does: str
    state: State
    promises: tuple[str, ...]
    missing: str = ""
    unsure: str = ""
    read: str = ""


@dataclass(frozen=True, slots=True)
class Regime:
    """A law or code with what it asks."""

    id: str
    title: str
    about: tuple[str, ...]
    requirements: tuple[Requirement, ...]


@cache
def regimes() -> tuple[Regime, ...]:
    """What comes with this package."""
    return read_regimes((resources.files("server") / "regimes.toml").read_text("utf-8"), ledger())


def read_regimes(toml: str, book: Ledger) -> tuple[Regime, ...]:
    """Parse and check. Raises :class:`BrokenLedger` with the regime and what is wrong."""
    found = []
    for entry in tomllib.loads(toml)["regime"]:
        asked = tuple(_requirement(entry["id"], one, book) for one in entry["requirement"])
        found.append(Regime(entry["id"], entry["title"], tuple(entry["about"]), asked))
    return tuple(found)


def _requirement(regime: str, entry: Any, book: Ledger) -> Requirement:
    where = f"{regime}, {entry.get('code', 'a requirement without a code')}"
    try:
        one = Requirement(**{**entry, "promises": tuple(entry["promises"])})
    except (TypeError, KeyError):
        raise BrokenLedger(
            f"{where}: a requirement has code, name, asks, does, state, promises, missing, unsure, read"
        ) from None
    if one.state not in get_args(State):
        raise BrokenLedger(f"{where}: nobody knows the state {one.state}")
    if unknown := set(one.promises) - set(book.ids):
        raise BrokenLedger(f"{where}: nobody promised {', '.join(sorted(unknown))}")
    if one.state in ("met", "partly") and not one.promises:
        raise BrokenLedger(f"{where}: it is said to be met, and no promise says so")
    if one.state in ("partly", "not met", "operator") and not one.missing:
        raise BrokenLedger(f"{where}: what is missing is not said")
    if not one.read and not one.unsure:
        raise BrokenLedger(f"{where}: where it was read is not said, nor that it is from memory")
    try:
        book.standing(one.code)
    except KeyError:
        raise BrokenLedger(f"{where}: how it stands in law is not said") from None
    return one


# -- the pages --------------------------------------------------------------------------------------------------------------------


def page(regime: Regime, book: Ledger) -> str:
    """One page in Markdown, one sentence per line."""
    states = Counter(one.state for one in regime.requirements)
    lines = [
        f"# {regime.title}",
        "",
        "Written by `make regulators` from [server/regimes.toml](../../server/regimes.toml) and the promise ledger; do not edit it here.",
        f"Facts as of {book.looked_at}, paraphrased; not legal advice.",
        "*Met* means that this software does it and shows it, not that a court or a regulator has said so.",
        "Whether a promise is proven for the code that runs is told by the server itself, at `/api/promises` and in the inspector's app.",
        "",
        *regime.about,
        "",
        "| status | requirements |",
        "|---|---|",
        *(f"| {SAID[state]} | {states[state]} |" for state in get_args(State) if states[state]),
        "",
    ]
    for one in regime.requirements:
        lines += [f"## {one.code}: {one.name}", "", *_told(one, book), ""]
    lines += ["## The promises named here", ""]
    named = {name for one in regime.requirements for name in one.promises}
    for promise in book.promises:
        if promise.id in named:
            lines += [f"### `{promise.id}`", "", *_proof(promise), ""]
    return "\n".join(lines).rstrip() + "\n"


def _told(one: Requirement, book: Ledger) -> list[str]:
    rules = list(dict.fromkeys(rule for name in one.promises for rule in book[name].rules))
    lines = [f"**It asks:** {one.asks}", "", f"**What we do:** {one.does}", ""]
    if one.missing:
        lines += [f"**{'What it leaves out' if one.state == 'met' else 'What is missing'}:** {one.missing}", ""]
    if rules:
        lines += [f"**Rules:** {', '.join(f'[`{rule}`](../reference/rulebook.md#{rule})' for rule in rules)}.", ""]
    if one.promises:
        lines += [f"**Promises and their proofs:** {', '.join(f'[`{name}`](#{name})' for name in one.promises)}.", ""]
    lines += [f"**Status here:** {SAID[one.state]}.", "", f"**In law:** {_law(book.standing(one.code))}"]
    if one.read:
        lines += ["", f"**Read in:** {one.read} ([sources](sources.md))."]
    if one.unsure:
        lines += ["", f"**Uncertain:** {one.unsure}"]
    return lines


_SINCE: Final = {
    "in force": "In force since",
    "proposed": "Proposed, not final; consulted on from",
    "announced": "Announced, not law yet;",
    "our choice": "No law demands it, our choice; known from",
}


def _law(law: Law) -> str:
    checked = " This date or standing is unverified." if law.unverified else ""
    return f"{_SINCE[law.status]} {law.since} ({law.note}).{checked}"


def _proof(promise: Promise) -> list[str]:
    lines = [promise.sentence, ""]
    if promise.child:
        lines += [
            f"To a child: “{promise.child.replace('. {name}', '. The other one').replace('{name}', 'the other one')}”",
            "",
        ]
    lines += [f"- proved over every combination of facts: `{name}`" for name in promise.policy]
    lines += [f"- attack in every inspection: `{name}`" for name in promise.scenarios]
    lines += [f"- test: `{name}`" for name in promise.tests]
    lines += [f"- found when the guard is taken away: `{name}`" for name in promise.faults]
    if promise.not_shown:
        lines += ["", f"Not shown by this: {promise.not_shown}"]
    return lines


def write(folder: Path) -> list[Path]:
    """Write all pages into ``folder``."""
    written = []
    for regime in regimes():
        file = folder / f"{regime.id}.md"
        file.write_text(page(regime, ledger()), "utf-8")
        written.append(file)
    return written


def main(argv: Sequence[str]) -> int:
    if len(argv) != 1 or not Path(argv[0]).is_dir():
        sys.stderr.write("Say into which folder: python -m server.regimes docs/regulators\n")
        return 2
    for file in write(Path(argv[0])):
        sys.stdout.write(f"{file}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
