"""The clock of a home: what minute of the day it is there, when quiet hours begin and end, how much of today's call time is gone.

Local time comes from the household's zone, never from a device (a child could set it). Pure: the moment is passed in, in
milliseconds of UTC. Quiet hours are two minutes of the day; when the second is smaller they go past midnight. A day of call
time begins when the wall first shows its date: at midnight, or later where the wall skips that.

On the nights when clocks are changed the minutes of the day are those that the clock on the wall shows, whether it shows them
twice or not at all. So quiet hours may begin or end with the jump itself, and more than once in a night. ``quiet`` alone says
what holds; ``next_turn`` is when it will say something else, and nothing else may be used to wait for that.
"""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Final

MINUTE: Final = 60_000
_DAY: Final = 24 * 60 * MINUTE
Window = tuple[int, int]


@lru_cache(maxsize=1024)
def zone(name: str) -> tzinfo:
    """The zone of that name; UTC for one that this machine does not know (sign-up refuses those)."""
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, OSError, ValueError):
        return UTC


def local(now: int, name: str) -> datetime:
    """The time on the wall of that home."""
    return datetime.fromtimestamp(now / 1000, zone(name))


def quiet(window: Window, now: int, name: str) -> bool:
    """Whether it is quiet hours. The first minute is quiet, the last one is open again."""
    begin, end = window
    minute = (now + _piece(now, name)[0]) % _DAY // MINUTE
    return begin <= minute < end if begin < end else minute >= begin or minute < end


@lru_cache(maxsize=1024)  # a thousand homes are asked about at one moment, and few differ
def next_turn(window: Window, now: int, name: str) -> int:
    """The first moment after ``now`` at which :func:`quiet` says something else; milliseconds of UTC."""
    was = quiet(window, now, name)
    return next(at for at in _moments(window, now, name) if quiet(window, at, name) != was)


@lru_cache(maxsize=1024)
def next_day(now: int, name: str) -> int:
    """The first moment after ``now`` at which the wall shows a later date; milliseconds of UTC."""
    today = _date(now, name)
    return next(at for at in _moments((0,), now, name) if _date(at, name) > today)


@lru_cache(maxsize=1024)
def day_began(now: int, name: str) -> int:
    """When the wall of that home first showed the date that it shows now; milliseconds of UTC."""
    midnight = local(now, name).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    return next_day(int(midnight.astimezone(UTC).timestamp() * 1000) - _MOST_JUMP, name)


#: further than any clock is put forward or back in one night, and less than a day
_MOST_JUMP: Final = 3 * 60 * MINUTE


def _moments(minutes: tuple[int, ...], now: int, name: str) -> Iterator[int]:
    """In their order the moments after ``now`` at which the wall comes to one of these minutes of the day, or jumps; and each
    midnight of UTC, where one piece of the reckoning ends."""
    start = now
    while True:
        ahead, end = _piece(start, name)
        waits = sorted((minute * MINUTE - start - ahead) % _DAY or _DAY for minute in minutes)
        yield from (start + wait for wait in waits if start + wait < end)
        yield end
        start = end


def _piece(at: int, name: str) -> tuple[int, int]:
    """How far the wall is ahead of UTC at that moment, in milliseconds, and until when that surely stays so."""
    before, jump, after = _day_of_utc(at // _DAY, name)
    return (before, jump) if at < jump else (after, (at // _DAY + 1) * _DAY)


@lru_cache(maxsize=1024)
def _day_of_utc(day: int, name: str) -> tuple[int, int, int]:
    """How far the wall is ahead of UTC when that day begins, when it jumps (or the day ends), and how far it is ahead then."""
    start, end = day * _DAY, (day + 1) * _DAY
    before = _ahead(start, name)
    if _ahead(end, name) != before:
        while end - start > 1:
            middle = (start + end) // 2
            start, end = (middle, end) if _ahead(middle, name) == before else (start, middle)
    return before, end, _ahead(end, name)


def _ahead(at: int, name: str) -> int:
    return (local(at, name).utcoffset() or timedelta()) // timedelta(milliseconds=1)


def _date(at: int, name: str) -> int:
    """The date on the wall, as a number of days."""
    return (at + _piece(at, name)[0]) // _DAY


def talked(stays: Iterable[tuple[int, int | None]], now: int, name: str) -> int:
    """How many milliseconds of today these stays in calls cover; each is (came, left), left None for one that goes on.
    Two at the same time are counted once: somebody has one day."""
    began = day_began(now, name)
    gone, until = 0, began
    for came, left in sorted(stays, key=lambda stay: stay[0]):
        end = now if left is None else min(left, now)
        start = max(came, until)
        if end > start:
            gone += end - start
            until = end
    return gone
