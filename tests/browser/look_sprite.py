"""Draws ``client_web/shared/look/sprite.svg``: forty pegs, the icons, the mark and the word mark, in one file.

A peg is a post with a face. Every body is the same path; a recipe is seven small things: name, ears, face, mark, body
colour, second colour and the ground it stands on at first. Children tell pegs apart by outline first, so ears come first
and no two recipes share ears, face and mark (a test says so). Colours are written as attributes, not classes: a symbol
used from another file does not see the page's style sheet, and the page's content policy allows no style inside the file.

The drawn file is committed, because the pages have no build step. Run this after a change::

    python tests/browser/look_sprite.py

Geometry: design 2.1 (mark), 2.5 (pegs). Left out on purpose: hair, lashes, skirts, skin tones, flags, signs of any faith, and
animals that are an insult somewhere.
"""

# ruff: noqa: E501 -- a drawing broken over lines is harder to read, not easier
from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

SPRITE = Path(__file__).parents[2] / "client_web/shared/look/sprite.svg"

BODY_PATH = '<path BODY d="M20 98V52a28 28 0 0 1 56 0v46z"/>'

#: Body and second colours: night, rust, leaf, cream, honey, bark, slate, lake, rose.
COLOURS = ("#2B2F3A", "#E2673C", "#5E9E4A", "#FFF6E6", "#F3B431", "#8A5A3C", "#8E9AAA", "#2F7FB0", "#EE8FB2")

_LINE = 'fill="none" stroke-linecap="round" stroke-linejoin="round"'
PAINTS = {
    "INK": 'fill="#1B2326"',
    "WHITE": 'fill="#FFFDF8"',
    "BILL": 'fill="#F29A1F"',
    "RED": 'fill="#C8402B"',
    "LEAF": 'fill="#3E7F3A"',
    "CHEEK": 'fill="#E2673C" fill-opacity=".45"',
    "LINE": f'{_LINE} stroke="#1B2326" stroke-width="2.8"',
    "STALK": f'{_LINE} stroke="#6A452D" stroke-width="5"',
    "SPRAY": f'{_LINE} stroke="#FFFDF8" stroke-width="4.5"',
}

EYES = '<circle INK cx="38" cy="55" r="3.6"/><circle INK cx="58" cy="55" r="3.6"/>'
WIDE_EYES = (
    '<g WHITE><circle cx="37" cy="53" r="8.5"/><circle cx="59" cy="53" r="8.5"/></g>'
    '<circle INK cx="38" cy="54" r="3.6"/><circle INK cx="58" cy="54" r="3.6"/>'
)
CHEEKS = '<g CHEEK><circle cx="30" cy="64" r="4.5"/><circle cx="66" cy="64" r="4.5"/></g>'

