"""Builders of the catalogue: plans on sale, prices and price rules, laid down behind the app's back."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import psycopg

from chandlery.kernel.clock import FOREVER
from chandlery.kernel.ids import OrganizationId, PlanId, PriceRuleId, StockId, new_id
from tests.builders import Tenant

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class PlanSpec:
    """A plan to lay down: a monthly licence for a year at 8.00, suggested at 10.00, unless something else is said."""

    sku: str = "suite-basic"
    vendor: str = "acme"
    product: str = "suite"
    term: str = "P1Y"
    billing: str = "monthly"
    charge: str = "recurring"
    unit: str = "user"
    currency: str = "USD"
    cost: str = "8.00"
    retail: str = "10.00"
    periods: int = 1
    market: str = ""
    provider: str = "sandbox"
    min_quantity: int = 1
    max_quantity: int | None = None
    fulfilled_by: str = "provider"
    characteristics: tuple[dict[str, Any], ...] = field(default=())

    @property
    def code(self) -> str:
        return f"{self.sku}:{self.term}:{self.billing}"


def a_plan(owner: psycopg.Connection[Any], tenant: Tenant, spec: PlanSpec = PlanSpec()) -> PlanId:
    """A plan on sale with one list price; vendor, product and SKU are made when they are not there yet."""
    vendor = _id_of(
        owner,
        "INSERT INTO vendors (id, tenant_id, code, name, provider, created_at) VALUES (%s, %s, %s, %s, %s, now())"
        " ON CONFLICT (tenant_id, code) DO UPDATE SET provider = excluded.provider RETURNING id",
        (new_id(), tenant.id, spec.vendor, spec.vendor.title(), spec.provider),
    )
    product = _id_of(
        owner,
        "INSERT INTO products (id, tenant_id, vendor_id, code, name, created_at) VALUES (%s, %s, %s, %s, %s, now())"
        " ON CONFLICT (tenant_id, vendor_id, code) DO UPDATE SET name = excluded.name RETURNING id",
        (new_id(), tenant.id, vendor, spec.product, spec.product.title()),
    )
    sku = _id_of(
        owner,
        "INSERT INTO skus (id, tenant_id, product_id, code, name, created_at) VALUES (%s, %s, %s, %s, %s, now())"
        " ON CONFLICT (tenant_id, code) DO UPDATE SET name = excluded.name RETURNING id",
        (new_id(), tenant.id, product, spec.sku, spec.sku.title()),
    )
    plan = _id_of(
        owner,
        "INSERT INTO plans (id, tenant_id, sku_id, code, name, unit, term, billing_cycle, charge, min_quantity,"
        " max_quantity, fulfilled_by, created_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, now())"
        " ON CONFLICT (tenant_id, code) DO UPDATE SET name = excluded.name RETURNING id",
        (
            new_id(), tenant.id, sku, spec.code, spec.sku.title(), spec.unit, spec.term, spec.billing, spec.charge,
            spec.min_quantity, spec.max_quantity, spec.fulfilled_by,
        ),
    )  # fmt: skip
    for position, one in enumerate(spec.characteristics):
        owner.execute(
            "INSERT INTO characteristics (id, tenant_id, product_id, plan_id, name, label, kind, required, allowed,"
            " position) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (
                new_id(), tenant.id, product, plan, one["name"], one.get("label", one["name"]),
                one.get("kind", "text"), one.get("required", True), list(one.get("allowed", ())), position,
            ),
        )  # fmt: skip
    a_price(owner, tenant, PlanId(plan), spec)
    return PlanId(plan)


def a_price(
    owner: psycopg.Connection[Any],
    tenant: Tenant,
    plan_id: PlanId,
    spec: PlanSpec = PlanSpec(),
    tier: int = 1,
    since: datetime = LONG_AGO,
    until: datetime = FOREVER,
) -> None:
    """One more list price of a plan; of `spec` only market, currency, cost, retail and periods count."""
    owner.execute(
        "INSERT INTO list_prices (id, tenant_id, plan_id, market, currency, min_quantity, cost, retail, periods,"
        " effective_from, effective_until) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            new_id(), tenant.id, plan_id, spec.market, spec.currency, tier, Decimal(spec.cost), Decimal(spec.retail),
            spec.periods, since, until,
        ),
    )  # fmt: skip


def a_rule(
    owner: psycopg.Connection[Any],
    tenant: Tenant,
    issuer_id: OrganizationId,
    percent: str = "10",
    recipient_id: OrganizationId | None = None,
) -> PriceRuleId:
    """A mark-up in percent on everything that an organisation sells, to all below it or to one."""
    rule_id = PriceRuleId(new_id())
    owner.execute(
        "INSERT INTO price_rules (id, tenant_id, issuer_id, recipient_id, target_kind, kind, value, effective_from,"
        " created_at) VALUES (%s, %s, %s, %s, 'all', 'percent', %s, %s, now())",
        (rule_id, tenant.id, issuer_id, recipient_id, Decimal(percent), LONG_AGO),
    )
    return rule_id


def a_shipped_plan(owner: psycopg.Connection[Any], tenant: Tenant, sku: str = "scanner") -> PlanId:
    """Something that is bought once and completed by shipping its pieces, at 100.00 a piece."""
    return a_plan(
        owner,
        tenant,
        PlanSpec(
            sku=sku, vendor="freight", product="hardware", term="", billing="one_time", charge="one_time",
            unit="piece", cost="100.00", retail="120.00", fulfilled_by="shipment",
        ),
    )  # fmt: skip


def a_stock(
    owner: psycopg.Connection[Any],
    tenant: Tenant,
    sku: str,
    quantity: int,
    location: str = "main",
    oversell: bool = False,
) -> StockId:
    """So many pieces of a SKU at one location."""
    stock_id = StockId(new_id())
    owner.execute(
        "INSERT INTO stock (id, tenant_id, sku_id, location, quantity, oversell, created_at, updated_at)"
        " SELECT %s, tenant_id, id, %s, %s, %s, now(), now() FROM skus WHERE tenant_id = %s AND code = %s",
        (stock_id, location, quantity, oversell, tenant.id, sku),
    )
    return stock_id


def a_catalog(owner: psycopg.Connection[Any], tenant: Tenant) -> dict[str, PlanId]:
    """A small catalogue of two vendors; plan ids by SKU (`suite-pro` has two plans, `suite-pro:P1Y:annual` too)."""
    monthly = PlanSpec(sku="suite-pro", cost="16.00", retail="20.00")
    annual = PlanSpec(sku="suite-pro", billing="annual", cost="180.00", retail="225.00")
    dock = PlanSpec(
        sku="dock", vendor="freight", product="hardware", term="", billing="one_time", charge="one_time",
        unit="piece", cost="112.00", retail="149.00",
    )  # fmt: skip
    storage = PlanSpec(
        sku="storage-gb", product="storage", term="P1M", billing="usage", charge="metered", unit="gb",
        cost="0.018", retail="0.0295",
    )  # fmt: skip
    specs = {
        "suite-basic": PlanSpec(),
        "suite-pro": monthly,
        annual.code: annual,
        "dock": dock,
        "storage-gb": storage,
    }
    return {name: a_plan(owner, tenant, spec) for name, spec in specs.items()}


def _id_of(owner: psycopg.Connection[Any], sql: str, params: tuple[Any, ...]) -> Any:
    row = owner.execute(sql, params).fetchone()
    assert row is not None
    return row[0]
