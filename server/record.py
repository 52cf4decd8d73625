"""Who is shown what of the record, and checking all of it where it is kept.

A *family export* is a household's own chain: what its grown-ups did for the family (``chains.py``), each row open, but for whom it is
about: a pseudonym is the same in every family's chain, so nobody is given one. A row is closed only where the grown-up who did it is
no longer of this household, or where it was written before everybody had a chain of their own: its digest is there, so that the chain
can be checked. A child's day is the child's own: nothing of it is in this chain, nor in anything else that a family is given, not even
that there is something (row 52; what a parent may see of calls is the history, for 30 days).

A *blind export* is all chains with nothing in them but digests and hours, and the whole log with every checkpoint: an inspector checks
that nothing was altered, cut, swapped, forked or back-dated, and reads no row of anybody. Only the rows of the chain apart are open in
it: they say where other chains end, as the log does.

A *proof* is one row, or the rows from it to the next checkpoint, closed, with what shows that the newest checkpoint covers them.

Each is lines of JSON (``docs/reference/record-export.schema.json``); ``record_check.py`` reads them, and so do two other programs.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from server import audit, chains, checkpoints, facts, record_keys
from server.accounts import SignedIn
from server.audit import APART, HOUR, SALT, START, Row
from server.chains import SHOWN
from server.checkpoints import Head
from server.db.session import Database, rows
from server.gatekeeper import Gatekeeper
from server.notes import NotANote, Verifier, opened
from server.policy import Decision, Verb
from server.record_check import FORMAT, Check, Finding, Looked

PAGE: Final = 1_000  #: rows that one answer to a family holds; some hundred kilobytes
MOST_DIGITS: Final = 9  #: of a number that somebody asks with; no chain and no log is longer


# -- a family's own -------------------------------------------------------------------------------------------------------------


async def may_look(db: Database, keeper: Gatekeeper, me: SignedIn, *, now: int) -> Decision:
    """Whether I may see my own household's chain. It is the page of a family as any other."""
    async with db.begin() as tx:
        return await keeper.ask(tx, await facts.act(tx, Verb.LOOK_AT_FAMILY, me.person, now=now, by=me.session or None))


async def page(db: Database, household: str, *, after: int = 0, since: int | None = None) -> str:
    """One page of a household's own chain behind row ``after``. ``since``: how long the log was when the reader last looked. It is a
    ``proof`` where it does not begin at the start or does not reach the end."""
    chain = chains.of_household(household)
    async with db.read() as tx:
        seq, _ = await _signed_head(tx, chain)
        kind = "family" if after == 0 and seq <= PAGE else "proof"
        who = await _grown_ups(tx, household)
        lines = _one_chain(tx, kind, chain, after=min(after, seq), most=PAGE, since=since, open_to=who)
        return "".join([line async for line in lines])


async def prove(tx: AsyncConnection, chain: str, seq: int | None) -> AsyncIterator[str]:
    """That row ``seq`` (default: the last that can be proved) stands under the newest checkpoint: its own digest and those up to the
    checkpoint's. Nothing where it does not."""
    told = None if chains.is_familys(chain) or chain == APART else await _told_apart(tx, chain)
    end = told[1].seq if told else (await _signed_head(tx, chain))[0]
    first = seq if seq is not None else end
    if not 1 <= first <= end:
        return
    if told is None:
        async for line in _one_chain(tx, "proof", chain, after=first - 1, most=end, since=None, open_to=()):
            yield line
        return
    number, head = told
    count = Lines()
    async for it in _before_rows(tx, "proof", APART, since=()):
        yield count(it)
    async for it in _rows_of(tx, APART, number - 1, await _signed_head(tx, APART), lambda row: row.seq == number):
        yield count(it)
    async for it in _rows_of(tx, chain, first - 1, (head.seq, head.hash), lambda row: False):
        yield count(it)
    yield count.end()


