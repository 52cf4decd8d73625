"""The running gate cannot see, whoever comes and goes: reload, another camera, a third, a leaver, two browsers, each tapped.

Every case asks the same question of every frame from the first packet on (``sealed_tap.all_sealed``), and of the keys that somebody
held before they came or after they went: they must open nothing. Whoever is in the call opens the same frames, so that it is
the keys, and not the frames, that make the difference; and the same question of the same packets, with one of them in clear, is
answered with no each time (``fails_in_clear``).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page

from tests.browser.marionette import FIREFOX, firefox
from tests.browser.people import answer, chromium, goes_up, open_curtain, pair_by_api, press, ring, screen, wear
from tests.browser.sealed_tap import (
    Tap,
    Who,
    all_sealed,
    answers,
    fails_in_clear,
    opened_by,
    place,
    rings,
    shows,
    tapped,  # noqa: F401 -- the fixture
    three_friends,
    tile_is,
    until_sealed,
)
from tests.house import Families, House, open_house
from tests.peers import Browserless

pytestmark = pytest.mark.browser
HERE = "Here now"

#: The sender's camera becomes another one, of another size, without a moment between: what a switch of cameras does.
OTHER_CAMERA = """async () => {
  const stream = await navigator.mediaDevices.getUserMedia({video: {width: 320, height: 240}});
  let changed = 0;
  for (const pc of window.connections) for (const sender of pc.getSenders()) {
    if (sender.track?.kind !== 'video') continue;
    await sender.replaceTrack(stream.getVideoTracks()[0]);
    changed += 1;
  }
  return changed;
}"""


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path / "house") as opened:
        yield opened


async def at_home(page: Page, device: Browserless, house: House) -> None:
    await wear(page, device, house)
    await page.get_by_text(HERE).first.wait_for()


@pytest.mark.slow  # make witness
async def test_another_camera_and_a_camera_shut_and_opened_again_and_a_page_loaded_anew_in_the_call(
    house: House, tap: Tap
) -> None:
    async with chromium() as browser:
        page = await screen(browser)
        two = await Families(house).two()
        await two.theo.connect()
        await at_home(page, two.maya, house)
        await ring(page, "Theo")
        await answers(two.theo)
        await open_curtain(page)
        await two.theo.wait_frames("video", 10)
        maya = place(house, 0)

        since = tap.mark()
        assert await page.evaluate(OTHER_CAMERA)
        await two.theo.wait_frames("video", 10)
        await until_sealed(tap, maya, video=5, since=since)
        fails_in_clear(tap, maya, since)

        await press(page, "Camera on")
        since = tap.mark()
        await open_curtain(page)
        await two.theo.wait_frames("video", 10)
        await until_sealed(tap, maya, video=5, since=since)
        fails_in_clear(tap, maya, since)
        await until_sealed(tap, maya, audio=50, video=30)

        since, seen = tap.mark(), len(two.theo.seen)
        await page.reload()
        await two.theo.expect("call.ended", since=seen)
        await page.get_by_text(HERE).first.wait_for()
        await ring(page, "Theo")
        await answers(two.theo, seen)
        await two.theo.wait_frames("audio", 25)
        await open_curtain(page)
        await two.theo.wait_frames("video", 10)
        again = place(house, 0)
        assert again.call != maya.call
        await until_sealed(tap, again, audio=20, video=5)
        fails_in_clear(tap, again)
        old_keys = Who(maya.call, 0, again.peer)
        assert opened_by(tap, old_keys, 1) == (0, len(tap.frames(again.peer)))
        assert await page.get_by_text("is not signed").count() == 0  # the same device as before


@pytest.mark.slow  # make witness
async def test_who_comes_later_opens_nothing_of_before_and_who_went_opens_nothing_of_after(
    house: House, tap: Tap
) -> None:
    async with chromium() as browser:
        page = await screen(browser)
        three = await three_friends(house)
        await three.lea.connect()
        await three.theo.connect()
        await at_home(page, three.maya, house)
        call = await rings(three.theo, three.two.theo_sees_maya, three.theo_sees_lea)
        await answer(page)
        await three.theo.wait_frames("audio", 10)
        await open_curtain(page)
        await three.theo.wait_frames("video", 10)
        before = tap.mark()
        await answers(three.lea)
        await shows(three.lea, call)
        await three.lea.wait_frames("audio", 10)
        await three.lea.wait_frames("video", 5)
        await tile_is(page, "Lea", picture=True, sound=True)
        maya = place(house, 1)
        all_sealed(tap, maya)
        early, of = opened_by(tap, maya, 2, until=before)
        assert (early, of > 30) == (0, True)
        assert opened_by(tap, maya, 0, until=before)[0] > 30  # the same frames, for who was there
        late, _ = opened_by(tap, maya, 2, since=before)
        assert late > 10

        await three.lea.ask(t="call.leave", call=call)
        went = time.monotonic()
        await page.get_by_text("Lea left.").first.wait_for(state="attached")
        since = tap.mark()
        while True:  # until the page seals with a key that Lea was not given
            after = tap.mark()
            await asyncio.sleep(0.05)
            lea, of = opened_by(tap, maya, 2, since=after)
            if of and not lea:
                break
            assert time.monotonic() < went + 4, "she left, and her key is still in use"
        heard = {kind: three.lea.frames[kind] for kind in three.lea.frames}
        await three.theo.wait_frames("audio", 20)
        await three.theo.wait_frames("video", 10)
        assert opened_by(tap, maya, 2, since=after)[0] == 0
        assert opened_by(tap, maya, 0, since=after)[0] > 20
        await until_sealed(tap, maya, video=5, since=since)
        fails_in_clear(tap, maya, since)
        fails_in_clear(tap, maya, before)
        assert three.lea.frames == heard
        assert await page.locator("section.tile[aria-label=Lea]").count() == 0


@pytest.mark.slow  # make witness
@pytest.mark.skipif(FIREFOX is None, reason="no Firefox on this machine")
async def test_firefox_and_chromium_in_one_call_with_a_third_and_firefox_with_another_camera_and_loaded_anew(
    house: House, tap: Tap, tmp_path: Path
) -> None:
    async with chromium() as browser, firefox(tmp_path / "profile") as fox:
        three = await three_friends(house)
        await three.lea.connect()
        page = await screen(browser)
        await at_home(page, three.theo, house)
        await fox.goto(f"{house.base}/child/")
        await pair_by_api(fox, three.two.sam, three.two.maya_id)
        await fox.press("See my people")
        await fox.sees(HERE)
        call = await rings(three.lea, three.lea_sees_maya, three.lea_sees_theo)
        await answer(page)
        await fox.press("Answer")
        await open_curtain(page)
        await fox.press("Show me")
        await goes_up(page, "frames", "audio")
        await shows(three.lea, call)
        await fox.press("Camera on")
        since = tap.mark()
        await fox.press("Show me")
        await three.lea.wait_frames("video", 40)
        maya, theo = place(house, 1), place(house, 2)
        await until_sealed(tap, maya, audio=20, video=20)
        await until_sealed(tap, theo, audio=20, video=20)
        await until_sealed(tap, maya, video=5, since=since)
        for who in (maya, theo):
            fails_in_clear(tap, who)

        seen = len(three.lea.seen)
        await fox.goto(f"{house.base}/child/?again")
        await fox.sees("Lea")
        await three.lea.until(lambda m: m["t"] == "call.peer_left", since=seen)
        after = tap.mark()
        await goes_up(page, "audio")
        await three.lea.wait_frames("video", 10)
        assert tap.frames(maya.peer, after) == []
        await until_sealed(tap, theo, audio=5, video=5, since=after)
        await press(page, "Leave")
        await three.lea.expect("call.ended", since=seen)

        seen = len(three.lea.seen)
        await fox.sees(HERE)
        await fox.press("Lea")
        await fox.press("Call with voice")
        await answers(three.lea, seen)
        await three.lea.wait_frames("audio", 25)
        await fox.press("Show me")
        await three.lea.wait_frames("video", 10)
        again = place(house, 0)
        await until_sealed(tap, again, audio=5, video=5)
        old_keys = Who(maya.call, 1, again.peer)
        assert opened_by(tap, old_keys, 0) == (0, len(tap.frames(again.peer)))

        await fox.press("Leave")
        await fox.evaluate("async () => { delete window.RTCRtpScriptTransform; }")
        seen = len(three.lea.seen)
        await fox.press("OK")
        await fox.press("Lea")
        await fox.press("Call with voice")
        await fox.sees("This browser can’t keep calls closed.")
        await three.lea.ask(t="call.leave", call="c_nowhere1")
        assert not [one for one in three.lea.seen[seen:] if one["t"] == "call.incoming"]
