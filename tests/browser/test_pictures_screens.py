"""Two grown-ups compare five pictures with their own hands, in two browsers; and somebody in between is found out.

The one in between is the worst server there could be: all that the two pages say to each other goes through it, it keeps the order,
and opens what it commits to. It is played here at the two browsers' own wire, with the arithmetic of ``tests/seal_twin.py``.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from look_stage import chromium as one_browser
from playwright.async_api import Page, Route, expect
from playwright.sync_api import Browser
from playwright.sync_api import Page as SyncPage

from tests import seal_twin as twin
from tests.browser.grown_up_pages import CONTACTS, SAM, MadeUp, made_up
from tests.browser.people import chromium, press, screen
from tests.browser.test_look_axe import violations
from tests.house import Families, House, Two, open_house
from tests.integration.families import can_ring, look
from tests.peers import Browserless

pytestmark = pytest.mark.browser


def some() -> str:
    return twin.b64(secrets.token_bytes(32))


# == Two families and their screens ============================================================================================


async def sit_down(page: Page, device: Browserless, house: House, where: str) -> None:
    """Make this screen the grown-up who signed up over HTTP."""
    cookies = [{"name": c.key, "value": c.value, "url": house.base} for c in device.http.cookie_jar]
    await page.context.add_cookies(cookies)  # type: ignore[arg-type]  # a list of the right dictionaries
    await page.goto(f"{house.base}/grown-up/#{where}")
    await page.locator("h1").wait_for()


async def sign(page: Page) -> None:
    """Say yes to the child's device in this browser, which so becomes the one that signs."""
    await press(page, "Sign this device")
    await page.get_by_text("Signed", exact=True).first.wait_for()


@asynccontextmanager
async def two_screens(folder: Path) -> AsyncIterator[tuple[House, Two, Page, Page]]:
    """Sam and Femi, whose children are friends, each at a browser that signs for their own child."""
    async with open_house(folder) as house, chromium() as browser:
        families = Families(house)
        families.sign = False
        two = await families.two()
        sam, femi = await screen(browser), await screen(browser)
        for page, device in ((sam, two.sam), (femi, two.femi)):
            await sit_down(page, device, house, "devices")
            await sign(page)
            await page.goto(f"{house.base}/grown-up/#contacts")
        yield house, two, sam, femi


async def five(page: Page) -> list[str]:
    """The words under the pictures."""
    await page.get_by_role("heading", name="Your five pictures").wait_for()
    return [text.strip() for text in await page.locator(".five b").all_inner_texts()]


async def begin_and_join(sam: Page, femi: Page) -> None:
    await press(sam, "Compare pictures")
    await press(sam, "Begin", exact=True)
    await sam.get_by_role("heading", name="Waiting for Femi").wait_for()
    await femi.get_by_text("Sam waits for you to compare pictures.").wait_for()
    await press(femi, "Compare pictures")
    await press(femi, "Join", exact=True)


async def test_two_grown_ups_read_five_pictures_to_each_other_and_both_contacts_are_compared(tmp_path: Path) -> None:
    async with two_screens(tmp_path) as (house, _, sam, femi):
        for page in (sam, femi):
            await page.get_by_text("Not compared yet").wait_for()
            await page.get_by_text("Until you compare five pictures once, you have to trust this service").wait_for()
        await begin_and_join(sam, femi)
        sams, femis = await five(sam), await five(femi)
        assert sams == femis
        assert len(sams) == 5
        await expect(sam.locator("h1")).to_be_focused()  # the step is a new page to whoever reads it by ear

        await press(sam, "The same", exact=True)
        await sam.get_by_role("heading", name="Compared", exact=True).wait_for()
        await sam.get_by_text("Femi has not answered yet").wait_for()
        await press(femi, "The same", exact=True)
        for page in (sam, femi):
            await page.get_by_text("The devices that they signed for are really theirs.").wait_for()
            await page.get_by_text("Each family answers for itself.").wait_for()
            await press(page, "Done", exact=True)
            await page.locator(".row .chip", has_text="Compared").wait_for()
            assert await page.get_by_text("Not compared yet").count() == 0
        kept = await look(house, "SELECT k.side, k.key, k.checked, r.signer FROM known_keys k JOIN rosters r ON "
                                 "r.contact_id = k.contact_id AND r.side = k.side ORDER BY k.side")  # fmt: skip
        assert [(side, bool(checked)) for side, _, checked, _ in kept] == [("a", True), ("b", True)]
        assert all(key == signer for _, key, _, signer in kept)  # what was compared is what signs
        assert await look(house, "SELECT * FROM comparisons") == []


