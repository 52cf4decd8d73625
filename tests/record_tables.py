"""The record as plain lists, and ten thousand ways to tamper with it. For tests.

``made`` builds a record with the real code and a real database and reads it back. ``Tables`` is what the database holds; ``findings``
feeds it to the check as ``server/record.py`` does, ``blind`` writes it as an inspector's export.

Each tampering is somebody who may write every table. They have not the private keys, and they cannot reach what a reader has kept: the
first public key and one checkpoint. Some of them clean up behind them: they number the rows anew, hash the chain again, move its head,
build the log again, sign with a key of their own.
"""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from server import audit, checkpoints, notes, record, record_keys, tree
from server.audit import APART, HOUR, START, Entry, Row, hash_of
from server.checkpoints import Checkpoint, Head
from server.db.session import Database, rows
from server.notes import Signer, Verifier
from server.record_check import TOLERANCE_MS, Check, Finding
from server.record_keys import Key
from server.settings import Settings
from tests import databases

CHAINS: Final = ("h_sam", "o_maya", audit.PLATFORM)
EVERY: Final = (APART, *CHAINS)
START_MS: Final = 1_795_000_000_000
QUARTER: Final = 900_000


@dataclass
class Tables:
    """What the database holds."""

    rows: list[Row]
    heads: dict[str, tuple[int, bytes]]
    log: list[Head]
    notes: list[str]
    keys: list[Key]


@dataclass(frozen=True)
class Reader:
    """What somebody who checks has from before."""

    trusted: Verifier
    kept: tuple[str, ...]


@dataclass(frozen=True)
class Made:
    tables: Tables
    reader: Reader
    first: str  #: the first checkpoint that has rows in it
    size: int  #: how long the log was then


async def made(folder: Path) -> Made:
    """A family's chain, a child's own and the platform's; seven checkpoints, one hand-over in the middle."""
    settings = Settings(data=str(folder))
    now = [START_MS]
    db = await Database.open(await databases.with_tables(folder / "record.sqlite"))
    try:
        await checkpoints.take(db, settings, lambda: now[0])
        first, size = "", 0
        for turn in range(5):
            async with db.begin() as tx:
                for number in range(4):
                    now[0] += QUARTER
                    verb = ("ring", "decide", "answer", "end_contact")[number]
                    entry = Entry(
                        now[0],
                        verb,
                        ("p-sam", "p-maya"),
                        "deny" if number == 2 else "allow",
                        ("a-rule",),
                        "2026-11-26+abc",
                    )
                    await audit.append(tx, CHAINS[: 1 + (turn + number) % 3], entry)
            now[0] += QUARTER
            if turn == 2:
                await checkpoints.rotate(db, settings, lambda: now[0])
                now[0] += QUARTER
            note = await checkpoints.take(db, settings, lambda: now[0])
            if turn == 1:
                async with db.read() as tx:
                    first, size = note, await checkpoints.size_of(tx)
        return await _read(db, first, size)
    finally:
        await db.close()


async def _read(db: Database, first: str, size: int) -> Made:
    async with db.read() as tx:
        tables = Tables(
            rows=[row async for row in audit.every_row(tx)],
            heads=dict(await audit.heads(tx)),
            log=[
                Head(chain, seq, bytes(last))
                for chain, seq, last in await rows(tx, "SELECT chain, seq, hash FROM record_log ORDER BY idx")
            ],
            notes=await checkpoints.every(tx),
            keys=await record_keys.keys(tx),
        )
    return Made(tables, Reader(notes.verifier(tables.keys[0].line), (tables.notes[-1],)), first, size)


def findings(tables: Tables, reader: Reader) -> list[Finding]:
    """What a check finds where the record is kept."""
    look = Check(reader.trusted, reader.kept)
    for key in tables.keys:
        look.key(key.line, key.since, key.hand_over)
    for note in tables.notes:
        look.checkpoint(note)
    for index, head in enumerate(tables.log):
        look.entry(index, head)
    heads, at = dict(tables.heads), None
    for row in sorted(tables.rows, key=lambda row: (in_order(row.chain), row.seq)):
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
    return look.done()


def in_order(chain: str) -> tuple[bool, str]:
    """The chain apart stands first: it says where others end."""
    return chain != APART, chain


