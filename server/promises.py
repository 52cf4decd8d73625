"""The promise ledger: what we promise to children, parents and regulators, and what of it is proven for the code that runs.

``promises.toml`` holds every promise once, in the words that pages show. ``data/proofs.json`` holds what the last ``make proofs`` found
(``tests/proofs.py`` runs the tests and the inspection that the ledger names and writes it). A promise is *proven* only if all its tests
passed, all its scenarios were proven, and the digest in that file is the digest of the code that runs. In a checkout, where the tests lie
beside the code, its tests have to be those that passed, too: of each file that the ledger names, and of all that tests share, the file has
a digest of its own. A copy that is deployed has no tests, and then only what runs is held against it. Anything else is "not proven", with
the reason: never run, the code or a test has changed since, or what failed. A file that cannot be read is as good as none. So a promise is
never proven by default, and no page has to be told to stop saying it (Children's Code 6: do what you publish).

The loader refuses an entry without a source, a reason or a proof, a code whose standing in law is not known, and an id that comes twice.
That named rules, tests, scenarios and faults exist is held by ``tests/unit/test_promises.py``: the house runs without its tests.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Final, Literal, get_args

from server.settings import ROOT

To = Literal["child", "parent", "regulator"]
Status = Literal["in force", "proposed", "announced", "our choice"]
Reader = Literal["adult", "child", "teen"]
Result = Literal["passed", "failed", "not run"]

PROOFS: Final = ROOT / "server" / "data" / "proofs.json"
#: What runs: a change in any of these makes every proof old.
CODE: Final = ("server", "signalling", "client_web", "migrations")
_KINDS: Final = frozenset(
    {
        ".cedar", ".cedarschema", ".css", ".html", ".js", ".json", ".mako", ".mjs", ".png", ".py", ".svg", ".toml", ".ts", ".ttf", ".txt",
        ".dylib", ".pyc", ".pyd", ".so",  # none of ours; beside a module Python would run them in its place
    }
)  # fmt: skip
_LEFT_OUT: Final = frozenset({"__pycache__", "node_modules"})
_ID: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_DAY: Final = re.compile(r"\d{4}(-\d{2}(-\d{2})?)?")


class BrokenLedger(Exception):
    """The ledger does not hold together. The sentence says where."""


@dataclass(frozen=True, slots=True)
class Law:
    """How a source stands. ``since``: a day, a month or a year. ``unverified``: from memory, to be checked before it is quoted."""

    status: Status
    since: str
    note: str
    unverified: bool = False


@dataclass(frozen=True, slots=True)
class Promise:
    """One promise. ``child`` and ``teen``: as children read it, empty where it is not shown to them. ``shown``: for each reader the
    words of pages that are this promise; several joined by " + " are one sentence, joined by ": ". ``moment``: these words as a
    page says them when it is so, where they are no promise when they are read alone."""

    id: str
    to: tuple[To, ...]
    sentence: str
    sources: tuple[str, ...]
    child: str = ""
    teen: str = ""
    rules: tuple[str, ...] = ()
    policy: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()
    scenarios: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    not_shown: str = ""
    shown: Mapping[Reader, tuple[str, ...]] = field(default_factory=dict)
    moment: Mapping[Reader, str] = field(default_factory=dict)

    def all_tests(self) -> tuple[str, ...]:
        """The tests, and for each promise about the rules the test that counts it over every combination."""
        return (*self.tests, *(f"{POLICY_TEST}[{one}]" for one in self.policy))

    def for_reader(self, reader: Reader) -> str:
        """The sentence as this reader reads it."""
        return {"adult": self.sentence, "child": self.child, "teen": self.teen}[reader]

    def on_pages(self, reader: Reader) -> str:
        """The words of the pages in :attr:`shown`."""
        return self.moment.get(reader) or self.for_reader(reader)


POLICY_TEST: Final = "tests/unit/test_policy_proof.py::test_a_promise_holds_in_every_situation_and_speaks_of_some"


@dataclass(frozen=True, slots=True)
class Ledger:
    """All promises in their order, and how each source stands."""

    promises: tuple[Promise, ...]
    law: Mapping[str, Law]
    looked_at: str

    def __getitem__(self, promise: str) -> Promise:
        return next(one for one in self.promises if one.id == promise)

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(one.id for one in self.promises)

    def to(self, whom: To) -> tuple[Promise, ...]:
        """The promises that are made to these."""
        return tuple(one for one in self.promises if whom in one.to)

    def standing(self, code: str) -> Law:
        """How this source stands. KeyError for one that nobody knows."""
        return self.law[_family(self.law, code)]


def _family(law: Iterable[str], code: str) -> str:
    fitting = [key for key in law if code == key or (code.startswith(key) and not code[len(key) :][:1].islower())]
    if not fitting:
        raise KeyError(code)
    return max(fitting, key=len)


# -- reading the ledger ---------------------------------------------------------------------------------------------------


@cache
def ledger() -> Ledger:
    """What comes with this package."""
    return read((resources.files("server") / "promises.toml").read_text("utf-8"))


def read(toml: str) -> Ledger:
    """Parse and check. Raises :class:`BrokenLedger` with the promise and what is wrong."""
    try:
        book = tomllib.loads(toml)
    except tomllib.TOMLDecodeError as fault:
        raise BrokenLedger(f"promises.toml: {fault}") from None
    if unknown := set(book) - {"looked_at", "law", "promise"}:
        raise BrokenLedger(f"promises.toml: nobody knows {', '.join(sorted(unknown))}")
    law = {code: _law(code, entry) for code, entry in dict(book.get("law", {})).items()}
    promises = tuple(_promise(entry, law) for entry in list(book.get("promise", [])))
    twice = sorted({one.id for one in promises if sum(other.id == one.id for other in promises) > 1})
    if twice:
        raise BrokenLedger(f"{twice[0]}: there are two of that id")
    if not promises or "looked_at" not in book:
        raise BrokenLedger("promises.toml: needs looked_at and promises")
    return Ledger(promises, law, str(book["looked_at"]))


def _law(code: str, entry: Any) -> Law:
    if not isinstance(entry, dict) or set(entry) - {"status", "since", "note", "unverified"}:
        raise BrokenLedger(f"{code}: a source has status, since, note and unverified")
    if entry.get("status") not in get_args(Status):
        raise BrokenLedger(f"{code}: the status is one of {', '.join(get_args(Status))}")
    if not _DAY.fullmatch(str(entry.get("since", ""))) or not entry.get("note"):
        raise BrokenLedger(f"{code}: since when, and what it is, must be said")
    return Law(entry["status"], str(entry["since"]), str(entry["note"]), entry.get("unverified") is True)


_LISTS: Final = ("to", "sources", "rules", "policy", "tests", "scenarios", "faults")
_TEXTS: Final = ("id", "sentence", "child", "teen", "not_shown")


def _promise(entry: Any, law: Mapping[str, Law]) -> Promise:
    name = entry.get("id", "") if isinstance(entry, dict) else ""
    if not isinstance(name, str) or not _ID.fullmatch(name):
        raise BrokenLedger(f"{name!r} is no id of a promise")
    if unknown := set(entry) - {*_LISTS, *_TEXTS, "shown", "moment"}:
        raise BrokenLedger(f"{name}: nobody knows {', '.join(sorted(unknown))}")
    for key in _LISTS:
        if not _texts(entry.get(key, [])):
            raise BrokenLedger(f"{name}: {key} is a list of texts")
    for key in _TEXTS:
        if not isinstance(entry.get(key, ""), str):
            raise BrokenLedger(f"{name}: {key} is a text")
    shown = entry.get("shown", {})
    if not isinstance(shown, dict) or set(shown) - set(get_args(Reader)) or not all(map(_texts, shown.values())):
        raise BrokenLedger(f"{name}: shown names words for adult, child and teen")
    moment = entry.get("moment", {})
    if not isinstance(moment, dict) or set(moment) - set(shown) or not _texts([*moment.values()]):
        raise BrokenLedger(f"{name}: moment has the words of a page that shown names")
    given: dict[str, Any] = {key: entry.get(key, "") for key in _TEXTS}
    given |= {key: tuple(entry.get(key, [])) for key in _LISTS}
    made = Promise(**given, shown={reader: tuple(words) for reader, words in shown.items()}, moment=dict(moment))
    _hold(made, law)
    return made


def _hold(one: Promise, law: Mapping[str, Law]) -> None:
    if not one.to or set(one.to) - set(get_args(To)):
        raise BrokenLedger(f"{one.id}: it is made to a child, a parent or a regulator")
    if not one.sentence:
        raise BrokenLedger(f"{one.id}: there is no sentence")
    if ("child" in one.to) != bool(one.child):
        raise BrokenLedger(f"{one.id}: a promise to children, and no other, has a sentence for them")
    if not one.sources:
        raise BrokenLedger(f"{one.id}: there is no source")
    if not any(code.startswith("row ") for code in one.sources):
        raise BrokenLedger(f"{one.id}: no row of the master table says why")
    for code in one.sources:
        try:
            _family(law, code)
        except KeyError:
            raise BrokenLedger(f"{one.id}: how {code} stands in law is not said") from None
    if not one.policy and not one.tests and not one.scenarios:
        raise BrokenLedger(f"{one.id}: nothing proves it")


def _texts(found: Any) -> bool:
    return isinstance(found, list) and all(isinstance(one, str) and one for one in found)


# -- is it proven? --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Proof:
    """Whether a promise is proven for the code that runs. ``why``: one sentence. ``at``: when its proof was run, milliseconds; 0: never."""

    proven: bool
    why: str
    at: int = 0
    failed: bool = False  #: it was run, and it showed the opposite


NEVER: Final = Proof(False, "Its proof has not been run for this version.")
CHANGED: Final = "The code has changed since its proof was run."
TESTS_CHANGED: Final = "Its tests have changed since its proof was run."


@dataclass(frozen=True, slots=True)
class Run:
    """What ``make proofs`` found for one promise."""

    at: int
    tests: Mapping[str, Result]
    scenarios: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Proofs:
    """The file. ``digest``: of the code for which it holds. ``tests``: of the tests that were run, see :func:`digests_of_tests`."""

    digest: str
    version: str
    runs: Mapping[str, Run]
    tests: Mapping[str, str] = field(default_factory=dict)


NO_PROOFS: Final = Proofs("", "", {})


def digest(root: Path = ROOT) -> str:
    """SHA-256 over the code that runs: names and contents of all files of :data:`CODE`, but for the proofs themselves."""
    whole = _digest_of(files_of(root), root)
    folders = (one for folder in CODE for one in (root / folder, *(root / folder).rglob("*")))
    if any(one.is_symlink() and one.is_dir() for one in folders):
        # what a linked folder leads to may be run and is not read here: nothing is proven for it
        return hashlib.sha256(whole.encode() + os.urandom(32)).hexdigest()
    return whole


#: Stands among the files of tests for everything in tests/ that is no file of tests: what they share.
SHARED: Final = "tests/"


def digests_of_tests(book: Ledger | None = None, root: Path = ROOT) -> dict[str, str] | None:
    """SHA-256 of each file of tests that the ledger names, with those from which it borrows, and of all that they share (:data:`SHARED`);
    None where there are no tests, as in a copy that is deployed."""
    if not (root / "tests").is_dir():
        return None
    named = {_file_of(test) for one in (book or ledger()).promises for test in one.all_tests()}
    lent: dict[str, list[Path]] = {}
    for file in sorted((root / "tests").rglob("test_*.py")):
        lent.setdefault(file.stem, []).append(file)
    found = {name: _digest_of(_with_what_it_borrows(root / name, lent), root) for name in sorted(named)}
    shared = [
        file
        for file in (root / "tests").rglob("*")
        if file.suffix in _KINDS
        and not file.name.startswith("test_")
        and _LEFT_OUT.isdisjoint(file.relative_to(root).parts)
        and file.is_file()
    ]
    return found | {SHARED: _digest_of(sorted(shared), root)}


def _with_what_it_borrows(file: Path, lent: Mapping[str, Sequence[Path]]) -> list[Path]:
    """A file of tests and all others whose names stand in it, in those and so on: an emptied list that it imports empties it, too."""
    found, waiting = [file], [file]
    while waiting:
        one = waiting.pop()
        words = set(_NAME_OF_TESTS.findall(one.read_text("utf-8"))) if one.is_file() else set()
        waiting += (more := [other for word in words for other in lent.get(word, ()) if other not in found])
        found += more
    return [file, *sorted(found[1:])]


_NAME_OF_TESTS: Final = re.compile(r"\btest_\w+")


def _file_of(test: str) -> str:
    return test.partition("::")[0]


def _digest_of(files: Iterable[Path], root: Path) -> str:
    total = hashlib.sha256()
    for file in files:
        content = file.read_bytes() if file.is_file() else b""
        for part in (file.relative_to(root).as_posix().encode(), content):
            total.update(len(part).to_bytes(8, "big") + part)
    return total.hexdigest()


def files_of(root: Path) -> list[Path]:
    """The files that :func:`digest` reads, in order."""
    proofs = root / PROOFS.relative_to(ROOT)
    found = (file for folder in CODE for file in (root / folder).rglob("*"))
    return sorted(
        (
            file
            for file in found
            if file.suffix in _KINDS
            and file != proofs
            and _LEFT_OUT.isdisjoint(file.relative_to(root).parts)
            and file.is_file()
        ),
        key=lambda file: file.relative_to(root).as_posix(),
    )


def read_proofs(path: Path = PROOFS) -> Proofs:
    """What was found the last time. A file that is not there or cannot be read is as good as none."""
    try:
        told = json.loads(path.read_text("utf-8"))
        runs = {
            str(name): Run(int(one["at"]), {str(k): v for k, v in one["tests"].items()}, dict(one["scenarios"]))
            for name, one in told["promises"].items()
        }
        tests = {str(name): str(one) for name, one in told["tests"].items()}
        return Proofs(str(told["digest"]), str(told["version"]), runs, tests)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return NO_PROOFS


def judge(one: Promise, found: Proofs, running: str, tests: Mapping[str, str] | None = None) -> Proof:
    """Is this promise proven for code with the digest ``running``, and with these ``tests`` beside it (None: there are none here)?"""
    run = found.runs.get(one.id)
    if run is None:
        return NEVER
    if found.digest != running:
        return Proof(False, CHANGED, run.at)
    named, scenarios = one.all_tests(), one.scenarios
    if not named and not scenarios:
        return Proof(False, "Nothing proves it.", run.at)
    if named and tests is not None:
        for file in {SHARED, *map(_file_of, named)}:
            if file not in tests or found.tests.get(file) != tests[file]:
                return Proof(False, TESTS_CHANGED, run.at)
    failed = [name for name in named if run.tests.get(name) == "failed"]
    broken = [name for name in scenarios if run.scenarios.get(name) == "broken"]
    if failed or broken:
        return Proof(False, f"Its proof failed: {_some([*broken, *failed])}.", run.at, failed=True)
    missing = [name for name in named if run.tests.get(name) != "passed"]
    missing += [name for name in scenarios if run.scenarios.get(name) != "proven"]
    if missing:
        return Proof(False, f"A part of its proof was not shown: {_some(missing)}.", run.at)
    return Proof(True, f"{_count(named, 'test')} and {_count(scenarios, 'attack')} passed.", run.at)


def _some(names: Sequence[str]) -> str:
    short = [name.rpartition("::")[2] for name in names]
    return short[0] if len(short) == 1 else f"{short[0]} and {len(short) - 1} more"


def _count(things: Sequence[str], name: str) -> str:
    return f"{len(things)} {name}{'' if len(things) == 1 else 's'}"


def statuses(
    book: Ledger | None = None,
    found: Proofs | None = None,
    running: str | None = None,
    tests: Mapping[str, str] | None = None,
) -> dict[str, Proof]:
    """For each promise whether it is proven. Reads the files of the code and of the tests, unless it is told what they are: some 30 ms, so
    not on every request."""
    book = ledger() if book is None else book
    if running is None:
        running, tests = digest(), digests_of_tests(book)
    found = read_proofs() if found is None else found
    return {one.id: judge(one, found, running, tests) for one in book.promises}
