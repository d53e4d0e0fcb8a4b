"""What stands above a plan, and the operator's list prices, as they are browsed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from chandlery.catalog.offer import PriceStep
from chandlery.catalog.plan import Plan
from chandlery.catalog.price import ListPrice
from chandlery.kernel.ids import ProductId, SkuId, VendorId


@dataclass(frozen=True, slots=True)
class Vendor:
    """Whom the operator buys from. `provider` names who fulfils what it sells."""

    id: VendorId
    code: str
    name: str
    provider: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Sku:
    """One article of a product; its plans are the ways to buy it."""

    id: SkuId
    code: str
    name: str
    description: str


@dataclass(frozen=True, slots=True)
class Product:
    """What a vendor sells, in one or more SKUs; `skus` holds the first hundred."""

    id: ProductId
    code: str
    name: str
    vendor_id: VendorId
    vendor_code: str
    created_at: datetime
    skus: tuple[Sku, ...] = ()


@dataclass(frozen=True, slots=True)
class PricedPlan:
    """A plan with what the one who asks pays for it; None when it is not priced for them."""

    plan: Plan
    price: PriceStep | None


@dataclass(frozen=True, slots=True)
class PriceEntry:
    """A list price with the time in which it holds, [from, until): for the operator's eyes, as it holds costs."""

    id: UUID
    currency: str
    price: ListPrice
    effective_from: datetime
    effective_until: datetime
