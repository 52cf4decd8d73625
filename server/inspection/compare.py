"""Several platforms beside each other: which promises each keeps by itself, from the signed reports of the same scenarios.

Fair means here: a plain signalling server or conference server was built to connect whoever comes, and says so; that it does not ask a
parent is no fault of it but work left for whoever builds on it. So a cell says what was seen, and "no such thing" is told apart from
"not kept". A promise that a report did not have in its scope is "not asked". Nothing is counted up or ranked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final, Literal

from server.inspection.document import NOT_IN_LEDGER, Promise, Report
from server.inspection.page import named, when

Cell = Literal["kept by itself", "not kept", "could not be shown", "no such thing on this platform", "not asked"]

MEANS: Final[dict[Cell, str]] = {
    "kept by itself": "what must work did, and every attempt that must not work was turned away, without anything built on top",
    "not kept": "an attempt that must not work went through; a service built on this platform has to see to it",
    "could not be shown": "it could not be tried or seen to the end",
    "no such thing on this platform": "the platform has nothing that this promise speaks of",
    "not asked": "this promise was not in the scope of that run",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One promise, and what was seen of it on each platform; ``why``: the sentence for each."""

    id: str
    sentence: str
    cells: tuple[Cell, ...]
    why: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """``platforms``: name and version, when it was run, and the exact settings, in the order of the columns."""

    platforms: tuple[tuple[str, str, dict[str, str]], ...]
    lines: tuple[Line, ...]


def compared(reports: Sequence[Report], promises: Sequence[str] | None = None) -> Comparison:
    """``promises``: which rows, in this order; without it every promise that at least two of the reports had in scope, so that a
    promise which only one platform could be asked about is not held against the others."""
    by = [{one.id: one for one in report.promises} for report in reports]
    every = dict.fromkeys(one for report in reports for one in report.scope)
    rows = promises if promises is not None else [one for one in every if sum(one in each for each in by) > 1]
    return Comparison(
        platforms=tuple((named(one), when(one.begun_at), one.platform.settings) for one in reports),
        lines=tuple(_line(one, [each.get(one) for each in by]) for one in rows),
    )


def cell(promise: Promise | None) -> Cell:
    if promise is None:
        return "not asked"
    if promise.no_such_thing:
        return "no such thing on this platform"
    words: dict[str, Cell] = {"proven": "kept by itself", "broken": "not kept", "not_shown": "could not be shown"}
    return words[promise.verdict]


def markdown(found: Comparison) -> str:
    """The table, what its words mean, and how each platform was run; for a page of the documentation."""
    head = ["Promise", *(name for name, _, _ in found.platforms)]
    lines = [_md_row(head), "|" + "---|" * len(head)]
    lines += [_md_row([line.sentence, *line.cells]) for line in found.lines]
    lines += ["", *(f"- *{word}*: {MEANS[word]}." for word in _used(found))]
    for name, begun, settings in found.platforms:
        told = "; ".join(f"`{_code(key)}`: `{_code(value)}`" for key, value in settings.items()) or "none told"
        lines += ["", f"The run against {_md(name)} began on {begun}.", f"Its exact settings: {told}."]
    return "\n".join(lines) + "\n"


def html(found: Comparison) -> str:
    """The same as an HTML fragment: a table, a list and a paragraph a platform. No style and no script of its own."""
    head = "".join(f'<th scope="col"><bdi>{escape(name)}</bdi></th>' for name, _, _ in found.platforms)
    rows = "".join(
        f'<tr><th scope="row"><bdi>{escape(line.sentence)}</bdi></th>'
        + "".join(f"<td>{one}</td>" for one in line.cells)
        + "</tr>"
        for line in found.lines
    )
    means = "".join(f"<dt>{word}</dt><dd>{MEANS[word]}</dd>" for word in _used(found))
    how = "".join(
        f"<h3><bdi>{escape(name)}</bdi></h3><p>Run on {begun}.</p><dl>"
        + "".join(
            f"<dt><bdi>{escape(key)}</bdi></dt><dd><bdi>{escape(value)}</bdi></dd>" for key, value in settings.items()
        )
        + "</dl>"
        for name, begun, settings in found.platforms
    )
    return (
        '<table class="compared"><caption>What each platform keeps by itself</caption>'
        f'<thead><tr><th scope="col">Promise</th>{head}</tr></thead><tbody>{rows}</tbody></table>\n<dl>{means}</dl>\n{how}\n'
    )


def _line(promise: str, found: Sequence[Promise | None]) -> Line:
    sentence = next((one.sentence for one in found if one is not None and one.sentence != NOT_IN_LEDGER), promise)
    return Line(promise, sentence, tuple(map(cell, found)), tuple("" if one is None else one.why for one in found))


def _used(found: Comparison) -> list[Cell]:
    there = {one for line in found.lines for one in line.cells}
    return [word for word in MEANS if word in there]


def _md_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(map(_md, cells))} |"


def _md(text: str) -> str:
    """Nothing in it is markup, ends a cell or begins a line of its own."""
    return "".join(f"\\{sign}" if sign in "\\`*_{}[]<>#|!~" else sign for sign in text)


def _code(text: str) -> str:
    return text.replace("`", "'").replace("|", "/")
