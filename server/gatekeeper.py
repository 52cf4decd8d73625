"""The one door. Nobody else asks the rules, and nothing is allowed that was not asked here.

A question goes in, built from facts. The decision comes out, and its audit row is in the transaction in which it was asked: when
that transaction commits, what it allowed and the record of it become true together. A refusal is returned, not raised; the
caller commits and answers it. If the row cannot be written, the fault goes up and takes with it whatever would have been
allowed.

The rules can be changed while the house is open, and only by changing their files: ``reload`` reads them anew from where
they came. There is no setting that points to others. Rules, bands and countries change together, in the turn of the one writer, so
that no question is built from facts of the one book and decided by the other.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, Literal

from sqlalchemy.ext.asyncio import AsyncConnection

from server import audit
from server.db.session import Database, goes_first
from server.facts import Asked, Event
from server.policy import BrokenRulebook, Decision, Rulebook, Verb, bands, load

log = logging.getLogger(__name__)

RELOAD: Final = (
    "reload_rulebook"  #: in the audit record, beside the verbs; asked of nobody and written down all the same
)


class Gatekeeper:
    """Asks the rules and writes down what they said. Holds no state but the rulebook."""

    def __init__(self, rulebook: Rulebook | None = None) -> None:
        self._reloading = asyncio.Lock()
        self._use(rulebook or load())

    @property
    def rulebook(self) -> Rulebook:
        """The rules that are in force."""
        return self._rulebook

    def _use(self, book: Rulebook) -> None:
        self._rulebook = book
        bands.use(book.bands)

    async def reload(self, db: Database, now: int, load: Callable[[], Rulebook] = load) -> bool:
        """Read the rules anew, and ask these from now on if they hold together; else the old ones stay and the log says what is wrong.
        True if other rules are in force now: then whoever holds a yes of the old ones has to ask again.

        Either way one row goes to the platform's chain. Its ``rules`` are the versions, the old one and (if it loaded) the new one.
        A house without a working rulebook is never the outcome, so no guard turns red: the old rules are still effective."""
        async with self._reloading:
            old = self._rulebook
            try:
                book = await asyncio.to_thread(load)  # an eighth of a second, in which others are not kept waiting
            except Exception as fault:
                told = (
                    str(fault) if isinstance(fault, BrokenRulebook) else f"it cannot be read ({type(fault).__name__})"
                )
                log.error("the rulebook was not reloaded, %s stays in force: %s", old.version, told)
                async with db.begin() as tx:
                    await audit.append(tx, (), _reloaded(now, "deny", (old.version,), old.version))
                return False
            if book.version == old.version:
                log.info("the rulebook is the same as before: %s", old.version)
                return False
            try:
                with goes_first():
                    async with db.begin() as tx:
                        await audit.append(tx, (), _reloaded(now, "allow", (old.version, book.version), book.version))
                        self._use(book)  # within the writer's turn: no question is between its facts and its answer
            except BaseException:
                self._use(old)  # not written down, so not in force
                raise
            log.info("the rulebook was reloaded: %s, before that %s", book.version, old.version)
            return True

    async def ask(self, tx: AsyncConnection, asked: Asked) -> Decision:
        """Decide one question and write one audit row to each chain that it concerns (``chains.py``)."""
        decision = self.rulebook.decide(asked.question)
        entry = self._entry(_as_one(asked.question.verb, (asked,)), (decision,))
        await audit.append_all(tx, _records(asked.chains, entry))
        return decision

    async def ask_all(
        self, tx: AsyncConnection, asked: Sequence[Asked], verb: Verb, *, chains: Sequence[str] = ()
    ) -> Sequence[Decision]:
        """Decide many questions that belong to one event, in their order, and write one audit row per chain for all:
        the chains of all concerned, or only ``chains`` where the event is one person's own.

        The event is allowed when every question with ``verb`` is; the others (what may be seen, what may be heard) are
        its details. Its rules are those that refused, or if none did those that permitted.
        """
        event = _as_one(verb, asked)
        decisions = tuple(map(self.rulebook.decide, event.questions))
        entry = self._entry(event, decisions)
        await audit.append_all(tx, _records(chains or event.chains, entry))
        return decisions

    async def ask_each(self, tx: AsyncConnection, events: Sequence[Event]) -> list[Sequence[Decision]]:
        """:meth:`ask_all` for several events, each with audit rows of its own, all of them written in one go."""
        decided: list[Sequence[Decision]] = [tuple(map(self.rulebook.decide, event.questions)) for event in events]
        entries = [self._entry(event, decisions) for event, decisions in zip(events, decided, strict=True)]
        await audit.append_all(
            tx, [one for event, entry in zip(events, entries, strict=True) for one in _records(event.chains, entry)]
        )
        return decided

    def _entry(self, event: Event, decisions: Sequence[Decision]) -> audit.Entry:
        verb = event.verb
        concerned = [yes.allowed for one, yes in zip(event.questions, decisions, strict=True) if one.verb is verb]
        refused = {rule for decision in decisions if not decision for rule in decision.rules}
        deciding = refused or {rule for decision in decisions for rule in decision.rules} or {"no-permit"}
        return audit.Entry(
            at=event.at,
            question=verb.value,
            who=event.who,
            verdict="allow" if concerned and all(concerned) else "deny",
            rules=tuple(sorted(deciding)),
            rulebook=self.rulebook.version,
        )


#: Rules of the safe harbour. What one of them decided stands in the platform's chain alone: whoever is shown a chain of one of the two
#: learns from it neither that somebody has blocked nor that they were blocked (row 52; GC25 76).
HARBOUR: Final = frozenset({"blocked"})
#: What stands in the chains of the two in its place. A refusal that left no row at all could be told from every other by counting rows.
NOT_TOLD: Final = "not-told"


def _records(chains: Sequence[str], entry: audit.Entry) -> list[tuple[Sequence[str], audit.Entry]]:
    """Which row goes to which chains."""
    if not HARBOUR.intersection(entry.rules):
        return [(chains, entry)]
    others = [chain for chain in chains if chain != audit.PLATFORM]
    blank = replace(entry, who=(), rules=(NOT_TOLD,))
    return [*([(others, blank)] if others else []), ((audit.PLATFORM,), entry)]


def _as_one(verb: Verb, asked: Sequence[Asked]) -> Event:
    who = {pseudonym: None for one in asked for pseudonym in one.who}  # a dict keeps the order: the asker first
    chains = sorted({chain for one in asked for chain in one.chains})
    return Event(
        verb,
        tuple([one.question for one in asked]),
        tuple(who),
        tuple(chains),
        max((one.at for one in asked), default=0),
    )


def _reloaded(now: int, verdict: Literal["allow", "deny"], versions: tuple[str, ...], in_force: str) -> audit.Entry:
    return audit.Entry(at=now, question=RELOAD, who=(), verdict=verdict, rules=versions, rulebook=in_force)
