"""The inspector's app and the page of promises, in a real browser at a real house: how they stand, what they say, that they name nobody.

One house and one browser for all screens of a story. The house has two families who know each other, so that there is something
that must not be shown.
"""

from __future__ import annotations

import json
import re
import sys
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from server import checkpoints, inspectors
from server.api import keys
from server.api.inspector import INSPECTIONS
from tests.browser.inspector_pages import go, visit
from tests.browser.people import chromium, press
from tests.browser.test_look_axe import AWAKE, AXE, RUN, UNFILLED
from tests.browser.test_look_pages import OVERFLOW
from tests.house import Families, House, open_house

CLIENT = Path(__file__).parents[2] / "client_web"
FOLDERS = ("inspector", "promises")

#: Every screen, whole.
SCREENS = (
    "overview", "rules", "rules/not-approved-contact", "situation", "promises", "promises/contacts-only", "inspection", "measures",
    "counts", "decisions", "record", "pack",
)  # fmt: skip
#: The same with short lists, for axe, which takes a second for a hundred rows that are all alike. Every second one is also looked at
#: dark and wide: those with most colours; the others are made of the same parts.
SHORT = (
    "overview", "rules?code=COPPA&verb=react", "rules?code=COPPA&band=13-15", "rules/not-approved-contact", "situation",
    "situation?verb=end_contact&x.kind=child", "promises/contacts-only", "promises?reader=child&state=broken", "measures?code=UK16",
    "measures?code=UK16&status=proposed", "counts?days=90", "inspection", "decisions?verb=look_at_family", "decisions?verdict=deny",
    "record", "pack",
)  # fmt: skip
READERS = ("child", "parent", "regulator")
#: How a promise stands, in the words of a grown-up and of a child.
WORDS = {"proven": "Proven", "not_proven": "Not proven", "broken": "Broken"}
CHILD_WORDS = {"proven": "It works", "not_proven": "Not shown yet", "broken": "It did not work"}
PAPER = 688  #: pixels between the margins of a sheet
LOOKS = (("light", 320, 640), ("dark", 1280, 800))
#: What a page asks for although it may not be there: who is signed in, and whether this is a demo.
EXPECTED = {("/api/inspector/session", 401), ("/api/demo", 404)}


@asynccontextmanager
async def inspected(folder: Path, *, families: bool = False) -> AsyncIterator[tuple[House, str, Browser]]:
    """A running house, the key of an inspector, and a browser."""
    async with open_house(folder) as house, chromium() as browser:
        if families:
            people = Families(house)
            await people.two()
            for n in range(10):  # what seldom happens, or to few people, is not listed singly
                await (await people.grown_up(f"Robin {n}")).get("/api/family")
        key = await inspectors.add(house.db, house.app[keys.KEEPER], "Office of the test", house.hand())
        assert key
        yield house, key, browser


class Watched:
    """A page, and every fault that it had."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.faults: list[str] = []
        page.on("pageerror", lambda fault: self.faults.append(str(fault)))
        page.on("console", lambda said: self._said(said.type, said.text))
        page.on("response", lambda answer: self._answered(answer.url, answer.status))

    def _said(self, kind: str, text: str) -> None:
        if kind in ("error", "warning") and not text.startswith("Failed to load resource"):
            self.faults.append(text)

    def _answered(self, url: str, status: int) -> None:
        path = "/" + url.split("/", 3)[3].split("?")[0]
        if status >= 400 and (path, status) not in EXPECTED:
            self.faults.append(f"{status} {path}")


async def sign_in(page: Page, house: House, key: str) -> None:
    await page.goto(f"{house.base}/inspector/")
    await page.get_by_label("Inspector’s key").fill(key)
    await press(page, "Sign in")
    await page.get_by_role("heading", name="Inspect Ringfence").wait_for()


async def violations(page: Page) -> list[Any]:
    """What axe finds. It tries styles of its own, which the page's policy refuses, so a page is watched for faults before."""
    if not await page.evaluate(AWAKE):
        await page.evaluate(AXE)
    return [*await page.evaluate(RUN), *await page.evaluate(UNFILLED)]


