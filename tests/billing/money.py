"""Builders of what is owed: a shop whose orders are fulfilled, its people, invoices and payments."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import psycopg

from chandlery.billing.invoice import Invoice
from chandlery.billing.payment_methods import AddMethod, PaymentMethod, add_method
from chandlery.billing.payments import History, get_payment
from chandlery.billing.processors import MANUAL, Manual, Processors
from chandlery.billing.sandbox_processor import NAME, SandboxProcessor
from chandlery.engine.database import Pool
from chandlery.engine.queue import run_until_idle
from chandlery.engine.unit_of_work import Engine
from chandlery.fulfilment.providers import Providers
from chandlery.identity import permissions
from chandlery.kernel.actor import Actor
from chandlery.kernel.clock import FixedClock
from chandlery.kernel.ids import PaymentId
from chandlery.ordering.drafts import LineRequest
from chandlery.ordering.order import Order
from chandlery.ordering.status import LineStatus
from chandlery.processes.invoice_orders import InvoiceOrder, invoice_order
from chandlery.processes.pay import Pay, pay
from chandlery.processes.triggers import TRIGGERS, tasks
from tests.builders import allowed
from tests.conftest import NOW
from tests.ordering.builders import Shop, a_draft, a_placed_order, a_shop, moved, some

RIGHTS = tuple(sorted(permissions.EVERY))


@dataclass(slots=True)
class Books:
    """A shop with all rights, an engine with a clock of its own, a queue, and a payment processor in miniature."""

    shop: Shop
    engine: Engine
    jobs: Pool
    clock: FixedClock
    processor: SandboxProcessor

    @property
    def operator(self) -> Actor:
        return allowed(self.shop.operator, *RIGHTS)

    @property
    def reseller(self) -> Actor:
        return allowed(self.shop.reseller, *RIGHTS)

    @property
    def customer(self) -> Actor:
        return allowed(self.shop.customer, *RIGHTS)

    @property
    def processors(self) -> Processors:
        return Processors({NAME: self.processor, MANUAL: Manual()})

    async def do(self, actor: Actor, use_case: Any, command: Any) -> Any:
        return (await self.engine.perform(actor, use_case, command)).result

    async def draft(self, *lines: LineRequest) -> Order:
        return await a_draft(self.engine, self.shop, *(lines or (some("suite-basic", 5),)))

    async def completed(self, order: Order) -> Order:
        for index in range(len(order.lines)):
            steps = (LineStatus.IN_PROGRESS, LineStatus.COMPLETED)
            order = await moved(self.engine, self.shop, order, index, *steps)
        return order

    async def fulfilled(self, *lines: LineRequest) -> Order:
        """An order of the customer all of whose lines are completed: 66.00 for five seats, 44.00 to the operator."""
        lines = lines or (some("suite-basic", 5),)
        return await self.completed(await a_placed_order(self.engine, self.shop, *lines))

    async def invoice(self, actor: Actor, order: Order, *, post: bool = True) -> Invoice:
        found: Invoice = await self.do(actor, invoice_order, InvoiceOrder(order.id, post))
        return found

    async def method(self, payer: Actor, token: str = "", processor: str = NAME) -> PaymentMethod:
        command = AddMethod(payer.organization_id, processor, "card", "A card", token)
        made: PaymentMethod = await self.do(payer, add_method, command)
        return made

    async def paid(self, actor: Actor, method: PaymentMethod, **what: Any) -> History:
        """A payment as far as the worker brings it now."""
        begun: History = await self.do(actor, pay, Pay(method.id, **what))
        await self.work()
        return await self.payment(begun.payment.id)

    async def payment(self, payment_id: PaymentId) -> History:
        return await self.engine.read(self.shop.system, get_payment, payment_id)

    async def work(self) -> int:
        known = tasks(Providers({}), self.processors)
        return await run_until_idle(self.engine, self.jobs, known, self.shop.tenant.id)


def some_books(owner: psycopg.Connection[Any], engine: Engine, jobs: Pool) -> Books:
    """Orders are moved on by hand here, so no event but billing's own starts a job."""
    clock = FixedClock(NOW)
    own = {
        name: start for name, start in TRIGGERS.items() if name.partition(".")[0] in ("payment", "invoice")
    }
    mine = replace(engine, clock=clock, triggers=own)
    return Books(a_shop(owner), mine, jobs, clock, SandboxProcessor(engine.pool, clock))
