"""Frames out of a recording that somebody sent in: any format PyAV opens, luma only, at most 15 a second.

The file is opened by ``decoder.py`` in a process of its own. Here are the bounds on what comes back: so many bytes of pictures, so many
seconds of waiting. What cannot be read is a value with a code and a sentence, never an exception, and never silent. A clip that breaks
off after some frames is read as far as it goes.
"""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import numpy as np
import numpy.typing as npt

from server.trace.decoder import HEADER

Luma = npt.NDArray[np.uint8]

#: Pictures kept at once: a minute and more of 640 x 480, about half a minute of 1280 x 720. ``--from`` looks further on.
KEEP_BYTES: Final = 400_000_000
KEEP_S: Final = 60.0
WAIT_S: Final = 120.0
#: Smaller than this there is no room for one tile.
SMALLEST: Final = 32

#: Every way in which a file cannot be read.
SENTENCES: Final = {
    "not_there": "There is no such file, or it may not be read.",
    "not_a_file": "That is not a regular file.",
    "empty": "The file is empty.",
    "not_a_recording": "The file is no recording in a format that can be opened here.",
    "no_picture": "The recording has no picture, only sound or data.",
    "unknown_codec": "The picture is in a format that cannot be decoded here.",
    "too_large": "The picture is larger than 8K, or the file asks for too much memory.",
    "too_small": "The picture is smaller than 32 pixels: no mark fits in it.",
    "no_frames": "No frame of the picture could be decoded (from the second asked for).",
    "damaged": "The recording is damaged: it broke off before its first frame.",
    "too_slow": "No frame came within two minutes.",
    "too_short": "The recording is shorter than a second: too short for a mark.",
}


@dataclass(frozen=True)
class Clip:
    """What is looked at. ``whole`` is False when there is more than fits, or the file broke off."""

    frames: list[Luma]
    times: list[float]
    whole: bool


@dataclass(frozen=True)
class Unreadable:
    code: str

    @property
    def sentence(self) -> str:
        return SENTENCES[self.code]


def read(
    path: Path,
    *,
    start: float = 0.0,
    wait_s: float = WAIT_S,
    keep_bytes: int = KEEP_BYTES,
    progress: Callable[[float], None] = lambda _share: None,
) -> Clip | Unreadable:
    """The frames of a recording from ``start`` seconds on."""
    try:
        # Not blocking: a pipe without a writer would keep us for ever.
        file = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except OSError:
        return Unreadable("not_there")
    try:
        about = os.fstat(file)
        if not stat.S_ISREG(about.st_mode):
            return Unreadable("not_a_file")
        if about.st_size == 0:
            return Unreadable("empty")
        return _decoded(file, start, wait_s, keep_bytes, progress)
    finally:
        os.close(file)


def _decoded(
    file: int, start: float, wait_s: float, keep_bytes: int, progress: Callable[[float], None]
) -> Clip | Unreadable:
    process = subprocess.Popen(  # noqa: S603 - this interpreter, our own module; the file is its standard input
        [sys.executable, "-m", "server.trace.decoder", repr(start)],
        stdin=file,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
        close_fds=True,
    )
    late = threading.Event()

    def stop() -> None:
        late.set()
        process.kill()

    clock = threading.Timer(wait_s, stop)
    clock.start()
    said: list[bytes] = []
    assert process.stdout
    assert process.stderr
    # The demuxer may chatter; somebody has to listen, or it stops when the pipe is full.
    listener = threading.Thread(target=lambda pipe: said.append(_tail(pipe)), args=(process.stderr,))
    listener.start()
    try:
        frames, times, more = _frames(process.stdout, keep_bytes, progress)
    finally:
        process.kill()
        status = process.wait()
        clock.cancel()
        listener.join()
        process.stdout.close()
        process.stderr.close()
    if not frames:
        word = said[0].decode(errors="replace").rsplit("\n", 1)[-1] if said else ""
        if late.is_set():
            word = "too_slow"
        return Unreadable(word if word in SENTENCES else "damaged")
    if min(frames[0].shape) < SMALLEST:
        return Unreadable("too_small")
    if times[-1] - times[0] < 0.9:
        return Unreadable("too_short")
    return Clip(frames, times, whole=status == 0 and not more and not late.is_set())


def _frames(
    pipe: IO[bytes], keep_bytes: int, progress: Callable[[float], None]
) -> tuple[list[Luma], list[float], bool]:
    """What the decoder sends, until it stops or enough is kept."""
    frames: list[Luma] = []
    times: list[float] = []
    kept = 0
    while len(header := pipe.read(HEADER.size)) == HEADER.size:
        t, width, height = HEADER.unpack(header)
        if kept + width * height > keep_bytes or (times and t - times[0] > KEEP_S):
            return frames, times, True
        data = pipe.read(width * height)
        if len(data) < width * height:
            break
        kept += len(data)
        frames.append(np.frombuffer(data, np.uint8).reshape(height, width))
        times.append(t)
        progress(min(1.0, (t - times[0]) / KEEP_S))
    return frames, times, False


def _tail(pipe: IO[bytes], most: int = 65536) -> bytes:
    """The last of what was said."""
    end = b""
    while some := pipe.read(4096):
        end = (end + some)[-most:]
    return end
