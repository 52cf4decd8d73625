"""Sealing once more, in Python: what client_web/shared/seal/ does in a browser, written apart from it with pyca/cryptography.

Two implementations that agree byte for byte are the proof that the format is what docs/reference/sealing.md says. It is also what lets
a headless peer take part in a sealed call: a ``Device`` agrees on keys with anybody, JavaScript or Python, and ``wear`` makes
aiortc's encoders and decoders of one connection seal and open with it. A connection that wears nothing is left as it is. The frames
are in ``sframe.py``, the words between devices in ``agreement.py``.

``Device`` needs no timers: what is due is done when it is next asked anything. With ``device.py``: make a ``Device`` when the call's
state tells this person's index, ``peer`` each other leg, carry ``seal.to`` and ``seal.from`` through ``post`` and ``body``, and
``wear`` it on the connection right after ``setRemoteDescription(offer)``.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import aiortc.rtcrtpreceiver
import aiortc.rtcrtpsender
import av.error
from aiortc import MediaStreamTrack, RTCPeerConnection
from aiortc.codecs import get_decoder, get_encoder
from aiortc.codecs.base import Decoder, Encoder
from aiortc.codecs.opus import OpusEncoder
from aiortc.codecs.vpx import Vp8Encoder
from aiortc.jitterbuffer import JitterFrame
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from av.frame import Frame
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from server.inspection.agreement import (
    Hello,
    Met,
    NotHeld,
    Pair,
    entry,
    judge,
    key_of,
    make_hello,
    read_hello,
    record_of,
    roster,
)
from server.inspection.sframe import (
    BASE,
    KINDS,
    Dropped,
    Opener,
    Sealer,
    copy_kid_of,
    kid_of,
    look_at,
    seal_frame,
    sender_of,
    viewer_of,
)

EVERYBODY: Final = -1
"""To whom sound goes, and a picture that is sent once."""


# -- one device in one call --------------------------------------------------------------------------------------------------------


@dataclass
class Other:
    index: int
    hello: Hello | None = None
    pair: Pair | None = None
    epoch: int = -1
    acked: int = -1
    waiting: str | None = None
    early: list[str] = field(default_factory=list)


class Device:
    """A person's device in one call. ``post(ref, body)`` carries a body to somebody; ``kids`` are those of the frames it sends, and
    ``on_kids`` is told before they change. Unlike the browser's it lets no KID rest for a minute: no test's call is that long."""

    def __init__(
        self,
        call: str,
        index: int,
        post: Callable[[str, str], None],
        *,
        identity: Ed25519PrivateKey | None = None,
        met: dict[str, Met] | None = None,
        own: str = "",
        now: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        on_kids: Callable[[list[int]], None] = lambda kids: None,
    ) -> None:
        self.call, self.index, self.post, self.now, self.on_kids = call, index, post, now, on_kids
        self.identity = identity or Ed25519PrivateKey.generate()
        self.met = {} if met is None else met  # by ref: kept from call to call
        self.own = own or key_of(self.identity)  # whose yes to another signer counts here
        self.rosters: dict[str, dict[str, Any]] = {}
        self.unsigned: dict[str, str] = {}  # by ref: why their device gets no keys
        self.dropped: Counter[str] = Counter()
        self.sealed: Counter[str] = Counter()
        self.opened: Counter[str] = Counter()
        self.dark: set[str] = set()
        self.made: list[tuple[int, bytes]] = []  # every key id of its own, with its base key
        self._half = X25519PrivateKey.generate()
        self.hello, self._mine = make_hello(self.identity, self._half, call, index, now())
        self._others: dict[str, Other] = {}
        self._openers: dict[int, tuple[str, int, Opener, float]] = {}
        self._current = self._keys(0)
        self._lone = self._copy(index, 0)[1]  # for a viewer who has no key yet: opens for nobody
        self._next: tuple[int, dict[str | int, Sealer], set[str], int] | None = None
        self._lock = threading.RLock()  # aiortc decodes and encodes in threads

    def _keys(self, epoch: int) -> tuple[int, dict[str | int, Sealer]]:
        """By kind, for everybody; ``_rotate`` adds those by viewer."""
        base, kids = secrets.token_bytes(BASE), {kind: kid_of(self.index, epoch, kind) for kind in KINDS}
        self.made += [(kid, base) for kid in kids.values()]
        return epoch, {kind: Sealer(base, kid) for kind, kid in kids.items()}

    def _copy(self, viewer: int, epoch: int) -> tuple[bytes, Sealer]:
        base, kid = secrets.token_bytes(BASE), copy_kid_of(viewer, self.index, epoch)
        self.made.append((kid, base))
        return base, Sealer(base, kid)

    @property
    def bases(self) -> list[bytes]:
        """What no server may ever have seen."""
        return [base for _, base in self.made]

    @property
    def kids(self) -> list[int]:
        epochs = [self._current[0], *([self._next[0]] if self._next else [])]
        return [kid_of(self.index, epoch, kind) for epoch in epochs for kind in KINDS]

    def confirmed(self, ref: str) -> bool:
        """Their key is here and mine is there."""
        other = self._others.get(ref)
        newest = (self._next or self._current)[0]
        return other is not None and other.epoch >= 0 and other.acked == newest

    # people

    def peer(self, ref: str, index: int) -> None:
        with self._lock:
            if ref not in self._others:
                self._others[ref] = Other(index)
                self.post(ref, self.hello)

    def body(self, ref: str, body: str) -> None:
        """Raises ``NotHeld`` when it does not hold; then nothing has changed."""
        with self._lock:
            self._due()
            other = self._others[ref]
            words = record_of(body)
            if "m" in words:
                self._hello(ref, other, body)
            elif other.pair is None:
                other.early.append(body)
            elif words.get("t") == "wrap":
                self._wrap(ref, other, other.pair, words)
            else:
                self._ack(ref, other, other.pair, words)

    def gone(self, ref: str) -> None:
        with self._lock:
            other = self._others.pop(ref, None)
            self._openers = {kid: one for kid, one in self._openers.items() if one[0] != ref}
            if other is not None and other.pair is not None:
                self._rotate()

    def _hello(self, ref: str, other: Other, body: str) -> None:
        hello = read_hello(body, call=self.call, index=other.index, now=self.now())
        if other.hello == hello:
            return
        if why := self._judge(ref, hello.id):
            other.waiting = body
            if why != "waits":
                self.unsigned[ref] = why
            return
        other.waiting = None
        self.unsigned.pop(ref, None)
        again = other.hello is not None
        self._openers = {kid: one for kid, one in self._openers.items() if one[0] != ref}
        early, other.early = other.early, []
        other.hello, other.pair = hello, Pair(self._half, self._mine, hello, self.call)
        other.epoch = other.acked = -1
        if again:
            self.post(ref, self.hello)
        self._rotate()
        for one in early:
            self.body(ref, one)

    def told(self, told: dict[str, Any]) -> None:
        """The server handed out whose devices may talk."""
        with self._lock:
            ref = told["ref"]
            self.rosters[ref] = told
            other = self._others.get(ref)
            if other is None:
                return
            if other.waiting is not None:
                self._hello(ref, other, other.waiting)
            elif other.hello is not None and self._judge(ref, other.hello.id) == "device":
                self.unsigned[ref] = "device"
                self._openers = {kid: one for kid, one in self._openers.items() if one[0] != ref}
                other.hello = other.pair = None
                other.epoch = other.acked = -1
                self._rotate()

    def _judge(self, ref: str, id_: str) -> str:
        if ref not in self.rosters:
            return "waits"
        why, met = judge(self.rosters[ref], self.met.get(ref), self.own, key_of(self.identity), id_)
        if met:
            self.met[ref] = met
        return why

    def _wrap(self, ref: str, other: Other, pair: Pair, words: dict[str, Any]) -> None:
        epoch, base, copy = pair.unwrap(words, other.index, self.index)
        if epoch < other.epoch:
            raise NotHeld("wrap")
        if epoch > other.epoch:
            other.epoch = epoch
            now = self.now()
            for kid, (whose, old, opener, until) in list(self._openers.items()):
                if whose == ref:
                    self._openers[kid] = (whose, old, opener, min(until, now + 7000))  # 2 s to switch, 5 s after
            kids = [(kid_of(other.index, epoch, kind), base) for kind in KINDS]
            for kid, key in [*kids, (copy_kid_of(self.index, other.index, epoch), copy)]:
                self._openers[kid] = (ref, epoch, Opener(key, kid), float("inf"))
        self.post(ref, pair.ack(other.index, self.index, epoch))

    # our key

    def _rotate(self) -> None:
        epoch, keys = self._keys((self._next or self._current)[0] + 1)
        base = self.bases[-1]
        present = {ref: (one.index, one.pair) for ref, one in self._others.items() if one.pair is not None}
        self._next = (epoch, keys, set(present), self.now() + 2000)
        self.on_kids(self.kids)  # before the wraps, so that the gate knows them before anybody can acknowledge
        for ref, (index, pair) in present.items():
            copy, keys[index] = self._copy(index, epoch)
            self.post(ref, pair.wrap(self.index, index, epoch, base, copy))
        self._due()

    def _ack(self, ref: str, other: Other, pair: Pair, words: dict[str, Any]) -> None:
        other.acked = max(other.acked, pair.acked(words, self.index, other.index))
        if self._next and other.acked == self._next[0]:
            self._next[2].discard(ref)
        self.dark.discard(ref)
        self._due()

    def _due(self) -> None:
        """Switch to the next key when all have it, or after two seconds."""
        if self._next is None:
            return
        epoch, keys, waiting, until = self._next
        if not waiting or self.now() >= until:
            self.dark |= waiting
            self._current, self._next = (epoch, keys), None

    # frames

    def seal(self, kind: str, whole: bool, plain: bytes, to: int | None = EVERYBODY) -> bytes:
        """``to``: the index of the one viewer for whom a picture is; None: whoever that may be has no place yet."""
        with self._lock:
            self._due()
            self.sealed[kind] += 1
            keys = self._current[1]
            one = keys[kind] if to == EVERYBODY or kind == "audio" else keys.get(self.index if to is None else to)
            return seal_frame(one or self._lone, kind, whole, plain)

    def open(self, kind: str, index: int | None, frame: bytes) -> bytes:
        """``index``: whose frames this stream carries, by the call's state."""
        with self._lock:
            try:
                kid, metadata, sealed = look_at(kind, frame)
                if index is None or sender_of(kid) != index:
                    raise Dropped("wrong_sender")
                if viewer_of(kid) not in (None, self.index):
                    raise Dropped("wrong_viewer")
                if kid & 1 != (kind == "video"):
                    raise Dropped("wrong_kind")
                found = self._openers.get(kid)
                if found is None or found[3] <= self.now():
                    raise Dropped("no_key")
                plain = found[2].open(sealed, metadata)
            except Dropped as why:
                self.dropped[str(why)] += 1
                raise
            self.opened[kind] += 1
            return plain


