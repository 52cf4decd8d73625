"""Whoever adds a route either asks the gatekeeper or is on a short list that says why not; and asking is seen, not believed.

Each gated route is called by somebody signed in, with a body of the right shape about something that does not exist, and the
audit record must have grown by a row for the route's own verb. No row, no route (T18 of the threat list).
"""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import func, select

from server import api, demo, inspectors
from server.api import keys
from server.api.inspector import INSPECTIONS
from server.api.keys import Open, Route
from server.db.models import audit, metadata
from server.policy import Verb, load
from server.policy.explain import start_of
from signalling.ws import ASKS_NOBODY, FIRST, HANDLERS
from tests import seal_twin
from tests.house import PROMISES, Families, House

#: Every route that asks nobody. A new one needs a reason here as well as beside its handler, so two people must agree.
OPEN = {
    ("GET", "/healthz"),
    ("GET", "/ws"),
    ("POST", "/api/sign-up"),
    ("POST", "/api/sign-in"),
    ("GET", "/api/me"),
    ("GET", "/api/words"),
    ("GET", "/api/promises"),
    ("GET", "/api/checkpoint"),
    ("POST", "/api/pairings"),
    ("POST", "/api/pairings/mine"),
    ("POST", "/api/inspector/session"),
    ("GET", "/api/inspector/session"),
    ("DELETE", "/api/inspector/session"),
    ("GET", "/.well-known/child-safety"),
}
DEMO = {
    ("GET", "/api/demo"), ("POST", "/api/demo/enter"), ("POST", "/api/demo/inspector"), ("POST", "/api/demo/reset"),
}  # fmt: skip

WORDS = ["apple", "apple", "apple", "apple"]
SOMEBODY = Ed25519PrivateKey.generate()
CARD = {"name": "Robin", "avatar": 1, "ground": 1}

#: A body of the right shape for each route that wants one; everything in it is nobody's.
BODIES: dict[str, Any] = {
    "/api/child/friend-code/enter": {"words": WORDS, "how_known": "class"},
    "/api/child/asks/{id}/answer": {"yes": True, "how_known": "class"},
    "/api/child/look": {"avatar": 1, "ground": 1},
    "/api/children": {**CARD, "group": "9-12", "consent": PROMISES},
    "/api/decisions/{id}": {"answer": "voice", "how_known": "met"},
    "/api/children/{id}/limits": {"quiet": {"from": "19:30", "until": "07:00"}, "minutes": 60},
    "/api/children/{id}/stage": {"on": False},
    "/api/children/{id}/age-group": {"group": "9-12"},
    "/api/household": {"country": "GB", "time_zone": "Europe/London"},
    "/api/child/limits": {"quiet": None, "minutes": 60},
    "/api/child/stage": {"on": False},
    "/api/child/limits/object": {"unfair": False},
    "/api/child/lead": {"lead": False, "read": False},
    "/api/contacts/{ref}/supervision": {"mode": "ask"},
    "/api/contacts/{ref}/vouch": {"vouched": False},
    "/api/calls/to-allow/{id}": {"answer": "no"},
    "/api/contacts/{ref}/allow": {"voice": True, "video": False},
    "/api/contacts/{ref}/name": CARD,
    "/api/child/reports": {"request": "r" * 16, "about": {"ref": "k_nobody"}, "what": []},
    "/api/contacts/{ref}/pictures": {"commitment": "A" * 43},
    "/api/contacts/{ref}/pictures/{id}/answer": {"key": "A" * 43, "random": "A" * 43},
    "/api/contacts/{ref}/pictures/{id}/open": {"key": "A" * 43, "random": "A" * 43},
    "/api/links": {"child": "nobody"},
    "/api/links/look": {"token": "x" * 43},
    "/api/links/accept": {"token": "x" * 43, "for": "me", "how_known": "class"},
    "/api/identity": {"key": "A" * 43},
    "/api/rosters": {"body": seal_twin.roster(SOMEBODY, "nobody", "a", [], 1)},
    "/api/known-keys": {"body": seal_twin.knows(SOMEBODY, "nobody", "a", "A" * 43)},
    "/api/pairings/look": {"words": WORDS},
    "/api/pairings/approve": {"words": WORDS, "child": "nobody"},
    "/api/inspector/situation": {"verb": "help", "facts": start_of(load(), Verb.HELP)},
}

GATED = [route for route in api.ROUTES if not isinstance(route.asks, Open)]


def test_every_route_asks_or_says_why_not() -> None:
    for route in (*api.ROUTES, *demo.ROUTES):
        if isinstance(route.asks, Open):
            assert route.asks.reason.endswith("."), route.path
        else:
            assert Verb(route.asks), route.path


def test_the_open_routes_are_these_and_no_others() -> None:
    assert {(r.method, r.path) for r in api.ROUTES if isinstance(r.asks, Open)} == OPEN
    assert {(r.method, r.path) for r in demo.ROUTES} == DEMO