#: Whatever is pressed is 48 px high, a link in a sentence, a list or a table aside (WCAG 2.5.8): it is as high as its line.
SMALL = """() => [...document.querySelectorAll('button, summary, select, input:not([type=checkbox]), label.switch, a.button, a.link, nav a, .promise-fence a')]
  .filter(e => e.checkVisibility() && !e.closest('.skip')).map(e => [e.textContent.trim().slice(0, 30), e.getBoundingClientRect().height]).filter(([, high]) => high < 39.5)"""  # noqa: E501


@pytest.mark.browser
async def test_no_screen_of_the_inspector_has_a_fault_scrolls_sideways_or_names_anybody(tmp_path: Path) -> None:
    async with inspected(tmp_path, families=True) as (house, key, browser):
        found: dict[str, Any] = {}
        for scheme, width, height in LOOKS:
            context = await visit(browser, scheme, width, height)
            watched = Watched(await context.new_page())
            page = watched.page
            await sign_in(page, house, key)
            for where in SCREENS:
                await go(page, where)
                wrong = await page.evaluate(SMALL)
                if over := await page.evaluate(OVERFLOW):
                    wrong.append(f"{over} px too wide")
                wrong += re.findall(r"\b(?:Maya|Sam|Theo|Femi|Robin)\b|example\.org", await page.inner_text("body"))
                heading = (await page.locator("main h1").inner_text()).strip()
                if await page.locator("main h1").count() != 1 or await page.title() != f"{heading} – Ringfence":
                    wrong.append(f"title {await page.title()!r}, heading {heading!r}")
                found[f"{where} {width}"] = wrong
            if width > 960:  # on paper: as wide as the sheet, and no fact is left to a control that paper has not
                await page.emulate_media(media="print")
                await page.set_viewport_size({"width": PAPER, "height": 1000})
                for where in ("measures", "promises/contacts-only"):
                    await go(page, where)
                    over = await page.evaluate(OVERFLOW)
                    found[f"{where} printed"] = [f"{over} px too wide"] if over else []
                    assert await page.locator("nav.side, .filters, .head-deeds").locator("visible=true").count() == 0
                await page.emulate_media(media="screen")
                await page.set_viewport_size({"width": width, "height": height})
            found[f"faults {width}"] = [*watched.faults]
            for where in SHORT if width == 320 else SHORT[::2]:
                await go(page, where)
                found[f"{where} {width} axe"] = await violations(page)
            if width < 960:
                await page.locator("summary", has_text="Pages").click()
            await page.locator("[data-do=sign-out]:visible").click()
            await page.wait_for_selector("#key")
            found[f"sign-in {width}"] = await violations(page)
            await context.close()
        assert {where: wrong for where, wrong in found.items() if wrong} == {}


@pytest.mark.browser
async def test_a_verdict_turns_when_the_fact_that_would_turn_it_is_pressed(tmp_path: Path) -> None:
    async with inspected(tmp_path) as (house, key, browser):
        context = await visit(browser)
        watched = Watched(await context.new_page())
        page = watched.page
        await sign_in(page, house, key)
        await go(page, "situation")
        await expect(page.locator(".verdict")).to_have_text("The gate opens")
        turn = page.locator("[data-fact='contact.voice'][data-value=false]")
        await turn.click()
        await expect(page.locator(".verdict")).to_have_text("The gate stays shut")
        await expect(page.locator(".why")).to_contain_text("Voice is switched off for this contact.")
        await expect(page.locator("#say")).to_contain_text("The gate stays shut")
        voice = page.get_by_role("switch", name="yes to voice")
        await expect(voice).not_to_be_checked()
        # the address has the situation: whoever opens it sees the same
        address = page.url
        assert "contact.voice=false" in address
        await page.goto(f"{house.base}/inspector/#overview")
        await page.goto(address)
        await expect(page.locator(".verdict")).to_have_text("The gate stays shut")
        await page.locator("[data-fact='contact.voice'][data-value=true]").click()
        await expect(page.locator(".verdict")).to_have_text("The gate opens")
        await expect(voice).to_be_checked()
        await page.get_by_label("who it is").first.select_option("nobody")
        await expect(page.locator(".verdict")).to_have_text("The gate stays shut")
        await press(page, "Back to the start")
        await expect(page.locator(".verdict")).to_have_text("The gate opens")
        await page.get_by_label("What is asked").select_option("search")
        await expect(page.locator(".verdict")).to_have_text("The gate stays shut")
        await expect(page.locator(".answer")).to_contain_text("No single fact would turn this answer.")
        assert watched.faults == []
        await context.close()