class Between:
    """Who sits between the two: swaps what each side says of itself for words of its own, and keeps to the order."""

    def __init__(self) -> None:
        self.key = some()
        self.to_sam, self.to_femi = some(), some()  # a random number for each of the two talks
        self.opened: dict[str, str] | None = None

    async def at_sams(self, route: Route) -> None:
        """Sam is told another key than Femi's."""
        if route.request.method != "GET":
            return await route.continue_()
        answer = await route.fetch()
        told = await answer.json()
        if told.get("part") == "first" and told.get("key"):
            told |= {"key": self.key, "random": self.to_sam}
        await route.fulfill(response=answer, json=told)

    async def at_femis(self, route: Route) -> None:
        """Femi is given another commitment than Sam's, and it opens."""
        if route.request.method != "GET":
            return await route.continue_()
        answer = await route.fetch()
        told = await answer.json()
        if told.get("part") == "second":
            told["commitment"] = twin.commit(self.key, self.to_femi)
            if told.get("key"):
                told |= {"key": self.key, "random": self.to_femi}
        await route.fulfill(response=answer, json=told)


@pytest.mark.slow  # make witness
async def test_somebody_in_between_gives_the_two_other_pictures_and_not_the_same_shuts_the_calls_and_tells_both(
    tmp_path: Path,
) -> None:
    async with two_screens(tmp_path) as (house, _, sam, femi):
        between = Between()
        await sam.route("**/api/contacts/*/pictures", between.at_sams)
        await femi.route("**/api/contacts/*/pictures", between.at_femis)
        assert await can_ring(house, "Maya", "Theo")
        await begin_and_join(sam, femi)
        sams, femis = await five(sam), await five(femi)
        assert sams != femis  # one chance in 2^30
        await press(femi, "Not the same", exact=True)
        for page in (sam, femi):
            await page.get_by_role("heading", name="The pictures were not the same").wait_for()
            await page.get_by_text("sit side by side, and compare again").wait_for()
        await femi.get_by_text("Calls with Maya are off on your side.").wait_for()
        assert not await can_ring(house, "Maya", "Theo")
        assert await look(house, "SELECT * FROM known_keys") == []
        await sam.goto(f"{house.base}/grown-up/#contacts")
        await sam.get_by_text("Femi said that the pictures were not the same.").wait_for()
        await femi.goto(f"{house.base}/grown-up/#contacts")
        await femi.get_by_text("You said that the pictures were not the same.").wait_for()


@pytest.mark.slow  # make witness
async def test_an_opening_that_does_not_fit_shows_no_pictures_and_counts_as_not_the_same(tmp_path: Path) -> None:
    async with two_screens(tmp_path) as (house, _, sam, femi):

        async def swapped_late(route: Route) -> None:
            """Femi gets Sam's own commitment, and a key put in afterwards."""
            if route.request.method != "GET":
                return await route.continue_()
            answer = await route.fetch()
            told = await answer.json()
            if told.get("key"):
                told["key"] = some()
            await route.fulfill(response=answer, json=told)

        await femi.route("**/api/contacts/*/pictures", swapped_late)
        await begin_and_join(sam, femi)
        await femi.get_by_role("heading", name="Something is not right").wait_for()
        assert await femi.locator(".five").count() == 0
        await sam.get_by_role("heading", name="The pictures were not the same").wait_for()
        assert not await can_ring(house, "Maya", "Theo")


