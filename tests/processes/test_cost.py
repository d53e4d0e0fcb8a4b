"""What fulfilling a line costs in statements and round trips: providers without limits pay nothing for limits."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest

from chandlery.engine.database import Pool
from chandlery.engine.queue import open_jobs_pool
from chandlery.engine.unit_of_work import Engine, Meter
from chandlery.ordering.status import OrderStatus
from tests.processes.builders import World, a_world

Owner = psycopg.Connection[Any]


@pytest.fixture
async def jobs_pool(database_url: str) -> AsyncIterator[Pool]:
    async with open_jobs_pool(database_url) as pool:
        yield pool


@pytest.fixture
def world(owner: Owner, engine: Engine, jobs_pool: Pool) -> World:
    return a_world(owner, engine, jobs_pool)


async def cost(world: World, meters: list[Meter], *skus: str) -> list[tuple[int, int]]:
    """Round trips and statements of each transaction that fulfils an order."""
    order = await world.place(*skus)
    before = len(meters)
    await world.work()
    assert (await world.order(order)).status is OrderStatus.COMPLETED
    return [
        (meter.round_trips, meter.statements)
        for meter in meters[before:]
        if meter.use_case.endswith("advance")
    ]


async def test_a_line_at_a_provider_without_limits_costs_two_short_transactions(
    world: World, meters: list[Meter]
) -> None:
    begun, ended = (2, 9), (3, 11)
    assert await cost(world, meters, "suite-basic") == [begun, ended]
