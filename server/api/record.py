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
    after, since = request.query.get("after", "0"), request.query.get("since")
    outcome = await record.look(
        request.app[DB], request.app[KEEPER], signed_in(request), after=_number("after", after),
        since=None if since is None else _number("since", since), now=time(request),
    )  # fmt: skip
    if not isinstance(outcome, str):
        return told(outcome)
    return web.Response(body=outcome.encode(), content_type="application/jsonl")


async def checkpoint(request: web.Request) -> web.Response:
    """The newest signed note, to be kept where nobody here can reach it."""
    async with request.app[DB].read() as tx:
        note = await checkpoints.newest(tx)
    if note is None:
        return problems.problem("not_found")
    return web.Response(text=note, content_type="text/plain", headers={"Cache-Control": "no-store"})


def _number(name: str, text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 9):
        raise BadRequest({name: "wrong"})
    return int(text)


ROUTES: Final = (
    Route("GET", "/api/record", own, Verb.LOOK_AT_FAMILY),
    Route(
        "GET",
        "/api/checkpoint",
        checkpoint,
        Open("It is a hash, a number and a time, signed: whoever keeps it can show later that the record was changed."),
    ),
)