# == How it stands, on made-up answers ============================================================================================

NOTHING: dict[str, Any] = {
    "step": "none", "id": None, "part": None, "commitment": None, "key": None, "random": None, "said": None, "they_said": None,
    "doubt": None, "left": 5, "expires_at": None,
}  # fmt: skip
WHERE = "/api/contacts/g_theo/pictures"
LONG = "Oluwaseun-Alexandria Featherstonehaugh"
#: Every step that the page can stand in, and what the list says. "five" needs the page's own hand, so it is done, not answered.
STAGES = ("begin", "doubt", "asked", "five", "differ", "same", "list")
MORE = ("few", "waiting", "other", "elsewhere", "nothing", "they-differ")


def signer(ref: str) -> dict[str, Any]:
    return {
        "contact": ref,
        "side": "a",
        "ref": f"k_{ref}",
        "name": ref,
        "roster": None,
        "theirs": None,
        "changed": False,
        "knows": None,
    }


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with one_browser() as found:
        yield found


@pytest.fixture
def house() -> Iterator[MadeUp]:
    pictures = [{"doubt": None}, {"waits": True}, {"doubt": "ours"}, {"can": False}]
    contacts = [
        {
            **one,
            "looked_after_by": one["looked_after_by"] and LONG,
            "pictures": {"can": True, "waits": False, "doubt": None, **more},
        }
        for one, more in zip(CONTACTS, pictures, strict=True)
    ]
    people = [
        {"child": None, "name": "", "devices": [], "contacts": []},
        {
            "child": "ch_maya",
            "name": "Maya",
            "devices": [],
            "contacts": [signer("gran"), signer("theo"), signer("mina")],
        },
    ]
    answers = {
        "GET /api/me": {**SAM, "own": "p_sam", "demo": False},
        "GET /api/children/ch_maya/contacts": contacts,
        "GET /api/rosters": {"key": None, "people": people},
        f"GET {WHERE}": NOTHING,
        f"POST {WHERE}": {"id": "x1"},
    }
    with made_up(answers) as server:
        yield server


def now(page: SyncPage, house: MadeUp, answer: dict[str, Any]) -> None:
    """From here on this is so, and the page looks at once instead of in its time."""
    house.answers[f"GET {WHERE}"] = answer
    page.evaluate("import('/grown-up/known.js').then(known => known.renew('pictures'))")


def stand(page: SyncPage, house: MadeUp, stage: str) -> None:
    """Bring the page to this step, with a hand where it takes one."""
    running = {**NOTHING, "id": "x1", "part": "first", "step": "committed", "commitment": some(), "left": 4}
    revealed = {**running, "step": "answered", "key": some(), "random": some()}
    before = {
        "doubt": {**NOTHING, "doubt": "both"},
        "few": {**NOTHING, "left": 1},
        "asked": {**running, "part": "second"},
        "other": {**running, "part": "other"},
        "elsewhere": running,
        "nothing": (409, {"code": "conflict", "status": 409}),
    }
    house.answers[f"GET {WHERE}"] = before.get(stage, NOTHING)
    page.goto(f"{house.url}/grown-up/#{'contacts' if stage == 'list' else 'pictures/g_theo'}")
    page.wait_for_selector(".waiting", state="detached")
    page.wait_for_selector(
        {"list": ".row [data-key=pictures]", "nothing": "h1", "other": "h1"}.get(stage, "#begin, #join")
    )
    if stage not in ("waiting", "five", "differ", "they-differ", "same"):
        return
    page.click("#begin")
    now(page, house, running)
    page.get_by_role("heading", name="Waiting for").wait_for()
    if stage == "waiting":
        return
    now(page, house, revealed)
    page.wait_for_selector(".five")
    now(page, house, {**revealed, "step": "opened", "they_said": "differ" if stage == "they-differ" else None})
    if stage in ("same", "differ"):
        page.wait_for_timeout(450)  # a second press within 400 ms is taken for a slip
        page.click(f"[data-do={stage}]")
    if stage != "five":
        page.wait_for_selector(f".panel[data-key={stage.removeprefix('they-')}]")


