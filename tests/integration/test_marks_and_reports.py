"""A child tells us, a mark is held, and two helpers who agree learn whose copy it is: nobody else, and nobody alone."""

from __future__ import annotations

import ast
import asyncio
import json
import logging
import os
import re
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from server import api, audit, audit_cli, cli, helpers, helpers_cli, marks, reports, retention
from server.api import keys
from server.api.middleware import AT_ONCE, UNDER_WAY
from server.db.migrate import migrate
from server.db.models import audit as record
from server.db.models import evidence, people, sides
from server.db.models import marks as table
from server.db.models import reports as told
from server.db.session import Database, rows
from server.helpers import Copy
from server.policy import Decision
from server.settings import ROOT, load
from tests import databases
from tests.house import DAY, Families, House, Two
from tests.peers import Browserless

HOUR = 3_600_000
REQUEST = "report-number-0001"


def now(house: House) -> int:
    return house.app[keys.CLOCK].now()


async def ids(house: House) -> dict[str, str]:
    """Everybody's own id, by name."""
    async with house.db.read() as tx:
        return {row.name: row.id for row in await tx.execute(select(people.c.name, people.c.id))}


async def pseudonym(house: House, name: str) -> str:
    async with house.db.read() as tx:
        return (await tx.execute(select(people.c.pseudonym).where(people.c.name == name))).scalar_one()


async def a_call(house: House, sender: str, recipient: str, call: str = "c_thecallthecall") -> marks.Mark:
    """A call that both were in, and the mark of the one copy."""
    who = await ids(house)
    async with house.db.begin() as tx:
        await rows(
            tx,
            "INSERT INTO calls (id, media, state, started_at) VALUES (:id, 'video', 'ended', :now)",
            id=call, now=now(house),
        )  # fmt: skip
        for name in (sender, recipient):
            await rows(
                tx,
                "INSERT INTO call_people (call_id, person_id, came_at, left_at) VALUES (:call, :person, :now, :now)",
                call=call, person=who[name], now=now(house),
            )  # fmt: skip
        return (await marks.issue(tx, call, who[sender], [who[recipient]], now(house)))[who[recipient]]


async def tell(device: Browserless, about: Any = None, what: tuple[str, ...] = (), request: str = REQUEST) -> Any:
    return await device.post("/api/child/reports", {"request": request, "about": about, "what": list(what)})


async def held(house: House) -> set[int]:
    async with house.db.read() as tx:
        return set((await tx.execute(select(evidence.c.mark_id))).scalars())


async def row(house: House, report: str) -> Any:
    async with house.db.read() as tx:
        return (await tx.execute(select(told).where(told.c.id == report))).one()


async def two_helpers(house: House) -> tuple[str, str]:
    made = [await helpers.add(house.db, house.app[keys.KEEPER], name, now(house)) for name in ("Ada", "Ben")]
    assert all(one and one.startswith("helper_") for one in made), "h_ is the name of a family's chain"
    return made[0] or "", made[1] or ""


async def last(house: House, verb: str) -> tuple[str, set[str], str, list[str]]:
    """Verdict, rules, chain and who of the newest audit row of this verb."""
    async with house.db.read() as tx:
        found = await tx.execute(
            select(record.c.verdict, record.c.rules, record.c.chain, record.c.who)
            .where(record.c.question == verb)
            .order_by(record.c.at.desc(), record.c.seq.desc())
        )
        verdict, rules, chain, who = found.first()  # type: ignore[misc]  # a test that finds none should fail
    return verdict, set(json.loads(rules)), chain, json.loads(who)


# -- marks ------------------------------------------------------------------------------------------------------------------


async def test_the_same_three_get_the_same_mark_and_recipients_are_quarters_apart(
    house: House, families: Families
) -> None:
    await families.two()
    who = await ids(house)
    everybody = [who["Theo"], who["Sam"], who["Femi"]]
    async with house.db.begin() as tx:
        first = await marks.issue(tx, "c_one", who["Maya"], everybody[:1], 1)
        again = await marks.issue(tx, "c_one", who["Maya"], everybody, 2)
        other_way = await marks.issue(tx, "c_one", who["Theo"], [who["Maya"]], 2)
        next_call = await marks.issue(tx, "c_two", who["Maya"], everybody, 3)
    assert again[who["Theo"]] == first[who["Theo"]]
    assert sorted(mark.quarter for mark in again.values()) == [0, 1, 2]
    given = [mark.id for answer in (again, other_way, next_call) for mark in answer.values()]
    assert len(set(given)) == 7
    assert all(0 <= number < 1 << 32 for number in given)


async def test_no_mark_is_issued_for_oneself_or_for_somebody_who_is_not_there(house: House, families: Families) -> None:
    await families.two()
    who = await ids(house)
    for recipients in ([who["Maya"]], [who["Theo"], "nobody"]):
        with pytest.raises(marks.CannotMark):
            async with house.db.begin() as tx:
                await marks.issue(tx, "c_one", who["Maya"], recipients, 1)
    async with house.db.begin() as tx:
        assert await rows(tx, "SELECT * FROM marks") == []
        assert set(await marks.issue(tx, "c_one", who["Maya"], [who["Theo"]], 1)) == {who["Theo"]}


