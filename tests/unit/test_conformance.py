"""The vectors are what they say, anybody's program can be tested with them, and Node decides as we do.

The Node tests install one package from npm's registry, once, into ``tests/conformance/node/node_modules``. They do not skip:
where Node or npm is missing they fail and say so, for a promise of the project (the rules run elsewhere) would be unproven.
"""

from __future__ import annotations

import fcntl
import json
import os
import random
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from server.policy import Rulebook, Verb, load
from server.policy.facts import _TYPES as FACTS
from server.policy.facts import PARTS, REACH_VERBS, Handle, Inspect, kind_of
from server.policy.vectors import BrokenVectors, check, differences, load_vectors

ROOT = Path(__file__).parents[2]
HOME = ROOT / "tests" / "conformance"
NODE = HOME / "node"
TEXT = (HOME / "vectors.json").read_text("utf-8")
PLAIN: dict[str, Any] = json.loads(TEXT)
SCHEMA: dict[str, Any] = json.loads((HOME / "vectors.schema.json").read_text("utf-8"))
VECTORS = load_vectors(TEXT)
BOOK = load()


# -- the file -------------------------------------------------------------------------------------------------------------


def test_the_vectors_hold_against_their_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    wrong = [
        f"{one.json_path}: {one.message[:200]}" for one in jsonschema.Draft202012Validator(SCHEMA).iter_errors(PLAIN)
    ]
    assert wrong == []


def test_every_vector_is_answered_as_written_with_all_its_reasons() -> None:
    assert [str(one) for one in check(VECTORS, BOOK.decide_plain)] == []


def test_the_schema_knows_the_same_facts_and_verbs_as_the_code() -> None:
    words = {bool: {"type": "boolean"}, int: {"$ref": "#/$defs/number"}, str: {"type": "string"}}
    for shape, types in FACTS.items():
        said = SCHEMA["$defs"][shape.__name__]
        assert said["properties"] == {name: words[kind] for name, kind in types.items()}
        assert said["required"] == list(types)
        assert said["additionalProperties"] is False
    for kind, parts in PARTS.items():
        said = SCHEMA["$defs"][kind.__name__]
        assert said["properties"]["verb"]["enum"] == [verb.value for verb in Verb if kind_of(verb) is kind]
        assert {name: facts for name, facts in said["properties"].items() if name != "verb"} == {
            name: {"$ref": f"#/$defs/{shape.__name__}"} for name, shape in parts.items()
        }


def test_the_answers_were_written_for_this_version_of_the_bands() -> None:
    assert PLAIN["rulebook"] == BOOK.bands.version


def test_a_vector_differs_from_its_twin_in_exactly_one_thing() -> None:
    by_id = {vector.id: vector for vector in VECTORS}
    twins = [vector for vector in VECTORS if vector.twin]
    assert len(twins) >= 200
    for vector in twins:
        assert vector.twin
        assert len(differences(vector.question, by_id[vector.twin].question)) == 1, vector.id


def test_there_are_more_than_three_hundred_vectors_and_no_two_ask_the_same() -> None:
    questions = Counter(json.dumps(vector.question, sort_keys=True) for vector in VECTORS)
    assert questions.most_common(1)[0][1] == 1
    assert len(VECTORS) >= 320


def test_vectors_cover_every_verb_rule_and_value_and_each_refusal_stands_alone_somewhere() -> None:
    whole = [vector for vector in VECTORS if vector.rules != ("rule-broken",)]
    asked = {vector.question["verb"] for vector in whole}
    assert asked == {verb.value for verb in Verb}
    assert {vector.rules[0] for vector in VECTORS if len(vector.rules) == 1} == {
        *BOOK.rules,
        "rule-broken",
        "no-permit",
    }
    harbour = {"help", "report", "block", "unblock", "look_at_blocks", "leave", "sign_out"}
    never = {"record", "search", "add_without_asking", "comment", "give_gift", "react"}
    assert {vector.question["verb"] for vector in whole if vector.verdict == "allow"} == asked - never
    assert {vector.question["verb"] for vector in whole if vector.verdict == "deny"} == asked - harbour
    values: dict[str, set[Any]] = {}
    for vector in whole:
        for part, facts in vector.question.items():
            for name, value in facts.items() if isinstance(facts, dict) else ():
                values.setdefault(f"{part}.{name}", set()).add(value)
    kinds, bands = {"child", "guardian", "trusted_adult", "nobody"}, {"0-12", "13-15", "16-17", "18+"}
    watches, reaches = {"free", "ask", "present"}, {"approve", "discuss", "teen_led"}
    closed: dict[str, set[Any]] = {
        "x.kind": kinds, "y.kind": kinds, "x.band": bands, "y.band": bands, "contact.watch_x": watches, "contact.watch_y": watches,
        "contact.state": {"approved", "asked", "refused", "lapsed", "ended", "none"}, "contact.assurance": {0, 1, 2, 3},
        "call.media": {"audio", "video"}, "matter.whose": {"own", "ward", "stranger", "nobody"}, "matter.reach": reaches,
    }  # fmt: skip
    for fact, known in closed.items():
        assert known < values[fact], f"{fact}: all values, and one that nobody knows"
    pairs = {(v.question["x"]["kind"], v.question["y"]["kind"]) for v in whole if "y" in v.question}
    assert {(one, other) for one in kinds - {"nobody"} for other in kinds - {"nobody"}} <= pairs