@pytest.mark.browser
@pytest.mark.slow  # make witness
async def test_the_lists_are_filtered_sorted_and_linked_and_a_sign_in_ends(tmp_path: Path) -> None:
    async with inspected(tmp_path, families=True) as (house, key, browser):
        context = await visit(browser)
        page = await context.new_page()
        await page.goto(f"{house.base}/inspector/")
        await press(page, "Sign in")
        await expect(page.locator(".error-summary")).to_contain_text("Enter the key")
        await page.get_by_label("Inspector’s key").fill("i_notakey.notakey")
        await press(page, "Sign in")
        await expect(page.locator(".error-summary")).to_contain_text("That key does not open this.")
        await sign_in(page, house, key)
        # rules
        await go(page, "rules")
        everything = await page.locator(".rule").count()
        await page.get_by_label("Code or law").select_option("ICU")
        some = await page.locator(".rule").count()
        assert 0 < some < everything
        assert await page.locator(".rule", has_text="ICU").count() == some
        await expect(page.locator("#say")).to_have_text(f"{some} rules.")
        await page.get_by_role("link", name="Not every yes that this contact needs has been given.").click()
        await expect(page.locator("h1")).to_have_text("Not every yes that this contact needs has been given.")
        await expect(page.locator("pre")).to_contain_text('context.contact.state != "approved"')
        # measures
        await go(page, "measures")
        await page.get_by_label("Standing").select_option("announced")
        assert set(await page.locator("tbody .chip.wait", has_text="Announced").all_inner_texts()) == {"Announced"}
        assert await page.locator("tbody tr").count() < 10
        await page.get_by_label("Standing").select_option("")
        await press(page, "Since")
        await expect(page.locator("th[aria-sort=ascending]")).to_have_text("Since")
        years = [int(text[-4:]) for text in await page.locator("td:nth-child(4)").all_inner_texts()]
        assert years == sorted(years)
        await press(page, "Since")
        years = [int(text[-4:]) for text in await page.locator("td:nth-child(4)").all_inner_texts()]
        assert years == sorted(years, reverse=True)
        # decisions
        await go(page, "decisions")
        await page.get_by_label("Answer").select_option("deny")
        await expect(page.get_by_text("No decisions match.")).to_be_visible()
        await press(page, "Clear the filter")
        assert await page.locator("tbody tr").count() >= 10
        # signed out, nothing stays
        await press(page, "Sign out")
        await expect(page.get_by_label("Inspector’s key")).to_be_visible()
        await page.reload()
        await expect(page.get_by_label("Inspector’s key")).to_be_visible()
        await context.close()


@pytest.mark.browser
@pytest.mark.slow  # make witness
async def test_the_page_of_promises_says_of_each_whether_it_is_proven(tmp_path: Path) -> None:
    async with inspected(tmp_path) as (house, _, browser):
        found: dict[str, Any] = {}
        for scheme, width, height in LOOKS:
            context = await visit(browser, scheme, width, height)
            watched = Watched(await context.new_page())
            page = watched.page
            for reader in READERS:
                await page.goto(f"{house.base}/promises/#{reader}")
                await page.wait_for_selector(f"main.for-{reader} .promised > li")
            found[f"faults {width}"] = [*watched.faults]
            for reader in READERS:
                await page.goto(f"{house.base}/promises/#{reader}")
                await page.wait_for_selector(f"main.for-{reader} .promised > li")
                wrong = await violations(page) if reader == "regulator" or width == 320 else []
                if over := await page.evaluate(OVERFLOW):
                    wrong.append(f"{over} px too wide")
                told = (await house.device().get(f"/api/promises?for={reader}"))["promises"]
                said = await page.locator(".promised h2").all_inner_texts()
                assert [text.lower() for text in said] == [
                    (one["child"] if reader == "child" else one["sentence"])
                    .replace("{name}", "the other person")
                    .lower()
                    for one in told
                ]
                shown = [text.strip() for text in await page.locator(".promised .state").all_inner_texts()]
                words = CHILD_WORDS if reader == "child" else WORDS
                assert shown == [words[one["status"]] for one in told]
                assert await page.locator(".readers [aria-current=page]").count() == 1
                found[f"{reader} {width}"] = wrong
            await context.close()
        assert {where: wrong for where, wrong in found.items() if wrong} == {}


