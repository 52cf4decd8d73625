"""The record: that it is complete, whole, signed and without names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from server import audit
from server.db.session import rows
from tests.faults.seeding import fault, put


@fault("audit-row-not-written", "one-door", "a ring is decided and leaves no row", "record-complete")
def _() -> None:
    append_all = audit.append_all

    async def forgetful(tx: Any, entries: Sequence[tuple[Sequence[str], Any]]) -> None:
        await append_all(tx, [(chains, entry) for chains, entry in entries if entry.question != "ring"])

    put(audit, "append_all", forgetful)


@fault(
    "audit-hash-skipped",
    "record-is-tamper-evident",
    "a row of the record does not commit to the one before",
    "record-whole",
)
def _() -> None:
    put(audit, "hash_of", lambda previous, digest: audit._sha(digest))


@fault(
    "names-in-the-record", "no-names-in-records", "the record holds names where pseudonyms should be", "record-names"
)
def _() -> None:
    append_all = audit.append_all

    async def naming(tx: Any, entries: Sequence[tuple[Sequence[str], Any]]) -> None:
        told = []
        for chains, entry in entries:
            names = []
            for one in entry.who:
                found = await rows(tx, "SELECT name FROM people WHERE pseudonym = :one", one=one)
                names.append(found[0][0] if found else one)
            told.append((chains, replace(entry, who=tuple(names))))
        await append_all(tx, told)

    put(audit, "append_all", naming)


@fault(
    "checkpoint-unsigned",
    "record-is-tamper-evident",
    "the statement about all chains carries a signature of something else",
    "record-whole",
)
def _() -> None:
    from server import checkpoints, notes

    signed = notes.signed

    def careless(text: str, *signers: Any) -> bytes:
        other = f"x{text}"
        return signed(other, *signers).replace(other.encode(), text.encode(), 1)

    class Careless:
        signed = staticmethod(careless)

        def __getattr__(self, name: str) -> Any:
            return getattr(notes, name)

    put(checkpoints, "notes", Careless())
