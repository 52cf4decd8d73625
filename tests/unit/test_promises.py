"""The promise ledger holds together: every promise has a source, a proof that is there, words that pages show, and somebody who tried to
break it; and nothing is "proven" but what was proven for the code that runs."""

from __future__ import annotations

import ast
import json
import re
from functools import cache
from pathlib import Path

import pytest

from server import promises
from server.inspection import scenarios
from server.policy import load
from server.policy.prove import PROMISES
from server.promises import BrokenLedger, Ledger, Promise, Proofs, Run, judge, ledger, read
from server.settings import ROOT
from tests.faults import FAULTS, NAMED

BOOK = ledger()
EVERY = pytest.mark.parametrize("one", BOOK.promises, ids=lambda one: one.id)
SOURCES = (ROOT / "docs/regulators/sources.md").read_text("utf-8")

# -- every entry points at what is there ----------------------------------------------------------------------------------


@cache
def named_in(file: str) -> frozenset[str]:
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    return frozenset(
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    )


def is_there(test: str) -> bool:
    file, _, name = test.partition("::")
    return (ROOT / file).is_file() and name.partition("[")[0] in named_in(file)


@EVERY
def test_what_a_promise_names_is_there(one: Promise) -> None:
    assert set(one.rules) <= set(load().rules)
    assert set(one.policy) <= {promise.id for promise in PROMISES}
    assert [test for test in one.all_tests() if not is_there(test)] == []
    assert set(one.scenarios) <= {story.id for story in scenarios.ALL}
    assert set(one.faults) <= set(FAULTS)


def test_a_test_that_is_not_there_would_be_noticed() -> None:
    assert is_there("tests/unit/test_promises.py::test_a_test_that_is_not_there_would_be_noticed")
    assert not is_there("tests/unit/test_promises.py::test_of_nothing")
    assert not is_there("tests/unit/test_nothing.py::test_of_nothing")


def test_every_rule_and_every_proved_promise_is_part_of_some_promise() -> None:
    """A rule that no promise speaks of would be one that nobody is told about."""
    told = {rule for one in BOOK.promises for rule in one.rules}
    assert set(load().rules) - told <= HOUSEKEEPING
    assert told & HOUSEKEEPING == set()
    assert {promise.id for promise in PROMISES} == {name for one in BOOK.promises for name in one.policy}


#: Rules that only say who opens which page of their own.
HOUSEKEEPING = {"a-grown-ups-own-things", "a-stage-of-ones-own"}


def test_scenarios_and_promises_name_each_other() -> None:
    """A scenario says for which promises it is played; the ledger says which scenarios a promise needs. Both say the same."""
    of_ledger = {(one.id, story) for one in BOOK.promises for story in one.scenarios}
    of_stories = {(promise, story.id) for story in scenarios.ALL for promise in story.promises}
    assert of_ledger == of_stories


# -- sources --------------------------------------------------------------------------------------------------------------


def explained(code: str) -> bool:
    """Whether docs/regulators/sources.md says what this code stands for."""
    if row := re.fullmatch(r"row (\d+)", code):
        return f"\n| {row[1]} | " in SOURCES
    table = SOURCES.partition("| short | what it is |")[2].partition("\n## ")[0]
    for short in re.findall(r"^\| ([^|]+) \|", table, re.MULTILINE):
        for part in short.strip().split(", "):
            if several := re.fullmatch(r"(\D+)(\d+) to \1(\d+)", part):
                number = code.removeprefix(several[1])
                if (
                    code.startswith(several[1])
                    and number.isdigit()
                    and int(several[2]) <= int(number) <= int(several[3])
                ):
                    return True
            elif code == part or re.fullmatch(re.escape(part) + r"[ ]?\S*( \S+)?", code):
                return True
    return False


@EVERY
def test_every_source_of_a_promise_is_explained_and_its_standing_is_known(one: Promise) -> None:
    assert [code for code in one.sources if not explained(code)] == []
    for code in one.sources:
        assert BOOK.standing(code).note


def test_a_code_that_nobody_explains_would_be_noticed() -> None:
    for code in ("AADC16", "row 61", "NSPCC-13", "XYZ 1", "ASM-L5"):
        assert not explained(code), code