@pytest.mark.browser
async def test_every_measurement_is_a_dot_and_what_missed_the_aim_stands_out(tmp_path: Path) -> None:
    async with inspected(tmp_path) as (house, _, browser):
        context = await visit(browser, width=320)
        page = await context.new_page()
        await page.goto(f"{house.base}/inspector/")
        await page.wait_for_selector("#key")
        values = [*range(5, 25), 30.5, 140]
        drawn = await page.evaluate(
            """async values => { const {strip} = await import('/inspector/chart.js'); const {paint} = await import('/shared/html.js');
            const place = document.querySelector('main'); paint(place, strip({name: 'Cut', unit: 'ms', values, aim: 100}));
            const box = place.querySelector('svg').getBoundingClientRect();
            return [...place.querySelectorAll('circle')].map(dot => { const at = dot.getBoundingClientRect();
              return [at.x + at.width / 2 - box.x, at.y, dot.classList.contains('over')]; }) }""",
            values,
        )
        assert len(drawn) == len(values)
        assert [over for *_, over in drawn] == [value > 100 for value in values]
        places = [x for x, *_ in drawn]
        assert places == sorted(places)  # further right is later
        assert len({(round(x), round(y)) for x, y, _ in drawn}) == len(values)  # none hides another
        rows = await page.locator("tbody tr").all_inner_texts()
        assert [re.sub(r"\s+", " ", row) for row in rows][:1] == ["How many 22"]
        assert "Largest\t140 ms" in rows
        await expect(page.locator("figure")).to_contain_text("1 of 22 went over the aim.")
        await context.close()


@pytest.mark.browser
async def test_in_the_demo_one_press_makes_the_inspector_and_another_takes_the_pack(tmp_path: Path) -> None:
    async with open_house(tmp_path, demo=True) as house, chromium() as browser:
        context = await visit(browser)
        page = await context.new_page()
        await page.goto(house.base)
        async with context.expect_page() as opened:
            await press(page, "Be the inspector")
        page = await opened.value
        await press(page, "Look around as the inspector")
        await page.get_by_role("heading", name="Inspect Ringfence").wait_for()
        await go(page, "pack")
        async with page.expect_download() as started:
            await press(page, "Download the pack")
        saved = await (await started.value).path()
        with zipfile.ZipFile(saved) as pack:
            names = {name.partition("/")[2] for name in pack.namelist()}
        assert {"README.md", "rulebook.md", "promises.json", "sbom.json", "record/checkpoints.txt"} <= names
        await context.close()


# -- run and watch ----------------------------------------------------------------------------------------------------------


def told(n: int, outcome: str, values: list[float]) -> dict[str, Any]:
    """What one story of a made-up inspection showed."""
    return {
        "scenario": f"story-{n}",
        "title": f"Story {n}",
        "promises": ["cut-at-once"],
        "why": f"Why {n} is {outcome}.",
        "seconds": 1.5,
        "steps": [
            {
                "kind": "attack",
                "tried": "Ring as a stranger.",
                "seen": "Nothing rang.",
                "as_promised": True,
                "after": 0.5,
            }
        ],
        "measured": [{"name": "Until the last packet", "unit": "ms", "values": values, "aim": 100.0}] if values else [],
        "outcome": outcome,
    }


STORIES = [told(1, "proven", [12.0, 18.5, 31.0]), told(2, "not_shown", [])]
WRITES = {
    "all_proven": False,
    "begun_at": 1_795_158_000_000,
    "promises": [{"id": "cut-at-once", "verdict": "proven"}, {"id": "contacts-only", "verdict": "not_shown"}],
    "findings": STORIES,
}
#: Says what an inspection says, waits in the middle until it is let go on, and writes a report.
SAYS = """
import json, pathlib, sys, time
out, go_on, stories, report = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), json.loads(sys.argv[3]), sys.argv[4]
print(json.dumps({"t": "begun", "scenarios": [{"id": one["scenario"], "title": one["title"]} for one in stories]}), flush=True)
while not go_on.with_name("play").exists():
    time.sleep(0.02)
print(json.dumps({"t": "playing", "scenario": stories[0]["scenario"], "title": stories[0]["title"]}), flush=True)
while not go_on.with_name("first").exists():
    time.sleep(0.02)
print(json.dumps({"t": "done", **stories[0]}), flush=True)
while not go_on.exists():
    time.sleep(0.02)
print(json.dumps({"t": "done", **stories[1]}), flush=True)
(out / "report.json").write_text(report)
(out / "report.html").write_text("<!doctype html><html lang=en><title>Report</title><h1>The report</h1>")
"""


