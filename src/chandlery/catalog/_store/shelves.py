"""Stock in the database. Reading is everybody's, counting the operator's, taking goes through two functions."""

from __future__ import annotations

from collections.abc import Mapping

from psycopg.types.json import Jsonb

from chandlery.catalog._store.browsing import bounds
from chandlery.catalog.errors import StockLocationTaken, StockUnknown
from chandlery.catalog.stock import Stock
from chandlery.engine.statements import Query, Row, Write, many, maybe, one, refusals, scalar
from chandlery.kernel.ids import LineId, OrderId, PlanId, SkuId, StockId
from chandlery.kernel.page import PageRequest

_SKU = "SELECT id FROM skus WHERE tenant_id = scope_tenant() AND code = %s::text"
_ONE = """
    SELECT k.id, k.sku_id, s.code, k.location, k.quantity, k.oversell, k.notify_at, k.created_at, k.updated_at,
           k.version
    FROM stock k JOIN skus s ON s.id = k.sku_id WHERE k.tenant_id = scope_tenant() AND k.id = %s"""
_LOCKED = """
    SELECT k.id, k.sku_id, s.code, k.location, k.quantity, k.oversell, k.notify_at, k.created_at, k.updated_at,
           k.version
    FROM stock k JOIN skus s ON s.id = k.sku_id WHERE k.tenant_id = scope_tenant() AND k.id = %s
    FOR NO KEY UPDATE OF k"""
_FIND = """
    SELECT k.id, k.sku_id, s.code, k.location, k.quantity, k.oversell, k.notify_at, k.created_at, k.updated_at,
           k.version
    FROM stock k JOIN skus s ON s.id = k.sku_id
    WHERE k.tenant_id = scope_tenant() AND (k.created_at, k.id) > (%(at)s::timestamptz, %(id)s::uuid)
      AND (%(sku)s::text IS NULL OR s.code = %(sku)s::text)
      AND (%(location)s::text IS NULL OR k.location = %(location)s::text)
    ORDER BY k.created_at, k.id LIMIT %(most)s"""
_INSERT = """
    INSERT INTO stock (id, tenant_id, sku_id, location, quantity, oversell, notify_at, created_at, updated_at)
    VALUES (%s, scope_tenant(), %s, %s, %s, %s, %s, %s, %s)"""
_UPDATE = """
    UPDATE stock SET quantity = %s, oversell = %s, notify_at = %s::bigint, updated_at = %s, version = %s
    WHERE tenant_id = scope_tenant() AND id = %s"""
_DELETE = "DELETE FROM stock WHERE tenant_id = scope_tenant() AND id = %s"
_TAKE = """
    SELECT take_stock(%s, jsonb_agg(jsonb_build_object('line_id', w.line_id, 'sku_id', p.sku_id,
        'quantity', w.quantity) ORDER BY w.line_id))
    FROM unnest(%s::uuid[], %s::uuid[], %s::bigint[]) AS w(line_id, plan_id, quantity)
    JOIN plans p ON p.id = w.plan_id"""
_GIVE_BACK = "SELECT give_back_stock(%s, %s)"


def sku_by_code(code: str) -> Query[SkuId | None]:
    return maybe(_SKU, (code if code.isprintable() else "",), scalar)


def by_id(stock_id: StockId, lock: bool = False) -> Query[Stock]:
    return one(_LOCKED if lock else _ONE, (stock_id,), _stock, StockUnknown)


def find(sku: str | None, location: str | None, page: PageRequest) -> Query[list[Stock]]:
    return many(_FIND, {**bounds(page), "sku": sku, "location": location}, _stock)


def insert(added: Stock) -> Write:
    return Write(
        _INSERT,
        (
            added.id, added.sku_id, added.location, added.quantity, added.oversell, added.notify_at, added.created_at,
            added.updated_at,
        ),
        refusals(stock_location_key=StockLocationTaken),
    )  # fmt: skip


def update(changed: Stock) -> Write:
    return Write(
        _UPDATE,
        (
            changed.quantity, changed.oversell, changed.notify_at, changed.updated_at, changed.version, changed.id,
        ),
    )  # fmt: skip


def delete(stock_id: StockId) -> Write:
    return Write(_DELETE, (stock_id,))


def take(order_id: OrderId, plan_by_line: Mapping[LineId, tuple[PlanId, int]]) -> Write:
    plans = [plan_id for plan_id, _ in plan_by_line.values()]
    return Write(_TAKE, (order_id, list(plan_by_line), plans, [count for _, count in plan_by_line.values()]))


def give_back(order_id: OrderId, pieces: Mapping[LineId, int | None]) -> Write:
    lines = [{"line_id": line_id, "quantity": count} for line_id, count in pieces.items()]
    return Write(_GIVE_BACK, (order_id, Jsonb(lines)))


def _stock(row: Row) -> Stock:
    return Stock(*row)
