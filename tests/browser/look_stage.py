"""A stage for the look: the pages as they are shipped, a made-up family behind ``/api``, and a fake server on the socket.

Only files are served for real, with the same content policy as in production, so that a stray inline style fails here too.
Used by the ``test_look_*`` tests, and by hand to look at the pages::

    python tests/browser/look_stage.py OUT_FOLDER
"""

# ruff: noqa: E501 -- scripts for the page and calls with many plain facts read better on one line
from __future__ import annotations

import contextlib
import http.server
import json
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from bare_window import BARE
from playwright.sync_api import Browser, Page, Route, WebSocketRoute, sync_playwright

from server.support import supports

CLIENT = Path(__file__).parents[2] / "client_web"
POLICY = (
    "default-src 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'; form-action 'self'; "
    "require-trusted-types-for 'script'; trusted-types ringfence ringfence-seal; worker-src 'self'"
)
FLAGS = ["--no-sandbox", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream", "--disable-quic",
         "--disable-background-networking", "--disable-component-update", "--disable-sync", BARE]  # fmt: skip

DRAWN = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"

#: A voice of this device, so that the read-aloud button is there to be seen (headless Chromium has none).
VOICE = "speechSynthesis.getVoices = () => [{localService: true, lang: 'en-GB', name: 'Own'}];"


def person(ref: str, name: str, avatar: int, ground: int, **more: Any) -> dict[str, Any]:
    yeses = [
        {"who": "me", "name": "Maya", "avatar": 8, "ground": 6, "on": "2026-11-20"},
        {"who": "them", "name": name, "avatar": avatar, "ground": ground, "on": "2026-11-20"},
        {"who": "their_grown_up", "name": "Femi", "avatar": 6, "ground": 3, "on": "2026-11-21"},
        {"who": "my_grown_up", "name": "Dad", "avatar": 9, "ground": 3, "on": "2026-11-21"},
    ]
    return {"ref": ref, "name": name, "avatar": avatar, "ground": ground, "voice": True, "video": True, "adult": False,
            "until": "2027-11-21", "yeses": yeses, "own": False, "watch": "free", "watched": False, "asked": False, **more}  # fmt: skip


PEOPLE = [
    person("k_gran0000", "Gran", 16, 2, adult=True),
    person("k_theo0000", "Theo", 2, 7),
    person("k_bea00000", "Auntie Bea", 3, 4),
    person("k_dad00000", "Dad", 9, 3, adult=True, own=True),
    person("k_ines0000", "Cousin Ines", 21, 5),
    person("k_samk0000", "Sam K", 11, 8),
]
PRESENCE = [("k_gran0000", "here"), ("k_theo0000", "here"), ("k_bea00000", "busy"), ("k_dad00000", "here"),
            ("k_ines0000", "away"), ("k_samk0000", "away")]  # fmt: skip
ASK = {"id": "a1", "name": "Jo", "avatar": 12, "ground": 1, "group": "9-12", "waiting_for_me": True,
       "waiting_for": ["me", "my_grown_up", "their_grown_up"], "opened_by": "code"}  # fmt: skip
ME = {"kind": "child", "name": "Maya", "avatar": 8, "ground": 6, "group": "9-12", "demo": False, "household": True}
WORDS = ["pear", "kettle", "boat", "moon"]
#: 20 November 2026, 7 in the morning in London: when quiet time ends in these pictures.
SEVEN = 1_795_158_000_000
LIMITS: dict[str, Any] = {
    "quiet": {"from": "19:30", "until": "07:00"}, "minutes": 60, "used_today": 20, "quiet_now": False, "opens_at": None,
    "stage": {"on": False, "allowed": False}, "reach": "approve", "may_lead": False, "leads_since": None, "objected_at": None,
    "set_at": SEVEN, "suggested": {"quiet": {"from": "19:30", "until": "07:00"}, "minutes": 60}, "time_zone": "Europe/London",
}  # fmt: skip
#: What a child can point at, what they told us before, and who helps in Britain.
TO_TELL: dict[str, Any] = {
    "calls": [
        {"call": "c_thecallthecall", "with": [{"ref": "k_theo0000", "name": "Theo", "avatar": 2, "ground": 7}], "at": SEVEN - 7_200_000},
        {"call": "c_thecallbefore0", "with": [{"ref": "k_gran0000", "name": "Gran", "avatar": 16, "ground": 2}], "at": SEVEN - 86_400_000},
    ],
    "people": [{key: one[key] for key in ("ref", "name", "avatar", "ground")} for one in PEOPLE],
    "reports": [],
    "time_zone": "Europe/London",
    "support": [
        {"kind": one.kind, "name": one.name, "says": one.says, "tel": one.tel, "url": one.url} for one in supports().of("GB")
    ],
}  # fmt: skip
TOLD = {"id": "r_1", "about": "Theo", "at": SEVEN, "look_by": SEVEN + 48 * 3_600_000, "state": "open"}
BLOCKED = [{"ref": "k_rude0000", "name": "Rudi", "avatar": 20, "ground": 5, "at": SEVEN}]


