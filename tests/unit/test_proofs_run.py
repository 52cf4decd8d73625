"""``make proofs`` writes down what was run, and nothing better: a test that was skipped, a story that was not played, other code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from server.promises import digest, digests_of_tests, judge, ledger, read_proofs
from server.settings import ROOT
from tests.proofs import Seen, file_of, main

BOOK = ledger()
ONE = next(one for one in BOOK.promises if one.tests and one.scenarios)
OTHER = next(one for one in BOOK.promises if one is not ONE)


@dataclass
class Report:
    nodeid: str
    outcome: str
    when: str = "call"


def seen(*reports: Report) -> Seen:
    found = Seen()
    for one in reports:
        found.pytest_runtest_logreport(one)
    return found


@pytest.mark.parametrize(
    ("reports", "result"),
    [
        ([Report("t.py::test_a", "passed")], "passed"),
        ([Report("t.py::test_a[1]", "passed"), Report("t.py::test_a[2]", "passed")], "passed"),
        ([Report("t.py::test_a[1]", "passed"), Report("t.py::test_a[2]", "failed")], "failed"),
        ([Report("t.py::test_a[1]", "passed"), Report("t.py::test_a[2]", "skipped", "setup")], "not run"),
        ([Report("t.py::test_a", "failed", "setup")], "failed"),
        ([Report("t.py::test_a", "passed"), Report("t.py::test_a", "failed", "teardown")], "failed"),
        ([Report("t.py::test_a", "passed", "setup")], "not run"),
        ([Report("t.py::test_ab", "passed")], "not run"),
        ([], "not run"),
    ],
)
def test_a_test_has_passed_when_all_of_its_cases_have(reports: list[Report], result: str) -> None:
    assert seen(*reports).result("t.py::test_a") == result


def test_one_case_of_a_test_is_looked_at_by_itself() -> None:
    found = seen(Report("t.py::test_a[1]", "passed"), Report("t.py::test_a[2]", "failed"))
    assert found.result("t.py::test_a[1]") == "passed"
    assert found.result("t.py::test_a[2]") == "failed"
    assert found.result("t.py::test_a[3]") == "not run"


def test_what_is_written_proves_a_promise_and_nothing_less_does(tmp_path: Path) -> None:
    tests = dict.fromkeys(ONE.all_tests(), "passed")
    stories = dict.fromkeys(ONE.scenarios, "proven")

    def proven(tests: dict[str, str], stories: dict[str, str], code: str = "d") -> bool:
        path = tmp_path / "proofs.json"
        path.write_text(json.dumps(file_of(BOOK, [ONE], tests, stories, 1, code)))  # type: ignore[arg-type]
        return judge(ONE, read_proofs(path), "d").proven

    assert proven(tests, stories)
    assert not proven({}, stories)
    assert not proven(tests, {})
    assert not proven(tests, stories, "other code")
    assert not proven(tests | {ONE.tests[0]: "failed"}, stories)
    assert not proven(tests, stories | {ONE.scenarios[0]: "not_shown"})


def test_what_was_found_for_other_code_is_not_kept() -> None:
    first = file_of(BOOK, [OTHER], {}, {}, 1, "d")
    assert set(file_of(BOOK, [ONE], {}, {}, 2, "d", first)["promises"]) == {ONE.id, OTHER.id}
    assert set(file_of(BOOK, [ONE], {}, {}, 2, "e", first)["promises"]) == {ONE.id}
    other_tests = file_of(BOOK, [ONE], {}, {}, 2, "d", first, {"tests/": "x"})
    assert set(other_tests["promises"]) == {ONE.id}, "nor what other tests found"
    assert other_tests["tests"] == {"tests/": "x"}
    stale = {**first, "promises": {"a-promise-of-long-ago": {}}}
    assert set(file_of(BOOK, [ONE], {}, {}, 2, "d", stale)["promises"]) == {ONE.id}


def test_the_proof_of_one_promise_is_run_and_written(tmp_path: Path) -> None:
    out = tmp_path / "proofs.json"
    command = [sys.executable, "-m", "tests.proofs", "--only", "right-numbers", "--workers", "1", "--out", str(out)]
    alone = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(command, cwd=ROOT, env=alone, capture_output=True, text=True, check=False, timeout=120)
    found = read_proofs(out)
    assert set(found.runs) == {"right-numbers"}
    assert set(found.runs["right-numbers"].tests.values()) == {"passed"}, done.stdout
    assert found.digest == digest()
    assert found.tests == digests_of_tests()
    assert judge(BOOK["right-numbers"], found, digest(), digests_of_tests()).proven
    assert done.returncode == 0
    assert "1 of 1 promises are proven" in done.stdout


def test_nothing_is_written_when_the_code_changed_while_its_proof_was_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out, told = tmp_path / "proofs.json", iter(("before", "after", "same", "same", "same"))
    monkeypatch.setattr("tests.proofs.digest", lambda: next(told))
    alone = [
        "--only",
        next(one.id for one in BOOK.promises if not one.scenarios),
        "--inspection-only",
        "--out",
        str(out),
    ]
    assert main(alone) == 1
    assert not out.exists()
    assert "nothing is written" in capsys.readouterr().err
    main(alone)
    assert out.exists()


def test_a_promise_that_nobody_made_is_not_run(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--only", "no-such-promise"])
    assert ended.value.code == 2
    assert "nobody knows no-such-promise" in capsys.readouterr().err
