"""Real browsers mark: a camera's picture is dressed in the page, and what comes out is read by the detector, or held to the formula.

Everything under our own headers. No call in here: a camera, its marks, and at most a connection from the page to itself.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from server.trace import bound, detect, pattern
from tests.browser.marionette import FIREFOX, firefox
from tests.browser.mark_page import TEXT, Rig, marking
from tests.browser.people import chromium, screen
from tests.mark_vectors import KEY

TILE = pattern.tile(KEY)
THEO, LEA = 0x12345678, 0xDEADBEEF
ISSUED = {THEO: "theo", LEA: "lea", 0xAAAAAAAA: "somebody else"}

pytestmark = pytest.mark.browser
Ask = Callable[[str], Awaitable[Any]]


def read(rig: Rig, name: str, issued: dict[int, str]) -> detect.Reading:
    taken = rig.taken[name]
    return detect.read(list(taken.luma), taken.about["times"], TILE, issued)


async def each_copy_is_read_as_its_own(rig: Rig, ask: Ask, way: str) -> None:
    assert await ask(f"async () => rig.begin({{key: '{TEXT}'}})") == way
    assert await ask(f"async () => rig.dress({{ref: 'theo', id: {THEO}, quarter: 0}})") == "live"
    assert await ask(f"async () => rig.dress({{ref: 'lea', id: {LEA}, quarter: 1}})") == "live"
    # One goes through a real encoder and decoder, one is looked at as it leaves, and the camera itself has no mark.
    await ask(
        "async () => { const far = await rig.through(rig.track('theo'));"
        " await Promise.all([rig.take('theo', far, 2.2), rig.take('lea', rig.track('lea'), 2.2)]) }"
    )
    await ask("async () => rig.take('camera', rig.camera().track, 1.2)")
    for name in ("theo", "lea"):
        reading = read(rig, name, ISSUED)
        assert reading.row == name
        assert reading.correlation is not None
        assert reading.correlation >= bound.RHO
        assert reading.false_alarm is not None
        assert reading.false_alarm < 1e-9
    # The whole search for a mark that is not there takes seconds; of the camera, only the likeliest placements are looked at.
    camera = rig.taken["camera"]
    found = islice(detect.candidates(list(camera.luma), camera.about["times"], TILE), detect.PLACEMENTS)
    assert max(one.rho for one in found) < bound.RHO

    told = await ask("async () => rig.state()")
    assert [why for _, why in told["told"] if why != "slow"] == []  # a machine that runs other tests may well be slow
    assert told["ends"] == {"theo": "live", "lea": "live"}
    assert await ask("async () => violations") == []
    await ask("async () => rig.camera().track.stop()")
    await until(ask, "rig.state().ends", {"theo": "ended", "lea": "ended"})


async def until(ask: Ask, what: str, wanted: Any) -> None:
    for _ in range(50):
        seen = await ask(f"async () => (await rig.soon(100), {what})")
        if seen == wanted:
            return
    raise AssertionError(seen)


@pytest.mark.slow  # make witness
async def test_the_copy_that_leaves_chromium_is_read_as_its_recipients_and_the_camera_as_nobodys() -> None:
    async with marking() as rig, chromium() as browser:
        page = await screen(browser)
        await page.goto(rig.url)
        await page.wait_for_function("() => window.rig")
        await each_copy_is_read_as_its_own(rig, page.evaluate, "processor")


@pytest.mark.skipif(FIREFOX is None, reason="no Firefox on this machine")
@pytest.mark.slow  # make witness
async def test_the_copy_that_leaves_firefox_is_read_as_its_recipients_and_the_camera_as_nobodys(tmp_path: Path) -> None:
    async with marking() as rig, firefox(tmp_path / "profile") as fox:
        await fox.goto(rig.url)
        await each_copy_is_read_as_its_own(rig, fox.evaluate, "canvas")


async def test_chromium_marks_a_cameras_frames_to_the_byte_at_their_own_time_and_ends_with_them() -> None:
    async with marking() as rig, chromium() as browser:
        page = await screen(browser)
        await page.goto(rig.url)
        await page.wait_for_function("() => window.rig")
        await page.evaluate(f"async () => rig.begin({{key: '{TEXT}', own: true}})")
        for ref, one, quarter in (("theo", THEO, 0), ("lea", LEA, 3)):
            assert (
                await page.evaluate(f"async () => rig.dress({{ref: '{ref}', id: {one}, quarter: {quarter}}})") == "live"
            )
        wanted = 6
        assert await page.evaluate(f"async () => rig.pairs('both', ['theo', 'lea'], {wanted})") >= 3
        about, luma = rig.taken["both"].about, rig.taken["both"].luma
        count = len(about["times"])
        assert about["formats"] == ["I420"]
        camera, theo, lea = luma[:count], luma[count : 2 * count], luma[2 * count :]
        for copies, one, quarter in ((theo, THEO, 0), (lea, LEA, 3)):
            made = pattern.patterns(TILE, one, 640, 480)
            for before, after, time in zip(camera, copies, about["times"], strict=True):
                assert (after == pattern.add(before, made, time / 1e6, quarter)).all()
                assert (after != before).any() or pattern.level(time / 1e6, quarter) == 0
        # Undressed: theo's ends, lea's goes on. Another camera's track for lea takes the place of this one.
        await page.evaluate("async () => rig.marks().undress('theo')")
        ends = (await page.evaluate("async () => rig.state()"))["ends"]
        assert ends == {"theo": "ended", "lea": "live"}
        assert await page.evaluate("async () => rig.camera().track.readyState") == "live"
        await page.evaluate("async () => rig.marks().stop()")
        assert (await page.evaluate("async () => rig.state()"))["ends"]["lea"] == "ended"
        assert await page.evaluate("async () => rig.camera().track.readyState") == "live"
        assert await page.evaluate("async () => violations") == []


async def test_chromium_marks_frames_of_every_kind_and_of_odd_sizes() -> None:
    async with marking() as rig, chromium() as browser:
        page = await screen(browser)
        await page.goto(rig.url)
        await page.wait_for_function("() => window.rig")
        await page.evaluate(f"async () => rig.begin({{key: '{TEXT}'}})")
        for given, size, left in (
            ("I420", (319, 241), "I420"),
            ("NV12", (320, 240), "NV12"),
            ("RGBA", (319, 241), "RGBA"),
            ("BGRX", (320, 240), "BGRX"),
            ("I420P10", (320, 240), "RGBA"),  # of ten bits: drawn
        ):
            whose = f"{{ref: 'theo', id: {THEO}, quarter: 0}}"
            await page.evaluate(f"async () => rig.kind('{given}', '{given}', {size[0]}, {size[1]}, {whose})")
            about, plane = rig.taken[given].about, rig.taken[given].luma[0]
            assert about["format"] == left
            assert about["shown"] == list(size)
            assert about["timestamp"] % 33_000 == 0
            level = pattern.level(about["timestamp"] / 1e6)
            added = pattern.patterns(TILE, THEO, *size)[level + pattern.LEVELS].astype(int)
            if left in ("I420", "NV12"):
                assert (plane.astype(int) == 128 + added).all()
            else:
                colours = plane.reshape(size[1], size[0], 4).astype(int)
                assert (colours[..., 0] == colours[..., 1]).all()
                assert (colours[..., 0] == colours[..., 2]).all()
                shade = (colours[..., 0] - np.median(colours[..., 0])) * 219 / 255
                assert abs(shade - (added - np.median(added))).max() <= 2  # rounded by the same dither
                assert shade.std() == pytest.approx(added.std(), abs=0.2)
        assert (await page.evaluate("async () => rig.state()"))["told"] == []