EARS = {
    "none": "",
    "bear": (
        '<g BODY><circle cx="27" cy="31" r="10"/><circle cx="69" cy="31" r="10"/></g>'
        '<g SECOND><circle cx="27" cy="31" r="5"/><circle cx="69" cy="31" r="5"/></g>'
    ),
    "koala": (
        '<g BODY><circle cx="20" cy="40" r="14"/><circle cx="76" cy="40" r="14"/></g>'
        '<g SECOND><circle cx="20" cy="40" r="8"/><circle cx="76" cy="40" r="8"/></g>'
    ),
    "mouse": (
        '<g BODY><circle cx="22" cy="30" r="15"/><circle cx="74" cy="30" r="15"/></g>'
        '<g SECOND><circle cx="22" cy="30" r="9"/><circle cx="74" cy="30" r="9"/></g>'
    ),
    "rabbit": (
        '<g BODY><rect x="28" y="-2" width="14" height="42" rx="7"/>'
        '<rect x="54" y="-2" width="14" height="42" rx="7"/></g>'
        '<g SECOND><rect x="32" y="6" width="6" height="26" rx="3"/>'
        '<rect x="58" y="6" width="6" height="26" rx="3"/></g>'
    ),
    "cat": '<path BODY d="M22 48V17q0-3 3-1l21 14zM74 48V17q0-3-3-1L50 30z"/>',
    "fox": (
        '<path BODY d="M18 50 16 14q0-4 3-1l27 19zM78 50l2-36q0-4-3-1L50 32z"/>'
        '<path INK d="M17.5 26 16 14q0-4 3-1l9 6.5zM78.5 26 80 14q0-4-3-1l-9 6.5z"/>'
    ),
    "deer": (
        '<path STALK d="M36 28V6M36 18l-10-9M60 28V6M60 18l10-9"/>'
        '<path BODY d="M24 42 8 34q6 16 16 16zM72 42l16-8q-6 16-16 16z"/>'
    ),
    "goat": (
        '<path SECOND d="M36 32Q34 12 22 6q2 18 6 30zM60 32Q62 12 74 6q-2 18-6 30z"/>'
        '<path BODY d="M24 46 6 46q6 12 18 10zM72 46l18 0q-6 12-18 10z"/>'
    ),
    "giraffe": (
        '<g SECOND><rect x="35" y="8" width="5" height="22" rx="2.5"/>'
        '<rect x="56" y="8" width="5" height="22" rx="2.5"/><circle cx="37.5" cy="8" r="5"/>'
        '<circle cx="58.5" cy="8" r="5"/></g>'
        '<path BODY d="M24 42 10 36q4 14 14 14zM72 42l14-6q-4 14-14 14z"/>'
    ),
    "elephant": '<g SECOND><path d="M24 38Q2 28 4 54q2 20 20 16zM72 38q22-10 20 16-2 20-20 16z"/></g>',
    "frog": (
        '<g BODY><circle cx="33" cy="30" r="12"/><circle cx="63" cy="30" r="12"/></g>'
        '<g WHITE><circle cx="33" cy="30" r="7"/><circle cx="63" cy="30" r="7"/></g>'
        '<g INK><circle cx="34" cy="31" r="3.6"/><circle cx="62" cy="31" r="3.6"/></g>'
    ),
    "hedgehog": (
        "<path SECOND"
        ' d="M12 98V54l-7-4 8-4-5-8 9-1-3-9 9 2 0-10 8 5 4-9 7 7 6-8 6 8 7-7 4 9 8-5 0 10 9-2-3 9 9 1-5 8 8'
        ' 4-7 4v44z"/>'
    ),
    "lion": (
        "<path SECOND"
        ' d="M48 12c7-6 13-4 16 3 8-3 13 1 13 8 8 1 11 7 8 14 6 4 6 11 1 15 3 8 0 13-6 15 0 8-5 12-11'
        ' 11H27c-6 1-11-3-11-11-6-2-9-7-6-15-5-4-5-11 1-15-3-7 0-13 8-14 0-7 5-11 13-8 3-7 9-9 16-3z"/>'
    ),
    "sheep": (
        '<g SECOND><circle cx="34" cy="30" r="11"/><circle cx="48" cy="24" r="12"/>'
        '<circle cx="62" cy="30" r="11"/><circle cx="24" cy="42" r="9"/><circle cx="72" cy="42" r="9"/></g>'
    ),
    "tuft": '<path SECOND d="M48 30q-10-8-4-18 2 8 8 10 0-6 6-9 2 10-6 17z"/>',
    "comb": '<path RED d="M38 30q-4-12 5-12 1-8 6-8 6 0 6 8 8 0 4 12z"/>',
    "bug": (
        '<path STALK d="M38 28q-2-14-14-16M58 28q2-14 14-16"/>'
        '<g INK><circle cx="23" cy="12" r="4"/><circle cx="73" cy="12" r="4"/></g>'
    ),
    "spout": '<path SPRAY d="M48 22V10M48 12q-10-8-14 2M48 12q10-8 14 2"/>',
    "fin": '<path SECOND d="M40 28q2-18 20-18-6 10 0 20zM20 60 6 50v26l14-6zM76 60l14-10v26l-14-6z"/>',
    "leaf": '<path LINE d="M48 30V14"/><path LEAF d="M48 20q2-14 20-14-2 16-20 14z"/>',
    "snail": (
        '<path STALK d="M38 30 32 10M58 30 64 10"/>'
        '<g INK><circle cx="32" cy="9" r="4.5"/><circle cx="64" cy="9" r="4.5"/></g>'
    ),
    "dragon": '<path SECOND d="M34 32 22 12l20 12zM62 32l12-20-20 12zM44 26l4-14 4 14z"/>',
}

