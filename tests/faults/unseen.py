"""What an inspection from outside cannot see: found by a test that is run with the fault put in. And what no patch of a running
house can take away: ``NAMED`` says which test does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from msgspec.structs import replace as with_fields

import signalling.call
from server.db.session import rows
from signalling.hub import Hub
from tests.faults.seeding import fault, put


@fault(
    "screen-told-what-ought-to-be", "seen-by-is-true", "a screen is told what was granted, whatever the gate forwards",
    "tests/integration/test_hub_calls.py::test_an_approved_call_goes_from_ring_to_voice_to_picture_to_goodbye",
)  # fmt: skip
def _() -> None:
    state_for = Hub._state_for

    def ought(self: Any, live: Any, person: str, _: Any) -> Any:
        granted = {(live.peers[x], live.peers[y], kind) for x, y, kind in live.call.granted}
        return state_for(self, live, person, granted)

    put(Hub, "_state_for", ought)


@fault(
    "nobody-is-reminded", "a-helper-looks", "a report that nobody has looked at is never overdue", "nobody-looked",
    "tests/integration/test_marks_and_reports.py::test_the_log_of_a_house_that_runs_says_that_nobody_has_looked",
)  # fmt: skip
def _() -> None:
    from server import reports, retention

    async def never(*_: Any) -> int:
        return 0

    put(reports, "overdue", never)
    put(retention, "overdue", never)


@fault(
    "nobody-is-named", "told-who-ended", "a child is told that a grown-up ended the call, and not who",
    "tests/integration/test_a_whole_call.py::test_a_parent_who_ends_a_call_is_named_and_the_contact_stays",
)  # fmt: skip
def _() -> None:
    end = Hub.end_call

    async def nameless(self: Any, call: str, who_name: str = "", **more: Any) -> bool:
        return await end(self, call, "", **more)

    put(Hub, "end_call", nameless)


@fault(
    "old-numbers-are-fine", "right-numbers", "a list of helplines is never too old",
    "tests/unit/test_support.py::test_a_list_that_nobody_has_checked_for_ninety_days_is_too_old",
)  # fmt: skip
def _() -> None:
    from server.support import Supports

    put(Supports, "too_old", lambda self, today: False)


@fault(
    "nothing-goes", "retention", "nothing that is kept is ever deleted", "everything-goes",
    "tests/integration/test_app_retention.py::test_a_sign_in_goes_a_week_after_its_end_and_a_device_after_a_month",
)  # fmt: skip
def _() -> None:
    from server import retention

    put(retention, "over", lambda now: ())


@fault(
    "nothing-goes-of-calls", "thirty-days", "calls are kept for ever", "thirty-days",
    "tests/integration/test_app_retention.py::test_a_call_is_remembered_for_thirty_days",
)  # fmt: skip
def _() -> None:
    from server import retention

    over = retention.over
    put(retention, "over", lambda now: tuple(one for one in over(now) if one[0].name != "calls"))


@fault(
    "birthday-is-kept", "only-an-age-group", "there is a column for a child's birthday",
    "tests/integration/test_accounts_families.py::test_nothing_about_a_child_is_kept_but_a_name_a_picture_and_an_age_group",
)  # fmt: skip
def _() -> None:
    from server.db import migrate as shape

    migrate = shape.migrate

    async def with_birthday(url: str) -> None:
        await migrate(url)
        from server.db.session import Database

        db = await Database.open(url)
        async with db.begin() as tx:
            await rows(tx, "ALTER TABLE children ADD COLUMN birthday TEXT")
        await db.close()

    put(shape, "migrate", with_birthday)


@fault(
    "camera-starts-open", "camera-starts-off", "a picture is let through from the answer on, without a press",
    "tests/integration/test_hub_calls.py::test_an_approved_call_goes_from_ring_to_voice_to_picture_to_goodbye",
)  # fmt: skip
def _() -> None:
    come_in = signalling.call._come_in

    def open_at_once(call: Any, person: str, bound: Any) -> Any:
        came = come_in(call, person, bound)
        if came is None:
            return None
        legs = tuple(with_fields(leg, video=True) if leg.person == person else leg for leg in came.legs)
        return with_fields(came, legs=legs, granted=came.granted | {lane for lane in bound if lane[0] == person})

    put(signalling.call, "_come_in", open_at_once)


#: Promise: tests that take its feature away and see the proof fail.
NAMED: Final[Mapping[str, tuple[str, ...]]] = {
    "opening-help-is-told-nobody": ("tests/unit/test_help_is_quiet.py::test_a_help_that_calls_home_would_be_found",),
    "staff-cannot-switch-off": (
        "tests/integration/test_safe_account_is_a_type.py::test_a_setting_that_did_would_be_found",
        "tests/integration/test_safe_account_is_a_type.py::test_a_new_flag_would_be_found",
        "tests/integration/test_safe_account_is_a_type.py::test_a_new_header_would_be_found",
    ),
}
