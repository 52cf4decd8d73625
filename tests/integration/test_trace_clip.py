"""``ringfence trace``: recordings in, a reading or none out. Scenes, encoder and files are real; the key and the table are the tests'."""

from __future__ import annotations

import ast
import json
import os
import pty
import struct
import subprocess
import sys
import time
import wave
import zlib
from pathlib import Path

import numpy as np
import pytest

from server import cli
from server.trace import bound, detect, lattice, pattern, reader
from tests import trace_scenes
from tests.trace_scenes import Clip

KEY = bytes(range(32))
MARK_ID = 0x5EED_CAFE
ROOT = Path(__file__).parents[2]
SECONDS = 3.0


def recorded(family: str, *, marked: bool, seconds: float = SECONDS) -> bytes:
    """What a receiver of a call would have recorded."""
    clip = trace_scenes.scene(family, 77, seconds)
    if marked:
        clip = trace_scenes.mark(clip, pattern.tile(KEY), MARK_ID, quarter=1, start=0.4)
    return trace_scenes.encoded(clip, "vp8", 300)


@pytest.fixture(scope="module")
def clips() -> dict[str, bytes]:
    return {
        "marked": recorded("shelf", marked=True),
        "unmarked": recorded("shelf", marked=False),
    }


class Desk:
    """A key, a table of issued ids, and somebody who runs the command."""

    def __init__(self, folder: Path, capture: pytest.CaptureFixture[str]) -> None:
        self.folder, self.capture = folder, capture
        self.key(KEY.hex())
        self.issue({f"{MARK_ID:08x}": "copy_7f21", "00000001": "copy_0001"})

    def key(self, text: str) -> None:
        (self.folder / "key").write_text(text + "\n")

    def issue(self, ids: object) -> None:
        (self.folder / "issued.json").write_text(json.dumps({"ringfence_issued": 1, "ids": ids}))

    def trace(self, clip: bytes | Path, *more: str) -> tuple[int, str, str]:
        if isinstance(clip, bytes):
            (self.folder / "clip").write_bytes(clip)
            clip = self.folder / "clip"
        key, issued = self.folder / "key", self.folder / "issued.json"
        status = cli.main(["trace", str(clip), "--key", str(key), "--issued", str(issued), *more])
        said = self.capture.readouterr()
        return status, said.out, said.err


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    return Desk(tmp_path, capsys)


@pytest.mark.parametrize("family", trace_scenes.FAMILIES)
def test_a_recording_of_a_call_is_read_as_the_copy_it_is(desk: Desk, family: str) -> None:
    status, out, _ = desk.trace(recorded(family, marked=True), "--json")
    found = json.loads(out)
    assert (status, found["reading"]["id"], found["reading"]["row"]) == (0, f"{MARK_ID:08x}", "copy_7f21")
    assert found["reading"]["correlation"] >= bound.RHO
    assert found["reading"]["false_alarm_bound"] == pytest.approx(
        bound.false_alarm(found["reading"]["correlation"], found["attempts"]), rel=0.1
    )
    assert found["whole_clip"] is True


def test_for_people_it_says_the_copy_the_fit_the_attempts_and_what_a_reading_is_not(
    desk: Desk, clips: dict[str, bytes]
) -> None:
    status, out, err = desk.trace(clips["marked"])
    assert status == 0
    assert f"{MARK_ID:08x}, issued as copy_7f21" in out
    assert "in attempt 1; by chance at most" in out
    assert "not to a person" in out
    assert err == ""  # no progress bar where nobody watches


def test_on_a_terminal_it_shows_how_far_it_is_and_wipes_that_away(desk: Desk, clips: dict[str, bytes]) -> None:
    (desk.folder / "clip").write_bytes(clips["marked"])
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "server.cli", "trace", str(desk.folder / "clip")]
    files = ["--key", str(desk.folder / "key"), "--issued", str(desk.folder / "issued.json")]
    said = subprocess.run([*command, *files], stdout=subprocess.PIPE, stderr=theirs, cwd=ROOT, check=True)
    os.close(theirs)
    shown = os.read(ours, 1 << 16).decode()
    os.close(ours)
    assert said.stdout.startswith(b"Reading: ")
    assert "opening  [#" in shown
    assert "looking  [" in shown
    assert shown.endswith("\r\x1b[2K")


