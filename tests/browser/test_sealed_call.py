"""The running gate cannot see: a call of our own page is tapped at the gate from its first packet, and every frame is sealed.

The other side is a headless peer that was admitted, so the test holds the keys that the page wrapped for it, and nothing else: each
tapped frame must open with them and with nothing changed. Frames of the key from before anybody was there open for nobody; they must
carry its KID and its counters from 0 on, without a hole. A build that puts its transforms on one task too late must fail the same
check, or the check would be worth nothing; and that build must notice it by itself and stop.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from playwright.async_api import Page, Route

from server import marks
from tests import seal_twin
from tests.browser.marionette import FIREFOX, firefox
from tests.browser.people import chromium, open_curtain, pair_by_api, press, ring, screen, wear
from tests.browser.sealed_tap import Tap, all_sealed, answers, place, tapped  # noqa: F401 -- the fixture
from tests.house import Families, House, Two, open_house

pytestmark = pytest.mark.browser
PEER = Path(__file__).parents[2] / "client_web/shared/peer.js"


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path / "house") as opened:
        yield opened


async def calls(page: Page, house: House) -> Two:
    """Maya's page calls Theo's headless device, which answers and shows a picture."""
    two = await Families(house).two()
    await two.theo.connect()
    await wear(page, two.maya, house)
    await page.get_by_text("Here now").first.wait_for()
    await ring(page, "Theo")
    await answers(two.theo)
    return two


async def test_every_frame_at_the_gate_is_sealed_from_the_first_packet_on_and_opens_for_who_was_admitted(
    house: House, tap: Tap
) -> None:
    async with chromium() as browser:
        page = await screen(browser)
        two = await calls(page, house)
        await two.theo.wait_frames("audio", 25)
        maya = place(house, 0)
        await open_curtain(page)
        await two.theo.wait_frames("video", 20)
        opened = all_sealed(tap, maya)
        assert opened["audio"] > 25
        assert opened["video"] > 20


@pytest.mark.skipif(FIREFOX is None, reason="no Firefox on this machine")
@pytest.mark.slow  # make witness
async def test_every_frame_that_firefox_sends_is_sealed_too(house: House, tap: Tap, tmp_path: Path) -> None:
    async with firefox(tmp_path / "profile") as fox:
        two = await Families(house).two()
        await two.theo.connect()
        await fox.goto(f"{house.base}/child/")
        await pair_by_api(fox, two.sam, two.maya_id)
        await fox.press("See my people")
        await fox.sees("Here now")
        await fox.press("Theo")
        await fox.press("Call with voice")
        await answers(two.theo)
        await two.theo.wait_frames("audio", 25)
        maya = place(house, 0)
        await fox.press("Show me")
        await two.theo.wait_frames("video", 20)
        opened = all_sealed(tap, maya)
        assert opened["audio"] > 25
        assert opened["video"] > 20


async def test_somebody_on_a_device_that_nobody_signed_for_is_neither_seen_nor_heard_until_their_own_grown_up_signs(
    house: House,
) -> None:
    async with chromium() as browser:
        page = await screen(browser)
        two = await calls(page, house)
        await heard(page)
        await two.theo.ask(t="call.leave", call=(await two.theo.expect("call.state"))["call"])
        await press(page, "OK", exact=True)

        two.theo.identity = Ed25519PrivateKey.generate()  # his site data is gone
        await two.theo.say_key()
        since = len(two.theo.seen)
        await ring(page, "Theo")
        await answers(two.theo, since)
        sign = page.locator(".sign", has_text="Theo’s device is not signed yet.")
        await sign.wait_for()
        before = two.theo.frames["audio"]
        await asyncio.sleep(1.5)
        assert two.theo.frames["audio"] == before
        assert await page.evaluate(SILENT)
        await two.femi.sign()
        await two.theo.wait_frames("audio", 25)
        await sign.wait_for(state="detached")
        await heard(page)


#: The page does not hear yet that its worker has sealed anything.
UNHEARD = """
window.unheard = [];
const Plain = window.Worker;
window.Worker = class extends Plain {
  set onmessage(hear) {
    super.onmessage = (event) => { if (unheard && event.data.k === "sealed") unheard.push(() => hear(event)); else hear(event); };
  }
};
window.opened = new Set();
const devices = navigator.mediaDevices, ask = devices.getUserMedia.bind(devices);
devices.getUserMedia = async (...a) => {
  const stream = await ask(...a);
  for (const track of stream.getTracks()) opened.add(track);
  return stream;
};
window.real = () => connections[0].getSenders().map(({track}) => track)
  .filter((track) => track && (opened.has(track) || track instanceof MediaStreamTrackGenerator)).map(({kind}) => kind).sort().join();
