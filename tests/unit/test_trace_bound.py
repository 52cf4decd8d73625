"""The bound that is printed beside a reading."""

from __future__ import annotations

import numpy as np
import pytest

from server.trace import bound


@pytest.mark.parametrize(
    ("rho", "ids", "expected"),
    [
        # 200 attempts; blind, then a table of 10^4 and of 10^6 ids
        (0.575, 2**32, 1e-6),
        (0.614, 2**32, 1e-9),
        (0.648, 2**32, 1e-12),
        (0.484, 10**4, 1e-6),
        (0.536, 10**4, 1e-9),
        (0.580, 10**4, 1e-12),
        (0.519, 10**6, 1e-6),
        (0.566, 10**6, 1e-9),
        (0.606, 10**6, 1e-12),
        (0.62, 2**32, 3.0e-10),
        (0.62, 10**4, 7e-16),
        (0.62, 10**6, 7e-14),
    ],
)
def test_the_bound_is_the_published_table(rho: float, ids: int, expected: float) -> None:
    # The table's correlations are rounded to 0.001, which moves the bound by a tenth and a little.
    assert bound.false_alarm(rho, 200, ids) == pytest.approx(expected, rel=0.2)


def test_a_reading_that_counts_is_below_one_in_a_billion_on_every_clip() -> None:
    assert bound.false_alarm(bound.RHO, bound.MAX_ATTEMPTS) < 1e-9


def test_the_cap_is_what_chance_does() -> None:
    """In few dimensions it can be counted."""
    rng = np.random.default_rng(8)
    points = rng.normal(size=(200_000, 12))
    along = points[:, 0] / np.linalg.norm(points, axis=1)
    for rho in (0.0, 0.2, 0.5, 0.7):
        assert bound.cap(rho, 12) == pytest.approx(float((along >= rho).mean()), rel=0.05)


def test_the_bound_grows_with_attempts_and_shrinks_with_the_fit() -> None:
    assert bound.false_alarm(0.7, 20) == pytest.approx(2 * bound.false_alarm(0.7, 10))
    assert bound.false_alarm(0.63, 10) < bound.false_alarm(0.62, 10)
    assert bound.false_alarm(0.1, 200) == 1.0  # a probability
    assert bound.cap(1.0) == 0.0
    assert bound.cap(-0.3) == pytest.approx(1 - bound.cap(0.3))