async def test_a_device_speaks_for_its_own_pictures_and_unmarked_stays(house: House, families: Families) -> None:
    await families.two()
    who = await ids(house)
    async with house.db.begin() as tx:
        await marks.issue(tx, "c_one", who["Maya"], [who["Theo"], who["Sam"]], 1)
        assert await marks.tally(tx) == marks.Tally(0, 2, {})
        assert await marks.marked(tx, "c_one", who["Theo"], 2) == 0
        assert await marks.marked(tx, "c_one", who["Maya"], 2) == 2
        assert await marks.tally(tx) == marks.Tally(2, 0, {})
        assert await marks.unmarked(tx, "c_one", who["Maya"], "too_slow") == 2
        assert await marks.marked(tx, "c_one", who["Maya"], 3) == 0
        assert await marks.unmarked(tx, "c_one", who["Maya"], "broken") == 0
        assert await marks.tally(tx) == marks.Tally(0, 0, {"too_slow": 2})
        with pytest.raises(ValueError, match="because"):
            await marks.unmarked(tx, "c_one", who["Maya"], "because")  # type: ignore[arg-type]  # that is the point


async def test_the_deployment_has_one_key_that_stays(house: House) -> None:
    first = await marks.key(house.db, now(house))
    assert len(first) == 32
    assert await marks.key(house.db, now(house)) == first
    await house.restart()
    assert await marks.key(house.db, now(house)) == first


async def test_a_mark_goes_after_thirty_days_unless_a_report_holds_it(house: House, families: Families) -> None:
    two = await families.two()
    free = await a_call(house, "Theo", "Maya", "c_theother0")
    kept = await a_call(house, "Maya", "Theo")
    report = await tell(two.maya)
    house.hand.forward(31 * DAY)
    await retention.sweep(house.db, now(house))
    async with house.db.read() as tx:
        left = set((await tx.execute(select(table.c.id))).scalars())
    assert left == {kept.id} != {free.id}
    with pytest.raises(IntegrityError):  # not only because the sweep leaves it alone
        async with house.db.begin() as tx:
            await tx.execute(table.delete().where(table.c.id == kept.id))
    ada, _ = await two_helpers(house)
    keeper = house.app[keys.KEEPER]
    assert await helpers.take(house.db, keeper, ada, report["id"], now(house))
    assert await helpers.close(house.db, keeper, ada, report["id"], "helped", now(house))
    await retention.sweep(house.db, now(house) + 29 * DAY)
    assert await held(house) == {kept.id}
    await retention.sweep(house.db, now(house) + 30 * DAY)
    async with house.db.read() as tx:
        assert await rows(tx, "SELECT * FROM marks") == []
        assert await rows(tx, "SELECT * FROM reports") == []


async def test_an_ask_goes_after_thirty_days_and_a_helper_a_year_after_they_were_one(
    house: House, families: Families
) -> None:
    two = await families.two()
    mark = await a_call(house, "Maya", "Theo")
    report = await tell(two.maya)
    ada, _ = await two_helpers(house)
    keeper = house.app[keys.KEEPER]
    await helpers.ask_for_mark(house.db, keeper, ada, mark.id, report["id"], "report", now(house))
    assert await helpers.remove(house.db, keeper, "Ada", now(house))

    async def left() -> tuple[int, set[str]]:
        await retention.sweep(house.db, now(house))
        async with house.db.read() as tx:
            names = {name for (name,) in await rows(tx, "SELECT name FROM helpers")}
            return (await rows(tx, "SELECT count(*) FROM mark_asks"))[0][0], names

    for days, kept in ((29, (1, {"Ada", "Ben"})), (2, (0, {"Ada", "Ben"})), (335, (0, {"Ben"}))):
        house.hand.forward(days * DAY)
        assert await left() == kept
    assert (await row(house, report["id"])).state == "open"  # and the report that nobody closed is there


# -- a child tells us -------------------------------------------------------------------------------------------------------


async def test_a_child_points_at_a_call_and_its_marks_are_held(house: House, families: Families) -> None:
    two = await families.two()
    kept, free = await a_call(house, "Maya", "Theo"), await a_call(house, "Maya", "Theo", "c_another000")
    page = await two.maya.get("/api/child/reports")
    assert [call["with"][0]["name"] for call in page["calls"]] == ["Theo", "Theo"]
    assert {one["name"] for one in page["people"]} == {"Theo"}
    report = await tell(two.maya, {"call": "c_thecallthecall"}, ("filmed", "threat"))
    assert (report["about"], report["state"]) == ("Theo", "open")
    assert report["look_by"] - report["at"] == 48 * HOUR
    assert await held(house) == {kept.id} != {free.id}
    kept_row = await row(house, report["id"])
    assert json.loads(kept_row.what) == ["filmed", "threat"]
    assert (kept_row.reporter, kept_row.about) == (await pseudonym(house, "Maya"), await pseudonym(house, "Theo"))
    assert [one["id"] for one in (await two.maya.get("/api/child/reports"))["reports"]] == [report["id"]]


