"""``ringfence inspect verify FOLDER [--key KEY]``: is this report still what was signed?

It translates: a folder and a key in, one sentence out. Nothing is asked of any server, so a regulator runs it where they like.

Exit status: 0 nothing was changed (with ``--key``, and it was signed with that key). 1 something was changed, or it is not signed with
that key. 2 there is no report here, or the arguments are wrong.
"""

# ruff: noqa: T201 - the command line speaks by printing
from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

STATUS: Final = {"whole": 0, "changed": 1, "unreadable": 2}


def add_command(commands: Any) -> None:
    verify = commands.add_parser(
        "verify",
        help="check that nobody changed a report",
        description="Check signature, files and shape of a report. Exit status: 0 nothing was changed; 1 something was, or it is not "
        "signed with this key; 2 there is no report here, or the arguments are wrong.",
    )
    verify.add_argument("folder", type=Path, metavar="FOLDER", help="where report.json and report.sig lie")
    verify.add_argument("--key", metavar="KEY", help="the inspector's key, name+id+key, or a file with it")
    verify.set_defaults(command=_verify)


def _verify(arguments: argparse.Namespace, _: Mapping[str, str]) -> int:
    from server import notes
    from server.inspection import sign  # only here: the other commands need none of it

    known = None
    if arguments.key is not None:
        try:
            known = notes.verifier(_line(arguments.key))
        except notes.NotANote as fault:
            print(fault, file=sys.stderr)
            return 2
    found = sign.verified(arguments.folder, known)
    print(found.sentence, file=sys.stdout if found.answer == "whole" else sys.stderr)
    return STATUS[found.answer]


def _line(given: str) -> str:
    """The key itself, or what stands in the file of that name."""
    if "+" in given:
        return given
    try:
        with Path(given).open(encoding="utf-8") as file:
            return file.read(4096)
    except (OSError, UnicodeDecodeError):
        return given
