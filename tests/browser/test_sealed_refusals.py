"""What must not be seen or heard is not, and the screen says so: from one call each, in which what is allowed is seen and heard.

A real page looks at a headless peer through the real gate. The gate of the test is a hostile one (``Tap.change``): it turns
bits, plays frames again, and puts one person's frames in another's place. The peer misbehaves too: it seals with a key that
nobody was given, or not at all. After each attack the same call goes on, so that it is the attack that was refused.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from aiortc.codecs.vpx import VpxPayloadDescriptor
from playwright.async_api import Browser, Page, Route, WebSocketRoute

from server.api import keys
from signalling.gate.forward import PICTURE_INTERVAL
from tests import seal_twin
from tests.browser.people import answer, chromium, press, ring, screen, wear
from tests.browser.sealed_tap import (
    COUNTS,
    Tap,
    Three,
    all_sealed,
    answers,
    dropped,
    opened_by,
    place,
    rings,
    shows,
    tapped,  # noqa: F401 -- the fixture
    three_friends,
    tile_is,
)
from tests.house import Families, House, open_house
from tests.peers import Browserless

pytestmark = pytest.mark.browser
SHUT = "We can’t open what comes from Theo. So it stays shut."
#: With several the sentence stands above the tiles, and under each name there are two words.
SHUT_TILE = "Stays shut"
WORKER = Path(__file__).parents[2] / "client_web/shared/seal/worker.js"


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path / "house") as opened:
        yield opened


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as opened:
        yield opened


async def viewer(browser: Browser, device: Browserless, house: House, *scripts: str) -> Page:
    """A screen that counts what its worker drops, at home."""
    page = await screen(browser)
    for script in (COUNTS, *scripts):
        await page.context.add_init_script(script)
    await wear(page, device, house)
    await page.get_by_text("Here now").first.wait_for()
    return page


async def picture(page: Page, name: str) -> None:
    """Kept where somebody asked for it, to be looked at."""
    if folder := os.environ.get("RINGFENCE_LOOK"):
        await page.screenshot(path=Path(folder) / f"{name}.png")


async def decoded(page: Page) -> tuple[int, float]:
    """Pictures that the browser decoded, and the energy of the sound that it heard."""
    seen: list[float] = await page.evaluate(
        """async () => {
          let [frames, energy] = [0, 0];
          for (const pc of connections) for (const r of (await pc.getStats()).values()) {
            if (r.type === 'inbound-rtp') { frames += r.framesDecoded ?? 0; energy += r.totalAudioEnergy ?? 0; }
          }
          return [frames, energy];
        }"""
    )
    return int(seen[0]), seen[1]


@contextmanager
def changed(tap: Tap, change: Any) -> Iterator[None]:
    tap.change = change
    try:
        yield
    finally:
        tap.change = None


# -- frames ----------------------------------------------------------------------------------------------------------------


def beginning(kind: str, payload: bytes) -> int | None:
    """Where the sealed frame begins in a packet; None in those that only go on with a picture."""
    if kind == "audio":
        return 0
    descriptor, rest = VpxPayloadDescriptor.parse(payload)
    return len(payload) - len(rest) if descriptor.partition_start and descriptor.partition_id == 0 else None


def turned(at: str) -> Any:
    """A gate that turns one bit of every frame: near the tag's end, in the clear byte, or in the header's counter."""

    def change(peer: str, kind: str, payload: bytes) -> bytes | None:
        begins, turned = beginning(kind, payload), bytearray(payload)
        if at == "tag":
            turned[-1] ^= 1
        elif begins is None or (at == "clear byte" and kind == "audio"):
            return None
        elif at == "clear byte":
            turned[begins] ^= 1
        else:
            header = begins + (kind == "video")
            _, _, length = seal_twin.decode_header(payload[header:])
            turned[header + length - 1] ^= 1
        return bytes(turned)

    return change


def played_again() -> Any:
    """A gate that keeps the first frame of each person and kind, and forwards it for ever."""
    kept: dict[tuple[str, str], bytes] = {}

    def change(peer: str, kind: str, payload: bytes) -> bytes | None:
        if kind == "video" and beginning(kind, payload) is None:
            return None
        return kept.setdefault((peer, kind), payload)

    return change


@pytest.mark.slow  # make witness
async def test_frames_that_were_changed_played_again_or_sealed_with_another_key_are_refused_and_it_is_said(
    house: House, browser: Browser, tap: Tap
) -> None:
    two = await Families(house).two()
    await two.theo.connect()
    page = await viewer(browser, two.maya, house)
    await ring(page, "Theo")
    call = await answers(two.theo)
    await shows(two.theo, call)
    allowed: dict[str, Any] = {"picture": True, "sound": True, "sign": ""}
    refused: dict[str, Any] = {"picture": False, "sound": False, "sign": SHUT}
    await tile_is(page, "Theo", **allowed)
    await picture(page, "seen")

    with changed(tap, turned("tag")):
        asked, since = at_the_gate(house, "pictures_asked"), time.monotonic()
        await dropped(page, "tag", 20)
        frames, energy = await decoded(page)
        await tile_is(page, "Theo", **refused)
        await page.locator("#say", has_text=SHUT).wait_for(state="attached")
        await picture(page, "shut")
        assert await decoded(page) == (frames, pytest.approx(energy, rel=0.02))
        # who opens nothing asks for a whole picture over and over; its sender is asked no more often than the gate lets it be
        assert at_the_gate(house, "pictures_asked") - asked <= 2 + (time.monotonic() - since) / PICTURE_INTERVAL
    await tile_is(page, "Theo", **allowed)

    with changed(tap, turned("header")):
        before = await page.evaluate("(sealing.dropped.tag ?? 0) + (sealing.dropped.replay ?? 0)")
        await tile_is(page, "Theo", **refused)
        after = await page.evaluate("(sealing.dropped.tag ?? 0) + (sealing.dropped.replay ?? 0)")
        assert after > before + 20
    await tile_is(page, "Theo", **allowed)

    with changed(tap, turned("clear byte")):
        await tile_is(page, "Theo", picture=False, sound=True, sign=SHUT)  # a voice has none, and goes on
    await tile_is(page, "Theo", **allowed)

    with changed(tap, played_again()):
        await dropped(page, "replay", 20)
        await tile_is(page, "Theo", **refused)
    await tile_is(page, "Theo", **allowed)

    theirs = two.theo.keys
    assert theirs is not None
    epoch, right = theirs._current
    theirs._current = epoch, {kind: seal_twin.Sealer(bytes(16), one.kid, 5000) for kind, one in right.items()}
    await dropped(page, "tag", 20)
    await tile_is(page, "Theo", **refused)
    theirs._current = epoch, right
    await tile_is(page, "Theo", **allowed)
    frames, _ = await decoded(page)
    async with asyncio.timeout(30):
        while (await decoded(page))[0] < frames + 5:
            await asyncio.sleep(0.1)


class Careless(seal_twin.Device):
    """A device that agrees on keys, says so, and then sends as it is."""

    def seal(self, kind: str, whole: bool, plain: bytes, to: int | None = seal_twin.EVERYBODY) -> bytes:
        return plain


def at_the_gate(house: House, name: str) -> int:
    return house.app[keys.GATE].counters()[name]


async def until_counted(house: House, name: str, more: int, seconds: float = 30) -> None:
    """Until the gate has counted so many more."""
    target = at_the_gate(house, name) + more
    async with asyncio.timeout(seconds):
        while at_the_gate(house, name) < target:
            await asyncio.sleep(0.05)


async def in_a_call_of_three(house: House, browser: Browser, three: Three) -> tuple[Page, str]:
    """Theo's headless device rings Maya's page and Lea's headless device; both answer, and the two show themselves."""
    await three.theo.connect()
    await three.lea.connect()
    page = await viewer(browser, three.maya, house)
    call = await rings(three.theo, three.two.theo_sees_maya, three.theo_sees_lea)
    await answer(page)
    await answers(three.lea)
    await shows(three.theo, call)
    await shows(three.lea, call)
    return page, call


