"""An inspection that is started from the page: one at a time, bounded, never against this server, and never proven by default."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from server import inspections
from server.api.inspector import INSPECTIONS
from server.db.session import rows
from server.inspections import Inspections, Run, ringfence_inspect
from server.settings import Settings
from tests.house import Families, House
from tests.integration.test_inspectors import add

FINDING = {
    "scenario": "stranger-rings", "title": "A stranger rings", "promises": ["contacts-only"], "why": "Nothing rang.",
    "seconds": 1.5, "steps": [], "measured": [], "outcome": "proven",
}  # fmt: skip


def report(*verdicts: str, all_proven: bool = True) -> dict[str, Any]:
    told = [{"id": f"p{n}", "verdict": one} for n, one in enumerate(verdicts)]
    return {"all_proven": all_proven, "begun_at": 1, "promises": told, "findings": [FINDING]}


SAYS = f"""
import json, pathlib, sys, time
out = pathlib.Path(sys.argv[1])
print(json.dumps({{"t": "begun", "scenarios": [{{"id": "stranger-rings", "title": "A stranger rings"}}]}}), flush=True)
print("no JSON at all", flush=True)
print(json.dumps({{"t": "done", "scenario": 7}}), flush=True)
print(json.dumps({{"t": "done", **json.loads({json.dumps(json.dumps(FINDING))})}}), flush=True)
"""


def toy(*, then: str = "", writes: Any = None, at_last: str = "") -> Callable[[Path, Path], list[str]]:
    """A program that says what an inspection says, and writes what it is told to."""
    end = f"(out / 'report.json').write_text({json.dumps(writes)!r})" if writes is not None else ""
    return lambda out, _: [sys.executable, "-c", f"{SAYS}\n{then}\n{end}\n{at_last}", str(out)]


async def played(runs: Inspections, now: int = 1_800_000_000_000) -> Run:
    run = runs.start(now)
    assert isinstance(run, Run)
    async with asyncio.timeout(60):
        while not run.done:
            await asyncio.sleep(0.01)
    return run


def alive(process: int) -> bool:
    try:
        return psutil.Process(process).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=str(tmp_path))


@pytest.mark.parametrize(
    ("writes", "outcome"),
    [
        (report("proven", "proven"), "proven"),
        (report("proven", "broken", all_proven=False), "broken"),
        (report("proven", "not_shown", all_proven=False), "not_proven"),
        (report("proven", "not_shown"), "not_proven"),
        (report("proven", all_proven=False), "not_proven"),
        (report(), "not_proven"),
        (report("wonderful"), "not_proven"),
        ({"all_proven": True}, "not_proven"),
        (None, "not_proven"),
    ],
)
async def test_a_run_is_proven_only_by_a_report_that_says_so(settings: Settings, writes: Any, outcome: str) -> None:
    runs = Inspections(settings, command=toy(writes=writes))
    run = await played(runs)
    assert run.outcome == outcome
    assert run.scenarios == [("stranger-rings", "A stranger rings")]
    assert run.progress == [
        {"scenario": "stranger-rings", "title": "A stranger rings", "outcome": "proven", "seconds": 1.5}
    ]
    again = Inspections(settings).one(run.id)  # another process of the same server finds it by its report
    assert again is not None and again.outcome == outcome and again.done  # noqa: PT018


def said(*lines: dict[str, Any]) -> str:
    return "\n".join(f"print({json.dumps(json.dumps(line))}, flush=True)" for line in lines)


async def test_what_is_tried_now_and_what_is_still_to_come_is_told_and_nothing_of_it_once_it_is_over(
    settings: Settings,
) -> None:
    begun = {"t": "begun", "scenarios": [{"id": one, "title": f"Story {one}"} for one in ("a", "b", "c")]}
    playing = [{"t": "playing", "scenario": one, "title": f"Story {one}"} for one in ("a", "b")]
    step = {"t": "step", "scenario": "b", "kind": "attack", "tried": "A stranger rings.", "seen": "Nothing."}
    done = {**FINDING, "t": "done", "scenario": "a", "title": "Story a"}
    lines = (begun, {"t": "opened", "name": "x"}, *playing, step, done, {"t": "step", "scenario": ["b"], "tried": "x"})
    program = lambda out, _: [sys.executable, "-c", said(*lines) + "\nimport time; time.sleep(60)"]  # noqa: E731
    runs = Inspections(settings, command=program)
    run = runs.start(1_800_000_000_000)
    assert isinstance(run, Run)
    first = inspections.told(run, None)
    assert (first["opened"], first["now"], first["to_come"]) == (False, [], [])
    async with asyncio.timeout(60):
        while not run.progress:
            await asyncio.sleep(0.01)
    told = inspections.told(run, None)
    assert told["opened"]
    assert told["now"] == [{"scenario": "b", "title": "Story b", "tried": "A stranger rings."}]
    assert told["to_come"] == ["Story c"]
    await runs.close()
    over = inspections.told(run, None)
    assert (over["now"], over["to_come"], over["outcome"]) == ([], [], "not_proven")


async def test_whoever_has_run_one_rests_and_somebody_else_need_not(settings: Settings) -> None:
    runs = Inspections(settings, command=toy(writes=report("proven")), rest=60.0)
    try:
        run = runs.start(1_800_000_000_000, "i_one")
        assert isinstance(run, Run)
        assert runs.start(1_800_000_000_001, "i_one") is None, "while it is played nobody is told to rest"
        async with asyncio.timeout(60):
            while not run.done:
                await asyncio.sleep(0.01)
        wait = runs.start(1_800_000_000_002, "i_one")
        assert isinstance(wait, float)
        assert 0 < wait <= 60
        runs.rest = 0.0
        assert isinstance(runs.start(1_800_000_000_003, "i_one"), Run), "after the rest it goes on"
        await runs.close()
        runs.rest = 60.0
        assert isinstance(runs.start(1_800_000_000_004, "i_two"), Run)
    finally:  # also when it has failed: one that plays would hold up those who come after
        await runs.close()


@pytest.mark.parametrize(
    "at_last",
    [
        "sys.exit(2)",
        "import os; os.abort()",
        "print('x' * 300_000, flush=True); time.sleep(60)",
        "time.sleep(60)",
        "sys.stdout.close(); time.sleep(60)",
    ],
)
async def test_one_that_dies_or_hangs_is_not_proven_whatever_it_had_written_by_then(
    settings: Settings, at_last: str
) -> None:
    runs = Inspections(settings, command=toy(writes=report("proven"), at_last=at_last), seconds=2.0)
    run = await played(runs)
    assert run.scenarios
    assert run.outcome == "not_proven"
    again = Inspections(settings).one(run.id)
    assert again is not None and again.outcome == "not_proven"  # noqa: PT018


async def test_live_calls_of_families_come_before_an_inspection(settings: Settings) -> None:
    waits = "import os\nwhile os.nice(0) < 10: time.sleep(0.01)"
    run = await played(Inspections(settings, command=toy(then=waits, writes=report("proven")), seconds=20.0))
    assert run.outcome == "proven"


async def test_what_is_not_there_to_be_run_is_not_proven(settings: Settings) -> None:
    run = await played(Inspections(settings, command=lambda out, key: ["/nowhere/at/all"]))
    assert run.outcome == "not_proven"


async def test_one_at_a_time_and_stopped_with_everything_that_it_started(settings: Settings, tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    child = f"import os, pathlib, time; pathlib.Path({str(begun)!r}).write_text(str(os.getpid())); time.sleep(60)"
    then = f"import subprocess; subprocess.run([sys.executable, '-c', {child!r}])"
    runs = Inspections(settings, command=toy(then=then))
    assert runs.start(1) is not None
    assert runs.start(2) is None
    async with asyncio.timeout(60):
        while not begun.exists() or not begun.read_text():
            await asyncio.sleep(0.01)
    started = int(begun.read_text())
    await runs.close()
    (run,) = runs.every()
    assert run.outcome == "not_proven"
    async with asyncio.timeout(30):
        while alive(started):
            await asyncio.sleep(0.01)
    assert runs.start(3) is not None
    await runs.close()


async def test_the_last_few_are_kept(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspections, "KEPT", 2)
    runs = Inspections(settings, command=toy(writes=report("proven")))
    names = [(await played(runs)).id for _ in range(3)]
    assert len(set(names)) == 3
    assert len(runs.every()) == 2
    assert len(list((Path(settings.data) / "inspections").iterdir())) == 2


def test_it_is_told_no_address_and_no_key_of_this_server(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    command = ringfence_inspect(Path("out"), Path("key"))
    assert command[1:] == ("-m", "server.cli", "inspect", "--json-progress", "--out", "out", "--sign-with", "key")
    assert set(inspections._ENVIRONMENT) == {"PATH", "PYTHONUTF8"}


@pytest.mark.parametrize(
    "name", ["..", "../../etc", "1800000000000-abcd123", "1800000000000-abcd1234/..", "", "x" * 500]
)
def test_no_name_leads_out_of_the_folder(settings: Settings, name: str) -> None:
    (Path(settings.data) / "report.json").write_text("{}")
    runs = Inspections(settings)
    assert runs.file(name, "json") is None
    assert runs.file(name, "../report.json") is None


async def test_an_inspector_starts_one_watches_it_and_reads_the_report_in_a_sandbox(house: House) -> None:
    key = await add(house, "Ofcom")
    device = house.device()
    await device.post("/api/inspector/session", {"key": key})
    runs = house.app[INSPECTIONS]
    page = "(out / 'report.html').write_text('<h1>Report</h1>')"
    runs.command = toy(then=page, writes=report("proven"))
    assert (await device.get("/api/inspector/inspections")) == {"inspections": []}
    begun = await device.call("POST", "/api/inspector/inspections", {})
    assert begun.status == 201
    assert (await device.call("POST", "/api/inspector/inspections", {})).code == "conflict"
    address = f"/api/inspector/inspections/{begun.json['id']}"
    async with asyncio.timeout(60):
        while not (told := await device.get(address))["done"]:
            assert told["report"] is None
            assert told["outcome"] is None
            await asyncio.sleep(0.02)
    assert (told["outcome"], told["all"], told["now"], len(told["progress"])) == ("proven", 1, [], 1)
    resting = await device.call("POST", "/api/inspector/inspections", {})
    assert (resting.status, resting.code) == (429, "slow_down")
    assert 0 < int(resting.headers["Retry-After"]) <= inspections.REST_SECONDS
    assert told["report"]["verdicts"] == {"p0": "proven"}
    assert (await device.get("/api/inspector/inspections"))["inspections"][0]["id"] == begun.json["id"]
    html = await device.call("GET", f"{address}/report.html")
    assert html.body == b"<h1>Report</h1>"
    assert html.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert "script" not in html.headers["Content-Security-Policy"]
    assert (await device.call("GET", f"{address}/report.json")).headers["Content-Disposition"].startswith("attachment")
    for gone in (f"{address}/report.pdf", f"{address}/report.exe", f"{address}x", "/api/inspector/inspections/nobody"):
        assert (await device.call("GET", gone)).code == "not_found", gone
    stranger = house.device()
    for there in (address, f"{address}/report.html", f"{address}/report.json"):
        assert (await stranger.call("GET", there)).code == "not_signed_in"


async def test_a_report_that_points_at_somebody_is_shown_to_nobody_and_goes_into_no_pack(
    house: House, families: Families
) -> None:
    two = await families.two()
    device = house.device()
    await device.post("/api/inspector/session", {"key": await add(house, "Ofcom")})
    runs = house.app[INSPECTIONS]
    for now, (said, status) in enumerate((("nobody", 200), (two.maya_id, 500)), 1_800_000_000_000):
        runs.command = toy(then=f"(out / 'report.html').write_text({said!r})", writes=report("proven"))
        run = await played(runs, now)
        there = await device.call("GET", f"/api/inspector/inspections/{run.id}/report.html")
        pack = await device.call("GET", "/api/inspector/pack")
        assert (there.status, pack.status) == (status, status), said
        assert two.maya_id.encode() not in there.body
    async with house.db.read() as tx:
        refused = await rows(
            tx, "SELECT DISTINCT rules FROM audit WHERE question = 'look_at_evidence' AND verdict = 'deny'"
        )
    assert [tuple(json.loads(one)) for (one,) in refused] == [("evidence-names-nobody",)]
