"""Reading orders: one, a list, and what happened to one. Each is one round trip."""

from __future__ import annotations

from dataclasses import dataclass, field

from chandlery.engine.unit_of_work import Reader
from chandlery.identity import permissions
from chandlery.kernel.actor import Actor
from chandlery.kernel.ids import OrderId
from chandlery.kernel.page import Page, PageRequest, page_of
from chandlery.ordering._store import lists
from chandlery.ordering._store import orders as store
from chandlery.ordering._store.lists import tenants_with_expired_drafts
from chandlery.ordering.filters import OrderFilter
from chandlery.ordering.history import Entry
from chandlery.ordering.order import Order

__all__ = [
    "Entry",
    "FindOrders",
    "OrderFilter",
    "OrderHistory",
    "find_orders",
    "get_order",
    "history",
    "tenants_with_expired_drafts",
]


@dataclass(frozen=True, slots=True)
class FindOrders:
    filter: OrderFilter = field(default_factory=OrderFilter)
    page: PageRequest = field(default_factory=PageRequest)


@dataclass(frozen=True, slots=True)
class OrderHistory:
    order_id: OrderId
    page: PageRequest = field(default_factory=PageRequest)


async def get_order(reader: Reader, actor: Actor, order_id: OrderId) -> Order:
    """The order with its lines and the prices that the actor is a party to."""
    actor.require(permissions.ORDERS_READ)
    return await reader.fetch(store.order_query(order_id))


async def find_orders(reader: Reader, actor: Actor, command: FindOrders) -> Page[Order]:
    """Newest first: all orders of the actor's own organisation and of those below that the filter lets through."""
    actor.require(permissions.ORDERS_READ)
    if not command.filter.can_match:
        return Page(())
    whole_tenant = actor.organization_id == actor.tenant_id
    found = await reader.fetch(lists.orders_query(command.filter, command.page, whole_tenant))
    return page_of(found, command.page.limit, lambda order: (order.created_at, order.id))


async def history(reader: Reader, actor: Actor, command: OrderHistory) -> Page[Entry]:
    """Oldest first; it is there as long as anybody wants to know, also when the draft is not."""
    actor.require(permissions.ORDERS_READ)
    found = await reader.fetch(lists.history_query(command.order_id, command.page))
    return page_of(found, command.page.limit, lambda entry: (entry.at, entry.id))
