"""A child's day: what a guardian sets, what the child sees of it, and that a live call follows at once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from server import home_time
from server.api import keys
from tests.house import DAY, Families, House, Two
from tests.integration.families import can_ring, ends, grandmother, last_no, look, put, rung_up, same, sees_anybody
from tests.wall import next_time

LONDON = "Europe/London"
MINUTE = 60_000
NOTHING = {"quiet": None, "minutes": None}


def now(house: House) -> int:
    return house.app[keys.CLOCK].now()


def around_now(house: House, *, begins: int = -60, lasts: int = 120) -> dict[str, str]:
    """Quiet hours on a London wall that began an hour ago and last another."""
    wall = home_time.local(now(house), LONDON).replace(tzinfo=None)
    begin = wall + timedelta(minutes=begins)
    return {"from": f"{begin:%H:%M}", "until": f"{begin + timedelta(minutes=lasts):%H:%M}"}


async def noon(house: House) -> None:
    """Move on to noon in London, so that no test sits across midnight."""
    house.hand.forward(next_time(12 * 60, now(house), LONDON) - now(house))


async def talked(house: House, child: str, other: str, minutes: int) -> None:
    """A call of today that is over: so long, until a moment ago."""
    at = now(house)
    async with house.db.begin() as tx:
        await tx.execute(
            text(
                "INSERT INTO calls (id, media, state, started_at, ended_at, code) VALUES ('c_past', 'audio', 'ended', :a, :b, 'left')"
            ),
            {"a": at - minutes * MINUTE, "b": at},
        )
        for person in (child, other):
            await tx.execute(
                text("INSERT INTO call_people (call_id, person_id, came_at, left_at) VALUES ('c_past', :p, :a, :b)"),
                {"p": person, "a": at - minutes * MINUTE, "b": at},
            )


async def set_limits(two: Two, **more: Any) -> None:
    await two.sam.post(f"/api/children/{two.maya_id}/limits", {**NOTHING, **more})


async def shown(two: Two) -> Any:
    """What the guardian sees. The child's own page says the same."""
    seen = await two.sam.get(f"/api/children/{two.maya_id}/limits")
    assert await two.maya.get("/api/child/limits") == seen
    assert (await two.maya.get("/api/child/home"))["limits"] == seen
    return seen


# -- hours and minutes ---------------------------------------------------------------------------------------------------------


async def test_nothing_is_in_force_until_somebody_sets_it_and_what_is_suggested_stands_beside_it(
    families: Families,
) -> None:
    two = await families.two(friends=False)
    assert await shown(two) == {
        **NOTHING,
        "used_today": 0,
        "quiet_now": False,
        "opens_at": None,
        "stage": {"on": False, "allowed": False},
        "reach": "approve",
        "may_lead": False,
        "leads_since": None,
        "objected_at": None,
        "set_at": None,
        "suggested": {"quiet": {"from": "19:30", "until": "07:00"}, "minutes": 60},
        "time_zone": LONDON,
    }


async def test_quiet_hours_that_begin_now_end_a_live_call_and_only_the_own_child_is_told(
    house: House, families: Families
) -> None:
    two = await families.two()
    await noon(house)
    call = await rung_up(two.theo, two.maya, two.theo_sees_maya)
    await set_limits(two, quiet=around_now(house))
    assert await ends(two.maya, call) == "quiet_hours"
    assert await ends(two.theo, call) == "left"
    assert "quiet-hours" in await last_no(house, "stay")
    seen = await shown(two)
    assert (seen["quiet"], seen["quiet_now"]) == (around_now(house), True)
    assert seen["opens_at"] == next_time(13 * 60, now(house), LONDON)
    assert not await can_ring(house, "Maya", "Theo")
    assert not await can_ring(house, "Theo", "Maya")
    assert not await sees_anybody(house, "Theo")
    await set_limits(two)
    assert (await shown(two))["quiet_now"] is False
    assert await can_ring(house, "Maya", "Theo")


async def test_quiet_hours_at_another_time_change_nothing_now(house: House, families: Families) -> None:
    two = await families.two()
    await noon(house)
    call = await rung_up(two.theo, two.maya, two.theo_sees_maya)
    await set_limits(two, quiet={"from": "19:30", "until": "07:00"}, minutes=1440)
    await house.app[keys.FOLLOWER].catch_up()
    assert not [m for m in two.maya.seen if m["t"] == "call.ended"]
    await two.maya.ask(t="call.leave", call=call)


