"""The two pieces of SDP the gate knows: the offer it writes and the answer it will live with.

The gate always offers (JSEP, RFC 8829) and offers everything at once: one pair of media sections, audio and video, per person
who might be seen. The peer's own voice rides on the first audio section; its picture for a person rides on that person's video
section. Where more people may be in the call than get a picture of their own there is one section more, on which a picture that
is made once goes to all. It is a section of its own so that nobody's own picture, still on its way while the one rule takes over
from the other, can ever be taken for everybody's. So nothing is laid out anew when people join or leave, and an answer has exactly
one right shape. It is held against that shape, line by line, and turned into an `Answer`; the text itself goes nowhere. Candidates
are counted and forgotten: the gate learns where a peer is from its authenticated checks, and nobody else learns it at all.

Left out on purpose: `sdes:mid` (the publisher's mid would misroute the media at the viewer), `ssrc-audio-level`
(it tells in clear who is speaking, even when frames are sealed), RTX, simulcast and data channels.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from signalling.gate.ice_lite import ICE_CHARS, Credentials
from signalling.gate.terms import Kind, SdpRejected, Slot

LONGEST_ANSWER = 32 * 1024
"""Characters; the protocol's own limit for an SDP. Firefox answers eight people with about 9 KiB."""
MOST_LINES = 1000
LONGEST_LINE = 1024
MOST_SSRCS = 8
"""Per section. A browser without simulcast and RTX names one; Firefox sometimes names a spare."""

KINDS: tuple[Kind, Kind] = ("audio", "video")
PAYLOAD_TYPES: dict[Kind, int] = {"audio": 96, "video": 97}
CLOCKS: dict[Kind, int] = {"audio": 48000, "video": 90000}
CODECS: dict[Kind, str] = {"audio": "opus/48000/2", "video": "VP8/90000"}
ABS_SEND_TIME = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
PROTOCOL = "UDP/TLS/RTP/SAVPF"

CODEC_LINES: dict[Kind, tuple[str, ...]] = {
    "audio": ("a=rtpmap:96 opus/48000/2", "a=fmtp:96 minptime=10;useinbandfec=1"),
    "video": (
        "a=rtpmap:97 VP8/90000",
        "a=rtcp-fb:97 nack",
        "a=rtcp-fb:97 nack pli",
        "a=rtcp-fb:97 ccm fir",
        "a=rtcp-fb:97 goog-remb",
        f"a=extmap:1 {ABS_SEND_TIME}",  # passed on untouched, so a viewer's REMB measures the whole way
    ),
}

REFUSALS: dict[str, str] = {
    "too_large": "The answer is longer than any browser's.",
    "malformed": "The answer is not SDP.",
    "stale_negotiation": "The answer belongs to an offer that is not open any more.",
    "extra_media": "The answer has a media section that was not offered.",
    "missing_media": "The answer leaves out, refuses or swaps a media section that was offered.",
    "data_channel": "The answer asks for a data channel.",
    "bad_protocol": "The answer wants media on something else than DTLS-SRTP over UDP.",
    "bad_codec": "The answer wants a codec that was not offered.",
    "bad_extension": "The answer wants a header extension that was not offered.",
    "bad_direction": "The answer wants to send where only the gate sends.",
    "bad_ssrc": "The answer names too many sources, one that is not a number, or one for two sections.",
    "bad_setup": "The answer does not take the active side of DTLS.",
    "no_bundle": "The answer does not put all media on one transport.",
    "no_rtcp_mux": "The answer does not put RTCP beside RTP.",
    "no_ice": "The answer has no usable ICE name and password, or plays ICE-lite too.",
    "no_fingerprint": "The answer has no SHA-256 certificate fingerprint.",
    "bad_fingerprint": "The answer's certificate fingerprint is weak, malformed or not always the same.",
    "fingerprint_changed": "The answer changed its certificate within one connection.",
    "sdes_crypto": "The answer brings keys of its own (a=crypto).",
}
"""The closed list of codes, each with its sentence. Codes never change."""

