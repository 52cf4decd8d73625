"""A picture that is made for one viewer opens on that viewer's device and on no other, whoever hands it round.

Every device here that is not the Python twin runs, in Node, what the browser's worker runs. The gate that lies is this test: it gives one
person's copy to another. What that must not do is make a recording of theirs lead to somebody else.
"""

from __future__ import annotations

import json
import secrets
from typing import Any

import pytest

from tests import seal_twin as twin
from tests.seal_node import Fault, Node, in_node  # noqa: F401 -- the fixture
from tests.unit.test_seal_session import Call, three, two

PICTURE = b"maya, as she was marked for lea"


def four(node: Node) -> Call:
    """Three browsers, and Noor with a Python twin; everybody watches Maya."""
    call = three(node)
    call.python("noor", 3)
    call.meet("maya", "theo", "lea", "noor")
    return call


# -- how it lies on the wire ------------------------------------------------------------------------------------------------


def test_a_key_id_of_a_copy_says_whose_and_for_whom_alike_in_both(node: Node) -> None:
    seen = set()
    for viewer in range(16):
        for index in (0, 5, 15):
            for epoch in (0, 7, 11):
                kid = twin.copy_kid_of(viewer, index, epoch)
                assert node("copy_kid", viewer=viewer, index=index, epoch=epoch) == kid
                assert kid & 0xFF == twin.kid_of(index, epoch, "video")
                frame = twin.seal_frame(twin.Sealer(bytes(16), kid), "video", True, b"x")
                assert node("look", kind="video", data=frame.hex()) == [kid, index, viewer]
                assert (twin.sender_of(kid), twin.viewer_of(kid)) == (index, viewer)
                seen.add(kid)
    assert len(seen) == 16 * 3 * 3
    shared = twin.seal_frame(twin.Sealer(bytes(16), 0x51), "video", True, b"x")
    assert node("look", kind="video", data=shared.hex()) == [0x51, 5, None]
    assert twin.viewer_of(0x51) is None


def test_both_seal_a_copy_to_the_same_bytes_with_two_bytes_of_key_id(node: Node) -> None:
    kid, base = twin.copy_kid_of(2, 5, 11), secrets.token_bytes(16)
    node("sealer", id="s", base=base.hex(), kid=kid, first=300)
    node("opener", id="o", base=base.hex(), kid=kid)
    ours = twin.seal_frame(twin.Sealer(base, kid, 300), "video", True, PICTURE)
    assert ours[:6] == bytes([0, 0x99, 0x12, 0x57, 1, 44])
    assert node("seal_frame", id="s", kind="video", whole=True, data=PICTURE.hex()) == ours.hex()
    assert node("open_frame", id="o", kind="video", data=ours.hex()) == PICTURE.hex()


def test_no_other_key_id_of_more_than_a_byte_is_taken(node: Node) -> None:
    for kid in (0x100, 0xFFF, 0x2011, 0x10011, 0xFFFF):
        frame = twin.seal_frame(twin.Sealer(bytes(16), kid), "video", True, b"x")
        with pytest.raises(twin.Dropped, match="header"):
            twin.look_at("video", frame)
        with pytest.raises(Fault, match="header"):
            node("look", kind="video", data=frame.hex())


# -- a gate that hands it to another ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("sender", ["browser", "python"])
def test_a_copy_that_the_gate_gives_to_another_opens_there_for_nobody_and_at_its_own_viewer_it_does(
    node: Node, sender: str
) -> None:
    call = four(node)
    who = "maya" if sender == "browser" else "noor"
    others = {"theo", "lea", "maya", "noor"} - {who, "lea"}
    for viewer in ("theo", "lea", "maya"):
        if viewer != who:
            call.watch(viewer, who)
    frame = call.sealed(who, PICTURE, to="lea")
    assert frame
    assert PICTURE not in frame
    for other in sorted(others):
        assert call.opened(other, who, frame) is None
        counted = call.py[other].dropped if other in call.py else call.dropped(other)
        assert counted == {"wrong_viewer": 1}
        if other in call.js:
            assert node("stats", id=other)["opened"] == {}
            call.hear(other)
            assert call.heard(other, "opened") == []
    assert call.opened("lea", who, frame) == PICTURE
    assert call.dropped("lea") == {}


