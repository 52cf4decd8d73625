"""Sign-up, consent, children, devices and sign-ins: what exists, what ends, and what can never be half made."""

from __future__ import annotations

import asyncio
import json
import sqlite3

import pytest
from sqlalchemy import exc, inspect

from server.api import keys
from server.throttle import PACES
from tests.house import DAY, PASSWORD, PROMISES, Families, House
from tests.integration.families import look, put, same
from tests.peers import Browserless

REFUSES = (sqlite3.IntegrityError, exc.IntegrityError)  # as each of the two databases says it

CARD = {"name": "Sam", "avatar": 1, "ground": 1}
NEW = {"email": "sam@example.org", "password": PASSWORD, "kind": "guardian", **CARD}
CHILD = {"name": "Maya", "avatar": 3, "ground": 6, "group": "9-12", "consent": PROMISES}

#: names that would hurt if they were ever more than text
MARKUP = [
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "'; DROP TABLE people;--", "{{7*7}} ${7*7} #{7*7}",
    "<svg/onload=alert`1`>", "</title><b>Sam", "javascript:alert(1)", "\\u003cb\\u003e", "%3Cb%3ESam", "&lt;b&gt;Sam &amp; Co",
    "Sam\u00a0Reed", "Zo\u00eb", "\u0646\u06cc\u0644\u0648\u200c\u0641\u0631", "\u540d\u524d", "Sam 👩\u200d🚀",
]  # fmt: skip
#: and those that are none
NO_NAMES = [
    "", "   ", "a" * 41, "Sam\nReed", "Sam\x00", "\u202eevil", "Sam\u2066x\u2069", "\u200f", "a\u2028b", "a\ufeffb", "...", "💚",
    "\ue000x", "x\U000e0041",
]  # fmt: skip


async def test_a_guardian_signs_up_and_is_signed_in(house: House) -> None:
    sam = house.device()
    answer = await sam.call("POST", "/api/sign-up", NEW)
    assert answer.status == 201
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert "Path=/" in cookie
    assert "Domain" not in cookie
    own = answer.json["me"]["own"]
    assert len(own) == 24  # under which this browser keeps Sam's identity
    assert answer.json["me"] == {
        **CARD,
        "kind": "guardian",
        "group": "adult",
        "household": True,
        "own": own,
        "demo": False,
    }
    assert await sam.get("/api/me") == answer.json["me"]
    assert (await sam.get("/api/family"))["children"] == []


async def test_the_cookie_and_the_password_are_kept_only_as_hashes(house: House) -> None:
    sam = house.device()
    answer = await sam.call("POST", "/api/sign-up", NEW)
    token = answer.headers["Set-Cookie"].split("=", 1)[1].split(";")[0]
    everything = str(await look(house, "SELECT * FROM sessions")) + str(await look(house, "SELECT * FROM accounts"))
    assert token not in everything
    assert PASSWORD not in everything
    assert "$argon2id$" in everything


async def test_an_e_mail_signs_up_once_however_it_is_written(house: House) -> None:
    assert (await house.device().call("POST", "/api/sign-up", NEW)).status == 201
    for email in ("sam@example.org", " Sam@Example.ORG "):
        answer = await house.device().call("POST", "/api/sign-up", {**NEW, "email": email})
        assert (answer.status, answer.code) == (422, "cannot_sign_up")
    assert await look(house, "SELECT COUNT(*) FROM people") == [(1,)]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", "sam"), ("email", "sam@localhost"), ("email", "a b@example.org"), ("email", "<b>@example.org"), ("password", "short"),
        ("password", "x" * 257), ("kind", "child"), ("kind", "admin"), ("avatar", 40), ("avatar", -1), ("avatar", "1"), ("ground", 0),
        ("ground", 9), ("country", "gb"), ("time_zone", "Nowhere/Land"), ("time_zone", "../../etc/passwd"), ("name", 7),
    ],
)  # fmt: skip
async def test_a_wrong_field_is_named_and_never_repeated(house: House, field: str, value: object) -> None:
    answer = await house.device().call("POST", "/api/sign-up", {**NEW, field: value})
    assert (answer.status, answer.code) == (422, "bad_request")
    assert list(answer.json["fields"]) == [field]
    assert str(value) not in str(answer.json["fields"][field])
    assert await look(house, "SELECT COUNT(*) FROM people") == [(0,)]
    assert (await house.device().call("POST", "/api/sign-up", NEW)).status == 201


