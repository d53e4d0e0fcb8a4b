"""A tenant whose events reach a real receiver, with a clock that the test moves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg

from chandlery.engine.outbound import Outbound
from chandlery.engine.unit_of_work import Engine, Unit
from chandlery.engine.webhooks.delivery import Delivery
from chandlery.engine.webhooks.dispatch import Dispatcher
from chandlery.engine.webhooks.endpoint import Endpoint, NewSecret
from chandlery.engine.webhooks.endpoints import RegisterEndpoint, Webhooks, get_endpoint
from chandlery.engine.webhooks.redelivery import FindDeliveries, Redelivery, find_deliveries
from chandlery.kernel.actor import Actor
from chandlery.kernel.clock import FixedClock
from chandlery.kernel.events import Event
from chandlery.kernel.ids import new_id
from tests.builders import Tenant, allowed
from tests.engine.receiver import Receiver, a_receiver


class TurnedAround:
    """A seal that anybody can open, and that is still not the secret itself."""

    def seal(self, plain: bytes) -> bytes:
        return b"sealed:" + plain[::-1]

    def open(self, sealed: bytes) -> bytes:
        return sealed.removeprefix(b"sealed:")[::-1]


async def _tell(unit: Unit, _actor: Actor, event: Event) -> UUID:
    unit.emit(event)
    return event.subject_id


def trusted(actor: Actor) -> Actor:
    return allowed(actor, "webhooks:read", "webhooks:write", "events:read")


@dataclass(slots=True)
class World:
    engine: Engine
    clock: FixedClock
    tenant: Tenant
    owner: psycopg.Connection[Any]
    receiver: Receiver
    outbound: Outbound
    started: datetime
    sealer: TurnedAround = field(default_factory=TurnedAround)

    @property
    def reseller(self) -> Actor:
        return trusted(self.tenant.reseller)

    @property
    def webhooks(self) -> Webhooks:
        return Webhooks(self.sealer, self.outbound, self.clock)

    @property
    def redelivery(self) -> Redelivery:
        return Redelivery(self.clock)

    def dispatcher(self, outbound: Outbound | None = None) -> Dispatcher:
        return Dispatcher(outbound or self.outbound, self.sealer, chance=lambda: 0.0)

    async def endpoint(self, *events: str, url: str | None = None, actor: Actor | None = None) -> NewSecret:
        """An endpoint of the reseller for these events, by default those of things."""
        command = RegisterEndpoint(url or self.receiver.url, events or ("thing.*",))
        return (await self.engine.perform(actor or self.reseller, self.webhooks.register, command)).result

    async def happen(
        self, event_type: str = "thing.named", subject_id: UUID | None = None, actor: Actor | None = None
    ) -> UUID:
        """One event; the id of its subject."""
        who = actor or self.tenant.reseller
        event = Event(event_type, subject_id or new_id(), who.organization_id, {"n": 1})
        return (await self.engine.perform(who, _tell, event)).result

    async def caught_up(self) -> None:
        """Wait until no older transaction of this server holds the stream back."""
        while self.owner.execute(  # noqa: ASYNC110 - nobody can call us when that is so
            "SELECT 1 FROM events WHERE tenant_id = %s"
            " AND txid >= pg_snapshot_xmin(pg_current_snapshot())::text::bigint",
            (self.tenant.id,),
        ).fetchone():
            await asyncio.sleep(0.01)

    async def dispatch(self, dispatcher: Dispatcher | None = None) -> None:
        """Deliver all that is due by now."""
        await self.caught_up()
        await (dispatcher or self.dispatcher()).drain(self.engine, self.tenant.id)

    async def later(self, **delta: float) -> None:
        """Move the clock on, and deliver what has become due."""
        self.clock.at += timedelta(**delta)
        await self.dispatch()

    async def log(self, endpoint: Endpoint) -> list[Delivery]:
        """The deliveries to an endpoint, oldest event first."""
        page = await self.engine.read(self.reseller, find_deliveries, FindDeliveries(endpoint.id))
        return sorted(page.items, key=lambda delivery: (delivery.created_at, delivery.event_id))

    async def look(self, endpoint: Endpoint) -> Endpoint:
        return await self.engine.read(self.reseller, get_endpoint, endpoint.id)

    @property
    def subjects(self) -> list[UUID]:
        """Of what events the receiver was told, in the order in which it was."""
        return [UUID(request.json["subject_id"]) for request in self.receiver.received]

    @property
    def since_start(self) -> timedelta:
        return self.clock.at - self.started


@asynccontextmanager
async def a_world(engine: Engine, tenant: Tenant, owner: psycopg.Connection[Any]) -> AsyncIterator[World]:
    """The clock starts at the real time: receivers refuse signatures of another day."""
    clock = FixedClock(datetime.now(UTC))
    outbound = Outbound(allow_private_addresses=True)
    async with a_receiver() as receiver:
        moved = replace(engine, clock=clock)
        yield World(moved, clock, tenant, owner, receiver, outbound, clock.at)
        await outbound.close()
