"""The command line as the person who runs it meets it: one sentence and exit 2, or a house that opens and closes well."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from server.app import listen
from server.db.session import Database, rows
from server.errors import NoNetwork, PortTaken
from server.settings import ROOT, Settings
from tests import databases
from tests.peers import Browserless

PRODUCTION = {
    "RINGFENCE_ORIGIN": "https://calls.example",
    "RINGFENCE_PROXIES": "1",
    "RINGFENCE_ACCOUNTABLE_PERSON": "Ada Example",
    "RINGFENCE_ACCOUNTABLE_CONTACT": "safety@calls.example",
    "RINGFENCE_HOST": "127.0.0.1",
    "RINGFENCE_PORT": "0",
}


def environment(folder: Path, **more: str) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("RINGFENCE_")}
    if "RINGFENCE_ORIGIN" in more:  # not the demo, which has a file of its own always
        more = {"RINGFENCE_DATABASE": databases.url(folder / "var" / "ringfence.sqlite"), **more}
    return {**clean, "PYTHONPATH": str(ROOT), "RINGFENCE_DATA": str(folder / "var"), **more}


def ringfence(folder: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "server.cli", *arguments],
        env=environment(folder, **more), cwd=folder, capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip


def refused(done: subprocess.CompletedProcess[str]) -> str:
    """The one sentence of a process that ended with 2."""
    assert done.returncode == 2, done
    assert done.stderr.count("\n") == 1, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr.strip()


@asynccontextmanager
async def running(folder: Path, *arguments: str, **more: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """A started server and the first address that it prints."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "server.cli", *arguments,
        env=environment(folder, **more), cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    assert process.stdout is not None
    said = ""
    try:
        async with asyncio.timeout(60):
            while not (found := re.search(r"https?://\S+", said)):
                line = await process.stdout.readline()
                assert line, said
                said += line.decode()
        yield process, found.group().rstrip("/")
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@pytest.fixture
def held() -> Iterator[tuple[int, int]]:
    """A TCP port and a UDP port that somebody else has."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
    ):
        tcp.bind(("127.0.0.1", 0))
        tcp.listen()
        udp.bind(("0.0.0.0", 0))
        yield tcp.getsockname()[1], udp.getsockname()[1]


def test_wrong_settings_are_one_sentence_and_nothing_has_started(tmp_path: Path) -> None:
    assert "ORIGIN is missing" in refused(ringfence(tmp_path, "serve"))
    assert "Did you mean RINGFENCE_ORIGIN?" in refused(ringfence(tmp_path, "serve", RINGFENCE_ORIGN="x"))
    assert list(tmp_path.iterdir()) == []


def test_production_without_tables_says_what_to_do(tmp_path: Path) -> None:
    assert (
        refused(ringfence(tmp_path, "serve", **PRODUCTION)) == "There is no database yet. Run `ringfence migrate` once."
    )


def test_a_taken_port_is_said_before_anything_has_started(tmp_path: Path, held: tuple[int, int]) -> None:
    assert refused(ringfence(tmp_path, "demo", "--port", str(held[0]))).startswith(f"Port {held[0]} is in use")
    assert list(tmp_path.iterdir()) == []


def test_a_taken_gate_port_is_said_plainly(tmp_path: Path, held: tuple[int, int]) -> None:
    said = refused(ringfence(tmp_path, "demo", "--port", "0", RINGFENCE_GATE_PORT=str(held[1])))
    assert str(held[1]) in said


def test_a_locked_database_is_said_plainly(tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()
    with sqlite3.connect(tmp_path / "var" / "demo.sqlite", isolation_level=None) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert "locked by another program" in refused(ringfence(tmp_path, "demo", "--port", "0"))
        other.execute("ROLLBACK")


def test_ports_are_taken_all_or_none(held: tuple[int, int]) -> None:
    with pytest.raises(PortTaken):
        listen(Settings(host=("::1", "127.0.0.1"), port=held[0]))
    with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as free:  # the IPv6 one was let go again
        free.bind(("::1", held[0]))


def test_an_address_that_this_machine_has_not_is_said_plainly() -> None:
    with pytest.raises(NoNetwork, match="None of the addresses"):
        listen(Settings(host=("192.0.2.1",), port=0))
    sockets, settings = listen(Settings(host=("127.0.0.1", "2001:db8::1"), port=0))
    assert len(sockets) == 1  # one missing family is no reason not to serve
    assert settings.port == sockets[0].getsockname()[1]
    sockets[0].close()


def test_the_audit_record_is_verified_from_the_command_line(tmp_path: Path) -> None:
    assert ringfence(tmp_path, "migrate", **PRODUCTION).returncode == 0
    whole = ringfence(tmp_path, "audit", "verify", **PRODUCTION)
    assert (whole.returncode, whole.stdout) == (
        0,
        "Looked at 0 rows in 0 chains. Every chain is whole.\nNothing is signed yet.\n",
    )
    asyncio.run(forged(databases.url(tmp_path / "var" / "ringfence.sqlite")))
    broken = ringfence(tmp_path, "audit", "verify", **PRODUCTION)
    assert broken.returncode == 1
    assert "platform row" in broken.stdout


async def forged(url: str) -> None:
    db = await Database.open(url)
    async with db.begin() as tx:
        await rows(
            tx,
            "INSERT INTO audit (chain, seq, at, question, who, verdict, rules, rulebook, previous, hash, salt)"
            " VALUES ('platform', 7, 1, 'ring', '[]', 'allow', '[]', 'x', :none, :none, :salt)",
            none=bytes(32), salt=bytes(48),
        )  # fmt: skip
    await db.close()


def test_the_wire_and_the_rules_are_printed_without_any_settings(tmp_path: Path) -> None:
    schema = ringfence(tmp_path, "protocol", "schema")
    assert json.loads(schema.stdout)["title"] == "ringfence.v1+json"
    rules = ringfence(tmp_path, "policy", "print")
    assert rules.returncode == 0
    assert "`blocked`" in rules.stdout


async def test_a_server_that_is_told_to_stop_says_goodbye_and_ends_well(tmp_path: Path) -> None:
    async with running(tmp_path, "demo", "--port", "0") as (process, base):
        port = base.rpartition(":")[2]
        maya = Browserless(f"http://maya.localhost:{port}")
        try:
            assert (await maya.post("/api/demo/enter", {"slug": "maya"})) == {"go": "/child/"}
            await maya.connect()
            process.send_signal(signal.SIGTERM)
            assert (await maya.expect("go_away"))["reconnect_after_ms"] > 0
            assert (await maya.expect("closed"))["code"] == 1012
            async with asyncio.timeout(60):
                assert await process.wait() == 0
        finally:
            await maya.close()


async def test_one_database_is_served_by_one_process_and_looked_at_by_any(tmp_path: Path) -> None:
    assert ringfence(tmp_path, "migrate", **PRODUCTION).returncode == 0
    async with running(tmp_path, "serve", **PRODUCTION) as (process, _):
        second = await asyncio.to_thread(ringfence, tmp_path, "serve", **PRODUCTION)
        assert refused(second).startswith("Another Ringfence serves this database.")
        for beside in (("migrate",), ("audit", "verify")):
            assert (await asyncio.to_thread(ringfence, tmp_path, *beside, **PRODUCTION)).returncode == 0, beside
        process.kill()  # however it ends, the next one may serve
        await process.wait()
    async with running(tmp_path, "serve", **PRODUCTION) as (process, _):
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(60):
            assert await process.wait() == 0


async def test_a_fresh_production_serves_once_migrated(tmp_path: Path) -> None:
    assert ringfence(tmp_path, "migrate", **PRODUCTION).returncode == 0
    settings = {**PRODUCTION, "RINGFENCE_PORT": "0"}
    async with running(tmp_path, "serve", **settings) as (process, base):
        assert base == "https://calls.example"
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(60):
            assert await process.wait() == 0


def test_a_shift_and_a_review_are_said_in_one_sentence_each(tmp_path: Path) -> None:
    assert "There is no database yet." in refused(ringfence(tmp_path, "shift", **PRODUCTION))
    assert ringfence(tmp_path, "migrate", **PRODUCTION).returncode == 0
    assert ringfence(tmp_path, "shift", "--end", **PRODUCTION).stdout == "There was no shift.\n"
    begun = ringfence(tmp_path, "shift", "--minutes", "30", **PRODUCTION)
    assert begun.returncode == 0
    assert re.fullmatch(r"A moderator is here until \d{4}-\d\d-\d\d \d\d:\d\d UTC[.]\n", begun.stdout)
    assert ringfence(tmp_path, "shift", "--end", **PRODUCTION).stdout == "The shift has ended.\n"
    unknown = ringfence(tmp_path, "review", "nobody", "--families", "6", **PRODUCTION)
    assert (unknown.returncode, unknown.stdout) == (1, "There is no grown-up under this pseudonym.\n")
    for wrong in (["shift", "--minutes", "0"], ["shift", "--minutes", "x"], ["review", "nobody"]):
        done = ringfence(tmp_path, *wrong, **PRODUCTION)
        assert done.returncode == 2
        assert "Traceback" not in done.stderr