async def test_an_unknown_field_is_refused_because_it_may_be_a_misspelt_one(house: House) -> None:
    assert (await house.device().call("POST", "/api/sign-up", {**NEW, "admin": True})).code == "bad_request"


async def test_names_are_text_and_come_back_as_they_were_typed(house: House) -> None:
    sam = house.device()
    await sam.post("/api/sign-up", NEW)
    for name in MARKUP:
        answer = await sam.call("POST", "/api/children", {**CHILD, "name": f"  {name}  "})
        assert answer.status == 201, name
        assert answer.json["child"]["name"] == name
        assert answer.headers["Content-Type"].startswith("application/json")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert [child["name"] for child in (await sam.get("/api/family"))["children"]] == MARKUP


async def test_what_could_rewrite_the_sentence_around_it_is_no_name(house: House) -> None:
    sam = house.device()
    await sam.post("/api/sign-up", NEW)
    for name in NO_NAMES:
        answer = await sam.call("POST", "/api/children", {**CHILD, "name": name})
        assert (answer.status, answer.json["fields"]) == (422, {"name": "wrong"}), repr(name)
    assert await look(house, "SELECT COUNT(*) FROM children") == [(0,)]


async def test_a_wrong_password_and_an_unknown_e_mail_get_one_answer(house: House) -> None:
    await house.device().post("/api/sign-up", NEW)
    device = house.device()
    wrong = await device.call("POST", "/api/sign-in", {"email": "sam@example.org", "password": "not this one"})
    unknown = await device.call("POST", "/api/sign-in", {"email": "who@example.org", "password": "not this one"})
    not_one = await device.call("POST", "/api/sign-in", {"email": "who", "password": ""})
    assert (wrong.status, wrong.code) == (401, "wrong_sign_in")
    assert same(wrong, unknown)
    assert same(wrong, not_one)
    house.hand.forward(30_000)
    right = await house.device().call("POST", "/api/sign-in", {"email": "SAM@example.org", "password": PASSWORD})
    assert right.status == 200


async def test_guessing_a_password_is_slowed_down(house: House) -> None:
    await house.device().post("/api/sign-up", NEW)
    answers = [
        await house.device().call("POST", "/api/sign-in", {"email": "sam@example.org", "password": f"guess {number}"})
        for number in range(5)
    ]
    assert answers[0].code == "wrong_sign_in"
    assert answers[-1].code == "slow_down"
    assert int(answers[-1].headers["Retry-After"]) >= 1


async def test_a_child_needs_every_promise_in_todays_words(house: House) -> None:
    sam = house.device()
    await sam.post("/api/sign-up", NEW)
    for consent in (
        {"version": "2026-11", "agreed": ["keep", "no_recording"]},
        {"version": "2026-11", "agreed": []},
        {"version": "2019-01", "agreed": PROMISES["agreed"]},
        {"version": "2026-11", "agreed": [*PROMISES["agreed"], "ads"]},
    ):
        answer = await sam.call("POST", "/api/children", {**CHILD, "consent": consent})
        assert (answer.status, answer.json["fields"]) == (422, {"consent": "not_agreed"})
    assert await look(house, "SELECT COUNT(*) FROM consents") == [(0,)]
    child = (await sam.post("/api/children", CHILD))["child"]
    assert (child["consent"]["version"], child["consent"]["withdrawn"]) == ("2026-11", False)
    assert await look(house, "SELECT COUNT(*) FROM consents") == [(1,)]


async def test_the_database_itself_refuses_a_child_without_consent(house: House) -> None:
    sam = house.device()
    await sam.post("/api/sign-up", NEW)
    insert = (
        "INSERT INTO children (person_id, household_id, consent_id, age_method, age_until) "
        "SELECT id, household_id, :consent, 'guardian_attested', 0 FROM people"
    )
    with pytest.raises(REFUSES, match=r"(?i)foreign key"):
        await put(house, insert, consent="none")
    await sam.post("/api/children", CHILD)
    [(consent,)] = await look(house, "SELECT id FROM consents")
    # and one consent is for one child
    with pytest.raises(REFUSES, match=r"(?i)unique"):
        await put(
            house,
            "INSERT INTO children (person_id, household_id, consent_id, age_method, age_until) "
            "SELECT id, household_id, :consent, 'guardian_attested', 0 FROM people WHERE kind = 'guardian'",
            consent=consent,
        )


