"""Assets in the database."""

# ruff: noqa: S608 - columns and conditions are written here; every value is a parameter

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from chandlery.engine.statements import Query, Row, Write, many, one
from chandlery.kernel.ids import AssetId, LineId, OrderId, OrganizationId
from chandlery.kernel.page import PageRequest
from chandlery.subscriptions.asset import Asset, AssetStatus
from chandlery.subscriptions.errors import AssetUnknown

_COLUMNS = """a.id, a.owner_id, a.order_id, a.line_id, a.plan_id, a.plan_code, a.name, a.quantity, a.created_at,
    a.returned_quantity, a.serial_numbers, a.vendor_reference, a.status, a.ended_at, a.version"""
_NEWEST = "ORDER BY t.created_at DESC, t.id DESC LIMIT %(limit)s"


@dataclass(frozen=True, slots=True)
class AssetFilter:
    """None is any; `whole_tenant` when the reader stands at the root of the tree."""

    customer_id: OrganizationId | None
    order_id: OrderId | None
    status: AssetStatus | None
    whole_tenant: bool


def insert(new: Asset) -> Write:
    """A line that has its asset already keeps it as it is."""
    return Write(
        """INSERT INTO assets (id, tenant_id, owner_id, owner_path, seller_id, order_id, line_id, plan_id, plan_code,
               name, quantity, serial_numbers, vendor_reference, status, created_at)
           SELECT %s, o.tenant_id, o.id, o.path, o.parent_id, %s, %s, %s, %s, %s, %s, %s::text[], %s, %s, %s
           FROM organizations o WHERE o.id = %s
           ON CONFLICT ON CONSTRAINT assets_line DO NOTHING""",
        (
            new.id, new.order_id, new.line_id, new.plan_id, new.plan_code, new.name, new.quantity,
            list(new.serial_numbers), new.vendor_reference, new.status.value, new.created_at, new.customer_id,
        ),
    )  # fmt: skip


def save(changed: Asset) -> Write:
    return Write(
        """UPDATE assets SET returned_quantity = %s, serial_numbers = %s::text[], status = %s,
               ended_at = %s::timestamptz, version = %s WHERE id = %s""",
        (
            changed.returned_quantity, list(changed.serial_numbers), changed.status.value, changed.ended_at,
            changed.version, changed.id,
        ),
    )  # fmt: skip


def by_id(asset_id: AssetId, lock: bool = False) -> Query[Asset]:
    suffix = " FOR NO KEY UPDATE" if lock else ""
    sql = f"SELECT {_COLUMNS} FROM assets a WHERE a.id = %s{suffix}"  # sql: constants alone
    return one(sql, (asset_id,), _asset, AssetUnknown)


def by_lines(line_ids: Sequence[LineId]) -> Query[dict[LineId, Asset]]:
    """Locked, in the order of their ids."""

    def read(rows: Sequence[Row]) -> dict[LineId, Asset]:
        return {asset.line_id: asset for asset in map(_asset, rows)}

    return Query(
        f"SELECT {_COLUMNS} FROM assets a WHERE a.line_id = ANY (%s::uuid[])"
        " ORDER BY a.id FOR NO KEY UPDATE",  # sql: constants alone
        (list(line_ids),),
        read,
    )


def find(wanted: AssetFilter, page: PageRequest) -> Query[list[Asset]]:
    """Newest first. The owner column named here makes it quick: the newest few of each seller below are merged."""
    conditions, params = _conditions(wanted, page)

    def newest(of_whom: str) -> str:
        holds = " AND ".join([of_whom, *conditions])  # sql: fixed texts, all values are parameters
        return f"SELECT t.* FROM assets t WHERE {holds} {_NEWEST}"  # sql: the same

    if wanted.whole_tenant or wanted.customer_id is not None:
        found = newest("t.tenant_id = (SELECT scope_tenant())")
    else:
        found = f"""SELECT t.* FROM (
            (SELECT b.* FROM organizations seller CROSS JOIN LATERAL (
                {newest("t.tenant_id = (SELECT scope_tenant()) AND t.seller_id = seller.id")}
            ) b WHERE seller.kind IN ('operator', 'reseller'))
            UNION ALL ({newest("t.tenant_id = (SELECT scope_tenant()) AND t.owner_id = (SELECT scope_org())")})
        ) t {_NEWEST}"""  # sql: the same
    return many(
        f"SELECT {_COLUMNS} FROM ({found}) a ORDER BY a.created_at DESC, a.id DESC",  # sql: the same
        {**params, "limit": page.limit + 1},
        _asset,
    )


def _conditions(wanted: AssetFilter, page: PageRequest) -> tuple[list[str], dict[str, Any]]:
    possible: Sequence[tuple[str, str, Any]] = (
        ("t.owner_id = %(customer_id)s", "customer_id", wanted.customer_id),
        ("t.order_id = %(order_id)s", "order_id", wanted.order_id),
        ("t.status = %(status)s::text", "status", wanted.status and wanted.status.value),
    )
    given = [(sql, name, value) for sql, name, value in possible if value is not None]
    conditions = [sql for sql, _, _ in given]
    params = {name: value for _, name, value in given}
    if page.after is not None:
        conditions.append("(t.created_at, t.id) < (%(after_at)s, %(after_id)s)")
        params["after_at"], params["after_id"] = page.after
    return conditions, params


def _asset(row: Row) -> Asset:
    values = list(row)
    values[10], values[12] = tuple(row[10]), AssetStatus(row[12])
    return Asset(*values)
