"""What is kept goes when its table says so, and what ends by the clock is told to live calls."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Table, func, select

from server import helpers_cli, retention
from server.api import keys
from server.db.models import (
    call_yeses,
    calls,
    contacts,
    devices,
    introductions,
    metadata,
    notices,
    pairings,
    people,
    sessions,
    shifts,
    tickets,
)
from tests.house import DAY, PASSWORD, Families, House
from tests.integration.families import put

MINUTE = 60_000


async def count(house: House, table: Table) -> int:
    async with house.db.read() as tx:
        return (await tx.execute(select(func.count()).select_from(table))).scalar_one()


async def sweep(house: House) -> None:
    await retention.sweep(house.db, house.app[keys.CLOCK].now())


async def test_a_code_a_pairing_and_a_ticket_go_soon_after_their_time(house: House, families: Families) -> None:
    two = await families.two(friends=False)
    await two.maya.post("/api/child/friend-code")
    await house.device().post("/api/pairings")
    await two.maya.post("/api/ws-ticket")
    await sweep(house)
    assert await count(house, introductions) == 1
    assert await count(house, pairings) == 3  # Maya's, Theo's, and one that nobody approved
    assert await count(house, tickets) == 1
    house.hand.forward(21 * MINUTE)
    await sweep(house)
    assert (await count(house, pairings), await count(house, tickets), await count(house, introductions)) == (0, 0, 1)
    house.hand.forward(DAY)
    await sweep(house)
    assert await count(house, introductions) == 0


async def test_a_sign_in_goes_a_week_after_its_end_and_a_device_after_a_month(house: House, families: Families) -> None:
    two = await families.two(friends=False)
    before = await count(house, sessions)
    device = (await two.sam.get("/api/devices"))[0]["id"]
    await two.sam.post(f"/api/devices/{device}/unpair")
    house.hand.forward(6 * DAY)
    await sweep(house)
    assert await count(house, sessions) == before
    house.hand.forward(2 * DAY)
    await sweep(house)
    assert await count(house, sessions) == before - 1
    assert await count(house, devices) == 2
    house.hand.forward(23 * DAY)
    await sweep(house)
    assert await count(house, devices) == 1


async def test_a_yes_for_one_call_and_a_shift_go_a_day_after_their_time(house: House, families: Families) -> None:
    two = await families.two()
    ref = (await two.sam.get(f"/api/children/{two.maya_id}/contacts"))[0]["ref"]
    await two.sam.post(f"/api/contacts/{ref}/supervision", {"mode": "ask"})
    await two.maya.post(f"/api/child/people/{two.maya_sees_theo}/ask")
    await helpers_cli.start_shift(house.db, 15, house.app[keys.CLOCK].now())
    house.hand.forward(DAY)
    await sweep(house)
    assert (await count(house, call_yeses), await count(house, shifts)) == (1, 1)
    house.hand.forward(16 * MINUTE)
    await sweep(house)
    assert (await count(house, call_yeses), await count(house, shifts)) == (0, 0)


async def test_a_call_is_remembered_for_thirty_days(house: House, families: Families) -> None:
    two = await families.two()
    await two.maya.connect()
    await two.theo.connect()
    placed = await two.maya.ask(t="call.invite", to=[two.maya_sees_theo], media="audio")
    assert placed["t"] == "ok"
    await two.maya.ask(t="call.cancel", call=placed["call"])
    await two.theo.expect("call.ended")
    house.hand.forward(29 * DAY)
    await sweep(house)
    assert await count(house, calls) == 1
    house.hand.forward(2 * DAY)
    await sweep(house)
    assert await count(house, calls) == 0


async def test_an_ended_contact_goes_after_a_year_with_its_yeses(house: House, families: Families) -> None:
    two = await families.two()
    await two.maya.post(f"/api/child/people/{two.maya_sees_theo}/end")
    house.hand.forward(364 * DAY)
    await sweep(house)
    assert await count(house, contacts) == 1
    house.hand.forward(2 * DAY)
    await sweep(house)
    for table in ("contacts", "yeses", "sides"):
        assert await count(house, metadata.tables[table]) == 0


async def test_a_request_that_nobody_decided_lapses(house: House, families: Families) -> None:
    two = await families.two(friends=False)
    words = (await two.maya.post("/api/child/friend-code"))["words"]
    await two.theo.post("/api/child/friend-code/enter", {"words": words, "how_known": "class"})
    house.hand.forward(13 * DAY)
    await sweep(house)
    assert len((await two.theo.get("/api/child/home"))["asks"]) == 1
    house.hand.forward(2 * DAY)
    await sweep(house)
    assert (await two.theo.get("/api/child/home"))["asks"] == []
    async with house.db.read() as tx:
        assert (await tx.execute(select(contacts.c.state))).scalar_one() == "lapsed"
        told = (await tx.execute(select(notices.c.kind).order_by(notices.c.id.desc()))).scalars().first()
    assert told == "changed"


async def test_a_contact_lapses_when_its_year_is_over_and_goes_a_year_later(house: House, families: Families) -> None:
    await families.two()
    house.hand.forward(365 * DAY - MINUTE)
    await sweep(house)
    async with house.db.read() as tx:
        assert (await tx.execute(select(contacts.c.state, contacts.c.ended_at))).one() == ("approved", None)
        mark = (await tx.execute(select(func.max(notices.c.id)))).scalar_one() or 0
        everybody = set((await tx.execute(select(people.c.id))).scalars())
    house.hand.forward(MINUTE)
    await sweep(house)
    async with house.db.read() as tx:
        state, ended_at, until = (
            await tx.execute(select(contacts.c.state, contacts.c.ended_at, contacts.c.until))
        ).one()
        told = (await tx.execute(select(notices.c.kind, notices.c.people).where(notices.c.id > mark))).all()
    assert (state, ended_at >= until) == ("lapsed", True)
    assert {kind for kind, _ in told} == {"facts_changed", "changed"}
    assert {person for _, some in told for person in json.loads(some)} == everybody
    # once: the next sweep finds nothing to do, and a year later the row goes like any that ended
    house.hand.forward(DAY)
    await sweep(house)
    async with house.db.read() as tx:
        assert (await tx.execute(select(contacts.c.ended_at))).scalar_one() == ended_at
    house.hand.forward(365 * DAY)
    await sweep(house)
    assert await count(house, contacts) == 0


async def test_the_audit_record_outlives_everything_that_is_swept(house: House, families: Families) -> None:
    await families.two()
    kept = await count(house, metadata.tables["audit"])
    house.hand.forward(4000 * DAY)
    await sweep(house)
    assert await count(house, metadata.tables["audit"]) == kept


async def live_pair(house: House, families: Families) -> tuple[Any, str]:
    two = await families.two()
    await two.maya.connect()
    await two.theo.connect()
    mark = len(two.theo.seen)
    placed = await two.maya.ask(t="call.invite", to=[two.maya_sees_theo], media="audio")
    assert placed["t"] == "ok"
    ring = await two.theo.expect("call.incoming", since=mark)
    await two.theo.ask(t="call.accept", call=ring["call"], nonce=ring["nonce"])
    return two, placed["call"]


async def test_a_live_call_ends_when_the_yes_runs_out_by_the_clock(house: House, families: Families) -> None:
    two, call = await live_pair(house, families)
    await put(house, "UPDATE sessions SET expires_at = expires_at + :more", more=30 * DAY)  # only the yes runs out
    since = house.app[keys.CLOCK].now()
    house.hand.forward(DAY)
    assert await retention.ended_by_the_clock(house.db, since, house.app[keys.CLOCK].now()) == 0
    house.hand.forward(366 * DAY)
    assert await retention.ended_by_the_clock(house.db, since, house.app[keys.CLOCK].now()) >= 2
    house.app[keys.FOLLOWER].wake()
    for one in (two.maya, two.theo):
        ended = await one.expect("call.ended")
        assert (ended["call"], ended["code"]) == (call, "policy_revoked")
    assert house.app[keys.GATE].who_sees_whom() == frozenset()


async def test_a_sign_in_that_runs_out_takes_its_call_with_it_though_the_person_has_another(
    house: House, families: Families
) -> None:
    sam = await families.grown_up("Sam")
    maya, maya_id = await families.child(sam, "Maya")
    token = (await sam.post("/api/links", {"child": maya_id}))["url"].split("#invite=")[1]
    await sam.post("/api/links/accept", {"token": token, "for": "me", "how_known": "family", "answer": "camera"})
    [asked] = (await maya.get("/api/child/home"))["asks"]
    await maya.post(f"/api/child/asks/{asked['id']}/answer", {"yes": True, "how_known": "family"})
    house.hand.forward(DAY)
    later = house.device()
    await later.post("/api/sign-in", {"email": "sam1@example.org", "password": PASSWORD})
    for one in (maya, sam, later):
        await one.connect()
    placed = await maya.ask(t="call.invite", to=[await families.newest(maya)], media="audio")
    assert placed["t"] == "ok"
    ring = await sam.expect("call.incoming")
    assert (await sam.ask(t="call.accept", call=ring["call"], nonce=ring["nonce"]))["t"] == "ok"

    since = house.app[keys.CLOCK].now()
    house.hand.forward(29 * DAY)
    assert await retention.ended_by_the_clock(house.db, since, house.app[keys.CLOCK].now()) == 1
    house.app[keys.FOLLOWER].wake()
    assert (await sam.expect("bye"))["code"] == "session_revoked"
    assert (await sam.expect("closed"))["code"] == 4403
    assert (await maya.expect("call.ended"))["call"] == placed["call"]
    assert house.app[keys.GATE].who_sees_whom() == frozenset()
    assert (await later.call("GET", "/api/me")).status == 200
    assert not [frame for frame in later.seen if frame["t"] in ("bye", "closed")]
