"""Whose house it is that grows old: four families with everything in it that has an end, made once for all stories of time.

Everything is made the way it really is: over HTTP, on the wire, and by the commands of whoever runs the server. Then the records are
copied, and for each story that asks for a time later a server opens on a copy that is so much older (``aged.py``), once for all stories
that want the same time. Who was signed in then is so still, as far as their sign-in has not run out; who is not signs in again.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any, Final

from yarl import URL

from server import helpers, helpers_cli, inspectors, settings
from server.db.session import Database
from server.gatekeeper import Gatekeeper
from server.inspection import agreement
from server.inspection.adapter import CouldNotSee, Family
from server.inspection.aged import Aged, copied
from server.inspection.families import PASSWORD, Families
from server.inspection.findings import AuditRow
from server.inspection.own import FreshServer, Home, Line, Phone, Ringfence, told_no
from server.inspection.own.home import DoorsAt, or_not_shown
from server.inspection.scenarios.household import ringfence
from server.inspection.stage import Cast, Stage

THE_DISK: Final = (
    "The records of a server elsewhere cannot be copied and made older; this is looked at on a server of our own."
)
HELPERS: Final = ("Ada", "Ben")


@dataclass(eq=False)
class There:
    """The house, so much later."""

    server: Aged
    platform: Ringfence

    async def close(self) -> None:
        await self.platform.close()

    def again(self, line: Line) -> Line:
        """A device from then, with the sign-in that it had."""
        made = self.platform.line(line.home)
        for one in line.http.cookie_jar:
            made.http.cookie_jar.update_cookies(SimpleCookie({one.key: one.value}), URL(made.base))
        made.identity, made.guardian, made._own = line.identity, line.guardian, line._own
        return made

    async def signs_in(self, home: Home) -> Line:
        """The grown-up of this family, whose sign-in of then is over."""
        line = self.platform.line(home.guardian.home)
        await or_not_shown(line.post("/api/sign-in", {"email": home.email, "password": PASSWORD}))
        line.identity = home.guardian.identity
        await or_not_shown(line.say_key())
        return line

    async def pairs(self, home: Home, guardian: Line) -> Line:
        """A device for the child, whose own of then is nobody's any more."""
        families = Families(DoorsAt(self.platform, home.guardian.home))
        families.sign = False
        made = await or_not_shown(families.pair(guardian, home.child_id))
        assert isinstance(made, Line)
        return made

    def why(self, name: str, question: str, since: int) -> set[str]:
        """By which rules the house answered this question about the family of this person, since then."""
        rows: tuple[AuditRow, ...] = self.server.rows_about(name, since)
        return {rule for row in rows if row.question == question for rule in row.rules}


@dataclass(eq=False)
class House:
    """What is in it at the beginning. Maya and Theo are friends; Kit was Maya's and is Theo's; Zoe is seventeen and knows nobody."""

    server: FreshServer
    platform: Ringfence
    maya: Home
    theo: Home
    kit: Home
    zoe: Home
    refs: tuple[str, str] = ("", "")  # under which Maya knows Theo, and Theo Maya
    call: str = ""  # Maya has told us of it
    other_call: str = ""  # nobody has
    report: str = ""  # of the one call; nobody has looked
    mark: str = ""  # of Maya's picture for Theo in that call, as somebody would read it in a recording
    keys: dict[str, Path] = field(default_factory=dict)  # of the helpers
    _later: dict[int, asyncio.Task[There]] = field(default_factory=dict)

    @property
    def snapshot(self) -> Path:
        return self.server.file("snapshot")

    async def after(self, ms: int) -> There:
        """The house so much later, with open doors."""
        if ms not in self._later:
            self._later[ms] = asyncio.ensure_future(self._opened(ms))
        return await asyncio.shield(self._later[ms])

    async def _opened(self, ms: int) -> There:
        there = There(server := Aged(self.server, self.snapshot, ms), Ringfence(server))
        try:
            await server.open()
        except BaseException:
            await there.close()
            raise
        return there

    async def close(self) -> None:
        for task in self._later.values():
            if not task.done():
                task.cancel()
        for there in await asyncio.gather(*self._later.values(), return_exceptions=True):
            if isinstance(there, There):
                await there.close()

    @property
    def families(self) -> tuple[Family, ...]:
        return tuple(Family(one.name, one.guardian_name) for one in (self.maya, self.theo))


