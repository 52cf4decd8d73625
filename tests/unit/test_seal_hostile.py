"""A server that lies and a member who floods, against the code that the browser's worker runs.

They carry, keep back, repeat, swap and invent bodies. What they reach is a call that stays dark, or a question on the screen; never
a frame that opens for somebody it was not sealed for, nor a picture under another's name. After each attack the same call goes on.
"""

from __future__ import annotations

import json
import secrets
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from tests import seal_twin as twin
from tests.seal_node import Node, in_node  # noqa: F401 -- the fixture
from tests.unit.test_seal_session import CALL, Call, call_hello, three, two

LONGEST = 4096


def well(call: Call, *names: str) -> None:
    """Everybody sees everybody."""
    for one in names:
        for other in names:
            if one != other:
                assert call.sees(one, other), (one, other)


def asked(call: Call, name: str) -> list[dict[str, Any]]:
    """About whose devices this person was told that they are not the ones that are known."""
    return call.heard(name, "changed") + call.heard(name, "unsigned")


def bad_bodies() -> list[str]:
    """Bodies that are no hello, wrap or ack: too long, too deep, of odd types, or of the right form and empty inside."""
    wrap = {
        "t": "wrap",
        "call": CALL,
        "from": 1,
        "to": 0,
        "epoch": 9,
        "iv": twin.b64(bytes(12)),
        "key": twin.b64(bytes(48)),
    }
    ack = {"t": "ack", "call": CALL, "from": 1, "to": 0, "epoch": 1, "mac": twin.b64(bytes(32))}
    odd: list[Any] = [None, True, [], {}, -1, 1.5, 1e309, 2**60, "", "\ud800", "A" * 3000, {"length": 12}]
    changed = [json.dumps({**words, name: value}) for words in (wrap, ack) for name in words for value in odd]
    left_out = [json.dumps({k: v for k, v in words.items() if k != name}) for words in (wrap, ack) for name in words]
    signed = {"m": json.dumps({"v": 1, "t": "hello"}), "s": twin.b64(bytes(64))}
    hellos = [json.dumps({**signed, name: value}) for name in signed for value in odd]
    text = [
        "", " ", "null", "7", '"x"', "[]", "{", "\0", "{}" * 5, '{"m":' * 800, "[" * LONGEST, "9" * LONGEST, "x" * (LONGEST + 1),
        json.dumps(wrap) + " " * LONGEST, '{"__proto__":{"t":"wrap"}}', '{"constructor":{"prototype":{"t":"ack"}}}',
        '{"t":"wrap","__proto__":{"call":"c_1","from":1,"to":0,"epoch":9}}', '{"t":"__proto__"}', '{"m":"{}","t":"wrap","s":""}',
    ]  # fmt: skip
    return [*changed, *left_out, *hellos, *text]


def test_no_malformed_or_oversize_body_changes_anything_or_stops_the_worker(node: Node) -> None:
    call = two(node)
    bodies = bad_bodies()
    for body in bodies:
        call.deliver("theo", "maya", body)
    call.hear("maya")
    assert len(call.heard("maya", "refused")) == len(bodies) > 200
    assert {one["why"] for one in call.heard("maya", "refused")} <= {
        "shape", "version", "signature", "call", "index", "expired", "from", "to", "wrap", "mac",
    }  # fmt: skip
    assert not call.heard("maya", "failed") + asked(call, "maya")
    well(call, "maya", "theo")


def test_a_flood_of_bodies_is_kept_small_and_the_right_ones_after_it_are_taken(node: Node) -> None:
    call = Call(node)
    call.browser("maya", 0)
    theo = call.python("theo", 1)
    for n in range(100):
        for _ in range(20):
            call.deliver(f"nobody{n}", "maya", "x" * 300)
    call.introduce("maya", "theo")
    wrap = json.dumps({"t": "wrap", "call": CALL, "from": 1, "to": 0, "epoch": 1, "iv": "", "key": ""})
    for _ in range(200):
        call.deliver("theo", "maya", wrap)  # waits for a hello that has not come
    theo.peer("maya", 0)
    call.carry()
    call.watch("maya", "theo")
    assert len(call.heard("maya", "refused")) <= 20, "what waited was let go, not worked on"
    well(call, "maya", "theo")


def test_two_hundred_other_identities_under_a_persons_name_in_mid_call_do_not_disturb_it(node: Node) -> None:
    call = two(node)
    for _ in range(200):
        body, _ = twin.make_hello(Ed25519PrivateKey.generate(), X25519PrivateKey.generate(), CALL, 1, node("now"))
        call.deliver("theo", "maya", body)
    call.carry()
    assert {one["ref"] for one in asked(call, "maya")} == {"theo"}
    assert call.heard("maya", "confirmed") == [{"k": "confirmed", "ref": "theo"}]
    well(call, "maya", "theo")


def test_a_second_hello_of_the_same_device_takes_the_place_of_the_first_and_the_first_opens_nothing_more(
    node: Node,
) -> None:
    """A page that was loaded anew. The server may play it, but only the device can have signed it."""
    call = two(node)
    old = call.sealed("theo", b"of the page before")
    first = call_hello(call, "theo")
    assert old
    call.browser("theo", 1)
    call.meet("maya", "theo")
    call.watch("theo", "maya")
    well(call, "maya", "theo")
    call.deliver("theo", "maya", first)  # and the server plays the first one again
    call.carry()
    assert [one["why"] for one in call.heard("maya", "refused")] == ["expired"]
    assert call.opened("maya", "theo", old) is None
    well(call, "maya", "theo")