def square(size: int = 29) -> dict[str, Any]:
    """Something that looks like a QR code; no phone will read it."""
    rows = [["1" if (x * y + x * 3 + y * 5) % 7 < 3 else "0" for x in range(size)] for y in range(size)]
    for left, top in ((0, 0), (size - 7, 0), (0, size - 7)):
        for y in range(7):
            for x in range(7):
                edge = x in (0, 6) or y in (0, 6) or (2 <= x <= 4 and 2 <= y <= 4)
                rows[top + y][left + x] = "1" if edge else "0"
    return {"size": size, "rows": ["".join(row) for row in rows]}


class _Files(http.server.SimpleHTTPRequestHandler):
    extensions_map = {  # noqa: RUF012 -- the base class's own way
        **http.server.SimpleHTTPRequestHandler.extensions_map,
        ".js": "text/javascript",
        ".svg": "image/svg+xml",
    }

    def translate_path(self, path: str) -> str:
        return super().translate_path(path.replace("/grown-up/", "/grown_up/", 1))

    def end_headers(self) -> None:
        self.send_header("content-security-policy", POLICY)
        self.send_header("cache-control", "no-store")
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextlib.contextmanager
def files() -> Iterator[str]:
    """Serve ``client_web`` on a free port; yields the origin."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(_Files, directory=str(CLIENT)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://localhost:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as play:
        found = Path("/usr/bin/chromium")
        browser = play.chromium.launch(executable_path=str(found) if found.exists() else None, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


class Stage:
    """One page with a made-up server behind it. ``home`` may be changed before ``open``; ``say`` speaks as the server."""

    def __init__(
        self, browser: Browser, origin: str, *, group: str = "9-12", signed_in: bool = True, **context: Any
    ) -> None:
        self.origin = origin
        self.me = {**ME, "group": group}
        self.home: dict[str, Any] = {
            "me": self.me,
            "people": PEOPLE,
            "asks": [],
            "grown_ups": [{"name": "Dad"}],
            "limits": LIMITS,
        }
        self.signed_in = signed_in
        self.posted: list[tuple[str, Any]] = []
        self.heard: list[dict[str, Any]] = []
        self.faults: list[str] = []
        self.refuse: dict[str, tuple[int, str]] = {}
        self._socket: WebSocketRoute | None = None
        self._seq = 0
        self.context = browser.new_context(permissions=["camera", "microphone"], **context)
        self.context.add_init_script(VOICE)
        self.page: Page = self.context.new_page()
        self.page.on("pageerror", lambda fault: self.faults.append(str(fault)))
        self.page.on(
            "console",
            lambda line: (
                self.faults.append(line.text)
                if line.type == "error" and "401" not in line.text and "404" not in line.text
                else None
            ),
        )
        self.page.route("**/api/**", self._answer)
        self.page.route_web_socket("**/ws", self._wire)

    def _answer(self, route: Route) -> None:
        path = "/" + route.request.url.split("/", 3)[3]
        if route.request.method == "POST":
            self.posted.append((path, json.loads(route.request.post_data or "{}")))
        answers: dict[str, Any] = {
            "/api/me": {"me": self.me},
            "/api/child/home": self.home,
            "/api/ws-ticket": {"ticket": "t" * 20, "expires_in_s": 30},
            "/api/child/friend-code": {"words": WORDS, "expires_in_s": 480},
            "/api/pairings": {"words": WORDS, "qr": square(), "url": "http://localhost/", "expires_in_s": 600},
            "/api/child/blocks": BLOCKED,
            "/api/child/reports": TO_TELL if route.request.method == "GET" else TOLD,
            "/api/pairings/mine": {"state": "waiting"},
            "/api/words": {"words": [*WORDS, "peach", "pepper", "penny"]},
        }
        if path in self.refuse:
            status, code = self.refuse[path]
            route.fulfill(
                status=status,
                content_type="application/problem+json",
                body=json.dumps({"code": code, "status": status}),
            )
        elif not self.signed_in and path in ("/api/me", "/api/child/home"):
            route.fulfill(status=401, content_type="application/problem+json", body='{"code":"not_signed_in"}')
        else:
            route.fulfill(status=200, content_type="application/json", body=json.dumps(answers.get(path, {})))

    def _wire(self, socket: WebSocketRoute) -> None:
        self._socket = socket
        socket.on_message(self._hear)

    def _hear(self, frame: str | bytes) -> None:
        message = json.loads(frame)
        self.heard.append(message)
        match message["t"]:
            case "hello":
                self.say(t="welcome", session="s" * 20, resume_token="r" * 20)
                self.say(t="presence", people=[{"ref": ref, "status": status} for ref, status in PRESENCE])
            case "resume":
                self._socket.send(
                    '{"t":"resumed","resume_token":"' + "q" * 20 + '","replayed":1}'
                ) if self._socket else None
            case "call.invite":
                self.say(t="ok", re=message["id"], call="c_00000001")
                self.state("ringing", "k_gran0000" if not message["to"] else message["to"][0])
            case "bye":
                pass
            case _:
                self.say(t="ok", re=message["id"])

    def say(self, **message: Any) -> None:
        """Speak as the server, once the page has said hello."""
        for _ in range(600):
            if self._socket is not None and self.heard:
                break
            self.page.wait_for_timeout(50)
        assert self._socket is not None, "the page never opened its socket"
        self._seq += 1
        self._socket.send(json.dumps({**message, "seq": self._seq}))

    def repeat(self, seq: int, **message: Any) -> None:
        """A frame with a number of its own choosing, as a replay has."""
        assert self._socket is not None
        self._socket.send(json.dumps({**message, "seq": seq}))

    def drop(self, code: int = 3000) -> None:
        """Lose the socket."""
        assert self._socket is not None
        self._socket.close(code=code)

    def ring(self, caller: str = "k_gran0000") -> None:
        self.say(
            t="call.incoming",
            call="c_00000001",
            nonce="n" * 20,
            caller=caller,
            others=[],
            media="video",
            expires_in_ms=45000,
        )

    def state(
        self, state: str, ref: str, *, seen: bool = False, heard: bool = False, leg: str = "", video: bool = False
    ) -> None:
        """``call.state`` of a call with one other person."""
        self.say(
            t="call.state", call="c_00000001", state=state, media="video",
            me={"ref": "k_me000000", "state": "connected" if state == "active" else "connecting", "audio": True, "video": seen, "index": 1, "sealed": True},
            legs=[{"ref": ref, "state": leg or ("connected" if state == "active" else "invited"), "audio": True, "video": video, "index": 0, "sealed": True}],
            seen_by=[ref] if seen else [], heard_by=[ref] if heard else [], may_show=True, epoch=self._seq,
        )  # fmt: skip

    def group(self, *refs: str, video: tuple[str, ...] = (), seen: tuple[str, ...] = ()) -> None:
        """``call.state`` of a call with several others, all of whom are in it."""
        self.say(
            t="call.state", call="c_00000001", state="active", media="video",
            me={"ref": "", "state": "connected", "audio": True, "video": bool(seen), "index": 1, "sealed": True},
            legs=[{"ref": ref, "state": "connected", "audio": True, "video": ref in video, "index": n, "sealed": True} for n, ref in enumerate(refs, 2)],
            seen_by=list(seen), heard_by=list(refs), may_show=True, epoch=self._seq,
        )  # fmt: skip

    def open(self, path: str = "/child/", ready: str = "h1") -> Page:
        self.page.goto(self.origin + path)
        self.page.wait_for_selector(ready)
        return self.page

    def go(self, address: str) -> Page:
        """Another page of the child's app."""
        self.page.evaluate("a => { location.hash = a }", address)
        self.page.wait_for_timeout(120)
        self.page.evaluate(DRAWN)  # on a busy machine that takes longer
        return self.page

    def close(self) -> None:
        self.context.close()


