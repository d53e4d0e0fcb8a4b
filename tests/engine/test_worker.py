"""Durable work: what is queued runs, once at a time per lock, whatever happens to workers and database."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from typing import Any, Self

import psycopg
import pytest

from chandlery.engine.database import Pool
from chandlery.engine.jobs import Job
from chandlery.engine.queue import (
    MOST_RUNS,
    fire_timers,
    open_jobs_pool,
    purge_spent,
    recover_stalled_jobs,
    run_until_idle,
    standing,
)
from chandlery.engine.unit_of_work import Engine, Unit
from chandlery.engine.worker import Periodic, WorkerSettings, run_worker
from chandlery.kernel.actor import Actor
from chandlery.kernel.ids import TenantId, new_id
from tests.builders import Tenant
from tests.conftest import NOW

Owner = psycopg.Connection[Any]
QUICK = WorkerSettings(
    concurrency=2,
    heartbeat_seconds=0.2,
    stalled_seconds=1.0,
    poll_seconds=0.1,
    timer_seconds=0.1,
    grace_seconds=5,
)
BOUND = 20.0
"""Seconds until a test of real processes gives up; never how long it takes."""


@pytest.fixture
async def jobs_pool(database_url: str) -> AsyncIterator[Pool]:
    async with open_jobs_pool(database_url) as pool:
        yield pool


@pytest.fixture(autouse=True)
def _only_our_jobs(owner: Owner) -> None:
    """A real worker takes whatever waits, also what another test left."""
    owner.execute("DELETE FROM procrastinate_jobs; DELETE FROM timers")


class Recorder:
    """A task that notes what it was given, and may fail or wait first."""

    def __init__(self, fail: int = 0, hold: asyncio.Event | None = None) -> None:
        self.ran: list[str] = []
        self.started = asyncio.Event()
        self.enough = asyncio.Event()
        self.wanted = 1
        self.fail = fail
        self.hold = hold

    async def __call__(self, _engine: Engine, tenant_id: TenantId, args: Mapping[str, str]) -> None:
        self.started.set()
        if self.hold is not None:
            await self.hold.wait()
        if self.fail:
            self.fail -= 1
            raise RuntimeError("not today")
        self.ran.append(args["what"])
        if len(self.ran) >= self.wanted:
            self.enough.set()


async def defer(unit: Unit, _actor: Actor, jobs: list[Job]) -> None:
    for job in jobs:
        unit.defer(job)


async def queue(engine: Engine, tenant: Tenant, *jobs: Job) -> None:
    await engine.perform(tenant.system, defer, list(jobs))


def state(owner: Owner, tenant: Tenant) -> list[tuple[Any, ...]]:
    return owner.execute(
        "SELECT status::text, attempts FROM procrastinate_jobs WHERE args->>'tenant_id' = %s ORDER BY id",
        (str(tenant.id),),
    ).fetchall()


async def test_due_jobs_run_in_order_and_are_gone(
    engine: Engine, tenant: Tenant, jobs_pool: Pool, owner: Owner
) -> None:
    note = Recorder()
    await queue(engine, tenant, *(Job("note", {"what": w}, lock="l") for w in "abc"))
    assert await run_until_idle(engine, jobs_pool, {"note": note}, tenant.id) == 3
    assert (note.ran, state(owner, tenant)) == (["a", "b", "c"], [])


async def test_a_timer_waits_for_its_due_date_on_the_tenants_clock(
    engine: Engine, tenant: Tenant, jobs_pool: Pool, owner: Owner
) -> None:
    note = Recorder()
    await queue(engine, tenant, Job("note", {"what": "later"}, due=NOW + timedelta(hours=1)))
    assert await run_until_idle(engine, jobs_pool, {"note": note}, tenant.id) == 0
    owner.execute("UPDATE tenants SET is_sandbox = true, clock_offset = '1 hour' WHERE id = %s", (tenant.id,))
    assert await run_until_idle(engine, jobs_pool, {"note": note}, tenant.id) == 1
    assert note.ran == ["later"]


async def test_two_timers_of_one_key_that_fire_together_make_one_job(
    engine: Engine, tenant: Tenant, jobs_pool: Pool, owner: Owner
) -> None:
    key = f"k{new_id()}"
    due = NOW + timedelta(seconds=1)
    await queue(engine, tenant, *(Job("note", {"what": w}, key=key, due=due) for w in "ab"))
    assert await fire_timers(jobs_pool, due) >= 2
    assert state(owner, tenant) == [("todo", 0)]


async def test_two_jobs_of_one_key_in_one_unit_are_one(engine: Engine, tenant: Tenant, owner: Owner) -> None:
    key = f"k{new_id()}"
    await queue(engine, tenant, Job("note", {"what": "a"}, key=key), Job("note", {"what": "b"}, key=key))
    await queue(engine, tenant, Job("note", {"what": "c"}, key=key))
    assert state(owner, tenant) == [("todo", 0)]


async def test_a_waiting_job_cannot_start_before_the_unit_that_counts_on_it_commits(
    engine: Engine, tenant: Tenant, jobs_pool: Pool
) -> None:
    key, note = f"k{new_id()}", Recorder()
    await queue(engine, tenant, Job("note", {"what": "first"}, key=key))
    async with engine.pool.connection() as conn:
        await conn.execute("BEGIN")
        await conn.execute(
            "SELECT enter_unit(%s, %s, NULL, 0, true, %s, NULL, NULL, NULL)", (tenant.id, tenant.id, NOW)
        )
        again = f'[{{"task": "note", "args": {{"what": "again"}}, "key": "{key}"}}]'
        await conn.execute("SELECT record_unit('[]', '{}', %s::jsonb, NULL, NULL, NULL)", (again,))
        assert await run_until_idle(engine, jobs_pool, {"note": note}, tenant.id) == 0
        await conn.execute("COMMIT")
    assert await run_until_idle(engine, jobs_pool, {"note": note}, tenant.id) == 1


async def test_the_job_of_a_killed_worker_runs_again_and_that_of_a_living_one_does_not(
    engine: Engine, tenant: Tenant, jobs_pool: Pool, owner: Owner
) -> None:
    note = Recorder()
    await queue(engine, tenant, *(Job("note", {"what": w}, lock=w) for w in ("dead", "alive")))
    for what, age in (("dead", 60), ("alive", 0)):
        owner.execute(
            "WITH w AS (INSERT INTO procrastinate_workers (last_heartbeat)"
            " VALUES (now() - make_interval(secs => %s)) RETURNING id)"
            " UPDATE procrastinate_jobs SET status = 'doing', worker_id = w.id FROM w WHERE args->>'what' = %s",
            (age, what),
        )
    assert await recover_stalled_jobs(jobs_pool, 6) == 1
    await run_until_idle(engine, jobs_pool, {"note": note}, tenant.id)
    assert (note.ran, state(owner, tenant)) == (["dead"], [("doing", 0)])


async def test_a_job_that_takes_its_worker_with_it_again_and_again_is_given_up_and_seen(
    engine: Engine, tenant: Tenant, jobs_pool: Pool, owner: Owner
) -> None:
    failed = (await standing(jobs_pool)).failed
    await queue(engine, tenant, Job("note", {"what": "poison"}))
    owner.execute(
        "UPDATE procrastinate_jobs SET status = 'doing', attempts = %s WHERE args->>'tenant_id' = %s",
        (MOST_RUNS, str(tenant.id)),
    )
    await recover_stalled_jobs(jobs_pool, 6)
    assert state(owner, tenant) == [("failed", MOST_RUNS + 1)]
    assert (await standing(jobs_pool)).failed == failed + 1


async def test_a_started_job_may_go_back_to_the_queue_while_its_twin_waits(
    engine: Engine, tenant: Tenant, jobs_pool: Pool, owner: Owner
) -> None:
    key = f"k{new_id()}"
    await queue(engine, tenant, Job("note", {"what": "first"}, lock=key, key=key))
    owner.execute("UPDATE procrastinate_jobs SET status = 'doing' WHERE queueing_lock = %s", (key,))
    await queue(engine, tenant, Job("note", {"what": "twin"}, lock=key, key=key))
    await recover_stalled_jobs(jobs_pool, 6)
    note = Recorder()
    await run_until_idle(engine, jobs_pool, {"note": note}, tenant.id)
    assert note.ran == ["first", "twin"]


class Working:
    """A worker in this process, for the length of a test."""

    def __init__(self, engine: Engine, url: str, note: Recorder, *periodic: Periodic) -> None:
        self.stop = asyncio.Event()
        self._worker = run_worker(engine, url, {"note": note}, periodic, QUICK, self.stop)

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._worker)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.stop.set()
        async with asyncio.timeout(BOUND):
            await self._task


async def test_a_worker_runs_jobs_timers_and_sweeps_until_it_is_stopped(
    engine: Engine, tenant: Tenant, database_url: str, owner: Owner
) -> None:
    note, swept = Recorder(), asyncio.Event()
    note.wanted = 2

    async def sweep(_engine: Engine) -> None:
        swept.set()

    await queue(engine, tenant, Job("note", {"what": "now"}))
    async with Working(engine, database_url, note, Periodic("sweep", 60, sweep)), asyncio.timeout(BOUND):
        await queue(engine, tenant, Job("note", {"what": "listened"}))
        await note.enough.wait()
        await swept.wait()
    assert sorted(note.ran) == ["listened", "now"]
    assert state(owner, tenant) == []


async def test_a_failing_job_is_tried_again_by_itself(
    engine: Engine, tenant: Tenant, database_url: str
) -> None:
    note = Recorder(fail=1)
    await queue(engine, tenant, Job("note", {"what": "stubborn"}, lock="s"))
    async with Working(engine, database_url, note), asyncio.timeout(BOUND):
        await note.enough.wait()
    assert note.ran == ["stubborn"]


async def test_a_stopped_worker_finishes_what_it_had_begun(
    engine: Engine, tenant: Tenant, database_url: str, owner: Owner
) -> None:
    note = Recorder(hold=asyncio.Event())
    assert note.hold is not None
    await queue(engine, tenant, Job("note", {"what": "begun"}))
    async with Working(engine, database_url, note) as working:
        async with asyncio.timeout(BOUND):
            await note.started.wait()
        working.stop.set()
        note.hold.set()
    assert (note.ran, state(owner, tenant)) == (["begun"], [])


async def test_a_worker_comes_back_when_the_database_has_thrown_it_out(
    engine: Engine, tenant: Tenant, database_url: str, owner: Owner
) -> None:
    note = Recorder()
    async with Working(engine, database_url, note), asyncio.timeout(BOUND):
        await queue(engine, tenant, Job("note", {"what": "before"}))
        await note.enough.wait()
        owner.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'chandlery_jobs' AND datname = current_database()"
        )
        note.enough.clear()
        await queue(engine, tenant, Job("note", {"what": "after"}))
        await note.enough.wait()
    assert (note.ran[0], note.ran[-1]) == ("before", "after")


_VICTIM = """
import asyncio, sys
from chandlery.engine.database import open_pool
from chandlery.engine.unit_of_work import Engine
from chandlery.engine.worker import WorkerSettings, run_worker

