"""Lists: of orders, of drafts whose time is over, and of what happened to one order.

Row-level security is the net; what makes a list quick is the owner column that it names. Someone in the middle of the
tree asks for the orders of every seller below: the newest few of each are merged, so that the cost follows the number
of sellers and never the number of orders.
"""

# ruff: noqa: S608 - columns and conditions are written here; every value is a parameter

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from chandlery.engine.statements import Query, Row, many, scalar
from chandlery.kernel.ids import OrderId, OrganizationId, TenantId
from chandlery.kernel.page import PageRequest
from chandlery.ordering._store.orders import ORDER, decode
from chandlery.ordering.errors import OrderUnknown
from chandlery.ordering.filters import OrderFilter
from chandlery.ordering.history import Entry
from chandlery.ordering.order import Order

# An order's channel is its seller's, so the seller's index serves.
_OF_CHANNEL = """(
    o.seller_id = (SELECT c.organization_id FROM channels c WHERE c.id = %(channel_id)s)
    AND (o.channel_id = %(channel_id)s
        OR (o.channel_id IS NULL AND (SELECT c.is_default FROM channels c WHERE c.id = %(channel_id)s))))"""


def orders_query(wanted: OrderFilter, page: PageRequest, whole_tenant: bool) -> Query[list[Order]]:
    """Newest first, one more than asked for; `whole_tenant` when the reader stands at the root of the tree."""
    conditions, params = _conditions(wanted, page)

    def newest(of_whom: str) -> str:
        holds = " AND ".join([of_whom, *conditions])  # sql: fixed texts, all values are parameters
        return f"""SELECT o.* FROM orders o WHERE {holds}
            ORDER BY o.created_at DESC, o.id DESC LIMIT %(limit)s"""  # sql: the same

    if whole_tenant or wanted.names_an_index:
        found = newest("o.tenant_id = (SELECT scope_tenant())")
    else:
        found = f"""SELECT u.* FROM (
            (SELECT s.* FROM organizations seller CROSS JOIN LATERAL (
                {newest("o.tenant_id = (SELECT scope_tenant()) AND o.seller_id = seller.id")}
            ) s WHERE seller.kind IN ('operator', 'reseller'))
            UNION ALL ({newest("o.tenant_id = (SELECT scope_tenant()) AND o.owner_id = (SELECT scope_org())")})
        ) u ORDER BY u.created_at DESC, u.id DESC LIMIT %(limit)s"""  # sql: the same
    return many(
        f"SELECT {ORDER} FROM ({found}) o ORDER BY o.created_at DESC, o.id DESC",  # sql: the same
        {**params, "limit": page.limit + 1},
        decode,
    )


def _conditions(wanted: OrderFilter, page: PageRequest) -> tuple[list[str], dict[str, Any]]:
    after_at, after_id = page.after or (None, None)
    possible: Sequence[tuple[str, str, Any]] = (
        ("o.number = %(number)s::text", "number", wanted.number),
        ("o.po_number = %(po_number)s::text", "po_number", wanted.po_number),
        ("o.owner_id = %(customer_id)s", "customer_id", wanted.customer_id),
        ("o.seller_id = %(seller_id)s", "seller_id", wanted.seller_id),
        ("o.placed_by = %(placed_by)s", "placed_by", wanted.placed_by),
        (_OF_CHANNEL, "channel_id", wanted.channel_id),
        ("o.status = ANY (%(status)s::text[])", "status", [status.value for status in wanted.status] or None),
        ("o.created_at >= %(created_from)s", "created_from", wanted.created_from),
        ("o.created_at < %(created_until)s", "created_until", wanted.created_until),
        ("(o.created_at, o.id) < (%(after_at)s, %(after_id)s)", "after_at", after_at),
    )
    given = [(sql, name, value) for sql, name, value in possible if value is not None]
    params = {name: value for _, name, value in given}
    if after_id is not None:
        params["after_id"] = after_id
    return [sql for sql, _, _ in given], params


@dataclass(frozen=True, slots=True)
class ExpiredDraft:
    id: OrderId
    number: str
    customer_id: OrganizationId


def expired_drafts(limit: int) -> Query[list[ExpiredDraft]]:
    """Drafts whose time is over by the tenant's clock; one that somebody is changing right now comes next time."""
    return many(
        "SELECT id, number, owner_id FROM orders WHERE tenant_id = scope_tenant() AND expires_at <= unit_now()"
        " ORDER BY expires_at LIMIT %s FOR UPDATE SKIP LOCKED",
        (limit,),
        lambda row: ExpiredDraft(*row),
    )


def tenants_with_expired_drafts(now: datetime, limit: int) -> Query[list[TenantId]]:
    return many("SELECT * FROM tenants_with_expired_drafts(%s, %s)", (now, limit), scalar)


def history_query(order_id: OrderId, page: PageRequest) -> Query[list[Entry]]:
    """What happened to an order, oldest first. No order is without events, so an empty first page is no order."""
    after = page.after

    def read(rows: Sequence[Row]) -> list[Entry]:
        if not rows and after is None:
            raise OrderUnknown
        return [Entry(*row) for row in rows]

    return Query(
        "SELECT id, at, type, principal, organization_id, surface, data FROM events"
        " WHERE tenant_id = scope_tenant() AND subject = 'order' AND subject_id = %s AND id > %s ORDER BY id LIMIT %s",
        (order_id, after[1] if after else UUID(int=0), page.limit + 1),
        read,
    )
