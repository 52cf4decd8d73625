"""Waiting, where a platform says that it lets in more people later: how long in all, and whose time stands still meanwhile.

A server lets one address make only so many families an hour, and says when the next one may come. A run that has patience waits until
then; time limits of stories and of the run do not count it. One that has none (``most`` is 0) goes on without, and what would have
needed more people could not be shown. It never waits longer than ``most`` in all, whatever a server says.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

SLACK: Final = 0.5  # seconds more than was asked for: clocks differ


class Patience:
    """``most``: seconds, of one run. ``told``: whoever watches hears of each wait before it begins."""

    def __init__(self, most: float = 0.0, told: Callable[[Mapping[str, Any]], None] = lambda _: None) -> None:
        self.most, self.told = most, told
        self.waited = 0.0
        self._ends = 0.0  # of the wait that goes on
        self._playing: set[asyncio.Timeout] = set()

    @contextmanager
    def pauses(self, limit: asyncio.Timeout) -> Iterator[None]:
        """Waiting does not count for this limit."""
        self._playing.add(limit)
        try:
            yield
        finally:
            self._playing.discard(limit)

    async def wait(self, seconds: float, why: str) -> bool:
        """Wait so long, and whoever has a time limit waits with us. False, at once: it would be longer than there is patience for."""
        now = time.monotonic()
        until = now + max(0.0, seconds) + SLACK
        more = max(0.0, until - max(now, self._ends))  # than is waited already: two who wait at the same time wait once
        if self.waited + more > self.most:
            return False
        if more:
            self.waited += more
            self._ends = until
            for limit in self._playing:
                if (when := limit.when()) is not None:
                    limit.reschedule(when + more)
            left = until - now
            ends_at = time.time_ns() // 1_000_000 + round(left * 1000)
            self.told({"t": "waiting", "until": ends_at, "seconds": round(left), "why": why})
        await asyncio.sleep(until - now)
        return True
