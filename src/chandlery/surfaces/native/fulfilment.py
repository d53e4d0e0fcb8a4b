"""Fulfilment: what waits at a vendor and why, and the vendors' answers that come later."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta

from chandlery.fulfilment import queries
from chandlery.fulfilment.callbacks import ReceivedCallback, receive
from chandlery.fulfilment.provisioning import Provisioning, State
from chandlery.kernel.ids import OrganizationId
from chandlery.surfaces.http.call import Call
from chandlery.surfaces.http.route import Reply
from chandlery.surfaces.native.dialect import PageQuery, page_reply
from chandlery.surfaces.native.fields import Id, any_of
from chandlery.surfaces.native.order_lines import line_id
from chandlery.surfaces.native.orders import order_id
from chandlery.surfaces.native.wiring import wired


class WaitingBody(msgspec.Struct, kw_only=True):
    """A line on its way through a vendor. `next_at` is when it is turned to again; null: a person has to decide."""

    order_id: UUID
    line_id: UUID
    customer_id: UUID
    provider: str
    reference: str
    vendor_reference: str | None
    state: State
    reason: str
    attempts: int
    next_at: datetime | None
    needs_operator: bool
    created_at: datetime


class LineFulfilmentBody(WaitingBody, kw_only=True):
    """The same of one line, done or not. `facts` is what the vendor told of it; `queries`: how often it was asked."""

    action: str
    queries: int
    sent_at: datetime | None
    facts: dict[str, Any]
    note: str


class WaitingQuery(PageQuery):
    customer_id: Id | None = None
    needs_operator: Annotated[bool, Meta(description="Only those that wait for a person.")] = False
    provider: Annotated[str, Meta(examples=["manual"])] | None = None
    state: Annotated[
        list[str], Meta(description="One or several, parted by commas.", examples=[["unknown"]])
    ] = msgspec.field(default_factory=list)


async def list_waiting(call: Call) -> Reply:
    query: WaitingQuery = call.query
    customer_id = OrganizationId(query.customer_id) if query.customer_id else None
    command = queries.FindWaiting(
        customer_id, query.needs_operator, query.provider, any_of(State, query.state, "state"), query.page()
    )
    return page_reply(await call.read(queries.find_waiting, command), _waiting)


async def get_line_fulfilment(call: Call) -> Reply:
    return Reply(_line(await call.read(queries.get_provisioning, (order_id(call), line_id(call)))))


async def receive_callback(call: Call, body: bytes) -> Reply:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in call.head.headers.items()}
    house = wired(call)
    await receive(house.engine, house.providers, ReceivedCallback(call.path["provider"], headers, body))
    return Reply()


def _waiting(found: Provisioning) -> WaitingBody:
    return WaitingBody(**_members(found))


def _line(found: Provisioning) -> LineFulfilmentBody:
    return LineFulfilmentBody(
        **_members(found),
        action=found.action,
        queries=found.queries,
        sent_at=found.sent_at if found.attempts else None,
        facts=dict(found.facts),
        note=found.note,
    )


def _members(found: Provisioning) -> dict[str, Any]:
    return {
        "order_id": found.order_id,
        "line_id": found.line_id,
        "customer_id": found.owner_id,
        "provider": found.provider,
        "reference": found.reference,
        "vendor_reference": found.vendor_reference,
        "state": found.state,
        "reason": found.reason,
        "attempts": found.attempts,
        "next_at": found.next_at,
        "needs_operator": found.needs_operator,
        "created_at": found.created_at,
    }
