"""Which database the rows of a test live in, decided in one place.

Nothing said: a SQLite file in the test's own folder. With ``TEST_DATABASE``, the address of a PostgreSQL server
(``postgresql+asyncpg://user:password@127.0.0.1:5433``; ``make postgres`` starts one and says so), each such file stands for a database
of its own there. Tests name the file either way. What takes long to make is made once and then copied (``Mould``), by both.

The name does not begin with ``RINGFENCE_``: it is no setting, and the house refuses one that it does not know.
"""

from __future__ import annotations

import asyncio
import atexit
import hashlib
import importlib
import os
import threading
from collections.abc import Awaitable, Callable
from functools import cache
from pathlib import Path
from typing import Any, Final

VARIABLE: Final = "TEST_DATABASE"

#: the databases that this process has made or named on the server, by their names
_NAMED: set[str] = set()


def on_postgresql() -> bool:
    return bool(os.environ.get(VARIABLE))


def url(file: Path) -> str:
    """The address of the database that ``file`` stands for. On PostgreSQL an empty one is made if there is none, as an operator would."""
    if not on_postgresql():
        return f"sqlite+aiosqlite:///{file}"
    if not there(file):
        _tell(f'CREATE DATABASE "{_name(file)}"')
    return _address(_name(file))


def there(file: Path) -> bool:
    """Whether ``file``, or the database that it stands for, is there already."""
    if not on_postgresql():
        return file.exists()
    _NAMED.add(_name(file))
    return bool(_tell(f"SELECT 1 FROM pg_database WHERE datname = '{_name(file)}'"))


def remove(file: Path) -> None:
    if on_postgresql():
        _tell(f'DROP DATABASE IF EXISTS "{_name(file)}" WITH (FORCE)')
    else:
        file.unlink(missing_ok=True)


def named() -> frozenset[str]:
    return frozenset(_NAMED)


def drop(names: frozenset[str]) -> None:
    """The server is not to fill up with the databases of tests that are over."""
    for name in names & _NAMED:
        _tell(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        _NAMED.discard(name)


class Mould:
    """Rows that are made once and then copied: a hundred commits are a hundred waits for the disk."""

    def __init__(self) -> None:
        self._bytes = b""
        self._database = ""

    async def pour(self, file: Path, make: Callable[[str], Awaitable[object]]) -> str:
        """A fresh copy at ``file``, in place of what was there. ``make`` is run once, on an empty database. Returns the copy's address."""
        return await (self._pour_server if on_postgresql() else self._pour_file)(file, make)

    async def _pour_file(self, file: Path, make: Callable[[str], Awaitable[object]]) -> str:
        file.parent.mkdir(parents=True, exist_ok=True)
        if not self._bytes:
            await make(url(file))
        self._copy_file(file)
        return url(file)

    def _copy_file(self, file: Path) -> None:
        if self._bytes:
            file.write_bytes(self._bytes)
        else:
            self._bytes = file.read_bytes()  # the last connection has written SQLite's log back into it

    async def _pour_server(self, file: Path, make: Callable[[str], Awaitable[object]]) -> str:
        if not self._database:
            name = f"mould_{os.getpid()}_{id(self)}"
            _tell(f'CREATE DATABASE "{name}"')
            await make(_address(name))
            self._database = name
        if there(file):
            remove(file)
        _tell(f'CREATE DATABASE "{_name(file)}" TEMPLATE "{self._database}"')
        return _address(_name(file))


async def make_tables(url: str) -> None:
    """Today's tables from the models, without a row."""
    from server.db.models import metadata
    from server.db.session import Database

    db = await Database.open(url)
    try:
        async with db.begin() as tx:
            await tx.run_sync(metadata.create_all)
    finally:
        await db.close()


async def with_tables(file: Path) -> str:
    """The address of a database with today's tables and without a row, in place of what was there."""
    return await _TABLES.pour(file, make_tables)


_TABLES: Final = Mould()


def _name(file: Path) -> str:
    return f"test_{hashlib.sha256(str(file.resolve()).encode()).hexdigest()[:24]}"


def _address(database: str) -> str:
    from sqlalchemy.engine import make_url  # late, so that a unit test stays light

    return make_url(os.environ[VARIABLE]).set(database=database).render_as_string(hide_password=False)


def _tell(sql: str) -> str:
    """One statement outside any transaction (making a database will not be in one), on a connection that is kept: one for each process,
    on a loop of its own, so that it can be waited for from anywhere."""
    return asyncio.run_coroutine_threadsafe(_fetch(sql), _loop()).result(60)


@cache
def _loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="databases", daemon=True).start()
    return loop


async def _fetch(sql: str) -> str:
    from sqlalchemy.engine import make_url

    address = os.environ[VARIABLE]
    if address not in _OPEN:
        asyncpg = importlib.import_module("asyncpg")  # an extra
        server = make_url(address).set(drivername="postgresql", database="postgres")
        _OPEN[address] = await asyncpg.connect(server.render_as_string(hide_password=False))
        atexit.register(lambda: _loop().call_soon_threadsafe(_OPEN[address].terminate))
    return str(await _OPEN[address].fetchval(sql) or "")


_OPEN: Final[dict[str, Any]] = {}
