"""``ringfence helpers | reports | marks``: what helpers do, from the command line of the machine that has the database.

It translates: arguments to one call of ``server/helpers.py``, answers to sentences. A helper shows who they are with the file that
holds their key, never with a name. Times are UTC. Nothing that is printed is a name of somebody who is looked after here.

Exit status: 0 done. 1 looked, and the answer is no, or a report is overdue. 2 a file or an argument is wrong.
"""

# ruff: noqa: T201 - the command line speaks by printing
from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import sys
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar

from server import helpers, helpers_cli
from server.db.session import Database
from server.gatekeeper import Gatekeeper
from server.policy import Decision
from server.settings import load
from server.support import GOOD_FOR_DAYS, supports

T = TypeVar("T")
DONE, NO, CANNOT = 0, 1, 2
_HOUR: Final = 3_600_000
_DAY: Final = 24 * _HOUR
_MARK: Final = re.compile(r"[0-9a-f]{8}\Z")
_NO_HELPER: Final = "This is no helper's key."


class CannotDo(Exception):
    """The arguments do not lead anywhere; the sentence says why. Exit 2."""


def add_commands(commands: Any) -> None:
    """``helpers``, ``reports`` and ``marks``, below the console script."""
    people = commands.add_parser("helpers", help="who are helpers here").add_subparsers(required=True, metavar="what")
    add = command(people, "add", "a new helper; their key is written to a file, and kept nowhere else", _add)
    add.add_argument("name", type=a_name, help="how you call them")
    add.add_argument("--key", type=Path, required=True, metavar="FILE", help="a new file for this helper alone")
    remove = command(people, "remove", "no helper any more", _remove)
    remove.add_argument("name", type=a_name)

    told = commands.add_parser("reports", help="what children have told us").add_subparsers(
        required=True, metavar="what"
    )
    _helpers(command(told, "list", "every report that is not closed, the overdue ones first", _list))
    take = _helpers(
        command(
            told,
            "take",
            "a helper has looked: the 48 hours stop. Again, or by another: it is in hand for 7 more days",
            _take,
        )
    )
    take.add_argument("report", type=_id)
    close = _helpers(command(told, "close", "done", _close))
    close.add_argument("report", type=_id)
    close.add_argument("--outcome", choices=helpers.OUTCOMES, required=True)
    opened = _helpers(command(told, "open", "a recording came in another way than by a child's report", _open))
    opened.add_argument("--mark", type=_mark, required=True, metavar="ID", help="what `ringfence trace` read")

    marks = commands.add_parser("marks", help="whose copy a recording is").add_subparsers(required=True, metavar="what")
    ask = _helpers(command(marks, "ask", "the first of two helpers asks whose copy it is", _ask))
    ask.add_argument("mark", type=_mark, metavar="ID", help="what `ringfence trace` read: eight hexadecimal digits")
    ask.add_argument("--case", type=_id, required=True, metavar="REPORT")
    ask.add_argument("--why", choices=helpers.WHYS, required=True)
    agree = _helpers(command(marks, "agree", "the second helper agrees, and is told two pseudonyms", _agree))
    agree.add_argument("ask", type=_id)
    export = _helpers(command(marks, "export", "what `ringfence trace` needs on another machine", _export))
    export.add_argument("--issued", type=Path, required=True, metavar="FILE.json", help="a new file for the issued ids")
    export.add_argument("--key", type=Path, required=True, metavar="FILE", help="a new file for the deployment's key")
    _helpers(command(marks, "count", "how many copies are marked, and why others are not", _count))


def command(where: Any, name: str, says: str, work: Callable[[argparse.Namespace, Desk], int]) -> Any:
    made = where.add_parser(name, help=says, description=says)
    made.add_argument("--demo", action="store_true", help="in the database of the demo")
    made.set_defaults(command=lambda arguments, environ: _run(work, arguments, environ))
    return made


def _helpers(command: Any) -> Any:
    command.add_argument("--helper", type=Path, required=True, metavar="FILE", help="the file with your own key")
    return command


class Desk:
    """The database and the rules, at this moment, and who sits here."""

    def __init__(self, environ: Mapping[str, str], *, demo: bool, helper: Path | None) -> None:
        self._settings = load(environ, over={"demo": True} if demo else {})
        self.keeper = Gatekeeper()
        self.key = _read_key(helper) if helper else ""

    def do(self, work: Callable[[Database, int], Awaitable[T]]) -> T:
        return asyncio.run(helpers_cli.on_database(self._settings, work))


