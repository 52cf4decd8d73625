"""What the tests of accounts and contacts need beside ``tests/house.py``: how to look behind the API, and how to try to reach somebody."""

from __future__ import annotations

import json
from typing import Any

from server.api import keys
from server.db.session import rows
from signalling.authority import Permit, Seat
from signalling.protocol import Media
from tests.house import Families, House
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


async def rung_up(caller: Browserless, callee: Browserless, ref: str, media: Media = "audio") -> str:
    """A call that the callee has answered, without media: what the rules cut, they cut here as well. Returns the call id."""
    for device in (caller, callee):
        device.auto_answer_sdp = False
        if device.ws is None:
            await device.connect()
    mark = len(callee.seen)
    placed = await caller.ask(t="call.invite", to=[ref], media=media)
    assert placed["t"] == "ok", placed
    ring = await callee.expect("call.incoming", since=mark)
    accepted = await callee.ask(t="call.accept", call=ring["call"], nonce=ring["nonce"])
    assert accepted["t"] == "ok", accepted
    return str(ring["call"])


async def ends(device: Browserless, call: str, seconds: float = 20) -> str:
    """Wait until this device is told that the call is over. With which code."""
    told = await device.until(lambda m: m["t"] == "call.ended" and m["call"] == call, seconds=seconds)
    return str(told["code"])


async def grandmother(families: Families, child: Browserless, guardian: Browserless, child_id: str) -> Browserless:
    """A trusted adult whom this family has approved for this child, on a device of her own."""
    gran = await families.grown_up("Gran", "trusted_adult")
    link = (await guardian.post("/api/links", {"child": child_id}))["url"]
    await gran.post("/api/links/accept", {"token": link.partition("#invite=")[2], "for": "me", "how_known": "family"})
    for ask in (await child.get("/api/child/home"))["asks"]:
        if ask["waiting_for_me"]:
            await child.post(f"/api/child/asks/{ask['id']}/answer", {"yes": True})
    for decision in await guardian.get("/api/decisions"):
        await guardian.post(f"/api/decisions/{decision['id']}", {"answer": "camera", "how_known": "met"})
    for grown_up in (guardian, gran):
        await grown_up.sign()
    return gran


async def last_no(house: House, question: str) -> list[str]:
    """The rules that gave the newest refusal of this question, as the audit record has them where they are told."""
    found = await look(
        house,
        "SELECT rules FROM audit WHERE question = :question AND verdict = 'deny' AND rules <> '[\"not-told\"]' "
        "ORDER BY at DESC, seq DESC LIMIT 1",
        question=question,
    )
    return list(json.loads(found[0][0])) if found else []


async def try_code(device: Browserless, words: list[str]) -> Answer:
    return await device.call("POST", "/api/child/friend-code/enter", {"words": words, "how_known": "class"})


def same(one: Answer, other: Answer) -> bool:
    """Byte for byte the same answer, headers included (but for the date)."""
    return (one.status, one.body, _told(one)) == (other.status, other.body, _told(other))


def _told(answer: Answer) -> list[tuple[str, str]]:
    return sorted((name, value) for name, value in answer.headers.items() if name != "Date")
