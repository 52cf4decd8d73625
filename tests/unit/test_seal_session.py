"""Devices agree on keys through a server that only carries, change them when somebody comes or goes, and lose no frame over it.

Every call here is run in Node with the code that the browser's worker runs, under a clock moved by hand; some of the devices
are the Python twin. The server is a few lines that carry bodies, keep them all, and can be told to misbehave.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from tests import seal_twin as twin
from tests.seal_node import ROOT, Fault, Node, in_node  # noqa: F401 -- the fixture

CALL = "c_1"


class Call:
    """The server between devices. ``cut``: (from, to) pairs whose bodies it does not carry."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.js: dict[str, int] = {}
        self.py: dict[str, twin.Device] = {}
        self.carried: list[tuple[str, str, str]] = []
        self.cut: set[tuple[str, str]] = set()
        self.said: dict[str, list[dict[str, Any]]] = {}
        self.identities: dict[str, Ed25519PrivateKey] = {}  #: of the Python twins' devices
        self.guardians: dict[str, Ed25519PrivateKey] = {}
        self.me: dict[str, str] = {}
        self.withheld: set[tuple[str, str]] = set()  #: (to whom, whose): not handed out by itself
        self.rosters: dict[tuple[str, str], str | None] = {}  #: (to whom, whose): what the server hands out
        self.known: dict[tuple[str, str], str] = {}  #: (whose family says so, of whom): a guardian's yes
        self._waiting: list[tuple[str, str, str]] = []

    def browser(self, name: str, index: int, *, me: str = "", call: str = CALL) -> None:
        """A new page of somebody's: also when they had one before."""
        self.me[name] = me or name
        self.node("own", me=me or name, key=twin.key_of(self.guardian(name)))
        self.node("device", id=name, call=call, index=index, me=me or name)
        self.node("outgoing", id=name, mid="video", index="all")
        self.js[name], self.said[name] = index, []

    def python(self, name: str, index: int) -> twin.Device:
        def post(ref: str, body: str) -> None:
            self._waiting.append((name, ref, body))

        own = twin.key_of(self.guardian(name))
        device = twin.Device(
            CALL, index, post, now=lambda: int(self.node("now")), own=own, identity=self.identity(name)
        )
        self.js.pop(name, None)
        self.py[name] = device
        return device

    # who may talk: each person has a guardian, and unless a test says otherwise that guardian has signed for the device that is here

    def identity(self, name: str) -> Ed25519PrivateKey:
        return self.identities.setdefault(name, Ed25519PrivateKey.generate())

    def guardian(self, name: str) -> Ed25519PrivateKey:
        return self.guardians.setdefault(name, Ed25519PrivateKey.generate())

    def key(self, name: str) -> str:
        if name in self.js:
            return str(self.node("id", me=self.me[name]))
        return twin.key_of(self.py[name].identity)

    @staticmethod
    def between(one: str, other: str) -> tuple[str, str]:
        """The contact of these two, and the side of the other."""
        first, second = sorted((one, other))
        return f"{first}+{second}", "a" if other == first else "b"

    def sign(
        self, viewer: str, name: str, serial: int, *keys: str, by: Ed25519PrivateKey | None = None, **other: Any
    ) -> str:
        """The roster of somebody for one contact, as it is handed to the other side from now on."""
        contact, side = self.between(viewer, name)
        body = twin.roster(by or self.guardian(name), contact, side, list(keys), serial, **other)
        self.rosters[viewer, name] = body
        return body

    def vouch(self, viewer: str, name: str) -> None:
        """The server hands out what it has; unless a test says otherwise a roster of the device that is here."""
        if (viewer, name) in self.withheld or name not in self.js.keys() | self.py.keys():
            return
        if (viewer, name) not in self.rosters:
            self.sign(viewer, name, 1, self.key(name))
        self.hand_out(viewer, name)

    def hand_out(self, viewer: str, name: str) -> None:
        contact, side = self.between(viewer, name)
        told = twin.entry(name, contact, side, self.rosters.get((viewer, name)), self.known.get((viewer, name)))
        if viewer in self.js:
            self.tell(viewer, k="roster", told=told)
        else:
            self.py[viewer].told(told)

    def index(self, name: str) -> int:
        return self.js[name] if name in self.js else self.py[name].index

    def tell(self, name: str, **told: Any) -> None:
        self.node("tell", id=name, told=told)

    def meet(self, *names: str) -> None:
        """Each of these learns of each other, as the call's state tells."""
        for one in names:
            for other in names:
                if one != other:
                    self.introduce(one, other)
        self.carry()

    def introduce(self, one: str, other: str) -> None:
        self.vouch(one, other)
        if one in self.js:
            self.tell(one, k="peer", ref=other, index=self.index(other))
        else:
            self.py[one].peer(other, self.index(other))

    def leave(self, name: str) -> None:
        self.js.pop(name, None)
        self.py.pop(name, None)
        for one in self.js:
            self.tell(one, k="gone", ref=name)
        for device in self.py.values():
            device.gone(name)
        self.carry()

    def hear(self, name: str) -> list[dict[str, Any]]:
        """What this browser said since it was last asked; what is to be sent waits to be carried."""
        new = self.node("posts", id=name)
        self.said[name] += new
        self._waiting += [(name, one["ref"], one["body"]) for one in new if one["k"] == "send"]
        return [one for one in new if one["k"] != "send"]

    def carry(self) -> None:
        """Until nobody has anything more to send."""
        while True:
            for name in self.js:
                self.hear(name)
            if not self._waiting:
                return
            waiting, self._waiting = self._waiting, []
            for sender, to, body in waiting:
                self.carried.append((sender, to, body))
                if (sender, to) not in self.cut:
                    self.deliver(sender, to, body)

    def deliver(self, sender: str, to: str, body: str) -> None:
        self.vouch(to, sender)
        if to in self.js:
            self.tell(to, k="body", ref=sender, body=body)
        elif to in self.py:
            self.py[to].body(sender, body)

    def wait(self, ms: int) -> None:
        self.node("clock", ms=ms)
        self.carry()

    def heard(self, name: str, kind: str) -> list[dict[str, Any]]:
        return [one for one in self.said[name] if one["k"] == kind]

    def kids(self, name: str) -> list[int]:
        return list(self.heard(name, "kids")[-1]["kids"])

    # media: every viewer has a stream of every publisher, its mid is the publisher's name and the kind

    def watch(self, viewer: str, publisher: str, *, index: int | None = None, kind: str = "video") -> None:
        claimed = self.index(publisher) if index is None else index
        self.node("incoming", id=viewer, mid=f"{publisher}.{kind}", kind=kind, index=claimed)

    def sealed(
        self, name: str, plain: bytes, kind: str = "video", type: str = "delta", *, to: str = ""
    ) -> bytes | None:
        """``to``: for whom alone; without it, for everybody."""
        if name in self.py:
            return self.py[name].seal(kind, type == "key", plain, self.index(to) if to else twin.EVERYBODY)
        mid = f"{to}.{kind}" if to else kind
        if to:
            self.node("outgoing", id=name, mid=mid, index=self.index(to))
        frame = self.node("out", id=name, kind=kind, type=type, data=plain.hex(), mid=mid)
        return None if frame is None else bytes.fromhex(frame)

    def opened(self, viewer: str, publisher: str, frame: bytes, kind: str = "video") -> bytes | None:
        if viewer in self.py:
            try:
                return self.py[viewer].open(kind, self.index(publisher), frame)
            except twin.Dropped:
                return None
        plain = self.node("in", id=viewer, mid=f"{publisher}.{kind}", data=frame.hex())
        return None if plain is None else bytes.fromhex(plain)

    def sees(self, viewer: str, publisher: str, kind: str = "video", *, own: bool = False) -> bool:
        """``own``: the copy that is made for this viewer; without it, what goes to everybody."""
        plain = secrets.token_bytes(30)
        frame = self.sealed(publisher, plain, kind, to=viewer if own else "")
        return frame is not None and self.opened(viewer, publisher, frame, kind) == plain

    def dropped(self, name: str) -> dict[str, int]:
        return dict(self.node("stats", id=name)["dropped"])


