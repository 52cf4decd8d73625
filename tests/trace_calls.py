"""Marked pictures as viewers of a real call get them: ``python -m tests.trace_calls``. For ``tests/trace_trials.py --calls``.

Each call is a house of its own with its own key, served and gated as always. A child's page in a real Chromium has six made-up scenes one
after the other for its camera (``trace_scenes``, seed 1000 and up, which nothing was tuned on; the browser plays them from a file), marks
its picture for each of two friends, seals it and sends it. The friends' headless devices, admitted as every device is, open and decode
what they get and keep the luma, losslessly. Which id is whose is read from the server's own table.

A scene counts only if the server knows both copies as marked and both friends saw it in its full size: a machine that is too busy makes
the page say "too slow", or the browser send a smaller picture, and then the call is made again. One line of JSON a scene goes to
``index.jsonl`` beside the clips, so a run may be broken off and goes on where it was.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import av
import cv2
import numpy as np
import numpy.typing as npt
from playwright.async_api import Browser, async_playwright

from server import marks
from server.db.session import rows
from tests import trace_scenes
from tests.browser.people import CHROMIUM, FLAGS, answer, open_curtain, screen, wear
from tests.house import Families, House, open_house
from tests.peers import Browserless
from tests.trace_scenes import FIRST_SEED, HEIGHT, WIDTH, Clip, Luma, family

FOLDER: Final = Path("var/trace_calls")
SCENES: Final = 6
SCENE_S: Final = 4.4
#: Something else comes before the first scene, over and over: the sender climbs from its first 300 kbit/s to the full picture.
CLIMB_S: Final = 24.0
AGAIN: Final = 8
#: A scene that was seen for less or more is not one: a flash was missed.
SHORTEST_S, LONGEST_S = 3.4, 6.0
FEWEST: Final = 60  #: frames, 15 a second in the kept part
UNLIKE: Final = 16.0  #: a moving camera makes this 12, another scene 30
EDGE_S: Final = 0.2
FLASH: Final = 10  #: frames
WHITE: Final = 215
BLACK: Final = 40
FRIENDS: Final = ("Theo", "Zoe")


@dataclass
class Viewer:
    """What one friend's device sees, from the first picture on that is not the black one before the camera's."""

    device: Browserless
    frames: list[Luma] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    flashes: list[int] = field(default_factory=list)  #: frames that are white

    def __post_init__(self) -> None:
        self.device.on_frame = self.see

    def see(self, kind: str, frame: Any) -> None:
        if kind != "video":
            return
        plane = frame.planes[0]
        luma = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: frame.height, : frame.width]
        shade = float(luma[::16, ::16].mean())
        if not self.frames and shade < BLACK:
            return
        if shade > WHITE:
            self.flashes.append(len(self.frames))
        self.frames.append(luma.copy())
        self.times.append(frame.pts * float(frame.time_base))

    def passed(self) -> int:
        """How often the film has come to a flash."""
        return len([n for n in self.flashes if n - 1 not in self.flashes])

    def scenes(self) -> list[tuple[list[Luma], list[float]]]:
        """What is between the flashes, without the edges."""
        found = []
        for before, after in pairwise(self.flashes):
            if after == before + 1:
                continue
            begin, end = self.times[before] + EDGE_S, self.times[after] - EDGE_S
            some = [n for n in range(before, after) if begin <= self.times[n] < end]
            found.append(([self.frames[n] for n in some], [self.times[n] for n in some]))
        return found


def play(clips: Iterable[Clip], file: Path) -> None:
    """A camera's film that Chromium can play."""
    grey = bytes([128]) * (WIDTH * HEIGHT // 2)
    with file.open("wb") as out:
        out.write(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F30:1 Ip A1:1 C420jpeg\n".encode())
        for clip in clips:
            for luma in clip.frames:
                out.write(b"FRAME\n" + luma.tobytes() + grey)


def film(trials: Sequence[int]) -> Iterator[Clip]:
    """Something plain for the climb, and the scenes, each between two flashes of white, by which it is found again."""
    flash = Clip([np.full((HEIGHT, WIDTH), 235, np.uint8)] * FLASH, [])
    yield from [trace_scenes.scene("plain", FIRST_SEED + trials[0] + 500_000, CLIMB_S / AGAIN)] * AGAIN
    for trial in trials:
        yield flash
        yield trace_scenes.scene(family(trial), FIRST_SEED + trial, SCENE_S)
    yield flash


def unlike(frames: Sequence[Luma], trial: int) -> float:
    """How far these are from the scene that they are taken for, in steps of luma, on a very small picture."""

    def small(luma: Luma) -> npt.NDArray[np.float32]:
        return np.asarray(cv2.resize(luma, (64, 48), interpolation=cv2.INTER_AREA), np.float32)

    scene = [small(one) for one in trace_scenes.scene(family(trial), FIRST_SEED + trial, SCENE_S, fps=15).frames]
    looked_at = [small(frames[n]) for n in (0, len(frames) // 2, -1)]
    return max(min(float(np.abs(one - other).mean()) for other in scene) for one in looked_at)


def keep(frames: list[Luma], times: list[float], file: Path) -> None:
    """Losslessly."""
    with av.open(str(file), "w", format="matroska") as box:
        stream: Any = box.add_stream("ffv1", rate=30)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "gray"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        for luma, t in zip(frames, times, strict=True):
            frame = av.VideoFrame.from_ndarray(luma, format="gray")
            frame.pts, frame.time_base = round((t - times[0]) * 1000), Fraction(1, 1000)
            box.mux(stream.encode(frame))
        box.mux(stream.encode(None))


def kept(file: Path) -> Clip:
    return trace_scenes.decoded(file.read_bytes())


async def copies(house: House) -> list[dict[str, Any]]:
    """The marks that this house has issued for the page's picture, as its own table has them."""
    async with house.db.read() as tx:
        found = await rows(
            tx,
            "SELECT m.id, m.quarter, m.state, r.name FROM marks m JOIN people s ON s.pseudonym = m.sender "
            "JOIN people r ON r.pseudonym = m.recipient WHERE s.name = 'Maya'",
        )
    return [{"id": one[0], "quarter": one[1], "state": one[2], "to": one[3]} for one in found]


async def measures_nothing(device: Browserless) -> None:
    """What a headless device measures of its way here is how busy this machine is. Without it the gate allows what it allows before
    anybody has measured: 1 Mbit/s for a picture."""
    async with asyncio.timeout(30):
        while device.pc is None or not device.pc.getReceivers():
            await asyncio.sleep(0.02)
    for receiver in device.pc.getReceivers():
        receiver._RTCRtpReceiver__remote_bitrate_estimator = None  # type: ignore[attr-defined]


async def call(browser: Browser, house: House, flashes: int) -> list[Viewer]:
    """Theo rings Zoe and Maya's page; she answers and shows herself. Returns when the film has been through."""
    people = Families(house)
    sam, femi, ana = [await people.grown_up(name) for name in ("Sam", "Femi", "Ana")]
    maya, _ = await people.child(sam, "Maya")
    theo, _ = await people.child(femi, "Theo")
    zoe, _ = await people.child(ana, "Zoe")
    _, to_maya = await people.befriend(maya, sam, theo, femi)
    await people.befriend(maya, sam, zoe, ana)
    to_zoe, _ = await people.befriend(theo, femi, zoe, ana)
    viewers = [Viewer(theo), Viewer(zoe)]
    page = await screen(browser)
    page.context.set_default_timeout(40_000)
    await wear(page, maya, house)
    for one in (theo, zoe):
        await one.connect()
    await page.get_by_text("Here now").first.wait_for()
    placed = await theo.ask(t="call.invite", to=[to_maya, to_zoe], media="video")
    assert placed["t"] == "ok", placed
    incoming = await zoe.expect("call.incoming")
    assert (await zoe.ask(t="call.accept", call=incoming["call"], nonce=incoming["nonce"]))["t"] == "ok"
    await answer(page)
    for one in (theo, zoe):
        await measures_nothing(one)
    await open_curtain(page)
    async with asyncio.timeout(90):
        while any(one.passed() < flashes for one in viewers):
            await asyncio.sleep(0.1)
    await page.context.close()
    return viewers


def counts(about: dict[str, Any]) -> bool:
    """Is this a whole scene, in its full size, as often as people film, and the right one?"""
    whole = about["smallest"] == WIDTH and SHORTEST_S <= about["seconds"] <= LONGEST_S
    return whole and about["frames"] >= FEWEST and about["unlike"] < UNLIKE


async def record(trials: Sequence[int], folder: Path) -> str:
    """One call; its scenes go to the folder and the index. Returns what to say about it."""
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "scene.y4m"
        play(film(trials), file)
        async with open_house(Path(name) / "house") as house, async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=CHROMIUM, args=[*FLAGS, f"--use-file-for-fake-video-capture={file}"]
            )
            try:
                viewers = await call(browser, house, len(trials) + 1)
            finally:
                await browser.close()
            issued = {one["to"]: one for one in await copies(house)}
            key = (await marks.key(house.db, 0)).hex()
    made = [issued[name] for name in FRIENDS]
    if any(one["state"] != "marked" for one in made):
        return f"again: {[one['state'] for one in made]}"
    found = [viewer.scenes() for viewer in viewers]
    if any(len(scenes) != len(trials) for scenes in found):
        return f"again: {[len(scenes) for scenes in found]} scenes"
    said = []
    for trial, *seen in zip(trials, *found, strict=True):
        about = [
            {
                **one,
                "frames": len(frames),
                "smallest": min((frame.shape[1] for frame in frames), default=0),
                "seconds": round(times[-1] - times[0], 2) if times else 0,
                "unlike": round(unlike(frames, trial), 1) if frames else 255,
            }
            for one, (frames, times) in zip(made, seen, strict=True)
        ]
        said.append(f"{family(trial)} {[(one['frames'], one['smallest']) for one in about]}")
        if not all(counts(one) for one in about):
            said[-1] += " does not count"
            continue
        for n, (frames, times) in enumerate(seen):
            keep(frames, times, folder / f"{trial}_{n}.mkv")
        with (folder / "index.jsonl").open("a") as index:
            index.write(json.dumps({"trial": trial, "family": family(trial), "key": key, "copies": about}) + "\n")
    return "; ".join(said)


def calls(folder: Path = FOLDER) -> list[dict[str, Any]]:
    """Every scene that counts."""
    index = folder / "index.jsonl"
    return [json.loads(line) for line in index.read_text().splitlines()] if index.exists() else []


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--calls", type=int, default=9, help="of six scenes each")
    parser.add_argument("--first", type=int, default=0, help="number of the first one")
    parser.add_argument("--tries", type=int, default=3)
    parser.add_argument("--out", type=Path, default=FOLDER)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for number in range(arguments.first, arguments.first + arguments.calls):
        for _ in range(arguments.tries):
            done = {one["trial"] for one in calls(arguments.out)}
            trials = [one for one in range(SCENES * number, SCENES * (number + 1)) if one not in done]
            if not trials:
                break
            try:
                said = asyncio.run(record(trials, arguments.out))
            except Exception as fault:  # one call that went wrong on a busy machine is made again
                said = f"{type(fault).__name__}: {str(fault)[:300]}"
            print(number, said, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
