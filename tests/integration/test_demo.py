"""The demo: made-up families made by real services, a door for the visitor, and nothing of it outside the demo."""

from __future__ import annotations

import json
import ssl
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import aiohttp.web
import pytest
from cryptography import x509
from sqlalchemy import func, select, update

from server import demo, https
from server.api import keys
from server.app import open_doors, tls
from server.db.models import accounts, audit, children, consents, contacts, devices, sessions, yeses
from server.errors import CannotStart
from server.settings import DEMO_SLUGS, Settings
from tests import seal_twin
from tests.house import Families, House, open_house
from tests.peers import Browserless, approved_call


@pytest.fixture
async def shown(tmp_path: Path) -> AsyncIterator[House]:
    """A running demo."""
    async with open_house(tmp_path, demo=True) as opened:
        yield opened


async def become(house: House, slug: str) -> Browserless:
    device = house.device(f"{slug}.localhost")
    await device.post("/api/demo/enter", {"slug": slug})
    return device


async def people_of(device: Browserless, page: str = "/api/child/home") -> set[str]:
    found = await device.get(page)
    return {one["name"] for one in (found["people"] if isinstance(found, dict) else found)}


async def test_the_start_page_lists_everybody_with_a_home_of_their_own(shown: House) -> None:
    people = (await shown.device().get("/api/demo"))["people"]
    assert [one["slug"] for one in people] == list(DEMO_SLUGS)
    assert {one["slug"] for one in people if one["family"] == "strangers"} == {"kit", "alex"}
    whose = {one["name"]: one["of"] for one in people}
    assert whose == {
        "Maya": "", "Theo": "", "Kit": "", "Sam": "Maya", "Gran": "Maya", "Femi": "Theo", "Alex": "Kit"
    }  # fmt: skip
    for one in people:
        assert one["url"] == f"http://{one['slug']}.localhost:{shown.settings.port}/demo/?as={one['slug']}"


async def test_friends_know_each_other_and_the_strangers_know_nobody(shown: House) -> None:
    assert await people_of(await become(shown, "maya")) == {"Theo", "Gran", "Sam"}
    assert await people_of(await become(shown, "theo")) == {"Maya", "Femi"}
    assert await people_of(await become(shown, "kit")) == set()
    assert await people_of(await become(shown, "gran"), "/api/people") == {"Maya"}
    assert await people_of(await become(shown, "sam"), "/api/people") == {"Maya"}
    assert await people_of(await become(shown, "alex"), "/api/people") == set()


async def test_a_page_becomes_the_person_whose_name_it_has_and_nobody_else(shown: House) -> None:
    maya = shown.device("maya.localhost")
    for other in ("sam", "theo", "localhost", "", "nobody"):
        no = await maya.call("POST", "/api/demo/enter", {"slug": other})
        assert (no.status, no.code) == (404, "not_found"), other
        assert "Set-Cookie" not in no.headers
    assert await maya.post("/api/demo/enter", {"slug": "maya"}) == {"go": "/child/"}
    assert (await maya.get("/api/me"))["name"] == "Maya"
    plain = shown.device()
    for slug in DEMO_SLUGS:
        assert (await plain.call("POST", "/api/demo/enter", {"slug": slug})).status == 404


async def test_outside_the_demo_there_is_no_such_door(house: House) -> None:
    device = house.device("maya.localhost")
    for method, path in (
        ("GET", "/api/demo"),
        ("POST", "/api/demo/enter"),
        ("POST", "/api/demo/reset"),
        ("GET", "/demo/"),
    ):
        answer = await device.call(method, path, {"slug": "maya"} if method == "POST" else None)
        assert (answer.status, answer.code) == (404, "not_found"), path


async def test_the_families_were_made_as_real_ones_are(shown: House) -> None:
    async with shown.db.read() as tx:
        count = {
            t.name: (await tx.execute(select(func.count()).select_from(t))).scalar_one()
            for t in (children, consents, contacts)
        }
        assert count == {"children": 3, "consents": 3, "contacts": 4}
        assert set((await tx.execute(select(contacts.c.state))).scalars()) == {"approved"}
        said = (
            await tx.execute(select(contacts.c.id, func.count(yeses.c.slot)).join(yeses).group_by(contacts.c.id))
        ).all()
        assert sorted(number for _, number in said) == [3, 3, 3, 4]  # children: four yeses; a grown-up: three
        asked = set((await tx.execute(select(audit.c.question).where(audit.c.verdict == "allow"))).scalars())
        assert {
            "add_child",
            "pair_device",
            "make_friend_code",
            "enter_friend_code",
            "answer_ask",
            "decide",
            "make_link",
        } <= asked
        denied = (
            await tx.execute(select(func.count()).select_from(audit).where(audit.c.verdict == "deny"))
        ).scalar_one()
        assert denied == 0


