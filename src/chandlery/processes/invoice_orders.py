"""From an order to invoices: on demand by whoever sells, or by itself once all of an order is fulfilled.

Every seller in the chain invoices the party directly below it, for its own step of the prices. What is billed is billed
once: a job that runs twice finds nothing left to invoice. Only tenants in which somebody invoices on completion get a
job at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

from chandlery.billing.allocating import use_for_invoice
from chandlery.billing.charges import terms_of
from chandlery.billing.drawing_up import Bill, BillLine
from chandlery.billing.errors import AlreadyInvoiced, NothingToInvoice, NotTheSeller
from chandlery.billing.invoice import Invoice
from chandlery.billing.invoices import draft_invoice, post_draft
from chandlery.billing.policies import policy_query
from chandlery.billing.policy import INVOICING
from chandlery.billing.terms import ASSESSMENT, Dealing, Terms
from chandlery.engine.jobs import Job
from chandlery.engine.unit_of_work import Engine, Reader, Unit
from chandlery.identity import permissions
from chandlery.kernel.actor import Actor, system
from chandlery.kernel.ids import OrderId, OrganizationId, TenantId
from chandlery.ordering import queries
from chandlery.ordering.line import Line, LinePrice
from chandlery.ordering.order import Order
from chandlery.ordering.status import LineStatus, OrderStatus

TASK = "invoice_order"


@dataclass(frozen=True, slots=True)
class InvoiceOrder:
    """Invoice what the actor's organisation sells in an order and is fulfilled; `post` at once, or leave a draft."""

    order_id: OrderId
    post: bool = True


async def invoice_order(unit: Unit, actor: Actor, command: InvoiceOrder) -> Invoice:
    actor.require(permissions.INVOICES_WRITE)
    order = await queries.get_order(unit, actor, command.order_id)
    draft = await draft_invoice(unit, actor, await _bill(unit, order, actor.organization_id))
    if not command.post:
        return draft
    return await use_for_invoice(unit, actor, await post_draft(unit, actor, draft))


def wanted(unit: Unit, before: Order, after: Order) -> None:
    """An order has moved on: if that completed it, and somebody wants to know, its invoices are drawn up next."""
    if after.status is OrderStatus.COMPLETED is not before.status and unit.uses(INVOICING):
        unit.defer(Job(TASK, {"order_id": str(after.id)}, lock=f"order:{after.id}", key=f"{TASK}:{after.id}"))


async def run(engine: Engine, tenant_id: TenantId, args: Mapping[str, str]) -> None:
    """The job: an invoice, posted, for each seller of the order who invoices on completion."""
    order_id = OrderId(UUID(args["order_id"]))
    for issuer_id in await engine.read(system(tenant_id, TASK), _issuers, order_id):
        actor = Actor(tenant_id, issuer_id, frozenset(), surface=TASK, is_system=True)
        with suppress(NothingToInvoice, AlreadyInvoiced):
            await engine.perform(actor, invoice_order, InvoiceOrder(order_id))


async def _issuers(reader: Reader, actor: Actor, order_id: OrderId) -> list[OrganizationId]:
    order = await queries.get_order(reader, actor, order_id)
    sellers = dict.fromkeys(
        p.issuer_id for line in order.lines for p in line.prices if p.issuer_id is not None
    )
    return [one for one in sellers if (await reader.fetch(policy_query(one))).invoices == "on_completion"]


async def _bill(unit: Unit, order: Order, issuer_id: OrganizationId) -> Bill:
    """What the issuer may ask of the party below it: the lines that are fulfilled."""
    sold = [(line, price) for line in order.lines if (price := _sold(line, issuer_id))]
    if not sold:
        raise NotTheSeller
    recipient_id = sold[0][1].recipient_id
    due = tuple(_bill_line(line, price) for line, price in sold if line.status is LineStatus.COMPLETED)
    if not due:
        raise NothingToInvoice
    terms = None
    if unit.uses(ASSESSMENT):
        terms = (await unit.fetch(terms_of([Dealing(order.id, issuer_id, recipient_id, (), False)]))).get(
            order.id
        )
    return Bill(
        issuer_id,
        recipient_id,
        order.id,
        order.number,
        order.po_number,
        order.currency,
        due,
        terms or Terms(),
    )


def _sold(line: Line, issuer_id: OrganizationId) -> LinePrice | None:
    return next((price for price in line.prices if price.issuer_id == issuer_id), None)


def _bill_line(line: Line, price: LinePrice) -> BillLine:
    return BillLine(
        line.id,
        line.plan_id,
        price.step,
        line.name,
        line.quantity,
        line.unit,
        price.rate,
        price.amount_minor,
        (line.sku_code,),
    )
