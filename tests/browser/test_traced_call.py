"""Two viewers of one real call record what they see, each in their own way, and each recording leads to its own recipient.

Maya's page marks her picture for Theo and for Lea. Lea's device is a headless one with a viewer's rights that keeps what it decodes. Theo's
page is ours, changed by its reader: the browser's own MediaRecorder takes down what it plays. Both files go through the command line,
with the key and the ids that a helper got out of the house's own database. And whoever has no key has nothing to record: not the
gate, which has every packet, and not a browser in which frames go past the worker that would open them.
"""

from __future__ import annotations

import asyncio
import base64
import io
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import av.error
import cv2
import numpy as np
import pytest
from playwright.async_api import Page

from tests import trace_scenes
from tests.browser.people import answer, chromium, open_curtain, screen, wear
from tests.browser.sealed_tap import Tap, place, rings, shows, tapped, three_friends  # noqa: F401 -- the fixture
from tests.house import Families, House, open_house
from tests.peers import Browserless
from tests.trace_scenes import HEIGHT, WIDTH, Clip, Luma

pytestmark = pytest.mark.browser
SECONDS = 5.0
PICTURES = 100

#: What the reader of a page can add to it: a recorder of the first picture that it plays, for so many seconds and pictures.
RECORD = """async (seconds) => {
  const plays = (one) => one.srcObject?.getVideoTracks().length && one.videoWidth;
  const shown = () => [...document.querySelectorAll('rf-picture video')].find(plays);
  while (!shown()) await new Promise((on) => setTimeout(on, 50));
  const video = shown();
  const seen = () => video.getVideoPlaybackQuality().totalVideoFrames;
  const first = seen();
  return record(video.srcObject.getVideoTracks()[0], seconds, () => seen() > first + PICTURES);
}""".replace("PICTURES", str(PICTURES))
#: The same, of the track itself, without waiting for a picture; and what the browser counted meanwhile.
RECORD_SEALED = """async (seconds) => {
  while (!window.connections.length) await new Promise((on) => setTimeout(on, 50));
  const [pc] = window.connections;
  const isVideo = (one) => one.type === 'inbound-rtp' && one.kind === 'video' && one.packetsReceived;
  const came = async () => [...(await pc.counts()).values()].filter(isVideo);
  while (!(await came()).length) await new Promise((on) => setTimeout(on, 50));
  const sums = (all, key) => all.reduce((sum, one) => sum + (one[key] ?? 0), 0);
  const before = await came();
  const { mid } = before[0];
  const { receiver } = pc.getTransceivers().find((one) => one.mid === mid);
  const made = await record(receiver.track, seconds);
  const after = await came();
  return { made, packets: sums(after, 'packetsReceived') - sums(before, 'packetsReceived'), shown: sums(after, 'framesDecoded') };
}"""
TOOLS = """
window.record = async (track, seconds, enough = () => true) => {
  const recorder = new MediaRecorder(new MediaStream([track]), { mimeType: 'video/webm;codecs=vp8', videoBitsPerSecond: 1_000_000 });
  const parts = [];
  recorder.ondataavailable = ({ data }) => parts.push(data);
  recorder.start(500);
  await new Promise((on) => setTimeout(on, 1000 * seconds));
  while (!enough()) await new Promise((on) => setTimeout(on, 100));
  const ended = new Promise((on) => (recorder.onstop = on));
  recorder.stop();
  await ended;
  const bytes = new Uint8Array(await new Blob(parts).arrayBuffer());
  let text = '';
  for (let n = 0; n < bytes.length; n += 8192) text += String.fromCharCode(...bytes.subarray(n, n + 8192));
  return btoa(text);
};
"""
#: A reader who takes the transforms off everything that comes in, and our page's guards with them: sealed frames go straight to the
#: browser's decoder.
UNOPENED = """
const kept = new WeakMap();
const transform = { get() { return kept.get(this) ?? null; }, set(one) { kept.set(this, one); } };
Object.defineProperty(RTCRtpReceiver.prototype, 'transform', transform);
const Before = window.RTCPeerConnection;
window.RTCPeerConnection = class extends Before {
  constructor({ bundlePolicy, rtcpMuxPolicy, iceServers }) { super({ bundlePolicy, rtcpMuxPolicy, iceServers }); }
  counts() { return super.getStats(); }
  getStats() { return new Promise(() => {}); }
};
"""


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path / "house") as opened:
        yield opened


class Keeper:
    """What a headless device decodes, as a recorder would keep it: in one size."""

    def __init__(self, device: Browserless) -> None:
        self.frames: list[Luma] = []
        self.times: list[float] = []
        device.on_frame = self.keep

    def keep(self, kind: str, frame: Any) -> None:
        if kind != "video":
            return
        plane = frame.planes[0]
        luma = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: frame.height, : frame.width]
        self.frames.append(np.asarray(cv2.resize(luma, (WIDTH, HEIGHT)), np.uint8))
        self.times.append(frame.time)

    def last(self, seconds: float) -> Clip:
        some = [n for n, t in enumerate(self.times) if t > self.times[-1] - seconds]
        return Clip([self.frames[n] for n in some], [self.times[n] - self.times[some[0]] for n in some])


