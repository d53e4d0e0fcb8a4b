"""A real worker process, killed at the worst moment: the vendor has done it and not yet said so."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest

from chandlery.engine.queue import open_jobs_pool
from chandlery.engine.unit_of_work import Engine
from chandlery.engine.worker import WorkerSettings, run_worker
from chandlery.fulfilment.sandbox.faults import Fault
from chandlery.kernel.clock import SystemClock
from chandlery.kernel.ids import OrderId
from chandlery.ordering.order import Order
from chandlery.ordering.queries import get_order
from chandlery.ordering.status import OrderStatus
from chandlery.processes.triggers import tasks
from tests.processes.builders import World, a_world

BOUND_SECONDS = 30.0

_VICTIM = """
import asyncio, sys
from chandlery.engine.database import open_pool
from chandlery.engine.unit_of_work import Engine
from chandlery.engine.worker import run_worker
from chandlery.fulfilment.providers import Providers
from chandlery.fulfilment.sandbox.vendor import NAME, Sandbox
from chandlery.processes.triggers import TRIGGERS, tasks

async def main(url):
    async with open_pool(url) as pool:
        engine = Engine(pool, triggers=TRIGGERS)
        await run_worker(engine, url, tasks(Providers({NAME: Sandbox(pool, engine.clock)})))

asyncio.run(main(sys.argv[1]))
"""


@pytest.fixture
async def world(owner: psycopg.Connection[Any], engine: Engine, database_url: str) -> AsyncIterator[World]:
    owner.execute("DELETE FROM procrastinate_jobs; DELETE FROM timers")  # a real worker takes whatever waits
    async with open_jobs_pool(database_url) as pool:
        yield a_world(owner, engine, pool, SystemClock())


async def booked(world: World) -> str:
    """Something, by the vendor's own books."""
    while True:
        found = await world.ledger()
        if found:
            return found[0].reference
        await asyncio.sleep(0.05)


async def completed(world: World, order_id: OrderId) -> Order:
    while True:
        found = await world.engine.read(world.tenant.system, get_order, order_id)
        if found.status is OrderStatus.COMPLETED:
            return found
        await asyncio.sleep(0.05)


async def test_an_order_cut_by_sigkill_completes_with_each_line_provisioned_exactly_once(
    world: World, database_url: str
) -> None:
    await world.fault(Fault("hang", times=1, sku_code="suite-basic"))
    order = await world.place("suite-basic", "dock")
    victim = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _VICTIM, database_url, env=dict(os.environ)
    )
    async with asyncio.timeout(BOUND_SECONDS):
        await booked(world)
    os.kill(victim.pid, signal.SIGKILL)
    await victim.wait()

    stop = asyncio.Event()
    quick = WorkerSettings(heartbeat_seconds=0.2, stalled_seconds=1.0, poll_seconds=0.1, timer_seconds=0.1)
    other = asyncio.create_task(
        run_worker(world.engine, database_url, tasks(world.providers), settings=quick, stop=stop)
    )
    try:
        async with asyncio.timeout(BOUND_SECONDS):
            await completed(world, order.id)
    finally:
        stop.set()
        await other
    done = sorted(entry.reference for entry in await world.ledger())
    assert done == sorted(str(line.id) for line in order.lines)
    assert [s.line_id for s in await world.subscriptions()] == [order.lines[0].id]