def blind(tables: Tables) -> list[str]:
    """The same as lines, as an inspector gets them."""
    write = record.Lines()
    lines = [write(record.header("blind", tables.notes[-1] if tables.notes else None))]
    lines += [write(record.key_line(key)) for key in tables.keys]
    lines += [write({"is": "checkpoint", "note": note}) for note in tables.notes]
    lines += [write({"is": "entry", "index": n, **record.head_line(head)}) for n, head in enumerate(tables.log)]
    for chain in sorted({row.chain for row in tables.rows} | set(tables.heads), key=in_order):
        seq, last = tables.heads.get(chain, (0, START))
        lines.append(write({"is": "chain", "chain": chain, "after": 0, "hash": START.hex()}))
        its = sorted((row for row in tables.rows if row.chain == chain), key=lambda row: row.seq)
        lines += [write(record.open_row(row) if chain == APART else record.blind_row(row)) for row in its]
        lines.append(write({"is": "head", "seq": seq, "hash": last.hex()}))
    return [*lines, write.end()]


# == cleaning up ==========================================================================================================


def of_chain(tables: Tables, chain: str) -> list[Row]:
    return sorted((row for row in tables.rows if row.chain == chain), key=lambda row: row.seq)


def put(tables: Tables, chain: str, its: Sequence[Row]) -> None:
    tables.rows = [row for row in tables.rows if row.chain != chain] + list(its)


def number_anew(its: Sequence[Row]) -> list[Row]:
    return [replace(row, seq=number) for number, row in enumerate(its, 1)]


def hash_anew(its: Sequence[Row]) -> list[Row]:
    """A chain that is sound in itself."""
    last, done = START, []
    for row in its:
        done.append(replace(row, previous=last, hash=hash_of(last, row.digest)))
        last = done[-1].hash
    return done


def move_head(tables: Tables, chain: str) -> None:
    its = of_chain(tables, chain)
    if its:
        tables.heads[chain] = its[-1].seq, its[-1].hash
    else:
        tables.heads.pop(chain, None)


def cover(tables: Tables, chain: str, its: Sequence[Row], much: int) -> None:
    """Clean up, more or less: 0 not at all, 1 the numbers, 2 hashes too, 3 the head too."""
    if much >= 1:
        its = number_anew(its)
    if much >= 2:
        its = hash_anew(its)
    put(tables, chain, its)
    if much >= 3:
        move_head(tables, chain)


def sign_anew(tables: Tables, key: Signer) -> None:
    """All checkpoints over the log as it is now, with another key; and what the chain apart tells, as it is now."""
    heads = {}
    for chain in {row.chain for row in tables.rows}:
        heads[chain] = {row.seq: row.hash for row in of_chain(tables, chain)}
    put(tables, APART, hash_anew([_told_anew(row, heads) for row in of_chain(tables, APART)]))
    move_head(tables, APART)
    heads[APART] = {row.seq: row.hash for row in of_chain(tables, APART)}
    tables.log = [Head(one.chain, one.seq, heads.get(one.chain, {}).get(one.seq, one.hash)) for one in tables.log]
    growing, roots = tree.Growing(), {0: tree.EMPTY}
    for head in tables.log:
        for _ in growing.append(tree.leaf(head.line)):
            pass
        roots[growing.size] = growing.root
    signed = []
    for note in tables.notes:
        said = checkpoints.read(notes.text_of(note.encode()))
        assert said is not None
        signed.append(notes.signed(replace(said, root=roots[said.size]).text, key).decode())
    tables.notes = signed


def _told_anew(row: Row, heads: Mapping[str, Mapping[int, bytes]]) -> Row:
    head = checkpoints.told(row.rules)
    if head is None:
        return row
    return replace(row, rules=rules_of(replace(head, hash=heads.get(head.chain, {}).get(head.seq, head.hash))))


def rules_of(head: Head) -> str:
    """As it is stored in a row of the chain apart."""
    return json.dumps(head.rules)


# == the ways ===============================================================================================================

Way = Callable[[random.Random, Tables], None]

_FIELDS: Final = ("seq", "at", "question", "who", "verdict", "rules", "rulebook", "previous", "hash", "salt")


