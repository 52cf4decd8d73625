"""A yes is good for as long as what it rests on: every change that could have been a no at the door is a no in the middle, too.

One row for each kind of change, all on the same two calls. Refused and allowed from one setup: the call that is concerned is cut
before anybody hears of it, and the other, of two children whom nothing concerns, does not so much as blink.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from server import facts, home_time, notices
from server.gatekeeper import Gatekeeper
from server.policy import Verb
from signalling.call import TOLD_TO_OTHERS
from tests.living import DAY, Living, book, living
from tests.wall import next_time

MINUTE = 60_000


@contextlib.asynccontextmanager
async def two_calls(folder: Path) -> AsyncIterator[tuple[Living, str, str]]:
    """Maya with Theo, Kit with Zoe; everybody heard and seen."""
    async with living(folder) as here:
        yield here, await here.call("maya", "theo"), await here.call("kit", "zoe")


@dataclass(frozen=True)
class Change:
    """What happens, and with which code the call is over for Maya and for Theo."""

    happens: Callable[[Living], Awaitable[None]]
    maya: str
    theo: str


async def a_yes_is_withdrawn(here: Living) -> None:
    await here.village.end_contact("maya", "theo")
    await here.changed("maya", "theo")


async def a_child_blocks(here: Living) -> None:
    await here.village.put("blocks", by_id="maya", of_id="theo", at=here.village.now)
    await here.changed("maya", "theo")


async def consent_is_withdrawn(here: Living) -> None:
    await here.village.withdraw("maya")
    await here.changed("maya")


async def limit(here: Living, child: str = "maya", **values: int | None) -> None:
    await here.village.do("DELETE FROM limits WHERE child_id = :child", child=child)
    row = {"quiet_from": None, "quiet_until": None, "minutes_a_day": None, "stage_on": False, **values}
    await here.village.put("limits", child_id=child, set_at=here.village.now, objected_at=None, **row)


def minute_now(here: Living) -> int:
    wall = home_time.local(here.village.now, "Europe/London")
    return wall.hour * 60 + wall.minute


async def quiet_hours_are_set(here: Living) -> None:
    now = minute_now(here)
    await limit(here, quiet_from=now, quiet_until=(now + 60) % 1440)
    await here.changed("maya")


async def minutes_are_set_and_used_up(here: Living) -> None:
    here.village.now += 2 * MINUTE
    await limit(here, minutes_a_day=1)
    await here.changed("maya")


async def quiet_hours_begin(here: Living) -> None:
    """By the clock alone: nobody posts anything."""
    begin = (minute_now(here) + 10) % 1440
    await limit(here, quiet_from=begin, quiet_until=(begin + 60) % 1440)
    at = next_time(begin, here.village.now, "Europe/London")
    here.village.now = at - 80
    await here.changed("maya")
    assert here.code("maya") is None
    here.village.now = at
    await here.until(lambda: here.code("maya") is not None)


async def minutes_run_out(here: Living) -> None:
    """By the clock alone."""
    await limit(here, minutes_a_day=10)
    here.village.now += 10 * MINUTE - 80
    await here.changed("maya")
    assert here.code("maya") is None
    here.village.now += 80
    await here.until(lambda: here.code("maya") is not None)


async def supervise(here: Living, until: int) -> None:
    """Maya's family wants a grown-up there for calls with Theo, and one is."""
    contact = here.village.contact_of[frozenset(("maya", "theo"))]
    await here.village.put("supervisions", contact_id=contact, child_id="maya", mode="present")
    await here.village.put(
        "call_yeses", id="lease", contact_id=contact, child_id="maya", guardian_id="sam", kind="present", state="given",
        call_id=None, at=here.village.now, until=until,
    )  # fmt: skip
    await here.changed("maya", "theo")
    assert here.code("maya") is None, "while somebody is there it goes on"


async def the_grown_up_goes(here: Living) -> None:
    await supervise(here, here.village.now + 90_000)
    await here.village.do("UPDATE call_yeses SET state = 'over' WHERE id = 'lease'")
    await here.changed("maya", "theo")


async def the_grown_up_is_not_heard_of_any_more(here: Living) -> None:
    """The lease is not renewed: by the clock alone."""
    await supervise(here, here.village.now + 80)
    here.village.now += 80
    await here.until(lambda: here.code("maya") is not None)


