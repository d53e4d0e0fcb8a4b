"""What shipping means for an order, and what has come back: the published rules, carried out.

    pieces of a line dispatched, in all shipments    the line               the order
    none                                             stays as it is         stays as it is
    some                                             in_progress            in_progress
    all of them                                      completed              follows from its lines (`derive_status`)

Told from what the shipments hold and not from what just happened, so that telling it twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from chandlery.engine.statements import Query
from chandlery.engine.unit_of_work import Unit
from chandlery.kernel.events import Event
from chandlery.kernel.ids import LineId, OrderId
from chandlery.ordering import events
from chandlery.ordering._store import orders as store
from chandlery.ordering._store import shipments as shipment_store
from chandlery.ordering.line import Line
from chandlery.ordering.order import Order
from chandlery.ordering.shipment import Dispatched
from chandlery.ordering.status import LineStatus, WaitingFor


@dataclass(frozen=True, slots=True)
class Moved:
    """An order after shipping, and those of its lines that this completed, with the serial numbers of their pieces."""

    order: Order
    completed: Mapping[LineId, tuple[str, ...]]


def dispatched_orders(
    order_ids: Sequence[OrderId],
) -> tuple[Query[list[OrderId]], Query[list[Order]], Query[dict[LineId, Dispatched]]]:
    """Locks orders, reads them, and counts their pieces that have left; those the actor does not see are left out."""
    return (
        store.lock_orders(order_ids),
        store.orders_query(order_ids),
        shipment_store.dispatched(order_ids),
    )


def move(unit: Unit, before: Order, dispatched: Mapping[LineId, Dispatched]) -> Moved:
    """Bring the lines of an order that this unit has locked to what has left."""
    order = before
    moved: dict[LineId, Line] = {}
    completed: dict[LineId, tuple[str, ...]] = {}
    for was in before.lines:
        left = dispatched.get(was.id)
        if left is None or left.quantity <= was.shipped_quantity:
            continue
        line = was
        if line.status is LineStatus.SUBMITTED:  # no line is completed that was not started
            line = line.become(LineStatus.IN_PROGRESS, waiting_for=WaitingFor.SHIPPER)
            order = _progressed(unit, order, line, [events.of_progress(order, line)])
        line = line.shipped(left.quantity)
        told = [_pieces(order, "line_shipped", line, shipped_quantity=line.shipped_quantity)]
        if line.status is LineStatus.COMPLETED:
            completed[line.id] = left.serial_numbers
            told.append(events.of_progress(order, line))
        order = _progressed(unit, order, line, told)
        moved[line.id] = line
    if moved:
        unit.write(store.save_order(order, tuple(moved.values())))
    return Moved(order, completed)


def take_back(unit: Unit, before: Order, pieces: Mapping[LineId, int]) -> Order:
    """So many pieces of each of these lines have come back."""
    order, changed = before, []
    for line_id, count in pieces.items():
        line = order.line(line_id).returned(count)
        told = _pieces(order, "line_returned", line, returned_quantity=line.returned_quantity)
        order = _progressed(unit, order, line, [told])
        changed.append(line)
    unit.write(store.save_order(order, changed))
    return order


def _progressed(unit: Unit, before: Order, line: Line, told: Sequence[Event]) -> Order:
    """The order with this line further on; what is told of the line comes before what that means for the order."""
    after = before.progressed(line, unit.now)
    for event in (*told, *events.of_status(before, after)):
        unit.emit(event)
    return after


def _pieces(order: Order, what: str, line: Line, **counts: int) -> Event:
    return events.happened(
        order, what, line_id=str(line.id), position=line.position, quantity=line.quantity, **counts
    )
