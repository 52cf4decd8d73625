"""``ringfence inspect``: play the red team against a server, print what is seen as it goes, write and sign the report.

Exit status. 0: every promise in scope is proven. 1: a promise is broken. 3: nothing is broken, and something could not be shown.
2: the arguments are wrong, or the report has no place to be written to, and nothing was played; or, at the end, it could not be written
whole (a full disk, a fault of ours in drawing it), and then the exit status says nothing of the promises. The report is written in
each of the other cases, also when the server hangs, lies or dies half-way.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import ssl
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from server import verify_cli
from server.errors import CannotStart

if TYPE_CHECKING:
    from server.inspection.adapter import Platform
    from server.inspection.findings import Inspection
    from server.inspection.stage import Scenario

KEY: Final = "RINGFENCE_INSPECTOR_KEY"
MARK: Final = {"proven": "proven   ", "broken": "BROKEN   ", "not_shown": "not shown"}

PATIENT_MINUTES: Final = 120

BOUNDED: Final = (
    "Against a server that is not on this machine only a bounded amount is done: one story at a time, at most twenty made-up "
    "grown-ups sign up in an hour, at most 310 requests are sent one after the other and at most 120 messages at once, the cut of a "
    "call is measured three times; no load. What could not be tried for that reason could not be shown, unless the run waits "
    "(--patient). The families are closed again afterwards, as far as the server lets one. Do it only to a server that is yours or "
    "whose owner has said yes."
)


def add_command(commands: Any) -> None:
    """Add ``inspect`` to the subcommands of ``ringfence``."""
    parser = commands.add_parser(
        "inspect",
        help="play the red team against a server and sign what was found",
        description="Plays attacks with made-up families against a fresh server of its own, or against one by address, and writes "
        f"a signed report: report.json, report.html and report.pdf. {BOUNDED}",
        epilog="Exit status 0: all promises in scope are proven. 1: one is broken. 3: something could not be shown. "
        "2: wrong arguments, or the report could not be written.",
    )
    parser.add_argument("--out", type=Path, help="folder for the report (made if it is not there)")
    parser.add_argument("--against", metavar="URL", help="a server that is running already")
    parser.add_argument(
        "--yes-it-is-mine", action="store_true", help="needed with --against, unless it is this machine"
    )
    parser.add_argument("--only", action="append", metavar="STORY", help="this story only; may be given again")
    parser.add_argument(
        "--list", action="store_true", help="print the stories and the promises that each is for, and stop"
    )
    parser.add_argument(
        "--platform",
        default="ringfence",
        metavar="NAME",
        help="what to inspect: ringfence (the default), peerserver, janus, janus-guarded, or module:Class of an adapter of your own",
    )
    parser.add_argument("--trust", type=Path, metavar="PEM", help="a certificate to believe, for a server of one's own")
    parser.add_argument(
        "--key-file", type=Path, metavar="FILE", help=f"the inspector's key for decisions and checkpoints (or {KEY})"
    )
    parser.add_argument(
        "--sign-with",
        type=Path,
        metavar="FILE",
        help="the key that signs the report; made on first use (default: ringfence/inspector.key where your settings are kept)",
    )
    parser.add_argument("--json-progress", action="store_true", help="print progress as lines of JSON")
    parser.add_argument("--at-once", type=int, default=0, metavar="N", help="stories at a time on a server of its own")
    parser.add_argument(
        "--patient",
        type=_minutes,
        nargs="?",
        const=PATIENT_MINUTES,
        default=0,
        metavar="MINUTES",
        help="where the server says when it lets in the next family, wait until then: so long in all, at most "
        f"(without a number: {PATIENT_MINUTES})",
    )
    parser.set_defaults(command=run)
    verify_cli.add_command(parser.add_subparsers(metavar="verify"))


def _minutes(typed: str) -> int:
    if not (typed.isascii() and typed.isdecimal() and 1 <= int(typed) <= 1_440):
        raise argparse.ArgumentTypeError("1 to 1440 minutes")
    return int(typed)


def run(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Everything, from arguments to exit status."""
    from server.inspection import scenarios  # here: aiortc and all that is heavy only when something is inspected

    chosen = _chosen(scenarios.ALL, arguments)
    if arguments.list:
        for one in chosen:
            print(f"{one.id}: {one.title}. For {', '.join(one.promises)}.")
        return 0
    if arguments.out is None:
        raise CannotStart("Say with --out where the report should be written.")
    write = _writer(arguments, environ)
    platform = _platform(arguments, environ)
    tell = _heard_or_not(_as_json if arguments.json_progress else Said())
    inspection = asyncio.run(_inspect(platform, chosen, arguments, tell))
    if arguments.only:  # a reader must not take a part for the whole
        inspection = replace(inspection, by=f"{inspection.by}; only {', '.join(one.id for one in chosen)} played")
    try:
        files = write(inspection)
    except OSError as fault:
        raise CannotStart(f"The report could not be written: {fault.strerror}.") from None
    except Exception as fault:  # a traceback ends with status 1, and that would say that a promise is broken
        raise CannotStart(
            f"The report could not be drawn ({type(fault).__name__}); report.json and its signature are in {arguments.out}."
        ) from fault
    tell({"t": "written", "files": [str(one) for one in files]})
    return status(inspection)


