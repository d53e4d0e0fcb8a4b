"""The nouns of approval: the rule that wants one, the steps that an order has to take, and who may decide each.

An order waits for one of two things: that somebody approves it, or that a payment (or whoever set the limit) releases
it. Both are steps; it is placed when none is left.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal, TypeAlias
from uuid import UUID

from chandlery.catalog.plan import Plan
from chandlery.kernel.actor import Actor
from chandlery.kernel.ids import ApprovalRuleId, CreditLimitId, OrganizationId, PlanId, UserId
from chandlery.ordering.errors import NotYoursToDecide, OrderNotWaiting, OwnOrder
from chandlery.ordering.line import Line

GoodsKind: TypeAlias = Literal["vendor", "product", "sku", "plan"]


class StepKind(StrEnum):
    APPROVAL = "approval"
    PAYMENT = "payment"


class StepStatus(StrEnum):
    PENDING = "pending"
    APPROVED = "approved"
    DECLINED = "declined"


@dataclass(frozen=True, slots=True)
class Goods:
    """What a rule is about: everything of a vendor, a product, a SKU or one plan."""

    kind: GoodsKind
    id: UUID

    def covers(self, plan: Plan) -> bool:
        ids = {"vendor": plan.vendor_id, "product": plan.product_id, "sku": plan.sku_id, "plan": plan.id}
        return ids[self.kind] == self.id


@dataclass(frozen=True, slots=True)
class Approvers:
    """Who decides: people of one organisation with the permission, narrowed to some roles or to some by name.

    `own_orders`: also about an order that they placed themselves.
    """

    organization_id: OrganizationId
    name: str = ""
    roles: tuple[str, ...] = ()
    """Names of built-in roles, or ids of others."""
    user_ids: tuple[UserId, ...] = ()
    own_orders: bool = False


@dataclass(frozen=True, slots=True)
class ApprovalRule:
    """Orders of `target_id` and all below it, of those goods, beyond those amounts, are decided in those steps.

    The amount is what the lines concerned come to for the rule's owner: what it charges, or, charging nobody, pays.
    """

    id: ApprovalRuleId
    owner_id: OrganizationId
    target_id: OrganizationId
    name: str
    steps: tuple[Approvers, ...]
    created_at: datetime
    active: bool = True
    above_minor: Mapping[str, int] = field(default_factory=dict)
    goods: tuple[Goods, ...] = ()
    version: int = 1

    def wants(self, lines: Collection[Line], plans: Mapping[PlanId, Plan], currency: str) -> bool:
        """Whether these lines need somebody's approval. A currency without an amount of its own always does."""
        concerned = [line for line in lines if self._is_about(plans.get(line.plan_id))]
        if not concerned:
            return False
        bound = self.above_minor.get(currency)
        if bound is None:
            return True
        prices = [price for line in concerned if (price := line.price(self.owner_id))]
        return sum(price.amount_minor for price in prices) > bound

    def _is_about(self, plan: Plan | None) -> bool:
        return not self.goods or (plan is not None and any(goods.covers(plan) for goods in self.goods))


@dataclass(frozen=True, slots=True)
class Step:
    """One decision that somebody is asked for, and, once taken, who took it."""

    kind: StepKind
    asked: Approvers
    rule_id: ApprovalRuleId | None = None
    limit_id: CreditLimitId | None = None
    debtor_id: OrganizationId | None = None
    """Whom the limit is set for."""
    status: StepStatus = StepStatus.PENDING
    decided_by: str | None = None
    decided_at: datetime | None = None
    reason: str | None = None

    @property
    def waiting_for(self) -> Literal["approver", "operator"] | None:
        """Whose turn it is: an approver's, or, with money, the operator's of the limit."""
        if self.status is not StepStatus.PENDING:
            return None
        return "approver" if self.kind is StepKind.APPROVAL else "operator"

    def seen_by(self, viewer: OrganizationId) -> Step:
        """Credit is between two: others see that the order waits for a payment, and not whose."""
        if self.kind is StepKind.APPROVAL or viewer in (self.asked.organization_id, self.debtor_id):
            return self
        return replace(self, limit_id=None, decided_by=None, reason=None)


@dataclass(frozen=True, slots=True)
class Decision:
    """Yes or no, by whom, when and why."""

    status: StepStatus
    by: str
    at: datetime
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Approval:
    """Who asked for the order, and the steps it has to take, in order."""

    requested_by: str
    requested_at: datetime
    steps: tuple[Step, ...]

    @property
    def pending(self) -> Step | None:
        return next((step for step in self.steps if step.status is StepStatus.PENDING), None)

    @property
    def released(self) -> frozenset[CreditLimitId]:
        """The limits that their issuers let this order go beyond."""
        return frozenset(
            step.limit_id for step in self.steps if step.limit_id and step.status is StepStatus.APPROVED
        )

    def asks(self, actor: Actor, roles: Collection[str], kind: StepKind) -> Step:
        """The pending step, if this actor is one of those asked; `roles` are those it holds in its organisation."""
        step = self.pending
        if step is None or step.kind is not kind:
            waits = "nothing" if step is None else step.kind.value
            raise OrderNotWaiting(given=f"waiting for {waits}")
        if actor.is_system:
            return step
        asked = step.asked
        named = asked.roles or asked.user_ids
        is_named = actor.user_id in asked.user_ids or not set(asked.roles).isdisjoint(roles)
        if actor.organization_id != asked.organization_id or (named and not is_named):
            raise NotYoursToDecide
        return step

    def refuse_own(self, actor: Actor, step: Step) -> None:
        """Nobody says yes to what they asked for, unless the rule lets them."""
        if actor.principal == self.requested_by and not (step.asked.own_orders or actor.is_system):
            raise OwnOrder

    def decided(self, decision: Decision) -> Approval:
        """With the pending step decided."""
        pending = self.pending
        return replace(
            self,
            steps=tuple(_decided(step, decision) if step is pending else step for step in self.steps),
        )

    def with_steps(self, steps: Collection[Step]) -> Approval:
        return replace(self, steps=(*self.steps, *steps))


def steps_wanted(
    rules: Collection[ApprovalRule], lines: Collection[Line], plans: Mapping[PlanId, Plan], currency: str
) -> tuple[Step, ...]:
    """The steps of every rule that wants one, those of the organisations nearest to the customer first."""
    return tuple(
        Step(StepKind.APPROVAL, _named(asked, rule), rule.id)
        for rule in rules
        if rule.wants(lines, plans, currency)
        for asked in rule.steps
    )


def payment_step(limit_id: CreditLimitId, issuer_id: OrganizationId, debtor_id: OrganizationId) -> Step:
    """Who sells may release what they ordered for a customer; nobody exceeds their own spending limit alone."""
    asked = Approvers(issuer_id, "Payment", own_orders=issuer_id != debtor_id)
    return Step(StepKind.PAYMENT, asked, limit_id=limit_id, debtor_id=debtor_id)


def _named(asked: Approvers, rule: ApprovalRule) -> Approvers:
    return asked if asked.name else replace(asked, name=rule.name)


def _decided(step: Step, decision: Decision) -> Step:
    changes: dict[str, Any] = {
        "status": decision.status,
        "decided_by": decision.by,
        "decided_at": decision.at,
        "reason": decision.reason,
    }
    return replace(step, **changes)
