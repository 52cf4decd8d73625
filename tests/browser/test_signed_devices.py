"""Which devices may talk, by hand in real pages: a guardian signs a child's device, pairs a second one, and signs it out again.

Theo, on the other side, is a headless device that checks every roster as a page does. Nobody in a call is ever asked.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests import seal_twin
from tests.browser.people import chromium, press, ring, screen, shown_words
from tests.browser.sealed_tap import answers
from tests.browser.test_limits_screens import sit_down
from tests.house import Families, House, Two, open_house

pytestmark = pytest.mark.browser


async def call_and_leave(maya: Page, two: Two) -> None:
    """Maya's page rings Theo, he hears her, and he leaves."""
    await maya.get_by_text("Here now").first.wait_for()
    since = len(two.theo.seen)
    await ring(maya, "Theo")
    await answers(two.theo, since)
    await two.theo.wait_frames("audio", 10)
    assert two.theo.keys
    assert two.theo.keys.unsigned == {}
    call = (await two.theo.expect("call.state", since=since))["call"]
    await two.theo.ask(t="call.leave", call=call)
    await press(maya, "OK", exact=True)


async def pair_here(child: Page, guardian: Page, house: House) -> None:
    """The grown-up's open page says yes to the words on this screen."""
    await child.goto(f"{house.base}/child/")
    four = await shown_words(child)
    await guardian.goto(f"{house.base}/grown-up/#pair")
    for n, word in enumerate(four, 1):
        await guardian.get_by_label(f"Word {n}").fill(word)
    await press(guardian, "Look for the device")
    await press(guardian, "Yes, it is ")
    await guardian.get_by_role("heading", name="Done.").wait_for()
    await press(child, "See my people")


async def test_a_device_talks_once_a_guardian_has_signed_for_it_and_no_longer_than_it_is_paired(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house, chromium() as browser:
        families = Families(house)
        families.sign = False
        two = await families.two()
        await two.femi.sign()
        await two.theo.connect()
        sam, maya, second = [await screen(browser) for _ in range(3)]
        await sit_down(sam, two.sam, house, "devices")  # his page has told its key, and signs nothing by itself
        waits = sam.locator(".signed", has_text="Not signed yet")
        await waits.wait_for()

        cookies = [{"name": c.key, "value": c.value, "url": house.base} for c in two.maya.http.cookie_jar]
        await maya.context.add_cookies(cookies)  # type: ignore[arg-type]  # a list of the right dictionaries
        await maya.goto(f"{house.base}/child/")
        await maya.get_by_text("Here now").first.wait_for()
        since = len(two.theo.seen)
        await ring(maya, "Theo")
        await answers(two.theo, since)
        assert two.theo.keys
        async with asyncio.timeout(30):
            while two.theo.keys.unsigned.get(two.theo_sees_maya) != "none":
                await asyncio.sleep(0.05)
        assert two.theo.frames["audio"] == 0
        await maya.get_by_text("This device is not signed yet. Ask your grown-up to look.", exact=True).wait_for()
        await press(sam, "Sign this device")
        await two.theo.wait_frames("audio", 10)  # in the call that is on
        await two.theo.ask(t="call.leave", call=two.theo.keys.call)
        await press(maya, "OK", exact=True)
        await expect(sam.locator(".signed", has_text="Signed").first).to_be_visible()

        await pair_here(second, sam, house)
        await sam.goto(f"{house.base}/grown-up/#devices")
        await expect(sam.locator(".chip.ok", has_text="Signed")).to_have_count(2)
        await call_and_leave(second, two)

        both = await what_is_signed(two)
        await sam.get_by_role("button", name="Sign out for").last.click()
        await sam.get_by_role("button", name="Sign out", exact=True).last.click()
        async with asyncio.timeout(30):
            while len(one := await what_is_signed(two)) != 1:
                await asyncio.sleep(0.05)
        assert len(both) == 2
        assert one < both
        await second.locator("ol.code").wait_for()  # nobody's device any more


async def what_is_signed(two: Two) -> set[str]:
    """The devices in Maya's roster, as Theo's side reads it."""
    people = (await two.femi.get("/api/rosters"))["people"]
    (contact,) = next(person["contacts"] for person in people if person["child"] == two.theo_id)
    told = {"contact": contact["contact"], "side": {"a": "b", "b": "a"}[contact["side"]]}
    return set(seal_twin._heard(contact["theirs"], "roster", told)["devices"])
