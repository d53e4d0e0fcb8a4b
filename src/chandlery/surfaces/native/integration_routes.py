"""Route table: what programs of others follow and are told. Part of `routes.py`."""

from __future__ import annotations

from chandlery.identity import permissions as p
from chandlery.surfaces.native import bulk, events, webhooks
from chandlery.surfaces.native.dialect import PageBody, PageQuery
from chandlery.surfaces.native.table import to as _to

_ONCE_ONLY = "The secret is in no other answer, so this takes no Idempotency-Key: a repetition makes another."

# fmt: off
ROUTES = (
    _to("GET", "/v1/events", events.list_events, p.EVENTS_READ, "What happened, as a stream without gaps",
        description="For others to follow: what is committed late is not skipped. With `Accept: text/event-stream` the "
        "events come as they happen, from now on or from behind `Last-Event-ID`.",
        query=events.StreamQuery, reply=events.StreamBody),
    _to("GET", "/v1/event-types", events.list_event_types, p.EVENTS_READ, "What can happen, and how it is told",
        reply=events.EventTypesBody),

    _to("GET", "/v1/webhooks", webhooks.list_webhooks, p.WEBHOOKS_READ,
        "Webhook endpoints of an organisation, oldest first",
        query=webhooks.WebhookQuery, reply=PageBody[webhooks.WebhookBody]),
    _to("POST", "/v1/webhooks", webhooks.add_webhook, p.WEBHOOKS_WRITE, "Have an endpoint told what happens",
        status=201, description=f"As Standard Webhooks describes. {_ONCE_ONLY}", once=False,
        body=webhooks.NewWebhook, reply=webhooks.WebhookWithSecret),
    _to("GET", "/v1/webhooks/{webhook_id}", webhooks.get_webhook, p.WEBHOOKS_READ, "A webhook endpoint",
        reply=webhooks.WebhookBody),
    _to("PATCH", "/v1/webhooks/{webhook_id}", webhooks.change_webhook, p.WEBHOOKS_WRITE,
        "Change, disable or enable a webhook endpoint", body=webhooks.WebhookChange, reply=webhooks.WebhookBody),
    _to("DELETE", "/v1/webhooks/{webhook_id}", webhooks.delete_webhook, p.WEBHOOKS_WRITE,
        "Delete a webhook endpoint and its log", status=204),
    _to("POST", "/v1/webhooks/{webhook_id}/rotate-secret", webhooks.rotate_webhook_secret, p.WEBHOOKS_WRITE,
        "Give a webhook endpoint a new secret", description=_ONCE_ONLY, once=False,
        body=webhooks.WebhookSecretRotation, reply=webhooks.WebhookWithSecret),
    _to("GET", "/v1/webhooks/{webhook_id}/deliveries", webhooks.list_deliveries, p.WEBHOOKS_READ,
        "The log of an endpoint, newest first", query=webhooks.DeliveryQuery, reply=PageBody[webhooks.DeliveryBody]),
    _to("GET", "/v1/webhooks/{webhook_id}/deliveries/{event_id}", webhooks.get_delivery, p.WEBHOOKS_READ,
        "How one event was delivered", reply=webhooks.DeliveryBody),
    _to("POST", "/v1/webhooks/{webhook_id}/deliveries/{event_id}/redeliver", webhooks.redeliver, p.WEBHOOKS_WRITE,
        "Send one event again", status=202, reply=webhooks.DeliveryBody),
    _to("POST", "/v1/webhooks/{webhook_id}/redeliver", webhooks.redeliver_range, p.WEBHOOKS_WRITE,
        "Send the events of a time range again", status=202, body=webhooks.RangeAgain, reply=webhooks.QueuedBody),

    _to("POST", "/v1/bulk", bulk.run_bulk, None, "Many requests in one call, with a result for each",
        description="Up to 25 are carried out at once and answered with their results. More, or all with `background`, "
        "are a job: 202, with a place to follow it. Every operation asks for its own permission.",
        body=bulk.Bulk, reply=bulk.BulkBody),
    _to("GET", "/v1/bulk", bulk.list_bulks, None, "Bulks of yours that are, or were, a job, newest first",
        query=PageQuery, reply=PageBody[bulk.BulkBody]),
    _to("GET", "/v1/bulk/{bulk_id}", bulk.get_bulk, None, "How far a bulk is",
        description="Told to nobody but the one who sent it; kept for a week.", reply=bulk.BulkBody),
    _to("GET", "/v1/bulk/{bulk_id}/results", bulk.list_bulk_results, None,
        "What came of the operations that are done, in their order",
        query=bulk.ResultsQuery, reply=PageBody[bulk.ResultBody]),
)
# fmt: on
