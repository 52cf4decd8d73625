"""What the gate offers, and which answers it takes: one right shape, and a stable code for every wrong one."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signalling.gate import SdpRejected, sdp
from signalling.gate.ice_lite import Credentials

FINGERPRINT = ":".join(["AB"] * 32)
LAID = sdp.windows(["bob", "cleo"], set())


def section(number: int, *, direction: str, once: bool = False) -> str:
    kind, payload_type, codec = (("audio", 96, "opus/48000/2"), ("video", 97, "VP8/90000"))[1 if once else number % 2]
    lines = [
        f"m={kind} 9 UDP/TLS/RTP/SAVPF {payload_type}",
        "c=IN IP4 0.0.0.0",
        "a=candidate:1 1 udp 2113937151 4f1c.local 54321 typ host",
        "a=ice-ufrag:Abcd",
        "a=ice-pwd:" + "p" * 24,
        "a=ice-options:trickle",
        f"a=fingerprint:sha-256 {FINGERPRINT}",
        "a=setup:active",
        f"a=mid:{number}",
        f"a={direction}",
        "a=rtcp-mux",
        f"a=rtpmap:{payload_type} {codec}",
    ]
    if kind == "video":
        lines += ["a=rtcp-fb:97 nack pli", f"a=extmap:1 {sdp.ABS_SEND_TIME}"]
    if direction in ("sendrecv", "sendonly"):
        lines.append(f"a=ssrc:{1000 + number} cname:x")
    return "\r\n".join(lines) + "\r\n"


HEAD = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1 2 3\r\n"
GOOD = HEAD + "".join(section(n, direction="recvonly" if n == 2 else "sendrecv") for n in range(4))
ONCE = GOOD.replace("0 1 2 3", "0 1 2 3 4") + section(4, direction="sendonly", once=True)


def refused(text: str) -> str | None:
    """The code, or None if the answer is taken."""
    try:
        sdp.read_answer(text, LAID)
    except SdpRejected as no:
        return no.code if str(no) == sdp.REFUSALS[no.code] else "another sentence"
    return None


def test_a_browsers_answer_is_taken_for_what_it_says() -> None:
    answer = sdp.read_answer(GOOD, LAID)
    assert answer == sdp.Answer(
        ufrag="Abcd",
        fingerprint=FINGERPRINT,
        sends=frozenset({"0", "1", "3"}),
        ssrcs={1000: "0", 1001: "1", 1003: "3"},
        candidates_ignored=4,
    )


def test_the_section_for_a_picture_that_is_sent_once_is_answered_only_where_it_was_offered() -> None:
    answer = sdp.read_answer(ONCE, LAID, once=True)
    assert answer.sends == {"0", "1", "3", "4"}
    assert answer.ssrcs[1004] == "4"
    assert refused(ONCE) == "extra_media"
    with pytest.raises(SdpRejected) as no:
        sdp.read_answer(GOOD, LAID, once=True)
    assert no.value.code == "missing_media"


def replace(old: str, new: str, count: int = 1) -> Callable[[], str]:
    def wrong() -> str:
        assert old in GOOD
        return GOOD.replace(old, new, count)

    return wrong


def without(line: str) -> Callable[[], str]:
    return lambda: re.sub(rf"a={line}[^\r]*\r\n", "", GOOD)


APPLICATION = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:4\r\na=sctp-port:5000\r\n"
WRONG: dict[str, tuple[str, Callable[[], str]]] = {
    "too long": ("too_large", lambda: GOOD + "a=x\r\n" * 8000),
    "a line too long": ("too_large", lambda: GOOD + "a=" + "x" * 2000 + "\r\n"),
    "empty": ("malformed", lambda: ""),
    "not sdp": ("malformed", lambda: "hello"),
    "a line that is none": ("malformed", lambda: GOOD + "nonsense\r\n"),
    "a NUL": ("malformed", lambda: GOOD + "a=x\0\r\n"),
    "letters beyond ASCII": ("malformed", lambda: GOOD + "a=é\r\n"),
    "a data channel": ("data_channel", lambda: GOOD + APPLICATION),
    "a data channel instead of video": ("data_channel", replace("m=video 9 UDP/TLS/RTP/SAVPF 97", "m=application 9 DTLS/SCTP 5000")),
    "one section more": ("extra_media", lambda: GOOD.replace("0 1 2 3", "0 1 2 3 4") + section(4, direction="recvonly")),
    "one section less": ("missing_media", lambda: GOOD[: GOOD.index("a=mid:3")][: GOOD.rindex("m=video")]),
    "sections swapped": ("missing_media", lambda: HEAD + "".join(section(n, direction="sendrecv") for n in (1, 0, 2, 3))),
    "a section refused": ("missing_media", replace("m=video 9", "m=video 0")),
    "another kind": ("missing_media", replace("m=video 9", "m=audio 9")),
    "a port that is no number": ("missing_media", replace("m=video 9", "m=video x")),
    "mids changed": ("missing_media", replace("a=mid:1", "a=mid:9")),
    "plain RTP": ("bad_protocol", replace("UDP/TLS/RTP/SAVPF 96", "RTP/AVP 96")),
    "TCP": ("bad_protocol", replace("UDP/TLS/RTP/SAVPF", "TCP/TLS/RTP/SAVPF")),
    "another codec": ("bad_codec", replace("a=rtpmap:97 VP8/90000", "a=rtpmap:97 H264/90000")),
    "a second codec": ("bad_codec", replace("SAVPF 97\r\n", "SAVPF 97 98\r\na=rtpmap:98 rtx/90000\r\n")),
    "a codec without a name": ("bad_codec", without("rtpmap:97")),
    "simulcast": ("bad_codec", replace("a=mid:1\r\n", "a=mid:1\r\na=simulcast:send h;l\r\na=rid:h send\r\n")),
    "another extension": ("bad_extension", replace("a=mid:1\r\n", "a=mid:1\r\na=extmap:2 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n")),
    "audio level": ("bad_extension", replace("a=mid:0\r\n", "a=mid:0\r\na=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n")),
    "sending where it may only receive": ("bad_direction", replace("a=recvonly", "a=sendrecv")),
    "no direction where it may only receive": ("bad_direction", replace("a=recvonly\r\n", "")),
    "two directions": ("bad_direction", replace("a=recvonly", "a=recvonly\r\na=sendrecv")),
    "one source for two pictures": ("bad_ssrc", replace("a=ssrc:1003", "a=ssrc:1001")),
    "one source for voice and picture": ("bad_ssrc", replace("a=ssrc:1001", "a=ssrc:1000")),
    "an ssrc that is no number": ("bad_ssrc", replace("a=ssrc:1001", "a=ssrc:x")),
    "an ssrc too large": ("bad_ssrc", replace("a=ssrc:1001", "a=ssrc:4294967296")),
    "too many sources": ("bad_ssrc", replace("a=mid:1\r\n", "a=mid:1\r\n" + "".join(f"a=ssrc:{n} cname:x\r\n" for n in range(1, 10)))),
    "the passive side": ("bad_setup", replace("a=setup:active", "a=setup:passive")),
    "no side": ("bad_setup", without("setup")),
    "no bundle": ("no_bundle", without("group")),
    "half a bundle": ("no_bundle", replace("BUNDLE 0 1 2 3", "BUNDLE 0 1")),
    "two bundles": ("no_bundle", replace("a=group:BUNDLE 0 1 2 3", "a=group:BUNDLE 0 1\r\na=group:BUNDLE 2 3")),
    "no rtcp-mux": ("no_rtcp_mux", replace("a=rtcp-mux\r\n", "")),
    "no ufrag": ("no_ice", without("ice-ufrag")),
    "no password": ("no_ice", without("ice-pwd")),
    "a short password": ("no_ice", replace("a=ice-pwd:" + "p" * 24, "a=ice-pwd:short", 4)),
    "two ufrags": ("no_ice", replace("a=ice-ufrag:Abcd", "a=ice-ufrag:Efgh")),
    "a ufrag with a colon": ("no_ice", replace("a=ice-ufrag:Abcd", "a=ice-ufrag:Ab:cd", 4)),
    "ICE-lite on both sides": ("no_ice", replace("a=group", "a=ice-lite\r\na=group")),
    "no fingerprint": ("no_fingerprint", without("fingerprint")),
    "no fingerprint on one section": ("no_fingerprint", replace(f"a=fingerprint:sha-256 {FINGERPRINT}\r\n", "")),
    "only SHA-512": ("no_fingerprint", replace("fingerprint:sha-256", "fingerprint:sha-512", 4)),
    "SHA-1": ("bad_fingerprint", replace("fingerprint:sha-256", "fingerprint:sha-1")),
    "a short fingerprint": ("bad_fingerprint", replace(FINGERPRINT, FINGERPRINT[:-3], 4)),
    "a fingerprint that is no hex": ("bad_fingerprint", replace(FINGERPRINT, FINGERPRINT.replace("AB", "XY"), 4)),
    "two fingerprints": ("bad_fingerprint", replace(FINGERPRINT, FINGERPRINT.replace("AB", "CD"))),
    "keys of its own": ("sdes_crypto", replace("a=mid:1", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x\r\na=mid:1")),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_answer_is_refused_with_its_reason(name: str) -> None:
    code, wrong = WRONG[name]
    assert refused(wrong()) == code
    assert refused(GOOD) is None


def test_every_code_but_those_of_the_gate_itself_is_shown_by_a_wrong_answer() -> None:
    shown = {code for code, _ in WRONG.values()}
    assert shown == set(sdp.REFUSALS) - {"stale_negotiation", "fingerprint_changed"}


@pytest.mark.parametrize(
    "tweak",
    [
        lambda text: text.replace("\r\n", "\n"),
        lambda text: re.sub(r"a=ssrc[^\r]*\r\n", "", text),
        lambda text: text.replace("a=sendrecv", "a=recvonly"),
        lambda text: text.replace("a=sendrecv", "a=inactive"),
        lambda text: re.sub(r"a=fingerprint[^\r]*\r\n", "", text).replace("a=group", f"a=fingerprint:sha-256 {FINGERPRINT}\r\na=group"),
        lambda text: text.replace(FINGERPRINT, FINGERPRINT.lower()),
        lambda text: text.replace("a=mid:0", f"a=fingerprint:sha-512 {':'.join(['CD'] * 64)}\r\na=mid:0"),
        lambda text: text.replace("a=mid:0", "a=unheard-of:things\r\na=mid:0"),
    ],
)  # fmt: skip
def test_what_browsers_do_differently_is_taken_too(tweak: Callable[[str], str]) -> None:
    assert refused(tweak(GOOD)) is None


def test_a_peer_that_only_receives_may_send_nothing() -> None:
    answer = sdp.read_answer(GOOD.replace("a=sendrecv", "a=recvonly"), LAID)
    assert answer.sends == frozenset()
    assert answer.ssrcs == {}


lines = st.sampled_from(
    GOOD.split("\r\n") + [line for _, wrong in WRONG.values() for line in wrong().split("\r\n")[:60]]
)


@given(st.lists(st.one_of(lines, st.text(max_size=30)), max_size=60))
@settings(max_examples=300, deadline=None)
def test_no_text_does_anything_but_pass_or_be_refused(parts: list[str]) -> None:
    refused("v=0\r\n" + "\r\n".join(parts))


@given(st.integers(0, len(GOOD)), st.integers(0, 80), st.text(max_size=20))
@settings(max_examples=500, deadline=None)
def test_a_damaged_answer_never_grants_more_than_was_offered(at: int, cut: int, put: str) -> None:
    text = GOOD[:at] + put + GOOD[at + cut :]
    if refused(text) is None:
        answer = sdp.read_answer(text, LAID)
        assert answer.sends <= {"0", "1", "3"}
        assert set(answer.ssrcs.values()) <= answer.sends
        assert len(answer.fingerprint) == len(FINGERPRINT)


def test_an_offer_says_only_what_is_meant_to_be_said() -> None:
    offer = sdp.write_offer(7, 1, LAID, Credentials("ufrag", "p" * 36), FINGERPRINT, [("192.0.2.1", 4000)])
    assert offer.count("\r\nm=") == 4
    assert offer.count("a=sendrecv") == 3
    assert offer.count("a=sendonly") == 1
    assert "a=ice-lite" in offer
    for absent in ("ssrc-audio-level", "sdes:mid", "application", "rtx", "bob", "cleo", "a=crypto"):
        assert absent not in offer
    ssrcs = set(re.findall(r"a=ssrc:(\d+)", offer))
    assert len(ssrcs) == 4
    once = sdp.write_offer(7, 1, LAID, Credentials("ufrag", "p" * 36), FINGERPRINT, [("192.0.2.1", 4000)], once=True)
    assert once.count("\r\nm=") == 5
    assert once.count("a=recvonly") == 1
    assert set(re.findall(r"a=ssrc:(\d+)", once)) == ssrcs


def test_a_ssrc_is_never_given_twice() -> None:
    taken: set[int] = set()
    for _ in range(50):
        sdp.windows([f"p{n}" for n in range(7)], taken)
    assert len(taken) == 50 * 14