async def _told_apart(tx: AsyncConnection, chain: str) -> tuple[int, Head] | None:
    """The newest row of the chain apart that tells where this chain ends. All of it is looked through: this is asked for by hand."""
    found = None
    async for row in audit.every_row(tx, APART):
        head = checkpoints.told(row.rules)
        if head is not None and head.chain == chain:
            found = row.seq, head
    return found


async def family_file(db: Database, household: str, *, since: Collection[int] = ()) -> AsyncIterator[str]:
    """All lines of a household's own export, a page of rows at a time: nobody who reads slowly holds the database. ``since``: how long
    the log was in checkpoints that the reader has kept; for each there is the proof that today's log goes on from it."""
    chain = chains.of_household(household)
    count = Lines()
    async with db.read() as tx:
        grown_ups = await _grown_ups(tx, household)
        head = await _signed_head(tx, chain)
        first = [count(one) async for one in _before_rows(tx, "family", chain, since=since)]
    for line in first:
        yield line
    yield count({"is": "chain", "chain": chain, "after": 0, "hash": START.hex()})
    last = 0
    while last < head[0]:
        async with db.read() as tx:
            page = [row async for row in audit.every_row(tx, chain, last, min(PAGE, head[0] - last))]
        if not page:
            break  # they were cut; the head says how many there were
        for row in page:
            yield count(open_row(row) if _is_open(row, grown_ups) else closed_row(row))
        last = page[-1].seq
    yield count({"is": "head", "seq": head[0], "hash": head[1].hex()})
    yield count.end()


async def _one_chain(
    tx: AsyncConnection,
    kind: str,
    chain: str,
    *,
    after: int,
    most: int,
    since: int | None,
    open_to: Collection[str],
) -> AsyncIterator[str]:
    count = Lines()
    async for line in _before_rows(tx, kind, chain, since=() if since is None else (since,)):
        yield count(line)
    head = await _signed_head(tx, chain)
    async for line in _rows_of(tx, chain, after, head, lambda row: _is_open(row, open_to), most):
        yield count(line)
    yield count.end()


async def _rows_of(
    tx: AsyncConnection,
    chain: str,
    after: int,
    head: tuple[int, bytes],
    is_open: Callable[[Row], bool],
    most: int | None = None,
) -> AsyncIterator[Mapping[str, Any]]:
    """The rows of a chain behind row ``after`` to its signed head, ``most`` of them."""
    before = START
    if after:
        found = await rows(tx, "SELECT hash FROM audit WHERE chain = :chain AND seq = :seq", chain=chain, seq=after)
        before = bytes(found[0][0]) if found else START
    yield {"is": "chain", "chain": chain, "after": after, "hash": before.hex()}
    last = after
    seq, stored = head
    left = max(0, seq - after)
    async for row in audit.every_row(tx, chain, after, left if most is None else min(most, left)):
        yield open_row(row) if is_open(row) else closed_row(row)
        last = row.seq
    yield {"is": "more"} if most is not None and last < seq else {"is": "head", "seq": seq, "hash": stored.hex()}


async def _before_rows(
    tx: AsyncConnection, kind: str, chain: str, *, since: Collection[int]
) -> AsyncIterator[Mapping[str, Any]]:
    """What this is, who signed, and what shows that the chain stands under the newest checkpoint."""
    note = await checkpoints.newest(tx)
    size = await checkpoints.size_of(tx)
    yield header(kind, note)
    for one in await record_keys.keys(tx):
        yield key_line(one)
    if note is not None:
        yield {"is": "checkpoint", "note": note}
    stamped = await checkpoints.inclusion(tx, chain, size)
    if stamped is not None:
        path = [one.hex() for one in stamped.path]
        yield {"is": "proof", "index": stamped.index, **head_line(stamped.head), "size": size, "path": path}
    for first in sorted(set(since)):
        if 0 < first < size:
            path = [one.hex() for one in await checkpoints.consistency(tx, first, size)]
            yield {"is": "consistency", "from": first, "size": size, "path": path}


