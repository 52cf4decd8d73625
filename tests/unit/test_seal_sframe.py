"""Frames are sealed as RFC 9605 says, in both implementations, and nothing opens twice, changed, or under another key."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Any

import pytest

from tests import seal_twin as twin
from tests.seal_node import Fault, Node, in_node  # noqa: F401 -- the fixture

VECTORS: dict[str, Any] = json.loads((Path(__file__).parents[1] / "data" / "sframe_rfc9605.json").read_text("utf-8"))
BASE = bytes(range(16))


# -- the RFC's own vectors -------------------------------------------------------------------------------------------------


def test_the_headers_of_the_rfc_are_written_and_read_by_both(node: Node) -> None:
    assert len(VECTORS["header"]) > 100
    for vector in VECTORS["header"]:
        kid, ctr, encoded = vector["kid"], vector["ctr"], vector["encoded"]
        assert twin.encode_header(int(kid), int(ctr)).hex() == encoded
        assert node("encode", kid=kid, ctr=ctr) == encoded
        length = len(encoded) // 2
        assert twin.decode_header(bytes.fromhex(encoded + "ff")) == (int(kid), int(ctr), length)
        assert node("decode", data=encoded + "ff") == [kid, ctr, length]


def test_keys_are_derived_as_in_the_rfc_by_both(node: Node) -> None:
    v = VECTORS["sframe"]
    base, kid = bytes.fromhex(v["base_key"]), v["kid"]
    assert [label.hex() for label in twin.labels(kid)] == [v["sframe_key_label"], v["sframe_salt_label"]]
    assert twin.extract(base).hex() == v["sframe_secret"]
    assert [part.hex() for part in twin.derive(base, kid)] == [v["sframe_key"], v["sframe_salt"]]
    assert twin.nonce_of(bytes.fromhex(v["sframe_salt"]), v["ctr"]).hex() == v["nonce"]
    assert twin.encode_header(kid, v["ctr"]).hex() + v["metadata"] == v["aad"]
    assert node("derive", base=v["base_key"], kid=kid) == [v["sframe_key"], v["sframe_salt"]]


def test_the_frame_of_the_rfc_is_sealed_and_opened_by_both(node: Node) -> None:
    v = VECTORS["sframe"]
    plain, metadata = bytes.fromhex(v["pt"]), bytes.fromhex(v["metadata"])
    base, kid = bytes.fromhex(v["base_key"]), v["kid"]
    assert twin.Sealer(base, kid, v["ctr"]).seal(plain, metadata).hex() == v["ct"]
    assert twin.Opener(base, kid).open(bytes.fromhex(v["ct"]), metadata) == plain
    node("sealer", id="s", base=v["base_key"], kid=kid, first=v["ctr"])
    node("opener", id="o", base=v["base_key"], kid=kid)
    assert node("seal", id="s", data=v["pt"], metadata=v["metadata"]) == v["ct"]
    assert node("open", id="o", data=v["ct"], metadata=v["metadata"]) == v["pt"]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ("", "short"),
        ("80", "short"),
        ("08", "short"),
        ("8f", "short"),
        ("8001", "header"),
        ("0807", "header"),
        ("090001", "header"),
        ("9000ff00", "header"),
    ],
)
def test_a_header_that_is_cut_short_or_not_in_its_shortest_form_is_refused_by_both(
    node: Node,
    data: str,
    why: str,
) -> None:
    with pytest.raises(twin.Dropped, match=why):
        twin.decode_header(bytes.fromhex(data))
    with pytest.raises(Fault, match=why):
        node("decode", data=data)


# -- frames of ours, both ways ---------------------------------------------------------------------------------------------


def opened_by(opener: twin.Opener, kind: str, frame: bytes) -> bytes:
    found, metadata, sealed = twin.look_at(kind, frame)
    if found != opener.kid:
        raise twin.Dropped("kid")
    return opener.open(sealed, metadata)


def pair_of(node: Node, kind: str, first: int = 0) -> tuple[int, twin.Sealer, twin.Opener]:
    kid = twin.kid_of(5, 11, kind)
    node("sealer", id="s", base=BASE.hex(), kid=kid, first=first)
    node("opener", id="o", base=BASE.hex(), kid=kid)
    return kid, twin.Sealer(BASE, kid, first), twin.Opener(BASE, kid)


@pytest.mark.parametrize("kind", ["audio", "video"])
def test_both_seal_the_same_bytes_and_each_opens_the_others(node: Node, kind: str) -> None:
    _, sealer, opener = pair_of(node, kind, first=250)
    for n in range(12):
        plain = secrets.token_bytes(1 + 100 * n)
        theirs = node("seal_frame", id="s", kind=kind, whole=n % 5 == 0, data=plain.hex())
        ours = twin.seal_frame(sealer, kind, n % 5 == 0, plain)
        assert ours.hex() == theirs
        assert node("open_frame", id="o", kind=kind, data=ours.hex()) == plain.hex()
        assert opened_by(opener, kind, bytes.fromhex(theirs)) == plain


def test_a_frame_lies_on_the_wire_as_the_page_says(node: Node) -> None:
    """Type byte, header of two bytes and the counter's, ciphertext as long as the plain, sixteen bytes of tag."""
    kid, _, _ = pair_of(node, "video", first=300)
    assert kid == 5 << 4 | 3 << 1 | 1
    key = bytes.fromhex(node("seal_frame", id="s", kind="video", whole=True, data="aa" * 40))
    delta = bytes.fromhex(node("seal_frame", id="s", kind="video", whole=False, data="aa" * 40))
    assert key[:5] == bytes([0, 0x89, kid, 1, 44])
    assert delta[:5] == bytes([1, 0x89, kid, 1, 45])
    assert len(key) == 1 + 4 + 40 + 16
    assert b"\xaa\xaa\xaa" not in key


