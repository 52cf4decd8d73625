"""The report of an inspection: complete, bounded, signed; whatever a platform says, it is written, and whatever is changed, it is found."""

from __future__ import annotations

import json
import random
import re
import shutil
from collections.abc import Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server import notes, promises
from server.cli import main
from server.inspection import compare, document, page, pdf, plots, report, sign
from server.inspection.findings import AuditRow, Finding, Inspection, Measured, Step
from server.inspection.own import FreshServer
from tests.inspections import CODE, CUTS, NASTY, REFUSED, RINGS, finding, honest, hostile

ROOT = Path(__file__).parents[2]
SCHEMA = ROOT / "docs" / "reference" / "inspection-report.schema.json"
KEY = notes.Signer(sign.NAME, bytes(range(32)))
OTHER = notes.Signer(sign.NAME, bytes(range(1, 33)))


def made(inspection: Inspection) -> document.Report:
    return document.document(inspection, signed_by=KEY.verifier.line)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("report")
    report.write(honest(), out, key=KEY)
    return out


# -- report.json -------------------------------------------------------------------------------------------------------------


def test_the_schema_in_the_docs_is_that_of_the_code_and_an_honest_report_is_of_it() -> None:
    kept = json.loads(SCHEMA.read_text("utf-8"))
    assert kept == document.schema(), "write document.schema() into docs/reference/inspection-report.schema.json"
    check = jsonschema.Draft202012Validator(kept)
    told = json.loads(document.encoded(made(honest())))
    assert not list(check.iter_errors(told))
    for name in told:
        assert list(check.iter_errors({key: value for key, value in told.items() if key != name})), (
            f"{name} may be missing"
        )
    assert list(check.iter_errors({**told, "more": 1}))


def test_everything_that_was_found_stands_in_it() -> None:
    told = json.loads(document.encoded(made(honest())))
    assert told["counts"] == {"proven": 2, "broken": 1, "not_shown": 2}
    assert [one["verdict"] for one in told["promises"]] == ["proven", "proven", "broken", "not_shown", "not_shown"]
    first = told["promises"][0]
    assert first["sentence"].startswith("A child rings, hears and sees only people")
    assert {"code", "standing", "since", "unverified"} == set(first["sources"][0])
    cut = told["findings"][1]
    assert cut["measured"][0]["values"] == list(CUTS.values)
    assert cut["audit"][0]["rules"] == ["strangers-cannot-reach-a-child"]
    assert [step["tried"] for step in cut["steps"]] == [RINGS.tried, REFUSED.tried]
    assert told["platform"]["settings"]["gate"] == "in process"
    assert told["promises"][4]["no_such_thing"]
    assert not told["promises"][3]["no_such_thing"]


def test_a_report_says_which_code_ran_or_that_nobody_can_know(tmp_path: Path) -> None:
    report.write(honest(), tmp_path, key=KEY)
    assert json.loads((tmp_path / "report.json").read_text())["platform"]["code"] == CODE
    assert f"<dd><bdi>{CODE}</bdi></dd>" in (tmp_path / "report.html").read_text()
    drawn = pdf._drawn(made(honest()), pdf.MOST_PAGES)
    assert drawn.lines[134, CODE, True, 8.5] == [CODE], "it stands in one line of the print"
    elsewhere = made(replace(honest(), platform=replace(honest().platform, code="")))
    assert elsewhere.platform.code == ""
    assert "Not known: the inspector did not start it" in page.rendered(elsewhere)
    hostile_code = made(replace(honest(), platform=replace(honest().platform, code="<b>" * 500)))
    assert len(hostile_code.platform.code) < 200


def test_of_a_server_of_its_own_an_inspection_tells_the_digest_of_the_files_that_run() -> None:
    fresh = FreshServer()
    assert fresh.inspected.code == "", "before it is there nothing ran"
    fresh._make_folder()
    try:
        fresh._settle()
        assert fresh.inspected.code == promises.digest()
    finally:
        shutil.rmtree(fresh.data.parent)


