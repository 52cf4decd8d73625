"""docs/reference/http-api.md is complete: every route, every code, and nothing that does not exist."""

from __future__ import annotations

import re
from pathlib import Path

from server import api, demo
from server.api.problems import PROBLEMS

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "http-api.md").read_text("utf-8")


def test_every_route_is_described_once_and_no_other() -> None:
    described = re.findall(r"^### `([A-Z]+) (\S+)`$", PAGE, re.MULTILINE)
    assert sorted(described) == sorted((route.method, route.path) for route in (*api.ROUTES, *demo.ROUTES))


def test_every_code_is_described_with_its_status() -> None:
    described = re.findall(r"^\| `(\w+)` \| (\d+) \|", PAGE, re.MULTILINE)
    assert sorted(described) == sorted((code, str(status)) for code, (status, _) in PROBLEMS.items())
