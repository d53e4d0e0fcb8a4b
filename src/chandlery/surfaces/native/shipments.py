"""Shipments: pieces of lines on their way, planned, packed, labelled, sent off and delivered."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from chandlery.kernel.ids import LineId, OrderId, OrganizationId, ShipmentId
from chandlery.ordering import parcels, shipments
from chandlery.ordering.errors import ShipmentUnknown
from chandlery.ordering.shipment import Shipment, ShipmentItem, ShipmentStatus, Waybill
from chandlery.processes import ship_lines
from chandlery.surfaces.http.call import Call
from chandlery.surfaces.http.decoding import Body, Moment
from chandlery.surfaces.http.route import Reply
from chandlery.surfaces.native.dialect import PageQuery, page_reply
from chandlery.surfaces.native.fields import Attributes, Id, any_of
from chandlery.surfaces.native.postal import PostalBody, postal, postal_body


class ShipmentItemBody(msgspec.Struct, kw_only=True):
    order_id: UUID
    line_id: UUID
    quantity: int
    serial_numbers: list[str]


class ShipmentBody(msgspec.Struct, kw_only=True):
    """Planned pieces are in no other shipment; dispatched ones move their lines. No `supplier_id`: the seller ships."""

    id: UUID
    number: str
    status: ShipmentStatus
    customer_id: UUID
    seller_id: UUID | None
    supplier_id: UUID | None
    items: list[ShipmentItemBody]
    carrier: str | None
    service: str | None
    packages: int
    tracking_number: str | None
    tracking_url: str | None
    delivery_note_number: str | None
    from_address: PostalBody | None
    to_address: PostalBody | None
    attributes: Attributes
    expected_at: datetime | None
    dispatched_at: datetime | None
    delivered_at: datetime | None
    created_at: datetime
    version: int


class NewShipmentItem(Body):
    """So many pieces of a line, and a serial number for each that has one."""

    order_id: Id
    line_id: Id
    quantity: Annotated[int, Meta(ge=1, le=1_000_000_000, examples=[2])]
    serial_numbers: Annotated[list[str], Meta(max_length=1000)] = msgspec.field(default_factory=list)


Items = Annotated[list[NewShipmentItem], Meta(max_length=500)]
Carrier = Annotated[str, Meta(examples=["Parcel Express"])]
Service = Annotated[str, Meta(examples=["overnight"])]
TrackingNumber = Annotated[str, Meta(examples=["PX123456789"])]
Url = Annotated[str, Meta(examples=["https://parcels.example/PX123456789"])]
Packages = Annotated[int, Meta(ge=1, le=100_000)]


class NewShipment(Body):
    """Reserves pieces, of one or several orders of the customer; dispatch it once it has left."""

    customer_id: Id
    items: Items = msgspec.field(default_factory=list)
    supplier_id: Annotated[Id, Meta(description="The lines' own supplier unless given.")] | None = None
    carrier: Carrier | None = None
    service: Service | None = None
    packages: Packages = 1
    tracking_number: TrackingNumber | None = None
    tracking_url: Url | None = None
    delivery_note_number: str | None = None
    from_address: PostalBody | None = None
    to_address: PostalBody | None = None
    expected_at: Moment | None = None
    attributes: Attributes = msgspec.field(default_factory=dict)

    def waybill(self) -> Waybill:
        return Waybill(
            self.carrier,
            self.service,
            self.packages,
            self.tracking_number,
            self.tracking_url,
            self.delivery_note_number,
            postal(self.from_address),
            postal(self.to_address),
            self.expected_at,
        )


class ShipmentChange(Body):
    """What is left out stays, an empty text goes; items (before it has left) are replaced as a whole."""

    items: Items | None = None
    carrier: Carrier | None = None
    service: Service | None = None
    packages: Packages | None = None
    tracking_number: TrackingNumber | None = None
    tracking_url: Url | None = None
    delivery_note_number: str | None = None
    from_address: PostalBody | None = None
    to_address: PostalBody | None = None
    expected_at: Moment | None = None
    attributes: Attributes | None = None

    def label(self) -> shipments.Label:
        return _label(self, tuple(Waybill.__dataclass_fields__))


class Departure(Body):
    dispatched_at: Annotated[Moment, Meta(description="Now unless given.")] | None = None
    carrier: Carrier | None = None
    tracking_number: TrackingNumber | None = None
    tracking_url: Url | None = None

    def label(self) -> shipments.Label:
        return _label(self, ("carrier", "tracking_number", "tracking_url"))


class Arrival(Body):
    delivered_at: Annotated[Moment, Meta(description="Now unless given.")] | None = None


class ShipmentQuery(PageQuery):
    customer_id: Id | None = None
    order_id: Id | None = None
    status: Annotated[
        list[str], Meta(description="Any of these; repeated, or parted by commas.", examples=[["dispatched"]])
    ] = msgspec.field(default_factory=list)


async def list_shipments(call: Call) -> Reply:
    query: ShipmentQuery = call.query
    command = parcels.FindShipments(
        OrganizationId(query.customer_id) if query.customer_id else None,
        OrderId(query.order_id) if query.order_id else None,
        any_of(ShipmentStatus, query.status, "status"),
        query.page(),
    )
    return page_reply(await call.read(parcels.find_shipments, command), shipment_body)


async def plan_shipment(call: Call, body: NewShipment) -> Reply:
    command = shipments.PlanShipment(
        OrganizationId(body.customer_id),
        _items(body.items),
        body.waybill(),
        OrganizationId(body.supplier_id) if body.supplier_id else None,
        body.attributes,
    )

    def planned(shipment: Shipment) -> Reply:
        reply = _reply(shipment)
        reply.location = call.url(f"/v1/shipments/{shipment.id}")
        return reply

    return await call.perform(shipments.plan_shipment, command, reply=planned)


async def get_shipment(call: Call) -> Reply:
    return _reply(await call.read(parcels.get_shipment, shipment_id(call)))


async def change_shipment(call: Call, body: ShipmentChange) -> Reply:
    items = None if body.items is None else _items(body.items)
    command = shipments.ChangeShipment(
        shipment_id(call), items, body.label(), body.attributes, call.expected_version
    )
    return await call.perform(shipments.change_shipment, command, reply=_reply)


async def dispatch_shipment(call: Call, body: Departure) -> Reply:
    command = ship_lines.DispatchShipment(
        shipment_id(call), body.dispatched_at, body.label(), call.expected_version
    )
    return await call.perform(ship_lines.dispatch, command, reply=_reply)


async def deliver_shipment(call: Call, body: Arrival) -> Reply:
    command = shipments.DeliverShipment(shipment_id(call), body.delivered_at, call.expected_version)
    return await call.perform(shipments.deliver_shipment, command, reply=_reply)


async def cancel_shipment(call: Call) -> Reply:
    command = shipments.CancelShipment(shipment_id(call), call.expected_version)
    return await call.perform(shipments.cancel_shipment, command, reply=_reply)


def shipment_id(call: Call) -> ShipmentId:
    return ShipmentId(call.id("shipment_id", missing=ShipmentUnknown))


def _label(body: ShipmentChange | Departure, names: tuple[str, ...]) -> shipments.Label:
    given = {name: value for name in names if (value := getattr(body, name)) is not None}
    return shipments.Label(
        {
            name: postal(value) if isinstance(value, PostalBody) else value or None
            for name, value in given.items()
        }
    )


def _items(given: list[NewShipmentItem]) -> list[ShipmentItem]:
    return [
        ShipmentItem(OrderId(one.order_id), LineId(one.line_id), one.quantity, tuple(one.serial_numbers))
        for one in given
    ]


def _reply(shipment: Shipment) -> Reply:
    return Reply(shipment_body(shipment), etag=shipment.version)


def shipment_body(shipment: Shipment) -> ShipmentBody:
    waybill = shipment.waybill
    return ShipmentBody(
        id=shipment.id,
        number=shipment.number,
        status=shipment.status,
        customer_id=shipment.customer_id,
        seller_id=shipment.seller_id,
        supplier_id=shipment.supplier_id,
        items=[
            ShipmentItemBody(
                order_id=item.order_id,
                line_id=item.line_id,
                quantity=item.quantity,
                serial_numbers=list(item.serial_numbers),
            )
            for item in shipment.items
        ],
        carrier=waybill.carrier,
        service=waybill.service,
        packages=waybill.packages,
        tracking_number=waybill.tracking_number,
        tracking_url=waybill.tracking_url,
        delivery_note_number=waybill.delivery_note_number,
        from_address=postal_body(waybill.from_address),
        to_address=postal_body(waybill.to_address),
        attributes=dict(shipment.attributes),
        expected_at=waybill.expected_at,
        dispatched_at=shipment.dispatched_at,
        delivered_at=shipment.delivered_at,
        created_at=shipment.created_at,
        version=shipment.version,
    )
