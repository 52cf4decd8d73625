"""Many live calls asked about at one moment get the answers, and the audit rows, that each would get by itself."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from server import audit
from server import facts as facts_module
from signalling.authority import Standing
from tests.village import Village, village

Calls = Sequence[tuple[str, Sequence[str]]]
HOUR = 3_600_000


@pytest.fixture
async def v(tmp_path: Path) -> AsyncIterator[Village]:
    async with village(tmp_path) as there:
        yield there
        assert await audit.verify(there.db) == []


async def live(v: Village, name: str, *people: str, here: Sequence[str] | None = None, state: str = "live") -> None:
    """A call as recorded, with these people; those in ``here`` (everybody, if not told) have their media up."""
    await v.put("calls", id=name, media="video", state=state, started_at=v.now - HOUR)
    for person in people:
        came = v.now - HOUR if here is None or person in here else None
        await v.put("call_people", call_id=name, person_id=person, came_at=came)


async def rows_written(v: Village, after: dict[str, int], until: dict[str, int]) -> list[tuple[Any, ...]]:
    found = await v.do("SELECT chain, seq, question, who, verdict, rules FROM audit")
    return sorted(
        (chain, question, json.loads(who), verdict, json.loads(rules))
        for chain, seq, question, who, verdict, rules in found
        if after.get(chain, 0) < seq <= until.get(chain, 0)
    )


async def ends(v: Village) -> dict[str, int]:
    return {str(chain): int(seq) for chain, seq in await v.do("SELECT chain, seq FROM audit_heads")}


async def same_both_ways(v: Village, calls: Calls) -> list[Standing]:
    """The answers to all at once, after holding them and their audit rows against each asked about by itself."""
    before = await ends(v)
    alone = [await v.calls.go_on(call, people) for call, people in calls]
    between = await ends(v)
    together = list(await v.calls.go_on_many(calls))
    assert together == alone
    # sorted: who is asked about again without those who leave may come later in the one than in the other
    assert await rows_written(v, between, await ends(v)) == await rows_written(v, before, between)
    return together


async def test_calls_of_every_kind_are_answered_at_once_as_each_by_itself(v: Village) -> None:
    await live(v, "friends", "maya", "theo")
    await live(v, "with-gran", "maya", "gran", "sam")
    await live(v, "strangers", "maya", "kit")
    await live(v, "over", "theo", "ada", state="ended")
    await live(v, "others", "theo", "ada")
    friends, with_gran, strangers, over, others, not_rung, unknown, nobody, alone = await same_both_ways(
        v,
        [
            ("friends", ("maya", "theo")),
            ("with-gran", ("maya", "gran", "sam")),
            ("strangers", ("maya", "kit")),
            ("over", ("theo", "ada")),
            ("others", ("theo", "ada")),
            ("others", ("maya", "theo")),  # these were not rung into it
            ("no-such-call", ("maya", "theo")),
            ("friends", ("maya", "nobody-at-all")),
            ("friends", ("maya",)),
        ],
    )
    assert len(friends.lanes) == len(others.lanes) == 4
    assert len(with_gran.lanes) == 12
    for refused in (strangers, over, not_rung, unknown, nobody, alone):
        assert refused.lanes == frozenset()


async def test_a_yes_that_was_used_for_one_call_lets_no_other_go_on(v: Village) -> None:
    await v.supervise("maya", "theo", "ask")
    await live(v, "first", "maya", "theo")
    await live(v, "second", "maya", "theo")
    calls = [("first", ("maya", "theo")), ("second", ("maya", "theo"))]
    assert [len(one.lanes) for one in await same_both_ways(v, calls)] == [0, 0]
    yes = await v.call_yes("maya", "theo", "ask", v.now + HOUR)
    assert [len(one.lanes) for one in await same_both_ways(v, calls)] == [4, 4]  # nobody has used it yet
    await v.do("UPDATE call_yeses SET call_id = 'second' WHERE id = :yes", yes=yes)
    assert [len(one.lanes) for one in await same_both_ways(v, calls)] == [0, 4]


async def test_a_grown_up_who_is_in_one_call_is_with_the_child_in_that_call_only(v: Village) -> None:
    await v.supervise("maya", "gran", "present")
    await live(v, "watched", "maya", "gran", "sam")
    await live(v, "alone", "maya", "gran")
    await live(v, "still-rung", "maya", "gran", "sam", here=("maya", "gran"))
    three = ("maya", "gran", "sam")
    watched, alone, still_rung = await same_both_ways(
        v, [("watched", three), ("alone", ("maya", "gran")), ("still-rung", three)]
    )
    assert len(watched.lanes) == 12
    assert alone.lanes == frozenset()
    assert {person for lane in still_rung.lanes for person in lane[:2]} == {"maya", "sam"}


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_the_facts_are_the_answers_are_the_same_both_ways(v: Village, seed: int) -> None:
    chance = random.Random(seed)
    pairs = [("maya", "theo"), ("maya", "gran"), ("theo", "ada"), ("maya", "sam")]
    together = [("maya", "theo"), ("maya", "gran"), ("theo", "ada"), ("maya", "sam", "gran"), ("ada",), ("kit", "theo")]
    calls = [(f"call-{number}", chance.choice(together)) for number in range(8)]
    for call, people in calls:
        await live(v, call, *people, here=[one for one in people if chance.random() < 0.8])
    for child, other in pairs:
        await v.supervise(child, other, chance.choice((None, None, "ask", "present")))
        if chance.random() < 0.6:
            yes = await v.call_yes(
                child, other, chance.choice(("ask", "present")), v.now + chance.choice((-1, 1)) * HOUR
            )
            used = chance.choice((None, *(call for call, _ in calls)))
            await v.do("UPDATE call_yeses SET call_id = :call WHERE id = :yes", call=used, yes=yes)
    for child in ("maya", "theo", "ada"):
        quiet = chance.choice((None, (0, 1), (6 * 60, 5 * 60)))
        await v.limit(child, quiet=quiet, minutes=chance.choice((None, 30, 240)))
    if chance.random() < 0.3:
        await v.block("theo", "maya")
    answers = await same_both_ways(v, calls)
    assert len({(bool(one.lanes), one.must_leave) for one in answers}) > 1, "every call is alike: nothing was compared"


async def test_a_call_with_somebody_in_it_who_is_no_longer_known_is_over_and_the_answer_comes(v: Village) -> None:
    """The one who must leave has no id any more by which they could be taken out of the question."""
    await live(v, "with-gran", "maya", "gran", "sam")
    for others in (("maya",), ("maya", "gran", "sam")):
        (whole, other) = await same_both_ways(
            v, [("with-gran", (*others, "deleted")), ("with-gran", ("maya", "gran", "sam"))]
        )
        assert whole.lanes == frozenset()
        assert len(other.lanes) == 12


async def test_more_calls_than_one_statement_holds_come_back_in_their_order(v: Village) -> None:
    count = facts_module._MANY_CALLS * 2 + 3
    for number in range(count):
        await live(v, f"call-{number}", *(("maya", "theo") if number % 3 else ("maya", "gran")))
    answers = await v.calls.go_on_many(
        [(f"call-{number}", ("maya", "theo") if number % 3 else ("maya", "gran")) for number in range(count)]
    )
    assert [{lane[1] for lane in one.lanes} - {"maya"} for one in answers] == [
        {"theo"} if number % 3 else {"gran"} for number in range(count)
    ]


async def test_a_call_of_more_people_than_a_call_may_have_is_no_answer_for_any(v: Village) -> None:
    await live(v, "friends", "maya", "theo")
    before = await ends(v)
    with pytest.raises(ValueError, match="more people"):
        await v.calls.go_on_many([("friends", ("maya", "theo")), ("crowd", [f"p{n}" for n in range(9)])])
    assert await ends(v) == before
    assert len((await v.calls.go_on_many([("friends", ("maya", "theo"))]))[0].lanes) == 4


async def test_nothing_to_ask_about_is_nothing_answered_and_nothing_written(v: Village) -> None:
    before = await ends(v)
    assert list(await v.calls.go_on_many([])) == []
    assert await ends(v) == before
