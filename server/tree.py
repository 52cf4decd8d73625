"""The Merkle tree of a transparency log (RFC 9162 section 2.1, the same as RFC 6962): one hash over a growing list, and short proofs.

    hash of an entry    SHA-256(0x00 || entry)
    hash of a node      SHA-256(0x01 || left || right)

A list of n entries is split at the largest power of two below n. So whatever is left of the last few entries consists of whole
subtrees, and these never change again: they are stored once (``level`` and ``place``), and a root or a proof over millions
of entries needs a few dozen of them. Everything here is arithmetic on such *ranges* of the list; where hashes come from is the
caller's business (a dictionary in a test, a table in ``checkpoints.py``).

The two checks at the end are the RFC's own algorithms, written down as it writes them. They trust nothing that is given.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

EMPTY: Final = hashlib.sha256(b"").digest()  #: the root of no entries

Range = tuple[int, int]  #: entries from the first number up to before the second
Place = tuple[
    int, int
]  #: (level, place): the whole subtree over the entries from place << level on, 1 << level of them


def leaf(entry: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + entry).digest()


def node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def _split(size: int) -> int:
    """The largest power of two below ``size``."""
    return 1 << (size - 1).bit_length() - 1


def whole(part: Range) -> list[Place]:
    """The whole subtrees of which this range consists, from the left. A range that comes up here begins at a multiple of its parts."""
    low, high = part
    found = []
    while low < high:
        level = (high - low).bit_length() - 1
        found.append((level, low >> level))
        low += 1 << level
    return found


def hash_of(part: Range, nodes: Mapping[Place, bytes]) -> bytes:
    """The hash of a range, from the whole subtrees in it."""
    parts = whole(part)
    if not parts:
        return EMPTY
    found = nodes[parts[-1]]
    for place in reversed(parts[:-1]):
        found = node(nodes[place], found)
    return found


def inclusion(index: int, size: int) -> list[Range]:
    """The ranges whose hashes prove that entry ``index`` is among the first ``size`` (RFC 9162 - 2.1.3.1)."""
    low, high, found = 0, size, []
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            found.append((middle, high))
            high = middle
        else:
            found.append((low, middle))
            low = middle
    return found[::-1]


def consistency(first: int, size: int) -> list[Range]:
    """The ranges whose hashes prove that the first ``first`` entries are still the first of ``size`` (RFC 9162 - 2.1.4.1)."""
    low, high, found, on_the_edge = 0, size, [], True
    while first < high:
        middle = low + _split(high - low)
        if first <= middle:
            found.append((middle, high))
            high = middle
        else:
            found.append((low, middle))
            low, on_the_edge = middle, False
    return ([] if on_the_edge else [(low, high)]) + found[::-1]


class Growing:
    """A tree that only grows: its root at any moment, and the whole subtrees that each entry completes."""

    def __init__(self, size: int = 0, edge: Sequence[bytes] = ()) -> None:
        """``edge``: the hashes of ``whole((0, size))``, for going on with a tree that is stored."""
        self.size = size
        self._edge = list(edge)

    def append(self, hashed: bytes) -> Iterator[tuple[Place, bytes]]:
        """Take one more leaf's hash; every whole subtree that there is now and was not before."""
        yield (0, self.size), hashed
        self.size += 1
        self._edge.append(hashed)
        for level in range(1, (self.size & -self.size).bit_length()):
            right, left = self._edge.pop(), self._edge.pop()
            self._edge.append(node(left, right))
            yield (level, (self.size >> level) - 1), self._edge[-1]

    @property
    def root(self) -> bytes:
        if not self._edge:
            return EMPTY
        found = self._edge[-1]
        for left in reversed(self._edge[:-1]):
            found = node(left, found)
        return found


def is_included(entry: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """RFC 9162 - 2.1.3.2."""
    if not 0 <= index < size:
        return False
    fn, sn, r = index, size - 1, leaf(entry)
    for p in path:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            r = node(p, r)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = node(r, p)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and r == root


def is_consistent(first: int, first_root: bytes, size: int, root: bytes, path: Sequence[bytes]) -> bool:
    """RFC 9162 - 2.1.4.2. Nothing is consistent with everything; a tree is consistent with itself, and that needs no proof."""
    if not 0 <= first <= size:
        return False
    if first == 0:
        return not path and first_root == EMPTY
    if first == size:
        return not path and first_root == root
    if not path:
        return False
    steps = list(path)
    if first & (first - 1) == 0:
        steps.insert(0, first_root)
    fn, sn = first - 1, size - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = steps[0]
    for c in steps[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = node(c, fr), node(c, sr)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node(sr, c)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and fr == first_root and sr == root