def test_what_is_proposed_or_announced_is_not_said_to_be_in_force() -> None:
    """Facts of the day in ``looked_at``; whoever changes them changes this test and says from when."""
    assert BOOK.standing("ASM-L1").status == "proposed"
    assert BOOK.standing("UK16").status == "announced"
    assert BOOK.standing("NSPCC-7").status == BOOK.standing("GC25 ¶76").status == "our choice"
    assert BOOK.standing("ICU F1").status == BOOK.standing("AADC11").status == "in force"


# -- words ----------------------------------------------------------------------------------------------------------------

FILES = {"shared": ROOT / "client_web/shared/words/en.json", "grown_up": ROOT / "client_web/grown_up/words.en.json"}
BANDS = {"adult": "adult", "child": "k12", "teen": "k17"}
#: Words of pages that promise something. One that is added is in the ledger, or here with the reason why it is none.
PROMISING = re.compile(
    r"^(consent\.(keep|no_recording|change_mind)|sees\.(you|yes|no|can|record|gate|told|mark)(-.*)?|call\.record|help\.(truth|who-knows)"
    r"|recorded\.who-knows|quiet\.help|block\.who|lead\.[2-5]|start\.how-3|child\.age-help|times\.unfair-means|add\.lead)$"
)
NO_PROMISE = {
    "shared:sees.yes": "what grown-ups do see; the promise is what they do not",
    "shared:sees.yes-title": "a heading",
    "shared:sees.yes-led": "what grown-ups still see of a teenager who leads",
    "shared:sees.can": "what grown-ups can do",
    "shared:sees.can-title": "a heading",
    "shared:sees.can-led": "what grown-ups can still do",
    "shared:sees.no-led": "the same as sees.no, and lead.2, for a teenager who leads; built from both",
    "shared:help.truth": "call.record without its last two words, on the page that Help itself opens",
    "shared:lead.3": "follows from lead.2; what a guardian may not end is the promise teenagers-lead",
    "shared:lead.4": "what grown-ups still see",
    "shared:lead.5": "what grown-ups still look after",
    "grown_up:add.lead": "what to have at hand when adding a device",
    **{f"grown_up:sees.yes{number}": "what a guardian does see" for number in ("", "-1", "-2", "-3", "-4")},
    **{f"grown_up:sees.can{number}": "what a guardian can do" for number in ("", *(f"-{n}" for n in range(1, 8)))},
    **{f"grown_up:sees.no{number}": "parents-see-little, told to the guardian" for number in ("", *(f"-{n}" for n in range(1, 6)))},
}  # fmt: skip


@cache
def words(place: str) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = json.loads(FILES[place].read_text("utf-8"))
    return found


def on_the_page(named: str, reader: str) -> str:
    parts = (name.partition(":") for name in named.split(" + "))
    return ": ".join(words(place)[key][BANDS[reader]] for place, _, key in parts)


@EVERY
def test_a_page_says_a_promise_word_for_word_as_the_ledger_does(one: Promise) -> None:
    for reader, names in one.shown.items():
        for name in names:
            assert on_the_page(name, reader) == one.on_pages(reader), name


#: Sentences that are so at some moment or for some children only: to everybody, and at any time, they would promise what is not so.
MOMENTS = re.compile(
    r"^(It is|That is|This device|You can talk with|Your camera is off\.|Ask )"
    r"|\b(now|today|no longer|not yet|your age)\b|see this\b|\{name\}"
)


@EVERY
def test_a_child_is_promised_nothing_that_is_so_at_one_moment_or_for_others_only(one: Promise) -> None:
    for sentence in (one.child, one.teen):
        assert not MOMENTS.search(sentence) or re.match(r"(If|When|From 16,|In) ", sentence), sentence
    for reader, words in one.moment.items():
        assert one.for_reader(reader) not in ("", words), (
            "the words of a moment stand beside a whole promise, not in its place"
        )


def test_words_of_a_moment_would_be_noticed() -> None:
    for said in (
        "Your parents no longer see your calls.",
        "Your camera is off.",
        "It is quiet time for you now.",
        "They cannot see this.",
    ):
        assert MOMENTS.search(said), said
    lead = BOOK["teenagers-lead"]
    assert lead.child.startswith("From 16, ")
    assert lead.on_pages("child") == "Your grown-ups no longer see your calls."
    assert BOOK["camera-starts-off"].child == "Your camera is off until you open the curtain."


