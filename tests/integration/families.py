"""What the tests of accounts and contacts need beside ``tests/house.py``: how to look behind the API, and how to try to reach somebody."""

from __future__ import annotations

from typing import Any

from server.api import keys
from server.db.session import rows
from signalling.authority import Permit, Seat
from signalling.protocol import Media
from tests.house import House
from tests.peers import Answer, Browserless


async def look(house: House, sql: str, **params: Any) -> list[Any]:
    """Rows, behind the API's back."""
    async with house.db.read() as tx:
        return list(await rows(tx, sql, **params))


async def put(house: House, sql: str, **params: Any) -> None:
    """Change a fact that no API changes (a second guardian)."""
    async with house.db.begin() as tx:
        await rows(tx, sql, **params)


async def seat(house: House, name: str) -> Seat:
    """Where this person sits now, as the server would stamp it."""
    found = await look(
        house,
        "SELECT s.person_id, s.id, s.device_id FROM sessions s JOIN people p ON p.id = s.person_id "
        "WHERE p.name = :name AND s.revoked_at IS NULL ORDER BY s.created_at DESC LIMIT 1",
        name=name,
    )
    return Seat(found[0][0], found[0][1], found[0][2] or "")


async def can_ring(house: House, caller: str, callee: str, media: Media = "audio") -> bool:
    """Whether the one may ring the other, if they somehow had the ref. Hangs up again."""
    sits = await seat(house, caller)
    refs = await look(
        house,
        "SELECT sides.ref FROM sides JOIN people p ON p.id = sides.other_id JOIN contacts k ON k.id = sides.contact_id "
        "WHERE sides.viewer_id = :me AND p.name = :name ORDER BY k.created_at DESC, k.ended_at IS NULL DESC LIMIT 1",
        me=sits.person,
        name=callee,
    )
    calls = house.app[keys.CALLS]
    outcome = await calls.ring(sits, [refs[0][0] if refs else "k_0000000000000000"], media)
    if isinstance(outcome, Permit):
        await calls.ended(outcome.call, "left")
        return True
    return False


async def sees_anybody(house: House, name: str) -> bool:
    """Whether presence of anybody travels to or from this person."""
    circle = await house.app[keys.CALLS].circle((await seat(house, name)).person)
    return bool(circle.sees or circle.seen_by)


async def try_code(device: Browserless, words: list[str]) -> Answer:
    return await device.call("POST", "/api/child/friend-code/enter", {"words": words, "how_known": "class"})


def same(one: Answer, other: Answer) -> bool:
    """Byte for byte the same answer, headers included (but for the date)."""
    return (one.status, one.body, _told(one)) == (other.status, other.body, _told(other))


def _told(answer: Answer) -> list[tuple[str, str]]:
    return sorted((name, value) for name, value in answer.headers.items() if name != "Date")