async def test_nothing_about_a_child_is_kept_but_a_name_a_picture_and_an_age_group(
    house: House, families: Families
) -> None:
    sam = await families.grown_up("Sam")
    await families.child(sam, "Maya")
    async with house.db.read() as tx:
        of = await tx.run_sync(lambda connection: inspect(connection).get_multi_columns())
    columns = {one["name"] for table in ("people", "children") for one in of[None, table]}
    assert "age_group" in columns
    assert not columns & {
        "birth_date",
        "birthday",
        "photo",
        "email",
        "phone",
        "address",
        "gender",
        "school",
        "last_name",
    }


# -- devices ------------------------------------------------------------------------------------------------------------------


async def show_words(house: House) -> tuple[Browserless, dict[str, object]]:
    device = house.device()
    return device, await device.post("/api/pairings")


async def test_a_device_shows_words_and_a_square_and_waits_for_a_guardian(house: House, families: Families) -> None:
    sam = await families.grown_up("Sam")
    maya = (await sam.post("/api/children", CHILD))["child"]["id"]
    device, shown = await show_words(house)
    assert len(shown["words"]) == 4  # type: ignore[arg-type]  # a list
    assert shown["url"] == f"{house.base}/grown-up/#pair={'-'.join(shown['words'])}"  # type: ignore[arg-type]  # a list
    qr = shown["qr"]
    assert isinstance(qr, dict)
    assert {len(row) for row in qr["rows"]} == {qr["size"]} == {len(qr["rows"])}
    assert set("".join(qr["rows"])) == {"0", "1"}
    assert await device.post("/api/pairings/mine") == {"state": "waiting"}
    assert (await sam.post("/api/pairings/look", {"words": shown["words"]}))["label"] == "A browser on a device"
    await sam.post("/api/pairings/approve", {"words": shown["words"], "child": maya})
    assert (await device.post("/api/pairings/mine"))["state"] == "done"
    assert (await device.get("/api/me"))["name"] == "Maya"
    assert await device.post("/api/pairings/mine") == {"state": "expired"}
    [paired] = await sam.get("/api/devices")
    assert paired["child"]["name"] == "Maya"


async def test_words_alone_sign_nobody_in(house: House, families: Families) -> None:
    sam = await families.grown_up("Sam")
    maya = (await sam.post("/api/children", CHILD))["child"]["id"]
    _, shown = await show_words(house)
    await sam.post("/api/pairings/approve", {"words": shown["words"], "child": maya})
    overhearing = house.device()
    assert await overhearing.post("/api/pairings/mine") == {"state": "expired"}
    assert (await overhearing.call("GET", "/api/me")).status == 401


async def test_a_device_that_asks_twice_at_once_is_one_device(house: House, families: Families) -> None:
    sam = await families.grown_up("Sam")
    maya = (await sam.post("/api/children", CHILD))["child"]["id"]
    device, shown = await show_words(house)
    await sam.post("/api/pairings/approve", {"words": shown["words"], "child": maya})
    claim = {"Cookie": "; ".join(f"{one.key}={one.value}" for one in device.http.cookie_jar)}
    twins = [house.device() for _ in range(3)]
    states = [
        answer.json["state"]
        for answer in await asyncio.gather(*(one.call("POST", "/api/pairings/mine", {}, **claim) for one in twins))
    ]
    assert sorted(states) == ["done", "expired", "expired"]
    assert await look(house, "SELECT COUNT(*) FROM devices") == [(1,)]


async def test_pairing_words_work_once_and_for_ten_minutes(house: House, families: Families) -> None:
    sam = await families.grown_up("Sam")
    maya = (await sam.post("/api/children", CHILD))["child"]["id"]
    _, shown = await show_words(house)
    yes = {"words": shown["words"], "child": maya}
    assert (await sam.call("POST", "/api/pairings/approve", yes)).status == 200
    used = await sam.call("POST", "/api/pairings/approve", yes)
    device, shown = await show_words(house)
    house.hand.forward(10 * 60_000)
    expired = await sam.call("POST", "/api/pairings/approve", {"words": shown["words"], "child": maya})
    assert await device.post("/api/pairings/mine") == {"state": "expired"}
    unknown = await sam.call("POST", "/api/pairings/approve", {"words": ["zebra"] * 4, "child": maya})
    assert (used.status, used.code) == (404, "no_match")
    assert same(used, expired)
    assert same(used, unknown)