def two(node: Node) -> Call:
    call = Call(node)
    call.browser("maya", 0)
    call.browser("theo", 1)
    call.meet("maya", "theo")
    for one, other in (("maya", "theo"), ("theo", "maya")):
        for kind in ("audio", "video"):
            call.watch(one, other, kind=kind)
    return call


def three(node: Node) -> Call:
    call = two(node)
    call.browser("lea", 2)
    call.meet("maya", "theo", "lea")
    for one, other in (("maya", "lea"), ("theo", "lea"), ("lea", "maya"), ("lea", "theo")):
        call.watch(one, other)
    return call


# -- agreeing -----------------------------------------------------------------------------------------------------------------


def test_two_browsers_confirm_each_other_and_open_each_others_frames(node: Node) -> None:
    call = two(node)
    for one, other in (("maya", "theo"), ("theo", "maya")):
        assert call.heard(one, "confirmed") == [{"k": "confirmed", "ref": other}]
        assert not call.heard(one, "refused") + call.heard(one, "failed") + call.heard(one, "dark")
        assert call.sees(one, other, "video")
        assert call.sees(one, other, "audio")
    assert call.heard("maya", "sealed") == []  # told when it happens, and heard when next asked
    call.carry()
    assert call.heard("maya", "sealed") == [
        {"k": "sealed", "kind": "video", "mid": "video"},
        {"k": "sealed", "kind": "audio", "mid": "audio"},
    ]
    assert {"k": "opened", "mid": "theo.video", "kind": "video", "index": 1} in call.said["maya"]
    stats = node("stats", id="maya")
    assert stats["sent"] == {"audio": 1, "video": 1}
    assert stats["opened"] == stats["arrived"] == {"theo.video": 1, "theo.audio": 1}
    assert stats["dropped"] == {}


@pytest.mark.parametrize("first", ["browser", "python"])
def test_a_browser_and_the_python_twin_agree_and_open_each_others_frames(node: Node, first: str) -> None:
    call = Call(node)
    theo = call.python("theo", 0 if first == "python" else 1)
    call.browser("maya", 1 if first == "python" else 0)
    call.meet("maya", "theo")
    call.watch("maya", "theo")
    call.watch("maya", "theo", kind="audio")
    assert call.heard("maya", "confirmed") == [{"k": "confirmed", "ref": "theo"}]
    assert theo.confirmed("maya")
    for kind in ("audio", "video"):
        assert call.sees("maya", "theo", kind)
        assert call.sees("theo", "maya", kind)
    assert theo.kids == [twin.kid_of(theo.index, 1, "audio"), twin.kid_of(theo.index, 1, "video")]


def test_bodies_that_come_before_the_person_or_the_hello_are_kept_for_them(node: Node) -> None:
    call = Call(node)
    call.browser("maya", 0)
    theo = call.python("theo", 1)
    call.cut.add(("theo", "maya"))
    theo.peer("maya", 0)
    call.deliver("maya", "theo", call_hello(call, "maya"))
    call.carry()
    hello, wrap = (body for sender, _, body in call.carried if sender == "theo")
    call.cut.clear()
    call.deliver("theo", "maya", wrap)
    call.deliver("theo", "maya", hello)
    call.carry()
    assert call.heard("maya", "confirmed") == []
    call.introduce("maya", "theo")
    call.carry()
    assert call.heard("maya", "confirmed") == [{"k": "confirmed", "ref": "theo"}]
    call.watch("maya", "theo")
    assert call.sees("maya", "theo")


def call_hello(call: Call, name: str) -> str:
    call.hear(name)
    return str(call.heard(name, "ready")[-1]["hello"])


def test_no_message_to_the_page_or_the_server_carries_a_base_key(node: Node) -> None:
    call = three(node)
    call.leave("lea")
    keys = [bytes.fromhex(one) for one in node("made")]
    assert len(keys) > 6
    text = json.dumps([call.said, call.carried])
    nonces = {json.loads(json.loads(body)["m"])["nonce"] for _, _, body in call.carried if "m" in json.loads(body)}
    secret = [key for key in keys if twin.b64(key) not in nonces]
    assert len(secret) == len(keys) - len(nonces) > 6
    for key in secret:
        assert key.hex() not in text
        assert twin.b64(key) not in text
    assert any(nonce in text for nonce in nonces)  # the search finds what is there


# -- what does not hold --------------------------------------------------------------------------------------------------------


def hello_of(*, signer: Ed25519PrivateKey | None = None, **other: Any) -> Callable[[Node], str]:
    def make(node: Node) -> str:
        identity = Ed25519PrivateKey.generate()
        body, _ = twin.make_hello(identity, X25519PrivateKey.generate(), CALL, 1, node("now"), other)
        if signer:
            text = json.loads(body)["m"]
            body = json.dumps({"m": text, "s": twin.b64(signer.sign(text.encode()))})
        return body

    return make


