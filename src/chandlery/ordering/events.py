"""What happens to orders, as events; the subject is always the order, so that they make up its history.

Prices are not in them: everybody who sees the order reads its events, and a price is between two.
"""

from __future__ import annotations

from typing import Any

from chandlery.kernel.clock import rfc3339
from chandlery.kernel.events import Event
from chandlery.ordering.approval import StepKind
from chandlery.ordering.line import Line
from chandlery.ordering.order import Order
from chandlery.ordering.status import LineStatus, OrderStatus

_LINE_BECAME = {
    LineStatus.IN_PROGRESS: "line_started",
    LineStatus.ACCEPTED: "line_accepted",
    LineStatus.COMPLETED: "line_completed",
    LineStatus.REFUSED: "line_refused",
    LineStatus.FAILED: "line_failed",
    LineStatus.UNKNOWN: "line_unknown",
    LineStatus.CANCELLED: "line_cancelled",
}
_ORDER_BECAME = {
    OrderStatus.IN_PROGRESS: "in_progress",
    OrderStatus.NEEDS_ATTENTION: "needs_attention",
    OrderStatus.COMPLETED: "completed",
    OrderStatus.CANCELLED: "cancelled",
}


def happened(order: Order, what: str, **data: Any) -> Event:
    return Event(f"order.{what}", order.id, order.customer_id, data)


def submitted(order: Order) -> Event:
    """From here on its lines are fulfilled, however it came here."""
    return happened(order, "submitted", number=order.number, lines=len(order.lines))


def of_waiting(order: Order) -> list[Event]:
    """Who is asked to decide next about an order that waits. With money, nobody but the two parties is told whose."""
    step = order.approval and order.approval.pending
    if not step:
        return []
    if step.kind is StepKind.PAYMENT:
        return [happened(order, "held", number=order.number, kind="payment", waiting_for="operator")]
    asked = step.asked
    return [
        happened(
            order,
            "approval_requested",
            number=order.number,
            step=asked.name,
            organization_id=str(asked.organization_id),
            roles=list(asked.roles),
            user_ids=[str(user_id) for user_id in asked.user_ids],
        )
    ]


def of_line(order: Order, what: str, line: Line) -> Event:
    """Something that was done to a line of a draft."""
    return happened(
        order,
        what,
        line_id=str(line.id),
        position=line.position,
        plan_code=line.plan_code,
        name=line.name,
        quantity=line.quantity,
    )


def of_progress(order: Order, line: Line, retrying: bool = False) -> Event:
    """How far a line has come, why, and whose turn it is."""
    facts = {
        "reason": line.reason,
        "waiting_for": line.waiting_for and line.waiting_for.value,
        "due": line.due and rfc3339(line.due),
        "subscription_id": line.subscription_id and str(line.subscription_id),
    }
    return happened(
        order,
        "line_retrying" if retrying else _LINE_BECAME[line.status],
        line_id=str(line.id),
        position=line.position,
        **{name: fact for name, fact in facts.items() if fact is not None},
    )


def of_status(before: Order, after: Order) -> list[Event]:
    """The order's own event, when its status has changed with its lines."""
    if after.status is before.status:
        return []
    return [happened(after, _ORDER_BECAME[after.status], number=after.number)]
