"""Signed notes: a text, and under it who signed it. The format is C2SP's signed-note (as the Go checksum database and the
transparency logs write it), so that a stranger's tool reads what we sign: the record's checkpoints, an inspection's report.

A note is the text (UTF-8, each line ended, no control characters), an empty line, and one line a signature::

    — name base64(4 bytes of key id, then the signature)

Only Ed25519 signs here. The key id is the first 4 bytes of SHA-256(name, newline, 0x01, public key): it says which key to try and
proves nothing. A *verifier key* is what is handed out, ``name+id+base64(0x01, public key)``; a *signer key* is what is kept in a
file that only its owner may read, ``PRIVATE+KEY+name+id+base64(0x01, seed)``. Both are one line, as Go's tool writes them.

:func:`opened` is strict: what is not a note, or signed by none of the keys that the reader trusts, or wrongly by one of them, is
:class:`NotANote`. Lines of other signers are let stand, unread, as the specification asks.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

MOST_BYTES: Final = 1_000_000  #: as Go's note.Open: a larger one is not read
MOST_SIGNATURES: Final = 100  #: as Go's note.Open
_ED25519: Final = b"\x01"
_DASH: Final = "\N{EM DASH} "
_PRIVATE: Final = "PRIVATE+KEY+"
_NAME: Final = re.compile(r"[^\s+]{1,200}")
_VERIFIER: Final = re.compile(r"([^\s+]{1,200})\+([0-9a-f]{8})\+([A-Za-z0-9+/]+=*)")


class NotANote(ValueError):
    """This is not a note that can be trusted; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Verifier:
    """A public key under its name: who checks needs no more."""

    name: str
    public: bytes

    @property
    def id(self) -> bytes:
        return hashlib.sha256(self.name.encode() + b"\n" + _ED25519 + self.public).digest()[:4]

    @property
    def line(self) -> str:
        """What is handed out: the verifier key in one line."""
        return f"{self.name}+{self.id.hex()}+{_b64(_ED25519 + self.public)}"

    def signed(self, text: bytes, signature: bytes) -> bool:
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, text)
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True, slots=True, repr=False)
class Signer:
    """A private key under its name. It is never printed: it has no repr of what is in it."""

    name: str
    seed: bytes

    @property
    def verifier(self) -> Verifier:
        return Verifier(self.name, Ed25519PrivateKey.from_private_bytes(self.seed).public_key().public_bytes_raw())

    @property
    def line(self) -> str:
        """What is kept in the key's file."""
        return f"{_PRIVATE}{self.name}+{self.verifier.id.hex()}+{_b64(_ED25519 + self.seed)}"

    def __repr__(self) -> str:
        return f"Signer({self.verifier.line})"


def new_signer(name: str) -> Signer:
    """A new key. ``name`` has no blank and no plus; it is told to everybody."""
    if not _NAME.fullmatch(name):
        raise ValueError("a key's name has no blank and no plus")
    return Signer(name, Ed25519PrivateKey.generate().private_bytes_raw())


def verifier(line: str) -> Verifier:
    """Read a verifier key. :class:`NotANote`: it is none, or its id is not that of its key."""
    found = _VERIFIER.fullmatch(line.strip())
    raw = _unb64(found[3]) if found else b""
    if not found or len(raw) != 33 or raw[:1] != _ED25519:
        raise NotANote("This is not a verifier key: name+id+key, for Ed25519.")
    key = Verifier(found[1], raw[1:])
    if key.id.hex() != found[2]:
        raise NotANote("The id of this verifier key is not that of its name and key: a sign of it was changed.")
    return key


def signer(line: str) -> Signer:
    """Read a signer key. :class:`NotANote`: it is none."""
    line = line.strip()
    found = _VERIFIER.fullmatch(line.removeprefix(_PRIVATE)) if line.startswith(_PRIVATE) else None
    raw = _unb64(found[3]) if found else b""
    if not found or len(raw) != 33 or raw[:1] != _ED25519:
        raise NotANote("This is not a signer key: PRIVATE+KEY+name+id+key, for Ed25519.")
    key = Signer(found[1], raw[1:])
    if key.verifier.id.hex() != found[2]:
        raise NotANote("The id of this signer key is not that of its name and key: a sign of it was changed.")
    return key


