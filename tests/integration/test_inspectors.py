"""Inspectors: a key and a sign-in of their own, everything they may look at, and no way to a family. Allow and refuse from one setup."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from server import api, inspectors
from server.api import keys
from server.api.inspector import INSPECTIONS
from server.api.keys import INSPECTORS, Open, Route
from server.cli import main
from server.db.models import audit, inspector_sessions
from server.db.session import rows
from server.policy import Verb
from tests.house import DAY, Families, House, Two, open_house
from tests.peers import Browserless
from tests.unit.test_every_route_is_gated import BODIES, concrete

KEPT = [route for route in api.ROUTES if route.path.startswith(INSPECTORS) and not isinstance(route.asks, Open)]
#: Every route that is a family's, with the open ones of the safe harbour and the live connection.
FAMILIES = [route for route in api.ROUTES if not route.path.startswith(INSPECTORS)]
OPEN_TO_ALL = {"/healthz", "/api/words", "/api/promises", "/api/checkpoint", "/.well-known/child-safety"}


@dataclass
class Visit:
    """Two families, and somebody who checks."""

    house: House
    two: Two
    device: Browserless
    key: str


@pytest.fixture
async def visit(house: House, families: Families) -> Visit:
    two = await families.two()
    key = await add(house, "Ofcom")
    device = house.device()
    await device.post("/api/inspector/session", {"key": key})
    house.app[INSPECTIONS].command = lambda out, key: ("true",)  # its route is tried here, not a whole inspection
    return Visit(house, two, device, key)


async def add(house: House, name: str) -> str:
    key = await inspectors.add(house.db, house.app[keys.KEEPER], name, now(house))
    assert key is not None
    return key


def now(house: House) -> int:
    return house.app[keys.CLOCK].now()


async def record(house: House, question: str) -> list[tuple[str, str, tuple[str, ...], tuple[str, ...]]]:
    async with house.db.read() as tx:
        found = await tx.execute(select(audit).where(audit.c.question == question).order_by(audit.c.seq))
        return [
            (row.chain, row.verdict, tuple(json.loads(row.who)), tuple(json.loads(row.rules))) for row in found.all()
        ]


async def ask(device: Browserless, route: Route, **headers: str) -> Any:
    body = BODIES.get(route.path, {}) if route.method == "POST" else None
    return await device.call(route.method, concrete(route), body, **headers)


# -- coming in ------------------------------------------------------------------------------------------------------------


async def test_whoever_has_the_key_comes_in_and_whoever_has_another_does_not(house: House) -> None:
    key = await add(house, "Ofcom")
    device = house.device()
    for wrong in ("", f"{key}x", key.partition(".")[0], key.upper()):
        answer = await house.device().call("POST", "/api/inspector/session", {"key": wrong})
        assert (answer.status, answer.code) in ((401, "wrong_key"), (429, "slow_down")), wrong
        assert "Set-Cookie" not in answer.headers
    house.hand.forward(3_600_000)
    answer = await device.call("POST", "/api/inspector/session", {"key": key})
    assert answer.status == 200
    assert answer.json["label"] == "Ofcom"
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("ringfence-inspector=")
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and "Max-Age=14400" in cookie  # noqa: PT018
    assert (await device.get("/api/inspector/session"))["label"] == "Ofcom"
    tries = await record(house, "inspector_sign_in")
    assert {(chain, verdict, len(who)) for chain, verdict, who, _ in tries} == {
        ("platform", "deny", 0), ("platform", "allow", 1),
    }  # fmt: skip


async def test_guessing_a_key_is_slowed_down(house: House) -> None:
    await add(house, "Ofcom")
    answers = [await house.device().call("POST", "/api/inspector/session", {"key": f"i_{n}.x"}) for n in range(5)]
    assert [one.code for one in answers[:3]] == ["wrong_key"] * 3
    assert answers[-1].code == "slow_down"
    sent = await house.device().call("GET", "/api/inspector/rules", Authorization="Bearer i_1.x")
    assert sent.code == "slow_down"


async def test_a_sign_in_ends_by_signing_out_by_time_and_with_the_key(house: House) -> None:
    key = await add(house, "Ofcom")

    async def come_in() -> Browserless:
        device = house.device()
        await device.post("/api/inspector/session", {"key": key})
        assert (await device.call("GET", "/api/inspector/rules")).status == 200
        return device

    out, late, gone = await come_in(), await come_in(), await come_in()
    cookie = {"Cookie": "; ".join(f"{one.key}={one.value}" for one in out.http.cookie_jar)}
    assert (await out.call("DELETE", "/api/inspector/session")).status == 204
    again = await house.device().call("GET", "/api/inspector/rules", **cookie)
    assert again.code == "not_signed_in"
    assert (await out.call("GET", "/api/inspector/rules")).code == "not_signed_in"
    house.hand.forward(inspectors.SESSION_MS)
    assert (await late.call("GET", "/api/inspector/rules")).code == "not_signed_in"
    gone = await come_in()
    assert await inspectors.remove(house.db, house.app[keys.KEEPER], "Ofcom", now(house))
    assert (await gone.call("GET", "/api/inspector/rules")).code == "not_signed_in"
    assert (await gone.call("GET", "/api/inspector/rules", Authorization=f"Bearer {key}")).code == "not_signed_in"
    assert (await house.device().call("POST", "/api/inspector/session", {"key": key})).code == "wrong_key"
    async with house.db.read() as tx:
        assert (await tx.execute(select(inspector_sessions))).all() == []


async def test_a_program_sends_the_key_itself_and_a_page_of_somebody_elses_cannot(visit: Visit) -> None:
    asked = {"verb": "help", "facts": {}}
    program = visit.house.device()
    sent = {"Authorization": f"Bearer {visit.key}"}
    assert (await program.call("GET", "/api/inspector/rules", **sent)).status == 200
    async with program.http.post(f"{program.base}/api/inspector/situation", json=asked, headers=sent) as answer:
        assert answer.status == 422  # no Origin, and taken: the facts are missing
    async with program.http.post(
        f"{program.base}/api/inspector/situation", json=asked, headers={**sent, "Origin": "https://evil.example"}
    ) as answer:
        assert answer.status == 403
    async with visit.device.http.post(f"{program.base}/api/inspector/situation", json=asked) as answer:
        assert answer.status == 403  # by cookie a request must come from our page
    for wrong in ("Basic abc", "Bearer", f"Bearer {visit.key}x", visit.key):
        assert (await visit.device.call("GET", "/api/inspector/rules", Authorization=wrong)).code == "not_signed_in"
        visit.house.hand.forward(3_600_000)


# -- what they may and what they may not ----------------------------------------------------------------------------------


async def test_an_inspector_may_look_at_everything_that_is_theirs_and_each_look_is_recorded(visit: Visit) -> None:
    for route in KEPT:
        before = len(await record(visit.house, Verb.LOOK_AT_EVIDENCE))
        answer = await ask(visit.device, route)
        assert answer.status < 500, (route.path, answer.body)
        rows = (await record(visit.house, Verb.LOOK_AT_EVIDENCE))[before:]
        assert [(row[0], row[1], row[3]) for row in rows] == [
            ("platform", "allow", ("inspectors-look-at-evidence",))
        ], route.path
        assert rows[0][2][0].startswith("i_")


async def test_an_inspector_is_a_stranger_to_every_route_of_families(visit: Visit) -> None:
    for route in FAMILIES:
        if route.path in OPEN_TO_ALL or route.path == "/ws":
            continue
        stranger = visit.house.device()
        by_key = {"Authorization": f"Bearer {visit.key}"}
        for inspector, headers in ((visit.device, {}), (visit.house.device(), by_key)):
            seen, known = await ask(inspector, route, **headers), await ask(stranger, route)
            assert (seen.status, seen.code) == (known.status, known.code), route.path
            if not isinstance(route.asks, Open):
                assert (seen.status, seen.code, seen.body) == (401, "not_signed_in", known.body), route.path


async def test_the_live_connection_takes_no_inspector(visit: Visit) -> None:
    assert (await visit.device.call("POST", "/api/ws-ticket", {})).code == "not_signed_in"
    with pytest.raises(Exception, match=r"401|closed|refused|not_authenticated|4401"):
        await visit.device.connect()


async def test_no_family_reads_what_is_for_inspectors(visit: Visit) -> None:
    for person in (visit.two.sam, visit.two.maya, visit.house.device()):
        for route in KEPT:
            answer = await ask(person, route)
            assert (answer.status, answer.code) == (401, "not_signed_in"), route.path
    assert await record(visit.house, Verb.LOOK_AT_EVIDENCE) == []
    assert (await ask(visit.device, KEPT[0])).status == 200


async def test_nothing_that_an_inspector_is_shown_names_anybody(visit: Visit) -> None:
    """Every name, id, pseudonym, ref and chain that there is, looked for in every byte that an inspector gets."""
    async with visit.house.db.read() as tx:
        secret = {row[0] for table in ("people", "households", "contacts", "sides") for row in await _words(tx, table)}
    secret |= {"Maya", "Theo", "Femi", "example.org"}
    assert len(secret) > 12
    for route in KEPT:
        answer = await ask(visit.device, route)
        for word in secret:
            assert word.encode() not in answer.body, (route.path, word)


async def _words(tx: Any, table: str) -> list[Any]:
    from server.db.session import rows

    found = {
        "people": "SELECT id FROM people UNION SELECT pseudonym FROM people",
        "households": "SELECT id FROM households",
        "contacts": "SELECT id FROM contacts",
        "sides": "SELECT ref FROM sides",
    }
    return list(await rows(tx, found[table]))


async def test_one_word_that_points_at_somebody_and_nothing_is_shown(visit: Visit) -> None:
    async with visit.house.db.read() as tx:
        person = (await _words(tx, "people"))[0][0]
        household = (await _words(tx, "households"))[0][0]
        ref = (await _words(tx, "sides"))[0][0]
        contact = (await rows(tx, "SELECT id FROM contacts"))[0][0]
        own = (await rows(tx, "SELECT chain FROM audit_heads WHERE chain LIKE 'o!_%' ESCAPE '!'"))[0][0]
    call, report = "c_0123456789abcdefABCDEF", "r_0123456789abcdefABCDEF"
    async with visit.house.db.begin() as tx:
        await rows(tx, "INSERT INTO calls (id, media, state, started_at) VALUES (:id, 'audio', 'ended', 1)", id=call)
        await rows(
            tx,
            "INSERT INTO reports (id, reporter, request, kind, what, made_at, look_by, state) "
            "VALUES (:id, 'p', :id, 'recorded', '[]', 1, 1, 'open')",
            id=report,
        )
    inspector = await inspectors.by_key(visit.house.db, visit.key)
    assert inspector is not None
    door = (visit.house.db, visit.house.app[keys.KEEPER], inspector)
    assert await inspectors.look(*door, {"rule": "not-approved-contact", "slip": "nobody"}, now(visit.house))
    slips: list[Any] = [
        person, [person], {"a": household}, f"h_{household}", ref, f"It was {person}, at four.", {person: 1}, contact, call, report, own,
        {"many": [*(f"-----not-a-word-{n:04}" for n in range(200)), person]},  # looked up in order, so behind all of these
    ]  # fmt: skip
    for slip in slips:
        refused = await inspectors.look(*door, {"slip": slip}, now(visit.house))
        assert not refused, slip
        assert refused.rules == ("evidence-names-nobody",)


async def test_somebody_whose_key_was_taken_back_meanwhile_is_refused_by_the_rules_too(visit: Visit) -> None:
    inspector = await inspectors.by_key(visit.house.db, visit.key)
    assert inspector is not None
    door = (visit.house.db, visit.house.app[keys.KEEPER])
    assert await inspectors.look(*door, inspector, {}, now(visit.house))
    await inspectors.remove(*door, "Ofcom", now(visit.house))
    refused = await inspectors.look(*door, inspector, {}, now(visit.house))
    assert refused.rules == ("account-standing-still",)


async def test_a_sign_in_is_good_for_four_hours_and_then_for_nothing(visit: Visit) -> None:
    visit.house.hand.forward(inspectors.SESSION_MS - 60_000)
    assert (await visit.device.get("/api/inspector/session"))["label"] == "Ofcom"
    assert (await visit.device.call("GET", "/api/inspector/rules")).status == 200
    visit.house.hand.forward(60_000)
    for path in ("session", "rules"):
        assert (await visit.device.call("GET", f"/api/inspector/{path}")).code == "not_signed_in", path


# -- the command line -----------------------------------------------------------------------------------------------------


async def test_the_operator_adds_lists_and_removes_inspectors_and_each_is_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import asyncio

    async with open_house(tmp_path, demo=True):
        pass
    monkeypatch.setenv("RINGFENCE_DATA", str(tmp_path))

    async def run(*typed: str) -> tuple[int, str]:
        status = await asyncio.to_thread(main, ["inspectors", *typed, "--demo"])
        told = capsys.readouterr()
        return status, told.out + told.err

    file = tmp_path / "ofcom.key"
    assert (await run("add", "Ofcom", "--key", str(file)))[0] == 0
    key = file.read_text().strip()
    assert file.stat().st_mode & 0o777 == 0o600
    status, told = await run("add", "Ofcom", "--key", str(tmp_path / "second.key"))
    assert status == 2 and "already" in told and not (tmp_path / "second.key").exists()  # noqa: PT018
    assert (await run("add", "Other", "--key", str(file)))[0] == 2
    assert file.read_text().strip() == key
    assert "Ofcom: added" in (await run("list"))[1]
    assert key not in (await run("list"))[1]
    assert (await run("remove", "Ofcom"))[0] == 0
    assert "taken back" in (await run("list"))[1]
    assert (await run("remove", "Ofcom"))[0] == 1


async def test_a_key_is_kept_as_a_hash_and_a_row_goes_in_its_time(house: House) -> None:
    from server import retention
    from server.db.session import rows

    key = await add(house, "Ofcom")
    device = house.device()
    await device.post("/api/inspector/session", {"key": key})
    async with house.db.read() as tx:
        stored = repr(await rows(tx, "SELECT * FROM inspectors")) + repr(
            await rows(tx, "SELECT * FROM inspector_sessions")
        )
    assert key.partition(".")[2] not in stored
    for cookie in device.http.cookie_jar:
        assert cookie.value not in stored
    await inspectors.remove(house.db, house.app[keys.KEEPER], "Ofcom", now(house))
    await retention.sweep(house.db, now(house) + 364 * DAY)
    assert len(await inspectors.everyone(house.db)) == 1
    await retention.sweep(house.db, now(house) + 366 * DAY)
    assert await inspectors.everyone(house.db) == []
