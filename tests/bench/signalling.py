"""What a call set-up costs with a thousand connected children, policy and audit on, and what an idle connection weighs.

Set-up is: invite, ring, accept, both offers made by the gate, both answers taken. Every yes is a committed transaction with its
audit rows on disk before anybody is told. Media is not part of it (``gate`` measures that); the clients leave at once.

Yardstick: a bare aiohttp WebSocket relay, written in a dozen lines, in a process of its own on the same core, with as many clients.
It parses each frame as JSON and hands it to whom it names: no sign-in, no rules, no record, no gate. It carries every frame that
our server delivered in a set-up, byte for byte as long.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from multiprocessing.connection import Connection
from statistics import median
from typing import Any

import aiohttp
import psutil
import uvloop
from aiohttp import web

from signalling.gate import Offer
from signalling.gate import Slot as GateSlot
from tests.bench.gate import pin
from tests.bench.rig import Client, rig
from tests.gate_wire import Wire

AT_ONCE = 4  # set-ups under way at the same time


def serve_relay(pipe: Connection) -> None:
    pin(1)
    there: dict[str, web.WebSocketResponse] = {}

    async def relay(request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        there[request.query["me"]] = ws
        async for frame in ws:
            await there[json.loads(frame.data)["to"]].send_str(frame.data)
        return ws

    async def run() -> None:
        app = web.Application()
        app.router.add_get("/ws", relay)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        pipe.send(runner.addresses[0][1])
        over = asyncio.Event()

        def obey() -> None:
            if pipe.recv() == "used":
                pipe.send(time.process_time())
            else:
                over.set()

        asyncio.get_running_loop().add_reader(pipe.fileno(), obey)
        await over.wait()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())


@asynccontextmanager
async def bare() -> AsyncIterator[tuple[int, Connection, int]]:
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe()
    process = spawn.Process(target=serve_relay, args=(there,), daemon=True)
    process.start()
    assert process.pid is not None
    try:
        yield await asyncio.to_thread(here.recv), here, process.pid
    finally:
        process.kill()


async def set_up(a: Client, b: Client, ref: str, note: list[tuple[str, int]] | None = None) -> float:
    """One set-up. Returns seconds from the caller's press to both answers taken."""
    start = time.perf_counter()
    await a.ask(t="call.invite", to=[ref], media="video")
    ring = await b.want("call.incoming")
    await b.ask(t="call.accept", call=ring["call"], nonce=ring["nonce"])
    wires = await asyncio.gather(answer(a), answer(b))
    took = time.perf_counter() - start
    for wire in wires:
        wire.close()
    await a.ask(t="call.leave", call=ring["call"])
    await asyncio.gather(a.want("call.ended"), b.want("call.ended"))
    return took


async def answer(client: Client) -> Wire:
    said = await client.want("sdp.offer")
    wire = Wire(
        Offer(
            said["sdp"], said["neg"], tuple(GateSlot(s["ref"], s["audio_mid"], s["video_mid"]) for s in said["slots"])
        )
    )
    await client.ask(t="sdp.answer", call=said["call"], neg=said["neg"], sdp=wire.answer())
    await client.want("ok")
    return wire


class Noting(Client):
    """A client that also notes how long each frame was, in and out."""

    frames: list[tuple[str, int]]

    async def _read(self) -> None:
        async for frame in self.ws:
            if frame.type is aiohttp.WSMsgType.TEXT:
                self.frames.append((self.person, len(frame.data)))
                self.inbox.put_nowait(json.loads(frame.data))


async def in_turns(jobs: list[Any], at_once: int) -> list[float]:
    turn = asyncio.Semaphore(at_once)

    async def one(job: Any) -> float:
        async with turn:
            return float(await job())

    return list(await asyncio.gather(*(one(job) for job in jobs)))