async def test_new_words_make_the_devices_older_ones_void(house: House, families: Families) -> None:
    sam = await families.grown_up("Sam")
    maya = (await sam.post("/api/children", CHILD))["child"]["id"]
    device, first = await show_words(house)
    second = await device.post("/api/pairings")
    assert (await sam.call("POST", "/api/pairings/look", {"words": first["words"]})).code == "no_match"
    await sam.post("/api/pairings/approve", {"words": second["words"], "child": maya})
    assert (await device.post("/api/pairings/mine"))["state"] == "done"


async def test_a_yes_to_a_device_is_void_when_consent_is_withdrawn_before_it_comes(
    house: House, families: Families
) -> None:
    sam = await families.grown_up("Sam")
    maya = (await sam.post("/api/children", CHILD))["child"]["id"]
    device, shown = await show_words(house)
    await sam.post("/api/pairings/approve", {"words": shown["words"], "child": maya})
    await sam.post(f"/api/children/{maya}/consent/withdraw")
    assert await device.post("/api/pairings/mine") == {"state": "expired"}
    assert (await device.call("GET", "/api/me")).status == 401


async def test_an_unpaired_device_is_nobodys_at_once_and_the_live_calls_hear_it(
    house: House, families: Families
) -> None:
    two = await families.two()
    [device] = await two.sam.get("/api/devices")
    await two.sam.post(f"/api/devices/{device['id']}/unpair")
    assert (await two.maya.call("GET", "/api/child/home")).code == "not_signed_in"
    assert await two.sam.get("/api/devices") == []
    assert await session_over(house) == await look(
        house, "SELECT id FROM sessions WHERE device_id = :d", d=device["id"]
    )
    # the child is not gone: another device can be paired
    again = await families.pair(two.sam, two.maya_id)
    assert [one["name"] for one in (await again.get("/api/child/home"))["people"]] == ["Theo"]


async def session_over(house: House) -> list[tuple[str]]:
    """Which sign-ins the newest notice to the live calls ends."""
    [(detail,)] = await look(house, "SELECT detail FROM notices WHERE kind = 'session_over' ORDER BY id DESC LIMIT 1")
    return [(json.loads(detail)["sessions"][0],)]


# -- sign-ins -------------------------------------------------------------------------------------------------------------------


async def test_signing_out_ends_this_sign_in_and_no_other(house: House, families: Families) -> None:
    sam = await families.grown_up("Sam")
    phone = house.device()
    await phone.post("/api/sign-in", {"email": "sam1@example.org", "password": PASSWORD})
    assert [one["this"] for one in await sam.get("/api/sessions")].count(True) == 1
    assert len(await sam.get("/api/sessions")) == 2
    answer = await phone.call("POST", "/api/sign-out", {})
    assert answer.status == 204
    assert (await phone.call("GET", "/api/me")).status == 401
    assert len(await sam.get("/api/sessions")) == 1
    assert len(await session_over(house)) == 1


async def test_a_stolen_cookie_is_dead_after_it_is_revoked(house: House, families: Families) -> None:
    sam = await families.grown_up("Sam")
    phone = house.device()
    await phone.post("/api/sign-in", {"email": "sam1@example.org", "password": PASSWORD})
    [other] = [one for one in await sam.get("/api/sessions") if not one["this"]]
    await sam.post(f"/api/sessions/{other['id']}/revoke")
    assert (await phone.call("GET", "/api/family")).code == "not_signed_in"
    assert (await sam.call("GET", "/api/family")).status == 200
    assert await session_over(house) == [(other["id"],)]


async def test_signing_in_over_another_sign_in_ends_the_other(house: House, families: Families) -> None:
    await families.grown_up("Sam")
    phone = await families.grown_up("Femi")
    await phone.post("/api/sign-in", {"email": "sam1@example.org", "password": PASSWORD})
    assert (await phone.get("/api/me"))["name"] == "Sam"
    live = "SELECT COUNT(*) FROM sessions s JOIN people p ON p.id = s.person_id WHERE p.name = 'Femi' AND revoked_at IS NULL"
    assert await look(house, live) == [(0,)]


