"""Checking the record, without trusting whoever keeps it: chains, log, checkpoints and keys in, findings out. Pure; no database.

It is fed, in this order: keys, checkpoints, the log (all of it, or the proofs of one chain), then every chain with its rows and its
head; first of all the chain apart, whose rows say where the chains end that are not in the log. So millions of rows pass through and
only where chains end is held. ``record.py`` feeds it from the database, :func:`check_lines` from an export.
``client_web/shared/record.js`` (in a browser) and ``tests/conformance/verify_record.mjs`` (in Node, written apart) find the same.

What is found, by name:

    altered           a row is not what was hashed
    missing           rows, entries of the log, or lines of a file were cut
    out_of_order      a row does not follow the one before it
    extra             there is more than the head of the chain, or the newest checkpoint, knows
    forked            the chain, or the log, is sound in itself and is not the one that was signed: two histories; also where the log
                      says twice, or takes back, how far a chain had come
    unproven          there is no proof that this goes on from the checkpoint that the reader has kept: neither shown nor refuted
    back_dated        a row says a time before a checkpoint that did not have it yet, or before a row above it; or a checkpoint does
    post_dated        a row says a time after the checkpoint that has it already
    unsigned          a checkpoint is none, or its signature does not fit
    wrong_key         ... or it is signed by a key that was not in force then; or the first key is not the one that is trusted
    hand_over_broken  a key is there to which the key before did not hand over
    unreadable        a line of an export is none

Where a reader is given only the hour of a row, its time may be anywhere in it: a row is found back- or post-dated when no moment of its
hour will do.

Where: the name of the chain and the number of the row; or ``(log)`` and a place in it, ``(checkpoint)`` and its number,
``(kept)`` for a checkpoint that the reader had kept, ``(key)``, ``(file)`` and the line.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, Final, Literal

from server import audit, checkpoints, notes, record_keys, tree
from server.audit import APART, HOUR, START, hash_of
from server.checkpoints import Checkpoint, Head
from server.notes import NotANote, Verifier
from server.record_keys import Key

FORMAT: Final = "ringfence-record/2"
#: Files of before are read too: they have rows with the time where there is an hour now, and no chain apart.
FORMATS: Final = ("ringfence-record/1", FORMAT)

#: How far times may run back. A row says when it was asked for and is written when its turn comes, and a second process (the command
#: line) has a clock of its own; both differ by seconds at the worst. A minute is where /healthz calls the clock not trusted
#: (clock.BEHIND_MS). Twice that is never reached honestly, and gains nobody anything.
TOLERANCE_MS: Final = 120_000

What = Literal[
    "altered", "missing", "out_of_order", "extra", "forked", "unproven", "back_dated", "post_dated", "unsigned", "wrong_key",
    "hand_over_broken", "unreadable",
]  # fmt: skip


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One thing wrong, and where it shows."""

    where: str
    number: int
    what: What

    def __str__(self) -> str:
        kind = "" if self.where.startswith("(") else " row"
        return f"{self.where}{kind} {self.number}: {self.what}"


@dataclass(frozen=True, slots=True)
class Mark:
    """What a checkpoint says about a chain: its head, when that was signed, and when the checkpoint before was."""

    seq: int
    hash: bytes
    signed: int | None
    before: int | None


@dataclass(slots=True)
class _Chain:
    """Where the walk along one chain is."""

    name: str
    marks: Sequence[Mark]
    since: int | None  #: the newest checkpoint: what is not in it was not there then
    count: int
    last: bytes
    next: int = 0  #: the first of the marks that may still be met
    latest: int | None = None  #: the newest time that a row of it must have at least
    forked: bool = False


@dataclass(slots=True)
class Looked:
    """How much was looked at."""

    rows: int = 0
    chains: int = 0
    checkpoints: int = 0
    keys: int = 0
    entries: int = 0
    open_rows: int = 0
    covered: int = 0  #: rows that the newest checkpoint vouches for
    first_at: int | None = None
    newest: Checkpoint | None = None
    unproven: list[int] = field(default_factory=list)  #: sizes from which a proof is wanted and is not there


