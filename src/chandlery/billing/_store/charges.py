"""Charges on orders, and the terms of orders, in the database: each is seen by its two parties alone."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from psycopg.types.json import Jsonb

from chandlery.billing.charge import MAX_CHARGES, Charge
from chandlery.billing.errors import ChargeUnknown
from chandlery.billing.terms import Dealing, Terms
from chandlery.engine.statements import Query, Row, Write, many, one
from chandlery.kernel.ids import ChargeId, OrderId, OrganizationId, PlanId

_read_terms = msgspec.json.Decoder(Terms).decode

_FIND = """
SELECT id, kind, label, percent, amount_minor, line_id, product_class FROM order_charges
WHERE tenant_id = scope_tenant() AND order_id = %s ORDER BY issuer_id <> scope_org(), created_at, id LIMIT %s
"""
_OWN = """
SELECT id, kind, label, percent, amount_minor, line_id, product_class FROM order_charges
WHERE tenant_id = scope_tenant() AND order_id = %s AND issuer_id = scope_org() AND id = %s
"""
_ADD = """
INSERT INTO order_charges (id, tenant_id, order_id, line_id, issuer_id, recipient_id, kind, label, percent,
    amount_minor, product_class, created_at)
VALUES (%s, scope_tenant(), %s, %s, %s, %s, %s, %s, %s, %s, %s, unit_now())
"""


def _decode(row: Row) -> Charge:
    return Charge(*row)


def charges_of(order_id: OrderId) -> Query[list[Charge]]:
    """Those that the actor put on an order or is to pay, its own first."""
    return many(_FIND, (order_id, 2 * MAX_CHARGES), _decode)


def own_charge(order_id: OrderId, charge_id: ChargeId) -> Query[Charge]:
    return one(_OWN, (order_id, charge_id), _decode, ChargeUnknown)


def add(order_id: OrderId, issuer_id: OrganizationId, recipient_id: OrganizationId, new: Charge) -> Write:
    return Write(
        _ADD,
        (
            new.id, order_id, new.line_id, issuer_id, recipient_id, new.kind, new.label, new.percent,
            new.amount_minor, new.product_class,
        ),
    )  # fmt: skip


def remove(charge_id: ChargeId) -> Write:
    return Write(
        "DELETE FROM order_charges WHERE tenant_id = scope_tenant() AND issuer_id = scope_org() AND id = %s",
        (charge_id,),
    )


def terms_of(dealings: Sequence[Dealing]) -> Query[dict[OrderId, Terms]]:
    """The terms by order; an order that was placed without any is not among them."""
    return Query(
        "SELECT order_id, terms FROM terms_of(%s)",
        (Jsonb(list(dealings)),),
        lambda rows: {OrderId(row[0]): _read_terms(row[1]) for row in rows if row[1] is not None},
    )


def keep_terms(order_id: OrderId, customer_id: OrganizationId, plan_ids: Sequence[PlanId]) -> Write:
    return Write("SELECT keep_terms(%s, %s, %s::uuid[])", (order_id, customer_id, list(plan_ids)))