def test_a_recording_without_a_mark_gives_no_reading(desk: Desk, clips: dict[str, bytes]) -> None:
    status, out, _ = desk.trace(clips["unmarked"])
    assert status == 1
    assert out.startswith("No reading. This clears nobody.\n")


def test_an_id_that_was_not_issued_is_not_told(desk: Desk, clips: dict[str, bytes]) -> None:
    desk.issue({f"{MARK_ID ^ 1:08x}": "copy_next"})
    status, out, _ = desk.trace(clips["marked"], "--json")
    found = json.loads(out)
    assert (status, found["reading"]) == (1, None)
    assert f"{MARK_ID:08x}" not in out
    assert "copy_next" not in out  # never the closest match
    assert found["attempts"] > 1  # it went on looking


def test_another_deployments_key_reads_nothing(desk: Desk, clips: dict[str, bytes]) -> None:
    desk.key(bytes(32).hex())
    status, out, _ = desk.trace(clips["marked"], "--json")
    assert (status, json.loads(out)["reading"]) == (1, None)


def test_a_mirrored_cropped_and_shrunken_copy_is_read(desk: Desk, clips: dict[str, bytes]) -> None:
    seen = trace_scenes.decoded(clips["marked"])
    changed = seen.each(lambda one: np.ascontiguousarray(one[40:440, 60:580][:, ::-1]))
    status, out, _ = desk.trace(trace_scenes.encoded(changed, "h264", 400), "--json")
    assert (status, json.loads(out)["reading"]["row"]) == (0, "copy_7f21")


