"""Reading what `price_offers` answers: the one statement behind every quote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from chandlery.catalog.offer import Offers, PlanRef
from chandlery.catalog.plan import Characteristic, Left, Plan
from chandlery.catalog.price import ListPrice, PriceRule
from chandlery.engine.statements import Query, Row
from chandlery.kernel.ids import OrganizationId, PlanId, PriceRuleId, ProductId, SkuId, VendorId

_OFFERS = "SELECT price_offers(%s::uuid, %s::uuid[], %s::text[], %s::text, %s::timestamptz)"


def offers_query(
    customer_id: OrganizationId, refs: Sequence[PlanRef], currency: str, at: datetime | None
) -> Query[Offers]:
    plan_ids = list({ref.plan_id for ref in refs if ref.plan_id is not None})
    skus = list({ref.sku for ref in refs if ref.sku is not None})

    def read(rows: Sequence[Row]) -> Offers:
        found = rows[0][0]
        return Offers(customer_id, currency) if found is None else _offers(customer_id, currency, found)

    return Query(_OFFERS, (customer_id, plan_ids, skus, currency, at), read)


def plan_from(found: Mapping[str, Any]) -> Plan:
    """A plan from a row of the view plan_details, as JSON."""
    return Plan(
        id=PlanId(UUID(found["id"])),
        code=found["code"],
        sku_id=SkuId(UUID(found["sku_id"])),
        sku_code=found["sku_code"],
        product_id=ProductId(UUID(found["product_id"])),
        product_code=found["product_code"],
        product_name=found["product_name"],
        vendor_id=VendorId(UUID(found["vendor_id"])),
        vendor_code=found["vendor_code"],
        provider=found["provider"],
        name=found["name"],
        unit=found["unit"],
        term=found["term"],
        billing_cycle=found["billing_cycle"],
        charge=found["charge"],
        min_quantity=found["min_quantity"],
        max_quantity=found["max_quantity"],
        status=found["status"],
        characteristics=tuple(
            Characteristic(one["name"], one["label"], one["kind"], one["required"], tuple(one["allowed"]))
            for one in found["characteristics"]
        ),
        addon_of=tuple(PlanId(UUID(base)) for base in found["addon_of"]),
        segment=found["segment"],
        version=found["version"],
        fulfilled_by=found["fulfilled_by"],
        supplier_id=OrganizationId(UUID(found["supplier_id"])) if found["supplier_id"] else None,
        left=Left(*found["stock"]) if found["stock"] else None,
    )


def _offers(customer_id: OrganizationId, currency: str, found: Mapping[str, Any]) -> Offers:
    return Offers(
        customer_id,
        currency,
        datetime.fromisoformat(found["at"]),
        found["market"],
        tuple(OrganizationId(UUID(one)) for one in found["chain"]),
        tuple(plan_from(one) for one in found["plans"] or ()),
        tuple(_price_from(one) for one in found["prices"] or ()),
        tuple(_rule_from(one) for one in found["rules"] or ()),
    )


def _price_from(found: Sequence[Any]) -> ListPrice:
    plan_id, market, least, most, cost, retail, periods = found
    return ListPrice(PlanId(UUID(plan_id)), market, least, most, Decimal(cost), Decimal(retail), periods)


def _rule_from(found: Sequence[Any]) -> PriceRule:
    rule_id, issuer, recipient, target_kind, target, kind, value, currency, least, start, end = found
    return PriceRule(
        PriceRuleId(UUID(rule_id)),
        OrganizationId(UUID(issuer)),
        OrganizationId(UUID(recipient)) if recipient else None,
        target_kind,
        UUID(target) if target else None,
        kind,
        Decimal(value),
        currency,
        least,
        datetime.fromisoformat(start),
        datetime.fromisoformat(end),
    )