@pytest.mark.parametrize(
    ("hello", "why"),
    [
        (hello_of(signer=Ed25519PrivateKey.generate()), "signature"),
        (hello_of(call="c_2"), "call"),
        (hello_of(index=2), "index"),
        (hello_of(exp=1_700_000_000_000), "expired"),
        (hello_of(exp=2_000_000_000_000), "expired"),
        (hello_of(exp="soon"), "shape"),
        (hello_of(v=2), "version"),
        (hello_of(t="wrap"), "shape"),
        (hello_of(eph="AAAA"), "shape"),
        (hello_of(eph=twin.b64(bytes(32))), "shape"),  # small order: everybody would know the shared secret
        (lambda node: "{}", "shape"),
        (lambda node: "[" * 3000, "shape"),
        (lambda node: "x" * 5000, "shape"),
        (lambda node: '{"m": 7, "s": 7}', "shape"),
        (lambda node: '{"t": "roster"}', "shape"),
    ],
)
def test_a_hello_that_does_not_hold_is_refused_and_a_right_one_after_it_is_taken(
    node: Node, hello: Callable[[Node], str], why: str
) -> None:
    call = Call(node)
    call.browser("maya", 0)
    theo = call.python("theo", 1)
    call.introduce("maya", "theo")
    call.deliver("theo", "maya", hello(node))
    call.hear("maya")
    assert call.heard("maya", "refused") == [{"k": "refused", "ref": "theo", "why": why}]
    theo.peer("maya", 0)
    call.carry()
    assert call.heard("maya", "confirmed") == [{"k": "confirmed", "ref": "theo"}]


def test_ones_own_hello_sent_back_is_refused(node: Node) -> None:
    call = Call(node)
    call.browser("maya", 0)
    call.python("theo", 1)
    call.introduce("maya", "theo")
    call.hear("maya")
    call.deliver("theo", "maya", call.heard("maya", "ready")[0]["hello"])
    call.hear("maya")
    assert [one["why"] for one in call.heard("maya", "refused")] == ["index"]
    with pytest.raises(twin.NotHeld, match="index"):
        twin.read_hello(call.heard("maya", "ready")[0]["hello"], call=CALL, index=1, now=node("now"))


def test_two_people_cannot_have_one_place(node: Node) -> None:
    call = two(node)
    call.tell("maya", k="peer", ref="ghost", index=1)
    call.tell("maya", k="peer", ref="mirror", index=0)
    call.tell("maya", k="peer", ref="far", index=16)
    call.hear("maya")
    assert [(one["ref"], one["why"]) for one in call.heard("maya", "refused")] == [
        ("ghost", "index"),
        ("mirror", "index"),
        ("far", "index"),
    ]
    assert call.sees("maya", "theo")


def agreed(node: Node) -> tuple[Call, twin.Device, twin.Pair]:
    call = Call(node)
    call.browser("maya", 0)
    theo = call.python("theo", 1)
    call.meet("maya", "theo")
    call.watch("maya", "theo")
    pair = theo._others["maya"].pair
    assert pair
    return call, theo, pair


def test_a_wrap_or_ack_turned_around_or_of_another_call_direction_or_epoch_is_refused(node: Node) -> None:
    call, _theo, pair = agreed(node)
    base, copy = secrets.token_bytes(16), secrets.token_bytes(16)
    good = json.loads(pair.wrap(1, 0, 5, base, copy))
    mine = next(body for sender, _, body in call.carried if sender == "maya" and '"wrap"' in body)
    turned = json.loads(mine) | {"from": 1, "to": 0}
    bad = [
        (json.loads(mine), "from"),  # maya's own, sent back as it is
        (turned, "wrap"),  # and with its ends exchanged
        (good | {"call": "c_2"}, "call"),
        (good | {"to": 2}, "to"),
        (good | {"epoch": 6}, "wrap"),
        (good | {"epoch": -1}, "shape"),
        (good | {"epoch": "5"}, "shape"),
        (good | {"key": twin.b64(bytes(48))}, "wrap"),
        (good | {"key": twin.b64(bytes(32))}, "shape"),
        (good | {"key": "AA"}, "shape"),
        (json.loads(pair.wrap(0, 1, 5, base, copy)) | {"from": 1, "to": 0}, "wrap"),
        (json.loads(pair.ack(0, 1, 5)), "mac"),  # of a key that maya has not made
        (json.loads(pair.ack(0, 1, 1)) | {"mac": twin.b64(bytes(32))}, "mac"),
        (json.loads(pair.ack(1, 0, 1)), "from"),
        (json.loads(pair.ack(1, 0, 1)) | {"from": 1, "to": 0}, "mac"),
    ]
    for words, _ in bad:
        call.deliver("theo", "maya", json.dumps(words))
    call.hear("maya")
    assert [one["why"] for one in call.heard("maya", "refused")] == [why for _, why in bad]
    assert call.sees("maya", "theo")
    call.deliver("theo", "maya", json.dumps(good))
    call.hear("maya")
    assert (
        call.opened("maya", "theo", twin.seal_frame(twin.Sealer(base, twin.kid_of(1, 5, "video")), "video", True, b"x"))
        == b"x"
    )


def test_the_twin_refuses_what_the_browser_refuses(node: Node) -> None:
    _call, theo, pair = agreed(node)
    good = json.loads(pair.wrap(0, 1, 5, bytes(16), bytes(16)))
    for words, why in (
        (json.loads(pair.wrap(1, 0, 5, bytes(16), bytes(16))) | {"from": 0, "to": 1}, "wrap"),
        (good | {"call": "c_2"}, "call"),
        (good | {"epoch": 6}, "wrap"),
        (json.loads(pair.ack(1, 0, 1)) | {"mac": twin.b64(bytes(32))}, "mac"),
    ):
        with pytest.raises(twin.NotHeld, match=why):
            theo.body("maya", json.dumps(words))


def test_an_epoch_comes_once_and_its_repeat_brings_no_frame_back(node: Node) -> None:
    call, _, pair = agreed(node)
    base, copy = secrets.token_bytes(16), secrets.token_bytes(16)
    wrap = pair.wrap(1, 0, 5, base, copy)
    sealer = twin.Sealer(base, twin.kid_of(1, 5, "video"))
    frame = twin.seal_frame(sealer, "video", True, b"once")
    call.deliver("theo", "maya", wrap)
    assert call.opened("maya", "theo", frame) == b"once"
    acks = sum('"ack"' in body for _, _, body in call.carried)
    call.deliver("theo", "maya", wrap)  # its ack may have been lost
    call.deliver("theo", "maya", pair.wrap(1, 0, 5, bytes(16), bytes(16)))  # the same epoch, another key: not taken
    call.carry()
    assert sum('"ack"' in body for _, _, body in call.carried) > acks
    assert call.opened("maya", "theo", frame) is None
    assert call.dropped("maya") == {"replay": 1}
    assert call.opened("maya", "theo", twin.seal_frame(sealer, "video", True, b"next")) == b"next"
    call.deliver("theo", "maya", pair.wrap(1, 0, 4, bytes(16), bytes(16)))
    call.hear("maya")
    assert [one["why"] for one in call.heard("maya", "refused")] == ["wrap"]


