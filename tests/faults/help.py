"""Help: open at any hour, private, and leaving as easy as one tap."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from server.api import keys
from server.api.keys import answer
from server.db.session import rows
from server.policy import Rulebook, Verb
from server.policy.facts import Act
from signalling import protocol
from tests.faults.seeding import fault, handle, instead, put


@fault(
    "reports-readable-by-guardian",
    "help-is-private",
    "a guardian's page says how many reports an own child has made",
    "help-private",
)
def _() -> None:
    def counting(handler: Any) -> Any:
        async def page(request: web.Request) -> web.StreamResponse:
            told = await handler(request)
            async with request.app[keys.DB].read() as tx:
                found = await rows(
                    tx,
                    "SELECT count(*) FROM reports r JOIN people p ON p.pseudonym = r.reporter JOIN guardianships g ON g.child_id = p.id"
                    " WHERE g.guardian_id = :me",
                    me=keys.signed_in(request).person,
                )
            return answer({"family": json.loads(told.body), "reports": found[0][0]})

        return page

    instead("/api/family", counting)


@fault(
    "childs-acts-in-the-familys-record",
    "help-is-private",
    "what a child does leaves a row in the chain that the family is given",
    "help-private",
)
def _() -> None:
    from server import chains

    concerning = chains.concerning

    def careless(verb: Any, grown_up: str, people: Any) -> tuple[str, ...]:
        there = list(people)
        return tuple(dict.fromkeys([*concerning(verb, grown_up, there), *(household for _, household in there)]))

    put(chains, "concerning", careless)


@fault(
    "help-closed-in-quiet-hours",
    "help-always-open",
    "telling us, blocking and Help are refused in quiet hours",
    "help-open",
)
def _() -> None:
    decide = Rulebook.decide

    def strict(self: Any, question: Any) -> Any:
        if question.verb in (Verb.HELP, Verb.REPORT, Verb.BLOCK, Verb.LEAVE) and not question.x.open_hours:
            return decide(self, Act(Verb.RECORD, question.x, question.matter))
        return decide(self, question)

    put(Rulebook, "decide", strict)


@fault("leave-asks-first", "leave-is-one-tap", "a child may leave a call only when the others have left", "leave")
def _() -> None:
    def refusing(leave: Any) -> Any:
        def handler(hub: Any, me: Any, message: Any) -> None:
            live = hub._calls.get(message.call)
            if live is not None and len(live.call.live()) > 1:
                return hub._err(me, message.id, "not_permitted")
            return leave(hub, me, message)

        return handler

    handle(protocol.Leave, refusing)
