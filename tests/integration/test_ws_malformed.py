"""Malformed messages while a call is live: a thousand of them each time, twenty thousand in the slow run."""

from __future__ import annotations

import pytest

from tests.fuzz import ws_messages

FLAT = 400_000
"""Bytes that may be held more at the end than after the first quarter. A single message that is kept, or a single closed
socket, costs thousands of times less than the run has of them."""


async def _a_bad_neighbour_sends(count: int) -> None:
    came, grown = await ws_messages.run(count, seed=20261122)
    assert sum(came.values()) == count
    assert {"closed 4400", "closed 1009", "err unsupported_type", "err not_found"} <= set(came)
    assert not any(what.startswith("ok") for what in came)
    assert "closed 1011" not in came
    assert grown < FLAT


async def test_a_thousand_malformed_messages_cost_nobody_else_anything() -> None:
    await _a_bad_neighbour_sends(1_000)


@pytest.mark.slow
async def test_twenty_thousand_malformed_messages_cost_nobody_else_anything() -> None:
    await _a_bad_neighbour_sends(20_000)
