"""A safe account is a type: nothing that can be set, sent, typed or been switches one of its protections off.

These tests try them all. Every setting at every extreme that it accepts, every flag of the command line, every header and cookie
that is read, every field of every request's body, every kind of person, every value of every country: each is on a closed list
with the reason why it loosens nothing, and where it can be tried, it is tried. A new one fails here until somebody has
written its reason down. And because a test that cannot fail proves nothing, each of the probes is also held against something
loose that was made for it, and must find it.

(NSPCC-2: "an account cannot be a child's without the protections; no admin override". Master table row 8; Children's Code 6.)
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import inspect
import json
import os
import re
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import fields
from itertools import product
from pathlib import Path
from typing import Any, Final, get_args

import pytest
from sqlalchemy.exc import IntegrityError

import server.demo
from server import settings
from server.api import contacts, families, keys, limits, rim  # noqa: F401 - their bodies are walked through
from server.cli import _parser
from server.errors import BadSettings
from server.policy import BrokenRulebook, Decision, Rulebook, load
from server.policy.bands import _KEYS, Bands, bands_in_force, read_bands, texts
from server.policy.facts import Act, Band, Kind, Matter, Person, Verb
from server.settings import PREFIX, ROOT, Settings
from tests.house import open_house
from tests.village import Village, village

VECTORS: Final = json.loads((ROOT / "tests/conformance/vectors.json").read_text())["vectors"]
SOURCES: Final = sorted([*ROOT.glob("server/**/*.py"), *ROOT.glob("signalling/**/*.py")])


def answers(book: Rulebook) -> str:
    """All that this rulebook says to all vectors, and all its rules, in one hash."""
    said = [(one["id"], (yes := book.decide_plain(one["question"])).allowed, yes.rules, yes.code) for one in VECTORS]
    return hashlib.sha256(repr((book.version, sorted(map(repr, book.rules.values())), said)).encode()).hexdigest()


# == Settings =============================================================================================================

#: What each setting can be at its most: the smallest, the largest, the most open, the most nonsensical that still loads.
#: The server may be made useless by them; the rules may not be made weaker.
EXTREMES: Final[dict[str, tuple[str, ...]]] = {
    "host": ("0.0.0.0,::", "127.0.0.1"),
    "port": ("0", "65535"),
    "origin": ("https://a.example", "https://a.example,https://b.example,https://c.example:1"),
    "proxies": ("1", "8"),
    "certificate": (__file__,),
    "certificate_key": (__file__,),
    "data": ("/", "/nowhere"),
    "database": ("sqlite+aiosqlite:////nowhere", "postgresql+asyncpg://nobody@nowhere/none"),
    "gate_host": ("0.0.0.0,::", "127.0.0.1"),
    "gate_port": ("0", "65535"),
    "gate_addresses": ("", "0.0.0.0,::,255.255.255.255"),
    "accountable_person": ("x", "x" * 10_000),
    "accountable_contact": ("x", "x" * 10_000),
    "checkpoint_minutes": ("1", "1440"),
    "demo": ("yes", "no"),
    "demo_on_network": ("yes", "no"),
    "log_level": ("debug", "error"),
}
GOOD: Final = {
    "origin": "https://calls.example",
    "proxies": "1",
    "accountable_person": "Ada Example",
    "accountable_contact": "safety@calls.example",
}
#: What must be said beside an extreme for it to load at all.
BESIDE: Final[dict[str, dict[str, str]]] = {
    "certificate": {"certificate_key": __file__},
    "certificate_key": {"certificate": __file__},
    "demo_on_network": {"demo": "yes"},
}
CASES: Final = [(name, value) for name, values in EXTREMES.items() for value in values]


def environment(cases: list[tuple[str, str]]) -> dict[str, str]:
    said = dict(GOOD)
    for name, _ in cases:
        said |= BESIDE.get(name, {})
    return {f"{PREFIX}{key.upper()}": value for key, value in (said | dict(cases)).items()}


def rounds() -> list[list[tuple[str, str]]]:
    """The extremes in as few environments as they fit into together. Each of them loads."""
    packed: list[list[tuple[str, str]]] = []
    for case in CASES:
        for fit in packed:
            if case[0] not in dict(fit) and _loads([*fit, case]):
                fit.append(case)
                break
        else:
            assert _loads([case]), case
            packed.append([case])
    return packed


def _loads(cases: list[tuple[str, str]]) -> bool:
    try:
        return isinstance(settings.load(environment(cases)), Settings)
    except BadSettings:
        return False


def changed_by(make: Callable[[], Rulebook], monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Which settings change any answer or any rule of the rulebook that ``make`` gives."""

    def differs(cases: list[tuple[str, str]]) -> bool:
        with monkeypatch.context() as one:
            for key, said in environment(cases).items():
                one.setenv(key, said)
            return answers(make()) != plain

    plain = answers(make())
    return {case[0] for together in rounds() if differs(together) for case in together if differs([case])}