async def test_quiet_hours_are_not_for_the_own_grown_up(house: House, families: Families) -> None:
    two = await families.two(friends=False)
    await noon(house)
    link = (await two.sam.post("/api/links", {"child": two.maya_id}))["url"].partition("#invite=")[2]
    await two.sam.post("/api/links/accept", {"token": link, "for": "me", "how_known": "family", "answer": "camera"})
    (asked,) = (await two.maya.get("/api/child/home"))["asks"]
    await two.maya.post(f"/api/child/asks/{asked['id']}/answer", {"yes": True})
    await set_limits(two, quiet=around_now(house), minutes=1)
    await talked(house, two.maya_id, two.theo_id, 5)
    assert await can_ring(house, "Maya", "Sam")


async def test_minutes_that_are_used_up_end_a_live_call_and_come_back_at_midnight(
    house: House, families: Families
) -> None:
    two = await families.two()
    await noon(house)
    await talked(house, two.maya_id, two.theo_id, 45)
    call = await rung_up(two.maya, two.theo, two.maya_sees_theo)
    await set_limits(two, minutes=60)
    assert (await shown(two))["used_today"] == 45
    assert (await shown(two))["opens_at"] is None
    await set_limits(two, minutes=45)
    assert await ends(two.maya, call) == "time_limit"
    assert await ends(two.theo, call) == "left"
    assert "minutes-used-up" in await last_no(house, "stay")
    assert (await shown(two))["opens_at"] == next_time(0, now(house), LONDON)
    assert not await can_ring(house, "Maya", "Theo")
    await set_limits(two, minutes=45, quiet={"from": "19:30", "until": "07:00"})
    assert (await shown(two))["opens_at"] == next_time(7 * 60, now(house), LONDON), "midnight is quiet"
    house.hand.forward(DAY)
    assert (await shown(two))["used_today"] == 0
    assert await can_ring(house, "Maya", "Theo")


async def test_one_call_is_as_many_minutes_on_every_page_that_says_how_long_it_was(
    house: House, families: Families
) -> None:
    two = await families.two()
    await noon(house)
    await set_limits(two, minutes=60)
    call = await rung_up(two.maya, two.theo, two.maya_sees_theo)
    await put(house, "UPDATE call_people SET came_at = :now WHERE call_id = :call", now=now(house), call=call)
    for seconds, minutes in ((0, 0), (59, 0), (1, 1), (61, 2)):
        house.hand.forward(seconds * 1000)
        [live] = await two.sam.get("/api/calls/live")
        [past] = await two.sam.get(f"/api/history?child={two.maya_id}")
        assert (live["call"], live["minutes"]) == (call, minutes)
        assert (past["minutes"], (await shown(two))["used_today"]) == (minutes, minutes)


async def test_a_limit_is_each_familys_own(house: House, families: Families) -> None:
    two = await families.two()
    await noon(house)
    await set_limits(two, quiet={"from": "19:30", "until": "07:00"}, minutes=60)
    assert (await two.theo.get("/api/child/limits"))["quiet"] is None
    for path in ("limits", "stage"):
        body = {"limits": NOTHING, "stage": {"on": False}}[path]
        real = await two.femi.call("POST", f"/api/children/{two.maya_id}/{path}", body)
        none = await two.femi.call("POST", f"/api/children/nobody/{path}", body)
        assert (real.status, real.code) == (404, "not_found")
        assert same(real, none)
    real = await two.femi.call("GET", f"/api/children/{two.maya_id}/limits")
    assert same(real, await two.femi.call("GET", "/api/children/nobody/limits"))
    assert (await shown(two))["minutes"] == 60
    assert (await two.maya.call("POST", f"/api/children/{two.maya_id}/limits", NOTHING)).status == 404


async def test_a_child_cannot_change_what_is_set_and_a_guardian_can(house: House, families: Families) -> None:
    two = await families.two(friends=False)
    await set_limits(two, minutes=60)
    answer = await two.maya.call("POST", "/api/child/limits", NOTHING)
    assert (answer.status, answer.code) == (403, "not_permitted")
    assert await last_no(house, "change_own_limit") == ["not-leading"]
    assert (await shown(two))["minutes"] == 60
    await set_limits(two)
    assert (await shown(two))["minutes"] is None


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"quiet": {"from": "07:00", "until": "07:00"}, "minutes": None}, "quiet"),
        ({"quiet": {"from": "24:00", "until": "07:00"}, "minutes": None}, "quiet"),
        ({"quiet": {"from": "7:00", "until": "08:00"}, "minutes": None}, "quiet"),
        ({"quiet": {"from": "07:00\n", "until": "08:00"}, "minutes": None}, "quiet"),
        ({"quiet": {"from": "07:00"}, "minutes": None}, None),
        ({"quiet": None, "minutes": 0}, "minutes"),
        ({"quiet": None, "minutes": 1441}, "minutes"),
        ({"quiet": None, "minutes": 1.5}, "minutes"),
        ({"quiet": None}, "minutes"),
        ({"minutes": 60}, "quiet"),
        ({**NOTHING, "minute": 5}, None),
    ],
)
async def test_a_wrong_limit_is_refused_and_the_old_one_stays(
    families: Families, body: dict[str, Any], field: str | None
) -> None:
    two = await families.two(friends=False)
    await set_limits(two, minutes=60)
    answer = await two.sam.call("POST", f"/api/children/{two.maya_id}/limits", body)
    assert (answer.status, answer.code) == (422, "bad_request")
    if field:
        assert list(answer.json["fields"]) == [field]
    assert (await shown(two))["minutes"] == 60