def test_every_sentence_of_a_page_that_promises_something_is_in_the_ledger() -> None:
    listed = {
        part for one in BOOK.promises for names in one.shown.values() for name in names for part in name.split(" + ")
    }
    promising = {f"{place}:{key}" for place in FILES for key in words(place) if PROMISING.match(key)}
    assert promising - listed - set(NO_PROMISE) == set()
    assert set(NO_PROMISE) <= promising, "a reason that nobody needs any more"
    assert set(NO_PROMISE) & listed <= {"shared:sees.no-title"}
    assert {name.partition(":")[2] for name in listed if not PROMISING.match(name.partition(":")[2])} <= {"ring.camera"}


def test_the_three_promises_that_a_guardian_agrees_to_are_in_the_ledger() -> None:
    """Consent is to these three and no others (client_web/grown_up/views/add_child.js)."""
    source = (ROOT / "client_web/grown_up/views/add_child.js").read_text("utf-8")
    agreed = re.search(r"const PROMISES = .*?\(\[(.*?)\]\)", source)
    assert agreed is not None
    shown = {name for one in BOOK.promises for name in one.shown.get("adult", ())}
    assert {f"grown_up:consent.{name}" for name in re.findall(r'"(\w+)"', agreed[1])} <= shown


@EVERY
def test_a_sentence_for_children_is_short(one: Promise) -> None:
    for sentence in re.split(r"(?<=[.!?])\s", one.child):
        assert len(sentence.split()) <= 14, sentence


# -- somebody tried to break it -------------------------------------------------------------------------------------------


@cache
def weaker() -> frozenset[str]:
    """For which promises about the rules somebody weakened a rule. Read from the source: importing it proves everything anew."""
    tree = ast.parse((ROOT / "tests/unit/test_policy_proof.py").read_text("utf-8"))
    listed = next(
        node.value
        for node in tree.body
        if isinstance(node, ast.AnnAssign | ast.Assign) and "WEAKER" in ast.unparse(node).partition("=")[0]
    )
    assert isinstance(listed, ast.List)
    return frozenset(one.elts[0].value for one in listed.elts if isinstance(one, ast.Tuple))  # type: ignore[attr-defined]


@EVERY
def test_for_every_promise_there_is_a_build_without_it_in_which_the_proof_fails(one: Promise) -> None:
    """Seeded faults (tests/faults/), rules weakened one by one (WEAKER in test_policy_proof.py), or a named test that takes the
    feature away and sees the proof fail."""
    weakened = weaker() & set(one.policy)
    assert one.faults or weakened or NAMED.get(one.id), "nobody has shown that this proof can fail"
    for test in NAMED.get(one.id, ()):
        assert is_there(test), test


def test_faults_and_promises_name_each_other() -> None:
    of_ledger = {(one.id, fault) for one in BOOK.promises for fault in one.faults}
    of_faults = {(fault.breaks, name) for name, fault in FAULTS.items()}
    assert of_ledger == of_faults
    assert set(NAMED) <= set(BOOK.ids)


def test_there_are_at_least_25_seeded_faults_that_an_inspection_must_find() -> None:
    assert sum(bool(fault.scenarios) for fault in FAULTS.values()) >= 25
    assert len(FAULTS) > 40, "the ten-minute guide says more than forty"


@pytest.mark.parametrize("name", FAULTS)
def test_what_must_find_a_fault_is_part_of_the_proof_of_the_promise_that_it_breaks(name: str) -> None:
    fault = FAULTS[name]
    assert fault.found_by
    proof = BOOK[fault.breaks]
    assert set(fault.scenarios) <= set(proof.scenarios)
    assert set(fault.tests) <= set(proof.tests)


# -- the loader -----------------------------------------------------------------------------------------------------------

GOOD = """
looked_at = 2026-11-22
[law."row "]
status = "our choice"
since = "2026"
note = "ours"
[[promise]]
id = "a-promise"
to = ["parent"]
sentence = "A sentence."
sources = ["row 1"]
tests = ["tests/unit/test_promises.py::test_the_ledger_that_comes_with_us_loads"]
"""


