"""Debian's Firefox, driven over its own remote protocol (Marionette): a length-prefixed JSON line over TCP.

Only what a call needs: open a page, run a script in it, press what has certain words. Marionette is what geckodriver speaks
to Firefox; Debian has no geckodriver, so we speak it ourselves.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

FIREFOX = shutil.which("firefox-esr") or shutil.which("firefox")
PREFERENCES = {
    "media.navigator.streams.fake": True,  # a moving picture and a tone instead of a camera
    "media.navigator.permission.disabled": True,  # the permission box is Firefox's, not ours
    "media.autoplay.default": 0,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "app.update.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "services.settings.server": "http://localhost:1/",  # asks nobody for news
    "extensions.update.enabled": False,
    "browser.newtabpage.enabled": False,
}
TEXT = "async () => document.body.innerText"
PRESS = """
const [words] = arguments;
const all = [...document.querySelectorAll('a, button')].filter(e => e.checkVisibility() && e.textContent.includes(words));
if (!all.length) return false;
all[0].click();
return true;
"""


class Firefox:
    """One Firefox window."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer, self._id = reader, writer, 0

    async def read(self) -> Any:
        length = b""
        while (byte := await self._reader.readexactly(1)) != b":":
            length += byte
        return json.loads(await self._reader.readexactly(int(length)))

    async def command(self, name: str, **parameters: Any) -> Any:
        self._id += 1
        data = json.dumps([0, self._id, name, parameters]).encode()
        self._writer.write(str(len(data)).encode() + b":" + data)
        await self._writer.drain()
        async with asyncio.timeout(60):
            _, _, error, result = await self.read()
        if error:
            raise RuntimeError(f"{name}: {error.get('error')}: {error.get('message')}")
        return result

    async def goto(self, url: str) -> None:
        await self.command("WebDriver:Navigate", url=url)

    async def evaluate(self, function: str) -> Any:
        """Call an async function expression in the page and return what it returns."""
        script = (
            f"const done = arguments[arguments.length - 1]; ({function})().then(done, e => done({{fault: String(e)}}));"
        )
        found = await self.command(
            "WebDriver:ExecuteAsyncScript", script=script, args=[], sandbox=None, newSandbox=False
        )
        return found["value"]

    async def press(self, words: str, seconds: float = 45) -> None:
        """Press the first visible button or link with these words, as soon as there is one."""

        async def pressed() -> bool:
            how = {"script": PRESS, "args": [words], "sandbox": None, "newSandbox": False}
            return bool((await self.command("WebDriver:ExecuteScript", **how))["value"])

        await self._until(words, pressed, seconds)

    async def sees(self, words: str, seconds: float = 45) -> None:
        """Wait until the page shows these words."""

        async def shown() -> bool:
            return words in str(await self.evaluate(TEXT))

        await self._until(words, shown, seconds)

    async def _until(self, words: str, so: Callable[[], Awaitable[bool]], seconds: float) -> None:
        """A command that was begun is read to its end: its answer would be taken for the next one's."""
        late = asyncio.get_running_loop().time() + seconds
        while not await so():
            assert asyncio.get_running_loop().time() < late, (words, await self.evaluate(TEXT))
            await asyncio.sleep(0.2)


def _free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def _prepare(profile: Path, port: int, more: Mapping[str, Any]) -> None:
    profile.mkdir(parents=True, exist_ok=True)
    lines = {**PREFERENCES, **more, "marionette.port": port}
    (profile / "user.js").write_text(
        "".join(f"user_pref({json.dumps(k)}, {json.dumps(v)});\n" for k, v in lines.items())
    )


@asynccontextmanager
async def firefox(profile: Path, preferences: Mapping[str, Any] | None = None) -> AsyncIterator[Firefox]:
    """A fresh headless Firefox with a profile of its own. ``preferences``: more of them."""
    assert FIREFOX is not None
    port = _free_port()
    _prepare(profile, port, preferences or {})
    process = await asyncio.create_subprocess_exec(
        FIREFOX, "--headless", "--marionette", "--no-remote", "--profile", str(profile),
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        async with asyncio.timeout(60):
            while True:
                try:
                    reader, writer = await asyncio.open_connection("127.0.0.1", port)
                    break
                except OSError:
                    await asyncio.sleep(0.3)
        fox = Firefox(reader, writer)
        await fox.read()  # its greeting
        await fox.command("WebDriver:NewSession", capabilities={"alwaysMatch": {"acceptInsecureCerts": True}})
        await fox.command("WebDriver:SetTimeouts", script=30_000, pageLoad=30_000)
        yield fox
        writer.close()
    finally:
        process.kill()
        await process.wait()