async def test_a_peer_that_does_not_seal_is_dropped_at_the_gate_and_neither_shown_nor_heard(
    house: House, browser: Browser, tap: Tap
) -> None:
    three = await three_friends(house)
    three.lea.sealing = Careless
    page, _ = await in_a_call_of_three(house, browser, three)
    await tile_is(page, "Theo", picture=True, sound=True)
    await until_counted(house, "dropped_unsealed", 100)
    assert len(tap.packets) > 100
    await tile_is(page, "Lea", picture=False, sound=False)
    assert await page.evaluate("Object.keys(sealing.opened).length") == 2  # Theo's sound and picture
    assert (
        await page.evaluate("Object.values(sealing.refused).reduce((a, b) => a + b, 0)") < 5
    )  # nothing of hers came so far
    three.lea.keys.__class__ = seal_twin.Device  # type: ignore[union-attr]  # and now she seals
    await tile_is(page, "Lea", picture=True, sound=True)


def kept_on_the_way_out(device: Browserless) -> tuple[list[bytes], Callable[[bytes], int]]:
    """Every packet of media that a headless device sends from now on, as its transport protected it; and a way to send one more
    from the same address when that transport has been closed."""
    assert device.pc is not None
    way = device.pc.getSenders()[0].transport.transport
    sent: list[bytes] = []
    send = way._send
    pair = way._connection._nominated[1]
    here, gate = pair.protocol.transport.get_extra_info("sockname"), pair.remote_addr

    async def keeping(data: bytes) -> None:
        if data[0] & 0xC0 == 0x80 and not 64 <= data[1] & 0x7F <= 95:  # RFC 5761 section 4: not RTCP
            sent.append(data)
        await send(data)

    def again(data: bytes) -> int:
        with socket.socket(socket.AF_INET6 if ":" in here[0] else socket.AF_INET, socket.SOCK_DGRAM) as one:
            one.bind(here[:2])
            return one.sendto(data, gate)

    way._send = keeping  # type: ignore[method-assign]
    return sent, again


