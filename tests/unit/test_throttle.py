"""Guessing is slow; being right, being many at home, or being attacked is not punished."""

from __future__ import annotations

import pytest

from server import throttle
from server.throttle import Action, Throttle


class Hand:
    """A clock moved by hand."""

    def __init__(self) -> None:
        self.at = 1_000_000

    def __call__(self) -> int:
        return self.at

    def later(self, seconds: float) -> None:
        self.at += int(seconds * 1000)


def guess(one: Throttle, hand: Hand, *, account: str | None = "sam", address: str | None = "192.0.2.1") -> None:
    """One wrong try, after waiting as told."""
    while (wait := one.check("sign_in", account=account, address=address)) is not None:
        hand.later(wait)


def test_three_tries_are_free_and_the_next_ones_wait_longer_each_time() -> None:
    hand = Hand()
    one = Throttle(hand)
    waits = []
    for _ in range(throttle.LIMIT):
        wait = one.check("sign_in", account="sam", address="192.0.2.1")
        waits.append(wait or 0)
        if wait:
            hand.later(wait)
            assert one.check("sign_in", account="sam", address="192.0.2.1") is None
    assert waits == [0, 0, 0, *throttle.DELAYS_S]


def test_ten_failures_close_the_door_for_the_rest_of_half_an_hour() -> None:
    hand = Hand()
    one = Throttle(hand)
    began = hand.at
    for _ in range(throttle.LIMIT):
        guess(one, hand)
    wait = one.check("sign_in", account="sam", address="192.0.2.1")
    assert wait is not None
    assert hand.at + wait * 1000 >= began + throttle.WINDOW_MS
    hand.later(wait)
    assert one.check("sign_in", account="sam", address="192.0.2.1") is None


def test_tries_at_once_are_each_counted() -> None:
    one = Throttle(Hand())
    allowed = [one.check("sign_in", account="sam", address="192.0.2.1") for _ in range(200)].count(None)
    assert allowed == throttle.FREE


def test_one_account_is_protected_from_many_addresses() -> None:
    one = Throttle(Hand())
    allowed = [one.check("sign_in", account="sam", address=f"192.0.2.{n}") for n in range(100)].count(None)
    assert allowed == throttle.FREE


def test_many_accounts_are_protected_from_one_address() -> None:
    one = Throttle(Hand())
    allowed = [one.check("sign_in", account=f"a{n}", address="192.0.2.1") for n in range(100)].count(None)
    assert allowed == throttle.FREE


def test_being_right_is_not_punished() -> None:
    one = Throttle(Hand())
    for _ in range(100):
        assert one.check("sign_in", account="sam", address="192.0.2.1") is None
        one.forgive("sign_in", account="sam", address="192.0.2.1")


def test_one_good_account_does_not_buy_guesses_at_others() -> None:
    one = Throttle(Hand())
    allowed = 0
    for n in range(100):
        if one.check("sign_in", account="mine", address="192.0.2.1") is None:
            one.forgive("sign_in", account="mine", address="192.0.2.1")
        allowed += one.check("sign_in", account=f"victim{n}", address="192.0.2.1") is None
    assert allowed == throttle.FREE


def test_a_stranger_cannot_lock_a_parent_out_at_home() -> None:
    hand = Hand()
    one = Throttle(hand)
    assert one.check("sign_in", account="sam", address="192.0.2.1") is None
    one.forgive("sign_in", account="sam", address="192.0.2.1")
    for n in range(throttle.LIMIT):
        guess(one, hand, address=f"198.51.100.{n}")
    assert one.check("sign_in", account="sam", address="203.0.113.9") is not None
    assert one.check("sign_in", account="sam", address="192.0.2.1") is None


def test_an_ipv6_home_is_one_address_and_its_neighbour_another() -> None:
    one = Throttle(Hand())
    allowed = [one.check("pairing", address=f"2001:db8:1:1::{n:x}") for n in range(1, 50)].count(None)
    assert allowed == throttle.FREE
    assert one.check("pairing", address="2001:db8:1:2::1") is None


def test_an_ipv4_address_written_as_ipv6_is_the_same() -> None:
    one = Throttle(Hand())
    for _ in range(throttle.FREE):
        assert one.check("pairing", address="192.0.2.1") is None
    assert one.check("pairing", address="::ffff:192.0.2.1") is not None


def test_what_is_no_address_is_counted_together() -> None:
    one = Throttle(Hand())
    allowed = [one.check("pairing", address=f"nonsense {n}") for n in range(50)].count(None)
    assert allowed == throttle.FREE


def test_an_empty_address_is_counted_like_any_other_that_is_none() -> None:
    one = Throttle(Hand())
    allowed = [one.check("pairing", address=("", "nonsense")[n % 2]) for n in range(50)].count(None)
    assert allowed == throttle.FREE
    assert Throttle(Hand()).check("pairing", address="") is None


def test_nobody_is_known_from_before_by_an_address_that_is_none() -> None:
    hand = Hand()
    one = Throttle(hand)
    assert one.check("sign_in", account="sam", address="") is None
    one.forgive("sign_in", account="sam", address="")
    for n in range(throttle.LIMIT):
        guess(one, hand, address=f"198.51.100.{n}")
    assert one.check("sign_in", account="sam", address="") is not None


@pytest.mark.parametrize("action", sorted(throttle.PACES))
def test_an_action_with_a_pace_of_its_own_never_waits_before_its_limit_and_stops_at_it(action: Action) -> None:
    hand, pace = Hand(), throttle.PACES[action]
    one = Throttle(hand)
    tries = [one.check(action, address="192.0.2.1") for _ in range(pace.limit + 5)]
    assert tries == [None] * pace.limit + [pace.window_ms // 1000] * 5
    assert one.check(action, address="192.0.2.2") is None
    hand.later(pace.window_ms / 1000)
    assert one.check(action, address="192.0.2.1") is None


def test_actions_are_counted_apart() -> None:
    one = Throttle(Hand())
    for _ in range(throttle.FREE):
        assert one.check("pairing", address="192.0.2.1") is None
    assert one.check("pairing", address="192.0.2.1") is not None
    assert one.check("friend_code", address="192.0.2.1") is None


def test_no_address_and_no_account_is_found_in_memory() -> None:
    one = Throttle(Hand())
    one.check("sign_in", account="sam@example.org", address="192.0.2.1")
    one.forgive("sign_in", account="sam@example.org", address="192.0.2.1")
    held = b"".join(one._failures) + b"".join(one._known)
    assert held
    for secret in (b"sam", b"192.0.2.1", bytes([192, 0, 2, 1])):
        assert secret not in held
    assert set(Throttle(Hand())._failures) == set()
    another = Throttle(Hand())
    another.check("sign_in", account="sam@example.org", address="192.0.2.1")
    assert not set(another._failures) & set(one._failures)


def test_memory_is_bounded() -> None:
    one = Throttle(Hand())
    for n in range(throttle.MAX_KEYS + 500):
        one.check("sign_in", account=f"a{n}")
    assert len(one._failures) == throttle.MAX_KEYS
    assert max(len(times) for times in one._failures.values()) <= throttle.LIMIT
