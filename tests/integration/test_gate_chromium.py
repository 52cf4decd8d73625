"""A call between two real Chromium pages, straight against the gate: no signalling server, no pages of ours.

The pages seal with our keeper, for the gate forwards nothing else; words about keys go from page to page through the test.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from playwright.async_api import Browser, Page, async_playwright

from signalling.gate import Connected
from tests.browser.bare_window import BARE
from tests.gate_peers import Room, room
from tests.seal_twin import SELF_SIGNED

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--no-sandbox",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    BARE,
]
CLIENT = Path(__file__).parents[2] / "client_web"
INDEX = {"alice": 0, "bob": 1}

ANSWER = """async ({sdp, camera, name, index, claims}) => {
  const {Keeper, SEALED} = await import('/shared/seal/keeper.js');
  const keeper = window.keeper = new Keeper({call: 'c_room0001', index, me: name});
  keeper.onsend = (to, body) => carry(to, body);
  keeper.onkids = kids => register(kids);
  await keeper.start();
  const pc = window.pc = new RTCPeerConnection({...SEALED, iceServers: []});
  window.media = await navigator.mediaDevices.getUserMedia({audio: true, video: {width: 640, height: 480}});
  window.tracks = [];
  pc.ontrack = event => {
    tracks.push({mid: event.transceiver.mid, stream: event.streams[0] && event.streams[0].id});
    const show = document.createElement(event.track.kind);
    show.autoplay = true; show.srcObject = new MediaStream([event.track]);
    document.body.append(show);
  };
  await pc.setRemoteDescription({type: 'offer', sdp});
  for (const one of pc.getTransceivers()) keeper.attach(one, {mid: one.mid, index: claims[one.mid]});
  const [audio, video] = pc.getTransceivers();
  audio.direction = video.direction = 'sendrecv';
  await audio.sender.replaceTrack(media.getAudioTracks()[0]);
  if (camera) await video.sender.replaceTrack(media.getVideoTracks()[0]);
  await pc.setLocalDescription(await pc.createAnswer());
  return pc.localDescription.sdp;
}"""
STATS = """async () => {
  const seen = {frames: 0, audio: 0, lost: 0, width: 0, codec: ''};
  for (const report of (await pc.getStats()).values()) {
    if (report.type !== 'inbound-rtp') continue;
    seen.lost += report.packetsLost;
    if (report.kind === 'video') { seen.frames += report.framesDecoded || 0; seen.width = report.frameWidth || 0; }
    else seen.audio += report.bytesReceived;
  }
  return seen;
}"""

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")]


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        await browser.close()


@pytest.fixture
async def origin() -> AsyncIterator[str]:
    """An empty page, and our browser files beside it; localhost is a secure context."""

    async def blank(_: web.Request) -> web.Response:
        return web.Response(text="<!doctype html><title>call</title><body>", content_type="text/html")

    app = web.Application()
    app.add_routes([web.get("/call", blank), web.static("/", CLIENT)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://localhost:{runner.addresses[0][1]}/call"
    await runner.cleanup()


class Pages:
    """A room for pages: who sits in which, and the way of words about keys."""

    def __init__(self, call: Room, browser: Browser, origin: str) -> None:
        self.call, self.browser, self.origin = call, browser, origin
        self.here: dict[str, Page] = {}

    async def join(self, name: str, others: list[str], *, camera: bool = True) -> Page:
        page = await (await self.browser.new_context()).new_page()

        async def carry(to: str, body: str) -> None:
            await self.here[to].evaluate("([ref, body]) => keeper.body(ref, body)", [name, body])

        await page.expose_function("carry", carry)
        await page.expose_function("register", lambda kids: self.call.gate.seal(name, kids))
        await page.goto(self.origin)
        offer = self.call.gate.offer(name, slots=others)
        claims = {mid: INDEX.get(slot.publisher) for slot in offer.slots for mid in (slot.audio_mid, slot.video_mid)}
        told = {"sdp": offer.sdp, "camera": camera, "name": name, "index": INDEX[name], "claims": claims}
        answer = await page.evaluate(ANSWER, told)
        self.call.gate.answer(name, answer, offer.neg)
        await self.call.told(Connected(name))
        self.here[name] = page
        for other in set(others) & self.here.keys():
            for at, met in ((name, other), (other, name)):
                told = await self.here[met].evaluate(SELF_SIGNED, met)
                await self.here[at].evaluate("told => keeper.roster(told)", told)
                await self.here[at].evaluate("([ref, index]) => keeper.peer(ref, index)", [met, INDEX[met]])
        return page


@pytest.fixture
async def pages(browser: Browser, origin: str) -> AsyncIterator[Pages]:
    async with room() as call:
        yield Pages(call, browser, origin)


async def stats(page: Page) -> dict[str, Any]:
    seen: dict[str, Any] = await page.evaluate(STATS)
    return seen


async def growing(page: Page, *, frames: int = 20, audio: int = 2000, seconds: float = 45) -> dict[str, Any]:
    """Until so many more frames were decoded and so many more bytes of voice came in; the last statistics."""
    first = await stats(page)
    async with asyncio.timeout(seconds):
        while True:
            seen = await stats(page)
            if seen["frames"] >= first["frames"] + frames and seen["audio"] >= first["audio"] + audio:
                return seen
            await asyncio.sleep(0.1)


async def test_two_chromium_pages_see_and_hear_each_other_until_the_cut(pages: Pages) -> None:
    call = pages.call
    alice = await pages.join("alice", ["bob"])
    bob = await pages.join("bob", ["alice"])
    call.allow("alice", "bob")
    call.allow("bob", "alice")
    at_alice, at_bob = await asyncio.gather(growing(alice), growing(bob))
    assert at_alice["lost"] == at_bob["lost"] == 0
    assert call.gate.cut(viewer="bob") == 2
    await asyncio.sleep(0.3)
    before = await stats(bob)
    await growing(alice)
    after = await stats(bob)
    assert (after["frames"], after["audio"]) == (before["frames"], before["audio"])
    call.allow("alice", "bob")
    await growing(bob)
    assert call.gate.counters()["dropped_fault"] == 0


async def test_a_camera_that_opens_later_is_seen_without_renegotiation(pages: Pages) -> None:
    call = pages.call
    alice = await pages.join("alice", ["bob"], camera=False)
    bob = await pages.join("bob", ["alice"], camera=False)
    call.allow("alice", "bob")
    call.allow("bob", "alice")
    await growing(bob, frames=0)
    assert (await stats(bob))["frames"] == 0
    await alice.evaluate("() => pc.getTransceivers()[1].sender.replaceTrack(media.getVideoTracks()[0])")
    await growing(bob)


async def test_every_person_arrives_as_a_stream_of_their_own(pages: Pages) -> None:
    others = [f"friend{number}" for number in range(7)]
    page = await pages.join("alice", others)
    tracks = await page.evaluate("() => tracks")
    assert len(tracks) == 14
    assert len({track["stream"] for track in tracks}) == 7


RESTART = """async ({sdp}) => {
  await pc.setRemoteDescription({type: 'offer', sdp});
  await pc.setLocalDescription(await pc.createAnswer());
  return pc.localDescription.sdp;
}"""
WAY = """async () => {
  const all = [...(await pc.getStats()).values()];
  const transport = all.find(report => report.type === 'transport');
  const pair = all.find(report => report.id === transport.selectedCandidatePairId);
  const local = all.find(report => report.id === pair.localCandidateId);
  return {ufrag: local.usernameFragment, state: pair.state, srtp: transport.srtpCipher, dtls: transport.tlsVersion};
}"""


async def test_an_ice_restart_keeps_the_call_going_on_new_credentials(pages: Pages) -> None:
    call = pages.call
    alice = await pages.join("alice", ["bob"])
    bob = await pages.join("bob", ["alice"])
    call.allow("alice", "bob")
    call.allow("bob", "alice")
    await asyncio.gather(growing(alice), growing(bob))
    before = await alice.evaluate(WAY)
    assert before["dtls"] == "FEFD"
    assert before["srtp"] in ("SRTP_AEAD_AES_256_GCM", "SRTP_AEAD_AES_128_GCM")
    offer = call.gate.restart_ice("alice")
    call.gate.answer("alice", await alice.evaluate(RESTART, {"sdp": offer.sdp}), offer.neg)
    async with asyncio.timeout(30):
        while call.gate._peers["alice"].previous is not None:
            await asyncio.sleep(0.05)
    await asyncio.gather(growing(alice), growing(bob))
    after = await alice.evaluate(WAY)
    assert after["ufrag"] != before["ufrag"]
    assert call.gate.counters()["handshakes_done"] == 2
