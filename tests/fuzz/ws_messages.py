"""Malformed messages over a real socket, while two others are in a call.

One bad neighbour sends message after message: mutations of good ones, random bytes, truncations, duplicate keys, deep
nesting, huge numbers, lone surrogates, binary frames, frames that are too large. A message that costs it its socket is
answered by coming again with a new ticket. Meanwhile the two others must keep their call, be heard by each other, be
answered at once when they ask something, and the server's memory must not grow.

``python -m tests.fuzz.ws_messages 20000`` runs it by hand and prints what came of it. The seed is printed too: the same seed
sends the same messages.
"""

from __future__ import annotations

import asyncio
import gc
import json
import random
import sys
import tracemalloc
from collections import Counter
from collections.abc import Callable
from typing import Any

import aiohttp

from signalling.pace import HubLimits
from tests.street import House, Phone, in_a_call, street

LIMITS = HubLimits(
    messages_per_second=1e9,
    message_burst=1e9,
    invites=((10**9, 1.0),),
    invites_to_one=((10**9, 1.0),),
    ping_seconds=3600.0,  # a phone of ours answers pings only while it reads, and ben listens to nobody here
)

GOOD: list[dict[str, Any]] = [
    {"t": "hello", "ticket": "t" * 24, "v": 1, "client": "x", "features": []},
    {"t": "resume", "session": "s" * 32, "token": "t" * 32, "last_seq": 3},
    {"t": "bye"},
    {"t": "call.invite", "id": "a", "to": ["k_eve_knows_ann"], "media": "video"},
    {"t": "call.accept", "id": "a", "call": "c_00000001", "nonce": "n" * 32},
    {"t": "call.reject", "id": "a", "call": "c_00000001"},
    {"t": "call.cancel", "id": "a", "call": "c_00000001"},
    {"t": "call.leave", "id": "a", "call": "c_00000001"},
    {"t": "call.media", "id": "a", "call": "c_00000001", "audio": True, "video": True},
    {"t": "sdp.answer", "id": "a", "call": "c_00000001", "neg": 1, "sdp": "v=0\r\n"},
    {"t": "ice.restart", "id": "a", "call": "c_00000001"},
    {"t": "seal.to", "id": "a", "call": "c_00000001", "to": "k_eve_knows_ann", "body": "{}"},
    {"t": "seal.ready", "id": "a", "call": "c_00000001", "kids": [16, 17]},
    {"t": "mark.on", "id": "a", "call": "c_00000001", "to": "k_eve_knows_ann"},
    {"t": "mark.off", "id": "a", "call": "c_00000001", "to": "k_eve_knows_ann", "why": "broken"},
]

STRANGE: list[Any] = [
    None, True, -1, 0, 2**31, 2**53, 2**64, -(2**70), 1e308, "", "\x00", "\u202e", "\ud800", "k_" + "x" * 38, "c_" + "x" * 39,
    "x" * 5000, [], {}, [[]], {"t": "bye"}, ["k_eve_knows_ann"] * 50, {"$ne": None}, "'; drop table calls; --", "../../x",
]  # fmt: skip


def changed(dice: random.Random) -> str:
    """A good message with one or more things wrong with it."""
    message = dict(dice.choice(GOOD))
    for _ in range(dice.randint(1, 3)):
        key = dice.choice([*message, "from", "user", "role", "seq", "__proto__", "t"])
        if dice.random() < 0.2:
            message.pop(key, None)
        else:
            message[key] = dice.choice(STRANGE)
    return json.dumps(message)


def cut_short(dice: random.Random) -> str:
    text = json.dumps(dice.choice(GOOD))
    return text[: dice.randrange(len(text))]


def flipped(dice: random.Random) -> str:
    text = list(json.dumps(dice.choice(GOOD)))
    for _ in range(dice.randint(1, 4)):
        text[dice.randrange(len(text))] = chr(dice.choice([0, 10, 34, 44, 58, 91, 92, 123, 125, 0x7F, 0x2028, 0x1F600]))
    return "".join(text)


def twice(dice: random.Random) -> str:
    message = dice.choice(GOOD)
    key = dice.choice(list(message))
    return json.dumps(message)[:-1] + f", {json.dumps(key)}: {json.dumps(dice.choice(STRANGE))}}}"


