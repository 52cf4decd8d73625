"""The tap: every packet of media that the gate took out of its transport, and the keys that headless peers were given for it.

``all_sealed`` is the one question of the ``test_sealed_*`` tests: does every frame that this person's device sent, from the
first packet on, carry that person's key id and a counter of its own, and does it open, unchanged, with a key that an admitted
peer was wrapped? Frames of the keys from before anybody was there open for nobody, and copies for a page in a browser only
there; for them only place and counting are asked. A build that attaches its transforms too late must fail it, or it would be
worth nothing (``test_sealed_call.py``).

``Tap.change`` is the hostile gate: what it returns is forwarded in the place of what came.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from aiortc import rtp
from aiortc.codecs.vpx import VpxPayloadDescriptor
from playwright.async_api import Page

from server.api import keys
from signalling.gate import forward
from tests import seal_twin
from tests.house import Families, House, Two
from tests.peers import Browserless

LOST = 3
"""Frames of the key from before anybody was there that the tap may not have seen."""

Change = Callable[[str, str, bytes], bytes | None]
"""(peer, kind, payload) → another payload, or None to leave it."""


@dataclass(frozen=True)
class Who:
    """One person's place in a call, the caller's being 0 (key ids count from 1), and what the gate calls it."""

    call: str
    index: int
    peer: str


@dataclass
class Tap:
    packets: list[tuple[str, bytes]] = field(default_factory=list)
    types: dict[str, int] = field(default_factory=dict)
    given: dict[tuple[str, int], dict[tuple[int, int], tuple[bytes, bytes]]] = field(default_factory=dict)
    """By call and receiver's index, then by sender's index and epoch: what was unwrapped in this process, by headless peers alone.
    The base key of what goes to all, and that of the copies for this receiver."""
    change: Change | None = None

    def mark(self) -> int:
        """Now; for `since` and `until`."""
        return len(self.packets)

    def frames(self, peer: str, since: int = 0, until: int | None = None) -> list[tuple[str, bytes]]:
        """Kind and whole frame of one sender. A picture of which a packet was lost, or lies beyond the marks, is none."""
        frames: list[tuple[str, bytes]] = []
        pictures: dict[tuple[int, int], dict[int, rtp.RtpPacket]] = defaultdict(dict)
        for sender, raw in self.packets[since:until]:
            if sender != peer:
                continue
            packet = rtp.RtpPacket.parse(raw)
            if not packet.payload:  # padding, with which the way is measured
                continue
            if packet.payload_type == self.types["audio"]:
                frames.append(("audio", packet.payload))
                continue
            parts = pictures[packet.ssrc, packet.timestamp]
            parts[packet.sequence_number] = packet
            if (whole := _picture(parts)) is not None:
                frames.append(("video", whole))
        return frames

    def bases(self, who: Who, receiver: int | None = None) -> dict[int, list[bytes]]:
        """By key id: the base keys of this sender that a receiver holds; None: that anybody holds."""
        found: dict[int, list[bytes]] = defaultdict(list)
        for (call, viewer), given in self.given.items():
            if call != who.call or receiver not in (None, viewer - 1):
                continue
            for (index, epoch), (base, copy) in given.items():
                kids = [(seal_twin.kid_of(index, epoch, kind), base) for kind in seal_twin.KINDS]
                for kid, key in [*kids, (seal_twin.copy_kid_of(viewer, index, epoch), copy)]:
                    if index == who.index + 1 and key not in found[kid]:
                        found[kid].append(key)
        return found


def _picture(parts: dict[int, rtp.RtpPacket]) -> bytes | None:
    """The picture that these packets are, once they are all of it."""
    last = next((number for number, packet in parts.items() if packet.marker), None)
    if last is None:
        return None
    whole = b""
    for back in range(len(parts)):
        packet = parts.get((last - back) & 0xFFFF)
        if packet is None:
            return None
        descriptor, rest = VpxPayloadDescriptor.parse(packet.payload)
        whole = rest + whole
        if descriptor.partition_start and descriptor.partition_id == 0:
            return whole if back + 1 == len(parts) else None
    return None


@pytest.fixture(name="tap")
def tapped(monkeypatch: pytest.MonkeyPatch) -> Tap:
    made = Tap()
    now: list[Any] = [None, None]
    real_unprotect, real_media, real_unwrap = forward.unprotect, forward.Forwarder.media, seal_twin.Pair.unwrap

    def unprotect(session: Any, at: Any, length: Any) -> Any:
        error = real_unprotect(session, at, length)
        if not error:
            peer, packet = now[0], now[1]._in
            made.packets.append((peer.id, bytes(packet.view[: length[0]])))
            if made.change is not None:
                _change(made, peer.id, packet.view, length)
        return error

    def media(self: Any, peer: Any, size: int, when: float) -> None:
        now[:] = peer, self
        for stream in peer.streams.values():
            made.types[stream.kind] = stream.payload_type
        real_media(self, peer, size, when)

    def unwrap(self: Any, words: dict[str, Any], i: int, j: int) -> tuple[int, bytes, bytes]:
        epoch, base, copy = real_unwrap(self, words, i, j)
        made.given.setdefault((self._call, j), {})[i, epoch] = base, copy
        return epoch, base, copy

    monkeypatch.setattr(forward, "unprotect", unprotect)
    monkeypatch.setattr(forward.Forwarder, "media", media)
    monkeypatch.setattr(seal_twin.Pair, "unwrap", unwrap)
    return made


def _change(tap: Tap, peer: str, view: memoryview, length: Any) -> None:
    first, second = view[0], view[1]
    at = 12 + 4 * (first & 0x0F)
    if first & 0x10:
        at += 4 + 4 * (view[at + 2] << 8 | view[at + 3])
    if first & 0x20 or at >= length[0]:
        return  # padding
    kind = "audio" if second & 0x7F == tap.types["audio"] else "video"
    assert tap.change is not None
    other = tap.change(peer, kind, bytes(view[at : length[0]]))
    if other is not None:
        view[at : at + len(other)] = other
        length[0] = at + len(other)


def all_sealed(tap: Tap, who: Who, since: int = 0, until: int | None = None) -> dict[str, int]:
    """How many frames of each kind opened. Raises at the first that is not sealed, under another's key id, or out of its place."""
    bases = tap.bases(who)
    elsewhere = set(range(1, seal_twin.SENDERS)) - {who.index + 1, *(j for call, j in tap.given if call == who.call)}
    openers: dict[tuple[int, bytes], seal_twin.Opener] = {}
    counters: dict[tuple[int, bytes], list[int]] = defaultdict(list)
    opened = {"audio": 0, "video": 0}
    for n, (kind, frame) in enumerate(tap.frames(who.peer, since, until)):
        kid, metadata, sealed = seal_twin.look_at(kind, frame)
        assert seal_twin.sender_of(kid) == who.index + 1, (n, kind, kid)
        assert kid & 1 == (kind == "video"), (n, kind, kid)
        _, counter, _ = seal_twin.decode_header(sealed)
        base = b""
        for each in bases.get(kid, ()):
            opener = openers.setdefault((kid, each), seal_twin.Opener(each, kid))
            try:
                opener.open(sealed, metadata)
            except seal_twin.Dropped:
                continue
            base = each
        if not base:
            assert kid >> 1 & 7 == 0 or seal_twin.viewer_of(kid) in elsewhere, (n, kind, kid, "opens for nobody")
        else:
            opened[kind] += 1
        counters[kid, base].append(counter)
    for (kid, base), found in counters.items():
        assert len(set(found)) == len(found), (kid, "a counter twice")
        # what opens for nobody must at least count on; a frame that was sealed may have been lost, or never sent
        assert base or since or max(found) < len(found) + LOST, (kid, found, "not counted on")
    return opened


