"""Subscriptions: what customers keep, and until when."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec

from chandlery.kernel.ids import OrganizationId, SubscriptionId
from chandlery.subscriptions import queries
from chandlery.subscriptions.errors import SubscriptionUnknown
from chandlery.subscriptions.subscription import Status, Subscription
from chandlery.surfaces.http.call import Call
from chandlery.surfaces.http.route import Reply
from chandlery.surfaces.native.dialect import PageQuery, page_reply
from chandlery.surfaces.native.fields import Id


class SubscriptionBody(msgspec.Struct, kw_only=True):
    """`order_id` and `line_id` are what it came of; without `term_ends_at` it runs until somebody ends it."""

    id: UUID
    customer_id: UUID
    status: Status
    plan_id: UUID
    plan_code: str
    name: str
    quantity: int
    term: str
    billing_cycle: str
    provider: str
    vendor_reference: str
    auto_renew: bool
    started_at: datetime
    term_ends_at: datetime | None
    order_id: UUID
    line_id: UUID
    created_at: datetime
    version: int


class SubscriptionQuery(PageQuery):
    customer_id: Id | None = None
    status: Status | None = None


async def list_subscriptions(call: Call) -> Reply:
    query: SubscriptionQuery = call.query
    customer_id = OrganizationId(query.customer_id) if query.customer_id else None
    command = queries.FindSubscriptions(customer_id, query.status, query.page())
    return page_reply(await call.read(queries.find_subscriptions, command), _body)


async def get_subscription(call: Call) -> Reply:
    subscription_id = SubscriptionId(call.id("subscription_id", missing=SubscriptionUnknown))
    found = await call.read(queries.get_subscription, subscription_id)
    return Reply(_body(found), etag=found.version)


def _body(found: Subscription) -> SubscriptionBody:
    return SubscriptionBody(
        id=found.id,
        customer_id=found.customer_id,
        status=found.status,
        plan_id=found.plan_id,
        plan_code=found.plan_code,
        name=found.name,
        quantity=found.quantity,
        term=found.term,
        billing_cycle=found.billing_cycle,
        provider=found.provider,
        vendor_reference=found.vendor_reference,
        auto_renew=found.auto_renew,
        started_at=found.started_at,
        term_ends_at=found.term_ends_at,
        order_id=found.order_id,
        line_id=found.line_id,
        created_at=found.created_at,
        version=found.version,
    )