def test_a_hello_that_was_used_is_not_used_again_by_anybody(node: Node) -> None:
    """A server that played it again could make old wraps open again, and with them old frames."""
    call, theo, _ = agreed(node)
    old = [body for sender, _, body in call.carried if sender == "theo"]
    kept = call.sealed("theo", b"long ago")
    assert kept
    assert call.opened("maya", "theo", kept) == b"long ago"
    call.tell("maya", k="gone", ref="theo")
    call.introduce("maya", "theo")
    for body in old:
        call.deliver("theo", "maya", body)
    call.hear("maya")
    assert [one["why"] for one in call.heard("maya", "refused")] == ["expired"]
    assert call.opened("maya", "theo", kept) is None
    call.tell("maya", k="gone", ref="theo")
    call.tell("maya", k="peer", ref="somebody", index=1)
    call.deliver("somebody", "maya", theo.hello)
    call.hear("maya")
    assert [one["ref"] for one in call.heard("maya", "refused")] == ["theo", "somebody"]


# -- identities ----------------------------------------------------------------------------------------------------------------


def unsigned(call: Call, name: str) -> list[tuple[str, str]]:
    return [(one["ref"], one["why"]) for one in call.heard(name, "unsigned")]


def test_another_device_is_taken_without_a_question_once_the_same_guardian_has_signed_for_it(node: Node) -> None:
    call = two(node)
    first = call.key("theo")
    call.leave("theo")
    call.leave("maya")
    call.browser("maya", 0)  # the next call of the same person on the same device
    call.browser("theo", 1, me="theo on a new device")
    call.meet("maya", "theo")
    call.watch("maya", "theo")
    assert unsigned(call, "maya") == [("theo", "device")]
    assert not call.heard("maya", "confirmed")
    assert not call.sees("maya", "theo")
    call.sign("maya", "theo", 2, first, call.key("theo"))
    call.hand_out("maya", "theo")
    call.carry()
    assert call.heard("maya", "confirmed") == [{"k": "confirmed", "ref": "theo"}]
    assert call.sees("maya", "theo")


def met_before(node: Node, kind: str) -> Call:
    """Maya has met Theo in a call, and is in the next one with him; the server has not handed out a roster yet. ``kind``: what Maya's
    device is made of."""
    call = Call(node)
    met: dict[str, twin.Met] = {}
    for round_ in range(2):
        if kind == "js":
            call.browser("maya", 0)
        else:
            call.python("maya", 0).met = met
        call.browser("theo", 1)
        if round_ == 0:
            call.sign("maya", "theo", 5, call.key("theo"))
            call.meet("maya", "theo")
            call.node("clock", ms=0)
            call.leave("theo")
            call.leave("maya")
    call.rosters["maya", "theo"] = None
    return call


def why_not(call: Call) -> str:
    """Why Maya's device does not believe Theo's; empty when it does."""
    call.meet("maya", "theo")
    if "maya" in call.py:
        assert call.py["maya"].confirmed("theo") is ("theo" not in call.py["maya"].unsigned)
        return call.py["maya"].unsigned.get("theo", "")
    told = unsigned(call, "maya")
    assert bool(call.heard("maya", "confirmed")) is not bool(told)
    return told[-1][1] if told else ""


def a_forged(call: Call) -> None:
    body = call.sign("maya", "theo", 6, call.key("theo"), by=Ed25519PrivateKey.generate())
    text = json.loads(body)["m"].replace(
        json.loads(json.loads(body)["m"])["guardian"], twin.key_of(call.guardian("theo"))
    )
    call.rosters["maya", "theo"] = json.dumps({"m": text, "s": json.loads(body)["s"]})


def a_wrong_contact(call: Call) -> None:
    call.sign("maya", "theo", 6, call.key("theo"), contact="lea+maya")


def another_contact_altogether(call: Call) -> None:
    """The server says that the same ref is another contact now, with a roster that is right for that."""
    call.between = lambda one, other: ("lea+maya", "a")  # type: ignore[method-assign]
    call.sign("maya", "theo", 6, call.key("theo"))


def an_older_one(call: Call) -> None:
    call.sign("maya", "theo", 4, call.key("theo"))


def a_ghost(call: Call) -> None:
    """A device that the server alone has put in: the roster is the family's, and the hello is not of a device in it."""
    call.sign("maya", "theo", 6, twin.key_of(Ed25519PrivateKey.generate()))


def an_unpaired(call: Call) -> None:
    call.sign("maya", "theo", 6)


def another_guardian(call: Call) -> None:
    call.sign("maya", "theo", 6, call.key("theo"), by=Ed25519PrivateKey.generate())


def ones_own_device(call: Call) -> None:
    call.sign("maya", "theo", 6, call.key("theo"), call.key("maya"))


def no_roster(call: Call) -> None:
    call.rosters["maya", "theo"] = None


def the_same_again(call: Call) -> None:
    call.sign("maya", "theo", 5, call.key("theo"))


def a_newer_one(call: Call) -> None:
    call.sign("maya", "theo", 6, call.key("theo"))


@pytest.mark.parametrize("kind", ["js", "py"])
@pytest.mark.parametrize(
    ("handed", "why"),
    [
        (no_roster, "none"),
        (a_forged, "signature"),
        (a_wrong_contact, "contact"),
        (another_contact_altogether, "contact"),
        (an_older_one, "serial"),
        (a_ghost, "device"),
        (an_unpaired, "device"),
        (another_guardian, "guardian"),
        (ones_own_device, "mine"),
        (the_same_again, ""),
        (a_newer_one, ""),
    ],
)
def test_a_device_that_stands_in_no_roster_that_holds_gets_no_keys(
    node: Node, kind: str, handed: Callable[[Call], None], why: str
) -> None:
    call = met_before(node, kind)
    handed(call)
    assert why_not(call) == why


def new_browser(call: Call) -> str:
    """Theo's guardian has lost the old key and signs with a new one, which is told."""
    new = Ed25519PrivateKey.generate()
    call.sign("maya", "theo", 6, call.key("theo"), by=new)
    return twin.key_of(new)