class Loose(Rulebook):
    """What must never be: rules that ask how the server was started."""

    def decide(self, question: Any) -> Decision:
        decision = super().decide(question)
        if os.environ.get("RINGFENCE_DEMO") == "yes" and question.verb is Verb.RING:
            return Decision(True, ("because-it-is-a-demo",), decision.rulebook, "ok", "", "")
        return decision


def test_every_setting_has_its_extremes_here() -> None:
    assert set(EXTREMES) == {field.name for field in fields(Settings)}


def test_no_setting_at_any_extreme_changes_an_answer_or_a_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    assert changed_by(load, monkeypatch) == set()


def test_a_setting_that_did_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def loose() -> Rulebook:
        book = load()
        book.__class__ = Loose
        return book

    assert {"demo"} <= changed_by(loose, monkeypatch) <= {"demo", "demo_on_network"}


@pytest.mark.parametrize("more", [{}, {"demo": True}, {"log_level": "error"}, {"log_level": "debug"}], ids=str)
async def test_the_whole_house_decides_by_the_same_rules_however_it_is_opened(tmp_path: Path, more: Any) -> None:
    async with open_house(tmp_path, **more) as house:
        assert answers(house.app[keys.KEEPER].rulebook) == answers(load())


def test_a_rulebook_is_made_of_texts_and_of_nothing_else() -> None:
    taken = inspect.signature(Rulebook.__init__).parameters
    assert list(taken) == ["self", "cedar", "schema", "bands", "countries"]
    assert {str(one.annotation) for one in list(taken.values())[1:]} == {"str", "Mapping[str, str] | None"}
    assert list(inspect.signature(load).parameters) == ["folder"], "for whoever compares two; the house takes its own"
    for file in SOURCES:
        calls = [one for one in ast.walk(ast.parse(file.read_text())) if isinstance(one, ast.Call)]
        chosen = [one for one in calls if ast.unparse(one.func) in ("load", "policy.load") and one.args]
        if file.name not in ("policy_cli.py", "cli.py", "marks_cli.py"):  # the other two load settings
            assert chosen == [], file
    assert list(inspect.signature(Rulebook.decide).parameters) == ["self", "question"]


#: Nothing by which a decision could hear of how, where or by whom the server was started.
DEAF_TO: Final = {"os", "sys", "server.settings", "argparse", "platform", "socket", "getpass", "pathlib"}
#: The files between a question and its answer.
DECIDING: Final = [
    *(ROOT / "server/policy" / f"{name}.py" for name in ("__init__", "bands", "decide", "facts")),
    *(
        ROOT / "server" / f"{name}.py"
        for name in (
            "facts",
            "gatekeeper",
            "calls",
            "contacts",
            "limits",
            "supervision",
            "blocks",
            "home_time",
            "retention",
        )
    ),
]


