"""``ringfence audit …``: check the record, prove a row of it, hand it out, sign it, change the key that signs it.

Everything but ``verify --from`` is the operator's, on the operator's own database. ``verify --from`` needs no settings and no
database: a family or an inspector checks a file at home.

Exit status 0: done, and ``verify`` found nothing. 1: ``verify`` found something; each finding is a line, named as in
``record_check.py``. A proof that is missing (``unproven``) counts too: whoever withholds one is not believed; a sentence says how to
ask for it. 2: there is nothing to look at (settings, database, file, key); one sentence says what.
"""

# ruff: noqa: T201 - the command line speaks by printing
from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from server import audit, checkpoints, helpers_cli, notes, record, record_check, record_keys
from server.db.session import Database
from server.errors import CannotStart
from server.notes import NotANote, Verifier
from server.record_check import Finding, Looked
from server.settings import Settings
from server.settings import load as load_settings

T = TypeVar("T")


def add_commands(commands: Any) -> None:
    """Hang ``audit`` into the command line."""
    what = commands.add_parser("audit", help="the audit record").add_subparsers(required=True, metavar="what")

    verify = what.add_parser(
        "verify", help="check every chain, the log and what is signed; or a file that was handed out"
    )
    verify.add_argument(
        "--checkpoint", action="append", default=[], help="a checkpoint that you kept; may be said again"
    )
    verify.add_argument("--from", dest="file", help="an exported file instead of the database")
    verify.add_argument("--key", help="the public key that you know; without it the first one is believed")
    verify.set_defaults(command=_verify)

    prove = what.add_parser("prove", help="show that a row stands under the newest checkpoint, without showing it")
    prove.add_argument("chain", help="h_..., o_... or platform")
    prove.add_argument("seq", nargs="?", type=int, help="which row; default: the last one that is covered")
    prove.set_defaults(command=_prove)

    export = what.add_parser("export", help="write a file that somebody else can check")
    which = export.add_mutually_exclusive_group(required=True)
    which.add_argument("--chain", help="h_...: what a grown-up of that household is shown of its own chain")
    which.add_argument(
        "--blind", action="store_true", help="all chains and the log, digests and times only: for an inspector"
    )
    export.add_argument("--out", required=True, help="the file")
    export.add_argument(
        "--checkpoint",
        action="append",
        default=[],
        help="with --chain: a checkpoint that they kept; the proof that the record goes on from it is put in; may be said again",
    )
    export.add_argument(
        "--since",
        action="append",
        default=[],
        type=_size,
        help="the same, by the number in its second line; may be said again",
    )
    export.set_defaults(command=_export)

    what.add_parser("checkpoint", help="sign the ends of all chains now, and print it").set_defaults(
        command=_checkpoint
    )

    rotate = what.add_parser("rotate", help="a new key signs from now on; the old one hands over to it")
    rotate.add_argument("--lost", action="store_true", help="without the old key's word; every check will say so")
    rotate.set_defaults(command=_rotate)

    for one in what.choices.values():
        one.add_argument("--demo", action="store_true", help="the record of the demo")


def _settings(arguments: argparse.Namespace, environ: Mapping[str, str]) -> Settings:
    return load_settings(environ, over={"demo": True} if arguments.demo else {})


