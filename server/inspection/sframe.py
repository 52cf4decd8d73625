"""SFrame (RFC 9605) once more, in Python: how a frame of ours is sealed and lies on the wire. ``client_web/shared/seal/sframe.js`` is
the same in a browser, written apart from it; docs/reference/sealing.md says what both do. Knows no call and no aiortc."""

from __future__ import annotations

import hmac
import threading

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

TAG = 16
WINDOW = 1024
LAST_COUNTER = 2**31
KINDS = ("audio", "video")
SENDERS = 16  #: that can be told apart on the wire
BASE = 16  #: bytes of a base key


class Dropped(Exception):
    """A frame is not let through. The reason is counted."""


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


def copy_kid_of(viewer: int, index: int, epoch: int) -> int:
    """Of a picture that is made for one viewer alone."""
    return 0x1000 | viewer << 8 | kid_of(index, epoch, "video")


def sender_of(kid: int) -> int:
    return kid >> 4 & 15


def viewer_of(kid: int) -> int | None:
    """For whom alone it was sealed; None: for everybody."""
    return kid >> 8 & 15 if kid > 255 else None


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
    if kid > 255 and kid >> 12 != 1:
        raise Dropped("header")
    return kid, frame[:clear], frame[clear:]