@pytest.mark.parametrize("about", [None, {"call": "c_nobody00"}, {"ref": "k_nobody"}])
async def test_who_does_not_know_or_is_wrong_is_believed_all_the_same_and_everything_is_held(
    house: House, families: Families, about: Any
) -> None:
    two = await families.two()
    first, second = await a_call(house, "Maya", "Theo"), await a_call(house, "Maya", "Theo", "c_another000")
    report = await tell(two.maya, about)
    assert (report["about"], report["state"]) == (None, "open")
    assert await held(house) == {first.id, second.id}


async def test_a_call_and_a_ref_of_somebody_else_are_nothing_to_point_at(house: House, families: Families) -> None:
    two = await families.two()
    other = await families.two()
    await a_call(house, "Femi", "Sam")
    async with house.db.read() as tx:
        theirs = (await tx.execute(select(sides.c.ref).where(sides.c.ref == other.maya_sees_theo))).scalar_one()
    for number, about in enumerate(({"call": "c_thecallthecall"}, {"ref": theirs})):
        report = await tell(two.maya, about, request=f"report-number-000{number}")
        assert report["about"] is None
        kept = await row(house, report["id"])
        assert (kept.call_id, kept.about) == (None, None)
    assert await held(house) == set()


async def test_sending_again_is_the_same_report_and_pressing_again_adds_to_it(house: House, families: Families) -> None:
    two = await families.two()
    first = await tell(two.maya, {"ref": two.maya_sees_theo}, ("filmed",))
    assert await tell(two.maya, {"ref": two.maya_sees_theo}, ("filmed",)) == first
    added = await tell(two.maya, {"ref": two.maya_sees_theo}, ("threat",), "report-number-0002")
    assert added["id"] == first["id"]
    assert json.loads((await row(house, first["id"])).what) == ["filmed", "threat"]
    other = await tell(two.maya, None, (), "report-number-0003")
    assert other["id"] != first["id"]


async def test_a_blocked_person_can_be_told_about_and_quiet_hours_do_not_close_it(
    house: House, families: Families
) -> None:
    two = await families.two()
    await two.sam.post(
        f"/api/children/{two.maya_id}/limits", {"quiet": {"from": "00:00", "until": "23:59"}, "minutes": 1}
    )
    await two.maya.post(f"/api/child/people/{two.maya_sees_theo}/block")
    assert [one["name"] for one in (await two.maya.get("/api/child/reports"))["people"]] == ["Theo"]
    assert (await tell(two.maya, {"ref": two.maya_sees_theo}))["about"] == "Theo"
    await two.sam.post(f"/api/children/{two.maya_id}/consent/withdraw")
    answer = await two.maya.call("POST", "/api/child/reports", {"request": "x" * 16, "about": None, "what": []})
    assert answer.status in (200, 401)  # withdrawing consent signs the device out: then Help's numbers are what is left


async def test_a_report_is_not_told_to_wait_for_what_only_looks(house: House, families: Families) -> None:
    two = await families.two()
    async with house.db.read() as tx:
        [[session]] = await rows(tx, "SELECT id FROM sessions WHERE person_id = :maya", maya=two.maya_id)
    house.app[UNDER_WAY][session] = AT_ONCE  # a page that asks for everything
    assert (await two.maya.call("GET", "/api/child/home")).code == "slow_down"
    assert (await tell(two.maya))["state"] == "open"


async def test_many_reports_add_to_the_newest_and_none_is_refused_until_it_is_a_machine(
    house: House, families: Families
) -> None:
    two = await families.two()
    for number in range(reports.MOST_OPEN + 5):
        await a_call(house, "Maya", "Theo", f"c_call{number:08}")
        answer = await tell(two.maya, {"call": f"c_call{number:08}"}, (), f"report-number-{number:04}")
    async with house.db.read() as tx:
        assert (await rows(tx, "SELECT count(*) FROM reports"))[0][0] == reports.MOST_OPEN
    assert len(await held(house)) == reports.MOST_OPEN + 5
    for _ in range(60):
        answer = await two.maya.call("POST", "/api/child/reports", {"request": "x" * 16, "about": None, "what": []})
    assert (answer.status, answer.code) == (429, "slow_down")
    fine = await two.theo.call("POST", "/api/child/reports", {"request": "x" * 16, "about": None, "what": []})
    assert fine.status == 200


