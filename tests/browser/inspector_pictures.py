"""The pictures of docs/regulators/pictures, taken anew from the real pages: ``make pictures``.

A demo house with more families than its own, so that there is something to count; the inspector comes in by the demo's door; three
stories of a real inspection are played. What the pages say of proofs is what is proven when this is run, so run ``make proofs`` first.
Pictures are one screen high, one pixel a pixel, with 96 colours: some thirty kilobytes each.
"""

from __future__ import annotations

import asyncio
import io
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.async_api import Page, expect

from server import checkpoints
from server.api.inspector import INSPECTIONS
from tests.browser.inspector_pages import go, visit
from tests.browser.people import chromium, press
from tests.house import Families, House, open_house

FOLDER = Path(__file__).parents[2] / "docs" / "regulators" / "pictures"
COLOURS = 96
STORIES = ("cuts", "revoke", "stranger-rings")
PAIRS = 6
TRIES = 12  # what was decided seldom is not listed


async def a_busy_week(house: House) -> None:
    """Families who know each other, and a grown-up who asks for what is not theirs."""
    families = Families(house)
    for _ in range(PAIRS):
        two = await families.two()
    for _ in range(TRIES):
        await two.maya.get("/api/child/home")
        await two.sam.call("GET", f"/api/children/{two.theo_id}/contacts")
    await checkpoints.take(house.db, house.settings, house.hand)


def with_few_colours(picture: Image.Image) -> Image.Image:
    """Half of the colours are those that are most of the picture, as they are, so that the ground looks the same in every picture; the
    other half are spread over all that is left, so that no small red is lost."""
    often = [colour for _, colour in sorted(picture.getcolors(1 << 24) or [], reverse=True)[: COLOURS // 2]]
    spread = picture.quantize(COLOURS - len(often), Image.Quantize.MAXCOVERAGE).getpalette() or []
    left = 3 * (COLOURS - len(often))
    found = [part for colour in often if isinstance(colour, tuple) for part in colour] + spread[:left]
    palette = Image.new("P", (1, 1))
    palette.putpalette(found + found[:3] * (256 - len(found) // 3))
    return picture.quantize(palette=palette, dither=Image.Dither.NONE)


async def keep(page: Page, name: str) -> None:
    """One screen of the page as a small picture, once nothing on it is still to come."""
    await expect(page.locator(".waiting, .loading")).to_have_count(0)
    raw = await page.screenshot(animations="disabled")
    picture = with_few_colours(Image.open(io.BytesIO(raw)).convert("RGB"))
    FOLDER.mkdir(parents=True, exist_ok=True)
    picture.save(FOLDER / f"{name}.png", optimize=True)
    sys.stdout.write(f"{name}.png {(FOLDER / f'{name}.png').stat().st_size // 1024} KB\n")


async def take() -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with open_house(Path(folder), demo=True) as house, chromium() as browser:
            await a_busy_week(house)
            real = house.app[INSPECTIONS].command
            only = [part for story in STORIES for part in ("--only", story)]
            house.app[INSPECTIONS].command = lambda out, key: (*real(out, key), *only)
            page = await (await visit(browser, height=860)).new_page()
            await page.goto(f"{house.base}/inspector/")
            await press(page, "Look around as the inspector")
            await page.get_by_role("heading", name="Inspect Ringfence").wait_for()
            await go(page, "inspection")
            await press(page, "Run now")
            await page.locator(".told li").nth(len(STORIES) - 2).wait_for(timeout=240_000)
            await keep(page, "inspection-running")
            await page.locator(".verdict").wait_for(timeout=240_000)
            await keep(page, "inspection")
            await page.locator("figure.strip").first.scroll_into_view_if_needed()
            await page.locator("figure.strip").first.evaluate(
                "figure => scrollBy(0, figure.getBoundingClientRect().top - 40)"
            )
            await keep(page, "inspection-measured")
            for name, where in (
                ("overview", "overview"),
                ("rules", "rules?code=ICU"),
                ("rule", "rules/not-approved-contact"),
                ("situation", "situation?verb=ring&contact.voice=false"),
                ("promises", "promises"),
                ("measures", "measures"),
                ("counts", "counts"),
                ("decisions", "decisions?verdict=deny"),
            ):
                await go(page, where)
                await page.evaluate("scrollTo(0, 0)")
                await keep(page, name)
            await go(page, "record")
            await press(page, "Check it in this browser")
            await expect(page.locator(".checked")).to_be_visible()
            await keep(page, "record")
            for reader in ("child", "regulator"):
                await page.goto(f"{house.base}/promises/#{reader}")
                await page.wait_for_selector(f"main.for-{reader} .promised > li")
                await keep(page, f"what-we-promise-{reader}")
            phone = await (await visit(browser, "dark", 390, 844)).new_page()
            await phone.goto(f"{house.base}/inspector/")
            await press(phone, "Look around as the inspector")
            await phone.get_by_role("heading", name="Inspect Ringfence").wait_for()
            await go(phone, "situation?verb=ring&contact.voice=false")
            await keep(phone, "situation-phone")


if __name__ == "__main__":
    sys.exit(asyncio.run(take()))