def say_yes(call: Call, key: str, *, by: Ed25519PrivateKey | None = None, **other: Any) -> None:
    contact, side = call.between("maya", "theo")
    call.known["maya", "theo"] = twin.knows(by or call.guardian("maya"), contact, side, key, **other)


@pytest.mark.parametrize("kind", ["js", "py"])
def test_a_changed_guardian_is_believed_only_after_the_own_guardians_signed_yes(node: Node, kind: str) -> None:
    call = met_before(node, kind)
    key = new_browser(call)
    assert why_not(call) == "guardian"
    for wrong in (
        {"by": Ed25519PrivateKey.generate()},  # somebody's yes
        {"by": call.guardian("theo")},  # the other family's own
        {"contact": "lea+maya"},
        {"side": "a"},
    ):
        say_yes(call, key, **wrong)  # type: ignore[arg-type]
        call.hand_out("maya", "theo")
        call.carry()
        assert why_not(call) == "guardian", wrong
    say_yes(call, key)
    call.hand_out("maya", "theo")
    call.carry()
    assert "maya" in call.py or call.heard("maya", "confirmed")
    assert "maya" in call.js or call.py["maya"].confirmed("theo")
    # the old key counts no longer, and neither does the old yes for it
    call.sign("maya", "theo", 7, call.key("theo"))
    call.leave("maya")
    if kind == "js":
        call.browser("maya", 0)
    else:
        before = call.node("now")
        call.python("maya", 0).met = {"theo": twin.Met(*call.between("maya", "theo"), key, 6, 0)}
        assert before
    call.browser("theo", 1)
    assert why_not(call) == "guardian"


@pytest.mark.parametrize("kind", ["js", "py"])
@pytest.mark.parametrize(("at", "why"), [(1, "guardian"), (3, "")])
def test_a_yes_that_is_older_than_the_one_in_use_brings_no_lost_browser_back(
    node: Node, kind: str, at: int, why: str
) -> None:
    """The browser that Theo's grown-up lost is in somebody's hands, and the server hands out the yes that was once said to it."""
    call = met_before(node, kind)
    key = new_browser(call)
    say_yes(call, key, at=2)
    assert why_not(call) == ""
    call.sign("maya", "theo", 7, call.key("theo"))
    say_yes(call, twin.key_of(call.guardian("theo")), at=at)
    call.leave("maya")
    if kind == "js":
        call.browser("maya", 0)
    else:
        call.python("maya", 0).met = {"theo": twin.Met(*call.between("maya", "theo"), key, 6, 2)}
    call.browser("theo", 1)
    assert why_not(call) == why


def test_at_the_first_meeting_the_own_guardians_yes_says_who_it_must_be(node: Node) -> None:
    call = Call(node)
    call.browser("maya", 0)
    call.browser("theo", 1)
    say_yes(call, twin.key_of(call.guardian("theo")), checked=True)
    call.sign(
        "maya", "theo", 1, call.key("theo"), by=Ed25519PrivateKey.generate()
    )  # the server's own, from the beginning
    assert why_not(call) == "guardian"
    call.sign("maya", "theo", 1, call.key("theo"))
    call.hand_out("maya", "theo")
    call.carry()
    assert call.heard("maya", "confirmed")


@pytest.mark.parametrize("kind", ["js", "py"])
@pytest.mark.parametrize("with_it", ["theirs", "nothing"])
def test_a_yes_that_was_heard_once_is_not_undone_by_leaving_it_out(node: Node, kind: str, with_it: str) -> None:
    """The grown-ups have compared pictures; the server hands that out once, with a roster of its own or none, and then never again."""
    call = Call(node)
    if kind == "js":
        call.browser("maya", 0)
    else:
        call.python("maya", 0)
    call.browser("theo", 1)
    say_yes(call, twin.key_of(call.guardian("theo")), checked=True)
    servers = Ed25519PrivateKey.generate()
    forged = call.sign("maya", "theo", 1, call.key("theo"), by=servers)
    if with_it == "nothing":
        call.rosters["maya", "theo"] = None  # type: ignore[assignment]
    assert why_not(call) == ("guardian" if with_it == "theirs" else "none")
    call.known.pop(("maya", "theo"))
    call.rosters["maya", "theo"] = forged
    call.hand_out("maya", "theo")
    call.carry()
    assert why_not(call) == "guardian"
    call.sign("maya", "theo", 1, call.key("theo"))  # and whom it was said to is believed without it
    call.hand_out("maya", "theo")
    call.carry()
    assert call.py["maya"].confirmed("theo") if kind == "py" else call.heard("maya", "confirmed")


def test_the_own_guardians_yes_to_another_ends_a_call_with_whoever_stood_in_between(node: Node) -> None:
    call = Call(node)
    call.browser("maya", 0)
    call.browser("theo", 1)
    call.sign(
        "maya", "theo", 1, call.key("theo"), by=Ed25519PrivateKey.generate()
    )  # the server's, at the first meeting
    call.meet("maya", "theo")
    call.watch("theo", "maya")
    assert call.sees("theo", "maya")
    say_yes(call, twin.key_of(call.guardian("theo")), checked=True)
    call.hand_out("maya", "theo")
    call.carry()
    assert unsigned(call, "maya") == [("theo", "guardian")]
    assert not call.sees("theo", "maya")


def test_a_device_that_is_taken_out_does_not_stay_by_sending_another_hello_first(node: Node) -> None:
    call = two(node)
    assert call.sees("theo", "maya")
    stranger, _ = twin.make_hello(Ed25519PrivateKey.generate(), X25519PrivateKey.generate(), CALL, 1, node("now"))
    call.deliver("theo", "maya", stranger)  # waits, and would be all that a roster is asked about
    call.sign("maya", "theo", 9, "A" * 43)
    call.hand_out("maya", "theo")
    call.carry()
    assert not call.sees("theo", "maya")


def test_a_hello_waits_for_the_roster_and_a_no_is_told_once(node: Node) -> None:
    call = Call(node)
    call.browser("maya", 0)
    call.browser("theo", 1)
    call.withheld.add(("maya", "theo"))
    call.meet("maya", "theo")
    assert not unsigned(call, "maya")
    assert not call.heard("maya", "confirmed")
    for _ in range(3):
        call.sign("maya", "theo", 1, "A" * 43)
        call.hand_out("maya", "theo")
        call.carry()
    assert unsigned(call, "maya") == [("theo", "device")]
    call.sign("maya", "theo", 2, call.key("theo"))
    call.hand_out("maya", "theo")
    call.carry()
    assert call.heard("maya", "confirmed") == [{"k": "confirmed", "ref": "theo"}]


