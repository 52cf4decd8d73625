"""Alembic's entry: it only ever runs on a connection that ``server/db/migrate.py`` hands over, inside one transaction.

There is no alembic.ini and no second way to name a database: ``ringfence migrate`` is the command.
"""

from __future__ import annotations

from alembic import context

from server.db.models import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    compare_type=True,
    transactional_ddl=True,  # SQLite's DDL is transactional too, once BEGIN is ours: half a migration never stays
)
context.run_migrations()
