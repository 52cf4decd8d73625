"""Guessing is slow: sign-in, pairing words and friend codes are counted per account and per address.

An attempt counts as a failure from the moment it is made until the caller says it was right (``forgive``): two hundred tries
at once are two hundred failures, not one. Two tries are free, then each next one waits longer, and ten within half an hour
close the door for the rest of that half hour (reference: spreed's throttler, 10 in 30 minutes per address and /64, delay up to
25 s). What is no guess but costs us something (a sign-up, the words of a new device) is counted too, never forgiven, and has a
pace of its own in ``PACES``: wide enough for a class behind one address, too narrow for a machine.

Addresses are personal data, so they live here only, only in memory and only as a hash under a key that dies with the process;
IPv6 is counted per /64 because that is what one home has. So that a stranger cannot lock a parent out by guessing at her
account, an address that has signed in to an account before is not held to what others did to that account, only to its own.

The number of counters is bounded; when it is reached the oldest goes. There is one process for one
database, so there is one count.
"""

from __future__ import annotations

import hashlib
import ipaddress
import secrets
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

Action = Literal[
    "sign_in", "sign_up", "new_family", "pairing", "new_device", "friend_code", "link", "hello", "report", "inspector"
]

WINDOW_MS: Final = 30 * 60_000
LIMIT: Final = 10  # failures in the window
FREE: Final = 3  # so many before the first wait: people mistype
UNKNOWN: Final = (
    "unknown"  # whoever comes from what is no address ("" too) shares one counter, and is never known from before
)
DELAYS_S: Final = (1, 2, 4, 8, 16, 25, 25)  # after the 3rd, 4th, … failure


@dataclass(frozen=True, slots=True)
class Pace:
    """At most ``limit`` counted tries in ``window_ms``; after ``free`` of them each next one waits, see ``DELAYS_S``."""

    limit: int = LIMIT
    window_ms: int = WINDOW_MS
    free: int = FREE


GUESSING: Final = Pace()
PACES: Final[Mapping[Action, Pace]] = {
    "new_family": Pace(limit=20, window_ms=60 * 60_000, free=20),
    "new_device": Pace(limit=30, free=30),  # a class unpacks its tablets
    "report": Pace(
        limit=60, free=60
    ),  # a child in need may press often; after that what they told is there many times over
    "hello": Pace(free=LIMIT),  # a ticket cannot be guessed, so no waits: what is bounded is the work of saying no
}
MAX_KEYS: Final = 50_000  # about 10 MB; an attacker with more homes than that is slowed elsewhere


class Throttle:
    """``now`` gives milliseconds. ``paces``: others than those above are for tests only. One per process."""

    def __init__(self, now: Callable[[], int], paces: Mapping[Action, Pace] = PACES) -> None:
        self._now = now
        self.paces = paces
        self._key = secrets.token_bytes(32)
        self._failures: OrderedDict[bytes, deque[int]] = OrderedDict()
        self._known: OrderedDict[bytes, None] = OrderedDict()

    def check(self, action: Action, *, account: str | None = None, address: str | None = None) -> int | None:
        """None: go on, and the attempt is counted. Otherwise whole seconds to wait, and nothing is counted."""
        now, pace = self._now(), self.paces.get(action, GUESSING)
        keys = self._keys(action, account, address)
        wait = max((self._wait(key, pace, now) for key in keys), default=0)
        if wait > 0:
            return -(-wait // 1000)
        for key in keys:
            self._failures.setdefault(key, deque(maxlen=pace.limit)).append(now)
            self._failures.move_to_end(key)
        while len(self._failures) > MAX_KEYS:
            self._failures.popitem(last=False)
        return None

    def forgive(self, action: Action, *, account: str | None = None, address: str | None = None) -> None:
        """The attempt just counted was right. The account starts anew; of the address only this one
        attempt is taken back, or one good account would buy endless guesses at others."""
        if account and address is not None and _home(address) != UNKNOWN:
            self._known[self._hash("known", account, _home(address))] = None
            while len(self._known) > MAX_KEYS:
                self._known.popitem(last=False)
        if account:
            self._failures.pop(self._hash(action, "account", account), None)
        if address is not None:
            key = self._hash(action, "address", _home(address))
            times = self._failures.get(key)
            if times:
                times.pop()

    def _keys(self, action: Action, account: str | None, address: str | None) -> list[bytes]:
        keys = [self._hash(action, "address", _home(address))] if address is not None else []
        if account and not (address is not None and self._hash("known", account, _home(address)) in self._known):
            keys.append(self._hash(action, "account", account))
        return keys

    def _wait(self, key: bytes, pace: Pace, now: int) -> int:
        times = self._failures.get(key)
        if not times:
            return 0
        while times and times[0] <= now - pace.window_ms:
            times.popleft()
        count = len(times)
        if count >= pace.limit:
            return times[0] + pace.window_ms - now
        if count < pace.free:
            return 0
        return times[-1] + 1000 * DELAYS_S[count - pace.free] - now

    def _hash(self, *parts: str) -> bytes:
        return hashlib.blake2b("\0".join(parts).encode(), key=self._key, digest_size=16).digest()


def _home(address: str) -> str:
    """What one home has: the IPv4 address, or the IPv6 /64."""
    try:
        found = ipaddress.ip_address(address.split("%")[0])
    except ValueError:
        return UNKNOWN
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)
