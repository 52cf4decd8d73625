"""Where in a rulebook's files something stands: for messages that name a line, and for printing a rule as it is written.

The engine says what is wrong and not where. A parser reads from the top, so the line of a syntax error is the first one up to which
the file fails with the same words; everything else is the line of the rule's first annotation.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

_HEAD = re.compile(r"(?:permit|forbid)\s*\(")
_ID = re.compile(r'@id\("([^"]*)"\)')


@dataclass(frozen=True, slots=True)
class Written:
    """A rule as it stands in its file: from its first annotation on, without them, and with its first line's number."""

    line: int
    id: str
    text: str


def written(cedar: str) -> list[Written]:
    """The rules of a Cedar file in their order."""
    lines = cedar.splitlines()
    heads = [number for number, line in enumerate(lines) if _HEAD.match(line)]
    found = []
    for head in heads:
        first = head
        while first > 0 and lines[first - 1].startswith("@"):
            first -= 1
        last = next((number for number in range(head, len(lines)) if lines[number].rstrip().endswith(";")), head)
        named = _ID.search("\n".join(lines[first:head]))
        found.append(Written(first + 1, named[1] if named else "", "\n".join(lines[head : last + 1])))
    return found


def rule_texts(cedar: str) -> Mapping[str, str]:
    """For each rule's id its effect, scope and condition as they are written."""
    return {one.id: one.text for one in written(cedar)}


def line_of_rule(cedar: str, number: int) -> int:
    """The first line of a rule, counted from nought."""
    rules = written(cedar)
    return rules[number].line if number < len(rules) else 1


def line_of_syntax_error(text: str, read: Callable[[str], object], told: str) -> int:
    """The line on which ``read`` stops with these words; the last one when it only misses more."""
    lines = text.splitlines()
    for number in range(1, len(lines)):
        try:
            read("\n".join(lines[:number]))
        except Exception as wrong:  # whatever the engine raises, its words are compared
            if str(wrong) == told:
                return number
    return max(1, len(lines))


def line_of_word(text: str, told: str) -> int:
    """The first line with the word that the engine's sentence is about: its last one."""
    for word in reversed(re.findall(r"\w+", told)):
        for number, line in enumerate(text.splitlines(), 1):
            if re.search(rf"\b{re.escape(word)}\b", line.partition("//")[0]):
                return number
    return 1


def rule_around(cedar: str, line: int) -> str:
    """The id of the rule that a line belongs to: the last one named before it; empty in front of the first."""
    return next(iter(reversed(_ID.findall("\n".join(cedar.splitlines()[:line])))), "")