FACES = {
    "snout": EYES
    + (
        '<ellipse SECOND cx="48" cy="68" rx="14" ry="11"/><ellipse INK cx="48" cy="63.5" rx="5" ry="3.6"/>'
        '<path LINE d="M48 66v4M43 72q5 4 10 0"/>'
    ),
    "nose": EYES + '<path INK d="M43.5 62h9L48 67z"/><path LINE d="M48 67v2M42 71q6 4 12 0"/>',
    "smile": EYES + '<path LINE d="M42 67q6 5 12 0"/>' + CHEEKS,
    "beak": WIDE_EYES + '<path BILL d="M40 62h16q0 10-8 12-8-2-8-12z"/>',
    "bill": EYES + '<path BILL d="M34 65q14-8 28 0 3 8-6 9H40q-9-1-6-9z"/><path LINE d="M36 69h24"/>',
    "fox": (
        '<path WHITE d="M20 58q14 0 28 16Q62 58 76 58V72Q62 92 48 92 34 92 20 72z"/>'
        '<circle INK cx="38" cy="55" r="3.6"/><circle INK cx="58" cy="55" r="3.6"/>'
        '<ellipse INK cx="48" cy="70" rx="5" ry="4"/>'
    ),
    "panda": (
        '<g INK><ellipse cx="36" cy="55" rx="9.5" ry="11" transform="rotate(18 36 55)"/>'
        '<ellipse cx="60" cy="55" rx="9.5" ry="11" transform="rotate(-18 60 55)"/></g>'
        '<g WHITE><circle cx="38" cy="54" r="4"/><circle cx="58" cy="54" r="4"/></g>'
        '<g INK><circle cx="38.5" cy="54.5" r="2.200"/><circle cx="57.5" cy="54.5" r="2.200"/></g>'
        '<ellipse INK cx="48" cy="66" rx="5" ry="3.5"/><path LINE d="M43 72q5 4 10 0"/>'
    ),
    "badger": (
        '<path WHITE d="M40 26q8-4 16 0v52q-8 10-16 0z"/>'
        '<path WHITE d="M20 62q6-12 8-26-8 8-8 16zM76 62q-6-12-8-26 8 8 8 16z"/>'
        '<g WHITE><circle cx="34" cy="55" r="5"/><circle cx="62" cy="55" r="5"/></g>'
        '<g INK><circle cx="34" cy="55" r="3.300"/><circle cx="62" cy="55" r="3.300"/></g>'
        '<ellipse INK cx="48" cy="74" rx="5.5" ry="4"/>'
    ),
    "penguin": (
        '<path WHITE d="M26 98V58q0-14 11-14 8 0 11 8 3-8 11-8 11 0 11 14v40z"/>'
        '<circle INK cx="38" cy="55" r="3.6"/><circle INK cx="58" cy="55" r="3.6"/>'
        '<path BILL d="M42 62h12l-6 8z"/>'
    ),
    "koala": EYES + '<ellipse INK cx="48" cy="65" rx="6.5" ry="9"/><path LINE d="M42 78q6 4 12 0"/>',
    "trunk": EYES + '<path TRUNK d="M48 62v18q0 8 8 8 6 0 7-5"/>',
    "frog": (
        '<path LINE d="M32 62q16 14 32 0"/>'
        '<g CHEEK><circle cx="30" cy="60" r="4.5"/><circle cx="66" cy="60" r="4.5"/></g>'
    ),
    "whale": EYES + '<path SECOND d="M20 74q28 10 56 0v24H20z"/><path LINE d="M40 70q8 5 16 0"/>',
    "sleepy": '<path LINE d="M33 55q5 5 10 0M53 55q5 5 10 0"/><path LINE d="M43 67q5 4 10 0"/>' + CHEEKS,
    "big": WIDE_EYES + '<path LINE d="M42 70q6 5 12 0"/>',
}

MARKS = {
    "none": "",
    "stripes": (
        '<g SECOND><path d="M44 25h8v14q-4 4-8 0zM20 60l10 3-10 4zM76 60l-10 3 10 4zM20 74l12 3-12 4z'
        'M76 74l-12 3 12 4z"/></g>'
    ),
    "spots": (
        '<g SECOND><circle cx="30" cy="80" r="6"/><circle cx="66" cy="78" r="7"/>'
        '<circle cx="48" cy="90" r="6"/><circle cx="30" cy="42" r="4.5"/><circle cx="64" cy="39" r="5"/></g>'
    ),
    "belly": '<path SECOND d="M32 98V88a16 16 0 0 1 32 0v10z"/>',
    "band": '<path SECOND d="M20 78h56v8H20zM20 94h56v4H20z"/>',
    "wing": (
        '<path INK d="M46.5 76h3v22h-3z"/><g INK><circle cx="32" cy="84" r="5"/><circle cx="64" cy="84" r="5"/></g>'
    ),
    "scarf": '<path RED d="M20 80h56v9H20zM58 84h12v14H58z"/>',
    "shell": '<path SECOND d="M20 84q28-14 56 0v14H20z"/>',
    "mask": '<path SECOND d="M20 50q28-12 56 0v12q-14 6-28-2-14 8-28 2z"/>',
}


