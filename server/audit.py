"""The audit record: what was asked, of whom, and what the rules answered. Append-only, chained, without a name in it.

Every household has a chain of its own and the platform has one. Each row holds the hash of the row before it and its own hash,
SHA-256 over the canonical row (JSON, keys sorted, no blanks) and that previous hash. Changing, cutting out, inserting or
swapping a row breaks the chain at that place. A cut at the end leaves no broken link, so the head of each chain (how many rows,
and the last hash) is kept beside it and written in the same transaction.

That shows tampering by anybody who does not rewrite the whole rest of the chain and its head. Somebody who may rewrite the
whole database can do that; ``heads()`` is what an operator copies to a place that they cannot reach (a regulator, a printer),
and ``verify()`` takes such a copy and holds the chains against it.

Rows are written in the transaction of the decision. If a row cannot be written the transaction fails, and so does what it
would have allowed: no audit row, no call. People stand in it under pseudonyms that outlive their accounts, so that an account
can be deleted and the chain still holds. This is not logging: no addresses, no SDP, no names, no content.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from sqlalchemy.ext.asyncio import AsyncConnection

from server.db.session import Database, rows, run_all

PLATFORM: Final = "platform"  #: the chain of what concerns no household
_START: Final = bytes(32)
_PAGE: Final = 1_000  # rows held in memory while verifying
_FEW, _HEADS = 8, 128  # chains looked up by one statement: as many as one call has, or many at once


def chain_of(household: str) -> str:
    """The name of a household's chain."""
    return f"h_{household}"


