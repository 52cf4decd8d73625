"""The reader of pages and headers finds what leads elsewhere, one of each kind, and takes nothing of one's own for it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from server.api.middleware import headers_for
from server.inspection import foreign
from server.inspection.foreign import PLANTED, PLANTED_HEADERS, in_headers, in_policy, in_text, leads_to
from server.inspection.scenarios import shown
from server.settings import ROOT, Settings

HERE = "https://calls.example/child/app.js"
BOUND = "default-src 'self'; form-action 'self'; base-uri 'none'"
KINDS = {".html": "html", ".js": "js", ".css": "css", ".json": "json", ".svg": "svg"}
WEB = ROOT / "client_web"
FILES = [one for one in WEB.rglob("*") if one.suffix in KINDS and one.name != "tsconfig.json"]


@pytest.mark.parametrize(("kind", "text"), PLANTED)
def test_what_is_planted_in_a_text_is_found(kind: str, text: str) -> None:
    assert in_text(kind, text, HERE)


@pytest.mark.parametrize(("name", "value"), PLANTED_HEADERS)
def test_what_is_planted_in_a_header_is_found_and_without_it_there_is_nothing(name: str, value: str) -> None:
    rest = [("Content-Security-Policy", BOUND), ("Content-Type", "text/html")]
    assert in_headers(rest, HERE) == []
    assert in_headers([(name, value), *rest[name == "Content-Security-Policy" :]], HERE)


def test_the_control_of_the_story_counts_all_of_it() -> None:
    found, of = foreign.finds_what_was_planted()
    assert found == of == len(PLANTED) + len(PLANTED_HEADERS) > 25


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("html", "<a href='https://www.childline.org.uk/'>to be pressed</a>"),
        ("html", "<script type='module' src='/start.js'></script><img src='data:image/png;base64,AA,BB'>"),
        ("html", "<form action='/api/sign-in'></form><link rel='icon' href='/shared/look/mark.svg'>"),
        ("html", "<script src='https://calls.example/start.js'></script>"),
        ("svg", "<svg xmlns='http://www.w3.org/2000/svg'><use href='#one'/></svg>"),
        ("css", "@import url(tokens.css); .a { background: url(patterns/dots.svg) }"),
        ("js", "import { words } from './words.js'; // see RFC 6455\nfetch('/api/me');"),
        ("js", "const half = a / b; // two//three"),
        ("json", '{"call.record": "We do not record. Nobody can press a record button here."}'),
    ],
)
def test_what_is_ones_own_or_has_to_be_pressed_is_not_taken_for_it(kind: str, text: str) -> None:
    assert in_text(kind, text, HERE) == []


def test_no_file_of_ours_leads_elsewhere() -> None:
    assert len(FILES) > 100
    for file in FILES:
        address = f"https://calls.example/{file.relative_to(WEB)}"
        assert in_text(KINDS[file.suffix], file.read_text("utf-8"), address) == [], file


def test_the_policy_of_our_pages_lets_nobody_else_in_and_each_directive_is_needed() -> None:
    told = headers_for(Settings(origin=("https://calls.example",)), "calls.example")
    assert in_headers(told.items(), HERE) == []
    policy = told["Content-Security-Policy"]
    assert in_policy([], HERE)
    assert in_policy(["default-src *", policy], HERE) == [], "of two, both bind"
    for directive in ("form-action", "base-uri"):
        assert in_policy(["; ".join(one for one in policy.split("; ") if not one.startswith(directive))], HERE)
    for load in ("img-src", "connect-src", "worker-src"):
        assert in_policy([f"{BOUND}; {load} https://data.example"], HERE)
        assert in_policy([f"{BOUND}; {load} 'self' {load}.data.example *"], HERE)
    assert in_policy([f"{BOUND}; connect-src 'self' wss://calls.example"], HERE) == []


def test_a_page_leads_to_the_files_of_its_own_host_that_it_names() -> None:
    page = "<link href='/shared/look.css'><script src='app.js'></script><img src='https://ads.example/a.png'>"
    assert leads_to("html", page, "https://calls.example/child/") == {
        "https://calls.example/shared/look.css",
        "https://calls.example/child/app.js",
    }
    script = "import '../shared/api.js'; const w = new URL(\"./worker.js\", import.meta.url);"
    assert leads_to("js", script, HERE) == {
        "https://calls.example/shared/api.js",
        "https://calls.example/child/worker.js",
    }
    assert leads_to("js", "import './more.mjs'; import './other.js?v=1';", HERE) == {
        "https://calls.example/child/more.mjs",
        "https://calls.example/child/other.js?v=1",
    }
    inner = "<iframe srcdoc=\"<script src='/in.js'></script>\"></iframe>"
    assert leads_to("html", inner, HERE) == {"https://calls.example/in.js"}
    assert leads_to("css", "@import url(tokens.css);", HERE) == {"https://calls.example/child/tokens.css"}


class Served:
    """Two pages and a script that imports another. ``shut``: the page that does not open."""

    base = "https://calls.example"

    def __init__(self, shut: str = "") -> None:
        self.shut, self.asked = shut, list[str]()

    async def call(self, _: str, path: str) -> Any:
        self.asked.append(path)
        kind, body = {
            "/child/app.js": ("text/javascript; charset=utf-8", b"import './more.js';"),
            "/child/more.js": ("text/javascript; charset=utf-8", b"const where = 'nowhere.json';"),
            "/child/nowhere.json": ("application/problem+json", b"{}"),
        }.get(path, ("text/html", b"<script src='/child/app.js'></script>"))
        gone = path in (self.shut, "/child/nowhere.json")
        return SimpleNamespace(status=404 if gone else 200, body=body, headers={"Content-Type": kind})


async def test_every_file_that_is_named_is_read_once_and_a_page_that_does_not_open_shows_nothing() -> None:
    there: Any = Served()
    found = await shown._crawl(there)
    assert {one.removeprefix(there.base) for one in found} == {
        *shown.PAGES,
        *shown.WORDS,
        "/child/app.js",
        "/child/more.js",
    }
    assert len(there.asked) == len(set(there.asked))
    shut: Any = Served("/child/")
    with pytest.raises(shown.CouldNotSee, match="did not open"):
        await shown._crawl(shut)


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        ("text/html; charset=utf-8", "html"),
        ("Text/HTML ; charset=utf-8", "html"),
        ("application/xhtml+xml", "html"),
        ("text/javascript", "js"),
        ("application/ecmascript", "js"),
        ("text/plain", "js"),
        ("", "js"),
        ("image/svg+xml", "svg"),
        ("image/png", ""),
    ],
)
def test_whatever_a_browser_might_run_or_show_is_read_however_it_is_served(told: str, kind: str) -> None:
    answer: Any = SimpleNamespace(headers={"Content-Type": told})
    assert shown._kind(answer) == kind