@pytest.mark.browser
@pytest.mark.slow  # make witness
async def test_an_inspection_is_started_watched_and_shown_with_every_measurement(tmp_path: Path) -> None:
    go_on = tmp_path / "go-on"
    async with inspected(tmp_path / "house") as (house, key, browser):
        house.app[INSPECTIONS].command = lambda out, _: (
            sys.executable, "-c", SAYS, str(out), str(go_on), json.dumps(STORIES), json.dumps(WRITES),
        )  # fmt: skip
        context = await visit(browser)
        watched = Watched(await context.new_page())
        page = watched.page
        await sign_in(page, house, key)
        await go(page, "inspection")
        await press(page, "Run now")
        await expect(page.locator("main h2").first).to_have_text("Starting a fresh server of its own …")
        await expect(page.locator(".to-come li")).to_have_text(["Story 1", "Story 2"])
        (tmp_path / "play").touch()
        await expect(page.locator("main h2").first).to_have_text("0 of 2 stories told …")
        await expect(page.locator(".now li")).to_have_text(["Story 1Made-up families get ready …"])
        await expect(page.locator(".to-come li")).to_have_text(["Story 2"])
        (tmp_path / "first").touch()
        await expect(page.locator("main h2").first).to_have_text("1 of 2 stories told …")
        await expect(page.locator(".progress .chip")).to_have_text("All went as promised")
        await expect(page.locator(".told")).to_contain_text("Story 1")
        await expect(page.locator("#say")).to_contain_text("1 of 2 stories told")
        address = page.url
        await page.goto(f"{house.base}/inspector/#inspection")  # away and back: it goes on without anybody who looks
        await press(page, "Run now")
        await expect(page.get_by_text("An inspection is already running.")).to_be_visible()
        assert watched.faults == ["409 /api/inspector/inspections"]
        await page.goto(address)
        await expect(page.locator(".told")).to_contain_text("Story 1")
        go_on.touch()
        await expect(page.locator(".verdict")).to_have_text("Some could not be shown")
        await expect(page.locator("#say")).to_have_text("Some could not be shown")
        assert await page.locator("circle").count() == 3
        assert await page.locator(".story[open]").count() == 1  # what is not proven stands open
        await expect(page.locator(".story[open]")).to_contain_text("Why 2 is not_shown.")
        stories = page.locator(".story summary .chip")
        await expect(stories).to_have_text(["Could not be shown", "All went as promised"])
        assert await violations(page) == []
        for ending in ("html", "pdf", "json"):
            assert await page.locator(f".buttons a[href$='/report.{ending}']").count() == 1
        async with context.expect_page() as opened:
            await press(page, "Read the report")
        report = await opened.value
        await expect(report.locator("h1")).to_have_text("The report")
        await go(page, "inspection")
        await press(page, "Run now")  # an inspector rests after one, and is told how long
        await expect(page.locator("[data-key=no]")).to_have_text(
            "You have just run one. The next can start in 2 minutes."
        )
        await go(page, "overview")
        await expect(page.locator(".three-facts")).to_contain_text("Some could not be shown")
        await context.close()


@pytest.mark.browser
@pytest.mark.slow
async def test_a_short_real_inspection_is_run_from_the_page_and_its_report_read(tmp_path: Path) -> None:
    """Two real stories against a fresh server of their own, from the press to the plot."""
    async with inspected(tmp_path) as (house, key, browser):
        real = house.app[INSPECTIONS].command
        only = ("--only", "revoke", "--only", "stranger-rings")
        house.app[INSPECTIONS].command = lambda out, name: (*real(out, name), *only)
        context = await visit(browser)
        page = await context.new_page()
        await sign_in(page, house, key)
        await go(page, "inspection")
        await press(page, "Run now")
        await page.locator(".verdict").wait_for(timeout=180_000)
        await expect(page.locator(".verdict")).to_have_text("All went as promised")
        assert await page.locator("circle").count() > 0
        async with context.expect_page() as opened:
            await press(page, "Read the report")
        report = await opened.value
        await report.wait_for_load_state()
        await expect(report.locator("h1").first).to_be_visible()
        for ending, begins in (("pdf", b"%PDF"), ("json", b"{")):
            link = await page.locator(f".buttons a[href$='/report.{ending}']").get_attribute("href")
            answer = await context.request.get(f"{house.base}{link}")
            assert (await answer.body()).startswith(begins)
        await context.close()


