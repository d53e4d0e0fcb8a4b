"""A line that a person fulfils: a task that is seen, ended once, and never waits for a machine."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from chandlery.engine.database import Pool
from chandlery.engine.outbound import Outbound
from chandlery.engine.queue import open_jobs_pool
from chandlery.engine.unit_of_work import Engine
from chandlery.fulfilment.errors import NothingToDecide
from chandlery.fulfilment.provisioning import State
from chandlery.fulfilment.queries import FindWaiting, find_waiting, get_provisioning
from chandlery.identity import permissions
from chandlery.kernel.errors import PermissionMissing
from chandlery.ordering.order import Order
from chandlery.ordering.status import LineStatus, OrderStatus, WaitingFor
from chandlery.processes.stuck_lines import (
    DecisionIncomplete,
    MarkLineDone,
    RefuseLine,
    RetryLine,
    mark_line_done,
    refuse_line,
    retry_line,
)
from chandlery.processes.wake_overdue import wake_overdue
from tests.builders import allowed
from tests.processes.builders import World, a_world
from tests.processes.provider_world import Owner, fulfilled_by, with_all_kinds


@pytest.fixture
async def jobs_pool(database_url: str) -> AsyncIterator[Pool]:
    async with open_jobs_pool(database_url) as pool:
        yield pool


@pytest.fixture
async def world(owner: Owner, engine: Engine, jobs_pool: Pool) -> World:
    world = a_world(owner, engine, jobs_pool)
    with_all_kinds(world, Outbound())
    await fulfilled_by(world, "manual")
    return world


async def a_task(world: World) -> Order:
    order = await world.place("suite-basic")
    await world.work()
    return order


async def test_a_line_becomes_a_task_that_waits_for_a_person_and_for_nothing_else(world: World) -> None:
    order = await a_task(world)
    found = await world.order(order)
    assert (found.status, found.lines[0].status) == (OrderStatus.IN_PROGRESS, LineStatus.ACCEPTED)
    assert (found.lines[0].waiting_for, found.lines[0].due, found.lines[0].reason) == (
        WaitingFor.OPERATOR,
        None,
        "A person does this, and will say so.",
    )
    for _ in range(3):
        await world.later(24 * 3600)
        await wake_overdue(world.engine)
    tasks = await world.engine.read(
        world.tenant.system, find_waiting, FindWaiting(provider="manual", needs_operator=True)
    )
    assert [(task.order_id, task.state, task.queries) for task in tasks.items] == [
        (order.id, State.ACCEPTED, 0)
    ]


async def test_whoever_does_it_says_under_which_name_and_what_there_is_to_know(world: World) -> None:
    order = await a_task(world)
    person = allowed(world.tenant.reseller, permissions.FULFILMENT_OPERATE, permissions.FULFILMENT_READ)
    line = order.id, order.lines[0].id
    done = MarkLineDone(*line, "DESK-7", {"serial": "A-1"}, "Delivered by hand.")
    assert (await world.engine.perform(person, mark_line_done, done)).result.status is OrderStatus.COMPLETED
    found = await world.engine.read(person, get_provisioning, line)
    assert (found.vendor_reference, found.facts, found.note) == (
        "DESK-7",
        {"serial": "A-1"},
        "Delivered by hand.",
    )
    assert [s.vendor_reference for s in await world.subscriptions()] == ["DESK-7"]
    with pytest.raises(NothingToDecide):
        await world.engine.perform(person, mark_line_done, done)


async def test_a_task_may_be_refused_and_taken_up_again(world: World) -> None:
    order = await a_task(world)
    operator = allowed(world.tenant.operator, permissions.FULFILMENT_OPERATE)
    line = order.id, order.lines[0].id
    await world.engine.perform(operator, refuse_line, RefuseLine(*line, "Out of stock."))
    assert (await world.order(order)).status is OrderStatus.NEEDS_ATTENTION
    await world.engine.perform(operator, retry_line, RetryLine(*line))
    await world.work()
    assert (await world.order(order)).lines[0].status is LineStatus.ACCEPTED


async def test_asking_for_a_task_again_leaves_it_a_task(world: World) -> None:
    order = await a_task(world)
    operator = allowed(world.tenant.operator, permissions.FULFILMENT_OPERATE)
    await world.engine.perform(operator, retry_line, RetryLine(order.id, order.lines[0].id))
    await world.work()
    line = (await world.order(order)).lines[0]
    assert (line.status, line.due) == (LineStatus.ACCEPTED, None)


async def test_what_a_person_says_is_checked(world: World) -> None:
    order = await a_task(world)
    operator = allowed(world.tenant.operator, permissions.FULFILMENT_OPERATE)
    line = order.id, order.lines[0].id
    bad = MarkLineDone(*line, "two\nlines", {"a": "\x00"}, "x" * 2001)
    with pytest.raises(DecisionIncomplete) as refusal:
        await world.engine.perform(operator, mark_line_done, bad)
    assert [problem.field for problem in refusal.value.problems] == ["vendor_reference", "note", "facts"]
    with pytest.raises(PermissionMissing):
        await world.engine.perform(world.tenant.operator, mark_line_done, MarkLineDone(*line, ""))
