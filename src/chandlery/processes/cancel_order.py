"""Calling an order off: ordering cancels the lines, billing gives back the credit that they took. One transaction."""

from __future__ import annotations

from chandlery.billing import credit
from chandlery.engine.unit_of_work import Unit
from chandlery.kernel.actor import Actor
from chandlery.ordering.cancellation import Cancel, cancel
from chandlery.ordering.order import Order

__all__ = ["Cancel", "cancel_order"]


async def cancel_order(unit: Unit, actor: Actor, command: Cancel) -> Order:
    cancelled = await cancel(unit, actor, command)
    if cancelled.submitted_at is not None:
        await credit.give_back(unit, actor, command.order_id)
    return cancelled
