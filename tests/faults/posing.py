"""Speaking for others: with their ticket, their ring, their name, their browser or their devices, and unseen in their call."""

from __future__ import annotations

import json
from contextvars import ContextVar
from dataclasses import replace
from typing import Any

from aiohttp import web
from msgspec.structs import replace as with_fields

import signalling.ws
from server import calls, rosters
from server.api import keys, middleware, problems
from server.db.session import rows
from signalling import protocol
from signalling.hub import Hub
from tests.faults.seeding import fault, handle, put


@fault("ticket-good-twice", "no-replay", "a ticket is looked at and not spent", "replay")
def _() -> None:
    real = calls.rows

    async def lenient(tx: Any, statement: Any, **more: Any) -> Any:
        if isinstance(statement, str) and statement.startswith("DELETE FROM tickets WHERE hash"):
            statement = "SELECT session_id, expires_at FROM tickets WHERE hash = :hash"
        return await real(tx, statement, **more)

    put(calls, "rows", lenient)


@fault("nonce-not-checked", "asked-first", "a ring is answered with any secret, or none", "forge")
def _() -> None:
    handle(
        protocol.Accept,
        lambda accept: (
            lambda hub, me, message: accept(hub, me, with_fields(message, nonce=me.rings.get(message.call, "")))
        ),
    )


@fault("sender-from-the-message", "only-you", "a message may say who sends it, and is believed", "claims")
def _() -> None:
    decode, said = protocol.decode, ContextVar[str]("said", default="")

    def believing(frame: str | bytes) -> Any:
        said.set("")
        try:
            told = json.loads(frame)
            for field in ("from", "sender", "caller", "user", "as", "me"):
                if isinstance(told, dict) and isinstance(told.get(field), str):
                    said.set(told.pop(field))
            frame = json.dumps(told)
        except ValueError:
            pass
        return decode(frame)

    def as_somebody(invite: Any) -> Any:
        def handler(hub: Any, me: Any, message: Any) -> Any:
            return speak(hub, me, message, name) if (name := said.get()) else invite(hub, me, message)

        async def speak(hub: Any, me: Any, message: Any, name: str) -> None:
            async with hub._authority._db.read() as tx:
                found = await rows(
                    tx,
                    "SELECT s.person_id, s.id FROM sessions s JOIN people p ON p.id = s.person_id WHERE s.revoked_at IS NULL AND"
                    " (p.id = :name OR p.name = :name OR p.id = (SELECT other_id FROM sides WHERE ref = :name)) LIMIT 1",
                    name=name,
                )
            if found:
                me.seat = replace(me.seat, person=found[0][0], session=found[0][1])
            work = invite(hub, me, message)
            if work is not None:
                await work

        return handler

    put(protocol, "decode", believing)
    handle(protocol.Invite, as_somebody)


class Everything:
    def __contains__(self, _: object) -> bool:
        return True


@fault(
    "origin-not-checked", "only-you", "any page on the web may speak with a signed-in browser's cookie", "foreign-page"
)
def _() -> None:
    serve = signalling.ws.serve_socket

    @web.middleware
    async def anybody(request: web.Request, handler: Any) -> web.StreamResponse:
        if request.host.lower() not in request.app[keys.SETTINGS].hosts and request.path != "/healthz":
            return problems.problem("bad_host")
        return await handler(request)

    found = tuple(anybody if one is middleware.meant_for_us else one for one in middleware.MIDDLEWARES)
    put(middleware, "MIDDLEWARES", found)
    put(signalling.ws, "serve_socket", lambda request, hub, origins, *door: serve(request, hub, Everything(), *door))


@fault(
    "roster-signature-not-checked", "signed-devices", "a list of devices is kept whoever signed it", "signed-devices"
)
def _() -> None:
    import msgspec

    def read(body: str, kind: type[Any]) -> Any:
        statement = msgspec.json.decode(body, type=rosters._Statement)
        return msgspec.json.decode(statement.m, type=kind)

    async def signs(*_: Any) -> bool:
        return True

    put(rosters, "read", read)
    put(rosters, "_signs", signs)


@fault(
    "joiner-not-announced",
    "no-late-invisible-joiner",
    "whoever comes in third hears and sees, and is not named among those who do",
    "late-joiner",
)
def _() -> None:
    state_for = Hub._state_for

    def only_two(self: Any, live: Any, person: str, sees: Any) -> Any:
        told = state_for(self, live, person, sees)
        refs = {leg.ref for leg in told.legs if leg.index <= 2}
        return with_fields(
            told,
            seen_by=[ref for ref in told.seen_by if ref in refs],
            heard_by=[ref for ref in told.heard_by if ref in refs],
        )

    put(Hub, "_state_for", only_two)
