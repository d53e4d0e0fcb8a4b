"""Charges meet the order that they are on: who may put one on it, and that its version moves on with it.

A seller in the chain charges the party directly below it, while the order is a draft: afterwards nobody can be made to
owe more than they agreed to.
"""

from __future__ import annotations

from chandlery.billing import charges
from chandlery.billing.charges import AddCharge, Between, RemoveCharge
from chandlery.billing.errors import NotTheSeller
from chandlery.engine.unit_of_work import Reader, Unit
from chandlery.identity import permissions
from chandlery.identity.organizations import organization_query
from chandlery.kernel.actor import Actor
from chandlery.kernel.ids import OrderId, OrganizationId
from chandlery.ordering import progress, queries
from chandlery.ordering.order import Order
from chandlery.ordering.revision import revise

__all__ = ["AddCharge", "RemoveCharge", "add_charge", "find_charges", "remove_charge"]


async def add_charge(unit: Unit, actor: Actor, command: AddCharge) -> Order:
    actor.require(permissions.ORDERS_WRITE)
    order = await _draft(unit, command.order_id, command.expected_version)
    if command.line_id is not None:
        order.line(command.line_id)
    between = await _between(unit, actor, order)
    await charges.add_charge(unit, actor, between, command)
    return revise(unit, order)


async def remove_charge(unit: Unit, actor: Actor, command: RemoveCharge) -> Order:
    actor.require(permissions.ORDERS_WRITE)
    order = await _draft(unit, command.order_id, command.expected_version)
    between = await _between(unit, actor, order)
    await charges.remove_charge(unit, actor, between, command.charge_id)
    return revise(unit, order)


async def find_charges(reader: Reader, actor: Actor, order_id: OrderId) -> list[charges.Charge]:
    """What the actor put on an order, then what it is to pay."""
    await queries.get_order(reader, actor, order_id)
    return await charges.find_charges(reader, actor, order_id)


async def _draft(unit: Unit, order_id: OrderId, expected_version: int | None) -> Order:
    _, order = await unit.fetch(*progress.to_advance(order_id))
    return order.open_for_change(unit.now).at_version(expected_version)


async def _between(unit: Unit, actor: Actor, order: Order) -> Between:
    """The actor's organisation and the one directly below it on the way to the customer."""
    recipient = order.customer_id
    seen: OrganizationId | None = recipient
    while seen is not None and seen != actor.organization_id:
        recipient = seen
        seen = (await unit.fetch(organization_query(seen))).parent_id
    if seen is None or recipient == actor.organization_id:
        raise NotTheSeller
    return Between(order.id, order.customer_id, actor.organization_id, recipient)
