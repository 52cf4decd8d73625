"""The whole house on a free port, and families who live in it, made the way real ones are: over HTTP, with every yes said.

``open_house`` builds the real application with three arguments that only a test can give: a clock that is moved by hand, the
cheapest argon2id, and a folder of its own. ``Families`` signs people up, pairs devices and makes contacts through the API, one
``Browserless`` (tests/peers.py) for each device. Nothing here reaches into a table.
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
from server.passwords import Passwords
from server.settings import DEMO_SLUGS, Settings
from tests.peers import Browserless

DAY = 86_400_000
PROMISES = {"version": "2026-11", "agreed": ["keep", "no_recording", "change_mind"]}
PASSWORD = "a long made-up sentence"


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


async def _open(settings: Settings, hand: Hand) -> tuple[web.Application, web.AppRunner, Settings]:
    sockets, settings = listen(settings)
    if not settings.demo and not settings.origin:
        names = ("localhost", *(f"{slug}.localhost" for slug in DEMO_SLUGS))
        settings = dataclasses.replace(settings, origin=tuple(f"http://{name}:{settings.port}" for name in names))
        await migrate(settings.database_url)
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


@dataclass
class Two:
    """Two families. ``maya`` and ``theo`` are paired devices, ``sam`` and ``femi`` signed-in guardians; ids are the guardians'."""

    maya: Browserless
    sam: Browserless
    maya_id: str
    theo: Browserless
    femi: Browserless
    theo_id: str
    maya_sees_theo: str = ""  #: ref
    theo_sees_maya: str = ""  #: ref


class Families:
    """Makes people in a house."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.sign = True  #: grown-ups sign which devices may talk, as their pages do
        self._count = 0

    async def grown_up(self, name: str, kind: str = "guardian", *, host: str = "localhost") -> Browserless:
        """Sign up and stay signed in."""
        self._count += 1
        device = self.house.device(host)
        card = {"name": name, "avatar": self._count % 40, "ground": 1 + self._count % 8}
        email = f"{name.lower()}{self._count}@example.org"
        await device.post("/api/sign-up", {"email": email, "password": PASSWORD, "kind": kind, **card})
        await device.say_key()
        return device

    async def child(
        self, guardian: Browserless, name: str, group: str = "9-12", *, host: str = "localhost"
    ) -> tuple[Browserless, str]:
        """Consent, add a child, pair a device. Returns the device and the child's id as the guardian knows it."""
        self._count += 1
        card = {"name": name, "avatar": self._count % 40, "ground": 1 + self._count % 8, "group": group}
        child = (await guardian.post("/api/children", {**card, "consent": PROMISES}))["child"]["id"]
        return await self.pair(guardian, child, host=host), child

    async def pair(self, guardian: Browserless, child: str, *, host: str = "localhost") -> Browserless:
        """The child's device shows words, the guardian says yes, the device is the child's."""
        device = self.house.device(host)
        words = (await device.post("/api/pairings"))["words"]
        await guardian.post("/api/pairings/look", {"words": words})
        await guardian.post("/api/pairings/approve", {"words": words, "child": child})
        done = await device.post("/api/pairings/mine")
        assert done["state"] == "done"
        device.guardian, device._own = guardian, done["guardian_key"] or ""
        await device.say_key()
        if self.sign:
            await guardian.sign()
        return device

    async def befriend(
        self,
        maya: Browserless,
        sam: Browserless,
        theo: Browserless,
        femi: Browserless,
        answer: str = "camera",
    ) -> tuple[str, str]:
        """A friend code and four yeses. Returns (ref under which Maya knows Theo, ref under which Theo knows Maya)."""
        words = (await maya.post("/api/child/friend-code"))["words"]
        await theo.post("/api/child/friend-code/enter", {"words": words, "how_known": "class"})
        for child in (maya, theo):
            for ask in (await child.get("/api/child/home"))["asks"]:
                if ask["waiting_for_me"]:
                    await child.post(f"/api/child/asks/{ask['id']}/answer", {"yes": True, "how_known": "class"})
        for guardian in (sam, femi):
            for decision in await guardian.get("/api/decisions"):
                await guardian.post(f"/api/decisions/{decision['id']}", {"answer": answer, "how_known": "met"})
        for grown_up in (sam, femi) if self.sign else ():
            await grown_up.sign()
        return await self.newest(maya), await self.newest(theo)

    async def newest(self, device: Browserless) -> str:
        """The newest ref on this child's page."""
        return str((await device.get("/api/child/home"))["people"][-1]["ref"])

    async def two(self, *, friends: bool = True, answer: str = "camera") -> Two:
        """Maya with Sam, Theo with Femi; friends unless told otherwise."""
        sam, femi = await self.grown_up("Sam"), await self.grown_up("Femi")
        maya, maya_id = await self.child(sam, "Maya")
        theo, theo_id = await self.child(femi, "Theo")
        made = Two(maya, sam, maya_id, theo, femi, theo_id)
        if friends:
            made.maya_sees_theo, made.theo_sees_maya = await self.befriend(maya, sam, theo, femi, answer)
        return made