async def rows(quick: bool) -> list[dict[str, Any]]:
    pairs = 50 if quick else 500
    rounds = 1 if quick else 2  # the same two may ring three times in five minutes
    connector = aiohttp.TCPConnector(limit=0)
    async with rig(pairs) as there, aiohttp.ClientSession(connector=connector) as http:
        frames: list[tuple[str, int]] = []
        clients = []
        empty = there.resident()
        for n in range(pairs):
            for side in "ab":
                client = (Noting if n == 0 else Client)(http, there, f"{side}{n}")
                if isinstance(client, Noting):
                    client.frames = frames
                clients.append(client)
                await client.connect()
        idle = (there.resident() - empty) / len(clients)
        await asyncio.sleep(1)
        couples = [(clients[2 * n], clients[2 * n + 1], there.refs[n][0]) for n in range(pairs)]
        frames.clear()
        await set_up(*couples[0])
        noted = [(person[0], size) for person, size in frames]
        cpu = there.used()
        ours = []
        for _ in range(rounds):
            ours += await in_turns([lambda c=c: set_up(*c) for c in couples], AT_ONCE)
        ours_cpu = (there.used() - cpu) / len(ours) * 1000
        for client in clients:
            await client.close()
    theirs, theirs_cpu, theirs_idle = await relay_rounds(pairs, rounds, noted)
    ours.sort()
    theirs.sort()
    count = f"{2 * pairs} clients, {len(ours)} set-ups"
    carried = f"bare aiohttp relay of the same {len(noted)} frames"

    def at(values: list[float], share: float) -> float:
        return values[max(0, round(len(values) * share) - 1)] * 1000

    return [
        {
            "name": f"call set-up: server CPU, policy and audit on, {count}",
            "value": ours_cpu,
            "unit": "ms",
            "yardstick": f"{carried}: {theirs_cpu:.3f} ms",
            "ratio": theirs_cpu / ours_cpu,
        },
        {
            "name": "call set-up: press to both answers taken, p50",
            "value": median(ours) * 1000,
            "unit": "ms",
            "yardstick": f"{carried}, p50: {median(theirs) * 1000:.2f} ms",
            "ratio": median(theirs) / median(ours),
        },
        {
            "name": "call set-up: press to both answers taken, p99",
            "value": at(ours, 0.99),
            "unit": "ms",
            "yardstick": f"{carried}, p99: {at(theirs, 0.99):.2f} ms",
            "ratio": at(theirs, 0.99) / at(ours, 0.99),
        },
        {
            "name": f"memory of an idle connection, of {2 * pairs}",
            "value": idle / 1024,
            "unit": "KiB",
            "yardstick": f"bare aiohttp relay: {theirs_idle / 1024:.1f} KiB",
            "ratio": idle / theirs_idle,
        },
    ]


async def relay_rounds(pairs: int, rounds: int, noted: list[tuple[str, int]]) -> tuple[list[float], float, float]:
    """The same frames through the bare relay: (seconds of each set-up, CPU ms of one, bytes of an idle connection)."""
    connector = aiohttp.TCPConnector(limit=0)
    async with bare() as (port, pipe, pid), aiohttp.ClientSession(connector=connector) as http:

        async def used() -> float:
            pipe.send("used")
            return float(await asyncio.to_thread(pipe.recv))

        empty = psutil.Process(pid).memory_info().rss
        sockets = {}
        for n in range(pairs):
            for side in "ab":
                sockets[f"{side}{n}"] = await http.ws_connect(f"http://127.0.0.1:{port}/ws?me={side}{n}")
        idle = (psutil.Process(pid).memory_info().rss - empty) / (2 * pairs)

        async def carry(n: int) -> float:
            start = time.perf_counter()
            for side, size in noted:
                to = f"{side}{n}"
                head = json.dumps({"to": to, "x": ""})
                frame = json.dumps({"to": to, "x": "." * max(0, size - len(head))})
                await sockets[f"{'b' if side == 'a' else 'a'}{n}"].send_str(frame)
                await sockets[to].receive()
            return time.perf_counter() - start

        cpu = await used()
        took: list[float] = []
        for _ in range(rounds):
            took += await in_turns([lambda n=n: carry(n) for n in range(pairs)], AT_ONCE)
        spent = (await used() - cpu) / len(took) * 1000
        for socket in sockets.values():
            await socket.close()
    return took, spent, idle
