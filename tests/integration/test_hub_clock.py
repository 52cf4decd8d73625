"""The clock is waited for, not looked for: alarms ask again at the moment, and who will have to leave hears it two minutes before."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from server import retention
from signalling import clockwork
from signalling.authority import NO_END, Standing, Until
from signalling.clockwork import LONGEST_SECONDS, SAME_END_SECONDS, WARN_MS, Alarms
from tests.integration.test_living_decisions import limit, minute_now
from tests.living import PATIENCE, living
from tests.street import House, Phone, Street, in_a_call, street
from tests.wall import next_time

SOON = 60  # milliseconds
LATER = 3_000_000


async def eventually(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not true():
            await asyncio.sleep(0.005)


def friends() -> House:
    return House(("ann", "ben"), ("cat", "dan"))


def asked(here: Street) -> int:
    return len(here.house.asked("go_on"))


# -- asking again ----------------------------------------------------------------------------------------------------------


async def test_a_call_is_asked_about_at_the_moment_that_the_answer_named_and_not_again(tmp_path: Path) -> None:
    async with street(friends()) as here:
        here.house.until = Until(again_ms=LATER)
        call, _ = await in_a_call(here, "ann", "ben", media="audio")
        assert asked(here) == 0
        here.house.until = Until(again_ms=SOON)
        await here.hub.facts_changed(["ann"])
        here.house.until = NO_END
        await eventually(lambda: asked(here) == 2)
        await asyncio.sleep(4 * SOON / 1000)
        assert asked(here) == 2, "nothing more is about to change, so nobody looks"
        assert call not in here.hub._call_alarms


async def test_every_kind_of_answer_sets_the_alarm(tmp_path: Path) -> None:
    """Ringing, answering, opening a camera and going on: the newest one counts."""
    async with street(friends()) as here:
        here.house.until = Until(again_ms=LATER)
        ann, ben = await here.phone("ann"), await here.phone("ben")
        call = (await ann.ask("call.invite", to=[ann.knows("ben")], media="video"))["call"]
        assert call in here.hub._call_alarms
        for step in ("answer", "publish", "go on"):
            here.hub._call_alarms.cancel(call)
            if step == "answer":
                ring = await ben.hear("call.incoming")
                await ben.ask("call.accept", call=call, nonce=ring["nonce"])
            elif step == "publish":
                await ben.ask("call.media", call=call, audio=True, video=True)
            else:
                await here.hub.facts_changed(["ann"])
            assert call in here.hub._call_alarms, step
        await ann.ask("call.leave", call=call)
        assert call not in here.hub._call_alarms, "an ended call is asked about by nobody"


async def test_a_newer_answer_takes_the_place_of_the_older_alarm(tmp_path: Path) -> None:
    async with street(friends()) as here:
        here.house.until = Until(again_ms=LATER)
        await in_a_call(here, "ann", "ben", media="audio")
        for again_ms in (4 * SOON, LATER):
            here.house.until = Until(again_ms=again_ms)
            await here.hub.facts_changed(["ann"])
        await asyncio.sleep(8 * SOON / 1000)
        assert asked(here) == 2


async def test_an_alarm_that_nobody_can_answer_shuts(tmp_path: Path) -> None:
    async with street(friends()) as here:
        here.house.until = Until(again_ms=4 * SOON)
        _, (ann, ben) = await in_a_call(here, "ann", "ben", media="audio")
        here.house.breaks |= {"go_on", "go_on_many"}
        for phone in (ann, ben):
            assert (await phone.hear("call.ended"))["code"] == "internal"
        assert here.gate.table == set()


async def test_what_ends_by_the_clock_is_cut_before_it_is_told(tmp_path: Path) -> None:
    async with street(friends()) as here:
        here.house.until = Until(again_ms=4 * SOON)
        _, (ann, ben) = await in_a_call(here, "ann", "ben", media="audio")
        here.house.must_leave["ann"] = "quiet_hours"
        assert (await ann.hear("call.ended"))["code"] == "quiet_hours"
        assert (await ben.hear("call.ended"))["code"] == "left"
        assert here.gate.table == set()


async def test_alarms_that_ring_together_are_one_question(tmp_path: Path) -> None:
    async with street(friends()) as here:
        await in_a_call(here, "ann", "ben", media="audio")
        await in_a_call(here, "cat", "dan", media="audio")
        here.house.until = Until(again_ms=4 * SOON)
        await here.hub.everybody_again()
        here.house.until = NO_END
        lots = len(here.house.asked("go_on_many"))
        assert lots == 1
        await eventually(lambda: len(here.house.asked("go_on_many")) == 2)
        assert [len(calls) for (calls,) in here.house.asked("go_on_many")] == [2, 2]


async def test_what_breaks_the_answer_about_one_call_does_not_end_the_others(tmp_path: Path) -> None:
    class Cracked(House):
        """Cannot say anything about Ann."""

        async def go_on(self, call: str, present: Sequence[str]) -> Standing:
            if "ann" in present:
                raise RuntimeError("unreadable")
            return await super().go_on(call, present)

    house = Cracked(("ann", "ben"), ("cat", "dan"))
    async with street(house) as here:
        _, (ann, _) = await in_a_call(here, "ann", "ben", media="audio")
        other, _ = await in_a_call(here, "cat", "dan", media="audio")
        await here.hub.everybody_again()
        assert (await ann.hear("call.ended"))["code"] == "internal"
        assert here.seeing() == {("cat", "dan", "audio"), ("dan", "cat", "audio")}
        assert here.call(other) is not None


async def test_everybody_again_is_also_heard_by_a_question_that_is_under_way(tmp_path: Path) -> None:
    async with street(friends()) as here:
        ann, ben = await here.phone("ann"), await here.phone("ben")
        call = (await ann.ask("call.invite", to=[ann.knows("ben")], media="audio"))["call"]
        ring = await ben.hear("call.incoming")
        here.house.slow["answer"] = asyncio.Event()
        answering = asyncio.create_task(ben.ask("call.accept", call=call, nonce=ring["nonce"]))
        await eventually(lambda: bool(here.house.asked("answer")))
        await here.hub.everybody_again()
        here.house.slow.pop("answer").set()
        assert (await answering)["t"] == "ok"
        assert len(here.house.asked("answer")) == 2, "the first answer was from before the change"


# -- the gentle warning ----------------------------------------------------------------------------------------------------


async def told(phone: Phone) -> list[dict[str, Any]]:
    await phone.quiet()
    return [message for message in phone.heard if message["t"] == "call.soon"]


async def test_with_less_than_two_minutes_it_is_told_at_once_and_to_nobody_else(tmp_path: Path) -> None:
    async with street(friends()) as here:
        here.house.until = Until(again_ms=90_000, ending=(("ann", "quiet_hours", 90_000),))
        call, (ann, ben) = await in_a_call(here, "ann", "ben", media="audio")
        [soon] = await told(ann)
        assert (soon["call"], soon["code"]) == (call, "quiet_hours")
        assert 85_000 < soon["in_ms"] <= 90_000
        assert await told(ben) == []


async def test_with_more_it_is_told_two_minutes_before(tmp_path: Path) -> None:
    async with street(friends()) as here:
        here.house.until = Until(again_ms=LATER)
        _, (ann, ben) = await in_a_call(here, "ann", "ben", media="audio")
        end = WARN_MS + 8 * SOON
        here.house.until = Until(again_ms=end, ending=(("ben", "time_limit", end),))
        await here.hub.facts_changed(["ben"])
        assert await told(ben) == []
        soon = await ben.hear("call.soon")
        assert soon["code"] == "time_limit"
        assert WARN_MS - 5_000 < soon["in_ms"] <= WARN_MS
        assert await told(ann) == []


async def test_nobody_is_warned_of_a_call_that_only_rings(tmp_path: Path) -> None:
    async with street(friends()) as here:
        here.house.until = Until(
            again_ms=90_000, ending=(("ann", "quiet_hours", 90_000), ("ben", "quiet_hours", 90_000))
        )
        ann, ben = await here.phone("ann"), await here.phone("ben")
        await ann.ask("call.invite", to=[ann.knows("ben")], media="audio")
        ring = await ben.hear("call.incoming")
        assert (await told(ann), await told(ben)) == ([], [])
        await ben.ask("call.accept", call=ring["call"], nonce=ring["nonce"])
        assert (len(await told(ann)), len(await told(ben))) == (1, 1)


async def test_the_same_end_is_told_once_and_another_end_anew(tmp_path: Path) -> None:
    async with street(friends()) as here:

        async def again(in_ms: int) -> int:
            here.house.until = Until(again_ms=in_ms, ending=(("ann", "quiet_hours", in_ms),))
            await here.hub.facts_changed(["ben"])
            return len(await told(ann))

        here.house.until = Until(again_ms=90_000, ending=(("ann", "quiet_hours", 90_000),))
        _, (ann, _) = await in_a_call(here, "ann", "ben", media="audio")
        assert len(await told(ann)) == 1
        assert await again(90_000) == 1
        assert await again(90_000 - int(SAME_END_SECONDS * 1000) + 5_000) == 1
        assert await again(90_000 - int(SAME_END_SECONDS * 1000) - 5_000) == 2
        assert await again(10 * WARN_MS) == 2, "a new limit gives more time: nothing is about to end"
        assert await again(WARN_MS) == 3


async def test_a_warning_of_a_call_that_is_over_is_not_told(tmp_path: Path) -> None:
    async with street(friends()) as here:
        here.house.until = Until(again_ms=LATER)
        call, (ann, ben) = await in_a_call(here, "ann", "ben", media="audio")
        end = WARN_MS + 6 * SOON
        here.house.until = Until(again_ms=end, ending=(("ann", "quiet_hours", end),))
        await here.hub.facts_changed(["ann"])
        await ben.ask("call.leave", call=call)
        await asyncio.sleep(8 * SOON / 1000)
        assert await told(ann) == []


# -- presence --------------------------------------------------------------------------------------------------------------


async def test_a_circle_is_asked_about_again_while_somebody_is_here_and_not_after(tmp_path: Path) -> None:
    async with street(friends()) as here:
        here.house.circle_again_ms = SOON
        ann = await here.phone("ann")
        await eventually(lambda: len(here.house.asked("circle")) >= 3)
        here.house.circle_again_ms = LATER
        await eventually(lambda: "ann" in here.hub._circle_alarms)
        await ann.tell(t="bye")
        await ann.closed()
        assert "ann" not in here.hub._circle_alarms


async def test_a_circle_that_could_not_be_read_is_empty_and_is_asked_for_later(tmp_path: Path) -> None:
    async with street(friends()) as here:
        ann = await here.phone("ann")
        assert "ann" not in here.hub._circle_alarms, "the clock alone changes nothing here"
        here.house.breaks.add("circle")
        await here.hub.facts_changed(["ann"])
        assert here.hub._people["ann"].circle.sees == {}
        assert "ann" in here.hub._circle_alarms
        assert (await ann.hear("presence"))["people"][0]["status"] == "away"


async def test_quiet_hours_hide_a_child_and_their_end_shows_them_again_to_who_came_meanwhile(tmp_path: Path) -> None:
    async with living(tmp_path) as here:
        begin = minute_now(here)
        await limit(here, quiet_from=begin, quiet_until=(begin + 60) % 1440)
        for person in ("maya", "sam", "theo"):
            await here.come(person)
        ref = await here.village.ref("theo", "maya")
        to_parent = await here.village.ref("sam", "maya")

        def seen(person: str, who: str) -> str:
            said = [one for frame in here.ears[person].all("presence") for one in frame["people"] if one["ref"] == who]
            return str(said[-1]["status"]) if said else "nobody"

        await here.settled()
        assert seen("theo", ref) == "nobody"
        assert seen("sam", to_parent) == "here", "her own guardian is not kept out by her quiet hours"
        open_again = next_time((begin + 60) % 1440, here.village.now, "Europe/London")
        here.village.now = open_again - 80
        await here.hub.facts_changed(["maya"])
        here.village.now = open_again
        await here.until(lambda: seen("theo", ref) == "here")


# -- clocks that jump ------------------------------------------------------------------------------------------------------


async def test_nothing_is_waited_for_longer_than_an_hour() -> None:
    rung: list[Sequence[str]] = []
    alarms: Alarms[str] = Alarms(rung.append)
    loop = asyncio.get_running_loop()
    alarms.set("a year", 365 * 24 * 3_600_000)
    alarms.set("now", -5)
    assert alarms._set["a year"].when() - loop.time() <= LONGEST_SECONDS
    assert 0 < alarms._set["now"].when() - loop.time() <= clockwork.SOONEST_SECONDS
    alarms.set("never", None)
    assert "never" not in alarms
    alarms.set("b", 50)
    alarms.set("c", 50)
    alarms.cancel("c")
    await eventually(lambda: bool(rung))
    assert rung == [("now", "b")]
    alarms.close()
    assert "a year" not in alarms


async def test_a_clock_that_jumps_over_the_end_of_a_call_is_noticed(tmp_path: Path) -> None:
    """The machine slept, or somebody set the clock: no alarm of ours can know that."""
    async with living(tmp_path) as here:
        call, other = await here.call("maya", "theo"), await here.call("kit", "zoe")
        begin = (minute_now(here) + 45) % 1440
        await limit(here, quiet_from=begin, quiet_until=(begin + 60) % 1440)
        await here.changed("maya")
        watching = asyncio.create_task(
            retention.run(
                here.village.db, here.clock, here.follower, here.hub.everybody_again, steady=lambda: 0.0, pause=0.02
            )
        )
        await asyncio.sleep(0.1)
        assert len(here.seeing(call)) == 4
        here.village.now += 46 * 60_000
        await here.until(lambda: here.code("maya") is not None)
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
        assert here.code("maya") == ("quiet_hours", False)
        assert len(here.seeing(other)) == 4


@pytest.mark.parametrize(
    ("went", "passed", "jump"),
    [(5_000, 5.0, False), (6_900, 5.0, False), (7_100, 5.0, True), (3_600_000, 3600.0, False), (5_000, 5000.0, False)],
)
def test_a_slow_minute_is_no_jump(went: int, passed: float, jump: bool) -> None:
    assert retention.jumped(1_000, 1_000 + went, passed) is jump