class Recipe(NamedTuple):
    """One peg. ``body`` and ``second`` index COLOURS; ``ground`` is 1 to 8."""

    name: str
    ears: str
    face: str
    mark: str
    body: int
    second: int
    ground: int


#: The order is the number on the wire (``avatar: 0-39``): append, never reorder.
RECIPES = (
    Recipe("bear", "bear", "snout", "none", 5, 3, 1),
    Recipe("rabbit", "rabbit", "nose", "belly", 3, 8, 2),
    Recipe("fox", "fox", "fox", "none", 1, 3, 7),
    Recipe("whale", "spout", "whale", "none", 7, 3, 4),
    Recipe("panda", "bear", "panda", "none", 3, 0, 8),
    Recipe("frog", "frog", "frog", "belly", 2, 4, 6),
    Recipe("deer", "deer", "snout", "spots", 5, 3, 3),
    Recipe("robin", "tuft", "beak", "belly", 5, 1, 2),
    Recipe("koala", "koala", "koala", "belly", 6, 3, 5),
    Recipe("lion", "lion", "nose", "none", 4, 1, 7),
    Recipe("hedgehog", "hedgehog", "nose", "none", 6, 5, 3),
    Recipe("turtle", "none", "smile", "shell", 2, 5, 8),
    Recipe("penguin", "none", "penguin", "none", 0, 3, 1),
    Recipe("bee", "bug", "smile", "band", 4, 0, 2),
    Recipe("elephant", "elephant", "trunk", "none", 6, 7, 4),
    Recipe("mouse", "mouse", "nose", "belly", 6, 8, 1),
    Recipe("cat", "cat", "nose", "stripes", 4, 1, 5),
    Recipe("sheep", "sheep", "sleepy", "none", 5, 3, 3),
    Recipe("badger", "bear", "badger", "none", 0, 3, 6),
    Recipe("ladybird", "bug", "smile", "wing", 1, 0, 7),
    Recipe("giraffe", "giraffe", "snout", "spots", 4, 5, 2),
    Recipe("octopus", "none", "big", "spots", 8, 3, 7),
    Recipe("fish", "fin", "big", "band", 1, 4, 2),
    Recipe("goat", "goat", "snout", "none", 3, 6, 6),
    Recipe("dragon", "dragon", "snout", "belly", 2, 4, 5),
    Recipe("duck", "tuft", "bill", "none", 4, 4, 8),
    Recipe("otter", "bear", "nose", "belly", 5, 3, 7),
    Recipe("seal", "none", "snout", "none", 6, 3, 1),
    Recipe("tiger", "bear", "snout", "stripes", 1, 0, 3),
    Recipe("snail", "snail", "smile", "shell", 3, 8, 6),
    Recipe("apple", "leaf", "smile", "none", 1, 0, 2),
    Recipe("pear", "leaf", "sleepy", "spots", 2, 4, 4),
    Recipe("moon", "none", "sleepy", "spots", 4, 3, 5),
    Recipe("cloud", "sheep", "big", "none", 3, 3, 2),
    Recipe("red-panda", "cat", "nose", "mask", 1, 3, 6),
    Recipe("zebra", "cat", "snout", "stripes", 3, 0, 8),
    Recipe("hen", "comb", "beak", "none", 3, 3, 7),
    Recipe("bear-in-scarf", "bear", "snout", "scarf", 5, 3, 4),
    Recipe("hare-in-scarf", "rabbit", "sleepy", "scarf", 3, 8, 7),
    Recipe("blue-bird", "tuft", "beak", "band", 7, 3, 3),
)

