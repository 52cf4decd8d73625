"""What every request passes, from outside in: headers, faults to answers, log, host and origin, who is signed in.

Each is a small function; the order is the tuple at the end. Nothing here decides what somebody may do: that is the
gatekeeper's. Two things are decided, because no rule about families could: a request must be meant for this server (``Host``;
another name on our address is DNS rebinding) and a request that changes something must come from one of our own pages
(``Origin``, together with SameSite=Strict; a request without it is refused too, and so is a WebSocket: T20 of the threat list).

The log has one line per API request: method, the route's pattern (never the path: paths carry ids), status, milliseconds, and
six characters of the person's id. No address, no name, no query, no body.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from collections import Counter
from typing import TYPE_CHECKING, Final

from aiohttp import web
from aiohttp.typedefs import Handler
from sqlalchemy.exc import SQLAlchemyError

from server import accounts, inspectors
from server.api import keys, problems
from server.api.keys import Open
from server.db import migrate
from server.db.session import SHUTTING
from server.errors import Fault, OurFault
from server.policy import Verb

if TYPE_CHECKING:
    from server.settings import Settings

log = logging.getLogger(__name__)

MAX_BODY: Final = 65_536  # bytes; the longest real body is a sign-up of under 1 KiB
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})

#: What a page may do. Camera and microphone only our own pages; the screen nobody, so that no page can even ask a child to share it.
PERMISSIONS: Final = ", ".join(
    ["camera=(self)", "microphone=(self)", "fullscreen=(self)", "speaker-selection=(self)", "autoplay=(self)"]
    + [
        f"{feature}=()"
        for feature in (
            "accelerometer", "browsing-topics", "display-capture",
            "encrypted-media", "gamepad", "geolocation", "gyroscope", "hid", "identity-credentials-get", "idle-detection",
            "local-fonts", "magnetometer", "midi", "payment", "picture-in-picture", "publickey-credentials-get", "serial", "usb",
            "window-management", "xr-spatial-tracking",
        )
    ]
)  # fmt: skip


def headers_for(settings: Settings, host: str = "") -> dict[str, str]:
    """The security headers of every answer under this ``host``. No address but our own appears in them: content cannot make a
    device call elsewhere."""
    socket = f"{'wss' if settings.https else 'ws'}://{host}" if host else ""
    policy = {
        "default-src": "'self'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self'",
        "media-src": "'self' blob:",  # a MediaStream in a <video> is not fetched, but some engines ask for blob:
        "connect-src": f"'self' {socket}".strip(),  # 'self' does not cover ws: in every engine
        "object-src": "'none'",
        "base-uri": "'none'",
        "form-action": "'self'",
        "frame-src": "'none'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "ringfence ringfence-seal ringfence-mark",
    }
    told = {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "Permissions-Policy": PERMISSIONS,
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Embedder-Policy": "require-corp",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "X-Robots-Tag": "noindex, nofollow",
    }
    if settings.https:
        told["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"
    return told


@web.middleware
async def dress(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The headers, on every answer, also on a fault's. What the API says is kept nowhere."""
    response = await handler(request)
    if not response.prepared:  # a WebSocket has been answered by now; it got its headers from ``on_prepare``
        response.headers.setdefault("Cache-Control", "no-store" if _api(request) else "no-cache")
    return response


async def on_prepare(request: web.Request, response: web.StreamResponse) -> None:
    """The last moment before any answer leaves, a WebSocket's and a static file's too."""
    known = request.app[HEADERS]
    for name, value in known.get(request.host.lower(), known[""]).items():
        response.headers.setdefault(name, value)
    response.headers.popall("Server", None)


#: host: headers; the empty host is everybody else's
HEADERS: Final[web.AppKey[dict[str, dict[str, str]]]] = web.AppKey("headers")


