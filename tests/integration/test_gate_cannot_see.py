"""The running gate cannot see: its memory, every packet and every message, searched for what was really said while it was said.

The house runs in a process of its own and carries a sealed call whose every frame is known here, before and after sealing. What
must be nowhere in that process, on the wire or in a message: any piece of a plain frame, any key. What the same search must find:
the sealed frames; in the process that sends, the plain ones and the keys; and at the gate, the plain frames of a device that does
not seal.

And libvpx, given the pictures that the gate has, shows nothing; given the key, everything.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
import struct
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import av.error
import numpy as np
import pytest

from tests import seal_twin
from tests.known_call import (
    Known,
    KnownCall,
    Needles,
    Packets,
    Silent,
    a_house,
    assembled,
    held,
    known_call,
    memory_of,
    packets,
    ports_of,
    way_of,
    windows,
    without_srtp,
)

ENOUGH = 200  # frames of each device: two to three seconds
KEYS = ("half of the agreement", "identity", "base key", "derived key")
PLAIN = {"plain audio", "plain video"}
SECRET = {*PLAIN, *KEYS, *(f"{one} as text" for one in KEYS)}
SEALED = {"sealed audio", "sealed video"}


@dataclass
class Seen:
    """A call that still runs, and what the house had of it."""

    call: KnownCall
    needles: Needles
    memory: set[str]
    """What was found in the house's memory while the call ran."""
    searched: int
    """Bytes of it."""
    wire: Packets

    def at_the_gate(self, device: Known) -> list[bytes]:
        """The media packets of this device, as the gate has them when it has taken off the transport's own protection. The key is
        the one that both ends of that transport have."""
        up = way_of(device).up  # it authenticates its own packets only
        return without_srtp([data for _, _, data in self.wire.datagrams], up)


def secrets_of(device: Known) -> list[tuple[bytes, str]]:
    """Every key of a device's calls, and each as a message could carry it."""
    found = []
    for keys in device._worn:
        found += [(keys._half.private_bytes_raw(), KEYS[0]), (keys.identity.private_bytes_raw(), KEYS[1])]
        for kid, base in keys.made:
            found += [(base, KEYS[2]), (seal_twin.extract(base), KEYS[3]), (seal_twin.derive(base, kid)[0], KEYS[3])]
    return found + [(text, f"{name} as text") for secret, name in found for text in as_text(secret)]


def as_text(secret: bytes) -> list[bytes]:
    """In the alphabets of messages. The last letter of base64 may hang on what follows, so it is left out."""
    return [
        base64.b64encode(secret).rstrip(b"=")[:-1],
        base64.urlsafe_b64encode(secret).rstrip(b"=")[:-1],
        secret.hex().encode(),
        secret.hex().upper().encode(),
        ",".join(map(str, secret)).encode(),
    ]


def needles_of(call: KnownCall) -> Needles:
    frames = call.frames()
    named = [(one, f"plain {frame.kind}") for frame in frames for one in windows(frame.plain, 20)]
    named += [(one, f"sealed {frame.kind}") for frame in frames for one in windows(frame.sealed)]
    return Needles([*named, *secrets_of(call.maya), *secrets_of(call.theo)])


def found_in(needles: Needles, many: Iterable[bytes]) -> set[str]:
    return {name for one in many for name in needles.names_in(one)}


@asynccontextmanager
async def seen(folder: Path, kind: type[Known] = Known, *, remember: bool = True) -> AsyncIterator[Seen]:
    """A call of some seconds. ``kind``: how both send. ``remember``: look into the house's memory, for which it has to stand still."""
    with packets() as wire:
        async with a_house(folder) as (process, base):
            wire.ports |= ports_of(process.pid)
            async with known_call(base, kind) as call:
                async with asyncio.timeout(20):
                    while min(len(device.noted) for device in (call.maya, call.theo)) < ENOUGH:
                        await asyncio.sleep(0.05)
                memory, searched = set[str](), 0
                with held(process.pid) if remember else nullcontext():
                    needles = needles_of(call)
                    for region in memory_of(process.pid) if remember else ():
                        searched += len(region)
                        memory |= needles.names_in(region)
                yield Seen(call, needles, memory, searched, wire)


