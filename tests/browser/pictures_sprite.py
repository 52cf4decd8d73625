"""Draws ``client_web/shared/look/pictures.svg``: the sixty-four pictures that two grown-ups compare (sealed-calls.md).

Each is one thing that can be named in a word: seen small, by somebody who is tired, in a bad light, and read out over a bad line. So
an ink outline round flat colour, one thing to a picture, and names that do not sound alike (``tests/unit/test_picture_code.py``
holds them apart). The order is the code: a picture may be drawn better, but never moved, or two devices of different age would
show different pictures for the same keys.

The drawn file is committed, because the pages have no build step. Run this after a change::

    python tests/browser/pictures_sprite.py
"""

# ruff: noqa: E501 -- a drawing broken over lines is harder to read, not easier
from __future__ import annotations

import re
from pathlib import Path

SPRITE = Path(__file__).parents[2] / "client_web/shared/look/pictures.svg"

#: Colours are attributes, not classes: a symbol used from another file does not see the page's style sheet.
PAINTS = {
    "NONE": 'fill="none"',
    "INK": 'fill="#1B2326"',
    "WHITE": 'fill="#FFFFFF"',
    "CREAM": 'fill="#FFF1D6"',
    "RED": 'fill="#D9472F"',
    "RUST": 'fill="#EB7B3F"',
    "SUN": 'fill="#F6BC45"',
    "LEAF": 'fill="#5E9E4A"',
    "LIME": 'fill="#A8CF6B"',
    "LAKE": 'fill="#3B8CBF"',
    "ICE": 'fill="#CFE8F2"',
    "ROSE": 'fill="#EE8FB2"',
    "BARK": 'fill="#9A6744"',
    "CRUST": 'fill="#E3B27A"',
    "SLATE": 'fill="#A9B4C2"',
    "BERRY": 'fill="#6A7FC1"',
    "NIGHT": 'fill="#3A4150"',
    "BOLD": 'stroke-width="4.5"',
    "FAT": 'stroke-width="8"',
    "BARE": 'stroke="none"',
}


def _pipe(colour: str, d: str) -> str:
    """A coloured line with an ink edge."""
    return f'<path NONE FAT d="{d}"/><path NONE stroke="{colour}" stroke-width="3.5" d="{d}"/>'


def _petals() -> str:
    places = ((32, 9), (43, 15.5), (43, 28.5), (32, 35), (21, 28.5), (21, 15.5))
    return "".join(f'<circle ROSE cx="{x}" cy="{y}" r="7.5"/>' for x, y in places)


def _sails() -> str:
    return "".join(f'<path LAKE d="M32 24V3h8v17z" transform="rotate({turn} 32 24)"/>' for turn in (45, 135, 225, 315))