@pytest.mark.slow  # make witness
async def test_who_was_removed_is_gone_from_the_screen_opens_nothing_more_and_is_not_forwarded(
    house: House, browser: Browser, tap: Tap
) -> None:
    three = await three_friends(house)
    three.lea.close_on_end = False  # she goes on sending
    page, _ = await in_a_call_of_three(house, browser, three)
    await tile_is(page, "Theo", picture=True, sound=True)
    await tile_is(page, "Lea", picture=True, sound=True)
    await three.lea.wait_frames("audio", 5)
    maya, lea = place(house, 1), place(house, 2)
    assert opened_by(tap, maya, 2)[0] > 5
    sent, send = kept_on_the_way_out(three.lea)
    (contact,) = [
        one["ref"] for one in await three.rosa.get(f"/api/children/{three.lea_id}/contacts") if one["name"] == "Maya"
    ]
    await three.theo.wait_frames("audio", 60)
    await three.rosa.post(f"/api/contacts/{contact}/end")
    ended = await three.lea.expect("call.ended")
    since = tap.mark()
    assert ended["code"] in ("removed", "policy_revoked", "contact_not_approved"), ended
    await page.get_by_text("Lea left.").first.wait_for(state="attached")
    assert await page.locator("section.tile[aria-label=Lea]").count() == 0
    foreign = at_the_gate(house, "dropped_foreign")
    for packet in sent[-50:]:
        send(packet)  # her transport was told that it is over; she sends on
    await until_counted(house, "dropped_foreign", foreign + 50 - at_the_gate(house, "dropped_foreign"))
    assert tap.frames(lea.peer, since) == []
    while True:  # until the page seals with a key that she was not given
        after = tap.mark()
        await three.theo.wait_frames("audio", 3)
        if opened_by(tap, maya, 2, since=after)[0] == 0:
            break
    await three.theo.wait_frames("audio", 20)
    opened, of = opened_by(tap, maya, 2, since=after)
    assert (opened, of > 15) == (0, True)
    assert opened_by(tap, maya, 0, since=after) == (of, of)
    await tile_is(page, "Theo", picture=True, sound=True, sign="")


