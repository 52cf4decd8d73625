"""A call between real Firefox and an aiortc device, straight against the gate.

Firefox is driven by its own Marionette protocol: length, colon, JSON over a local socket. That is all we need of it.
The page seals with our keeper, for the gate forwards nothing else; words about keys are fetched from it and brought to it.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web

from signalling.gate import Connected
from tests.gate_peers import Device, Room, room
from tests.seal_twin import EVERYBODYS, SELF_SIGNED, entry, key_of, roster

FIREFOX = shutil.which("firefox-esr") or shutil.which("firefox")
PREFERENCES = {
    "media.navigator.streams.fake": True,
    "media.navigator.permission.disabled": True,
    "marionette.port": 0,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "app.update.enabled": False,
    "app.normandy.enabled": False,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "datareporting.healthreport.uploadEnabled": False,
    "toolkit.telemetry.enabled": False,
    "extensions.update.enabled": False,
    "services.settings.server": "",
}

CLIENT = Path(__file__).parents[2] / "client_web"
INDEX = 1  # the page's; the aiortc device is the room's first

ANSWER = """const [sdp, index, claims, done] = arguments;
(async () => {
  const {Keeper, SEALED} = await import('/shared/seal/keeper.js');
  const keeper = window.keeper = new Keeper({call: 'c_room0001', index, me: 'alice'});
  window.said = [];
  keeper.onsend = (to, body) => said.push({to, body});
  keeper.onkids = kids => said.push({kids});
  await keeper.start();
  const pc = window.pc = new RTCPeerConnection({...SEALED, iceServers: []});
  const media = await navigator.mediaDevices.getUserMedia({audio: true, video: true});
  pc.ontrack = event => {
    const show = document.createElement(event.track.kind);
    show.autoplay = true; show.muted = true; show.srcObject = new MediaStream([event.track]);
    document.body.append(show);
  };
  await pc.setRemoteDescription({type: 'offer', sdp});
  for (const one of pc.getTransceivers()) keeper.attach(one, {mid: one.mid, index: claims[one.mid]});
  const [audio, video] = pc.getTransceivers();
  audio.direction = video.direction = 'sendrecv';
  await audio.sender.replaceTrack(media.getAudioTracks()[0]);
  await video.sender.replaceTrack(media.getVideoTracks()[0]);
  await pc.setLocalDescription(await pc.createAnswer());
  return pc.localDescription.sdp;
})().then(done, fault => done('fault: ' + fault));"""
#: Brings what was said to the page, and fetches what the page said.
EXCHANGE = """const [heard, done] = arguments;
for (const [ref, body] of heard) keeper.body(ref, body);
setTimeout(() => done(said.splice(0)), 50);"""
TOLD = "const [told, done] = arguments; keeper.roster(told); keeper.peer('bob', 0); done();"
STATS = """const [done] = arguments;
pc.getStats().then(all => {
  const seen = {frames: 0, audio: 0};
  for (const report of all.values()) if (report.type === 'inbound-rtp') {
    if (report.kind === 'video') seen.frames += report.framesDecoded || 0; else seen.audio += report.bytesReceived || 0;
  }
  done(seen);
});"""

pytestmark = [pytest.mark.browser, pytest.mark.skipif(FIREFOX is None, reason="no Firefox on this machine")]


class Marionette:
    """One Firefox, told what to do."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer, self._count = reader, writer, 0

    async def read(self) -> Any:
        length = await self._reader.readuntil(b":")
        return json.loads(await self._reader.readexactly(int(length[:-1])))

    async def tell(self, command: str, **told: Any) -> Any:
        self._count += 1
        said = json.dumps([0, self._count, f"WebDriver:{command}", told]).encode()
        self._writer.write(str(len(said)).encode() + b":" + said)
        _, _, fault, result = await self.read()
        assert fault is None, fault
        return result

    async def run(self, script: str, *given: Any) -> Any:
        return (await self.tell("ExecuteAsyncScript", script=script, args=list(given), sandbox=None))["value"]


@pytest.fixture
async def firefox(tmp_path: Path) -> AsyncIterator[Marionette]:
    lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in PREFERENCES.items()]
    (tmp_path / "user.js").write_text("\n".join(lines))
    assert FIREFOX is not None
    process = await asyncio.create_subprocess_exec(
        FIREFOX, "--headless", "--marionette", "--no-remote", "--profile", str(tmp_path),
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        port = tmp_path / "MarionetteActivePort"
        async with asyncio.timeout(60):
            while not (port.exists() and port.read_text().strip()):  # a file tells us, no event
                await asyncio.sleep(0.1)
        made = Marionette(*await asyncio.open_connection("127.0.0.1", int(port.read_text())))
        await made.read()
        await made.tell("NewSession", capabilities={})
        yield made
    finally:
        process.terminate()
        await process.wait()


@pytest.fixture
async def page() -> AsyncIterator[str]:
    """A blank page on localhost, where a camera may be asked for."""

    async def blank(_: web.Request) -> web.Response:
        return web.Response(text="<!doctype html><title>call</title><body>", content_type="text/html")

    app = web.Application()
    app.add_routes([web.get("/", blank), web.static("/", CLIENT)])
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "localhost", 0)
    await site.start()
    yield f"http://localhost:{runner.addresses[0][1]}/"
    await runner.cleanup()


async def agree(call: Room, firefox: Marionette, bob: Device) -> None:
    """The page (Alice) and Bob's device agree on keys, and the gate is told the page's key ids."""
    to_page: list[tuple[str, str]] = []
    page = SimpleNamespace(keys=SimpleNamespace(index=INDEX, body=lambda ref, body: to_page.append((ref, body))))
    bob.others["alice"] = (page, "bob")  # type: ignore[assignment]  # as much of a device as is asked of it
    bob.keys.told(await firefox.run(f"const [done] = arguments; ({SELF_SIGNED})('alice').then(done);"))
    body = roster(EVERYBODYS, "x_bob", "a", [key_of(bob.keys.identity)], 1)
    await firefox.run(TOLD, entry("bob", "x_bob", "a", body))
    bob.keys.peer("alice", INDEX)
    async with asyncio.timeout(45):
        while not bob.keys.confirmed("alice"):
            heard, to_page[:] = list(to_page), []
            for said in await firefox.run(EXCHANGE, heard):
                if "kids" in said:
                    call.gate.seal("alice", said["kids"])
                else:
                    bob.keys.body("alice", said["body"])


async def test_firefox_and_another_device_see_and_hear_each_other(firefox: Marionette, page: str) -> None:
    async with room() as call:
        await firefox.tell("Navigate", url=page)
        offer = call.gate.offer("alice", slots=["bob", "cleo", "dora"])
        claims = {mid: 0 for slot in offer.slots[:1] for mid in (slot.audio_mid, slot.video_mid)}
        answer = await firefox.run(ANSWER, offer.sdp, INDEX, claims)
        call.gate.answer("alice", answer, offer.neg)
        await call.told(Connected("alice"))
        bob = await call.join("bob", ["alice"])
        await agree(call, firefox, bob)
        call.allow("alice", "bob")
        call.allow("bob", "alice")
        await asyncio.gather(bob.more("alice", "video", 20), bob.more("alice", "audio", 20))
        async with asyncio.timeout(45):
            while (seen := await firefox.run(STATS))["frames"] < 20 or seen["audio"] < 2000:
                await asyncio.sleep(0.1)
        assert call.gate.counters()["dropped_fault"] == 0