def hears(source: str) -> set[str]:
    """What this source imports of ``DEAF_TO``, and whether it looks at the environment by another way."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {node.module or ""} | {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv"):
            found.add("os")
        elif isinstance(node, ast.Name) and node.id in ("SETTINGS", "Settings"):
            found.add("server.settings")
    return found & DEAF_TO


@pytest.mark.parametrize("file", DECIDING, ids=lambda file: file.name)
def test_what_decides_imports_neither_the_settings_nor_the_environment(file: Path) -> None:
    assert hears(file.read_text()) == set()


@pytest.mark.parametrize(
    "source",
    [
        "import os",
        "from server.settings import Settings",
        "from server import settings",
        "x.environ['A']",
        "app[SETTINGS]",
    ],
)
def test_a_file_that_did_would_be_found(source: str) -> None:
    assert hears(source)


def test_nothing_but_the_command_line_reads_the_environment() -> None:
    found = {
        file.relative_to(ROOT).as_posix()
        for file in SOURCES
        if any(
            isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv")
            for node in ast.walk(ast.parse(file.read_text()))
        )
    }
    assert found == {"server/cli.py"}


def test_the_page_of_the_settings_says_so() -> None:
    page = (ROOT / "docs/reference/settings.md").read_text()
    assert "## Not settings\n\nNo setting makes a rule weaker" in page


# == The command line =====================================================================================================

_KEY: Final = "who sits here: a key whose hash the database must know"
#: Everything that can be typed after ``ringfence``, and why it loosens nothing.
FLAGS: Final[dict[str, str]] = {
    "--version": "prints",
    "demo --port": "where the pages are",
    "demo --https": "serves made-up families to a network; the rules are the same",
    "serve --port": "where the pages are",
    "audit verify --demo": "which record is read",
    "audit verify --checkpoint": "reads; a file that somebody kept",
    "audit verify --from": "reads",
    "audit verify --key": "reads: which public key is believed",
    "audit prove chain": "whose chain; prints digests only",
    "audit prove seq": "prints digests only",
    "audit prove --demo": "which record is read",
    "audit export --chain": "prints what a grown-up of that household is shown of its chain",
    "audit export --blind": "prints digests and times only",
    "audit export --out": "where it is written",
    "audit export --checkpoint": "reads; which proof is put into the export: hashes, and nothing of anybody's rows",
    "audit export --since": "the same, by a number",
    "audit export --demo": "which record is read",
    "audit checkpoint --demo": "which record is signed",
    "audit rotate --lost": "a new key without the old one's word: every check of the record says so from then on",
    "audit rotate --demo": "which record's key",
    "shift --minutes": "a moderator is there: needed for a stage, and by itself allows none; at most a working day",
    "shift --end": "ends a shift; a stage ends with it",
    "shift --demo": "which records",
    "review pseudonym": "who was looked at (row 17); an audit-chain pseudonym, no name",
    "review --families": "a helper has looked: lifts the wait of row 17 for one grown-up up to a number, and no yes of any family",
    "review --demo": "which records",
    "policy check --vectors": "reads",
    "policy check --rulebook": "reads",
    "policy check --quick": "reads",
    "policy explain question": "reads",
    "policy explain --rulebook": "reads another rulebook to explain it; the house has its own",
    "policy explain --json": "prints",
    "policy diff old": "reads",
    "policy diff new": "reads",
    "trace clip": "reads a file that somebody brings",
    "trace --key": "reads",
    "trace --issued": "reads",
    "trace --from": "reads",
    "trace --json": "prints",
    "trace --helper": _KEY,
    "trace --demo": "which records",
    "helpers add name": "a helper more: reaches no child, and is told of a mark only by the rules (two helpers, an open report)",
    "helpers add --key": "where the new helper's key is written",
    "helpers add --demo": "which records",
    "inspect --against": "which server is looked at, from outside, with what anybody could send",
    "inspect --yes-it-is-mine": "says that it may be looked at; no server hears of it",
    "inspect --only": "which stories are told",
    "inspect --list": "prints",
    "inspect --platform": "what is looked at",
    "inspect --trust": "which certificate the inspector's own requests believe",
    "inspect --key-file": "an inspector's key, for what names nobody",
    "inspect --sign-with": "which key signs the report",
    "inspect --out": "where the report is written",
    "inspect --at-once": "how many stories are told at a time",
    "inspect --json-progress": "prints",
    "inspect --patient": "how long the inspector waits, where a server says to come later",
    "inspect verify folder": "reads",
    "inspect verify --key": "which signature is looked for",
    "inspectors add name": "an inspector more: looks at what names nobody, by the rules, and reaches no family",
    "inspectors add --key": "where the new inspector's key is written",
    "inspectors add --demo": "which records",
    "inspectors remove name": "an inspector less",
    "inspectors remove --demo": "which records",
    "inspectors list --demo": "which records",
    "helpers remove name": "a helper less",
    "helpers remove --demo": "which records",
    "reports list --helper": _KEY,
    "reports list --demo": "which records",
    "reports take report": "that a helper looks; the child reads it",
    "reports take --helper": _KEY,
    "reports take --demo": "which records",
    "reports open --mark": "opens a report for a recording that somebody brought; without one no mark is looked up",
    "reports open --helper": _KEY,
    "reports open --demo": "which records",
    "reports close report": "what it held goes after its time",
    "reports close --outcome": "a fixed list",
    "reports close --helper": _KEY,
    "reports close --demo": "which records",
    "marks count --helper": _KEY,
    "marks count --demo": "which records",
    "marks export --issued": "writes ids without people",
    "marks export --key": "writes the key of the patterns, which every page has",
    "marks export --helper": _KEY,
    "marks export --demo": "which records",
    "marks ask mark": "shows nothing yet: a second helper must agree",
    "marks ask --case": "which open report; without one there is no answer",
    "marks ask --why": "stands in the record",
    "marks ask --helper": _KEY,
    "marks ask --demo": "which records",
    "marks agree ask": "tells two pseudonyms, to the second of two helpers, once",
    "marks agree --helper": _KEY,
    "marks agree --demo": "which records",
}


def typed(parser: argparse.ArgumentParser, path: tuple[str, ...] = ()) -> Iterator[str]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, sub in action.choices.items():
                yield from typed(sub, (*path, name))
        elif not isinstance(action, argparse._HelpAction):
            for name in action.option_strings or [action.dest]:
                yield " ".join((*path, name))


def test_every_flag_of_the_command_line_is_here_with_its_reason() -> None:
    assert set(typed(_parser())) == set(FLAGS), (
        "a new flag needs a reason why it loosens nothing, and one that is gone needs none"
    )


def test_a_new_flag_would_be_found() -> None:
    parser = _parser()
    parser.add_argument("--no-limits")
    assert set(typed(parser)) - set(FLAGS) == {"--no-limits"}


# == Headers, cookies, queries and bodies =================================================================================

#: Every header, cookie and query that any handler reads, and what for.
READ: Final[dict[str, str]] = {
    "Origin": "a page from elsewhere is refused",
    "Content-Encoding": "a packed body is refused",
    "X-Forwarded-For": "for the throttle alone, and only from proxies that are our own",
    "User-Agent": "a label for the list of devices ('Chromium on Linux')",
    "Sec-WebSocket-Protocol": "the version of the wire",
    "Host": "another name on our address is refused",
    "cookies: request.app[keys.SETTINGS].cookie_name": "which sign-in; who that is, is in the record",
    "cookies: _claim_name(request)": "which device waits to be paired; a guardian says yes to it",
    "query: child": "which child's history; must be the guardian's own",
    "Authorization": "an inspector's key, for what names nobody and for nothing else",
    "cookies: request.app[keys.SETTINGS].inspector_cookie": "which inspector's sign-in; no route of a family reads it",
    "cookies: settings.inspector_cookie": "the same, to end it",
    "query: days": "counts over thirty or ninety days",
    "query: rule": "which decisions are listed, of those that may be",
    "query: verb": "likewise",
    "query: verdict": "likewise",
    "query: before": "likewise: the page before",
    "query: after": "from which row on one's own household's chain is told",
    "query: since": "how long the log was when its reader last looked; a proof is made for it",
    "query: for": "whose promises are listed; everybody may read all of them",
}


def what_is_read(source: str) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(source)):
        key = where = None
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in ("get", "getall", "getone")
        ):
            where, key = ast.unparse(node.func.value), node.args[0] if node.args else None
        elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
            where, key = ast.unparse(node.value), node.slice
        if where is None or key is None or not where.startswith("request."):
            continue
        name = key.value if isinstance(key, ast.Constant) else ast.unparse(key)
        for kind in ("headers", "cookies", "query"):
            if where.endswith(f".{kind}"):
                found.add(name if kind == "headers" else f"{kind}: {name}")
    return found


def test_every_header_cookie_and_query_that_is_read_is_here_with_its_reason() -> None:
    found = set().union(*(what_is_read(file.read_text()) for file in SOURCES))
    assert found <= set(READ), found - set(READ)
    assert {"Origin", "query: child"} <= found, "the probe reads"


def test_a_new_header_would_be_found() -> None:
    assert what_is_read("request.headers.get('X-Admin')") == {"X-Admin"}
    assert what_is_read("request.headers['X-Admin']") == {"X-Admin"}
    assert what_is_read("request.cookies.get('staff', '')") == {"cookies: staff"}


CARD = "how somebody is shown"
ASKED = "asked of the rules behind the route: by whom, about whose child, at which age"
#: Every field of every body that any route takes, and why it switches no protection off.
BODIES: Final[dict[str, dict[str, str]]] = {
    "Nothing": {},
    "SignUp": {
        "email": "to sign in", "password": "to sign in", "name": CARD, "avatar": CARD, "ground": CARD,
        "kind": "guardian or trusted_adult: neither is a child, and neither reaches one without every yes",
        "country": "one that is not known has the strictest values", "time_zone": "when quiet hours are; refused if not known",
    },
    "SignIn": {"email": "to sign in", "password": "to sign in"},
    "ConsentGiven": {"version": "which wording", "agreed": "each promise; one missing and there is no child"},
    "NewChild": {
        "name": CARD, "avatar": CARD, "ground": CARD, "group": "a guardian's word; missing is the youngest (row 5)",
        "consent": "must be there",
    },
    "Look": {"avatar": CARD, "ground": CARD},
    "PairingWords": {"words": "what the device shows"},
    "PairingYes": {"words": "what the device shows", "child": "must be the guardian's own"},
    "CodeTyped": {"words": "single use", "how_known": "a fixed list"},
    "ChildsAnswer": {"yes": "one of four", "how_known": "a fixed list"},
    "GrownUpsAnswer": {"answer": "one of four", "how_known": "a fixed list"},
    "Switches": {"voice": "the own yes only; everybody's counts", "video": "the own yes only; everybody's counts"},
    "NewName": {"name": CARD, "avatar": CARD, "ground": CARD},
    "LinkFor": {"child": "must be the guardian's own"},
    "LinkToken": {"token": "single use"},
    "LinkTaken": {
        "token": "single use", "for_": "oneself or an own child", "how_known": "a fixed list", "answer": "one of four",
    },
    "Hours": {"from_": ASKED, "until": ASKED},
    "NewLimits": {"quiet": ASKED, "minutes": ASKED},
    "OnOrOff": {"on": f"{ASKED}; where age or country forbid a stage it stays shut whatever this says"},
    "NewAgeGroup": {"group": f"{ASKED}; for a year, then it is unknown again"},
    "NewHousehold": {"country": "one that is not known has the strictest values", "time_zone": "refused if not known"},
    "Objection": {"unfair": "changes nothing but that the guardian sees it"},
    "Lead": {"lead": "at 16 and 17 only, by the teenager only", "read": "has read what it means"},
    "Mode": {"mode": f"free, ask or present: {ASKED}"},
    "Word": {"vouched": f"a guardian's word for a grown-up, for their own child only: {ASKED}"},
    "YesOrNo": {"answer": f"to one call, for one call: {ASKED}"},
    "OwnKey": {"key": "the key of the browser that is signed in; opens nothing until a grown-up has signed for it"},
    "Statement": {"body": "a roster or a yes to a key: signed, and taken from that contact's own grown-up only"},
    "Commitment": {"commitment": "part of a comparison; what follows from it each side says for its own child"},
    "Reveal": {"key": "part of a comparison", "random": "part of a comparison"},
    "NewReport": {
        "request": "told twice is told once", "about": "which of one's own calls or contacts, or none", "what": "a fixed list",
    },
    "About": {"call": "one's own, or as if there were none", "ref": "one's own, or as if there were none"},
    "KeyTyped": {"key": "who looks: a key whose hash the database must know"},
    "Situation": {
        "verb": "a made-up question: answered by the rules, and nothing is done", "facts": "as above, about nobody",
    },
    "Entering": {"slug": "a made-up person of the demo; no route of it exists in production"},
}  # fmt: skip


def shapes() -> dict[str, set[str]]:
    def below(kind: type[Any]) -> Iterator[type[Any]]:
        for one in kind.__subclasses__():
            yield one
            yield from below(one)

    return {one.__name__: set(one.__struct_fields__) for one in (*below(families.Body), server.demo.Entering)}


def test_every_field_of_every_body_is_here_with_its_reason() -> None:
    found = {f"{shape}.{name}" for shape, names in shapes().items() for name in names or {""}}
    told = {f"{shape}.{name}" for shape, names in BODIES.items() for name in names or {""}}
    assert found - told == set(), "a new field needs a reason why it loosens nothing"


def test_every_body_refuses_a_field_that_is_not_in_it() -> None:
    def below(kind: type[Any]) -> Iterator[type[Any]]:
        for one in kind.__subclasses__():
            yield one
            yield from below(one)

    for shape in (*below(families.Body), server.demo.Entering):
        assert shape.__struct_config__.forbid_unknown_fields, shape


def test_no_body_speaks_of_what_only_the_house_may_say() -> None:
    """Kind of person at any time but sign-up, assurance, review, band, state, consent's end, rule, verdict."""
    words = re.compile("assur|review|band|state|rule|verdict|admin|staff|override|bypass|force|debug|unsafe")
    assert not [f"{shape}.{name}" for shape, names in shapes().items() for name in names if words.search(name)]
    assert [shape for shape, names in shapes().items() if "kind" in names] == ["SignUp"]


