"""Going about in the inspector's app: what its tests and its pictures share."""

from __future__ import annotations

from playwright.async_api import Browser, BrowserContext, Page


async def visit(browser: Browser, scheme: str = "light", width: int = 1280, height: int = 800) -> BrowserContext:
    context = await browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if scheme == "dark" else "light",
        locale="en-GB",
        reduced_motion="reduce",
    )
    context.set_default_timeout(30_000)
    return context


async def go(page: Page, where: str) -> None:
    """Another page of the app, once everything that it shows is there."""
    await page.evaluate("where => { location.hash = where }", where)
    await page.wait_for_selector("main h1")
    for still in (".waiting", ".loading"):  # the page, and a plate of it that comes later
        await page.wait_for_selector(still, state="detached")
    if where.startswith("situation"):
        await page.wait_for_selector(".verdict")
