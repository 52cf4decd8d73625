"""No media is ever stored: a real call through a real server process, every write of which is seen by the kernel.

Three ways to look, and for each a build that records, which the same look must catch:
- every byte that the process puts anywhere but into a socket or a pipe, at the level of system calls (tests/every_write.py);
- what lies in its folders afterwards;
- what it has loaded, and what it could load: no recorder, no writer of media files, nothing that decodes at work.

What is looked for is known: both peers send noise and note each frame before and after it is sealed, and every datagram is captured.
"""

from __future__ import annotations

import ast
import asyncio
import base64
import json
import re
import signal
import sys
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from server.settings import ROOT
from tests.known_call import Needles, a_house, known_call, packets, ports_of, windows
from tests.unit.test_the_arrows_go_one_way import imported

SECONDS = 3.0
#: All that a running house may write to: its records, their journal, the lock that says who serves them, the key that signs the record and
#: the newest checkpoint beside it (first under the name of the process, then put in its place).
ITS_OWN = re.compile(r"/var/demo(\.sqlite(-wal|-shm|-journal|\.lock)?|-record\.key|-record\.checkpoint(\.\d+)?)$")
ITS_OWN_JOURNAL = re.compile(r"/var/demo\.sqlite-(wal|journal)$")
ITS_OWN_FILE = re.compile(r"/var/demo\.sqlite$")
#: Python tries a folder for temporary files by putting this into one and taking it away again.
A_TRY = (re.compile(r"/tmp/[a-z0-9_]{8}$"), b"blat")


@dataclass
class Watched:
    """What one server process did during one call."""

    notes: list[dict[str, Any]]
    """Every write, in order."""
    began: int
    ended: int
    """When media flowed, as the notes count."""
    passed: int
    """Bytes of media datagrams to and from the gate in that time."""
    frames: int
    needles: Needles
    left: dict[str, bytes]
    """What lay in its folders when it had ended."""
    loaded: list[str]
    """Modules, at the end of the call."""
    objects: list[str]
    """Types of PyAV's objects that were alive then."""

    def faults(self) -> list[str]:
        """Whatever speaks against "no media is ever stored". Empty: nothing does."""
        found, together = set(), defaultdict[str, bytearray](bytearray)
        for one in self.notes:
            what, call, data = one["to"], one["call"], base64.b64decode(one["bytes"])
            tried = A_TRY[0].search(what) and data == A_TRY[1]
            if call == "execve" and one["at"] < self.began:
                continue  # how the process itself began
            if not ITS_OWN.search(what) and what != "/dev/null" and not tried:
                found.add(f"wrote elsewhere: {call} to {what}")
            together[what] += data
        found |= {f"wrote media: to {what}" for what, data in together.items() if self.needles.names_in(bytes(data))}
        found |= {f"left media: {name}" for name, data in self.left.items() if self.needles.names_in(data)}
        found |= {f"left a file: {name}" for name in self.left if not ITS_OWN.search(name)}
        if 5 * self.written > self.passed:
            found.add("wrote much: it may be media in a form that is not known")
        if self.size(ITS_OWN_FILE, inside=True) > 2 * self.size(ITS_OWN_JOURNAL, inside=True):
            found.add("wrote to the database past its journal")
        return sorted(found)

    @property
    def written(self) -> int:
        """Bytes written while media flowed. Not those that SQLite copies from its journal into the database whenever it likes."""
        return self.size(ITS_OWN_FILE, inside=False, during=True)

    def size(self, what: re.Pattern[str], *, inside: bool, during: bool = False) -> int:
        """Bytes written to what is named so, or to all else."""
        notes = [one for one in self.notes if self.began <= one["at"] <= self.ended or not during]
        return sum(one["size"] for one in notes if bool(what.search(one["to"])) is inside)


#: Loaded into the server's process by Python itself: when asked through its standard input, it tells what is loaded and alive.
TELLS = """
import gc, json, os, sys, threading
def tell():
    os.read(0, 1)
    alive = sorted({f"{type(one).__module__}.{type(one).__name__}" for one in gc.get_objects()
                    if str(type(one).__module__).split(".")[0] in ("av", "cv2", "numpy")})
    os.write(1, ("\\nLOADED " + json.dumps([sorted(sys.modules), alive]) + "\\n").encode())
threading.Thread(target=tell, daemon=True).start()
"""