def _run(
    work: Callable[[argparse.Namespace, Desk], int], arguments: argparse.Namespace, environ: Mapping[str, str]
) -> int:
    try:
        return work(arguments, Desk(environ, demo=arguments.demo, helper=getattr(arguments, "helper", None)))
    except CannotDo as fault:
        print(fault, file=sys.stderr)
        return CANNOT


def exported(environ: Mapping[str, str], helper: Path, *, demo: bool) -> tuple[bytes, dict[int, str]] | str:
    """For ``ringfence trace --helper``: key and issued ids out of the database, or the sentence that says why not."""
    try:
        desk = Desk(environ, demo=demo, helper=helper)
    except CannotDo as fault:
        return str(fault)
    return desk.do(lambda db, now: helpers.export(db, desk.keeper, desk.key, now)) or _NO_HELPER


# -- helpers ----------------------------------------------------------------------------------------------------------------


def _add(arguments: argparse.Namespace, desk: Desk) -> int:
    return hand_out(
        arguments.key,
        lambda: desk.do(lambda db, now: helpers.add(db, desk.keeper, arguments.name, now)),
        "There is a helper of this name already, or was one within a year.",
    )


def hand_out(path: Path, make: Callable[[], str | None], taken: str) -> int:
    """Somebody's new key, in a new file and nowhere else. ``taken``: the sentence when none was made."""
    file = new_file(path)
    try:
        key = make()
        if key is None:
            raise CannotDo(taken)
        os.write(file, f"{key}\n".encode())
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    finally:
        os.close(file)
    print(f"Their key is in {path} and nowhere else. Give it to them; it is theirs alone.")
    return DONE


def _remove(arguments: argparse.Namespace, desk: Desk) -> int:
    gone = desk.do(lambda db, now: helpers.remove(db, desk.keeper, arguments.name, now))
    print("No helper any more." if gone else "There is no helper of this name.")
    return DONE if gone else NO


# -- reports ----------------------------------------------------------------------------------------------------------------


def _list(_: argparse.Namespace, desk: Desk) -> int:
    found = desk.do(lambda db, now: helpers.list_reports(db, desk.keeper, desk.key, now))
    if found is None:
        return _no_helper()
    late = [one for one in found if one.late_ms]
    unseen = sum(one.state == "open" for one in late)
    if unseen:
        print(f"!! OVERDUE: {unseen} of {len(found)}. Nobody has looked within 48 hours. Take these first.")
    if left := len(late) - unseen:
        print(f"!! LEFT: {left} of {len(found)}. Taken, and after 7 days not closed. Close them, or take them anew.")
    for one in found:
        if one.state == "open":
            clock = f"!! OVERDUE by {one.late_ms // _HOUR} h" if one.late_ms else f"look by {_when(one.look_by)}"
        else:
            clock = (
                f"!! LEFT for {one.late_ms // _DAY} d more than 7" if one.late_ms else f"close by {_when(one.look_by)}"
            )
            clock = f"taken by {one.taken_by}, {clock}"
        about = f"about {one.about}" if one.about else "about: not known"
        print(f"{one.id}  {clock}  {one.kind}, told {_when(one.made_at)}: {', '.join(one.what) or 'nothing more said'}")
        print(
            f"    by {one.reporter}, {about}, {one.call or 'no call named'}, {one.marks} {'mark' if one.marks == 1 else 'marks'} held"
        )
    if not found:
        print("No open report.")
    if supports().too_old(datetime.now(UTC).date()):
        print(
            f"The list of who helps a child was last checked on {supports().looked_at}: more than {GOOD_FOR_DAYS} days ago."
        )
    return NO if late else DONE


def _take(arguments: argparse.Namespace, desk: Desk) -> int:
    return _said(
        desk.do(lambda db, now: helpers.take(db, desk.keeper, desk.key, arguments.report, now)),
        "Taken. The child sees that somebody has looked. Close it within 7 days, or take it anew.",
        "There is no report of this id that is not closed.",
    )


def _close(arguments: argparse.Namespace, desk: Desk) -> int:
    days = helpers.KEPT_MS[arguments.outcome] // helpers.DAY
    return _said(
        desk.do(lambda db, now: helpers.close(db, desk.keeper, desk.key, arguments.report, arguments.outcome, now)),
        f"Closed. The report and its evidence are deleted in {days} days.",
        "There is no report of this id that has been taken and is not closed.",
    )