PICTURES: dict[str, str] = {
    "anchor": '<circle NONE BOLD cx="32" cy="11" r="6"/><path NONE stroke-width="5.500" d="M32 18v40M20 27h24M9 42c3 11 12 16 23 16s20-5 23-16M9 42l-4 8M9 42l9 4M55 42l4 8M55 42l-9 4"/>',
    "apple": '<path NONE BOLD d="M32 20c0-6 1-10 5-14"/><path RED d="M32 20c-8-6-22-2-22 14 0 14 10 25 16 25 3 0 4-2 6-2s3 2 6 2c6 0 16-11 16-25 0-16-14-20-22-14z"/><path LEAF d="M36 14c3-8 11-10 18-9-1 8-9 13-18 9z"/>',
    "balloon": '<path NONE d="M32 52c-5 4 5 6 0 11"/><path RED d="M32 3c12 0 20 9 20 20S42 46 32 46 12 34 12 23 20 3 32 3z"/><path RED d="M27 53l5-7 5 7z"/><path NONE stroke="#FFFFFF" d="M20 21c1-5 4-8 8-9"/>',
    "banana": '<path SUN d="M10 7c-3 30 14 48 46 48 4-2 4-7 0-9-18-3-29-15-36-40-3-3-8-2-10 1z"/><path NONE d="M15 11c4 22 15 34 36 40"/><path INK d="M10 7c2-3 7-4 10-1l1 5c-4-1-8 0-11 2zM56 46l-4-1-1 9 5 1c4-2 4-7 0-9z"/>',
    "bell": '<path NONE BOLD d="M32 9V4"/><path BARK d="M25 48a7 7 0 0 0 14 0z"/><path SUN d="M32 8c12 0 16 10 16 21 0 10 3 15 8 19H8c5-4 8-9 8-19C16 18 20 8 32 8z"/><path NONE stroke="#FFFFFF" d="M23 25c0-5 2-9 6-10"/>',
    "bicycle": '<circle WHITE cx="14" cy="43" r="12"/><circle WHITE cx="50" cy="43" r="12"/><path NONE stroke="#D9472F" BOLD d="M14 43l10-19h17l9 19M24 24l8 19H14M32 43l9-19"/><path NONE BOLD d="M18 20h11M41 25l-3-10h9"/>',
    "butterfly": '<path RUST d="M32 33C30 12 8 3 5 16c-3 12 11 22 27 18zM32 33c2-21 24-30 27-17 3 12-11 22-27 18z"/><path SUN d="M32 34C20 33 8 42 13 53c5 10 18 2 19-16zM32 34c12-1 24 8 19 19-5 10-18 2-19-16z"/><path NONE BOLD d="M32 24v30"/><path NONE d="M32 23c-2-7-5-10-10-12M32 23c2-7 5-10 10-12"/>',
    "button": '<circle LAKE cx="32" cy="32" r="27"/><circle NONE cx="32" cy="32" r="20"/><g INK><circle cx="25" cy="25" r="3"/><circle cx="39" cy="25" r="3"/><circle cx="25" cy="39" r="3"/><circle cx="39" cy="39" r="3"/></g>',
    "cactus": '<path LEAF d="M25 38h-5c-6 0-9-3-9-9v-6a4.500 4.500 0 0 1 9 0v5c0 2 1 2 5 2zM39 34h5c6 0 9-3 9-9v-6a4.500 4.500 0 0 0-9 0v5c0 2-1 2-5 2z"/><path LEAF d="M25 50V12a7 7 0 0 1 14 0v38z"/><path RUST d="M17 48h30l-4 13H21z"/><path NONE d="M32 16v5M32 28v5M32 40v4"/>',
    "candle": '<path ROSE d="M23 27h18v29H23z"/><path NONE d="M32 27v-5"/><path SUN d="M32 2c6 8 8 11 8 14a8 8 0 0 1-16 0c0-3 2-6 8-14z"/><path SLATE d="M12 53h40l-5 8H17z"/><path NONE d="M23 34c4 0 3 7 7 7"/>',
    "carrot": '<path LEAF d="M32 20c-10-2-14-9-13-15 6 2 10 6 12 11-1-7 0-12 3-15 4 4 4 10 2 15 3-5 6-8 12-9 1 7-4 12-16 13z"/><path RUST d="M17 24c4-7 26-7 30 0 2 9-6 29-15 38-9-9-17-29-15-38z"/><path NONE d="M19 33h9M44 38h-8M25 46h7"/>',
    "caterpillar": '<path NONE d="M10 52v7M22 46v9M37 50v8"/><g LIME><circle cx="11" cy="46" r="9"/><circle cx="23" cy="39" r="10"/><circle cx="37" cy="43" r="9"/></g><path NONE d="M45 22l-5-11M54 22l4-11"/><g INK><circle cx="40" cy="10" r="2"/><circle cx="58" cy="10" r="2"/></g><circle SUN cx="50" cy="33" r="12"/><g INK><circle cx="46" cy="31" r="2"/><circle cx="55" cy="31" r="2"/></g><path NONE d="M46 38q4 4 9 0"/>',
    "cherry": '<path NONE BOLD d="M19 35C21 22 30 13 42 7c-2 10 0 18 4 26"/><circle RED cx="19" cy="47" r="13"/><circle RED cx="47" cy="44" r="12"/><path LEAF d="M42 7c5-5 15-4 19 2-6 6-14 5-19-2z"/><path NONE stroke="#FFFFFF" d="M12 45c1-3 3-5 5-5M41 42c1-2 2-4 4-4"/>',
    "crown": '<path SUN d="M7 53V17l13 14L32 9l12 22 13-14v36z"/><path NONE d="M7 44h50"/><circle RED cx="32" cy="35" r="3.500"/><g SUN><circle cx="7" cy="15" r="4"/><circle cx="32" cy="8" r="4"/><circle cx="57" cy="15" r="4"/></g>',
    "cup": '<path NONE stroke-width="5" d="M44 25h5c5 0 8 3 8 7 0 6-5 9-13 9"/><path LAKE d="M10 19h34v22c0 9-6 15-14 15h-6c-8 0-14-6-14-15z"/><path NONE d="M20 13c-4-3 4-6 0-10M33 13c-4-3 4-6 0-10"/>',
    "diamond": '<path ICE d="M16 9h32l13 17-29 34L3 26z"/><path NONE d="M3 26h58M16 9l7 17 9 34 9-34 7-17M23 26l9-17 9 17"/>',
    "domino": '<rect WHITE x="17" y="3" width="30" height="58" rx="6"/><path NONE d="M17 32h30"/><g INK><circle cx="25" cy="11" r="3"/><circle cx="32" cy="18" r="3"/><circle cx="39" cy="25" r="3"/><circle cx="25" cy="40" r="3"/><circle cx="39" cy="40" r="3"/><circle cx="25" cy="53" r="3"/><circle cx="39" cy="53" r="3"/></g>',
    "door": '<path BARK d="M14 60V5h36v55z"/><path SUN d="M21 12h22v16H21z"/><path NONE d="M32 12v16M21 20h22M21 36h15v17H21zM6 60h52"/><circle SUN cx="43" cy="39" r="3"/>',
    "drum": '<path RED d="M9 24v22c0 7 10 12 23 12s23-5 23-12V24z"/><path NONE d="M9 31l8 24 8-22 7 25 7-25 8 22 8-24"/><ellipse CREAM cx="32" cy="24" rx="23" ry="9"/><path NONE BOLD d="M27 24L9 7M37 24L55 7"/>',
    "egg": '<path CREAM d="M32 4c11 0 21 18 21 32S44 60 32 60 11 50 11 36 21 4 32 4z"/><path NONE d="M12 34l7-6 6 7 7-8 7 8 6-7 7 6"/>',
    "elephant": '<path SLATE d="M22 18C8 8 1 18 3 29s13 16 20 8zM42 18c14-10 21 0 19 11s-13 16-20 8z"/><path CREAM d="M23 39l-4 10 8-6z"/><path SLATE d="M32 8c9 0 15 7 15 17 0 8-5 14-9 16v10c0 5 6 5 6-1h6c0 13-20 13-20 0V41c-6-2-13-8-13-16 0-10 6-17 15-17z"/><g INK><circle cx="26" cy="25" r="2.200"/><circle cx="38" cy="25" r="2.200"/></g><path NONE d="M31 42h5M31 48h5"/>',
    "feather": '<path LAKE d="M56 5C34 6 15 20 13 45l-2 6c24 0 45-18 45-46z"/><path NONE d="M6 60C17 41 30 26 45 15M24 37h15M32 28h14M20 42l-1-12M28 33l-1-11"/>',
    "fish": '<path RUST d="M4 33c9-16 28-19 41-4l15-13c-4 11-4 23 0 34L45 37C32 52 13 49 4 33z"/><circle INK cx="17" cy="29" r="2.800"/><path NONE d="M27 22q7 11 0 22M36 29q3 4 0 8"/>',
    "flag": '<path RUST d="M14 6l46 16-46 16z"/><path NONE stroke-width="5" d="M14 4v57"/>',
    "flower": f'<path NONE stroke-width="7" d="M32 30v31"/><path NONE stroke="#5E9E4A" stroke-width="3" d="M32 30v31"/><path LEAF d="M33 56c3-11 13-14 20-11-2 9-10 14-20 11z"/>{_petals()}<circle SUN cx="32" cy="22" r="7.500"/>',
    "ghost": '<path WHITE d="M11 60V29C11 14 19 4 32 4s21 10 21 25v31l-7-7-7 7-7-7-7 7-7-7z"/><g INK><ellipse cx="25" cy="26" rx="3.500" ry="5"/><ellipse cx="39" cy="26" rx="3.500" ry="5"/><ellipse cx="32" cy="40" rx="4" ry="5"/></g>',
    "glasses": '<g ICE BOLD><circle cx="17" cy="37" r="13"/><circle cx="47" cy="37" r="13"/></g><path NONE BOLD d="M29 34q3-4 6 0M4 35l4-16 6-2M60 35l-4-16-6-2"/>',
    "grapes": '<path NONE BOLD d="M32 18V5"/><path LEAF d="M33 13c4-9 14-11 21-7-4 8-13 12-21 7z"/><g BERRY><circle cx="17" cy="24" r="8"/><circle cx="47" cy="24" r="8"/><circle cx="32" cy="24" r="8"/><circle cx="24" cy="37" r="8"/><circle cx="40" cy="37" r="8"/><circle cx="32" cy="51" r="8"/></g>',
    "guitar": '<path RUST d="M32 25c8 0 11 4 11 9 0 4 7 6 7 14 0 9-8 13-18 13s-18-4-18-13c0-8 7-10 7-14 0-5 3-9 11-9z"/><circle INK cx="32" cy="43" r="5"/><path NONE BOLD d="M25 54h14"/><path NONE stroke-width="7" d="M32 34V10"/><path BARK d="M26 2h12v10H26z"/><path NONE d="M22 5h4M22 9h4M38 5h4M38 9h4"/>',
    "hammer": '<path BARK d="M27 24h10v37H27z"/><path SLATE d="M10 8h32c8 0 13 5 14 13-7-4-12-3-14 4H10z"/>',
    "hedgehog": '<path NONE BOLD d="M20 54v5M44 54v5"/><path BARK d="M6 55l-3-8 6 0-4-9 7 1-2-9 7 3 1-9 6 5 4-9 5 7 6-7 3 8 7-5 1 9 6 10-6 13z"/><path CREAM d="M43 31c8 2 11 10 17 15 2 3 0 8-4 8H40c-4-8-4-17 3-23z"/><circle INK cx="48" cy="41" r="2.200"/><circle INK cx="60" cy="47" r="3"/>',
    "helicopter": '<path NONE BOLD d="M28 24V13M4 12h50M61 26v18M18 50v7M36 50v7M8 58h38"/><path RED d="M8 37c0-9 9-13 22-13 10 0 15 5 17 10h14v6H47c-2 7-9 11-19 11-12 0-20-5-20-14z"/><path ICE d="M9 36c1-7 7-11 15-11v12z"/>',
    "ice-cream": '<path CRUST d="M17 31l15 31 15-31z"/><path NONE d="M22 42l17-9M27 51l15-14M42 42l-17-9"/><path ROSE d="M13 31c-4-2-4-7 0-8C14 10 22 4 32 4s18 6 19 19c4 1 4 6 0 8-3 2-5-1-8 0s-4 3-7 2-4-3-7-2-4 2-7 1-6 2-9-1z"/>',
    "igloo": '<path ICE d="M3 56c0-22 11-40 29-40s29 18 29 40z"/><path NONE d="M9 39h46M16 26h32M23 26v13M41 26v13M32 16v10M14 39v17M50 39v17"/><path NIGHT d="M21 56v-8c0-7 4-12 11-12s11 5 11 12v8z"/>',
    "jigsaw": '<path LEAF d="M8 20h13c-3-7 1-13 8-13s11 6 8 13h13v12c6-3 12 0 12 7s-6 10-12 7v14H37c3-7-1-11-8-11s-11 4-8 11H8z"/>',
    "key": f'{_pipe("#F6BC45", "M27 30l28 27M44 46l7-7M51 53l7-7")}<circle SUN cx="18" cy="20" r="15"/><circle WHITE cx="18" cy="20" r="6"/>',
    "kite": '<path NONE d="M34 46c-8 4 6 8-3 13-5 2-10 1-14-2"/><path RED d="M34 3l21 22-21 22z"/><path SUN d="M34 3L13 25l21 22z"/><path NONE d="M13 25h42"/>',
    "ladder": _pipe("#E3B27A", "M19 5v54M45 5v54M19 14h26M19 26h26M19 38h26M19 50h26"),
    "lemon": '<path LEAF d="M41 13c1-8 9-12 17-10-1 9-8 14-17 10z"/><path SUN d="M4 38c-1-4 2-7 5-8 4-11 13-18 24-18 10 0 17 5 20 14 3 1 7 4 6 8-1 3-4 4-6 4-4 10-12 17-22 17S13 49 9 42c-2 0-5-1-5-4z"/><path NONE stroke="#FFFFFF" d="M16 33c2-6 6-10 11-12"/>',
    "lightning": '<path SUN d="M39 2L10 37h18l-7 25 34-38H35z"/>',
    "magnet": '<path RED d="M7 8h15v24c0 13 20 13 20 0V8h15v24c0 36-50 36-50 0z"/><path SLATE d="M7 8h15v12H7zM42 8h15v12H42z"/>',
    "mushroom": '<path CREAM d="M24 34h16l4 21c-5 6-19 6-24 0z"/><path RED d="M3 36C4 17 17 6 32 6s28 11 29 30c-9 5-49 5-58 0z"/><g WHITE BARE><circle cx="19" cy="23" r="5"/><circle cx="36" cy="16" r="5"/><circle cx="47" cy="28" r="4"/><circle cx="31" cy="31" r="3"/></g>',
    "octopus": '<path ROSE d="M15 28c0-15 7-24 17-24s17 9 17 24c0 9 5 13 12 17-5 8-11 6-15 1 2 8 0 13-5 15-4-3-5-7-4-13-1 7-2 11-5 14-3-3-4-7-5-14 1 6 0 10-4 13-5-2-7-7-5-15-4 5-10 7-15-1 7-4 12-8 12-17z"/><g WHITE><circle cx="25" cy="25" r="5"/><circle cx="39" cy="25" r="5"/></g><g INK><circle cx="25" cy="26" r="2"/><circle cx="39" cy="26" r="2"/></g><path NONE d="M28 35q4 3 8 0"/>',
    "penguin": '<path SUN d="M17 60h13l-3-7zM47 60H34l3-7z"/><path NIGHT d="M32 3c10 0 13 7 13 15 7 8 9 18 7 25-2 9-9 15-20 15s-18-6-20-15c-2-7 0-17 7-25 0-8 3-15 13-15z"/><path WHITE d="M32 22c8 0 12 10 12 18s-5 15-12 15-12-7-12-15 4-18 12-18z"/><g WHITE><circle cx="26" cy="14" r="4"/><circle cx="38" cy="14" r="4"/></g><g INK><circle cx="27" cy="14" r="1.500"/><circle cx="37" cy="14" r="1.500"/></g><path SUN d="M26 20h12l-6 7z"/>',
    "piano": '<rect WHITE x="3" y="12" width="58" height="42" rx="4"/><path NONE d="M17.500 12v42M32 12v42M46.500 12v42"/><path INK d="M13 12h9v25h-9zM27.500 12h9v25h-9zM42 12h9v25h-9z"/>',
    "pizza": '<path SUN d="M8 19c16-9 32-9 48 0L32 62z"/><path CRUST d="M5 20c-1-4 1-7 4-8 15-8 31-8 46 0 3 1 5 4 4 8-17-9-37-9-54 0z"/><g RED><circle cx="24" cy="27" r="4.500"/><circle cx="40" cy="26" r="4.500"/><circle cx="33" cy="42" r="4.500"/></g>',
    "rainbow": '<g stroke-linecap="butt" NONE stroke-width="7"><path stroke="#D9472F" d="M7.500 48a24.500 24.500 0 0 1 49 0"/><path stroke="#F6BC45" d="M14.500 48a17.500 17.500 0 0 1 35 0"/><path stroke="#3B8CBF" d="M21.500 48a10.500 10.500 0 0 1 21 0"/></g><path NONE d="M4 48a28 28 0 0 1 56 0M25 48a7 7 0 0 1 14 0"/><path WHITE d="M7 58c-7 0-7-9 0-10 2-6 12-6 14 0 8 0 8 10 0 10zM43 58c-8 0-8-10 0-10 2-6 12-6 14 0 7 1 7 10 0 10z"/>',
    "rocket": '<path SUN d="M25 43h14c0 8-3 13-7 19-4-6-7-11-7-19z"/><path RED d="M21 32L10 42v14l13-9zM43 32l11 10v14l-13-9z"/><path WHITE d="M32 2c11 9 14 24 11 42H21c-3-18 0-33 11-42z"/><circle LAKE cx="32" cy="22" r="6"/>',
    "sandwich": '<path CRUST d="M3 38L35 9l26 29z"/><path LEAF d="M2 38h60c0 4-5 6-8 3-4 4-8 4-11 0-4 4-8 4-11 0-4 4-8 4-11 0-4 4-8 4-11 0-4 3-8 1-8-3z"/><path RED d="M5 44h54v5H5z"/><path CRUST d="M3 49h58v9H3z"/>',
    "scissors": '<path NONE stroke-width="6" d="M22 41L45 4M42 41L19 4"/><path NONE stroke="#A9B4C2" stroke-width="2" d="M24 38L44 6M40 38L20 6"/><g NONE><circle FAT cx="15" cy="49" r="10"/><circle FAT cx="49" cy="49" r="10"/><circle stroke="#D9472F" stroke-width="4" cx="15" cy="49" r="10"/><circle stroke="#D9472F" stroke-width="4" cx="49" cy="49" r="10"/></g>',
    "snail": '<path NONE d="M53 27l-4-12M59 27l3-12"/><path CREAM d="M3 58h46c8 0 13-5 13-14V31c0-6-10-6-10 0v10c0 4-2 6-6 6H22z"/><circle RUST cx="26" cy="34" r="19"/><path NONE BOLD d="M26 36c0-5 7-4 7 2s-10 9-14 3-1-17 8-17 16 8 14 16"/>',
    "snowman": '<path NONE BOLD d="M18 42L5 31M46 42l13-11"/><circle WHITE cx="32" cy="46" r="16"/><circle WHITE cx="32" cy="22" r="12"/><path NIGHT d="M23 11V2h18v9z"/><path NONE BOLD d="M18 11h28"/><g INK><circle cx="28" cy="20" r="2"/><circle cx="36" cy="20" r="2"/><circle cx="32" cy="42" r="2"/><circle cx="32" cy="50" r="2"/></g><path RUST d="M31 24l11 3-11 2z"/>',
    "sofa": '<path NONE BOLD d="M12 52v7M52 52v7"/><path LEAF d="M13 40V16c0-4 3-6 6-6h26c3 0 6 2 6 6v24z"/><path NONE d="M32 10v28"/><path LEAF d="M3 32c0-5 11-5 11 0v8h36v-8c0-5 11-5 11 0v21H3z"/>',
    "spider": '<path NONE d="M32 12V2"/><path NONE stroke-width="3.500" d="M22 32L9 24 4 32M20 39H7l-4 9M23 46l-10 7v9M42 32l13-8 5 8M44 39h13l4 9M41 46l10 7v9"/><circle NIGHT cx="32" cy="40" r="14"/><circle NIGHT cx="32" cy="21" r="9"/><g WHITE BARE><circle cx="28" cy="20" r="3"/><circle cx="36" cy="20" r="3"/></g>',
    "submarine": '<path NONE BOLD d="M32 19V8h9M4 33v19"/><path SUN d="M23 30V18h18v12z"/><path SUN d="M6 42c0-10 10-14 25-14 16 0 28 5 30 14-2 10-14 15-30 15-15 0-25-5-25-15z"/><g ICE><circle cx="19" cy="42" r="5"/><circle cx="33" cy="42" r="5"/><circle cx="47" cy="42" r="5"/></g>',
    "teapot": '<path NONE stroke-width="5" d="M13 30C0 28 1 48 17 48"/><path ROSE d="M47 46c9-1 7-15 15-18l-7-5c-6 2-6 8-9 11z"/><path ROSE d="M12 31c0-9 9-13 19-13s19 4 19 13c0 15-5 25-11 28H23c-6-3-11-13-11-28z"/><path ROSE d="M20 20c0-8 22-8 22 0z"/><circle ROSE cx="31" cy="10" r="4"/>',
    "tent": '<path NONE BOLD d="M27 2l5 8 5-8"/><path RUST d="M32 9L2 58h60z"/><path NIGHT d="M32 26L19 58h26z"/><path CREAM d="M32 26L19 58h7z"/>',
    "tractor": '<path NONE stroke-width="5" d="M46 28V11"/><path ICE d="M10 6h20l5 20H10z"/><path RED d="M6 26h42c7 0 10 3 10 9v9H6z"/><circle NIGHT cx="19" cy="44" r="17"/><circle SUN cx="19" cy="44" r="7"/><circle NIGHT cx="51" cy="51" r="10"/><circle SUN cx="51" cy="51" r="3.500"/>',
    "trumpet": f'{_pipe("#F6BC45", "M13 33c-4 20 28 20 24 0")}<path SUN d="M38 26c9-2 16-8 20-16v40c-4-8-11-14-20-16H5v-8z"/><path NONE BOLD d="M15 25v-9M24 25v-9M33 25v-9M5 25v10"/>',
    "turtle": '<path NONE d="M9 43l-6 4"/><g LIME><path d="M12 42h10v14H12zM38 42h10v14H38z"/><path d="M46 44c2-2 2-10 5-13 4-4 12-2 12 4 0 8-6 11-13 11z"/></g><path LEAF d="M6 44c0-17 11-28 23-28s21 11 21 28z"/><path NONE d="M19 19l4 25M38 19l-3 25M9 32h39"/><circle INK cx="57" cy="34" r="1.800"/>',
    "umbrella": '<path NONE BOLD d="M32 8V3M32 32v22c0 10-14 10-14 0"/><path LAKE d="M3 35C5 18 17 7 32 7s27 11 29 28c-5-6-11-6-15 0-4-6-10-6-14 0-4-6-10-6-14 0-4-6-10-6-15 0z"/>',
    "volcano": '<path NONE stroke="#EB7B3F" stroke-width="5" d="M32 20V5M23 20L14 9M41 20l9-11"/><path BARK d="M22 26L3 60h58L42 26z"/><path RED d="M22 26h20l6 11-6 6-5-6-5 10-5-8-6 5-5-7z"/>',
    "wheelbarrow": '<path NONE BOLD d="M40 40l4 18M38 40L62 20"/><path LEAF d="M4 18h46l-9 25H19z"/><path NONE d="M9 28h37"/><circle NIGHT cx="17" cy="50" r="11"/><circle SUN cx="17" cy="50" r="4"/>',
    "windmill": f'<path CREAM d="M25 28h14l8 33H17z"/><path NIGHT d="M28 61V50h8v11z"/>{_sails()}<circle SUN cx="32" cy="24" r="4"/>',
}

#: Everything is drawn with this pen unless it says otherwise.
PEN = 'fill="none" stroke="#1B2326" stroke-width="2.800" stroke-linecap="round" stroke-linejoin="round"'


def _painted(drawing: str) -> str:
    said = re.sub(r"\b([A-Z]{3,5})\b", lambda found: PAINTS.get(found[1], found[1]), drawing)
    return re.sub(r"(\d\.\d)00\b", r"\1", said)


def sprite() -> str:
    """The whole file."""
    symbols = "".join(
        f'<symbol id="pic-{name}" viewBox="0 0 64 64"><g {_painted(PEN)}>{_painted(drawing)}</g></symbol>\n'
        for name, drawing in PICTURES.items()
    )
    return f'<svg xmlns="http://www.w3.org/2000/svg">\n{symbols}</svg>\n'


if __name__ == "__main__":
    SPRITE.write_text(sprite())