async def test_a_child_who_signs_out_leaves_no_paired_device_behind(families: Families) -> None:
    two = await families.two()
    await two.maya.post("/api/sign-out")
    assert await two.sam.get("/api/devices") == []
    assert (await two.maya.call("GET", "/api/child/home")).status == 401


async def test_a_sign_in_ends_by_itself_after_thirty_days_and_a_childs_after_a_year(
    house: House, families: Families
) -> None:
    sam = await families.grown_up("Sam")
    maya, _ = await families.child(sam, "Maya")
    house.hand.forward(30 * DAY - 60_000)
    assert (await sam.call("GET", "/api/family")).status == 200
    house.hand.forward(60_000)
    assert (await sam.call("GET", "/api/family")).code == "not_signed_in"
    assert (await maya.call("GET", "/api/child/home")).status == 200
    house.hand.forward(335 * DAY)
    assert (await maya.call("GET", "/api/child/home")).code == "not_signed_in"


async def test_only_the_day_of_last_use_is_kept(house: House, families: Families) -> None:
    sam = await families.grown_up("Sam")
    maya, _ = await families.child(sam, "Maya")
    [before] = await sam.get("/api/devices")
    house.hand.forward(2 * DAY)
    await maya.get("/api/me")
    [after] = await sam.get("/api/devices")
    assert len(after["last_used_on"]) == len("2026-11-22")
    assert after["last_used_on"] > before["last_used_on"]


async def test_withdrawn_consent_stops_everything_of_the_child_at_once(house: House, families: Families) -> None:
    two = await families.two()
    words = (await two.maya.post("/api/child/friend-code"))["words"]
    link = (await two.sam.post("/api/links", {"child": two.maya_id}))["url"].split("#invite=")[1]
    await two.sam.post(f"/api/children/{two.maya_id}/consent/withdraw")
    assert (await two.maya.call("GET", "/api/child/home")).code == "not_signed_in"
    assert await two.sam.get("/api/devices") == []
    [child] = (await two.sam.get("/api/family"))["children"]
    assert child["consent"]["withdrawn"] is True
    kinds = [kind for (kind,) in await look(house, "SELECT kind FROM notices ORDER BY id DESC LIMIT 4")]
    assert sorted(kinds) == ["changed", "changed", "facts_changed", "session_over"]
    # nothing new can begin
    typed = await two.theo.call("POST", "/api/child/friend-code/enter", {"words": words, "how_known": "class"})
    assert typed.code == "no_match"
    assert (await two.femi.call("POST", "/api/links/look", {"token": link})).code == "no_match"
    assert (await two.sam.call("POST", "/api/links", {"child": two.maya_id})).code == "not_permitted"
    _, shown = await show_words(house)
    again = await two.sam.call("POST", "/api/pairings/approve", {"words": shown["words"], "child": two.maya_id})
    assert again.code == "not_permitted"
    # the other family's child is untouched, and withdrawing twice is withdrawing once
    assert (await two.theo.call("GET", "/api/child/home")).status == 200
    assert (await two.sam.call("POST", f"/api/children/{two.maya_id}/consent/withdraw", {})).status == 200


async def test_what_was_being_asked_lapses_when_consent_is_withdrawn(house: House, families: Families) -> None:
    two = await families.two(friends=False)
    words = (await two.maya.post("/api/child/friend-code"))["words"]
    await two.theo.post("/api/child/friend-code/enter", {"words": words, "how_known": "class"})
    [asked] = (await two.maya.get("/api/child/home"))["asks"]
    await two.maya.post(f"/api/child/asks/{asked['id']}/answer", {"yes": True, "how_known": "class"})
    [waiting] = await two.femi.get("/api/decisions")
    await two.sam.post(f"/api/children/{two.maya_id}/consent/withdraw")
    assert await look(house, "SELECT state, ended_at IS NOT NULL FROM contacts") == [("lapsed", 1)]
    assert await two.femi.get("/api/decisions") == []
    late = await two.femi.call("POST", f"/api/decisions/{waiting['id']}", {"answer": "camera", "how_known": "met"})
    assert late.code == "conflict"
    assert await look(house, "SELECT state FROM contacts") == [("lapsed",)]


