"""Somebody else's server, started for one inspection on this machine's loopback and always stopped again.

What is here knows no platform. A program gets a folder of its own, no input, and dies with us: the kernel ends it when our process
is killed (``setpriv --pdeathsig``), and :meth:`Program.stop` waits until it is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final

from server.inspection.adapter import CouldNotSee

GRACE: Final = 5.0  #: seconds in which a program may end by itself


class DidNotStart(CouldNotSee):
    """The program is not here, or did not come up. The sentence says what to install."""


def free_port() -> int:
    """A TCP port on loopback that nobody held a moment ago."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


async def output_of(*command: str, seconds: float) -> tuple[int, str]:
    """Run it to its end. Returns its exit code and what it printed, errors included."""
    run = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        printed, _ = await asyncio.wait_for(run.communicate(), seconds)
    except (TimeoutError, asyncio.CancelledError):
        with contextlib.suppress(ProcessLookupError):
            run.kill()
        await run.wait()
        raise
    return run.returncode or 0, printed.decode(errors="replace")


class Program:
    """One running program."""

    def __init__(self, command: Sequence[str], folder: Path) -> None:
        """``folder``: where it runs; its output goes to ``output`` in there, so that a failed start can be looked at."""
        leash = shutil.which("setpriv")
        self._command = [leash, "--pdeathsig", "KILL", *command] if leash else list(command)
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None

    async def start(self, is_up: Callable[[], Awaitable[bool]], *, seconds: float) -> None:
        with (self._folder / "output").open("wb") as output:
            self._process = await asyncio.create_subprocess_exec(
                *self._command, cwd=self._folder, stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output
            )
        try:
            async with asyncio.timeout(seconds):
                while not await is_up():
                    if self._process.returncode is not None:
                        raise DidNotStart(f"{self._command[-1]} ended at once. It said: {self.said()}")
                    await asyncio.sleep(0.05)
        except TimeoutError:
            await self.stop()
            raise DidNotStart(f"The program did not answer within {seconds:.0f} s. It said: {self.said()}") from None
        except BaseException:
            await self.stop()
            raise

    def said(self) -> str:
        """The end of what it printed."""
        with contextlib.suppress(OSError):
            return (self._folder / "output").read_text(errors="replace")[-400:].strip()
        return ""

    @property
    def stopped(self) -> bool:
        return self._process is None or self._process.returncode is not None

    async def stop(self) -> None:
        if self._process is None or self.stopped:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), GRACE)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
