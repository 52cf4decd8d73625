"""How far is a marked picture from the unmarked one? PSNR and SSIM of made-up clips, marked by the browser's own code in Node.

SSIM is Wang, Bovik, Sheikh and Simoncelli's (2004): luma, a Gaussian window of 11 x 11 with sigma 1.5, K1 = 0.01, K2 = 0.03, the mean
over the picture without its rim of five pixels.
"""

from __future__ import annotations

import math
import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from tests.seal_node import Node
from tests.trace_scenes import FAMILIES, HEIGHT, WIDTH, scene

Luma = npt.NDArray[np.uint8]
Plane = npt.NDArray[np.float64]
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


@dataclass(frozen=True)
class Quality:
    """One clip: over all its frames, and its worst frame."""

    family: str
    psnr: float
    ssim: float
    worst_ssim: float


def measure(node: Node, clips: int, seconds: float, fps: int = 30, first_seed: int = 0) -> list[Quality]:
    """So many clips, the families in turns, each with a key, an id and a phase of its own. A whole swing is a second."""
    found = []
    with tempfile.TemporaryDirectory() as name:
        for n in range(clips):
            family = FAMILIES[n % len(FAMILIES)]
            clip = scene(family, first_seed + n // len(FAMILIES), seconds, fps)
            after = marked(node, Path(name), clip.frames, clip.times)
            errors = [float(np.mean((a.astype(float) - b) ** 2)) for a, b in zip(clip.frames, after, strict=True)]
            likeness = [ssim(a, b) for a, b in zip(clip.frames, after, strict=True)]
            psnr = 10 * math.log10(255**2 / float(np.mean(errors)))
            found.append(Quality(family, psnr, float(np.mean(likeness)), min(likeness)))
    return found


def marked(node: Node, folder: Path, frames: list[Luma], times: list[float]) -> list[Luma]:
    (folder / "before").write_bytes(b"".join(one.tobytes() for one in frames))
    start = secrets.randbelow(10**9) / 1000
    node(
        "mark", key=secrets.token_hex(32), id=secrets.randbits(32), quarter=secrets.randbelow(4),
        times=[start + time for time in times], size=WIDTH * HEIGHT, format="I420", width=WIDTH, height=HEIGHT, offset=0, stride=WIDTH,
        **{"from": str(folder / "before"), "to": str(folder / "after")},
    )  # fmt: skip
    return list(np.frombuffer((folder / "after").read_bytes(), np.uint8).reshape(-1, HEIGHT, WIDTH))


def ssim(one: Luma, other: Luma) -> float:
    a, b = one.astype(np.float64), other.astype(np.float64)
    mean_a, mean_b = _blur(a), _blur(b)
    spread_a, spread_b = _blur(a * a) - mean_a**2, _blur(b * b) - mean_b**2
    both = _blur(a * b) - mean_a * mean_b
    like = (2 * mean_a * mean_b + C1) * (2 * both + C2) / ((mean_a**2 + mean_b**2 + C1) * (spread_a + spread_b + C2))
    return float(like[5:-5, 5:-5].mean())


def _blur(plane: Plane) -> Plane:
    return np.asarray(cv2.GaussianBlur(plane, (11, 11), 1.5), np.float64)
