"""The blind reading of a recording: is the mark there, and whose is it?

``lattice.py`` says where tiles may lie. For each such placement: fold the picture onto one tile; equalise it in the tile's own harmonics,
each weighed by the noise around it; find shift, mirroring and phase with the pilots; read 192 soft chips; decode. If that reads nothing,
the same with what each frame brings anew (``motion.py``), for a camera that moves; and then with each of those frames weighed by how much
of the pilots it shows. An id counts if the codeword correlates with the chips by ``bound.RHO`` or more *and* it was issued. Everything
else is no reading; a near miss is not told, because it would be taken for a name.

A clip is cut into spans of ``SPAN_S`` seconds and they are tried in turn until one reads: first the whole picture at most ``WORK`` wide;
then, of larger pictures, nine windows in full resolution (a call in a corner of a screen); then carriers a tenth faster and slower (a
recording played at another speed). Each decoding is one attempt; the bound counts them, and there are at most ``bound.MAX_ATTEMPTS``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice, pairwise
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from server.trace import bound, code, lattice, motion
from server.trace.pattern import CELLS, HZ, Tile

Luma = npt.NDArray[np.uint8]
Matrix = lattice.Matrix
Harmonics = npt.NDArray[np.complex128]
Issued = Mapping[int, str]  #: every id that was given out, and the pseudonymous row it leads to

SPAN_S: Final = 6.0
FEWEST: Final = 8  #: frames
SHORTEST_S: Final = 0.9  #: less than a swing cannot be told from a drift
WORK: Final = 640  #: pixels across; a larger picture is looked at in this size first
LARGE: Final = 700
CARRIERS: Final = (HZ, 1.1 * HZ, 0.9 * HZ)
PLACEMENTS: Final = 3
FOLD: Final = 64  #: samples of a folded tile along each side, four a cell
REACH: Final = 12  #: harmonics of the tile that are used
SHIFTS: Final = 128
WAYS: Final = 8  #: to lay a square: four quarter turns, each also mirrored


@dataclass(frozen=True)
class Reading:
    """What a clip says. ``mark_id`` is None for no reading, and then nothing else speaks of a mark."""

    mark_id: int | None
    row: str | None  #: what the issued table holds for it
    correlation: float | None
    attempts: int
    false_alarm: float | None  #: the bound for this correlation and these attempts
    at_s: float | None  #: where in the clip the span begins that was read
    looked_s: float  #: seconds of the clip that were looked at


@dataclass(frozen=True)
class Candidate:
    """One decoding. Stays inside; tests and trials look at it."""

    mark_id: int
    rho: float


def read(
    frames: Sequence[Luma],
    times: Sequence[float],
    tile: Tile,
    issued: Issued,
    *,
    progress: Callable[[float], None] = lambda _share: None,
) -> Reading:
    """Read a clip. ``frames`` are all of one size."""
    spans = list(_spans(times))
    attempts, looked = 0, float(sum(times[last - 1] - times[first] for first, last in spans))
    for candidate, at_s in islice(attempted(frames, times, tile, progress=progress), bound.MAX_ATTEMPTS):
        attempts += 1
        if candidate.rho >= bound.RHO and candidate.mark_id in issued:
            chance = bound.false_alarm(candidate.rho, attempts)
            return Reading(candidate.mark_id, issued[candidate.mark_id], candidate.rho, attempts, chance, at_s, looked)
    progress(1.0)
    return Reading(None, None, None, attempts, None, None, looked)


def attempted(
    frames: Sequence[Luma],
    times: Sequence[float],
    tile: Tile,
    *,
    progress: Callable[[float], None] = lambda _share: None,
) -> Iterator[tuple[Candidate, float]]:
    """Every decoding of a clip, the likeliest first, and where its span begins."""
    spans = list(_spans(times))
    looks = [(view, span) for view in _views(frames[0].shape if frames else (0, 0)) for span in spans]
    for done, (view, (first, last)) in enumerate(looks):
        progress(done / len(looks))
        part = [view.cut(one) for one in frames[first:last]]
        for candidate in candidates(part, times[first:last], tile, view.rates, weighing=view.weighing):
            yield candidate, float(times[first])


def candidates(
    frames: Sequence[Luma],
    times: Sequence[float],
    tile: Tile,
    rates: Sequence[float] = (HZ,),
    *,
    weighing: bool = True,
) -> Iterator[Candidate]:
    """The decodings of one span of one view: each placement by the course of the frames as they are, then by that of their news; all of
    it for one rate after the other."""
    courses = [([lattice.residual(one) for one in frames], times, lattice.FRAMES)]
    yield from _by_course(*courses[0], tile, rates[0], weighing=False)
    back = motion.lag(times)
    if len(frames) - back >= FEWEST:
        news = [lattice.residual(one, lattice.NEWS) for one in motion.news(frames, back)]
        courses.append((news, times[back:], lattice.NEWS))
        yield from _by_course(*courses[1], tile, rates[0], weighing=weighing)
    for hz in rates[1:]:
        for course in courses:
            yield from _by_course(*course, tile, hz, weighing=False)


def _by_course(
    residuals: Sequence[lattice.Residual],
    times: Sequence[float],
    by: lattice.Sieve,
    tile: Tile,
    hz: float,
    *,
    weighing: bool,
) -> Iterator[Candidate]:
    swing = lattice.lock_in(residuals, times, hz)
    height, width = swing.shape
    power = lattice.spectrum(swing)
    lenses = []
    for placement in lattice.search(power, width, height, PLACEMENTS):
        lens = _lens(power, placement, (height, width), by)
        lenses.append(lens)
        yield _decoded(_chips(lens.seen(swing), lens, tile))
    if weighing:
        for lens, seen in zip(lenses, _frame_by_frame(residuals, lenses), strict=True):
            yield _decoded(_chips(_weighed(seen, lens, tile), lens, tile))


def _decoded(chips: npt.NDArray[np.float64]) -> Candidate:
    mark_id = int(code.decode(chips[None])[0])
    return Candidate(mark_id, code.correlation(chips, mark_id))


def _spans(times: Sequence[float]) -> Iterator[tuple[int, int]]:
    """First and last frame (exclusive) of each span; what is too short for a swing joins the span before it."""
    stamps = np.asarray(times)
    if len(stamps) < FEWEST or stamps[-1] - stamps[0] < SHORTEST_S:
        return
    count = max(1, round((stamps[-1] - stamps[0]) / SPAN_S))
    edges = np.searchsorted(stamps, np.linspace(stamps[0], stamps[-1], count + 1))
    edges[-1] = len(stamps)
    for first, last in pairwise(edges):
        if last - first >= FEWEST and stamps[last - 1] - stamps[first] >= SHORTEST_S:
            yield int(first), int(last)


@dataclass(frozen=True)
class View:
    """A part of the picture, and how it is looked at."""

    cut: Callable[[Luma], Luma]
    rates: tuple[float, ...]
    #: Frame by frame too, at the first rate. It seldom helps and costs as many attempts again, of which there are not that many.
    weighing: bool = False


def _views(shape: tuple[int, ...]) -> Iterator[View]:
    height, width = shape
    whole: Callable[[Luma], Luma] = lambda luma: luma  # noqa: E731
    if max(height, width) > LARGE:
        share = WORK / max(height, width)
        size = (max(1, round(width * share)), max(1, round(height * share)))
        whole = lambda luma: np.asarray(cv2.resize(luma, size, interpolation=cv2.INTER_AREA), np.uint8)  # noqa: E731
    if max(height, width) <= LARGE:
        yield View(whole, CARRIERS, weighing=True)
        return
    yield View(whole, CARRIERS[:1], weighing=True)
    h, w = height // 2, width // 2
    for y in (0, height // 4, height - h):
        for x in (0, width // 4, width - w):
            yield View(_window(x, y, w, h), CARRIERS[:1])
    yield View(whole, CARRIERS[1:])


def _window(x: int, y: int, w: int, h: int) -> Callable[[Luma], Luma]:
    return lambda luma: luma[y : y + h, x : x + w]


@cache
def _grid() -> tuple[npt.NDArray[np.int64], npt.NDArray[np.complex128]]:
    """The harmonics -12..12, and what the shape of a cell does to each (its middle is half a cell from its corner)."""
    k = np.arange(-REACH, REACH + 1)
    one = np.sinc(k / CELLS) * np.exp(-1j * np.pi * k / CELLS)
    return k, one[:, None] * one[None, :]


def _turned(cells: npt.NDArray[np.generic], way: int) -> npt.NDArray[np.generic]:
    """One of the eight ways."""
    return np.rot90(cells.T if way & 4 else cells, way & 3)


@dataclass(frozen=True)
class Lens:
    """A placement, and how the harmonics of its tile come through: rows are down the tile, columns across it."""

    bins: npt.NDArray[np.int64]  #: for each pixel, the sample of the tile it falls on
    gain: Harmonics  #: what the cell's shape and the residual leave of each
    noise: Matrix  #: power of the noise at each

    def seen(self, plane: npt.NDArray[np.generic]) -> Harmonics:
        """A plane's harmonics: laid onto one tile, summed, transformed."""
        parts = (plane.real, plane.imag) if np.iscomplexobj(plane) else (plane,)
        folded = [np.bincount(self.bins, part.ravel(), FOLD * FOLD).reshape(FOLD, FOLD) for part in parts]
        k, _shape = _grid()
        return np.asarray(np.fft.fft2(folded[0] + 1j * folded[1] if len(folded) > 1 else folded[0])[np.ix_(k, k)])


