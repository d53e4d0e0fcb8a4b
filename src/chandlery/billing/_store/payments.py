"""Payment methods, payments and what was asked of processors, in the database."""

# ruff: noqa: S608 - columns are written here; every value is a parameter

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from chandlery.billing.errors import OwnerUnknown, PaymentBusy, PaymentMethodUnknown, PaymentUnknown
from chandlery.billing.payment import Payment, PaymentFilter, Status
from chandlery.billing.payment_method import PaymentMethod
from chandlery.billing.payment_operation import Operation, State
from chandlery.engine.statements import Query, Row, Write, many, one, refusals, scalar
from chandlery.kernel.ids import InvoiceId, OrderId, OrganizationId, PaymentId, PaymentMethodId, TenantId
from chandlery.kernel.page import PageRequest

MOST_OPERATIONS = 200

_METHOD_COLUMNS = "m.id, m.owner_id, m.processor, m.kind, m.label, m.token, m.created_at, m.version"
_METHOD = f"""SELECT {_METHOD_COLUMNS} FROM payment_methods m
WHERE m.tenant_id = scope_tenant() AND m.id = %s AND m.status = 'active'"""  # sql: constants alone
_METHOD_FOR_UPDATE = f"{_METHOD} FOR NO KEY UPDATE"  # sql: the same
_METHOD_OF = f"""SELECT {_METHOD_COLUMNS}
FROM payments p JOIN payment_methods m ON m.id = p.method_id WHERE p.id = %s"""  # sql: the same
_METHODS = f"""SELECT {_METHOD_COLUMNS} FROM payment_methods m
WHERE m.tenant_id = scope_tenant() AND m.owner_id = %s AND m.status = 'active'
    AND (m.created_at, m.id) > (coalesce(%s::timestamptz, '-infinity'),
                                coalesce(%s::uuid, '00000000-0000-0000-0000-000000000000'))
ORDER BY m.created_at, m.id LIMIT %s"""  # sql: the same
_COLUMNS = """id, payer_id, payee_id, method_id, order_id, invoice_id, currency, amount_minor, captures_itself,
    created_at, status, authorized_minor, captured_minor, refunded_minor, refunding_minor, allocated_minor, reason,
    version"""
_PAYMENT = f"SELECT {_COLUMNS} FROM payments WHERE tenant_id = scope_tenant() AND id = %s"  # sql: the same
_PAYMENT_FOR_UPDATE = f"{_PAYMENT} FOR NO KEY UPDATE"  # sql: the same
_SPENDABLE = f"""SELECT {_COLUMNS} FROM payments
WHERE tenant_id = scope_tenant() AND order_id = %s AND payee_id = %s AND payer_id = %s AND invoice_id IS NULL
    AND captured_minor > refunded_minor + refunding_minor + allocated_minor
ORDER BY id LIMIT 100 FOR NO KEY UPDATE"""  # sql: the same
_FOUND = """
    AND (%(status)s::text IS NULL OR status = %(status)s::text)
    AND (%(order)s::uuid IS NULL OR order_id = %(order)s::uuid)
    AND (%(after)s::timestamptz IS NULL OR (created_at, id) < (%(after)s::timestamptz, %(after_id)s::uuid))
ORDER BY created_at DESC, id DESC LIMIT %(limit)s"""
_RECEIVED = f"""SELECT {_COLUMNS} FROM payments
WHERE tenant_id = scope_tenant() AND payee_id = scope_org() {_FOUND}"""  # sql: the same
_MADE = f"""SELECT {_COLUMNS} FROM payments
WHERE tenant_id = scope_tenant() AND payer_id = scope_org() {_FOUND}"""  # sql: the same
_OPERATIONS = """
SELECT id, payment_id, kind, amount_minor, principal, created_at, state, attempts, queries, sent_at, next_at,
    processor_reference, reason
FROM payment_operations WHERE payment_id = %s ORDER BY created_at, id LIMIT %s
"""
_OPEN_INVOICES = """
SELECT id FROM invoices
WHERE tenant_id = scope_tenant() AND issuer_id = %(payee)s AND recipient_id = %(payer)s AND kind = 'invoice'
    AND currency = %(currency)s AND status IN ('unpaid', 'partly_paid')
    AND (id = %(invoice)s::uuid OR (%(invoice)s::uuid IS NULL AND order_id = %(order)s::uuid))
ORDER BY id LIMIT 100 FOR NO KEY UPDATE
"""


def _method(row: Row) -> PaymentMethod:
    return PaymentMethod(*row)


def _payment(row: Row) -> Payment:
    values = list(row)
    values[10] = Status(row[10])
    return Payment(*values)


def _operation(row: Row) -> Operation:
    values = list(row)
    values[6] = State(row[6])
    return Operation(*values)


def owner(owner_id: OrganizationId) -> Query[OrganizationId]:
    return one(
        "SELECT id FROM organizations WHERE tenant_id = scope_tenant() AND id = %s",
        (owner_id,),
        scalar,
        OwnerUnknown,
    )


def method(method_id: PaymentMethodId) -> Query[PaymentMethod]:
    return one(_METHOD, (method_id,), _method, PaymentMethodUnknown)


