"""Who is shown what of the record, and checking all of it where it is kept.

A *family export* is a household's own chain. Rows about what a grown-up of the household did are open, but for whom they are about:
a pseudonym is the same in every family's chain, so nobody is given one. Every other row is closed: only
its digest is there, so that the chain can be checked and says nothing. A child's day is the child's own: when they came, whom
they rang, what they looked at or tried stands in the record for an inspection, and no grown-up's page shows it (row 52; what a
parent may see of calls is the history, for 30 days). Help, reports and blocks are not even there: they are in the platform's chain.

A *blind export* is all chains with nothing in them but digests and times, and the whole log with every checkpoint: an inspector checks
that nothing was altered, cut, swapped, forked or back-dated, and reads no row of anybody.

A *proof* is one row, or the rows from it to the next checkpoint, closed, with what shows that the newest checkpoint covers them.

Each is lines of JSON (``docs/reference/record-export.schema.json``); ``record_check.py`` reads them, and so do two other programs.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from server import audit, checkpoints, facts, record_keys
from server.accounts import SignedIn
from server.audit import START, Row
from server.checkpoints import Head
from server.db.session import Database, rows
from server.gatekeeper import Gatekeeper
from server.notes import NotANote, Verifier, opened
from server.policy import Decision, Verb
from server.record_check import FORMAT, Check, Finding, Looked

PAGE: Final = 1_000  #: rows that one answer to a family holds; some hundred kilobytes
MOST_DIGITS: Final = 9  #: of a number that somebody asks with; no chain and no log is longer

#: What a grown-up does in the family's name, and is shown in full when it was a grown-up of this household who did it. Closed list: a
#: verb that is not here is closed. What somebody looked at is not here: nobody is shown what another one reads.
SHOWN: Final = frozenset(
    {
        Verb.ADD_CHILD, Verb.CHANGE_HOUSEHOLD, Verb.ACCEPT_LINK, Verb.DECIDE, Verb.DECLINE, Verb.END_CONTACT, Verb.ALLOW_MEDIA,
        Verb.SIGN_ROSTER, Verb.KNOW_KEY, Verb.NAME_CONTACT, Verb.VOUCH, Verb.COMPARE_PICTURES, Verb.SAY_PICTURES_DIFFER,
        Verb.CHANGE_AGE_GROUP, Verb.CHANGE_LIMIT, Verb.SWITCH_STAGE, Verb.CHANGE_SUPERVISION, Verb.ALLOW_THIS_CALL, Verb.BE_PRESENT,
        Verb.STOP_BEING_PRESENT, Verb.MAKE_LINK, Verb.ACCEPT_LINK_FOR_CHILD, Verb.PAIR_DEVICE, Verb.UNPAIR_DEVICE,
        Verb.WITHDRAW_CONSENT, Verb.REVOKE_SESSION, Verb.END_CALL,
    }
)  # fmt: skip


# -- a family's own -------------------------------------------------------------------------------------------------------------


async def may_look(db: Database, keeper: Gatekeeper, me: SignedIn, *, now: int) -> Decision:
    """Whether I may see my own household's chain. It is the page of a family as any other."""
    async with db.begin() as tx:
        return await keeper.ask(tx, await facts.act(tx, Verb.LOOK_AT_FAMILY, me.person, now=now, by=me.session or None))


async def page(db: Database, household: str, *, after: int = 0, since: int | None = None) -> str:
    """One page of a household's own chain behind row ``after``. ``since``: how long the log was when the reader last looked. It is a
    ``proof`` where it does not begin at the start or does not reach the end."""
    chain = audit.chain_of(household)
    async with db.read() as tx:
        seq, _ = await _signed_head(tx, chain)
        kind = "family" if after == 0 and seq <= PAGE else "proof"
        who = await _grown_ups(tx, household)
        lines = _one_chain(tx, kind, chain, after=min(after, seq), most=PAGE, since=since, open_to=who)
        return "".join([line async for line in lines])


async def prove(tx: AsyncConnection, chain: str, seq: int | None) -> AsyncIterator[str]:
    """That row ``seq`` (default: the last that can be proved) stands under the newest checkpoint: its own digest and those up to the
    checkpoint's. Nothing where it does not."""
    end, _ = await _signed_head(tx, chain)
    first = seq if seq is not None else end
    if not 1 <= first <= end:
        return
    async for line in _one_chain(tx, "proof", chain, after=first - 1, most=end, since=None, open_to=()):
        yield line


async def family_file(db: Database, household: str, *, since: Collection[int] = ()) -> AsyncIterator[str]:
    """All lines of a household's own export, a page of rows at a time: nobody who reads slowly holds the database. ``since``: how long
    the log was in checkpoints that the reader has kept; for each there is the proof that today's log goes on from it."""
    chain = audit.chain_of(household)
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
    before = START
    if after:
        found = await rows(tx, "SELECT hash FROM audit WHERE chain = :chain AND seq = :seq", chain=chain, seq=after)
        before = bytes(found[0][0]) if found else START
    yield count({"is": "chain", "chain": chain, "after": after, "hash": before.hex()})
    last = after
    seq, stored = await _signed_head(tx, chain)
    async for row in audit.every_row(tx, chain, after, min(most, seq - after)):
        yield count(open_row(row) if _is_open(row, open_to) else closed_row(row))
        last = row.seq
    yield count({"is": "more"} if last < seq else {"is": "head", "seq": seq, "hash": stored.hex()})
    yield count.end()


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
        async for row in audit.every_row(tx):
            if row.chain != at:
                if at is not None:
                    yield count(_end_of(heads, at))
                at = row.chain
                yield count({"is": "chain", "chain": at, "after": 0, "hash": START.hex()})
            yield count(blind_row(row))
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
        async for row in audit.every_row(tx):
            if row.chain != at:
                if at is not None:
                    look.head(*heads.pop(at, (0, START)))
                at = row.chain
                look.chain(at)
            look.row(row.seq, row.at, row.digest, row.previous, row.hash)
        if at is not None:
            look.head(*heads.pop(at, (0, START)))
        for chain in sorted(heads):
            look.chain(chain)
            look.head(*heads[chain])
    return look.looked, look.done()


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
        "time": row.salts[0].hex(),
        "question": row.question,
        "verdict": row.verdict,
        "rules": row.rules,
        "rulebook": row.rulebook,
        "salt": row.salts[1].hex(),
        "people": row.people.hex(),
    }


def closed_row(row: Row) -> Mapping[str, Any]:
    return {**_links(row), "digest": row.digest.hex()}


def blind_row(row: Row) -> Mapping[str, Any]:
    return {**_links(row), "at": row.at, "time": row.salts[0].hex(), "rest": row.rest.hex()}


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
