"""Webhook endpoints, the log of what was sent to them, and sending again."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from chandlery.engine.webhooks import endpoints, redelivery
from chandlery.engine.webhooks.delivery import Delivery, DeliveryStatus
from chandlery.engine.webhooks.endpoint import DisabledReason, Endpoint, EndpointId, NewSecret
from chandlery.engine.webhooks.errors import DeliveryUnknown, EndpointUnknown
from chandlery.kernel.ids import EventId, OrganizationId
from chandlery.surfaces.http.call import Call
from chandlery.surfaces.http.decoding import Body, Moment
from chandlery.surfaces.http.route import Reply
from chandlery.surfaces.native.dialect import PageQuery, page_reply
from chandlery.surfaces.native.fields import Id, parted
from chandlery.surfaces.native.wiring import wired

Url = Annotated[
    str,
    Meta(description="Absolute, https, at a public address.", examples=["https://shop.example.com/hooks"]),
]
Filters = Annotated[
    list[str], Meta(description="Types, all types of a noun, or everything.", examples=[["order.*"]])
]
Types = Annotated[
    list[str],
    Meta(description="Types such as `order.submitted` or `order.*`; repeated, or parted by commas."),
]
Description = Annotated[str, Meta(examples=["The shop's order desk"])]


class WebhookBody(msgspec.Struct, kw_only=True):
    """`disabled_reason` is `asked` by somebody, `gone` (it answered 410) or `failing` for days."""

    id: UUID
    organization_id: UUID
    url: str
    events: list[str]
    description: str
    enabled: bool
    disabled_reason: DisabledReason | None
    failing_since: datetime | None
    previous_secret_until: datetime | None
    created_at: datetime
    version: int


class WebhookWithSecret(WebhookBody, kw_only=True):
    """`secret` is shown here and nowhere else."""

    secret: str


class NewWebhook(Body):
    """An endpoint of your own organisation, unless another is given; it is told of that one and of those below it."""

    url: Url
    events: Filters = msgspec.field(default_factory=lambda: ["*"])
    description: Description = ""
    organization_id: Id | None = None


class WebhookChange(Body):
    """What is left out stays. Enabled again, it is sent what has waited, and not what happened meanwhile."""

    url: Url | None = None
    events: Filters | None = None
    description: Description | None = None
    enabled: bool | None = None


class WebhookSecretRotation(Body):
    """For how long messages are signed with the old secret too; 0 when that has leaked."""

    overlap_seconds: Annotated[int, Meta(examples=[86400])] = endpoints.OVERLAP_SECONDS


class WebhookQuery(PageQuery):
    organization_id: Id | None = None


class DeliveryBody(msgspec.Struct, kw_only=True):
    """One event for this endpoint; the figures and the response are those of the last attempt."""

    webhook_id: UUID
    event_id: UUID
    event_type: str
    subject_id: UUID
    status: DeliveryStatus
    attempts: int
    next_attempt_at: datetime | None
    last_attempt_at: datetime | None
    duration_ms: int | None
    response_status: int | None
    response_body: str | None
    error: str | None
    created_at: datetime


class DeliveryQuery(PageQuery):
    status: DeliveryStatus | None = None
    types: Types = msgspec.field(default_factory=list)


class RangeAgain(Body):
    """All of a time range that the endpoint wants, what it missed while disabled too; or only what was given up."""

    since: Annotated[Moment, Meta(examples=["2026-11-20T00:00:00Z"])]
    until: Annotated[Moment, Meta(description="Exclusive.", examples=["2026-11-21T00:00:00Z"])]
    types: Filters = msgspec.field(default_factory=lambda: ["*"])
    failed_only: bool = False


class QueuedBody(msgspec.Struct, kw_only=True):
    """How many deliveries were queued."""

    queued: int


async def list_webhooks(call: Call) -> Reply:
    query: WebhookQuery = call.query
    of = OrganizationId(query.organization_id) if query.organization_id else None
    found = await call.read(endpoints.find_endpoints, endpoints.FindEndpoints(of, query.page()))
    return page_reply(found, _body)


async def add_webhook(call: Call, body: NewWebhook) -> Reply:
    command = endpoints.RegisterEndpoint(
        body.url,
        tuple(body.events),
        body.description,
        OrganizationId(body.organization_id) if body.organization_id else None,
    )

    def added(new: NewSecret) -> Reply:
        return _with_secret(new, location=call.url(f"/v1/webhooks/{new.endpoint.id}"))

    return await call.perform(wired(call).webhooks.register, command, reply=added)


async def get_webhook(call: Call) -> Reply:
    return _reply(await call.read(endpoints.get_endpoint, _id(call)))


async def change_webhook(call: Call, body: WebhookChange) -> Reply:
    command = endpoints.ChangeEndpoint(
        _id(call),
        body.url,
        None if body.events is None else tuple(body.events),
        body.description,
        body.enabled,
        call.expected_version,
    )
    return await call.perform(wired(call).webhooks.change, command, reply=_reply)


async def delete_webhook(call: Call) -> Reply:
    return await call.perform(endpoints.delete_endpoint, _id(call), reply=lambda _: Reply())


async def rotate_webhook_secret(call: Call, body: WebhookSecretRotation) -> Reply:
    command = endpoints.RotateSecret(_id(call), body.overlap_seconds)
    return await call.perform(wired(call).webhooks.rotate_secret, command, reply=_with_secret)


async def list_deliveries(call: Call) -> Reply:
    query: DeliveryQuery = call.query
    types = parted(query.types) or ("*",)
    command = redelivery.FindDeliveries(_id(call), query.status, types, query.page())
    return page_reply(await call.read(redelivery.find_deliveries, command), _delivery)


async def get_delivery(call: Call) -> Reply:
    command = redelivery.GetDelivery(_id(call), _event_id(call))
    return Reply(_delivery(await call.read(redelivery.get_delivery, command)))


async def redeliver(call: Call) -> Reply:
    command = redelivery.Redeliver(_id(call), _event_id(call))
    return await call.perform(
        wired(call).redelivery.redeliver, command, reply=lambda delivery: Reply(_delivery(delivery))
    )


async def redeliver_range(call: Call, body: RangeAgain) -> Reply:
    command = redelivery.RedeliverRange(
        _id(call), body.since, body.until, tuple(body.types), body.failed_only
    )
    return await call.perform(
        wired(call).redelivery.redeliver_range, command, reply=lambda count: Reply(QueuedBody(queued=count))
    )


def _id(call: Call) -> EndpointId:
    return EndpointId(call.id("webhook_id", missing=EndpointUnknown))


def _event_id(call: Call) -> EventId:
    return EventId(call.id("event_id", missing=DeliveryUnknown))


def _reply(endpoint: Endpoint) -> Reply:
    return Reply(_body(endpoint), etag=endpoint.version)


def _body(endpoint: Endpoint) -> WebhookBody:
    return WebhookBody(
        id=endpoint.id,
        organization_id=endpoint.organization_id,
        url=endpoint.url,
        events=list(endpoint.events),
        description=endpoint.description,
        enabled=endpoint.enabled,
        disabled_reason=endpoint.disabled_reason,
        failing_since=endpoint.failing_since,
        previous_secret_until=endpoint.previous_secret_until,
        created_at=endpoint.created_at,
        version=endpoint.version,
    )


def _with_secret(new: NewSecret, location: str | None = None) -> Reply:
    body = WebhookWithSecret(**msgspec.structs.asdict(_body(new.endpoint)), secret=new.secret)
    return Reply(body, etag=new.endpoint.version, location=location)


def _delivery(delivery: Delivery) -> DeliveryBody:
    return DeliveryBody(
        webhook_id=delivery.endpoint_id,
        event_id=delivery.event_id,
        event_type=delivery.event_type,
        subject_id=delivery.subject_id,
        status=delivery.status,
        attempts=delivery.attempts,
        next_attempt_at=delivery.next_attempt_at,
        last_attempt_at=delivery.last_attempt_at,
        duration_ms=delivery.duration_ms,
        response_status=delivery.response_status,
        response_body=delivery.response_body,
        error=delivery.error,
        created_at=delivery.created_at,
    )
