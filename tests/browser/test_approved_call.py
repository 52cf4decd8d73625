"""The whole promise, with hands on real pages: two families sign up, make a friend, call, and a parent stops it.

One story in one test, because each step is only worth something if the ones before it were real. Server, gate, pages and browsers are the
shipped ones; the only thing arranged is the browser's fake camera and microphone (a moving shape and a beep).
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from tests.browser.marionette import FIREFOX, firefox
from tests.browser.people import (
    COUNT,
    WATCH,
    add_child,
    answer,
    chromium,
    counted,
    give_friend_code,
    goes_up,
    open_curtain,
    pair,
    pair_by_api,
    press,
    ring,
    screen,
    sign_up,
    wear,
)
from tests.house import Families, open_house

pytestmark = pytest.mark.browser


async def test_two_families_become_friends_call_and_a_parent_ends_it_in_that_instant(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house, chromium() as browser:
        sam, femi, maya, theo = [await screen(browser) for _ in range(4)]

        for guardian, name, child, picture in ((sam, "Sam", "Maya", "Koala"), (femi, "Femi", "Theo", "Fox")):
            await sign_up(guardian, house.base, name)
            await add_child(guardian, child, picture)
        await pair(maya, sam, house.base, "Maya")
        await pair(theo, femi, house.base, "Theo")

        await give_friend_code(maya, theo)
        await press(maya, "Back")
        await press(maya, "Look", exact=True)
        await maya.get_by_role("button", name="Yes", exact=True).click()
        await press(maya, "OK")
        for guardian in (sam, femi):
            await guardian.goto(f"{house.base}/grown-up/")
            assert await maya.get_by_role("link", name="Theo").count() == 0  # not before the last yes
            await press(guardian, "Yes, with camera")
            await guardian.get_by_text("Saved.").first.wait_for()

        await maya.get_by_text("Here now").first.wait_for()
        await ring(maya, "Theo")
        await theo.get_by_role("heading", name="Maya is calling").wait_for()
        assert (await counted(theo))["connections"] == 0  # no connection exists before the press
        assert (await counted(maya))["connections"] == 0
        await answer(theo)
        for child in (maya, theo):
            await goes_up(child, "audio")
            assert (await counted(child))["frames"] == 0  # voice only until somebody opens a curtain
            await child.get_by_text("Your curtain is shut.").first.wait_for()
        await open_curtain(maya)
        await maya.get_by_text("Only Theo can see").first.wait_for()
        await goes_up(theo, "frames")
        assert (await counted(maya))["frames"] == 0
        await open_curtain(theo)
        for child in (maya, theo):
            await goes_up(child, "frames", "audio")

        await press(sam, "Contacts")
        await press(sam, "Remove Theo")
        clicked = time.time() * 1000
        await sam.get_by_role("button", name="Remove", exact=True).click()
        for child in (maya, theo):
            await child.get_by_role("heading", name="This call had to stop").wait_for()
            assert (await counted(child))["showing"] == 0  # blank at the message
        await asyncio.sleep(1.5)
        for child in (maya, theo):
            after = await counted(child)
            assert after["last"] <= clicked + 1000
            await asyncio.sleep(0.5)
            assert (await counted(child))["packets"] == after["packets"]
        assert await maya.get_by_role("link", name="Theo").count() == 0
        await press(maya, "OK")
        await maya.get_by_role("heading", name="Your fence is empty").wait_for()


@pytest.mark.skipif(FIREFOX is None, reason="no Firefox on this machine")
@pytest.mark.slow  # make witness
async def test_firefox_and_chromium_see_and_hear_each_other_until_a_parent_ends_it(tmp_path: Path) -> None:
    async with open_house(tmp_path / "house") as house, chromium() as browser, firefox(tmp_path / "profile") as fox:
        two = await Families(house).two()
        theo = await screen(browser)
        await wear(theo, two.theo, house)
        await fox.goto(f"{house.base}/child/")
        await pair_by_api(fox, two.sam, two.maya_id)
        await fox.press("See my people")

        await fox.sees("Here now")
        await fox.evaluate(f"async () => {{ {WATCH} }}")
        await fox.press("Theo")
        await fox.press("Call with voice")
        await answer(theo)
        await goes_up(theo, "audio")
        await open_curtain(theo)
        await fox.press("Show me")
        await goes_up(theo, "frames", "audio")
        first = await fox.evaluate(COUNT)
        await asyncio.sleep(2)
        second = await fox.evaluate(COUNT)
        assert second["frames"] > first["frames"] + 5
        assert second["audio"] > first["audio"]

        contact = (await two.sam.get(f"/api/children/{two.maya_id}/contacts"))[0]["ref"]
        await two.sam.post(f"/api/contacts/{contact}/end")
        await fox.sees("This call had to stop")
        await theo.get_by_role("heading", name="This call had to stop").wait_for()
        third = await fox.evaluate(COUNT)
        assert third["showing"] == 0
        await asyncio.sleep(1)
        assert (await fox.evaluate(COUNT))["packets"] == third["packets"]
