"""Subscriptions, one and many."""

from __future__ import annotations

from dataclasses import dataclass, field

from chandlery.engine.statements import Query
from chandlery.engine.unit import Reader
from chandlery.identity import permissions
from chandlery.kernel.actor import Actor
from chandlery.kernel.ids import LineId, OrganizationId, SubscriptionId
from chandlery.kernel.page import Page, PageRequest
from chandlery.subscriptions._store import subscriptions as _store
from chandlery.subscriptions.errors import SubscriptionUnknown
from chandlery.subscriptions.subscription import Status, Subscription


@dataclass(frozen=True, slots=True)
class FindSubscriptions:
    """Subscriptions in the actor's reach, oldest first; of one customer, in one status."""

    customer_id: OrganizationId | None = None
    status: Status | None = None
    page: PageRequest = field(default_factory=PageRequest)


def subscription_query(subscription_id: SubscriptionId) -> Query[Subscription]:
    """For other rooms, to travel with a fetch of theirs."""
    return _store.by_id(subscription_id)


async def get_subscription(reader: Reader, actor: Actor, subscription_id: SubscriptionId) -> Subscription:
    actor.require(permissions.SUBSCRIPTIONS_READ)
    return await reader.fetch(_store.by_id(subscription_id))


async def get_of_line(reader: Reader, actor: Actor, line_id: LineId) -> Subscription:
    """The subscription that an order line created."""
    actor.require(permissions.SUBSCRIPTIONS_READ)
    found = await reader.fetch(_store.by_line(line_id))
    if found is None:
        raise SubscriptionUnknown(given=str(line_id))
    return found


async def find_subscriptions(reader: Reader, actor: Actor, command: FindSubscriptions) -> Page[Subscription]:
    actor.require(permissions.SUBSCRIPTIONS_READ)
    status = command.status.value if command.status else None
    return await reader.fetch(_store.find(command.customer_id, status, command.page))
