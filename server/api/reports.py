"""Telling us: the HTTP side of ``server/reports.py``. Two routes of the safe harbour, under the child's own path and no other.

A report that has the right shape is taken, whatever it is about. ``request`` is made by the page and kept by it until the answer is
there, so that a page that lost the network sends the same report again and not a second one.

How often is counted by sign-in. Counted by child, whoever pairs one more screen as that child could use it all up.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Final

from aiohttp import web
from msgspec import UNSET, Meta, UnsetType

from server import reports
from server.api.families import Body, time, told
from server.api.keys import DB, KEEPER, THROTTLE, Route, answer, read, signed_in
from server.errors import BadRequest, SlowDown
from server.policy import Decision, Verb
from server.support import supports

Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{0,64}\Z")]  # a NUL would stop PostgreSQL, and with it the report


class About(Body, frozen=True):
    """Where or who: one of the two."""

    call: Name | UnsetType = UNSET
    ref: Name | UnsetType = UNSET


class NewReport(Body, frozen=True):
    request: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{16,40}\Z")]
    about: About | None
    what: Annotated[list[reports.What], Meta(max_length=len(reports.WHATS))]


async def to_tell(request: web.Request) -> web.Response:
    outcome = await reports.look(request.app[DB], request.app[KEEPER], signed_in(request), now=time(request))
    if isinstance(outcome, Decision):
        return told(outcome)
    return answer(
        {
            "calls": [
                {"call": one.call, "with": [asdict(person) for person in one.with_], "at": one.at}
                for one in outcome.calls
            ],
            "people": [asdict(one) for one in outcome.people],
            "reports": [asdict(one) for one in outcome.reports],
            "time_zone": outcome.time_zone,
            "support": [asdict(one) for one in supports().of(outcome.country)],
            "support_looked_at": supports().looked_at.isoformat(),
        }
    )


async def report(request: web.Request) -> web.Response:
    body = await read(request, NewReport)
    call, ref = (body.about.call, body.about.ref) if body.about else (UNSET, UNSET)
    if body.about and (call is UNSET) is (ref is UNSET):
        raise BadRequest({"about": "wrong"})
    me = signed_in(request)
    wait = request.app[THROTTLE].check(
        "report", account=me.session
    )  # not by address: a class is behind one; nor by child
    if wait is not None:
        raise SlowDown(wait)
    outcome = await reports.make(
        request.app[DB], request.app[KEEPER], me, body.request, call=None if call is UNSET else call,
        ref=None if ref is UNSET else ref, what=body.what, now=time(request),
    )  # fmt: skip
    return told(outcome) if isinstance(outcome, Decision) else answer(asdict(outcome))


ROUTES: Final = (
    Route("GET", "/api/child/reports", to_tell, Verb.HELP),
    Route("POST", "/api/child/reports", report, Verb.REPORT),
)