async def test_a_device_that_a_guardian_pairs_as_the_child_shows_no_report_and_hides_none(
    house: House, families: Families
) -> None:
    """A parent may pair as many screens as they like. On theirs nothing was told, whatever they try; what they tell there is theirs."""
    two = await families.two()
    early = await families.pair(two.sam, two.maya_id)  # before, and after, the child has told us
    report = await tell(two.maya, {"ref": two.maya_sees_theo}, ("threat",))
    late = await families.pair(two.sam, two.maya_id)
    for number in range(reports.MOST_OPEN):
        await a_call(house, "Maya", "Theo", f"c_call{number:08}")
    for screen in (early, late):
        assert (await screen.get("/api/child/reports"))["reports"] == []
        guess = await tell(screen, {"ref": two.maya_sees_theo}, (), f"a-parents-guess-{id(screen)}")
        assert guess["id"] != report["id"], "added to hers, it would say that hers is there"
        for number in range(reports.MOST_OPEN):  # and neither does their number say it
            await tell(screen, {"call": f"c_call{number:08}"}, (), f"a-parents-{id(screen)}-{number:02}")
        shown = {one["id"] for one in (await screen.get("/api/child/reports"))["reports"]}
        assert (len(shown), report["id"] in shown) == (reports.MOST_OPEN, False)
    (mine,) = (await two.maya.get("/api/child/reports"))["reports"]
    assert mine == report
    for _ in range(60):
        await late.call("POST", "/api/child/reports", {"request": "x" * 16, "about": None, "what": []})
    again = await late.call("POST", "/api/child/reports", {"request": "x" * 16, "about": None, "what": []})
    assert again.code == "slow_down", "a machine"
    own = await tell(two.maya, None, (), "report-number-0002")  # and yet the child is heard, in a row of its own
    assert own["id"] not in {report["id"], *shown}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"about": None, "what": []}, {"request": "missing"}),
        ({"request": REQUEST, "about": {"call": "c_\0"}, "what": []}, {"about": "wrong"}),
        ({"request": "short", "about": None, "what": []}, {"request": "wrong"}),
        ({"request": REQUEST, "about": {}, "what": []}, {"about": "wrong"}),
        ({"request": REQUEST, "about": {"call": "c_1", "ref": "k_1"}, "what": []}, {"about": "wrong"}),
        ({"request": REQUEST, "about": None, "what": ["my own words"]}, {"what": "wrong"}),
        ({"request": REQUEST, "about": None, "what": [], "name": "Theo"}, {}),
    ],
)
async def test_a_report_of_another_shape_is_refused_by_its_field(
    house: House, families: Families, body: Any, field: Any
) -> None:
    two = await families.two()
    answer = await two.maya.call("POST", "/api/child/reports", body)
    assert (answer.status, answer.code, answer.json.get("fields", {})) == (422, "bad_request", field)
    assert (
        await two.maya.call("POST", "/api/child/reports", {"request": REQUEST, "about": None, "what": []})
    ).status == 200


# -- nobody else sees it ----------------------------------------------------------------------------------------------------

#: Who may name the tables of reports, and why. Whoever is not here cannot show one.
MAY_READ = {
    "server/db/models.py": "they are declared there",
    "server/reports.py": "the zone itself: only one's own rows",
    "server/helpers.py": "what helpers do with them",
    "server/retention.py": "deletes what is over its time; shows nothing",
    "server/evidence.py": "counts them by kind for inspectors, in tens, and says how soon somebody looked",
    "server/inspectors.py": "looks whether a word that is about to be shown is the id of one, and then shows nothing",
    "server/inspection/scenarios/later.py": "looks, on a server of the inspection's own, whether those of made-up children go in time",
}


def test_no_other_file_of_the_house_can_read_a_report() -> None:
    found = set()
    for file in (ROOT / "server").rglob("*.py"):
        tree = ast.parse(file.read_text("utf-8"))
        names = {
            alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.module == "server.db.models"
            for alias in node.names
        }
        statements = " ".join(
            node.value.lower()
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        )
        spoken = any(
            f"{word} {name}" in statements
            for word in ("from", "into", "update", "join")
            for name in ("reports r", "reports where", "reports (", "reports set", "evidence e", "evidence (")
        )
        if names & {"reports", "evidence"} or spoken or file.name == "models.py":
            found.add(str(file.relative_to(ROOT)))
    assert found == set(MAY_READ)


async def test_after_a_report_every_page_of_every_grown_up_is_as_it_was(house: House, families: Families) -> None:
    two = await families.two()
    await a_call(house, "Maya", "Theo")

    async def pages(one: Browserless) -> list[Any]:
        found = []
        for route in api.ROUTES:
            if route.method == "GET" and route.path.startswith("/api/"):
                path = route.path.replace("{id}", two.maya_id) + (
                    f"?child={two.maya_id}" if "history" in route.path else ""
                )
                answer = await one.call("GET", path, None)
                found.append((path, answer.status, answer.body.decode()))
        return found

    before = [await pages(one) for one in (two.sam, two.femi, two.theo)]
    report = await tell(two.maya, {"ref": two.maya_sees_theo}, ("filmed",))
    assert [await pages(one) for one in (two.sam, two.femi, two.theo)] == before
    for grown_up in (two.sam, two.femi):
        assert (await grown_up.get("/api/child/reports"))["reports"] == []
    verdict, rules, chain, who = await last(house, "report")
    assert (verdict, rules, chain) == ("allow", {"help-is-always-open"}, audit.PLATFORM)
    assert who == [await pseudonym(house, "Maya")], "not whom it was about"
    assert report["id"] not in json.dumps(before)


