"""The clock on a home's wall: quiet hours past midnight, the nights when clocks are changed, and a day's call time."""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server import home_time
from server.home_time import MINUTE, day_began, next_day, next_turn, quiet, talked

LONDON, HOWE = "Europe/London", "Australia/Lord_Howe"
HAVANA, CAIRO = "America/Havana", "Africa/Cairo"
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


def test_the_next_turn_is_today_or_tomorrow_and_never_now() -> None:
    evening = at("2026-06-10T19:00", LONDON)
    assert next_turn(NIGHT, evening, LONDON) == at("2026-06-10T19:30", LONDON)
    sharp = at("2026-06-10T19:30", LONDON)
    assert next_turn(NIGHT, sharp, LONDON) == at("2026-06-11T07:00", LONDON)
    assert next_turn(NIGHT, at("2026-06-11T07:00", LONDON), LONDON) == at("2026-06-11T19:30", LONDON)


def test_quiet_hours_follow_the_wall_when_the_clocks_go_forward() -> None:
    """London, 29 March 2026: after 00:59 GMT comes 02:00 BST."""
    before = at("2026-03-29T00:59", LONDON)
    assert quiet(NIGHT, before, LONDON)
    assert next_turn(NIGHT, before, LONDON) - before == 5 * HOUR + MINUTE  # on the wall it is six hours and a minute
    skipped = (60, 90)  # 01:00 to 01:30: that night there is no such time
    assert next_turn(skipped, before, LONDON) == at("2026-03-30T01:00", LONDON)
    assert not any(quiet(skipped, before + minute * MINUTE, LONDON) for minute in range(180))
    assert any(quiet(skipped, before + 23 * HOUR + minute * MINUTE, LONDON) for minute in range(180))


def test_quiet_hours_from_a_minute_that_the_wall_skips_begin_with_the_jump() -> None:
    before = at("2026-03-29T00:30", LONDON)
    begins = next_turn((75, 300), before, LONDON)  # from 01:15
    assert begins == before + 30 * MINUTE
    assert home_time.local(begins, LONDON).hour == 2
    assert quiet((75, 300), begins, LONDON)
    assert not quiet((75, 300), begins - 1, LONDON)
    assert next_turn((30, 75), before, LONDON) == begins, "and those until such a minute end with it"


def test_quiet_hours_hold_both_times_when_the_wall_shows_an_hour_twice() -> None:
    """London, 25 October 2026: 01:00 to 01:59 come twice."""
    window = (60, 120)
    first, second = at("2026-10-25T01:30", LONDON), at("2026-10-25T01:30", LONDON, fold=1)
    assert second - first == HOUR
    assert quiet(window, first, LONDON)
    assert quiet(window, second, LONDON)
    assert next_turn(window, first, LONDON) == at("2026-10-25T02:00", LONDON)
    assert next_turn(window, first, LONDON) - first == HOUR + 30 * MINUTE


def test_quiet_hours_that_begin_in_the_hour_shown_twice_begin_twice() -> None:
    """London, 25 October 2026, quiet from 01:30: once, then the clock goes back before that, then again."""
    window = (90, 420)
    ring = at("2026-10-25T01:05", LONDON, fold=1)
    assert not quiet(window, ring, LONDON)
    assert next_turn(window, ring, LONDON) == ring + 25 * MINUTE == at("2026-10-25T01:30", LONDON, fold=1)
    once = at("2026-10-25T01:30", LONDON)
    assert next_turn(window, once - 1, LONDON) == once
    assert next_turn(window, once, LONDON) == once + 30 * MINUTE, "01:59 is followed by 01:00, which is open"


def test_lord_howe_changes_by_half_an_hour_and_it_still_holds() -> None:
    """Lord Howe, 5 April 2026: at 02:00 the wall goes back to 01:30. 4 October 2026: 02:00 becomes 02:30."""
    evening = at("2026-04-04T22:00", HOWE)
    assert next_turn(NIGHT, evening, HOWE) - evening == 9 * HOUR + 30 * MINUTE
    evening = at("2026-10-03T22:00", HOWE)
    assert next_turn(NIGHT, evening, HOWE) - evening == 8 * HOUR + 30 * MINUTE
    half = (2 * 60, 2 * 60 + 30)  # that half hour is skipped
    assert not any(quiet(half, evening + minute * MINUTE, HOWE) for minute in range(8 * 60))
    assert next_turn(half, evening, HOWE) == at("2026-10-05T02:00", HOWE)


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        (LONDON, "2026-03-29", 23), (LONDON, "2026-10-25", 25), (LONDON, "2026-06-10", 24),
        (HOWE, "2026-04-05", 24.5), (HOWE, "2026-10-04", 23.5),
        (HAVANA, "2026-03-08", 23), (HAVANA, "2026-11-01", 25), (CAIRO, "2026-04-24", 23), (CAIRO, "2026-10-29", 25),
        ("Asia/Beirut", "2026-03-29", 23), ("Asia/Beirut", "2026-10-24", 25),
        ("America/Asuncion", "2024-03-23", 25), ("America/Asuncion", "2024-10-06", 23), ("Pacific/Apia", "2011-12-29", 24),
    ],
)  # fmt: skip
def test_a_day_is_as_long_as_the_wall_makes_it(zone: str, day: str, hours: float) -> None:
    noon = at(f"{day}T12:00", zone)
    midnight = next_day(noon, zone)
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