@pytest.mark.parametrize("stage", STAGES)
def test_no_step_has_a_fault_narrow_and_light_or_wide_and_dark(browser: Browser, house: MadeUp, stage: str) -> None:
    page = browser.new_page(viewport={"width": 320, "height": 568}, reduced_motion="reduce", locale="en-GB")
    stand(page, house, stage)
    found = violations(page)
    page.set_viewport_size({"width": 1280, "height": 800})
    page.emulate_media(color_scheme="dark")
    found += violations(page)
    page.close()
    assert found == []


@pytest.mark.slow  # make witness
def test_no_step_scrolls_sideways_and_each_has_one_heading_with_the_focus(browser: Browser, house: MadeUp) -> None:
    page = browser.new_page(viewport={"width": 320, "height": 568}, reduced_motion="reduce", locale="en-GB")
    faults: list[str] = []
    page.on("pageerror", lambda fault: faults.append(str(fault)))
    wrong: dict[str, Any] = {}
    for stage in (*STAGES, *MORE):
        stand(page, house, stage)
        over = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        heading = page.evaluate(
            "[document.querySelectorAll('h1').length, document.activeElement === document.querySelector('h1')]"
        )
        if over > 0 or heading != [1, True] or faults:
            wrong[stage] = [over, heading, *faults]
        page.evaluate("localStorage.clear()")
        page.goto("about:blank")
    page.close()
    assert wrong == {}


@pytest.fixture
def phone(browser: Browser) -> Iterator[SyncPage]:
    context = browser.new_context(viewport={"width": 390, "height": 844}, reduced_motion="reduce", locale="en-GB")
    context.set_default_timeout(30_000)
    page = context.new_page()
    yield page
    context.close()


def test_both_answers_are_one_size_and_colour_and_nothing_is_chosen_for_a_tired_hand(
    phone: SyncPage, house: MadeUp
) -> None:
    stand(phone, house, "five")
    answers = phone.eval_on_selector_all(
        ".answers > .button",
        """all => all.map(e => { const r = e.getBoundingClientRect(), s = getComputedStyle(e);
        return [Math.round(r.width), Math.round(r.height), s.backgroundColor, s.color, s.borderColor, s.fontSize, s.fontWeight] })""",
    )
    assert len(answers) == 2
    assert answers[0] == answers[1]
    assert phone.locator(".answers :focus").count() == 0
    ends = phone.eval_on_selector_all(".answers > .button", "all => all.map(e => e.getBoundingClientRect().bottom)")
    assert max(ends) <= 844, "both are in view, below a call that is on and a long name"


def test_each_picture_is_large_on_paper_in_light_and_dark_and_its_word_is_read_and_not_only_drawn(
    phone: SyncPage, house: MadeUp
) -> None:
    stand(phone, house, "five")
    for scheme in ("light", "dark"):
        phone.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # light or dark
        tiles = phone.eval_on_selector_all(
            ".five-picture", "all => all.map(e => [e.offsetWidth, getComputedStyle(e).backgroundColor])"
        )
        assert [wide >= 72 for wide, _ in tiles] == [True] * 5
        assert {paint for _, paint in tiles} == {"rgb(255, 253, 248)"}
    drawn = phone.eval_on_selector_all(
        ".five use",
        "all => all.map(e => { const r = e.getBBox(); return [e.href.baseVal.split('#')[1], r.width > 20] })",
    )
    words = phone.locator(".five b").all_inner_texts()
    assert [(f"pic-{word.replace(' ', '-')}", True) for word in words] == [tuple(one) for one in drawn]
    assert phone.locator(".five svg:not([aria-hidden=true])").count() == 0