async def test_the_log_and_the_record_name_nobody(
    house: House, families: Families, caplog: pytest.LogCaptureFixture
) -> None:
    two = await families.two()
    caplog.set_level(logging.DEBUG, "server")
    await tell(two.maya, {"ref": two.maya_sees_theo}, ("threat",))
    for name in ("Maya", "Theo", two.maya_sees_theo, "threat"):
        assert name not in caplog.text


# -- helpers ----------------------------------------------------------------------------------------------------------------


async def told_about(house: House, two: Two) -> tuple[marks.Mark, str]:
    mark = await a_call(house, "Maya", "Theo")
    return mark, (await tell(two.maya, {"call": "c_thecallthecall"}))["id"]


async def test_two_helpers_who_agree_are_told_two_pseudonyms_once(house: House, families: Families) -> None:
    mark, report = await told_about(house, await families.two())
    ada, ben = await two_helpers(house)
    keeper = house.app[keys.KEEPER]
    ask = await helpers.ask_for_mark(house.db, keeper, ada, mark.id, report, "report", now(house))
    assert isinstance(ask, str)
    alone = await helpers.agree(house.db, keeper, ada, ask, now(house))
    assert isinstance(alone, Decision)
    assert (alone.rules, alone.code) == (("two-helpers",), "not_permitted")
    copy = await helpers.agree(house.db, keeper, ben, ask, now(house))
    maya, theo = await pseudonym(house, "Maya"), await pseudonym(house, "Theo")
    assert copy == Copy(maya, theo, "c_thecallthecall", "issued")
    verdict, rules, chain, who = await last(house, "resolve_mark")
    assert (verdict, rules, chain) == ("allow", {"helpers-find-whose-copy"}, audit.PLATFORM)
    assert who == [ben.split(".")[0], ada.split(".")[0], maya, theo]
    again = await helpers.agree(house.db, keeper, ben, ask, now(house))
    assert isinstance(again, Decision)
    assert again.rules == ("ask-ran-out",)
    assert await audit.verify(house.db) == []


async def test_an_ask_is_good_for_a_day_and_needs_both_helpers_to_be_helpers_still(
    house: House, families: Families
) -> None:
    mark, report = await told_about(house, await families.two())
    ada, ben = await two_helpers(house)
    keeper = house.app[keys.KEEPER]
    ask = await helpers.ask_for_mark(house.db, keeper, ada, mark.id, report, "report", now(house))
    late = await helpers.agree(house.db, keeper, ben, str(ask), now(house) + DAY)
    assert isinstance(late, Decision)
    assert late.rules == ("ask-ran-out",)
    assert await helpers.remove(house.db, keeper, "Ada", now(house))
    without = await helpers.agree(house.db, keeper, ben, str(ask), now(house))
    assert isinstance(without, Decision)
    assert without.rules == ("two-helpers",)
    gone = await helpers.ask_for_mark(house.db, keeper, ada, mark.id, report, "report", now(house))
    assert isinstance(gone, Decision)
    assert gone.rules == ("account-standing-still",)


async def test_a_mark_that_was_never_issued_and_one_of_another_case_get_the_same_no(
    house: House, families: Families
) -> None:
    two = await families.two()
    mark, report = await told_about(house, two)
    foreign = await a_call(house, "Theo", "Maya", "c_another000")
    ada, ben = await two_helpers(house)
    keeper = house.app[keys.KEEPER]
    answers = []
    for number in (foreign.id, mark.id ^ 1, 0):
        ask = await helpers.ask_for_mark(house.db, keeper, ada, number, report, "police", now(house))
        assert isinstance(ask, str)
        answers.append(await helpers.agree(house.db, keeper, ben, ask, now(house)))
        assert await last(house, "resolve_mark") == (
            "deny", {"only-evidence-of-the-case"}, audit.PLATFORM, [ben.split(".")[0], ada.split(".")[0]],
        )  # fmt: skip
    assert answers[0] == answers[1] == answers[2]
    opened = await helpers.open_for_clip(house.db, keeper, ada, foreign.id, now(house))
    ask = await helpers.ask_for_mark(house.db, keeper, ada, foreign.id, str(opened), "police", now(house))
    assert isinstance(await helpers.agree(house.db, keeper, ben, str(ask), now(house)), Copy)


