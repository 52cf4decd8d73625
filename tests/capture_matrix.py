"""Who can record what comes out of a call, browser by browser: tried, not believed.

    python -m tests.capture_matrix          writes docs/reference/capture-matrix.md
    python -m tests.capture_matrix --print  shows what each probe said

The probes (tests/browser/capture_probes.js) run in real Chromium and real Firefox, on a received stream, twice: in a page with the
headers of ours and the attributes of our elements, and in a page without any, as a viewer can make of it. The table is made of
what they say; a test holds the page in docs/ to it.
"""

# ruff: noqa: E501 -- the page that is written has one sentence per line
from __future__ import annotations

import asyncio
import base64
import datetime
import io
import json
import platform
import re
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from aiohttp import web
from playwright.async_api import async_playwright

from server.api.middleware import headers_for
from server.settings import ROOT, Settings
from tests.browser import marionette
from tests.browser.people import CHROMIUM, FLAGS

PAGE = ROOT / "docs/reference/capture-matrix.md"
PROBES = ROOT / "tests/browser/capture_probes.js"
PAGES = ("ours", "changed")
HTML = """<!doctype html><html data-page="{page}"><title>capture</title><script type="module" src="/probes.js"></script>
<body><video muted autoplay playsinline width="320" height="240"></video><audio autoplay></audio></body></html>"""
PRESSED = ("share the screen", "picture in picture")
#: What a person would press in the browser's own box is pressed by the browser itself.
YES_TO_ALL = ("--auto-accept-this-tab-capture", "--autoplay-policy=no-user-gesture-required")
FIREFOX_PREFERENCES = {"media.autoplay.blocking_policy": 0, "media.autoplay.block-webaudio": False}


@dataclass(frozen=True)
class Row:
    """A line of the table. ``here``: what our own pages do about it."""

    probe: str
    what: str
    here: str


NOTHING = "no script of ours does it"
ROWS = (
    Row("recorder", "record picture and sound (`MediaRecorder`)", NOTHING),
    Row("recorder of the sound", "record the sound alone", NOTHING),
    Row("picture drawn and read", "draw the picture on a canvas and read it", NOTHING),
    Row("drawn and streamed on", "draw it on a canvas and record the canvas", "only a device's own camera is drawn, for the mark"),
    Row("element's own stream", "take the stream out of the element that plays it (`captureStream`)", NOTHING),
    Row("bitmap or frame object", "copy a frame (`createImageBitmap`)", NOTHING),
    Row("grabbed frame", "grab a frame from the track (`ImageCapture`)", NOTHING),
    Row("track processor", "read the track frame by frame (`MediaStreamTrackProcessor`)", "only a device's own camera, for the mark"),
    Row("share the screen", "record the tab or the screen from the page (`getDisplayMedia`)", "forbidden by `display-capture=()`, and no script of ours asks"),
    Row("picture in picture", "move the picture into a window of its own", "forbidden by header and attribute"),
    Row("screenshot", "be in a picture that is taken of the screen", "nothing can be done"),
    Row("heard of it", "hear of such a picture, by any event", "nothing can be done"),
    Row("word of a capture", "listen for a capture, by name", "there is nothing to listen to"),
    Row("word to forbid it", "forbid pictures of the screen", "there is nothing to ask"),
    Row("isolated stream", "keep a camera's stream from its own scripts (`peerIdentity`)", "not used, see below"),
    Row("sealing", "seal frames between devices (`RTCRtpScriptTransform`, X25519, Ed25519)", "every call; without it there is none"),
)  # fmt: skip
#: Events that come with time and not with a picture of the screen: a video that goes on, sensors that say that they have nothing.
BY_THE_WAY = re.compile(r"^window device|timeupdate|progress")
#: What a probe says, in a few words: the first that fits.
WORDS = (
    (r"yes$", "**yes**"),
    (r"no$|nothing$", "no"),
    (r"not there$", "no such thing"),
    (r"in a worker$", "**yes**, in a worker"),
    (r"asks the person$", "**yes**, when the person says so"),
    (r".*disallowed by permissions policy", "refused: the header forbids it"),
    (r"InvalidStateError: .*disabled on this video", "refused: the element forbids it"),
    (r"NotFoundError: ", "not refused; there was no screen to share"),
)

#: By browser, page and probe: what it said.
Found = dict[str, dict[str, dict[str, str]]]


