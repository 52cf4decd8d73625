"""Ten thousand ways to tamper with the record, each of them found and named; by a reader in another language too.

What is taken for granted is written atop ``tests/record_tables.py``: whoever tampers may write every table, and has neither the keys
nor what a reader has kept.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from server.record_check import check_lines
from tests.record_tables import FINER_THAN_AN_HOUR, WAYS, Made, blind, findings, made, tampered

NODE = Path(__file__).parents[1] / "conformance" / "verify_record.mjs"
SOME, ALL = 340, 10_000
IN_NODE, ALL_IN_NODE = 150, 3_000


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return asyncio.run(made(tmp_path_factory.mktemp("record")))


def not_found(record: Made, seeds: Iterable[int]) -> tuple[list[Any], set[str]]:
    """The tamperings that nothing was said of, or nothing fitting; and every name that came up."""
    missed, named = [], set()
    for seed in seeds:
        way, tables = tampered(record, seed)
        found = findings(tables, record.reader)
        names = {one.what for one in found}
        named |= names
        if not WAYS[way] & names:
            missed.append((seed, way.__name__, found))
    return missed, named


#: Every finding there is in a database; a file can be ``unreadable`` as well.
NAMES = {
    "altered", "missing", "out_of_order", "extra", "forked", "back_dated", "post_dated", "unsigned", "wrong_key", "hand_over_broken",
}  # fmt: skip


def test_an_untouched_record_is_whole(whole: Made) -> None:
    assert findings(whole.tables, whole.reader) == []
    looked, found = check_lines(
        blind(whole.tables), trusted=whole.reader.trusted, kept=[*whole.reader.kept, whole.first]
    )
    assert found == []
    assert (looked.chains, looked.rows, looked.covered) == (4, len(whole.tables.rows), len(whole.tables.rows))
    assert (looked.keys, looked.checkpoints, looked.entries) == (2, 7, len(whole.tables.log))


def test_hundreds_of_tamperings_are_all_found_and_named(whole: Made) -> None:
    """Twenty of each way."""
    assert not_found(whole, range(SOME)) == ([], NAMES)


@pytest.mark.slow
def test_soak_ten_thousand_tamperings_are_all_found_and_named(whole: Made) -> None:
    assert not_found(whole, range(ALL)) == ([], NAMES)


def test_the_reader_in_node_says_in_one_sentence_that_there_is_nothing_to_read(whole: Made, tmp_path: Path) -> None:
    good, none = tmp_path / "good.jsonl", str(tmp_path / "none")
    good.write_text("".join(f"{line.rstrip()}\n" for line in blind(whole.tables)))
    told = []
    for words in ([], [none], [good, "--checkpoint", none], [good, "--checkpoint"], [good]):
        run = subprocess.run(["node", NODE, *words], capture_output=True, text=True, timeout=60, check=False)
        told.append((run.returncode, run.stderr))
    assert told == [
        (2, "Which export? node verify_record.mjs EXPORT [--checkpoint FILE]... [--key KEY]\n"),
        (2, f"{none} cannot be read.\n"),
        (2, f"{none} cannot be read.\n"),
        (2, "The file after --checkpoint cannot be read.\n"),
        (0, ""),
    ]


@pytest.mark.parametrize("many", [IN_NODE, pytest.param(ALL_IN_NODE, marks=pytest.mark.slow, id="soak")])
def test_the_reader_in_node_finds_exactly_the_same(whole: Made, many: int) -> None:
    """Tampered records and the whole one, as files for an inspector, in one process."""
    done = [tampered(whole, seed) for seed in range(many)]
    files = [blind(whole.tables), *(blind(tables) for _, tables in done)]
    key, kept = whole.reader.trusted, [*whole.reader.kept, whole.first]
    asked = "".join(json.dumps({"lines": lines, "kept": kept, "key": key.line}) + "\n" for lines in files)
    run = subprocess.run(
        ["node", NODE, "--batch"], input=asked, capture_output=True, text=True, timeout=300, check=True
    )
    told = [json.loads(line) for line in run.stdout.splitlines()]
    ours = [
        [
            {"where": one.where, "number": one.number, "what": one.what}
            for one in check_lines(lines, trusted=key, kept=kept)[1]
        ]
        for lines in files
    ]
    assert told[0] == []
    assert [
        way.__name__
        for (way, _), found in zip(done, ours[1:], strict=True)
        if not found and way not in FINER_THAN_AN_HOUR
    ] == []
    assert [(seed - 1, a, b) for seed, (a, b) in enumerate(zip(told, ours, strict=True)) if a != b] == []
