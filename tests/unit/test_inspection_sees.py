"""What a story compares must have been seen: two errors are the same, and hold nothing of anybody, and neither is a proof."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from server import inspect_cli, reports
from server.inspection.adapter import CouldNotSee
from server.inspection.device import Answer
from server.inspection.own import MOST_SIGN_UPS
from server.inspection.scenarios import accounts, help, household, portable, record, says, shown, wire
from server.inspection.stage import Cast, Stage
from server.policy.bands import EU, bands_in_force
from server.settings import ROOT
from server.support import GOOD_FOR_DAYS, supports
from tests.toy_platform import Toy


class Pages:
    """A grown-up's device; ``shut`` is the page that answers with an error."""

    def __init__(self, shut: str = "") -> None:
        self.shut = shut

    async def call(self, _: str, path: str) -> Any:
        return SimpleNamespace(status=500 if path == self.shut else 200, body=path.encode())


async def test_pages_are_compared_only_when_every_one_of_them_opens() -> None:
    there: Any = Pages()
    pages = await help._pages(there, "a-child")
    assert len(pages) > 10
    for path in pages:
        broken: Any = Pages(path)
        with pytest.raises(CouldNotSee, match="1 of a grown-up's pages did not open"):
            await help._pages(broken, "a-child")


def test_an_export_that_is_none_holds_no_chain_and_so_is_no_other_familys() -> None:
    assert record.chains(['{"is":"record"}', '{"is": "chain", "chain": "h_one"}', '{"is":"row"}']) == {"h_one"}
    assert record.chains(['{"code":"not_permitted","status":403}']) == set()


def test_what_is_told_of_the_bounds_elsewhere_is_what_the_stories_keep_to() -> None:
    requests = wire.WARM + 2 * wire.FEW_PAIRS * wire.ROUNDS
    assert (MOST_SIGN_UPS, portable.FEW_CUTS) == (20, 3)
    for told in (inspect_cli.BOUNDED, (ROOT / "docs/how-to/inspect.md").read_text("utf-8")):
        for bound in ("twenty", f"{requests} requests", f"{wire.MESSAGES} messages", "three times"):
            assert bound in told, bound


@pytest.mark.parametrize(
    ("status", "code", "as_promised"),
    [(403, "not_permitted", True), (404, "not_found", None), (200, "", False)],
)
async def test_a_no_for_another_reason_than_the_promised_one_is_neither_kept_nor_broken(
    status: int, code: str, as_promised: bool | None
) -> None:
    toy = Toy()
    stage = Stage(toy, Cast(toy))
    await household.not_permitted(stage, "It is tried.", Answer(status, f'{{"code": "{code}"}}'.encode(), {}))
    assert [one.as_promised for one in stage.steps] == [as_promised]


def test_the_helplines_of_every_country_that_has_a_list_are_looked_at_and_of_one_that_has_none() -> None:
    asked, lists = {one.code for one in shown.COUNTRIES}, set(supports().countries)
    assert lists - {"", "EU"} <= asked
    assert asked & EU
    assert asked - lists - EU


def test_one_family_more_is_tried_than_one_grown_up_may_be_approved_by_and_a_report_held_to_the_hours_that_are_promised() -> (
    None
):
    assert bands_in_force().terms("GB", "18+").families == accounts.FAMILIES
    assert says.MOST_HOURS * reports.HOUR == reports.LOOK_MS
    assert shown.GOOD_FOR.days == GOOD_FOR_DAYS
