"""Made-up footage for the mark: six families of moving shapes (nobody is in them), a camera call's encoder, and what people do to a
recording afterwards. Everything follows from a seed. Luma only: the mark does not touch colour, so these pictures have none.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

import av
import cv2
import numpy as np
import numpy.typing as npt

from server.trace import pattern

Luma = npt.NDArray[np.uint8]
WIDTH, HEIGHT = 640, 480
STILL = ("textured", "plain", "shelf", "dark")
MOVING = ("shake", "pan")
FAMILIES = STILL + MOVING
#: Scenes of trials begin here; nothing was ever tuned on one of them.
FIRST_SEED = 1000


def family(trial: int) -> str:
    """Even trials have a still camera, odd ones a moving one."""
    return STILL[trial // 2 % 4] if trial % 2 == 0 else MOVING[trial // 2 % 2]


@dataclass(frozen=True)
class Clip:
    """Frames and their timestamps in seconds."""

    frames: list[Luma]
    times: list[float]

    def each(self, change: Callable[[Luma], Luma]) -> Clip:
        return replace(self, frames=[change(one) for one in self.frames])


def scene(family: str, seed: int, seconds: float, fps: int = 30, speed: float = 1.0) -> Clip:
    """A clip of one family. No two seeds share a picture. At ``speed`` 1 a shaken camera moves the picture by about 55 pixels a second
    and a panning one by 80 at its fastest."""
    rng = np.random.default_rng([seed, FAMILIES.index(family)])
    big = (HEIGHT + 240, WIDTH + 480)
    wall = _wall(family, rng, big)
    skin = _texture(rng, (260, 200), 3) * (18 if family == "textured" else 3) + rng.uniform(120, 190)
    oval = np.zeros((260, 200), np.float32)
    cv2.ellipse(oval, (100, 130), (92, 122), 0, 0, 360, 1.0, -1)
    for x in (65, 135):
        cv2.ellipse(skin, (x, 105), (16, 9), 0, 0, 360, 60.0, -1)
    oval = cv2.GaussianBlur(oval, (0, 0), 2)
    x0, y0 = rng.uniform(150, 330), rng.uniform(90, 150)
    sway = rng.uniform(6, 28)
    rate, phase = rng.uniform(0.15, 0.6), rng.uniform(0, 2 * math.pi)
    jitter = rng.normal(0, 1, (4, 3))
    noise_sigma = 5.0 if family == "dark" else rng.uniform(0.8, 2.0)
    frames = []
    for n in range(round(seconds * fps)):
        t = n / fps
        dx, dy, turn = 120.0, 120.0, 0.0
        if family == "shake":
            dx += 3.6 * speed * sum(jitter[k, 0] * math.sin((k + 1) * 4.1 * t + k) for k in range(4))
            dy += 2.8 * speed * sum(jitter[k, 1] * math.sin((k + 1) * 3.3 * t + 2 * k) for k in range(4))
            turn = 0.25 * speed * sum(jitter[k, 2] * math.sin((k + 1) * 2.1 * t + k) for k in range(4))
        elif family == "pan":
            dx += 64 * speed * math.sin(2 * math.pi * t / 5 + phase)
        move = cv2.getRotationMatrix2D((WIDTH / 2 + dx, HEIGHT / 2 + dy), turn, 1)
        move[:, 2] -= (dx, dy)
        picture = cv2.warpAffine(wall, move, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        at = x0 + sway * math.sin(2 * math.pi * rate * t + phase), y0 + 0.4 * sway * math.sin(4 * math.pi * rate * t)
        place = np.array([[1, 0, at[0]], [0, 1, at[1]]], np.float32)
        alpha = cv2.warpAffine(oval, place, (WIDTH, HEIGHT))
        mouth = skin.copy()
        opening = round(5 + 9 * abs(math.sin(2 * math.pi * 1.7 * t + phase)))
        cv2.ellipse(mouth, (100, 195), (30, opening), 0, 0, 360, 50.0, -1)
        picture += alpha * (cv2.warpAffine(mouth, place, (WIDTH, HEIGHT)) - picture)
        if family == "dark":
            picture *= 0.35
        picture += rng.standard_normal(picture.shape, dtype=np.float32) * np.float32(noise_sigma)
        frames.append(np.clip(picture + 0.5, 0, 255).astype(np.uint8))
    return Clip(frames, [n / fps for n in range(len(frames))])


def _texture(rng: np.random.Generator, size: tuple[int, int], sigma: float) -> npt.NDArray[np.float32]:
    soft = cv2.GaussianBlur(rng.standard_normal(size).astype(np.float32), (0, 0), sigma)
    return np.asarray(soft / soft.std(), np.float32)


def _wall(family: str, rng: np.random.Generator, size: tuple[int, int]) -> npt.NDArray[np.float32]:
    rows, columns = size
    light = np.linspace(-1, 1, columns, dtype=np.float32)[None, :] * rng.uniform(5, 30)
    if family == "plain":
        return np.asarray(rng.uniform(110, 180) + light + np.zeros(size, np.float32), np.float32)
    wall = rng.uniform(90, 150) + light + 14 * _texture(rng, size, 6) + 8 * _texture(rng, size, 1.2)
    if family in ("shelf", "shake", "pan"):
        for top in range(0, rows, 110):
            x = 0
            while x < columns:
                wide, tall = int(rng.integers(10, 34)), int(rng.integers(60, 104))
                cv2.rectangle(wall, (x, top + 106 - tall), (x + wide, top + 106), float(rng.uniform(30, 220)), -1)
                for _ in range(int(rng.integers(0, 4))):
                    y = top + 106 - int(rng.integers(8, tall))
                    cv2.line(wall, (x + 3, y), (x + wide - 3, y), float(rng.uniform(20, 235)), 2)
                x += wide + int(rng.integers(0, 5))
            cv2.rectangle(wall, (0, top + 104), (columns, top + 110), 70.0, -1)
        wall += 4 * _texture(rng, size, 1.0)
    return np.asarray(wall, np.float32)


def mark(clip: Clip, tile: pattern.Tile, mark_id: int, quarter: int = 0, start: float = 0.0) -> Clip:
    """What the sender's device adds. ``start`` is its clock at the first frame."""
    height, width = clip.frames[0].shape
    made = pattern.patterns(tile, mark_id, width, height)
    marked = [pattern.add(one, made, start + t, quarter) for one, t in zip(clip.frames, clip.times, strict=True)]
    return replace(clip, frames=marked)