@dataclass(slots=True)
class Check:
    """Feed it in order, then ask :meth:`done`. ``trusted``: the public key that the reader knows; None: the first one is believed.
    ``kept``: checkpoints that the reader has from before."""

    trusted: Verifier | None = None
    kept: Sequence[str] = ()
    found: dict[Finding, None] = field(default_factory=dict)
    looked: Looked = field(default_factory=Looked)
    _keys: list[Key] = field(default_factory=list)
    _notes: list[str] = field(default_factory=list)
    _verifiers: list[Verifier | None] | None = None
    _known: notes.Known = field(default_factory=dict)
    _least: list[int] = field(
        default_factory=list
    )  #: for each key the earliest time from which it, or a later one, is in force
    _said: list[tuple[int, Checkpoint]] = field(default_factory=list)
    _held: list[tuple[int, Checkpoint]] = field(default_factory=list)
    _growing: tree.Growing = field(default_factory=tree.Growing)
    _roots: dict[int, bytes] = field(default_factory=dict)
    _wanted: set[int] = field(default_factory=set)
    _whole_log: bool = True
    _consistent: dict[int, bool] = field(default_factory=dict)  #: of kept checkpoints that have a proof: if it fits
    _entries: dict[str, list[tuple[int, bytes, int]]] = field(default_factory=dict)
    _log_done: bool = False
    _since: int | None = None
    _marked: dict[str, list[Mark]] = field(default_factory=dict)
    _apart: dict[str, int] = field(
        default_factory=dict
    )  #: of chains that the chain apart tells of, how far they had come
    _seen: set[str] = field(default_factory=set)
    _at: _Chain | None = None
    ended_at: tuple[int, bytes] = (
        0,
        START,
    )  #: the last row that was read, and its hash: where the next page must go on

    def finding(self, where: str, number: int, what: What) -> None:
        self.found[Finding(where, number, what)] = None

    # -- keys and checkpoints -----------------------------------------------------------------------------------------

    def key(self, line: str, since: int, hand_over: str | None) -> None:
        self._keys.append(Key(line, since, hand_over))

    def checkpoint(self, note: str) -> None:
        self._notes.append(note)

    def _open(self) -> None:
        """Everything that is signed, once all of it is here."""
        if self._verifiers is not None:
            return
        self._verifiers, broken = record_keys.follow(self._keys)
        self._known = notes.by_name(one for one in self._verifiers if one is not None)
        self._least = [*accumulate((one.since for one in reversed(self._keys)), min)][::-1]
        self.looked.keys, self.looked.checkpoints = len(self._keys), len(self._notes)
        for number in broken:
            self.finding("(key)", number, "hand_over_broken")
        if self.trusted is not None and self.trusted not in self._verifiers:
            self.finding("(key)", 1, "wrong_key")
        before: Checkpoint | None = None
        for number, note in enumerate(self._notes, 1):
            said = self._signed("(checkpoint)", number, note)
            if said is None:
                continue
            if before is not None and said.at < before.at:
                self.finding("(checkpoint)", number, "back_dated")
            if before is not None and (
                said.size < before.size or (said.size == before.size and said.root != before.root)
            ):
                self.finding("(checkpoint)", number, "forked")
            self._said.append((number, said))
            before = said
        self.looked.newest = before
        self._held = [
            (number, said)
            for number, note in enumerate(self.kept, 1)
            if (said := self._signed("(kept)", number, note)) is not None
        ]
        self._wanted = {said.size for _, said in (*self._said, *self._held)}
        self._roots[0] = tree.EMPTY

    def _signed(self, where: str, number: int, note: str) -> Checkpoint | None:
        try:
            text, by = notes.opened_with(note.encode(), self._known)
        except (NotANote, UnicodeEncodeError):
            self.finding(where, number, "unsigned")
            return None
        said = checkpoints.read(text)
        if said is None:
            self.finding(where, number, "unsigned")
            return None
        due = bisect_right(
            self._least, said.at
        )  # the last key that was in force by then: a file may have very many of both
        in_force = (self._verifiers or [])[due - 1] if due else None
        if in_force is None or in_force not in by or said.origin != in_force.name:
            self.finding(where, number, "wrong_key")
            return None
        return said

    # -- the log ------------------------------------------------------------------------------------------------------

    def entry(self, index: int, head: Head) -> None:
        """The next entry of the whole log."""
        self._open()
        if index != self._growing.size:
            self.finding("(log)", self._growing.size, "missing")
        place = self._growing.size
        for _ in self._growing.append(tree.leaf(head.line)):
            pass
        if self._growing.size in self._wanted:
            self._roots[self._growing.size] = self._growing.root
        its = self._entries.setdefault(head.chain, [])
        if head.seq <= (
            its[-1][0] if its else 0
        ):  # a chain only grows: its newest entry is what its family is shown as its end
            self.finding("(log)", place, "forked")
        its.append((head.seq, head.hash, place))

    def proof(self, index: int, head: Head, size: int, path: Sequence[bytes]) -> None:
        """Instead of the whole log: that the newest checkpoint has this head."""
        self._open()
        self._whole_log = False
        newest = self.looked.newest
        if newest is None or size != newest.size or not tree.is_included(head.line, index, size, path, newest.root):
            self.finding("(log)", index, "forked")
            return
        self._entries.setdefault(head.chain, []).append((head.seq, head.hash, index))

    def no_log(self) -> None:
        """Neither the log nor a proof: the chain is in no checkpoint yet."""
        self._whole_log = False

    def consistency(self, first: int, size: int, path: Sequence[bytes]) -> None:
        """Instead of the whole log: that the newest checkpoint goes on from the ones of this size that the reader has kept."""
        self._open()
        self._whole_log = False
        newest = self.looked.newest
        if newest is None or size != newest.size:
            return
        for number, held in self._held:
            if held.size == first:
                fits = tree.is_consistent(first, held.root, size, newest.root, path)
                self._consistent[number] = self._consistent.get(number, False) or fits

    def _close_log(self) -> None:
        if self._log_done:
            return
        self._open()
        self._log_done = True
        self.looked.entries = self._growing.size
        self._compare_whole() if self._whole_log else self._compare_proofs()
        stamps = [(said.size, said.at) for _, said in self._said]
        in_order = stamps == sorted(stamps)
        self._since = self.looked.newest.at if self.looked.newest else None
        if self._whole_log and in_order:
            # what a reader has kept says when, like the record's own: it may have been taken out of the record since
            kept = [(said.size, said.at) for _, said in self._held if self._roots.get(said.size) == said.root]
            stamps = sorted(stamps + kept)
            self._since = max((at for _, at in stamps), default=None)
        sizes = [size for size, _ in stamps]
        for chain, entries in self._entries.items():
            marks = self._marked.setdefault(chain, [])
            for seq, last, index in entries:
                by = bisect_right(sizes, index) if in_order else _first_above(sizes, index)
                signed = stamps[by][1] if by < len(stamps) else None
                marks.append(Mark(seq, last, signed, stamps[by - 1][1] if 0 < by <= len(stamps) else None))

    def _compare_whole(self) -> None:
        for where, all_ in (("(checkpoint)", self._said), ("(kept)", self._held)):
            for number, said in all_:
                if said.size > self._growing.size:
                    self.finding("(log)", self._growing.size, "missing")
                elif self._roots[said.size] != said.root:
                    self.finding(where, number, "forked")
        signed = self._said[-1][1].size if self._said else 0
        if self._growing.size > signed:
            self.finding("(log)", signed, "extra")

    def _compare_proofs(self) -> None:
        newest = self.looked.newest
        for number, held in self._held:
            if newest is None or held.size > newest.size:
                self.finding("(log)", newest.size if newest else 0, "missing")
            elif held.size == newest.size:
                if held.root != newest.root:
                    self.finding("(kept)", number, "forked")
            elif held.size and number not in self._consistent:
                self.looked.unproven.append(held.size)
                self.finding("(kept)", number, "unproven")
            elif held.size and not self._consistent[number]:
                self.finding("(kept)", number, "forked")

    # -- chains -------------------------------------------------------------------------------------------------------

    def chain(self, name: str, after: int = 0, last: bytes = START) -> None:
        """A chain begins; or goes on behind row ``after``, whose hash was ``last``."""
        self._close_log()
        if self._at is not None:
            self.end()
        self._seen.add(name)
        self.looked.chains += 1
        marks = sorted((one for one in self._marked.get(name, ()) if one.seq > after), key=lambda one: one.seq)
        self._at = _Chain(name, marks, self._since, after, last if after else START)

    def row(
        self,
        seq: int,
        at: tuple[int, int] | None,
        digest: bytes,
        previous: bytes,
        stored: bytes,
        told: Head | None = None,
    ) -> None:
        """The next row of the chain. ``at``: its first and last possible moment; None where the reader is shown neither. ``told``: of a row
        of the chain apart, where another chain ends."""
        chain = self._at
        assert chain is not None  # a chain began
        self.looked.rows += 1
        if seq > chain.count + 1:
            self.finding(chain.name, chain.count + 1, "missing")
        elif seq <= chain.count or previous != chain.last:
            self.finding(chain.name, seq, "out_of_order")
        sound = hash_of(previous, digest) == stored
        if not sound:
            self.finding(chain.name, seq, "altered")
        while chain.next < len(chain.marks) and chain.marks[chain.next].seq < seq:
            chain.next += 1
        mark = chain.marks[chain.next] if chain.next < len(chain.marks) else None
        if mark is not None and mark.seq == seq and mark.hash != stored and not chain.forked:
            chain.forked = True
            self.finding(chain.name, seq, "forked")
        if mark is not None:
            self.looked.covered += 1
        if sound and at is not None:
            self._time(chain, seq, at, mark)
        if sound and told is not None and mark is not None:
            self._tell(seq, told, mark)
        chain.count, chain.last = seq, stored

    def _time(self, chain: _Chain, seq: int, at: tuple[int, int], mark: Mark | None) -> None:
        first, last = at
        if self.looked.first_at is None or first < self.looked.first_at:
            self.looked.first_at = first
        low = mark.before if mark is not None else chain.since
        before = max((one for one in (low, chain.latest) if one is not None), default=None)
        if before is not None and last < before - TOLERANCE_MS:
            self.finding(chain.name, seq, "back_dated")
        elif mark is not None and mark.signed is not None and first > mark.signed + TOLERANCE_MS:
            self.finding(chain.name, seq, "post_dated")
        chain.latest = first if chain.latest is None else max(chain.latest, first)

    def _tell(self, seq: int, head: Head, mark: Mark) -> None:
        """Row ``seq`` of the chain apart, which ``mark`` covers, says where another chain ended then: as an entry of the log does."""
        its = self._marked.setdefault(head.chain, [])
        end = self._apart.get(head.chain)
        if end is None:
            end = max((one.seq for one in its), default=0)  # it may have been in the log before
        if head.seq <= end:
            self.finding(APART, seq, "forked")
        its.append(Mark(head.seq, head.hash, mark.signed, mark.before))
        self._apart[head.chain] = max(head.seq, end)

    def head(self, seq: int, last: bytes) -> None:
        """The chain ends, and its head says how."""
        chain = self._at
        assert chain is not None  # a chain began
        if chain.count < seq:
            self.finding(chain.name, chain.count + 1, "missing")
        elif chain.count > seq:
            self.finding(chain.name, seq + 1, "extra")
        elif chain.last != last:
            self.finding(chain.name, seq, "altered")
        self.end()

    def end(self, *, more: bool = False) -> None:
        """The chain ends, for now if there is ``more``: what a checkpoint has seen of it must be there."""
        chain, self._at = self._at, None
        assert chain is not None  # a chain began
        self.ended_at = chain.count, chain.last
        if not more and any(mark.seq > chain.count for mark in chain.marks):
            self.finding(chain.name, chain.count + 1, "missing")

    def done(self) -> list[Finding]:
        """Everything is in: what was found, sorted."""
        self._close_log()
        if self._at is not None:
            self.end()
        if self._whole_log:
            for chain in self._entries.keys() | self._apart.keys():
                if chain not in self._seen:
                    self.finding(chain, 1, "missing")
        return sorted(self.found)


