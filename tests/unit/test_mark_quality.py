"""The mark is faint: what the page does to a picture is held to 40 dB and SSIM 0.98. `make bench` looks at many more clips."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.mark_quality import measure, ssim
from tests.seal_node import Node
from tests.trace_scenes import FAMILIES, scene


def test_a_marked_picture_is_as_good_as_promised_in_every_kind_of_scene(tmp_path: Path) -> None:
    node = Node(tmp_path, "mark")
    try:
        found = measure(node, len(FAMILIES), 1.0, fps=8)
    finally:
        node.close()
    assert [one.family for one in found] == list(FAMILIES)
    assert min(one.psnr for one in found) >= 41  # and not only the promised 40
    assert max(one.psnr for one in found) < 43  # or it would not be the mark that is read
    assert np.mean([one.ssim for one in found]) >= 0.98


def test_the_measure_of_likeness_knows_same_from_other() -> None:
    """So that the test above could fail."""
    before = scene("textured", 3, 0.1).frames[0]
    assert ssim(before, before) == pytest.approx(1)
    rng = np.random.default_rng(3)
    noisy = [np.clip(before + rng.normal(0, sigma, before.shape), 0, 255).astype(np.uint8) for sigma in (1, 6, 20)]
    assert 1 > ssim(before, noisy[0]) > 0.98 > ssim(before, noisy[1]) > ssim(before, noisy[2])
