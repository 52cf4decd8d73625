"""The edge of the house: is it well, the way into a live connection, live calls and history, and the pages themselves.

``guards`` tries each guard and believes nothing else: the gate must hear a datagram, revocations must be followed, the records
must be writable, the rules must say yes and no where they should, each audit chain must end where its head says, the clock must
not be far behind. /healthz says which of them is not effective, and nothing about anybody.

Pages are the files under client_web/, by a closed list of folders and kinds; what is not on it does not exist.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from aiohttp import web
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from server import notices
from server.api import keys, problems
from server.api.keys import Open, Route, answer
from server.db.models import people
from server.policy import Act, Reach, Verb
from server.policy.facts import GENERAL, Person
from server.settings import ROOT
from signalling import ws

log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 1.0
GUARD_SECONDS: Final = 10.0  # a guard that takes longer is not effective
TICKET_SECONDS: Final = 30  # docs of the protocol: single use, bound to the sign-in


# -- is it well -------------------------------------------------------------------------------------------------------


async def health(request: web.Request) -> web.Response:
    """200 when every guard is effective, else 503; the same shape. Open to everybody, so at most one real look a second."""
    looked = request.app[LOOKED]
    async with looked.turn:
        if time.monotonic() >= looked.until:
            looked.found, looked.until = await guards(request.app), time.monotonic() + LOOK_SECONDS
    found = looked.found
    ok = all(found.values())
    return answer({"ok": ok, "guards": found}, status=200 if ok else 503)


@dataclass(slots=True)
class Looked:
    """What the last look at the guards found, and until when that is told again."""

    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    until: float = 0.0
    found: Mapping[str, bool] = field(default_factory=dict)


LOOKED: Final[web.AppKey[Looked]] = web.AppKey("looked")


async def guards(app: web.Application) -> Mapping[str, bool]:
    """Each guard by name, tried just now."""
    tried = await asyncio.gather(*(_try(app, name, one) for name, one in _GUARDS.items()))
    return dict(zip(_GUARDS, tried, strict=True))


async def _try(app: web.Application, name: str, guard: Callable[[web.Application], Awaitable[bool]]) -> bool:
    try:
        async with asyncio.timeout(GUARD_SECONDS):
            effective = await guard(app)
    except Exception as fault:  # whatever it is, a guard that cannot be tried is not effective
        log.error("the guard %s could not be tried (%s)", name, type(fault).__name__)
        return False
    if not effective:
        log.error("the guard %s is not effective", name)
    return effective


async def _gate_hears(app: web.Application) -> bool:
    # one byte that is nobody's: it must be counted (and is dropped)
    gate = app[keys.GATE]
    before = gate.counters()["received"]
    host = app[keys.SETTINGS].gate_host[0]
    target = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
    with socket.socket(socket.AF_INET6 if ":" in target else socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.sendto(b"\xff", (target, gate.candidates[0][1]))
        for _ in range(20):
            await asyncio.sleep(0.005)
            if gate.counters()["received"] > before:
                return True
    return False


async def _revocations_are_followed(app: web.Application) -> bool:
    return await app[keys.FOLLOWER].on_time()


async def _records_can_be_written(app: web.Application) -> bool:
    async with app[keys.DB].begin() as tx:
        await tx.execute(text("UPDATE alembic_version SET version_num = version_num"))
    return True


async def _rules_say_yes_and_no(app: web.Application) -> bool:
    judge = app[keys.KEEPER].rulebook.judge  # not decide: what it remembers would be right long after the engine broke
    grown_up = Person(kind="guardian", band="18+", active=True, consent=True, signed_in=True, paired=True)
    return bool(judge(Act(Verb.LOOK_AT_FAMILY, grown_up, GENERAL))) and not judge(Reach(Verb.RING, grown_up, Person()))


async def _chains_end_where_their_heads_say(app: web.Application) -> bool:
    async with app[keys.DB].read() as tx:
        return (await tx.execute(_BROKEN_END)).first() is None


_BROKEN_END: Final = text(
    "SELECT 1 FROM audit_heads h LEFT JOIN audit a ON a.chain = h.chain AND a.seq = h.seq "
    "WHERE a.hash IS NULL OR a.hash <> h.hash LIMIT 1"
)


async def _clock_is_trusted(app: web.Application) -> bool:
    return app[keys.CLOCK].trusted


_GUARDS: Final[Mapping[str, Callable[[web.Application], Awaitable[bool]]]] = {
    "gate": _gate_hears,
    "revocation": _revocations_are_followed,
    "database": _records_can_be_written,
    "policy": _rules_say_yes_and_no,
    "audit": _chains_end_where_their_heads_say,
    "clock": _clock_is_trusted,
}


# -- the live connection ----------------------------------------------------------------------------------------------


async def ticket(request: web.Request) -> web.Response:
    """A single-use ticket for the ``hello`` of a WebSocket."""
    made = await request.app[keys.CALLS].make_ticket(keys.signed_in(request), keys.now(request))
    if isinstance(made, str):
        return answer({"ticket": made, "expires_in_s": TICKET_SECONDS})
    return problems.denied(made.code)


async def live_connection(request: web.Request) -> web.StreamResponse:
    """The WebSocket. Host and Origin were looked at on the way here; wrong hellos are counted per address."""
    throttle, home = request.app[keys.THROTTLE], keys.address(request)
    door = ws.Door(
        knock=lambda: throttle.check("hello", address=home) is None,
        right=lambda: throttle.forgive("hello", address=home),
        known=request.app[keys.CALLS].is_ticket,
    )
    return await ws.serve_socket(request, request.app[keys.HUB], request.app[keys.SETTINGS].origins, door)


# -- what a guardian sees of calls ------------------------------------------------------------------------------------


async def live_calls(request: web.Request) -> web.Response:
    """Live calls of own children: who and how long."""
    found = await request.app[keys.CALLS].look_at_live(keys.signed_in(request), keys.now(request))
    if not isinstance(found, list):
        return problems.denied(found.code)
    return answer(
        [
            {
                "call": one.call,
                "child": {"id": one.child, "name": one.child_name},
                "with": [{"name": name} for name in one.others],
                "video": one.video,
                "minutes": one.minutes,
            }
            for one in found
        ]
    )


async def end_call(request: web.Request) -> web.Response:
    """End an own child's call; the child is told truthfully who ended it (design 5.8)."""
    me, call, now = keys.signed_in(request), request.match_info["call"], keys.now(request)
    async with request.app[keys.DB].begin() as tx:
        decision = await request.app[keys.CALLS].may_end(tx, me, call, now)
        if decision:
            family = await _family(tx, me.household)
            await notices.post(tx, "end_call", family, now=now, call=call, who=family[me.person])
    return answer({}) if decision else problems.denied(decision.code)


