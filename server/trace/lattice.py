"""Where the tile lies: what swings once a second, and the lattice in its spectrum.

1. *Residual.* A pixel less its eight neighbours some pixels away, each difference cut at a few steps of luma: the scene's edges, which are
   large, count no more than the mark, which is small. (A 9 x 9 mean and deviation, as first tried, lost moving scenes sooner.)
2. *Lock-in.* Each pixel's course is fitted with 1, t, cos and sin of the carrier. Cosine and sine together are one complex number, whose
   phase is the moment at which the recording began in the sender's second; what stands still or drifts is gone. Pixels that are restless
   besides count for less. The course is taken twice: of the frames as they are, and of what each brings anew (`motion.py`).
3. *Lattice.* A tile that repeats puts its energy on the points of a lattice in the spectrum. The spectrum is levelled by its surroundings
   and its peaks are cut, so that no single line (a bookshelf, the codec's grid) decides; then 200,000 guesses of scale, stretch and
   turn are scored by the 162 lowest points off the axes, and the best few are refined until they fit over the whole picture.

A placement is a 2 x 2 matrix that takes a pixel to the tile (in tiles); where in the tile the picture begins is found with the pilots.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from server.trace.pattern import ACROSS, CELLS

Plane = npt.NDArray[np.float32]
Complex = npt.NDArray[np.complex64]
Matrix = npt.NDArray[np.float64]
Luma = npt.NDArray[np.uint8]
Residual = npt.NDArray[np.int8]

#: Share of the usual restlessness that every pixel is granted: without it a bar or a still window would outweigh the picture.
RESTLESS: Final = 1.0
#: Cycles per pixel up to which the spectrum is kept: beyond it no codec leaves anything of a faint pattern.
HIGHEST: Final = 0.3
PEAK: Final = 8.0
POINTS: Final = 9  #: lattice points 1..9 along each axis; the sixteenth would be the cell's own zero
TILE: Final = 128.0  #: pixels of a tile at scale 1
SCALES: Final = (0.3, 2.4, 0.012)  #: from, to, step
ASPECTS: Final = (0.7, 1.43, 0.015)
TURNS: Final = (-3.2, 3.2, 0.29)  #: degrees
CHUNK: Final = 8192
ROWS: Final = 16  #: of pixels that are fitted together


@dataclass(frozen=True)
class Sieve:
    """How a residual is taken."""

    reach: int  #: pixels to the neighbours
    cut: int  #: steps of luma

    @property
    def ways(self) -> tuple[tuple[int, int], ...]:
        return tuple((self.reach * y, self.reach * x) for y in (-1, 0, 1) for x in (-1, 0, 1) if x or y)


FRAMES: Final = Sieve(6, 2)
#: Where the scene has been taken out already, there is less to be guarded against.
NEWS: Final = Sieve(4, 4)


@dataclass(frozen=True)
class Spectrum:
    """Power of the locked-in picture, zero frequency in the middle."""

    level: Plane  #: power over its surroundings, cut at ``PEAK``
    around: Plane  #: the surroundings: the noise there
    per_cycle: tuple[float, float]  #: bins per (cycle per pixel), across and down
    middle: tuple[int, int]


def residual(luma: Luma, by: Sieve = FRAMES) -> Residual:
    """What is left of a frame when its shapes and its contrast are taken out. ``ring_gain`` is what it does to a faint wave."""
    height, width = luma.shape
    edge = by.reach
    wide = cv2.copyMakeBorder(luma, edge, edge, edge, edge, cv2.BORDER_REFLECT).astype(np.int16)
    total = np.zeros((height, width), np.int16)
    for down, right in by.ways:
        there = wide[edge + down : edge + down + height, edge + right : edge + right + width]
        difference = wide[edge : edge + height, edge : edge + width] - there
        total += np.clip(difference, -by.cut, by.cut, out=difference)
    return total.astype(np.int8)


def ring_gain(fx: Matrix, fy: Matrix, by: Sieve) -> Matrix:
    """Share of a wave of this frequency (cycles per pixel) that ``residual`` keeps."""
    return np.asarray(1 - np.mean([np.cos(2 * np.pi * (fx * right + fy * down)) for down, right in by.ways], axis=0))


def lock_in(residuals: Sequence[Residual], times: Sequence[float], hz: float) -> Complex:
    """One complex number a pixel: how it swings at this rate."""
    t = np.asarray(times) - np.mean(times)
    course = np.stack([np.ones_like(t), t, np.cos(2 * np.pi * hz * t), np.sin(2 * np.pi * hz * t)], axis=1)
    basis, triangle = np.linalg.qr(course)
    height, width = residuals[0].shape
    sums = np.empty((4, height, width), np.float32)
    squares = np.empty((height, width), np.float32)
    for top in range(0, height, ROWS):
        some = np.stack([one[top : top + ROWS] for one in residuals]).astype(np.float32).reshape(len(t), -1)
        shape = -1, min(ROWS, height - top), width
        sums[:, top : top + ROWS] = (basis.T.astype(np.float32) @ some).reshape(shape)
        squares[top : top + ROWS] = np.einsum("np,np->p", some, some).reshape(shape[1:])
    inverse = np.linalg.inv(triangle)
    swing = sum((inverse[2, k] + 1j * inverse[3, k]) * sums[k] for k in (2, 3))
    rest = np.maximum(squares - (sums * sums).sum(axis=0), 0) / max(len(t) - 4, 1)
    rest = cv2.boxFilter(rest, -1, (5, 5))
    weight = 1 / (rest + RESTLESS * float(np.median(rest)) + 1e-6)
    return np.asarray(swing * weight, np.complex64)


def spectrum(swing: Complex) -> Spectrum:
    """The power spectrum of a locked-in picture, and its level."""
    height, width = swing.shape
    down, across = (cv2.getOptimalDFTSize(max(256, int(1.6 * side))) for side in (height, width))
    padded = np.zeros((down, across), np.complex64)
    edge = (np.hanning(height + 2)[1:-1] ** 0.25)[:, None] * (np.hanning(width + 2)[1:-1] ** 0.25)[None, :]
    padded[:height, :width] = swing * edge
    whole = np.fft.fftshift(np.abs(np.fft.fft2(padded)) ** 2).astype(np.float32)
    keep_y, keep_x = int(HIGHEST * down), int(HIGHEST * across)
    power = np.ascontiguousarray(
        whole[down // 2 - keep_y : down // 2 + keep_y + 1, across // 2 - keep_x : across // 2 + keep_x + 1]
    )
    reach = (31, 31)
    around = cv2.blur(power, reach) + 1e-20
    around = 1.15 * cv2.blur(np.minimum(power, 4 * around), reach) + 1e-20
    level = np.minimum(power / around, PEAK)
    level /= max(float(level.mean()), 1e-12)  # a black clip has none
    return Spectrum(np.asarray(level, np.float32), np.asarray(around, np.float32), (across, down), (keep_x, keep_y))


@cache
def _harmonics() -> tuple[Matrix, Plane]:
    """The 162 lattice points of half a plane, off the axes, and what a cell's shape leaves at each."""
    points = np.array([(i, j) for i in range(1, POINTS + 1) for j in range(-POINTS, POINTS + 1) if j != 0], np.float64)
    return points, (np.sinc(points / CELLS) ** 2).prod(axis=1).astype(np.float32)


