"""What the stories of Ringfence's own wire have in common: two families in hand, a call between them, and whether it stops."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from server.inspection.adapter import CouldNotSee, Media, NoSuchThing
from server.inspection.device import Browserless
from server.inspection.own import FreshServer, Home, Line, Phone, Ringfence, said_no
from server.inspection.stage import Friends, Stage

BOUND_MS: Final = 1_000.0  # within so long media has stopped
SIGNED_HOURLY: Final = (
    "A family is shown its record as far as it is signed, once an hour. "
    "Rows of this very run are looked at on a server of our own."
)
NOTHING: Final[dict[str, Any]] = {"quiet": None, "minutes": None}


def ringfence(stage: Stage) -> Ringfence:
    """The platform, which must be ours."""
    if not isinstance(stage.platform, Ringfence):
        raise NoSuchThing("This speaks Ringfence's own wire.")
    return stage.platform


async def signed_now(stage: Stage) -> None:
    """Have the record signed, so that a family is shown what was done until now."""
    server = ringfence(stage).server
    if not isinstance(server, FreshServer):
        raise CouldNotSee(SIGNED_HOURLY)
    await server.checkpoint()


@dataclass(slots=True)
class Two:
    """Maya with Sam, Theo with Femi; the children's devices are connected."""

    pair: Friends
    maya: Home
    theo: Home
    one: Phone  # Maya's
    two: Phone  # Theo's
    maya_sees_theo: str  # ref
    theo_sees_maya: str

    @property
    def sam(self) -> Line:
        return self.maya.guardian

    @property
    def femi(self) -> Line:
        return self.theo.guardian

    async def ref(self) -> str:
        """Under which Maya's grown-up speaks of Theo."""
        return str((await self.maya.contact(self.theo.name))["ref"])


async def two(stage: Stage, *, rings: int = 1, back: bool = False) -> Two:
    """Friends, connected."""
    platform, pair = ringfence(stage), await stage.friends(rings=rings, back=back)
    one, other = await stage.device(pair.a.child), await stage.device(pair.b.child)
    assert isinstance(one, Phone)
    assert isinstance(other, Phone)
    names = pair.a.child, pair.b.child
    return Two(
        pair,
        platform.home_of(pair.a),
        platform.home_of(pair.b),
        one,
        other,
        platform.refs[names],
        platform.refs[names[::-1]],
    )


async def phone(stage: Stage, person: str) -> Phone:
    """This person's device, connected."""
    made = await stage.device(person)
    assert isinstance(made, Phone)
    return made


async def talk(stage: Stage, there: Two, media: Media = "video") -> str:
    """The control: Maya rings Theo and they talk. The call's id."""
    return await stage.call(there.one, there.two, there.theo.name, media)


async def refused(stage: Stage, tried: str, answer: Any, *, then: str = "") -> None:
    """An attack over HTTP: it must be a clear no."""
    code = said_no(answer)
    stage.attack(tried, (f"Refused ({code}). {then}".strip()) if code else "It was done.", bool(code))


async def not_permitted(stage: Stage, tried: str, answer: Any) -> None:
    """An attack on what is one's own, and still not one's to do: "there is none" would be another reason."""
    code = said_no(answer)
    stage.attack(
        tried, f"Refused ({code})." if code else "It was done.", code == "not_permitted" or (None if code else False)
    )


async def stops(stage: Stage, tried: str, clicked: float, *devices: Phone) -> None:
    """An attack by staying: within the bound no media reaches any of these devices any more. They keep their connections open."""
    await asyncio.sleep(max(0.0, clicked + BOUND_MS / 1000 - time.monotonic()))
    late = sum(await asyncio.gather(*(stage.silent(one, 0.5) for one in devices)))
    took = max(0.0, max(one.received().last for one in devices) - clicked) * 1000
    if late:
        stage.attack(tried, f"{late} packets still came, a second and more afterwards.", False)
    else:
        stage.attack(tried, f"The last packet came {took:.0f} ms afterwards.", took <= BOUND_MS)


async def sees_call(guardian: Line, call: str, seconds: float = 5) -> bool:
    """Whether a grown-up's page comes to show this call: it is written down a moment after media is up."""
    until = time.monotonic() + seconds
    while not (seen := any(one["call"] == call for one in await guardian.get("/api/calls/live"))):
        if time.monotonic() >= until:
            break
        await asyncio.sleep(0.2)
    return seen


async def how_it_ended(device: Phone, call: str, seconds: float = 3) -> dict[str, Any]:
    """What this device is told of the end of a call; {} when it is told nothing."""
    try:
        return await device.line.until(lambda m: bool(m["t"] == "call.ended" and m["call"] == call), seconds=seconds)
    except TimeoutError:
        return {}


async def reads_no_reason(stage: Stage, tried: str, device: Phone, call: str) -> None:
    """An attack: what this device is told of the end must be as if the other one had just left."""
    told = await how_it_ended(device, call)
    if not told:
        stage.attack(tried, "They were told nothing of an end.", None)
        return
    stage.attack(tried, f"They were told {told.get('code')!r}.", told.get("code") == "left" and not told.get("who"))


def around_now(zone: str = "Europe/London") -> dict[str, str]:
    """Quiet hours on the wall of the child's home that began an hour ago and last another."""
    wall = datetime.now(ZoneInfo(zone))
    return {"from": f"{wall - timedelta(hours=1):%H:%M}", "until": f"{wall + timedelta(hours=1):%H:%M}"}


async def resumes(stage: Stage, line: Browserless, by: Line) -> str:
    """Somebody who copied the tokens of this device's place takes it up. What they were told."""
    await by.open_socket()
    mark = len(by.seen)
    await by.send(t="resume", session=line.session, token=line.resume_token, last_seq=line.last_seq)
    said = await by.expect("resumed", "resume_failed", "closed", since=mark)
    return str(said["t"])
