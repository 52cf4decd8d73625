"""What a frame brings anew: a scene that moves is taken out, a mark that stays where it is comes through."""

from __future__ import annotations

import numpy as np

from server.trace import motion
from tests import trace_scenes

MOVED = 3  # pixels from one frame to the next


def moving(count: int = 6) -> list[motion.Luma]:
    """A picture that slides to the left under the camera."""
    wide = trace_scenes.scene("shelf", 5, 1 / 30).frames[0]
    return [np.ascontiguousarray(wide[:, MOVED * n : MOVED * n + 480]) for n in range(count)]


def loud(planes: list[motion.Luma]) -> float:
    inner = np.stack([one[40:-40, 40:-40] for one in planes]).astype(np.float64)
    return float(np.sqrt(np.mean((inner - motion.GREY) ** 2)))


def test_a_scene_that_only_moves_is_no_news() -> None:
    frames = moving()
    still = np.mean([np.abs(a.astype(int) - b).mean() for a, b in zip(frames[2:], frames, strict=False)])
    assert still > 10  # without following it, it would be loud
    assert loud(motion.news(frames, 2)) < 1.5


def test_a_mark_that_stays_while_the_scene_moves_comes_through() -> None:
    frames = moving()
    rng = np.random.default_rng(7)
    mark = np.kron(rng.choice([-3, 3], (60, 60)), np.ones((8, 8))).astype(int)
    swings = [np.clip(one + mark * (1 if n < 4 else -1), 0, 255).astype(np.uint8) for n, one in enumerate(frames)]
    anew = motion.news(swings, 2)[2].astype(float) - motion.GREY  # the fourth frame after the second
    assert np.corrcoef(anew[40:-40, 40:-40].ravel(), -mark[40:-40, 40:-40].ravel())[0, 1] > 0.5


def test_the_frame_looked_back_at_is_an_eighth_of_a_second_old_at_any_rate() -> None:
    for fps, back in ((30, 4), (15, 2), (8, 1), (2, 1)):
        assert motion.lag([n / fps for n in range(20)]) == back
