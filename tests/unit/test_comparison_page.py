"""docs/reference/comparison.md is whole: every portable story, every platform, and a command for each "not kept".

Whether its cells are true is found by playing (``make platforms``). When one of these fails: ``.venv/bin/python -m tests.comparison``.
"""

from __future__ import annotations

import re

from server import promises
from server.inspection import compare
from tests import comparison

TEXT = comparison.PAGE.read_text()
TOLD = comparison.told_in(TEXT)


def test_every_portable_story_has_a_cell_for_every_platform() -> None:
    for name in comparison.COLUMNS:
        assert list(TOLD[name]) == [one.id for one in comparison.PORTABLE], name
        assert set(TOLD[name].values()) <= set(compare.MEANS), name


def test_each_story_that_was_not_kept_has_the_command_that_shows_it_again_and_no_other_has() -> None:
    commands = re.findall(r"^ringfence inspect --platform (\S+) --only (\S+) --out report$", TEXT, re.MULTILINE)
    assert set(commands) == {
        (name, story) for name, stories in TOLD.items() for story, one in stories.items() if one == "not kept"
    }


def test_the_promises_are_in_the_ledgers_words() -> None:
    rows = re.findall(r"^\| (?!Promise)([^|]+) \|", comparison.between(TEXT, "promises"), re.MULTILINE)
    ledger = promises.ledger()
    named = dict.fromkeys(promise for one in comparison.PORTABLE for promise in one.promises)
    assert rows == [ledger[promise].sentence for promise in named]
