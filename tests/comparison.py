"""Writes the tables of docs/reference/comparison.md: the portable stories, played against Ringfence and the platforms with an adapter.

``.venv/bin/python -m tests.comparison`` plays them all (about three minutes) and writes what was found between the page's marks.
``make platforms`` plays them again and holds what it finds against the page (tests/integration/test_platforms.py).
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from server.inspection import compare, own, platforms, run
from server.inspection.adapter import Platform
from server.inspection.document import Report, document
from server.inspection.findings import NO_SUCH_THING, Finding, Inspection
from server.inspection.scenarios import ALL

PAGE: Final = Path(__file__).parents[1] / "docs/reference/comparison.md"
#: By what --platform names them, in the order of the columns.
COLUMNS: Final = ("ringfence", "peerserver", "janus", "janus-guarded")
PORTABLE: Final = tuple(one for one in ALL if one.portable)


def platform(name: str) -> Platform:
    return own.Ringfence(own.FreshServer()) if name == "ringfence" else platforms.named(name)


async def inspect(name: str) -> Inspection:
    return await run.inspect(platform(name), PORTABLE)


async def inspect_all() -> tuple[dict[str, Inspection], dict[str, float]]:
    """One after the other, for the cuts are measured; and how busy the machine was meanwhile (its load of the last minute)."""
    found, load = {}, {}
    for name in COLUMNS:
        found[name] = await inspect(name)
        load[name] = os.getloadavg()[0]
    return found, load


def cell(finding: Finding) -> compare.Cell:
    """One story's outcome in the words of the comparison."""
    if finding.shown == "not_shown" and finding.why.startswith(NO_SUCH_THING):
        return "no such thing on this platform"
    words: dict[str, compare.Cell] = {
        "proven": "kept by itself",
        "broken": "not kept",
        "not_shown": "could not be shown",
    }
    return words[finding.shown]


def cells(inspection: Inspection) -> dict[str, compare.Cell]:
    return {one.scenario: cell(one) for one in inspection.findings}


def reports(found: Mapping[str, Inspection]) -> list[Report]:
    return [document(one, signed_by="nobody: made for the documentation") for one in found.values()]


def stories(found: Mapping[str, Inspection]) -> str:
    """A row for each story, a column for each platform."""
    lines = [
        "| Story | " + " | ".join(one.platform.name for one in found.values()) + " |",
        "|---" * (len(found) + 1) + "|",
    ]
    by = {name: cells(one) for name, one in found.items()}
    lines += [
        f"| {one.title} (`{one.id}`) | " + " | ".join(by[name][one.id] for name in found) + " |" for one in PORTABLE
    ]
    return "\n".join(lines) + "\n"


def told_in(page: str) -> dict[str, dict[str, str]]:
    """What the page says now: by column, by story."""
    told: dict[str, dict[str, str]] = {name: {} for name in COLUMNS}
    for story, row in re.findall(r"^\| .* \(`([a-z-]+)`\) \| (.*) \|$", between(page, "stories"), re.MULTILINE):
        for name, one in zip(COLUMNS, row.split(" | "), strict=True):
            told[name][story] = one
    return told


def not_kept(found: Mapping[str, Inspection]) -> str:
    """Each "not kept" and each "no such thing", with what was seen, and the command that shows it again."""
    lines: list[str] = []
    for name, inspection in found.items():
        if name == "ringfence":
            continue
        lines += ["", f"### {inspection.platform.name}"]
        for one in inspection.findings:
            if cell(one) == "not kept":
                command = f"ringfence inspect --platform {name} --only {one.scenario} --out report"
                lines += ["", f"*{one.title}: not kept.*", *_seen(one), "", "```", command, "```"]
        missing = [one for one in inspection.findings if cell(one) == "no such thing on this platform"]
        if missing:
            lines += ["", "No such thing:", ""]
            lines += [f"- *{one.title}*: {one.why.removeprefix(NO_SUCH_THING)}" for one in missing]
    return "\n".join(lines[1:]) + "\n"


def _seen(finding: Finding) -> list[str]:
    return [f"{one.tried} {one.seen}" for one in finding.steps if one.kind == "attack" and one.as_promised is False]


def cuts(found: Mapping[str, Inspection], load: Mapping[str, float]) -> str:
    lines = []
    for name, inspection in found.items():
        for measured in (one for finding in inspection.findings for one in finding.measured):
            values = sorted(measured.values)
            middle, worst = values[len(values) // 2], values[-1]
            lines.append(
                f"- {inspection.platform.name}: {middle:.0f} {measured.unit} in the middle, {worst:.0f} {measured.unit} at worst, "
                f"of {len(values)}; load {load[name]:.0f} on {os.cpu_count()} cores."
            )
    return "\n".join(lines) + "\n"


def between(page: str, part: str) -> str:
    return page.split(f"<!-- begin: {part} -->\n")[1].split(f"<!-- end: {part} -->")[0]


def written(page: str, parts: Mapping[str, str]) -> str:
    for part, text in parts.items():
        page = page.replace(
            f"<!-- begin: {part} -->\n{between(page, part)}", f"<!-- begin: {part} -->\n{text.rstrip()}\n"
        )
    return page


def main() -> None:
    found, load = asyncio.run(inspect_all())
    parts = {
        "stories": stories(found),
        "cuts": cuts(found, load),
        "not kept": not_kept(found),
        "promises": compare.markdown(compare.compared(reports(found))),
    }
    PAGE.write_text(written(PAGE.read_text(), parts))


if __name__ == "__main__":
    main()
