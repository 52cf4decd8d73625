"""How two devices agree on keys, once more in Python: hellos, wraps and acks, and what grown-ups' browsers sign about devices.

``client_web/shared/seal/agree.js`` and ``roster.js`` are the same in a browser, written apart from it; docs/reference/sealing.md says
what both do. Knows no frame and no aiortc.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from server.inspection.sframe import BASE


class NotHeld(Exception):
    """A hello, wrap, ack or commitment does not hold."""


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


def record_of(text: Any) -> dict[str, Any]:
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
    outer = record_of(body)
    words = record_of(outer.get("m"))
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
    outer = record_of(body)
    words = record_of(outer.get("m"))
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


# -- the keys of two --------------------------------------------------------------------------------------------------------------


class Pair:
    """What two devices share."""

    def __init__(self, half: X25519PrivateKey, mine: Hello, theirs: Hello, call: str) -> None:
        self._shared = half.exchange(X25519PublicKey.from_public_bytes(unb64(theirs.eph, 32)))
        self._salt = hashlib.sha256("\n".join(sorted((mine.text, theirs.text))).encode()).digest()
        self._call = call

    def _key(self, what: str, i: int, j: int) -> bytes:
        return HKDF(SHA256(), 32, self._salt, f"ringfence {what}|{self._call}|{i}|{j}".encode()).derive(self._shared)

    def wrap(self, i: int, j: int, epoch: int, base: bytes, copy: bytes) -> str:
        """The base keys of i for j: of what everybody gets, and of the pictures that are made for j alone."""
        iv = secrets.token_bytes(12)
        key = AESGCM(self._key("wrap", i, j)).encrypt(iv, base + copy, f"{self._call}|{i}|{j}|{epoch}".encode())
        words = {"t": "wrap", "call": self._call, "from": i, "to": j, "epoch": epoch, "iv": b64(iv), "key": b64(key)}
        return json.dumps(words)

    def unwrap(self, words: dict[str, Any], i: int, j: int) -> tuple[int, bytes, bytes]:
        epoch = self._fits(words, i, j)
        aad = f"{self._call}|{i}|{j}|{epoch}".encode()
        try:
            opened = AESGCM(self._key("wrap", i, j)).decrypt(
                unb64(words["iv"], 12), unb64(words["key"], 2 * BASE + 16), aad
            )
        except InvalidTag:
            raise NotHeld("wrap") from None
        return epoch, opened[:BASE], opened[BASE:]

    def ack(self, i: int, j: int, epoch: int) -> str:
        mac = hmac.digest(self._key("ack", i, j), f"ack|{self._call}|{i}|{j}|{epoch}".encode(), "sha256")
        return json.dumps({"t": "ack", "call": self._call, "from": j, "to": i, "epoch": epoch, "mac": b64(mac)})

    def acked(self, words: dict[str, Any], i: int, j: int) -> int:
        epoch = self._fits(words, j, i)
        if not hmac.compare_digest(record_of(self.ack(i, j, epoch))["mac"], str(words.get("mac"))):
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
