"""What in a page, or in the headers of an answer, leads to somebody else: an advertisement, a tracker, a font from elsewhere.

A reader, not a browser: it says what a page *could* load or call, in code that never runs in a test as well. So it is stricter than
a browser. In a script any address of another host counts, wherever it stands; in a page every tag that loads something; and
whatever sends a note to a server behind the reader's back (a beacon, a ping), whoever's server that is. A link that somebody has to press
is no load, and is left to them.

Headers are what holds if the reader missed something: the Content-Security-Policy must let a page load from, call and send to its own
host alone. A kind of load that it does not name counts as open to all.

Who reads with this must show that it finds something: ``PLANTED`` has one of each, and each must be found.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html.parser import HTMLParser
from http.cookies import SimpleCookie
from typing import Final
from urllib.parse import urljoin, urlsplit

#: What may be loaded or sent to by whom: each must be bounded, by itself or by what stands in for it.
_LOADS: Final = (
    "script-src", "script-src-elem", "style-src", "style-src-elem", "img-src", "media-src", "font-src", "connect-src", "object-src",
    "frame-src", "worker-src", "manifest-src",
)  # fmt: skip
#: CSP 3 - 6.8.3: what counts where a directive is not there, the nearest first; for the others it is default-src alone.
_STANDS_IN: Final = {
    "script-src-elem": ("script-src", "default-src"),
    "style-src-elem": ("style-src", "default-src"),
    "frame-src": ("child-src", "default-src"),
    "worker-src": ("child-src", "script-src", "default-src"),
    "form-action": (),
    "base-uri": (),
}
#: Not among them: 'strict-dynamic', with which a script of one's own lets in those of anybody.
_HARMLESS: Final = frozenset({"'self'", "'none'", "blob:", "data:", "'unsafe-inline'", "'wasm-unsafe-eval'"})
#: Headers by which an answer asks for notes about its reader, or tells a browser to fetch something.
_TELLING: Final = ("report-to", "reporting-endpoints", "nel", "content-security-policy-report-only", "refresh")

_LOADING: Final = frozenset(
    {"src", "srcset", "poster", "data", "action", "formaction", "background", "manifest", "imagesrcset"}
)
_SEVERAL: Final = frozenset({"srcset", "imagesrcset"})  # several addresses, with commas between them
_PRESSED: Final = frozenset({"a", "area"})  # whose href somebody presses
_ADDRESS: Final = re.compile(r"(?:https?|wss?)://[^\s\"'`<>)\\]+", re.IGNORECASE)
_SHORT: Final = re.compile(r"[\"'`(]\s*(//[a-z0-9-]+(?:\.[a-z0-9-]+)+[^\s\"'`<>)\\]*)", re.IGNORECASE)
_IN_CSS: Final = re.compile(r"(?:url\(\s*[\"']?|@import\s+[\"'])([^\"')]+)", re.IGNORECASE)
_IN_JS: Final = re.compile(
    r"[\"'`]([A-Za-z0-9_./-]+\.(?:m?js|css|json|html|svg|png|webmanifest)(?:\?[^\s\"'`]*)?)[\"'`]"
)
_BEACON: Final = re.compile(r"\bsendBeacon\b|\bnew\s+(?:\w+\.)*(?:Image|EventSource|XMLHttpRequest)\b|\bfetchLater\b")
#: Of a refresh: HTML - 4.2.5.3 lets "url=" and the quotation marks be there or not.
_REFRESH: Final = re.compile(r"[^;,]*[;,]\s*(?:url\s*=\s*)?[\"']?([^\"']*)", re.IGNORECASE)
_LEFT_OUT: Final = re.compile(r"[\t\r\n]")  # by every browser, wherever they stand in an address
#: Names of kinds of text and shapes, which nothing ever fetches.
_NAMES: Final = ("http://www.w3.org/",)


@dataclass(frozen=True, slots=True)
class Foreign:
    """Something that leads elsewhere: what it is, and where to (the host, or the name of the thing)."""

    what: str
    where: str

    def __str__(self) -> str:
        return f"{self.what}: {self.where}"[:120]


def in_text(kind: str, text: str, address: str) -> list[Foreign]:
    """What in this text leads elsewhere. ``kind``: ``html``, ``css``, ``js`` or ``json``; svg is read as html. ``address``: its own."""
    if kind in ("html", "svg"):
        return _Tags(address).read(text)
    if kind == "css":
        return list(_styled(text, address))
    found = [Foreign("an address in a script", host) for host in _hosts(text, address)]
    return found + [Foreign("a note sent behind one's back", one) for one in sorted(set(_BEACON.findall(text)))]


def leads_to(kind: str, text: str, address: str) -> set[str]:
    """Files of the same host that a page, script or style names, as addresses: to be read next. ``address``: of the text itself."""
    named = set(_IN_CSS.findall(text)) if kind == "css" else set(_IN_JS.findall(text))
    if kind == "html":
        named |= set(_Tags(address).every(text))
    own = urlsplit(address).netloc
    whole = {urljoin(address, one).partition("#")[0] for one in named if not one.startswith("data:")}
    return {one for one in whole if urlsplit(one).netloc == own}


def in_headers(headers: Iterable[tuple[str, str]], address: str) -> list[Foreign]:
    """What in the headers of an answer from ``address`` lets something of another host in, or sends a note to somebody."""
    told: dict[str, list[str]] = {}
    for name, value in headers:
        told.setdefault(name.lower(), []).append(value)
    found = [Foreign(f"the header {name}", told[name][0]) for name in _TELLING if name in told]
    found += [Foreign("the header Link", host) for one in told.get("link", ()) for host in _hosts(one, address)]
    for one in told.get("access-control-allow-origin", ()):
        found.append(Foreign("pages of others may read the answer", one))
    found += in_policy(told.get("content-security-policy", []), address)
    for one in told.get("set-cookie", ()):
        found += _in_cookie(one, secure=address.startswith("https:"))
    return found


def in_policy(policies: Sequence[str], address: str) -> list[Foreign]:
    """What a Content-Security-Policy leaves open. Of several, each one binds."""
    read = [_directives(one) for one in policies]
    own = urlsplit(address).netloc.lower()
    found = []
    for load in (*_LOADS, "form-action", "base-uri"):
        open_to = [_open(policy, load, own) for policy in read]
        if not open_to or all(open_to):
            found.append(Foreign(f"{load} of the policy", (open_to[0] if open_to else "") or "there is no policy"))
    noted = {name for policy in read for name in ("report-uri", "report-to") if name in policy}
    return found + [Foreign("the policy sends notes", name) for name in sorted(noted)]


def _directives(policy: str) -> Mapping[str, tuple[str, ...]]:
    """Of two of one name the first counts (CSP 3 - 2.2.1)."""
    found: dict[str, tuple[str, ...]] = {}
    for part in policy.split(";"):
        name, *values = part.split() or [""]
        if name:
            found.setdefault(name.lower(), tuple(one.lower() for one in values))
    return found


def _open(policy: Mapping[str, tuple[str, ...]], load: str, own: str) -> str:
    """The first source of another host that this load may have; "" if none."""
    for name in (load, *_STANDS_IN.get(load, ("default-src",))):
        if name in policy:
            return next((one for one in policy[name] if not _ours(one, own)), "")
    return "not bounded"


def _ours(source: str, own: str) -> bool:
    if source in _HARMLESS or source.startswith(("'nonce-", "'sha256-", "'sha384-", "'sha512-")):
        return True
    scheme, there, host = source.partition("://")
    return bool(there) and scheme in ("https", "http", "wss", "ws") and host.partition("/")[0] == own


def _in_cookie(header: str, *, secure: bool) -> list[Foreign]:
    """A cookie that goes along with requests from other sites, or to other hosts, or that a script can read and pass on."""
    found = []
    for name, one in SimpleCookie(header).items():
        wrong = [
            said
            for said, is_so in (
                ("it names a domain", bool(one["domain"])),
                ("it goes along from other sites", one["samesite"].lower() != "strict"),
                ("scripts can read it", not one["httponly"]),
                ("it goes along in clear", secure and not one["secure"]),
            )
            if is_so
        ]
        found += [Foreign(f"the cookie {name}", said) for said in wrong]
    return found


def _hosts(text: str, address: str) -> Iterator[str]:
    """Hosts of others whose addresses stand in a text."""
    for one in (*_ADDRESS.findall(text), *_SHORT.findall(text)):
        if (host := _elsewhere(one, address)) and not one.startswith(_NAMES):
            yield host


def _elsewhere(link: str, address: str) -> str:
    """The host of a link that leads to another one than ``address`` is of; "" for one's own, and for what is no request."""
    read = _LEFT_OUT.sub("", link.strip()).replace("\\", "/")  # as a browser reads it (URL - 4.4)
    there, own = urlsplit(urljoin(address, read)), urlsplit(address)
    if there.scheme not in ("http", "https", "ws", "wss") or there.netloc.lower() == own.netloc.lower():
        return ""
    return there.netloc or link[:60]


