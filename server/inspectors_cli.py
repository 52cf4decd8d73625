"""``ringfence inspectors add | remove | list``: who may look, from the command line of the machine that has the database.

It translates: arguments to one call of ``server/inspectors.py``, answers to sentences. An inspector's key is written to a new file and
kept nowhere else. Exit status as for ``ringfence helpers``: 0 done; 1 the answer is no; 2 a file or an argument is wrong.
"""

# ruff: noqa: T201 - the command line speaks by printing
from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from server import inspectors
from server.marks_cli import DONE, NO, Desk, a_name, command, hand_out


def add_commands(commands: Any) -> None:
    """``inspectors``, below the console script."""
    people = commands.add_parser("inspectors", help="who may look at the evidence").add_subparsers(
        required=True, metavar="what"
    )
    add = command(people, "add", "a new inspector; their key is written to a file, and kept nowhere else", _add)
    add.add_argument("name", type=a_name, help="how you call them")
    add.add_argument("--key", type=Path, required=True, metavar="FILE", help="a new file for this inspector alone")
    remove = command(people, "remove", "no inspector any more, and signed in nowhere", _remove)
    remove.add_argument("name", type=a_name)
    command(people, "list", "everybody who may look, and who might within the last year", _list)


def _add(arguments: argparse.Namespace, desk: Desk) -> int:
    return hand_out(
        arguments.key,
        lambda: desk.do(lambda db, now: inspectors.add(db, desk.keeper, arguments.name, now)),
        "There is an inspector of this name already, or was one within a year.",
    )


def _remove(arguments: argparse.Namespace, desk: Desk) -> int:
    gone = desk.do(lambda db, now: inspectors.remove(db, desk.keeper, arguments.name, now))
    print("No inspector any more." if gone else "There is no inspector of this name.")
    return DONE if gone else NO


def _list(_: argparse.Namespace, desk: Desk) -> int:
    found = desk.do(lambda db, now: inspectors.everyone(db))
    for one in found:
        gone = "" if one.gone_at is None else f", taken back {_day(one.gone_at)}"
        print(f"{one.name}: added {_day(one.added_at)}{gone}")
    if not found:
        print("No inspector.")
    return DONE


def _day(at: int) -> str:
    return f"{datetime.fromtimestamp(at / 1000, UTC):%Y-%m-%d}"
