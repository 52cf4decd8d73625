"""Marks come with the pictures that the rules let through: on record in the same transaction, and of what is refused there is none."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from signalling.authority import Permit
from tests.village import Village, five_families, village


@pytest.fixture
async def v(tmp_path: Path) -> AsyncIterator[Village]:
    async with village(tmp_path, five_families) as there:
        yield there


async def issued(v: Village) -> dict[tuple[str, str], tuple[int, int, str, str | None]]:
    """By sender and recipient: the mark, its quarter, what is known of it, and why not."""
    found = await v.do(
        "SELECT s.id, r.id, m.id, m.quarter, m.state, m.why FROM marks m"
        " JOIN people s ON s.pseudonym = m.sender JOIN people r ON r.pseudonym = m.recipient"
    )
    return {
        (sender, recipient): (number, quarter, state, why) for sender, recipient, number, quarter, state, why in found
    }


async def rung(v: Village) -> str:
    permit = await v.calls.ring(v.seat("maya"), [await v.ref("maya", "theo")], "video")
    assert isinstance(permit, Permit)
    assert permit.marks == {}
    return permit.call


async def test_an_answer_brings_a_mark_for_each_direction_and_both_are_on_record(v: Village) -> None:
    call = await rung(v)
    assert await issued(v) == {}
    permit = await v.calls.answer(call, v.seat("theo"), ["maya"])
    assert isinstance(permit, Permit)
    assert permit.marks.keys() == {("maya", "theo"), ("theo", "maya")}
    assert {pair: (mark.id, mark.quarter, "issued", None) for pair, mark in permit.marks.items()} == await issued(v)
    again = await v.calls.publish(call, v.seat("maya"), ["theo"], True, True)
    assert isinstance(again, Permit)
    assert again.marks == {("maya", "theo"): permit.marks["maya", "theo"]}
    voice = await v.calls.publish(call, v.seat("maya"), ["theo"], True, False)
    assert isinstance(voice, Permit)
    assert voice.marks == {}


async def test_what_is_refused_has_no_mark(v: Village) -> None:
    call = await rung(v)
    await v.end_contact("maya", "theo")
    assert not await v.calls.answer(call, v.seat("theo"), ["maya"])
    assert await issued(v) == {}


async def test_a_copy_counts_as_marked_when_its_device_said_so_and_for_good_as_unmarked_when_it_said_that(
    v: Village,
) -> None:
    call = await rung(v)
    await v.calls.answer(call, v.seat("theo"), ["maya"])

    async def known() -> dict[tuple[str, str], tuple[str, str | None]]:
        return {pair: (state, why) for pair, (_, _, state, why) in (await issued(v)).items()}

    await v.calls.marked(call, "maya", "theo")
    assert await known() == {("maya", "theo"): ("marked", None), ("theo", "maya"): ("issued", None)}
    before = await v.do("SELECT count(*) FROM audit WHERE question = 'unmarked'")
    assert before[0][0] == 0
    for why in ("too_slow", "cannot"):
        await v.calls.unmarked(call, "maya", "theo", why)  # type: ignore[arg-type]  # both are of the closed list
    await v.calls.marked(call, "maya", "theo")
    await v.calls.unmarked(call, "theo", None, "too_many")
    assert await known() == {("maya", "theo"): ("unmarked", "too_slow"), ("theo", "maya"): ("unmarked", "too_many")}
    names = dict(await v.do("SELECT id, pseudonym FROM people"))
    audit = await v.do("SELECT chain, who, verdict, rules FROM audit WHERE question = 'unmarked' ORDER BY seq")
    assert [(chain, json.loads(who), verdict, json.loads(rules)) for chain, who, verdict, rules in audit] == [
        ("platform", [names["maya"], names["theo"]], "allow", ["unmarked:too_slow"]),
        ("platform", [names["theo"]], "allow", ["unmarked:too_many"]),
    ]


async def test_of_a_call_that_is_not_theirs_nothing_can_be_said(v: Village) -> None:
    call = await rung(v)
    await v.calls.answer(call, v.seat("theo"), ["maya"])
    await v.calls.marked("c_anothercall0000", "maya", "theo")
    await v.calls.unmarked(call, "maya", "gran", "cannot")
    assert {state for _, _, state, _ in (await issued(v)).values()} == {"issued"}
    assert (await v.do("SELECT count(*) FROM audit WHERE question = 'unmarked'"))[0][0] == 0