def test_a_device_that_is_taken_out_of_the_roster_in_a_call_gets_no_more_keys(node: Node) -> None:
    call = two(node)
    assert call.sees("maya", "theo")
    call.sign("maya", "theo", 2, by=Ed25519PrivateKey.generate())  # says nothing: nobody knows who signed it
    call.hand_out("maya", "theo")
    call.carry()
    assert call.sees("theo", "maya")
    call.sign("maya", "theo", 3)
    call.hand_out("maya", "theo")
    call.carry()
    assert unsigned(call, "maya") == [("theo", "device")]
    assert not call.sees("maya", "theo")
    call.wait(2500)
    assert not call.sees("theo", "maya")


def test_a_hello_that_waited_too_long_is_refused_and_the_call_goes_on(node: Node) -> None:
    call = Call(node)
    call.browser("maya", 0)
    call.browser("theo", 1)
    call.withheld.add(("maya", "theo"))
    call.meet("maya", "theo")
    call.wait(3 * 86_400_000)
    call.vouch("theo", "maya")
    call.withheld.clear()
    call.vouch("maya", "theo")
    call.hear("maya")
    assert [(one["ref"], one["why"]) for one in call.heard("maya", "refused")] == [("theo", "expired")]
    assert not call.heard("maya", "failed")


def test_a_device_is_told_that_it_is_itself_the_one_that_nobody_signed_for(node: Node) -> None:
    call = two(node)
    contact, side = call.between("maya", "theo")
    mine = {"a": "b", "b": "a"}[side]
    told = twin.entry("theo", contact, side, call.rosters["maya", "theo"])
    for devices, why in (([], "own"), ([], None), ([call.key("maya")], "")):
        body = twin.roster(call.guardian("maya"), contact, mine, devices, 1)
        call.tell("maya", k="roster", told={**told, "mine": body})
        before = len(unsigned(call, "maya"))
        call.hear("maya")
        assert unsigned(call, "maya")[before:] == ([] if why is None else [("theo", why)])
    assert call.sees("maya", "theo")  # it is only told: what the other believes is the other's


def test_a_stranger_under_a_persons_name_does_not_disturb_the_running_call(node: Node) -> None:
    call = two(node)
    body, _ = twin.make_hello(Ed25519PrivateKey.generate(), X25519PrivateKey.generate(), CALL, 1, node("now"))
    call.deliver("theo", "maya", body)
    call.hear("maya")
    assert unsigned(call, "maya") == [("theo", "device")]
    assert call.sees("maya", "theo")
    assert call.sees("theo", "maya")


def test_a_reloaded_page_of_the_same_device_is_met_anew_without_a_question(node: Node) -> None:
    call = three(node)
    call.leave("lea")
    old = call.sealed("theo", b"before")
    kid = twin.look_at("video", old or b"")[0]
    assert old
    call.browser("theo", 1)
    call.introduce("theo", "maya")
    call.carry()
    call.watch("theo", "maya")
    assert not call.heard("maya", "unsigned")
    assert [one["ref"] for one in call.heard("maya", "confirmed")] == ["theo", "lea", "theo"]
    assert kid not in call.kids("theo")  # no new key stands in its place
    assert call.opened("maya", "theo", old) is None  # keys of the page that is gone open nothing
    assert call.sees("maya", "theo")
    assert call.sees("theo", "maya")


# -- coming and going ----------------------------------------------------------------------------------------------------------


def test_a_third_comes_and_goes_and_no_frame_is_lost_or_opened_by_who_should_not(node: Node) -> None:
    call = two(node)
    before = call.sealed("maya", b"before lea")
    assert before
    call.browser("lea", 2)
    call.watch("lea", "maya")
    for one in ("maya", "theo"):
        call.introduce(one, "lea")
    # every step of the agreement, a frame each way between the two who were there
    for _ in range(6):
        assert call.sees("theo", "maya")
        assert call.sees("maya", "theo")
        call.introduce("lea", "maya")
        call.introduce("lea", "theo")
        for name in call.js:
            call.hear(name)
        moved, call._waiting = call._waiting, []
        for sender, to, body in moved:
            call.carried.append((sender, to, body))
            call.deliver(sender, to, body)
    call.carry()
    assert call.dropped("maya") == call.dropped("theo") == {}
    for viewer in ("maya", "theo"):
        call.watch(viewer, "lea")
        assert call.sees(viewer, "lea")
        call.watch("lea", viewer)
        assert call.sees("lea", viewer)
    assert call.opened("lea", "maya", before) is None  # what was said before she came stays theirs
    known_to_lea = twin.look_at("video", call.sealed("maya", b"with lea") or b"")[0]
    call.leave("lea")
    for _ in range(4):
        assert call.sees("theo", "maya")
        assert call.sees("maya", "theo")
    assert twin.look_at("video", call.sealed("maya", b"without lea") or b"")[0] != known_to_lea
    assert call.dropped("maya") == call.dropped("theo") == {}


def test_who_left_opens_nothing_more_and_is_waited_for_by_nobody(node: Node) -> None:
    call = three(node)
    call.js.pop("lea")  # her device goes on listening
    for one in ("maya", "theo"):
        call.tell(one, k="gone", ref="lea")
    call.carry()  # no clock moved: nobody waited
    frame = call.sealed("maya", b"after lea")
    assert frame
    assert node("in", id="lea", mid="maya.video", data=frame.hex()) is None
    assert call.opened("theo", "maya", frame) == b"after lea"
    lea_says = node("out", id="lea", kind="video", type="key", data="00")
    assert node("in", id="maya", mid="lea.video", data=lea_says) is None


def test_make_before_break_the_gate_is_told_the_new_kids_before_anybody_is_sent_the_key(node: Node) -> None:
    call = two(node)
    for name in ("maya", "theo"):
        before: list[int] = []
        for one in call.said[name]:
            if one["k"] == "kids":
                before = one["kids"]
            elif one["k"] == "send" and '"wrap"' in one["body"]:
                epoch = json.loads(one["body"])["epoch"]
                assert [twin.kid_of(call.js[name], epoch, kind) for kind in ("audio", "video")] == before[-2:]
        frame = call.sealed(name, b"x")
        assert frame
        assert twin.look_at("video", frame)[0] in call.kids(name)


