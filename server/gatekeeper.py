"""The one door. Nobody else asks the rules, and nothing is allowed that was not asked here.

A question goes in, built from facts. The decision comes out, and its audit row is in the transaction in which it was asked: when
that transaction commits, what it allowed and the record of it become true together. A refusal is returned, not raised; the
caller commits and answers it. If the row cannot be written, the fault goes up and takes with it whatever would have been
allowed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from server import audit
from server.facts import Asked
from server.policy import Decision, Rulebook, Verb, load


class Gatekeeper:
    """Asks the rules and writes down what they said. Holds no state but the rulebook."""

    def __init__(self, rulebook: Rulebook | None = None) -> None:
        self.rulebook: Final = rulebook or load()

    async def ask(self, tx: AsyncConnection, asked: Asked) -> Decision:
        """Decide one question and write one audit row to the chain of each household that it concerns."""
        decision = self.rulebook.decide(asked.question)
        await self._write(tx, asked.question.verb, (asked,), (decision,), (), allowed=decision.allowed)
        return decision

    async def ask_all(
        self, tx: AsyncConnection, asked: Sequence[Asked], verb: Verb, *, chains: Sequence[str] = ()
    ) -> Sequence[Decision]:
        """Decide many questions that belong to one event, in their order, and write one audit row per chain for all:
        the chains of all concerned, or only ``chains`` where the event is one household's own.

        The event is allowed when every question with ``verb`` is; the others (what may be seen, what may be heard) are
        its details. Its rules are those that refused, or if none did those that permitted.
        """
        decide = self.rulebook.decide
        decisions = tuple(decide(one.question) for one in asked)
        concerned = [yes.allowed for one, yes in zip(asked, decisions, strict=True) if one.question.verb is verb]
        await self._write(tx, verb, asked, decisions, chains, allowed=bool(concerned) and all(concerned))
        return decisions

    async def _write(
        self,
        tx: AsyncConnection,
        verb: Verb,
        asked: Sequence[Asked],
        decisions: Sequence[Decision],
        chains: Sequence[str],
        *,
        allowed: bool,
    ) -> None:
        refused = {rule for decision in decisions if not decision for rule in decision.rules}
        deciding = refused or {rule for decision in decisions for rule in decision.rules} or {"no-permit"}
        who = {pseudonym: None for one in asked for pseudonym in one.who}  # a dict keeps the order: the asker first
        await audit.append(
            tx,
            chains or sorted({chain for one in asked for chain in one.chains}),
            audit.Entry(
                at=max((one.at for one in asked), default=0),
                question=verb.value,
                who=tuple(who),
                verdict="allow" if allowed else "deny",
                rules=tuple(sorted(deciding)),
                rulebook=self.rulebook.version,
            ),
        )
