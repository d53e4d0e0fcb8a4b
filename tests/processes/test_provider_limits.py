"""Providers that bear so many calls at once, so many a minute, and none while they are left alone. Nobody is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from chandlery.engine.database import Pool
from chandlery.engine.outbound import Outbound
from chandlery.engine.queue import open_jobs_pool
from chandlery.engine.unit_of_work import Engine, Meter
from chandlery.fulfilment.port import Done, Outcome, Request, Unknown
from chandlery.fulfilment.provisioning import State
from chandlery.fulfilment.queries import FindWaiting, find_waiting
from chandlery.fulfilment.sandbox.faults import Fault
from chandlery.fulfilment.setting_up import AddProvider, ChangeProvider, SettingUp, get_provider
from chandlery.fulfilment.simulator import SimulatedFault
from chandlery.identity import permissions
from chandlery.kernel.actor import system
from chandlery.kernel.ids import TenantId
from chandlery.ordering.order import Order
from chandlery.ordering.status import LineStatus, OrderStatus
from chandlery.processes.fulfil_order import Advance, Call, Reply, advance, fulfil_order
from chandlery.processes.stuck_lines import RefuseLine, refuse_line
from tests.builders import allowed
from tests.fulfilment.subjects import SEAL
from tests.processes.builders import World, a_world
from tests.processes.provider_world import (
    NAME,
    Owner,
    VendorWorld,
    a_vendor_world,
    fulfilled_by,
    set_up,
    with_all_kinds,
)

SLOW = "slow-sandbox"


@pytest.fixture
async def jobs_pool(database_url: str) -> AsyncIterator[Pool]:
    async with open_jobs_pool(database_url) as pool:
        yield pool


@pytest.fixture
def world(owner: Owner, engine: Engine, jobs_pool: Pool) -> World:
    return a_world(owner, engine, jobs_pool)


@dataclass(slots=True)
class Busy:
    """A vendor that answers nobody before it is told to, and counts who calls."""

    answers: asyncio.Event = field(default_factory=asyncio.Event)
    inside: int = 0
    most: int = 0
    calls: list[str] = field(default_factory=list)

    async def provision(self, request: Request) -> Outcome:
        self.calls.append(request.reference)
        name = f"V-{len(self.calls)}"
        self.inside += 1
        self.most = max(self.most, self.inside)
        await self.answers.wait()
        self.inside -= 1
        return Done(name)

    change = suspend = resume = cancel = provision

    async def query(self, account: TenantId, reference: str) -> Outcome | None:
        return Done("V-1") if reference in self.calls else None


def quick() -> Busy:
    vendor = Busy()
    vendor.answers.set()
    return vendor


async def come_at_once(world: World, orders: list[Order]) -> list[asyncio.Task[None]]:
    """A worker for each order; back when all of them have called, or have gone away."""
    vendor: Any = world.providers.kinds["sandbox"]
    busy: Busy = vendor(None)
    tasks = [
        asyncio.create_task(fulfil_order(replace(world.engine), world.providers, world.tenant.id, order.id))
        for order in orders
    ]
    while sum(task.done() for task in tasks) + busy.inside < len(orders):  # noqa: ASYNC110 - two kinds of news
        await asyncio.sleep(0.005)
    return tasks


async def limited(world: World, vendor: Any = None, **limits: Any) -> None:
    """Everything that is ordered goes to a provider with these limits."""
    outbound = Outbound()
    with_all_kinds(world, outbound)
    if vendor is not None:
        kinds = {**world.providers.kinds, "sandbox": lambda _: vendor}
        world.providers = replace(world.providers, kinds=kinds)
    await set_up(world, AddProvider(SLOW, "sandbox", **limits), outbound)
    await fulfilled_by(world, SLOW)


async def statuses(world: World, orders: list[Order]) -> list[OrderStatus]:
    return [(await world.order(order)).status for order in orders]


async def a_call(world: World, order: Order, reply: Reply | None = None) -> Call | None:
    """One transaction of a worker, which goes away then; the call that it was about to make."""
    providers = world.providers
    command = Advance(order.id, providers.policy, frozenset(providers.by_name), reply)
    return (await world.engine.perform(system(world.tenant.id, "test"), advance, command)).value


def answered(call: Call, outcome: Outcome) -> Reply:
    return Reply(call.provisioning.id, call.provisioning.attempts, outcome, asked=call.request is None)


async def test_who_finds_no_place_is_told_why_and_called_when_one_is_free(world: World) -> None:
    await limited(world, concurrency=1)
    first, second = await world.place("suite-basic"), await world.place("dock")
    call = await a_call(world, first)
    assert call is not None
    assert await a_call(world, second) is None
    line = (await world.order(second)).lines[0]
    assert (line.status, line.reason, line.due) == (
        LineStatus.IN_PROGRESS,
        "The vendor takes 1 calls at once, and these are under way.",
        world.clock.at + timedelta(seconds=16),
    )
    assert await world.ledger() == []
    assert await a_call(world, second) is None  # asking again changes nothing
    await a_call(world, first, answered(call, Done("V-1")))
    await world.work()  # at once, and not when it was due
    assert await statuses(world, [first, second]) == [OrderStatus.COMPLETED] * 2
    assert [entry.reference for entry in await world.ledger()] == [str(second.lines[0].id)]


async def test_whoever_waits_is_seen_by_provider_and_state(world: World) -> None:
    await limited(world, concurrency=1)
    first, second = await world.place("suite-basic"), await world.place("dock")
    await a_call(world, first)
    await a_call(world, second)
    page = await world.engine.read(
        world.tenant.system, find_waiting, FindWaiting(provider=SLOW, states=(State.RETRYING,))
    )
    assert [(p.order_id, p.attempts) for p in page.items] == [(second.id, 0)]
    found = await world.engine.read(world.tenant.system, get_provider, SLOW)
    assert (found.state, found.calling, found.waiting) == ("closed", 1, 1)


async def test_the_limit_holds_across_workers_and_everybody_gets_through(world: World) -> None:
    vendor = Busy()
    await limited(world, vendor, concurrency=2)
    orders = [await world.place("suite-basic", "dock") for _ in range(6)]
    tasks = await come_at_once(world, orders)
    assert (vendor.inside, sum(task.done() for task in tasks)) == (2, 4)
    vendor.answers.set()
    await asyncio.gather(*tasks)
    await world.work()
    assert await statuses(world, orders) == [OrderStatus.COMPLETED] * 6
    assert (vendor.most, len(set(vendor.calls)), len(vendor.calls)) == (2, 12, 12)


async def test_without_a_limit_all_of_them_call_at_once(world: World) -> None:
    vendor = Busy()
    await limited(world, vendor)
    orders = [await world.place("suite-basic") for _ in range(6)]
    tasks = await come_at_once(world, orders)
    assert vendor.inside == 6
    vendor.answers.set()
    await asyncio.gather(*tasks)
    assert await statuses(world, orders) == [OrderStatus.COMPLETED] * 6


async def test_a_place_held_by_a_worker_that_died_is_given_to_another(world: World) -> None:
    await limited(world, concurrency=1)
    dead, other = await world.place("suite-basic"), await world.place("dock")
    await a_call(world, dead)
    await a_call(world, other)
    await world.later(20)
    await world.later(20)
    assert await statuses(world, [other]) == [OrderStatus.COMPLETED]
    await fulfil_order(world.engine, world.providers, world.tenant.id, dead.id)
    await world.later(20)
    assert await statuses(world, [dead]) == [OrderStatus.COMPLETED]
    assert len(await world.ledger()) == 2


async def test_a_rate_spreads_calls_over_the_minute(world: World) -> None:
    vendor = quick()
    await limited(world, vendor, calls_per_minute=30)
    orders = [await world.place("suite-basic") for _ in range(4)]
    called = []
    await world.work()
    for _ in range(4):
        called.append(len(vendor.calls))
        await world.later(2)
    assert called == [1, 2, 3, 4]
    assert await statuses(world, orders) == [OrderStatus.COMPLETED] * 4


async def test_lines_of_one_order_take_turns_too(world: World) -> None:
    vendor = quick()
    await limited(world, vendor, calls_per_minute=60, concurrency=1)
    order = await world.place("suite-basic", "dock", "storage-gb")
    await world.work()
    assert len(vendor.calls) == 1
    for _ in range(3):
        await world.later(1)
    assert await statuses(world, [order]) == [OrderStatus.COMPLETED]


@pytest.fixture
async def over_http(world: World) -> AsyncIterator[VendorWorld]:
    async with a_vendor_world(world, trips_after=2) as found:
        yield found


async def test_a_vendor_that_is_down_is_left_alone_and_tried_by_one(
    over_http: VendorWorld, owner: Owner
) -> None:
    world, vendor = over_http.world, over_http.vendor
    over_http.network.cut = True
    orders = [await world.place("suite-basic") for _ in range(4)]
    await world.work()
    provider = await over_http.provider()
    assert (provider.state, provider.circuit.failures, provider.waiting) == ("open", 2, 2)
    assert over_http.told(owner) == ["added", "circuit_opened"]
    told = [(p.attempts, p.reason[:43]) for p in await over_http.waiting(provider=NAME)]
    assert told[2:] == [(0, "The vendor is left alone until 2026-11-20T1")] * 2
    await world.later(29)
    assert vendor.asked == []
    await world.later(1)
    assert (await over_http.provider()).circuit.openings == 2
    over_http.network.cut = False
    await world.later(59)
    assert vendor.asked == []
    for _ in range(4):
        await world.later(1)
    assert await statuses(world, orders) == [OrderStatus.COMPLETED] * 4
    assert len(vendor.books) == 4
    assert over_http.told(owner)[1:] == [
        "circuit_opened",
        "circuit_probed",
        "circuit_opened",
        "circuit_probed",
        "circuit_closed",
    ]


async def test_a_vendor_that_says_no_works(over_http: VendorWorld) -> None:
    over_http.vendor.faults.append(SimulatedFault("refuse", times=5))
    for _ in range(5):
        await over_http.world.place("suite-basic")
    await over_http.world.work()
    assert (await over_http.provider()).state == "closed"


async def test_a_line_that_waits_may_be_refused_by_a_person_and_waits_no_more(
    world: World, owner: Owner
) -> None:
    await limited(world, concurrency=1)
    first, second = await world.place("suite-basic"), await world.place("dock")
    await a_call(world, first)
    await a_call(world, second)
    operator = allowed(world.tenant.operator, permissions.FULFILMENT_OPERATE)
    refuse = RefuseLine(second.id, second.lines[0].id, "Not needed any more.")
    await world.engine.perform(operator, refuse_line, refuse)
    left = owner.execute(
        "SELECT order_id FROM provider_turns WHERE tenant_id = %s", (world.tenant.id,)
    ).fetchall()
    assert left == [(first.id,)]


async def test_those_that_wait_are_called_when_the_provider_is_set_up_differently(world: World) -> None:
    await limited(world, concurrency=1)
    first, second = await world.place("suite-basic"), await world.place("dock")
    await a_call(world, first)
    await a_call(world, second)
    setting_up = SettingUp(SEAL, Outbound(), world.clock)
    await world.engine.perform(world.tenant.system, setting_up.change, ChangeProvider(SLOW, concurrency=2))
    await world.work()
    assert await statuses(world, [second]) == [OrderStatus.COMPLETED]


class Killed(Exception):
    """The worker is gone."""


@dataclass(slots=True)
class MortalEngine(Engine):
    die_at: int = 0
    passed: int = 0

    async def perform(self, *args: Any, **kwargs: Any) -> Any:
        outcome = await Engine.perform(self, *args, **kwargs)
        self.passed += 1
        if self.passed == self.die_at:
            raise Killed
        return outcome


@pytest.mark.parametrize(
    "fault", [None, Fault("lose_answer", sku_code="suite-basic"), Fault("fail", times=1)]
)
async def test_a_worker_killed_at_any_step_keeps_nobody_out_for_ever(
    owner: Owner, engine: Engine, jobs_pool: Pool, fault: Fault | None
) -> None:
    die_at, survived = 0, False
    while not survived:
        die_at += 1
        world = a_world(owner, engine, jobs_pool)
        await limited(world, concurrency=1, calls_per_minute=60, trips_after=1)
        if fault is not None:
            await world.fault(fault)
        orders = [await world.place("suite-basic", "dock"), await world.place("storage-gb")]
        mortal = MortalEngine(engine.pool, world.clock, world.engine.triggers, die_at=die_at)
        with suppress(Killed):
            for order in orders:
                await fulfil_order(mortal, world.providers, world.tenant.id, order.id)
            survived = True
        for _ in range(12):
            await world.later(20)
        assert await statuses(world, orders) == [OrderStatus.COMPLETED] * 2
        ledger = await world.ledger()
        assert len({entry.reference for entry in ledger}) == len(ledger) == 3
    assert die_at > 3


async def test_a_limited_provider_costs_one_more_round_trip_each_time(
    world: World, meters: list[Meter]
) -> None:
    await limited(world, concurrency=5, calls_per_minute=60_000)
    await world.place("suite-basic")
    before = len(meters)
    await world.work()
    spent = [m.round_trips for m in meters[before:] if m.use_case.endswith("advance")]
    assert spent == [3, 4]


async def test_an_unknown_outcome_counts_and_is_still_asked_for(world: World) -> None:
    await limited(world, trips_after=1, concurrency=1)
    order = await world.place("suite-basic")
    call = await a_call(world, order)
    assert call is not None
    assert call.request is not None
    await world.vendor.provision(call.request)
    await a_call(world, order, answered(call, Unknown("lost")))
    for _ in range(4):
        await world.later(20)
    assert await statuses(world, [order]) == [OrderStatus.COMPLETED]
    assert len(await world.ledger()) == 1