def status(inspection: Inspection) -> int:
    """The exit status, from what was shown."""
    found = inspection.verdicts().values()
    return 1 if "broken" in found else 0 if inspection.all_proven else 3


async def _inspect(
    platform: Platform,
    chosen: Sequence[Scenario],
    arguments: argparse.Namespace,
    tell: Callable[[Mapping[str, Any]], None],
) -> Inspection:
    from server.inspection import own
    from server.inspection import run as play
    from server.inspection.patience import Patience

    bounded = arguments.against is not None and not own.is_this_machine(arguments.against)
    patience = Patience(60.0 * arguments.patient)
    if isinstance(platform, own.Ringfence):
        platform.patience = patience
    return await play.inspect(
        platform, chosen, tell=tell, bounded=bounded, at_once=arguments.at_once or play.AT_ONCE, patience=patience
    )


def _chosen(every: Sequence[Scenario], arguments: argparse.Namespace) -> tuple[Scenario, ...]:
    known = {one.id: one for one in every if one.portable or arguments.platform == "ringfence"}
    if unknown := sorted(set(arguments.only or ()) - known.keys()):
        raise CannotStart(
            f"There is no story {', '.join(unknown)} for {arguments.platform}. See ringfence inspect --list."
        )
    return tuple(one for one in known.values() if not arguments.only or one.id in arguments.only)


def _platform(arguments: argparse.Namespace, environ: Mapping[str, str]) -> Platform:
    if arguments.platform != "ringfence":
        if arguments.against:
            raise CannotStart("--against is for a Ringfence; another platform is started here, from its package.")
        from server.inspection import platforms

        return platforms.named(arguments.platform)
    from server.inspection import own

    if not arguments.against:
        if arguments.trust or arguments.key_file:
            raise CannotStart("--trust and --key-file go with --against.")
        return own.Ringfence(own.FreshServer(environ=environ))
    address = urlsplit(arguments.against)
    if address.scheme not in ("http", "https") or not address.hostname or address.path.strip("/") or address.query:
        raise CannotStart("--against is an address such as https://calls.example, without a path.")
    if not own.is_this_machine(arguments.against) and not arguments.yes_it_is_mine:
        raise CannotStart(f"{BOUNDED} Say --yes-it-is-mine if so.")
    return own.Ringfence(own.Elsewhere(arguments.against, _trust(arguments.trust), _key(arguments.key_file, environ)))


def _trust(file: Path | None) -> ssl.SSLContext | None:
    if file is None:
        return None
    try:
        return ssl.create_default_context(cafile=str(file))
    except (OSError, ssl.SSLError):
        raise CannotStart("The file named by --trust is no certificate that can be read.") from None


def _key(file: Path | None, environ: Mapping[str, str]) -> str:
    if file is None:
        return environ.get(KEY, "").strip()
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise CannotStart("The file named by --key-file cannot be read.") from None


