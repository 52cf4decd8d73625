"""The tests whose rows matter, on PostgreSQL: ``python -m tests.on_postgresql`` (``make postgres``), with pytest's arguments if any.

A cluster of its own is made in a temporary folder, listens on a free port of this machine only, and goes with this process, however
that ends. It speaks another language than the rows (ICU, American English), because that of a real server is not ours to choose. It does
not wait for the disk: that a write has reached it is PostgreSQL's own promise, and no test here cuts the power.

Which tests: all integration tests that neither need a browser nor are about SQLite's own file, the unit tests that read or write the
record, what is marked ``postgresql`` (slow elsewhere), and tests/integration/test_postgresql.py, which is about nothing else.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.databases import VARIABLE

ROOT: Final = Path(__file__).parents[1]
OWN: Final = "tests/integration/test_postgresql.py"
SUITES: Final = (
    "tests/integration",
    "tests/unit/test_audit_chain.py",
    "tests/unit/test_record_attacks.py",
    "tests/unit/test_record_page.py",
    "tests/unit/test_record_tampering.py",
)
#: Integration tests without a database, and those that play in a browser or in the demo, whose file is always SQLite's.
ELSEWHERE: Final = (
    "test_calls_property.py", "test_demo.py", "test_faults_are_found.py", "test_gate_*.py", "test_hub_*.py", "test_inspect_*.py",
    "test_nothing_is_stored.py", "test_platforms.py", "test_seal_*.py", "test_trace_*.py", "test_ws_*.py",
)  # fmt: skip
HURRY: Final = ("fsync=off", "full_page_writes=off", "autovacuum=off", "max_connections=300", "shared_buffers=64MB")


def programs() -> Path:
    """Where PostgreSQL's own programs are; Debian keeps those of a server out of the path."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda one: int(one.parts[-3]))
    at = str(found[-1]) if found else shutil.which("initdb")
    if at is None:
        raise SystemExit("PostgreSQL is not installed. On Debian: apt-get install postgresql")
    return Path(at).parent


@contextmanager
def cluster(*settings: str) -> Iterator[str]:
    """A server of our own; its address, without a database."""
    at, password = programs(), secrets.token_hex(16)
    who = _nobody_in_particular()
    with tempfile.TemporaryDirectory(prefix="ringfence-postgresql-") as name:
        folder = Path(name)
        (folder / "password").write_text(password)
        if who:
            for path in (folder, folder / "password"):
                os.chown(path, who.pw_uid, who.pw_gid)
        made = subprocess.run(
            [at / "initdb", "-D", folder / "data", "-U", "ringfence", "-A", "password", "--pwfile", folder / "password",
             "-E", "UTF8", "--locale=C", "--locale-provider=icu", "--icu-locale=en-US", "--no-sync"],
            capture_output=True, text=True, check=False, cwd=folder, **_as(who),
        )  # fmt: skip
        if made.returncode:
            raise SystemExit(f"PostgreSQL could not make a cluster: {made.stderr.strip()}")
        port = _free_port()
        log = (folder / "log").open("w+")
        options = [f"listen_addresses=127.0.0.1", f"port={port}", "unix_socket_directories=", *settings]  # noqa: F541
        server = subprocess.Popen(
            [at / "postgres", "-D", folder / "data", *(word for one in options for word in ("-c", one))],
            stdout=log, stderr=log, cwd=folder, preexec_fn=_goes_with_its_parent, **_as(who),
        )  # fmt: skip
        try:
            _answers(at, port, server, folder / "log")
            yield f"postgresql+asyncpg://ringfence:{password}@127.0.0.1:{port}"
        finally:
            server.send_signal(signal.SIGINT)  # "fast": whoever is still connected is sent away
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                server.send_signal(signal.SIGQUIT)
                server.wait()
            log.close()


def _nobody_in_particular() -> pwd.struct_passwd | None:
    """PostgreSQL refuses to run as root. The user that its package makes, or nobody."""
    if os.getuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


def _as(who: pwd.struct_passwd | None) -> dict[str, int | list[int]]:
    return {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []} if who else {}


def _goes_with_its_parent() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGINT)  # PR_SET_PDEATHSIG: also when we are killed


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _answers(at: Path, port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 60
    while subprocess.run([at / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)], check=False).returncode:
        if server.poll() is not None or time.monotonic() > until:
            raise SystemExit(f"PostgreSQL did not start: {log.read_text()[-2000:]}")
        time.sleep(0.05)


def main(arguments: Sequence[str]) -> int:
    chosen = list(arguments) or [
        *SUITES, *(f"--ignore-glob=*/{one}" for one in ELSEWHERE), "-m", "postgresql or not (slow or sqlite or browser)", "-n", "2",
    ]  # fmt: skip
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the folder goes, whoever ends us
    with cluster(*HURRY) as address:
        done = subprocess.run([sys.executable, "-m", "pytest", *chosen], cwd=ROOT, env=os.environ | {VARIABLE: address})
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