REAL_TIME = {"deadline": "realtime", "cpu-used": "6", "lag-in-frames": "0", "error-resilient": "1"}
ENCODERS = {
    "vp8": ("libvpx", "webm", REAL_TIME),
    "vp9": ("libvpx-vp9", "webm", REAL_TIME | {"row-mt": "1"}),
    "h264": ("libx264", "mp4", {"preset": "veryfast", "tune": "zerolatency"}),
}


def encoded(clip: Clip, codec: str, kbps: int) -> bytes:
    """The clip as a file."""
    name, container, options = ENCODERS[codec]
    out = io.BytesIO()
    height, width = (side - side % 2 for side in clip.frames[0].shape)
    with av.open(out, "w", format=container) as box:
        stream = box.add_stream(name, rate=30, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.bit_rate = kbps * 1000
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        stream.codec_context.thread_count = 1
        for luma, t in zip(clip.frames, clip.times, strict=True):
            plane = np.full((height * 3 // 2, width), 128, np.uint8)
            plane[:height] = luma[:height, :width]
            frame = av.VideoFrame.from_ndarray(plane, format="yuv420p")
            frame.pts, frame.time_base = round(t * 1000), Fraction(1, 1000)
            box.mux(stream.encode(frame))
        box.mux(stream.encode(None))
    return out.getvalue()


def decoded(data: bytes) -> Clip:
    with av.open(io.BytesIO(data)) as box:
        box.streams.video[0].codec_context.thread_count = 1
        frames, times = [], []
        for frame in box.decode(video=0):
            # The luma plane as it is: a change of format would stretch its range.
            plane = frame.planes[0]
            rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
            frames.append(rows[: frame.height, : frame.width].copy())
            times.append(float(frame.time or 0))
    return Clip(frames, times)


def called(clip: Clip, kbps: int = 300) -> Clip:
    """Through a call: the sender's encoder, the receiver's decoder."""
    return decoded(encoded(clip, "vp8", kbps))


# What people do to a recording. Each takes what the receiver saw and a generator of chance, and gives the file that turns up.

Attack = Callable[[Clip, np.random.Generator], bytes]


def _resized(clip: Clip, width: int, height: int) -> Clip:
    way = cv2.INTER_AREA if width < clip.frames[0].shape[1] else cv2.INTER_CUBIC
    return clip.each(lambda one: np.asarray(cv2.resize(one, (width, height), interpolation=way), np.uint8))


def _cropped(clip: Clip, share: float, rng: np.random.Generator) -> Clip:
    height, width = clip.frames[0].shape
    h, w = int(height * share**0.5) // 2 * 2, int(width * share**0.5) // 2 * 2
    y, x = int(rng.integers(0, height - h + 1)), int(rng.integers(0, width - w + 1))
    return clip.each(lambda one: one[y : y + h, x : x + w])


def _warped(clip: Clip, matrix: npt.NDArray[np.floating], width: int, height: int) -> Clip:
    return clip.each(lambda one: np.asarray(cv2.warpPerspective(one, matrix, (width, height)), np.uint8))


def _turned(clip: Clip, degrees: float) -> Clip:
    height, width = clip.frames[0].shape
    matrix = np.vstack([cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1), [0, 0, 1]])
    return _warped(clip, matrix, width, height)


def _tone(clip: Clip, change: Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]]) -> Clip:
    table = np.clip(change(np.arange(256.0)), 0, 255).astype(np.uint8)
    return clip.each(lambda one: table[one])


