"""Tax rules: what your organisation charges on its sales, and the classes by which products are taxed."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from chandlery.billing import tax_rules
from chandlery.billing.errors import TaxRuleUnknown
from chandlery.billing.tax import Buyer, Kind, TaxRule
from chandlery.catalog.errors import ProductUnknown
from chandlery.kernel.ids import ProductId, TaxRuleId
from chandlery.surfaces.http.call import Call
from chandlery.surfaces.http.decoding import Body, Moment
from chandlery.surfaces.http.route import Reply
from chandlery.surfaces.native.dialect import PageQuery, page_reply

TaxClass = Annotated[str, Meta(description="A name of your own; empty is none.", examples=["books"])]
_COUNTRY = Annotated[
    str, Meta(description="The buyer's, ISO 3166-1; empty is every country.", examples=["DE"])
]
_BUYER = Annotated[
    Buyer,
    Meta(description="`business`: with a VAT number; `union_business`: with one of another member state."),
]


class TaxRuleBody(msgspec.Struct, kw_only=True):
    """Of the rules that fit a sale, the most particular holds: by buyer, then tax class, region and country."""

    id: UUID
    kind: Kind
    rate: Decimal
    country: str
    region: str
    tax_class: str
    buyer: Buyer
    note: str
    effective_from: datetime
    effective_until: datetime
    version: int


class NewTaxRule(Body):
    """`rate` in percent, for the kind `rate` alone; `note` is printed on invoices where no tax is charged."""

    kind: Annotated[Kind, Meta(examples=["rate"])]
    rate: Annotated[Decimal, Meta(description="In percent, as a string.", examples=["19"])] = Decimal(0)
    country: _COUNTRY = ""
    region: str = ""
    tax_class: TaxClass = ""
    buyer: _BUYER = "any"
    note: str = ""
    effective_from: Moment | None = None
    effective_until: Annotated[Moment, Meta(description="Exclusive; open-ended unless given.")] | None = None


class TaxClassBody(Body):
    """The class by which a product is taxed, whoever sells it."""

    tax_class: TaxClass


async def list_tax_rules(call: Call) -> Reply:
    query: PageQuery = call.query
    found = await call.read(tax_rules.find_tax_rules, tax_rules.FindTaxRules(query.page()))
    return page_reply(found, _body)


async def set_tax_rule(call: Call, body: NewTaxRule) -> Reply:
    command = tax_rules.SetTaxRule(
        body.kind,
        body.rate,
        body.country,
        body.region,
        body.tax_class,
        body.buyer,
        body.note,
        body.effective_from,
        body.effective_until,
    )
    return await call.perform(tax_rules.set_tax_rule, command, reply=_reply)


async def end_tax_rule(call: Call) -> Reply:
    rule_id = TaxRuleId(call.id("tax_rule_id", missing=TaxRuleUnknown))
    return await call.perform(tax_rules.end_tax_rule, tax_rules.EndTaxRule(rule_id), reply=_reply)


async def put_tax_class(call: Call, body: TaxClassBody) -> Reply:
    product_id = ProductId(call.id("product_id", missing=ProductUnknown))
    command = tax_rules.ClassifyProduct(product_id, body.tax_class)
    return await call.perform(
        tax_rules.classify_product,
        command,
        reply=lambda done: Reply(TaxClassBody(tax_class=done.product_class)),
    )


def _reply(rule: TaxRule) -> Reply:
    return Reply(_body(rule), etag=rule.version)


def _body(rule: TaxRule) -> TaxRuleBody:
    return TaxRuleBody(
        id=rule.id,
        kind=rule.kind,
        rate=rule.rate,
        country=rule.country,
        region=rule.region,
        tax_class=rule.product_class,
        buyer=rule.buyer,
        note=rule.note,
        effective_from=rule.effective_from,
        effective_until=rule.effective_until,
        version=rule.version,
    )
