"""Price rules: what your organisation asks of those directly below it."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from chandlery.catalog import rules
from chandlery.catalog.errors import RuleUnknown
from chandlery.catalog.price import PriceRule, RuleKind, TargetKind
from chandlery.kernel.ids import OrganizationId, PriceRuleId
from chandlery.surfaces.http.call import Call
from chandlery.surfaces.http.decoding import Body, Moment
from chandlery.surfaces.http.route import Reply
from chandlery.surfaces.native.dialect import PageQuery, page_reply
from chandlery.surfaces.native.fields import Currency, Id


class PriceRuleBody(msgspec.Struct, kw_only=True):
    """`percent` and `fixed` go on top of what you pay, `override` is the rate, `list_percent` of the vendor's price."""

    id: UUID
    issuer_id: UUID
    recipient_id: UUID | None
    kind: RuleKind
    value: Decimal
    currency: str | None
    target_kind: TargetKind
    target_id: UUID | None
    min_quantity: int
    effective_from: datetime
    effective_until: datetime
    version: int


class NewPriceRule(Body):
    """For one recipient directly below you, or for all of them; from now on unless it begins later."""

    kind: Annotated[RuleKind, Meta(examples=["percent"])]
    value: Annotated[Decimal, Meta(description="A decimal, as a string.", examples=["15"])]
    recipient_id: Id | None = None
    target_kind: TargetKind = "all"
    target_id: Id | None = None
    currency: Currency | None = None
    min_quantity: int = 1
    effective_from: Moment | None = None
    effective_until: Annotated[Moment, Meta(description="Exclusive; open-ended unless given.")] | None = None


class PriceRuleQuery(PageQuery):
    side: Annotated[
        Literal["issued", "received"], Meta(description="Your own, or those of others that name you.")
    ] = "issued"


async def list_price_rules(call: Call) -> Reply:
    query: PriceRuleQuery = call.query
    found = await call.read(rules.find_rules, rules.FindRules(query.side, query.page()))
    return page_reply(found, price_rule_body)


async def add_price_rule(call: Call, body: NewPriceRule) -> Reply:
    command = rules.SetRule(
        body.kind,
        body.value,
        OrganizationId(body.recipient_id) if body.recipient_id else None,
        body.target_kind,
        body.target_id,
        body.currency,
        body.min_quantity,
        body.effective_from,
        body.effective_until,
    )
    return await call.perform(rules.set_rule, command, reply=_reply)


async def end_price_rule(call: Call) -> Reply:
    rule_id = PriceRuleId(call.id("price_rule_id", missing=RuleUnknown))
    return await call.perform(rules.end_rule, rules.EndRule(rule_id), reply=_reply)


def _reply(rule: PriceRule) -> Reply:
    return Reply(price_rule_body(rule), etag=rule.version)


def price_rule_body(rule: PriceRule) -> PriceRuleBody:
    return PriceRuleBody(
        id=rule.id,
        issuer_id=rule.issuer_id,
        recipient_id=rule.recipient_id,
        kind=rule.kind,
        value=rule.value,
        currency=rule.currency,
        target_kind=rule.target_kind,
        target_id=rule.target_id,
        min_quantity=rule.min_quantity,
        effective_from=rule.effective_from,
        effective_until=rule.effective_until,
        version=rule.version,
    )
