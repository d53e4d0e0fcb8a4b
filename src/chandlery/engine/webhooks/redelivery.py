"""The log of deliveries: what was sent where and how it went; and sending again."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from chandlery.engine.event_stream.filters import EVERYTHING, check_patterns
from chandlery.engine.unit import Reader, Unit
from chandlery.engine.webhooks._store import deliveries as _store
from chandlery.engine.webhooks._store import endpoints
from chandlery.engine.webhooks.delivery import Delivery, DeliveryStatus
from chandlery.engine.webhooks.endpoint import EndpointId
from chandlery.engine.webhooks.endpoints import WEBHOOKS_READ, WEBHOOKS_WRITE
from chandlery.engine.webhooks.errors import EndpointIsDisabled, RangeUnusable
from chandlery.kernel.actor import Actor
from chandlery.kernel.clock import Clock
from chandlery.kernel.errors import Problem
from chandlery.kernel.ids import EventId
from chandlery.kernel.page import Page, PageRequest, page_of

MOST_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True)
class FindDeliveries:
    """Deliveries to one endpoint, newest first."""

    endpoint_id: EndpointId
    status: DeliveryStatus | None = None
    types: tuple[str, ...] = (EVERYTHING,)
    page: PageRequest = field(default_factory=PageRequest)


@dataclass(frozen=True, slots=True)
class GetDelivery:
    endpoint_id: EndpointId
    event_id: EventId


@dataclass(frozen=True, slots=True)
class Redeliver:
    endpoint_id: EndpointId
    event_id: EventId


@dataclass(frozen=True, slots=True)
class RedeliverRange:
    """All of [since, until) that the endpoint wants, of these types; or only what was given up."""

    endpoint_id: EndpointId
    since: datetime
    until: datetime
    types: tuple[str, ...] = (EVERYTHING,)
    failed_only: bool = False


async def find_deliveries(reader: Reader, actor: Actor, query: FindDeliveries) -> Page[Delivery]:
    actor.require(WEBHOOKS_READ)
    types = check_patterns(query.types, "types")
    limit = query.page.limit
    _, found = await reader.fetch(
        endpoints.get(query.endpoint_id),
        _store.find(query.endpoint_id, query.status, types, query.page.after, limit + 1),
    )
    return page_of(found, limit, lambda delivery: (delivery.created_at, delivery.event_id))


async def get_delivery(reader: Reader, actor: Actor, query: GetDelivery) -> Delivery:
    actor.require(WEBHOOKS_READ)
    _, delivery = await reader.fetch(
        endpoints.get(query.endpoint_id), _store.get(query.endpoint_id, query.event_id)
    )
    return delivery


class Redelivery:
    """Sending again. The same `webhook-id` goes out, so that a receiver that has seen it can tell."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def redeliver(self, unit: Unit, actor: Actor, command: Redeliver) -> Delivery:
        """Queue one delivery again, with all its attempts before it."""
        actor.require(WEBHOOKS_WRITE)
        now = self._clock.now()
        endpoint, delivery = await unit.fetch(
            endpoints.lock(command.endpoint_id), _store.get(command.endpoint_id, command.event_id)
        )
        if not endpoint.enabled:
            raise EndpointIsDisabled
        unit.write(
            _store.again(endpoint.id, delivery.event_id),
            _store.settle([endpoint.id], [delivery.subject_id], now),
        )
        return await unit.fetch(_store.get(endpoint.id, delivery.event_id))

    async def redeliver_range(self, unit: Unit, actor: Actor, command: RedeliverRange) -> int:
        """Queue what is in the range, also what was missed while the endpoint was disabled; how many."""
        actor.require(WEBHOOKS_WRITE)
        types = check_patterns(command.types, "types")
        if command.since >= command.until:
            raise RangeUnusable(Problem("until", "Give an end that is later than the beginning."))
        now = self._clock.now()
        chosen = _store.Range(
            command.endpoint_id, command.since, command.until, types, command.failed_only, MOST_AT_ONCE + 1
        )
        endpoint, queued = await unit.fetch(
            endpoints.lock(command.endpoint_id), _store.again_range(chosen, now)
        )
        if not endpoint.enabled:
            raise EndpointIsDisabled
        if queued > MOST_AT_ONCE:
            raise RangeUnusable(Problem("until", f"That is more than {MOST_AT_ONCE} events; give less time."))
        unit.write(_store.settle([endpoint.id], None, now))
        return queued