def _first_above(sizes: Sequence[int], index: int) -> int:
    return next((by for by, size in enumerate(sizes) if size > index), len(sizes))


# -- an export ----------------------------------------------------------------------------------------------------------


def check_lines(
    lines: Iterable[str], *, trusted: Verifier | None = None, kept: Sequence[str] = ()
) -> tuple[Looked, list[Finding]]:
    """Check an export, line by line. A line that is none ends the check: nothing behind it can be believed."""
    check = Check(trusted, kept)
    state = _Reading()
    number = 0
    for number, line in enumerate(lines, 1):
        try:
            _feed(check, state, json.loads(line), number)
        except (KeyError, TypeError, ValueError, AssertionError, AttributeError, RecursionError, OverflowError):
            return check.looked, [Finding("(file)", number, "unreadable")]
    if not state.ended:
        check.finding("(file)", number + 1, "missing")
    return check.looked, check.done()


@dataclass(slots=True)
class _Reading:
    kind: str = ""
    chain: str = ""
    chains: int = 0
    stage: int = 0
    ended: bool = False


#: In which order the lines come.
_STAGE: Final = {
    "record": 0, "key": 1, "checkpoint": 2, "entry": 3, "proof": 3, "consistency": 4, "chain": 5, "row": 5, "head": 5, "more": 5,
    "end": 6,
}  # fmt: skip


