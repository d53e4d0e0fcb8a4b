"""Reading shipments and returns: one, or a list, newest first. Each is one round trip."""

from __future__ import annotations

from dataclasses import dataclass, field

from chandlery.engine.unit_of_work import Reader
from chandlery.identity import permissions
from chandlery.kernel.actor import Actor
from chandlery.kernel.ids import OrderId, OrganizationId, ReturnId, ShipmentId
from chandlery.kernel.page import Page, PageRequest, page_of
from chandlery.ordering._store import returns as return_store
from chandlery.ordering._store import shipments as shipment_store
from chandlery.ordering._store.reach import Reach
from chandlery.ordering.return_request import Return, ReturnStatus
from chandlery.ordering.shipment import Shipment, ShipmentStatus


@dataclass(frozen=True, slots=True)
class FindShipments:
    """All that the actor sees: of its own organisation, of those below, and what it ships for others."""

    customer_id: OrganizationId | None = None
    order_id: OrderId | None = None
    status: tuple[ShipmentStatus, ...] = ()
    page: PageRequest = field(default_factory=PageRequest)


@dataclass(frozen=True, slots=True)
class FindReturns:
    customer_id: OrganizationId | None = None
    order_id: OrderId | None = None
    status: tuple[ReturnStatus, ...] = ()
    page: PageRequest = field(default_factory=PageRequest)


async def get_shipment(reader: Reader, actor: Actor, shipment_id: ShipmentId) -> Shipment:
    actor.require(permissions.SHIPMENTS_READ)
    return await reader.fetch(shipment_store.by_id(shipment_id))


async def find_shipments(reader: Reader, actor: Actor, command: FindShipments) -> Page[Shipment]:
    actor.require(permissions.SHIPMENTS_READ)
    found = await reader.fetch(shipment_store.find(_reach(actor, command), command.page))
    return page_of(found, command.page.limit, lambda one: (one.created_at, one.id))


async def get_return(reader: Reader, actor: Actor, return_id: ReturnId) -> Return:
    actor.require(permissions.RETURNS_READ)
    return await reader.fetch(return_store.by_id(return_id))


async def find_returns(reader: Reader, actor: Actor, command: FindReturns) -> Page[Return]:
    actor.require(permissions.RETURNS_READ)
    found = await reader.fetch(return_store.find(_reach(actor, command), command.page))
    return page_of(found, command.page.limit, lambda one: (one.created_at, one.id))


def _reach(actor: Actor, wanted: FindShipments | FindReturns) -> Reach:
    whole_tenant = actor.organization_id == actor.tenant_id
    status = tuple(status.value for status in wanted.status)
    return Reach(whole_tenant, wanted.customer_id, wanted.order_id, status)