def test_every_body_that_a_route_reads_is_one_of_these() -> None:
    read = set()
    for file in SOURCES:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("read", "keys.read") and len(node.args) == 2:
                if file.name == "rosters.py" and file.parent.name == "server":
                    continue  # what is inside a `Statement`, as its signer wrote it
                read.add(ast.unparse(node.args[1]))
    assert read <= set(shapes()), read - set(shapes())
    raw = [
        file.relative_to(ROOT).as_posix()
        for file in SOURCES
        if file.is_relative_to(ROOT / "server")
        and re.search(r"request\.(json|post|text|multipart)\(", file.read_text())
    ]
    assert raw == []


# == Who somebody is ======================================================================================================


@pytest.fixture
async def v(tmp_path: Path) -> Any:
    async with village(tmp_path) as opened:
        yield opened


@pytest.mark.parametrize("kind", ["admin", "staff", "moderator", "adult", "teacher", "nobody", "", "Child"])
async def test_there_are_three_kinds_of_people_and_the_database_knows_no_other(v: Village, kind: str) -> None:
    with pytest.raises((sqlite3.IntegrityError, IntegrityError), match="ck_people_kind"):
        await v.do("UPDATE people SET kind = :k WHERE id = 'maya'", k=kind)
    assert (await v.do("SELECT kind FROM people WHERE id = 'maya'"))[0][0] == "child"