async def test_nobody_without_a_helpers_key_does_anything_and_without_an_open_case_nobody(
    house: House, families: Families
) -> None:
    mark, report = await told_about(house, await families.two())
    ada, ben = await two_helpers(house)
    keeper, at = house.app[keys.KEEPER], now(house)
    for key in ("", "Ada", ada[:-1], ada.split(".")[0]):
        no = await helpers.ask_for_mark(house.db, keeper, key, mark.id, report, "report", at)
        assert isinstance(no, Decision)
        assert {"helpers-only", "person-not-known"} <= set(no.rules)
        assert await helpers.list_reports(house.db, keeper, key, at) is None
        assert await helpers.take(house.db, keeper, key, report, at) is None
        assert await helpers.close(house.db, keeper, key, report, "helped", at) is None
        assert await helpers.open_for_clip(house.db, keeper, key, mark.id, at) is None
        assert await helpers.export(house.db, keeper, key, at) is None
        assert await helpers.count(house.db, keeper, key, at) is None
        assert (await last(house, "export_marks"))[0] == "deny"
    ask = await helpers.ask_for_mark(house.db, keeper, ada, mark.id, report, "report", at)
    assert await helpers.take(house.db, keeper, ada, report, at)
    assert await helpers.close(house.db, keeper, ada, report, "nothing_found", at)
    for no in (
        await helpers.agree(house.db, keeper, ben, str(ask), at),
        await helpers.ask_for_mark(house.db, keeper, ada, mark.id, report, "report", at),
        await helpers.ask_for_mark(house.db, keeper, ada, mark.id, "r_nobody", "report", at),
    ):
        assert isinstance(no, Decision)
        assert no.rules == ("no-mark-without-a-case",)


async def test_who_took_and_who_closed_a_report_stands_in_the_record_when_the_report_is_gone(
    house: House, families: Families
) -> None:
    two = await families.two()
    report, (ada, _), keeper = (await tell(two.maya))["id"], await two_helpers(house), house.app[keys.KEEPER]
    own = ada.split(".")[0]
    assert await helpers.take(house.db, keeper, ada, "r_nobodys", now(house)) is False
    assert set((await last(house, "take_report"))[3]) == {own}
    assert await helpers.take(house.db, keeper, ada, report, now(house))
    assert set((await last(house, "take_report"))[3]) == {own, report}
    assert await helpers.close(house.db, keeper, ada, report, "nothing_found", now(house))
    house.hand.forward(31 * DAY)
    await retention.sweep(house.db, now(house))
    async with house.db.read() as tx:
        assert await rows(tx, "SELECT * FROM reports") == []
    verdict, _, chain, who = await last(house, "close_report")
    assert (verdict, chain, set(who)) == ("allow", "platform", {own, report})


async def test_a_report_is_overdue_at_48_hours_loudly_and_first_until_a_helper_takes_it(
    house: House, families: Families, caplog: pytest.LogCaptureFixture
) -> None:
    two = await families.two()
    first = await tell(two.maya, None, ("filmed",))
    ada, _ = await two_helpers(house)
    keeper = house.app[keys.KEEPER]
    due = first["look_by"]
    assert await retention.say_what_is_late(house.db, due - 1) == 0
    assert "48 hours" not in caplog.text
    house.hand.forward(47 * HOUR)
    second = await tell(two.theo, None)
    assert await retention.say_what_is_late(house.db, due) == 1
    assert "1 reports are past their 48 hours" in caplog.text
    found = await helpers.list_reports(house.db, keeper, ada, due + HOUR)
    assert found is not None
    assert [(one.id, one.late_ms) for one in found] == [(first["id"], HOUR), (second["id"], 0)]
    assert await helpers.take(house.db, keeper, ada, first["id"], due + HOUR)
    assert await retention.say_what_is_late(house.db, due + HOUR) == 0
    (mine,) = (await two.maya.get("/api/child/reports"))["reports"]
    assert (mine["state"], mine["look_by"]) == ("taken", due)


async def test_a_report_that_was_taken_and_left_is_as_loud_after_seven_days_until_it_is_closed_or_taken_anew(
    house: House, families: Families, caplog: pytest.LogCaptureFixture
) -> None:
    two = await families.two()
    report, (ada, ben), keeper = (await tell(two.maya))["id"], await two_helpers(house), house.app[keys.KEEPER]
    at, week = now(house), 7 * DAY
    loud = "1 reports were taken and are not closed after 7 days"

    async def listed(key: str, when: int) -> tuple[str | None, int]:
        (one,) = await helpers.list_reports(house.db, keeper, key, when) or ()
        return one.taken_by, one.late_ms

    assert await helpers.take(house.db, keeper, ada, report, at)
    assert await retention.say_what_is_late(house.db, at + week - 1) == 0
    assert await listed(ben, at + week - 1) == (ada.split(".")[0], 0)
    assert loud not in caplog.text
    assert await retention.say_what_is_late(house.db, at + week) == 1
    assert loud in caplog.text
    assert await listed(ben, at + week + HOUR) == (ada.split(".")[0], HOUR)
    assert await helpers.take(house.db, keeper, ben, report, at + week), "another helper takes it over"
    assert await retention.say_what_is_late(house.db, at + 2 * week - 1) == 0
    assert await listed(ada, at + 2 * week) == (ben.split(".")[0], 0)
    async with house.db.read() as tx:
        assert [tuple(row) for row in await rows(tx, "SELECT taken_at FROM reports")] == [(at,)], "the first look stays"
    assert await retention.say_what_is_late(house.db, at + 2 * week) == 1
    assert await helpers.close(house.db, keeper, ada, report, "helped", at + 2 * week)
    assert await retention.say_what_is_late(house.db, at + 52 * week) == 0
    assert await helpers.take(house.db, keeper, ada, report, at + 2 * week) is False, "closed is closed"


