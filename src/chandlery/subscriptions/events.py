"""What can happen to a subscription, for the event catalogue."""

from __future__ import annotations

from dataclasses import dataclass

from chandlery.engine.event_stream.catalogue import EventType


@dataclass(frozen=True, slots=True)
class Activated:
    order_id: str
    line_id: str
    plan_code: str
    quantity: int


@dataclass(frozen=True, slots=True)
class QuantityChanged:
    order_id: str
    quantity: int
    quantity_before: int


EVENT_TYPES = (
    EventType("subscription.activated", "A fulfilled line has become a subscription.", Activated),
    EventType("subscription.changed", "A fulfilled line has changed a subscription.", QuantityChanged),
)
