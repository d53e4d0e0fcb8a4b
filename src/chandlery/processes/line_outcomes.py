"""What a provider's answer to a line means for the order and for what the customer keeps."""

from __future__ import annotations

from contextlib import suppress

from chandlery.engine.unit_of_work import Unit
from chandlery.fulfilment.provisioning import Provisioning, State
from chandlery.kernel.actor import system
from chandlery.kernel.ids import SubscriptionId
from chandlery.ordering.line import Line
from chandlery.ordering.order import Order
from chandlery.ordering.progress import LineProgress
from chandlery.ordering.status import LineStatus, WaitingFor
from chandlery.subscriptions.activation import Activate, activate
from chandlery.subscriptions.assets import Own, own
from chandlery.subscriptions.changes import ChangeQuantity, change_quantity
from chandlery.subscriptions.errors import SubscriptionNotActive

_STATUS = {
    State.IN_FLIGHT: LineStatus.IN_PROGRESS,
    State.RETRYING: LineStatus.IN_PROGRESS,
    State.ACCEPTED: LineStatus.ACCEPTED,
    State.UNKNOWN: LineStatus.UNKNOWN,
    State.DONE: LineStatus.COMPLETED,
    State.REFUSED: LineStatus.REFUSED,
    State.FAILED: LineStatus.FAILED,
}


def progress_of(provisioning: Provisioning, made: SubscriptionId | None = None) -> LineProgress:
    """How far the line has come, why, whose turn it is, and when."""
    waiting: WaitingFor | None = WaitingFor.WORKER
    if provisioning.needs_operator:
        waiting = WaitingFor.OPERATOR
    elif provisioning.state is State.ACCEPTED:
        waiting = WaitingFor.VENDOR
    elif provisioning.state is State.DONE:
        waiting = None
    reason = provisioning.reason or None
    if provisioning.state is State.IN_FLIGHT:
        reason = "The call to the vendor was cut off; the vendor is asked what became of it."
    return LineProgress(
        order_id=provisioning.order_id,
        line_id=provisioning.line_id,
        status=_STATUS[provisioning.state],
        reason=reason,
        waiting_for=waiting,
        due=provisioning.next_at,
        subscription_id=made,
    )


async def hand_over(
    unit: Unit, order: Order, line: Line, serial_numbers: tuple[str, ...], vendor_reference: str = ""
) -> None:
    """What was bought once belongs to the customer from now on."""
    await own(
        unit,
        system(unit.actor.tenant_id, "fulfil_order"),
        Own(
            customer_id=order.customer_id,
            order_id=order.id,
            line_id=line.id,
            plan_id=line.plan_id,
            plan_code=line.plan_code,
            name=line.name,
            quantity=line.quantity,
            serial_numbers=serial_numbers,
            vendor_reference=vendor_reference,
        ),
    )


async def settle(unit: Unit, order: Order, line: Line, done: Provisioning) -> SubscriptionId | None:
    """Make a fulfilled line true for the customer: a new subscription, a changed one, or an asset.

    The server itself does this, whoever found out that the line is done.
    """
    actor = system(unit.actor.tenant_id, "fulfil_order")
    if line.action == "change" and line.subscription_id is not None:
        change = ChangeQuantity(line.subscription_id, line.quantity, order.id)
        with suppress(
            SubscriptionNotActive
        ):  # it has ended meanwhile: the line is done, there is nothing to change
            await change_quantity(unit, actor, change)
        return line.subscription_id
    if line.charge == "one_time":
        await hand_over(unit, order, line, (), done.vendor_reference or "")
        return None
    return await activate(
        unit,
        actor,
        Activate(
            customer_id=order.customer_id,
            order_id=order.id,
            line_id=line.id,
            plan_id=line.plan_id,
            plan_code=line.plan_code,
            name=line.name,
            quantity=line.quantity,
            term=line.term,
            billing_cycle=line.billing_cycle,
            provider=line.provider,
            vendor_reference=done.vendor_reference or "",
        ),
    )