def signed(text: str, *signers: Signer) -> bytes:
    """``text`` as a note, signed by each of ``signers``. Raises ValueError for a text that cannot be one."""
    if not text.endswith("\n") or any(ord(one) < 0x20 and one != "\n" for one in text):
        raise ValueError("the text of a note ends its last line and has no control character")
    body = text.encode()
    lines = "".join(
        f"{_DASH}{one.name} {_b64(one.verifier.id + Ed25519PrivateKey.from_private_bytes(one.seed).sign(body))}\n"
        for one in signers
    )
    return body + b"\n" + lines.encode()


Known: TypeAlias = Mapping[tuple[str, bytes], Verifier]  #: keys by their name and id


def opened(note: bytes, *trusted: Verifier) -> tuple[str, tuple[Verifier, ...]]:
    """The text, and which of ``trusted`` signed it: at least one. :class:`NotANote` otherwise."""
    return opened_with(note, by_name(trusted))


def by_name(trusted: Iterable[Verifier]) -> Known:
    """The same for many notes at once: the keys are gone through once."""
    return {(one.name, one.id): one for one in trusted}


def opened_with(note: bytes, found: Known) -> tuple[str, tuple[Verifier, ...]]:
    """As :func:`opened`, with what :func:`by_name` made of the keys."""
    body, lines = _split(note)
    by: list[Verifier] = []
    for line in lines:
        name, key, signature = _signature(line)
        known = found.get((name, key))
        if known is None or known in by:
            continue
        if not known.signed(body, signature):
            raise NotANote(f"The signature of {known.name} does not fit the text: one of them was changed.")
        by.append(known)
    if not by:
        raise NotANote("No key that is trusted here has signed it.")
    return body.decode(), tuple(by)


def text_of(note: bytes) -> str:
    """The text of a note whose signatures are *not* looked at: only to say what it claims, or whom to ask."""
    return _split(note)[0].decode()


def kept(path: Path) -> Signer:
    """Read a signer key from its file. :class:`NotANote`: it is none, or others than its owner may read the file."""
    status = path.stat()
    if os.name == "posix" and status.st_mode & 0o077:
        raise NotANote(f"The key in {path.name} can be read by others than its owner. Set its mode to 0600.")
    if status.st_size > 4096:
        raise NotANote(f"{path.name} is too long for a key.")
    try:
        return signer(path.read_text("utf-8"))
    except UnicodeDecodeError as fault:
        raise NotANote(f"{path.name} is not a key.") from fault


def keep(path: Path, key: Signer) -> None:
    """Write a signer key to a new file that only its owner may read. FileExistsError: a key is never written over."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(key.line + "\n")


def _split(note: bytes) -> tuple[bytes, list[str]]:
    if len(note) > MOST_BYTES:
        raise NotANote("This is too long for a note.")
    try:
        whole = note.decode("utf-8")
    except UnicodeDecodeError as fault:
        raise NotANote("This is not a note: it is no text.") from fault
    if any(ord(one) < 0x20 and one != "\n" for one in whole):
        raise NotANote("This is not a note: it has control characters in it.")
    text, gap, below = whole.rpartition("\n\n")
    if not gap or not below.endswith("\n"):
        raise NotANote("This is not a note: no empty line with signatures under it.")
    lines = below[:-1].split("\n")
    if len(lines) > MOST_SIGNATURES:
        raise NotANote("This note has more signatures than are read.")
    return (text + "\n").encode(), lines


def _signature(line: str) -> tuple[str, bytes, bytes]:
    name, blank, packed = line.removeprefix(_DASH).partition(" ")
    raw = _unb64(packed)
    if not line.startswith(_DASH) or not blank or not _NAME.fullmatch(name) or len(raw) < 5:
        raise NotANote("This is not a note: a line under the empty line is no signature.")
    return name, raw[:4], raw[4:]


def _b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _unb64(packed: str) -> bytes:
    """Empty when it is not base64, or is not written in the one way there is (so no sign of it can be changed unseen)."""
    try:
        raw = base64.b64decode(packed, validate=True)
    except (binascii.Error, ValueError):
        return b""
    return raw if _b64(raw) == packed else b""