def _feed(check: Check, state: _Reading, it: Mapping[str, Any], number: int) -> None:
    kind = it["is"]
    if (kind == "record") != (number == 1) or state.ended or _STAGE[kind] < state.stage:
        raise ValueError("not in this place")
    state.stage = _STAGE[kind]
    match kind:
        case "record":
            if it["format"] not in FORMATS or it["kind"] not in ("family", "proof", "blind"):
                raise ValueError("of another format")
            state.kind = it["kind"]
            if state.kind != "blind":
                check.no_log()
        case "key":
            hand_over = it["hand_over"]
            check.key(_text(it["key"]), _whole(it["since"]), None if hand_over is None else _text(hand_over))
        case "checkpoint":
            check.checkpoint(_text(it["note"]))
        case "entry":
            _only(state, "blind")
            check.entry(_whole(it["index"]), _head(it))
        case "proof":
            _only(state, "family", "proof")
            check.proof(_whole(it["index"]), _head(it), _whole(it["size"]), [_hex(one) for one in it["path"]])
        case "consistency":
            _only(state, "family", "proof")
            check.consistency(_whole(it["from"]), _whole(it["size"]), [_hex(one) for one in it["path"]])
        case "chain":
            state.chain, after = _text(it["chain"]), _whole(it["after"])
            before = _hex(it["hash"])
            if (before != START) if after == 0 else (state.kind != "proof"):
                raise ValueError("a chain begins at its start")
            if state.chain == APART and state.chains:
                raise ValueError("the chain apart says where the others end, and stands before them")
            state.chains += 1
            check.chain(state.chain, after, before)
        case "row":
            _row(check, state, it)
        case "head":
            check.head(_whole(it["seq"]), _hex(it["hash"]))
        case "more":
            _only(state, "proof")
            check.end(more=True)
        case "end":
            if it["lines"] != number:
                raise ValueError("so many lines it has not")
            state.ended = True
        case _:
            raise ValueError("of no kind that is known")


