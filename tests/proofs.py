"""Run the proof of every promise and write down what was found: ``server/data/proofs.json``, from which pages say "proven".

    python -m tests.proofs [--only PROMISE ...] [--workers 2] [--tests-only | --inspection-only] [--out FILE]

For each promise of the ledger its tests are run with pytest and its scenarios by ``ringfence inspect`` on a fresh house. What was not
run is "not run", never "passed"; a test that was skipped is not run; of a test with many cases all must pass. What an earlier run found for
other promises is kept only if the code is still the same. Exit status 0: everything that was run passed and was proven.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import pytest

from server.promises import PROOFS, Ledger, Promise, Result, digest, digests_of_tests, ledger, read_proofs

ROOT: Final = Path(__file__).parents[1]
INSPECTION_SECONDS: Final = 900


class Seen:
    """A pytest plugin: what became of each test."""

    def __init__(self) -> None:
        self.found: dict[str, list[str]] = {}

    def pytest_runtest_logreport(self, report: Any) -> None:
        if (
            report.when == "call" or report.outcome != "passed"
        ):  # set-up and tear-down count only when they fail or skip
            self.found.setdefault(report.nodeid, []).append(report.outcome)

    def result(self, test: str) -> Result:
        """Of a test with many cases the worst."""
        outcomes = [
            one
            for node, several in self.found.items()
            if node == test or ("[" not in test and node.startswith(f"{test}["))
            for one in several
        ]
        if "failed" in outcomes:
            return "failed"
        return "passed" if outcomes and set(outcomes) == {"passed"} else "not run"


def run_tests(tests: Collection[str], workers: int) -> Mapping[str, Result]:
    """Each of these tests, by its name in the ledger."""
    seen = Seen()
    spread = ["-n", str(workers), "--dist", "worksteal"] if workers > 1 else []
    whole = sorted({test for test in tests if "[" not in test} | {test for test in tests if "[" in test})
    pytest.main([*whole, "-q", "-p", "no:cacheprovider", *spread], plugins=[seen])
    return {test: seen.result(test) for test in tests}


def inspect(scenarios: Collection[str], out: Path) -> Mapping[str, str]:
    """Play these scenarios on a fresh house of our own and read the report."""
    only = [part for one in sorted(scenarios) for part in ("--only", one)]
    command = [sys.executable, "-m", "server.cli", "inspect", "--out", str(out), *only]
    try:
        subprocess.run(command, cwd=ROOT, timeout=INSPECTION_SECONDS, check=False)
        report = json.loads((out / "report.json").read_text("utf-8"))
        return {str(one["scenario"]): str(one["outcome"]) for one in report["findings"]}
    except (OSError, ValueError, KeyError, TypeError, subprocess.TimeoutExpired) as fault:
        print(f"The inspection told nothing ({type(fault).__name__}).", file=sys.stderr)
        return {}


def file_of(
    book: Ledger,
    chosen: Sequence[Promise],
    tests: Mapping[str, Result],
    scenarios: Mapping[str, str],
    at: int,
    code: str,
    before: Mapping[str, Any] | None = None,
    files: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """What is written. ``before``: what an earlier run wrote; kept where code and tests are the same and nothing newer is known.
    ``files``: the digests of the tests that were run."""
    same = before is not None and (before.get("digest"), before.get("tests")) == (code, dict(files or {}))
    old = before["promises"] if before is not None and same else {}
    found = {name: one for name, one in old.items() if name in book.ids}
    for one in chosen:
        found[one.id] = {
            "at": at,
            "tests": {test: tests.get(test, "not run") for test in one.all_tests()},
            "scenarios": {story: scenarios.get(story, "not run") for story in one.scenarios},
        }
    day = datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d")
    return {
        "digest": code,
        "version": version("ringfence"),
        "day": day,
        "tests": dict(files or {}),
        "promises": {name: found[name] for name in book.ids if name in found},
    }


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.proofs", description="Prove the promises of the ledger.")
    parser.add_argument("--only", action="append", metavar="PROMISE", help="this promise only; may be given again")
    parser.add_argument("--workers", type=int, default=2, help="tests at a time (default 2)")
    parser.add_argument("--out", type=Path, default=PROOFS)
    either = parser.add_mutually_exclusive_group()
    either.add_argument(
        "--tests-only", action="store_true", help="no inspection: promises with an attack stay not proven"
    )
    either.add_argument("--inspection-only", action="store_true", help="no tests")
    asked = parser.parse_args(argv)

    book, code = ledger(), digest()
    files = digests_of_tests(book)
    if unknown := set(asked.only or ()) - set(book.ids):
        parser.error(f"nobody knows {', '.join(sorted(unknown))}")
    chosen = [one for one in book.promises if not asked.only or one.id in asked.only]
    tests: Mapping[str, Result] = {}
    scenarios: Mapping[str, str] = {}
    wanted = {story for one in chosen for story in one.scenarios}
    if not asked.inspection_only:
        tests = run_tests({test for one in chosen for test in one.all_tests()}, asked.workers)
    if wanted and not asked.tests_only:
        with tempfile.TemporaryDirectory() as folder:
            scenarios = inspect(wanted, Path(folder))

    if digest() != code or digests_of_tests(book) != files:
        print("The code changed while its proof was run; nothing is written.", file=sys.stderr)
        return 1
    before = json.loads(asked.out.read_text("utf-8")) if asked.out.is_file() else None
    told = file_of(book, chosen, tests, scenarios, time.time_ns() // 1_000_000, code, before, files)
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    asked.out.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return _say(book, chosen, asked.out)


def _say(book: Ledger, chosen: Sequence[Promise], path: Path) -> int:
    from server.promises import judge

    found, code = read_proofs(path), digest()
    files = digests_of_tests(book)
    proofs = {one.id: judge(one, found, code, files) for one in chosen}
    for name, proof in proofs.items():
        print(f"{'proven    ' if proof.proven else 'NOT PROVEN'}  {name}: {proof.why}")
    proven = sum(proof.proven for proof in proofs.values())
    print(f"{proven} of {len(chosen)} promises are proven (of {len(book.promises)} in the ledger).")
    return 0 if proven == len(chosen) else 1


if __name__ == "__main__":
    sys.exit(main())
