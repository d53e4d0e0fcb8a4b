"""Approval rules: which orders somebody has to approve before they are placed, and who."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from chandlery.kernel.ids import ApprovalRuleId, OrganizationId, UserId
from chandlery.ordering import approval_rules as rules
from chandlery.ordering.approval import ApprovalRule, Approvers, Goods, GoodsKind
from chandlery.ordering.errors import ApprovalRuleUnknown
from chandlery.surfaces.http.call import Call
from chandlery.surfaces.http.decoding import Body
from chandlery.surfaces.http.route import Reply
from chandlery.surfaces.native.dialect import PageQuery, page_reply
from chandlery.surfaces.native.fields import Id, Name


class GoodsBody(Body):
    kind: GoodsKind
    id: Id


class ApproversBody(Body):
    """People of an organisation (yours unless named) with orders:approve; of those roles, or those people, if named."""

    organization_id: Id | None = None
    name: Annotated[str, Meta(description="The rule's unless given.")] = ""
    roles: list[str] = msgspec.field(default_factory=list)
    user_ids: list[UUID] = msgspec.field(default_factory=list)
    own_orders: Annotated[bool, Meta(description="Also about what they ordered themselves.")] = False


Steps = Annotated[
    list[ApproversBody],
    Meta(description="One after the other.", examples=[[{"roles": ["approver"]}]], max_length=10),
]
Amounts = Annotated[
    dict[str, int],
    Meta(
        description="By currency, in minor units: only orders above. A currency left out: every order in it.",
        examples=[{"USD": 100000}],
    ),
]


class ApprovalRuleTerms(Body):
    """Orders of `organization_id` (yours unless named) and all below it, with those goods, above those amounts.

    The amount is what the lines concerned come to for you: what you charge for them, or, charging nobody, pay.
    """

    name: Name
    steps: Steps
    organization_id: Id | None = None
    above_minor: Amounts = msgspec.field(default_factory=dict)
    goods: list[GoodsBody] = msgspec.field(default_factory=list)
    active: bool = True

    def terms(self, owner_id: OrganizationId) -> rules.RuleTerms:
        return rules.RuleTerms(
            self.name,
            tuple(
                Approvers(
                    OrganizationId(step.organization_id or owner_id),
                    step.name,
                    tuple(step.roles),
                    tuple(UserId(user_id) for user_id in step.user_ids),
                    step.own_orders,
                )
                for step in self.steps
            ),
            OrganizationId(self.organization_id) if self.organization_id else None,
            self.above_minor,
            tuple(Goods(goods.kind, goods.id) for goods in self.goods),
            self.active,
        )


class ApprovalRuleBody(msgspec.Struct, kw_only=True):
    id: UUID
    owner_id: UUID
    organization_id: UUID
    name: str
    active: bool
    above_minor: dict[str, int]
    goods: list[GoodsBody]
    steps: list[ApproversBody]
    created_at: datetime
    version: int


async def list_approval_rules(call: Call) -> Reply:
    query: PageQuery = call.query
    found = await call.read(rules.find_rules, rules.FindApprovalRules(page=query.page()))
    return page_reply(found, _body)


async def set_approval_rule(call: Call, body: ApprovalRuleTerms) -> Reply:
    return await call.perform(rules.set_rule, body.terms(call.actor.organization_id), reply=_reply)


async def get_approval_rule(call: Call) -> Reply:
    return _reply(await call.read(rules.get_rule, _id(call)))


async def replace_approval_rule(call: Call, body: ApprovalRuleTerms) -> Reply:
    terms = body.terms(call.actor.organization_id)
    command = rules.ReplaceApprovalRule(_id(call), terms, call.expected_version)
    return await call.perform(rules.replace_rule, command, reply=_reply)


async def remove_approval_rule(call: Call) -> Reply:
    command = rules.RemoveApprovalRule(_id(call), call.expected_version)
    return await call.perform(rules.remove_rule, command, reply=lambda _: Reply())


def _id(call: Call) -> ApprovalRuleId:
    return ApprovalRuleId(call.id("approval_rule_id", missing=ApprovalRuleUnknown))


def _reply(rule: ApprovalRule) -> Reply:
    return Reply(_body(rule), etag=rule.version)


def _body(rule: ApprovalRule) -> ApprovalRuleBody:
    return ApprovalRuleBody(
        id=rule.id,
        owner_id=rule.owner_id,
        organization_id=rule.target_id,
        name=rule.name,
        active=rule.active,
        above_minor=dict(rule.above_minor),
        goods=[GoodsBody(kind=goods.kind, id=goods.id) for goods in rule.goods],
        steps=[
            ApproversBody(
                organization_id=step.organization_id,
                name=step.name,
                roles=list(step.roles),
                user_ids=list(step.user_ids),
                own_orders=step.own_orders,
            )
            for step in rule.steps
        ],
        created_at=rule.created_at,
        version=rule.version,
    )
