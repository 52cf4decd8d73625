"""What a child says, who a grown-up is, and what the house shows: hushed up, believed without a word, and from elsewhere."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from aiohttp import web

from server import contacts, facts, limits, notices, reports, support
from server.api import middleware, rim
from server.api import reports as pages_of_reports
from server.db.session import rows
from server.policy import Verb
from signalling import protocol
from tests.faults.seeding import fault, put

# -- a child says no ------------------------------------------------------------------------------------------------------


def before_a_no(when: Any) -> None:
    """``when`` is awaited before a no or an end is carried out; False: it is not."""
    apply = contacts._apply

    async def applied(tx: Any, place: Any, event: Any, *, by: str, **more: Any) -> bool:
        if isinstance(event, contacts.End | contacts.SayNo) and not await when(tx, place, by, more["now"]):
            return True
        return await apply(tx, place, event, by=by, **more)

    put(contacts, "_apply", applied)


@fault(
    "a-no-waits-for-a-grown-up", "child-can-say-no", "a child's own no, or end of a contact, is taken and changes nothing",
    "child-says-no",
)  # fmt: skip
def _() -> None:
    async def of_a_grown_up(tx: Any, place: Any, by: str, _: int) -> bool:
        return by not in (place.a, place.b)

    before_a_no(of_a_grown_up)


@fault("a-no-is-told", "child-can-say-no", "in a call the other child is told who ended the contact", "child-says-no")
def _() -> None:
    async def tell(tx: Any, place: Any, by: str, now: int) -> bool:
        ((name,),) = await rows(tx, "SELECT name FROM people WHERE id = :by", by=by)
        live = "SELECT call_id FROM call_people WHERE person_id = :a AND left_at IS NULL"
        for (call,) in await rows(tx, live, a=place.a):
            await notices.post(tx, "end_call", [place.a, place.b], now=now, call=call, who=name)
        return True

    before_a_no(tell)


# -- who a grown-up is, and who leads ---------------------------------------------------------------------------------------


@fault(
    "anybody-is-sure-enough", "sure-who-a-grown-up-is", "every grown-up counts as somebody whose papers were looked at",
    "unsure-grown-up",
)  # fmt: skip
def _() -> None:
    contact = facts._contact
    put(facts, "_contact", lambda *given: replace(contact(*given), assurance=3))


def known_as(change: Any) -> None:
    """What the rules know of everybody, changed."""
    known = facts._known
    put(facts, "_known", lambda *given, **more: change(known(*given, **more)))


@fault(
    "any-number-of-families", "many-families-wait", "nobody counts for how many families a grown-up was approved",
    "many-families",
)  # fmt: skip
def _() -> None:
    known_as(lambda one: replace(one, person=replace(one.person, few_families=True)))


@fault(
    "led-and-watched", "teenagers-lead", "that a teenager leads is written down, and a guardian's word goes as far as before",
    "teen-leads",
)  # fmt: skip
def _() -> None:
    async def nobody(*_: Any, **__: Any) -> frozenset[str]:
        return frozenset()

    known_as(lambda one: replace(one, reach="discuss") if one.reach == "teen_led" else one)
    put(facts, "leading", nobody)


@fault(
    "unfair-is-not-kept", "your-limits-can-be-contested", "a child's word that a limit is unfair is taken and kept nowhere",
    "unfair",
)  # fmt: skip
def _() -> None:
    async def forgets(db: Any, keeper: Any, me: Any, *, unfair: bool, now: int) -> Any:
        async with db.begin() as tx:
            return await limits.ask(tx, keeper, me, Verb.OBJECT_TO_LIMIT, now)

    put(limits, "object_to", forgets)


# -- what the house shows -----------------------------------------------------------------------------------------------------


@fault(
    "pages-may-call-elsewhere", "no-ads-no-sale", "a page may load from and send to any other host", "calls-elsewhere",
    "tests/integration/test_app_rim.py::test_every_answer_wears_the_headers",
)  # fmt: skip
def _() -> None:
    headers = middleware.headers_for

    def open_to_all(*given: Any, **more: Any) -> dict[str, str]:
        return {**headers(*given, **more), "Content-Security-Policy": "default-src *"}

    put(middleware, "headers_for", open_to_all)


@fault(
    "a-page-carries-a-tracker", "no-ads-no-sale", "every page has a script of somebody else's in it", "calls-elsewhere"
)
def _() -> None:
    file = rim._file

    def with_tracker(path: Path) -> web.StreamResponse:
        if path.suffix != ".html" or not path.is_file():
            return file(path)
        tracker = '<script src="https://tracker.example/t.js" async></script></head>'
        return web.Response(text=path.read_text("utf-8").replace("</head>", tracker), content_type="text/html")

    put(rim, "_file", with_tracker)


@fault("numbers-of-elsewhere", "right-numbers", "every child is shown the helplines of one country", "helplines")
def _() -> None:
    put(support.Supports, "of", lambda self, country: self.countries["US"])


@fault("numbers-of-last-year", "right-numbers", "nobody has looked at the helplines for a year", "helplines")
def _() -> None:
    real = support.supports()
    put(pages_of_reports, "supports", lambda: replace(real, looked_at=real.looked_at - timedelta(days=365)))


@fault(
    "reactions-are-handed-on",
    "no-gifts-no-comments",
    "there is a message for a reaction, and the others in the call get it",
    "gifts",
)
def _() -> None:
    decode = protocol.decode

    def kindly(frame: Any) -> Any:
        try:
            told = json.loads(frame)
        except ValueError:
            told = None
        if isinstance(told, dict) and told.get("t") in ("reaction", "call.react", "like", "heart"):
            return protocol.SealTo(id=told["id"], call=told["call"], to=told["to"], body=json.dumps(told))
        return decode(frame)

    put(protocol, "decode", kindly)


@fault("three-days-to-look", "a-helper-looks", "a helper has three days to look at what a child reported", "look-by")
def _() -> None:
    put(reports, "LOOK_MS", 72 * reports.HOUR)
