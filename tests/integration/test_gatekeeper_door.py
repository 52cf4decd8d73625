"""The one door: no row, no yes; and a stranger learns nothing from how it answers."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError

from server import audit, facts
from server.db.session import Database, rows
from server.facts import Asked
from server.policy import Decision, Verb
from signalling.authority import Permit, Refusal
from tests import databases
from tests.village import FILE, Village, own, village


@pytest.fixture
async def v(tmp_path: Path) -> AsyncIterator[Village]:
    async with village(tmp_path) as there:
        yield there


async def ask(v: Village, verb: Verb, actor: str, **about: str) -> Decision:
    async with v.db.begin() as tx:
        return await v.keeper.ask(tx, await facts.act(tx, verb, actor, now=v.now, **about))


# -- the row and what it allows are one --------------------------------------------------------------------------------


async def test_a_refusal_is_returned_and_written_down(v: Village) -> None:
    yes = await ask(v, Verb.LOOK_AT_HISTORY, "sam", child="maya")
    no = await ask(v, Verb.LOOK_AT_HISTORY, "alex", child="maya")
    assert yes
    assert not no
    assert no.code == "not_found"
    assert (await v.last_audit(own("sam")))[2] == "allow"
    row = await v.last_audit(own("alex"))
    assert (row[0], json.loads(row[1]), row[2], json.loads(row[3]), row[4]) == (
        "look_at_history", ["p-alex"], "deny", ["not-yours", "only-who-looks-after"], v.keeper.rulebook.version,
    )  # fmt: skip


async def test_what_is_rolled_back_takes_its_audit_row_along(v: Village) -> None:
    async def ask_and_fail() -> None:
        async with v.db.begin() as tx:
            asked = await facts.act(tx, Verb.LOOK_AT_HISTORY, "sam", now=v.now, child="maya")
            assert await v.keeper.ask(tx, asked)
            raise KeyError

    with pytest.raises(KeyError):
        await ask_and_fail()
    assert await v.do("SELECT 1 FROM audit") == []


#: From now on the database takes no row of the record.
REFUSED = {
    "sqlite": ["CREATE TRIGGER refused BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'disk full'); END"],
    "postgresql": [
        "CREATE FUNCTION no() RETURNS trigger AS $$ BEGIN RAISE 'disk full'; END $$ LANGUAGE plpgsql",
        "CREATE TRIGGER refused BEFORE INSERT ON audit EXECUTE FUNCTION no()",
    ],
}


async def test_without_an_audit_row_there_is_no_call(v: Village) -> None:
    ref = await v.ref("maya", "theo")
    assert isinstance(await v.calls.ring(v.seat("maya"), [ref], "audio"), Permit)
    for statement in REFUSED[v.db.kind]:
        await v.do(statement)
    with pytest.raises((DBAPIError, sqlite3.Error)):
        await v.calls.ring(v.seat("maya"), [ref], "audio")
    assert len(await v.do("SELECT 1 FROM calls")) == 1


async def test_one_event_is_one_row_in_each_chain_it_concerns(v: Village) -> None:
    refs = [await v.ref("maya", "gran"), await v.ref("maya", "sam")]
    assert isinstance(await v.calls.ring(v.seat("maya"), refs, "video"), Permit)
    found = await v.do("SELECT chain, question FROM audit")
    assert sorted(map(tuple, found)) == sorted((own(one), "ring") for one in ("maya", "gran", "sam"))


async def test_nobody_we_know_is_written_to_the_platforms_chain(v: Village) -> None:
    assert await v.calls.admit("A" * 43) == Refusal("not_authenticated")
    assert tuple((await v.last_audit(audit.PLATFORM))[:3]) == ("connect", "[]", "deny")


async def test_many_at_once_leave_one_unbroken_chain(v: Village) -> None:
    await asyncio.gather(*(ask(v, Verb.LOOK_AT_HISTORY, "sam", child="maya") for _ in range(30)))
    assert await audit.verify(v.db) == []
    async with v.db.read() as tx:
        assert (await audit.heads(tx))[own("sam")][0] == 30


async def test_a_change_that_is_cancelled_midway_leaves_nothing_and_blocks_nobody(v: Village) -> None:
    ref = await v.ref("maya", "theo")
    cancelled = 0
    for step in range(60):
        ringing = asyncio.ensure_future(v.calls.ring(v.seat("maya"), [ref], "audio"))
        for _ in range(step):
            await asyncio.sleep(0)
        ringing.cancel()
        try:
            await ringing
        except asyncio.CancelledError:
            cancelled += 1
        assert isinstance(await v.calls.ring(v.seat("maya"), [ref], "audio"), Permit)
    assert cancelled > 5
    assert await audit.verify(v.db) == []
    [[calls]] = await v.do("SELECT COUNT(*) FROM calls")
    [[said]] = await v.do(f"SELECT COUNT(*) FROM audit WHERE chain = '{own('maya')}'")
    assert calls == said


async def test_looking_changes_nothing_and_sees_one_moment(v: Village) -> None:
    async with v.db.read() as tx:
        before = await rows(tx, "SELECT COUNT(*) FROM people")
        await v.family("newcomer")
        assert await rows(tx, "SELECT COUNT(*) FROM people") == before
        with pytest.raises((DBAPIError, sqlite3.OperationalError), match=r"read-?only"):
            await rows(tx, "DELETE FROM people")
    async with v.db.read() as tx:
        assert await rows(tx, "SELECT COUNT(*) FROM people") != before


@pytest.mark.sqlite
async def test_records_that_are_only_in_memory_are_refused() -> None:
    for url in ("sqlite+aiosqlite://", "sqlite+aiosqlite:///:memory:"):
        with pytest.raises(ValueError, match="must be a file"):
            await Database.open(url)


# -- who may do what -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verb", "may", "may_not", "about"),
    [
        (Verb.LOOK_AT_CONTACTS, "sam", "gran", {"child": "maya"}),
        (Verb.PAIR_DEVICE, "sam", "femi", {"child": "maya"}),
        (Verb.UNPAIR_DEVICE, "sam", "femi", {"device": "device-maya"}),
        (Verb.WITHDRAW_CONSENT, "sam", "maya", {"child": "maya"}),
        (Verb.REVOKE_SESSION, "sam", "femi", {"session": "session-sam"}),
        (Verb.REVOKE_SESSION, "sam", "gran", {"session": "session-maya"}),
        (Verb.ADD_CHILD, "sam", "gran", {}),
        (Verb.LOOK_AT_HOME, "maya", "sam", {}),
        (Verb.LOOK_AT_FAMILY, "gran", "maya", {}),
    ],
)  # fmt: skip
async def test_one_may_and_another_may_not(
    v: Village, verb: Verb, may: str, may_not: str, about: dict[str, str]
) -> None:
    assert await ask(v, verb, may, **about)
    assert not await ask(v, verb, may_not, **about)


async def test_any_of_the_four_may_end_a_contact_and_nobody_else(v: Village) -> None:
    contact = v.contact_of[frozenset(("maya", "theo"))]
    for who in ("maya", "theo", "sam", "femi"):
        assert await ask(v, Verb.END_CONTACT, who, contact=contact), who
    for who in ("gran", "ada", "kit", "alex", "bea"):
        assert not await ask(v, Verb.END_CONTACT, who, contact=contact), who


async def test_of_several_things_all_must_be_ones_own(v: Village) -> None:
    contact = v.contact_of[frozenset(("theo", "ada"))]
    assert await ask(v, Verb.NAME_CONTACT, "femi", child="theo", contact=contact)
    assert not await ask(v, Verb.NAME_CONTACT, "sam", child="maya", contact=contact)
    assert not await ask(v, Verb.NAME_CONTACT, "sam", child="theo", contact=contact)


async def test_a_sign_in_that_was_revoked_does_nothing_even_beside_a_live_one(v: Village) -> None:
    assert await ask(v, Verb.LOOK_AT_FAMILY, "sam", by="session-sam")
    await v.do("UPDATE sessions SET revoked_at = 1 WHERE id = 'session-sam'")
    refused = await ask(v, Verb.LOOK_AT_FAMILY, "sam", by="session-sam")
    assert refused.rules == ("not-signed-in",)
    assert refused.code == "not_signed_in"
    assert not await ask(v, Verb.LOOK_AT_FAMILY, "sam", by="session-gran")


async def test_an_age_that_was_not_asked_again_in_time_is_the_youngest(v: Village) -> None:
    await v.child("sam", "zoe", group="16-17")

    async def band() -> str:
        async with v.db.read() as tx:
            return (await facts.around(tx, ["zoe"], now=v.now)).people[0].person.band

    assert await band() == "16-17"
    await v.do("UPDATE children SET age_until = :now WHERE person_id = 'zoe'", now=v.now)
    assert await band() == "0-12"
    await v.do("UPDATE children SET age_group = NULL, age_until = :t WHERE person_id = 'zoe'", t=v.now + 1)
    assert await band() == "0-12"


# -- the stranger's probes ---------------------------------------------------------------------------------------------


async def probe(v: Village, monkey_log: list[str], asking: Any) -> tuple[object, list[str]]:
    """What was answered, and which statements ran."""
    monkey_log.clear()
    answer = await asking
    return answer, [re.sub(r"'[^']*'|\b\d+\b", "...", sql) for sql in monkey_log]


@pytest.fixture
async def spied(tmp_path: Path) -> AsyncIterator[tuple[Village, list[str]]]:
    """A village whose writing connection tells each statement that the database runs."""
    async with village(tmp_path) as there:
        yield there, await there.overhear()


async def test_a_ref_that_is_not_mine_and_one_that_never_was_are_the_same_to_me(
    spied: tuple[Village, list[str]],
) -> None:
    v, log = spied
    mayas = await v.ref("maya", "theo")
    real, ran = await probe(v, log, v.calls.ring(v.seat("kit"), [mayas], "video"))
    none, ran_too = await probe(v, log, v.calls.ring(v.seat("kit"), ["k_never-was-one"], "video"))
    assert real == none == Refusal("not_found")
    assert ran == ran_too
    assert len(ran) > 3
    own, ran_for_own = await probe(v, log, v.calls.ring(v.seat("maya"), [mayas], "video"))
    assert isinstance(own, Permit)
    assert ran_for_own != ran


@pytest.mark.parametrize(
    ("verb", "real", "none"),
    [
        (Verb.LOOK_AT_HISTORY, {"child": "maya"}, {"child": "never-was"}),
        (Verb.UNPAIR_DEVICE, {"device": "device-maya"}, {"device": "never-was"}),
        (Verb.REVOKE_SESSION, {"session": "session-maya"}, {"session": "never-was"}),
    ],
)  # fmt: skip
async def test_a_strangers_child_and_none_at_all_are_the_same_to_me(
    spied: tuple[Village, list[str]], verb: Verb, real: dict[str, str], none: dict[str, str]
) -> None:
    v, log = spied
    answer, ran = await probe(v, log, ask(v, verb, "alex", **real))
    answer_too, ran_too = await probe(v, log, ask(v, verb, "alex", **none))
    assert answer == answer_too
    assert not answer
    assert ran == ran_too
    first, second = await v.do("SELECT chain, question, who, verdict, rules FROM audit ORDER BY seq")
    assert tuple(first) == tuple(second)


async def test_another_familys_call_and_contact_are_as_if_they_were_not(v: Village) -> None:
    contact = v.contact_of[frozenset(("maya", "theo"))]
    permit = await v.calls.ring(v.seat("maya"), [await v.ref("maya", "theo")], "audio")
    assert isinstance(permit, Permit)
    for verb, name, real in ((Verb.END_CONTACT, "contact", contact), (Verb.END_CALL, "call", permit.call)):
        async with v.db.begin() as tx:
            of_others: Asked = await facts.act(tx, verb, "alex", now=v.now, **{name: real})
            of_none: Asked = await facts.act(tx, verb, "alex", now=v.now, **{name: "never"})
        assert of_others == of_none


# -- killed at any moment ---------------------------------------------------------------------------------------------------

_RINGS_UNTIL_KILLED = """
import asyncio, sys
from server.calls import Calls
from server.db.session import Database
from server.gatekeeper import Gatekeeper
from signalling.authority import Seat

