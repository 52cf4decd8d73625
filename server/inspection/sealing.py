"""Sealing once more, in Python: what client_web/shared/seal/ does in a browser, written apart from it with pyca/cryptography.

Two implementations that agree byte for byte are the proof that the format is what docs/reference/sealing.md says. It is also what lets
a headless peer take part in a sealed call: a ``Device`` agrees on keys with anybody, JavaScript or Python, and ``wear`` makes
aiortc's encoders and decoders of one connection seal and open with it. A connection that wears nothing is left as it is.

``Device`` needs no timers: what is due is done when it is next asked anything. With ``device.py``: make a ``Device`` when the call's
state tells this person's index, ``peer`` each other leg, carry ``seal.to`` and ``seal.from`` through ``post`` and ``body``, and
``wear`` it on the connection right after ``setRemoteDescription(offer)``.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

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
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand

TAG = 16
WINDOW = 1024
LAST_COUNTER = 2**31
KINDS = ("audio", "video")


class Dropped(Exception):
    """A frame is not let through. The reason is counted."""


class NotHeld(Exception):
    """A hello, wrap, ack or commitment does not hold."""


# -- SFrame (RFC 9605) ---------------------------------------------------------------------------------------------------------


def _shortest(value: int) -> bytes:
    return value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big")


def encode_header(kid: int, ctr: int) -> bytes:
    """4.3."""
    k, c = (b"" if value < 8 else _shortest(value) for value in (kid, ctr))
    high = 0x80 | (len(k) - 1) << 4 if k else kid << 4
    low = 0x08 | (len(c) - 1) if c else ctr
    return bytes([high | low]) + k + c


def decode_header(data: bytes) -> tuple[int, int, int]:
    """KID, counter, length. Only the shortest form."""
    if not data:
        raise Dropped("short")
    values, at = [], 1
    for bits, more in (((data[0] >> 4) & 7, data[0] & 0x80), (data[0] & 7, data[0] & 0x08)):
        if not more:
            values.append(bits)
            continue
        part = data[at : at + bits + 1]
        at += bits + 1
        if len(part) <= bits:
            raise Dropped("short")
        value = int.from_bytes(part, "big")
        if value < 8 or part[0] == 0:
            raise Dropped("header")
        values.append(value)
    return values[0], values[1], at


def labels(kid: int) -> tuple[bytes, bytes]:
    end = kid.to_bytes(8, "big") + (4).to_bytes(2, "big")
    return b"SFrame 1.0 Secret key " + end, b"SFrame 1.0 Secret salt " + end


def extract(base: bytes) -> bytes:
    return hmac.digest(b"", base, "sha256")


def derive(base: bytes, kid: int) -> tuple[bytes, bytes]:
    """4.4.2: key and salt."""
    key, salt = labels(kid)
    return HKDFExpand(SHA256(), 16, key).derive(extract(base)), HKDFExpand(SHA256(), 12, salt).derive(extract(base))


def nonce_of(salt: bytes, ctr: int) -> bytes:
    return bytes(a ^ b for a, b in zip(salt, ctr.to_bytes(12, "big"), strict=True))


class Sealer:
    """A key that seals, with its counter."""

    def __init__(self, base: bytes, kid: int, first: int = 0) -> None:
        self.kid, self._next, self._lock = kid, first, threading.Lock()
        key, self._salt = derive(base, kid)
        self._aead = AESGCM(key)

    def seal(self, plain: bytes, metadata: bytes = b"") -> bytes:
        with self._lock:
            if self._next >= LAST_COUNTER:
                raise Dropped("counter")
            ctr, self._next = self._next, self._next + 1
        header = encode_header(self.kid, ctr)
        return header + self._aead.encrypt(nonce_of(self._salt, ctr), plain, header + metadata)


class Opener:
    """A key that opens, and what it has opened."""

    def __init__(self, base: bytes, kid: int) -> None:
        self.kid, self._newest, self._seen = kid, -1, set[int]()
        key, self._salt = derive(base, kid)
        self._aead = AESGCM(key)

    def open(self, sealed: bytes, metadata: bytes = b"") -> bytes:
        _, ctr, length = decode_header(sealed)
        if len(sealed) < length + TAG:
            raise Dropped("short")
        if ctr <= self._newest - WINDOW or ctr in self._seen:
            raise Dropped("replay")
        try:
            plain = self._aead.decrypt(nonce_of(self._salt, ctr), sealed[length:], sealed[:length] + metadata)
        except InvalidTag:
            raise Dropped("tag") from None
        self._newest = max(self._newest, ctr)
        self._seen = {one for one in self._seen if one > self._newest - WINDOW} | {ctr}
        return plain


def kid_of(index: int, epoch: int, kind: str) -> int:
    return index << 4 | (epoch % 8) << 1 | (kind == "video")


def seal_frame(key: Sealer, kind: str, whole: bool, plain: bytes) -> bytes:
    if kind == "audio":
        return key.seal(plain)
    clear = bytes([0 if whole else 1])
    return clear + key.seal(plain, clear)


def look_at(kind: str, frame: bytes) -> tuple[int, bytes, bytes]:
    """KID, metadata and the sealed rest, without any key."""
    clear = 1 if kind == "video" else 0
    if len(frame) < clear + 1 + TAG:
        raise Dropped("short")
    if clear and frame[0] > 1:
        raise Dropped("type")
    kid, _, _ = decode_header(frame[clear:])
    if kid > 255:
        raise Dropped("header")
    return kid, frame[:clear], frame[clear:]


# -- the agreement --------------------------------------------------------------------------------------------------------------


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def unb64(text: Any, length: int) -> bytes:
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (ValueError, TypeError):
        raise NotHeld("shape") from None
    if len(data) != length or b64(data) != text:
        raise NotHeld("shape")
    return data


def _record(text: Any) -> dict[str, Any]:
    try:
        read = json.loads(text) if isinstance(text, str) and len(text) <= 4096 else None
    except ValueError:
        read = None
    if not isinstance(read, dict):
        raise NotHeld("shape")
    return read


@dataclass(frozen=True)
class Hello:
    text: str
    index: int
    eph: str
    id: str


def make_hello(
    identity: Ed25519PrivateKey,
    half: X25519PrivateKey,
    call: str,
    index: int,
    now: int,
    other: dict[str, Any] | None = None,
) -> tuple[str, Hello]:
    """The body and what it says. ``other``: what an attack would say instead."""
    eph = b64(half.public_key().public_bytes_raw())
    id_ = b64(identity.public_key().public_bytes_raw())
    words = {"v": 1, "t": "hello", "call": call, "index": index, "eph": eph, "id": id_}
    words |= {"nonce": b64(secrets.token_bytes(16)), "exp": now + 86_400_000, **(other or {})}
    text = json.dumps(words, separators=(",", ":"))
    return json.dumps({"m": text, "s": b64(identity.sign(text.encode()))}), Hello(text, index, eph, id_)


def read_hello(body: str, *, call: str, index: int, now: int) -> Hello:
    outer = _record(body)
    words = _record(outer.get("m"))
    if words.get("v") != 1 or words.get("t") != "hello":
        raise NotHeld("shape")
    try:
        Ed25519PublicKey.from_public_bytes(unb64(words["id"], 32)).verify(unb64(outer["s"], 64), outer["m"].encode())
    except InvalidSignature:
        raise NotHeld("signature") from None
    if words["call"] != call:
        raise NotHeld("call")
    if words["index"] != index:
        raise NotHeld("index")
    if not now - 86_400_000 <= words["exp"] <= now + 2 * 86_400_000:
        raise NotHeld("expired")
    return Hello(outer["m"], index, words["eph"], words["id"])


# -- statements: who may talk ------------------------------------------------------------------------------------------------------


def key_of(identity: Ed25519PrivateKey) -> str:
    """The public half, as it is written."""
    return b64(identity.public_key().public_bytes_raw())


def statement(identity: Ed25519PrivateKey, words: dict[str, Any]) -> str:
    """Something said and signed, as it travels."""
    text = json.dumps(words, separators=(",", ":"))
    return json.dumps({"m": text, "s": b64(identity.sign(f"ringfence statement\n{text}".encode()))})


def roster(
    guardian: Ed25519PrivateKey, contact: str, side: str, devices: list[str], serial: int, /, **other: Any
) -> str:
    """A guardian's list of the devices that may talk. ``other``: what an attack would say instead."""
    words = {"v": 1, "t": "roster", "contact": contact, "side": side, "devices": devices, "guardian": key_of(guardian)}
    return statement(guardian, words | {"serial": serial, "at": 0} | other)