@dataclass(frozen=True, slots=True)
class Entry:
    """One row to be: ``at`` in milliseconds, ``who`` pseudonyms, ``rules`` the ids of all deciding rules."""

    at: int
    question: str
    who: tuple[str, ...]
    verdict: Literal["allow", "deny"]
    rules: tuple[str, ...]
    rulebook: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong with a chain, at the row where it shows. ``what``: altered (the row is not what was hashed),
    missing (rows were cut), out_of_order (the link to the row before is broken), extra (rows that the head does not know)."""

    chain: str
    seq: int
    what: Literal["altered", "missing", "out_of_order", "extra"]


async def append(tx: AsyncConnection, chains: Sequence[str], entry: Entry) -> None:
    """Write ``entry`` to each of ``chains``, inside ``tx``. Raises what the database raises; then nothing was allowed."""
    await append_all(tx, [(chains, entry)])


async def append_all(tx: AsyncConnection, entries: Sequence[tuple[Sequence[str], Entry]]) -> None:
    """:func:`append` for many entries in their order, in as few trips to the database as for one."""
    named = [(sorted(set(chains)) or [PLATFORM], entry) for chains, entry in entries]
    heads = await _heads(tx, sorted({chain for chains, _ in named for chain in chains}))
    moved: dict[str, tuple[int, bytes]] = {}
    new = []
    for chains, entry in named:
        who, rules = json.dumps(entry.who), json.dumps(entry.rules)
        for chain in chains:
            seq, previous = moved.get(chain) or heads.get(chain, (0, _START))
            row = {
                "chain": chain,
                "seq": seq + 1,
                "at": entry.at,
                "question": entry.question,
                "who": who,
                "verdict": entry.verdict,
                "rules": rules,
                "rulebook": entry.rulebook,
            }
            digest = _hash(row, previous)
            moved[chain] = seq + 1, digest
            new.append({**row, "previous": previous, "hash": digest})
    await run_all(
        tx,
        (_INSERT, new),
        (_MOVE_HEAD, [{"chain": chain, "seq": seq, "hash": digest} for chain, (seq, digest) in moved.items()]),
    )


async def heads(tx: AsyncConnection) -> Mapping[str, tuple[int, bytes]]:
    """How many rows each chain has, and its last hash. Copy it to where the operator of this database cannot reach."""
    return {
        chain: (seq, bytes(last)) for chain, seq, last in await rows(tx, "SELECT chain, seq, hash FROM audit_heads")
    }


async def newest(db: Database) -> int:
    """When the newest row was written, in milliseconds; 0 when there is none. Time must not run back behind it."""
    async with db.read() as tx:
        return (await rows(tx, "SELECT COALESCE(MAX(at), 0) FROM audit"))[0][0]  # type: ignore[no-any-return]  # BigInteger


async def verify(db: Database, known: Mapping[str, tuple[int, bytes]] | None = None) -> list[Finding]:
    """Walk every chain from its start. No findings: nothing was altered, cut out, put in or swapped.

    ``known``: heads copied earlier to another place; each must still be found where it was.
    """
    async with db.read() as tx:
        return await _walk(tx, known or {})


async def _walk(tx: AsyncConnection, known: Mapping[str, tuple[int, bytes]]) -> list[Finding]:
    found: list[Finding] = []
    expected = dict(await heads(tx))
    seen: dict[str, tuple[int, bytes]] = {}
    marks = {(chain, seq): last for chain, (seq, last) in known.items()}
    after: tuple[str, int] = ("", 0)
    while page := await rows(tx, _PAGE_OF_ROWS, chain=after[0], seq=after[1], limit=_PAGE):
        for chain, seq, at, question, who, verdict, rules, rulebook, previous, stored in page:
            count, last = seen.get(chain, (0, _START))
            row = {
                "chain": chain,
                "seq": seq,
                "at": at,
                "question": question,
                "who": who,
                "verdict": verdict,
                "rules": rules,
                "rulebook": rulebook,
            }
            if seq != count + 1:
                found.append(Finding(chain, count + 1, "missing"))
            elif bytes(previous) != last:
                found.append(Finding(chain, seq, "out_of_order"))
            if _hash(row, bytes(previous)) != bytes(stored) or marks.pop((chain, seq), stored) != stored:
                found.append(Finding(chain, seq, "altered"))
            seen[chain] = (seq, bytes(stored))
            after = (chain, seq)
    found += [Finding(chain, seq, "missing") for chain, seq in marks]
    found += _ends(seen, expected)
    return found


def _ends(seen: Mapping[str, tuple[int, bytes]], expected: Mapping[str, tuple[int, bytes]]) -> list[Finding]:
    """What the heads know against what is there."""
    found = []
    for chain in sorted(seen.keys() | expected.keys()):
        count, last = seen.get(chain, (0, _START))
        should, head = expected.get(chain, (0, _START))
        if count < should:
            found.append(Finding(chain, count + 1, "missing"))
        elif count > should:
            found.append(Finding(chain, should + 1, "extra"))
        elif last != head:
            found.append(Finding(chain, count, "altered"))
    return found


def _hash(row: Mapping[str, Any], previous: bytes) -> bytes:
    return hashlib.sha256(previous + _CANONICAL(row).encode()).digest()


_CANONICAL: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode


async def _heads(tx: AsyncConnection, chains: Sequence[str]) -> dict[str, tuple[int, bytes]]:
    heads: dict[str, tuple[int, bytes]] = {}
    for first in range(0, len(chains), _HEADS):
        names = {f"c{number}": chain for number, chain in enumerate(chains[first : first + _HEADS])}
        if len(names) > _FEW:
            names |= {f"c{number}": "" for number in range(len(names), _HEADS)}  # always the same statement
        marks = ", ".join(f":{name}" for name in names)
        found = await rows(tx, f"SELECT chain, seq, hash FROM audit_heads WHERE chain IN ({marks})", **names)  # noqa: S608  # only our own :c0, :c1 are put in
        heads |= {chain: (seq, bytes(last)) for chain, seq, last in found}
    return heads


_INSERT: Final = """
INSERT INTO audit (chain, seq, at, question, who, verdict, rules, rulebook, previous, hash)
VALUES (:chain, :seq, :at, :question, :who, :verdict, :rules, :rulebook, :previous, :hash)
"""

_MOVE_HEAD: Final = """
INSERT INTO audit_heads (chain, seq, hash) VALUES (:chain, :seq, :hash)
ON CONFLICT (chain) DO UPDATE SET seq = excluded.seq, hash = excluded.hash
"""

_PAGE_OF_ROWS: Final = """
SELECT chain, seq, at, question, who, verdict, rules, rulebook, previous, hash FROM audit
WHERE chain > :chain OR (chain = :chain AND seq > :seq)
ORDER BY chain, seq LIMIT :limit
"""
