"""Browsing the catalogue: vendors, products, and the plans that can be ordered."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from chandlery.catalog import browsing, editing
from chandlery.catalog.errors import PlanUnknown, ProductUnknown, VendorUnknown
from chandlery.catalog.listing import PricedPlan, Product, Vendor
from chandlery.catalog.plan import BillingCycle, Charge, Plan
from chandlery.kernel.ids import PlanId, ProductId, VendorId
from chandlery.processes import assign_provider
from chandlery.surfaces.http.call import Call
from chandlery.surfaces.http.decoding import Body
from chandlery.surfaces.http.route import Reply
from chandlery.surfaces.native.characteristics import CharacteristicBody, characteristic_body
from chandlery.surfaces.native.dialect import PageQuery, page_reply
from chandlery.surfaces.native.fields import Currency, Id
from chandlery.surfaces.native.wiring import wired

VendorCode = Annotated[str, Meta(description="The vendor's code.", examples=["acme"])]
Beginning = Annotated[str, Meta(description="The beginning of a name or of a code.", examples=["suite"])]
PlanStatus = Literal["active", "retired"]


class VendorBody(msgspec.Struct, kw_only=True):
    """Whom the operator buys from; `provider` fulfils what it sells."""

    id: UUID
    code: str
    name: str
    provider: str
    created_at: datetime


class VendorChange(Body):
    """What is left out stays. Another provider takes the lines that are added from now on."""

    name: Annotated[str, Meta(examples=["Acme Cloud"])] | None = None
    provider: (
        Annotated[str, Meta(description="`manual`, or the name of one that was set up.", examples=["manual"])]
        | None
    ) = None


class SkuBody(msgspec.Struct, kw_only=True):
    id: UUID
    code: str
    name: str
    description: str


class ProductBody(msgspec.Struct, kw_only=True):
    """What a vendor sells, with the first hundred of its SKUs."""

    id: UUID
    code: str
    name: str
    vendor_id: UUID
    vendor: str
    skus: list[SkuBody]
    created_at: datetime


class OwnPrice(msgspec.Struct, kw_only=True):
    """What you pay for a unit and billing period, and for the least that can be ordered."""

    currency: str
    rate: Decimal
    amount_minor: int


class PlanBody(msgspec.Struct, kw_only=True):
    """What can be ordered: a SKU for a term, billed in a cycle. An add-on needs one of `addon_of` beside it."""

    id: UUID
    code: str
    name: str
    sku: str
    sku_id: UUID
    product_id: UUID
    product_code: str
    product_name: str
    vendor_id: UUID
    vendor: str
    unit: str
    term: str
    billing_cycle: BillingCycle
    charge: Charge
    segment: str
    min_quantity: int
    max_quantity: int | None
    status: PlanStatus
    characteristics: list[CharacteristicBody]
    addon_of: list[UUID]
    version: int
    price: OwnPrice | None = None


class ProductQuery(PageQuery):
    vendor: VendorCode | None = None
    q: Beginning | None = None


class PlanQuery(PageQuery):
    vendor: VendorCode | None = None
    product: Annotated[Id, Meta(description="The product's id.")] | None = None
    sku: str | None = None
    q: Beginning | None = None
    charge: Charge | None = None
    status: PlanStatus | None = None


class OnePlanQuery(Body):
    currency: Annotated[Currency, Meta(description="Also tell what you pay, in this currency.")] | None = None


async def list_vendors(call: Call) -> Reply:
    query: PageQuery = call.query
    return page_reply(await call.read(browsing.find_vendors, browsing.FindVendors(query.page())), _vendor)


async def get_vendor(call: Call) -> Reply:
    return Reply(_vendor(await call.read(browsing.get_vendor, _vendor_id(call))))


async def change_vendor(call: Call, body: VendorChange) -> Reply:
    built_in = wired(call).providers.by_name
    command = assign_provider.ChangeVendor(_vendor_id(call), body.name, body.provider, built_in)
    return await call.perform(
        assign_provider.change_vendor, command, reply=lambda vendor: Reply(_vendor(vendor))
    )


async def list_products(call: Call) -> Reply:
    query: ProductQuery = call.query
    command = browsing.FindProducts(query.vendor, query.q, query.page())
    return page_reply(await call.read(browsing.find_products, command), _product)


async def get_product(call: Call) -> Reply:
    product_id = ProductId(call.id("product_id", missing=ProductUnknown))
    return Reply(_product(await call.read(browsing.get_product, product_id)))


async def list_plans(call: Call) -> Reply:
    query: PlanQuery = call.query
    command = browsing.FindPlans(
        query.vendor,
        ProductId(query.product) if query.product else None,
        query.sku,
        query.q,
        query.charge,
        query.status,
        query.page(),
    )
    return page_reply(await call.read(browsing.find_plans, command), plan_body)


async def get_plan(call: Call) -> Reply:
    query: OnePlanQuery = call.query
    found = await call.read(browsing.get_plan, browsing.GetPlan(plan_id(call), query.currency))
    return plan_reply(found)


async def retire_plan(call: Call) -> Reply:
    command = editing.RetirePlan(plan_id(call), call.expected_version)
    return await call.perform(editing.retire_plan, command, reply=lambda _: Reply())


def _vendor_id(call: Call) -> VendorId:
    return VendorId(call.id("vendor_id", missing=VendorUnknown))


def plan_id(call: Call) -> PlanId:
    return PlanId(call.id("plan_id", missing=PlanUnknown))


def plan_reply(found: PricedPlan) -> Reply:
    body = plan_body(found.plan)
    if found.price is not None:
        amount = found.price.amount
        body.price = OwnPrice(currency=amount.currency, rate=found.price.rate, amount_minor=amount.minor)
    return Reply(body, etag=found.plan.version)


def plan_body(plan: Plan) -> PlanBody:
    return PlanBody(
        id=plan.id,
        code=plan.code,
        name=plan.name,
        sku=plan.sku_code,
        sku_id=plan.sku_id,
        product_id=plan.product_id,
        product_code=plan.product_code,
        product_name=plan.product_name,
        vendor_id=plan.vendor_id,
        vendor=plan.vendor_code,
        unit=plan.unit,
        term=plan.term,
        billing_cycle=plan.billing_cycle,
        charge=plan.charge,
        segment=plan.segment,
        min_quantity=plan.min_quantity,
        max_quantity=plan.max_quantity,
        status=plan.status,
        characteristics=[characteristic_body(one) for one in plan.characteristics],
        addon_of=list(plan.addon_of),
        version=plan.version,
    )


def _vendor(vendor: Vendor) -> VendorBody:
    return VendorBody(
        id=vendor.id,
        code=vendor.code,
        name=vendor.name,
        provider=vendor.provider,
        created_at=vendor.created_at,
    )


def _product(product: Product) -> ProductBody:
    return ProductBody(
        id=product.id,
        code=product.code,
        name=product.name,
        vendor_id=product.vendor_id,
        vendor=product.vendor_code,
        skus=[
            SkuBody(id=sku.id, code=sku.code, name=sku.name, description=sku.description)
            for sku in product.skus
        ],
        created_at=product.created_at,
    )
