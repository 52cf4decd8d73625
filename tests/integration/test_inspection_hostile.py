"""A server that hangs, drips, lies, talks rubbish or dies half-way: nothing is proven, and the report is written and signed."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from server import notes
from server.inspection import report, scenarios, sign
from server.inspection.adapter import CouldNotSee
from server.inspection.device import MOST_SAID, SUBPROTOCOL, SentElsewhere
from server.inspection.findings import Inspection
from server.inspection.own import Elsewhere, Line, Ringfence, said_no
from server.inspection.run import inspect
from tests.house import House

Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter, str], Awaitable[None]]

PLAYED = [one for one in scenarios.ALL if one.id in ("consent-first", "stranger-rings", "claims")]
WELL = json.dumps({"ok": True, "guards": {"gate": True}}).encode()


def reply(body: bytes, status: str = "200 OK", kind: str = "application/json") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


async def hangs(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str) -> None:
    await asyncio.sleep(60)


async def drips(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n")
    for _ in range(1_000):
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.05)


async def floods(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
    for _ in range(200):
        writer.write(bytes(1_000_000))
        await writer.drain()


async def says(writer: asyncio.StreamWriter, answer: bytes) -> None:
    writer.write(answer)
    await writer.drain()


BEHAVIOURS: Mapping[str, Behaviour] = {
    "hangs": hangs,
    "drips": drips,
    "floods": floods,
    "says rubbish": lambda _, writer, __: says(writer, b"\x00\xff rubbish\r\n\r\n"),
    "says no JSON": lambda _, writer, __: says(writer, reply(b"<h1>It works</h1>", kind="text/html")),
    "fails": lambda _, writer, __: says(writer, reply(b"{}", "500 Internal Server Error")),
    "breaks off": lambda _, writer, __: says(writer, b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n{"),
    "closes": lambda _, writer, __: says(writer, b""),
    "says yes to everything": lambda _, writer, __: says(writer, reply(b'{"ok": true}')),
    "gives nothing": lambda _, writer, __: says(writer, reply(b"null")),
    "refuses everything": lambda _, writer, __: says(
        writer, reply(b'{"code": "not_permitted"}', "403 Forbidden", "application/problem+json")
    ),
    "says later to everything": lambda _, writer, __: says(
        writer, reply(b'{"code": "slow_down"}', "429 Too Many Requests", "application/problem+json")
    ),
    "moves elsewhere": lambda _, writer, __: says(
        writer, b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n"
    ),
}


@asynccontextmanager
async def hostile(behaves: Behaviour, *, well_at_first: bool) -> AsyncIterator[str]:
    """A server that behaves so; ``well_at_first``: its health page answers, and the rest does not."""
    live: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        live.add(writer)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode(errors="replace")
            path = head.split()[1]
            if well_at_first and path == "/healthz":
                await says(writer, reply(WELL))
            else:
                await behaves(reader, writer, path)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for writer in live:
            writer.transport.abort()


def is_written_and_signed(inspection: Inspection, out: Path) -> dict[str, Any]:
    key = notes.new_signer("test-inspector")
    report.write(inspection, out, key=key)
    assert sign.verified(out, key.verifier).answer == "whole"
    written = json.loads((out / "report.json").read_text("utf-8"))
    assert not written["all_proven"]
    return dict(written)


async def inspected(base: str, seconds: float = 40) -> Inspection:
    began = time.monotonic()
    found = await inspect(Ringfence(Elsewhere(base, patience=0.5)), PLAYED, bounded=True, seconds=seconds, closing=2)
    assert time.monotonic() - began < seconds + 10
    return found


#: Of these the report is written too: one that is silent, one that is slow, one that lies.
WRITTEN = ("hangs", "drips", "says yes to everything")


@pytest.mark.parametrize("well_at_first", [False, True], ids=["from the start", "after its health page"])
async def test_of_a_server_that_misbehaves_nothing_is_shown_and_the_report_is_written_and_signed(
    well_at_first: bool, tmp_path: Path
) -> None:
    async def of(behaves: Behaviour) -> Inspection:
        async with hostile(behaves, well_at_first=well_at_first) as base:
            return await inspected(base)

    found = dict(
        zip(BEHAVIOURS, await asyncio.gather(*map(of, BEHAVIOURS.values())), strict=True)
    )  # it is mostly waiting
    for how, one in found.items():
        assert {each.outcome for each in one.findings} == {"not_shown"}, (how, [each.why for each in one.findings])
        assert all(each.why for each in one.findings), how
    for how in WRITTEN:
        written = is_written_and_signed(found[how], tmp_path / how)
        assert {one["verdict"] for one in written["promises"]} == {"not_shown"}, how


async def test_of_a_server_that_dies_half_way_what_was_shown_stays_and_the_rest_could_not_be_shown(
    house: House, tmp_path: Path
) -> None:
    dead = asyncio.Event()

    def tell(what: Mapping[str, Any]) -> None:
        if what["t"] == "done" and what["scenario"] == "consent-first":
            dead.set()

    async def dies() -> None:
        await dead.wait()
        await house.runner.cleanup()

    order = [
        next(one for one in scenarios.ALL if one.id == name) for name in ("consent-first", "stranger-rings", "claims")
    ]
    killer = asyncio.create_task(dies())
    platform = Ringfence(Elsewhere(house.base, patience=1))
    found = await inspect(platform, order, tell=tell, bounded=True, seconds=30, closing=2)
    await killer
    assert [one.outcome for one in found.findings] == ["proven", "not_shown", "not_shown"]
    is_written_and_signed(found, tmp_path)


async def test_a_server_that_is_inspected_cannot_send_the_inspection_to_another_address() -> None:
    """Neither a request, nor what goes with it, nor a socket reaches somebody who has not said yes."""
    asked: list[str] = []

    async def bystander(_: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str) -> None:
        asked.append(path)
        await says(writer, reply(WELL))

    async with hostile(bystander, well_at_first=False) as elsewhere:

        async def sends_away(_: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str) -> None:
            head = f"HTTP/1.1 307 Temporary Redirect\r\nLocation: {elsewhere}{path}\r\nContent-Length: 0\r\n\r\n"
            await says(writer, head.encode())

        async with hostile(sends_away, well_at_first=False) as base:
            line = Line(base, trust=None, home=None)
            try:
                with pytest.raises(CouldNotSee, match="status 307"):
                    said_no(await line.call("POST", "/api/sign-up", {"email": "x"}, Authorization="Bearer a-key"))
                with pytest.raises(SentElsewhere):
                    await line.open_socket()
            finally:
                await line.close()
    assert asked == []


async def test_a_socket_that_says_too_much_is_left() -> None:
    async def talks(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(protocols=[SUBPROTOCOL])
        await socket.prepare(request)
        for _ in range(100):
            await socket.send_str(json.dumps({"t": "news", "x": "x" * 1_000_000}))
        return socket

    app = web.Application()
    app.router.add_get("/ws", talks)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    line = Line(f"http://127.0.0.1:{runner.addresses[0][1]}", trust=None, home=None)
    try:
        await line.open_socket()
        await line.expect("closed", seconds=30)
        assert sum(len(one.get("x", "")) for one in line.seen) <= MOST_SAID < 100_000_000
    finally:
        await line.close()
        await runner.cleanup()
