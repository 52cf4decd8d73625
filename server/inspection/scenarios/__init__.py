"""What is tried, in the order in which it is told. ``portable.py``: of any platform; the others: of Ringfence's own wire."""

from __future__ import annotations

from typing import Final

from server.inspection.scenarios import (
    accounts,
    families,
    help,
    later,
    machine,
    media,
    portable,
    record,
    says,
    shown,
    wire,
)
from server.inspection.stage import Scenario

ALL: Final[tuple[Scenario, ...]] = (
    *portable.SCENARIOS,
    *families.SCENARIOS,
    *wire.SCENARIOS,
    *media.SCENARIOS,
    *help.SCENARIOS,
    *says.SCENARIOS,
    *accounts.SCENARIOS,
    *shown.SCENARIOS,
    *record.SCENARIOS,
    *later.SCENARIOS,
    *machine.SCENARIOS,
)