async def test_nobody_is_left_signed_in_when_the_demo_opens(shown: House) -> None:
    async with shown.db.read() as tx:
        assert (
            await tx.execute(select(func.count()).select_from(sessions).where(sessions.c.revoked_at.is_(None)))
        ).scalar_one() == 0
        assert (
            await tx.execute(select(func.count()).select_from(devices).where(devices.c.unpaired_at.is_(None)))
        ).scalar_one() == 0


async def test_entering_twice_is_one_more_device_and_both_work(shown: House) -> None:
    first, second = await become(shown, "maya"), await become(shown, "maya")
    assert await people_of(first) == await people_of(second)
    assert len(await (await become(shown, "sam")).get("/api/devices")) == 2


async def test_starting_again_hangs_up_forgets_and_makes_everybody_anew(shown: House) -> None:
    maya, sam = await become(shown, "maya"), await become(shown, "sam")
    await maya.connect()
    ref = (await maya.get("/api/child/home"))["people"][0]["ref"]
    await maya.post(f"/api/child/people/{ref}/end")
    await shown.device().post("/api/demo/reset")
    assert (await maya.expect("closed"))["code"] == 4403
    for gone in (maya, sam):
        assert (await gone.call("GET", "/api/me")).status == 401
    assert await people_of(await become(shown, "maya")) == {"Theo", "Gran", "Sam"}
    assert (await shown.device().call("GET", "/healthz")).status == 200


async def test_the_demo_begins_afresh_when_it_is_started_again(shown: House) -> None:
    maya = await become(shown, "maya")
    await shown.restart()
    assert (await maya.call("GET", "/api/me")).status == 401
    assert await people_of(await become(shown, "maya")) == {"Theo", "Gran", "Sam"}


async def test_a_visitor_who_signs_up_in_the_demo_is_forgotten_with_it(shown: House) -> None:
    ada = await Families(shown).grown_up("Ada")
    assert (await shown.device().call("POST", "/api/demo/reset", {})).status == 200
    assert (await ada.call("GET", "/api/me")).status == 401
    await Families(shown).grown_up("Ada")
    await shown.restart()
    assert await people_of(await become(shown, "maya")) == {"Theo", "Gran", "Sam"}


async def test_the_demo_empties_no_records_that_it_did_not_make(shown: House) -> None:
    sam = await become(shown, "sam")
    async with shown.db.begin() as tx:
        await tx.execute(update(accounts).values(email=accounts.c.person_id + "@example.org"))
    answer = await shown.device().call("POST", "/api/demo/reset", {})
    assert (answer.status, answer.code) == (403, "not_permitted")
    assert (await sam.get("/api/me"))["name"] == "Sam"
    with pytest.raises(CannotStart, match="not made by the demo"):
        await demo.seed(shown.app)


async def test_nobody_signs_for_made_up_grown_ups_but_the_demo_and_it_leaves_alone_what_a_visitor_signs(
    shown: House,
) -> None:
    maya, theo, sam = [await become(shown, name) for name in ("maya", "theo", "sam")]
    for device in (maya, theo, sam):
        await device.say_key()
    for device in (maya, theo):
        await device.connect()

    async def what_theo_is_told() -> str:
        ref = next(one["ref"] for one in (await maya.get("/api/child/home"))["people"] if one["name"] == "Theo")
        call = (await maya.ask(t="call.invite", to=[ref], media="audio"))["call"]
        (told,) = await theo.get(f"/api/calls/{call}/rosters")
        await maya.ask(t="call.leave", call=call)
        return str(told["roster"])

    first = await what_theo_is_told()
    assert seal_twin.key_of(maya.identity) in first
    assert seal_twin.key_of(sam.identity) not in first
    await sam.sign()
    signed = await what_theo_is_told()
    assert json.loads(json.loads(signed)["m"])["guardian"] == seal_twin.key_of(sam.identity)
    assert await what_theo_is_told() == signed