def method_for_update(method_id: PaymentMethodId) -> Query[PaymentMethod]:
    return one(_METHOD_FOR_UPDATE, (method_id,), _method, PaymentMethodUnknown)


def method_of(payment_id: PaymentId) -> Query[PaymentMethod]:
    """What a payment is made with, also after it was removed for new ones."""
    return one(_METHOD_OF, (payment_id,), _method, PaymentUnknown)


def methods(owner_id: OrganizationId, page: PageRequest) -> Query[list[PaymentMethod]]:
    after, after_id = page.after or (None, None)
    return many(_METHODS, (owner_id, after, after_id, page.limit + 1), _method)


def add_method(new: PaymentMethod) -> Write:
    return Write(
        "INSERT INTO payment_methods (id, tenant_id, owner_id, owner_path, processor, kind, label, token, created_at)"
        " SELECT %s, o.tenant_id, o.id, o.path, %s, %s, %s, %s, %s FROM organizations o WHERE o.id = %s",
        (new.id, new.processor, new.kind, new.label, new.token, new.created_at, new.owner_id),
    )


def remove_method(method_id: PaymentMethodId) -> Write:
    return Write(
        "UPDATE payment_methods SET status = 'removed', version = version + 1 WHERE id = %s", (method_id,)
    )


def payment(payment_id: PaymentId) -> Query[Payment]:
    return one(_PAYMENT, (payment_id,), _payment, PaymentUnknown)


def payment_for_update(payment_id: PaymentId) -> Query[Payment]:
    return one(_PAYMENT_FOR_UPDATE, (payment_id,), _payment, PaymentUnknown)


def spendable(order_id: OrderId, payee_id: OrganizationId, payer_id: OrganizationId) -> Query[list[Payment]]:
    """Payments for an order of which something is left to put on an invoice."""
    return many(_SPENDABLE, (order_id, payee_id, payer_id), _payment)


def find(wanted: PaymentFilter, page: PageRequest) -> Query[list[Payment]]:
    """Newest first."""
    after, after_id = page.after or (None, None)
    params = {
        "status": wanted.status and wanted.status.value,
        "order": wanted.order_id,
        "after": after,
        "after_id": after_id,
        "limit": page.limit + 1,
    }
    return many(_RECEIVED if wanted.side == "received" else _MADE, params, _payment)


def add(new: Payment) -> Write:
    return Write(
        "INSERT INTO payments (id, tenant_id, payer_id, payee_id, method_id, order_id, invoice_id, currency,"
        " amount_minor, captures_itself, created_at, status)"
        " VALUES (%s, scope_tenant(), %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            new.id, new.payer_id, new.payee_id, new.method_id, new.order_id, new.invoice_id, new.currency,
            new.amount_minor, new.captures_itself, new.created_at, new.status.value,
        ),
    )  # fmt: skip


def save(changed: Payment) -> Write:
    """What operations move; what is allocated moves by allocations alone."""
    return Write(
        "UPDATE payments SET status = %s, authorized_minor = %s, captured_minor = %s, refunded_minor = %s,"
        " refunding_minor = %s, reason = %s, version = %s WHERE id = %s",
        (
            changed.status.value, changed.authorized_minor, changed.captured_minor, changed.refunded_minor,
            changed.refunding_minor, changed.reason, changed.version, changed.id,
        ),
    )  # fmt: skip


def operations(payment_id: PaymentId) -> Query[list[Operation]]:
    """The history of a payment, oldest first."""
    return many(_OPERATIONS, (payment_id, MOST_OPERATIONS), _operation)


def add_operation(new: Operation) -> Write:
    return Write(
        "INSERT INTO payment_operations (id, tenant_id, payment_id, payer_id, payee_id, kind, amount_minor, state,"
        " principal, created_at) SELECT %s, p.tenant_id, p.id, p.payer_id, p.payee_id, %s, %s, %s, %s, %s"
        " FROM payments p WHERE p.id = %s",
        (new.id, new.kind, new.amount_minor, new.state.value, new.principal, new.created_at, new.payment_id),
        refusals(payment_operations_one_open=PaymentBusy),
    )


def save_operation(changed: Operation) -> Write:
    return Write(
        "UPDATE payment_operations SET state = %s, attempts = %s, queries = %s, sent_at = %s, next_at = %s,"
        " processor_reference = %s, reason = %s WHERE id = %s",
        (
            changed.state.value, changed.attempts, changed.queries, changed.sent_at, changed.next_at,
            changed.processor_reference, changed.reason, changed.id,
        ),
    )  # fmt: skip


def open_invoices(found: Payment) -> Query[list[InvoiceId]]:
    """The invoices that a payment is for and that are not paid, locked; those of its order if it names none."""
    params = {
        "payee": found.payee_id,
        "payer": found.payer_id,
        "currency": found.currency,
        "invoice": found.invoice_id,
        "order": found.order_id,
    }
    return many(_OPEN_INVOICES, params, scalar)


def overdue(now: datetime, late: timedelta, limit: int) -> Query[Sequence[tuple[TenantId, PaymentId]]]:
    return Query(
        "SELECT tenant_id, payment_id FROM overdue_payments(%s, %s, %s)",
        (now, late, limit),
        lambda rows: [(TenantId(row[0]), PaymentId(row[1])) for row in rows],
    )