@asynccontextmanager
async def served() -> AsyncIterator[str]:
    """Both pages. Only the one that is like ours has our headers."""

    async def page(request: web.Request) -> web.Response:
        return web.Response(text=HTML.format(page=request.match_info["page"]), content_type="text/html")

    async def script(_: web.Request) -> web.FileResponse:
        return web.FileResponse(PROBES)

    async def worker(_: web.Request) -> web.Response:
        return web.Response(text="postMessage('MediaStreamTrackProcessor' in self)", content_type="text/javascript")

    async def dress(request: web.Request, response: web.StreamResponse) -> None:
        if request.path != "/changed":
            response.headers.update(headers_for(Settings(), request.host))

    app = web.Application()
    app.on_response_prepare.append(dress)
    app.add_routes(
        [web.get("/probes.js", script), web.get("/worker.js", worker), web.get("/{page:ours|changed}", page)]
    )
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert site._server
    try:
        yield f"http://localhost:{site._server.sockets[0].getsockname()[1]}"  # type: ignore[attr-defined]
    finally:
        await runner.cleanup()


def shows_red(png: bytes) -> bool:
    """Whether the page's picture, which is red, is in this picture of the screen."""
    with av.open(io.BytesIO(png), format="png_pipe") as file:
        pixels = next(file.decode(video=0)).to_ndarray(format="rgb24").reshape(-1, 3).astype(int)  # type: ignore[union-attr]
    red = (pixels[:, 0] > 150) & (pixels[:, 1] < 110) & (pixels[:, 2] < 120)
    return bool(np.count_nonzero(red) > 20_000)


async def tried(
    ask: Callable[[str], Awaitable[Any]], press: Callable[[str], Awaitable[Any]], shot: Callable[[], Awaitable[bytes]]
) -> dict[str, str]:
    """Every probe in one page that is open."""
    async with asyncio.timeout(90):
        while not await ask("async () => Boolean(window.ready)"):
            await asyncio.sleep(0.1)
        for name in PRESSED:
            await press(name.replace(" ", "-"))
            while not await ask(f"async () => {json.dumps(name)} in window.found"):
                await asyncio.sleep(0.05)
        await ask("async () => window.listen()")
        await asyncio.sleep(0.6)
        before = await ask("async () => window.heard.splice(0)")  # what comes without any picture being taken
        png = await shot()
        heard = {one for one in await ask("async () => window.heard") if not BY_THE_WAY.search(one)} - set(before)
        found = dict(await ask("async () => await window.others()"))
    return found | {
        "screenshot": "yes" if shows_red(png) else "no",
        "heard of it": ", ".join(sorted(heard)) or "nothing",
    }


async def in_chromium(base: str) -> dict[str, dict[str, str]]:
    found = {}
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, *YES_TO_ALL])
        try:
            for name in PAGES:
                page = await browser.new_page()
                await page.goto(f"{base}/{name}")
                found[name] = await tried(
                    page.evaluate, lambda what, page=page: page.click(f"#{what}"), page.screenshot
                )  # type: ignore[misc]
                await page.close()
        finally:
            await browser.close()
    return found


async def in_firefox(base: str) -> dict[str, dict[str, str]]:
    found = {}
    with tempfile.TemporaryDirectory() as profile:
        async with marionette.firefox(Path(profile) / "p", FIREFOX_PREFERENCES) as fox:

            async def press(what: str) -> None:
                element = await fox.command("WebDriver:FindElement", using="css selector", value=f"#{what}")
                await fox.command("WebDriver:ElementClick", id=next(iter(element["value"].values())))

            async def shot() -> bytes:
                return base64.b64decode((await fox.command("WebDriver:TakeScreenshot", full=False))["value"])

            for name in PAGES:
                await fox.goto(f"{base}/{name}")
                found[name] = await tried(fox.evaluate, press, shot)
    return found


async def probe() -> Found:
    """Both browsers, both pages."""
    async with served() as base:
        chromium, firefox = await asyncio.gather(in_chromium(base), in_firefox(base))
    return {"Chromium": chromium, "Firefox": firefox}


def verdict(said: str) -> str:
    """In a few words. What no probe has ever said before is not put into any."""
    for shape, words in WORDS:
        if re.match(shape, said):
            return words
    raise ValueError(f"A probe said something new: {said}")