def test_what_is_sent_is_a_commitment_first_and_the_key_and_number_only_after_the_other_ones(
    phone: SyncPage, house: MadeUp
) -> None:
    stand(phone, house, "waiting")
    sent = [(path, body) for path, body in house.sent if path.startswith(WHERE)]
    assert [path for path, _ in sent] == [WHERE]
    commitment = sent[0][1]["commitment"]
    theirs = {"key": some(), "random": some()}
    opened_to = {
        **NOTHING, "id": "x1", "part": "first", "step": "answered", "commitment": commitment, **theirs,
    }  # fmt: skip
    now(phone, house, opened_to)
    phone.wait_for_selector(".five")
    path, opened = [(path, body) for path, body in house.sent if path.startswith(WHERE)][1]
    assert path == f"{WHERE}/x1/open"
    assert twin.commit(opened["key"], opened["random"]) == commitment
    told = phone.locator(".five b").all_inner_texts()
    numbers = twin.pictures(opened["key"], opened["random"], theirs["key"], theirs["random"])
    names = phone.evaluate("async () => (await import('/shared/pictures.js')).PICTURES")
    assert told == [names[number].replace("-", " ") for number in numbers]


@pytest.mark.slow  # make witness
def test_the_page_asks_while_something_can_still_come_and_no_longer_once_there_is_a_result(
    phone: SyncPage, house: MadeUp
) -> None:
    asked: list[str] = []
    phone.on("request", lambda one: asked.append(one.url.removeprefix(house.url)) if one.method == "GET" else None)
    phone.clock.install()
    for stage, looks in (("waiting", True), ("differ", False)):
        stand(phone, house, stage)
        phone.wait_for_load_state("networkidle")
        asked.clear()
        for _ in range(4):
            with phone.expect_request("**/api/calls/live"):  # every 4 s, whatever this page does
                phone.clock.run_for(4_000)
        by_all = asked.count("/api/me")  # while its wire is away, the app looks at everything now and then
        assert (asked.count(WHERE) > by_all) is looks, (stage, asked)
        phone.evaluate("localStorage.clear()")
        phone.goto("about:blank")


def test_in_the_demo_a_visitor_lets_the_browser_sign_on_the_page_itself_and_then_can_begin(
    phone: SyncPage, house: MadeUp
) -> None:
    house.answers["GET /api/me"] = {**SAM, "own": "p_sam", "demo": True}
    phone.goto(f"{house.url}/grown-up/#pictures/g_theo")
    sign = phone.get_by_role("button", name="Let this browser sign")
    sign.wait_for()
    assert phone.locator("#begin").count() == 0, "what is compared is the key of a browser that signs"
    assert "the server signs for the made-up families at first" in phone.locator("main").inner_text()
    sign.click()
    contacts = house.answers["GET /api/rosters"]["people"][1]["contacts"]
    for _ in range(200):
        signed = {
            json.loads(json.loads(body["body"])["m"])["contact"]: body["body"]
            for path, body in house.sent
            if path == "/api/rosters"
        }
        if len(signed) == len(contacts):
            break
        phone.wait_for_timeout(25)
    for one in contacts:
        one["roster"] = signed[one["contact"]]
    phone.reload()
    phone.wait_for_selector("#begin")


@pytest.mark.slow  # make witness
def test_this_browser_counts_its_tries_itself_whatever_the_server_says(phone: SyncPage, house: MadeUp) -> None:
    stand(phone, house, "begin")
    for n in range(5):
        house.answers[f"POST {WHERE}"] = {"id": f"x{n}"}
        house.answers[f"GET {WHERE}"] = {**NOTHING, "left": 5}
        phone.reload()
        phone.click("#begin")
        phone.get_by_role("heading", name="Ten minutes are over").wait_for()
    phone.reload()
    phone.get_by_text("That was five times today.").wait_for()
    assert phone.locator("#begin").count() == 0
    assert len([path for path, _ in house.sent if path == WHERE]) == 5
