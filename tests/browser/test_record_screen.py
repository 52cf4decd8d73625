"""A parent checks the family's logbook (the record) in a real browser on a real server: whole, whole again a day later, and not when it was changed."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from server import checkpoints, notes, record_keys
from server.api import keys
from server.db.session import rows
from tests.browser.people import chromium, press, screen
from tests.browser.test_look_axe import AXE, RUN, UNFILLED
from tests.browser.test_pictures_screens import sit_down
from tests.house import Families, House, open_house

pytestmark = pytest.mark.browser


async def violations(page: Page) -> list[object]:
    await page.evaluate(AXE)
    return [*await page.evaluate(RUN), *await page.evaluate(UNFILLED)]


async def sign(house: House) -> None:
    await checkpoints.take(house.db, house.settings, house.app[keys.CLOCK].now)


async def told(page: Page) -> str:
    await page.locator(".plate-line", has_text="The logbook is").wait_for()
    return await page.locator("section", has=page.locator(".plate-line")).inner_text()


async def test_a_parent_checks_the_record_on_their_own_device(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house, chromium() as browser:
        families = Families(house)
        sam = await families.grown_up("Sam")
        await families.child(sam, "Maya")
        await sign(house)
        page = await screen(browser)
        await sit_down(page, sam, house, "record")
        await expect(page.get_by_role("heading", name="Our logbook", level=1)).to_be_visible()
        assert await violations(page) == []

        await press(page, "Check it on this device")
        first = await told(page)
        assert "The logbook is whole" in first
        assert "This device now remembers who signed." in first
        assert await violations(page) == []

        # a day later there is more, with another key that was handed over to, and it goes on from what this device has kept
        await sam.post("/api/household", {"country": "GB", "time_zone": "Europe/Paris"})
        await checkpoints.rotate(house.db, house.settings, house.app[keys.CLOCK].now)
        await press(page, "Check again")
        await page.get_by_text("The old key handed over to it").wait_for()
        again = await told(page)
        assert "The logbook is whole" in again
        assert "now remembers" not in again
        lines = [int(re.findall(r"Lines\s+(\d+)", text)[0]) for text in (first, again)]
        assert lines[1] > lines[0]

        # the file that is kept says the same
        async with page.expect_download() as coming:
            await page.get_by_role("link", name="Keep it as a file").click()
        kept = await (await coming.value).path()
        assert json.loads(kept.read_text().splitlines()[0])["kind"] == "family"

        # somebody who may write every table changes one line and makes the chain anew behind it
        async with house.db.begin() as tx:
            await rows(tx, "UPDATE audit SET verdict = 'deny' WHERE question = 'change_household'")
        await press(page, "Check again")
        await page.get_by_text("The logbook is not whole").first.wait_for()
        assert "A line is not what it was." in await told(page)
        assert await violations(page) == []


async def test_a_key_that_nobody_handed_over_to_is_told_in_words(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house, chromium() as browser:
        sam = await Families(house).grown_up("Sam")
        await sign(house)
        page = await screen(browser)
        await sit_down(page, sam, house, "record")
        await press(page, "Check it on this device")
        await page.get_by_text("The logbook is whole").first.wait_for()
        path = record_keys.file_of(house.settings)
        path.unlink()
        await checkpoints.rotate(house.db, house.settings, house.app[keys.CLOCK].now, lost=True)
        await press(page, "Check again")
        await page.get_by_text("the old key did not hand over").wait_for()
        assert notes.kept(path).verifier.name == "localhost/record"
