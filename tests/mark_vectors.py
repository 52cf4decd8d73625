"""The mark's numbers for another language: ``python -m tests.mark_vectors > tests/data/mark_vectors.json``.

The file is committed and never changes: marks made from these numbers are in recordings. ``tests/unit/test_mark_code.py`` holds the Python
to it, and a sender in any language is held to the same file. The key is of the test only.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from server.trace import code, pattern

KEY = bytes(range(32))
IDS = (0x00000000, 0xFFFFFFFF, 0xAAAAAAAA, 0x12345678, 0xDEADBEEF)
PICTURES = (
    (0x12345678, 64, 48),
    (0x12345678, 320, 240),
    (0xDEADBEEF, 640, 480),
    (0xDEADBEEF, 480, 640),
    (0xDEADBEEF, 1280, 720),
)
TIMES = (0.0, 0.033, 0.1, 0.25, 0.5, 0.767, 1.0, 12345.678)


def vectors() -> dict[str, Any]:
    tile = pattern.tile(KEY)
    return {
        "note": "Signs are + and -, cells row by row. A checksum is SHA-256 over the 25 pictures q_m, m = -12 .. 12, each row by row as "
        "signed bytes. A level is [seconds, quarter, m].",
        "key": KEY.hex(),
        "pilots": "".join("+-."[0 if sign > 0 else 1 if sign < 0 else 2] for sign in tile.pilots().flat),
        "payload_cells": tile.payload_cells.tolist(),
        "payload_signs": _signs(tile.payload_signs),
        "dither_begins": tile.dither.reshape(-1)[:16].tolist(),
        "ids": [
            {"id": f"{one:08x}", "code": _signs(code.encode(one)), "tile": _signs(tile.signs(one).reshape(-1))}
            for one in IDS
        ],
        "levels": [[t, quarter, pattern.level(t, quarter)] for t in TIMES for quarter in range(4)],
        "pictures": [_picture(tile, *one) for one in PICTURES],
    }


def _picture(tile: pattern.Tile, mark_id: int, width: int, height: int) -> dict[str, Any]:
    made = pattern.patterns(tile, mark_id, width, height)
    return {
        "id": f"{mark_id:08x}",
        "width": width,
        "height": height,
        "top_row_of_12": made[-1][0, :32].tolist(),
        "sha256": hashlib.sha256(b"".join(one.tobytes() for one in made)).hexdigest(),
    }


def _signs(signs: code.Signs) -> str:
    return "".join("+" if sign > 0 else "-" for sign in signs)


if __name__ == "__main__":
    print(json.dumps(vectors(), indent=1))  # noqa: T201 - it speaks by printing
