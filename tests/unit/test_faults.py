"""The lists of what can go wrong name what does go wrong, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from server.api.problems import PROBLEMS
from server.errors import Fault

SERVER = Path(__file__).parents[2] / "server"
SAID = {
    path.relative_to(SERVER).as_posix(): path.read_text("utf-8")
    for path in SERVER.rglob("*")
    if path.suffix in (".py", ".cedar")
}


def leaves(of: type[Fault]) -> Iterator[type[Fault]]:
    for below in of.__subclasses__():
        yield from leaves(below) if below.__subclasses__() else (below,)


@pytest.mark.parametrize("fault", [one.__name__ for one in leaves(Fault)])
def test_every_fault_is_raised_somewhere(fault: str) -> None:
    assert any(f"raise {fault}" in text for text in SAID.values())


@pytest.mark.parametrize("code", PROBLEMS)
def test_every_code_is_answered_somewhere(code: str) -> None:
    assert any(f'"{code}"' in text for name, text in SAID.items() if name != "api/problems.py")