async def house(stage: Stage) -> House:
    """The one of this run."""
    platform = ringfence(stage)
    server = platform.server
    if not isinstance(server, FreshServer):
        raise CouldNotSee(THE_DISK)
    return await stage.cast.once("the house that grows old", lambda: _make(platform, server, stage.cast))


async def rings(one: Line, other: Line, ref: str) -> tuple[str, bool]:
    """The code of the no when this device rings (or ""), and whether it rang at the other one. Nobody answers."""
    mark = len(other.seen)
    said = await one.ask(t="call.invite", to=[ref], media="audio")
    code = told_no(said)
    try:
        await other.until(lambda m: bool(m["t"] == "call.incoming"), since=mark, seconds=1.0 if code else 5.0)
    except TimeoutError:
        return code, False
    if not code:
        await one.ask(t="call.cancel", call=said["call"])
    return code, True


def for_this(no: bool, reason: bool) -> bool | None:
    """A no that was given for the reason that is looked at. One for another reason shows nothing."""
    return (reason or None) if no else False


# -- making it --------------------------------------------------------------------------------------------------------------


async def _make(platform: Ringfence, server: FreshServer, cast: Cast) -> House:
    names = [cast.name(one) for one in ("Maya", "Theo", "Kit", "Zoe")]
    groups = ("9-12", "9-12", "9-12", "16-17")
    maya, theo, kit, zoe = [await platform.home(name, group) for name, group in zip(names, groups, strict=True)]
    made = House(server, platform, maya, theo, kit, zoe)
    await or_not_shown(_furnish(made, Stage(platform, cast)))
    await asyncio.to_thread(copied, server.data, made.snapshot)
    return made


async def _at_the_desk(server: FreshServer, work: Callable[[Database, Gatekeeper, int], Awaitable[None]]) -> None:
    """What whoever runs this server does with its commands; without a process for each of a dozen."""
    keeper = Gatekeeper()
    await helpers_cli.on_database(settings.load(server.started_with), lambda db, now: work(db, keeper, now))


async def _furnish(made: House, stage: Stage) -> None:
    maya, theo, kit = made.maya, made.theo, made.kit
    for one, two in ((maya, theo), (kit, maya), (kit, theo)):
        answer = await made.platform.approve(Family(one.name, ""), Family(two.name, ""))
        if not answer.ok:
            raise CouldNotSee("Two families could not be made friends.")
    refs = made.platform.refs
    made.refs = refs[maya.name, theo.name], refs[theo.name, maya.name]
    await _two_calls(made, stage)
    made.report = await _tells(maya, {"call": made.call})
    closed, left = await _tells(theo, {"ref": made.refs[1]}), await _tells(kit, None)
    await _codes_and_devices(made)
    await _watched_and_compared(made)
    await _at_the_desk(made.server, lambda db, keeper, now: _helpers(made, closed, left, db, keeper, now))
    # what goes as soon as somebody tidies up comes last
    (contact,) = [one for one in await _desk(maya) if one["ref"] == refs[maya.name, kit.name]]
    yes = agreement.knows(
        maya.guardian.identity, contact["contact"], _other(contact["side"]), agreement.key_of(kit.guardian.identity)
    )
    await maya.guardian.post("/api/known-keys", {"body": yes})
    await maya.child.post(f"/api/child/people/{refs[maya.name, kit.name]}/block")
    await maya.child.post(f"/api/child/people/{refs[maya.name, kit.name]}/end")
    await maya.guardian.post("/api/ws-ticket")


