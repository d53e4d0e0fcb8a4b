"""`chandlery serve`: one process to start. It owns the database, the API and the worker, and takes them down with it.

    chandlery serve            the API in our own event loop, on a port that we bind first: in use is an error at once
      ├── postgres             embedded, unless the settings name a server; dies with us
      └── chandlery.app.worker durable jobs; dies with us

A child that dies is brought back. The one line on standard output is printed when everything answers.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import subprocess
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog

from chandlery.app import database, logs
from chandlery.app.demo import world
from chandlery.app.http_server import listen, serve_asgi
from chandlery.app.mounts import asgi_app
from chandlery.app.opening import OpenHouse, open_house
from chandlery.app.settings import Settings
from chandlery.engine.children import spawn_python, stop
from chandlery.engine.migrations import migrate

log = structlog.get_logger(__name__)

_WATCH_SECONDS = 0.5
_WORKER_GRACE_SECONDS = 20.0

Say = Callable[[str], None]


def serve(settings: Settings, *, demo: bool, say: Say) -> None:
    """Serve until SIGTERM or SIGINT. `say` gets the one line that tells that the server is ready."""
    logs.configure(settings.log_level, settings.log_format)
    listener = listen(settings.host, settings.port)
    with listener, database.started(settings) as found:
        migrate(found.url)
        asyncio.run(_serve(settings, found, listener, demo=demo, say=say))


async def _serve(
    settings: Settings, found: database.Database, listener: socket.socket, *, demo: bool, say: Say
) -> None:
    async with open_house(settings, found.url) as opened:
        if demo:
            await world.load(opened, settings, found.url)
        worker = _Worker(settings, found.url)
        worker.start()
        _settle_garbage()
        watching = asyncio.create_task(_watch(found, worker))
        ready = asyncio.create_task(_announce(opened, settings, say))
        try:
            await serve_asgi(asgi_app(opened), listener, leaving=opened.house.streams.leave)
        finally:
            for task in (watching, ready):
                task.cancel()
            await asyncio.gather(watching, ready, return_exceptions=True)
            worker.stop()


def _settle_garbage() -> None:
    """What start-up made stays: keep the collector from going through it again and again under load."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


async def _announce(opened: OpenHouse, settings: Settings, say: Say) -> None:
    for check in opened.house.checks.values():
        await _until_it_holds(check)
    say(f"Chandlery is ready at {settings.base_url} (process {os.getpid()}); stop it with Ctrl-C.")


async def _until_it_holds(check: Callable[[], Awaitable[None]]) -> None:
    while True:
        with suppress(Exception):  # edge: a check raises for as long as its part is not ready
            await check()
            return
        await asyncio.sleep(0.05)


class _Worker:
    """The worker process, started anew whenever it ends on its own."""

    def __init__(self, settings: Settings, url: str) -> None:
        self._environment = settings.as_environment() | {"CHANDLERY_DATABASE_URL": url}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = spawn_python("chandlery.app.worker", environment=self._environment)

    def revive(self) -> bool:
        if self._process is None or self._process.poll() is None:
            return False
        self.start()
        return True

    def stop(self) -> None:
        if self._process is not None:
            stop(self._process, (signal.SIGTERM, _WORKER_GRACE_SECONDS))


async def _watch(found: database.Database, worker: _Worker) -> None:
    while True:
        await asyncio.sleep(_WATCH_SECONDS)
        try:
            if found.revive():
                log.error("database_revived", hint="the embedded PostgreSQL had ended; see postgres.log")
            if worker.revive():
                log.error("worker_revived", hint="the worker had ended; its jobs are taken up again")
        except Exception:  # edge: watching must go on; what could not be revived is tried again
            log.exception("revival_failed")
