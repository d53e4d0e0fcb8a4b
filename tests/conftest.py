"""Real PostgreSQL for every test: one server for the run, one database per worker, one tenant per test.

Tests commit for real. They stay apart because each has a tenant of its own, as customers do.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from chandlery.engine.database import PoolSize, open_pool
from chandlery.engine.embedded_postgres import EmbeddedPostgres
from chandlery.engine.migrations import migrate
from chandlery.engine.unit_of_work import Engine, Meter
from chandlery.kernel.clock import FixedClock
from tests.builders import Tenant, a_tenant
from tests.declared_events import misfits

URL = "CHANDLERY_TEST_DATABASE_URL"
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def pytest_configure(config: pytest.Config) -> None:
    """Start the server before the workers, which inherit its URL; unless the environment names one already."""
    if URL in os.environ or hasattr(config, "workerinput"):
        return
    folder = tempfile.TemporaryDirectory(prefix="chandlery-test-", ignore_cleanup_errors=True)
    settings = {
        "fsync": "off",
        "full_page_writes": "off",
        "max_connections": "200",
    }  # nothing here must survive
    version = int(os.environ.get("CHANDLERY_TEST_POSTGRES", "16"))
    server = EmbeddedPostgres(Path(folder.name), version, settings)
    os.environ[URL] = server.start().owner_url("postgres")

    def stop() -> None:
        server.stop()
        del os.environ[URL]
        folder.cleanup()

    config.add_cleanup(stop)


@pytest.fixture(scope="session")
def server_url() -> str:
    """The server for this run (see pytest_configure)."""
    return os.environ[URL]


@pytest.fixture(scope="session")
def database_url(server_url: str, worker_id: str) -> Iterator[str]:
    """A migrated database of this worker's own; the URL names the owner of the schema."""
    name = f"chandlery_test_{worker_id}_{os.getpid()}"
    with psycopg.connect(server_url, autocommit=True) as server:
        server.execute(f'CREATE DATABASE "{name}"')
        url = make_conninfo(server_url, dbname=name)
        try:
            migrate(url)
            yield url
            wrongs = misfits(url)
            assert not wrongs, f"events of this run differ from the event catalogue: {wrongs}"
        finally:
            server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(scope="session")
def meters() -> list[Meter]:
    """What each unit of work cost, newest last."""
    return []


@pytest.fixture(scope="session")
async def engine(database_url: str, meters: list[Meter]) -> AsyncIterator[Engine]:
    """The engine as the app's own role, with a clock that stands at NOW."""
    async with open_pool(database_url, PoolSize(1, 10)) as pool:
        yield Engine(pool, FixedClock(NOW), observe=meters.append)


@pytest.fixture
def owner(database_url: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """A connection that row-level security does not bind, to look behind the app's back."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def tenant(owner: psycopg.Connection[tuple[object, ...]]) -> Tenant:
    """A distributor with a reseller and that reseller's customer, and somebody to act for each."""
    return a_tenant(owner)
