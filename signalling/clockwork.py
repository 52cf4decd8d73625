"""What the clock alone will change: timers for asking again and for the gentle warning, kept apart from the hub so that both can be read.

Every answer of the authority says when it may become another one by the clock alone. Whoever got the answer sets an alarm for that
moment, and each newer answer takes the place of the older one's alarm. Nothing is looked at every few seconds: a house in which
nothing is about to change has timers that sleep, and no work.

- **Together.** On the minute when quiet hours begin in a whole time zone, a thousand alarms ring within a few milliseconds. Those
  that ring within ten of them are asked about as one lot.
- **Never longer than an hour.** A timer counts what passes here, not what the clock on the wall does; the house watches for a
  wall clock that jumps and then has everybody asked again (``server/retention.py``). The hour is for the day on which nobody watched.
- **A warning is for one person.** Who will have to leave is told two minutes before, or at once when less is left; nobody else
  is, for the reason is their own family's. The same end is not told twice: an end that moves by less than half a
  minute is the same one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Sequence
from typing import Final, Generic, TypeVar

from signalling.authority import PersonId, Until
from signalling.protocol import Code

K = TypeVar("K", bound=Hashable)

LONGEST_SECONDS: Final = 3_600.0
SOONEST_SECONDS: Final = 0.05  # an authority that says "now" over and over gets no more than twenty questions a second
TOGETHER_SECONDS: Final = 0.01  # a tenth of the time in which a cut should be done
WARN_MS: Final = 120_000  # design 3.5: two minutes, time to say bye
SAME_END_SECONDS: Final = (
    30.0  # more than the time that it takes to connect, by which minutes of talk begin later than was thought
)


class Alarms(Generic[K]):
    """One alarm for each key. ``ring`` is given the keys whose alarms have rung, several at once when they rang together."""

    def __init__(self, ring: Callable[[Sequence[K]], None]) -> None:
        self._ring = ring
        self._set: dict[K, asyncio.TimerHandle] = {}
        self._rung: dict[K, None] = {}
        self._soon: asyncio.TimerHandle | None = None

    def __contains__(self, key: K) -> bool:
        return key in self._set

    def set(self, key: K, in_ms: int | None) -> None:
        """Ring for this key in so many milliseconds, instead of whenever it was to ring before; None: not at all."""
        self.cancel(key)
        if in_ms is not None:
            seconds = min(max(in_ms / 1000, SOONEST_SECONDS), LONGEST_SECONDS)
            self._set[key] = asyncio.get_running_loop().call_later(seconds, self._rings, key)

    def cancel(self, key: K) -> None:
        self._rung.pop(key, None)
        handle = self._set.pop(key, None)
        if handle is not None:
            handle.cancel()

    def close(self) -> None:
        """Nothing rings any more."""
        for key in tuple(self._set):
            self.cancel(key)
        self._rung.clear()
        if self._soon is not None:
            self._soon.cancel()

    def _rings(self, key: K) -> None:
        del self._set[key]
        self._rung[key] = None
        if self._soon is None:
            self._soon = asyncio.get_running_loop().call_later(TOGETHER_SECONDS, self._ring_all)

    def _ring_all(self) -> None:
        self._soon = None
        rung, self._rung = tuple(self._rung), {}
        if rung:
            self._ring(rung)


class Warnings:
    """Of one call: whom to warn, and who has been. ``warn`` gets person, code and milliseconds left, and says whether that person
    could be told; ``clock`` gives seconds."""

    __slots__ = ("_clock", "_told", "_waiting", "_warn")

    def __init__(self, warn: Callable[[PersonId, Code, int], bool], clock: Callable[[], float]) -> None:
        self._warn, self._clock = warn, clock
        self._told: dict[PersonId, float] = {}  # person -> the end of which they were told
        self._waiting: list[asyncio.TimerHandle] = []

    def set(self, until: Until) -> None:
        """Warn of these ends instead of those that were known before."""
        self.cancel()
        now, loop = self._clock(), asyncio.get_running_loop()
        for person, code, in_ms in until.ending:
            wait, end = (in_ms - WARN_MS) / 1000, now + in_ms / 1000
            if wait <= 0:
                self._tell(person, code, end)
            elif wait <= LONGEST_SECONDS:  # what is further off is asked about again before
                self._waiting.append(loop.call_later(wait, self._tell, person, code, end))

    def cancel(self) -> None:
        for handle in self._waiting:
            handle.cancel()
        self._waiting.clear()

    def _tell(self, person: PersonId, code: Code, end: float) -> None:
        told = self._told.get(person)
        if told is not None and abs(end - told) < SAME_END_SECONDS:
            return
        if self._warn(person, code, max(0, round((end - self._clock()) * 1000))):
            self._told[person] = end


def asked_again_in(until: Until) -> int | None:
    """When to ask again: when the answer said so, or at the first end that it named."""
    moments = [in_ms for _, _, in_ms in until.ending]
    if until.again_ms is not None:
        moments.append(until.again_ms)
    return min(moments, default=None)
