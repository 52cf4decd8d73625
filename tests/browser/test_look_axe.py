"""axe-core finds nothing on any screen: the child's pages and calls, the grown-up's, the start page; light and dark, narrow and wide.

It tells what a machine can tell of WCAG 2.2 A and AA and of best practice; words over a picture it cannot judge, for those there is
``test_look_contrast.py``.
Its script is put in by the test and is never served.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files as inside
from typing import Any

import pytest
from look_stage import ASK, LIMITS, PEOPLE, PORTRAIT, SEVEN, Stage, chromium, files, until
from playwright.sync_api import Browser, Page

from tests.browser.grown_up_pages import CONSENT, HOUSEHOLD, MAYA, SAM, made_up
from tests.browser.test_grown_up_look import CROWDED, SIGNED_OUT, open_page
from tests.browser.test_grown_up_look import PAGES as GROWN_UP
from tests.browser.test_look_pages import PAGES as CHILD

pytestmark = pytest.mark.browser

AXE = (inside("axe_playwright_python") / "axe.min.js").read_text("utf-8")
AWAKE = "() => 'axe' in window"  # half a megabyte is read once for each page, not for each look at it
RUN = """async () => (await axe.run(document, {resultTypes: ['violations'],
  runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']}))
  .violations.map(found => [found.id, ...found.nodes.slice(0, 3).map(node => node.html.slice(0, 160))])"""
FAMILY = {"me": SAM, "decisions": 0, "household": HOUSEHOLD}
LED = {"GET /api/family": {**FAMILY, "children": [{**MAYA, **CONSENT, "group": "16-17", "reach": "teen_led"}]}}
OLDER = {"GET /api/family": {**FAMILY, "children": [{**MAYA, **CONSENT, "group": "13-15", "reach": "discuss"}]}}
LOOKS = [("light", 320, 568), pytest.param("dark", 1280, 800, marks=pytest.mark.slow)]  # the other one: make witness
GRAN = "k_gran0000"


@pytest.fixture(scope="module")
def origin() -> Iterator[str]:
    with files() as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


def look(scheme: str, width: int, height: int) -> dict[str, Any]:
    return {
        "viewport": {"width": width, "height": height},
        "color_scheme": scheme,
        "reduced_motion": "reduce",
    }


#: A sentence that was drawn without what belongs into it: "{name} sees these times."
UNFILLED = r"() => document.body.innerText.match(/\{[a-z]+\}/g) ?? []"


def violations(page: Page) -> Any:
    if not page.evaluate(AWAKE):
        page.evaluate(AXE)
    return [*page.evaluate(RUN), *(["words-not-filled", word] for word in page.evaluate(UNFILLED))]


def test_axe_is_awake(browser: Browser) -> None:
    page = browser.new_page()
    page.set_content("<html><body><img src=''><button></button>Hi {name}</body></html>")
    assert {"image-alt", "button-name", "document-title", "words-not-filled"} <= {
        found[0] for found in violations(page)
    }
    page.close()


@pytest.mark.parametrize(("scheme", "width", "height"), LOOKS)
@pytest.mark.parametrize("group", ["9-12", pytest.param("13-15", marks=pytest.mark.slow)])
def test_no_page_of_the_child_has_a_fault(
    browser: Browser, origin: str, group: str, scheme: str, width: int, height: int
) -> None:
    stage = Stage(browser, origin, group=group, **look(scheme, width, height))
    stage.home = {**stage.home, "asks": [ASK]}
    page = stage.open(ready=".chip")
    found = {address: violations(stage.go(address)) for address in CHILD}
    page.click("[data-do=help]")
    page.wait_for_timeout(150)
    found["help"] = violations(page)
    stage.close()
    assert {where: faults for where, faults in found.items() if faults} == {}


@pytest.mark.parametrize(("scheme", "width", "height"), LOOKS)
def test_no_moment_of_a_call_has_a_fault(browser: Browser, origin: str, scheme: str, width: int, height: int) -> None:
    stage = Stage(browser, origin, **look(scheme, width, height))
    page = stage.open(ready=".chip")
    found = {}
    stage.ring()
    page.wait_for_selector("rf-ringing")
    found["ringing"] = violations(page)
    page.click("[data-do=answer]")
    stage.state("active", GRAN, heard=True, video=True)
    page.wait_for_selector("text=Only Gran can hear you.")
    page.evaluate(PORTRAIT, GRAN)
    until(page, "document.querySelector('rf-picture video').videoWidth > 0")
    found["curtain shut"] = violations(page)
    page.click(".dock [data-do=camera]")
    stage.state("active", GRAN, heard=True, seen=True, video=True)
    page.wait_for_selector("rf-seen-by >> text=Only Gran can see and hear you.")
    found["seen"] = violations(page)
    stage.group(GRAN, "k_theo0000", "k_dad00000", video=(GRAN,), seen=(GRAN, "k_theo0000"))
    page.wait_for_selector("text=2 people can see you.")
    found["four"] = violations(page)
    stage.say(t="call.ended", call="c_00000001", code="policy_revoked")
    page.wait_for_selector("rf-ended")
    found["ended"] = violations(page)
    stage.close()
    assert {moment: faults for moment, faults in found.items() if faults} == {}


@pytest.mark.parametrize(("scheme", "width", "height"), LOOKS)
@pytest.mark.parametrize("group", ["9-12", pytest.param("16-17", marks=pytest.mark.slow)])
def test_no_moment_of_quiet_time_asking_first_leading_or_blocking_has_a_fault(
    browser: Browser, origin: str, group: str, scheme: str, width: int, height: int
) -> None:
    """What depends on the hour, on a grown-up's answer or on the age: the pages of the list above show it only when it is so."""
    stage = Stage(browser, origin, group=group, **look(scheme, width, height))
    page = stage.open(ready=".chip")
    found = {}

    def now(what: str, address: str, ready: str, watch: dict[str, Any] | None = None, **limits: Any) -> None:
        people = [{**one, **(watch or {})} if one["ref"] == GRAN else one for one in PEOPLE]
        stage.home = {**stage.home, "people": people, "limits": {**LIMITS, **limits}}
        stage.say(t="changed", what=["people"])
        stage.go(address)
        page.wait_for_selector(ready)
        found[what] = violations(page)

    stage_allowed = {"on": False, "allowed": True}
    now("quiet time", "#/", ".opens", quiet_now=True, opens_at=SEVEN)
    now("times at night", "#/times", "rf-my-times .value", quiet_now=True, opens_at=SEVEN, objected_at=SEVEN)
    now("used up", "#/", ".fence", used_today=60)
    now("may lead", "#/lead", ".means", may_lead=True, stage=stage_allowed)
    leads = {"may_lead": True, "reach": "teen_led", "leads_since": SEVEN, "stage": stage_allowed}
    now("leads", "#/times", "#from", **leads)
    page.fill("#until", "")
    page.click("[data-do=save]")
    page.wait_for_selector(".error-summary")
    found["a mistake"] = violations(page)
    now("gives back", "#/lead", "rf-lead [data-do=back]", **leads)
    address = f"#/call/{GRAN}"
    now("ask first", address, "[data-do=ask]", {"watch": "ask"})
    now("asked", address, ".post.waits", {"watch": "ask", "asked": True})
    now("not this time", address, "[data-do=ask]", {"watch": "ask"})
    now("a yes", address, "rf-look-at-myself .plate-line", {"watch": "present", "watched": True})
    now("rung", "#/", ".fence", {"watch": "present"})
    stage.ring()
    page.wait_for_selector("rf-ringing [data-do=ask]")
    found["rung"] = violations(page)
    page.click("[data-do=not-now]")
    stage.go(f"#/block/{GRAN}")
    page.click("rf-block [data-do=yes]")
    page.wait_for_selector("rf-block .middle")
    found["blocked"] = violations(page)
    stage.close()
    assert {moment: faults for moment, faults in found.items() if faults} == {}


@pytest.mark.parametrize(("scheme", "width", "height"), LOOKS)
def test_no_page_of_the_grown_up_has_a_fault(browser: Browser, scheme: str, width: int, height: int) -> None:
    found = {}
    for name, answers, pages in (
        ("crowded", CROWDED, [f"/grown-up/#{where}" for where in GROWN_UP]),
        ("led by the child", LED, ["/grown-up/#times", "/grown-up/#contacts", "/grown-up/#history"]),
        ("older child", OLDER, ["/grown-up/#watch/g_theo"]),
        ("signed out", SIGNED_OUT, ["/", "/grown-up/", "/grown-up/#sign-up"]),
    ):
        with made_up() as house:
            house.answers.update(answers)
            context = browser.new_context(locale="en-GB", **look(scheme, width, height))
            page = context.new_page()
            for where in pages:
                open_page(page, house, where)
                if faults := violations(page):
                    found[f"{name} {where}"] = faults
            context.close()
    assert found == {}