def _writer(arguments: argparse.Namespace, environ: Mapping[str, str]) -> Callable[[Inspection], Sequence[Path]]:
    """What writes the report, after everything that could hinder it has been tried."""
    from server import notes
    from server.inspection import report, sign

    out: Path = arguments.out
    try:
        out.mkdir(parents=True, exist_ok=True)
        if not os.access(out, os.W_OK):
            raise CannotStart("The folder named by --out cannot be written to.")
        key = sign.own_key(arguments.sign_with or _own_key(environ))
    except notes.NotANote as why:
        raise CannotStart(f"The report cannot be signed: {why}") from None
    except OSError as fault:
        raise CannotStart(
            f"The folder for the report, or the key that signs it, cannot be used: {fault.strerror}."
        ) from None
    print(f"The report will be signed with {key.verifier.line}", file=sys.stderr, flush=True)
    if not report.can_print():
        print(report.NO_PRINT, file=sys.stderr, flush=True)
    return lambda inspection: report.write(inspection, out, key=key)


def _own_key(environ: Mapping[str, str]) -> Path:
    """Where the inspector's own key is kept. Never in --out: that folder is handed on, and whoever has the key can sign as we do."""
    kept = environ.get("XDG_CONFIG_HOME") or environ.get("APPDATA")
    return (Path(kept) if kept else Path.home() / ".config") / "ringfence" / "inspector.key"


def _heard_or_not(tell: Callable[[Mapping[str, Any]], None]) -> Callable[[Mapping[str, Any]], None]:
    """Nobody who stops listening stops the inspection: the report is what counts."""

    def told(what: Mapping[str, Any]) -> None:
        try:
            tell(what)
        except BrokenPipeError:
            sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - for the rest of this process

    return told


def _as_json(what: Mapping[str, Any]) -> None:
    print(json.dumps(what), flush=True)


def _harmless(it: Any) -> Any:
    """What a platform said may not move the cursor, clear what was printed before or turn the line: the report's own words do not."""
    from server.inspection.document import clean

    if isinstance(it, str):
        return clean(it)
    if isinstance(it, Mapping):
        return {_harmless(key): _harmless(value) for key, value in it.items()}
    return [_harmless(one) for one in it] if isinstance(it, list | tuple) else it


class Said:
    """Progress for people: a line when a scenario is done, and its steps when it is not proven."""

    def __init__(self) -> None:
        self._steps: dict[str, list[Mapping[str, Any]]] = {}

    def __call__(self, what: Mapping[str, Any]) -> None:
        what = _harmless(what)
        kind = what["t"]
        if kind == "begun":
            print(f"{len(what['scenarios'])} stories for {len(what['promises'])} promises.", flush=True)
        elif kind == "opened":
            print(f"Inspecting {what['name']} {what['version']}".rstrip() + ".", flush=True)
        elif kind == "waiting":
            at = datetime.fromtimestamp(what["until"] / 1000).astimezone()
            print(f"waiting    until {at:%H:%M:%S %Z}. {what['why']}", flush=True)
        elif kind == "playing":
            self._steps.pop(what["scenario"], None)  # it may be played once more
        elif kind == "step":
            self._steps.setdefault(what["scenario"], []).append(what)
        elif kind == "done":
            self._done(what)
        elif kind == "outcome":
            self._outcome(what)
        elif kind == "written":
            print("Written and signed: " + ", ".join(what["files"]), flush=True)
        elif kind == "said":
            print(what["what"], file=sys.stderr, flush=True)

    def _done(self, what: Mapping[str, Any]) -> None:
        print(f"{MARK[what['outcome']]}  {what['scenario']}  ({what['seconds']:.1f} s)", flush=True)
        if what["outcome"] == "proven":
            return
        for step in self._steps.get(what["scenario"], ()):
            sign = {True: "as promised", False: "NOT as promised", None: "could not be seen"}[step["as_promised"]]
            print(f"             {step['tried']} {step['seen']} [{sign}]", flush=True)
        print(f"             {what['why']}", flush=True)

    def _outcome(self, what: Mapping[str, Any]) -> None:
        print(flush=True)
        for promise, outcome in what["verdicts"].items():
            print(f"{MARK[outcome]}  {promise}", flush=True)
        print(
            "Every promise in scope is proven." if what["all_proven"] else "Not every promise in scope is proven.",
            flush=True,
        )
