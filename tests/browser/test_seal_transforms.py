"""Real browsers seal and open: two connections in one page, through the worker and keeper that our pages use, under our own headers.

No gate and no signalling here; the rig (seal_rig.js) carries bodies from keeper to keeper. What is asked: frames flow and are
counted as sealed and opened; without a key nothing is shown or heard; and a transform put on one task too late, which Chromium
ignores without a word, does not go unnoticed.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from marionette import FIREFOX, firefox
from people import chromium, screen

from server.api.middleware import headers_for
from server.settings import Settings

CLIENT = Path(__file__).parents[2] / "client_web"
RIG = Path(__file__).with_name("seal_rig.js")
PAGE = '<!doctype html><title>seal</title><script type="module" src="/rig.js"></script><body></body>'

#: Frames from before the keys were there, and padding, with which Chromium measures the way.
HARMLESS = {"no_key", "empty"}

pytestmark = pytest.mark.browser
Ask = Callable[[str], Awaitable[Any]]


@asynccontextmanager
async def served() -> AsyncIterator[str]:
    """The rig's page and our own browser files, with the headers of the real server."""

    async def page(_: web.Request) -> web.Response:
        return web.Response(text=PAGE, content_type="text/html")

    async def rig(_: web.Request) -> web.FileResponse:
        return web.FileResponse(RIG)

    async def dress(_: web.Request, response: web.StreamResponse) -> None:
        response.headers.update(headers_for(Settings()))

    app = web.Application()
    app.on_response_prepare.append(dress)
    app.add_routes([web.get("/page", page), web.get("/rig.js", rig), web.static("/", CLIENT)])
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert site._server
    try:
        yield f"http://localhost:{site._server.sockets[0].getsockname()[1]}/page"  # type: ignore[attr-defined]
    finally:
        await runner.cleanup()


@pytest.fixture
async def ask() -> AsyncIterator[Ask]:
    async with served() as url, chromium() as browser:
        page = await screen(browser)
        await page.goto(url)
        await page.wait_for_function("() => window.rig")
        yield page.evaluate


async def until(ask: Ask, name: str, wanted: Callable[[dict[str, Any]], bool], seconds: float = 60) -> dict[str, Any]:
    """What one end counts, as soon as it is so."""
    seen: dict[str, Any] = {}
    for _ in range(int(seconds / 0.2)):
        seen = await ask(f"async () => rig.seen('{name}')")
        if wanted(seen):
            return seen
        await asyncio.sleep(0.2)
    raise AssertionError(seen)


async def frames_flow_both_ways(ask: Ask) -> None:
    await ask("async () => rig.begin()")
    for name, index in (("maya", 1), ("theo", 0)):
        seen = await until(
            ask, name, lambda s: s["counted"]["framesDecoded"] > 20 and s["counted"]["audioPackets"] > 50
        )
        assert sorted(seen["told"]["sealed"]) == ["audio", "video"]
        assert sorted(seen["told"]["opened"]) == [["0", "audio", index], ["1", "video", index]]
        assert seen["shows"]
        assert seen["watch"] == ""
        assert seen["numbers"]["opened"]["1"] >= seen["counted"]["framesDecoded"]
        assert len(seen["told"]["confirmed"]) == 1
        assert not seen["told"]["refused"] + seen["told"]["unsigned"] + seen["told"]["failed"] + seen["told"]["dark"]
    await asyncio.sleep(1.5)
    for name in ("maya", "theo"):
        seen = await ask(f"async () => rig.seen('{name}')")
        assert seen["watch"] == ""
        assert set(seen["numbers"]["dropped"]) <= HARMLESS, seen["numbers"]
    assert await ask("async () => violations") == []


async def test_frames_are_sealed_and_opened_in_chromium_both_ways_and_the_watchdog_is_content(ask: Ask) -> None:
    await frames_flow_both_ways(ask)


async def test_a_third_comes_and_goes_and_not_one_frame_is_dropped(ask: Ask) -> None:
    await ask("async () => rig.begin()")
    for name in ("maya", "theo"):
        await until(ask, name, lambda s: s["counted"]["framesDecoded"] > 10)
    before = {name: (await ask(f"async () => rig.seen('{name}')"))["numbers"] for name in ("maya", "theo")}
    await ask("async () => rig.third()")
    for name, was in before.items():
        seen = await ask(f"async () => rig.seen('{name}')")
        assert seen["numbers"]["dropped"] == was["dropped"]
        assert seen["numbers"]["opened"]["1"] >= was["opened"]["1"] + 15
        assert seen["numbers"]["opened"]["0"] >= was["opened"]["0"] + 40
        assert len({tuple(kids) for kids in seen["told"]["kids"]}) >= 4  # its own first, theo, lea came, lea went