# -- for tests of what comes after ------------------------------------------------------------------------------------------

#: For tests of what comes after: one grown-up whom every device believes.
EVERYBODYS = Ed25519PrivateKey.generate()


def friends(*devices: tuple[str, Device]) -> None:
    """Each of these devices, by the ref under which the others know it, stands in a roster that the others believe."""
    for ref, theirs in devices:
        body = roster(EVERYBODYS, f"x_{ref}", "a", [key_of(theirs.identity)], 1)
        for _, mine in devices:
            if mine is not theirs:
                mine.told(entry(ref, f"x_{ref}", "a", body))


#: The same for a page without a house: what the server would hand out of this page's device, which signs for itself.
SELF_SIGNED = """async name => {
  const {Ring} = await import('/shared/seal/ring.js');
  const [ring, contact] = [new Ring(name), 'x_' + name];
  const key = await ring.id();
  const said = {v: 1, t: 'roster', contact, side: 'a', devices: [key], guardian: key, serial: 1, at: 0};
  const roster = await ring.statement(said);
  ring.close();
  return {ref: name, contact, side: 'a', roster, knows: null};
}"""


# -- aiortc ----------------------------------------------------------------------------------------------------------------------------

#: By the identity of a negotiated codec, which aiortc copies for every transceiver: what its connection wears. The codec is kept
#: in the value, so that no other can come to have its identity. At last: whether what goes out there is for everybody.
_WORN: dict[int, tuple[RTCRtpCodecParameters, Device, Callable[[], int | None], bool]] = {}


