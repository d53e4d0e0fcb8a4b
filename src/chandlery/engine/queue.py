"""The queue as the worker sees it, beyond taking and finishing jobs: timers, killed workers, old rows, a look inside.

Everything here runs on connections of the role `chandlery_jobs`, which sees the queue and no tenant's rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from chandlery.engine.database import JOBS_ROLE, POOL_WAIT_SECONDS, Pool, conninfo_as
from chandlery.engine.statements import Row
from chandlery.engine.tasks import Task
from chandlery.engine.unit_of_work import Engine
from chandlery.kernel.ids import TenantId

BITE = 200
"""How many timers, or spent rows of a kind, one sweep takes at most."""
MOST_RUNS = 12
"""A job that fails, or takes its worker with it, this often is given up: it stays, as failed, for somebody to see."""

_FIRE = "SELECT fire_timers(%s, %s)"
_PURGE = "SELECT purge_spent(%s, %s)"
_RECOVER = """
    UPDATE procrastinate_jobs j
    SET status = (CASE WHEN j.attempts < %s THEN 'todo' ELSE 'failed' END)::procrastinate_job_status,
        attempts = j.attempts + 1, worker_id = NULL, scheduled_at = NULL, abort_requested = false
    WHERE j.status = 'doing' AND NOT EXISTS (
        SELECT FROM procrastinate_workers w
        WHERE w.id = j.worker_id AND w.last_heartbeat >= now() - make_interval(secs => %s)
    )"""
_TAKE = """
    SELECT j.id, j.task_name, j.args FROM procrastinate_jobs j
    WHERE j.status = 'todo' AND (j.scheduled_at IS NULL OR j.scheduled_at <= now())
        AND (%s::text IS NULL OR j.args->>'tenant_id' = %s::text)
    ORDER BY j.priority DESC, j.id LIMIT 1 FOR UPDATE SKIP LOCKED"""
_STANDING = """
    SELECT count(*) FILTER (WHERE status = 'todo'), count(*) FILTER (WHERE status = 'doing'),
        count(*) FILTER (WHERE status = 'failed'),
        (SELECT max(last_heartbeat) FROM procrastinate_workers)
    FROM procrastinate_jobs"""


@dataclass(frozen=True, slots=True)
class QueueStanding:
    """What waits, runs and was given up, and when a worker last gave a sign of life."""

    waiting: int
    running: int
    failed: int
    last_heartbeat: datetime | None


def open_jobs_pool(url: str, most: int = 4) -> Pool:
    """Connections as the worker's role; the caller opens and closes the pool (`async with`)."""
    return AsyncConnectionPool(
        conninfo_as(url, JOBS_ROLE),
        connection_class=AsyncConnection[Row],
        kwargs={"prepare_threshold": 0},
        configure=_autocommit,  # not in kwargs: Procrastinate adds it there for its listening connection
        min_size=1,
        max_size=most,
        timeout=POOL_WAIT_SECONDS,
        reconnect_timeout=60,
        open=False,
    )


async def fire_timers(pool: Pool, now: datetime) -> int:
    """Turn timers that are due on their tenant's clock into jobs; how many."""
    async with pool.connection() as conn:
        row = await (await conn.execute(_FIRE, (now, BITE))).fetchone()
    return int(row[0]) if row else 0


async def recover_stalled_jobs(pool: Pool, stalled_seconds: float) -> int:
    """Put the jobs of workers without a heartbeat back into the queue, their locks with them; how many."""
    async with pool.connection() as conn:
        return (await conn.execute(_RECOVER, (MOST_RUNS, stalled_seconds))).rowcount


async def purge_spent(pool: Pool, now: datetime) -> int:
    """Delete a bounded number of rows that nobody needs any more; how many."""
    async with pool.connection() as conn:
        row = await (await conn.execute(_PURGE, (now, BITE))).fetchone()
    return int(row[0]) if row else 0


async def standing(pool: Pool) -> QueueStanding:
    """How the queue stands; `doctor` and metrics read it."""
    async with pool.connection() as conn:
        row = await (await conn.execute(_STANDING)).fetchone()
    assert row is not None
    return QueueStanding(*row)


async def run_until_idle(
    engine: Engine, pool: Pool, tasks: Mapping[str, Task], tenant_id: TenantId | None = None
) -> int:
    """Run every due job, of one tenant or of all, one after the other, until none is left; how many ran.

    For tests and for a demo within one process: it never sleeps, and an error of a task is raised here.
    """
    ran = 0
    while True:
        fired = await fire_timers(pool, engine.clock.now())
        while await _run_next(engine, pool, tasks, str(tenant_id) if tenant_id else None):
            ran += 1
        if not fired:
            return ran


async def _run_next(engine: Engine, pool: Pool, tasks: Mapping[str, Task], tenant: str | None) -> bool:
    async with (
        pool.connection() as conn,
        conn.transaction(),  # sql: takes a job off the queue, which is no tenant's
    ):  # sql: takes a job off the queue, which is no tenant's
        row = await (await conn.execute(_TAKE, (tenant, tenant))).fetchone()
        if row is None:
            return False
        await conn.execute("UPDATE procrastinate_jobs SET status = 'doing' WHERE id = %s", (row[0],))
    job_id, name, args = row
    try:
        await tasks[name](engine, TenantId(UUID(args["tenant_id"])), task_args(args))
    except BaseException:
        async with pool.connection() as conn:
            await conn.execute("UPDATE procrastinate_jobs SET status = 'todo' WHERE id = %s", (job_id,))
        raise
    async with pool.connection() as conn:
        await conn.execute("DELETE FROM procrastinate_jobs WHERE id = %s", (job_id,))
    return True


def task_args(args: Mapping[str, str]) -> dict[str, str]:
    """A job's arguments without the tenant's id, which `defer_jobs` put among them."""
    return {name: value for name, value in args.items() if name != "tenant_id"}


async def _autocommit(conn: AsyncConnection[Row]) -> None:
    await conn.set_autocommit(True)
