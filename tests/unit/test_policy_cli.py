"""``ringfence policy``: the page about it is true, the printed rulebook is current, and what is broken is named by its line."""

from __future__ import annotations

import doctest
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from server.cli import main
from server.policy import BrokenRulebook, load
from server.policy.diff import compare
from server.policy.explain import as_markdown, explain
from server.policy.vectors import load_vectors

ROOT = Path(__file__).parents[2]
HOME = ROOT / "server" / "policy"
PAGE = (ROOT / "docs" / "reference" / "policy-cli.md").read_text("utf-8")
BOOK = load()
QUESTION: dict[str, Any] = json.loads(re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)[0])

Change = Callable[[Path], None]


def rulebook(folder: Path, *changes: Change) -> Path:
    """A copy of the rulebook in force, changed."""
    folder.mkdir()
    for name in ("safe_account.cedar", "safe_account.cedarschema", "bands.toml"):
        shutil.copy(HOME / name, folder)
    shutil.copytree(HOME / "countries", folder / "countries")
    for change in changes:
        change(folder)
    return folder


def put(old: str, new: str, file: str = "safe_account.cedar") -> Change:
    def change(folder: Path) -> None:
        text = (folder / file).read_text("utf-8")
        assert old in text, old
        (folder / file).write_text(text.replace(old, new, 1), "utf-8")

    return change


def without(rule: str) -> Change:
    def change(folder: Path) -> None:
        file = folder / "safe_account.cedar"
        parts = re.split(r"(?=^@id\()", file.read_text("utf-8"), flags=re.MULTILINE)
        kept = [part for part in parts if not part.startswith(f'@id("{rule}")')]
        assert len(kept) == len(parts) - 1
        file.write_text("".join(kept), "utf-8")

    return change


def line_of(text: str, file: str = "safe_account.cedar") -> int:
    return next(n for n, line in enumerate((HOME / file).read_text("utf-8").splitlines(), 1) if text in line)