WEAK_HASHES = frozenset({"md2", "md5", "sha-1", "sha-224"})
"""RFC 8122 section 5 forbids the first two; WebRTC needs SHA-256 or better (RFC 8827 section 6.5)."""


@dataclass(frozen=True, slots=True)
class Window:
    """The sections through which one viewer may see one publisher: their mids and the SSRCs that the gate will use."""

    slot: Slot
    ssrcs: dict[Kind, int]


@dataclass(frozen=True, slots=True)
class Answer:
    """All that the gate keeps of an answer."""

    ufrag: str
    fingerprint: str
    """SHA-256, upper case."""
    sends: frozenset[str]
    """The sections, by mid, on which the peer may send."""
    ssrcs: dict[int, str]
    """The sources it announced for them, one for a section."""
    candidates_ignored: int


def refuse(code: str) -> SdpRejected:
    """The refusal for a code, with its sentence."""
    return SdpRejected(code, REFUSALS[code])


def windows(publishers: Sequence[str], taken: set[int]) -> tuple[Window, ...]:
    """Lay out one window per publisher, with SSRCs that are not in `taken` (they are added to it)."""
    laid = []
    for number, publisher in enumerate(publishers):
        ssrcs: dict[Kind, int] = {}
        for kind in KINDS:
            ssrc = 0
            while ssrc == 0 or ssrc in taken:
                ssrc = secrets.randbits(32)
            taken.add(ssrc)
            ssrcs[kind] = ssrc
        laid.append(Window(Slot(publisher, str(2 * number), str(2 * number + 1)), ssrcs))
    return tuple(laid)


def once_mid(laid: Sequence[Window]) -> str:
    """The mid of the section for a picture that is sent once, where there is one: it stands behind all others."""
    return str(2 * len(laid))


def write_offer(
    session: int,
    neg: int,
    laid: Sequence[Window],
    credentials: Credentials,
    fingerprint: str,
    addresses: Sequence[tuple[str, int]],
    *,
    once: bool = False,
) -> str:
    """The offer for a peer: `addresses` are what browsers shall try, the best first. `once`: with the section for a picture that
    is sent once."""
    mids = " ".join(str(mid) for mid in range(2 * len(laid) + once))
    lines = [
        "v=0",
        f"o=- {session} {neg} IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "a=ice-lite",
        f"a=group:BUNDLE {mids}",
        "a=msid-semantic: WMS *",
    ]
    for number, window in enumerate(laid):
        for kind, mid in zip(KINDS, (window.slot.audio_mid, window.slot.video_mid), strict=True):
            payload_type, ssrc = PAYLOAD_TYPES[kind], window.ssrcs[kind]
            stream = f"seat{number} {kind[0]}{number}"
            lines += [
                f"m={kind} 9 {PROTOCOL} {payload_type}",
                "c=IN IP4 0.0.0.0",
                f"a=mid:{mid}",
                "a=sendrecv" if kind == "video" or number == 0 else "a=sendonly",
                *_transport(credentials, fingerprint),
                *CODEC_LINES[kind],
                f"a=msid:{stream}",
                f"a=ssrc:{ssrc} cname:seat{number}",
                f"a=ssrc:{ssrc} msid:{stream}",
                # All sections share the first one's transport; but aiortc looks for candidates in the last of them.
                *(_candidate(rank, address) for rank, address in enumerate(addresses)),
                "a=end-of-candidates",
            ]
    if once:
        lines += [
            f"m=video 9 {PROTOCOL} {PAYLOAD_TYPES['video']}",
            "c=IN IP4 0.0.0.0",
            f"a=mid:{once_mid(laid)}",
            "a=recvonly",
            *_transport(credentials, fingerprint),
            *CODEC_LINES["video"],
            *(_candidate(rank, address) for rank, address in enumerate(addresses)),
            "a=end-of-candidates",
        ]
    return "\r\n".join(lines) + "\r\n"


