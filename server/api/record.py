"""The record over HTTP: a grown-up's own household's chain, and for everybody the newest signed statement about all of them."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from server import checkpoints, record
from server.api import problems
from server.api.families import time, told
from server.api.keys import DB, KEEPER, Open, Route, signed_in
from server.errors import BadRequest
from server.policy import Verb


async def own(request: web.Request) -> web.Response:
    """A page of the own household's chain, as lines of JSON."""
    me = signed_in(request)
    after, since = _number(request, "after"), _number(request, "since")
    decision = await record.may_look(request.app[DB], request.app[KEEPER], me, now=time(request))
    if not decision:
        return told(decision)
    lines = await record.page(request.app[DB], me.household, after=after or 0, since=since)
    return web.Response(body=lines.encode(), content_type=LINES)


async def own_file(request: web.Request) -> web.StreamResponse:
    """The whole of it, to be kept; with the proof that it goes on from how the log was when the reader last kept something."""
    me = signed_in(request)
    since = _number(request, "since")
    decision = await record.may_look(request.app[DB], request.app[KEEPER], me, now=time(request))
    if not decision:
        return told(decision)
    response = web.StreamResponse(headers={"Content-Disposition": 'attachment; filename="ringfence-record.jsonl"'})
    response.content_type = LINES
    await response.prepare(request)
    waiting: list[str] = []
    async for line in record.family_file(request.app[DB], me.household, since=() if since is None else (since,)):
        waiting.append(line)
        if len(waiting) == record.PAGE:
            await response.write("".join(waiting).encode())
            waiting = []
    await response.write("".join(waiting).encode())
    await response.write_eof()
    return response


async def checkpoint(request: web.Request) -> web.Response:
    """The newest signed note, to be kept where nobody here can reach it."""
    async with request.app[DB].read() as tx:
        note = await checkpoints.newest(tx)
    if note is None:
        return problems.problem("not_found")
    return web.Response(text=note, content_type="text/plain", headers={"Cache-Control": "no-store"})


def _number(request: web.Request, name: str) -> int | None:
    text = {"after": request.query.get("after"), "since": request.query.get("since")}[name]
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= record.MOST_DIGITS):
        raise BadRequest({name: "wrong"})
    return int(text)


LINES: Final = "application/jsonl"

ROUTES: Final = (
    Route("GET", "/api/record", own, Verb.LOOK_AT_FAMILY),
    Route("GET", "/api/record/file", own_file, Verb.LOOK_AT_FAMILY),
    Route(
        "GET",
        "/api/checkpoint",
        checkpoint,
        Open("It is a hash, a number and a time, signed: whoever keeps it can show later that the record was changed."),
    ),
)