def _verify(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    kept = [_read(Path(one)) for one in arguments.checkpoint]
    trusted = _key(arguments.key) if arguments.key else None
    if arguments.file:
        lines = _read(Path(arguments.file)).splitlines()
        looked, found = record_check.check_lines(lines, trusted=trusted, kept=kept)
    else:
        settings = _settings(arguments, environ)
        looked, found = asyncio.run(_on(settings, lambda db, _: _check(db, settings, trusted, kept)))
    for finding in found:
        print(_plain(str(finding)))
    told = f"Looked at {_counted(looked.rows, 'row')} in {_counted(looked.chains, 'chain')}."
    print(f"{told} {_counted(len(found), 'finding')}." if found else f"{told} Every chain is whole.")
    print(_signed(looked))
    if looked.unproven:
        print("There is no proof that this goes on from the checkpoint that you kept. Ask for a file that has it:")
        for size in looked.unproven:
            print(f"/api/record/file?since={size}, or ringfence audit export --chain CHAIN --since {size} --out FILE")
    return 1 if found else 0


async def _check(
    db: Database, settings: Settings, trusted: Verifier | None, kept: list[str]
) -> tuple[Looked, list[Finding]]:
    """On the machine that signs, the key's own file says which key is the right one, and the note beside it how the record was."""
    own = checkpoints.kept(settings)
    kept = [*kept, own] if own is not None else kept
    path = record_keys.file_of(settings)
    if trusted is None and path.exists():
        async with db.read() as tx:
            known = await record_keys.keys(tx)
        try:
            trusted = notes.kept(path).verifier if known else None
        except NotANote as fault:
            raise CannotStart(f"The key of the record in {path} is not usable. {fault}") from None
    return await record.check(db, trusted=trusted, kept=kept)


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _signed(looked: Looked) -> str:
    newest = looked.newest
    if newest is None:
        return "Nothing is signed yet."
    try:
        at = f"{datetime.fromtimestamp(newest.at / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (ValueError, OverflowError):  # a file may say any time
        at = f"{newest.at} ms since 1970"
    return f"{looked.covered} of them stand under the checkpoint of {at}, signed by {_plain(newest.origin)}."


def _plain(said: str) -> str:
    """Names in a file are somebody else's words: none of them moves the cursor, clears what was printed before or turns the line."""
    return "".join(sign if sign.isprintable() else f"[U+{ord(sign):04X}]" for sign in said[:400])


def _prove(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    async def lines(db: Database, _: int) -> list[str]:
        async with db.read() as tx:
            lines = [line async for line in record.prove(tx, arguments.chain, arguments.seq)]
        if not lines:
            raise CannotStart(
                "There is no such row under a checkpoint. A newer one is, after: ringfence audit checkpoint"
            )
        return lines

    sys.stdout.writelines(asyncio.run(_on(_settings(arguments, environ), lines)))
    return 0


def _size(said: str) -> int:
    if not (said.isascii() and said.isdecimal() and len(said) <= record.MOST_DIGITS):
        raise argparse.ArgumentTypeError("it is the number in the second line of a checkpoint")
    return int(said)


def _kept_size(path: Path) -> int:
    """How long the log was in this checkpoint. Whether it is a genuine one is for the reader of the export to say."""
    try:
        said = checkpoints.read(notes.text_of(_read(path).encode()))
    except NotANote:
        said = None
    if said is None:
        raise CannotStart(f"{path} is no checkpoint.")
    return said.size


def _export(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    since = [*arguments.since, *(_kept_size(Path(one)) for one in arguments.checkpoint)]
    if since and arguments.blind:
        raise CannotStart(
            "--checkpoint and --since go with --chain: a blind export has the whole log, and that is the proof."
        )

    async def write(db: Database, _: int) -> None:
        if arguments.blind:
            await _write(Path(arguments.out), record.blind_export(db))
            return
        async with db.read() as tx:
            there = arguments.chain.startswith("h_") and await audit.heads_of(tx, [arguments.chain])
        if not there:
            raise CannotStart("There is no such household's chain in the record.")
        await _write(Path(arguments.out), record.family_file(db, arguments.chain.removeprefix("h_"), since=since))

    asyncio.run(_on(_settings(arguments, environ), write))
    print(f"Written to {arguments.out}. Check it with: ringfence audit verify --from {arguments.out}")
    return 0


async def _write(path: Path, lines: AsyncIterator[str]) -> None:
    try:
        with path.open("w", encoding="utf-8") as file:
            async for line in lines:
                file.write(line)
    except OSError as fault:
        raise CannotStart(f"{path} cannot be written: {fault.strerror}.") from None


def _checkpoint(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    settings = _settings(arguments, environ)
    print(asyncio.run(_on(settings, lambda db, now: checkpoints.take(db, settings, lambda: now))), end="")
    return 0


def _rotate(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    settings = _settings(arguments, environ)
    key = asyncio.run(_on(settings, lambda db, now: checkpoints.rotate(db, settings, lambda: now, lost=arguments.lost)))
    print(f"From now on the record is signed by {key}")
    if arguments.lost:
        print("The old key did not hand over. Every check of this record will say so: tell those who check it why.")
    return 0


async def _on(settings: Settings, work: Callable[[Database, int], Awaitable[T]]) -> T:
    return await helpers_cli.on_database(settings, work)


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except OSError as fault:
        raise CannotStart(f"{path} cannot be read: {fault.strerror}.") from None
    except UnicodeDecodeError:
        raise CannotStart(f"{path} is no text.") from None


def _key(line: str) -> Verifier:
    try:
        return notes.verifier(line)
    except NotANote as fault:
        raise CannotStart(str(fault)) from None