async def the_age_group_is_no_longer_known(here: Living) -> None:
    """An unknown age is the youngest band; here the year of the age runs out, by the clock alone."""
    there = here.village
    await there.do("UPDATE children SET age_group = '16-17' WHERE person_id IN ('maya', 'theo')")
    contact = there.contact_of[frozenset(("maya", "theo"))]
    await there.put("teen_leads", child_id="maya", since=there.now)
    await there.do("DELETE FROM yeses WHERE contact_id = :c AND slot = 'guardian_a'", c=contact)
    await there.do("UPDATE children SET age_until = :at WHERE person_id = 'maya'", at=there.now + 80)
    await here.changed("maya", "theo")
    assert here.code("maya") is None, "a teenager who leads needs no yes of a guardian"
    there.now += 80
    await here.until(lambda: here.code("maya") is not None)


async def the_device_is_unpaired(here: Living) -> None:
    await here.village.do("UPDATE devices SET unpaired_at = :now WHERE person_id = 'maya'", now=here.village.now)
    await session_is_over(here)


async def the_session_is_revoked(here: Living) -> None:
    await here.village.do("UPDATE sessions SET revoked_at = :now WHERE person_id = 'maya'", now=here.village.now)
    await session_is_over(here)


async def session_is_over(here: Living) -> None:
    async with here.village.db.begin() as tx:
        await notices.post(
            tx, "session_over", ["maya"], now=here.village.now, sessions=["session-maya"], code="session_revoked"
        )
    await here.follower.catch_up()
    await here.settled()
    assert here.ears["maya"].closed == "session_revoked"


async def the_sign_in_runs_out(here: Living) -> None:
    """By the clock alone, before anybody has closed the socket."""
    await here.village.do("UPDATE sessions SET expires_at = :at WHERE person_id = 'maya'", at=here.village.now + 80)
    await here.changed("maya")
    assert here.code("maya") is None
    here.village.now += 80
    await here.until(lambda: here.code("maya") is not None)


async def the_year_of_the_yes_is_over(here: Living) -> None:
    """By the clock alone."""
    await here.village.do(
        "UPDATE contacts SET until = :at WHERE id = :id",
        at=here.village.now + 80,
        id=here.village.contact_of[frozenset(("maya", "theo"))],
    )
    await here.changed("maya", "theo")
    assert here.code("maya") is None
    here.village.now += 80
    await here.until(lambda: here.code("maya") is not None)


CHANGES = (
    Change(a_yes_is_withdrawn, "policy_revoked", "policy_revoked"),
    Change(a_child_blocks, "left", "left"),
    Change(consent_is_withdrawn, "policy_revoked", "policy_revoked"),
    Change(quiet_hours_are_set, "quiet_hours", "left"),
    Change(minutes_are_set_and_used_up, "time_limit", "left"),
    Change(quiet_hours_begin, "quiet_hours", "left"),
    Change(minutes_run_out, "time_limit", "left"),
    Change(the_grown_up_goes, "needs_guardian", "left"),
    Change(the_grown_up_is_not_heard_of_any_more, "needs_guardian", "left"),
    Change(the_age_group_is_no_longer_known, "policy_revoked", "policy_revoked"),
    Change(the_device_is_unpaired, "session_revoked", "left"),
    Change(the_session_is_revoked, "session_revoked", "left"),
    Change(the_sign_in_runs_out, "policy_revoked", "policy_revoked"),
    Change(the_year_of_the_yes_is_over, "policy_revoked", "policy_revoked"),
)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.happens.__name__)
async def test_a_change_cuts_the_call_that_it_concerns_and_no_other(tmp_path: Path, change: Change) -> None:
    async with two_calls(tmp_path) as (here, concerned, other):
        mark, others = len(here.log), here.seeing(other)
        await change.happens(here)
        await here.until(lambda: here.code("theo") is not None)
        assert here.seeing(concerned) == set()
        theirs, others_end = here.code("maya"), here.code("theo")
        if change.maya == "session_revoked":  # the socket is closed with that code, and nothing is left to tell it on
            assert theirs in (None, ("session_revoked", False))
        else:
            assert theirs is not None
            assert theirs[0] == change.maya
        assert others_end is not None
        assert others_end[0] == change.theo
        assert others_end[1] or change.theo != "left", "who was left is told by whom"
        assert here.cut_before_told(("maya", "theo"), mark)
        assert here.seeing(other) == others
        assert (here.code("kit"), here.code("zoe")) == (None, None)
        told = [what[2] for what in here.log[mark:] if what[0] == "told" and what[1] in ("kit", "zoe")]
        assert "call.state" not in told