def _styled(text: str, address: str) -> Iterator[Foreign]:
    for one in (*_IN_CSS.findall(text), *_ADDRESS.findall(text), *_SHORT.findall(text)):
        if (host := _elsewhere(one, address)) and not one.startswith(_NAMES):
            yield Foreign("an address in a style", host)


class _Tags(HTMLParser):
    """The tags of a page or a picture: what each loads."""

    def __init__(self, address: str) -> None:
        super().__init__(convert_charrefs=True)
        self._address = address
        self._found: list[Foreign] = []
        self._links: list[str] = []
        self._inside = ""

    def read(self, text: str) -> list[Foreign]:
        self.feed(text)
        self.close()
        return self._found

    def every(self, text: str) -> list[str]:
        """Every address that a tag loads."""
        self.feed(text)
        self.close()
        return self._links

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = tag if tag in ("script", "style") else ""
        told = {name: value or "" for name, value in attrs}
        for name, value in told.items():
            plain = name.rpartition(":")[2]
            if plain == "ping":
                self._found.append(Foreign("a note sent behind one's back", "ping"))
            elif plain in _LOADING or (plain == "href" and tag not in _PRESSED):
                self._loads(tag, value.split(",") if plain in _SEVERAL else [value])
            elif plain == "srcdoc":
                inner = _Tags(self._address)
                self._found += inner.read(value)
                self._links += inner._links
            elif plain == "style":
                self._found += _styled(value, self._address)
            elif plain.startswith("on"):
                self._found += in_text("js", value, self._address)
        if tag == "meta" and told.get("http-equiv", "").lower() == "refresh":
            self._loads(tag, _REFRESH.findall(told.get("content", ""))[:1])

    def _loads(self, tag: str, values: Sequence[str]) -> None:
        for one in values:
            if link := next(iter(_LEFT_OUT.sub("", one).split()), ""):
                self._links.append(link)
                if host := _elsewhere(link, self._address):
                    self._found.append(Foreign(f"a <{tag}> of a page", host))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self._inside = ""

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside:
            self._found += in_text("css" if self._inside == "style" else "js", data, self._address)