@pytest.mark.parametrize("sender", ["browser", "python"])
def test_a_copy_with_another_viewers_label_or_everybodys_opens_for_nobody(node: Node, sender: str) -> None:
    call = four(node)
    who = "maya" if sender == "browser" else "noor"
    call.watch("theo", who)
    call.watch("lea", who)
    frame = call.sealed(who, PICTURE, to="lea")
    assert frame
    kid, _, sealed = twin.look_at("video", frame)
    _, ctr, length = twin.decode_header(sealed)
    for other in (twin.copy_kid_of(call.index("theo"), call.index(who), kid >> 1 & 7), kid & 0xFF):
        assert call.opened("theo", who, frame[:1] + twin.encode_header(other, ctr) + sealed[length:]) is None
    assert call.dropped("theo") == {"tag": 2}
    assert call.opened("lea", who, frame) == PICTURE


def test_what_everybody_holds_opens_no_copy(node: Node) -> None:
    call = four(node)
    frame = call.sealed("maya", PICTURE, to="lea")
    assert frame
    kid, metadata, sealed = twin.look_at("video", frame)
    noor = call.py["noor"]
    pair = noor._others["maya"].pair
    assert pair
    last = [json.loads(body) for who, to, body in call.carried if (who, to) == ("maya", "noor") and '"wrap"' in body][
        -1
    ]
    epoch, base, copy = pair.unwrap(last, 0, 3)
    assert kid >> 1 & 7 == epoch % 8
    for key in (base, copy):
        with pytest.raises(twin.Dropped, match="tag"):
            twin.Opener(key, kid).open(sealed, metadata)
    shared = call.sealed("maya", b"for everybody")
    assert shared
    _, metadata, sealed = twin.look_at("video", shared)
    assert twin.Opener(base, kid & 0xFF).open(sealed, metadata) == b"for everybody"


def test_each_wrap_carries_another_copys_key_and_the_same_one_of_what_goes_to_all(node: Node) -> None:
    call = Call(node)
    call.browser("maya", 0)
    for index, name in enumerate(("theo", "noor"), 1):
        call.python(name, index)
    call.meet("maya", "theo", "noor")
    held = {}
    for index, name in enumerate(("theo", "noor"), 1):
        pair = call.py[name]._others["maya"].pair
        assert pair
        bodies = [body for who, to, body in call.carried if (who, to) == ("maya", name) and '"wrap"' in body]
        held[name] = pair.unwrap(json.loads(bodies[-1]), 0, index)
    (epoch, base, copy), (epoch_too, base_too, copy_too) = held.values()
    assert (epoch, base) == (epoch_too, base_too)
    assert len({base, copy, copy_too}) == 3


# -- which section is whose -------------------------------------------------------------------------------------------------


def test_a_section_of_which_something_else_is_said_later_is_silent_for_good(node: Node) -> None:
    """A server that calls Lea's section Theo's, when her copy is on it already, would have it sealed for him."""
    call = three(node)

    def out(mid: str) -> bytes | None:
        frame = node("out", id="maya", kind="video", type="key", data=PICTURE.hex(), mid=mid)
        return None if frame is None else bytes.fromhex(frame)

    for mid, said in (("5", 1), ("7", "all")):
        call.tell("maya", k="claim", mid=mid, index=2)
        assert call.opened("lea", "maya", out(mid) or b"") == PICTURE
        call.tell("maya", k="claim", mid=mid, index=None)  # nobody is told of: it stays hers
        assert call.opened("lea", "maya", out(mid) or b"") == PICTURE
        for index in (said, 2):
            call.tell("maya", k="claim", mid=mid, index=index)
            assert out(mid) is None
        node("outgoing", id="maya", mid=mid, index=2)
        assert out(mid) is None
    assert call.dropped("maya") == {"no_key": 6}
    assert call.sees("theo", "maya", own=True)