@pytest.mark.parametrize("kind", ["audio", "video"])
def test_a_frame_with_any_one_byte_changed_is_refused_by_both_and_the_true_one_still_opens(
    node: Node,
    kind: str,
) -> None:
    _, sealer, opener = pair_of(node, kind, first=100)
    frame = twin.seal_frame(sealer, kind, True, b"a frame of some child")
    for at in range(len(frame)):
        broken = frame[:at] + bytes([frame[at] ^ 1]) + frame[at + 1 :]
        with pytest.raises(Fault, match=r"tag|short|type|header|replay|kid"):
            node("open_frame", id="o", kind=kind, data=broken.hex())
        with pytest.raises(twin.Dropped):
            opened_by(opener, kind, broken)
    assert node("open_frame", id="o", kind=kind, data=frame.hex()) == b"a frame of some child".hex()
    assert opened_by(opener, kind, frame) == b"a frame of some child"


def test_another_key_or_the_key_of_another_kid_opens_nothing(node: Node) -> None:
    frame = twin.Sealer(BASE, 66).seal(b"hello")
    for name, base, kid in (("wrong", bytes(16), 66), ("elsewhere", BASE, 67)):
        node("opener", id=name, base=base.hex(), kid=kid)
        with pytest.raises(Fault, match="tag"):
            node("open", id=name, data=frame.hex())
        with pytest.raises(twin.Dropped, match="tag"):
            twin.Opener(base, kid).open(frame)
    node("opener", id="right", base=BASE.hex(), kid=66)
    assert node("open", id="right", data=frame.hex()) == b"hello".hex()


def test_frames_open_once_each_in_any_order_inside_the_window_and_not_behind_it(node: Node) -> None:
    kid, sealer, opener = pair_of(node, "audio")
    frames = [sealer.seal(bytes([n % 256])) for n in range(2200)]

    def said(n: int) -> str:
        try:
            got = opener.open(frames[n]).hex()
        except twin.Dropped as why:
            got = str(why)
        try:
            theirs = node("open", id="o", data=frames[n].hex())
        except Fault as why:
            theirs = str(why)
        assert theirs == got
        return got

    for n in (3, 0, 2, 1, 1000):
        assert said(n) == f"{n % 256:02x}"
    for n in (3, 0, 1, 1000):
        assert said(n) == "replay"
    assert said(1500) == f"{1500 % 256:02x}"
    assert said(477) == f"{477 % 256:02x}"  # 1500 - 1023: just inside
    assert said(476) == "replay"  # just behind
    assert said(477) == "replay"
    assert said(2199) == f"{2199 % 256:02x}"
    assert said(1501) == f"{1501 % 256:02x}"
    assert said(1500) == "replay"
    assert kid == opener.kid


def test_a_forged_frame_far_ahead_does_not_move_the_window(node: Node) -> None:
    _, sealer, _ = pair_of(node, "audio")
    first = sealer.seal(b"one")
    ahead = twin.encode_header(sealer.kid, 1_000_000) + first[3:]
    with pytest.raises(Fault, match="tag"):
        node("open", id="o", data=ahead.hex())
    assert node("open", id="o", data=first.hex()) == b"one".hex()


def test_the_same_frame_opened_twice_at_once_opens_once(node: Node) -> None:
    _, sealer, _ = pair_of(node, "audio")
    assert sorted(node("open_twice", id="o", data=sealer.seal(b"x").hex())) == [b"x".hex(), "replay"]


def test_the_counter_stops_for_good_and_never_turns_back(node: Node) -> None:
    _, sealer, _ = pair_of(node, "audio", first=2**31 - 1)
    assert node("seal", id="s", data="00") == sealer.seal(b"\0").hex()
    for _ in range(2):
        with pytest.raises(Fault, match="counter"):
            node("seal", id="s", data="00")
        with pytest.raises(twin.Dropped, match="counter"):
            sealer.seal(b"\0")