@cache
def _guesses() -> Matrix:
    """Every scale, stretch and turn that is tried, as a matrix from pixel to tile."""
    scales = np.exp(np.arange(np.log(SCALES[0]), np.log(SCALES[1]), SCALES[2]))
    aspects = np.exp(np.arange(np.log(ASPECTS[0]), np.log(ASPECTS[1]), ASPECTS[2]))
    turns = np.radians(np.arange(*TURNS))
    s, a, r = (one.ravel() for one in np.meshgrid(scales, aspects, turns, indexing="ij"))
    wide, high = TILE * s * np.sqrt(a), TILE * s / np.sqrt(a)
    cosine, sine = np.cos(r), np.sin(r)
    return np.stack([np.stack([cosine / wide, sine / wide], -1), np.stack([-sine / high, cosine / high], -1)], 1)


def scores(of: Spectrum, placements: Matrix) -> Plane:
    """How well each placement's lattice meets the peaks, in standard deviations of noise."""
    points, weights = _harmonics()
    found = np.empty(len(placements), np.float32)
    # A point's place in the array is linear in the matrix: one product each for across and down, in single precision.
    ways = [np.vstack([points.T * of.per_cycle[k], np.full(len(points), of.middle[k])]) for k in (0, 1)]
    across, down = (one.astype(np.float32) for one in ways)
    for start in range(0, len(placements), CHUNK):
        some = placements[start : start + CHUNK].astype(np.float32)
        ones = np.ones((len(some), 1), np.float32)
        x = np.hstack([some[:, :, 0], ones]) @ across
        y = np.hstack([some[:, :, 1], ones]) @ down
        seen = cv2.remap(of.level, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=1.0)
        found[start : start + CHUNK] = seen @ weights
    return np.asarray((found - weights.sum()) / np.sqrt(float((weights**2).sum())), np.float32)