@web.middleware
async def catch(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Faults become answers. An unknown one says "internal" and nothing else; the log gets its type and place, no content."""
    try:
        return await handler(request)
    except Fault as fault:
        if isinstance(fault, OurFault):
            log.warning("%s: %s", _pattern(request), type(fault).__name__)
        return problems.of_fault(fault)
    except web.HTTPRequestEntityTooLarge:
        return problems.problem("too_large")
    except web.HTTPMethodNotAllowed:
        return problems.problem("bad_method")
    except web.HTTPNotFound:
        return problems.problem("not_found")
    except web.HTTPException as answer:
        if answer.status < 400:
            return web.Response(status=answer.status, headers={"Location": answer.headers.get("Location", "/")})
        return problems.problem("bad_request")
    except (SQLAlchemyError, sqlite3.Error) as fault:  # the hot path speaks to the driver itself
        log.error("%s: database: %s", _pattern(request), migrate.sentence(fault))
        return problems.problem(migrate.code(fault))
    except Exception as fault:
        log.error("%s: %s at %s", _pattern(request), type(fault).__name__, _place(fault))
        return problems.problem("internal")


@web.middleware
async def note(request: web.Request, handler: Handler) -> web.StreamResponse:
    """One line per API request."""
    began = time.perf_counter()
    response = await handler(request)
    if _api(request):
        who = request.get(keys.SIGNED_IN)
        log.info(
            "%s %s %d %.0f ms %s",
            request.method if request.method in _METHODS else "?",
            _pattern(request),
            response.status,
            (time.perf_counter() - began) * 1000,
            who.person[:6] if who else "-",
        )
    return response


@web.middleware
async def meant_for_us(request: web.Request, handler: Handler) -> web.StreamResponse:
    """``Host`` must be one of ours; what changes something, and every WebSocket, must come from one of our own pages."""
    settings = request.app[keys.SETTINGS]
    if request.path == "/healthz":
        return await handler(request)  # a probe asks by address, and is told nothing about anybody
    if request.host.lower() not in settings.hosts:
        return problems.problem("bad_host")
    if request.method not in SAFE or request.path == "/ws":
        if _by_key(request):
            return await handler(request)  # no page of anybody's can send a key that it does not have
        origin = request.headers.get("Origin", "")
        scheme = "https" if settings.https else "http"
        # the page's own origin: allowed here at all, and the same host that is asked (maya's page may not act as sam's)
        if origin not in settings.origins or origin != f"{scheme}://{request.host.lower()}":
            return problems.problem("bad_origin")
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        return problems.problem("bad_request")  # nothing that is sent here is worth packing, and nothing is unpacked
    if "\0" in request.path or "\0" in request.query_string:
        return problems.problem("bad_request")  # as in a body (``keys.read``)
    return await handler(request)


@web.middleware
async def sign_in(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Who holds the cookie. A route with a verb is not reached without; the live calls hear of a change as soon as it is made."""
    SHUTTING.set(False)  # one connection's requests share a context
    if not _api(request):
        return await handler(request)
    if request.path.startswith(keys.INSPECTORS):
        return await _inspect(request, handler)
    token = request.cookies.get(request.app[keys.SETTINGS].cookie_name, "")
    if token:
        async with request.app[keys.DB].read() as tx:
            found = await accounts.who(tx, token, keys.now(request))
        if found is not None:
            request[keys.SIGNED_IN] = found
    asks = _asked(request)
    if isinstance(asks, str) and keys.SIGNED_IN not in request:
        return problems.problem("not_signed_in")
    if request.path == "/ws" or keys.SIGNED_IN not in request:
        return await _handle(request, handler)
    session, under_way = request[keys.SIGNED_IN].session, request.app[UNDER_WAY]
    if under_way[session] >= (SHUTS_AT_ONCE if asks in SHUTS else AT_ONCE):
        return problems.problem("slow_down", retry_after_s=1)
    under_way[session] += 1
    SHUTTING.set(asks in SHUTS)
    try:
        return await _handle(request, handler)
    finally:
        under_way[session] -= 1
        if not under_way[session]:
            del under_way[session]


async def _inspect(request: web.Request, handler: Handler) -> web.StreamResponse:
    """An inspector's request: by the key that is sent along, or by the inspector's own cookie; a family's is not looked at."""
    now = keys.now(request)
    if "Authorization" in request.headers:
        scheme, _, key = request.headers["Authorization"].partition(" ")
        found = await inspectors.by_key(request.app[keys.DB], key.strip()) if scheme.lower() == "bearer" else None
        wait = None if found else request.app[keys.THROTTLE].check("inspector", address=keys.address(request))
        if wait is not None:
            return problems.problem("slow_down", retry_after_s=wait)
    else:
        async with request.app[keys.DB].read() as tx:
            found = await inspectors.by_token(
                tx, request.cookies.get(request.app[keys.SETTINGS].inspector_cookie, ""), now
            )
    if found is not None:
        request[keys.INSPECTOR] = found
    elif isinstance(_asked(request), str):
        return problems.problem("not_signed_in")
    who, under_way = found.id if found else "", request.app[UNDER_WAY]
    if who and under_way[who] >= AT_ONCE:
        return problems.problem("slow_down", retry_after_s=1)
    under_way[who] += 1
    try:
        return await handler(request)
    finally:
        under_way[who] -= 1
        if not under_way[who]:
            del under_way[who]


def _asked(request: web.Request) -> str | Open | None:
    """What this route asks. aiohttp answers HEAD by the handler of GET, so it is asked the same."""
    method = "GET" if request.method == "HEAD" else request.method
    return request.app[ASKS].get((method, _pattern(request)))


def _by_key(request: web.Request) -> bool:
    """Whether an inspector's program asks, which has no page and so no ``Origin``. A browser that is made to ask sends one."""
    return request.path.startswith(keys.INSPECTORS) and {"Authorization", "Origin"} & request.headers.keys() == {
        "Authorization"
    }


async def _handle(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    finally:
        if request.method not in SAFE:
            request.app[keys.FOLLOWER].wake()


AT_ONCE: Final = (
    8  # requests of one sign-in under way; a page asks for six. More would only wait, before everybody else's
)
SHUTS_AT_ONCE: Final = 2 * AT_ONCE  # room for "End contact" however many pages are still waiting
#: What shuts something, and a child's word that somebody recorded them. It is not told to wait for what only looks, and its changes go
#: before those of all who only look or open.
SHUTS: Final = frozenset(
    {
        Verb.END_CONTACT, Verb.ALLOW_MEDIA, Verb.END_CALL, Verb.WITHDRAW_CONSENT, Verb.UNPAIR_DEVICE, Verb.REVOKE_SESSION,
        Verb.SIGN_OUT, Verb.BLOCK, Verb.STOP_BEING_PRESENT, Verb.VOUCH, Verb.CHANGE_SUPERVISION, Verb.CHANGE_LIMIT,
        Verb.CHANGE_OWN_LIMIT, Verb.SWITCH_STAGE, Verb.SWITCH_OWN_STAGE, Verb.REPORT, Verb.SAY_PICTURES_DIFFER,
    }
)  # fmt: skip

#: Requests under way, by sign-in: an old one on somebody else's device cannot use up the room of another.
UNDER_WAY: Final[web.AppKey[Counter[str]]] = web.AppKey("under_way", Counter)


#: (method, pattern) of each route and what it asks of the gatekeeper
ASKS: Final[web.AppKey[dict[tuple[str, str], str | Open]]] = web.AppKey("asks")

MIDDLEWARES: Final = (dress, note, catch, meant_for_us, sign_in)

_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})


def _api(request: web.Request) -> bool:
    return request.path.startswith(("/api/", "/ws", "/healthz"))


def _pattern(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "unknown"


def _place(fault: BaseException) -> str:
    """File and line of the innermost frame: enough to find it, nothing of what was in it."""
    trace = fault.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return "unknown"
    name = trace.tb_frame.f_code.co_filename.replace("\\", "/").split("/")
    return f"{'/'.join(name[-2:])}:{trace.tb_lineno}"
