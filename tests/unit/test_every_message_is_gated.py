"""Whoever adds a message either asks the authority or says why not (T18: an ungated message is how the others were broken).

Each message of the wire is sent, in a state in which it means something, to a house that says no to everything. Either the
house was asked and nothing opened, or the message is on the published list of those that ask nobody, and nothing opened
either. The same messages do their work when the house says yes, so that the test cannot pass by sending nonsense.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, get_args

import pytest

from signalling import protocol
from signalling.authority import Refusal
from signalling.ws import ASKS_NOBODY, FIRST, HANDLERS
from tests.street import House, Phone, Street, in_a_call, ref, street

Sent = Callable[[Street, House], Awaitable[bool]]  # sends the message; whether it was answered with yes


def test_every_message_has_a_handler_and_every_handler_a_message() -> None:
    assert set(HANDLERS) | set(FIRST) == set(get_args(protocol.FromClient))
    assert not set(HANDLERS) & set(FIRST)


def test_the_open_list_is_short_explained_and_of_messages_that_exist() -> None:
    assert set(ASKS_NOBODY) <= set(HANDLERS)
    assert len(ASKS_NOBODY) == 10
    assert all(len(reason) > 20 and reason.endswith(".") for reason in ASKS_NOBODY.values())


async def _hello(here: Street, house: House) -> bool:
    _refuse_all(house)
    line = await here.line("ann")
    await line.tell(t="hello", ticket=house.ticket("ann"))
    return (await line.frame())["t"] == "welcome"


async def _resume(here: Street, house: House) -> bool:
    _, (ann, _) = await in_a_call(here, "ann", "ben")
    await ann.hang_up()
    _refuse_all(house)
    line = await here.line("ann")
    await line.tell(t="resume", session=ann.session, token=ann.token, last_seq=0)
    return (await line.frame())["t"] == "resumed"


async def _invite(here: Street, house: House) -> bool:
    ann, _ = await here.phone("ann"), await here.phone("ben")
    _refuse_all(house)
    return (await ann.ask("call.invite", to=[ann.knows("ben")], media="video"))["t"] == "ok"


async def _ringing(here: Street) -> tuple[str, str, Phone, Phone]:
    ann, ben = await here.phone("ann"), await here.phone("ben")
    call = (await ann.ask("call.invite", to=[ann.knows("ben")], media="video"))["call"]
    return call, (await ben.hear("call.incoming"))["nonce"], ann, ben


async def _accept(here: Street, house: House) -> bool:
    call, nonce, _, ben = await _ringing(here)
    _refuse_all(house)
    return (await ben.ask("call.accept", call=call, nonce=nonce))["t"] == "ok"


async def _reject(here: Street, house: House) -> bool:
    call, _, _, ben = await _ringing(here)
    _refuse_all(house)
    return (await ben.ask("call.reject", call=call))["t"] == "ok"


async def _cancel(here: Street, house: House) -> bool:
    call, _, ann, _ = await _ringing(here)
    _refuse_all(house)
    return (await ann.ask("call.cancel", call=call))["t"] == "ok"


def _in_a_call(t: str, **body: Any) -> Sent:
    async def send(here: Street, house: House) -> bool:
        call, (ann, _) = await in_a_call(here, "ann", "ben")
        _refuse_all(house)
        return (await ann.ask(t, call=call, **body))["t"] == "ok"

    return send


async def _bye(here: Street, house: House) -> bool:
    _, (ann, _) = await in_a_call(here, "ann", "ben")
    _refuse_all(house)
    await ann.tell(t="bye")
    return await ann.closed() == 1000


SENT: dict[type, Sent] = {
    protocol.Hello: _hello,
    protocol.Resume: _resume,
    protocol.Invite: _invite,
    protocol.Accept: _accept,
    protocol.Reject: _reject,
    protocol.Cancel: _cancel,
    protocol.Leave: _in_a_call("call.leave"),
    protocol.SetMedia: _in_a_call("call.media", audio=True, video=True),
    protocol.SdpAnswer: _in_a_call("sdp.answer", neg=1, sdp="v=0"),
    protocol.IceRestart: _in_a_call("ice.restart"),
    protocol.SealTo: _in_a_call("seal.to", to=ref("ann", "ben"), body="a word about keys"),
    protocol.SealReady: _in_a_call("seal.ready", kids=[18, 19]),
    protocol.MarkOn: _in_a_call("mark.on", to=ref("ann", "ben")),
    protocol.MarkOff: _in_a_call("mark.off", to=ref("ann", "ben"), why="cannot"),
    protocol.Bye: _bye,
}


class StrictHouse(House):
    """A house that can be told to say no to everything from now on."""

    def refuse_all(self) -> None:
        async def no(*question: Any) -> Refusal:
            self.log.append(("asked",))
            return Refusal("not_permitted")

        for name in ("admit", "readmit", "ring", "answer", "publish", "go_on"):
            setattr(self, name, no)


def _refuse_all(house: House) -> None:
    """From here on the house is watched; a strict one says no."""
    house.log.append(("from here",))
    if isinstance(house, StrictHouse):
        house.refuse_all()


def _watched(house: House) -> list[str]:
    names = [one[0] for one in house.log]
    return names[names.index("from here") :]


@pytest.mark.parametrize("kind", get_args(protocol.FromClient), ids=lambda kind: kind.__name__)
async def test_a_house_that_says_no_is_asked_and_nothing_opens(kind: type) -> None:
    house = StrictHouse(("ann", "ben"))
    async with street(house) as here:
        answered = await SENT[kind](here, house)
        watched = _watched(house)
    assert "gate allow" not in watched
    assert answered == (kind in ASKS_NOBODY)
    assert ("asked" in watched) == (kind not in ASKS_NOBODY)


@pytest.mark.parametrize("kind", get_args(protocol.FromClient), ids=lambda kind: kind.__name__)
async def test_the_same_message_does_its_work_in_a_house_that_says_yes(kind: type) -> None:
    house = House(("ann", "ben"))
    async with street(house) as here:
        assert await SENT[kind](here, house)