def test_who_does_not_acknowledge_goes_dark_after_two_seconds_and_the_others_go_on(node: Node) -> None:
    call = three(node)
    assert not call.heard("maya", "dark")
    call.cut |= {("lea", "maya"), ("lea", "theo"), ("maya", "lea"), ("theo", "lea")}
    call.browser("noor", 3)
    for one in ("maya", "theo", "noor"):
        for other in ("maya", "theo", "noor"):
            if one != other and "noor" in (one, other):
                call.introduce(one, other)
    call.carry()
    old = call.sealed("maya", b"still the old key")
    assert old
    assert call.opened("lea", "maya", old) == b"still the old key"
    call.wait(1999)
    assert not call.heard("maya", "dark")
    call.wait(1)
    assert [one["ref"] for one in call.heard("maya", "dark")] == ["lea"]
    new = call.sealed("maya", b"the new key")
    assert new
    assert call.opened("lea", "maya", new) is None
    assert call.opened("theo", "maya", new) == b"the new key"
    call.watch("noor", "maya")
    assert call.sees("noor", "maya")
    missed = [one for one in call.carried if one[:2] == ("maya", "lea")][-1]
    call.cut.clear()
    call.deliver(*missed)  # late, but there
    call.carry()
    assert call.heard("maya", "confirmed")[-1] == {"k": "confirmed", "ref": "lea"}
    assert call.sees("lea", "maya")


def test_an_old_key_opens_for_five_seconds_after_the_new_one_was_used_and_not_longer(node: Node) -> None:
    call = two(node)
    late = [call.sealed("maya", bytes([n])) for n in range(3)]
    call.browser("lea", 2)
    call.meet("maya", "theo", "lea")
    assert call.opened("theo", "maya", late[0] or b"") == b"\0"
    assert call.sees("theo", "maya")  # under the new key
    call.wait(4999)
    assert call.opened("theo", "maya", late[1] or b"") == b"\1"
    call.wait(1)
    assert call.opened("theo", "maya", late[2] or b"") is None
    assert call.dropped("theo") == {"no_key": 1}


def test_kids_are_not_used_again_within_a_minute_and_who_left_is_not_spoken_to_meanwhile(node: Node) -> None:
    call = two(node)
    seen: dict[int, bytes] = {}
    silent = 0
    for n in range(9):
        name = f"guest{n}"
        call.browser(name, 2)
        call.introduce("maya", name)
        call.introduce(name, "maya")
        call.carry()
        if name in {one["ref"] for one in call.heard("maya", "confirmed")}:
            call.watch(name, "maya")
            assert call.sees(name, "maya")
        guest_key = call.kids("maya")[-1]
        call.js.pop(name)
        call.tell("maya", k="gone", ref=name)
        call.carry()
        frame = call.sealed("maya", b"after the guest")
        if frame is None:
            silent += 1
            continue
        kid = twin.look_at("video", frame)[0]
        assert kid != guest_key
        assert kid not in seen or seen[kid] == b"", "a KID named two keys within a minute"
        seen[kid] = frame
        assert node("in", id=name, mid="maya.video", data=frame.hex()) is None
    assert silent > 0  # no KID was free: nothing was sealed, rather than with a key that a guest knows
    assert call.dropped("maya") == {"no_key": silent}
    call.wait(61_000)
    assert call.sees("theo", "maya")


def test_a_sender_seals_nothing_before_it_began_and_nothing_after_the_end(node: Node) -> None:
    call = two(node)
    assert call.sees("theo", "maya")
    frame = call.sealed("maya", b"x")
    assert frame
    call.tell("theo", k="end")
    call.tell("maya", k="end")
    assert call.opened("theo", "maya", frame) is None
    assert call.sealed("maya", b"x") is None
    with pytest.raises(Fault):
        node("out", id="nobody", kind="video", type="key", data="00")


def test_a_session_begins_once_and_only_with_a_right_place(node: Node) -> None:
    call = two(node)
    call.tell("maya", k="init", call=CALL, index=0, me="maya")
    call.browser("odd", 16)
    call.browser("odder", 0, call="a|b")
    for name in ("maya", "odd", "odder"):
        call.hear(name)
        assert call.heard(name, "failed") == [{"k": "failed", "why": "TypeError"}]
    assert call.sealed("odd", b"x") is None
    assert call.sees("theo", "maya")


# -- frames that are not let through -------------------------------------------------------------------------------------------


def test_a_frame_in_another_persons_slot_is_dropped_and_counted(node: Node) -> None:
    call = three(node)
    frame = call.sealed("lea", b"lea's picture")
    assert frame
    assert call.opened("maya", "theo", frame) is None  # the gate put it where theo's name stands
    assert call.dropped("maya") == {"wrong_sender": 1}
    call.tell("maya", k="claim", mid="theo.video", index=2)
    assert call.opened("maya", "theo", frame) == b"lea's picture"
    call.tell("maya", k="claim", mid="theo.video", index=None)
    assert not call.sees("maya", "theo")


def test_a_sound_in_a_pictures_stream_and_what_is_not_sealed_is_dropped(node: Node) -> None:
    call = two(node)
    sound = call.sealed("theo", b"a sound of some length", kind="audio")
    assert sound
    assert call.opened("maya", "theo", b"\0" + sound) is None
    for clear in (b"", b"\x10" * 10, bytes([0x10, 2, 0, 0x9D, 1, 0x2A]) + bytes(100), b"\x78" + bytes(80)):
        assert call.opened("maya", "theo", clear) is None
        assert call.opened("maya", "theo", clear, kind="audio") is None
    assert node("in", id="maya", mid="nowhere", data=sound.hex()) is None
    assert call.opened("maya", "theo", sound, kind="audio") == b"a sound of some length"
    dropped = call.dropped("maya")
    assert dropped.pop("empty") == 2
    assert dropped.pop("wrong_kind") == 1
    assert dropped.pop("no_stream") == 1
    assert sum(dropped.values()) == 6


def test_an_empty_frame_or_one_of_no_kind_does_not_leave(node: Node) -> None:
    call = two(node)
    assert call.sealed("maya", b"") is None
    assert call.sealed("maya", b"x", kind="text") is None
    assert call.dropped("maya") == {"empty": 1, "kind": 1}


def test_a_lost_picture_asks_for_a_key_picture_until_one_opens_at_most_every_300_ms(node: Node) -> None:
    call = two(node)

    def show(type: str = "delta", broken: bool = False) -> None:
        frame = call.sealed("theo", b"picture", type=type)
        assert frame
        call.opened("maya", "theo", frame[:-1] + bytes([frame[-1] ^ broken]))

    show("key")
    assert node("asked", id="maya") == []
    show(broken=True)
    assert len(node("asked", id="maya")) == 1
    for _ in range(10):
        call.wait(29)
        show()
    assert node("asked", id="maya") == []
    call.wait(10)
    show()  # opened, but no key picture: still wanted
    assert len(node("asked", id="maya")) == 1
    show("key")
    call.wait(1000)
    show()
    assert node("asked", id="maya") == []


