"""What does the recipient mark cost in the sender's browser, and how far does it move the picture?

Cost: our own page modules in real browsers at 640 x 480 and 30 frames a second, from the made-up camera that each browser brings. Counted
is the time from a frame's coming to the last marked copy's going, for all recipients of it together. Yardstick of the same run:
the same way in and out with nothing changed (tests/browser/mark_pass.js): a track processor that copies each frame out and in again;
in Firefox, a canvas that is read and painted. Once with nobody taking the tracks, once with a VP8 encoder and decoder behind each.
Figures are of windows of four seconds, as the page itself counts them: the median of their medians and of their 99th percentiles.

Quality: clips of tests/trace_scenes.py, marked by the page's code in Node.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
from playwright.async_api import async_playwright

from tests.browser.marionette import FIREFOX, firefox
from tests.browser.mark_page import TEXT, marking
from tests.browser.people import CHROMIUM, FLAGS
from tests.mark_quality import measure
from tests.seal_node import Node

Ask = Callable[[str], Awaitable[Any]]
Fresh = Callable[[], Awaitable[Ask]]
CAMERA = "--use-fake-device-for-media-stream"


async def rows(quick: bool) -> list[dict[str, Any]]:
    windows, clips = (1, 6) if quick else (2, 48)
    found = quality(clips, 1.0)
    async with in_chromium() as (browser, fresh):
        found += await costs(browser, fresh, windows)
    if FIREFOX is not None:
        async with in_firefox() as (browser, fresh):
            found += await costs(browser, fresh, windows)
    return found


@asynccontextmanager
async def in_chromium() -> AsyncIterator[tuple[str, Fresh]]:
    flags = [flag if flag != CAMERA else f"{CAMERA}=fps=30" for flag in FLAGS]
    async with marking() as rig, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        page = await browser.new_page()

        async def fresh() -> Ask:
            await page.goto(rig.url)
            await page.wait_for_function("() => window.rig")
            return page.evaluate

        yield f"Chromium {browser.version}", fresh
        await browser.close()


@asynccontextmanager
async def in_firefox() -> AsyncIterator[tuple[str, Fresh]]:
    with tempfile.TemporaryDirectory() as folder:
        async with marking() as rig, firefox(Path(folder) / "profile") as fox:
            version = await fox.evaluate("async () => navigator.userAgent.split('Firefox/')[1]")

            async def fresh() -> Ask:
                await fox.goto(rig.url)
                while not await fox.evaluate("async () => Boolean(window.rig)"):
                    await asyncio.sleep(0.1)
                return fox.evaluate

            yield f"Firefox {version}", fresh


async def costs(browser: str, fresh: Fresh, windows: int) -> list[dict[str, Any]]:
    found = []
    for encoded in (False, True):
        ask = await fresh()
        await ask(f"async () => rig.begin({{key: '{TEXT}', own: true}})")
        await ask(f"async () => rig.passThrough({str(encoded).lower()})")
        plain = await _numbers(ask, windows)
        for recipients in (1, 2, 3):
            ask = await fresh()
            await ask(f"async () => rig.begin({{key: '{TEXT}', own: true}})")
            for n in range(recipients):
                assert (
                    await ask(f"async () => rig.dress({{ref: 'p{n}', id: {0x12345678 + n}, quarter: {n}}})") == "live"
                )
                if encoded:
                    await ask(f"async () => void await rig.watched(await rig.through(rig.track('p{n}')))")
            marked = await _numbers(ask, windows)
            name = f"mark, {browser}, {recipients} recipient{'s' * (recipients > 1)}{', encoded' * encoded}"
            found += [
                {
                    "name": f"{name}, {what}",
                    "value": marked[what],
                    "unit": unit,
                    "yardstick": f"nothing changed: {plain[what]:.3g}",
                    "ratio": marked[what] / plain[what] if plain[what] else None,
                }
                for what, unit in (("p50", "ms a frame"), ("p99", "ms a frame"), ("fps", "frames/s"))
            ]
    return found


async def _numbers(ask: Ask, windows: int) -> dict[str, float]:
    seen: list[dict[str, float]] = []
    for _ in range(windows):  # one at a time: Firefox lets no script run for longer than half a minute
        seen += await ask("async () => rig.windows(1)")
    return {what: statistics.median(one[what] for one in seen) for what in ("p50", "p99", "fps")}


def quality(clips: int, seconds: float) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        node = Node(Path(folder), "mark")
        try:
            seen = measure(node, clips, seconds, first_seed=50_000)  # seeds that nothing was tuned on
        finally:
            node.close()
    told = (
        ("PSNR, mean of the clips", float(np.mean([one.psnr for one in seen])), "dB", 40),
        ("PSNR, worst clip", min(one.psnr for one in seen), "dB", 40),
        ("SSIM, mean of the clips", float(np.mean([one.ssim for one in seen])), "of 1", 0.98),
        ("SSIM, worst clip", min(one.ssim for one in seen), "of 1", 0.98),
        ("SSIM, worst frame", min(one.worst_ssim for one in seen), "of 1", 0.98),
    )
    return [
        {
            "name": f"marked against unmarked, {clips} clips: {name}",
            "value": value,
            "unit": unit,
            "yardstick": f"aim: {aim}",
            "ratio": value / aim,
        }
        for name, value, unit, aim in told
    ]
