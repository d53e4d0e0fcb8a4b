"""A tenant with a catalogue, a worker's view of it and a sandbox vendor: what a story needs to be told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import psycopg

from chandlery.catalog.offers import PlanRef
from chandlery.engine.database import Pool
from chandlery.engine.queue import run_until_idle
from chandlery.engine.unit_of_work import Engine
from chandlery.fulfilment.providers import Providers
from chandlery.fulfilment.retries import RetryPolicy
from chandlery.fulfilment.sandbox._store import Entry
from chandlery.fulfilment.sandbox.callbacks import CallingBack, in_process
from chandlery.fulfilment.sandbox.faults import Fault, set_fault
from chandlery.fulfilment.sandbox.vendor import NAME, Sandbox
from chandlery.identity import permissions
from chandlery.kernel.clock import Clock, FixedClock
from chandlery.ordering.checkout import Submit, submit
from chandlery.ordering.drafts import LineRequest, OpenDraft, open_draft
from chandlery.ordering.history import Entry as HistoryEntry
from chandlery.ordering.order import Order
from chandlery.ordering.queries import OrderHistory, get_order, history
from chandlery.processes.triggers import TRIGGERS, tasks
from chandlery.subscriptions.queries import FindSubscriptions, find_subscriptions
from chandlery.subscriptions.subscription import Subscription
from tests.builders import Tenant, a_tenant, allowed
from tests.catalog.builders import a_catalog
from tests.conftest import NOW

KEY = b"a key that sandbox and server share"
PATIENCE = RetryPolicy(call_timeout=timedelta(seconds=0.2))


@dataclass(slots=True)
class World:
    """One tenant's server: the engine with a clock of its own, the queue, the vendor and its machine."""

    tenant: Tenant
    engine: Engine
    jobs: Pool
    vendor: Sandbox
    providers: Providers
    clock: FixedClock
    calling_back: CallingBack = field(init=False)

    def __post_init__(self) -> None:
        self.calling_back = CallingBack(self.vendor, in_process(self.engine, self.providers), KEY)

    async def place(self, *skus: str, quantity: int = 1) -> Order:
        """A submitted order of the reseller for its customer, one line per SKU."""
        reseller = allowed(self.tenant.reseller, permissions.ORDERS_WRITE, permissions.ORDERS_CHECKOUT)
        lines = [LineRequest(PlanRef(sku=sku), quantity) for sku in skus]
        draft = OpenDraft(self.tenant.customer.organization_id, lines=lines)
        opened = (await self.engine.perform(reseller, open_draft, draft)).result
        return (await self.engine.perform(reseller, submit, Submit(opened.id))).result

    async def work(self) -> int:
        return await run_until_idle(self.engine, self.jobs, tasks(self.providers), self.tenant.id)

    async def later(self, seconds: float) -> None:
        """Time passes; the worker and the vendor's machine do what is due."""
        self.clock.at += timedelta(seconds=seconds)
        await self.calling_back.deliver_due()
        await self.work()

    async def fault(self, fault: Fault) -> None:
        await set_fault(self.vendor, self.tenant.system, fault)

    async def order(self, order: Order) -> Order:
        return await self.engine.read(self.tenant.system, get_order, order.id)

    async def history(self, order: Order) -> list[HistoryEntry]:
        page = await self.engine.read(self.tenant.system, history, OrderHistory(order.id))
        return list(page.items)

    async def ledger(self) -> Sequence[Entry]:
        return await self.vendor.ledger(self.tenant.id)

    async def subscriptions(self) -> Sequence[Subscription]:
        return (await self.engine.read(self.tenant.system, find_subscriptions, FindSubscriptions())).items


def a_world(
    owner: psycopg.Connection[Any], engine: Engine, jobs: Pool, ticking: Clock | None = None
) -> World:
    """A world whose clock stands until a test moves it, or, beside other processes, one that ticks as theirs do."""
    tenant = a_tenant(owner)
    a_catalog(owner, tenant)
    clock = FixedClock(NOW)
    mine = replace(engine, clock=ticking or clock, triggers=TRIGGERS)
    vendor = Sandbox(engine.pool, ticking or clock)
    return World(tenant, mine, jobs, vendor, Providers({NAME: vendor}, {NAME: KEY}, PATIENCE), clock)
