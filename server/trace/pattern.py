"""The pattern of the mark, and how it is laid on a picture.

**Tile.** 16 x 16 cells: 64 pilots, whose signs the detector knows, and 192 cells that carry ``code.encode(id)`` times a scrambling sign.
Places and signs come from HKDF-SHA-256 of the deployment's 32-byte key (no salt; the labels below). Whoever has the key can read and
forge marks, and the senders' browsers have it: it keeps strangers out, not users.

**Picture.** The tile is repeated over the frame, a cell being 1/80 of the longer side, and its edges are softened. At time t (the frame's
own timestamp, so dropped frames do no harm) the luma becomes

    y' = clamp(y + q_m)        q_m = floor(A * m/12 * p + d)        m = round(12 * cos(2 pi (t * 1 Hz + quarter/4)))

with the pattern p in [-1, 1], a fixed dither d in [0, 1) and the amplitude A. Only 25 pictures q_m exist, so a sender makes them once
and afterwards only adds. Recipients of one sender get different ``quarter``s, 90 degrees apart, so that an average of
two copies does not cancel.

Everything is a whole number over a known denominator: A in 32nds, p in 65,536ths, d in 512ths. So JavaScript makes the same bytes;
``tests/data/mark_vectors.json`` is what it is held to. Nothing here may change without a new label: recordings outlive us.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from server.trace import code

Ints = npt.NDArray[np.int64]
Luma = npt.NDArray[np.uint8]
Pattern = npt.NDArray[np.int8]

KEY_BYTES: Final = 32
CELLS: Final = 16
PILOTS: Final = CELLS * CELLS - code.CHIPS  # 64
#: Cells along the longer side of the picture: 8 pixels a cell at 640 x 480, which is what was measured.
ACROSS: Final = 80
LEVELS: Final = 12
HZ: Final = 1.0
#: A = 103/32: 42 dB at 640 x 480 (`tests/unit/test_mark_code.py`).
AMPLITUDE_32NDS: Final = 103
DITHER: Final = (61, 67)  # rows, columns; prime to each other and to the tile, so that dither and tile never beat
#: Softening of the edges, a Gaussian of about an eighth of a cell, as whole 256ths: (widest cell in pixels, half of the taps).
TAPS: Final = ((5, (202, 27)), (11, (102, 62, 14, 1)), (1 << 30, (50, 45, 31, 17, 7, 2, 1)))


@dataclass(frozen=True)
class Tile:
    """What the key says: where each sign goes, and which it is."""

    pilot_cells: Ints  #: 64 cell numbers, row * 16 + column
    pilot_signs: code.Signs
    payload_cells: Ints  #: 192 cell numbers, in the order of the code's chips
    payload_signs: code.Signs  #: the scrambling
    dither: Luma  #: ``DITHER`` bytes

    def signs(self, mark_id: int) -> code.Signs:
        """The 16 x 16 signs that carry this id."""
        cells = np.empty(CELLS * CELLS, np.int8)
        cells[self.pilot_cells] = self.pilot_signs
        cells[self.payload_cells] = code.encode(mark_id) * self.payload_signs
        return cells.reshape(CELLS, CELLS)

    def pilots(self) -> code.Signs:
        """The 16 x 16 signs of the pilots, 0 elsewhere."""
        cells = np.zeros(CELLS * CELLS, np.int8)
        cells[self.pilot_cells] = self.pilot_signs
        return cells.reshape(CELLS, CELLS)

    def chips(self, cells: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
        """The 192 soft chips in a 16 x 16 array of cells as they were seen."""
        return np.asarray(cells.reshape(-1)[self.payload_cells] * self.payload_signs, np.float64)


def tile(key: bytes) -> Tile:
    """The tile of a deployment."""
    if len(key) != KEY_BYTES:
        raise ValueError("the key of the mark has 32 bytes")
    # Fisher and Yates's shuffle, from the top, each draw a big-endian 32-bit number modulo what is left.
    draws = np.frombuffer(_stream(key, "ringfence mark 1 places", 4 * CELLS * CELLS), ">u4")
    cells = list(range(CELLS * CELLS))
    for top in range(CELLS * CELLS - 1, 0, -1):
        other = int(draws[top]) % (top + 1)
        cells[top], cells[other] = cells[other], cells[top]
    # One bit a cell, the most significant first; 0 is +1. The first 64 of the shuffled cells are the pilots.
    bits = np.unpackbits(np.frombuffer(_stream(key, "ringfence mark 1 signs", CELLS * CELLS // 8), np.uint8))
    signs = (1 - 2 * bits.astype(np.int8)).astype(np.int8)
    dither = np.frombuffer(_stream(key, "ringfence mark 1 dither", DITHER[0] * DITHER[1]), np.uint8)
    places = np.array(cells, np.int64)
    return Tile(places[:PILOTS], signs[:PILOTS], places[PILOTS:], signs[PILOTS:], dither.reshape(DITHER))


def _stream(key: bytes, label: str, length: int) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=length, salt=None, info=label.encode()).derive(key)


def shape(signs: code.Signs, width: int, height: int) -> Ints:
    """The softened pattern p over the whole picture, in 65,536ths: row by row, then column by column."""
    longer = max(width, height)
    taps = next(taps for widest, taps in TAPS if longer // ACROSS <= widest)
    reach = len(taps) - 1
    rows = np.arange(-reach, height + reach) * ACROSS // longer % CELLS
    columns = np.arange(-reach, width + reach) * ACROSS // longer % CELLS
    cells = signs.astype(np.int64)[rows[:, None], columns[None, :]]
    across = np.zeros((height + 2 * reach, width), np.int64)
    plane = np.zeros((height, width), np.int64)
    for k in range(-reach, reach + 1):
        across += taps[abs(k)] * cells[:, reach + k : reach + k + width]
    for k in range(-reach, reach + 1):
        plane += taps[abs(k)] * across[reach + k : reach + k + height]
    return plane


def patterns(the_tile: Tile, mark_id: int, width: int, height: int) -> list[Pattern]:
    """The 25 pictures q_m, m = -12 .. 12."""
    p = shape(the_tile.signs(mark_id), width, height)
    repeat = (-(-height // DITHER[0]), -(-width // DITHER[1]))
    d = 2 * np.tile(the_tile.dither.astype(np.int64), repeat)[:height, :width] + 1  # in 512ths
    one = LEVELS * 32 * 65536  # A * m/12 * p and d over one denominator
    return [((AMPLITUDE_32NDS * m * p + d * (one // 512)) // one).astype(np.int8) for m in range(-LEVELS, LEVELS + 1)]


def level(seconds: float, quarter: int = 0) -> int:
    """m at this timestamp. Half a level rounds up, as JavaScript rounds."""
    return math.floor(LEVELS * math.cos(2 * math.pi * (seconds * HZ + quarter / 4)) + 0.5)


def add(luma: Luma, made: list[Pattern], seconds: float, quarter: int = 0) -> Luma:
    """The marked luma of one frame."""
    moved = luma.astype(np.int16) + made[level(seconds, quarter) + LEVELS]
    return np.asarray(np.clip(moved, 0, 255), np.uint8)
