"""A fulfilled line changes a subscription."""

from __future__ import annotations

from dataclasses import dataclass

from chandlery.engine.unit import Unit
from chandlery.identity import permissions
from chandlery.kernel.actor import Actor
from chandlery.kernel.events import Event
from chandlery.kernel.ids import OrderId, SubscriptionId
from chandlery.subscriptions._store import subscriptions as _store
from chandlery.subscriptions.subscription import Subscription


@dataclass(frozen=True, slots=True)
class ChangeQuantity:
    """The subscription now has `quantity` units in all, because of this order."""

    subscription_id: SubscriptionId
    quantity: int
    order_id: OrderId


async def change_quantity(unit: Unit, actor: Actor, command: ChangeQuantity) -> Subscription:
    """Set the quantity; the quantity that it has already changes nothing."""
    actor.require(permissions.SUBSCRIPTIONS_WRITE)
    found = await unit.fetch(_store.by_id(command.subscription_id, lock=True))
    if found.quantity == command.quantity:
        return found
    changed = found.with_quantity(command.quantity)
    unit.write(_store.update(changed))
    facts = {
        "order_id": str(command.order_id),
        "quantity": changed.quantity,
        "quantity_before": found.quantity,
    }
    unit.emit(Event("subscription.changed", changed.id, changed.customer_id, facts))
    return changed
