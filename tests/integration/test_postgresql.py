"""What PostgreSQL does otherwise than SQLite, and what must be the same. ``make postgres`` plays this and the other suites there.

Alone (``pytest -m slow`` on this file) it starts a cluster of its own, which needs PostgreSQL installed and the extra.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from server import audit, record
from server.db import migrate
from server.db.alone import serve_alone
from server.db.models import metadata
from server.db.session import Database, rows
from server.errors import DatabaseUnusable, NotOurs
from tests import databases
from tests.house import Families, House, open_house
from tests.integration.families import rung_up
from tests.on_postgresql import HURRY, cluster

pytestmark = [pytest.mark.slow, pytest.mark.postgresql]  # make postgres


@pytest.fixture(scope="module", autouse=True)
def server() -> Iterator[None]:
    if databases.on_postgresql():
        yield
        return
    with cluster(*HURRY) as address, pytest.MonkeyPatch.context() as patch:
        patch.setenv(databases.VARIABLE, address)
        yield


@pytest.fixture
def url(tmp_path: Path) -> str:
    return databases.url(tmp_path / "a.sqlite")


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    opened = await Database.open(await databases.with_tables(tmp_path / "tables.sqlite"))
    yield opened
    await opened.close()


async def end_sessions(url: str, *, of: str = "true") -> None:
    """As an administrator does, or a restart: these sessions of the database are over."""
    admin = await Database.open(url)
    async with admin.begin() as tx:
        await tx.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                f" WHERE datname = current_database() AND pid <> pg_backend_pid() AND ({of})"
            )
        )
    await admin.close()


HOLDER = "application_name = 'ringfence serves'"
OTHERS = "application_name = 'ringfence'"


# == Tables ==================================================================================================================


async def test_models_and_migrations_agree(url: str) -> None:
    """In names, kinds, keys, and in the words that say of every column why it is kept."""
    await migrate.migrate(url)
    opened = await Database.open(url)
    async with opened.begin() as tx:
        await rows(tx, "COMMENT ON COLUMN people.name IS 'an older word'")
    await migrate.migrate(url)

    def differences(connection: Connection) -> list[Any]:
        return compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata)

    async with opened.read() as tx:
        assert await tx.run_sync(differences) == []
        [[columns, told]] = await rows(
            tx,
            "SELECT count(*), count(col_description(attrelid, attnum)) FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid"
            " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND attnum > 0 AND NOT attisdropped"
            " AND relname <> 'alembic_version'",
        )
    await opened.close()
    assert columns == told > 200


async def test_every_revision_goes_up_down_and_up_again(url: str) -> None:
    opened = await Database.open(url)
    revisions = [one.revision for one in reversed(list(ScriptDirectory(str(migrate.FOLDER)).walk_revisions()))]
    assert len(revisions) >= 9
    async with opened.begin() as tx:
        for revision in revisions:
            for way, where in ((command.upgrade, revision), (command.downgrade, "-1"), (command.upgrade, revision)):
                await tx.run_sync(lambda one, way=way, where=where: way(migrate.config(one), where))
        await tx.run_sync(lambda one: command.downgrade(migrate.config(one), "base"))
        left = await rows(tx, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        assert [tuple(one) for one in left] == [("alembic_version",)]
    await opened.close()
    await migrate.migrate(url)
    await migrate.refuse_old(url)


async def test_a_migration_that_breaks_leaves_nothing_behind(url: str) -> None:
    opened = await Database.open(url)
    async with opened.begin() as tx:
        await rows(tx, "CREATE TABLE yeses (x INTEGER)")  # in the way of the last tables
    with pytest.raises(DatabaseUnusable):
        await migrate.migrate(url)
    async with opened.read() as tx:
        assert len(await rows(tx, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")) == 1
    await opened.close()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE audit SET at = 'x'",
        "UPDATE audit SET seq = 'x'",
        "UPDATE record_log SET seq = 'x'",
        "UPDATE record_keys SET since = 'x'",
        "UPDATE audit_heads SET hash = 12",
        "UPDATE people SET kind = 'teacher'",
        "INSERT INTO checkpoints (n, at, size, root, note) VALUES (1, 1, 1, '', chr(0))",
    ],
)
async def test_a_value_of_another_kind_is_not_taken(db: Database, change: str) -> None:
    async def put(last: str) -> None:
        async with db.begin() as tx:
            await rows(tx, "INSERT INTO households VALUES ('h', 'GB', 'Europe/London', 1)")
            await rows(
                tx,
                "INSERT INTO people (id, household_id, kind, name, avatar, ground, pseudonym, state, created_at)"
                " VALUES ('p', 'h', 'guardian', 'Sam', 1, 1, 'p', 'active', 1)",
            )
            await rows(tx, last)

    with pytest.raises(DBAPIError):
        await put(change)
    async with db.read() as tx:
        assert await rows(tx, "SELECT 1 FROM households") == []


async def test_chains_are_in_one_order_whatever_language_the_server_sorts_in(db: Database) -> None:
    """This server sorts as a dictionary does, which puts h_b before h_C; the record must not care."""
    names = ("h_b", "h_C", "h_-d", "h_d", "h__a", audit.PLATFORM)
    async with db.begin() as tx:
        assert (await rows(tx, "SELECT 'h_b' < 'h_C'"))[0][0] is True
        assert sorted(("h_b", "h_C")) == ["h_C", "h_b"]
        for number in range(3):
            await audit.append(tx, names, audit.Entry(number, "ring", ("p",), "deny", ("x",), "y"))
    assert await audit.verify(db) == []
    looked, found = await record.check(db)
    assert (looked.rows, looked.chains >= len(names), found) == (18, True, [])


# == What is said when it cannot be used =====================================================================================


async def test_whatever_is_wrong_with_the_server_is_one_sentence(url: str) -> None:
    async def said(address: str) -> str:
        with pytest.raises(DatabaseUnusable) as refused:
            await migrate.refuse_old(address)
        return str(refused.value)

    assert await said(url) == "There is no database yet. Run `ringfence migrate` once."
    await migrate.migrate(url)
    await migrate.refuse_old(url)
    assert "no such database" in await said(f"{url}_of_nobody")
    assert "does not let this user in" in await said(url.replace("ringfence:", "ringfence:not", 1))
    assert "does not answer" in await said("postgresql+asyncpg://a:b@127.0.0.1:1/c")
    assert "leads nowhere" in await said("postgresql+asyncpg://a:b@nowhere.invalid/c")
    opened = await Database.open(url)
    async with opened.begin() as tx:
        await rows(tx, "UPDATE alembic_version SET version_num = '0000'")
    assert "another version" in await said(url)
    async with opened.begin() as tx:
        await rows(tx, "UPDATE alembic_version SET version_num = :newest", newest=migrate.newest())
    async with opened.begin():
        assert "locked by another program" in await said(url)
        with pytest.raises(DatabaseUnusable, match="locked by another program"):
            await migrate.migrate(url)
    await migrate.refuse_old(url)
    async with opened.begin() as tx:
        name = (await rows(tx, "SELECT current_database()"))[0][0]
        await rows(tx, f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
        await rows(tx, "CREATE ROLE somebody LOGIN PASSWORD 'some'")
    assert "read-only" in await said(url)
    other = databases.url(Path("/of/somebody.sqlite"))
    try:
        with pytest.raises(DatabaseUnusable, match="Let it own the database"):
            await migrate.migrate(other.replace(other.split("//")[1].split("@")[0], "somebody:some"))
    finally:
        await opened.close()
        admin = await Database.open(other)
        async with admin.begin() as tx:
            await rows(tx, "DROP ROLE somebody")
        await admin.close()


async def test_a_database_that_cannot_hold_every_name_is_refused(url: str) -> None:
    opened = await Database.open(url)
    admin = create_async_engine(url, isolation_level="AUTOCOMMIT")
    async with opened.read() as tx:
        name = (await rows(tx, "SELECT current_database()"))[0][0]
    await opened.close()
    async with admin.connect() as connection:
        await connection.exec_driver_sql(
            f"CREATE DATABASE \"{name}_latin\" TEMPLATE template0 ENCODING 'LATIN1' LOCALE_PROVIDER libc LOCALE 'C'"
        )
        with pytest.raises(DatabaseUnusable, match="UTF8"):
            await migrate.refuse_old(f"{url}_latin")
        await connection.exec_driver_sql(f'DROP DATABASE "{name}_latin"')
    await admin.dispose()


async def test_a_change_that_the_server_refuses_is_told_plainly_and_leaves_nothing(
    house: House, families: Families
) -> None:
    """The server became a standby, or an administrator made it read-only."""
    sam = await families.grown_up("Sam")
    async with house.db.begin() as tx:
        name = (await rows(tx, "SELECT current_database()"))[0][0]
        await rows(tx, f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    await end_sessions(house.settings.database_url, of=OTHERS)
    seen = [(await sam.call("POST", "/api/ws-ticket", {})) for _ in range(3)]
    assert {one.status for one in seen} <= {500, 503}
    assert seen[-1].code == "database_read_only"
    async with house.db.read() as tx:
        assert await rows(tx, "SELECT 1 FROM tickets") == []


async def test_after_the_connections_broke_the_house_finds_its_way_back(house: House, families: Families) -> None:
    sam = await families.grown_up("Sam")
    await end_sessions(house.settings.database_url, of=OTHERS)
    seen = [(await sam.call("POST", "/api/ws-ticket", {})).status for _ in range(4)]
    assert seen[-1] == 200
    async with house.db.read() as tx:
        assert len(await rows(tx, "SELECT 1 FROM tickets")) == seen.count(200)


# == One process serves ======================================================================================================


async def test_a_second_process_is_refused_and_the_next_may_serve_when_the_first_is_gone(url: str) -> None:
    await migrate.migrate(url)
    first = await serve_alone(url)
    with pytest.raises(DatabaseUnusable, match="Another Ringfence serves this database"):
        await serve_alone(url)
    await first.release()
    second = await serve_alone(url)
    assert second.session != first.session
    assert not second.lost.is_set()
    await second.release()


async def test_nothing_is_changed_by_a_process_that_no_longer_holds_its_database(url: str) -> None:
    await migrate.migrate(url)
    hold = await serve_alone(url)
    mine, command_line = await Database.open(url, hold.session), await Database.open(url)
    try:
        async with mine.begin() as tx:
            await rows(tx, "UPDATE alembic_version SET version_num = version_num")
        await end_sessions(url, of=f"pid = {hold.session}")
        with pytest.raises(NotOurs):  # at once: not only when somebody has looked
            async with mine.begin() as tx:
                await rows(tx, "DELETE FROM alembic_version")
        async with asyncio.timeout(10):
            await hold.lost.wait()
        async with command_line.begin() as tx:
            assert len(await rows(tx, "SELECT 1 FROM alembic_version")) == 1
    finally:
        await mine.close()
        await command_line.close()
        await hold.release()


async def test_a_house_that_lost_its_database_ends_every_call_and_lets_another_serve(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        families = Families(house)
        two = await families.two()
        await rung_up(two.maya, two.theo, two.maya_sees_theo)
        mark = len(two.theo.seen)
        await end_sessions(house.settings.database_url, of=HOLDER)
        assert (await two.theo.expect("call.ended", since=mark))["code"] == "server_draining"
        await two.theo.expect("closed", since=mark)
        answer = await house.device().call("GET", "/healthz")
        assert (answer.status, answer.json["guards"]["database"]) == (503, False)
        assert (await two.sam.call("POST", "/api/ws-ticket", {})).code == "database_busy"
        next_one = await serve_alone(house.settings.database_url)
        await next_one.release()


async def test_the_process_says_so_and_ends_when_it_lost_its_database(tmp_path: Path) -> None:
    from server.db.alone import LOST
    from tests.integration.test_app_process import PRODUCTION, ringfence, running

    assert ringfence(tmp_path, "migrate", **PRODUCTION).returncode == 0
    async with running(tmp_path, "serve", **PRODUCTION) as (process, _):
        await end_sessions(databases.url(tmp_path / "var" / "ringfence.sqlite"), of=HOLDER)
        async with asyncio.timeout(20):
            assert await process.wait() == 2
        assert process.stdout is not None
        assert (await process.stdout.read()).decode().splitlines()[-1] == LOST


def test_what_is_written_waits_for_the_disk_whatever_the_server_is_told(url: str) -> None:
    async def settings() -> dict[str, str]:
        opened = await Database.open(url)
        async with opened.begin() as tx:
            name = (await rows(tx, "SELECT current_database()"))[0][0]
            await rows(tx, f'ALTER DATABASE "{name}" SET synchronous_commit = off')
        await opened.close()
        opened = await Database.open(url)
        async with opened.begin() as tx:
            found = await rows(
                tx, "SELECT name, setting FROM pg_settings WHERE name IN ('synchronous_commit', 'lock_timeout')"
            )
        await opened.close()
        return {str(name): str(setting) for name, setting in found}

    assert asyncio.run(settings()) == {"synchronous_commit": "on", "lock_timeout": "5000"}
