"""Bringing a database to the newest schema: the numbered files of `chandlery/migrations`, run in order by yoyo.

Each file is one transaction. A session-level advisory lock keeps two servers from migrating at once; it dies with its
connection, where yoyo's own lock row would outlive a killed process and want an operator.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import as_file, files
from typing import TYPE_CHECKING, Any

import psycopg
from yoyo import read_migrations
from yoyo.backends.core.postgresql import PostgresqlPsycopgBackend
from yoyo.connections import DatabaseURI

from chandlery.engine.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

logging.getLogger("yoyo").setLevel(logging.ERROR)

MIGRATION_LOCK = 0x6368_616E_6472_6C79  # "chandrly": any constant will do, as long as it stays
_TABLE = "schema_migrations"


@dataclass(frozen=True, slots=True)
class SchemaState:
    """Which migrations the database has and which it lacks, by file name without the ending."""

    applied: tuple[str, ...]
    pending: tuple[str, ...]
    server_version: int = 0
    """The major version of PostgreSQL."""


def migrate(url: str) -> SchemaState:
    """Apply what is pending; safe to run twice and by several processes at once. `url` names the schema's owner."""
    with _schema(url) as (backend, migrations):
        pending = backend.to_apply(migrations)
        applied = tuple(migration.id for migration in pending)
        backend.break_lock()
        backend.apply_migrations(pending)
        return SchemaState(applied, ())


def schema_state(url: str) -> SchemaState:
    """What is applied and what is pending, without changing anything but yoyo's own bookkeeping tables."""
    with _schema(url) as (backend, migrations):
        pending = [migration.id for migration in backend.to_apply(migrations)]
        applied = tuple(m.id for m in migrations if m.id not in pending)
        return SchemaState(applied, tuple(pending), backend.connection.info.server_version // 10_000)


@contextmanager
def _schema(url: str) -> Iterator[tuple[Any, Any]]:
    with (
        _connected(url) as connection,
        as_file(files("chandlery") / "migrations") as folder,
    ):
        connection.execute("SELECT pg_advisory_lock(%s)", (MIGRATION_LOCK,))
        backend = _Backend(url)
        try:
            backend.init_database()
            yield backend, read_migrations(str(folder))
        finally:
            backend.connection.close()


def _connected(url: str) -> psycopg.Connection[Any]:
    try:
        return psycopg.connect(url, autocommit=True, connect_timeout=10)
    except psycopg.OperationalError as error:
        raise DatabaseUnavailable(given=str(error)) from error


class _Backend(PostgresqlPsycopgBackend):  # type: ignore[misc]  # yoyo is not typed
    """yoyo on any libpq connection string: its own URL form knows no socket directories or options."""

    def __init__(self, url: str) -> None:
        self._url = url
        super().__init__(DatabaseURI("postgresql+psycopg", None, None, None, None, "", {}), _TABLE)

    def copy(self) -> _Backend:
        return _Backend(self._url)

    def connect(self, dburi: object) -> psycopg.Connection[Any]:
        self.schema = None
        return psycopg.connect(self._url, autocommit=True, connect_timeout=10)
