"""A parent checks the family's logbook in a real browser on a real server: whole, whole again a day later, and not when it was changed."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.async_api import Page, Route, expect

from server import checkpoints, notes, record_keys
from server.api import keys
from server.db.session import rows
from server.record_check import check_lines
from tests.browser.marionette import firefox
from tests.browser.people import chromium, press, screen
from tests.browser.test_grown_up_look import AGAIN_MS
from tests.browser.test_look_axe import AWAKE, AXE, RUN, UNFILLED
from tests.browser.test_pictures_screens import sit_down
from tests.house import PASSWORD, Families, House, open_house

pytestmark = pytest.mark.browser


async def violations(page: Page) -> list[object]:
    if not await page.evaluate(AWAKE):
        await page.evaluate(AXE)
    return [*await page.evaluate(RUN), *await page.evaluate(UNFILLED)]


async def sign(house: House) -> None:
    await checkpoints.take(house.db, house.settings, house.app[keys.CLOCK].now)


async def again_pressed(page: Page) -> None:
    """A second press counts only after a moment (shared/press.js)."""
    await page.wait_for_timeout(AGAIN_MS)
    await press(page, "Check again")


async def told(page: Page) -> str:
    await page.locator(".plate-line", has_text="The logbook is").wait_for()
    return await page.locator("section", has=page.locator(".plate-line")).inner_text()


def _without_proof(lines: list[str]) -> list[str]:
    rest = [line for line in lines if json.loads(line)["is"] not in ("consistency", "end")]
    return [*rest, json.dumps({"is": "end", "lines": len(rest) + 1})]


async def test_a_parent_checks_the_record_on_their_own_device(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house, chromium() as browser:
        families = Families(house)
        sam = await families.grown_up("Sam")
        await families.child(sam, "Maya")
        await sign(house)
        note = (await sam.call("GET", "/api/checkpoint")).body.decode()
        page = await screen(browser)
        await sit_down(page, sam, house, "record")
        await expect(page.get_by_role("heading", name="Our logbook", level=1)).to_be_visible()
        await expect(page.get_by_role("link", name="Keep it as a file")).to_have_attribute("href", "/api/record/file")
        assert await violations(page) == []

        await press(page, "Check it on this device")
        first = await told(page)
        assert "The logbook is whole" in first
        assert "This device now remembers who signed." in first
        done = page.locator("section[data-key=done] li")
        await expect(done).to_have_count(int(re.findall(r"Shown to you\s+(\d+)", first)[0]))  # as many as it says
        added = done.filter(has_text="Added a child")
        await expect(added).to_have_count(1)
        assert re.search(r"\d+:\d\d\s[ap]m$", await added.inner_text())
        assert await violations(page) == []

        # a day later there is more, with another key that was handed over to, and it goes on from what this device has kept
        await sam.post("/api/household", {"country": "GB", "time_zone": "Europe/Paris"})
        await checkpoints.rotate(house.db, house.settings, house.app[keys.CLOCK].now)
        await again_pressed(page)
        await page.get_by_text("The old key handed over to it").wait_for()
        again = await told(page)
        assert "The logbook is whole" in again
        await expect(done.first).to_contain_text("Changed the country or the time zone")  # the newest stands first
        assert "now remembers" not in again
        lines = [int(re.findall(r"Lines\s+(\d+)", text)[0]) for text in (first, again)]
        assert lines[1] > lines[0]

        # the file that is kept says the same, and goes on from the checkpoint that was kept when this page was checked first
        async with page.expect_download() as coming:
            await page.get_by_role("link", name="Keep it as a file").click()
        kept = await (await coming.value).path()
        lines_ = kept.read_text().splitlines()
        assert json.loads(lines_[0])["kind"] == "family"
        assert check_lines(lines_, kept=[note])[1] == []
        assert [one.what for one in check_lines(_without_proof(lines_), kept=[note])[1]] == ["unproven"]

        # when the page is opened anew, the file goes on from the newest checkpoint that this device has checked
        await page.reload()
        newest = (await sam.call("GET", "/api/checkpoint")).body.decode()
        await expect(page.get_by_role("link", name="Keep it as a file")).to_have_attribute(
            "href", f"/api/record/file?since={newest.splitlines()[1]}"
        )

        # a server that gives no proof is not said to have changed anything, and the logbook is not called whole
        await sam.post("/api/household", {"country": "GB", "time_zone": "Europe/London"})
        await sign(house)

        async def withheld(route: Route) -> None:
            answer = await route.fetch()
            body = "\n".join(_without_proof((await answer.text()).splitlines())) + "\n"
            await route.fulfill(response=answer, body=body)

        await page.route("**/api/record?*", withheld)
        await press(page, "Check it on this device")
        without = await told(page)
        assert "The logbook is not shown to be whole" in without
        assert "no proof that this goes on from what this device saw before" in without
        assert "another logbook" not in without
        await page.unroute("**/api/record?*")

        # somebody who may write every table changes one line and makes the chain anew behind it
        async with house.db.begin() as tx:
            await rows(tx, "UPDATE audit SET verdict = 'deny' WHERE question = 'change_household'")
        await again_pressed(page)
        await page.get_by_text("The logbook is not whole").first.wait_for()
        assert "A line is not what it was." in await told(page)
        await expect(done).to_have_count(0)  # of a logbook that is not whole, nothing is shown as what was done
        assert await violations(page) == []


@pytest.mark.slow  # make witness
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
        await again_pressed(page)
        await page.get_by_text("the old key did not hand over").wait_for()
        assert notes.kept(path).verifier.name == "localhost/record"


@pytest.mark.slow  # a second browser: in `make witness`
async def test_firefox_checks_it_too(tmp_path: Path) -> None:
    async with open_house(tmp_path / "house") as house, firefox(tmp_path / "profile") as page:
        await Families(house).grown_up("Sam")
        await sign(house)
        await page.goto(f"{house.base}/grown-up/")
        body = json.dumps({"email": "sam1@example.org", "password": PASSWORD})
        sent = f"{{method: 'POST', headers: {{'content-type': 'application/json'}}, body: {json.dumps(body)}}}"
        assert await page.evaluate(f"async () => (await fetch('/api/sign-in', {sent})).status") == 200
        await page.goto(f"{house.base}/grown-up/#record")
        await page.evaluate("async () => location.reload()")
        await page.press("Check it on this device")
        await page.sees("The logbook is whole")
        await page.press("Check again")
        await page.sees("The logbook is whole")
