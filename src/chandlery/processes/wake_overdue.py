"""Orders that nobody turns to any more are woken: a job can be given up, an order cannot.

A line that is due has a timer, and its job tries a dozen times. When all that has failed, this sweep is the last net;
it runs for ever, and waking an order too often does no harm.
"""

from __future__ import annotations

from datetime import timedelta

from chandlery.engine.unit_of_work import Engine, Unit
from chandlery.fulfilment.queries import overdue_orders
from chandlery.identity import permissions
from chandlery.kernel.actor import Actor, system
from chandlery.kernel.ids import OrderId
from chandlery.processes import fulfil_order

LATE = timedelta(minutes=15)
AT_ONCE = 100


async def wake_overdue(engine: Engine) -> None:
    for tenant_id, order_id in await engine.look_up(overdue_orders(engine.clock.now(), LATE, AT_ONCE)):
        await engine.perform(system(tenant_id, "wake_overdue"), wake, order_id)


async def wake(unit: Unit, actor: Actor, order_id: OrderId) -> None:
    actor.require(permissions.FULFILMENT_OPERATE)
    unit.defer(fulfil_order.job(order_id))