#: at midnight the wall of Havana and Cairo goes to 01:00, and back from there to 00:00 or from there to 23:00
CHANGING = [LONDON, "Europe/Berlin", HAVANA, CAIRO, "America/New_York", HOWE]


def wall(moment: int, zone: str) -> datetime:
    return datetime.fromtimestamp(moment / 1000, ZoneInfo(zone))


@cache
def jumps(zone: str) -> list[int]:
    """Where in 2026 the wall jumps, to the minute. Looks at every one of them."""
    year = range(at("2026-01-01T00:00", "UTC"), at("2027-01-01T00:00", "UTC"), MINUTE)
    days = [day for day in year[:: 24 * 60] if wall(day, zone).utcoffset() != wall(day + 24 * HOUR, zone).utcoffset()]
    return [
        next(one for one in range(day, day + 25 * HOUR, MINUTE) if wall(one, zone).utcoffset() != wall(day, zone).utcoffset())
        for day in days
    ]  # fmt: skip


def walked_turn(window: tuple[int, int], now: int, zone: str) -> int:
    """The first whole minute after ``now`` at which the wall is on the other side of the window's edge."""
    begin, end = window
    minutes = frozenset(range(begin, end) if begin < end else [*range(begin, 1440), *range(end)])

    def inside(moment: int) -> bool:
        time = wall(moment, zone)
        return time.hour * 60 + time.minute in minutes

    was, next_minute = inside(now), now // MINUTE * MINUTE + MINUTE
    return next(one for one in range(next_minute, next_minute + 72 * HOUR, MINUTE) if inside(one) != was)


def walked_day(now: int, zone: str) -> tuple[int, int]:
    """The first whole minute of today's date, and of the one that follows."""
    today, minute = wall(now, zone).date(), now // MINUTE * MINUTE

    def date_of(moment: int) -> date:
        return wall(moment, zone).date()

    began = next(one for one in range(minute - 27 * HOUR, minute + MINUTE, MINUTE) if date_of(one) == today)
    return began, next(one for one in range(minute, minute + 27 * HOUR, MINUTE) if date_of(one) > today)


@pytest.mark.parametrize("zone", CHANGING)
def test_each_of_these_walls_jumps_twice_a_year(zone: str) -> None:
    assert len(jumps(zone)) == 2


WINDOWS = st.tuples(MINUTES, MINUTES).filter(lambda one: one[0] != one[1])


@settings(max_examples=150, deadline=None)
@given(MOMENTS, WINDOWS, st.sampled_from([*ZONES, *CHANGING]), st.integers(0, MINUTE - 1))
def test_quiet_hours_turn_exactly_when_somebody_who_watches_the_wall_says_so(
    minute: int, window: tuple[int, int], zone: str, more: int
) -> None:
    now = minute * MINUTE + more
    assert next_turn(window, now, zone) == walked_turn(window, now, zone)
    assert (day_began(now, zone), next_day(now, zone)) == walked_day(now, zone)


@settings(max_examples=250, deadline=None)
@given(st.data())
def test_so_they_do_on_the_nights_when_clocks_are_changed(data: st.DataObject) -> None:
    """Moments and windows near the jump, where a reckoning goes wrong."""
    zone = data.draw(st.sampled_from(CHANGING))
    jump = data.draw(st.sampled_from(jumps(zone)))
    now = jump + data.draw(st.integers(-180, 180) | st.integers(-1500, 300)) * MINUTE
    now += data.draw(st.integers(0, MINUTE - 1) | st.just(0))
    before, after = (60 * one.hour + one.minute for one in (wall(jump - MINUTE, zone), wall(jump, zone)))
    near = [(edge + away) % 1440 for edge in (before, after) for away in range(-75, 76)]
    window = data.draw(st.tuples(*[st.sampled_from(near) | MINUTES] * 2).filter(lambda one: one[0] != one[1]))
    turns = next_turn(window, now, zone)
    assert turns == walked_turn(window, now, zone)
    assert quiet(window, now, zone) == quiet(window, turns - 1, zone) != quiet(window, turns, zone)
    assert (day_began(now, zone), next_day(now, zone)) == walked_day(now, zone)


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
