"""Signed statements about where every chain of the record ends: what leaves this house, so that nothing can be rewritten in it.

The *log* is a list that only grows. Each checkpoint adds one entry, ``chain seq hash``, for every household's chain whose head has moved
since the one before, and one for the chain *apart*, and then signs how long the log is and the root of the Merkle tree over it
(``tree.py``)::

    calls.example/record            which record (C2SP tlog-checkpoint: origin, size, root; one line more is ours)
    1042
    q1Bzd0cZ...=
    time 1795000000000

    — calls.example/record base64(key id, signature)        (C2SP signed-note: notes.py)

The chains that no family is shown (``chains.py``: everybody's own, and the platform's) are not in the log: it tells everybody how long it
is, and a family where in it its chain stands. Where they end is written into the chain apart, at every checkpoint: a row for each that
has moved, and one more in any case. So the log grows by one for all of them together, whatever a child did in that hour and whether or
not it reported, blocked or called; and its entry is another one each time.

Whoever has kept one checkpoint can be shown that the log of today still begins with it (a consistency proof), and that a chain's
head stands in it (an inclusion proof), without being shown anything else. The chain with which a row is hashed does the rest.

The newest one is kept in a file beside the key too. It is no copy elsewhere, but out of reach of whoever has only the database: a record
that was begun anew in the same tables, and is signed by us since we know no better, does not go on from it (``ringfence audit verify``).

One is taken at every start, every so many minutes (a setting) and on demand; also when nothing has moved: that nothing was there at
that time is what shows a back-dated row later. What it does not cover is what was written since the newest one.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from server import audit, notes, record_keys, tree
from server.audit import APART
from server.chains import is_familys
from server.db.session import Database, rows, run_all
from server.settings import Settings
from server.tree import Place, Range

log = logging.getLogger(__name__)

BEAT: Final = "checkpoint"  #: what a row of the chain apart says was asked; no verb

_TOLD: Final = re.compile(r'\["([A-Za-z0-9_-]{1,34}) ([1-9][0-9]{0,14}) ([0-9a-f]{64})"\]')
_BODY: Final = re.compile(r"([^\s+]{1,200})\n(0|[1-9][0-9]{0,14})\n([A-Za-z0-9+/]{43}=)\ntime (0|[1-9][0-9]{0,14})\n")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a checkpoint says: ``at`` in milliseconds, how long the log was, the root over it."""

    origin: str
    size: int
    root: bytes
    at: int

    @property
    def text(self) -> str:
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\ntime {self.at}\n"


@dataclass(frozen=True, slots=True)
class Head:
    """One entry of the log."""

    chain: str
    seq: int
    hash: bytes

    @property
    def line(self) -> bytes:
        return f"{self.chain} {self.seq} {self.hash.hex()}".encode()

    @property
    def rules(self) -> tuple[str, ...]:
        """As it stands in a row of the chain apart, in the place of what decided."""
        return (self.line.decode(),)


@dataclass(frozen=True, slots=True)
class Inclusion:
    """The newest entry of a chain within a log of ``size``, and the proof that it is there."""

    index: int
    head: Head
    size: int
    path: tuple[bytes, ...]


def read(text: str) -> Checkpoint | None:
    """What the text of a checkpoint says, in the one way to say it; None for another text."""
    found = _BODY.fullmatch(text)
    if not found:
        return None
    try:
        root = base64.b64decode(found[3], validate=True)
    except binascii.Error:
        return None
    said = Checkpoint(found[1], int(found[2]), root, int(found[4]))
    return said if said.text == text else None


def told(rules: str) -> Head | None:
    """Which head a row of the chain apart tells; None: of no chain. Of a household's chain it never does: a family is shown its own as far
    as the log names it, so an end that stood here alone would be vouched for to an inspector and kept from the family."""
    found = _TOLD.fullmatch(rules)
    return Head(found[1], int(found[2]), bytes.fromhex(found[3])) if found and not is_familys(found[1]) else None


