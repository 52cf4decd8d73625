"""Counts, decisions, the record and the pack, out of a real house."""

from __future__ import annotations

import hashlib
import io
import json
import posixpath
import re
import zipfile
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from server import audit, checkpoints, data_map, evidence, notes, pack, sbom
from server.api import inspector as api_inspector
from server.api import keys
from server.db.models import metadata
from server.db.session import rows
from server.policy import Verb
from server.settings import ROOT
from tests.house import Families, House
from tests.integration.test_inspectors import add, now
from tests.peers import Browserless

MINUTE = 60_000
DAY = 86_400_000


async def inspector(house: House) -> Browserless:
    device = house.device()
    await device.post("/api/inspector/session", {"key": await add(house, "Ofcom")})
    return device


async def decide(house: House, times: int, **more: Any) -> None:
    """So many decisions, each in the chains of two families, as a call between them is."""
    async with house.db.begin() as tx:
        for n in range(times):
            told: dict[str, Any] = {
                "question": "ring",
                "verdict": "deny",
                "rules": ("not-approved-contact",),
                "who": (f"p{n}",),
            }
            told = {"at": now(house) - n * 7_000, **told, **more}
            entry = audit.Entry(rulebook="2026-11-25+0", **told)
            await audit.append(tx, ("h_one", "h_two"), entry)


def cells(told: Any, table: str) -> dict[str, int | None]:
    return {row["name"]: row["count"] for one in told["tables"] if one["name"] == table for row in one["rows"]}


async def test_small_numbers_are_not_told_and_larger_ones_are_rounded(house: House, families: Families) -> None:
    await families.two()
    device = await inspector(house)
    told = await device.get("/api/inspector/transparency")
    for table in ("families", "children", "contacts", "calls", "cut_offs", "reports", "first_look"):
        assert set(cells(told, table).values()) == {None}, table
    at = now(house)
    async with house.db.begin() as tx:
        for n in range(47):
            code = "quiet_hours" if n < 23 else "time_limit" if n < 30 else "left"
            await rows(
                tx, "INSERT INTO calls (id, media, state, started_at, ended_at, code) VALUES (:i, 'video', 'ended', :a, :a, :c)",
                i=f"c_{n}", a=at - DAY - n, c=code,
            )  # fmt: skip
        for n in range(15):
            await rows(
                tx,
                "INSERT INTO reports (id, reporter, request, kind, what, made_at, look_by, state, taken_at) "
                "VALUES (:i, 'p', :i, 'recorded', '[]', :a, :a, 'taken', :t)",
                i=f"r_{n}", a=at - 3 * DAY, t=at - 3 * DAY + (MINUTE if n < 12 else 3 * DAY),
            )  # fmt: skip
    told = await device.get("/api/inspector/transparency?days=30")
    assert cells(told, "calls") == {"all": 40}
    cut = cells(told, "cut_offs")
    assert (cut["quiet_hours"], cut["time_limit"], cut["all"]) == (20, None, 20)
    assert cells(told, "reports") == {"recorded": 10, "clip": None, "all": 10}
    assert cells(told, "first_look") == {
        "within_24_hours": 10, "within_48_hours": None, "later": None, "waiting": None, "all": 10,
    }  # fmt: skip
    longer = await device.get("/api/inspector/transparency?days=90")
    assert longer["days"] == 90
    assert {one["name"] for one in longer["tables"]} == {"families", "children", "contacts", "denials"}
    assert (await device.call("GET", "/api/inspector/transparency?days=1")).code == "bad_request"


async def test_a_decision_is_listed_once_to_the_minute_and_without_whom(house: House) -> None:
    device = await inspector(house)
    await decide(house, 12)
    page = await device.get("/api/inspector/decisions?rule=not-approved-contact")
    assert len(page["decisions"]) == 12
    for one in page["decisions"]:
        assert set(one) == {"seq", "at", "verb", "verdict", "rules"}
        assert one["at"] % MINUTE == 0
    assert cells(await device.get("/api/inspector/transparency"), "denials") == {"not-approved-contact": 10}
    for nothing in ("rule=not-approved-contact&verb=answer", "rule=not-approved-contact&verdict=allow", "rule=blocked"):
        assert (await device.get(f"/api/inspector/decisions?{nothing}"))["decisions"] == [], nothing


@pytest.mark.parametrize(
    "more",
    [
        {"question": Verb.REPORT.value, "verdict": "allow", "rules": ("help-is-always-open",)},
        {"question": Verb.HELP.value, "verdict": "allow", "rules": ("help-is-always-open",)},
        {"question": Verb.BLOCK.value, "verdict": "allow", "rules": ("help-is-always-open",)},
        {"question": Verb.LEAVE.value, "verdict": "allow", "rules": ("help-is-always-open",)},
        {"rules": ("blocked",)},
        {"rules": ("blocked", "not-approved-contact")},
        {"question": "add_helper", "rules": ("helpers-only",)},
    ],
)
async def test_help_reports_and_blocks_are_listed_nowhere_however_many(house: House, more: Any) -> None:
    await decide(house, 30, **more)
    await decide(house, 10)
    async with house.db.read() as tx:
        found = await evidence.decided(tx, now(house))
    assert {(row.verb, row.rules) for row in found} == {("ring", ("not-approved-contact",))}


