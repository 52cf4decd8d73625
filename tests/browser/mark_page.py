"""The rig's page (mark_rig.js) with our own browser files, under the headers of the real server, and what the page hands over."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from aiohttp import web

from server.api.middleware import headers_for
from server.settings import Settings
from tests.mark_vectors import KEY

HERE = Path(__file__).parent
CLIENT = HERE.parents[1] / "client_web"
PAGE = '<!doctype html><title>marks</title><script type="module" src="/rig.js"></script><body></body>'
TEXT = base64.urlsafe_b64encode(KEY).decode().rstrip("=")


@dataclass
class Taken:
    about: dict[str, Any]
    luma: npt.NDArray[np.uint8]  #: frames, rows, columns


@dataclass
class Rig:
    url: str
    taken: dict[str, Taken] = field(default_factory=dict)


@asynccontextmanager
async def marking() -> AsyncIterator[Rig]:
    rig = Rig("")

    async def page(_: web.Request) -> web.Response:
        return web.Response(text=PAGE, content_type="text/html")

    async def script(request: web.Request) -> web.FileResponse:
        return web.FileResponse(HERE / f"mark_{request.path.strip('/')}")

    async def take(request: web.Request) -> web.Response:
        about = json.loads(request.query["about"])
        frames = np.frombuffer(await request.read(), np.uint8).reshape(-1, about["height"], about["width"])
        rig.taken[about["name"]] = Taken(about, frames)
        return web.Response()

    async def dress(_: web.Request, response: web.StreamResponse) -> None:
        response.headers.update(headers_for(Settings()))

    app = web.Application(client_max_size=1 << 28)
    app.on_response_prepare.append(dress)
    app.add_routes([web.get("/page", page), web.get("/rig.js", script), web.post("/taken", take)])
    app.add_routes([web.get("/pass.js", script), web.static("/", CLIENT)])
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert site._server
    rig.url = f"http://localhost:{site._server.sockets[0].getsockname()[1]}/page"  # type: ignore[attr-defined]
    try:
        yield rig
    finally:
        await runner.cleanup()
