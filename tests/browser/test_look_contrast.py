"""The contrast table of design 2.3, computed again from the tokens that are shipped. Change a colour and this decides."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TOKENS = (Path(__file__).parents[2] / "client_web/shared/look/tokens.css").read_text(encoding="utf-8")

#: (text or edge, ground, needed in light, needed in dark): WCAG 1.4.3, 1.4.6, 1.4.11.
PAIRS = [
    *[("ink", ground, 7, 7) for ground in ("page", "sky", "panel", "meadow", "meadow2")],
    *[("ink2", ground, 4.5, 4.5) for ground in ("page", "panel", "sky")],
    *[(f"on{fill}", fill, 4.5, 4.5) for fill in ("hedge", "tomato", "heather", "marigold")],
    ("lake", "page", 4.5, 4.5),
    ("lake", "panel", 4.5, 4.5),
    ("stopink", "panel", 4.5, 4.5),
    *[(f"{kind}ink", f"{kind}bg", 7, 7) for kind in ("ok", "wait", "stop", "rest")],
    *[(edge, ground, 3, 3) for edge in ("rail", "hedge") for ground in ("panel", "page")],
    *[(edge, ground, 3, 3) for edge in ("hedge", "tomato", "heather") for ground in ("meadow", "panel")],
    *[("ink", ground, 7, 4.5) for ground in ("butter", "blue", "fern", "coral", "lilac", "sand", "aqua", "rose")],
    ("ink", "sun", 4.5, 0),  # dark: the moon is white; the scene keeps it clear of words (design 8)
]


def tokens(dark: bool) -> dict[str, str]:
    light, night = TOKENS.split("@media (prefers-color-scheme: dark)")
    night = night.split("@media")[0]
    found = dict(re.findall(r"--(\w+): (#[0-9A-Fa-f]{6});", light))
    return {**found, **dict(re.findall(r"--(\w+): (#[0-9A-Fa-f]{6});", night))} if dark else found


def luminance(colour: str) -> float:
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_the_sum_is_right_for_black_on_white() -> None:
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21)


@pytest.mark.parametrize(("front", "ground", "light", "dark"), PAIRS, ids=lambda value: str(value))
def test_every_pair_of_colours_can_be_told_apart(front: str, ground: str, light: float, dark: float) -> None:
    for needed, table in ((light, tokens(dark=False)), (dark, tokens(dark=True))):
        assert contrast(table[front], table[ground]) >= needed, f"{front} on {ground}"


def test_dark_says_every_colour_anew() -> None:
    night = TOKENS.split("@media (prefers-color-scheme: dark)")[1].split("@media")[0]
    assert set(re.findall(r"--(\w+): #", night)) == set(tokens(dark=False))
