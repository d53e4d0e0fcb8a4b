"""How far a line has come: recorded by the stories that fulfil orders, step by step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from chandlery.engine.statements import Query
from chandlery.engine.unit_of_work import Unit
from chandlery.identity import permissions
from chandlery.kernel.actor import Actor
from chandlery.kernel.ids import LineId, OrderId, SubscriptionId
from chandlery.ordering import events
from chandlery.ordering._store import orders as store
from chandlery.ordering.errors import LineNotReady
from chandlery.ordering.order import Order
from chandlery.ordering.status import LineStatus, WaitingFor

__all__ = ["LineProgress", "advance", "record", "to_advance"]

MAX_REASON = 1000


@dataclass(frozen=True, slots=True)
class LineProgress:
    """A line is now in `status`, because of `reason`; until `due` it is the turn of `waiting_for`."""

    order_id: OrderId
    line_id: LineId
    status: LineStatus
    reason: str | None = None
    waiting_for: WaitingFor | None = None
    due: datetime | None = None
    subscription_id: SubscriptionId | None = None


def to_advance(order_id: OrderId) -> tuple[Query[OrderId], Query[Order]]:
    """Locks the order and reads it: for a story that fetches more in the same round trip, then calls `advance`."""
    return store.lock_order(order_id), store.order_query(order_id)


async def record(unit: Unit, actor: Actor, command: LineProgress) -> Order:
    """Move a line on, and the order with it. Recording the same again changes nothing, as a step may run twice."""
    actor.require(permissions.FULFILMENT_OPERATE)
    _, before = await unit.fetch(*to_advance(command.order_id))
    return advance(unit, actor, before, (command,))


def advance(unit: Unit, actor: Actor, before: Order, steps: Sequence[LineProgress]) -> Order:
    """Move lines of an order that this unit has locked, in this order, and save them together."""
    actor.require(permissions.FULFILMENT_OPERATE)
    order, moved = before, {}
    for step in steps:
        if step.status in (LineStatus.SUBMITTED, LineStatus.CANCELLED):
            raise LineNotReady(
                given=f"progress to {step.status}"
            )  # checking out and cancelling are other verbs
        was = order.line(step.line_id)
        reason = _kept(step.reason)
        line = was.become(step.status, reason, step.waiting_for, step.due, step.subscription_id)
        after = order.progressed(line, unit.now)
        if after is order:
            continue
        retrying = was.status is line.status is LineStatus.IN_PROGRESS
        if retrying or line.status is not was.status:
            unit.emit(events.of_progress(after, line, retrying))
        for event in events.of_status(order, after):
            unit.emit(event)
        order, moved[line.id] = after, line
    if moved:
        unit.write(store.save_order(order, tuple(moved.values())))
    return order


def _kept(reason: str | None) -> str | None:
    """Vendors answer what they like; what we keep is one line of printable text."""
    if reason is None:
        return None
    printable = "".join(character if character.isprintable() else " " for character in reason[:MAX_REASON])
    return printable.strip() or None
