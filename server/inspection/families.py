"""Made-up families, made the way real ones are: over HTTP, with every yes said. Nothing here reaches into a table.

``Families`` signs people up, pairs devices and makes contacts through the API, one ``Browserless`` (device.py) for each device.
It is what the tests' house and the inspection have in common; ``Doors`` is all that it wants of either.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

from server.inspection.device import Browserless

PROMISES: Final = {"version": "2026-11", "agreed": ["keep", "no_recording", "change_mind"]}
PASSWORD: Final = "a long made-up sentence"  # noqa: S105 - of people who do not exist


class Doors(Protocol):
    """Where people come in: a new device of nobody yet."""

    def device(self, host: str = "localhost") -> Browserless: ...


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
    """Makes people in a house. ``tag``: what tells their e-mail addresses from those of another run."""

    def __init__(self, house: Doors, tag: str = "") -> None:
        self.house = house
        self.tag = tag
        self.sign = True  #: grown-ups sign which devices may talk, as their pages do
        self.email = ""  #: of the newest grown-up, who may have to sign in again
        self._count = 0

    async def grown_up(self, name: str, kind: str = "guardian", *, host: str = "localhost") -> Browserless:
        """Sign up and stay signed in."""
        self._count += 1
        device = self.house.device(host)
        card = {"name": name, "avatar": self._count % 40, "ground": 1 + self._count % 8}
        letters = "".join(one for one in name.lower() if one.isalnum())
        self.email = email = f"{letters}{self._count}{self.tag}@example.org"
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
        if done["state"] != "done":
            raise AssertionError(f"a device that was said yes to is {done['state']}")
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
