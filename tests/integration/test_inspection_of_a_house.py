"""The inspection against a real house: a handful of quick stories in ``make test``, all of them in ``make inspection``."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from server import cli, notes
from server.inspection import scenarios, sign
from server.inspection.findings import Inspection
from server.inspection.own import Elsewhere, FreshServer, Ringfence, is_this_machine
from server.inspection.run import inspect
from server.settings import ROOT
from tests.house import House

QUICK = ("consent-first", "same-answer", "told-who-ended", "leave", "help-private", "carrier")


def why(found: Inspection) -> list[Any]:
    return [(one.scenario, one.shown, one.why, one.steps) for one in found.findings if one.shown != "proven"]


async def test_what_a_house_promises_is_proven_with_real_media_and_each_step_says_what_was_seen(house: House) -> None:
    chosen = [one for one in scenarios.ALL if one.id in QUICK]
    assert len(chosen) == len(QUICK)
    found = await inspect(Ringfence(Elsewhere(house.base)), chosen)
    assert found.all_proven, why(found)
    assert found.platform.name == "Ringfence"
    for one in found.findings:
        assert {step.kind for step in one.steps} == {"control", "attack"}
        assert all(step.tried and step.seen and 0 <= step.after <= one.seconds for step in one.steps)


async def test_an_inspection_by_address_leaves_no_family_behind(house: House) -> None:
    chosen = [one for one in scenarios.ALL if one.id in ("claims", "age-group")]
    platform = Ringfence(Elsewhere(house.base))
    assert (await inspect(platform, chosen, bounded=True)).all_proven
    async with house.db.read() as tx:
        from sqlalchemy import text

        left = (await tx.execute(text("SELECT count(*) FROM consents WHERE withdrawn_at IS NULL"))).scalar_one()
        signed_in = (
            await tx.execute(text("SELECT count(*) FROM sessions WHERE revoked_at IS NULL AND device_id IS NOT NULL"))
        ).scalar_one()
    assert signed_in == 0
    assert left == 1, "only the child that age-group added itself; every family that was made is closed"


async def test_the_command_writes_a_signed_report_tells_its_progress_in_json_and_exits_0(
    house: House, tmp_path: Path
) -> None:
    out, key = tmp_path / "report", tmp_path / "key"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "server.cli", "inspect", "--against", house.base, "--only", "consent-first", "--out", str(out),
        "--sign-with", str(key), "--json-progress", cwd=ROOT, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    told, _ = await asyncio.wait_for(process.communicate(), 120)
    assert process.returncode == 0, told
    lines = [json.loads(line) for line in told.splitlines()]
    assert [line["t"] for line in lines if line["t"] != "step"] == [
        "begun",
        "opened",
        "playing",
        "done",
        "outcome",
        "written",
    ]
    assert next(line for line in lines if line["t"] == "done")["outcome"] == "proven"
    signer = notes.kept(key)
    assert sign.verified(out, signer.verifier).answer == "whole"
    written = json.loads((out / "report.json").read_text("utf-8"))
    assert [(one["id"], one["verdict"]) for one in written["promises"]] == [("consent-first", "proven")]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--only", "no-such-story"], "There is no story no-such-story for ringfence"),
        (["--only", "flood", "--platform", "janus"], "There is no story flood for janus"),
        (["--against", "https://calls.example"], "Say --yes-it-is-mine if so."),
        (["--against", "calls.example"], "--against is an address"),
        (["--against", "https://calls.example/app", "--yes-it-is-mine"], "without a path"),
        (["--trust", "nowhere.pem"], "go with --against"),
        (["--against", "http://localhost:1", "--key-file", "nowhere"], "cannot be read"),
    ],
)
def test_wrong_arguments_are_one_sentence_and_2_and_nothing_is_played(
    arguments: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["inspect", "--out", str(tmp_path / "out"), "--sign-with", str(tmp_path / "key"), *arguments]) == 2
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "out" / "report.json").exists()


def test_the_list_of_stories_names_each_with_its_promises(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["inspect", "--list"]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert len(listed) == len(scenarios.ALL)
    assert any(line.startswith("revoke: ") and "cut-at-once" in line for line in listed)


def test_only_loopback_is_this_machine() -> None:
    for mine in ("http://localhost:8080", "https://127.0.0.1", "http://[::1]:80", "http://maya.localhost:1"):
        assert is_this_machine(mine)
    for other in (
        "https://localhost.example",
        "http://10.0.0.1",
        "https://calls.example",
        "http://0.0.0.0:1",
        "http://",
    ):
        assert not is_this_machine(other)


async def test_a_fresh_server_that_cannot_start_says_why_and_leaves_nothing() -> None:
    server = FreshServer((sys.executable, "-c", "import sys; sys.exit('no such thing')"))
    found = await inspect(Ringfence(server), [one for one in scenarios.ALL if one.id == "consent-first"])
    assert [one.outcome for one in found.findings] == ["not_shown"]
    assert "could not be started" in found.findings[0].why
    assert not server.data.exists()


@pytest.mark.slow
async def test_the_whole_inspection_of_a_fresh_server_is_all_proven_in_under_five_minutes() -> None:
    began = time.monotonic()
    server = FreshServer()
    found = await inspect(Ringfence(server), scenarios.ALL)
    assert found.all_proven, why(found)
    assert time.monotonic() - began < 300
    assert not server.alive()
    assert not server.data.exists()
    cuts = next(one.measured[0] for one in found.findings if one.scenario == "revoke")
    assert len(cuts.values) == 10
    assert max(cuts.values) <= 1_000


#: A house that keeps chains, signs nothing and shows its families what it likes.
SIGNS_NOTHING = """
import sys
from server import audit, checkpoints, cli, record

async def head(tx, chain):
    return (await audit.heads_of(tx, [chain])).get(chain, (0, audit.START))

async def before(tx, kind, chain, *, since):
    yield record.header(kind, None)

async def newest(tx):
    return None

record._signed_head, record._before_rows, checkpoints.newest = head, before, newest
sys.exit(cli.main())
"""


async def test_a_record_in_which_nothing_is_signed_is_not_shown_to_be_tamper_evident(tmp_path: Path) -> None:
    """There is nothing wrong to be found in it, and nothing that it could be held against."""
    script = tmp_path / "house.py"
    script.write_text(SIGNS_NOTHING)
    around = {**os.environ, "PYTHONPATH": str(ROOT)}
    story = [one for one in scenarios.ALL if one.id == "record-whole"]
    found = await inspect(Ringfence(FreshServer((sys.executable, str(script)), around)), story)
    (finding,) = found.findings
    assert (finding.shown, finding.why) == ("not_shown", "Nobody was given a signed checkpoint (status 404).")
