"""The database that a command works on: the one that the settings name, or an embedded one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from chandlery.app.settings import Settings
from chandlery.engine.children import CannotStart
from chandlery.engine.embedded_postgres import EmbeddedPostgres, running_server

NAME = "chandlery"


@dataclass(slots=True)
class Database:
    """`url` is the owner's; `embedded` is the server that we started and must keep alive, if we did."""

    url: str
    embedded: EmbeddedPostgres | None = None

    def revive(self) -> bool:
        """Bring back an embedded PostgreSQL that died, at the same address. True when it had."""
        if self.embedded is None or self.embedded.pid is not None:
            return False
        self.embedded.start()
        return True


@contextmanager
def started(settings: Settings) -> Iterator[Database]:
    """For a server: start the embedded PostgreSQL, unless the settings name another, and stop it at the end."""
    if settings.database_url is not None:
        yield Database(settings.database_url)
        return
    embedded = EmbeddedPostgres(settings.data)
    with embedded as server:
        server.create_database(NAME)
        yield Database(server.owner_url(NAME), embedded)


@contextmanager
def reachable(settings: Settings) -> Iterator[Database]:
    """For a command: the server that runs on the data directory, else one of our own for as long as it takes."""
    if settings.database_url is not None:
        yield Database(settings.database_url)
        return
    running = running_server(settings.data)
    if running is not None:
        yield Database(running.owner_url(NAME))
        return
    if not (settings.data / "postgres").exists():
        raise CannotStart(
            f"There is no database in {settings.data}; start one with `chandlery serve`, name another directory with "
            "--data, or set CHANDLERY_DATABASE_URL."
        )
    with started(settings) as database:
        yield database