def test_no_route_is_listed_twice() -> None:
    listed = [(route.method, route.path) for route in (*api.ROUTES, *demo.ROUTES)]
    assert len(listed) == len(set(listed))


def test_a_route_is_looked_at_or_posted_to() -> None:
    assert {route.method for route in api.ROUTES if route.path != "/api/inspector/session"} == {"GET", "POST"}


async def everything(house: House) -> dict[str, list[str]]:
    """All rows of all tables, but what looking may note: that it was done (the audit record), and on which day somebody was last here."""
    found = {}
    async with house.db.read() as tx:
        for table in metadata.sorted_tables:
            if not table.name.startswith("audit"):
                kept = [column for column in table.columns if column.name != "last_used_on"]
                found[table.name] = sorted(repr(row) for row in await tx.execute(select(*kept)))
    return found


async def test_looking_never_changes_and_changing_never_looks_like_looking(house: House, families: Families) -> None:
    two = await families.two()
    # on the eve of everything: a code and a link are open, a new device has been said yes to and has not come in yet
    await two.maya.post("/api/child/friend-code")
    await two.sam.post("/api/links", {"child": two.maya_id})
    device = house.device()
    words = (await device.post("/api/pairings"))["words"]
    await two.sam.post("/api/pairings/approve", {"words": words, "child": two.maya_id})
    await house.app[keys.FOLLOWER].catch_up()
    before = await everything(house)
    assert before["pairings"]
    for route in api.ROUTES:
        if route.method != "GET":
            continue
        for one in (two.maya, two.sam, device):
            for child in ("nobody", two.maya_id):
                await one.call("GET", concrete(route).replace("nobody", child))
                assert await everything(house) == before, (route.path, child)
    assert (await device.post("/api/pairings/mine"))["state"] == "done"
    assert await everything(house) != before


def test_every_message_is_handled_in_a_table_that_says_who_is_asked() -> None:
    assert set(ASKS_NOBODY) <= set(HANDLERS)
    assert not set(FIRST) & set(HANDLERS)
    for reason in ASKS_NOBODY.values():
        assert reason.endswith(".")


def test_every_route_of_the_house_is_in_the_table(house: House) -> None:
    served = {
        (route.method, route.resource.canonical)
        for route in house.app.router.routes()
        if route.resource is not None
        and route.resource.canonical.startswith(("/api", "/ws", "/healthz", "/.well-known"))
    }
    assert served - {("HEAD", path) for _, path in served} == {(r.method, r.path) for r in api.ROUTES}


async def rows_about(house: House, verb: str) -> int:
    async with house.db.read() as tx:
        return (await tx.execute(select(func.count()).select_from(audit).where(audit.c.question == verb))).scalar_one()


async def test_every_gated_route_leaves_an_audit_row(house: House, families: Families) -> None:
    sam = await families.grown_up("Sam")
    maya, _ = await families.child(sam, "Maya")
    key = await inspectors.add(house.db, house.app[keys.KEEPER], "Ofcom", house.app[keys.CLOCK].now())
    inspector = house.device()
    await inspector.post("/api/inspector/session", {"key": key})
    house.app[INSPECTIONS].command = lambda out, key: ("true",)  # the route, not the whole inspection
    silent = []
    for route in sorted(GATED, key=lambda one: (one.path == "/api/sign-out", one.path)):
        device = maya if route.path.startswith("/api/child/") else sam
        if route.path.startswith(keys.INSPECTORS):
            device = inspector
        before = await rows_about(house, str(route.asks))
        answer = await device.call(
            route.method, concrete(route), BODIES.get(route.path, {}) if route.method == "POST" else None
        )
        assert answer.status < 500, (route.path, answer.body)
        if await rows_about(house, str(route.asks)) == before:
            silent.append((route.path, str(route.asks), answer.status, answer.body))
    assert silent == []


def concrete(route: Route) -> str:
    query = "?child=nobody" if route.path == "/api/history" else ""
    return (
        route.path.replace("{id}", "nobody")
        .replace("{kind}", "json")
        .replace("{ref}", "g_nobody00")
        .replace("{call}", "c_nobody00")
        + query
    )


@pytest.mark.parametrize("route", GATED, ids=lambda route: f"{route.method} {route.path}")
def test_a_gated_route_has_a_body_to_be_tried_with_or_needs_none(route: Route) -> None:
    assert "{" not in concrete(route)
    assert route.path not in BODIES or any(one.method == "POST" for one in GATED if one.path == route.path)


async def test_nobody_reaches_a_gated_route_without_signing_in(house: House) -> None:
    stranger = house.device()
    for route in GATED:
        answer = await stranger.call(route.method, concrete(route), {} if route.method == "POST" else None)
        assert (answer.status, answer.code) == (401, "not_signed_in"), route.path
        if route.method == "GET":  # aiohttp answers HEAD by the handler of GET
            assert (await stranger.call("HEAD", concrete(route))).status == 401, route.path
