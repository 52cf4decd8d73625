"""``ringfence policy check | explain | diff | print``: the rulebook for those who answer for it.

Each command reads files, asks ``server/policy/`` and prints; nothing is served and nobody is asked. What goes wrong is told in one
sentence on the error output. Exit status: 0 good; 1 something was found (``check``: a promise, vector or file that does not hold;
``explain``: the question is broken; ``diff``: an answer or a value changed); 2 the command could not do its work.
"""

# ruff: noqa: T201 - the command line speaks by printing
from __future__ import annotations

import argparse
import json
import logging
import random
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from server.policy import BrokenRulebook, Rulebook
from server.policy import load as load_rules
from server.policy.vectors import BrokenVectors, Vector, check, load_vectors
from server.settings import ROOT

VECTORS: Final = ROOT / "tests" / "conformance" / "vectors.json"
SEED: Final = 2019  #: of the sample, so that two runs ask the same
SAMPLE: Final = 400  #: drawn situations of each verb
COMPLETE: Final = 90_000  #: verbs with no more combinations than this are asked in every one


class _CannotDo(Exception):
    """The command cannot do its work; the sentence says why. Exit 2."""


def add_commands(commands: Any) -> None:
    """The commands below ``ringfence policy``."""
    checking = commands.add_parser("check", help="validate the rulebook, prove its promises, ask its vectors")
    checking.add_argument(
        "--vectors", type=Path, default=VECTORS, metavar="FILE", help="default: the conformance vectors"
    )
    checking.add_argument(
        "--rulebook", type=Path, metavar="FOLDER", help="another rulebook, laid out like server/policy"
    )
    checking.add_argument("--quick", action="store_true", help="ask the engine only a small sample")
    checking.set_defaults(command=_guarded(_check))

    explaining = commands.add_parser("explain", help="one answer: the rules that gave it, and what would turn it")
    explaining.add_argument("question", metavar="QUESTION.json", help="- reads the standard input")
    explaining.add_argument(
        "--rulebook", type=Path, metavar="FOLDER", help="another rulebook, laid out like server/policy"
    )
    explaining.add_argument("--json", action="store_true", help="for a program")
    explaining.set_defaults(command=_guarded(_explain))

    comparing = commands.add_parser("diff", help="which situations change their answer between two rulebooks")
    comparing.add_argument("old", type=Path, metavar="OLD", help="a folder laid out like server/policy")
    comparing.add_argument("new", type=Path, metavar="NEW")
    comparing.set_defaults(command=_guarded(_diff))

    commands.add_parser("print", help="the rulebook as Markdown").set_defaults(command=_guarded(_print))


def _guarded(body: Callable[[argparse.Namespace], int]) -> Callable[[argparse.Namespace, Mapping[str, str]], int]:
    def run(arguments: argparse.Namespace, _: Mapping[str, str]) -> int:
        from server.policy.situations import MissingLibrary, NotTranslated

        try:
            return body(arguments)
        except (_CannotDo, BrokenRulebook, MissingLibrary, NotTranslated) as fault:
            print(fault, file=sys.stderr)
            return 2

    return run


def _rulebook(folder: Path | None) -> Rulebook:
    if folder is None:
        return load_rules()
    if not folder.is_dir():
        raise _CannotDo(f"{folder} is not a folder.")
    try:
        return load_rules(folder)
    except BrokenRulebook as wrong:
        raise BrokenRulebook(f"{folder}/{wrong}") from None