# -- a server and a gate that lie --------------------------------------------------------------------------------------------


@pytest.mark.slow  # make witness
async def test_a_server_that_swaps_two_places_and_a_gate_that_swaps_two_peoples_frames_give_nobody_anothers_name(
    house: House, browser: Browser, tap: Tap
) -> None:
    three = await three_friends(house)
    await three.theo.connect()
    await three.lea.connect()
    page = await screen(browser)
    await page.context.add_init_script(COUNTS)
    lies = {"swap": True}

    async def between(route: WebSocketRoute) -> None:
        server = route.connect_to_server()

        def heard(frame: str | bytes) -> None:
            message = json.loads(frame)
            if message["t"] == "sdp.offer" and lies["swap"]:
                one, other = message["slots"]
                one["ref"], other["ref"] = other["ref"], one["ref"]
            route.send(json.dumps(message))

        server.on_message(heard)

    await page.route_web_socket("**/ws", between)
    await wear(page, three.maya, house)
    await page.get_by_text("Here now").first.wait_for()
    for swap in (True, False):
        lies["swap"] = swap
        seen = len(three.lea.seen)
        call = await rings(three.theo, three.two.theo_sees_maya, three.theo_sees_lea)
        await answer(page)
        await answers(three.lea, seen)
        await shows(three.theo, call)
        await shows(three.lea, call)
        for name in ("Theo", "Lea"):
            if swap:
                await tile_is(page, name, picture=False, sound=False, sign=SHUT_TILE)
            else:
                await tile_is(page, name, picture=True, sound=True, sign="")
        if swap:
            assert await page.evaluate("Object.keys(sealing.opened).length") == 0
            assert await page.evaluate("sealing.dropped.wrong_sender") > 20
            await picture(page, "swapped")
            await three.theo.ask(t="call.leave", call=call)
            await press(page, "Leave")
            await press(page, "OK", exact=True)
            await three.lea.expect("call.ended", since=seen)

    theo, lea = place(house, 0), place(house, 2)
    newest: dict[tuple[str, str], bytes] = {}

    def change(peer: str, kind: str, payload: bytes) -> bytes | None:
        if kind == "video" and beginning(kind, payload) is None:
            return None
        newest[peer, kind] = payload
        return (
            newest.get((theo.peer if peer == lea.peer else lea.peer, kind)) if peer in (theo.peer, lea.peer) else None
        )

    everybodys = [kid for one in (three.theo, three.lea) if one.keys for kid in one.keys.kids]
    for one in (theo, lea):
        house.app[keys.GATE].seal(one.peer, everybodys)  # this gate forwards anything
    with changed(tap, change):
        await dropped(page, "wrong_sender", 20)
        for name in ("Theo", "Lea"):
            await tile_is(page, name, picture=False, sound=False, sign=SHUT_TILE)
    for name in ("Theo", "Lea"):
        await tile_is(page, name, picture=True, sound=True, sign="")


# -- browsers that cannot, and one that only seems so -------------------------------------------------------------------------

#: A browser that lets no AudioContext run, as some do until somebody has pressed something.
STILL = """
const Running = window.AudioContext;
window.AudioContext = class extends Running {
  constructor(...a) { super(...a); void super.suspend(); }
  resume() { return new Promise(() => {}); }
};
window.mine = [];
const devices = navigator.mediaDevices, ask = devices.getUserMedia.bind(devices);
devices.getUserMedia = async (...a) => { const stream = await ask(...a); mine.push(...stream.getTracks()); return stream; };
const copy = MediaStreamTrack.prototype.clone;
MediaStreamTrack.prototype.clone = function () { const track = copy.call(this); mine.push(track); return track; };
"""


