"""The process that opens the stranger's file. ``reader.py`` starts it as ``python -m server.trace.decoder FROM``; its
standard input is the file.

A demuxer is a large program fed with bytes that somebody else chose. So it lives alone and can do little harm: it may not open another file
or socket (a playlist that names ``/etc/passwd`` or an address reaches nothing), not write a file, not use more than ``MEMORY`` bytes
nor more than ``CPU_S`` seconds; and when it dies, its parent says so in a sentence. Where the system has no such limits (Windows) only the
parent's clock holds.

It writes, for each frame it keeps, a header (seconds, width, height) and the luma, and on the error output one word when it cannot.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import struct
import sys
from typing import Any, Final

HEADER: Final = struct.Struct("<dHH")
MEMORY: Final = 2 << 30
CPU_S: Final = 180
#: Frames closer than this are not kept: the mark swings once a second, and 15 frames of it are plenty.
GAP_S: Final = 1 / 15 - 0.002
#: A picture is made no larger than this along its longer side. A window of it still shows a call of 320 pixels.
LONGEST: Final = 1280
#: No picture larger than 8K is opened at all.
PIXELS: Final = 8192 * 4320
#: Formats whose first plane is luma, a byte a pixel.
LUMA_FIRST: Final = (
    *(f"yuv{j}{kind}p" for j in ("", "j") for kind in ("420", "422", "440", "444", "411", "410")),
    *("nv12", "nv16", "nv21", "nv24", "gray"),
)


def main(start: float) -> str:
    """Decode standard input to standard output; the word for what went wrong, or nothing."""
    import av  # here, so that reader.py may name this module's constants without it

    for part in pkgutil.walk_packages(av.__path__, "av."):
        importlib.import_module(part.name)  # it loads some of itself only when a file needs it, and then it is too late
    _confine()
    try:
        # Formats that name other files are shut twice: here, and by the limit on open files.
        box: Any = av.open(os.fdopen(0, "rb", closefd=False), options={"protocol_whitelist": "none"})
    except MemoryError:
        return "too_large"
    except Exception:
        return "not_a_recording"
    if not box.streams.video:
        return "no_picture"
    stream: Any = box.streams.video[0]
    if stream.codec_context is None:
        return "unknown_codec"
    if stream.codec_context.width * stream.codec_context.height > PIXELS:
        return "too_large"
    stream.codec_context.thread_count = 1
    stream.codec_context.options = {"max_pixels": str(PIXELS)}
    try:
        if start > 0:
            box.seek(int(start * 1_000_000))
        return _copy(box, stream, start)
    except MemoryError:
        return "too_large"
    except Exception:
        return "damaged"


def _copy(box: Any, stream: Any, start: float) -> str:
    out = os.fdopen(1, "wb", closefd=False)
    kept, size, number, first = None, None, -1, None
    for packet in box.demux(stream):
        try:
            frames = packet.decode()
        except MemoryError:
            raise
        except Exception:  # noqa: S112 - one damaged frame; the next may be whole
            continue
        for frame in frames:
            number += 1
            t = frame.time if frame.time is not None else number / float(stream.average_rate or 30)
            first = t if first is None else first
            if t - min(first, 0) < start or (kept is not None and t - kept < GAP_S):
                continue
            if size is None:
                share = min(1.0, LONGEST / max(frame.width, frame.height))
                size = max(1, round(frame.width * share)), max(1, round(frame.height * share))
            # The luma as it was coded: a change to grey would stretch its range and cut what is darker than black.
            form = frame.format.name if frame.format.name in LUMA_FIRST else "yuv420p"
            plane = frame.reformat(*size, format=form, interpolation="AREA").planes[0]
            rows, width = memoryview(plane), plane.line_size
            out.write(HEADER.pack(t, *size))
            for y in range(size[1]):
                out.write(rows[y * width : y * width + size[0]])
            out.flush()
            kept = t
    return "" if kept is not None else "no_frames"


def _confine() -> None:
    """Give up what decoding does not need. Nothing is imported after this."""
    try:
        import resource
    except ImportError:
        return
    for what, most in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_CPU, CPU_S),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 3),
    ):
        resource.setrlimit(what, (most, most))


if __name__ == "__main__":
    word = main(float(sys.argv[1]))
    sys.stderr.write(word)
    sys.stdout.flush()
    os._exit(1 if word else 0)  # the demuxer's own tidying up is not waited for
