"""Passwords: argon2id in one thread, a queue that can be full, and the same work for somebody who does not exist."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import Literal

import pytest
from argon2 import PasswordHasher
from argon2.profiles import CHEAPEST

from server.errors import Busy
from server.passwords import Passwords


class Slow(PasswordHasher):
    """Waits until it may go on, and counts."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.go = threading.Event()
        self.threads: set[int] = set()
        self.verified = 0

    def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
        self.go.wait()
        self.threads.add(threading.get_ident())
        return super().hash(password, salt=salt)

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:
        self.verified += 1
        return super().verify(hash, password)


@pytest.fixture
async def cheap() -> AsyncIterator[Passwords]:
    made = Passwords(PasswordHasher.from_parameters(CHEAPEST))
    yield made
    await made.close()


async def test_the_right_password_matches_and_another_does_not(cheap: Passwords) -> None:
    kept = await cheap.hash("a long made-up sentence")
    assert await cheap.verify(kept, "a long made-up sentence")
    assert not await cheap.verify(kept, "another long sentence")


async def test_what_is_kept_is_argon2id_with_a_salt_of_its_own(cheap: Passwords) -> None:
    one, other = await cheap.hash("the same"), await cheap.hash("the same")
    assert one.startswith("$argon2id$")
    assert one != other


async def test_the_real_parameters_are_those_of_the_standard() -> None:
    real = Passwords()
    try:
        assert "m=65536,t=3,p=1" in await real.hash("x")
    finally:
        await real.close()


async def test_a_password_is_the_same_on_two_keyboards(cheap: Passwords) -> None:
    kept = await cheap.hash("cafe\u0301 in the garden")
    assert await cheap.verify(kept, "caf\u00e9 in the garden")


async def test_nobodys_password_is_verified_too_and_never_matches() -> None:
    counting = Slow()
    counting.go.set()
    passwords = Passwords(counting)
    try:
        assert not await passwords.verify(None, "whatever")
        assert counting.verified == 1
    finally:
        await passwords.close()


async def test_a_broken_row_is_a_wrong_password(cheap: Passwords) -> None:
    assert not await cheap.verify("not a hash", "whatever")


async def test_a_full_queue_is_said_at_once_and_empties_again() -> None:
    slow = Slow()
    passwords = Passwords(slow, waiting=2)
    try:
        waiting = [asyncio.create_task(passwords.hash("x")) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(Busy):
            await passwords.hash("x")
        slow.go.set()
        await asyncio.gather(*waiting)
        assert (await passwords.hash("x")).startswith("$argon2id$")
        assert len(slow.threads) == 1
    finally:
        slow.go.set()
        await passwords.close()


async def test_hanging_up_does_not_free_a_place_while_the_work_goes_on() -> None:
    slow = Slow()
    passwords = Passwords(slow, waiting=1)
    try:
        impatient = asyncio.create_task(passwords.hash("x"))
        await asyncio.sleep(0)
        impatient.cancel()
        with pytest.raises(asyncio.CancelledError):
            await impatient
        with pytest.raises(Busy):
            await passwords.hash("x")
    finally:
        slow.go.set()
        await passwords.close()


async def test_a_hash_of_other_parameters_is_outdated(cheap: Passwords) -> None:
    old = PasswordHasher(time_cost=2, memory_cost=16, parallelism=1).hash("x")
    assert cheap.outdated(old)
    assert not cheap.outdated(await cheap.hash("x"))
