"""The running gate cannot see: a call of our own page is tapped at the gate from its first packet, and every frame is sealed.

The other side is a headless peer that was admitted, so the test holds the keys that the page wrapped for it, and nothing else: each
tapped frame must open with them and with nothing changed. Frames of the key from before anybody was there open for nobody; they must
carry its KID and its counters from 0 on, without a hole. A build that puts its transforms on one task too late must fail the same
check, or the check would be worth nothing; and that build must notice it by itself and stop.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiortc import rtp
from aiortc.codecs.vpx import VpxPayloadDescriptor
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from playwright.async_api import Page, Route

from server.api import keys
from signalling.gate import forward
from tests import seal_twin
from tests.browser.marionette import FIREFOX, firefox
from tests.browser.people import chromium, open_curtain, pair_by_api, press, ring, screen, wear
from tests.house import Families, House, Two, open_house
from tests.peers import Browserless

pytestmark = pytest.mark.browser
PEER = Path(__file__).parents[2] / "client_web/shared/peer.js"


@dataclass
class Tap:
    """Every media packet that the gate took out of its transport, by the peer that sent it; and the keys of the admitted peer."""

    packets: list[tuple[str, bytes]] = field(default_factory=list)
    bases: dict[tuple[int, int], bytes] = field(default_factory=dict)
    """By sender's index and epoch: what was unwrapped in this process, which is the headless peer's alone."""

    def frames(self, sender: str) -> list[tuple[str, bytes]]:
        """Kind and whole frame, in the order in which they were complete."""
        frames: list[tuple[str, bytes]] = []
        pictures: dict[int, bytes] = defaultdict(bytes)
        for peer, raw in self.packets:
            packet = rtp.RtpPacket.parse(raw)
            if peer != sender or not packet.payload:  # padding, with which the way is measured
                continue
            if packet.payload_type == self.types["audio"]:
                frames.append(("audio", packet.payload))
                continue
            pictures[packet.timestamp] += VpxPayloadDescriptor.parse(packet.payload)[1]
            if packet.marker:
                frames.append(("video", pictures.pop(packet.timestamp)))
        return frames

    types: dict[str, int] = field(default_factory=dict)


@pytest.fixture
def tap(monkeypatch: pytest.MonkeyPatch) -> Tap:
    made = Tap()
    now: list[Any] = [None, None]
    real_unprotect, real_media, real_unwrap = forward.unprotect, forward.Forwarder.media, seal_twin.Pair.unwrap

    def unprotect(session: Any, at: Any, length: Any) -> Any:
        error = real_unprotect(session, at, length)
        if not error:
            made.packets.append((now[0].id, bytes(now[1]._in.view[: length[0]])))
        return error

    def media(self: Any, peer: Any, size: int, when: float) -> None:
        now[:] = peer, self
        for kind, stream in peer.streams.items():
            made.types[kind] = stream.payload_type
        real_media(self, peer, size, when)

    def unwrap(self: Any, words: dict[str, Any], i: int, j: int) -> tuple[int, bytes]:
        epoch, base = real_unwrap(self, words, i, j)
        made.bases[i, epoch] = base
        return epoch, base

    monkeypatch.setattr(forward, "unprotect", unprotect)
    monkeypatch.setattr(forward.Forwarder, "media", media)
    monkeypatch.setattr(seal_twin.Pair, "unwrap", unwrap)
    return made


def all_sealed(tap: Tap, sender: str, index: int) -> dict[str, int]:
    """How many frames of each kind opened. Raises at the first that is not sealed, under another's KID, or out of its place."""
    openers: dict[int, seal_twin.Opener] = {}
    following: dict[int, int] = defaultdict(int)
    opened = {"audio": 0, "video": 0}
    for kind, frame in tap.frames(sender):
        kid, metadata, sealed = seal_twin.look_at(kind, frame)
        assert kid >> 4 == index, (kind, kid)
        assert kid & 1 == (kind == "video"), (kind, kid)
        _, counter, _ = seal_twin.decode_header(sealed)
        assert counter == following[kid], (kind, kid, counter)
        following[kid] += 1
        epoch = kid >> 1 & 7
        if epoch == 0:
            continue
        if kid not in openers:
            openers[kid] = seal_twin.Opener(tap.bases[index, epoch], kid)
        openers[kid].open(sealed, metadata)
        opened[kind] += 1
    return opened


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