def _transport(credentials: Credentials, fingerprint: str) -> tuple[str, ...]:
    return (
        "a=rtcp-mux",
        "a=rtcp-rsize",
        f"a=ice-ufrag:{credentials.ufrag}",
        f"a=ice-pwd:{credentials.password}",
        f"a=fingerprint:sha-256 {fingerprint}",
        "a=setup:actpass",  # RFC 5763 section 5 asks it of an offerer; only `active` is taken as an answer
    )


def _candidate(rank: int, address: tuple[str, int]) -> str:
    """A host candidate (RFC 8839 section 5.1); the preference falls with the rank (RFC 8445 section 5.1.2.1)."""
    priority = (126 << 24) | ((65535 - rank) << 8) | 255
    return f"a=candidate:{rank + 1} 1 udp {priority} {address[0]} {address[1]} typ host"


@dataclass(frozen=True, slots=True)
class _Section:
    """One m= line and the attributes under it, as (name, value)."""

    media: str
    attributes: tuple[tuple[str, str], ...]

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.attributes if key == name]

    def has(self, name: str) -> bool:
        return any(key == name for key, _ in self.attributes)


def read_answer(text: str, laid: Sequence[Window], *, once: bool = False) -> Answer:
    """Hold an answer against the offer made for `laid`; raises SdpRejected with the first thing that is wrong."""
    session, sections = _split(text)
    every = (session, *sections)
    if any(section.has("crypto") for section in every):
        raise refuse("sdes_crypto")
    mids = [mid for window in laid for mid in (window.slot.audio_mid, window.slot.video_mid)]
    mids += [once_mid(laid)] * once
    _check_shape(sections, mids)
    _check_bundle(session, sections)
    for number, section in enumerate(sections):
        kind: Kind = "video" if number == 2 * len(laid) else KINDS[number % 2]
        _check_section(section, kind, own=kind == "video" or number == 0)
    _check_setup(every)
    own = {mid: section for mid, section in zip(mids, sections, strict=True) if _sends(section)}
    announced = [(ssrc, mid) for mid, section in own.items() for ssrc in _ssrcs(section)[:1]]
    if len(dict(announced)) != len(announced):
        raise refuse("bad_ssrc")  # whose picture would it be?
    return Answer(
        ufrag=_ice(every),
        fingerprint=_fingerprint(every, len(sections)),
        sends=frozenset(own),
        ssrcs=dict(announced),
        candidates_ignored=sum(len(section.all("candidate")) for section in every),
    )


def _split(text: str) -> tuple[_Section, list[_Section]]:
    if len(text) > LONGEST_ANSWER:
        raise refuse("too_large")
    lines = text.replace("\r\n", "\n").removesuffix("\n").split("\n")
    if len(lines) > MOST_LINES or any(len(line) > LONGEST_LINE for line in lines):
        raise refuse("too_large")
    if lines[0] != "v=0" or not text.isascii() or not text.replace("\r\n", "\n").replace("\n", "").isprintable():
        raise refuse("malformed")
    sections: list[tuple[str, list[tuple[str, str]]]] = [("", [])]
    for line in lines:
        if len(line) < 2 or line[1] != "=":
            raise refuse("malformed")
        if line[0] == "m":
            sections.append((line[2:], []))
        elif line[0] == "a":
            name, _, value = line[2:].partition(":")
            sections[-1][1].append((name, value))
    session, *media = (_Section(head, tuple(attributes)) for head, attributes in sections)
    return session, media


def _check_shape(sections: Sequence[_Section], mids: Sequence[str]) -> None:
    if any(section.media.startswith("application") or section.has("sctp-port") for section in sections):
        raise refuse("data_channel")
    if len(sections) > len(mids):
        raise refuse("extra_media")
    if len(sections) < len(mids) or [section.all("mid") for section in sections] != [[mid] for mid in mids]:
        raise refuse("missing_media")


def _check_bundle(session: _Section, sections: Sequence[_Section]) -> None:
    groups = [value.split()[1:] for value in session.all("group") if value.split()[:1] == ["BUNDLE"]]
    if len(groups) != 1 or set(groups[0]) != {mid for section in sections for mid in section.all("mid")}:
        raise refuse("no_bundle")


