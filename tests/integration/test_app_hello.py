"""A hello with a nonsense ticket costs us work and a record, so nobody may send them without end."""

from __future__ import annotations

from server.throttle import PACES
from tests.house import Families, House
from tests.integration.families import look
from tests.peers import Browserless

LIMIT, WINDOW_MS = PACES["hello"].limit, PACES["hello"].window_ms


async def nonsense(house: House, number: int) -> int:
    """The close code that a made-up ticket gets."""
    stranger: Browserless = house.device()
    await stranger.open_socket()
    await stranger.send(t="hello", ticket=f"never-existed-at-all-{number}")
    return int((await stranger.expect("closed"))["code"])


async def records(house: House) -> int:
    [(count,)] = await look(house, "SELECT COUNT(*) FROM audit")
    return int(count)


async def test_wrong_tickets_are_refused_unread_after_ten_and_leave_no_more_records(
    house: House, families: Families
) -> None:
    sam = await families.grown_up("Sam")
    before = await records(house)
    assert [await nonsense(house, n) for n in range(LIMIT)] == [4401] * LIMIT
    asked = await records(house)
    assert asked > before
    assert [await nonsense(house, n) for n in range(5)] == [4429] * 5
    assert await records(house) == asked
    house.hand.forward(WINDOW_MS)
    assert await nonsense(house, 0) == 4401
    await sam.connect()


async def test_coming_in_rightly_is_not_counted_however_often(house: House, families: Families) -> None:
    sam = await families.grown_up("Sam")
    for _ in range(LIMIT + 3):
        await sam.connect()
        assert sam.ws is not None
        await sam.ws.close()