def test_the_ledger_that_comes_with_us_loads() -> None:
    assert read(GOOD).ids == ("a-promise",)
    assert 30 <= len(BOOK.promises) <= 70
    assert BOOK.to("child")
    assert BOOK.to("regulator")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('sources = ["row 1"]', "sources = []", "a-promise: there is no source"),
        ('sources = ["row 1"]', 'sources = ["XYZ 1", "row 1"]', "a-promise: how XYZ 1 stands in law is not said"),
        ('sources = ["row 1"]', 'sources = "row 1"', "a-promise: sources is a list of texts"),
        ('tests = ["tests/unit/test_promises.py::test_the_ledger_that_comes_with_us_loads"]', "", "a-promise: nothing proves it"),
        ('sentence = "A sentence."', "", "a-promise: there is no sentence"),
        ('to = ["parent"]', 'to = ["neighbour"]', "a-promise: it is made to a child, a parent or a regulator"),
        ('to = ["parent"]', 'to = ["child"]', "a-promise: a promise to children, and no other, has a sentence for them"),
        ('sentence = "A', 'proven = true\nsentence = "A', "a-promise: nobody knows proven"),
        ('id = "a-promise"', 'id = "A promise"', "'A promise' is no id of a promise"),
        ('to = ["parent"]', 'to = ["parent"]\nmoment.child = "Now."', "a-promise: moment has the words of a page that shown names"),
        ('status = "our choice"', 'status = "law"', "row : the status is one of in force, proposed, announced, our choice"),
        ('since = "2026"', 'since = "lately"', "row : since when, and what it is, must be said"),
        ("looked_at = 2026-11-22", "", "promises.toml: needs looked_at and promises"),
        ("looked_at = 2026-11-22", "looked_at = ", "promises.toml: "),
    ],
)  # fmt: skip
def test_an_entry_without_source_reason_or_proof_is_refused_by_its_name(old: str, new: str, told: str) -> None:
    assert GOOD.count(old) == 1
    with pytest.raises(BrokenLedger, match=re.escape(told)):
        read(GOOD.replace(old, new))


def test_an_id_that_comes_twice_is_refused() -> None:
    entry = GOOD[GOOD.index("[[promise]]") :]
    with pytest.raises(BrokenLedger, match="there are two of that id"):
        read(GOOD + entry)


# -- proven, or not -------------------------------------------------------------------------------------------------------

ONE = Promise("a", ("parent",), "A.", ("row 1",), policy=("p",), tests=("t.py::test_t",), scenarios=("s",))
ALL = dict.fromkeys(ONE.all_tests(), "passed")


def run(**more: object) -> Proofs:
    told = {"tests": ALL, "scenarios": {"s": "proven"}, "at": 7} | more
    return Proofs("right", "1", {"a": Run(**told)})  # type: ignore[arg-type]


def test_a_promise_is_proven_when_all_of_it_passed_for_the_code_that_runs() -> None:
    found = judge(ONE, run(), "right")
    assert found.proven
    assert found.at == 7
    assert found.why == "2 tests and 1 attack passed."


@pytest.mark.parametrize(
    ("found", "running", "why"),
    [
        (promises.NO_PROOFS, "right", promises.NEVER.why),
        (Proofs("right", "1", {}), "right", promises.NEVER.why),
        (run(), "other", promises.CHANGED),
        (run(), "", promises.CHANGED),
        (run(tests=ALL | {"t.py::test_t": "failed"}), "right", "Its proof failed: test_t."),
        (run(scenarios={"s": "broken"}), "right", "Its proof failed: s."),
        (run(scenarios={"s": "not_shown"}), "right", "A part of its proof was not shown: s."),
        (run(scenarios={}), "right", "A part of its proof was not shown: s."),
        (run(tests={}), "right", "A part of its proof was not shown: test_t and 1 more."),
        (run(tests=ALL | {"t.py::test_t": "not run"}), "right", "A part of its proof was not shown: test_t."),
        (
            run(tests=ALL | {"t.py::test_t": "a word of tomorrow"}),
            "right",
            "A part of its proof was not shown: test_t.",
        ),
    ],
)
def test_anything_else_is_not_proven_and_says_why(found: Proofs, running: str, why: str) -> None:
    told = judge(ONE, found, running)
    assert not told.proven
    assert told.why == why
    assert told.failed == why.startswith("Its proof failed")