def table(found: Found) -> list[str]:
    """The lines of the table in the page."""
    head = [
        "can a script in the page …",
        *(f"{browser}: {PAGE_WORDS[page]}" for browser in found for page in PAGES),
        "our own pages",
    ]
    lines = [head, ["---"] * len(head)]
    for row in ROWS:
        cells = [verdict(found[browser][page][row.probe]) for browser in found for page in PAGES]
        lines.append([row.what, *cells, row.here])
    return [f"| {' | '.join(cells)} |" for cells in lines]


def versions() -> str:
    """Of what the probes ran in."""
    told = [
        subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout
        for path in (CHROMIUM, str(marionette.FIREFOX))
    ]
    names = [found.group() for one in told if (found := re.search(r"(Chromium|Mozilla Firefox) [\d.]+(esr)?", one))]
    system = re.search(r'PRETTY_NAME="(.*)"', Path("/etc/os-release").read_text())
    return f"{' and '.join(names)}, headless, on {system.group(1) if system else platform.system()}"


def page(found: Found, today: str) -> str:
    """The whole page."""
    return BEFORE.format(today=today, versions=versions()) + "\n".join(table(found)) + AFTER


PAGE_WORDS = {"ours": "page like ours", "changed": "changed page"}
BEFORE = """# Who can record a call: the capture matrix

Made by `python -m tests.capture_matrix` on {today} with {versions}.
The verdicts were not written by hand: each is what a probe in that browser said, and `tests/browser/test_capture_matrix.py` asks them again.
What stands in the last column is held by `tests/browser/test_nothing_records.py`.

*A page like ours* has the headers that our server sends and the attributes of our own elements, and a script that tries.
*A changed page* has neither: what a viewer gets who changes the page on their own device.
In both, the picture and the sound came through a connection, as in a call.

"""
AFTER = """

## What follows

**A page cannot keep its viewer from recording.**
Whoever sees a picture has it on their device.
In both browsers any script in the page can record it, draw it and read it, whatever headers we send.
So the promise is another one: our pages hold no such script, no button for it, and no way to add one without changing the page.

**What we shut, stays shut only in a page that was not changed.**
In Chromium the header keeps every script of our pages from asking to share the screen, and pictures from leaving for a window of their own.
Firefox does not read that header; there the attribute of our elements keeps the picture in its place, and that no script of ours asks is all there is about the screen.
A viewer who changes the page takes both away.

**Nobody is told.**
When a picture is taken of the screen no event comes, in either browser, and there is no word by which a page could forbid it.
Some telephone systems let an installed app forbid screenshots; a page cannot.
A second telephone that films the screen needs no browser at all.

**Isolated streams do not help here.**
Chromium has none.
Firefox can keep a camera's picture from the scripts of the very page that opened it.
But the page itself has to ask for it, so a changed page does not ask; for what is received it wants an identity provider that vouches for whoever is at the other end, which here is the gate; and the mark has to be painted into one's own picture, which an isolated stream forbids.
The other end can ask for isolation too (the label `c-webrtc` of RFC 8833).
That was tried once by hand on 2026-11-26: Firefox agreed to the label, and a script could draw and record the received picture all the same.

**For a child** this means the sentence that our pages say, and no more than that:
"We do not record. Nobody can press a record button here. Someone could still film the screen. If anyone does, it is not your fault. Tap Help."

What is left to do about it is elsewhere: fewer people who can see ([the four yeses](../explanation/four-yeses.md)), a gate that cannot see ([sealed calls](../explanation/sealed-calls.md)), and a mark that leads a recording back to a copy ([the mark](mark.md)).

## What was not tried

- Safari, telephones, and a Firefox with a real screen: where there is none, "not refused" is all that can be said.
- Extensions, which the viewer installs and no page can see, and programs outside the browser.
- What a person can do with the browser's own menus, such as keeping a frame of a video; our pages show no menu over a picture ([`tests/browser/test_nothing_records.py`](../../tests/browser/test_nothing_records.py)), and a changed page shows it again.
"""


def main(arguments: list[str]) -> None:
    found = asyncio.run(probe())
    if arguments == ["--print"]:
        print(json.dumps(found, indent=1))  # noqa: T201  # asked for
        return
    PAGE.write_text(page(found, datetime.datetime.now(tz=datetime.UTC).date().isoformat()), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