# -- a broken file names the vector -----------------------------------------------------------------------------------------


def _changed(change: Callable[[dict[str, Any]], None]) -> str:
    plain = json.loads(TEXT)
    change(plain)
    return json.dumps(plain)


def _first(**parts: Any) -> Callable[[dict[str, Any]], None]:
    return lambda plain: plain["vectors"][0].update(parts)


@pytest.mark.parametrize(
    ("change", "told", "schema_too"),
    [
        (_first(id="Friends"), "vector number 1: its id", True),
        (_first(id=7), "vector number 1: its id", True),
        (lambda plain: plain["vectors"].__setitem__(4, "ring"), "vector number 5: must be an object", True),
        (lambda plain: plain["vectors"][0].pop("note"), "vector friends-see-presence: note missing", True),
        (_first(note=""), "vector friends-see-presence: note", True),
        (_first(comment="x"), "vector friends-see-presence: nobody knows comment", True),
        (_first(flags=[]), "vector friends-see-presence: flags", True),
        (_first(flags=["ordinary-life", "ordinary-life"]), "vector friends-see-presence: flags", True),
        (_first(flags=["made-up"]), "vector friends-see-presence: flag made-up", False),
        (_first(verdict="yes"), "vector friends-see-presence: verdict", True),
        (_first(rules=[]), "vector friends-see-presence: rules", True),
        (_first(rules=["b", "a"]), "vector friends-see-presence: rules", False),
        (_first(rules=["rule-broken"], verdict="deny"), "its question is complete", True),
        (_first(rules=["rule-broken"]), "what is broken is never allowed", True),
        (_first(question=7), "vector friends-see-presence: question", True),
        (_first(question={"verb": "help"}), "vector friends-see-presence: its question is none", True),
        (lambda plain: plain["vectors"][0]["question"]["call"].update(people=2**60), "call.people is larger", True),
        (_first(twin="not-there"), "vector friends-see-presence: there is no vector not-there", False),
        (_first(twin="friends-ring"), "vector friends-see-presence: must differ from its twin friends-ring", False),
        (_first(twin=7), "vector friends-see-presence: twin", True),
        (
            lambda plain: plain["vectors"].append(plain["vectors"][0]),
            "vector friends-see-presence: this id is used twice",
            False,
        ),
        (lambda plain: plain["flags"].update(unused="A harm that no vector shows."), "no vector has unused", False),
        (lambda plain: plain["flags"].update(blocked=""), "flags: each flag", True),
        (lambda plain: plain.update(more=1), "exactly these keys", True),
        (lambda plain: plain.update(rulebook=7), "must be named", True),
        (lambda plain: plain.update(vectors=[]), "there are no vectors", True),
        (lambda plain: plain.update(vectors=None), "there are no vectors", True),
    ],
)
def test_a_broken_vector_file_does_not_load_and_names_the_vector(
    change: Callable[[dict[str, Any]], None], told: str, schema_too: bool
) -> None:
    broken = _changed(change)
    with pytest.raises(BrokenVectors, match=re.escape(told)):
        load_vectors(broken)
    assert jsonschema.Draft202012Validator(SCHEMA).is_valid(json.loads(broken)) is not schema_too


@pytest.mark.parametrize("text", ["", "[]", "{", "7", '{"id": 1, "id": 2}'])
def test_what_is_no_vector_file_does_not_load(text: str) -> None:
    with pytest.raises(BrokenVectors):
        load_vectors(text)


