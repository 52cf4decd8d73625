"""The clock of a home: what minute of the day it is there, when quiet hours begin and end, how much of today's call time is gone.

Local time comes from the household's zone, never from a device (a child could set it). Pure: the moment is passed in, in
milliseconds of UTC. Quiet hours are two minutes of the day; when the second is smaller they go past midnight. A day of call
time begins at midnight in the home. On the nights when clocks are changed the minutes of the day are those that the
clock on the wall shows; a minute that the wall skips begins when the wall has passed it.
"""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Final

MINUTE: Final = 60_000
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


@lru_cache(maxsize=1024)  # a thousand homes are asked about at one moment, and few differ
def quiet(window: Window, now: int, name: str) -> bool:
    """Whether it is quiet hours. The first minute is quiet, the last one is open again."""
    begin, end = window
    wall = local(now, name)
    minute = wall.hour * 60 + wall.minute
    return begin <= minute < end if begin < end else minute >= begin or minute < end


@lru_cache(maxsize=1024)
def next_time(minute: int, now: int, name: str) -> int:
    """When the wall next shows this minute of the day, strictly after ``now``; milliseconds of UTC."""
    wall = local(now, name)
    for ahead in range(3):
        day = (wall + timedelta(days=ahead)).replace(
            hour=minute // 60, minute=minute % 60, second=0, microsecond=0, fold=0
        )
        at = int(day.astimezone(UTC).timestamp() * 1000)
        if at > now:
            return at
    raise AssertionError("a minute of the day comes within two days")


@lru_cache(maxsize=1024)
def day_began(now: int, name: str) -> int:
    """Midnight before ``now`` in that home, milliseconds of UTC."""
    midnight = local(now, name).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    return int(midnight.astimezone(UTC).timestamp() * 1000)


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
