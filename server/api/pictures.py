"""Comparing pictures: the HTTP side of ``server/pictures.py``.

The paths are a guardian's (``g_…``) and, under the same address, a grown-up contact's own (``k_…``). A contact that is nobody's and one
that is not yours have one answer.
"""

from __future__ import annotations

from typing import Annotated, Final

from aiohttp import web
from msgspec import Meta

from server import pictures
from server.api.families import Body, Nothing, time, told
from server.api.keys import DB, KEEPER, Route, read, signed_in
from server.policy import Verb

#: Thirty-two bytes as base64url, in the one way to write them.
Bytes32 = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]\Z")]


class Commitment(Body, frozen=True):
    commitment: Bytes32


class Reveal(Body, frozen=True):
    key: Bytes32
    random: Bytes32


async def look_at(request: web.Request) -> web.Response:
    return told(
        await pictures.look_at(
            request.app[DB], request.app[KEEPER], signed_in(request), request.match_info["ref"], now=time(request)
        )
    )


async def start(request: web.Request) -> web.Response:
    body = await read(request, Commitment)
    return told(
        await pictures.start(
            request.app[DB], request.app[KEEPER], signed_in(request), request.match_info["ref"],
            commitment=body.commitment, now=time(request),
        )
    )  # fmt: skip


async def answer(request: web.Request) -> web.Response:
    body = await read(request, Reveal)
    return told(
        await pictures.answer(
            request.app[DB], request.app[KEEPER], signed_in(request), request.match_info["ref"],
            request.match_info["id"], key=body.key, random=body.random, now=time(request),
        )
    )  # fmt: skip


async def open_(request: web.Request) -> web.Response:
    body = await read(request, Reveal)
    return told(
        await pictures.open_(
            request.app[DB], request.app[KEEPER], signed_in(request), request.match_info["ref"],
            request.match_info["id"], key=body.key, random=body.random, now=time(request),
        )
    )  # fmt: skip


async def same(request: web.Request) -> web.Response:
    await read(request, Nothing)
    return told(
        await pictures.same(
            request.app[DB], request.app[KEEPER], signed_in(request), request.match_info["ref"],
            request.match_info["id"], now=time(request),
        )
    )  # fmt: skip


async def differ(request: web.Request) -> web.Response:
    await read(request, Nothing)
    return told(
        await pictures.differ(
            request.app[DB], request.app[KEEPER], signed_in(request), request.match_info["ref"],
            request.match_info["id"], now=time(request),
        )
    )  # fmt: skip


ROUTES: Final = (
    Route("GET", "/api/contacts/{ref}/pictures", look_at, Verb.COMPARE_PICTURES),
    Route("POST", "/api/contacts/{ref}/pictures", start, Verb.COMPARE_PICTURES),
    Route("POST", "/api/contacts/{ref}/pictures/{id}/answer", answer, Verb.COMPARE_PICTURES),
    Route("POST", "/api/contacts/{ref}/pictures/{id}/open", open_, Verb.COMPARE_PICTURES),
    Route("POST", "/api/contacts/{ref}/pictures/{id}/same", same, Verb.COMPARE_PICTURES),
    Route("POST", "/api/contacts/{ref}/pictures/{id}/differ", differ, Verb.SAY_PICTURES_DIFFER),
)