def until(page: Page, truth: str) -> None:
    """Wait until an expression is true. Playwright's own waiting needs eval in the page, which the content policy refuses."""
    for _ in range(600):
        if page.evaluate(truth):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"never became true: {truth}")


#: A drawn person for the other side, so that the call can be looked at without a second browser.
PORTRAIT = """ref => {
  const c = document.createElement('canvas'); c.width = 640; c.height = 480;
  const g = c.getContext('2d');
  const draw = () => { g.fillStyle = '#D8C6A8'; g.fillRect(0, 0, 640, 480); g.fillStyle = '#4E6E94';
    g.beginPath(); g.ellipse(320, 480, 210, 160, 0, 0, 7); g.fill(); g.fillStyle = '#D3976B';
    g.beginPath(); g.ellipse(320, 240, 92, 112, 0, 0, 7); g.fill(); g.fillStyle = '#ECEAE6';
    g.beginPath(); g.ellipse(320, 160, 104, 66, 0, 3.14, 6.28); g.fill(); };
  draw(); setInterval(draw, 200);
  const video = c.captureStream(5).getVideoTracks()[0];
  const audio = new MediaStreamAudioDestinationNode(new AudioContext()).stream.getAudioTracks()[0];
  const screen = document.querySelector('rf-in-call');
  screen.telephone.tracks.set(ref, {audio, video});
  screen.telephone.onchange();
}"""


