"""A call through the real page, gate and encoder carries the mark that the server gave out for this one recipient, and what the server
has on record is what left. Theo's device is a headless one that was admitted; it keeps the luma of what it decodes, as a recorder would.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from playwright.async_api import Page

from server import marks
from server.trace import bound, detect, pattern
from tests.browser.people import chromium, open_curtain, ring, screen, wear
from tests.browser.sealed_tap import answers
from tests.house import Families, House, open_house
from tests.peers import Browserless

pytestmark = pytest.mark.browser

#: A browser that has neither way to mark.
CANNOT = "delete window.MediaStreamTrackProcessor; delete HTMLVideoElement.prototype.requestVideoFrameCallback;"
SECONDS = 2.5


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path / "house") as opened:
        yield opened


class Recorder:
    """What a device saw last in one size."""

    def __init__(self, device: Browserless) -> None:
        self.luma: list[npt.NDArray[np.uint8]] = []
        self.times: list[float] = []
        device.on_frame = self._keep

    def _keep(self, kind: str, frame: Any) -> None:
        if kind != "video":
            return
        plane = frame.planes[0]
        seen = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: frame.height, : frame.width].copy()
        if self.luma and self.luma[-1].shape != seen.shape:
            self.forget()
        self.luma.append(seen)
        self.times.append(frame.time)

    def forget(self) -> None:
        self.luma.clear()
        self.times.clear()

    async def wait(self, seconds: float) -> None:
        async with asyncio.timeout(60):
            while not self.times or self.times[-1] - self.times[0] < seconds:
                await asyncio.sleep(0.1)


async def shows_herself(page: Page, house: House) -> Recorder:
    """Maya's page calls Theo and opens the curtain."""
    two = await Families(house).two()
    await two.theo.connect()
    recorder = Recorder(two.theo)
    await wear(page, two.maya, house)
    await page.get_by_text("Here now").first.wait_for()
    await ring(page, "Theo")
    await answers(two.theo)
    await two.theo.wait_frames("audio", 10)
    await open_curtain(page)
    return recorder


async def on_record(house: House) -> dict[int, tuple[str, str | None]]:
    """Every mark that was given out: what is known of it, and why not."""
    async with house.db.read() as tx:
        found = await tx.exec_driver_sql(
            "SELECT m.id, m.state, m.why FROM marks m JOIN people p ON p.pseudonym = m.sender"
        )
        return {number: (state, why) for number, state, why in found}


async def until_on_record(house: House, wanted: tuple[str, str | None]) -> int:
    """The mark of which that is known, as soon as it is."""
    async with asyncio.timeout(45):
        while True:
            for number, known in (await on_record(house)).items():
                if known == wanted:
                    return number
            await asyncio.sleep(0.1)


async def test_what_reaches_theo_carries_the_mark_that_was_given_out_for_theos_copy(house: House) -> None:
    async with chromium() as browser:
        recorder = await shows_herself(await screen(browser), house)
        number = await until_on_record(house, ("marked", None))
        recorder.forget()
        await recorder.wait(SECONDS)
    tile = pattern.tile(await marks.key(house.db, house.hand()))
    issued = {one: f"{one:08x}" for one in await on_record(house)}
    assert len(issued) == 2  # hers for him, and his for her
    reading = detect.read(recorder.luma, recorder.times, tile, issued)
    assert reading.mark_id == number
    assert reading.correlation is not None
    assert reading.correlation >= bound.RHO


@pytest.mark.slow  # make witness
async def test_a_browser_that_cannot_mark_goes_on_unmarked_and_that_is_on_record(house: House) -> None:
    async with chromium() as browser:
        page = await screen(browser)
        await page.add_init_script(CANNOT)
        recorder = await shows_herself(page, house)
        number = await until_on_record(house, ("unmarked", "cannot"))
        recorder.forget()
        await recorder.wait(SECONDS)
    tile = pattern.tile(await marks.key(house.db, house.hand()))
    found = islice(detect.candidates(recorder.luma, recorder.times, tile), detect.PLACEMENTS)
    assert max(one.rho for one in found) < bound.RHO
    assert (await on_record(house))[number] == ("unmarked", "cannot")