def _read(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except OSError as wrong:
        raise _CannotDo(f"{file} cannot be read: {wrong.strerror}.") from None
    except UnicodeDecodeError:
        raise _CannotDo(f"{file} is not text in UTF-8.") from None


# -- check ----------------------------------------------------------------------------------------------------------------


def _check(arguments: argparse.Namespace) -> int:
    logging.getLogger("server.policy").setLevel(logging.CRITICAL)  # broken questions are asked here on purpose
    text = _read(arguments.vectors)
    try:
        book, vectors = _rulebook(arguments.rulebook), load_vectors(text)
    except BrokenRulebook as wrong:
        print(wrong)
        return 1
    except BrokenVectors as wrong:
        print(f"{arguments.vectors.name}: {wrong}")
        return 1
    values = sum(len(values) for one in (book.bands.base, *book.bands.countries.values()) for values in one.values())
    print(
        f"The rulebook fits its schema: {len(book.rules)} rules, {len(book.bands.base)} bands, "
        f"{len(book.bands.countries)} countries, {values} values with their sources, version {book.version}."
    )
    wrongs = [*_check_promises(book, arguments.quick), *_check_vectors(book, vectors, arguments.vectors.name)]
    for one in wrongs:
        print(one)
    print("Everything holds." if not wrongs else f"{len(wrongs)} things do not hold.")
    return 1 if wrongs else 0


def _check_promises(book: Rulebook, quick: bool) -> Sequence[str]:
    from server.policy.prove import PROMISES, counts, hold_against_engine, never_answered_yes, prove
    from server.policy.situations import situations_of

    begun = time.monotonic()
    situations = situations_of(book.cedar, book.schema)
    if missing := situations.without_verbs():
        return [f"These verbs are in the schema or in the code, and not in both: {', '.join(missing)}."]
    print(f"{'Verb':<24}{'situations':>26}{'yes':>22}{'no':>26}")
    every = counts(situations)
    for one in every:
        print(f"{one.verb:<24}{one.situations:>26,}{one.allowed:>22,}{one.refused:>26,}")
    total, yes = sum(one.situations for one in every), sum(one.allowed for one in every)
    print(f"{'all':<24}{total:>26,}{yes:>22,}{total - yes:>26,}")
    broken = prove(situations)
    found = [
        f"BROKEN PROMISE {one.promise}: {one.sentence} {one.verb}: {one.situations:,} situations are answered "
        f"{'yes' if one.answer else 'no'}, such as {json.dumps(one.example)}"
        for one in broken
    ]
    found += [f"Nobody ever gets a yes to {verb}." for verb in never_answered_yes(situations)]
    held = len(PROMISES) - len({one.promise for one in broken} & {promise.id for promise in PROMISES})
    print(
        f"Promises: {held} of {len(PROMISES)} hold in every situation; so do two more: no fact made less safe opens anything "
        f"and calls are mutual ({time.monotonic() - begun:.1f} s)."
    )
    begun = time.monotonic()
    asking = hold_against_engine(
        book.cedar,
        book.schema,
        situations,
        dice=random.Random(SEED),  # noqa: S311 - a sample that can be repeated
        sample=50 if quick else SAMPLE,
        complete=0 if quick else COMPLETE,
        progress=_progress,
    )
    _progress("")
    print(
        f"The engine itself: {asking.decisions:,} decisions, {asking.rules} rules each alone in every combination of what they see, "
        f"{len(asking.complete)} verbs in every combination; {len(asking.otherwise)} differ ({time.monotonic() - begun:.1f} s)."
    )
    return found + asking.otherwise[:20]


def _progress(what: str) -> None:
    """One line that writes over itself, where somebody is looking."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{what and f'asking about {what} ...'}")
        sys.stderr.flush()


def _check_vectors(book: Rulebook, vectors: Sequence[Vector], name: str) -> Sequence[str]:
    differ = check(vectors, book.decide_plain)
    print(f"Vectors: {len(vectors) - len(differ)} of {len(vectors)} are answered as written, with all their reasons.")
    return [f"{name}: {one}" for one in differ]


# -- explain, diff, print -------------------------------------------------------------------------------------------------


def _explain(arguments: argparse.Namespace) -> int:
    from server.policy.explain import as_plain, as_text, explain

    name = arguments.question
    text = sys.stdin.read() if name == "-" else _read(Path(name))
    try:
        question = json.loads(text)
    except ValueError as wrong:
        raise _CannotDo(f"{name} is not JSON: {wrong}.") from None
    told = explain(_rulebook(arguments.rulebook), question)
    if arguments.json:
        print(json.dumps(as_plain(told), indent=2, ensure_ascii=False))
    else:
        print(as_text(told), end="")
    return 1 if told.wrong else 0


def _diff(arguments: argparse.Namespace) -> int:
    from server.policy.diff import as_text, compare

    difference = compare(_rulebook(arguments.old), _rulebook(arguments.new))
    print(as_text(difference), end="")
    return 1 if difference else 0


def _print(_: argparse.Namespace) -> int:
    from server.policy.explain import as_markdown

    print(as_markdown(load_rules()), end="")
    return 0
