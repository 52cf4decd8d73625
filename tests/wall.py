"""When the clock on a home's wall next shows a time: for tests that wait for it, reckoned without ``server/home_time.py``."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

MINUTE = 60_000


def shows(minute: int, now: int, zone: str) -> bool:
    """Whether the wall shows this minute of the day. Looks at the wall."""
    wall = datetime.fromtimestamp(now / 1000, ZoneInfo(zone))
    return 60 * wall.hour + wall.minute == minute


def next_time(minute: int, now: int, zone: str) -> int:
    """When the wall next shows this minute of the day, strictly after ``now``; milliseconds of UTC. Walks there."""
    for at in range(now // MINUTE * MINUTE + MINUTE, now + 3 * 24 * 60 * MINUTE, MINUTE):
        if shows(minute, at, zone):
            return at
    raise AssertionError("a minute of the day comes within three days")
