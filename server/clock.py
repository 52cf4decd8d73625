"""The one clock of the house: it never runs backwards, and when in doubt it is later.

Nearly everything that protects expires: tickets, codes, sessions, a yes after a year. A wall clock that is set back would bring
the dead to life, so the time given out is the later of the wall clock and of where the wall clock stood plus what the
monotonic clock has counted since. It also starts no earlier than the newest record: a machine that wakes up in last week
does not un-expire last week. The price is that a clock once set far ahead keeps expiring things until a restart; that is said
plainly in the log and in /healthz, and it is the right way round.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

log = logging.getLogger(__name__)

JUMP_MS: Final = 2_000  # NTP slews by less; anything above is worth a sentence in the log
BEHIND_MS: Final = 60_000  # so far behind and /healthz says it


def _wall() -> int:
    return time.time_ns() // 1_000_000


def _steady() -> int:
    return time.monotonic_ns() // 1_000_000


class Clock:
    """``now()`` in milliseconds since 1970, UTC. ``wall`` and ``steady`` are functions so that a test can hold them."""

    def __init__(
        self, wall: Callable[[], int] = _wall, steady: Callable[[], int] = _steady, *, not_before: int = 0
    ) -> None:
        self._wall, self._steady = wall, steady
        self._at = max(wall(), not_before)
        self._since = steady()
        self._warned = 0

    def now(self) -> int:
        """Milliseconds since 1970, UTC: the later of the two clocks."""
        wall, steady = self._wall(), self._steady()
        counted = self._at + max(0, steady - self._since)
        off = wall - counted
        if abs(off - self._warned) > JUMP_MS:
            self._warned = off
            log.warning(
                "the wall clock jumped %s by %.1f s; time goes on from the later one",
                "ahead" if off > 0 else "back",
                abs(off) / 1000,
            )
        later = max(wall, counted)
        self._at, self._since = later, steady
        if off > 0:
            self._warned = 0
        return later

    def not_before(self, at: int) -> None:
        """Never give out a time earlier than ``at``, the newest record we have."""
        now = self.now()
        if at > now + JUMP_MS:
            log.warning(
                "the wall clock is %.0f s behind the newest record; time goes on from the record", (at - now) / 1000
            )
        if at > now:
            self._at, self._since = at, self._steady()
            self._warned = self._wall() - at

    @property
    def trusted(self) -> bool:
        """False while the wall clock is far behind the time that we give out."""
        return self.now() - self._wall() < BEHIND_MS
