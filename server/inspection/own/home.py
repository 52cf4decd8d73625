"""A family as the inspector holds it, and how one is made: as its own devices make it, by the doors of one home."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import aiohttp

from server.inspection.adapter import CouldNotSee
from server.inspection.device import Browserless, Refused
from server.inspection.families import Families
from server.inspection.own.answers import LATER, comes_later
from server.inspection.own.line import Line

if TYPE_CHECKING:
    from server.inspection.own.ringfence import Ringfence


#: What whoever reads that something could not be shown for want of people can do.
GO_ON: Final = "Play it then, with --only; or let the run wait, with --patient."


def in_minutes(seconds: float) -> str:
    """How long that is, for a sentence."""
    return f", in {round(seconds)} seconds" if seconds < 90 else f", in {round(seconds / 60)} minutes"


@dataclass(eq=False)
class Home:
    """A family as the inspector holds it: who they are, and their devices in hand."""

    name: str  # the child's
    guardian_name: str
    guardian: Line
    child: Line
    child_id: str
    families: Families
    email: str = ""

    async def contact(self, name: str) -> dict[str, Any]:
        """How this grown-up's page shows the contact with this name."""
        for one in await self.guardian.get(f"/api/children/{self.child_id}/contacts"):
            if one["name"] == name:
                return dict(one)
        raise CouldNotSee("A grown-up's page does not show a contact that was approved.")


@dataclass
class DoorsAt:
    """The doors of one home."""

    platform: Ringfence
    address: str | None

    def device(self, host: str = "localhost") -> Browserless:
        return self.platform.line(self.address)


async def or_not_shown(work: Any) -> Any:
    """What makes a family goes right, or nothing can be shown."""
    try:
        return await work
    except Refused as no:
        code = no.answer.code
        if code in LATER:
            when = in_minutes(seconds) if (seconds := comes_later(no.answer)) else ""
            raise CouldNotSee(
                f"The server lets only so many families in from one address and said to come later{when} ({no.path}). {GO_ON}"
            ) from None
        raise CouldNotSee(
            f"A family could not be made: {no.path} was answered {no.answer.status} {code}".rstrip() + "."
        ) from None
    except (KeyError, TypeError, IndexError, ValueError, AssertionError) as fault:
        raise CouldNotSee(
            f"A family could not be made: an answer was not of its documented shape ({type(fault).__name__})."
        ) from None


async def quietly(line: Line, path: str, body: Mapping[str, Any]) -> None:
    with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError, Refused):
        await line.call("POST", path, body)
