"""GET /api/promises: what we promise, to whom, by which sources, and whether it is proven for the code that runs.

Open to everybody: it says nothing about anybody. Pages show these sentences and these states and none of their own, so a promise
whose proof has not passed is shown as not proven without anybody's doing (Children's Code 6; master table row 60).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Any, Final, cast, get_args

from aiohttp import web

from server import promises
from server.api.keys import Open, Route, answer
from server.errors import BadRequest
from server.promises import Promise, Proof, Proofs, To

LOOK_SECONDS: Final = 60.0  # pages are read from the disk as they are asked for, so it is looked at again


@cache
def begun() -> str:
    """The digest of the code when this process began. That is what runs, whatever was put in its place since; first asked in ``app.py``."""
    return promises.digest()


@lru_cache(maxsize=1)
def _looked(_: int) -> Mapping[str, Proof]:
    return standing(begun(), promises.digest(), promises.read_proofs(), promises.digests_of_tests())


def standing(began: str, there: str, found: Proofs, tests: Mapping[str, str] | None = None) -> Mapping[str, Proof]:
    """Which promises are proven, where this process ``began`` with one code and another may be ``there`` now: pages are read as they are
    asked for, modules are not, so neither is proven for a mixture of both. ``tests``: those that lie beside it now."""
    return promises.statuses(found=found, running=there if there == began else "a mixture of two", tests=tests)


def statuses() -> Mapping[str, Proof]:
    """Which promises are proven; at most a minute old."""
    return _looked(int(time.monotonic() / LOOK_SECONDS))


async def look(request: web.Request) -> web.Response:
    """All promises, or with ``for`` those that are made to a child, a parent or a regulator."""
    whom = request.query.get("for")
    if whom is not None and whom not in get_args(To):
        raise BadRequest({"for": "wrong"})
    proofs = await asyncio.to_thread(statuses)
    book = promises.ledger()
    found = book.promises if whom is None else book.to(cast(To, whom))
    return answer({"looked_at": book.looked_at, "promises": [told(one, proofs[one.id]) for one in found]})


def told(one: Promise, proof: Proof) -> dict[str, Any]:
    """One promise as pages and inspectors are told it."""
    book = promises.ledger()
    return {
        "id": one.id,
        "to": one.to,
        "sentence": one.sentence,
        "child": one.child,
        "teen": one.teen or one.child,
        "status": "proven" if proof.proven else "broken" if proof.failed else "not_proven",
        "why": proof.why,
        "proved_at": proof.at,
        "sources": [_source(code, book.standing(code)) for code in one.sources],
        "rules": one.rules,
        "not_shown": one.not_shown,
    }


def _source(code: str, law: promises.Law) -> dict[str, Any]:
    return {"code": code, "status": law.status, "since": law.since, "note": law.note, "unverified": law.unverified}


ROUTES: Final = (
    Route("GET", "/api/promises", look, Open("It says what is promised to everybody, and nothing about anybody.")),
)