async def _signed_head(tx: AsyncConnection, chain: str) -> tuple[int, bytes]:
    """As far as the newest checkpoint knows this chain. Nobody is told more of one chain: how it grows from minute to minute
    would say when a child is here."""
    stamped = await checkpoints.inclusion(tx, chain, await checkpoints.size_of(tx))
    return (stamped.head.seq, stamped.head.hash) if stamped else (0, START)


async def _grown_ups(tx: AsyncConnection, household: str) -> frozenset[str]:
    return frozenset([one for (one,) in await rows(tx, _GROWN_UPS, household=household)])


# -- an inspector's ---------------------------------------------------------------------------------------------------------------


async def blind_export(db: Database) -> AsyncIterator[str]:
    """The lines of the blind export: every chain, the whole log, every checkpoint, and no row of anybody."""
    async with db.read() as tx:
        count = Lines()
        yield count(header("blind", await checkpoints.newest(tx)))
        for one in await record_keys.keys(tx):
            yield count(key_line(one))
        for note in await checkpoints.every(tx):
            yield count({"is": "checkpoint", "note": note})
        async for index, head in _log(tx):
            yield count({"is": "entry", "index": index, **head_line(head)})
        heads = dict(await audit.heads(tx))
        at: str | None = None
        async for row in _every_row(tx):
            if row.chain != at:
                if at is not None:
                    yield count(_end_of(heads, at))
                at = row.chain
                yield count({"is": "chain", "chain": at, "after": 0, "hash": START.hex()})
            yield count(open_row(row) if at == APART else blind_row(row))
        if at is not None:
            yield count(_end_of(heads, at))
        for chain in sorted(heads):  # a head without a row
            yield count({"is": "chain", "chain": chain, "after": 0, "hash": START.hex()})
            yield count(_end_of(heads, chain, keep=True))
        yield count.end()


async def overview(db: Database, kept: Sequence[str] = ()) -> Mapping[str, Any]:
    """What an inspector's page shows of the record: checkpoints, keys, how many chains, and what a check of all of it finds now, held
    against checkpoints that were ``kept`` elsewhere."""
    looked, found = await check(db, kept=kept)
    async with db.read() as tx:
        keys = await record_keys.keys(tx)
        known = [one for one in record_keys.follow(keys)[0] if one is not None]
        signed = []
        for note in await checkpoints.every(tx):
            try:
                said = checkpoints.read(opened(note.encode(), *known)[0])
            except NotANote:
                said = None
            told = {"at": said.at, "size": said.size, "root": said.root.hex()} if said else {}
            signed.append({**told, "note": note})
    return {
        "chains": looked.chains,
        "rows": looked.rows,
        "entries": looked.entries,
        "covered": looked.covered,
        "checkpoints": signed,
        "keys": [{"key": one.line, "since": one.since} for one in keys],
        "whole": not found,
        "findings": [{"where": one.where, "number": one.number, "what": one.what} for one in found],
    }


# -- where it is kept ---------------------------------------------------------------------------------------------------------------


async def check(
    db: Database, *, trusted: Verifier | None = None, kept: Sequence[str] = ()
) -> tuple[Looked, list[Finding]]:
    """Check everything: rows, heads, log, checkpoints, keys."""
    look = Check(trusted, kept)
    async with db.read() as tx:
        for one in await record_keys.keys(tx):
            look.key(one.line, one.since, one.hand_over)
        for note in await checkpoints.every(tx):
            look.checkpoint(note)
        async for index, head in _log(tx):
            look.entry(index, head)
        heads = dict(await audit.heads(tx))
        at: str | None = None
        async for row in _every_row(tx):
            if row.chain != at:
                if at is not None:
                    look.head(*heads.pop(at, (0, START)))
                at = row.chain
                look.chain(at)
            told = checkpoints.told(row.rules) if at == APART else None
            look.row(row.seq, (row.at, row.at), row.digest, row.previous, row.hash, told)
        if at is not None:
            look.head(*heads.pop(at, (0, START)))
        for chain in sorted(heads):
            look.chain(chain)
            look.head(*heads[chain])
    return look.looked, look.done()