def a_byte(dice: random.Random, tables: Tables) -> None:
    place = dice.randrange(len(tables.rows))
    row = tables.rows[place]
    name = dice.choice(_FIELDS)
    value = getattr(row, name)
    if isinstance(value, int):
        changed: object = max(0, value + dice.choice((-1, 1, 7, 1 << dice.randrange(40))))
        if changed == value:
            changed = value + 1
    elif isinstance(value, bytes):
        changed = flip(dice, value)
    else:
        at = dice.randrange(len(value) + 1)
        changed = value[:at] + dice.choice('x0 "[') + value[at:]
    tables.rows[place] = replace(row, **{name: changed})  # type: ignore[arg-type]  # of the field's own type


def flip(dice: random.Random, raw: bytes) -> bytes:
    changed = bytearray(raw)
    changed[dice.randrange(len(raw))] ^= 1 << dice.randrange(8)
    return bytes(changed)


def a_cut(dice: random.Random, tables: Tables) -> None:
    chain = dice.choice(EVERY)
    its = of_chain(tables, chain)
    many = dice.randint(1, len(its))
    first = dice.choice((0, len(its) - many, dice.randint(0, len(its) - many)))
    cover(tables, chain, its[:first] + its[first + many :], dice.randint(0, 3))


def an_order(dice: random.Random, tables: Tables) -> None:
    chain = dice.choice(EVERY)
    its = of_chain(tables, chain)
    one, other = dice.sample(range(len(its)), 2)
    its[one], its[other] = its[other], its[one]
    cover(tables, chain, number_anew(its), dice.randint(1, 3))


def another_end(dice: random.Random, tables: Tables) -> None:
    """A fork: other rows from somewhere on, as many, fewer or more, well made."""
    chain = dice.choice(EVERY)
    its = of_chain(tables, chain)
    first = dice.randrange(len(its))
    its[first] = replace(
        its[first], verdict="allow" if its[first].verdict == "deny" else "deny", salt=dice.randbytes(64)
    )
    if dice.random() < 0.5:
        its = its[: dice.randint(first + 1, len(its))]
    cover(tables, chain, its, 3)


def an_older_date(dice: random.Random, tables: Tables) -> None:
    chain = dice.choice(EVERY)
    its = of_chain(tables, chain)
    place = dice.randrange(len(its))
    its[place] = replace(its[place], at=its[place].at - TOLERANCE_MS - dice.randint(1, 10**9))
    cover(tables, chain, its, 3)


def a_new_row_of_long_ago(dice: random.Random, tables: Tables) -> None:
    """Behind everything that is signed, in good order, and dated before it, so far that no moment of its hour will do."""
    _a_new_row(dice, tables, HOUR + dice.randint(1, 10**8))


def a_new_row_of_the_hour_before(dice: random.Random, tables: Tables) -> None:
    """The same, so little before that its hour alone may not show it: it is found by whoever sees the time."""
    _a_new_row(dice, tables, dice.randint(1, HOUR))


def _a_new_row(dice: random.Random, tables: Tables, before: int) -> None:
    chain = dice.choice(EVERY)
    its = of_chain(tables, chain)
    said = checkpoints.read(notes.text_of(tables.notes[-1].encode()))
    assert said is not None
    old = said.at - TOLERANCE_MS - before
    cover(tables, chain, [*its, replace(its[-1], at=old, salt=dice.randbytes(64))], 3)


def another_end_told(dice: random.Random, tables: Tables) -> None:
    """The chain apart tells another end of a chain, or of one that is not there, or none."""
    its = of_chain(tables, APART)
    places = [place for place, row in enumerate(its) if checkpoints.told(row.rules)]
    place = dice.choice(places)
    head = checkpoints.told(its[place].rules)
    assert head is not None
    changed = dice.choice(
        (
            rules_of(replace(head, hash=flip(dice, head.hash))),
            rules_of(replace(head, seq=head.seq + dice.choice((-1, 1, 5)) or 9)),
            rules_of(replace(head, chain="o_nobody")),
            "[]",
        )
    )
    its[place] = replace(its[place], rules=changed)
    cover(tables, APART, its, 3)