#: Icons on a 24 grid; stroke, width and caps come from the page (`.icon`), so they follow the text's colour.
ICONS = {
    "help": '<circle cx="12" cy="12" r="9"/><circle cx="12" cy="12" r="3.6"/><path d="M5.7 5.7l3.7 3.7M14.6 14.6l3.7 3.7M18.3 5.7l-3.7 3.7M9.4 14.6l-3.7 3.7"/>',
    "mic": '<rect x="9" y="3" width="6" height="11" rx="3"/><path d="M5.5 11.5a6.5 6.5 0 0 0 13 0M12 18v3"/>',
    "mic-off": '<path d="M9 9v2a3 3 0 0 0 5 2.2M15 9.5V6a3 3 0 0 0-5.6-1.5M5.5 11.5a6.5 6.5 0 0 0 10.7 5M18.4 12.6l.1-1.1M12 18v3M4 4l16 16"/>',
    "cam": '<rect x="3" y="6.5" width="12.5" height="11" rx="3"/><path d="M15.5 11l5.5-3v8l-5.5-3z"/>',
    "cam-off": '<path d="M10 6.5h2.5a3 3 0 0 1 3 3V11l5.5-3v8l-2.4-1.3M15.3 15.5a3 3 0 0 1-2.8 2H6a3 3 0 0 1-3-3v-5A3 3 0 0 1 5.5 6.54M4 4l16 16"/>',
    "leave": '<path d="M13 4H7a2 2 0 0 0-2 2v12a2 2 0 0 0 2 2h6M10.5 12H21M17.5 8.5 21 12l-3.5 3.5"/>',
    "say": '<path d="M4 10v4h3.5L12 18V6L7.5 10zM15.5 9a4 4 0 0 1 0 6M18 6.5a8 8 0 0 1 0 11"/>',
    "eye": '<path d="M2.5 12C5 7.5 8.3 5.5 12 5.5s7 2 9.5 6.5c-2.5 4.5-5.8 6.5-9.5 6.5s-7-2-9.5-6.5z"/><circle cx="12" cy="12" r="3"/>',
    "eye-off": '<path d="M4 5l16 15M9.5 6c.8-.3 1.6-.5 2.5-.5 3.7 0 7 2 9.5 6.5a15 15 0 0 1-2.5 3.4M6 8C4.6 9.1 3.5 10.4 2.5 12c2.5 4.5 5.8 6.5 9.5 6.5 1.4 0 2.7-.3 4-.9"/>',
    "plus": '<path d="M12 5v14M5 12h14"/>',
    "tick": '<path d="M5 12.5l4.5 4.5L19 7.5"/>',
    "no": '<path d="M6 6l12 12M18 6L6 18"/>',
    "wait": '<circle cx="12" cy="12" r="8.5" stroke-dasharray="3.2 3.5"/>',
    "moon": '<path d="M19 14.5A8 8 0 0 1 9.5 5a7.5 7.5 0 1 0 9.5 9.5z"/>',
    "phone": '<path d="M6 4h3l1.5 4.5L8.5 10a11 11 0 0 0 5.5 5.5l1.5-2L20 15v3a2 2 0 0 1-2 2A14 14 0 0 1 4 6a2 2 0 0 1 2-2z"/>',
    "inbox": '<path d="M4 13l2.5-8h11L20 13v6H4zM4 13h4.5a3.5 3.5 0 0 0 7 0H20"/>',
    "people": '<circle cx="9" cy="8.5" r="3.5"/><path d="M3 20v-1.5A5 5 0 0 1 8 13.5h2a5 5 0 0 1 5 5V20M16 5.5a3.5 3.5 0 0 1 0 6.5M17.5 14a5 5 0 0 1 3.5 4.7V20"/>',
    "clock": '<circle cx="12" cy="12" r="8.5"/><path d="M12 7.5V12l3 2"/>',
    "list": '<path d="M8.5 6.5H20M8.5 12H20M8.5 17.5H20M4.5 6.5h.01M4.5 12h.01M4.5 17.5h.01"/>',
    "tablet": '<rect x="5" y="3" width="14" height="18" rx="2.5"/><path d="M11 17.8h2"/>',
    "chev": '<path d="M9 5.5 15.5 12 9 18.5"/>',
    "back": '<path d="M15 5.5 8.5 12 15 18.5"/>',
    "home": '<path d="M5 20V9.5a2.5 2.5 0 0 1 5 0V20M14 20V9.5a2.5 2.5 0 0 1 5 0V20M2.5 12.5h19M2.5 17h19"/>',
    "link": '<path d="M10 14a4 4 0 0 0 6 .4l3-3a4 4 0 0 0-5.7-5.7l-1.3 1.3M14 10a4 4 0 0 0-6-.4l-3 3a4 4 0 0 0 5.7 5.7l1.3-1.3"/>',
    "keys": '<rect x="2.5" y="6" width="19" height="12" rx="2.5"/><path d="M6.5 10h.01M10 10h.01M14 10h.01M17.5 10h.01M8 14h8"/>',
    "hand": '<path d="M7.5 12V6a1.5 1.5 0 0 1 3 0v4.5V4.5a1.5 1.5 0 0 1 3 0v6V6a1.5 1.5 0 0 1 3 0v8a6.5 6.5 0 0 1-12 3.5l-1.8-3.6a1.5 1.5 0 0 1 2.6-1.5l1.2 2"/>',
}  # fmt: skip

