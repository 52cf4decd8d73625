"""Keys in the largest call: eight devices come in at the same moment, and nobody stays dark because words were refused.

Every device is the Python twin of the browser's, on a real socket, under the limits that are published. It says again nothing
that was refused, so one refusal would show.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from itertools import combinations
from typing import Any

from signalling.pace import HubLimits
from signalling.protocol import MAX_PEOPLE
from tests import seal_twin
from tests.street import House, Phone, street

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
            async with asyncio.timeout(10):
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
