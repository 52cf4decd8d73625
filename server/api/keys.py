"""What a handler holds in its hands: the parts of the house by typed key, who is signed in, what time it is.

A handler only translates: read the body, call one service, answer. It is listed in ``ROUTES`` (``server/api/__init__.py``) as a
``Route`` with the verb that its service asks of the gatekeeper, or ``Open`` with the reason why nobody is asked; a test
holds the table against both. Nothing here decides anything.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec
from aiohttp import web

from server.errors import BadRequest, NotSignedIn

if TYPE_CHECKING:
    from server.accounts import SignedIn
    from server.calls import Calls
    from server.clock import Clock
    from server.db.session import Database
    from server.gatekeeper import Gatekeeper
    from server.inspectors import Inspector
    from server.notices import Follower
    from server.passwords import Passwords
    from server.settings import Settings
    from server.throttle import Throttle
    from signalling.gate import Gate
    from signalling.hub import Hub

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
T = TypeVar("T")

SETTINGS: Final[web.AppKey[Settings]] = web.AppKey("settings")
CLOCK: Final[web.AppKey[Clock]] = web.AppKey("clock")
DB: Final[web.AppKey[Database]] = web.AppKey("db")
KEEPER: Final[web.AppKey[Gatekeeper]] = web.AppKey("keeper")
CALLS: Final[web.AppKey[Calls]] = web.AppKey("calls")
GATE: Final[web.AppKey[Gate]] = web.AppKey("gate")
HUB: Final[web.AppKey[Hub]] = web.AppKey("hub")
FOLLOWER: Final[web.AppKey[Follower]] = web.AppKey("follower")
#: Set when another process may serve the same records from now on (``server/db/alone.py``).
LOST: Final[web.AppKey[asyncio.Event]] = web.AppKey("lost")
THROTTLE: Final[web.AppKey[Throttle]] = web.AppKey("throttle")
PASSWORDS: Final[web.AppKey[Passwords]] = web.AppKey("passwords")
#: Only in a demo: its made-up grown-ups sign for the devices of their families (``demo.py``). Given the time.
BEFORE_ROSTERS: Final[web.AppKey[Callable[[int], Awaitable[None]]]] = web.AppKey("before_rosters")

SIGNED_IN: Final[web.RequestKey[SignedIn]] = web.RequestKey("signed_in")
INSPECTOR: Final[web.RequestKey[Inspector]] = web.RequestKey("inspector")
INSPECTORS: Final = (
    "/api/inspector/"  #: below it a family's sign-in is not looked at, and nowhere else is an inspector's
)


@dataclass(frozen=True, slots=True)
class Open:
    """Why no rule is asked. The sentence is printed by the coverage test and read by inspectors."""

    reason: str


@dataclass(frozen=True, slots=True)
class Route:
    """One row of the HTTP API. ``asks``: the verb that the service behind it asks of the gatekeeper (the caller must be
    signed in), or ``Open``."""

    method: str
    path: str
    handler: Handler
    asks: str | Open


def now(request: web.Request) -> int:
    """Milliseconds since 1970: the only clock a handler looks at."""
    return request.app[CLOCK].now()


def signed_in(request: web.Request) -> SignedIn:
    """Who asks. Raises ``NotSignedIn`` (401) where nobody is signed in; routes with a verb are only reached signed in."""
    if SIGNED_IN not in request:
        raise NotSignedIn
    return request[SIGNED_IN]


BODY_SECONDS: Final = 10  # a page sends a few hundred bytes; whoever is slower holds a place for nothing


async def read(request: web.Request, shape: type[T]) -> T:
    """The body as a msgspec struct, or ``BadRequest`` with the first wrong field. Structs should forbid unknown fields."""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            raw = await request.read()
    except TimeoutError:
        raise BadRequest from None
    try:
        body = msgspec.json.decode(raw or b"{}", type=shape)
    except msgspec.ValidationError as wrong:
        raise BadRequest(_field(str(wrong))) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BadRequest from None
    if NUL in raw:  # no text of ours has one, and PostgreSQL takes none
        raise BadRequest(
            {name: "wrong" for name, value in msgspec.json.decode(raw).items() if NUL in msgspec.json.encode(value)}
        )
    return body


NUL: Final = rb"\u0000"


def _field(sentence: str) -> dict[str, str]:
    # msgspec says "... - at `$.name`" or "... required field `name`"; only the name goes out, never the value
    if "required field `" in sentence:
        return {sentence.split("required field `")[1].split("`")[0]: "missing"}
    if "unknown field `" in sentence:
        return {}
    if "`$." in sentence:
        return {sentence.split("`$.")[1].split("`")[0].split("[")[0].split(".")[0]: "wrong"}
    return {}


def answer(told: Any, *, status: int = 200) -> web.Response:
    """``told`` (struct, dict, list) as JSON."""
    return web.Response(status=status, body=msgspec.json.encode(told), content_type="application/json")


def give_cookie(request: web.Request, response: web.StreamResponse, token: str, *, seconds: int) -> None:
    """Sign in: HttpOnly, SameSite=Strict; with the ``__Host-`` name and Secure wherever we are served by https."""
    settings = request.app[SETTINGS]
    response.set_cookie(
        settings.cookie_name,
        token,
        max_age=seconds,
        path="/",
        httponly=True,
        samesite="Strict",
        secure=settings.https,
    )


def take_cookie(request: web.Request, response: web.StreamResponse) -> None:
    """Sign out on this device."""
    settings = request.app[SETTINGS]
    response.del_cookie(settings.cookie_name, path="/", httponly=True, samesite="Strict", secure=settings.https)


def address(request: web.Request) -> str:
    """Where the request comes from, for the throttle and nothing else: never stored, never logged.

    Behind ``settings.proxies`` proxies of our own the address is the one that the outermost of them saw; whatever the client
    itself wrote into ``X-Forwarded-For`` stands further left and is not believed.
    """
    peer = request.remote or ""
    proxies = request.app[SETTINGS].proxies
    if proxies:
        chain = [
            part.strip() for part in ",".join(request.headers.getall("X-Forwarded-For", [])).split(",") if part.strip()
        ]
        if len(chain) >= proxies:
            peer = chain[-proxies]
    try:
        return str(ipaddress.ip_address(peer.split("%")[0]))
    except ValueError:
        return ""


def device_label(request: web.Request) -> str:
    """Browser and system family ('Chromium on Linux'), at most 40 characters: enough to tell two devices apart, no more.
    The header itself is not kept."""
    agent = request.headers.get("User-Agent", "")
    browser = next((name for mark, name in _BROWSERS if mark in agent), "A browser")
    system = next((name for mark, name in _SYSTEMS if mark in agent), "a device")
    return f"{browser} on {system}"


# the first mark that is found wins: Edge also says Chrome, Chrome also says Safari
_BROWSERS: Final = (
    ("Edg/", "Edge"), ("Firefox/", "Firefox"), ("HeadlessChrome/", "Chromium"), ("Chrome/", "Chromium"), ("Safari/", "Safari"),
)  # fmt: skip
_SYSTEMS: Final = (
    ("Android", "Android"), ("iPad", "iPad"), ("iPhone", "iPhone"), ("Windows", "Windows"), ("Mac OS X", "Mac"),
    ("CrOS", "Chromebook"), ("Linux", "Linux"),
)  # fmt: skip