def test_a_key_that_comes_asks_once_for_a_key_picture_where_one_is_missing(node: Node) -> None:
    call = Call(node)
    call.browser("maya", 0)
    theo = call.python("theo", 1)
    call.watch("maya", "theo")
    call.introduce("maya", "theo")
    frame = theo.seal("video", True, b"too early")
    assert call.opened("maya", "theo", frame) is None
    assert len(node("asked", id="maya")) == 1
    theo.peer("maya", 0)
    call.carry()
    assert len(node("asked", id="maya")) == 1


# -- the picture code ------------------------------------------------------------------------------------------------------------


def test_the_picture_code_is_the_same_for_both_and_another_when_a_key_is_swapped(node: Node) -> None:
    keys = [twin.b64(secrets.token_bytes(32)) for _ in range(4)]
    shown = node("pictures", four=keys)
    assert shown == twin.pictures(*keys)
    assert len(shown) == 5
    assert all(0 <= one < 64 for one in shown)
    for n in range(4):
        swapped = [*keys]
        swapped[n] = twin.b64(secrets.token_bytes(32))
        assert node("pictures", four=swapped) != shown  # one chance in 2^30
    assert node("pictures", four=[keys[2], keys[3], keys[0], keys[1]]) != shown
    assert {one for n in range(200) for one in twin.pictures(*keys[:3], twin.b64(n.to_bytes(32, "big")))} == set(
        range(64)
    )


def test_a_commitment_opens_with_its_own_key_and_random_only(node: Node) -> None:
    a, b, random, other = (twin.b64(secrets.token_bytes(32)) for _ in range(4))
    commitment = node("commit", id=a, random=random)
    assert commitment == twin.commit(a, random)
    assert node("reveal", commitment=commitment, id=a, random=random) == "fits"
    for id_, chance in ((b, random), (a, other), (random, a)):
        with pytest.raises(Fault, match="commitment"):
            node("reveal", commitment=commitment, id=id_, random=chance)


# -- the watchdog ----------------------------------------------------------------------------------------------------------------

FINE: dict[str, Any] = {
    "counted": {
        "sent": {"audio": 8000, "video": 60},
        "received": {"1": {"kind": "video", "frames": 60}, "0": {"kind": "audio", "frames": 100}},
    },
    "numbers": {
        "came": {"audio": 101, "video": 61},
        "sent": {"audio": 101, "video": 61},
        "bytes": {"audio": 8080, "video": 91_000},
        "arrived": {"0": 101, "1": 62},
        "opened": {"0": 101, "1": 61},
        "dropped": {},
    },
}


@pytest.mark.parametrize(
    ("part", "change", "said"),
    [
        ((), None, ""),
        (("numbers", "came", "video"), 0, "sent"),
        (("numbers", "bytes", "audio"), 0, "sent"),
        (("numbers", "came", "video"), 45, ""),  # on their way
        (("numbers", "came", "video"), 44, "sent"),
        (("numbers", "bytes", "audio"), 3500, ""),
        (("numbers", "bytes", "audio"), 3499, "sent"),
        (("numbers", "sent"), {"audio": 101, "video": 0}, ""),  # no key yet: they came, and were dropped
        (("numbers", "opened", "1"), 0, "shown"),
        (("numbers", "opened", "1"), 57, ""),
        (("numbers", "opened", "1"), 56, "shown"),
        (("numbers", "arrived", "0"), 0, "shown"),
        (("numbers", "arrived"), {}, "shown"),
        (("numbers", "arrived", "0"), 68, "shown"),
        (("numbers", "arrived", "0"), 69, ""),  # some came twice
        (("numbers", "opened", "0"), 0, ""),  # sound that came and was dropped is not heard
    ],
)
def test_the_watchdog_says_when_more_was_sent_than_sealed_or_shown_than_opened(
    node: Node, part: tuple[str, ...], change: Any, said: str
) -> None:
    seen = json.loads(json.dumps(FINE))
    at = seen
    for name in part[:-1]:
        at = at[name]
    if part:
        at[part[-1]] = change
    assert node("watchdog", **seen) == said


def test_each_viewers_own_picture_may_be_on_its_own_way_to_the_worker(node: Node) -> None:
    for came, said in ((15, ""), (14, "sent")):
        seen = json.loads(json.dumps(FINE))
        seen["counted"]["pictures"] = 3
        seen["numbers"]["came"]["video"] = came
        assert node("watchdog", **seen) == said


def test_the_watchdog_reads_what_browsers_count(node: Node) -> None:
    report = [
        ["a", {"type": "outbound-rtp", "kind": "video", "framesEncoded": 30, "packetsSent": 90}],
        ["b", {"type": "outbound-rtp", "kind": "video", "framesEncoded": 12, "packetsSent": 20}],
        ["c", {"type": "outbound-rtp", "kind": "audio", "bytesSent": 5000, "retransmittedBytesSent": 200}],
        ["d", {"type": "inbound-rtp", "kind": "video", "mid": "3", "framesDecoded": 7, "packetsReceived": 40}],
        ["e", {"type": "inbound-rtp", "kind": "audio", "mid": "2", "packetsReceived": 40}],
        ["f", {"type": "candidate-pair"}],
    ]
    assert node("tally", report=report) == {
        "sent": {"audio": 4800, "video": 42},
        "pictures": 2,
        "received": {"3": {"kind": "video", "frames": 7}, "2": {"kind": "audio", "frames": 40}},
    }


# -- the page that tells of it -----------------------------------------------------------------------------------------------------


def test_the_page_names_every_reason_to_drop_a_frame_and_no_other() -> None:
    code = "".join((ROOT / "client_web/shared/seal" / name).read_text("utf-8") for name in ("sframe.js", "session.js"))
    reasons = set(re.findall(r'(?:#drop|new Dropped)\("(\w+)"\)', code)) | {"fault"}
    text = (ROOT / "docs/reference/sealing.md").read_text("utf-8")
    table = text[text.index("| Reason | Frame |") : text.index("A picture that is dropped")]
    told = [reason for line in table.splitlines()[2:] if line for reason in re.findall(r"`(\w+)`", line.split("|")[1])]
    assert sorted(told) == sorted(reasons)
