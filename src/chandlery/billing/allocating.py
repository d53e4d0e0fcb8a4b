"""Which payment is for which invoice: put so much of one on the other, take it off, or let it find its way by itself.

Invoices are locked first, then payments. Besides, the payment's row and the invoice's row each refuse, by a check, to
be spent or settled twice, whoever comes at the same time.
"""

from __future__ import annotations

from dataclasses import dataclass

from chandlery.billing._store import allocations as store
from chandlery.billing._store import invoices, payments
from chandlery.billing.errors import (
    AllocationUnfit,
    AllocationUnknown,
    InvoiceSettled,
    InvoiceUnknown,
    PaymentSpent,
    PaymentUnknown,
)
from chandlery.billing.invoice import Invoice
from chandlery.billing.invoices import settled_event
from chandlery.billing.payment import Payment
from chandlery.engine.unit_of_work import Unit
from chandlery.identity import permissions
from chandlery.kernel.actor import Actor
from chandlery.kernel.errors import Problem
from chandlery.kernel.ids import InvoiceId, PaymentId


@dataclass(frozen=True, slots=True)
class Allocate:
    """So much of a payment for an invoice; without an amount, as much as both have left."""

    payment_id: PaymentId
    invoice_id: InvoiceId
    amount_minor: int | None = None


@dataclass(frozen=True, slots=True)
class TakeOff:
    """Nothing of that payment is for that invoice any more."""

    payment_id: PaymentId
    invoice_id: InvoiceId


async def allocate(unit: Unit, actor: Actor, command: Allocate) -> Invoice:
    """The payee says what a payment is for."""
    actor.require(permissions.PAYMENTS_WRITE)
    _, invoice, payment = await unit.fetch(
        invoices.lock(command.invoice_id),
        invoices.invoice(command.invoice_id),
        payments.payment_for_update(command.payment_id),
    )
    if actor.organization_id != payment.payee_id and not actor.is_system:
        raise PaymentUnknown
    parties = (payment.payee_id, payment.payer_id, payment.currency)
    if invoice.kind != "invoice" or (invoice.issuer.id, invoice.recipient.id, invoice.currency) != parties:
        raise AllocationUnfit
    invoice.as_posted()
    most = min(invoice.open_minor, payment.available_minor)
    amount = most if command.amount_minor is None else command.amount_minor
    if amount <= 0 or amount > payment.available_minor:
        raise PaymentSpent(Problem("amount_minor", PaymentSpent.message(), "out_of_range"))
    if amount > invoice.open_minor:
        raise InvoiceSettled(Problem("amount_minor", InvoiceSettled.message(), "out_of_range"))
    return _put_on(unit, invoice, payment, amount)


async def take_off(unit: Unit, actor: Actor, command: TakeOff) -> Invoice:
    """The payee frees a payment from an invoice, to refund it or to use it for another."""
    actor.require(permissions.PAYMENTS_WRITE)
    _, invoice, payment, found = await unit.fetch(
        invoices.lock(command.invoice_id),
        invoices.invoice(command.invoice_id),
        payments.payment_for_update(command.payment_id),
        store.one_for_update(command.payment_id, command.invoice_id),
    )
    if actor.organization_id != payment.payee_id and not actor.is_system:
        raise InvoiceUnknown
    if found is None:
        raise AllocationUnknown
    settled = invoice.settled(-found.amount_minor)
    unit.write(*store.take_off(found, found.amount_minor), invoices.settle(settled))
    unit.emit(settled_event(settled))
    return settled


async def use_for_invoice(unit: Unit, actor: Actor, invoice: Invoice) -> Invoice:
    """Put what was paid for an order beforehand on its invoice, which this unit has just posted."""
    actor.require(permissions.INVOICES_WRITE)
    paid = await unit.fetch(payments.spendable(invoice.order_id, invoice.issuer.id, invoice.recipient.id))
    for payment in paid:
        amount = min(invoice.open_minor, payment.available_minor)
        if amount > 0 and payment.currency == invoice.currency:
            invoice = _put_on(unit, invoice, payment, amount)
    return invoice


async def use_payment(unit: Unit, actor: Actor, payment_id: PaymentId) -> None:
    """Put what is captured of a payment on the invoices that it is for; done again, it finds nothing left to do."""
    actor.require(permissions.PAYMENTS_WRITE)
    found = await unit.fetch(payments.payment(payment_id))
    if found.available_minor <= 0 or (found.invoice_id is None and found.order_id is None):
        return
    wanted = await unit.fetch(payments.open_invoices(found))
    payment = await unit.fetch(payments.payment_for_update(payment_id))
    left = payment.available_minor
    for invoice_id in wanted:
        invoice = await unit.fetch(invoices.invoice(invoice_id))
        amount = min(invoice.open_minor, left)
        if amount > 0:
            left -= amount
            _put_on(unit, invoice, payment, amount)


def _put_on(unit: Unit, invoice: Invoice, payment: Payment, amount_minor: int) -> Invoice:
    settled = invoice.settled(amount_minor)
    unit.write(*store.add(payment.id, invoice.id, amount_minor), invoices.settle(settled))
    unit.emit(settled_event(settled))
    return settled
