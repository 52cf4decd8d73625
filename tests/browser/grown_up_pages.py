"""The grown-up's pages on a server of made-up answers: for the tests of their look, and for looking at them.

Files are served as the real server serves them (same addresses, same content policy). The API is a dictionary from a request to its
answer; what the page sends is written down, so that a test can read it. There is no socket for calls: the page then fetches again
every few seconds, which is one of the things it promises.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

CLIENT = Path(__file__).parents[2] / "client_web"
POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self'; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; require-trusted-types-for 'script'; trusted-types ringfence ringfence-seal; worker-src 'self'"
)
KINDS = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}


def person(name: str, avatar: int, ground: int, **more: Any) -> dict[str, Any]:
    return {"name": name, "avatar": avatar, "ground": ground, **more}


MAYA = person("Maya", 8, 6, id="ch_maya", group="9-12")
NOA = person("Noa", 3, 7, id="ch_noa", group="5-8")
CONSENT = {
    "consent": {"given_on": "2026-11-01", "version": "2026-11", "withdrawn": False},
    "reach": "approve",
    "objected": False,
}
HOUSEHOLD = {"country": "GB", "time_zone": "Europe/London"}
SAM = person("Sam", 9, 3, kind="guardian", group="adult", demo=True, household=True)
GRAN = person("Gran", 16, 2, kind="trusted_adult", group="adult", demo=True, household=False)

THEO_ASKS = {
    "id": "d_theo",
    "child": person("Maya", 8, 6, id="ch_maya"),
    "other": person("Theo", 2, 7, group="9-12", adult=False, looked_after_by="Femi Adeyemi", families=0),
    "yeses": [
        person("Maya", 8, 6, slot="child", answer="yes"),
        person("Theo", 2, 7, slot="other", answer="yes"),
        person("Femi", 6, 3, slot="their_grown_up", answer="yes"),
        person("Sam", 9, 3, slot="you", answer="not_yet"),
    ],
    "child_says": "class",
    "other_says": "class",
    "opened_by": "code",
    "opened_at": datetime.now(UTC).replace(hour=15, minute=10).isoformat(),
    "mine": "guardian",
}
WILHELMINA_ASKS = {
    **THEO_ASKS,
    "id": "d_mina",
    "other": person("Great-Auntie Wilhelmina", 3, 4, group="adult", adult=True, looked_after_by=None, families=2),
    "yeses": [
        person("Maya", 8, 6, slot="child", answer="voice"),
        person("Great-Auntie Wilhelmina", 3, 4, slot="other", answer="not_yet"),
        person("Sam", 9, 3, slot="you", answer="not_yet"),
    ],
    "opened_by": "link",
    "other_says": None,
    "child_says": "family",
}


def contact(ref: str, name: str, avatar: int, ground: int, **more: Any) -> dict[str, Any]:
    return {
        **person(name, avatar, ground, ref=ref, group="9-12", looked_after_by="Femi Adeyemi", voice=True, video=True),
        "voice_allowed_by_others": True,
        "video_allowed_by_others": True,
        "until": "2027-11-22",
        "state": "approved",
        "supervision": "free",
        "grown_up": False,
        "own": False,
        "myself": False,
        "vouched": False,
        "present_until": None,
        "paused": None,
        **more,
    }


CONTACTS = [
    contact("g_gran", "Gran", 16, 2, group="adult", looked_after_by=None, grown_up=True, vouched=True),
    contact("g_theo", "Theo", 2, 7, video_allowed_by_others=False, supervision="ask"),
    contact(
        "g_mina",
        "Great-Auntie Wilhelmina",
        3,
        4,
        group="adult",
        looked_after_by=None,
        video=False,
        grown_up=True,
        supervision="present",
        paused="assurance",
    ),
    contact("g_ines", "Cousin Ines", 21, 5, state="asked"),
]
today = date.today()


def call_on(days: int, hour: int, names: list[str], minutes: int) -> dict[str, Any]:
    at = datetime.combine(today - timedelta(days=days), datetime.min.time()).replace(hour=hour, minute=42)
    return {"with": names, "started_at": at.isoformat(), "minutes": minutes}


#: 20 November 2026, 7 in the morning in London.
SEVEN = 1_795_158_000_000
LIMITS: dict[str, Any] = {
    "quiet": {"from": "19:30", "until": "07:00"},
    "minutes": 60,
    "used_today": 20,
    "quiet_now": False,
    "opens_at": None,
    "stage": {"on": False, "allowed": False},
    "reach": "approve",
    "may_lead": False,
    "leads_since": None,
    "objected_at": None,
    "set_at": SEVEN,
    "suggested": {"quiet": {"from": "19:30", "until": "07:00"}, "minutes": 60},
    "time_zone": "Europe/London",
}
THEO_WAITS = {
    "id": "w_theo",
    "child": {"id": "ch_maya", "name": "Maya", "avatar": 8, "ground": 6},
    "with": person("Theo", 2, 7),
    "ref": "g_theo",
    "kind": "ask",
    "asked_at": SEVEN,
}
MINA_WAITS = {
    **THEO_WAITS,
    "id": "w_mina",
    "with": person("Great-Auntie Wilhelmina", 3, 4),
    "ref": "g_mina",
    "kind": "present",
}

HOUSE: dict[str, Any] = {
    "GET /api/me": SAM,
    "GET /api/family": {"me": SAM, "children": [{**MAYA, **CONSENT}], "decisions": 1, "household": HOUSEHOLD},
    "GET /api/children/ch_maya/limits": LIMITS,
    "GET /api/children/ch_noa/limits": LIMITS,
    "GET /api/calls/to-allow": [],
    "GET /api/blocks": [],
    "GET /api/decisions": [THEO_ASKS],
    "GET /api/children/ch_maya/contacts": CONTACTS,
    "GET /api/children/ch_noa/contacts": [],
    "GET /api/devices": [
        {
            "id": "v1",
            "child": {"id": "ch_maya", "name": "Maya"},
            "label": "Chromium on Linux",
            "last_used_on": today.isoformat(),
            "this": False,
        }
    ],
    "GET /api/sessions": [
        {"id": "s1", "label": "Firefox on Linux", "last_used_on": today.isoformat(), "this": True},
        {
            "id": "s2",
            "label": "Safari on iPhone",
            "last_used_on": (today - timedelta(days=3)).isoformat(),
            "this": False,
        },
    ],
    "GET /api/calls/live": [
        {
            "call": "c_live0001",
            "child": {"id": "ch_maya", "name": "Maya"},
            "with": [{"name": "Gran"}],
            "video": True,
            "minutes": 6,
        }
    ],
    "GET /api/history?child=ch_maya": [
        call_on(0, 16, ["Gran"], 12),
        call_on(0, 9, ["Theo"], 0),
        call_on(1, 17, ["Gran", "Theo"], 1),
        call_on(9, 10, ["Great-Auntie Wilhelmina"], 31),
    ],
    "GET /api/people": [
        person("Maya", 8, 6, ref="k_maya0001", voice=True, video=True, adult=False, until="2027-11-22", own=True),
        person("Theo", 2, 7, ref="k_theo0001", voice=True, video=False, adult=False, until="2027-11-22", own=False),
    ],
    "GET /api/words": {"words": ["pear", "pebble", "kettle", "boat", "moon"]},
    "POST /api/pairings/look": {"label": "Chromium on Linux"},
    "POST /api/links": {"url": "http://localhost:8080/grown-up/#invite=Zk3vQyT0u7hXc2pL9aBd", "expires_in_s": 604800},
    "POST /api/links/look": {"child_name": "Theo", "from_name": "Femi Adeyemi"},
    "POST /api/children": {"child": {**NOA, **CONSENT}},
    "POST /api/sign-in": {"me": SAM},
    "POST /api/sign-up": {"me": SAM},
    "GET /api/demo": {
        "people": [
            person(
                name,
                avatar,
                ground,
                slug=name.lower(),
                role=role,
                family=family,
                of=of,
                url=f"http://{name.lower()}.localhost:8080/demo/?as={name.lower()}",
            )
            for name, avatar, ground, role, family, of in (
                ("Maya", 8, 6, "child", "maya", ""),
                ("Sam", 9, 3, "parent", "maya", "Maya"),
                ("Theo", 2, 7, "child", "theo", ""),
                ("Femi", 6, 3, "parent", "theo", "Theo"),
                ("Gran", 16, 2, "grown_up", "maya", "Maya"),
                ("Kit", 20, 1, "child", "strangers", ""),
                ("Alex", 18, 5, "parent", "strangers", "Kit"),
            )
        ]
    },
}


@dataclass
class MadeUp:
    """The server: what it answers, and what it was sent."""

    url: str
    answers: dict[str, Any]
    sent: list[tuple[str, Any]] = field(default_factory=list)

    def refuse(self, request: str, status: int, code: str, **more: Any) -> None:
        self.answers[request] = (status, {"type": "about:blank", "title": code, "status": status, "code": code, **more})


def file_of(path: str) -> Path:
    name = path.split("?")[0].lstrip("/").replace("grown-up/", "grown_up/")
    return CLIENT / (name + "index.html" if name == "" or name.endswith("/") else name)


@contextmanager
def made_up(answers: dict[str, Any] | None = None) -> Iterator[MadeUp]:
    """A server on a free port of this machine, until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def answer(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.send_header("content-security-policy", POLICY)
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            if self.path.startswith("/api/"):
                return self.api("GET")
            file = file_of(self.path)
            if not file.is_file():
                return self.answer(404, "text/plain", b"no such page")
            return self.answer(200, KINDS.get(file.suffix, "text/plain"), file.read_bytes())

        def do_POST(self) -> None:
            self.api("POST")

        def api(self, method: str) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            request = f"{method} {self.path}"
            if method == "POST":
                house.sent.append((self.path, json.loads(body or b"{}")))
            found = house.answers.get(request, {} if method == "POST" else (404, {"code": "not_found", "status": 404}))
            status, content = found if isinstance(found, tuple) else (200, found)
            kind = "application/json" if status < 400 else "application/problem+json"
            self.answer(status, kind, json.dumps(content).encode())

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    house = MadeUp(f"http://127.0.0.1:{server.server_port}", {**HOUSE, **(answers or {})})
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield house
    finally:
        server.shutdown()
        server.server_close()