def knows(
    guardian: Ed25519PrivateKey, contact: str, side: str, key: str, /, *, checked: bool = False, **other: Any
) -> str:
    """A guardian's yes to whoever signs for the other side."""
    words = {"v": 1, "t": "knows", "contact": contact, "side": side, "key": key, "checked": checked}
    return statement(guardian, words | {"guardian": key_of(guardian), "at": 0} | other)


def entry(ref: str, contact: str, side: str, body: str | None, yes: str | None = None) -> dict[str, Any]:
    """What the server hands out of somebody in a call."""
    return {"ref": ref, "contact": contact, "side": side, "roster": body, "knows": yes}


def _heard(body: Any, kind: str, told: dict[str, Any]) -> dict[str, Any]:
    """A statement of this kind about this side of this contact, that its guardian has signed."""
    outer = _record(body)
    words = _record(outer.get("m"))
    try:
        signer = Ed25519PublicKey.from_public_bytes(unb64(words.get("guardian"), 32))
        signer.verify(unb64(outer.get("s"), 64), f"ringfence statement\n{outer['m']}".encode())
    except InvalidSignature:
        raise NotHeld("signature") from None
    if (words.get("v"), words.get("t")) != (1, kind):
        raise NotHeld("shape")
    if (words.get("contact"), words.get("side")) != (told["contact"], told["side"]):
        raise NotHeld("contact")
    return words


