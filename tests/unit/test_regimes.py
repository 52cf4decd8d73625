"""The pages for regulators are current, say of nothing that it is met without a promise, and mark what is from memory."""

from __future__ import annotations

import re

import pytest

from server.promises import BrokenLedger, ledger
from server.regimes import Regime, page, read_regimes, regimes
from server.settings import ROOT

FOLDER = ROOT / "docs" / "regulators"
EVERY = pytest.mark.parametrize("regime", regimes(), ids=lambda one: one.id)
SOURCES = (FOLDER / "sources.md").read_text("utf-8")


@EVERY
def test_a_page_for_regulators_is_current(regime: Regime) -> None:
    assert (FOLDER / f"{regime.id}.md").read_text("utf-8") == page(regime, ledger()), "run make regulators"


def test_there_is_a_page_for_each_regime_and_no_other_is_generated() -> None:
    assert {one.id for one in regimes()} == {
        "uk-childrens-code", "uk-online-safety-act", "eu-dsa-28", "us-coppa", "australia",
    }  # fmt: skip
    generated = {file.stem for file in FOLDER.glob("*.md") if "Written by `make regulators`" in file.read_text("utf-8")}
    assert generated == {one.id for one in regimes()}


def test_all_fifteen_standards_of_the_childrens_code_are_answered() -> None:
    code = next(one for one in regimes() if one.id == "uk-childrens-code")
    assert [one.code for one in code.requirements] == [f"AADC{number}" for number in range(1, 16)]


@EVERY
def test_where_a_requirement_was_read_is_in_the_list_of_sources(regime: Regime) -> None:
    for one in regime.requirements:
        for key in filter(None, one.read.split(", ")):
            assert re.search(rf"^\| {key} \|", SOURCES, re.MULTILINE), (one.code, key)


def test_what_is_not_met_is_said() -> None:
    states = [one.state for regime in regimes() for one in regime.requirements]
    assert states.count("not met") >= 3
    assert states.count("operator") >= 5


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"promises": []}, "it is said to be met, and no promise says so"),
        ({"promises": ["nobody-promised"]}, "nobody promised nobody-promised"),
        ({"state": "fine"}, "nobody knows the state fine"),
        ({"state": "partly"}, "what is missing is not said"),
        ({"read": ""}, "where it was read is not said"),
        ({"more": "x"}, "a requirement has code, name"),
        ({"code": "NOLAW 3"}, "how it stands in law is not said"),
    ],
)
def test_a_requirement_that_claims_too_much_is_refused(change: dict[str, object], told: str) -> None:
    entry = {
        "code": "AADC3", "name": "n", "asks": "a", "does": "d", "state": "met", "promises": ["contacts-only"], "read": "S22",
    }  # fmt: skip
    assert read_regimes(toml_of(entry), ledger())[0].requirements[0].state == "met"
    with pytest.raises(BrokenLedger, match=told):
        read_regimes(toml_of({**entry, **change}), ledger())


def toml_of(entry: dict[str, object]) -> str:
    lines = "\n".join(f"{key} = {value!r}" for key, value in entry.items())
    return f'[[regime]]\nid = "r"\ntitle = "R"\nabout = []\n[[regime.requirement]]\n{lines}\n'