def _open(arguments: argparse.Namespace, desk: Desk) -> int:
    report = desk.do(lambda db, now: helpers.open_for_clip(db, desk.keeper, desk.key, arguments.mark, now))
    if report is None:
        return _no_helper()
    print(f"Report {report}. If this mark was issued, it is held now.")
    return DONE


# -- marks ------------------------------------------------------------------------------------------------------------------


def _ask(arguments: argparse.Namespace, desk: Desk) -> int:
    ask = desk.do(
        lambda db, now: helpers.ask_for_mark(
            db, desk.keeper, desk.key, arguments.mark, arguments.case, arguments.why, now
        )
    )
    if isinstance(ask, Decision):
        return _refused(ask)
    print(f"Asked: {ask}\nAnother helper has 24 hours: ringfence marks agree {ask} --helper FILE")
    print(_NOT_SAID)
    return DONE


#: One helper alone could otherwise find out, by asking, in which report a mark is held.
_NOT_SAID: Final = (
    "Whether this report holds the mark is not said to one helper alone. If it does not, the other one is refused too. A recording that\n"
    "came in another way needs a report of its own: ringfence reports open --mark ID --helper FILE"
)


def _agree(arguments: argparse.Namespace, desk: Desk) -> int:
    copy = desk.do(lambda db, now: helpers.agree(db, desk.keeper, desk.key, arguments.ask, now))
    if isinstance(copy, Decision):
        return _refused(copy)
    said = {"marked": "the device said that it marks", "issued": "the device said nothing of a mark"}
    print(f"Sender:    {copy.sender}\nRecipient: {copy.recipient}\nCall:      {copy.call}")
    print(f"Mark:      {said.get(copy.state, 'the device said that part of the call was unmarked')}")
    print("These are pseudonyms of accounts. Somebody else may have held the device. It is a lead, to be confirmed.")
    return DONE


def _export(arguments: argparse.Namespace, desk: Desk) -> int:
    found = desk.do(lambda db, now: helpers.export(db, desk.keeper, desk.key, now))
    if found is None:
        return _no_helper()
    key, issued = found
    table = {"ringfence_issued": 1, "ids": {f"{number:08x}": row for number, row in sorted(issued.items())}}
    for path, text in ((arguments.key, key.hex()), (arguments.issued, json.dumps(table))):
        file = new_file(path)
        with os.fdopen(file, "w", encoding="ascii") as made:
            made.write(f"{text}\n")
    print(f"{len(issued)} issued ids and the key. Keep both as you keep a password, and delete them afterwards.")
    return DONE


def _count(_: argparse.Namespace, desk: Desk) -> int:
    found = desk.do(lambda db, now: helpers.count(db, desk.keeper, desk.key, now))
    if found is None:
        return _no_helper()
    print(f"marked: {found.marked}\nnothing said: {found.silent}")
    for why, number in found.unmarked.items():
        print(f"unmarked, {why}: {number}")
    return DONE


# -- what they share --------------------------------------------------------------------------------------------------------


def _said(done: bool | None, yes: str, no: str) -> int:
    if done is None:
        return _no_helper()
    print(yes if done else no)
    return DONE if done else NO


def _refused(no: Decision) -> int:
    print(no.sentence_grown_up)
    return NO


def _no_helper() -> int:
    print(_NO_HELPER, file=sys.stderr)
    return CANNOT


def _when(at: int) -> str:
    return f"{datetime.fromtimestamp(at / 1000, UTC):%Y-%m-%d %H:%M} UTC"


def _read_key(file: Path) -> str:
    try:
        return file.read_text("ascii")[:4096].strip()
    except (OSError, ValueError):
        raise CannotDo("The helper's key cannot be read.") from None


def new_file(path: Path) -> int:
    """Never an old file: somebody else's key or table would be gone, and an old file may be open to others."""
    try:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as fault:
        raise CannotDo(f"{path} cannot be made anew: {fault.strerror}.") from None


def _mark(typed: str) -> int:
    if not _MARK.match(typed.lower()):
        raise argparse.ArgumentTypeError("eight hexadecimal digits, as `ringfence trace` prints them")
    return int(typed, 16)


def _id(typed: str) -> str:
    if not re.fullmatch(
        r"[A-Za-z0-9_-]{1,64}", typed
    ):  # bytes that are no text reach us too, and no database takes them
        raise argparse.ArgumentTypeError("the id that was printed: letters, digits, - and _")
    return typed


def a_name(typed: str) -> str:
    if not re.fullmatch(r"[\w .-]{1,40}", typed):
        raise argparse.ArgumentTypeError("1 to 40 letters, digits, blanks, dots or dashes")
    return typed