def test_a_section_that_is_nobodys_yet_sends_no_picture(node: Node) -> None:
    call = two(node)
    assert node("out", id="maya", kind="video", type="key", data=PICTURE.hex(), mid="9") is None
    node("outgoing", id="maya", mid="9", index=None)
    assert node("out", id="maya", kind="video", type="key", data=PICTURE.hex(), mid="9") is None
    assert call.dropped("maya") == {"no_key": 2}
    call.tell("maya", k="claim", mid="9", index=1)
    assert node("out", id="maya", kind="video", type="key", data=PICTURE.hex(), mid="9")


@pytest.mark.parametrize("sender", ["browser", "python"])
def test_a_copy_for_whom_no_key_was_agreed_with_is_sealed_and_opens_for_nobody(node: Node, sender: str) -> None:
    call = two(node)
    call.python("noor", 3)
    call.meet("maya", "theo", "noor")
    call.browser("lea", 2)  # she is in the call, and her hello has not come
    who = "maya" if sender == "browser" else "noor"
    call.watch("lea", who)
    call.watch("theo", who)
    frame = call.sealed(who, PICTURE, to="lea")
    assert frame
    assert PICTURE not in frame
    kid = twin.look_at("video", frame)[0]
    assert twin.viewer_of(kid) == twin.sender_of(kid) == call.index(who)
    for viewer in ("theo", "lea"):
        assert call.opened(viewer, who, frame) is None
        assert call.dropped(viewer) == {"wrong_viewer": 1}
    call.meet("maya", "theo", "lea", "noor")
    assert call.sees("lea", who, own=True)
    assert call.opened("lea", who, frame) is None


def leg(ref: str, index: int, state: str = "connected") -> dict[str, Any]:
    return {"ref": ref, "state": state, "index": index}


def slot(ref: str, first: int) -> dict[str, str]:
    return {"ref": ref, "audio_mid": str(first), "video_mid": str(first + 1)}


def test_the_page_takes_everybodys_place_and_section_as_they_were_first_told(node: Node) -> None:
    first, again = node(
        "page",
        steps=[
            ("slots", [slot("theo", 0), slot("lea", 2)], "4"),
            ("people", [leg("theo", 2), leg("lea", 3)]),
            ("slots", [slot("theo", 0), slot("lea", 2)], "4"),
            ("people", [leg("theo", 2), leg("lea", 3, "lost")]),
        ],
    )[::2]
    assert first == [None, *(["claim", mid, None] for mid in "0123"), ["claim", "4", "all"]]
    assert again == [None]


def test_an_offer_in_which_a_section_is_anothers_than_before_is_not_answered(node: Node) -> None:
    people = ("people", [leg("theo", 2), leg("lea", 3)])
    right = [slot("theo", 0), slot("lea", 2)]
    for later in (
        ([slot("lea", 0), slot("theo", 2)], ""),
        ([slot("theo", 0), slot("lea", 0)], ""),
        ([slot("theo", 1), slot("lea", 3)], ""),
        (right, "1"),
    ):
        *_, laid, lied = node("page", steps=[people, ("slots", right), ("slots", *later)])
        assert laid == [None, ["claim", "0", 2], ["claim", "1", 2], ["claim", "2", 3], ["claim", "3", 3]]
        assert lied == ["slot"]


def test_one_section_for_two_people_in_one_offer_is_not_answered(node: Node) -> None:
    for slots in ([slot("theo", 0), slot("lea", 0)], [{"ref": "theo", "audio_mid": "0", "video_mid": "0"}]):
        assert node("page", steps=[("slots", slots)])[0][0] == "slot"


