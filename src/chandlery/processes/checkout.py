"""Checking out: what every surface calls to place an order, or, as a dry run, to preview it.

Placing is ordering's affair. What else has to happen in the same transaction (credit, approval) joins it here.
"""

from __future__ import annotations

from chandlery.billing.charges import keep_terms
from chandlery.billing.terms import ASSESSMENT
from chandlery.engine.unit_of_work import Unit
from chandlery.kernel.actor import Actor
from chandlery.ordering.checkout import Submit, submit
from chandlery.ordering.order import Order

__all__ = ["Submit", "checkout"]


async def checkout(unit: Unit, actor: Actor, command: Submit) -> Order:
    order = await submit(unit, actor, command)
    if unit.uses(ASSESSMENT):
        plans = {line.plan_id: None for line in order.lines}
        unit.write(keep_terms(order.id, order.customer_id, list(plans)))
    return order
