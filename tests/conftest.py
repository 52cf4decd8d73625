"""Shared by all tests: a running house, and families to live in it. Imported late, so that a unit test stays light."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.house import Families, House


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """The whole server on a free port, with a temporary SQLite, the cheapest argon2id and a clock moved by hand."""
    from tests.house import open_house

    async with open_house(tmp_path) as opened:
        yield opened


@pytest.fixture
def families(house: House) -> Families:
    """Signs families up, pairs devices and makes contacts, over HTTP."""
    from tests.house import Families

    return Families(house)
