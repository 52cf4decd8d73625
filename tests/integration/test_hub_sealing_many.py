"""Keys in the largest call: eight devices come in at the same moment, and nobody stays dark because words were refused.

Every device is the Python twin of the browser's, on a real socket, under the limits that are published. It says again nothing
that was refused, so one refusal would show.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from signalling.authority import Permit, Refusal, Seat
from signalling.pace import HubLimits
from signalling.protocol import CLOSE_CODES, MAX_PEOPLE
from tests import seal_twin
from tests.street import QUICK, House, Phone, in_a_call, street

IDENTITIES = {f"p{n}": Ed25519PrivateKey.generate() for n in range(MAX_PEOPLE)}
EIGHT = tuple(f"p{n}" for n in range(MAX_PEOPLE))


class Sealing:
    """A phone whose device agrees on keys by itself."""

    def __init__(self, phone: Phone) -> None:
        self.phone = phone
        self.keys: seal_twin.Device | None = None
        self.legs: dict[str, int] = {}
        self.ready = False
        self.said: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self._out: list[dict[str, Any]] = []

    def say(self, **message: Any) -> None:
        self.said[message["t"]] += 1
        self._out.append({"id": f"s{sum(self.said.values())}", **message})

    async def live(self, call: str) -> None:
        while True:
            message = await self.phone.frame()
            if message["t"] in ("err", "closed"):
                self.refused[message.get("code")] += 1
            self.hear(call, message)
            for each in self._out:
                await self.phone.tell(**each)
            self._out.clear()

    def hear(self, call: str, message: dict[str, Any]) -> None:
        if message["t"] == "call.state":
            self.keys = self.keys or seal_twin.Device(
                call,
                message["me"]["index"],
                lambda ref, body: self.say(t="seal.to", call=call, to=ref, body=body),
                on_kids=lambda kids: self.tell_kids(call, kids),
                identity=IDENTITIES[self.phone.person],
            )
            here = {leg["ref"]: leg["index"] for leg in message["legs"] if leg["state"] not in ("invited", "left")}
            for ref in self.legs.keys() - here.keys():
                self.keys.gone(ref)
            self.legs = here
            for ref, index in here.items():
                self.keys.told(self.vouched(ref))
                self.keys.peer(ref, index)
        elif message["t"] == "seal.from" and self.keys is not None and message["ref"] in self.legs:
            self.keys.body(message["ref"], message["body"])
        if self.keys is not None and not self.ready and self.agreed(len(self.legs)):
            self.ready = True
            self.tell_kids(call, self.keys.kids)

    @staticmethod
    def vouched(ref: str) -> dict[str, Any]:
        """What a server would hand out of them: a roster that everybody here believes."""
        whose = ref.rpartition("_")[2]
        body = seal_twin.roster(seal_twin.EVERYBODYS, f"x_{ref}", "a", [seal_twin.key_of(IDENTITIES[whose])], 1)
        return seal_twin.entry(ref, f"x_{ref}", "a", body)

    def tell_kids(self, call: str, kids: list[int]) -> None:
        if self.ready:
            self.say(t="seal.ready", call=call, kids=kids)

    def agreed(self, others: int) -> bool:
        """Keys are here and there, with so many."""
        return (
            self.keys is not None
            and len(self.legs) == others > 0
            and all(self.keys.confirmed(ref) for ref in self.legs)
        )


async def test_eight_who_come_in_at_once_all_get_keys_and_not_one_word_is_refused() -> None:
    limits = HubLimits()
    async with street(House(*combinations(EIGHT, 2)), limits) as here:
        phones = [await here.phone(person) for person in EIGHT]
        caller, *callees = phones
        call = (await caller.ask("call.invite", to=[caller.knows(one) for one in EIGHT[1:]], media="video"))["call"]
        rings = [await one.hear("call.incoming") for one in callees]
        devices = [Sealing(phone) for phone in phones]
        living = [asyncio.create_task(one.live(call)) for one in devices]
        for phone, ring in zip(callees, rings, strict=True):
            await phone.tell(t="call.accept", id="a", call=call, nonce=ring["nonce"])
        try:
            async with asyncio.timeout(30):
                while not all(one.agreed(7) and one.ready for one in devices) or len(here.seeing()) < 8 * 7:
                    await asyncio.sleep(0.02)
        finally:
            for task in living:
                task.cancel()
        assert [one.refused for one in devices] == [Counter()] * 8
        assert here.hub.counts["rate_limited"] == 0
        assert here.seeing() == {(a, b, "audio") for a in EIGHT for b in EIGHT if a != b}
        assert not any(one.keys.dark for one in devices if one.keys)
        most = max(sum(one.said.values()) for one in devices)
        assert limits.message_burst < most < limits.seal_message_burst / 2, "twice as many would still pass"
        for one, other in combinations(devices, 2):
            assert one.keys is not None
            assert other.keys is not None
            frame = one.keys.seal("video", True, b"picture")
            assert other.keys.open("video", one.keys.index, frame) == b"picture"


async def test_a_member_who_floods_with_words_is_refused_then_closed_and_the_others_go_on() -> None:
    limits = replace(QUICK, seal_messages_per_second=1.0)
    async with street(House(("ann", "ben"), ("ann", "cat"), ("ben", "cat")), limits) as here:
        call, (ann, ben, cat) = await in_a_call(here, "ann", "ben", "cat")
        for n in range(400):
            await ann.tell(t="seal.to", id=f"f{n}", call=call, to=ann.knows("ben"), body="x" * 4000)
        assert await ann.closed() == CLOSE_CODES["rate_limited"]
        assert (await cat.ask("seal.to", call=call, to=cat.knows("ben"), body="from cat"))["t"] == "ok"
        await ben.hear("seal.from", body="from cat")
        flood = [one for one in ben.heard if one["t"] == "seal.from" and one["body"] != "from cat"]
        assert len(flood) <= limits.seal_message_burst + 5
        refused = [one for one in ann.heard if one["t"] == "err"]
        assert {one["code"] for one in refused} == {"rate_limited"}
        assert all(one["retry_after_ms"] > 0 for one in refused)


async def test_a_call_has_eight_places_and_a_key_id_of_a_place_that_is_not_there_is_refused_with_the_same_code() -> (
    None
):
    friends = tuple(f"friend{n:02}" for n in range(16))
    house = House(*(("ann", friend) for friend in friends), *combinations(friends, 2))
    async with street(house) as here:
        ann = await here.phone("ann")
        here_too = [await here.phone(friend) for friend in friends[:7]]
        refs = [ann.knows(friend) for friend in friends]

        real = house.ring

        async def seventeen(caller: Seat, to: Sequence[str], media: Any) -> Permit | Refusal:
            return await real(caller, refs, media)

        house.ring = seventeen  # type: ignore[method-assign]
        no = await ann.ask("call.invite", to=refs[:7], media="video")
        assert (no["t"], no["code"]) == ("err", "internal")
        assert here.hub._calls == {}
        house.ring = real  # type: ignore[method-assign]
        call = (await ann.ask("call.invite", to=refs[:7], media="video"))["call"]
        for friend in here_too:
            ring = await friend.hear("call.incoming", call=call)
            assert (await friend.ask("call.accept", call=call, nonce=ring["nonce"]))["t"] == "ok"
        for place in range(16):
            kids = [place << 4, place << 4 | 1]
            answer = await here_too[6].ask("seal.ready", call=call, kids=kids)
            assert answer.get("code", "ok") == ("ok" if place == 8 else "bad_message")
        line = await here.phone("ann", "another-device")
        await line.tell(t="call.invite", id="x", to=refs[:8], media="video")
        assert await line.closed() == CLOSE_CODES["bad_message"]