def test_a_rulebook_that_answers_otherwise_is_told_in_a_sentence() -> None:
    files = [
        (ROOT / "server/policy" / name).read_text("utf-8")
        for name in ("safe_account.cedar", "safe_account.cedarschema", "bands.toml")
    ]
    deaf = Rulebook(files[0].replace("when { context.contact.blocked };", "when { false };"), *files[1:])
    told = [str(one) for one in check(VECTORS, deaf.decide_plain)]
    assert "blocked-ring: allow (approved-contacts-may-meet) instead of deny (blocked)" in told
    assert all("blocked" in one for one in told)


# -- the runner -------------------------------------------------------------------------------------------------------------

_RIGHT = """
import json, sys
from server.policy import load
book = load()
for line in sys.stdin:
    decision = book.decide_plain(json.loads(line))
    print(json.dumps({"verdict": "allow" if decision else "deny", "rules": decision.rules[::-1]}), flush=True)
"""
_SAYS_YES = """
import sys
for line in sys.stdin:
    print('{"verdict": "allow", "rules": ["approved-contacts-may-meet"]}', flush=True)
"""


def _run(*command: str, options: tuple[str, ...] = ()) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, str(HOME / "run.py"), *options, *command],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=120,
    )
    assert "Traceback" not in done.stdout + done.stderr
    return done.returncode, done.stdout


def test_a_right_program_gets_through() -> None:
    status, told = _run(sys.executable, "-c", _RIGHT)
    assert (status, told) == (
        0,
        f"{len(VECTORS)} vectors, {len(VECTORS)} right, 0 different, 0 of them allowed what must be refused\n",
    )


def test_a_program_that_always_says_yes_is_told_each_difference_and_the_harms() -> None:
    status, told = _run(sys.executable, "-c", _SAYS_YES)
    right = sum(vector.rules == ("approved-contacts-may-meet",) for vector in VECTORS)
    denied = sum(vector.verdict == "deny" for vector in VECTORS)
    assert status == 1
    assert (
        f"{len(VECTORS)} vectors, {right} right, {len(VECTORS) - right} different, {denied} of them allowed what must be refused"
        in told
    )
    assert (
        "stranger-ring: Somebody with an account and no yes from anybody tries a child.\n    verdict allow, should be deny\n"
        in told
    )
    assert "    rules missing: not-approved-contact\n    rules too many: approved-contacts-may-meet\n" in told
    assert "harms let in: " in told


_BY_HEART = """
import json, sys
for vector, line in zip(json.load(open("tests/conformance/vectors.json"))["vectors"], sys.stdin):
    print(json.dumps(vector), flush=True)
"""


@pytest.mark.parametrize(
    ("program", "told"),
    [
        ("import time; time.sleep(60)", "at friends-see-presence: no answer within 6 seconds"),
        ("raise SystemExit(7)", "at friends-see-presence: it ended with status 7"),
        ("input(); raise SystemExit(0)", "at friends-see-presence: it ended with status 0"),
        ("import os; os.close(1); input(); import time; time.sleep(60)", "it shut its output and goes on running"),
        ("input(); print('hello', flush=True); input()", "at friends-see-presence: this is no answer: hello"),
        ("""input(); print('{"verdict": "maybe", "rules": []}')""", "at friends-see-presence: this is no answer: {"),
        ("""input(); print('{"verdict": "deny", "rules": "all"}')""", "at friends-see-presence: this is no answer: {"),
        ("""input(); print('{"verdict": "deny"}')""", "at friends-see-presence: this is no answer: {"),
        ("input(); import sys; sys.stdout.buffer.write(bytes([255, 10]))", r"at friends-see-presence: this is no answer: \xff"),
        ("""while True: print('{"verdict": "deny", "rules": []}')""", "one line too many, before the question: {"),
        (_BY_HEART + "print('bye')", "after the last question: one line too many: bye"),
        (_BY_HEART + "sys.exit(3)", "after the last question: it ended with status 3"),
        (_BY_HEART + "import time; time.sleep(60)", "after the last question: no end after the last question within 2 seconds"),
    ],
)  # fmt: skip
def test_a_program_that_hangs_dies_or_talks_rubbish_is_named_and_nothing_is_passed(program: str, told: str) -> None:
    begun = time.monotonic()
    status, said = _run(sys.executable, "-c", program, options=("--seconds", "2"))
    assert status == 2
    assert "not finished: " in said
    assert told in said
    assert time.monotonic() - begun < 60