async def _helpers(made: House, closed: str, left: str, db: Database, keeper: Gatekeeper, now: int) -> None:
    """Two helpers with a key each: one has closed a report, taken another, and asked whose copy a recording is. A helper and an inspector
    who are none any more; a moderator's shift."""
    for name in HELPERS:
        made.keys[name] = made.server.file(f"helper-{name}")
        made.keys[name].write_text(await helpers.add(db, keeper, name, now) or "")
    ada = made.keys["Ada"].read_text()
    done = [
        await helpers.take(db, keeper, ada, closed, now),
        await helpers.close(db, keeper, ada, closed, "helped", now),
        await helpers.take(db, keeper, ada, left, now),
        isinstance(await helpers.ask_for_mark(db, keeper, ada, int(made.mark, 16), made.report, "report", now), str),
        bool(await helpers.add(db, keeper, "Cleo", now)),
        await helpers.remove(db, keeper, "Cleo", now),
        bool(await inspectors.add(db, keeper, "Dana", now)),
        await inspectors.remove(db, keeper, "Dana", now),
        bool(await helpers_cli.start_shift(db, 15, now)),
    ]
    if not all(done):
        raise CouldNotSee("What helpers do with a report did not work.")


def _other(side: str) -> str:
    return "b" if side == "a" else "a"


async def _desk(home: Home) -> list[dict[str, Any]]:
    """The contacts of this child, as the grown-up's browser signs for them."""
    people = (await home.guardian.get("/api/rosters"))["people"]
    return [dict(contact) for person in people if person["child"] == home.child_id for contact in person["contacts"]]


async def _two_calls(made: House, stage: Stage) -> None:
    one, two = await stage.device(made.maya.name), await stage.device(made.theo.name)
    assert isinstance(one, Phone) and isinstance(two, Phone)  # noqa: PT018 - of a Ringfence
    made.call = await stage.call(one, two, made.theo.name, "video")
    made.mark = str((one.line.state()["legs"][0]["mark"] or {}).get("id", ""))
    await one.leave(made.call)
    await asyncio.sleep(0.5)
    made.other_call = await stage.call(one, two, made.theo.name, "audio")
    await one.leave(made.other_call)
    await one.close()
    await two.close()


async def _tells(home: Home, about: Mapping[str, str] | None) -> str:
    """The child tells us that somebody recorded them. The id of the report."""
    body = {"request": secrets.token_urlsafe(16), "about": about, "what": ["filmed"]}
    return str((await home.child.post("/api/child/reports", body))["id"])


async def _codes_and_devices(made: House) -> None:
    """Codes that nobody types, words that nobody approves, a sign-in that has ended, a device that was un-paired, an inspector's visit."""
    kit, platform = made.kit, made.platform
    await kit.child.post("/api/child/friend-code")
    await platform.line(kit.guardian.home).post("/api/pairings")
    visit = platform.line(kit.guardian.home)
    await visit.post("/api/sign-in", {"email": kit.email, "password": PASSWORD})
    await visit.post("/api/sign-out")
    known = {one["id"] for one in await kit.guardian.get("/api/devices")}
    await kit.families.pair(kit.guardian, kit.child_id)
    (second,) = {one["id"] for one in await kit.guardian.get("/api/devices")} - known
    await kit.guardian.post(f"/api/devices/{second}/unpair")
    await platform.line(platform.new_home()).post("/api/inspector/session", {"key": platform.key})


async def _watched_and_compared(made: House) -> None:
    """A family that wants to be asked, and is; two grown-ups who begin to compare pictures."""
    theo, kit = made.theo, made.kit
    ref = (await theo.contact(kit.name))["ref"]
    await theo.guardian.post(f"/api/contacts/{ref}/supervision", {"mode": "ask"})
    await theo.child.post(f"/api/child/people/{made.platform.refs[theo.name, kit.name]}/ask")
    await theo.guardian.post(f"/api/contacts/{ref}/pictures", {"commitment": agreement.b64(secrets.token_bytes(32))})