#: The same house, changed: what a recorder would do with every packet that the gate has opened, in each way that we could think of.
RECORDS = """
import os, sqlite3, sys, tempfile, time
while not hasattr(sys.modules.get("server.app"), "serve"):
    time.sleep(0.01)
import av
from signalling.gate import forward
go = os.path.join(os.path.dirname(__file__), "go")  # not while the house itself has much to write down
real, kept, clips = forward.Forwarder._labelled, [], []
def into_a_file(data):
    with open(os.path.join(tempfile.gettempdir(), "call.vp8"), "ab") as file:
        file.write(data)
def into_its_own_database(data):
    try:
        if not clips:
            clips.append(sqlite3.connect(os.path.join(os.environ["RINGFENCE_DATA"], "demo.sqlite"), 0.2, isolation_level=None))
            clips[0].execute("PRAGMA synchronous = OFF")
            clips[0].execute("CREATE TABLE IF NOT EXISTS clips (packet BLOB)")
        clips[0].execute("INSERT INTO clips VALUES (?)", (data,))
    except sqlite3.OperationalError:
        pass  # busy
def changed_into_its_own_database(data):
    into_its_own_database(bytes(one ^ 0x55 for one in data))
def into_memory_that_has_no_name(data):
    kept[:] = kept or [os.memfd_create("clip")]
    os.write(kept[0], data)
def into_a_decoder(data):
    kept.append(av.CodecContext.create("libvpx", "r"))
def labelled(self, stream, timestamp, size):
    if size > 600 and os.path.exists(go):  # pictures; sound is the same to it
        for keep in (WAYS):
            keep(bytes(self._in.view[:size]))
    return real(self, stream, timestamp, size)
forward.Forwarder._labelled = labelled
"""


async def watched_call(folder: Path, recorder: str = "", seconds: float = SECONDS) -> Watched:
    """A call of some seconds through a fresh house. ``recorder``: Python that its process runs when it begins."""
    notes, added = folder / "notes", folder / "added"
    added.mkdir(parents=True)
    (added / "recorder.py").write_text(recorder)
    start = "threading.Thread(target=__import__, args=('recorder',), daemon=True).start()\n"
    (added / "sitecustomize.py").write_text(TELLS + start)
    tracer = (sys.executable, "-I", str(ROOT / "tests/every_write.py"), str(notes))
    house = folder / "house"
    with packets() as taken:
        async with a_house(house, *tracer, PYTHONPATH=f"{added}:{ROOT}") as (process, base):
            taken.ports |= ports_of(process.pid)
            async with known_call(base) as call:
                for device in (call.maya, call.theo):
                    await device.wait_frames("video", 5)
                await quiet(notes)
                (added / "go").touch()
                began, before = time.monotonic_ns(), len(taken.datagrams)
                await asyncio.sleep(seconds)
                ended, after = time.monotonic_ns(), len(taken.datagrams)
                (added / "go").unlink()
                loaded, objects = await told(process)
                known = [(w, "sealed") for frame in call.frames() for w in windows(frame.sealed)]
                known += [(w, "plain") for frame in call.frames() for w in windows(frame.plain)]
                frames = len(call.frames())
            process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(30):
                assert await process.wait() == 0
    media = [data for _, _, data in taken.datagrams if len(data) > 60 and 128 <= data[0] < 192]
    known += [(w, "as it travelled") for data in media for w in windows(data[12:], 2)]
    return Watched(
        notes=[json.loads(line) for line in notes.read_text().splitlines()],
        began=began, ended=ended, frames=frames, needles=Needles(known), loaded=loaded, objects=objects,
        passed=sum(len(data) for _, _, data in taken.datagrams[before:after]),
        left={str(path): path.read_bytes() for path in house.rglob("*") if path.is_file()},
    )  # fmt: skip


async def quiet(notes: Path) -> None:
    """Until the house has written down that these people are in a call, and nothing more comes."""
    size, since = -1, time.monotonic()
    async with asyncio.timeout(30):
        while time.monotonic() < since + 1:
            if size != (size := notes.stat().st_size):  # noqa: ASYNC240  # a local file, and nobody waits
                since = time.monotonic()
            await asyncio.sleep(0.05)


async def told(process: asyncio.subprocess.Process) -> tuple[list[str], list[str]]:
    """What the process says it has loaded."""
    assert process.stdout is not None
    assert process.stdin is not None
    process.stdin.write(b"?")
    async with asyncio.timeout(20):
        while True:
            line = await process.stdout.readline()
            assert line, "the house has ended"
            if line.startswith(b"LOADED "):
                modules, objects = json.loads(line[7:])
                return modules, objects


@pytest.mark.slow  # make witness
async def test_a_call_leaves_nothing_behind_but_records(tmp_path: Path) -> None:
    watched = await watched_call(tmp_path)
    assert watched.frames > 150
    assert watched.needles.count > 500
    assert watched.passed > 100_000
    assert any(one["to"].endswith("demo.sqlite-wal") for one in watched.notes), "the watcher sees what it writes"
    assert watched.faults() == []
    assert at_work(watched) == []
    # aiortc.rtp, with which RTCP is read, brings its package along, and that PyAV: loaded, and nothing of it at work
    heavy = [name for name in watched.loaded if handles_media(name)]
    assert [name for name in heavy if name.partition(".")[0] not in ("aiortc", "av")] == []
    assert [name for name in heavy if name.startswith("aiortc.contrib")] == []
    assert "aiortc.rtp" in heavy