def test_a_recording_that_breaks_off_is_read_as_far_as_it_goes(desk: Desk) -> None:
    whole = recorded("textured", marked=True, seconds=4.0)
    status, out, _ = desk.trace(whole[: len(whole) * 3 // 4], "--json")
    assert (status, json.loads(out)["reading"]["row"]) == (0, "copy_7f21")


def test_it_begins_where_it_is_told_to(desk: Desk, clips: dict[str, bytes]) -> None:
    status, out, _ = desk.trace(clips["marked"], "--json", "--from", "1.0")
    found = json.loads(out)
    assert status == 0
    assert found["looked_s"] < 2.1
    assert desk.trace(clips["marked"], "--from", "1000")[0] == 2


# Files that somebody made in order to hurt, or that are simply broken. Each with the code of its sentence.


def sound_only(folder: Path) -> Path:
    with wave.open(str(folder / "sound"), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(32000))
    return folder / "sound"


def playlist(folder: Path) -> Path:
    """Names another file, which holds a good recording. A reader that follows it can be made to read anything here."""
    (folder / "other.webm").write_bytes(recorded("plain", marked=True, seconds=1.5))
    (folder / "list.m3u8").write_text(
        f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1.5,\n{folder / 'other.webm'}\n#EXT-X-ENDLIST\n"
    )
    return folder / "list.m3u8"


def concatenation(folder: Path) -> Path:
    (folder / "other.webm").write_bytes(recorded("plain", marked=True, seconds=1.5))
    (folder / "list.txt").write_text(f"ffconcat version 1.0\nfile {folder / 'other.webm'}\n")
    return folder / "list.txt"


def bomb(folder: Path) -> Path:
    """30,000 x 30,000 pixels in a few kilobytes."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(3751 * 1000)) for _ in range(30)) + packer.flush()
    head = struct.pack(">IIBBBBB", 30000, 30000, 1, 0, 0, 0, 0)
    (folder / "bomb.png").write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )
    return folder / "bomb.png"


def endless(folder: Path) -> Path:
    """A terabyte that is not there."""
    with (folder / "sparse").open("wb") as file:
        file.truncate(1 << 40)
    return folder / "sparse"


def pipe(folder: Path) -> Path:
    os.mkfifo(folder / "pipe")
    return folder / "pipe"


def written(data: bytes) -> object:
    def make(folder: Path) -> Path:
        (folder / "file").write_bytes(data)
        return folder / "file"

    return make


def tiny(folder: Path) -> Path:
    frames = [np.full((16, 16), n * 3, np.uint8) for n in range(60)]
    (folder / "tiny").write_bytes(trace_scenes.encoded(Clip(frames, [n / 30 for n in range(60)]), "h264", 50))
    return folder / "tiny"


def short(folder: Path) -> Path:
    (folder / "short").write_bytes(recorded("plain", marked=True, seconds=0.5))
    return folder / "short"


BAD = {
    "missing": (lambda folder: folder / "nothing", {"not_there"}),
    "folder": (lambda folder: folder, {"not_a_file"}),
    "pipe": (pipe, {"not_a_file"}),
    "empty": (written(b""), {"empty"}),
    "text": (written(b"This is a letter, not a film.\n" * 100), {"not_a_recording", "no_picture", "no_frames"}),
    "noise": (written(np.random.default_rng(1).bytes(200_000)), {"not_a_recording", "no_picture", "no_frames"}),
    "header only": (
        lambda folder: written(recorded("plain", marked=False, seconds=0.2)[:300])(folder),
        {"not_a_recording", "no_frames"},
    ),
    "sound only": (sound_only, {"no_picture"}),
    "playlist": (playlist, {"not_a_recording", "no_picture", "no_frames"}),
    "concatenation": (concatenation, {"not_a_recording", "no_picture", "no_frames"}),
    "picture bomb": (bomb, {"too_large", "no_frames", "not_a_recording"}),
    "raw video of 100,000 pixels a side": (
        written(b"YUV4MPEG2 W100000 H100000 F30:1 Ip\nFRAME\n" + bytes(1000)),
        {"too_large", "not_a_recording", "no_frames"},
    ),
    "a sparse terabyte": (endless, {"not_a_recording", "no_picture", "no_frames"}),
    "sixteen pixels": (tiny, {"too_small"}),
    "half a second": (short, {"too_short"}),
}


@pytest.mark.parametrize("what", BAD)
def test_a_file_that_cannot_be_read_is_told_in_a_sentence_and_soon(desk: Desk, what: str) -> None:
    make, codes = BAD[what]
    path = make(desk.folder)
    before = time.monotonic()
    status, out, err = desk.trace(path, "--json")
    assert time.monotonic() - before < 60
    assert status == 2
    assert json.loads(out)["error"] in codes
    assert err.strip() == reader.SENTENCES[json.loads(out)["error"]]


def test_a_slow_file_is_given_up(tmp_path: Path) -> None:
    (tmp_path / "clip").write_bytes(recorded("plain", marked=False, seconds=1.0))
    assert reader.read(tmp_path / "clip", wait_s=0.001) == reader.Unreadable("too_slow")


def test_no_more_is_kept_than_allowed(tmp_path: Path, clips: dict[str, bytes]) -> None:
    (tmp_path / "clip").write_bytes(clips["unmarked"])
    clip = reader.read(tmp_path / "clip", keep_bytes=25 * 640 * 480)
    assert isinstance(clip, reader.Clip)
    assert len(clip.frames) == 25
    assert clip.whole is False


def test_the_decoder_can_open_nothing_else_and_no_more_memory_than_its_share() -> None:
    """What a taken-over demuxer would find."""
    tried = """
import os, socket
from server.trace.decoder import MEMORY, _confine
_confine()
for what, work in (("file", lambda: os.open("/etc/hostname", os.O_RDONLY)), ("socket", socket.socket), ("memory", lambda: bytes(MEMORY))):
    try:
        work()
        print(what, "open")
    except (OSError, MemoryError):
        print(what, "shut")
"""
    said = subprocess.run([sys.executable, "-c", tried], capture_output=True, text=True, cwd=ROOT, check=False)
    assert said.stdout.split("\n")[:3] == ["file shut", "socket shut", "memory shut"], said.stderr


@pytest.mark.slow  # half a minute of searching
def test_soak_attempts_end(clips: dict[str, bytes]) -> None:
    """However long a clip and however many views, the bound that is printed holds."""
    seen = trace_scenes.decoded(clips["unmarked"])
    small = seen.each(lambda one: np.ascontiguousarray(one[:96, :128]))
    count = 100 * len(small.frames)
    frames = [small.frames[n % len(small.frames)] for n in range(0, count, 3)]
    found = detect.read(frames, [n / 10 for n in range(len(frames))], pattern.tile(KEY), {MARK_ID: "row"})
    assert (found.mark_id, found.attempts) == (None, bound.MAX_ATTEMPTS)


@pytest.mark.parametrize(
    "table",
    ["", "[]", '{"ids": {}}', '{"ringfence_issued": 2, "ids": {}}', '{"ringfence_issued": 1, "ids": {"xyz": "row"}}',
     '{"ringfence_issued": 1, "ids": {"5eedcafe": 7}}', '{"ringfence_issued": 1, "ids": {"-5eedcaf": "row"}}', "[" * 100_000,
     '{"ringfence_issued": 1, "ids": {"5eedcafe": "row\\u001b[2J\\u001b[HReading: 00000001"}}',
     '{"ringfence_issued": 1, "ids": {"0x1_2_3a": "row"}}'],
)  # fmt: skip
def test_a_table_that_is_none_is_told(desk: Desk, clips: dict[str, bytes], table: str) -> None:
    (desk.folder / "issued.json").write_text(table)
    status, out, err = desk.trace(clips["marked"])
    assert (status, out) == (2, "")
    assert err.startswith("The table of issued ids cannot be read")


@pytest.mark.parametrize("key", ["", "00", "zz" * 32, "00" * 33])
def test_a_key_that_is_none_is_told_and_not_repeated(desk: Desk, clips: dict[str, bytes], key: str) -> None:
    desk.key(key)
    assert desk.trace(clips["marked"]) == (2, "", "The key cannot be read: a file of 64 hexadecimal digits.\n")


def test_without_the_extra_it_says_how_to_get_it(tmp_path: Path) -> None:
    without = f"""
import sys
from importlib.machinery import PathFinder
class Without(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name == "cv2" else super().find_spec(name, path, target)
sys.meta_path[:] = [Without if one is PathFinder else one for one in sys.meta_path]
from server.cli import main
sys.exit(main(["trace", "clip", "--key", "key", "--issued", {str(tmp_path)!r}]))
"""
    said = subprocess.run([sys.executable, "-c", without], capture_output=True, text=True, cwd=ROOT, check=False)
    assert said.returncode == 3
    assert said.stderr == "Reading a mark needs more than is installed (cv2): pip install 'ringfence[trace]'\n"


def test_the_rest_of_the_house_does_without_the_extra() -> None:
    for file in sorted([*ROOT.glob("server/**/*.py"), *ROOT.glob("signalling/**/*.py")]):
        if file.is_relative_to(ROOT / "server" / "trace") or file.name == "trace_cli.py":
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            named = [one.name for one in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                named = [f"{node.module}.{one.name}" for one in node.names]
            assert not [one for one in named if one.startswith(("server.trace.", "numpy", "cv2"))], file
    loaded = (
        "import sys, server.cli, server.trace; print([one for one in ('numpy', 'cv2', 'av') if one in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, cwd=ROOT, check=True)
    assert said.stdout == "[]\n"


@pytest.mark.parametrize("shade", [0, 16, 255])
@pytest.mark.filterwarnings("error")
def test_a_clip_of_one_shade_is_no_reading_and_no_fault(shade: int) -> None:
    frames = [np.full((120, 160), shade, np.uint8)] * 20
    found = detect.read(frames, [n / 15 for n in range(20)], pattern.tile(KEY), {MARK_ID: "row"})
    assert found.mark_id is None


def test_a_moving_camera_is_read_by_its_news_where_the_frames_themselves_show_too_little() -> None:
    """At half size and 150 kbit/s; seed 104, on which the detector was tuned."""
    tile = pattern.tile(KEY)
    moving = trace_scenes.scene("shake", 104, SECONDS)
    seen = trace_scenes.called(trace_scenes.mark(moving, tile, MARK_ID, quarter=1, start=0.4))
    file = trace_scenes.ATTACKS["scale 50 %, H.264 150k"](seen, np.random.default_rng(1))
    clip = trace_scenes.decoded(file)
    found = detect.read(clip.frames, clip.times, tile, {MARK_ID: "row"})
    assert found.mark_id == MARK_ID
    assert found.correlation is not None
    assert found.correlation >= 0.65  # an encoder of several threads does not make the same file twice: 0.69 to 0.73
    plain = [lattice.residual(one) for one in clip.frames[::2]]
    course = detect._by_course(plain, clip.times[::2], lattice.FRAMES, tile, pattern.HZ, weighing=False)
    assert max(one.rho for one in course) < bound.RHO