# -- an objection, the stage ---------------------------------------------------------------------------------------------------


async def test_a_child_says_that_it_is_unfair_the_guardian_sees_it_and_it_stays_in_force(families: Families) -> None:
    two = await families.two(friends=False)
    nothing_set = await two.maya.call("POST", "/api/child/limits/object", {"unfair": True})
    assert (nothing_set.status, nothing_set.code) == (409, "conflict")
    await set_limits(two, minutes=60)
    assert not (await two.sam.get("/api/family"))["children"][0]["objected"]
    await two.sam.connect()
    mark = len(two.sam.seen)
    await two.maya.post("/api/child/limits/object", {"unfair": True})
    await two.sam.until(lambda m: m["t"] == "changed" and "family" in m["what"], since=mark)
    assert (await two.sam.get("/api/family"))["children"][0]["objected"]
    seen = await shown(two)
    assert seen["objected_at"] is not None
    assert seen["minutes"] == 60
    await two.maya.post("/api/child/limits/object", {"unfair": False})
    assert (await shown(two))["objected_at"] is None
    await two.maya.post("/api/child/limits/object", {"unfair": True})
    await set_limits(two, minutes=90)
    assert (await shown(two))["objected_at"] is None, "it was about what was set before"


async def test_the_stage_is_off_and_only_somebody_old_enough_can_have_it_on(house: House, families: Families) -> None:
    sam = await families.grown_up("Sam")
    maya, maya_id = await families.child(sam, "Maya", "9-12")
    ben, ben_id = await families.child(sam, "Ben", "16-17")
    for child, allowed in ((maya, False), (ben, True)):
        assert (await child.get("/api/child/limits"))["stage"] == {"on": False, "allowed": allowed}
    answer = await sam.call("POST", f"/api/children/{maya_id}/stage", {"on": True})
    assert (answer.status, answer.code) == (409, "conflict")
    await sam.post(f"/api/children/{maya_id}/stage", {"on": False})
    await sam.post(f"/api/children/{ben_id}/stage", {"on": True})
    assert (await ben.get("/api/child/limits"))["stage"] == {"on": True, "allowed": True}
    assert (await ben.get("/api/child/limits"))["set_at"] is None, "no limit is set by it"
    own = await ben.call("POST", "/api/child/stage", {"on": False})
    assert (own.status, own.code) == (403, "not_permitted")
    assert await last_no(house, "switch_own_stage") == ["not-leading"]
    await sam.post("/api/household", {"country": "AU", "time_zone": "Australia/Sydney"})
    assert (await ben.get("/api/child/limits"))["stage"] == {"on": True, "allowed": False}
    assert (await sam.call("POST", f"/api/children/{ben_id}/stage", {"on": True})).code == "conflict"


async def test_the_switch_of_the_stage_leaves_the_limits_alone(house: House, families: Families) -> None:
    two = await families.two(friends=False)
    await set_limits(two, minutes=60)
    await two.sam.post(f"/api/children/{two.maya_id}/stage", {"on": False})
    assert (await shown(two))["minutes"] == 60
    assert await look(house, "SELECT COUNT(*) FROM limits") == [(1,)]


async def test_without_consent_a_guardian_can_still_look_and_change(families: Families) -> None:
    two = await families.two()
    await two.sam.post(f"/api/children/{two.maya_id}/consent/withdraw")
    assert (await two.sam.get(f"/api/children/{two.maya_id}/limits"))["minutes"] is None
    await set_limits(two, minutes=30)
    assert (await two.sam.get(f"/api/children/{two.maya_id}/limits"))["minutes"] == 30


async def test_a_grown_up_who_looks_after_nobody_has_no_limits_to_look_at(families: Families) -> None:
    two = await families.two(friends=False)
    gran = await grandmother(families, two.maya, two.sam, two.maya_id)
    for device in (gran, two.sam):
        assert (await device.call("GET", "/api/child/limits")).status == 404
    assert (await gran.call("GET", f"/api/children/{two.maya_id}/limits")).status == 404
    assert (await gran.call("POST", "/api/household", {"country": "GB", "time_zone": LONDON})).status == 404