async def hang(engine, tenant_id, args):
    print("started", flush=True)
    await asyncio.Event().wait()

async def main(url):
    async with open_pool(url) as pool:
        await run_worker(Engine(pool), url, {"note": hang}, settings=WorkerSettings(concurrency=1))

asyncio.run(main(sys.argv[1]))
"""


async def test_the_lock_of_a_worker_that_was_killed_comes_free(
    engine: Engine, tenant: Tenant, database_url: str, owner: Owner
) -> None:
    await queue(
        engine, tenant, *(Job("note", {"what": w}, lock=f"order:{tenant.id}") for w in ("cut", "behind"))
    )
    victim = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _VICTIM, database_url, stdout=asyncio.subprocess.PIPE, env=dict(os.environ)
    )
    assert victim.stdout is not None
    async with asyncio.timeout(BOUND):
        assert await victim.stdout.readline() == b"started\n"
    os.kill(victim.pid, signal.SIGKILL)
    await victim.wait()
    assert [row[0] for row in state(owner, tenant)] == ["doing", "todo"]
    note = Recorder()
    note.wanted = 2
    async with Working(engine, database_url, note), asyncio.timeout(BOUND):
        await note.enough.wait()
    assert note.ran == ["cut", "behind"]


async def test_spent_rows_go_and_young_ones_stay(
    engine: Engine, tenant: Tenant, jobs_pool: Pool, owner: Owner
) -> None:
    owner.execute(
        "UPDATE sessions SET expires_at = '2001-01-01' WHERE id = %s", (tenant.customer.session_id,)
    )
    for key, created in (("old", "2001-01-01"), ("young", NOW.isoformat())):
        owner.execute(
            "INSERT INTO idempotency_keys VALUES (%s, 'p', 'o', %s, 'f', 'a', %s)", (tenant.id, key, created)
        )
    assert await purge_spent(jobs_pool, NOW) >= 2
    left = owner.execute("SELECT key FROM idempotency_keys WHERE tenant_id = %s", (tenant.id,)).fetchall()
    assert left == [("young",)]
    sessions = owner.execute("SELECT count(*) FROM sessions WHERE tenant_id = %s", (tenant.id,)).fetchone()
    assert sessions == (2,)


async def test_the_workers_role_sees_the_queue_and_nothing_else(jobs_pool: Pool) -> None:
    async with jobs_pool.connection() as conn:
        await conn.execute("SELECT count(*) FROM procrastinate_jobs")
        for table in ("events", "organizations", "timers", "idempotency_keys", "sessions"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                await conn.execute(f"SELECT count(*) FROM {table}")