def deep(dice: random.Random) -> str:
    depth = dice.choice([7, 100, 1000, 20_000])
    shell = dice.choice(["[]", '{"a":}'])
    return shell[:-1] * depth + "1" + shell[-1] * depth if dice.random() < 0.7 else shell[:-1] * depth


def number(dice: random.Random) -> str:
    big = dice.choice(
        ["9" * 400, "9" * 6000, "-1e999", "NaN", "Infinity", "0x10", "1_000", "1e-400", "00", "-0", "1.5"]
    )
    return '{"t":"sdp.answer","id":"a","call":"c_00000001","sdp":"v=0","neg":' + big + "}"


def escaped(dice: random.Random) -> str:
    bad = dice.choice(["\\ud800", "\\udfff\\ud800", "\\u0000", "\\uZZZZ", "\\x41", "\ufffe", "\\ud83d"])
    return '{"t":"call.leave","id":"' + bad + '","call":"c_00000001"}'


def noise(dice: random.Random) -> bytes:
    return dice.randbytes(dice.choice([0, 1, 2, 30, 1000]))


def large(dice: random.Random) -> str:
    return '{"t":"call.leave","id":"' + "x" * dice.choice([65_000, 65_536, 70_000]) + '"}'


WAYS: list[tuple[Callable[[random.Random], str | bytes], int]] = [
    (changed, 40), (cut_short, 12), (flipped, 15), (twice, 12), (deep, 4), (number, 6), (escaped, 6), (noise, 4), (large, 1),
]  # fmt: skip


async def send(eve: Phone, frame: str | bytes) -> None:
    """One frame on the wire, whatever is in it."""
    if isinstance(frame, bytes):
        await eve.ws.send_bytes(frame)
    else:
        data = frame.encode(
            "utf-8", "surrogatepass"
        )  # a lone surrogate on the wire is not UTF-8: the socket must say so
        await eve.ws.send_frame(data, aiohttp.WSMsgType.TEXT)


async def outcomes(eve: Phone, last: str) -> list[str]:
    """What came back, up to the answer to the request ``last`` or the close."""
    came = []
    while True:
        message = await eve.frame()
        if message["t"] == "closed":
            return [*came, f"closed {message['code']}"]
        if message.get("re") == last:
            return came or ["silence"]
        if message["t"] in ("err", "ok"):
            came.append(f"{message['t']} {message.get('code', '')}".strip())


async def run(count: int, seed: int) -> tuple[Counter[str], int]:
    """Send so many. What came of them, and how many bytes the process holds more at the end than after a warm-up."""
    dice = random.Random(seed)
    ways, weights = [way for way, _ in WAYS], [weight for _, weight in WAYS]
    came: Counter[str] = Counter()
    async with street(House(("ann", "ben")), LIMITS) as here:
        call, (ann, _) = await in_a_call(here, "ann", "ben")
        seen, eve = here.seeing(), await here.phone("eve")
        held = 0
        tracemalloc.start()
        try:
            for sent in range(count):
                if sent == count // 4:
                    held = _held(here.phones, here.house)
                await send(eve, dice.choices(ways, weights)[0](dice))
                # one more, a harmless one, so that there is an answer even to what needs none
                await eve.ws.send_str(f'{{"t":"call.record","id":"z{sent}"}}')
                what = await outcomes(eve, f"z{sent}")
                came[what[0]] += 1
                if what[-1].startswith("closed"):
                    here.phones.remove(eve)
                    eve = await here.phone("eve", f"eve-{sent}")
                if sent % 50 == 0:
                    assert (await ann.ask("call.media", call=call, audio=True, video=False))["t"] == "ok"
                    assert here.seeing() == seen
            grown = _held(here.phones, here.house) - held
        finally:
            tracemalloc.stop()
        live = here.call(call)
        assert live is not None, "the call was lost"
        assert live.state == "active"
        assert here.seeing() == seen
        assert here.hub.counts["faults"] == 0
    return came, grown


def _held(phones: list[Phone], house: House) -> int:
    """Bytes held, without what the test itself remembers."""
    for phone in phones:
        phone.heard.clear()
    house.log.clear()
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


if __name__ == "__main__":
    how_many = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    its_seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(2**32)
    results, more = asyncio.run(run(how_many, its_seed))
    sys.stdout.write(f"seed {its_seed}: {how_many} messages, {more} bytes more held at the end\n")
    for result, times in results.most_common():
        sys.stdout.write(f"{times:8}  {result}\n")
