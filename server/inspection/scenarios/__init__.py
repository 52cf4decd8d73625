"""What is tried, in the order in which it is told. ``portable.py``: of any platform; the others: of Ringfence's own wire."""

from __future__ import annotations

from typing import Final

from server.inspection.scenarios import families, help, media, portable, record, wire
from server.inspection.stage import Scenario

ALL: Final[tuple[Scenario, ...]] = (
    *portable.SCENARIOS,
    *families.SCENARIOS,
    *wire.SCENARIOS,
    *media.SCENARIOS,
    *help.SCENARIOS,
    *record.SCENARIOS,
)
