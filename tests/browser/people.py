"""People at real pages: what a parent and a child do with their own hands, in a real Chromium.

Every function here presses what a person would press, found by its words. Nothing reaches behind the page, but for
``counted``: the browser's own WebRTC counters, which no page of ours shows.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from playwright.async_api import Browser, Page, async_playwright

from tests.house import House
from tests.peers import Browserless

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PASSWORD = "a long made-up sentence"

#: Keeps hold of the page's connections, to read their counters later. Changes nothing in what the page does.
WATCH = """
window.connections = [];
const Real = window.RTCPeerConnection;
window.RTCPeerConnection = class extends Real { constructor(...a) { super(...a); window.connections.push(this); } };
"""
COUNT = """async () => {
  const seen = {frames: 0, audio: 0, packets: 0, last: 0, connections: window.connections.length};
  for (const pc of window.connections) for (const r of (await pc.getStats()).values()) {
    if (r.type !== 'inbound-rtp') continue;
    seen.packets += r.packetsReceived;
    seen.last = Math.max(seen.last, r.lastPacketReceivedTimestamp || 0);
    if (r.kind === 'video') seen.frames += r.framesDecoded || 0; else seen.audio += r.bytesReceived;
  }
  seen.showing = [...document.querySelectorAll('video')].filter(v => v.srcObject && v.srcObject.getTracks().length).length;
  return seen;
}"""


@asynccontextmanager
async def chromium(*flags: str) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, *flags])
        try:
            yield browser
        finally:
            await browser.close()


async def screen(browser: Browser, width: int = 390, height: int = 844) -> Page:
    """A screen of its own: own cookies, own storage."""
    context = await browser.new_context(viewport={"width": width, "height": height})
    await context.add_init_script(WATCH)
    context.set_default_timeout(30_000)
    return await context.new_page()


async def counted(page: Page) -> dict[str, Any]:
    """Decoded video frames, audio bytes, RTP packets and the time of the last one (ms since 1970), as the browser counts them."""
    return dict(await page.evaluate(COUNT))


async def press(page: Page, name: str, *, exact: bool = False) -> None:
    """Press the button or follow the link with these words."""
    found = page.get_by_role("button", name=name, exact=exact).or_(page.get_by_role("link", name=name, exact=exact))
    await found.first.click()


async def sign_up(page: Page, base: str, name: str) -> None:
    """A guardian signs up, one page after the other."""
    await page.goto(f"{base}/grown-up/")
    await press(page, "Set up a new family")
    await page.get_by_label("Your name").fill(name)
    await page.get_by_label("Email").fill(f"{name.lower()}@example.org")
    await page.get_by_label("Password").fill(PASSWORD)
    await press(page, "Continue")
    await page.get_by_role("radio", name="Bear", exact=True).check(force=True)
    await press(page, "Set up my account")


async def add_child(page: Page, name: str, picture: str) -> None:
    """Three promises, a yes, a name, an age group, a picture, check, save."""
    for n in (1, 2, 3):
        await page.get_by_text(f"Promise {n} of 3").wait_for()
        await asyncio.sleep(0.45)  # a second press within 400 ms is taken for a slip
        await press(page, "I understand")
    await asyncio.sleep(0.45)
    await press(page, "I agree", exact=True)
    await page.get_by_label("Name", exact=True).fill(name)
    await press(page, "Continue")
    await page.get_by_role("radio", name="9 to 12").check(force=True)
    await press(page, "Continue")
    await page.get_by_role("radio", name=picture, exact=True).check(force=True)
    await press(page, "Continue")
    await press(page, "Save")
    await page.get_by_role("heading", name=f"{name}’s account is ready").wait_for()


async def pair(child: Page, guardian: Page, base: str, name: str) -> None:
    """The child's screen shows four words; the guardian types them, sees which device asks, and says yes."""
    await child.goto(f"{base}/child/")
    await press(guardian, f"Set up {name}’s device")
    await press(guardian, "Type the four words")
    for n, word in enumerate(await shown_words(child), 1):
        await guardian.get_by_label(f"Word {n}").fill(word)
    await press(guardian, "Look for the device")
    await press(guardian, "Yes, it is ")
    await guardian.get_by_role("heading", name="Done.").wait_for()
    await press(child, "See my people")
    await (
        child.get_by_role("heading", name=f"Hi {name}")
        .or_(child.get_by_role("heading", name="Your fence"))
        .first.wait_for()
    )


