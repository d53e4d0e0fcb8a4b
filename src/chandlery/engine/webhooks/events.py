"""What can happen to an endpoint. No event tells its URL: there may be a secret in it."""

from __future__ import annotations

from dataclasses import dataclass

from chandlery.engine.event_stream.catalogue import EventType

WEBHOOK_ADDED = "webhook.added"
WEBHOOK_CHANGED = "webhook.changed"
WEBHOOK_SECRET_ROTATED = "webhook.secret_rotated"  # noqa: S105 - the name of an event
WEBHOOK_DELETED = "webhook.deleted"
WEBHOOK_DISABLED = "webhook.disabled"


@dataclass(frozen=True, slots=True)
class EndpointData:
    events: list[str]
    enabled: bool


@dataclass(frozen=True, slots=True)
class RotationData:
    previous_valid_until: str | None


@dataclass(frozen=True, slots=True)
class DisabledData:
    reason: str


@dataclass(frozen=True, slots=True)
class NoData:
    pass


EVENT_TYPES = (
    EventType(WEBHOOK_ADDED, "A webhook endpoint was registered.", EndpointData),
    EventType(
        WEBHOOK_CHANGED, "A webhook endpoint was changed, enabled or disabled by somebody.", EndpointData
    ),
    EventType(WEBHOOK_SECRET_ROTATED, "A webhook endpoint got a new secret.", RotationData),
    EventType(WEBHOOK_DELETED, "A webhook endpoint was deleted, and its log with it.", NoData),
    EventType(
        WEBHOOK_DISABLED,
        "A webhook endpoint is called no more: it said that it is gone, or failed for days.",
        DisabledData,
    ),
)
