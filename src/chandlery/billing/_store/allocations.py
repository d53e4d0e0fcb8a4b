"""Which payment settles how much of which invoice, in the database.

Whoever changes both locks the invoice first, then payments in the order of their ids.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from chandlery.billing.errors import PaymentSpent
from chandlery.engine.statements import Query, Write, many, maybe, refusals
from chandlery.kernel.ids import InvoiceId, PaymentId

MOST = 500


@dataclass(frozen=True, slots=True)
class Allocation:
    """So much of a payment is for that invoice."""

    payment_id: PaymentId
    invoice_id: InvoiceId
    amount_minor: int
    created_at: datetime


def of_invoice_for_update(invoice_id: InvoiceId) -> Query[list[Allocation]]:
    """Newest last; the payments are locked, for their allocated amounts are about to change."""
    return many(
        "SELECT a.payment_id, a.invoice_id, a.amount_minor, a.created_at"
        " FROM payment_allocations a JOIN payments p ON p.id = a.payment_id"
        " WHERE a.invoice_id = %s ORDER BY a.payment_id LIMIT %s FOR NO KEY UPDATE OF p",
        (invoice_id, MOST),
        lambda row: Allocation(*row),
    )


def of_payment(payment_id: PaymentId) -> Query[list[Allocation]]:
    return many(
        "SELECT payment_id, invoice_id, amount_minor, created_at FROM payment_allocations"
        " WHERE payment_id = %s ORDER BY created_at, invoice_id LIMIT %s",
        (payment_id, MOST),
        lambda row: Allocation(*row),
    )


def one_for_update(payment_id: PaymentId, invoice_id: InvoiceId) -> Query[Allocation | None]:
    return maybe(
        "SELECT payment_id, invoice_id, amount_minor, created_at FROM payment_allocations"
        " WHERE payment_id = %s AND invoice_id = %s FOR NO KEY UPDATE",
        (payment_id, invoice_id),
        lambda row: Allocation(*row),
    )


def add(payment_id: PaymentId, invoice_id: InvoiceId, amount_minor: int) -> tuple[Write, Write]:
    """More of a payment for an invoice; the payment's own row says at last whether there is so much."""
    return (
        Write(
            "INSERT INTO payment_allocations AS a (payment_id, invoice_id, tenant_id, payer_id, payee_id,"
            " amount_minor, created_at) SELECT p.id, %s, p.tenant_id, p.payer_id, p.payee_id, %s, unit_now()"
            " FROM payments p WHERE p.id = %s"
            " ON CONFLICT (payment_id, invoice_id) DO UPDATE SET amount_minor = a.amount_minor + EXCLUDED.amount_minor",
            (invoice_id, amount_minor, payment_id),
        ),
        _spend(payment_id, amount_minor),
    )


def free(allocations: Sequence[Allocation], amount_minor: int) -> list[Write]:
    """Take an amount back from an invoice's allocations, the newest first."""
    writes: list[Write] = []
    left = amount_minor
    for one in sorted(allocations, key=lambda one: (one.created_at, one.payment_id), reverse=True):
        taken = min(one.amount_minor, left)
        if taken == 0:
            break
        left -= taken
        writes += take_off(one, taken)
    return writes


def take_off(one: Allocation, amount_minor: int) -> tuple[Write, Write]:
    key = (one.payment_id, one.invoice_id)
    if amount_minor == one.amount_minor:
        less = Write("DELETE FROM payment_allocations WHERE payment_id = %s AND invoice_id = %s", key)
    else:
        less = Write(
            "UPDATE payment_allocations SET amount_minor = amount_minor - %s"
            " WHERE payment_id = %s AND invoice_id = %s",
            (amount_minor, *key),
        )
    return less, _spend(one.payment_id, -amount_minor)


def _spend(payment_id: PaymentId, amount_minor: int) -> Write:
    return Write(
        "UPDATE payments SET allocated_minor = allocated_minor + %s, version = version + 1 WHERE id = %s",
        (amount_minor, payment_id),
        refusals(payments_spent_once=PaymentSpent),
    )
