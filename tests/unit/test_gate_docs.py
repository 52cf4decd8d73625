"""The gate's reference page names every refusal with its sentence, every counter, and nothing that is not there."""

from __future__ import annotations

import re
from pathlib import Path

from signalling.gate import sdp
from signalling.gate.gate import COUNTERS

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "gate.md").read_text()


def section(title: str) -> str:
    return PAGE.split(f"## {title}\n")[1].split("\n## ")[0]


def test_every_refusal_is_on_the_page_with_its_sentence() -> None:
    listed = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", section("Why an answer is refused"), re.MULTILINE))
    assert listed == sdp.REFUSALS


def test_every_counter_is_on_the_page() -> None:
    rows = re.findall(r"^\| (`.+?) \|", section("Counters"), re.MULTILINE)
    assert tuple(re.findall(r"`(\w+)`", " ".join(rows))) == COUNTERS
