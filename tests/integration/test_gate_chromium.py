"""A call between two real Chromium pages, straight against the gate: no signalling server, no pages of ours."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import Browser, Page, Route, async_playwright

from signalling.gate import Connected
from tests.gate_peers import Room, room

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--no-sandbox",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PAGE = "http://localhost/call"  # answered by the test itself; localhost is a secure context

ANSWER = """async ({sdp, camera}) => {
  const pc = window.pc = new RTCPeerConnection({iceServers: []});
  window.media = await navigator.mediaDevices.getUserMedia({audio: true, video: {width: 640, height: 480}});
  window.tracks = [];
  pc.ontrack = event => {
    tracks.push({mid: event.transceiver.mid, stream: event.streams[0] && event.streams[0].id});
    const show = document.createElement(event.track.kind);
    show.autoplay = true; show.srcObject = new MediaStream([event.track]);
    document.body.append(show);
  };
  await pc.setRemoteDescription({type: 'offer', sdp});
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


async def page_of(browser: Browser) -> Page:
    async def blank(route: Route) -> None:
        await route.fulfill(body="<!doctype html><title>call</title><body>", content_type="text/html")

    page = await (await browser.new_context()).new_page()
    await page.route("http://localhost/**", blank)
    await page.goto(PAGE)
    return page


async def join(call: Room, page: Page, name: str, others: list[str], *, camera: bool = True) -> None:
    offer = call.gate.offer(name, slots=others)
    answer = await page.evaluate(ANSWER, {"sdp": offer.sdp, "camera": camera})
    call.gate.answer(name, answer, offer.neg)
    await call.told(Connected(name))


async def stats(page: Page) -> dict[str, Any]:
    seen: dict[str, Any] = await page.evaluate(STATS)
    return seen


async def growing(page: Page, *, frames: int = 20, audio: int = 2000, seconds: float = 15) -> dict[str, Any]:
    """Until so many more frames were decoded and so many more bytes of voice came in; the last statistics."""
    first = await stats(page)
    async with asyncio.timeout(seconds):
        while True:
            seen = await stats(page)
            if seen["frames"] >= first["frames"] + frames and seen["audio"] >= first["audio"] + audio:
                return seen
            await asyncio.sleep(0.1)


async def test_two_chromium_pages_see_and_hear_each_other_until_the_cut(browser: Browser) -> None:
    async with room() as call:
        alice, bob = await page_of(browser), await page_of(browser)
        await join(call, alice, "alice", ["bob"])
        await join(call, bob, "bob", ["alice"])
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


async def test_a_camera_that_opens_later_is_seen_without_renegotiation(browser: Browser) -> None:
    async with room() as call:
        alice, bob = await page_of(browser), await page_of(browser)
        await join(call, alice, "alice", ["bob"], camera=False)
        await join(call, bob, "bob", ["alice"], camera=False)
        call.allow("alice", "bob")
        call.allow("bob", "alice")
        await growing(bob, frames=0)
        assert (await stats(bob))["frames"] == 0
        await alice.evaluate("() => pc.getTransceivers()[1].sender.replaceTrack(media.getVideoTracks()[0])")
        await growing(bob)


async def test_every_person_arrives_as_a_stream_of_their_own(browser: Browser) -> None:
    others = [f"friend{number}" for number in range(7)]
    async with room() as call:
        page = await page_of(browser)
        await join(call, page, "alice", others)
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


async def test_an_ice_restart_keeps_the_call_going_on_new_credentials(browser: Browser) -> None:
    async with room() as call:
        alice, bob = await page_of(browser), await page_of(browser)
        await join(call, alice, "alice", ["bob"])
        await join(call, bob, "bob", ["alice"])
        call.allow("alice", "bob")
        call.allow("bob", "alice")
        await asyncio.gather(growing(alice), growing(bob))
        before = await alice.evaluate(WAY)
        assert before["dtls"] == "FEFD"
        assert before["srtp"] in ("SRTP_AEAD_AES_256_GCM", "SRTP_AEAD_AES_128_GCM")
        offer = call.gate.restart_ice("alice")
        call.gate.answer("alice", await alice.evaluate(RESTART, {"sdp": offer.sdp}), offer.neg)
        async with asyncio.timeout(10):
            while call.gate._peers["alice"].previous is not None:
                await asyncio.sleep(0.05)
        await asyncio.gather(growing(alice), growing(bob))
        after = await alice.evaluate(WAY)
        assert after["ufrag"] != before["ufrag"]
        assert call.gate.counters()["handshakes_done"] == 2
