"""This very code in a process of its own, as in production: https with a certificate made on the spot, on loopback, an empty database
in a temporary folder, every guard at its default; it is always stopped again. Its disk may be read: what is on it is ours."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import signal
import socket
import sqlite3
import ssl
import sys
import tempfile
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from server import chains, https
from server.inspection.adapter import CouldNotSee
from server.inspection.findings import AuditRow, Inspected
from server.inspection.own.line import ANSWER_SECONDS
from server.inspection.own.where import loopback_has_many
from server.promises import digest

OPEN_SECONDS: Final = 60.0  # for a fresh server to open its doors, on a busy machine
STOP_SECONDS: Final = 15.0
DATABASE: Final = "ringfence.sqlite"


class FreshServer:
    """This code in a process of its own. ``command``: what starts the command line (tests put a faulty build here). ``environ``: what
    programs find around them here; settings of a server of one's own are left out of it."""

    def __init__(
        self, command: Sequence[str] = (sys.executable, "-m", "server.cli"), environ: Mapping[str, str] | None = None
    ) -> None:
        self.command, self.around = tuple(command), environ or {}
        self._folder: Path | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._drain: asyncio.Task[None] | None = None
        self.started_with: Mapping[str, str] = {}  #: what it was started with
        self.key = ""  # of an inspector, made with the server
        self.patience = ANSWER_SECONDS
        self.base, self.trust, self.many_homes = "", None, loopback_has_many()  # type: str, ssl.SSLContext | None, bool
        self.inspected = Inspected("Ringfence", version("ringfence"), "")

    @property
    def data(self) -> Path:
        """The folder with its database."""
        assert self._folder is not None
        return self._folder / "data"

    async def open(self) -> None:
        self._make_folder()
        self._settle()
        await self._furnish()
        for _ in range(3):  # a free port may be taken before the server takes it
            if await self._serve():
                return
            self._settle()
        raise CouldNotSee("A server of our own could not be started: no port stayed free.")

    def _make_folder(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="ringfence-inspection-"))

    def _settle(self) -> None:
        """Where it will be, and the settings for that."""
        assert self._folder is not None
        port = _free_port()
        chain, key = https.certificate(self._folder / "certificate", [])
        self.base = f"https://localhost:{port}"
        self.trust = ssl.create_default_context(cafile=str(chain))
        settings = {
            "RINGFENCE_HOST": "127.0.0.1",
            "RINGFENCE_PORT": str(port),
            "RINGFENCE_ORIGIN": self.base,
            "RINGFENCE_CERTIFICATE": str(chain),
            "RINGFENCE_CERTIFICATE_KEY": str(key),
            "RINGFENCE_DATA": str(self.data),
            "RINGFENCE_ACCOUNTABLE_PERSON": "Nobody real: an inspection",
            "RINGFENCE_ACCOUNTABLE_CONTACT": "inspection@example.org",
        }
        told = {name: value for name, value in settings.items() if str(self._folder) not in value}
        told |= {
            "RINGFENCE_CERTIFICATE": "made for this run",
            "RINGFENCE_DATA": "a new folder, SQLite, removed afterwards",
        }
        self.inspected = Inspected("Ringfence", version("ringfence"), self.base, told, digest())
        self.started_with = {
            name: value for name, value in self.around.items() if not name.startswith("RINGFENCE_")
        } | settings

    async def _furnish(self) -> None:
        """What is there before it opens: an empty database of the newest shape, and somebody who may look."""
        self.data.mkdir()
        migrated = await self._run("migrate")
        if await asyncio.wait_for(migrated.wait(), OPEN_SECONDS):
            raise CouldNotSee("A server of our own could not be started: its database could not be made.")
        await self._add_inspector()

    async def _serve(self) -> bool:
        """False: somebody else has taken the port meanwhile."""
        process = self._process = await self._run("serve")
        assert process.stdout is not None
        try:
            line = await asyncio.wait_for(process.stdout.readline(), OPEN_SECONDS)
        except TimeoutError:
            await self._stop()
            raise CouldNotSee("A server of our own did not open its doors in time.") from None
        if not line:
            if await asyncio.wait_for(process.wait(), STOP_SECONDS) == 2 and "in use" in self.errors():
                return False
            raise CouldNotSee(f"A server of our own did not start: {self.errors()[-300:] or 'it did not say why'}")
        self._drain = asyncio.create_task(_read_on(process.stdout))
        return True

    async def _add_inspector(self) -> None:
        """As whoever runs a server lets somebody look. Without it the evidence could not be shown, and the rest could."""
        file = self.file("inspector")
        adding = await self._run("inspectors", "add", "Inspection", "--key", str(file))
        if await asyncio.wait_for(adding.wait(), OPEN_SECONDS) == 0:
            self.key = file.read_text().strip()

    def file(self, name: str) -> Path:
        """Where whoever runs this server keeps a file of this name: beside its data, and gone with it."""
        assert self._folder is not None
        return self._folder / name

    async def _run(self, *what: str) -> asyncio.subprocess.Process:
        with open(self.file("errors"), "ab") as errors:  # noqa: ASYNC230 - an empty local file
            return await asyncio.create_subprocess_exec(
                *self.command, *what, env=self.started_with, stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE, stderr=errors,
            )  # fmt: skip

    async def types(self, *what: str) -> tuple[int, str]:
        """Whoever runs this server types a command. Its exit status and all that it said."""
        process = await asyncio.create_subprocess_exec(
            *self.command, *what, env=self.started_with, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        try:
            said, _ = await asyncio.wait_for(process.communicate(), OPEN_SECONDS)
        finally:
            await _kill(process)
        return process.returncode or 0, said.decode(errors="replace").strip()

    async def would_open(self, **settings: str | None) -> tuple[bool, str]:
        """Whether another server opens its doors here with these settings instead of this one's own (None: without it), and what it says
        where it does not. It is closed again at once."""
        environ = {name: value for name, value in {**self.started_with, **settings}.items() if value is not None}
        process = await asyncio.create_subprocess_exec(
            *self.command, "serve", env=environ, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert process.stdout is not None and process.stderr is not None  # noqa: PT018 - both were asked for
        try:
            line = await asyncio.wait_for(process.stdout.readline(), OPEN_SECONDS)
            said = line or await asyncio.wait_for(process.stderr.read(), STOP_SECONDS)
            if not line:
                await asyncio.wait_for(process.wait(), STOP_SECONDS)
        except TimeoutError:
            raise CouldNotSee("A server of our own neither opened its doors nor gave up in time.") from None
        finally:
            await _kill(process)
        return bool(line), said.decode(errors="replace").strip()

    def errors(self) -> str:
        """What it said about what went wrong."""
        if self._folder is None:
            return ""
        return (self._folder / "errors").read_text(errors="replace").strip()

    async def checkpoint(self) -> None:
        """Have the record signed now, as whoever runs a server can, and not only at the next hour."""
        status, _ = await self.types("audit", "checkpoint")
        if status:
            raise CouldNotSee("The record could not be signed.")

    # What only who runs a server may see: its disk. Opened for reading, as the server goes on.

    def read(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        with contextlib.closing(sqlite3.connect(f"file:{self.data / DATABASE}?mode=ro", uri=True, timeout=10)) as db:
            return db.execute(sql, values).fetchall()

    def rows(self) -> list[str]:
        """Every row of the record, as text."""
        return [json.dumps(one, default=str) for one in self.read("SELECT * FROM audit")]

    def length(self, name: str) -> int:
        """How many rows the chains of this person's household have: the family's, and everybody's own."""
        home, _ = self._home(name)
        return sum(int(self.read("SELECT count(*) FROM audit WHERE chain = ?", chain)[0][0]) for chain in home)

    def rows_about(self, name: str, since: int) -> tuple[AuditRow, ...]:
        """Of the household of the person with this (made-up) name: the family's chain and everybody's own, and what the platform's chain
        has of its people. One event stands in each chain that it concerns, and is told once."""
        home, people = self._home(name)
        columns = "SELECT seq, at, question, verdict, rules, rulebook, who FROM audit"
        found = [
            row
            for chain in home
            for row in self.read(f"{columns} WHERE chain = ? AND at >= ? ORDER BY seq LIMIT 200", chain, since)
        ]
        found += [
            one
            for one in self.read(f"{columns} WHERE chain = 'platform' AND at >= ? ORDER BY seq LIMIT 2000", since)
            if any(person in str(one[6]) for person in people)
        ]
        names = ("seq", "at", "question", "verdict", "rules", "rulebook")
        once = {row[1:]: row for row in found}.values()
        return tuple(
            audit_row(dict(zip(names, row, strict=False))) for row in sorted(once, key=lambda row: (row[1], row[0]))
        )

    def _home(self, name: str) -> tuple[list[str], list[str]]:
        """The chains of the household of the person with this (made-up) name, and the pseudonyms of its people."""
        found = self.read("SELECT household_id FROM people WHERE name = ?", name)
        if not found:
            return [], []
        people = [one for (one,) in self.read("SELECT pseudonym FROM people WHERE household_id = ?", found[0][0])]
        return [chains.of_household(found[0][0]), *map(chains.of_person, people)], people

    def alive(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def _stop(self) -> None:
        process = self._process
        if process is None:
            return
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(process.wait(), STOP_SECONDS)
            except TimeoutError:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        if self._drain is not None:
            self._drain.cancel()

    async def close(self) -> None:
        try:
            await self._stop()
        finally:
            if self._folder is not None:
                shutil.rmtree(self._folder, ignore_errors=True)


def audit_row(one: Mapping[str, Any]) -> AuditRow:
    """Without who it was about."""
    rules = tuple(str(rule) for rule in json.loads(one["rules"]))
    return AuditRow(
        int(one["seq"]), int(one["at"]), str(one["question"]), str(one["verdict"]), rules, str(one["rulebook"])
    )


async def _kill(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _read_on(stream: asyncio.StreamReader) -> None:
    while await stream.read(65_536):
        pass


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