async def test_a_child_picks_their_own_picture_and_others_keep_the_one_they_chose(families: Families) -> None:
    two = await families.two()
    [before] = (await two.theo.get("/api/child/home"))["people"]
    me = (await two.maya.post("/api/child/look", {"avatar": 39, "ground": 8}))["me"]
    assert (me["avatar"], me["ground"]) == (39, 8)
    assert (await two.theo.get("/api/child/home"))["people"] == [before]


async def test_a_contact_is_shown_as_the_childs_own_family_calls_them(families: Families) -> None:
    two = await families.two()
    [contact] = await two.sam.get(f"/api/children/{two.maya_id}/contacts")
    card = {"name": "Theo from school", "avatar": 7, "ground": 2}
    await two.sam.post(f"/api/contacts/{contact['ref']}/name", card)
    [person] = (await two.maya.get("/api/child/home"))["people"]
    assert {field: person[field] for field in card} == card
    assert (await two.theo.get("/api/me"))["name"] == "Theo"


async def test_an_age_that_was_not_asked_again_is_the_youngest(house: House, families: Families) -> None:
    sam = await families.grown_up("Sam")
    await families.child(sam, "Maya", "16-17")
    assert [child["group"] for child in (await sam.get("/api/family"))["children"]] == ["16-17"]
    await put(house, "UPDATE children SET age_until = :now", now=house.app[keys.CLOCK].now())
    assert [child["group"] for child in (await sam.get("/api/family"))["children"]] == ["5-8"]
    await put(house, "UPDATE children SET age_group = NULL, age_until = age_until + 86400000")
    assert [child["group"] for child in (await sam.get("/api/family"))["children"]] == ["5-8"]


async def test_every_act_and_every_refusal_has_its_row_in_the_record(house: House, families: Families) -> None:
    two = await families.two(friends=False)
    [(before,)] = await look(house, "SELECT COUNT(*) FROM audit")
    await two.femi.call("GET", f"/api/children/{two.maya_id}/contacts")
    await two.sam.call("GET", f"/api/children/{two.maya_id}/contacts")
    rows = await look(house, "SELECT question, verdict FROM audit ORDER BY at DESC, chain LIMIT 10")
    [(after,)] = await look(house, "SELECT COUNT(*) FROM audit")
    assert after > before
    assert ("look_at_contacts", "deny") in rows
    assert ("look_at_contacts", "allow") in rows
    everything = str(await look(house, "SELECT * FROM audit"))
    assert not any(name in everything for name in ("Maya", "Theo", "Sam", "Femi", "example.org", "127.0.0.1"))


async def test_words_for_new_devices_are_not_given_out_without_end(house: House, families: Families) -> None:
    sam = await families.grown_up("Sam")
    device = house.device()
    limit = PACES["new_device"].limit
    answers = [await device.call("POST", "/api/pairings", {}) for _ in range(limit + 1)]
    assert [one.status for one in answers] == [201] * limit + [429]
    assert answers[-1].code == "slow_down"
    assert await look(house, "SELECT COUNT(*) FROM pairings") == [
        (1,)
    ]  # each try of this device took the place of the one before
    # nothing else of this address is slower for it, and the half hour ends
    assert (await sam.call("POST", "/api/pairings/look", {"words": answers[limit - 1].json["words"]})).status == 200
    house.hand.forward(PACES["new_device"].window_ms)
    assert (await device.call("POST", "/api/pairings", {})).status == 201


async def test_one_address_makes_only_so_many_families_an_hour_though_each_is_right(house: House) -> None:
    limit = PACES["new_family"].limit
    card = {"password": PASSWORD, "kind": "trusted_adult", "name": "Gran", "avatar": 1, "ground": 1}
    answers = [
        await house.device().call("POST", "/api/sign-up", {"email": f"gran{n}@example.org", **card})
        for n in range(limit + 1)
    ]
    assert [one.status for one in answers] == [201] * limit + [429]
    assert await look(house, "SELECT COUNT(*) FROM accounts") == [(limit,)]
    house.hand.forward(PACES["new_family"].window_ms)
    again = await house.device().call("POST", "/api/sign-up", {"email": "gran@example.org", **card})
    assert again.status == 201
