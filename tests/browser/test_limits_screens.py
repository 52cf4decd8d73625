"""Hours, minutes, a grown-up nearby and blocks, with hands on the real pages; and how their screens stand on made-up answers.

The first half is two families in a running house: what a guardian presses on one screen is what a child sees on another. The second half
measures the screens: what is largest, what is sent, what is not filled in for anybody.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from look_stage import BLOCKED, CLIENT, LIMITS, PEOPLE, SEVEN, Stage, files
from look_stage import chromium as one_browser
from playwright.async_api import Page, expect
from playwright.sync_api import Browser
from playwright.sync_api import Page as SyncPage

from tests.browser.grown_up_pages import CONSENT, HOUSEHOLD, MAYA, SAM, made_up
from tests.browser.grown_up_pages import LIMITS as GUARDIANS_LIMITS
from tests.browser.people import answer, chromium, goes_up, press, ring, screen, wear
from tests.house import Families, House, open_house
from tests.peers import Browserless

pytestmark = pytest.mark.browser

PRESS_AGAIN_S = 0.45  # a second press within 400 ms is taken for a slip


async def sit_down(page: Page, device: Browserless, house: House, where: str = "") -> None:
    """Make this screen the guardian who signed in over HTTP."""
    cookies = [{"name": c.key, "value": c.value, "url": house.base} for c in device.http.cookie_jar]
    await page.context.add_cookies(cookies)  # type: ignore[arg-type]  # a list of the right dictionaries
    await page.goto(f"{house.base}/grown-up/#{where}")
    await page.locator("h1").wait_for()


def wall(hours: int) -> str:
    """The time in London so many hours from now."""
    return (datetime.now(UTC) + timedelta(hours=hours)).astimezone(ZoneInfo("Europe/London")).strftime("%H:%M")


# == Two families and their screens ===========================================================================================


async def test_a_guardian_sets_quiet_hours_the_childs_page_turns_to_night_and_what_the_child_thinks_is_heard(
    tmp_path: Path,
) -> None:
    async with open_house(tmp_path) as house, chromium() as browser:
        two = await Families(house).two()
        sam, maya = await screen(browser), await screen(browser)
        await wear(maya, two.maya, house)
        await maya.get_by_role("heading", name="Hi Maya").wait_for()
        await sit_down(sam, two.sam, house, "times")
        await expect(sam.get_by_label("From")).to_have_value("")  # nothing is set for anybody
        await sam.get_by_label("From").fill(wall(-1))
        await sam.get_by_label("Until").fill(wall(2))
        await sam.get_by_label("Minutes", exact=True).fill("45")
        await press(sam, "Save", exact=True)
        await sam.get_by_text("Saved. Maya can see this change.").first.wait_for()

        await maya.get_by_role("heading", name="It’s quiet time").wait_for()
        await expect(maya.locator("body")).to_have_class(re.compile("night"))
        await expect(maya.locator(".opens")).to_contain_text("Calls open at")
        assert await maya.get_by_role("link", name="Theo").count() == 0
        await expect(maya.get_by_text("Help is always open.")).to_be_visible()
        await press(maya, "My times")
        await maya.get_by_text("45 minutes a day.").wait_for()
        await press(maya, "That feels unfair")
        await maya.get_by_text("You said this feels unfair.").wait_for()
        await sam.get_by_text("Maya thinks this is unfair. Talk about it.").wait_for()

        await sam.get_by_label("From").fill("")
        await sam.get_by_label("Until").fill("")
        await press(sam, "Save", exact=True)
        await maya.get_by_text("You have no quiet time.").wait_for()
        await press(maya, "My people")
        await maya.get_by_role("link", name="Theo").wait_for()


@pytest.mark.slow  # make witness
async def test_a_child_asks_the_grown_up_says_yes_and_that_one_call_goes_through(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house, chromium() as browser:
        two = await Families(house).two()
        sam, maya, theo = [await screen(browser) for _ in range(3)]
        await sit_down(sam, two.sam, house, "contacts")
        await press(sam, "How they call")
        await sam.get_by_role("radio", name="Ask me each time").check()
        await press(sam, "Save", exact=True)
        await sam.get_by_text("Saved. You say yes to each call with Theo.").first.wait_for()
        await sam.goto(f"{house.base}/grown-up/#decide")
        await wear(maya, two.maya, house)
        await wear(theo, two.theo, house)

        await maya.get_by_text("Here now").first.wait_for()
        await press(maya, "Theo")
        await maya.get_by_role("heading", name="Ask Sam first").wait_for()
        assert await maya.get_by_role("button", name="Call with voice").count() == 0
        await press(maya, "Ask now")
        await maya.get_by_role("heading", name="We asked Sam").wait_for()
        await sam.get_by_role("heading", name="Maya wants a call with Theo now").wait_for()
        await press(sam, "Not now", exact=True)
        await maya.get_by_role("heading", name="Not this time").wait_for()

        house.hand.forward(61_000)  # an ask within a minute of the last one changes nothing
        await press(maya, "Ask again")
        await sam.get_by_role("heading", name="Maya wants a call with Theo now").wait_for()
        await press(sam, "Yes, this time")
        await maya.get_by_text("You got a yes from Sam for this call.").wait_for()
        await press(maya, "Call with voice")
        await answer(theo)
        for child in (maya, theo):
            await goes_up(child, "audio")
        await press(maya, "Leave", exact=True)
        await press(maya, "OK")
        await press(maya, "Theo")
        await maya.get_by_role("heading", name="Ask Sam first").wait_for()  # the yes was for one call


@pytest.mark.slow  # make witness
async def test_when_the_grown_up_has_to_go_the_call_that_needed_them_ends(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house, chromium() as browser:
        two = await Families(house).two()
        found = await two.sam.get(f"/api/children/{two.maya_id}/contacts")
        await two.sam.post(f"/api/contacts/{found[0]['ref']}/supervision", {"mode": "present"})
        sam, maya, theo = [await screen(browser) for _ in range(3)]
        await sit_down(sam, two.sam, house, "decide")
        await wear(maya, two.maya, house)
        await wear(theo, two.theo, house)
        await maya.get_by_text("Here now").first.wait_for()
        await press(maya, "Theo")
        await press(maya, "Ask now")
        await press(sam, "I am with Maya now")
        await sam.get_by_text("You are with Maya for calls with Theo.").wait_for()
        await maya.get_by_text("Your grown-up is with you for this call.").wait_for()
        await press(maya, "Call with voice")
        await answer(theo)
        for child in (maya, theo):
            await goes_up(child, "audio")
        await press(sam, "I have to go")
        for child in (maya, theo):
            await child.locator("rf-ended h1").wait_for()
        await expect(maya.locator("rf-ended")).to_contain_text("A grown-up needs to be with you or say yes.")
        # the other family hears what it hears whenever somebody goes: not why
        await expect(theo.locator("rf-ended")).not_to_contain_text("with you")
        await sam.get_by_text("You are not there any more.").first.wait_for()


async def test_who_is_blocked_sees_only_that_nobody_is_there_until_it_is_undone(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house, chromium() as browser:
        two = await Families(house).two()
        maya, theo = await screen(browser), await screen(browser)
        await wear(maya, two.maya, house)
        await wear(theo, two.theo, house)
        for child in (maya, theo):
            await child.get_by_text("Here now").first.wait_for()
        await press(maya, "Theo")
        await press(maya, "Stop Theo calling me")  # one
        await press(maya, "Stop calls")  # two, and nobody was asked
        await maya.get_by_role("heading", name="Stopped").wait_for()

        await theo.get_by_text("Not here now").first.wait_for()
        await press(theo, "Maya")
        await theo.get_by_role("heading", name="Maya is not here now").wait_for()
        assert "stop" not in (await theo.locator("main > :not(a)").all_inner_texts())[0].lower()
        assert await theo.get_by_role("button", name="Call with voice").count() == 0

        await press(maya, "OK")
        await expect(maya.get_by_role("link", name="Theo")).to_have_count(0)
        await press(maya, "Me", exact=True)
        await maya.locator("a[href='#/blocked']").click()
        await press(maya, "Undo")
        await maya.get_by_text("You don’t stop Theo any more.").first.wait_for()
        await theo.get_by_role("button", name="Call with voice").wait_for()  # the page itself follows
        await press(theo, "Call with voice")
        await maya.get_by_role("heading", name="Theo is calling").wait_for()


@pytest.mark.slow  # make witness
async def test_a_child_who_is_rung_asks_before_answering(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house, chromium() as browser:
        two = await Families(house).two()
        found = await two.sam.get(f"/api/children/{two.maya_id}/contacts")
        await two.sam.post(f"/api/contacts/{found[0]['ref']}/supervision", {"mode": "ask"})
        sam, maya, theo = [await screen(browser) for _ in range(3)]
        await sit_down(sam, two.sam, house, "decide")
        await wear(maya, two.maya, house)
        await wear(theo, two.theo, house)
        await theo.get_by_text("Here now").first.wait_for()
        await ring(theo, "Maya")
        await maya.get_by_role("heading", name="Theo is calling").wait_for()
        assert await maya.get_by_role("button", name="Answer").count() == 0
        await press(maya, "Ask first")
        await press(sam, "Yes, this time")
        await answer(maya)
        for child in (maya, theo):
            await goes_up(child, "audio")


# == The child's screens on made-up answers ======================================================================================


@pytest.fixture(scope="module")
def origin() -> Iterator[str]:
    with files() as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with one_browser() as found:
        yield found


def phone(browser: Browser, origin: str, **more: Any) -> Stage:
    return Stage(browser, origin, viewport={"width": 390, "height": 844}, **more)


@pytest.mark.parametrize("group", ["9-12", "13-15"])
def test_in_quiet_time_the_hour_is_the_largest_text_and_only_own_grown_ups_are_links(
    browser: Browser, origin: str, group: str
) -> None:
    stage = phone(browser, origin, group=group)
    stage.home["limits"] = {**LIMITS, "quiet_now": True, "opens_at": SEVEN}
    page = stage.open(ready=".opens")
    opens = page.locator(".opens").inner_text()
    assert opens == ("Calls open at 7 o’clock in the morning." if group == "9-12" else "Calls open at 7 am.")
    sizes = page.evaluate(
        "() => [...document.querySelectorAll('main *, header *')].filter(e => e.checkVisibility() && e.childElementCount === 0)"
        ".map(e => [parseFloat(getComputedStyle(e).fontSize), e.className])"
    )
    assert max(sizes)[1] == "opens"
    assert page.locator(".fence a").all_inner_texts() == ["Call Dad\nHere now"] or page.locator(".fence a").count() == 1
    assert page.locator(".fence .shut").count() == len(PEOPLE) - 1
    assert page.locator(".dock .help").count() == 1
    stage.go("#/call/k_theo0000")
    assert page.locator(".opens").count() == 1  # nobody else's page opens
    stage.go("#/call/k_dad00000")
    assert page.locator("[data-do=call]").count() == 2
    stage.close()
    assert stage.faults == []


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_the_moon_of_quiet_time_stands_beside_the_words(browser: Browser, origin: str, width: int) -> None:
    stage = Stage(browser, origin, viewport={"width": width, "height": 844})
    stage.home["limits"] = {**LIMITS, "quiet_now": True, "opens_at": SEVEN}
    page = stage.open(ready=".opens")
    touching = page.evaluate("""() => {
      const moon = document.querySelector('.scene .sun').getBoundingClientRect();
      return [...document.querySelectorAll('h1, .opens, .lead')].filter(e => {
        const range = document.createRange(); range.selectNodeContents(e);
        return [...range.getClientRects()].some(r =>
          r.right > moon.left && r.left < moon.right && r.bottom > moon.top && r.top < moon.bottom);
      }).map(e => e.textContent);
    }""")
    assert touching == []
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    stage.close()


def test_both_answers_to_a_block_stand_above_the_dock_of_the_shortest_phone(browser: Browser, origin: str) -> None:
    stage = Stage(browser, origin, viewport={"width": 320, "height": 568})
    page = stage.open("/child/#/block/k_theo0000", ready="rf-block .answers")
    answers, dock = page.locator(".answers").bounding_box(), page.locator(".dock").bounding_box()
    assert answers
    assert dock
    assert answers["y"] + answers["height"] <= dock["y"]
    stage.close()


def test_night_is_the_dusk_of_the_tokens_word_for_word() -> None:
    def pairs(text: str) -> dict[str, str]:
        return dict(re.findall(r"(--[a-z0-9-]+): ([^;]+);", text))

    dusk = (CLIENT / "shared/look/tokens.css").read_text().split("(prefers-color-scheme: dark)")[1].split("@media")[0]
    night = (CLIENT / "child/child.css").read_text().split(".night {")[1].split("}")[0]
    assert pairs(night) == pairs(dusk)
    assert len(pairs(night)) > 30


def test_blocking_takes_two_presses_from_the_persons_page_and_asks_nobody(browser: Browser, origin: str) -> None:
    for ref in ("k_gran0000", "k_bea00000"):  # one who is here, one who is on a call
        stage = phone(browser, origin)
        page = stage.open(f"/child/#/call/{ref}", ready="main h1, header h1")
        page.wait_for_selector(f"a[href='#/block/{ref}']")
        stage.posted.clear()
        page.click(f"a[href='#/block/{ref}']")
        page.wait_for_selector("rf-block .answers")
        assert stage.posted == []
        answers = page.locator("rf-block .answers > .button")
        boxes = [answers.nth(n).bounding_box() for n in (0, 1)]
        assert boxes[0]
        assert boxes[1]
        assert (round(boxes[0]["width"]), boxes[0]["height"]) == (round(boxes[1]["width"]), boxes[1]["height"])
        text = page.locator("main").inner_text()
        assert "We tell nobody." in text
        assert "It works at once." in text
        page.click("rf-block [data-do=yes]")
        page.wait_for_selector("h1 >> text=Stopped")
        assert stage.posted == [(f"/api/child/people/{ref}/block", {})]
        stage.close()
        assert stage.faults == []


def test_undo_gives_the_person_back(browser: Browser, origin: str) -> None:
    stage = phone(browser, origin)
    page = stage.open("/child/#/blocked", ready="[data-do=undo]")
    page.click("[data-do=undo]")
    page.wait_for_selector(f"main .panel >> text=You don’t stop {BLOCKED[0]['name']} any more.")
    assert stage.posted[-1] == (f"/api/child/people/{BLOCKED[0]['ref']}/unblock", {})
    stage.close()


def test_a_teenager_reads_first_then_leads_and_can_give_it_back(browser: Browser, origin: str) -> None:
    stage = phone(browser, origin, group="16-17")
    stage.home["limits"] = {**LIMITS, "may_lead": True}
    page = stage.open("/child/#/times", ready="a[href='#/lead']")
    assert page.locator("#from").count() == 0
    page.wait_for_selector("text=Tall posts are open hours.")  # or they could be taken for the quiet ones
    page.click("a[href='#/lead']")
    page.wait_for_selector(".means")
    assert "Help is always open" in page.locator("main").inner_text()
    stage.home["limits"] = {**LIMITS, "may_lead": True, "reach": "teen_led", "leads_since": SEVEN}
    page.click("[data-do=yes]")
    page.wait_for_selector("#from")
    assert ("/api/child/lead", {"lead": True, "read": True}) in stage.posted
    page.fill("#from", "22:00")
    page.fill("#until", "")
    page.click("[data-do=save]")
    assert page.locator(".error-summary li").all_inner_texts() == ["Enter two different times, or leave both empty."]
    page.fill("#until", "06:30")
    page.fill("#minutes", "")
    page.wait_for_timeout(450)
    page.click("[data-do=save]")
    page.wait_for_selector("main >> text=Saved.")
    assert stage.posted[-1] == ("/api/child/limits", {"quiet": {"from": "22:00", "until": "06:30"}, "minutes": None})
    page.click("a[href='#/lead']")
    page.wait_for_selector("h1 >> text=Give it back?")
    page.click("[data-do=back]")
    page.wait_for_timeout(200)
    assert ("/api/child/lead", {"lead": False, "read": False}) in stage.posted
    stage.close()


def test_a_child_under_16_is_not_offered_the_lead(browser: Browser, origin: str) -> None:
    stage = phone(browser, origin)
    page = stage.open("/child/#/times", ready=".value")
    assert page.locator("a[href='#/lead'], #from, #stage").count() == 0
    stage.close()


# == The guardian's screens on made-up answers ======================================================================================


def guardian_page(browser: Browser, url: str, where: str) -> SyncPage:
    page = browser.new_context(
        viewport={"width": 390, "height": 844}, locale="en-GB", reduced_motion="reduce"
    ).new_page()
    page.goto(f"{url}/grown-up/#{where}")
    page.wait_for_selector("h1")
    page.wait_for_selector(".waiting", state="detached")
    return page


def test_what_is_suggested_is_not_filled_in_until_it_is_taken_and_not_sent_until_it_is_saved(browser: Browser) -> None:
    nothing = {**GUARDIANS_LIMITS, "quiet": None, "minutes": None, "set_at": None}
    with made_up({"GET /api/children/ch_maya/limits": nothing}) as house:
        page = guardian_page(browser, house.url, "times")
        assert [page.input_value(field) for field in ("#from", "#until", "#minutes")] == ["", "", ""]
        page.click("[data-do=take-quiet]")
        page.click("[data-do=take-minutes]")
        assert [page.input_value(field) for field in ("#from", "#until", "#minutes")] == ["19:30", "07:00", "60"]
        assert not any(path.endswith("/limits") for path, _ in house.sent)
        page.click("form .next .button")
        page.wait_for_selector(".saved")
        sent = next(body for path, body in house.sent if path == "/api/children/ch_maya/limits")
        assert sent == {"quiet": {"from": "19:30", "until": "07:00"}, "minutes": 60}
        page.context.close()


def test_half_a_quiet_time_is_said_first_and_not_sent(browser: Browser) -> None:
    with made_up() as house:
        page = guardian_page(browser, house.url, "times")
        page.fill("#until", "")
        page.fill("#minutes", "0")
        page.click("form .next .button")
        page.wait_for_selector(".error-summary")
        assert page.locator(".error-summary li").count() == 2
        assert page.evaluate("document.activeElement.className") == "error-summary"
        assert not any(path.endswith("/limits") for path, _ in house.sent)
        page.context.close()


@pytest.mark.parametrize("allowed", [True, False])
def test_the_stage_is_a_switch_only_where_it_may_be_one(browser: Browser, allowed: bool) -> None:
    limits = {**GUARDIANS_LIMITS, "stage": {"on": False, "allowed": allowed}}
    with made_up({"GET /api/children/ch_maya/limits": limits}) as house:
        page = guardian_page(browser, house.url, "times")
        assert page.locator("#stage").count() == int(allowed)
        assert page.get_by_text("A stage is not for this age here.").count() == int(not allowed)
        if allowed:
            page.locator("#stage").click()
            page.wait_for_selector(".saved")
            assert ("/api/children/ch_maya/stage", {"on": True}) in house.sent
        page.context.close()


@pytest.mark.parametrize("reach", ["approve", "discuss", "teen_led"])
def test_what_is_not_a_guardians_any_more_is_said_and_cannot_be_pressed(browser: Browser, reach: str) -> None:
    family = {"me": SAM, "children": [{**MAYA, **CONSENT, "reach": reach}], "decisions": 0, "household": HOUSEHOLD}
    with made_up({"GET /api/family": family}) as house:
        page = guardian_page(browser, house.url, "times")
        assert page.locator("form").count() == int(reach != "teen_led")
        assert page.get_by_text("Maya leads this account now").count() == int(reach == "teen_led")
        page.context.close()
        page = guardian_page(browser, house.url, "watch/g_theo")
        assert page.locator("[name=mode]").count() == (3 if reach == "approve" else 0)
        assert page.get_by_text("Single calls are Maya’s own").count() == int(reach == "discuss")
        page.context.close()
        page = guardian_page(browser, house.url, "contacts")
        assert page.locator("[data-do=remove]").count() == 4  # this stays, whoever leads
        assert (page.locator("[data-do=gate]").count() > 0) is (reach != "teen_led")
        assert page.locator("[data-do=end]").count() == int(reach != "teen_led")
        page.context.close()


def test_a_word_is_given_and_taken_back(browser: Browser) -> None:
    with made_up() as house:
        page = guardian_page(browser, house.url, "watch/g_mina")
        assert page.locator(".plate-line.wait").inner_text() == (
            "Calls wait until somebody who knows Great-Auntie Wilhelmina gives their word."
        )
        page.click("[data-do=vouch]")
        page.wait_for_selector(".saved")
        page.context.close()
        page = guardian_page(browser, house.url, "watch/g_gran")
        page.click("[data-do=take-back]")
        page.wait_for_selector(".saved")
        page.context.close()
        page = guardian_page(browser, house.url, "watch/g_theo")
        assert page.locator("[data-do=vouch], [data-do=take-back]").count() == 0  # a child needs no word
        page.context.close()
        assert [sent for sent in house.sent if sent[0].endswith("/vouch")] == [
            ("/api/contacts/g_mina/vouch", {"vouched": True}),
            ("/api/contacts/g_gran/vouch", {"vouched": False}),
        ]


def test_being_there_is_renewed_while_the_page_is_open_and_not_after_going(browser: Browser) -> None:
    with made_up() as house:
        page = browser.new_context(viewport={"width": 390, "height": 844}, locale="en-GB").new_page()
        page.clock.install()
        page.goto(f"{house.url}/grown-up/#watch/g_mina")
        page.click("[data-do=be-with]")
        page.wait_for_selector("rf-live [data-do=away]")

        def renewed() -> int:
            return sum(path == "/api/contacts/g_mina/present" for path, _ in house.sent)

        assert renewed() == 1
        for times in (2, 3):
            page.clock.run_for(31_000)
            for _ in range(40):
                if renewed() >= times:
                    break
                page.wait_for_timeout(50)
            assert renewed() == times
        page.click("rf-live [data-do=away]")
        page.wait_for_selector("rf-live [data-do=away]", state="detached")
        page.wait_for_selector("rf-live .saved")
        assert ("/api/contacts/g_mina/absent", {}) in house.sent
        page.clock.run_for(65_000)
        page.wait_for_timeout(300)
        assert renewed() == 3
        page.context.close()


def test_age_group_and_home_are_changed_on_pages_of_their_own(browser: Browser) -> None:
    with made_up() as house:
        page = guardian_page(browser, house.url, "account")
        page.click("a[href='#account/age']")
        page.wait_for_selector("[name=age]")
        page.get_by_role("radio", name="13 to 15").check()
        page.click("form .button")
        page.wait_for_selector(".saved >> text=Saved. Maya is 13 to 15.")
        page.locator("a[href='#account/place']").first.click()
        page.wait_for_selector("#country")
        assert (page.input_value("#country"), page.input_value("#zone")) == ("GB", "Europe/London")
        page.select_option("#country", "AU")
        page.select_option("#zone", "Australia/Sydney")
        page.click("form .button")
        page.wait_for_selector(".saved >> text=Your family’s times follow this clock.")
        assert ("/api/children/ch_maya/age-group", {"group": "13-15"}) in house.sent
        assert ("/api/household", {"country": "AU", "time_zone": "Australia/Sydney"}) in house.sent
        page.context.close()


# == Only true sentences ==============================================================================================================


@pytest.mark.parametrize("reach", ["approve", "teen_led"])
def test_who_sees_what_says_less_of_the_parents_of_a_teenager_who_leads(
    browser: Browser, origin: str, reach: str
) -> None:
    stage = phone(browser, origin, group="16-17")
    stage.home["limits"] = {**LIMITS, "reach": reach}
    page = stage.open("/child/#/sees", ready=".can")
    text = page.locator("main").inner_text()
    assert ("End a call." in text) is (reach == "approve")
    assert ("Your calls, video or sound" in text) is (reach == "teen_led")
    stage.close()


@pytest.mark.parametrize("reach", ["approve", "discuss", "teen_led"])
def test_what_a_guardian_can_see_and_do_is_said_as_it_is_for_this_child(browser: Browser, reach: str) -> None:
    family = {"me": SAM, "children": [{**MAYA, **CONSENT, "reach": reach}], "decisions": 0, "household": HOUSEHOLD}
    with made_up({"GET /api/family": family}) as house:
        page = guardian_page(browser, house.url, "sees")
        text = page.locator("main").inner_text()
        assert ("say yes to each call" in text) is (reach == "approve")
        assert ("Set quiet hours" in text) is (reach != "teen_led")
        assert ("Calls of the last 30 days" in text) is (reach != "teen_led")
        assert ("Calls that are over" in text) is (reach == "teen_led")
        page.context.close()


def test_when_todays_minutes_are_gone_home_does_not_say_until_when_one_can_call(browser: Browser, origin: str) -> None:
    for used in (20, 60):
        stage = phone(browser, origin)
        stage.home["limits"] = {**LIMITS, "used_today": used}
        page = stage.open(ready=".truth")
        text = page.locator("main").inner_text()
        assert ("You can call until" in text) is (used == 20)
        assert text.count("That’s all the call time for today.") == int(used == 60)
        assert page.locator("a[href='#/times']").count() == 1
        stage.close()


@pytest.mark.parametrize(("width", "height"), [(390, 844), (320, 568)])
def test_the_pages_without_a_head_can_be_read_aloud_and_the_button_covers_nothing(
    browser: Browser, origin: str, width: int, height: int
) -> None:
    stage = Stage(browser, origin, viewport={"width": width, "height": height})
    stage.home["people"] = [{**one, "watch": "ask"} if one["ref"] == "k_theo0000" else one for one in PEOPLE]
    for address in ("#/call/k_theo0000", "#/call/k_ines0000"):
        page = stage.open(f"/child/{address}", ready=".read-aloud")
        covered = page.evaluate("""() => {
          const one = document.querySelector('.read-aloud').getBoundingClientRect();
          return [...document.querySelectorAll('main h1, main p, main a, main .post, .answers > *')].filter(e => {
            const r = e.getBoundingClientRect();
            return r.right > one.left && r.left < one.right && r.bottom > one.top && r.top < one.bottom;
          }).map(e => e.textContent);
        }""")
        assert covered == []
    stage.close()