def _at_fps(clip: Clip, fps: float) -> Clip:
    times = np.arange(0, clip.times[-1], 1 / fps)
    source = np.searchsorted(clip.times, times, side="right") - 1
    return Clip([clip.frames[k] for k in source], list(times))


def _noisy(clip: Clip, sigma: float, rng: np.random.Generator) -> Clip:
    def add(one: Luma) -> Luma:
        noise = rng.standard_normal(one.shape, dtype=np.float32) * np.float32(sigma)
        return np.clip(one + noise, 0, 255).astype(np.uint8)

    return clip.each(add)


def _averaged(clip: Clip, count: int) -> Clip:
    frames = [
        np.mean(clip.frames[max(0, n - count + 1) : n + 1], axis=0).astype(np.uint8) for n in range(len(clip.frames))
    ]
    return replace(clip, frames=frames)


def _pasted(clip: Clip, width: int, height: int, rng: np.random.Generator, *, busy: bool) -> Clip:
    """The clip as a window of a 1280 x 720 screen: over something that moves, or in a quiet program with text and a self-view."""
    screen = np.clip(128 + 30 * _texture(rng, (720, 1600), 4), 0, 255).astype(np.uint8)
    if not busy:
        screen[:] = 36
        for row in range(12):
            cv2.putText(screen, "a line of text " * 3, (930, 60 + 26 * row), cv2.FONT_HERSHEY_SIMPLEX, 0.5, 210, 1)
        cv2.rectangle(screen, (0, 680), (1280, 720), 80, -1)
    x, y = (
        int(rng.integers(0, min(1280, 920 if not busy else 1280) - width + 1)),
        int(rng.integers(0, 680 - height + 1)),
    )
    frames = []
    small = _resized(clip, width, height).frames
    for n, one in enumerate(small):
        offset = round(n * 2.5) % 320 if busy else 0
        whole = screen[:, offset : offset + 1280].copy()
        whole[y : y + height, x : x + width] = one
        if not busy:
            whole[500:650, 1000:1200] = 100 + 60 * math.sin(n / 20)
        frames.append(whole)
    return replace(clip, frames=frames)


def _filmed(clip: Clip, rng: np.random.Generator, *, hand: bool) -> Clip:
    """A telephone films the screen: perspective, the screen's grid, noise, another tone."""
    w, h = 1280, 720
    height, width = clip.frames[0].shape
    base = np.array([[170, 10], [1110, 10], [1110, 710], [170, 710]], np.float32)
    base += rng.uniform(-14, 14, base.shape).astype(np.float32) * 2
    source = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    grid = (1 + 0.04 * np.sin(np.arange(w) * 2.2))[None, :] * (1 + 0.04 * np.sin(np.arange(h) * 2.3))[:, None]
    frames = []
    for n, one in enumerate(clip.frames):
        shift = (
            [4 * math.sin(n / 9) + 2 * math.sin(n / 3.1), 3 * math.cos(n / 8) + 1.5 * math.sin(n / 2.7)]
            if hand
            else [0, 0]
        )
        matrix = cv2.getPerspectiveTransform(source, base + np.array(shift, np.float32))
        seen = cv2.warpPerspective(one, matrix, (w, h), flags=cv2.INTER_LINEAR).astype(np.float32)
        seen = 255 * (seen / 255) ** 1.15 * grid * 0.9 + 8
        seen += rng.standard_normal(seen.shape, dtype=np.float32) * 3
        frames.append(np.clip(cv2.GaussianBlur(seen, (0, 0), 0.8), 0, 255).astype(np.uint8))
    return replace(clip, frames=frames)


