"""Bad datagrams by the thousand, from strangers and from inside a call: nothing raises, no call ends, nothing piles up."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket

import psutil
import pylibsrtp
import pytest

from signalling.gate import Lost
from tests.gate_peers import Scene, scene
from tests.gate_wire import KIDS, Wire, sealed_payload

BURST = 50
STILL_HERE = sealed_payload("audio", KIDS["audio"], b"still here")
NAMES = ["alice", "bob", "mallory"]


def bad_datagram(rng: random.Random, good: list[bytes]) -> bytes:
    """Noise of any length and first byte, or a good datagram cut, flipped, stretched or joined with another."""
    way = rng.randrange(8)
    if way == 0:
        return rng.randbytes(rng.choice((0, 1, 2, 3, 11, 12, 19, 20, 28, 100, 1200, 1500, 1501, 4000)))
    if way == 1:
        return bytes([rng.choice((0, 1, 3, 4, 19, 20, 22, 63, 64, 127, 128, 191, 192, 255))]) + rng.randbytes(
            rng.randrange(200)
        )
    one = bytearray(rng.choice(good))
    if way == 2:
        return bytes(one[: rng.randrange(len(one))])
    if way == 3:
        return bytes(one) + rng.randbytes(rng.randrange(1, 600))
    if way == 4:
        return bytes(one) + rng.choice(good)
    if way == 5:
        return bytes(one)  # good, but not the first time, or from the wrong place
    for _ in range(rng.randrange(1, 6)):
        one[rng.randrange(min(len(one), 40) if way == 6 else len(one))] ^= 1 << rng.randrange(8)
    return bytes(one)


def from_inside(rng: random.Random, wire: Wire) -> bytes | None:
    """A malformed packet that is sealed with the right keys; None if libsrtp will not seal it."""
    assert wire.tx is not None
    with contextlib.suppress(pylibsrtp.Error):
        if rng.random() < 0.7:
            head = bytes([rng.choice((0x80, 0x81, 0x9F, 0xA0)), rng.randrange(192, 224)])
            return wire.tx.protect_rtcp(head + rng.randbytes(4 * rng.randrange(2, 40) + 2))
        assert wire.ssrcs is not None
        ssrc = rng.choice((*wire.ssrcs, rng.randrange(1 << 32)))
        head = bytes([rng.randrange(0x80, 0xC0), rng.choice((96, 97, 224, 225, rng.randrange(128)))])
        return wire.tx.protect(head + rng.randbytes(6) + ssrc.to_bytes(4) + rng.randbytes(rng.randrange(300)))
    return None


async def pour(at: Scene, alice: Wire, bob: Wire, mallory: Wire, count: int, seed: int) -> None:
    rng = random.Random(seed)
    newcomer = Wire(alice.offer)
    good = [alice.check(), bob.check(), newcomer.hello(), b"\x17\xfe\xfd\0\1" + bytes(6) + b"\0\x10" + bytes(16)]
    good += [alice.packet("video", to="bob"), alice.packet("audio"), bob.packet("video")]
    stranger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for done in range(0, count, BURST):
        before = at.count("received")
        for _ in range(BURST):
            inside = from_inside(rng, mallory) if rng.random() < 0.15 else None
            if inside is not None:
                mallory.send(inside)
            else:
                rng.choice((stranger, alice.socket, bob.socket)).sendto(bad_datagram(rng, good), alice.gate)
        at.now[0] += 0.2
        async with asyncio.timeout(5):
            while at.count("received") < before + BURST:
                await asyncio.sleep(0.001)
        if done % (20 * BURST) == 0:
            for wire in (alice, bob, mallory):
                await wire.reach()
    stranger.close()
    newcomer.close()


async def call_lives(at: Scene, alice: Wire, bob: Wire) -> None:
    """A fresh packet still goes from Alice to Bob."""
    at.now[0] += 2
    before = at.count("forwarded")
    for _ in range(3):
        alice.send(alice.packet("audio", skip=300, payload=STILL_HERE))
    await at.counted("forwarded", before + 1)
    await bob.until(lambda: any(each.payload == STILL_HERE for each in bob.media))


async def pour_and_look(count: int, seed: int) -> None:
    print("seed", seed)  # noqa: T201  # pytest shows it with a failure
    async with scene() as at:
        alice, bob, mallory = [at.wire(name, [o for o in NAMES if o != name]) for name in NAMES]
        for wire in (alice, bob, mallory):
            await wire.connect()
        at.confirm("alice", "mallory")
        for publisher in ("alice", "mallory"):
            at.gate.allow(publisher, "bob", "audio")
            at.gate.allow(publisher, "bob", "video")
        await pour(at, alice, bob, mallory, 500, seed)
        process = psutil.Process()
        before = process.memory_info().rss
        await pour(at, alice, bob, mallory, count, seed + 1)
        grown = process.memory_info().rss - before
        assert grown < 8 << 20, f"{grown >> 10} KiB more"
        assert not [event for event in at.events if isinstance(event, Lost)]
        assert at.count("dropped_fault") == 0
        await call_lives(at, alice, bob)
        counters = at.gate.counters()
        for reason in (
            "empty", "oversized", "malformed", "foreign", "check_refused", "unknown_source", "unauthentic", "replayed",
            "unsealed",
        ):  # fmt: skip
            assert counters[f"dropped_{reason}"] > 0, reason


async def test_twenty_thousand_malformed_datagrams_end_no_call() -> None:
    await pour_and_look(20_000, seed=20)


@pytest.mark.slow
async def test_two_hundred_thousand_malformed_datagrams_end_no_call() -> None:
    await pour_and_look(200_000, seed=random.randrange(1 << 32))


@pytest.mark.parametrize("datagram", [b"", b"\x80", bytes([0x80]) + bytes(1999), bytes([0x90, 96]) + bytes(26)])
async def test_what_kills_others_does_nothing_here(datagram: bytes) -> None:
    """An empty datagram, and one of more than 1500 bytes that looks like RTP, end an aiortc 1.16 transport."""
    async with scene() as at:
        alice, bob = await at.pair()
        alice.send(datagram)
        await at.settled()
        await call_lives(at, alice, bob)


async def test_what_an_application_sends_over_dtls_is_read_and_forgotten_and_costs_the_call_nothing() -> None:
    async with scene() as at:
        alice, bob = await at.pair()
        peer = at.gate._peers["alice"]
        for _ in range(200):
            alice.tls.send(bytes(1000))
            alice.send(alice.tls.bio_read(65536))
        await at.counted("dropped_over_rate", 150)
        assert peer.handshake._connection.pending() == 0
        alice.send(alice.packet("video"))
        await bob.until(lambda: len(bob.media) >= 1)