_HERE: Final = "https://calls.example/child/"
_CSP: Final = "Content-Security-Policy"
_POLICY: Final = "default-src 'self'; form-action 'self'; base-uri 'none'"

#: One of each, put into a page, a script, a style: a reader that misses one of them shows nothing.
PLANTED: Final[Sequence[tuple[str, str]]] = (
    ("html", "<script src='https://ads.example/a.js' async></script>"),
    ("html", "<script src='//ads.example/a.js'></script>"),
    ("html", "<img src='https://pixel.example/1.gif' width='1'>"),
    ("html", "<link rel='preconnect' href='https://fonts.example'>"),
    ("html", "<iframe src='https://ads.example/'></iframe>"),
    ("html", "<form action='https://data.example/'></form>"),
    ("html", "<a href='/child/' ping='/seen'>next</a>"),
    ("html", "<meta http-equiv='refresh' content='0; url=https://ads.example/'>"),
    ("html", "<meta http-equiv='refresh' content=\"0;URL='https://ads.example/'\">"),
    ("html", "<meta http-equiv='refresh' content='0, https://ads.example/'>"),
    ("html", "<img src='ht&#10;tps://pixel.example/1.gif'>"),
    ("html", "<script src='/\\ads.example/a.js'></script>"),
    ("html", "<iframe srcdoc=\"<img src='https://pixel.example/1.gif'>\"></iframe>"),
    ("html", "<script>fetch('https://data.example/')</script>"),
    ("html", "<p style='background: url(https://pixel.example/1.gif)'></p>"),
    ("html", "<img src='/a.png' onerror=\"fetch('//data.example/x')\">"),
    ("svg", "<svg xmlns='http://www.w3.org/2000/svg'><image xlink:href='https://pixel.example/1.gif'/></svg>"),
    ("css", "@import 'https://fonts.example/a.css';"),
    ("css", ".a { background: url(//pixel.example/1.gif) }"),
    ("css", ".a { background: image-set('//pixel.example/1.gif' 1x) }"),
    ("js", "import 'https://cdn.example/a.js';"),
    ("js", "new WebSocket(`wss://data.example/`);"),
    ("js", "const where = '//data.example/x';"),
    ("js", "navigator.sendBeacon('/seen', text);"),
    ("js", "new Image().src = '/seen';"),
    ("js", "new window.Image().src = '/seen';"),
)
#: The same for headers.
PLANTED_HEADERS: Final[Sequence[tuple[str, str]]] = (
    ("Content-Security-Policy", "default-src *"),
    ("Content-Security-Policy", f"{_POLICY}; connect-src 'self' https://data.example"),
    ("Content-Security-Policy", f"{_POLICY}; script-src 'self' https:"),
    ("Content-Security-Policy", "script-src 'self'"),
    ("Content-Security-Policy", f"{_POLICY}; script-src-elem *"),
    ("Content-Security-Policy", f"{_POLICY}; style-src-elem https:"),
    ("Content-Security-Policy", f"{_POLICY}; script-src 'nonce-AAAA' 'strict-dynamic'"),
    ("Content-Security-Policy", f"{_POLICY}; child-src *"),
    ("Content-Security-Policy", f"{_POLICY}; report-uri /seen"),
    ("Link", "<https://fonts.example>; rel=preconnect"),
    ("Report-To", '{"endpoints": [{"url": "https://data.example/"}]}'),
    ("Access-Control-Allow-Origin", "*"),
    ("Set-Cookie", "id=1; Domain=example; SameSite=Strict; HttpOnly; Secure"),
    ("Set-Cookie", "id=1; SameSite=None; HttpOnly; Secure"),
)


def finds_what_was_planted() -> tuple[int, int]:
    """How many of what was planted are found, of how many."""
    found = sum(bool(in_text(kind, text, _HERE)) for kind, text in PLANTED)
    for name, value in PLANTED_HEADERS:
        beside = () if name == _CSP else ((_CSP, _POLICY),)
        found += bool(in_headers(((name, value), *beside), _HERE))
    return found, len(PLANTED) + len(PLANTED_HEADERS)