@pytest.mark.slow  # make witness
async def test_a_voice_is_sealed_and_heard_where_no_silence_flows_from_an_audio_context_and_no_copy_of_it_is_left_open(
    house: House, browser: Browser, tap: Tap
) -> None:
    two = await Families(house).two()
    await two.theo.connect()
    page = await viewer(browser, two.maya, house, STILL)
    await ring(page, "Theo")
    await answers(two.theo)
    await two.theo.wait_frames("audio", 25)
    assert all_sealed(tap, place(house, 0))["audio"] > 20
    sent = "async () => connections[0].getSenders().filter(s => s.track?.kind === 'audio').map(s => [s.track.enabled, s.track.readyState])"
    assert await page.evaluate(sent) == [[True, "live"]]  # the microphone itself by now
    live = "mine.filter(track => track.readyState === 'live').length"
    assert await page.evaluate(live) == 1
    await press(page, "Mic on")
    assert await page.evaluate(live) == 0


CANNOT = "This browser can’t keep calls closed."
#: What this page asked for: a camera, a microphone.
ASKED = """
window.asked = 0;
const media = navigator.mediaDevices, get = media.getUserMedia.bind(media);
media.getUserMedia = (...a) => { window.asked += 1; return get(...a); };
"""
#: Put before the worker's own code; what it imports is loaded, but has not run.
LACKS = {
    "curves": """const real = crypto.subtle.generateKey.bind(crypto.subtle);
        crypto.subtle.generateKey = async (how, ...rest) => {
          if (how === "X25519") throw new DOMException("Unrecognized name.", "NotSupportedError");
          return real(how, ...rest);
        };""",
    "store": """Object.defineProperty(self, "indexedDB", {value: {open() { throw new DOMException("Denied.", "SecurityError"); }}});""",
}


async def lacking(page: Page, lack: str) -> None:
    async def worker(route: Route) -> None:
        if lack == "worker":
            await route.abort()
        else:
            answer = await route.fetch()
            await route.fulfill(response=answer, body=LACKS.get(lack, "") + WORKER.read_text("utf-8"))

    if lack == "transform":
        await page.context.add_init_script("delete window.RTCRtpScriptTransform")
    else:  # also where nothing is lacking, so that it is not the way of bringing it in that is refused
        await page.context.route("**/seal/worker.js", worker)


@pytest.mark.slow  # make witness
async def test_a_browser_that_lacks_anything_for_sealing_says_so_to_who_calls_and_to_who_is_called_before_anything_opens(
    house: House, browser: Browser
) -> None:
    three = await three_friends(house)
    for friend in (three.theo, three.lea):
        await friend.connect()
    callers = [(three.theo, three.two.theo_sees_maya)] * 3 + [(three.lea, three.lea_sees_maya)] * 2
    for lack, (caller, ref) in zip(("transform", "worker", "curves", "store", ""), callers, strict=True):
        page = await screen(browser, *((320, 640) if lack == "store" else ()))
        await page.context.add_init_script(ASKED)
        await lacking(page, lack)
        if lack:  # it cannot tell its key, and nobody can sign for it
            cookies = [{"name": c.key, "value": c.value, "url": house.base} for c in three.maya.http.cookie_jar]
            await page.context.add_cookies(cookies)  # type: ignore[arg-type]  # a list of the right dictionaries
            await page.goto(f"{house.base}/child/")
        else:
            await wear(page, three.maya, house)
        await page.get_by_text("Here now").first.wait_for()
        told = page.get_by_role("heading", name=CANNOT)
        since = len(caller.seen)
        call = await rings(caller, ref)
        await answer(page)
        if not lack:
            await caller.wait_frames("audio", 10)
            assert await page.evaluate("asked") == 1
            continue
        await told.wait_for()
        await page.get_by_text("Try another one.").wait_for()
        await picture(page, f"called-without-{lack}")
        ended = await caller.until(lambda m, call=call: m["t"] == "call.ended" and m["call"] == call, since=since)
        assert ended["code"] == "declined"
        await press(page, "OK", exact=True)
        since = {one: len(one.seen) for one in (three.theo, three.lea)}
        await ring(page, "Theo")
        await told.wait_for()
        await picture(page, f"calls-without-{lack}")
        assert await page.evaluate("[asked, connections.length]") == [0, 0]
        await caller.ask(t="call.leave", call="c_nowhere1")  # what was said before is here by now
        assert not [m for one, at in since.items() for m in one.seen[at:] if m["t"].startswith("call.")]
        await page.context.close()
