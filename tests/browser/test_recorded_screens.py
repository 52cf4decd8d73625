"""“Someone recorded me”, with a child's own hands: three presses in a real house, nothing lost without a network, and who helps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from look_stage import Stage, chromium, files
from playwright.async_api import expect
from playwright.sync_api import Browser, Page

from server.db.session import rows
from tests.browser.people import chromium as real_chromium
from tests.browser.people import press, screen, wear
from tests.browser.test_look_axe import violations
from tests.browser.test_look_pages import OVERFLOW, TARGETS
from tests.house import Families, open_house
from tests.integration.test_marks_and_reports import a_call, held

pytestmark = pytest.mark.browser

#: Issue 4, item 4: this and no other.
TRUTH = (
    "We do not record. Nobody can press a record button here. Someone could still film the screen. "
    "If anyone does, it is not your fault. Tap Help."
)


PRESS_AGAIN_MS = 450  # a second press within 400 ms is taken for a slip


def send(page: Page) -> None:
    page.wait_for_timeout(PRESS_AGAIN_MS)
    page.click("[data-do=send]")


@pytest.fixture(scope="module")
def origin() -> Iterator[str]:
    with files() as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


async def test_three_presses_from_help_tell_our_helpers_hold_the_mark_and_say_when_somebody_looks(
    tmp_path: Path,
) -> None:
    async with open_house(tmp_path) as house, real_chromium() as browser:
        two = await Families(house).two()
        mark = await a_call(house, "Maya", "Theo")
        maya = await screen(browser, 320, 640)
        await wear(maya, two.maya, house)
        await maya.get_by_role("heading", name="Hi Maya").wait_for()
        await press(maya, "Help", exact=True)
        await press(maya, "Someone recorded me")
        await maya.get_by_role("heading", name="Who was it?").wait_for()
        await maya.locator("[data-do=call]", has_text="Theo").click()  # one
        await maya.get_by_label("They say they will show it.").check(force=True)  # two
        await press(maya, "Tell our helpers")  # three
        await maya.get_by_role("heading", name="We heard you").wait_for()
        await expect(maya.locator(".lead")).to_contain_text("A helper will look by")
        for sentence in (
            "It is not your fault.",
            "If they want money, do not pay.",
            "Do not delete it.",
            "Tell a grown-up you trust.",
        ):
            await expect(maya.get_by_text(sentence, exact=False).first).to_be_visible()
        away = maya.get_by_role("link", name="Open Report Remove")
        assert await away.get_attribute("rel") == "noopener noreferrer"
        assert await away.get_attribute("referrerpolicy") == "no-referrer"
        assert await away.get_attribute("target") == "_blank"
        async with house.db.read() as tx:
            found = await rows(tx, "SELECT call_id, what FROM reports")
        assert [tuple(row) for row in found] == [("c_thecallthecall", '["threat"]')]
        assert await held(house) == {mark.id}
        await press(maya, "Hide this")
        await expect(maya.get_by_text("Report Remove")).to_have_count(0)


@pytest.mark.slow  # make witness
def test_without_a_network_the_picks_stay_and_sending_again_is_the_same_report(browser: Browser, origin: str) -> None:
    stage = Stage(browser, origin, viewport={"width": 390, "height": 844})
    page = stage.open(ready=".chip")
    stage.go("#/recorded/k_theo0000")
    page.get_by_label("They filmed the screen, or took a photo.").check(force=True)
    page.route("**/api/child/reports", lambda route: route.abort())
    send(page)
    page.locator(".panel[role=alert]").wait_for()
    assert "Your picks are still here" in page.locator(".panel[role=alert]").inner_text()
    assert page.get_by_label("They filmed the screen, or took a photo.").is_checked()
    assert "This is about Theo." in page.locator(".lead").inner_text()
    assert page.get_by_role("link", name="Call 0800 1111").is_visible()
    page.unroute("**/api/child/reports")
    stage.refuse["/api/child/reports"] = (500, "internal")
    send(page)
    page.get_by_text("We could not send it.").wait_for()
    del stage.refuse["/api/child/reports"]
    send(page)
    page.get_by_role("heading", name="We heard you").wait_for()
    tried = [body for path, body in stage.posted if path == "/api/child/reports"]
    assert len(tried) == 2  # the one that the network lost never came here
    assert tried[0] == tried[1]
    assert (tried[0]["about"], tried[0]["what"]) == ({"ref": "k_theo0000"}, ["filmed"])
    assert len(tried[0]["request"]) == 32
    stage.close()


def test_a_child_who_does_not_know_or_whose_page_knows_nothing_can_tell_all_the_same(
    browser: Browser, origin: str
) -> None:
    stage = Stage(browser, origin, viewport={"width": 390, "height": 844})
    page = stage.open(ready=".chip")
    page.route(
        "**/api/child/reports", lambda route: route.abort() if route.request.method == "GET" else route.fallback()
    )
    stage.go("#/recorded")
    assert page.locator("[data-do=ref]").count() == 6  # whom the page knows by itself
    page.click("[data-do=nobody]")
    send(page)
    page.get_by_role("heading", name="We heard you").wait_for()
    (body,) = [body for path, body in stage.posted if path == "/api/child/reports"]
    assert (body["about"], body["what"]) == (None, [])
    stage.close()


def test_a_child_who_has_told_and_comes_back_from_help_is_still_told_that_we_heard(
    browser: Browser, origin: str
) -> None:
    stage = Stage(browser, origin, viewport={"width": 390, "height": 844})
    page = stage.open(ready=".chip")
    stage.go("#/recorded/k_theo0000")
    page.get_by_label("They filmed the screen, or took a photo.").check()
    page.get_by_role("button", name="Help", exact=True).click()
    page.wait_for_timeout(PRESS_AGAIN_MS)
    page.get_by_role("button", name="I’m OK. Go back.").click()
    assert page.get_by_label("They filmed the screen, or took a photo.").is_checked(), "nothing picked is lost"
    send(page)
    page.get_by_role("heading", name="We heard you").wait_for()
    page.get_by_role("button", name="Help", exact=True).click()
    page.wait_for_timeout(PRESS_AGAIN_MS)
    page.get_by_role("button", name="I’m OK. Go back.").click()
    page.get_by_role("heading", name="We heard you").wait_for()
    assert page.locator(".lead").inner_text().startswith("A helper will look by")
    assert page.locator("[data-do=send]").count() == 0
    stage.go("#/")
    stage.go("#/recorded/k_theo0000")  # whoever comes later finds the form, and not what was told
    page.locator("[data-do=send]").wait_for()
    assert page.get_by_role("heading", name="We heard you").count() == 0
    assert page.locator(".choices :checked").count() == 0
    stage.close()


@pytest.mark.parametrize(("scheme", "width"), [("light", 320), ("dark", 1280)])
def test_every_step_stands_narrow_and_wide_without_a_fault(
    browser: Browser, origin: str, scheme: str, width: int
) -> None:
    stage = Stage(
        browser, origin, viewport={"width": width, "height": 640}, color_scheme=scheme, reduced_motion="reduce"
    )
    page = stage.open(ready=".chip")

    def look_over(step: str) -> None:
        assert page.evaluate(OVERFLOW) <= 0, step
        assert [one for one in page.evaluate(TARGETS) if one["height"] < 47.5 or one["width"] < 47.5] == [], step
        assert violations(page) == [], step

    stage.go("#/recorded")
    look_over("who")
    page.locator("[data-do=ref]").first.click()
    look_over("what")
    stage.refuse["/api/child/reports"] = (503, "database_busy")
    send(page)
    page.locator(".panel[role=alert]").wait_for()
    look_over("stuck")
    stage.refuse.clear()
    send(page)
    page.get_by_role("heading", name="We heard you").wait_for()
    look_over("done")
    stage.close()


def where_it_stands(stage: Stage, page: Page) -> dict[str, str]:
    """The text of every page on which a child is told the truth about recording."""
    told: dict[str, Any] = {}
    for name, address in (("before a call", "#/call/k_gran0000"), ("who sees what", "#/sees")):
        stage.go(address)
        told[name] = page.inner_text("main")
    stage.ring()
    page.get_by_role("button", name="Answer").click()
    stage.state("active", "k_gran0000")
    page.locator(".record").wait_for()
    told["in the call"] = page.inner_text(".record")
    stage.say(t="call.ended", call="c_00000001", code="left", by="k_gran0000")
    page.locator("rf-ended h1").wait_for()
    told["after the call"] = page.inner_text("rf-ended main")
    return told


@pytest.mark.parametrize("group", ["9-12", "13-15"])
def test_the_truth_about_recording_stands_before_in_and_after_a_call_word_for_word(
    browser: Browser, origin: str, group: str
) -> None:
    stage = Stage(browser, origin, group=group, viewport={"width": 390, "height": 844})
    page = stage.open(ready=".chip")
    told = where_it_stands(stage, page)
    assert [name for name, text in told.items() if TRUTH not in " ".join(text.split())] == []
    page.get_by_role("button", name="Someone recorded me").click()
    page.get_by_role("heading", name="Who was it?").or_(page.get_by_role("heading", name="What happened?")).wait_for()
    page.click("[data-do=help]")
    assert TRUTH.removesuffix(" Tap Help.") in " ".join(page.inner_text("rf-help").split())
    stage.close()