async def test_a_report_that_was_taken_and_left_goes_a_year_after_the_last_hand_on_it_and_an_unseen_one_never(
    house: House, families: Families
) -> None:
    two = await families.two()
    left, unseen = (await tell(two.maya))["id"], (await tell(two.theo))["id"]
    (ada, _), keeper, start = await two_helpers(house), house.app[keys.KEEPER], now(house)
    assert await helpers.take(house.db, keeper, ada, left, start)
    assert await helpers.take(house.db, keeper, ada, left, start + 30 * DAY)

    async def kept(when: int) -> set[str]:
        await retention.sweep(house.db, when)
        async with house.db.read() as tx:
            return {row[0] for row in await rows(tx, "SELECT id FROM reports")}

    assert await kept(start + 395 * DAY - 1) == {left, unseen}
    assert await kept(start + 395 * DAY) == {unseen}
    assert await kept(start + 4000 * DAY) == {unseen}


async def test_the_log_of_a_house_that_runs_says_that_nobody_has_looked(
    house: House, families: Families, caplog: pytest.LogCaptureFixture
) -> None:
    two = await families.two()
    await tell(two.maya)

    async def nobody() -> None:
        """No call is on that would have to be asked about."""

    watching = asyncio.create_task(
        retention.run(house.db, house.app[keys.CLOCK], house.app[keys.FOLLOWER], nobody, pause=0.02)
    )
    await asyncio.sleep(0)  # it has looked at the clock
    house.hand.forward(49 * HOUR)
    async with asyncio.timeout(30):
        while "1 reports are past their 48 hours" not in caplog.text:
            await asyncio.sleep(0.02)
    watching.cancel()


# -- the command line -------------------------------------------------------------------------------------------------------


