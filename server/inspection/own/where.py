"""Where a Ringfence is: what any server has to offer an inspection, and a server by address.

On one that is not on this machine only a bounded amount is done, and the families that were made are closed again.

No guard is weakened so that it can be inspected. A server lets one address sign up so many families an hour; so on loopback each
family lives at an address of its own (127.1.0.1, 127.1.0.2, …), as real families do, and elsewhere, where all come from one place,
families are used again and what cannot be made any more "could not be shown".
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
from typing import Final, Protocol
from urllib.parse import urlsplit

import aiohttp

from server.inspection.adapter import CouldNotSee
from server.inspection.device import Refused
from server.inspection.findings import Inspected
from server.inspection.own.line import ANSWER_SECONDS, Line

ANOTHER_HOME: Final = "127.1.0.1"


class Server(Protocol):
    """Where a Ringfence is."""

    base: str
    trust: ssl.SSLContext | None
    inspected: Inspected
    many_homes: bool  #: each family may come from an address of its own
    key: str  #: an inspector's; "" where there is none
    patience: float  #: seconds for one answer

    async def open(self) -> None: ...
    async def close(self) -> None: ...
    def alive(self) -> bool: ...


class Elsewhere:
    """A server by address, which somebody else started."""

    def __init__(
        self, base: str, trust: ssl.SSLContext | None = None, key: str = "", *, patience: float = ANSWER_SECONDS
    ) -> None:
        self.base, self.trust, self.key, self.patience = base.rstrip("/"), trust, key, patience
        self.many_homes = False
        self.inspected = Inspected("Ringfence", "", self.base)

    async def open(self) -> None:
        """See that something is there that says of itself that it is well, and what it says it is."""
        one = Line(self.base, trust=self.trust, home=None, seconds=self.patience)
        try:
            answer = await one.call("GET", "/healthz")
            told = answer.json if answer.status == 200 else None
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError, Refused) as fault:
            raise CouldNotSee(f"There is no Ringfence at this address that answers ({type(fault).__name__}).") from None
        finally:
            await one.close()
        if not (isinstance(told, dict) and isinstance(told.get("guards"), dict)):
            raise CouldNotSee("What answers at this address is no Ringfence that is well.")
        guards = {
            str(name)[:40]: "effective" if works is True else "not effective" for name, works in told["guards"].items()
        }
        self.inspected = Inspected(
            "Ringfence", "not told", self.base, {f"guard {name}": one for name, one in sorted(guards.items())}
        )

        self.many_homes = is_this_machine(self.base) and loopback_has_many() and await self._answers_from(ANOTHER_HOME)

    async def _answers_from(self, home: str) -> bool:
        one = Line(self.base, trust=self.trust, home=home, seconds=self.patience)
        try:
            return (await one.call("GET", "/healthz")).status == 200
        except (aiohttp.ClientError, OSError, TimeoutError, Refused):
            return False  # it listens on ::1 alone, or behind something
        finally:
            await one.close()

    async def close(self) -> None:
        """It is not ours to stop."""

    def alive(self) -> bool:
        return True


def loopback_has_many() -> bool:
    """All of 127.0.0.0/8 is this machine on Linux; elsewhere only what was set up."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.bind((ANOTHER_HOME, 0))
    except OSError:
        return False
    return True


def is_this_machine(base: str) -> bool:
    """Whether an address is loopback: then nobody else's server is meant."""
    host = urlsplit(base).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
