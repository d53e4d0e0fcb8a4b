"""The worker: takes jobs from the queue and runs them, and comes back from whatever happens to it.

Procrastinate fetches, locks, retries and listens. Around it stand three loops: one wakes timers, one frees the jobs of
killed workers (they would hold their locks for ever), one runs the periodic sweeps. When the database goes away, all of
them wait and try again. A job may run twice, at once in the worst case (its worker was only slow to give a sign of
life): tasks make that harmless.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, LiteralString
from uuid import UUID

import psycopg
import structlog
from procrastinate import App, BaseRetryStrategy, PsycopgConnector, RetryDecision
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import DeleteJobCondition, Job
from procrastinate.worker import Worker

from chandlery.engine.database import Pool
from chandlery.engine.queue import (
    MOST_RUNS,
    fire_timers,
    open_jobs_pool,
    purge_spent,
    recover_stalled_jobs,
    task_args,
)
from chandlery.engine.tasks import PeriodicTask, Task
from chandlery.engine.unit_of_work import Engine
from chandlery.kernel.errors import Unavailable
from chandlery.kernel.ids import TenantId

log = structlog.get_logger(__name__)
logging.getLogger("procrastinate").setLevel(logging.WARNING)  # two lines per job are a cost, not a help


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """How much at once, and how patient."""

    concurrency: int = 8
    heartbeat_seconds: float = 2.0
    stalled_seconds: float = 6.0
    poll_seconds: float = 1.0
    timer_seconds: float = 1.0
    grace_seconds: float = 20.0
    purge_seconds: float = 600.0


@dataclass(frozen=True, slots=True)
class Periodic:
    """A sweep for all tenants and how often it runs, on every worker: running twice makes it no different."""

    name: str
    every_seconds: float
    run: PeriodicTask


async def run_worker(
    engine: Engine,
    url: str,
    tasks: Mapping[str, Task],
    periodic: Sequence[Periodic] = (),
    settings: WorkerSettings = WorkerSettings(),
    stop: asyncio.Event | None = None,
) -> None:
    """Work until `stop` is set; then finish what runs, for `grace_seconds` at most, and leave the rest to others."""
    stop = stop or asyncio.Event()
    async with open_jobs_pool(url, settings.concurrency + 3) as pool:
        sweeps = [
            Periodic("timers", settings.timer_seconds, lambda engine: _timers(engine, pool)),
            Periodic(
                "stalled", settings.heartbeat_seconds, lambda _: _recover(pool, settings.stalled_seconds)
            ),
            Periodic("purge", settings.purge_seconds, lambda engine: _purge(engine, pool)),
            *periodic,
        ]
        loops = [asyncio.create_task(_again_and_again(engine, sweep)) for sweep in sweeps]
        try:
            await _work(engine, tasks, pool, settings, stop)
        finally:
            for loop in loops:
                loop.cancel()
            await asyncio.gather(*loops, return_exceptions=True)


async def _work(
    engine: Engine, tasks: Mapping[str, Task], pool: Pool, settings: WorkerSettings, stop: asyncio.Event
) -> None:
    """Run Procrastinate's worker; when the database throws it out, wait a little and start a new one."""
    connector = _PatientConnector()
    app = _procrastinate(engine, tasks, connector)
    async with app.open_async(pool):
        pause = 0.25
        while not stop.is_set():
            worker = Worker(
                app,
                concurrency=settings.concurrency,
                delete_jobs=DeleteJobCondition.SUCCESSFUL,
                fetch_job_polling_interval=settings.poll_seconds,
                update_heartbeat_interval=settings.heartbeat_seconds,
                stalled_worker_timeout=settings.stalled_seconds,
                shutdown_graceful_timeout=settings.grace_seconds,
                install_signal_handlers=False,
            )
            connector.give_up = worker.stop
            stopper = asyncio.create_task(_stop_when(stop, worker))
            started = asyncio.get_running_loop().time()
            try:
                await worker.run()  # type: ignore[no-untyped-call]
            except (ConnectorException, psycopg.OperationalError) as error:
                log.warning("worker_interrupted", error=repr(error))
            finally:
                stopper.cancel()
            if asyncio.get_running_loop().time() - started > 10:
                pause = 0.25
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), pause)
            pause = min(pause * 2, 5.0)


async def _stop_when(stop: asyncio.Event, worker: Worker) -> None:
    await stop.wait()
    worker.stop()  # type: ignore[no-untyped-call]


async def _again_and_again(engine: Engine, sweep: Periodic) -> None:
    """A sweep that nothing ends: what goes wrong is logged, once per kind of trouble, and the next round comes."""
    trouble = ""
    while True:
        try:
            await sweep.run(engine)
            trouble = ""
        except Exception as error:  # edge: a sweep that died would be missed by nobody
            if repr(error) != trouble:
                expected = isinstance(error, Unavailable | psycopg.OperationalError)
                log.warning("sweep_failed", sweep=sweep.name, error=repr(error), exc_info=not expected)
            trouble = repr(error)
        await asyncio.sleep(sweep.every_seconds)


async def _timers(engine: Engine, pool: Pool) -> None:
    while await fire_timers(pool, engine.clock.now()):
        pass


async def _purge(engine: Engine, pool: Pool) -> None:
    while await purge_spent(pool, engine.clock.now()):
        pass


async def _recover(pool: Pool, stalled_seconds: float) -> None:
    recovered = await recover_stalled_jobs(pool, stalled_seconds)
    if recovered:
        log.warning("stalled_jobs_recovered", jobs=recovered)


class _PatientConnector(PsycopgConnector):
    """Says that a job is finished until it has been heard.

    A job that has run but stays marked as running would hold its lock for as long as its worker lives. So the word is
    repeated while the database is away; when that does not help, the worker is replaced, and its jobs run again.
    """

    give_up: Callable[[], object]

    async def execute_query_async(self, query: LiteralString, **arguments: Any) -> None:
        for pause in (0.1, 0.5, 1.0, 2.0, 4.0):
            try:
                await super().execute_query_async(query, **arguments)
            except ConnectorException as error:
                if isinstance(error.__cause__, psycopg.OperationalError):
                    await asyncio.sleep(pause)
                    continue
                log.warning("job_not_ours_any_more", error=repr(error.__cause__))
            return
        self.give_up()


def _procrastinate(engine: Engine, tasks: Mapping[str, Task], connector: PsycopgConnector) -> App:
    app = App(connector=connector)
    for name, task in tasks.items():
        app.task(name=name, retry=_BackOff())(_runner(engine, task))
    return app


def _runner(engine: Engine, task: Task) -> Callable[..., Awaitable[None]]:
    async def run(**args: str) -> None:
        await task(engine, TenantId(UUID(args["tenant_id"])), task_args(args))

    return run


class _BackOff(BaseRetryStrategy):
    """1, 2, 4 ... 300 seconds between runs; after `MOST_RUNS` the job stays as failed, which `doctor` shows.

    A job that is cut off by a stop goes back at once: it did nothing wrong.
    """

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        if isinstance(exception, asyncio.CancelledError):
            return RetryDecision()
        if job.attempts + 1 >= MOST_RUNS:
            log.error(
                "job_given_up", task=job.task_name, job_id=job.id, error=repr(exception), exc_info=exception
            )
            return None
        log.warning(
            "job_failed", task=job.task_name, job_id=job.id, run=job.attempts + 1, error=repr(exception)
        )
        return RetryDecision(retry_in={"seconds": min(2**job.attempts, 300)})
