"""The clock on a home's wall: quiet hours past midnight, the nights when clocks are changed, and a day's call time."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server import home_time
from server.home_time import MINUTE, day_began, next_time, quiet, talked

LONDON, HOWE = "Europe/London", "Australia/Lord_Howe"
HOUR = 60 * MINUTE
ZONES = [LONDON, HOWE, "America/New_York", "Asia/Kathmandu", "Pacific/Apia", "America/Sao_Paulo", "UTC"]
NIGHT = (19 * 60 + 30, 7 * 60)
DAYTIME = (9 * 60, 15 * 60)


def at(text: str, zone: str, fold: int = 0) -> int:
    """A time on the wall, as milliseconds of UTC."""
    wall = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)
    return int(wall.astimezone(UTC).timestamp() * 1000)


@pytest.mark.parametrize("zone", ZONES)
def test_the_first_minute_is_quiet_and_the_last_one_is_open_again(zone: str) -> None:
    for window, inside, outside in (
        (NIGHT, ["19:30", "23:59", "00:00", "06:59"], ["19:29", "07:00", "12:00"]),
        (DAYTIME, ["09:00", "14:59"], ["08:59", "15:00", "00:00"]),
    ):
        for time in inside:
            assert quiet(window, at(f"2026-06-10T{time}", zone), zone), (window, time)
        for time in outside:
            assert not quiet(window, at(f"2026-06-10T{time}", zone), zone), (window, time)


def test_the_next_time_is_today_or_tomorrow_and_never_now() -> None:
    evening = at("2026-06-10T19:00", LONDON)
    assert next_time(NIGHT[0], evening, LONDON) == at("2026-06-10T19:30", LONDON)
    assert next_time(NIGHT[1], evening, LONDON) == at("2026-06-11T07:00", LONDON)
    sharp = at("2026-06-10T19:30", LONDON)
    assert next_time(NIGHT[0], sharp, LONDON) == at("2026-06-11T19:30", LONDON)


def test_quiet_hours_follow_the_wall_when_the_clocks_go_forward() -> None:
    """London, 29 March 2026: after 00:59 GMT comes 02:00 BST."""
    before = at("2026-03-29T00:59", LONDON)
    assert next_time(7 * 60, before, LONDON) - before == 5 * HOUR + MINUTE  # on the wall it is six hours and a minute
    skipped = (60, 90)  # 01:00 to 01:30: that night there is no such time
    assert not any(quiet(skipped, before + minute * MINUTE, LONDON) for minute in range(180))
    assert any(quiet(skipped, before + 23 * HOUR + minute * MINUTE, LONDON) for minute in range(180))


def test_a_minute_that_the_wall_skips_begins_when_the_wall_has_passed_it() -> None:
    before = at("2026-03-29T00:30", LONDON)
    begins = next_time(75, before, LONDON)  # 01:15
    assert before < begins <= before + 2 * HOUR
    assert home_time.local(begins, LONDON).hour == 2


def test_quiet_hours_hold_both_times_when_the_wall_shows_an_hour_twice() -> None:
    """London, 25 October 2026: 01:00 to 01:59 come twice."""
    window = (60, 120)
    first, second = at("2026-10-25T01:30", LONDON), at("2026-10-25T01:30", LONDON, fold=1)
    assert second - first == HOUR
    assert quiet(window, first, LONDON)
    assert quiet(window, second, LONDON)
    assert next_time(120, first, LONDON) == at("2026-10-25T02:00", LONDON)
    assert next_time(120, first, LONDON) - first == HOUR + 30 * MINUTE


def test_lord_howe_changes_by_half_an_hour_and_it_still_holds() -> None:
    """Lord Howe, 5 April 2026: at 02:00 the wall goes back to 01:30. 4 October 2026: 02:00 becomes 02:30."""
    evening = at("2026-04-04T22:00", HOWE)
    assert next_time(7 * 60, evening, HOWE) - evening == 9 * HOUR + 30 * MINUTE
    evening = at("2026-10-03T22:00", HOWE)
    assert next_time(7 * 60, evening, HOWE) - evening == 8 * HOUR + 30 * MINUTE
    half = (2 * 60, 2 * 60 + 30)  # that half hour is skipped
    assert not any(quiet(half, evening + minute * MINUTE, HOWE) for minute in range(8 * 60))


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        (LONDON, "2026-03-29", 23), (LONDON, "2026-10-25", 25), (LONDON, "2026-06-10", 24),
        (HOWE, "2026-04-05", 24.5), (HOWE, "2026-10-04", 23.5),
    ],
)  # fmt: skip
def test_a_day_is_as_long_as_the_wall_makes_it(zone: str, day: str, hours: float) -> None:
    noon = at(f"{day}T12:00", zone)
    midnight = next_time(0, noon, zone)
    assert midnight - day_began(noon, zone) == hours * HOUR
    assert day_began(midnight, zone) == midnight
    assert day_began(midnight - 1, zone) == day_began(noon, zone)


# -- how much of today is gone ---------------------------------------------------------------------------------------------


def test_what_was_before_midnight_is_yesterdays() -> None:
    came, now = at("2026-06-09T23:40", LONDON), at("2026-06-10T00:20", LONDON)
    assert talked([(came, None)], now, LONDON) == 20 * MINUTE
    assert talked([(came, at("2026-06-09T23:50", LONDON))], now, LONDON) == 0
    assert talked([(came, None)], at("2026-06-09T23:59", LONDON), LONDON) == 19 * MINUTE


def test_two_calls_at_once_are_one_time() -> None:
    now = at("2026-06-10T18:00", LONDON)
    ago = [now - minutes * MINUTE for minutes in range(61)]
    assert talked([(ago[30], ago[10]), (ago[20], ago[5])], now, LONDON) == 25 * MINUTE
    assert talked([(ago[30], None), (ago[20], ago[10])], now, LONDON) == 30 * MINUTE
    assert talked([(ago[60], ago[50]), (ago[20], None)], now, LONDON) == 30 * MINUTE
    assert talked([(ago[20], None), (ago[60], ago[50]), (ago[55], ago[50])], now, LONDON) == 30 * MINUTE
    assert talked([], now, LONDON) == 0


def test_nothing_counts_before_it_has_been() -> None:
    now = at("2026-06-10T18:00", LONDON)
    assert talked([(now + MINUTE, None)], now, LONDON) == 0
    assert talked([(now - MINUTE, now + HOUR)], now, LONDON) == MINUTE


def test_a_day_of_25_hours_can_be_talked_away_in_whole() -> None:
    now = at("2026-10-25T23:59", LONDON)
    assert talked([(at("2026-10-24T12:00", LONDON), None)], now, LONDON) == 25 * HOUR - MINUTE


# -- in general: beside a reckoning that walks minute by minute ------------------------------------------------------------------

MOMENTS = st.integers(at("2026-01-01T00:00", "UTC") // MINUTE, at("2027-01-01T00:00", "UTC") // MINUTE)
MINUTES = st.integers(0, 1439)


@given(MOMENTS, st.tuples(MINUTES, MINUTES).filter(lambda one: one[0] != one[1]), st.sampled_from(ZONES))
def test_quiet_hours_turn_only_when_the_wall_shows_one_of_their_ends_or_the_clocks_are_changed(
    minute: int, window: tuple[int, int], zone: str
) -> None:
    now = minute * MINUTE
    turns = min(next_time(end, now, zone) for end in window)
    shifts = home_time.local(now, zone).utcoffset() != home_time.local(turns, zone).utcoffset()
    if not shifts:
        before = quiet(window, now, zone)
        assert quiet(window, turns - 1, zone) == before
        assert quiet(window, (now + turns) // 2, zone) == before


@given(
    st.lists(st.tuples(st.integers(0, 3000), st.none() | st.integers(0, 3000)), max_size=6),
    st.integers(0, 3000),
    st.sampled_from(ZONES),
)
def test_talked_is_the_minutes_of_today_in_which_at_least_one_stay_was(
    stays: list[tuple[int, int | None]], after: int, zone: str
) -> None:
    start = at("2026-10-24T12:00", zone)
    now = start + after * MINUTE
    real = [(start + came * MINUTE, None if left is None else start + left * MINUTE) for came, left in stays]
    began = day_began(now, zone)
    today = range(began, now, MINUTE)
    counted = sum(any(came <= one and (left is None or one < left) for came, left in real) for one in today)
    assert talked(real, now, zone) == counted * MINUTE


def test_an_unknown_zone_is_reckoned_in_utc() -> None:
    now = at("2026-06-10T20:00", "UTC")
    assert quiet(NIGHT, now, "Nowhere/Land") == quiet(NIGHT, now, "UTC") is True
