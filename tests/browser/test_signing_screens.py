"""What a grown-up is shown of devices that are not signed yet and of a family whose browser is new, and what a press signs.

The server is made up; what it is sent are real signatures of the page's own key, and they are checked here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

from tests import seal_twin
from tests.browser.bare_window import BARE
from tests.browser.grown_up_pages import SAM, MadeUp, made_up
from tests.browser.test_grown_up_look import AGAIN_MS, visit
from tests.browser.test_look_axe import violations

pytestmark = pytest.mark.browser

FEMI = Ed25519PrivateKey.generate()
TABLET = seal_twin.key_of(Ed25519PrivateKey.generate())
THEIRS = seal_twin.roster(FEMI, "x1", "b", [TABLET], 7)


def contact(**more: Any) -> dict[str, Any]:
    kept = {"contact": "x1", "side": "a", "ref": "k_theo", "name": "Theo", "roster": None, "theirs": THEIRS}
    return {**kept, "changed": False, "knows": None, **more}


def desk(**more: Any) -> dict[str, Any]:
    own = {"id": "s1", "key": None, "label": "Firefox on Linux", "this": True}
    tablet = {"id": "v1", "key": TABLET, "label": "Chromium on Linux", "this": False}
    maya = {"child": "ch_maya", "name": "Maya", "devices": [tablet], "contacts": [contact(**more)]}
    return {"key": None, "people": [{"child": None, "name": "", "devices": [own], "contacts": []}, maya]}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox", BARE])
        yield browser
        browser.close()


@pytest.fixture
def house() -> Iterator[MadeUp]:
    with made_up({"GET /api/me": {**SAM, "own": "sam"}, "GET /api/rosters": desk()}) as server:
        yield server


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    context = visit(chromium, 390)
    yield context.new_page()
    context.close()


def sent(house: MadeUp, path: str) -> list[dict[str, Any]]:
    """The statements that were sent there, each with the signature of the key that the page has told."""
    key = next(body["key"] for where, body in house.sent if where == "/api/identity")
    found = []
    for where, body in house.sent:
        if where != path:
            continue
        words: dict[str, Any] = json.loads(json.loads(body["body"])["m"])
        told = {"contact": words["contact"], "side": words["side"]}
        assert seal_twin._heard(body["body"], words["t"], told) == words
        assert words["guardian"] == key
        found.append(words)
    return found


def test_a_device_waits_until_a_hand_signs_for_it(page: Page, house: MadeUp) -> None:
    page.goto(house.url + "/grown-up/#devices")
    button = page.get_by_role("button", name="Sign this device")
    expect(button).to_be_visible()
    expect(page.locator(".to-sign")).to_contain_text("Sign it only if you know that it is Maya’s.")
    assert violations(page) == []
    assert sent(house, "/api/rosters") == []  # what the server lists is not signed by itself
    button.click()
    expect(page.locator(".saved")).to_have_text("Saved. Signed for every person you said yes to.")
    expect(page.locator(".signed .chip.ok")).to_have_text("Signed")
    expect(page.locator("h1")).to_be_focused()  # the button that was pressed is gone
    (words,) = sent(house, "/api/rosters")
    assert (words["contact"], words["side"], words["devices"]) == ("x1", "a", [TABLET])
    page.reload()  # this browser remembers it, so the next contact is signed without a press
    house.answers["GET /api/rosters"] = desk(contact="x2")
    page.reload()
    expect(page.locator(".signed .chip.ok")).to_have_text("Signed")
    assert sent(house, "/api/rosters")[-1]["contact"] == "x2"
    assert violations(page) == []


def test_where_another_browser_signs_this_one_does_not_until_it_is_told_to(page: Page, house: MadeUp) -> None:
    other = seal_twin.roster(Ed25519PrivateKey.generate(), "x1", "a", [TABLET], 2_000_000_000_000_000)
    house.answers["GET /api/rosters"] = desk(roster=other)
    page.goto(house.url + "/grown-up/#devices")
    button = page.get_by_role("button", name="Let this browser sign instead")
    expect(button).to_be_visible()
    expect(page.locator(".signed")).to_have_count(0)
    assert violations(page) == []
    button.click()
    page.get_by_role("button", name="Leave it as it is").click()
    assert sent(house, "/api/rosters") == []
    page.wait_for_timeout(AGAIN_MS)
    button.click()
    page.get_by_role("button", name="Let it sign").click()
    expect(page.locator(".saved")).to_be_visible()
    (words,) = sent(house, "/api/rosters")
    assert words["devices"] == [TABLET]
    assert words["serial"] == 2_000_000_000_000_001  # newer than what the others have met


def test_nobody_is_asked_whether_they_have_told_themself_about_their_own_browser(page: Page, house: MadeUp) -> None:
    """Sam is Maya's grown-up and her contact: when his browser begins to sign for her, it is new to himself too."""
    other = seal_twin.roster(Ed25519PrivateKey.generate(), "x1", "a", [TABLET], 9)

    def now(route: Route) -> None:
        if route.request.method != "GET":
            return route.continue_()
        signed = next((body["body"] for path, body in house.sent if path == "/api/rosters"), None)
        known = any(path == "/api/known-keys" for path, _ in house.sent)
        found = desk(ref="k_sam", name="Sam", roster=signed or other, theirs=None)
        mine = {"side": "b", "ref": "k_maya", "name": "Maya", "theirs": signed or other}
        found["people"][0]["contacts"] = [contact(**mine, changed=signed is not None and not known)]
        return route.fulfill(json=found)

    page.route("**/api/rosters", now)
    house.answers["GET /api/decisions"] = []
    page.goto(house.url + "/grown-up/#devices")
    page.get_by_role("button", name="Let this browser sign instead").first.click()
    page.get_by_role("button", name="Let it sign").click()
    expect(page.locator(".saved")).to_be_visible()
    (words,) = sent(house, "/api/known-keys")
    assert (words["contact"], words["side"], words["key"]) == ("x1", "a", words["guardian"])
    page.goto(house.url + "/grown-up/#decide")
    expect(page.locator("h1")).to_have_text("Nothing to decide")


