"""The mark's code and pattern: what must never change, and what the choice of polynomials promises."""

from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from server.trace import code, pattern
from tests import mark_vectors

VECTORS = Path(__file__).parents[1] / "data" / "mark_vectors.json"
PERIODIC = [0x00000000, 0xFFFFFFFF, 0xAAAAAAAA, 0x55555555, 0x33333333, 0xCCCCCCCC, 0x0F0F0F0F, 0x00FF00FF, 0x0000FFFF]
TILE = pattern.tile(mark_vectors.KEY)


def some_ids(count: int, seed: int) -> list[int]:
    return [int(one) for one in np.random.default_rng(seed).integers(0, 1 << 32, count)]


def codewords(ids: list[int]) -> np.ndarray:
    return np.array([code.encode(one) for one in ids], np.float32)


@pytest.mark.parametrize("mark_id", PERIODIC, ids=lambda one: f"{one:08x}")
def test_an_id_that_repeats_itself_comes_back(mark_id: int) -> None:
    chips = codewords([mark_id])
    assert code.decode(chips)[0] == mark_id
    noisy = chips + np.random.default_rng(mark_id).normal(0, 1, chips.shape)
    assert code.decode(noisy)[0] == mark_id


def test_every_id_comes_back_from_its_own_codeword() -> None:
    ids = some_ids(300, 1)
    assert code.decode(codewords(ids)).tolist() == ids


def test_the_code_goes_around_the_circle() -> None:
    """Turning the bits turns the signs: no bit is at an end."""
    for mark_id in some_ids(20, 2):
        turned = (mark_id << 1 | mark_id >> 31) & 0xFFFFFFFF
        assert (code.encode(turned) == np.roll(code.encode(mark_id), -code.RATE)).all()


def test_ids_that_differ_little_have_codewords_that_differ_much() -> None:
    """The code is linear up to the sign, so the distance of two ids is that of their difference from 0."""
    zero = code.encode(0)
    for bits in range(1, 5):
        for where in combinations(range(12), bits):
            assert np.count_nonzero(code.encode(sum(1 << one for one in where)) != zero) >= 36
    for mark_id in PERIODIC[1:]:
        assert np.count_nonzero(code.encode(mark_id) != zero) >= 36


def test_an_inverted_mark_reads_as_nobody() -> None:
    """With the polynomials that were tried first, the inverse of a codeword was two thirds of the way to another id's."""
    ids = some_ids(500, 3) + PERIODIC
    inverse = -codewords(ids)
    read = code.decode(inverse)
    assert max(code.correlation(chips, int(one)) for chips, one in zip(inverse, read, strict=True)) < 0.5
    assert max(code.correlation(chips, one ^ 0xAAAAAAAA) for chips, one in zip(inverse, ids, strict=True)) < 0.5


@pytest.mark.parametrize(("snr", "most"), [(0.4, 0.06), (0.5, 0.008), (0.7, 0.001)])
def test_the_share_of_ids_lost_in_noise_is_what_was_measured(snr: float, most: float) -> None:
    """Measured, n = 6000: 4.0 % at 0.4, 0.27 % at 0.5, 0.03 % at 0.6 (power of a sign over power of the noise)."""
    rng = np.random.default_rng(4)
    ids = some_ids(1500, 5)
    noisy = codewords(ids) + rng.normal(0, snr**-0.5, (len(ids), code.CHIPS))
    lost = sum(int(one) != right for one, right in zip(code.decode(noisy), ids, strict=True))
    assert lost / len(ids) <= most


def test_noise_that_is_too_strong_loses_ids() -> None:
    """So that the test above could fail."""
    ids = some_ids(200, 6)
    noisy = codewords(ids) + np.random.default_rng(7).normal(0, 0.1**-0.5, (len(ids), code.CHIPS))
    assert np.count_nonzero(code.decode(noisy) != ids) > 100


def test_the_correlation_does_not_ask_for_the_scale() -> None:
    chips = codewords([0x12345678])[0]
    assert code.correlation(chips, 0x12345678) == pytest.approx(1)
    assert code.correlation(chips * 1e-6, 0x12345678) == pytest.approx(1)
    assert code.correlation(-chips, 0x12345678) == pytest.approx(-1)
    assert code.correlation(chips * 0, 0x12345678) == 0
    assert abs(code.correlation(chips, 0x12345679)) < 0.65


def test_an_id_has_32_bits() -> None:
    for wrong in (-1, 1 << 32):
        with pytest.raises(ValueError, match="32 bits"):
            code.encode(wrong)
    with pytest.raises(ValueError, match="32 bytes"):
        pattern.tile(b"short")


def test_the_numbers_are_those_that_other_languages_are_held_to() -> None:
    assert json.loads(VECTORS.read_text()) == mark_vectors.vectors()


def test_another_key_makes_another_tile() -> None:
    other = pattern.tile(bytes(32))
    assert sorted([*other.pilot_cells, *other.payload_cells]) == list(range(256))
    assert np.count_nonzero(other.pilot_cells != TILE.pilot_cells) > 50
    assert abs(int((other.signs(1).astype(int) * TILE.signs(1)).sum())) < 60


def test_the_mark_costs_42_decibels_and_no_pixel_more_than_four_steps() -> None:
    made = pattern.patterns(TILE, 0xDEADBEEF, 640, 480)
    assert len(made) == 25
    power = np.mean([(made[pattern.level(n / 300) + 12].astype(float) ** 2).mean() for n in range(300)])
    assert 41.8 < 10 * np.log10(255**2 / power) < 42.3
    assert max(int(np.abs(one.astype(int)).max()) for one in made) <= 4
    assert not made[12].any()  # twice in a second the picture is untouched


def test_a_marked_picture_stays_within_black_and_white() -> None:
    made = pattern.patterns(TILE, 0xDEADBEEF, 64, 48)
    for grey in (0, 255):
        moved = pattern.add(np.full((48, 64), grey, np.uint8), made, 0.0).astype(int)
        assert set(np.unique(np.abs(moved - grey))) <= {0, 1, 2, 3, 4}


def test_recipients_ninety_degrees_apart_never_swing_together() -> None:
    swings = np.array([[pattern.level(n / 60, quarter) for n in range(60)] for quarter in range(4)], float)
    assert abs(swings[0] @ swings[1]) < 0.02 * (swings[0] @ swings[0])
    assert (swings[0] == -swings[2]).mean() > 0.9