def what_is_set(source: str) -> set[str]:
    """Which columns of ``people`` and ``children`` this source changes: ``update(people)....values(...)`` and SQL in texts."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and re.search(
            r"\bupdate\((people|children)\w*\).*\.values$", ast.unparse(node.func)
        ):
            found |= {one.arg or "**" for one in node.keywords} | ({"*"} if node.args else set())
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            for said in re.findall(r"UPDATE (?:people|children) SET (.*?)(?: WHERE|$)", node.value, re.S):
                found |= {part.split("=")[0].strip() for part in said.split(",")}
    return found


def test_nothing_in_the_house_changes_the_kind_of_a_person_or_whose_consent_a_child_stands_on() -> None:
    found = set().union(*(what_is_set(file.read_text()) for file in SOURCES))
    assert found <= {"state", "avatar", "ground", "age_group", "age_method", "age_until"}, found
    assert {"state", "age_group"} <= found, "the probe reads"
    assert what_is_set("update(people).where(x).values(kind='guardian')") == {"kind"}
    assert what_is_set("'UPDATE people SET kind = :k WHERE id = :i'") == {"kind"}
    deleting = [file for file in SOURCES if re.search(r"delete\(children\)|DELETE FROM children", file.read_text())]
    assert deleting == [], "and a child's row goes only with the child"


def test_a_person_of_another_kind_band_or_matter_is_refused_everything_that_was_allowed() -> None:
    """Whatever a vector allows is refused as soon as somebody in it is of a kind or an age that the rules do not know."""
    book, tried = load(), 0
    safe = {verb.value for verb in Verb if book.decide(Act(verb, Person("nobody"), Matter())).allowed}
    for one in VECTORS:
        question = one["question"]
        if question.get("verb") in safe or not book.decide_plain(question).allowed:
            continue
        for part, (fact, values) in product(
            ("x", "y"), (("kind", ("admin", "staff", "moderator", "")), ("band", ("", "21+", "none")))
        ):
            if part in question:
                for value in values:
                    decision = book.decide_plain({**question, part: {**question[part], fact: value}})
                    assert not decision, (one["id"], part, fact, value)
                    assert "unknown-fact" in decision.rules
                    tried += 1
    assert tried > 500


@pytest.mark.parametrize("kind", get_args(Kind))
def test_no_kind_of_person_may_do_what_nobody_may(kind: Any) -> None:
    book = load()
    for band, whose, reach in product(
        get_args(Band), ("own", "ward", "stranger", "nobody"), ("approve", "discuss", "teen_led")
    ):
        me = Person(kind, band, True, True, True, True, True, True, True, True)
        for verb in (Verb.RECORD, Verb.SEARCH, Verb.ADD_WITHOUT_ASKING, Verb.COMMENT, Verb.GIVE_GIFT, Verb.REACT):
            assert not book.decide(Act(verb, me, Matter(whose, True, True, reach, True)))


# == Ages and countries ===================================================================================================

PACK: Final = """
country = "XX"
version = "2026-11-25"

