"""Lists of what belongs to customers: everything of a tenant, of every seller below, of oneself, or what one supplies.

As with orders, it is the owner column named here that makes a list quick: the newest few of each seller are merged.
"""

# ruff: noqa: S608 - columns and conditions are written here; every value is a parameter

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from chandlery.kernel.ids import OrderId, OrganizationId
from chandlery.kernel.page import PageRequest


@dataclass(frozen=True, slots=True)
class Reach:
    """What the reader sees, and what it wants of that."""

    whole_tenant: bool
    customer_id: OrganizationId | None = None
    order_id: OrderId | None = None
    status: tuple[str, ...] = ()


def newest(
    table: Literal["shipments", "returns"], reach: Reach, page: PageRequest
) -> tuple[str, dict[str, Any]]:
    """The rows of one page, newest first, and one more: as a sub-select, with its parameters."""
    conditions, params = _conditions(table, reach, page)

    def of(whose: str) -> str:
        holds = " AND ".join([whose, *conditions])  # sql: fixed texts, all values are parameters
        return f"""SELECT t.* FROM {table} t WHERE {holds}
            ORDER BY t.created_at DESC, t.id DESC LIMIT %(limit)s"""  # sql: the same

    params["limit"] = page.limit + 1
    if reach.whole_tenant or reach.customer_id is not None or reach.order_id is not None:
        return of("t.tenant_id = (SELECT scope_tenant())"), params
    parts = [
        f"""(SELECT b.* FROM organizations seller CROSS JOIN LATERAL (
            {of("t.tenant_id = (SELECT scope_tenant()) AND t.seller_id = seller.id")}
        ) b WHERE seller.kind IN ('operator', 'reseller'))""",  # sql: the same
        f"({of('t.tenant_id = (SELECT scope_tenant()) AND t.owner_id = (SELECT scope_org())')})",  # sql: the same
    ]
    if table == "shipments":
        supplied = "t.tenant_id = (SELECT scope_tenant()) AND t.supplier_id = (SELECT scope_org())"
        out_of_sight = (
            "NOT (t.owner_path >= (SELECT scope_path()) AND t.owner_path < (SELECT scope_path_end()))"
        )
        parts.append(f"({of(f'{supplied} AND {out_of_sight}')})")  # sql: the same
    union = " UNION ALL ".join(parts)  # sql: the same
    return (
        f"SELECT u.* FROM ({union}) u ORDER BY u.created_at DESC, u.id DESC LIMIT %(limit)s",  # sql: the same
        params,
    )


def _conditions(table: str, reach: Reach, page: PageRequest) -> tuple[list[str], dict[str, Any]]:
    conditions: list[str] = []
    params: dict[str, Any] = {}
    if reach.customer_id is not None:
        conditions.append("t.owner_id = %(customer_id)s")
        params["customer_id"] = reach.customer_id
    if reach.order_id is not None:
        conditions.append(
            "t.order_id = %(order_id)s"
            if table == "returns"
            else "t.id IN (SELECT i.shipment_id FROM shipment_items i WHERE i.order_id = %(order_id)s)"
        )
        params["order_id"] = reach.order_id
    if reach.status:
        conditions.append("t.status = ANY (%(status)s::text[])")
        params["status"] = list(reach.status)
    if page.after is not None:
        conditions.append("(t.created_at, t.id) < (%(after_at)s, %(after_id)s)")
        params["after_at"], params["after_id"] = page.after
    return conditions, params
