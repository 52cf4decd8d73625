"""The rulebook for people: what is printed into ``docs/reference/rules.md``. ``python -m server.policy.explain`` prints it."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from server.policy.decide import BUILT_IN, Rule, Rulebook, load
from server.policy.facts import REACH_VERBS, Verb

_HEAD = """\
# The rules

This page is printed from the rulebook (`python -m server.policy.explain`); a test says that it is current.
Each rule has an id that never changes, a sentence for a child, a sentence for a grown-up and its sources.
A question is answered yes if a rule permits it and none forbids it.
All forbids that hold are given as reasons.

Sources: *row* is a row of the master table of the safe account, AADC the ICO Children's Code, ICU and PCU Ofcom's codes
in force, ASM Ofcom's proposals of June 2025, UK16 the UK's under-16 package of June 2026, DSA28 the EU's guidelines of July 2025,
COPPA 16 CFR 312, GC25 General Comment 25, S the list of sources in the safe-account reference.
"""


def as_markdown(book: Rulebook) -> str:
    """The whole rulebook as one Markdown page."""
    forbids = [rule for rule in book.rules.values() if rule.effect == "forbid"]
    permits = [rule for rule in book.rules.values() if rule.effect == "permit"]
    parts = [
        _HEAD,
        f"Version of this rulebook: `{book.version}`.\n",
        f"## What is allowed ({len(permits)} rules)\n",
        *map(_section, permits),
        f"## What is refused ({len(forbids)} rules)\n",
        *map(_section, forbids),
        "## When no rule answers\n",
        *map(_section, BUILT_IN.values()),
        "## What can be asked\n",
        f"From one person to another: {_verbs(one for one in Verb if one in REACH_VERBS)}.\n",
        f"Somebody doing something: {_verbs(one for one in Verb if one not in REACH_VERBS)}.\n",
        "## What changes with age\n",
        "| Band | Age groups | A guardian | People in a call |",
        "|---|---|---|---|",
        *(
            f"| {band} | {', '.join(group for group, of in book.bands.of_group.items() if of == band)}"
            f" | {book.bands.guardian[band]} | {room} |"
            for band, room in book.bands.room.items()
        ),
    ]
    return "\n".join(parts) + "\n"


def _section(rule: Rule) -> str:
    told = "" if rule.effect == "permit" else f"Programs are told `{rule.code}`. "
    return f"### `{rule.id}`\n\n> {rule.child}\n\n{rule.grown_up}\n\n{told}Sources: {'; '.join(rule.cites)}.\n"


def _verbs(verbs: Iterable[Verb]) -> str:
    return ", ".join(f"`{verb}`" for verb in verbs)


if __name__ == "__main__":
    sys.stdout.write(as_markdown(load()))