async def until_sealed(
    tap: Tap, who: Who, *, audio: int = 0, video: int = 0, since: int = 0, seconds: float = 60
) -> None:
    """`all_sealed`, until so many frames of each kind have come and opened."""
    opened: dict[str, int] = {}
    try:
        async with asyncio.timeout(seconds):
            while True:
                opened = all_sealed(tap, who, since)
                if opened["audio"] >= audio and opened["video"] >= video:
                    return
                await asyncio.sleep(0.3)
    except TimeoutError:
        raise AssertionError((who, opened)) from None


def fails_in_clear(tap: Tap, who: Who, since: int = 0) -> None:
    """The same check on the same packets, but for one of each kind that is as its encoder left it: it must not pass."""
    for kind, clear in (("audio", b"\x78" + bytes(60)), ("video", b"\x10\x50\x01\x00\x9d\x01\x2a" + bytes(200))):
        mine = [
            n
            for n, (peer, raw) in enumerate(tap.packets)
            if n >= since and peer == who.peer and raw[1] & 0x7F == tap.types[kind]
        ]
        for n in (mine[0], mine[-1]):
            packet = rtp.RtpPacket.parse(tap.packets[n][1])
            packet.payload, packet.marker, packet.padding_size = clear, 1, 0
            packet.timestamp ^= 1  # a picture of its own, whatever packet this was
            turned = replace(tap, packets=[*tap.packets])
            turned.packets[n] = who.peer, packet.serialize()
            with pytest.raises((AssertionError, seal_twin.Dropped)):
                all_sealed(turned, who, since)