async def main():
    db = await Database.open(sys.argv[1])
    calls = Calls(db, Gatekeeper(), lambda: int(sys.argv[3]))
    print("ready", flush=True)
    while True:
        permit = await calls.ring(Seat("maya", "session-maya", "device-maya"), [sys.argv[2]], "video")
        assert permit, permit

asyncio.run(main())
"""


@pytest.mark.parametrize("after", [0.01, 0.05, 0.12])
async def test_a_kill_leaves_each_call_with_its_row_and_each_row_with_its_call(tmp_path: Path, after: float) -> None:
    async with village(tmp_path) as v:
        ref, now = await v.ref("maya", "theo"), v.now
    url = databases.url(tmp_path / FILE)
    process = subprocess.Popen(  # noqa: ASYNC220  # a process that is to be killed, started once
        [sys.executable, "-c", _RINGS_UNTIL_KILLED, url, ref, str(now)], stdout=subprocess.PIPE, cwd=os.getcwd()
    )
    try:
        assert process.stdout is not None
        await asyncio.to_thread(process.stdout.readline)
        await asyncio.sleep(after)
    finally:
        process.send_signal(signal.SIGKILL)
        await asyncio.to_thread(process.wait)
        assert process.stdout is not None
        process.stdout.close()
    db = await Database.open(url)
    try:
        assert await audit.verify(db) == []
        async with db.read() as tx:
            [[calls]] = await rows(tx, "SELECT COUNT(*) FROM calls")
            [[people]] = await rows(tx, "SELECT COUNT(*) FROM call_people")
            found = await rows(tx, f"SELECT COUNT(*) FROM audit WHERE chain = '{own('maya')}' AND verdict = 'allow'")
        assert (found[0][0], people) == (calls, 2 * calls)
    finally:
        await db.close()
