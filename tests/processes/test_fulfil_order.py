"""An order is fulfilled: each line exactly once by the vendor's own books, whatever goes wrong on the way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any

import psycopg
import pytest

from chandlery.engine.database import Pool
from chandlery.engine.queue import open_jobs_pool
from chandlery.engine.unit_of_work import Engine
from chandlery.fulfilment.errors import NothingToDecide
from chandlery.fulfilment.port import Outcome, Request
from chandlery.fulfilment.providers import Providers
from chandlery.fulfilment.queries import FindWaiting, find_waiting
from chandlery.fulfilment.sandbox.faults import Fault, clear_faults
from chandlery.identity import permissions
from chandlery.kernel.errors import PermissionMissing
from chandlery.kernel.ids import TenantId
from chandlery.ordering.order import Order
from chandlery.ordering.status import LineStatus, OrderStatus, WaitingFor
from chandlery.processes.fulfil_order import fulfil_order
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
from chandlery.subscriptions.subscription import Status
from tests.builders import allowed
from tests.processes.builders import World, a_world

Owner = psycopg.Connection[Any]
LONG = 3600


@pytest.fixture
async def jobs_pool(database_url: str) -> AsyncIterator[Pool]:
    async with open_jobs_pool(database_url) as pool:
        yield pool


@pytest.fixture
def world(owner: Owner, engine: Engine, jobs_pool: Pool) -> World:
    return a_world(owner, engine, jobs_pool)


async def statuses(world: World, order: Order) -> tuple[OrderStatus, list[LineStatus]]:
    found = await world.order(order)
    return found.status, [line.status for line in found.lines]


async def provisioned_once(world: World, order: Order, *skus: str) -> None:
    """The order is completed, and vendor and customer have each line exactly once."""
    assert await statuses(world, order) == (OrderStatus.COMPLETED, [LineStatus.COMPLETED] * len(skus))
    ledger = await world.ledger()
    assert len({entry.reference for entry in ledger}) == len(ledger) == len(skus)
    kept = [subscription.line_id for subscription in await world.subscriptions()]
    assert sorted(kept) == sorted(line.id for line in order.lines if line.charge != "one_time")


async def test_a_submitted_order_is_fulfilled_and_its_subscriptions_are_active(world: World) -> None:
    order = await world.place("suite-basic", "storage-gb", "dock", quantity=3)
    assert await world.work() == 1
    await provisioned_once(world, order, "suite-basic", "storage-gb", "dock")
    first = next(s for s in await world.subscriptions() if s.line_id == order.lines[0].id)
    assert (first.status, first.quantity, first.vendor_reference[:4]) == (Status.ACTIVE, 3, "SBX-")
    assert (await world.order(order)).lines[0].subscription_id == first.id
    assert [e.type.partition(".")[2] for e in await world.history(order)] == [
        "created", "line_added", "line_added", "line_added", "submitted",
        "line_started", "in_progress", "line_completed",
        "line_started", "line_completed",
        "line_started", "line_completed", "completed",
    ]  # fmt: skip


async def test_a_line_that_fails_twice_succeeds_on_the_third_try(world: World) -> None:
    await world.fault(Fault("fail", times=2, reason="The vendor is busy."))
    order = await world.place("suite-basic")
    await world.work()
    line = (await world.order(order)).lines[0]
    assert (line.status, line.reason, line.waiting_for) == (
        LineStatus.IN_PROGRESS,
        "The vendor is busy.",
        WaitingFor.WORKER,
    )
    assert line.due is not None
    assert line.due > world.clock.at
    await world.later(0.5)
    assert await world.ledger() == []
    await world.later(2)
    await world.later(4)
    await provisioned_once(world, order, "suite-basic")
    told = [e.type for e in await world.history(order)]
    assert (told.count("order.line_started"), told.count("order.line_retrying")) == (1, 2)


async def test_one_line_that_waits_does_not_hold_up_the_others(world: World) -> None:
    await world.fault(Fault("fail", sku_code="suite-basic"))
    order = await world.place("suite-basic", "dock")
    await world.work()
    assert await statuses(world, order) == (
        OrderStatus.IN_PROGRESS,
        [LineStatus.IN_PROGRESS, LineStatus.COMPLETED],
    )


async def test_a_line_that_never_works_is_given_up_and_waits_for_a_person(world: World) -> None:
    await world.fault(Fault("fail"))
    order = await world.place("suite-basic")
    await world.work()
    for _ in range(world.providers.policy.most_attempts):
        await world.later(LONG)
    assert await statuses(world, order) == (OrderStatus.NEEDS_ATTENTION, [LineStatus.FAILED])
    reader = allowed(world.tenant.operator, permissions.FULFILMENT_READ)
    waiting = await world.engine.read(reader, find_waiting, FindWaiting(needs_operator=True))
    assert [(p.order_id, p.attempts) for p in waiting.items] == [(order.id, 6)]


async def test_an_accepted_line_is_finished_by_the_vendors_callback(world: World) -> None:
    await world.fault(Fault("accept", seconds=30))
    order = await world.place("suite-basic")
    await world.work()
    assert await statuses(world, order) == (OrderStatus.IN_PROGRESS, [LineStatus.ACCEPTED])
    assert (await world.order(order)).lines[0].waiting_for is WaitingFor.VENDOR
    await world.later(29)
    assert await statuses(world, order) == (OrderStatus.IN_PROGRESS, [LineStatus.ACCEPTED])
    await world.later(1)
    await provisioned_once(world, order, "suite-basic")


async def test_a_vendor_that_forgets_to_call_back_is_asked(world: World, owner: Owner) -> None:
    await world.fault(Fault("accept", seconds=30))
    order = await world.place("suite-basic")
    await world.work()
    owner.execute(
        "UPDATE sandbox_vendor.ledger SET callback_at = NULL WHERE account = %s", (world.tenant.id,)
    )
    await world.later(LONG)
    await provisioned_once(world, order, "suite-basic")


async def test_a_refused_line_waits_for_a_person(world: World) -> None:
    await world.fault(Fault("refuse", reason="Not sold in this country."))
    order = await world.place("suite-basic", "dock")
    await world.work()
    line = (await world.order(order)).lines[0]
    assert (line.status, line.reason, line.waiting_for) == (
        LineStatus.REFUSED,
        "Not sold in this country.",
        WaitingFor.OPERATOR,
    )
    assert await world.ledger() == []


@pytest.mark.parametrize("behaviour", ["hang", "lose_answer"])
async def test_a_lost_answer_is_asked_for_and_the_request_is_not_sent_again(
    world: World, behaviour: Any
) -> None:
    await world.fault(Fault(behaviour))
    order = await world.place("suite-basic")
    await world.work()
    assert await statuses(world, order) == (OrderStatus.NEEDS_ATTENTION, [LineStatus.UNKNOWN])
    await world.later(LONG)
    await provisioned_once(world, order, "suite-basic")


async def test_a_lost_request_is_sent_again_once_the_vendor_denies_it_and_none_can_still_arrive(
    world: World,
) -> None:
    await world.fault(Fault("lose_request", times=1))
    order = await world.place("suite-basic")
    await world.work()
    await world.later(2)
    assert await world.ledger() == []  # denied, but the request may still be on its way
    await world.later(15)
    await provisioned_once(world, order, "suite-basic")


async def test_an_outcome_that_nobody_can_tell_waits_for_a_person_and_is_never_sent_again(
    world: World,
) -> None:
    await world.fault(Fault("lose_answer"))
    await world.fault(Fault("fail", call="query"))
    await world.fault(Fault("hang", call="query"))
    order = await world.place("suite-basic")
    await world.work()
    for _ in range(world.providers.policy.most_queries + 2):
        await world.later(LONG)
    line = (await world.order(order)).lines[0]
    assert (line.status, line.waiting_for, line.due) == (LineStatus.UNKNOWN, WaitingFor.OPERATOR, None)
    assert len(await world.ledger()) == 1


async def stuck(world: World, fault: Fault) -> Order:
    await world.fault(fault)
    order = await world.place("suite-basic")
    await world.work()
    await clear_faults(world.vendor, world.tenant.system)
    return order


async def test_a_person_may_have_a_refused_line_tried_again(world: World) -> None:
    order = await stuck(world, Fault("refuse"))
    operator = allowed(world.tenant.operator, permissions.FULFILMENT_OPERATE)
    await world.engine.perform(operator, retry_line, RetryLine(order.id, order.lines[0].id))
    await world.work()
    await provisioned_once(world, order, "suite-basic")


async def test_a_person_may_say_that_a_line_is_done(world: World) -> None:
    order = await stuck(world, Fault("refuse"))
    operator = allowed(world.tenant.operator, permissions.FULFILMENT_OPERATE)
    done = MarkLineDone(order.id, order.lines[0].id, "BY-PHONE-1")
    assert (await world.engine.perform(operator, mark_line_done, done)).result.status is OrderStatus.COMPLETED
    assert [s.vendor_reference for s in await world.subscriptions()] == ["BY-PHONE-1"]
    with pytest.raises(NothingToDecide):
        await world.engine.perform(operator, mark_line_done, done)


async def test_a_person_may_say_that_a_line_will_not_be_done(world: World) -> None:
    await world.fault(Fault("lose_answer"))
    await world.fault(Fault("fail", call="query"))
    order = await world.place("suite-basic")
    await world.work()
    for _ in range(world.providers.policy.most_queries + 1):
        await world.later(LONG)
    operator = allowed(world.tenant.operator, permissions.FULFILMENT_OPERATE)
    refuse = RefuseLine(order.id, order.lines[0].id, "The vendor has no such thing.")
    after = (await world.engine.perform(operator, refuse_line, refuse)).result
    assert (after.lines[0].status, after.lines[0].reason) == (
        LineStatus.REFUSED,
        "The vendor has no such thing.",
    )


async def test_decisions_need_permission_and_a_ground(world: World) -> None:
    order = await stuck(world, Fault("refuse"))
    with pytest.raises(PermissionMissing):
        await world.engine.perform(world.tenant.operator, retry_line, RetryLine(order.id, order.lines[0].id))
    operator = allowed(world.tenant.operator, permissions.FULFILMENT_OPERATE)
    with pytest.raises(DecisionIncomplete):
        await world.engine.perform(operator, mark_line_done, MarkLineDone(order.id, order.lines[0].id, ""))


async def test_a_change_line_changes_its_subscription(world: World, owner: Owner) -> None:
    await world.place("suite-basic", quantity=2)
    await world.work()
    kept = (await world.subscriptions())[0]
    change = await world.place("suite-basic", quantity=7)
    owner.execute(
        "UPDATE order_lines SET action = 'change', subscription_id = %s WHERE order_id = %s",
        (kept.id, change.id),
    )
    await world.work()
    changed = await world.subscriptions()
    assert [(s.id, s.quantity, s.vendor_reference) for s in changed] == [(kept.id, 7, kept.vendor_reference)]
    assert [entry.action for entry in await world.ledger()] == ["change", "create"]


async def test_a_change_of_what_has_ended_meanwhile_ends_too(world: World, owner: Owner) -> None:
    await world.place("suite-basic", quantity=2)
    await world.work()
    kept = (await world.subscriptions())[0]
    change = await world.place("suite-basic", quantity=7)
    owner.execute(
        "UPDATE order_lines SET action = 'change', subscription_id = %s WHERE order_id = %s",
        (kept.id, change.id),
    )
    owner.execute("UPDATE subscriptions SET status = 'cancelled' WHERE id = %s", (kept.id,))
    await world.work()
    assert (await world.order(change)).status is OrderStatus.COMPLETED
    assert [s.quantity for s in await world.subscriptions()] == [2]


async def test_an_order_whose_job_was_given_up_is_woken(world: World, owner: Owner) -> None:
    await world.fault(Fault("fail", times=1))
    order = await world.place("suite-basic")
    await world.work()
    owner.execute("DELETE FROM timers WHERE tenant_id = %s", (world.tenant.id,))
    await world.later(LONG)
    assert (await world.order(order)).status is OrderStatus.IN_PROGRESS
    await wake_overdue(world.engine)
    await world.work()
    await provisioned_once(world, order, "suite-basic")
    await wake_overdue(world.engine)
    assert await world.work() == 0


class Killed(BaseException):
    """The worker dies here: nothing of it runs on, not even an `except Exception`."""


@dataclass(slots=True)
class Fate:
    """Kills at one boundary (before or after each transaction and each call), or lets one transaction run twice."""

    die_at: int = 0
    repeat_at: int = 0
    keep_first: bool = True
    passed: int = 0
    performed: int = 0

    def boundary(self) -> None:
        self.passed += 1
        if self.passed == self.die_at:
            raise Killed


@dataclass(slots=True)
class MortalEngine(Engine):
    fate: Fate = field(default_factory=Fate)

    async def perform(self, *args: Any, **kwargs: Any) -> Any:
        self.fate.boundary()
        outcome = await Engine.perform(self, *args, **kwargs)
        self.fate.performed += 1
        if self.fate.performed == self.fate.repeat_at:
            again = await Engine.perform(self, *args, **kwargs)
            outcome = outcome if self.fate.keep_first else again
        self.fate.boundary()
        return outcome


@dataclass(frozen=True, slots=True)
class MortalProviders(Providers):
    fate: Fate = field(default_factory=Fate)

    async def send(self, name: str, action: str, request: Request) -> Outcome:
        self.fate.boundary()
        outcome = await Providers.send(self, name, action, request)
        self.fate.boundary()
        return outcome

    async def ask(self, name: str, account: TenantId, reference: str) -> Outcome | None:
        self.fate.boundary()
        outcome = await Providers.ask(self, name, account, reference)
        self.fate.boundary()
        return outcome


def mortal(world: World, fate: Fate) -> tuple[MortalEngine, Providers]:
    engine = world.engine
    providers = world.providers
    return (
        MortalEngine(engine.pool, world.clock, engine.triggers, engine.observe, fate=fate),
        MortalProviders(providers.by_name, providers.callback_keys, providers.policy, fate=fate),
    )


ADVENTURES: dict[str, tuple[Fault, ...]] = {
    "everything works": (),
    "a line fails once": (Fault("fail", times=1, sku_code="suite-basic"),),
    "an answer is lost": (Fault("lose_answer", sku_code="suite-basic"),),
    "a request is lost": (Fault("lose_request", times=1, sku_code="dock"),),
    "a line is accepted": (Fault("accept", seconds=5, sku_code="dock"),),
}


async def an_adventure(world: World, adventure: str) -> Order:
    for fault in ADVENTURES[adventure]:
        await world.fault(fault)
    return await world.place("suite-basic", "dock")


@pytest.mark.parametrize("adventure", ADVENTURES)
async def test_a_worker_killed_at_any_step_leaves_each_line_provisioned_exactly_once(
    owner: Owner, engine: Engine, jobs_pool: Pool, adventure: str
) -> None:
    die_at, survived = 0, False
    while not survived:
        die_at += 1
        world = a_world(owner, engine, jobs_pool)
        order = await an_adventure(world, adventure)
        try:
            await fulfil_order(*mortal(world, Fate(die_at)), world.tenant.id, order.id)
            survived = True
        except Killed:
            pass
        for _ in range(8):
            await world.later(20)
        await provisioned_once(world, order, "suite-basic", "dock")
    assert die_at > 10


@pytest.mark.parametrize("keep_first", [True, False])
@pytest.mark.parametrize("adventure", ADVENTURES)
async def test_a_step_that_runs_twice_changes_nothing(
    owner: Owner, engine: Engine, jobs_pool: Pool, adventure: str, keep_first: bool
) -> None:
    repeat_at, fate = 0, Fate()
    while fate.performed >= repeat_at:
        repeat_at += 1
        world, fate = a_world(owner, engine, jobs_pool), Fate(repeat_at=repeat_at, keep_first=keep_first)
        order = await an_adventure(world, adventure)
        await fulfil_order(*mortal(world, fate), world.tenant.id, order.id)
        for _ in range(8):
            await world.later(20)
        await provisioned_once(world, order, "suite-basic", "dock")
    assert repeat_at > 3


async def test_two_workers_with_the_same_order_provision_it_once(world: World) -> None:
    order = await world.place("suite-basic", "dock", "storage-gb")
    both = [replace(world.engine), replace(world.engine)]
    await asyncio.gather(*(fulfil_order(e, world.providers, world.tenant.id, order.id) for e in both))
    await world.later(20)
    await provisioned_once(world, order, "suite-basic", "dock", "storage-gb")