@dataclass
class Desk:
    """A helper's desk beside the running house: the command line in a process of its own, on the house's database."""

    house: House
    folder: Path

    async def run(self, *typed: str) -> tuple[int, str, str]:
        database = self.house.settings.database_url
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "server.cli", *typed),
            env=os.environ
            | {
                "RINGFENCE_DATABASE": database,
                "RINGFENCE_ORIGIN": "https://calls.example",
                "RINGFENCE_ACCOUNTABLE_PERSON": "A",
                "RINGFENCE_ACCOUNTABLE_CONTACT": "a@b.c",
                "RINGFENCE_PROXIES": "1",
            },
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        )
        out, error = await process.communicate()
        return process.returncode or 0, out.decode(), error.decode()

    async def trace(self, clip: bytes) -> dict[str, Any]:
        """The command's own answer, with key and ids as they were exported."""
        ada, issued, key, file = (self.folder / name for name in ("ada", "issued.json", "mark.key", "clip"))
        if not ada.exists():
            assert (await self.run("helpers", "add", "Ada", "--key", str(ada)))[0] == 0
            said = await self.run("marks", "export", "--helper", str(ada), "--issued", str(issued), "--key", str(key))
            assert said[0] == 0, said
        file.write_bytes(clip)
        status, out, error = await self.run("trace", str(file), "--key", str(key), "--issued", str(issued), "--json")
        assert status in (0, 1), error
        return dict(json.loads(out))

    async def reads(self, record: Callable[[], Awaitable[bytes]]) -> str | None:
        """What a recording says; of a machine that stutters it may take a second one."""
        for _ in range(3):
            if reading := (await self.trace(await record()))["reading"]:
                return str(reading["id"])
        return None


async def marked_for(house: House) -> dict[str, str]:
    """Maya's copies that are known as marked: the id of each, by the name of who gets it."""
    async with house.db.read() as tx:
        found = await tx.exec_driver_sql(
            "SELECT r.name, m.id FROM marks m JOIN people s ON s.pseudonym = m.sender JOIN people r ON r.pseudonym = m.recipient "
            "WHERE s.name = 'Maya' AND m.state = 'marked'"
        )
        return {name: f"{number:08x}" for name, number in found}


def pictures(frames: list[bytes]) -> int:
    """How many of these frames libvpx can show."""
    decoder = av.CodecContext.create("libvpx", "r")
    shown = 0
    for one in frames:
        try:
            shown += len(decoder.decode(av.Packet(one)))  # type: ignore[attr-defined]
        except av.error.FFmpegError:
            continue
    return shown


def frames_in(webm: bytes) -> int:
    try:
        with av.open(io.BytesIO(webm)) as box:
            return sum(1 for _ in box.decode(video=0)) if box.streams.video else 0
    except av.error.FFmpegError:
        return 0  # not even a file


async def recorded(page: Page, how: str, seconds: float = SECONDS) -> Any:
    async with asyncio.timeout(30):
        return await page.evaluate(how, seconds)


@pytest.mark.slow  # make witness
async def test_each_viewers_recording_is_traced_to_that_viewer_and_without_the_key_there_is_nothing_to_record(
    house: House, tap: Tap, tmp_path: Path
) -> None:
    desk = Desk(house, tmp_path)
    async with chromium() as browser:
        three = await three_friends(house)
        lea, keeper = three.lea, Keeper(three.lea)
        await lea.connect()
        maya, theo = await screen(browser), await screen(browser)
        await theo.add_init_script(TOOLS)
        for page, device in ((maya, three.maya), (theo, three.two.theo)):
            page.set_default_timeout(20_000)
            await wear(page, device, house)
            await page.get_by_text("Here now").first.wait_for()
        await rings(lea, three.lea_sees_maya, three.lea_sees_theo)
        await answer(maya)
        await answer(theo)
        await lea.wait_frames("audio", 10)
        await open_curtain(maya)
        async with asyncio.timeout(20):
            while (await marked_for(house)).keys() != {"Theo", "Lea"}:
                await asyncio.sleep(0.1)
        copies = await marked_for(house)
        assert copies["Theo"] != copies["Lea"]

        # With the key, as admitted devices: each to whom it was made for.
        async def theos() -> bytes:
            webm = base64.b64decode(await recorded(theo, RECORD))
            assert frames_in(webm) > PICTURES / 2
            return webm

        async def leas() -> bytes:
            await lea.wait_frames("video", PICTURES, 30)
            return trace_scenes.encoded(keeper.last(2 * SECONDS), "h264", 1000)

        assert await desk.reads(theos) == copies["Theo"]
        assert await desk.reads(leas) == copies["Lea"]

        # Without: the gate has every frame, and not one of them is a picture.
        at_the_gate = [frame for kind, frame in tap.frames(place(house, 1).peer) if kind == "video"]
        assert len(at_the_gate) > 40
        assert pictures(at_the_gate) == 0


@pytest.mark.slow  # make witness
async def test_where_the_worker_with_the_keys_is_left_out_a_browser_has_nothing_to_record(house: House) -> None:
    async with chromium() as browser:
        two = await Families(house).two()
        await two.theo.connect()
        page = await screen(browser)
        await page.add_init_script(TOOLS + UNOPENED)
        await wear(page, two.maya, house)
        await page.get_by_text("Here now").first.wait_for()
        await rings(two.theo, two.theo_sees_maya)
        recording = asyncio.create_task(recorded(page, RECORD_SEALED, 2.0))
        await answer(page)
        await two.theo.wait_frames("audio", 5)
        await shows(two.theo, (await two.theo.expect("call.state"))["call"])
        told = await recording
        assert told["packets"] > 20
        assert told["shown"] == 0
        assert frames_in(base64.b64decode(told["made"])) == 0