def _lens(power: lattice.Spectrum, placement: Matrix, size: tuple[int, int], by: lattice.Sieve) -> Lens:
    rows, columns = np.arange(size[0])[:, None], np.arange(size[1])[None, :]
    u = np.floor((placement[0, 0] * columns + placement[0, 1] * rows) * FOLD).astype(np.int64) & (FOLD - 1)
    v = np.floor((placement[1, 0] * columns + placement[1, 1] * rows) * FOLD).astype(np.int64) & (FOLD - 1)
    k, shape = _grid()
    # Where each harmonic lies in the picture's spectrum, the noise around it, and what the residual left of it.
    fx = placement[1, 0] * k[:, None] + placement[0, 0] * k[None, :]
    fy = placement[1, 1] * k[:, None] + placement[0, 1] * k[None, :]
    noise = cv2.remap(
        power.around,
        (fx * power.per_cycle[0] + power.middle[0]).astype(np.float32),
        (fy * power.per_cycle[1] + power.middle[1]).astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=float(power.around.max()) * 1e3,
    ).astype(np.float64)
    noise[REACH, REACH] = np.inf  # the mean of the picture says nothing
    return Lens((v * FOLD + u).ravel(), shape * lattice.ring_gain(fx, fy, by), noise)


def _frame_by_frame(residuals: Sequence[lattice.Residual], lenses: Sequence[Lens]) -> list[Harmonics]:
    """For each lens the harmonics of every frame, less what does not change."""
    seen = np.empty((len(lenses), len(residuals), 2 * REACH + 1, 2 * REACH + 1), np.complex128)
    for n, one in enumerate(residuals):
        for k, lens in enumerate(lenses):
            seen[k, n] = lens.seen(one)
    return list(seen - seen.mean(axis=1, keepdims=True))


