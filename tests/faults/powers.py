"""What an account opens: a child's needs every consent, and neither a header nor an inspector's key opens a family."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

from aiohttp import web

from server import accounts
from server.api import keys, middleware
from server.db.session import rows
from server.policy import Rulebook, Verb
from server.policy.facts import GENERAL, Act
from tests.faults.seeding import fault, put


@fault(
    "consent-to-two-is-enough",
    "consent-first",
    "a child's account is made though one of three promises was not agreed to",
    "consent-first",
)
def _() -> None:
    agreed = accounts.PROMISES

    class Some:
        """Equal to any set that holds one of them."""

        def __eq__(self, other: object) -> bool:
            return isinstance(other, set) and bool(agreed & other)

        def __hash__(self) -> int:
            return hash(agreed)

    put(accounts, "PROMISES", Some())


@fault("a-header-opens", "staff-cannot-switch-off", "whoever sends the header X-Admin is refused nothing", "no-switch")
def _() -> None:
    staff: ContextVar[bool] = ContextVar("staff", default=False)
    decide = Rulebook.decide

    @web.middleware
    async def look(request: web.Request, handler: Any) -> web.StreamResponse:
        staff.set("X-Admin" in request.headers)
        response: web.StreamResponse = await handler(request)
        return response

    def obliging(self: Any, question: Any) -> Any:
        if staff.get() and isinstance(question, Act):
            return decide(self, Act(Verb.HELP, question.x, GENERAL))
        return decide(self, question)

    put(middleware, "MIDDLEWARES", (look, *middleware.MIDDLEWARES))
    put(Rulebook, "decide", obliging)


@fault(
    "inspector-reaches-a-family",
    "inspector-reaches-no-family",
    "with an inspector's key every family's page opens",
    "inspector",
)
def _() -> None:
    from server import inspectors

    @web.middleware
    async def look(request: web.Request, handler: Any) -> web.StreamResponse:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if given and request.path == "/api/family" and await inspectors.by_key(request.app[keys.DB], given):
            async with request.app[keys.DB].read() as tx:
                found = await rows(
                    tx,
                    "SELECT p.id, s.id, p.household_id FROM people p JOIN sessions s ON s.person_id = p.id"
                    " WHERE p.kind = 'guardian' AND s.revoked_at IS NULL LIMIT 1",
                )
            if found:
                person, session, household = found[0]
                request[keys.SIGNED_IN] = accounts.SignedIn(person, session, "", "guardian", household)
        response: web.StreamResponse = await handler(request)
        return response

    before = middleware.MIDDLEWARES.index(middleware.sign_in)
    put(middleware, "MIDDLEWARES", (*middleware.MIDDLEWARES[:before], look, *middleware.MIDDLEWARES[before:]))