async def test_what_was_decided_fewer_than_ten_times_is_not_listed(house: House) -> None:
    await decide(house, 9)
    async with house.db.read() as tx:
        assert await evidence.decided(tx, now(house)) == []
    await decide(house, 1, who=("somebody else",))
    async with house.db.read() as tx:
        assert len(await evidence.decided(tx, now(house))) == 10
        assert await evidence.decided(tx, now(house) + 31 * DAY) == []


async def test_what_fewer_than_ten_people_asked_for_is_not_listed_however_often(house: House) -> None:
    """In a small house the times of one form of decision would be the times at which one child is here."""
    device = await inspector(house)
    for n in range(9):
        await decide(house, 30, who=(f"p-{n}-has-22-signs-long", "p-whoever"))
    assert (await device.get("/api/inspector/decisions?verb=ring"))["decisions"] == []
    assert cells(await device.get("/api/inspector/transparency"), "denials") == {}
    await decide(house, 1, who=("p-9-has-22-signs-long", "p-whoever"))
    assert len((await device.get("/api/inspector/decisions?verb=ring"))["decisions"]) == 50
    assert cells(await device.get("/api/inspector/transparency"), "denials") == {"not-approved-contact": 270}


async def test_one_look_reads_one_page_and_all_pages_hold_every_decision_once(house: House) -> None:
    """A long record is gone through where it is kept: somebody who looks keeps nobody waiting."""
    await decide(house, 130)
    await decide(house, 40, verdict="allow", rules=("approved-contact",))
    async with house.db.read() as tx:
        assert len(await evidence.decided(tx, now(house))) == evidence.PAGE + 1
    device = await inspector(house)
    for query, many in (("", 170), ("&verdict=deny", 130), ("&rule=approved-contact", 40)):
        seen, before = [], ""
        while before is not None:
            page = await device.get(f"/api/inspector/decisions?verb=ring{query}&before={before}")
            seen += [(one["at"], one["seq"]) for one in page["decisions"]]
            before = page["next"]
        assert len(seen) == len(set(seen)) == many
        assert seen == sorted(seen, key=lambda one: (-one[0], one[1]))


async def test_how_many_rows_there_are_is_told_as_far_as_they_are_signed_so_that_nobody_finds_the_exact_number_by_looking(
    house: House, families: Families
) -> None:
    two = await families.two()
    await checkpoints.take(house.db, house.settings, house.app[keys.CLOCK].now)
    device = await inspector(house)

    async def told() -> dict[str, Any]:
        house.app[api_inspector.RECORD].until = 0.0  # a minute has passed
        return dict(await device.get("/api/inspector/record"))

    first = await told()
    assert first["rows"] == first["covered"] > 0
    for _ in range(11):
        await two.maya.get("/api/child/home")
        assert await told() == first
    await checkpoints.take(house.db, house.settings, house.app[keys.CLOCK].now)
    assert (await told())["rows"] > first["rows"]


async def test_the_record_is_whole_until_somebody_changes_it_and_no_chain_is_named(
    house: House, families: Families
) -> None:
    await families.two()
    device = await inspector(house)
    told = await device.get("/api/inspector/record")
    assert told["whole"] is True
    assert (told["chains"], told["rows"] % 10, told["covered"] % 10) == (
        0,
        0,
        0,
    )  # three, and so many rows: small, and rounded
    async with house.db.read() as tx:
        (exact,) = (await rows(tx, "SELECT sum(covered) FROM audit_heads"))[0]
    assert exact - 10 < told["rows"] <= exact
    assert all(notes.text_of(one["note"].encode()) for one in told["checkpoints"])
    async with house.db.begin() as tx:
        await rows(tx, "UPDATE audit SET verdict = 'allow' WHERE chain = 'platform' AND seq = 1")
        await rows(tx, "UPDATE audit SET at = at + 1 WHERE chain <> 'platform' AND seq = 2")
    await house.restart()
    answer = await device.call("GET", "/api/inspector/record")
    assert answer.json["whole"] is False
    assert answer.json["why"]
    async with house.db.read() as tx:
        for (household,) in await rows(tx, "SELECT id FROM households"):
            assert household.encode() not in answer.body