def shots(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with files() as origin, chromium() as browser:
        for scheme in ("light", "dark"):
            for width, height in ((390, 844), (1280, 800), (320, 640)):
                if (width, scheme) == (320, "dark"):
                    continue
                make = partial(Stage, browser, origin, viewport={"width": width, "height": height}, color_scheme=scheme)
                tag = f"{width}-{scheme}.png"

                def shoot(stage: Stage, name: str, tag: str = tag) -> None:
                    stage.page.wait_for_timeout(500)
                    stage.page.screenshot(path=folder / f"{name}-{tag}")

                stage = make()
                stage.open(ready=".chip")
                shoot(stage, "home")
                for address, name in (("#/add", "add"), ("#/code", "code"), ("#/enter", "enter"), ("#/yeses", "yeses"), ("#/me", "me"),
                                      ("#/picture", "picture"), ("#/sees", "sees"), ("#/call/k_gran0000", "look"), ("#/call/k_bea00000", "busy")):  # fmt: skip
                    stage.go(address)
                    shoot(stage, name)
                stage.go("#/")
                stage.page.click(".dock .help")
                shoot(stage, "help-home")
                stage.page.click("text=Go back")
                stage.ring()
                shoot(stage, "ring")
                stage.page.click("[data-do=answer]")
                stage.state("active", "k_gran0000", heard=True)
                shoot(stage, "call-curtain")
                stage.state("active", "k_gran0000", heard=True, seen=True, video=True)
                stage.page.evaluate(PORTRAIT, "k_gran0000")
                stage.page.click(".dock [data-do=camera]")
                stage.state("active", "k_gran0000", heard=True, seen=True, video=True)
                shoot(stage, "call")
                stage.page.click(".dock [data-do=help]")
                shoot(stage, "help-call")
                stage.page.click("text=Go back")
                stage.say(t="call.ended", call="c_00000001", code="policy_revoked")
                shoot(stage, "ended-rule")
                print(tag, stage.faults)  # noqa: T201 -- a person is reading this
                stage.close()
                stage = make()
                stage.home = {**stage.home, "people": [], "asks": [ASK]}
                stage.open()
                shoot(stage, "empty")
                stage.go("#/ask/a1")
                shoot(stage, "ask")
                stage.close()
                stage = make(signed_in=False)
                stage.open(ready=".qr")
                shoot(stage, "pair")
                stage.close()
                stage = make(group="13-15")
                stage.open(ready=".chip")
                shoot(stage, "teen")
                stage.close()


if __name__ == "__main__":
    shots(Path(sys.argv[1]))