MARK = (
    '<g fill="currentColor"><rect x="4" y="19" width="8" height="28" rx="4"/><rect x="16" y="8" width="8" height="50" rx="4"/>'
    '<rect x="40" y="8" width="8" height="50" rx="4"/><rect x="52" y="19" width="8" height="28" rx="4"/></g>'
    '<g fill="var(--marigold)"><rect x="28" y="29" width="8" height="33" rx="4"/><circle cx="32" cy="18.5" r="6"/></g>'
)

WORDMARK = (
    '<g fill="none" stroke="currentColor" stroke-width="5.4" stroke-linecap="round" stroke-linejoin="round">'
    '<path d="M5 42V20M5 31a11 11 0 0 1 12-11"/><path d="M29 42V20"/><path d="M42 42V20M42 31a10 11 0 0 1 20 0V42"/>'
    '<circle cx="86" cy="31" r="11"/><path d="M97 20V42a11 10 0 0 1-20 5.5"/><path d="M116 42V16a8 8 0 0 1 9-8M109 21h15"/>'
    '<path d="M132 31h22a11 11 0 1 0-3.5 8"/><path d="M166 42V20M166 31a10 11 0 0 1 20 0V42"/>'
    '<path d="M215 23a11 11 0 1 0 0 16"/><path d="M226 31h22a11 11 0 1 0-3.5 8"/></g>'
    '<circle fill="var(--marigold)" cx="29" cy="9.5" r="4.2"/>'
)


def peg(recipe: Recipe) -> str:
    """The drawing inside one symbol, back to front. Three bodies differ: a hedgehog's face is a smaller post on its spines,
    a frog's eyes sit on top of its head, and a sheep's wool lies over its brow."""
    ears, face, mark = EARS[recipe.ears], FACES[recipe.face], MARKS[recipe.mark]
    layers = {
        "hedgehog": ears + '<path BODY d="M26 98V60a22 22 0 0 1 44 0v38z"/>' + face,
        "frog": BODY_PATH + ears + mark + face,
        "sheep": BODY_PATH + ears + face,
    }.get(recipe.ears, ears + BODY_PATH + mark + face)
    body, second = COLOURS[recipe.body], COLOURS[recipe.second]
    layers = layers.replace("BODY", f'fill="{body}"').replace("SECOND", f'fill="{second}"')
    layers = layers.replace("TRUNK", f'{_LINE} stroke="{second}" stroke-width="13"')
    for name, paint in PAINTS.items():
        layers = layers.replace(f" {name} ", f" {paint} ").replace(f" {name}>", f" {paint}>")
    return layers


def sprite() -> str:
    """The whole file."""
    symbols = [f'<symbol id="av{n}" viewBox="0 -4 96 102">{peg(recipe)}</symbol>' for n, recipe in enumerate(RECIPES)]
    symbols += [f'<symbol id="i-{name}" viewBox="0 0 24 24">{drawing}</symbol>' for name, drawing in ICONS.items()]
    symbols.append(f'<symbol id="mark" viewBox="0 0 64 64">{MARK}</symbol>')
    symbols.append(f'<symbol id="wordmark" viewBox="0 0 262 56">{WORDMARK}</symbol>')
    return '<svg xmlns="http://www.w3.org/2000/svg">\n' + "\n".join(symbols) + "\n</svg>\n"


if __name__ == "__main__":
    SPRITE.write_text(sprite(), encoding="utf-8")