def opened_by(tap: Tap, who: Who, receiver: int, since: int = 0, until: int | None = None) -> tuple[int, int]:
    """How many of a sender's frames the keys that one receiver was ever given open, and how many there were."""
    bases = tap.bases(who, receiver)
    frames = tap.frames(who.peer, since, until)
    return sum(_opens(kind, frame, bases) for kind, frame in frames), len(frames)


def _opens(kind: str, frame: bytes, bases: dict[int, list[bytes]]) -> bool:
    kid, metadata, sealed = seal_twin.look_at(kind, frame)
    for base in bases.get(kid, ()):
        try:
            seal_twin.Opener(base, kid).open(sealed, metadata)
        except seal_twin.Dropped:
            continue
        return True
    return False


def place(house: House, index: int) -> Who:
    """Who has this place in the only call."""
    (live,) = house.app[keys.HUB]._calls.values()
    return Who(live.call.id, index, live.peers[live.call.legs[index].person])


# -- people ----------------------------------------------------------------------------------------------------------------


@dataclass
class Three:
    """Maya, Theo and Lea, who are all friends; each knows the others by these refs."""

    two: Two
    lea: Browserless
    lea_id: str
    rosa: Browserless
    maya_sees_lea: str
    lea_sees_maya: str
    theo_sees_lea: str
    lea_sees_theo: str

    @property
    def maya(self) -> Browserless:
        return self.two.maya

    @property
    def theo(self) -> Browserless:
        return self.two.theo


async def three_friends(house: House) -> Three:
    families = Families(house)
    two = await families.two()
    rosa = await families.grown_up("Rosa")
    lea, lea_id = await families.child(rosa, "Lea")
    maya_lea, lea_maya = await families.befriend(two.maya, two.sam, lea, rosa)
    theo_lea, lea_theo = await families.befriend(two.theo, two.femi, lea, rosa)
    return Three(two, lea, lea_id, rosa, maya_lea, lea_maya, theo_lea, lea_theo)


async def rings(caller: Browserless, *refs: str) -> str:
    placed = await caller.ask(t="call.invite", to=list(refs), media="video")
    assert placed["t"] == "ok", placed
    return str(placed["call"])


async def answers(device: Browserless, since: int = 0) -> str:
    incoming = await device.expect("call.incoming", since=since)
    accepted = await device.ask(t="call.accept", call=incoming["call"], nonce=incoming["nonce"])
    assert accepted["t"] == "ok", accepted
    return str(incoming["call"])


async def shows(device: Browserless, call: str) -> None:
    """Open a headless device's camera and microphone."""
    said = await device.ask(t="call.media", call=call, audio=True, video=True)
    assert said["t"] == "ok", said


# -- what a page shows -----------------------------------------------------------------------------------------------------

#: Keeps the worker's own counts where a test can read them. Changes nothing in what the page does.
COUNTS = """
window.sealing = {};
const RealWorker = window.Worker;
window.Worker = class extends RealWorker {
  constructor(...a) {
    super(...a);
    this.addEventListener('message', ({data}) => { if (data.k === 'stats') window.sealing = data; });
  }
};
"""

#: Of everybody else's tile, by the name on it: is there a picture, a sound, and what is written on it.
TILES = """() => Object.fromEntries([...document.querySelectorAll('section.tile')].map(tile => [tile.getAttribute('aria-label'), {
  picture: !!tile.querySelector('video')?.srcObject && !tile.querySelector('rf-picture').hidden,
  sound: !!tile.querySelector('audio')?.srcObject,
  sign: tile.querySelector('.sign')?.textContent.trim() ?? '',
}]))"""


async def tile(page: Page, name: str) -> dict[str, Any]:
    found: dict[str, Any] = (await page.evaluate(TILES)).get(
        name, {"picture": False, "sound": False, "sign": "", "gone": True}
    )
    return found


async def tile_is(page: Page, name: str, seconds: float = 30, **wanted: Any) -> dict[str, Any]:
    """Until somebody's tile is like this."""
    seen: dict[str, Any] = {}
    try:
        async with asyncio.timeout(seconds):
            while True:
                seen = await tile(page, name)
                if all(seen.get(key) == value for key, value in wanted.items()):
                    return seen
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise AssertionError((name, wanted, seen)) from None


async def dropped(page: Page, reason: str, more: int = 1, seconds: float = 30) -> int:
    """Until the page's worker has dropped so many more frames for this reason."""

    async def count() -> int:
        return int(await page.evaluate(f"window.sealing.dropped?.{reason} ?? 0"))

    first = now = await count()
    async with asyncio.timeout(seconds):
        while now < first + more:
            await asyncio.sleep(0.1)
            now = await count()
    return now - first