async def shown_words(child: Page) -> list[str]:
    """The four words on this screen."""
    words = child.locator("ol.code li")
    await words.nth(3).wait_for()
    return [text.strip() for text in await words.all_inner_texts()]


async def give_friend_code(shower: Page, enterer: Page) -> None:
    """One child shows the words, the other types them and says how they know each other."""
    await press(shower, "Show my friend code")
    await press(enterer, "Type a friend’s code")
    for n, word in enumerate(await shown_words(shower), 1):
        await enterer.get_by_label(f"Word {n}").fill(word)
    await enterer.get_by_role("radio", name="class").check(force=True)
    await press(enterer, "Send", exact=True)
    await enterer.get_by_text("Now 3 more people say yes").wait_for()


async def ring(caller: Page, callee_name: str) -> None:
    """Tap the friend's post and call with voice."""
    await press(caller, callee_name)
    await press(caller, "Call with voice")


async def answer(callee: Page) -> None:
    await callee.get_by_role("button", name="Answer").click()


async def open_curtain(page: Page) -> None:
    await press(page, "Show me")


async def goes_up(page: Page, *keys: str, seconds: float = 40) -> dict[str, Any]:
    """Wait until each of these counters has grown by a few since now, and return them."""
    before = await counted(page)
    async with asyncio.timeout(seconds):
        while True:
            now = await counted(page)
            if all(now[key] >= before[key] + 5 for key in keys):
                return now
            await asyncio.sleep(0.2)


async def wear(page: Page, device: Browserless, house: House) -> None:
    """Make this screen the device that was paired over HTTP: same cookie, same person; and the grown-up signs for it once it has told
    its own key."""
    cookies = [{"name": c.key, "value": c.value, "url": house.base} for c in device.http.cookie_jar]
    await page.context.add_cookies(cookies)  # type: ignore[arg-type]  # a list of the right dictionaries
    before = await keys_of(device)
    await page.goto(f"{house.base}/child/")
    await signed_for(device, before)


async def keys_of(device: Browserless) -> set[str]:
    """The keys that the devices of this child have told, as the grown-up who paired it is shown them."""
    if device.guardian is None:
        return set()
    people = (await device.guardian.get("/api/rosters"))["people"]
    return {one["key"] for person in people if person["child"] for one in person["devices"] if one["key"]}


async def signed_for(device: Browserless, before: set[str], seconds: float = 30) -> None:
    """Once this child's page has told a key that was not there before, the grown-up signs for it."""
    if device.guardian is None:
        return
    async with asyncio.timeout(seconds):
        while not await keys_of(device) - before:
            await asyncio.sleep(0.05)
    await device.guardian.sign()


async def pair_by_api(page: Any, guardian: Browserless, child: str) -> None:
    """Type the words that this screen shows into the guardian's app, without its page. Works in any browser that can evaluate."""
    four: list[str] = []
    while len(four) < 4:
        await asyncio.sleep(0.2)
        four = await page.evaluate(
            "async () => [...document.querySelectorAll('ol.code li')].map(e => e.textContent.trim())"
        )
    people = (await guardian.get("/api/rosters"))["people"]
    before = {one["key"] for person in people for one in person["devices"]}
    await guardian.post("/api/pairings/approve", {"words": four, "child": child})
    async with asyncio.timeout(60):
        while True:
            people = (await guardian.get("/api/rosters"))["people"]
            if {one["key"] for person in people for one in person["devices"]} - before - {None}:
                break
            await asyncio.sleep(0.1)
    await guardian.sign()