async def answers(theo: Browserless, since: int = 0) -> str:
    incoming = await theo.expect("call.incoming", since=since)
    accepted = await theo.ask(t="call.accept", call=incoming["call"], nonce=incoming["nonce"])
    assert accepted["t"] == "ok", accepted
    return str(incoming["call"])


def sender_of(tap: Tap, house: House, index: int) -> str:
    """The gate's name of the one who has this place in the only call."""
    (live,) = house.app[keys.HUB]._calls.values()
    return live.peers[live.call.legs[index].person]


async def test_every_frame_at_the_gate_is_sealed_from_the_first_packet_on_and_opens_for_who_was_admitted(
    house: House, tap: Tap
) -> None:
    async with chromium() as browser:
        page = await screen(browser)
        two = await calls(page, house)
        await two.theo.wait_frames("audio", 25)
        maya = sender_of(tap, house, 0)
        await open_curtain(page)
        await two.theo.wait_frames("video", 20)
        opened = all_sealed(tap, maya, 0)
        assert opened["audio"] > 25
        assert opened["video"] > 20


@pytest.mark.skipif(FIREFOX is None, reason="no Firefox on this machine")
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
        maya = sender_of(tap, house, 0)
        await fox.press("Show me")
        await two.theo.wait_frames("video", 20)
        opened = all_sealed(tap, maya, 0)
        assert opened["audio"] > 25
        assert opened["video"] > 20


async def test_somebody_on_a_new_device_is_neither_seen_nor_heard_before_a_yes(house: House) -> None:
    async with chromium() as browser:
        page = await screen(browser)
        two = await calls(page, house)
        await heard(page)
        await two.theo.ask(t="call.leave", call=(await two.theo.expect("call.state"))["call"])
        await press(page, "OK", exact=True)

        two.theo.identity = Ed25519PrivateKey.generate()
        since = len(two.theo.seen)
        await ring(page, "Theo")
        await answers(two.theo, since)
        await page.get_by_text("Theo has a new device.").wait_for()
        before = two.theo.frames["audio"]
        await asyncio.sleep(1.5)
        assert two.theo.frames["audio"] == before
        assert await page.evaluate(SILENT)
        await press(page, "Yes, it is right")
        await two.theo.wait_frames("audio", 25)
        await page.get_by_text("Theo has a new device.").wait_for(state="detached")
        await heard(page)


#: No element of the page has a sound of somebody else's.
SILENT = "[...document.querySelectorAll('rf-picture audio')].every(one => one.srcObject === null)"


async def heard(page: Page) -> None:
    """Until somebody else's sound is on the page."""
    async with asyncio.timeout(15):
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
        maya = sender_of(tap, house, 0)
        await page.get_by_role("heading", name="This call had to stop").wait_for(timeout=20_000)
        await page.get_by_text("We could not keep it closed.").wait_for()
        assert tap.frames(maya)
        with pytest.raises((AssertionError, seal_twin.Dropped)):
            all_sealed(tap, maya, 0)
        assert two.theo.frames == {"audio": 0, "video": 0}  # nothing of it was forwarded, or opened


async def test_with_chromiums_switch_even_that_build_sends_nothing_that_is_not_sealed(house: House, tap: Tap) -> None:
    async with chromium() as browser:
        page = await screen(browser)
        await serve_instead(page, switched)
        two = await calls(page, house)
        await two.theo.wait_frames("audio", 25)
        assert all_sealed(tap, sender_of(tap, house, 0), 0)["audio"] > 10


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
