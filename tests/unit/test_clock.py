"""Time never runs backwards here, and in doubt it is later."""

from __future__ import annotations

import logging

import pytest

from server.clock import BEHIND_MS, Clock


class Two:
    """A wall clock and a steady one, moved by hand (milliseconds)."""

    def __init__(self) -> None:
        self.wall, self.steady = 1_000_000, 50

    def pass_ms(self, ms: int) -> None:
        self.wall += ms
        self.steady += ms


def make(two: Two, **more: int) -> Clock:
    return Clock(lambda: two.wall, lambda: two.steady, **more)


def test_in_good_times_it_is_the_wall_clock() -> None:
    two = Two()
    clock = make(two)
    two.pass_ms(5_000)
    assert clock.now() == two.wall
    assert clock.trusted


def test_a_wall_clock_set_back_un_expires_nothing(caplog: pytest.LogCaptureFixture) -> None:
    two = Two()
    clock = make(two)
    two.pass_ms(5_000)
    before = clock.now()
    two.wall -= 86_400_000
    with caplog.at_level(logging.WARNING):
        assert clock.now() == before
        two.pass_ms(1_000)
        assert clock.now() == before + 1_000
    assert [r.getMessage() for r in caplog.records] == [
        "the wall clock jumped back by 86400.0 s; time goes on from the later one"
    ]
    assert not clock.trusted


def test_a_wall_clock_set_ahead_expires_at_once_and_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    two = Two()
    clock = make(two)
    two.wall += 3_600_000
    with caplog.at_level(logging.WARNING):
        for _ in range(5):
            two.pass_ms(100)
            assert clock.now() == two.wall
    assert len(caplog.records) == 1
    assert "ahead by 3600" in caplog.records[0].getMessage()


def test_a_little_drift_is_not_worth_a_word(caplog: pytest.LogCaptureFixture) -> None:
    two = Two()
    clock = make(two)
    with caplog.at_level(logging.WARNING):
        for _ in range(100):
            two.pass_ms(1_000)
            two.wall += 10
            clock.now()
            two.wall -= 25
            clock.now()
    assert caplog.records == []
    assert clock.trusted


def test_time_never_runs_backwards_whatever_the_wall_does() -> None:
    two = Two()
    clock = make(two)
    last = 0
    for step in (0, 500, -90_000, 10, 4_000_000, -4_000_000, 1, -1, 0, 250):
        two.wall += step
        two.steady += 7
        now = clock.now()
        assert now >= last
        last = now


def test_it_starts_no_earlier_than_the_newest_record() -> None:
    two = Two()
    clock = make(two)
    clock.not_before(two.wall + 2 * BEHIND_MS)
    assert clock.now() == two.wall + 2 * BEHIND_MS
    assert not clock.trusted
    two.pass_ms(10)
    assert clock.now() == two.wall + 2 * BEHIND_MS
    clock.not_before(5)
    assert clock.now() == two.wall + 2 * BEHIND_MS


def test_a_wall_clock_put_right_is_trusted_again() -> None:
    two = Two()
    clock = make(two)
    two.wall -= 2 * BEHIND_MS
    assert not clock.trusted
    two.wall += 2 * BEHIND_MS
    assert clock.trusted
    assert clock.now() == two.wall
