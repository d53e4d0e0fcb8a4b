"""Orders: drafts, checking out, cancelling, reading, and what happened."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta

from chandlery.catalog.offers import PlanRef
from chandlery.kernel.ids import ChannelId, OrderId, OrganizationId, PlanId
from chandlery.ordering import drafts, queries
from chandlery.ordering.errors import OrderUnknown
from chandlery.ordering.line import Line, LinePrice
from chandlery.ordering.order import Order
from chandlery.ordering.status import LineStatus, OrderStatus, WaitingFor
from chandlery.processes import cancel_order as cancelling
from chandlery.processes.cancel_order import Cancel
from chandlery.processes.checkout import Submit, checkout
from chandlery.surfaces.http.call import Call
from chandlery.surfaces.http.decoding import Body, Moment
from chandlery.surfaces.http.route import Reply
from chandlery.surfaces.native.approval_state import ApprovalBody, approval_body
from chandlery.surfaces.native.dialect import PageQuery, page_reply
from chandlery.surfaces.native.fields import (
    Attributes,
    Characteristics,
    Currency,
    CustomFieldValues,
    Id,
    Quantity,
    Sku,
    any_of,
)

LifeInDays = Annotated[int, Meta(ge=1, le=3660, examples=[7])]
PoNumber = Annotated[str, Meta(description="The buyer's own number.", examples=["PO-4711"])]


class PriceBody(msgspec.Struct):
    """What one unit costs for a billing period, and what the quantity comes to in minor units of the currency."""

    rate: Decimal
    amount_minor: int


class LineBody(msgspec.Struct):
    """`price` is what you charge (charging nobody: pay), `cost` what you pay; `reason` and `due` tell why it waits."""

    id: UUID
    position: int
    action: str
    plan_id: UUID
    plan_code: str
    sku: str
    name: str
    quantity: int
    unit: str
    term: str
    billing_cycle: str
    charge: str
    characteristics: Characteristics
    status: LineStatus
    reason: str | None
    waiting_for: WaitingFor | None
    due: datetime | None
    subscription_id: UUID | None
    price: PriceBody | None
    cost: PriceBody | None
    custom_fields: dict[str, Any]


class TotalsBody(msgspec.Struct):
    """The sums of the lines' prices and costs for one billing period of each."""

    currency: str
    net_minor: int
    cost_minor: int | None


class OrderBody(msgspec.Struct):
    id: UUID
    number: str
    status: OrderStatus
    customer_id: UUID
    seller_id: UUID | None
    placed_by: UUID
    channel_id: UUID | None
    po_number: str | None
    currency: str
    attributes: Attributes
    lines: list[LineBody]
    totals: TotalsBody
    expires_at: datetime | None
    created_at: datetime
    submitted_at: datetime | None
    completed_at: datetime | None
    version: int
    custom_fields: dict[str, Any]
    approval: ApprovalBody | None


class NewLine(Body):
    """So many of a plan, which is named by `sku` or by `plan_id`."""

    quantity: Quantity
    sku: Sku | None = None
    plan_id: Annotated[Id, Meta(description="Where a SKU has several plans.")] | None = None
    characteristics: Characteristics = msgspec.field(default_factory=dict)
    custom_fields: CustomFieldValues = msgspec.field(default_factory=dict)

    @property
    def ref(self) -> PlanRef:
        return PlanRef(None if self.plan_id is None else PlanId(self.plan_id), self.sku)

    def request(self) -> drafts.LineRequest:
        return drafts.LineRequest(self.ref, self.quantity, self.characteristics, self.custom_fields)


class NewOrder(Body):
    """A draft, with any number of lines at once."""

    customer_id: Id
    currency: Annotated[Currency, Meta(description="The customer's own unless given.")] | None = None
    po_number: PoNumber | None = None
    lines: list[NewLine] = msgspec.field(default_factory=list)
    attributes: Attributes = msgspec.field(default_factory=dict)
    expires_in_days: LifeInDays = drafts.DRAFT_LIFETIME.days
    custom_fields: CustomFieldValues = msgspec.field(default_factory=dict)
    channel_id: (
        Annotated[Id, Meta(description="One of the seller's; its default one unless given.")] | None
    ) = None


class OrderChange(Body):
    """What is left out stays. An empty PO number goes; attributes are replaced by namespace, an empty one goes."""

    po_number: PoNumber | None = None
    attributes: Attributes | None = None
    custom_fields: CustomFieldValues | None = None


class Cancellation(Body):
    reason: Annotated[str, Meta(examples=["Ordered twice"])] | None = None


class OrderQuery(PageQuery):
    number: Annotated[str, Meta(examples=["SO1000001"])] | None = None
    status: Annotated[
        list[str], Meta(description="Any of these; repeated, or parted by commas.", examples=[["submitted"]])
    ] = msgspec.field(default_factory=list)
    customer_id: Id | None = None
    channel_id: (
        Annotated[Id, Meta(description="Its seller's orders that name none are among the default's.")] | None
    ) = None
    po_number: PoNumber | None = None
    created_from: Moment | None = None
    created_until: Annotated[Moment, Meta(description="Exclusive.")] | None = None