async def take(db: Database, settings: Settings, clock: Callable[[], int]) -> str:
    """Take a checkpoint now. Returns the signed note."""
    async with db.begin() as tx:
        known = await record_keys.keys(tx)
        key = record_keys.signing(settings, known[-1].line if known else None)
        last = await rows(tx, "SELECT n, at, size FROM checkpoints ORDER BY n DESC LIMIT 1")
        number, before, size = last[0] if last else (0, 0, 0)
        now = max(
            clock(), before, known[-1].since if known else 0
        )  # looked at in our turn: nothing is written meanwhile
        growing = tree.Growing(size, await _hashes(tx, (0, size)))
        moved = [Head(chain, seq, bytes(last_hash)) for chain, seq, last_hash in await rows(tx, _MOVED, apart=APART)]
        shown = [head for head in moved if is_familys(head.chain)]
        told_apart = [head.rules for head in moved if not is_familys(head.chain)]
        entries = [audit.Entry(now, BEAT, (), "allow", rules, "") for rules in (*told_apart, ())]
        await audit.append_all(tx, [((APART,), entry) for entry in entries])
        seq, last_hash = (await audit.heads_of(tx, (APART,)))[APART]
        new, nodes = [], []
        for head in sorted([*shown, Head(APART, seq, last_hash)], key=lambda head: head.chain):
            new.append({"idx": growing.size, "chain": head.chain, "seq": head.seq, "hash": head.hash})
            for (level, place), hashed in growing.append(tree.leaf(head.line)):
                nodes.append({"level": level, "place": place, "hash": hashed})
        said = Checkpoint(key.name, growing.size, growing.root, now)
        note = notes.signed(said.text, key).decode()
        first_key = [] if known else [{"key": key.verifier.line}]
        row = {"n": number + 1, "at": now, "size": said.size, "root": said.root, "note": note}
        covered = [{"chain": head.chain, "seq": head.seq} for head in moved]
        steps = ((_FIRST_KEY, first_key), (_ENTRY, new), (_NODE, nodes), (_CHECKPOINT, [row]), (_COVERED, covered))
        await run_all(tx, *steps)
    await _keep(db, settings, note, said)
    return note


def file_of(settings: Settings) -> Path:
    """Where the newest note is kept beside the key."""
    return record_keys.file_of(settings).with_suffix(".checkpoint")


def kept(settings: Settings) -> str | None:
    """The newest note that this machine has signed and still stands for."""
    try:
        return file_of(settings).read_text("utf-8", errors="replace")
    except FileNotFoundError:
        return None


async def _keep(db: Database, settings: Settings, note: str, said: Checkpoint) -> None:
    """Keep this note, unless it does not go on from the one that is kept: then that one stays, and every check says so."""
    path = file_of(settings)
    try:
        before = None if settings.demo else kept(settings)  # the demo begins anew whenever it opens
        if before is not None and not await _goes_on(db, before, said):
            log.error("the record does not go on from the checkpoint in %s: say `ringfence audit verify`", path.name)
            return
        new = path.with_name(f"{path.name}.{os.getpid()}")
        new.write_text(note, "utf-8")
        os.replace(new, path)
    except OSError as fault:
        log.error("the newest checkpoint cannot be kept in %s (%s)", path.name, fault.strerror)


async def _goes_on(db: Database, before: str, said: Checkpoint) -> bool:
    try:
        held = read(notes.text_of(before.encode()))
    except notes.NotANote:
        return False
    if held is None or held.size > said.size:
        return False
    if held.size == 0:
        return True
    async with db.read() as tx:
        path = await consistency(tx, held.size, said.size)
    return tree.is_consistent(held.size, held.root, said.size, said.root, path)


async def rotate(db: Database, settings: Settings, clock: Callable[[], int], *, lost: bool = False) -> str:
    """A new key signs from now on, beginning with a checkpoint. Returns the new public key. ``lost``: the old one cannot sign for it."""
    async with db.begin() as tx:
        last = await rows(tx, "SELECT COALESCE(MAX(at), 0) FROM checkpoints")
        line = await record_keys.write_hand_over(tx, settings, max(clock(), last[0][0] + 1), lost=lost)
    record_keys.take_over(settings)
    await take(db, settings, clock)
    return line