# -- the page -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def a_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the examples of the page are run: its files, and the rulebook at the path that they name."""
    broken = json.loads(json.dumps(QUESTION))
    del broken["contact"]["blocked"]
    broken["call"]["people"] = "two"
    (tmp_path / "question.json").write_text(json.dumps(QUESTION))
    (tmp_path / "broken.json").write_text(json.dumps(broken))
    (tmp_path / "server").symlink_to(ROOT / "server")
    rulebook(tmp_path / "changed", without("blocked"), put("value = 8", "value = 6", "bands.toml"))
    rulebook(tmp_path / "broken", put("context.contact.blocked }", "context.contact.blockd }"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


EXAMPLES = re.findall(r"```console\n\$ ringfence (.*?)\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize(("command", "told"), EXAMPLES, ids=[command for command, _ in EXAMPLES])
@pytest.mark.usefixtures("a_place")
def test_an_example_of_the_page_prints_what_the_page_says(
    command: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    main(shlex.split(command))
    printed = capsys.readouterr()
    checker = doctest.OutputChecker()
    both = printed.out + printed.err
    assert checker.check_output(told, both, doctest.ELLIPSIS), f"{both}\n-- instead of --\n{told}"


def test_the_printed_rulebook_is_current(capsys: pytest.CaptureFixture[str]) -> None:
    """``ringfence policy print > docs/reference/rulebook.md``"""
    assert main(["policy", "print"]) == 0
    printed = capsys.readouterr().out
    assert printed == as_markdown(BOOK)
    assert printed == (ROOT / "docs/reference/rulebook.md").read_text("utf-8")


def test_the_printed_rulebook_says_everything_that_a_rule_and_a_value_say() -> None:
    page = as_markdown(BOOK)
    for rule in BOOK.rules.values():
        for part in (f"### `{rule.id}`", rule.child, rule.grown_up, "; ".join(rule.cites)):
            assert part in page
    assert page.count("```cedar\n") == len(BOOK.rules)
    for book in (BOOK.bands.base, *BOOK.bands.countries.values()):
        for values in book.values():
            for value in values.values():
                assert f"| {value.reason}" in page
                assert f"| {value.source} | {value.date} | {value.status} |" in page


# -- explain --------------------------------------------------------------------------------------------------------------


def test_explaining_reads_the_standard_input_and_answers_a_program(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(QUESTION)))
    assert main(["policy", "explain", "-", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["verdict"], told["code"], [rule["id"] for rule in told["rules"]]) == (
        "deny",
        "quiet_hours",
        ["quiet-hours"],
    )
    assert {"fact": "x.open_hours", "was": False, "values": [True], "verdict": "allow"} in told["turns"]
    assert told["wrong"] == []


def test_every_turn_that_is_told_turns_the_answer_and_no_other_yes_or_no_does() -> None:
    for vector in load_vectors((ROOT / "tests/conformance/vectors.json").read_text("utf-8"))[::9]:
        told = explain(BOOK, vector.question)
        if told.wrong:
            continue
        turning = {turn.fact for turn in told.turns}
        for turn in told.turns:
            part, _, fact = turn.fact.partition(".")
            for value in turn.values:
                plain = {**vector.question, part: {**vector.question[part], fact: value}}
                assert BOOK.decide_plain(plain).allowed is (turn.verdict == "allow") is (told.verdict == "deny")
        for part, facts in vector.question.items():
            for fact, value in facts.items() if part != "verb" else ():
                if isinstance(value, bool) and f"{part}.{fact}" not in turning:
                    plain = {**vector.question, part: {**facts, fact: not value}}
                    assert BOOK.decide_plain(plain).allowed is (told.verdict == "allow")


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ({}, "the verb is missing"),
        ([], "a question is a JSON object"),
        (None, "a question is a JSON object"),
        ({"verb": "fly"}, "there is no verb 'fly'"),
        ({"verb": ["ring"]}, "there is no verb ['ring']"),
        ({"verb": "help", "x": {}}, "matter is missing"),
        ({"verb": "help", "x": 1, "matter": {}}, "x must be an object"),
        ({**QUESTION, "when": "now"}, "when is not known"),
        ({**QUESTION, "call": {**QUESTION["call"], "people": True}}, "call.people must be a whole number, and is True"),
    ],
)
def test_a_broken_question_is_a_no_that_says_what_is_wrong(
    question: Any, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "q.json").write_text(json.dumps(question))
    assert main(["policy", "explain", str(tmp_path / "q.json")]) == 1
    printed = capsys.readouterr().out
    assert printed.startswith("NO (internal)")
    assert f"  {told}\n" in printed
    assert "forbid rule-broken" in printed


@pytest.mark.parametrize(
    ("text", "told"),
    [("{", "is not JSON"), (None, "cannot be read: No such file"), (b"\xff\xfe", "is not text in UTF-8")],
)
def test_a_question_that_cannot_be_read_is_told_in_one_sentence(
    text: Any, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "q.json"
    if text is not None:
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
    assert main(["policy", "explain", str(file)]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert told in printed.err


# -- diff -----------------------------------------------------------------------------------------------------------------


def test_the_same_rulebook_twice_changes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    same = rulebook(tmp_path / "same", put("// The safe account", "// A safe account"))
    assert main(["policy", "diff", str(HOME), str(same)]) == 0
    assert capsys.readouterr().out == "No situation changes its answer.\n"


def test_other_words_and_sources_are_told_and_change_no_answer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = rulebook(
        tmp_path / "other",
        put("It is quiet time for you now.", "Good night."),
        put("row 45; AADC11; AADC13; GC25 76", "row 45"),
    )
    assert main(["policy", "diff", str(HOME), str(other)]) == 0
    printed = capsys.readouterr().out
    assert "quiet-hours says something else to a child: Good night.\n" in printed
    assert "quiet-hours has other sources: row 45\n" in printed


@pytest.mark.parametrize(("old", "new", "title"), [(0, 1, "opened"), (1, 0, "closed")])
def test_what_a_looser_rule_opens_is_what_the_stricter_one_closes(
    old: int, new: int, title: str, tmp_path: Path
) -> None:
    books = BOOK, load(rulebook(tmp_path / "loose", without("quiet-hours")))
    difference = compare(books[old], books[new])
    changes = getattr(difference, title)
    assert {change.verb for change in changes} == {
        "see_presence", "ring", "answer", "join", "stay", "be_seen_by", "be_heard_by", "watch_stage",
    }  # fmt: skip
    assert not getattr(difference, "closed" if title == "opened" else "opened")
    assert difference
    for change in changes:
        assert 0 < change.situations < change.of
        assert all("not x.open_hours" in case.where for case in change.cases)
    assert any("quiet-hours" in case.before + case.after for case in changes[0].cases)


def test_the_number_of_changed_situations_is_exact(tmp_path: Path) -> None:
    """Counted a second time by hand."""
    other = load(
        rulebook(
            tmp_path / "other",
            put("resource.on && resource.moderator };", "resource.on };"),
            without("no-moderator-no-stage"),
        )
    )
    (change,) = compare(BOOK, other).opened
    assert change.verb == "host_stage"
    people = 2**8 * 7 * 5
    assert change.of == people * 2**4
    # a child, one of four bands, active, consent, open hours, minutes; signed in and paired, or not acting; one fact more
    x = 1 * 4 * 1 * 1 * 1 * 1 * (1 + 4) * 2
    assert change.situations == x * 2  # allowed, on, without a moderator; live or not


def test_a_forbid_that_only_gives_a_reason_changes_only_reasons(tmp_path: Path) -> None:
    difference = compare(BOOK, load(rulebook(tmp_path / "less", without("children-only"))))
    assert not difference.opened
    assert not difference.closed
    assert {"look_at_home", "answer_ask"} <= {change.verb for change in difference.reasons}
    assert difference.rules == ("children-only is gone",)


def test_a_fact_that_only_one_rulebook_knows_is_free_in_the_other(tmp_path: Path) -> None:
    schema = "safe_account.cedarschema"
    more = rulebook(
        tmp_path / "more",
        put("blocked: Bool,", "blocked: Bool,\n  muted: Bool,", schema),
        put("when { context.contact.blocked };", "when { context.contact.blocked || context.contact.muted };"),
    )
    difference = compare(BOOK, load(more))
    assert difference.facts == ("contact.muted is new",)
    assert not difference.opened
    assert {case.where for change in difference.closed for case in change.cases} == {"contact.muted"}
    back = compare(load(more), BOOK)
    assert back.facts == ("contact.muted is no longer looked at",)
    assert sum(one.situations for one in back.opened) == sum(one.situations for one in difference.closed)


def test_a_verb_that_only_one_rulebook_knows_is_told(tmp_path: Path) -> None:
    other = rulebook(
        tmp_path / "other",
        put("search, add_without_asking, comment", "add_without_asking, comment", "safe_account.cedarschema"),
        without("nobody-searches"),
    )
    assert compare(load(other), BOOK).verbs == ("search is new: a yes in 0 of 1,433,600 situations",)
    assert compare(BOOK, load(other)).verbs == ("search can no longer be asked",)


def test_a_changed_value_of_a_country_is_a_change(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = rulebook(tmp_path / "other", put("value = 365", "value = 180", "countries/US.toml"))
    assert main(["policy", "diff", str(HOME), str(other)]) == 1
    printed = capsys.readouterr().out
    assert "US 0-12 yes_lasts_days: 365 → 180" in printed
    assert "No situation changes its answer." in printed


# -- check ----------------------------------------------------------------------------------------------------------------


def test_checking_a_rulebook_with_a_hole_says_which_promise_breaks_where_and_which_vectors_differ(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hole = rulebook(tmp_path / "hole", without("blocked"))
    assert main(["policy", "check", "--quick", "--rulebook", str(hole)]) == 1
    lines = capsys.readouterr().out.splitlines()
    told = next(line for line in lines if line.startswith("BROKEN PROMISE blocked-is-blocked: ") and " ring: " in line)
    example = json.loads(told.partition("such as ")[2])
    assert example["contact"]["blocked"]
    assert load(hole).decide_plain(example)
    assert not BOOK.decide_plain(example)
    assert [line for line in lines if line.startswith("vectors.json: ") and "blocked" in line]
    assert lines[-1].endswith("things do not hold.")


def test_checking_without_vectors_or_with_broken_ones_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["policy", "check", "--quick", "--vectors", str(tmp_path / "none.json")]) == 2
    assert "none.json cannot be read" in capsys.readouterr().err
    (tmp_path / "odd.json").write_text("[]")
    assert main(["policy", "check", "--quick", "--vectors", str(tmp_path / "odd.json")]) == 1
    assert "odd.json: " in capsys.readouterr().out


@pytest.mark.parametrize("command", [["check", "--quick"], ["diff", str(HOME), str(HOME)]])
def test_without_the_library_a_proof_says_what_to_install(command: list[str]) -> None:
    program = "import sys; sys.modules['dd'] = sys.modules['dd.autoref'] = None; from server.cli import main; sys.exit(main(sys.argv[1:]))"
    ran = subprocess.run(
        [sys.executable, "-c", program, "policy", *command], cwd=ROOT, env=os.environ, capture_output=True, text=True
    )
    assert ran.returncode == 2
    assert "pip install 'ringfence[prove]'" in ran.stderr
    assert "Traceback" not in ran.stderr


# -- a rulebook that is broken --------------------------------------------------------------------------------------------

CEDAR = "safe_account.cedar"
SCHEMA = "safe_account.cedarschema"


@pytest.mark.parametrize(
    ("change", "file", "at", "told"),
    [
        (put("contact.blocked }", "contact.blocked )"), CEDAR, "when { context.contact.blocked", "rule blocked: unexpected"),
        (put("context.contact.blocked }", "context.contact.blockd }"), CEDAR, '@id("blocked")', "rule blocked: attribute `contact.blockd`"),
        (put('Action::"Reach"', 'Action::"Reech"'), CEDAR, '@id("approved-contacts', "rule approved-contacts-may-meet: unrecognized"),
        (put("context.call.people < 1", 'context.call.people < "one"'), CEDAR, '@id("unknown-fact")', "rule unknown-fact: "),
        (put('@child("You cannot talk with this person right now.")\n', ""), CEDAR, '@id("blocked")', "rule blocked: has no @child"),
        (put('@id("not-yours")\n', ""), CEDAR, '@id("not-yours")', f"rule number {[*BOOK.rules].index('not-yours') + 1}: has no @id"),
        (put('@id("not-yours")', '@id("blocked")'), CEDAR, '@id("not-yours")', "rule blocked: two rules are called blocked"),
        (put("blocked: Bool,", "blocked Bool,", SCHEMA), SCHEMA, "blocked: Bool", "error parsing schema: unexpected token"),
        (put("blocked: Bool,", "blocked: Boool,", SCHEMA), SCHEMA, "blocked: Bool", "Boool"),
        (put("action Meeting in [Reach]", "action Meeting in [Reech]", SCHEMA), SCHEMA, "action Meeting in [Reach]", "Reech"),
        (put('status = "our choice"', 'status = "fine"', "bands.toml"), "bands.toml", '[bands."0-12".guardian]', "status"),
        (put('source = "AU SMMA; S62; S63"\n', "", "countries/AU.toml"), "countries/AU.toml", '[bands."0-12".stage]', "has no source"),
        (lambda folder: (folder / "bands.toml").unlink(), "bands.toml", None, "no such file"),
        (lambda folder: (folder / "safe_account.cedar").write_bytes(b"//\n\xff"), CEDAR, None, "UTF-8"),
    ],
)  # fmt: skip
def test_a_rulebook_that_is_broken_is_named_by_file_line_and_reason(
    change: Change, file: str, at: str | None, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = rulebook(tmp_path / "broken", change)
    line = line_of(at, file) if at else 2 if "UTF-8" in told else 1
    with pytest.raises(BrokenRulebook) as wrong:
        load(folder)
    assert str(wrong.value).startswith(f"{file}:{line}: ")
    assert told in str(wrong.value)
    assert main(["policy", "diff", str(HOME), str(folder)]) == 2
    assert capsys.readouterr().err == f"{folder}/{wrong.value}\n"


def test_a_folder_that_is_not_there_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policy", "diff", str(HOME), str(tmp_path / "none")]) == 2
    assert "none is not a folder." in capsys.readouterr().err
