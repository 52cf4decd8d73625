"""What somebody who is not of the family gets: for a real child and for none, the same bytes."""

from __future__ import annotations

import pytest

from server.api import contacts, families
from server.api.keys import Open
from tests.house import Families, House, Two
from tests.integration.families import look, same
from tests.peers import Answer, Browserless

NONE = "AAAAAAAAAAAAAAAAAAAAAA"  # looks like an id, and is nobody's

#: every route about a person, contact, device or sign-in of somebody: (method, path, body), ``{}`` is where the id goes
ABOUT: dict[str, tuple[str, str, object]] = {
    "their child's contacts": ("GET", "/api/children/{}/contacts", None),
    "their child's history": ("GET", "/api/history?child={}", None),
    "their consent": ("POST", "/api/children/{}/consent/withdraw", {}),
    "a link to their child": ("POST", "/api/links", {"child": "{}"}),
    "a link for their child": ("POST", "/api/links/accept", {"token": "x" * 43, "for": "{}", "how_known": "class"}),
    "a device for their child": ("POST", "/api/pairings/approve", {"words": ["zebra"] * 4, "child": "{}"}),
}
CONTACT: dict[str, tuple[str, str, object]] = {
    "their decision": ("POST", "/api/decisions/{}", {"answer": "camera"}),
    "their no": ("POST", "/api/decisions/{}", {"answer": "no"}),
}
REF: dict[str, tuple[str, str, object]] = {
    "their switches": ("POST", "/api/contacts/{}/allow", {"voice": True, "video": True}),
    "their name for somebody": ("POST", "/api/contacts/{}/name", {"name": "Me", "avatar": 1, "ground": 1}),
    "their contact": ("POST", "/api/contacts/{}/end", {}),
    "their friend": ("POST", "/api/people/{}/end", {}),
}


async def probe(device: Browserless, route: tuple[str, str, object], about: str) -> Answer:
    method, path, body = route
    filled = (
        {name: about if value == "{}" else value for name, value in body.items()} if isinstance(body, dict) else None
    )
    return await device.call(method, path.replace("{}", about), filled)


async def real_and_none(device: Browserless, route: tuple[str, str, object], real: str, none: str) -> None:
    found, nothing = await probe(device, route, real), await probe(device, route, none)
    assert (found.status, found.code) == (404, "not_found"), (route, found.body)
    assert same(found, nothing), route


async def everything_is_as_it_was(house: House) -> None:
    assert await look(house, "SELECT state FROM contacts") == [("approved",)]
    assert await look(house, "SELECT COUNT(*) FROM consents WHERE withdrawn_at IS NOT NULL") == [(0,)]
    assert await look(house, "SELECT COUNT(*) FROM devices WHERE unpaired_at IS NOT NULL") == [(0,)]
    assert await look(house, "SELECT COUNT(*) FROM sessions WHERE revoked_at IS NOT NULL") == [(0,)]


@pytest.mark.parametrize("kind", ["guardian", "trusted_adult"])
async def test_a_strange_grown_up_cannot_tell_a_real_child_from_none(
    house: House, families: Families, kind: str
) -> None:
    two = await families.two()
    alex = await families.grown_up("Alex", kind)
    for route in ABOUT.values():
        await real_and_none(alex, route, two.maya_id, NONE)
        house.hand.forward(31 * 60_000)  # words and links may only be tried a few times
    [(contact,)] = await look(house, "SELECT id FROM contacts")
    for route in CONTACT.values():
        await real_and_none(alex, route, contact, NONE)
    for route in REF.values():
        await real_and_none(alex, route, "g_" + two.maya_sees_theo[2:], "g_0123456789abcdef")
        await real_and_none(alex, route, two.maya_sees_theo, "k_0123456789abcdef")
    [(device, session), *_] = await look(house, "SELECT device_id, id FROM sessions WHERE device_id IS NOT NULL")
    await real_and_none(alex, ("POST", "/api/devices/{}/unpair", {}), device, NONE)
    await real_and_none(alex, ("POST", "/api/sessions/{}/revoke", {}), session, NONE)
    await everything_is_as_it_was(house)


async def test_the_other_familys_guardian_is_a_stranger_to_my_child_too(house: House, families: Families) -> None:
    two = await families.two()
    for route in ABOUT.values():
        await real_and_none(two.femi, route, two.maya_id, NONE)
        house.hand.forward(31 * 60_000)
    for route in list(REF.values())[:3]:
        await real_and_none(two.femi, route, "g_" + two.maya_sees_theo[2:], "g_0123456789abcdef")
    await everything_is_as_it_was(house)
    # and the same routes are open to the child's own guardian
    assert (await two.sam.call("GET", f"/api/children/{two.maya_id}/contacts")).status == 200


async def test_a_strange_child_cannot_tell_a_real_contact_from_none(house: House, families: Families) -> None:
    two = await families.two()
    kit, _ = await families.child(await families.grown_up("Alex"), "Kit")
    [(contact,)] = await look(house, "SELECT id FROM contacts")
    await real_and_none(kit, ("POST", "/api/child/asks/{}/answer", {"yes": True}), contact, NONE)
    await real_and_none(kit, ("POST", "/api/child/asks/{}/answer", {"yes": False}), contact, NONE)
    for ref in (two.maya_sees_theo, "g_" + two.maya_sees_theo[2:]):
        await real_and_none(kit, ("POST", "/api/child/people/{}/end", {}), ref, ref[:2] + "0123456789abcdef")
    await everything_is_as_it_was(house)


