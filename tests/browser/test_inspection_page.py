"""The report of an inspection, as somebody reads it: axe finds nothing, it asks nobody for anything, and it fits a telephone and paper.

By hand, for the pictures in the docs: ``python -m tests.browser.test_inspection_page OUT_FOLDER``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.resources import files as inside
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from server.inspection import document, page
from server.inspection.findings import Inspection
from tests.browser.look_stage import chromium
from tests.inspections import NASTY, honest, hostile

pytestmark = pytest.mark.browser

AXE = (inside("axe_playwright_python") / "axe.min.js").read_text("utf-8")
RUN = """async () => (await axe.run(document, {resultTypes: ['violations'],
  runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']}))
  .violations.map(found => [found.id, ...found.nodes.slice(0, 3).map(node => node.html.slice(0, 160))])"""
#: Wider than the window; axe does not see it.
WIDE = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


def opened(browser: Browser, inspection: Inspection, folder: Path, **look: Any) -> tuple[Page, list[str]]:
    """The page from its file, and everything that it asked for or complained of."""
    file = folder / "report.html"
    file.write_text(
        page.rendered(document.document(inspection, signed_by="ringfence-inspector+1a2b3c4d+AbCd")), "utf-8"
    )
    tab = browser.new_page(**look)
    heard: list[str] = []
    tab.on("request", lambda asked: heard.append(asked.url))
    tab.on("console", lambda said: heard.append(said.text))
    tab.on("pageerror", lambda fault: heard.append(str(fault)))
    tab.goto(file.as_uri())
    return tab, [one for one in heard if one not in (file.as_uri(), "data:,")]


@pytest.mark.parametrize(
    ("scheme", "width", "media"), [("light", 320, "screen"), ("dark", 1280, "screen"), ("light", 794, "print")]
)
def test_axe_finds_nothing_and_nothing_is_wider_than_the_page(
    browser: Browser, tmp_path: Path, scheme: Any, width: int, media: Any
) -> None:
    tab, heard = opened(browser, honest(), tmp_path, viewport={"width": width, "height": 800}, color_scheme=scheme)
    tab.emulate_media(media=media, color_scheme=scheme)
    assert heard == []
    assert tab.evaluate(WIDE) <= 0
    assert "Proven" in tab.inner_text(".means")
    stories = set(tab.locator(".finding > .said .chip").all_inner_texts())
    assert stories <= {
        *document.STORY.values(),
        "No such thing here",
    }  # "A stranger rings: proven" would be read the other way round
    assert document.STORY["proven"] in stories
    outside = browser.new_page(bypass_csp=True, viewport={"width": width, "height": 800}, color_scheme=scheme)
    outside.goto(tab.url)  # axe is put in from outside, which the page's own policy would not let
    outside.emulate_media(media=media, color_scheme=scheme)
    outside.evaluate(AXE)
    assert outside.evaluate(RUN) == []
    outside.close()
    tab.close()


def test_what_a_hostile_platform_said_runs_nowhere_asks_nobody_and_fits_the_page(
    browser: Browser, tmp_path: Path
) -> None:
    for text in (
        NASTY[0],
        NASTY[1],
        NASTY[2],
        NASTY[5],
    ):  # a script, turned lines, one long word, a way out of an attribute
        tab, heard = opened(browser, hostile(text), tmp_path, viewport={"width": 320, "height": 800})
        assert heard == []
        assert tab.title().startswith("Inspection of ")
        assert tab.evaluate(WIDE) <= 0
        tab.close()


def test_the_page_s_policy_lets_no_script_run_that_slipped_through(browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "slipped.html"
    whole = page.rendered(document.document(honest(), signed_by=""))
    file.write_text(whole.replace("</body>", "<script>document.title = 'owned'</script></body>"), "utf-8")
    tab = browser.new_page()
    tab.goto(file.as_uri())
    assert tab.title() == "Inspection of Ringfence 0.1.0"
    tab.close()


def pictures(out: Path) -> None:
    """The kept pictures: wide, telephone and print, of the made-up inspection."""
    with chromium() as browser:
        for name, width, height, media, scheme in (
            ("inspection-report", 1040, 1000, "screen", "light"),
            ("inspection-report-dark", 1040, 1000, "screen", "dark"),
            ("inspection-report-phone", 390, 844, "screen", "light"),
            ("inspection-report-print", 794, 1123, "print", "light"),
        ):
            look = {"viewport": {"width": width, "height": height}, "color_scheme": scheme}
            tab, _ = opened(browser, honest(), out, **look)
            tab.emulate_media(media=media, color_scheme=scheme)  # type: ignore[arg-type]
            tab.screenshot(path=out / f"{name}.png")
            tab.screenshot(path=out / f"{name}-whole.png", full_page=True)
            tab.close()


if __name__ == "__main__":
    pictures(Path(sys.argv[1]))