def test_a_promise_that_nobody_knows_is_said_to_be_not_in_the_ledger_and_is_still_judged() -> None:
    one = replace(
        honest(), scope=("no-such-promise",), findings=(finding("a-story", ("no-such-promise",), RINGS, REFUSED),)
    )
    (promise,) = made(one).promises
    assert (promise.sentence, promise.verdict) == ("not in the ledger", "proven")
    assert "no-such-promise: not in the ledger" in page.rendered(made(one))


def test_a_part_is_not_taken_for_the_whole() -> None:
    told = made(honest())
    assert told.in_ledger == len(promises.ledger().ids) > len(told.promises)
    assert f"5 of the {told.in_ledger} promises in the ledger were in the scope of this run." in page.lead(told)
    every = [replace(one, not_played=()) for one in told.promises]
    assert "Not all was played" not in page.lead(replace(told, promises=tuple(every)))
    part = replace(told, promises=(replace(every[0], not_played=("out-wait",)), *every[1:]))
    assert "for 1 of these promises the ledger names more stories than this run told." in page.lead(part)
    assert "Not played in this run, though the ledger names it for this promise: out-wait." in page.rendered(part)


def test_a_scenario_that_boasts_is_put_right_in_words() -> None:
    boast = finding("a-boast", ("contacts-only",), REFUSED, outcome="proven", why="All is well.")
    told = made(replace(honest(), scope=("contacts-only",), findings=(boast,)))
    assert told.promises[0].verdict == told.findings[0].outcome == "not_shown"
    assert told.findings[0].said == "proven"
    assert told.findings[0].why == "The scenario said it is proven, but its steps do not carry that. All is well."


