"""How much of anything one person may ask of us, and for how long anything may hang.

The numbers have their reasons beside them. Time is passed in: nothing here looks at a clock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final

from signalling import protocol


@dataclass(frozen=True, slots=True)
class HubLimits:
    """What a hub bears. Times are seconds. The defaults are the published ones; tests and load runs pass others."""

    hello_seconds: float = protocol.HELLO_SECONDS
    ring_seconds: float = protocol.RING_SECONDS
    connect_seconds: float = protocol.CONNECT_SECONDS
    resume_seconds: float = protocol.RESUME_SECONDS
    ping_seconds: float = protocol.PING_SECONDS
    ask_seconds: float = 5.0
    """An authority that has not answered by then has said no. Longer than any healthy transaction by a factor of 500."""
    record_tries: int = 60
    record_pause_seconds: float = 1.0
    """What could not be written down about a call is tried again so often, so long apart: a minute is longer than a backup
    holds the records. After that it is lost, counted and logged."""
    messages_per_second: float = 20.0
    """A busy client needs five in its busiest second: answer, SDP, microphone, camera, leave."""
    message_burst: float = 60.0
    seal_messages_per_second: float = 60.0
    """Words between devices about their keys have a pace of their own: they must not wait behind a busy hand, nor it behind them."""
    seal_message_burst: float = 240.0
    """Eight people who come in at the same moment need 85 each (measured); a lost wrap would leave somebody dark."""
    invites: tuple[tuple[int, float], ...] = ((6, 60.0), (30, 3600.0))
    """So many rings in so many seconds, per person, whomever they ring."""
    invites_to_one: tuple[tuple[int, float], ...] = ((3, 300.0),)
    """To the same contact: ringing again and again is a way to harass (T34)."""
    asks_at_once: int = 8
    """Questions to the authority that one socket may have open. A client has one, two while it changes its mind."""
    sessions_per_person: int = 8
    """Devices and tabs. The oldest without a place in a call makes room."""
    bad_states: int = protocol.MAX_BAD_STATE
    replay_frames: int = protocol.REPLAY_FRAMES
    replay_bytes: int = 262_144
    """Per session: ten offers for eight people, far more than half a minute of anything."""
    unread_frames: int = 512
    unread_bytes: int = 1_048_576
    """A socket that does not read is closed at whichever comes first; its session may be resumed. Twice the replay, because
    a loop that writes once per turn (uvloop) has a whole replay unwritten for a moment."""


class Bucket:
    """A token bucket: ``rate`` a second, ``burst`` at once."""

    __slots__ = ("_at", "_left")

    def __init__(self, burst: float, now: float) -> None:
        self._left = burst
        self._at = now

    def take(self, rate: float, burst: float, now: float) -> float:
        """Take one. Zero if there was one, else the seconds until there will be."""
        self._left = min(burst, self._left + max(0.0, now - self._at) * rate)
        self._at = now
        if self._left >= 1.0:
            self._left -= 1.0
            return 0.0
        return (1.0 - self._left) / rate


_MANY: Final = 10_000  # remembered keys before the stale ones are swept


class Windows:
    """Sliding windows by key: how often something happened lately. Memory is bounded by sweeping what is over."""

    __slots__ = ("_longest", "_rules", "_times")

    def __init__(self, rules: tuple[tuple[int, float], ...]) -> None:
        self._rules = rules
        self._longest = max((seconds for _, seconds in rules), default=0.0)
        self._times: dict[Hashable, deque[float]] = {}

    def wait(self, key: Hashable, now: float) -> float:
        """Seconds until it may happen again; zero if now. Counts nothing: see :meth:`count`."""
        times = self._times.get(key)
        if times is None:
            return 0.0
        while times and times[0] <= now - self._longest:
            times.popleft()
        longest = 0.0
        for most, seconds in self._rules:
            recent = [at for at in times if at > now - seconds]
            if len(recent) >= most:
                longest = max(longest, recent[-most] + seconds - now)
        return longest

    def count(self, key: Hashable, now: float) -> None:
        """It happened."""
        if len(self._times) >= _MANY:
            self._times = {k: times for k, times in self._times.items() if times and times[-1] > now - self._longest}
        self._times.setdefault(key, deque()).append(now)

    def take_back(self, key: Hashable) -> None:
        """The newest time does not count after all."""
        times = self._times.get(key)
        if times:
            times.pop()