"""


@pytest.mark.slow  # make witness
async def test_neither_microphone_nor_camera_is_on_a_sender_before_the_worker_has_sealed_a_frame_there(
    house: House,
) -> None:
    async with chromium() as browser:
        page = await screen(browser)
        await page.context.add_init_script(UNHEARD)
        two = await calls(page, house)
        await open_curtain(page)
        async with asyncio.timeout(45):
            while await page.evaluate("unheard.length") < 2 or not await marked(house):
                await asyncio.sleep(0.1)
        assert await page.evaluate("[real(), opened.size]") == ["", 2]  # both are open, and neither is on the wire
        await page.evaluate("for (const go of unheard.splice(0)) go(); unheard = null")
        await page.wait_for_function("real() === 'audio,video'")
        await two.theo.wait_frames("video", 10)


async def marked(house: House) -> int:
    """Copies that a page has handed over: the server is told after that."""
    async with house.db.read() as tx:
        return (await marks.tally(tx)).marked


#: No element of the page has a sound of somebody else's.
SILENT = "[...document.querySelectorAll('rf-picture audio')].every(one => one.srcObject === null)"


async def heard(page: Page) -> None:
    """Until somebody else's sound is on the page."""
    async with asyncio.timeout(45):
        while await page.evaluate(SILENT):
            await asyncio.sleep(0.1)


def late(source: str) -> str:
    """Our own peer.js with its transforms put on one task too late, and without Chromium's switch."""
    for old, new in (
        ("{ ...SEALED, ", "{ "),
        ("this.#pc.ontrack = ({ transceiver }) => this.#attach(transceiver);", ""),
        (
            "for (const transceiver of all) this.#sealed.attach(transceiver);",
            "await new Promise((r) => setTimeout(r)); for (const transceiver of all) this.#sealed.attach(transceiver);",
        ),
    ):
        assert old in source, old
        source = source.replace(old, new)
    return source


def switched(source: str) -> str:
    """The same, with the switch left on."""
    return late(source).replace("new RTCPeerConnection({ ", "new RTCPeerConnection({ ...SEALED, ")


async def serve_instead(page: Page, change: Callable[[str], str]) -> None:
    async def patched(route: Route) -> None:
        answer = await route.fetch()
        await route.fulfill(response=answer, body=change(PEER.read_text(encoding="utf-8")))

    await page.route("**/shared/peer.js", patched)


async def test_a_build_that_attaches_one_task_too_late_fails_the_same_check_and_stops_by_itself(
    house: House, tap: Tap
) -> None:
    async with chromium() as browser:
        page = await screen(browser)
        await serve_instead(page, late)
        two = await calls(page, house)
        maya = place(house, 0)
        await page.get_by_role("heading", name="This call had to stop").wait_for(timeout=60_000)
        await page.get_by_text("We could not keep it closed.").wait_for()
        assert tap.frames(maya.peer)
        with pytest.raises((AssertionError, seal_twin.Dropped)):
            all_sealed(tap, maya)
        assert two.theo.frames == {"audio": 0, "video": 0}  # nothing of it was forwarded, or opened


@pytest.mark.slow  # make witness
async def test_with_chromiums_switch_even_that_build_sends_nothing_that_is_not_sealed(house: House, tap: Tap) -> None:
    async with chromium() as browser:
        page = await screen(browser)
        await serve_instead(page, switched)
        two = await calls(page, house)
        await two.theo.wait_frames("audio", 25)
        assert all_sealed(tap, place(house, 0))["audio"] > 10


async def test_a_browser_that_cannot_seal_is_told_so_and_no_call_is_placed(house: House) -> None:
    async with chromium() as browser:
        page = await screen(browser)
        await page.context.add_init_script("delete window.RTCRtpScriptTransform")
        two = await Families(house).two()
        await two.theo.connect()
        await wear(page, two.maya, house)
        await page.get_by_text("Here now").first.wait_for()
        await ring(page, "Theo")
        await page.get_by_role("heading", name="This browser can’t keep calls closed.").wait_for()
        await page.get_by_text("Try another one.").wait_for()
        assert await page.evaluate("connections.length") == 0
        await asyncio.sleep(0.5)
        assert not [one for one in two.theo.seen if one["t"].startswith("call.")]
