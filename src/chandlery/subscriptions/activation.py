"""A fulfilled line becomes a subscription: once, however often it is said."""

from __future__ import annotations

from dataclasses import dataclass

from chandlery.engine.unit import Unit
from chandlery.identity import permissions
from chandlery.kernel.actor import Actor
from chandlery.kernel.events import Event
from chandlery.kernel.ids import LineId, OrderId, OrganizationId, PlanId, SubscriptionId, new_id
from chandlery.subscriptions._store import subscriptions as _store
from chandlery.subscriptions.subscription import Status, Subscription, term_end


@dataclass(frozen=True, slots=True)
class Activate:
    customer_id: OrganizationId
    order_id: OrderId
    line_id: LineId
    plan_id: PlanId
    plan_code: str
    name: str
    quantity: int
    term: str
    billing_cycle: str
    provider: str
    vendor_reference: str
    auto_renew: bool = True


async def activate(unit: Unit, actor: Actor, command: Activate) -> SubscriptionId:
    """The line's subscription, active from now on; a line that has one already keeps it as it is."""
    actor.require(permissions.SUBSCRIPTIONS_WRITE)
    known = await unit.fetch(_store.by_line(command.line_id))
    if known is not None:
        return known.id
    new = Subscription(
        id=SubscriptionId(new_id()),
        customer_id=command.customer_id,
        order_id=command.order_id,
        line_id=command.line_id,
        plan_id=command.plan_id,
        plan_code=command.plan_code,
        name=command.name,
        quantity=command.quantity,
        term=command.term,
        billing_cycle=command.billing_cycle,
        provider=command.provider,
        vendor_reference=command.vendor_reference,
        status=Status.ACTIVE,
        auto_renew=command.auto_renew and bool(command.term),
        started_at=unit.now,
        term_ends_at=term_end(unit.now, command.term),
        created_at=unit.now,
    )
    unit.write(_store.insert(new))
    facts = {
        "order_id": str(new.order_id),
        "line_id": str(new.line_id),
        "plan_code": new.plan_code,
        "quantity": new.quantity,
    }
    unit.emit(Event("subscription.activated", new.id, new.customer_id, facts))
    return new.id