async def _family(tx: AsyncConnection, household: str) -> dict[str, str]:
    """Chosen names by id: they may know who of them ended a call."""
    found = await tx.execute(select(people.c.id, people.c.name).where(people.c.household_id == household))
    return {row.id: row.name for row in found}


async def history(request: web.Request) -> web.Response:
    """Thirty days of an own child's calls: who, when, how long."""
    child = request.query.get("child", "")
    found = await request.app[keys.CALLS].look_at_history(keys.signed_in(request), child, keys.now(request))
    if not isinstance(found, list):
        return problems.denied(found.code)
    return answer([{"with": one.others, "started_at": one.started_at, "minutes": one.minutes} for one in found])


# -- the pages --------------------------------------------------------------------------------------------------------

WEB: Final = ROOT / "client_web"

#: the folder as the address shows it: its name on disk
FOLDERS: Final[Mapping[str, str]] = {
    "child": "child", "grown-up": "grown_up", "inspector": "inspector", "promises": "promises", "shared": "shared",
}  # fmt: skip
#: kinds of file that are pages, and how each is named to the browser (never guessed from the machine's own tables)
KINDS: Final[Mapping[str, str]] = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".webmanifest": "application/manifest+json",
}
FRONT: Final = frozenset({"index.html", "start.js", "start.css"})


async def front(request: web.Request) -> web.StreamResponse:
    """The start page and its two files."""
    name = request.match_info.get("name") or "index.html"
    return _file(WEB / name) if name in FRONT else problems.problem("not_found")


LONGEST_NAME: Final = 200  # of a file of ours; a file system's own limit would be a fault


async def page(request: web.Request) -> web.StreamResponse:
    """A file of one of the apps; a folder is its index.html."""
    folder = request.match_info["folder"]
    there = WEB / folder if folder == "demo" and request.app[keys.SETTINGS].demo else None
    if folder in FOLDERS:
        there = WEB / FOLDERS[folder]
    if there is None:
        return problems.problem("not_found")
    rest = request.match_info["rest"]
    if len(rest) > LONGEST_NAME or not rest.isprintable():
        return problems.problem("not_found")
    found = (there / (rest or "index.html")).resolve()
    if found.is_dir() and not rest.endswith("/"):
        raise web.HTTPFound(f"{request.path}/")
    if not found.is_relative_to(there.resolve()) or any(
        part.startswith(".") for part in found.relative_to(there.resolve()).parts
    ):
        return problems.problem("not_found")
    return _file(found / "index.html" if found.is_dir() else found)


async def slash(request: web.Request) -> web.StreamResponse:
    """``/child`` is ``/child/``: pages name their files relative to it."""
    folder = request.match_info["folder"]
    if folder in FOLDERS or (folder == "demo" and request.app[keys.SETTINGS].demo):
        query = f"?{request.rel_url.raw_query_string}" if request.query_string else ""
        return web.Response(status=308, headers={"Location": f"/{folder}/{query}"})
    return await front(request)


def _file(path: Path) -> web.StreamResponse:
    if path.suffix not in KINDS or not path.is_file():
        return problems.problem("not_found")
    return web.FileResponse(path, headers={"Content-Type": KINDS[path.suffix]})


PAGES: Final = (
    web.get("/", front),
    web.get("/{folder:(?:child|grown-up|inspector|promises|shared|demo)}", slash),
    web.get("/{folder:(?:child|grown-up|inspector|promises|shared|demo)}/{rest:.*}", page),
    web.get("/{name:[a-z]+[.](?:html|js|css)}", front),
)

ROUTES: Final = (
    Route("GET", "/healthz", health, Open("It says which guards work, and nothing about anybody.")),
    Route("POST", "/api/ws-ticket", ticket, Verb.GET_TICKET),
    Route(
        "GET", "/ws", live_connection, Open("The door is the ticket inside hello, asked about with the verb connect.")
    ),
    Route("GET", "/api/calls/live", live_calls, Verb.LOOK_AT_LIVE_CALLS),
    Route("POST", "/api/calls/{call}/end", end_call, Verb.END_CALL),
    Route("GET", "/api/history", history, Verb.LOOK_AT_HISTORY),
)