class Desk:
    """The command line on a database of its own, in which one child has told us of one call."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[str]) -> None:
        self.folder, self.capture = folder, capture
        url = databases.url(folder / "house.sqlite")
        for name, value in {
            "DATABASE": url, "ORIGIN": "https://calls.example", "ACCOUNTABLE_PERSON": "A", "ACCOUNTABLE_CONTACT": "a@b.c", "PROXIES": "1",
        }.items():  # fmt: skip
            monkeypatch.setenv(f"RINGFENCE_{name}", value)

    def __call__(self, *typed: str) -> tuple[int, str, str]:
        status = cli.main(typed)
        said = self.capture.readouterr()
        return status, said.out, said.err


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Desk:
    made = Desk(tmp_path, monkeypatch, capsys)
    assert made("migrate")[0] == 0
    return made


def test_the_way_from_a_recording_to_two_pseudonyms_on_the_command_line(desk: Desk, tmp_path: Path) -> None:
    ada, ben = str(tmp_path / "ada"), str(tmp_path / "ben")
    for name, file in (("Ada", ada), ("Ben", ben)):
        status, out, _ = desk("helpers", "add", name, "--key", file)
        assert status == 0
        assert Path(file).read_text().strip() not in out
        assert Path(file).stat().st_mode & 0o077 == 0
    status, out, _ = desk("reports", "open", "--helper", ada, "--mark", "5eedcafe")
    assert status == 0
    report = out.split()[1].rstrip(".")
    listed = desk("reports", "list", "--helper", ben)[1]
    assert listed.startswith(f"{report}  taken by helper_")
    assert "close by " in listed
    assert listed.endswith(" 0 marks held\n")
    status, out, _ = desk("marks", "ask", "5EEDCAFE", "--case", report, "--why", "police", "--helper", ada)
    assert status == 0
    assert "Whether this report holds the mark is not said to one helper alone." in out
    ask = out.split()[1]
    assert desk("marks", "agree", ask, "--helper", ada)[:2] == (
        1,
        "This mark was never issued, is no longer kept, or belongs to no picture in this report. All get the same answer.\n",
    )
    assert desk("reports", "close", report, "--outcome", "passed_on", "--helper", ada)[0] == 0
    assert desk("reports", "take", report, "--helper", ada)[0] == 1
    assert desk("helpers", "remove", "Ben")[0] == 0
    assert desk("reports", "list", "--helper", ben)[::2] == (2, "This is no helper's key.\n")
    assert desk("marks", "count", "--helper", ada)[1].startswith("marked: 0\n")
    status, out, _ = desk("audit", "verify")
    assert status == 0
    assert re.match(r"Looked at \d+ rows in 1 chain\. ", out)


def test_one_of_a_thing_is_not_said_to_be_several(desk: Desk) -> None:
    assert desk("audit", "verify")[1].startswith("Looked at 0 rows in 0 chains. ")
    assert [audit_cli._counted(number, "finding") for number in (0, 1, 2)] == ["0 findings", "1 finding", "2 findings"]


def test_what_is_wrong_with_a_command_is_said_in_one_sentence(desk: Desk, tmp_path: Path) -> None:
    file = str(tmp_path / "ada")
    assert desk("helpers", "add", "Ada", "--key", file)[0] == 0
    before = Path(file).read_bytes()
    assert desk("helpers", "add", "Eve", "--key", file)[0] == 2
    assert Path(file).read_bytes() == before
    status, _, said = desk("helpers", "add", "Ada", "--key", str(tmp_path / "second"))
    assert (status, said) == (2, "There is a helper of this name already, or was one within a year.\n")
    assert not (tmp_path / "second").exists()
    assert desk("reports", "list", "--helper", str(tmp_path / "none"))[::2] == (2, "The helper's key cannot be read.\n")
    for mark in ("5eedcaf", "5eedcafeb", "5eedcafg", "-5eedcafe"):
        with pytest.raises(SystemExit) as stopped:
            desk("marks", "ask", mark, "--case", "r", "--why", "report", "--helper", file)
        assert stopped.value.code == 2
    for command in (("reports", "take"), ("marks", "agree"), ("marks", "ask", "5eedcafe", "--why", "report", "--case")):
        for wrong in ("\udcff", "r_1\n", "r_1; --", "", "r" * 65):  # the first is what a byte that is no text becomes
            with pytest.raises(SystemExit) as stopped:
                desk(*command, wrong, "--helper", file)
            assert stopped.value.code == 2
        assert desk(*command, "r_nobodys", "--helper", file)[0] == 1
    status, out, _ = desk(
        "marks", "export", "--helper", file, "--issued", str(tmp_path / "i.json"), "--key", str(tmp_path / "k")
    )
    assert (status, out.split(" ")[0]) == (0, "0")
    assert json.loads((tmp_path / "i.json").read_text()) == {"ringfence_issued": 1, "ids": {}}
    assert len(bytes.fromhex((tmp_path / "k").read_text())) == 32
    assert (tmp_path / "k").stat().st_mode & 0o077 == 0


async def test_migrating_again_keeps_the_key(tmp_path: Path) -> None:
    url = databases.url(tmp_path / "a.sqlite")
    await migrate(url)
    db = await Database.open(url)
    try:
        first = await marks.key(db, 1)
        await migrate(url)
        assert await marks.key(db, 2) == first
    finally:
        await db.close()


def test_from_a_report_over_a_real_recording_to_two_pseudonyms(desk: Desk, tmp_path: Path) -> None:
    """The whole of docs/how-to/trace-a-recording.md, with a made-up scene through a real encoder."""
    from server.trace import pattern
    from tests import trace_scenes

    async def a_family(db: Database, at: int) -> tuple[marks.Mark, bytes]:
        async with db.begin() as tx:
            await rows(tx, "INSERT INTO households VALUES ('h', 'GB', 'Europe/London', 1)")
            for name in ("maya", "theo"):
                await rows(
                    tx,
                    "INSERT INTO people (id, household_id, kind, name, avatar, ground, pseudonym, state, created_at)"
                    " VALUES (:id, 'h', 'child', :id, 1, 1, :pseudonym, 'active', 1)",
                    id=name, pseudonym=f"p_{name}",
                )  # fmt: skip
            issued = (await marks.issue(tx, "c_thecallthecall", "maya", ["theo"], at))["theo"]
            await marks.marked(tx, "c_thecallthecall", "maya", at)
        return issued, await marks.key(db, at)

    mark, key = asyncio.run(helpers_cli.on_database(load(os.environ), a_family))
    clip = trace_scenes.mark(
        trace_scenes.scene("shelf", 77, 3.0), pattern.tile(key), mark.id, quarter=mark.quarter, start=0.4
    )
    (tmp_path / "clip.webm").write_bytes(trace_scenes.encoded(clip, "vp8", 300))
    ada, ben = str(tmp_path / "ada"), str(tmp_path / "ben")
    for name, file in (("Ada", ada), ("Ben", ben)):
        assert desk("helpers", "add", name, "--key", file)[0] == 0
    assert desk("trace", str(tmp_path / "clip.webm"))[0] == 2
    (tmp_path / "nobody").write_text("h_nobody.secret\n")
    assert desk("trace", str(tmp_path / "clip.webm"), "--helper", str(tmp_path / "nobody"))[0] == 2
    status, out, _ = desk("trace", str(tmp_path / "clip.webm"), "--helper", ada, "--json")
    read = json.loads(out)["reading"]["id"]
    assert (status, read) == (0, f"{mark.id:08x}")
    assert "p_" not in out
    report = desk("reports", "open", "--helper", ada, "--mark", read)[1].split()[1].rstrip(".")
    ask = desk("marks", "ask", read, "--case", report, "--why", "police", "--helper", ada)[1].split()[1]
    status, out, _ = desk("marks", "agree", ask, "--helper", ada)
    assert (status, out) == (1, "A second helper has to agree. Nobody agrees with themselves.\n")
    status, out, _ = desk("marks", "agree", ask, "--helper", ben)
    assert (status, out.split()[:7]) == (
        0, ["Sender:", "p_maya", "Recipient:", "p_theo", "Call:", "c_thecallthecall", "Mark:"],
    )  # fmt: skip
    assert desk("audit", "verify")[0] == 0