def _weighed(seen: Harmonics, lens: Lens, tile: Tile) -> Harmonics:
    """The sum of all frames, each by how much of the pilots it shows.

    An encoder that is short of bits renews the mark only where it renews the picture, above all in key frames; between them
    it drags an old mark along. The payload's cells have no part in choosing place or weights, so chance is as blind as before.
    """
    even = seen / (
        np.sqrt((np.abs(seen) ** 2 / lens.noise).mean(axis=(1, 2), keepdims=True)) + 1e-12
    )  # all as loud as each other
    best: tuple[float, npt.NDArray[np.float64]] = (-1.0, np.zeros(len(seen)))
    for way in range(WAYS):
        match = _match(even, lens, tile, way, FOLD).real
        usual = float(np.mean(match * match)) + 1e-300
        energy = (match * match).sum(axis=0)
        at = int(energy.argmax())
        if energy.flat[at] > best[0]:
            shown = match.reshape(len(seen), -1)[:, at]
            # What a frame shows by chance is no weight.
            best = float(energy.flat[at]), shown * np.maximum(0, 1 - usual / (shown * shown + 1e-300))
    weights = best[1] / (np.linalg.norm(best[1]) + 1e-300)
    return np.asarray((even * weights[:, None, None]).sum(axis=0))


def _match(seen: Harmonics, lens: Lens, tile: Tile, way: int, steps: int) -> Harmonics:
    """How well the pilots, laid this way, fit at each of ``steps`` x ``steps`` shifts."""
    k, _shape = _grid()
    known = np.fft.fft2(_turned(tile.pilots(), way))[np.ix_(k, k)]
    wide = np.zeros((*seen.shape[:-2], steps, steps), np.complex128)
    wide[..., k[:, None], k[None, :]] = np.conj(lens.gain) * seen / lens.noise * np.conj(known)
    return np.asarray(np.fft.ifft2(wide))


def _chips(seen: Harmonics, lens: Lens, tile: Tile) -> npt.NDArray[np.float64]:
    """The 192 soft chips in these harmonics."""
    k, _shape = _grid()
    # Shift, mirroring and phase: the pilots against the folded tile, at every eighth of a cell and in all eight ways.
    best = (-1.0, 0, 0, 0)
    for way in range(WAYS):
        match = np.abs(_match(seen, lens, tile, way, SHIFTS))
        at = int(match.argmax())
        if match.flat[at] > best[0]:
            best = (float(match.flat[at]), way, at // SHIFTS, at % SHIFTS)
    _height, way, down, right = best
    shift = np.exp(2j * np.pi * (k[:, None] * down + k[None, :] * right) / SHIFTS)
    weighed = np.conj(lens.gain) * seen / lens.noise * shift
    # Sixteen harmonics carry the cells; those beyond repeat them. Wiener's equaliser joins them.
    above = np.zeros((CELLS, CELLS), np.complex128)
    below = np.zeros((CELLS, CELLS), np.float64)
    np.add.at(above, (k[:, None] % CELLS, k[None, :] % CELLS), weighed)
    np.add.at(below, (k[:, None] % CELLS, k[None, :] % CELLS), np.abs(lens.gain) ** 2 / lens.noise)
    energy = float((np.abs(above) ** 2).sum() / below.sum() - 1)  # signal over noise, 0 where there is none
    cells = np.fft.ifft2(above / (below + below.mean() / max(energy, 0.05)))
    upright = _upright(cells, way)
    phase = np.angle((upright * tile.pilots()).sum())
    return tile.chips((upright * np.exp(-1j * phase)).real)


def _upright(cells: npt.NDArray[np.complex128], way: int) -> npt.NDArray[np.complex128]:
    """Undo ``_turned``."""
    back = np.rot90(cells, -(way & 3))
    return back.T if way & 4 else back
