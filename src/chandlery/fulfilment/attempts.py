"""Beginning, repeating and settling what is asked of a provider: the stored half. Calling is `providers`' half.

These run inside somebody's unit of work, between calls; none of them talks to a provider.
"""

from __future__ import annotations

from datetime import datetime

from chandlery.engine.statements import Query
from chandlery.engine.unit import Unit
from chandlery.fulfilment._store import provisionings as _store
from chandlery.fulfilment.provisioning import Begin, Provisioning, first_attempt, waiting_for_turn
from chandlery.identity import permissions
from chandlery.kernel.actor import Actor
from chandlery.kernel.ids import LineId, OrderId, ProvisioningId


def of_order(order_id: OrderId) -> Query[dict[LineId, Provisioning]]:
    """An order's provisionings by line, locked until the unit ends: two workers take turns."""
    return _store.of_order(order_id)


async def begin(unit: Unit, actor: Actor, command: Begin) -> Provisioning:
    """Store that a line is about to be sent; only when this is committed may the provider be called."""
    actor.require(permissions.FULFILMENT_OPERATE)
    started = first_attempt(ProvisioningId(command.line_id), command, unit.now)
    unit.write(_store.insert(started))
    return started


async def wait_for_turn(unit: Unit, actor: Actor, command: Begin, due: datetime, reason: str) -> Provisioning:
    """Store that a line will be sent once its provider has room for it."""
    actor.require(permissions.FULFILMENT_OPERATE)
    waits = waiting_for_turn(ProvisioningId(command.line_id), command, unit.now).put_back(due, reason)
    unit.write(_store.insert(waits))
    return waits


async def save(unit: Unit, actor: Actor, changed: Provisioning) -> Provisioning:
    """Store what became of a provisioning that this unit has locked."""
    actor.require(permissions.FULFILMENT_OPERATE)
    unit.write(_store.update(changed))
    return changed
