"""Placing an order: everything is checked once more, at once, and priced as of this moment.

A preview is the same call with `dry_run=True`.
"""

from __future__ import annotations

from dataclasses import dataclass

from chandlery.catalog import stocking
from chandlery.catalog.offers import PlanRef, offers
from chandlery.engine.unit_of_work import Unit
from chandlery.identity import permissions
from chandlery.identity.organizations import organization_query
from chandlery.kernel.actor import Actor
from chandlery.kernel.errors import Problem
from chandlery.kernel.ids import OrderId
from chandlery.ordering import events
from chandlery.ordering._store import orders as store
from chandlery.ordering.drafts import load_for_change, require_active
from chandlery.ordering.errors import OrderInvalid
from chandlery.ordering.offered import addon_problems, offered_again
from chandlery.ordering.order import Order

__all__ = ["Submit", "submit"]


@dataclass(frozen=True, slots=True)
class Submit:
    order_id: OrderId
    expected_version: int | None = None


async def submit(unit: Unit, actor: Actor, command: Submit) -> Order:
    """Place the order. From here on it is never deleted, its prices stay as they are, and its pieces are its own."""
    actor.require(permissions.ORDERS_CHECKOUT)
    order = await load_for_change(unit, command.order_id)
    order.open_for_change(unit.now).at_version(command.expected_version)
    if not order.lines:
        raise OrderInvalid(Problem("lines", "There is nothing in this order; add a line first.", "empty"))
    refs = [PlanRef(plan_id) for plan_id in dict.fromkeys(line.plan_id for line in order.lines)]
    customer, offered = await unit.fetch(
        organization_query(order.customer_id), offers(order.customer_id, refs, order.currency)
    )
    require_active(customer)
    places = [f"lines.{index}" for index in range(len(order.lines))]
    lines = offered_again(offered, order.lines, places, addon_problems(offered, order.lines, places))
    placed = order.submit(unit.now, lines)
    unit.write(store.set_prices(placed.id, placed.lines), store.save_order(placed, placed.lines))
    counted = {line.id: (line.plan_id, line.quantity) for line in placed.lines if line.stocked}
    if counted:
        unit.write(stocking.take(placed.id, counted))
    unit.emit(events.happened(placed, "submitted", number=placed.number, lines=len(placed.lines)))
    return placed.seen_by(actor)
