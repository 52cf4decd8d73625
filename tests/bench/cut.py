"""How long after a parent's click does the last packet arrive?

The whole house runs in a process of its own. Families are made over HTTP, a call is set up between two real aiortc peers,
the parent's "camera not allowed" (and, every tenth time, "end contact") goes over HTTP like a click, and the receiver notes
when each RTP packet came in, on the same clock. What is reported is click to last packet: it includes the HTTP request,
the rules, the audit row and the commit, so it is an upper bound of commit to last packet.

Yardstick: the time that the same request takes to be answered, which is what the parent's page waits for.
"""

from __future__ import annotations

import asyncio
import time
from statistics import median
from typing import Any

import aiohttp

from signalling.gate import Offer
from signalling.gate import Slot as GateSlot
from tests.bench.rig import Client, Rig, rig
from tests.gate_wire import Wire, sealed_payload

PACKETS_PER_SECOND = 500
CALLER, CALLEE = 1, 2  # their places in the call, which key ids begin with
PICTURE = sealed_payload("video", CALLER << 4 | 1)  # under the key id of the caller's picture
ENDS = 20  # of the cuts are "end contact"; the rest "camera not allowed", which can be said again for the same two


class Ear(Wire):
    """A receiver that only notes when the last video packet came."""

    last = 0.0
    heard = 0

    def _take(self, datagram: bytes) -> None:
        if 128 <= datagram[0] <= 191 and not 192 <= datagram[1] <= 223:
            if datagram[1] & 0x7F == 97:
                self.last = time.monotonic()
                self.heard += 1
            return
        super()._take(datagram)


async def answer(client: Client, kind: type[Wire]) -> Wire:
    """Take the gate's offer by hand."""
    said = await client.want("sdp.offer")
    slots = tuple(GateSlot(one["ref"], one["audio_mid"], one["video_mid"]) for one in said["slots"])
    wire = kind(Offer(said["sdp"], said["neg"], slots))
    await client.ask(t="sdp.answer", call=said["call"], neg=said["neg"], sdp=wire.answer())
    await client.want("ok")
    await wire.connect()
    return wire


async def call(a: Client, b: Client, ref: str) -> tuple[str, Wire, Ear]:
    """Ring, answer, connect; a's camera on."""
    await a.ask(t="call.invite", to=[ref], media="video")
    ring = await b.want("call.incoming")
    await b.ask(t="call.accept", call=ring["call"], nonce=ring["nonce"])
    mouth, ear = await asyncio.gather(answer(a, Wire), answer(b, Ear))
    await a.want("call.state", state="active")
    for client, index in ((a, CALLER), (b, CALLEE)):
        await client.ask(t="seal.ready", call=ring["call"], kids=[index << 4, index << 4 | 1])
    assert isinstance(ear, Ear)
    return ring["call"], mouth, ear


async def one_cut(
    http: aiohttp.ClientSession, there: Rig, n: int, mouth: Wire, ear: Ear, *, end: bool
) -> tuple[float, float]:
    """(click to last packet, click to the answer of the request), in ms. The first is 0 when nothing came after the click."""
    started = ear.heard
    sending = True

    async def talk() -> None:
        due = time.monotonic()
        while sending:
            mouth.send(mouth.packet("video", payload=PICTURE))
            due += 1 / PACKETS_PER_SECOND
            await asyncio.sleep(max(0, due - time.monotonic()))

    talker = asyncio.create_task(talk())
    async with asyncio.timeout(10):
        while ear.heard < started + 50:
            await asyncio.sleep(0.01)
    guardian = f"ga{n}"
    async with http.get(f"{there.base}/api/children/a{n}/contacts", headers=there.headers(guardian)) as r:
        handle = (await r.json())[0]["ref"]
    path, body = ("end", {}) if end else ("allow", {"voice": True, "video": False})
    clicked = time.monotonic()
    async with http.post(f"{there.base}/api/contacts/{handle}/{path}", json=body, headers=there.headers(guardian)) as r:
        assert r.status == 200, (r.status, await r.text())
    answered = time.monotonic()
    await asyncio.sleep(0.4)
    heard = ear.heard
    await asyncio.sleep(0.2)
    assert ear.heard == heard, "packets still come after the cut"
    sending = False
    await talker
    if not end:
        body = {"voice": True, "video": True}
        async with http.post(
            f"{there.base}/api/contacts/{handle}/allow", json=body, headers=there.headers(guardian)
        ) as r:
            assert r.status == 200
    return max(0.0, ear.last - clicked) * 1000, (answered - clicked) * 1000


async def rows(quick: bool) -> list[dict[str, Any]]:
    cuts = 20 if quick else 200
    calls = 4 if quick else ENDS
    last: list[float] = []
    request: list[float] = []
    async with rig(calls) as there, aiohttp.ClientSession() as http:
        for n in range(calls):
            a, b = Client(http, there, f"a{n}"), Client(http, there, f"b{n}")
            await a.connect()
            await b.connect()
            call_id, mouth, ear = await call(a, b, there.refs[n][0])
            each = cuts // calls
            for turn in range(each):
                await a.ask(t="call.media", call=call_id, audio=True, video=True)
                await a.want("ok")
                took = await one_cut(http, there, n, mouth, ear, end=turn == each - 1)
                if turn < each - 1:
                    await a.want("call.state", may_show=False)
                    await a.want("call.state", may_show=True)
                last.append(took[0])
                request.append(took[1])
            mouth.close()
            ear.close()
            await a.close()
            await b.close()
    last.sort()
    request.sort()
    p99 = max(0, round(len(last) * 0.99) - 1)
    yardstick = "the parent's own request answered"
    return [
        {
            "name": f"cut: parent's click to last packet at the receiver, {what}, {len(last)} cuts",
            "value": ours,
            "unit": "ms",
            "yardstick": f"{yardstick}, {what}: {theirs:.1f} ms",
            "ratio": ours / theirs,
        }
        for what, ours, theirs in (
            ("p50", median(last), median(request)),
            ("p99", last[p99], request[p99]),
            ("worst", last[-1], request[-1]),
        )
    ]