def test_another_familys_new_browser_is_said_yes_to_after_a_question_and_not_by_itself(
    page: Page, house: MadeUp
) -> None:
    house.answers["GET /api/rosters"] = desk(changed=True)
    page.goto(house.url + "/grown-up/#contacts")
    row = page.locator("li", has=page.get_by_role("heading", name="Theo"))
    expect(row).to_contain_text("The grown-up who signs for Theo has a new browser.")
    assert violations(page) == []
    row.get_by_role("button", name="I asked them, it is theirs").click()
    page.get_by_role("button", name="Not yet").click()
    assert sent(house, "/api/known-keys") == []
    page.wait_for_timeout(AGAIN_MS)
    row.get_by_role("button", name="I asked them, it is theirs").click()
    page.get_by_role("button", name="Yes, they told me").click()
    expect(page.locator(".saved")).to_have_text("Saved. Calls with Theo can open again.")
    (words,) = sent(house, "/api/known-keys")
    assert (words["contact"], words["side"], words["key"]) == ("x1", "b", seal_twin.key_of(FEMI))
    assert words["checked"] is False


def test_what_waits_for_a_signature_stands_under_to_decide_and_is_counted_until_it_is_said(
    page: Page, house: MadeUp
) -> None:
    house.answers["GET /api/me"] = {**SAM, "own": "sam", "demo": False}
    house.answers["GET /api/decisions"] = []
    house.answers["GET /api/rosters"] = desk(changed=True)
    page.goto(house.url + "/grown-up/#decide")
    expect(page.locator("h1")).to_have_text("2 things to decide")
    expect(page.locator(".dock .badge")).to_contain_text("2 waiting")
    assert page.locator("section.ask h2").all_inner_texts() == [
        "Calls with Theo wait for you",
        "A device of Maya’s waits for you",
    ]
    assert violations(page) == []
    page.get_by_role("button", name="I asked them, it is theirs").click()
    page.get_by_role("button", name="Yes, they told me").click()
    expect(page.locator(".saved")).to_have_text("Saved. Calls with Theo can open again.")
    assert len(sent(house, "/api/known-keys")) == 1
    house.answers["GET /api/rosters"] = desk()
    page.get_by_role("button", name="Look under Devices").click()
    page.get_by_role("button", name="Sign this device").click()
    expect(page.locator(".saved")).to_be_visible()
    (words,) = sent(house, "/api/rosters")
    assert words["devices"] == [TABLET]
    page.goto(house.url + "/grown-up/#decide")
    expect(page.locator("h1")).to_have_text("Nothing to decide")
    expect(page.locator(".dock .badge")).to_have_count(0)


def test_a_browser_that_does_not_sign_here_does_not_offer_a_yes_that_no_device_would_believe(
    page: Page, house: MadeUp
) -> None:
    other = seal_twin.roster(Ed25519PrivateKey.generate(), "x1", "a", [TABLET], 9)
    house.answers["GET /api/rosters"] = desk(changed=True, roster=other)
    page.goto(house.url + "/grown-up/#contacts")
    row = page.locator("li", has=page.get_by_role("heading", name="Theo"))
    expect(row).to_contain_text("Another browser of your family signs which devices may call.")
    expect(row.get_by_role("button", name="I asked them, it is theirs")).to_have_count(0)
    assert violations(page) == []
