"""The whole house on a free port, and families who live in it, made the way real ones are: over HTTP, with every yes said.

``open_house`` builds the real application with three arguments that only a test can give: a clock that is moved by hand, the
cheapest argon2id, and a folder of its own. ``Families`` (server/inspection/families.py) signs people up, pairs devices and makes
contacts through the API, one ``Browserless`` (device.py beside it) for each device. Nothing here reaches into a table.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web
from argon2 import PasswordHasher
from argon2.profiles import CHEAPEST

from server.api import keys
from server.app import build_app, listen, open_doors
from server.clock import Clock
from server.db.migrate import migrate
from server.db.session import Database
from server.inspection.device import Browserless
from server.inspection.families import PASSWORD as PASSWORD
from server.inspection.families import PROMISES as PROMISES
from server.inspection.families import Families as Families
from server.inspection.families import Two as Two
from server.passwords import Passwords
from server.settings import DEMO_SLUGS, Settings
from tests import databases

DAY = 86_400_000


class Hand:
    """Real time, and what a test has added to it (milliseconds)."""

    def __init__(self) -> None:
        self.ahead = 0

    def __call__(self) -> int:
        return time.time_ns() // 1_000_000 + self.ahead

    def forward(self, ms: int) -> None:
        self.ahead += ms


@dataclass
class House:
    """One running house. ``base`` is where plain HTTP clients reach it."""

    settings: Settings
    hand: Hand
    app: web.Application
    runner: web.AppRunner
    opened: list[Browserless] = field(default_factory=list)

    @property
    def base(self) -> str:
        return f"http://localhost:{self.settings.port}"

    @property
    def db(self) -> Database:
        return self.app[keys.DB]

    def device(self, host: str = "localhost") -> Browserless:
        """A new device of nobody yet; closed with the house. ``host``: a name of the demo's."""
        made = Browserless(f"http://{host}:{self.settings.port}")
        self.opened.append(made)
        return made

    async def close(self) -> None:
        for one in self.opened:
            await one.close()
        await self.runner.cleanup()

    async def restart(self) -> None:
        """Close and open again on the same records and the same port; devices keep their cookies."""
        await self.runner.cleanup()
        self.app, self.runner, _ = await _open(self.settings, self.hand)


def cheap_passwords() -> Passwords:
    return Passwords(PasswordHasher.from_parameters(CHEAPEST))


_EMPTY = databases.Mould()  #: the records of a house in which nobody has lived


async def _migrated(settings: Settings) -> Settings:
    """The settings of a house whose records are there and of today's shape."""
    if settings.database:
        await migrate(settings.database)
        return settings
    file = Path(settings.data) / "ringfence.sqlite"
    if databases.there(file):
        await migrate(databases.url(file))
    else:
        await _EMPTY.pour(file, migrate)
    return dataclasses.replace(settings, database=databases.url(file)) if databases.on_postgresql() else settings


async def _open(settings: Settings, hand: Hand) -> tuple[web.Application, web.AppRunner, Settings]:
    sockets, settings = listen(settings)
    if not settings.demo and not settings.origin:
        names = ("localhost", *(f"{slug}.localhost" for slug in DEMO_SLUGS))
        settings = dataclasses.replace(settings, origin=tuple(f"http://{name}:{settings.port}" for name in names))
        settings = await _migrated(settings)
    app = await build_app(settings, clock=Clock(wall=hand), passwords=cheap_passwords())
    return app, await open_doors(app, sockets), settings


@asynccontextmanager
async def open_house(folder: Path, **more: Any) -> AsyncIterator[House]:
    """A running house with its records in ``folder``. ``more``: settings."""
    hand = Hand()
    settings = Settings(**({"host": ("127.0.0.1",), "port": 0, "data": str(folder)} | more))
    app, runner, settings = await _open(settings, hand)
    house = House(settings, hand, app, runner)
    try:
        yield house
    finally:
        await house.close()