def _leaked(clip: Clip, rng: np.random.Generator) -> bytes:
    """Screen recording, cropped to the call, mirrored, turned a degree, shrunk to 480 lines and encoded again."""
    recorded = decoded(encoded(_pasted(clip, 853, 640, rng, busy=False), "h264", 1500))
    found = recorded.each(lambda one: one[20:660, 30:830])
    return encoded(_resized(_turned(found.each(lambda one: one[:, ::-1]), 1.0), 600, 480), "h264", 300)


ATTACKS: dict[str, Attack] = {
    "the call only (VP8 300k)": lambda c, r: encoded(c, "vp8", 300),
    "H.264 1000k": lambda c, r: encoded(c, "h264", 1000),
    "H.264 250k": lambda c, r: encoded(c, "h264", 250),
    "H.264 150k": lambda c, r: encoded(c, "h264", 150),
    "VP9 300k": lambda c, r: encoded(c, "vp9", 300),
    "VP9 150k": lambda c, r: encoded(c, "vp9", 150),
    "scale 50 %, H.264 150k": lambda c, r: encoded(_resized(c, 320, 240), "h264", 150),
    "scale 150 %": lambda c, r: encoded(_resized(c, 960, 720), "h264", 400),
    "scale 200 %": lambda c, r: encoded(_resized(c, 1280, 960), "h264", 500),
    "crop to 60 % of the area": lambda c, r: encoded(_cropped(c, 0.6, r), "h264", 250),
    "letterbox 1280x720": lambda c, r: encoded(
        _resized(c, 960, 720).each(lambda one: np.pad(one, ((0, 0), (160, 160)), constant_values=16)), "h264", 400
    ),
    "stretch 4:3 to 16:9": lambda c, r: encoded(_resized(c, 854, 480), "h264", 250),
    "turn +2 degrees": lambda c, r: encoded(_turned(c, 2.0), "h264", 250),
    "turn -1.3 degrees, crop": lambda c, r: encoded(_cropped(_turned(c, -1.3), 0.8, r), "h264", 250),
    "mirror": lambda c, r: encoded(c.each(lambda one: one[:, ::-1]), "h264", 250),
    "15 fps": lambda c, r: encoded(_at_fps(c, 15), "h264", 250),
    "25 fps": lambda c, r: encoded(_at_fps(c, 25), "h264", 250),
    "brightness +30, contrast 0.7": lambda c, r: encoded(_tone(c, lambda y: 0.7 * y + 30), "h264", 250),
    "gamma 1.8": lambda c, r: encoded(_tone(c, lambda y: 255 * (y / 255) ** 1.8), "h264", 250),
    "blur 2 px": lambda c, r: encoded(
        c.each(lambda one: np.asarray(cv2.GaussianBlur(one, (0, 0), 2), np.uint8)), "h264", 250
    ),
    "screen recording 720p": lambda c, r: encoded(_pasted(c, 853, 640, r, busy=False), "h264", 800),
    "leak chain": _leaked,
}
#: Outside the aims of the mark, measured all the same.
HARDER: dict[str, Attack] = {
    "crop to 30 % of the area": lambda c, r: encoded(_cropped(c, 0.3, r), "h264", 250),
    "blur 4 px": lambda c, r: encoded(
        c.each(lambda one: np.asarray(cv2.GaussianBlur(one, (0, 0), 4), np.uint8)), "h264", 250
    ),
    "median 5x5": lambda c, r: encoded(c.each(lambda one: np.asarray(cv2.medianBlur(one, 5), np.uint8)), "h264", 250),
    "noise 12": lambda c, r: encoded(_noisy(c, 12, r), "h264", 600),
    "average of 5 frames": lambda c, r: encoded(_averaged(c, 5), "h264", 250),
    "window 512x384 in a moving 720p": lambda c, r: encoded(_pasted(c, 512, 384, r, busy=True), "h264", 1500),
    "window 256x192 in a moving 720p": lambda c, r: encoded(_pasted(c, 256, 192, r, busy=True), "h264", 1500),
    "played 10 % faster": lambda c, r: encoded(replace(c, times=[t / 1.1 for t in c.times]), "h264", 250),
    "filmed from a tripod": lambda c, r: encoded(_filmed(c, r, hand=False), "h264", 2000),
    "filmed by hand": lambda c, r: encoded(_filmed(c, r, hand=True), "h264", 2000),
}


def frames_of(data: bytes) -> Iterator[Luma]:
    yield from decoded(data).frames


def quality(before: Iterable[Luma], after: Iterable[Luma]) -> float:
    """PSNR in dB over all frames."""
    errors = [float(np.mean((a.astype(np.float32) - b) ** 2)) for a, b in zip(before, after, strict=True)]
    return 10 * math.log10(255**2 / float(np.mean(errors)))