async def run(db: Database, settings: Settings, clock: Callable[[], int]) -> None:
    """Until cancelled: one checkpoint every so many minutes. One that fails says so, and the next is tried in its time."""
    while True:
        await asyncio.sleep(settings.checkpoint_minutes * 60)
        try:
            await take(db, settings, clock)
        except Exception as fault:
            log.error("no checkpoint could be taken (%s)", type(fault).__name__)


async def newest(tx: AsyncConnection) -> str | None:
    """The newest signed note."""
    found = await rows(tx, "SELECT note FROM checkpoints ORDER BY n DESC LIMIT 1")
    return found[0][0] if found else None


async def every(tx: AsyncConnection) -> list[str]:
    """All signed notes, the first one first."""
    return [audit.as_text(note) for (note,) in await rows(tx, "SELECT note FROM checkpoints ORDER BY n")]


async def inclusion(tx: AsyncConnection, chain: str, size: int) -> Inclusion | None:
    """The newest entry of this chain among the first ``size``, with its proof. None: no checkpoint knows the chain yet."""
    found = await rows(tx, _NEWEST_OF, chain=chain, size=size)
    if not found:
        return None
    index, seq, last = found[0]
    path = await _path(tx, tree.inclusion(index, size))
    return Inclusion(index, Head(chain, seq, bytes(last)), size, path)


async def consistency(tx: AsyncConnection, first: int, size: int) -> tuple[bytes, ...]:
    """The proof that the log of length ``first`` is how the log of length ``size`` begins."""
    return await _path(tx, tree.consistency(first, size) if 0 < first < size else [])


async def size_of(tx: AsyncConnection) -> int:
    """How long the log is."""
    return (await rows(tx, "SELECT COALESCE(MAX(idx) + 1, 0) FROM record_log"))[0][0]  # type: ignore[no-any-return]  # Integer


async def _path(tx: AsyncConnection, ranges: Sequence[Range]) -> tuple[bytes, ...]:
    nodes = await _nodes(tx, [place for one in ranges for place in tree.whole(one)])
    return tuple(tree.hash_of(one, nodes) for one in ranges)


async def _hashes(tx: AsyncConnection, part: Range) -> list[bytes]:
    places = tree.whole(part)
    nodes = await _nodes(tx, places)
    return [nodes[place] for place in places]


async def _nodes(tx: AsyncConnection, places: Sequence[Place]) -> Mapping[Place, bytes]:
    found = {}
    for level, place in places:  # a few dozen at most, each found by the primary key
        stored = await rows(tx, _ONE_NODE, level=level, place=place)
        found[level, place] = bytes(stored[0][0]) if stored else b""
    return found


_MOVED: Final = "SELECT chain, seq, hash FROM audit_heads WHERE seq > covered AND chain <> :apart ORDER BY chain"
_COVERED: Final = "UPDATE audit_heads SET covered = :seq WHERE chain = :chain"
_NEWEST_OF: Final = """
SELECT idx, seq, hash FROM record_log WHERE chain = :chain AND idx < :size ORDER BY idx DESC LIMIT 1
"""
_ONE_NODE: Final = "SELECT hash FROM record_nodes WHERE level = :level AND place = :place"
_FIRST_KEY: Final = "INSERT INTO record_keys (n, key, since, hand_over) VALUES (1, :key, 0, NULL)"
_ENTRY: Final = "INSERT INTO record_log (idx, chain, seq, hash) VALUES (:idx, :chain, :seq, :hash)"
_NODE: Final = "INSERT INTO record_nodes (level, place, hash) VALUES (:level, :place, :hash)"
_CHECKPOINT: Final = "INSERT INTO checkpoints (n, at, size, root, note) VALUES (:n, :at, :size, :root, :note)"