async def test_without_a_key_everything_arrives_and_nothing_is_shown_or_heard(ask: Ask) -> None:
    await ask("async () => rig.begin({keyed: false})")
    seen = await until(ask, "theo", lambda s: min(s["numbers"]["arrived"].get(mid, 0) for mid in "01") > 10)
    assert seen["numbers"]["opened"] == {}
    assert seen["told"]["opened"] == []
    assert seen["counted"]["framesDecoded"] == 0
    assert seen["counted"]["energy"] == 0
    assert not seen["shows"]
    assert seen["watch"] == ""
    assert sorted(seen["told"]["sealed"]) == ["audio", "video"]  # under a key of one's own, that nobody else has


@pytest.mark.parametrize(("sends", "said"), [(["theo"], "sent"), (["maya"], "shown")])
async def test_a_transform_put_on_one_task_too_late_is_ignored_by_chromium_and_noticed_by_the_watchdog(
    ask: Ask, sends: list[str], said: str
) -> None:
    await ask(f"async () => rig.begin({{late: true, flag: false, sends: {sends}}})")
    seen = await until(ask, "theo", lambda s: s["watch"] != "")
    assert seen["watch"] == said
    assert seen["told"]["sealed"] == []
    assert seen["told"]["opened"] == []


async def test_with_chromiums_own_switch_even_a_late_transform_lets_nothing_out_as_it_is(ask: Ask) -> None:
    await ask("async () => rig.begin({late: true})")
    seen = await until(ask, "theo", lambda s: s["counted"]["framesDecoded"] > 20)
    assert sorted(seen["told"]["sealed"]) == ["audio", "video"]
    assert seen["watch"] == ""
    other = await until(ask, "maya", lambda s: s["counted"]["framesDecoded"] > 20)
    assert set(other["numbers"]["dropped"]) <= HARMLESS


async def test_a_peer_that_does_not_seal_is_neither_seen_nor_heard(ask: Ask) -> None:
    await ask("async () => rig.begin({flag: false, plain: ['maya']})")
    seen = await until(ask, "theo", lambda s: min(s["numbers"]["arrived"].get(mid, 0) for mid in "01") > 20)
    assert seen["numbers"]["opened"] == {}
    assert seen["counted"]["framesDecoded"] == 0
    assert seen["counted"]["energy"] == 0


async def test_the_identity_stays_on_the_device_and_cannot_be_taken_out(ask: Ask) -> None:
    await ask("async () => rig.begin({call: 'c_1'})")
    first = await ask("async () => rig.identity('maya')")
    await ask("async () => rig.begin({call: 'c_2'})")
    assert await ask("async () => rig.identity('maya')") == first
    assert (await ask("async () => rig.identity('theo')"))["id"] != first["id"]
    assert first["taken"] == "InvalidAccessError"
    assert first["extractable"] is False
    seen = await until(ask, "theo", lambda s: len(s["told"]["confirmed"]) > 0)
    assert seen["told"]["unsigned"] == []  # the same two as in the call before


async def test_a_page_signs_with_the_identity_that_its_calls_use(ask: Ask) -> None:
    await ask("async () => rig.begin()")
    signed = await ask("async () => rig.ring('maya')")
    assert len(signed["id"]) == 43
    assert signed["m"] == '{"t":"test"}'
    assert signed["held"] == [True, False, False]  # her own; somebody else's key; one sign more
    assert (signed["same"], signed["after"]) == (True, True)
    seen = (await ask("async () => rig.identity('maya')"))["id"]
    assert base64.urlsafe_b64encode(bytes(map(int, seen.split(",")))).decode().rstrip("=") == signed["id"]


async def test_a_browser_that_cannot_seal_is_refused_and_nothing_is_attached_before_the_worker_is_ready(
    ask: Ask,
) -> None:
    assert await ask("async () => rig.refusals()") == ["worker", "transform", "transform", ""]


@pytest.mark.skipif(FIREFOX is None, reason="no Firefox on this machine")
@pytest.mark.slow  # make witness
async def test_frames_are_sealed_and_opened_in_firefox_both_ways_and_the_watchdog_is_content(tmp_path: Path) -> None:
    async with served() as url, firefox(tmp_path / "profile") as fox:
        await fox.goto(url)
        await frames_flow_both_ways(fox.evaluate)
