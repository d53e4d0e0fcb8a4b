"""Returns: what a customer sends back, why, and what is refunded for it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from chandlery.kernel.ids import LineId, OrderId, OrganizationId, ReturnId
from chandlery.ordering import parcels, returns
from chandlery.ordering.errors import ReturnUnknown
from chandlery.ordering.return_request import (
    Refund,
    RefundChoice,
    Return,
    ReturnItem,
    ReturnReason,
    ReturnStatus,
)
from chandlery.processes import take_back
from chandlery.surfaces.http.call import Call
from chandlery.surfaces.http.decoding import Body
from chandlery.surfaces.http.route import Reply
from chandlery.surfaces.native.dialect import PageQuery, page_reply
from chandlery.surfaces.native.fields import Attributes, Id, any_of

Reason = Annotated[ReturnReason, Meta(examples=["defect"])]
ReasonCode = Annotated[str, Meta(description="Your own finer code.", examples=["DEF010"])]
Note = Annotated[str, Meta(examples=["Does not switch on."])]
Minor = Annotated[int, Meta(ge=0, description="In minor units of the currency.", examples=[2990])]


class RefundBody(msgspec.Struct, kw_only=True):
    """What was paid for the pieces, and how much of it is refunded; null: not decided yet."""

    currency: str
    paid_minor: int
    refund_minor: int | None
    reduction_reason: str
    reduction_text: str


class ReturnItemBody(msgspec.Struct, kw_only=True):
    """`refund` is what you owe your buyer for it (owing nobody: are owed), `recovered` what you are owed in turn."""

    position: int
    line_id: UUID
    quantity: int
    serial_numbers: list[str]
    reason: ReturnReason
    reason_code: str
    note: str
    refund: RefundBody | None
    recovered: RefundBody | None


class ReturnBody(msgspec.Struct, kw_only=True):
    """`reason` is why it was rejected; pieces count as returned from `received_at` on."""

    id: UUID
    number: str
    status: ReturnStatus
    order_id: UUID
    customer_id: UUID
    seller_id: UUID | None
    requested_by: UUID
    items: list[ReturnItemBody]
    note: str
    reason: str
    attributes: Attributes
    created_at: datetime
    approved_at: datetime | None
    received_at: datetime | None
    refunded_at: datetime | None
    closed_at: datetime | None
    version: int


class NewReturnItem(Body):
    line_id: Id
    quantity: Annotated[int, Meta(ge=1, le=1_000_000_000, examples=[1])]
    reason: Reason
    reason_code: ReasonCode = ""
    note: Note = ""
    serial_numbers: Annotated[list[str], Meta(max_length=1000)] = msgspec.field(default_factory=list)


class NewReturn(Body):
    """Pieces of one order; a line may stand in several items, where its pieces come back for several reasons."""

    order_id: Id
    items: Annotated[list[NewReturnItem], Meta(max_length=500)]
    note: Note = ""
    attributes: Attributes = msgspec.field(default_factory=dict)


class Rejection(Body):
    reason: Annotated[str, Meta(examples=["The box had been opened."])] = ""


class Receipt(Body):
    restock: Annotated[bool, Meta(description="Put the pieces back on the shelf.")] = True


class RefundedItem(Body):
    """Less than was paid, and why; without `refund_minor` all of it."""

    position: Annotated[int, Meta(ge=1, examples=[1])]
    refund_minor: Minor | None = None
    reduction_reason: Annotated[str, Meta(examples=["used"])] = ""
    reduction_text: Annotated[str, Meta(examples=["Traces of use"])] = ""


class Refunds(Body):
    """All that was paid is refunded for every item that is not named here."""

    items: Annotated[list[RefundedItem], Meta(max_length=500)] = msgspec.field(default_factory=list)


class ReturnQuery(PageQuery):
    customer_id: Id | None = None
    order_id: Id | None = None
    status: Annotated[
        list[str], Meta(description="Any of these; repeated, or parted by commas.", examples=[["requested"]])
    ] = msgspec.field(default_factory=list)


async def list_returns(call: Call) -> Reply:
    query: ReturnQuery = call.query
    command = parcels.FindReturns(
        OrganizationId(query.customer_id) if query.customer_id else None,
        OrderId(query.order_id) if query.order_id else None,
        any_of(ReturnStatus, query.status, "status"),
        query.page(),
    )
    viewer = call.actor.organization_id
    found = await call.read(parcels.find_returns, command)
    return page_reply(found, lambda one: return_body(one, viewer))


async def request_return(call: Call, body: NewReturn) -> Reply:
    items = [
        ReturnItem(
            LineId(one.line_id),
            one.quantity,
            one.reason,
            one.reason_code,
            one.note,
            tuple(one.serial_numbers),
        )
        for one in body.items
    ]
    command = returns.RequestReturn(OrderId(body.order_id), items, body.note, body.attributes)

    def requested(asked: Return) -> Reply:
        reply = _reply(call, asked)
        reply.location = call.url(f"/v1/returns/{asked.id}")
        return reply

    return await call.perform(returns.request_return, command, reply=requested)


async def get_return(call: Call) -> Reply:
    return _reply(call, await call.read(parcels.get_return, return_id(call)))


def _moving(to: ReturnStatus, name: str) -> Callable[[Call], Awaitable[Reply]]:
    async def move(call: Call) -> Reply:
        command = returns.MoveReturn(return_id(call), to, "", call.expected_version)
        return await call.perform(returns.move_return, command, reply=lambda one: _reply(call, one))

    move.__name__ = name
    return move


approve_return = _moving(ReturnStatus.APPROVED, "approve_return")
complete_return = _moving(ReturnStatus.COMPLETED, "complete_return")
cancel_return = _moving(ReturnStatus.CANCELLED, "cancel_return")


async def reject_return(call: Call, body: Rejection) -> Reply:
    command = returns.MoveReturn(return_id(call), ReturnStatus.REJECTED, body.reason, call.expected_version)
    return await call.perform(returns.move_return, command, reply=lambda one: _reply(call, one))


async def receive_return(call: Call, body: Receipt) -> Reply:
    command = take_back.ReceiveReturn(return_id(call), body.restock, call.expected_version)
    return await call.perform(take_back.receive, command, reply=lambda one: _reply(call, one))


async def refund_return(call: Call, body: Refunds) -> Reply:
    choices = [
        RefundChoice(one.position, one.refund_minor, one.reduction_reason, one.reduction_text)
        for one in body.items
    ]
    command = returns.RefundReturn(return_id(call), choices, call.expected_version)
    return await call.perform(returns.refund_return, command, reply=lambda one: _reply(call, one))


def return_id(call: Call) -> ReturnId:
    return ReturnId(call.id("return_id", missing=ReturnUnknown))


def _reply(call: Call, found: Return) -> Reply:
    return Reply(return_body(found, call.actor.organization_id), etag=found.version)


def return_body(found: Return, viewer: OrganizationId) -> ReturnBody:
    return ReturnBody(
        id=found.id,
        number=found.number,
        status=found.status,
        order_id=found.order_id,
        customer_id=found.customer_id,
        seller_id=found.seller_id,
        requested_by=found.requested_by,
        items=[_item(item, viewer) for item in found.items],
        note=found.note,
        reason=found.reason,
        attributes=dict(found.attributes),
        created_at=found.created_at,
        approved_at=found.approved_at,
        received_at=found.received_at,
        refunded_at=found.refunded_at,
        closed_at=found.closed_at,
        version=found.version,
    )


def _item(item: ReturnItem, viewer: OrganizationId) -> ReturnItemBody:
    return ReturnItemBody(
        position=item.position,
        line_id=item.line_id,
        quantity=item.quantity,
        serial_numbers=list(item.serial_numbers),
        reason=item.reason,
        reason_code=item.reason_code,
        note=item.note,
        refund=_refund(item.issued(viewer)),
        recovered=_refund(item.recovered(viewer)),
    )


def _refund(refund: Refund | None) -> RefundBody | None:
    if refund is None:
        return None
    return RefundBody(
        currency=refund.currency,
        paid_minor=refund.paid_minor,
        refund_minor=refund.refund_minor,
        reduction_reason=refund.reduction_reason,
        reduction_text=refund.reduction_text,
    )
