"""With which key the record's checkpoints are signed, and how one key hands over to the next.

The private key is a file in the data folder that only its owner may read (mode 0600; another one is refused in a sentence), in
the form in which Go's note tools keep one (``notes.py``). It is made on the first start. The database knows the public
halves only: which key signs since when, and the *hand-over* with which the key before put it in its place::

    calls.example/record/hand-over
    old <public key>
    new <public key>
    time <milliseconds>

signed by both. So whoever holds the first public key follows the hand-overs to today's. A key that nobody handed over to is named
(``hand_over_broken``); that is what whoever has the database but not the key can at most bring about, and also what an operator
does who has lost the key (``ringfence audit rotate --lost``): it is never silent.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from sqlalchemy.ext.asyncio import AsyncConnection

from server import audit, notes
from server.db.session import rows
from server.errors import CannotStart
from server.notes import NotANote, Signer, Verifier
from server.settings import Settings

_NEXT: Final = ".next"  # a new key waits under this name until the database knows of it


@dataclass(frozen=True, slots=True)
class Key:
    """One key of the record: its public half, since when it signs (the first: from 0 on), and the hand-over to it (the first: None)."""

    line: str
    since: int
    hand_over: str | None


def file_of(settings: Settings) -> Path:
    """Where the private key is. The demo has one of its own: its record is thrown away whenever it opens."""
    return Path(settings.data) / ("demo-record.key" if settings.demo else "record.key")


def name_of(settings: Settings) -> str:
    """What a new key is called; also the first line of every checkpoint. It stays when the service moves to another host name."""
    host = urlsplit(settings.origin[0]).hostname if settings.origin and not settings.demo else None
    return f"{host or 'localhost'}/record"


async def keys(tx: AsyncConnection) -> list[Key]:
    """All keys that ever signed, the first one first."""
    return [
        Key(audit.as_text(key), audit.as_number(since), None if note is None else audit.as_text(note))
        for key, since, note in await rows(tx, "SELECT key, since, hand_over FROM record_keys ORDER BY n")
    ]


def signing(settings: Settings, last: str | None) -> Signer:
    """The key that signs now; made when there is none and none has ever signed. ``last``: the public key that the database knows last.
    Raises ``CannotStart``: without the right key nothing is signed, and nobody makes another one in silence."""
    path = file_of(settings)
    try:
        if not path.exists() and last is None:
            notes.keep(path, notes.new_signer(name_of(settings)))
        following = path.with_name(path.name + _NEXT)
        if following.exists() and notes.kept(following).verifier.line == last:
            os.replace(following, path)  # the process that handed over ended between the database and the file
        key = notes.kept(path)
    except NotANote as fault:
        raise CannotStart(f"The key of the record in {path} is not usable. {fault}") from None
    except FileNotFoundError:
        raise CannotStart(
            f"The key that signs this record is not in {path}. Put it back from the backup, "
            "or say `ringfence audit rotate --lost`, which everybody who verifies will see."
        ) from None
    except OSError as fault:
        raise CannotStart(f"The key of the record in {path} cannot be read or made: {fault.strerror}.") from None
    if last is not None and key.verifier.line != last:
        raise CannotStart(
            f"The key in {path} is not the one that signs this record. Put the right one back from the backup, "
            "or say `ringfence audit rotate --lost`, which everybody who verifies will see."
        )
    return key


async def write_hand_over(tx: AsyncConnection, settings: Settings, now: int, *, lost: bool) -> str:
    """A new key, and the old one's hand-over to it, inside ``tx``. Returns its public half. ``take_over`` when that has committed."""
    known = await keys(tx)
    if not known:
        raise CannotStart("Nothing has been signed yet, so there is no key to take the place of.")
    since = max(now, known[-1].since + 1)
    old = notes.verifier(known[-1].line)
    new = notes.new_signer(old.name)
    by = (new,) if lost else (signing(settings, known[-1].line), new)
    note = notes.signed(text(old, new.verifier, since), *by).decode()
    path = file_of(settings)
    following = path.with_name(path.name + _NEXT)
    try:
        following.unlink(missing_ok=True)
        notes.keep(following, new)
    except OSError as fault:
        raise CannotStart(f"The new key cannot be written beside {path}: {fault.strerror}.") from None
    await rows(
        tx,
        "INSERT INTO record_keys (n, key, since, hand_over) VALUES (:n, :key, :since, :note)",
        n=len(known) + 1, key=new.verifier.line, since=since, note=note,
    )  # fmt: skip
    return new.verifier.line


def take_over(settings: Settings) -> None:
    """The new key takes the place of the old one's file."""
    path = file_of(settings)
    os.replace(path.with_name(path.name + _NEXT), path)


def text(old: Verifier, new: Verifier, since: int) -> str:
    """What a hand-over says."""
    return f"{old.name}/hand-over\nold {old.line}\nnew {new.line}\ntime {since}\n"


def follow(known: Sequence[Key]) -> tuple[list[Verifier | None], list[int]]:
    """The public keys, and the numbers (from 1) of those to which nobody handed over as they should."""
    found: list[Verifier | None] = []
    broken = []
    for number, one in enumerate(known, 1):
        try:
            key: Verifier | None = notes.verifier(one.line)
        except ValueError:  # also what cannot be written as UTF-8
            key = None
        before = found[-1] if found else None
        first = number == 1
        fits = key is not None and ((one.hand_over, one.since) == (None, 0) if first else _handed(before, key, one))
        if not fits or (not first and one.since <= known[number - 2].since):
            broken.append(number)
        found.append(key)
    return found, broken


def _handed(old: Verifier | None, new: Verifier, key: Key) -> bool:
    if old is None or old.name != new.name or key.hand_over is None:
        return False
    try:
        said, by = notes.opened(key.hand_over.encode(), old, new)
    except ValueError:
        return False
    return said == text(old, new, key.since) and len(by) == 2
