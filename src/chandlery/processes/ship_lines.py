"""Shipping an order: a dispatch moves the lines whose pieces have left, and what is completed belongs to the customer.

Who sees the order (a seller) moves it in the transaction of the dispatch. A supplier sees only what it ships: there the
order's own job does the same a moment later. Both read what the shipments hold, so that doing it twice changes nothing.
There is nothing to undo: what has left, has left, and comes back as a return.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from chandlery.engine.jobs import Job
from chandlery.engine.unit_of_work import Engine, Unit
from chandlery.identity import permissions
from chandlery.kernel.actor import Actor, system
from chandlery.kernel.ids import LineId, OrderId, TenantId
from chandlery.ordering import shipping
from chandlery.ordering.order import Order
from chandlery.ordering.shipment import Dispatched, Shipment
from chandlery.ordering.shipments import DispatchShipment, dispatch_shipment
from chandlery.processes.line_outcomes import hand_over

__all__ = ["TASK", "DispatchShipment", "dispatch", "run_job"]

TASK = "ship_lines"


def job(order_id: OrderId) -> Job:
    """It waits its turn with whatever else works on the order."""
    return Job(TASK, {"order_id": str(order_id)}, lock=f"order:{order_id}", key=f"{TASK}:{order_id}")


async def run_job(engine: Engine, tenant_id: TenantId, args: Mapping[str, str]) -> None:
    await engine.perform(system(tenant_id, TASK), move_order, OrderId(UUID(args["order_id"])))


async def dispatch(unit: Unit, actor: Actor, command: DispatchShipment) -> Shipment:
    """What every surface calls to send a shipment off."""
    departed = await dispatch_shipment(unit, actor, command)
    await _move(unit, departed.orders, departed.dispatched)
    in_sight = {order.id for order in departed.orders}
    for order_id in departed.shipment.order_ids:
        if order_id not in in_sight:
            unit.defer(job(order_id))
    return departed.shipment


async def move_order(unit: Unit, actor: Actor, order_id: OrderId) -> None:
    actor.require(permissions.FULFILMENT_OPERATE)
    _, orders, dispatched = await unit.fetch(*shipping.dispatched_orders([order_id]))
    await _move(unit, orders, dispatched)


async def _move(unit: Unit, orders: Sequence[Order], dispatched: Mapping[LineId, Dispatched]) -> None:
    for order in orders:
        moved = shipping.move(unit, order, dispatched)
        for line_id, serial_numbers in moved.completed.items():
            await hand_over(unit, moved.order, moved.order.line(line_id), serial_numbers)
