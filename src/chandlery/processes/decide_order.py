"""What follows from a yes to an order that waits: the next step, a hold for want of credit, or its placing.

It is one transaction. What is approved counts towards limits as of now, and one that refuses it refuses the approval.
"""

from __future__ import annotations

from dataclasses import dataclass

from chandlery.billing import credit
from chandlery.billing.credit import ClaimCredit, TakeCredit
from chandlery.engine.unit_of_work import Unit
from chandlery.kernel.actor import Actor
from chandlery.kernel.ids import OrderId
from chandlery.ordering.approval import StepKind
from chandlery.ordering.approving import Decide, conclude, decide
from chandlery.ordering.order import Order
from chandlery.ordering.status import OrderStatus
from chandlery.processes.checkout import holds_of

__all__ = ["Approve", "Release", "approve", "release"]


@dataclass(frozen=True, slots=True)
class Approve:
    order_id: OrderId
    reason: str | None = None
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class Release:
    """`paid`: the actor's organisation has its money, so the order takes nothing of its open limit."""

    order_id: OrderId
    paid: bool = False
    reason: str | None = None
    expected_version: int | None = None


async def approve(unit: Unit, actor: Actor, command: Approve) -> Order:
    """Yes to the step that is pending."""
    decision = Decide(command.order_id, StepKind.APPROVAL, command.reason, command.expected_version)
    return await _decide(unit, actor, decision)


async def release(unit: Unit, actor: Actor, command: Release) -> Order:
    """Let an order pass that a limit of the actor's organisation holds."""
    decision = Decide(command.order_id, StepKind.PAYMENT, command.reason, command.expected_version)
    return await _decide(unit, actor, decision, command.paid)


async def _decide(unit: Unit, actor: Actor, command: Decide, paid: bool = False) -> Order:
    decided = await decide(unit, actor, command)
    if decided.approval.pending is not None or not decided.limited:
        return conclude(unit, actor, decided)
    claims = await credit.claim(unit, actor, ClaimCredit(command.order_id, decided.approval.released))
    after = conclude(unit, actor, decided, holds_of(claims))
    if after.status is OrderStatus.SUBMITTED:
        await credit.take(unit, actor, TakeCredit(command.order_id, paid))
    return after