async def _every_row(tx: AsyncConnection) -> AsyncIterator[Row]:
    """All rows by chain and number; those of the chain apart first, since they say where others end."""
    async for row in audit.every_row(tx, APART):
        yield row
    async for row in audit.every_row(tx):
        if row.chain != APART:
            yield row


# -- lines --------------------------------------------------------------------------------------------------------------------------


class Lines:
    """Writes one line and counts it: the last line says how many there are."""

    def __init__(self) -> None:
        self._lines = 0

    def __call__(self, it: Mapping[str, Any]) -> str:
        self._lines += 1
        return _AS_TEXT(it) + "\n"

    def end(self) -> str:
        return self({"is": "end", "lines": self._lines + 1})


_AS_TEXT: Final = json.JSONEncoder(separators=(",", ":"), ensure_ascii=True).encode


def header(kind: str, note: str | None) -> Mapping[str, Any]:
    return {"is": "record", "format": FORMAT, "kind": kind, "origin": note.partition("\n")[0] if note else ""}


def key_line(key: record_keys.Key) -> Mapping[str, Any]:
    return {"is": "key", "key": key.line, "since": key.since, "hand_over": key.hand_over}


def head_line(head: Head) -> Mapping[str, Any]:
    return {"chain": head.chain, "seq": head.seq, "hash": head.hash.hex()}


def _links(row: Row) -> Mapping[str, Any]:
    return {"is": "row", "seq": row.seq, "previous": row.previous.hex(), "hash": row.hash.hex()}


def open_row(row: Row) -> Mapping[str, Any]:
    return {
        **_links(row),
        "at": row.at,
        "time": row.time_salt.hex(),
        "question": row.question,
        "verdict": row.verdict,
        "rules": row.rules,
        "rulebook": row.rulebook,
        "salt": row.salts[0].hex(),
        "people": row.people.hex(),
    }


def closed_row(row: Row) -> Mapping[str, Any]:
    return {**_links(row), "digest": row.digest.hex()}


def blind_row(row: Row) -> Mapping[str, Any]:
    """With the hour; one of before, which has none of its own, with its time."""
    salt, rest = row.time_salt, row.rest.hex()
    if len(salt) == SALT:
        return {**_links(row), "at": row.at, "time": salt.hex(), "rest": rest}
    moment = audit.moment_of(salt[SALT:], row.at).hex()
    return {**_links(row), "hour": row.at // HOUR, "time": salt[:SALT].hex(), "moment": moment, "rest": rest}


def _is_open(row: Row, grown_ups: Collection[str]) -> bool:
    """Whether a grown-up of this household did this: who asked stands first."""
    if not grown_ups or row.question not in SHOWN:
        return False
    try:
        who = json.loads(row.who)
    except ValueError:
        return False
    return isinstance(who, list) and bool(who) and who[0] in grown_ups


def _end_of(heads: dict[str, tuple[int, bytes]], chain: str, *, keep: bool = False) -> Mapping[str, Any]:
    seq, last = heads.get(chain, (0, START)) if keep else heads.pop(chain, (0, START))
    return {"is": "head", "seq": seq, "hash": last.hex()}


async def _log(tx: AsyncConnection) -> AsyncIterator[tuple[int, Head]]:
    after = -1
    while page := await rows(tx, _PAGE_OF_LOG, after=after, limit=PAGE):
        for index, chain, seq, last in page:
            yield index, Head(audit.as_text(chain), audit.as_number(seq), audit.as_bytes(last))
        after = page[-1][0]


_PAGE_OF_LOG: Final = "SELECT idx, chain, seq, hash FROM record_log WHERE idx > :after ORDER BY idx LIMIT :limit"
_GROWN_UPS: Final = "SELECT pseudonym FROM people WHERE household_id = :household AND kind <> 'child'"
