"""Who vouches for a report, and whether it is still what was written.

report.sig is a signed note (``server/notes.py``) over a few lines: what it is, and of each file its name, its SHA-256 and its length::

    ringfence-inspection/1
    report.html 5f0c… 48211
    report.json 91ab… 60022
    report.pdf 77e1… 20114

    — ringfence-inspector base64…

The key belongs to whoever inspects, not to the platform that is inspected: a platform that signed its own report would vouch for
itself. It is made on first use, in a file that only its owner may read. The public half is laid beside the report as report.vkey,
which shows that the files belong together; *who* signed is known only to those who had the key from the inspector in another way.
So :func:`verified` says which of the two it could show.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from server import notes
from server.inspection import document

NAME: Final = "ringfence-inspector"
REPORT, PAGE, PRINT, SIGNATURE, KEY = "report.json", "report.html", "report.pdf", "report.sig", "report.vkey"
#: What is signed for. report.json is always there; report.pdf needs an extra.
FILES: Final = (PAGE, REPORT, PRINT)
MOST_BYTES: Final = 100_000_000
_LINE: Final = re.compile(r"(report\.(?:html|json|pdf)) ([0-9a-f]{64}) ([1-9][0-9]{0,9})")

Answer = Literal["whole", "changed", "unreadable"]


@dataclass(frozen=True, slots=True)
class Verified:
    """What was found, and in one sentence. ``by``: the verifier key it is signed with, if it is."""

    answer: Answer
    sentence: str
    by: str = ""


def own_key(path: Path) -> notes.Signer:
    """The inspector's own key from its file; made there on first use. Raises OSError, and :class:`notes.NotANote` for a file that is no
    key or that others may read."""
    try:
        return notes.kept(path)
    except FileNotFoundError:
        key = notes.new_signer(NAME)
        notes.keep(path, key)
        return key


def signed(written: Mapping[str, bytes], key: notes.Signer) -> bytes:
    """report.sig for these files."""
    lines = "".join(
        f"{name} {hashlib.sha256(raw).hexdigest()} {len(raw)}\n"
        for name, raw in sorted(written.items())
        if name in FILES
    )
    return notes.signed(f"{document.FORMAT}\n{lines}", key)


def verified(folder: Path, known: notes.Verifier | None = None) -> Verified:
    """Check signature, files and shape of the report in ``folder``. ``known``: the inspector's key, had in another way; without it the
    one that lies beside the report is tried, and then nothing is said of who signed."""
    try:
        note = _read(folder / SIGNATURE)
        key = known or notes.verifier(_read(folder / KEY).decode("ascii", "replace"))
    except OSError as fault:
        return Verified(
            "unreadable", f"There is no report to check here: {Path(str(fault.filename)).name} cannot be read."
        )
    except notes.NotANote as fault:
        return Verified("changed", f"Changed: {KEY} is no key. {fault}")
    try:
        text, by = notes.opened(note, key)
    except notes.NotANote as fault:
        return Verified("changed", f"Not to be trusted: {fault}")
    if changed := _wrong(folder, text) or _beside(folder, key):
        return Verified("changed", f"Changed: {changed}", by[0].line)
    try:
        found = document.decoded(_read(folder / REPORT))
    except document.NotAReport as not_one:
        return Verified("changed", f"Signed, but {REPORT} cannot be trusted: {not_one}", by[0].line)
    said = f"Nothing was changed: {_kept(text)} are as they were signed"
    if known is not None:
        who = f" with the key {known.name}+{known.id.hex()} that you gave."
    else:
        who = " with the key that lies beside them. Who holds that key, this cannot say: ask the inspector for it and give it with --key."
    outcome = f"{found.counts.proven} of {len(found.promises)} promises are proven in it"
    return Verified("whole", f"{said}{who} {outcome}.", by[0].line)


def _wrong(folder: Path, text: str) -> str:
    """One sentence for the first file that is not as the signed text says; empty if all are."""
    first, *lines = text.splitlines()
    found = [_LINE.fullmatch(line) for line in lines]
    names = [one[1] for one in found if one]
    if first != document.FORMAT or None in found or names != sorted(set(names)) or REPORT not in names:
        return f"{SIGNATURE} is signed, but it is not over an inspection report."
    for one in filter(None, found):
        try:
            raw = _read(folder / one[1])
        except OSError:
            return f"{one[1]} was signed and is not here."
        if len(raw) != int(one[3]) or hashlib.sha256(raw).hexdigest() != one[2]:
            return f"{one[1]} is not the one that was signed."
    for name in FILES:
        if name not in names and (folder / name).exists():
            return f"{name} is here and was not signed."
    return ""


def _beside(folder: Path, key: notes.Verifier) -> str:
    """The public key that lies beside the report must be the one that it is signed with, when it is there."""
    try:
        beside = _read(folder / KEY)
    except OSError:
        return ""
    return "" if beside == f"{key.line}\n".encode() else f"{KEY} is not the key that the report is signed with."


def _kept(text: str) -> str:
    names = [one[1] for one in map(_LINE.fullmatch, text.splitlines()) if one]
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _read(path: Path) -> bytes:
    """At most so many bytes: more was never written by us, and is found as changed."""
    with path.open("rb") as file:
        return file.read(MOST_BYTES + 1)
