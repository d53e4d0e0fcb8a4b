"""What an order does to credit: claim it before the order is placed, take it, give it back, settle it.

`claim` locks every limit that the order falls under until its transaction ends, so that of two orders for the last of
a limit one finds it used. Limits are locked in the order of their ids, after the order itself.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from chandlery.billing._store import credit as store
from chandlery.billing.errors import NothingToSettle
from chandlery.billing.limit import Claim, CreditLimit, beyond
from chandlery.engine.unit_of_work import Unit
from chandlery.identity import permissions
from chandlery.kernel.actor import Actor
from chandlery.kernel.errors import Problem
from chandlery.kernel.events import Event
from chandlery.kernel.ids import CreditLimitId, OrderId


@dataclass(frozen=True, slots=True)
class ClaimCredit:
    """For an order whose prices are stored; `released` names the limits that it may go beyond."""

    order_id: OrderId
    released: Collection[CreditLimitId] = ()


@dataclass(frozen=True, slots=True)
class TakeCredit:
    """`settled`: paid already, as far as the actor's own organisation is concerned."""

    order_id: OrderId
    settled: bool = False


@dataclass(frozen=True, slots=True)
class SettleCredit:
    """An order was paid or invoiced: it takes nothing of this limit any more, or, by the month, stays counted."""

    limit_id: CreditLimitId
    order_id: OrderId


async def claim(unit: Unit, actor: Actor, command: ClaimCredit) -> list[Claim]:
    """The limits that hold the order; none: it fits. One that refuses it raises `CreditExceeded`."""
    if not (actor.may(permissions.ORDERS_CHECKOUT) or actor.may(permissions.ORDERS_APPROVE)):
        actor.require(permissions.CREDIT_WRITE)
    claims = await unit.fetch(store.claims_of(command.order_id))
    return beyond(claims, command.released)


async def take(unit: Unit, actor: Actor, command: TakeCredit) -> None:
    """Count a placed order towards every limit in its currency."""
    if not (actor.may(permissions.ORDERS_CHECKOUT) or actor.may(permissions.ORDERS_APPROVE)):
        actor.require(permissions.CREDIT_WRITE)
    unit.write(store.take(command.order_id, command.settled))


async def give_back(unit: Unit, actor: Actor, order_id: OrderId) -> None:
    """Count only those lines of an order that are not cancelled. Where nobody limits it this finds nothing to do."""
    actor.require(permissions.ORDERS_CANCEL)
    unit.write(store.give_back(order_id))


async def settle(unit: Unit, actor: Actor, command: SettleCredit) -> CreditLimit:
    actor.require(permissions.CREDIT_WRITE)
    limit, settled = await unit.fetch(
        store.limit_for_change(command.limit_id), store.settle(command.limit_id, command.order_id)
    )
    if not settled:
        raise NothingToSettle(Problem("order_id", NothingToSettle.message(), "unfit"))
    data = {"order_id": str(command.order_id)}
    unit.emit(Event("credit_limit.settled", limit.id, actor.organization_id, data))
    return await unit.fetch(store.limit_query(limit.id))
