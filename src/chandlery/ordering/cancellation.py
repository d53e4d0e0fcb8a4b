"""Calling an order off, as long as no vendor has it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from chandlery.catalog import stocking
from chandlery.engine.unit_of_work import Unit
from chandlery.identity import permissions
from chandlery.kernel.actor import Actor
from chandlery.kernel.errors import Problem
from chandlery.kernel.ids import LineId, OrderId
from chandlery.ordering import events
from chandlery.ordering._store import orders as store
from chandlery.ordering.drafts import discard, load_for_change
from chandlery.ordering.errors import OrderInvalid
from chandlery.ordering.line import Line
from chandlery.ordering.order import Order
from chandlery.ordering.status import OrderStatus

__all__ = ["Cancel", "cancel", "give_back"]

MAX_REASON = 500


@dataclass(frozen=True, slots=True)
class Cancel:
    order_id: OrderId
    reason: str | None = None
    expected_version: int | None = None


async def cancel(unit: Unit, actor: Actor, command: Cancel) -> Order:
    """Cancel every line that is not completed; completed ones stay, and live on as subscriptions.

    A draft is simply deleted; it is answered as cancelled, and only its history remains.
    """
    actor.require(permissions.ORDERS_CANCEL)
    if not _can_be_kept(command.reason):
        message = f"Give a reason of at most {MAX_REASON} printable characters."
        raise OrderInvalid(Problem("reason", message, "text"))
    order = (await load_for_change(unit, command.order_id)).at_version(command.expected_version)
    if order.status is OrderStatus.DRAFT:
        discard(unit, order)
        return replace(order, status=OrderStatus.CANCELLED)
    cancelled = order.cancel(unit.now, command.reason)
    lines = [line for before, line in zip(order.lines, cancelled.lines, strict=True) if line is not before]
    unit.write(store.save_order(cancelled, lines))
    give_back(unit, cancelled, lines)
    for line in lines:
        unit.emit(events.of_progress(cancelled, line))
    for event in events.of_status(order, cancelled):
        unit.emit(event)
    return cancelled


def give_back(unit: Unit, order: Order, lines: Iterable[Line]) -> None:
    """Put the pieces of lines that are called off back on the shelf; whoever declines an order does the same."""
    counted: dict[LineId, int | None] = {line.id: None for line in lines if line.stocked}
    if counted:
        unit.write(stocking.give_back(order.id, counted))


def _can_be_kept(reason: str | None) -> bool:
    return reason is None or (len(reason) <= MAX_REASON and reason.isprintable())
