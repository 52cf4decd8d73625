"""Which devices may talk, over HTTP: keys said, rosters signed and looked at. What they mean: ``server/rosters.py``."""

from __future__ import annotations

from typing import Annotated, Final

from aiohttp import web
from msgspec import Meta

from server import rosters
from server.api.families import Body, time, told
from server.api.keys import BEFORE_ROSTERS, DB, KEEPER, Route, read, signed_in
from server.policy import Verb


class OwnKey(Body, frozen=True):
    key: rosters.Key


class Statement(Body, frozen=True):
    body: Annotated[str, Meta(max_length=rosters.LONGEST)]


async def say_key(request: web.Request) -> web.Response:
    body, who = await read(request, OwnKey), signed_in(request)
    return told(await rosters.say_key(request.app[DB], request.app[KEEPER], who, body.key, now=time(request)))


async def desk(request: web.Request) -> web.Response:
    return told(await rosters.desk(request.app[DB], request.app[KEEPER], signed_in(request), now=time(request)))


async def sign(request: web.Request) -> web.Response:
    body, who = await read(request, Statement), signed_in(request)
    return told(await rosters.sign(request.app[DB], request.app[KEEPER], who, body.body, now=time(request)))


async def know(request: web.Request) -> web.Response:
    body, who = await read(request, Statement), signed_in(request)
    return told(await rosters.know(request.app[DB], request.app[KEEPER], who, body.body, now=time(request)))


async def in_call(request: web.Request) -> web.Response:
    """Everybody else in this call, by ref."""
    who, call, now = signed_in(request), request.match_info["call"], time(request)
    if BEFORE_ROSTERS in request.app:  # the demo's grown-ups sign now, as nobody else can for them
        await request.app[BEFORE_ROSTERS](now)
    return told(await rosters.in_call(request.app[DB], request.app[KEEPER], who, call, now=now))


ROUTES: Final = (
    Route("POST", "/api/identity", say_key, Verb.SAY_KEY),
    Route("GET", "/api/rosters", desk, Verb.LOOK_AT_ROSTERS),
    Route("POST", "/api/rosters", sign, Verb.SIGN_ROSTER),
    Route("POST", "/api/known-keys", know, Verb.KNOW_KEY),
    Route("GET", "/api/calls/{call}/rosters", in_call, Verb.LOOK_AT_ROSTERS),
)