def test_hellos_of_two_people_that_the_server_exchanges_are_refused_by_their_index(node: Node) -> None:
    call = Call(node)
    for index, name in enumerate(("maya", "theo", "lea")):
        call.browser(name, index)
    call.introduce("maya", "theo")
    call.introduce("maya", "lea")
    call.deliver("theo", "maya", call_hello(call, "lea"))
    call.deliver("lea", "maya", call_hello(call, "theo"))
    call.hear("maya")
    assert [(one["ref"], one["why"]) for one in call.heard("maya", "refused")] == [("theo", "index"), ("lea", "index")]
    call.meet("maya", "theo", "lea")
    for one, other in (("maya", "theo"), ("maya", "lea"), ("theo", "maya"), ("lea", "maya")):
        call.watch(one, other)
        assert call.sees(one, other)


def test_a_server_that_exchanges_two_places_and_their_hellos_gives_nobody_anothers_name_without_a_question(
    node: Node,
) -> None:
    """It tells Maya that Lea sits where Theo does and hands her hello over for his: her identity is not the one known as Theo's."""
    call = three(node)
    for name in ("maya", "theo", "lea"):
        call.leave(name)
    for index, name in enumerate(("maya", "lea", "theo")):  # the next call; the places are exchanged
        call.browser(name, index)
    call.tell("maya", k="peer", ref="theo", index=1)
    call.tell("maya", k="peer", ref="lea", index=2)
    call.deliver("theo", "maya", call_hello(call, "lea"))
    call.deliver("lea", "maya", call_hello(call, "theo"))
    call.hear("maya")
    assert sorted(one["ref"] for one in asked(call, "maya")) == ["lea", "theo"]
    assert not call.heard("maya", "confirmed")
    call.watch("maya", "theo", index=1)
    frame = call.sealed("lea", b"lea's picture")
    assert frame
    assert call.opened("maya", "theo", frame) is None


def test_a_page_that_is_handed_another_persons_me_is_not_taken_for_whom_it_was(node: Node) -> None:
    call = two(node)
    for me, taken in (("maya's brother", False), ("maya", True)):
        call.leave("maya")
        call.leave("theo")
        call.browser("maya", 0, me=me)
        call.browser("theo", 1)
        call.meet("maya", "theo")
        call.watch("theo", "maya")
        assert bool(asked(call, "theo")) is not taken
        assert bool(call.heard("theo", "confirmed")) is taken
        assert call.sees("theo", "maya") is taken


def test_a_gate_that_gives_ones_frames_out_as_anothers_or_back_to_their_maker_has_them_dropped(node: Node) -> None:
    call = three(node)
    theos, mayas = call.sealed("theo", b"theo's picture"), call.sealed("maya", b"maya's own")
    assert theos
    assert mayas
    assert call.opened("maya", "lea", theos) is None
    assert call.opened("maya", "theo", mayas) is None
    relabelled = bytearray(theos)
    kid = twin.look_at("video", theos)[0]
    relabelled[relabelled.index(kid, 1)] = 2 << 4 | kid & 0x0F  # as if it were Lea's
    assert call.opened("maya", "lea", bytes(relabelled)) is None
    assert call.dropped("maya") == {"wrong_sender": 2, "tag": 1}
    assert call.opened("maya", "theo", theos) == b"theo's picture"


def test_what_one_member_was_given_does_not_open_what_is_sealed_for_nobody_but_others(node: Node) -> None:
    """Lea keeps all that the server ever carried, to her and to others; what comes after she went stays shut for her."""
    call = three(node)
    call.js.pop("lea")
    for one in ("maya", "theo"):
        call.tell(one, k="gone", ref="lea")
    call.carry()
    for sender, _, body in list(call.carried):
        if sender != "lea":
            node("tell", id="lea", told={"k": "body", "ref": sender, "body": body})
    frame = call.sealed("maya", secrets.token_bytes(40))
    assert frame
    assert node("in", id="lea", mid="maya.video", data=frame.hex()) is None
    well(call, "maya", "theo")


@pytest.mark.parametrize("kept_back", ["hello", "wrap", "ack"])
def test_a_server_that_keeps_words_back_leaves_people_dark_and_never_in_clear(node: Node, kept_back: str) -> None:
    call = Call(node)
    call.browser("maya", 0)
    call.browser("theo", 1)
    real = call.deliver

    def deliver(sender: str, to: str, body: str) -> None:
        words = json.loads(body)
        if ("hello" if "m" in words else words["t"]) != kept_back:
            real(sender, to, body)

    call.deliver = deliver  # type: ignore[method-assign]
    call.meet("maya", "theo")
    call.watch("theo", "maya")
    call.wait(10_000)
    assert not call.heard("maya", "confirmed") + call.heard("theo", "confirmed")
    plain = b"a picture that nobody may see"
    frame = call.sealed("maya", plain)
    assert frame is not None
    assert plain not in frame
    if kept_back != "ack":
        assert call.opened("theo", "maya", frame) is None