def test_a_place_that_is_told_anew_or_twice_is_nobodys(node: Node) -> None:
    """Two people whose places a server exchanges in mid-call, or one who is said to sit where another does: no keys, no pictures."""
    slots = ("slots", [slot("theo", 0), slot("lea", 2)])
    both = ("people", [leg("theo", 2), leg("lea", 3)])
    *_, swapped = node("page", steps=[slots, both, ("people", [leg("theo", 3), leg("lea", 2)])])
    assert swapped == [None, ["gone", "theo"], ["gone", "lea"], *(["claim", mid, None] for mid in "0123")]
    *_, twice = node("page", steps=[slots, ("people", [leg("theo", 2), leg("lea", 2)])])
    assert twice == [None, ["peer", "theo", 2], ["claim", "0", 2], ["claim", "1", 2]]


# -- coming and going -------------------------------------------------------------------------------------------------------


def test_a_third_comes_and_goes_and_no_copy_is_lost(node: Node) -> None:
    call = two(node)
    call.browser("lea", 2)
    call.watch("lea", "maya")
    for one in ("maya", "theo"):
        call.introduce(one, "lea")
    for _ in range(6):  # every step of the agreement, a copy each way between the two who were there
        assert call.sees("theo", "maya", own=True)
        assert call.sees("maya", "theo", own=True)
        call.introduce("lea", "maya")
        call.introduce("lea", "theo")
        for name in call.js:
            call.hear(name)
        moved, call._waiting = call._waiting, []
        for sender, to, body in moved:
            call.deliver(sender, to, body)
    call.carry()
    assert call.sees("lea", "maya", own=True)
    late = call.sealed("maya", PICTURE, to="theo")
    call.js.pop("lea")  # her device goes on listening
    for one in ("maya", "theo"):
        call.tell(one, k="gone", ref="lea")
    call.carry()
    assert call.sees("theo", "maya", own=True)
    assert call.opened("theo", "maya", late or b"") == PICTURE  # of the old key, on its way until now
    hers = node("out", id="maya", kind="video", type="key", data=PICTURE.hex(), mid="lea.video")
    assert hers is None or node("in", id="lea", mid="maya.video", data=hers) is None
    assert call.dropped("maya") == call.dropped("theo") == {}


def test_an_old_copys_key_opens_for_five_seconds_after_the_new_one_was_used_and_not_longer(node: Node) -> None:
    call = two(node)
    late = [call.sealed("maya", bytes([n]), to="theo") for n in range(2)]
    call.browser("lea", 2)
    call.meet("maya", "theo", "lea")
    assert call.sees("theo", "maya", own=True)
    call.wait(4999)
    assert call.opened("theo", "maya", late[0] or b"") == b"\0"
    call.wait(1)
    assert call.opened("theo", "maya", late[1] or b"") is None
    assert call.dropped("theo") == {"no_key": 1}


def test_a_page_that_is_loaded_anew_does_not_open_the_copies_of_the_one_before(node: Node) -> None:
    call = two(node)
    before = call.sealed("maya", PICTURE, to="theo")
    call.browser("theo", 1)
    call.introduce("theo", "maya")
    call.carry()
    call.watch("theo", "maya")
    assert call.opened("theo", "maya", before or b"") is None
    assert call.sees("theo", "maya", own=True)


def test_turning_from_one_picture_for_all_to_copies_and_back_loses_no_frame(node: Node) -> None:
    call = four(node)
    for _ in range(3):
        for own in (False, True):
            for viewer in ("theo", "lea", "noor"):
                assert call.sees(viewer, "maya", own=own)
    on_the_way = [call.sealed("maya", b"for all"), call.sealed("maya", PICTURE, to="theo")]
    assert call.sees("theo", "maya", own=True)
    assert [call.opened("theo", "maya", one or b"") for one in on_the_way] == [b"for all", PICTURE]
    assert call.dropped("theo") == call.dropped("lea") == {}


def test_the_gate_is_told_the_last_byte_of_every_copys_key_id_before_any_is_used(node: Node) -> None:
    call = three(node)
    for viewer in ("theo", "lea"):
        frame = call.sealed("maya", PICTURE, to=viewer)
        assert frame
        kid = twin.look_at("video", frame)[0]
        assert kid & 0xFF in call.kids("maya")
        assert max(call.kids("maya")) < 256
