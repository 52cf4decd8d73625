"""Time that does not pass, helpers who need nobody, and a house that opens whatever is wrong with it."""

from __future__ import annotations

from typing import Any

from server import facts, helpers, settings
from server.api import rim
from server.policy.facts import Case
from tests.faults.seeding import fault, put

A_YEAR = 365 * 86_400_000


@fault("a-yes-is-for-ever", "a-year", "how old a yes is, is not looked at", "a-year")
def _() -> None:
    from dataclasses import replace

    contact = facts._contact
    put(facts, "_contact", lambda *given: replace(contact(*given), in_year=True))


@fault("an-age-is-for-ever", "unknown-age-is-youngest", "an age that was said once is good for ever", "old-age")
def _() -> None:
    known = facts._known

    def said_today(row: Any, now: int, **more: Any) -> Any:
        return known((*row[:9], now + A_YEAR, *row[10:]), now, **more)

    put(facts, "_known", said_today)


@fault(
    "one-helper-is-enough", "two-helpers", "who asked whose copy it is may agree to it, too", "two-helpers",
    "tests/integration/test_marks_and_reports.py::test_two_helpers_who_agree_are_told_two_pseudonyms_once",
)  # fmt: skip
def _() -> None:
    rows = helpers.rows

    def anybody(*given: Any, **facts_: Any) -> Case:
        return Case(*given, **({**facts_, "another": True} if "another" in facts_ else facts_))

    async def not_noted(tx: Any, sql: str, **values: Any) -> Any:  # the table has a guard of its own
        return () if sql.startswith("UPDATE mark_asks") else await rows(tx, sql, **values)

    put(helpers, "Case", anybody)
    put(helpers, "rows", not_noted)


@fault("guards-are-not-tried", "fails-closed", "every guard is said to be effective, and none is tried", "fails-closed")
def _() -> None:
    async def fine(_: Any) -> dict[str, bool]:
        return dict.fromkeys(rim._GUARDS, True)

    put(rim, "guards", fine)


@fault(
    "unsafe-settings-are-taken", "fails-closed", "production opens with whatever settings it is given", "fails-closed",
    "tests/unit/test_settings.py::test_production_refuses",
)  # fmt: skip
def _() -> None:
    put(settings, "_UNSAFE", ())