def _check_section(section: _Section, kind: Kind, *, own: bool) -> None:
    media, port, protocol, *formats = (section.media.split() + [""] * 3)[: max(4, len(section.media.split()))]
    if media != kind or not port.isdigit() or int(port) == 0:
        raise refuse("missing_media")
    if protocol != PROTOCOL:
        raise refuse("bad_protocol")
    mapped = {value.lower() for value in section.all("rtpmap")}
    if formats != [str(PAYLOAD_TYPES[kind])] or mapped != {f"{PAYLOAD_TYPES[kind]} {CODECS[kind].lower()}"}:
        raise refuse("bad_codec")
    if section.has("simulcast") or section.has("rid"):
        raise refuse("bad_codec")
    for extension in section.all("extmap"):
        if kind != "video" or extension.split()[:2] not in (["1", ABS_SEND_TIME], ["1/sendrecv", ABS_SEND_TIME]):
            raise refuse("bad_extension")
    if not section.has("rtcp-mux"):
        raise refuse("no_rtcp_mux")
    if not own and _sends(section):
        raise refuse("bad_direction")
    if own and len(_ssrcs(section)) > MOST_SSRCS:
        raise refuse("bad_ssrc")


def _sends(section: _Section) -> bool:
    """Whether the peer will send here. Without a direction it will (RFC 8866 section 6.7)."""
    directions = [name for name, _ in section.attributes if name in ("sendrecv", "sendonly", "recvonly", "inactive")]
    if len(directions) > 1:
        raise refuse("bad_direction")
    return directions in ([], ["sendrecv"], ["sendonly"])


def _ssrcs(section: _Section) -> list[int]:
    seen: dict[int, None] = {}
    for value in section.all("ssrc"):
        number = value.split(" ")[0]
        if not number.isdigit() or not 0 < int(number[:11]) < 2**32:
            raise refuse("bad_ssrc")
        seen[int(number[:11])] = None
    return list(seen)


def _ice(every: Sequence[_Section]) -> str:
    """The client's ICE name; name and password must be whole, and the same wherever they stand."""
    ufrags = {value for section in every for value in section.all("ice-ufrag")}
    passwords = {value for section in every for value in section.all("ice-pwd")}
    if len(ufrags) != 1 or len(passwords) != 1 or any(section.has("ice-lite") for section in every):
        raise refuse("no_ice")
    ufrag, password = ufrags.pop(), passwords.pop()
    if not (4 <= len(ufrag) <= 256 and 22 <= len(password) <= 256 and ICE_CHARS.issuperset(ufrag + password)):
        raise refuse("no_ice")  # RFC 8839 section 5.4
    return ufrag


def _fingerprint(every: Sequence[_Section], media: int) -> str:
    """The one SHA-256 fingerprint; every section has it, or the session has it for all (RFC 8122 section 5)."""
    found: set[str] = set()
    covered = 0
    for section in every:
        values = [value.split() for value in section.all("fingerprint")]
        if any(len(value) != 2 or value[0].lower() in WEAK_HASHES for value in values):
            raise refuse("bad_fingerprint")
        strong = {value[1].upper() for value in values if value[0].lower() == "sha-256"}
        found |= strong
        if strong:
            covered += media if not section.media else 1
    if not found or covered < media:
        raise refuse("no_fingerprint")
    if len(found) > 1:
        raise refuse("bad_fingerprint")
    fingerprint = found.pop()
    pairs = fingerprint.split(":")
    if len(pairs) != 32 or any(len(pair) != 2 or not set(pair) <= set("0123456789ABCDEF") for pair in pairs):
        raise refuse("bad_fingerprint")
    return fingerprint


def _check_setup(every: Sequence[_Section]) -> None:
    """The client must take the active side of DTLS, wherever it says anything about it (RFC 8842 section 5.3)."""
    if {value for section in every for value in section.all("setup")} != {"active"}:
        raise refuse("bad_setup")