@dataclass(frozen=True)
class Met:
    """What a device remembers of somebody."""

    contact: str
    side: str
    guardian: str
    serial: int
    at: int


def judge(told: dict[str, Any], met: Met | None, own: str, mine: str, id_: str) -> tuple[str, Met | None]:
    """Why a device may not talk ("" when it may), and what is to be remembered."""
    contact, side = told["contact"], told["side"]
    same = met is None or (met.contact, met.side) == (contact, side)
    try:
        yes = _heard(told["knows"], "knows", told) if told["knows"] and same else None
    except NotHeld:
        yes = None
    if yes and yes["guardian"] == own and (met is None or yes["at"] > met.at):
        met = Met(contact, side, yes["key"], met.serial if met else 0, yes["at"])
    if told["roster"] is None:
        return "none", met
    if not same:
        return "contact", met
    try:
        words = _heard(told["roster"], "roster", told)
    except NotHeld as why:
        return str(why), met
    if met and words["guardian"] != met.guardian:
        return "guardian", met
    if met and words["serial"] < met.serial:
        return "serial", met
    if mine in words["devices"]:
        return "mine", met
    fine = id_ in words["devices"]
    now = Met(contact, side, words["guardian"], words["serial"], met.at if met else -1)
    return ("" if fine else "device"), (now if fine or met else None)


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


class Pair:
    """What two devices share."""

    def __init__(self, half: X25519PrivateKey, mine: Hello, theirs: Hello, call: str) -> None:
        self._shared = half.exchange(X25519PublicKey.from_public_bytes(unb64(theirs.eph, 32)))
        self._salt = hashlib.sha256("\n".join(sorted((mine.text, theirs.text))).encode()).digest()
        self._call = call

    def _key(self, what: str, i: int, j: int) -> bytes:
        return HKDF(SHA256(), 32, self._salt, f"ringfence {what}|{self._call}|{i}|{j}".encode()).derive(self._shared)

    def wrap(self, i: int, j: int, epoch: int, base: bytes) -> str:
        iv = secrets.token_bytes(12)
        key = AESGCM(self._key("wrap", i, j)).encrypt(iv, base, f"{self._call}|{i}|{j}|{epoch}".encode())
        words = {"t": "wrap", "call": self._call, "from": i, "to": j, "epoch": epoch, "iv": b64(iv), "key": b64(key)}
        return json.dumps(words)

    def unwrap(self, words: dict[str, Any], i: int, j: int) -> tuple[int, bytes]:
        epoch = self._fits(words, i, j)
        aad = f"{self._call}|{i}|{j}|{epoch}".encode()
        try:
            opened = AESGCM(self._key("wrap", i, j)).decrypt(unb64(words["iv"], 12), unb64(words["key"], 32), aad)
        except InvalidTag:
            raise NotHeld("wrap") from None
        return epoch, opened

    def ack(self, i: int, j: int, epoch: int) -> str:
        mac = hmac.digest(self._key("ack", i, j), f"ack|{self._call}|{i}|{j}|{epoch}".encode(), "sha256")
        return json.dumps({"t": "ack", "call": self._call, "from": j, "to": i, "epoch": epoch, "mac": b64(mac)})

    def acked(self, words: dict[str, Any], i: int, j: int) -> int:
        epoch = self._fits(words, j, i)
        if not hmac.compare_digest(_record(self.ack(i, j, epoch))["mac"], str(words.get("mac"))):
            raise NotHeld("mac")
        return epoch

    def _fits(self, words: dict[str, Any], i: int, j: int) -> int:
        for name, value in (("call", self._call), ("from", i), ("to", j)):
            if words.get(name) != value:
                raise NotHeld(name)
        epoch = words.get("epoch")
        if not isinstance(epoch, int) or epoch < 0:
            raise NotHeld("shape")
        return epoch


def commit(id_: str, random: str) -> str:
    return b64(hashlib.sha256(b"ringfence commit\n" + unb64(id_, 32) + unb64(random, 32)).digest())


