"""The code of the mark: 32 bits to 192 signs and back.

A tail-biting convolutional code of rate 1/6 and memory 8 (256 states). The bits run through a register that begins with its own end, so
that no bit is better protected than another and none is spent on a tail. Bit ``t`` (the most significant of the id first) gives the signs
``6t .. 6t+5``, one for each polynomial; a parity of 0 is +1 and a parity of 1 is -1. A polynomial is written in octal; its highest
bit weighs the newest bit of the register.

The polynomials may never change, or marks already in recordings become unreadable. They were chosen with care: an earlier set
made the inverse of one codeword nearly the codeword of another id, and a recording of two averaged copies then named somebody
who was never there. ``tests/unit/test_mark_code.py`` holds them to it.

There is no checksum inside. Whether a reading counts is decided by its correlation and by the table of issued ids.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

Signs = npt.NDArray[np.int8]
Floats = npt.NDArray[np.float32]

POLYNOMIALS: Final = (0o531, 0o565, 0o755, 0o707, 0o677, 0o431)
MEMORY: Final = 8
STATES: Final = 1 << MEMORY
BITS: Final = 32
RATE: Final = len(POLYNOMIALS)
CHIPS: Final = BITS * RATE  # 192
#: The decoder runs twice around the circle, forwards and backwards, to learn where it may begin; then it tries the likeliest places,
#: for a path must end where it began.
TURNS: Final = 2
BEGINNINGS: Final = 8


def _windows() -> Signs:
    """The six signs of each of the 512 possible contents of register and newest bit."""
    return np.array(
        [[1 - 2 * ((window & one).bit_count() & 1) for one in POLYNOMIALS] for window in range(2 * STATES)],
        dtype=np.int8,
    )


_SIGNS: Final = _windows()


def encode(mark_id: int) -> Signs:
    """The 192 signs of an id."""
    if not 0 <= mark_id < 1 << BITS:
        raise ValueError("an id has 32 bits")
    # The register at step t holds bits t, t-1 .. t-8 around the circle, the newest highest.
    bits = [mark_id >> (BITS - 1 - t) & 1 for t in range(BITS)]
    windows = [sum(bits[(t - age) % BITS] << (MEMORY - age) for age in range(MEMORY + 1)) for t in range(BITS)]
    return _SIGNS[windows].reshape(CHIPS)


def decode(chips: npt.NDArray[np.floating]) -> npt.NDArray[np.uint32]:
    """The likeliest id of each row of 192 soft chips (shape ``(n, 192)``); always an answer, be it nonsense."""
    count = chips.shape[0]
    steps = np.asarray(chips, dtype=np.float32).reshape(count, BITS, RATE)
    branch = steps @ _SIGNS.T.astype(np.float32)  # (n, 32, 512): how well each window fits each step
    before = after = np.zeros((count, STATES), np.float32)
    for _ in range(TURNS):
        before, _older = _turn(before, branch)
        after = _back(after, branch)
    begin = np.argpartition(before + after, STATES - BEGINNINGS, axis=1)[:, -BEGINNINGS:].reshape(-1)
    rows = np.arange(count * BEGINNINGS)
    metric = np.full((count * BEGINNINGS, STATES), -np.inf, np.float32)
    metric[rows, begin] = 0
    metric, older = _turn(metric, np.repeat(branch, BEGINNINGS, axis=0))
    best = metric[rows, begin].reshape(count, BEGINNINGS).argmax(axis=1) + np.arange(count) * BEGINNINGS
    state = begin[best]
    ids = np.zeros(count, np.uint32)
    for step in reversed(range(BITS)):
        window = state << 1 | older[step, best, state]
        ids |= (window >> MEMORY).astype(np.uint32) << np.uint32(BITS - 1 - step)
        state = window & (STATES - 1)
    return ids


def _turn(metric: Floats, branch: Floats) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Once around the circle: the metric of each state, and at each step which of its two predecessors won."""
    count = metric.shape[0]
    older = np.empty((BITS, count, STATES), bool)
    for step in range(BITS):
        # A new state n comes from the windows 2n and 2n+1; a window's low 8 bits are the state it began in.
        reach = (branch[:, step].reshape(count, 2, STATES) + metric[:, None, :]).reshape(count, STATES, 2)
        older[step] = reach[..., 1] > reach[..., 0]
        metric = np.maximum(reach[..., 0], reach[..., 1])
    return metric, older


def _back(metric: Floats, branch: Floats) -> Floats:
    """Once around the circle against the time: the metric of all that may follow each state."""
    count = metric.shape[0]
    leads_to = np.arange(2 * STATES) >> 1
    for step in reversed(range(BITS)):
        metric = (branch[:, step] + metric[:, leads_to]).reshape(count, 2, STATES).max(axis=1)
    return metric


def correlation(chips: npt.NDArray[np.floating], mark_id: int) -> float:
    """rho: 1 when the soft chips are the codeword of the id, about 0.2 for another, whatever their scale."""
    length = float(np.linalg.norm(chips))
    if length == 0 or not np.isfinite(length):
        return 0.0
    return float(np.dot(chips, encode(mark_id))) / (length * math.sqrt(CHIPS))
