"""``ringfence trace CLIP``: whose copy is this recording?

It translates: files in, one reading out, on the standard output; faults and the progress bar on the error output. What is read is an
opaque id and what the issued table holds for it; whose account that is, is not known here.

Exit status: 0 a reading. 1 no reading, which clears nobody. 2 the recording, the key or the table cannot be read, or the arguments
are wrong. 3 the detector is not installed.
"""

# ruff: noqa: T201 - the command line speaks by printing
from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

READING, NO_READING, CANNOT, NOT_INSTALLED = 0, 1, 2, 3
NEEDS: Final = ("numpy", "cv2", "av")
#: A table of ten million ids; more is a mistake, or meant to fill the memory.
LARGEST_TABLE: Final = 1_000_000_000
BAR: Final = 30
_ID: Final = re.compile(r"[0-9a-fA-F]{8}")


class _CannotDo(Exception):
    """The arguments do not lead anywhere; the sentence says why. Exit 2."""


def add_command(commands: Any) -> None:
    trace = commands.add_parser(
        "trace",
        help="read the recipient mark in a recording",
        description="Read the recipient mark in a recording. Exit status: 0 a reading; 1 no reading; 2 something cannot be read; "
        "3 the detector is not installed.",
    )
    trace.add_argument("clip", type=Path, metavar="CLIP", help="the recording, in any common format")
    trace.add_argument("--key", type=Path, metavar="FILE", help="the deployment's key: 64 hexadecimal digits")
    trace.add_argument("--issued", type=Path, metavar="FILE.json", help="the ids that were issued")
    trace.add_argument(
        "--helper", type=Path, metavar="FILE", help="instead of both: a helper's key, on the machine with the database"
    )
    trace.add_argument("--demo", action="store_true", help="with --helper: in the database of the demo")
    trace.add_argument(
        "--from", type=float, default=0.0, dest="start", metavar="SECONDS", help="begin here in the clip"
    )
    trace.add_argument("--json", action="store_true", help="for a program")
    trace.set_defaults(command=_trace)


def _trace(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    if missing := [name for name in NEEDS if find_spec(name) is None]:
        print(
            f"Reading a mark needs more than is installed ({', '.join(missing)}): pip install 'ringfence[trace]'",
            file=sys.stderr,
        )
        return NOT_INSTALLED
    try:
        if not 0 <= arguments.start < 1e6:  # not a number is not below either
            raise _CannotDo("--from is a number of seconds from the start of the clip.")
        key, issued = _from_database(arguments, environ) if arguments.helper else _from_files(arguments)
    except _CannotDo as fault:
        print(fault, file=sys.stderr)
        return CANNOT
    return _read(arguments, key, issued)


def _read(arguments: argparse.Namespace, key: bytes, issued: Mapping[int, str]) -> int:
    from server.trace import detect, pattern, reader  # only here: they need the extra

    bar = _bar()
    clip = reader.read(arguments.clip, start=arguments.start, progress=lambda share: bar("opening", share))
    if isinstance(clip, reader.Unreadable):
        bar("", 0)
        if arguments.json:
            print(json.dumps({"reading": None, "error": clip.code}))
        print(clip.sentence, file=sys.stderr)
        return CANNOT
    found = detect.read(
        clip.frames, clip.times, pattern.tile(key), issued, progress=lambda share: bar("looking", share)
    )
    bar("", 0)
    if arguments.json:
        print(json.dumps(_for_programs(found, whole=clip.whole), indent=2))
    else:
        print(_for_people(found, whole=clip.whole))
    return READING if found.mark_id is not None else NO_READING


def _for_programs(found: Any, *, whole: bool) -> dict[str, Any]:
    reading = None
    if found.mark_id is not None:
        reading = {
            "id": f"{found.mark_id:08x}",
            "row": found.row,
            "correlation": round(found.correlation, 4),
            "false_alarm_bound": found.false_alarm,
            "at_s": round(found.at_s, 3),
        }
    return {"reading": reading, "attempts": found.attempts, "looked_s": round(found.looked_s, 2), "whole_clip": whole}


def _for_people(found: Any, *, whole: bool) -> str:
    looked = f"Looked at {found.looked_s:.1f} s" + ("." if whole else ", not the whole clip; --from looks further on.")
    if found.mark_id is None:
        return f"No reading. This clears nobody.\n{looked} {found.attempts} attempts."
    return (
        f"Reading: {found.mark_id:08x}, issued as {found.row}\n"
        f"Correlation {found.correlation:.3f} in attempt {found.attempts}; by chance at most {found.false_alarm:.1e}.\n"
        f"{looked}\n"
        "A reading points to an account, not to a person. It is a lead, to be confirmed by other evidence."
    )


def _from_files(arguments: argparse.Namespace) -> tuple[bytes, dict[int, str]]:
    if arguments.key is None or arguments.issued is None:
        raise _CannotDo("Give --key and --issued, or --helper on the machine that has the database.")
    return _key(arguments.key), _issued(arguments.issued)


def _from_database(arguments: argparse.Namespace, environ: Mapping[str, str]) -> tuple[bytes, dict[int, str]]:
    if arguments.key is not None or arguments.issued is not None:
        raise _CannotDo("Give --key and --issued, or --helper alone.")
    from server import marks_cli  # the database is needed here only

    found = marks_cli.exported(environ, arguments.helper, demo=arguments.demo)
    if isinstance(found, str):
        raise _CannotDo(found)
    return found


def _key(file: Path) -> bytes:
    try:
        key = bytes.fromhex(file.read_text("ascii")[:4096].strip())
    except (OSError, ValueError):
        key = b""
    if len(key) != 32:
        raise _CannotDo("The key cannot be read: a file of 64 hexadecimal digits.")
    return key


def _issued(file: Path) -> dict[int, str]:
    """``{"ringfence_issued": 1, "ids": {"8 hexadecimal digits": "row", …}}``. The rows mean nothing here."""
    try:
        if file.stat().st_size > LARGEST_TABLE:
            raise _CannotDo("The table of issued ids is larger than a gigabyte.")
        said = json.loads(file.read_text("utf-8"))
        if said["ringfence_issued"] != 1:
            raise ValueError
        rows = {int(name, 16): row for name, row in said["ids"].items() if _ID.fullmatch(name)}
        if len(rows) != len(said["ids"]):
            raise ValueError
        # what is printed beside a reading must not be able to repaint the terminal, and so the reading
        if not all(isinstance(row, str) and row.isprintable() for row in rows.values()):
            raise ValueError
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as fault:
        raise _CannotDo(
            'The table of issued ids cannot be read: {"ringfence_issued": 1, "ids": {"8 hexadecimal digits": "row"}}.'
        ) from fault
    return rows


def _bar() -> Callable[[str, float], None]:
    """A progress bar where somebody watches; nothing in a pipe."""
    if not sys.stderr.isatty():
        return lambda _what, _share: None

    def draw(what: str, share: float) -> None:
        full = round(BAR * share)
        line = f"{what:8} [{'#' * full}{'.' * (BAR - full)}] {share:4.0%}" if what else ""
        print(f"\r\x1b[2K{line}", end="", file=sys.stderr, flush=True)

    return draw