def pictures(*four: str) -> list[int]:
    """The one that committed, its random, the other, its random: five numbers below 64."""
    bits = int.from_bytes(
        hashlib.sha256(b"ringfence pictures\n" + b"".join(unb64(one, 32) for one in four)).digest(), "big"
    )
    return [bits >> (256 - 6 * n) & 63 for n in range(1, 6)]


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
        self.bases: list[bytes] = []  # every base key of its own: what no server may ever have seen
        self._half = X25519PrivateKey.generate()
        self.hello, self._mine = make_hello(self.identity, self._half, call, index, now())
        self._others: dict[str, Other] = {}
        self._openers: dict[int, tuple[str, int, Opener, float]] = {}
        self._current = self._keys(0)
        self._next: tuple[int, dict[str, Sealer], set[str], int] | None = None
        self._lock = threading.RLock()  # aiortc decodes and encodes in threads

    def _keys(self, epoch: int) -> tuple[int, dict[str, Sealer]]:
        self.bases.append(secrets.token_bytes(16))
        return epoch, {kind: Sealer(self.bases[-1], kid_of(self.index, epoch, kind)) for kind in KINDS}

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
            words = _record(body)
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
        epoch, base = pair.unwrap(words, other.index, self.index)
        if epoch < other.epoch:
            raise NotHeld("wrap")
        if epoch > other.epoch:
            other.epoch = epoch
            now = self.now()
            for kid, (whose, old, opener, until) in list(self._openers.items()):
                if whose == ref:
                    self._openers[kid] = (whose, old, opener, min(until, now + 7000))  # 2 s to switch, 5 s after
            for kind in KINDS:
                kid = kid_of(other.index, epoch, kind)
                self._openers[kid] = (ref, epoch, Opener(base, kid), float("inf"))
        self.post(ref, pair.ack(other.index, self.index, epoch))

    # our key

    def _rotate(self) -> None:
        epoch, keys = self._keys((self._next or self._current)[0] + 1)
        present = {ref: (one.index, one.pair) for ref, one in self._others.items() if one.pair is not None}
        self._next = (epoch, keys, set(present), self.now() + 2000)
        self.on_kids(self.kids)  # before the wraps, so that the gate knows them before anybody can acknowledge
        for ref, (index, pair) in present.items():
            self.post(ref, pair.wrap(self.index, index, epoch, self.bases[-1]))
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

    def seal(self, kind: str, whole: bool, plain: bytes) -> bytes:
        with self._lock:
            self._due()
            self.sealed[kind] += 1
            return seal_frame(self._current[1][kind], kind, whole, plain)

    def open(self, kind: str, index: int | None, frame: bytes) -> bytes:
        """``index``: whose frames this stream carries, by the call's state."""
        with self._lock:
            try:
                kid, metadata, sealed = look_at(kind, frame)
                if index is None or kid >> 4 != index:
                    raise Dropped("wrong_sender")
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


# -- aiortc ----------------------------------------------------------------------------------------------------------------------------

#: By the identity of a negotiated codec, which aiortc copies for every transceiver: what its connection wears. The codec is kept
#: in the value, so that no other can come to have its identity.
_WORN: dict[int, tuple[RTCRtpCodecParameters, Device, Callable[[], int | None]]] = {}


class _SealedVp8(Vp8Encoder):
    device: Device

    def _packetize(self, buffer: bytes, picture_id: int) -> list[bytes]:  # type: ignore[override]
        if not buffer:
            return []
        whole = not buffer[0] & 1  # RFC 6386 - 9.1
        return super()._packetize(self.device.seal("video", whole, buffer), picture_id)


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
    return _Opening(get_decoder(codec), codec.mimeType.split("/")[0], *worn[1:]) if worn else get_decoder(codec)


def _encoder(codec: RTCRtpCodecParameters) -> Encoder:
    worn = _WORN.get(id(codec))
    if not worn:
        return get_encoder(codec)
    sealed = _SealedOpus() if codec.mimeType.startswith("audio/") else _SealedVp8()
    sealed.device = worn[1]
    return sealed


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


def wear(pc: RTCPeerConnection, device: Device, claimed: Callable[[str], int | None]) -> None:
    """Seal and open on this connection. Call it when codecs are agreed: after the offerer has the answer, or the answerer the
    offer. ``claimed(mid)``: whose frames that mid carries, asked for each frame."""
    aiortc.rtcrtpreceiver.get_decoder, aiortc.rtcrtpsender.get_encoder = _decoder, _encoder  # type: ignore[attr-defined]
    for transceiver in pc.getTransceivers():
        mid = str(transceiver.mid)
        for codec in transceiver._codecs:
            _WORN[id(codec)] = (codec, device, lambda mid=mid: claimed(mid))  # type: ignore[misc]


def undress(device: Device) -> None:
    """Forget what the connections of this device wear."""
    for key in [key for key, worn in _WORN.items() if worn[1] is device]:
        del _WORN[key]