@pytest.mark.slow  # make witness
async def test_neither_memory_nor_wire_nor_messages_hold_a_plain_frame_or_a_key(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with seen(tmp_path) as now:
        with capsys.disabled():
            print(f"\n  packets were taken from {now.wire.how}")  # noqa: T201  # who reads the run shall know
        assert now.needles.names == SECRET | SEALED
        assert now.needles.count > 1000

        assert now.searched > 50_000_000
        assert now.memory & SECRET == set()
        assert now.memory & SEALED

        assert len(now.wire.raw) > 300
        assert found_in(now.needles, now.wire.raw) & SECRET == set()
        for device in (now.call.maya, now.call.theo):
            packets_of_it = now.at_the_gate(device)
            assert len(packets_of_it) > 100
            assert found_in(now.needles, packets_of_it) == SEALED

            messages = [json.dumps(one).encode() for one in (*device.said, *device.seen)]
            assert {"seal.to", "seal.from", "seal.ready"} <= {one["t"] for one in (*device.said, *device.seen)}
            assert found_in(now.needles, messages) & SECRET == set()

        sender = found_in(now.needles, memory_of("self"))
        assert PLAIN | {"base key", "derived key"} <= sender


@pytest.mark.slow  # make witness
async def test_the_same_search_finds_at_the_gate_what_devices_did_not_seal(tmp_path: Path) -> None:
    async with seen(tmp_path, Silent) as now:
        assert now.memory & PLAIN
        assert now.memory & SECRET <= PLAIN
        for device in (now.call.maya, now.call.theo):
            assert found_in(now.needles, now.at_the_gate(device)) == PLAIN
            assert device.frames == {"audio": 0, "video": 0}, "and the gate has forwarded none of it"


def test_the_same_search_finds_a_key_in_a_message() -> None:
    key = bytes(range(16))
    needles = Needles([(text, "key") for text in as_text(key)])
    for text in as_text(key):
        assert needles.names_in(json.dumps({"t": "seal.to", "body": f"x{text.decode()}="}).encode()) == {"key"}
    assert needles.names_in(json.dumps({"t": "seal.to", "body": "nothing of the kind"}).encode()) == set()


# -- libvpx -------------------------------------------------------------------------------------------------------------------


def pictures(frames: Iterable[bytes], codec: str = "libvpx") -> list[tuple[int, Any]]:
    """(number of the frame, luma of what came out) of these frames, decoded one after the other."""
    decoder = av.CodecContext.create(codec, "r")
    found: list[tuple[int, Any]] = []
    for n, frame in enumerate(frames):
        try:
            found += [(n, one.to_ndarray(format="gray")) for one in decoder.decode(av.Packet(frame))]  # type: ignore[attr-defined]
        except av.error.FFmpegError:
            continue
    return found


def likeness(one: Any, other: Any) -> float:
    """Correlation of two pictures: 1 the same, 0 nothing to do with each other."""
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1]) if one.std() and one.shape == other.shape else 0.0


def with_a_header(sealed: bytes) -> bytes:
    """The sealed picture behind a header that says: a whole picture, 320 by 240 (RFC 6386 - 9.1)."""
    rest = sealed[10:]
    tag = 0 | 0 << 1 | 1 << 4 | min(len(rest) // 3, (1 << 19) - 1) << 5
    return struct.pack("<I", tag)[:3] + b"\x9d\x01\x2a" + struct.pack("<HH", 320, 240) + rest


@pytest.mark.slow  # make witness
async def test_libvpx_shows_nothing_of_what_the_gate_has_and_everything_to_who_was_admitted(tmp_path: Path) -> None:
    async with seen(tmp_path, remember=False) as now:
        maya, theo = now.call.maya, now.call.theo
        offer = next(one["sdp"] for one in maya.seen if one["t"] == "sdp.offer")
        vp8 = int(re.search(r"a=rtpmap:(\d+) VP8", offer).group(1))  # type: ignore[union-attr]
        at_the_gate = assembled(now.at_the_gate(maya), vp8)
        opened = {frame.sealed: frame.plain for frame in maya.noted if frame.kind == "video"}
        assert len(at_the_gate) > 40
        assert set(at_the_gate) <= opened.keys(), "what was put together is what was sealed, byte for byte"
        plain = [opened[one] for one in at_the_gate]

        for codec in ("libvpx", "vp8"):
            assert pictures(at_the_gate, codec) == []
            assert pictures([one[1:] for one in at_the_gate], codec) == [], "without the type byte"
            assert len(pictures([plain[0], *at_the_gate], codec)) == 1, "after a whole picture that it can show"
            assert len(pictures(plain, codec)) == len(plain)

        # Behind a header that was made up, libvpx takes a few for pictures. They are noise: none is like what was sent.
        sent = dict(pictures(plain))
        noise = pictures([with_a_header(one) for one in at_the_gate])
        assert all(abs(likeness(picture, sent[n])) < 0.3 for n, picture in noise)
        assert all(likeness(picture, sent[n]) > 0.99 for n, picture in pictures(plain, "vp8"))

        assert theo.keys is not None
        assert theo.keys.dropped == {}
        shown, opened_there = theo.frames["video"], theo.keys.opened["video"]
        assert 0 <= opened_there - shown <= 3, "all but those in the decoder's hands"
        assert shown > 40