def _row(check: Check, state: _Reading, it: Mapping[str, Any]) -> None:
    seq, previous, stored = _whole(it["seq"]), _hex(it["previous"]), _hex(it["hash"])
    at: tuple[int, int] | None = None
    told: Head | None = None
    if "salt" in it:
        if state.chain != APART:
            _only(state, "family", "proof")
        moment = _whole(it["at"])
        at = moment, moment
        question, verdict, rules, rulebook = (_text(it[name]) for name in ("question", "verdict", "rules", "rulebook"))
        body = audit.body_of(_hex(it["salt"], audit.SALT), state.chain, seq, question, verdict, rules, rulebook)
        stamp = audit.stamp_of(_hex(it["time"], audit.SALT, 2 * audit.SALT), moment)
        digest = audit.digest_of(stamp, audit.rest_of(body, _hex(it["people"])))
        told = checkpoints.told(rules) if state.chain == APART else None
        check.looked.open_rows += 1
    elif "rest" in it:
        _only(state, "blind")
        if state.chain == APART:
            raise ValueError("a row of the chain apart is open")
        at, stamp = _of_the_hour(it) if "hour" in it else _of_before(it)
        digest = audit.digest_of(stamp, _hex(it["rest"]))
    else:
        _only(state, "family", "proof")
        digest = _hex(it["digest"])
    check.row(seq, at, digest, previous, stored, told)


def _of_the_hour(it: Mapping[str, Any]) -> tuple[tuple[int, int], bytes]:
    """What a blind row says of its time."""
    hour = _whole(it["hour"])
    first, last = hour * HOUR, _whole(hour * HOUR + HOUR - 1)
    return (first, last), audit.hour_stamp_of(_hex(it["time"], audit.SALT), hour, _hex(it["moment"]))


def _of_before(it: Mapping[str, Any]) -> tuple[tuple[int, int], bytes]:
    """The same of a row that has no hour of its own."""
    at = _whole(it["at"])
    return (at, at), audit.stamp_of(_hex(it["time"], audit.SALT), at)


def _head(it: Mapping[str, Any]) -> Head:
    return Head(_text(it["chain"]), _whole(it["seq"]), _hex(it["hash"]))


def _only(state: _Reading, *kinds: str) -> None:
    if state.kind not in kinds:
        raise ValueError("not in this kind of export")


def _text(it: Any) -> str:
    if not isinstance(it, str):
        raise TypeError("not a text")
    return it


def _whole(it: Any) -> int:
    """A number that every language writes the same way."""
    if not isinstance(it, int) or isinstance(it, bool) or not 0 <= it <= 2**53 - 1:
        raise TypeError("not a whole number")
    return it


def _hex(it: Any, *lengths: int) -> bytes:
    """Bytes as small hexadecimal letters, in the one way to write them: 32, or as many as is said."""
    raw = bytes.fromhex(_text(it))
    if len(raw) not in (lengths or (32,)) or raw.hex() != it:
        raise ValueError("not so many bytes")
    return raw