def test_a_promise_that_nothing_proves_is_not_proven() -> None:
    bare = Promise("a", ("parent",), "A.", ("row 1",))
    assert not judge(bare, run(), "right").proven


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"digest": "d"}', '{"digest": "d", "version": "1", "promises": {"a": 1}}']
)
def test_a_file_of_proofs_that_cannot_be_read_proves_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "proofs.json").write_text(text)
    assert promises.read_proofs(tmp_path / "proofs.json") == promises.NO_PROOFS
    assert promises.read_proofs(tmp_path / "none.json") == promises.NO_PROOFS


def house_in(folder: Path) -> Path:
    for name in promises.CODE:
        (folder / name / "inner").mkdir(parents=True)
        (folder / name / "inner" / "one.py").write_text("x = 1\n")
    (folder / "server" / "data").mkdir()
    return folder


def test_the_digest_changes_with_every_change_of_what_runs(tmp_path: Path) -> None:
    root = house_in(tmp_path)
    before = promises.digest(root)
    assert promises.digest(root) == before
    seen = {before}
    for folder in promises.CODE:
        (root / folder / "inner" / "one.py").write_text("x = 2\n")
        seen.add(promises.digest(root))
    (root / "signalling" / "inner" / "one.py").rename(root / "signalling" / "inner" / "two.py")
    seen.add(promises.digest(root))
    (root / "client_web" / "new.js").write_text("")
    seen.add(promises.digest(root))
    assert len(seen) == len(promises.CODE) + 3


@pytest.mark.parametrize("beside", ["one.abi3.so", "one/__init__.pyc", "one.pyd"])
def test_what_python_would_run_in_the_place_of_a_module_changes_the_digest(tmp_path: Path, beside: str) -> None:
    root = house_in(tmp_path)
    before = promises.digest(root)
    other = root / "server" / "inner" / beside
    other.parent.mkdir(exist_ok=True)
    other.write_bytes(b"other code")
    assert promises.digest(root) != before


def test_nothing_is_proven_for_a_folder_that_leads_elsewhere(tmp_path: Path) -> None:
    root = house_in(tmp_path / "house")
    (tmp_path / "elsewhere").mkdir()
    (root / "server" / "one").symlink_to(tmp_path / "elsewhere")
    assert promises.digest(root) != promises.digest(root)


def test_the_digest_is_over_the_same_files_wherever_the_house_lies(tmp_path: Path) -> None:
    roots = [house_in(tmp_path / place) for place in ("node_modules", "__pycache__", "house")]
    assert len({promises.digest(root) for root in roots}) == 1
    assert all(len(promises.files_of(root)) == len(promises.CODE) for root in roots)


def test_the_digest_does_not_change_with_the_proofs_themselves_or_with_what_python_leaves_behind(
    tmp_path: Path,
) -> None:
    root = house_in(tmp_path)
    before = promises.digest(root)
    (root / "server" / "data" / "proofs.json").write_text("{}")
    (root / "server" / "inner" / "__pycache__").mkdir()
    (root / "server" / "inner" / "__pycache__" / "one.py").write_text("y")
    (root / "tests").mkdir()
    (root / "tests" / "one.py").write_text("y")
    assert promises.digest(root) == before


def checkout(folder: Path) -> Path:
    """A house with its tests beside it: two of the ledger's, one that it does not name, and what they share."""
    root = house_in(folder)
    (root / "tests" / "unit").mkdir(parents=True)
    for name in ("test_a.py", "test_b.py", "test_other.py", "house.py"):
        (root / "tests" / "unit" / name).write_text("def test_t(): assert True\n")
    return root


A, B = (Promise(name, ("parent",), "A.", ("row 1",), tests=(f"tests/unit/test_{name}.py::test_t",)) for name in "ab")
TWO = Ledger((A, B), {}, "2026-11-26")