def an_extra_row(dice: random.Random, tables: Tables) -> None:
    chain = dice.choice(EVERY)
    its = of_chain(tables, chain)
    place = dice.randint(0, len(its))
    new = replace(its[min(place, len(its) - 1)], salt=dice.randbytes(64))
    cover(tables, chain, [*its[:place], new, *its[place:]], dice.randint(1, 2))


def other_chains(dice: random.Random, tables: Tables) -> None:
    one, other = dice.sample(EVERY, 2)
    names = {one: other, other: one}
    tables.rows = [replace(row, chain=names.get(row.chain, row.chain)) for row in tables.rows]
    much = dice.randint(0, 3)
    if much:
        tables.heads[one], tables.heads[other] = tables.heads[other], tables.heads[one]
    for chain in (one, other):
        cover(tables, chain, of_chain(tables, chain), much)


def a_head(dice: random.Random, tables: Tables) -> None:
    chain = dice.choice(EVERY)
    seq, last = tables.heads[chain]
    match dice.randrange(3):
        case 0:
            tables.heads[chain] = seq, flip(dice, last)
        case 1:
            tables.heads[chain] = max(0, seq + dice.choice((-2, -1, 1, 9))), last
        case _:
            del tables.heads[chain]


def a_log_entry(dice: random.Random, tables: Tables) -> None:
    place = dice.randrange(len(tables.log))
    one = tables.log[place]
    match dice.randrange(5):
        case 0:
            tables.log[place] = replace(one, hash=flip(dice, one.hash))
        case 1:
            tables.log[place] = replace(one, seq=one.seq + 1)
        case 2:
            del tables.log[place]
        case 3:
            tables.log.insert(place, replace(one, seq=one.seq + 1))
        case _:
            other = dice.choice([n for n in range(len(tables.log)) if n != place])
            tables.log[place], tables.log[other] = tables.log[other], tables.log[place]


def a_checkpoint(dice: random.Random, tables: Tables) -> None:
    place = dice.randrange(len(tables.notes))
    note = tables.notes[place]
    said = checkpoints.read(notes.text_of(note.encode()))
    assert said is not None
    below = note.partition("\n\n")[2]
    match dice.randrange(5):
        case 0:
            tables.notes[place] = _below(
                replace(said, size=max(0, said.size + dice.choice((-3, -1, 1, 4)))), said, below
            )
        case 1:
            tables.notes[place] = _below(replace(said, root=flip(dice, said.root)), said, below)
        case 2:
            tables.notes[place] = _below(
                replace(said, at=said.at + dice.choice((-QUARTER, -1, 1, QUARTER))), said, below
            )
        case 3:
            tables.notes[place] = notes.signed(said.text, Signer(said.origin, dice.randbytes(32))).decode()
        case _:
            other = dice.choice([n for n in range(len(tables.notes)) if n != place])
            tables.notes[place], tables.notes[other] = tables.notes[other], tables.notes[place]


def _below(changed: Checkpoint, said: Checkpoint, below: str) -> str:
    if changed == said:
        changed = replace(said, at=said.at + 1)
    return f"{changed.text}\n{below}"


def a_signature(dice: random.Random, tables: Tables) -> None:
    place = dice.randrange(len(tables.notes))
    raw = bytearray(tables.notes[place].encode())
    at = dice.randrange(len(raw))
    raw[at] ^= 1 << dice.randrange(7)
    tables.notes[place] = raw.decode("utf-8", errors="replace")


def a_key(dice: random.Random, tables: Tables) -> None:
    first, second = tables.keys
    mine = Signer(first.line.partition("+")[0], dice.randbytes(32))
    match dice.randrange(6):
        case 0:
            tables.keys = [first, replace(second, hand_over=None)]
        case 1:
            assert second.hand_over is not None
            lines = second.hand_over.splitlines(keepends=True)
            tables.keys = [first, replace(second, hand_over="".join(lines[: -dice.randint(1, 2)]))]
        case 2:
            tables.keys = [first, replace(second, since=second.since + dice.choice((-1, 1, QUARTER)))]
        case 3:
            tables.keys = [second, first]
        case 4:
            text = record_keys.text(notes.verifier(first.line), mine.verifier, second.since)
            tables.keys = [first, Key(mine.verifier.line, second.since, notes.signed(text, mine).decode())]
        case _:
            text = record_keys.text(notes.verifier(second.line), mine.verifier, second.since + 1)
            tables.keys = [first, second, Key(mine.verifier.line, second.since + 1, notes.signed(text, mine).decode())]