async def test_a_made_up_call_is_a_real_call(shown: House) -> None:
    maya, theo = await become(shown, "maya"), await become(shown, "theo")
    for device in (maya, theo):
        await device.say_key()
        await device.connect()
    ref = next(one["ref"] for one in (await maya.get("/api/child/home"))["people"] if one["name"] == "Theo")
    call = await approved_call(maya, theo, ref)
    await theo.wait_frames("audio", 5, seconds=30)
    opened = await maya.ask(t="call.media", call=call, audio=True, video=True)
    assert opened["t"] == "ok"
    await theo.wait_frames("video", 3, seconds=30)
    assert shown.app[keys.GATE].who_sees_whom()


async def test_a_stranger_of_the_demo_cannot_ring_by_a_ref_that_is_not_theirs(shown: House) -> None:
    maya, kit = await become(shown, "maya"), await become(shown, "kit")
    await maya.connect()
    await kit.connect()
    ref = (await maya.get("/api/child/home"))["people"][0]["ref"]
    refused = await kit.ask(t="call.invite", to=[ref], media="video")
    assert (refused["t"], refused["code"]) == ("err", "not_found")
    unknown = await kit.ask(t="call.invite", to=["k_nobody0000000000"], media="video")
    assert {**unknown, "re": "", "seq": 0} == {**refused, "re": "", "seq": 0}


async def test_a_second_device_comes_in_by_https_and_chooses_on_one_origin(tmp_path: Path) -> None:
    chain, key = https.certificate(tmp_path / "var", ["192.0.2.7"])
    names = x509.load_pem_x509_certificate(chain.read_bytes()).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    assert "localhost" in names.value.get_values_for_type(x509.DNSName)
    assert "192.0.2.7" in {str(one) for one in names.value.get_values_for_type(x509.IPAddress)}
    assert stat.S_IMODE(key.stat().st_mode) == 0o600

    context = tls(Settings(certificate=str(chain), certificate_key=str(key)))
    assert context is not None
    async with open_house(tmp_path, demo=True, demo_on_network=True, origin=("https://192.0.2.7",)) as house:
        # the same application, once more behind a socket that speaks TLS
        runner = await open_doors(house.app, [], None)
        site = aiohttp.web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]  # it has just been started
        trust = ssl.create_default_context(cafile=str(chain))
        async with aiohttp.ClientSession() as http:
            base, names_us = f"https://127.0.0.1:{port}", {"Host": "192.0.2.7", "Origin": "https://192.0.2.7"}
            async with http.get(f"{base}/api/demo", ssl=trust, headers=names_us) as r:
                assert {one["url"] for one in (await r.json())["people"]} == {
                    f"/demo/?as={slug}" for slug in DEMO_SLUGS
                }
            for slug in ("theo", "gran"):
                async with http.post(f"{base}/api/demo/enter", json={"slug": slug}, ssl=trust, headers=names_us) as r:
                    assert r.status == 200
                    cookie = r.headers["Set-Cookie"]
                    assert cookie.startswith("__Host-ringfence=")
                    for part in ("Secure", "HttpOnly", "SameSite=Strict", "Path=/"):
                        assert part in cookie
        await site.stop()


def test_everybody_of_the_cast_has_a_picture_of_their_own() -> None:
    assert len({one.avatar for one in demo.CAST}) == len(demo.CAST)


async def test_whoever_looks_at_the_demo_may_be_its_inspector_under_every_name_and_reaches_nobody(shown: House) -> None:
    for host in ("localhost", "maya.localhost"):
        device = shown.device(host)
        assert (await device.call("GET", "/api/inspector/rules")).code == "not_signed_in"
        assert (await device.post("/api/demo/inspector"))["label"] == "Demo inspector"
        assert (await device.get("/api/inspector/rules"))["rules"]
        assert (await device.get("/api/inspector/decisions"))["decisions"], "in a demo nobody is real: all are listed"
        assert (await device.call("GET", "/api/me")).code == "not_signed_in"
        assert (await device.call("GET", "/api/child/home")).code == "not_signed_in"
    before = device
    await shown.device().post("/api/demo/reset")
    assert (await before.call("GET", "/api/inspector/rules")).code == "not_signed_in"
    assert (await before.post("/api/demo/inspector"))["label"] == "Demo inspector"
