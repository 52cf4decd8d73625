"""Shared by all tests: a running house, and families to live in it. Imported late, so that a unit test stays light."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests import databases

if TYPE_CHECKING:
    from tests.house import Families, House


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Thousands of tests stay until the end: to look through them again and again for garbage took a third of the time of counting
    them, and some of the time of each test."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(
            10_000, 20, 20
        )  # by Python's own measure an eighth of the time of a house goes into looking for garbage
        gc.enable()


@pytest.fixture(autouse=True)
def databases_go_with_their_test() -> Iterator[None]:
    """On a PostgreSQL server; files go with their folder. Those of a fixture of the module were there before, and stay."""
    before = databases.named()
    yield
    databases.drop(databases.named() - before)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """The whole server on a free port, with a database of its own, the cheapest argon2id and a clock moved by hand."""
    from tests.house import open_house

    async with open_house(tmp_path) as opened:
        yield opened


@pytest.fixture
def families(house: House) -> Families:
    """Signs families up, pairs devices and makes contacts, over HTTP."""
    from tests.house import Families

    return Families(house)