def test_only_the_canonical_bytes_of_the_schema_are_read() -> None:
    raw = document.encoded(made(honest()))
    assert document.decoded(raw) == made(honest())
    told = json.loads(raw)
    for other in (
        json.dumps(told).encode(),
        raw[:-1],
        raw.replace(b'"by"', b'"by":"x","by"', 1),
        json.dumps({**told, "more": 1}, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() + b"\n",
        raw.replace(b'"ringfence-inspection/1"', b'"ringfence-inspection/2"'),
        b"[" * 100_000,
        b"",
    ):
        with pytest.raises(document.NotAReport):
            document.decoded(other)


# -- what a hostile platform says --------------------------------------------------------------------------------------------


class Seen(HTMLParser):
    """Every tag, id and link of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.names: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.names |= {name for name, _ in attrs}
        self.ids += [value or "" for name, value in attrs if name == "id"]
        self.links += [value or "" for name, value in attrs if name in ("href", "src", "action", "data")]


HONEST = Seen(page.rendered(made(honest())))


@pytest.mark.parametrize("text", NASTY, ids=["script", "turned", "long", "signs", "accents", "quote", "markup"])
def test_a_hostile_platform_gets_a_whole_report_with_nothing_of_it_alive(text: str, tmp_path: Path) -> None:
    out = {path.name: path.read_bytes() for path in report.write(hostile(text), tmp_path, key=KEY)}
    assert sign.verified(tmp_path, KEY.verifier).answer == "whole"
    assert max(len(raw) for raw in out.values()) < 200_000, "bounded, whatever its length"
    seen = Seen(out["report.html"].decode())
    assert seen.tags <= HONEST.tags, "no tag of its own"
    assert seen.names <= HONEST.names
    assert not [name for name in seen.names if name.startswith("on")]
    assert set(seen.links) <= {"data:,", *(f"#{one}" for one in seen.ids)}
    told = out["report.json"].decode()
    assert not [sign_ for sign_ in told[:-1] if sign_ < " " or sign_ in "\u202e\u202c\u2066\u2069\u200f\u200e\u200b"]
    assert json.loads(told)["counts"]["proven"] == 0


@settings(max_examples=15, deadline=None)
@given(st.text(max_size=300), st.floats(), st.integers(), st.lists(st.floats(), max_size=20))
def test_no_text_and_no_number_can_prevent_the_report(
    text: str, number: float, whole: int, values: list[float]
) -> None:
    step = Step("attack", text, text, None, number)
    told = Finding(
        text, text, (text,), "not_shown", text, (step,), (Measured(text, text, tuple(values), number),),
        (AuditRow(whole, whole, text, text, (text,), text),), number,
    )  # fmt: skip
    one = made(
        replace(honest(), by=text, begun_at=whole, ended_at=whole, scope=(text, "contacts-only"), findings=(told,))
    )
    assert document.decoded(document.encoded(one)) == one
    assert Seen(page.rendered(one)).tags <= HONEST.tags
    assert pdf.rendered(one).startswith(b"%PDF-")


def test_a_flood_of_rows_and_steps_is_bounded_said_and_loses_no_step_that_went_wrong() -> None:
    wrong = Step("attack", "The one in the middle.", "It went through.", False, 1.0)
    steps = (RINGS, *[REFUSED] * 4_000, wrong, *[REFUSED] * 4_000)
    row = AuditRow(1, 1, "reach", "deny", (), "1")
    flood = finding("a-flood", ("contacts-only",), *steps, audit=(row,) * 50_000)
    told = made(replace(honest(), findings=(flood,)))
    assert len(told.findings[0].steps) == document.MOST_STEPS
    assert any(one.tried == wrong.tried for one in told.findings[0].steps)
    assert told.findings[0].left_out == ("7,502 of 8,002 steps", "49,600 of 50,000 rows of the platform's record")
    assert told.promises[0].verdict == "broken"
    assert "7,502 of 8,002 steps" in page.rendered(told)


def test_what_is_cut_from_a_text_is_said_with_the_hash_of_the_whole() -> None:
    shown = document.clean("a" * 5_000)
    assert shown.startswith("a" * 2_000 + " … [3,000 more signs are left out; SHA-256 of the whole: ")
    assert document.clean("é — Łukasz 日本語 مرحبا 🦊") == "é — Łukasz 日本語 مرحبا 🦊"
    assert document.clean("refu\u202esed\n\x00") == "refu[U+202E]sed [U+0000]"


def test_alike_refusals_in_the_record_are_shown_once_with_how_often_and_yeses_in_a_sentence() -> None:
    no = AuditRow(4, 1, "ring", "deny", ("not-approved-contact",), "2026-11")
    yes = replace(no, question="look_at_home", verdict="allow", rules=("a-childs-own-things",))
    told = made(
        replace(
            honest(), findings=(finding("a-story", ("contacts-only",), RINGS, REFUSED, audit=(yes, no, no, yes, no)),)
        )
    )
    rows = told.findings[0].audit
    assert len(rows) == 5, "report.json has them all"
    assert page.noes(rows) == [("3", "ring", "deny", "not-approved-contact")]
    assert page.yeses(rows) == (
        "Allowed: look_at_home (2). All 5 rows of this story are in report.json, with their times. Rulebook: 2026-11."
    )
    assert page.NO_ROW in page.rendered(made(honest())), "a story without a row says so"


# -- the page and the print ----------------------------------------------------------------------------------------------------


def test_the_page_has_each_promise_once_with_the_broken_ones_first_and_every_link_leads_somewhere() -> None:
    text = page.rendered(made(honest()))
    assert len(HONEST.ids) == len(set(HONEST.ids))
    assert {link[1:] for link in HONEST.links if link.startswith("#")} <= set(HONEST.ids)
    assert "2 of 5 promises in scope are proven. 1 is broken. 2 could not be shown." in text
    places = [text.index(f'<article class="promise" id="p{number}"') for number in (3, 4, 5, 1, 2)]
    assert places == sorted(places)
    for one in honest().findings:
        assert text.count(f">{one.title}</bdi></h4>") == 1, "each story is told once"


def test_the_page_allows_its_own_style_and_nothing_else() -> None:
    text = page.rendered(made(honest()))
    assert "default-src &#x27;none&#x27;; style-src &#x27;sha256-" in text
    assert not {"script", "img", "iframe", "object", "form", "base"} & HONEST.tags
    assert "style" not in HONEST.names, "the policy would not let it"
    assert "http://" not in text.replace("http://localhost:8080", "")
    assert "https://" not in text


def test_the_colours_of_the_page_are_those_of_the_look() -> None:
    look = (ROOT / "client_web/shared/look/tokens.css").read_text("utf-8")
    own = (ROOT / "server/inspection/report.css").read_text("utf-8").split("@media print")[0]

    def tokens(css: str) -> list[dict[str, str]]:
        halves = css.split("@media (prefers-contrast", 1)[0].split("prefers-color-scheme: dark", 1)
        return [
            {name.strip(): value.strip() for name, _, value in (one.partition(":") for one in half.split(";")) if value}
            for half in (part.replace("{", ";").replace("}", ";") for part in halves)
        ]

    for ours, theirs in zip(tokens(own), tokens(look), strict=True):
        mine = {name: value for name, value in ours.items() if name.startswith("--")}
        assert len(mine) > 10
        assert mine == {name: theirs.get(name) for name in mine}


def test_measured_times_are_told_in_words_in_figures_and_as_a_picture() -> None:
    figures = made(honest()).findings[1].measured[0]
    words = plots.in_words(figures)
    assert words.startswith("Measured 40 times. Half were ")
    assert "(p50)" in words
    assert "(p99: of fewer than 100 values, the largest)" in words
    assert words.endswith("The aim is at most 100 ms: all are within it.")
    assert "(p99); the largest was 239 ms." in plots.in_words(replace(figures, values=tuple(map(float, range(240)))))
    late = replace(figures, values=(*figures.values, 140.0), aim=100.0)
    assert plots.in_words(late).endswith("The aim is at most 100 ms: 1 of 41 are over it.")
    assert page.over_aim(made(honest())) == []
    over = replace(CUTS, values=(*CUTS.values, 140.0))
    slow = made(replace(honest(), findings=(finding("a-cut", ("cut-at-once",), RINGS, REFUSED, measured=(over,)),)))
    assert ">Over its aim in 1 of 41: From the revoked yes to the last packet</bdi></a>" in page.rendered(slow)
    assert dict(plots.table(late))["Values over the aim"] == "1"
    drawn = plots.plot(late)
    assert drawn is not None
    assert drawn.aim is not None
    assert drawn.aim < max(drawn.ticks) <= drawn.right, "the late one is seen beyond the line"
    assert plots.plot(replace(figures, values=(3.0,))) is None
    assert plots.in_words(replace(figures, values=())) == "Nothing could be measured."


@settings(deadline=None)
@given(st.lists(st.floats(-1e12, 1e12), min_size=2, max_size=30), st.none() | st.floats(-1e12, 1e12))
def test_every_value_falls_into_the_picture(values: list[float], aim: float | None) -> None:
    drawn = plots.plot(document.Figures("x", "ms", tuple(values), aim, 0))
    assert drawn is not None
    for x, y in drawn.curve:
        assert drawn.left - 0.1 <= x <= drawn.right + 0.1
        assert drawn.top - 0.1 <= y <= drawn.axis
    assert [y for _, y in drawn.curve] == sorted((y for _, y in drawn.curve), reverse=True)
    assert plots.percentile(values, 0.5) in values


def test_the_print_has_title_language_and_page_numbers_is_the_same_each_time_and_ends() -> None:
    one = pdf.rendered(made(honest()))
    assert one == pdf.rendered(made(honest()))
    assert b"/Lang (en-GB)" in one
    assert b"/DisplayDocTitle true" in one
    assert b"/Subtype /Image" not in one, "plots are lines"
    many = [finding(f"story-{number}", (f"promise-{number}",), RINGS, *[REFUSED] * 20) for number in range(30)]
    long = made(replace(honest(), scope=tuple(f"promise-{number}" for number in range(30)), findings=tuple(many)))
    assert pages(pdf.rendered(long)) > 12
    assert 6 <= pages(pdf.rendered(long, most=6)) <= 9, "it ends with the story in which it is full"
    assert 2 <= pages(one) <= 8


def pages(raw: bytes) -> int:
    return raw.count(b"/Type /Page\n")


def test_the_print_writes_names_with_the_letters_that_it_has() -> None:
    whole = "Zoë — “Łukasz”, Đorđe, Ağaoğlu, Nguyễn, Ελένη, Ольга, Արամ, 5 ≤ 7"
    assert pdf.printable(whole) == whole
    assert pdf.printable("ﬀ ① ǆ") == "ff 1 ǆ", "the nearest where there is none"
    assert (
        pdf.printable("日本語 x مريم")
        == "[3 signs that this print cannot show] x [4 signs that this print cannot show]"
    )


def tagged(one: document.Report) -> list[tuple[str, str]]:
    """Every element of the print in its order: what it is, and what it says of itself."""
    tree = pdf._drawn(one, pdf.MOST_PAGES).tree
    return [(each.s[1:], str(each.alt or "")) for each in tree.elements]


def test_the_print_says_of_each_part_what_it_is() -> None:
    """For a screen reader: fpdf2 tags pictures only, so this is ours (tagged.py)."""
    raw = pdf.rendered(made(honest()))
    assert b"/MarkInfo <</Marked true>>" in raw
    assert raw.count(b"/FontFile2") == 2, "both fonts are in it"
    assert b"/Helvetica" not in raw
    told = tagged(made(honest()))
    kinds = [kind for kind, _ in told]
    assert kinds[:2] == ["H1", "P"]
    assert kinds.count("H1") == 1
    assert kinds.count("H3") >= 5, "each promise is a heading"
    assert kinds.count("H4") == 5, "each story too"
    figures = [alt for kind, alt in told if kind == "Figure"]
    assert figures[0].startswith("One post for each promise. 2 of 5 promises in scope are proven.")
    assert any(alt.startswith("Plot: From the revoked yes to the last packet. Measured 40 times.") for alt in figures)
    assert all(figures)
    assert b"/Scope /Column" in raw
    assert b"/Scope /Row" in raw


def test_everything_that_is_drawn_is_tagged_or_said_to_be_for_the_eye_only() -> None:
    many = [finding(f"story-{number}", ("contacts-only",), RINGS, *[REFUSED] * 40) for number in range(3)]
    drawn = pdf._drawn(made(replace(honest(), findings=(*honest().findings, *many))), pdf.MOST_PAGES)
    assert len(drawn.pages) > 4, "text and tables go on over a page"
    for number, one in drawn.pages.items():
        depth, ids = 0, []
        for line in bytes(one.contents).decode("latin-1").split("\n"):  # type: ignore[arg-type]
            depth += len(re.findall(r"\b(?:BDC|BMC)$", line)) - (line == "EMC")
            ids += re.findall(r"/MCID (\d+)", line)
            assert depth in (0, 1), "nothing is tagged twice"
            shown = re.search(r"\b(Tj|TJ|S|f|B|re)$", line.removesuffix(" ET").removesuffix(" Q"))
            assert depth or not shown, line
        assert depth == 0
        assert ids == [
            str(n)
            for n in range(len(drawn.tree.struct_tree_root.parent_tree.nums[drawn.tree.spid_per_page_number[number]]))
        ]


def test_two_pages_say_how_it_came_out_and_where_each_promise_stands() -> None:
    drawn = pdf._drawn(made(honest()), pdf.MOST_PAGES)
    again = pdf._drawn(made(honest()), pdf.MOST_PAGES, drawn)
    assert again.found == drawn.found, "with the numbers in it every page is where it was"
    assert drawn.found["words"] == 1
    assert drawn.found["every promise"] == 2
    promises = [drawn.found[one] for one in honest().scope]
    assert min(promises) == 3
    assert {again.where(one) for one in honest().scope} == set(map(str, promises))
    assert again.where("nothing of that name") == "–"


def without_print() -> dict[str, report.Drawing]:
    return {name: draw for name, draw in report.drawings().items() if name != sign.PRINT}


def test_without_the_extra_the_rest_is_written_and_signed(tmp_path: Path) -> None:
    names = [path.name for path in report.write(honest(), tmp_path, key=KEY, drawn=without_print())]
    assert names == ["report.json", "report.html", "report.vkey", "report.sig"]
    assert sign.verified(tmp_path, KEY.verifier).answer == "whole"
    assert "ringfence[inspect]" in report.NO_PRINT
    (tmp_path / "report.pdf").write_bytes(b"%PDF-1.4 an old or a false one")
    assert sign.verified(tmp_path, KEY.verifier).sentence == "Changed: report.pdf is here and was not signed."


def test_a_second_report_takes_the_first_one_away(tmp_path: Path) -> None:
    report.write(honest(), tmp_path, key=KEY)
    report.write(replace(honest(), by="another"), tmp_path, key=KEY, drawn=without_print())
    assert not (tmp_path / "report.pdf").exists()
    assert sign.verified(tmp_path, KEY.verifier).answer == "whole"


def test_what_was_found_is_signed_even_if_we_fail_to_draw_it(tmp_path: Path) -> None:
    def fails(_: document.Report) -> bytes:
        raise RuntimeError("a fault of ours")

    with pytest.raises(RuntimeError):
        report.write(honest(), tmp_path, key=KEY, drawn={sign.PAGE: fails})
    assert sign.verified(tmp_path, KEY.verifier).sentence.startswith("Nothing was changed: report.json")


# -- the signature -----------------------------------------------------------------------------------------------------------


def test_a_report_as_it_was_written_is_whole_and_who_signed_is_said_only_with_the_key(written: Path) -> None:
    known = sign.verified(written, KEY.verifier)
    assert known.answer == "whole"
    assert "with the key ringfence-inspector+" in known.sentence
    assert "that you gave" in known.sentence
    alone = sign.verified(written)
    assert alone.answer == "whole"
    assert "Who holds that key, this cannot say" in alone.sentence
    assert (
        sign.verified(written, OTHER.verifier).sentence
        == "Not to be trusted: No key that is trusted here has signed it."
    )


def tampered(chance: random.Random, raw: bytes) -> tuple[str, bytes | None]:
    """One thing changed in a file: what, and how it is then; None: it is gone."""
    place = chance.randrange(len(raw))
    kind = chance.choice(["flip", "cut", "add", "swap", "double", "gone"])
    if kind == "gone":
        return kind, None
    if kind == "double":
        return kind, raw * 2
    if kind == "cut":
        return kind, raw[:place] + raw[place + chance.randint(1, 40) :]
    if kind == "add":
        return kind, raw[:place] + chance.randbytes(chance.randint(1, 9)) + raw[place:]
    changed = bytearray(raw)
    other = chance.randrange(len(raw))
    if kind == "swap" and raw[place] != raw[other]:
        changed[place], changed[other] = raw[other], raw[place]
    else:
        changed[place] ^= 1 << chance.randrange(8)
    return kind, bytes(changed)


def test_five_hundred_random_changes_are_all_found(written: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(written, tmp_path / "one")
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    chance = random.Random(5)
    missed = []
    for _ in range(500):
        name = chance.choice(sorted(files))
        kind, raw = tampered(chance, files[name])
        if raw is None:
            (folder / name).unlink()
        else:
            (folder / name).write_bytes(raw)
        # Who has the key from elsewhere can do without report.vkey: it only lay there for those who have not.
        alone = sign.verified(folder).answer
        with_key = sign.verified(folder, KEY.verifier).answer
        if alone == "whole" or (with_key == "whole" and (name, kind) != ("report.vkey", "gone")):
            missed.append((name, kind))
        (folder / name).write_bytes(files[name])
    assert missed == []
    assert sign.verified(folder, KEY.verifier).answer == "whole"


def test_a_report_that_was_signed_anew_by_somebody_else_is_found_with_the_key_of_the_inspector(tmp_path: Path) -> None:
    report.write(replace(honest(), scope=("contacts-only",)), tmp_path, key=OTHER)
    assert sign.verified(tmp_path).answer == "whole", "its files do belong together"
    assert sign.verified(tmp_path, KEY.verifier).answer == "changed"


def test_a_signed_note_of_another_kind_is_no_report(written: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(written, tmp_path / "one")
    for text in (
        "calls.example/record\n3\nAAAA\n",
        f"{document.FORMAT}\n",
        f"{document.FORMAT}\nreport.html {'0' * 64} 3\n",
    ):
        (folder / "report.sig").write_bytes(notes.signed(text, KEY))
        found = sign.verified(folder, KEY.verifier)
        assert (found.answer, found.sentence) == (
            "changed",
            "Changed: report.sig is signed, but it is not over an inspection report.",
        )


def test_the_inspector_s_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "keys" / "inspector.key"
    key = sign.own_key(file)
    assert sign.own_key(file) == key
    assert file.stat().st_mode & 0o777 == 0o600
    file.chmod(0o644)
    with pytest.raises(notes.NotANote, match="0600"):
        sign.own_key(file)


# -- side by side --------------------------------------------------------------------------------------------------------------


def plain(name: str, *findings: Finding) -> document.Report:
    who = replace(honest().platform, name=name, version="9", settings={"port": "1"})
    return made(replace(honest(), platform=who, findings=findings))


def test_platforms_stand_side_by_side_with_what_they_do_not_have_told_apart() -> None:
    ours = made(honest())
    lets = finding("a-stranger-rings", ("contacts-only",), RINGS, replace(REFUSED, as_promised=False))
    other = plain("Plain | <b>server</b>", lets, honest().findings[4])
    found = compare.compared(
        [ours, replace(other, scope=other.scope[:1], promises=other.promises[:1])], ["contacts-only", "asked-first"]
    )
    assert [line.cells for line in found.lines] == [
        ("kept by itself", "not kept"),
        ("no such thing on this platform", "not asked"),
    ]
    rows = [row for row in compare.markdown(found).splitlines() if row.startswith("|")]
    assert rows[0] == "| Promise | Ringfence 0.1.0 | Plain \\| \\<b\\>server\\</b\\> 9 |"
    assert {row.replace("\\|", "").count("|") for row in rows} == {4}
    assert Seen(compare.html(found)).tags <= {
        "table",
        "caption",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "bdi",
        "dl",
        "dt",
        "dd",
        "h3",
        "p",
    }
    assert "`gate`: `in process`" in compare.markdown(found)
    assert "`port`: `1`" in compare.markdown(found)


def test_a_promise_that_only_one_platform_was_asked_about_is_not_held_against_the_other() -> None:
    ours, other = made(honest()), plain("Another")
    found = compare.compared([ours, replace(other, scope=("contacts-only",), promises=other.promises[:1])])
    assert [line.id for line in found.lines] == ["contacts-only"]


def verify(typed: list[str]) -> int:
    return main(["inspect", "verify", *typed])


def test_the_command_says_in_one_sentence_what_it_found(
    written: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = KEY.verifier.line
    assert verify([str(written), "--key", key]) == 0
    assert capsys.readouterr().out.startswith("Nothing was changed: ")
    assert verify([str(written), "--key", str(written / "report.vkey")]) == 0
    capsys.readouterr()
    folder = shutil.copytree(written, tmp_path / "one")
    (folder / "report.pdf").write_bytes(b"%PDF-1.4")
    assert verify([str(folder), "--key", key]) == 1
    assert capsys.readouterr().err == "Changed: report.pdf is not the one that was signed.\n"
    assert verify([str(tmp_path / "nothing"), "--key", key]) == 2
    assert verify([str(written), "--key", "no+key"]) == 2
