"""Looking around in the catalogue: vendors, products, plans, one's own price, and the operator's price list."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from chandlery.catalog import _store
from chandlery.catalog.editing import require_operator
from chandlery.catalog.errors import CurrencyNotPriced, MarketNotKnown, PlanNotSold, QuantityNotPriced
from chandlery.catalog.listing import PricedPlan, PriceEntry, Product, Vendor
from chandlery.catalog.offer import Offers, PlanRef, PriceStep
from chandlery.catalog.plan import Charge, Plan
from chandlery.engine.unit_of_work import Reader
from chandlery.identity import permissions
from chandlery.kernel.actor import Actor
from chandlery.kernel.ids import PlanId, ProductId, VendorId
from chandlery.kernel.page import Page, PageRequest, page_of


@dataclass(frozen=True, slots=True)
class FindVendors:
    page: PageRequest = field(default_factory=PageRequest)


@dataclass(frozen=True, slots=True)
class FindProducts:
    """`vendor` is a code; `q` the beginning of a name (in any letter case) or of a code."""

    vendor: str | None = None
    q: str | None = None
    page: PageRequest = field(default_factory=PageRequest)


@dataclass(frozen=True, slots=True)
class FindPlans:
    """`vendor` and `sku` are codes; `q` the beginning of a name (in any letter case) or of a code."""

    vendor: str | None = None
    product_id: ProductId | None = None
    sku: str | None = None
    q: str | None = None
    charge: Charge | None = None
    status: Literal["active", "retired"] | None = "active"
    page: PageRequest = field(default_factory=PageRequest)


@dataclass(frozen=True, slots=True)
class FindPrices:
    """The list prices of a plan or of all, in one currency or all; `at`: only those in force then."""

    plan_id: PlanId | None = None
    currency: str | None = None
    at: datetime | None = None
    page: PageRequest = field(default_factory=PageRequest)


@dataclass(frozen=True, slots=True)
class GetPlan:
    """`currency`: also what the asker pays for one unit (or the least that can be ordered) right now."""

    plan_id: PlanId
    currency: str | None = None


async def find_vendors(reader: Reader, actor: Actor, command: FindVendors) -> Page[Vendor]:
    actor.require(permissions.CATALOG_READ)
    vendors = await reader.fetch(_store.vendors(command.page))
    return page_of(vendors, command.page.limit, lambda one: (one.created_at, one.id))


async def get_vendor(reader: Reader, actor: Actor, vendor_id: VendorId) -> Vendor:
    actor.require(permissions.CATALOG_READ)
    return await reader.fetch(_store.vendor(vendor_id))


async def find_products(reader: Reader, actor: Actor, command: FindProducts) -> Page[Product]:
    actor.require(permissions.CATALOG_READ)
    products = await reader.fetch(_store.products(command.vendor, command.q, command.page))
    return page_of(products, command.page.limit, lambda one: (one.created_at, one.id))


async def get_product(reader: Reader, actor: Actor, product_id: ProductId) -> Product:
    actor.require(permissions.CATALOG_READ)
    return await reader.fetch(_store.product(product_id))


async def find_plans(reader: Reader, actor: Actor, command: FindPlans) -> Page[Plan]:
    actor.require(permissions.CATALOG_READ)
    wanted = _store.PlanFilter(
        command.vendor, command.product_id, command.sku, command.q, command.charge, command.status
    )
    found = await reader.fetch(_store.plans(wanted, command.page))
    return page_of(found, command.page.limit, lambda one: (one[0], one[1].id)).map(lambda one: one[1])


async def get_plan(reader: Reader, actor: Actor, command: GetPlan) -> PricedPlan:
    actor.require(permissions.CATALOG_READ)
    query = _store.plan(command.plan_id)
    if command.currency is None:
        return PricedPlan(await reader.fetch(query), None)
    ref = PlanRef(command.plan_id)
    plan, offered = await reader.fetch(
        query, _store.offers_query(actor.organization_id, [ref], command.currency, None)
    )
    return PricedPlan(plan, _own_price(offered, ref, plan.min_quantity))


async def find_prices(reader: Reader, actor: Actor, command: FindPrices) -> Page[PriceEntry]:
    actor.require(permissions.PRICES_READ)
    require_operator(actor)
    entries = await reader.fetch(_store.prices(command.plan_id, command.currency, command.at, command.page))
    return page_of(entries, command.page.limit, lambda one: (one.effective_from, one.id))


def _own_price(offered: Offers, ref: PlanRef, quantity: int) -> PriceStep | None:
    try:
        return offered.pick(ref).quote(quantity).charged
    except (PlanNotSold, CurrencyNotPriced, MarketNotKnown, QuantityNotPriced):
        return None
