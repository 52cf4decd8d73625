"""A gate that gives one viewer the picture that was made for another, in a real call: nobody sees it but the one whose it is.

A recording is led back to the viewer whose copy it shows. So a gate that could hand Lea's copy to Maya could make what Maya records
point to Lea. The gate of this test does exactly that, and nothing else about it is wrong.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.async_api import WebSocketRoute

from server.api import keys
from tests import seal_twin
from tests.browser.people import answer, chromium, open_curtain, screen, wear
from tests.browser.sealed_tap import (
    COUNTS,
    Tap,
    Who,
    answers,
    dropped,
    place,
    rings,
    shows,
    tapped,  # noqa: F401 -- the fixture
    three_friends,
    tile_is,
)
from tests.house import House, open_house
from tests.peers import Browserless

pytestmark = pytest.mark.browser
SHUT_TILE = "Stays shut"
STOPPED = "This call had to stop."


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path / "house") as opened:
        yield opened


@contextmanager
def exchanged(house: House, sender: Who, one: Who, other: Who) -> Iterator[None]:
    """Until the end of the block each of two viewers gets what a sender made for the other: round the gate's own refusal."""
    gate = house.app[keys.GATE]
    lanes = gate._peers[sender.peer].lanes
    first, second = lanes[one.peer], lanes[other.peer]

    def exchange() -> None:
        first.openings, second.openings = second.openings, first.openings
        for stream in (first, second):
            for opening in stream.openings:
                opening.source, opening.fresh = stream, True
            gate._forwarder.ask_picture(stream, gate._clock(), forced=True)

    exchange()
    try:
        yield
    finally:
        exchange()


def copies_for(tap: Tap, sender: Who, viewer: Who, since: int) -> tuple[int, int, int]:
    """Of the copies that were made for this viewer: how many there were, how many that viewer's keys open, and how many anybody else's."""
    opens, elses, of = 0, 0, 0
    mine = tap.bases(sender, viewer.index)
    others = [
        base
        for (call, j), given in tap.given.items()
        if call == sender.call and j != viewer.index + 1
        for (i, _), both in given.items()
        if i == sender.index + 1
        for base in both
    ]
    for kind, frame in tap.frames(sender.peer, since):
        kid, metadata, sealed = seal_twin.look_at(kind, frame)
        if seal_twin.viewer_of(kid) != viewer.index + 1:
            continue
        of += 1
        opens += any(_opens(base, kid, metadata, sealed) for base in mine.get(kid, ()))
        elses += any(_opens(base, kid, metadata, sealed) for base in others)
    return of, opens, elses


def _opens(base: bytes, kid: int, metadata: bytes, sealed: bytes) -> bool:
    try:
        seal_twin.Opener(base, kid).open(sealed, metadata)
    except seal_twin.Dropped:
        return False
    return True


async def refuses(device: Browserless, more: int = 20, seconds: float = 10) -> None:
    """Until this headless device has refused so many more copies of somebody else's."""
    assert device.keys is not None
    target = device.keys.dropped["wrong_viewer"] + more
    async with asyncio.timeout(seconds):
        while device.keys.dropped["wrong_viewer"] < target:
            await asyncio.sleep(0.05)


@pytest.mark.slow  # make witness
async def test_a_gate_that_exchanges_two_viewers_copies_shows_neither_the_others_and_a_changed_section_ends_the_call(
    house: House, tap: Tap
) -> None:
    three = await three_friends(house)
    await three.theo.connect()
    await three.lea.connect()
    wire: list[WebSocketRoute] = []
    offers: list[str] = []
    numbers: list[int] = []

    async def between(route: WebSocketRoute) -> None:
        server = route.connect_to_server()

        def heard(frame: str | bytes) -> None:
            message = json.loads(frame)
            numbers.append(message.get("seq", 0))
            if message["t"] == "sdp.offer":
                offers.append(str(frame))
            route.send(frame)

        server.on_message(heard)
        wire.append(route)

    async with chromium() as browser:
        page = await screen(browser)
        await page.context.add_init_script(COUNTS)
        await page.route_web_socket("**/ws", between)
        await wear(page, three.maya, house)
        await page.get_by_text("Here now").first.wait_for()
        call = await rings(three.theo, three.two.theo_sees_maya, three.theo_sees_lea)
        await answer(page)
        await answers(three.lea)
        await shows(three.theo, call)
        await open_curtain(page)
        await tile_is(page, "Theo", picture=True, sound=True, sign="")
        await three.lea.wait_frames("video", 20)
        await three.theo.wait_frames("video", 10)
        theo, maya, lea = (place(house, index) for index in range(3))

        # Theo's pictures: the page that is to see one, and Lea's device
        since = tap.mark()
        with exchanged(house, theo, maya, lea):
            await tile_is(page, "Theo", picture=False, sound=True, sign=SHUT_TILE)
            opened = await page.evaluate("sealing.opened")
            await dropped(page, "wrong_viewer", 20)
            now = await page.evaluate("sealing.opened")
            silent = [mid for mid in opened if opened[mid] == now[mid]]
            assert len(silent) == 1, "of Theo nothing is counted as opened but his voice"
            await refuses(three.lea)
        await tile_is(page, "Theo", picture=True, sound=True, sign="")
        of, opens, elses = copies_for(tap, theo, lea, since)
        assert of > 20
        assert (opens, elses) == (of, 0), "the very frames that the page was handed open for Lea, and for nobody else"

        # the page's own pictures, marked for each
        since = tap.mark()
        with exchanged(house, maya, theo, lea):
            await refuses(three.theo)
            await refuses(three.lea)
        for viewer in (theo, lea):
            of, opens, elses = copies_for(tap, maya, viewer, since)
            assert of > 20
            assert (opens, elses) == (of, 0)
        await three.theo.wait_frames("video", 10)
        await three.lea.wait_frames("video", 10)

        # and a server that says in mid-call that the one's section is the other's: the page answers nothing and sends nothing more
        lie = json.loads(offers[-1])
        lie |= {"neg": lie["neg"] + 1, "seq": max(numbers) + 1}
        one, other = lie["slots"]
        one["ref"], other["ref"] = other["ref"], one["ref"]
        wire[-1].send(json.dumps(lie))
        await page.get_by_text(STOPPED).first.wait_for()
        since = tap.mark()
        await three.lea.wait_frames("video", 20)  # of Theo's, meanwhile
        assert tap.frames(maya.peer, since) == []
