"""The audit record: what was asked, of whom, and what the rules answered. Append-only, chained, without a name in it.

Every household has a chain, every person has one of their own, and the platform has one (``chains.py`` says which row stands where). A
row can be checked by three who may see three things of it:

    moment = SHA-256(second 16 bytes of the salt || at)
    stamp  = SHA-256(SHA-256(first 16 || hour) || moment)     the hour is at // 3,600,000
    body   = SHA-256(next 16 || canonical row)      JSON, keys sorted, no blanks; without the time and without the people
    people = SHA-256(last 16 || who)
    digest = SHA-256(stamp || SHA-256(body || people))
    hash   = SHA-256(previous hash || digest)

Whoever has only the digests checks that the chain is whole and learns nothing of what is in it: the salt is random, so nothing can
be guessed. Whoever is given a part of the salt checks that part and no other. So a family sees what its grown-ups did and no pseudonym
of anybody, and an inspector sees in which hour every row of every chain was written and reads none of them: exact times would be
the same in the chains of two who talk with each other (``record.py`` writes both; ``docs/reference/record.md`` is the format).

Rows of before have a salt of 48 bytes and ``stamp = SHA-256(first 16 || at)``. They stay as they were hashed.

Changing, cutting out, inserting or swapping a row breaks the chain at that place. A cut at the end leaves no broken link, so the
head of each chain (how many rows, and the last hash) is kept beside it and written in the same transaction. Somebody who may
rewrite the whole database can make a chain and its head anew; what shows that is a signed statement about all heads that
left this machine before (``checkpoints.py``). ``verify()`` looks at the chains; ``record.py`` looks at everything together.

Rows are written in the transaction of the decision. If a row cannot be written the transaction fails, and so does what it
would have allowed: no audit row, no call. People stand in it under pseudonyms that outlive their accounts, so that an account
can be deleted and the chain still holds. This is not logging: no addresses, no SDP, no names, no content.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from sqlalchemy.ext.asyncio import AsyncConnection

from server.db.session import Database, rows, run_all

PLATFORM: Final = "platform"  #: the chain of what concerns no household
APART: Final = "apart"  #: the chain in which checkpoints write where the chains end that no family is shown
START: Final = bytes(32)  #: the hash before the first row
SALT: Final = 16  #: bytes for each of the four parts; as many as nobody tries through
HOUR: Final = 3_600_000  #: milliseconds; what is told of a time to whoever may not know it
_PAGE: Final = 1_000  # rows held in memory while verifying
_FEW, _HEADS = 8, 128  # chains looked up by one statement: as many as one call has, or many at once


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
class Row:
    """One row as it is stored. ``who`` and ``rules`` are the texts that were hashed, not what they say."""

    chain: str
    seq: int
    at: int
    question: str
    who: str
    verdict: str
    rules: str
    rulebook: str
    previous: bytes
    hash: bytes
    salt: bytes

    @property
    def time_salt(self) -> bytes:
        """Opens the time: 32 bytes, those of the hour first; of a row of before 16, and it has no hour of its own."""
        return self.salt[: -2 * SALT]

    @property
    def salts(self) -> tuple[bytes, bytes]:
        """Of the body, of the people."""
        return self.salt[-2 * SALT : -SALT], self.salt[-SALT:]

    @property
    def people(self) -> bytes:
        """Commits to who it was about."""
        return _sha(self.salts[1] + str(self.who).encode())

    @property
    def rest(self) -> bytes:
        """Commits to everything but the time."""
        body = body_of(self.salts[0], self.chain, self.seq, self.question, self.verdict, self.rules, self.rulebook)
        return rest_of(body, self.people)

    @property
    def digest(self) -> bytes:
        """Commits to the row, and says nothing about it to whoever has not its salt."""
        return digest_of(stamp_of(self.time_salt, self.at), self.rest)


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
    heads = await heads_of(tx, sorted({chain for chains, _ in named for chain in chains}))
    moved: dict[str, tuple[int, bytes]] = {}
    new = []
    for chains, entry in named:
        who, rules = json.dumps(entry.who), json.dumps(entry.rules)
        for chain in chains:
            seq, previous = moved.get(chain) or heads.get(chain, (0, START))
            salt = os.urandom(
                4 * SALT
            )  # anew for each chain: what one family knows of its row opens nothing of the other's
            body = body_of(
                salt[2 * SALT : 3 * SALT], chain, seq + 1, entry.question, entry.verdict, rules, entry.rulebook
            )
            people = _sha(salt[3 * SALT :] + who.encode())
            last = hash_of(previous, digest_of(stamp_of(salt[: 2 * SALT], entry.at), rest_of(body, people)))
            moved[chain] = seq + 1, last
            new.append(
                {
                    "chain": chain,
                    "seq": seq + 1,
                    "at": entry.at,
                    "question": entry.question,
                    "who": who,
                    "verdict": entry.verdict,
                    "rules": rules,
                    "rulebook": entry.rulebook,
                    "previous": previous,
                    "hash": last,
                    "salt": salt,
                }
            )
    await run_all(
        tx,
        (_INSERT, new),
        (_MOVE_HEAD, [{"chain": chain, "seq": seq, "hash": last} for chain, (seq, last) in moved.items()]),
    )


def body_of(salt: bytes, chain: str, seq: int, question: str, verdict: str, rules: str, rulebook: str) -> bytes:
    row = {
        "chain": chain,
        "seq": seq,
        "question": question,
        "verdict": verdict,
        "rules": rules,
        "rulebook": rulebook,
    }
    return _sha(salt + _CANONICAL(row).encode())


def rest_of(body: bytes, people: bytes) -> bytes:
    return _sha(body + people)


def stamp_of(salt: bytes, at: int) -> bytes:
    """Commits to the time; and, but in a row of before, to its hour apart from it."""
    if len(salt) == SALT:
        return _sha(salt + str(at).encode())
    return hour_stamp_of(salt[:SALT], at // HOUR, moment_of(salt[SALT:], at))


def moment_of(salt: bytes, at: int) -> bytes:
    return _sha(salt + str(at).encode())


def hour_stamp_of(salt: bytes, hour: int, moment: bytes) -> bytes:
    """:func:`stamp_of` for whoever is given the hour and not the moment in it."""
    return _sha(_sha(salt + str(hour).encode()) + moment)


def digest_of(stamp: bytes, rest: bytes) -> bytes:
    return _sha(stamp + rest)


def hash_of(previous: bytes, digest: bytes) -> bytes:
    return _sha(previous + digest)


async def heads(tx: AsyncConnection) -> Mapping[str, tuple[int, bytes]]:
    """How many rows each chain has, and its last hash. Copy it to where the operator of this database cannot reach."""
    return {
        as_text(chain): (as_number(seq), as_bytes(last))
        for chain, seq, last in await rows(tx, "SELECT chain, seq, hash FROM audit_heads")
    }


async def newest(db: Database) -> int:
    """When the newest row was written, in milliseconds; 0 when there is none. Time must not run back behind it."""
    async with db.read() as tx:
        return as_number((await rows(tx, "SELECT COALESCE(MAX(at), 0) FROM audit"))[0][0])


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
    async for row in every_row(tx):
        count, last = seen.get(row.chain, (0, START))
        if row.seq != count + 1:
            found.append(Finding(row.chain, count + 1, "missing"))
        elif row.previous != last:
            found.append(Finding(row.chain, row.seq, "out_of_order"))
        if hash_of(row.previous, row.digest) != row.hash or marks.pop((row.chain, row.seq), row.hash) != row.hash:
            found.append(Finding(row.chain, row.seq, "altered"))
        seen[row.chain] = (row.seq, row.hash)
    found += [Finding(chain, seq, "missing") for chain, seq in marks]
    found += _ends(seen, expected)
    return found


async def every_row(
    tx: AsyncConnection, chain: str | None = None, after: int = 0, most: int | None = None
) -> AsyncIterator[Row]:
    """All rows by chain and number, a page at a time; or those of one chain, after a number, so many at most."""
    place = (chain or "", after)
    left = most if most is not None else -1
    statement = _PAGE_OF_ROWS if chain is None else _PAGE_OF_CHAIN
    while left and (
        page := await rows(tx, statement, chain=place[0], seq=place[1], limit=_PAGE if left < 0 else min(left, _PAGE))
    ):
        for one in page:
            yield row_of(one)
        place = page[-1][0], page[-1][1]
        left -= len(page) if left > 0 else 0


def row_of(stored: Sequence[Any]) -> Row:
    """A row of the table as a value. Whoever tampers may have put anything anywhere: it is no reason to stop looking."""
    chain, seq, at, *texts, previous, last, salt = stored
    question, who, verdict, rules, rulebook = map(as_text, texts)
    hashes = as_bytes(previous), as_bytes(last), as_bytes(salt)
    return Row(as_text(chain), as_number(seq), as_number(at), question, who, verdict, rules, rulebook, *hashes)


def as_text(stored: Any) -> str:
    """What should be a text; something that was never written for what is none."""
    return stored if isinstance(stored, str) else repr(stored)


def as_number(stored: Any) -> int:
    """What should be a number; one that was never written for what is none."""
    return stored if isinstance(stored, int) else -1


def as_bytes(stored: Any) -> bytes:
    """What should be bytes."""
    return str(stored).encode() if isinstance(stored, str | int | float | None) else bytes(stored)


def _ends(seen: Mapping[str, tuple[int, bytes]], expected: Mapping[str, tuple[int, bytes]]) -> list[Finding]:
    """What the heads know against what is there."""
    found = []
    for chain in sorted(seen.keys() | expected.keys()):
        count, last = seen.get(chain, (0, START))
        should, head = expected.get(chain, (0, START))
        if count < should:
            found.append(Finding(chain, count + 1, "missing"))
        elif count > should:
            found.append(Finding(chain, should + 1, "extra"))
        elif last != head:
            found.append(Finding(chain, count, "altered"))
    return found


def _sha(raw: bytes) -> bytes:
    return hashlib.sha256(raw).digest()


_CANONICAL: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode


async def heads_of(tx: AsyncConnection, chains: Sequence[str]) -> dict[str, tuple[int, bytes]]:
    """The heads of these chains only."""
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
INSERT INTO audit (chain, seq, at, question, who, verdict, rules, rulebook, previous, hash, salt)
VALUES (:chain, :seq, :at, :question, :who, :verdict, :rules, :rulebook, :previous, :hash, :salt)
"""

_MOVE_HEAD: Final = """
INSERT INTO audit_heads (chain, seq, hash) VALUES (:chain, :seq, :hash)
ON CONFLICT (chain) DO UPDATE SET seq = excluded.seq, hash = excluded.hash
"""

_COLUMNS: Final = "chain, seq, at, question, who, verdict, rules, rulebook, previous, hash, salt"

_PAGE_OF_ROWS: Final = f"""
SELECT {_COLUMNS} FROM audit
WHERE chain > :chain OR (chain = :chain AND seq > :seq)
ORDER BY chain, seq LIMIT :limit
"""  # noqa: S608  # our own column names are put in

_PAGE_OF_CHAIN: Final = f"""
SELECT {_COLUMNS} FROM audit WHERE chain = :chain AND seq > :seq ORDER BY seq LIMIT :limit
"""  # noqa: S608  # our own column names are put in
