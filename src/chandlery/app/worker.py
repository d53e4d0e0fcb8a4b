"""The worker's process: durable jobs, timers and sweeps. `chandlery worker` and `chandlery serve` start it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

from chandlery.app import logs
from chandlery.app.opening import open_house
from chandlery.app.settings import Settings, load
from chandlery.engine.children import die_with_parent
from chandlery.engine.worker import WorkerSettings, run_worker


async def work(settings: Settings, database_url: str) -> None:
    """Work until SIGTERM or SIGINT, then finish the running jobs."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, stop.set)
    async with open_house(settings, database_url) as opened:
        await run_worker(
            opened.engine,
            database_url,
            opened.tasks,
            opened.periodic,
            WorkerSettings(concurrency=settings.worker_concurrency),
            stop,
        )


def main() -> None:
    die_with_parent()
    settings = load(os.environ)
    logs.configure(settings.log_level, settings.log_format)
    if settings.database_url is None:
        sys.exit("The worker needs CHANDLERY_DATABASE_URL; `chandlery serve` starts a worker with it.")
    asyncio.run(work(settings, settings.database_url))


if __name__ == "__main__":
    main()
