"""The whole house in a process of its own, with hundreds of made-up families, for a bench to call on.

The families are written straight into the database before the house opens: making five hundred of them over HTTP would take
longer than the bench. Everything measured goes through the real doors: HTTP, the WebSocket, the gate.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import multiprocessing
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import uvloop

from server.db.migrate import migrate
from server.db.session import Database, Row, rows
from server.gatekeeper import Gatekeeper
from server.policy import load
from tests.bench.gate import pin
from tests.house import open_house
from tests.village import Village

SUBPROTOCOL = "ringfence.v1+json"


class Settled(Village):
    """A village that is written in one transaction."""

    tx: Any = None

    async def do(self, sql: str, **params: Any) -> list[Row]:
        return list(await rows(self.tx, sql, **params))


async def settle(folder: Path, pairs: int) -> list[tuple[str, str]]:
    """So many pairs of children who are friends, each with a guardian. Returns (ref of b for a, ref of a for b)."""
    url = f"sqlite+aiosqlite:///{folder / 'ringfence.db'}"
    await migrate(url)
    db = await Database.open(url)
    refs = []
    async with db.begin() as tx:
        there = Settled(db, Gatekeeper(load()), now=time.time_ns() // 1_000_000)
        there.tx = tx
        for n in range(pairs):
            await there.family(f"ga{n}", f"a{n}")
            await there.family(f"gb{n}", f"b{n}")
            await there.contact(f"a{n}", f"b{n}")
            refs.append((await there.ref(f"a{n}", f"b{n}"), await there.ref(f"b{n}", f"a{n}")))
    await db.close()
    return refs


def token(person: str) -> str:
    """The cookie of a settled person: what `Village` hashed."""
    return f"session-{person}"


assert hashlib.sha256(token("x").encode()).digest() == hashlib.sha256(b"session-x").digest()


def serve(pipe: Connection, folder: str, port_database: str) -> None:
    """The house; obeys `used` (CPU seconds) and `stop`."""
    pin(1)

    async def run() -> None:
        async with open_house(Path(folder), database=port_database) as house:
            pipe.send((house.base, house.settings.cookie_name))
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


@dataclass
class Rig:
    base: str
    cookie: str
    refs: list[tuple[str, str]]
    pipe: Connection
    process: Any

    def used(self) -> float:
        """CPU seconds of the house's process so far."""
        self.pipe.send("used")
        return float(self.pipe.recv())

    def resident(self) -> int:
        """Bytes of memory of the house's process."""
        return int(psutil.Process(self.process.pid).memory_info().rss)

    def headers(self, person: str) -> dict[str, str]:
        return {"Cookie": f"{self.cookie}={token(person)}", "Origin": self.base}


@asynccontextmanager
async def rig(pairs: int) -> AsyncIterator[Rig]:
    with tempfile.TemporaryDirectory() as folder:
        refs = await settle(Path(folder), pairs)
        spawn = multiprocessing.get_context("spawn")
        here, there = spawn.Pipe()
        process = spawn.Process(
            target=serve, args=(there, folder, f"sqlite+aiosqlite:///{Path(folder) / 'ringfence.db'}"), daemon=True
        )
        process.start()
        try:
            base, cookie = await asyncio.to_thread(here.recv)
            yield Rig(base, cookie, refs, here, process)
            here.send("stop")
            await asyncio.to_thread(process.join, 20)
        finally:
            if process.is_alive():
                process.kill()


class Client:
    """One signed-in socket, as light as can be: it answers nothing by itself, it hands over what came in."""

    def __init__(self, http: aiohttp.ClientSession, there: Rig, person: str) -> None:
        self.http, self.rig, self.person = http, there, person
        self.inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._count = 0

    async def connect(self) -> None:
        async with self.http.post(
            self.rig.base + "/api/ws-ticket", json={}, headers=self.rig.headers(self.person)
        ) as r:
            ticket = (await r.json())["ticket"]
        self.ws = await self.http.ws_connect(
            self.rig.base.replace("http", "ws", 1) + "/ws",
            protocols=[SUBPROTOCOL],
            headers=self.rig.headers(self.person),
        )
        self.reader = asyncio.create_task(self._read())
        await self.send(t="hello", ticket=ticket)
        await self.want("welcome")

    async def _read(self) -> None:
        async for frame in self.ws:
            if frame.type is aiohttp.WSMsgType.TEXT:
                self.inbox.put_nowait(json.loads(frame.data))

    async def send(self, **message: Any) -> None:
        await self.ws.send_str(json.dumps(message))

    async def ask(self, **message: Any) -> None:
        self._count += 1
        await self.send(id=f"r{self._count}", **message)

    async def want(self, kind: str, **fields: Any) -> dict[str, Any]:
        """The next message of this kind; what comes before it is let go. Any `err` is a fault."""
        async with asyncio.timeout(20):
            while True:
                message = await self.inbox.get()
                if message["t"] == "err":
                    raise RuntimeError(f"{self.person}: {message}")
                if message["t"] == kind and all(message.get(k) == v for k, v in fields.items()):
                    return message

    async def close(self) -> None:
        self.reader.cancel()
        await self.ws.close()