def test_a_program_or_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert _run("./not-there") == (2, "not finished: ./not-there could not be started: No such file or directory\n")
    (tmp_path / "empty.json").write_text("[]")
    (tmp_path / "half.json").write_text('{"vectors": [{"id": "a-ring"}]}')
    for name, told in (
        ("gone", "No such file"),
        ("empty", "this is no vector file"),
        ("half", "vector a-ring has no note"),
    ):
        status, said = _run("cat", options=("--vectors", str(tmp_path / f"{name}.json")))
        assert status == 2
        assert told in said


# -- Node -------------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def node() -> list[str]:
    """The program in Node, with its one dependency installed (several test processes may want it at once)."""
    for name in ("node", "npm"):
        if shutil.which(name) is None:
            pytest.fail(
                f"These tests prove that the rules run in Node, and {name} is missing. On Debian: apt-get install nodejs npm"
            )
    wanted = json.loads((NODE / "package.json").read_text("utf-8"))["dependencies"]["@cedar-policy/cedar-wasm"]
    there = NODE / "node_modules" / "@cedar-policy" / "cedar-wasm" / "package.json"
    (ROOT / "var").mkdir(exist_ok=True)
    with (ROOT / "var" / "conformance-node.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not there.is_file() or json.loads(there.read_text("utf-8"))["version"] != wanted:
            done = subprocess.run(["npm", "install"], cwd=NODE, capture_output=True, text=True, timeout=300)
            if done.returncode:
                pytest.fail(f"npm could not install @cedar-policy/cedar-wasm {wanted}: {done.stderr[-500:]}")
    return ["node", str(NODE / "decide.mjs")]


def test_node_with_the_same_rules_answers_every_vector(node: list[str]) -> None:
    assert _run(*node) == (
        0, f"{len(VECTORS)} vectors, {len(VECTORS)} right, 0 different, 0 of them allowed what must be refused\n"
    )  # fmt: skip


def test_node_is_pinned_to_one_version_and_nothing_names_a_registry() -> None:
    package = json.loads((NODE / "package.json").read_text("utf-8"))
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in package["dependencies"].values())
    assert sorted(path.name for path in NODE.iterdir() if path.is_file()) == [".npmrc", "decide.mjs", "package.json"]
    assert "package-lock=false" in (NODE / ".npmrc").read_text("utf-8").splitlines()


#: for each fact that is no yes or no: the ordinary value first, then all others and one that nobody knows
_VALUES: dict[str, list[Any]] = {
    "kind": ["child", *["child", "guardian", "trusted_adult"] * 3, "nobody", "alien"],
    "band": ["0-12", "13-15", "16-17", "18+", "none"],
    "state": ["approved", "asked", "refused", "lapsed", "ended", "none", ""],
    "watch_x": ["free", "ask", "present", "maybe"],
    "watch_y": ["free", "ask", "present", "maybe"],
    "assurance": [2, 0, 1, 3, 4],
    "assurance_needed": [2, 1, 3, -1],
    "people": [2, 1, 3, 8, 9, 0],
    "room": [8, 2],
    "media": ["video", "audio", "screen"],
    "whose": ["ward", "own", "nobody", "stranger", "else"],
    "reach": ["approve", "discuss", "teen_led", ""],
}


def _random_question(chance: random.Random) -> dict[str, Any]:
    """Any question, most facts on their safe side so that many single rules decide; one in twelve is broken somewhere."""
    of_helpers = [verb for verb in Verb if kind_of(verb) in (Handle, Inspect)]
    verb = chance.choice([*Verb, *sorted(REACH_VERBS) * 6, *of_helpers * 4])
    safe = chance.choice([0.6, 0.95, 0.99, 0.995])
    question: dict[str, Any] = {"verb": verb.value}
    for part, shape in PARTS[kind_of(verb)].items():
        question[part] = {name: _random_value(chance, name, safe) for name in FACTS[shape]}
    if verb in of_helpers and chance.random() < 0.6:
        question["x"]["kind"] = "helper" if kind_of(verb) is Handle else "inspector"
    if chance.random() < 1 / 12:
        facts = chance.choice([question[part] for part in question if part != "verb"])
        name = chance.choice([*facts, "more"])
        if name in facts and chance.random() < 0.5:
            del facts[name]
        else:
            facts[name] = chance.choice([None, 1.5, 2**70, [True], {"a": 1}])
    return question