async def test_everybody_may_know_who_answers_for_safety(house: House) -> None:
    answer = await house.device().call("GET", "/.well-known/child-safety")
    told = answer.json
    assert told["accountable"]["name"] == house.settings.accountable_person
    assert told["demo"] is house.settings.demo
    book = house.app[keys.KEEPER].rulebook
    assert told["policy"]["version"] == book.version
    written = (ROOT / "server/policy/safe_account.cedar").read_bytes()
    assert told["policy"]["sha256"]["safe_account.cedar"] == hashlib.sha256(written).hexdigest()
    assert notes.text_of(told["checkpoint"]["note"].encode()).count("\n") >= 3


async def test_the_pack_holds_what_it_says_and_is_signed_by_the_records_key(house: House, families: Families) -> None:
    two = await families.two()
    device = await inspector(house)
    answer = await device.call("GET", "/api/inspector/pack")
    assert answer.status == 200
    found = {}
    with zipfile.ZipFile(io.BytesIO(answer.body)) as made:
        assert made.testzip() is None
        for entry in made.infolist():
            assert entry.filename.startswith("ringfence-evidence/") and ".." not in entry.filename  # noqa: PT018
            found[entry.filename.removeprefix("ringfence-evidence/")] = made.read(entry)
    for name in pack.WHAT:
        assert pack._has(found, name) is (name not in ("report/", "record/hand-overs.txt")), name
    assert found["README.md"].count(pack.NONE.encode()) == 2
    for line in found[pack.SUMS].decode().splitlines():
        digest, _, name = line.partition("  ")
        assert hashlib.sha256(found[name]).hexdigest() == digest
    assert {line.partition("  ")[2] for line in found[pack.SUMS].decode().splitlines()} == found.keys() - {
        pack.SUMS, pack.SIGNED,
    }  # fmt: skip
    line = found["record/keys.txt"].decode().split(" since ")[0]
    pages = {name: raw.decode() for name, raw in found.items() if name.endswith(".md")}
    assert {"regulators/ten-minute-guide.md", "read-a-report.md"} <= pages.keys()
    for name, page in pages.items():
        for target in re.findall(r"\]\(([^)\s]+)\)", page):
            path = target.partition("#")[0]
            if path and not re.match(r"[a-z]+:", target):
                assert posixpath.normpath(posixpath.join(posixpath.dirname(name), path)) in found, (name, target)
    guide = pages["regulators/ten-minute-guide.md"]
    assert "](pictures/situation.png)" in guide
    assert "](../rulebook.md)" in guide
    assert "your first approved call (`docs/tutorial/first-call.md` in the project)" in guide
    text, _ = notes.opened(found[pack.SIGNED], notes.verifier(line))
    assert text == pack.signed_text(line.split("+")[0], found[pack.SUMS].decode())
    assert json.loads(found["sbom.json"])["bomFormat"] == "CycloneDX"
    async with house.db.read() as tx:
        secret = [
            row[0]
            for row in await rows(
                tx, "SELECT id FROM people UNION SELECT pseudonym FROM people UNION SELECT id FROM households"
            )
        ]
    for name, raw in found.items():
        assert not [word for word in (*secret, two.maya_id) if word.encode() in raw], name


# -- documents that are made ----------------------------------------------------------------------------------------------


def test_the_bill_of_materials_is_of_the_published_shape_and_names_what_we_need() -> None:
    validator = JsonStrictValidator(SchemaVersion.V1_6)
    assert validator.validate_str(sbom.encoded().decode()) is None
    broken = {**sbom.bill(), "version": 0}
    assert validator.validate_str(json.dumps(broken)) is not None
    bill = sbom.bill()
    names = {one["name"].lower() for one in bill["components"]}
    assert {"aiohttp", "cedarpy", "cryptography", "yarl"} <= names, "what we need, and what that needs"
    assert not names & {"pytest", "ruff", "playwright", "ringfence"}
    refs = {one["bom-ref"] for one in bill["components"]} | {bill["metadata"]["component"]["bom-ref"]}
    assert {one["ref"] for one in bill["dependencies"]} == refs
    assert {need for one in bill["dependencies"] for need in one["dependsOn"]} <= refs
    assert sbom.FONT in bill["components"]
    assert {one.name for one in (ROOT / "server/inspection/fonts").iterdir()} == {
        "DejaVuSansCondensed.ttf", "DejaVuSansCondensed-Bold.ttf", "LICENCE.txt",
    }  # fmt: skip
    assert sbom.encoded() == sbom.encoded()


def test_the_data_map_knows_every_table_and_every_column_says_why_and_until_when() -> None:
    assert set(data_map.TABLES) == set(metadata.tables)
    silent = [f"{one.table}.{one.column}" for one in data_map.columns() if len(one.says) < 5]
    assert silent == []
    promised = {promise for _, _, against in data_map.RISKS for promise in against}
    assert promised <= set(data_map.ledger().ids)


def test_the_page_of_the_assessment_is_current() -> None:
    assert (ROOT / "docs/regulators/dpia.md").read_text("utf-8") == data_map.page(), (
        "print it anew: python -m server.data_map > docs/regulators/dpia.md"
    )