def told_of(root: Path, found: Proofs) -> dict[str, str]:
    there = promises.digests_of_tests(TWO, root)
    return {
        name: "" if one.proven else one.why
        for name, one in promises.statuses(TWO, found, promises.digest(root), there).items()
    }


def passed(root: Path) -> Proofs:
    runs = {one.id: Run(1, dict.fromkeys(one.tests, "passed"), {}) for one in TWO.promises}
    return Proofs(promises.digest(root), "1", runs, promises.digests_of_tests(TWO, root) or {})


def test_an_emptied_test_proves_nothing_and_only_its_own_promise_is_touched(tmp_path: Path) -> None:
    root = checkout(tmp_path)
    found = passed(root)
    assert told_of(root, found) == {"a": "", "b": ""}
    (root / "tests" / "unit" / "test_other.py").write_text("")
    assert told_of(root, found) == {"a": "", "b": ""}, "no promise names it"
    (root / "tests" / "unit" / "test_a.py").write_text("def test_t(): pass\n")
    assert told_of(root, found) == {"a": promises.TESTS_CHANGED, "b": ""}
    (root / "tests" / "unit" / "test_b.py").unlink()
    assert told_of(root, found) == dict.fromkeys("ab", promises.TESTS_CHANGED)


def test_a_test_is_no_longer_the_same_when_another_file_of_tests_from_which_it_borrows_has_changed(
    tmp_path: Path,
) -> None:
    root = checkout(tmp_path)
    unit = root / "tests" / "unit"
    (unit / "test_a.py").write_text("from tests.unit import test_other\n")
    (unit / "test_other.py").write_text("from tests.unit.test_far import FILES\n")
    (unit / "test_far.py").write_text("FILES = ['one']\nfrom tests.unit.test_other import ALL\n")
    found = passed(root)
    assert told_of(root, found) == {"a": "", "b": ""}
    (unit / "test_far.py").write_text("FILES = []\n")
    assert told_of(root, found) == {"a": promises.TESTS_CHANGED, "b": ""}


def test_what_all_tests_share_may_not_change_either(tmp_path: Path) -> None:
    root = checkout(tmp_path)
    found = passed(root)
    (root / "tests" / "__pycache__").mkdir()
    (root / "tests" / "__pycache__" / "house.py").write_text("left behind")
    assert told_of(root, found) == {"a": "", "b": ""}
    (root / "tests" / "conftest.py").write_text("# every test passes")
    assert told_of(root, found) == dict.fromkeys("ab", promises.TESTS_CHANGED)


def test_a_copy_that_is_deployed_without_its_tests_is_held_against_what_runs(tmp_path: Path) -> None:
    root = checkout(tmp_path)
    found = passed(root)
    (root / "tests").rename(root / "elsewhere")
    assert promises.digests_of_tests(TWO, root) is None
    assert told_of(root, found) == {"a": "", "b": ""}
    (root / "server" / "inner" / "one.py").write_text("x = 2\n")
    assert told_of(root, found) == dict.fromkeys("ab", promises.CHANGED)


def test_a_file_of_proofs_that_says_nothing_of_tests_proves_nothing_beside_them(tmp_path: Path) -> None:
    root = checkout(tmp_path)
    runs = passed(root).runs
    assert told_of(root, Proofs(promises.digest(root), "1", runs)) == dict.fromkeys("ab", promises.TESTS_CHANGED)


def test_every_promise_has_a_state_and_none_is_proven_without_a_run() -> None:
    found = promises.statuses(BOOK, promises.NO_PROOFS, "any")
    assert set(found) == set(BOOK.ids)
    assert not any(proof.proven for proof in found.values())


def test_the_whole_ledger_is_proven_when_everything_passed_and_only_then() -> None:
    runs = {
        one.id: Run(1, dict.fromkeys(one.all_tests(), "passed"), dict.fromkeys(one.scenarios, "proven"))
        for one in BOOK.promises
    }
    assert all(proof.proven for proof in promises.statuses(BOOK, Proofs("d", "1", runs), "d").values())
    book: Ledger = BOOK
    assert not any(proof.proven for proof in promises.statuses(book, Proofs("d", "1", runs), "e").values())