async def test_a_friends_ref_of_me_is_worthless_in_my_hands(house: House, families: Families) -> None:
    two = await families.two()
    await real_and_none(two.maya, ("POST", "/api/child/people/{}/end", {}), two.theo_sees_maya, "k_0123456789abcdef")
    await everything_is_as_it_was(house)


GROWN_UPS_ONLY = [
    ("GET", "/api/family", None),
    ("GET", "/api/decisions", None),
    ("GET", "/api/people", None),
    ("GET", "/api/devices", None),
    ("POST", "/api/links/look", {"token": "x" * 43}),
    ("POST", "/api/links/accept", {"token": "x" * 43, "for": "me", "how_known": "family"}),
    ("POST", "/api/pairings/look", {"words": ["zebra"] * 4}),
    ("POST", "/api/children", {
        "name": "Own", "avatar": 1, "ground": 1, "group": "5-8",
        "consent": {"version": "2026-11", "agreed": ["keep", "no_recording", "change_mind"]},
    }),
]  # fmt: skip
CHILDREN_ONLY = [
    ("GET", "/api/child/home", None),
    ("POST", "/api/child/friend-code", {}),
    ("POST", "/api/child/friend-code/enter", {"words": ["zebra"] * 4, "how_known": "class"}),
    ("POST", "/api/child/look", {"avatar": 1, "ground": 1}),
]


async def test_a_child_gets_nothing_of_the_grown_ups_pages(families: Families) -> None:
    two = await families.two()
    for route in GROWN_UPS_ONLY:
        answer = await probe(two.maya, route, "")
        assert (answer.status, answer.code) == (404, "not_found"), route


async def test_a_child_cannot_say_a_grown_ups_yes_for_themselves(house: House, families: Families) -> None:
    two = await families.two(friends=False)
    words = (await two.maya.post("/api/child/friend-code"))["words"]
    await two.theo.post("/api/child/friend-code/enter", {"words": words, "how_known": "class"})
    [asked] = (await two.maya.get("/api/child/home"))["asks"]
    answer = await two.maya.call("POST", f"/api/decisions/{asked['id']}", {"answer": "camera"})
    assert (answer.status, answer.code) == (404, "not_found")
    grown_up = await two.sam.call("POST", f"/api/child/asks/{asked['id']}/answer", {"yes": True})
    assert (grown_up.status, grown_up.code) == (404, "not_found")
    assert await look(house, "SELECT slot FROM yeses") == [("b",)]
    # the same two answers from those whose they are
    assert (await two.sam.call("POST", f"/api/decisions/{asked['id']}", {"answer": "camera"})).status == 200
    assert (await two.maya.call("POST", f"/api/child/asks/{asked['id']}/answer", {"yes": True})).status == 200


@pytest.mark.parametrize("kind", ["guardian", "trusted_adult"])
async def test_a_grown_up_gets_nothing_of_a_childs_pages(families: Families, kind: str) -> None:
    grown_up = await families.grown_up("Sam", kind)
    for route in CHILDREN_ONLY:
        answer = await probe(grown_up, route, "")
        assert (answer.status, answer.code) == (404, "not_found"), route


async def test_a_trusted_adult_is_no_guardian(house: House, families: Families) -> None:
    gran = await families.grown_up("Gran", "trusted_adult")
    sam = await families.grown_up("Sam")
    for route in (GROWN_UPS_ONLY[3], GROWN_UPS_ONLY[6], GROWN_UPS_ONLY[7]):
        refused = await probe(gran, route, "")
        assert (refused.status, refused.code) == (404, "not_found"), route
    assert await look(house, "SELECT COUNT(*) FROM consents") == [(0,)]
    assert (await probe(sam, GROWN_UPS_ONLY[7], "")).status == 201


async def test_nothing_is_told_to_somebody_who_is_not_signed_in(house: House) -> None:
    nobody = house.device()
    for route in families.ROUTES + contacts.ROUTES:
        if isinstance(route.asks, Open):
            continue
        answer = await nobody.call(route.method, route.path.replace("{id}", NONE).replace("{ref}", "k_0123456789"), {})
        assert (answer.status, answer.code) == (401, "not_signed_in"), route.path
    assert (await nobody.call("GET", "/api/me")).status == 401


async def test_a_request_from_another_page_changes_nothing(families: Families) -> None:
    two: Two = await families.two()
    two.maya.origin = "https://elsewhere.example"
    answer = await two.maya.call("POST", f"/api/child/people/{two.maya_sees_theo}/end", {})
    assert (answer.status, answer.code) == (403, "bad_origin")
    two.maya.origin = two.maya.base
    assert len((await two.maya.get("/api/child/home"))["people"]) == 1


async def test_no_route_searches_suggests_or_lists_somebody_elses_contacts() -> None:
    listing = {route.path for route in families.ROUTES + contacts.ROUTES if route.method == "GET"}
    assert listing == {
        "/api/me", "/api/words", "/api/family", "/api/devices", "/api/sessions", "/api/child/home",
        "/api/decisions", "/api/people", "/api/children/{id}/contacts",
    }  # fmt: skip


async def test_no_answer_ever_holds_somebody_elses_id(house: House, families: Families) -> None:
    two = await families.two()
    ids = {row[0]: row[1] for row in await look(house, "SELECT name, id FROM people")}
    hers = str(await two.maya.get("/api/child/home"))
    assert not any(one in hers for one in ids.values())
    his = "".join([
        str(await two.sam.get(path))
        for path in ("/api/family", "/api/decisions", "/api/people", "/api/devices", f"/api/children/{two.maya_id}/contacts")
    ])  # fmt: skip
    assert ids["Maya"] in his
    assert not any(ids[name] in his for name in ("Theo", "Femi", "Sam"))
