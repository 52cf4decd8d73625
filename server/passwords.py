"""Passwords of grown-ups, hashed with argon2id (RFC 9106). A child has none.

Hashing is meant to be slow and large, so it happens in one worker thread behind a bounded queue: a hundred sign-ins at once take
turns, the calls of everybody else are not disturbed, and whoever finds the queue full is told to try again in a moment
(``Busy``). An unknown e-mail costs the same as a known one: a dummy hash is verified.

The parameters are the second choice of RFC 9106 section 4 in memory and passes (64 MiB, 3 passes) with one lane, because there is
one thread. Tests hand in argon2-cffi's CHEAPEST; no setting can.
"""

from __future__ import annotations

import asyncio
import secrets
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from server.errors import Busy

WAITING: Final = 32  # about four seconds of work; whoever would wait longer is better told so

T = TypeVar("T")


class Passwords:
    """One per process. ``await close()`` when the house closes."""

    def __init__(self, hasher: PasswordHasher | None = None, *, waiting: int = WAITING) -> None:
        self._hasher = hasher or PasswordHasher(time_cost=3, memory_cost=65_536, parallelism=1)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="passwords")
        self._free = waiting
        self._dummy = self._thread.submit(self._hasher.hash, secrets.token_urlsafe(16))

    async def hash(self, password: str) -> str:
        """The argon2id hash in its usual text form. Raises ``Busy``."""
        return await self._in_turn(lambda: self._hasher.hash(_prepared(password)))

    async def verify(self, stored: str | None, password: str) -> bool:
        """Whether ``password`` is the one behind ``stored``. None (no such account) takes as long and is False. Raises ``Busy``."""
        return await self._in_turn(lambda: self._matches(stored, _prepared(password)))

    def outdated(self, stored: str) -> bool:
        """Whether ``stored`` was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(stored)

    async def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _matches(self, stored: str | None, password: str) -> bool:
        try:
            return self._hasher.verify(stored or self._dummy.result(), password) and stored is not None
        except (VerificationError, InvalidHashError):
            return False

    async def _in_turn(self, work: Callable[[], T]) -> T:
        if self._free <= 0:
            raise Busy
        done = asyncio.get_running_loop().run_in_executor(self._thread, work)
        self._free -= 1
        # somebody who hangs up does not free a place while the thread is still at work on theirs
        done.add_done_callback(self._one_more_free)
        return await asyncio.shield(done)

    def _one_more_free(self, _done: object) -> None:
        self._free += 1


def _prepared(password: str) -> str:
    # the same password typed on two keyboards is the same password (RFC 8265 - 4.2.1)
    return unicodedata.normalize("NFC", password)