async def test_a_family_that_moves_has_the_rules_of_where_it_lives_at_once(tmp_path: Path) -> None:
    """In this rulebook a teenager in the United States may not lead their own account, so a guardian's yes is missing there."""
    keeper = Gatekeeper(book(US=NOBODY_LEADS))
    async with living(tmp_path, keeper) as here:
        there = here.village
        await there.do("UPDATE children SET age_group = '16-17'")
        await there.put("teen_leads", child_id="maya", since=there.now)
        contact = there.contact_of[frozenset(("maya", "theo"))]
        await there.do("DELETE FROM yeses WHERE contact_id = :c AND slot = 'guardian_a'", c=contact)
        concerned, other = await here.call("maya", "theo"), await here.call("kit", "zoe")
        await there.do("UPDATE households SET country = 'US' WHERE id IN ('house-sam', 'house-lena')")
        await here.changed("maya", "zoe")
        assert (here.code("maya"), here.code("theo")) == (("policy_revoked", False), ("policy_revoked", False))
        assert here.seeing(concerned) == set()
        assert len(here.seeing(other)) == 4, "Zoe's family moved too, and nobody there leads"


NOBODY_LEADS = """
[bands."16-17".may_lead]
value = false
reason = "For a test."
source = "row 47"
date = 2026-11-25
status = "our choice"
"""


def test_no_reason_of_ones_own_home_reaches_the_other() -> None:
    for change in CHANGES:
        if change.maya in ("quiet_hours", "time_limit", "needs_guardian", "session_revoked"):
            assert change.theo == TOLD_TO_OTHERS[change.maya]  # type: ignore[index]  # a plain string here


async def test_a_camera_that_is_no_longer_approved_is_shut_and_the_voices_go_on(tmp_path: Path) -> None:
    async with two_calls(tmp_path) as (here, concerned, other):
        contact = here.village.contact_of[frozenset(("maya", "theo"))]
        await here.village.do("UPDATE yeses SET video = FALSE WHERE contact_id = :c AND slot = 'guardian_b'", c=contact)
        await here.changed("maya", "theo")
        assert {kind for _, _, kind in here.seeing(concerned)} == {"audio"}
        assert len(here.seeing(concerned)) == 2
        assert len(here.seeing(other)) == 4


async def test_a_third_stays_with_whom_they_may_when_one_has_to_go(tmp_path: Path) -> None:
    async with living(tmp_path) as here:
        await here.village.contact("maya", "ada")
        call = await here.call("theo", "maya", "ada")
        await quiet_hours_are_set(here)
        assert here.code("maya") == ("quiet_hours", False)
        assert {lane[:2] for lane in here.seeing(call)} == {("theo", "ada"), ("ada", "theo")}
        for other in ("theo", "ada"):
            left = here.ears[other].last("call.peer_left")
            assert left is not None
            assert left["code"] == "left"


async def test_a_child_may_be_on_a_stage_only_while_a_moderators_shift_lasts(tmp_path: Path) -> None:
    """There is no stage to stand on yet; the question is there, and the answer lives as long as the moderator's shift."""
    async with living(tmp_path) as here:
        there = here.village
        await there.do("UPDATE children SET age_group = '16-17' WHERE person_id = 'maya'")
        await limit(here, stage_on=True)
        await there.put("shifts", id="shift", until=there.now + MINUTE)

        async def may() -> bool:
            async with there.db.begin() as tx:
                return bool(await there.keeper.ask(tx, await facts.act(tx, Verb.HOST_STAGE, "maya", now=there.now)))

        assert await may()
        there.now += MINUTE
        assert not await may()


async def test_a_no_while_it_rings_stops_the_ring_and_nobody_was_ever_seen(tmp_path: Path) -> None:
    async with living(tmp_path) as here:
        for person in ("maya", "theo"):
            await here.come(person)
        call = await here.ring("maya", "theo")
        await quiet_hours_are_set(here)
        assert here.code("maya") == ("quiet_hours", False)
        assert here.code("theo") == ("left", True)
        assert here.gate.ever == set()
        assert call not in here.hub._calls


async def test_what_died_between_the_commit_and_the_cut_is_not_forgotten(tmp_path: Path) -> None:
    """The notice is a row of the same transaction: whoever follows the rows next cuts, before anybody can come in."""
    async with two_calls(tmp_path) as (here, concerned, other):
        await here.village.end_contact("maya", "theo")
        async with here.village.db.begin() as tx:
            await notices.post(tx, "facts_changed", ["maya", "theo"], now=here.village.now)
        assert here.seeing(concerned), "the one who should have followed is gone"
        await here.follower.catch_up()
        assert here.seeing(concerned) == set()
        assert here.seeing(other)


async def test_a_change_that_is_still_a_yes_cuts_nobody(tmp_path: Path) -> None:
    async with two_calls(tmp_path) as (here, concerned, other):
        await limit(here, minutes_a_day=600)
        await here.changed("maya", "theo", "kit", "zoe")
        assert (len(here.seeing(concerned)), len(here.seeing(other))) == (4, 4)
        here.village.now += DAY // 24
        await here.hub.everybody_again()
        assert (len(here.seeing(concerned)), len(here.seeing(other))) == (4, 4)