class OrderEvent(msgspec.Struct, kw_only=True):
    """Something that happened to an order: when, who did it for which organisation through which API, and the facts."""

    id: UUID
    type: str
    timestamp: datetime
    principal: str
    organization_id: UUID
    surface: str
    data: dict[str, Any]


async def list_orders(call: Call) -> Reply:
    query: OrderQuery = call.query
    wanted = queries.OrderFilter(
        number=query.number,
        status=any_of(OrderStatus, query.status, "status"),
        customer_id=OrganizationId(query.customer_id) if query.customer_id else None,
        channel_id=ChannelId(query.channel_id) if query.channel_id else None,
        po_number=query.po_number,
        created_from=query.created_from,
        created_until=query.created_until,
    )
    found = await call.read(queries.find_orders, queries.FindOrders(wanted, query.page()))
    viewer = call.actor.organization_id
    return page_reply(found, lambda order: order_body(order, viewer))


async def open_order(call: Call, body: NewOrder) -> Reply:
    command = drafts.OpenDraft(
        OrganizationId(body.customer_id),
        body.currency,
        body.po_number,
        [line.request() for line in body.lines],
        body.attributes,
        timedelta(days=body.expires_in_days),
        body.custom_fields,
        ChannelId(body.channel_id) if body.channel_id else None,
    )
    return await call.perform(drafts.open_draft, command, reply=lambda order: opened(call, order))


def opened(call: Call, order: Order) -> Reply:
    """A new draft, and where it is from now on."""
    reply = order_reply(call, order)
    reply.location = call.url(f"/v1/orders/{order.id}")
    return reply


async def get_order(call: Call) -> Reply:
    return order_reply(call, await call.read(queries.get_order, order_id(call)))


async def change_order(call: Call, body: OrderChange) -> Reply:
    command = drafts.ChangeDraft(
        order_id(call), body.po_number, body.attributes, call.expected_version, body.custom_fields
    )
    return await call.perform(drafts.change_draft, command, reply=lambda order: order_reply(call, order))


async def delete_order(call: Call) -> Reply:
    command = drafts.DeleteDraft(order_id(call), call.expected_version)
    return await call.perform(drafts.delete_draft, command, reply=lambda _: Reply())


async def checkout_order(call: Call) -> Reply:
    command = Submit(order_id(call), call.expected_version)
    return await call.perform(checkout, command, reply=lambda order: order_reply(call, order))


async def cancel_order(call: Call, body: Cancellation) -> Reply:
    command = Cancel(order_id(call), body.reason, call.expected_version)
    return await call.perform(cancelling.cancel_order, command, reply=lambda order: order_reply(call, order))


async def list_order_events(call: Call) -> Reply:
    query: PageQuery = call.query
    found = await call.read(queries.history, queries.OrderHistory(order_id(call), query.page()))
    return page_reply(found, _event)


def order_id(call: Call) -> OrderId:
    return OrderId(call.id("order_id", missing=OrderUnknown))


def order_reply(call: Call, order: Order) -> Reply:
    """The order as the caller's organisation sees it; a preview has no version that anybody could come back with."""
    body = order_body(order, call.actor.organization_id)
    return Reply(body, etag=None if call.dry_run else order.version)


def order_body(order: Order, viewer: OrganizationId) -> OrderBody:
    totals = order.totals(viewer)
    cost = totals.cost
    return OrderBody(
        order.id,
        order.number,
        order.status,
        order.customer_id,
        order.seller_id,
        order.placed_by,
        order.channel_id,
        order.po_number,
        order.currency,
        order.attributes,  # type: ignore[arg-type]  # a Mapping that is not ours to copy; it is only encoded
        [_line(line, viewer) for line in order.lines],
        TotalsBody(order.currency, totals.price.minor, None if cost is None else cost.minor),
        order.expires_at,
        order.created_at,
        order.submitted_at,
        order.completed_at,
        order.version,
        order.custom_fields,  # type: ignore[arg-type]  # as above
        approval_body(order.approval, viewer),
    )


def _line(line: Line, viewer: OrganizationId) -> LineBody:
    return LineBody(
        line.id,
        line.position,
        line.action,
        line.plan_id,
        line.plan_code,
        line.sku_code,
        line.name,
        line.quantity,
        line.unit,
        line.term,
        line.billing_cycle,
        line.charge,
        line.characteristics,  # type: ignore[arg-type]  # as above
        line.status,
        line.reason,
        line.waiting_for,
        line.due,
        line.subscription_id,
        _price(line.price(viewer)),
        _price(line.cost(viewer)),
        line.custom_fields,  # type: ignore[arg-type]  # as above
    )


def _price(price: LinePrice | None) -> PriceBody | None:
    return None if price is None else PriceBody(price.rate, price.amount_minor)


def _event(entry: queries.Entry) -> OrderEvent:
    return OrderEvent(
        id=entry.id,
        type=entry.type,
        timestamp=entry.at,
        principal=entry.principal,
        organization_id=entry.organization_id,
        surface=entry.surface,
        data=dict(entry.data),
    )
