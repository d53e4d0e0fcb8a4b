"""Batches whose job was given up, that cannot go on right now, or that nobody asks for any more."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from chandlery.engine.batches.batch import Answer, Batch, Operation
from chandlery.engine.batches.carrying import KEPT, LATE, TASK, purge_batches, task, wake_batches
from chandlery.engine.batches.errors import BatchInterrupted, BatchUnknown
from chandlery.engine.batches.keeping import FindResults, find_results, get_batch, keep_batch
from chandlery.engine.database import Pool
from chandlery.engine.queue import open_jobs_pool, run_until_idle
from chandlery.engine.unit_of_work import Engine
from chandlery.kernel.actor import Actor
from chandlery.kernel.clock import FixedClock
from tests.builders import Tenant

Owner = psycopg.Connection[Any]


@pytest.fixture
async def jobs(database_url: str) -> AsyncIterator[Pool]:
    async with open_jobs_pool(database_url, 1) as pool:
        yield pool


async def a_batch(engine: Engine, actor: Actor, count: int = 3) -> Batch:
    operations = [Operation("POST", f"/things/{number}", b"{}") for number in range(count)]
    return (await engine.perform(actor, keep_batch, operations)).result


async def created(_actor: Actor, operation: Operation) -> Answer:
    return Answer(201, operation.path.encode())


def later(engine: Engine, by: timedelta) -> Engine:
    return replace(engine, clock=FixedClock(datetime.now(UTC) + by))


async def test_operations_are_carried_out_as_the_one_who_asked(
    engine: Engine, tenant: Tenant, jobs: Pool
) -> None:
    batch = await a_batch(engine, tenant.reseller)
    asked: list[tuple[Actor, str]] = []

    async def carry(actor: Actor, operation: Operation) -> Answer:
        asked.append((actor, str(operation.key)))
        return Answer(404 if operation.path.endswith("1") else 204, b"")

    await run_until_idle(engine, jobs, {TASK: task(carry)}, tenant.id)
    assert asked == [(tenant.reseller, f"bulk.{batch.id}.{number}") for number in (1, 2, 3)]
    done = await engine.read(tenant.reseller, get_batch, batch.id)
    assert (done.status, done.total, done.done, done.failed) == ("completed", 3, 3, 1)


async def test_what_cannot_be_done_right_now_is_done_later_and_is_no_result(
    engine: Engine, tenant: Tenant, jobs: Pool
) -> None:
    batch = await a_batch(engine, tenant.reseller)
    away = True

    async def carry(actor: Actor, operation: Operation) -> Answer:
        if operation.path.endswith("1") and away:
            return Answer(503, b"")
        return await created(actor, operation)

    with pytest.raises(BatchInterrupted):
        await run_until_idle(engine, jobs, {TASK: task(carry)}, tenant.id)
    assert (await engine.read(tenant.reseller, get_batch, batch.id)).done == 1
    away = False
    await run_until_idle(engine, jobs, {TASK: task(carry)}, tenant.id)
    found = await engine.read(tenant.reseller, find_results, FindResults(batch.id))
    assert [result.answer.body for result in found.items] == [b"/things/0", b"/things/1", b"/things/2"]


async def test_a_batch_whose_job_was_given_up_is_taken_up_again(
    engine: Engine, tenant: Tenant, jobs: Pool, owner: Owner
) -> None:
    batch = await a_batch(engine, tenant.reseller)
    owner.execute("DELETE FROM procrastinate_jobs WHERE args->>'tenant_id' = %s", (str(tenant.id),))
    await wake_batches(later(engine, LATE - timedelta(minutes=1)))
    assert await run_until_idle(engine, jobs, {TASK: task(created)}, tenant.id) == 0
    await wake_batches(later(engine, LATE + timedelta(minutes=1)))
    assert await run_until_idle(engine, jobs, {TASK: task(created)}, tenant.id) == 1
    assert (await engine.read(tenant.reseller, get_batch, batch.id)).status == "completed"


async def test_a_batch_is_forgotten_a_week_after_it_is_done_and_never_before(
    engine: Engine, tenant: Tenant, jobs: Pool
) -> None:
    running = await a_batch(engine, tenant.reseller)
    await purge_batches(later(engine, KEPT * 2))
    await run_until_idle(engine, jobs, {TASK: task(created)}, tenant.id)
    await purge_batches(later(engine, KEPT - timedelta(hours=1)))
    assert (await engine.read(tenant.reseller, get_batch, running.id)).done == 3
    await purge_batches(later(engine, KEPT + timedelta(hours=1)))
    with pytest.raises(BatchUnknown):
        await engine.read(tenant.reseller, get_batch, running.id)
