"""One picture of measured times, as geometry: the page draws it as SVG, the print as lines. And the same in words, for who cannot see it.

Above, a curve: how large a share of the values was at most so large (the empirical distribution). Below it, a strip with one tick a
value. An upright line where the aim is. Nothing is smoothed, binned or left out: a late cut-off is a tick that everybody sees.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from server.inspection.document import Figures

WIDTH: Final = 640.0
HEIGHT: Final = 216.0
_LEFT, _RIGHT, _TOP, _FOOT = 62.0, 620.0, 26.0, 150.0  # the curve's field; the strip lies between it and the axis
_STRIP, _AXIS = (162.0, 186.0), 192.0


HOW_TO_READ: Final = (
    "The curve says which share of the values was at most so large. "
    "Each tick below it is one value. The dashed line is the aim."
)


@dataclass(frozen=True, slots=True)
class Word:
    x: float
    y: float
    text: str
    anchor: str = "middle"  # start, middle or end


@dataclass(frozen=True, slots=True)
class Plot:
    """``curve`` goes through its points; ``ticks`` stand in the strip; ``grid`` are level lines; ``aim``: where its line stands."""

    curve: tuple[tuple[float, float], ...]
    ticks: tuple[float, ...]
    grid: tuple[float, ...]
    marks: tuple[float, ...]
    aim: float | None
    words: tuple[Word, ...]

    strip: tuple[float, float] = _STRIP
    axis: float = _AXIS
    left: float = _LEFT
    right: float = _RIGHT
    top: float = _TOP


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least ``share`` of them do not pass (nearest rank: always one that was measured)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def number(value: float) -> str:
    """As a person writes it: 3 figures that matter, no exponent for what is neither huge nor tiny."""
    if value and not 0.001 <= abs(value) < 1e7:
        return f"{value:.3g}"
    digits = 0 if abs(value) >= 100 or value == round(value) else 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 4
    text = f"{value:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def in_words(figures: Figures) -> str:
    """What the plot shows, in two or three sentences."""
    values, unit = figures.values, f" {figures.unit}" if figures.unit else ""
    lost = f" {figures.unreadable} values could not be read." if figures.unreadable else ""
    if not values:
        return "Nothing could be measured." + lost
    if len(values) == 1:
        told = f"Measured once: {number(values[0])}{unit}."
    else:
        half, most = number(percentile(values, 0.5)), number(percentile(values, 0.99))
        told = f"Measured {len(values):,} times. Half were {half}{unit} or less (p50)"
        if len(values) < 100:
            told += f", all were {most}{unit} or less (p99: of fewer than 100 values, the largest)."
        else:
            told += f", 99 of 100 were {most}{unit} or less (p99); the largest was {number(max(values))}{unit}."
    return told + _against_aim(figures, unit) + lost


def _against_aim(figures: Figures, unit: str) -> str:
    if figures.aim is None:
        return " There is no aim for it; it is only told."
    over = sum(value > figures.aim for value in figures.values)
    aim = f" The aim is at most {number(figures.aim)}{unit}: "
    if len(figures.values) == 1:
        return aim + ("it is over it." if over else "it is within it.")
    return aim + (f"{over:,} of {len(figures.values):,} are over it." if over else "all are within it.")


def table(figures: Figures) -> tuple[tuple[str, str], ...]:
    """The figures under the plot: what, and how much."""
    values, unit = figures.values, f" {figures.unit}" if figures.unit else ""
    rows = [("Values", f"{len(values):,}")]
    if values:
        rows += [
            (name, f"{number(percentile(values, share))}{unit}")
            for name, share in (
                ("Smallest", 0.0),
                ("Half are at most (p50)", 0.5),
                ("90 of 100 are at most (p90)", 0.9),
            )
        ]
        rows += [("99 of 100 are at most (p99)", f"{number(percentile(values, 0.99))}{unit}")]
        rows += [("Largest", f"{number(max(values))}{unit}")]
    if figures.aim is not None:
        rows += [("Aim: at most", f"{number(figures.aim)}{unit}")]
        rows += [("Values over the aim", f"{sum(value > figures.aim for value in values):,}")]
    return tuple(rows)


def plot(figures: Figures) -> Plot | None:
    """None: fewer than two values; one needs no picture."""
    values = sorted(figures.values)
    if len(values) < 2:
        return None
    low, most = min(0.0, values[0]), max(0.0, values[-1], figures.aim or 0.0)
    step = _nice(max(most - low, 1e-9) / 5)
    low = math.floor(low / step) * step
    high = low + step * max(1, math.ceil((most * 1.02 - low) / step))

    def x(value: float) -> float:
        return _LEFT + (value - low) / (high - low) * (_RIGHT - _LEFT)

    def y(share: float) -> float:
        return _FOOT - share * (_FOOT - _TOP)

    curve = [(x(low), y(0.0))]
    for rank, value in enumerate(values, 1):
        curve += [(x(value), y((rank - 1) / len(values))), (x(value), y(rank / len(values)))]
    curve.append((x(high), y(1.0)))
    marks = [low + step * one for one in range(round((high - low) / step) + 1)]
    unit = f" {figures.unit}" if figures.unit else ""
    words = [Word(x(one), _AXIS + 18, number(one)) for one in marks[:-1]]
    words.append(Word(_RIGHT, _AXIS + 18, number(marks[-1]) + unit, "end"))
    words += [Word(_LEFT - 6, y(share) + 5, f"{share:.0%}", "end") for share in (0.0, 0.5, 1.0)]
    aim = None if figures.aim is None or not low <= figures.aim <= high else x(figures.aim)
    if aim is not None and figures.aim is not None:
        end = aim > (_LEFT + _RIGHT) / 2
        words.append(
            Word(aim + (4 if end else -4), _TOP - 10, f"aim {number(figures.aim)}{unit}", "end" if end else "start")
        )
    return Plot(
        curve=tuple(_thin(curve)),
        ticks=tuple(sorted({round(x(value), 1) for value in values})),
        grid=tuple(y(share) for share in (0.0, 0.5, 1.0)),
        marks=tuple(x(one) for one in marks),
        aim=aim,
        words=tuple(words),
    )


def _thin(curve: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Points that fall on the same tenth of a unit are one point: ten thousand values draw as fast as a hundred."""
    rounded = [(round(x, 1), round(y, 1)) for x, y in curve]
    return [one for place, one in enumerate(rounded) if place == 0 or one != rounded[place - 1]]


def _nice(step: float) -> float:
    """The next larger of 1, 2 or 5 times a power of ten."""
    if step <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(step))
    return next(power * one for one in (1, 2, 5, 10) if power * one >= step * (1 - 1e-9))