class _SealedVp8(Vp8Encoder):
    device: Device
    to: Callable[[], int | None]

    def _packetize(self, buffer: bytes, picture_id: int) -> list[bytes]:  # type: ignore[override]
        if not buffer:
            return []
        whole = not buffer[0] & 1  # RFC 6386 - 9.1
        return super()._packetize(self.device.seal("video", whole, buffer, self.to()), picture_id)


class _SealedOpus(OpusEncoder):
    device: Device

    def encode(self, frame: Frame, force_keyframe: bool = False) -> tuple[list[bytes], int]:
        payloads, timestamp = super().encode(frame, force_keyframe)
        return [self.device.seal("audio", False, one) for one in payloads], timestamp


class _Opening(Decoder):
    def __init__(self, real: Decoder, kind: str, device: Device, claimed: Callable[[], int | None]) -> None:
        self._real, self._kind, self._device, self._claimed = real, kind, device, claimed

    def decode(self, encoded_frame: JitterFrame) -> list[Frame]:
        try:
            plain = self._device.open(self._kind, self._claimed(), encoded_frame.data)
        except (
            Dropped
        ) as why:  # any error that is not FFmpeg's would end aiortc's thread; this one makes it ask for a key picture
            raise av.error.InvalidDataError(1, str(why)) from None
        return self._real.decode(JitterFrame(plain, encoded_frame.timestamp))


