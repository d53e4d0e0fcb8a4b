"""Limits and what is used of them. A limit is seen by its two parties; what an order takes is written by functions."""

# ruff: noqa: S608 - columns and conditions are written here; every value is a parameter

from __future__ import annotations

from typing import Literal

from chandlery.billing.errors import CreditLimitTaken, CreditLimitUnknown
from chandlery.billing.limit import Claim, CreditLimit
from chandlery.engine.statements import Query, Row, Write, many, one, refusals, scalar
from chandlery.kernel.ids import CreditLimitId, OrderId, OrganizationId
from chandlery.kernel.page import PageRequest

_COLUMNS = """l.id, l.issuer_id, l.recipient_id, l.currency, l.period, l.amount_minor, l.beyond, l.created_at,
    l.version, credit_used(l.id, l.period)"""
_ONE = f"SELECT {_COLUMNS} FROM credit_limits l WHERE l.id = %s"  # sql: constants alone
_FOR_UPDATE = f"{_ONE} AND l.issuer_id = scope_org() FOR NO KEY UPDATE"  # sql: constants alone
_AFTER = """AND (%(at)s::timestamptz IS NULL OR (l.created_at, l.id) > (%(at)s::timestamptz, %(id)s::uuid))
    ORDER BY l.created_at, l.id LIMIT %(limit)s"""
_ISSUED = f"""SELECT {_COLUMNS} FROM credit_limits l
    WHERE l.tenant_id = scope_tenant() AND l.issuer_id = scope_org() {_AFTER}"""  # sql: constants alone
_RECEIVED = f"""SELECT {_COLUMNS} FROM credit_limits l
    WHERE l.tenant_id = scope_tenant() AND l.recipient_id = scope_org() {_AFTER}"""  # sql: constants alone
_RECIPIENT = """SELECT EXISTS (SELECT FROM organizations o WHERE o.id = %s AND o.tenant_id = scope_tenant()
    AND o.kind <> 'supplier' AND (o.parent_id = scope_org() OR o.id = scope_org()))"""


def _decode(row: Row) -> CreditLimit:
    return CreditLimit(*row)


def limit_query(limit_id: CreditLimitId) -> Query[CreditLimit]:
    return one(_ONE, (limit_id,), _decode, CreditLimitUnknown)


def limit_for_change(limit_id: CreditLimitId) -> Query[CreditLimit]:
    """Its issuer's alone. Whoever is placing an order under it is waited for."""
    return one(_FOR_UPDATE, (limit_id,), _decode, CreditLimitUnknown)


def limits(side: Literal["issued", "received"], page: PageRequest) -> Query[list[CreditLimit]]:
    at, after = page.after or (None, None)
    params = {"at": at, "id": after, "limit": page.limit + 1}
    return many(_ISSUED if side == "issued" else _RECEIVED, params, _decode)


def is_recipient(organization_id: OrganizationId) -> Query[bool]:
    """Whether it is the actor's own organisation or one directly below."""
    return one(_RECIPIENT, (organization_id,), scalar, CreditLimitUnknown)


def add_limit(limit: CreditLimit) -> Write:
    return Write(
        "INSERT INTO credit_limits (id, tenant_id, issuer_id, recipient_id, recipient_path, currency, period,"
        " amount_minor, beyond, created_at) SELECT %s, scope_tenant(), %s, o.id, o.path, %s::text, %s::text, %s,"
        " %s::text, %s FROM organizations o WHERE o.id = %s",
        (
            limit.id, limit.issuer_id, limit.currency, limit.period, limit.amount_minor, limit.beyond,
            limit.created_at, limit.recipient_id,
        ),
        refusals(credit_limits_one_each=CreditLimitTaken),
    )  # fmt: skip


def save_limit(limit: CreditLimit) -> Write:
    return Write(
        "UPDATE credit_limits SET amount_minor = %s, beyond = %s::text, version = %s WHERE id = %s",
        (limit.amount_minor, limit.beyond, limit.version, limit.id),
    )


def remove_limit(limit_id: CreditLimitId) -> Write:
    return Write("DELETE FROM credit_limits WHERE id = %s", (limit_id,))


def claims_of(order_id: OrderId) -> Query[list[Claim]]:
    return many("SELECT * FROM credit_claims(%s)", (order_id,), lambda row: Claim(*row))


def take(order_id: OrderId, settled: bool) -> Write:
    return Write("SELECT take_credit(%s, %s)", (order_id, settled))


def give_back(order_id: OrderId) -> Write:
    return Write("SELECT give_credit_back(%s)", (order_id,))


def settle(limit_id: CreditLimitId, order_id: OrderId) -> Query[bool]:
    return one("SELECT settle_credit(%s, %s)", (limit_id, order_id), scalar, CreditLimitUnknown)
