"""Paying for an order or an invoice: who owes whom how much, from ordering or billing, then billing's own payment."""

from __future__ import annotations

from dataclasses import dataclass

from chandlery.billing.errors import InvoiceSettled, PaymentUnfit
from chandlery.billing.invoices import get_invoice
from chandlery.billing.payments import BeginPayment, History, begin_payment
from chandlery.engine.unit_of_work import Unit
from chandlery.identity import permissions
from chandlery.kernel.actor import Actor
from chandlery.kernel.errors import Problem
from chandlery.kernel.ids import InvoiceId, OrderId, PaymentMethodId
from chandlery.kernel.money import Money
from chandlery.ordering import queries
from chandlery.processes.totals import dealing_of, total


@dataclass(frozen=True, slots=True)
class Pay:
    """For an order or for an invoice; without an amount, all that is owed."""

    method_id: PaymentMethodId
    order_id: OrderId | None = None
    invoice_id: InvoiceId | None = None
    amount_minor: int | None = None
    captures_itself: bool = True


async def pay(unit: Unit, actor: Actor, command: Pay) -> History:
    actor.require(permissions.PAYMENTS_WRITE)
    if (command.order_id is None) == (command.invoice_id is None):
        raise PaymentUnfit(Problem("invoice_id", "Name either an order or an invoice.", "one_of"))
    if command.invoice_id is not None:
        return await begin_payment(unit, actor, await _for_invoice(unit, actor, command, command.invoice_id))
    assert command.order_id is not None
    return await begin_payment(unit, actor, await _for_order(unit, actor, command, command.order_id))


async def _for_invoice(unit: Unit, actor: Actor, command: Pay, invoice_id: InvoiceId) -> BeginPayment:
    invoice = (await get_invoice(unit, actor, invoice_id)).as_posted()
    if invoice.kind != "invoice" or invoice.open_minor <= 0:
        raise InvoiceSettled
    amount = invoice.open_minor if command.amount_minor is None else command.amount_minor
    if amount > invoice.open_minor:
        raise InvoiceSettled(Problem("amount_minor", InvoiceSettled.message(), "out_of_range"))
    return BeginPayment(
        invoice.recipient.id,
        invoice.issuer.id,
        command.method_id,
        Money(amount, invoice.currency),
        invoice_id=invoice.id,
        captures_itself=command.captures_itself,
    )


async def _for_order(unit: Unit, actor: Actor, command: Pay, order_id: OrderId) -> BeginPayment:
    """Between the actor and its neighbour in the chain: whoever it charges or, charging nobody, pays."""
    order = await queries.get_order(unit, actor, order_id)
    dealing = dealing_of(order, actor.organization_id)
    if dealing is None:
        raise PaymentUnfit(
            Problem("order_id", "Nobody owes your organisation anything for this order.", "empty")
        )
    (found,) = await total(unit, actor, (order,))
    owed = order.totals(actor.organization_id).price.minor
    if found.assessment is not None:
        owed = found.assessment.gross_minor
    return BeginPayment(
        dealing.recipient_id,
        dealing.issuer_id,
        command.method_id,
        Money(owed if command.amount_minor is None else command.amount_minor, order.currency),
        order_id=order.id,
        captures_itself=command.captures_itself,
    )
