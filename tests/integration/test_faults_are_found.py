"""For each seeded fault: the inspection of a house that has it says "broken" and names the promise; without it the same is proven.

``make faults``. The faulty house is a process of its own (``python -m tests.faulty NAME serve``), started and inspected as the real one
is. A fault that only a test can see is put into the process of that test, which must fail there and pass without.
"""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache

import pytest

from server.inspection import scenarios
from server.inspection.findings import Finding, Inspection
from server.inspection.own import FreshServer, Ringfence
from server.inspection.run import inspect
from server.settings import ROOT
from tests import faulty
from tests.faults import FAULTS

SEEN_FROM_OUTSIDE = [name for name, fault in FAULTS.items() if fault.scenarios]
SEEN_BY_TESTS = [name for name, fault in FAULTS.items() if fault.tests]
SECONDS = 300

#: What was found in a house without a fault, by scenario: all are played once.
WHOLE: dict[str, Finding] = {}


async def without_a_fault(story: str) -> Finding:
    if not WHOLE:
        needed = {name for fault in FAULTS.values() for name in fault.scenarios}
        found = await inspected(tuple(sorted(needed)), "server.cli")
        WHOLE.update({one.scenario: one for one in found.findings})
    return WHOLE[story]


async def inspected(names: tuple[str, ...], *command: str) -> Inspection:
    chosen = [story for story in scenarios.ALL if story.id in names]
    assert len(chosen) == len(names)
    return await inspect(Ringfence(FreshServer((sys.executable, "-m", *command))), chosen)


@pytest.mark.slow
@pytest.mark.parametrize("name", SEEN_FROM_OUTSIDE)
async def test_faults_are_found_by_the_inspection_which_names_the_promise_broken(name: str) -> None:
    fault = FAULTS[name]
    found = await inspected(fault.scenarios, "tests.faulty", name)
    told = {one.scenario: (one.shown, one.why) for one in found.findings}
    for one in found.findings:
        assert one.outcome == "broken", told
        assert fault.breaks in one.promises, told
    assert found.verdicts()[fault.breaks] == "broken"
    assert not found.all_proven
    for story in fault.scenarios:
        whole = await without_a_fault(story)
        assert whole.outcome == "proven", whole.why


@pytest.mark.slow
@pytest.mark.parametrize("name", SEEN_BY_TESTS)
def test_faults_are_found_by_a_test_of_the_promise(name: str) -> None:
    for test in FAULTS[name].tests:
        assert run(("-m", "tests.faulty", name, "pytest", test)) == pytest.ExitCode.TESTS_FAILED
        assert passes(test)


@cache
def passes(test: str) -> bool:
    return run(("-m", "pytest", "-q", "-p", "no:cacheprovider", test)) == pytest.ExitCode.OK


def run(arguments: tuple[str, ...]) -> int:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        (sys.executable, *arguments), cwd=ROOT, env=environ, timeout=SECONDS, capture_output=True, check=False
    )
    return done.returncode


def test_a_command_that_is_none_and_a_fault_that_is_none_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert faulty.main(["no-such-fault", "serve"]) == 2
    assert faulty.main([SEEN_FROM_OUTSIDE[0]]) == 2
    assert faulty.main(["--list"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(FAULTS)