def a_record_of_my_own(dice: random.Random, tables: Tables) -> None:
    """Rewritten from some row on, the log built again, every checkpoint signed again, with a key of one's own in the place of the right
    ones, or handed over to by itself."""
    another_end(dice, tables)
    mine = Signer(tables.keys[0].line.partition("+")[0], dice.randbytes(32))
    if dice.random() < 0.5:
        tables.keys = [Key(mine.verifier.line, 0, None)]
    else:
        since = tables.keys[-1].since + 1
        text = record_keys.text(notes.verifier(tables.keys[-1].line), mine.verifier, since)
        tables.keys = [*tables.keys, Key(mine.verifier.line, since, notes.signed(text, mine).decode())]
    sign_anew(tables, mine)


def as_it_was(dice: random.Random, tables: Tables) -> None:
    """The whole database as it was at an earlier checkpoint: all of it genuine. Only what somebody has kept shows it."""
    tables.notes = tables.notes[: dice.randrange(len(tables.notes) - 1)]
    said = checkpoints.read(notes.text_of(tables.notes[-1].encode())) if tables.notes else None
    tables.log = tables.log[: said.size if said else 0]
    heads = {head.chain: head for head in tables.log}
    apart = heads[APART].seq if APART in heads else 0
    told = [checkpoints.told(row.rules) for row in of_chain(tables, APART) if row.seq <= apart]
    heads |= {head.chain: head for head in told if head is not None}
    tables.rows = [row for row in tables.rows if row.chain in heads and row.seq <= heads[row.chain].seq]
    tables.heads = {chain: (head.seq, head.hash) for chain, head in heads.items()}
    tables.keys = [key for key in tables.keys if said and key.since <= said.at] or tables.keys[:1]


#: Where an inspector is shown too little to see it. Every other way shows in a blind export as well.
FINER_THAN_AN_HOUR: Final = frozenset({a_new_row_of_the_hour_before})

#: Every way, and of the names of findings those of which at least one must be there.
WAYS: Final[dict[Way, frozenset[str]]] = {
    a_byte: frozenset({"altered", "missing", "out_of_order", "extra"}),
    a_cut: frozenset({"missing", "altered", "out_of_order", "forked"}),
    an_order: frozenset({"out_of_order", "altered", "forked"}),
    another_end: frozenset({"forked", "missing"}),
    an_older_date: frozenset({"forked", "missing", "back_dated"}),
    a_new_row_of_long_ago: frozenset({"back_dated"}),
    a_new_row_of_the_hour_before: frozenset({"back_dated"}),
    another_end_told: frozenset({"forked"}),
    an_extra_row: frozenset({"out_of_order", "altered", "forked", "extra"}),
    other_chains: frozenset({"altered", "forked", "missing", "extra"}),
    a_head: frozenset({"altered", "missing", "extra"}),
    a_log_entry: frozenset({"forked", "missing", "extra"}),
    a_checkpoint: frozenset({"unsigned", "wrong_key", "forked", "back_dated", "post_dated"}),
    a_signature: frozenset({"unsigned", "wrong_key"}),
    a_key: frozenset({"hand_over_broken", "wrong_key", "unsigned"}),
    a_record_of_my_own: frozenset({"wrong_key", "hand_over_broken", "unsigned"}),
    as_it_was: frozenset({"missing", "unsigned", "wrong_key"}),
}


def tampered(made_: Made, seed: int) -> tuple[Way, Tables]:
    """The seed decides the way and everything about it."""
    dice = random.Random(seed)
    way = list(WAYS)[seed % len(WAYS)]
    tables = copy.copy(made_.tables)
    tables.rows, tables.heads, tables.log = list(tables.rows), dict(tables.heads), list(tables.log)
    tables.notes, tables.keys = list(tables.notes), list(tables.keys)
    way(dice, tables)
    return way, tables
