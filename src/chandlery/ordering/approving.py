"""Deciding about orders that wait: approve a step, release one that waits for money, decline, make it a draft again.

`decide` records a yes; when no step is left, `processes.decide_order` asks for credit and then calls `conclude`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from chandlery.engine.unit_of_work import Unit
from chandlery.identity import permissions
from chandlery.kernel.actor import Actor
from chandlery.kernel.errors import Problem
from chandlery.kernel.ids import OrderId
from chandlery.ordering import events
from chandlery.ordering._store import orders as store
from chandlery.ordering._store.approval_rules import roles_held
from chandlery.ordering._store.terms import terms_of_order
from chandlery.ordering.approval import Approval, Decision, Step, StepKind, StepStatus
from chandlery.ordering.drafts import load_for_change
from chandlery.ordering.errors import ReasonMissing
from chandlery.ordering.order import Order

__all__ = ["Decide", "Decided", "Decline", "Reopen", "conclude", "decide", "decline", "reopen"]

MAX_REASON = 500


@dataclass(frozen=True, slots=True)
class Decide:
    """Yes to the pending step of that kind: an approval, or the release of an order that waits for a payment."""

    order_id: OrderId
    kind: StepKind = StepKind.APPROVAL
    reason: str | None = None
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class Decline:
    order_id: OrderId
    reason: str
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class Reopen:
    order_id: OrderId
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class Decided:
    """An order with one step more decided, not saved yet."""

    order: Order
    approval: Approval
    limited: bool


async def decide(unit: Unit, actor: Actor, command: Decide) -> Decided:
    """Check that it is the actor's to decide, and take the decision; `conclude` saves it."""
    money = command.kind is StepKind.PAYMENT
    actor.require(permissions.CREDIT_WRITE if money else permissions.ORDERS_APPROVE)
    _check_reason(command.reason)
    order_id = command.order_id
    _, order, roles, terms = await unit.fetch(
        store.lock_order(order_id), store.order_query(order_id), roles_held(actor), terms_of_order(order_id)
    )
    approval = order.at_version(command.expected_version).waiting
    step = approval.asks(actor, roles, command.kind)
    approval.refuse_own(actor, step)
    terms.require_active()
    yes = Decision(StepStatus.APPROVED, actor.principal, unit.now, command.reason)
    what = "released" if money else "approved"
    unit.emit(events.happened(order, what, number=order.number, step=step.asked.name))
    return Decided(order, approval.decided(yes), terms.limited)


def conclude(unit: Unit, actor: Actor, decided: Decided, holds: Collection[Step] = ()) -> Order:
    """Save the decision: the next step is asked, or what holds the order, or it is placed."""
    approval = decided.approval.with_steps(holds)
    if approval.pending is not None:
        after = decided.order.still_waiting(approval)
        unit.write(store.save_order(after))
        follows = events.of_waiting(after)
    else:
        after = decided.order.submit(unit.now, decided.order.lines, approval)
        unit.write(store.save_order(after, after.lines))
        follows = [events.submitted(after)]
    for event in follows:
        unit.emit(event)
    return after.seen_by(actor)


async def decline(unit: Unit, actor: Actor, command: Decline) -> Order:
    """No, and why. Whoever is asked for the pending step may say so, also where it waits for money."""
    actor.require(permissions.ORDERS_APPROVE)
    if not command.reason.strip():
        raise ReasonMissing(Problem("reason", ReasonMissing.message(), "missing"))
    _check_reason(command.reason)
    order_id = command.order_id
    _, order, roles = await unit.fetch(
        store.lock_order(order_id), store.order_query(order_id), roles_held(actor)
    )
    approval = order.at_version(command.expected_version).waiting
    pending = approval.pending
    step = approval.asks(actor, roles, pending.kind if pending else StepKind.APPROVAL)
    no = Decision(StepStatus.DECLINED, actor.principal, unit.now, command.reason)
    declined = order.decline(approval.decided(no))
    unit.write(store.save_order(declined))
    facts = {"reason": command.reason} if step.kind is StepKind.APPROVAL else {}
    unit.emit(events.happened(declined, "declined", number=order.number, step=step.asked.name, **facts))
    return declined


async def reopen(unit: Unit, actor: Actor, command: Reopen) -> Order:
    """A declined order as a draft again, to be changed and checked out anew; who declined it stays in its history."""
    actor.require(permissions.ORDERS_WRITE)
    order = await load_for_change(unit, command.order_id)
    draft = order.at_version(command.expected_version).reopen()
    unit.write(store.save_order(draft))
    unit.emit(events.happened(draft, "reopened", number=draft.number))
    return draft


def _check_reason(reason: str | None) -> None:
    if reason is not None and not (len(reason) <= MAX_REASON and reason.isprintable()):
        raise ReasonMissing(
            Problem("reason", f"Give a reason of at most {MAX_REASON} printable characters.", "text")
        )