@pytest.mark.slow  # make witness
async def test_a_house_that_records_is_caught_whatever_way_it_takes(tmp_path: Path) -> None:
    ways = "into_a_file, into_its_own_database, into_memory_that_has_no_name, into_a_decoder"
    watched = await watched_call(tmp_path, RECORDS.replace("WAYS", ways), 1.0)
    faults = "\n".join(watched.faults())
    assert re.search(r"wrote elsewhere: write to \S+/tmp/call.vp8", faults)
    assert re.search(r"wrote media: to \S+/tmp/call.vp8", faults)
    assert re.search(r"wrote media: to \S+/var/demo.sqlite", faults)
    assert re.search(r"left media: \S+/tmp/call.vp8", faults)
    assert re.search(r"left media: \S+/var/demo.sqlite", faults)
    assert "wrote elsewhere: memfd_create to clip" in faults
    assert re.search(r"wrote media: to /memfd:clip", faults)
    assert "wrote much" in faults
    assert at_work(watched) == ["av.video.codeccontext.VideoCodecContext"]


@pytest.mark.slow  # make witness
async def test_a_house_that_hides_what_it_keeps_writes_too_much(tmp_path: Path) -> None:
    watched = await watched_call(tmp_path, RECORDS.replace("WAYS", "changed_into_its_own_database,"), 1.0)
    assert watched.faults() == ["wrote much: it may be media in a form that is not known"]


# -- what is loaded, and what could be ----------------------------------------------------------------------------------------

#: What records, writes media files, or makes pictures and sound out of what passed.
HANDLES_MEDIA = (
    "av", "aiortc", "cv2", "numpy", "wave", "PIL", "imageio", "ffmpeg", "soundfile", "pyaudio", "sndhdr", "aifc", "vlc", "server.trace",
)  # fmt: skip
#: What of it the running house may name, and why.
MAY_NAME = {"aiortc.rtp": "reads RTCP and RTP headers"}


def handles_media(name: str) -> bool:
    return any(name == one or name.startswith(f"{one}.") for one in HANDLES_MEDIA)


def at_work(watched: Watched) -> list[str]:
    """PyAV's coders, files, frames and packets that were alive during the call."""
    return [
        one for one in watched.objects
        if re.search(r"(CodecContext|Container|Stream|Frame|Packet|Plane|Resampler|Reformatter|Fifo|Graph)$", one)
        and not one.endswith("OpaqueContainer")  # a table that PyAV makes when it is loaded
    ]  # fmt: skip


def source_of(module: str) -> Path:
    path = ROOT / Path(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def reached_from(*modules: str) -> dict[str, set[str]]:
    """Our own modules that these import, and what each of them names: read from the source, function bodies too."""
    found: dict[str, set[str]] = {}
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        if name in found or not source_of(name).is_file():
            continue
        found[name] = imported(source_of(name))
        waiting += [one for one in found[name] if one.split(".")[0] in ("server", "signalling")]
        waiting += [name.rpartition(".")[0]] if "." in name else []
    return found


def media_names(reached: dict[str, set[str]]) -> set[tuple[str, str]]:
    """(module, what it names): of what handles media."""
    allowed = {"aiortc", *MAY_NAME}  # `from aiortc import rtp` names both
    return {
        (name, one)
        for name, names in reached.items()
        for one in names
        if handles_media(one) and one not in allowed and not one.startswith(tuple(f"{may}." for may in MAY_NAME))
    }


def test_nothing_that_runs_calls_names_a_recorder_or_a_decoder() -> None:
    reached = reached_from("server.app")
    assert len(reached) > 50
    assert {"signalling.hub", "signalling.gate.forward", "server.calls"} <= reached.keys()
    assert media_names(reached) == set()
    assert not [name for name in reached if name.startswith("server.trace")]


def test_what_reads_marks_does_name_them_and_is_only_reached_from_the_command_line() -> None:
    found = media_names(reached_from("server.trace_cli", *(f"server.trace.{one.stem}" for one in TRACE)))
    assert {name for _, name in found} >= {"cv2", "numpy", "av"}
    users = {name for name, names in reached_from("server.cli").items() if "server.trace_cli" in names}
    assert users == {"server.cli"}


#: Ways round the list of imports.
ROUND_ABOUT = {
    "__import__",
    "import_module",
    "importlib.import_module",
    "eval",
    "exec",
    "os.system",
    "os.popen",
    "os.fork",
    "os.execv",
}


def test_nothing_that_runs_calls_starts_a_program_or_loads_what_is_not_named() -> None:
    for name, names in reached_from("server.app").items():
        tree = ast.parse(source_of(name).read_text(encoding="utf-8"))
        assert not {ast.unparse(one.func) for one in ast.walk(tree) if isinstance(one, ast.Call)} & ROUND_ABOUT, name
        assert not [one for one in names if one.startswith(("subprocess", "multiprocessing", "ctypes"))], name


def test_the_same_look_finds_what_the_trace_command_starts() -> None:
    names = {one for names in reached_from("server.trace.reader").values() for one in names}
    assert [one for one in names if one.startswith(("subprocess", "multiprocessing"))]


TRACE = sorted((ROOT / "server/trace").glob("*.py"))