def resized(width: int, height: int) -> Matrix:
    """The whole 4:3 picture stretched to the frame, letterboxed in it, or cropped by it."""
    across, down = ACROSS / CELLS, ACROSS * 3 / 4 / CELLS
    return np.array(
        [
            np.diag([across / width, down / height]),
            np.diag([down / height, down / height]),
            np.diag([across / width, across / width]),
        ]
    )


def search(of: Spectrum, width: int, height: int, count: int) -> Iterator[Matrix]:
    """Placements, refined: first those of a picture merely resized, which cost little to try, then the ``count`` likeliest of all."""
    tried: list[Matrix] = []
    for blind in (False, True):
        some = _likeliest(of, count) if blind else _plain(of, width, height)
        for _score, one in sorted(some, key=lambda found: -found[0]):
            if all(np.abs(one - other).max() > 0.002 * np.abs(other).max() for other in tried):
                tried.append(one)
                yield one


def _plain(of: Spectrum, width: int, height: int) -> list[tuple[float, Matrix]]:
    """Exactly resized, for a mark too faint to be refined by; and refined, for what is off by a pixel or two."""
    exact = resized(width, height)
    seen = scores(of, exact)
    both = [*zip(map(float, seen), exact, strict=True), *(refine(of, one, first=0.002) for one in exact)]
    return [one for one in both if one[0] > 0]


def _likeliest(of: Spectrum, count: int) -> list[tuple[float, Matrix]]:
    guesses = _guesses()
    seen = scores(of, guesses)
    chosen: list[Matrix] = []
    for k in np.argsort(-seen)[: 40 * count]:
        if len(chosen) == count:
            break
        if all(np.abs(guesses[k] - other).max() > 0.03 * np.abs(other).max() for other in chosen):
            chosen.append(guesses[k])
    return [refine(of, one) for one in chosen]


@cache
def _steps() -> Matrix:
    ways = np.array(np.meshgrid(*[(-1.0, 0.0, 1.0)] * 4)).reshape(4, -1).T
    return ways.reshape(-1, 2, 2)


def refine(of: Spectrum, placement: Matrix, first: float = 0.006) -> tuple[float, Matrix]:
    """Walk downhill in all four entries at once, in steps that shrink."""
    size = float(np.sqrt(abs(np.linalg.det(placement))))
    step, best, at = first * size, float(scores(of, placement[None])[0]), placement
    for _ in range(14):
        around = at + step * _steps()
        seen = scores(of, around)
        k = int(seen.argmax())
        if seen[k] > best:
            best, at = float(seen[k]), around[k]
        else:
            step *= 0.55
    return best, at
