"""Reading the catalogue: pages of vendors, products and plans, and the operator's list prices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from chandlery.catalog._store.quoting import plan_from
from chandlery.catalog.errors import PlanUnknown, ProductUnknown, VendorUnknown
from chandlery.catalog.listing import PriceEntry, Product, Sku, Vendor
from chandlery.catalog.plan import Plan
from chandlery.catalog.price import ListPrice
from chandlery.engine.statements import Query, Row, many, one
from chandlery.kernel.ids import PlanId, ProductId, SkuId, VendorId
from chandlery.kernel.page import PageRequest

_BEGINNING = (datetime(1, 1, 1, tzinfo=UTC), UUID(int=0))
_LAST_CHARACTER = "\U0010ffff"  # under collation C all that begins with q stands between q and q + this

_VENDORS = """
    SELECT id, code, name, provider, created_at FROM vendors
    WHERE tenant_id = scope_tenant() AND (created_at, id) > (%(at)s::timestamptz, %(id)s::uuid)
    ORDER BY created_at, id LIMIT %(most)s"""

_VENDOR = (
    "SELECT id, code, name, provider, created_at FROM vendors WHERE tenant_id = scope_tenant() AND id = %s"
)
_VENDOR_LOCKED = _VENDOR + " FOR NO KEY UPDATE"  # sql: constants alone

_PRODUCTS = """
    SELECT p.id, p.code, p.name, p.vendor_id, v.code, p.created_at, NULL
    FROM products p JOIN vendors v ON v.id = p.vendor_id
    WHERE p.tenant_id = scope_tenant() AND (p.created_at, p.id) > (%(at)s::timestamptz, %(id)s::uuid)
      AND (%(vendor)s::text IS NULL OR v.code = %(vendor)s::text)
      AND (%(code_from)s::text IS NULL
           OR (p.code >= %(code_from)s::text AND p.code < %(code_end)s::text)
           OR (p.name_key >= %(name_from)s::text AND p.name_key < %(name_end)s::text))
    ORDER BY p.created_at, p.id LIMIT %(most)s"""

_PRODUCT = """
    SELECT p.id, p.code, p.name, p.vendor_id, v.code, p.created_at, (
        SELECT jsonb_agg(jsonb_build_array(s.id, s.code, s.name, s.description) ORDER BY s.code)
        FROM (SELECT * FROM skus x WHERE x.tenant_id = p.tenant_id AND x.product_id = p.id ORDER BY x.code LIMIT 100) s)
    FROM products p JOIN vendors v ON v.id = p.vendor_id WHERE p.tenant_id = scope_tenant() AND p.id = %s"""

_PLANS = """
    SELECT to_jsonb(d), d.created_at FROM plan_details d
    WHERE d.tenant_id = scope_tenant() AND (d.created_at, d.id) > (%(at)s::timestamptz, %(id)s::uuid)
      AND (%(vendor)s::text IS NULL OR d.vendor_code = %(vendor)s::text)
      AND (%(product)s::uuid IS NULL OR d.product_id = %(product)s::uuid)
      AND (%(sku)s::text IS NULL OR d.sku_code = %(sku)s::text)
      AND (%(charge)s::text IS NULL OR d.charge = %(charge)s::text)
      AND (%(status)s::text IS NULL OR d.status = %(status)s::text)
      AND (%(code_from)s::text IS NULL
           OR (d.code >= %(code_from)s::text AND d.code < %(code_end)s::text)
           OR (d.name_key >= %(name_from)s::text AND d.name_key < %(name_end)s::text))
    ORDER BY d.created_at, d.id LIMIT %(most)s"""

_PLAN = "SELECT to_jsonb(d) FROM plan_details d WHERE d.tenant_id = scope_tenant() AND d.id = %s"

_PRICES = """
    SELECT id, plan_id, market, currency, min_quantity, max_quantity, cost, retail, periods, effective_from,
           effective_until
    FROM list_prices
    WHERE tenant_id = scope_tenant() AND (effective_from, id) > (%(at)s::timestamptz, %(id)s::uuid)
      AND (%(plan)s::uuid IS NULL OR plan_id = %(plan)s::uuid)
      AND (%(currency)s::text IS NULL OR currency = %(currency)s::text)
      AND (%(when)s::timestamptz IS NULL
           OR (effective_from <= %(when)s::timestamptz AND effective_until > %(when)s::timestamptz))
    ORDER BY effective_from, id LIMIT %(most)s"""


@dataclass(frozen=True, slots=True)
class PlanFilter:
    """Which plans; None is any. `q` is the beginning of a code or a name."""

    vendor: str | None
    product_id: ProductId | None
    sku: str | None
    q: str | None
    charge: str | None
    status: str | None


def vendors(page: PageRequest) -> Query[list[Vendor]]:
    return many(_VENDORS, bounds(page), _vendor)


def vendor(vendor_id: VendorId) -> Query[Vendor]:
    return one(_VENDOR, (vendor_id,), _vendor, VendorUnknown)


def vendor_for_update(vendor_id: VendorId) -> Query[Vendor]:
    return one(_VENDOR_LOCKED, (vendor_id,), _vendor, VendorUnknown)


def products(vendor: str | None, q: str | None, page: PageRequest) -> Query[list[Product]]:
    return many(_PRODUCTS, {**bounds(page), **_beginning_with(q), "vendor": vendor}, _product)


def product(product_id: ProductId) -> Query[Product]:
    return one(_PRODUCT, (product_id,), _product, ProductUnknown)


def plans(wanted: PlanFilter, page: PageRequest) -> Query[list[tuple[datetime, Plan]]]:
    """Each plan with when it was made, which is what pages are cut by."""
    params = {
        "vendor": wanted.vendor,
        "product": wanted.product_id,
        "sku": wanted.sku,
        "charge": wanted.charge,
        "status": wanted.status,
    }
    return many(
        _PLANS,
        {**bounds(page), **_beginning_with(wanted.q), **params},
        lambda row: (row[1], plan_from(row[0])),
    )


def plan(plan_id: PlanId) -> Query[Plan]:
    return one(_PLAN, (plan_id,), lambda row: plan_from(row[0]), PlanUnknown)


def prices(
    plan_id: PlanId | None, currency: str | None, when: datetime | None, page: PageRequest
) -> Query[list[PriceEntry]]:
    params = {"plan": plan_id, "currency": currency, "when": when}
    return many(_PRICES, {**bounds(page), **params}, _price_entry)


def bounds(page: PageRequest) -> Mapping[str, Any]:
    """One row more than the page holds, so that the reader knows whether there is a next one."""
    at, after = page.after or _BEGINNING
    return {"at": at, "id": after, "most": page.limit + 1}


def _beginning_with(q: str | None) -> Mapping[str, str | None]:
    if q is None:
        return dict.fromkeys(("code_from", "code_end", "name_from", "name_end"))
    name = q.lower()
    return {
        "code_from": q,
        "code_end": q + _LAST_CHARACTER,
        "name_from": name,
        "name_end": name + _LAST_CHARACTER,
    }


def _product(row: Row) -> Product:
    product_id, code, name, vendor_id, vendor_code, created_at, found = row
    skus = tuple(Sku(SkuId(UUID(one[0])), *one[1:]) for one in found or ())
    return Product(ProductId(product_id), code, name, VendorId(vendor_id), vendor_code, created_at, skus)


def _price_entry(row: Row) -> PriceEntry:
    entry_id, plan_id, market, currency, least, most, cost, retail, periods, start, end = row
    listed = ListPrice(PlanId(plan_id), market, least, most, cost, retail, periods)
    return PriceEntry(entry_id, currency, listed, start, end)


def _vendor(row: Row) -> Vendor:
    return Vendor(VendorId(row[0]), *row[1:])