def _random_value(chance: random.Random, name: str, safe: float) -> Any:
    ordinary = chance.random() < (0.5 if name in ("kind", "whose", "video", "few_families") else safe)
    if name not in _VALUES:
        return ordinary is not (name == "blocked")
    return _VALUES[name][0] if ordinary else chance.choice(_VALUES[name])


def test_python_and_node_agree_on_two_thousand_random_questions(node: list[str]) -> None:
    chance = random.Random("the same two thousand each time")
    questions = [_random_question(chance) for _ in range(2_000)]
    lines = "".join(json.dumps(question) + "\n" for question in questions)
    done = subprocess.run(node, input=lines, capture_output=True, text=True, timeout=120, check=True)
    theirs = [json.loads(line) for line in done.stdout.splitlines()]
    ours = [_answer(question) for question in questions]
    assert [(q, o, t) for q, o, t in zip(questions, ours, theirs, strict=True) if o != t] == []
    seen = Counter(rule for answer in ours for rule in answer["rules"])
    assert len({*BOOK.rules, "rule-broken", "no-permit"} - set(seen)) <= 3  # chance may miss a rare one
    assert 200 < sum(answer["verdict"] == "allow" for answer in ours) < 1_700


def _answer(question: Mapping[str, Any]) -> dict[str, Any]:
    decision = BOOK.decide_plain(question)
    return {"verdict": "allow" if decision else "deny", "rules": list(decision.rules)}


def test_node_says_no_to_what_is_no_question_and_goes_on(node: list[str]) -> None:
    fine = json.dumps(next(vector.question for vector in VECTORS if vector.id == "friends-ring"))
    lines = "\n".join(["", "ring", "null", "[]", "7", '{"verb": "__proto__"}', '{"verb": "help"}', fine]) + "\n"
    done = subprocess.run(node, input=lines, capture_output=True, text=True, timeout=60, check=True)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert answers[:-1] == [{"verdict": "deny", "rules": ["rule-broken"]}] * 7
    assert answers[-1] == {"verdict": "allow", "rules": ["approved-contacts-may-meet"]}


@pytest.mark.parametrize(
    ("was", "now", "told"),
    [
        ("principal.consent", "principal.consnt", "consent-not-valid"),
        ('@id("blocked")\n', "", "a rule has no id of its own"),
        ('@id("blocked")', '@id("quiet-hours")', "a rule has no id of its own"),
        ("forbid (", "forbid", "the rulebook does not hold"),
    ],
)
def test_node_does_not_start_with_a_rulebook_that_does_not_hold(
    node: list[str], tmp_path: Path, was: str, now: str, told: str
) -> None:
    for name in ("safe_account.cedar", "safe_account.cedarschema"):
        text = (ROOT / "server/policy" / name).read_text("utf-8")
        assert was in text or name.endswith("schema")
        (tmp_path / name).write_text(text if name.endswith("schema") else text.replace(was, now, 1))
    done = subprocess.run([*node, str(tmp_path)], input="", capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert told in done.stderr


# -- the page that says how to take it elsewhere ------------------------------------------------------------------------------

PAGE = ROOT / "docs" / "how-to" / "adopt-the-policy.md"


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)


def test_the_page_quotes_the_program_that_runs() -> None:
    assert _blocks("js") == [(NODE / "decide.mjs").read_text("utf-8")]


def test_the_commands_of_the_page_work_as_they_stand(node: list[str], tmp_path: Path) -> None:
    """In a copy of what the page says to copy, with nothing else of this project beside it."""
    for command in _blocks("sh"):
        for line in command.splitlines():
            done = subprocess.run(
                ["bash", "-ec", line], cwd=tmp_path, capture_output=True, text=True, timeout=300,
                env={**os.environ, "RINGFENCE": str(ROOT)},
            )  # fmt: skip
            assert done.returncode == 0, (line, done.stdout, done.stderr)
    assert f"{len(VECTORS)} right, 0 different" in done.stdout


def test_the_page_says_plainly_what_was_not_run_here() -> None:
    text = PAGE.read_text("utf-8")
    for language in ("go", "java", "rust"):
        (block,) = _blocks(language)
        before = text[: text.index(block)].splitlines()[-3:]
        assert any("Not run here" in line for line in before), language
