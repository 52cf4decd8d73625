"""Finding: what a stranger is told of people who are none of theirs, and how fast."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any, Final

from aiohttp import web

from server import calls, facts
from server.api import keys, problems
from server.api.keys import answer
from server.db.session import rows
from server.policy import Verb
from signalling.authority import Refusal
from tests.faults.seeding import also, fault, put


@fault("search-route-added", "not-found", "there is a route that finds children by name", "find")
def _() -> None:
    async def search(request: web.Request) -> web.Response:
        async with request.app[keys.DB].read() as tx:
            found = await rows(tx, "SELECT name FROM people WHERE kind = 'child'")
        asked = request.query.get("q", "").lower()
        return answer([{"name": name} for (name,) in found if asked in name.lower()])

    also("GET", "/api/search", search)


EXISTS: Final[ContextVar[bool]] = ContextVar("exists", default=False)


def notice_strangers(there: Callable[[], Any]) -> None:
    """``there`` is awaited whenever somebody asks about a child who exists and is not theirs."""
    act, by_refs = facts.act, facts.by_refs

    async def asked(tx: Any, verb: Verb, actor: str, **more: Any) -> Any:
        found = await act(tx, verb, actor, **more)
        named = [more.get(key) for key in ("child", "contact", "device", "call") if more.get(key)]
        strange = getattr(getattr(found.question, "matter", None), "whose", "") == "stranger"
        real = strange and any(
            [await rows(tx, "SELECT 1 FROM people WHERE id = :id", id=one) for one in named if one is not None]
        )
        EXISTS.set(bool(real))
        if real:
            await there()
        return found

    async def rung(tx: Any, me: str, refs: Sequence[str], **more: Any) -> Any:
        found = await by_refs(tx, me, refs, **more)
        real = False
        for ref in refs:
            real = real or bool(
                await rows(tx, "SELECT 1 FROM sides WHERE ref = :ref AND viewer_id <> :me", ref=ref, me=me)
            )
        EXISTS.set(real)
        if real:
            await there()
        return found

    put(facts, "act", asked)
    put(facts, "by_refs", rung)


@fault(
    "stranger-told-more",
    "same-answer",
    "of a child who exists a stranger is told that it is not permitted, of none that there is none",
    "same-answer",
)
def _() -> None:
    async def nothing() -> None:
        return None

    notice_strangers(nothing)
    problem, ring = problems.problem, calls.Calls.ring

    def tells(code: str, **more: Any) -> web.Response:
        return problem("not_permitted" if code == "not_found" and EXISTS.get() else code, **more)

    async def rings(self: Any, *given: Any) -> Any:
        permit = await ring(self, *given)
        if isinstance(permit, Refusal) and EXISTS.get():
            return Refusal("needs_guardian")
        return permit

    put(problems, "problem", tells)
    put(calls.Calls, "ring", rings)


@fault(
    "stranger-answered-later",
    "same-answer",
    "of a child who exists the answer takes some milliseconds longer",
    "same-time",
)
def _() -> None:
    notice_strangers(lambda: asyncio.sleep(0.008))