def _decoder(codec: RTCRtpCodecParameters) -> Decoder:
    worn = _WORN.get(id(codec))
    return _Opening(get_decoder(codec), codec.mimeType.split("/")[0], *worn[1:3]) if worn else get_decoder(codec)


def _encoder(codec: RTCRtpCodecParameters) -> Encoder:
    worn = _WORN.get(id(codec))
    if not worn:
        return get_encoder(codec)
    _, device, claimed, for_all = worn
    if codec.mimeType.startswith("audio/"):
        voice = _SealedOpus()
        voice.device = device
        return voice
    picture = _SealedVp8()
    picture.device, picture.to = device, (lambda: EVERYBODY) if for_all else claimed
    return picture


def send(
    pc: RTCPeerConnection,
    voice_mid: str,
    voice: MediaStreamTrack,
    pictures: Sequence[str],
    camera: Callable[[str], MediaStreamTrack],
) -> None:
    """Put a voice on its section and a picture on each of these, and on no other. ``camera``: of a mid, what goes out there."""
    for transceiver in pc.getTransceivers():
        mid = str(transceiver.mid)
        if transceiver.kind == "audio":
            if mid == voice_mid:
                transceiver.sender.replaceTrack(voice)
                transceiver.direction = "sendrecv"
            continue
        transceiver.sender.replaceTrack(camera(mid) if mid in pictures else None)
        transceiver.direction = "sendrecv"


def wear(
    pc: RTCPeerConnection, device: Device, claimed: Callable[[str], int | None], for_all: Collection[str] = ()
) -> None:
    """Seal and open on this connection. Call it when codecs are agreed: after the offerer has the answer, or the answerer the
    offer. ``claimed(mid)``: whose frames that mid carries, and for whom alone our pictures on it are, asked for each frame;
    ``for_all``: the mids on which our picture goes to everybody."""
    aiortc.rtcrtpreceiver.get_decoder, aiortc.rtcrtpsender.get_encoder = _decoder, _encoder  # type: ignore[attr-defined]
    for transceiver in pc.getTransceivers():
        mid = str(transceiver.mid)
        for codec in transceiver._codecs:
            _WORN[id(codec)] = (codec, device, lambda mid=mid: claimed(mid), mid in for_all)  # type: ignore[misc]


def undress(device: Device) -> None:
    """Forget what the connections of this device wear."""
    for key in [key for key, worn in _WORN.items() if worn[1] is device]:
        del _WORN[key]