#: What the browser finds wrong with the record as it is, and as a server would show it that had something to hide.
LIES = """async () => {
  const {wrongWith} = await import('/inspector/views/record.js');
  const shown = await (await fetch('/api/inspector/record')).json();
  const kept = JSON.parse(localStorage.getItem('ringfence.inspector.record'));
  const [newest, ...older] = shown.checkpoints;
  const withNewest = change => ({...shown, checkpoints: [{...newest, ...change}, ...older]});
  return [
    await wrongWith(shown, kept),
    await wrongWith(withNewest({root: (newest.root[0] === '0' ? '1' : '0') + newest.root.slice(1)}), kept),
    await wrongWith(withNewest({note: newest.note.replace(/\\ntime \\d+/, '\\ntime 1')}), null),
    await wrongWith({...shown, checkpoints: older}, kept),
    await wrongWith(shown, {...kept, key: kept.key.slice(0, -1)}),
  ];
}"""


# -- the record ---------------------------------------------------------------------------------------------------------------


@pytest.mark.browser
@pytest.mark.slow  # make witness
async def test_the_browser_checks_the_checkpoints_itself_and_sees_one_that_was_changed(tmp_path: Path) -> None:
    async with inspected(tmp_path, families=True) as (house, key, browser):
        for _ in range(2):
            house.hand.forward(1_000)
            await checkpoints.take(house.db, house.settings, house.hand)
        context = await visit(browser)
        page = await context.new_page()
        await sign_in(page, house, key)
        await go(page, "record")
        await press(page, "Check it in this browser")
        await expect(page.locator(".checked")).to_contain_text("each is signed, and none runs back.")
        await expect(page.locator(".checked")).to_contain_text("compares next time")
        await page.reload()
        await press(page, "Check it in this browser")
        await expect(page.locator(".checked")).to_contain_text("They go on from what this browser kept last time.")
        # the same, when the server shows something else: one letter of a root, another key, an older checkpoint as the newest
        wrong = await page.evaluate(LIES)
        assert wrong[0] == []
        assert wrong[1] == ["altered"]
        assert "unsigned" in wrong[2]
        assert set(wrong[3]) & {"missing", "back_dated", "forked"}
        assert wrong[4] == ["wrong_key"]
        await context.close()


# -- what can be read off the files --------------------------------------------------------------------------------


def test_every_word_that_is_asked_for_exists_and_no_sentence_is_too_long() -> None:
    shared = json.loads((CLIENT / "shared/words/en.json").read_text("utf-8"))
    for folder in FOLDERS:
        own = json.loads((CLIENT / folder / "words.en.json").read_text("utf-8"))
        scripts = "\n".join(path.read_text("utf-8") for path in sorted((CLIENT / folder).rglob("*.js")))
        asked = set(re.findall(r"words\(\s*\"([a-z0-9_.-]+)\"", scripts))
        assert asked
        assert {key for key in asked if key not in own and key not in shared} == set()
        forms = [
            (key, form)
            for key, bands in own.items()
            for entry in bands.values()
            for form in (entry.values() if isinstance(entry, dict) else [entry])
        ]
        assert [
            (key, sentence)
            for key, text in forms
            for sentence in re.split(r"(?<=[.?!:…]) ", text)
            if len(sentence.split()) > 18
        ] == []
        assert [key for key, text in forms if re.search(r"[\U0001F000-\U0001FAFF']|!", text)] == []


def test_no_file_of_the_inspector_has_an_inline_style_or_script_or_an_address_elsewhere() -> None:
    files = [
        path for folder in FOLDERS for path in (CLIENT / folder).rglob("*") if path.suffix in (".js", ".html", ".css")
    ]
    assert len(files) > 15
    for path in files:
        text = path.read_text("utf-8")
        assert not re.search(r"\sstyle\s*=|<style|\.style\.|javascript:|https?://|\son[a-z]+=", text), path
        assert not re.search(r"<script(?![^>]*\ssrc=)", text), path
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|DOMParser|document\.write", text), path
        assert not re.search(r"(?:linear|radial|conic)-gradient|blur\(", text), path