[bands."{band}".{key}]
value = {value}
reason = "To try it."
source = "none"
date = 2026-11-25
status = "our choice"
"""


def written(value: Any) -> str:
    return json.dumps(value) if not isinstance(value, bool) else str(value).lower()


def everything_that_fits(key: str) -> list[Any]:
    tried: list[Any] = ["approve", "discuss", "teen_led", "none", True, False, "never", "may_switch_on", *range(400)]
    return [one for one in tried if _KEYS[key].fits(one)]


RANKED: Final = [(band, key) for key, kind in _KEYS.items() if kind.strict for band in sorted(kind.bands)]


@pytest.mark.parametrize(("band", "key"), RANKED)
def test_a_country_is_looser_than_the_base_only_by_a_line_that_says_by_what_right(band: Any, key: str) -> None:
    base, strict = bands_in_force().base[band][key].value, _KEYS[key].strict
    assert strict is not None
    toml, _ = texts()
    looser = [one for one in everything_that_fits(key) if strict(one) < strict(base)]
    stricter = [one for one in everything_that_fits(key) if strict(one) > strict(base)]
    assert looser or stricter
    for value in looser:
        pack = PACK.format(band=band, key=key, value=written(value))
        with pytest.raises(BrokenRulebook, match="is looser than"):
            read_bands(toml, {"XX.toml": pack})
        with pytest.raises(BrokenRulebook, match="has no looser"):
            read_bands(toml, {"XX.toml": pack + 'looser = " "\n'})
        told = read_bands(toml, {"XX.toml": pack + 'looser = "A law of XX, article 1."\n'})
        assert told.countries["XX"][band][key].looser == "A law of XX, article 1."
    for value in stricter[:3]:
        pack = PACK.format(band=band, key=key, value=written(value))
        assert read_bands(toml, {"XX.toml": pack}).countries["XX"][band][key].value == value
        with pytest.raises(BrokenRulebook, match="says that it is looser, and is not"):
            read_bands(toml, {"XX.toml": pack + 'looser = "Nothing."\n'})


def test_no_country_that_comes_with_the_house_is_looser_than_the_base() -> None:
    looser = [
        (code, band, key, value.looser)
        for code, book in bands_in_force().countries.items()
        for band, values in book.items()
        for key, value in values.items()
        if value.looser
    ]
    assert looser == [], "when one is, its cited line belongs into this list"


@pytest.mark.parametrize("group", [None, "", "adult ", "0", "17", "18-99", "teen", "5-8 "])
def test_an_age_that_is_not_known_is_the_youngest(group: str | None) -> None:
    assert bands_in_force().band(group) == "0-12"


@pytest.mark.parametrize("country", ["", "ZZ", "gb", "UK", "XX", "England"])
@pytest.mark.parametrize("band", get_args(Band))
def test_a_country_that_is_not_known_has_the_strictest_of_every_value(country: str, band: Any) -> None:
    bands = bands_in_force()
    here = bands.terms(country, band)
    known = [bands.terms(one, band) for one in ("GB", "DE", "AU", "US")]
    assert here.room == min(one.room for one in known)
    assert here.assurance == max(one.assurance for one in known)
    assert here.yes_lasts_days == min(one.yes_lasts_days for one in known)
    assert here.families == min(one.families for one in known)
    assert here.stage is all(one.stage for one in known)
    assert here.may_lead is all(one.may_lead for one in known)
    reaches = ("none", "teen_led", "discuss", "approve")
    assert here.guardian == max((one.guardian for one in known), key=reaches.index)


def test_one_strict_country_makes_the_unknown_ones_strict() -> None:
    """The probe above can fail: a pack with a smaller room shows in the country that nobody knows."""
    toml, packs = texts()
    strict: Bands = read_bands(toml, {**packs, "XX.toml": PACK.format(band="0-12", key="people_in_a_call", value=2)})
    assert strict.terms("ZZ", "0-12").room == 2 < strict.terms("GB", "0-12").room
